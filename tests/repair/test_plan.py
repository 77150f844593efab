"""The smallest change that brings the servers to the intended connector, or why there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailflow.analysis.analysis import analyze
from mailflow.analysis.assessment import NOBODY, SHADOWED
from mailflow.analysis.change import Edit
from mailflow.checks.registry import CHECKS
from mailflow.exchange.conflicts import TEXT_A, TEXT_B
from mailflow.exchange.refusals import REQUIRE_TLS
from mailflow.repair.plan import NoOrder, Repair, in_order, repair
from mailflow.repair.simulation import applied, refuser
from mailflow.snapshot import Right, Snapshot
from mailflow.views.findings import findings
from organisations import E2019, STUCK, Organisation, article, healthy


def planned(org: Organisation) -> Repair:
    """What its findings call for."""
    found = findings(org.snapshot()).plan
    assert found is not None
    return found


def lists(org: Organisation) -> dict[str, list[str]]:
    """The new list of each connector that is changed."""
    found = planned(org)
    assert found.refused == ()
    return {one.identity: [str(block) for block in one.ranges] for one in found.edits}


def bad_ways(org: Snapshot) -> list[tuple[str, str, str]]:
    """Ways between servers that do not work, or are not known to."""
    return [
        (one.sender.name, one.target.name, one.state)
        for one in analyze(org).paths
        if one.state != "clear"
    ]


def one_relay(*ranges: str, name: str = "Relay") -> Organisation:
    """An organisation whose only relay is one of EX16A with these ranges."""
    org = healthy().remove(r"EX16A\Relay").remove(r"EX16B\Relay")
    return org.add_relay("EX16A", *ranges, name=name)


def test_the_article() -> None:
    """Section 0: the servers' addresses off the relays of both servers, as the findings say."""
    read = article().snapshot()
    found = findings(read)

    assert found.plan is not None
    changes = found.plan.edits
    assert [str(one) for one in changes] == [
        r"Remove 10.0.0.11 and 10.0.0.12 from RemoteIPRanges of EX16A\Relay.",
        r"Remove 10.0.0.11 and 10.0.0.12 from RemoteIPRanges of EX16B\Relay.",
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
    """Section 1.2: what would win next is freed too, however deep it lies."""
    org = one_relay("10.0.0.11", "10.9.1.0/24", name="First")
    org.add_relay("EX16A", "10.0.0.8/29", "10.9.2.0/24", name="Second")
    org.add_relay("EX16A", "10.0.0.0/16", "10.9.3.0/24", name="Third", enabled=False)
    org.add_relay("EX16A", "10.0.0.0/8", name="Fourth", bindings="10.0.0.21:25")

    found = lists(org)
    assert set(found) == {rf"EX16A\{name}" for name in ("First", "Second", "Fourth")}
    assert found[r"EX16A\Second"] == ["10.0.0.8-10.0.0.10", "10.0.0.13-10.0.0.15", "10.9.2.0/24"]
    assert bad_ways(applied(org.snapshot(), planned(org).edits)) == []


def test_it_stops_where_a_server_is_let_in() -> None:
    """Smallest: a larger range of the same relay stays where a healthy connector wins before it."""
    org = one_relay("10.0.0.11", "10.0.0.0/16")
    org.add_relay(
        "EX16A", "10.0.0.0/24", name="Servers", auth="Tls, ExchangeServer", groups="ExchangeServers"
    )

    assert lists(org) == {r"EX16A\Relay": ["10.0.0.0/16"]}
    assert bad_ways(applied(org.snapshot(), planned(org).edits)) == []


def test_a_custom_connector_without_the_group_lets_nobody_in() -> None:
    """S3.30: authentication alone is not enough (L2), so the change goes on past such a one."""
    org = one_relay("10.0.0.11", "10.9.1.0/24", name="First")
    org.add_relay("EX16A", "10.0.0.8/29", "10.9.2.0/24", name="Second", auth="Tls, ExchangeServer")
    org.change(r"EX16A\Second", groups="AnonymousUsers")

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
    assert bad_ways(applied(org.snapshot(), planned(org).edits)) == []


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


def commands(org: Organisation) -> list[str]:
    """The repair as it is printed."""
    found = planned(org)
    assert found.refused == ()
    return list(found.commands)


def test_a_list_that_would_become_empty() -> None:
    """S8.64: the connector served nobody else, so it is disabled with its list as it was."""
    org = one_relay("10.0.0.11", name="Only").add_relay("EX16A", "10.0.0.12/30", name="Other")

    assert commands(org) == [
        r'Set-ReceiveConnector "EX16A\Only" -Enabled $false',
        r'Set-ReceiveConnector "EX16A\Other" -RemoteIPRanges "10.0.0.13-10.0.0.15"',
    ]
    assert lists(org)[r"EX16A\Only"] == ["10.0.0.11"]
    assert bad_ways(applied(org.snapshot(), planned(org).edits)) == []


def test_a_cut_list() -> None:
    """Section 1.4: what was cut off would be lost, so there is no command at all."""
    found = planned(article().change(r"EX16A\Relay", ranges_complete=False))

    assert [(one.connector, one.kind) for one in found.refused] == [(r"EX16A\Relay", "unread")]
    assert "Export it in full, then rerun" in found.refused[0].text
    assert (found.edits, found.commands, found.rollback, found.proof) == ((), (), (), None)


def test_a_role_conflict_that_no_role_ends() -> None:
    """C9, S1.30: on the ports of both processes it gives up the one that its role has not."""
    org = article().change(r"EX16A\Relay", bindings="0.0.0.0:25, 0.0.0.0:2525")

    assert commands(org)[0] == (
        r'Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "10.0.5.0/24" -Bindings "0.0.0.0:25"'
    )


def test_a_custom_connector_takes_the_role_that_belongs_there() -> None:
    """C9: the role of the other one, and it is released in the same command if it catches some."""
    org = article().change(r"EX16A\Relay", role="HubTransport")

    assert commands(org)[0] == (
        r'Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "10.0.5.0/24" '
        "-TransportRole FrontendTransport"
    )
    assert bad_ways(applied(org.snapshot(), planned(org).edits)) == []


def test_a_custom_connector_of_servers_alone_in_a_role_conflict() -> None:
    """C9, S8.64, S1.30: the check looks at disabled ones too, so the role is set too."""
    org = healthy().change(r"EX16A\Relay", role="HubTransport", ranges="10.0.0.11, 10.0.0.12")

    assert commands(org) == [
        r'Set-ReceiveConnector "EX16A\Relay" -Enabled $false -TransportRole FrontendTransport'
    ]


def test_a_connector_of_setups_gets_its_bindings_back() -> None:
    """C9: it keeps its role, whatever else was changed."""
    org = healthy().change(r"EX16A\Default EX16A", bindings="0.0.0.0:25, [::]:2525")

    assert commands(org) == [
        r'Set-ReceiveConnector "EX16A\Default EX16A" -Bindings "0.0.0.0:2525","[::]:2525"'
    ]


def test_an_old_mapping_conflict_refuses_the_repair() -> None:
    """S8.65, S1.31: with a disabled connector of the same range; in Exchange's words, for all."""
    org = article().add_relay("EX16A", "10.0.5.0/24", name="Old", enabled=False)
    found = planned(org)

    assert [(one.connector, one.kind, one.text) for one in found.refused] == [
        (
            r"EX16A\Relay",
            "refused",
            r"Exchange would refuse the change of EX16A\Relay: " + TEXT_B.format(r"EX16A\Old"),
        )
    ]
    assert found.edits == ()


def test_tls_is_given_where_every_set_asks_for_it() -> None:
    """S8.65, section 3.4: RequireTLS without Tls; it cannot be put back as it was."""
    org = article().change(r"EX16A\Relay", auth="None", require_tls=True)
    found = planned(org)

    assert found.commands[0] == (
        r'Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "10.0.5.0/24" -AuthMechanism Tls'
    )
    assert found.edits[0].undo_refusal == REQUIRE_TLS
    assert len(found.rollback) == len(found.edits) - 1 == 1


def test_a_default_connector_whose_list_was_narrowed() -> None:
    """S1.18: the addresses that are missing are added, no more; also behind a relay."""
    org = article().change(r"EX16A\Default Frontend EX16A", ranges="192.168.0.0/16")
    healthy_but = healthy().change(r"EX16A\Default Frontend EX16A", ranges="192.168.0.0/16")
    enough = ["192.168.0.0/16", "10.0.0.11", "10.0.0.12"]

    assert lists(org)[r"EX16A\Default Frontend EX16A"] == enough
    assert lists(healthy_but) == {r"EX16A\Default Frontend EX16A": enough}
    for one in (org, healthy_but):
        assert bad_ways(applied(one.snapshot(), planned(one).edits)) == []


@pytest.mark.parametrize(
    ("changes", "arguments"),
    [
        ({"enabled": False}, "-Enabled $true"),
        ({"bindings": "0.0.0.0:26"}, '-Bindings "0.0.0.0:26","0.0.0.0:25"'),
        ({"auth": "Tls"}, "-AuthMechanism Tls,ExchangeServer"),
        ({"groups": "AnonymousUsers"}, "-PermissionGroups AnonymousUsers,ExchangeServers"),
    ],
)
def test_what_lists_alone_do_not_mend(changes: dict[str, object], arguments: str) -> None:
    """S3.30, C2, C13: the default behind the relay is mended in the same repair."""
    org = article().change(r"EX16A\Default Frontend EX16A", **changes)
    found = planned(org)

    assert found.refused == ()
    assert rf'Set-ReceiveConnector "EX16A\Default Frontend EX16A" {arguments}' in found.commands
    assert {one.identity for one in found.edits} == {
        r"EX16A\Default Frontend EX16A",
        r"EX16A\Relay",
        r"EX16B\Relay",
    }
    assert bad_ways(applied(org.snapshot(), found.edits)) == []


def test_several_faults_of_one_connector_are_one_command() -> None:
    """S8.65: each Set looks at the whole object again, so they go together."""
    org = healthy().change(
        r"EX16A\Default Frontend EX16A", enabled=False, auth="Tls", groups="AnonymousUsers"
    )

    assert commands(org) == [
        (
            r'Set-ReceiveConnector "EX16A\Default Frontend EX16A" -Enabled $true '
            "-AuthMechanism Tls,ExchangeServer -PermissionGroups AnonymousUsers,ExchangeServers"
        )
    ]


def test_what_was_not_read_of_another_value_keeps_the_repair_back() -> None:
    """S3.23: the old AuthMechanism would be lost, so it is not written; and then nothing is."""
    org = article().change(r"EX16A\Default Frontend EX16A", auth=None)
    found = planned(org)

    assert {one.kind for one in found.refused} == {"unread"}
    assert "AuthMechanism of EX16A\\Default Frontend EX16A" in found.refused[0].text
    assert found.edits == ()


ANONYMOUS = r"NT AUTHORITY\ANONYMOUS LOGON"


def relays(name: str) -> tuple[Right, ...]:
    """What makes anonymous hosts relay on a connector of EX16A (section 2.6)."""
    rights = ("ms-Exch-SMTP-Submit", "ms-Exch-SMTP-Accept-Any-Recipient")
    return tuple(Right("EX16A", name, ANONYMOUS, right, deny=False) for right in rights)


def given_up(*, outer: bool = False) -> Organisation:
    """A relay whose piece 10.0.0.13 to 10.0.0.255 equals a disabled one's list (S1.31)."""
    org = one_relay("10.0.0.0/24", name="A")
    org.add_relay("EX16A", "10.0.0.13-10.0.0.255", name="Old", enabled=False)
    return org.add_relay("EX16A", "10.0.0.0/20", name="Outer") if outer else org


@pytest.mark.parametrize(
    ("rights", "words"),
    [(relays("A"), "would lose anonymous relay"), ((), "might gain or lose anonymous relay")],
)
def test_other_hosts_that_would_lose_keep_the_repair_back(
    rights: tuple[Right, ...], words: str
) -> None:
    """Section 2.6: the piece cannot stay, and its hosts would lose the right to relay, or might."""
    found = findings(replace(given_up().snapshot(), rights=rights)).plan

    assert found is not None
    assert (found.edits, found.proof) == ((), None)
    assert [(one.server, one.kind) for one in found.refused] == [("EX16A", "elsewhere")]
    assert words in found.refused[0].text
    assert "On EX16A other hosts (10.0.0.13-10.0.0.20 and " in found.refused[0].text


def test_other_hosts_that_would_gain_keep_the_repair_back() -> None:
    """Section 2.6: what falls to a connector behind it would relay, and did not."""
    org = given_up(outer=True).change(r"EX16A\A", groups="AnonymousUsers")
    found = findings(replace(org.snapshot(), rights=relays("Outer"))).plan

    assert found is not None
    assert found.edits == ()
    assert all("would gain anonymous relay" in one.text for one in found.refused)
    assert found.refused


def test_a_name_that_cannot_be_pasted_keeps_the_repair_back() -> None:
    """What is printed is what was proven: with one command missing there is none."""
    org = article()
    relay = org.connector(r"EX16A\Relay")
    org.connectors[org.connectors.index(relay)] = replace(relay, name="Re\x1blay")
    found = planned(org)

    assert [one.kind for one in found.refused] == ["elsewhere"]
    assert "not safe to paste" in found.refused[0].text
    assert found.edits == ()


def test_the_way_back_is_the_last_first() -> None:
    """Section 1.5: each value is put back beside those that are there at that moment."""
    org = one_relay("10.0.0.0/28", name="Inner").add_relay("EX16A", "10.0.0.0/24", name="Outer")
    found = planned(org)

    assert found.rollback == tuple(one.undo for one in reversed(found.edits))
    after = applied(org.snapshot(), found.edits)
    back = [Edit(one.after, one.before) for one in reversed(found.edits)]
    assert applied(after, back).connectors == org.snapshot().connectors


def test_the_proof_is_of_these_commands() -> None:
    """What is printed is what was proven, and it holds."""
    found = planned(article())

    assert found.proof is not None
    assert found.proof.changes == found.edits
    assert found.proof.holds


def test_which_edits_take_a_cause_away() -> None:
    """Those of the connector, and what only came to light behind it; else all of the server."""
    org = article().change(r"EX16A\Default Frontend EX16A", enabled=False)
    found = planned(org)
    front, relay, other = found.edits

    assert found.of(CHECKS[SHADOWED], "ex16a", r"EX16A\Relay") == (front, relay)
    assert found.of(CHECKS[SHADOWED], "EX16B", None) == (other,)
    assert found.of(CHECKS[NOBODY], "EX16A", r"EX16A\Default Frontend EX16A") == (front,)
    assert found.of(CHECKS[NOBODY], "EX16A", r"EX16A\Relay") == (front,)
    assert found.of(CHECKS[NOBODY], "EX16B", None) == ()


def test_in_order_waits_for_what_stands_in_the_way() -> None:
    """Section 1.5: what takes a range waits until the other one gave it up; in the given order."""
    org = healthy().add_relay("EX16A", "10.0.9.0/24", name="Second")
    view = analyze(org.snapshot()).server("EX16A")
    assert view is not None
    after = org.copy().change(r"EX16A\Relay", ranges="10.0.9.0/24")
    after.change(r"EX16A\Second", ranges="10.0.8.0/24")
    takes, gives = after.connector(r"EX16A\Relay"), after.connector(r"EX16A\Second")

    assert in_order(view.connectors, [takes, gives], refuser(view)) == [gives, takes]
    assert in_order(view.connectors, [gives, takes], refuser(view)) == [gives, takes]
    assert in_order(view.connectors, [takes], refuser(view)) == NoOrder(
        takes.identity, TEXT_B.format(r"EX16A\Second")
    )
    assert in_order(view.connectors, [], refuser(view)) == []


def test_an_old_role_conflict_refuses_in_exchanges_words() -> None:
    """S8.65, S1.30: any Set of a connector that stands in one, until the conflict ends."""
    org = article().change(r"EX16A\Relay", bindings="0.0.0.0:25, 0.0.0.0:2525")
    view = analyze(org.snapshot()).server("EX16A")
    assert view is not None
    wanted = org.copy().change(r"EX16A\Relay", ranges="10.0.5.0/24").connector(r"EX16A\Relay")

    assert in_order(view.connectors, [wanted], refuser(view)) == NoOrder(
        wanted.identity, TEXT_A.format(r"EX16A\Default EX16A")
    )


def test_connections_that_nothing_makes_today() -> None:
    """A caller may add ways that fail as well, and connectors of setup's that lost their means."""
    org = healthy().change(r"EX16A\Client Frontend EX16A", auth="Tls, BasicAuth")
    analysis = analyze(org.snapshot())
    name = r"EX16A\Client Frontend EX16A"

    assert repair(analysis, analysis.paths) == Repair()
    (edit,) = repair(analysis, analysis.paths, lost=[name.upper()]).edits
    assert (edit.identity, edit.parameters) == (name, ("AuthMechanism", "PermissionGroups"))


def test_nothing_found_nothing_planned() -> None:
    """A harmless relay stays as it is, and so does one of which nothing is known."""
    unread = article().change(r"EX16A\Relay", auth=None).change(r"EX16B\Relay", auth=None)

    assert planned(healthy()) == Repair()
    assert planned(unread) == Repair()


def test_a_run_for_one_server() -> None:
    """A run limited to a server plans for its ways alone."""
    found = findings(article().snapshot().limited_to(["EX16B"]))

    assert found.plan is not None
    assert [one.identity for one in found.plan.edits] == [r"EX16B\Relay"]


def test_a_stuck_queue_decides_what_configuration_leaves_open() -> None:
    """The relay answers on one of two local addresses: a queue stuck with 5.7.3 decides."""
    org = one_relay("10.0.0.0/28").change(r"EX16A\Relay", bindings="10.0.2.21:25")
    org.set_addresses("EX16A", "10.0.0.21", "10.0.2.21")

    assert planned(org) == Repair()
    org.add_queue("EX10A", 5, error=STUCK)
    assert lists(org) == {r"EX16A\Relay": ["10.0.0.0-10.0.0.10", "10.0.0.12/30"]}


def test_the_order_is_one_that_exchange_takes() -> None:
    """Section 1.5: each list is checked beside the others as they are at that moment."""
    org = one_relay("10.0.0.0/28", name="Inner").add_relay("EX16A", "10.0.0.0/24", name="Outer")
    first, second = planned(org).edits

    assert [one.identity for one in (first, second)] == [r"EX16A\Inner", r"EX16A\Outer"]
    assert [one.ranges for one in second.beside if one.identity == first.identity] == [first.ranges]
    applied(org.snapshot(), [first, second])


def test_a_new_server_beside() -> None:
    """A server of 2019 that a Front End relay covers is no finding (contract 8.2), so it stays."""
    org = one_relay("10.0.0.30/31").add_server("EX19A", E2019, "10.0.0.31")

    assert planned(org) == Repair()


def test_a_servers_own_hop_stays_on_its_own_address() -> None:
    """S4.06, S4.65: no list is changed for a local address that the hop to itself never takes."""
    org = healthy().set_addresses("EX16A", "10.0.0.21", "10.0.0.23")
    hub = {"role": "HubTransport"}
    own = "10.0.0.21", "10.0.0.23"
    org.add_relay("EX16A", *own, "10.0.7.1", name="Hub", bindings="0.0.0.0:2525", **hub)
    org.add_relay("EX16A", "10.0.0.21", "10.0.7.2", name="Other", bindings="10.0.0.23:2525", **hub)

    assert lists(org) == {r"EX16A\Hub": ["10.0.7.1"]}


def test_a_repair_takes_along_the_hop_that_comes_next() -> None:
    """S4.06, S4.65: what is let in at the Front End waits before a Hub that may catch itself."""
    org = article().set_addresses("EX16A", "10.0.0.21", "10.0.2.21")
    hub = {"role": "HubTransport"}
    org.add_relay("EX16A", "10.0.0.21", "10.0.7.1", name="Hub", bindings="10.0.0.21:2525", **hub)

    assert lists(org)[r"EX16A\Hub"] == ["10.0.7.1"]
    assert bad_ways(applied(org.snapshot(), planned(org).edits)) == []
