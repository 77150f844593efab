"""Audit: connectors of one name that treat the same host differently on several servers."""

from __future__ import annotations

from check_cases import RELAY, audited
from organisations import healthy

ID = "connectors-differ"


def test_another_list_is_found_with_what_differs() -> None:
    """S1.13: what a host may do depends on the server it connects to."""
    org = healthy().change(RELAY, ranges="10.0.7.0/24, 10.0.8.0/24")
    entries = audited(org, ID)

    assert {each.state for each in entries} == {"found"}
    assert any("10.0.8.0/24" in each.check.explain([each]) for each in entries)


def test_an_unread_setting_is_unknown() -> None:
    """Nothing is concluded from what is not there; the export that helps is named."""
    entries = audited(healthy().change(RELAY, auth=None), ID)

    assert {each.state for each in entries} == {"unknown"}
    assert all("Export-Clixml" in each.check.advise(each) for each in entries)


def test_sites_that_are_not_known_decide_nothing() -> None:
    """Between sites it may be by design."""
    org = healthy().change(RELAY, ranges="10.0.7.0/24, 10.0.8.0/24")
    for name in ("EX16A", "EX16B"):
        org.change_server(name, site="")

    assert {each.state for each in audited(org, ID)} == {"unknown"}
