"""Which addresses a change concerns at one endpoint, held against the selection one by one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mailflow.analysis.places import Place, processes_at, ties_at
from mailflow.exchange.connectors import Binding, ReceiveConnector, TransportRole, parse_binding
from mailflow.exchange.ranges import EVERYTHING, WIDTH, AddressRange
from mailflow.exchange.selection import select
from mailflow.repair.contrasts import (
    Contrasted,
    lists_compared,
    matched,
    settings_compared,
    ties_compared,
)
from organisations import Organisation, healthy
from strategies import BASE, CROWD, servers, to_address

PLACE = Place(4, 25)
BINDINGS = [(parse_binding("0.0.0.0:25"),), (parse_binding("0.0.0.0:26"),)]
Ranges = tuple[AddressRange, ...]
Names = frozenset[str | None]
CROWDED = range(BASE[4] - 1, BASE[4] + CROWD + 1)
FRONT, HUB = TransportRole.FrontendTransport, TransportRole.HubTransport


def of(org: Organisation) -> list[ReceiveConnector]:
    """The connectors of EX16A."""
    return [one for one in org.connectors if one.server == "EX16A"]


def never(_: ReceiveConnector, __: ReceiveConnector) -> bool:
    """No new value means anything else."""
    return False


def in_auth(old: ReceiveConnector, new: ReceiveConnector) -> bool:
    """Another AuthMechanism does."""
    return old.auth != new.auth


def blocks(found: Contrasted) -> list[tuple[str, list[str | None], list[str | None]]]:
    """The changed blocks, with the names of those who may accept them."""
    return [(str(one.block), names(one.was), names(one.will)) for one in found.changed]


def names(accepting: Sequence[ReceiveConnector | None]) -> list[str | None]:
    """Their names; None: nobody."""
    return [one.name if one else None for one in accepting]


def test_lists_alone() -> None:
    """S1.13: the block that changes hands, and how many blocks there are."""
    before = of(healthy())
    after = of(healthy().change(r"EX16A\Relay", ranges="10.0.5.0/25"))
    found = lists_compared(before, after, PLACE, FRONT)

    assert blocks(found) == [("10.0.5.128/25", ["Relay"], ["Default Frontend EX16A"])]
    assert (found.processes, found.is_same) == ((FRONT,), False)
    assert lists_compared(before, before, PLACE, FRONT).is_same


def test_settings_of_the_same_connector() -> None:
    """A block counts where the new values mean something else, whoever accepts it."""
    before = of(healthy())
    after = of(healthy().change(r"EX16A\Relay", auth="Tls, Integrated"))

    assert blocks(settings_compared(before, after, PLACE, in_auth)) == [
        ("10.0.5.0/24", ["Relay"], ["Relay"])
    ]
    assert settings_compared(before, after, PLACE, never).is_same


def test_a_connector_that_takes_part_no_more() -> None:
    """S1.10, S1.18: its hosts fall to the next one, and where there is none to nobody."""
    before = of(healthy())
    off = of(healthy().change(r"EX16A\Relay", enabled=False))
    nobody = [one for one in off if one.name == "Relay"]

    assert blocks(settings_compared(before, off, PLACE, never)) == [
        ("10.0.5.0/24", ["Relay"], ["Default Frontend EX16A"])
    ]
    alone = [one for one in before if one.name == "Relay"]
    assert blocks(settings_compared(alone, nobody, PLACE, never)) == [
        ("10.0.5.0/24", ["Relay"], [None])
    ]


def test_two_processes_that_claim_the_place() -> None:
    """C9: before it is one of both; afterwards the one whose place it is."""
    org = healthy().change(r"EX16A\Relay", role="HubTransport")
    found = settings_compared(of(org), of(healthy()), PLACE, never)

    assert set(found.processes) == {FRONT, HUB}
    assert ("10.0.5.0/24", ["Default Frontend EX16A", "Relay"], ["Relay"]) in blocks(found)
    assert sum(one.block.size for one in found.changed) == 1 << WIDTH[4]


@given(servers(known=True), st.data())
def test_nobody_else_is_treated_differently(
    before: tuple[ReceiveConnector, ...], data: st.DataObject
) -> None:
    """Each address is in a block exactly where somebody else accepts it, for one process."""
    after = data.draw(servers(known=True, most=len(before)))
    after = (*after, *before[len(after) :])
    if len({*processes_at(before, PLACE), *processes_at(after, PLACE)}) != 1:
        return
    found = settings_compared(before, after, PLACE, never)
    (process,) = found.processes
    assert claimed(found) == expected(before, after, process)


def claimed(found: Contrasted) -> dict[int, tuple[Names, Names]]:
    """Each address of the crowd that is treated differently, with all that may accept it."""
    return {
        number: (frozenset(_identities(one.was)), frozenset(_identities(one.will)))
        for number in CROWDED
        for one in found.changed
        if one.block.first <= number <= one.block.last
    }


def expected(
    before: Sequence[ReceiveConnector], after: Sequence[ReceiveConnector], process: TransportRole
) -> dict[int, tuple[Names, Names]]:
    """The same, asked one by one."""
    pairs = {
        number: (possible(before, process, number), possible(after, process, number))
        for number in CROWDED
    }
    return {number: pair for number, pair in pairs.items() if pair[0] != pair[1]}


def _identities(accepting: Sequence[ReceiveConnector | None]) -> list[str | None]:
    return [each and each.identity for each in accepting]


def possible(
    connectors: Sequence[ReceiveConnector], process: TransportRole, number: int
) -> frozenset[str | None]:
    """All that may accept an address, in whatever order they were loaded (S1.36)."""
    remote = to_address(4, number)
    found = select(connectors, process=process, local=None, port=25, remote=remote)
    return frozenset(one.identity for one in found.possible) or frozenset([None])


@given(servers(known=True), st.data())
def test_each_connector_of_a_tie_may_be_left_or_come_to(
    before: tuple[ReceiveConnector, ...], data: st.DataObject
) -> None:
    """S1.36: a block names all that may accept it, before and after, where these sets differ."""
    after = data.draw(servers(known=True, most=len(before)))
    after = (*after, *before[len(after) :])
    there = {*processes_at(before, PLACE), *processes_at(after, PLACE)}
    if len(there) != 1:
        return
    (process,) = there
    if not (*ties_at(before, PLACE, process), *ties_at(after, PLACE, process)):
        return
    found = ties_compared(before, after, PLACE, process, never)
    assert found.is_tied
    assert claimed(found) == expected(before, after, process)


SAME_SIZE = st.integers(0, 4).map(
    lambda at: AddressRange(4, BASE[4] + 4 * at, BASE[4] + 4 * at + 7)
)
LISTS = st.lists(SAME_SIZE | st.just(EVERYTHING[4]), min_size=1, max_size=2).map(tuple)


@given(st.lists(st.tuples(LISTS, LISTS | st.none(), st.sampled_from(BINDINGS)), max_size=4))
def test_lists_that_tie_are_compared_by_all_that_may_accept(
    lists: list[tuple[Ranges, Ranges | None, tuple[Binding, ...]]],
) -> None:
    """S1.36: the quick comparison of lists sees each tie that matters to what changes."""
    relay = healthy().connector(r"EX16A\Relay")
    before = [
        replace(relay, name=f"R{number}", ranges=old, bindings=bound)
        for number, (old, _, bound) in enumerate(lists)
    ]
    after = [
        replace(one, ranges=new or one.ranges)
        for one, (_, new, _) in zip(before, lists, strict=True)
    ]
    found = lists_compared(before, after, PLACE, FRONT)
    assert claimed(found) == expected(before, after, FRONT)


def test_the_order_of_loading_stays() -> None:
    """S1.36: of the same connectors before and after, each follows itself alone."""
    one, other, third = of(healthy())[:3]

    assert list(matched((one, other), (other, one))) == [(one, one), (other, other)]
    assert list(matched((one, other), (third,))) == [(one, third), (other, third)]
