"""Tables as Format-Table writes them, cell by cell: slow, obvious, and with nothing of the reader.

    table(columns, rows, wraps=True)      the lines, as `Format-Table -Wrap | Out-String` gives them

What a real PowerShell prints is compared with this in test_tabled.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Shown:
    """A column: its name, its width (0: as wide as its widest cell), and whether it is right."""

    name: str
    right: bool = False
    width: int = 0


def cells(text: str) -> int:
    """Cells of a console: the signs of East Asia that the tests use take two."""
    return sum(2 if "\u3000" <= sign <= "\u9fff" else 1 for sign in text)


def table(
    columns: Sequence[Shown], rows: Sequence[Sequence[str]], *, wraps: bool = False, mark: str = "…"
) -> list[str]:
    """The lines of a table: heading, dashes, objects."""
    widths = [
        one.width or max(cells(text) for text in (one.name, *(row[at] for row in rows)))
        for at, one in enumerate(columns)
    ]
    heads = [_pieces(one.name, width) for one, width in zip(columns, widths, strict=True)]
    dashes = [["-" * min(len(one.name), width)] for one, width in zip(columns, widths, strict=True)]
    lines = [*_lines(columns, widths, heads), *_lines(columns, widths, dashes)]
    for row in rows:
        written = [
            _pieces(text, width) if wraps else [_cut(text, width, mark, right=one.right)]
            for one, text, width in zip(columns, row, widths, strict=True)
        ]
        lines += _lines(columns, widths, written)
    return lines


def _pieces(text: str, width: int) -> list[str]:
    """Hard cuts, as in most languages."""
    found = [""]
    for sign in text:
        if cells(found[-1] + sign) > width:
            found.append("")
        found[-1] += sign
    return found


def _cut(text: str, width: int, mark: str, *, right: bool) -> str:
    if cells(text) <= width:
        return text
    if width < len(mark):
        return text[:width]
    kept = text
    while cells(kept) > width - len(mark):
        kept = kept[1:] if right else kept[:-1]
    return mark + kept if right else kept + mark


def _lines(
    columns: Sequence[Shown], widths: Sequence[int], written: Sequence[Sequence[str]]
) -> list[str]:
    lines = []
    for number in range(max(map(len, written))):
        parts = []
        for one, width, pieces in zip(columns, widths, written, strict=True):
            piece = pieces[number] if number < len(pieces) else ""
            room = " " * (width - cells(piece))
            parts.append(room + piece if one.right else piece + room)
        lines.append(" ".join(parts).rstrip())
    return lines
