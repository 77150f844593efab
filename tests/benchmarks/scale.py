"""How diagnosis and audit grow with the organization, as ratios within one run.

python tests/benchmarks/scale.py

400 servers with 200 targets against 32 servers with 16 (goal: 14 times the time, of which reading
the exports is 8); the audit of 200 servers where every relay intercepts all others (goal: 6 s on
the machine this was written on; as a ratio to sorting its ranges it is told as well).
"""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent / "lib")]

import capture_forms  # noqa: E402 - after the paths
from mailflow.opening import open_source  # noqa: E402
from mailflow.snapshot import Snapshot  # noqa: E402
from mailflow.steps.audit import audit  # noqa: E402
from mailflow.steps.findings import findings  # noqa: E402
from organisations import E2010, E2016, STUCK, Organisation  # noqa: E402

RANGES, QUEUES = 40, 20


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


def diagnosed(folder: Path) -> tuple[float, float]:
    """Processor seconds to read the exports, and to diagnose them."""
    gc.collect()
    began = process_time()
    org = open_source(str(folder))
    read = process_time()
    findings(org)
    return read - began, process_time() - read


def main() -> None:
    """Measure, and print what stands in the README."""
    with TemporaryDirectory() as name:
        times = {}
        for servers in (32, 400):
            folder = Path(name, str(servers))
            folder.mkdir()
            capture_forms.write(organization(servers).reading(), folder, "clixml")
            times[servers] = min(diagnosed(folder) for _ in range(2))
        small, large = times[32], times[400]
        print(f"reading the exports of 400 servers: {large[0] / small[0]:.1f} x that of 32")
        print(f"diagnosing them: {large[1] / small[1]:.1f} x")
        print(f"both: {sum(large) / sum(small):.1f} x (goal 14)")
    org = intercepting(200)
    began = process_time()
    audit(org)
    print(f"audit of 200 servers whose relays intercept all others: {process_time() - began:.1f} s")


if __name__ == "__main__":
    main()
