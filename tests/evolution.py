"""Snapshots as other versions of mailflow would have saved them."""

from __future__ import annotations

from typing import Any

from mailflow.snapshot import Snapshot, from_document
from mailflow.snapshot.schema import DECLARED, Without

PLACE = "tuesday.snapshot"

COLUMNS = [
    (table, column)
    for table, declared in DECLARED.items()
    for column, one in declared.columns.items()
    if one.absent is not Without.DAMAGED
]
"""Columns that an earlier version may not have stored."""

IDENTITIES = [
    (table, column)
    for table, declared in DECLARED.items()
    for column, one in declared.columns.items()
    if one.absent is Without.DAMAGED
]
"""Columns without which the rows of a table cannot be told apart."""


def without(org: Snapshot, table: str, column: str = "") -> dict[str, Any]:
    """The document of a version that did not store a column, or a whole table."""
    document: dict[str, Any] = org.document()
    if not column:
        del document["tables"][table]
        return document
    held = document["tables"][table]
    place = list(held["columns"]).index(column)
    held["columns"] = {name: kind for name, kind in held["columns"].items() if name != column}
    held["rows"] = [[*row[:place], *row[place + 1 :]] for row in held["rows"]]
    return document


def of_earlier(org: Snapshot, table: str, column: str = "") -> Snapshot:
    """The same organization, read from a file of a version that did not store that."""
    return from_document(without(org, table, column), PLACE)


def missing(org: Snapshot) -> list[str]:
    """What the rows of *unread* name."""
    return [one.what for one in org.unread]
