"""The diagnosis: which cause is found, unknown or clear, for whom, and what to do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from large_organisations import large
from mailflow.analysis.addresses import ADAPTERS
from mailflow.checks.registry import CARDS as CAUSES
from mailflow.exchange.cmdlets import TABLES
from mailflow.exchange.ranges import parse_range, subtract
from mailflow.snapshot import ComponentState, ServerAddress, Snapshot, Unread
from mailflow.sources.tables import assemble
from mailflow.views.findings import findings
from mailflow.views.not_read import not_read
from mailflow.views.verdict import Diagnosis, FindingRecord
from organisations import (
    E2010,
    E2013,
    E2016,
    E2019,
    STUCK,
    STUCK_2016,
    Organisation,
    article,
    healthy,
)

SHADOWED = "custom-connector-shadows-default"
REFUSED = (
    '441 4.4.1 Error encountered while communicating with primary target IP address: "Failed to '
    'connect. Winsock error code: 10061, Win32 error code: 10061." Attempted failover to alternate '
    "host, but that did not succeed. Either there are no alternate hosts, or delivery failed to "
    "all alternate hosts."
)
KERBEROS = STUCK.replace(
    "451 5.7.3 Cannot achieve Exchange Server authentication",
    "454 4.7.0 Temporary authentication failure",
)
NOT_AVAILABLE = STUCK.replace(
    "451 5.7.3 Cannot achieve Exchange Server authentication", "421 4.3.2 Service not available"
)


def diagnose(org: Organisation) -> Diagnosis:
    """The findings of an organisation that was read completely."""
    return findings(org.snapshot())


def open_ones(diagnosis: Diagnosis) -> list[FindingRecord]:
    """The entries that are found or unknown, in order."""
    return [one for one in diagnosis.findings if one.state in ("found", "unknown")]


def only(diagnosis: Diagnosis) -> FindingRecord:
    """The one open entry."""
    (entry,) = open_ones(diagnosis)
    return entry


def test_article() -> None:
    """Both relays, both senders, both addresses, both queues; repair and retry (section 0)."""
    actual = diagnose(article())

    assert actual.verdict == "found"
    assert [one.cause for one in open_ones(actual)] == [SHADOWED, SHADOWED]
    assert [one.connector for one in open_ones(actual)] == [r"EX16A\Relay", r"EX16B\Relay"]
    for entry in open_ones(actual):
        assert entry.state == "found"
        assert entry.senders == ("EX10A", "EX10B")
        assert entry.addresses == ("10.0.0.11", "10.0.0.12")
        assert entry.queues == (r"EX10A\1187", r"EX10B\902")
    assert actual.repair == (
        r'Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "10.0.5.0/24"',
        r'Set-ReceiveConnector "EX16B\Relay" -RemoteIPRanges "10.0.5.0/24"',
        r'Retry-Queue -Identity "EX10A\1187"',
        r'Retry-Queue -Identity "EX10B\902"',
    )
    assert set(actual.undo) == {
        r'Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "10.0.0.11","10.0.0.12","10.0.5.0/24"',
        r'Set-ReceiveConnector "EX16B\Relay" -RemoteIPRanges "10.0.0.11","10.0.0.12","10.0.5.0/24"',
    }
    assert "EX10A and EX10B" in actual.headline
    assert "EX16A and EX16B" in actual.headline


def test_article_says_how_long_it_waits() -> None:
    """214 messages since 11:48 UTC, expiring two days later (section 4.6)."""
    stuck = diagnose(article()).stuck

    assert stuck is not None
    assert (stuck.messages, stuck.queues) == (214, 2)
    assert stuck.since == "2026-11-23T11:48:00+00:00"
    assert stuck.expires == "2026-11-25T11:48:00+00:00"


def test_healthy_is_clear() -> None:
    """Relays for printers, shadow queues and moving queues are no findings (S1.02, S4.43)."""
    actual = diagnose(healthy())

    assert actual.verdict == "clear"
    assert open_ones(actual) == []
    assert {one.cause for one in actual.findings if one.state == "clear"} >= {
        SHADOWED,
        "exchange-auth-missing-on-default",
        "exchange-servers-group-missing",
        "anonymoustls-suppressed",
        "no-connector-answers",
        "transport-role-conflict",
    }


@pytest.mark.parametrize("cmdlet", [spec.name for spec in TABLES.values() if not spec.decides])
def test_what_no_check_looks_at_is_no_missing_data_of_a_verdict(cmdlet: str) -> None:
    """An account that may not read it sees a clean first screen; the table of gaps tells it."""
    org = replace(healthy().snapshot(), unread=(Unread("EX16A", cmdlet, "no such cmdlet"),))

    assert (findings(org).verdict, findings(org).unread) == ("clear", ())
    assert cmdlet in repr(not_read(org))


def test_every_cause_of_errors_and_configuration_has_a_state() -> None:
    """Each cause of the contract stands in the findings, in one of the four states."""
    actual = diagnose(article())

    assert {one.cause for one in actual.findings} == set(CAUSES)


def test_fault_with_no_queue_stuck_is_found() -> None:
    """Configuration speaks for itself on a path in use; no queue is listed (contract 8.11)."""
    org = healthy()
    org.change(r"EX16A\Relay", ranges="10.0.0.11, 10.0.5.0/24")

    actual = only(diagnose(org))

    assert (actual.cause, actual.state, actual.server) == (SHADOWED, "found", "EX16A")
    assert (actual.senders, actual.queues) == (("EX10A",), ())
    assert not any(line.startswith("Retry-Queue") for line in actual.commands)


def test_new_servers_behind_a_port_25_connector_are_no_finding() -> None:
    """2016 reaches 2016 on 2525, so a relay on 25 that lists it changes nothing (S4.02)."""
    org = healthy()
    org.change(r"EX16A\Relay", ranges="10.0.0.22, 10.0.5.0/24")

    assert diagnose(org).verdict == "clear"


def test_custom_hub_connector_on_2525() -> None:
    """A custom HubTransport connector on 2525 hits new-to-new mail (C12, S4.03b)."""
    org = healthy()
    org.add_relay("EX16A", "10.0.0.22", name="App", bindings="0.0.0.0:2525", role="HubTransport")

    actual = only(diagnose(org))

    assert (actual.cause, actual.connector) == (SHADOWED, r"EX16A\App")
    assert (actual.senders, actual.addresses) == (("EX16B",), ("10.0.0.22",))


def test_own_address_on_2525() -> None:
    """The Front End and mailbox submission of a server use its own 2525 (S4.06, S4.07)."""
    org = healthy()
    org.add_relay("EX16A", "10.0.0.21", name="App", bindings="0.0.0.0:2525", role="HubTransport")

    actual = only(diagnose(org))

    assert (actual.connector, actual.senders) == (r"EX16A\App", ("EX16A",))


def test_externally_secured_relay() -> None:
    """ExternalAuthoritative offers no way in, although it trusts everyone (C11, S3.31)."""
    org = healthy()
    org.change(
        r"EX16A\Relay",
        ranges="10.0.0.11, 10.0.5.0/24",
        auth="Tls, ExternalAuthoritative",
        groups="ExchangeServers",
    )

    actual = only(diagnose(org))

    assert (actual.cause, actual.state) == (SHADOWED, "found")
    assert "externally secured" in actual.reading


def test_connector_with_exchange_auth_is_harmless() -> None:
    """A custom connector that lets servers in may be there on purpose (S3.42)."""
    org = healthy()
    org.change(
        r"EX16A\Relay",
        ranges="10.0.0.0/24",
        auth="Tls, ExchangeServer",
        groups="ExchangeServers",
    )

    assert diagnose(org).verdict == "clear"


def test_disabled_relay_is_no_finding() -> None:
    """Only enabled connectors answer (S1.10)."""
    org = article()
    for server in ("EX16A", "EX16B"):
        org.change(rf"{server}\Relay", enabled=False)
    for queue in (r"EX10A\1187", r"EX10B\902"):
        org.remove(queue)

    assert diagnose(org).verdict == "clear"


def test_ipv6_is_judged_by_its_own_ranges() -> None:
    """An IPv6 sender is caught by IPv6 ranges alone (S1.12, C16)."""
    org = healthy()
    for server, address in (("EX10A", "2001:db8::11"), ("EX16A", "2001:db8::21")):
        org.addresses.append(ServerAddress(server, address, "addresses.csv"))
    org.change(r"EX16A\Relay", ranges="2001:db8::/64", bindings="0.0.0.0:25, [::]:25")

    actual = only(diagnose(org))

    assert (actual.cause, actual.addresses) == (SHADOWED, ("2001:db8::11",))


def test_one_of_several_addresses_is_caught() -> None:
    """A sender with several addresses, one of them caught: found, with that (contract 8.7)."""
    org = healthy()
    org.set_addresses("EX10A", "10.0.0.11", "10.9.9.9")
    org.change(r"EX16A\Relay", ranges="10.9.9.0/24")

    assert only(diagnose(org)).addresses == ("10.9.9.9",)


def test_default_lacks_exchange_auth() -> None:
    """The right connector answers and has lost ExchangeServer (C2)."""
    org = healthy()
    org.change(r"EX16A\Default Frontend EX16A", auth="Tls, Integrated")

    actual = only(diagnose(org))

    assert actual.cause == "exchange-auth-missing-on-default"
    assert actual.connector == r"EX16A\Default Frontend EX16A"
    assert actual.commands[0].endswith("-AuthMechanism Tls,Integrated,ExchangeServer")


def test_group_missing() -> None:
    """Without the ExchangeServers group mail fails after the log-on, with 454 4.7.0 (L2, S3.30)."""
    org = healthy()
    org.change(r"EX16A\Default Frontend EX16A", groups="AnonymousUsers, ExchangeLegacyServers")
    org.add_queue("EX10A", 5, name="1", error=KERBEROS)

    actual = only(diagnose(org))

    assert actual.cause == "exchange-servers-group-missing"
    assert actual.queues == (r"EX10A\1",)
    assert actual.commands[0].endswith(
        "-PermissionGroups AnonymousUsers,ExchangeServers,ExchangeLegacyServers"
    )


def test_kerberos_error_without_a_fault_of_configuration() -> None:
    """454 4.7.0 with healthy connectors is a matter of Kerberos or permission (L1)."""
    actual = only(diagnose(healthy().add_queue("EX10A", 5, name="1", error=KERBEROS)))

    assert (actual.cause, actual.state) == ("kerberos-or-permission", "found")
    assert actual.connector is None


@pytest.mark.parametrize(
    ("setting", "stuck", "state"),
    [
        (True, False, None),
        (False, False, "found"),
        (None, False, "unknown"),
        (None, True, "found"),
    ],
)
def test_suppressed(setting: bool | None, stuck: bool, state: str | None) -> None:
    """SuppressXAnonymousTls is a fault for senders that cannot do without (C10, S3.42)."""
    org = healthy()
    for server in ("EX10A", "EX10B"):
        org.set_downgraded_auth(server, value=setting)
    org.change(r"EX16A\Default Frontend EX16A", suppress_x_anonymous_tls=True)
    if stuck:
        org.add_queue("EX10A", 5, name="1", error=STUCK)

    actual = [one for one in open_ones(diagnose(org)) if one.cause == "anonymoustls-suppressed"]

    assert [one.state for one in actual] == ([state] if state else [])


def test_nobody_answers_where_the_default_is_disabled() -> None:
    """Default Frontend disabled: 421 4.3.2, and the connector is named (C13, S1.18)."""
    org = healthy()
    org.change(r"EX16A\Default Frontend EX16A", enabled=False)
    org.add_queue("EX10A", 5, name="1", error=NOT_AVAILABLE)

    actual = only(diagnose(org))

    assert (actual.cause, actual.state) == ("no-connector-answers", "found")
    assert actual.connector == r"EX16A\Default Frontend EX16A"
    assert actual.commands[0] == (
        r'Set-ReceiveConnector "EX16A\Default Frontend EX16A" -Enabled $true'
    )
    assert actual.queues == (r"EX10A\1",)


def test_nobody_answers_where_the_default_was_narrowed() -> None:
    """Default Frontend with narrowed ranges gets the servers that are missing, no more (S1.18)."""
    org = healthy()
    org.change(r"EX16A\Default Frontend EX16A", ranges="10.0.0.20-10.0.0.30")

    actual = only(diagnose(org))

    assert actual.cause == "no-connector-answers"
    assert actual.commands[0].endswith(
        '-RemoteIPRanges "10.0.0.20-10.0.0.30","10.0.0.11","10.0.0.12"'
    )
    assert actual.remedy == (
        r"Add 10.0.0.11 and 10.0.0.12 to RemoteIPRanges of EX16A\Default Frontend EX16A."
    )


def test_silence_on_an_endpoint_that_may_not_be_there_accuses_nobody() -> None:
    """Without Get-ExchangeServer a 2010 server is not blamed for not having 2525 (S4.03, S4.06)."""
    captured = healthy().add_server("EX13C", E2013, "10.0.0.42", roles="ClientAccess")

    actual = findings(assemble(captured.without("servers").reading(), origin=""))

    assert actual.verdict == "unknown"
    told = [(one.state, one.server) for one in actual.findings if one.state in ("found", "unknown")]
    assert told == [("unknown", "EX13C")]  # of 2013, either service may be missing (section 2.2)
    assert {one.server for one in actual.unread} == {"EX10A", "EX10B", "EX13C"}


def test_unread_version_of_a_sender_is_named_as_what_is_missing() -> None:
    """25 (S4.03) or 2525 (S4.02): the sender's version decides, not a local address."""
    captured = article().remove("EX10A\\1187").remove("EX10B\\902").without("servers")

    actual = findings(assemble(captured.reading(), origin=""))

    assert [one.state for one in actual.findings[:2]] == ["unknown", "unknown"]
    assert all("version or roles of EX10A" in one.reading for one in actual.findings[:2])


def test_missing_defaults_are_not_accused_in_a_filtered_capture() -> None:
    """A capture of custom connectors alone shows no fault of the ones that it lacks."""
    org = healthy()
    org.connectors = [one for one in org.connectors if one.name == "Relay" or "10" in one.server]

    actual = diagnose(org)

    assert actual.verdict == "unknown"
    assert {one.state for one in open_ones(actual)} == {"unknown"}


def test_role_conflict_names_the_custom_connector() -> None:
    """Front End and Hub connectors on one endpoint; the one setup did not make (C9)."""
    org = healthy()
    org.add_relay("EX16A", "10.0.9.9", name="Scanner", role="HubTransport")

    actual = only(diagnose(org))

    assert (actual.cause, actual.state) == ("transport-role-conflict", "found")
    assert actual.connector == r"EX16A\Scanner"


def test_disabled_connector_of_the_other_role_claims_nothing() -> None:
    """A disabled connector takes no socket, so there is no conflict now (S1.10)."""
    org = healthy()
    org.add_relay("EX16A", "10.0.9.9", name="Scanner", role="HubTransport", enabled=False)

    assert diagnose(org).verdict == "clear"


def test_hub_connector_on_25_of_a_mailbox_only_server_is_normal() -> None:
    """A 2013 Mailbox server without Front End listens on 25 itself (S2.05, S4.05)."""
    org = Organisation()
    org.add_server("EX10A", E2010, "10.0.0.11")
    org.add_server("MBX13", E2013, "10.0.0.31", roles="Mailbox")

    assert diagnose(org).verdict == "clear"


def test_unexplained_5_7_3() -> None:
    """5.7.3 with healthy connectors is unknown, with the next checks (contract 8.1)."""
    actual = diagnose(healthy().add_queue("EX10A", 5, name="1", error=STUCK))

    assert actual.verdict == "unknown"
    entry = only(actual)
    assert (entry.cause, entry.state) == ("outside-the-connectors", "unknown")
    assert entry.connector is None
    assert entry.queues == (r"EX10A\1",)
    assert entry.remedy


def test_old_error_on_a_moving_queue_is_nothing() -> None:
    """Active or Ready with an old 5.7.3 is clear (S4.42, contract 8.4)."""
    org = healthy()
    org.add_queue("EX10A", 5, name="1", error=STUCK, status="Ready", retry_count=4)
    org.add_queue("EX10B", 5, name="2", error=STUCK, status="Active")

    assert diagnose(org).verdict == "clear"


def test_retry_without_an_error_is_unknown() -> None:
    """Retry with an empty LastError and healthy connectors: unknown (contract 8.11)."""
    org = healthy().add_queue("EX10A", 5, name="1", error="", status="Retry")

    entry = only(diagnose(org))

    assert (entry.cause, entry.state) == ("unrecognised-error", "unknown")


def test_retry_without_an_error_speaks_for_a_fault_on_its_way() -> None:
    """Retry with an empty LastError is listed with the fault on its path (contract 8.11)."""
    org = healthy().add_queue("EX10A", 5, name="1", error="", status="Retry")
    org.change(r"EX16A\Relay", ranges="10.0.0.11")

    entry = only(diagnose(org))

    assert (entry.cause, entry.queues) == (SHADOWED, (r"EX10A\1",))


def test_many_retries_without_retry_are_stuck() -> None:
    """S4.68: Connecting, or Ready with messages, after many attempts is no queue that moves."""
    for status in ("Ready", "Connecting"):
        org = healthy().add_queue("EX10A", 5, error=STUCK, status=status, retry_count=5)
        actual = diagnose(org)

        assert actual.verdict == "unknown"
        assert actual.stuck is not None
        assert actual.stuck.messages == 5


def test_an_error_outside_the_connectors_is_found() -> None:
    """Connection refused is understood and no connector is at fault (contract, section 7)."""
    entry = only(diagnose(healthy().add_queue("EX10A", 5, name="1", error=REFUSED)))

    assert (entry.cause, entry.state) == ("target-refuses", "found")
    assert entry.connector is None


def test_what_explains_the_stuck_queue_comes_first() -> None:
    """A refused connection stands before a fault of configuration that no queue complains of."""
    org = healthy().add_queue("EX10A", 5, name="1", error=REFUSED)
    org.change(r"EX16A\Relay", ranges="10.0.0.12")

    assert [one.cause for one in open_ones(diagnose(org))] == ["target-refuses", SHADOWED]


def test_unknown_error_is_never_guessed() -> None:
    """A text that no catalogue knows is shown as it stands (contract 8.1)."""
    entry = only(diagnose(healthy().add_queue("EX10A", 5, name="1", error="999 9.9.9 Zonk")))

    assert (entry.cause, entry.state) == ("unrecognised-error", "unknown")
    assert "Zonk" in entry.reading


def test_cut_list_that_shows_the_sender_is_found() -> None:
    """The visible part already holds the sender (contract 8.8); no list is written from it."""
    org = article()
    for server in ("EX16A", "EX16B"):
        org.change(rf"{server}\Relay", ranges_complete=False)

    actual = diagnose(org)

    assert actual.verdict == "found"
    assert not any(line.startswith("Set-ReceiveConnector") for line in actual.repair)
    assert "Export it in full, then rerun" in open_ones(actual)[0].remedy


def test_cut_list_that_does_not_show_the_sender_is_unknown() -> None:
    """The visible part does not hold it: unknown for that server alone (contract 8.8)."""
    org = healthy().change(r"EX16A\Relay", ranges_complete=False)

    entry = only(diagnose(org))

    assert (entry.cause, entry.state, entry.server) == (SHADOWED, "unknown", "EX16A")


def test_sender_without_address_is_unknown() -> None:
    """Who answers a server whose address is not known cannot be said (contract, section 2)."""
    org = healthy().set_addresses("EX10A")

    actual = diagnose(org)

    assert actual.verdict == "unknown"
    assert {one.senders for one in open_ones(actual)} == {("EX10A",)}


def test_unread_rows_never_end_as_clear() -> None:
    """A thing that was not read turns a clear verdict to unknown, and leaves found found."""
    row = Unread("EX10B", "Get-Queue", "the server did not answer")
    good, bad = healthy().snapshot(), article().snapshot()

    assert findings(replace(good, unread=(row,))).verdict == "unknown"
    assert findings(replace(bad, unread=(row,))).verdict == "found"


def test_unreadable_authentication_is_unknown() -> None:
    """AuthMechanism that was not read is unknown, never offered (contract, section 2)."""
    org = healthy().change(r"EX16A\Default Frontend EX16A", auth=None)

    assert {one.state for one in open_ones(diagnose(org))} == {"unknown"}


def test_second_relay_is_found_before_it_bites() -> None:
    """After the first repair the next relay would win; both are repaired (section 1.2)."""
    org = healthy()
    org.change(r"EX16A\Relay", ranges="10.0.0.11, 10.0.5.0/24")
    org.add_relay("EX16A", "10.0.0.0/24", name="Old relay")

    actual = diagnose(org)
    mine = [one for one in open_ones(actual) if one.connector == r"EX16A\Relay"]

    assert actual.repair == (
        r'Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "10.0.5.0/24"',
        (
            r'Set-ReceiveConnector "EX16A\Old relay" -RemoteIPRanges '
            r'"10.0.0.0-10.0.0.10","10.0.0.13-10.0.0.255"'
        ),
    )
    assert [one.commands for one in mine] == [actual.repair[:1]]


def test_empty_list_is_not_proposed() -> None:
    """Whether a list may become empty is not known: the connector is disabled instead (S8.64)."""
    org = healthy().change(r"EX16A\Relay", ranges="10.0.0.11")

    entry = only(diagnose(org))

    assert entry.commands == (r'Set-ReceiveConnector "EX16A\Relay" -Enabled $false',)
    assert entry.undo == (r'Set-ReceiveConnector "EX16A\Relay" -Enabled $true',)
    assert entry.remedy == r"Disable EX16A\Relay."


def test_only_dedicated_local_address_is_caught() -> None:
    """A fault on one of several local addresses is unknown until a queue speaks (S1.16)."""
    org = healthy().set_addresses("EX16A", "10.0.0.21", "10.0.0.25")
    org.change(r"EX16A\Relay", ranges="10.0.0.11", bindings="10.0.0.25:25")

    assert only(diagnose(org)).state == "unknown"

    org.add_queue("EX10A", 5, name="1", error=STUCK)

    entry = only(diagnose(org))
    assert (entry.state, entry.queues) == ("found", (r"EX10A\1",))


def test_limited_to_a_server() -> None:
    """A run limited to one server judges the ways that begin or end there."""
    org = article().snapshot()

    actual = findings(org.limited_to(["EX16B"]))

    assert {one.server for one in open_ones(actual)} == {"EX16B"}


def test_min_messages() -> None:
    """Queues below the limit do not count as stuck."""
    org = healthy().add_queue("EX10A", 5, name="1", error=REFUSED).snapshot()

    assert findings(org, min_messages=6).verdict == "clear"


def test_hostile_names_get_no_command() -> None:
    """A name with control characters is never put into a command that people paste."""
    org = healthy()
    org.add_relay("EX16A", "10.0.0.11", "10.7.7.7", name="x\ny")

    entry = only(diagnose(org))

    assert entry.state == "found"
    assert entry.commands == ()
    assert "not safe to paste" in entry.remedy


def test_quotes_in_names_are_escaped() -> None:
    """Backtick, dollar and every double quote PowerShell knows are escaped."""
    org = healthy()
    org.add_relay("EX16A", "10.0.0.11", "10.7.7.7", name='a"b$c`d\u201de')

    command = only(diagnose(org)).commands[0]

    assert '"EX16A\\a`"b`$c``d`\u201de"' in command


def test_json_has_every_key() -> None:
    """Keys never go missing; what does not apply is null or empty (contract, section 6)."""
    document = diagnose(article()).as_json()

    assert document["schema"] == "mailflow.findings/1"
    for entry in document["findings"]:
        assert {
            "cause", "state", "server", "connector", "senders", "addresses", "queues", "reading",
            "remedy", "commands",
        } <= set(entry)  # fmt: skip


def test_nothing_read_at_all_is_unknown() -> None:
    """An empty snapshot is unknown, never clear."""
    row = Unread("", "Get-Queue", "no capture of it")

    assert findings(Snapshot(unread=(row,))).verdict == "unknown"


def test_new_list_keeps_every_other_address() -> None:
    """The proposed list is the old one without the servers' addresses, split (S8.63)."""
    org = healthy().change(r"EX16A\Relay", ranges="10.0.0.0/23, 10.0.5.0/24")

    line = only(diagnose(org)).commands[0]

    texts = line.split("-RemoteIPRanges ")[1].replace('"', "").split(",")
    old = [parse_range("10.0.0.0/23"), parse_range("10.0.5.0/24")]
    gone = [parse_range("10.0.0.11"), parse_range("10.0.0.12")]
    assert [parse_range(text) for text in texts] == list(subtract(old, gone))


def test_remote_site_2019() -> None:
    """A 2019 server is reached from 2010 on port 25 as well (S4.03)."""
    org = healthy().add_server("EX19A", E2019, "10.1.0.31")
    org.add_relay("EX19A", "10.0.0.0/24")

    entry = only(diagnose(org))

    assert (entry.server, entry.senders) == ("EX19A", ("EX10A", "EX10B"))


def test_edge_reaches_the_front_end() -> None:
    """An Edge server delivers to Default Frontend on 25 and is caught there (S4.09)."""
    org = healthy().add_server("EDGE1", E2016, "192.0.2.5", roles="Edge")
    org.change(r"EX16A\Relay", ranges="192.0.2.0/24")

    entry = only(diagnose(org))

    assert (entry.cause, entry.senders) == (SHADOWED, ("EDGE1",))


def test_what_the_repair_settles_is_no_next_step() -> None:
    """S9.04: open which adapter the connection takes, but the repair changes both connectors."""
    org = healthy().remove(r"EX16A\Relay").add_relay("EX16A", "10.0.0.11", "10.0.5.0/24")
    org.add_relay("EX16A", "10.1.0.0/24", name="Backup", bindings="10.1.0.21:25")
    org.set_addresses("EX10A", "10.0.0.11", "10.1.0.11")
    org.set_addresses("EX16A", "10.0.0.21", "10.1.0.21")
    found = findings(org.snapshot())

    states = {(one.connector, one.state) for one in found.findings if one.connector}
    assert (r"EX16A\Backup", "unknown") in states
    assert [line.split(" -")[0] for line in found.repair] == [
        r'Set-ReceiveConnector "EX16A\Relay"',
        r'Set-ReceiveConnector "EX16A\Backup"',
    ]
    assert found.next_steps == ()


def test_family_that_the_adapters_lack_is_not_in_use() -> None:
    """Adapters list all a server has: without IPv6 there, an IPv6 range catches nobody (S9.10)."""
    org = healthy()
    org.addresses.append(ServerAddress("EX10A", "2001:db8::11", ADAPTERS))
    org.change(r"EX16A\Relay", ranges="2001:db8::/64", bindings="0.0.0.0:25, [::]:25")
    assert only(diagnose(org)).addresses == ("2001:db8::11",)

    org.addresses = [replace(one, source=ADAPTERS) for one in org.addresses]

    assert diagnose(org).verdict == "clear"


def test_local_address_without_a_listener_is_no_fault() -> None:
    """Peers reach the address that Default Frontend listens on, not each address there is."""
    org = healthy().set_addresses("EX16A", "10.0.0.21", "192.168.9.21")
    org.change(r"EX16A\Default Frontend EX16A", bindings="10.0.0.21:25")
    org.remove(r"EX16A\Relay")

    assert diagnose(org).verdict == "clear"


def test_lone_server_without_address_is_no_riddle() -> None:
    """A server that is alone has no way to judge; its own hop needs no unknown of its own."""
    org = Organisation().add_server("EX16A", E2016)

    assert open_ones(diagnose(org)) == []


def test_shadow_queues_are_never_stuck() -> None:
    """They hold messages by design, whatever their status says (S4.43)."""
    org = healthy()
    shadow = {"delivery_type": "ShadowRedundancy", "status": "Retry"}
    org.add_queue("EX16A", 5, name=r"Shadow\9", error=STUCK, **shadow)
    org.add_queue("EX16A", 5, name=r"Shadow\8", **(shadow | {"status": "Suspended"}))

    assert diagnose(org).verdict == "clear"


def test_unreachable_queue_is_stuck_in_any_status() -> None:
    """Messages without a next hop do not move: Ready is enough (contract 8.4)."""
    org = healthy().add_queue(
        "EX16A", 5, name="Unreachable", delivery_type="Unreachable", status="Ready"
    )

    entry = only(diagnose(org))

    assert (entry.cause, entry.state) == ("routing-or-loop", "found")
    assert not any("Retry-Queue" in line for line in entry.commands)


def test_cut_error_text_decides_nothing() -> None:
    """What a cut text names may not be the innermost level: unknown (contract, section 2)."""
    org = healthy().add_queue("EX10A", 5, name="1", error=REFUSED, last_error_complete=False)

    assert only(diagnose(org)).state == "unknown"


def test_queue_speaks_only_for_targets_on_its_way() -> None:
    """A queue to another server is not listed with the fault of this one (section 4.2)."""
    org = healthy().add_server("EX19A", E2019, "10.0.0.31")
    org.add_relay("EX19A", "10.0.0.22", name="App", bindings="0.0.0.0:2525", role="HubTransport")
    hop = {"delivery_type": "SmtpRelayToServers", "to": "ex16a.contoso.com"}
    org.add_queue("EX16B", 5, name="1", error=STUCK, **hop)

    entries = {one.cause: one.queues for one in open_ones(diagnose(org))}

    assert entries == {SHADOWED: (), "outside-the-connectors": (r"EX16B\1",)}


def test_retry_queue_is_offered_for_numbered_queues_in_retry_alone() -> None:
    """Retry-Queue does nothing else, and a next hop may mean several (S8.71, section 4.3)."""
    org = article().remove(r"EX10B\902")
    org.add_queue("EX10B", 83, name="hub version 15", error=STUCK)

    lines = [line for line in diagnose(org).repair if line.startswith("Retry-Queue")]

    assert lines == [r'Retry-Queue -Identity "EX10A\1187"']


def test_clear_entries_need_every_way_to_be_known() -> None:
    """Where a way is unknown, no cause of configuration is called clear (contract, section 6)."""
    actual = diagnose(healthy().set_addresses("EX10A"))

    assert [one.cause for one in actual.findings if one.state == "clear"] == []


def test_limited_run_leaves_other_servers_conflicts_out() -> None:
    """A role conflict on a server that the run does not cover is not its matter."""
    org = healthy().add_relay("EX16A", "10.0.9.9", name="Scanner", role="HubTransport")

    actual = findings(org.snapshot().limited_to(["EX10B"]))

    assert {one.server for one in open_ones(actual)} == {"EX16A"}
    assert open_ones(findings(org.snapshot().limited_to(["EX16B"]))) == []


def test_externally_secured_default_is_left_to_a_person() -> None:
    """ExternalAuthoritative would have to go (section 3.4), and every other host is trusted by it.

    S3.31: they would lose the trust, so there is no command.
    """
    org = healthy()
    org.change(r"EX16A\Default Frontend EX16A", auth="Tls, ExternalAuthoritative")

    actual = diagnose(org)

    assert (actual.repair, only(actual).commands) == ((), ())
    assert "would lose" in only(actual).remedy
    assert "trust without authentication" in only(actual).remedy


def test_default_behind_the_relay_is_repaired_as_well() -> None:
    """Once the relay lets go, the default answers: if it lacks authentication, both change."""
    org = healthy().change(r"EX16A\Relay", ranges="10.0.0.11, 10.0.0.12, 10.0.5.0/24")
    org.change(r"EX16A\Default Frontend EX16A", auth="Tls")

    actual = diagnose(org)

    assert set(actual.repair) == {
        r'Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "10.0.5.0/24"',
        (
            r'Set-ReceiveConnector "EX16A\Default Frontend EX16A" '
            "-AuthMechanism Tls,ExchangeServer"
        ),
    }


def test_disabled_default_behind_the_relay_is_enabled() -> None:
    """If the default is disabled nobody would answer after the relay lets go: both change (C13)."""
    org = healthy().change(r"EX16A\Relay", ranges="10.0.0.11, 10.0.0.12, 10.0.5.0/24")
    org.change(r"EX16A\Default Frontend EX16A", enabled=False)

    assert set(diagnose(org).repair) == {
        r'Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "10.0.5.0/24"',
        r'Set-ReceiveConnector "EX16A\Default Frontend EX16A" -Enabled $true',
    }


@pytest.mark.parametrize("change", [{"auth": "Tls"}, {"enabled": False}])
def test_every_command_of_the_repair_stands_in_a_finding(change: dict[str, object]) -> None:
    """Who follows the findings one by one types the whole repair, and reads all of its words."""
    org = healthy().change(r"EX16A\Relay", ranges="10.0.0.11, 10.0.0.12, 10.0.5.0/24")
    actual = diagnose(org.change(r"EX16A\Default Frontend EX16A", **change))

    told = {line for one in open_ones(actual) for line in one.commands}
    assert set(actual.repair) - told == set()


def test_there_is_one_repair_for_all_findings() -> None:
    """Where one server can't be mended there is no command at all, and the words say why."""
    org = article().change(r"EX16A\Relay", ranges_complete=False)

    actual = diagnose(org)

    assert (actual.repair, actual.undo) == ((), ())
    assert all(one.commands == () for one in open_ones(actual))
    assert all("Export it in full" in one.remedy for one in open_ones(actual))


OFF = ("EX16B", "HubTransport", "Inactive")
NAMES_EX16B = STUCK_2016.format(fqdn="ex16b.contoso.com", ip="10.0.0.22").replace(
    "451 5.7.3 Cannot achieve Exchange Server authentication", "421 4.3.2 Service not available"
)


def stuck_on_components(*states: tuple[str, str, str], error: str = NAMES_EX16B) -> FindingRecord:
    """The first finding where mail of EX16A waits with an error, and components are as given."""
    org = healthy().add_queue("EX16A", error=error)
    components = tuple(ComponentState(*one) for one in states)
    return open_ones(findings(replace(org.snapshot(), components=components)))[0]


def test_component_state_decides_what_4_3_2_means() -> None:
    """`Service not available` where the server that says it is off; other states explain nothing.

    Section 6.2, row 421 4.3.2.
    """
    actual = stuck_on_components(OFF)

    assert (actual.cause, actual.state, actual.server) == ("service-inactive", "found", "EX16B")
    assert "HubTransport of EX16B is Inactive" in actual.reading
    assert stuck_on_components(("EX16B", "HubTransport", "Active")).state == "unknown"
    assert stuck_on_components(("EX16B", "OwaProxy", "Inactive")).state == "unknown"
    assert stuck_on_components(OFF, error=KERBEROS).cause == "kerberos-or-permission"
    # It names no server: the one that is not off would have taken the mail.
    assert stuck_on_components(OFF, error=NOT_AVAILABLE).state == "unknown"
    assert stuck_on_components(("EX16A", "HubTransport", "Inactive")).state == "unknown"


@pytest.mark.parametrize("component", ["HubTransport", "FrontendTransport", "ServerWideOffline"])
def test_server_that_takes_no_mail_is_never_clear(component: str) -> None:
    """With no queue stuck it is maintenance, or one that was not ended (section 6.2): unknown."""
    state = ComponentState("EX16B", component, "Inactive")
    org = replace(healthy().snapshot(), components=(state,))
    actual = findings(org)
    (entry,) = open_ones(actual)

    assert (actual.verdict, entry.cause, entry.server) == ("unknown", "service-inactive", "EX16B")
    assert f"{component} is Inactive" in entry.reading
    assert "Set-" not in entry.remedy
    active = replace(state, state="Active")
    assert findings(replace(org, components=(active,))).verdict == "clear"


@pytest.mark.parametrize("what", ["Get-ServerComponentState", "Get-ADPermission Identity"])
def test_what_only_supports_findings_takes_no_clear_away(what: str) -> None:
    """Unread states and rights are shown; no fault is seen by them alone."""
    org = replace(healthy().snapshot(), unread=(Unread("EX16A", what, "denied"),))
    actual = findings(org)

    assert (actual.verdict, len(actual.unread)) == ("clear", 1)


def test_nobody_listens_for_a_family_that_may_not_be_there() -> None:
    """Edge listens on IPv4 alone (section 2.4): silence on IPv6 accuses nobody of it.

    Where an IPv6 address of the target is known, peers may take it, and the silence is a fault.
    """
    org = healthy().add_server("EDGE1", E2016, "192.0.2.5", roles="Edge")
    org.set_addresses("EX16A", "10.0.0.21", "2001:db8::21")
    actual = diagnose(org)

    assert {one.state for one in open_ones(actual)} == {"unknown"}
    assert "No IPv6 address of EDGE1 is known" in open_ones(actual)[0].remedy
    org.set_addresses("EDGE1", "192.0.2.5", "2001:db8::5")
    assert any(one.server == "EDGE1" and one.state == "found" for one in open_ones(diagnose(org)))


def test_each_cause_that_is_found_is_told() -> None:
    """No command is printed without the sentence why: a line for each cause, the best first."""
    org = article().change(r"EX16B\Default EX16B", groups="AnonymousUsers")
    found = findings(org.snapshot())

    assert [one.cause for one in found.findings if one.state == "found"] == [
        "custom-connector-shadows-default",
        "custom-connector-shadows-default",
        "exchange-servers-group-missing",
    ]
    first, second = found.summary.splitlines()
    assert "Relay accepts" in first
    assert "lack ExchangeServers" in second


def test_what_no_export_decides_is_read_in_the_receive_log() -> None:
    """S7.26: a tie ends in a command that can be pasted, and never in its own reason (S1.36)."""
    org = healthy().add_relay("EX16A", "0.0.0.0/0", name="Internet", groups="AnonymousUsers")
    found = findings(org.snapshot())

    assert found.verdict == "unknown"
    assert [one.command for one in found.next_steps if one.command] == [
        "Get-FrontendTransportService EX16A | Format-List ReceiveProtocolLogPath"
    ]
    assert not [one for one in found.next_steps if "tie" in one.text]


@pytest.mark.parametrize(
    ("addresses", "words"), [(("10.0.0.12",), "this address"), ((), "these addresses")]
)
def test_one_address_and_several(addresses: tuple[str, ...], words: str) -> None:
    """Singular and plural agree."""
    ranges = "10.0.0.21-10.0.0.22, 10.0.0.11" if addresses else "10.0.0.21-10.0.0.22"
    org = healthy().change(r"EX16A\Default Frontend EX16A", ranges=ranges)

    assert f"do not contain {words} (421 4.3.2)" in findings(org.snapshot()).summary


def test_lists_that_are_cut_are_one_next_step() -> None:
    """Ten cut lists ask for one export: one sentence and one command, of every server."""
    org = large(20)
    org.connectors = [
        replace(each, ranges_complete=each.name != "Relay") for each in org.connectors
    ]

    found = diagnose(org)
    assert found.repair == ()
    (step,) = [each for each in found.next_steps if "are incomplete in the data" in each.text]
    assert step.text.startswith(r"RemoteIPRanges of EX16-000\Relay, EX16-001\Relay")
    assert "and 5 more are incomplete" in step.text
    assert step.command == "Get-ReceiveConnector | Export-Clixml receive-connectors.xml"


def test_one_cut_list_asks_its_server() -> None:
    """A single one is asked of its own server alone."""
    org = large(4, 1)
    org.connectors = [
        replace(each, ranges_complete=each.identity != r"EX16-000\Relay") for each in org.connectors
    ]

    commands = [each.command for each in diagnose(org).next_steps]
    assert (
        "Get-ReceiveConnector -Server EX16-000 | Export-Clixml receive-connectors.xml" in commands
    )


def test_a_server_that_shows_no_adapters_needs_its_addresses() -> None:
    """What helps is said: a line of addresses.csv to fill in, not only the error."""
    row = Unread("EX16B", ADAPTERS, "The RPC server is unavailable.")
    org = healthy()
    org.set_addresses("EX16B")
    snapshot = org.snapshot()
    steps = findings(replace(snapshot, unread=(*snapshot.unread, row))).next_steps

    assert "EX16B,<IP address>" in [each.command for each in steps]
    assert any("addresses.csv" in each.text and "RPC" in each.text for each in steps)


def test_a_headline_names_four_servers() -> None:
    """Of many servers the headline names some and counts the rest; of four it names all."""
    assert diagnose(large(8)).headline == (
        "Mail from EX10-000, EX10-001, EX10-002 and EX10-003 does not reach EX16-000, EX16-001, "
        "EX16-002 and EX16-003"
    )
    assert diagnose(large(20)).headline == (
        "Mail from EX10-000, EX10-001, EX10-002 and 7 more does not reach EX16-000, EX16-001, "
        "EX16-002 and 7 more"
    )
