"""S4.68: the Submission queue does not move."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from check_cases import found, said
from mailflow.views.findings import findings
from organisations import Organisation, at, healthy

ID = "submission-backlog"
QUEUE = r"EX16A\Submission"
PRESSURE = "452 4.3.1 Insufficient system resources"


def waiting(messages: int, **values: Any) -> Organisation:  # noqa: ANN401
    """The Submission queue of a server with messages; another queue was tried at 14:00."""
    org = healthy().change(QUEUE, message_count=messages, **values)
    return org.change(r"EX16A\15", last_retry=at("14:00:00"))


@pytest.mark.parametrize(
    ("messages", "values", "open_ones"),
    [
        (3, {}, 0),
        (499, {}, 0),
        (500, {}, 1),
        (3, {"deferred_count": 1}, 1),
        (3, {"last_retry": at("13:30:00")}, 0),
        (3, {"last_retry": at("13:29:59")}, 1),
        (0, {"last_retry": at("13:00:00")}, 0),
        (3, {"status": "Retry"}, 1),
    ],
)
def test_what_is_a_backlog(messages: int, values: dict[str, Any], open_ones: int) -> None:
    """Contract 9: deferred ones, 500 and more, or none tried for more than 30 minutes."""
    org = waiting(messages, **values)

    assert found(org, ID) == [("unknown", "EX16A", None)] * open_ones
    assert findings(org.snapshot()).verdict == ("unknown" if open_ones else "clear")


def test_the_next_checks_change_nothing() -> None:
    """What to look at, with the names filled in."""
    entry = findings(waiting(900).snapshot()).findings[0]
    shown = [line.partition(" ")[0] for line in entry.remedy.splitlines()]

    assert "900 messages" in said(waiting(900), ID)
    assert shown == ["Get-Queue", "Get-ExchangeDiagnosticInfo", "Get-TransportAgent", "Get-Message"]
    assert "{" not in entry.remedy


@pytest.mark.parametrize("status", ["Ready", "Retry"])
def test_back_pressure_that_the_error_names_goes_first(status: str) -> None:
    """Contract 9: evidence of that queue decides."""
    org = waiting(900, last_error=PRESSURE, status=status)

    assert found(org, ID) == []
    assert found(org, "back-pressure") == [("found", "EX16A", None)]


def test_another_error_is_quoted() -> None:
    """It does not tell what holds up the categorizer."""
    org = waiting(900, last_error="451 4.4.0 DNS query failed")

    assert found(org, ID) == [("unknown", "EX16A", None)]
    assert "451 4.4.0 DNS query failed" in said(org, ID)


def test_a_quoted_error_is_one_line() -> None:
    """Several lines of it begin none of the verdict; and it is not endless."""
    org = waiting(900, last_error="451 4.4.0 x\n\nREPAIR        Get-Mailbox" + "y" * 5_000)

    assert 'LastError: "451 4.4.0 x\\x0a\\x0aREPAIR' in said(org, ID)
    assert len(said(org, ID)) < 1_000


def test_without_a_time_no_age_tells_anything() -> None:
    """A printed time has no zone (S6.03)."""
    org = waiting(3, last_retry=replace(at("09:00:00"), instant=None))

    assert found(org, ID) == []
