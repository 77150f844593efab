"""New lists compared with the old ones agree with one question at a time (section 1.2)."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.exchange.answer_map import contrast, differences, map_answers
from mailflow.exchange.connectors import ReceiveConnector, parse_binding
from mailflow.exchange.ranges import WIDTH, Family, parse_range, subtract
from mailflow.exchange.selection import select
from strategies import FRONT, LOCAL, families, ranges, servers, to_address

Server = tuple[ReceiveConnector, ...]


@st.composite
def edits(draw: st.DrawFn) -> tuple[Server, Server]:
    """A server, and the same with other lists: elements gone, split, new, turned round."""
    before = draw(servers(known=True))
    after = []
    for one in before:
        kept = list(one.ranges)
        if draw(st.booleans()):
            holes = draw(st.lists(ranges(), max_size=2))
            kept = list(subtract(kept, holes)) + draw(st.lists(ranges(), max_size=2))
            kept = draw(st.permutations(kept))
        after.append(dataclasses.replace(one, ranges=tuple(kept)))
    return before, tuple(after)


@given(families, edits(), st.sampled_from((None, 0, 1, 2)))
def test_what_changes_is_what_select_answers_differently(
    family: Family, edit: tuple[Server, Server], place: int | None
) -> None:
    """S1.10 to S1.21 at every bound of both lists, beside it and between."""
    before, after = edit
    local = None if place is None else to_address(family, LOCAL[family][place])
    at = {"process": FRONT, "local": local, "port": 25}
    found = contrast(before, after, **at, family=family)
    maps = [map_answers(side, **at, family=family) for side in edit]

    assert list(found.changed) == list(differences(*maps))
    top = (1 << WIDTH[family]) - 1
    bounds = {
        number
        for one in (*before, *after)
        for block in one.ranges
        if block.family == family
        for bound in (block.first, block.last)
        for number in (bound - 1, bound, bound + 1)
    } | {0, top}
    points = sorted(number for number in bounds if 0 <= number <= top)
    points += [(low + high) // 2 for low, high in itertools.pairwise(points)]
    for number in points:
        remote = to_address(family, number)
        was, will = (select(side, **at, remote=remote).connector for side in edit)
        rows = [row for row in found.changed if remote in row[0]]
        assert len(rows) == ((was and was.identity) != (will and will.identity))
        assert all((row[1], row[2]) == (was, will) for row in rows)


def test_blocks_are_counted_between_all_bounds() -> None:
    """Within a block nothing can change, so the bounds of both lists cut the address space."""
    one = connector("Relay", "10.0.0.0/24")
    new = dataclasses.replace(one, ranges=tuple(map(parse_range, ("10.0.0.0-10.0.0.9", "::5"))))

    found = contrast([one], [new], process=FRONT, local=None, port=25, family=4)

    assert found.blocks == len(["0.0.0.0", "10.0.0.0", "10.0.0.10", "10.0.1.0"])
    assert [(str(block), was, will) for block, was, will in found.changed] == [
        ("10.0.0.10-10.0.0.255", one, None)
    ]
    assert contrast([], [], process=FRONT, local=None, port=25, family=6).blocks == 1


def test_a_long_list_with_one_range_split() -> None:
    """What begins and ends alike in both lists is passed over, and what lies between is not."""
    texts = [f"10.0.{third}.{last}" for third in range(4) for last in range(0, 250, 2)]
    old = connector("Relay", *texts, "10.9.0.0/24")
    for place in (0, 250, len(old.ranges) - 1):
        gone = old.ranges[place]
        new = dataclasses.replace(old, ranges=old.ranges[:place] + old.ranges[place + 1 :])

        found = contrast([old], [new], process=FRONT, local=None, port=25, family=4)
        assert list(found.changed) == [(gone, old, None)]


def test_only_ranges_may_differ() -> None:
    """Another binding, state or number of connectors is no change of lists."""
    one = connector("Relay", "10.0.0.5")
    for other in ([dataclasses.replace(one, enabled=False)], [], [one, one]):
        with pytest.raises(ValueError, match="more than their ranges"):
            contrast([one], other, process=FRONT, local=None, port=25, family=4)


def connector(name: str, *texts: str) -> ReceiveConnector:
    """An enabled Front End connector of EX16A on all local IPv4 addresses."""
    blocks = tuple(map(parse_range, texts))
    bindings = (parse_binding("0.0.0.0:25"),)
    return ReceiveConnector("EX16A", name, True, FRONT, bindings, blocks, None, None)  # noqa: FBT003
