"""S4.44, S4.68: messages in the poison queue."""

from __future__ import annotations

import pytest

from check_cases import found, said
from mailflow.views.findings import findings
from organisations import healthy

ID = "poison-messages"


@pytest.mark.parametrize("status", ["Suspended", "Retry", "", "other"])
def test_found_whatever_its_status(status: str) -> None:
    """It is always Suspended (S4.44), and that is no queue that a person suspended."""
    org = healthy().add_queue(
        "EX16A", 2, name="Poison", status=status, delivery_type="Undefined", to="Poison Message"
    )
    actual = findings(org.snapshot())

    assert found(org, ID) == [("found", "EX16A", None)]
    assert found(org, "queue-suspended") == []
    assert r"2 messages in EX16A\Poison" in said(org, ID)
    assert (actual.repair, actual.findings[0].commands) == ((), ())


def test_empty_it_is_nothing() -> None:
    """Hidden while empty (section 4.3); an export may show it all the same."""
    org = healthy().add_queue("EX16A", 0, name="Poison", status="Suspended")

    assert findings(org.snapshot()).verdict == "clear"


def test_without_its_name_it_is_known_by_its_next_hop() -> None:
    """Section 4.2: where the export lost the identity."""
    org = healthy().add_queue("EX16A", 2, status="Suspended", to="Poison Message", identity="")

    assert [state for state, _, _ in found(org, ID)] == ["found"]
