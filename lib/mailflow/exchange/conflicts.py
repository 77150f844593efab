"""What New- and Set-ReceiveConnector refuse: two connectors that claim the same (S1.30 to S1.34).

The check compares a connector with every other connector of its server, the disabled ones and
those of other roles too, although neither take part in the choice of S1.10.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from mailflow.exchange.connectors import Binding, ReceiveConnector
from mailflow.exchange.ranges import AddressRange

_CONFLICT = (
    "The values that you specified for the Bindings and RemoteIPRanges parameters conflict with "
    'the settings on Receive connector "{0}". '
)
TEXT_A = _CONFLICT + (
    "Receive connectors assigned to different Transport roles on a single server must listen on "
    "unique local IP address & port bindings."
)
"""What Exchange says of a role conflict; `{0}` is the identity of the other connector (S1.30)."""

TEXT_B = _CONFLICT + (
    "A Receive connector must have a unique combination of a local IP address & port bindings and "
    "remote IP address ranges. Change at least one of these values."
)
"""What it says of a mapping conflict (S1.31, S1.32)."""


@dataclass(frozen=True, slots=True)
class Conflict:
    """Two connectors of one server that Exchange does not allow beside each other.

    Attributes:
        kind: `role` (S1.30) or `mapping` (S1.31, S1.32).
        first: the edited connector, or the one read first.
        second: the other one, which the text names.
        text: what the cmdlet says.
        bindings: the two bindings that meet, of first and second.
        ranges: the two ranges that collide, of first and second; None for a role conflict.
    """

    kind: Literal["role", "mapping"]
    first: ReceiveConnector
    second: ReceiveConnector
    text: str
    bindings: tuple[Binding, Binding]
    ranges: tuple[AddressRange, AddressRange] | None


def find_conflicts(connectors: Sequence[ReceiveConnector]) -> list[Conflict]:
    """Every pair of connectors of one server that conflicts, one conflict a pair.

    Looks at all pairs of bindings that meet, and so finds what the cmdlets overlook (see `check`).
    A role that was not read is no conflict; what was cut off cannot be seen.
    """
    found = []
    for first, second in combinations(connectors, 2):
        for pair in _meetings(first, second):
            conflict = _judge(first, second, pair)
            if conflict:
                found.append(conflict)
                break
    return found


def check(edited: ReceiveConnector, others: Iterable[ReceiveConnector]) -> Conflict | None:
    """The first conflict for which New- or Set-ReceiveConnector would refuse the edited connector.

    As the cmdlets do, it stops at the first pair of bindings that meets and judges by that one
    alone, so with several bindings their order decides (section 1.5). Connectors of the same
    identity are the edited one's old self and are left out.
    """
    identity = edited.identity.casefold()
    for other in others:
        if other.identity.casefold() == identity:
            continue
        for pair in _meetings(edited, other):
            conflict = _judge(edited, other, pair)
            if conflict:
                return conflict
            break
    return None


def _meetings(
    first: ReceiveConnector, second: ReceiveConnector
) -> Iterator[tuple[Binding, Binding]]:
    return ((a, b) for a in first.bindings for b in second.bindings if a.meets(b))


def _judge(
    first: ReceiveConnector, second: ReceiveConnector, pair: tuple[Binding, Binding]
) -> Conflict | None:
    if first.role != second.role and None not in (first.role, second.role):
        # Each role needs an address and port of its own, whatever the ranges (S1.30).
        text = TEXT_A.format(second.identity)
        return Conflict("role", first, second, text, pair, None)
    # On one endpoint equal ranges conflict (S1.31); against the wildcard they don't (S1.33).
    collision = colliding(first.ranges, second.ranges, equal=pair[0] == pair[1])
    if collision is None:
        return None
    return Conflict("mapping", first, second, TEXT_B.format(second.identity), pair, collision)


def colliding(
    ours: Sequence[AddressRange], theirs: Sequence[AddressRange], *, equal: bool
) -> tuple[AddressRange, AddressRange] | None:
    """One pair of ranges of which each sticks out of the other on one side; or that are equal.

    Takes time n log n, so that two connectors with 1,300 ranges each cost no million comparisons.

    Args:
        ours: ranges of one connector.
        theirs: ranges of the other.
        equal: whether ranges with equal bounds collide too (S1.31) or not (S1.33).
    """
    if equal:
        same = {block: block for block in theirs}
        for block in ours:
            if block in same:
                return block, same[block]
    for family in (4, 6):
        mine = [block for block in ours if block.family == family]
        yours = [block for block in theirs if block.family == family]
        past = _sticking_out_behind(mine, yours)
        if past:
            return past
        past = _sticking_out_behind(yours, mine)
        if past:
            return past[1], past[0]
    return None


def _sticking_out_behind(
    left: Sequence[AddressRange], right: Sequence[AddressRange]
) -> tuple[AddressRange, AddressRange] | None:
    """A pair with left.first < right.first <= left.last < right.last."""
    by_first = sorted(right, key=lambda block: block.first)
    firsts = [block.first for block in by_first]
    furthest = _Furthest(by_first)
    for block in left:
        begin, end = bisect_right(firsts, block.first), bisect_right(firsts, block.last)
        candidate = furthest.between(begin, end)
        if candidate is not None and candidate.last > block.last:
            return block, candidate
    return None


class _Furthest:
    """The range with the greatest end in any slice, after n log n preparation."""

    def __init__(self, blocks: Sequence[AddressRange]) -> None:
        # Level k holds the winner of the 2^k ranges from each place on.
        self._levels = [list(blocks)]
        while len(self._levels[-1]) > 1 << (len(self._levels) - 1):
            width, last = 1 << (len(self._levels) - 1), self._levels[-1]
            self._levels.append(
                [max(a, b, key=_end) for a, b in zip(last, last[width:], strict=False)]
            )

    def between(self, begin: int, end: int) -> AddressRange | None:
        if begin >= end:
            return None
        level = (end - begin).bit_length() - 1
        row = self._levels[level]
        return max(row[begin], row[end - (1 << level)], key=_end)


def _end(block: AddressRange) -> int:
    return block.last
