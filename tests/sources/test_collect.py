"""Which calls make a snapshot, of whom each is asked, and what becomes of whatever fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.exchange.cmdlets import TABLES
from mailflow.exchange.servers import Server
from mailflow.simulated.doors import PracticeDoors
from mailflow.simulated.practice import Practice
from mailflow.snapshot import Unread
from mailflow.sources import tables
from mailflow.sources.collect import (
    MOST_RIGHTS,
    OF_ALL,
    Collected,
    Plan,
    at_least_as_new,
    calls_for,
    collect,
    connectors_of,
    dns,
)
from mailflow.sources.row import Row, Value
from mailflow.sources.setup_faults import fault
from mailflow.sources.shell import Call, Fault, Reply, Shell, ShellError, check

VERSIONS = {
    "EX07A": "Version 8.3 (Build 83.6)",
    "EX10A": "Version 14.3 (Build 123.4)",
    "EX10B": "Version 14.3 (Build 123.4)",
    "EX16A": "Version 15.1 (Build 2375.7)",
    "EX16B": "Version 15.1 (Build 2044.4)",
    "EX19A": "Version 15.2 (Build 1258.12)",
    "EDGE1": "Version 15.1 (Build 2375.7)",
}
EDGES = {"EDGE1"}
KEPT = {spec.name for spec in TABLES.values()}
"""Cmdlets whose objects are kept as they are read: here they give none, and are told apart."""


def full(name: str) -> str:
    """A server's full name."""
    return f"{name.lower()}.contoso.example"


def server_row(name: str, **more: Value) -> Row:
    """A server as Get-ExchangeServer shows it."""
    version = VERSIONS.get(name)
    values: dict[str, Value] = {"Name": name, "Fqdn": full(name)}
    if version:
        values["AdminDisplayVersion"] = version
    values |= {"IsHubTransportServer": name not in EDGES, "IsEdgeServer": name in EDGES}
    values["IsFrontendTransportServer"] = bool(version and " 15" in version)
    return Row("Get-ExchangeServer", {**values, **more}, "x")


def connector_row(server: str, name: str) -> Row:
    """A connector, as far as it is named."""
    return Row("Get-ReceiveConnector", {"Identity": f"{server}\\{name}"}, "x")


Answer = Callable[[Call], Reply]


@dataclass
class Organisation:
    """Doors to servers that answer as told.

    Attributes:
        names: what Get-ExchangeServer shows.
        closed: server to why it cannot be opened.
        hangs: servers whose calls do not come back.
        special: (server asked, cmdlet) to what it answers; `answer` else.
        opened: what was opened, in order.
        asked: (server asked, call), in order.
    """

    names: Sequence[str]
    closed: Mapping[str, Fault] = field(default_factory=dict)
    hangs: frozenset[str] = frozenset()
    special: Mapping[tuple[str, str], Answer] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)
    asked: list[tuple[str, Call]] = field(default_factory=list)
    shells: list[FakeShell] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    snapins: list[str] = field(default_factory=list)

    def use_snapin(self, server: str) -> None:
        """As doors with two ways."""
        self.snapins.append(server)

    def open(self, server: str) -> Shell:
        """Open it, unless it is closed."""
        self.opened.append(server)
        name = server.partition(".")[0].upper()
        if name in self.closed:
            raise ShellError(self.closed[name])
        self.shells.append(FakeShell(name, self))
        return self.shells[-1]

    def answer(self, call: Call) -> Reply:
        """A plain answer of one object."""
        if call.cmdlet == "Get-ExchangeServer":
            return Reply(call, tuple(map(server_row, self.names)))
        if call.cmdlet in KEPT:
            return Reply(call)
        about = str(call.parameters.get("Server") or call.parameters["Identity"])
        if call.cmdlet == "Get-ReceiveConnector":
            return Reply(call, (connector_row(about, f"Default {about}"),))
        if call.cmdlet == "Get-NetworkConnectionInfo":
            return Reply(call, (Row(call.cmdlet, {"IPAddresses": "10.0.0.1"}, "x"),))
        return Reply(call, (Row(call.cmdlet, {"Identity": f"{about}\\Submission"}, "x"),))


@dataclass
class FakeShell(Shell):
    """One of its sessions."""

    server: str
    organisation: Organisation
    closed: int = 0

    def ask(self, calls: Sequence[Call], *, seconds: float) -> list[Reply]:
        """Answer as told; a server that hangs waits until all is over, or for its time."""
        for one in calls:
            check(one)
            self.organisation.asked.append((self.server, one))
        if self.server in self.organisation.hangs:
            self.organisation.released.wait(min(seconds, 20))
            return [Reply(one, fault=fault("deadline")) for one in calls]
        given = self.organisation.special
        return [
            given.get((self.server, one.cmdlet), self.organisation.answer)(one) for one in calls
        ]

    def close(self) -> None:
        """Count it."""
        self.closed += 1


def read(org: Organisation, first: str = "ex16a", plan: Plan | None = None) -> Collected:
    """Collect, with nobody to tell."""
    return collect(org, first, tell=lambda _: None, plan=plan or Plan(seconds=30))


def of_itself(server: Server) -> list[Call]:
    """What another server can be asked about one."""
    return [one for one in calls_for(server) if one.parameters]


def states(found: Collected) -> dict[str, tuple[str, str]]:
    """Server to state and how."""
    return {one.server: (one.state, one.how) for one in found.outcomes}


def asked_of(org: Organisation, server: str) -> list[str]:
    """The cmdlets that one server was asked."""
    return [call.cmdlet for name, call in org.asked if name == server]


UNREACHABLE = fault("port-silent")


class WaryOrganisation(Organisation):
    """Doors that keep some hosts out."""

    introduced: str = ""

    def entered(self, fqdn: str) -> None:
        """As doors that look at domains."""
        self.introduced = fqdn


# -- Which calls -----------------------------------------------------------------------------------


def test_each_server_is_asked_itself() -> None:
    """By its full name, about itself; the first by the name the user gave it."""
    org = Organisation(["EX10A", "EX16A", "EX16B"])
    found = read(org)

    assert states(found) == dict.fromkeys(org.names, ("ok", "itself"))
    assert sorted(org.opened) == [
        "ex10a.contoso.example",
        "ex16a",
        "ex16a",
        "ex16b.contoso.example",
    ]
    abouts = {
        (server, str(call.parameters.get("Server") or call.parameters["Identity"]).split("\\")[0])
        for server, call in org.asked
        if call.parameters
    }
    assert abouts == {(name, name) for name in org.names}
    assert [one.closed for one in org.shells] == [1] * 4
    assert found.reading.unread == []


def test_queues_are_asked_without_a_limit() -> None:
    """S8.52: 1,000 is the default, beyond which they are cut silently."""
    org = Organisation(["EX16A"])
    read(org)

    calls = [call for _, call in org.asked if call.cmdlet == "Get-Queue"]
    assert calls == [Call("Get-Queue", {"Server": "EX16A", "ResultSize": "Unlimited"})]


@pytest.mark.parametrize(
    ("server", "expected"),
    [
        (
            Server("S", version=(14, 3), has_hub=True, has_frontend=False),
            {"Get-ReceiveConnector", "Get-TransportServer", "Get-Queue"},
        ),
        (
            Server("S", version=(15, 1), has_hub=True, has_frontend=True),
            {"Get-ReceiveConnector", "Get-TransportService", "Get-Queue",
             "Get-ServerComponentState"},
        ),
        (
            Server("S", version=(15, 0), has_hub=False, has_frontend=True),
            {"Get-ReceiveConnector", "Get-ServerComponentState"},
        ),
        (
            Server("S"),
            {"Get-ReceiveConnector", "Get-TransportService", "Get-Queue",
             "Get-ServerComponentState"},
        ),
    ],
    ids=["2010", "2016", "2013 Client Access", "unknown"],
)  # fmt: skip
def test_calls_by_version_and_role(server: Server, expected: set[str]) -> None:
    """S8.44, 8.8: no queues without the Transport service, the old name on 2007 and 2010."""
    calls = calls_for(server)
    for one in calls:
        check(one)

    assert {one.cmdlet for one in calls} - KEPT == expected | {"Get-NetworkConnectionInfo"}
    assert calls[-1].cmdlet == "Get-NetworkConnectionInfo"


def test_servers_without_transport_are_not_asked() -> None:
    """S8.54: the list holds pure mailbox servers of 2010 as well."""
    org = Organisation(["EX10A", "EX16A"])
    rows = (server_row("EX10A", IsHubTransportServer=False), server_row("EX16A"))
    org.special = {("EX16A", "Get-ExchangeServer"): lambda call: Reply(call, rows)}
    found = read(org)

    assert asked_of(org, "EX10A") == []
    assert (list(states(found)), found.reading.unread) == (["EX16A"], [])


def test_rights_of_all_connectors_are_read() -> None:
    """S3.20, S3.21: setup's own first, to which a narrowed relay's hosts go; in the same shell."""

    def connectors(call: Call) -> Reply:
        names = ("Default Frontend EX16A", "Default EX16A", "Relay", "Default Frontend EX99")
        return Reply(call, tuple(connector_row("EX16A", one) for one in names))

    org = Organisation(["EX16A"], special={("EX16A", "Get-ReceiveConnector"): connectors})
    found = read(org)

    asked = [call.parameters["Identity"] for _, call in org.asked if "AD" in call.cmdlet]
    assert asked == [
        "EX16A\\Default Frontend EX16A",
        "EX16A\\Default EX16A",
        "EX16A\\Relay",
        "EX16A\\Default Frontend EX99",
    ]
    assert "Get-ADPermission" in found.reading.cmdlets
    assert len(org.shells) == 2


def test_rights_of_endless_connectors_are_not_all_read() -> None:
    """No person has made so many; that the rest was not read is told."""
    rows = tuple(connector_row("EX16A", f"C{one}") for one in range(MOST_RIGHTS + 50))
    org = Organisation(
        ["EX16A"], special={("EX16A", "Get-ReceiveConnector"): lambda call: Reply(call, rows)}
    )
    found = read(org)

    assert len([call for _, call in org.asked if "AD" in call.cmdlet]) == MOST_RIGHTS
    assert [one.what for one in found.reading.unread] == ["Get-ADPermission"]


def test_connectors_are_told_by_name_alone() -> None:
    """Whatever the ranges hold, they are not read for this."""
    row = Row("Get-ReceiveConnector", {"Identity": "S\\Relay", "RemoteIPRanges": "?"}, "x")

    assert connectors_of([row, connector_row("S", "Default S")]) == ["S\\Default S", "S\\Relay"]


def test_2007_is_entered_by_the_snap_in_and_others_are_not() -> None:
    """S8.21: it has no endpoint of its own."""
    org = Organisation(["EX07A", "EX10A", "EX16A"])
    read(org)

    assert org.snapins == [full("EX07A")]


# -- Versions --------------------------------------------------------------------------------------


PRODUCTS = st.tuples(st.integers(8, 15), st.integers(0, 2))


@given(PRODUCTS, PRODUCTS)
def test_which_shell_may_look_at_which_server(one: tuple[int, int], other: tuple[int, int]) -> None:
    """S8.41 to S8.43: one at least as new; builds do not count."""
    first, second = (Server("X", version=(*one, 1, 1)), Server("Y", version=(*other, 9, 9)))

    assert at_least_as_new(first, second) == (one >= other)
    assert not at_least_as_new(first, Server("Y"))
    assert not at_least_as_new(Server("X"), second)


def test_what_cannot_be_reached_is_asked_through_the_newest() -> None:
    """S8.42: newer to older works; the newest of those that can be reached is taken."""
    org = Organisation(["EX10A", "EX16A", "EX19A"], closed={"EX10A": UNREACHABLE})
    found = read(org)

    assert states(found)["EX10A"] == ("ok", "through EX19A")
    about = [call for name, call in org.asked if name == "EX19A" and "EX10A" in str(call)]
    assert about == [
        *of_itself(Server("EX10A", version=(14, 3), has_hub=True, has_frontend=False)),
        Call("Get-ADPermission", {"Identity": "EX10A\\Default EX10A"}),
    ]
    assert found.reading.unread == []


def test_an_older_shell_is_not_asked_about_a_newer_server() -> None:
    """S8.43: it would show connectors wrongly, so nothing is read, and each thing is told."""
    org = Organisation(["EX10A", "EX16A"], closed={"EX16A": UNREACHABLE})
    found = read(org, "ex10a")

    assert states(found)["EX16A"] == ("failed", "")
    rows = [one for one in found.reading.unread if one.server]
    assert {one.what for one in rows} - KEPT == {
        "Get-Queue",
        "Get-ReceiveConnector",
        "Get-NetworkConnectionInfo",
        "Get-ServerComponentState",
        "Get-TransportService",
    }
    assert {one.server for one in rows} == {"EX16A"}
    assert "may be older than it" in rows[0].why
    assert not any("EX16A" in str(call) for _, call in org.asked)


@pytest.mark.parametrize("way", ["closed", "refused", "empty"])
def test_a_list_of_servers_that_the_newest_did_not_give(way: str) -> None:
    """S8.43: the older one's may lack servers, so it is missing data, with why; read it is none."""
    org = Organisation(["EX16A", "EX19A"], closed={"EX19A": UNREACHABLE} if way == "closed" else {})
    no_rights = Fault("denied", "", "Access is denied.")
    answers: Mapping[str, Answer] = {
        "refused": lambda call: Reply(call, fault=no_rights),
        "empty": Reply,
    }
    if way in answers:
        org.special = {("EX19A", "Get-ExchangeServer"): answers[way]}
    rows = [one for one in read(org).reading.unread if one.what == "Get-ExchangeServer"]
    whole = read(Organisation(["EX16A", "EX19A"])).reading.unread

    assert [one.server for one in rows] == [""]
    assert "EX19A, the newest, did not give its own" in rows[0].why
    said = {
        "closed": UNREACHABLE.message,
        "refused": "Access is denied",
        "empty": "does not name a server",
    }
    assert said[way] in rows[0].why
    assert whole == []


def test_nothing_is_told_once_for_each_kind_of_data() -> None:
    """Where even the first server does not answer, with the next action."""
    found = read(Organisation(["EX16A"], closed={"EX16A": UNREACHABLE}))

    assert [(one.server, one.what) for one in found.reading.unread] == [
        ("", "Get-ExchangeServer"),
        ("", "Get-ReceiveConnector"),
        ("", "Get-Queue"),
    ]
    (why,) = {one.why for one in found.reading.unread}
    assert why.count(UNREACHABLE.message) == 1


def test_a_server_of_unknown_version_is_asked_by_nobody_else() -> None:
    """Not known to be as new is not as new."""
    org = Organisation(["EX16A", "EXNEW"], closed={"EXNEW": UNREACHABLE})
    found = read(org)

    assert states(found)["EXNEW"] == ("failed", "")


def test_a_newer_server_gives_the_better_list() -> None:
    """S8.43: where the first is older, the newest is asked for the servers as well."""

    def better(call: Call) -> Reply:
        return Reply(call, tuple(server_row(one, Site="Rome") for one in org.names))

    org = Organisation(["EX10A", "EX16A", "EX19A"])
    org.special = {("EX19A", "Get-ExchangeServer"): better}
    found = read(org, "ex10a")
    unchanged = read(Organisation(["EX10A", "EX16A"]), "ex16a")

    assert [row.values["Site"] for row in found.reading.of("Get-ExchangeServer")] == ["Rome"] * 3
    assert len(list(unchanged.reading.of("Get-ExchangeServer"))) == 2


# -- Failures --------------------------------------------------------------------------------------


def test_edge_servers_are_a_row_and_not_asked() -> None:
    """S8.25, S8.57: no rights there from inside; unless it is where we entered."""
    org = Organisation(["EX16A", "EDGE1"])
    found = read(org)
    entered = read(Organisation(["EDGE1"]), "edge1")

    assert states(found)["EDGE1"] == ("skipped", "")
    assert asked_of(org, "EDGE1") == []
    assert {one.what for one in found.reading.unread if one.server == "EDGE1"} >= {
        "Get-Queue",
        "Get-ReceiveConnector",
    }
    assert states(entered)["EDGE1"] == ("ok", "itself")


def test_a_server_that_hangs_costs_its_own_rows_only() -> None:
    """The others are read, the run ends in time, and what is missing is told."""
    org = Organisation(["EX16A", "EX16B", "EX19A"], hangs=frozenset({"EX16B"}))
    org.special = {("EX19A", "Get-Queue"): org.answer}
    begun = time.monotonic()
    found = read(org, plan=Plan(seconds=6, each=1))
    took = time.monotonic() - begun
    org.released.set()

    assert took < 6 + 2
    assert states(found)["EX16A"] == states(found)["EX19A"] == ("ok", "itself")
    assert states(found)["EX16B"] == ("ok", "through EX19A")


def test_a_hanging_server_that_nobody_may_be_asked_about() -> None:
    """Each thing not read is told, with what the way said and why nobody else was asked."""
    org = Organisation(["EX16A", "EX16B", "EX19A"], hangs=frozenset({"EX16B", "EX19A"}))
    found = read(org, plan=Plan(seconds=6, each=1))
    org.released.set()

    assert states(found)["EX16B"] == ("ok", "through EX16A")
    assert states(found)["EX19A"] == ("timed-out", "")
    assert {(one.server, one.what) for one in found.reading.unread} == {
        ("", "Get-ExchangeServer"),
        *(("EX19A", call.cmdlet) for call in calls_for(Server("EX19A"))),
    }


@pytest.mark.alone
def test_the_deadline_of_the_run_holds() -> None:
    """Nothing is begun after it, and what was not read is told."""
    org = Organisation(["EX16A", "EX16B"])

    def slow(call: Call) -> Reply:
        org.released.wait(20)
        return org.answer(call)

    org.special = {(name, "Get-Queue"): slow for name in org.names}
    begun = time.monotonic()
    found = read(org, plan=Plan(seconds=0.5, each=0.5))
    took = time.monotonic() - begun
    org.released.set()

    assert took < 0.5 + 2.1
    assert [one.state for one in found.outcomes] == ["timed-out"] * 2
    assert {one.server for one in found.reading.unread} == {"EX16A", "EX16B"}


def test_a_server_that_does_not_even_open_is_left_behind() -> None:
    """Doors that hang are no worse than calls that hang."""

    class Slow(Organisation):
        def open(self, server: str) -> Shell:
            if server.startswith("ex16b"):
                self.released.wait(20)
            return super().open(server)

    org = Slow(["EX16A", "EX16B"])
    begun = time.monotonic()
    found = read(org, plan=Plan(seconds=3, each=0.5))
    took = time.monotonic() - begun
    org.released.set()

    assert took < 5
    assert states(found)["EX16B"] == ("ok", "through EX16A")


@pytest.mark.parametrize(
    "why", [UNREACHABLE, fault("wrong-password"), fault("double-hop"), fault("deadline")]
)
def test_where_the_first_does_not_answer_all_is_unread(why: Fault) -> None:
    """No exception: a snapshot whose every verdict is unknown (contract, section 4)."""
    org = Organisation(["EX16A"], closed={"EX16A": why})
    found = read(org)
    snapshot = tables.assemble(found.reading, origin="x")

    assert (snapshot.servers, snapshot.connectors) == ((), ())
    assert {one.what for one in snapshot.unread} == {
        "Get-ExchangeServer",
        "Get-ReceiveConnector",
        "Get-Queue",
    }
    assert all(why.message in one.why for one in snapshot.unread)
    assert found.outcomes[0].state == ("timed-out" if why.kind == "timed-out" else "failed")


def test_a_double_hop_keeps_its_remedy() -> None:
    """S8.23: the log-on was good, every call says the same, and *unread* says what to do."""

    def refused(call: Call) -> Reply:
        return Reply(call, fault=fault("double-hop"))

    org = Organisation(["EX16A", "EX19A"])
    org.special = {("EX19A", one.cmdlet): refused for one in (*OF_ALL, *calls_for(Server("EX19A")))}
    found = read(org)

    assert states(found) == {"EX16A": ("ok", "itself"), "EX19A": ("failed", "")}
    assert all("kinit -f" in one.why for one in found.reading.unread)


def test_error_records_are_unread_and_rows_stay() -> None:
    """S8.56: each failure is a record for that server, and the rest goes on."""
    text = 'Exchange can\'t connect to the RPC server on computer "EX16A".\r\nVerify that ...'

    def broken(call: Call) -> Reply:
        return Reply(call, errors=(Fault("failed", "id", text),))

    org = Organisation(["EX16A"], special={("EX16A", "Get-Queue"): broken})
    found = read(org)

    assert found.reading.unread == [
        Unread("EX16A", "Get-Queue", f"Get-Queue: {' '.join(text.split())}")
    ]
    assert states(found)["EX16A"] == ("failed", "itself")
    assert "Get-Queue" in found.reading.cmdlets
    assert len(list(found.reading.of("Get-ReceiveConnector"))) == 1


def test_a_missing_right_is_unread_of_that_cmdlet() -> None:
    """8.8: a cmdlet that the roles do not hold does not exist."""

    def absent(call: Call) -> Reply:
        return Reply(call, fault=Fault("no-such-cmdlet", "CommandNotFoundException", "is not"))

    org = Organisation(["EX10A", "EX16A"])
    org.special = {("EX10A", "Get-TransportServer"): absent}
    found = read(org)

    assert [(one.server, one.what) for one in found.reading.unread] == [
        ("EX10A", "Get-TransportService")
    ]


@pytest.mark.parametrize(
    ("text", "is_cut"),
    [
        ("There are more results ... increase the value for the ResultSize parameter.", True),
        ("Es sind mehr Ergebnisse vorhanden ... Parameter \u201eResultSize\u201c ...", True),
        ("The object EX16A has been corrupted.", False),
    ],
)
def test_warnings_of_cut_results_are_unread(text: str, *, is_cut: bool) -> None:
    """S8.52: told by the parameter's name, which no language translates; all are kept."""

    def cut(call: Call) -> Reply:
        return Reply(call, warnings=(text,))

    org = Organisation(["EX16A"], special={("EX16A", "Get-Queue"): cut})
    found = read(org)

    assert bool(found.reading.unread) == is_cut
    assert found.warnings == [("EX16A", "Get-Queue", text)]


# -- Addresses -------------------------------------------------------------------------------------


def test_dns_adds_addresses_and_never_of_resolved_names() -> None:
    """S9.10: each with its source; loopback never, and a name given by hand is not looked up."""
    asked: list[str] = []

    def resolver(name: str) -> list[str]:
        asked.append(name)
        return ["10.0.0.9", "127.0.1.3", "fe80::1", "::1", "bad", "2001:db8::9"]

    org = Organisation(["EX10A", "EX16A"])
    found = read(org, plan=Plan(seconds=30, resolver=resolver, unresolved={"ex16a"}))

    assert asked == [full("EX10A")]
    rows = [(row.values["server"], row.values["address"]) for row in found.reading.of("DNS")]
    assert rows == [("EX10A", "10.0.0.9"), ("EX10A", "2001:db8::9")]


def test_dns_knows_servers_that_do_not_answer() -> None:
    """Once each, also where another server is asked in its place."""
    org = Organisation(["EX10A", "EX16A"], closed={"EX10A": UNREACHABLE})
    found = read(org, plan=Plan(seconds=30, resolver=lambda _: ["10.0.0.9"]))

    assert [row.values["server"] for row in found.reading.of("DNS")] == ["EX10A", "EX16A"]


def test_adapters_belong_to_the_server_that_was_asked() -> None:
    """Contract 8, point 9: they name none themselves."""
    snapshot = tables.assemble(read(Organisation(["EX10A", "EX16A"])).reading, origin="x")

    assert [(one.server, one.address) for one in snapshot.addresses] == [
        ("EX10A", "10.0.0.1"),
        ("EX16A", "10.0.0.1"),
    ]


def test_a_name_that_dns_does_not_know_has_no_addresses() -> None:
    """No exception, whatever the name."""
    assert [dns("nobody.invalid"), dns("x" * 300), dns("\udc80")] == [[], [], []]


# -- The whole -------------------------------------------------------------------------------------


def test_the_same_whoever_answers_first() -> None:
    """Rows, unread and outcomes stand in the order of the servers."""
    names = ["EX10A", "EX10B", "EX16A", "EX16B", "EX19A"]

    def one(slow: str) -> Collected:
        org = Organisation(names)

        def late(call: Call) -> Reply:
            time.sleep(0.05)
            return org.answer(call)

        org.special = {(slow, "Get-Queue"): late}
        return read(org, plan=Plan(now=lambda: datetime(2026, 1, 1, tzinfo=UTC)))

    first, second = one("EX10A"), one("EX16B")

    assert first.reading == second.reading
    assert [each.server for each in first.outcomes] == names


def test_one_line_for_each_server() -> None:
    """For people, as each is done."""
    told: list[str] = []
    org = Organisation(["EX10A", "EX16A", "EDGE1"], closed={"EX10A": UNREACHABLE})
    collect(org, "ex16a", tell=told.append)

    assert all(any(name in line for line in told) for name in org.names)
    assert any("through EX16A" in line and "itself" in line for line in told)


def test_the_practice_organisation_is_read_whole() -> None:
    """The article's: nothing unread; a server that nobody reaches is asked through another."""
    practice = Practice.begin("article")
    found = collect(PracticeDoors(practice), practice.entry, tell=lambda _: None)
    snapshot = tables.assemble(found.reading, origin="x")
    for server in practice.organisation.servers:
        if server.name == "EX10B":
            server.shell = False
    again = collect(PracticeDoors(practice), practice.entry, tell=lambda _: None)

    assert snapshot.unread == ()
    assert {one.name for one in snapshot.servers} == {"EX10A", "EX10B", "EX16A", "EX16B"}
    assert states(again)["EX10B"][1] == "through EX16A"


@pytest.mark.parametrize("slow", ["EX16A", "EX16B"])
def test_of_two_as_new_the_first_is_asked_whoever_answers_first(
    slow: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same organization is read by the same way each time."""
    monkeypatch.setitem(VERSIONS, "EX16B", VERSIONS["EX16A"])

    def late(call: Call) -> Reply:
        time.sleep(0.2)
        return org.answer(call)

    org = Organisation(["EX10A", "EX16A", "EX16B"], closed={"EX10A": UNREACHABLE})
    org.special = {(slow, "Get-Queue"): late}

    assert states(read(org))["EX10A"] == ("ok", "through EX16A")


@pytest.mark.parametrize("identity", ["host-not-trusted", "no-host-name"])
def test_a_host_that_gets_no_credentials_is_asked_about_nowhere(identity: str) -> None:
    """Its name goes to no other server either; the rows say which option lets it be read."""
    why = fault(identity, "x")
    org = WaryOrganisation(["EX10A", "EX16A"], closed={"EX10A": why})
    found = read(org)

    assert org.introduced == full("EX16A")
    assert asked_of(org, "EX10A") == []
    assert not any("EX10A" in str(call.parameters) for _, call in org.asked)
    assert states(found)["EX10A"] == ("failed", "")
    rows = [one for one in found.reading.unread if one.server == "EX10A"]
    assert {one.what for one in rows} >= {"Get-Queue", "Get-ReceiveConnector"}
    assert all(("--trust" in one.why) == (identity == "host-not-trusted") for one in rows)
