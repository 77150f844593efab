"""What is known of each server: what is its own, what setup made, what does not belong there."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.analysis.addresses import ADAPTERS
from mailflow.analysis.servers import (
    ServerView,
    SortedAddresses,
    address_of,
    bound_addresses,
    doubt_of,
    family_of,
    find_role_conflicts,
    is_custom,
    is_whole,
    out_of_place,
    setup_port,
    views_of,
)
from mailflow.exchange.connectors import ReceiveConnector, TransportRole, setup_default
from mailflow.exchange.ranges import Address, AddressRange, Family, parse_address
from mailflow.snapshot import ServerAddress
from organisations import E2010, E2013, E2016, Organisation, healthy
from strategies import addresses, ranges, servers

FRONT, HUB = TransportRole.FrontendTransport, TransportRole.HubTransport
FRONTEND, DEFAULT = r"EX16A\Default Frontend EX16A", r"EX16A\Default EX16A"


def view(org: Organisation, server: str = "EX16A") -> ServerView:
    """A server with all that was read of it."""
    return next(one for one in views_of(org.snapshot()) if one.name == server)


def test_each_server_has_what_is_its_own() -> None:
    """S4.32: rows name servers short or in full, in any case; the order read stays."""
    org = healthy().set_downgraded_auth("EX16A", value=True)
    org.connectors = [
        replace(one, server="ex16a.CONTOSO.com") if one.name == "Relay" else one
        for one in org.connectors
        if (one.name, one.server) != ("Relay", "EX16B")
    ]
    org.addresses += [
        ServerAddress("EX16A.contoso.com", text, "addresses.csv")
        for text in ("2001:db8::21", "10.0.0.21", "no address")
    ]
    mine, other = view(org), view(org, "EX16B")

    assert [one.name for one in mine.connectors] == [
        one.name for one in org.connectors if one.server.casefold().startswith("ex16a")
    ]
    assert [str(one) for one in mine.addresses] == ["10.0.0.21", "2001:db8::21"]
    assert (mine.downgraded, other.downgraded) == (True, False)
    assert "Relay" not in {one.name for one in other.connectors}


def test_a_limited_run_covers_some() -> None:
    """What is not covered is there all the same: it still sends to what is."""
    read = healthy().snapshot().limited_to(["EX16A"])

    assert [(one.name, one.covered) for one in views_of(read)] == [
        ("EX10A", False),
        ("EX10B", False),
        ("EX16A", True),
        ("EX16B", False),
    ]


@pytest.mark.parametrize(
    ("sources", "all_of_them"),
    [((ADAPTERS,), True), ((ADAPTERS, "addresses.csv"), False), ((), False)],
)
def test_adapters_alone_list_all_addresses(sources: tuple[str, ...], *, all_of_them: bool) -> None:
    """S9.10: then a family without an address is not in use; a list by hand may lack some."""
    org = healthy()
    org.addresses = [
        ServerAddress("EX16A", f"10.0.0.{21 + place}", source)
        for place, source in enumerate(sources)
    ]

    assert view(org).has_all_addresses == all_of_them
    assert view(org).local_addresses(6, 25) == (() if all_of_them else (None,))


def test_local_addresses_that_peers_may_take() -> None:
    """S1.04: the known ones; where none is known, those bound at the port, and any other."""
    org = healthy().change(r"EX16A\Relay", bindings="10.0.0.25:25, 10.0.0.26:26")
    bound = parse_address("10.0.0.25")

    assert view(org).local_addresses(4, 25) == (parse_address("10.0.0.21"),)
    assert view(org.set_addresses("EX16A")).local_addresses(4, 25) == (None, bound)
    assert view(org).local_addresses(4, 587) == (None,)
    assert bound_addresses(view(org).connectors, 4, 25) == [int(bound)]


@pytest.mark.parametrize(
    ("process", "port", "name"),
    [
        (FRONT, 25, "Default Frontend EX16A"),
        (HUB, 2525, "Default EX16A"),
        (HUB, 25, None),
        (FRONT, 717, "Outbound Proxy Frontend EX16A"),
    ],
)
def test_the_connector_that_setup_made(process: TransportRole, port: int, name: str | None) -> None:
    """Section 2: by its role and port, never a custom one, also where it was bound elsewhere."""
    org = healthy().add_relay("EX16A", "10.9.0.0/24", name="Hub", role="HubTransport")
    found = view(org).intended(process, port)

    assert (found.name if found else None) == name
    moved = healthy().change(FRONTEND, bindings="0.0.0.0:26")
    assert view(moved).intended(FRONT, 25) == moved.connector(FRONTEND)


def test_a_connector_by_its_identity() -> None:
    """S4.32: in any case; None where it is not there."""
    mine = view(healthy())

    assert mine.connector(FRONTEND.upper()) == healthy().connector(FRONTEND)
    assert mine.connector(r"EX16B\Relay") is None


def test_other_connectors_are_another_view() -> None:
    """What was worked out of the old ones does not stick to it."""
    org = healthy()
    before = view(org)
    assert before.role_conflicts == ()
    changed = org.change(DEFAULT, bindings="0.0.0.0:25")

    after = before.with_connectors(view(changed).connectors)
    assert after.server is before.server
    assert {one.odd.identity for one in after.role_conflicts} == {DEFAULT}


def test_what_an_administrator_made() -> None:
    """By its name, unless it is for all addresses where setup's own is missing: that one renamed.

    Contract 8.3.
    """
    org = healthy().add_relay("EX16A", "0.0.0.0-255.255.255.255", name="Wide")
    wide, relay, front = (
        org.connector(rf"EX16A\{name}") for name in ("Wide", "Relay", FRONTEND[6:])
    )
    mine = view(org).connectors
    alone = [one for one in mine if one is not front]

    assert [is_custom(one, mine) for one in (wide, relay, front)] == [True, True, False]
    assert [is_custom(one, alone) for one in (wide, relay)] == [False, True]
    assert {mine[place].name for place in view(org).custom} == {"Wide", "Relay"}


@pytest.mark.parametrize(
    ("version", "roles", "port"),
    [(E2010, "", 25), (E2016, "", 2525), (E2013, "Mailbox", 25), (E2013, "", 2525)],
)
def test_where_setup_binds_the_default(version: str, roles: str, port: int) -> None:
    """S2.05: 25 on 2010 and on a 2013 server without Front End, else 2525."""
    more: dict[str, Any] = {"roles": roles} if roles else {}
    org = Organisation().add_server("EX", version, "10.0.0.1", **more)
    default = setup_default(org.connector(r"EX\Default EX"))

    assert default is not None
    assert setup_port(default, org.server("EX")) == port
    unknown = replace(org.server("EX"), version=None, version_text="", has_frontend=None)
    assert setup_port(default, unknown) is None


@pytest.mark.parametrize(
    ("connector", "change", "odd"),
    [
        (r"EX16A\Relay", {"role": "HubTransport"}, r"EX16A\Relay"),
        (DEFAULT, {"bindings": "0.0.0.0:25"}, DEFAULT),
        (FRONTEND, {"bindings": "0.0.0.0:2525"}, FRONTEND),
    ],
)
def test_which_connector_is_out_of_place(connector: str, change: dict[str, Any], odd: str) -> None:
    """S1.30, contract 8.3: the custom one; of two of setup's the one that is not at home."""
    found = view(healthy().change(connector, **change)).role_conflicts

    assert {one.odd.identity for one in found} == {odd}
    assert all(odd != one.other.identity for one in found)


def test_of_two_custom_ones_the_hub_is_out_of_place() -> None:
    """S2.21: it is what a connector becomes where nobody gave it a role."""
    org = healthy().add_relay("EX16A", "10.9.0.1", name="Hub", role="HubTransport")
    relay, hub = org.connector(r"EX16A\Relay"), org.connector(r"EX16A\Hub")

    assert out_of_place(relay, hub, 25) is hub
    assert out_of_place(hub, relay, 25) is hub


@pytest.mark.parametrize(
    "change", [{"enabled": False}, {"role": None}, {"bindings": "0.0.0.0:26"}, {"enabled": None}]
)
def test_what_claims_nothing_conflicts_with_nobody(change: dict[str, Any]) -> None:
    """S1.10, S1.30: a disabled one takes no socket; what was not read is none for certain."""
    org = healthy().change(r"EX16A\Relay", role="HubTransport").change(r"EX16A\Relay", **change)

    assert list(find_role_conflicts(view(org).connectors)) == []


def test_where_a_conflict_is_met() -> None:
    """C9, S1.16: at the bound address alone, of its family and port."""
    org = healthy().change(r"EX16A\Relay", role="HubTransport", bindings="10.0.0.21:25")
    (conflict,) = find_role_conflicts(view(org).connectors)
    here, other = parse_address("10.0.0.21"), parse_address("10.0.0.25")

    assert conflict.is_met_at(4, here, 25)
    places: list[tuple[int, Address | None, int]] = [(4, other, 25), (4, None, 25), (6, here, 25)]
    assert not any(conflict.is_met_at(*place) for place in [*places, (4, here, 26)])


UNREAD: list[tuple[dict[str, Any], str]] = [
    ({"enabled": None}, "whether it is enabled was not read"),
    ({"role": None}, "its transport role was not read"),
    ({"bindings_complete": False}, "its Bindings are incomplete in the data"),
    ({"ranges_complete": False}, "its RemoteIPRanges are incomplete in the data"),
]


@pytest.mark.parametrize(("change", "words"), UNREAD)
def test_what_was_not_read_of_a_connector(change: dict[str, Any], words: str) -> None:
    """S1.10, S1.11: what decides whom it accepts; of a disabled one nothing is missed."""
    org = healthy().change(r"EX16A\Relay", **change)
    relay = org.connector(r"EX16A\Relay")

    assert (is_whole(relay), doubt_of(relay), view(org).is_whole) == (False, words, False)
    assert (view(healthy()).is_whole, doubt_of(replace(relay, enabled=False))) == (True, "")


@given(st.lists(st.one_of(addresses(4), addresses(6)), max_size=6), ranges(), servers())
def test_addresses_in_ranges(
    some: list[Address], block: AddressRange, connectors: tuple[ReceiveConnector, ...]
) -> None:
    """S1.14: just the ranges that contain one of them are kept, and those for all."""
    asked = SortedAddresses(some)

    assert asked.some_in(block) == any(one in block for one in some)
    for lean, whole in zip(asked.lean(connectors), connectors, strict=True):
        kept = [one for one in whole.ranges if one.is_everything or any(a in one for a in some)]
        assert lean == replace(whole, ranges=tuple(kept))


@given(st.sampled_from((4, 6)), st.integers(0, 2**32 - 1))
def test_numbers_and_addresses(family: Family, number: int) -> None:
    """A number of a family is one address, also where both families have it."""
    found = address_of(family, number)

    assert (int(found), family_of(found)) == (number, family)
