"""The proof of the repair that the findings propose, or why there is none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mailflow.repair.claim import Proof
from mailflow.repair.impact import prove
from mailflow.repair.plan import Repair
from mailflow.repair.requested import read_change
from mailflow.repair.simulation import RefusedError
from mailflow.snapshot import Snapshot
from mailflow.this_run import run_folder
from mailflow.views.verdict import Diagnosis


def prove_proposal(org: Snapshot, found: Diagnosis, change: str = "") -> Proof:
    """What the repair of some findings does; without one, of no change, and why there is none.

    Args:
        org: the organization.
        found: its findings.
        change: a file with a change that somebody asks for, which is proven instead of the repair;
            empty: none. A bare name is looked for in the folder of the run first.

    Raises:
        InputError: the file holds no change.
        UsageError: it is none of this organization, or Exchange would refuse it.
    """
    if change:
        return replace(prove(org, read_change(_file(change), org)), is_asked=True)
    plan = found.plan or Repair()
    if plan.proof is not None:
        return plan.proof
    proof = prove(org, (), plan.refused)
    doubts = [each.text for each in plan.refused if each.kind == "unread"]
    if not plan.refused and found.verdict == "unknown":
        doubts = [each.reading for each in found.findings if each.state == "unknown"]
        doubts += [f"{each.server} {each.what}: {each.why}".strip() for each in found.unread]
    return replace(proof, doubts=tuple(dict.fromkeys(doubts)))


def _file(change: str) -> Path:
    folder = run_folder()
    kept = folder / change if folder else None
    return kept if kept and kept.is_file() else Path(change).expanduser()


def prove_findings(org: Snapshot, found: Diagnosis) -> Proof:
    """The same, for somebody who asks for the proposal alone.

    Raises:
        RefusedError: there is none, and no missing data would give one.
    """
    proof = prove_proposal(org, found)
    final = [each.text for each in proof.refused if each.kind != "unread"]
    if final and not proof.changes and len(final) == len(proof.refused):
        raise RefusedError(" ".join(final))
    return proof
