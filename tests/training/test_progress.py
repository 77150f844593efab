"""What was solved, in one small file that is written whole and never taken for something else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mailflow.training import progress
from mailflow.training.progress import keep, read


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where it is kept for this test; nothing is there yet."""
    monkeypatch.setenv("MAILFLOW_DATA", str(tmp_path / "deep" / "data"))
    return tmp_path / "deep" / "data" / "training.json"


def test_nothing_is_known_at_first(file: Path) -> None:
    """No file is no trouble, and none is made by reading."""
    assert read() == progress.TrainingProgress({})
    assert not file.exists()


def test_what_is_kept_is_read_back(file: Path) -> None:
    """The last time, and how often; other cases stay."""
    assert keep("case-1", 0, 7, 1) == ""
    assert keep("case-2", 0, 3, 0) == ""
    assert keep("case-1", 5, 4, 0) == ""

    solved = read().solved
    assert list(solved) == ["case-1", "case-2"]
    assert (solved["case-1"].seed, solved["case-1"].tries, solved["case-1"].times) == (5, 4, 2)
    assert [one.name for one in file.parent.iterdir()] == ["training.json"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"schema": "mailflow.training/2", "solved": {}}',
        '{"schema": "mailflow.training/1"}',
        '{"schema": "mailflow.training/1", "solved": {"case-1": {"nix": 1}}}',
        '{"schema": "mailflow.training/1", "solved": {"case-1": 3}}',
        '{"schema": "mailflow.training/1", "solved": 3}',
        "[" * 5000,
        "\xff",
    ],
)
def test_a_file_that_cannot_be_read_is_left_alone(file: Path, text: str) -> None:
    """It is said, on reading and on writing, and stays as it is."""
    file.parent.mkdir(parents=True)
    file.write_bytes(text.encode("latin-1"))

    assert str(file) in read().trouble
    assert str(file) in keep("case-1", 0, 1, 0)
    assert file.read_bytes() == text.encode("latin-1")


def test_a_folder_that_cannot_be_made_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is raised: the case is solved all the same."""
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("MAILFLOW_DATA", str(tmp_path / "file" / "data"))

    assert "Not saved" in keep("case-1", 0, 1, 0)


def test_it_lies_in_the_users_own_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without MAILFLOW_DATA: where the system keeps data of programs."""
    monkeypatch.delenv("MAILFLOW_DATA", raising=False)
    monkeypatch.setattr("platformdirs.user_data_dir", lambda name, **_: str(tmp_path / name))

    assert progress.file() == tmp_path / "mailflow" / "training.json"


def test_it_says_nothing_of_anybody(file: Path) -> None:
    """No name, no answer, no machine."""
    keep("case-1", 0, 7, 1)

    assert set(json.loads(file.read_text())["solved"]["case-1"]) == {
        *("at", "seed", "tries", "hints", "times")
    }
