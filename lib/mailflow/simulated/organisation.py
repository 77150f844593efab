"""What a simulated organization is made of: servers, connectors, queues, messages, rights.

Servers and connectors are the package's own types, so that the rules of `exchange` judge them as
they judge a live organization's. What changes while time goes by (queues, what is broken) is
mutable and stands here.
"""

from __future__ import annotations

import ipaddress
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mailflow.exchange.connectors import (
    SETUP_DEFAULTS,
    PermissionGroups,
    ReceiveConnector,
    SetupDefault,
    TransportRole,
    parse_binding,
)
from mailflow.exchange.ranges import EVERYTHING, Address
from mailflow.exchange.servers import Generation, Server, parse_version

DOMAIN = "contoso.example"
EXPIRY = timedelta(days=2)
"""After this a message goes back to its sender (section 4.6)."""
REPLICATION = timedelta(seconds=15)
"""How long a change takes from one domain controller to the others (S8.66)."""
RATED = timedelta(minutes=1)
"""IncomingRate and OutgoingRate are of the last minute (section 4.5)."""

EXCHANGE_SERVERS = "CONTOSO\\Exchange Servers"
SUBMIT = "ms-Exch-SMTP-Submit"

BUILDS: Mapping[str, str] = {
    "2007": "Version 8.3 (Build 83.6)",
    "2010": "Version 14.3 (Build 123.4)",
    "2013": "Version 15.0 (Build 1497.2)",
    "2016": "Version 15.1 (Build 2375.7)",
    "2019": "Version 15.2 (Build 1258.12)",
}
"""AdminDisplayVersion by product (S9.11)."""


@dataclass
class Message:
    """One message. `to` is the server of the recipient's mailbox, or a domain outside.

    Attributes:
        number: counts all messages of the organization.
        sender: server that accepted it.
        to: a server of the organization, or an SMTP domain.
        received: when.
    """

    number: int
    sender: str
    to: str
    received: datetime

    @property
    def expires(self) -> datetime:
        """When it goes back to its sender, delivered or not (section 4.6)."""
        return self.received + EXPIRY


@dataclass(eq=False)
class PracticeQueue:
    r"""One queue, equal to itself alone. Only the transport changes what stands below `messages`.

    Attributes:
        server: short name of the server that holds it.
        name: what follows the server in the identity: `1187`, `Submission`, `Shadow\7`.
        delivery_type: one of DELIVERY_TYPES' names.
        next_hop: NextHopDomain.
        targets: servers that its messages may go to, in the order they are tried; empty: it leaves
            the organization or goes into mailboxes.
        messages: oldest first.
        suspended: somebody suspended it.
        status: Active, Ready or Retry (section 4.4); `shown_status` says Suspended as well.
        error: LastError; it may stay after mail flows again (S4.42).
        retries: RetryCount: attempts since the first failure; 0 while mail flows.
        failing_since: the first failure; None while mail flows.
        first_retry: FirstRetryTime: the first failure as well.
        last_retry: LastRetryTime: the last failed attempt; stays as `error` does.
        next_retry: NextRetryTime; None but in Retry (S4.41).
        flowing_since: since when it drains; None: it does not.
        talks_to: the server that takes its mail while it drains; empty: none of the organization.
        idle_since: since when it is empty; None: it is not.
        came, went: when messages came in and were delivered, within the last minute at least.
    """

    server: str
    name: str
    delivery_type: str
    next_hop: str
    targets: tuple[str, ...] = ()
    messages: list[Message] = field(default_factory=list)
    suspended: bool = False
    status: str = "Ready"
    error: str = ""
    retries: int = 0
    failing_since: datetime | None = None
    first_retry: datetime | None = None
    last_retry: datetime | None = None
    next_retry: datetime | None = None
    flowing_since: datetime | None = None
    talks_to: str = ""
    idle_since: datetime | None = None
    came: deque[datetime] = field(default_factory=deque)
    went: deque[datetime] = field(default_factory=deque)

    @property
    def identity(self) -> str:
        r"""`SERVER\1187` (section 4.3)."""
        return f"{self.server}\\{self.name}"

    @property
    def shown_status(self) -> str:
        """Status as Get-Queue prints it: Suspended goes before all others (section 4.4)."""
        return "Suspended" if self.suspended else self.status

    @property
    def is_delivery(self) -> bool:
        """Whether it is one with a number, which has a next hop and delivers."""
        return self.name.isdigit()

    def incoming_rate(self, now: datetime) -> float:
        """IncomingRate: messages per second over the last minute (section 4.5)."""
        return _rate(self.came, now)

    def outgoing_rate(self, now: datetime) -> float:
        """OutgoingRate; Velocity is this minus `incoming_rate` (section 4.5)."""
        return _rate(self.went, now)


def _rate(moments: deque[datetime], now: datetime) -> float:
    while moments and moments[0] <= now - RATED:
        moments.popleft()
    return len(moments) / RATED.total_seconds()


@dataclass(frozen=True)
class PracticeCertificate:
    """A certificate of a server, beside those that setup makes.

    Attributes:
        subject, issuer: distinguished names.
        domains: names it is for.
        until: its NotAfter.
    """

    subject: str
    issuer: str
    domains: tuple[str, ...]
    until: datetime

    @property
    def name(self) -> str:
        """As TlsCertificateName names it."""
        return f"<I>{self.issuer}<S>{self.subject}"


INTERNET = "Internet"
"""Name of the one send connector of a simulated organization."""


@dataclass(frozen=True)
class PracticeSendConnector:
    """The send connector to the internet, by DNS.

    Attributes:
        sources: short names of its source servers; empty: the newest servers with a hub.
        scoped: whether only servers in the site of a source use it (S9.23).
        certificate: TlsCertificateName; empty: none.
    """

    sources: tuple[str, ...] = ()
    scoped: bool = False
    certificate: str = ""


@dataclass(eq=False)
class PracticeServer:
    """One server, equal to itself alone, and what is wrong with it beside its connectors.

    Attributes:
        exchange: names, version, roles, site.
        addresses: those that its adapters hold, in the order its name resolves to.
        database: name of its mailbox database (2013 and later; before, the server is named).
        dag: database availability group; empty: none.
        downgraded_auth: UseDowngradedExchangeServerAuth (S3.42).
        network: `open`; `silent` answers nothing (10060), `refuses` refuses (10061).
        rpc: whether other servers reach its queue viewer (S8.55).
        shell: whether a remote shell (WinRM) can be opened on it at all.
        services: whether its transport services run (S8.55).
        dismounted: its mailbox database is not mounted (section 6.2).
        inactive: components that are not Active, for example `HubTransport` (maintenance).
        full: back pressure is high: disk or memory are used up (section 6.4).
        strips_verbs: a device in front of it takes Exchange's verbs out of the session (C4).
        certificate_lost: its internal transport certificate can't be loaded (C8).
        clock_off: its clock is off by more than five minutes, so that Kerberos fails (L1).
        seen_as: address of a sender to the one that this server sees in its place (C5), of the same
            family.
        queue_number: the last number it gave to a queue (S4.31).
        certificates: those that people installed.
    """

    exchange: Server
    addresses: list[str]
    database: str = ""
    dag: str = ""
    downgraded_auth: bool = False
    network: str = "open"
    rpc: bool = True
    shell: bool = True
    services: bool = True
    dismounted: bool = False
    inactive: set[str] = field(default_factory=set)
    full: bool = False
    strips_verbs: bool = False
    certificate_lost: bool = False
    clock_off: bool = False
    seen_as: dict[str, str] = field(default_factory=dict)
    queue_number: int = 1000
    certificates: list[PracticeCertificate] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Short name."""
        return self.exchange.name

    @property
    def is_legacy(self) -> bool:
        """2007 or 2010."""
        return self.exchange.generation is Generation.LEGACY


@dataclass(frozen=True)
class AccessEntry:
    """An entry of a connector's access control list beside those of its permission groups.

    Attributes:
        user: whom it is for.
        rights: extended rights.
        deny: whether it takes them away; a denial goes before all grants.
    """

    user: str
    rights: tuple[str, ...]
    deny: bool = False


@dataclass(frozen=True)
class Account:
    r"""Somebody who manages the organization.

    Attributes:
        name: as it signs in, `CONTOSO\anna`.
        role_groups: names of Exchange's role groups (section 8.8).
    """

    name: str
    role_groups: frozenset[str]


@dataclass(frozen=True)
class ConnectorWrite:
    """A connector as written at one domain controller; the others see it later (S8.66)."""

    moment: datetime
    controller: str
    connector: ReceiveConnector


class Directory:
    """The receive connectors, as each domain controller sees them."""

    def __init__(self, controllers: tuple[str, ...] = ("dc1", "dc2")) -> None:
        """Begin without connectors; the first controller is the one that everybody asks."""
        self.controllers = tuple(f"{controller}.{DOMAIN}" for controller in controllers)
        self._setup: dict[str, ReceiveConnector] = {}
        self._changes: list[ConnectorWrite] = []

    def controller(self, name: str) -> str | None:
        """The full name of a domain controller, from that or its short one; None: there is none."""
        wanted = name.casefold()
        return next(
            (
                controller
                for controller in self.controllers
                if wanted in (controller, controller.partition(".")[0])
            ),
            None,
        )

    def install(self, connector: ReceiveConnector) -> None:
        """Make a connector, or put it in place of the one of its name, everywhere at once."""
        self._setup[connector.identity.casefold()] = connector

    def write(self, connector: ReceiveConnector, moment: datetime, controller: str = "") -> None:
        """Change a connector at one domain controller; left out: the first."""
        written = replace(connector, when_changed=moment)
        self._changes.append(ConnectorWrite(moment, controller or self.controllers[0], written))

    def connectors(self, moment: datetime, controller: str = "") -> list[ReceiveConnector]:
        """All connectors as a domain controller sees them at a moment, in the order made."""
        where = controller or self.controllers[0]
        seen = dict(self._setup)
        for change in self._changes:
            if change.controller == where or change.moment + REPLICATION <= moment:
                seen[change.connector.identity.casefold()] = change.connector
        return list(seen.values())

    def find(
        self, identity: str, moment: datetime, controller: str = ""
    ) -> ReceiveConnector | None:
        r"""The connector `SERVER\Name`, in any case, as a domain controller sees it at a moment."""
        wanted = identity.casefold()
        return next(
            (
                connector
                for connector in self.connectors(moment, controller)
                if connector.identity.casefold() == wanted
            ),
            None,
        )


@dataclass
class Organisation:
    """All of it.

    Attributes:
        servers: in the order installed.
        directory: the receive connectors.
        queues: of all servers, in the order they came up.
        access: identity of a connector, in lower case, to its additional entries.
        accounts: who manages it.
        outside: SMTP domain to what is wrong with it: `no-connector` (no send connector leads
            there), `unresolved`, `silent`, `refuses` or `full`; others take all mail.
        send_connector: the one connector to the internet.
        accepted: accepted domain to its DomainType.
    """

    servers: list[PracticeServer] = field(default_factory=list)
    directory: Directory = field(default_factory=Directory)
    queues: list[PracticeQueue] = field(default_factory=list)
    access: dict[str, list[AccessEntry]] = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)
    outside: dict[str, str] = field(default_factory=dict)
    send_connector: PracticeSendConnector = PracticeSendConnector()
    accepted: dict[str, str] = field(default_factory=lambda: {DOMAIN: "Authoritative"})

    def install(
        self, name: str, build: str, addresses: list[str], *, site: str, roles: str = ""
    ) -> PracticeServer:
        """Add a server with the connectors and the queue that setup makes.

        Args:
            name: short name.
            build: AdminDisplayVersion.
            addresses: of its adapters.
            site: Active Directory site.
            roles: of Exchange 2013 and Edge, as `ClientAccess`, `Mailbox`, `Edge`; empty: all that
                have to do with transport.
        """
        exchange = _with_roles(
            Server(
                name,
                f"{name.lower()}.{DOMAIN}",
                parse_version(build),
                site=site,
                version_text=build,
            ),
            {word.strip() for word in roles.split(",") if word.strip()},
        )
        server = PracticeServer(exchange, addresses, f"{name} mailboxes")
        self.servers.append(server)
        for default in setup_connectors(exchange):
            self.directory.install(default)
        if exchange.has_hub:
            self.queues.append(PracticeQueue(name, "Submission", "Undefined", "Submission"))
        return server

    def server(self, name: str) -> PracticeServer | None:
        """The server with this short or full name, in any case (S4.32)."""
        for server in self.servers:
            if server.exchange.name == name:  # as nearly always
                return server
        return next(
            (known_server for known_server in self.servers if known_server.exchange.is_named(name)),
            None,
        )

    def connectors_of(
        self, server: str, moment: datetime, controller: str = ""
    ) -> list[ReceiveConnector]:
        """The receive connectors of one server, as a domain controller sees them."""
        name = server.casefold()
        seen = self.directory.connectors(moment, controller)
        return [
            self.with_shown_groups(connector)
            for connector in seen
            if connector.server.casefold() == name
        ]

    def with_shown_groups(self, connector: ReceiveConnector) -> ReceiveConnector:
        """PermissionGroups as shown: computed from the rights, so that more adds Custom (S3.20)."""
        if not self.access.get(connector.identity.casefold()):
            return connector
        groups = connector.groups or PermissionGroups(0)
        return replace(connector, groups=groups | PermissionGroups.Custom)

    def denies_submit(self, connector: ReceiveConnector) -> bool:
        """Whether an entry takes the right to submit from Exchange servers (S3.21, L2)."""
        return any(
            entry.deny and entry.user == EXCHANGE_SERVERS and SUBMIT in entry.rights
            for entry in self.access.get(connector.identity.casefold(), ())
        )

    def queues_of(self, server: str) -> list[PracticeQueue]:
        """Those of the server with this short name, in any case; none where nobody has the name."""
        wanted = server.casefold()
        return [queue for queue in self.queues if queue.server.casefold() == wanted]

    def sources(self) -> list[PracticeServer]:
        """The source servers of the send connector."""
        named = self.send_connector.sources
        hubs = [server for server in self.servers if server.exchange.has_hub]
        if named:
            return [server for server in hubs if server.name in named]
        newest = max((server.exchange.version or () for server in hubs), default=())
        return [server for server in hubs if server.exchange.version == newest]

    def new_queue_number(self, server: PracticeServer) -> str:
        """A number that no queue of the server ever had, as rows of a database have (S4.31)."""
        server.queue_number += 1
        return str(server.queue_number)


def _with_roles(server: Server, roles: set[str]) -> Server:
    """The server with its transport services: one in 2010 and on Edge, else two (section 2.2)."""
    if "Edge" in roles:
        return replace(server, has_frontend=False, has_hub=True, is_edge=True)
    if server.generation is Generation.LEGACY:
        hub = not roles or "HubTransport" in roles
        return replace(server, has_frontend=False, has_hub=hub, is_edge=False)
    split = bool(roles) and server.generation is Generation.E2013
    return replace(
        server,
        has_frontend=not split or "ClientAccess" in roles,
        has_hub=not split or "Mailbox" in roles,
        is_edge=False,
    )


def setup_connectors(server: Server) -> Iterator[ReceiveConnector]:
    """The connectors that setup makes on a server (section 2)."""
    by_name = {default.name: default for default in SETUP_DEFAULTS}
    if server.is_edge:
        yield _default(server, by_name["Default internal receive connector {}"])
        return
    if server.generation is Generation.LEGACY:
        if server.has_hub:
            yield _default(server, replace(by_name["Default {}"], port=25))
            yield _default(server, by_name["Client {}"])
        return
    if server.has_frontend:
        for name in ("Default Frontend {}", "Outbound Proxy Frontend {}", "Client Frontend {}"):
            yield _default(server, by_name[name])
    if server.has_hub:
        port = (
            2525 if server.has_frontend else 25
        )  # 25 belongs to a Front End where there is one (S2.05)
        yield _default(server, replace(by_name["Default {}"], port=port))
        yield _default(server, by_name["Client Proxy {}"])


def _default(server: Server, default: SetupDefault) -> ReceiveConnector:
    families = (4,) if server.is_edge else (6, 4)  # Edge listens on IPv4 alone (section 2.4)
    hosts = {4: "0.0.0.0", 6: "[::]"}  # noqa: S104 - a binding is data here, nothing listens
    verbose = default.name.startswith(("Default Frontend", "Outbound"))
    return ReceiveConnector(
        server=server.name,
        name=default.name.format(server.name),
        enabled=True,
        role=default.role,
        bindings=tuple(
            parse_binding(f"{hosts[family]}:{default.port}") for family in reversed(families)
        ),
        ranges=tuple(EVERYTHING[4 if family == 4 else 6] for family in families),
        auth=default.auth,
        groups=default.groups,
        suppress_x_anonymous_tls=False,
        fqdn=server.fqdn,
        require_tls=False,
        protocol_logging="Verbose" if verbose else "None",
    )


def role_of(server: Server) -> TransportRole:
    """The role a connector gets where none is named: HubTransport where that service is (S2.21)."""
    return TransportRole.HubTransport if server.has_hub else TransportRole.FrontendTransport


def address_pairs(sender: PracticeServer, target: PracticeServer) -> list[tuple[Address, Address]]:
    """(source, destination) of the connections a sender tries, in order.

    The target's addresses in the order its name resolves to; for each the sender's first address of
    that family, as the routing table would pick it (S4.03e, S9.02, S9.06). A server that connects
    to itself uses one address for both ends.
    """
    if sender is target:
        return [(address, address) for address in map(ipaddress.ip_address, target.addresses)]
    mine = [ipaddress.ip_address(address) for address in sender.addresses]
    pairs = []
    for text in target.addresses:
        there = ipaddress.ip_address(text)
        here = next((address for address in mine if address.version == there.version), None)
        if here:
            pairs.append((here, there))
    return pairs
