"""Where mail leaves the organization: its send connectors, and which servers may use them."""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailflow.exchange.send_connectors import (
    SendConnector,
    hosts_of,
    normal_guid,
    parse_spaces,
)
from mailflow.exchange.servers import Server
from mailflow.plain import one_line
from mailflow.snapshot import Snapshot


def send_connectors_of(org: Snapshot) -> tuple[SendConnector, ...]:
    """The send connectors as they were read, in that order."""
    return tuple(
        SendConnector(
            name=row["name"],
            guid=normal_guid(row["guid"] or ""),
            enabled=row["enabled"],
            spaces=None if row["address_spaces"] is None else parse_spaces(row["address_spaces"]),
            smart_hosts=None if row["smart_hosts"] is None else hosts_of(row["smart_hosts"]),
            sources=_names(row["source_servers"]),
            is_scoped=row["is_scoped"],
            certificate=None if certificate is None else one_line(certificate),
            require_tls=row["require_tls"],
            fqdn=row["fqdn"] or "",
        )
        for row in org.objects("send_connectors")
        for certificate in [row["tls_certificate"]]
    )


def _names(text: str | None) -> tuple[str, ...] | None:
    """Short names in a list of servers: by name, full name or place in the directory."""
    if text is None:
        return None
    pieces = re.split(r",(?!CN=|DC=|OU=)\s*", one_line(text))
    names = (_name(piece) for piece in pieces if piece.strip())
    return tuple(dict.fromkeys(filter(None, names)))


def _name(text: str) -> str:
    found = re.match(r"\s*CN=([^,]+)", text, re.IGNORECASE)
    return (found[1] if found else text.rpartition("/")[2]).strip().partition(".")[0]


def can_use(connector: SendConnector, server: Server, servers: Sequence[Server]) -> bool | None:
    """Whether mail that a server holds may leave through a connector (S9.23).

    A server that is no source hands the mail to one that is; through a connector that is scoped
    only where one is in its site. One without any source server sends nothing. None: not known.
    """
    if connector.enabled is False or connector.sources == ():
        return False
    if connector.has_source(server.name):
        return True
    if connector.is_scoped is False:
        return True
    if connector.is_scoped is None or connector.sources is None:
        return None
    sites = [_site(name, servers) for name in connector.sources]
    mine = server.site.strip().casefold()
    if mine and mine in sites:
        return True
    return False if mine and all(sites) else None


def _site(name: str, servers: Sequence[Server]) -> str:
    found = next((each for each in servers if each.is_named(name)), None)
    return found.site.strip().casefold() if found else ""
