"""Other ways to the same end: named, each with why it is worse, and never chosen."""

from __future__ import annotations

from mailflow.repair.alternatives import alternatives


def test_alternatives_are_named_and_never_chosen() -> None:
    """S3.34, S3.31, S1.31: each with why it is worse; none without a connector to blame."""
    named = alternatives([r"EX16A\Relay", r"EX16B\Relay"])

    assert len(named) == 4
    assert sum(r"EX16A\Relay and EX16B\Relay" in what for what, _ in named) == 3
    assert all(why for _, why in named)
    assert "relay hosts and servers then share a connector" in named[0][1].lower()
    assert r"where EX16A\Relay and EX16B\Relay" in named[2][1]
    assert alternatives([]) == ()
