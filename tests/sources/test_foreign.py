"""Names and values that break their line are lost where they enter."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.plain import keeps_its_line
from mailflow.snapshot import Unread
from mailflow.sources.foreign import BROKEN, admitted, is_server
from mailflow.sources.row import Complex, Enumeration, Lost, Reading, Row, Value
from mailflow.sources.tables import assemble

FORGED = "EX10A\n\nREPAIR        Get-Mailbox | Remove-Mailbox"


def only(row: Row) -> Row:
    """The row as it is admitted."""
    (one,) = admitted(Reading(rows=[row])).rows
    return one


@pytest.mark.parametrize(
    "value",
    [
        FORGED,
        "a\x1b[31mb",
        "a\u2028b",
        Complex("a\rb", {}),
        Complex("ab", {"Name": "a\nb"}),
        Complex("ab", {"Inner": Complex(None, {"Name": "a\x00b"})}),
        Enumeration("Re\ntry", 3),
    ],
)
def test_what_breaks_its_line_is_lost(value: Value) -> None:
    """Wherever the characters stand, nothing of the value goes on."""
    row = Row("Get-Queue", {"Status": value, "MessageCount": 3}, "queues.txt, line 4")

    assert only(row).values == {"Status": Lost(BROKEN), "MessageCount": 3}


@pytest.mark.parametrize("name", ["LastError", "Comment"])
def test_sentences_keep_their_lines(name: str) -> None:
    """An error and a comment may have several; whoever quotes them makes one of them."""
    row = Row("Get-Queue", {name: "421 4.3.2\nService not available"}, "q")

    assert only(row) is row


def test_what_is_hidden_alone_stays() -> None:
    """A mark of a right-to-left language is real; screens write it out."""
    row = Row("Get-ReceiveConnector", {"Name": "x\u202ey \u00a0\u6f22"}, "c")

    assert only(row) is row


@pytest.mark.parametrize(
    ("name", "good"),
    [
        ("EX16A", True),
        ("ex-16_a.contoso.example", True),
        ("2001:db8::21", True),
        ("M\u00dcNCHEN\u6f22", True),
        ("EX10A$(calc)", False),
        ("a b", False),
        ("=cmd|' /c calc'!A0", False),
        ("-Force", False),
        ('a"b', False),
        ("", False),
        ("a" * 256, False),
    ],
)
def test_names_of_computers(name: str, good: bool) -> None:
    """A computer's name holds letters, digits, hyphen, underscore and dot."""
    assert is_server(name) is good
    row = Row("Get-Queue", {}, "q", computer=name, named_server=name)
    assert (only(row).computer, only(row).named_server) == ((name, name) if good else ("", ""))


def test_messages_are_one_line() -> None:
    """A name of a file, or a cell that a message quotes, begins no line."""
    reading = Reading(
        unread=[Unread("EX10A\nREPAIR", "capture\n", "a\nb: no list")],
        ignored=[("a\nb", "c\nd")],
        rows=[Row("Get-Queue", {}, "a\nb.txt, line 1")],
    )
    told = admitted(reading)

    assert told.unread == [Unread("", "capture\\x0a", "a\\x0ab: no list")]
    assert told.ignored == [("a\\x0ab", "c\\x0ad")]
    assert told.rows[0].place == "a\\x0ab.txt, line 1"


@given(st.text(max_size=30))
def test_a_line_is_kept_or_lost(text: str) -> None:
    """What is admitted can be split by nothing."""
    assert keeps_its_line(text) <= (len(text.splitlines()) <= 1)


def test_an_object_without_a_name_is_missing_data() -> None:
    """A queue of such a server is shown with its place, and takes every all-clear."""
    row = Row(
        "Get-Queue",
        {"Identity": f"{FORGED}\\1187", "Status": "Retry", "MessageCount": 12},
        "queues.json, object 1",
    )
    reading = Reading(rows=[row, replace(row, values={"Identity": "EX10A$(calc)\\7"})])
    reading.cmdlets.add("Get-Queue")
    found = assemble(reading, origin="x")

    assert found.queues == ()
    assert [one.what for one in found.unread if "object 1" in one.why] == ["Get-Queue Identity"]
    assert not [one for one in found.unread if "Remove-Mailbox" in f"{one.server}{one.why}"]
