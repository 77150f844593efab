"""A scenario under way, as cmdlets and endpoints hold it."""

from __future__ import annotations

import re
import threading
from collections import deque
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta, timezone

import pytest

from mailflow.errors import UsageError
from mailflow.simulated import scenarios
from mailflow.simulated.organisation import PracticeQueue
from mailflow.simulated.practice import Practice


def stuck(practice: Practice) -> list[PracticeQueue]:
    """The queues in Retry."""
    return [one for one in practice.organisation.queues if one.status == "Retry"]


@pytest.mark.parametrize("name", scenarios.names())
def test_begin(name: str) -> None:
    """Every scenario begins on its day, at a server it has, with somebody to manage it."""
    practice = Practice.begin(name, seed=4)
    entry = practice.organisation.server(practice.entry)

    assert practice.name == name
    assert practice.title == scenarios.title(name)
    assert practice.clock.now.date() >= datetime(2026, 11, 23, tzinfo=UTC).date()
    assert entry
    assert entry.shell
    assert entry.services
    assert not entry.is_legacy
    assert len(practice.organisation.accounts) == 3


def test_begin_unknown() -> None:
    """The message says where the names are listed."""
    with pytest.raises(UsageError, match="unknown sample"):
        Practice.begin("articel")


def test_two_practices_share_nothing() -> None:
    """What is done in one is not seen in another of the same scenario."""
    one, other = Practice.begin("article"), Practice.begin("article")
    server = one.organisation.server("EX16A")
    assert server
    server.inactive.add("HubTransport")
    server.addresses.append("10.0.0.99")
    one.organisation.outside["fabrikam.example"] = "full"
    one.advance(timedelta(hours=1))
    same = other.organisation.server("EX16A")
    third = Practice.begin("article").organisation

    assert same
    assert (same.inactive, same.addresses) == (set(), ["10.0.0.21"])
    assert other.organisation.outside == third.outside == {}
    assert other.clock.now < one.clock.now


LATER = datetime(2027, 2, 28, 23, 59, 57, tzinfo=timezone(timedelta(hours=5, minutes=30)))


def moments(value: object, shift: timedelta) -> object:
    """What a queue, a message or a list of them holds, its times moved back by the shift."""
    if isinstance(value, datetime):
        return value - shift
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: moments(getattr(value, one.name), shift) for one in fields(value)}
    if isinstance(value, list | tuple | deque):
        return [moments(one, shift) for one in value]
    if isinstance(value, str):  # LastError of 2013 and later holds a time too (S6.03)
        found = re.search(r"LRT=([^}]+)", value)
        return value if found is None else (value.replace(found[1], ""), _read(found[1]) - shift)
    return value


def _read(text: str) -> datetime:
    return datetime.strptime(text, "%m/%d/%Y %I:%M:%S %p").replace(tzinfo=UTC)


@pytest.mark.parametrize("name", [one for one in scenarios.names() if "case-" not in one])
def test_a_practice_may_begin_at_any_moment(name: str) -> None:
    """Mail, retries, errors and events are as far from the start as ever, then and later."""
    usual, later = both = Practice.begin(name), Practice.begin(name, now=LATER)
    shift = LATER - usual.clock.now
    for delta in (timedelta(0), timedelta(minutes=7)):
        for one in both:
            one.advance(delta)
        queues = [one.organisation.queues for one in both]
        lists = [one.organisation.directory.connectors(one.clock.now) for one in both]

        assert later.clock.now - usual.clock.now == shift
        assert moments(queues[1], shift) == moments(queues[0], timedelta(0))
        assert lists[0] == lists[1]
        assert usual.transport.delivered == later.transport.delivered
    assert later.clock.now - timedelta(minutes=7) == LATER


def test_a_practice_begins_at_no_moment_without_a_zone() -> None:
    """It would be another one on each machine."""
    with pytest.raises(ValueError, match="zone"):
        Practice.begin("article", now=datetime(2027, 1, 1))  # noqa: DTZ001 - that is the point


def test_time_moves_and_mail_with_it() -> None:
    """Two minutes on, two more messages wait; two days on, those of the start went back."""
    practice = Practice.begin("article")
    before = [len(one.messages) for one in stuck(practice)]
    practice.advance(timedelta(minutes=2))
    after = [len(one.messages) for one in stuck(practice)]
    practice.advance(timedelta(days=2))

    assert before == [131, 83]
    assert after == [133, 84]
    assert practice.clock.now == datetime(2026, 11, 25, 14, 4, tzinfo=UTC)
    assert len(practice.transport.returned) > 200


def test_retry_is_an_attempt() -> None:
    """S4.62: the cause is still there, so it fails again, at another time."""
    practice = Practice.begin("article")
    queue = stuck(practice)[0]
    count = queue.retries
    practice.advance(timedelta(minutes=1))
    practice.retry(queue)

    assert queue.retries == count + 1
    assert queue.last_retry == practice.clock.now
    assert queue.next_retry == practice.clock.now + timedelta(minutes=10)


def test_resubmit_gives_another_number() -> None:
    """S8.72, S4.31."""
    practice = Practice.begin("article")
    queue = stuck(practice)[0]
    practice.resubmit(queue)

    assert queue.identity == "EX10A\\1187"
    assert [one.identity for one in stuck(practice)] == ["EX10B\\902", "EX10A\\1188"]


def test_nobody_moves_the_clock_while_somebody_reads() -> None:
    """The lock is one for all that changes an organisation; its holder may go on himself."""
    practice = Practice.begin("article")
    start = practice.clock.now
    done = threading.Event()

    def move() -> None:
        practice.advance(timedelta(minutes=1))
        done.set()

    with practice.lock:
        mover = threading.Thread(target=move)
        mover.start()
        moved = done.wait(0.05)
        practice.advance(timedelta(seconds=1))
        read = practice.clock.now
    mover.join(timeout=10)

    assert not moved
    assert read == start + timedelta(seconds=1)
    assert practice.clock.now == start + timedelta(seconds=61)
