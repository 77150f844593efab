"""The proof of what the findings propose: proven, unknown, or why there is none."""

from __future__ import annotations

import pytest

from mailflow.repair.simulation import RefusedError
from mailflow.views.findings import findings
from mailflow.views.proposal import prove_findings, prove_proposal
from organisations import article, healthy


def test_the_proof_is_the_one_that_the_repair_rests_on() -> None:
    """What is printed is what was proven: one proof, not a second one."""
    read = article().snapshot()
    found = findings(read)

    assert found.plan is not None
    assert prove_proposal(read, found) is found.plan.proof


def test_no_change_at_all() -> None:
    """Nothing found: nothing to prove, and nobody is answered differently."""
    read = healthy().snapshot()
    proof = prove_findings(read, findings(read))

    assert (proof.exit_code, proof.holds, proof.compared) == (0, True, ())
    assert "There is no change to make." in proof.summary


def test_findings_that_are_unknown_leave_the_repair_unknown() -> None:
    """A cut list without the servers in it: there may be a repair, and it is not known."""
    org = healthy().change(r"EX16A\Relay", ranges_complete=False)
    read = org.snapshot()
    proof = prove_findings(read, findings(read))

    assert (proof.changes, proof.state, proof.exit_code) == ((), "unknown", 2)


def test_a_repair_of_a_cut_list_is_unknown() -> None:
    """What Exchange would say of the whole list nobody can tell: not refused, unknown."""
    org = article().change(r"EX16A\Relay", ranges_complete=False).remove(r"EX16B\Relay")
    read = org.snapshot()
    proof = prove_findings(read, findings(read))

    assert [one.kind for one in proof.refused] == ["unread"]
    assert (proof.exit_code, proof.holds) == (2, False)


def test_what_was_not_read_speaks_before_what_is_refused() -> None:
    """Contract, section 4: 2, for with the whole list there may be a repair."""
    org = article().change(r"EX16A\Relay", ranges_complete=False)
    org.add_relay("EX16B", "10.0.5.0/24", name="Old", enabled=False)
    read = org.snapshot()
    proof = prove_findings(read, findings(read))

    assert [one.kind for one in proof.refused] == ["unread", "refused"]
    assert (proof.state, proof.exit_code, proof.holds) == ("unknown", 2, False)


def test_a_repair_that_is_refused_is_an_error() -> None:
    """Contract, section 4: 3, in Exchange's words; there is one repair of all, or none."""
    read = article().add_relay("EX16A", "10.0.5.0/24", name="Old", enabled=False).snapshot()

    proof = prove_proposal(read, findings(read))
    assert [one.kind for one in proof.refused] == ["refused"]
    assert (proof.changes, proof.exit_code) == ((), 0)
    with pytest.raises(RefusedError, match="must have a unique combination") as caught:
        prove_findings(read, findings(read))
    assert caught.value.exit_code == 3


def test_a_repair_that_lists_alone_do_not_make() -> None:
    """C13: the default is enabled and the relay released in one; each server gets in."""
    org = article().change(r"EX16A\Default Frontend EX16A", enabled=False).remove(r"EX16B\Relay")
    read = org.snapshot()
    proof = prove_findings(read, findings(read))

    assert (proof.exit_code, proof.holds, proof.refused) == (1, True, ())
    assert [str(one) for one in proof.changes] == [
        r"Enable EX16A\Default Frontend EX16A.",
        r"Remove 10.0.0.11 and 10.0.0.12 from RemoteIPRanges of EX16A\Relay.",
    ]
    assert [one.sender for one in proof.repaired] == ["EX10A", "EX10B"]
