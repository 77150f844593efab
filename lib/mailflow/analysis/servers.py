"""What is known of each server: its connectors, its addresses, its settings."""

from __future__ import annotations

import ipaddress
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations, product
from typing import TypeVar

from mailflow.analysis.addresses import known_of
from mailflow.analysis.capabilities import Rights
from mailflow.exchange.connectors import (
    Binding,
    PermissionGroups,
    ReceiveConnector,
    SetupDefault,
    TransportRole,
    setup_default,
)
from mailflow.exchange.ranges import Address, AddressRange, Family
from mailflow.exchange.servers import Generation, Server
from mailflow.exchange.ties import tied_pairs
from mailflow.snapshot import Snapshot
from mailflow.snapshot.schema import ANYTHING, CONNECTORS

FAMILIES: tuple[Family, ...] = (4, 6)

ServerKind = tuple[Generation | None, bool | None, bool | None, bool | None]
"""What decides where a server's mail arrives: version, Front End, Hub, Edge (section 4.1)."""

T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class ServerView:
    """A server with all that was read of it. A view equals itself alone.

    Attributes:
        server: the server.
        connectors: its receive connectors, in the order read.
        addresses: its known addresses, each once, in the order read.
        has_all_addresses: the adapters were read, so a family without an address is not in use.
        lacks_addresses: errors alone name those that are known; it may have others.
        doubted: of its addresses those from which mail may not leave, and why.
        downgraded: UseDowngradedExchangeServerAuth; None: not read (C10).
        covered: whether the run covers it. What is not covered still sends to what is.
        denies: of each connector whose access list was read, whether that denies servers a right
            that they need (S3.43).
        hidden: why it may have receive connectors that were not read (S1.38); empty: it has none.
    """

    server: Server
    connectors: tuple[ReceiveConnector, ...]
    addresses: tuple[Address, ...] = ()
    has_all_addresses: bool = False
    lacks_addresses: bool = False
    doubted: Mapping[Address, str] = field(default_factory=dict)
    downgraded: bool | None = None
    covered: bool = True
    hidden: tuple[str, ...] = ()
    denies: Mapping[str, bool] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The short name, as commands take it."""
        return self.server.name

    @property
    def generation(self) -> Generation | None:
        """By its version, else by what hints at it; None: neither was read."""
        return self.server.generation

    @cached_property
    def kind(self) -> ServerKind:
        """What decides where its mail arrives."""
        known = self.server
        return known.generation, known.has_frontend, known.has_hub, known.is_edge

    @cached_property
    def custom(self) -> frozenset[int]:
        """Places of the connectors that an administrator made."""
        return frozenset(
            place
            for place, connector in enumerate(self.connectors)
            if is_custom(connector, self.connectors)
        )

    @cached_property
    def role_conflicts(self) -> tuple[RoleConflict, ...]:
        """Enabled connectors of different transport roles that claim one endpoint."""
        return tuple(find_role_conflicts(self.connectors))

    @cached_property
    def possible_role_conflicts(self) -> tuple[RoleConflict, ...]:
        """Those that there are if connectors whose state was not read are enabled."""
        if all(each.enabled is not None for each in self.connectors):
            return ()
        certain = {each.odd.identity for each in self.role_conflicts}
        as_on = [
            replace(each, enabled=True) if each.enabled is None else each
            for each in self.connectors
        ]
        return tuple(
            each for each in find_role_conflicts(as_on) if each.odd.identity not in certain
        )

    @cached_property
    def has_ties(self) -> bool:
        """Whether equal ranges at one binding leave open who accepts some address (S1.36)."""
        together: dict[tuple[TransportRole | None, Binding], list[ReceiveConnector]] = {}
        for each in self.connectors:
            for binding in each.bindings if each.enabled else ():
                together.setdefault((each.role, binding), []).append(each)
        groups = {
            tuple(map(id, some)): (binding.family, some)
            for (_, binding), some in together.items()
            if len(some) > 1
        }
        return any(True for family, some in groups.values() for _ in tied_pairs(some, family))

    @property
    def is_whole(self) -> bool:
        """Whether all was read that decides which of its connectors accepts a host."""
        return all(map(is_whole, self.connectors))

    def connector(self, identity: str) -> ReceiveConnector | None:
        r"""The connector with this identity, `SERVER\Name`, in any case."""
        wanted = identity.casefold()
        return next((each for each in self.connectors if each.identity.casefold() == wanted), None)

    def of_family(self, family: Family) -> tuple[Address, ...]:
        """The known addresses of one family."""
        return tuple(address for address in self.addresses if address.version == family)

    def local_addresses(self, family: Family, port: int) -> tuple[Address | None, ...]:
        """Local addresses that other servers may connect to, in one family.

        None stands for an address that is not known: only wildcard bindings count for it. Bindings
        name real addresses of the server (S1.04), so they help where nothing else is known, or what
        an error names alone. Empty: the adapters were read and hold no address of this family.
        """
        mine = self.of_family(family)
        if self.has_all_addresses or (mine and not self.lacks_addresses):
            return mine
        bound = bound_addresses(self.connectors, family, port)
        further = (address_of(family, number) for number in bound)
        return (None, *dict.fromkeys([*mine, *further]))

    def intended(self, process: TransportRole, port: int) -> ReceiveConnector | None:
        """The connector that setup made for servers on this endpoint; None: it is not there."""
        mine = [
            each
            for place, each in enumerate(self.connectors)
            if each.role == process and place not in self.custom
        ]
        bound = [each for each in mine if any(binding.port == port for binding in each.bindings)]
        by_name = [
            each
            for each in mine
            if (made := setup_default(each)) and setup_port(made, self.server) == port
        ]
        return next(iter([*bound, *by_name]), None)

    def denied(self, connector: ReceiveConnector) -> bool | None:
        """Whether a connector denies servers a right that they need (S3.43); None: not known.

        Only where `Custom` is shown does the access list hold more than the groups say (S3.20).
        """
        read = self.denies.get(connector.identity.casefold())
        custom = connector.groups is not None and PermissionGroups.Custom in connector.groups
        return False if read is None and not custom else read

    def with_connectors(self, connectors: Iterable[ReceiveConnector]) -> ServerView:
        """The same server with other connectors."""
        return replace(self, connectors=tuple(connectors))


@dataclass(frozen=True, slots=True)
class RoleConflict:
    """Two connectors of different roles that claim one endpoint (S1.30, C9).

    Attributes:
        odd: the one that is out of place: setup did not make it (contract 8.3), or its bindings are
            not those that setup gave it.
        other: the other one.
        bindings: the bindings that meet.
    """

    odd: ReceiveConnector
    other: ReceiveConnector
    bindings: tuple[Binding, Binding]

    def is_met_at(self, family: int, local: Address | None, port: int) -> bool:
        """Whether a connection to this local address could belong to both connectors."""
        return all(
            (binding.family, binding.port) == (family, port)
            and (binding.is_wildcard or (local is not None and binding.address == int(local)))
            for binding in self.bindings
        )


def views_of(org: Snapshot) -> tuple[ServerView, ...]:
    """Every server of an organization with all that was read of it."""
    named = _Names(org.servers)
    connectors = named.grouped((each.server, each) for each in org.connectors)
    rows = named.grouped((each.server, each) for each in org.addresses)
    addresses = [known_of(some) for some in rows]
    settings = named.grouped((each.server, each) for each in org.settings)
    hidden = _hiding(org, named)
    rights = Rights(org)
    return tuple(
        ServerView(
            server=server,
            connectors=tuple(connectors[place]),
            addresses=addresses[place].addresses,
            has_all_addresses=addresses[place].are_all,
            lacks_addresses=addresses[place].lack_some,
            doubted=addresses[place].doubted,
            downgraded=next((each.use_downgraded_auth for each in settings[place]), None),
            covered=org.covers(server.name),
            hidden=tuple(hidden[place]),
            denies={
                each.identity.casefold(): denied
                for each in connectors[place]
                if (denied := rights.denies_servers(each)) is not None
            },
        )
        for place, server in enumerate(org.servers)
    )


def _hiding(org: Snapshot, named: _Names) -> list[list[str]]:
    """Of each server why connectors may be missing: whole outputs, or objects without a name.

    A row that names no server speaks of each.
    """
    rows = [row for row in org.unread if row.what in _HIDES_CONNECTORS]
    everywhere = [row.why for row in rows if not row.server]
    of_one = named.grouped((row.server, row.why) for row in rows if row.server)
    return [list(dict.fromkeys([*everywhere, *some])) for some in of_one]


_HIDES_CONNECTORS = frozenset({CONNECTORS, f"{CONNECTORS} Identity", ANYTHING})


class _Names:
    """Servers by the names that rows give them, each distinct text looked up once (S4.32)."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self._servers = servers
        self._short: dict[str, list[int]] = {}
        for place, server in enumerate(servers):
            self._short.setdefault(short_name(server.name), []).append(place)
        self._places: dict[str, list[int]] = {}

    def places(self, text: str) -> list[int]:
        """The servers that a name, short or full, stands for."""
        if text not in self._places:
            self._places[text] = [
                place
                for place in self._short.get(short_name(text), ())
                if self._servers[place].is_named(text)
            ]
        return self._places[text]

    def grouped(self, rows: Iterable[tuple[str, T]]) -> list[list[T]]:
        """Rows by server, in their order."""
        groups: list[list[T]] = [[] for _ in self._servers]
        for text, row in rows:
            for place in self.places(text):
                groups[place].append(row)
        return groups


def short_name(name: str) -> str:
    """By which servers are found: a name without its domain, in lower case (S4.32)."""
    return name.strip().rstrip(".").casefold().partition(".")[0]


def is_whole(connector: ReceiveConnector) -> bool:
    """Whether all was read of a connector that decides whom it accepts (S1.10, S1.11)."""
    known = connector.enabled is not None and connector.role is not None
    return known and connector.bindings_complete and connector.ranges_complete


def doubt_of(connector: ReceiveConnector) -> str:
    """What was not read of a connector that decides whom it accepts; empty where all was."""
    doubts = []
    if connector.enabled is None:
        doubts.append("whether it is enabled was not read")
    if connector.role is None:
        doubts.append("its transport role was not read")
    if not connector.bindings_complete:
        doubts.append("its Bindings are incomplete in the data")
    if not connector.ranges_complete:
        doubts.append("its RemoteIPRanges are incomplete in the data")
    return "" if connector.enabled is False else " and ".join(doubts)


def is_custom(connector: ReceiveConnector, connectors: Sequence[ReceiveConnector]) -> bool:
    """Whether an administrator made it: it does not have the name of a connector of setup's.

    A connector for all addresses on an endpoint where setup's own is missing is that one renamed.
    """
    if setup_default(connector):
        return False
    everything = any(block.is_everything for block in connector.ranges)
    return not everything or any(
        setup_default(other) and _share_an_endpoint(connector, other) for other in connectors
    )


def _share_an_endpoint(first: ReceiveConnector, second: ReceiveConnector) -> bool:
    return any(mine.meets(theirs) for mine in first.bindings for theirs in second.bindings)


def setup_port(default: SetupDefault, server: Server) -> int | None:
    """Where setup binds a connector on this server (section 2, S2.05); None: not known."""
    if default.name != "Default {}" or server.generation is Generation.MODERN:
        return default.port
    if server.generation is Generation.LEGACY or server.has_frontend is False:
        return 25
    return default.port if server.has_frontend else None


def find_role_conflicts(connectors: Sequence[ReceiveConnector]) -> Iterator[RoleConflict]:
    """Enabled connectors of different roles that claim one endpoint, for each pair of bindings.

    S1.30, C9. Of two custom connectors the HubTransport one is named, which is what a connector
    becomes where nobody gave it a role (S2.21).
    """
    claims = [each for each in connectors if each.enabled and each.role is not None]
    for first, second in combinations(claims, 2):
        if first.role == second.role:
            continue
        for mine, theirs in product(first.bindings, second.bindings):
            if mine.meets(theirs):
                odd = out_of_place(first, second, mine.port)
                other = second if odd is first else first
                yield RoleConflict(odd, other, (mine, theirs))


def out_of_place(first: ReceiveConnector, second: ReceiveConnector, port: int) -> ReceiveConnector:
    """Which of two connectors in conflict at a port does not belong there (contract 8.3).

    A connector of setup's belongs to the port that setup gave it and to no other; beside it at home
    a custom one is out of place.
    """

    def belongs(connector: ReceiveConnector) -> tuple[int, bool]:
        made = setup_default(connector)
        rank = 1 if made is None else 2 if made.port == port else 0
        return rank, connector.role != TransportRole.HubTransport

    return min((first, second), key=belongs)


def bound_addresses(connectors: Iterable[ReceiveConnector], family: Family, port: int) -> list[int]:
    """Local addresses, as numbers in order, that connectors are bound to at a port."""
    return sorted(
        {
            binding.address
            for connector in connectors
            for binding in connector.bindings
            if (binding.family, binding.port) == (family, port) and not binding.is_wildcard
        }
    )


def address_of(family: Family, number: int) -> Address:
    """The address with this number."""
    return ipaddress.IPv4Address(number) if family == 4 else ipaddress.IPv6Address(number)


def family_of(address: Address) -> Family:
    """4 or 6."""
    return 4 if address.version == 4 else 6


class SortedAddresses:
    """Many addresses, to be asked which ranges contain one of them."""

    def __init__(self, addresses: Iterable[Address]) -> None:
        """Sort them once."""
        numbers: dict[Family, set[int]] = {4: set(), 6: set()}
        for address in addresses:
            numbers[family_of(address)].add(int(address))
        self._sorted = {family: sorted(some) for family, some in numbers.items()}

    def some_in(self, block: AddressRange) -> bool:
        """Whether one of them lies in the range."""
        numbers = self._sorted[block.family]
        place = bisect_left(numbers, block.first)
        return place < len(numbers) and numbers[place] <= block.last

    def lean(self, connectors: Sequence[ReceiveConnector]) -> tuple[ReceiveConnector, ...]:
        """The connectors with only those ranges that matter to who accepts these addresses.

        A range that contains none of them decides nothing for them (S1.14). One for all addresses
        is always kept: it tells a renamed default connector from a custom one.
        """
        return tuple(
            replace(
                each,
                ranges=tuple(
                    block for block in each.ranges if block.is_everything or self.some_in(block)
                ),
            )
            for each in connectors
        )
