"""What reading a live organisation costs, beside what it has to cost; against the endpoint.

    python tests/benchmarks live

Sixteen servers beside one; a collection beside the same calls one by one through pywinrm's
`run_ps` (with a real PowerShell at the far end, where there is one); and how much memory 5,000
connectors with 100 ranges each take. Ends with 1 where a goal is missed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from timing import compare

from far.endpoints import FaultyEndpoints, serve
from far.side import Far, Server, serving
from mailflow.exchange.connectors import AuthMechanism
from mailflow.exchange.ranges import AddressRange
from mailflow.opening import live_doors
from mailflow.simulated.doors import Session
from mailflow.simulated.endpoints import ENGINEER, PASSWORD
from mailflow.simulated.practice import Practice
from mailflow.simulated.writer import answer_document
from mailflow.sources import wire
from mailflow.sources.collect import calls_for, collect
from mailflow.sources.row import Row
from mailflow.sources.shell import Call
from support import ROOT, powershell

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
from mailflow.sources.shell import Call
from mailflow.sources.winrm import Target, WinrmDoors, WinrmPlace
given = json.loads(sys.argv[1])
place = {given["name"]: WinrmPlace(given["address"], given["port"])}
logon = {"user": given["user"], "password": given["password"]}
target = Target(scheme="http", entry=given["name"], resolve=place, **logon)
shell = WinrmDoors(target, given["script"]).open(given["name"])
def memory(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) * 1024
Path("/proc/self/clear_refs").write_text("5")
before = memory("VmRSS")
(reply,) = shell.ask([Call("Get-ReceiveConnector", {"Server": "EX16A"})], seconds=300)
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


def read(served: FaultyEndpoints) -> int:
    """Collect everything; how many rows came."""
    doors, _, host = live_doors(served.source, served.options)
    found = collect(doors, host, tell=lambda _: None)
    assert not found.reading.unread, found.reading.unread
    return len(found.reading.rows)


def many_servers() -> bool:
    """Sixteen servers that each wait two seconds, beside one alone."""
    import os

    served = {count: serve(fleet(count)) for count in (1, MANY)}
    for endpoints in served.values():
        endpoints.start()
        for server in endpoints.practice.organisation.servers:
            calls = len(calls_for(server.exchange))
            endpoints.entrance.delays[server.name.casefold()] = WAIT / calls

    def reads(count: int) -> None:
        os.environ.update(served[count].env)
        read(served[count])

    timing = compare({"one": lambda: reads(1), "many": lambda: reads(MANY)}, rounds=3)["many"]
    for endpoints in served.values():
        endpoints.stop()
    print(f"{MANY} servers of {WAIT:.0f} s each    {timing!s:24} x one alone    goal 1.3")
    return timing.ratio <= 1.3


def beside_run_ps() -> bool:
    """A whole collection beside the same calls one by one; both with a real PowerShell."""
    import os

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
        os.environ.update(served.env)
        timing = compare(
            {
                "collection": lambda: read(served),
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


def large_server() -> list[Row]:
    """Get-ReceiveConnector of a server with many connectors and ranges."""
    practice = Practice.begin("article")
    relay = next(
        one
        for one in practice.organisation.connectors_of("EX16A", practice.clock.now)
        if one.name == "Relay"
    )
    for number in range(CONNECTORS):
        base = (10 << 24) + number * 256
        practice.organisation.directory.install(
            replace(
                relay,
                name=f"Relay {number}",
                auth=AuthMechanism.Tls,
                ranges=tuple(AddressRange(4, base + 2 * n, base + 2 * n) for n in range(RANGES)),
            )
        )
    reply = Session(practice, "EX16A").run(Call("Get-ReceiveConnector", {"Server": "EX16A"}))
    return list(reply.rows)


def memory() -> bool:
    """How much the process grows while it takes 5,000 connectors in."""
    rows = large_server()
    document = len(answer_document(wire.head_values(), rows))
    with (
        tempfile.TemporaryDirectory() as folder,
        serving(Path(folder), far=Far(answer=lambda _: rows)) as server,
    ):
        grown, count = _grown(server)
    assert count == len(rows)
    ratio = grown / document
    print(
        f"{count:,} connectors, {document / 1e6:.0f} MB of CLIXML: "
        f"{grown / 1e6:+.0f} MB, {ratio:.2f} x    goal 4"
    )
    return ratio <= 4


def _grown(server: Server) -> tuple[int, int]:
    from far.side import NAME, SCRIPT, USER
    from far.side import PASSWORD as SECRET

    given = {
        "name": NAME,
        "address": server.endpoint.address,
        "port": server.endpoint.port,
        "user": USER,
        "password": SECRET,
        "script": SCRIPT,
    }
    done = subprocess.run(
        [sys.executable, "-c", CHILD, json.dumps(given)],
        env={"PYTHONPATH": str(ROOT / "lib"), "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    grown, count, fault = done.stdout.split(maxsplit=2)
    assert fault.strip() == "None", fault
    return int(grown), int(count)


def main() -> int:
    """All three; 1 where a goal is missed."""
    good = [many_servers(), beside_run_ps(), memory()]
    return 0 if all(good) else 1
