"""Audit: a connector that no address reaches, so that whatever is set on it has no effect."""

from __future__ import annotations

from dataclasses import replace

import pytest

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


@pytest.mark.parametrize(
    ("source", "state"), [("Get-NetworkConnectionInfo", "found"), ("addresses.csv", "unknown")]
)
def test_a_binding_to_an_address_that_the_server_does_not_have(source: str, state: str) -> None:
    """S1.04: found where its adapters were read; another list may lack the address."""
    org = healthy().change(RELAY, bindings="10.0.7.9:25")
    org.addresses = [replace(each, source=source) for each in org.addresses]
    (entry,) = audited(org, ID)

    assert (entry.state, entry.connector and entry.connector.identity) == (state, RELAY)
    assert "10.0.7.9" in entry.check.explain([entry])
    assert "Get-NetworkConnectionInfo EX16A" in entry.check.advise(entry)

    org.change(RELAY, bindings="10.0.7.9:25, 10.0.0.21:25")
    assert audited(org, ID) == []


def test_an_address_in_an_error_says_nothing_of_others() -> None:
    """S9.13: a binding to any other address may be right."""
    org = healthy().change(RELAY, bindings="10.0.7.9:25")
    org.addresses = [replace(each, source="LastError") for each in org.addresses]

    assert audited(org, ID) == []
