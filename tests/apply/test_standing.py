"""Where a connector stands, by every note of the journal and every list on the server."""

from __future__ import annotations

import pytest

from applying import NEW, OLD, RELAYS
from mailflow.apply.journal import ListEntry, Note
from mailflow.apply.standing import State, standing
from mailflow.exchange.ranges import parse_range

OTHER = ("10.0.0.12", "10.0.5.0/24")


@pytest.mark.parametrize(
    ("note", "old", "new", "other", "unread"),
    [
        ("not begun", "not begun", "done, not verified", "not begun", "not begun"),
        ("refused", "not begun", "done, not verified", "not begun", "not begun"),
        ("begun", "not begun", "done, not verified", "changed since", "not known"),
        ("done", "put back", "done, not verified", "changed since", "done, not verified"),
        ("verified", "put back", "verified", "changed since", "verified"),
        ("going back", "put back", "done, not verified", "changed since", "not known"),
        ("put back", "put back", "done, not verified", "changed since", "put back"),
    ],
)
def test_every_case(note: Note, old: State, new: State, other: State, unread: State) -> None:
    """The list decides where it was read; else the journal says what it saw, and no more."""
    entry = ListEntry(RELAYS[0], "EX16A", OLD, NEW, note=note)

    for expected, ranges in ((old, OLD), (new, NEW), (other, OTHER), (old, OLD[::-1])):
        assert standing(entry, tuple(map(parse_range, ranges))).state == expected
    assert standing(entry, None).state == unread
