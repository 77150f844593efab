"""Receive connectors and the rights on them, as the cmdlets return them (sections 1.6 and 3.3)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntFlag
from functools import lru_cache
from typing import TypeVar

from mailflow.exchange.connectors import (
    LIMITS,
    RATE_SOURCES,
    UNLIMITED,
    Binding,
    PermissionGroups,
    ReceiveConnector,
    TransportRole,
    flag_names,
    setup_default,
)
from mailflow.exchange.ranges import AddressRange
from mailflow.simulated.organisation import DOMAIN, EXCHANGE_SERVERS, AccessEntry, PracticeServer
from mailflow.simulated.shapes import (
    CONFIGURABLE,
    E2010,
    E2013,
    E2016,
    EXCHANGE_VERSION,
    FAMILIES,
    Shape,
    Values,
    Version,
    address_object,
    byte_size,
    directory_id,
    guid_of,
    known_to,
    schema_id,
    server_dn,
    time_span,
    unlimited,
)
from mailflow.sources.row import Complex, Enumeration, Items, Value

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DetailedConnector(ReceiveConnector):
    """A receive connector with settings that cmdlets check and mail does not need (section 3.4).

    Attributes:
        domain_secure: DomainSecureEnabled.
        extended_protection: None, Allow or Require.
        advertise_client_settings: AdvertiseClientSettings.
        banner: empty, or what it greets with.
        connection_timeout, inactivity_timeout: ConnectionTimeout and ConnectionInactivityTimeout;
            None: what setup gives.
    """

    domain_secure: bool = False
    extended_protection: str = "None"
    advertise_client_settings: bool = False
    banner: str = ""
    connection_timeout: timedelta | None = None
    inactivity_timeout: timedelta | None = None


def detailed(connector: ReceiveConnector) -> DetailedConnector:
    """The connector with those settings, at their defaults where nobody set them."""
    if isinstance(connector, DetailedConnector):
        return connector
    names = ReceiveConnector.__dataclass_fields__
    return DetailedConnector(**{name: getattr(connector, name) for name in names})


INSTALLED = datetime(2026, 6, 2, 8, 0, tzinfo=UTC)
"""When setup made the connectors; one that nobody changed was last changed then."""

PROPERTIES_SINCE: Mapping[str, Version] = {
    **dict.fromkeys(
        (
            "SuppressXAnonymousTls",
            "AdvertiseClientSettings",
            "ExtendedProtectionPolicy",
            "LiveCredentialEnabled",
            "TlsDomainCapabilities",
        ),
        E2010,
    ),
    **dict.fromkeys(
        (
            "ProxyEnabled",
            "ServiceDiscoveryFqdn",
            "TransportRole",
            "RejectReservedTopLevelRecipientDomains",
            "RejectReservedSecondLevelRecipientDomains",
            "RejectSingleLabelRecipientDomains",
            "AcceptConsumerMail",
        ),
        E2013,
    ),
    **dict.fromkeys(
        ("SmtpUtf8Enabled", "BareLinefeedRejectionEnabled", "AuthTarpitInterval"), E2016
    ),
}
"""Properties of a receive connector that older shells do not know. Sourced for TransportRole
(S2.07) and AuthTarpitInterval (section 2.1); of the others only that older versions lack some
(section 1.6)."""


def connector_dn(connector: ReceiveConnector) -> str:
    """Where a receive connector stands in the directory: below its server (section 1.6)."""
    return (
        f"CN={connector.name},CN=SMTP Receive Connectors,CN=Protocols,{server_dn(connector.server)}"
    )


def receive_connector(connector: ReceiveConnector, server: PracticeServer, shape: Shape) -> Values:
    """What Get-ReceiveConnector shows of a connector (section 1.6).

    An older shell shows a newer connector without what it does not know, TransportRole first of
    all (S8.43); a newer one shows HubTransport where a 2007/2010 connector has no role (S2.07).

    Args:
        connector: with its groups as shown (S3.20).
        server: whose it is.
        shape: of the session.
    """
    more = detailed(connector)
    dn = connector_dn(connector)
    limits = _limits(connector, edge=bool(server.exchange.is_edge))
    connection, inactivity = timeouts(connector, server)
    role = connector.role or TransportRole.HubTransport
    logging = connector.protocol_logging or "None"
    fqdn = Complex(connector.fqdn, {"Domain": connector.fqdn}) if connector.fqdn else None
    values: Values = {
        "AuthMechanism": _flags(connector.auth),
        "Banner": more.banner,
        "BinaryMimeEnabled": True,
        "Bindings": _listed(connector.bindings, _binding, shape),
        "ChunkingEnabled": True,
        "DefaultDomain": None,
        "DeliveryStatusNotificationEnabled": True,
        "EightBitMimeEnabled": True,
        "SmtpUtf8Enabled": True,
        "BareLinefeedRejectionEnabled": False,
        "DomainSecureEnabled": more.domain_secure,
        "EnhancedStatusCodesEnabled": True,
        "LongAddressesEnabled": False,
        "OrarEnabled": False,
        "SuppressXAnonymousTls": bool(connector.suppress_x_anonymous_tls),
        "ProxyEnabled": False,
        "AdvertiseClientSettings": more.advertise_client_settings,
        "Fqdn": fqdn,
        "ServiceDiscoveryFqdn": None,
        "TlsCertificateName": None,
        "Comment": connector.comment,
        "Enabled": bool(connector.enabled),
        "ConnectionTimeout": time_span(connection),
        "ConnectionInactivityTimeout": time_span(inactivity),
        "MessageRateLimit": unlimited(limits.message_rate),
        "MessageRateSource": Enumeration("User", 2) if limits.client else _BY_ADDRESS,
        "MaxInboundConnection": unlimited(5000),
        "MaxInboundConnectionPerSource": unlimited(None if limits.hub else 20),
        "MaxInboundConnectionPercentagePerSource": 100 if limits.hub else 2,
        "MaxHeaderSize": byte_size("256 KB", 256 * 2**10),
        "MaxHopCount": 60,
        "MaxLocalHopCount": 5,
        "MaxLogonFailures": 3,
        "MaxMessageSize": byte_size("36 MB", 36 * 2**20),
        "MaxProtocolErrors": unlimited(5),
        "MaxRecipientsPerMessage": 5000 if limits.hub else 200,
        "PermissionGroups": _flags(connector.groups),
        "PipeliningEnabled": True,
        "ProtocolLoggingLevel": Enumeration(logging, ("None", "Verbose").index(logging)),
        "RemoteIPRanges": _listed(connector.ranges, _range, shape),
        "RequireEHLODomain": False,
        "RequireTLS": bool(connector.require_tls),
        "EnableAuthGSSAPI": limits.client,
        "ExtendedProtectionPolicy": Enumeration(
            more.extended_protection, PROTECTION.index(more.extended_protection)
        ),
        "LiveCredentialEnabled": False,
        "TlsDomainCapabilities": Items(()),
        "Server": directory_id(connector.server, server_dn(connector.server)),
        "TransportRole": Enumeration(flag_names(role), int(role)),
        "RejectReservedTopLevelRecipientDomains": False,
        "RejectReservedSecondLevelRecipientDomains": False,
        "RejectSingleLabelRecipientDomains": False,
        "AcceptConsumerMail": False,
        "SizeEnabled": Enumeration("EnabledWithoutValue", 2) if limits.hub else _SIZE_ENABLED,
        "TarpitInterval": time_span(timedelta(seconds=limits.tarpit)),
        "AuthTarpitInterval": time_span(timedelta(seconds=5)),
        "MaxAcknowledgementDelay": time_span(timedelta(seconds=30)),
        "AdminDisplayName": "",
        "ExchangeVersion": EXCHANGE_VERSION,
        "Name": connector.name,
        "DistinguishedName": dn,
        "Identity": directory_id(connector.identity, dn),
        "Guid": guid_of(dn),
        "ObjectCategory": schema_id("ms-Exch-Smtp-Receive-Connector"),
        "ObjectClass": Items(("top", "msExchSmtpReceiveConnector")),
        "WhenChangedUTC": connector.when_changed or INSTALLED,
        "OrganizationId": Complex("", {"OrganizationalUnit": None, "ConfigurationUnit": None}),
        "Id": directory_id(connector.identity, dn),
        "OriginatingServer": f"dc1.{DOMAIN}",
        "IsValid": True,
        "ObjectState": Enumeration("Unchanged", 1),
    }
    values |= {name: _limit(name, value) for name, value in connector.limits}
    return known_to(values, PROPERTIES_SINCE, shape)


def _limit(name: str, value: str) -> Value:
    """A limit that somebody set, as Exchange prints it."""
    if value == UNLIMITED:
        return unlimited(None)
    if LIMITS[name] == "name":
        return Enumeration(value, RATE_SOURCES.index(value))
    if LIMITS[name] == "time":
        return time_span(timedelta(seconds=int(value)))
    number = int(value)
    return byte_size(f"{number / 2**20:.4g} MB", number) if LIMITS[name] == "size" else number


_BY_ADDRESS = Enumeration("IPAddress", 1)
_SIZE_ENABLED = Enumeration("Enabled", 1)
PROTECTION = ("None", "Allow", "Require")
"""ExtendedProtectionPolicy, by its number (section 3.1)."""


@dataclass(frozen=True, slots=True)
class _Limits:
    """What depends on which of setup's connectors it is (sections 2.1 and 2.4)."""

    hub: bool
    client: bool
    message_rate: int | None
    tarpit: int


def timeouts(connector: ReceiveConnector, server: PracticeServer) -> tuple[timedelta, timedelta]:
    """ConnectionTimeout and ConnectionInactivityTimeout, as set or by setup (section 2.1)."""
    more = detailed(connector)
    edge = server.exchange.is_edge
    return (
        more.connection_timeout or timedelta(minutes=5 if edge else 10),
        more.inactivity_timeout or timedelta(minutes=1 if edge else 5),
    )


def _limits(connector: ReceiveConnector, *, edge: bool) -> _Limits:
    default = setup_default(connector)
    name = default.name if default else ""
    client = name.startswith("Client")
    return _Limits(
        hub=name == "Default {}",
        client=client,
        message_rate=600 if edge else 5 if client else None,
        tarpit=0 if name.startswith("Outbound") else 5,
    )


def _flags(value: IntFlag | None) -> Value:
    return None if value is None else Enumeration(flag_names(value), int(value))


def _listed(values: tuple[T, ...], make: Callable[[T], Complex], shape: Shape) -> Items:
    """A list of objects, or of their texts in a flat session (S8.14)."""
    return Items(tuple(map(str, values) if shape.flat else map(make, values)))


def _ip_text(family: int, number: int) -> str:
    if family == 4:  # as `ipaddress` would, in a third of the time: there may be 500,000
        return f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return str(ipaddress.IPv6Address(number))


@lru_cache(1000)
def _size_text(number: int) -> str:
    """A number of addresses, printed as if it were one (section 1.6)."""
    return str(ipaddress.IPv6Address(number))


def _binding(binding: Binding) -> Complex:
    return Complex(
        str(binding),
        {
            "Port": binding.port,
            "AddressFamily": FAMILIES[binding.family],
            "Address": address_object(_ip_text(binding.family, binding.address)),
        },
    )


def _range(block: AddressRange) -> Complex:
    text = str(block)
    return Complex(
        text,
        {
            "LowerBound": _ip_text(block.family, block.first),
            "UpperBound": _ip_text(block.family, block.last),
            "RangeFormat": _FORMATS[block.form],
            "Size": _size_text(block.specificity),
            "Expression": text,
        },
    )


_FORMATS = {"single": "SingleAddress", "dash": "LoHi", "cidr": "CIDR", "netmask": "Netmask"}


# -- Rights ----------------------------------------------------------------------------------------


_RIGHTS: Mapping[str, str] = {
    "SMTPSubmit": "ms-Exch-SMTP-Submit",
    "SMTPAcceptAnyRecipient": "ms-Exch-SMTP-Accept-Any-Recipient",
    "SMTPAcceptAuthenticationFlag": "ms-Exch-SMTP-Accept-Authentication-Flag",
    "SMTPAcceptAnySender": "ms-Exch-SMTP-Accept-Any-Sender",
    "SMTPAcceptAuthoritativeDomainSender": "ms-Exch-SMTP-Accept-Authoritative-Domain-Sender",
    "BypassAntiSpam": "ms-Exch-Bypass-Anti-Spam",
    "BypassMessageSizeLimit": "ms-Exch-Bypass-Message-Size-Limit",
    "SMTPAcceptEXCH50": "ms-Exch-SMTP-Accept-Exch50",
    "AcceptRoutingHeaders": "ms-Exch-Accept-Headers-Routing",
    "AcceptForestHeaders": "ms-Exch-Accept-Headers-Forest",
    "AcceptOrganizationHeaders": "ms-Exch-Accept-Headers-Organization",
}
"""Names of rights as logs print them, to those of Active Directory (section 3.3)."""

_HEADERS = ("AcceptForestHeaders", "AcceptOrganizationHeaders")
_ALL = tuple(_RIGHTS)
_WITHOUT_HEADERS = tuple(name for name in _ALL if name not in _HEADERS)
_SERVERS = (EXCHANGE_SERVERS, r"MS Exchange\Hub Transport Servers")
_LEGACY = rf"{EXCHANGE_SERVERS.partition(chr(92))[0]}\ExchangeLegacyInterop"

_GRANTS: Mapping[PermissionGroups, tuple[tuple[str, tuple[str, ...]], ...]] = {
    PermissionGroups.AnonymousUsers: (
        (
            r"NT AUTHORITY\ANONYMOUS LOGON",
            (
                "SMTPSubmit",
                "SMTPAcceptAnySender",
                "SMTPAcceptAuthoritativeDomainSender",
                "AcceptRoutingHeaders",
            ),
        ),
    ),
    PermissionGroups.ExchangeUsers: (
        (
            r"NT AUTHORITY\Authenticated Users",
            ("SMTPSubmit", "SMTPAcceptAnyRecipient", "BypassAntiSpam", "AcceptRoutingHeaders"),
        ),
    ),
    PermissionGroups.ExchangeServers: (
        *((user, _ALL) for user in (*_SERVERS, r"MS Exchange\Edge Transport Servers")),
        (r"MS Exchange\Externally Secured Servers", _WITHOUT_HEADERS),
    ),
    PermissionGroups.ExchangeLegacyServers: ((_LEGACY, _WITHOUT_HEADERS),),
    PermissionGroups.Partners: (
        (r"MS Exchange\Partner Servers", ("SMTPSubmit", "AcceptRoutingHeaders")),
    ),
}
"""Permission group to whom it lets do what (section 3.3)."""


def permissions(connector: ReceiveConnector, more: tuple[AccessEntry, ...]) -> Iterator[Values]:
    """What Get-ADPermission shows of a connector: one entry for each right of each principal.

    Denials stand first, as in any list of rights of Active Directory.

    Args:
        connector: its own groups decide what follows from them (section 3.3).
        more: entries beside those (S3.21).
    """
    entries = [*more]
    for group, grants in _GRANTS.items():
        if connector.groups is None or group not in connector.groups:
            continue
        entries += [
            AccessEntry(user, tuple(_RIGHTS[name] for name in names)) for user, names in grants
        ]
        if group is PermissionGroups.ExchangeLegacyServers:
            entries.append(
                AccessEntry(_LEGACY, tuple(_RIGHTS[name] for name in _HEADERS), deny=True)
            )
    identity = directory_id(connector.identity, connector_dn(connector))
    for entry in sorted(entries, key=lambda access_entry: not access_entry.deny):
        for right in entry.rights:
            yield {
                "Deny": entry.deny,
                "InheritanceType": "All",
                "User": entry.user,
                "Identity": identity,
                "IsInherited": False,
                "ExtendedRights": Items((right,)),
                **CONFIGURABLE,
            }
