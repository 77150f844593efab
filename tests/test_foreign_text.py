"""Foreign text reaches no command, no line of a screen and no HTML but as the text that it is."""

from __future__ import annotations

import re

import pytest

from foreign_text import MARK, PAYLOADS, Hostile, assert_meant, forged_lines, hostile, lines_of
from mailflow.checks.registry import CARDS
from mailflow.plain import one_line
from mailflow.show.terminal import screen
from mailflow.show.verdict import verdict_card
from mailflow.views.audit import audit
from mailflow.views.explanation import explained, next_checks
from mailflow.views.findings import findings
from mailflow.views.verdict import Diagnosis
from organisations import STUCK_2016

ADDRESS_LINE = re.compile(r"server,address|[\w.:-]+,<IP address>")


def diagnoses(one: Hostile) -> list[Diagnosis]:
    """What is said of an organization, in an incident and in an audit."""
    return [findings(one.org), audit(one.org)]


def gate(numbers: range) -> int:
    """Paste every command that is printed of these organizations; returns how many there are."""
    lines: dict[str, set[str]] = {}
    for number in numbers:
        one = hostile(number)
        for diagnosis in diagnoses(one):
            for line in lines_of(diagnosis.as_json()):
                lines.setdefault(one_line(line), set()).update(one.names)  # as screens show it
    for line in list(lines):
        if not re.match(r"[$\w]+[- ]", line):  # a line for addresses.csv
            assert ADDRESS_LINE.fullmatch(line), line
            del lines[line]
    assert_meant(lines)
    return len(lines)


def test_each_command_means_its_object() -> None:
    """A real PowerShell calls what the line says, with the names that are there."""
    assert gate(range(60)) > 50


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 5000, 500))
def test_each_command_of_thousands_means_its_object(first: int) -> None:
    """The same for more of them."""
    assert gate(range(first, first + 500)) > 50


def forged(numbers: range) -> list[tuple[int, str]]:
    """Lines of screens that foreign text made, or that hold characters nobody sees."""
    found = []
    for number in numbers:
        for diagnosis in diagnoses(hostile(number)):
            found += [(number, line) for line in forged_lines(screen(diagnosis, 80))]
    return found


def test_no_line_of_a_screen_is_made_by_foreign_text() -> None:
    """No label stands twice, nothing hidden is printed, and nothing begins a line of its own."""
    assert forged(range(150)) == []


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 5000, 1000))
def test_no_line_of_thousands_of_screens_is(first: int) -> None:
    """The same for more of them."""
    assert forged(range(first, first + 1000)) == []


def test_html_holds_foreign_text_as_text() -> None:
    """What the card shows of it is escaped."""
    for number in range(60):
        for diagnosis in diagnoses(hostile(number)):
            card = verdict_card(diagnosis)._repr_html_()
            assert "<script>PWNED" not in card
            assert "<img src=x" not in card


def test_a_text_fills_in_nothing_but_a_host() -> None:
    """The same of what `explain` advises of a text."""
    lines = {
        line
        for text in PAYLOADS
        for error in (STUCK_2016.format(fqdn=text, ip=text), f"452 4.3.1 {text}", text)
        for cause in CARDS
        for line in next_checks(cause, explained(error))
    }

    assert [line for line in lines if MARK in line] == []
