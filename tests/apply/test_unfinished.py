"""What is told of earlier repairs at the next start."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from applying import NEW, RELAYS, Bench, again, bench
from mailflow.apply import journal as journal_module
from mailflow.apply.entry import ConnectorEntry
from mailflow.apply.journal import FOREIGN, Journal
from mailflow.apply.unfinished import look_back, peek, table
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.sources.shell import Call, Reply

NOW_IS = datetime(2026, 11, 25, tzinfo=UTC)


class Stopped(BaseException):
    """Ends a repair in the middle."""


def _stopped(home: Path) -> Bench:
    """A repair that ended after its first Set."""

    def meddle(_: str, call: Call, go_on: Callable[[], Reply]) -> Reply:
        reply = go_on()
        if call.cmdlet == "Set-ReceiveConnector":
            raise Stopped
        return reply

    one = bench(home, meddle=meddle)
    with pytest.raises(Stopped):
        one.work.carry_out(one.confirmed)
    return one


def test_it_is_told_with_the_way_back(tmp_path: Path) -> None:
    """One there and verified now, one as it was; the command of the way back for the first."""
    one = _stopped(tmp_path)
    org = again(one.practice, tmp_path / "second").org

    shown = table(look_back(tmp_path, org, now=NOW_IS))

    assert list(shown.frame["state"]) == ["verified", "not begun", *["waits in Retry"] * 2]
    assert list(shown.frame["command"]) == [
        one.proof.changes[0].undo,
        "",
        'Retry-Queue -Identity "EX10A\\1187"',
        'Retry-Queue -Identity "EX10B\\902"',
    ]
    assert "run this again" in shown.reading
    assert Journal.load(tmp_path / "first").ended is None, "the queues still wait"


def test_queues_that_drained_by_themselves(tmp_path: Path) -> None:
    """Exchange tried them again meanwhile: nothing is left to tell but once, and it is ended."""
    one = _stopped(tmp_path)
    one.relist(RELAYS[1], *NEW)
    one.practice.advance(timedelta(minutes=20))
    org = again(one.practice, tmp_path / "second").org

    (found,) = look_back(tmp_path, org, now=NOW_IS)

    assert found.queues == ()
    assert not found.can_go_on
    # The second list is the proven one as well, whoever set it.
    assert [each.state for each in found.standings] == ["verified", "verified"]
    assert look_back(tmp_path, org, now=NOW_IS) == ()


def test_a_look_ahead_writes_nothing(tmp_path: Path) -> None:
    """The same without verifying: what is there is not called verified."""
    one = _stopped(tmp_path)
    org = again(one.practice, tmp_path / "second").org
    before = (tmp_path / "first" / "apply.json").read_bytes()

    (found,) = peek(tmp_path, org)

    assert [each.state for each in found.standings] == ["done, not verified", "not begun"]
    assert (tmp_path / "first" / "apply.json").read_bytes() == before


def test_another_organisation_is_none_of_ours(tmp_path: Path) -> None:
    """Journals of another SOURCE are left alone."""
    one = _stopped(tmp_path)
    journal = Journal.load(tmp_path / "first")
    journal.source = "winrm://somewhere.else"
    journal.keep()

    assert look_back(tmp_path, one.org, now=NOW_IS) == ()


def test_something_else_changed_meanwhile(tmp_path: Path) -> None:
    """The new list is there, and so is another change: not verified, and it stays open."""
    one = _stopped(tmp_path)
    one.relist("EX16A\\Default Frontend EX16A", "10.0.0.0/8", "::/0")
    org = again(one.practice, tmp_path / "second").org

    (found,) = look_back(tmp_path, org, now=NOW_IS)

    assert [each.state for each in found.standings] == ["done, not verified", "not begun"]
    assert "10.0.0.0" in found.standings[0].entry.why or found.standings[0].entry.why
    assert Journal.load(tmp_path / "first").ended is None


def test_without_the_snapshot_nothing_is_verified(tmp_path: Path) -> None:
    """What it was proven from is lost: told, and nothing is said of its connectors."""
    one = _stopped(tmp_path)
    (tmp_path / "first" / "snapshot").unlink()
    org = again(one.practice, tmp_path / "second").org

    (found,) = look_back(tmp_path, org, now=NOW_IS)

    assert found.standings == ()
    assert "no readable snapshot" in found.problem


def test_a_journal_that_cannot_be_read(tmp_path: Path) -> None:
    """It is named in the table, as not known."""
    one = _stopped(tmp_path)
    (tmp_path / "first" / "apply.json").write_text("{")

    shown = table(look_back(tmp_path, one.org, now=NOW_IS))

    assert list(shown.frame["run"]) == ["first"]
    assert list(shown.frame["state"]) == ["unknown"]
    assert "apply.json" in shown.frame["then"][0]


def _damage(runs: Path) -> None:
    """Journals beside a good one that nobody can read."""
    for name, content in {
        "cut": b"{",
        "foreign": b'{"schema": "terraform/4", "connectors": []}',
        "higher": b'{"schema": "mailflow.apply/3"}',
        "no-list": b"[]",
    }.items():
        (runs / name).mkdir()
        (runs / name / "apply.json").write_bytes(content)
    (runs / "folder" / "apply.json").mkdir(parents=True)


DAMAGED = ["cut", "folder", "foreign", "higher", "no-list"]


def test_damaged_ones_stop_no_other(tmp_path: Path) -> None:
    """Each is named once, in a row; the good one among them is told as if it were alone."""
    one = _stopped(tmp_path)
    _damage(tmp_path)
    org = again(one.practice, tmp_path / "second").org

    shown = table(look_back(tmp_path, org, now=NOW_IS)).frame
    ahead = peek(tmp_path, org)

    problems = shown[shown["state"] == "unknown"]
    assert list(problems["run"]) == DAMAGED
    assert all(
        f"{name}/apply.json" in Path(why).as_posix()
        for name, why in zip(problems["run"], problems["then"], strict=True)
    )
    assert list(shown[shown["run"] == "first"]["state"])[:2] == ["verified", "not begun"]
    assert [each.folder.name for each in ahead if each.problem] == DAMAGED
    assert [each.folder.name for each in ahead if each.can_go_on] == ["first"]


def test_damaged_ones_stop_no_repair(tmp_path: Path) -> None:
    """A repair goes on to its end beside them."""
    one = _stopped(tmp_path)
    _damage(tmp_path)
    later = again(one.practice, tmp_path / "second")

    carried = later.work.carry_out(later.confirmed)

    assert not carried.refused
    assert [one.listed(name) for name in RELAYS] == [NEW, NEW]


def test_one_that_is_worked_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process is at it: nothing is verified, and no second repair is begun beside it."""
    one = _stopped(tmp_path)
    monkeypatch.setattr(Journal, "is_being_worked_on", True)
    second = again(one.practice, tmp_path / "second")

    (found,) = look_back(tmp_path, second.org, now=NOW_IS)
    carried = second.work.carry_out(second.confirmed)

    assert found.problem == "a process still works on it"
    assert "in progress" in carried.refused
    assert second.listed(RELAYS[1]) == one.listed(RELAYS[1])


def _made_foreign(home: Path) -> None:
    file = home / "first" / "apply.json"
    document = json.loads(file.read_text()) | {"digest": ""}
    document["connectors"][0] |= {"note": "verified", "why": "paste: Remove-Item C:\\\\"}
    file.write_text(json.dumps(document))


def test_a_foreign_one_is_told_by_what_was_read(tmp_path: Path) -> None:
    """Neither verified nor written; no command and no word of it stands in the report."""
    one = _stopped(tmp_path)
    _made_foreign(tmp_path)
    org = again(one.practice, tmp_path / "second").org
    before = (tmp_path / "first" / "apply.json").read_bytes()

    (found,) = look_back(tmp_path, org, read=_nobody, now=NOW_IS)
    shown = table([found])

    assert found.can_go_on
    assert list(shown.frame["state"])[:2] == ["done, not verified", "not begun"]
    assert list(shown.frame["command"])[:2] == ["", ""]
    assert FOREIGN in shown.frame["then"][0]
    assert "Remove-Item" not in str(shown)
    assert "--foreign" in shown.reading
    assert (tmp_path / "first" / "apply.json").read_bytes() == before


def _nobody(entry: ConnectorEntry) -> ReceiveConnector | None:
    raise AssertionError(f"a server was asked for {entry.connector}")


def test_a_foreign_one_vouches_for_nothing(tmp_path: Path) -> None:
    """What was not read now is not known, whatever it says."""
    one = _stopped(tmp_path)
    _made_foreign(tmp_path)

    (found,) = peek(tmp_path, replace(one.org, connectors=()))

    assert [each.state for each in found.standings] == ["unknown", "unknown"]
    assert not found.can_go_on


def test_one_that_contradicts_its_snapshot_stops_no_other(tmp_path: Path) -> None:
    """It is named with what differs, and asked nothing; the good one is verified."""
    one = _stopped(tmp_path)
    shutil.copytree(tmp_path / "first", tmp_path / "other")
    journal = Journal.load(tmp_path / "other")
    journal.connectors[0].connector = "evil.example\\Relay"
    journal.connectors[0].server = "evil.example"
    journal.keep()
    org = again(one.practice, tmp_path / "second").org

    good, bad = look_back(tmp_path, org, now=NOW_IS)

    assert [each.state for each in good.standings] == ["verified", "not begun"]
    assert (bad.standings, bad.can_go_on) == ((), False)
    assert "the snapshot contains no server evil.example" in bad.problem


def test_one_that_cannot_be_written_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder without the right to write: told, and the other one is verified."""
    one = _stopped(tmp_path)
    shutil.copytree(tmp_path / "first", tmp_path / "other")
    org = again(one.practice, tmp_path / "second").org
    whole = journal_module.write_whole

    def write(path: Path, text: str) -> None:
        if path.parent.name == "first":
            raise PermissionError(13, "Permission denied")
        whole(path, text)

    monkeypatch.setattr(journal_module, "write_whole", write)

    bad, good = look_back(tmp_path, org, now=NOW_IS)

    assert "cannot be written (Permission denied)" in bad.problem
    assert [each.state for each in good.standings] == ["verified", "not begun"]


def test_no_runs_at_all(tmp_path: Path) -> None:
    """No folder, no row, a sentence."""
    one = bench(tmp_path)

    shown = table(look_back(tmp_path / "nowhere", one.org, now=NOW_IS))

    assert shown.frame.empty
    assert "Interrupted repairs: none." in str(shown)
