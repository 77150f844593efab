"""What a command line asked for, and what its output may therefore lack (S1.38)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.sources.asked import Asked, asked

WHOLE = [
    "Get-ReceiveConnector",
    "Get-ReceiveConnector | Format-List",
    "get-receiveconnector|fl",
    "Get-ReceiveConnector | Format-List Identity, Bindings, RemoteIPRanges",
    "Get-ReceiveConnector | select Name, Server | Export-Csv all.csv -NoTypeInformation",
    "Get-ExchangeServer | Get-ReceiveConnector | Export-Clixml all.xml",
    "Get-ExchangeServer | sort Name | ForEach-Object { Get-ReceiveConnector -Server $_.Name } | fl",
    "Get-ReceiveConnector | sort Server, Name | fl",
    "Get-ExchangeServer; Get-ReceiveConnector | fl",
    "(Get-ReceiveConnector) | fl",
]

PARTIAL = [
    (r'Get-ReceiveConnector "EX16A\Relay" | fl', "one object"),
    (r"Get-ReceiveConnector -Identity 'EX16A\Relay' | fl", "one object"),
    (r"Get-ReceiveConnector -Id EX16A\Relay", "one object"),
    ("Get-ReceiveConnector | where { $_.Name -notlike '*Proxy*' } | fl", "where"),
    ("Get-ReceiveConnector | ?{$_.Enabled} | fl", "where"),
    ("Get-ReceiveConnector | Where-Object Enabled | fl", "where"),
    ("Get-ReceiveConnector | select -First 4 | fl", "select -first"),
    ("Get-ReceiveConnector | Select-Object -Last 2", "-last"),
    ("Get-ReceiveConnector | select Name -Unique", "-unique"),
    ("Get-ReceiveConnector | Out-GridView -PassThru | fl", "out-gridview"),
    ("(Get-ReceiveConnector)[0] | fl", "[...]"),
    ("(Get-ReceiveConnector | where Enabled) | fl", "where"),
    ("$all = Get-ReceiveConnector; $all[0] | fl", "a variable"),
]


@pytest.mark.parametrize("command", WHOLE)
def test_an_output_that_lacks_nothing(command: str) -> None:
    """Columns that are chosen and an order take no object away."""
    (call,) = (call for call in asked(command) if call.cmdlet == "Get-ReceiveConnector")

    assert call.is_of_all, call


@pytest.mark.parametrize(("command", "how"), PARTIAL)
def test_an_output_that_may_lack_objects(command: str, how: str) -> None:
    """An identity, a filter, a selection, or something that is not understood."""
    (call,) = asked(command)

    assert how in call.lacks
    assert not call.is_of_all


@pytest.mark.parametrize(
    ("command", "servers"),
    [
        ("Get-ReceiveConnector -Server EX16A | fl", ("EX16A",)),
        ("Get-ReceiveConnector -ser:EX16A | fl", ("EX16A",)),
        ("Get-ReceiveConnector -Server \u201cEX16A\u201d | fl", ("EX16A",)),
        ("Get-Queue -Server 'EX10A' -ResultSize Unlimited", ("EX10A",)),
        ("Get-ExchangeServer EX16A | Get-Queue | fl", ("EX16A",)),
    ],
)
def test_servers_that_are_named(command: str, servers: tuple[str, ...]) -> None:
    """Their objects are whole, whatever is true of the others."""
    (call,) = asked(command)

    assert (call.servers, call.lacks, call.is_of_all) == (servers, "", False)


@pytest.mark.parametrize(
    "command",
    [
        "foreach ($one in $servers) { Get-Queue -Server $one }",
        "Get-ExchangeServer | where { $_.Site -like '*Head*' } | Get-Queue",
        "$servers | Get-Queue | fl",
        "Get-MailboxServer | Get-Queue",
        "foreach ($one in Get-ExchangeServer) { Get-ReceiveConnector -Server $one.Name }",
    ],
)
def test_servers_one_by_one_whose_names_do_not_stand_there(command: str) -> None:
    """Those that show in the output are covered, and nobody knows which others."""
    call = asked(command)[-1]

    assert (call.each, call.is_of_all, call.lacks) == (True, False, "")


@pytest.mark.parametrize(
    "command",
    [
        "Get-ExchangeServer | Get-Queue | where { $_.MessageCount -gt 0 } | fl",
        "Get-TransportService | Get-Queue | ?{$_.MessageCount -ne 0}",
        'Get-ExchangeServer | Get-Queue -Filter "MessageCount -gt 0"',
        "Get-ExchangeServer | Get-Queue -Filter {MessageCount -ge 1} -ResultSize Unlimited",
        "Get-Queue -Server $one -Filter {MessageCount -gt 0 -and DeliveryType -ne 'Shadow*'}",
    ],
)
def test_a_filter_that_hides_nothing_that_waits(command: str) -> None:
    """The article's own step lists the queues that are not empty."""
    (call,) = asked(command)

    assert (call.only_waiting, call.lacks) == (True, "")


@pytest.mark.parametrize(
    "command",
    [
        "Get-ExchangeServer | Get-Queue | where { $_.Status -eq 'Retry' }",
        "Get-ExchangeServer | Get-Queue | where { $_.MessageCount -gt 100 }",
        "Get-ExchangeServer | Get-Queue -Filter \"NextHopDomain -like '*contoso*'\"",
        "Get-ExchangeServer | Get-Queue -Exclude Internal",
        "Get-ExchangeServer | Get-Queue -ResultSize 10",
    ],
)
def test_a_filter_that_may_hide_what_waits(command: str) -> None:
    """Suspended queues, small ones, other next hops."""
    (call,) = asked(command)

    assert call.lacks
    assert not call.is_of_all


def test_queues_without_a_server_are_those_of_the_session() -> None:
    """S8.50: Get-Queue alone covers the host of the session. S8.52: and cuts at 1,000."""
    (plain,) = asked("Get-Queue | fl")
    (unlimited,) = asked("Get-Queue -Server EX10A -ResultSize unlimited")

    assert (plain.local, plain.is_of_all, plain.unlimited) == (True, False, False)
    assert (unlimited.local, unlimited.unlimited) == (False, True)


@pytest.mark.parametrize("command", ["", "dir", "Get-Mailbox | fl", "'Get-Queue'", "{", "| | |"])
def test_other_commands_are_none_of_ours(command: str) -> None:
    """Nothing is claimed of them."""
    assert [call for call in asked(command) if call.is_of_all] == []


@given(st.text(alphabet="GetQu- eReciv|{}()$_;'\"\u201c,\n?%[].x", max_size=80))
def test_any_text_is_read(text: str) -> None:
    """What a person typed may be anything."""
    assert all(isinstance(call, Asked) for call in asked(f"Get-Queue {text} Get-ReceiveConnector"))


@given(
    st.sampled_from([command for command, _ in PARTIAL if "|" in command]),
    st.sampled_from(["fl", "Format-List *", "sort Name | fl", "Export-Csv x.csv"]),
)
def test_what_was_taken_away_does_not_come_back(command: str, further: str) -> None:
    """Whatever the output goes through afterwards."""
    (call,) = asked(f"{command} | {further}")

    assert call.lacks


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (r'Get-ADPermission "EX16A\Relay" | fl', (r"EX16A\Relay", "", "", False)),
        (
            r"Get-ADPermission -Id 'EX16A\Relay' -U 'NT AUTHORITY\X'",
            (r"EX16A\Relay", r"NT AUTHORITY\X", "-user", True),
        ),
        (r"Get-ADPermission EX16A\Relay -User X | fl", (r"EX16A\Relay", "", "-user", False)),
        (r"Get-ADPermission EX16A\Relay | ? {$_.Deny}", (r"EX16A\Relay", "", "where", False)),
        (r"Get-ADPermission EX16A\Relay -Owner", (r"EX16A\Relay", "", "-owner", False)),
        ("Get-ADPermission $x.Identity | ft", ("", "", "", False)),
        (r"Get-ReceiveConnector EX16A\Relay | Get-ADPermission", ("", "", "", False)),
    ],
)
def test_rights(command: str, expected: tuple[str, str, str, bool]) -> None:
    """S1.38: which connector's list was asked for, and whether all of it was."""
    [call] = asked(command)

    assert call.cmdlet == "Get-ADPermission"
    assert (call.identity, call.user, call.lacks, call.is_of_user) == expected
