"""Which cmdlet an object came from, told by its type or its properties (contract, section 2)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto


class ValueKind(Enum):
    """What a property holds, for the forms that print everything as text."""

    TEXT = auto()
    LIST = auto()  # of ranges, bindings or addresses: no value of it holds a blank or a comma
    ENUM = auto()
    INTEGER = auto()
    REAL = auto()
    BOOLEAN = auto()
    TIME = auto()


PROPERTIES: Mapping[str, Mapping[str, ValueKind]] = {
    "Get-ExchangeServer": {
        "Name": ValueKind.TEXT,
        "Identity": ValueKind.TEXT,
        "DistinguishedName": ValueKind.TEXT,
        "Fqdn": ValueKind.TEXT,
        "AdminDisplayVersion": ValueKind.TEXT,
        "ServerRole": ValueKind.ENUM,
        "Site": ValueKind.TEXT,
        "IsHubTransportServer": ValueKind.BOOLEAN,
        "IsFrontendTransportServer": ValueKind.BOOLEAN,
        "IsEdgeServer": ValueKind.BOOLEAN,
        "IsE15OrLater": ValueKind.BOOLEAN,
    },
    "Get-TransportService": {
        "Name": ValueKind.TEXT,
        "Identity": ValueKind.TEXT,
        "DistinguishedName": ValueKind.TEXT,
        "UseDowngradedExchangeServerAuth": ValueKind.BOOLEAN,
    },
    "Get-Queue": {
        "Identity": ValueKind.TEXT,
        "QueueIdentity": ValueKind.TEXT,
        "DeliveryType": ValueKind.ENUM,
        "NextHopDomain": ValueKind.TEXT,
        "NextHopConnector": ValueKind.TEXT,
        "NextHopCategory": ValueKind.ENUM,
        "Status": ValueKind.ENUM,
        "MessageCount": ValueKind.INTEGER,
        "DeferredMessageCount": ValueKind.INTEGER,
        "LastError": ValueKind.TEXT,
        "RetryCount": ValueKind.INTEGER,
        "LastRetryTime": ValueKind.TIME,
        "NextRetryTime": ValueKind.TIME,
        "FirstRetryTime": ValueKind.TIME,
        "IncomingRate": ValueKind.REAL,
        "OutgoingRate": ValueKind.REAL,
        "Velocity": ValueKind.REAL,
    },
    "Get-ReceiveConnector": {
        "Identity": ValueKind.TEXT,
        "Name": ValueKind.TEXT,
        "Server": ValueKind.TEXT,
        "DistinguishedName": ValueKind.TEXT,
        "Enabled": ValueKind.BOOLEAN,
        "TransportRole": ValueKind.ENUM,
        "Bindings": ValueKind.LIST,
        "RemoteIPRanges": ValueKind.LIST,
        "AuthMechanism": ValueKind.ENUM,
        "PermissionGroups": ValueKind.ENUM,
        "SuppressXAnonymousTls": ValueKind.BOOLEAN,
        "RequireTLS": ValueKind.BOOLEAN,
        "Fqdn": ValueKind.TEXT,
        "ProtocolLoggingLevel": ValueKind.ENUM,
        "Comment": ValueKind.TEXT,
    },
    "Get-NetworkConnectionInfo": {
        "Name": ValueKind.TEXT,
        "DnsServers": ValueKind.LIST,
        "IPAddresses": ValueKind.LIST,
        "AdapterGuid": ValueKind.TEXT,
        "MacAddress": ValueKind.TEXT,
    },
    # No cmdlet of Exchange's: the class that holds adapters, by Get-WmiObject or Get-CimInstance.
    "Win32_NetworkAdapterConfiguration": {
        "DNSHostName": ValueKind.TEXT,
        "IPAddress": ValueKind.LIST,
        "DefaultIPGateway": ValueKind.LIST,
        "DNSServerSearchOrder": ValueKind.LIST,
        "FullDNSRegistrationEnabled": ValueKind.BOOLEAN,
    },
    "Get-ServerComponentState": {
        "Identity": ValueKind.TEXT,
        "ServerFqdn": ValueKind.TEXT,
        "Component": ValueKind.TEXT,
        "State": ValueKind.ENUM,
    },
    "Get-ADPermission": {
        "Identity": ValueKind.TEXT,
        "User": ValueKind.TEXT,
        "Deny": ValueKind.BOOLEAN,
        "ExtendedRights": ValueKind.LIST,
        "IsInherited": ValueKind.BOOLEAN,
    },
}
"""The cmdlets mailflow reads, and of each the properties it reads (sections 1.6, 3.3, 4.5, 6.2 and
9)."""

_BY_TYPE = {
    "exchangeserver": "Get-ExchangeServer",
    "transportserver": "Get-TransportService",
    "transportservice": "Get-TransportService",
    "extensiblequeueinfo": "Get-Queue",
    "propertybagbasedqueueinfo": "Get-Queue",
    "queueinfo": "Get-Queue",
    "receiveconnector": "Get-ReceiveConnector",
    "networkconnectioninfo": "Get-NetworkConnectionInfo",
    "servercomponentstatepresentationobject": "Get-ServerComponentState",
    "adacepresentationobject": "Get-ADPermission",
    # Known, and not read: named so that people see what was passed over.
    "smtpsendconnectorconfig": "Get-SendConnector",
    "sendconnector": "Get-SendConnector",
    "extensiblemessageinfo": "Get-Message",
    "propertybagbasedmessageinfo": "Get-Message",
    "messageinfo": "Get-Message",
    "messagetrackingevent": "Get-MessageTrackingLog",
    "netipconfiguration": "Get-NetIPConfiguration",
    "frontendtransportserver": "Get-FrontendTransportService",
    "mailboxtransportserver": "Get-MailboxTransportService",
    "mailboxserver": "Get-MailboxServer",
    "exchangediagnosticinforesult": "Get-ExchangeDiagnosticInfo",
}

# Types that say nothing about their maker: what Select-Object or a script puts together.
_SHAPELESS = {"pscustomobject", "psobject", "object", "hashtable", "ordereddictionary"}

# WMI and CIM have one type for all classes, of which one is read.
_OF_WINDOWS = {"managementobject", "ciminstance"}


@dataclass(frozen=True, slots=True)
class _Signs:
    """What gives a cmdlet away. All names folded.

    Attributes:
        cmdlet: whose signs these are.
        alone: each of these properties alone is enough.
        together: each of these sets is enough if all of it is there.
        never: one of these says that it is something else.
    """

    cmdlet: str
    alone: frozenset[str] = frozenset()
    together: tuple[frozenset[str], ...] = ()
    never: frozenset[str] = frozenset()

    def fit(self, names: frozenset[str]) -> bool:
        """Whether an object with these properties, folded, carries the signs."""
        if names & self.never:
            return False
        return bool(names & self.alone) or any(group <= names for group in self.together)


def _set(names: str) -> frozenset[str]:
    return frozenset(names.casefold().split())


def _with_any(name: str, others: str) -> tuple[frozenset[str], ...]:
    return tuple(_set(f"{name} {other}") for other in others.split())


# Of these, only what no other cmdlet of Exchange or Windows prints may stand in `alone`: virtual
# directories and databases print AdminDisplayVersion too (beside Server), web sites have bindings,
# messages have LastError and Status, virtual machines' adapters have IPAddresses.
_OURS = (
    _Signs(
        "Get-ExchangeServer",
        alone=_set("IsHubTransportServer IsFrontendTransportServer IsEdgeServer IsE15OrLater"),
        together=(
            *_with_any("AdminDisplayVersion", "Name Identity Fqdn"),
            *_with_any("ServerRole", "Name Identity Fqdn"),
            _set("Fqdn Site Name"),
        ),
        never=_set(
            "Server DatabaseAvailabilityGroup AutoDatabaseMountDial InternalUrl EdbFilePath"
            " IsMixedMode MAPIEncryptionRequired"
        ),
    ),
    _Signs(
        "Get-TransportService",
        alone=_set(
            "UseDowngradedExchangeServerAuth PickupDirectoryPath ReplayDirectoryPath"
            " QueueMaxIdleTime MessageExpirationTimeout PoisonMessageDetectionEnabled"
        ),
    ),
    _Signs(
        "Get-Queue",
        alone=_set("NextHopDomain NextHopConnector LastRetryTime NextRetryTime FirstRetryTime"),
        together=_with_any("MessageCount", "Identity QueueIdentity Status DeliveryType LastError"),
        never=_set("GroupByValue Subject FromAddress InternetMessageId MessageId EventId"),
    ),
    _Signs(
        "Get-ReceiveConnector",
        alone=_set(
            "RemoteIPRanges PermissionGroups AuthMechanism SuppressXAnonymousTls TransportRole"
        ),
        together=_with_any("Bindings", "Identity Server Fqdn Enabled"),
        never=_set("AddressSpaces SmartHosts SourceTransportServers PhysicalPath"),
    ),
    _Signs(
        "Get-NetworkConnectionInfo",
        alone=_set("IPAddresses AdapterGuid"),
        never=_set("VMName SwitchName InterfaceIndex"),
    ),
    _Signs(
        "Win32_NetworkAdapterConfiguration",
        alone=_set("DNSServerSearchOrder FullDNSRegistrationEnabled DefaultIPGateway"),
    ),
    _Signs("Get-ServerComponentState", together=(_set("Component State"),)),
    _Signs("Get-ADPermission", alone=_set("ExtendedRights"), never=_set("Trustee")),
)

# Only for naming what is passed over.
_OTHERS = (
    _Signs(
        "Get-SendConnector",
        alone=_set(
            "AddressSpaces SmartHosts SmartHostsString SourceTransportServers DNSRoutingEnabled"
            " SmartHostAuthMechanism"
        ),
    ),
    _Signs(
        "Get-MessageTrackingLog",
        alone=_set("EventId MessageSubject ServerHostname ClientHostname ConnectorId"),
    ),
    _Signs("Get-Message", alone=_set("Subject FromAddress InternetMessageId MessageSourceName")),
    _Signs(
        "Get-NetIPConfiguration", together=_with_any("InterfaceAlias", "IPv4Address NetAdapter")
    ),
    _Signs("Get-QueueDigest", alone=_set("GroupByValue")),
)


def cmdlet_of(type_names: Sequence[str], properties: Collection[str]) -> str | None:
    """The cmdlet that mailflow reads and that made this object; None for anything else.

    The type decides where there is one; an object that Select-Object or a script put together, and
    a form without types, is told by its properties. Case is free. Get-TransportServer, the older
    name of the same thing, counts as Get-TransportService. Properties that fit two cmdlets decide
    nothing: None, never a guess.
    """
    kind = _kind(type_names)
    if kind is not None and kind not in _OF_WINDOWS:
        cmdlet = _BY_TYPE.get(kind)
        return cmdlet if cmdlet in PROPERTIES else None
    if not properties:
        return None
    names = frozenset(name.strip().casefold() for name in properties)
    found = [signs.cmdlet for signs in _OURS if signs.fit(names)]
    if kind is not None and found != ["Win32_NetworkAdapterConfiguration"]:
        return None
    return found[0] if len(found) == 1 else None


def whole(cmdlet: str) -> str:
    """The command whose output holds all that mailflow reads of a cmdlet, with whose it is."""
    source = _SOURCES.get(cmdlet, cmdlet)
    return f"{source} | Format-List"


_SOURCES = {
    "Get-NetworkConnectionInfo": "Get-NetworkConnectionInfo <server>",
    "Get-ServerComponentState": "Get-ServerComponentState <server>",
    "Get-ADPermission": "Get-ReceiveConnector | Get-ADPermission",
}
"""Cmdlets that print nothing of all servers by themselves."""


def describe(type_names: Sequence[str], properties: Collection[str]) -> str:
    """What an object of another cmdlet is, in a few words, for the list of the ignored."""
    kind = _kind(type_names)
    if kind is not None:
        return _BY_TYPE.get(kind) or _short(type_names[0])
    if not properties:
        return "an object without properties"
    names = frozenset(name.strip().casefold() for name in properties)
    known = next((signs.cmdlet for signs in _OTHERS if signs.fit(names)), None)
    if known:
        return known
    shown = [name.strip()[:40] for name in properties][:4]
    return "an object with " + ", ".join(shown) + (", …" if len(properties) > len(shown) else "")


def _short(type_name: str) -> str:
    """The last part of a type's name, without generic arguments, assembly and CIM path."""
    bare = type_name.strip().partition("[")[0].partition(",")[0].partition("#")[0]
    return bare.rpartition(".")[2].partition("`")[0][:80]


def _kind(type_names: Sequence[str]) -> str | None:
    """The folded short name of the first type; None where there is none that says anything."""
    short = _short(type_names[0]).casefold() if type_names else ""
    return None if not short or short in _SHAPELESS else short
