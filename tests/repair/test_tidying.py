"""The smallest list as a change: proven, with its rollback, and refused where something is open."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailflow.errors import UsageError
from mailflow.repair.simulation import applied
from mailflow.repair.tidying import not_listed, tidy_lists
from mailflow.snapshot import Unread
from organisations import healthy

RELAY = r"EX16A\Relay"


def test_a_shorter_list_comes_with_proof_and_rollback() -> None:
    """S1.14: three of five elements, and no host is handled differently."""
    ranges = "10.0.5.0/24, 10.0.5.7, 10.0.7.1, 10.0.7.2, 10.0.9.9"
    org = healthy().change(RELAY, ranges=ranges).snapshot()
    (found,) = tidy_lists(org, "ex16a\\relay")

    assert found.proof is not None
    assert (found.before, found.after, found.is_smallest) == (5, 3, True)
    assert (found.proof.moved, found.proof.reached, found.proof.doubts) == ((), (), ())
    (edit,) = found.proof.changes
    assert edit.command.endswith('"10.0.5.0/24","10.0.7.1-10.0.7.2","10.0.9.9"')
    assert edit.undo.endswith(ranges.replace(", ", '","') + '"')
    assert tidy_lists(applied(org, [edit]), RELAY)[0].proof is None


def test_the_smallest_already() -> None:
    """Nothing is proposed, and nothing left open."""
    (found,) = tidy_lists(healthy().snapshot(), RELAY)

    assert (found.proof, found.why_not, found.is_smallest) == (None, (), True)
    assert tidy_lists(healthy().snapshot()) == ()


def test_a_conflict_is_cleared_first() -> None:
    """S1.37: Exchange would refuse the change."""
    org = healthy().change(RELAY, ranges="10.0.5.0/24, 10.0.5.7")
    org.add_relay("EX16A", "10.0.5.200-10.0.6.3", name="Scanners")
    (found,) = tidy_lists(org.snapshot(), RELAY)

    assert found.proof is None
    assert "in conflict with EX16A\\Scanners" in found.claim


def test_a_cut_list_is_never_written() -> None:
    """What was not read may not be replaced."""
    org = healthy().change(RELAY, ranges="10.0.5.0/24, 10.0.5.7", ranges_complete=False)
    (found,) = tidy_lists(org.snapshot(), RELAY)

    assert found.proof is None
    assert "incomplete" in found.why_not[0]


def test_a_server_that_was_not_read_is_named() -> None:
    """Its lists are missing, not short."""
    org = healthy().snapshot()
    read = tuple(each for each in org.connectors if each.server != "EX16B")
    row = Unread("EX16B", "Get-ReceiveConnector", "timed out")
    org = replace(org, connectors=read, unread=(row,))

    assert any("EX16B" in text for text in not_listed(org))


def test_a_name_that_nobody_has() -> None:
    """The error names those that are there."""
    with pytest.raises(UsageError, match="Known: "):
        tidy_lists(healthy().snapshot(), r"EX16A\Nobody")
