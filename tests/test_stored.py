"""What an earlier version stored is read for ever: snapshots, a run folder, journals."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import mailflow.opening
from applying import NEW, OLD, RELAYS, SOURCE, Bench, bench
from command_line import Screen
from mailflow import cli
from mailflow.apply.journal import FILE, FOREIGN, Journal, journals
from mailflow.apply.unfinished import look_back
from mailflow.apply.work import put_back
from mailflow.opening import open_source
from mailflow.runs.folder import is_complete
from mailflow.snapshot import TABLES, Snapshot, load
from mailflow.views.verdict import from_json
from stored_data import (
    AGAIN,
    FINDINGS,
    differences,
    golden,
    read_json,
    scenario_names,
    stored_snapshots,
    versions,
)

SNAPSHOTS = pytest.mark.parametrize(
    "file", stored_snapshots(), ids=lambda one: f"{one.parent.parent.name}-{one.name}"
)
VERSIONS = pytest.mark.parametrize("version", versions(), ids=lambda one: one.name)


@pytest.mark.parametrize("name", scenario_names())
def test_every_scenario_gives_its_stored_findings(name: str) -> None:
    """Verdict, causes, servers, connectors, senders, addresses, queues, repair and undo."""
    stored = read_json(FINDINGS)[name]

    assert list(differences(stored, golden(open_source(f"demo:{name}")))) == [], AGAIN


def test_no_stored_findings_are_left_over() -> None:
    """A scenario that is gone takes its findings with it."""
    assert sorted(read_json(FINDINGS)) == sorted(scenario_names())


@SNAPSHOTS
def test_a_stored_snapshot_gives_its_stored_findings(file: Path) -> None:
    """Whatever a later version reads besides: what is not in the file accuses nobody."""
    stored = read_json(file.parent.parent / "findings.json")[file.name]

    assert list(differences(stored, golden(open_source(str(file))))) == [], AGAIN


def _columns(document: Any, table: str) -> dict[str, list[Any]]:  # noqa: ANN401 - parsed JSON
    held = document["tables"][table]
    return {
        name: [row[place] for row in held["rows"]] for place, name in enumerate(held["columns"])
    }


@SNAPSHOTS
def test_a_stored_snapshot_keeps_its_tables(file: Path) -> None:
    """Every value of every column is the one in the file; more rows may be missing data alone."""
    stored = read_json(file)
    org = load(file)
    now = org.document()

    found = []
    for table in stored["tables"]:
        for name, values in _columns(stored, table).items():
            got = _columns(now, table)[name]
            kept = got[: len(values)] if table == "unread" else got
            found += differences(values, kept, f"{table}.{name}")
    assert found == []
    around = ("origin", "taken", "cmdlets", "inputs", "ignored")
    assert [now[name] for name in around] == [stored[name] for name in around]


@SNAPSHOTS
def test_a_stored_snapshot_gives_every_frame(file: Path) -> None:
    """With the columns and types that this version declares."""
    org = load(file)

    for table, columns in TABLES.items():
        assert [str(one) for one in org.frame(table).dtypes] == list(columns.values()), table


@VERSIONS
def test_every_table_is_stored(version: Path) -> None:
    """A table without a row would hold nothing of what later versions must read."""
    document = read_json(version / "snapshots/everything")

    assert [name for name, table in document["tables"].items() if not table["rows"]] == []


# --- a run folder ---------------------------------------------------------------------------------


@VERSIONS
def test_a_stored_run_folder_is_a_source(version: Path) -> None:
    """The snapshot is read; the documents beside it are named and ignored."""
    org = open_source(str(version / "run"))

    assert org.servers == load(version / "run/snapshot").servers
    assert {place for _, place in org.ignored} == {"findings.json", "manifest.json"}
    assert golden(org) == read_json(version / "findings.json")["article"]


@VERSIONS
def test_a_stored_run_counts_as_complete(version: Path) -> None:
    """Its manifest says so, and its findings are read as the findings they were."""
    found = from_json(read_json(version / "run/findings.json"))

    assert is_complete(version / "run")
    assert found.verdict == "found"
    assert len(found.findings) > 2


# --- journals -------------------------------------------------------------------------------------


def _runs(version: Path, home: Path) -> Path:
    """The stored journals as the folder of runs of somebody who goes on with them."""
    runs = home / "runs"
    shutil.copytree(version / "journals", runs)
    return runs


def _as_the_repair_left_it(home: Path, *ranges: str, both: bool) -> tuple[Bench, Snapshot]:
    """The practice organization at which the journals were written, with these lists set."""
    one = bench(home)
    for connector in RELAYS if both else RELAYS[:1]:
        one.relist(connector, *ranges)
    return one, replace(one.live.collect(lambda _: None), origin=SOURCE)


@VERSIONS
def test_stored_journals_are_read(version: Path, tmp_path: Path) -> None:
    """Lists, notes, queues; and nobody works on them."""
    found = {}
    for one in journals(_runs(version, tmp_path)):
        assert isinstance(one, Journal), one
        (change,) = one.connectors[0].changes
        assert change.as_json() == {
            "identity": RELAYS[0],
            "parameter": "RemoteIPRanges",
            "old": list(OLD),
            "new": list(NEW),
        }
        assert not one.is_being_worked_on
        found[one.folder.name] = (
            [entry.note for entry in one.connectors],
            [(each.queue, each.before, each.state) for each in one.queues],
        )

    drained = [("EX10A\\1187", 131, "drained"), ("EX10B\\902", 83, "drained")]
    waiting = [("EX10A\\1187", None, "waiting"), ("EX10B\\902", None, "waiting")]
    assert found == {
        "begun": (["begun", "not begun"], waiting),
        "done": (["verified"] * 2, drained),
        "rolled-back": (["put back"] * 2, drained),
    }


@VERSIONS
def test_a_stored_interruption_is_told(version: Path, tmp_path: Path) -> None:
    """The next start tells of the one that was interrupted, and of no other.

    It has no digest: by what was read alone, and to continue it somebody has to take it.
    """
    one, org = _as_the_repair_left_it(tmp_path, *NEW, both=False)

    (told,) = look_back(_runs(version, tmp_path), org, now=one.live.now())

    assert told.folder.name == "begun"
    assert [each.state for each in told.standings] == ["done, not verified", "not begun"]
    assert told.can_go_on
    assert told.foreign.startswith(FOREIGN)


@VERSIONS
def test_a_stored_journal_is_rolled_back(version: Path, tmp_path: Path) -> None:
    """Both ways: what was done wholly, and what was interrupted."""
    runs = _runs(version, tmp_path)
    for name, both in (("begun", False), ("done", True)):
        one, _ = _as_the_repair_left_it(tmp_path / name, *NEW, both=both)
        assert put_back(one.live, Journal.load(runs / name)) == ""
        assert [one.listed(each) for each in RELAYS] == [OLD, OLD], name


@VERSIONS
def test_the_command_undo_reads_a_stored_run(
    version: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`mailflow undo` of a run that an earlier version left: only once somebody takes it."""
    runs = _runs(version, tmp_path)
    one, _ = _as_the_repair_left_it(tmp_path, *NEW, both=True)
    monkeypatch.setattr(mailflow.opening, "live_organisation", lambda *_, **__: one.live)
    confirmed = [f"--confirm={name}" for name in RELAYS]
    shown = []
    for options in ([], ["--foreign"]):
        with pytest.raises(SystemExit) as left:
            cli.main(["undo", str(runs / "done"), "--user", "anna", *confirmed, *options])
        shown.append(Screen(int(left.value.code or 0), *capsys.readouterr()))

    assert [each.code for each in shown] == [3, 0], shown
    assert "by an earlier version of mailflow" in shown[0].err
    assert [one.listed(each) for each in RELAYS] == [OLD, OLD]
    assert (runs / "done" / FILE).is_file()
