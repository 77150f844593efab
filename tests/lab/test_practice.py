"""A scenario under way, as cmdlets and endpoints hold it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from mailflow.errors import UsageError
from mailflow.lab import scenarios
from mailflow.lab.organisation import LabQueue
from mailflow.lab.practice import Practice


def stuck(practice: Practice) -> list[LabQueue]:
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
    """The names that there are stand in the message."""
    with pytest.raises(UsageError, match="known: article, "):
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
