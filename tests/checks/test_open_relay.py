"""Audit: hosts outside of the organization may relay, without authentication."""

from __future__ import annotations

from dataclasses import replace

import pytest

from check_cases import FRONT, RELAY, audited
from mailflow.checks.check import Finding
from mailflow.snapshot import Right, Snapshot
from mailflow.views.audit import audit
from organisations import Organisation, healthy

ID = "open-relay"
TRUSTED = {"auth": "ExternalAuthoritative", "groups": "ExchangeServers"}


def relaying(*ranges: str, connector: str = RELAY) -> Organisation:
    """One connector that trusts every host in these ranges."""
    return healthy().change(connector, ranges=", ".join(ranges), **TRUSTED)


def with_right(org: Organisation, connector: str) -> Snapshot:
    """The organization with a relay right on one connector."""
    server, _, name = connector.partition("\\")
    right = Right(
        server,
        name,
        r"NT AUTHORITY\ANONYMOUS LOGON",
        "ms-Exch-SMTP-Accept-Any-Recipient",
        deny=False,
    )
    return replace(org.snapshot(), rights=(right,))


def states(found: list[Finding]) -> list[tuple[str, str | None]]:
    """State and connector of each."""
    return [(each.state, each.connector and each.connector.identity) for each in found]


def test_a_host_with_a_public_address_may_relay() -> None:
    """S3.31: an externally secured connector trusts whoever it accepts."""
    [found] = audited(relaying("10.0.5.0/24", "203.0.113.7"), ID)

    assert states([found]) == [("found", RELAY)]
    assert "203.0.113.7" in found.check.explain([found])
    assert "10.0.5" not in found.check.explain([found])


@pytest.mark.parametrize(
    "ranges",
    ["10.0.0.0/8", "172.16.0.0-172.31.255.255", "192.168.4.0/24", "100.64.0.0/10", "fd00::/8"],
)
def test_private_addresses_are_inside(ranges: str) -> None:
    """S1.39: nobody outside has such an address; `relay-wider-than-it-looks` tells of wide ones."""
    assert audited(relaying(ranges), ID) == []


def test_planned_servers_and_subnets_of_servers_are_inside() -> None:
    """What is listed as planned is no stranger; nor is an IPv6 neighbor of a server."""
    org = relaying("203.0.113.7", "2001:db8:5::/64")

    assert len(audited(org, ID)) == 1
    assert audited(org, ID, "EX19A=203.0.113.7", "EX19A=2001:db8:5::1") == []


@pytest.mark.parametrize(
    ("ranges", "state"),
    [
        ("203.0.113.7", "unknown"),
        ("2001:db8:5::/64", "unknown"),
        ("192.0.0.0-199.255.255.255", "found"),
    ],
)
def test_hosts_may_be_servers_whose_addresses_were_not_read(ranges: str, state: str) -> None:
    """Nobody is called a stranger by missing addresses; so many hosts are no server's (S1.39)."""
    org = relaying(ranges).change(RELAY, bindings="0.0.0.0:25, [::]:25").snapshot()
    org = replace(org, addresses=())

    [found] = audited(org, ID)

    assert found.state == state
    assert ("were not read" in found.check.explain([found])) == (state == "unknown")


def test_the_default_connector_relays_for_all_that_are_left() -> None:
    """Section 2.6: the right on the connector that accepts everybody is the classic open relay."""
    org = healthy().change(FRONT, groups="AnonymousUsers, ExchangeServers, Custom")
    found = audit(with_right(org, FRONT))

    assert [(each.cause, each.state) for each in found.findings[:1]] == [(ID, "found")]
    assert "Remove-ADPermission" in found.findings[0].remedy
    assert not [
        each
        for each in found.findings
        if each.cause == "relay-wider-than-it-looks" and each.connector == FRONT
    ]


def test_what_harms_most_is_the_first_finding() -> None:
    """By number of hosts outside, before every other finding of an audit."""
    org = relaying("203.0.113.7", "10.0.0.11")
    org.add_relay("EX16B", "198.51.100.0/24", name="Wide")
    org.change(r"EX16B\Wide", **TRUSTED)
    causes = [(each.cause, each.connector) for each in audit(org.snapshot()).findings]

    assert causes[:3] == [
        (ID, r"EX16B\Wide"),
        (ID, RELAY),
        ("custom-connector-shadows-default", RELAY),
    ]


def test_rights_that_were_not_read_are_unknown() -> None:
    """S3.20: Custom may be the right to relay; without it in the groups nobody was given it."""
    custom = healthy().change(FRONT, groups="AnonymousUsers, ExchangeServers, Custom")
    [found] = audited(custom, ID)

    assert states([found]) == [("unknown", FRONT)]
    assert "Get-ADPermission" in found.check.advise(found)
    assert audited(healthy().change(FRONT, groups="AnonymousUsers, ExchangeServers"), ID) == []


@pytest.mark.parametrize(
    "change", [{"auth": None}, {"enabled": None}, {"role": None}, {"ranges_complete": False}]
)
def test_a_connector_that_was_not_read_in_full_is_unknown(change: dict[str, object]) -> None:
    """Never silent: a cut list may hold hosts outside, a connector may be enabled."""
    org = relaying("10.0.5.0/24" if "ranges_complete" in change else "203.0.113.7")
    org.change(RELAY, **change)

    assert states(audited(org, ID)) == [("unknown", RELAY)]


def test_a_smaller_range_of_another_connector_takes_the_hosts() -> None:
    """S1.13: what counts is who accepts the host, not who lists it."""
    org = relaying("203.0.113.0/30")
    org.add_relay("EX16A", "203.0.113.0/31", "203.0.113.2/31", name="Mail filter")
    org.change(r"EX16A\Mail filter", auth="Tls", groups="AnonymousUsers")

    assert audited(org, ID) == []


@pytest.mark.parametrize("name", ["Mail filter", "Spam filter"])
def test_a_tie_is_unknown(name: str) -> None:
    """S1.36: of two equal ranges nobody can say which connector accepts, whatever their names."""
    org = relaying("203.0.113.0/30")
    org.add_relay("EX16A", "203.0.113.0/30", name=name)
    org.change(rf"EX16A\{name}", auth="Tls", groups="AnonymousUsers")

    [found] = audited(org, ID)
    assert states([found]) == [("unknown", RELAY)]
    assert "Get-" not in found.check.advise(found)


def test_the_change_to_try_is_given_as_a_command() -> None:
    """Elements that are outside as a whole; one that is only in part is nothing to remove."""
    [found] = audited(relaying("203.0.113.7", "198.51.100.0/30", "10.0.5.0/24", "10.0.0.0/7"), ID)

    assert found.check.advise(found).splitlines()[-1] == (
        "mailflow whatif <source> --server EX16A --connector Relay "
        '--remove "203.0.113.7,198.51.100.0/30"'
    )


def test_a_disabled_connector_relays_for_nobody() -> None:
    """S1.10."""
    assert audited(relaying("203.0.113.7").change(RELAY, enabled=False), ID) == []


def test_a_list_beside_it_that_was_not_read_may_take_the_hosts() -> None:
    """S1.13: few hosts outside may be in the part that was cut; half of the internet is not."""
    few = relaying("203.0.113.7").add_relay("EX16A", "10.0.7.1", name="Mail filter")
    many = relaying("128.0.0.0/1").add_relay("EX16A", "10.0.7.1", name="Mail filter")
    for org in (few, many):
        org.change(r"EX16A\Mail filter", ranges_complete=False, auth="Tls", groups="AnonymousUsers")

    [found] = audited(few, ID)
    assert states([found]) == [("unknown", RELAY)]
    assert "Get-ReceiveConnector -Server EX16A" in found.check.advise(found)
    assert states(audited(many, ID)) == [("found", RELAY)]
