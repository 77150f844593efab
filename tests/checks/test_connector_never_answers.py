"""Audit: a connector that no address reaches, so that whatever is set on it has no effect."""

from __future__ import annotations

from check_cases import RELAY, audited
from organisations import healthy

ID = "connector-never-answers"


def test_covered_by_more_specific_ranges() -> None:
    """S1.13: the connectors that accept its addresses are named."""
    org = healthy().change(RELAY, ranges="10.0.7.0/24")
    org.add_relay("EX16A", "10.0.7.0/25", "10.0.7.128/25", name="Halves")
    (entry,) = audited(org, ID)

    assert (entry.state, entry.connector and entry.connector.identity) == ("found", RELAY)
    assert "accepted by Halves" in entry.check.explain([entry])


def test_a_truncated_list_is_unknown() -> None:
    """What is hidden may be reached."""
    org = healthy().change(RELAY, ranges="10.0.7.0/24", ranges_complete=False)
    org.add_relay("EX16A", "10.0.7.0/25", "10.0.7.128/25", name="Halves")

    assert [each.state for each in audited(org, ID)] == ["unknown"]
