"""Killed before or after any step: the next start tells truly where each connector stands."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from applying import NEW, OLD, RELAYS, Bench, again, bench, killed
from mailflow.apply.journal import Journal
from mailflow.apply.outcome import outcome
from mailflow.apply.unfinished import look_back, of_server
from mailflow.apply.work import put_back
from support import some_of


def _killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, *, back: bool = False
) -> tuple[Bench, int]:
    """The article's repair, or its rollback, that was killed at this step."""
    return killed(
        lambda meddle: bench(tmp_path, meddle=meddle), tmp_path, monkeypatch, at, back=back
    )


def _told(one: Bench, tmp_path: Path) -> list[str] | None:
    later = again(one.practice, tmp_path / "second")
    found = look_back(tmp_path, later.org, read=of_server(later.live), now=later.live.now())
    return [each.state for each in found[0].standings] if found else None


def _steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    return _killed(tmp_path / "count", monkeypatch, 10**9)[1]


thirds = pytest.mark.parametrize("first", some_of(range(1, 4)))
"""One third of the steps in the ordinary run; both ways on are in each."""


@thirds
def test_killed_at_every_step(first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each connector is told as what it truly is; then the repair goes on to its end, or back."""
    steps = _steps(tmp_path, monkeypatch)
    assert steps > 40
    seen = set()
    for at in range(first, steps + 1, 3):
        home = tmp_path / str(at)
        one, _ = _killed(home, monkeypatch, at)
        truth = ["not begun" if one.listed(name) == OLD else "there" for name in RELAYS]
        told = _told(one, home)
        if told is None:  # before its journal was there, or after it was ended
            assert truth[0] == truth[1], at
            ended = (home / "first" / "apply.json").exists()
            assert ended == (truth == ["there", "there"]), at
        else:
            # What was set and nothing beside it is verified by the next start itself.
            assert told == ["verified" if one == "there" else one for one in truth], at
            seen.add(tuple(told))
        _goes_on(one, home) if at % 2 else _goes_back(one, home)
    assert seen == {
        ("not begun", "not begun"),
        ("verified", "not begun"),
        ("verified", "verified"),
    }


def _goes_on(one: Bench, home: Path) -> None:
    """Run again: what is still proposed is done, what waits is tried, nothing is left to tell."""
    later = again(one.practice, home / "third")
    if later.confirmed:
        carried = later.work.carry_out(later.confirmed)
        found = outcome(later.org, later.found, later.proof, carried)
        assert found.state == "verified", found.summary
    else:  # the queues were tried, and drain on their own
        one.practice.advance(timedelta(minutes=2))
    assert [one.listed(name) for name in RELAYS] == [NEW, NEW]
    waiting = [one.waiting(name) for name in ("EX10A\\1187", "EX10B\\902")]
    assert max(waiting) < 5, "mail goes on coming in, and none of it stays"
    last = again(one.practice, home / "fourth")
    assert last.found.verdict == "clear"
    look_back(home, last.org, now=last.live.now())
    assert look_back(home, last.org, now=last.live.now()) == ()


def _goes_back(one: Bench, home: Path) -> None:
    """The way back from wherever it stands."""
    if (home / "first" / "apply.json").exists():
        assert put_back(one.live, Journal.load(home / "first")) == ""
    assert [one.listed(name) for name in RELAYS] == [OLD, OLD]


@thirds
def test_killed_at_every_step_of_the_way_back(
    first: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for the way back: it can be gone again until it is at its end."""
    total = _killed(tmp_path / "count", monkeypatch, 10**8, back=True)[1]
    steps = total - _steps(tmp_path / "plain", monkeypatch)
    assert steps > 20
    for at in range(first, steps + 1, 3):
        home = tmp_path / str(at)
        one, _ = _killed(home, monkeypatch, at, back=True)
        truth = ["rolled back" if one.listed(name) == OLD else "verified" for name in RELAYS]
        told = _told(one, home)
        if told is None:
            assert truth in (["rolled back"] * 2, ["verified"] * 2), at
        else:
            assert told == truth, at
        _goes_back(one, home)
