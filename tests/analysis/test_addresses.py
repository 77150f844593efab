"""What is known of a server's addresses, and from which of them mail may leave."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailflow.analysis.addresses import ADAPTERS, known_of
from mailflow.analysis.analysis import analyze
from mailflow.exchange.ranges import parse_address
from mailflow.snapshot import IN_ERROR, ServerAddress, Snapshot
from mailflow.views.findings import findings
from organisations import STUCK, Organisation, healthy

MAIL = ServerAddress("EX10A", "10.0.0.11", ADAPTERS, True, True, True)  # noqa: FBT003
APART = ServerAddress("EX10A", "10.9.0.11", ADAPTERS, False, False, False)  # noqa: FBT003


def known(org: Organisation, *rows: ServerAddress) -> Snapshot:
    """An organization in which this is known of the addresses of EX10A."""
    others = (one for one in org.snapshot().addresses if one.server != "EX10A")
    return replace(org.snapshot(), addresses=(*rows, *others))


def relayed(*ranges: str, stuck: bool = False) -> Organisation:
    """A relay on EX16A that catches these; with a queue on EX10A that stopped there."""
    org = healthy().change(r"EX16A\Relay", ranges=list(ranges))
    return org.add_queue("EX10A", 131, error=STUCK) if stuck else org


def verdict(org: Snapshot) -> str:
    """Of mail that is stuck."""
    return findings(org).verdict


def test_a_replication_network_accuses_nobody() -> None:
    """Contract 9 on 8.7: mail normally never leaves from an address of it (S9.05)."""
    caught = relayed("10.9.0.11")
    (path,) = (one for one in analyze(known(caught, MAIL, APART)).paths if one.state != "clear")

    assert verdict(known(caught, MAIL, APART)) == path.state == "unknown"
    assert "no DNS servers and no default gateway" in path.why
    assert verdict(known(caught, MAIL, replace(APART, has_gateway=True))) == "found"
    assert verdict(known(relayed("10.0.0.11"), MAIL, APART)) == "found"
    assert verdict(known(relayed("10.0.0.11", "10.9.0.11"), MAIL, APART)) == "found"


def test_a_stuck_queue_speaks_for_a_replication_network() -> None:
    """A name that resolves to one is reached through it (S9.05)."""
    assert verdict(known(relayed("10.9.0.11", stuck=True), MAIL, APART)) == "found"


@pytest.mark.parametrize(
    ("signs", "apart"),
    [
        ((None, None, None), False),
        ((False, None, None), True),
        ((None, False, None), True),
        ((None, None, False), True),
        ((False, False, False), True),
        ((True, False, False), False),
        ((False, True, None), False),
        ((False, False, True), False),
    ],
)
def test_one_sign_that_is_there_tells_that_it_is_none(
    signs: tuple[bool | None, ...], *, apart: bool
) -> None:
    """Where nothing was read, an address counts as one that mail leaves from, as always."""
    dns, gateway, registers = signs
    row = ServerAddress("EX10A", "10.9.0.11", ADAPTERS, dns, gateway, registers)

    assert bool(known_of([MAIL, row]).doubted) is apart


def test_mail_leaves_from_one_of_the_addresses() -> None:
    """A server whose adapters all look like one of a replication network is judged by all."""
    one, other = replace(APART, address="10.8.0.11"), APART

    assert known_of([one, other]).doubted == {}
    assert known_of([APART]).doubted == {}
    assert verdict(known(relayed("10.9.0.11"), one, other)) == "found"


# -- Addresses that an error alone names -----------------------------------------------------------

NAMED = ServerAddress("EX10A", "10.0.0.11", IN_ERROR)


def test_an_address_from_an_error_is_not_all() -> None:
    """S9.13: what is caught at it is found; that it is not caught says nothing of others."""
    addresses = known_of([NAMED])
    no_relays = known(healthy().remove(r"EX16A\Relay").remove(r"EX16B\Relay"), NAMED)

    assert (addresses.are_all, addresses.lack_some, addresses.doubted) == (False, True, {})
    assert verdict(known(relayed("10.0.0.11"), NAMED)) == "found"
    assert verdict(known(relayed("10.0.0.99"), NAMED)) == "unknown"
    assert verdict(no_relays) == "clear"


def test_an_address_from_an_error_beside_others_accuses_nobody() -> None:
    """A list that a person wrote is stronger: both may be right."""
    stated = replace(NAMED, address="10.0.0.12", source="addresses.csv")
    addresses = known_of([stated, NAMED])
    caught = relayed("10.0.0.11")

    assert (addresses.are_all, addresses.lack_some) == (False, False)
    assert set(addresses.doubted) == {parse_address("10.0.0.11")}
    assert verdict(known(caught, stated, NAMED)) == "unknown"
    assert verdict(known(caught, replace(stated, address="10.0.0.11"), NAMED)) == "found"


def test_local_addresses_beside_one_from_an_error_stay_open() -> None:
    """The target has that one, and may have any other, and those that connectors name (S1.04)."""
    org = healthy().add_relay("EX10A", "10.0.5.0/24", bindings="10.0.0.77:25")
    view = analyze(known(org, NAMED)).server("EX10A")

    assert view is not None
    assert view.local_addresses(4, 25) == (
        None,
        parse_address("10.0.0.11"),
        parse_address("10.0.0.77"),
    )
    assert view.local_addresses(6, 25) == (None,)
