"""Typed lines at work: what a session says, in Exchange's words where it refuses."""

from __future__ import annotations

import pytest

from mailflow.simulated.practice import Practice
from mailflow.training.console import SILENT, Said, Transcript, run
from mailflow.training.typed import what_can_be_typed


def begin(name: str = "article") -> Practice:
    """A practice whose names are known."""
    return Practice.begin(name)


def one(done: Transcript) -> Said:
    """What came of a single line."""
    (said,) = done.said
    return said


def test_a_change_is_made() -> None:
    """Set-ReceiveConnector prints nothing, and the list is another one."""
    practice = begin()

    done = run(practice, r'Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "10.0.5.0/24"')

    relay = practice.organisation.directory.find(r"EX16A\Relay", practice.clock.now)
    assert one(done).remark == SILENT
    assert relay is not None
    assert [str(block) for block in relay.ranges] == ["10.0.5.0/24"]


def test_elements_are_taken_out_by_a_hashtable() -> None:
    """S8.61: from 2013 on."""
    practice = begin()

    run(
        practice,
        r"Set-ReceiveConnector EX16A\Relay -RemoteIPRanges @{Remove='10.0.0.11','10.0.0.12'}",
    )

    relay = practice.organisation.directory.find(r"EX16A\Relay", practice.clock.now)
    assert relay is not None
    assert [str(block) for block in relay.ranges] == ["10.0.5.0/24"]


def test_what_if_changes_nothing() -> None:
    """S8.66."""
    practice = begin()
    before = practice.organisation.directory.connectors(practice.clock.now)

    run(practice, r"Set-ReceiveConnector EX16A\Relay -RemoteIPRanges 10.0.5.0/24 -WhatIf")

    assert practice.organisation.directory.connectors(practice.clock.now) == before


def test_rows_become_a_table() -> None:
    """The usual columns, or those that were chosen; a property is found in any case."""
    practice = begin()

    usual, chosen = run(
        practice, "Get-Queue -Server EX10A\nGet-Queue -Server EX10A | fl identity, lasterror, nix"
    ).said

    assert usual.rows is not None
    assert chosen.rows is not None
    assert list(usual.rows.frame.columns)[:3] == ["Identity", "DeliveryType", "Status"]
    assert "Retry" in set(usual.rows.frame["Status"])
    assert list(chosen.rows.frame.columns) == ["identity", "lasterror", "nix"]
    assert chosen.rows.frame["lasterror"].str.contains("5.7.3").any()
    assert set(chosen.rows.frame["nix"]) == {""}


def test_lists_are_shown_whole() -> None:
    """All ranges of a connector, as text."""
    rows = one(run(begin(), r"Get-ReceiveConnector EX16A\Relay")).rows

    assert rows is not None
    assert rows.frame["RemoteIPRanges"].tolist() == ["10.0.0.11, 10.0.0.12, 10.0.5.0/24"]


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        (r"Set-ReceiveConnector EX16A\Nix -RemoteIPRanges 10.0.0.1", "wasn't found"),
        (r"Set-ReceiveConnector EX16A\Relay -RemoteIPRanges 10.0.0.300", "10.0.0.300"),
        (r"Set-ReceiveConnector EX16A\Relay -Ranges 10.0.0.1", "parameter name 'Ranges'"),
        (
            r'Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "0.0.0.0-255.255.255.255"',
            "Default Frontend EX16A",
        ),
        (r'Retry-Queue -Identity "EX10A\77"', "wasn't found"),
        ("Start-Service Nix", "Cannot find any service"),
        ("Invoke-Command -ComputerName NIX { Get-Service }", "no server has this name"),
        (r"Set-ReceiveConnector EX16A\Relay -Confirm", "does not support user interaction"),
    ],
)
def test_refusals_are_in_the_words_of_the_other_side(typed: str, says: str) -> None:
    """Nothing is raised."""
    said = one(run(begin(), typed))

    assert says in " ".join(said.refused)
    assert said.remark == ""


def test_an_unknown_cmdlet_is_told_what_there_is() -> None:
    """PowerShell's words, and ours behind them."""
    said = one(run(begin(), "Get-Mailbox"))

    assert "is not recognized" in said.refused[0]
    assert said.remark == what_can_be_typed()


def test_nothing_is_begun_with_a_line_that_cannot_be_typed() -> None:
    """Not the lines before it either."""
    practice = begin()
    before = practice.organisation.directory.connectors(practice.clock.now)

    done = run(practice, "Set-ReceiveConnector EX16A\\Relay -RemoteIPRanges 10.0.5.0/24\nhello")

    assert not done.begun
    assert "Nothing was run" in one(done).remark
    assert practice.organisation.directory.connectors(practice.clock.now) == before
    assert not run(practice, "  ").begun


def test_services_are_started_on_their_machine() -> None:
    """Seen as Stopped, started from another server, seen as Running."""
    practice = begin("service-stopped")
    ask = "Get-Service -ComputerName EX16A MSExchange*"

    before, _, after = run(
        practice,
        f"{ask}\nInvoke-Command -ComputerName EX16A {{ Start-Service MSExchangeTransport }}\n{ask}",
    ).said

    assert before.rows is not None
    assert after.rows is not None
    assert before.rows.frame["Status"].tolist() == ["Stopped"] * 2
    assert after.rows.frame["Status"].tolist() == ["Running"] * 2


def test_old_servers_have_one_service() -> None:
    """2010 knows no Front End Transport service."""
    rows = one(run(begin(), "Get-Service -ComputerName EX10A")).rows

    assert rows is not None
    assert rows.frame["Name"].tolist() == ["MSExchangeTransport"]


def test_exchange_is_not_in_a_plain_session() -> None:
    """Invoke-Command reaches Windows, not the management shell."""
    said = one(run(begin(), "Invoke-Command -ComputerName EX16A { Get-Queue }"))

    assert said.refused
    assert said.rows is None


def test_hostile_text_is_shown_as_text() -> None:
    """What was typed is escaped, in HTML and in words."""
    done = run(begin(), "Get-Queue '<script>alert(1)</script>\x1b[31m'")

    assert "<script>" not in done._repr_html_()
    assert "&lt;script&gt;" in done._repr_html_()
    assert "\x1b" not in repr(done)
