"""A repair in a process of its own, to be killed.

It stands apart from the tests because the new process imports it by name; tests have none.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

from mailflow.apply.unfinished import that_can_go_on
from mailflow.apply.work import Work
from mailflow.opening import live_organisation
from mailflow.simulated.endpoints import PASSWORD
from mailflow.sources.credentials import LiveOptions
from mailflow.views.findings import findings
from mailflow.views.proposal import prove_proposal
from mailflow.views.verdict import Diagnosis

HASTE = 20
"""Time goes by so much faster, on both sides, while it waits for queues."""


@dataclass(frozen=True)
class Errand:
    """What a process that is killed was doing."""

    source: str
    options: LiveOptions
    password: str
    folder: str


def work_on(errand: Errand) -> tuple[Work, Diagnosis]:
    """Collect, prove, and be ready to carry it out."""
    os.environ[PASSWORD] = errand.password
    live = live_organisation(errand.source, errand.options)
    live = replace(live, wait=lambda seconds: time.sleep(seconds / HASTE))
    org = live.collect(lambda _: None)
    found = findings(org)
    folder = Path(errand.folder)

    def made() -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    queues = [queue for one in found.findings if one.state == "found" for queue in one.queues]
    left = [one.journal for one in that_can_go_on(folder.parent, org) if one.journal]
    work = Work(org, prove_proposal(org, found), live, folder.parent, made, queues, earlier=left)
    return work, found


def apply_all(errand: Errand, begun: object) -> None:
    """In a process of its own: all of it, confirmed."""
    work, _ = work_on(errand)
    begun.set()  # type: ignore[attr-defined]
    work.carry_out({one.identity: one.both_sha256 for one in work.proof.changes})
