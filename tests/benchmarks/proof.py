"""What a proof costs: for the article's organisation beside `import pandas`, for a big one a sort.

    python tests/benchmarks proof

Prints a Markdown table of ratios, all of one run. Measured is `prove`, from the snapshot and the
changes to the whole claim, with nothing remembered from one round to the next.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from statistics import median
from unittest.mock import patch

import numpy as np
from selection import bounds_of, nested
from timing import compare, table

from mailflow.analysis.change import Edit
from mailflow.exchange import answers, plain_map
from mailflow.exchange.range_columns import RangeColumns
from mailflow.exchange.ranges import AddressRange, parse_range, subtract
from mailflow.repair.impact import prove
from mailflow.snapshot import Snapshot
from mailflow.views.findings import findings
from organisations import article, healthy

TESTS = Path(__file__).parents[1]
IMPORT = """
import time
begin = time.perf_counter()
import pandas
print(time.perf_counter() - begin)
"""
COLD = f"""
import sys, time
sys.path[:0] = [{str(TESTS.parent / "lib")!r}, {str(TESTS)!r}]
from organisations import article
from mailflow.repair.impact import prove
from mailflow.views.findings import findings
org = article().snapshot()
changes = findings(org).plan.edits
begin = time.perf_counter()
prove(org, changes)
print(time.perf_counter() - begin)
"""
SENDER = parse_range("10.0.0.11")


def seconds(script: str) -> float:
    """What a script in a fresh process says it took."""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    return float(done.stdout)


def the_article() -> list[tuple[str, ...]]:
    """Row 1: two servers, as `import pandas` takes it, warm and in a fresh process."""
    read = article().snapshot()
    plan = findings(read).plan
    assert plan is not None
    changes = plan.edits
    taken = compare({"prove": lambda: prove(read, changes)}, rounds=20)["prove"].seconds
    pairs = [(seconds(COLD), seconds(IMPORT)) for _ in range(7)]
    warm = taken / median(floor for _, floor in pairs)
    cold = median(one / floor for one, floor in pairs)
    return [
        row("the article's organisation", "x import pandas", warm, 0.2),
        (
            "the same, first of its process, numpy's import with it",
            "x import pandas",
            f"{cold:.2g}",
            "",
            "",
        ),
    ]


def crowded(columns: RangeColumns, relays: int) -> tuple[Snapshot, Edit]:
    """EX16A with these ranges on so many relays, and the change that frees one sender."""
    blocks = [
        AddressRange(4, first, last)
        for first, last in zip(columns.first.tolist(), columns.last.tolist(), strict=True)
    ]
    org = healthy()
    org.connectors = [one for one in org.connectors if one.server == "EX16A"]
    whole = parse_range("10.0.0.0/24")
    for number in range(relays):
        org.add_relay("EX16A", "10.0.0.0/24", name=f"R{number}")
        mine = tuple(blocks[number::relays])
        org.connectors[-1] = replace(org.connectors[-1], ranges=mine)
    relay = org.connectors[-1]
    middle = len(relay.ranges) // 2
    ranges = (*relay.ranges[:middle], whole, *relay.ranges[middle:])
    org.connectors[-1] = replace(relay, ranges=ranges)
    read = org.snapshot()
    before = read.connectors[-1]
    pieces = subtract([whole], [SENDER])
    new = (*ranges[:middle], *pieces, *ranges[middle + 1 :])
    return read, Edit(before, replace(before, ranges=new), tuple(read.connectors))


def one_server() -> list[tuple[str, ...]]:
    """Rows 2 to 4: 50,000 ranges on as many relays as hold them, on one, and that plainly."""
    columns = nested(50_000)
    bounds = bounds_of(columns)
    many, alone = crowded(columns, 40), crowded(columns, 1)
    assert prove(*_asked(many)).reached
    found = compare(
        {
            "floor": lambda: np.sort(bounds),
            "40": lambda: prove(*_asked(many)),
            "1": lambda: prove(*_asked(alone)),
            "plain": lambda: without_numpy(*_asked(alone)),
        },
        rounds=15,
    )
    return [
        row(
            "one server, 50,000 ranges on 40 relays",
            f"x np.sort ({found['40'].lowest:.3g} to {found['40'].highest:.3g})",
            found["40"].ratio,
            25,
        ),
        row(
            "one server, 50,000 ranges on one relay",
            f"x np.sort ({found['1'].lowest:.3g} to {found['1'].highest:.3g})",
            found["1"].ratio,
            25,
        ),
        row("the same without numpy", "x with numpy", found["plain"].over(found["1"]), 40),
    ]


def without_numpy(read: Snapshot, edits: tuple[Edit, ...]) -> object:
    """The proof as the single file makes it."""
    with patch.object(answers, "_worked_out", lambda: plain_map):
        return prove(read, edits)


def _asked(case: tuple[Snapshot, Edit]) -> tuple[Snapshot, tuple[Edit, ...]]:
    return case[0], (case[1],)


def row(title: str, what: str, number: float, limit: float) -> tuple[str, ...]:
    """One number that must stay below its limit."""
    return title, what, f"{number:.3g}", f"<= {limit}", "yes" if number <= limit else "NO"


def main() -> int:
    """Measure, print, and say whether all goals are met."""
    rows = [*the_article(), *one_server()]
    print(table(("work", "measured", "ratio", "goal", "reached"), rows))
    return 1 if any(one[-1] == "NO" for one in rows) else 0
