"""A disk that is full at any step of a repair: nothing is lost, and nothing more is changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from applying import NEW, OLD, RELAYS, Bench, again, bench
from full_disk import fill
from mailflow.apply.journal import Journal
from mailflow.apply.outcome import outcome
from mailflow.apply.unfinished import look_back, of_server
from mailflow.apply.work import put_back
from mailflow.sources.shell import Call, Reply

JOURNAL = "mailflow.apply.journal"
STORE = "mailflow.snapshot.types"


def _observed(runs: Path) -> tuple[Bench, list[str]]:
    sent: list[str] = []

    def watch(_: str, call: Call, go_on: Callable[[], Reply]) -> Reply:
        if call.cmdlet == "Set-ReceiveConnector":
            sent.append(str(call.parameters["Identity"]))
        return go_on()

    return bench(runs, meddle=watch), sent


@pytest.mark.parametrize("room", [0, 1, 2, 3, 4, 5, 9])
def test_a_repair(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """Says what was changed, where the journal is and how to go on; with room again it rolls back.

    Nothing is sent that was not written down before.
    """
    one, sent = _observed(tmp_path)
    with monkeypatch.context() as patch:
        fill(patch, room, [JOURNAL])
        carried = one.work.carry_out(one.confirmed)

    folder = tmp_path / "first"
    changed = [name for name in RELAYS if one.listed(name) == NEW]
    assert changed == sent
    if room == 0:
        assert carried.journal is None
        assert "apply.json cannot be written (No space left" in carried.refused
        assert changed == []
        return
    assert carried.journal is not None
    told = carried.stopped
    assert f"the journal {folder / 'apply.json'} cannot be written (No space left" in told
    if changed:
        assert f"mailflow undo {folder}" in told
    else:
        assert "Nothing was changed" in told
    for name in changed:
        assert f"{name} on {name[:5]} is " in told
    kept = Journal.load(folder)
    assert kept.foreign == ""
    assert [each.note not in ("not begun", "refused") for each in kept.connectors] == [
        name in changed for name in RELAYS
    ] or len(changed) < len(RELAYS)
    found = outcome(one.org, one.found, one.proof, carried, queues=one.work.queues)
    assert found.exit_code in (1, 2)

    later = again(one.practice, tmp_path / "second")
    kept.owner = (0, 0.0)
    assert put_back(later.live, kept) == ""
    assert [later.listed(name) for name in RELAYS] == [OLD, OLD]


def test_the_snapshot_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without what it was proven from nothing is begun."""
    one, sent = _observed(tmp_path)
    fill(monkeypatch, 0, [STORE])

    carried = one.work.carry_out(one.confirmed)

    assert "snapshot cannot be written (No space left" in carried.refused
    assert sent == []


@pytest.mark.parametrize("room", [0, 1, 2])
def test_a_rollback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """It stops with the same words, and a second one goes on where it was."""
    one = bench(tmp_path)
    journal = one.work.carry_out(one.confirmed).journal
    assert journal is not None
    with monkeypatch.context() as patch:
        fill(patch, room, [JOURNAL])
        stopped = put_back(one.live, journal)

    back = [name for name in RELAYS if one.listed(name) == OLD]
    assert "cannot be written (No space left" in stopped
    for name in RELAYS:
        assert f"{name} on {name[:5]} is " in stopped
        assert (f"{name} on {name[:5]} is rolled back" in stopped) == (name in back)
    assert put_back(one.live, Journal.load(tmp_path / "first")) == ""
    assert [one.listed(name) for name in RELAYS] == [OLD, OLD]


def test_what_an_earlier_start_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journal that cannot be ended is told, and the others with it."""
    one = bench(tmp_path, limit=0)
    journal = one.work.carry_out(one.confirmed).journal
    assert journal is not None
    journal.owner = (0, 0.0)
    journal.connectors[0].note = "done"
    journal.ended = None
    journal.keep()
    fill(monkeypatch, 0, [JOURNAL])
    org = one.live.collect(lambda _: None)

    (found,) = look_back(tmp_path, org, read=of_server(one.live), now=one.live.now())

    assert "cannot be written (No space left" in found.problem
