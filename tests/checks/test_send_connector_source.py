"""Which server may send: source servers of a send connector, and its scope (S9.20, S9.23)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from check_cases import audited, found, said
from mailflow.sources.row import Items, Value
from mailflow.views.findings import findings
from organisations import E2013, E2019, Organisation, healthy

ID = "send-connector-source"
BRANCH = "Branch"


def waiting(*sources: str, **connector: Value) -> Organisation:
    """EX16B stands in a branch, and its mail to the outside has no route."""
    return (
        healthy()
        .change_server("EX16B", site=BRANCH)
        .add_send_connector("Internet", *sources, **connector)
        .add_queue(
            "EX16B",
            9,
            name="Unreachable",
            to="Unreachable Domain",
            delivery_type="Unreachable",
            status="Ready",
        )
    )


def lacking(org: Organisation, name: str) -> Organisation:
    """The same without a property of the send connector."""
    row = org.kept[-1]
    org.kept[-1] = replace(row, values={n: v for n, v in row.values.items() if n != name})
    return org


def test_a_scoped_connector_is_not_there_for_other_sites() -> None:
    """S9.23: the connector and the command are named; the error alone makes no second finding."""
    org = waiting("EX16A", IsScopedConnector=True)
    [entry] = [one for one in findings(org.snapshot()).findings if one.cause == ID]

    assert found(org, ID) == [("found", "EX16B", None)]
    assert found(org, "routing-or-loop") == []
    assert "Internet, which is scoped" in said(org, ID)
    assert 'Set-SendConnector "Internet" -SourceTransportServers @{Add="EX16B"}' in entry.remedy
    assert entry.commands == ()


def test_a_connector_without_any_source_server_sends_nothing() -> None:
    """S9.20: what is left after the last source server was uninstalled."""
    org = waiting()

    assert found(org, ID) == [("found", "EX16B", None)]
    assert "Internet has no source server" in said(org, ID)


@pytest.mark.parametrize("name", ["IsScopedConnector", "SourceTransportServers"])
def test_what_was_not_read_is_unknown(name: str) -> None:
    """The error keeps its own cause beside it, and the command is named."""
    org = lacking(waiting("EX16A", IsScopedConnector=True), name)
    [entry] = [one for one in findings(org.snapshot()).findings if one.cause == ID]

    assert found(org, ID) == [("unknown", "EX16B", None)]
    assert found(org, "routing-or-loop")[0][0] == "found"
    assert "Get-SendConnector | Export-Clixml" in entry.remedy


def test_a_source_whose_site_was_not_read_is_unknown() -> None:
    """It may stand in the same site."""
    org = waiting("EX16A", IsScopedConnector=True).change_server("EX16A", site="")

    assert found(org, ID) == [("unknown", "EX16B", None)]


@pytest.mark.parametrize(
    ("sources", "connector"),
    [
        (("EX16A",), {}),
        (("EX16A", "EX16B"), {"IsScopedConnector": True}),
        (("EX16A",), {"IsScopedConnector": True, "Enabled": False}),
        (("EX16A",), {"IsScopedConnector": True, "AddressSpaces": Items(("SMTP:x.example;1",))}),
    ],
)
def test_where_a_connector_is_open_or_none_is_meant_the_error_keeps_the_word(
    sources: tuple[str, ...], connector: dict[str, Value]
) -> None:
    """A connector without scope is there for all; a disabled one, or one for a domain, for none."""
    org = waiting(*sources, **connector)

    assert found(org, ID) == []
    assert found(org, "routing-or-loop")[0][0] == "found"


def test_a_second_connector_that_is_open_is_enough() -> None:
    """One of two is scoped elsewhere."""
    org = waiting("EX16A", IsScopedConnector=True).add_send_connector("Backup", "EX16A")

    assert found(org, ID) == []


def test_without_a_stuck_queue_the_incident_says_nothing() -> None:
    """Contract 8.2: the audit does."""
    org = waiting("EX16A", IsScopedConnector=True).remove(r"EX16B\Unreachable")

    assert findings(org.snapshot()).verdict == "clear"
    assert [one.state for one in audited(org, ID)] == ["found"]


def audit_of(org: Organisation) -> list[str]:
    """Servers that the audit finds."""
    return [one.server.name for one in audited(org, ID) if one.server]


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        (("EX16A",), ["EX16B"]),
        (("ex16a.contoso.com",), ["EX16B"]),
        (("EX16A", "EX16B"), []),
        (("EX10A",), ["EX10B", "EX16A", "EX16B"]),
        ((), ["EX10A", "EX10B", "EX16A", "EX16B"]),
    ],
)
def test_the_audit_finds_a_server_that_its_peers_left_behind(
    sources: tuple[str, ...], expected: list[str]
) -> None:
    """A peer of the site that is no newer sends; older servers are taken off on purpose."""
    assert sorted(audit_of(healthy().add_send_connector("Internet", *sources))) == expected


def test_a_new_server_beside_old_ones_is_found_and_one_of_another_site_is_not() -> None:
    """The forgotten one of a migration."""
    org = healthy().add_send_connector("Internet", "EX16A", "EX16B")
    org.add_server("EX19A", E2019, "10.0.0.31").add_server("EX13M", E2013, "10.0.0.32")
    far = org.copy().change_server("EX19A", site=BRANCH)

    assert audit_of(org) == ["EX19A"]
    assert audit_of(far) == []


def test_the_audit_says_nothing_of_a_list_that_was_not_read() -> None:
    """SourceTransportServers is missing in the export."""
    org = lacking(healthy().add_send_connector("Internet", "EX16A"), "SourceTransportServers")

    assert audit_of(org) == []
