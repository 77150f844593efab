"""A table that Format-Table printed, as rows.

What a table shows is read as far as it goes: a column that it does not show is absent, a value that
is cut is lost, and a table whose columns cannot be told apart is missing data.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain

from mailflow.exchange.cmdlets import SPECS, Kind
from mailflow.sources.exports.above import cmdlet_in, row_below, wraps
from mailflow.sources.exports.cmdlets import describe
from mailflow.sources.exports.columns import (
    RULE,
    Cell,
    Holds,
    columns_of,
    objects,
    split,
)
from mailflow.sources.exports.damage import is_whole, told
from mailflow.sources.exports.pieces import ConsoleSigns, join
from mailflow.sources.exports.printed import kinds_of, printed_value, value_of_pieces
from mailflow.sources.row import Items, Lost, Reading, Row, Value

MOST_HEADS = 40
"""Lines over which a heading goes at most: the longest name in a column one sign wide."""

_MARKS = ("...", "\u2026")
_NARROW = 3  # cells; a column without room for `...` is cut without a sign
_TAB = 8
_FEW = 3  # parts behind empty lines that are looked at one by one
_IDENTITIES = {
    "Get-Queue": re.compile(r"[^\\\s]+\\(?:shadow ?\\)?[^\\]+", re.IGNORECASE),
    "Get-ReceiveConnector": re.compile(r"[^\\\s]+\\[^\\]+"),
}
"""What begins with the server: neither a part of one nor two of them."""
_HOLDS = {
    Kind.LIST: Holds.WORDS,
    Kind.ENUM: Holds.WORDS,
    Kind.INTEGER: Holds.NUMBER,
    Kind.REAL: Holds.NUMBER,
    Kind.BOOLEAN: Holds.TRUTH,
}


@dataclass(slots=True)
class PrintedTable:
    """The lines of a table.

    Attributes:
        line: number of the last line of its heading.
        command: the command line above it; "" without one.
        heads: the lines right above the dashes.
        rule: the line of dashes; "" where there is none.
        group: name and value of the line `   Name: value` above it (`-GroupBy`).
        lines: numbered, up to the first empty line.
        below: the same behind empty lines, part by part: pasting may have put these there.
        ends: whether the text ends in its last line, without a line break.
    """

    line: int
    command: str
    heads: list[str]
    rule: str
    group: tuple[str, str] | None = None
    lines: list[tuple[int, str]] = field(default_factory=list)
    below: list[list[tuple[int, str]]] = field(default_factory=list)
    ends: bool = False

    def add_below(self, number: int, line: str, *, is_apart: bool) -> None:
        """A line behind an empty one; what it is, the whole table tells."""
        if is_apart or not self.below:
            self.below.append([])
        self.below[-1].append((number, line))

    def take_back(self, lines: int) -> None:
        """The last lines below are the heading of another table."""
        if self.below:
            del self.below[-1][-lines:]

    def bodies(self) -> Iterator[list[tuple[int, str]]]:
        """What may be its lines, all of them first."""
        parts = [part for part in self.below if part]
        for number in dict.fromkeys([len(parts), *range(min(len(parts), _FEW), -1, -1)]):
            yield list(chain(self.lines, *parts[:number]))

    @property
    def names(self) -> list[str]:
        """The names of its columns, as far as the heading shows them."""
        columns = columns_of(self.heads, self.rule) if self.rule else None
        if columns:
            return [column.name for column in columns]
        return " ".join(self.heads).replace("|", " ").split()

    @property
    def cmdlet(self) -> str | None:
        """The cmdlet of ours that printed it; None: another one."""
        return cmdlet_in(self.command, self.names)


def read_table(table: PrintedTable, place: str) -> Reading:
    """Rows of a cmdlet of ours; else what the table is, among the ignored."""
    reading = Reading()
    cmdlet = table.cmdlet
    if cmdlet is None:
        reading.ignored.append((describe([], table.names), place))
        return reading
    found = _rows(table, cmdlet, place)
    if found is None:
        why = f"{place}, line {table.line}: the columns of this table cannot be separated"
        reading.unread += told([cmdlet], f"{why}; run `{SPECS[cmdlet].shows_all}`")
        return reading
    reading.rows = found
    reading.cmdlets.add(cmdlet)
    if table.ends and any(isinstance(value, _Ended) for value in found[-1].values.values()):
        why = f"{place}, line {table.line}: the text ends without a line break in this table"
        reading.unread += told([cmdlet], f"{why}, and may be cut there")
    return reading


@dataclass(frozen=True, slots=True)
class _Ended(Lost):
    """A value at the end of a text."""


def _rows(table: PrintedTable, cmdlet: str, place: str) -> list[Row] | None:
    """The objects of a table; None where they cannot be told for certain."""
    for lines in table.bodies():
        if not lines or any("\0" in line or _is_rule(line, table) for _number, line in lines):
            continue
        grids = [grid for grid in _grids(table, [line for _, line in lines], cmdlet) if grid]
        if grids and all(grid == grids[0] for grid in grids):
            numbers = [number for number, _ in lines]
            return [_row(table, entry, numbers, cmdlet, place) for entry in grids[0]]
    return None


def _is_rule(line: str, table: PrintedTable) -> bool:
    """Whether a line is one more of dashes: a mail broke the first one."""
    indent, margin = (len(text) - len(text.lstrip()) for text in (line, table.rule))
    return indent <= margin and RULE.fullmatch(line) is not None


@dataclass(frozen=True, slots=True)
class _Object:
    """One object of a table.

    Attributes:
        first: the place of its first line.
        cells: name of a column to what stands there, line by line.
        evidence: what all cells of a column show about how they were cut.
        widths: cells that each column has at least.
        is_last: whether the table ends with it.
    """

    first: int
    cells: dict[str, list[Cell]]
    evidence: dict[str, ConsoleSigns]
    widths: dict[str, int]
    is_last: bool = False


def _grids(table: PrintedTable, lines: list[str], cmdlet: str) -> Iterator[list[_Object] | None]:
    """The objects of a table in each way in which its lines can be read."""
    yield _by_columns(table, lines, cmdlet)
    if not "".join(lines).isascii():
        yield _by_columns(table, lines, cmdlet, wide=False)
    if any("\t" in line for line in (table.rule, *lines)):
        bare = replace(
            table,
            heads=[line.expandtabs(_TAB) for line in table.heads],
            rule=table.rule.expandtabs(_TAB),
        )
        yield _by_columns(bare, [line.expandtabs(_TAB) for line in lines], cmdlet)
        yield _by_tabs(table, lines, cmdlet)


def _by_columns(
    table: PrintedTable, lines: list[str], cmdlet: str, *, wide: bool = True
) -> list[_Object] | None:
    columns = columns_of(table.heads, table.rule)
    if columns is None:
        return None
    known = kinds_of(cmdlet)
    kinds = [known.get(column.name.casefold(), ("", Kind.TEXT))[1] for column in columns]
    holds = [_HOLDS.get(kind, Holds.TEXT) for kind in kinds]
    cells = split(columns, holds, lines, wide=wide)
    groups = objects(columns, holds, cells, wraps(table.command)) if cells else None
    if cells is None or groups is None:
        return None
    widths = {column.name: column.end - column.start for column in columns}
    return _objects(widths, cells, groups, cmdlet)


def _by_tabs(table: PrintedTable, lines: list[str], cmdlet: str) -> list[_Object] | None:
    """The same where a tab stands between two columns, in every line."""
    names = [name.strip() for name in table.heads[-1].split("\t")]
    dashes = [dash.strip() for dash in table.rule.split("\t")]
    cells = [[cell.strip() for cell in line.split("\t")] for line in lines]
    if [len(name) for name in names] != [len(dash) for dash in dashes]:
        return None
    if any(dash.strip("-") for dash in dashes) or any(len(parts) != len(names) for parts in cells):
        return None
    groups = [[number] for number in range(len(cells))]
    return _objects({name: len(name) for name in names}, cells, groups, cmdlet)


def _objects(
    widths: dict[str, int],
    cells: Sequence[Sequence[Cell]],
    groups: Sequence[Sequence[int]],
    cmdlet: str,
) -> list[_Object] | None:
    """Objects out of lines; None where the identity of one cannot be one."""
    names = list(widths)
    if len({name.casefold() for name in names}) < len(cells[0]):
        return None  # a column stands twice
    each = [
        {name: [cells[number][at] for number in group] for at, name in enumerate(names)}
        for group in groups
    ]
    for by_name in each:
        for name, pieces in by_name.items():
            text = "".join(piece or "" for piece in pieces).strip()
            form = _IDENTITIES.get(cmdlet) if name.casefold() == "identity" else None
            if form and not (form.fullmatch(text) or _is_cut(text) or None in pieces):
                return None
    evidence = {
        name: ConsoleSigns.of(
            [*filter(None, (_pieces(by_name[name]) for by_name in each)), _room(widths, name)]
        )
        for name in names
    }
    return [
        _Object(group[0], by_name, evidence, widths, is_last=group is groups[-1])
        for group, by_name in zip(groups, each, strict=True)
    ]


# -- Values ----------------------------------------------------------------------------------------


def _row(table: PrintedTable, entry: _Object, numbers: list[int], cmdlet: str, place: str) -> Row:
    known = kinds_of(cmdlet)
    values: dict[str, Value] = {}
    computer = ""
    if table.group and table.group[0].casefold() in known:
        name, kind = known[table.group[0].casefold()]
        values[name] = printed_value(kind, table.group[1])
    ended = _last_filled(entry) if table.ends and entry.is_last else ""
    for shown, pieces in entry.cells.items():
        folded = shown.casefold()
        if folded == "pscomputername":
            computer = "".join(piece or "" for piece in pieces).strip()
        if folded in known:
            name, kind = known[folded]
            value = _value(entry, shown, kind)
            if shown == ended and not is_whole(kind, pieces[-1] or ""):
                value = _Ended(
                    "the text ends without a line break: the value may be cut",
                    "".join(piece or "" for piece in pieces),
                )
            values[name] = value
    return row_below(
        table.command, cmdlet, values, f"{place}, line {numbers[entry.first]}", computer
    )


def _last_filled(entry: _Object) -> str:
    """The last column in which something stands in the last line."""
    return next((name for name in reversed(entry.cells) if entry.cells[name][-1] != ""), "")


def _value(entry: _Object, name: str, kind: Kind) -> Value:
    pieces = _pieces(entry.cells[name])
    if pieces is None:
        return Lost("its end in the table is unknown")
    text = "".join(pieces).strip()
    if text and entry.widths[name] <= _NARROW:
        return Lost("its column in the table is too narrow to hold it", text)
    if _is_cut(text):
        return _cut(kind, text)
    if len(pieces) == 1:
        return printed_value(kind, text)
    evidence = ConsoleSigns.of([pieces, _room(entry.widths, name)]), entry.evidence[name]
    value = value_of_pieces(kind, pieces, evidence)
    if isinstance(value, Lost):
        return Lost(value.why, _as_far(pieces, evidence))
    return value


def _room(widths: Mapping[str, int], name: str) -> list[str]:
    """A value that takes the cells that a column has at least."""
    return ["-" * widths[name]]


def _pieces(cells: Sequence[Cell]) -> list[str] | None:
    """The pieces of a value, without the empty cells below it; None: one is not known."""
    found = [cell for cell in cells if cell is not None]
    if len(found) < len(cells):
        return None
    while len(found) > 1 and not found[-1]:
        found.pop()
    return [found[0].strip(), *found[1:]]


def _as_far(pieces: list[str], evidence: Sequence[ConsoleSigns]) -> str:
    """The beginning of a value up to the first place at which it cannot be told how it joins."""
    for number in range(len(pieces), 0, -1):
        for known in evidence:
            text = join(pieces[:number], known)
            if text is not None:
                return text
    return pieces[0]


def _is_cut(text: str) -> bool:
    return text.endswith(_MARKS) or text.startswith(_MARKS)


def _cut(kind: Kind, text: str) -> Value:
    """What is left of a value that the width of its column cut."""
    left = text.rstrip(".\u2026").lstrip(".\u2026")
    if kind is Kind.LIST and left.startswith("{"):
        found = printed_value(kind, left)  # without its brace the last element may be a part of one
        return found if isinstance(found, Lost | Items) else Items((), cut=True)
    return Lost("cut by the width of the table", left)
