"""A snapshot of an earlier version: what it lacks is missing data, and accuses nobody."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from evolution import COLUMNS, IDENTITIES, PLACE, missing, of_earlier, without
from mailflow.analysis.addresses import ADAPTERS
from mailflow.errors import InputError
from mailflow.exchange.cmdlets import TABLES as CMDLETS
from mailflow.exchange.connectors import TransportRole
from mailflow.exchange.queues import Queue
from mailflow.opening import open_source
from mailflow.snapshot import (
    TABLES,
    Read,
    Right,
    ServerAddress,
    Snapshot,
    Unread,
    from_document,
    load,
)
from mailflow.views.audit import SENDING, audit
from mailflow.views.findings import findings
from mailflow.views.queues import non_empty_queues
from mailflow.views.verdict import Diagnosis
from organisations import E2016, E2019, STUCK, Organisation, healthy
from stored_data import scenario_names
from support import needs_shared

LACKING = [*COLUMNS, *((table, "") for table in TABLES)]
EACH = pytest.mark.parametrize(
    ("table", "column"), LACKING, ids=[f"{table}.{column}" for table, column in LACKING]
)

WITHOUT_A_VERDICT = {
    # Shown to people, and told by other columns.
    *(("servers", one) for one in ("fqdn", "product", "version_text")),
    ("connectors", "when_changed"),  # tells which logs count, and none is there
    *(("connectors", one) for one in ("fqdn", "protocol_logging", "comment", "limits")),
    *(("queues", one) for one in ("next_hop_connector", "next_hop_category")),
    *(("queues", one) for one in ("retry_count", "deferred_count", "velocity")),
    *(
        ("queues", f"{one}_retry{end}")
        for one in ("last", "next", "first")
        for end in ("", "_text")
    ),
    *(("reads", one) for one in ("outcome", "how", "seconds", "")),
    # Support a finding and make none.
    *(("components", one) for one in ("state", "")),
    *(("rights", one) for one in ("deny", "")),
    # Certificates are judged where they are known, and nothing waits for them.
    ("connectors", "tls_certificate"),
    ("settings", "internal_certificate"),
    ("connectors", "require_tls"),
    # Tell a replication network, and so may take an accusation away, and make none.
    *(("addresses", f"has_{one}") for one in ("dns_servers", "gateway")),
    ("addresses", "registers_in_dns"),
    # Follow from the version here.
    *(("servers", one) for one in ("has_frontend", "has_hub", "generation_hint")),
    # Matter where a queue waits, and none does.
    *(("queues", one) for one in ("last_error", "last_error_complete", "next_hop_domain")),
    ("servers", "site"),
    # Matter where a connector suppresses X-ANONYMOUSTLS, and none does.
    *(("settings", one) for one in ("use_downgraded_auth", "")),
    # Decide what configuration leaves open, and nothing is open here.
    *((table, column) for table in ("observed", "offers") for column in ("", *TABLES[table])),
    # Kept as it was read; no check looks at it.
    *(
        (table, column)
        for table, spec in CMDLETS.items()
        if spec.table and not spec.decides
        for column in ("", *spec.table.columns)
    ),
    # The table has no row here.
    *(("unread", one) for one in ("server", "what", "why")),
}
"""What the verdict on a healthy organization does not rest on."""


@cache
def scenario(name: str) -> Snapshot:
    """A scenario as it is read today."""
    return open_source(f"demo:{name}")


def accused(found: Diagnosis) -> set[tuple[str, str | None]]:
    """Causes that are found, and the connector at fault."""
    return {(one.cause, one.connector) for one in found.findings if one.state == "found"}


def queue_of(org: Snapshot, queue: Queue) -> Queue:
    """The same queue in another snapshot."""
    return next(one for one in org.queues if one.identity == queue.identity)


# --- verdicts -------------------------------------------------------------------------------------


@EACH
@pytest.mark.parametrize("org", [healthy().snapshot(), scenario("healthy")], ids=["mine", "demo"])
def test_no_verdict_rests_on_what_is_missing(org: Snapshot, table: str, column: str) -> None:
    """Without a column that carries a verdict nothing is clear; without another one all is."""
    expected = "clear" if (table, column) in WITHOUT_A_VERDICT else "unknown"

    assert findings(of_earlier(org, table, column)).verdict == expected


def check_that_nobody_is_accused(name: str, table: str, column: str) -> None:
    """No cause is found that is not found with everything, and nothing becomes clear.

    But for what an error tells by itself, where configuration told more; and but for the audit, in
    which no verdict waits for certificates and send connectors.
    """
    whole, part = scenario(name), of_earlier(scenario(name), table, column)
    for judge in (findings, audit):
        before, after = judge(whole), judge(part)
        causes = {cause for cause, _ in accused(before)}
        told = {(TOLD_BY_ERROR[cause], None) for cause in causes & TOLD_BY_ERROR.keys()}
        assert accused(after) <= accused(before) | told
        if judge is findings or not causes or not causes <= SENDING:
            assert after.verdict != "clear" or before.verdict == "clear"


TOLD_BY_ERROR = {
    "certificate-problem": "tls-or-certificate",
    "send-connector-source": "routing-or-loop",
}
"""What configuration tells, and what the error of the same queue tells without it."""

TELLING = (
    "article",
    "anonymoustls-suppressed",
    "certificate-expired",
    "certificate-lost",
    "default-without-exchange-servers",
    "incomplete",
    "maintenance-left-on",
    "relay-on-one-server",
    "source-server-forgotten",
)
"""Scenarios that differ in what may be missing."""


@EACH
def test_nobody_is_accused_by_what_is_missing(table: str, column: str) -> None:
    """In scenarios of every kind."""
    for name in TELLING:
        check_that_nobody_is_accused(name, table, column)


@pytest.mark.long
@pytest.mark.parametrize("name", scenario_names())
def test_nobody_is_accused_in_any_scenario(name: str) -> None:
    """In all of them, by each column and each table."""
    for table, column in LACKING:
        check_that_nobody_is_accused(name, table, column)


@EACH
def test_what_is_missing_stays_missing(table: str, column: str) -> None:
    """Saved again by this version, it is still told, and once."""
    once = of_earlier(scenario("article"), table, column)
    twice = from_document(json.loads(json.dumps(once.document())), PLACE)

    assert twice == once
    assert len(set(once.unread)) == len(once.unread)


# --- what is told ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "column", "what"),
    [
        ("servers", "", "Get-ExchangeServer"),
        ("servers", "version", "version"),
        ("servers", "is_edge", "Get-ExchangeServer IsEdgeServer"),
        ("servers", "site", "Get-ExchangeServer Site"),
        ("addresses", "", "addresses"),
        ("addresses", "source", "addresses"),
        ("connectors", "", "Get-ReceiveConnector"),
        ("connectors", "enabled", "Get-ReceiveConnector Enabled"),
        ("connectors", "bindings", "Get-ReceiveConnector Bindings"),
        ("connectors", "bindings_complete", "Get-ReceiveConnector Bindings"),
        ("connectors", "ranges_complete", "Get-ReceiveConnector RemoteIPRanges"),
        ("connectors", "require_tls", "Get-ReceiveConnector RequireTLS"),
        ("ranges", "", "Get-ReceiveConnector RemoteIPRanges"),
        ("queues", "", "Get-Queue"),
        ("queues", "last_error", "Get-Queue LastError"),
        ("components", "state", "Get-ServerComponentState State"),
        ("rights", "deny", "Get-ADPermission Deny"),
        ("unread", "", "capture"),
    ],
)
def test_the_row_names_cmdlet_and_property(table: str, column: str, what: str) -> None:
    """As other rows of missing data do, with a reason and the next action."""
    (row,) = of_earlier(scenario("article"), table, column).unread

    assert (row.server, row.what) == ("", what)
    assert f"did not store {what.rpartition(' ')[2]}" in row.why
    assert "collect it again" in row.why


@pytest.mark.parametrize("column", ["comment", "fqdn", "limits", "protocol_logging"])
def test_what_no_verdict_rests_on_needs_no_row(column: str) -> None:
    """As with exports that lack it."""
    assert missing(of_earlier(scenario("article"), "connectors", column)) == []


def test_the_settings_matter_where_a_connector_suppresses() -> None:
    """UseDowngradedExchangeServerAuth decides there (C10), and is missing data there."""
    org = scenario("anonymoustls-suppressed")

    assert missing(of_earlier(org, "settings")) == ["Get-TransportService"]
    assert missing(of_earlier(org, "settings", "use_downgraded_auth")) == [
        "Get-TransportService UseDowngradedExchangeServerAuth"
    ]
    assert missing(of_earlier(scenario("article"), "settings")) == []


@pytest.mark.parametrize(("table", "column"), IDENTITIES)
def test_a_table_without_its_identities_is_damaged(table: str, column: str) -> None:
    """Rows that cannot be told apart: the file, the table and the column are named."""
    with pytest.raises(InputError) as caught:
        of_earlier(scenario("article"), table, column)

    assert str(caught.value) == f"{PLACE}: damaged snapshot: table {table} has no column {column}"


# --- values ---------------------------------------------------------------------------------------


def test_a_list_that_is_not_there_is_not_whole() -> None:
    """Bindings and ranges: cut, so that nobody takes the empty list for the list."""
    org = scenario("article")

    assert not any(
        one.bindings_complete for one in of_earlier(org, "connectors", "bindings").connectors
    )
    for part in (of_earlier(org, "ranges"), of_earlier(org, "connectors", "ranges_complete")):
        assert not any(one.ranges_complete for one in part.connectors)


def test_a_role_that_is_not_there() -> None:
    """Not known, but of 2010, whose connectors count as HubTransport (S2.07)."""
    found = of_earlier(scenario("article"), "connectors", "role").connectors

    assert {one.role for one in found if one.server.startswith("EX10")} == {
        TransportRole.HubTransport
    }
    assert {one.role for one in found if one.server.startswith("EX16")} == {None}


def _with_edge() -> Snapshot:
    org = healthy()
    org.add_server("EDGE1", E2016, "192.0.2.1", roles="Edge")
    return org.snapshot()


def test_services_that_follow_from_the_version() -> None:
    """2016 and later have both services, Edge has one (S4.02); 2010 may be Edge as well."""
    org = _with_edge()
    edges = {one.name: one.is_edge for one in of_earlier(org, "servers", "is_edge").servers}
    fronts = of_earlier(org, "servers", "has_frontend")

    assert edges == {"EX10A": None, "EX10B": None, "EX16A": False, "EX16B": False, "EDGE1": True}
    assert fronts.servers == org.servers
    assert of_earlier(org, "servers", "has_hub").servers == org.servers


@EACH
def test_an_edge_server_is_accused_of_nothing(table: str, column: str) -> None:
    """It has no connector on port 2525 (section 2.4), and is no ordinary server for that."""
    org = _with_edge()

    assert accused(findings(of_earlier(org, table, column))) == accused(findings(org)) == set()


def test_a_family_that_may_not_be_in_use() -> None:
    """Addresses whose source is missing: a family that is not among them accuses nobody (S1.04)."""
    org = Organisation()
    org.add_server("EX16A", E2016, "10.0.0.21").add_server(
        "EX19A", E2019, "10.0.0.31", "2001:db8::31"
    )
    org.add_relay(
        "EX16A",
        "2001:db8::/64",
        bindings="[::]:2525",
        role=TransportRole.HubTransport,
    )
    read = org.snapshot()
    read = replace(read, addresses=tuple(replace(one, source=ADAPTERS) for one in read.addresses))
    part = of_earlier(read, "addresses", "source")

    assert part.addresses[0] == ServerAddress("EX16A", "10.0.0.21", "")
    assert findings(read).verdict == "clear"
    assert findings(part).verdict == "unknown"
    assert accused(findings(part)) == set()


def test_rows_that_say_nothing_are_left_out() -> None:
    """A right that may be granted or denied, a read that may have failed."""
    org = replace(
        scenario("article"),
        reads=(Read("EX16A", "ok", "", 1.0),),
        rights=(Right("EX16A", "Relay", "ANONYMOUS LOGON", "ms-Exch-SMTP-Submit", deny=False),),
    )

    assert of_earlier(org, "rights", "deny").rights == ()
    assert of_earlier(org, "reads", "outcome").reads == ()
    assert of_earlier(org, "reads", "how").reads == org.reads


def test_a_time_of_which_one_column_is_there() -> None:
    """Without the printed text the instant stands for it; without the instant the text is left."""
    org = scenario("article")
    waiting = next(one for one in org.queues if one.status == "Retry")
    texts = queue_of(of_earlier(org, "queues", "last_retry"), waiting)
    instants = queue_of(of_earlier(org, "queues", "last_retry_text"), waiting)

    assert instants.last_retry == waiting.last_retry
    assert texts.last_retry is not None
    assert texts.last_retry.instant is None


def test_missing_data_without_its_words() -> None:
    """A row of missing data that lacks a column is still one."""
    org = replace(scenario("article"), unread=(Unread("EX10B", "Get-Queue", "timed out"),))

    assert of_earlier(org, "unread", "server").unread == (Unread("", "Get-Queue", "timed out"),)
    assert of_earlier(org, "unread", "what").unread == (Unread("EX10B", "capture", "timed out"),)
    assert findings(of_earlier(org, "unread", "why")).unread[0].what == "Get-Queue"


def test_a_table_that_is_not_there_was_not_answered() -> None:
    """Its cmdlet is none of those with an answer, so that no screen says that there is nothing."""
    org = of_earlier(scenario("article"), "queues")

    assert "Get-Queue" not in org.cmdlets
    assert non_empty_queues(org).empty == "No queue was read."


@pytest.mark.parametrize("key", ["origin", "taken", "cmdlets", "inputs", "ignored"])
def test_a_key_that_is_not_there(key: str) -> None:
    """Is empty, and nothing is clear that was not."""
    document = scenario("incomplete").document()
    del document[key]
    org = from_document(document, PLACE)

    assert findings(org).verdict == "unknown"
    assert org == replace(scenario("incomplete"), **{key: getattr(Snapshot(), key)})


def test_a_text_error_that_configuration_may_explain() -> None:
    """454 4.7.0 may come from a missing permission group (L2): without the groups it is unknown."""
    org = scenario("default-without-exchange-servers")
    causes = {
        one.cause: one.state for one in findings(of_earlier(org, "connectors", "groups")).findings
    }

    assert causes["exchange-servers-group-missing"] == "unknown"
    assert causes.get("kerberos-or-permission") != "found"


def test_servers_of_an_unknown_kind_are_not_compared() -> None:
    """Whether two servers are of one kind and site decides whether they should be alike."""
    versions = audit(of_earlier(scenario("healthy"), "servers", "version"))
    sites = audit(of_earlier(scenario("relay-on-one-server"), "servers", "site"))
    differ = [one for one in sites.findings if one.cause == "connectors-differ"]

    assert accused(versions) == set()
    assert "unknown" in {one.state for one in differ}
    assert any("sites are unknown" in one.reading for one in differ)


# --- the file that another project member keeps ---------------------------------------------------


def test_a_real_older_snapshot() -> None:
    """It has no RequireTLS: read, told as missing data, and the cause is found all the same."""
    org = load(needs_shared("cases/snapshots/older-without-one-column.snapshot"))

    assert missing(org) == ["Get-ReceiveConnector RequireTLS"]
    assert {one.require_tls for one in org.connectors} == {None}
    assert accused(findings(org)) == accused(findings(scenario("article")))


def test_it_is_a_source(tmp_path: Path) -> None:
    """By way of a file, as a user names it."""
    file = tmp_path / "tuesday.snapshot"
    file.write_text(json.dumps(without(scenario("article"), "connectors", "auth")), "utf-8")

    found = findings(open_source(str(file)))

    assert found.verdict == "unknown"
    assert [one.what for one in found.unread] == ["Get-ReceiveConnector AuthMechanism"]


def test_a_queue_of_an_earlier_version_is_not_taken_for_stuck() -> None:
    """Without Status nobody knows whether it waits."""
    org = healthy()
    org.add_queue("EX10A", 5, error=STUCK)

    assert findings(of_earlier(org.snapshot(), "queues", "status")).verdict == "unknown"
