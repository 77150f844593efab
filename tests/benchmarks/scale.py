"""How diagnosis and audit grow with the organization.

    python tests/benchmarks scale

`mailflow diagnose` of 400 servers with 200 targets, and the audit of 200 servers on which every
relay connector catches all others, beside `mailflow diagnose` of 32 servers. Reading the exports
of 400 alone costs 8 times as much. Ends with 1 if a goal is missed.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from run import MAILFLOW, process
from timing import compare

import capture_forms
from mailflow.snapshot import Snapshot
from mailflow.views.audit import audit
from organisations import E2010, E2016, STUCK, Organisation

RANGES, QUEUES = 40, 20
GROWTH, AUDIT = 14, 14
"""Goals, beside `mailflow diagnose` of 32 servers; the second was 6 s where it was written."""


def organization(servers: int, *, catching: int = 3) -> Organisation:
    """Half of 2010, half of 2016; a relay on each target lists some hosts and some senders."""
    org = Organisation()
    half = servers // 2
    for number in range(half):
        org.add_server(f"OLD{number:03}", E2010, _address(number))
    for number in range(half):
        org.add_server(f"NEW{number:03}", E2016, _address(5000 + number))
    for number in range(half):
        caught = [_address((number + step) % half) for step in range(catching)]
        hosts = [f"172.16.{number % 250}.{host}" for host in range(RANGES - len(caught))]
        org.add_relay(f"NEW{number:03}", *caught, *hosts)
        for _ in range(QUEUES):
            org.add_queue(f"OLD{number:03}", 10, error=STUCK)
            org.add_queue(f"NEW{number:03}", 0)
    return org


def intercepting(servers: int) -> Snapshot:
    """Servers of 2016, each with a relay that contains every other one."""
    org = Organisation()
    for number in range(servers):
        org.add_server(f"NEW{number:03}", E2016, _address(number))
    for number in range(servers):
        org.add_relay(f"NEW{number:03}", "10.0.0.0/16")
    return org.snapshot()


def _address(number: int) -> str:
    return f"10.0.{number // 250}.{number % 250 + 1}"


def main() -> int:
    """Measure, print, and say whether both goals are met."""
    with TemporaryDirectory() as name:
        diagnose = {}
        for servers in (32, 400):
            folder = Path(name, str(servers))
            folder.mkdir()
            capture_forms.write(organization(servers).reading(), folder, "clixml")
            command = (*MAILFLOW, "diagnose", str(folder))
            diagnose[servers] = process(*command, folder=Path(name), code=1)
        grown, caught = "mailflow diagnose of 400 servers", "audit of 200 that catch each other"
        timings = compare(
            {
                "the same of 32": diagnose[32],
                grown: diagnose[400],
                caught: lambda: audit(intercepting(200)),
            },
            rounds=3,
        )
    missed = 0
    for what, goal in ((grown, GROWTH), (caught, AUDIT)):
        met = timings[what].ratio <= goal
        missed += not met
        print(f"{what:36} {timings[what]!s:24} goal {goal} {'' if met else 'MISSED'}")
    return 1 if missed else 0
