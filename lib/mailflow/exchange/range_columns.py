"""Many range texts at once, as columns of numbers (section 1.4).

Reads what `parse_range` reads, with the same checks and words: the common IPv4 forms are cut up
for all texts together, and whatever does not look exactly like one of them goes to `parse_range`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mailflow.exchange.ranges import AddressRange, Family, RangeError, parse_range

Numbers = NDArray[np.uint64]
Words = NDArray[np.uint32]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]

_LOW = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class RangeColumns:
    """Ranges of one family as columns of equal length.

    Attributes:
        family: 4 or 6.
        row: where each range stood in what it was made from.
        first: lowest address; of IPv6 its low 64 bits.
        last: highest address, not below `first`; of IPv6 its low 64 bits.
        first_high: high 64 bits of IPv6; zeros, not looked at, for IPv4.
        last_high: likewise.
    """

    family: Family
    row: Indices
    first: Numbers
    last: Numbers
    first_high: Numbers
    last_high: Numbers

    def __len__(self) -> int:
        """Ranges, not addresses; every column is as long."""
        return len(self.row)

    def take(self, chosen: Indices) -> RangeColumns:
        """The ranges at these places, in this order."""
        return RangeColumns(
            self.family,
            self.row[chosen],
            self.first[chosen],
            self.last[chosen],
            self.first_high[chosen],
            self.last_high[chosen],
        )


@dataclass(frozen=True, slots=True)
class ParsedRanges:
    """What `parse_many` made of the texts; a text is in exactly one of the three.

    Attributes:
        v4: the IPv4 ranges in the order of the texts; `row` is the number of the text.
        v6: the IPv6 ranges likewise.
        errors: the fault of each other text by its number, in Exchange's words.
    """

    v4: RangeColumns
    v6: RangeColumns
    errors: dict[int, str]


def columns_of(ranges: Iterable[AddressRange], family: Family) -> RangeColumns:
    """The ranges of one family as columns; `row` counts the ranges of both families."""
    rows = [(row, block) for row, block in enumerate(ranges) if block.family == family]
    return _columns(family, rows)


def parse_many(texts: Sequence[str]) -> ParsedRanges:
    """All the texts, each read as `parse_range` reads it."""
    parts: list[RangeColumns] = []
    odd: list[int] = []
    for begin in range(0, len(texts), _CHUNK):
        read, first, last = _parse_plain(texts[begin : begin + _CHUNK])
        zeros = np.zeros(len(first), dtype=np.uint64)
        parts.append(RangeColumns(4, np.flatnonzero(read) + begin, first, last, zeros, zeros))
        odd.extend((np.flatnonzero(~read) + begin).tolist())
    slow, errors = _parse_odd(texts, odd)
    parts.append(_columns(4, [(row, block) for row, block in slow if block.family == 4]))
    v4 = _joined(parts)
    if len(parts[-1]):
        v4 = v4.take(np.argsort(v4.row, kind="stable"))
    v6 = _columns(6, [(row, block) for row, block in slow if block.family == 6])
    return ParsedRanges(v4, v6, errors)


_CHUNK = 1 << 14  # texts cut up together: the work stays within the processor's cache
_DOT, _DASH, _SLASH, _OPEN, _CLOSE, _END = b".-/()\n"
_BYTE = np.uint32(256)
_HOSTS = np.array([(1 << (32 - bits)) - 1 for bits in range(33)], dtype=np.uint32)
_LEAST = np.array([1, 0, 10, 100, 1 << 15], dtype=np.uint16)  # by digits: no leading zeros


def _parse_plain(texts: Sequence[str]) -> tuple[Flags, Numbers, Numbers]:
    """Cuts texts into numbers and the characters behind them.

    Every character that is no digit ends a number, if only an empty one. So a single address has
    four of them, CIDR five, a dash range eight, a netmask nine.

    Returns:
        for each text whether it was read; then first and last of those that were.
    """
    joined = "\n".join(texts) + "\n"
    if joined.count("\n") != len(texts):
        joined = "".join(f"{text.replace(chr(10), '?')}\n" for text in texts)
    chars = np.frombuffer(joined.encode("ascii", "replace"), dtype=np.uint8)
    digits = chars - np.uint8(ord("0"))
    stops = np.flatnonzero(digits > 9)
    ends = chars[stops]
    length = np.minimum(np.diff(stops, prepend=-1) - 1, 4).astype(np.uint8)
    # The last three digits before each stop; what lies before the number itself does not count.
    ones, tens, hundreds = (
        digits.take(stops - back, mode="wrap").astype(np.uint16) for back in (1, 2, 3)
    )
    value = ones + (length > 1) * tens * np.uint16(10) + (length > 2) * hundreds * np.uint16(100)
    octet = (length > 0) & (value >= _LEAST[length]) & (value <= 255)
    dotted = octet & (ends == _DOT)
    is_address = dotted[:-3] & dotted[1:-2] & dotted[2:-1] & octet[3:]
    wide = value.astype(np.uint32)
    address = _word(wide[:-3], wide[1:-2], wide[2:-1], wide[3:])

    line_ends = np.flatnonzero(ends == _END)
    numbers = np.diff(line_ends, prepend=-1)
    begins = line_ends - numbers + 1
    read = np.zeros(len(texts), dtype=np.bool_)
    first = np.zeros(len(texts), dtype=np.uint64)
    last = np.zeros(len(texts), dtype=np.uint64)

    def store(row: Indices, ok: Flags, low: Words, high: Words) -> None:
        read[row], first[row], last[row] = ok, low, high

    row = np.flatnonzero(numbers == 4)
    at = begins[row]
    store(row, is_address[at], address[at], address[at])

    row = np.flatnonzero(numbers == 8)
    at = begins[row]
    low, high = address[at], address[at + 4]
    ok = is_address[at] & is_address[at + 4] & (ends[at + 3] == _DASH) & (low <= high)
    store(row, ok, low, high)

    row = np.flatnonzero(numbers == 5)
    at = begins[row]
    bits = wide[at + 4]
    hosts = _HOSTS[np.minimum(bits, 32)]
    ok = is_address[at] & (ends[at + 3] == _SLASH) & octet[at + 4] & (bits <= 32)
    store(row, ok, address[at] & ~hosts, address[at] | hosts)

    row = np.flatnonzero(numbers == 9)
    at = begins[row]
    hosts = ~address[at + 4]
    ok = is_address[at] & is_address[at + 4] & (hosts & (hosts + np.uint32(1)) == 0)
    ok &= (ends[at + 3] == _OPEN) & (ends[at + 7] == _CLOSE) & (length[at + 8] == 0)
    store(row, ok, address[at] & ~hosts, address[at] | hosts)

    return read, first[read], last[read]


def _word(a: Words, b: Words, c: Words, d: Words) -> Words:
    result: Words = ((a * _BYTE + b) * _BYTE + c) * _BYTE + d
    return result


def _parse_odd(
    texts: Sequence[str], rows: Iterable[int]
) -> tuple[list[tuple[int, AddressRange]], dict[int, str]]:
    known: dict[str, AddressRange | str] = {}
    found: list[tuple[int, AddressRange]] = []
    errors: dict[int, str] = {}
    for row in rows:
        text = texts[row]
        result = known.get(text)
        if result is None:
            try:
                result = parse_range(text)
            except RangeError as fault:
                result = str(fault)
            known[text] = result
        if isinstance(result, str):
            errors[row] = result
        else:
            found.append((row, result))
    return found, errors


def _columns(family: Family, rows: Sequence[tuple[int, AddressRange]]) -> RangeColumns:
    firsts = [block.first for _, block in rows]
    lasts = [block.last for _, block in rows]
    return RangeColumns(
        family,
        np.array([row for row, _ in rows], dtype=np.int64),
        *(
            np.array([number & _LOW for number in column], dtype=np.uint64)
            for column in (firsts, lasts)
        ),
        *(
            np.array([number >> 64 for number in column], dtype=np.uint64)
            for column in (firsts, lasts)
        ),
    )


def _joined(parts: Sequence[RangeColumns]) -> RangeColumns:
    return RangeColumns(
        4,
        np.concatenate([part.row for part in parts]),
        np.concatenate([part.first for part in parts]),
        np.concatenate([part.last for part in parts]),
        np.concatenate([part.first_high for part in parts]),
        np.concatenate([part.last_high for part in parts]),
    )
