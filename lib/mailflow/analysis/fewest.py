"""The fewest elements for a run of addresses, beside the lists of other connectors.

An element may not equal or overlap in part what another connector lists (S1.31, S1.32). So it can
begin and end only where something changes, or one address beside; among these ranges the fewest
are chosen that contain the whole run, and win what the connector wins today and nothing else.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mailflow.analysis.places import Place, listens, places_heard
from mailflow.analysis.servers import ServerView
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import AddressRange, format_range
from mailflow.exchange.selection import spots

MOST_EDGES = 48
"""Into more pieces a run of addresses is not cut to find the fewest elements: that takes long."""

_Key = tuple[int, int]
"""Size of a range, and 0 for the very address or 1 for the wildcard: the smaller wins (S1.16)."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """Addresses that are all treated alike.

    Attributes:
        first: the first of them.
        rivals: at each endpoint the key of the other connectors that is the smallest.
        wanted: whether the connector accepts them there.
    """

    first: int
    rivals: tuple[_Key | None, ...]
    wanted: tuple[bool, ...]


class Run:
    """Addresses of a list that follow each other, and what an element of them may be."""

    def __init__(self, view: ServerView, connector: ReceiveConnector, run: AddressRange) -> None:
        """Look at what other connectors of the server list there.

        Args:
            view: the server; all that decides was read of its connectors.
            connector: whose list contains the run.
            run: addresses without a gap, and none beside them.
        """
        self._run = run
        self._own = [block for block in connector.ranges if run.holds(block)]
        others = [each for each in view.connectors if each is not connector]
        here = [
            place
            for place in places_heard(view.connectors, connector)
            if place.family == run.family
        ]
        self._keys = [_spot(connector, place) for place in here]
        self._rivals = [
            [
                (block, _spot(each, place))
                for each in others
                if each.enabled and each.role == connector.role and listens(each, place)
                for block in each.ranges
                if block.meets(run)
            ]
            for place in here
        ]
        pairs = [
            (each, [(a, b) for a in connector.bindings for b in each.bindings if a.meets(b)])
            for each in others
        ]
        self._beside = [
            (
                [block for block in each.ranges if block.meets(run)],
                any(a == b for a, b in meeting),
            )
            for each, meeting in pairs
            if meeting
        ]

    def fewest(self) -> list[AddressRange] | None:
        """The fewest elements that treat every address of the run alike; None: not looked for."""
        pieces = self._pieces()
        edges = self._edges(pieces)
        if len(edges) > MOST_EDGES:
            return None
        cut = self._cut(pieces, edges)
        ends = [*edges, self._run.last + 1]
        served: dict[int, AddressRange] = {}
        for begin in range(len(edges)):
            for end in range(begin, len(edges)):
                block = AddressRange(self._run.family, ends[begin], ends[end + 1] - 1)
                serves = self._serves(block, cut, begin, end)
                if serves:
                    served[serves] = _handier(served.get(serves), block)
        everything = 0
        for serves in served:
            everything |= serves
        if everything != self._needs(cut):
            return None
        chosen = _fewest_sets(list(served), everything)
        return [served[serves] for serves in chosen]

    def _pieces(self) -> list[_Piece]:
        """The run cut at all bounds of all lists."""
        blocks = [*self._own, *(block for some in self._rivals for block, _ in some)]
        bounds = {each for block in blocks for each in (block.first, block.last + 1)}
        firsts = sorted({self._run.first, *(b for b in bounds if b in self._span)})
        return [self._piece(first) for first in firsts]

    @property
    def _span(self) -> range:
        return range(self._run.first, self._run.last + 1)

    def _piece(self, first: int) -> _Piece:
        size = min(each.specificity for each in self._own if each.first <= first <= each.last)
        rivals = tuple(
            min(
                (
                    (block.specificity, spot)
                    for block, spot in some
                    if block.first <= first <= block.last
                ),
                default=None,
            )
            for some in self._rivals
        )
        wanted = tuple(
            rival is None or (size, spot) < rival
            for rival, spot in zip(rivals, self._keys, strict=True)
        )
        return _Piece(first, rivals, wanted)

    def _edges(self, pieces: Sequence[_Piece]) -> list[int]:
        """Where an element may begin: where something changes, and beside a range of another's.

        An element may not be equal to such a range (S1.31), so it may have to end one before it.
        """
        found = {self._run.first}
        for before, after in itertools.pairwise(pieces):
            if (before.rivals, before.wanted) != (after.rivals, after.wanted):
                found.add(after.first)
        for blocks, _ in self._beside:
            for block in blocks:
                found.update((block.first, block.first + 1, block.last, block.last + 1))
        return sorted(edge for edge in found if edge in self._span)

    def _cut(self, pieces: Sequence[_Piece], edges: Sequence[int]) -> list[_Piece]:
        """The pieces between edges: what one has at its first address it has at all."""
        firsts = [piece.first for piece in pieces]
        return [replace(pieces[bisect_right(firsts, edge) - 1], first=edge) for edge in edges]

    def _serves(self, block: AddressRange, cut: Sequence[_Piece], begin: int, end: int) -> int:
        """What an element does for which pieces, a bit each; 0: it must not be in the list.

        For each piece a bit that it is contained, and one for each endpoint where it is accepted.
        """
        for blocks, equal in self._beside:
            if any(block.sticks_out_of(each) or (equal and block == each) for each in blocks):
                return 0
        width = len(self._keys) + 1
        serves = 0
        for place in range(begin, end + 1):
            piece = cut[place]
            serves |= 1 << (place * width)
            for at, (rival, spot) in enumerate(zip(piece.rivals, self._keys, strict=True), 1):
                key = (block.specificity, spot)
                if rival is None or key < rival:
                    if not piece.wanted[at - 1]:
                        return 0
                    serves |= 1 << (place * width + at)
                elif key == rival:
                    return 0
        return serves

    def _needs(self, cut: Sequence[_Piece]) -> int:
        width = len(self._keys) + 1
        needs = 0
        for place, piece in enumerate(cut):
            needs |= 1 << (place * width)
            for at, wanted in enumerate(piece.wanted, 1):
                needs |= wanted << (place * width + at)
        return needs


def _spot(connector: ReceiveConnector, place: Place) -> int:
    return min(spots(connector.bindings, place.family, place.local, place.port))


def _handier(known: AddressRange | None, block: AddressRange) -> AddressRange:
    """Of two ranges that serve alike the one that a prefix can name, else the first."""
    if known is None or ("-" in format_range(known) and "-" not in format_range(block)):
        return block
    return known


def _fewest_sets(sets: Sequence[int], needs: int) -> list[int]:
    """As few of these sets as cover all that is needed; a set is a number, its members the bits.

    A set inside another one is left out, and a member that is covered wherever another one is. A
    member that one set alone has calls for it; where each has several, each of them is tried.
    """
    chosen: list[int] = []
    while needs:
        by_use = {each & needs: each for each in sets if each & needs}
        sets = [
            whole
            for use, whole in by_use.items()
            if not any(use | other == other != use for other in by_use)
        ]
        bits = {
            frozenset(each for each in sets if each & 1 << bit): 1 << bit
            for bit in range(needs.bit_length())
            if needs & 1 << bit
        }
        owners = [some for some in bits if not any(other < some for other in bits)]
        least = min(owners, key=len)
        if len(least) > 1:
            fewer = sum(bits[some] for some in owners)
            if fewer == needs:
                tries = ([each, *_fewest_sets(sets, needs & ~each)] for each in sorted(least))
                return chosen + min(tries, key=len)
            needs = fewer
            continue
        chosen += least
        needs &= ~chosen[-1]
    return chosen
