"""Texts about connectors that relay without authentication, or may: the reason, and the fix."""

from __future__ import annotations

from collections.abc import Iterator

from mailflow.analysis.capabilities import RIGHTS
from mailflow.analysis.missing import CONNECTORS, Missing
from mailflow.analysis.servers import doubt_of, is_whole
from mailflow.exchange.commands import filled
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.phrases import joined


def why_it_relays(connector: ReceiveConnector) -> str:
    """By which setting hosts relay there."""
    if connector.is_externally_secured:
        return "externally secured, it trusts every host"
    return "ANONYMOUS LOGON has ms-Exch-SMTP-Accept-Any-Recipient"


def what_ends_it(connector: ReceiveConnector) -> str:
    """How a connector of setup's relays no more; a command is for a person to weigh."""
    end = (
        "remove ExternalAuthoritative from it."
        if connector.is_externally_secured
        else f"remove the right: {filled(_REMOVE_RIGHT, {'connector': connector.identity})}"
    )
    return (
        "Create a relay connector whose RemoteIPRanges contain only the hosts that need to "
        f"relay; then {end}"
    )


def doubt_of_relaying(connector: ReceiveConnector, relays: bool | None) -> str:
    """What was not read and decides whether it relays, and for whom."""
    doubts = [doubt_of(connector)]
    if relays is None and connector.auth is None:
        doubts.append("its AuthMechanism was not read")
    if _rights_decide(connector, relays):
        doubts.append(f"its extended rights ({RIGHTS}) were not read to the end")
    return joined(filter(None, doubts))


def how_to_tell(connector: ReceiveConnector, relays: bool | None) -> str:
    """What to export, a command a line."""
    return "\n".join([Missing("", RIGHTS).how, *_exports(connector, relays)])


def _exports(connector: ReceiveConnector, relays: bool | None) -> Iterator[str]:
    if not is_whole(connector) or connector.auth is None:
        yield Missing(connector.server, CONNECTORS).command
    if _rights_decide(connector, relays):
        yield Missing(connector.server, RIGHTS).command


def _rights_decide(connector: ReceiveConnector, relays: bool | None) -> bool:
    """Whether the access list is missing, and would tell."""
    return relays is None and connector.is_externally_secured is not True


_REMOVE_RIGHT = (
    'Remove-ADPermission "{connector}" -User "NT AUTHORITY\\ANONYMOUS LOGON" '
    "-ExtendedRights Ms-Exch-SMTP-Accept-Any-Recipient"
)
