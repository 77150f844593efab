"""Send connectors as they are kept, in every writing of their lists (S9.20, S9.23)."""

from __future__ import annotations

import pytest

from mailflow.analysis.outbound import can_use, send_connectors_of
from mailflow.exchange.send_connectors import AddressSpace, SendConnector
from mailflow.sources.row import Complex, Items, Lost, Value
from organisations import healthy

DN = "CN={},CN=Servers,CN=Exchange Administrative Group (X),CN=Contoso,DC=contoso,DC=com"


def one(**values: Value) -> SendConnector:
    """A send connector with these properties."""
    [made] = send_connectors_of(healthy().add_send_connector("Internet", **values).snapshot())
    return made


@pytest.mark.parametrize(
    "servers",
    [
        Items(("EX16A", "EX16B")),
        Items((DN.format("EX16A"), DN.format("EX16B"))),
        Items(("contoso.com/Configuration/Servers/EX16A", "ex16b.contoso.com")),
        Items((Complex("EX16A", {}), Complex("EX16B", {}))),
    ],
)
def test_source_servers_in_any_writing(servers: Value) -> None:
    """By name, full name, or place in the directory."""
    names = one(SourceTransportServers=servers).sources or ()

    assert [name.casefold() for name in names] == ["ex16a", "ex16b"]


def test_what_was_lost_is_not_known_and_what_is_empty_is_empty() -> None:
    """None and nothing are two things."""
    lost = Lost("the export lost it")
    unknown = one(
        AddressSpaces=lost, SourceTransportServers=lost, SmartHosts=lost, IsScopedConnector=lost
    )
    empty = one(SourceTransportServers=Items(()), SmartHosts=Items(()))

    assert (unknown.spaces, unknown.sources, unknown.smart_hosts) == (None, None, None)
    assert unknown.is_scoped is None
    assert (empty.sources, empty.smart_hosts) == ((), frozenset())
    assert empty.spaces == (AddressSpace("*", 1),)


@pytest.mark.parametrize(
    ("connector", "expected"),
    [
        ({"enabled": False, "sources": ("EX16A",), "is_scoped": False}, False),
        ({"sources": ("ex16a",), "is_scoped": None}, True),
        ({"sources": ("EX16B",), "is_scoped": False}, True),
        ({"sources": None, "is_scoped": False}, True),
        ({"sources": ("EX16B",), "is_scoped": None}, None),
        ({"sources": ("EX16B",), "is_scoped": True}, True),
        ({"sources": ("EX10A",), "is_scoped": True}, False),
        ({"sources": ("EX10A", "GONE"), "is_scoped": True}, None),
        ({"sources": (), "is_scoped": False}, False),
        ({"sources": None, "is_scoped": True}, None),
    ],
)
def test_who_may_use_a_connector(connector: dict[str, object], expected: bool | None) -> None:
    """S9.23: EX16A and EX16B stand in one site, EX10A in another; of GONE nothing is known."""
    servers = healthy().change_server("EX10A", site="Branch").servers
    mine = next(each for each in servers if each.name == "EX16A")
    made = SendConnector("Internet", **{"enabled": True} | connector)  # type: ignore[arg-type]

    assert can_use(made, mine, servers) is expected
