"""Which elements of a list of remote ranges change nothing, and the smallest list that is equal.

Two lists of a connector are equal where both contain the same addresses and the same connector
accepts every address, at every endpoint of the server. Within a connector the smallest range that
contains an address stands for it (S1.14), so an element inside another one matters where another
connector has a range between the two in size (S1.13, S1.16). A tie (S1.36) is never equal.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from mailflow.analysis.places import Place, doubts_at, hidden_connectors, listens, places_of
from mailflow.analysis.servers import ServerView
from mailflow.exchange.conflicts import check
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import AddressRange, format_range, merged, parse_range
from mailflow.exchange.selection import spots

MOST_EDGES = 48
"""Into more pieces a run of addresses is not cut to find the fewest elements: that takes long."""

Ranges = tuple[AddressRange, ...]


@dataclass(frozen=True, slots=True)
class Tidied:
    """A list that is equal to the one a connector has.

    Attributes:
        ranges: the list, in order of addresses; where nothing shorter was found, the one it has.
        is_smallest: whether no equal list has fewer elements; else none was looked for to the end.
    """

    ranges: Ranges
    is_smallest: bool


def doubts_of(view: ServerView, connector: ReceiveConnector) -> list[str]:
    """What was not read and may decide which lists are equal, in words; none where all was."""
    doubts = list(hidden_connectors(view, view.connectors))
    if not connector.ranges_complete:
        doubts.append(f"RemoteIPRanges of {connector.identity} are incomplete in the data")
    if not connector.bindings_complete:
        doubts.append(f"Bindings of {connector.identity} are incomplete in the data")
    if connector.role is None:
        return [*doubts, f"the transport role of {connector.identity} was not read"]
    others = [each for each in view.connectors if each is not connector]
    for place in _places(view, connector):
        doubts += doubts_at(others, place, connector.role)
    return list(dict.fromkeys(doubts))


def has_overlaps(ranges: Iterable[AddressRange]) -> bool:
    """Whether two elements have an address in common."""
    reached: dict[int, int] = {}
    for block in sorted(ranges, key=_by_first):
        if block.first <= reached.get(block.family, -1):
            return True
        reached[block.family] = block.last
    return False


def redundant(view: ServerView, connector: ReceiveConnector) -> Ranges:
    """Elements inside others that change nothing: without all of them the list is equal.

    Empty too where that cannot be said of any: see `doubts_of`.
    """
    return tuple(connector.ranges[place] for place in _spare(view, connector))


def _spare(view: ServerView, connector: ReceiveConnector) -> list[int]:
    """The places of these elements in the list."""
    if not has_overlaps(connector.ranges) or doubts_of(view, connector):
        return []
    needed = set(_fewest_that_cover(connector.ranges))
    spare = [place for place in range(len(connector.ranges)) if place not in needed]
    while spare:
        left = _without(connector.ranges, spare)
        changed = _changed(view, connector, left)
        if changed is None:
            return []
        if not changed:
            break
        spare = [
            place
            for place in spare
            if not any(connector.ranges[place].meets(block) for block in changed)
        ]
    return spare


def tidied(view: ServerView, connector: ReceiveConnector) -> Tidied:
    """The smallest list that is equal to the one a connector has.

    Called where `doubts_of` has nothing to say and Exchange takes the connector as it is.

    The fewest elements for an address and those around it without a gap is one range, so such
    lists cannot be beaten. Where that would change who accepts a host, or Exchange would refuse it
    (S1.31), the fewest elements are looked for among all that are cut where something changes.
    """
    runs = merged(connector.ranges)
    if _is_equal(view, connector, _written(connector, runs)):
        return _result(connector, runs, is_smallest=True)
    kept = _without(connector.ranges, _spare(view, connector))
    found: list[AddressRange] = []
    is_smallest = True
    for run in runs:
        mine = [block for block in kept if run.holds(block)]
        if len(mine) > 1:
            fewest = _Run(view, connector, run).fewest()
            is_smallest = is_smallest and fewest is not None
            mine = mine if fewest is None else fewest
        found += mine
    if _is_equal(view, connector, _written(connector, found)):
        return _result(connector, found, is_smallest=is_smallest)
    return _result(connector, kept, is_smallest=False)


def _result(
    connector: ReceiveConnector, ranges: Sequence[AddressRange], *, is_smallest: bool
) -> Tidied:
    shorter = len(ranges) < len(connector.ranges)
    return Tidied(_written(connector, ranges) if shorter else connector.ranges, is_smallest)


def _written(connector: ReceiveConnector, ranges: Iterable[AddressRange]) -> Ranges:
    """Ranges in order, each as the connector shows it, else in the shortest notation."""
    texts = {block: block for block in connector.ranges}
    return tuple(
        texts.get(block) or parse_range(format_range(block))
        for block in sorted(ranges, key=lambda each: (each.family, each.first, each.last))
    )


def _without(ranges: Ranges, places: Iterable[int]) -> Ranges:
    unwanted = set(places)
    return tuple(block for place, block in enumerate(ranges) if place not in unwanted)


def _by_first(block: AddressRange) -> tuple[int, int, int]:
    return block.family, block.first, -block.last


def _fewest_that_cover(ranges: Ranges) -> Iterator[int]:
    """Places of as few elements as contain all addresses: each the one that reaches furthest."""
    order = sorted(range(len(ranges)), key=lambda place: _by_first(ranges[place]))
    at = 0
    while at < len(order):
        start = ranges[order[at]]
        best, reached = order[at], start.last
        yield best
        at += 1
        while True:
            further = None
            while at < len(order) and ranges[order[at]].family == start.family:
                block = ranges[order[at]]
                if block.first > reached + 1:
                    break
                if further is None or block.last > ranges[further].last:
                    further = order[at]
                at += 1
            if further is None or ranges[further].last <= reached:
                break
            reached = ranges[further].last
            yield further


def _places(view: ServerView, connector: ReceiveConnector) -> list[Place]:
    """Where the connector listens, each local address that some connector is bound to of its own.

    At another one than its own address only the wildcard counts (S1.16).
    """
    ports = {binding.port for binding in connector.bindings}
    return [place for place in places_of(view.connectors, ports) if listens(connector, place)]


def _is_equal(view: ServerView, connector: ReceiveConnector, ranges: Ranges) -> bool:
    """Whether a list of the same addresses treats every host alike, and Exchange takes it."""
    new = replace(connector, ranges=ranges)
    return not check(new, view.connectors) and _changed(view, connector, ranges) == []


def _changed(
    view: ServerView, connector: ReceiveConnector, ranges: Ranges
) -> list[AddressRange] | None:
    """The addresses that another connector accepts with a list; None: a tie leaves that open.

    Asked as if the connector was enabled: a disabled one changes nothing with any list.
    """
    from mailflow.exchange.answer_map import contrast

    if connector.role is None:
        return None
    old = replace(connector, enabled=True)
    new = replace(old, ranges=ranges)
    before = [old if each is connector else each for each in view.connectors]
    after = [new if each is connector else each for each in view.connectors]
    changed: list[AddressRange] = []
    for place in _places(view, connector):
        found = contrast(
            before,
            after,
            process=connector.role,
            local=place.local,
            port=place.port,
            family=place.family,
        )
        if found.may_tie:
            return None
        changed += [block for block, _, _ in found.changed]
    return changed


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


class _Run:
    """Addresses of a list that follow each other, and what an element of them may be."""

    def __init__(self, view: ServerView, connector: ReceiveConnector, run: AddressRange) -> None:
        self._run = run
        self._own = [block for block in connector.ranges if run.holds(block)]
        others = [each for each in view.connectors if each is not connector]
        here = [place for place in _places(view, connector) if place.family == run.family]
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
