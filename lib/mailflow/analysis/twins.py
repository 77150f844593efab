"""Two servers compared by behavior: who is treated otherwise when mail moves from A to B.

Endpoints correspond by role: the same port and family, a local address of A that connectors are
bound to and one of B's, all other addresses of A and all others of B (S1.05, S1.16). At each, for
every remote address, the treatment by the connector that accepts on A is compared with that by the
one on B (`treatment`). Names, notations and how lists are cut play no part.

Where all was read, the two maps are laid over each other at once. Where something was not read,
connectors are in a tie (S1.36) or two processes claim the endpoint, each block is asked on its own:
whatever may accept there is compared with whatever may accept here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from mailflow.analysis.capabilities import Effect, Rights
from mailflow.analysis.places import (
    Place,
    hidden_connectors,
)
from mailflow.analysis.servers import ServerView, address_of
from mailflow.analysis.treatment import treatment
from mailflow.analysis.twin_server import TwinServer, TwinSketch
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import WIDTH, Address, AddressRange, Family
from mailflow.exchange.selection import answer

TwinState = Literal["differs", "undetermined"]

Acceptors = tuple[ReceiveConnector | None, ...]
"""The connectors that may accept a host, one where it is known; None: no connector."""


@dataclass(frozen=True, slots=True)
class TwinEndpoint:
    """An endpoint of A and the one of B that takes its role.

    Attributes:
        family: 4 or 6.
        port: the local port, of both.
        a: the local address on A; None: any that no connector of A is bound to.
        b: the local address on B; None likewise.
    """

    family: Family
    port: int
    a: Address | None = None
    b: Address | None = None

    def __str__(self) -> str:
        """`port 25 (IPv4)`, `port 25 (10.0.0.21, then 10.0.0.31)`."""
        if self.a is None and self.b is None:
            return f"port {self.port} (IPv{self.family})"
        others = f"other IPv{self.family} addresses"
        before, after = (others if each is None else str(each) for each in (self.a, self.b))
        return f"port {self.port} ({before if before == after else f'{before}, then {after}'})"


@dataclass(frozen=True, slots=True)
class TwinBlock:
    """Addresses that are all treated alike on A, all alike on B, and not the same on both.

    Attributes:
        endpoint: where.
        block: the addresses.
        a: what accepts them on A.
        b: what accepts them on B.
        effect: what their hosts gain and lose when they move from A to B.
        state: differs; or undetermined, where missing data or a tie decides.
        why: for undetermined, what is missing.
    """

    endpoint: TwinEndpoint
    block: AddressRange
    a: Acceptors
    b: Acceptors
    effect: Effect
    state: TwinState
    why: str = ""


@dataclass(frozen=True, slots=True)
class TwinComparison:
    """What differs between two servers.

    Attributes:
        a, b: the servers.
        endpoints: all that were compared.
        blocks: addresses that are treated otherwise or may be; neighbours of one kind as one.
        only_b: ports where enabled connectors of B alone listen: nothing that moves from A arrives
            there.
        doubts: what was not read and may change any block.
    """

    a: ServerView
    b: ServerView
    endpoints: tuple[TwinEndpoint, ...]
    blocks: tuple[TwinBlock, ...]
    only_b: tuple[int, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def alike(self) -> bool | None:
        """Whether B treats every host as A does; None: undetermined."""
        if any(block.state == "differs" for block in self.blocks):
            return False
        return None if self.blocks or self.doubts else True

    @property
    def exit_code(self) -> int:
        """0 alike, 1 they differ, 2 undetermined."""
        return {True: 0, False: 1, None: 2}[self.alike]


Treat = Callable[
    [ReceiveConnector | None, ReceiveConnector | None, Rights, Rights],
    Effect,
]
"""What a host gains and loses between two connectors, as `treatment`."""


def compare_servers(
    a: TwinServer,
    b: TwinServer,
    moving: Address | None = None,
    judge: TwinJudge | None = None,
) -> TwinComparison:
    """What hosts meet on B that they did not meet on A, at each endpoint that A has.

    Args:
        a: the server that hosts use now.
        b: the one that they are to use.
        moving: a local address of A that moves to B; None: each server keeps its own.
        judge: of what counts as a difference; left out: all that was read. One judge of many
            comparisons compares servers that are configured alike once.
    """
    judge = judge or TwinJudge()
    if moving is not None:
        return _compared(a, b, judge, moving)
    return judge.remembered(a, b) or _compared(a, b, judge)


def _compared(
    a: TwinServer, b: TwinServer, judge: TwinJudge, moving: Address | None = None
) -> TwinComparison:
    between = judge.between(a, b)
    endpoints = tuple(endpoint_pairs(a, b, moving))
    blocks = tuple(
        block for endpoint in endpoints for block in _compared_at(a, b, endpoint, between)
    )
    only_b = sorted({port for _, port in b.ports} - {port for _, port in a.ports})
    hidden = [why for view in (a.view, b.view) for why in hidden_connectors(view, view.connectors)]
    if hidden:  # another connector may accept any host
        blocks = tuple(
            replace(block, state="undetermined", why=block.why or hidden[0]) for block in blocks
        )
    doubts = [*hidden, *_unbound(a.view), *_unbound(b.view)]
    return TwinComparison(a.view, b.view, endpoints, blocks, tuple(only_b), tuple(doubts))


def _unbound(view: ServerView) -> Iterator[str]:
    """Bindings that were cut may stand for endpoints that nobody knows of."""
    for each in view.connectors:
        if each.enabled is not False and not each.bindings_complete:
            yield f"Bindings of {each.identity} are incomplete in the data"


def endpoint_pairs(
    a: TwinServer, b: TwinServer, moving: Address | None = None
) -> Iterator[TwinEndpoint]:
    """Each endpoint of A with the one of B that takes its role.

    Addresses that connectors name pair in their order; an address without a partner pairs with the
    other addresses of the other server, where the wildcard alone counts (S1.16).
    """
    for family, port in a.ports:
        mine, theirs = a.ports[family, port], b.ports.get((family, port), ())
        if moving is not None:
            if moving.version == family:
                yield TwinEndpoint(
                    family,
                    port,
                    moving if moving in mine else None,
                    moving if moving in theirs else None,
                )
            continue
        if a.has_others(family, mine) or not mine:
            yield TwinEndpoint(family, port)
        for number in range(max(len(mine), len(theirs))):
            yield TwinEndpoint(
                family,
                port,
                mine[number] if number < len(mine) else None,
                theirs[number] if number < len(theirs) else None,
            )


def _compared_at(
    a: TwinServer, b: TwinServer, endpoint: TwinEndpoint, judge: _Judge
) -> Iterator[TwinBlock]:
    here = Place(endpoint.family, endpoint.port, endpoint.a)
    there = Place(endpoint.family, endpoint.port, endpoint.b)
    blocks: Iterator[tuple[AddressRange, Acceptors, Acceptors, str]]
    if a.is_plain(here) and b.is_plain(there):
        if judge.is_same(a, here, b, there):
            return
        from mailflow.exchange.answer_map import differences

        found = differences(a.map_at(here), b.map_at(there), judge.is_worth_telling)
        blocks = ((block, (old,), (new,), "") for block, old, new in found)
    else:
        blocks = _asked(a.view, b.view, here, there)
    yield from _merged(
        TwinBlock(endpoint, block, old, new, effect, state, why or _of_values(effect, state))
        for block, old, new, why in blocks
        for effect, state in judge.judged(old, new)
    )


def told_of(
    found: TwinComparison, a: TwinServer, b: TwinServer, old: TwinServer, new: TwinServer
) -> TwinComparison:
    """What was found of two servers, of two others that are configured like them."""
    blocks = tuple(
        TwinBlock(
            block.endpoint,
            block.block,
            _own(block.a, old, a),
            _own(block.b, new, b),
            block.effect,
            block.state,
            block.why,
        )
        for block in found.blocks
    )
    return TwinComparison(a.view, b.view, found.endpoints, blocks, found.only_b, found.doubts)


def _own(acceptors: Acceptors, model: TwinServer, server: TwinServer) -> Acceptors:
    """The connectors of a server in place of those of the one that it is configured like."""
    mine = server.view.connectors
    return tuple(None if each is None else mine[model.place_of[id(each)]] for each in acceptors)


class TwinJudge:
    """What a pair of connectors means for a host, worked out once for all that are of one kind."""

    def __init__(self, treat: Treat = treatment) -> None:
        """Judge by `treat`: what counts as a difference."""
        self._treat = treat
        self._known: dict[tuple[int, int], Effect] = {}
        self._kinds: dict[Hashable, int] = {}
        self._numbers: dict[tuple[int, int], tuple[TwinServer, int]] = {}
        self._sketches: dict[tuple[int, Place], tuple[TwinServer, TwinSketch | None]] = {}
        self._models: dict[int, tuple[TwinServer, TwinServer]] = {}
        self._unlike: dict[Hashable, list[TwinServer]] = {}
        self._comparisons: dict[tuple[int, int], tuple[TwinComparison, bool]] = {}

    def model(self, server: TwinServer) -> TwinServer:
        """The first server that this judge met and that is configured alike; perhaps itself."""
        known = self._models.get(id(server))
        if known is None:
            peers = self._unlike.setdefault(server.configured, [])
            found = next((each for each in peers if each.has_ranges_of(server)), None)
            if found is None:
                peers.append(server)
            known = self._models[id(server)] = server, found or server
        return known[1]

    def remembered(self, a: TwinServer, b: TwinServer) -> TwinComparison | None:
        """The comparison of servers that are configured like these, told of these.

        None: what was not read or tied is told by name, so each pair needs words of its own.
        """
        old, new = self.model(a), self.model(b)
        key = id(old), id(new)
        if key not in self._comparisons:
            found = _compared(old, new, self)
            is_sure = not found.doubts and all(len(x.a) == len(x.b) == 1 for x in found.blocks)
            self._comparisons[key] = found, is_sure
        found, is_sure = self._comparisons[key]
        if old is a and new is b:
            return found
        return told_of(found, a, b, old, new) if is_sure else None

    def is_same(self, a: TwinServer, here: Place, b: TwinServer, there: Place) -> bool:
        """Whether two maps are one but for names; False: perhaps not."""
        mine = self._sketch(a, here)
        return mine is not None and mine == self._sketch(b, there)

    def _sketch(self, server: TwinServer, place: Place) -> TwinSketch | None:
        """The map with a number for each kind of connector, made once for many comparisons."""
        key = id(server), place
        if key not in self._sketches:
            sketch = server.sketch(place, lambda connector: self._number_if_known(server, connector))
            self._sketches[key] = server, sketch
        return self._sketches[key][1]

    def _number(self, server: TwinServer, connector: ReceiveConnector) -> int:
        """Of its kind, from 1; looked up by `id`, for kinds are long."""
        key = id(server), id(connector)
        if key not in self._numbers:
            kind = self._kinds.setdefault(server.kind(connector), len(self._kinds) + 1)
            self._numbers[key] = server, kind
        return self._numbers[key][1]

    def _number_if_known(self, server: TwinServer, connector: ReceiveConnector) -> int | None:
        """Of its kind; None: something that decides it was not read."""
        same = self.between(server, server).of(connector, connector)
        return None if same.not_known else self._number(server, connector)

    def between(self, a: TwinServer, b: TwinServer) -> _Judge:
        """The judge of two servers."""

        def of(old: ReceiveConnector | None, new: ReceiveConnector | None) -> Effect:
            key = (
                0 if old is None else self._number(a, old),
                0 if new is None else self._number(b, new),
            )
            if key not in self._known:
                self._known[key] = self._treat(old, new, a.rights, b.rights)
            return self._known[key]

        return _Judge(of, self.is_same)


class _Judge:
    """What each pair of connectors of two servers means for a host."""

    def __init__(
        self,
        of: Callable[[ReceiveConnector | None, ReceiveConnector | None], Effect],
        is_same: Callable[[TwinServer, Place, TwinServer, Place], bool],
    ) -> None:
        self.of = of
        self.is_same = is_same

    def is_worth_telling(self, old: ReceiveConnector | None, new: ReceiveConnector | None) -> bool:
        found = self.of(old, new)
        return bool(found or found.not_known)

    def judged(self, old: Acceptors, new: Acceptors) -> Iterator[tuple[Effect, TwinState]]:
        """The effect of a block, whichever of several accept; nothing where all are alike."""
        found = [self.of(was, will) for was in old for will in new]
        if all(not each and not each.not_known for each in found):
            return
        state: TwinState = "differs" if all(found) else "undetermined"
        if len(found) == 1:
            yield found[0], state
            return
        gains, losses = (
            [name for name in some[0] if all(name in each for each in some)]
            for some in ([each.gains for each in found], [each.loses for each in found])
        )
        certain = {*gains, *losses}
        perhaps = dict.fromkeys(
            name
            for each in found
            for name in (*each.gains, *each.loses, *each.not_known)
            if name not in certain
        )
        yield Effect(tuple(gains), tuple(losses), tuple(perhaps)), state


def _of_values(effect: Effect, state: TwinState) -> str:
    """Why a block is undetermined although it is known what accepts it."""
    names = [name.partition(" (")[0] for name in effect.not_known]
    return f"not read: {', '.join(names)}" if state == "undetermined" and names else ""


def _asked(
    a: ServerView, b: ServerView, here: Place, there: Place
) -> Iterator[tuple[AddressRange, Acceptors, Acceptors, str]]:
    """The address space in pieces within which nothing can change, each asked on both servers."""
    family = here.family
    ranges = [
        block
        for connector in (*a.connectors, *b.connectors)
        for block in connector.ranges
        if block.family == family
    ]
    end = 1 << WIDTH[family]
    cuts = sorted(
        {0, *(each.first for each in ranges), *(each.last + 1 for each in ranges)} - {end}
    )
    for first, past in zip(cuts, [*cuts[1:], end], strict=True):
        remote = address_of(family, first)
        old, why = _possible(a, here, remote)
        new, why_new = _possible(b, there, remote)
        reasons = dict.fromkeys(filter(None, (why, why_new)))
        yield AddressRange(family, first, past - 1), old, new, "; ".join(reasons)


def _possible(view: ServerView, place: Place, remote: Address) -> tuple[Acceptors, str]:
    found = answer(view.connectors, local=place.local, port=place.port, remote=remote)
    if found.unknown is None:
        return (found.connector,), ""
    return (*found.possible, *([None] if found.nobody_possible else [])), found.unknown


def _merged(blocks: Iterable[TwinBlock]) -> Iterator[TwinBlock]:
    """Neighbours of one kind as one block."""
    held: TwinBlock | None = None
    for block in blocks:
        if (
            held
            and held.block.last + 1 == block.block.first
            and (held.effect, held.state, held.why) == (block.effect, block.state, block.why)
            and list(map(id, (*held.a, *held.b))) == list(map(id, (*block.a, *block.b)))
        ):
            held = replace(held, block=replace(held.block, last=block.block.last))
        else:
            if held:
                yield held
            held = block
    if held:
        yield held
