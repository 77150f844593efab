"""What a newer version stored and this one does not know: kept, saved again, not interpreted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mailflow.snapshot.rows import TableRow
from mailflow.snapshot.schema import TABLES


@dataclass(frozen=True, slots=True)
class Extra:
    """Columns of a known table that this version does not know.

    Attributes:
        columns: name to type, as the file declares them.
        values: each row of the known columns, and the values beside it.
    """

    columns: Mapping[str, Any]
    values: Sequence[tuple[TableRow, TableRow]]

    def beside(self, rows: Iterable[TableRow]) -> list[TableRow]:
        """The values beside these rows; None in a row that was not in the file as it is."""
        waiting: dict[TableRow, list[TableRow]] = defaultdict(list)
        for row, values in self.values:
            waiting[row].append(values)
        nothing = (None,) * len(self.columns)
        return [waiting[row].pop(0) if waiting.get(row) else nothing for row in rows]


@dataclass(frozen=True, slots=True)
class Newer:
    """Everything of a file that this version does not know.

    Attributes:
        keys: of the document.
        tables: as they stand in the file.
        extras: known table to the columns beside its own.
    """

    keys: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, Any] = field(default_factory=dict)
    extras: Mapping[str, Extra] = field(default_factory=dict)

    def extended(self, table: str, rows: list[TableRow]) -> dict[str, Any]:
        """A known table for the file: its columns and rows, with those of the newer version."""
        extra = self.extras.get(table)
        if extra is None:
            return {"columns": TABLES[table], "rows": [list(row) for row in rows]}
        beside = extra.beside(rows)
        return {
            "columns": {**TABLES[table], **extra.columns},
            "rows": [[*row, *values] for row, values in zip(rows, beside, strict=True)],
        }
