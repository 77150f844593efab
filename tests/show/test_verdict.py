"""The report's head and the terminal screen: the same words, in three states."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

import mailflow
from mailflow.show.terminal import screen
from mailflow.show.verdict import verdict_card
from mailflow.show.words import age, remedies
from mailflow.snapshot import Unread
from mailflow.views.verdict import Diagnosis, FindingRecord, NextStep, StuckRecord
from show_cases import HOSTILE, clear, found, unknown


def test_the_screen_of_the_article_fits_80_columns() -> None:
    """Cause, what waits, what to paste, what was not read: in 80 columns, in this order."""
    lines = screen(found()).splitlines()

    assert max(map(len, lines)) <= 80
    labels = [line[:14].strip() for line in lines[2:] if line[:1].strip()]
    assert lines[0] == "SIMULATED DATA  demo:article"
    assert labels == ["CAUSE FOUND", "STUCK", "REPAIR", "MISSING DATA"]
    assert lines[1].endswith("as of 23 Nov 14:02 UTC")
    assert lines[-1].split() == ["MISSING", "DATA", "none"]


def test_commands_are_never_broken() -> None:
    """A command longer than the screen stays on one line: it is pasted."""
    long = 'Set-ReceiveConnector "EX16A\\Relay" -RemoteIPRanges ' + '"10.0.0.1",' * 40
    text = screen(replace(found(), repair=(long,)), width=60)

    assert any(line.endswith(long) for line in text.splitlines())


def test_a_line_feed_in_a_name_begins_no_second_command() -> None:
    """A hostile name cannot add a command to what the engineer pastes."""
    hostile = replace(found(), repair=('Retry-Queue "A\nRemove-Mailbox everyone"',))

    assert "\\x0aRemove" in screen(hostile)
    assert "\\x0aRemove" in verdict_card(hostile).html
    assert "\nRemove" not in screen(hostile) + verdict_card(hostile).html


def test_unknown_says_first_what_is_missing_and_what_next() -> None:
    """Without a cause, what is missing and what to do comes before anything else."""
    text, html = screen(unknown()), verdict_card(unknown()).html

    assert text.index("MISSING DATA") < text.index("NEXT STEPS") < text.index("STUCK")
    assert "timed out after 30 s" in text
    assert html.index("What is missing") < html.index("What to do next") < html.index("waiting in")
    assert "Repair" not in html


@pytest.mark.parametrize(
    ("diagnosis", "word"),
    [(found(), "Cause found"), (unknown(), "Inconclusive"), (clear(), "No fault found")],
)
def test_states_differ_by_word(diagnosis: Diagnosis, word: str) -> None:
    """Each verdict has its word; colour only repeats it."""
    assert f'<section class="mf-verdict {diagnosis.verdict}"><b class="mf-word">{word}</b>' in (
        verdict_card(diagnosis).html
    )
    assert f"\n{word.upper()}" in screen(diagnosis)


@pytest.mark.parametrize("diagnosis", [found(), clear()])
def test_what_was_not_read_stands_in_every_verdict(diagnosis: Diagnosis) -> None:
    """Also beside a cause or an all-clear: what was not read is shown right there."""
    rows = tuple(Unread(f"EX{n}", "Get-Queue", "no answer") for n in range(12))
    some = replace(diagnosis, unread=rows)

    html = re.sub("</?span[^>]*>", "", verdict_card(some).html)
    assert "Not read: 12 things" in html
    assert "EX4 and 7 more: Get-Queue: no answer" in html
    assert "EX4 and 7 more: Get-Queue: no answer" in screen(some)


def test_what_is_undetermined_alike_is_said_once() -> None:
    """Ten servers with the same open question are one line that names them all."""
    entries = tuple(
        FindingRecord(
            "relay-wider-than-it-looks",
            "unknown",
            f"EX{n:02}",
            rf"EX{n:02}\Relay",
            reading=f"Could not determine whether Relay on EX{n:02} relays.",
        )
        for n in range(10)
    )
    html = verdict_card(replace(unknown(), findings=entries)).html
    words = re.sub("<[^>]*>", "", html)

    assert words.count("Could not determine whether Relay on EX0") == 1
    assert "The same holds for the other 9." in words
    assert all(rf"EX{n:02}\Relay" in words for n in range(10))


def test_no_verdict_is_clear_by_accident() -> None:
    """The word Clear stands in no other verdict's card."""
    assert ">Clear<" not in verdict_card(found()).html + verdict_card(unknown()).html


def test_hostile_texts_stay_text() -> None:
    """Names, error texts, ticket: no element and no control character comes of them."""
    entry = FindingRecord(
        "relay-denied", "unknown", HOSTILE, HOSTILE, reading=HOSTILE, remedy=HOSTILE
    )
    hostile = Diagnosis(
        "unknown",
        HOSTILE,
        HOSTILE,
        (entry, replace(entry, state="found")),
        (Unread(HOSTILE, HOSTILE, HOSTILE),),
        origin=HOSTILE,
        repair=(HOSTILE,),
        undo=(HOSTILE,),
    )
    for one in (hostile, replace(hostile, verdict="found"), replace(hostile, verdict="clear")):
        html = verdict_card(one, ticket=HOSTILE).html
        assert "<script" not in html
        assert "<img" not in html
        assert "\x1b" not in html + screen(one)
        assert "\u202e" not in html + screen(one)


def test_colour_touches_our_own_label_only() -> None:
    """A coloured screen is the plain one plus one pair of codes."""
    coloured = screen(found(), colour=True)

    assert coloured.count("\x1b[") == 2
    assert coloured.replace("\x1b[1;31m", "").replace("\x1b[0m", "") == screen(found())


def test_a_cause_outside_the_connectors_shows_what_to_do() -> None:
    """Without commands the next steps in words take their place."""
    entry = FindingRecord("target-unreachable", "found", "EX16A")
    steps = (NextStep("Look at the firewall."),)
    plain = Diagnosis("found", "h", "s", (entry,), stuck=StuckRecord(3, 1), next_steps=steps)

    assert "NEXT STEPS    Look at the firewall." in screen(plain)
    assert "Look at the firewall." in verdict_card(plain).html


def test_the_rollback_has_a_heading_and_is_there_on_paper() -> None:
    """It is no step of the repair, says when to use it, folds away and stands open in print."""
    html = verdict_card(found()).html
    steps, _, rollback = html.partition("<h2>Rollback</h2>")

    assert "</ol>" in steps
    assert "Only if the repair has to be reversed" in rollback
    assert "<details><summary>Commands</summary>" in rollback
    assert '<div class="mf-print">' in rollback


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        ("2026-11-23T10:00:30Z", "less than 1 min"),
        ("2026-11-23T10:07:00Z", "7 min"),
        ("2026-11-23T12:14:00Z", "2 h 14 min"),
        ("2026-11-26T14:00:00+00:00", "3 d 4 h"),
        ("2026-11-23T12:00:00+02:00", "less than 1 min"),
    ],
)
def test_ages(until: str, expected: str) -> None:
    """Ages are short and count instants, whatever their zone."""
    assert age("2026-11-23T10:00:00Z", until) == expected


def test_the_same_for_two_connectors_is_said_once() -> None:
    """One sentence names both; what differs stays apart."""
    article = mailflow.findings(mailflow.open("demo:article"))
    first, second = (each for each in article.findings if each.state == "found")
    other = replace(second, remedy=second.remedy.replace("10.0.0.11 and ", ""))

    assert remedies(article, "found") == [
        r"Remove 10.0.0.11 and 10.0.0.12 from RemoteIPRanges of EX16A\Relay and EX16B\Relay."
    ]
    assert remedies(replace(article, findings=(first, other)), "found") == [
        r"Remove 10.0.0.11 and 10.0.0.12 from RemoteIPRanges of EX16A\Relay.",
        r"Remove 10.0.0.12 from RemoteIPRanges of EX16B\Relay.",
    ]
