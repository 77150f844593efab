"""Small pieces of prose that several parts need: joined names, counted things, times for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import EVERYTHING, WIDTH, Family

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


def count_in_words(counts: Mapping[Family, int]) -> str:
    """`all addresses`, `256 IPv4`, `all IPv4 but 513, all IPv6`, `none`."""
    if all(counts[family] == 1 << WIDTH[family] for family in WIDTH):
        return "all addresses"
    words = [_of_family(family, counts[family]) for family in WIDTH if counts[family]]
    return ", ".join(words) or "none"


def _of_family(family: Family, count: int) -> str:
    left = (1 << WIDTH[family]) - count
    if left == 0:
        return f"all IPv{family}"
    if left < count:
        return f"all IPv{family} but {_number(left)}"
    return f"{_number(count)} IPv{family}"


def _number(count: int) -> str:
    """Exact as long as people can read it; beyond that the power of two."""
    if count < 1 << 40:
        return f"{count:,}"
    bits = count.bit_length() - 1
    return f"2^{bits}" if count == 1 << bits else f"more than 2^{bits}"
