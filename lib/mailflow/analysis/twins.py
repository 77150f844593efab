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
from dataclasses import replace

from mailflow.analysis.capabilities import Effect, Rights
from mailflow.analysis.places import Place
from mailflow.analysis.servers import ServerView, address_of
from mailflow.analysis.treatment import treatment
from mailflow.analysis.twin_blocks import (
    Acceptors,
    TwinBlock,
    TwinComparison,
    TwinEndpoint,
    TwinState,
    told_of,
)
from mailflow.analysis.twin_server import TwinServer, TwinSketch
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import WIDTH, Address, AddressRange
from mailflow.exchange.selection import answer

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
    hidden = [*a.hidden, *b.hidden]
    if hidden:  # another connector may accept any host
        blocks = tuple(
            block._replace(state="undetermined", why=block.why or hidden[0]) for block in blocks
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
        mine, theirs = judge.sketch(a, here), judge.sketch(b, there)
        keys = None
        if mine is not None and theirs is not None:
            if mine.content == theirs.content:
                return
            keys = mine.keys, theirs.keys
        from mailflow.exchange.answer_map import differences

        found = differences(a.map_at(here), b.map_at(there), judge.is_worth_telling, keys)
        blocks = ((block, (old,), (new,), "") for block, old, new in found)
    else:
        blocks = _asked(a.view, b.view, here, there)
    yield from _merged(
        TwinBlock(endpoint, block, old, new, effect, state, why or _of_values(effect, state))
        for block, old, new, why in blocks
        for effect, state in judge.judged(old, new)
    )


class TwinJudge:
    """What a pair of connectors means for a host, worked out once for all that are of one kind."""

    def __init__(self, treat: Treat = treatment) -> None:
        """Judge by `treat`: what counts as a difference."""
        self._treat = treat
        self._known: dict[tuple[int, int], Effect] = {}
        self._kinds: dict[Hashable, int] = {}
        self._numbers: dict[int, tuple[TwinServer, dict[int, int]]] = {}
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
        known = self._comparisons.get((id(old), id(new)))
        if known is None:
            found = _compared(old, new, self)
            is_sure = not found.doubts and all(len(x.a) == len(x.b) == 1 for x in found.blocks)
            known = self._comparisons[id(old), id(new)] = found, is_sure
        found, is_sure = known
        if old is a and new is b:
            return found
        return told_of(found, a, b, old, new) if is_sure else None

    def sketch(self, server: TwinServer, place: Place) -> TwinSketch | None:
        """The map with a number for each kind of connector, made once for many comparisons.

        None: something of a kind in it was not read, and that is never the same.
        """
        key = id(server), place
        if key not in self._sketches:
            numbers, of = self._numbered(server), self.between(server, server).of

            def number(connector: ReceiveConnector) -> int | None:
                return None if of(connector, connector).not_known else numbers[id(connector)]

            self._sketches[key] = server, server.sketch(place, number)
        return self._sketches[key][1]

    def _numbered(self, server: TwinServer) -> dict[int, int]:
        """The number of each connector's kind, from 1, by `id`; 0 for none."""
        known = self._numbers.get(id(server))
        if known is None:
            found = {id(None): 0}
            for each in server.view.connectors:
                kind = server.kind(each)
                found[id(each)] = self._kinds.setdefault(kind, len(self._kinds) + 1)
            known = self._numbers[id(server)] = server, found
        return known[1]

    def between(self, a: TwinServer, b: TwinServer) -> _Judge:
        """The judge of two servers."""
        mine, theirs = self._numbered(a), self._numbered(b)

        def of(old: ReceiveConnector | None, new: ReceiveConnector | None) -> Effect:
            key = mine[id(old)], theirs[id(new)]
            if key not in self._known:
                self._known[key] = self._treat(old, new, a.rights, b.rights)
            return self._known[key]

        return _Judge(of, self.sketch)


class _Judge:
    """What each pair of connectors of two servers means for a host."""

    def __init__(
        self,
        of: Callable[[ReceiveConnector | None, ReceiveConnector | None], Effect],
        sketch: Callable[[TwinServer, Place], TwinSketch | None],
    ) -> None:
        self.of = of
        self.sketch = sketch

    def is_worth_telling(self, old: ReceiveConnector | None, new: ReceiveConnector | None) -> bool:
        found = self.of(old, new)
        return bool(found or found.not_known)

    def judged(self, old: Acceptors, new: Acceptors) -> Iterator[tuple[Effect, TwinState]]:
        """The effect of a block, whichever of several accept; nothing where all are alike."""
        if len(old) == len(new) == 1:
            only = self.of(old[0], new[0])
            if only or only.not_known:
                yield only, "differs" if only else "undetermined"
            return
        found = [self.of(was, will) for was in old for will in new]
        if all(not each and not each.not_known for each in found):
            return
        state: TwinState = "differs" if all(found) else "undetermined"
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
    if state == "differs" or not effect.not_known:
        return ""
    return f"not read: {', '.join(name.partition(' (')[0] for name in effect.not_known)}"


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
            held = held._replace(block=replace(held.block, last=block.block.last))
        else:
            if held:
                yield held
            held = block
    if held:
        yield held
