"""Receive connectors: their flags, their bindings, and how setup makes them (sections 2 and 3)."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntFlag
from types import MappingProxyType
from typing import Literal, TypeVar

from mailflow.exchange.ranges import (
    Address,
    AddressRange,
    Family,
    RangeError,
    is_number,
    parse_address,
)


class AuthMechanism(IntFlag):
    """What a connector offers to a client that wants to authenticate (section 3.1, S3.30)."""

    # Exchange's own names and bits.
    Tls = 1
    Integrated = 2
    BasicAuth = 4
    BasicAuthRequireTLS = 8
    ExchangeServer = 16
    ExternalAuthoritative = 32


class PermissionGroups(IntFlag):
    """Who may do what on a connector; computed by Exchange from the ACL (section 3.1, S3.20)."""

    AnonymousUsers = 1
    ExchangeUsers = 2
    ExchangeServers = 4
    ExchangeLegacyServers = 8
    Partners = 16
    Custom = 32


class TransportRole(IntFlag):
    """Roles as flags; a receive connector is FrontendTransport or HubTransport (section 3.1)."""

    Cafe = 1
    Mailbox = 2
    ClientAccess = 4
    UnifiedMessaging = 16
    HubTransport = 32
    Edge = 64
    FrontendTransport = 16384


F = TypeVar("F", bound=IntFlag)

LimitKind = Literal["size", "count", "time", "name"]
"""What a limit is counted in: bytes, things, seconds; or a name of Exchange's."""


def parse_flags(kind: type[F], value: str | int) -> F:
    """Flags from their number or from Exchange's text (`Tls, ExchangeServer`; case is free).

    Raises:
        ValueError: a word or a bit that this kind does not have.
    """
    if isinstance(value, int) or re.fullmatch(r"\s*\d+\s*", value):
        number = int(value)
        if number & ~sum(kind):
            raise ValueError(f"{number} holds a bit that {kind.__name__} does not have")
        return kind(number)
    by_name = {member.name.casefold(): member for member in kind if member.name}
    flags = kind(0)
    for word in re.split(r"[,\s]+", value.strip()):
        if word.casefold() in ("", "none"):
            continue
        if word.casefold() not in by_name:
            raise ValueError(f"{word!r} is no {kind.__name__}")
        flags |= by_name[word.casefold()]
    return flags


def flag_names(flags: IntFlag) -> str:
    """The set flags in bit order, as Exchange prints them: `Tls, Integrated`; `None` for none."""
    return ", ".join(member.name or "" for member in type(flags) if member in flags) or "None"


LIMITS: Mapping[str, LimitKind] = MappingProxyType(
    {
        "MaxMessageSize": "size",
        "MaxRecipientsPerMessage": "count",
        "MessageRateLimit": "count",
        "MessageRateSource": "name",
        "MaxInboundConnection": "count",
        "MaxInboundConnectionPerSource": "count",
        "MaxInboundConnectionPercentagePerSource": "count",
        "ConnectionTimeout": "time",
        "ConnectionInactivityTimeout": "time",
        "TarpitInterval": "time",
    }
)
"""Properties that limit what a host may send, how fast and for how long (sections 1.6 and 2.1)."""

UNLIMITED = "Unlimited"
RATE_SOURCES = ("None", "IPAddress", "User", "All")
"""MessageRateSource, by its number (section 3.1)."""


def is_limit(name: str, value: str) -> bool:
    """Whether a text is a value of this limit, as `ReceiveConnector.limits` holds it."""
    if LIMITS.get(name) == "name":
        return value in RATE_SOURCES
    return name in LIMITS and (value == UNLIMITED or bool(re.fullmatch("[0-9]{1,18}", value)))


@dataclass(frozen=True, slots=True)
class Binding:
    """A local endpoint a connector listens on (section 1.4).

    Attributes:
        family: 4 or 6.
        address: the local address as a number; 0 means every local address of the family (S1.05).
        port: 0 to 65535.
    """

    family: Family
    address: int
    port: int

    @property
    def is_wildcard(self) -> bool:
        """Whether it stands for all local addresses of its family (S1.05)."""
        return self.address == 0

    def meets(self, other: Binding) -> bool:
        """Whether one connection could belong to both (section 1.5)."""
        return (self.family, self.port) == (other.family, other.port) and (
            self.address == other.address or self.is_wildcard or other.is_wildcard
        )

    def __str__(self) -> str:
        """As Exchange prints it: `0.0.0.0:25`, `[::]:25`."""
        if self.family == 4:
            return f"{ipaddress.IPv4Address(self.address)}:{self.port}"
        return f"[{ipaddress.IPv6Address(self.address)}]:{self.port}"


def parse_binding(text: str) -> Binding:
    """A binding from its text: `0.0.0.0:25`, `[::]:25`, the old `:::25`, and `:25` (section 1.4).

    Raises:
        RangeError: with the words Exchange uses for this fault.
    """
    bare = text.strip()
    host, colon, port_text = bare.rpartition(":")
    if not colon:
        raise RangeError(
            "The separator between the IP address and the port number is missing in "
            f"'{bare}'. The format for an IPBinding is <IP address>:<port number>."
        )
    if not is_number(port_text, 65535):
        raise RangeError(f"The port number in '{bare}' is not between 0 and 65535.")
    address = _parse_local_address(host)
    if address.is_multicast or address == _BROADCAST:
        raise RangeError(f"A connector can't listen on {address}: multicast or broadcast.")
    return Binding(4 if address.version == 4 else 6, int(address), int(port_text))


_BROADCAST = ipaddress.IPv4Address("255.255.255.255")


def _parse_local_address(host: str) -> Address:
    if not host.strip():
        return ipaddress.IPv4Address(0)
    if not host.startswith("["):
        return parse_address(host)
    inside = host[1:-1] if host.endswith("]") else ""
    if ":" not in inside:  # brackets are for IPv6
        raise RangeError(f"The format of the IP address {host} is invalid.")
    return parse_address(inside)


@dataclass(frozen=True, slots=True)
class ReceiveConnector:
    """One receive connector as it was read. `None` means: not known; never "off".

    Attributes:
        server: the server it belongs to, as it prints itself.
        name: without the server; `identity` joins the two.
        enabled: only enabled connectors answer (S1.10).
        role: FrontendTransport or HubTransport; None where it was not read. Connectors of 2007 and
            2010 have none and count as HubTransport (S2.07); the snapshot sees to that.
        bindings: local endpoints; `bindings_complete` is false where the export cut the list.
        ranges: remote ranges in the order read; `ranges_complete` likewise.
        auth: AuthMechanism flags.
        groups: PermissionGroups flags.
        suppress_x_anonymous_tls: SuppressXAnonymousTls; None where the version has no such setting
            or it was not read.
        fqdn: what the connector calls itself in banner and EHLO.
        require_tls: RequireTLS.
        protocol_logging: `None` or `Verbose`, as text; empty where not read.
        comment: further text a person wrote; empty where not read.
        tls_certificate: TlsCertificateName; empty where none is set, None where it was not read.
        when_changed: WhenChangedUTC, in UTC: what a log showed before it may not hold any more;
            None where not read. Two connectors that differ in it alone are equal.
        limits: sizes, rates and timeouts that were read, by property (`LIMITS`): whole numbers and
            `Unlimited` as text, sizes in bytes, times in seconds.
    """

    server: str
    name: str
    enabled: bool | None
    role: TransportRole | None
    bindings: tuple[Binding, ...]
    ranges: tuple[AddressRange, ...]
    auth: AuthMechanism | None
    groups: PermissionGroups | None
    bindings_complete: bool = True
    ranges_complete: bool = True
    suppress_x_anonymous_tls: bool | None = None
    fqdn: str = ""
    require_tls: bool | None = None
    protocol_logging: str = ""
    comment: str = ""
    # Two connectors that differ in this alone treat every host alike.
    tls_certificate: str | None = field(default=None, compare=False)
    when_changed: datetime | None = field(default=None, compare=False)
    limits: tuple[tuple[str, str], ...] = ()

    @property
    def identity(self) -> str:
        r"""`SERVER\Name`, as commands take it."""
        return f"{self.server}\\{self.name}"

    @property
    def offers_exchange_auth(self) -> bool | None:
        """Whether a peer sees X-ANONYMOUSTLS and X-EXPS (S3.30, section 3.2); None: not known."""
        return None if self.auth is None else AuthMechanism.ExchangeServer in self.auth

    @property
    def admits_exchange_servers(self) -> bool | None:
        """Whether an authenticated peer may submit (S3.30; S3.32: legacy servers don't count)."""
        return None if self.groups is None else PermissionGroups.ExchangeServers in self.groups

    @property
    def is_externally_secured(self) -> bool | None:
        """Whether it trusts everyone and so offers no Exchange authentication (S3.31)."""
        return None if self.auth is None else AuthMechanism.ExternalAuthoritative in self.auth


@dataclass(frozen=True, slots=True)
class SetupDefault:
    """A connector as setup makes it (section 2); `{}` in the name stands for the server."""

    name: str
    role: TransportRole
    port: int
    auth: AuthMechanism
    groups: PermissionGroups
    fact: str


_CLIENT = AuthMechanism(15)
_FULL = AuthMechanism(31)
_FRONT, _HUB = TransportRole.FrontendTransport, TransportRole.HubTransport

SETUP_DEFAULTS = (
    SetupDefault("Default Frontend {}", _FRONT, 25, _FULL, PermissionGroups(13), "S2.01"),
    SetupDefault("Outbound Proxy Frontend {}", _FRONT, 717, _FULL, PermissionGroups(4), "S2.01"),
    SetupDefault("Client Frontend {}", _FRONT, 587, _CLIENT, PermissionGroups(2), "S2.01"),
    SetupDefault("Default {}", _HUB, 2525, _FULL, PermissionGroups(14), "S2.01"),
    SetupDefault("Client Proxy {}", _HUB, 465, _FULL, PermissionGroups(6), "S2.01"),
    SetupDefault("Client {}", _HUB, 587, _CLIENT, PermissionGroups(2), "S2.07"),
    SetupDefault(
        "Default internal receive connector {}",
        _HUB,
        25,
        AuthMechanism(17),
        PermissionGroups(21),
        "S2.05",
    ),
)
"""Of 2013 and later, of 2007/2010 (`Client`, and `Default` on port 25) and of Edge."""


def setup_default(connector: ReceiveConnector) -> SetupDefault | None:
    """Setup's own connector of this name; None for a custom one.

    Only the name tells: everything else of a default connector can be changed, and the name can
    not be given twice on a server.
    """
    name = connector.name.strip().casefold()
    server = connector.server.partition(".")[0].casefold()
    return next(
        (default for default in SETUP_DEFAULTS if default.name.format(server).casefold() == name),
        None,
    )
