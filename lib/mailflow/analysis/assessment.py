"""What an Exchange server meets on the connector that accepts it, by configuration alone.

Can it authenticate and submit there (S3.30)? What was not read makes the answer unknown, never
clear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mailflow.analysis.missing import ADDRESSES, CONNECTORS, RIGHTS, SETTINGS, Missing
from mailflow.analysis.servers import ServerView, is_custom
from mailflow.exchange.connectors import ReceiveConnector, setup_default
from mailflow.exchange.ranges import AddressRange
from mailflow.exchange.routing import Endpoint
from mailflow.exchange.selection import TIE, Answer

PathState = Literal["found", "unknown", "clear"]

SHADOWED = "custom-connector-shadows-default"
DEFAULT_LACKS_AUTH = "exchange-auth-missing-on-default"
GROUP_MISSING = "exchange-servers-group-missing"
SUPPRESSED = "anonymoustls-suppressed"
NOBODY = "no-connector-answers"
ROLE_CONFLICT = "transport-role-conflict"
TIED = "connector-tie"
RIGHTS_DENIED = "rights-denied"

PARTIAL = "some receive connectors may be missing from the export"
"""Why a path to a server with hidden connectors is not decided."""

CONFIGURATION_CAUSES = (
    SHADOWED,
    DEFAULT_LACKS_AUTH,
    GROUP_MISSING,
    SUPPRESSED,
    NOBODY,
    ROLE_CONFLICT,
)
"""The causes that configuration alone can show on a mail path."""

PATH_CAUSES = (*CONFIGURATION_CAUSES, RIGHTS_DENIED)
"""What a mail path may fail for; a denied right is found only where an error speaks for it too."""


@dataclass(frozen=True, slots=True)
class Lead:
    """What would be the cause of an undetermined path if one thing that is not known were so.

    Attributes:
        connector: that would accept the sender and lacks what an Exchange server needs.
        blocks: the addresses from which it would; empty: of what was read it accepts the sender.
    """

    connector: ReceiveConnector
    blocks: tuple[AddressRange, ...] = ()


@dataclass(frozen=True, slots=True)
class Assessment:
    """What configuration says of one connection.

    Attributes:
        state: found, unknown or clear.
        cause: what is wrong, or what it would be; None when clear.
        connector: the connector at fault; None where none is known.
        why: for unknown: what is not known.
        missing: the data that would tell; None where none is known to.
        on_evidence: unknown only because configuration alone does not decide it: a queue stuck with
            5.7.3 on this path makes it found (the connection may take another local address, or the
            sender may have UseDowngradedExchangeServerAuth).
        leads: for unknown: what the cause would be under a condition.
        observed: for found: what a log shows, where configuration alone left it open.
    """

    state: PathState
    cause: str | None = None
    connector: ReceiveConnector | None = None
    why: str = ""
    missing: Missing | None = None
    on_evidence: bool = False
    leads: tuple[Lead, ...] = ()
    observed: str = ""


def _property(connector: ReceiveConnector, name: str) -> Missing:
    server = connector.server.partition(".")[0]
    return Missing(server, CONNECTORS, name, f"{name} of {connector.identity} was not read")


def assess_connector(
    connector: ReceiveConnector,
    connectors: Sequence[ReceiveConnector],
    downgraded: bool | None,
) -> Assessment:
    """What an Exchange server meets on a connector that accepts it.

    S3.30: it needs ExchangeServer authentication, else it gives up with 5.7.3 (S5.01), and the
    ExchangeServers group, else 454 4.7.0 (L2). S3.31: an externally secured connector cannot hold
    the first (section 3.4). C10: SuppressXAnonymousTls hides the way to authenticate unless the
    sender is set to do without it.

    Args:
        connector: that accepts it.
        connectors: all of the same server.
        downgraded: UseDowngradedExchangeServerAuth of the sender; None: not read.
    """
    lacking = SHADOWED if is_custom(connector, connectors) else DEFAULT_LACKS_AUTH
    name = connector.identity
    if connector.offers_exchange_auth is None:
        why = f"AuthMechanism of {name} was not read"
        return Assessment("unknown", lacking, connector, why, _property(connector, "AuthMechanism"))
    if not connector.offers_exchange_auth:
        return Assessment("found", lacking, connector)
    if connector.admits_exchange_servers is None:
        why = f"PermissionGroups of {name} were not read"
        missing = _property(connector, "PermissionGroups")
        return Assessment("unknown", GROUP_MISSING, connector, why, missing)
    if not connector.admits_exchange_servers:
        return Assessment("found", GROUP_MISSING, connector)
    if connector.suppress_x_anonymous_tls and downgraded is None:
        why = "UseDowngradedExchangeServerAuth was not read"
        missing = Missing("", SETTINGS, "UseDowngradedExchangeServerAuth", why)
        return Assessment("unknown", SUPPRESSED, connector, why, missing, on_evidence=True)
    if connector.suppress_x_anonymous_tls and not downgraded:
        return Assessment("found", SUPPRESSED, connector)
    return Assessment("clear")


def assess_rights(connector: ReceiveConnector, denied: bool | None) -> Assessment:
    """What the access list adds to a connector that is in order otherwise (S3.43, L2).

    A denial is an inference alone: a queue stuck for a missing right makes it found.
    """
    if denied is False:
        return Assessment("clear")
    name = connector.identity
    if denied:
        why = f"the access list of {name} denies Exchange servers a right that they need"
        return Assessment("unknown", RIGHTS_DENIED, connector, why, None, on_evidence=True)
    why = f"PermissionGroups of {name} show Custom, and its access list was not read"
    server = connector.server.partition(".")[0]
    return Assessment("unknown", RIGHTS_DENIED, connector, why, Missing(server, RIGHTS, "", why))


def assess_partial(view: ServerView, got: Answer, outcomes: Sequence[Assessment]) -> Assessment:
    """Connectors may exist that were not read: those that were prove nothing alone (S1.38).

    A connector that lists the very address is overruled only by another one that lists it too, at
    a binding of its own. So a queue stuck with 5.7.3 makes it found.
    """
    missing = Missing(view.name, CONNECTORS, "", PARTIAL)
    why = PARTIAL
    wrong = next((each for each in outcomes if each.state != "clear"), None)
    if wrong is None or got.unknown is not None:
        return Assessment("unknown", wrong.cause if wrong else SHADOWED, None, why, missing)
    lead = (Lead(wrong.connector),) if wrong.state == "found" and wrong.connector else ()
    exact = wrong.state == "found" and got.range is not None and got.range.size == 1
    return Assessment("unknown", wrong.cause, wrong.connector, why, missing, exact, lead)


def assess_silence(view: ServerView, got: Answer, endpoint: Endpoint) -> Assessment:
    """No connector accepts it (S1.18); unknown where the export may simply lack the one that does.

    An export without any of setup's connectors is one that somebody filtered.
    """
    connectors, family = view.connectors, got.remote.version
    if not any(map(setup_default, connectors)):
        why = f"none of the connectors that setup makes on {view.name} were read"
        return Assessment("unknown", NOBODY, None, why, Missing(view.name, CONNECTORS, "", why))
    bound = {
        binding.family
        for connector in connectors
        for binding in connector.bindings
        if binding.port == endpoint.port
    }
    if bound and family not in bound and got.local is None:
        # An Edge server listens on IPv4 alone (section 2.4), and so may have no other address.
        why = f"no IPv{family} address of {view.name} is known, and nobody listens for one"
        return Assessment("unknown", NOBODY, None, why, Missing(view.name, ADDRESSES, "", why))
    return Assessment("found", NOBODY, view.intended(endpoint.process, endpoint.port))


def assess_uncertain(view: ServerView, got: Answer, outcomes: Sequence[Assessment]) -> Assessment:
    """The winner is not certain: found or clear only if it is so whoever wins (contract 8.8)."""
    states: set[PathState] = {each.state for each in outcomes}
    if got.nobody_possible:
        states.add("found")
    if states == {"clear"}:
        return Assessment("clear")
    wrong = next((each for each in outcomes if each.state != "clear"), None)
    if states == {"found"} and got.connector and not got.nobody_possible and wrong:
        return replace(wrong, why="", missing=None, on_evidence=False)
    why = got.unknown or ""
    if why.startswith(TIE):
        return Assessment("unknown", TIED, None, why)
    return Assessment(
        "unknown",
        wrong.cause if wrong else NOBODY,
        wrong.connector if wrong else None,
        why,
        Missing(view.name, CONNECTORS, "", why),
    )
