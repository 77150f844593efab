"""Audit: relay rights that reach further than they look, without authentication."""

from __future__ import annotations

from check_cases import RELAY, audited
from mailflow.analysis.analysis import analyze
from mailflow.checks.audit import audit
from mailflow.sources.exports.files import read_source
from mailflow.sources.tables import assemble
from organisations import healthy
from support import needs_shared

ID = "relay-wider-than-it-looks"


def test_an_externally_secured_wide_range_is_found() -> None:
    """S3.31, S1.20: it trusts every host of a /16."""
    org = healthy().change(
        RELAY, ranges="10.7.0.0/16", auth="ExternalAuthoritative", groups="ExchangeServers"
    )

    assert [each.state for each in audited(org, ID)] == ["found"]


def test_few_hosts_are_by_design() -> None:
    """A list that somebody wrote host by host."""
    org = healthy().change(
        RELAY, ranges="10.0.7.1, 10.0.7.2", auth="ExternalAuthoritative", groups="ExchangeServers"
    )

    assert audited(org, ID) == []


def test_a_wide_list_without_rights_is_unknown() -> None:
    """S3.20: Custom may stand for relaying; without the access list nobody can tell."""
    org = healthy().change(RELAY, ranges="10.7.0.0/16", groups="AnonymousUsers, Custom")

    assert [each.state for each in audited(org, ID)] == ["unknown"]


def test_what_is_missing_is_asked_for_whole() -> None:
    """S1.38: the access list of all users decides; that of one user does not."""
    org = healthy().change(RELAY, ranges="10.7.0.0/16", groups="AnonymousUsers, Custom")
    [finding] = audited(org, ID)

    assert finding.check.advise(finding).splitlines()[1:] == [
        "Get-ReceiveConnector -Server EX16A | Get-ADPermission | Export-Clixml permissions.xml"
    ]


def test_hosts_outside_are_accused_once() -> None:
    """Of a connector that relays for hosts outside, only a wide range inside is told here."""
    trusted = {"auth": "ExternalAuthoritative", "groups": "ExchangeServers"}
    outside = healthy().change(RELAY, ranges="203.0.0.0/16", **trusted)
    both = healthy().change(RELAY, ranges="203.0.113.0/24, 10.7.0.0/16", **trusted)

    assert audited(outside, ID) == []
    assert [each.state for each in audited(outside, "open-relay")] == ["found"]
    assert [each.state for each in audited(both, ID)] == ["found"]
    assert [each.state for each in audited(both, "open-relay")] == ["found"]


def test_shared_advice_is_read() -> None:
    """The table that the audit once asked for: it says that the default connector relays."""
    reading = read_source(needs_shared("cases/pastes/audit-advice")).reading
    entries = audit(analyze(assemble(reading, origin="x")), ()).findings

    assert [each.state for each in entries if each.id == "open-relay"] == ["found"]
