"""Two servers compared, told: the answer, the document, the tables of the runbook."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mailflow.errors import UsageError
from mailflow.opening import open_source
from mailflow.snapshot import ComponentState, Snapshot
from mailflow.snapshot.schema import TABLES
from mailflow.views.audit import audit
from mailflow.views.twin_report import CAUSE, TwinReport, twin
from mailflow.views.twin_tables import (
    twin_commands,
    twin_differences,
    twin_further,
    twin_result,
    twin_rollback,
)


@pytest.fixture(scope="module")
def org() -> Snapshot:
    """EX16B lacks the relay connector that EX16A has."""
    return open_source("demo:new-server")


@pytest.fixture(scope="module")
def found(org: Snapshot) -> TwinReport:
    """EX16A compared with EX16B."""
    return twin(org, "EX16A", "ex16b")


def test_a_new_server_without_the_relay_differs(found: TwinReport) -> None:
    """The hosts of its list, and nobody else, with what they lose (section 2.6)."""
    (group,) = found.groups

    assert (found.a, found.b, found.exit_code) == ("EX16A", "EX16B", 1)
    assert (group.a, group.b, group.size) == ("Relay", "Default Frontend EX16B", 256)
    assert group.effect.loses[0].startswith("anonymous relay")
    assert "10.0.5.0/24" in found.summary


def test_a_renamed_relay_is_alike() -> None:
    """Its list is cut in other pieces, too; nothing is proposed."""
    report = twin(open_source("demo:new-server-renamed"), "EX16A", "EX16B")

    assert (report.comparison.alike, report.exit_code, report.plan.steps) == (True, 0, ())


@pytest.mark.parametrize(
    ("source", "state"),
    [("demo:new-server", ["found"]), ("demo:new-server-renamed", ["clear"])],
)
def test_audit_and_twin_and_runbook_agree(source: str, state: list[str]) -> None:
    """A missing relay connector is found by all three, a renamed one by none (S1.11, S1.13)."""
    organization = open_source(source)
    audited = [each.state for each in audit(organization).findings if each.cause == CAUSE]
    report = twin(organization, "EX16A", "EX16B")

    assert audited == state
    assert report.comparison.alike is (state == ["clear"])
    assert [report.diagnosis().verdict] == state


def test_the_document_has_the_keys_of_the_contract(found: TwinReport) -> None:
    """mailflow.twin/1, readable as JSON."""
    document = json.loads(json.dumps(found.as_json()))

    assert document["schema"] == "mailflow.twin/1"
    assert document["alike"] is False
    assert document["commands"] == list(found.plan.commands)
    assert document["unread"] == []
    (difference,) = document["differences"]
    assert difference.keys() >= {"endpoint", "block", "a", "b", "gains", "loses"}
    assert (difference["block"], difference["a"]) == ("10.0.5.0/24", [r"EX16A\Relay"])
    assert (document["alike_after"], document["left"]) == (True, [])


def test_the_findings_are_the_answer(found: TwinReport) -> None:
    """As they close the runbook: verdict, commands and rollback."""
    diagnosis = found.diagnosis()

    assert (diagnosis.verdict, diagnosis.exit_code) == ("found", 1)
    assert diagnosis.findings[0].cause == "twin-differs"
    assert diagnosis.repair == found.plan.commands
    assert diagnosis.undo == (r'Remove-ReceiveConnector "EX16B\Relay"',)


def test_the_tables_hold_what_was_found(found: TwinReport) -> None:
    """Differences, commands, what is left, rollback and notes."""
    assert list(twin_differences(found).frame["addresses"]) == ["10.0.5.0/24"]
    assert "unknown" not in twin_differences(found).columns
    assert len(twin_commands(found).frame) == 3
    assert twin_result(found).frame.empty
    assert len(twin_rollback(found).frame) == 1
    assert twin_further(found).frame.empty


def test_an_address_that_forwards_is_told(org: Snapshot) -> None:
    """A load balancer's: hosts arrive at A's own addresses, and perhaps from its own."""
    report = twin(org, "EX16A", "EX16B", address="10.0.0.99")

    assert "10.0.0.99 is no address of EX16A" in report.notes[0].text
    assert report.exit_code == 1


def test_a_send_connector_without_b_is_told(org: Snapshot) -> None:
    """Mail to outside would leave by A alone."""
    row = dict.fromkeys(TABLES["send_connectors"]) | {
        "name": "Internet",
        "enabled": True,
        "source_servers": "contoso.com/Servers/EX16A, EX10A",
    }
    with_connector = replace(org, kept={"send_connectors": (tuple(row.values()),)})

    (note,) = twin(with_connector, "EX16A", "EX16B").notes

    assert note.text == ("Send connector Internet has EX16A as a source server, and not EX16B.")
    assert note.command == (
        'Set-SendConnector "Internet" -SourceTransportServers "EX16A","EX10A","EX16B"'
    )


def test_a_server_in_maintenance_is_told(org: Snapshot) -> None:
    """Its connectors say nothing of a component that is inactive (section 6.2)."""
    state = ComponentState("EX16B", "FrontendTransport", "Inactive")
    report = twin(replace(org, components=(state,)), "EX16A", "EX16B")

    assert report.notes[0].text.startswith("FrontendTransport of EX16B is Inactive")


def test_a_certificate_of_a_is_told(org: Snapshot) -> None:
    """It belongs to its server, so no command names it."""
    named = tuple(
        replace(each, tls_certificate="<I>CN=CA<S>CN=relay")
        if each.identity == r"EX16A\Relay"
        else each
        for each in org.connectors
    )
    report = twin(replace(org, connectors=named), "EX16A", "EX16B")

    assert "<I>CN=CA<S>CN=relay" in report.notes[0].text
    assert "TlsCertificateName" not in " ".join(report.plan.commands)


def test_b_in_a_list_of_a_is_told(org: Snapshot) -> None:
    """Mail from B would fall on A's relay (S1.13, S3.30); on 2525 no path meets it."""
    (relay,) = [each for each in org.connectors if each.identity == r"EX16A\Relay"]
    from mailflow.exchange.ranges import parse_range

    wider = replace(relay, ranges=(*relay.ranges, parse_range("10.0.0.22")))
    others = [each for each in org.connectors if each is not relay]
    report = twin(replace(org, connectors=(*others, wider)), "EX16A", "EX16B")

    assert "contains 10.0.0.22 of EX16B" in report.notes[0].text
    assert "No mail path between the two uses it" in report.notes[0].text


def test_b_of_another_source(org: Snapshot) -> None:
    """A of one source, B of another one; the same name is no hindrance."""
    report = twin(org, "EX16A", "EX16A", open_source("demo:new-server-renamed"))

    assert report.comparison.alike is True
    assert report.origins == ("demo:new-server", "demo:new-server-renamed")


@pytest.mark.parametrize(
    ("a", "b", "address", "why"),
    [
        ("EX16A", "SE01", "", "no server is called 'SE01'; known: EX10A"),
        ("EX16A", "ex16a", "", "named twice"),
        ("EX16A", "EX16B", "mail.contoso.com", "--for: expected an IP address"),
    ],
)
def test_a_wrong_question_says_what_to_ask(
    org: Snapshot, a: str, b: str, address: str, why: str
) -> None:
    """With the names that are known."""
    with pytest.raises(UsageError, match=why):
        twin(org, a, b, address=address)


def test_what_is_undetermined_has_a_column(org: Snapshot) -> None:
    """A limit that was not read on B: shown, with what is missing."""
    bare = tuple(
        replace(each, limits=()) if each.server == "EX16B" else each for each in org.connectors
    )
    table = twin_differences(twin(replace(org, connectors=bare), "EX16A", "EX16B"))

    assert "unknown" in table.columns
    assert any("MaxMessageSize" in text for text in table.frame["unknown"])
