"""Ranges as columns of numbers, for arithmetic over many of them at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mailflow.exchange.ranges import AddressRange, Family

Numbers = NDArray[np.uint64]
Indices = NDArray[np.int64]

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


def columns_of(ranges: Iterable[AddressRange], family: Family) -> RangeColumns:
    """The ranges of one family as columns; `row` counts the ranges of both families."""
    rows = [(row, block) for row, block in enumerate(ranges) if block.family == family]
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
