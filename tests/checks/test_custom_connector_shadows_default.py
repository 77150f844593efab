"""C1: a custom connector accepts Exchange servers and offers no Exchange Server authentication."""

from __future__ import annotations

from check_cases import RELAY, commands, found, said, why_none
from organisations import article, healthy

ID = "custom-connector-shadows-default"


def test_a_relay_that_lists_a_server_is_found_and_freed() -> None:
    """C1, S1.13: its addresses are removed, everything else stays."""
    org = healthy().change(RELAY, ranges="10.0.0.11, 10.0.5.0/24")

    assert found(org, ID) == [("found", "EX16A", RELAY)]
    assert commands(org) == (rf'Set-ReceiveConnector "{RELAY}" -RemoteIPRanges "10.0.5.0/24"',)


def test_alike_on_two_servers_is_one_sentence() -> None:
    """Words: equal things are grouped; the address, what it lacks and the error are named."""
    assert said(article(), ID) == (
        "On EX16A and EX16B, receive connector Relay accepts the connections from EX10A and EX10B "
        "instead of the default connector, because its RemoteIPRanges contain their addresses "
        "(10.0.0.11, 10.0.0.12). Relay does not offer Exchange Server authentication, so EX10A and "
        "EX10B stop with 451 5.7.3."
    )


def test_one_sender_has_one_address() -> None:
    """Words: singular and plural agree."""
    org = healthy().change(RELAY, ranges="10.0.0.11, 10.0.5.0/24")

    assert "contain its address (10.0.0.11)" in said(org, ID)
    assert "so EX10A stops with 451 5.7.3" in said(org, ID)


def test_a_range_around_servers_is_split() -> None:
    """S1.13, S8.63: the pieces around them stay; the sentence says which range is too specific."""
    org = healthy().change(RELAY, ranges="10.0.0.0/24")

    assert "its range 10.0.0.0/24 contains EX10A (10.0.0.11)" in said(org, ID)
    assert commands(org) == (
        (
            rf'Set-ReceiveConnector "{RELAY}" -RemoteIPRanges '
            '"10.0.0.0-10.0.0.10","10.0.0.13-10.0.0.255"'
        ),
    )


def test_a_relay_of_servers_alone_is_disabled() -> None:
    """S8.64: no empty list is written; its list stays as it was."""
    org = healthy().change(RELAY, ranges="10.0.0.11")

    assert commands(org) == (rf'Set-ReceiveConnector "{RELAY}" -Enabled $false',)


def test_unread_authentication_is_unknown() -> None:
    """Nothing is concluded from what is not there."""
    org = healthy().change(RELAY, ranges="10.0.0.11, 10.0.5.0/24", auth=None)

    assert found(org, ID) == [("unknown", "EX16A", RELAY)]
    assert commands(org) == ()


def test_a_truncated_list_is_not_written() -> None:
    """A value that was not read to the end is never written; the export that helps is named."""
    org = healthy().change(RELAY, ranges="10.0.0.11, 10.0.5.0/24", ranges_complete=False)

    assert found(org, ID) == [("found", "EX16A", RELAY)]
    assert commands(org) == ()
    assert "Get-ReceiveConnector -Server EX16A | Export-Clixml" in why_none(org)


def test_a_connector_made_for_servers_is_left_alone() -> None:
    """S3.42: with ExchangeServer and the group it may be there on purpose."""
    org = healthy().change(
        RELAY, ranges="10.0.0.11", auth="Tls, ExchangeServer", groups="ExchangeServers"
    )

    assert found(org, ID) == []
