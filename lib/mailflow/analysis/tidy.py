"""Which elements of a list of remote ranges change nothing, and the smallest list that is equal.

Two lists of a connector are equal where both contain the same addresses and the same connector
accepts every address, at every endpoint of the server. Within a connector the smallest range that
contains an address stands for it (S1.14), so an element inside another one matters where another
connector has a range between the two in size (S1.13, S1.16). A tie (S1.36) is never equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from mailflow.analysis.fewest import Run
from mailflow.analysis.places import doubts_at, hidden_connectors, places_heard
from mailflow.analysis.servers import ServerView
from mailflow.exchange.conflicts import check
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import AddressRange, format_range, merged, parse_range

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
    for place in places_heard(view.connectors, connector):
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

    No list can do with less than one element for each run of addresses without a gap. Where one
    would change who accepts a host, or Exchange would refuse it (S1.31), the fewest elements of
    that run are looked for.
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
            fewest = Run(view, connector, run).fewest()
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
    for place in places_heard(view.connectors, connector):
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
