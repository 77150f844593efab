"""Random faulty organisations are repaired by their own proposal, over the real protocol.

Read by an unmodified pywinrm, proven, changed through the same doors, tried again, and read once
more: the mail is gone, and what the proof claimed is all that is different.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from faulty import check_claim, faulty_practice, stuck_queues
from mailflow.apply.live import LiveOrganisation
from mailflow.apply.outcome import outcome
from mailflow.apply.work import Work
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.lab.endpoints import Endpoints, serve
from mailflow.lab.practice import Practice
from mailflow.opening import live_organisation
from mailflow.snapshot import Snapshot
from mailflow.steps.behaviour import compare
from mailflow.steps.change import applied
from mailflow.steps.claim import Proof
from mailflow.steps.findings import findings
from mailflow.steps.paths import SHADOWED
from mailflow.steps.proof import prove_proposal

BY_ITSELF = timedelta(minutes=15)
"""Longer than the longest wait for a retry that nobody asks for (section 4.6)."""


def within_reach(served: Endpoints, practice: Practice) -> LiveOrganisation:
    """The organisation over the wire; waiting lets its own time pass."""
    live = live_organisation(served.source, served.options)
    return replace(live, wait=lambda seconds: practice.advance(timedelta(seconds=seconds)))


def waiting(practice: Practice) -> dict[str, int]:
    """The queues with messages, and how many."""
    queues = practice.organisation.queues
    return {one.identity: len(one.messages) for one in queues if one.messages}


def settings(org: Snapshot) -> list[ReceiveConnector]:
    """The connectors without their lists."""
    return [replace(one, ranges=()) for one in org.connectors]


def repair(number: int, home: Path) -> Proof:
    """One random faulty organisation, from the first look at it to the last."""
    practice = faulty_practice(number)
    with serve(practice) as served, pytest.MonkeyPatch.context() as patch:
        for variable, value in served.env.items():
            patch.setenv(variable, value)
        live = within_reach(served, practice)
        before = live.collect(lambda _: None)
        assert before.unread == ()
        found = findings(before)
        proof = prove_proposal(before, found)
        queues = stuck_queues(found)
        full = waiting(practice)

        work = Work(before, proof, live, home, lambda: home, queues)
        carried = work.carry_out({one.identity: one.sha256 for one in proof.changes})
        left = waiting(practice)
        practice.advance(BY_ITSELF)

    after = carried.after
    assert after is not None, carried
    assert after.unread == ()
    done = outcome(before, found, proof, carried, queues=queues)
    assert done.state == "verified", done.summary
    # The repair repairs.
    again = findings(after)
    assert proof.holds
    assert proof.repaired
    assert set(queues) <= set(full)
    assert not set(queues) & set(left)
    assert not {one.identity for one in after.queues if one.message_count} & set(queues)
    assert waiting(practice) == {}
    assert not [one for one in again.findings if (one.cause, one.state) == (SHADOWED, "found")]
    # What was claimed came about, and nothing else.
    assert compare(applied(before, proof.changes), after).state == "same"
    assert compare(before, after).state == "different"
    assert check_claim(before, after, proof) > 0
    assert settings(after) == settings(before)
    touched = {one.identity: set(one.after.ranges) for one in proof.changes}
    old = {one.identity: set(one.ranges) for one in before.connectors}
    assert {one.identity: set(one.ranges) for one in after.connectors} == old | touched
    assert (after.rights, after.servers, after.addresses, after.components) == (
        *(before.rights, before.servers, before.addresses, before.components),
    )
    return proof


@pytest.mark.parametrize("number", range(0, 27, 3))
def test_a_faulty_organisation_is_repaired(number: int, tmp_path: Path) -> None:
    """By its own proposal, and nothing outside the proof's claim is any different."""
    repair(number, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("number", [one for one in range(27) if one % 3])
def test_more_are_repaired(number: int, tmp_path: Path) -> None:
    """The same for more of them."""
    repair(number, tmp_path)


def test_a_sender_that_is_caught_at_some_addresses_alone(tmp_path: Path) -> None:
    """One of its addresses is caught for certain, another at some of the target's: both go."""
    repair(111, tmp_path)


@pytest.mark.parametrize("number", [31, 62])
def test_a_repair_that_moves_others_says_so(number: int, tmp_path: Path) -> None:
    """Rare, for the smallest change moves servers alone; here the claim names blocks of others."""
    assert repair(number, tmp_path).moved


@pytest.mark.long
@pytest.mark.hours
@pytest.mark.parametrize("number", range(27, 300))
def test_many_more_are(number: int, tmp_path: Path) -> None:
    """The same for all that a night has time for."""
    repair(number, tmp_path)
