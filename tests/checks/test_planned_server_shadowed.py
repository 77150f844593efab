"""Audit: a custom connector that would intercept a server which does not arrive there yet."""

from __future__ import annotations

import mailflow
from check_cases import RELAY, audited
from organisations import healthy

ID = "planned-server-shadowed"


def test_a_server_to_come_is_intercepted() -> None:
    """S1.13: the same selection, asked for its address; its repair removes just that."""
    org = healthy().change(RELAY, ranges="10.0.0.31, 10.0.5.0/24")
    (entry,) = audited(org, ID, "EX19A=10.0.0.31")

    assert (entry.state, entry.named, entry.addresses) == ("found", ("EX19A",), ("10.0.0.31",))
    told = mailflow.audit(org.snapshot(), ["EX19A=10.0.0.31"])
    assert told.repair == (rf'Set-ReceiveConnector "{RELAY}" -RemoteIPRanges "10.0.5.0/24"',)


def test_without_it_nothing_is_open() -> None:
    """The same connector, and no server to come."""
    assert audited(healthy().change(RELAY, ranges="10.0.0.31, 10.0.5.0/24"), ID) == []


def test_an_unread_mechanism_is_unknown() -> None:
    """Nothing is concluded from what is not there."""
    org = healthy().change(RELAY, ranges="10.0.0.31", auth=None)

    assert [each.state for each in audited(org, ID, "10.0.0.31")] == ["unknown"]
