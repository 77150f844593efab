"""S1.36: equal ranges at one binding decide a path, and nothing shows which connector wins."""

from __future__ import annotations

import pytest

from check_cases import RELAY, commands, found, said
from organisations import Organisation, healthy

ID = "connector-tie"


def tied(*, turned: bool = False) -> Organisation:
    """The relay lists all addresses, as the default connector does."""
    org = healthy().change(RELAY, ranges="0.0.0.0-255.255.255.255")
    if turned:
        org.connectors.reverse()
    return org


@pytest.mark.parametrize("turned", [False, True])
def test_neither_wins_in_any_order(turned: bool) -> None:
    """S1.15: the order of an export is not the order of loading."""
    assert found(tied(turned=turned), ID) == [("unknown", "EX16A", None)]
    assert commands(tied(turned=turned)) == ()


def test_the_connectors_that_tie_are_named() -> None:
    """The engineer has to know which two to look at."""
    text = said(tied(), ID)

    assert r"EX16A\Relay" in text
    assert r"EX16A\Default Frontend EX16A" in text


def test_a_smaller_range_decides() -> None:
    """S1.13: then nothing is open."""
    org = tied().add_relay("EX16A", "10.0.0.11", name="Servers")
    org.change(r"EX16A\Servers", auth="Tls, ExchangeServer", groups="ExchangeServers")
    org.remove_server("EX10B")

    assert found(org, ID) == []
