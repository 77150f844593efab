"""New lists of remote ranges that free addresses from custom connectors, for one server.

After each change the selection is asked again, because another relay connector may win next
(section 1.2). What is given up is as little as can be: single addresses, with the ranges
around them split (S8.63), and further addresses only where Exchange would refuse the pieces (S1.31)
or where a piece, being smaller, would win from another connector (S1.13).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mailflow.analysis.acceptance import Acceptance
from mailflow.analysis.assessment import SHADOWED, assess_connector
from mailflow.analysis.places import places_of
from mailflow.analysis.servers import SortedAddresses, is_custom
from mailflow.exchange.conflicts import check
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import Address, AddressRange, single, subtract


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a server arrives: from an address, to a local address (None: any other) and port."""

    address: Address
    local: Address | None
    port: int


@dataclass(frozen=True, slots=True)
class Move:
    """A block of addresses that another connector accepts than before; None: none does."""

    block: AddressRange
    was: ReceiveConnector | None
    will: ReceiveConnector | None


def release(
    connectors: Sequence[ReceiveConnector], connections: Sequence[Arrival]
) -> list[ReceiveConnector]:
    """The connectors with the lists under which no custom one catches these connections.

    Custom connectors at which an Exchange server can authenticate stay as they are. All connectors
    come back, in their order; one that has no host left is disabled, with its list as it was.
    """
    before, now = list(connectors), list(connectors)
    while caught := _caught(connections, now):
        now = _without(now, caught)
    now = _settled(before, _apart(before, now, connections), connections)
    # What is disabled still stands in the way of the pieces of another one (S1.31).
    while (retired := _retired(before, now)) != now:
        now = _apart(before, retired, connections)
    return now


def _retired(
    before: Sequence[ReceiveConnector], now: Sequence[ReceiveConnector]
) -> list[ReceiveConnector]:
    """Those without a host disabled: no empty list is known to be taken by Exchange (S8.64)."""
    return [
        replace(old, enabled=False) if old.ranges and not new.ranges else new
        for old, new in zip(before, now, strict=True)
    ]


def moved(
    before: Sequence[ReceiveConnector],
    now: Sequence[ReceiveConnector],
    connections: Sequence[Arrival],
) -> Iterator[Move]:
    """Whom else than the addresses of these connections the new lists move, at each place.

    Connectors of `now` differ from those before in their ranges, or are disabled.
    """
    from mailflow.exchange.answers import contrast

    # What is disabled accepts nobody: as if its list were empty.
    now = [
        replace(old, ranges=()) if old.enabled != new.enabled else new
        for old, new in zip(before, now, strict=True)
    ]
    changed = [
        new
        for old, new in zip(before, now, strict=True)
        if old is not new and old.ranges != new.ranges
    ]
    ports = {binding.port for each in changed for binding in each.bindings}
    roles = dict.fromkeys(each.role for each in changed if each.role is not None)
    singles = [single(each.address) for each in connections]
    for place in places_of(now, ports):
        for role in roles:
            found = contrast(
                before,
                now,
                process=role,
                local=place.local,
                port=place.port,
                family=place.family,
            )
            for block, was, will in found.changed:
                for rest in subtract([block], singles):
                    yield Move(rest, was, will)


def _caught(
    connections: Sequence[Arrival], now: Sequence[ReceiveConnector]
) -> dict[str, list[AddressRange]]:
    """The addresses that custom connectors still catch where no server can authenticate."""
    acceptance = Acceptance(now, SortedAddresses(each.address for each in connections))
    caught: dict[str, list[AddressRange]] = {}
    wrong: dict[str, bool] = {}
    for each in connections:
        _, found, _ = acceptance.ask(each.address, each.local, each.port)
        if found is None:
            continue
        name = found.identity
        if name not in wrong:
            wrong[name] = _is_wrong(found, now)
        if wrong[name]:
            caught.setdefault(name, []).append(single(each.address))
    return caught


def _is_wrong(connector: ReceiveConnector, now: Sequence[ReceiveConnector]) -> bool:
    """Whether it is a custom connector that no Exchange server may be left on."""
    said = assess_connector(connector, now, downgraded=True)
    return said.cause == SHADOWED or (said.state == "found" and is_custom(connector, now))


def _without(
    now: Iterable[ReceiveConnector], blocks: Mapping[str, Sequence[AddressRange]]
) -> list[ReceiveConnector]:
    """The connectors without these blocks, each taken out of the smallest range that contains it.

    That range made the connector win (S1.14). Where a larger one still does, the next round takes
    the block out of that as well.
    """
    result = []
    for each in now:
        holes: dict[AddressRange, list[AddressRange]] = {}
        for block in blocks.get(each.identity, ()):
            containing = [known for known in each.ranges if known.holds(block)]
            if containing:
                least = min(containing, key=lambda known: known.specificity)
                holes.setdefault(least, []).append(block)
        if not holes:
            result.append(each)
            continue
        pieces = (
            piece
            for known in each.ranges
            for piece in (subtract([known], holes[known]) if known in holes else (known,))
        )
        result.append(replace(each, ranges=tuple(dict.fromkeys(pieces))))
    return result


def _instead(
    ranges: Iterable[AddressRange], old: AddressRange, new: Iterable[AddressRange]
) -> tuple[AddressRange, ...]:
    """The list with the pieces of a range in its place, none twice."""
    pieces = tuple(new)
    return tuple(
        dict.fromkeys(piece for each in ranges for piece in (pieces if each == old else (each,)))
    )


def _apart(
    before: Sequence[ReceiveConnector],
    now: list[ReceiveConnector],
    connections: Sequence[Arrival],
) -> list[ReceiveConnector]:
    """Lists that can stand beside each other: pieces of two may be equal or overlap (S1.31).

    Of the ways to end a conflict the one that moves the fewest hosts is taken. Where ranges are
    equal, one of the two gives its up; where they overlap, one is cut at the other's bounds, or
    gives up what they have in common.
    """
    old = {each.identity: set(each.ranges) for each in before}
    for _ in range(len(now) ** 2 + sum(len(each.ranges) for each in now)):
        changed = [each for each in now if set(each.ranges) != old[each.identity]]
        conflict = next(filter(None, (check(each, now) for each in changed)), None)
        if conflict is None or conflict.ranges is None:
            break
        ours, theirs = conflict.ranges
        pairs = [(conflict.first, ours, theirs), (conflict.second, theirs, ours)]
        # A piece gives way. What stood beside each other before is for a person to clear (S8.65).
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
            replace(each, ranges=_instead(each.ranges, mine, pieces))
            if each.identity == connector.identity
            else each
            for each in now
        ]


def _settled(
    before: Sequence[ReceiveConnector],
    now: list[ReceiveConnector],
    connections: Sequence[Arrival],
) -> list[ReceiveConnector]:
    """A piece that wins where the whole range lost is given up too, if that moves fewer hosts.

    So it goes where a specific binding meets the wildcard: there equal pieces are allowed (S1.33),
    and the specific one wins the tie (S1.16).
    """
    moves = list(moved(before, now, connections))
    changed = {new.identity for old, new in zip(before, now, strict=True) if old != new}
    while True:
        given_up: dict[str, list[AddressRange]] = {}
        for each in moves:
            if each.was and each.will and each.will.identity in changed:
                given_up.setdefault(each.will.identity, []).append(each.block)
        tried = _apart(before, _without(now, given_up), connections) if given_up else now
        fewer = list(moved(before, tried, connections)) if given_up else moves
        if _hosts(fewer) >= _hosts(moves):
            return now
        now, moves = tried, fewer


def _hosts(moves: Iterable[Move]) -> int:
    return sum(each.block.size for each in moves)
