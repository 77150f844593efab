"""What `mailflow explain` answers: one error text, as JSON for machines and in words for people."""

from __future__ import annotations

from typing import Any

from mailflow.checks.check import Card as Cause
from mailflow.checks.registry import CARDS as CAUSES
from mailflow.exchange.causes import Explanation, explain
from mailflow.exchange.last_error import LastError, Level, parse
from mailflow.plain import visible, wrap

_MARGIN = "  "
_MOST_TEXT = 1_000
"""Characters of a text or level that are shown; a reply of Exchange is far shorter."""
_MOST_LEVELS = 12
_IN_FULL = 3
"""Causes of which the meaning is told; further ones have their title only."""


def explain_text(text: str) -> dict[str, Any]:
    """The object of `explain --json` (contract, section 3); keys stand in its order.

    What the text does not hold is None; `cause` is None where several causes share the text, and
    `candidates` then names them, best first.
    """
    error = parse(text)
    says = explain(error)
    return {
        "text": error.text,
        "outer_code": error.outer_code,
        "outer_enhanced": error.outer_enhanced,
        "inner_code": error.inner_code,
        "inner_enhanced": error.inner_enhanced,
        "inner_text": error.inner_text,
        "fqdn": error.fqdn,
        "ip": error.ip,
        "port": error.port,
        "winsock": error.winsock,
        "last_retry_time": error.last_retry_time,
        "chain": list(error.chain),
        "last_endpoint": error.last_endpoint,
        "cause": says.cause,
        "candidates": list(says.candidates),
    }


def explain_words(text: str, width: int = 80) -> str:
    """The same for a person: the replies from the outside in, who spoke, causes, what to look at.

    The text is hostile: control and bidirectional characters are written out, and no line is wider
    than `width` terminal cells (at least 20).
    """
    width = max(width, 20)
    error = parse(text)
    says = explain(error)
    blocks = [
        _section("ERROR TEXT", [_shown(text.strip()) or "(empty)"], width),
        _section("TAKEN APART, FROM THE OUTSIDE IN", _levels(error), width),
        _section("WHERE AND WHEN", _place(error), width),
        _section("WHAT IT MEANS", _meaning(error, says), width),
        _section("CAUSE" if says.cause else "POSSIBLE CAUSES", _causes(says), width),
        _section("LOOK AT NEXT", _next(says), width),
    ]
    return "\n\n".join(filter(None, blocks))


def _section(heading: str, lines: list[str], width: int) -> str:
    if not lines:
        return ""
    room = width - len(_MARGIN)
    folded = [_MARGIN + piece for line in lines for piece in wrap(line, room)]
    return "\n".join([*wrap(heading, width), *folded])


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
    return [_level(one) for one in levels]


def _level(one: Level) -> str:
    return " ".join(filter(None, (one.codes, _shown(one.text)))) or "(no words)"


def _place(error: LastError) -> list[str]:
    parts = (
        ("Host", error.fqdn),
        ("Address", error.ip),
        ("Last endpoint attempted", error.last_endpoint),
        ("Socket error", error.winsock),
        ("Last retry, as printed", error.last_retry_time),
    )
    lines = [f"{label}: {_shown(str(value))}" for label, value in parts if value is not None]
    if error.last_endpoint and error.ip and error.ip not in error.last_endpoint:
        lines.append("With several targets the first one is quoted and the last one is named here.")
    return lines


def _meaning(error: LastError, says: Explanation) -> list[str]:
    lines = [says.says] if says.says else [CAUSES["unrecognised-error"].meaning]
    if says.speaker:
        lines.append(f"Said by: {says.speaker}.")
    if says.is_exchange_auth:
        lines.append('The target never sent this, although the text says "responded with".')
    if not error.complete:
        lines.append("The text is cut off: what is missing may say something else.")
    return lines


def _causes(says: Explanation) -> list[str]:
    cards = [CAUSES[one] for one in says.candidates]
    if not cards or not says.says:
        return []
    if says.cause:
        first, *others = cards
        lines = [_card(first)]
        if others:
            lines.append("Behind it may stand: " + ", ".join(one.id for one in others) + ".")
        return lines
    return [
        f"{place}. {_card(one) if place <= _IN_FULL else _headline(one)}"
        for place, one in enumerate(cards, 1)
    ]


def _card(card: Cause) -> str:
    return f"{_headline(card)}. {card.meaning}"


def _headline(card: Cause) -> str:
    return f"{card.title} ({card.id})"


def _next(says: Explanation) -> list[str]:
    """What decides between the candidates; of the likeliest one where they are many."""
    wanted = [CAUSES[one] for one in says.candidates[:1]]
    lines = [f"- {step}" for card in wanted for step in card.confirm]
    if says.cause is None and len(says.candidates) > 1:
        lines.append("- mailflow diagnose SOURCE: asks all servers, and tells the causes apart.")
    return lines
