"""What a practice's transport meets at a host: who answers, what is said, and in which words."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import selection_model
import strategies
from mailflow.exchange.connectors import (
    AuthMechanism,
    PermissionGroups,
    ReceiveConnector,
    parse_binding,
)
from mailflow.exchange.last_error import parse
from mailflow.exchange.ranges import Address, parse_range
from mailflow.simulated.delivery import try_server
from mailflow.simulated.organisation import (
    BUILDS,
    EXCHANGE_SERVERS,
    SUBMIT,
    AccessEntry,
    Directory,
    Organisation,
    PracticeServer,
    address_pairs,
)
from mailflow.simulated.wording import us_time
from practice_building import (
    FRONT,
    HUB,
    NO_AUTH,
    NOON,
    Breaks,
    begin,
    change,
    organisation,
    relay,
    said,
    sent,
    server,
    set_on,
)

# --- who answers, against the slow model ----------------------------------------------------------


@dataclass(frozen=True)
class Tried:
    """What the model says of one target; `code` is empty where the mail is taken."""

    host: str
    code: str
    address: str


def model_of_session(
    connectors: list[ReceiveConnector], question: selection_model.Question, *, downgraded: bool
) -> str:
    """What a connection meets, by the model of tests/selection_model.py and section 3.5."""
    candidates = [
        selection_model.as_read(one, place, question) for place, one in enumerate(connectors)
    ]
    here = selection_model.listeners(candidates, question)
    if not here:
        return "refused"
    roles = {one.role for one in here}
    if len(roles) == 2:
        return "421 4.3.2"  # C9
    (role,) = roles
    winner = selection_model.winner(candidates, role, question)
    if winner is None:
        return "421 4.3.2"  # S1.18
    one = connectors[winner.place]
    assert one.auth is not None
    assert one.groups is not None
    if not one.auth & 16 or one.auth & 32 or (one.suppress_x_anonymous_tls and not downgraded):
        return NO_AUTH  # S3.30, S3.31, C10
    if not one.groups & 4:
        return "454 4.7.0"  # L2
    if role == FRONT:
        local = question[0]
        assert local
        if question == (local, 2525, local):
            return "421 4.3.2"
        # S4.06: the Front End hands over to the Transport service of the same machine.
        behind = model_of_session(connectors, (local, 2525, local), downgraded=False)
        return "451 4.7.0" if behind else ""
    return ""


def model_of_target(org: Organisation, sender: PracticeServer, target: PracticeServer) -> Tried:
    """The first address of a target that can be connected to decides (S4.03e, S5.03)."""
    both_modern = not sender.is_legacy and not target.is_legacy
    port = 2525 if both_modern else 25  # S4.02 to S4.04
    connectors = [one for one in org.directory.connectors(NOON) if one.server == target.name]
    connectors.sort(key=lambda one: one.name.casefold())  # what the practice takes of a tie (S1.36)
    refused: list[Tried] = []
    for text in target.addresses:
        local: Address = ipaddress.ip_address(text)
        mine = [ipaddress.ip_address(one) for one in sender.addresses]
        source = next((one for one in mine if one.version == local.version), None)
        if source is None:
            continue
        code = model_of_session(
            connectors, (local, port, source), downgraded=sender.downgraded_auth
        )
        tried = Tried(target.exchange.fqdn, code, text)
        if code != "refused":
            return tried
        refused.append(tried)
    return refused[0]


@st.composite
def organisations(draw: st.DrawFn) -> Organisation:
    """A sender and up to three targets of one version with any connectors, also impossible ones."""
    org = Organisation()
    local = [str(strategies.to_address(family, strategies.LOCAL[family][1])) for family in (4, 6)]
    sources = [str(draw(strategies.addresses(family))) for family in (4, 6)]
    years = st.sampled_from(sorted(BUILDS))
    year = draw(years)
    sender = org.install("S", BUILDS[draw(years)], sources, site="Here")
    sender.downgraded_auth = draw(st.booleans())
    org.directory = Directory() if draw(st.booleans()) else org.directory
    for name in ("T1", "T2", "T3")[: draw(st.integers(1, 3))]:
        kept = draw(st.sampled_from((local, local[::-1], local[:1], local[1:])))
        before = org.directory.connectors(NOON)
        target = org.install(name, BUILDS[year], list(kept), site="There")
        if not draw(st.booleans()):  # without setup's own connectors
            org.directory = Directory()
            for one in before:
                org.directory.install(one)
        for one in draw(strategies.servers(known=True)):
            org.directory.install(draw(finished(one, target)))
    return org


@st.composite
def finished(
    draw: st.DrawFn, connector: ReceiveConnector, target: PracticeServer
) -> ReceiveConnector:
    """A connector of a target with any way to log on; 2007 and 2010 have one service (S2.07)."""
    return replace(
        connector,
        server=target.name,
        role=HUB if target.is_legacy else connector.role,
        auth=draw(
            st.sampled_from([AuthMechanism(bits) for bits in (0, 1, 17, 31, 31, 31, 33, 49)])
        ),
        groups=draw(st.sampled_from([PermissionGroups(bits) for bits in (1, 4, 13, 14, 33)])),
        suppress_x_anonymous_tls=None if target.is_legacy else draw(st.integers(0, 5)) == 0,
    )


@given(organisations())
def test_the_slow_model_says_who_answers(org: Organisation) -> None:
    """Whether a queue waits, with which reply and of whom, is what the model of 1.2 says."""
    sender = server(org, "S")
    targets = [one for one in org.servers if one is not sender]
    tried = [model_of_target(org, sender, one) for one in targets]
    taker = next((one for one in tried if not one.code), None)

    queue = sent(begin(org), to="T1")

    if taker:
        assert queue.status == "Active"
        assert queue.error == ""
        assert server(org, queue.talks_to).exchange.fqdn == taker.host
        return
    first, last, error = tried[0], tried[-1], parse(queue.error)
    assert queue.status == "Retry"
    if first.code != "refused":
        assert error.innermost.codes == first.code
    elif sender.is_legacy:
        assert error.innermost.codes == "421 4.2.1"
    else:
        assert error.winsock == 10061
    if not sender.is_legacy:  # 2007 and 2010 name nobody (S6.01)
        assert (error.fqdn, error.ip) == (first.host, first.address)
    if sender.exchange.product == "2013":  # S6.09: and the last one tried is named beside it
        assert last.address in (error.last_endpoint or "")


# --- what each fault leads to ---------------------------------------------------------------------


def of_default(**values: Any) -> Breaks:  # noqa: ANN401 - any field
    """Break the connector of `T` that servers of 2010 meet."""
    return lambda org: change(org, "Default Frontend T", **values)


def denied(org: Organisation) -> None:
    """Take the right to submit away from Exchange servers."""
    entry = AccessEntry(EXCHANGE_SERVERS, (SUBMIT,), deny=True)
    org.access["t\\default frontend t"] = [entry]


FAULTS: dict[str, tuple[Breaks, str]] = {
    "S1.13": (lambda org: relay(org, "10.0.0.11"), "451 5.7.3"),
    "S1.18": (of_default(ranges=(parse_range("10.9.0.0/16"),)), "421 4.3.2"),
    "S3.31": (
        lambda org: relay(
            org,
            "10.0.0.0/24",
            auth=AuthMechanism.ExternalAuthoritative,
            groups=PermissionGroups.ExchangeServers,
        ),
        "451 5.7.3",
    ),
    "S3.31 beside ExchangeServer": (
        lambda org: relay(org, "10.0.0.11", auth=AuthMechanism(49), groups=PermissionGroups(4)),
        "451 5.7.3",
    ),
    "C2": (of_default(auth=AuthMechanism(15)), "451 5.7.3"),
    "C4": (set_on("T", strips_verbs=True), "451 5.7.3"),
    "C5": (
        lambda org: (relay(org, "10.0.5.1"), set_on("T", seen_as={"10.0.0.11": "10.0.5.1"})(org)),
        "451 5.7.3",
    ),
    "C8": (set_on("T", certificate_lost=True), "451 5.7.3"),
    "C9": (lambda org: relay(org, "10.0.7.0/24", role=HUB), "421 4.3.2"),
    "C10": (of_default(suppress_x_anonymous_tls=True), "451 5.7.3"),
    "L1 sender": (set_on("S", clock_off=True), "454 4.7.0"),
    "L1 target": (set_on("T", clock_off=True), "454 4.7.0"),
    "L2": (of_default(groups=PermissionGroups(9)), "454 4.7.0"),
    "S3.21": (denied, "454 4.7.0"),
    "6.2 inactive": (set_on("T", inactive={"FrontendTransport"}), "421 4.3.2"),
    "6.2 offline": (set_on("T", inactive={"ServerWideOffline"}), "421 4.3.2"),
    "6.4": (set_on("T", full=True), "452 4.3.1"),
    "S4.06": (set_on("T", inactive={"HubTransport"}), "451 4.7.0"),
    "10060": (set_on("T", network="silent"), "421 4.2.1"),
    "10061": (set_on("T", network="refuses"), "421 4.2.1"),
    "S8.55": (set_on("T", services=False), "421 4.2.1"),
    "nobody": (of_default(enabled=False), "421 4.2.1"),
    "no address": (set_on("T", addresses=[]), "451 4.4.0"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_run_into(fault: str) -> None:
    """The reply follows from the cause (sections 5.2, 5.3, 6.2), and without it mail flows."""
    broken, code = FAULTS[fault]
    org = organisation()
    healthy = sent(begin(organisation()))

    broken(org)
    error = said(org)

    assert healthy.status == "Active"
    assert error.innermost.codes == code


def test_words_tell_an_inactive_service_from_no_connector() -> None:
    """421 4.3.2 stands for both; its words do not (section 6.2)."""
    inactive, nobody = organisation(), organisation()
    server(inactive).inactive = {"FrontendTransport"}
    change(nobody, "Default Frontend T", ranges=(parse_range("10.9.0.0/16"),))

    assert said(inactive).inner_text == "Service not active"
    assert said(nobody).inner_text == "Service not available"


@pytest.mark.parametrize(
    "hidden", [of_default(suppress_x_anonymous_tls=True), set_on("T", certificate_lost=True)]
)
def test_downgraded_senders_do_without_anonymous_tls(hidden: Breaks) -> None:
    """UseDowngradedExchangeServerAuth takes X-EXPS GSSAPI alone (S3.42, S5.03)."""
    org = organisation()
    hidden(org)
    server(org, "S").downgraded_auth = True

    assert sent(begin(org)).status == "Active"


def test_an_edge_server_needs_certificates_and_no_kerberos() -> None:
    """Direct trust (S5.05): the sender's own certificate counts, clocks don't."""
    org = organisation("2016")
    org.install("E", BUILDS["2016"], ["10.0.0.31"], site="Here", roles="Edge")
    server(org, "S").clock_off = True
    flowing = sent(begin(org), to="fabrikam.example")
    org.queues.remove(flowing)
    server(org, "S").certificate_lost = True
    stuck = sent(begin(org), to="fabrikam.example")

    assert (flowing.delivery_type, flowing.status) == ("SmtpRelayWithinAdSiteToEdge", "Active")
    assert "Cannot load Internal Transport Certificate" in stuck.error


def test_new_servers_meet_port_2525() -> None:
    """A relay on port 25 is none of theirs, one of the Hub process on 2525 is (S4.02, S4.03b)."""
    front, hub = organisation("2016"), organisation("2016")
    relay(front, "10.0.0.11")
    relay(hub, "10.0.0.11", role=HUB, bindings=(parse_binding("0.0.0.0:2525"),))

    assert sent(begin(front)).status == "Active"
    assert said(hub).innermost.codes == NO_AUTH


def test_what_hides_behind_a_front_end_is_the_front_ends_answer() -> None:
    """A hub connector that catches the Front End itself: 451 4.7.0 PRX4 (S4.03b, section 6.2)."""
    org = organisation()
    relay(org, "10.0.0.21", role=HUB, bindings=(parse_binding("0.0.0.0:2525"),))

    assert "PRX4" in said(org).text


def test_a_front_end_that_meets_itself_gives_up() -> None:
    """A connector of the Front End on the port of the service behind it: no endless circle."""
    org = organisation()
    change(org, "Default T", enabled=False)
    change(org, "Default Frontend T", bindings=(parse_binding("0.0.0.0:25"), LOOP))

    assert "PRX4" in said(org).text


LOOP = parse_binding("0.0.0.0:2525")


@pytest.mark.parametrize(
    ("year", "broken", "code", "winsock"),
    [
        ("2016", {"services": False}, "421 4.2.1", 10061),
        ("2016", {"network": "silent"}, "421 4.2.1", 10060),
        ("2016", {"dismounted": True}, "432 4.3.2", None),
        ("2016", {"addresses": []}, "451 4.4.0", None),
        ("2010", {"services": False}, "432 4.3.2", None),
        ("2010", {"network": "silent"}, "432 4.3.2", None),
        ("2010", {"dismounted": True}, "432 4.3.2", None),
    ],
)
def test_mailboxes_of_a_fellow(
    year: str, broken: dict[str, Any], code: str, winsock: int | None
) -> None:
    """Within a DAG port 475 of the owner is met (S4.01), before 2013 its store (section 6.2)."""
    org = organisation(year, year)
    sender, fellow = server(org, "S"), server(org)
    sender.dag = fellow.dag = "dag01"
    fellow.exchange = replace(fellow.exchange, site="Here")
    flowing = sent(begin(org))
    org.queues.remove(flowing)
    set_on("T", **broken)(org)
    error = said(org)

    assert flowing.status == "Active"
    assert (error.innermost.codes, error.winsock) == (code, winsock)


def test_own_mailboxes_need_no_network() -> None:
    """Nobody from outside reaches the server, which goes on delivering its own mail."""
    org = organisation("2016")
    server(org, "S").network = "silent"

    assert sent(begin(org), to="S").status == "Active"


def test_a_client_access_server_passes_on_within_its_site() -> None:
    """2013 with the roles apart (section 2.2): no Transport service there is PRX1 (section 6.2)."""
    org = organisation()
    front = org.install("C", BUILDS["2013"], ["10.0.0.41"], site="Old", roles="ClientAccess")
    sender = server(org, "S")
    alone = try_server(org, sender, front, NOON)
    behind = org.install("M", BUILDS["2013"], ["10.0.0.42"], site="Old", roles="Mailbox")
    together = try_server(org, sender, front, NOON)
    behind.network = "silent"
    cut_off = try_server(org, sender, front, NOON)

    assert alone.reply.endswith("PRX1")
    assert together.taken
    assert cut_off.reply.endswith("PRX3")


# --- the words of each version --------------------------------------------------------------------

WORDS = {
    ("2007", "5.7.3"): (
        '451 4.4.0 Primary target IP address responded with: "451 5.7.3 Cannot achieve Exchange '
        'Server authentication." Attempted failover to alternate host, but that did not succeed. '
        "Either there are no alternate hosts, or delivery failed to all alternate hosts."
    ),
    ("2013", "5.7.3"): (
        "[{LRT=11/23/2026 12:00:00 PM};{LED=451 4.4.0 Primary target IP address responded with: "
        '"451 5.7.3 Cannot achieve Exchange Server authentication." Attempted failover to '
        "alternate host, but that did not succeed. Either there are no alternate hosts, or "
        "delivery failed to all alternate hosts. The last endpoint attempted was 10.0.0.21:2525};"
        "{FQDN=t.contoso.example};{IP=10.0.0.21}]"
    ),
    ("2019", "5.7.3"): (
        "[{LED=451 4.4.395 Target host responded with error. -> 451 5.7.3 Cannot achieve Exchange "
        "Server authentication};{MSG=};{FQDN=t.contoso.example};{IP=10.0.0.21};"
        "{LRT=11/23/2026 12:00:00 PM}]"
    ),
    ("2010", "silent"): (
        '451 4.4.0 Primary target IP address responded with: "421 4.2.1 Unable to connect." '
        "Attempted failover to alternate host, but that did not succeed. Either there are no "
        "alternate hosts, or delivery failed to all alternate hosts."
    ),
    ("2013", "silent"): (
        "[{LRT=11/23/2026 12:00:00 PM};{LED=441 4.4.1 Error encountered while communicating with "
        'primary target IP address: "Failed to connect. Winsock error code: 10060, Win32 error '
        'code: 10060." Attempted failover to alternate host, but that did not succeed. Either '
        "there are no alternate hosts, or delivery failed to all alternate hosts. The last "
        "endpoint attempted was 10.0.0.21:2525};{FQDN=t.contoso.example};{IP=10.0.0.21}]"
    ),
    ("2016", "silent"): (
        "[{LED=451 4.4.397 Error communicating with target host. -> 421 4.2.1 Unable to connect -> "
        "SocketTimedout: Socket error code 10060};{MSG=};{FQDN=t.contoso.example};{IP=10.0.0.21};"
        "{LRT=11/23/2026 12:00:00 PM}]"
    ),
    ("2016", "refuses"): (
        "[{LED=451 4.4.397 Error communicating with target host. -> 421 4.2.1 Unable to connect -> "
        "SocketConnectionRefused: Socket error code 10061};{MSG=};{FQDN=t.contoso.example};"
        "{IP=10.0.0.21};{LRT=11/23/2026 12:00:00 PM}]"
    ),
    ("2016", "no family"): (
        "[{LED=451 4.4.397 Error communicating with target host. -> 421 4.2.1 Unable to connect -> "
        "SocketError: Failed to connect. Winsock error code: 10051, Win32 error code: 10051};"
        "{MSG=};{FQDN=t.contoso.example};{IP=2001:db8::21};{LRT=11/23/2026 12:00:00 PM}]"
    ),
    ("2010", "unresolved"): "451 4.4.0 DNS query failed",
    ("2013", "unresolved"): (
        "451 4.4.0 DNS query failed. The error was: DNS query failed with error ErrorRetry"
    ),
}


@pytest.mark.parametrize(("year", "fault"), WORDS)
def test_last_error_has_the_form_of_the_senders_version(year: str, fault: str) -> None:
    """S6.01 to S6.06, word by word."""
    org = organisation(year, "2016")
    target = server(org)
    if fault == "5.7.3":
        target.strips_verbs = True
    elif fault == "no family":
        target.addresses = ["2001:db8::21"]
    elif fault == "unresolved":
        target.addresses = []
    else:
        target.network = fault

    assert said(org).text == WORDS[year, fault]


@pytest.mark.parametrize(
    ("hour", "printed"),
    [
        (0, "12:05:09 AM"),
        (11, "11:05:09 AM"),
        (12, "12:05:09 PM"),
        (13, "1:05:09 PM"),
        (23, "11:05:09 PM"),
    ],
)
def test_time_as_printed_in_the_united_states(hour: int, printed: str) -> None:
    """S6.03: culture-formatted; noon and midnight are 12."""
    assert us_time(datetime(2026, 3, 7, hour, 5, 9, tzinfo=UTC)) == f"3/7/2026 {printed}"


def test_the_first_that_failed_is_quoted_and_the_last_one_named() -> None:
    """S6.09: two targets that fail in two ways."""
    org = organisation("2013")
    org.install("U", BUILDS["2016"], ["2001:db8::22", "10.0.0.22"], site="There")
    server(org, "S").addresses.append("2001:db8::11")
    server(org).strips_verbs = True
    server(org, "U").network = "refuses"

    error = said(org)

    assert error.innermost.codes == NO_AUTH
    assert (error.fqdn, error.ip) == ("t.contoso.example", "10.0.0.21")
    assert error.last_endpoint == "[2001:db8::22]:2525"


def test_mail_fails_over_to_a_target_that_takes_it() -> None:
    """S5.03: the next target is tried, and nothing is stuck."""
    org = organisation()
    org.install("U", BUILDS["2016"], ["10.0.0.22"], site="There")
    relay(org, "10.0.0.11")

    queue = sent(begin(org))

    assert (queue.status, queue.talks_to, queue.error) == ("Active", "U", "")


def test_an_address_that_is_silent_gives_way_to_the_next() -> None:
    """S4.03e, S9.06: on a dual-stack pair the family that answers decides who is met (S1.12)."""
    org = organisation()
    server(org, "S").addresses.append("2001:db8::11")
    server(org).addresses.insert(0, "2001:db8::21")
    relay(org, "10.0.0.0/24")
    over_v6 = sent(begin(org))
    org.queues.remove(over_v6)
    change(org, "Default Frontend T", bindings=(parse_binding("0.0.0.0:25"),))

    assert over_v6.status == "Active"
    assert said(org).innermost.codes == NO_AUTH  # nobody listens on IPv6 any more


def test_which_addresses_meet() -> None:
    """S9.02, S9.06: the name's order, the sender's first of that family; itself by one address."""
    org = organisation("2016", "2016")
    sender, target = server(org, "S"), server(org)
    sender.addresses = ["10.0.0.11", "10.0.0.12", "2001:db8::11"]
    target.addresses = ["2001:db8::21", "10.0.0.21", "10.0.0.22"]

    def texts(one: PracticeServer, other: PracticeServer) -> list[tuple[str, str]]:
        return [(str(source), str(local)) for source, local in address_pairs(one, other)]

    assert texts(sender, target) == [
        ("2001:db8::11", "2001:db8::21"),
        ("10.0.0.11", "10.0.0.21"),
        ("10.0.0.11", "10.0.0.22"),
    ]
    assert texts(sender, sender) == [(one, one) for one in sender.addresses]
