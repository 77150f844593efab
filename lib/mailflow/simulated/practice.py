"""A scenario under way: an organization, its clock, and what happens in it."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from mailflow.simulated import scenarios
from mailflow.simulated.clock import Clock
from mailflow.simulated.organisation import Organisation, PracticeQueue
from mailflow.simulated.protocol_logs import LoggedSession, failed_sessions


class Practice:
    """An organization somebody works on.

    Attributes:
        name: of the scenario, as it was asked for.
        title: what is known of it at the start, without the answer.
        story: the same as a ticket tells it, a sentence each.
        lesson: what a training case teaches; it gives the answer.
        organisation: its servers, connectors and queues.
        clock: its time.
        transport: what moves its mail.
        entry: short name of the server to enter at.
        logs: what somebody has fetched of the servers' protocol logs: sessions of failed attempts.
        lock: held by whoever reads or changes any of this.
    """

    def __init__(self, name: str, built: scenarios.Built) -> None:
        """A scenario as it was built."""
        self.name = name
        self.title = built.title
        self.story, self.lesson = built.story, built.lesson
        self.entry = built.entry
        self.transport = built.transport
        self.organisation: Organisation = built.transport.organisation
        self.clock: Clock = built.transport.clock
        self.logs: tuple[LoggedSession, ...] = ()
        self.lock = threading.RLock()

    @classmethod
    def begin(cls, name: str, *, seed: int = 0, now: datetime | None = None) -> Practice:
        """Build a scenario.

        Args:
            name: one of `scenarios.names()`.
            seed: another one gives other names and addresses, and the same fault.
            now: the moment it begins at, aware; None: always the same, which its file names.

        Raises:
            UsageError: no scenario has this name.
            ValueError: the moment has no zone.
        """
        return cls(name, scenarios.load(name, seed, now))

    def advance(self, delta: timedelta) -> None:
        """Move the clock; retries, deliveries and expiries on the way happen.

        Raises:
            ValueError: the clock can't go back.
        """
        with self.lock:
            self.transport.advance(delta)

    def retry(self, queue: PracticeQueue) -> None:
        """Try a queue now; nothing happens unless it is in Retry and not suspended (S8.71)."""
        with self.lock:
            self.transport.retry(queue)

    def resubmit(self, queue: PracticeQueue) -> None:
        """Route a queue's messages anew (S8.72); its number is gone then."""
        with self.lock:
            self.transport.resubmit(queue)

    def fetch_logs(self) -> None:
        """Take the protocol logs of the last attempts, instead of those taken before.

        Where no queue is in Retry there is nothing newer, and what was taken stays.
        """
        with self.lock:
            self.logs = failed_sessions(self.organisation) or self.logs
