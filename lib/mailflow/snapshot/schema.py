"""The tables and columns of a snapshot's file, and what a file without one of them means.

The schema has a number, `mailflow.snapshot/1`. The rules (docs/formats.md says the same to users):

1. A new table, column or key keeps the number. Whoever does not know it keeps it and does not
   interpret it (`newer.py`).
2. A table or column that a file lacks is missing data (`missing.py`). So each new one declares here
   what a file without it means.
3. A change of meaning raises the number: another unit, another type, a value that says something
   else, a name that is reused. A reader of lower numbers refuses the file and says so.
4. Nothing is removed or renamed within a number.
5. A file of each version is stored in `tests/stored/` and is read for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from mailflow.exchange.cmdlets import TABLES as CMDLETS
from mailflow.exchange.cmdlets import CmdletScope, CmdletSpec, Kind
from mailflow.exchange.queues import OTHER

NAME: Final = "mailflow.snapshot"
NUMBER: Final = 1
SCHEMA: Final = f"{NAME}/{NUMBER}"


class Without(Enum):
    """What becomes of a table without a column that has no value of its own to stand for it."""

    DAMAGED = auto()  # the rows cannot be told apart: the file is refused
    NO_ROWS = auto()  # the rows say nothing without it: they are left out


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        kind: its pandas type.
        absent: the value in every row of a file without this column, which says "not known"; or
            what becomes of the rows.
        what: what a row of *unread* then names; empty: no verdict rests on the column, or the rest
            of the file tells the same.
        nullable: whether a row may hold null.
        sentences: whether it holds sentences, over several lines as well; any other text is a name
            or a value, and a file in which one breaks its line is refused.
    """

    kind: str
    absent: str | bool | Without | None = None
    what: str = ""
    nullable: bool = False
    sentences: bool = False


@dataclass(frozen=True, slots=True)
class Declared:
    """A table.

    Attributes:
        columns: by name.
        cmdlet: the one it comes from; empty: no cmdlet of its own.
        what: what a row of *unread* names in a file without this table; empty: no verdict rests on
            it.
    """

    columns: Mapping[str, Column]
    cmdlet: str = ""
    what: str = ""


def _key(kind: str = "string") -> Column:
    return Column(kind, Without.DAMAGED)


def _text(what: str = "") -> Column:
    return Column("string", "", what)


def _maybe(kind: str, what: str = "") -> Column:
    return Column(kind, None, what, nullable=True)


_KINDS: Mapping[Kind, str] = {
    Kind.BOOLEAN: "boolean",
    Kind.INTEGER: "Int64",
    Kind.REAL: "Float64",
}
"""Kind of a property to the type of its column; of all others a text."""


def _kept(spec: CmdletSpec) -> Declared:
    """The table of a cmdlet whose objects are kept as they are read."""
    assert spec.table is not None  # noqa: S101 - the caller goes over those that have one
    columns = {} if spec.scope is CmdletScope.ORGANIZATION else {"server": _key()}
    for name, property_name in spec.table.columns.items():
        kind = _KINDS.get(spec.properties[property_name], "string")
        what = f"{spec.name} {property_name}" if spec.decides else ""
        is_first = name == next(iter(spec.table.columns))
        held = Column(kind, None, what, nullable=True, sentences=kind == "string")
        columns[name] = _key() if is_first else held
    return Declared(columns, spec.name, spec.name if spec.decides else "")


SERVERS: Final = "Get-ExchangeServer"
CONNECTORS: Final = "Get-ReceiveConnector"
QUEUES: Final = "Get-Queue"
SETTINGS: Final = "Get-TransportService"
COMPONENTS: Final = "Get-ServerComponentState"
RIGHTS: Final = "Get-ADPermission"
ADDRESSES: Final = "addresses"
VERSION: Final = "version"
ANYTHING: Final = "capture"
"""In `what`: it is not known which cmdlet or property is missing."""

DECLARED: Mapping[str, Declared] = {
    "servers": Declared(
        {
            "server": _key(),
            "fqdn": _text(),
            "version": _maybe("string", VERSION),
            "product": _text(),  # follows from the version
            "has_frontend": _maybe("boolean", f"{SERVERS} IsFrontendTransportServer"),
            "has_hub": _maybe("boolean", f"{SERVERS} IsHubTransportServer"),
            "is_edge": _maybe("boolean", f"{SERVERS} IsEdgeServer"),
            "site": _text(f"{SERVERS} Site"),
            "version_text": _text(),
            "generation_hint": _maybe("string", VERSION),
        },
        SERVERS,
        SERVERS,
    ),
    "addresses": Declared(
        {
            "server": _key(),
            "address": _key(),
            "source": _text(ADDRESSES),
            # Tell a replication network. Where they are not known, an address counts as one that
            # mail may leave from, as in every earlier version: nothing is clear for that.
            "has_dns_servers": _maybe("boolean"),
            "has_gateway": _maybe("boolean"),
            "registers_in_dns": _maybe("boolean"),
        },
        what=ADDRESSES,
    ),
    "connectors": Declared(
        {
            "server": _key(),
            "name": _key(),
            "enabled": _maybe("boolean", f"{CONNECTORS} Enabled"),
            "role": _maybe("Int64", f"{CONNECTORS} TransportRole"),
            "bindings": _text(f"{CONNECTORS} Bindings"),
            # A list that is not known to be whole counts as cut.
            "bindings_complete": Column("boolean", absent=False, what=f"{CONNECTORS} Bindings"),
            "ranges_complete": Column("boolean", absent=False, what=f"{CONNECTORS} RemoteIPRanges"),
            "auth": _maybe("Int64", f"{CONNECTORS} AuthMechanism"),
            "groups": _maybe("Int64", f"{CONNECTORS} PermissionGroups"),
            "suppress_x_anonymous_tls": _maybe("boolean", f"{CONNECTORS} SuppressXAnonymousTls"),
            "fqdn": _text(),
            "require_tls": _maybe("boolean", f"{CONNECTORS} RequireTLS"),
            "protocol_logging": _text(),
            "comment": Column("string", "", sentences=True),
            "tls_certificate": _maybe("string"),
            # Not known: then no log proves what this connector does now.
            "when_changed": _maybe("datetime64[ns, UTC]"),
            # `MaxMessageSize=37748736; ConnectionTimeout=600`: what is not there is not known.
            "limits": _text(),
        },
        CONNECTORS,
        CONNECTORS,
    ),
    "ranges": Declared(
        {"server": _key(), "connector": _key(), "range": _key()},
        what=f"{CONNECTORS} RemoteIPRanges",
    ),
    "queues": Declared(
        {
            "identity": _key(),
            "server": _key(),
            "delivery_type": Column("string", OTHER, f"{QUEUES} DeliveryType"),
            "next_hop_domain": _text(f"{QUEUES} NextHopDomain"),
            "status": _text(f"{QUEUES} Status"),
            "message_count": _maybe("Int64", f"{QUEUES} MessageCount"),
            "last_error": Column(
                "string", None, f"{QUEUES} LastError", nullable=True, sentences=True
            ),
            "last_error_complete": Column("boolean", absent=False, what=f"{QUEUES} LastError"),
            "retry_count": _maybe("Int64"),
            "last_retry_text": _maybe("string"),
            "last_retry": _maybe("datetime64[ns, UTC]"),
            "next_retry_text": _maybe("string"),
            "next_retry": _maybe("datetime64[ns, UTC]"),
            "first_retry_text": _maybe("string"),
            "first_retry": _maybe("datetime64[ns, UTC]"),
            "next_hop_connector": _text(),
            "next_hop_category": _text(),
            "deferred_count": _maybe("Int64"),
            "velocity": _maybe("Float64"),
        },
        QUEUES,
        QUEUES,
    ),
    "settings": Declared(
        {
            "server": _key(),
            "use_downgraded_auth": _maybe("boolean", f"{SETTINGS} UseDowngradedExchangeServerAuth"),
            # Certificates are judged where they are known; no verdict waits for them.
            "internal_certificate": _maybe("string"),
        },
        SETTINGS,
        SETTINGS,
    ),
    "components": Declared(
        {
            "server": _key(),
            "component": _key(),
            "state": Column("string", "not known", f"{COMPONENTS} State"),
        },
        COMPONENTS,
        COMPONENTS,
    ),
    "rights": Declared(
        {
            "server": _key(),
            "connector": _key(),
            "user": _key(),
            "right": _key(),
            # An entry that may be a grant or a denial says nothing.
            "deny": Column("boolean", Without.NO_ROWS, f"{RIGHTS} Deny"),
        },
        RIGHTS,
        RIGHTS,
    ),
    **{table: _kept(spec) for table, spec in CMDLETS.items()},
    # What was seen in logs; a file without it saw nothing, and no verdict rests on that.
    "observed": Declared(
        {
            **{name: _key() for name in ("server", "connector", "local")},
            "port": _key("Int64"),
            "client": _key(),
            "hello": _text(),
            "offered": _text(),
            "tls": Column("boolean", Without.NO_ROWS),
            "exchange_auth": Column("boolean", Without.NO_ROWS),
            "sessions": Column("Int64", Without.NO_ROWS),
            "first": _text(),
            "last": _text(),
        }
    ),
    "offers": Declared(
        {
            "source": _key(),
            **{name: _text() for name in ("sender", "address", "target", "remote")},
            "port": _key("Int64"),
            **{name: _text() for name in ("seen_as", "banner", "offered")},
            "masked": Column("boolean", Without.NO_ROWS),
            "ended": _text(),
            "sessions": Column("Int64", Without.NO_ROWS),
            "first": _text(),
            "last": _text(),
        }
    ),
    "reads": Declared(
        {
            "server": _key(),
            "outcome": Column("string", Without.NO_ROWS),
            "how": Column("string", "", sentences=True),
            "seconds": Column("Float64", Without.NO_ROWS),
        }
    ),
    "unread": Declared(
        {
            "server": _text(),
            "what": Column("string", ANYTHING, sentences=True),
            "why": Column("string", "the snapshot does not say why", sentences=True),
        },
        what=ANYTHING,
    ),
}
"""Every table that this version knows."""

TABLES: Mapping[str, Mapping[str, str]] = {
    name: {column: declared.kind for column, declared in table.columns.items()}
    for name, table in DECLARED.items()
}
"""Table to column to pandas type. Missing is null in the file."""
