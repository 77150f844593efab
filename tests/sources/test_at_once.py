"""Jobs beside each other: deadlines, order, and whoever hangs."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.sources.at_once import Late, at_once, in_time


def test_each_job_gives_its_result_as_it_ends() -> None:
    """The quick one comes first, whatever order they stand in."""

    def slow() -> str:
        time.sleep(0.1)
        return "s"

    jobs = {"slow": slow, "quick": lambda: "q"}

    found = list(at_once(jobs, most=2, seconds=5, until=time.monotonic() + 5))

    assert found == [("quick", "q"), ("slow", "s")]


@pytest.mark.alone
def test_a_job_that_hangs_holds_up_nobody() -> None:
    """It is late after its own time; with one place, the next begins then."""
    never = threading.Event()
    jobs = {"hangs": never.wait, "good": lambda: True}
    begun = time.monotonic()

    found = dict(at_once(jobs, most=1, seconds=0.2, until=begun + 5))
    took = time.monotonic() - begun
    never.set()

    assert isinstance(found["hangs"], Late)
    assert found["good"] is True
    assert took < 1


@pytest.mark.alone
def test_the_deadline_of_all_goes_before_that_of_one() -> None:
    """Jobs not begun by then are late as well, and everything ends."""
    never = threading.Event()
    jobs = dict.fromkeys(("a", "b", "c"), never.wait)
    begun = time.monotonic()

    found = dict(at_once(jobs, most=1, seconds=60, until=begun + 0.2))
    took = time.monotonic() - begun
    never.set()

    assert [isinstance(one, Late) for one in found.values()] == [True] * 3
    assert took < 1


def test_who_takes_results_slowly_makes_no_job_late() -> None:
    """A job that had ended in time is in time, however late its result is taken."""
    jobs = {"a": lambda: 1, "b": lambda: 2, "c": lambda: 3}

    found = []
    for one in at_once(jobs, most=3, seconds=0.1, until=time.monotonic() + 5):
        found.append(one)
        time.sleep(0.15)

    assert sorted(found) == [("a", 1), ("b", 2), ("c", 3)]


def test_a_fault_of_ours_is_raised() -> None:
    """Jobs report what fails as results; what they raise is a bug and does not get lost."""

    def broken() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(at_once({"x": broken}, most=1, seconds=1, until=time.monotonic() + 1))


@given(count=st.integers(0, 12), most=st.integers(1, 5))
def test_never_more_at_once_than_asked_for(count: int, most: int) -> None:
    """The cap holds, and every job gives exactly one result."""
    lock, running, highest = threading.Lock(), 0, 0

    def job() -> int:
        nonlocal running, highest
        with lock:
            running += 1
            highest = max(highest, running)
        time.sleep(0.001)
        with lock:
            running -= 1
        return 1

    jobs = {str(one): job for one in range(count)}

    found = list(at_once(jobs, most=most, seconds=10, until=time.monotonic() + 10))

    assert sorted(found) == sorted((name, 1) for name in jobs)
    assert highest <= most


def test_one_job_in_time() -> None:
    """Its result, or that it is late."""
    never = threading.Event()

    assert in_time(lambda: 7, 5) == 7
    assert isinstance(in_time(never.wait, 0.05), Late)
    never.set()
