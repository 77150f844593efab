"""What an earlier version did not store: its values are not known, and rows of *unread* say so.

A column that is not there is filled by what its declaration says stands for "not known"
(`schema.py`). Here follows what the rest of the file still tells for certain, and a row of *unread*
for each column that a verdict may rest on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace

from mailflow.exchange.connectors import ReceiveConnector, TransportRole
from mailflow.exchange.servers import Generation, Server
from mailflow.snapshot.rows import WRITERS
from mailflow.snapshot.schema import DECLARED
from mailflow.snapshot.types import Snapshot, Unread

Lacking = Mapping[str, AbstractSet[str]]
"""Table to the columns that a file lacks; all of its columns: it lacks the table."""

WHY = (
    "the snapshot was saved by a version of mailflow that did not store {what}; "
    "collect it again to read it"
)


def completed(org: Snapshot, lacking: Lacking) -> Snapshot:
    """The snapshot of an earlier version, with what it lacks told as missing data.

    Args:
        org: as it was read, each column that is not there filled as `schema.py` declares it.
        lacking: what is not there.
    """
    if not lacking:
        return org
    gone = {name for name, columns in lacking.items() if columns == set(DECLARED[name].columns)}
    org = replace(
        org,
        cmdlets=org.cmdlets - {DECLARED[name].cmdlet for name in gone},
        connectors=tuple(_connector(connector, lacking, org) for connector in org.connectors),
        servers=tuple(
            _server(server, lacking.get("servers", set()), org) for server in org.servers
        ),
    )
    told = (row for row in dict.fromkeys(_rows(org, lacking, gone)) if row not in org.unread)
    return replace(org, unread=(*org.unread, *told))


def _connector(connector: ReceiveConnector, lacking: Lacking, org: Snapshot) -> ReceiveConnector:
    """A list that is not there is not known to be whole; 2007 and 2010 have one role (S2.07)."""
    columns = lacking.get("connectors", set())
    if "ranges" in lacking:
        connector = replace(connector, ranges_complete=False)
    if "bindings" in columns:
        connector = replace(connector, bindings_complete=False)
    if "role" in columns:
        server = org.server(connector.server)
        if server and server.generation is Generation.LEGACY:
            connector = replace(connector, role=TransportRole.HubTransport)
    return connector


def _server(server: Server, columns: AbstractSet[str], org: Snapshot) -> Server:
    """Services that follow from the others: 2016 and later have both, but for Edge (S4.02)."""
    modern = server.generation is Generation.MODERN
    if "is_edge" in columns:
        if server.has_frontend:
            server = replace(server, is_edge=False)
        elif modern and server.has_frontend is False:
            server = replace(server, is_edge=True)
    if "has_frontend" in columns:
        if server.is_edge or server.generation is Generation.LEGACY:
            server = replace(server, has_frontend=False)
        elif modern and server.is_edge is False:
            server = replace(server, has_frontend=True)
    if "has_hub" in columns and (server.is_edge or modern or _has_queues(server, org)):
        server = replace(server, has_hub=True)
    return server


def _has_queues(server: Server, org: Snapshot) -> bool:
    return any(server.is_named(queue.server) for queue in org.queues)


def _rows(org: Snapshot, lacking: Lacking, gone: AbstractSet[str]) -> Iterator[Unread]:
    for table in lacking:
        declared = DECLARED[table]
        if table in gone:
            if declared.what and _TABLE_MATTERS.get(table, _always)(org):
                yield _row(declared.what)
            continue
        for column in declared.columns:
            what = declared.columns[column].what
            if what and column in lacking[table] and _matters(table, column, org):
                yield _row(what)


def _row(what: str) -> Unread:
    return Unread("", what, WHY.format(what=what.rpartition(" ")[2]))


def _matters(table: str, column: str, org: Snapshot) -> bool:
    """Whether the column could tell something of this organization that is not known now."""
    ask = _COLUMN_MATTERS.get((table, column))
    return ask(org) if ask else bool(WRITERS[table](org))


def _always(_: Snapshot) -> bool:
    return True


def _suppresses(org: Snapshot) -> bool:
    """UseDowngradedExchangeServerAuth matters where a connector suppresses X-ANONYMOUSTLS (C10)."""
    return any(connector.suppress_x_anonymous_tls is not False for connector in org.connectors)


def _holds_messages(org: Snapshot) -> bool:
    """DeliveryType tells which queue is the unreachable one, whatever its status."""
    return any(queue.message_count != 0 for queue in org.queues)


def _waits(org: Snapshot) -> bool:
    """Where a queue waits, its next hop and its error tell why."""
    return any(queue.status in ("Retry", "") and queue.message_count != 0 for queue in org.queues)


def _waits_with_error(org: Snapshot) -> bool:
    return any(queue.status in ("Retry", "") and queue.last_error for queue in org.queues)


def _has_no_version(org: Snapshot) -> bool:
    return any(server.generation is None for server in org.servers)


_TABLE_MATTERS: Mapping[str, Callable[[Snapshot], bool]] = {
    "ranges": lambda org: bool(org.connectors),
    "settings": _suppresses,
}
_COLUMN_MATTERS: Mapping[tuple[str, str], Callable[[Snapshot], bool]] = {
    ("servers", "site"): _waits,
    ("servers", "version"): _has_no_version,
    ("servers", "generation_hint"): _has_no_version,
    ("servers", "has_frontend"): lambda org: any(
        server.has_frontend is None for server in org.servers
    ),
    ("servers", "has_hub"): lambda org: any(server.has_hub is None for server in org.servers),
    ("servers", "is_edge"): lambda org: any(server.is_edge is None for server in org.servers),
    ("queues", "delivery_type"): _holds_messages,
    ("queues", "next_hop_domain"): _waits,
    ("queues", "last_error"): _waits,
    ("queues", "last_error_complete"): _waits_with_error,
    ("settings", "use_downgraded_auth"): _suppresses,
    ("rights", "deny"): _always,
}
