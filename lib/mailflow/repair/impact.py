"""What a repair does, over the whole address space: the proof before the change.

Before and after are compared at every place that the changed connectors' ports have, for every IPv4
and IPv6 address. Whoever is not named is treated as before. Nothing is claimed of what was not
read: it makes the proof unknown where it could change who accepts a host, and stands as not known
where it says what a host may do.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mailflow.analysis.analysis import analyze
from mailflow.analysis.assessment import PathState, assess_connector
from mailflow.analysis.capabilities import Effect, Rights, abilities, effect
from mailflow.analysis.change import Edit
from mailflow.analysis.places import (
    Place,
    doubts_at,
    hidden_connectors,
    places_of,
    processes_at,
)
from mailflow.analysis.servers import ServerView
from mailflow.exchange.connectors import ReceiveConnector, TransportRole
from mailflow.exchange.ranges import Address, Family, single, subtract
from mailflow.exchange.routing import endpoints
from mailflow.repair.claim import Compared, MovedBlock, MovedServer, Proof, Refusal
from mailflow.repair.contrasts import (
    Accepting,
    Block,
    Contrasted,
    lists_compared,
    matched,
    settings_compared,
)
from mailflow.repair.simulation import applied
from mailflow.snapshot import Snapshot


def prove(org: Snapshot, edits: Sequence[Edit], refused: Sequence[Refusal] = ()) -> Proof:
    """What these commands do, run one after the other.

    Looks at all servers, whatever the run is limited to.

    Args:
        org: the organization as it is.
        edits: as `request.edited` or `plan.repair` made them for it.
        refused: what was looked for and is not proposed; it is passed on.

    Raises:
        RefusedError: a value is no longer the one a change was made for, or Exchange would refuse
            the new one beside the connectors as they are now.
    """
    after = applied(org, edits)
    touched = {edit.identity.casefold() for edit in edits}
    servers = {edit.before.server for edit in edits}
    rows = _Rows(org)
    compared: list[Compared] = []
    doubts: list[str] = []
    then = {each.identity.casefold(): each for each in after.connectors}
    for view in analyze(org).servers:
        if not any(map(view.server.is_named, servers)):
            continue
        target = _Target(view, tuple(then[each.identity.casefold()] for each in view.connectors))
        parts = list(_compare(target, touched, rows))
        compared += parts
        doubts += [doubt for part in parts for doubt in part.doubts]
        doubts += _beyond_places(each for each in view.connectors if _is_in(each, touched))
    reached, moved = rows.reached(), rows.moved()
    doubts += [each.why for each in reached if each.in_use and each.will == "unknown"]
    return Proof(
        tuple(edits),
        reached,
        moved,
        tuple(compared),
        tuple(dict.fromkeys(doubts)),
        tuple(refused),
    )


@dataclass(frozen=True, slots=True)
class _Target:
    """A server with the connectors it has before (`view`) and after (`then`), in one order."""

    view: ServerView
    then: tuple[ReceiveConnector, ...]

    def is_reached_at(self, place: Place, sender: ServerView, address: Address) -> bool:
        """Whether a sender may arrive at this place, by the local addresses that are known."""
        known: Sequence[Address] = self.view.of_family(place.family)
        if sender is self.view:
            known = [address]  # its own hop stays on its own address (S4.06)
        if not known:
            return True
        if place.local is not None:
            return place.local in known
        both = (*self.view.connectors, *self.then)
        bound = {each.local for each in places_of(both, (place.port,))}
        return any(each not in bound for each in known)


def _compare(target: _Target, touched: set[str], rows: _Rows) -> Iterator[Compared]:
    """Compares one server at each place; what differs goes into the rows."""
    view = target.view
    hidden = list(hidden_connectors(view, view.connectors))
    before, after = _as_enabled(view.connectors, touched), _as_enabled(target.then, touched)
    for found in _contrasted(before, after, touched, rows):
        for block in found.changed:
            rows.add(target, found.place, found, block)
        doubts = dict.fromkeys(() if found.is_same else hidden)
        doubts |= dict.fromkeys(found.tie_doubts)
        for process in () if found.is_same else _left(found, after):
            doubts |= dict.fromkeys(doubts_at(target.then, found.place, process))
        first = next(iter(found.processes), None)
        yield Compared(view.name, found.place, first, found.blocks, tuple(doubts))


def _contrasted(
    before: Sequence[ReceiveConnector],
    after: Sequence[ReceiveConnector],
    touched: set[str],
    rows: _Rows,
) -> Iterator[Contrasted]:
    """Every place of the changed connectors' ports, compared in the quickest way there is."""
    changed = [(old, new) for old, new in zip(before, after, strict=True) if _is_in(old, touched)]
    ports = {binding.port for pair in changed for each in pair for binding in each.bindings}
    only_lists = all(replace(old, ranges=new.ranges) == new for old, new in changed)
    for place in places_of((*before, *after), ports):
        if only_lists:
            roles = dict.fromkeys(
                old.role
                for old, _ in changed
                if old.role is not None and any(each.port == place.port for each in old.bindings)
            )
            for role in roles:
                yield lists_compared(before, after, place, role)
        else:
            yield settings_compared(before, after, place, rows.means_something_else)


def _left(found: Contrasted, after: Sequence[ReceiveConnector]) -> Sequence[TransportRole]:
    """The processes compared that listen there afterwards: one that left claims nothing (C9)."""
    there = processes_at(after, found.place)
    return [process for process in found.processes if process in there] or found.processes


def _is_in(connector: ReceiveConnector, touched: set[str]) -> bool:
    return connector.identity.casefold() in touched


def _as_enabled(
    connectors: Sequence[ReceiveConnector], taking_part: set[str]
) -> list[ReceiveConnector]:
    """What a change would do is asked of connectors whose state was not read as if they were on."""
    return [
        replace(each, enabled=True) if each.enabled is None and _is_in(each, taking_part) else each
        for each in connectors
    ]


def _beyond_places(touched: Iterable[ReceiveConnector]) -> Iterator[str]:
    """What was not read of a changed connector, so that not all of its places are known."""
    for each in touched:
        if each.enabled is not False and not each.bindings_complete:
            yield f"Bindings of {each.identity} are incomplete in the data"
        if each.enabled is not False and each.role is None:
            yield f"the transport role of {each.identity} was not read"
        if not each.ranges_complete:
            yield f"RemoteIPRanges of {each.identity} are incomplete in the data"


class _Rows:
    """What differs, with the places where it does so alike put together."""

    def __init__(self, org: Snapshot) -> None:
        self._rights = analyze(org).rights
        self._reached: dict[tuple[object, ...], MovedServer] = {}
        self._moved: dict[tuple[object, ...], MovedBlock] = {}
        self._submits: dict[tuple[object, ...], tuple[PathState, str]] = {}
        owners = [
            (int(address), address, view)
            for view in analyze(org).servers
            for address in view.addresses
        ]
        self._owners: Mapping[Family, list[tuple[int, Address, ServerView]]] = {
            family: sorted((row for row in owners if row[1].version == family), key=_first)
            for family in _FAMILIES
        }

    def means_something_else(self, old: ReceiveConnector, new: ReceiveConnector) -> bool:
        """Whether a host may do other things at a connector with its new values."""
        return bool(effect(old, new, self._rights))

    def add(self, target: _Target, place: Place, found: Contrasted, block: Block) -> None:
        """One block at one place; servers in it become rows of their own."""
        owners = self._owners[block.block.family]
        begin = bisect_left(owners, block.block.first, key=_first)
        end = bisect_right(owners, block.block.last, key=_first)
        names = tuple(each and each.identity for each in (*block.was, None, *block.will))
        for _, address, sender in owners[begin:end]:
            key = (sender.name, address, target.view.name, *names)
            row = self._reached.get(key) or self._reach(sender, address, target, found, block)
            in_use = target.is_reached_at(place, sender, address) and any(
                way.port == place.port and way.process in found.processes
                for way in endpoints(sender.server, target.view.server)
            )
            places = tuple(dict.fromkeys((*row.places, place)))
            self._reached[key] = replace(row, places=places, in_use=row.in_use or in_use)
        singles = [single(address) for _, address, _ in owners[begin:end]]
        for rest in subtract([block.block], singles):
            where = (target.view.name, place.port, rest, *names)
            moved = self._moved.get(where)
            if moved is None:
                moved = MovedBlock(
                    target.view.name,
                    (),
                    rest,
                    block.was[0],
                    block.will[0],
                    _effect(block, self._rights, is_tied=found.is_tied),
                )
            self._moved[where] = replace(moved, places=(*moved.places, place))

    def reached(self) -> tuple[MovedServer, ...]:
        """Servers that are handled differently; those on mail paths in use first."""
        return tuple(sorted(self._reached.values(), key=lambda server: not server.in_use))

    def moved(self) -> tuple[MovedBlock, ...]:
        """Other addresses that are."""
        return tuple(self._moved.values())

    def _reach(
        self,
        sender: ServerView,
        address: Address,
        target: _Target,
        found: Contrasted,
        block: Block,
    ) -> MovedServer:
        was, _ = self._can_submit(block.was, found, sender.downgraded)
        will, why = self._can_submit(block.will, found, sender.downgraded)
        return MovedServer(
            sender.name,
            address,
            target.view.name,
            (),
            block.was[0],
            block.will[0],
            was=was,
            will=will,
            why=why,
            in_use=False,
        )

    def _can_submit(
        self, accepting: Accepting, found: Contrasted, downgraded: bool | None
    ) -> tuple[PathState, str]:
        """Whether an Exchange server can authenticate and submit, and for unknown, why.

        Where two processes claim the endpoint it fails by chance (C9).
        """
        if len(accepting) > 1 and not found.is_tied:
            return "found", ""
        said = [self._can_submit_on(each, downgraded) for each in accepting]
        if len({state for state, _ in said}) > 1:
            names = " and ".join(each.identity for each in accepting if each)
            return "unknown", f"{names} have equal ranges: which one accepts cannot be determined"
        return said[0]

    def _can_submit_on(
        self, connector: ReceiveConnector | None, downgraded: bool | None
    ) -> tuple[PathState, str]:
        """On one connector; at no connector nobody can."""
        if connector is None:
            return "found", ""
        key = (id(connector), downgraded)
        if key not in self._submits:
            # The state depends on settings alone; without its ranges a long list is not walked.
            said = assess_connector(replace(connector, ranges=()), (), downgraded)
            self._submits[key] = said.state, said.why
        return self._submits[key]


def _effect(block: Block, rights: Rights, *, is_tied: bool) -> Effect:
    """What a host gains and loses.

    Where two processes claimed the endpoint, that is what it gains or loses whichever had it. In a
    tie (S1.36) it is what it may gain or lose as well: that is not known.
    """
    if is_tied:
        found = [_between(old, new, rights) for old, new in matched(block.was, block.will)]
    else:
        found = [_between(old, new, rights) for old in block.was for new in block.will]
    if len(found) == 1:
        return found[0]
    gained = set.intersection(*(set(each.gains) for each in found))
    lost = set.intersection(*(set(each.loses) for each in found))
    if is_tied:
        perhaps = {name for each in found for name in _named(each)} - gained - lost
    else:
        may_lose = ({*each.loses, *each.not_known} for each in found)
        perhaps = {name for each in found for name in each.not_known}.intersection(*may_lose)
    order = dict.fromkeys(name for each in found for name in _named(each))
    return Effect(*(tuple(filter(some.__contains__, order)) for some in (gained, lost, perhaps)))


def _named(found: Effect) -> tuple[str, ...]:
    return (*found.gains, *found.loses, *found.not_known)


def _between(old: ReceiveConnector | None, new: ReceiveConnector | None, rights: Rights) -> Effect:
    """The effect of one connector instead of another.

    On the same connector what was not read stays what it is: no command touches the access list.
    """
    found = effect(old, new, rights)
    if old is None or new is None or old.identity.casefold() != new.identity.casefold():
        return found
    before, after = abilities(old, rights), abilities(new, rights)
    changed = (name for name in found.not_known if before[name] is not after[name])
    return replace(found, not_known=tuple(changed))


_FAMILIES: tuple[Family, ...] = (4, 6)


def _first(row: tuple[int, Address, ServerView]) -> int:
    return row[0]
