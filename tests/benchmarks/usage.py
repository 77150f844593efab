"""What it costs to sum up receive logs, beside DuckDB that only counts their rows.

    python tests/benchmarks usage             80 MB
    MEGABYTES=400 python tests/benchmarks usage

Two processes with one DuckDB thread each, started before, against `count(*)` with the same options
and two threads: in time, which others on the machine lengthen, and in CPU time of all processes.
The goal stands behind; ends with 1 if it is missed in both.
"""

from __future__ import annotations

import os
import random
import resource
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from time import process_time

import duckdb
from timing import compare

from mailflow.exchange.accepted_domains import AcceptedDomains
from mailflow.usage.combine import combined
from mailflow.usage.engine import read_logs
from mailflow.usage.part_sql import _COLUMNS
from mailflow.usage.parts import PartSettings, summed
from usage_model import HEADER

GOAL, MOST_MEMORY = 8.0, 600
A_FILE = 10 * 10**6
"""Bytes at which Exchange begins the next file."""


def session(source: random.Random, number: int, hour: int) -> str:
    """A well-formed session with up to two messages, as 2016 writes it."""
    time = f"2026-11-{1 + hour // 24:02}T{hour % 24:02}:{number // 60 % 60:02}:{number % 60:02}"
    name = source.choice(("Relay", "Default Frontend EX16A"))
    client = f"10.0.{source.randrange(2)}.{source.randrange(200)}:{source.randrange(1024, 65000)}"
    said = ["+,,", '>,"220 EX16A.contoso.example Microsoft ESMTP MAIL Service, ready",']
    said += ["<,EHLO host.contoso.example,"]
    said += [">,250  EX16A.contoso.example Hello SIZE PIPELINING DSN STARTTLS 8BITMIME CHUNKING,"]
    for _ in range(source.randrange(3)):
        said += ["<,MAIL FROM:<a@contoso.example> SIZE=1024,", "*,08DE;1,receiving message"]
        said += ["<,RCPT TO:<b@fabrikam.example>,", ">,250 2.1.0 Sender OK,"]
        said += [">,250 2.1.5 Recipient OK,", "<,DATA,", ">,354 Start mail input,"]
        said += ['>,"250 2.6.0 <x@y> [InternalId=1, Hostname=x] Queued mail for delivery",']
    said += ["<,QUIT,", ">,221 2.0.0 Service closing transmission channel,", "-,,Local"]
    head = rf"EX16A\{name},{0x08DE000000000000 + (hour << 24) + number:016X}"
    return "".join(
        f"{time}.{at:03}Z,{head},{at},10.0.0.21:25,{client},{row}\r\n"
        for at, row in enumerate(said)
    )


def write(folder: Path, megabytes: int) -> list[Path]:
    """Logs of so many bytes, ten million a file."""
    source = random.Random(7)  # noqa: S311 - not for secrets
    files = []
    for hour in range(max(2, megabytes * 10**6 // A_FILE)):
        file = folder / f"RECV2026{hour:06}-1.LOG"
        with file.open("w", encoding="utf-8", newline="") as out:
            out.write("\ufeff" + "\r\n".join(HEADER) + "\r\n")
            number = 0
            while out.tell() < A_FILE:
                number += 1
                out.write(session(source, number, hour))
        files.append(file)
    return files


def count(files: list[Path]) -> int:
    """DuckDB's own count of the rows, with the options that usage reads with."""
    with duckdb.connect(config={"threads": 2}) as database:
        query = (
            "SELECT count(*) FROM read_csv(?, header = false, auto_detect = false, delim = ',', "
            "quote = '\"', escape = '\"', null_padding = true, comment = '', nullstr = chr(1), "
            "columns = {<columns>})"
        ).replace("<columns>", _COLUMNS)
        return int(database.execute(query, [[str(file) for file in files]]).fetchall()[0][0])


def one(file: Path, folder: Path) -> tuple[int, float]:
    """What a worker does; its peak memory in MB, and the CPU seconds that it took."""
    begun = process_time()
    summed(file, folder, PartSettings(AcceptedDomains(("contoso.example",))))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, process_time() - begun


def main() -> int:
    """Measure, print, and say whether the goals are met."""
    megabytes = int(os.environ.get("MEGABYTES", "80"))
    with (
        tempfile.TemporaryDirectory() as name,
        ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool,
    ):
        logs, parts = Path(name) / "logs", Path(name) / "parts"
        logs.mkdir()
        parts.mkdir()
        files = write(logs, megabytes)
        peaks: list[int] = []
        spent: list[float] = []

        def use() -> None:
            for peak, seconds in pool.map(one, files, [parts] * len(files)):
                peaks.append(peak)
                spent.append(seconds)
            combined(sorted(parts.glob("*.parquet")))

        work = {"count(*)": lambda: count(files), "usage": use}
        ours = compare(work)["usage"]
        in_cpu = compare(work, clock=lambda: process_time() + sum(spent))["usage"]
        print(f"{megabytes} MB in {len(files)} files")
        print(f"  x count(*)       {ours}   goal {GOAL:g}")
        print(f"  in CPU time      {in_cpu}")
        print(f"  MB a process     {max(peaks)}   goal {MOST_MEMORY // 2} (two of them)")
        again = compare(
            {
                "all": lambda: read_logs([logs], workers=1),
                "kept": lambda: read_logs([logs], keep=parts, workers=1),
            },
            rounds=1,
        )
        print(f"  read before      {again['kept']} of reading all")
    return int(min(ours.ratio, in_cpu.ratio) > GOAL or 2 * max(peaks) > MOST_MEMORY)


if __name__ == "__main__":
    sys.exit(main())
