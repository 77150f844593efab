"""The objects of a snapshot as rows of its tables, in the order of their columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
            one.name,
            one.fqdn,
            ".".join(map(str, one.version)) if one.version else None,
            one.product,
            one.has_frontend,
            one.has_hub,
            one.is_edge,
            one.site,
            one.version_text,
            one.generation_hint.value if one.generation_hint else None,
        )
        for one in org.servers
    ],
    "addresses": lambda org: [
        (
            one.server,
            one.address,
            one.source,
            one.has_dns_servers,
            one.has_gateway,
            one.registers_in_dns,
        )
        for one in org.addresses
    ],
    "connectors": lambda org: [
        (
            one.server,
            one.name,
            one.enabled,
            None if one.role is None else int(one.role),
            ", ".join(map(str, one.bindings)),
            one.bindings_complete,
            one.ranges_complete,
            None if one.auth is None else int(one.auth),
            None if one.groups is None else int(one.groups),
            one.suppress_x_anonymous_tls,
            one.fqdn,
            one.require_tls,
            one.protocol_logging,
            one.comment,
        )
        for one in org.connectors
    ],
    "ranges": lambda org: [
        (one.server, one.name, str(block)) for one in org.connectors for block in one.ranges
    ],
    "queues": lambda org: [
        (
            one.identity,
            one.server,
            one.delivery_type,
            one.next_hop_domain,
            one.status,
            one.message_count,
            one.last_error,
            one.last_error_complete,
            one.retry_count,
            *_moments(one.last_retry, one.next_retry, one.first_retry),
            one.next_hop_connector,
            one.next_hop_category,
            one.deferred_count,
            one.velocity,
        )
        for one in org.queues
    ],
    "settings": lambda org: [(one.server, one.use_downgraded_auth) for one in org.settings],
    "components": lambda org: [(one.server, one.component, one.state) for one in org.components],
    "rights": lambda org: [
        (one.server, one.connector, one.user, one.right, one.deny) for one in org.rights
    ],
    **{table: partial(_kept, table) for table in TABLES},
    "reads": lambda org: [(one.server, one.outcome, one.how, one.seconds) for one in org.reads],
    "unread": lambda org: [(one.server, one.what, one.why) for one in org.unread],
}
"""Table to what makes its rows of a snapshot."""
