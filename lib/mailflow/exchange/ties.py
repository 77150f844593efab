"""Ranges of one size that overlap: nothing shows whose connector accepts there (S1.13, S1.36)."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import TypeVar

from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import AddressRange, Family

Owner = TypeVar("Owner", bound=Hashable)


def ties(
    owned: Iterable[tuple[AddressRange, Owner]],
) -> Iterator[tuple[Owner, Owner, AddressRange]]:
    """Two owners of ranges of one size, and the addresses that both ranges hold.

    Whether the two meet at one binding is for the caller to know. A range of one address is told
    with the first of its owners only; ranges of more with each. Of several overlaps of two owners
    those are told that together hold all addresses in which they tie.
    """
    singles: dict[tuple[Family, int], Owner] = {}
    blocks: list[tuple[AddressRange, Owner]] = []
    for block, owner in owned:
        if block.size > 1:
            blocks.append((block, owner))
        elif (other := singles.setdefault((block.family, block.first), owner)) != owner:
            yield other, owner, block
    blocks.sort(key=lambda each: (each[0].family, each[0].specificity, each[0].first))
    size = 0
    before: dict[Owner, AddressRange] = {}
    for block, owner in blocks:
        if block.specificity != size:
            size, before = block.specificity, {}
        for other, last in before.items():
            if other != owner and last.meets(block):
                yield other, owner, last.overlap(block)
        before[owner] = block


def tied_pairs(connectors: Iterable[ReceiveConnector], family: Family) -> Iterator[tuple[str, str]]:
    """Pairs of identities, in their order, that have ranges of one size which overlap."""
    owned = (
        (block, connector.identity)
        for connector in connectors
        for block in connector.ranges
        if block.family == family
    )
    return ((min(one, other), max(one, other)) for one, other, _ in ties(owned))
