"""A disk that is full at any step of a headless run: one message, the right code, nothing lost."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace

import pytest

import mailflow.runs
from applying import NEW, OLD, RELAYS, bench
from full_disk import fill
from mailflow.apply.journal import Journal
from mailflow.apply.work import put_back
from mailflow.errors import RunError, UsageError
from mailflow.repairing import conclude_repair
from mailflow.runs import run
from mailflow.runs.keeping import Keeper
from mailflow.runs.kernel import Stop
from mailflow.this_run import RUN_FOLDER

PARENT = ("mailflow.runs", "mailflow.runs.folder", "mailflow.runs.keeping")
SNAPSHOT = "mailflow.snapshot.types"


@pytest.mark.parametrize("room", [0, 1])
def test_before_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    """Nothing is run and nothing stays: wrong usage, as where no folder can be made."""
    fill(monkeypatch, room, [*PARENT, SNAPSHOT])

    with pytest.raises(UsageError, match=r"cannot be written .No space left"):
        run("mail_stuck_in_queue", "demo:article", runs=tmp_path / "runs")

    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize("room", [2, 5, 100])
def test_a_run_that_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """A save that fails does not stop it; where the report cannot be written, it says so: 2."""
    fill(monkeypatch, room, [*PARENT, SNAPSHOT])

    if room == 100:
        assert run("mail_stuck_in_queue", "demo:article", runs=tmp_path).exit_code == 1
        return
    with pytest.raises(RunError) as caught:
        run("mail_stuck_in_queue", "demo:article", runs=tmp_path)

    assert "the files of this run cannot be written (No space left" in str(caught.value)
    assert caught.value.further == ("Nothing was changed on any server.",)
    assert caught.value.exit_code == 2


def test_after_a_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names what was changed, on which server, the journal, and both ways to roll back."""
    one = bench(tmp_path / "practice", limit=0)

    def execute(_notebook: Path, output: Path, *_: object, **_others: object) -> Stop:
        one.work.folder = lambda: output.parent
        one.work.carry_out(one.confirmed)
        fill(monkeypatch, 0, PARENT)
        return Stop("findings.json cannot be written")

    monkeypatch.setattr(mailflow.runs, "execute", execute)
    with pytest.raises(RunError) as caught:
        run("fix_and_verify", "demo:article", runs=tmp_path / "ru ns")

    (folder,) = (tmp_path / "ru ns").iterdir()
    assert [one.listed(name) for name in RELAYS] == [NEW, NEW]
    assert "Findings.json cannot be written. Make room there" in str(caught.value)
    first, *lines = caught.value.further
    assert first == f"Journal of what was changed: {folder / 'apply.json'}"
    for name in RELAYS:
        assert any(re.match(rf"{re.escape(name)} on {name[:5]} is changed", line) for line in lines)
        assert any(line.startswith(f'Set-ReceiveConnector "{name}"') for line in lines)
    assert lines[-1] == f"mailflow undo '{folder}'"
    assert put_back(one.live, Journal.load(folder)) == ""
    assert [one.listed(name) for name in RELAYS] == [OLD, OLD]


@pytest.mark.parametrize("room", [0, 1])
def test_before_the_first_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int
) -> None:
    """A journal in which nothing is begun, or none: it is said that nothing was changed."""
    one = bench(tmp_path / "practice", limit=0)

    def execute(_notebook: Path, output: Path, *_: object, **_others: object) -> Stop:
        one.work.folder = lambda: output.parent
        fill(monkeypatch, room, ["mailflow.apply.journal"])
        one.work.carry_out(one.confirmed)
        fill(monkeypatch, 0, PARENT)
        return Stop("it is full.")

    monkeypatch.setattr(mailflow.runs, "execute", execute)
    with pytest.raises(RunError, match=r"\. It is full\. Make room") as caught:
        run("fix_and_verify", "demo:article", runs=tmp_path / "runs")

    assert caught.value.further == ("Nothing was changed on any server.",)
    assert [one.listed(name) for name in RELAYS] == [OLD, OLD]


def test_the_last_cell_tells_what_was_done(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the kernel alone knows reaches the terminal by its error."""
    monkeypatch.setenv(RUN_FOLDER, str(tmp_path))
    fill(monkeypatch, 0, ["mailflow.closing"])
    outcome = SimpleNamespace(as_json=dict, summary="EX16A\\Relay: changed and read back.")
    work = SimpleNamespace(outcome=outcome)

    with pytest.raises(RunError, match=r"findings.json cannot be written .*EX16A\\Relay: changed"):
        conclude_repair(work)  # type: ignore[arg-type]


def test_the_notebook_that_is_there_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A save that fails leaves the one before it whole, and is known until one succeeds."""
    keeper = Keeper(tmp_path / "notebook.ipynb")
    keeper.write("first", "")
    with monkeypatch.context() as patch:
        fill(patch, 0, ["mailflow.runs.keeping"])
        keeper.write("second", "")

    assert (keeper.path.read_text(), str(keeper.fault)[:10]) == ("first", "[Errno 28]")
    keeper.write("third", "")
    assert (keeper.path.read_text(), keeper.fault) == ("third", None)
