"""A practice organisation within reach, and its repair: what tests of applying begin with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import pytest

from mailflow.apply import journal as journals
from mailflow.apply.journal import Journal
from mailflow.apply.live import LiveOrganisation
from mailflow.apply.unfinished import that_can_go_on
from mailflow.apply.work import Work, put_back
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import parse_range
from mailflow.opening import practice_snapshot
from mailflow.repair.claim import Proof
from mailflow.repairing import queues_to_retry
from mailflow.simulated.doors import PracticeDoors
from mailflow.simulated.practice import Practice
from mailflow.snapshot import Snapshot
from mailflow.sources.shell import Call, Doors, Reply, Shell
from mailflow.views.findings import findings
from mailflow.views.proposal import prove_proposal
from mailflow.views.verdict import Diagnosis

SOURCE = "winrm://ex16a.contoso.example"
RELAYS = ("EX16A\\Relay", "EX16B\\Relay")
OLD = ("10.0.0.11", "10.0.0.12", "10.0.5.0/24")
NEW = ("10.0.5.0/24",)


@dataclass
class Bench:
    """A practice, and everything that a repair of it needs."""

    practice: Practice
    live: LiveOrganisation
    org: Snapshot
    found: Diagnosis
    proof: Proof
    work: Work

    @property
    def confirmed(self) -> dict[str, str]:
        """All changes, as they were proven, and what an earlier repair has set already."""
        there = {
            one.connector: one.new_sha256 for each in self.work.earlier for one in each.connectors
        }
        return there | {one.identity: one.both_sha256 for one in self.proof.changes}

    def listed(self, connector: str) -> tuple[str, ...]:
        """A connector's list as it truly is."""
        return tuple(map(str, self.connector(connector).ranges))

    def connector(self, identity: str) -> ReceiveConnector:
        """A connector as it truly is."""
        found = self.practice.organisation.directory.find(identity, self.practice.clock.now)
        assert found is not None
        return found

    def change(self, identity: str, **values: object) -> None:
        """Somebody else changes a connector."""
        moment = self.practice.clock.now
        changed = replace(self.connector(identity), **values)  # type: ignore[arg-type]
        self.practice.organisation.directory.write(changed, moment)

    def relist(self, connector: str, *ranges: str) -> None:
        """Somebody else changes a list."""
        self.change(connector, ranges=tuple(map(parse_range, ranges)))

    def waiting(self, identity: str) -> int:
        """How many messages truly wait in a queue."""
        queues = self.practice.organisation.queues
        return sum(len(one.messages) for one in queues if one.identity == identity)


Meddle = Callable[[str, Call, Callable[[], Reply]], Reply]
"""Server, call, and what passes it on: stands between a repair and the servers."""


def bench(
    runs: Path, name: str = "article", *, meddle: Meddle | None = None, limit: float = 300.0
) -> Bench:
    """Begin a practice and prove its repair."""
    return again(Practice.begin(name), runs / "first", meddle=meddle, limit=limit)


def within_reach(practice: Practice) -> LiveOrganisation:
    """A practice organisation for somebody who repairs it; its clock is moved."""
    return LiveOrganisation(
        SOURCE,
        PracticeDoors(practice, writing=True),
        practice.entry,
        lambda _: practice_snapshot(practice, SOURCE),
        now=lambda: practice.clock.now,
        wait=lambda seconds: practice.advance(timedelta(seconds=seconds)),
    )


def again(
    practice: Practice, folder: Path, *, meddle: Meddle | None = None, limit: float = 300.0
) -> Bench:
    """Read a practice as it is now and prove its repair."""
    live = within_reach(practice)
    org = live.collect(lambda _: None)
    found = findings(org)
    proof = prove_proposal(org, found)
    if meddle:
        live = replace(live, doors=_Meddled(live.doors, meddle))

    def made() -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    queues = queues_to_retry(found)
    left = [one.journal for one in that_can_go_on(folder.parent, org) if one.journal]
    work = Work(org, proof, live, folder.parent, made, queues, limit=limit, earlier=left)
    return Bench(practice, live, org, found, proof, work)


@dataclass
class _Meddled(Doors):
    """Doors with somebody between."""

    inner: Doors
    meddle: Meddle

    def open(self, server: str) -> Shell:
        return _MeddledShell(self.inner.open(server), self.meddle)


@dataclass
class _MeddledShell(Shell):
    inner: Shell
    meddle: Meddle
    server: str = field(init=False)

    def __post_init__(self) -> None:
        self.server = self.inner.server

    def ask(self, calls: Sequence[Call], *, seconds: float) -> list[Reply]:
        return [
            self.meddle(self.server, one, lambda one=one: self.inner.ask([one], seconds=seconds)[0])
            for one in calls
        ]

    def close(self) -> None:
        self.inner.close()


class Killed(BaseException):
    """Nothing of ours catches it, as nothing catches a kill."""


class KillingClock:
    """Counts the steps, before and after each, and kills at one of them."""

    def __init__(self, at: int) -> None:
        """Kill at this step."""
        self.at, self.steps = at, 0

    def step(self) -> None:
        """One more; the end, if it is that one."""
        self.steps += 1
        if self.steps == self.at:
            raise Killed

    def meddle(self, _: str, call: Call, go_on: Callable[[], Reply]) -> Reply:
        """A call to a server, but for watching the queues drain, which changes nothing."""
        if call.cmdlet == "Get-Queue":
            return go_on()
        self.step()
        reply = go_on()
        self.step()
        return reply


def killed(
    begin: Callable[[Meddle], Bench],
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    at: int,
    *,
    back: bool = False,
) -> tuple[Bench, int]:
    """A repair, or its rollback, that was killed at this step; how many steps it made.

    Args:
        begin: makes the bench, whose journal is `home / "first"`.
        home: its folder.
        monkeypatch: for the writing of the journal, whose steps count as well.
        at: the step, from 1.
        back: kill the rollback, after the whole repair.
    """
    clock = KillingClock(10**9 if back else at)
    one = begin(clock.meddle)
    whole = journals.write_whole

    def write(path: Path, text: str) -> None:
        clock.step()
        whole(path, text)
        clock.step()

    with monkeypatch.context() as patch:
        patch.setattr(journals, "write_whole", write)
        patch.setattr(Journal, "is_being_worked_on", False)
        try:
            one.work.carry_out(one.confirmed)
            if back:
                clock.at = clock.steps + at
                put_back(one.work.live, Journal.load(home / "first"))
        except Killed:
            pass
    return one, clock.steps
