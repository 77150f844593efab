"""A repair in a notebook: when it asks, when it does it, and what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

import mailflow
from applying import NEW, OLD, RELAYS, Bench, bench
from mailflow.repairing import RepairUnderWay, apply_changes, runs_folder
from mailflow.show.widgets.following import Following
from mailflow.this_run import RUN_FOLDER, RUNS


def _repair(one: Bench, confirmed: Sequence[str] = (), *, apply: bool = True) -> RepairUnderWay:
    return apply_changes(
        one.org, one.found, one.proof, apply=apply, confirmed=confirmed, live=one.live
    )


@pytest.fixture
def headless(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a headless run."""
    folder = tmp_path / "runs" / "one"
    folder.mkdir(parents=True)
    monkeypatch.setenv(RUN_FOLDER, str(folder))
    return folder


@pytest.fixture
def operated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A notebook with somebody before it; the folder of run folders."""
    monkeypatch.delenv(RUN_FOLDER, raising=False)
    monkeypatch.setenv(RUNS, str(tmp_path / "runs"))
    return tmp_path / "runs"


def test_headless_and_confirmed(headless: Path) -> None:
    """Name and hash were given: done at once, in the run's own folder, findings kept."""
    one = bench(headless.parent)

    work = _repair(one, [f"{name}={sha}" for name, sha in one.confirmed.items()])
    card = mailflow.conclude_repair(work)

    assert work.outcome.state == "verified"
    assert work.folder == headless
    assert (headless / "apply.json").is_file()
    assert '"exit_code": 0' in (headless / "findings.json").read_text()
    assert "Repaired and verified" in str(card)
    assert "VERIFIED" in str(card)


def test_another_list_than_the_one_that_was_proven(headless: Path) -> None:
    """The hash does not fit: refused, and nothing is changed."""
    one = bench(headless.parent)

    work = _repair(one, [f"{RELAYS[0]}={'0' * 64}"])

    assert work.outcome.state == "refused"
    assert one.listed(RELAYS[0]) == OLD
    assert not (headless / "apply.json").exists()


def test_headless_asks_nobody(headless: Path) -> None:
    """Without a confirmation it is a change request, and no widget is made."""
    work = _repair(bench(headless.parent))

    assert not work.is_asking
    assert set(work._repr_mimebundle_()) == {"text/html", "text/plain"}
    assert work.outcome.state == "proposed"
    assert "no connector was confirmed" in work.outcome.summary


def test_not_without_apply(operated: Path) -> None:
    """With somebody there, but without `apply`: nothing is asked."""
    work = _repair(bench(operated), apply=False)

    assert not work.is_asking
    assert work.outcome.state == "proposed"
    assert not operated.exists()


def test_only_a_live_organisation() -> None:
    """Captures can't be changed, and that is said."""
    org = mailflow.open("demo:article")
    found = mailflow.findings(org)

    work = apply_changes(org, found, mailflow.prove(org, found), apply=True)

    assert not work.can_be_asked_for
    assert "only on a live organization" in work.outcome.summary


def test_asked_in_a_notebook(operated: Path) -> None:
    """The question stands there; the names are typed, the button pressed: all of it happens."""
    one = bench(operated)
    work = _repair(one)
    assert work.is_asking
    assert "application/vnd.jupyter.widget-view+json" in work._repr_mimebundle_()
    changed, card = mailflow.what_changed(work), mailflow.conclude_repair(work)
    assert isinstance(changed, Following)
    assert isinstance(card, Following)
    assert "PROPOSED" in repr(card)
    told: list[str] = []
    work.follow(lambda: told.append(work.outcome.state))

    box = work.box
    box.widget  # noqa: B018 - what looking at it does
    for name in RELAYS:
        box.fields[name].value = name
    box.button.click()

    assert told == ["verified"]
    assert [one.listed(name) for name in RELAYS] == [NEW, NEW]
    assert "VERIFIED" in repr(card)
    assert "accepted (was: failing)" in " ".join(repr(changed).split())
    (folder,) = operated.iterdir()
    assert folder.name.endswith("-fix_and_verify")
    assert {file.name for file in folder.iterdir()} == {"apply.json", "findings.json", "snapshot"}
    assert not work.is_asking, "asked once, and not again"


def test_queues_that_were_chosen_later(operated: Path) -> None:
    """What the widget holds when it is confirmed counts, not what it held when it was shown."""
    one = bench(operated)
    chosen = SimpleNamespace(value=("EX10A\\1187", "EX10B\\902"))
    work = apply_changes(one.org, one.found, one.proof, apply=True, live=one.live, queues=chosen)
    chosen.value = ("EX10B\\902",)

    done = work.carry_out(RELAYS)

    assert [entry.queue for entry in done.watched] == ["EX10B\\902"]
    assert one.waiting("EX10A\\1187") > 0


def test_where_run_folders_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside this run's; as the command says; beside `notebooks/`; else in the working folder."""
    (tmp_path / "notebooks").mkdir()
    monkeypatch.delenv(RUN_FOLDER, raising=False)
    monkeypatch.delenv(RUNS, raising=False)

    monkeypatch.chdir(tmp_path)
    assert runs_folder() == tmp_path / "runs"
    monkeypatch.chdir(tmp_path / "notebooks")
    assert runs_folder() == tmp_path / "runs"
    monkeypatch.setenv(RUNS, str(tmp_path / "mine"))
    assert runs_folder() == tmp_path / "mine"
    monkeypatch.setenv(RUN_FOLDER, str(tmp_path / "theirs" / "one"))
    assert runs_folder() == tmp_path / "theirs"


def test_the_proof_is_one_of_another_moment(headless: Path) -> None:
    """A cut list can't be written: nothing is proposed, so nothing can be confirmed."""
    one = bench(headless.parent)
    cut = replace(
        one.org,
        connectors=tuple(
            replace(each, ranges_complete=False) if each.identity in RELAYS else each
            for each in one.org.connectors
        ),
    )
    found = mailflow.findings(cut)

    work = apply_changes(cut, found, mailflow.prove(cut, found), apply=True, live=one.live)

    assert not work.can_be_asked_for
    assert (work.outcome.state, work.outcome.exit_code) == ("no change proposed", 1)
    assert "Not proposed" in work.outcome.summary


@pytest.mark.parametrize("name", mailflow.__all__)
def test_no_public_name_is_one_of_a_module(name: str) -> None:
    """Once imported, a package of this name would stand in the function's place."""
    assert find_spec(f"mailflow.{name}") is None
