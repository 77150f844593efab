"""Which addresses a change concerns, at one endpoint of a server, over all of a family."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from mailflow.analysis.places import Place, processes_at, tie_in_words, ties_at
from mailflow.exchange.connectors import ReceiveConnector, TransportRole
from mailflow.exchange.ranges import WIDTH, AddressRange

Accepted = ReceiveConnector | None
"""The connector that accepts a host; None: no connector."""

Accepting = tuple[Accepted, ...]
"""The connectors that may accept a host: one; or one of each process that claims the endpoint; or
all that are in a tie."""

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
        is_tied: several connectors that may accept a host are in a tie (S1.36); else they belong
            to different processes.
    """

    place: Place
    processes: tuple[TransportRole, ...]
    blocks: int
    changed: tuple[Block, ...]
    is_same: bool
    is_tied: bool = False

    @property
    def tie_doubts(self) -> Iterator[str]:
        """The ties that matter to what changes, in words."""
        for some in (each for block in self.changed for each in (block.was, block.will)):
            if self.is_tied and len(some) > 1:
                yield tie_in_words(
                    (connector.identity for connector in some if connector), self.place
                )


def lists_compared(
    before: Sequence[ReceiveConnector],
    after: Sequence[ReceiveConnector],
    place: Place,
    process: TransportRole,
) -> Contrasted:
    """An endpoint where only lists of remote ranges changed; the quick way for long ones."""
    from mailflow.exchange.answers import contrast

    found = contrast(
        before,
        after,
        process=process,
        local=place.local,
        port=place.port,
        family=place.family,
    )
    if found.may_tie:
        return ties_compared(before, after, place, process, lambda *_: False)
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
    if len(processes) == 1 and _tied(before, after, place, *processes):
        return ties_compared(before, after, place, *processes, differ)
    maps = [_winners(before, place, process) for process in was or (None,)]
    cut = len(maps)
    maps += [_winners(after, place, process) for process in will or (None,)]
    blocks = 0
    changed: list[Block] = []
    for found, winners in _refined(maps, place):
        blocks += 1
        old, new = tuple(winners[:cut]), tuple(winners[cut:])
        if _differs(old, new, differ):
            _append(changed, Block(found, old, new))
    return Contrasted(place, processes, blocks, tuple(changed), is_same=not changed)


def ties_compared(
    before: Sequence[ReceiveConnector],
    after: Sequence[ReceiveConnector],
    place: Place,
    process: TransportRole,
    differ: Differ,
) -> Contrasted:
    """An endpoint where connectors are in a tie, before or after: each of them may accept (S1.36).

    One map for each of them as the one that wins its ties.
    """
    names = _tied(before, after, place, process) or [""]
    maps = [_winners(some, place, process, name) for some in (before, after) for name in names]
    blocks = 0
    changed: list[Block] = []
    for found, winners in _refined(maps, place):
        blocks += 1
        old, new = _once(winners[: len(names)]), _once(winners[len(names) :])
        if _may_differ(old, new, differ):
            _append(changed, Block(found, old, new))
    return Contrasted(place, (process,), blocks, tuple(changed), is_same=not changed, is_tied=True)


def _tied(
    before: Sequence[ReceiveConnector],
    after: Sequence[ReceiveConnector],
    place: Place,
    process: TransportRole,
) -> list[str]:
    """Identities of the connectors that are in a tie, before or after."""
    pairs = (*ties_at(before, place, process), *ties_at(after, place, process))
    return sorted({name for pair in pairs for name in pair})


def _once(winners: Iterable[ReceiveConnector | None]) -> Accepting:
    return tuple({each and each.identity: each for each in winners}.values())


def matched(old: Accepting, new: Accepting) -> Iterator[tuple[Accepted, Accepted]]:
    """Which connector of a tie may follow which.

    Where the same ones are in a tie before and after, the order of loading stays what it was.
    """
    then = {each and each.identity.casefold(): each for each in new}
    if then.keys() == {each and each.identity.casefold() for each in old}:
        yield from ((each, then[each and each.identity.casefold()]) for each in old)
    else:
        yield from product(old, new)


def _may_differ(old: Accepting, new: Accepting, differ: Differ) -> bool:
    return any(_differs((was,), (will,), differ) for was, will in matched(old, new))


def _append(changed: list[Block], block: Block) -> None:
    """Neighbours that are treated alike are one block."""
    last = changed[-1] if changed else None
    if (
        last
        and (last.was, last.will) == (block.was, block.will)
        and last.block.last + 1 == block.block.first
    ):
        changed[-1] = replace(last, block=replace(last.block, last=block.block.last))
    else:
        changed.append(block)


_Winners = list[tuple[int, ReceiveConnector | None]]
"""First addresses of blocks in order, each with the connector that accepts it."""


def _winners(
    connectors: Sequence[ReceiveConnector],
    place: Place,
    process: TransportRole | None,
    first: str = "",
) -> _Winners:
    from mailflow.exchange.answers import map_answers

    if process is None:
        return [(0, None)]
    found = map_answers(
        connectors,
        process=process,
        local=place.local,
        port=place.port,
        family=place.family,
        first=first,
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
