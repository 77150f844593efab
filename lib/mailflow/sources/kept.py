"""Objects that the snapshot keeps as they are read: those whose declaration has a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mailflow.exchange.cmdlets import TABLES, CmdletScope, CmdletSpec, Kind
from mailflow.plain import keeps_its_line
from mailflow.snapshot import Unread
from mailflow.sources import values
from mailflow.sources.drafts import Draft, Field, Need, draft_of, drafts_of
from mailflow.sources.names import Names, dn_of, text_of
from mailflow.sources.row import Reading, Row, Value


def kept_objects(
    reading: Reading, names: Names
) -> tuple[dict[str, tuple[tuple[Any, ...], ...]], list[Unread]]:
    """The rows of each such table that has any, by its columns, and what could not be read.

    An object without the property by which it is known is missing data. One of a server that
    nothing names is kept with an empty name.
    """
    tables: dict[str, tuple[tuple[Any, ...], ...]] = {}
    unread: list[Unread] = []
    for table, spec in TABLES.items():
        lost: list[Row] = []
        drafts = drafts_of(reading, spec.name, _maker(spec, names, lost))
        unread += [
            Unread(
                row.computer.partition(".")[0],
                spec.name,
                f"{row.place}: the export does not name this object",
            )
            for row in lost
        ]
        for draft in drafts.values():
            unread += draft.unread(spec.name)
        if drafts:
            tables[table] = tuple(_row(spec, draft) for draft in drafts.values())
    return tables, unread


def _maker(
    spec: CmdletSpec, names: Names, lost: list[Row]
) -> Callable[[Row], tuple[str, Draft] | None]:
    """What makes a draft of an object, with the key by which it is known."""
    assert spec.table is not None  # noqa: S101 - the caller goes over those that have one
    columns = dict(spec.table.columns)
    known_by = columns.pop(next(iter(columns)))
    fields = {
        name: Field(property_name, READERS[spec.properties[property_name]], _need(spec))
        for name, property_name in columns.items()
    }

    def make(row: Row) -> tuple[str, Draft] | None:
        name = values.clean(_name(row, known_by))
        server = "" if spec.scope is CmdletScope.ORGANIZATION else _server(row)
        if not name or not keeps_its_line(name):
            lost.append(row)
            return None
        short = names.of(server) if server else ""
        return f"{short}\\{name}".casefold(), draft_of(row, short, name, fields)

    return make


def _need(spec: CmdletSpec) -> Need:
    return Need.HELD if spec.decides else Need.NEVER


def _name(row: Row, known_by: str) -> str:
    r"""The property by which an object is known; of `SERVER\name` and of a DN the name."""
    text = text_of(row, known_by, "Identity") or next(iter(dn_of(row, "DistinguishedName")), "")
    return text.rpartition("\\")[2].strip()


def _server(row: Row) -> str:
    return row.named_server or text_of(row, "Server") or row.computer


def _instant(value: Value) -> str | None:
    """A time as it is stored: with its zone where it has one, else as it was printed."""
    found = values.moment(value)
    if found is None:
        return None
    return found.instant.isoformat() if found.instant else found.text


READERS: Mapping[Kind, Callable[[Value], Any]] = {
    Kind.TEXT: values.prose,
    Kind.LIST: values.prose,
    Kind.ENUM: values.prose,
    Kind.INTEGER: values.count,
    Kind.REAL: values.real,
    Kind.BOOLEAN: values.truth,
    Kind.TIME: _instant,
}
"""What reads a property of each kind; a list is one text, its values with `, ` between."""


def _row(spec: CmdletSpec, draft: Draft) -> tuple[Any, ...]:
    of_server = () if spec.scope is CmdletScope.ORGANIZATION else (draft.server,)
    return (*of_server, draft.label, *(draft[name] for name in draft.fields))
