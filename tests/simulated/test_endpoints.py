"""All servers of a practice together, read by this package's own client."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from far.endpoints import FaultyEndpoints
from mailflow.simulated.endpoint import Silence
from mailflow.simulated.endpoints import COLLECTOR, ENGINEER, PASSWORD, Endpoints, serve
from mailflow.simulated.practice import Practice
from mailflow.snapshot import Snapshot
from mailflow.sources.collect import Collected, Plan, calls_for, collect
from mailflow.sources.remote import RemotePlace
from mailflow.sources.row import Reading
from mailflow.sources.shell import Call
from mailflow.sources.tables import assemble
from mailflow.sources.winrm.options import WinrmOptions
from mailflow.sources.winrm.shell import WinrmDoors
from support import ROOT, needs_powershell

SCRIPT = (ROOT / "lib/mailflow/powershell/Invoke-MailFlow.ps1").read_text("ascii")


def resolved(args: Sequence[str]) -> dict[str, RemotePlace]:
    """The places that `--resolve` names."""
    found = {}
    for before, one in pairwise(args):
        if before == "--resolve":
            name, _, where = one.partition("=")
            address, _, port = where.partition(":")
            found[name] = RemotePlace(address, int(port))
    return found


def target_of(endpoints: Endpoints, user: str = ENGINEER.name) -> WinrmOptions:
    """What the options that a practice hands out say."""
    args = endpoints.args
    return WinrmOptions(
        scheme="https" if "--ca" in args else "http",
        port=endpoints.port,
        user=user,
        password=endpoints.passwords[user.partition("\\")[2]],
        ca=args[args.index("--ca") + 1] if "--ca" in args else "",
        entry=endpoints.source.partition("://")[2].partition(":")[0],
        resolve=resolved(args),
    )


def collected(endpoints: Endpoints, plan: Plan | None = None) -> Collected:
    """The whole organisation, entered where the practice says."""
    entry = endpoints.source.partition("://")[2].partition(":")[0]
    doors = WinrmDoors(target_of(endpoints), SCRIPT)
    return collect(doors, entry, tell=lambda _: None, plan=plan)


def snapshot_of(practice: Practice, powershell: Path | None = None) -> Snapshot:
    """What the client makes of a practice; no shell stays open."""
    with FaultyEndpoints(practice, powershell=powershell) as endpoints:
        found = collected(endpoints)
        assert [one.service.open_shells for one in endpoints.all] == [0] * len(endpoints.all)
    return replace(assemble(found.reading, origin="practice"), taken=None)


def test_what_a_client_is_told() -> None:
    """Source, options and environment fit together; the password stands in none but the last."""
    practice = Practice.begin("article")
    with serve(practice) as endpoints:
        places = resolved(endpoints.args)
        password = endpoints.env[PASSWORD]

        assert endpoints.source == f"winrm+http://ex16a.contoso.example:{endpoints.port}"
        assert set(places) == {one.exchange.fqdn for one in practice.organisation.servers}
        assert len({one.address for one in places.values()}) == len(places)
        assert {one.port for one in places.values()} == {endpoints.port}
        assert password not in " ".join([endpoints.source, *endpoints.args])


def test_over_https() -> None:
    """With TLS the source says so, and the authority lies in a file until the end."""
    endpoints = Endpoints(Practice.begin("article"), https=True)
    with endpoints:
        args = endpoints.args
        ca = Path(args[args.index("--ca") + 1])
        found = assemble(collected(endpoints).reading, origin="x")

        assert endpoints.source.startswith("winrm://")
        assert ca.read_text("ascii").startswith("-----BEGIN CERTIFICATE-----")
        assert (len(found.servers), found.unread) == (4, ())
    assert not ca.exists()


def test_server_that_does_not_answer() -> None:
    """Nothing listens for a server without a remote shell; the others are read all the same."""
    practice = Practice.begin("incomplete")
    with serve(practice) as endpoints:
        found = assemble(collected(endpoints).reading, origin="x")

        with pytest.raises(KeyError):
            endpoints["EX16B"]
        assert endpoints["ex16a.contoso.example"].server == "EX16A"
        place = resolved(endpoints.args)["ex16b.contoso.example"]
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((place.address, place.port))
    assert len(found.servers) == 4
    assert found.unread


def test_silent_server() -> None:
    """A server that answers nothing on the network does not answer here either."""
    practice = Practice.begin("article")
    server = practice.organisation.server("EX16B")
    assert server is not None
    server.network = "silent"
    with serve(practice) as endpoints:
        assert isinstance(endpoints["EX16B"].interference, Silence)
        assert not isinstance(endpoints["EX16A"].interference, Silence)


def test_view_only_account() -> None:
    """An account that may only view reads all that is asked of the first server."""
    with serve(Practice.begin("article")) as endpoints:
        doors = WinrmDoors(target_of(endpoints, COLLECTOR.name), SCRIPT)
        server = endpoints.practice.organisation.server("EX16A")
        assert server is not None
        shell = doors.open(server.exchange.fqdn)
        replies = shell.ask(calls_for(server.exchange), seconds=20)
        shell.close()

    assert [one.fault for one in replies if one.fault is not None] == []


def test_account_without_a_role() -> None:
    """Who has no role in Exchange gets no session there (S8.02)."""
    with serve(Practice.begin("article")) as endpoints:
        shell = WinrmDoors(target_of(endpoints, "CONTOSO\\otto"), SCRIPT).open(
            "ex16a.contoso.example"
        )
        (reply,) = shell.ask([Call("Get-ExchangeServer")], seconds=20)
        shell.close()

    assert reply.fault is not None
    assert (reply.rows, reply.fault.kind) == ((), "log-on")


def test_one_password_does_not_open_another_practice() -> None:
    """Two practices at a time have passwords of their own; both are on their own port."""
    with serve(Practice.begin("article")) as one, serve(Practice.begin("case-2")) as other:
        assert one.passwords["engineer"] != other.passwords["engineer"]
        assert one.port != other.port
        for endpoints in (one, other):
            assert assemble(collected(endpoints).reading, origin="x").unread == ()


def test_nothing_is_left() -> None:
    """After stop there is no thread of it, and its folder is gone."""
    before = set(threading.enumerate())
    with serve(Practice.begin("article"), https=True) as endpoints:
        folder = endpoints.ca.parent
        collected(endpoints)
        assert folder.exists()

    assert set(threading.enumerate()) <= before
    assert not folder.exists()
    assert not endpoints.accounts.knows("engineer")


def test_given_passwords() -> None:
    """A test may choose passwords, for instance those that a KDC knows as well."""
    chosen = {"CONTOSO\\engineer": os.urandom(8).hex()}
    endpoints = FaultyEndpoints(Practice.begin("article"), passwords=chosen)
    endpoints.stop()

    assert endpoints.env == {PASSWORD: chosen["CONTOSO\\engineer"]}


def test_article_through_a_real_powershell() -> None:
    """pywinrm, the true script, PowerShell and our reader as one chain give Python's snapshot."""
    practice = Practice.begin("article")

    assert snapshot_of(practice) == snapshot_of(practice, needs_powershell())


@pytest.mark.long
@pytest.mark.parametrize("name", ["relay-2525", "relay-ipv6", "right-denied"])
def test_entry_server_through_a_real_powershell(name: str) -> None:
    """All that is asked of the server to enter at gives the same rows in both ways."""
    practice = Practice.begin(name)
    server = practice.organisation.server(practice.entry)
    assert server is not None
    found = []
    for powershell in (None, needs_powershell()):
        with FaultyEndpoints(practice, powershell=powershell) as endpoints:
            shell = WinrmDoors(target_of(endpoints), SCRIPT).open(server.exchange.fqdn)
            replies = shell.ask(calls_for(server.exchange), seconds=60)
            shell.close()
        reading = Reading(rows=[row for reply in replies for row in reply.rows])
        found.append((assemble(reading, origin="x"), [replace(one, rows=()) for one in replies]))

    assert found[0] == found[1]
    assert found[0][0].connectors
