"""Which causes an error text points at; their ids are public (contract, section 7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from unicodedata import normalize

from mailflow.exchange.catalogue import (
    BY_CODE,
    EVENTS,
    EXCHANGE_AUTH,
    GENERAL,
    LOG_TIMEOUT,
    OWN_CODES,
    PLAIN,
    TARGET,
    TELLING,
    WINSOCK,
    CatalogueEntry,
)
from mailflow.exchange.ehlo import offer
from mailflow.exchange.last_error import LastError, Level
from mailflow.exchange.pasted import Pasted, TextKind
from mailflow.exchange.windows_texts import socket_error

UNRECOGNISED = "unrecognised-error"

_LOOKED_AT = 20_000
"""Characters of a reply in which distinctive words are looked for; real ones are far shorter."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a text points at.

    Attributes:
        cause: the id where the text alone tells it; None where several causes share the text.
        candidates: every id the text may come from, best first; the cause itself stands first.
        says: what the text means, in one sentence; empty where it is not in the catalogue.
        speaker: who made the text up (`who_said_it`).
        facts: what that rests on.
        is_exchange_auth: the sender's own finding that it cannot sign in to the target (S5.01).
    """

    cause: str | None
    candidates: tuple[str, ...]
    says: str = ""
    speaker: str = ""
    facts: tuple[str, ...] = ()
    is_exchange_auth: bool = False


def explain(error: LastError, pasted: Pasted | None = None) -> Explanation:
    """What the innermost words, socket number and codes say, in that order (contract 8.6).

    A text that is empty or not in the catalogue is `unrecognised-error`, never guessed. A code that
    several texts share gives no cause, only candidates.

    Args:
        error: the reply.
        pasted: where it stood; None: it is the LastError of a queue.
    """
    if pasted is not None:
        if pasted.kind is TextKind.EHLO:
            return _of_ehlo(pasted.reply)
        if pasted.is_export and not pasted.reply:
            return Explanation(None, ())
    entry = _entry(error) if pasted is None else _entry_of(error, pasted)
    if entry is None:
        return Explanation(UNRECOGNISED, (UNRECOGNISED,))
    return Explanation(
        cause=entry.causes[0] if entry.decides else None,
        candidates=entry.causes,
        says=entry.says,
        speaker=entry.speaker,
        facts=entry.facts,
        is_exchange_auth=entry is EXCHANGE_AUTH,
    )


def who_said_it(error: LastError) -> str:
    """Who made the innermost text up: `the sender`, `the target` ...; empty where unknown.

    LastError says "responded with" of 5.7.3 as well, though the target never sends it (S5.01).
    """
    entry = _entry(error)
    return entry.speaker if entry else ""


def _entry_of(error: LastError, pasted: Pasted) -> CatalogueEntry | None:
    """The row that fits a text of another kind than LastError."""
    if (
        pasted.side == "receive"
        and pasted.spoken == ">"
        and (error.innermost.enhanced or "") == "4.4.1"
    ):
        return LOG_TIMEOUT
    found = _entry(error)
    if found is None and pasted.kind is TextKind.EVENT and _is_exchange(pasted.source):
        return EVENTS.get(pasted.event or 0)
    return found


def _is_exchange(source: str) -> bool:
    """Whether the number of an event is one of Exchange's own."""
    return source.casefold().startswith(("msexchange", "fipfs", "microsoft-filter"))


def _of_ehlo(reply: str) -> Explanation:
    """What the keywords of an EHLO reply leave open; it decides nothing (section 3.6)."""
    found = offer(reply)
    return Explanation(None, found.causes, found.says, TARGET, found.facts)


def _entry(error: LastError) -> CatalogueEntry | None:
    """The row of the catalogue that fits; words go before codes that several texts share."""
    inner = error.innermost
    words, around = _folded(inner.text), _folded(error.detail)
    codes = _codes(inner)
    found = _by_code(OWN_CODES, codes) or _first(TELLING, codes, words)
    if found:
        return found
    number = error.winsock if error.winsock in WINSOCK else socket_error(f"{words} {around}")
    if number is not None:
        return WINSOCK[number]
    for rows, text in ((TELLING, around), (PLAIN, words), (PLAIN, around), (GENERAL, words)):
        found = _first(rows, codes, text)
        if found:
            return found
    return _by_code(BY_CODE, codes)


def _by_code(rows: Iterable[CatalogueEntry], codes: frozenset[str]) -> CatalogueEntry | None:
    return next((row for row in rows if codes.intersection(row.codes)), None)


def _folded(text: str) -> str:
    """As fragments are written; accents in one character, whatever the editor made of them."""
    text = text[:_LOOKED_AT]
    return text.casefold() if text.isascii() else normalize("NFC", text).casefold()


def _first(
    rows: Iterable[CatalogueEntry], codes: frozenset[str], text: str
) -> CatalogueEntry | None:
    if not text:
        return None
    for row in rows:
        if row.codes and codes and not codes.intersection(row.codes):
            continue
        if row.needs_code and not codes:
            continue
        if any(fragment in text for fragment in row.fragments):
            return row
    return None


def _codes(inner: Level) -> frozenset[str]:
    """`451 5.7.3`, `451` and `5.7.3`, with a mistyped separator put right."""
    if not inner.codes:
        return frozenset()
    code, enhanced = inner.code or "", (inner.enhanced or "").replace("-", ".").replace(",", ".")
    return frozenset(filter(None, (code, enhanced, f"{code} {enhanced}".strip())))
