"""The gate of foreign text, at the report of a run: page, notebook and words for the ticket."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from command_line import saved
from foreign_reports import Page, Report, hostile_inputs, report
from foreign_text import (
    DOORS,
    MARK,
    PAYLOADS,
    Hostile,
    assert_meant,
    forged_lines,
    hostile,
    named,
)
from mailflow.runs import run
from mailflow.snapshot import load

RUNBOOKS = ("mail_stuck_in_queue", "connector_audit", "fix_and_verify")

TICKET = " ".join(PAYLOADS)

FEW, MORE, ALL, STEP = 3, 30, 5_000, 500

runbooks = pytest.mark.parametrize("runbook", RUNBOOKS)
doors = pytest.mark.parametrize("door", DOORS)
first = pytest.mark.parametrize("first", range(0, ALL, STEP))


def _report(runbook: str, one: Hostile, number: int, home: Path) -> Report:
    folder = home / str(number)
    folder.mkdir()
    return report(runbook, hostile_inputs(one.org), folder, TICKET)


def looked_at(runbook: str, door: str, numbers: range, home: Path) -> int:
    """Look at the pages and words of these runs; how many of them hold foreign text."""
    count = 0
    for number in numbers:
        one = DOORS[door](number)
        if isinstance(one, str):
            continue
        made = _report(runbook, one, number, home)
        page = Page(made.html)
        assert page.strange == [], number
        for text in (*made.texts, *page.texts):
            assert forged_lines(text, is_table=True) == [], number
        count += any(MARK in text for text in page.texts)
    return count


@runbooks
def test_no_name_is_an_element_or_a_line(runbook: str, tmp_path: Path) -> None:
    """A parser finds in the page only what our templates hold, and no line begun by a name."""
    assert looked_at(runbook, "exports", range(FEW), tmp_path) == FEW


@runbooks
def test_no_name_is_an_element_where_all_are_markup(runbook: str, tmp_path: Path) -> None:
    """Each server and connector is called like an element."""
    for number, text in enumerate(one for one in PAYLOADS if one.startswith(("<s", "</", '">'))):
        page = Page(_report(runbook, named(text), number, tmp_path).html)
        assert page.strange == [], text
        assert any(f"{text} 0" in each for each in page.texts)


@pytest.mark.long
@doors
@runbooks
def test_no_name_of_more_of_them_is(runbook: str, door: str, tmp_path: Path) -> None:
    """The same for more organizations, from each door."""
    assert looked_at(runbook, door, range(MORE), tmp_path)


@pytest.mark.long
@pytest.mark.hours
@doors
@runbooks
@first
def test_no_name_of_thousands_is(runbook: str, door: str, first: int, tmp_path: Path) -> None:
    """The same for 5,000 of each."""
    assert looked_at(runbook, door, range(first, first + STEP), tmp_path)


def gate(door: str, numbers: range, home: Path) -> int:
    """Paste every command of these reports, of one runbook each; how many hold foreign text."""
    lines: dict[str, set[str]] = {}
    for number in numbers:
        one = DOORS[door](number)
        if isinstance(one, str):
            continue
        made = _report(RUNBOOKS[number % len(RUNBOOKS)], one, number, home)
        for line in made.commands | Page(made.html).commands:
            lines.setdefault(line, set()).update({*one.names, hostile_inputs(one.org).origin})
    # A line for addresses.csv is none for PowerShell.
    lines = {line: names for line, names in lines.items() if re.match(r"[$\w]+[- ]", line)}
    assert_meant(lines)
    return sum(MARK in line for line in lines)


def test_each_command_means_its_object(tmp_path: Path) -> None:
    """A real PowerShell calls what the line says, with the names that are there."""
    assert gate("exports", range(2 * FEW), tmp_path) > 0


@pytest.mark.long
@doors
def test_each_command_of_more_of_them_means_its_object(door: str, tmp_path: Path) -> None:
    """The same for more organizations, from each door."""
    assert gate(door, range(MORE), tmp_path) > 5


@pytest.mark.long
@pytest.mark.hours
@doors
@first
def test_each_command_of_thousands_means_its_object(door: str, first: int, tmp_path: Path) -> None:
    """The same for 5,000 of each."""
    assert gate(door, range(first, first + STEP), tmp_path) > 50


def test_a_real_run_leaves_what_the_gate_looks_at(tmp_path: Path) -> None:
    """With a kernel: the same page and the same words, and a screen without a forged line."""
    one = hostile(3)
    source = saved(one.org, tmp_path / "source")

    done = run("mail_stuck_in_queue", str(source), ticket=TICKET, runs=tmp_path / "runs")

    page = Page(done.report.read_text("utf-8"))
    (tmp_path / "made").mkdir()
    made = report("mail_stuck_in_queue", load(source), tmp_path / "made", TICKET)
    assert page.strange == []
    assert _body(page) == _body(Page(made.html))
    assert all(forged_lines(text, is_table=True) == [] for text in page.texts)
    notebook = json.loads((done.folder / "notebook.ipynb").read_text("utf-8"))
    told = [
        "".join(output["data"]["text/plain"])
        for cell in notebook["cells"]
        for output in cell.get("outputs", ())
        if "data" in output
    ]
    assert told == made.texts
    assert forged_lines(done.screen()) == []


def _body(page: Page) -> list[str]:
    """Its texts up to the footer, which tells of times and files."""
    texts = [text.strip() for text in page.texts if text.strip()]
    return texts[: next(n for n, text in enumerate(texts) if text.startswith("mailflow "))]


def test_the_gate_sees_what_is_not_escaped() -> None:
    """An element, an attribute, a line: each is found where it is not text."""
    strange = [Page(f"<p>{text}</p>").strange for text in PAYLOADS if text.startswith(("<", '"'))]

    assert ["script"] in strange
    assert ["img", "img src=x", "img onerror=PWNED()"] in strange
    assert ["svg onload=PWNED()"] in strange
    assert Page("<pre>Get-Queue\nPWNED</pre>").commands == {"Get-Queue", "PWNED"}
