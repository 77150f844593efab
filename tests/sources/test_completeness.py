"""What exports lack: command lines, counts, names (S1.38)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import pytest

from mailflow.snapshot import Snapshot
from mailflow.sources.row import Items, Reading, Row
from mailflow.sources.tables import assemble
from mailflow.views.findings import findings
from organisations import E2010, E2013, E2016, STUCK_2016, Organisation, article, healthy

CONNECTORS, QUEUES, SERVERS = "Get-ReceiveConnector", "Get-Queue", "Get-ExchangeServer"


def printed(org: Organisation, *commands: str, of: str = CONNECTORS) -> Reading:
    """Its rows, those of one cmdlet printed below command lines, the last one right above."""
    reading = org.reading()
    reading.rows = [
        replace(row, command=commands[-1]) if row.cmdlet == of else row for row in reading.rows
    ]
    reading.commands = [(command, f"session.txt, line {n}") for n, command in enumerate(commands)]
    return reading


def snapshot(reading: Reading) -> Snapshot:
    """The organization in it."""
    return assemble(reading, origin="exports")


def gaps(reading: Reading) -> list[tuple[str, str]]:
    """Servers and cmdlets of missing data, each once."""
    return list(dict.fromkeys((row.server, row.what) for row in snapshot(reading).unread))


def without(org: Organisation, names: Iterable[str]) -> Organisation:
    """Connectors of these names taken out."""
    org.connectors = [each for each in org.connectors if each.name not in set(names)]
    return org


# -- Receive connectors ----------------------------------------------------------------------------


def test_setups_connectors_are_counted_where_no_command_line_stands() -> None:
    """A 2013+ server has five, 2010 two: fewer is partial until proven (S2.01, S2.07)."""
    assert gaps(healthy().reading()) == []

    for missing in ("Default Frontend EX16A", "Client Proxy EX16A"):
        assert gaps(without(healthy(), [missing]).reading()) == [("EX16A", CONNECTORS)]
    assert gaps(without(healthy(), ["Client EX10A"]).reading()) == [("EX10A", CONNECTORS)]


def test_a_command_line_proves_what_a_count_doubts() -> None:
    """Somebody deleted it: then it is gone, and the export is whole."""
    org = without(healthy(), ["Default Frontend EX16A"])
    proven = printed(org, "Get-ReceiveConnector | fl")

    assert gaps(proven) == []
    assert findings(snapshot(proven)).verdict == "found"
    assert findings(snapshot(org.reading())).verdict == "unknown"


@pytest.mark.parametrize(
    ("roles", "names"),
    [
        ("ClientAccess", ["Default CAS13", "Client Proxy CAS13"]),
        ("Mailbox", ["Client Frontend CAS13", "Default Frontend CAS13"]),
    ],
)
def test_a_2013_server_has_the_connectors_of_its_services(roles: str, names: list[str]) -> None:
    """Section 2.2: with one of the services, only that one's."""
    org = healthy().add_server("CAS13", E2013, "10.0.0.41", roles=roles)
    assert not {each.name for each in org.connectors} & set(names)

    assert gaps(org.reading()) == []


def test_an_edge_server_has_one() -> None:
    """S2.05."""
    org = healthy().add_server("EDGE1", E2016, "192.0.2.8", roles="Edge")
    assert gaps(org.reading()) == []

    org.connectors = [
        replace(each, name="Relay") if each.server == "EDGE1" else each for each in org.connectors
    ]
    assert gaps(org.reading()) == [("EDGE1", CONNECTORS)]


@pytest.mark.parametrize(
    "command",
    [
        "Get-ReceiveConnector | where { $_.Name -like 'Default*' } | fl",
        r'Get-ReceiveConnector "EX16A\Default Frontend EX16A" | fl',
        "Get-ReceiveConnector | select -First 9 | fl",
    ],
)
def test_a_filtered_output_proves_nothing(command: str) -> None:
    """A healthy organization of which some connectors were printed is unknown, not in order."""
    reading = printed(healthy(), command)
    found = findings(snapshot(reading))

    assert {server for server, what in gaps(reading) if what == CONNECTORS} == {
        "EX10A", "EX10B", "EX16A", "EX16B",
    }  # fmt: skip
    assert found.verdict == "unknown"
    assert [step.command for step in found.next_steps if step.command] != []


def test_server_by_server_makes_the_union_whole() -> None:
    """`-Server` for each; one that is left out is missing."""
    names = ["EX10A", "EX10B", "EX16A", "EX16B"]
    commands = [f"Get-ReceiveConnector -Server {name} | fl" for name in names]
    assert gaps(printed(without(healthy(), ["Client EX10A"]), *commands)) == []

    partial = printed(without(healthy(), ["Client EX10A"]), *commands[1:])
    assert gaps(partial) == [("EX10A", CONNECTORS)]


def test_a_second_output_that_is_whole_mends_the_filtered_one() -> None:
    """The union of the outputs counts."""
    reading = printed(
        healthy(), "Get-ReceiveConnector | where Enabled", "Get-ReceiveConnector | fl"
    )

    assert gaps(reading) == []


# -- Queues ----------------------------------------------------------------------------------------


def test_queues_of_the_session_are_those_of_one_server() -> None:
    """S8.50: Get-Queue without -Server covers its host."""
    org = healthy()
    org.queues = [each for each in org.queues if each.server == "EX10A"]

    missing = gaps(printed(org, "Get-Queue | fl", of=QUEUES))

    assert missing == [(name, QUEUES) for name in ("EX10B", "EX16A", "EX16B")]


def test_queues_of_all_servers_that_hold_nothing() -> None:
    """The article's own step: no queue holds messages, so nothing waits."""
    org = healthy()
    org.queues = []
    command = "Get-ExchangeServer | Get-Queue | where { $_.MessageCount -gt 0 } | fl"

    assert gaps(printed(org, command, of=QUEUES)) == []
    assert findings(snapshot(printed(org, command, of=QUEUES))).verdict == "clear"


def test_a_filter_on_the_status_hides_what_waits() -> None:
    """Suspended queues are not in it."""
    command = "Get-ExchangeServer | Get-Queue | where { $_.Status -eq 'Retry' } | fl"
    reading = printed(article(), command, of=QUEUES)

    assert {what for _, what in gaps(reading)} == {QUEUES}
    assert findings(snapshot(reading)).verdict == "found"


def test_a_submission_queue_is_counted() -> None:
    """S4.10: every server has one; empty queues without it are a part."""
    org = article()
    org.queues = [
        replace(each, identity=r"EX16A\17", next_hop_domain="site", message_count=0)
        if each.identity == r"EX16A\Submission"
        else each
        for each in org.queues
    ]

    assert gaps(org.reading()) == [("EX16A", QUEUES)]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("Get-Queue -Server EX10A | fl", [("", QUEUES)]),
        ("Get-Queue -Server EX10A -ResultSize Unlimited | fl", []),
    ],
)
def test_a_thousand_queues_may_be_more(command: str, expected: list[tuple[str, str]]) -> None:
    """S8.52."""
    org = Organisation().add_server("EX10A", E2010)
    for number in range(999):
        org.add_queue("EX10A", number + 1)
    others = [f"Get-Queue -Server {name}" for name in ("EX10A",)]

    assert gaps(printed(org, *others, command, of=QUEUES)) == expected


# -- Servers ---------------------------------------------------------------------------------------


def test_one_server_was_asked_for() -> None:
    """Others may be there."""
    reading = printed(Organisation().add_server("EX16A", E2016), "Get-ExchangeServer EX16A | fl",
                      of=SERVERS)  # fmt: skip

    assert gaps(reading) == [("", SERVERS)]
    assert findings(snapshot(reading)).verdict == "unknown"


def test_a_server_that_a_shadow_queue_names() -> None:
    """It holds copies for a server that no export shows."""
    org = healthy().add_queue(
        "EX16A",
        61,
        to="EX16C.contoso.com",
        delivery_type="ShadowRedundancy",
        status="Ready",
    )

    assert gaps(org.reading()) == [("EX16C", SERVERS)]


def test_a_server_that_an_error_names() -> None:
    """S6.09, S9.13: FQDN is a host of the organization's own domain; a foreign one is none."""
    error = STUCK_2016.format(fqdn="EX19C.contoso.com", ip="10.0.0.39")
    assert ("EX19C", SERVERS) in gaps(article().add_queue("EX16A", 62, error=error).reading())

    error = STUCK_2016.format(fqdn="mx.fabrikam.example", ip="192.0.2.1")
    assert gaps(article().add_queue("EX16A", 62, error=error).reading()) == []


def test_a_version_that_no_server_has() -> None:
    """Section 4.2: `version:14` leads to servers of 2007 or 2010, of which none was exported."""
    org = Organisation().add_server("EX16A", E2016, "10.0.0.21")
    org.add_queue(
        "EX16A",
        5,
        to="site:head-office; version:14",
        delivery_type="SmtpRelayToMailboxDeliveryGroup",
        status="Ready",
    )

    assert gaps(org.reading()) == [("", SERVERS)]


# -- Rights ----------------------------------------------------------------------------------------

OF_ALL = r"Get-ADPermission EX16A\Relay | fl"
OF_ONE = r"Get-ADPermission EX16A\Relay -User 'NT AUTHORITY\ANONYMOUS LOGON' | fl"
DENIED = r"Get-ADPermission EX16A\Relay | where {$_.Deny} | fl"


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        (("",), []),
        ((OF_ALL,), []),
        ((OF_ONE,), ["Get-ADPermission User"]),
        ((DENIED,), ["Get-ADPermission"]),
        ((DENIED, OF_ONE), ["Get-ADPermission"]),
        ((DENIED, OF_ALL), []),
        ((OF_ONE, ""), []),
    ],
)
def test_a_part_of_an_access_list(commands: tuple[str, ...], expected: list[str]) -> None:
    """S1.38: entries of one user, or chosen ones, are no list; one whole export of it is."""
    entry = {"Identity": r"EX16A\Relay", "User": r"NT AUTHORITY\ANONYMOUS LOGON", "Deny": False}
    values = {**entry, "ExtendedRights": Items(("ms-Exch-SMTP-Submit",))}
    reading = healthy().reading()
    reading.rows += [
        Row("Get-ADPermission", values, f"x, line {n}", command=one)
        for n, one in enumerate(commands)
    ]
    told = [row for row in snapshot(reading).unread if row.what.startswith("Get-ADPermission")]

    assert [(row.server, row.what) for row in told] == [("EX16A", what) for what in expected]
