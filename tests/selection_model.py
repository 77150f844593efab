"""A slow, obvious model of section 1.2, written from the facts and not from the code.

It follows the reference pseudo-algorithm word by word; what is not read it settles by trying every
way the rest of a list could go on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from mailflow.exchange.connectors import Binding, ReceiveConnector, TransportRole
from mailflow.exchange.ranges import Address

FRONT, HUB = TransportRole.FrontendTransport, TransportRole.HubTransport


@dataclass(frozen=True)
class Candidate:
    """A connector as it could be: everything about it is settled."""

    place: int
    enabled: bool
    role: TransportRole
    bindings: tuple[Binding, ...]
    sizes: tuple[int, ...]  # of its ranges that hold the remote address
    hidden_bindings: tuple[Binding, ...] = ()
    hides_range: bool = False
    hides_role: bool = False


Question = tuple[Address | None, int, Address]


def endpoints_of(question: Question) -> tuple[Binding | None, Binding]:
    """The exact binding and the wildcard that are looked up (S1.17)."""
    local, port, remote = question
    exact = None if local is None else Binding(local.version, int(local), port)
    return exact, Binding(remote.version, 0, port)


def size_of(first: int, last: int) -> int:
    """Number of addresses, counted as Exchange does (S1.13, S1.21)."""
    count = last - first + 1
    return count if count < 2**128 else 2**128 - 1


def as_read(connector: ReceiveConnector, place: int, question: Question) -> Candidate:
    """The connector as if nothing had been cut off; what was not read counts as off."""
    remote = question[2]
    sizes = tuple(
        size_of(block.first, block.last)
        for block in connector.ranges
        if block.family == remote.version and block.first <= int(remote) <= block.last
    )
    enabled = connector.enabled is True and connector.role is not None
    return Candidate(place, enabled, connector.role or FRONT, connector.bindings, sizes)


def winner(
    candidates: Sequence[Candidate], process: TransportRole, question: Question
) -> Candidate | None:
    """The reference pseudo-algorithm of section 1.2."""

    def best(binding: Binding | None) -> Candidate | None:
        chosen: Candidate | None = None
        for one in candidates:
            if not one.enabled or one.role != process or binding not in one.bindings:
                continue
            if one.sizes and (chosen is None or min(one.sizes) < min(chosen.sizes)):
                chosen = one
        return chosen

    exact_binding, wild_binding = endpoints_of(question)
    exact, wild = best(exact_binding), best(wild_binding)
    if exact is None or wild is None:
        return exact or wild
    return exact if min(exact.sizes) <= min(wild.sizes) else wild


def winners(
    candidates: Sequence[Candidate], process: TransportRole, question: Question
) -> set[int | None]:
    """Places of all that may win: the order of loading decides ties and is not known (S1.36)."""
    orders = [[one, *(other for other in candidates if other is not one)] for one in candidates]
    found = {winner(order, process, question) for order in orders or [[]]}
    return {None if one is None else one.place for one in found}


def listeners(candidates: Sequence[Candidate], question: Question) -> list[Candidate]:
    """Who has the endpoint, of whatever process."""
    return [
        one for one in candidates if one.enabled and set(endpoints_of(question)) & set(one.bindings)
    ]


def could_be(connector: ReceiveConnector, place: int, question: Question) -> list[Candidate]:
    """Every way the connector may really be, as far as it matters to the question."""
    seen = as_read(connector, place, question)
    exact, wild = endpoints_of(question)
    more_bindings = [()] if connector.bindings_complete else [(), (wild,)]
    if exact is not None and not connector.bindings_complete:
        more_bindings.append((exact,))
    return [
        Candidate(
            place,
            enabled,
            role,
            seen.bindings + more,
            seen.sizes + extra,
            more,
            bool(extra),
            connector.role is None,
        )
        for enabled, role, more, extra in product(
            (True, False) if connector.enabled is None else (connector.enabled,),
            (FRONT, HUB) if connector.role is None else (connector.role,),
            more_bindings,
            [()] if connector.ranges_complete else [(), (1,)],
        )
    ]


def worlds(
    connectors: Sequence[ReceiveConnector], question: Question
) -> Iterator[tuple[Candidate, ...]]:
    """Every way the server may really be that the cmdlets would have allowed (S1.31)."""
    each = [could_be(one, place, question) for place, one in enumerate(connectors)]
    for world in product(*each):
        if not any(ties(one, other, question) for one in world for other in world):
            yield world


def ties(one: Candidate, other: Candidate, question: Question) -> bool:
    """Whether something hidden would make a tie on one endpoint, which S1.31 excludes."""
    if one.place >= other.place or not (one.enabled and other.enabled and one.role == other.role):
        return False
    shared = set(one.bindings) & set(other.bindings) & set(endpoints_of(question))
    hidden = shared & {*one.hidden_bindings, *other.hidden_bindings}
    if not (hidden or (shared and (one.hides_range or other.hides_range))):
        return False
    return bool(one.sizes and other.sizes) and min(one.sizes) == min(other.sizes)


def clashes(world: Sequence[Candidate], question: Question) -> bool:
    """Whether two processes meet there by something that was not read, which S1.30 excludes.

    Disabled connectors count in that check.
    """
    here = [one for one in world if set(endpoints_of(question)) & set(one.bindings)]
    if len({one.role for one in here}) < 2:
        return False
    return any(bool(one.hidden_bindings) or one.hides_role for one in here)
