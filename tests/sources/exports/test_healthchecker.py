"""A file of HealthChecker gives what the same exports one by one give, but for queues (S8.83)."""

from __future__ import annotations

from pathlib import Path

import pytest

from healthchecker_files import SERVERS, outputs, saved
from mailflow.opening import open_source
from mailflow.simulated.writer import clixml
from mailflow.snapshot import Snapshot
from mailflow.sources.exports.clixml import read_clixml
from mailflow.sources.exports.files import read_source
from mailflow.sources.row import Complex, Items, Reading
from mailflow.sources.tables import assemble
from mailflow.views.findings import findings
from organisations import article
from support import needs_shared

WITHOUT = {
    "GetExchangeServer": "Get-ExchangeServer",
    "GetReceiveConnector": "Get-ReceiveConnector",
    "GetTransportService": "Get-TransportService",
}


def read(*files: bytes) -> Snapshot:
    """What these files say together."""
    reading = Reading()
    for number, data in enumerate(files):
        reading.add(read_clixml([data], f"HealthChecker-{number}.xml"))
    return assemble(reading, origin="x")


def test_it_says_what_single_exports_say() -> None:
    """Servers, connectors, settings and addresses are the same; the cause is found."""
    org, expected = read(*(saved(one, outputs(one)) for one in SERVERS)), article().snapshot()

    assert set(org.servers) == set(expected.servers)
    assert set(org.connectors) == set(expected.connectors)
    assert set(org.settings) == set(expected.settings)
    assert [(one.server, one.address) for one in org.addresses] == [
        (one.server, one.address) for one in expected.addresses
    ]
    found = findings(org)
    assert found.verdict == "found"
    assert {one.cause for one in found.findings if one.state == "found"} == {
        "custom-connector-shadows-default"
    }


def test_queues_and_other_servers_are_missing_data() -> None:
    """No file holds queues, and none says which other servers there are."""
    org = read(*(saved(one, outputs(one)) for one in SERVERS))

    assert {(one.server, one.what) for one in org.unread} == {
        ("", "Get-Queue"),
        ("", "Get-ExchangeServer"),
    }


def test_beside_the_list_of_servers_nothing_else_is_missing() -> None:
    """A whole export of Get-ExchangeServer says which there are."""
    reading = article().reading()
    whole = clixml(list(reading.of("Get-ExchangeServer"))).encode()
    org = read(*(saved(one, outputs(one)) for one in SERVERS), whole)

    assert {one.what for one in org.unread} == {"Get-Queue"}


@pytest.mark.parametrize("name", WITHOUT)
def test_an_output_that_is_not_there_is_missing_data(name: str) -> None:
    """A script that failed leaves a property empty: nothing is concluded from that."""
    for lost in ({name: None}, {}, {name: "an error text"}):
        rest = {key: value for key, value in outputs("EX16A").items() if key != name}
        org = read(saved("EX16A", {**rest, **lost}))

        assert ("EX16A", WITHOUT[name]) in {(one.server, one.what) for one in org.unread}


def test_one_connector_stands_without_a_list() -> None:
    """PowerShell unrolls a list of one."""
    connectors = outputs("EX16A")["GetReceiveConnector"]
    assert isinstance(connectors, Items)
    alone = connectors.values[0]
    org = read(saved("EX16A", {**outputs("EX16A"), "GetReceiveConnector": alone}))

    assert len(org.connectors) == 1


def test_a_file_that_does_not_name_its_server_is_not_read() -> None:
    """Whose connectors these are cannot be told."""
    org = read(saved("EX16A", outputs("EX16A"), ServerName="EX16A\nREPAIR"))

    assert (org.servers, org.connectors) == ((), ())
    assert "does not name its server" in org.unread[0].why


def test_a_cut_file_accuses_nobody(tmp_path: Path) -> None:
    """The object is not whole, so nothing of it counts."""
    whole = saved("EX16A", outputs("EX16A"))
    for name in SERVERS:
        (tmp_path / f"{name}.xml").write_bytes(saved(name, outputs(name)))
    for part in (len(whole) // 3, len(whole) // 2, len(whole) - 40):
        (tmp_path / "EX16A.xml").write_bytes(whole[:part])
        org = open_source(str(tmp_path))

        assert findings(org).verdict != "clear"
        assert not any(one.server == "EX16A" for one in org.connectors)


def test_components_of_a_newer_version_of_the_script() -> None:
    """It keeps Get-ServerComponentState deeper inside."""
    state = Complex(None, {"Component": "HubTransport", "State": "Inactive"})
    deeper = Complex(None, {"GetServerComponentState": Items((state,))})
    org = read(saved("EX16A", {**outputs("EX16A"), "ServerMaintenance": deeper}))

    assert [(one.server, one.component, one.state) for one in org.components] == [
        ("EX16A", "HubTransport", "Inactive")
    ]


def test_the_reference_case() -> None:
    """Five servers of one organization, as the script's source writes them: port 2525."""
    org = open_source(str(needs_shared("cases/exports/healthchecker")))
    found = [one for one in findings(org).findings if one.state == "found"]

    assert {one.cause for one in found} == {"custom-connector-shadows-default"}
    assert len(org.servers) == 5
    assert read_source(needs_shared("cases/exports/healthchecker")).reading.ignored == []


def test_the_order_of_files_says_nothing() -> None:
    """Read in any order they are the same organization."""
    files = [saved(one, outputs(one)) for one in SERVERS]
    one, other = read(*files), read(*reversed(files))

    assert set(one.connectors) == set(other.connectors)
    assert findings(one).verdict == findings(other).verdict == "found"
