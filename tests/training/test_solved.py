"""The solved runs: made again by papermill, they show the same as those that are committed."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mailflow.training import solved
from mailflow.training.solved import check, clean, differences, keep, masked, shown
from support import ROOT


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All of them, made once by the command."""
    folder = tmp_path_factory.mktemp("solved")
    done = _command("--to", str(folder))
    assert done.returncode == 0, done.stderr
    return {one.name: json.loads(one.read_text("utf-8")) for one in folder.iterdir()}


def _command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mailflow.training.solved", *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT / "lib")},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.mark.long
def test_every_solved_run_is_what_comes_out(made: dict[str, Any]) -> None:
    """Text and tables, cell by cell; `python -m mailflow.training.solved` writes them anew."""
    assert check(made) == []


@pytest.mark.long
def test_every_case_is_solved_in_its_run(made: dict[str, Any]) -> None:
    """Every question right, nothing refused, and the debrief at the end."""
    for name, notebook in made.items():
        texts = shown(notebook)
        asked = {cell: text for cell, text in texts.items() if cell.startswith(("wh",))}

        assert [cell for cell, text in asked.items() if "Right." not in text] == [], name
        if name.startswith("case"):
            assert texts["debrief"].startswith("Solved"), name
        assert "Refused" not in texts["run-it"], name


def _make_only(notebook: Path, to: Path) -> subprocess.CompletedProcess[str]:
    """The command, as if there were no other notebook."""
    code = f"""
from pathlib import Path
from mailflow.training import solved
solved.notebooks = lambda: [Path({str(notebook)!r})]
raise SystemExit(solved.main())
"""
    return subprocess.run(
        [sys.executable, "-c", code, "--to", str(to)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "lib")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_solved_run_is_what_comes_out(tmp_path: Path) -> None:
    """The same for one case."""
    (path,) = (one for one in solved.notebooks() if one.name == "case_01.ipynb")
    done = _make_only(path, tmp_path)
    assert done.returncode == 0, done.stderr
    made, kept = (
        json.loads((one / path.name).read_text("utf-8")) for one in (tmp_path, solved.folder())
    )

    assert differences(made, kept) == []


def test_every_notebook_has_a_run() -> None:
    """The tour and each case; not the template."""
    names = [one.name for one in solved.notebooks()]

    assert names == sorted(one.name for one in solved.folder().glob("*.ipynb"))
    assert "first_tour.ipynb" in names
    assert solved.TEMPLATE not in names


def test_nothing_of_this_machine_is_kept() -> None:
    """No run's metadata, no times, no widget; each style once."""
    for path in solved.folder().glob("*.ipynb"):
        text = path.read_text("utf-8")
        styles = text.split("<style>")[1:]

        assert '"papermill"' not in text, path.name
        assert "widget-view" not in text, path.name
        assert '"start_time"' not in text, path.name
        assert len({one.partition("</style>")[0] for one in styles}) == len(styles), path.name


def test_a_difference_is_seen() -> None:
    """Another text or table, a cell more or less, a run more or less; a style is none."""
    path = next(iter(sorted(solved.folder().glob("*.ipynb"))))
    kept = json.loads(path.read_text("utf-8"))

    def other(change: Any) -> list[str]:  # noqa: ANN401 - a function of a notebook
        notebook = copy.deepcopy(kept)
        change(notebook)
        return differences(notebook, kept)

    cells = {one["id"]: place for place, one in enumerate(kept["cells"])}
    queues = cells["queues"]

    def words(notebook: Any) -> None:  # noqa: ANN401
        data = notebook["cells"][queues]["outputs"][0]["data"]
        data["text/html"] = data["text/html"].replace("131", "132")

    def style(notebook: Any) -> None:  # noqa: ANN401
        data = notebook["cells"][queues]["outputs"][0]["data"]
        data["text/html"] = "<style>b{}</style>" + data["text/html"]

    def gone(notebook: Any) -> None:  # noqa: ANN401
        del notebook["cells"][queues]

    assert other(lambda _: None) == []
    assert other(style) == []
    assert other(words)[0].startswith("cell queues: was ")
    assert other(gone) == ["cell queues: in one of them only"]
    assert any("not made yet" in one for one in check({"new.ipynb": kept}))
    assert any("no such notebook" in one for one in check({}))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0123456789abcdef0123456789abcdef", "<id>"),
        ("http://127.0.0.1:45678/x", "http://127.0.0.1:<port>/x"),
        ("took 0.25 s, then 13 ms", "took <time>, then <time>"),
        ("object at 0x7f12ab34cd", "object at <place>"),
        ("2 h 14 min, 10.0.0.11, S1.13, 14:02 UTC", "2 h 14 min, 10.0.0.11, S1.13, 14:02 UTC"),
    ],
)
def test_what_differs_from_run_to_run_is_masked(text: str, expected: str) -> None:
    """Widget ids, ports and durations; nothing that a learner reads."""
    assert masked(text) == expected


def test_a_run_is_cleaned() -> None:
    """Of several forms the richest stays; streams keep their text."""
    notebook = clean(
        {
            "metadata": {"kernelspec": {"name": "python3"}, "papermill": {}, "widgets": {}},
            "cells": [
                {
                    "cell_type": "code",
                    "id": "one",
                    "metadata": {"papermill": {}, "tags": ["injected-parameters"]},
                    "outputs": [
                        {"output_type": "stream", "name": "stdout", "text": ["a\n", "b"]},
                        {
                            "output_type": "execute_result",
                            "metadata": {"x": 1},
                            "data": {"text/plain": "x", "text/html": ["<p>x</p>"]},
                        },
                    ],
                }
            ],
        }
    )

    (cell,) = notebook["cells"]
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    assert (cell["id"], cell["metadata"]) == (
        "injected-parameters",
        {"tags": ["injected-parameters"]},
    )
    assert cell["outputs"][0]["text"] == "a\nb"
    assert cell["outputs"][1]["data"] == {"text/html": "<p>x</p>"}


def test_a_notebook_that_stops_is_named(tmp_path: Path) -> None:
    """With its cell and why; nothing is kept then."""
    path = tmp_path / "broken.ipynb"
    notebook = json.loads((solved.notebooks()[0]).read_text("utf-8"))
    for cell in notebook["cells"]:
        if cell["id"] == "which-queues":
            cell["source"] = ['lab.ask("no-such-question")']
    path.write_text(json.dumps(notebook))

    done = _make_only(path, tmp_path / "kept")

    assert done.returncode == 1
    assert "broken.ipynb, cell which-queues: no question is called" in done.stderr
    assert not (tmp_path / "kept").exists()


def test_keeping_takes_old_runs_away(tmp_path: Path) -> None:
    """Those whose notebook is gone."""
    (tmp_path / "old.ipynb").write_text("{}")

    keep({"new.ipynb": {"cells": []}}, tmp_path)

    assert [one.name for one in tmp_path.iterdir()] == ["new.ipynb"]
