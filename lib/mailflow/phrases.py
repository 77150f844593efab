"""Small pieces of prose that several parts need: joined names, counted things, times for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

MOST = 6
"""How many names a sentence carries before it counts the rest."""


def either(names: Iterable[object], most: int = MOST) -> str:
    """`a`, `a or b`, `a, b or c`; past `most`: `a, b or 7 more`. Each name once."""
    return joined(names, most, "or")


def joined(names: Iterable[object], most: int = MOST, word: str = "and") -> str:
    """`a`, `a and b`, `a, b and c`; past `most`: `a, b and 7 more`. Each name once."""
    words = list(dict.fromkeys(str(name) for name in names))
    if len(words) > most:
        words = [*words[: most - 1], f"{len(words) - most + 1} more"]
    if len(words) < 2:
        return "".join(words)
    return f"{', '.join(words[:-1])} {word} {words[-1]}"


def capital(text: str) -> str:
    r"""A text as the beginning of a sentence; a name of a file or server stays as it is."""
    first = text.partition(" ")[0]
    is_name = any(each in first for each in "._\\`") or not first.islower()
    return text if is_name else text[:1].upper() + text[1:]


def counted(number: int | None, singular: str, many: str = "") -> str:
    """`1 message`, `214 messages`; `an unknown number of messages` where it was not read."""
    plural = many or f"{singular}s"
    if number is None:
        return f"an unknown number of {plural}"
    return f"{number:,} {singular if number == 1 else plural}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """` Did you mean 'article'?` for a name that is nearly one of those known; else empty."""
    from difflib import get_close_matches

    found = get_close_matches(name.casefold(), list(known), n=1, cutoff=0.6)
    return f" Did you mean '{found[0]}'?" if found else ""


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
    from datetime import UTC

    utc = moment.astimezone(UTC)
    if beside is not None and beside.astimezone(UTC).date() == utc.date():
        return f"{utc:%H:%M} UTC"
    return f"{utc.day} {utc:%b %H:%M} UTC"
