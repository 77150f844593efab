"""C13, S1.18: no receive connector matches the connection."""

from __future__ import annotations

import pytest

from check_cases import FRONT, RELAY, commands, found, said
from organisations import healthy

ID = "no-connector-answers"


def test_a_disabled_default_is_enabled() -> None:
    """C13: nothing else of it changes."""
    org = healthy().change(FRONT, enabled=False)

    assert found(org, ID) == [("found", "EX16A", FRONT)]
    assert commands(org) == (f'Set-ReceiveConnector "{FRONT}" -Enabled $true',)
    assert "is disabled (421 4.3.2)" in said(org, ID)


def test_a_narrowed_default_gets_the_missing_sender_alone() -> None:
    """S1.18: what is missing is added, not everything."""
    org = healthy().change(FRONT, ranges="10.0.0.11, 10.0.9.0/24")

    assert commands(org) == (
        f'Set-ReceiveConnector "{FRONT}" -RemoteIPRanges "10.0.0.11","10.0.9.0/24","10.0.0.12"',
    )


@pytest.mark.parametrize(
    ("bindings", "expected"),
    [
        ("10.0.0.99:25", '"10.0.0.99:25","10.0.0.21:25"'),
        ("0.0.0.0:2600", '"0.0.0.0:2600","0.0.0.0:25"'),
    ],
)
def test_missing_bindings_are_added(bindings: str, expected: str) -> None:
    """S1.16: the local address that is missing, or setup's wildcard where the port is."""
    org = healthy().change(FRONT, bindings=bindings)

    assert commands(org) == (f'Set-ReceiveConnector "{FRONT}" -Bindings {expected}',)


def test_a_disabled_default_behind_a_relay_is_one_repair() -> None:
    """Both faults of one path: enabled, and the relay released."""
    org = healthy().change(FRONT, enabled=False).change(RELAY, ranges="10.0.0.0/24")

    assert [line.split(" -")[1].split()[0] for line in commands(org)] == [
        "Enabled",
        "RemoteIPRanges",
    ]


def test_an_unread_state_is_unknown() -> None:
    """S1.10: whether it is enabled was not read."""
    org = healthy().change(FRONT, enabled=None)

    assert [state for state, *_ in found(org, ID)] == ["unknown"]
    assert commands(org) == ()
