"""Time things against each other: interleaved rounds, medians of ratios.

Seconds differ from machine to machine and from minute to minute. So everything that is compared
runs in turn, round after round, and only the ratio within a round counts.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

ROUNDS = 5


@dataclass(frozen=True)
class Timing:
    """What one of the compared things took.

    Attributes:
        seconds: median over the rounds, of the whole work.
        ratio: median over the rounds of its time divided by the first thing's time.
        lowest: smallest ratio of a round.
        highest: largest ratio of a round.
        rounds: seconds of each round.
        is_estimate: measured on a sample and multiplied.
    """

    seconds: float
    ratio: float
    lowest: float
    highest: float
    rounds: tuple[float, ...] = ()
    is_estimate: bool = False

    def over(self, other: Timing) -> float:
        """Median over the rounds of this one's time divided by the other's."""
        return median(a / b for a, b in zip(self.rounds, other.rounds, strict=True))

    def __str__(self) -> str:
        """The ratio with its spread; E marks an estimate."""
        mark = " E" if self.is_estimate else ""
        return f"{_short(self.ratio)} ({_short(self.lowest)} to {_short(self.highest)}){mark}"


def compare(
    work: Mapping[str, Callable[[], object]],
    *,
    rounds: int = ROUNDS,
    scale: Mapping[str, float] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """Runs each callable once a round, in turn, and relates them to the first.

    Args:
        work: what to time, by name; the first is the measure of the others.
        rounds: how often; one more goes before, unmeasured, so that caches are warm.
        scale: for callables that do only a sample: how much larger the whole work is.
        clock: `time.process_time` for what computes in this process alone: what others do on the
            machine then does not count.
    """
    taken: dict[str, list[float]] = {name: [] for name in work}
    factors = scale or {}
    for turn in range(rounds + 1):
        for name, job in work.items():
            gc.collect()
            gc.disable()
            try:
                begin = clock()
                job()
                spent = clock() - begin
            finally:
                gc.enable()
            if turn:
                taken[name].append(spent * factors.get(name, 1.0))
    floor = taken[next(iter(work))]
    result = {}
    for name, times in taken.items():
        ratios = [one / other for one, other in zip(times, floor, strict=True)]
        result[name] = Timing(
            median(times), median(ratios), min(ratios), max(ratios), tuple(times), name in factors
        )
    return result


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
