"""The journal: what it holds, and what is made of one that is damaged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from applying import NEW, OLD, RELAYS, bench
from mailflow.apply.journal import Journal, journals
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
        {"connectors": [{}]},
        {"connectors": None},
        {"queues": [{"what": 1}]},
        {"process": {}},
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
    with pytest.raises(OSError, match="no space"):
        journal.note(RELAYS[0], "done")

    assert journal.file.read_text() == before
