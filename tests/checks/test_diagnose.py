"""Which queue speaks for which fault, and what connectors that are missing may hide."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailflow.snapshot import Snapshot, Unread
from mailflow.views.findings import findings
from mailflow.views.verdict import Diagnosis, FindingRecord
from organisations import E2016, STUCK, STUCK_2016, Organisation, article, healthy

CONNECTORS = "Get-ReceiveConnector"
OUTSIDE = "outside-the-connectors"
SHADOWED = "custom-connector-shadows-default"
GROUP = "exchange-servers-group-missing"


def entries(found: Diagnosis, *states: str) -> list[FindingRecord]:
    """The entries in these states."""
    return [each for each in found.findings if each.state in states]


def hiding(org: Snapshot, server: str = "") -> Snapshot:
    """The same, where connectors of a server, or of any, may be missing."""
    row = Unread(server, CONNECTORS, "list.txt: it breaks off")
    return replace(org, unread=(*org.unread, row))


def without_addresses(org: Organisation, server: str) -> Organisation:
    """No address of a server is known."""
    org.addresses = [each for each in org.addresses if each.server != server]
    return org


# -- Attribution -----------------------------------------------------------------------------------


def three() -> Organisation:
    """Three servers of 2016 in order."""
    org = Organisation()
    for number, name in enumerate(("EX16A", "EX16B", "EX16C"), 1):
        org.add_server(name, E2016, f"10.0.0.{20 + number}")
    return org


def error(words: str, host: str, address: str = "") -> str:
    """LastError of 2016 that names a host and an address of it."""
    return STUCK_2016.replace(
        "451 5.7.3 Cannot achieve Exchange Server authentication", words
    ).format(fqdn=host, ip=address)


def test_a_queue_belongs_to_the_server_that_its_error_names() -> None:
    """S6.09: a fault of another server that the next hop may mean as well does not take it."""
    org = three()
    org.change(r"EX16A\Default EX16A", groups="ExchangeUsers, ExchangeLegacyServers")
    text = error("454 4.7.0 Temporary authentication failure", "ex16b.contoso.com", "10.0.0.22")
    org.add_queue("EX16C", 9, name="7", error=text, delivery_type="SmtpRelayToDag", to="DAG1")

    found = findings(org.snapshot())

    (at_a,) = (each for each in entries(found, "found") if each.server == "EX16A")
    (at_b,) = (each for each in found.findings if r"EX16C\7" in each.queues)
    assert (at_a.cause, at_a.queues) == (GROUP, ())
    assert (at_b.cause, at_b.server) == ("kerberos-or-permission", "EX16B")
    assert not any("Retry-Queue" in line for line in found.repair)


@pytest.mark.parametrize(("address", "cause"), [("10.0.0.22", OUTSIDE), ("10.9.0.22", SHADOWED)])
def test_an_address_in_the_error_decides_between_adapters(address: str, cause: str) -> None:
    """S9.13: the connection went there; what accepts it at another address explains nothing."""
    org = three()
    org.set_addresses("EX16B", "10.0.0.22", "10.9.0.22")
    org.add_relay("EX16B", "10.0.0.21", name="App", bindings="10.9.0.22:2525", role="HubTransport")
    org.add_queue(
        "EX16A", 9, name="7", delivery_type="SmtpRelayToDag", to="DAG1",
        error=STUCK_2016.format(fqdn="ex16b.contoso.com", ip=address),
    )  # fmt: skip

    found = findings(org.snapshot())

    (mine,) = (each for each in found.findings if r"EX16A\7" in each.queues)
    assert mine.cause == cause
    assert found.verdict == ("unknown" if cause == OUTSIDE else "found")


def test_nothing_is_said_of_connectors_that_were_not_judged() -> None:
    """5.7.3 from a smart host: no connector of it was exported."""
    org = healthy().add_queue(
        "EX16A", 9, name="7", delivery_type="SmartHostConnectorDelivery", to="smart.example",
        error=STUCK_2016.format(fqdn="smart.example", ip="192.0.2.10"),
    )  # fmt: skip

    found = findings(org.snapshot())

    (mine,) = (each for each in found.findings if each.queues)
    assert (found.verdict, mine.cause, mine.state) == ("unknown", OUTSIDE, "unknown")
    assert "smart.example are not in the export" in mine.reading
    assert "configured correctly" not in mine.reading
    assert "Get-SendConnector" in mine.remedy


def test_connectors_that_were_judged_are_spoken_of() -> None:
    """The same text of a path that is in order."""
    org = healthy().add_queue("EX10A", 9, name="7", error=STUCK)

    (mine,) = (each for each in findings(org.snapshot()).findings if each.queues)

    assert mine.cause == OUTSIDE
    assert "the connector that accepts it is configured correctly" in mine.reading


# -- Connectors that may be missing ----------------------------------------------------------------


@pytest.mark.parametrize("server", ["", "EX16A"])
def test_nothing_is_in_order_where_connectors_may_be_missing(server: str) -> None:
    """S1.38: one that was not read may accept the connection."""
    found = findings(hiding(healthy().snapshot(), server))

    servers = {each.server for each in entries(found, "unknown")}
    assert found.verdict == "unknown"
    assert servers == ({"EX16A"} if server else {"EX10A", "EX10B", "EX16A", "EX16B"})


def test_nobody_is_accused_of_what_is_not_there() -> None:
    """S1.38, S1.18: the default connector may just not be in the export."""
    org = healthy().remove(r"EX16A\Default Frontend EX16A")
    assert findings(org.snapshot()).verdict == "found"

    found = findings(hiding(org.snapshot(), "EX16A"))

    assert entries(found, "found") == []
    assert found.repair == ()


def test_a_wide_range_may_be_overruled_by_a_connector_that_is_missing() -> None:
    """S1.13: a more specific one may be among them, so the lead is a condition and no finding."""
    org = article()
    org.connectors = [each for each in org.connectors if each.name != "Relay"]
    org.add_relay("EX16A", "10.0.0.0/24")
    assert findings(org.snapshot()).verdict == "found"

    found = findings(hiding(org.snapshot(), "EX16A"))

    first = entries(found, "unknown")[0]
    assert (found.verdict, first.cause, first.server) == ("unknown", SHADOWED, "EX16A")
    assert "Of the exported connectors, Relay on EX16A accepts EX10A and EX10B" in first.reading
    assert found.repair == ()


def test_a_range_of_the_very_address_is_found_where_a_queue_says_so() -> None:
    """Only one that lists it too, at a binding of its own, could overrule it (S1.16, S1.31)."""
    found = findings(hiding(article().snapshot()))

    assert [(each.cause, each.connector) for each in entries(found, "found")] == [
        (SHADOWED, r"EX16A\Relay"),
        (SHADOWED, r"EX16B\Relay"),
    ]

    quiet = article()
    quiet.queues = [each for each in quiet.queues if not each.last_error]
    assert entries(findings(hiding(quiet.snapshot())), "found") == []


def test_no_command_is_given_for_a_server_of_which_connectors_may_be_missing() -> None:
    """What it would do to other hosts cannot be proven; the export that helps is named."""
    found = findings(hiding(article().snapshot()))

    assert found.repair == ()
    assert "the effect of a change cannot be proven" in found.no_repair
    # One file for both: a second command would write over what the first one exported.
    exports = [step.command for step in found.next_steps if "Get-ReceiveConnector" in step.command]
    assert exports == ["Get-ReceiveConnector | Export-Clixml receive-connectors.xml"]


# -- Addresses that are not known ------------------------------------------------------------------


def test_an_address_that_cannot_matter_costs_nothing() -> None:
    """Every connector that may accept it gives what a server needs, and one accepts everybody."""
    org = without_addresses(three(), "EX16A")

    assert findings(org.snapshot()).verdict == "clear"


def test_a_lead_without_addresses_is_a_condition() -> None:
    """Which addresses the sender would have to have, and the lines that decide it."""
    org = without_addresses(article(), "EX10A")
    org.remove(r"EX16B\Relay").remove(r"EX16A\Relay")
    org.add_relay("EX16A", "10.0.0.11", "10.0.5.20-10.0.5.40", name="Print")

    found = findings(org.snapshot())

    (mine,) = (each for each in entries(found, "unknown") if each.server == "EX16A")
    assert (
        "If EX10A sends from 10.0.0.11 or 10.0.5.20-10.0.5.40, Print on EX16A is the cause."
        in mine.reading
    )
    lines = [step.command for step in found.next_steps]
    assert "server,address" in lines
    assert "EX10A,<IP address>" in lines


def test_a_range_that_another_connector_takes_is_no_part_of_the_condition() -> None:
    """S1.13: of 10.0.5.0/24 the one address belongs to a connector that is in order."""
    org = without_addresses(article(), "EX10A")
    org.remove(r"EX16B\Relay").remove(r"EX16A\Relay")
    org.add_relay("EX16A", "10.0.5.0/24", name="Print")
    org.add_relay(
        "EX16A", "10.0.5.0/25", name="Servers", auth="Tls, ExchangeServer", groups="ExchangeServers"
    )

    (mine,) = (
        each for each in entries(findings(org.snapshot()), "unknown") if each.server == "EX16A"
    )

    assert "If EX10A sends from 10.0.5.128/25, Print on EX16A is the cause." in mine.reading


# -- What cannot matter ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"enabled": False},
        {"bindings": "0.0.0.0:2526"},
        {"auth": "Tls, ExchangeServer", "groups": "ExchangeServers"},
    ],
)
def test_a_cut_list_that_cannot_matter_costs_no_verdict(changes: dict[str, object]) -> None:
    """Contract 8.8 and 9: disabled, on another port, or fine whoever wins."""
    org = healthy().add_relay("EX16A", "10.7.0.0/24", name="Cut", ranges_complete=False, **changes)
    row = Unread("EX16A", f"{CONNECTORS} RemoteIPRanges", "list.txt: Cut: cut")

    found = findings(replace(org.snapshot(), unread=(row,)))

    assert (found.verdict, found.unread) == ("clear", (row,))


def test_a_cut_list_that_may_matter_costs_the_verdict() -> None:
    """It may contain a server's address, and would not let it authenticate."""
    org = healthy().add_relay("EX16A", "10.7.0.0/24", name="Cut", ranges_complete=False)
    row = Unread("EX16A", f"{CONNECTORS} RemoteIPRanges", "list.txt: Cut: cut")

    assert findings(replace(org.snapshot(), unread=(row,))).verdict == "unknown"


def test_an_adapter_that_may_accept_counts_before_one_that_does_not() -> None:
    """S1.18: silence on one address is no fault where a cut list may accept on another one."""
    org = three().set_addresses("EX16B", "10.0.0.22", "10.0.1.22")
    org.change(r"EX16B\Default EX16B", bindings="10.0.1.22:2525")
    org.change(r"EX16B\Default EX16B", ranges="10.9.9.0/24", ranges_complete=False)

    found = findings(org.snapshot())

    assert [each.server for each in entries(found, "found")] == []
    assert "EX16B" in {each.server for each in entries(found, "unknown")}
