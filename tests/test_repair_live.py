"""Random faulty organisations are repaired by their own proposal, over the real protocol.

Read by an unmodified pywinrm or pypsrp, proven, changed through the same doors, tried again, and
read once more: the mail is gone, and what the proof claimed is all that is different.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from far.endpoints import FaultyEndpoints, serve
from faulty import check_claim, faulty_practice
from kinds import KINDS, practice_with
from mailflow.analysis.assessment import SHADOWED
from mailflow.apply.live import LiveOrganisation
from mailflow.apply.outcome import outcome
from mailflow.apply.verification import with_their_rights
from mailflow.apply.work import Work
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.opening import live_organisation
from mailflow.repair.claim import Proof
from mailflow.repair.simulation import applied
from mailflow.repairing import queues_to_retry
from mailflow.simulated.practice import Practice
from mailflow.snapshot import Snapshot
from mailflow.views.behaviour import compare
from mailflow.views.findings import findings
from mailflow.views.proposal import prove_proposal

BY_ITSELF = timedelta(minutes=15)
"""Longer than the longest wait for a retry that nobody asks for (section 4.6)."""


def within_reach(served: FaultyEndpoints, practice: Practice, road: str) -> LiveOrganisation:
    """The organisation over the wire; waiting lets its own time pass."""
    live = live_organisation(served.sources[road], served.options)
    return replace(live, wait=lambda seconds: practice.advance(timedelta(seconds=seconds)))


def waiting(practice: Practice) -> dict[str, int]:
    """The queues with messages, and how many."""
    queues = practice.organisation.queues
    return {one.identity: len(one.messages) for one in queues if one.messages}


def as_sets(org: Snapshot) -> dict[str, ReceiveConnector]:
    """Each connector, with its lists in one order: the server keeps none (section 1.4)."""
    return {
        one.identity: replace(
            one,
            ranges=tuple(sorted(set(one.ranges), key=lambda each: (each.family, each.first))),
            bindings=tuple(sorted(one.bindings, key=str)),
        )
        for one in org.connectors
    }


def repair(number: int, home: Path) -> Proof:
    """One random organisation with a fault of lists, from the first look at it to the last."""
    practice = faulty_practice(number)
    before, after, proof = repaired(practice, home)
    assert not [
        one for one in findings(after).findings if (one.cause, one.state) == (SHADOWED, "found")
    ]
    assert check_claim(before, after, proof) > 0
    return proof


def repaired(
    practice: Practice, home: Path, road: str = "winrm"
) -> tuple[Snapshot, Snapshot, Proof]:
    """Read, proven, changed and read again; before, after, and what was claimed."""
    with serve(practice) as served, pytest.MonkeyPatch.context() as patch:
        for variable, value in served.env.items():
            patch.setenv(variable, value)
        live = within_reach(served, practice, road)
        before = live.collect(lambda _: None)
        assert before.unread == ()
        found = findings(before)
        proof = prove_proposal(before, found)
        queues = queues_to_retry(found)
        full = waiting(practice)

        work = Work(before, proof, live, home, lambda: home, queues)
        carried = work.carry_out({one.identity: one.both_sha256 for one in proof.changes})
        left = waiting(practice)
        practice.advance(BY_ITSELF)

    after = carried.after
    assert after is not None, carried
    assert after.unread == ()
    done = outcome(before, found, proof, carried, queues=queues)
    assert done.state == "verified", done.summary
    # The repair repairs.
    assert proof.holds
    assert proof.repaired
    assert queues
    assert set(queues) <= set(full)
    assert not set(queues) & set(left)
    assert not {one.identity for one in after.queues if one.message_count} & set(queues)
    assert waiting(practice) == {}
    # What was claimed came about, and nothing else.
    assert carried.journal is not None
    expected = applied(before, proof.changes)
    assert (
        compare(with_their_rights(expected, after, carried.journal.connectors), after).state
        == "same"
    )
    assert compare(before, after).state == "different"
    assert as_sets(after) == as_sets(applied(before, proof.changes))
    assert (after.servers, after.addresses, after.components) == (
        *(before.servers, before.addresses, before.components),
    )
    touched = [one for one in proof.changes if "PermissionGroups" in one.parameters]
    assert (after.rights == before.rights) == (not touched)
    return before, after, proof


def roads_of(kind: str) -> list[pytest.ParameterSet]:
    """Both roads; of the second one the first kind in the ordinary run."""
    marks = [] if kind == next(iter(KINDS)) else [pytest.mark.long]
    return [
        pytest.param(kind, "winrm", id=kind),
        pytest.param(kind, "exchange", id=f"{kind}, exchange", marks=marks),
    ]


@pytest.mark.parametrize(("kind", "road"), [one for kind in KINDS for one in roads_of(kind)])
def test_each_kind_of_fault_is_repaired(kind: str, road: str, tmp_path: Path) -> None:
    """Every parameter that a repair sets, over the wire, as its proof claims."""
    before, after, proof = repaired(practice_with(kind), tmp_path, road)

    assert [(one.identity, one.parameters) for one in proof.changes] == KINDS[kind].sets
    assert findings(after).verdict == "clear"
    assert before.rights, "rights of setup's own connectors as well"
    assert proof.state == "known"
    assert not [one for one in proof.moved if one.effect.loses or one.effect.not_known]


@pytest.mark.parametrize("number", range(0, 27, 9))
def test_a_faulty_organisation_is_repaired(number: int, tmp_path: Path) -> None:
    """By its own proposal, and nothing outside the proof's claim is any different."""
    repair(number, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("number", [one for one in range(27) if one % 9])
def test_more_are_repaired(number: int, tmp_path: Path) -> None:
    """The same for more of them; in 14 a server may also catch itself (S4.65)."""
    repair(number, tmp_path)


def test_a_sender_that_is_caught_at_some_addresses_alone(tmp_path: Path) -> None:
    """One of its addresses is caught for certain, another at some of the target's: both go."""
    repair(111, tmp_path)


@pytest.mark.parametrize(
    "kind", ["no Exchange authentication", "a custom connector of the other role"]
)
def test_a_repair_that_moves_others_says_so(kind: str, tmp_path: Path) -> None:
    """Hosts that may do more afterwards, or are accepted at all: the claim names their blocks."""
    assert repaired(practice_with(kind), tmp_path)[2].moved


@pytest.mark.long
@pytest.mark.hours
@pytest.mark.parametrize("number", range(27, 300))
def test_many_more_are(number: int, tmp_path: Path) -> None:
    """The same for all that a night has time for."""
    repair(number, tmp_path)
