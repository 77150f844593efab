"""Text from outside, where it enters: a name or value that breaks its line is lost.

A name with a line feed prints a line of its own above a verdict, and no command can carry it.
Neither Windows nor Exchange takes one from a person, so nothing real is lost: the object is missing
data, and its place says where it stands. Characters that are only hidden stay: screens write them
out (`plain.visible`), and a name that holds one gets no command (`exchange.commands.quoted`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from mailflow.plain import keeps_its_line, one_line
from mailflow.snapshot import Unread
from mailflow.sources.row import Complex, Enumeration, Lost, Reading, Row, Value

FREE_TEXT = frozenset({"LastError", "Comment", "Description"})
"""Properties that hold sentences, over several lines as well; whoever quotes one makes one line."""

BROKEN = "it contains a line break or a control character"

_SERVER = re.compile(r"(?!-)[\w.:-]{1,255}")


def is_server(name: str) -> bool:
    """Whether a computer can have this name, or its address: letters, digits, `-`, `.` and `_`."""
    return bool(_SERVER.fullmatch(name))


def admitted(reading: Reading) -> Reading:
    """The reading with each name and value that breaks its line lost, and each message one line."""
    rows = [_row(row) for row in reading.rows]
    unread = [_unread(row) for row in reading.unread]
    ignored = [(one_line(what), one_line(place)) for what, place in reading.ignored]
    return replace(reading, rows=rows, unread=unread, ignored=ignored)


def _row(row: Row) -> Row:
    broken = [
        name for name, value in row.values.items() if name not in FREE_TEXT and not _is_whole(value)
    ]
    place = one_line(row.place)
    computer = row.computer if is_server(row.computer) else ""
    named = row.named_server if is_server(row.named_server) else ""
    if not broken and (place, computer, named) == (row.place, row.computer, row.named_server):
        return row
    values = {**row.values, **dict.fromkeys(broken, Lost(BROKEN))}
    return replace(row, values=values, place=place, computer=computer, named_server=named)


def _is_whole(value: Value) -> bool:
    """Whether a value keeps its line; of lists the elements are looked at where they are read."""
    match value:
        case str():
            return keeps_its_line(value)
        case Enumeration():
            return value.text is None or keeps_its_line(value.text)
        case Complex():
            return (value.text is None or keeps_its_line(value.text)) and _all_whole(
                value.properties.values()
            )
        case _:
            return True


def _all_whole(values: Iterable[Value]) -> bool:
    return all(map(_is_whole, values))


def _unread(row: Unread) -> Unread:
    if keeps_its_line(row.server) and keeps_its_line(row.what) and keeps_its_line(row.why):
        return row
    return replace(
        row,
        server=row.server if is_server(row.server) else "",
        what=one_line(row.what),
        why=one_line(row.why),
    )
