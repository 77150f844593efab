"""Which connectors take part at an endpoint, and what is said of two sets of their lists.

What the two ways of working out who answers share: `answer_map`, which is numpy from end to end,
and `plain_map`, which is Python alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from mailflow.exchange.connectors import ReceiveConnector, TransportRole
from mailflow.exchange.ranges import WIDTH, Address, AddressRange, Family
from mailflow.exchange.selection import spots


def taking_part(
    connectors: Sequence[ReceiveConnector],
    *,
    process: TransportRole,
    local: Address | None,
    port: int,
    family: Family,
    first: str = "",
) -> list[int]:
    """Places of the connectors at an endpoint, in the order in which they win ties (S1.16).

    Who wins between equal ranges at one binding is not known (S1.36): by name it is the same one
    whatever the order of an export. `places.tie_doubts` says that it is not known.

    Raises:
        ValueError: the local address is of another family (S1.17).
    """
    if local is not None and local.version != family:
        raise ValueError(f"IPv{family} cannot connect to {local}: two address families")
    places = [
        (min(found), connector.identity != first, connector.name.casefold(), place)
        for place, connector in enumerate(connectors)
        if connector.enabled and connector.role == process
        if (found := spots(connector.bindings, family, local, port))
    ]
    return [place for *_, place in sorted(places)]


Changed = tuple[AddressRange, ReceiveConnector | None, ReceiveConnector | None]
"""A block of addresses, and which connector accepts it before and after; None: none."""


def _identity(connector: ReceiveConnector | None) -> str | None:
    return None if connector is None else connector.identity.casefold()


def other_identity(before: ReceiveConnector | None, after: ReceiveConnector | None) -> bool:
    """Whether another connector accepts, by its name."""
    return _identity(before) != _identity(after)


def connector_at(connectors: Sequence[ReceiveConnector], place: int) -> ReceiveConnector | None:
    """The connector at a place; None for -1, nobody."""
    return None if place < 0 else connectors[place]


@dataclass(frozen=True, slots=True)
class Contrast:
    """One endpoint under two sets of lists, compared for every remote address of a family.

    Attributes:
        blocks: into how many pieces the bounds of all ranges cut the address space; within one
            nothing can change.
        changed: where another connector accepts, in order.
        is_same: whether the lists that take part are the same: then nothing can differ, whatever
            was not read of other connectors.
        may_tie: whether ranges that matter to what changes are equal at one binding (S1.36), so
            that nothing shows which of their connectors answers.
    """

    blocks: int
    changed: tuple[Changed, ...]
    is_same: bool
    may_tie: bool


def parted(
    before: Sequence[ReceiveConnector],
    after: Sequence[ReceiveConnector],
    places: Sequence[int],
    family: Family,
) -> Iterator[list[list[AddressRange]]]:
    """The ranges in both lists, then those only before, then those only after; a list per place.

    Args:
        before: all receive connectors of a server.
        after: the same with other ranges.
        places: of the connectors that take part.
        family: of the ranges that count.

    Raises:
        ValueError: `after` differs in more than ranges.
    """
    if len(before) != len(after) or any(
        old is not new and replace(old, ranges=()) != replace(new, ranges=())
        for old, new in zip(before, after, strict=True)
    ):
        raise ValueError("the connectors differ in more than their ranges")
    for lots in zip(*(_parted(before[at].ranges, after[at].ranges) for at in places), strict=True):
        yield [[block for block in lot if block.family == family] for lot in lots]


def _parted(
    old: tuple[AddressRange, ...], new: tuple[AddressRange, ...]
) -> tuple[Sequence[AddressRange], Sequence[AddressRange], Sequence[AddressRange]]:
    """Ranges in both lists, only in the old one, only in the new one; by bounds.

    A change leaves most of a long list as it is: what begins and ends both alike is not compared.
    """
    if old is new:
        return old, (), ()
    shorter = min(len(old), len(new))
    head = next((n for n in range(shorter) if old[n] is not new[n]), shorter)
    most = shorter - head
    tail = next((n for n in range(most) if old[-1 - n] is not new[-1 - n]), most)
    ours = dict.fromkeys(old[head : len(old) - tail])
    theirs = dict.fromkeys(new[head : len(new) - tail])
    return (
        [*old[:head], *(block for block in ours if block in theirs), *old[len(old) - tail :]],
        [block for block in ours if block not in theirs],
        [block for block in theirs if block not in ours],
    )


def blocks_of(
    family: Family,
    starts: Sequence[int],
    was: Sequence[int],
    will: Sequence[int],
    is_wanted: Callable[[tuple[int, int]], bool],
) -> Iterator[tuple[AddressRange, tuple[int, int]]]:
    """The wanted ones of the blocks that begin at these addresses, neighbours of a kind as one."""
    pairs = list(zip(was, will, strict=True))
    cuts = [at for at, pair in enumerate(pairs) if not at or pair != pairs[at - 1]]
    for begin, end in pairwise([*cuts, len(pairs)]):
        if is_wanted(pairs[begin]):
            past = starts[end] if end < len(starts) else 1 << WIDTH[family]
            yield AddressRange(family, starts[begin], past - 1), pairs[begin]
