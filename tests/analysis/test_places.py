"""Where a server answers, where peers arrive, and what was not read of who may answer there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mailflow.analysis.addresses import ADAPTERS
from mailflow.analysis.analysis import analyze, connectors_of
from mailflow.analysis.places import (
    Place,
    doubts_at,
    hidden_connectors,
    hidden_servers,
    listens,
    places_of,
    processes_at,
    reachable,
    tie_doubts,
)
from mailflow.analysis.servers import ServerView
from mailflow.exchange.connectors import ReceiveConnector, TransportRole
from mailflow.exchange.ranges import parse_address
from mailflow.snapshot import ServerAddress, Snapshot, Unread
from organisations import Organisation, healthy

FRONT, HUB = TransportRole.FrontendTransport, TransportRole.HubTransport
ANY = Place(4, 25)


def of(org: Organisation, server: str = "EX16A") -> tuple[ReceiveConnector, ...]:
    """The connectors of a server."""
    read = org.snapshot()
    return connectors_of(read, org.server(server))


def view(read: Snapshot, server: str = "EX16A") -> ServerView:
    """A server with all that was read of it."""
    found = analyze(read).server(server)
    assert found is not None
    return found


def test_each_bound_address_is_a_place() -> None:
    """S1.16, S1.17: both families, the wildcard and each specific address, at these ports."""
    org = healthy().change(r"EX16A\Relay", bindings="10.0.0.21:25, 0.0.0.0:26")

    assert [str(one) for one in places_of(of(org), [25])] == [
        "any IPv4 address:25",
        "10.0.0.21:25",
        "any IPv6 address:25",
    ]
    assert places_of(of(org), [26]) == (Place(4, 26),)
    assert places_of(of(org), []) == ()


def test_as_text_and_json() -> None:
    """Null stands for every address that nobody is bound to."""
    one = Place(6, 25, parse_address("2001:db8::21"))

    assert str(one) == "[2001:db8::21]:25"
    assert one.as_json() == {"port": 25, "family": 6, "local": "2001:db8::21"}
    assert ANY.as_json() == {"port": 25, "family": 4, "local": None}


def test_whose_process_it_is() -> None:
    """S1.10, C9: by enabled connectors that listen there; two claims are two processes."""
    org = healthy().add_relay("EX16A", "10.3.0.0/16", name="Hub", role="HubTransport")

    assert processes_at(of(healthy()), ANY) == (FRONT,)
    assert processes_at(of(org), ANY) == (FRONT, HUB)
    assert processes_at(of(org.change(r"EX16A\Hub", enabled=False)), ANY) == (FRONT,)
    assert processes_at(of(healthy()), Place(4, 26)) == ()


def test_where_peers_arrive() -> None:
    """S1.04: at known addresses; else at bound ones and any other, as the paths are judged."""
    org = healthy().change(r"EX16A\Relay", bindings="10.0.0.21:25")
    read = org.snapshot()
    unknown = org.copy().set_addresses("EX16A").snapshot()
    adapters = replace(read, addresses=(ServerAddress("EX16A", "10.0.0.21", ADAPTERS),))
    local = parse_address("10.0.0.21")

    assert reachable(view(read), 4, 25) == (Place(4, 25, local),)
    assert reachable(view(unknown), 4, 25) == (ANY, Place(4, 25, local))
    assert reachable(view(unknown), 4, 587) == (Place(4, 587),)
    assert reachable(view(read), 6, 25) == (Place(6, 25),)
    assert reachable(view(adapters), 6, 25) == ()
    for snapshot in (read, unknown):
        for path in analyze(snapshot).paths:
            if path.address and path.endpoint and path.answer and path.sender is not path.target:
                family = 4 if path.address.version == 4 else 6
                found = reachable(path.target, family, path.endpoint.port)
                assert path.answer.local in [one.local for one in found]


UNREAD: list[tuple[dict[str, Any], TransportRole, list[str]]] = [
    ({}, FRONT, []),
    (
        {"ranges_complete": False},
        FRONT,
        ["RemoteIPRanges of EX16A\\Second are incomplete in the data"],
    ),
    ({"ranges_complete": False, "enabled": False}, FRONT, []),
    ({"ranges_complete": False, "bindings": "0.0.0.0:26"}, FRONT, []),
    ({"ranges_complete": False}, HUB, ["EX16A\\Second claims any IPv4 address:25 for another"]),
    (
        {"bindings": "0.0.0.0:26", "bindings_complete": False},
        FRONT,
        ["Bindings of EX16A\\Second are incomplete in the data"],
    ),
    ({"bindings": "0.0.0.0:26", "bindings_complete": False}, HUB, []),
    ({"enabled": None}, FRONT, ["it was not read whether EX16A\\Second is enabled"]),
    ({"enabled": None}, HUB, ["it was not read whether EX16A\\Second is enabled"]),
    ({"role": None}, HUB, ["the transport role of EX16A\\Second was not read"]),
]


@pytest.mark.parametrize(("changes", "process", "texts"), UNREAD)
def test_what_was_not_read(
    changes: dict[str, Any], process: TransportRole, texts: list[str]
) -> None:
    """S1.10, S1.30: only what could answer there, or claim it for another process, is a doubt."""
    org = healthy().add_relay("EX16A", "10.3.0.0/16", name="Second", **changes)
    found = list(doubts_at([org.connector(r"EX16A\Second")], ANY, process))

    assert len(found) == len(texts)
    assert all(said.startswith(text) for said, text in zip(found, texts, strict=True))


def test_a_capture_without_setups_connectors_was_filtered() -> None:
    """Then others may be missing as well."""
    org = healthy()
    relay = [org.connector(r"EX16A\Relay")]

    view = analyze(org.snapshot()).server("EX16A")
    assert view is not None

    assert list(hidden_connectors(view, of(org))) == []
    assert "none of the connectors that setup makes" in next(hidden_connectors(view, relay))


@pytest.mark.parametrize(
    ("ranges", "is_tie"),
    [
        ("0.0.0.0-255.255.255.255", True),
        ("0.0.0.1-255.255.255.255", False),
        ("10.0.0.0/24", False),
    ],
)
def test_equal_ranges_are_a_doubt(ranges: str, is_tie: bool) -> None:
    """S1.36: the order of loading decides, and no cmdlet shows it."""
    org = healthy().add_relay("EX16A", ranges, name="Internet")
    both = [org.connector(r"EX16A\Default Frontend EX16A"), org.connector(r"EX16A\Internet")]

    told = list(tie_doubts(both, ANY, FRONT))

    assert told == list(tie_doubts(both[::-1], ANY, FRONT))
    assert bool(told) is is_tie


def test_ranges_of_one_size_that_overlap_are_a_tie() -> None:
    """S1.36, S1.37: an old state; neither is more specific where they overlap."""
    org = healthy().add_relay("EX16A", "10.3.0.0-10.3.0.9", name="One")
    org.add_relay("EX16A", "10.3.0.5-10.3.0.14", name="Two")
    org.add_relay("EX16A", "10.3.0.15-10.3.0.24", name="Three")
    found = [org.connector(rf"EX16A\{name}") for name in ("One", "Two", "Three")]

    (told,) = tie_doubts(found, ANY, FRONT)

    assert told.startswith("EX16A\\One and EX16A\\Two have equal ranges")


def test_who_listens_at_a_place() -> None:
    """S1.16, S1.17: a wildcard stands for every local address of its family, a bound one alone."""
    org = healthy().change(r"EX16A\Relay", bindings="10.0.0.21:25")
    relay, front = org.connector(r"EX16A\Relay"), org.connector(r"EX16A\Default Frontend EX16A")
    bound = Place(4, 25, parse_address("10.0.0.21"))

    assert [listens(front, one) for one in (ANY, bound, Place(4, 26))] == [True, True, False]
    assert [listens(relay, one) for one in (ANY, bound, Place(6, 25))] == [False, True, False]


@pytest.mark.parametrize(
    ("row", "server", "hides"),
    [
        (Unread("", "Get-ExchangeServer", "denied"), "", True),
        (Unread("", "capture", "no XML"), "EX16A", True),
        (Unread("EX16A", "Get-ExchangeServer", "denied"), "EX16A", True),
        (Unread("EX16A", "Get-ExchangeServer", "denied"), "EX16B", False),
        (Unread("EX16A", "Get-ExchangeServer", "denied"), "", False),
        (Unread("EX16A", "Get-ReceiveConnector", "denied"), "EX16A", False),
    ],
)
def test_servers_that_may_be_hidden(row: Unread, server: str, *, hides: bool) -> None:
    """An unread list of servers hides some; what was not read of one hides that one alone."""
    read = replace(healthy().snapshot(), unread=(row,), cmdlets=frozenset({"Get-ExchangeServer"}))

    assert bool(hidden_servers(read, server)) == hides
    assert hidden_servers(replace(read, unread=())) == []
    assert hidden_servers(replace(read, unread=(), cmdlets=frozenset())) == [
        "Get-ExchangeServer is missing in the data, so the servers of the organization are unknown"
    ]
