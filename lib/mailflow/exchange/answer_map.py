"""Which connector accepts, for every remote address at once (section 1.2).

Two levels. `map_answers` makes the map of one endpoint of one server out of its connectors. Below
it, `cover` works on columns of numbers and makes the maps of a whole fleet in one go.

The rule S1.13 to S1.16 is one comparison, as in `selection`: the smallest range wins, and between
ranges of one size the one that comes first, if those of specific bindings come before those of the
wildcard and each of the two in load order. So a map is the range-minimum cover of the address
space, and it is made without a loop over ranges: see `_smallest`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain, pairwise
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from mailflow.exchange.connectors import ReceiveConnector, TransportRole
from mailflow.exchange.range_columns import Indices, Numbers, RangeColumns, columns_of
from mailflow.exchange.ranges import WIDTH, Address, AddressRange, Family
from mailflow.exchange.selection import spots
from mailflow.exchange.taking_part import (
    Changed,
    Contrast,
    blocks_of,
    connector_at,
    other_identity,
    parted,
    taking_part,
)

_ALL = np.uint64((1 << 64) - 1)
_NOTHING = _ALL  # the key of a place that no range covers
_ONE = np.uint64(1)
_20 = np.uint64(20)
_32 = np.uint64(32)
_LOW_32 = np.uint64((1 << 32) - 1)

# Small maps are made together, but so few that the work stays within the processor's cache and
# that group, address and row number fit into 64 bits: 13 + 32 + 17.
_CHUNK = 1 << 15
_GROUPS_AT_ONCE = 1 << 12
_CALL = 2000  # what a call of numpy costs, in looks at one slot
_MOST = 1 << 32  # ranges: a key has 32 bits for the size and 32 for the row


@dataclass(frozen=True, slots=True)
class Maps:
    """The maps of one or many groups: blocks of addresses, and the range that wins in each.

    A group is whatever has a map of its own: an endpoint of a server. Blocks stand in the order of
    group and address; each group's first block starts at address 0; a block ends where the next
    one, or the address space, does. Neighbours have different winning ranges.

    Attributes:
        family: 4 or 6.
        groups: how many groups there are; their ids count from 0.
        winner: place of the winning range among the columns the maps were made of; -1: none.
        places: first address of each block; of IPv4 plus 2^32 times its group, of IPv6 its low
            64 bits.
        highs: high 64 bits of IPv6; empty for IPv4.
        owners: group of each block of IPv6; empty for IPv4.
    """

    family: Family
    groups: int
    winner: Indices
    places: Numbers
    highs: Numbers
    owners: Indices

    @property
    def group(self) -> Indices:
        """The group of each block."""
        return (self.places >> _32).astype(np.int64) if self.family == 4 else self.owners

    @property
    def start(self) -> Numbers:
        """First address of each block; of IPv6 its low 64 bits."""
        return self.places & _LOW_32 if self.family == 4 else self.places

    @property
    def start_high(self) -> Numbers:
        """High 64 bits of the first address of each block; zeros for IPv4."""
        return np.zeros_like(self.places) if self.family == 4 else self.highs

    def look_up(
        self, address: Numbers, high: Numbers | None = None, group: Indices | None = None
    ) -> Indices:
        """The winning range of each question, as a place among the columns; -1: none.

        Args:
            address: remote addresses; of IPv6 their low 64 bits.
            high: their high 64 bits; left out for IPv4.
            group: the group of each question, 0 to `groups` - 1; left out: group 0.
        """
        where = np.zeros(len(address), dtype=np.int64) if group is None else group
        winner = np.empty(len(address), dtype=np.int64)
        if self.family == 4:
            # Asked in order, neighbouring questions find neighbouring blocks still in the cache.
            asked, row = _in_order(_position(where, address))
            winner[row] = self.winner[np.searchsorted(self.places, asked, side="right") - 1]
            return winner
        high = np.zeros(len(address), dtype=np.uint64) if high is None else high
        # No search in pairs of numbers: sort the questions among the starts, behind equal ones
        # because lexsort is stable.
        blocks = len(self.places)
        order = np.lexsort(
            (
                np.concatenate([self.places, address]),
                np.concatenate([self.highs, high]),
                np.concatenate([self.owners, where]),
            )
        )
        is_start = order < blocks
        block = np.cumsum(is_start) - 1
        winner[order[~is_start] - blocks] = self.winner[block[~is_start]]
        return winner


def cover(columns: RangeColumns, group: Indices | None = None, groups: int = 1) -> Maps:
    """The maps of all groups, from their ranges.

    Ranges of equal size in one group stand in the order of the columns: the first wins (S1.15), so
    those of specific bindings must come before those of the wildcard (S1.16).

    Args:
        columns: ranges of one family, fewer than 2^32 of them.
        group: the group of each range, 0 to `groups` - 1; left out: all in group 0.
        groups: how many groups there are; one without a range has one block that nobody answers.

    Raises:
        ValueError: too many ranges.
    """
    if len(columns) >= _MOST:
        raise ValueError(f"{len(columns)} ranges are too many for one map")
    if group is None:
        group = np.zeros(len(columns), dtype=np.int64)
    order = None
    if np.any(group[1:] < group[:-1]):
        order = np.argsort(group, kind="stable")
        columns, group = columns.take(order), group[order]
    if columns.family == 6:
        maps = _cover_v6(columns, group, groups)
    else:
        maps = _cover_v4(columns, group, groups)
    if order is None:
        return maps
    winner = np.where(maps.winner < 0, -1, order[maps.winner])
    return replace(maps, winner=winner)


def _cover_v4(columns: RangeColumns, group: Indices, groups: int) -> Maps:
    """Chunks of groups, so that a sort key and a row number fit into 64 bits together."""
    offsets = np.searchsorted(group, np.arange(groups + 1))
    places: list[Numbers] = []
    winners: list[Indices] = []
    begin = 0
    while begin < groups:
        limit = offsets[begin] + _CHUNK
        end = int(np.searchsorted(offsets, limit, side="right")) - 1
        end = min(max(end, begin + 1), begin + _GROUPS_AT_ONCE, groups)
        rows = slice(int(offsets[begin]), int(offsets[end]))
        place, winner = _chunk_v4(
            columns.first[rows], columns.last[rows], group[rows] - begin, end - begin
        )
        place += np.uint64(begin) << _32
        winner[winner >= 0] += rows.start
        places.append(place)
        winners.append(winner)
        begin = end
    nothing = np.zeros(0, dtype=np.uint64)
    return Maps(
        4,
        groups,
        np.concatenate([np.zeros(0, dtype=np.int64), *winners]),
        np.concatenate([nothing, *places]),
        nothing,
        np.zeros(0, dtype=np.int64),
    )


def _chunk_v4(
    first: Numbers, last: Numbers, group: Indices, groups: int
) -> tuple[Numbers, Indices]:
    """Blocks of a few groups as positions (group above address), and their winners.

    The end of one group's addresses is the start of the next one's, so ranges to the last address
    need no care.
    """
    slots, begin, end = _slots_v4(first, last, group, groups)
    key = ((last - first) << _32) | np.arange(len(first), dtype=np.uint64)
    best = _smallest(begin, end, key, len(slots))[:-1]
    slots = slots[:-1]  # without the one past the last address of the last group
    # Every group has a block of its own at its first address.
    keep = np.flatnonzero(_differs(best) | ((slots & _LOW_32) == 0))
    best = best[keep]
    return slots[keep], np.where(best == _NOTHING, -1, (best & _LOW_32).view(np.int64))


def _slots_v4(
    first: Numbers, last: Numbers, group: Indices, groups: int
) -> tuple[Numbers, Indices, Indices]:
    """The places where the winner may change, in order, and each range as a pair of these.

    The last place is the one past the last address of the last group.
    """
    count = len(first)
    bounds = np.empty(2 * count + groups + 1, dtype=np.uint64)
    np.bitwise_or(group.astype(np.uint64) << _32, first, out=bounds[:count])
    np.add(bounds[:count], last - first + _ONE, out=bounds[count : 2 * count])
    bounds[2 * count :] = np.arange(groups + 1, dtype=np.uint64) << _32
    bounds, row = _in_order(bounds)
    changes = _differs(bounds)
    rank = np.empty(len(bounds), dtype=np.int64)
    rank[row] = np.cumsum(changes)
    rank -= 1
    return bounds[np.flatnonzero(changes)], rank[:count], rank[count : 2 * count]


def _cover_v6(columns: RangeColumns, group: Indices, groups: int) -> Maps:
    """The same with addresses as two halves, ranked by sorts instead of packed into keys."""
    (low, high, owner), begin, end = _slots_v6(columns, group, groups)
    by_size = _order_by_size(columns)
    key = np.empty(len(columns), dtype=np.uint64)
    key[by_size] = np.arange(len(columns), dtype=np.uint64)
    best = _smallest(begin, end, key, len(low) + 1)[:-1]
    winner = np.full(len(best), -1, dtype=np.int64)
    covered = best != _NOTHING
    winner[covered] = by_size[best[covered].astype(np.int64)]
    keep = _differs(winner) | ((low == 0) & (high == 0))
    return Maps(6, groups, winner[keep], low[keep], high[keep], owner[keep])


def _slots_v6(
    columns: RangeColumns, group: Indices, groups: int
) -> tuple[tuple[Numbers, Numbers, Indices], Indices, Indices]:
    """As `_slots_v4`, with places as low half, high half and group; the last one is left out."""
    count = len(columns)
    # One past the last address, with carry; past the very last one is 0 of the next group.
    end = columns.last + _ONE
    carry = end == 0
    end_high = columns.last_high + carry
    end_group = group + (carry & (end_high == 0))
    past = end_group == groups
    end_group[past] = 0  # a bound that is there anyway; their rank is set below
    zeros = np.zeros(groups, dtype=np.uint64)
    low = np.concatenate([columns.first, end, zeros])
    high = np.concatenate([columns.first_high, end_high, zeros])
    owner = np.concatenate([group, end_group, np.arange(groups)])
    order = np.lexsort((low, high) if groups == 1 else (low, high, owner))
    low, high, owner = low[order], high[order], owner[order]
    changes = _differs(low) | _differs(high) | _differs(owner)
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.cumsum(changes) - 1
    low, high, owner = low[changes], high[changes], owner[changes]
    ends = rank[count : 2 * count]
    ends[past] = len(low)
    return (low, high, owner), rank[:count], ends


def _order_by_size(columns: RangeColumns, turn: Numbers | None = None) -> Indices:
    """Places of IPv6 ranges from small to large (S1.13), equal ones by turn, then as they stand."""
    low, high = _sizes_v6(columns)
    return np.lexsort((low, high) if turn is None else (turn, low, high))


def _sizes_v6(columns: RangeColumns) -> tuple[Numbers, Numbers]:
    """Sizes less one, as low and high half; the whole of IPv6 saturates (S1.21)."""
    low = columns.last - columns.first  # wraps around where it has to borrow
    high = columns.last_high - columns.first_high - (columns.last < columns.first)
    low -= (low == _ALL) & (high == _ALL)
    return low, high


def _smallest(begin: Indices, end: Indices, key: Numbers, slots: int) -> Numbers:
    """The smallest key of all intervals [begin, end) that cover each slot.

    An interval of n slots is two that overlap, each as long as the largest power of two within n.
    From the longest power down, every slot takes the smallest key that starts there, and hands it
    on as two of half the length. Takes O(n + slots * log slots) and no loop over intervals, except
    over the longest where they are few: mostly those of default connectors, for which alone all
    slots would be handed on again and again.
    """
    best = np.full(slots, _NOTHING, dtype=np.uint64)
    if not len(key):
        return best
    # The exponent of a whole number below 2^53 as floating point is its highest bit, exactly.
    level = (np.frexp((end - begin).astype(np.float64))[1] - 1).astype(np.uint8)
    order = np.argsort(level, kind="stable")
    begin, end, key = begin[order], end[order], key[order]
    edges = np.cumsum(np.bincount(level, minlength=1)).tolist()
    top = _highest_power(edges, slots)
    spare = np.empty_like(best)
    for power in range(top, -1, -1):
        part = slice(edges[power - 1] if power else 0, edges[power])
        if part.start < part.stop:
            np.minimum.at(best, begin[part], key[part])
        if power:
            if part.start < part.stop:
                np.minimum.at(best, end[part] - (1 << power), key[part])
            half = 1 << (power - 1)
            spare[:half] = best[:half]
            np.minimum(best[half:], best[:-half], out=spare[half:])
            best, spare = spare, best
    longest = slice(edges[top], None)
    for first, past, its_key in zip(begin[longest], end[longest], key[longest], strict=True):
        np.minimum(best[first:past], its_key, out=best[first:past])
    return best


def _highest_power(edges: Sequence[int], slots: int) -> int:
    """The power from which on intervals are handed on; those above are laid over one by one.

    Which is cheapest: each power that is not handed on saves two calls and a look at all slots, and
    costs a call for each of its intervals and a look at what these cover.

    Args:
        edges: how many intervals have this power, or one below it.
        slots: how many there are.
    """
    gains, gain = [0], 0
    for power in range(len(edges) - 1, 0, -1):
        gain += slots + 2 * _CALL - (edges[power] - edges[power - 1]) * (_CALL + (1 << power))
        gains.append(gain)
    return len(edges) - 1 - gains.index(max(gains))


def _in_order(numbers: Numbers) -> tuple[Numbers, Indices]:
    """The numbers sorted, and where each stood.

    Where number and place fit into 64 bits together, sorting them as one is several times as fast
    as sorting places by number.
    """
    bits = len(numbers).bit_length()
    if int(numbers.max(initial=0)).bit_length() + bits > 64:
        order = np.argsort(numbers, kind="stable")
        return numbers[order], order
    packed = numbers << np.uint64(bits)
    packed |= np.arange(len(numbers), dtype=np.uint64)
    packed.sort()
    row = (packed & np.uint64((1 << bits) - 1)).view(np.int64)
    packed >>= np.uint64(bits)
    return packed, row


def _position(group: Indices, address: Numbers) -> Numbers:
    """Group and IPv4 address as one number that sorts like the two."""
    result: Numbers = (group.astype(np.uint64) << _32) | address
    return result


def _differs(column: NDArray[np.int64] | Numbers) -> NDArray[np.bool_]:
    """Where a value is not the one before it; the first always."""
    result = np.ones(len(column), dtype=np.bool_)
    np.not_equal(column[1:], column[:-1], out=result[1:])
    return result


@dataclass(frozen=True, slots=True)
class AnswerMap:
    """Which connector accepts connections at one endpoint, for every remote address of one family.

    Only what was read in full counts: a connector whose enabled state or role is not known takes no
    part, and what was cut off is not there. `selection.select` says for an address whether that
    leaves a doubt.

    Attributes:
        family: 4 or 6.
        connectors: all connectors of the server, as given.
        ranges: the ranges that take part, in the order in which they win ties.
        owners: for each of these the place of its connector.
        maps: the blocks, with the winning range as a place in `ranges`.
        columns: the ranges as numbers.
        winners: of each block the place of the connector that accepts; -1: none (S1.18).
    """

    family: Family
    connectors: tuple[ReceiveConnector, ...]
    ranges: tuple[AddressRange, ...]
    owners: Indices
    maps: Maps
    columns: RangeColumns
    winners: Indices

    @property
    def may_tie(self) -> bool:
        """Whether ranges of two connectors at one binding overlap and have one size (S1.36).

        Of no such pair nothing else has to be asked; one may still lie below smaller ranges.
        """
        owner = self.owners.view(np.uint64)
        if self.family == 4:  # most lists share no size with another one
            size = np.sort(((self.columns.last - self.columns.first) << _32) | owner)
            unlike = size[1:] ^ size[:-1]
            if not np.any((unlike != 0) & (unlike <= _LOW_32)):  # in the owner alone
                return False
        return _has_equal(self.columns, owner, np.zeros(len(self.connectors), np.uint64))

    @property
    def starts(self) -> list[int]:
        """First address of each block, as a number; the last block ends with the family."""
        highs, lows = self.maps.start_high.tolist(), self.maps.start.tolist()
        return [(high << 64) | low for high, low in zip(highs, lows, strict=True)]

    def keys(self, labels: Numbers) -> Numbers:
        """Of each block of IPv4 its first address and the label of its connector, as one number.

        Args:
            labels: of each connector a number below 2^20, and at the end that of none.
        """
        return (self.maps.places << _20) | labels[self.winners]

    @property
    def sizes(self) -> list[int]:
        """Of each block the size of the winning range (S1.13); 0 where none answers."""
        sizes = [block.specificity for block in self.ranges]
        return [sizes[place] if place >= 0 else 0 for place in self.maps.winner.tolist()]

    def look_up(
        self, addresses: Sequence[Address]
    ) -> list[tuple[ReceiveConnector | None, AddressRange | None]]:
        """The connector that accepts each address, and its smallest range that holds it.

        Raises:
            ValueError: an address of the other family.
        """
        if any(address.version != self.family for address in addresses):
            raise ValueError(f"not all of these are IPv{self.family} addresses")
        low, high = _halves([int(address) for address in addresses])
        return [
            (None, None) if place < 0 else (self.connectors[self.owners[place]], self.ranges[place])
            for place in self.maps.look_up(low, high).tolist()
        ]

    def __iter__(self) -> Iterator[tuple[AddressRange, ReceiveConnector | None]]:
        """The whole address space in order, cut where another connector accepts."""
        winners = self.winners
        cuts = np.flatnonzero(_differs(winners))
        starts = self.starts
        firsts = [starts[cut] for cut in cuts.tolist()]
        lasts = [first - 1 for first in firsts[1:]] + [(1 << WIDTH[self.family]) - 1]
        for first, last, place in zip(firsts, lasts, winners[cuts].tolist(), strict=True):
            yield AddressRange(self.family, first, last), connector_at(self.connectors, place)


def _halves(numbers: Sequence[int]) -> tuple[Numbers, Numbers]:
    return (
        np.array([number & int(_ALL) for number in numbers], dtype=np.uint64),
        np.array([number >> 64 for number in numbers], dtype=np.uint64),
    )


def map_answers(
    connectors: Sequence[ReceiveConnector],
    *,
    process: TransportRole,
    local: Address | None,
    port: int,
    family: Family,
    first: str = "",
) -> AnswerMap:
    """As `answers.map_answers`: all ranges are ranked and covered at once."""
    places = taking_part(
        connectors, process=process, local=local, port=port, family=family, first=first
    )
    lots = [
        [block for block in connectors[place].ranges if block.family == family] for place in places
    ]
    ranges = tuple(chain.from_iterable(lots))
    owners = np.repeat(np.array(places, dtype=np.int64), list(map(len, lots)))
    columns = _columns(ranges, family)
    maps = cover(columns)
    winners = np.append(owners, -1)[maps.winner]
    return AnswerMap(family, tuple(connectors), ranges, owners, maps, columns, winners)


def _columns(ranges: Sequence[AddressRange], family: Family) -> RangeColumns:
    """`columns_of` for ranges of this one family, which is quicker for many of IPv4."""
    if family == 6:
        return columns_of(ranges, 6)
    count = len(ranges)
    zeros = np.zeros(count, dtype=np.uint64)
    first = np.fromiter(map(attrgetter("first"), ranges), np.uint64, count)
    last = np.fromiter(map(attrgetter("last"), ranges), np.uint64, count)
    return RangeColumns(4, np.arange(count), first, last, zeros, zeros)


def differences(
    before: AnswerMap,
    after: AnswerMap,
    differ: Callable[[ReceiveConnector | None, ReceiveConnector | None], bool] = other_identity,
    keys: tuple[Numbers, Numbers] | None = None,
) -> Iterator[Changed]:
    """Blocks of addresses for which the answerers of two maps differ, in order.

    Args:
        before: the one map.
        after: the other, of the same family.
        differ: whether two answerers differ; asked once for each pair that meets somewhere. Left
            out: by identity.
        keys: `AnswerMap.keys` of both IPv4 maps, with equal labels only where `differ` says no:
            most of two maps that are nearly alike is then not looked at.

    Raises:
        ValueError: the maps are of different families.
    """
    if before.family != after.family:
        raise ValueError("maps of two address families have nothing to compare")
    if keys is not None and before.family == 4:
        yield from _where_unlike(before, after, differ, keys)
        return
    low, high, was, will = _laid_over(before, after)
    wide = len(after.connectors) + 1
    pair = (was + 1) * wide + will + 1
    pairs = np.sort(pair)
    pairs = pairs[_differs(pairs)]  # as np.unique, at a fraction
    wanted = [
        differ(
            connector_at(before.connectors, code // wide - 1),
            connector_at(after.connectors, code % wide - 1),
        )
        for code in pairs.tolist()
    ]
    if not any(wanted):
        return
    where = np.flatnonzero(np.array(wanted, dtype=np.bool_)[np.searchsorted(pairs, pair)])
    for block, old, new in _blocks(before.family, low, high, where, was[where], will[where]):
        yield block, connector_at(before.connectors, old), connector_at(after.connectors, new)


def _laid_over(before: AnswerMap, after: AnswerMap) -> tuple[Numbers, Numbers, Indices, Indices]:
    """Starts (low, high) of the blocks of both maps, and the connector of each in each map.

    Sorted together, each start is followed by the last block of either map that began before it or
    there: where several starts are one, the last of them knows both.
    """
    low = np.concatenate([before.maps.start, after.maps.start])
    high = np.zeros(0, dtype=np.uint64)
    if before.family == 4:
        low, order = _in_order(low)
        changes = low[1:] != low[:-1]
    else:
        high = np.concatenate([before.maps.start_high, after.maps.start_high])
        order = np.lexsort((low, high))
        low, high = low[order], high[order]
        changes = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    last = np.append(np.flatnonzero(changes), len(order) - 1)
    theirs = np.cumsum(order >= len(before.maps.places), dtype=np.int64)[last]
    was, will = before.winners[last - theirs], after.winners[theirs - 1]
    return low[last], high[last] if before.family == 6 else high, was, will


def _where_unlike(
    before: AnswerMap,
    after: AnswerMap,
    differ: Callable[[ReceiveConnector | None, ReceiveConnector | None], bool],
    both: tuple[Numbers, Numbers],
) -> Iterator[Changed]:
    """What `differences` gives for IPv4, without the blocks that begin alike, with one label.

    Up to the next start of either map nothing can differ there. So only the other starts matter,
    and where their blocks end.
    """
    keys = np.concatenate(both)
    keys.sort()
    edges = np.ones(len(keys) + 1, dtype=np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=edges[1:-1])
    at = np.flatnonzero(edges[1:] & edges[:-1])
    starts = {*(keys[at] >> _20).tolist(), *(keys[at[at < len(keys) - 1] + 1] >> _20).tolist()}
    low = np.array(sorted(starts), dtype=np.uint64)
    was, will = (
        side.winners[np.searchsorted(side.maps.places, low, side="right") - 1].tolist()
        for side in (before, after)
    )

    @cache
    def is_wanted(pair: tuple[int, int]) -> bool:
        old, new = pair
        return differ(connector_at(before.connectors, old), connector_at(after.connectors, new))

    for block, (old, new) in blocks_of(4, low.tolist(), was, will, is_wanted):
        yield block, connector_at(before.connectors, old), connector_at(after.connectors, new)


def _blocks(
    family: Family, low: Numbers, high: Numbers, where: Indices, was: Indices, will: Indices
) -> Iterator[tuple[AddressRange, int, int]]:
    """The chosen ones of the blocks that begin at these addresses, neighbours of one kind as one.

    Args:
        family: 4 or 6.
        low: first address of each block of the address space, in order; of IPv6 its low 64 bits.
        high: high 64 bits of these; not looked at for IPv4.
        where: places of the blocks that are wanted, in order.
        was: of each wanted block who answers before.
        will: of each who answers after.
    """
    is_cut = _differs(was) | _differs(will)
    is_cut[1:] |= where[1:] - where[:-1] > 1
    cuts = np.flatnonzero(is_cut)
    begins, ends = where[cuts], where[np.append(cuts, len(where))[1:] - 1] + 1
    kinds = zip(was[cuts].tolist(), will[cuts].tolist(), strict=True)

    def start(at: int) -> int:
        if at == len(low):
            return 1 << WIDTH[family]
        return int(low[at]) | (int(high[at]) << 64 if family == 6 else 0)

    for begin, end, (old, new) in zip(begins.tolist(), ends.tolist(), kinds, strict=True):
        yield AddressRange(family, start(begin), start(end) - 1), old, new


def contrast(
    before: Sequence[ReceiveConnector],
    after: Sequence[ReceiveConnector],
    *,
    process: TransportRole,
    local: Address | None,
    port: int,
    family: Family,
) -> Contrast:
    """As `answers.contrast`, and cheaper than two maps.

    An address outside every range
    that only one of the two has is held by the same ranges before and after. Elsewhere, what both
    have in common is ranked and covered once: the smallest range that holds an address is the
    smaller one of the smallest among the common ranges and the smallest among the others.
    """
    places = taking_part(before, process=process, local=local, port=port, family=family)
    parts: list[list[AddressRange]] = [[], [], []]  # in both, only before, only after
    turns: list[Numbers] = []
    for kind, mine in enumerate(parted(before, after, places, family)):
        turns.append(np.repeat(np.arange(len(mine), dtype=np.uint64), list(map(len, mine))))
        parts[kind] = list(chain.from_iterable(mine))
    columns = _columns(list(chain.from_iterable(parts)), family)
    counts = [len(part) for part in parts]
    turn_of = np.concatenate([np.zeros(0, dtype=np.uint64), *turns])
    blocks, near = _number_of_blocks(columns), _near(columns, counts[0])
    counts[0] = int(np.count_nonzero(near[: counts[0]]))
    chosen = columns.take(np.flatnonzero(near))
    found = _two_covers(chosen, turn_of[near], counts)
    changed = tuple(
        (block, connector_at(before, [*places, -1][old]), connector_at(after, [*places, -1][new]))
        for block, old, new in _blocks(family, *found)
    )
    spot_of = np.array(
        [min(spots(before[at].bindings, family, local, port)) for at in places], dtype=np.uint64
    )
    may_tie = _has_equal(chosen, turn_of[near], spot_of)
    return Contrast(blocks, changed, is_same=not any(counts[1:]), may_tie=may_tie)


def _has_equal(columns: RangeColumns, turn: Numbers, spot_of: Numbers) -> bool:
    """Whether ranges of one size, of two connectors at one binding, overlap (S1.36).

    Among ranges of one size in order of their first address, two that overlap have neighbours
    between them that do, and one of these pairs belongs to two connectors.
    """
    if not len(columns):
        return False
    if columns.family == 6:
        size, high = _sizes_v6(columns)
    else:
        size, high = columns.last - columns.first, np.zeros(len(columns), dtype=np.uint64)
    spot = spot_of[turn.astype(np.int64)]
    order = np.lexsort((columns.first, columns.first_high, size, high, spot))
    left, right = order[:-1], order[1:]
    alike = (spot[left] == spot[right]) & (size[left] == size[right]) & (high[left] == high[right])
    meet = (columns.first_high[right] < columns.last_high[left]) | (
        (columns.first_high[right] == columns.last_high[left])
        & (columns.first[right] <= columns.last[left])
    )
    return bool(np.any(alike & meet & (turn[left] != turn[right])))


def _number_of_blocks(columns: RangeColumns) -> int:
    """Into how many pieces the ranges cut the address space."""
    if columns.family == 6:
        (low, _, _), _, _ = _slots_v6(columns, np.zeros(len(columns), dtype=np.int64), 1)
        return len(low)
    bounds = np.concatenate([columns.first, columns.last + _ONE, np.zeros(1, dtype=np.uint64)])
    bounds.sort()
    return int(np.count_nonzero(_differs(bounds))) - int(bounds[-1] > _LOW_32)


def _near(columns: RangeColumns, common: int) -> NDArray[np.bool_]:
    """Which ranges meet the span of those behind the common ones; of IPv6 simply all of them."""
    if columns.family == 6 or common == len(columns):
        return np.full(len(columns), columns.family == 6)
    begin, end = columns.first[common:].min(), columns.last[common:].max()
    result: NDArray[np.bool_] = (columns.first <= end) & (columns.last >= begin)
    return result


def _two_covers(
    columns: RangeColumns, turn: Numbers, counts: Sequence[int]
) -> tuple[Numbers, Numbers, Indices, Indices, Indices]:
    """Starts of all blocks (low, high), which of them change, and the turns that win in these.

    Args:
        columns: the ranges in both, then those only before, then those only after.
        turn: of each range the turn of its connector; the lowest wins a tie.
        counts: how many ranges there are of each of the three kinds.

    Returns:
        low and high halves of the starts; then the places of the blocks that change, and of each
        of these the turn that wins before and after; -1: none.
    """
    group = np.zeros(len(columns), dtype=np.int64)
    if columns.family == 4:
        slots, begin, end = _slots_v4(columns.first, columns.last, group, 1)
        low, high = slots[:-1], np.zeros(len(slots) - 1, dtype=np.uint64)
        key = ((columns.last - columns.first) << _32) | turn
    else:
        (low, high, _), begin, end = _slots_v6(columns, group, 1)
        by_size = _order_by_size(columns, turn)
        key = np.empty(len(columns), dtype=np.uint64)
        key[by_size] = np.arange(len(columns), dtype=np.uint64)
    edges = np.cumsum([0, *counts]).tolist()
    both, old, new = (
        _smallest(begin[part], end[part], key[part], len(low) + 1)[:-1]
        for part in (slice(*edge) for edge in pairwise(edges))
    )

    def turns(best: Numbers) -> Indices:
        found = np.full(len(best), -1, dtype=np.int64)
        covered = best != _NOTHING
        won = best[covered]
        won = won & _LOW_32 if columns.family == 4 else turn[by_size[won.astype(np.int64)]]
        found[covered] = won.astype(np.int64)
        return found

    # What covers a block in both may have the last word in both; only elsewhere can it change.
    open_ones = np.flatnonzero((old < both) | (new < both))
    was = turns(np.minimum(both[open_ones], old[open_ones]))
    will = turns(np.minimum(both[open_ones], new[open_ones]))
    differ = was != will
    return low, high, open_ones[differ], was[differ], will[differ]
