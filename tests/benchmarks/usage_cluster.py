"""What a cluster costs: two workers of dask.distributed beside two plain processes.

    python tests/benchmarks usage_cluster

Forty logs, each a task, with one DuckDB thread. The gain of two over one, for both in the same run;
workers and processes were started before. The goal stands behind; ends with 1 if it is missed.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from time import perf_counter

from mailflow.exchange.accepted_domains import AcceptedDomains
from mailflow.usage.cluster import local_client, read_with
from mailflow.usage.found import ReceiveLogFile
from mailflow.usage.parts import PartSettings
from mailflow.usage.spread import outcome_of
from usage import write

GOAL, ROUNDS, MEGABYTES = 0.85, 5, 400
SETTINGS = PartSettings(AcceptedDomains(("contoso.example",)))


def seconds(work: Callable[[], object]) -> float:
    """How long it takes."""
    begin = perf_counter()
    work()
    return perf_counter() - begin


def main() -> int:
    """Measure, print, and say whether the goal is met."""
    context = get_context("spawn")
    with (
        tempfile.TemporaryDirectory() as name,
        ProcessPoolExecutor(1, mp_context=context) as single,
        ProcessPoolExecutor(2, mp_context=context) as pair,
        local_client(2) as client,
    ):
        logs, parts = Path(name) / "logs", Path(name) / "parts"
        logs.mkdir()
        parts.mkdir()
        files = [ReceiveLogFile(file, file.name) for file in write(logs, MEGABYTES)]

        def plain(pool: ProcessPoolExecutor) -> None:
            many = len(files)
            places = [file.place for file in files]
            list(pool.map(outcome_of, places, [parts] * many, [SETTINGS] * many))

        ways: dict[str, Callable[[], object]] = {
            "one": lambda: plain(single),
            "two": lambda: plain(pair),
            "dask": lambda: list(read_with(client, files, parts, SETTINGS)),
        }
        for work in ways.values():
            work()
        rounds = [{way: seconds(work) for way, work in ways.items()} for _ in range(ROUNDS)]
    gains = [(each["one"] / each["two"], each["one"] / each["dask"]) for each in rounds]
    share = median(dask / plain for plain, dask in gains)
    print(f"{len(files)} logs of 10 MB, {ROUNDS} rounds")
    print(f"  two processes    {median(plain for plain, _ in gains):.2f} x one")
    print(f"  two dask workers {median(dask for _, dask in gains):.2f} x one")
    print(f"  of that gain     {share:.2f}   goal {GOAL}")
    return int(share < GOAL)


if __name__ == "__main__":
    sys.exit(main())
