"""mailflow training: the cases, and what was solved."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from command_line import Call
from mailflow.training import progress


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty data folder of a user."""
    monkeypatch.setenv("MAILFLOW_DATA", str(tmp_path))
    return tmp_path


def test_it_lists_the_cases(call: Call) -> None:
    """Neutral name, level, ticket, notebook, and where to begin; exit code 0."""
    actual = call("training")

    assert actual.code == 0
    assert "case-1 " in actual.out
    assert "training/case_13.ipynb" in actual.out
    assert "0 of 13 solved" in actual.out
    assert "mailflow lab training" in actual.out
    assert "mailflow lab case-1" in actual.out
    assert max(map(len, actual.out.splitlines())) <= 100
    assert actual.err == ""


def test_what_was_solved_is_marked(call: Call) -> None:
    """By the day; for machines with all that is known."""
    progress.keep("case-2", 3, 5, 1)

    assert "1 of 13 solved" in call("training").out
    document = json.loads(call("training", "--json").out)
    assert document["schema"] == "mailflow.cases/1"
    assert [one["case"] for one in document["cases"] if one["solved"]] == ["case-2"]
    assert document["cases"][1]["solved"]["seed"] == 3
    assert document["trouble"] is None


def test_an_unreadable_file_is_said(call: Call, data: Path) -> None:
    """The cases are listed all the same; nothing is taken for solved or for open."""
    (data / "training.json").write_text("{")

    actual = call("training")

    assert actual.code == 0
    assert "progress could not be read" in actual.err
    assert " ? " in actual.out
    assert "solved." not in actual.out
    assert json.loads(call("training", "--json").out)["trouble"]


def test_nothing_is_given_away(call: Call) -> None:
    """No cause, no telling name."""
    text = call("training").out + call("training", "--json").out

    assert "shadow" not in text
    assert "relay-" not in text
