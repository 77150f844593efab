"""Two snapshots compared by what they do: names, notation and versions are no difference."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

import selection_model as model
from faulty import ANONYMOUS, ANY_RECIPIENT, faulty
from mailflow.analysis.capabilities import RELAY
from mailflow.analysis.change import Edit
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import format_range
from mailflow.repair.request import edited
from mailflow.repair.simulation import applied
from mailflow.snapshot import Right, Snapshot, Unread
from mailflow.views.behaviour import compare
from mailflow.views.comparison import Comparison
from mailflow.views.findings import findings
from organisations import E2013, E2016, E2019, Organisation, article, healthy
from strategies import to_address


def proposed(org: Snapshot) -> Sequence[Edit]:
    """The repair that the findings hold."""
    plan = findings(org).plan
    assert plan is not None
    return plan.edits


def differ(before: Organisation | Snapshot, after: Organisation | Snapshot) -> Comparison:
    """The comparison of two organisations."""
    one, other = (
        each.snapshot() if isinstance(each, Organisation) else each for each in (before, after)
    )
    return compare(one, other)


def with_rights(org: Organisation, *rights: Right) -> Snapshot:
    """The organisation with these rows of Get-ADPermission."""
    return replace(org.snapshot(), rights=rights)


RELAYS = Right("EX16A", "Relay", ANONYMOUS, ANY_RECIPIENT, deny=False)


def test_nothing_differs() -> None:
    """An organisation beside itself, faults and all; rights that were not read are named."""
    found = differ(article(), article())

    assert (found.state, found.exit_code, found.treated, found.ways) == ("same", 0, (), ())
    assert "No host is handled differently." in found.summary
    assert r"EX16A\Relay" in found.rights_not_read
    assert "No host is handled differently" in str(found.table())


def test_the_repair_of_the_article() -> None:
    """Section 0: the ways work, and only the servers' addresses are treated differently."""
    found = differ(article(), healthy())

    assert {(one.sender, one.target, one.was, one.will) for one in found.ways} == {
        (sender, target, "found", "clear")
        for sender in ("EX10A", "EX10B")
        for target in ("EX16A", "EX16B")
    }
    assert [(one.server, str(one.block), one.is_certain) for one in found.treated] == [
        ("EX16A", "10.0.0.11-10.0.0.12", True),
        ("EX16B", "10.0.0.11-10.0.0.12", True),
    ]
    assert found.exit_code == 1
    assert found.ways[0].before == "Relay (10.0.0.11)"
    assert found.ways[0].after == "Default Frontend EX16A (10.0.0.11)"
    assert "EX10B to EX16B: accepted (was: failing)." in found.summary


def test_the_way_back_is_worse() -> None:
    """The other way round, servers are shut out (S3.30)."""
    found = differ(healthy(), article())

    assert {one.will for one in found.ways} == {"found"}
    assert "failing (was: accepted)" in list(found.table().frame["effect"])
    assert found.exit_code == 1


def test_json() -> None:
    """Contract, section 3: one document, with its schema."""
    document = differ(article(), healthy()).as_json()

    json.dumps(document)
    assert (document["schema"], document["state"]) == ("mailflow.diff/1", "different")
    assert document["ways"][0] == {
        "sender": "EX10A",
        "target": "EX16A",
        "let_in_before": False,
        "let_in_after": True,
        "before": "Relay (10.0.0.11)",
        "after": "Default Frontend EX16A (10.0.0.11)",
    }
    assert document["hosts"][0]["addresses"] == "10.0.0.11-10.0.0.12"
    assert document["hosts"][0]["places"] == [{"port": 25, "family": 4, "local": None}]


def test_only_the_intended_changed() -> None:
    """What a proven change leads to is the organisation that is expected, and nothing else is."""
    before = article().snapshot()
    expected = applied(before, proposed(before))

    assert differ(expected, healthy()).exit_code == 0
    more = healthy().change(r"EX16B\Relay", ranges="10.0.5.0/25")
    found = differ(expected, more)
    assert [format_range(one.block) for one in found.treated] == ["10.0.5.128/25"]


@pytest.mark.parametrize(
    "changes",
    [
        {"ranges": "10.0.5.0-10.0.5.255, 10.0.0.12, 10.0.0.11(255.255.255.255)"},
        {"ranges": "10.0.5.0/24, 10.0.0.11, 10.0.0.12, 10.0.5.7"},
        {"fqdn": "relay.contoso.com", "comment": "x", "protocol_logging": "Verbose"},
        {"bindings": "[::]:25, 0.0.0.0:25"},
    ],
)
def test_the_same_in_other_words(changes: dict[str, Any]) -> None:
    """Notation, order, a range inside another, and what no host notices (S1.11, S1.13)."""
    found = differ(article(), article().change(r"EX16A\Relay", **changes))

    assert (found.exit_code, found.treated) == (0, ())


def test_another_version() -> None:
    """A cumulative update changes the version, and nobody is answered differently."""
    after = article()
    after.change_server(
        "EX16A", version=(15, 1, 2507, 6), version_text="Version 15.1 (Build 2507.6)"
    )
    found = differ(article(), after)

    assert found.exit_code == 0
    assert [server for server, _, _ in found.versions] == ["EX16A"]
    assert "another version" in str(found.table())


def test_another_name() -> None:
    """A connector that was renamed treats its hosts as before; it is said all the same."""
    after = healthy().remove(r"EX16A\Relay").add_relay("EX16A", "10.0.5.0/24", name="Printers")
    found = differ(healthy(), after)

    assert (found.exit_code, found.treated) == (0, ())
    assert [(one.before, one.after) for one in found.renamed] == [
        (r"EX16A\Relay", r"EX16A\Printers")
    ]
    assert RELAY in found.renamed[0].not_known
    assert r"EX16A\Relay is EX16A\Printers now" in found.summary


def test_another_name_and_other_rights() -> None:
    """S3.21: where both lists were read, a right that the new one lacks is a loss."""
    after = healthy().remove(r"EX16A\Relay").add_relay("EX16A", "10.0.5.0/24", name="Printers")
    submit = "ms-Exch-SMTP-Submit"
    old = [RELAYS, replace(RELAYS, right=submit)]
    found = differ(
        with_rights(healthy(), *old),
        with_rights(after, replace(RELAYS, connector="Printers", right=submit)),
    )

    assert [(format_range(one.block), one.effect.loses) for one in found.treated] == [
        ("10.0.5.0/24", (RELAY,))
    ]
    assert found.exit_code == 1


def test_a_right_that_was_taken_away() -> None:
    """S3.21: the same connector, and its hosts may no longer relay; others gained nothing."""
    submit = replace(RELAYS, right="ms-Exch-SMTP-Submit")
    found = differ(with_rights(healthy(), RELAYS, submit), with_rights(healthy(), submit))

    assert [(one.user, one.gains, one.loses) for one in found.access] == [
        (ANONYMOUS.casefold(), (), (ANY_RECIPIENT.casefold(),))
    ]
    assert [format_range(one.block) for one in found.treated] == ["10.0.5.0/24"]
    assert found.exit_code == 1
    assert r"EX16A\Relay" not in found.rights_not_read


def test_a_right_of_one_account() -> None:
    """A denial for one account concerns nobody else, and is a loss of rights all the same."""
    one = replace(RELAYS, user=r"CONTOSO\scanner")
    submit = replace(RELAYS, right="ms-Exch-SMTP-Submit")
    found = differ(
        with_rights(healthy(), submit, one), with_rights(healthy(), submit, replace(one, deny=True))
    )

    assert [(each.user, each.loses) for each in found.access] == [
        (r"contoso\scanner", (ANY_RECIPIENT.casefold(),))
    ]
    assert (found.treated, found.exit_code) == ((), 1)
    assert r"contoso\scanner on EX16A\Relay" in found.summary


def test_rights_read_on_one_side_only() -> None:
    """What was not read is not known: no loss, and no "as before" either."""
    found = differ(with_rights(healthy(), RELAYS), healthy())

    assert (found.access, found.treated, found.exit_code) == ((), (), 0)
    assert r"EX16A\Relay" in found.rights_not_read
    assert "Could not determine whether extended rights differ" in found.summary


def test_extra_rights_that_only_the_groups_show() -> None:
    """S3.20: Custom came up, so some right was added or taken; which one was not read."""
    before = healthy().change(r"EX16A\Relay", groups="AnonymousUsers")
    found = differ(before, healthy())

    assert (found.state, found.exit_code) == ("unknown", 2)
    assert [one.is_certain for one in found.treated] == [False]


@pytest.mark.parametrize(
    ("changes", "gains", "loses"),
    [
        ({"auth": "None"}, [], ["STARTTLS"]),
        ({"groups": "None"}, [], ["anonymous submission"]),
        ({"require_tls": True}, [], ["sending without TLS"]),
        (
            {"auth": "Tls, BasicAuth"},
            ["Basic authentication (BasicAuth)", "Basic authentication without TLS"],
            [],
        ),
        ({"groups": "AnonymousUsers, Custom, Partners"}, ["submitting as a partner"], []),
    ],
)
def test_settings_of_the_same_connector(
    changes: dict[str, Any], gains: list[str], loses: list[str]
) -> None:
    """Sections 3.2 and 3.3: who answers is the same, what its hosts may do is not."""
    found = differ(healthy(), healthy().change(r"EX16A\Relay", **changes))

    (one,) = found.treated
    assert (format_range(one.block), found.exit_code) == ("10.0.5.0/24", 1)
    assert (list(one.effect.gains), list(one.effect.loses)) == (gains, loses)


def test_a_default_connector_that_lost_its_authentication() -> None:
    """C2: every address it answers is treated differently, in both families; ways break."""
    after = healthy().change(
        r"EX16A\Default Frontend EX16A",
        auth="Tls, Integrated, BasicAuth, BasicAuthRequireTLS",
    )
    found = differ(healthy(), after)

    assert [format_range(one.block) for one in found.treated] == [
        "0.0.0.0-10.0.4.255",
        "10.0.6.0-255.255.255.255",
        "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    ]
    assert {(one.sender, one.target, one.will) for one in found.ways} == {
        ("EX10A", "EX16A", "found"),
        ("EX10B", "EX16A", "found"),
    }


def test_a_connector_that_is_switched_off() -> None:
    """S1.10, S1.18: its hosts fall to another one, or to nobody."""
    after = healthy().change(r"EX16A\Relay", enabled=False)
    after.change(r"EX16B\Default EX16B", enabled=False)
    found = differ(healthy(), after)

    by_server = {one.server: one for one in found.treated if one.places[0].family == 4}
    assert by_server["EX16A"].after is not None
    assert by_server["EX16A"].after.name == "Default Frontend EX16A"
    assert by_server["EX16B"].after is None
    assert "no longer accepted" in list(found.table().frame["effect"])


def test_a_connector_on_one_local_address() -> None:
    """S1.16: the difference is on that address alone."""
    after = healthy().change(r"EX16A\Relay", bindings="10.0.0.21:25")
    found = differ(healthy(), after)

    assert [[str(place) for place in one.places] for one in found.treated] == [
        ["any IPv4 address:25"]
    ]


def test_a_service_that_moved_to_another_process() -> None:
    """Section 2.2: a 2013 Mailbox server becomes multi-role, its port 25 goes to the Front End."""
    before, after = (
        Organisation().add_server("EX13A", E2013, "10.0.0.31", roles=roles)
        for roles in ("Mailbox", "Mailbox, ClientAccess")
    )
    found = differ(before, after)

    at_25 = [one for one in found.treated if one.places[0].port == 25]
    assert {(one.before.name, one.after.name) for one in at_25 if one.before and one.after} == {
        ("Default EX13A", "Default Frontend EX13A")
    }
    assert found.exit_code == 1


def test_servers_that_came_and_went() -> None:
    """A migration step: whoever was answered by a server that is gone is answered no more."""
    after = healthy().add_server("EX19A", E2019, "10.0.0.31")
    grown, shrunk = differ(healthy(), after), differ(after, healthy())

    assert (grown.new, grown.gone, grown.exit_code) == (("EX19A",), (), 0)
    assert (shrunk.new, shrunk.gone, shrunk.exit_code) == ((), ("EX19A",), 1)
    assert "Gone: EX19A." in shrunk.summary
    assert "New: EX19A." in grown.summary


def test_servers_are_matched_by_name_in_any_case() -> None:
    """S4.32: a name is the same in any case, and so is a connector's."""
    after = healthy()
    for table in ("servers", "connectors", "addresses"):
        rows = getattr(after, table)
        field = "name" if table == "servers" else "server"
        for place, one in enumerate(rows):
            rows[place] = replace(one, **{field: getattr(one, field).lower()})
    found = differ(healthy(), after)

    assert (found.gone, found.new, found.exit_code, found.renamed) == ((), (), 0, ())


def test_a_sender_with_another_address() -> None:
    """Section 9: the address decides who answers; here the relay catches the new one."""
    before = healthy().change(r"EX16A\Relay", ranges="10.0.0.13, 10.0.5.0/24")
    moved = before.copy().set_addresses("EX10A", "10.0.0.13")
    harmless = before.copy().set_addresses("EX10A", "10.0.0.14")
    found = differ(before, moved)

    assert [(one.server, one.gone, one.new) for one in found.addresses] == [
        ("EX10A", ("10.0.0.11",), ("10.0.0.13",))
    ]
    assert [(one.sender, one.target, one.will) for one in found.ways] == [
        ("EX10A", "EX16A", "found")
    ]
    assert (found.exit_code, found.treated) == (1, ())
    assert differ(before, harmless).exit_code == 0
    assert "Own addresses differ: EX10A." in differ(before, harmless).summary


def test_addresses_in_errors_do_not_differ() -> None:
    """S9.13: an error names one of several, another error another one."""
    before = healthy()
    after = before.copy().set_addresses("EX10A", "10.0.0.14")
    after.addresses = [
        replace(one, source="LastError") if one.server == "EX10A" else one
        for one in after.addresses
    ]

    assert differ(before, after).addresses == differ(after, before).addresses == ()


def test_a_sender_whose_switch_changed() -> None:
    """C10: the connectors are the same, and yet the way works no more."""
    before = healthy().change(r"EX16A\Default Frontend EX16A", suppress_x_anonymous_tls=True)
    for name in ("EX10A", "EX10B"):
        before.set_downgraded_auth(name, value=True)
    after = before.copy().set_downgraded_auth("EX10A", value=False)
    found = differ(before, after)

    assert [(one.sender, one.will) for one in found.ways] == [("EX10A", "found")]
    assert (found.treated, found.exit_code) == ((), 1)


UNREAD: list[dict[str, Any]] = [
    {"ranges_complete": False},
    {"bindings_complete": False},
    {"enabled": None},
    {"role": None},
    {"auth": None},
    {"groups": None},
]


@pytest.mark.parametrize("changes", UNREAD)
def test_what_was_not_read_may_differ(changes: dict[str, Any]) -> None:
    """Contract, section 4: on either side, or on both, it is unknown and never "as before"."""
    unread = healthy().change(r"EX16A\Relay", **changes)

    for pair in ((unread, healthy()), (healthy(), unread), (unread, unread)):
        found = differ(*pair)
        assert (found.state, found.exit_code) == ("unknown", 2)
        assert found.doubts
        assert "Undetermined, because data is missing:" in found.summary


def test_what_is_certain_stays_so() -> None:
    """Somebody is answered differently on EX16B, whatever EX16A hides."""
    before = article().change(r"EX16A\Relay", ranges_complete=False)
    found = differ(before, healthy())

    assert found.exit_code == 1
    assert {one.server for one in found.treated if one.is_certain} == {"EX16B"}


def test_a_server_that_was_not_read() -> None:
    """A row of unread on one side: its connectors may be anything."""
    lost = healthy()
    lost.connectors = [one for one in lost.connectors if one.server != "EX16B"]
    unread = Unread("EX16B", "Get-ReceiveConnector", "timed out")
    found = differ(healthy(), replace(lost.snapshot(), unread=(unread,)))

    assert found.exit_code == 2
    assert not any(one.is_certain for one in found.treated)
    assert any("timed out" in doubt for doubt in found.doubts)


def test_two_processes_at_one_endpoint() -> None:
    """C9: who gets the socket is chance, so what differs there is not certain."""
    after = healthy().add_relay("EX16A", "10.3.0.0/16", name="Hub", role="HubTransport")
    found = differ(healthy(), after)

    assert not any(one.is_certain for one in found.treated)
    assert any("another process" in doubt for doubt in found.doubts)


def test_a_server_without_transport_has_no_connectors_to_read() -> None:
    """A 2010 Mailbox server is no doubt."""
    org = healthy().add_server("EX10M", "Version 14.3 (Build 123.4)", "10.0.0.15", roles="Mailbox")

    assert differ(org, org).exit_code == 0


@pytest.mark.parametrize("number", range(8))
def test_the_slow_model_agrees(number: int) -> None:
    """By connectors' treatment, at every bound of both, beside it and between (S1.10 to S1.21)."""
    before, planned = faulty(number)
    relay = before.connectors[-1]
    changes = [*planned.edits]
    changes += [
        one
        for one in [edited(before, relay.server, relay.name, add=["10.0.3.0/24"])]
        if one.identity not in {each.identity for each in changes}
    ]
    after = applied(before, changes)
    found = compare(before, after)

    for server in before.servers:
        sides = [
            [one for one in org.connectors if one.server == server.name] for org in (before, after)
        ]
        for address in _probes([*sides[0], *sides[1]]):
            question = (None, 25, to_address(4, address))
            names = [_answerer(side, question) for side in sides]
            rows = [
                one
                for one in found.treated
                if one.server == server.name
                and question[2] in one.block
                and any((place.port, place.local) == (25, None) for place in one.places)
            ]
            assert len(rows) == (names[0] != names[1] and not _alike(sides, names))


def _alike(sides: list[list[ReceiveConnector]], names: list[str | None]) -> bool:
    """Whether two connectors differ in nothing but name, ranges and bindings."""
    pair = [
        next(
            (replace(one, name="", ranges=(), bindings=()) for one in side if one.name == name),
            None,
        )
        for side, name in zip(sides, names, strict=True)
    ]
    return pair[0] == pair[1]


def _answerer(side: list[ReceiveConnector], question: model.Question) -> str | None:
    candidates = [model.as_read(one, place, question) for place, one in enumerate(side)]
    won = model.winner(candidates, model.FRONT, question)
    return None if won is None else side[won.place].name


def _probes(connectors: list[ReceiveConnector]) -> list[int]:
    bounds = {
        bound + step
        for one in connectors
        for block in one.ranges
        if block.family == 4
        for bound in (block.first, block.last)
        for step in (-1, 0, 1)
    }
    points = sorted(one for one in bounds if 0 <= one < 1 << 32)
    return sorted({*points, *((low + high) // 2 for low, high in itertools.pairwise(points))})


def test_e2016_is_no_other_treatment() -> None:
    """An upgrade from 2016 to 2019 in place of the same name keeps its connectors' treatment."""
    before = Organisation().add_server("EX1", E2016, "10.0.0.31")
    after = Organisation().add_server("EX1", E2019, "10.0.0.31")

    assert differ(before, after).exit_code == 0
