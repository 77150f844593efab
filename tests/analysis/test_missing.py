"""Data that was not read: what it is of, and the command that fills it in."""

from __future__ import annotations

import pytest

from mailflow.analysis.missing import Missing, missing_of
from mailflow.snapshot import Unread


@pytest.mark.parametrize(
    ("what", "cmdlet", "name"),
    [
        ("Get-ReceiveConnector", "Get-ReceiveConnector", ""),
        ("Get-ReceiveConnector RemoteIPRanges", "Get-ReceiveConnector", "RemoteIPRanges"),
        ("addresses", "addresses.csv", ""),
        ("version", "Get-ExchangeServer", "AdminDisplayVersion"),
    ],
)
def test_rows_of_missing_data(what: str, cmdlet: str, name: str) -> None:
    """The cmdlet and the property apart; two words stand for what no cmdlet is named for."""
    assert missing_of(Unread("EX16A", what, "why")) == Missing("EX16A", cmdlet, name, "why")


@pytest.mark.parametrize(
    ("missing", "command"),
    [
        (
            Missing("EX16A", "Get-ReceiveConnector"),
            "Get-ReceiveConnector -Server EX16A | Export-Clixml receive-connectors.xml",
        ),
        (
            Missing("", "Get-ReceiveConnector"),
            "Get-ReceiveConnector | Export-Clixml receive-connectors.xml",
        ),
        (
            Missing("a b", "Get-ReceiveConnector"),
            'Get-ReceiveConnector -Server "a b" | Export-Clixml receive-connectors.xml',
        ),
        (
            Missing("a\nb", "Get-ReceiveConnector"),
            "Get-ReceiveConnector | Export-Clixml receive-connectors.xml",
        ),
        (
            Missing("EX16A", "Get-TransportService"),
            "Get-TransportService | Export-Clixml transport-services.xml",
        ),
        (Missing("EX16A", "addresses.csv"), "EX16A,<IP address>"),
        (Missing("", "addresses.csv"), ""),
        (Missing("EX16A", "capture"), ""),
    ],
)
def test_the_command_that_fills_it_in(missing: Missing, command: str) -> None:
    """For the server where one is known, quoted where its name needs it; empty where none helps."""
    assert missing.command == command


def test_what_to_do_with_it() -> None:
    """A line for the file of addresses is typed in, everything else exported."""
    assert "addresses.csv" in Missing("EX16A", "addresses.csv").how
    assert Missing("EX16A", "Get-Queue").how.startswith("Export")
