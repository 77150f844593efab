"""No bytes of a stranger make a reader fail otherwise than by saying what it could not read."""

from __future__ import annotations

import os
import time
from pathlib import Path
from random import Random

import pytest

from fuzz.mutating import mutated
from fuzz.targets import TARGETS, seeds

SECONDS, LONG = 1.0, 60.0
FOUND = Path(__file__).parent / "found"
"""What once made a reader fail, `TARGET-what`: tried first, for ever."""


def _tried(name: str, seconds: float, seed: int) -> int:
    """Try mutations for so long; how many."""
    dice, count = Random(seed), 0  # noqa: S311 - trials, not secrets
    end = time.monotonic() + seconds
    while time.monotonic() < end or count < 10:
        data = mutated(seeds(name), dice)
        try:
            TARGETS[name](data)
        except Exception as error:
            error.add_note(f"target {name}, seed {seed}, number {count}: {data!r:.3000}")
            raise
        count += 1
    return count


@pytest.mark.parametrize("name", TARGETS)
def test_good_examples_are_read(name: str) -> None:
    """What is mutated is something that the target takes."""
    for data in seeds(name):
        TARGETS[name](data)
    assert all(seeds(name))


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_are_survived(name: str) -> None:
    """A second of mutations, the same ones in each run as far as it comes."""
    assert _tried(name, SECONDS, 1) >= 10


@pytest.mark.long
@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_are_survived_for_long(name: str) -> None:
    """A minute of other ones each time; a build machine tries the same ones in each run."""
    seed = 2 if os.environ.get("CI") else time.time_ns()
    assert _tried(name, LONG, seed) > 100


@pytest.mark.parametrize("file", sorted(FOUND.glob("*-*")), ids=lambda file: file.name)
def test_what_was_found_is_survived(file: Path) -> None:
    """Each hole that was found stays closed."""
    TARGETS[file.name.partition("-")[0]](file.read_bytes())
