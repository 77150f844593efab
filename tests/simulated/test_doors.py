"""A practice organisation is reached like a live one, and what is read of it is what it is."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mailflow.exchange.connectors import AuthMechanism
from mailflow.exchange.queues import Queue
from mailflow.exchange.servers import Server
from mailflow.simulated.connector_objects import DetailedConnector
from mailflow.simulated.doors import PracticeDoors, Session
from mailflow.simulated.organisation import BUILDS, AccessEntry, PracticeQueue
from mailflow.simulated.practice import Practice
from mailflow.simulated.writer import answer_document, clixml, format_list
from mailflow.snapshot import ServerAddress, Snapshot, TransportSettings
from mailflow.sources import wire
from mailflow.sources.exports.clixml import read_clixml
from mailflow.sources.exports.console import read_console
from mailflow.sources.row import Reading, Row
from mailflow.sources.shell import Call, Reply, ShellError
from mailflow.sources.tables import assemble
from practice_bench import ADMIN, VIEWER, Bench, column, said
from practice_snapshot import queue, thumbprint

RELAY = r"EX16A\Relay"


@pytest.fixture
def bench() -> Bench:
    """The organisation, with queues of both kinds."""
    made = Bench()
    made.stuck("EX10A", count=131)
    made.queue("EX16A", "15", status="Active")
    made.queue("EX10B", "12", suspended=True)
    made.relay("EX16A", "2001:db8::/32", "10.0.7.1-10.0.7.9", name="Öfen & Co", comment="<x>")
    made.organisation.access[RELAY.casefold()] = [AccessEntry("x", ("ms-Exch-SMTP-Submit",))]
    return made


def ask(bench: Bench, server: str, *calls: Call, **options: Any) -> list[Reply]:  # noqa: ANN401
    """What a server answers through doors."""
    shell = PracticeDoors(bench, ADMIN, **options).open(server)
    try:
        return shell.ask(calls, seconds=5)
    finally:
        shell.close()


# -- Doors -----------------------------------------------------------------------------------------


def test_doors_open_to_short_and_full_names(bench: Bench) -> None:
    """The shell calls the server by its short name."""
    assert PracticeDoors(bench).open("ex16a.contoso.example").server == "EX16A"
    assert column(ask(bench, "EX10A", Call("Get-Queue"))[0])[0] == r"EX10A\Submission"


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"network": "silent"}, "does not respond"),
        ({"network": "refuses"}, "refused"),
        ({"shell": False}, "refused"),
    ],
)
def test_a_server_that_cannot_be_reached(bench: Bench, values: dict[str, Any], why: str) -> None:
    """No shell, and a fault that says so."""
    for name, value in values.items():
        setattr(bench.server("EX10A"), name, value)

    with pytest.raises(ShellError, match=why) as caught:
        PracticeDoors(bench).open("EX10A")
    assert caught.value.fault.kind == "unreachable"


def test_a_server_that_is_not_there(bench: Bench) -> None:
    """As an unknown name."""
    with pytest.raises(ShellError) as caught:
        PracticeDoors(bench).open("EX99")
    assert caught.value.fault.kind == "unreachable"


def test_what_is_not_on_the_list_never_gets_through(bench: Bench) -> None:
    """As the client to live servers refuses it; the calls beside it are answered, in order."""
    calls = (
        Call("Set-ReceiveConnector", {"Identity": RELAY, "RemoteIPRanges": ("10.9.0.0/24",)}),
        Call("Get-ReceiveConnector", {"Identity": RELAY}),
        Call("Get-ReceiveConnector", {"Identity": ""}),
        Call("Get-Queue", {"Nothing": "x"}),
    )
    replies = ask(bench, "EX16A", *calls)

    assert [one.fault and one.fault.kind for one in replies] == [
        *("refused", None),
        *("refused", "refused"),
    ]
    assert [one.call for one in replies] == list(calls)
    assert list(map(str, bench.connector(RELAY).ranges)) != ["10.9.0.0/24"]


def test_a_repair_can_be_allowed(bench: Bench) -> None:
    """As for the client to live servers: the calls of a repair and no other that writes."""
    calls = (
        Call("Set-ReceiveConnector", {"Identity": RELAY, "RemoteIPRanges": ("10.9.0.0/24",)}),
        Call("Set-ReceiveConnector", {"Identity": RELAY, "RequireTLS": True}),
        Call("Set-ReceiveConnector", {"Identity": RELAY, "PermissionGroups": "Custom"}),
        Call("Set-ReceiveConnector", {"Identity": RELAY, "AuthMechanism": "None", "Fqdn": None}),
        Call("Set-ReceiveConnector", {"Identity": RELAY, "RemoteIPRanges": ("10.0.0.300",)}),
        Call("Retry-Queue", {"Identity": "EX10A\\1187", "Confirm": False}),
        Call("Retry-Queue", {"Filter": "Status -eq 'Retry'"}),
    )
    replies = ask(bench, "EX16A", *calls, writing=True)

    assert [one.fault and one.fault.kind for one in replies] == [
        *(None, "refused", "refused", None, "failed", None, "refused"),
    ]
    assert list(map(str, bench.connector(RELAY).ranges)) == ["10.9.0.0/24"]
    assert bench.connector(RELAY).require_tls is not True
    assert (bench.connector(RELAY).auth, bench.connector(RELAY).fqdn) == (AuthMechanism(0), "")


def test_what_exchange_refuses_of_a_repair_is_an_error(bench: Bench) -> None:
    """Not a fault: who looks only at that takes it for done."""
    call = Call("Set-ReceiveConnector", {"Identity": r"EX16A\Fax", "RemoteIPRanges": ("10.9.0.1",)})
    (reply,) = ask(bench, "EX16A", call, writing=True)

    assert (reply.fault, len(reply.errors)) == (None, 1)


def test_anything_can_be_allowed(bench: Bench) -> None:
    """For tests and for training."""
    call = Call("Set-ReceiveConnector", {"Identity": RELAY, "Enabled": False})
    (reply,) = ask(bench, "EX16A", call, anything=True)

    assert not said(reply)
    assert bench.connector(RELAY).enabled is False


def test_roles_hold_behind_the_doors(bench: Bench) -> None:
    """The account that opened them decides (section 8.8)."""
    call = Call("Set-ReceiveConnector", {"Identity": RELAY, "RemoteIPRanges": ("10.9.0.0/24",)})
    (reply,) = PracticeDoors(bench, VIEWER, writing=True).open("EX16A").ask([call], seconds=5)

    assert reply.fault is not None
    assert reply.fault.kind == "no-such-cmdlet"


def test_a_call_waits_for_whoever_changes_the_practice(bench: Bench) -> None:
    """Nothing is read while the transport moves."""
    done = threading.Event()
    session = bench.session()

    def read() -> None:
        session.run(Call("Get-Queue"))
        done.set()

    with bench.lock:
        reader = threading.Thread(target=read)
        reader.start()
        assert not done.wait(0.1)
    assert done.wait(5)
    reader.join()


def test_many_may_ask_at_the_same_time(bench: Bench) -> None:
    """Doors are used by many threads."""
    doors = PracticeDoors(bench, ADMIN)
    found: list[int] = []

    def read(server: str) -> None:
        for _ in range(5):
            (reply,) = doors.open(server).ask([Call("Get-Queue")], seconds=5)
            found.append(len(reply.rows))

    threads = [
        threading.Thread(target=read, args=(one,)) for one in ("EX10A", "EX16A", "EX16B") * 3
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()

    assert len(found) == 45


# -- Sessions --------------------------------------------------------------------------------------


def test_a_remote_session_leaves_its_notes(bench: Bench) -> None:
    """PSComputerName, RunspaceId and PSShowComputerName (section 1.6); a local shell none."""
    (row, *_) = bench.run("Get-Queue", server="EX10A").rows
    (local, *_) = bench.run("Get-Queue", server="EDGE1").rows

    assert row.computer == row.values["PSComputerName"] == "ex10a.contoso.example"
    assert row.values["PSShowComputerName"] is False
    assert len(str(row.values["RunspaceId"])) == 36
    assert local.computer == ""
    assert "PSComputerName" not in local.values


def test_rows_say_where_they_stand(bench: Bench) -> None:
    """As those that came over the wire."""
    rows = bench.run("Get-Queue", server="EX10A").rows

    assert [one.place for one in rows] == [
        "Get-Queue on EX10A, object 1",
        "Get-Queue on EX10A, object 2",
    ]


def test_a_call_keeps_the_name_it_came_with(bench: Bench) -> None:
    """Replies and rows belong to the call as asked."""
    reply = bench.run("get-queue")

    assert reply.call == Call("get-queue")
    assert reply.rows[0].cmdlet == "get-queue"


# -- Round trip ------------------------------------------------------------------------------------


def over_the_wire(reply: Reply, server: str) -> Reply:
    """The reply as a client reads it from frames."""
    head = wire.head_values(reply.warnings, reply.errors, reply.fault)
    framed = wire.frame(1, answer_document(head, reply.rows)) + wire.closing(1)
    answers = wire.read_answers(framed)
    assert answers.ended
    return wire.reply(reply.call, answers.documents[1], f"{reply.call.cmdlet} on {server}")


@pytest.mark.parametrize("server", ["EX10A", "EX16A", "EDGE1"])
@pytest.mark.parametrize("flat", [False, True])
def test_an_answer_over_the_wire_is_the_same(bench: Bench, server: str, flat: bool) -> None:
    """Every cmdlet's reply comes back as it was, errors and all."""
    bench.server("EX10B").rpc = False
    session = Session(bench, server, ADMIN, flat=flat)
    calls = [
        *(Call(one) for one in ("Get-ExchangeServer", "Get-ReceiveConnector", "Get-Message")),
        *(Call(one) for one in ("Get-Queue", "Get-TransportService", "Get-TransportServer")),
        Call("Get-NetworkConnectionInfo"),
        Call("Get-ADPermission", {"Identity": RELAY}),
        Call("Get-ServerComponentState", {"Identity": server}),
        Call("Get-Queue", {"Server": "EX10B"}),
        Call("Get-Queue", {"Nothing": "x"}),
    ]
    for call in calls:
        reply = session.run(call)

        assert over_the_wire(reply, server) == reply


def everything(bench: Bench, *, flat: bool = False) -> list[Reply]:
    """All that a snapshot is made of, each server's queues by itself."""
    servers = [one.name for one in bench.organisation.servers]
    main = Session(bench, "EX16A", ADMIN, flat=flat)
    names = ("Get-ExchangeServer", "Get-TransportService", "Get-ReceiveConnector")
    replies = [over_the_wire(main.run(Call(one)), "EX16A") for one in names]
    edge = Session(bench, "EDGE1")
    replies.append(over_the_wire(edge.run(Call("Get-ReceiveConnector")), "EDGE1"))
    for name in servers:
        session = Session(bench, name, ADMIN, flat=flat)
        replies.append(over_the_wire(session.run(Call("Get-Queue")), name))
        adapters = over_the_wire(session.run(Call("Get-NetworkConnectionInfo")), name)
        rows = tuple(replace(row, named_server=name) for row in adapters.rows)
        replies.append(replace(adapters, rows=rows))
    assert not any(map(said, replies))
    return replies


def read(replies: Iterable[Reply]) -> Snapshot:
    """What these replies show."""
    rows = [row for reply in replies for row in reply.rows]
    return assemble(Reading(rows, cmdlets={row.cmdlet for row in rows}), origin="practice")


def expected_queue(bench: Bench, one: PracticeQueue) -> Queue:
    """A queue as a typed snapshot holds it."""
    server = bench.server(one.server)
    return replace(
        queue(one, server),
        next_hop_connector="00000000-0000-0000-0000-000000000000",
        next_hop_category="" if server.is_legacy else "Internal",
        deferred_count=0,
        velocity=None if server.is_legacy else 0.0,
    )


@pytest.mark.parametrize("flat", [False, True])
def test_what_is_read_is_what_there_is(bench: Bench, flat: bool) -> None:
    """Organisation, cmdlets, CLIXML, frames, reader, tables: equal to the typed organisation."""
    org = bench.organisation
    found = read(everything(bench, flat=flat))
    connectors = map(org.with_shown_groups, org.directory.connectors(bench.clock.now))

    assert list(found.servers) == [one.exchange for one in org.servers]
    assert all(each.limits for each in found.connectors)  # what mail does not need is not typed
    read_as_typed = [replace(each, limits=()) for each in found.connectors]
    assert sorted(read_as_typed, key=_identity) == sorted(connectors, key=_identity)
    assert sorted(found.queues, key=_identity) == sorted(
        (expected_queue(bench, one) for one in org.queues), key=_identity
    )
    assert found.settings == tuple(
        TransportSettings(one.name, one.downgraded_auth, thumbprint(one)) for one in org.servers
    )
    assert set(found.addresses) == {
        ServerAddress(one.name, address, "Get-NetworkConnectionInfo", has_dns_servers=True)
        for one in org.servers
        for address in one.addresses
    }
    assert found.unread == ()


def _identity(one: Any) -> str:  # noqa: ANN401 - connectors and queues
    return str(one.identity)


def test_detailed_connectors_read_as_plain_ones(bench: Bench) -> None:
    """Settings that no verdict rests on do not change what is read."""
    call = Call("Set-ReceiveConnector", {"Identity": RELAY, "Banner": "220 x"})
    assert not said(bench.session().run(call))
    assert isinstance(bench.connector(RELAY), DetailedConnector)
    before = read(everything(Bench())).connectors

    assert RELAY in [one.identity for one in before]
    assert next(one for one in read(everything(bench)).connectors if one.identity == RELAY).ranges


def test_2007_shows_what_it_has() -> None:
    """Nine properties of a queue, no role of a connector, and still a whole snapshot (S4.51)."""
    bench = Bench()
    bench.organisation.install("EX07", BUILDS["2007"], ["10.0.0.7"], site="Head-Office")
    found = read(everything(bench))
    queue = next(one for one in found.queues if one.server == "EX07")

    assert (queue.retry_count, queue.first_retry, queue.velocity) == (None, None, None)
    assert found.unread == ()
    assert Server("EX07").name in {one.server for one in found.connectors}


def test_lists_and_clixml_give_the_same(bench: Bench, tmp_path: Path) -> None:
    """Captures in two forms, one organisation (contract, section 2); times in lists lack a zone."""
    del tmp_path
    rows = [row for reply in everything(bench) for row in reply.rows]
    by_cmdlet: dict[str, list[Row]] = {}
    for row in rows:
        if row.cmdlet != "Get-NetworkConnectionInfo":
            by_cmdlet.setdefault(row.cmdlet, []).append(row)
    xml, text = Reading(), Reading()
    for cmdlet, some in by_cmdlet.items():
        xml.add(read_clixml([clixml(some).encode()], cmdlet))
        text.add(read_console(format_list(some, width=120, limit=-1), cmdlet))

    one, other = (assemble(reading, origin="x") for reading in (xml, text))

    assert one.servers == other.servers
    assert one.connectors == other.connectors
    assert one.settings == other.settings
    assert [_without_times(queue) for queue in one.queues] == [
        _without_times(queue) for queue in other.queues
    ]


def _without_times(queue: Queue) -> Queue:
    return replace(queue, last_retry=None, next_retry=None, first_retry=None)


def test_a_true_practice_stands_behind_the_doors() -> None:
    """A scenario under way is what sessions run in."""
    practice = Practice.begin("article")
    doors = PracticeDoors(practice, ADMIN)
    shell = doors.open(practice.entry)
    (reply,) = shell.ask([Call("Get-ExchangeServer")], seconds=5)

    assert len(reply.rows) == len(practice.organisation.servers)
