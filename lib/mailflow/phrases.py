"""Small pieces of prose that several parts need: joined names, counted things, times for people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import EVERYTHING

MOST = 6
"""How many names a sentence carries before it counts the rest."""


def joined(names: Iterable[object], most: int = MOST) -> str:
    """`a`, `a and b`, `a, b and c`; past `most`: `a, b and 7 more`. Each name once."""
    words = list(dict.fromkeys(str(name) for name in names))
    if len(words) > most:
        words = [*words[: most - 1], f"{len(words) - most + 1} more"]
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} and {words[-1]}"


def counted(number: int | None, one: str, many: str = "") -> str:
    """`1 message`, `214 messages`; `an unknown number of messages` where it was not read."""
    plural = many or f"{one}s"
    if number is None:
        return f"an unknown number of {plural}"
    return f"{number:,} {one if number == 1 else plural}"


def span(seconds: float) -> str:
    """An age or a delay in the two largest units: `2 h 14 min`, `3 d 4 h`, `< 1 min`."""
    minutes = int(seconds // 60)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {rest} min"
    return f"{minutes} min" if minutes else "< 1 min"


def clock(moment: datetime, beside: datetime | None = None) -> str:
    """`11:48 UTC`, with the day (`25 Nov 11:48 UTC`) where it is not the day of `beside`."""
    utc = moment.astimezone(UTC)
    if beside is not None and beside.astimezone(UTC).date() == utc.date():
        return f"{utc:%H:%M} UTC"
    return f"{utc.day} {utc:%b %H:%M} UTC"


def ranges_in_words(connector: ReceiveConnector, most: int = MOST) -> str:
    """`all addresses`, or its ranges as read; says where the list was cut."""
    texts = [str(block) for block in connector.ranges]
    everything = {block.family for block in connector.ranges if block.is_everything}
    if everything and len(texts) == len(everything):
        texts = ["all addresses" if everything == set(EVERYTHING) else f"all IPv{min(everything)}"]
    shown = texts if len(texts) <= most else [*texts[:most], f"{len(texts) - most} more"]
    if not connector.ranges_complete:
        shown.append("the rest was not read")
    return ", ".join(shown) or "none"
