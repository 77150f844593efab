"""New lists of remote ranges that free addresses from custom connectors, for one server.

After each change the selection is asked again, because another relay connector may win next (design
notes to section 1.2). What is given up is as little as can be: single addresses, with the ranges
around them split (S8.63), and further addresses only where Exchange would refuse the pieces (S1.31)
or where a piece, being smaller, would win from another connector (S1.13).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mailflow.exchange.conflicts import check
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import Address, AddressRange, single, subtract
from mailflow.exchange.selection import answer
from mailflow.steps.paths import SHADOWED, is_custom, verdict_on
from mailflow.steps.places import address_of, places_of


@dataclass(frozen=True, slots=True)
class Connection:
    """One way to arrive: from an address, to a local address (None: any other) and port."""

    address: Address
    local: Address | None
    port: int


@dataclass(frozen=True, slots=True)
class Move:
    """A block of addresses that another connector answers than before; None: nobody."""

    block: AddressRange
    was: ReceiveConnector | None
    will: ReceiveConnector | None


def answering(
    connection: Connection, connectors: Sequence[ReceiveConnector]
) -> ReceiveConnector | None:
    """Who answers, as far as it was read."""
    return answer(
        connectors, local=connection.local, port=connection.port, remote=connection.address
    ).connector


def release(
    connectors: Sequence[ReceiveConnector], connections: Sequence[Connection]
) -> list[ReceiveConnector]:
    """The connectors with the lists under which no custom one catches these connections.

    Custom connectors that let an Exchange server in stay as they are. All connectors come back, in
    their order; a list may be empty.
    """
    before, now = list(connectors), list(connectors)
    while caught := _caught(connections, now):
        now = _without(now, caught)
    return _settled(before, _apart(before, now, connections), connections)


def in_order(
    before: Sequence[ReceiveConnector],
    now: Sequence[ReceiveConnector],
    refuse: Callable[[ReceiveConnector, Sequence[ReceiveConnector]], str | None],
) -> tuple[list[ReceiveConnector], list[tuple[ReceiveConnector, str]]]:
    """The changed connectors in an order in which Exchange takes each new list (section 1.5).

    Args:
        before: all connectors of the server.
        now: the same with new lists.
        refuse: what Exchange says of a connector beside the others as they are at that moment;
            None: it takes it.

    Returns:
        those that are taken, and the rest with what Exchange says of each.
    """
    state = {one.identity: one for one in before}
    waiting = [one for one in now if one.ranges != state[one.identity].ranges]
    order: list[ReceiveConnector] = []
    while waiting:
        texts = [refuse(one, list(state.values())) for one in waiting]
        if None not in texts:
            return order, [(one, text or "") for one, text in zip(waiting, texts, strict=True)]
        taken = waiting.pop(texts.index(None))
        state[taken.identity] = taken
        order.append(taken)
    return order, []


def moved(
    before: Sequence[ReceiveConnector],
    now: Sequence[ReceiveConnector],
    connections: Sequence[Connection],
) -> Iterator[Move]:
    """Whom else than the addresses of these connections the new lists move, at each place.

    Who answers changes only at a bound of a range and inside a range that is not in both lists, so
    asking there asks about every address.
    """
    lists = [(set(old.ranges), set(new.ranges)) for old, new in zip(before, now, strict=True)]
    region = sorted(
        {block for old, new in lists for block in old ^ new}, key=lambda one: (one.first, one.last)
    )
    changed = [one for one, (old, new) in zip(now, lists, strict=True) if old != new]
    ports = {binding.port for one in changed for binding in one.bindings}
    singles = [single(one.address) for one in connections]
    for place in places_of(now, ports):
        asked: set[int] = set()
        for one in region:
            if one.family != place.family:
                continue
            old, new = _meeting(before, one), _meeting(now, one)
            for block in _cut([*old, *new], one):
                if block.first in asked:
                    continue
                asked.add(block.first)
                at = Connection(address_of(place.family, block.first), place.local, place.port)
                was, will = answering(at, old), answering(at, new)
                if _name(was) != _name(will):
                    for rest in subtract([block], singles):
                        yield Move(rest, was, will)


def _caught(
    connections: Iterable[Connection], now: Sequence[ReceiveConnector]
) -> dict[str, list[AddressRange]]:
    """The addresses that custom connectors still catch and let not in, by connector."""
    caught: dict[str, list[AddressRange]] = {}
    for connection in connections:
        one = answering(connection, now)
        if one is None:
            continue
        state, cause, *_ = verdict_on(one, now, downgraded=True)
        if cause == SHADOWED or (state == "found" and is_custom(one, now)):
            caught.setdefault(one.identity, []).append(single(connection.address))
    return caught


def _without(
    now: Iterable[ReceiveConnector], blocks: Mapping[str, Iterable[AddressRange]]
) -> list[ReceiveConnector]:
    """The connectors without these blocks, each taken out of the smallest range that holds it.

    That range made the connector win (S1.14). Where a larger one still does, the next round takes
    the block out of that as well.
    """
    result = []
    for one in now:
        ranges = one.ranges
        for block in blocks.get(one.identity, ()):
            holding = [each for each in ranges if each.holds(block)]
            if holding:
                least = min(holding, key=lambda each: each.specificity)
                ranges = _instead(ranges, least, subtract([least], [block]))
        result.append(one if ranges is one.ranges else replace(one, ranges=ranges))
    return result


def _instead(
    ranges: Iterable[AddressRange], old: AddressRange, new: Iterable[AddressRange]
) -> tuple[AddressRange, ...]:
    """The list with the pieces of a range in its place, none twice."""
    pieces = tuple(new)
    return tuple(
        dict.fromkeys(piece for one in ranges for piece in (pieces if one == old else (one,)))
    )


def _apart(
    before: Sequence[ReceiveConnector],
    now: list[ReceiveConnector],
    connections: Sequence[Connection],
) -> list[ReceiveConnector]:
    """Lists that can stand beside each other: pieces of two may be equal or overlap (S1.31).

    Of the ways to end a conflict the one that moves the fewest hosts is taken. Where ranges are
    equal, one of the two gives its up; where they overlap, one is cut at the other's bounds, or
    gives up what they have in common.
    """
    old = {one.identity: set(one.ranges) for one in before}
    for _ in range(len(now) ** 2 + sum(len(one.ranges) for one in now)):
        changed = [one for one in now if set(one.ranges) != old[one.identity]]
        conflict = next(filter(None, (check(one, now) for one in changed)), None)
        if conflict is None or conflict.ranges is None:
            break
        ours, theirs = conflict.ranges
        pairs = [(conflict.first, ours, theirs), (conflict.second, theirs, ours)]
        # A piece gives way. What stood beside each other before is for a person to mend (S8.65).
        pieces = [pair for pair in pairs if pair[1] not in old[pair[0].identity]]
        ways = [way for pair in pieces for way in _ways_out(now, *pair)]
        if not ways:
            break
        now = min(ways, key=lambda way: _hosts(moved(before, way, connections)))
    return now


def _ways_out(
    now: Sequence[ReceiveConnector],
    connector: ReceiveConnector,
    mine: AddressRange,
    theirs: AddressRange,
) -> Iterator[list[ReceiveConnector]]:
    """What a connector can do about a range of its own that collides with another one's."""
    rest = subtract([mine], [theirs])
    common = subtract([mine], rest)
    for pieces in ((*rest, *common), rest) if rest else (rest,):
        yield [
            replace(one, ranges=_instead(one.ranges, mine, pieces))
            if one.identity == connector.identity
            else one
            for one in now
        ]


def _settled(
    before: Sequence[ReceiveConnector],
    now: list[ReceiveConnector],
    connections: Sequence[Connection],
) -> list[ReceiveConnector]:
    """A piece that wins where the whole range lost is given up too, if that moves fewer hosts.

    So it goes where a specific binding meets the wildcard: there equal pieces are allowed (S1.33),
    and the specific one wins the tie (S1.16).
    """
    moves = list(moved(before, now, connections))
    changed = {new.identity for old, new in zip(before, now, strict=True) if old != new}
    while True:
        given_up: dict[str, list[AddressRange]] = {}
        for one in moves:
            if one.was and one.will and one.will.identity in changed:
                given_up.setdefault(one.will.identity, []).append(one.block)
        tried = _apart(before, _without(now, given_up), connections) if given_up else now
        fewer = list(moved(before, tried, connections)) if given_up else moves
        if _hosts(fewer) >= _hosts(moves):
            return now
        now, moves = tried, fewer


def _hosts(moves: Iterable[Move]) -> int:
    return sum(one.block.size for one in moves)


def _meeting(connectors: Iterable[ReceiveConnector], block: AddressRange) -> list[ReceiveConnector]:
    """The connectors with only those of their ranges that matter inside the block."""
    return [
        replace(one, ranges=tuple(each for each in one.ranges if each.meets(block)))
        for one in connectors
    ]


def _cut(connectors: Iterable[ReceiveConnector], block: AddressRange) -> Iterator[AddressRange]:
    """The block, cut wherever a range of a connector begins or has just ended."""
    blocks = [one for each in connectors for one in each.ranges]
    bounds = {block.first} | {one.first for one in blocks} | {one.last + 1 for one in blocks}
    starts = sorted(bound for bound in bounds if block.first <= bound <= block.last)
    for start, past in zip(starts, [*starts[1:], block.last + 1], strict=True):
        yield AddressRange(block.family, start, past - 1)


def _name(connector: ReceiveConnector | None) -> str | None:
    return None if connector is None else connector.identity.casefold()
