"""Which connector accepts, for every remote address, in Python alone (section 1.2).

The same questions as `answer_map` answers with numpy, and the same answers: for where numpy is not
installed. It takes up to 35 times as long, which is a third of a second for 50,000 ranges.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from mailflow.exchange.connectors import ReceiveConnector, TransportRole
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
from mailflow.exchange.ties import ties

_Turned = tuple[AddressRange, int]
"""A range, and the turn of its connector: the lower one wins a tie (S1.15, S1.16)."""


@dataclass(frozen=True, slots=True)
class PlainMap:
    """Which connector accepts connections at one endpoint, for every remote address of one family.

    Attributes:
        family: 4 or 6.
        connectors: all connectors of the server, as given.
        starts: first address of each block; the last block ends with the family.
        winners: of each block the place of the connector that accepts; -1: none (S1.18).
    """

    family: Family
    connectors: tuple[ReceiveConnector, ...]
    starts: list[int]
    winners: list[int]

    def __iter__(self) -> Iterator[tuple[AddressRange, ReceiveConnector | None]]:
        """The whole address space in order, cut where another connector accepts."""
        pasts = [*self.starts[1:], 1 << WIDTH[self.family]]
        for first, past, place in zip(self.starts, pasts, self.winners, strict=True):
            yield (
                AddressRange(self.family, first, past - 1),
                connector_at(self.connectors, place),
            )


def map_answers(
    connectors: Sequence[ReceiveConnector],
    *,
    process: TransportRole,
    local: Address | None,
    port: int,
    family: Family,
    first: str = "",
) -> PlainMap:
    """As `answer_map.map_answers`."""
    places = taking_part(
        connectors, process=process, local=local, port=port, family=family, first=first
    )
    owned = [
        (block, turn)
        for turn, place in enumerate(places)
        for block in connectors[place].ranges
        if block.family == family
    ]
    starts = _bounds(owned, family)
    winners = [-1 if turn < 0 else places[turn] for turn in _cover(owned, starts)]
    cuts = [at for at, winner in enumerate(winners) if not at or winner != winners[at - 1]]
    return PlainMap(
        family, tuple(connectors), [starts[at] for at in cuts], [winners[at] for at in cuts]
    )


def differences(
    before: PlainMap,
    after: PlainMap,
    differ: Callable[[ReceiveConnector | None, ReceiveConnector | None], bool] = other_identity,
) -> Iterator[Changed]:
    """As `answer_map.differences`."""
    if before.family != after.family:
        raise ValueError("maps of two address families have nothing to compare")
    starts = sorted({*before.starts, *after.starts})
    was, will = (_spread(side.starts, side.winners, starts) for side in (before, after))
    known: dict[tuple[int, int], bool] = {}
    for pair in zip(was, will, strict=True):
        if pair not in known:
            known[pair] = differ(
                connector_at(before.connectors, pair[0]), connector_at(after.connectors, pair[1])
            )
    for block, (old, new) in blocks_of(before.family, starts, was, will, known.__getitem__):
        yield block, connector_at(before.connectors, old), connector_at(after.connectors, new)


def contrast(
    before: Sequence[ReceiveConnector],
    after: Sequence[ReceiveConnector],
    *,
    process: TransportRole,
    local: Address | None,
    port: int,
    family: Family,
) -> Contrast:
    """As `answer_map.contrast`."""
    places = taking_part(before, process=process, local=local, port=port, family=family)
    both, old, new = [
        [(block, turn) for turn, lot in enumerate(lots) for block in lot]
        for lots in parted(before, after, places, family)
    ] or [[], [], []]
    bounds = _bounds([*both, *old, *new], family)
    was, will = (_cover([*both, *own], bounds) for own in (old, new))
    at = [*places, -1]
    changed = tuple(
        (block, connector_at(before, at[one]), connector_at(after, at[other]))
        for block, (one, other) in blocks_of(
            family, bounds, was, will, lambda pair: pair[0] != pair[1]
        )
    )
    spot_of = [min(spots(before[place].bindings, family, local, port)) for place in places]
    near = _near(both, [*old, *new], family)
    return Contrast(
        len(bounds),
        changed,
        is_same=not (old or new),
        may_tie=_has_equal([*near, *old, *new], spot_of),
    )


def _bounds(owned: Sequence[_Turned], family: Family) -> list[int]:
    """Where the winner may change, in order; 0 among them."""
    pasts = (block.last + 1 for block, _ in owned)
    found = {0, *(block.first for block, _ in owned), *pasts}
    found.discard(1 << WIDTH[family])
    return sorted(found)


def _cover(owned: Sequence[_Turned], bounds: Sequence[int]) -> list[int]:
    """Of each bound the turn that wins there and up to the next one; -1: none.

    From bound to bound the ranges that hold it wait in a heap, the smallest on top (S1.13).
    """
    coming = sorted(owned, key=lambda each: each[0].first, reverse=True)
    held: list[tuple[int, int, int]] = []
    turns = []
    for bound in bounds:
        while coming and coming[-1][0].first <= bound:
            block, turn = coming.pop()
            heappush(held, (block.specificity, turn, block.last))
        while held and held[0][2] < bound:
            heappop(held)
        turns.append(held[0][1] if held else -1)
    return turns


def _spread(starts: Sequence[int], winners: Sequence[int], bounds: Sequence[int]) -> list[int]:
    """The winners of blocks that begin at `starts`, at each of these bounds."""
    found, at = [], 0
    for bound in bounds:
        if at + 1 < len(starts) and starts[at + 1] <= bound:
            at += 1
        found.append(winners[at])
    return found


def _near(both: list[_Turned], others: list[_Turned], family: Family) -> list[_Turned]:
    """The common ranges that meet the span of the others; of IPv6 simply all of them."""
    if family == 6 or not others:
        return both if family == 6 else []
    begin = min(block.first for block, _ in others)
    end = max(block.last for block, _ in others)
    return [each for each in both if each[0].first <= end and each[0].last >= begin]


def _has_equal(owned: Sequence[_Turned], spot_of: Sequence[int]) -> bool:
    """Whether ranges of one size, of two connectors at one binding, overlap (S1.36)."""
    together: dict[int, list[_Turned]] = {}
    for block, turn in owned:
        together.setdefault(spot_of[turn], []).append((block, turn))
    return any(True for some in together.values() for _ in ties(some))
