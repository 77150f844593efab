"""A receive log line by line: the way for a file that the quick reader does not take as it is.

It never guesses: what is no whole row is counted as lost, and what is left is the same rows in an
order of columns that DuckDB reads without a doubt (S7.22 to S7.24).
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO

from mailflow.sources.logs.protocol import FIELDS, cells_of

LONGEST_LINE = 2**20
"""Bytes of a line that is read; no row is longer."""
TIME = r"\d{4}-(?:0\d|1[0-2])-[0-3]\d[T][0-2]\d:[0-5]\d:[0-5]\d(?:\.\d{1,7})?Z?"
SESSION = "[0-9A-Fa-f]{16}"
NUMBER = r"\d{1,9}"
_COLUMNS = (re.compile(TIME, re.ASCII), None, re.compile(SESSION), re.compile(NUMBER, re.ASCII))
_EVENTS = ("", "+", "-", "*", "<", ">")


def cleaned(source: Path, target: Path) -> int:
    """Write the rows of a log, each whole and in the usual order of columns.

    Args:
        source: the log, in UTF-8 or UTF-16.
        target: the file that is written.

    Returns:
        how many lines were no row and no header.

    Raises:
        OSError: a file cannot be read or written.
    """
    lost = 0
    with source.open("rb") as file, target.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        for row in rows_of(_lines(file)):
            if row is None:
                lost += 1
            else:
                writer.writerow(_usual(row))
    return lost


def _usual(cells: list[str]) -> list[str]:
    """A row with its time and its number written as Exchange does."""
    time, connector, session, number, *others = cells
    second, _, fraction = time.rstrip("Z").partition(".")
    return [f"{second}.{fraction[:3]:0<3}Z", connector, session, str(int(number)), *others]


def rows_of(lines: Iterator[str]) -> Iterator[list[str] | None]:
    """The rows among lines, by the header above them (S7.23); None for a line that is none."""
    places: list[int] | None = list(range(len(FIELDS)))
    count = len(FIELDS)
    for line in lines:
        if not line.strip("\0 \t\r\n"):
            continue
        if line[0] in "#\\":
            head, colon, names = line.lstrip("#\\ ").partition(":")
            if colon and head.strip().casefold() == "fields":
                listed = [name.strip().casefold() for name in names.split(",")]
                count = len(listed)
                known = all(name in listed for name in FIELDS)
                places = [listed.index(name) for name in FIELDS] if known else None
            continue
        cells = cells_of(line, count)
        row = [cells[place] for place in places] if cells and places else None
        yield row if row is not None and is_row(row) else None


def is_row(cells: list[str]) -> bool:
    """Whether these are the cells of a row of a receive log, each in its place."""
    fits = all(form is None or form.fullmatch(cells[n]) for n, form in enumerate(_COLUMNS))
    return fits and cells[6] in _EVENTS and _is_real(cells[0][:19])


def _is_real(second: str) -> bool:
    """Whether there is such a day and hour: no 31st of February."""
    try:
        datetime.fromisoformat(second)
    except ValueError:
        return False
    return True


def _lines(file: IO[bytes]) -> Iterator[str]:
    """The lines of a log; one beyond all measure is read in pieces, none of which is a row."""
    begin = file.read(2)
    file.seek(0)
    if begin in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        reader = codecs.getreader("utf-16")(file, "replace")
        yield from (line.rstrip("\r\n") for line in _pieces(reader))
        return
    is_first, is_inside = True, False
    while piece := file.readline(LONGEST_LINE):
        ends = piece.endswith(b"\n")
        text = piece.decode("utf-8", "replace").rstrip("\r\n")
        text = text.removeprefix("\ufeff") if is_first else text
        yield "?" if is_inside or (not ends and len(piece) == LONGEST_LINE) else text
        is_first, is_inside = False, not ends


def _pieces(reader: codecs.StreamReader) -> Iterator[str]:
    """Lines of text, ended by line feeds alone: other separators of Unicode may stand in data."""
    rest = ""
    while chunk := reader.read(2**16):
        *lines, rest = (rest + chunk).split("\n")
        yield from lines
        if len(rest) > LONGEST_LINE:
            yield "?"
            rest = ""
    if rest:
        yield rest
