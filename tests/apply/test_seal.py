"""Who wrote a journal: the key of a user, and what makes a journal foreign."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from applying import RELAYS, bench
from mailflow.apply import seal
from mailflow.apply.journal import FOREIGN, OTHER_SNAPSHOT, Journal

DOCUMENT = {"schema": "mailflow.apply/2", "source": "winrm://ex16a", "connectors": [1.5, "\ud800"]}


@pytest.fixture(autouse=True)
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The key file of a user who has none yet."""
    monkeypatch.setenv("MAILFLOW_DATA", str(tmp_path / "deep" / "data"))
    return tmp_path / "deep" / "data" / seal.FILE


def test_the_key_is_its_users_alone(key: Path) -> None:
    """Made by the first journal that is written, readable by nobody else, and kept."""
    assert not seal.is_ours(DOCUMENT, "")
    assert not key.exists(), "looking makes none"

    digest = seal.sealed(DOCUMENT)
    made = key.read_bytes()

    assert len(made) == 64
    if os.name == "posix":
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert seal.is_ours(DOCUMENT, digest)
    assert seal.sealed(DOCUMENT) == digest
    assert key.read_bytes() == made
    assert [one.name for one in key.parent.iterdir()] == [seal.FILE]


@pytest.mark.parametrize("digest", ["", None, 5, "é" * 64, "0" * 64])
def test_what_is_no_digest(digest: object) -> None:
    """Another text, and what is none."""
    seal.sealed(DOCUMENT)

    assert not seal.is_ours(DOCUMENT, digest)


def test_several_processes_at_once_make_one_key(key: Path) -> None:
    """All sign with the same one."""
    script = (
        "import sys; from mailflow.apply import seal; sys.stdin.readline(); "
        "print(seal.sealed({'one': 1}))"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", script],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(6)
    ]
    for one in started:
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    digests = {one.communicate()[0].strip() for one in started}

    assert digests == {seal.sealed({"one": 1})}
    assert [one.name for one in key.parent.iterdir()] == [seal.FILE]


def _no_links(*_: object) -> None:
    raise OSError("no hard links here")


@pytest.mark.parametrize("with_links", [True, False])
def test_the_first_key_stays(
    key: Path, monkeypatch: pytest.MonkeyPatch, *, with_links: bool
) -> None:
    """Whoever comes second takes it, also where the file system has no hard links."""
    if not with_links:
        monkeypatch.setattr(Path, "hardlink_to", _no_links)
    seal._make(key)
    first = key.read_bytes()
    seal._make(key)

    assert key.read_bytes() == first
    assert [one.name for one in key.parent.iterdir()] == [seal.FILE]


def test_a_key_is_written_whole_or_not_at_all(key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full leaves no key and no rest of one; the journal is then nobody's."""

    def full(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full)

    assert seal.sealed(DOCUMENT) == ""
    assert list(key.parent.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"00", b"g" * 64, b"0" * 65, b"\xff" * 64])
def test_a_damaged_key_is_none(key: Path, content: bytes) -> None:
    """Nothing is signed with it, and it is left as it is."""
    key.parent.mkdir(parents=True)
    key.write_bytes(content)

    assert seal.sealed(DOCUMENT) == ""
    assert not seal.is_ours(DOCUMENT, "")
    assert key.read_bytes() == content


def test_without_a_data_folder(tmp_path: Path) -> None:
    """It cannot be made: nothing is signed, and that is no error."""
    (tmp_path / "deep").write_text("a file")

    assert seal.sealed(DOCUMENT) == ""


# -- Journals --------------------------------------------------------------------------------------


def _done(home: Path) -> Journal:
    """A repair of this user that came to its end."""
    one = bench(home)
    one.work.carry_out(one.confirmed)
    return Journal.load(home / "first")


def test_ones_own_journal(tmp_path: Path) -> None:
    """It is not foreign, and remembers the domain controller that was written to."""
    journal = _done(tmp_path)

    assert journal.foreign == ""
    assert len(journal.snapshot) == 64
    assert all(one.controller for one in journal.connectors)


def test_the_copy_of_a_run_folder_is_ones_own(tmp_path: Path) -> None:
    """Where it lies says nothing."""
    folder = _done(tmp_path).folder

    assert Journal.load(folder.rename(tmp_path / "moved")).foreign == ""


def test_a_lost_key(tmp_path: Path, key: Path) -> None:
    """Foreign, with the file where the key was looked for; nothing fails."""
    folder = _done(tmp_path).folder
    key.unlink()

    assert Journal.load(folder).foreign == f"{FOREIGN} (there is no key of yours: {key})"
    seal.sealed(DOCUMENT)
    assert Journal.load(folder).foreign == FOREIGN


@pytest.mark.parametrize(
    "change",
    [
        {"digest": None},
        {"digest": ""},
        {"ticket": "INC2"},
        {"ended": None},
        {"source": "winrm://elsewhere.example"},
        {"newer": 1},
        {"queues": []},
        {"snapshot": "0" * 64},
    ],
)
def test_a_changed_journal(tmp_path: Path, change: dict[str, Any]) -> None:
    """Whatever was changed in it."""
    file = _done(tmp_path).file
    file.write_text(json.dumps(json.loads(file.read_text()) | change))

    journal = Journal.load(file.parent)

    assert journal.foreign == FOREIGN
    assert not any(one.controller for one in journal.connectors), "a host that somebody named"


def test_another_form_of_the_same(tmp_path: Path) -> None:
    """Blanks and the order of keys mean nothing."""
    file = _done(tmp_path).file
    file.write_text(json.dumps(json.loads(file.read_text()), sort_keys=True, indent=9))

    assert Journal.load(file.parent).foreign == ""


def test_another_snapshot(tmp_path: Path) -> None:
    """It names the hosts to log on to: it belongs to what was signed."""
    journal = _done(tmp_path)
    snapshot = journal.folder / "snapshot"
    snapshot.write_text(snapshot.read_text().replace("10.0.9.9", "10.0.9.8") + " ")

    assert Journal.load(journal.folder).foreign == OTHER_SNAPSHOT


def test_a_foreign_journal_stays_foreign(tmp_path: Path) -> None:
    """Whoever goes on with it does not make it their own."""
    file = _done(tmp_path).file
    file.write_text(json.dumps(json.loads(file.read_text()) | {"digest": ""}))
    Journal.load(file.parent).note(RELAYS[0], "done")

    assert Journal.load(file.parent).foreign == FOREIGN


def test_a_foreign_one_is_confirmed_by_all_it_holds(tmp_path: Path) -> None:
    """The hash of a connector's values takes only one's own."""
    own = _done(tmp_path)
    entry = own.connectors[0]
    assert own.confirmation(entry) == entry.new_sha256

    own.foreign = FOREIGN
    first = own.confirmation(entry)
    own.ticket = "INC2"

    assert first != entry.new_sha256
    assert own.confirmation(entry) not in (first, own.confirmation(own.connectors[1]))
