"""Every mail path between two servers, judged by configuration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mailflow.analysis.analysis import addresses_of, analyze, connectors_of
from mailflow.analysis.assessment import (
    NOBODY,
    ROLE_CONFLICT,
    SHADOWED,
)
from mailflow.analysis.paths import Judge, MailPath
from mailflow.exchange.ranges import parse_address
from mailflow.exchange.servers import Server
from mailflow.snapshot import Snapshot
from mailflow.sources.tables import assemble
from mailflow.views.findings import findings
from organisations import E2013, E2016, Organisation, article, healthy

FRONTEND = r"EX16A\Default Frontend EX16A"


def states(org: Organisation | Snapshot) -> dict[tuple[str, str], tuple[str, str | None]]:
    """State and cause by sender and target, of paths that are not clear."""
    read = org.snapshot() if isinstance(org, Organisation) else org
    return {
        (one.sender.name, one.target.name): (one.state, one.cause)
        for one in analyze(read).paths
        if one.state != "clear"
    }


def path(org: Organisation, sender: str, target: str) -> MailPath:
    """The one path between two servers."""
    (found,) = (
        one
        for one in analyze(org.snapshot()).paths
        if (one.sender.name, one.target.name) == (sender, target)
    )
    return found


def test_the_article() -> None:
    """Section 0: both 2010 servers on both 2016 servers, and nobody else."""
    found = ("found", SHADOWED)

    assert states(healthy()) == {}
    assert states(article()) == {
        (sender, target): found for sender in ("EX10A", "EX10B") for target in ("EX16A", "EX16B")
    }


def test_a_path_knows_what_it_rests_on() -> None:
    """The selection may be asked again, and says the same: connector, range, and who loses."""
    found = path(article(), "EX10A", "EX16A")
    got = found.answer

    assert got is not None
    assert found.accepted_by is got.connector
    assert (found.range, str(found.range)) == (got.range, "10.0.0.11")
    assert (found.local, found.was_asked) == (parse_address("10.0.0.21"), True)
    assert found.assessed(replace(found.assessment, state="clear")).state == "clear"


@pytest.mark.parametrize(
    ("identity", "change", "expected"),
    [
        (FRONTEND, {"enabled": False}, ("found", NOBODY)),
        (FRONTEND, {"ranges": "10.9.0.0/16"}, ("found", NOBODY)),
        (r"EX16A\Relay", {"role": "HubTransport"}, ("found", ROLE_CONFLICT)),
        (r"EX16A\Relay", {"ranges_complete": False}, ("unknown", SHADOWED)),
    ],
)
def test_states_of_paths(identity: str, change: dict[str, Any], expected: tuple[str, str]) -> None:
    """S1.18, S1.30, section 1.4: nobody, two processes, a list that was cut."""
    assert states(healthy().change(identity, **change))["EX10A", "EX16A"] == expected


def test_a_tie_is_unknown_unless_both_are_alike() -> None:
    """S1.36: it is not known which was loaded first; found or clear only if both are so."""
    org = healthy().add_relay("EX16A", "10.0.0.11", name="One")
    both = org.copy().add_relay("EX16A", "10.0.0.11", name="Two")
    auth = {"auth": "Tls, ExchangeServer", "groups": "ExchangeServers"}
    good = both.copy().change(r"EX16A\Two", **auth)

    assert states(both)["EX10A", "EX16A"] == ("found", SHADOWED)
    assert states(good)["EX10A", "EX16A"][0] == "unknown"
    assert ("EX10A", "EX16A") not in states(good.change(r"EX16A\One", **auth))


def test_a_missing_address_is_unknown() -> None:
    """Contract 2: who accepts a server whose address is not known can't be said."""
    found = path(healthy().set_addresses("EX10A"), "EX10A", "EX16A")

    assert (found.state, found.address, found.answer) == ("unknown", None, None)
    assert "no address of EX10A is known" in found.why


def test_a_limited_run_judges_what_begins_or_ends_there() -> None:
    """Paths between two servers that it does not cover are not its matter."""
    read = healthy().snapshot().limited_to(["EX16B"])

    assert {
        (one.sender.name, one.target.name)
        for one in analyze(read).paths
        if "EX16B" not in (one.sender.name, one.target.name)
    } == set()


def test_other_connectors_than_the_servers_own() -> None:
    """A judge asks again with the connectors that a server would have; the others stay."""
    analysis = analyze(article().snapshot())
    target = analysis.server("EX16A")
    assert target is not None
    changed = article().change(r"EX16A\Relay", ranges="10.0.5.0/24").snapshot()
    then = target.with_connectors(analyze(changed).of(target.server).connectors)
    failing = [one for one in analysis.paths if one.target is target and one.state == "found"]

    assert {one.state for one in analysis.judge.paths_to(then)} == {"clear"}
    assert [one.state for one in analysis.judge.again(then, failing)] == ["clear", "clear"]
    assert [one.state for one in analysis.judge.again(target, failing)] == ["found", "found"]


def test_servers_to_come_are_asked_by_their_addresses() -> None:
    """Ranges that contain none of the servers' addresses count for an address to come."""
    analysis = analyze(healthy().snapshot())
    target = analysis.server("EX16A")
    assert target is not None
    base = path(healthy(), "EX10A", "EX16A")
    planned = replace(base, address=parse_address("10.0.5.7"))

    (said,) = Judge(analysis.servers, [parse_address("10.0.5.7")]).again(target, [planned])
    assert (said.state, said.cause) == ("found", SHADOWED)


def test_the_analysis_is_made_once() -> None:
    """A snapshot never changes, so all who ask get the same analysis; a changed one another."""
    read = article().snapshot()

    assert analyze(read) is analyze(read)
    assert analyze(replace(read, origin="x")) is not analyze(read)


def test_servers_by_name_and_by_object() -> None:
    """S4.32: short or full, in any case; what the snapshot does not have has nothing."""
    read = healthy().snapshot()
    analysis, server = analyze(read), read.servers[2]
    view = analysis.server("ex16a.CONTOSO.com")

    assert view is not None
    assert view is analysis.of(server) is analysis.of(replace(server))
    assert analysis.server("EX99") is None
    assert analysis.of(Server("EX99")).connectors == ()
    assert connectors_of(read, server) == view.connectors
    assert addresses_of(read, server) == view.addresses == (parse_address("10.0.0.21"),)


# -- Paths that mail may take ----------------------------------------------------------------------


V6 = {"name": "Six", "bindings": "[::]:2525", "role": "HubTransport"}


@pytest.mark.parametrize(
    ("source", "theirs", "expected"),
    [
        ("addresses.csv", ["10.0.0.22"], "unknown"),
        ("Get-NetworkConnectionInfo", ["10.0.0.22"], "clear"),
        ("addresses.csv", ["10.0.0.22", "2001:db8::22"], "found"),
    ],
)
def test_a_pair_meets_in_a_family_that_both_have(
    source: str, theirs: list[str], expected: str
) -> None:
    """S4.66: without a known address of the family a fault is not found."""
    org = healthy().set_addresses("EX16A", "10.0.0.21", "2001:db8::21")
    org.set_addresses("EX16B", *theirs).add_relay("EX16B", "2001:db8::/64", **V6)
    org.remove(r"EX16B\Relay")
    org.addresses = [replace(one, source=source) for one in org.addresses]
    state, _ = states(org).get(("EX16A", "EX16B"), ("clear", None))

    assert state == expected


@pytest.mark.parametrize(
    ("site", "expected"), [("Elsewhere", None), ("", "unknown"), ("head-office", "found")]
)
def test_an_edge_speaks_to_its_own_site(site: str, expected: str | None) -> None:
    """S4.64: another site's server is no path; a site that was not read accuses nobody."""
    org = healthy().add_server("EDGE", E2016, "192.168.5.9", roles="Edge")
    org.change_server("EDGE", site=site).change(r"EX16A\Relay", ranges="192.168.5.0/24")

    assert states(org).get(("EDGE", "EX16A"), (None,))[0] == expected


def test_a_fault_on_one_of_several_own_addresses_is_open() -> None:
    """S4.65: the operating system decides which one the hop to itself takes."""
    org = healthy().set_addresses("EX16A", "10.0.0.21", "10.0.2.21")
    hub = {"name": "Hub", "role": "HubTransport", "bindings": "0.0.0.0:2525"}
    some = org.copy().add_relay("EX16A", "10.0.2.21", **hub)
    both = org.copy().add_relay("EX16A", "10.0.2.21", "10.0.0.21", **hub)

    assert states(some)["EX16A", "EX16A"][0] == "unknown"
    assert states(both)["EX16A", "EX16A"][0] == "found"


def test_an_address_of_two_servers_may_be_a_load_balancers() -> None:
    """Contract 9 on 8.7: a sender with others is not accused by it."""
    org = healthy().set_addresses("EX10A", "10.0.0.11", "10.0.0.50")
    org.change(r"EX16A\Relay", ranges="10.0.0.50")
    own = states(org)["EX10A", "EX16A"][0]
    shared = states(org.set_addresses("EX10B", "10.0.0.12", "10.0.0.50"))

    assert own == "found"
    assert shared["EX10A", "EX16A"][0] == shared["EX10B", "EX16A"][0] == "unknown"


def test_a_client_access_server_is_no_next_hop() -> None:
    """S4.63: of 2013, with the Front End alone."""
    org = healthy().add_server("EX13C", E2013, "10.0.0.42", roles="ClientAccess")
    org.add_relay("EX13C", "10.0.0.0/24")
    unread = org.copy().change_server("EX13C", has_hub=None)

    assert [pair for pair in states(org) if pair[1] == "EX13C"] == []
    assert states(unread)["EX10A", "EX13C"][0] == "unknown"


@pytest.mark.parametrize(
    ("sender", "target", "expected"),
    [
        (["2001:db8::11"], ["10.0.0.21"], "unknown"),
        (["2001:db8::11"], ["10.0.0.21", "2001:db8::21"], "clear"),
        (["2001:db8::11", "10.0.0.13"], ["10.0.0.21"], "clear"),
        (["2001:db8::11"], [], "clear"),
        (["10.0.0.13"], ["2001:db8::21"], "unknown"),
    ],
)
def test_mail_comes_from_no_address_of_a_family_that_the_target_lacks(
    sender: list[str], target: list[str], expected: str
) -> None:
    """S4.66: then it comes from one that is not known, and a relay connector may contain that."""
    org = article().set_addresses("EX10A", *sender).set_addresses("EX16A", *target)
    state, _ = states(org).get(("EX10A", "EX16A"), ("clear", None))

    assert state == expected


def test_an_address_of_another_family_is_not_called_none() -> None:
    """What to do next asks for the addresses that are not known, beside the one that is."""
    found = findings(article().set_addresses("EX10A", "2001:db8::11").snapshot())

    assert any("Not all addresses of EX10A are known." in each.text for each in found.next_steps)


def test_ipv4_written_as_ipv6_is_ipv4() -> None:
    """S1.45: no IPv6 connection comes from such an address, so IPv4 ranges decide."""
    org = article().set_addresses("EX10A", "::ffff:10.0.0.11")

    read = assemble(org.reading(), origin="here")

    assert states(read)["EX10A", "EX16A"] == ("found", SHADOWED)
