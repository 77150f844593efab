"""Run folders from the command line: list, open, clean."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest

from command_line import Call
from runs.test_kept import run


def test_list(call: Call, tmp_path: Path) -> None:
    """For people, and as JSON."""
    run(tmp_path, "20261001T000000Z-mail_stuck_in_queue-INC1")
    words = call("runs", "list", "--runs", tmp_path)
    document = json.loads(call("runs", "list", "--runs", tmp_path, "--json").out)

    assert words.code == 0
    assert "INC1" in words.out
    assert document["schema"] == "mailflow.runs/1"
    assert [each["ticket"] for each in document["runs"]] == ["INC1"]
    assert "No runs" in call("runs", "list", "--runs", tmp_path / "none").out


def test_open(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The latest, or the one that was named; nothing is opened that is not there."""
    opened: list[str] = []
    monkeypatch.setattr(click, "launch", opened.append)
    old = run(tmp_path, "20261001T000000Z-a-INC1")
    new = run(tmp_path, "20261101T000000Z-a-INC2")
    call("runs", "open", "--runs", tmp_path)
    call("runs", "open", "INC1", "--runs", tmp_path)
    missing = call("runs", "open", "INC3", "--runs", tmp_path)

    assert opened == [(folder / "report.html").as_uri() for folder in (new, old)]
    assert missing.code == 3
    assert "mailflow runs list" in missing.err


def test_clean(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks, unless told not to; an age that is none is refused."""
    folder = run(tmp_path, "20200101T000000Z-a", started="2020-01-01T00:00:00+00:00")
    monkeypatch.setattr(click, "confirm", lambda _: False)
    asked = call("runs", "clean", "--older-than", "30d", "--runs", tmp_path)
    still = folder.exists()
    wrong = call("runs", "clean", "--older-than", "a month", "--runs", tmp_path)
    done = call("runs", "clean", "--older-than", "4w", "--runs", tmp_path, "--yes")

    assert asked.code == 1
    assert still
    assert wrong.code == 3
    assert done.code == 0
    assert not folder.exists()
