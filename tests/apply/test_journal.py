"""The journal: what it holds, and what is made of one that is damaged."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from applying import NEW, OLD, RELAYS, again, bench
from kinds import KINDS, practice_with
from mailflow import budget
from mailflow.analysis.change import printed
from mailflow.apply.journal import FILE, SCHEMA, DamagedError, Journal, UnwrittenError, journals
from mailflow.errors import InputError

NOW = datetime(2026, 11, 23, 14, 2, tzinfo=UTC)


def _begun(folder: Path) -> Journal:
    one = bench(folder)
    (folder / "first").mkdir()
    return Journal.begin(
        folder / "first",
        "winrm://ex16a",
        one.proof.changes,
        ["EX10A\\1187", "EX10A\\1187"],
        ticket="INC1",
        now=NOW,
    )


def test_it_comes_back_as_it_was(tmp_path: Path) -> None:
    """Old and new lists, queues once each, who works on it, and what was noted."""
    written = _begun(tmp_path)
    written.note(RELAYS[0], "done", "because", controller="dc1")

    read = Journal.load(tmp_path / "first")

    assert read == written
    assert [one.queue for one in read.queues] == ["EX10A\\1187"]
    (change,) = read.connectors[0].changes
    assert change.as_json() == {
        "identity": RELAYS[0],
        "parameter": "RemoteIPRanges",
        "old": list(OLD),
        "new": list(NEW),
    }
    assert (read.connectors[0].note, read.connectors[0].why) == ("done", "because")
    assert read.connectors[0].controller == "dc1"


@pytest.mark.parametrize(
    "damage",
    [
        {"schema": "mailflow.apply/9"},
        {"schema": None},
        {"connectors": [{}]},
        {"connectors": None},
        {"connectors": {"EX16A": 1}},
        {"queues": [{"what": 1}]},
        {"queues": [{"queue": "EX10A\\1187", "left": "many"}]},
        {"process": {}},
        {"process": {"id": "me", "began": 1.0}},
        {"process": {"id": 1, "began": "yesterday"}},
        {"process": {"id": 1, "began": 10**400}},
        {"snapshot": 5},
        {"source": None},
        {"ended": True},
    ],
)
def test_a_damaged_one_is_told(tmp_path: Path, damage: dict[str, Any]) -> None:
    """The file is named; nothing is guessed."""
    file = _begun(tmp_path).file
    file.write_text(json.dumps(json.loads(file.read_text()) | damage))

    with pytest.raises(InputError, match=r"apply\.json"):
        Journal.load(tmp_path / "first")
    (found,) = journals(tmp_path)
    assert isinstance(found, InputError)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe{", b"[" * 100_000])
def test_what_is_no_journal_is_told(tmp_path: Path, content: bytes) -> None:
    """Any other file of this name is named, in one line."""
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / FILE).write_bytes(content)

    (found,) = journals(tmp_path)

    assert isinstance(found, DamagedError)
    assert found.folder == tmp_path / "first"
    assert FILE in str(found)
    assert "\n" not in str(found)


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    """A directory, a pipe that nobody writes to, a file that is far too large: none is read."""
    for name in ("directory", "large", "pipe"):
        (tmp_path / name).mkdir()
    (tmp_path / "directory" / FILE).mkdir()
    with (tmp_path / "large" / FILE).open("wb") as file:
        file.truncate(2**40)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe" / FILE)

    found = list(journals(tmp_path))

    assert all(isinstance(one, DamagedError) for one in found)
    assert ["it is not a file" in str(one) for one in found] == [True, False, True][: len(found)]
    assert "1,099,511,627,776 bytes" in str(found[1])


def test_what_is_wrong_is_told_in_one_line(tmp_path: Path) -> None:
    """However long, and whatever it holds: nothing of it begins a line or turns one around."""
    file = _begun(tmp_path).file
    document = json.loads(file.read_text())
    document["connectors"][0] |= {"connector": "EX16A\\A\n\u202eB" + "x" * 9_999, "note": "no"}
    file.write_text(json.dumps(document))

    (found,) = journals(tmp_path)

    assert isinstance(found, DamagedError)
    assert str(found).isprintable()
    assert "EX16A\\A\\x0a\\u202eBxxx" in str(found)
    assert len(str(found)) < len(str(file)) + 400


@pytest.mark.parametrize("process", [(10**30, 1.0), (-5, 1.0), (1, float("inf"))])
def test_a_process_that_cannot_be(tmp_path: Path, process: tuple[int, float]) -> None:
    """Nobody works on it."""
    journal = _begun(tmp_path)
    journal.owner = process

    assert not journal.is_being_worked_on


def test_text_of_a_file_is_no_command(tmp_path: Path) -> None:
    """Commands are computed from the values; what the file has in their place is not shown."""
    file = _begun(tmp_path).file
    document = json.loads(file.read_text())
    good = [one["undo"] for one in document["connectors"]]
    for one in document["connectors"]:
        one["command"] = one["undo"] = "Remove-ReceiveConnector *"
    file.write_text(json.dumps(document))

    read = Journal.load(tmp_path / "first")
    read.keep()

    assert [one.undo for one in read.connectors] == good
    assert "Remove" not in file.read_text()


def test_a_hostile_one_is_not_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that unfolds to too much is told like a damaged one, before anything is made of it."""
    _begun(tmp_path).file.write_text('{"schema":[' + "[]," * 10_000 + "[]]}")
    monkeypatch.setattr(budget, "LEAST_MEMORY", 1000)

    with pytest.raises(InputError, match=r"apply\.json: holds more values"):
        Journal.load(tmp_path / "first")
    (found,) = journals(tmp_path)
    assert isinstance(found, InputError)


def test_a_higher_number_says_what_to_do(tmp_path: Path) -> None:
    """The file, its number, the number that is read, the next action."""
    file = _begun(tmp_path).file
    file.write_text(file.read_text().replace(SCHEMA, "mailflow.apply/3"))

    with pytest.raises(InputError) as caught:
        Journal.load(tmp_path / "first")

    assert str(file) in str(caught.value)
    assert "schema mailflow.apply/3" in str(caught.value)
    assert f"reads {SCHEMA}; use the newer version" in str(caught.value)


def test_an_unknown_note_is_told(tmp_path: Path) -> None:
    """What was done with a connector is not guessed."""
    file = _begun(tmp_path).file
    file.write_text(file.read_text().replace('"not begun"', '"half done"'))

    with pytest.raises(InputError, match="no such note: 'half done'"):
        Journal.load(tmp_path / "first")


def test_what_a_newer_version_wrote_is_kept(tmp_path: Path) -> None:
    """Keys of the journal, of a connector, of a queue: there after the next step as well."""
    file = _begun(tmp_path).file
    document = json.loads(file.read_text())
    for one in (document, document["connectors"][1], document["queues"][0]):
        one["parameter"] = {"new": [1]}
    file.write_text(json.dumps(document))
    journal = Journal.load(tmp_path / "first")
    journal.note(RELAYS[0], "done")
    written = json.loads(file.read_text())

    assert written["connectors"][0]["note"] == "done"
    for one in (written, written["connectors"][1], written["queues"][0]):
        assert one["parameter"] == {"new": [1]}
    assert Journal.load(tmp_path / "first") == journal


def test_what_a_way_back_does_not_need_may_be_missing(tmp_path: Path) -> None:
    """Without ticket, times, queues and words it is one that was not ended."""
    journal = _begun(tmp_path)
    document = json.loads(journal.file.read_text())
    for name in ("ticket", "started", "ended", "queues"):
        del document[name]
    for one in document["connectors"]:
        for name in ("command", "undo", "controller", "why"):
            del one[name]
    journal.file.write_text(json.dumps(document))

    read = Journal.load(tmp_path / "first")

    assert [printed(one.old["RemoteIPRanges"]) for one in read.connectors] == [list(OLD)] * 2
    assert (read.ticket, read.started, read.ended, read.queues) == ("", "", None, [])
    assert not read.is_being_worked_on


@pytest.mark.parametrize("name", ["source", "process", "connectors"])
def test_what_a_journal_must_hold(tmp_path: Path, name: str) -> None:
    """Whose it is, who works on it, what is changed: the missing key is named."""
    file = _begun(tmp_path).file
    document = json.loads(file.read_text())
    del document[name]
    file.write_text(json.dumps(document))

    with pytest.raises(InputError, match=rf"no key '{name}'"):
        Journal.load(tmp_path / "first")


@pytest.mark.parametrize(
    "name", ["connector", "server", "changes", "note", "old_sha256", "new_sha256"]
)
def test_what_a_rollback_needs(tmp_path: Path, name: str) -> None:
    """Without values, their hash or what was done there is none: the missing key is named."""
    file = _begun(tmp_path).file
    document = json.loads(file.read_text())
    del document["connectors"][1][name]
    file.write_text(json.dumps(document))

    with pytest.raises(InputError, match=rf"no key '{name}'"):
        Journal.load(tmp_path / "first")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"old": "Tls"}, "no value of RemoteIPRanges"),
        ({"new": ["10.0.5.0/24", 5]}, "no value of RemoteIPRanges"),
        ({"new": ["10.0.5.0/240"]}, "10.0.5.0/240"),
        ({"new": None}, "no value of RemoteIPRanges"),
        ({"parameter": "Banner"}, "no such parameter: 'Banner'"),
        ({"parameter": "Enabled"}, "no value of Enabled"),
        ({"parameter": ["Enabled"]}, "no such parameter"),
    ],
)
def test_a_change_that_is_none(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    """A parameter that this version never sets, and a value that it cannot have."""
    file = _begun(tmp_path).file
    document = json.loads(file.read_text())
    document["connectors"][1]["changes"][0] |= change
    file.write_text(json.dumps(document))

    with pytest.raises(InputError, match=re.escape(why)):
        Journal.load(tmp_path / "first")


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_comes_back(tmp_path: Path, kind: str) -> None:
    """Old and new value of each parameter, as JSON holds them, with the hashes of the edit."""
    proof = again(practice_with(kind), tmp_path / "none").proof
    written = Journal.begin(tmp_path, "winrm://ex16a", proof.changes, [], now=NOW)

    read = Journal.load(tmp_path)

    assert read == written
    for entry, edit in zip(read.connectors, proof.changes, strict=True):
        assert entry.changes == edit.changes
        assert (entry.old_sha256, entry.new_sha256) == (edit.sha256, edit.new_sha256)
        assert (entry.command, entry.undo) == (edit.command, edit.undo)


def test_a_list_that_was_meddled_with(tmp_path: Path) -> None:
    """A list that its hash does not fit is no old list to put back."""
    file = _begun(tmp_path).file
    file.write_text(file.read_text().replace("10.0.5.0/24", "10.0.0.0/8"))

    with pytest.raises(InputError, match="not those of its hashes"):
        Journal.load(tmp_path / "first")


def test_whether_somebody_works_on_it(tmp_path: Path) -> None:
    """Another process that is alive does; this one, a dead one and an ended one do not."""
    journal = _begun(tmp_path)
    assert not journal.is_being_worked_on, "this process itself"
    script = "import psutil;print(psutil.Process().create_time(),flush=True);input()"
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        journal.owner = other.pid, float(other.stdout.readline())
        alive = journal.is_being_worked_on
        journal.owner = other.pid, journal.owner[1] - 100
        reused = journal.is_being_worked_on
        journal.owner = other.pid, journal.owner[1] + 100
        journal.ended = "2026"
        ended = journal.is_being_worked_on
        journal.ended = None
        other.communicate("\n")

    assert (alive, reused, ended) == (True, False, False)
    assert not journal.is_being_worked_on, "it is gone"


def test_it_is_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full leaves the journal as it was."""
    journal = _begun(tmp_path)
    before = journal.file.read_text()

    def full(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fdopen", full)
    with pytest.raises(UnwrittenError, match="no space"):
        journal.note(RELAYS[0], "done")

    assert journal.file.read_text() == before
