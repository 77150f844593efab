"""What `mailflow explain` answers: one text, as JSON for machines and in words for people."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from mailflow.checks.check import Card
from mailflow.checks.errors import NO_TEXT
from mailflow.checks.registry import CARDS as CAUSES
from mailflow.exchange.causes import UNRECOGNISED, Explanation, explain
from mailflow.exchange.commands import filled, split
from mailflow.exchange.last_error import LastError, Level, parse
from mailflow.exchange.pasted import Pasted, TextKind, recognise
from mailflow.plain import one_line, visible, wrap

_MARGIN = "  "
_QUOTE = "> "
_DASH = "- "
_NUMBER = re.compile(r"\d+\. ")
_MOST_TEXT = 1_000
"""Characters of a text or level that are shown; a reply of Exchange is far shorter."""
_MOST_LEVELS = 12
_IN_FULL = 3
"""Causes of which the meaning is told; further ones have their title only."""


HAND_OVER = "mailflow diagnose FILE"
"""The command that reads an export."""


@dataclass(frozen=True, slots=True)
class ExplainedText:
    """A text by its kind, its reply taken apart, and what that points at."""

    text: str
    pasted: Pasted
    error: LastError
    says: Explanation

    @property
    def host(self) -> str:
        """The server that the commands ask: a plain name or address, or nothing.

        Where a receive log or an event tells who wrote it, that is the server; else the host that
        answered. A text is hostile: nothing but a name or an address gets into a command.
        """
        named = [self.error.fqdn or "", self.error.ip or ""]
        if self.pasted.side == "receive":
            named.insert(0, self.pasted.host)
        elif self.pasted.kind is TextKind.EVENT:
            named.append(self.pasted.host)
        return next(filter(_PLAIN_HOST.fullmatch, named), "")

    @property
    def sender(self) -> str:
        """The server whose queue or send log it is, likewise."""
        is_sender = self.pasted.side == "send" or self.pasted.kind is TextKind.LIST
        own = self.pasted.host if is_sender else ""
        return own if _PLAIN_HOST.fullmatch(own) else ""

    @property
    def is_export(self) -> bool:
        """Whether it is an export without an error in it: another command reads that."""
        return self.pasted.is_export and not self.pasted.reply


_PLAIN_HOST = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?|(?=.*:)[0-9A-Fa-f:.]{2,45}"
)


def explained(text: str) -> ExplainedText:
    """A text of any kind: the kind first, then the reply in it, then what that points at."""
    pasted = recognise(text)
    error = parse(pasted.reply)
    return ExplainedText(text, pasted, error, explain(error, pasted))


def explain_text(text: str) -> dict[str, Any]:
    """The object of `explain --json` (contract, section 3); keys stand in its order.

    What the text does not hold is None; `cause` is None where several causes share the text, and
    `candidates` then names them, best first. An export has neither: `mailflow diagnose` reads it.
    """
    explained_text = explained(text)
    error, says = explained_text.error, explained_text.says
    ip, port = error.ip, error.port
    if explained_text.pasted.kind is TextKind.PROTOCOL and not (error.fqdn or ip or port):
        ip, port = explained_text.pasted.far_end
    return {
        "text": text,
        "outer_code": error.outer_code,
        "outer_enhanced": error.outer_enhanced,
        "inner_code": error.inner_code,
        "inner_enhanced": error.inner_enhanced,
        "inner_text": error.inner_text,
        "fqdn": error.fqdn,
        "ip": ip,
        "port": port,
        "winsock": error.winsock,
        "last_retry_time": error.last_retry_time,
        "chain": list(error.chain),
        "last_endpoint": error.last_endpoint,
        "cause": says.cause,
        "candidates": list(says.candidates),
    }


def told(text: ExplainedText, width: int = 80) -> str:
    """The same for a person: kind, the replies from the outside in, causes, what to look at.

    The text is hostile: control and bidirectional characters are written out, and no line is wider
    than `width` terminal cells (at least 20), but for commands: they are pasted, so they never
    wrap.
    """
    width = max(width, 20)
    error, says, pasted = text.error, text.says, text.pasted
    if text.is_export:
        return "\n\n".join(
            (
                _section("TEXT", [_kind(pasted)], width),
                _section(
                    "LOOK AT NEXT",
                    ["Check it as a whole, together with other exports:", HAND_OVER],
                    width,
                ),
            )
        )
    shown = pasted.reply if pasted.kind in _CUT and pasted.reply else text.text
    blocks = [
        _section("TEXT", [_kind(pasted)] if pasted.kind in _NAMED else [], width),
        _section("ERROR TEXT", _quoted(shown.strip(), width), width),
        _section("DECODED ERROR (OUTERMOST FIRST)", _levels(error) if error.chain else [], width),
        _section("WHERE AND WHEN", _place(text), width),
        _section("WHAT IT MEANS", _meaning(text), width),
        _section("CAUSE" if says.cause else "POSSIBLE CAUSES", _causes(says), width, hangs=True),
        _steps(_next(text), width),
    ]
    return "\n\n".join(filter(None, blocks))


_NAMED = frozenset(TextKind) - {TextKind.NOTHING, TextKind.LAST_ERROR, TextKind.OTHER}
_CUT = frozenset(
    {
        TextKind.REPORT,
        TextKind.MAIL,
        TextKind.EVENT,
        TextKind.PROTOCOL,
        TextKind.TRACKING,
        TextKind.CONNECTIVITY,
        TextKind.LIST,
    }
)
"""Kinds of which the reply is shown in place of the whole text."""


def _kind(pasted: Pasted) -> str:
    """What the text is: `This is a row of an SMTP protocol log, receive side, of EX16A`."""
    name = pasted.kind.value
    if pasted.side and pasted.kind is not TextKind.CONNECTIVITY:
        name = f"{name}, {pasted.side} side"
    if pasted.event is not None:
        name = f"{name}, number {pasted.event}"
    host = f", of {_inline(pasted.host)}" if pasted.host else ""
    return f"This is {name}{host}."


def _section(heading: str, lines: list[str], width: int, *, hangs: bool = False) -> str:
    """A heading and texts below it; `hangs`: further lines begin below the text behind a number."""
    folded = []
    for line in lines:
        number = _NUMBER.match(line) if hangs else None
        head = number[0] if number else ""
        first, *further = wrap(line.removeprefix(head), width - len(_MARGIN) - len(head))
        folded += [
            _MARGIN + head + first,
            *(f"{_MARGIN}{' ' * len(head)}{each}" for each in further),
        ]
    return "\n".join([*wrap(heading, width), *folded]) if lines else ""


def _quoted(text: str, width: int) -> list[str]:
    """A text as it was given; each line of several is marked, so that none looks like ours."""
    shown = _shown(text)
    if "\n" not in shown:
        return [shown or "(empty)"]
    return [f"{_QUOTE}{line}" for line in wrap(shown, width - len(_MARGIN) - len(_QUOTE))]


def _inline(text: str) -> str:
    """A piece of a text in a line of ours."""
    return one_line(_shown(text))


def _shown(text: str) -> str:
    """Safe to print, and not endless."""
    if len(text) <= _MOST_TEXT:
        return visible(text)
    return f"{visible(text[:_MOST_TEXT])} [{len(text) - _MOST_TEXT} more characters]"


def _levels(error: LastError) -> list[str]:
    levels = list(error.levels)
    if len(levels) > _MOST_LEVELS:
        skipped = len(levels) - _MOST_LEVELS
        half = _MOST_LEVELS // 2
        shown = [*map(_level, levels[:half]), f"[{skipped} more levels]"]
        return [*shown, *map(_level, levels[-half:])]
    return [_level(level) for level in levels]


def _level(level: Level) -> str:
    return " ".join(filter(None, (level.codes, _inline(level.text)))) or "(no words)"


def _place(text: ExplainedText) -> list[str]:
    error = text.error
    parts = (
        ("Host", error.fqdn),
        ("Address", error.ip),
        ("Last endpoint attempted", error.last_endpoint),
        ("Socket error", error.winsock),
        ("Last retry, as printed", error.last_retry_time),
    )
    lines = [f"{label}: {_inline(str(value))}" for label, value in parts if value is not None]
    if error.last_endpoint and error.ip and error.ip not in error.last_endpoint:
        lines.append(
            "With several targets, the error is that of the first; the endpoint is the last one."
        )
    return lines


def _meaning(text: ExplainedText) -> list[str]:
    says = text.says
    lines = [says.says] if says.says else [_unknown(text)]
    if says.speaker:
        lines.append(f"Reported by: {says.speaker}.")
    if says.is_exchange_auth:
        lines.append(
            "The target did not reject the sender. The sender found neither X-ANONYMOUSTLS nor "
            "X-EXPS in the EHLO response and gave up."
        )
    if not text.error.complete:
        lines.append("The text is cut off: what is missing may say something else.")
    if text.pasted.is_export:
        lines.append(f"It is part of an export. To check the whole export: {HAND_OVER}")
    return lines


def _unknown(text: ExplainedText) -> str:
    """Why a text points at nothing."""
    if text.pasted.kind is TextKind.NOTHING:
        return NO_TEXT
    if text.pasted.reply:
        return CAUSES[UNRECOGNISED].meaning
    return "It contains no error reply, so no cause is suggested."


def _causes(says: Explanation) -> list[str]:
    cards = [CAUSES[cause] for cause in says.candidates]
    if not cards or not says.says:
        return []
    if says.cause:
        first, *others = cards
        lines = [_card(first)]
        if others:
            lines.append("Possible root causes: " + ", ".join(card.id for card in others) + ".")
        return lines
    return [
        f"{place}. {_card(card) if place <= _IN_FULL else _headline(card)}"
        for place, card in enumerate(cards, 1)
    ]


def _card(card: Card) -> str:
    return f"{_headline(card)}. {card.meaning}"


def _headline(card: Card) -> str:
    return f"{card.title} ({card.id})"


def _next(text: ExplainedText) -> list[str]:
    """What decides between the candidates; of the likeliest one where they are many."""
    says = text.says
    lines = [step for each in says.candidates[:1] for step in next_checks(each, text)]
    if says.cause is None and len(says.candidates) > 1:
        lines.append("Compare all servers to find which cause it is: mailflow diagnose SOURCE")
    return lines


def _steps(steps: list[str], width: int) -> str:
    """Each step behind a dash; its command has a line of its own that never wraps."""
    lines = []
    for words, command in map(split, steps):
        said = wrap(words, width - len(_MARGIN) - len(_DASH)) if words else []
        said += [one_line(command)] if command else []
        heads = [_MARGIN + _DASH, *[" " * len(_MARGIN + _DASH)] * (len(said) - 1)]
        lines += [head + line for head, line in zip(heads, said, strict=True)]
    return "\n".join(["LOOK AT NEXT", *lines]) if lines else ""


def next_checks(cause: str, text: ExplainedText) -> list[str]:
    """What decides about a cause, a line each; what the text does not tell is left to fill in."""
    known = {"target": text.host, "sender": text.sender, "source": "SOURCE"}
    return [filled(step, known) for step in CAUSES[cause].confirm]
