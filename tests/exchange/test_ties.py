"""S1.13, S1.36: ranges of one size that overlap, held to every pair of ranges compared."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from mailflow.exchange.ranges import AddressRange
from mailflow.exchange.ties import ties

RANGES = st.builds(
    lambda family, first, size: AddressRange(family, first, first + size),
    st.sampled_from([4, 6]),
    st.integers(0, 12),
    st.integers(0, 3),
)
OWNED = st.lists(st.tuples(RANGES, st.sampled_from("abc")), max_size=12)


def addresses(block: AddressRange) -> set[tuple[int, int]]:
    """Every address of a range."""
    return {(block.family, number) for number in range(block.first, block.last + 1)}


@given(OWNED)
def test_all_addresses_in_which_somebody_ties(owned: list[tuple[AddressRange, str]]) -> None:
    """S1.36: for each owner, those that a range of one size of another one holds too."""
    expected: dict[str, set[tuple[int, int]]] = {}
    for (mine, me), (theirs, other) in combinations(owned, 2):
        if me != other and mine.size == theirs.size:
            for name in (me, other):
                expected.setdefault(name, set()).update(addresses(mine) & addresses(theirs))

    found: dict[str, set[tuple[int, int]]] = {}
    for me, other, block in ties(owned):
        for name in (me, other):
            found.setdefault(name, set()).update(addresses(block))

    assert {name: some for name, some in expected.items() if some} == found


@given(OWNED)
def test_every_pair_of_owners(owned: list[tuple[AddressRange, str]]) -> None:
    """S1.36: two owners of ranges of more than one address are told wherever they tie."""
    of_many = [each for each in owned if each[0].size > 1]
    expected = {
        frozenset((me, other))
        for (mine, me), (theirs, other) in combinations(of_many, 2)
        if me != other and mine.size == theirs.size and mine.meets(theirs)
    }

    found = {frozenset((me, other)) for me, other, _ in ties(of_many)}

    assert expected == found
