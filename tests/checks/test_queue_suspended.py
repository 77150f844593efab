"""S4.68: messages in a queue that a person suspended."""

from __future__ import annotations

import pytest

from check_cases import commands, found, said
from mailflow.views.findings import findings
from organisations import healthy

ID = "queue-suspended"
WORDS = {"Resume", "Remove", "Suspend", "Set"}


def test_it_is_found_on_the_server_that_holds_the_queue() -> None:
    """Contract 9: how much waits where, and a next step that is text alone."""
    org = healthy().add_queue("EX10A", 5200, name="7", status="Suspended")
    org.add_queue("EX10A", 3, name="8", status="Suspended")
    actual = findings(org.snapshot())
    entry = actual.findings[0]

    assert found(org, ID) == [("found", "EX10A", None)]
    assert (actual.verdict, entry.queues) == ("found", (r"EX10A\7", r"EX10A\8"))
    assert "5,203 messages in 2 queues" in said(org, ID)
    assert 'Resume-Queue -Identity "EX10A\\7"' in entry.remedy
    assert (actual.repair, entry.commands, commands(org)) == ((), (), ())
    assert not [each for each in actual.next_steps if each.command]
    assert actual.headline == "Messages wait in a suspended queue on EX10A"


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({}, ["found"]),
        ({"message_count": 0}, []),
        ({"message_count": None}, ["unknown"]),
        ({"status": "Active"}, []),
        ({"delivery_type": "ShadowRedundancy", "name": r"Shadow\3"}, []),
        ({"delivery_type": "Unreachable", "name": "Unreachable"}, ["found"]),
    ],
)
def test_what_counts(values: dict[str, object], state: list[str]) -> None:
    """S4.43: shadow queues wait by design; an empty one holds nothing up."""
    org = healthy().add_queue("EX16A", 9, **({"name": "7", "status": "Suspended"} | values))

    assert [one for one, _, _ in found(org, ID)] == state


def test_small_queues_may_be_left_out() -> None:
    """Queues with fewer messages than asked for do not count."""
    org = healthy().add_queue("EX16A", 9, name="7", status="Suspended").snapshot()

    assert findings(org, min_messages=10).verdict == "clear"
