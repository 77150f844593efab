"""A file to a snapshot: read, checked, and completed where another version wrote it."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import repeat
from pathlib import Path
from typing import Any

from mailflow.budget import MOST_SNAPSHOT, Budget
from mailflow.errors import InputError
from mailflow.exchange.cmdlets import TABLES as CMDLETS
from mailflow.exchange.connectors import (
    AuthMechanism,
    PermissionGroups,
    ReceiveConnector,
    TransportRole,
    is_limit,
    parse_binding,
    parse_flags,
)
from mailflow.exchange.queues import Moment, Queue
from mailflow.exchange.ranges import parse_range
from mailflow.exchange.servers import Generation, Server
from mailflow.plain import keeps_its_line, one_line
from mailflow.snapshot.missing import Lacking, completed
from mailflow.snapshot.newer import Extra, Newer
from mailflow.snapshot.rows import WRITERS, TableRow
from mailflow.snapshot.schema import DECLARED, NAME, NUMBER, SCHEMA, TABLES, Without
from mailflow.snapshot.types import (
    ComponentState,
    ObservedOffer,
    ObservedSessions,
    Read,
    Right,
    ServerAddress,
    Snapshot,
    TransportSettings,
    Unread,
)

_KEYS = frozenset({"schema", "origin", "taken", "cmdlets", "inputs", "ignored", "tables"})


def load(path: Path) -> Snapshot:
    """Read a snapshot that `save` wrote, on this machine or another, in this version or another.

    Raises:
        InputError: it is none, of a higher schema number, or damaged; names the file and the place.
    """
    try:
        size = path.stat().st_size
        if size > MOST_SNAPSHOT:
            raise InputError(f"{path}: more than {MOST_SNAPSHOT} bytes; no snapshot is so large")
        text = path.read_text(encoding="utf-8")
        budget = Budget(size)
        budget.room(len(text) + budget.for_snapshot(text), str(path))
        document = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: no readable snapshot ({error})") from error
    return from_document(document, str(path))


def from_document(document: object, place: str) -> Snapshot:
    """The snapshot in a parsed JSON document.

    Raises:
        InputError: it is none, of a higher schema number, or damaged; names the place.
    """
    if not isinstance(document, dict):
        raise InputError(f"{place}: expected schema {SCHEMA}, found no JSON object")
    _check_schema(document.get("schema"), place)
    try:
        tables = _tables(document["tables"], place)
        org = _organization(document, {name: table.rows for name, table in tables.items()})
        org = completed(org, _lacking(tables))
        return replace(org, newer=_newer(document, tables, org))
    except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
        why = f"no key {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{place}: damaged snapshot: {why}") from error


def _check_schema(found: object, place: str) -> None:
    if found == SCHEMA:
        return
    number = (
        re.fullmatch(rf"{re.escape(NAME)}/(\d{{1,9}})", found) if isinstance(found, str) else None
    )
    if number and int(number[1]) > NUMBER:
        raise InputError(
            f"{place}: the snapshot has schema {found}, and this version of mailflow reads "
            f"{SCHEMA}. Use a newer version of mailflow, or collect the data again with this one."
        )
    raise InputError(f"{place}: expected schema {SCHEMA}, found {found!r}")


# -- Tables ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Table:
    """A table of a file, in the columns of this version.

    Attributes:
        rows: with a value for each column that this version knows.
        lacking: columns that the file does not have.
        extra: columns that this version does not know, name to type.
        beside: their values, a row each.
    """

    rows: Sequence[Sequence[Any]]
    lacking: frozenset[str]
    extra: Mapping[str, Any]
    beside: Sequence[TableRow]


def _tables(held: object, place: str) -> dict[str, _Table]:
    """The tables that this version knows.

    Raises:
        TypeError: there is none.
    """
    if not isinstance(held, dict) or not held.keys() & TABLES.keys():
        raise TypeError("tables holds none that this version of mailflow knows")
    return {name: _table(held[name], name, place) for name in TABLES if name in held}


def _table(held: Any, name: str, place: str) -> _Table:  # noqa: ANN401 - parsed JSON
    """A table, checked column by column.

    Raises:
        InputError: another type than declared, a row of another length, or no column that tells
            the rows apart.
    """
    columns, rows = dict(held["columns"]), list(held["rows"])
    for number, row in enumerate(rows):
        if len(row) != len(columns):
            raise InputError(f"{place}: table {name}, row {number}: {len(row)} values")
    cells = dict(zip(columns, zip(*rows, strict=True) if rows else repeat(()), strict=False))
    known = DECLARED[name].columns
    for column in known.keys() & columns.keys():
        _check(column, columns[column], cells[column], name, place)
    lacking = frozenset(known.keys() - columns.keys())
    damage = [
        column for column in known if column in lacking and known[column].absent is Without.DAMAGED
    ]
    if damage:
        raise InputError(f"{place}: damaged snapshot: table {name} has no column {damage[0]}")
    extra = {column: kind for column, kind in columns.items() if column not in known}
    if list(columns) != list(known):
        rows = _in_order(cells, known, len(rows))
    if any(known[column].absent is Without.NO_ROWS for column in lacking):
        rows = []
    beside = list(zip(*(cells[column] for column in extra), strict=True)) if extra else []
    return _Table(rows, lacking, extra, beside)


def _in_order(
    cells: Mapping[str, TableRow], known: Mapping[str, Any], count: int
) -> list[TableRow]:
    """Rows in this version's order of columns; one that is not there says "not known"."""
    ordered = (cells.get(name, (column.absent,) * count) for name, column in known.items())
    return list(zip(*ordered, strict=True))


_KINDS: Mapping[str, frozenset[type]] = {
    "string": frozenset({str}),
    "boolean": frozenset({bool}),
    "Int64": frozenset({int}),
    "Float64": frozenset({int, float}),
    "datetime64[ns, UTC]": frozenset({str}),
}
_NONE = frozenset({type(None)})


def _check(column: str, kind: object, values: TableRow, table: str, place: str) -> None:
    declared = DECLARED[table].columns[column]
    if kind != declared.kind:
        raise InputError(
            f"{place}: table {table}: column {column} is {kind!r}; {SCHEMA} declares "
            f"{declared.kind}"
        )
    allowed = _KINDS[declared.kind] | (_NONE if declared.nullable else frozenset())
    numbers = declared.kind in ("Int64", "Float64")
    if set(map(type, values)) <= allowed and not (numbers and any(map(_is_beyond, values))):
        if declared.kind == "string" and not declared.sentences:
            _check_lines(column, values, table, place)
        return
    number = next(
        number
        for number, value in enumerate(values)
        if type(value) not in allowed or _is_beyond(value)
    )
    raise InputError(f"{place}: table {table}, row {number}: {column} is no {declared.kind}")


def _check_lines(column: str, values: TableRow, table: str, place: str) -> None:
    """Refuse a name or value that breaks its line: it would print a line of its own.

    Exports with one are read without it (`sources/foreign.py`), so no snapshot of ours holds any.
    """
    for number, value in enumerate(values):
        if value is not None and not keeps_its_line(value):
            raise InputError(
                f"{place}: damaged snapshot: table {table}, row {number}: {column} holds a line "
                "break or a control character"
            )


def _is_beyond(value: object) -> bool:
    """Whether a number is none that a column can hold."""
    if isinstance(value, float):
        return not math.isfinite(value)
    return isinstance(value, int) and not -(2**63) <= value < 2**63


# -- Another version -------------------------------------------------------------------------------


def _lacking(tables: Mapping[str, _Table]) -> Lacking:
    gone = {name: frozenset(TABLES[name]) for name in TABLES if name not in tables}
    return gone | {name: table.lacking for name, table in tables.items() if table.lacking}


def _newer(document: Mapping[str, Any], tables: Mapping[str, _Table], org: Snapshot) -> Newer:
    return Newer(
        keys={name: value for name, value in document.items() if name not in _KEYS},
        tables={name: table for name, table in document["tables"].items() if name not in TABLES},
        extras={
            name: Extra(
                table.extra, list(zip(WRITERS[name](org), _beside(name, tables), strict=False))
            )
            for name, table in tables.items()
            if table.extra
        },
    )


def _beside(name: str, tables: Mapping[str, _Table]) -> Sequence[TableRow]:
    """The values of a table that this version does not know, in the order of its objects."""
    table, owners = tables[name], tables.get("connectors")
    if name != "ranges" or owners is None:
        return table.beside if table.rows else ()
    order = {(row[0], row[1]): place for place, row in enumerate(owners.rows)}
    pairs = zip(table.rows, table.beside, strict=True)
    return [values for _, values in sorted(pairs, key=lambda pair: order[pair[0][0], pair[0][1]])]


# -- Rows to objects -------------------------------------------------------------------------------


_NAMED: Mapping[str, Callable[[Sequence[str]], str]] = {
    "servers": lambda row: row[0].partition(".")[0].casefold(),
    "connectors": lambda row: f"{row[0]}\\{row[1]}".casefold(),
    "settings": lambda row: row[0].casefold(),
}
"""What a row is found by elsewhere: two of one name would be taken one for the other."""


def _organization(
    document: Mapping[str, Any], tables: Mapping[str, Sequence[Sequence[Any]]]
) -> Snapshot:
    def rows(name: str) -> Sequence[Any]:
        return tables.get(name, ())

    for name, named in _NAMED.items():
        names = [named(row) for row in rows(name)]
        if len(set(names)) < len(names):
            raise ValueError(f"table {name} names one of them twice")
    ranges: dict[tuple[str, str], list[str]] = {(row[0], row[1]): [] for row in rows("connectors")}
    for server, connector, text in rows("ranges") if "connectors" in tables else ():
        ranges[server, connector].append(text)
    return Snapshot(
        origin=str(document.get("origin", "")),
        taken=_instant(document.get("taken")),
        servers=tuple(_server(*row) for row in rows("servers")),
        addresses=tuple(ServerAddress(*row) for row in rows("addresses")),
        connectors=tuple(_connector(ranges[row[0], row[1]], *row) for row in rows("connectors")),
        queues=tuple(_queue(*row) for row in rows("queues")),
        settings=tuple(TransportSettings(*row) for row in rows("settings")),
        components=tuple(ComponentState(*row) for row in rows("components")),
        rights=tuple(Right(*row) for row in rows("rights")),
        observed=tuple(ObservedSessions(*row) for row in rows("observed")),
        offers=tuple(ObservedOffer(*row) for row in rows("offers")),
        kept={name: tuple(map(tuple, rows(name))) for name in CMDLETS if rows(name)},
        reads=tuple(
            Read(server, outcome, one_line(how), *rest)
            for server, outcome, how, *rest in rows("reads")
        ),
        unread=tuple(
            Unread(server, one_line(what), one_line(why)) for server, what, why in rows("unread")
        ),
        ignored=tuple(
            (one_line(str(what)), one_line(str(where)))
            for what, where in document.get("ignored", ())
        ),
        inputs={str(name): str(digest) for name, digest in document.get("inputs", {}).items()},
        cmdlets=frozenset(map(str, document.get("cmdlets", ()))),
    )


def _instant(text: str | None) -> datetime | None:
    if not text:
        return None
    if _BEYOND.match(text):
        return None
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return found.astimezone(UTC) if 1970 <= found.year < 2200 else None  # a table holds no more


_BEYOND = re.compile("(0000|-[0-9]{1,12}|[0-9]{5,12})-[0-9]{2}-[0-9]{2}T")
"""Years that no calendar of ours has."""


def _server(
    name: str,
    fqdn: str,
    version: str | None,
    _product: str,
    *rest: Any,  # noqa: ANN401
) -> Server:
    frontend, hub, edge, site, text, hint = rest
    numbers = tuple(map(int, version.split("."))) if version else None
    return Server(
        name, fqdn, numbers, frontend, hub, edge, site, text, Generation(hint) if hint else None
    )


def _connector(ranges: list[str], *row: Any) -> ReceiveConnector:  # noqa: ANN401 - parsed JSON
    server, name, enabled, role, bindings, whole_bindings, whole_ranges, auth, groups, *rest = row
    suppress, fqdn, require_tls, logging, comment, certificate, changed, limits = rest
    return ReceiveConnector(
        server=server,
        name=name,
        enabled=enabled,
        role=None if role is None else parse_flags(TransportRole, role),
        bindings=tuple(parse_binding(text) for text in bindings.split(", ") if text),
        ranges=tuple(parse_range(text) for text in ranges),
        auth=None if auth is None else parse_flags(AuthMechanism, auth),
        groups=None if groups is None else parse_flags(PermissionGroups, groups),
        bindings_complete=whole_bindings,
        ranges_complete=whole_ranges,
        suppress_x_anonymous_tls=suppress,
        fqdn=fqdn,
        require_tls=require_tls,
        protocol_logging=logging,
        comment=comment,
        tls_certificate=certificate,
        when_changed=_instant(changed),
        limits=tuple(_limits(limits)),
    )


def _limits(text: str) -> Iterator[tuple[str, str]]:
    for pair in filter(None, text.split("; ")):
        name, equals, value = pair.partition("=")
        if not equals or not is_limit(name, value):
            raise ValueError(f"no limit of a connector: {pair}")
        yield name, value


def _moment(text: str | None, instant: str | None) -> Moment | None:
    shown = instant if text is None else text  # an earlier version may have kept one of the two
    return None if shown is None else Moment(shown, _instant(instant))


def _queue(*row: Any) -> Queue:  # noqa: ANN401 - parsed JSON
    identity, server, kind, domain, status, count, error, whole_error, retries, *rest = row
    last_text, last, next_text, following, first_text, first, guid, category, deferred, speed = rest
    return Queue(
        identity=identity,
        server=server,
        delivery_type=kind,
        next_hop_domain=domain,
        status=status,
        message_count=count,
        last_error=error,
        retry_count=retries,
        last_retry=_moment(last_text, last),
        next_retry=_moment(next_text, following),
        first_retry=_moment(first_text, first),
        next_hop_connector=guid,
        next_hop_category=category,
        deferred_count=deferred,
        velocity=speed,
        last_error_complete=whole_error,
    )
