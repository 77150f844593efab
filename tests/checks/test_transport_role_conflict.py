"""C9: connectors of both transport services claim the same local endpoint."""

from __future__ import annotations

from check_cases import HUB, RELAY, commands, found
from organisations import healthy

ID = "transport-role-conflict"


def test_a_custom_connector_takes_the_role_that_belongs_there() -> None:
    """C9, contract 8.3: named is the one that setup did not make."""
    org = healthy().change(RELAY, role="HubTransport")

    assert found(org, ID) == [("found", "EX16A", RELAY)]
    assert commands(org) == (rf'Set-ReceiveConnector "{RELAY}" -TransportRole FrontendTransport',)


def test_a_connector_of_setups_returns_to_its_port_and_keeps_its_role() -> None:
    """C9, contract 8.3: never -TransportRole on a connector of setup's."""
    org = healthy().change(HUB, bindings="0.0.0.0:25, [::]:25")

    assert found(org, ID) == [("found", "EX16A", HUB)]
    assert commands(org) == (f'Set-ReceiveConnector "{HUB}" -Bindings "0.0.0.0:2525","[::]:2525"',)


def test_a_disabled_one_is_no_conflict_today() -> None:
    """S1.10: only what is enabled takes part."""
    assert found(healthy().change(RELAY, role="HubTransport", enabled=False), ID) == []


def test_a_custom_connector_on_ports_of_both_services_keeps_its_own() -> None:
    """S1.30: it cannot have both roles, so it gives up the endpoint of the other service."""
    org = healthy().change(RELAY, bindings="0.0.0.0:25, 0.0.0.0:2525")

    assert commands(org) == (rf'Set-ReceiveConnector "{RELAY}" -Bindings "0.0.0.0:25"',)
