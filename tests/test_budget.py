"""One budget for all that is read: bytes, memory, seconds; and people are told what takes long."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest

from mailflow import budget
from mailflow.budget import Budget, BudgetError, json_memory


class Clock:
    """Seconds that go on when told to."""

    def __init__(self) -> None:
        """At zero."""
        self.now = 0.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def test_what_unpacks_to_far_more_than_its_size_is_refused() -> None:
    """Before it is unpacked; something small may repeat itself."""
    spent = Budget()
    spent.admit("small", 10, 100_000)
    spent.admit("dense", 10_000, 300 * 10_000)

    with pytest.raises(BudgetError, match=r"^bomb: refused: unpacks to more than 300 times"):
        spent.admit("bomb", 10_000, 300 * 10_000 + 1)


def test_all_that_is_unpacked_counts_together() -> None:
    """A gigabyte, whatever it came out of, and whatever sizes were promised."""
    spent = Budget()
    spent.unpack(2**29, "a.zip")

    with pytest.raises(BudgetError, match=r"^b\.zip: refused: all together unpacks to more than"):
        spent.fits("b.zip", 2**29 + 1)
    with pytest.raises(BudgetError):
        spent.unpack(2**29 + 1, "b.zip")
    spent.unpack(2**29, "b.zip")


def test_memory_grows_with_what_was_given() -> None:
    """A large export may keep much, a small file that holds much may not."""
    much = budget.LEAST_MEMORY + 7_000
    spent = Budget()
    Budget(1000).hold(much, "x")

    with pytest.raises(BudgetError, match=r"^x: holds more values"):
        spent.hold(much, "x")
    assert spent.held == 0


def test_memory_for_an_answer_has_an_end() -> None:
    """A packed one may keep more for its size; no server gets all memory, and people learn how."""
    small, packed, huge = (
        Budget(10**6, budget.OF_ANSWER),
        Budget(10**6, budget.OF_PACKED_ANSWER),
        Budget(10**9, budget.OF_PACKED_ANSWER),
    )

    assert small.most_memory == budget.LEAST_MEMORY + 7 * 10**6
    assert packed.most_memory == budget.LEAST_MEMORY + 120 * 10**6
    assert huge.most_memory == Budget(10**9, budget.OF_ANSWER).most_memory == 3 * 2**29
    assert Budget(10**9).most_memory == budget.LEAST_MEMORY + 7 * 10**9
    with pytest.raises(BudgetError, match=r"^x: holds more values .* run Collect-MailFlow\.ps1"):
        huge.hold(3 * 2**29 + 1, "x")


def test_memory_that_is_free_again_does_not_count() -> None:
    """Also where something ended what held it; what was kept meanwhile stays."""
    spent = Budget()
    with suppress(KeyError), spent.holding(500, "x"):
        spent.hold(30, "x")
        raise KeyError

    assert spent.held == 30


def test_time_ends_reading() -> None:
    """By what was given; whoever reads many things learns that nothing more is to be read."""
    clock = Clock()
    spent = Budget(10**7, clock=clock)
    spent.where = "q.xml"
    clock.now = 89.0
    spent.look()
    before = spent.spent
    clock.now = 91.0

    with pytest.raises(BudgetError, match=r"^q\.xml: reading took more than 90 seconds"):
        spent.look()
    assert (before, bool(spent.spent)) == ("", True)


def test_steps_come_to_the_clock() -> None:
    """Something that only takes time is ended as well."""
    clock = Clock()
    spent = Budget(clock=clock)
    clock.now = 61.0

    for _ in range(255):
        spent.step()
    with pytest.raises(BudgetError):
        spent.step()


def test_people_are_told_after_two_seconds() -> None:
    """Not before, and not more than twice in a second."""
    said: list[str] = []
    clock = Clock()
    spent = Budget(tell=said.append, clock=clock)
    spent.where = "q.xml (3 of 12 files, 40.0 MB)"
    for tenth in range(32):
        clock.now = tenth / 10
        spent.look()

    assert said == ["Reading q.xml (3 of 12 files, 40.0 MB) ..."] * 3


def test_a_snapshot_may_take_more() -> None:
    """Millions of ranges are read, from a file as large as that; empty lists are not."""
    rows = '["EX16A","Relay","10.0.0.11"],' * 40
    lists = "[]," * 400

    for text, fits in ((rows, True), (lists, False)):
        spent = Budget(len(text) * 10**6)
        needed = 10**6 * (len(text) + json_memory(text) - 6 * len(text))
        assert (needed <= spent.most_memory) is fits
        assert spent.for_snapshot(text) == json_memory(text) - 6 * len(text)
        assert Budget().for_snapshot(text) == json_memory(text)


@pytest.mark.parametrize("text", ["[[],[],[]]", '[{"a":1},{"a":"b"}]', '["x","y"]', "[1,2,3]"])
def test_json_is_known_to_unfold(text: str) -> None:
    """The estimate is above what the values take by themselves."""
    assert json_memory(text) > 8 * len(json.dumps(json.loads(text)).replace(" ", ""))
