"""Servers and what is theirs, as the cmdlets return them: properties by name, for a `Row`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from mailflow.exchange.connectors import TransportRole, flag_names
from mailflow.exchange.servers import Generation, Server
from mailflow.simulated.organisation import (
    DOMAIN,
    EXPIRY,
    INTERNET,
    PracticeCertificate,
    PracticeSendConnector,
    PracticeServer,
)
from mailflow.simulated.shapes import (
    CONFIGURABLE,
    E2010,
    E2013,
    EXCHANGE_VERSION,
    Shape,
    Values,
    address_object,
    byte_size,
    directory_id,
    guid_of,
    known_to,
    schema_id,
    server_dn,
    site_id,
    time_span,
)
from mailflow.sources.row import Complex, Enumeration, Items


def exchange_server(server: PracticeServer, shape: Shape) -> Values:
    """What Get-ExchangeServer shows of a server (S9.08, S9.11)."""
    exchange = server.exchange
    roles = _roles(exchange)
    numbers = (*(exchange.version or ()), 0, 0, 0, 0)[:4]
    names = ("Major", "Minor", "Build", "Revision")
    modern = exchange.generation is not Generation.LEGACY
    network = {
        "netbios": exchange.name,
        "ncacn_np": exchange.name,
        "ncacn_ip_tcp": exchange.fqdn,
    }
    values: Values = {
        "Name": exchange.name,
        "Domain": DOMAIN,
        "Edition": Enumeration("Enterprise", 1),
        "Fqdn": exchange.fqdn,
        "IsHubTransportServer": bool(exchange.has_hub) and not exchange.is_edge,
        "IsClientAccessServer": not exchange.is_edge,
        "IsExchange2007OrLater": True,
        "IsEdgeServer": bool(exchange.is_edge),
        "IsMailboxServer": not exchange.is_edge and TransportRole.Mailbox in roles,
        "IsE14OrLater": numbers[0] >= 14,
        "IsE15OrLater": modern,
        "IsUnifiedMessagingServer": False,
        "IsFrontendTransportServer": bool(exchange.has_frontend),
        "NetworkAddress": Items(
            tuple(
                Complex(f"{kind}:{name}", {"ProtocolType": kind, "AddressString": name})
                for kind, name in network.items()
            )
        ),
        "AdminDisplayVersion": Complex(
            exchange.version_text,
            dict(zip(names, numbers, strict=True)) | {"FilePatchLevelDescription": None},
        ),
        "Site": site_id(exchange.site) if exchange.site else None,
        "ServerRole": Enumeration(flag_names(roles), int(roles)),
        "Identity": directory_id(exchange.name, server_dn(exchange.name)),
        **CONFIGURABLE,
        "ExchangeVersion": EXCHANGE_VERSION,
        "DistinguishedName": server_dn(exchange.name),
        "Guid": guid_of(server_dn(exchange.name)),
        "ObjectCategory": schema_id("ms-Exch-Exchange-Server"),
        "ObjectClass": Items(("top", "server", "msExchExchangeServer")),
    }
    since = {
        "IsE14OrLater": E2010,
        "IsE15OrLater": E2013,
        "IsFrontendTransportServer": E2013,
    }
    return known_to(values, since, shape)


def transport_service(server: PracticeServer) -> Values:
    """What Get-TransportService, Get-TransportServer before 2013, shows (S3.42, section 4.6)."""
    edge = bool(server.exchange.is_edge)
    values: Values = {
        "Name": server.name,
        "DelayNotificationTimeout": time_span(timedelta(hours=4)),
        "MessageExpirationTimeout": time_span(EXPIRY),
        "MessageRetryInterval": time_span(timedelta(minutes=15)),
        "OutboundConnectionFailureRetryInterval": time_span(timedelta(minutes=30 if edge else 10)),
        "QueueMaxIdleTime": time_span(timedelta(minutes=3)),
        "TransientFailureRetryCount": 6,
        "TransientFailureRetryInterval": time_span(timedelta(minutes=10 if edge else 5)),
        "UseDowngradedExchangeServerAuth": server.downgraded_auth,
        # The directory goes on naming it where it was lost (S3.41).
        "InternalTransportCertificateThumbprint": _thumbprint(server.name),
        "Identity": directory_id(server.name, server_dn(server.name)),
        **CONFIGURABLE,
    }
    return values


def send_connector_dn(name: str) -> str:
    """Where a send connector stands in the directory."""
    return f"CN={name},CN=Connections,{server_dn('').partition(',CN=Servers,')[2]}"


def send_connector(
    connector: PracticeSendConnector, sources: Sequence[PracticeServer], shape: Shape
) -> Values:
    """What Get-SendConnector shows of the one connector to the internet, by DNS (S9.20)."""
    name, dn = INTERNET, send_connector_dn(INTERNET)
    values: Values = {
        "DNSRoutingEnabled": True,
        "TlsDomain": None,
        "TlsAuthLevel": None,
        "SmartHosts": Items(()),
        "SmartHostsString": "",
        "SmartHostAuthMechanism": Enumeration("None", 0),
        "AddressSpaces": Items(("SMTP:*;1",)),
        "SourceTransportServers": Items(
            tuple(directory_id(server.name, server_dn(server.name)) for server in sources)
        ),
        "Enabled": True,
        "FrontendProxyEnabled": False,
        "RequireTLS": False,
        "Fqdn": None,
        "TlsCertificateName": connector.certificate or None,
        "IsScopedConnector": connector.scoped,
        "MaxMessageSize": byte_size("35 MB", 36_700_160),
        "ProtocolLoggingLevel": Enumeration("None", 0),
        "Comment": "",
        "Name": name,
        "Identity": directory_id(name, dn),
        **CONFIGURABLE,
        "DistinguishedName": dn,
        "Guid": guid_of(dn),
    }
    return known_to(values, {"FrontendProxyEnabled": E2013, "TlsCertificateName": E2013}, shape)


_DOMAIN_TYPES = {"Authoritative": 0, "ExternalRelay": 1, "InternalRelay": 2}


def accepted_domain(domain: str, kind: str, shape: Shape) -> Values:
    """What Get-AcceptedDomain shows of a domain; the organization's own is the default (S9.30)."""
    dn = f"CN={domain},CN=Accepted Domains,CN=Transport Settings,"
    dn += server_dn("").partition(",CN=Administrative Groups,")[2]
    values: Values = {
        "DomainName": domain,
        "CatchAllRecipientID": None,
        "DomainType": Enumeration(kind, _DOMAIN_TYPES[kind]),
        "MatchSubDomains": False,
        "AddressBookEnabled": True,
        "Default": domain == DOMAIN,
        "Name": domain,
        "Identity": directory_id(domain, dn),
        **CONFIGURABLE,
        "DistinguishedName": dn,
        "Guid": guid_of(dn),
    }
    return known_to(values, {"MatchSubDomains": E2013}, shape)


def certificates(server: PracticeServer, now: datetime) -> Iterator[Values]:
    """What Get-ExchangeCertificate shows of a server: setup's, and those that people installed.

    Setup's own for mail among servers is gone where it was lost (C8).
    """
    until = datetime(now.year + 4, 1, 1, tzinfo=UTC)
    if not server.certificate_lost:
        own = f"CN={server.name}"
        made = PracticeCertificate(own, own, (server.name, server.exchange.fqdn), until)
        services = Enumeration("IMAP, POP, IIS, SMTP", 15)
        yield _certificate(made, now, server.name) | {"Services": services}
    if server.exchange.generation is not Generation.LEGACY:
        name = "CN=Microsoft Exchange Server Auth Certificate"
        yield _certificate(PracticeCertificate(name, name, (), until), now, f"{server.name} {name}")
    for each in server.certificates:
        yield _certificate(each, now, f"{server.name} {each.name} {each.until}")


def _certificate(certificate: PracticeCertificate, now: datetime, key: str) -> Values:
    valid = certificate.until > now
    return {
        "CertificateDomains": Items(certificate.domains),
        "HasPrivateKey": True,
        "IsSelfSigned": certificate.subject == certificate.issuer,
        "Issuer": certificate.issuer,
        "NotAfter": certificate.until,
        "NotBefore": certificate.until.replace(year=certificate.until.year - 5, day=1),
        "PublicKeySize": 2048,
        "RootCAType": Enumeration("None", 1),
        "SerialNumber": guid_of(f"{key} serial").replace("-", "").upper(),
        "Services": Enumeration("SMTP", 1),
        "Status": Enumeration("Valid", 4) if valid else Enumeration("DateInvalid", 2),
        "Subject": certificate.subject,
        "Thumbprint": _thumbprint(key),
    }


def _thumbprint(key: str) -> str:
    return (guid_of(f"{key} thumbprint").replace("-", "") + "00112233").upper()


_AGENTS = ("Transport Rule Agent", "Text Messaging Routing Agent", "Text Messaging Delivery Agent")
_AGENTS_SINCE_2013 = ("Malware Agent", "System Probe Drop Smtp Agent")


def transport_agents(server: PracticeServer) -> Iterator[Values]:
    """What Get-TransportAgent shows in a session of this server: the agents that setup adds."""
    modern = server.exchange.generation is not Generation.LEGACY
    for priority, name in enumerate((*_AGENTS, *(_AGENTS_SINCE_2013 if modern else ())), 1):
        word = name.replace(" ", "")
        yield {
            "Enabled": name != "Malware Agent",
            "Priority": priority,
            "TransportAgentFactory": f"Microsoft.Exchange.Transport.Agent.{word}Factory",
            "AssemblyPath": r"C:\Program Files\Microsoft\Exchange Server\V15\TransportRoles\agents"
            rf"\{word}.dll",
            "Identity": name,
            **CONFIGURABLE,
        }


def adapters(server: PracticeServer, *, shape: Shape) -> Iterator[Values]:
    """What Get-NetworkConnectionInfo shows: no server's name is in it (section 9)."""
    guid = guid_of(f"{server.name} adapter")
    yield {
        "Name": "Ethernet",
        "DnsServers": _addresses(("10.0.0.1", "10.0.0.2"), shape),
        "IPAddresses": _addresses(tuple(server.addresses), shape),
        "AdapterGuid": guid,
        "MacAddress": ":".join(["02", "00", *(guid[n : n + 2].upper() for n in (0, 2, 4, 6))]),
        "Identity": guid,
        **CONFIGURABLE,
    }


STATES = {"Inactive": 0, "Active": 1, "Draining": 2}
WHOLE_SERVER = "ServerWideOffline"
_ALWAYS_ON = ("Monitoring", "RecoveryActionsEnabled")


def component_states(server: PracticeServer) -> Iterator[Values]:
    """What Get-ServerComponentState shows of a server of 2013 or later, one for each component.

    A server that is offline as a whole takes its components with it, save those that watch it.
    """
    offline = WHOLE_SERVER in server.inactive
    for component in components(server.exchange):
        off = component in server.inactive or (offline and component not in _ALWAYS_ON)
        state = "Inactive" if off else "Active"
        yield {
            "ServerFqdn": server.exchange.fqdn,
            "Component": component,
            "State": Enumeration(state, STATES[state]),
            "ServerWideOfflineIsOffline": offline,
            # Who asked for it and when: nobody wrote that down here.
            "RemoteStates": Items(()),
            "LocalStates": Items(()),
            "Identity": directory_id(server.name, server_dn(server.name)),
            **CONFIGURABLE,
        }


def components(exchange: Server) -> tuple[str, ...]:
    """The components of a server that have to do with mail flow; none before 2013."""
    if exchange.generation is Generation.LEGACY:
        return ()
    if exchange.is_edge:
        return (WHOLE_SERVER, "EdgeTransport", *_ALWAYS_ON)
    own = [WHOLE_SERVER]
    own += ["HubTransport"] if exchange.has_hub else []
    own += ["FrontendTransport"] if exchange.has_frontend else []
    return (*own, *_ALWAYS_ON, "HighAvailability", "MailboxDeliveryProxy", "RoutingUpdates")


def _roles(exchange: Server) -> TransportRole:
    """ServerRole as people see it (S9.11)."""
    if exchange.is_edge:
        return TransportRole.Edge
    if exchange.generation is Generation.MODERN:
        return TransportRole.Mailbox
    roles = TransportRole(0)
    if exchange.generation is Generation.E2013:
        roles |= TransportRole.Mailbox if exchange.has_hub else roles
        return roles | (TransportRole.ClientAccess if exchange.has_frontend else roles)
    hub = TransportRole.ClientAccess | TransportRole.HubTransport
    return TransportRole.Mailbox | (hub if exchange.has_hub else roles)


def _addresses(texts: tuple[str, ...], shape: Shape) -> Items:
    return Items(tuple(text if shape.flat else address_object(text) for text in texts))
