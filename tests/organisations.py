r"""Made-up organisations for tests and for the demo: build one, break it, write it as captures.

    org = article()                                     # the case the project grew from
    org = healthy()                                     # the same organisation in order
    org.add_relay("EX16A", "10.0.0.11", "10.0.7.0/24")  # a custom connector
    org.change("EX16A\\Relay", auth="Tls, ExchangeServer")
    org.add_queue("EX10A", 131, error=STUCK)            # a queue in Retry
    org.add_server("EX19A", "Version 15.2 (Build 1258.12)", "10.0.0.31")
    org.remove("EX16B\\Relay")
    org.without("addresses")                            # a table nobody captured

    org.snapshot()                                      # what a complete reading of it must give
    org.reading()                                       # the rows a reader would give
    capture_forms.write(org.reading(), folder, "clixml")   # the same as files

Everything stands in the typed objects of the package (`org.connectors` and so on), so a test may
also replace one of them directly. Methods that change it return it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from mailflow.exchange.connectors import (
    SETUP_DEFAULTS,
    AuthMechanism,
    PermissionGroups,
    ReceiveConnector,
    SetupDefault,
    TransportRole,
    flag_names,
    parse_binding,
    parse_flags,
)
from mailflow.exchange.queues import DELIVERY_TYPES, STATUSES, Moment, Queue
from mailflow.exchange.ranges import AddressRange, parse_range
from mailflow.exchange.servers import Generation, Server, parse_version
from mailflow.snapshot import ServerAddress, Snapshot, TransportSettings
from mailflow.sources.row import Complex, Enumeration, Items, Reading, Row, Value
from mailflow.sources.tables import assemble

DOMAIN = "contoso.com"
SITE = "Head-Office"
EVERYONE = ("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "0.0.0.0-255.255.255.255")

E2007 = "Version 8.3 (Build 83.6)"
E2010 = "Version 14.3 (Build 123.4)"
E2013 = "Version 15.0 (Build 1497.2)"
E2016 = "Version 15.1 (Build 2375.7)"
E2019 = "Version 15.2 (Build 1258.12)"

STUCK = (
    '451 4.4.0 Primary target IP address responded with: "451 5.7.3 Cannot achieve Exchange '
    'Server authentication." Attempted failover to alternate host, but that did not succeed. '
    "Either there are no alternate hosts, or delivery failed to all alternate hosts."
)
"""LastError of a 2007/2010 sender in the article's case (S6.01)."""

STUCK_2016 = (
    "[{{LED=451 4.4.395 Target host responded with error. -> 451 5.7.3 Cannot achieve Exchange "
    "Server authentication}};{{MSG=}};{{FQDN={fqdn}}};{{IP={ip}}};{{LRT=11/23/2026 1:59:17 PM}}]"
)
"""The same from 2016 and later (S6.05, S6.06); to be formatted with `fqdn` and `ip`."""

TABLES = ("servers", "addresses", "connectors", "queues", "settings")
NO_GUID = "00000000-0000-0000-0000-000000000000"


def at(text: str) -> Moment:
    """A time on the article's day, 23 November 2026, in UTC: `at("11:48:00")`."""
    instant = datetime.fromisoformat(f"2026-11-23T{text}+00:00")
    return Moment(instant.isoformat(), instant)


@dataclass
class Organisation:
    """An organisation under construction.

    Attributes:
        servers, addresses, connectors, queues, settings: as a complete snapshot holds them.
        missing: tables that no capture was made of.
        kept: objects that the snapshot keeps as they are read: send connectors and certificates.
    """

    servers: list[Server] = field(default_factory=list)
    addresses: list[ServerAddress] = field(default_factory=list)
    connectors: list[ReceiveConnector] = field(default_factory=list)
    queues: list[Queue] = field(default_factory=list)
    settings: list[TransportSettings] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)
    kept: list[Row] = field(default_factory=list)

    def copy(self) -> Organisation:
        """The same once more, to be changed alone."""
        return deepcopy(self)

    def add_server(
        self, name: str, version: str, *addresses: str, roles: str = "", defaults: bool = True
    ) -> Organisation:
        """Add a server with its addresses, setup's connectors and an empty Submission queue.

        `roles` matters for 2007 to 2013, in Exchange's words: `Mailbox`, `ClientAccess`, `Mailbox,
        ClientAccess` (2013); `HubTransport`, `Mailbox` ... (2007/2010); `Edge` for any. Left out:
        what has transport.
        """
        server = _server(name, version, roles)
        self.servers.append(server)
        self.addresses += [ServerAddress(name, one, "addresses.csv") for one in addresses]
        if defaults:
            self.connectors += [_default(server, one) for one in _setup(server)]
        if server.has_hub:
            self.queues.append(
                Queue(
                    rf"{name}\Submission", name, "Undefined", "Submission", "Ready", 0, "", 0,
                    next_hop_connector=NO_GUID, **_modern(server, category="Internal"),
                )
            )  # fmt: skip
            self.settings.append(TransportSettings(name, use_downgraded_auth=False))
        return self

    def server(self, name: str) -> Server:
        """The server of this name."""
        return next(one for one in self.servers if one.is_named(name))

    def connector(self, identity: str) -> ReceiveConnector:
        r"""The connector `SERVER\Name`."""
        return next(one for one in self.connectors if one.identity == identity)

    def queue(self, identity: str) -> Queue:
        r"""The queue `SERVER\1187`."""
        return next(one for one in self.queues if one.identity == identity)

    def add_relay(
        self,
        server: str,
        *ranges: str,
        name: str = "Relay",
        **other: Any,  # noqa: ANN401
    ) -> Organisation:
        """Add an anonymous relay connector (section 2.6); `other` as for `change`."""
        legacy = self.server(server).generation is Generation.LEGACY
        role = TransportRole.HubTransport if legacy else TransportRole.FrontendTransport
        relay = ReceiveConnector(
            server=server,
            name=name,
            enabled=True,
            role=role,
            bindings=(parse_binding("0.0.0.0:25"),),
            ranges=_ranges(ranges),
            auth=AuthMechanism.Tls,
            groups=PermissionGroups.AnonymousUsers | PermissionGroups.Custom,
            suppress_x_anonymous_tls=False,
            fqdn=self.server(server).fqdn,
            require_tls=False,
            protocol_logging="None",
        )
        self.connectors.append(relay)
        return self.change(relay.identity, **other)

    def change(self, identity: str, **values: Any) -> Organisation:  # noqa: ANN401
        r"""Change a connector or queue; flags, ranges and bindings may be given as text.

        `org.change("EX16A\\Relay", ranges="10.0.0.11, 10.0.5.0/24", auth="Tls", enabled=False)`.
        """
        rows: list[Any] = self.connectors if self._is_connector(identity) else self.queues
        place = next(n for n, one in enumerate(rows) if one.identity == identity)
        typed = {name: _typed(name, value) for name, value in values.items()}
        rows[place] = replace(rows[place], **typed)
        return self

    def change_server(self, name: str, **values: Any) -> Organisation:  # noqa: ANN401
        """Change what is known of a server."""
        place = self.servers.index(self.server(name))
        self.servers[place] = replace(self.servers[place], **values)
        return self

    def remove(self, identity: str) -> Organisation:
        r"""Remove a connector or queue (`SERVER\Name`)."""
        self.connectors = [one for one in self.connectors if one.identity != identity]
        self.queues = [one for one in self.queues if one.identity != identity]
        return self

    def remove_server(self, name: str) -> Organisation:
        """Remove a server and all that is its."""
        for table in TABLES[1:]:
            setattr(self, table, [one for one in getattr(self, table) if one.server != name])
        self.servers.remove(self.server(name))
        return self

    def set_addresses(self, server: str, *addresses: str) -> Organisation:
        """Give a server these addresses and no others."""
        self.addresses = [one for one in self.addresses if one.server != server]
        self.addresses += [ServerAddress(server, one, "addresses.csv") for one in addresses]
        return self

    def set_downgraded_auth(self, server: str, value: bool | None) -> Organisation:
        """Say what Get-TransportService says of UseDowngradedExchangeServerAuth."""
        self.settings = [one for one in self.settings if one.server != server]
        self.settings.append(TransportSettings(server, use_downgraded_auth=value))
        return self

    def add_queue(
        self,
        server: str,
        messages: int = 1,
        *,
        name: str = "",
        error: str = "",
        to: str = "",
        **other: Any,  # noqa: ANN401
    ) -> Organisation:
        """Add a queue: with an error in Retry, else Active; `other` are fields of Queue.

        `to` is the next hop; left out, it and the delivery type are what an intra-organisation
        queue of this generation has (section 4.2).
        """
        sender = self.server(server)
        legacy = sender.generation is Generation.LEGACY
        number = name or str(1000 + len(self.queues))
        values: dict[str, Any] = {
            "identity": f"{server}\\{number}",
            "server": server,
            "delivery_type": "SmtpRelayWithinAdSite" if legacy else "SmtpDeliveryToMailbox",
            "next_hop_domain": to or ("hub version 15" if legacy else "mailboxes 01"),
            "status": "Retry" if error else "Active",
            "message_count": messages,
            "last_error": error,
            "retry_count": 12 if error else 0,
            "last_retry": at("13:59:17") if error else None,
            "next_retry": at("14:09:17") if error else None,
            "next_hop_connector": NO_GUID,
            **_modern(sender, category="Internal"),
        }
        self.queues.append(Queue(**values | other))
        return self

    def add_send_connector(self, name: str, *sources: str, **other: Value) -> Organisation:
        """Add a send connector for `*` by DNS; `other` are properties as Exchange names them."""
        values: dict[str, Value] = {
            "Name": name,
            "Enabled": True,
            "AddressSpaces": Items(("SMTP:*;1",)),
            "SmartHosts": Items(()),
            "SourceTransportServers": Items(sources),
            "IsScopedConnector": False,
            "TlsCertificateName": None,
        }
        self.kept.append(Row("Get-SendConnector", values | other, f"send connector {name}"))
        return self

    def add_certificate(self, server: str, thumbprint: str, **other: Value) -> Organisation:
        """Add a certificate for SMTP that is good for years; `other` are its properties."""
        values: dict[str, Value] = {
            "Thumbprint": thumbprint,
            "Subject": f"CN={server}",
            "Issuer": f"CN={server}",
            "Services": Enumeration("IMAP, POP, IIS, SMTP", 15),
            "Status": Enumeration("Valid", 4),
            "CertificateDomains": Items((server, f"{server}.{DOMAIN}".casefold())),
            "NotAfter": datetime(2031, 1, 1, tzinfo=UTC),
            "HasPrivateKey": True,
        }
        number = len(self.kept)
        row = Row("Get-ExchangeCertificate", values | other, f"certificate {number}", "", server)
        self.kept.append(row)
        return self

    def without(self, *tables: str) -> Organisation:
        """Leave out what nobody captured: names of tables."""
        unknown = set(tables) - set(TABLES)
        assert not unknown, f"no such table: {unknown}"
        self.missing |= set(tables)
        return self

    def snapshot(self, origin: str = "") -> Snapshot:
        """What a reading of all its captures must give, if nothing is missing."""
        held = {name: tuple(getattr(self, name)) for name in TABLES if name not in self.missing}
        kept = assemble(Reading(rows=self.kept), origin=origin).kept
        return Snapshot(origin=origin, cmdlets=self._cmdlets(), kept=kept, **held)

    def reading(self) -> Reading:
        """The rows that readers would give."""
        rows = [row for name in TABLES if name not in self.missing for row in self._rows(name)]
        cmdlets = {*self._cmdlets(), *(row.cmdlet for row in self.kept)}
        return Reading(rows=[*rows, *self.kept], cmdlets=cmdlets)

    def _cmdlets(self) -> frozenset[str]:
        return frozenset(
            cmdlet
            for table, cmdlet in CMDLETS.items()
            if table not in self.missing and cmdlet != "addresses.csv"
        )

    def _is_connector(self, identity: str) -> bool:
        return any(one.identity == identity for one in self.connectors)

    def _rows(self, table: str) -> list[Row]:
        make = {
            "servers": server_values,
            "addresses": lambda one: {"server": one.server, "address": one.address},
            "connectors": connector_values,
            "queues": queue_values,
            "settings": lambda one: {
                "Name": one.server,
                "UseDowngradedExchangeServerAuth": one.use_downgraded_auth,
                "Identity": one.server,
            },
        }[table]
        objects: list[Any] = getattr(self, table)
        return [
            Row(CMDLETS[table], make(one), f"{table}, object {number}")
            for number, one in enumerate(objects, 1)
        ]


CMDLETS = {
    "servers": "Get-ExchangeServer",
    "addresses": "addresses.csv",
    "connectors": "Get-ReceiveConnector",
    "queues": "Get-Queue",
    "settings": "Get-TransportService",
}


def healthy() -> Organisation:
    """Two Exchange 2010 and two 2016 servers in one site; relays for printers; mail flows."""
    org = Organisation()
    org.add_server("EX10A", E2010, "10.0.0.11").add_server("EX10B", E2010, "10.0.0.12")
    org.add_server("EX16A", E2016, "10.0.0.21").add_server("EX16B", E2016, "10.0.0.22")
    for server in ("EX16A", "EX16B"):
        org.add_relay(server, "10.0.5.0/24", comment="Printers and scanners")
    moving = {"velocity": 0.2, "delivery_type": "SmtpDeliveryToMailbox"}
    org.add_queue("EX16A", 6, name="15", to="mailboxes 01", **moving)
    org.add_queue("EX16B", 2, name="11", to="mailboxes 02", **moving)
    for server, other in (("EX16A", "ex16b"), ("EX16B", "ex16a")):
        org.add_queue(
            server,
            9,
            name=r"Shadow\7",
            to=f"{other}.{DOMAIN}",
            delivery_type="ShadowRedundancy",
            status="Ready",
        )
    return org


def article() -> Organisation:
    """The article's case (section 0): both relays list the 2010 servers, whose queues wait."""
    org = healthy()
    for server in ("EX16A", "EX16B"):
        org.change(f"{server}\\Relay", ranges="10.0.0.11, 10.0.0.12, 10.0.5.0/24")
    org.add_queue(
        "EX10A", 131, name="1187", error=STUCK, retry_count=20,
        first_retry=at("11:48:00"), last_retry=at("13:59:17"), next_retry=at("14:09:17"),
    )  # fmt: skip
    org.add_queue(
        "EX10B", 83, name="902", error=STUCK, retry_count=18,
        first_retry=at("12:06:00"), last_retry=at("13:57:31"), next_retry=at("14:07:31"),
    )  # fmt: skip
    return org


def server_values(server: Server) -> dict[str, Value]:
    """What Get-ExchangeServer prints of a server, as far as mailflow reads it (S9.11)."""
    numbers = (*(server.version or ()), 0, 0, 0, 0)[:4]
    names = ("Major", "Minor", "Build", "Revision")
    roles = _printed_roles(server)
    return {
        "Name": server.name,
        "Fqdn": server.fqdn,
        "IsHubTransportServer": bool(server.has_hub) and not server.is_edge,
        "IsClientAccessServer": not server.is_edge,
        "IsE15OrLater": numbers[0] >= 15,
        "IsEdgeServer": bool(server.is_edge),
        "IsFrontendTransportServer": bool(server.has_frontend),
        "AdminDisplayVersion": Complex(
            server.version_text, dict(zip(names, numbers, strict=True)) | {"FilePatchLevel": None}
        ),
        "Site": Complex(
            f"{DOMAIN}/Configuration/Sites/{server.site}",
            {
                "DistinguishedName": f"CN={server.site},CN=Sites,CN=Configuration,{_DN}",
                "Name": server.site,
            },
        ),
        "ServerRole": Enumeration(flag_names(roles), int(roles)),
        "Identity": Complex(
            server.name, {"DistinguishedName": _server_dn(server.name), "Name": server.name}
        ),
    }


def connector_values(connector: ReceiveConnector) -> dict[str, Value]:
    """What Get-ReceiveConnector prints of a connector (section 1.6)."""
    dn = f"CN={connector.name},CN=SMTP Receive Connectors,CN=Protocols"
    dn = f"{dn},{_server_dn(connector.server)}"
    logging = connector.protocol_logging or "None"
    return {
        "AuthMechanism": _enumeration(connector.auth),
        "Banner": None,
        "Bindings": Items(tuple(_binding(str(one)) for one in connector.bindings)),
        "SuppressXAnonymousTls": connector.suppress_x_anonymous_tls,
        "Fqdn": Complex(connector.fqdn, {"Domain": connector.fqdn}),
        "Comment": connector.comment,
        "Enabled": connector.enabled,
        "PermissionGroups": _enumeration(connector.groups),
        "ProtocolLoggingLevel": Enumeration(logging, ["None", "Verbose"].index(logging)),
        "RemoteIPRanges": Items(tuple(_range(one) for one in connector.ranges)),
        "RequireTLS": connector.require_tls,
        "Server": Complex(
            connector.server,
            {"DistinguishedName": _server_dn(connector.server), "Name": connector.server},
        ),
        "TransportRole": _enumeration(connector.role),
        "Name": connector.name,
        "DistinguishedName": dn,
        "Identity": Complex(
            connector.identity, {"DistinguishedName": dn, "Name": connector.name}
        ),
    }  # fmt: skip


def queue_values(queue: Queue) -> dict[str, Value]:
    """What Get-Queue prints of a queue (section 4.5); what 2010 lacks is left out (S4.52)."""
    kinds = {name: number for number, name in DELIVERY_TYPES.items()}
    states = {name: number for number, name in STATUSES.items()}
    values: dict[str, Value] = {
        "DeliveryType": Enumeration(queue.delivery_type, kinds.get(queue.delivery_type)),
        "NextHopDomain": queue.next_hop_domain,
        "NextHopConnector": queue.next_hop_connector,
        "Status": Enumeration(queue.status, states.get(queue.status)),
        "MessageCount": queue.message_count,
        "LastError": queue.last_error,
        "RetryCount": queue.retry_count,
        "LastRetryTime": _instant(queue.last_retry),
        "NextRetryTime": _instant(queue.next_retry),
        "FirstRetryTime": _instant(queue.first_retry),
    }
    if queue.next_hop_category:
        number = ["Internal", "External"].index(queue.next_hop_category)
        values |= {
            "DeferredMessageCount": queue.deferred_count,
            "NextHopCategory": Enumeration(queue.next_hop_category, number),
            "Velocity": queue.velocity,
        }
    return values | {
        "Identity": Complex(queue.identity, {"Server": queue.server, "IsFullySpecified": True})
    }


_DN = ",".join(f"DC={part}" for part in DOMAIN.split("."))


def _server_dn(name: str) -> str:
    groups = "CN=Exchange Administrative Group,CN=Administrative Groups,CN=Contoso"
    return f"CN={name},CN=Servers,{groups},CN=Microsoft Exchange,CN=Services,CN=Configuration,{_DN}"


def _server(name: str, version: str, roles: str) -> Server:
    server = Server(name, f"{name.lower()}.{DOMAIN}", parse_version(version), version_text=version)
    modern = server.generation is not Generation.LEGACY
    given = {word.strip() for word in roles.split(",") if word.strip()}
    edge = "Edge" in given
    split = bool(given) and server.generation is Generation.E2013
    frontend = modern and not edge and (not split or "ClientAccess" in given)
    if modern:
        hub = edge or not split or "Mailbox" in given
    else:
        hub = edge or not given or "HubTransport" in given
    return replace(server, has_frontend=frontend, has_hub=hub, is_edge=edge, site=SITE)


def _printed_roles(server: Server) -> TransportRole:
    if server.is_edge:
        return TransportRole.Edge
    if server.generation is Generation.MODERN:
        return TransportRole.Mailbox
    if server.generation is Generation.E2013:
        return (TransportRole.Mailbox if server.has_hub else TransportRole(0)) | (
            TransportRole.ClientAccess if server.has_frontend else TransportRole(0)
        )
    hub = TransportRole.ClientAccess | TransportRole.HubTransport
    return TransportRole.Mailbox | (hub if server.has_hub else TransportRole(0))


def _setup(server: Server) -> Iterable[SetupDefault]:
    """Setup's connectors for a server (section 2)."""
    by_name = {one.name: one for one in SETUP_DEFAULTS}
    if server.is_edge:
        return [by_name["Default internal receive connector {}"]]
    if server.generation is Generation.LEGACY:
        legacy = [replace(by_name["Default {}"], port=25), by_name["Client {}"]]
        return legacy if server.has_hub else []
    front = [by_name[f"{name} {{}}"] for name in FRONTEND] if server.has_frontend else []
    if not server.has_hub:
        return front
    port = 2525 if server.has_frontend else 25  # S2.05
    return [*front, replace(by_name["Default {}"], port=port), by_name["Client Proxy {}"]]


FRONTEND = ("Default Frontend", "Outbound Proxy Frontend", "Client Frontend")


def _default(server: Server, default: SetupDefault) -> ReceiveConnector:
    hosts = ["0.0.0.0"] if server.is_edge else ["0.0.0.0", "[::]"]
    verbose = default.name.startswith(("Default Frontend", "Outbound"))
    return ReceiveConnector(
        server=server.name,
        name=default.name.format(server.name),
        enabled=True,
        role=default.role,
        bindings=tuple(parse_binding(f"{host}:{default.port}") for host in hosts),
        ranges=_ranges(EVERYONE[1:] if server.is_edge else EVERYONE),
        auth=default.auth,
        groups=default.groups,
        suppress_x_anonymous_tls=False,
        fqdn=server.fqdn,
        require_tls=False,
        protocol_logging="Verbose" if verbose else "None",
    )


def _modern(server: Server, category: str) -> dict[str, Any]:
    """The queue fields that 2007/2010 lack (S4.52)."""
    if server.generation is Generation.LEGACY:
        return {}
    return {"next_hop_category": category, "deferred_count": 0, "velocity": 0.0}


def _ranges(texts: str | Iterable[str]) -> tuple[AddressRange, ...]:
    parts = texts.split(",") if isinstance(texts, str) else texts
    return tuple(parse_range(text) for text in parts)


def _typed(name: str, value: Any) -> Any:  # noqa: ANN401
    """A field's value from the text a test writes."""
    if name == "ranges":
        return _ranges(value)
    if name == "bindings" and isinstance(value, str):
        return tuple(parse_binding(text) for text in value.split(","))
    flags = {"auth": AuthMechanism, "groups": PermissionGroups, "role": TransportRole}.get(name)
    return parse_flags(flags, value) if flags and isinstance(value, str) else value


def _enumeration(flags: AuthMechanism | PermissionGroups | TransportRole | None) -> Value:
    return None if flags is None else Enumeration(flag_names(flags), int(flags))


def _binding(text: str) -> Complex:
    host, _, port = text.rpartition(":")
    family = "InterNetworkV6" if "[" in host else "InterNetwork"
    address = host.strip("[]")
    return Complex(text, {"Port": int(port), "AddressFamily": family, "Address": address})


def _range(block: AddressRange) -> Complex:
    kinds = {"single": "SingleAddress", "dash": "LoHi", "cidr": "CIDR", "netmask": "Netmask"}
    make = ipaddress.IPv4Address if block.family == 4 else ipaddress.IPv6Address
    return Complex(
        str(block),
        {
            "LowerBound": str(make(block.first)),
            "UpperBound": str(make(block.last)),
            "RangeFormat": kinds[block.form],
            "Expression": str(block),
        },
    )


def _instant(moment: Moment | None) -> Value:
    return None if moment is None else moment.instant or moment.text


def utc(text: str) -> datetime:
    """An instant in UTC from ISO text without a zone."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
