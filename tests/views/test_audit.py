"""The audit: the same rules without an incident, what is harmless, and the tables beside it."""

from __future__ import annotations

import ast
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mailflow
from large_organisations import large
from mailflow.checks.audit import AUDIT_CAUSES
from mailflow.checks.registry import CARDS as CAUSES
from mailflow.errors import UsageError
from mailflow.exchange.connectors import AuthMechanism, ReceiveConnector
from mailflow.exchange.ranges import WIDTH, Address, Family
from mailflow.exchange.selection import answer
from mailflow.exchange.servers import Server
from mailflow.snapshot import Right, ServerAddress, Snapshot, Unread
from mailflow.table import Table
from mailflow.views.audit import audit
from mailflow.views.audit_connectors import audit_connectors
from mailflow.views.audit_names import same_names
from mailflow.views.audit_results import audit_results
from mailflow.views.audit_silence import connector_reach
from mailflow.views.findings import findings
from mailflow.views.verdict import Diagnosis, FindingRecord, State
from organisations import E2010, E2013, E2016, E2019, Organisation, article, healthy
from selection_model import FRONT, HUB, as_read, winner
from strategies import LOCAL, addresses, servers, to_address
from support import ROOT

SHADOWED = "custom-connector-shadows-default"
PLANNED = "planned-server-shadowed"
AUTH_MISSING = "exchange-auth-missing-on-default"
GROUP_MISSING = "exchange-servers-group-missing"
NOBODY = "no-connector-answers"
CONFLICT = "transport-role-conflict"
DIFFER = "connectors-differ"
SILENT = "connector-never-answers"
WIDER = "relay-wider-than-it-looks"
ANONYMOUS = r"NT AUTHORITY\ANONYMOUS LOGON"
RELAY = "ms-Exch-SMTP-Accept-Any-Recipient"
SUBMIT = "ms-Exch-SMTP-Submit"


def modern() -> Organisation:
    """Two Exchange 2016 servers in order: mail between them takes port 2525 (S4.02)."""
    org = Organisation()
    org.add_server("EX16A", E2016, "10.0.0.21").add_server("EX16B", E2016, "10.0.0.22")
    return org


def examine(org: Organisation, *planned: str) -> Diagnosis:
    """The audit of an organisation that was read completely."""
    return audit(org.snapshot(), planned)


def of(found: Diagnosis, cause: str, *states: State) -> list[FindingRecord]:
    """The entries of a cause in these states, by default the open ones; not the general ones."""
    wanted = states or ("found", "unknown")
    return [
        one
        for one in found.findings
        if one.cause == cause and one.state in wanted and (one.connector or one.state != "clear")
    ]


def open_ones(found: Diagnosis) -> list[tuple[str, str, str | None]]:
    """Cause, state and connector of each entry that is found or unknown, in order.

    Most cases here give a connector to one server alone, which differs from its peers then:
    `checks/test_twin_differs.py` is about that.
    """
    return [
        (one.cause, one.state, one.connector)
        for one in found.findings
        if one.state in ("found", "unknown") and one.cause != "twin-differs"
    ]


def with_rights(org: Organisation, *rights: Right, unread: Sequence[Unread] = ()) -> Snapshot:
    """The organisation's snapshot with what Get-ADPermission printed."""
    return replace(org.snapshot(), rights=rights, unread=tuple(unread))


def right(server: str, connector: str, name: str = RELAY, *, deny: bool = False) -> Right:
    """A right of hosts that do not log on."""
    return Right(server, connector, ANONYMOUS, name, deny)


# -- The whole -------------------------------------------------------------------------------------


def test_healthy_is_clear_and_says_what_is_harmless() -> None:
    """Relays for printers are said to be harmless, with the reason (contract, section 7)."""
    actual = examine(healthy())

    assert (actual.verdict, open_ones(actual)) == ("clear", [])
    meant = of(actual, PLANNED, "clear")
    assert [one.connector for one in meant] == [r"EX16A\Relay", r"EX16B\Relay"]
    assert all("intercepts no Exchange server" in one.reading for one in meant)
    assert "harmless by design" in actual.summary
    assert (actual.repair, actual.undo) == ((), ())


def test_every_cause_has_a_state() -> None:
    """Each cause of the contract stands in the findings; what configuration shows is clear."""
    actual = examine(healthy())

    assert {one.cause for one in actual.findings} == set(CAUSES)
    assert {one.cause for one in actual.findings if one.state == "clear"} == set(AUDIT_CAUSES)
    assert all(one.facts for one in actual.findings)


def test_every_version_as_setup_makes_it_is_clear() -> None:
    """No default connector of any version or role is accused (S2.01, S2.05, S2.07)."""
    org = healthy()
    org.add_server("EX13A", E2013, "10.0.0.31")
    org.add_server("EX13M", E2013, "10.0.0.32", roles="Mailbox")
    org.add_server("EX13C", E2013, "10.0.0.33", roles="ClientAccess")
    org.add_server("EX19A", E2019, "10.0.0.34")
    org.add_server("EDGE1", E2019, "10.9.0.35", roles="Edge")
    org.add_server("EX10M", E2010, "10.0.0.36", roles="Mailbox")

    assert open_ones(examine(org)) == []


def test_ways_in_use_are_found_as_in_an_incident() -> None:
    """The same cause, senders, addresses and commands; without the queues (contract, section 7)."""
    incident = [one for one in findings(article().snapshot()).findings if one.state == "found"]

    actual = examine(article())

    assert open_ones(actual) == [(one.cause, "found", one.connector) for one in incident]
    assert [(one.senders, one.addresses, one.queues) for one in of(actual, SHADOWED)] == [
        (one.senders, one.addresses, ()) for one in incident
    ]
    assert actual.repair == (
        r'Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "10.0.5.0/24"',
        r'Set-ReceiveConnector "EX16B\Relay" -RemoteIPRanges "10.0.5.0/24"',
    )
    assert "nothing fails yet" not in of(actual, SHADOWED)[0].reading
    assert actual.stuck is None


def test_renamed_default_is_none_that_somebody_made() -> None:
    """For all IPv6 addresses and some of IPv4: the same cause as in an incident (contract 7)."""
    org = healthy().remove(r"EX16A\Default Frontend EX16A")
    org.add_relay("EX16A", "10.0.0.0/24", "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", name="In")

    causes = {one.cause for one in findings(org.snapshot()).findings if one.state == "found"}

    assert causes == {AUTH_MISSING}
    assert causes == {cause for cause, state, _ in open_ones(examine(org)) if state == "found"}


# -- Ways that no mail takes, and servers to come --------------------------------------------------


def test_port_not_in_use_is_the_audits_own() -> None:
    """A relay on 25 that covers a server that arrives on 2525 fails nobody yet (contract 8.2)."""
    org = modern().add_relay("EX16A", "10.0.0.0/24")

    actual = examine(org)

    assert open_ones(actual) == [(PLANNED, "found", r"EX16A\Relay")]
    (entry,) = of(actual, PLANNED)
    assert (entry.senders, entry.addresses) == (("EX16B",), ("10.0.0.22",))
    assert "On port 25 of EX16A" in entry.reading
    assert "nothing fails yet" in entry.reading
    assert entry.commands == (
        (
            r'Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges '
            '"10.0.0.0-10.0.0.21","10.0.0.23-10.0.0.255"'
        ),
    )
    assert findings(org.snapshot()).verdict == "clear"


def test_one_list_serves_ways_in_use_and_others() -> None:
    """A list is replaced as a whole: two entries of one connector give the same command (S8.60)."""
    actual = examine(healthy().change(r"EX16A\Relay", ranges="10.0.0.0/24"))

    assert {one.cause for one in actual.findings if one.connector == r"EX16A\Relay"} >= {
        SHADOWED,
        PLANNED,
    }
    assert actual.repair == (
        (
            r'Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges '
            '"10.0.0.0-10.0.0.10","10.0.0.13-10.0.0.21","10.0.0.23-10.0.0.255"'
        ),
    )


def test_planned_servers_are_judged_by_address() -> None:
    """ADDRESS and NAME=ADDRESS, caught on every server whose list holds them (contract 7)."""
    actual = examine(healthy(), "EX19A=10.0.5.7", " 10.0.5.8 ", "EX19A=10.0.5.7")

    assert open_ones(actual) == [
        (PLANNED, "found", r"EX16A\Relay"),
        (PLANNED, "found", r"EX16B\Relay"),
    ]
    (entry, _) = of(actual, PLANNED)
    assert (entry.senders, entry.addresses) == (("EX19A",), ("10.0.5.7", "10.0.5.8"))
    assert "EX19A (planned)" in entry.reading
    assert not [one for one in of(actual, PLANNED, "clear") if one.addresses]
    assert not [one for one in actual.findings if one.state == "clear" and one.addresses]


def test_planned_servers_are_freed() -> None:
    """Their addresses are taken off the relays that hold them, with a way back (contract 7)."""
    actual = examine(healthy(), "EX19A=10.0.5.7")

    (entry, _) = of(actual, PLANNED)
    assert entry.commands == (
        (
            r'Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges '
            '"10.0.5.0-10.0.5.6","10.0.5.8-10.0.5.255"'
        ),
    )
    assert entry.undo == (r'Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "10.0.5.0/24"',)


def test_planned_server_that_is_welcome_is_said_to_be() -> None:
    """An address that no custom connector holds is a clear entry that names it."""
    actual = examine(healthy(), "EX19A=10.0.0.31", "2001:db8::31")

    assert actual.verdict == "clear"
    (entry,) = [one for one in actual.findings if one.addresses]
    assert (entry.cause, entry.state, entry.connector) == (PLANNED, "clear", None)
    assert (entry.senders, entry.addresses) == (("EX19A",), ("10.0.0.31", "2001:db8::31"))


def test_nobody_is_called_welcome_by_servers_that_were_not_read() -> None:
    """The connectors of EX16B may catch it; so no entry says that none does."""
    org = replace(
        healthy().snapshot(), unread=(Unread("EX16B", "Get-ReceiveConnector", "timed out"),)
    )

    actual = audit(org, ["EX19A=10.0.0.31"])

    assert [one for one in actual.findings if one.addresses and one.state == "clear"] == []


@pytest.mark.parametrize("text", ["EX19A", "10.0.0.31=", "10.0.0.0/24", "EX19A=10.0.0.256", ""])
def test_planned_server_without_an_address_is_refused(text: str) -> None:
    """What is neither ADDRESS nor NAME=ADDRESS is wrong usage, not a server that nobody catches."""
    with pytest.raises(UsageError, match="NAME=ADDRESS"):
        examine(healthy(), text)


def test_smaller_range_of_another_connector_protects() -> None:
    """Whoever is answered by a smaller range with authentication is not caught (S1.13)."""
    org = modern().add_relay("EX16A", "10.0.0.0/24")
    org.add_relay("EX16A", "10.0.0.22", name="Peers", auth="Tls, ExchangeServer")
    org.change(r"EX16A\Peers", groups="ExchangeServers")

    actual = examine(org)

    assert open_ones(actual) == []
    assert "does not accept them" in of(actual, PLANNED, "clear")[1].reading


def test_connector_that_lets_servers_in_is_there_on_purpose() -> None:
    """Exchange Server authentication and group: clear, and the entry says why (S3.42)."""
    org = modern()
    for server in ("EX16A", "EX16B"):
        org.add_relay(server, "10.0.0.0/24", name="WAN", auth="Tls, ExchangeServer")
        org.change(f"{server}\\WAN", groups="ExchangeServers", suppress_x_anonymous_tls=True)
        org.set_downgraded_auth(server, value=True)

    actual = examine(org)

    assert open_ones(actual) == []
    (entry, _) = of(actual, PLANNED, "clear")
    assert "exist for that purpose" in entry.reading
    assert "WAN device" in entry.reading


def test_connector_without_the_group_is_no_harmless_one() -> None:
    """Authentication alone lets nobody submit: 454 4.7.0 (S3.30)."""
    org = modern().add_relay("EX16A", "10.0.0.0/24", auth="Tls, ExchangeServer")

    assert open_ones(examine(org)) == [(GROUP_MISSING, "found", r"EX16A\Relay")]


@pytest.mark.parametrize(
    ("ranges", "bindings", "words"),
    [
        ("10.0.0.0/24", "0.0.0.0:587", "port 587 alone"),
        ("10.0.0.21", "0.0.0.0:25", "does not accept them"),
        ("10.0.7.0/24", "0.0.0.0:25", "serves other hosts"),
    ],
)
def test_what_catches_no_server_is_harmless(ranges: str, bindings: str, words: str) -> None:
    """Ports at which servers do not log on, a server's own address, other hosts' subnets."""
    org = modern()
    org.add_relay("EX16A", ranges, bindings=bindings)

    actual = examine(org)

    assert open_ones(actual) == []
    (entry,) = of(actual, PLANNED, "clear")
    assert words in entry.reading


@pytest.mark.parametrize(
    ("port", "role", "words"),
    [
        (465, "HubTransport", "client submissions that a Front End service passes on"),
        (717, "FrontendTransport", "mail that send connectors proxy through the Front End"),
    ],
)
def test_ports_between_services_count(port: int, role: str, words: str) -> None:
    """Servers sign in there too, and mail may arrive today (S2.01, S4.06, S4.08)."""
    org = modern().add_relay("EX16A", "10.0.0.0/24", bindings=f"0.0.0.0:{port}", role=role)

    (entry,) = of(examine(org), PLANNED)

    assert entry.senders == ("EX16A", "EX16B")
    assert words in entry.reading
    assert "nothing fails yet" not in entry.reading


def test_old_servers_are_not_expected_on_new_ports() -> None:
    """2007 and 2010 know port 25 alone (S4.03): a hub connector on 2525 cannot catch them."""
    org = healthy().add_relay("EX16A", "10.0.0.11", name="Apps", bindings="0.0.0.0:2525")
    org.change(r"EX16A\Apps", role="HubTransport")

    assert open_ones(examine(org)) == []


def test_edge_servers_do_not_call_each_other() -> None:
    """No mail goes from one Edge server to another (section 4.1)."""
    org = modern().add_server("EDGE1", E2019, "10.9.0.1", roles="Edge")
    org.add_server("EDGE2", E2019, "10.9.0.2", roles="Edge").add_relay("EDGE1", "10.9.0.0/24")
    org.change(r"EDGE1\Relay", role="HubTransport")

    assert open_ones(examine(org)) == []


def test_one_local_address_is_enough_to_be_caught() -> None:
    """A relay bound to one address of a server catches whoever comes there (S1.16)."""
    org = modern().add_relay("EX16A", "10.0.0.0/24", bindings="10.0.9.21:25")
    org.set_addresses("EX16A", "10.0.0.21", "10.0.9.21")

    (entry,) = of(examine(org), PLANNED)

    assert (entry.connector, entry.senders) == (r"EX16A\Relay", ("EX16B",))


def test_local_address_where_nobody_listens_is_not_meant() -> None:
    """A default connector bound to one of two addresses answers servers there (S1.04)."""
    org = modern().set_addresses("EX16A", "10.0.0.21", "10.0.9.21")
    org.change(r"EX16A\Default Frontend EX16A", bindings="10.0.0.21:25")

    assert of(examine(org), NOBODY) == []


def test_doubt_about_the_process_is_no_fault() -> None:
    """If another service has the endpoint, nobody answers: not known who does (S1.30)."""
    org = modern().add_relay("EX16A", "10.0.0.0/24")
    org.add_relay("EX16A", "10.9.0.0/16", name="Hub", role="HubTransport", enabled=None)

    assert {one.state for one in of(examine(org), PLANNED)} == {"unknown"}


def test_planned_server_and_a_hidden_way_to_log_on() -> None:
    """Whether the server to come will do without X-ANONYMOUSTLS nobody can read (C10)."""
    org = modern().add_relay("EX16A", "10.0.7.0/24", auth="Tls, ExchangeServer")
    org.change(r"EX16A\Relay", groups="ExchangeServers", suppress_x_anonymous_tls=True)

    (entry,) = of(examine(org, "10.0.7.31"), "anonymoustls-suppressed")

    assert entry.state == "unknown"
    assert "UseDowngradedExchangeServerAuth" in entry.remedy


def test_cut_list_is_unknown_not_clear() -> None:
    """What was cut may hold the planned server; a visible range is enough (contract 8.8)."""
    org = modern().add_relay("EX16A", "10.0.7.0/24", ranges_complete=False)

    unknown, found = examine(org, "10.0.0.31"), examine(org, "10.0.7.31")

    assert unknown.verdict == "unknown"
    assert "10.0.0.31" in of(unknown, PLANNED)[0].addresses
    assert not [one for one in of(unknown, PLANNED, "clear") if one.addresses]
    assert of(found, PLANNED)[0].state == "found"


CROWDED = st.lists(addresses(4), max_size=4)


def brute_force(
    connectors: Sequence[ReceiveConnector], asked: Sequence[Address]
) -> tuple[set[str], bool]:
    """Who answers one of the addresses on a port of servers, and whether a doubt is left.

    No connector here lets a server in: of two with equal ranges either one catches it, so the one
    that would win were it loaded first is found all the same (S1.36, contract 8.8).
    """
    caught, doubt = set(), False
    for port, remote in itertools.product((25, 2525), asked):
        bound = {
            binding.address
            for one in connectors
            for binding in one.bindings
            if (binding.family, binding.port) == (4, port) and binding.address
        }
        for local in (None, *(to_address(4, number) for number in sorted(bound))):
            got = answer(connectors, local=local, port=port, remote=remote)
            doubt |= got.unknown is not None
            tie = (got.unknown or "").startswith("a tie:") and not got.nobody_possible
            if got.connector and (got.unknown is None or tie):
                caught.add(got.connector.identity)
    return caught, doubt


@given(servers(known=True), CROWDED)
def test_everybody_who_is_caught_is_found(
    connectors: tuple[ReceiveConnector, ...], asked: list[Address]
) -> None:
    """On every port of servers and local address, just what the selection says (S1.16)."""
    bare = tuple(replace(one, auth=AuthMechanism.Tls) for one in connectors)
    org = Snapshot(servers=(Server("EX16A"),), connectors=bare)

    actual = audit(org, [str(one) for one in asked])

    caught = {
        one.connector for cause in (PLANNED, AUTH_MISSING) for one in of(actual, cause, "found")
    }
    assert caught == brute_force(bare, asked)[0]


@given(servers(), CROWDED)
def test_no_doubt_becomes_clear(
    connectors: tuple[ReceiveConnector, ...], asked: list[Address]
) -> None:
    """Where it is not known who answers a planned server, no entry calls it welcome."""
    bare = tuple(replace(one, auth=AuthMechanism.Tls) for one in connectors)
    org = Snapshot(servers=(Server("EX16A"),), connectors=bare)

    actual = audit(org, [str(one) for one in asked])

    if brute_force(bare, asked)[1]:
        assert actual.verdict != "clear"


# -- Defaults and roles ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"auth": "Tls, Integrated"}, AUTH_MISSING),
        ({"groups": "AnonymousUsers"}, GROUP_MISSING),
        ({"enabled": False}, NOBODY),
        ({"ranges": "10.9.0.0/16"}, NOBODY),
        ({"bindings": "0.0.0.0:2626"}, NOBODY),
        ({"suppress_x_anonymous_tls": True}, "anonymoustls-suppressed"),
    ],
)
def test_default_that_lost_what_servers_need(change: dict[str, object], cause: str) -> None:
    """Also where no mail arrives today: the existing cause, and it is said (S2.01, S3.30)."""
    identity = r"EX16A\Default Frontend EX16A"
    org = modern().change(identity, **change)

    actual = [one for one in open_ones(examine(org)) if one[0] != DIFFER]

    assert actual == [(cause, "found", identity)]
    assert "nothing fails yet" in of(examine(org), cause)[0].reading


def test_default_of_a_server_that_stands_alone() -> None:
    """A lost setting is found where there is no other server to need it, and put back (C2)."""
    org = Organisation().add_server("EX16A", E2016, "10.0.0.21")
    org.change(r"EX16A\Default Frontend EX16A", auth="Tls, Integrated")

    actual = examine(org)

    assert open_ones(actual) == [(AUTH_MISSING, "found", r"EX16A\Default Frontend EX16A")]
    assert actual.repair == (
        (
            r'Set-ReceiveConnector "EX16A\Default Frontend EX16A" -AuthMechanism '
            "Tls,Integrated,ExchangeServer"
        ),
    )


def test_disabled_default_is_told_once() -> None:
    """It answers nobody, whatever else it lacks (S1.10)."""
    org = Organisation().add_server("EX16A", E2016, "10.0.0.21")
    org.change(r"EX16A\Default Frontend EX16A", auth="Tls, Integrated", enabled=False)

    assert open_ones(examine(org)) == [(SILENT, "found", r"EX16A\Default Frontend EX16A")]


@pytest.mark.parametrize("enabled", [True, False])
def test_role_conflict_is_found_for_disabled_connectors_too(*, enabled: bool) -> None:
    """The cmdlets and a cumulative update look at all of them; named is the custom one (S1.30)."""
    org = modern().add_relay("EX16A", "10.0.7.0/24", role="HubTransport", enabled=enabled)

    (entry,) = of(examine(org), CONFLICT)

    assert (entry.state, entry.connector) == ("found", r"EX16A\Relay")
    assert "must listen on unique local IP address & port bindings" in entry.reading
    assert r'Receive connector "EX16A\Default Frontend EX16A"' in entry.reading
    assert ("nothing fails today" in entry.reading) is not enabled
    assert "cumulative update" in entry.reading


def test_role_that_was_not_read_is_unknown() -> None:
    """Two connectors on one endpoint, of one the role is not known (S1.30)."""
    org = modern().add_relay("EX16A", "10.0.7.0/24", role=None)

    (entry,) = of(examine(org), CONFLICT)

    assert (entry.state, entry.server) == ("unknown", "EX16A")


# -- Connectors that answer nobody -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"enabled": False}, "it is disabled"),
        ({"bindings": ()}, "bound to no local address"),
        ({"ranges": "2001:db8::/64"}, "bound to IPv4 and lists IPv6"),
        ({"ranges": "10.0.5.0/25, 10.0.5.200/31"}, "accepted by Half and Host"),
    ],
)
def test_connector_that_no_address_reaches(change: dict[str, object], words: str) -> None:
    """Disabled, bound nowhere, of another family, or covered by smaller ranges (S1.10 to S1.13)."""
    org = modern().add_relay("EX16A", "10.0.5.0/26", "10.0.5.64/26", name="Half")
    org.add_relay("EX16A", "10.0.5.200", "10.0.5.201", name="Host", bindings="0.0.0.0:25")
    org.add_relay("EX16A", "10.0.7.0/24", name="Old")
    org.change(r"EX16A\Old", **change)

    actual = examine(org)

    assert open_ones(actual) == [(SILENT, "found", r"EX16A\Old")]
    assert words in of(actual, SILENT)[0].reading


def test_cut_list_may_answer_somebody() -> None:
    """A connector whose visible ranges are all taken may have others (contract 8.8)."""
    org = modern().add_relay("EX16A", "10.0.5.0/25", "10.0.5.128/25", name="Halves")
    org.add_relay("EX16A", "10.0.5.0/24", name="Old", ranges_complete=False)

    (entry,) = of(examine(org), SILENT)

    assert (entry.state, entry.connector) == ("unknown", r"EX16A\Old")


def reach_by_model(
    connectors: Sequence[ReceiveConnector], family: Family
) -> tuple[dict[str, int], dict[str, int]]:
    """How many addresses each lists and answers, counted block by block with the slow model."""
    top = 1 << WIDTH[family]
    blocks = [block for one in connectors for block in one.ranges if block.family == family]
    bounds = sorted({0, *(b.first for b in blocks), *(b.last + 1 for b in blocks)} - {top})
    listed = dict.fromkeys((one.name for one in connectors), 0)
    answered = dict(listed)
    places = [None, *(to_address(family, number) for number in LOCAL[family][1:])]
    for first, past in itertools.pairwise([*bounds, top]):
        remote = to_address(family, first)
        winners = set()
        for process, port, local in itertools.product((FRONT, HUB), (25, 2525), places):
            question = (local, port, remote)
            candidates = [as_read(one, place, question) for place, one in enumerate(connectors)]
            found = winner(candidates, process, question)
            winners |= {found.place} if found else set()
        for place, one in enumerate(connectors):
            listed[one.name] += (past - first) * any(remote in block for block in one.ranges)
            answered[one.name] += (past - first) * (place in winners)
    return listed, answered


@given(servers(known=True))
def test_reach_agrees_with_the_slow_model(connectors: tuple[ReceiveConnector, ...]) -> None:
    """Of every connector the number of addresses that it answers somewhere (S1.10 to S1.17)."""
    frame = connector_reach(
        Snapshot(servers=(Server("EX16A"),), connectors=connectors)
    ).frame.set_index("connector")

    for family in (4, 6):
        listed, answered = reach_by_model(connectors, family)
        names = [f"EX16A\\{one.name}" for one in connectors]
        assert list(listed.values()) == [frame.loc[n, f"listed_v{family}"] for n in names]
        assert list(answered.values()) == [frame.loc[n, f"answers_v{family}"] for n in names]


def test_tie_goes_to_the_specific_binding() -> None:
    """Of equal ranges the one bound to the very address answers there (S1.16, case j of 1.3)."""
    org = modern().add_relay("EX16A", "10.0.0.5", name="Wild")
    org.add_relay("EX16A", "10.0.0.5", name="Bound", bindings="192.0.2.10:25")

    frame = connector_reach(org.snapshot()).frame.set_index("connector")

    assert frame.loc[r"EX16A\Bound", "answers_v4"] == 1
    assert frame.loc[r"EX16A\Wild", "answers_v4"] == 1


def test_reach_is_told_in_words() -> None:
    """All, all but few, none with the reason; beside what was not read it is a limit."""
    org = modern().add_relay("EX16A", "10.0.5.0/24").add_relay("EX16A", "10.0.5.9", name="Host")
    org.add_relay("EX16B", "2001:db8::/64", name="Six", bindings="[::]:25", ranges_complete=False)

    frame = connector_reach(org.snapshot()).frame.set_index("connector")

    assert tuple(frame.loc[r"EX16A\Relay", ["listed", "answers", "why"]]) == (
        "256 IPv4",
        "255 IPv4",
        "Host",
    )
    assert frame.loc[r"EX16A\Default Frontend EX16A", "answers"] == "all IPv4 but 256, all IPv6"
    assert frame.loc[r"EX16B\Six", "answers"] == "2^64 IPv6 or more"
    assert frame.loc[r"EX16B\Default Frontend EX16B", "answers"].endswith("or less")
    assert frame.loc[r"EX16A\Client Proxy EX16A", "answers"] == "all addresses"


# -- Namesakes -------------------------------------------------------------------------------------


def three() -> Organisation:
    """Three Exchange 2016 servers with the same relay."""
    org = modern().add_server("EX16C", E2016, "10.0.0.23")
    for server in ("EX16A", "EX16B", "EX16C"):
        org.add_relay(server, "10.0.5.0/24", "10.0.6.1")
    return org


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"ranges": "10.0.5.0/24, 10.0.8.1"}, "has 10.0.8.1 and lacks 10.0.6.1"),
        ({"ranges": "10.0.5.0/25, 10.0.6.1"}, "has 10.0.5.0/25 and lacks 10.0.5.0/24"),
        ({"auth": "Tls, Integrated"}, "AuthMechanism: Tls, Integrated (unlike EX16A and EX16C"),
        ({"groups": "AnonymousUsers"}, "PermissionGroups: AnonymousUsers"),
        ({"bindings": "10.0.0.22:25"}, "bindings: 10.0.0.22:25"),
        ({"enabled": False}, "Enabled: no (unlike EX16A and EX16C: yes)"),
        ({"require_tls": True}, "RequireTLS: yes"),
    ],
)
def test_namesake_that_differs_from_the_majority(change: dict[str, object], words: str) -> None:
    """The server that deviates is named, with what it has instead (S1.13, S4.03e)."""
    (entry,) = of(examine(three().change(r"EX16B\Relay", **change)), DIFFER)

    assert (entry.state, entry.connector) == ("found", r"EX16B\Relay")
    assert words in entry.reading
    assert "does not say which" not in entry.reading


@pytest.mark.parametrize(
    "change",
    [
        {"ranges": "10.0.6.1/32, 10.0.5.0-10.0.5.255"},
        {"ranges": "10.0.5.0(255.255.255.0), 10.0.6.1"},
        {"protocol_logging": "Verbose", "comment": "made later", "fqdn": "relay.contoso.com"},
    ],
)
def test_notation_and_order_are_no_difference(change: dict[str, object]) -> None:
    """Ranges are compared by bounds (section 1.4); what decides nothing is not compared."""
    assert of(examine(three().change(r"EX16B\Relay", **change)), DIFFER) == []


def test_own_addresses_are_no_difference() -> None:
    """Each server binds to addresses of its own (S1.04)."""
    org = modern()
    for server, address in (("EX16A", "10.0.0.21"), ("EX16B", "10.0.0.22")):
        org.add_relay(server, "10.0.5.0/24", bindings=f"{address}:25")

    assert of(examine(org), DIFFER) == []


def test_two_that_differ_have_no_majority() -> None:
    """One entry, and it is said that it can't be told which is right."""
    org = modern().add_relay("EX16A", "10.0.5.0/24").add_relay("EX16B", "10.0.6.0/24")

    (entry,) = of(examine(org), DIFFER)

    assert entry.connector == r"EX16B\Relay"
    assert "does not show which one is correct" in entry.reading


def test_names_of_servers_in_names_are_no_difference() -> None:
    """`Relay EX16A` and `ex16b relay` are looked at as what they are called after."""
    org = modern().add_relay("EX16A", "10.0.5.0/24", name="Relay EX16A")
    org.add_relay("EX16B", "10.0.6.0/24", name="relay ex16b")

    assert [one.connector for one in of(examine(org), DIFFER)] == [r"EX16B\relay ex16b"]


def test_other_kinds_of_servers_are_not_compared() -> None:
    """Setup makes `Default S` otherwise on 2010 than on 2016 (section 2)."""
    org = healthy().add_relay("EX10A", "10.0.5.9", name="Relay")

    assert of(examine(org), DIFFER) == []


def test_sites_have_hosts_of_their_own() -> None:
    """Alike within each site and different between them is a clear entry that says so."""
    org = three().add_server("EX16D", E2016, "10.7.0.24").change_server("EX16D", site="Branch")
    org.add_relay("EX16D", "10.7.5.0/24")

    actual = examine(org)

    assert actual.verdict == "clear"
    (entry,) = [one for one in actual.findings if (one.cause, one.state) == (DIFFER, "clear")]
    assert "Relay: alike within each site, but not between Branch and Head-Office" in entry.reading


def test_namesake_that_was_not_read_is_unknown() -> None:
    """A missing value may differ; a cut list that holds more than the others does."""
    org = three().change(r"EX16B\Relay", auth=None)
    org.change(r"EX16C\Relay", ranges="10.0.5.0/24, 10.0.8.1", ranges_complete=False)

    states = {one.connector: one.state for one in of(examine(org), DIFFER)}
    rows = same_names(org.snapshot()).frame.set_index("what")

    assert states == {r"EX16B\Relay": "unknown", r"EX16C\Relay": "found"}
    assert rows.loc["remote ranges", "differs"] == "EX16C: has 10.0.8.1"
    assert rows.loc["AuthMechanism", "differs"] == "EX16B: unknown"


def test_namesakes_of_servers_outside_the_run() -> None:
    """They are compared with, and get no entry of their own."""
    org = three().change(r"EX16B\Relay", ranges="10.0.8.1").snapshot()

    actual = {
        name: [one.connector for one in of(audit(org.limited_to([name])), DIFFER)]
        for name in ("EX16A", "EX16B")
    }

    assert actual == {"EX16A": [], "EX16B": [r"EX16B\Relay"]}


def test_same_names_shows_what_differs_first() -> None:
    """A row for each setting that differs, then a row for each name that is alike."""
    table = same_names(three().change(r"EX16B\Relay", ranges="10.0.5.0/24").snapshot())

    row = table.frame.iloc[0]
    assert (row["name"], row["what"], row["state"]) == ("Relay", "remote ranges", "found")
    assert row["most"] == "10.0.5.0/24, 10.0.6.1"
    assert row["differs"] == "EX16B: lacks 10.0.6.1"
    assert set(table.frame["state"][1:]) == {"clear"}
    assert table.tones[0, "differs"] == "bad"


# -- Relay rights ----------------------------------------------------------------------------------


def test_anonymous_relay_for_a_wide_range() -> None:
    """The right and a wide range on a custom connector are found; a narrow one is meant so."""
    org = modern().add_relay("EX16A", "10.64.0.0/12").add_relay("EX16B", "10.64.0.0/24")
    rights = [right(s, "Relay", n) for s in ("EX16A", "EX16B") for n in (RELAY, SUBMIT)]

    actual = audit(with_rights(org, *rights))

    assert [
        (one.state, one.connector) for one in of(actual, WIDER, "found", "unknown", "clear")
    ] == [
        ("found", r"EX16A\Relay"),
        ("clear", r"EX16B\Relay"),
    ]
    assert "1,048,576 IPv4" in of(actual, WIDER)[0].reading


def test_many_small_ranges_are_a_list_that_somebody_wrote() -> None:
    """Wide is a range, not a long list: each entry was looked at when it was made."""
    org = modern().add_relay("EX16A", *(f"10.64.{block}.0/20" for block in range(0, 256, 16)))

    actual = audit(with_rights(org, right("EX16A", "Relay"), right("EX16A", "Relay", SUBMIT)))

    assert [one.state for one in of(actual, WIDER, "found", "unknown", "clear")] == ["clear"]
    assert "65,536 IPv4" in of(actual, WIDER, "clear")[0].reading


def test_externally_secured_for_a_wide_range() -> None:
    """Every host counts as a trusted server there, whatever rights were read (section 3.2)."""
    org = modern().add_relay("EX16A", "10.64.0.0/16", auth="Tls, ExternalAuthoritative")
    org.change(r"EX16A\Relay", groups="ExchangeServers")

    (entry,) = of(examine(org), WIDER)

    assert (entry.state, entry.connector) == ("found", r"EX16A\Relay")
    assert "externally secured" in entry.reading


def test_anonymous_relay_on_a_default_connector() -> None:
    """It answers everybody who is left over: an open relay, however small the rest."""
    org = modern()
    name = "Default Frontend EX16A"
    org.change(f"EX16A\\{name}", groups="AnonymousUsers, ExchangeServers, Custom")
    org.change(f"EX16A\\{name}", ranges="10.0.0.0/24")

    actual = audit(with_rights(org, right("EX16A", name), right("EX16A", name, SUBMIT)))

    (entry,) = of(actual, WIDER)
    assert (entry.state, entry.connector) == ("found", f"EX16A\\{name}")
    assert f'Remove-ADPermission "EX16A\\{name}"' in entry.remedy
    assert entry.commands == ()


def test_denied_right_is_none() -> None:
    """A denial goes before a grant."""
    org = modern().add_relay("EX16A", "10.64.0.0/12")
    rights = [right("EX16A", "Relay", deny=deny) for deny in (True, False)]

    assert of(audit(with_rights(org, *rights, right("EX16A", "Relay", SUBMIT))), WIDER) == []


@pytest.mark.parametrize(
    ("groups", "states"),
    [("AnonymousUsers, Custom", ["unknown"]), ("AnonymousUsers", []), (None, ["unknown"])],
)
def test_rights_that_were_not_read(groups: str | None, states: list[str]) -> None:
    """Unknown, never clear; unless the groups show that nobody was given more (S3.20)."""
    org = modern().remove_server("EX16B").add_relay("EX16A", "10.64.0.0/12")
    org.change(r"EX16A\Relay", groups=groups)
    org.change(r"EX16A\Relay", auth="Tls")

    actual = examine(org)

    assert [one.state for one in of(actual, WIDER)] == states
    assert (actual.verdict == "clear") is (states == [])


def test_rights_that_were_cut_prove_nothing() -> None:
    """A row of unread about Get-ADPermission leaves the rights of that server open."""
    org = modern().add_relay("EX16A", "10.64.0.0/12")
    cut = Unread("EX16A", "Get-ADPermission", "the capture cut the list of rights")

    actual = audit(with_rights(org, right("EX16A", "Relay", SUBMIT), unread=[cut]))

    assert [one.state for one in of(actual, WIDER)] == ["unknown"]


# -- What was not read -----------------------------------------------------------------------------


def test_queues_do_not_matter() -> None:
    """Without queues an incident is unknown (contract 8.11); an audit misses nothing."""
    org = replace(
        healthy().without("queues").snapshot(), unread=(Unread("", "Get-Queue", "no capture"),)
    )

    actual = audit(org)

    assert actual.verdict == "clear"
    assert actual.unread == org.unread


@pytest.mark.parametrize(
    "row",
    [
        Unread("EX16B", "Get-ReceiveConnector", "timed out"),
        Unread("", "capture", "damaged file"),
        Unread("EX16B", "version", "not captured"),
        Unread("EX10A", "Get-NetworkConnectionInfo", "denied"),
    ],
)
def test_what_might_hide_a_fault_makes_it_unknown(row: Unread) -> None:
    """Never clear beside an unread row that could change the audit (contract, section 2)."""
    actual = audit(replace(healthy().snapshot(), unread=(row,)))

    assert actual.verdict == "unknown"
    assert not [one for one in actual.findings if one.state == "clear" and not one.connector]
    assert row.what in actual.summary


def test_server_without_a_known_address_is_unknown() -> None:
    """Who would answer it cannot be told, and no connector is called harmless to it."""
    actual = examine(healthy().set_addresses("EX10A"))

    assert actual.verdict == "unknown"
    assert of(actual, PLANNED, "clear") == []


def test_nothing_read_is_unknown() -> None:
    """An organisation without a connector is not in order."""
    assert audit(Snapshot()).verdict == "unknown"


def test_run_limited_to_servers() -> None:
    """Only their connectors are audited, against all senders."""
    org = article().snapshot().limited_to(["EX16B"])

    actual = audit(org)

    assert open_ones(actual) == [(SHADOWED, "found", r"EX16B\Relay")]
    assert set(audit_connectors(org).frame["server"]) == {"EX16B"}
    assert set(connector_reach(org).frame["server"]) == {"EX16B"}


# -- Tables and runbook ----------------------------------------------------------------------------


def results(org: Snapshot) -> Table:
    """The table of an audit."""
    return audit_results(audit(org))


HOSTILE = '<script>alert(1)</script>\x1b[31m\u202e`"$(x)'


def hostile() -> Organisation:
    """Names and texts that someone else chose."""
    org = healthy().add_relay("EX16A", "10.0.0.0/8", name=HOSTILE, comment=HOSTILE)
    return org.add_relay("EX16B", "10.64.0.0/12", name=HOSTILE, enabled=False)


@pytest.mark.parametrize("step", [audit_connectors, connector_reach, same_names, results])
@pytest.mark.parametrize(
    "org",
    [article().snapshot(), hostile().snapshot(), Snapshot()],
    ids=["article", "hostile", "nothing"],
)
def test_every_table_shows_something_for_everything(
    step: Callable[[Snapshot], Table], org: Snapshot
) -> None:
    """Each step gives a frame with the columns it declares; no name becomes an element."""
    table = step(org)

    assert set(table.columns) <= set(table.frame.columns)
    assert table.caption
    assert "\x1b" not in str(table)
    assert "<script" not in table._repr_html_()
    assert all(0 <= row < len(table.frame) for row, _ in table.tones)
    assert table.name == (step.__name__ if step is not results else "audit_results")


def test_equal_issues_are_one_row() -> None:
    """Ten connectors with one issue: a row that names them; the frame has a row for each."""
    found = audit(large(20).snapshot())
    table = audit_results(found)
    assert found.headline.endswith(": EX16-000, EX16-001, EX16-002 and 7 more")
    assert table.grouped is not None
    issues = table.grouped[table.grouped["result"] == "issue"]

    assert len(table.frame[table.frame["result"] == "issue"]) == 10
    assert len(issues) == 1
    assert all(rf"EX16-{n:03}\Relay" in issues["where"].iloc[0] for n in range(10))
    assert issues["evidence"].iloc[0].endswith("The same holds for the other 9.")
    assert {place for place, _ in table.tones} == set(range(len(table.grouped)))
    assert "Issues: 10." in table.reading


def test_a_place_for_the_server_is_no_pair_of_braces() -> None:
    """Connectors of setup are named with <server> in them, as people write it."""
    names = list(same_names(modern().snapshot()).frame["name"])

    assert "Default Frontend <server>" in names
    assert not any("{}" in name for name in names)


def test_unquotable_names_get_no_command() -> None:
    """A name with control characters stands in no command that people paste."""
    actual = examine(hostile())

    assert any(one.connector == f"EX16A\\{HOSTILE}" for one in of(actual, PLANNED))
    assert not any("script" in line for line in actual.repair)


def test_changed_defaults_come_first() -> None:
    """What was changed since setup on top, then custom connectors, on whatever port (S2.01)."""
    org = healthy().change(r"EX16B\Client Frontend EX16B", enabled=False)

    table = audit_connectors(org.snapshot())

    assert list(table.frame["connector"][:3]) == [
        r"EX16B\Client Frontend EX16B (disabled)",
        r"EX16A\Relay",
        r"EX16B\Relay",
    ]
    assert table.frame["differs"][0] == "disabled"
    assert table.tones[0, "differs"] == "bad"
    assert r"Changed since setup: EX16B\Client Frontend EX16B" in table.reading


def test_results_show_faults_first_and_what_is_harmless() -> None:
    """Found, then not known, then harmless with the reason; what is not there is said below."""
    org = healthy().change(r"EX16A\Relay", ranges="10.0.0.0/24")

    table = results(org.snapshot())

    assert list(table.frame["result"]) == ["issue", "issue", "issue", "OK by design"]
    assert "Issues: 3. Undetermined: 0. OK by design: 1." in table.reading
    assert "Also checked, no issues: " in table.reading


def test_the_runbook_calls_nothing_that_is_not_there() -> None:
    """Run on the article's case it ends in the audit's verdict; parameters are documented."""
    notebook = json.loads((ROOT / "notebooks" / "connector_audit.ipynb").read_text("utf-8"))
    cells = ["".join(one["source"]) for one in notebook["cells"] if one["cell_type"] == "code"]
    empty = 'source: str = r""'
    names: dict[str, object] = {}

    assert [line for line in cells[0].splitlines() if "#" not in line] == [empty]
    for cell in cells:
        ready = cell.replace(empty, 'source: str = "demo:article"')
        exec(compile(ast.parse(ready), "cell", "exec"), names)  # noqa: S102 - our own cells

    assert names["mailflow"] is mailflow
    assert isinstance(names["found"], Diagnosis)
    assert (names["found"].verdict, names["found"].word) == ("found", "issues found")


def test_addresses_in_ipv6_count() -> None:
    """A range of the sender's other family catches it there (C16, S1.12)."""
    org = modern().add_relay("EX16A", "2001:db8::/64", bindings="[::]:25")
    org.addresses += [
        ServerAddress(server, address, "addresses.csv")
        for server, address in (("EX16A", "2001:db8::21"), ("EX16B", "2001:db8::22"))
    ]

    (entry,) = of(examine(org), PLANNED)

    assert (entry.senders, entry.addresses) == (("EX16B",), ("2001:db8::22",))
