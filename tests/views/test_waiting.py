"""How much waits where, and what was checked when nothing does."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mailflow.opening import open_source
from mailflow.show import words
from mailflow.views.findings import findings
from mailflow.views.verdict import StuckRecord, WaitRecord, from_json
from organisations import article, healthy
from support import needs_shared


@pytest.mark.parametrize("status", ["", "other", "None"])
def test_a_status_that_is_not_known_is_never_clear(status: str) -> None:
    """Contract 9: only queues with messages, with the command that exports them."""
    org = healthy().add_queue("EX10A", 200, name="7", status=status)
    actual = findings(org.snapshot())

    assert (actual.verdict, actual.findings[0].cause) == ("unknown", "unrecognised-error")
    assert "200 messages" in actual.summary
    assert "Get-Queue -Server EX10A" in actual.findings[0].remedy
    assert findings(org.change(r"EX10A\7", message_count=0).snapshot()).verdict == "clear"


def test_how_much_waits_where() -> None:
    """By server and kind, the most first; also in the document, and read back from it."""
    org = article().add_queue("EX16B", 5200, name="9", status="Suspended")
    actual = findings(org.snapshot())
    document = json.loads(json.dumps(actual.as_json()))

    assert actual.stuck is not None
    assert (actual.stuck.messages, actual.stuck.queues) == (5414, 3)
    assert [(one.server, one.kind, one.messages) for one in actual.stuck.where] == [
        ("EX16B", "suspended", 5200),
        ("EX10A", "stuck", 131),
        ("EX10B", "stuck", 83),
    ]
    assert "EX16B: 5,200 in 1 suspended queue; EX10A: 131 in 1 stuck queue" in words.stuck(
        actual.stuck
    )
    assert from_json(document).stuck == actual.stuck
    assert StuckRecord(1, 1).where == ()
    assert "unknown number" in words.stuck(
        StuckRecord(None, 1, where=(WaitRecord("A", "status", None, 1),))
    )


def test_no_fault_found_says_what_was_checked() -> None:
    """Servers, paths, connectors, queues, and as of when."""
    org = healthy().snapshot()
    taken = datetime(2026, 11, 23, 14, 2, tzinfo=UTC)

    assert findings(replace(org, taken=taken)).summary == (
        "No queue is stuck. All 14 mail paths between the 4 servers were checked and work "
        "(16 receive connectors, 8 queues; data of 2026-11-23 14:02 UTC)."
    )
    assert "time of the export unknown" in findings(org).summary


@pytest.mark.parametrize(
    ("case", "verdict", "cause"),
    [
        ("healthy", "clear", None),
        ("article", "found", "custom-connector-shadows-default"),
        ("suspended", "found", "queue-suspended"),
        ("status-unknown-text", "unknown", "unrecognised-error"),
        ("denied-rights", "unknown", "rights-denied"),
        ("sender-v6-target-none", "unknown", "custom-connector-shadows-default"),
        ("edge-other-site", "clear", None),
        ("prx4", "unknown", None),
    ],
)
def test_cases_of_others(case: str, verdict: str, cause: str | None) -> None:
    """Each of the shared cases stands for a kind (S4.64, S4.66, S4.68, S3.43)."""
    folder: Path = needs_shared(f"cases/organizations/{case}")
    actual = findings(open_source(str(folder)))
    shown = [line.partition(" ")[0] for each in actual.next_steps for line in (each.text,)]

    assert actual.verdict == verdict
    assert cause is None or actual.findings[0].cause == cause
    if verdict == "unknown":
        assert [one for one in shown if one.startswith(("Set-", "Remove-", "Resume-"))] == []
