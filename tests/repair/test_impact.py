"""The proof's claim holds against the slow model, and claims nothing of what was not read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from faulty import ANONYMOUS, ANY_RECIPIENT, check_claim, faulty
from mailflow.analysis.analysis import analyze
from mailflow.analysis.capabilities import RELAY
from mailflow.analysis.change import Edit
from mailflow.exchange.ranges import parse_address
from mailflow.repair.claim import Proof
from mailflow.repair.impact import prove
from mailflow.repair.plan import harm
from mailflow.repair.request import edited
from mailflow.repair.simulation import RefusedError, applied
from mailflow.snapshot import Right, Snapshot, Unread
from mailflow.views.findings import findings
from mailflow.views.proposal import prove_findings
from organisations import E2019, Organisation, article, healthy

SUBMIT = "ms-Exch-SMTP-Submit"
PRINTERS = "10.0.5.0/24"


def asked(org: Organisation | Snapshot, **values: Any) -> Proof:  # noqa: ANN401
    """The proof of a change of EX16A's relay."""
    read = org.snapshot() if isinstance(org, Organisation) else org
    return prove(read, [edited(read, "EX16A", "Relay", **values)])


def proposed(org: Snapshot) -> Sequence[Edit]:
    """The repair that the findings hold."""
    plan = findings(org).plan
    assert plan is not None
    return plan.edits


def ways(org: Snapshot, *states: str) -> set[tuple[str, str, str]]:
    """Sender, its address and target of the paths judged so."""
    return {
        (one.sender.name, str(one.address), one.target.name)
        for one in analyze(org).paths
        if one.state in states
    }


def with_rights(org: Organisation, *rights: Right) -> Snapshot:
    """The organisation with these rows of Get-ADPermission."""
    return replace(org.snapshot(), rights=rights)


def relay_right(connector: str, user: str = ANONYMOUS, *, deny: bool = False) -> Right:
    """The right that makes hosts relay, on a connector of EX16A."""
    return Right("EX16A", connector, user, ANY_RECIPIENT, deny)


def check(number: int) -> None:
    """One random faulty organisation, repaired by its own proposal."""
    before, planned = faulty(number)
    proof = prove(before, planned.edits)
    after = applied(before, planned.edits)

    assert proof.holds
    assert proof.exit_code == 1
    assert check_claim(before, after, proof) > 0
    # By another way: what is judged again after the change.
    assert ways(after, "found") == set()
    assert ways(after, "unknown") <= ways(before, "unknown")
    repaired = {(one.sender, str(one.address), one.target) for one in proof.repaired}
    assert ways(before, "found") <= repaired <= ways(before, "found", "unknown")
    assert proof.broken == ()
    json.dumps(proof.as_json())
    assert str(proof.table())


@pytest.mark.parametrize("number", range(30))
def test_random_faulty_organisations(number: int) -> None:
    """Their own proposal repairs them, and what the proof claims is all that changes.

    Asked is the slow model: at every bound of both sides, beside it and inside every block.
    """
    check(number)


@pytest.mark.long
@pytest.mark.hours
@pytest.mark.parametrize("number", range(30, 630))
def test_many_more_of_them(number: int) -> None:
    """The same for more of them."""
    check(number)


@pytest.mark.parametrize("number", range(10))
def test_any_other_change_of_them(number: int) -> None:
    """Not only repairs: whatever is put on a list or taken off, the claim is what happens."""
    before, _ = faulty(number)
    for relay in [one for one in before.connectors if one.name.startswith("Relay")][:2]:
        for values in (
            {"remove": [str(relay.ranges[0])]},
            {"add": ["10.0.0.13-10.0.0.14"]},
            {"remove": [str(relay.ranges[-1])], "add": ["10.0.0.6/31", "2001:db8::11/127"]},
        ):
            try:
                change = edited(before, relay.server, relay.name, **values)
            except RefusedError:
                continue
            proof = prove(before, [change])
            assert check_claim(before, applied(before, [change]), proof) > 0


def test_the_article() -> None:
    """Section 0: both 2010 servers reach both Default Frontends, and nobody else moves."""
    read = article().snapshot()
    proof = prove_findings(read, findings(read))

    assert proof.state == "known"
    assert (proof.holds, proof.exit_code, proof.moved) == (True, 1, ())
    assert [
        (one.sender, str(one.address), one.target, one.was, one.will, one.in_use)
        for one in proof.repaired
    ] == [
        (sender, address, target, "found", "clear", True)
        for target in ("EX16A", "EX16B")
        for sender, address in (("EX10A", "10.0.0.11"), ("EX10B", "10.0.0.12"))
    ]
    assert {one.after.name for one in proof.repaired if one.after} == {
        "Default Frontend EX16A",
        "Default Frontend EX16B",
    }
    # Port 25 of each, in both families; bounds: all, 11, 12, 13, 10.0.5.0, 10.0.6.0.
    assert [(str(one.place), one.blocks) for one in proof.compared] == [
        ("any IPv4 address:25", 6),
        ("any IPv6 address:25", 1),
    ] * 2
    assert "No other host is affected" in proof.summary


def test_json_of_the_article() -> None:
    """Contract, section 3: everything that is claimed, with what it rests on."""
    read = article().snapshot()
    document = prove_findings(read, findings(read)).as_json()

    assert document["schema"] == "mailflow.whatif/1"
    assert (document["state"], document["holds"]) == ("known", True)
    assert [one["connector"] for one in document["changes"]] == [r"EX16A\Relay", r"EX16B\Relay"]
    assert document["servers"][0] == {
        "server": "EX10A",
        "address": "10.0.0.11",
        "target": "EX16A",
        "places": [{"port": 25, "family": 4, "local": None}],
        "before": r"EX16A\Relay",
        "after": r"EX16A\Default Frontend EX16A",
        "let_in_before": False,
        "let_in_after": True,
        "in_use": True,
        "reading": "accepted (was: failing)",
    }
    assert (document["others"], document["unknown"], document["refused"]) == ([], [], [])


def test_printers_that_would_lose_the_right_to_relay() -> None:
    """Section 2.6, S3.21: by the access list, where it was read for both connectors."""
    rights = [
        relay_right("Relay"),
        Right("EX16A", "Relay", ANONYMOUS, SUBMIT, deny=False),
        Right("EX16A", "Default Frontend EX16A", ANONYMOUS, SUBMIT, deny=False),
    ]
    proof = asked(with_rights(article(), *rights), remove=[PRINTERS])

    (one,) = proof.moved
    assert (str(one.block), one.effect.loses, one.effect.not_known) == (PRINTERS, (RELAY,), ())
    assert "Exchange Server authentication" in one.effect.gains
    assert proof.exit_code == 1
    assert "loses anonymous relay" in str(proof.table().frame["effect"][0])


@pytest.mark.parametrize(
    "rights",
    [
        [],
        [Right("EX16A", "Default Frontend EX16A", ANONYMOUS, SUBMIT, deny=False)],
        [
            relay_right("Relay", r"NT-AUTORITÄT\ANONYMOUS-ANMELDUNG"),
            Right("EX16A", "Default Frontend EX16A", ANONYMOUS, SUBMIT, deny=False),
        ],
    ],
)
def test_rights_that_were_not_read_are_not_known(rights: list[Right]) -> None:
    """S3.20, S3.21: whatever the groups show, never "none"; nor of a user nobody recognises."""
    (one,) = asked(with_rights(article(), *rights), remove=[PRINTERS]).moved

    assert RELAY in one.effect.not_known
    assert RELAY not in (*one.effect.loses, *one.effect.gains)
    assert "undetermined: anonymous relay" in str(one.effect)


def test_without_custom_no_other_right_was_granted() -> None:
    """S3.20: groups read without Custom say that the next one relays for nobody anonymously."""
    (one,) = asked(with_rights(article(), relay_right("Relay")), remove=[PRINTERS]).moved
    custom = article().change(r"EX16A\Default Frontend EX16A", groups="AnonymousUsers, Custom")
    (other,) = asked(with_rights(custom, relay_right("Relay")), remove=[PRINTERS]).moved

    assert (RELAY in one.effect.loses, RELAY in one.effect.not_known) == (True, False)
    assert (RELAY in other.effect.loses, RELAY in other.effect.not_known) == (False, True)


def test_rights_that_were_read_in_part_are_not_known() -> None:
    """A capture that cut the list of rights may hide the denial."""
    read = with_rights(
        article(), relay_right("Relay"), relay_right("Default Frontend EX16A", "someone")
    )
    cut = replace(read, unread=(Unread("EX16A", "Get-ADPermission", "the list was cut"),))

    (one,) = asked(cut, remove=[PRINTERS]).moved
    assert RELAY in one.effect.not_known


def test_a_denied_right_is_none() -> None:
    """S3.21: a denial goes before all grants."""
    default = Right("EX16A", "Default Frontend EX16A", ANONYMOUS, SUBMIT, deny=False)
    rights = [relay_right("Relay"), relay_right("Relay", deny=True), default]

    (one,) = asked(with_rights(article(), *rights), remove=[PRINTERS]).moved
    assert RELAY not in (*one.effect.loses, *one.effect.not_known)


def test_who_may_not_submit_may_not_relay() -> None:
    """Section 3.3: known without the access list where the groups let nobody in anonymously."""
    org = article().change(r"EX16A\Relay", groups="ExchangeUsers", auth="Tls, BasicAuth")
    (one,) = asked(org, remove=[PRINTERS]).moved

    assert "anonymous submission" in one.effect.gains
    assert "authenticated submission as a user" in one.effect.loses
    (other,) = asked(org.change(r"EX16A\Relay", groups="Custom"), remove=[PRINTERS]).moved
    assert "anonymous submission" in other.effect.not_known


def test_an_externally_secured_connector_trusts_its_hosts() -> None:
    """Section 3.2: whoever it answers may do what a server may; S3.31: but not log on as one."""
    org = article().change(
        r"EX16A\Relay", auth="Tls, ExternalAuthoritative", groups="ExchangeServers"
    )
    (one,) = asked(org, remove=[PRINTERS]).moved

    assert "trust without authentication (ExternalAuthoritative)" in one.effect.loses
    assert RELAY in one.effect.loses  # it had the right; the next one, without Custom, gives none
    assert "Exchange Server authentication" in one.effect.gains


def test_a_split_that_lets_a_smaller_piece_win_elsewhere() -> None:
    """S1.13: a piece is smaller than the whole was, so it takes hosts from another connector."""
    org = article().change(r"EX16A\Relay", ranges="10.1.0.0/16")
    org.add_relay("EX16A", "10.1.0.0/20", name="Scanners", bindings="10.0.0.21:25")
    proof = asked(org, remove=["10.1.0.0/16"], add=["10.1.0.0/24", "10.1.16.0-10.1.255.255"])

    assert [
        (str(one.block), [str(place) for place in one.places], one.before.name, one.after.name)
        for one in proof.moved
        if one.before and one.after
    ] == [
        ("10.1.1.0-10.1.15.255", ["any IPv4 address:25"], "Relay", "Default Frontend EX16A"),
        ("10.1.0.0/24", ["10.0.0.21:25"], "Scanners", "Relay"),
    ]


def test_a_specific_local_address() -> None:
    """S1.16, S1.17: what changes on one local address only is claimed for that one only."""
    org = article().change(r"EX16A\Relay", bindings="10.0.0.21:25, [2001:db8::21]:25")
    proof = asked(org, remove=["10.0.0.11"])

    (one,) = proof.reached
    assert [str(place) for place in one.places] == ["10.0.0.21:25"]
    assert [str(each.place) for each in proof.compared] == [
        "any IPv4 address:25",
        "10.0.0.21:25",
        "any IPv6 address:25",
        "[2001:db8::21]:25",
    ]
    assert "port 25 of 10.0.0.21" in str(proof.table().frame["on"][0])


def test_ipv6() -> None:
    """S1.12: a range of the other family changes nothing for IPv4."""
    org = article().change(
        r"EX16A\Relay", ranges="2001:db8::/64, 10.0.5.0/24", bindings="0.0.0.0:25, [::]:25"
    )
    org.set_addresses("EX10A", "10.0.0.11", "2001:db8::11")
    proof = asked(org, remove=["2001:db8::/64"])

    assert [str(one.address) for one in proof.reached] == ["2001:db8::11"]
    assert [str(one.block) for one in proof.moved] == [
        "2001:db8::-2001:db8::10",
        "2001:db8::12-2001:db8::ffff:ffff:ffff:ffff",
    ]


def test_an_address_of_a_family_that_is_not_bound_moves_nobody() -> None:
    """S1.12, S1.17: a relay on IPv4 alone answers no IPv6 host, whatever its list says."""
    proof = asked(article(), add=["2001:db8::/64"])

    assert (proof.reached, proof.moved, proof.exit_code) == ((), (), 0)


def test_a_disabled_connector_answers_nobody() -> None:
    """S1.10: its list may change as it likes, also where others were not read to the end."""
    org = article().change(r"EX16A\Relay", enabled=False)
    org.add_relay("EX16A", "10.3.0.0/16", name="Cut", ranges_complete=False)
    proof = asked(org, remove=[PRINTERS])

    assert (proof.moved, proof.state, proof.exit_code, proof.holds) == ((), "known", 0, True)


def test_a_server_that_would_be_shut_out() -> None:
    """S3.30: a change that puts a server on a relay breaks its way, and the claim does not hold."""
    proof = asked(healthy(), add=["10.0.0.11"])

    assert [(one.sender, one.was, one.will) for one in proof.broken] == [
        ("EX10A", "clear", "found")
    ]
    assert (proof.holds, proof.exit_code) == (False, 1)
    assert "failing (was: accepted)" in proof.summary


def test_a_way_that_no_mail_takes() -> None:
    """S4.02: servers of 2013 and later use 2525, so a relay on port 25 shuts none of them out."""
    org = healthy().add_server("EX19A", E2019, "10.0.0.31")
    proof = asked(org, add=["10.0.0.31"])

    (one,) = proof.reached
    assert (one.sender, one.will, one.in_use) == ("EX19A", "found", False)
    assert (proof.broken, proof.holds, proof.exit_code) == ((), True, 1)
    assert "no mail uses this path" in proof.summary


def test_nobody_answers_any_more() -> None:
    """S1.18: where no connector is left, the hosts are no longer answered."""
    org = article().change(r"EX16A\Default Frontend EX16A", enabled=False)
    proof = asked(org, remove=["10.0.0.11", PRINTERS])

    assert [(one.after, one.will) for one in proof.reached] == [(None, "found")]
    assert [(str(one.block), one.after) for one in proof.moved] == [(PRINTERS, None)]
    assert not proof.holds
    assert "no longer accepted" in list(proof.table().frame["effect"])


UNREAD: list[tuple[dict[str, Any], str]] = [
    ({"ranges_complete": False}, "RemoteIPRanges of EX16A\\Second are incomplete in the data"),
    ({"bindings_complete": False}, "Bindings of EX16A\\Second are incomplete in the data"),
    ({"enabled": None}, "it was not read whether EX16A\\Second is enabled"),
    ({"role": None}, "the transport role of EX16A\\Second was not read"),
]


@pytest.mark.parametrize(("changes", "text"), UNREAD)
def test_what_was_not_read_of_another_connector(changes: dict[str, Any], text: str) -> None:
    """Contract, section 4: it might answer those whom the change moves, so the claim is unknown."""
    org = article().add_relay("EX16A", "10.3.0.0/16", name="Second", **changes)
    proof = asked(org, remove=["10.0.0.11"])

    assert text in proof.doubts
    assert (proof.state, proof.exit_code, proof.holds) == ("unknown", 2, False)
    assert text in proof.summary


def test_what_was_not_read_elsewhere_changes_nothing() -> None:
    """A connector on another port, of another process or disabled can't answer there (S1.10)."""
    org = article()
    org.add_relay("EX16A", "10.3.0.0/16", name="A", bindings="0.0.0.0:587", ranges_complete=False)
    org.add_relay("EX16A", "10.4.0.0/16", name="B", enabled=False, ranges_complete=False)
    org.change(r"EX16A\Default EX16A", ranges_complete=False)
    org.change(r"EX16B\Relay", ranges_complete=False)
    proof = asked(org, remove=["10.0.0.11"])

    assert (proof.doubts, proof.exit_code, proof.holds) == ((), 1, True)


def test_the_changed_list_itself_was_cut() -> None:
    """Section 1.4: what hides there is not known, so nothing is certain and there is no command."""
    proof = asked(article().change(r"EX16A\Relay", ranges_complete=False), remove=["10.0.0.11"])

    assert (proof.state, proof.exit_code, proof.changes[0].command) == ("unknown", 2, "")


def test_a_changed_connector_of_which_little_was_read() -> None:
    """What it would do if it is on is shown, and that it is not known whether it is."""
    proof = asked(article().change(r"EX16A\Relay", enabled=None), remove=["10.0.0.11"])
    no_role = asked(article().change(r"EX16A\Relay", role=None), remove=["10.0.0.11"])

    assert [one.sender for one in proof.reached] == ["EX10A"]
    assert [one.exit_code for one in (proof, no_role)] == [2, 2]
    assert no_role.doubts == (r"the transport role of EX16A\Relay was not read",)


@pytest.mark.parametrize(
    ("unread", "is_known"),
    [
        (Unread("EX16A", "Get-ReceiveConnector", "timed out"), False),
        (Unread("", "Get-ReceiveConnector", "an object was cut"), False),
        (Unread("", "Get-ReceiveConnector Identity", "it has none"), False),
        (Unread("", "capture", "broken.xml: no XML"), False),
        (Unread("EX16B", "Get-ReceiveConnector", "timed out"), True),
        (Unread("EX16A", "Get-ReceiveConnector Comment", "cut"), True),
        (Unread("EX16A", "Get-Queue", "timed out"), True),
    ],
)
def test_connectors_that_may_be_hidden(unread: Unread, *, is_known: bool) -> None:
    """A connector that was not read at all may answer as well."""
    proof = asked(replace(article().snapshot(), unread=(unread,)), remove=["10.0.0.11"])

    assert (proof.state == "known") == is_known
    assert proof.exit_code == (1 if is_known else 2)


def test_a_filtered_capture() -> None:
    """Without any connector that setup makes, somebody left some out."""
    org = article()
    org.connectors = [one for one in org.connectors if one.name == "Relay"]

    assert asked(org, remove=["10.0.0.11"]).exit_code == 2


def test_whether_the_next_one_lets_servers_in_was_not_read() -> None:
    """S3.30: somebody is answered differently for certain, but the repair is not proven."""
    org = article().change(r"EX16A\Default Frontend EX16A", auth=None)
    proof = asked(org, remove=["10.0.0.11"])

    assert (proof.state, proof.holds, proof.exit_code) == ("unknown", False, 1)
    assert [one.will for one in proof.reached] == ["unknown"]
    assert "AuthMechanism of EX16A\\Default Frontend EX16A was not read" in proof.summary


def test_one_server_certain_and_another_not() -> None:
    """Somebody is answered differently on EX16B whatever EX16A hides, but not all is proven."""
    org = article().add_relay("EX16A", "10.3.0.0/16", name="Cut", ranges_complete=False)
    read = org.snapshot()
    proof = prove(
        read, [edited(read, name, "Relay", remove=["10.0.0.11"]) for name in ("EX16A", "EX16B")]
    )

    assert (proof.state, proof.holds, proof.exit_code) == ("unknown", False, 1)


def test_the_same_ranges_written_otherwise() -> None:
    """Section 1.4: equality is by bounds, so nobody is answered differently."""
    proof = asked(article(), remove=[PRINTERS], add=["10.0.5.0-10.0.5.255"])

    assert (proof.exit_code, proof.holds) == (0, True)
    assert "No host is handled differently." in proof.summary
    assert "No host is handled differently." in str(proof.table())


def test_a_list_that_changed_meanwhile_is_not_proven() -> None:
    """S8.68: the proof is of the list that was read."""
    change = edited(article().snapshot(), "EX16A", "Relay", remove=["10.0.0.11"])

    with pytest.raises(RefusedError, match="is no longer as it was"):
        prove(healthy().snapshot(), [change])


def test_a_limited_run_proves_for_everybody() -> None:
    """Who else moves does not depend on what the run looks at."""
    org = article().snapshot().limited_to(["EX10B"])
    proof = asked(org, remove=["10.0.0.11", "10.0.0.12"])

    assert [one.sender for one in proof.repaired] == ["EX10A", "EX10B"]


def test_a_servers_address_inside_a_block_is_named_as_a_server() -> None:
    """Servers are rows of their own; the block around them is cut there."""
    org = article().change(r"EX16A\Relay", ranges="10.0.0.8/29, 10.0.5.0/24")
    proof = asked(org, remove=["10.0.0.8/29"])

    assert [str(one.address) for one in proof.reached] == ["10.0.0.11", "10.0.0.12"]
    assert [str(one.block) for one in proof.moved] == ["10.0.0.8-10.0.0.10", "10.0.0.13-10.0.0.15"]
    frame = proof.table().frame
    assert list(frame["kind"]) == ["server", "server", "hosts"]
    assert frame["hosts"][2] == "6 addresses"


def test_a_sender_that_is_set_to_do_without() -> None:
    """C10: with UseDowngradedExchangeServerAuth the hidden X-ANONYMOUSTLS does not matter."""
    org = article().change(r"EX16A\Default Frontend EX16A", suppress_x_anonymous_tls=True)
    org.set_downgraded_auth("EX10A", value=True).set_downgraded_auth("EX10B", value=None)
    proof = asked(org, remove=["10.0.0.11", "10.0.0.12"])

    assert [one.will for one in proof.reached] == ["clear", "unknown"]


def test_the_target_itself() -> None:
    """S4.06: a server's own hop arrives on 2525 at its own address."""
    org = healthy().add_relay(
        "EX16A",
        "10.0.0.21",
        "10.0.7.0/24",
        name="Hub",
        role="HubTransport",
        bindings="0.0.0.0:2525",
    )
    read = org.snapshot()
    proof = prove(read, proposed(read))

    assert [(one.sender, one.address, one.in_use) for one in proof.reached] == [
        ("EX16A", parse_address("10.0.0.21"), True)
    ]


def test_a_tie_that_a_change_decides_may_cost_its_hosts_something() -> None:
    """S1.36: who accepted them before is not known, so what they lose is not known either."""
    org = healthy().add_relay("EX16A", "0.0.0.0/0", name="Tie", groups="AnonymousUsers")
    read = org.snapshot()
    taken_off = prove(
        read, [edited(read, "EX16A", "Tie", add=["10.9.0.0/16"], remove=["0.0.0.0/0"])]
    )
    halved = prove(
        read, [edited(read, "EX16A", "Tie", add=["0.0.0.0/1", "128.0.0.0/1"], remove=["0.0.0.0/0"])]
    )
    doubt = "have equal ranges at any IPv4 address:25: which one accepts cannot be determined"

    for proof in (taken_off, halved):
        assert [one for one in proof.doubts if doubt in one]
        assert proof.moved
        assert {one.effect.loses for one in proof.moved} == {()}
        assert all("Exchange Server authentication" in str(one.effect) for one in proof.moved)
        assert list(harm(proof))
    assert {one.after and one.after.name for one in halved.moved} == {"Tie"}
