"""What it costs to ask whether exports are whole, beside the diagnosis that rests on it.

    python tests/benchmarks whole

Each row is a share of a diagnosis in the same process, without its start; the goal stands behind.
Ends with 1 if a goal is missed.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

from timing import compare

import capture_forms
from mailflow.opening import open_source
from mailflow.snapshot import Unread
from mailflow.sources import tables
from mailflow.sources.completeness import Seen, gaps
from mailflow.sources.row import Reading
from mailflow.views.findings import findings
from organisations import article

GOAL = 0.05


def questions(source: str) -> list[tuple[Reading, Seen, Iterable[Unread]]]:
    """What the completeness of a source is asked with."""
    asked: list[tuple[Reading, Seen, Iterable[Unread]]] = []

    def kept(reading: Reading, seen: Seen, told: Iterable[Unread]) -> Iterator[Unread]:
        rows = list(told)
        asked.append((reading, seen, rows))
        return gaps(reading, seen, rows)

    with patch.object(tables, "gaps", kept):
        open_source(source)
    return asked


def asking(source: str) -> Callable[[], Any]:
    """Ask again, with the same."""
    arguments = questions(source)
    return lambda: [list(gaps(*each)) for each in arguments]


def main() -> int:
    """Measure, print, and say whether the goal is met."""
    missed = 0
    with tempfile.TemporaryDirectory() as name:
        exports = capture_forms.write(article().reading(), Path(name), "transcript")
        for source, what in (("demo:article", "demo:article"), (str(exports), "its transcripts")):
            diagnosis = f"a diagnosis of {what}"
            work = {
                diagnosis: lambda source=source: findings(open_source(source)),
                "completeness": asking(source),
            }
            timing = compare(work)["completeness"]
            met = timing.ratio <= GOAL
            missed += not met
            print(
                f"completeness {timing!s:24} x {diagnosis:32} goal {GOAL} {'' if met else 'MISSED'}"
            )
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
