"""The columns of a table that Format-Table printed, and which lines are one object.

A column is known by the dashes below its name; how wide it is, nothing says. What is known of every
table: one blank stands between two columns, in every line; a column is aligned to the left end of
its dashes or to the right end. So the lines together show where columns part; where they do not,
the cells beside that border are unknown, and a table that breaks these rules is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise

from mailflow.sources.exports.pieces import cells as width_of

RULE = re.compile(r"\s*-++(?:\s++-++)*+\s*")  # no way back: a line may be long
"""The line below the names of a table's columns."""

_DASHES = re.compile("-+")
_HALF = "\ufdd0"  # the second cell of a wide character; no text holds this sign
_WIDEST = 20_000  # cells of a table; PowerShell takes no wider console
_FULL_NUMBER = 10  # digits of the largest number that Exchange counts with


class Holds(Enum):
    """What the cells of a column hold, as far as it matters for where they end."""

    TEXT = auto()  # anything
    WORDS = auto()  # an enumeration or a list: no blank but behind a comma
    NUMBER = auto()
    TRUTH = auto()


_WHOLE = {
    Holds.NUMBER: re.compile(r"-?[0-9]+(?:[.,][0-9]+)?"),
    Holds.TRUTH: re.compile("True|False"),
}
_SINGLE = frozenset(_WHOLE)
"""What never holds a blank."""


@dataclass(frozen=True, slots=True)
class PrintedColumn:
    """A column of a table.

    Attributes:
        name: as printed; put together where it stood in several lines.
        start: where its dashes begin, in cells.
        end: where they end.
        narrow: its name did not fit: it is no wider than its dashes.
    """

    name: str
    start: int
    end: int
    narrow: bool = False


Cell = str | None
"""What stands in a column of one line; None: it cannot be told from its neighbor."""


def columns_of(heads: Sequence[str], rule: str) -> tuple[PrintedColumn, ...] | None:
    """The columns of a table by its heading; None where heading and dashes do not fit.

    Args:
        heads: the lines right above the dashes; the last ones of them are the heading.
        rule: the line of dashes.
    """
    spans = [found.span() for found in _DASHES.finditer(rule[:_WIDEST])]
    for number in range(1, len(heads) + 1):
        lines = [_in_cells(head) for head in heads[-number:]]
        names = _names(lines, spans)
        if names:
            return tuple(
                PrintedColumn(name, start, end, narrow=pieces > 1)
                for (name, pieces), (start, end) in zip(names, spans, strict=True)
            )
    return None


def _names(lines: Sequence[str], spans: Sequence[tuple[int, int]]) -> list[tuple[str, int]] | None:
    """Each name, and over how many lines it goes; None where one does not fit its dashes."""
    found = []
    for start, end in spans:
        pieces = [line[start:end].strip() for line in lines]
        while pieces and not pieces[-1]:
            pieces.pop()
        name = "".join(pieces).replace(_HALF, "")
        full = all(width_of(piece.replace(_HALF, "")) == end - start for piece in pieces[:-1])
        if not pieces or not full or (len(pieces) == 1 and len(pieces[0]) != end - start):
            return None
        found.append((name, len(pieces)))
    outside = any(
        sign.strip() and not any(start <= at < end for start, end in spans)
        for line in lines
        for at, sign in enumerate(line)
    )
    return None if outside else found


def split(
    columns: Sequence[PrintedColumn],
    holds: Sequence[Holds],
    lines: Sequence[str],
    *,
    wide: bool = True,
) -> list[list[Cell]] | None:
    """The cells of each line; None where the lines are not those of such a table.

    Args:
        columns: of the table.
        holds: what each column holds.
        lines: below the dashes.
        wide: whether wide characters took two cells; a file may count them as one.
    """
    texts = [_in_cells(line) if wide else line for line in lines]
    sides = [_aligned(column, kind, texts) for column, kind in zip(columns, holds, strict=True)]
    before = any(line[: columns[0].start].strip() for line in texts)
    if _Side.BROKEN in sides or (before and sides[0] is _Side.LEFT):
        return None
    borders: list[range] = []
    for left, right in pairwise(zip(columns, sides, holds, strict=True)):
        border = _border(left, right, texts)
        if border is None:
            return None
        borders.append(border)
    return [list(_cells(text, borders)) for text in texts]


def _cells(text: str, borders: Sequence[range]) -> Iterator[Cell]:
    """The cells of a line; those beside a border with text in it are not known."""
    begin, unsure = 0, False
    for border in borders:
        part = text[begin : border.start]
        doubt = bool(text[border.start : border.stop].strip())
        yield None if unsure or doubt else _bare(part)
        begin, unsure = border.stop, doubt
    yield None if unsure else _bare(text[begin:])


def _bare(part: str) -> str:
    return part.replace(_HALF, "").rstrip()


class _Side(Enum):
    LEFT = auto()
    RIGHT = auto()
    EITHER = auto()
    BROKEN = auto()


def _aligned(column: PrintedColumn, kind: Holds, texts: Iterable[str]) -> _Side:
    """To which end of its dashes a column is aligned, by all lines.

    A text may begin with a blank of its own; nothing else does.
    """
    left = right = free = True
    for text in texts:
        inside = text[column.start : column.end]
        before = text[column.start - 1 : column.start].strip() if column.start else ""
        free &= not before
        if inside.strip():
            left &= not before and not inside[0].isspace()
            ends = len(inside) == column.end - column.start and not inside[-1].isspace()
            right &= ends and not text[column.end : column.end + 1].strip()
        else:
            right &= not text[column.end : column.end + 1].strip()
    if right:
        # A text, or the rest of one that wraps, may end with its dashes by chance.
        return _Side.EITHER if left or kind not in _SINGLE else _Side.RIGHT
    return _Side.LEFT if free and (left or kind is Holds.TEXT) else _Side.BROKEN


def _border(
    before: tuple[PrintedColumn, _Side, Holds],
    after: tuple[PrintedColumn, _Side, Holds],
    texts: Sequence[str],
) -> range | None:
    """Where two columns part: the blank between them, or all that may be; None: nowhere.

    Args:
        before: the column on the left, its side, and what it holds.
        after: the same of the column on the right.
        texts: all lines, in cells.
    """
    (left, ends, first), (right, begins, second) = before, after
    free = [
        at
        for at in range(left.end, right.start)
        if all(not text[at : at + 1].strip() for text in texts)
    ]
    if begins is _Side.LEFT:
        free = [at for at in free if at == right.start - 1]
    if ends is _Side.RIGHT:
        free = [at for at in free if at == left.end]
    if not free:
        return None
    is_empty = not any(text[right.start : right.end].strip() for text in texts)
    if second in _SINGLE or is_empty:
        return range(free[-1], free[-1] + 1)
    if first in _SINGLE:
        return range(free[0], free[0] + 1)
    return range(free[0], free[-1] + 1)


# -- Lines and objects -----------------------------------------------------------------------------


def objects(
    columns: Sequence[PrintedColumn],
    holds: Sequence[Holds],
    lines: Sequence[Sequence[Cell]],
    wraps: bool | None,
) -> list[list[int]] | None:
    """Which lines are one object, by their numbers; None where that cannot be told.

    `-Wrap` prints what does not fit its column in further lines, in which all other cells are
    empty.

    Args:
        columns: of the table.
        holds: what each column holds.
        lines: the cells of each line.
        wraps: whether Format-Table was told to wrap; None: not known.
    """
    if wraps is None and any(_is_cut(cell) for line in lines for cell in line):
        wraps = False  # what wraps is not cut
    # No more cells than each column has: those of its widest cell.
    widths = [
        max((_room(line[at], kind) for line in lines), default=0) for at, kind in enumerate(holds)
    ]
    found: list[list[int]] = []
    for number, line in enumerate(lines):
        whole = any(map(_is_whole, line, columns, holds))
        begins = (whole or line[0] != "") and not _is_rest(line, holds)
        goes_on = (
            wraps is not False
            and number > 0
            and all(map(_may_go_on, lines[number - 1], line, widths, holds))
        )
        if begins and (whole or not goes_on):
            found.append([number])
        elif goes_on and not begins:
            found[-1].append(number)
        else:
            return None
    return found


def _is_rest(line: Sequence[Cell], holds: Sequence[Holds]) -> bool:
    """Whether a line holds a first cell alone, which no object does that holds more than texts."""
    is_alone = len(line) > 1 and all(cell == "" for cell in line[1:])
    return is_alone and any(kind is not Holds.TEXT for kind in holds[1:])


def _room(cell: Cell, kind: Holds) -> int:
    """How many cells a piece of a value takes; a text may go on with a blank of its own."""
    text = cell or ""
    return width_of(text.rstrip() if kind is Holds.TEXT else text.strip())


def _is_whole(cell: Cell, column: PrintedColumn, kind: Holds) -> bool:
    """Whether a cell holds what no further line of an object holds: a whole number, a truth."""
    pattern = _WHOLE.get(kind)
    if not cell or pattern is None or not pattern.fullmatch(cell.strip()):
        return False
    return kind is Holds.TRUTH or (not column.narrow and column.end - column.start >= _FULL_NUMBER)


def _may_go_on(above: Cell, below: Cell, width: int, kind: Holds) -> bool:
    """Whether the text of a cell may be more of the one in the line above it.

    A column is at least as wide as its widest cell; a line is full where the next word had no room.
    """
    if above is None or below is None or not below:
        return True
    bare = above.strip()
    if not bare:
        return False
    if kind is not Holds.TEXT and not bare.endswith(","):
        return _room(above, kind) >= width - 1  # a wide character may have had no room
    return _room(above, kind) + 1 + width_of(below.split()[0]) > width


def _is_cut(cell: Cell) -> bool:
    return cell is not None and cell.strip().endswith(("...", "\u2026"))


# -- Cells of the console --------------------------------------------------------------------------


def _in_cells(line: str) -> str:
    """A line with a sign for each cell: a wide character takes two (S10.05)."""
    if line.isascii():
        return line
    return "".join(sign + _HALF * (width_of(sign) - 1) for sign in line)
