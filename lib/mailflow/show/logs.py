"""Protocol logs for people: of a session the sender's log beside the target's."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mailflow.plain import visible
from mailflow.show.markup import Markup, fill

WIDTH = 80
SILENT = (
    "No row of this session. A receive connector writes rows only where its ProtocolLogging is "
    "Verbose."
)


@dataclass(frozen=True, slots=True)
class LogEnd:
    """What one end of a session wrote.

    Attributes:
        title: whose log it is.
        place: connector and endpoints; empty: it wrote no row.
        lines: of each row the time, the sign, and what was said or noted.
        rows: as they stand in the file.
    """

    title: str
    place: str = ""
    lines: tuple[str, ...] = ()
    rows: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LoggedBothEnds:
    """One session in the logs of both ends.

    Attributes:
        title: between whom.
        ends: the sender's log and the target's.
    """

    title: str
    ends: tuple[LogEnd, LogEnd]


def logs_card(sessions: Sequence[LoggedBothEnds]) -> Markup:
    """The sessions, the first unfolded; the rows as they stand in the files are folded."""
    html = fill("training/logs.html.j2", sessions=sessions, silent=SILENT)
    return Markup(html, "\n".join(visible(line) for each in sessions for line in _words(each)))


def _words(session: LoggedBothEnds) -> Iterator[str]:
    yield session.title
    for end in session.ends:
        yield ""
        for text in (f"{end.title}: {end.place or SILENT}", *end.lines):
            yield from textwrap.wrap(
                text, WIDTH, initial_indent="  ", subsequent_indent=" " * 6, break_on_hyphens=False
            )
    yield ""
