"""Whom each connector really accepts: the map of every endpoint, of all servers at once.

A connector's list says whom it may answer; smaller ranges of others take addresses away (S1.13),
and what is disabled or bound nowhere answers nobody (S1.10).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailflow.analysis.servers import FAMILIES, ServerView, address_of
from mailflow.exchange.connectors import ReceiveConnector, TransportRole
from mailflow.exchange.ranges import WIDTH, Address, AddressRange, Family, merged
from mailflow.exchange.selection import spots

if TYPE_CHECKING:
    from mailflow.exchange.answer_map import Maps
    from mailflow.exchange.range_columns import Indices, RangeColumns


@dataclass(frozen=True, slots=True)
class Spot:
    """An endpoint with a map of its own.

    Attributes:
        member: place of the server among the members.
        process: the transport process whose connectors take part (S1.10).
        port: the local port.
        local: the local address as a number; None: every one that no connector is bound to, for
            which only wildcard bindings count (S1.16).
    """

    member: int
    process: TransportRole
    port: int
    local: int | None


@dataclass(frozen=True, slots=True)
class Reach:
    """How many addresses a connector lists, and how many it accepts at one endpoint or another."""

    listed: Mapping[Family, int]
    answered: Mapping[Family, int]

    @property
    def answers_nobody(self) -> bool:
        """Whether no address at all reaches it."""
        return not any(self.answered.values())


@dataclass(frozen=True, slots=True)
class _FamilyMap:
    """The maps of all endpoints in one family.

    Attributes:
        spots: the number of each endpoint's map.
        columns: the ranges that take part, `row` counting within each connector.
        owner: the connector of each of these, by its number in the organization.
        maps: the blocks.
        answerer: who answers each block, by number; -1: nobody.
        edges: where the blocks of each map begin, and where the last one's end.
    """

    spots: Mapping[Spot, int]
    columns: RangeColumns
    owner: Indices
    maps: Maps
    answerer: Indices
    edges: Sequence[int]


class WholeMap:
    """Which connector accepts whom on every server of an organization.

    Only connectors that certainly take part do (S1.10): what was not read could only take addresses
    away from them, or give a connector more than is said here of itself.
    """

    def __init__(self, servers: Sequence[ServerView]) -> None:
        """Map every endpoint of these servers.

        Args:
            servers: all members; `connectors` holds theirs one after the other, each known by its
                number.
        """
        self.members = servers
        self.connectors = [connector for member in servers for connector in member.connectors]
        self._first = _running_total(len(member.connectors) for member in servers)
        self._columns = {family: _columns_of_all(self.connectors, family) for family in FAMILIES}
        self._families = {family: self._mapped(family) for family in FAMILIES}

    def reaches(self) -> list[Reach]:
        """Of each connector in the order of `connectors`."""
        listed = {family: self._listed(family) for family in FAMILIES}
        answered = {family: self._answered(family) for family in FAMILIES}
        return [
            Reach(
                {family: listed[family][place] for family in FAMILIES},
                {family: answered[family][place] for family in FAMILIES},
            )
            for place in range(len(self.connectors))
        ]

    def member_of(self, number: int) -> ServerView:
        """Whose connector it is."""
        return self.members[self._member(number)]

    def find(self, spot: Spot, family: Family) -> int | None:
        """The number of an endpoint's map; None: nobody listens there."""
        return self._families[family].spots.get(spot)

    def winners(
        self, family: Family, maps: Sequence[int], addresses: Sequence[int]
    ) -> list[tuple[ReceiveConnector, AddressRange] | None]:
        """Which connector accepts each address at each endpoint, and by which range; None: nobody.

        Args:
            family: of all of these.
            maps: of each question the number that `find` gave.
            addresses: of each question the remote address.
        """
        import numpy as np

        here = self._families[family]
        low = np.array([number & _LOW for number in addresses], dtype=np.uint64)
        high = np.array([number >> 64 for number in addresses], dtype=np.uint64)
        found = here.maps.look_up(low, high, np.array(maps, dtype=np.int64)).tolist()
        return [None if place < 0 else self._range(family, place) for place in found]

    def accepted(self, number: int) -> tuple[AddressRange, ...]:
        """The addresses that a connector accepts at one endpoint or another, in order."""
        found: list[AddressRange] = []
        for family in FAMILIES:
            for spot in self._spots_of(number, family):
                starts, winners = self._blocks(family, spot)
                ends = [*(start - 1 for start in starts[1:]), (1 << WIDTH[family]) - 1]
                found += (
                    AddressRange(family, first, last)
                    for first, last, winner in zip(starts, ends, winners, strict=True)
                    if winner == number
                )
        return merged(found)

    def takers(self, number: int) -> list[ReceiveConnector]:
        """Who answers addresses in a connector's ranges at its endpoints; itself is left out."""
        mine = self.connectors[number]
        found: dict[int, None] = {}
        for family in FAMILIES:
            for spot in self._spots_of(number, family):
                starts, winners = self._blocks(family, spot)
                for block in mine.ranges:
                    if block.family == family:
                        begin = bisect_right(starts, block.first) - 1
                        end = bisect_right(starts, block.last)
                        found |= dict.fromkeys(winners[begin:end])
        found.pop(number, None)
        found.pop(-1, None)
        return [self.connectors[place] for place in found]

    def is_custom(self, number: int) -> bool:
        """Whether an administrator made it."""
        at = self._member(number)
        return number - self._first[at] in self.members[at].custom

    def _member(self, number: int) -> int:
        # Servers without connectors share their number's place with the next one.
        return bisect_right(self._first, number) - 1

    def _mapped(self, family: Family) -> _FamilyMap:
        import numpy as np

        from mailflow.exchange.answer_map import cover

        columns, offsets = self._columns[family]
        places: dict[Spot, int] = {}
        rows = [np.zeros(0, dtype=np.int64)]
        owners = [np.zeros(0, dtype=np.int64)]
        groups = [np.zeros(0, dtype=np.int64)]
        for number, (spot, taking_part) in enumerate(self._endpoints(family)):
            places[spot] = number
            for index in taking_part:
                begin, end = offsets[index], offsets[index + 1]
                rows.append(np.arange(begin, end))
                owners.append(np.full(end - begin, index))
                groups.append(np.full(end - begin, number))
        taken = columns.take(np.concatenate(rows))
        owner = np.concatenate(owners)
        maps = cover(taken, np.concatenate(groups), len(places))
        answerer = np.append(owner, -1)[maps.winner]
        edges = np.searchsorted(maps.group, np.arange(len(places) + 1)).tolist()
        return _FamilyMap(places, taken, owner, maps, answerer, edges)

    def _endpoints(self, family: Family) -> Iterator[tuple[Spot, list[int]]]:
        """Each endpoint, and who takes part in the order in which they win ties (S1.15, S1.16)."""
        for at, member in enumerate(self.members):
            bound = dict.fromkeys(
                (connector.role, binding.port, binding.address or None)
                for connector in member.connectors
                if connector.enabled and connector.role is not None
                for binding in connector.bindings
                if binding.family == family
            )
            for role, port, number in bound:
                if role is None:
                    continue
                local = None if number is None else address_of(family, number)
                turns = sorted(
                    (min(found), connector.name.casefold(), place)
                    for place, connector in enumerate(member.connectors)
                    if connector.enabled and connector.role == role
                    if (found := spots(connector.bindings, family, local, port))
                )
                spot = Spot(at, role, port, number)
                yield spot, [self._first[at] + place for _, _, place in turns]

    def _spots_of(self, number: int, family: Family) -> list[int]:
        """The maps in which a connector takes part."""
        connector, at = self.connectors[number], self._member(number)
        return [
            place
            for spot, place in self._families[family].spots.items()
            if (spot.member, spot.process) == (at, connector.role)
            and spots(connector.bindings, family, _local(family, spot), spot.port)
        ]

    def _blocks(self, family: Family, spot: int) -> tuple[list[int], list[int]]:
        """First addresses of the blocks of one map, and the numbers of those who answer; -1: no."""
        here = self._families[family]
        mine = slice(here.edges[spot], here.edges[spot + 1])
        pairs = zip(
            here.maps.start_high[mine].tolist(), here.maps.start[mine].tolist(), strict=True
        )
        return [(high << 64) | low for high, low in pairs], here.answerer[mine].tolist()

    def _range(self, family: Family, place: int) -> tuple[ReceiveConnector, AddressRange]:
        here = self._families[family]
        owner = self.connectors[here.owner[place]]
        return owner, owner.ranges[here.columns.row[place]]

    def _listed(self, family: Family) -> list[int]:
        """How many addresses the ranges of each connector hold, each address once."""
        import numpy as np

        columns, offsets = self._columns[family]
        owner = np.repeat(np.arange(len(self.connectors)), np.diff(offsets))
        return _covered(columns, owner, len(self.connectors))

    def _answered(self, family: Family) -> list[int]:
        """How many addresses each connector accepts at one endpoint at least."""
        import numpy as np

        here = self._families[family]
        won = np.flatnonzero(here.answerer >= 0)
        blocks = _blocks_as_columns(here.maps).take(won)
        return _covered(blocks, here.answerer[won], len(self.connectors))


_LOW = (1 << 64) - 1


def _running_total(counts: Iterable[int]) -> list[int]:
    totals = [0]
    for count in counts:
        totals.append(totals[-1] + count)
    return totals


def _columns_of_all(
    connectors: Sequence[ReceiveConnector], family: Family
) -> tuple[RangeColumns, list[int]]:
    """The ranges of all connectors, `row` counting within each; and where each one's begin."""
    import numpy as np

    from mailflow.exchange.range_columns import RangeColumns, columns_of

    parts = [
        columns_of((), family),
        *(columns_of(connector.ranges, family) for connector in connectors),
    ]
    names = ("row", "first", "last", "first_high", "last_high")
    joined_up = (np.concatenate([getattr(part, name) for part in parts]) for name in names)
    return RangeColumns(family, *joined_up), _running_total(len(part) for part in parts[1:])


def _blocks_as_columns(maps: Maps) -> RangeColumns:
    """The blocks of all maps as ranges: each goes up to the next one, or to the family's end."""
    import numpy as np

    from mailflow.exchange.range_columns import RangeColumns

    count = len(maps.winner)
    row = np.arange(count)
    start, high = maps.start, maps.start_high
    # One below the next block's start; at a group's last block that wraps around to the end.
    last = np.append(start[1:], np.uint64(0)) - np.uint64(1)
    borrow = np.append(start[1:], np.uint64(0)) == 0
    if maps.family == 4:
        return RangeColumns(4, row, start, last & np.uint64((1 << 32) - 1), high, high)
    last_high = np.append(high[1:], np.uint64(0)) - borrow.astype(np.uint64)
    return RangeColumns(6, row, start, last, high, last_high)


def _covered(columns: RangeColumns, owner: Indices, count: int) -> list[int]:
    """How many addresses the ranges of each owner hold together, each address once."""
    import numpy as np

    from mailflow.exchange.answer_map import cover

    maps = cover(columns, owner, count)
    blocks = _blocks_as_columns(maps)
    inside = np.flatnonzero(maps.winner >= 0)
    blocks, group = blocks.take(inside), maps.group[inside]
    totals = [0] * count
    if columns.family == 4:
        sizes = np.zeros(count, dtype=np.uint64)
        np.add.at(sizes, group, blocks.last - blocks.first + np.uint64(1))
        return [int(size) for size in sizes]
    for at, low, high, last, last_high in zip(
        group.tolist(),
        blocks.first.tolist(),
        blocks.first_high.tolist(),
        blocks.last.tolist(),
        blocks.last_high.tolist(),
        strict=True,
    ):
        totals[at] += ((last_high << 64) | last) - ((high << 64) | low) + 1
    return totals


def _local(family: Family, spot: Spot) -> Address | None:
    return None if spot.local is None else address_of(family, spot.local)
