"""How stuck queues are tried again and watched."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from applying import SOURCE, again
from mailflow.apply.draining import EACH, drain
from mailflow.apply.entry import QueueEntry
from mailflow.apply.journal import Journal
from mailflow.simulated.practice import Practice
from mailflow.sources.shell import Call, Fault, Reply

QUEUE = "EX10A\\1187"
NOW = datetime(2026, 11, 25, tzinfo=UTC)


def _journal(home: Path, *queues: str) -> Journal:
    return Journal.begin(home, SOURCE, (), queues, now=NOW)


def _retries(
    home: Path, limit: float, answer: Callable[[Call], Reply] | None = None
) -> tuple[list[float], QueueEntry]:
    """When a queue that stays stuck is tried again, in seconds, and what is said of it."""
    practice = Practice.begin("article")
    begin = practice.clock.now
    moments: list[float] = []

    def meddle(_: str, call: Call, go_on: Callable[[], Reply]) -> Reply:
        if call.cmdlet != "Retry-Queue":
            return go_on()
        moments.append((practice.clock.now - begin).total_seconds())
        return answer(call) if answer else go_on()

    one = again(practice, home / "run", meddle=meddle)
    journal = _journal(home, QUEUE)
    drain(one.work.live, journal, limit=limit)
    return moments, journal.queues[0]


def test_not_more_often_than_that(tmp_path: Path) -> None:
    """Back in Retry: again after 15, then 30, then every 60 seconds, until the limit."""
    moments, entry = _retries(tmp_path, 240)

    assert moments == [0, 16, 46, 106, 166, 226]
    assert entry.state in ("stuck", "retried")
    assert entry.before is not None
    assert (entry.left or 0) >= entry.before, "mail goes on coming in"
    assert "5.7.3" in entry.why


def test_a_server_that_is_busy(tmp_path: Path) -> None:
    """S8.76: one at a time; the next try comes after the pause, and the reason is told."""
    busy = Fault("failed", "", "System is handling another queue resubmit request.")
    moments, entry = _retries(tmp_path, 20, lambda call: Reply(call, errors=(busy,)))

    assert moments == [0, 16]
    assert entry.state == "stuck"


@pytest.mark.parametrize("kind", ["denied", "no-such-cmdlet"])
def test_a_retry_that_is_denied_is_told_at_once(tmp_path: Path, kind: str) -> None:
    """8.8: without the right no later try ends better, so nobody waits for it."""
    refused = Fault(kind, "", "The account may not do that.")
    moments, entry = _retries(tmp_path, 240, lambda call: Reply(call, fault=refused))

    assert moments == [0]
    assert (entry.state, entry.why) == ("denied", "The account may not do that.")
    assert (entry.before, entry.left) == (131, 131)


def test_each_look_is_told(tmp_path: Path) -> None:
    """What watches gets the queues at each look, the last one as they ended."""
    one = again(Practice.begin("article"), tmp_path / "run")
    journal = _journal(tmp_path, QUEUE, "EX10B\\902")
    seen: list[list[str]] = []

    drain(
        one.work.live,
        journal,
        limit=2 * EACH,
        watched=lambda queues: seen.append([each.state for each in queues]),
    )

    assert len(seen) == 3
    assert seen[0] == ["retried", "retried"]
    assert Journal.load(tmp_path).queues == journal.queues


def test_a_queue_that_is_gone_is_empty(tmp_path: Path) -> None:
    """An empty queue leaves its server's list (section 4.3); nothing is tried."""
    one = again(Practice.begin("article"), tmp_path / "run")
    journal = _journal(tmp_path, "EX10A\\9999")

    drain(one.work.live, journal, limit=60)

    assert (journal.queues[0].state, journal.queues[0].left) == ("drained", 0)


def test_a_server_that_cannot_be_asked(tmp_path: Path) -> None:
    """Not known is not drained."""

    def meddle(_: str, call: Call, __: Callable[[], Reply]) -> Reply:
        return Reply(call, fault=Fault("unreachable", "", "no answer"))

    one = again(Practice.begin("article"), tmp_path / "run", meddle=meddle)
    journal = _journal(tmp_path, QUEUE)

    drain(one.work.live, journal, limit=60)

    assert (journal.queues[0].state, journal.queues[0].why) == ("not known", "no answer")


def test_through_the_server_that_was_entered(tmp_path: Path) -> None:
    """A 2010 server that does not answer is asked about through a newer one (S8.43)."""
    asked: list[tuple[str, str]] = []

    def meddle(server: str, call: Call, go_on: Callable[[], Reply]) -> Reply:
        asked.append((server, call.cmdlet))
        if server == "EX10A":
            return Reply(call, fault=Fault("unreachable", "", "no answer"))
        return go_on()

    one = again(Practice.begin("article"), tmp_path / "run", meddle=meddle)
    journal = _journal(tmp_path, QUEUE)

    drain(replace(one.work.live, servers=one.org.servers), journal, limit=EACH)

    assert journal.queues[0].before == 131
    assert ("EX16A", "Retry-Queue") in asked
