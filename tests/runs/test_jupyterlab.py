"""How `mailflow lab` starts JupyterLab; what that comes to in a browser is in tests/browser."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest
from click.testing import CliRunner

from mailflow.cli import cli
from mailflow.errors import UsageError
from mailflow.runs import jupyterlab, working_copy
from mailflow.runs.jupyterlab import DEFAULTS, command, environment
from mailflow.runs.kept import kept_runs, older_than
from mailflow.this_run import RUN_FOLDER, RUN_FROM, RUNS
from support import ROOT

HOUR = timedelta(hours=1)
HERE = {"PYTHONPATH": str(ROOT / "lib")}
Started = list[tuple[list[str], dict[str, str]]]
NOTEBOOK = ROOT / "notebooks" / "mail_stuck_in_queue.ipynb"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Started:
    """What would have been started, in a folder of its own: arguments and environment."""
    calls: Started = []

    def run(argv: list[str], environ: dict[str, str]) -> int:
        calls.append((argv, environ))
        return 0

    monkeypatch.setattr(jupyterlab, "run", run)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MAILFLOW_DATA", str(tmp_path / "data"))
    monkeypatch.delenv(RUNS, raising=False)
    return calls


def page_of(argv: list[str]) -> Path:
    """The notebook that a command line opens."""
    named = dict(each.lstrip("-").partition("=")[::2] for each in argv if "=" in each)
    page = named["LabApp.default_url"].removeprefix("/lab/tree/")
    return Path(named["ServerApp.root_dir"], unquote(page))


def test_users_places_come_behind_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Our folder is put before the user's places and replaces none of them."""
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/somewhere/else")
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", "/somewhere/.jupyter")
    made = environment(tmp_path)

    assert made["JUPYTER_CONFIG_PATH"].split(os.pathsep) == [str(DEFAULTS), "/somewhere/else"]
    assert made["JUPYTER_CONFIG_DIR"] == "/somewhere/.jupyter"


def test_our_defaults_are_no_more_than_that() -> None:
    """Below what a user sets: no news, no updates, documents as they read, long lines whole."""
    files = [one for one in DEFAULTS.rglob("*") if one.is_file()]

    assert [one.name for one in files] == ["default_setting_overrides.json"]
    assert json.loads(files[0].read_text("utf-8")) == {
        "@jupyterlab/apputils-extension:notification": {
            "fetchNews": "false",
            "checkForUpdates": False,
        },
        "@jupyterlab/docmanager-extension:plugin": {
            "defaultViewers": {"markdown": "Markdown Preview"}
        },
        "@jupyterlab/notebook-extension:tracker": {"codeCellConfig": {"lineWrap": True}},
    }


def test_runs_are_kept_where_the_command_keeps_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A notebook that makes a run makes it under the same `runs`; it is no headless run itself."""
    monkeypatch.setenv(RUN_FOLDER, "/of/another/run")
    made = environment(tmp_path / "runs")
    monkeypatch.setenv(RUNS, "/said/by/the/user")

    assert made[RUNS] == str(tmp_path / "runs")
    assert RUN_FOLDER not in made
    assert made[RUN_FROM] == str(Path.cwd())
    assert environment(tmp_path)[RUNS] == "/said/by/the/user"


def test_lab_opens_a_copy_in_a_run_folder(
    started: Started, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tables of a customer never get into the original; who ran nothing leaves no folder."""
    seen: list[list[str]] = []
    copy: list[Path] = []

    def work(argv: list[str], environ: dict[str, str]) -> int:
        del environ
        copy.append(page_of(argv))
        seen.append(sorted(one.name for one in copy[0].parent.iterdir()))
        return 0

    monkeypatch.setattr(jupyterlab, "run", work)
    done = CliRunner().invoke(cli, ["lab"])

    assert done.exit_code == 0, done.output
    assert copy[0].parent.parent == tmp_path / "runs"
    assert seen == [["mail_stuck_in_queue.ipynb", "manifest.json"]]
    assert not copy[0].parent.exists()
    assert "has been removed" in done.output
    assert started == []


def test_work_in_a_copy_stays(started: Started, tmp_path: Path) -> None:
    """A copy that was saved with outputs is kept, and listed and cleaned up like a run."""
    copy = working_copy.of_runbook(NOTEBOOK, tmp_path / "runs")
    assert copy.read_bytes() == NOTEBOOK.read_bytes()
    copy.write_text(copy.read_text("utf-8") + "\n", "utf-8")

    assert not working_copy.remove_if_unused(copy, NOTEBOOK)
    assert copy.exists()
    assert [(run.runbook, run.verdict) for run in kept_runs(tmp_path / "runs")] == [
        ("mail_stuck_in_queue", "incomplete")
    ]
    assert len(older_than(tmp_path / "runs", timedelta(0), datetime.now(UTC) + HOUR)) == 1
    assert started == []


def test_a_lesson_is_kept_for_its_learner(started: Started, tmp_path: Path) -> None:
    """Answers stay from one start to the next; a lesson that changed comes new, the old one stays.

    All lessons lie side by side, so that the link to the next one leads somewhere.
    """
    originals = tmp_path / "lessons"
    originals.mkdir()
    for name in ("case_01", "case_02"):
        (originals / f"{name}.ipynb").write_text(json.dumps({"metadata": {}, "cells": [name]}))
    copy = working_copy.of_lesson(originals / "case_01.ipynb")
    mine = json.loads(copy.read_text()) | {"cells": ["my answer"]}
    copy.write_text(json.dumps(mine))

    assert copy.parent == tmp_path / "data" / "training"
    assert (copy.parent / "case_02.ipynb").exists()
    working_copy.of_lesson(originals / "case_01.ipynb")
    assert json.loads(copy.read_text())["cells"] == ["my answer"]
    (originals / "case_01.ipynb").write_text(json.dumps({"metadata": {}, "cells": ["better"]}))
    working_copy.of_lesson(originals / "case_01.ipynb")
    earlier = copy.with_name("case_01-earlier.ipynb")
    assert json.loads(copy.read_text())["cells"] == ["better"]
    assert json.loads(earlier.read_text())["cells"] == ["my answer"]
    assert started == []


@pytest.mark.parametrize(
    ("asked", "opened"),
    [
        ("fix_and_verify", "fix_and_verify.ipynb"),
        ("training", "first_tour.ipynb"),
        ("training/case_03", "case_03.ipynb"),
        ("case-3", "case_03.ipynb"),
    ],
)
def test_any_runbook_and_any_case(started: Started, asked: str, opened: str) -> None:
    """`mailflow lab training` is the first tour; the template is no lesson."""
    assert CliRunner().invoke(cli, ["lab", asked]).exit_code == 0
    assert page_of(started[0][0]).name == opened
    assert CliRunner().invoke(cli, ["lab", "training/template"]).exit_code != 0


@pytest.mark.parametrize("arguments", [["lab", "--"], ["lab", "mail_stuck_in_queue", "--"]])
def test_what_stands_behind_two_hyphens_is_jupyters(started: Started, arguments: list[str]) -> None:
    """With and without a runbook before them; an option of ours gives way to the same one."""
    further = ["--port=9000", "--log-level=INFO", "x y"]
    done = CliRunner().invoke(cli, [*arguments, *further])

    assert done.exit_code == 0, done.output
    ((argv, _),) = started
    assert argv[-3:] == further
    assert "--log-level=WARN" not in argv
    assert page_of(argv).name == "mail_stuck_in_queue.ipynb"


@pytest.mark.parametrize(
    ("root", "container", "further", "expected"),
    [
        (False, False, [], 0),
        (True, True, [], 1),
        (True, False, ["--allow-root"], 1),
        (True, True, ["--allow-root", "--ip=0.0.0.0"], 1),
        (True, False, [], None),
        (True, True, ["--ip=0.0.0.0"], None),
        (True, True, ["--ServerApp.ip=0.0.0.0"], None),
    ],
)
def test_root_only_in_a_container_and_on_loopback(
    monkeypatch: pytest.MonkeyPatch,
    root: bool,
    container: bool,
    further: list[str],
    expected: int | None,
) -> None:
    """As root in a container it starts; everywhere else root has to be asked for."""
    monkeypatch.setattr(jupyterlab, "_is_root", lambda: root)
    monkeypatch.setattr(jupyterlab, "_is_container", lambda: container)
    if expected is None:
        with pytest.raises(UsageError, match="-- --allow-root"):
            command(NOTEBOOK, *further)
        return
    argv = command(NOTEBOOK, *further)

    assert argv.count("--allow-root") == expected
    assert ("--ServerApp.ip=127.0.0.1" in argv) is not any("ip=" in one for one in further)


def test_without_a_display_no_browser_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser for terminals would take the terminal; Jupyter prints the address instead."""
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")

    assert "--no-browser" in command(NOTEBOOK)
    monkeypatch.setenv("DISPLAY", ":0")
    assert "--no-browser" not in command(NOTEBOOK)
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")
    assert "--no-browser" in command(NOTEBOOK)


@pytest.mark.skipif(os.name == "nt", reason="signals")
def test_who_ends_the_command_ends_jupyterlab(tmp_path: Path) -> None:
    """A container is stopped by a signal to its first process: no server is left behind."""
    child = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))"
    code = (
        "import os, sys; from mailflow.runs.jupyterlab import run;"
        f"sys.exit(run([sys.executable, '-c', {child + '; time.sleep(60)'!r}], os.environ) != -15)"
    )
    process = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, **HERE})
    for _ in range(200):
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
            break
        time.sleep(0.1)
    process.terminate()

    assert process.wait(20) == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
