"""Two snapshots of an organization compared by what they do, not by how they are written.

Servers are matched by name. At each endpoint, for every IPv4 and IPv6 address, the treatment by the
connector that accepts is compared: another name, another order or notation of ranges, another
version make no difference by themselves. What was not read may make the answer unknown; rights that
were not read are said to be not known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from mailflow.analysis.analysis import addresses_of, analyze, connectors_of
from mailflow.analysis.assessment import PathState
from mailflow.analysis.capabilities import RELAY, AccessChange, Rights, access_changes, effect
from mailflow.analysis.paths import MailPath
from mailflow.analysis.places import (
    Place,
    doubts_at,
    hidden_connectors,
    hidden_servers,
    places_of,
    processes_at,
    tie_doubts,
)
from mailflow.exchange.connectors import PermissionGroups, ReceiveConnector, TransportRole
from mailflow.exchange.ranges import Address, AddressRange
from mailflow.exchange.servers import Server
from mailflow.phrases import joined
from mailflow.repair.claim import name_of
from mailflow.snapshot import Snapshot
from mailflow.views.comparison import ChangedPath, Comparison, OwnAddresses, Renamed, Treated


def compare(before: Snapshot, after: Snapshot) -> Comparison:
    """Who is handled differently in the second snapshot, on servers that both have.

    Looks at all servers, whatever the run is limited to.
    """
    pairs = [
        (earlier, later) for earlier in before.servers if (later := after.server(earlier.name))
    ]
    sides = _Sides(before, after)
    for server, same in pairs:
        sides.compare(server, same)
    gone, new = _only_in(before, after), _only_in(after, before)
    # A server that is missing where not all servers were read is not gone.
    sides.doubts |= dict.fromkeys(hidden_servers(after) if gone or not after.servers else ())
    sides.doubts |= dict.fromkeys(hidden_servers(before) if new or not before.servers else ())
    return Comparison(
        treated=sides.treated(),
        ways=tuple(_ways(before, after)),
        access=tuple(sides.access()),
        renamed=tuple(sides.renamed.values()),
        addresses=tuple(_addresses(before, after, pairs)),
        gone=() if hidden_servers(after) else gone,
        new=() if hidden_servers(before) else new,
        versions=tuple(
            (earlier.name, earlier.version_text, later.version_text)
            for earlier, later in pairs
            if earlier.version_text and later.version_text and earlier.version != later.version
        ),
        places=sides.places,
        rights_not_read=sides.rights_not_read(),
        doubts=tuple(sides.doubts),
    )


def _only_in(org: Snapshot, other: Snapshot) -> tuple[str, ...]:
    return tuple(server.name for server in org.servers if not other.server(server.name))


_Pair = tuple[ReceiveConnector | None, ReceiveConnector | None]
_Kind = Literal["same", "renamed", "doubt", "differs"]


class _Sides:
    """Both snapshots, and what was found to differ so far."""

    def __init__(self, before: Snapshot, after: Snapshot) -> None:
        self._orgs = before, after
        self._rights = Rights(before), Rights(after)
        self._treated: dict[tuple[object, ...], Treated] = {}
        self._twins: dict[tuple[str, str], tuple[ReceiveConnector, ReceiveConnector]] = {}
        self.renamed: dict[tuple[str, str], Renamed] = {}
        self.doubts: dict[str, None] = {}
        self.places = 0

    def compare(self, server: Server, same: Server) -> None:
        """One server at all its places."""
        sides = (
            connectors_of(self._orgs[0], server),
            connectors_of(self._orgs[1], same),
        )
        by_name = {connector.name.casefold(): connector for connector in sides[1]}
        for connector in sides[0]:
            twin = by_name.get(connector.name.casefold())
            if twin:
                self._twins[connector.identity, twin.identity] = (connector, twin)
        doubtful = False
        for org, mine, connectors in zip(self._orgs, (server, same), sides, strict=True):
            if mine.has_hub is not False or mine.has_frontend is not False:
                hidden = dict.fromkeys(hidden_connectors(analyze(org).of(mine), connectors))
                self.doubts |= hidden
                doubtful |= bool(hidden)
        ports = {
            binding.port for side in sides for connector in side for binding in connector.bindings
        }
        for place in places_of((*sides[0], *sides[1]), ports):
            self._compare_at(server, place, sides, doubtful=doubtful)

    def _compare_at(
        self,
        server: Server,
        place: Place,
        sides: tuple[Sequence[ReceiveConnector], Sequence[ReceiveConnector]],
        *,
        doubtful: bool,
    ) -> None:
        from mailflow.exchange.answers import differences, map_answers

        self.places += 1
        maps = []
        for connectors in sides:
            roles = processes_at(connectors, place)
            process = roles[0] if roles else TransportRole.FrontendTransport
            doubts = dict.fromkeys(
                (
                    *tie_doubts(connectors, place, process),
                    *doubts_at(connectors, place, process),
                )
            )
            doubtful |= bool(doubts)
            self.doubts |= doubts
            maps.append(
                map_answers(
                    connectors,
                    process=process,
                    local=place.local,
                    port=place.port,
                    family=place.family,
                )
            )
        judged: dict[tuple[str, str], _Kind] = {}  # by names, for long lists are slow to hash

        def differ(was: ReceiveConnector | None, will: ReceiveConnector | None) -> bool:
            kind = judged[name_of(was), name_of(will)] = self._judge(was, will)
            return kind in ("doubt", "differs")

        for block, was, will in differences(maps[0], maps[1], differ):
            certain = not doubtful and judged[name_of(was), name_of(will)] == "differs"
            self._add(server.name, place, block, (was, will), is_certain=certain)

    def _judge(self, was: ReceiveConnector | None, will: ReceiveConnector | None) -> _Kind:
        """How two answerers differ in what they mean for a host."""
        if was is None or will is None:
            return "same" if was is will else "differs"
        found = effect(was, will, *self._rights)
        if found:
            return "differs"
        unread = [name for name in found.not_known if name != RELAY]
        custom = [
            connector.groups is not None and PermissionGroups.Custom in connector.groups
            for connector in (was, will)
        ]
        if custom[0] != custom[1] and found.not_known:
            unread.append("extended rights, which the group Custom stands for")
        if unread:
            names = joined(dict.fromkeys((was.identity, will.identity)))
            self.doubts[f"{names}: not read: {joined(unread)}"] = None
            return "doubt"
        if was.name.casefold() == will.name.casefold():
            return "same"
        key = (was.identity, will.identity)
        self.renamed[key] = Renamed(*key, found.not_known)
        self._twins[key] = (was, will)
        return "renamed"

    def _add(
        self, server: str, place: Place, block: AddressRange, pair: _Pair, *, is_certain: bool
    ) -> None:
        key = (server, place.port, block, *map(name_of, pair), is_certain)
        found = self._treated.get(key)
        if found is None:
            what = effect(*pair, *self._rights)
            found = Treated(server, (), block, *pair, what, is_certain)
        self._treated[key] = replace(found, places=(*found.places, place))

    def treated(self) -> tuple[Treated, ...]:
        """In the order found; a block that differs alike at several places is there once."""
        return tuple(self._treated.values())

    def access(self) -> Iterator[AccessChange]:
        """Users whose rights differ on connectors that correspond to each other."""
        for connector, twin in self._twins.values():
            old, new = self._rights[0].of(connector), self._rights[1].of(twin)
            if old is not None and new is not None:
                yield from access_changes(twin.identity, old, new)

    def rights_not_read(self) -> tuple[str, ...]:
        """Connectors of which nobody can say whether their extended rights differ."""
        return tuple(
            dict.fromkeys(
                twin.identity
                for connector, twin in self._twins.values()
                if None in (self._rights[0].of(connector), self._rights[1].of(twin))
            )
        )


def _ways(before: Snapshot, after: Snapshot) -> Iterator[ChangedPath]:
    """Ways that both snapshots have and that are judged otherwise."""
    old, new = (_by_way(replace(org, only=frozenset())) for org in (before, after))
    for key, paths in old.items():
        others = new.get(key)
        if others is None:
            continue
        was, will = _worst(paths), _worst(others)
        if was != will:
            first = paths[0]
            names = first.sender.name, first.target.name
            yield ChangedPath(*names, was, will, _answered(paths), _answered(others))


def _by_way(org: Snapshot) -> Mapping[tuple[str, str], list[MailPath]]:
    found: dict[tuple[str, str], list[MailPath]] = {}
    for path in analyze(org).paths:
        key = (path.sender.name.casefold(), path.target.name.casefold())
        found.setdefault(key, []).append(path)
    return found


def _worst(paths: Iterable[MailPath]) -> PathState:
    states = {path.state for path in paths}
    return next(state for state in ("found", "unknown", "clear") if state in states)


def _answered(paths: Iterable[MailPath]) -> str:
    """`Relay (10.0.0.11)`: the connector, and the sender's address that it accepts."""
    return joined(
        f"{name_of(path.accepted_by)} ({path.address})" for path in paths if path.was_asked
    )


def _addresses(
    before: Snapshot, after: Snapshot, pairs: Iterable[tuple[Server, Server]]
) -> Iterator[OwnAddresses]:
    """What differs, but for a server of which errors alone name addresses: it may have others."""
    for server, same in pairs:
        lack = analyze(before).of(server).lacks_addresses or analyze(after).of(same).lacks_addresses
        old, new = addresses_of(before, server), addresses_of(after, same)
        if old and new and set(old) != set(new) and not lack:
            yield OwnAddresses(server.name, _but(old, new), _but(new, old))


def _but(some: Iterable[Address], others: Iterable[Address]) -> tuple[str, ...]:
    left_out = set(others)
    return tuple(str(address) for address in some if address not in left_out)
