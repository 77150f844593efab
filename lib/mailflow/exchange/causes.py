"""Which causes an error text points at; their ids are public (contract, section 7)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mailflow.exchange.catalogue import (
    BY_CODE,
    EXCHANGE_AUTH,
    GENERAL,
    PLAIN,
    TELLING,
    WINSOCK,
    CatalogueEntry,
)
from mailflow.exchange.last_error import LastError, Level

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
        is_exchange_auth: the sender's own finding that it cannot log on to the target (S5.01).
    """

    cause: str | None
    candidates: tuple[str, ...]
    says: str = ""
    speaker: str = ""
    facts: tuple[str, ...] = ()
    is_exchange_auth: bool = False


def explain(error: LastError) -> Explanation:
    """What the innermost words, socket number and codes say, in that order (contract, 8.6).

    A text that is empty or not in the catalogue is `unrecognised-error`, never guessed. A code that
    several texts share gives no cause, only candidates.
    """
    entry = _entry(error)
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


def _entry(error: LastError) -> CatalogueEntry | None:
    """The row of the catalogue that fits; the words first, the bare codes last."""
    inner = error.innermost
    words, around = inner.text[:_LOOKED_AT].casefold(), error.detail[:_LOOKED_AT].casefold()
    codes = _codes(inner)
    found = _first(TELLING, codes, words)
    if found:
        return found
    if error.winsock is not None and error.winsock in WINSOCK:
        return WINSOCK[error.winsock]
    for rows, text in ((TELLING, around), (PLAIN, words), (PLAIN, around), (GENERAL, words)):
        found = _first(rows, codes, text)
        if found:
            return found
    return next((row for row in BY_CODE if codes.intersection(row.codes)), None)


def _first(
    rows: Iterable[CatalogueEntry], codes: frozenset[str], text: str
) -> CatalogueEntry | None:
    if not text:
        return None
    for row in rows:
        if row.codes and codes and not codes.intersection(row.codes):
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
