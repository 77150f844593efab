"""The whole address space at once agrees with one question at a time (section 1.2)."""

from __future__ import annotations

import dataclasses
import itertools
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.exchange import answer_map
from mailflow.exchange.answer_map import (
    AnswerMap,
    _in_order,
    cover,
    differences,
    map_answers,
)
from mailflow.exchange.connectors import ReceiveConnector, parse_binding
from mailflow.exchange.range_columns import columns_of
from mailflow.exchange.ranges import (
    EVERYTHING,
    WIDTH,
    Address,
    AddressRange,
    Family,
    parse_address,
    parse_range,
)
from mailflow.exchange.selection import select
from strategies import FRONT, LOCAL, families, ranges, servers, to_address


def connector(name: str, *ranges_: str, on: str = "0.0.0.0:25 [::]:25") -> ReceiveConnector:
    """An enabled Front End connector of EX16A."""
    return ReceiveConnector(
        server="EX16A",
        name=name,
        enabled=True,
        role=FRONT,
        bindings=tuple(parse_binding(text) for text in on.split()),
        ranges=tuple(parse_range(text) for text in ranges_),
        auth=None,
        groups=None,
    )


def mapped(
    connectors: tuple[ReceiveConnector, ...], family: Family = 4, local: Address | None = None
) -> AnswerMap:
    """Port 25 of the Front End."""
    return map_answers(connectors, process=FRONT, local=local, port=25, family=family)


def probes(family: Family, bounds: set[int]) -> list[Address]:
    """Every bound, the numbers beside it, and one between each two."""
    top = (1 << WIDTH[family]) - 1
    near = {number + step for number in bounds | {0, top} for step in (-1, 0, 1)}
    points = sorted(number for number in near if 0 <= number <= top)
    between = [(low + high) // 2 for low, high in itertools.pairwise(points)]
    return [to_address(family, number) for number in sorted({*points, *between})]


def check(connectors: tuple[ReceiveConnector, ...], family: Family, local: Address | None) -> None:
    """The map against select(), at every place where something may change."""
    found = mapped(connectors, family, local)
    bounds = {
        bound
        for one in connectors
        for block in one.ranges
        if block.family == family
        for bound in (block.first, block.last)
    } | set(found.starts)
    asked = probes(family, bounds)
    blocks = list(found)
    starts = found.starts
    for remote, (winner, block) in zip(asked, found.look_up(asked), strict=True):
        single = select(connectors, process=FRONT, local=local, port=25, remote=remote)
        assert winner is single.connector
        assert (block and block.specificity) == (single.range and single.range.specificity)
        assert [one for one, _ in blocks if remote in one] != []
        assert next(who for one, who in blocks if remote in one) is winner
        place = max(i for i, start in enumerate(starts) if start <= int(remote))
        index = found.winners[place]
        assert (None if index < 0 else connectors[index]) is winner
        assert found.sizes[place] == (0 if block is None else block.specificity)
    assert blocks[0][0].first == 0
    assert blocks[-1][0].last == (1 << WIDTH[family]) - 1
    for (one, who), (other, next_who) in itertools.pairwise(blocks):
        assert one.last + 1 == other.first
        assert who is not next_who


@given(families, servers(known=True), st.sampled_from((None, 0, 1, 2)), st.data())
def test_the_map_agrees_with_select(
    family: Family,
    connectors: tuple[ReceiveConnector, ...],
    place: int | None,
    data: st.DataObject,
) -> None:
    """S1.10 to S1.21 at every bound, beside it and between, with specific and wildcard bindings."""
    local = None if place is None else to_address(family, LOCAL[family][place])
    more = tuple(
        dataclasses.replace(one, ranges=one.ranges + tuple(data.draw(st.lists(wide, max_size=2))))
        for one in connectors
    )
    check(connectors, family, local)
    check(more, family, local)


wide = ranges(near=False)


@pytest.mark.parametrize("family", [4, 6])
def test_a_crowded_server(family: Family) -> None:
    """The same on deep nesting, up to the first and the last address."""
    dice = random.Random(family)  # noqa: S311, the same servers every time
    top = (1 << WIDTH[family]) - 1
    places = [0, 1, 2, 3, *range((1 << WIDTH[family] // 2) - 3, (1 << WIDTH[family] // 2) + 3)]
    places += [top - 3, top - 2, top - 1, top]
    for _ in range(12):
        connectors = []
        for number in range(8):
            pairs = [sorted(dice.choices(places, k=2)) for _ in range(dice.randint(0, 4))]
            blocks = tuple(AddressRange(family, first, last) for first, last in pairs)
            on = dice.choice(("0.0.0.0:25 [::]:25", "192.0.2.10:25 [2001:db8::10]:25"))
            one = connector(f"C{number}", on=on)
            connectors.append(dataclasses.replace(one, ranges=blocks))
        check(tuple(connectors), family, to_address(family, LOCAL[family][1]))


def test_nobody_answers() -> None:
    """S1.18: a server without a match has one block that nobody answers."""
    for family in (4, 6):
        found = mapped((connector("Off", "10.0.0.5", "::5", on="0.0.0.0:26"),), family)

        assert list(found) == [(EVERYTHING[family], None)]
        assert (found.starts, found.sizes, found.winners.tolist()) == ([0], [0], [-1])


def test_what_was_not_read_takes_no_part() -> None:
    """S1.10: enabled and role not read leave a connector out, as they do in select()."""
    sure = connector("DF", "0.0.0.0-255.255.255.255")
    for unread in ({"enabled": None}, {"role": None}, {"enabled": False}):
        found = mapped((sure, dataclasses.replace(connector("Relay", "10.0.0.5"), **unread)))

        assert list(found) == [(EVERYTHING[4], sure)]


def test_neighbours_of_one_connector_are_one_block() -> None:
    """The iteration is cut only where another connector answers."""
    relay = connector("Relay", "10.0.0.0-10.0.0.4", "10.0.0.5", "10.0.0.6-10.0.0.9")
    blocks = list(mapped((relay,)))

    assert [str(block) for block, who in blocks if who] == ["10.0.0.0-10.0.0.9"]


def test_families_stay_apart() -> None:
    """S1.17: a question of the other family is a mistake."""
    found = mapped((connector("Relay", "10.0.0.5"),))

    with pytest.raises(ValueError, match="not all of these are IPv4"):
        found.look_up([parse_address("::5")])
    with pytest.raises(ValueError, match="two address families"):
        mapped((), 4, parse_address("::1"))
    with pytest.raises(ValueError, match="two address families"):
        list(differences(found, mapped((), 6)))


@given(families, st.lists(st.tuples(st.integers(0, 5), ranges()), max_size=40), st.data())
def test_many_groups_agree_with_each_alone(
    family: Family, rows: list[tuple[int, AddressRange]], data: st.DataObject
) -> None:
    """The maps of a fleet are the maps of its groups, in whatever order their ranges come."""
    rows = [(group, block) for group, block in rows if block.family == family]
    groups = np.array([group for group, _ in rows], dtype=np.int64)
    maps = cover(columns_of([block for _, block in rows], family), groups, 7)
    asked = probes(family, {bound for _, one in rows for bound in (one.first, one.last)})
    numbers = [int(one) for one in asked] * 7
    where = np.repeat(np.arange(7), len(asked))
    shuffled = np.array(data.draw(st.permutations(range(7))), dtype=np.int64)
    where = shuffled[where]
    found = maps.look_up(
        np.array([number % (1 << 64) for number in numbers], dtype=np.uint64),
        np.array([number >> 64 for number in numbers], dtype=np.uint64),
        where,
    )
    for number, group, winner in zip(numbers, where, found, strict=True):
        holding = [
            (block.specificity, place)
            for place, (owner, block) in enumerate(rows)
            if owner == group and block.first <= number <= block.last
        ]
        assert winner == (min(holding)[1] if holding else -1)
    assert sorted(set(maps.group.tolist())) == list(range(7))
    for group in range(7):
        mine = maps.group == group
        assert (maps.start[mine][0], maps.start_high[mine][0]) == (0, 0)
        assert (np.diff(maps.winner[mine]) != 0).all()


def test_ties_keep_the_order_of_the_columns() -> None:
    """S1.15: the first of equal ranges wins, in groups that come in any order too."""
    blocks = [parse_range("10.0.0.5"), parse_range("10.0.0.0/24")] * 20
    for group in (np.arange(40) // 2 % 2, np.arange(40) // 2 % 2 * -1 + 1):
        maps = cover(columns_of(blocks, 4), group, 2)
        asked = np.array([blocks[0].first, blocks[0].first + 1] * 2, dtype=np.uint64)
        zero, one = (2, 0) if group[0] else (0, 2)

        found = maps.look_up(asked, group=np.array([0, 0, 1, 1]))
        assert found.tolist() == [zero, zero + 1, one, one + 1]


def test_all_of_ipv6_ties_with_all_but_one() -> None:
    """S1.21: the size of the full range saturates, so load order decides (S1.15)."""
    top = EVERYTHING[6].last
    whole = dataclasses.replace(connector("Whole"), ranges=(EVERYTHING[6],))
    nearly = dataclasses.replace(connector("Nearly"), ranges=(AddressRange(6, 1, top),))
    less = dataclasses.replace(connector("Less"), ranges=(AddressRange(6, 1, top - 1),))
    for server in ((whole, nearly), (nearly, whole), (whole, less)):
        check(server, 6, None)


@pytest.mark.parametrize("groups", [1, 3, 5000])
def test_a_fleet_in_several_chunks(groups: int) -> None:
    """Chunks of work leave no trace: 100,000 ranges against a plain loop over a sample."""
    dice = np.random.default_rng(7)
    group = dice.integers(0, groups, 100_000)
    first = dice.integers(0, 1 << 32, 100_000, dtype=np.uint64)
    last = np.minimum(first + dice.integers(0, 1 << 20, 100_000, dtype=np.uint64), (1 << 32) - 1)
    zeros = np.zeros(100_000, dtype=np.uint64)
    columns = dataclasses.replace(
        columns_of([], 4),
        row=np.arange(100_000),
        first=first,
        last=last,
        first_high=zeros,
        last_high=zeros,
    )
    asked = dice.integers(0, 100_000, 300)
    where = group[asked]
    found = cover(columns, group, groups).look_up(last[asked], group=where)
    for number, owner, winner in zip(last[asked], where, found, strict=True):
        holding = np.flatnonzero((group == owner) & (first <= number) & (number <= last))
        assert winner == holding[np.lexsort((holding, last[holding] - first[holding]))[0]]


@pytest.mark.parametrize("top", [9, 1 << 40, (1 << 64) - 1])
def test_numbers_are_ordered_with_their_places(top: int) -> None:
    """Packed with their place where that fits into 64 bits, and sorted by place where not."""
    numbers = np.random.default_rng(5).integers(0, top, 5000, dtype=np.uint64, endpoint=True)
    found, place = _in_order(numbers)

    assert found.tolist() == sorted(numbers.tolist())
    assert (numbers[place] == found).all()
    assert sorted(place.tolist()) == list(range(5000))


def test_a_fleet_without_groups_or_ranges() -> None:
    """Nothing in, nothing out; a group without a range is one block."""
    for family in (4, 6):
        empty = columns_of([], family)

        assert cover(empty, groups=0).winner.tolist() == []
        assert cover(empty, groups=3).winner.tolist() == [-1, -1, -1]
        assert cover(empty, groups=3).group.tolist() == [0, 1, 2]


@given(families, servers(known=True), servers(known=True))
def test_differences_are_where_select_differs(
    family: Family, old: tuple[ReceiveConnector, ...], new: tuple[ReceiveConnector, ...]
) -> None:
    """Before and after are compared by the winner's identity, over the whole address space."""
    before, after = mapped(old, family), mapped(new, family)
    changed = list(differences(before, after))
    bounds = {number for one in (before, after) for number in one.starts}
    for remote in probes(family, bounds):
        ((was, _),), ((will, _),) = before.look_up([remote]), after.look_up([remote])
        names = (was and was.identity, will and will.identity)
        found = [row for row in changed if remote in row[0]]
        assert len(found) == (names[0] != names[1])
        assert all((row[1], row[2]) == (was, will) for row in found)


@given(servers(known=True), servers(known=True))
def test_labels_shorten_the_way_and_change_nothing(
    old: tuple[ReceiveConnector, ...], new: tuple[ReceiveConnector, ...]
) -> None:
    """Blocks that begin alike in both maps need no look; each number stands for an identity."""
    new = (*old[: len(old) // 2], *new[:1])  # nearly alike, as servers mostly are
    before, after = mapped(old), mapped(new)
    names = sorted({each.identity for each in (*old, *new)})
    keys = [
        one.keys(np.array([*(names.index(each.identity) + 1 for each in some), 0], np.uint64))
        for one, some in ((before, old), (after, new))
    ]

    assert list(differences(before, after, keys=(keys[0], keys[1]))) == list(
        differences(before, after)
    )


@given(families, servers(known=True))
def test_without_equal_sizes_that_meet_nothing_ties(
    family: Family, connectors: tuple[ReceiveConnector, ...]
) -> None:
    """Whoever comes first among equals, the map stays the same (S1.36)."""
    found = mapped(connectors, family)
    if found.may_tie:
        return
    for each in connectors:
        turned = map_answers(
            connectors, process=FRONT, local=None, port=25, family=family, first=each.identity
        )

        assert list(differences(found, turned)) == []


def test_equal_sizes_of_two_connectors_may_tie() -> None:
    """Of one binding and overlapping; elsewhere, or of one connector, they do not (S1.36)."""
    one = connector("A", "10.0.0.0-10.0.0.9", "10.0.0.0-10.0.0.9")

    assert mapped((one, connector("B", "10.0.0.5-10.0.0.14"))).may_tie
    assert not mapped((one, connector("B", "10.0.1.0-10.0.1.9"))).may_tie
    assert not mapped((one, connector("B", "10.0.0.5-10.0.0.15"))).may_tie
    assert not mapped((one,)).may_tie


@pytest.mark.parametrize("power", [0, 2, 5])
@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(0, 40)).filter(lambda ends: ends[0] != ends[1]),
        max_size=30,
    )
)
def test_the_smallest_key_wins_whatever_is_handed_on(
    power: int, intervals: list[tuple[int, int]]
) -> None:
    """Long intervals that are laid over one by one, and short ones that are handed on."""
    begin = np.array([min(ends) for ends in intervals], dtype=np.int64)
    end = np.array([max(ends) for ends in intervals], dtype=np.int64)
    key = np.array([each * 7919 % 31 for each in range(len(intervals))], dtype=np.uint64)
    nothing = int(answer_map._NOTHING)
    expected = [
        min(
            (int(k) for b, e, k in zip(begin, end, key, strict=True) if b <= at < e),
            default=nothing,
        )
        for at in range(40)
    ]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(answer_map, "_highest_power", lambda edges, _: min(power, len(edges) - 1))
        found = answer_map._smallest(begin, end, key, 40)

    assert found.tolist() == expected


def test_few_long_intervals_are_laid_over_the_others() -> None:
    """One default connector's range is not handed on; many long ones are (edges: of each power)."""
    short = [*[0] * 5, *[1200] * 6]

    assert answer_map._highest_power([*short, 1201], 2400) == 5
    assert answer_map._highest_power([*short, 1300], 2400) == 11
    assert answer_map._highest_power([1], 2) == 0
