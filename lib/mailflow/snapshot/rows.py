"""The objects of a snapshot as rows of its tables, in the order of their columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import astuple
from functools import partial
from typing import Any

from mailflow.exchange.cmdlets import TABLES
from mailflow.exchange.queues import Moment

TableRow = tuple[Any, ...]


def _moments(*moments: Moment | None) -> tuple[Any, ...]:
    pairs = (
        (m.text, m.instant.isoformat() if m.instant else None) if m else (None, None)
        for m in moments
    )
    return tuple(value for pair in pairs for value in pair)


def _kept(table: str, org: Any) -> list[TableRow]:  # noqa: ANN401 - a snapshot, which imports this
    return list(org.kept.get(table, ()))


WRITERS: Mapping[str, Callable[[Any], list[TableRow]]] = {
    "servers": lambda org: [
        (
            server.name,
            server.fqdn,
            ".".join(map(str, server.version)) if server.version else None,
            server.product,
            server.has_frontend,
            server.has_hub,
            server.is_edge,
            server.site,
            server.version_text,
            server.generation_hint.value if server.generation_hint else None,
        )
        for server in org.servers
    ],
    "addresses": lambda org: [
        (
            address.server,
            address.address,
            address.source,
            address.has_dns_servers,
            address.has_gateway,
            address.registers_in_dns,
        )
        for address in org.addresses
    ],
    "connectors": lambda org: [
        (
            connector.server,
            connector.name,
            connector.enabled,
            None if connector.role is None else int(connector.role),
            ", ".join(map(str, connector.bindings)),
            connector.bindings_complete,
            connector.ranges_complete,
            None if connector.auth is None else int(connector.auth),
            None if connector.groups is None else int(connector.groups),
            connector.suppress_x_anonymous_tls,
            connector.fqdn,
            connector.require_tls,
            connector.protocol_logging,
            connector.comment,
            connector.tls_certificate,
            connector.when_changed.isoformat() if connector.when_changed else None,
            "; ".join(f"{name}={value}" for name, value in connector.limits),
        )
        for connector in org.connectors
    ],
    "ranges": lambda org: [
        (connector.server, connector.name, str(block))
        for connector in org.connectors
        for block in connector.ranges
    ],
    "queues": lambda org: [
        (
            queue.identity,
            queue.server,
            queue.delivery_type,
            queue.next_hop_domain,
            queue.status,
            queue.message_count,
            queue.last_error,
            queue.last_error_complete,
            queue.retry_count,
            *_moments(queue.last_retry, queue.next_retry, queue.first_retry),
            queue.next_hop_connector,
            queue.next_hop_category,
            queue.deferred_count,
            queue.velocity,
        )
        for queue in org.queues
    ],
    "settings": lambda org: [
        (settings.server, settings.use_downgraded_auth, settings.internal_certificate)
        for settings in org.settings
    ],
    "components": lambda org: [
        (state.server, state.component, state.state) for state in org.components
    ],
    "rights": lambda org: [
        (right.server, right.connector, right.user, right.right, right.deny) for right in org.rights
    ],
    **{table: partial(_kept, table) for table in TABLES},
    "observed": lambda org: [astuple(sessions) for sessions in org.observed],
    "offers": lambda org: [astuple(offer) for offer in org.offers],
    "reads": lambda org: [
        (read.server, read.outcome, read.how, read.seconds) for read in org.reads
    ],
    "unread": lambda org: [(row.server, row.what, row.why) for row in org.unread],
}
"""Table to what makes its rows of a snapshot."""
