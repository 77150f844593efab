"""A run, a snapshot and a rollback killed at any moment: whole files, and the state told rightly.

A repair that is killed stands in `test_fix_and_verify.py`; with these it makes 500 moments.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from applying import NEW, OLD, RELAYS
from command_line import saved
from killed import Command, call, ended, kill, lasts, moments, started
from killed_repair import HASTE, Errand, work_on
from mailflow.apply.journal import FILE, Journal
from mailflow.apply.unfinished import look_back, of_server
from mailflow.runs.folder import is_complete
from mailflow.simulated.endpoints import PASSWORD
from mailflow.snapshot import load
from organisations import article, healthy
from serving import Served, served

FEW, MANY = 5, 125
"""How often each is killed, marked long and marked hours."""

# -- A run -----------------------------------------------------------------------------------------


def _run_command(home: Path) -> Command:
    arguments = ("run", "mail_stuck_in_queue", "demo:article", "--ticket", "INC7")
    return Command(arguments, str(home))


def _json(key: str) -> Callable[[Path], object]:
    return lambda file: json.loads(file.read_text("utf-8"))[key]


def _page(file: Path) -> None:
    assert file.read_text("utf-8").rstrip().endswith("</html>")


def _screen(file: Path) -> None:
    text = file.read_text("utf-8")
    assert text.startswith("SIMULATED DATA")
    assert text.endswith("\n")


WHOLE: dict[str, Callable[[Path], object]] = {
    "manifest.json": _json("complete"),
    "snapshot": load,
    "notebook.ipynb": _json("cells"),
    "findings.json": _json("verdict"),
    "report.html": _page,
    "summary.txt": _screen,
}
"""The files of a run, in the order in which they come, each with what fails unless it is whole."""


def _left_by_a_run(folder: Path) -> str:
    """Check a folder that a killed run left; the last file that is there."""
    files = [one.name for one in folder.iterdir() if not one.name.startswith(".")]
    assert set(files) <= set(WHOLE), files
    for name in files:
        WHOLE[name](folder / name)
    said = folder / "manifest.json"
    claims = said.exists() and WHOLE["manifest.json"](said) is True
    assert is_complete(folder) == claims
    assert not claims or set(files) == set(WHOLE)
    if claims:
        return "complete"
    return next((name for name in reversed(WHOLE) if name in files), "nothing")


def _kill_runs(home: Path, rounds: int, seed: int) -> set[str]:
    runs, seen = home / "runs", set()
    length = lasts(call, _run_command(home))
    known = set(runs.iterdir())
    for number, after in enumerate(moments(rounds, seed, length)):
        kill(started(call, _run_command(home)), after, children=number % 2 == 0)
        new = set(runs.iterdir()) - known
        known |= new
        assert len(new) <= 1
        for folder in new:
            state = _left_by_a_run(folder)
            seen.add(state)
            _told_of_a_run(home, folder, state)
        if number % 5 == 4 or number == rounds - 1:
            code, said = ended(_run_command(home))
            (folder,) = set(runs.iterdir()) - known
            known.add(folder)
            assert (code, is_complete(folder)) == (1, True), said
            assert folder.name in said
    return seen


def _told_of_a_run(home: Path, folder: Path, state: str) -> None:
    """What the commands that take a run folder say of it."""
    code, undone = ended(Command(("undo", str(folder)), str(home)))
    assert code == 3, undone
    assert "changed nothing" in undone
    code, said = ended(Command(("diagnose", str(folder)), str(home)))
    assert code == (1 if (folder / "snapshot").exists() else 3), said
    for one in (undone, said) if (folder / "manifest.json").exists() else ():
        assert ("not complete" in one) == (state != "complete"), one


@pytest.mark.long
def test_runs_killed_at_random_moments(tmp_path: Path) -> None:
    """Each file is whole or absent; the folder says that it is unfinished; the next run works."""
    assert _kill_runs(tmp_path, FEW, 1)


@pytest.mark.long
@pytest.mark.hours
def test_runs_killed_at_125_random_moments(tmp_path: Path) -> None:
    """The same, more often."""
    assert _kill_runs(tmp_path, MANY, 2) >= {"snapshot", "notebook.ipynb"}


# -- A snapshot ------------------------------------------------------------------------------------


def _kill_snapshots(home: Path, rounds: int, seed: int) -> set[str]:
    """How often the file was the one before, the new one, and beside one that is not whole."""
    old = saved(healthy(), home / "old")
    org = article()
    # Large, so that it takes a while to be written.
    org.connectors = [replace(one, comment="x" * 400_000) for one in org.connectors]
    source = saved(org, home / "source")
    place, seen = home / "kept", set()
    file = place / "tuesday.snapshot"
    command = Command(("snapshot", str(source), "--output", str(file)), str(home))
    place.mkdir()
    shutil.copy(old, file)
    length = lasts(call, command)
    before, after = old.read_bytes(), file.read_bytes()
    for moment in moments(rounds, seed, length, often=(0.4, 1)):
        shutil.rmtree(place)
        place.mkdir()
        shutil.copy(old, file)
        kill(started(call, command), moment)
        found = file.read_bytes()
        assert found in (before, after)
        seen.add("new" if found == after else "before")
        stray = [one for one in place.iterdir() if one != file]
        seen |= {"stray"} if stray else set()
        code, said = ended(Command(("diagnose", str(place)), str(home)))
        assert code == (1 if found == after else 0), said
        code, said = ended(command)
        assert (code, file.read_bytes()) == (2 if load(file).unread else 0, after), said
        assert load(file) == load(source)
        for one in stray:
            os.utime(one, (0, 0))  # nobody can be writing it any more
        code, said = ended(command)
        assert list(place.iterdir()) == [file], said
    return seen


def test_a_snapshot_is_killed(tmp_path: Path) -> None:
    """The file is the one before or the new one; what else was left is taken for none."""
    assert _kill_snapshots(tmp_path, 2, 7)


@pytest.mark.long
def test_snapshots_killed_at_random_moments(tmp_path: Path) -> None:
    """The same at more of them."""
    assert _kill_snapshots(tmp_path, FEW, 3)


@pytest.mark.long
@pytest.mark.hours
def test_snapshots_killed_at_125_random_moments(tmp_path: Path) -> None:
    """The same, more often: each that may be was met."""
    assert _kill_snapshots(tmp_path, MANY, 4) == {"before", "new", "stray"}


# -- A rollback ------------------------------------------------------------------------------------


@contextmanager
def _repaired(home: Path) -> Iterator[tuple[Served, Errand, Command]]:
    """A repair that came to its end, and the command that rolls it back."""
    with served(speed=60 * HASTE) as one:
        reach = one.endpoints
        errand = Errand(reach.source, reach.options, reach.env[PASSWORD], str(home / "first"))
        work, _ = work_on(errand)
        work.carry_out({one.identity: one.both_sha256 for one in work.proof.changes})
        assert one.lists() == [NEW, NEW]
        confirmed = [part for name in RELAYS for part in ("--confirm", name)]
        arguments = ("undo", str(home / "first"), *reach.args, *confirmed)
        yield one, errand, Command(arguments, str(home), dict(reach.env))


def _kill_rollback(home: Path, after: float) -> tuple[str, ...]:
    home.mkdir()
    with _repaired(home) as (one, errand, command):
        kill(started(call, command), after)
        time.sleep(0.2)  # what the server has taken by then it does
        truth = tuple("rolled back" if each == OLD else "verified" for each in one.lists())
        second = Errand(errand.source, errand.options, errand.password, str(home / "second"))
        work, _ = work_on(second)
        live = replace(work.live, servers=work.org.servers)
        told = look_back(home, work.org, read=of_server(live), now=live.now())
        if told:
            assert tuple(each.state for each in told[0].standings) == truth
        else:
            assert truth in (("rolled back",) * 2, ("verified",) * 2)
            assert Journal.load(home / "first").ended
        code, said = ended(command)
        assert code == 0, said
        assert one.lists() == [OLD, OLD]
        assert all(f"{name}: rolled back" in said for name in RELAYS), said
        code, said = ended(command)
        assert code == 0, said
        assert one.lists() == [OLD, OLD]
        assert json.loads((home / "first" / FILE).read_text("utf-8"))["ended"]
        assert look_back(home, work.org, now=live.now()) == ()
    return truth


def _kill_rollbacks(home: Path, rounds: int, seed: int) -> set[tuple[str, ...]]:
    (home / "length").mkdir()
    with _repaired(home / "length") as (_, _, command):
        length = lasts(call, command)
    return {
        _kill_rollback(home / str(number), after)
        for number, after in enumerate(moments(rounds, seed, length, often=(0.3, 0.8)))
    }


@pytest.mark.long
def test_rollbacks_killed_at_random_moments(tmp_path: Path) -> None:
    """The next start tells each connector rightly; the next `undo` goes on to the old values."""
    assert _kill_rollbacks(tmp_path, FEW, 5)


@pytest.mark.long
@pytest.mark.hours
def test_rollbacks_killed_at_125_random_moments(tmp_path: Path) -> None:
    """The same, more often: every state that there may be was met."""
    assert _kill_rollbacks(tmp_path, MANY, 6) == {
        ("verified", "verified"),
        ("verified", "rolled back"),
        ("rolled back", "rolled back"),
    }
