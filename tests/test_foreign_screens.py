"""The gate of foreign text, at every screen and table beside the findings."""

from __future__ import annotations

import re

import pytest

from foreign_screens import shown, tables
from foreign_text import (
    DOORS,
    MARK,
    PAYLOADS,
    Door,
    assert_meant,
    forged_lines,
    named,
    stored,
)
from mailflow.cli.asking import _which_words
from mailflow.plain import keeps_its_line
from mailflow.sources.doctor import CAUSES, _bad, words
from mailflow.views.explanation import explained, told
from mailflow.views.which import probe, which
from organisations import healthy

FEW = {"exports": 12, "snapshot": 16, "many": 4}
MORE = {"exports": 150, "snapshot": 200, "many": 50}
ALL = 5_000
STEP = 1_000

doors = pytest.mark.parametrize("door", DOORS)
first = pytest.mark.parametrize("first", range(0, ALL, STEP))


def forged(door: str, numbers: range) -> tuple[list[tuple[int, str, str]], int]:
    """Lines that foreign text made, each with its number and what it stands in; how many texts."""
    found, count = [], 0
    for number in numbers:
        one = DOORS[door](number)
        if isinstance(one, str):
            found += [(number, "refused", line) for line in forged_lines(one)]
            continue
        for kind, text in shown(one, number).texts:
            found += [(number, kind, line) for line in forged_lines(text)]
            count += 1
        for kind, table in tables(one):
            found += [(number, kind, line) for line in forged_lines(str(table), is_table=True)]
            count += 1
    return found, count


@doors
def test_no_line_is_made_by_foreign_text(door: str) -> None:
    """whatif, diff, which, explain, snapshot, and the words of every table."""
    found, count = forged(door, range(FEW[door]))

    assert found == []
    assert count > 100


@pytest.mark.long
@doors
def test_no_line_of_more_of_them_is(door: str) -> None:
    """The same for more organizations."""
    assert forged(door, range(MORE[door]))[0] == []


@pytest.mark.long
@pytest.mark.hours
@doors
@first
def test_no_line_of_thousands_is(door: str, first: int) -> None:
    """The same for 5,000 of each."""
    assert forged(door, range(first, first + STEP))[0] == []


def gate(door: Door, numbers: range) -> int:
    """Paste every command of these screens; returns how many hold foreign text."""
    lines: dict[str, set[str]] = {}
    for number in numbers:
        one = door(number)
        if not isinstance(one, str):
            for line in shown(one, number, advising=True).commands:
                lines.setdefault(line, set()).update(one.names)
    # A line for addresses.csv is none for PowerShell.
    lines = {line: names for line, names in lines.items() if re.match(r"[$\w]+[- ]", line)}
    assert_meant(lines)
    return sum(MARK in line for line in lines)


@doors
def test_each_command_means_its_object(door: str) -> None:
    """A real PowerShell calls what the line says, with the names that are there."""
    assert gate(DOORS[door], range(3 * FEW[door])) > 5


def test_each_command_means_its_object_where_all_are_hostile() -> None:
    """The same where every server and connector is called like a payload."""
    whole = [text for text in PAYLOADS if keeps_its_line(text)]

    assert gate(lambda number: named(whole[number]), range(len(whole))) > 50


@pytest.mark.long
@doors
def test_each_command_of_more_of_them_means_its_object(door: str) -> None:
    """The same for more organizations."""
    assert gate(DOORS[door], range(3 * MORE[door])) > 50


@pytest.mark.long
@pytest.mark.hours
@doors
@first
def test_each_command_of_thousands_means_its_object(door: str, first: int) -> None:
    """The same for 5,000 of each."""
    for begin in range(first, first + STEP, 250):
        assert gate(DOORS[door], range(begin, begin + 250)) > 50


def test_a_stranger_s_snapshot_is_refused_or_plain() -> None:
    """Most of the hostile ones are read: the gate looks at something."""
    read = [not isinstance(stored(number), str) for number in range(40)]

    assert 10 < sum(read) < 40


def test_a_server_that_is_asked_about_begins_no_line() -> None:
    """What stands behind `--server` may come from a list that somebody sent."""
    org = healthy().snapshot()

    for text in PAYLOADS:
        assert forged_lines(_which_words(which(org, probe(f"x{text}", "10.0.0.11")))) == [], text


def test_several_lines_of_an_error_are_marked() -> None:
    """Each line of the text is told from ours; of one line nothing changes."""
    several = told(explained("421 4.3.2 Service not available\nLOOK AT NEXT\n- PWNED PWNED"))

    assert "\n  > LOOK AT NEXT\n  > - PWNED PWNED\n" in several
    assert "\n  421 4.3.2 Service not available\n" in told(
        explained("421 4.3.2 Service not available")
    )


def test_what_a_server_says_to_doctor_begins_no_line() -> None:
    """A greeting or an error of the far side is one text of one check."""
    for text in PAYLOADS:
        assert forged_lines(words([_bad("name", next(iter(CAUSES)), f"x{text}")])) == [], text
