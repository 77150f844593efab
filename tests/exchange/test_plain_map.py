"""Without numpy the answers are the same, to the address (section 1.2)."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow import exchange
from mailflow.exchange import answer_map, answers, plain_map
from mailflow.exchange.connectors import ReceiveConnector, parse_binding
from mailflow.exchange.ranges import Family, parse_range, subtract
from strategies import FRONT, LOCAL, families, ranges, servers, to_address

Server = tuple[ReceiveConnector, ...]
places = st.sampled_from((None, 0, 1, 2))


def endpoint(family: Family, place: int | None) -> dict[str, object]:
    """The arguments that name an endpoint."""
    local = None if place is None else to_address(family, LOCAL[family][place])
    return {"process": FRONT, "local": local, "port": 25, "family": family}


@st.composite
def edited(draw: st.DrawFn, server: Server) -> Server:
    """The server with other lists: elements gone, split, new, turned round."""
    after = []
    for one in server:
        kept = list(one.ranges)
        if draw(st.booleans()):
            kept = list(subtract(kept, draw(st.lists(ranges(), max_size=2))))
            kept = draw(st.permutations(kept + draw(st.lists(ranges(), max_size=2))))
        after.append(dataclasses.replace(one, ranges=tuple(kept)))
    return tuple(after)


@given(families, servers(known=False), places, st.data())
def test_map_is_that_of_numpy(
    family: Family, server: Server, place: int | None, data: st.DataObject
) -> None:
    """S1.10 to S1.21, S1.36: each block, who answers it, and whoever is to win the ties."""
    names = ["", *(one.identity for one in server)]
    at = endpoint(family, place) | {"first": data.draw(st.sampled_from(names))}

    plain, quick = (some.map_answers(server, **at) for some in (plain_map, answer_map))

    assert list(plain) == list(quick)


@given(families, servers(known=False), servers(known=False), places)
def test_differences_are_those_of_numpy(
    family: Family, before: Server, after: Server, place: int | None
) -> None:
    """Two servers that have nothing in common, by identity and by another measure."""

    def by_ranges(old: ReceiveConnector | None, new: ReceiveConnector | None) -> bool:
        return len(old.ranges if old else ()) != len(new.ranges if new else ())

    at = endpoint(family, place)
    plain, quick = (
        [some.map_answers(side, **at) for side in (before, after)]
        for some in (plain_map, answer_map)
    )

    for measure in ({}, {"differ": by_ranges}):
        told = list(plain_map.differences(*plain, **measure))
        assert told == list(answer_map.differences(*quick, **measure))


@given(families, servers(known=False), places, st.data())
def test_contrast_is_that_of_numpy(
    family: Family, before: Server, place: int | None, data: st.DataObject
) -> None:
    """Blocks, changes, whether the lists are the same, and whether a tie matters (S1.36)."""
    after = data.draw(edited(before))
    at = endpoint(family, place)

    assert plain_map.contrast(before, after, **at) == answer_map.contrast(before, after, **at)


def connector(name: str, *texts: str) -> ReceiveConnector:
    """An enabled Front End connector of EX16A on all local IPv4 addresses."""
    blocks = tuple(map(parse_range, texts))
    bindings = (parse_binding("0.0.0.0:25"),)
    return ReceiveConnector("EX16A", name, True, FRONT, bindings, blocks, None, None)  # noqa: FBT003


@pytest.mark.parametrize(
    ("lists", "added", "may_tie"),
    [
        ((("10.0.0.5",), ("10.0.0.5",)), "10.0.0.5-10.0.0.9", True),
        ((("10.0.0.9",), ("10.0.0.9",)), "10.0.0.5-10.0.0.9", True),
        ((("10.0.0.4",), ("10.0.0.4",)), "10.0.0.5-10.0.0.9", False),
        ((("10.0.0.10",), ("10.0.0.10",)), "10.0.0.5-10.0.0.9", False),
        ((("10.0.0.5-10.0.0.6", "10.0.0.6-10.0.0.7"), ("10.9.0.0",)), "10.0.0.1", False),
        ((("10.0.0.5-10.0.0.6", "10.0.0.6-10.0.0.7"), ()), "10.0.0.5-10.0.0.9", False),
        ((("10.0.0.5-10.0.0.6",), ("10.0.0.6-10.0.0.7",)), "10.0.0.5-10.0.0.9", True),
    ],
)
def test_ties_that_matter_are_those_of_numpy(
    lists: tuple[tuple[str, ...], ...], added: str, may_tie: bool
) -> None:
    """S1.36: equal ranges of two connectors, where a change meets them, at its very edges."""
    before = [connector(name, *texts) for name, texts in zip("AB", lists, strict=True)]
    after = [connector("A", *lists[0], added), before[1]]
    at = endpoint(4, None)

    assert plain_map.contrast(before, after, **at).may_tie is may_tie
    assert plain_map.contrast(before, after, **at) == answer_map.contrast(before, after, **at)


def test_what_is_refused_is_refused_here_too() -> None:
    """Maps of two families, and a change of more than ranges."""
    four, six = (plain_map.map_answers((), **endpoint(family, None)) for family in (4, 6))

    with pytest.raises(ValueError, match="two address families"):
        list(plain_map.differences(four, six))
    with pytest.raises(ValueError, match="more than their ranges"):
        plain_map.contrast((), [None], **endpoint(4, None))


@pytest.fixture
def no_numpy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if numpy were not installed."""
    monkeypatch.delattr(exchange, "answer_map")
    monkeypatch.setitem(sys.modules, "mailflow.exchange.answer_map", None)
    answers._worked_out.cache_clear()
    yield
    answers._worked_out.cache_clear()


def test_numpy_is_taken_where_it_is() -> None:
    """The quick way here."""
    assert answers._worked_out() is answer_map


@pytest.mark.usefixtures("no_numpy")
def test_plain_way_is_taken_without_numpy() -> None:
    """The other one where there is none."""
    assert isinstance(answers.map_answers((), **endpoint(4, None)), plain_map.PlainMap)
