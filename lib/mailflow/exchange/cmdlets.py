"""Each cmdlet that mailflow reads, declared once.

All that has to know a cmdlet takes it from here: what may be asked live, on both sides of the wire;
how an export is recognized and its properties are read; which command fills missing data; which
table of a snapshot holds its objects; and the page of what is asked (docs/asked.md).

To add one: declare it here, and let the simulated organization answer it
(`simulated/cmdlets.py`, `simulated/objects.py`). `python docs/generate.py` brings the scripts for
Windows and the page up to date.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType

from mailflow.exchange.connectors import LIMITS
from mailflow.exchange.servers import Generation, Server


class Kind(Enum):
    """What a property holds, for the forms that print everything as text."""

    TEXT = auto()
    LIST = auto()  # of ranges, bindings or addresses: no value of it holds a blank or a comma
    ENUM = auto()
    INTEGER = auto()
    REAL = auto()
    BOOLEAN = auto()
    TIME = auto()


class CmdletScope(Enum):
    """Whose objects one call gives."""

    ORGANIZATION = auto()  # of all servers: asked once
    SERVER = auto()  # of one server, named in the call
    # Of the server that hosts the session, which no parameter names. Where that is another one it
    # is not asked: no rows of a server say nothing of it.
    SESSION = auto()
    CONNECTOR = auto()  # of one receive connector, named in the call


@dataclass(frozen=True, slots=True)
class Signs:
    """Properties that give a cmdlet away where an object has no type. All names folded.

    Attributes:
        alone: each of these alone is enough: no other cmdlet of Exchange or Windows prints it.
        together: each of these sets is enough if all of it is there.
        never: one of these says that it is something else.
    """

    alone: frozenset[str] = frozenset()
    together: tuple[frozenset[str], ...] = ()
    never: frozenset[str] = frozenset()

    def fit(self, names: frozenset[str]) -> bool:
        """Whether an object with these properties, folded, carries the signs."""
        if names & self.never:
            return False
        return bool(names & self.alone) or any(group <= names for group in self.together)


@dataclass(frozen=True, slots=True)
class KeptTable:
    """The snapshot's table of a cmdlet whose objects are kept as they are read.

    Attributes:
        name: of the table.
        columns: column to property, in order; by the first one an object is known.
    """

    name: str
    columns: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class CmdletSpec:
    """A cmdlet that mailflow reads.

    Attributes:
        name: as Exchange spells it.
        scope: whose objects one call gives.
        properties: what is read of an object, by the name Exchange gives it; empty: nothing is.
        types: .NET types of its objects, in full; the first is what Exchange 2016 returns.
        signs: what tells an object of it that has no type.
        older: its name before Exchange 2013, where it has another one.
        parameters: those that may be given to it live; none: it is not asked live.
        by: the parameter that names the server or the connector; empty: none does.
        given: what each live call is given besides.
        since: the generation that had it first; None: all have it.
        is_local: whether a call without a server is about the one that hosts the session (S8.50).
        of_hub: whether only servers with the Transport service are asked.
        shown_by: what prints its objects, where the name alone prints none; `<server>` in it stands
            for a name.
        export: the command that exports its objects, of the server `{server}` where it has that
            place; empty: something else fills the gap.
        table: where the snapshot keeps its objects; None: in types of their own.
        decides: whether a verdict rests on it; else it is told where it matters, and nothing waits
            for it.
    """

    name: str
    scope: CmdletScope
    properties: Mapping[str, Kind] = field(default_factory=dict)
    types: tuple[str, ...] = ()
    signs: Signs = field(default_factory=Signs)
    older: str = ""
    parameters: tuple[str, ...] = ()
    by: str = "Identity"
    given: Mapping[str, str] = field(default_factory=dict)
    since: Generation | None = None
    is_local: bool = False
    of_hub: bool = False
    shown_by: str = ""
    export: str = ""
    table: KeptTable | None = None
    decides: bool = True

    def is_known_to(self, server: Server) -> bool:
        """Whether a server of this version and with these roles answers it; not known: it may."""
        if self.of_hub and server.has_hub is False:
            return False
        return self.since is None or server.generation is not Generation.LEGACY

    def name_on(self, server: Server) -> str:
        """What it is called on a server."""
        is_legacy = server.generation is Generation.LEGACY
        return self.older if self.older and is_legacy else self.name

    @property
    def file(self) -> str:
        """The file that its output is exported to; empty: none."""
        return self.export.rpartition("Export-Clixml ")[2]

    @property
    def shows_all(self) -> str:
        """The command whose output holds all that is read of it, with whose it is."""
        return f"{self.shown_by or self.name} | Format-List"


def _of(kind: Kind, names: str) -> dict[str, Kind]:
    return dict.fromkeys(names.split(), kind)


def _set(names: str) -> frozenset[str]:
    return frozenset(names.casefold().split())


def _with_any(name: str, others: str) -> tuple[frozenset[str], ...]:
    return tuple(_set(f"{name} {other}") for other in others.split())


_IN_DIRECTORY = ("DomainController", "Identity")
_TYPE = "Microsoft.Exchange.Data.Directory"

# Of the signs, only what no other cmdlet of Exchange or Windows prints may stand in `alone`:
# virtual directories and databases print AdminDisplayVersion too (beside Server), web sites have
# bindings, messages have LastError and Status, virtual machines' adapters have IPAddresses.
#
# Live, they are asked in this order: what only reads the directory comes first, what asks other
# machines (RPC, WMI) last. Behind a call that hangs nothing more is answered.
_SPECS = (
    CmdletSpec(
        "Get-ExchangeServer",
        CmdletScope.ORGANIZATION,
        {
            **_of(Kind.TEXT, "Name Identity DistinguishedName Fqdn AdminDisplayVersion"),
            **_of(Kind.ENUM, "ServerRole"),
            **_of(Kind.TEXT, "Site"),
            **_of(Kind.BOOLEAN, "IsHubTransportServer IsFrontendTransportServer IsEdgeServer"),
            **_of(Kind.BOOLEAN, "IsE15OrLater"),
        },
        types=(f"{_TYPE}.Management.ExchangeServer",),
        signs=Signs(
            _set("IsHubTransportServer IsFrontendTransportServer IsEdgeServer IsE15OrLater"),
            (
                *_with_any("AdminDisplayVersion", "Name Identity Fqdn"),
                *_with_any("ServerRole", "Name Identity Fqdn"),
                _set("Fqdn Site Name"),
            ),
            _set(
                "Server DatabaseAvailabilityGroup AutoDatabaseMountDial InternalUrl EdbFilePath"
                " IsMixedMode MAPIEncryptionRequired"
            ),
        ),
        parameters=_IN_DIRECTORY,
        export="Get-ExchangeServer | Export-Clixml exchange-servers.xml",
    ),
    CmdletSpec(
        "Get-SendConnector",
        CmdletScope.ORGANIZATION,
        {
            **_of(Kind.TEXT, "Identity Name DistinguishedName"),
            **_of(Kind.BOOLEAN, "Enabled"),
            **_of(Kind.LIST, "AddressSpaces SmartHosts SourceTransportServers"),
            **_of(Kind.BOOLEAN, "DNSRoutingEnabled FrontendProxyEnabled RequireTLS"),
            **_of(Kind.ENUM, "SmartHostAuthMechanism TlsAuthLevel ProtocolLoggingLevel"),
            **_of(Kind.TEXT, "Fqdn TlsCertificateName TlsDomain MaxMessageSize Comment Guid"),
            **_of(Kind.BOOLEAN, "IsScopedConnector"),
        },
        types=(
            f"{_TYPE}.SystemConfiguration.SmtpSendConnectorConfig",
            f"{_TYPE}.SystemConfiguration.SendConnector",
        ),
        signs=Signs(
            _set(
                "AddressSpaces SmartHosts SmartHostsString SourceTransportServers DNSRoutingEnabled"
                " SmartHostAuthMechanism"
            ),
            never=_set("RemoteIPRanges Bindings PermissionGroups"),
        ),
        parameters=_IN_DIRECTORY,
        export="Get-SendConnector | Export-Clixml send-connectors.xml",
        table=KeptTable(
            "send_connectors",
            {
                "name": "Name",
                "enabled": "Enabled",
                "address_spaces": "AddressSpaces",
                "smart_hosts": "SmartHosts",
                "smart_host_auth": "SmartHostAuthMechanism",
                "source_servers": "SourceTransportServers",
                "through_frontend": "FrontendProxyEnabled",
                "require_tls": "RequireTLS",
                "tls_auth_level": "TlsAuthLevel",
                "tls_certificate": "TlsCertificateName",
                "tls_domain": "TlsDomain",
                "fqdn": "Fqdn",
                "protocol_logging": "ProtocolLoggingLevel",
                "largest_message": "MaxMessageSize",
                "comment": "Comment",
                "guid": "Guid",
                "is_scoped": "IsScopedConnector",
            },
        ),
        decides=False,
    ),
    CmdletSpec(
        "Get-AcceptedDomain",
        CmdletScope.ORGANIZATION,
        {
            **_of(Kind.TEXT, "Identity Name DomainName DistinguishedName"),
            **_of(Kind.ENUM, "DomainType"),
            **_of(Kind.BOOLEAN, "Default MatchSubDomains"),
        },
        types=(f"{_TYPE}.SystemConfiguration.AcceptedDomain",),
        signs=Signs(together=(_set("DomainName DomainType"),)),
        parameters=_IN_DIRECTORY,
        export="Get-AcceptedDomain | Export-Clixml accepted-domains.xml",
        table=KeptTable(
            "accepted_domains",
            {
                "domain": "DomainName",
                "name": "Name",
                "kind": "DomainType",
                "is_default": "Default",
                "with_subdomains": "MatchSubDomains",
            },
        ),
        decides=False,
    ),
    CmdletSpec(
        "Get-ReceiveConnector",
        CmdletScope.SERVER,
        {
            **_of(Kind.TEXT, "Identity Name Server DistinguishedName"),
            **_of(Kind.BOOLEAN, "Enabled"),
            **_of(Kind.ENUM, "TransportRole"),
            **_of(Kind.LIST, "Bindings RemoteIPRanges"),
            **_of(Kind.ENUM, "AuthMechanism PermissionGroups"),
            **_of(Kind.BOOLEAN, "SuppressXAnonymousTls RequireTLS"),
            **_of(Kind.TEXT, "Fqdn TlsCertificateName"),
            **_of(Kind.ENUM, "ProtocolLoggingLevel"),
            **_of(Kind.TEXT, "Comment"),
            **_of(Kind.TIME, "WhenChangedUTC"),
            **{name: Kind.ENUM if kind == "name" else Kind.TEXT for name, kind in LIMITS.items()},
        },
        types=(f"{_TYPE}.SystemConfiguration.ReceiveConnector",),
        signs=Signs(
            _set(
                "RemoteIPRanges PermissionGroups AuthMechanism SuppressXAnonymousTls TransportRole"
            ),
            _with_any("Bindings", "Identity Server Fqdn Enabled"),
            _set("AddressSpaces SmartHosts SourceTransportServers PhysicalPath"),
        ),
        parameters=(*_IN_DIRECTORY, "Server"),
        by="Server",
        export="Get-ReceiveConnector -Server {server} | Export-Clixml receive-connectors.xml",
    ),
    CmdletSpec(
        "Get-TransportService",
        CmdletScope.SERVER,
        {
            **_of(Kind.TEXT, "Name Identity DistinguishedName"),
            **_of(Kind.BOOLEAN, "UseDowngradedExchangeServerAuth"),
            **_of(Kind.TEXT, "InternalTransportCertificateThumbprint"),
        },
        types=(f"{_TYPE}.Management.TransportServer", f"{_TYPE}.Management.TransportService"),
        signs=Signs(
            _set(
                "UseDowngradedExchangeServerAuth InternalTransportCertificateThumbprint"
                " PickupDirectoryPath ReplayDirectoryPath"
                " QueueMaxIdleTime MessageExpirationTimeout PoisonMessageDetectionEnabled"
            ),
        ),
        older="Get-TransportServer",
        parameters=_IN_DIRECTORY,
        of_hub=True,
        export="Get-TransportService | Export-Clixml transport-services.xml",
    ),
    CmdletSpec(
        "Get-ServerComponentState",
        CmdletScope.SERVER,
        {
            **_of(Kind.TEXT, "Identity ServerFqdn Component"),
            **_of(Kind.ENUM, "State"),
        },
        types=(f"{_TYPE}.Management.ServerComponentStatePresentationObject",),
        signs=Signs(together=(_set("Component State"),)),
        parameters=("Component", *_IN_DIRECTORY),
        since=Generation.E2013,
        shown_by="Get-ServerComponentState <server>",
        export="Get-ServerComponentState {server} | Export-Clixml component-states.xml",
        decides=False,
    ),
    CmdletSpec(
        "Get-TransportAgent",
        CmdletScope.SESSION,
        {
            **_of(Kind.TEXT, "Identity"),
            **_of(Kind.BOOLEAN, "Enabled"),
            **_of(Kind.INTEGER, "Priority"),
            **_of(Kind.TEXT, "TransportAgentFactory Server"),
        },
        types=("Microsoft.Exchange.Management.AgentTasks.TransportAgentObject",),
        signs=Signs(
            _set("TransportAgentFactory"),
            (_set("Identity Enabled Priority"),),
            _set("Name State RuleIdentity Description Conditions"),  # rules of all kinds
        ),
        parameters=_IN_DIRECTORY,
        by="",
        is_local=True,
        of_hub=True,
        # On the server itself; its objects do not say whose they are (S9.21).
        export=(
            "Get-TransportAgent | Add-Member NoteProperty Server {server} -PassThru"
            " | Export-Clixml transport-agents.xml"
        ),
        table=KeptTable(
            "transport_agents",
            {
                "name": "Identity",
                "enabled": "Enabled",
                "priority": "Priority",
                "factory": "TransportAgentFactory",
            },
        ),
        decides=False,
    ),
    CmdletSpec(
        "Get-Queue",
        CmdletScope.SERVER,
        {
            **_of(Kind.TEXT, "Identity QueueIdentity"),
            **_of(Kind.ENUM, "DeliveryType"),
            **_of(Kind.TEXT, "NextHopDomain NextHopConnector"),
            **_of(Kind.ENUM, "NextHopCategory Status"),
            **_of(Kind.INTEGER, "MessageCount DeferredMessageCount"),
            **_of(Kind.TEXT, "LastError"),
            **_of(Kind.INTEGER, "RetryCount"),
            **_of(Kind.TIME, "LastRetryTime NextRetryTime FirstRetryTime"),
            **_of(Kind.REAL, "IncomingRate OutgoingRate Velocity"),
        },
        types=(
            "Microsoft.Exchange.Data.QueueViewer.ExtensibleQueueInfo",
            "Microsoft.Exchange.Data.QueueViewer.PropertyBagBasedQueueInfo",
            "Microsoft.Exchange.Data.QueueViewer.QueueInfo",
        ),
        signs=Signs(
            _set("NextHopDomain NextHopConnector LastRetryTime NextRetryTime FirstRetryTime"),
            _with_any("MessageCount", "Identity QueueIdentity Status DeliveryType LastError"),
            _set("GroupByValue Subject FromAddress InternetMessageId MessageId EventId"),
        ),
        parameters=("Filter", "Identity", "ResultSize", "Server"),
        by="Server",
        given={"ResultSize": "Unlimited"},
        is_local=True,
        of_hub=True,
        export="Get-Queue -Server {server} -ResultSize Unlimited | Export-Clixml queues.xml",
    ),
    CmdletSpec(
        "Get-ExchangeCertificate",
        CmdletScope.SERVER,
        {
            **_of(Kind.TEXT, "Thumbprint Subject Issuer Server"),
            **_of(Kind.ENUM, "Services Status"),
            **_of(Kind.LIST, "CertificateDomains"),
            **_of(Kind.TIME, "NotBefore NotAfter"),
            **_of(Kind.BOOLEAN, "IsSelfSigned HasPrivateKey"),
        },
        types=("Microsoft.Exchange.Management.SystemConfigurationTasks.ExchangeCertificate",),
        signs=Signs(
            together=(*_with_any("Thumbprint", "CertificateDomains Services RootCAType"),),
            never=_set("Bindings RemoteIPRanges"),
        ),
        parameters=("DomainController", "Server"),
        by="Server",
        is_local=True,
        of_hub=True,
        export=(
            "Get-ExchangeCertificate -Server {server}"
            " | Add-Member NoteProperty Server {server} -PassThru | Export-Clixml certificates.xml"
        ),
        table=KeptTable(
            "certificates",
            {
                "thumbprint": "Thumbprint",
                "subject": "Subject",
                "issuer": "Issuer",
                "services": "Services",
                "status": "Status",
                "domains": "CertificateDomains",
                "not_before": "NotBefore",
                "not_after": "NotAfter",
                "is_self_signed": "IsSelfSigned",
                "has_private_key": "HasPrivateKey",
            },
        ),
        decides=False,
    ),
    CmdletSpec(
        "Get-NetworkConnectionInfo",
        CmdletScope.SERVER,
        {
            **_of(Kind.TEXT, "Name"),
            **_of(Kind.LIST, "DnsServers IPAddresses"),
            **_of(Kind.TEXT, "AdapterGuid MacAddress"),
        },
        types=("Microsoft.Exchange.Management.SystemConfigurationTasks.NetworkConnectionInfo",),
        signs=Signs(
            _set("IPAddresses AdapterGuid"), never=_set("VMName SwitchName InterfaceIndex")
        ),
        parameters=_IN_DIRECTORY,
        shown_by="Get-NetworkConnectionInfo <server>",
    ),
    CmdletSpec(
        "Get-ADPermission",
        CmdletScope.CONNECTOR,
        {
            **_of(Kind.TEXT, "Identity User"),
            **_of(Kind.BOOLEAN, "Deny"),
            **_of(Kind.LIST, "ExtendedRights"),
            **_of(Kind.BOOLEAN, "IsInherited"),
        },
        types=("Microsoft.Exchange.Management.RecipientTasks.ADAcePresentationObject",),
        signs=Signs(_set("ExtendedRights"), never=_set("Trustee")),
        parameters=_IN_DIRECTORY,
        shown_by="Get-ReceiveConnector | Get-ADPermission",
        export=(
            "Get-ReceiveConnector -Server {server} | Get-ADPermission"
            " | Export-Clixml permissions.xml"
        ),
        decides=False,
    ),
    # No cmdlet of Exchange's: the class that holds adapters, by Get-WmiObject or Get-CimInstance.
    CmdletSpec(
        "Win32_NetworkAdapterConfiguration",
        CmdletScope.SERVER,
        {
            **_of(Kind.TEXT, "DNSHostName"),
            **_of(Kind.LIST, "IPAddress DefaultIPGateway DNSServerSearchOrder"),
            **_of(Kind.BOOLEAN, "FullDNSRegistrationEnabled"),
        },
        signs=Signs(_set("DNSServerSearchOrder FullDNSRegistrationEnabled DefaultIPGateway")),
    ),
    # Asked by hand in a training case; of what it prints nothing is kept.
    CmdletSpec(
        "Get-Message",
        CmdletScope.SERVER,
        types=(
            "Microsoft.Exchange.Data.QueueViewer.ExtensibleMessageInfo",
            "Microsoft.Exchange.Data.QueueViewer.PropertyBagBasedMessageInfo",
            "Microsoft.Exchange.Data.QueueViewer.MessageInfo",
        ),
        signs=Signs(
            _set("Subject FromAddress InternetMessageId MessageSourceName"),
            never=_set("Thumbprint"),  # a certificate has a subject too
        ),
        parameters=("Filter", "Identity", "Queue", "ResultSize", "Server"),
        by="Server",
    ),
)

SPECS: Mapping[str, CmdletSpec] = MappingProxyType({spec.name: spec for spec in _SPECS})
"""Each of them by its name, in the order in which a server is asked."""

PROPERTIES: Mapping[str, Mapping[str, Kind]] = MappingProxyType(
    {name: spec.properties for name, spec in SPECS.items() if spec.properties}
)
"""The cmdlets whose output is read, and of each the properties that are."""

OLDER: Mapping[str, str] = MappingProxyType(
    {spec.older: spec.name for spec in _SPECS if spec.older}
)
"""Older name to the name that counts."""

TABLES: Mapping[str, CmdletSpec] = MappingProxyType(
    {spec.table.name: spec for spec in _SPECS if spec.table}
)
"""KeptTable of a snapshot to the cmdlet whose objects it holds as they are read."""

ALLOWED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        name: frozenset(spec.parameters)
        for spec in sorted(_SPECS, key=lambda spec: spec.name)
        for name in sorted(filter(None, (spec.name, spec.older)))
        if spec.parameters
    }
)
"""What may be asked live, all of it read-only, with the parameters as Exchange spells them."""
