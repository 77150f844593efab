"""Ranges as columns hold what the ranges hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailflow.exchange.range_columns import columns_of
from mailflow.exchange.ranges import AddressRange
from strategies import ranges, to_address


def unfolded(blocks: list[AddressRange]) -> dict[int, AddressRange]:
    """Each range made of its columns again, by its place."""
    found: dict[int, AddressRange] = {}
    for columns in (columns_of(blocks, 4), columns_of(blocks, 6)):
        assert columns.row.tolist() == sorted(columns.row.tolist())
        for row, first, last, first_high, last_high in zip(
            *(columns.row, columns.first, columns.last, columns.first_high, columns.last_high),
            strict=True,
        ):
            assert int(row) not in found
            found[int(row)] = AddressRange(
                columns.family,
                (int(first_high) << 64) | int(first),
                (int(last_high) << 64) | int(last),
            )
    return found


@given(st.lists(ranges(near=False), max_size=20))
def test_columns_hold_the_same_ranges(blocks: list[AddressRange]) -> None:
    """They keep their bounds; the 64-bit halves are put together again."""
    assert unfolded(blocks) == dict(enumerate(blocks))
    assert all(to_address(block.family, block.first) in block for block in blocks)
