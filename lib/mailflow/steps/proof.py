"""What a change of RemoteIPRanges does, over the whole address space: the proof before the change.

Before and after are compared at every place that the changed connectors' ports have, for every IPv4
and IPv6 address. Whoever is not named is answered as before. Nothing is claimed of what was not
read: it makes the proof unknown where it could change who answers, and stands as not known where it
says what a host may do.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from mailflow.exchange.connectors import ReceiveConnector, TransportRole
from mailflow.exchange.ranges import Address, AddressRange, single, subtract
from mailflow.exchange.routing import endpoints
from mailflow.exchange.servers import Server
from mailflow.snapshot import Snapshot
from mailflow.steps.change import Change, RefusedError, applied
from mailflow.steps.claim import Compared, Moved, Proof, Reached
from mailflow.steps.paths import State, addresses_of, connectors_of, verdict_on
from mailflow.steps.places import Place, doubts_at, hidden_connectors, places_of
from mailflow.steps.plan import Refusal, plan
from mailflow.steps.treatment import Rights, effect
from mailflow.steps.verdict import Diagnosis


def prove(org: Snapshot, changes: Sequence[Change], refused: Sequence[Refusal] = ()) -> Proof:
    """What these changes do, made one after the other.

    Looks at all servers, whatever the run is limited to.

    Args:
        org: the organisation as it is.
        changes: as `change.edited` or `plan.plan` made them for it.
        refused: what was looked for and is not proposed; it is passed on.

    Raises:
        RefusedError: a list is no longer the one a change was made for, or Exchange would refuse
            the new one beside the connectors as they are now.
    """
    after = applied(org, changes)
    touched = {change.identity.casefold() for change in changes}
    servers = {change.before.server for change in changes}
    rows = _Rows(org)
    compared: list[Compared] = []
    doubts: list[str] = []
    for server in org.servers:
        if not any(map(server.is_named, servers)):
            continue
        target = _Target(server, connectors_of(org, server), addresses_of(org, server))
        mine = [one for one in target.connectors if one.identity.casefold() in touched]
        parts = list(_compare(org, target, mine, connectors_of(after, server), rows))
        compared += parts
        doubts += [doubt for one in parts for doubt in one.doubts]
        doubts += _beyond_places(mine)
    reached, moved = rows.reached(), rows.moved()
    doubts += [one.why for one in reached if one.in_use and one.will == "unknown"]
    return Proof(
        tuple(changes),
        reached,
        moved,
        tuple(compared),
        tuple(dict.fromkeys(doubts)),
        tuple(refused),
    )


def prove_findings(org: Snapshot, found: Diagnosis) -> Proof:
    """The proof of the repair that the findings call for; without one, of no change at all.

    Raises:
        RefusedError: all that could be proposed is what Exchange would refuse, or would leave a
            list empty.
    """
    proof = prove_proposal(org, found)
    final = [one.text for one in proof.refused if one.kind in ("refused", "empty")]
    if final and not proof.changes and not any(one.kind == "unread" for one in proof.refused):
        raise RefusedError(" ".join(final))
    return proof


def prove_proposal(org: Snapshot, found: Diagnosis) -> Proof:
    """The same, where a repair that is refused is one of the answers: it is in `refused`."""
    planned = plan(org, found)
    proof = prove(org, planned.changes, planned.refused)
    if planned.changes:
        return proof
    unread = [one.text for one in planned.refused if one.kind == "unread"]
    if not planned.refused and found.verdict == "unknown":
        unread = [one.reading for one in found.findings if one.state == "unknown"]
        unread += [f"{one.server} {one.what}: {one.why}".strip() for one in found.unread]
    return replace(proof, doubts=tuple(dict.fromkeys(unread)))


@dataclass(frozen=True, slots=True)
class _Target:
    """A server whose lists change: its connectors as they are, and its known addresses."""

    server: Server
    connectors: tuple[ReceiveConnector, ...]
    addresses: tuple[Address, ...]

    def is_reached_at(self, place: Place, sender: Server, address: Address) -> bool:
        """Whether a sender may arrive at this place, by the local addresses that are known."""
        known = [one for one in self.addresses if one.version == place.family]
        if sender is self.server:
            known = [address]  # its own hop stays on its own address (S4.06)
        if not known:
            return True
        if place.local is not None:
            return place.local in known
        bound = {one.local for one in places_of(self.connectors, (place.port,))}
        return any(one not in bound for one in known)


def _compare(
    org: Snapshot,
    target: _Target,
    touched: Sequence[ReceiveConnector],
    then: Sequence[ReceiveConnector],
    rows: _Rows,
) -> Iterator[Compared]:
    """Compares one server at each place; what differs goes into the rows."""
    from mailflow.exchange.answer_map import contrast

    roles: dict[int, dict[TransportRole, None]] = {}  # of the changed connectors, by port
    for one in touched:
        if one.role is not None:
            for binding in one.bindings:
                roles.setdefault(binding.port, {})[one.role] = None
    hidden = list(hidden_connectors(org, target.server.name, target.connectors))
    names = {one.identity for one in touched}
    before, after = _as_enabled(target.connectors, names), _as_enabled(then, names)
    for place in places_of(target.connectors, roles):
        for role in roles[place.port]:
            found = contrast(
                before,
                after,
                process=role,
                local=place.local,
                port=place.port,
                family=place.family,
            )
            for block, was, will in found.changed:
                rows.add(target, place, role, block, (was, will))
            doubts: Sequence[str] = ()
            if not found.is_same:
                doubts = tuple(dict.fromkeys([*hidden, *doubts_at(target.connectors, place, role)]))
            yield Compared(target.server.name, place, role, found.blocks, tuple(doubts))


def _as_enabled(
    connectors: Sequence[ReceiveConnector], taking_part: set[str]
) -> list[ReceiveConnector]:
    """What a change would do is asked of connectors whose state was not read as if they were on."""
    return [
        replace(one, enabled=True) if one.enabled is None and one.identity in taking_part else one
        for one in connectors
    ]


def _beyond_places(touched: Iterable[ReceiveConnector]) -> Iterator[str]:
    """What was not read of a changed connector, so that not all of its places are known."""
    for one in touched:
        if one.enabled is not False and not one.bindings_complete:
            yield f"the bindings of {one.identity} were not read to the end"
        if one.enabled is not False and one.role is None:
            yield f"the transport role of {one.identity} was not read"
        if not one.ranges_complete:
            yield f"the remote ranges of {one.identity} were not read to the end"


_Pair = tuple[ReceiveConnector | None, ReceiveConnector | None]
"""Who answers before and after."""


class _Rows:
    """What differs, with the places where it does so alike put together."""

    def __init__(self, org: Snapshot) -> None:
        self._org = org
        self._rights = Rights(org)
        self._reached: dict[tuple[object, ...], Reached] = {}
        self._moved: dict[tuple[object, ...], Moved] = {}
        owners = [(int(a), a, one) for one in org.servers for a in addresses_of(org, one)]
        self._owners = {
            family: sorted((row for row in owners if row[1].version == family), key=_first)
            for family in (4, 6)
        }

    def add(
        self,
        target: _Target,
        place: Place,
        process: TransportRole,
        block: AddressRange,
        pair: _Pair,
    ) -> None:
        """One block at one place; servers in it become rows of their own."""
        owners = self._owners[block.family]
        begin = bisect_left(owners, block.first, key=_first)
        end = bisect_right(owners, block.last, key=_first)
        names = [one and one.identity for one in pair]
        target_name = target.server.name
        for _, address, sender in owners[begin:end]:
            key = (sender.name, address, target_name, *names)
            one = self._reached.get(key) or self._reach(sender, address, target, pair)
            in_use = target.is_reached_at(place, sender, address) and any(
                (way.port, way.process) == (place.port, process)
                for way in endpoints(sender, target.server)
            )
            places = tuple(dict.fromkeys((*one.places, place)))
            self._reached[key] = replace(one, places=places, in_use=one.in_use or in_use)
        for rest in subtract([block], [single(address) for _, address, _ in owners[begin:end]]):
            where = (target_name, place.port, rest, *names)
            row = self._moved.get(where)
            if row is None:
                row = Moved(target_name, (), rest, *pair, effect(*pair, self._rights))
            self._moved[where] = replace(row, places=(*row.places, place))

    def reached(self) -> tuple[Reached, ...]:
        """Servers that are answered differently; those on ways in use first."""
        return tuple(sorted(self._reached.values(), key=lambda one: not one.in_use))

    def moved(self) -> tuple[Moved, ...]:
        """Other addresses that are."""
        return tuple(self._moved.values())

    def _reach(self, sender: Server, address: Address, target: _Target, pair: _Pair) -> Reached:
        settings = (one for one in self._org.settings if sender.is_named(one.server))
        downgraded = next((one.use_downgraded_auth for one in settings), None)
        (was, _), (will, why) = (_lets_in(one, downgraded) for one in pair)
        name = target.server.name
        return Reached(
            sender.name, address, name, (), *pair, was=was, will=will, why=why, in_use=False
        )


def _lets_in(connector: ReceiveConnector | None, downgraded: bool | None) -> tuple[State, str]:
    """Whether it lets an Exchange server in, and for unknown, why; nobody lets none in."""
    if connector is None:
        return "found", ""
    # The state depends on settings alone; without its ranges a long list is not walked through.
    state, _, why, _ = verdict_on(replace(connector, ranges=()), (), downgraded)
    return state, why


def _first(row: tuple[int, Address, Server]) -> int:
    return row[0]
