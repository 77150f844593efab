"""Which addresses a change concerns, at one endpoint of a server, over all of a family."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from mailflow.analysis.places import Place, processes_at
from mailflow.exchange.connectors import ReceiveConnector, TransportRole
from mailflow.exchange.ranges import WIDTH, AddressRange

Accepting = tuple[ReceiveConnector | None, ...]
"""The connectors that may accept a host: one, or one of each process that claims the endpoint."""

Differ = Callable[[ReceiveConnector, ReceiveConnector], bool]
"""Whether the same connector means something else for a host with its new values."""


@dataclass(frozen=True, slots=True)
class Block:
    """Addresses that are all treated alike, before and after.

    Attributes:
        block: the addresses.
        was: who accepts them before; None: no connector.
        will: who accepts them after.
    """

    block: AddressRange
    was: Accepting
    will: Accepting


@dataclass(frozen=True, slots=True)
class Contrasted:
    """One endpoint, compared for every address of a family.

    Attributes:
        place: the endpoint.
        processes: whose connectors were compared.
        blocks: into how many pieces the bounds of all ranges cut the address space.
        changed: the blocks that are treated differently, in order.
        is_same: nothing that takes part there changed, so nothing can differ, whatever was not
            read.
    """

    place: Place
    processes: tuple[TransportRole, ...]
    blocks: int
    changed: tuple[Block, ...]
    is_same: bool


def lists_compared(
    before: Sequence[ReceiveConnector],
    after: Sequence[ReceiveConnector],
    place: Place,
    process: TransportRole,
) -> Contrasted:
    """An endpoint where only lists of remote ranges changed; the quick way for long ones."""
    from mailflow.exchange.answer_map import contrast

    found = contrast(
        before,
        after,
        process=process,
        local=place.local,
        port=place.port,
        family=place.family,
    )
    changed = tuple(Block(block, (was,), (will,)) for block, was, will in found.changed)
    return Contrasted(place, (process,), found.blocks, changed, found.is_same)


def settings_compared(
    before: Sequence[ReceiveConnector],
    after: Sequence[ReceiveConnector],
    place: Place,
    differ: Differ,
) -> Contrasted:
    """An endpoint where anything may have changed: bindings, roles, authentication, lists."""
    was, will = processes_at(before, place), processes_at(after, place)
    processes = tuple(dict.fromkeys((*will, *was)))
    maps = [_winners(before, place, process) for process in was or (None,)]
    cut = len(maps)
    maps += [_winners(after, place, process) for process in will or (None,)]
    blocks = 0
    changed: list[Block] = []
    for found, winners in _refined(maps, place):
        blocks += 1
        old, new = tuple(winners[:cut]), tuple(winners[cut:])
        if not _differs(old, new, differ):
            continue
        last = changed[-1] if changed else None
        if last and (last.was, last.will) == (old, new) and last.block.last + 1 == found.first:
            changed[-1] = replace(last, block=replace(last.block, last=found.last))
        else:
            changed.append(Block(found, old, new))
    return Contrasted(place, processes, blocks, tuple(changed), is_same=not changed)


_Winners = list[tuple[int, ReceiveConnector | None]]
"""First addresses of blocks in order, each with the connector that accepts it."""


def _winners(
    connectors: Sequence[ReceiveConnector], place: Place, process: TransportRole | None
) -> _Winners:
    from mailflow.exchange.answer_map import map_answers

    if process is None:
        return [(0, None)]
    found = map_answers(
        connectors,
        process=process,
        local=place.local,
        port=place.port,
        family=place.family,
    )
    return [(block.first, connector) for block, connector in found]


def _refined(
    maps: Sequence[_Winners], place: Place
) -> Iterator[tuple[AddressRange, list[ReceiveConnector | None]]]:
    """The address space, cut where any of the maps is cut, with the winners of all of them."""
    starts = sorted({first for winners in maps for first, _ in winners})
    at = [0] * len(maps)
    for start, past in zip(starts, [*starts[1:], 1 << WIDTH[place.family]], strict=True):
        for number, winners in enumerate(maps):
            if at[number] + 1 < len(winners) and winners[at[number] + 1][0] <= start:
                at[number] += 1
        yield (
            AddressRange(place.family, start, past - 1),
            [winners[here][1] for winners, here in zip(maps, at, strict=True)],
        )


def _differs(old: Accepting, new: Accepting, differ: Differ) -> bool:
    if len(old) != len(new):
        return True
    pairs = product(old, new) if len(old) == 1 else zip(old, new, strict=True)
    return any(
        was is not will
        and (
            was is None
            or will is None
            or was.identity.casefold() != will.identity.casefold()
            or differ(was, will)
        )
        for was, will in pairs
    )
