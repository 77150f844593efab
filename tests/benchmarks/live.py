"""What reading a live organization costs, beside what it has to cost; against the endpoint.

    python tests/benchmarks live

By each road: sixteen servers beside one, and how much memory 5,000 connectors with 100 ranges each
take. exchange:// beside winrm://: the whole command, the collection in it alone, and that with a
real PowerShell behind both. A collection beside the same calls one by one through pywinrm's
`run_ps`. Ends with 1 where a goal is missed.

Where two roads or two fleets are compared, the far side is a process of its own: servers are other
machines, and do not take the time of whoever asks them.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from timing import compare

from far.endpoints import FaultyEndpoint, FaultyEndpoints, serve
from far.exchange_side import FarExchange, exchange_serving
from far.large import large_server
from far.side import NAME, SCRIPT, USER, Far, serving
from far.side import PASSWORD as SECRET
from mailflow.opening import live_doors
from mailflow.simulated.endpoints import ENGINEER, PASSWORD
from mailflow.simulated.practice import Practice
from mailflow.simulated.writer import answer_document, object_document
from mailflow.sources import wire
from mailflow.sources.collect import calls_for, collect
from mailflow.sources.credentials import LiveOptions
from mailflow.sources.shell import Call
from support import ROOT, powershell

ROADS = ("winrm", "exchange")
MANY, WAIT = 16, 2.0
CONNECTORS, RANGES = 5000, 100

ONE_CALL = """
$s = New-PSSession -ConfigurationName Microsoft.Exchange -ConnectionUri http://x/PowerShell/ `
    -Authentication Kerberos
$p = [powershell]::Create(); $p.Runspace = $s.Runspace
[void] $p.AddCommand('{cmdlet}')
{parameters}
$p.Invoke() | ConvertTo-Json -Depth 3 -Compress
Remove-PSSession $s
"""

CHILD = """
import json, sys
from pathlib import Path
from mailflow.sources.psrp.options import ExchangeOptions
from mailflow.sources.psrp.shell import ExchangeDoors
from mailflow.sources.shell import Call
from mailflow.sources.remote import RemotePlace
from mailflow.sources.winrm.shell import WinrmDoors
from mailflow.sources.winrm.options import WinrmOptions
given = json.loads(sys.argv[1])
place = {given["name"]: RemotePlace(given["address"], given["port"])}
sign_in = {"user": given["user"], "password": given["password"]}
options = {"scheme": "http", "entry": given["name"], "resolve": place, **sign_in}
if given["road"] == "winrm":
    doors = WinrmDoors(WinrmOptions(**options), given["script"])
else:
    doors = ExchangeDoors(ExchangeOptions(**options, call_seconds=600))
shell = doors.open(given["name"])
def memory(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) * 1024
Path("/proc/self/clear_refs").write_text("5")
before = memory("VmRSS")
(reply,) = shell.ask([Call("Get-ReceiveConnector", {"Server": "EX16A"})], seconds=600)
print(memory("VmHWM") - before, len(reply.rows), reply.fault)
shell.close()
"""


def fleet(count: int) -> Practice:
    """A practice with as many servers, all alike."""
    practice = Practice.begin("article")
    org = practice.organisation
    org.servers[:] = [one for one in org.servers if one.name == practice.entry]
    for number in range(1, count):
        name = f"EX16N{number}"
        org.install(name, "Version 15.1 (Build 2375.7)", [f"10.1.0.{number}"], site="Head-Office")
    return practice


@dataclass(frozen=True, slots=True)
class FarSide:
    """An organization that another process serves, and how it is reached."""

    sources: Mapping[str, str]
    live: LiveOptions
    env: Mapping[str, str]


@contextmanager
def apart(
    begin: Callable[[], Practice], *, wait: float = 0.0, program: Path | None = None
) -> Iterator[FarSide]:
    """Serve an organization in another process.

    Args:
        begin: makes it; a function of a module.
        wait: seconds that all calls of a server take together.
        program: a PowerShell behind it.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, begin, wait, program), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        here.send("stop")
        process.join()


def _serve(
    pipe: Connection, begin: Callable[[], Practice], wait: float, program: Path | None
) -> None:
    with serve(begin(), powershell=program) as served:
        for server in served.practice.organisation.servers:
            calls = len(calls_for(server.exchange))
            served.entrance.delays[server.name.casefold()] = wait / calls
        pipe.send(FarSide(dict(served.sources), served.options, served.env))
        pipe.recv()


def article() -> Practice:
    """The article's organization."""
    return Practice.begin("article")


def alone() -> Practice:
    """One server."""
    return fleet(1)


def many() -> Practice:
    """Many of its kind."""
    return fleet(MANY)


def read(far: FarSide, road: str) -> int:
    """Collect everything; how many rows came."""
    os.environ.update(far.env)
    doors, _, host = live_doors(far.sources[road], far.live)
    found = collect(doors, host, tell=lambda _: None)
    assert not found.reading.unread, found.reading.unread
    return len(found.reading.rows)


def many_servers() -> bool:
    """Sixteen servers that each wait two seconds, beside one alone; by each road."""
    good = []
    with apart(alone, wait=WAIT) as one, apart(many, wait=WAIT) as all_of_them:
        for road in ROADS:
            fleets = {"one": partial(read, one, road), "many": partial(read, all_of_them, road)}
            timing = compare(fleets, rounds=3)["many"]
            what = f"{MANY} servers of {WAIT:.0f} s each, {road}"
            print(f"{what:42} {timing!s:24} x one alone    goal 1.3", flush=True)
            good.append(timing.ratio <= 1.3)
    return all(good)


def beside_winrm() -> bool:
    """The article's organization by exchange:// beside winrm://."""
    good = []
    with apart(article) as far, tempfile.TemporaryDirectory() as folder:
        command = {road: partial(snapshot, far, road, Path(folder)) for road in ROADS}
        good.append(_beside("the command `snapshot`", command, 1.5))
        within = {road: partial(read, far, road) for road in ROADS}
        _beside("the collection in it alone", within, None)
    program = powershell()
    if program is None:
        print("a real PowerShell behind both roads: skipped, no PowerShell")
        return all(good)
    with apart(article, program=program) as far:
        within = {road: partial(read, far, road) for road in ROADS}
        good.append(_beside("the same, a real PowerShell behind it", within, 0.7))
    return all(good)


def _beside(what: str, work: Mapping[str, Callable[[], object]], goal: float | None) -> bool:
    timing = compare(work, rounds=5)["exchange"]
    aim = "no goal" if goal is None else f"goal {goal}"
    print(f"{what:42} {timing!s:24} x winrm://    {aim}", flush=True)
    return goal is None or timing.ratio <= goal


def snapshot(far: FarSide, road: str, folder: Path) -> None:
    """The command that writes what was collected, as a person starts it."""
    command = [sys.executable, "-m", "mailflow", "snapshot", far.sources[road]]
    subprocess.run(
        [*command, "-o", str(folder / f"{road}.snapshot"), *far.live.to_arguments()],
        env=os.environ | {"PYTHONPATH": str(ROOT / "lib")} | far.env,
        capture_output=True,
        check=True,
    )


def beside_run_ps() -> bool:
    """A whole collection beside the same calls one by one; both with a real PowerShell."""
    found = powershell()
    if found is None:
        print("run_ps: skipped, no PowerShell")
        return True
    practice = Practice.begin("article")
    calls = [(practice.entry, Call("Get-ExchangeServer"))]
    for server in practice.organisation.servers:
        calls += [(server.name, one) for one in calls_for(server.exchange)]
    calls += [
        ("EX16A", Call("Get-ADPermission", {"Identity": f"{name}\\Relay"}))
        for name in ("EX16A", "EX16B")
    ]
    with serve(practice, powershell=found) as served:
        far = FarSide(served.sources, served.options, served.env)
        timing = compare(
            {
                "collection": lambda: read(far, "winrm"),
                "run_ps": lambda: one_by_one(served, calls),
            },
            rounds=3,
        )["run_ps"]
    print(f"{len(calls)} calls by run_ps         {timing!s:24} x a collection    goal 3")
    return timing.ratio >= 3


def one_by_one(served: FaultyEndpoints, calls: list[tuple[str, Call]]) -> None:
    """As a script with pywinrm's `Session` would."""
    import winrm

    for server, call in calls:
        endpoint = served[server]
        session = winrm.Session(
            f"http://{endpoint.address}:{endpoint.port}/wsman",
            auth=(ENGINEER.name, served.env[PASSWORD]),
            transport="credssp",  # it goes on to Exchange without a password in the script
        )
        parameters = "\n".join(
            f"[void] $p.AddParameter('{name}', '{value}')"
            for name, value in call.parameters.items()
        )
        done = session.run_ps(ONE_CALL.format(cmdlet=call.cmdlet, parameters=parameters))
        assert done.std_out.strip(), done.std_err


def memory() -> bool:
    """How much the process grows while it takes 5,000 connectors in; by each road."""
    rows = large_server(CONNECTORS, RANGES)
    document = len(answer_document(wire.head_values(), rows))
    objects = sum(len(object_document(row)) for row in rows)
    good = []
    for road, size in (("exchange", objects), ("winrm", document)):
        with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
            if road == "winrm":
                far = Far(answer=lambda _: rows)
                place = stack.enter_context(serving(Path(folder), far=far)).endpoint
            else:
                side = exchange_serving(Path(folder), far=FarExchange(answer=lambda _: rows))
                place = stack.enter_context(side).endpoint
            grown, count, fault = _grown(place, road)
        ratio = grown / size
        what = f"{len(rows):,} connectors, {size / 1e6:.0f} MB of CLIXML, {road}"
        print(f"{what}: {grown / 1e6:+.0f} MB, {ratio:.2f} x    goal 4", flush=True)
        if count != len(rows):
            print(f"  missing data: {fault}")
        good.append(ratio <= 4 and count == len(rows))
    return all(good)


def _grown(endpoint: FaultyEndpoint, road: str) -> tuple[int, int, str]:
    given = {
        "name": NAME,
        "address": endpoint.address,
        "port": endpoint.port,
        "user": USER,
        "password": SECRET,
        "script": SCRIPT,
        "road": road,
    }
    done = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(given)],
        env={"PYTHONPATH": str(ROOT / "lib"), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    grown, count, fault = done.stdout.split(maxsplit=2)
    return int(grown), int(count), fault.strip()


def main() -> int:
    """All of them; 1 where a goal is missed."""
    good = [many_servers(), beside_winrm(), beside_run_ps(), memory()]
    return 0 if all(good) else 1
