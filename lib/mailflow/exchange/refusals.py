"""What Set-ReceiveConnector refuses of one connector by itself (section 3.4).

Every Set looks at the whole object again, so an old inconsistency refuses an innocent change of
the ranges (S8.65). `conflicts` holds what is refused of two connectors beside each other.

Settings that a snapshot does not hold (DomainSecureEnabled, ExtendedProtectionPolicy, Banner,
time-outs) are not looked at.
"""

from __future__ import annotations

from mailflow.exchange.connectors import AuthMechanism, PermissionGroups, ReceiveConnector
from mailflow.exchange.servers import Server

NEEDS_TLS = "If BasicAuthRequireTLS is set, TLS must also be set as an authentication mechanism."
NEEDS_BASIC = (
    "If BasicAuthRequireTLS is set, BasicAuth must also be set as an authentication mechanism."
)
EXTERNAL_ALONE = (
    "ExternalAuthoritative cannot be set with BasicAuth, BasicAuthRequireTLS, ExchangeServer, or "
    "Integrated authentication mechanisms."
)
EXTERNAL_GROUP = (
    "You must set the value for the PermissionGroups parameter to ExchangeServers when you set the "
    "AuthMechanism parameter to a value of ExternalAuthoritative."
)
FOREIGN_FQDN = (
    "If the AuthMechanism attribute on a Receive connector contains the value ExchangeServer, you "
    "must set the FQDN parameter on the Receive connector to one of the following values: the FQDN "
    'of the transport server "{0}", the NetBIOS name of the transport server "{1}", or $null.'
)
REQUIRE_TLS = "RequireTLS is $true, and AuthMechanism lacks Tls."
LEGACY_ON_EDGE = "An Edge server accepts no ExchangeLegacyServers in PermissionGroups."
SUPPRESSED = (
    "SuppressXAnonymousTls is $true, and UseDowngradedExchangeServerAuth of the server is not."
)
"""Of the last three no text of Exchange's is known; these are ours."""

TLS_MISSING = frozenset({NEEDS_TLS, REQUIRE_TLS})
"""What ends when Tls is added to AuthMechanism."""


def refusal(
    connector: ReceiveConnector, server: Server | None = None, *, downgraded: bool | None = None
) -> str | None:
    """Why Set-ReceiveConnector would refuse the connector as it stands; None: nothing known does.

    What was not read refuses nothing.

    Args:
        connector: as it would be after the change.
        server: the server it belongs to; None: not known, then only its name is.
        downgraded: UseDowngradedExchangeServerAuth of that server; None: not known.
    """
    edge = bool(server and server.is_edge)
    text = refused_auth(connector) or _refused_tls(connector) or refused_fqdn(connector, server)
    if text:
        return text
    if edge and connector.groups and PermissionGroups.ExchangeLegacyServers in connector.groups:
        return LEGACY_ON_EDGE
    if connector.suppress_x_anonymous_tls and (edge or downgraded is False):
        return SUPPRESSED
    return None


def refused_auth(connector: ReceiveConnector) -> str | None:
    """Why its AuthMechanism would be refused, with its PermissionGroups; None: it would not."""
    auth = connector.auth or AuthMechanism(0)
    if AuthMechanism.BasicAuthRequireTLS in auth:
        if AuthMechanism.Tls not in auth:
            return NEEDS_TLS
        if AuthMechanism.BasicAuth not in auth:
            return NEEDS_BASIC
    if AuthMechanism.ExternalAuthoritative in auth:
        if auth & ~(AuthMechanism.ExternalAuthoritative | AuthMechanism.Tls):
            return EXTERNAL_ALONE
        if connector.admits_exchange_servers is False:
            return EXTERNAL_GROUP
    return None


def _refused_tls(connector: ReceiveConnector) -> str | None:
    lacks = connector.auth is not None and AuthMechanism.Tls not in connector.auth
    return REQUIRE_TLS if connector.require_tls and lacks else None


def refused_fqdn(connector: ReceiveConnector, server: Server | None) -> str | None:
    """Why its Fqdn would be refused: for Exchange servers it is its server's own; on Edge any."""
    edge = bool(server and server.is_edge)
    if not connector.offers_exchange_auth or edge or not _is_foreign(connector, server):
        return None
    full = server.fqdn if server else ""
    return FOREIGN_FQDN.format(full or connector.server, _short(connector.server))


def _is_foreign(connector: ReceiveConnector, server: Server | None) -> bool:
    """Whether the Fqdn is neither empty nor a name of the server, as far as these are known."""
    name = connector.fqdn.strip().rstrip(".").casefold()
    if not name:
        return False
    full = server.fqdn.strip().rstrip(".").casefold() if server else ""
    short = _short(connector.server).casefold()
    if "." in name and full:
        return name != full
    return _short(name) != short


def _short(name: str) -> str:
    return name.partition(".")[0]
