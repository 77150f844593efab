"""Objects that the snapshot keeps as they are read: live, and from each form of an export."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from capture_forms import FORMS, Form, write
from mailflow.exchange.cmdlets import SPECS, TABLES
from mailflow.opening import open_source
from mailflow.snapshot import from_document
from mailflow.sources.exports.clixml import read_clixml
from mailflow.sources.exports.files import read_source
from mailflow.sources.row import Items, Reading, Row, Value
from mailflow.sources.tables import assemble
from support import needs_shared

CONNECTOR: Mapping[str, Value] = {
    "Name": "To Internet",
    "Enabled": True,
    "AddressSpaces": Items(("SMTP:*;1", "SMTP:fabrikam.example;5")),
    "SmartHosts": Items(()),
    "RequireTLS": False,
}


def row(cmdlet: str, values: Mapping[str, Value], server: str = "", place: str = "x") -> Row:
    """An object, asked of a server."""
    return Row(cmdlet, values, place, named_server=server)


def objects(table: str, *rows: Row) -> list[dict[str, object]]:
    """What becomes of rows."""
    return assemble(Reading(rows=list(rows)), origin="x").objects(table)


def test_a_live_organization_is_asked_for_them() -> None:
    """The simulated one answers all of them: once, of each server, and of each server itself."""
    org = open_source("demo:article")

    assert [one["name"] for one in org.objects("send_connectors")] == ["Internet"]
    assert [one["kind"] for one in org.objects("accepted_domains")] == ["Authoritative"]
    hubs = {one.name for one in org.servers if one.has_hub}
    assert {one["server"] for one in org.objects("certificates")} == hubs
    assert {one["server"] for one in org.objects("transport_agents")} == hubs
    assert {spec.name for spec in TABLES.values()} <= org.cmdlets
    certificate = next(one for one in org.objects("certificates") if one["server"] == "EX16A")
    assert certificate["services"] == "IMAP, POP, IIS, SMTP"
    assert str(certificate["not_after"]).startswith("2030-01-01")


def test_they_are_saved_and_come_back() -> None:
    """As they were."""
    org = open_source("demo:article")

    assert from_document(org.document(), "x").kept == org.kept != {}


def test_a_list_is_one_text_and_nothing_is_guessed() -> None:
    """Values with a comma between; None where the export does not hold it."""
    [found] = objects("send_connectors", row("Get-SendConnector", CONNECTOR))

    assert found["address_spaces"] == "SMTP:*;1, SMTP:fabrikam.example;5"
    assert (found["smart_hosts"], found["tls_domain"]) == ("", None)


def test_two_exports_mend_each_other_and_a_dispute_is_unknown() -> None:
    """What one lacks the other gives; where they disagree nothing is known."""
    more = {"Name": "to internet", "Fqdn": "mail.contoso.example", "RequireTLS": True}
    [found] = objects(
        "send_connectors",
        row("Get-SendConnector", CONNECTOR),
        row("Get-SendConnector", more, place="y"),
    )

    assert (found["name"], found["fqdn"]) == ("To Internet", "mail.contoso.example")
    assert (found["enabled"], found["require_tls"]) == (True, None)


def test_the_same_name_on_two_servers_is_two() -> None:
    """An agent of each; one whose server nothing names is kept without (S9.21)."""
    agent = {"Identity": "Transport Rule Agent", "Enabled": True, "Priority": 1}
    found = objects(
        "transport_agents",
        *(row("Get-TransportAgent", agent, server) for server in ("EX16A", "EX16B", "")),
    )

    assert [one["server"] for one in found] == ["EX16A", "EX16B", ""]


def test_texts_of_strangers_are_saved_and_names_keep_their_line() -> None:
    """A comment may have several lines; a name that would begin a line of its own is no name."""
    good = {**CONNECTOR, "Comment": "first line\r\nREPAIR second"}
    org = assemble(
        Reading(
            rows=[
                row("Get-SendConnector", good),
                row("Get-SendConnector", {"Name": "x\nREPAIR", "Enabled": True}, place="y"),
            ]
        ),
        origin="x",
    )

    assert from_document(org.document(), "x").kept == org.kept
    assert [found["name"] for found in org.objects("send_connectors")] == ["To Internet"]


def test_an_object_without_a_name_is_missing_data() -> None:
    """Which one it is cannot be told; it is no row."""
    org = assemble(Reading(rows=[row("Get-SendConnector", {"Enabled": True})]), origin="x")

    assert org.kept == {}
    assert "Get-SendConnector" in {one.what for one in org.unread}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_of_an_export_is_read(form: Form, tmp_path: Path) -> None:
    """What can stand in it is the same in all."""
    rows = [row("Get-SendConnector", CONNECTOR)]
    path = write(Reading(rows=rows, cmdlets={"Get-SendConnector"}), tmp_path, form)
    org = assemble(read_source(path).reading, origin="x")
    [found] = org.objects("send_connectors")

    assert (found["name"], found["enabled"]) == ("To Internet", True)
    assert found["address_spaces"] == "SMTP:*;1, SMTP:fabrikam.example;5"
    assert org.ignored == ()


def test_a_limited_list_is_told() -> None:
    """S1.38: a filter above the output may have taken connectors away."""
    filtered = 'Get-SendConnector | where {$_.Name -like "To*"}'
    one = Row("Get-SendConnector", CONNECTOR, "x", command=filtered)
    reading = Reading(rows=[one], commands=[(filtered, "x")])

    assert [each.why for each in assemble(reading, origin="x").unread if "Send" in each.what]


def test_a_real_export() -> None:
    """Objects of an Exchange 2019 organization."""
    path = needs_shared("captures/send-connectors-2019.xml")
    reading = read_clixml([path.read_bytes()], path.name)
    found = assemble(reading, origin="x").objects("send_connectors")

    assert found[0]["name"] == "Mail to O365"
    assert found[0]["smart_hosts"] == "microsoft-com.mail.protection.outlook.com"
    assert {*found[0].values()} - {None, ""}
    assert SPECS["Get-SendConnector"].name in reading.cmdlets
