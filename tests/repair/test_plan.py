"""The smallest change that brings the servers to the intended connector, or why there is none."""

from __future__ import annotations

import pytest
from mailflow.steps.change import applied
from mailflow.steps.paths import SHADOWED, judged_paths
from mailflow.steps.plan import Plan, alternatives, plan, proposal

from mailflow.exchange.conflicts import TEXT_A, TEXT_B
from mailflow.snapshot import Snapshot
from mailflow.steps.findings import findings
from mailflow.steps.verdict import Finding
from organisations import E2019, STUCK, Organisation, article, healthy


def planned(org: Organisation) -> Plan:
    """What its findings call for."""
    read = org.snapshot()
    return plan(read, findings(read))


def lists(org: Organisation) -> dict[str, list[str]]:
    """The new list of each connector that is changed."""
    found = planned(org)
    assert found.refused == ()
    return {one.identity: [str(block) for block in one.ranges] for one in found.changes}


def bad_ways(org: Snapshot) -> list[tuple[str, str, str]]:
    """Ways between servers that do not work, or are not known to."""
    return [
        (one.sender.name, one.target.name, one.state)
        for one in judged_paths(org)
        if one.state != "clear"
    ]


def one_relay(*ranges: str, name: str = "Relay") -> Organisation:
    """An organisation whose only relay is one of EX16A with these ranges."""
    org = healthy().remove(r"EX16A\Relay").remove(r"EX16B\Relay")
    return org.add_relay("EX16A", *ranges, name=name)


def test_the_article() -> None:
    """Section 0.3: the servers' addresses off the relays of both servers, as the findings say."""
    read = article().snapshot()
    found = findings(read)

    changes = proposal(read, found)
    assert [str(one) for one in changes] == [
        r"Take 10.0.0.11 and 10.0.0.12 off EX16A\Relay.",
        r"Take 10.0.0.11 and 10.0.0.12 off EX16B\Relay.",
    ]
    assert [one.command for one in changes] == list(found.repair[:2])
    assert bad_ways(applied(read, changes)) == []


def test_a_range_is_split() -> None:
    """S8.63: one address inside a range leaves the pieces beside it, at an edge one piece."""
    org = one_relay("10.0.0.0/28", "10.0.0.12-10.0.0.40", "10.0.9.0/24")

    assert lists(org) == {
        r"EX16A\Relay": [
            "10.0.0.0-10.0.0.10",
            "10.0.0.13-10.0.0.15",
            "10.0.0.13-10.0.0.40",
            "10.0.9.0/24",
        ]
    }


def test_a_second_relay_behind_the_first() -> None:
    """Design notes to section 1.2: what would win next is freed too, however deep it lies."""
    org = one_relay("10.0.0.11", "10.9.1.0/24", name="First")
    org.add_relay("EX16A", "10.0.0.8/29", "10.9.2.0/24", name="Second")
    org.add_relay("EX16A", "10.0.0.0/16", "10.9.3.0/24", name="Third", enabled=False)
    org.add_relay("EX16A", "10.0.0.0/8", name="Fourth", bindings="10.0.0.21:25")

    found = lists(org)
    assert set(found) == {rf"EX16A\{name}" for name in ("First", "Second", "Fourth")}
    assert found[r"EX16A\Second"] == ["10.0.0.8-10.0.0.10", "10.0.0.13-10.0.0.15", "10.9.2.0/24"]
    assert bad_ways(applied(org.snapshot(), planned(org).changes)) == []


def test_it_stops_where_a_server_is_let_in() -> None:
    """Smallest: a larger range of the same relay stays where a healthy connector wins before it."""
    org = one_relay("10.0.0.11", "10.0.0.0/16")
    org.add_relay(
        "EX16A", "10.0.0.0/24", name="Servers", auth="Tls, ExchangeServer", groups="ExchangeServers"
    )

    assert lists(org) == {r"EX16A\Relay": ["10.0.0.0/16"]}
    assert bad_ways(applied(org.snapshot(), planned(org).changes)) == []


def test_a_custom_connector_without_the_group_lets_nobody_in() -> None:
    """S3.30: authentication alone is not enough (L2), so the change goes on past such a one."""
    org = one_relay("10.0.0.11", "10.9.1.0/24", name="First")
    org.add_relay("EX16A", "10.0.0.8/29", "10.9.2.0/24", name="Second", auth="Tls, ExchangeServer")

    assert lists(org)[r"EX16A\Second"] == ["10.0.0.8-10.0.0.10", "10.0.0.12/30", "10.9.2.0/24"]


def test_equal_pieces_of_two_relays() -> None:
    """S1.31: the one that lost there before gives its piece up, and nobody moves."""
    org = one_relay("10.0.0.0/28", name="Inner").add_relay("EX16A", "10.0.0.0/24", name="Outer")

    assert lists(org) == {
        r"EX16A\Inner": ["10.0.0.0-10.0.0.10", "10.0.0.13-10.0.0.15"],
        r"EX16A\Outer": ["10.0.0.13-10.0.0.255"],
    }


def test_a_piece_that_sticks_out_is_cut_where_nobody_moves() -> None:
    """Section 1.5: the check reads both families, so a range that can't answer is in the way too.

    The piece is cut at the other one's bounds instead of given up: its hosts keep their connector.
    """
    org = one_relay("10.0.0.0/25").change(r"EX16A\Relay", bindings="[::]:25, 0.0.0.0:25")
    org.add_relay("EX16A", "10.0.0.0/28", name="Six", bindings="[::]:25")

    assert lists(org) == {
        r"EX16A\Relay": ["10.0.0.0-10.0.0.10", "10.0.0.16-10.0.0.127", "10.0.0.13-10.0.0.15"]
    }


def test_a_piece_that_would_win_elsewhere_is_given_up() -> None:
    """S1.16, S1.33: of equal pieces the one on the specific address would win the tie."""
    org = one_relay("10.0.0.0/28", name="Inner")
    org.add_relay("EX16A", "10.0.0.0/24", name="Outer", bindings="10.0.0.21:25")

    assert lists(org)[r"EX16A\Outer"] == ["10.0.0.13-10.0.0.255"]


def test_every_local_address_is_freed() -> None:
    """S1.11: the sender may connect to either local address; on each another relay waits."""
    org = one_relay("10.0.0.0/28")
    org.set_addresses("EX16A", "10.0.0.21", "10.0.2.21")
    org.add_relay("EX16A", "10.0.0.8/29", "10.9.0.0/24", name="Two", bindings="10.0.2.21:25")
    org.add_relay("EX16A", "10.0.0.0/20", name="Three", bindings="10.0.2.21:25")

    found = lists(org)
    assert set(found) == {rf"EX16A\{name}" for name in ("Relay", "Two", "Three")}
    assert bad_ways(applied(org.snapshot(), planned(org).changes)) == []


def test_ipv6() -> None:
    """S1.12, C16: each family has its own ranges, and only the caught one changes."""
    org = one_relay("2001:db8::/64", "10.0.5.0/24")
    org.change(r"EX16A\Relay", bindings="0.0.0.0:25, [::]:25")
    org.set_addresses("EX10A", "10.0.0.11", "2001:db8::11")
    org.set_addresses("EX16A", "10.0.0.21", "2001:db8::21")

    assert lists(org) == {
        r"EX16A\Relay": [
            "2001:db8::-2001:db8::10",
            "2001:db8::12-2001:db8::ffff:ffff:ffff:ffff",
            "10.0.5.0/24",
        ]
    }


def test_the_hub_port() -> None:
    """S4.03b, C12: a custom Hub connector on 2525 catches the servers of 2013 and later."""
    org = one_relay("10.0.0.20/30", "10.0.5.0/24")
    org.change(r"EX16A\Relay", role="HubTransport", bindings="0.0.0.0:2525")

    assert lists(org) == {r"EX16A\Relay": ["10.0.0.20", "10.0.0.23", "10.0.5.0/24"]}


def test_a_list_that_would_become_empty() -> None:
    """S8.64: refused, and told; what can be done for another address is done all the same."""
    org = one_relay("10.0.0.11", name="Only").add_relay("EX16A", "10.0.0.12/30", name="Other")
    found = planned(org)

    assert [(one.connector, one.kind) for one in found.refused] == [(r"EX16A\Only", "empty")]
    assert "disable it or delete it" in found.refused[0].text
    assert [str(one) for one in found.changes] == [r"Take 10.0.0.12 off EX16A\Other."]


def test_a_cut_list() -> None:
    """Section 1.4: what was cut off would be lost; the other server's list is written."""
    org = article().change(r"EX16A\Relay", ranges_complete=False)
    found = planned(org)

    assert [(one.connector, one.kind) for one in found.refused] == [(r"EX16A\Relay", "unread")]
    assert "read the whole list first" in found.refused[0].text
    assert [one.identity for one in found.changes] == [r"EX16B\Relay"]


def test_an_old_role_conflict_refuses_the_repair() -> None:
    """S8.65, S1.30: in Exchange's words; here the relay is also bound to a port of the Hub."""
    org = article().change(r"EX16A\Relay", bindings="0.0.0.0:25, 0.0.0.0:2525")
    found = planned(org)

    assert [(one.connector, one.kind, one.text) for one in found.refused] == [
        (r"EX16A\Relay", "refused", TEXT_A.format(r"EX16A\Default EX16A"))
    ]
    assert [one.identity for one in found.changes] == [r"EX16B\Relay"]


def test_an_old_mapping_conflict_refuses_the_repair() -> None:
    """S8.65, S1.31: with a disabled connector of the same range, which stays where it is."""
    org = article().add_relay("EX16A", "10.0.5.0/24", name="Old", enabled=False)
    found = planned(org)

    assert [(one.connector, one.kind, one.text) for one in found.refused] == [
        (r"EX16A\Relay", "refused", TEXT_B.format(r"EX16A\Old"))
    ]
    assert [one.identity for one in found.changes] == [r"EX16B\Relay"]


def test_an_old_setting_refuses_the_repair() -> None:
    """S8.65, section 3.4: RequireTLS without Tls, as no cmdlet of today would take it."""
    org = article().change(r"EX16A\Relay", auth="None", require_tls=True)
    found = planned(org)

    assert [(one.connector, one.kind) for one in found.refused] == [(r"EX16A\Relay", "refused")]


def test_a_default_connector_whose_list_was_narrowed() -> None:
    """S1.18: it gets back what setup gave it, as the finding says; also behind a relay."""
    org = article().change(r"EX16A\Default Frontend EX16A", ranges="192.168.0.0/16")
    healthy_but = healthy().change(r"EX16A\Default Frontend EX16A", ranges="192.168.0.0/16")
    everyone = ["0.0.0.0-255.255.255.255", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]

    assert lists(org)[r"EX16A\Default Frontend EX16A"] == everyone
    assert lists(healthy_but) == {r"EX16A\Default Frontend EX16A": everyone}
    read = healthy_but.snapshot()
    assert [one.command for one in planned(healthy_but).changes] == [findings(read).repair[0]]
    for one in (org, healthy_but):
        assert bad_ways(applied(one.snapshot(), planned(one).changes)) == []


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"enabled": False}, "nobody would answer 10.0.0.11 on port 25"),
        ({"bindings": "0.0.0.0:26"}, "nobody would answer 10.0.0.11 on port 25"),
        ({"auth": "Tls"}, r"EX16A\Default Frontend EX16A would answer 10.0.0.11"),
        ({"groups": "AnonymousUsers"}, r"EX16A\Default Frontend EX16A would answer 10.0.0.11"),
    ],
)
def test_what_lists_alone_do_not_mend(changes: dict[str, object], text: str) -> None:
    """S3.30, C2, C13: there the change would only change the error, so it is not proposed."""
    org = article().change(r"EX16A\Default Frontend EX16A", **changes)
    found = planned(org)

    assert [one.kind for one in found.refused] == ["elsewhere", "elsewhere"]
    assert text in found.refused[0].text
    assert [one.identity for one in found.changes] == [r"EX16B\Relay"]


def test_nothing_found_nothing_planned() -> None:
    """A harmless relay stays as it is, and so does one of which nothing is known."""
    unread = article().change(r"EX16A\Relay", auth=None).change(r"EX16B\Relay", auth=None)

    assert planned(healthy()) == Plan()
    assert planned(unread) == Plan()


def test_a_run_for_one_server() -> None:
    """A run limited to a server plans for its ways alone."""
    read = article().snapshot().limited_to(["EX16B"])

    assert [one.identity for one in proposal(read, findings(read))] == [r"EX16B\Relay"]


def test_a_stuck_queue_decides_what_configuration_leaves_open() -> None:
    """The relay answers on one of two local addresses: a queue stuck with 5.7.3 decides."""
    org = one_relay("10.0.0.0/28").change(r"EX16A\Relay", bindings="10.0.2.21:25")
    org.set_addresses("EX16A", "10.0.0.21", "10.0.2.21")

    assert planned(org) == Plan()
    org.add_queue("EX10A", 5, error=STUCK)
    assert lists(org) == {r"EX16A\Relay": ["10.0.0.0-10.0.0.10", "10.0.0.12/30"]}


def test_the_order_is_one_that_exchange_takes() -> None:
    """Section 1.5: each list is checked beside the others as they are at that moment."""
    org = one_relay("10.0.0.0/28", name="Inner").add_relay("EX16A", "10.0.0.0/24", name="Outer")
    first, second = planned(org).changes

    assert [one.identity for one in (first, second)] == [r"EX16A\Inner", r"EX16A\Outer"]
    assert [one.ranges for one in second.beside if one.identity == first.identity] == [first.ranges]
    applied(org.snapshot(), [first, second])


def test_alternatives_are_named_and_never_chosen() -> None:
    """S3.34, S3.31, S1.31: each with why it is worse; only for what a list repairs."""
    found = findings(article().snapshot()).findings
    named = alternatives(found)

    assert len(named) == 4
    assert sum(r"EX16A\Relay and EX16B\Relay" in what for what, _ in named) == 3
    assert all(why for _, why in named)
    assert any("S3.34" in why for _, why in named)
    assert alternatives([one for one in found if one.cause != SHADOWED]) == ()
    assert alternatives([Finding(cause=SHADOWED, state="unknown", connector="x")]) == ()


def test_a_new_server_beside() -> None:
    """A server of 2019 that a Front End relay covers is no finding (contract 8.2), so it stays."""
    org = one_relay("10.0.0.30/31").add_server("EX19A", E2019, "10.0.0.31")

    assert planned(org) == Plan()


def test_a_servers_own_hop_stays_on_its_own_address() -> None:
    """S4.06: no list is changed for a local address that the hop to itself never takes."""
    org = healthy().set_addresses("EX16A", "10.0.0.21", "10.0.0.23")
    hub = {"role": "HubTransport"}
    org.add_relay("EX16A", "10.0.0.21", "10.0.7.1", name="Hub", bindings="0.0.0.0:2525", **hub)
    org.add_relay("EX16A", "10.0.0.21", "10.0.7.2", name="Other", bindings="10.0.0.23:2525", **hub)

    assert lists(org) == {r"EX16A\Hub": ["10.0.7.1"]}
