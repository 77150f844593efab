"""No bytes of a stranger make a reader fail otherwise than by saying what it could not read."""

from __future__ import annotations

import os
import time
from pathlib import Path
from random import Random

import pytest

from fuzz.mutating import mutated
from fuzz.targets import TARGETS, seeds

FEW, MANY = 300, 5_000
MINUTE = 60.0
FOUND = Path(__file__).parent / "found"
"""What once made a reader fail, `TARGET-what`: tried first, for ever."""


def _try(name: str, seed: int, *, count: int, seconds: float = 0.0) -> None:
    """Try so many mutations, and more until the seconds are over."""
    dice, tried = Random(seed), 0  # noqa: S311 - trials, not secrets
    end = time.monotonic() + seconds
    while tried < count or time.monotonic() < end:
        data = mutated(seeds(name), dice)
        try:
            TARGETS[name](data)
        except Exception as error:
            error.add_note(f"target {name}, seed {seed}, number {tried}: {data!r:.3000}")
            raise
        tried += 1


@pytest.mark.parametrize("name", TARGETS)
def test_good_examples_are_read(name: str) -> None:
    """What is mutated is something that the target takes."""
    for data in seeds(name):
        TARGETS[name](data)
    assert all(seeds(name))


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_are_survived(name: str) -> None:
    """Some mutations, the same ones in each run."""
    _try(name, 1, count=FEW)


@pytest.mark.long
@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_are_survived_for_long(name: str) -> None:
    """Other ones each time, for a minute; a build machine tries the same ones in each run."""
    on_build_machine = "CI" in os.environ
    seed, seconds = (2, 0.0) if on_build_machine else (time.time_ns(), MINUTE)
    _try(name, seed, count=MANY, seconds=seconds)


@pytest.mark.parametrize("file", sorted(FOUND.glob("*-*")), ids=lambda file: file.name)
def test_what_was_found_is_survived(file: Path) -> None:
    """Each hole that was found stays closed."""
    TARGETS[file.name.partition("-")[0]](file.read_bytes())
