"""How `mailflow lab` starts JupyterLab; what that comes to in a browser is in tests/browser."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from mailflow.cli import cli
from mailflow.repairing import RUNS
from mailflow.runs.jupyterlab import DEFAULTS, command, environment
from mailflow.this_run import RUN_FOLDER
from support import ROOT


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, str]]]:
    """The processes that would have been started: arguments and environment."""
    calls: list[tuple[list[str], dict[str, str]]] = []

    def run(argv: list[str], env: dict[str, str], **_: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401
        calls.append((argv, env))
        return subprocess.CompletedProcess(argv, 0)

    monkeypatch.setattr(subprocess, "run", run)
    return calls


def test_users_places_come_behind_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Our folder is put before the user's places and replaces none of them."""
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/somewhere/else")
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", "/somewhere/.jupyter")
    made = environment(tmp_path)

    assert made["JUPYTER_CONFIG_PATH"].split(os.pathsep) == [str(DEFAULTS), "/somewhere/else"]
    assert made["JUPYTER_CONFIG_DIR"] == "/somewhere/.jupyter"


def test_our_defaults_are_no_more_than_that() -> None:
    """Defaults alone, below what a user sets: no news, no updates, documents as they read."""
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
    assert environment(tmp_path)[RUNS] == "/said/by/the/user"


def test_lab_starts_just_this(
    started: list[tuple[list[str], dict[str, str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`mailflow lab` starts this command line, at the runbook, with this environment."""
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["lab"])

    assert done.exit_code == 0, done.output
    ((argv, env),) = started
    assert Path(argv[3]).name == "mail_stuck_in_queue.ipynb"
    assert argv == command(Path(argv[3]))
    assert env == environment(tmp_path / "runs")


def test_its_files_are_the_clones(tmp_path: Path) -> None:
    """So that a link of a case to a document leads somewhere; elsewhere the notebook's folder."""
    case = ROOT / "notebooks" / "training" / "case_01.ipynb"

    assert f"--ServerApp.root_dir={ROOT}" in command(case)
    assert f"--ServerApp.root_dir={tmp_path}" in command(tmp_path / "case_01.ipynb")


@pytest.mark.parametrize(
    ("asked", "opened"),
    [
        ("fix_and_verify", "notebooks/fix_and_verify.ipynb"),
        ("training", "notebooks/training/first_tour.ipynb"),
        ("training/case_03", "notebooks/training/case_03.ipynb"),
        ("case-3", "notebooks/training/case_03.ipynb"),
    ],
)
def test_any_runbook_and_any_case(
    started: list[tuple[list[str], dict[str, str]]], asked: str, opened: str
) -> None:
    """`mailflow lab training` is the first tour; the template is no lesson."""
    assert CliRunner().invoke(cli, ["lab", asked]).exit_code == 0
    assert started[0][0][3] == str(ROOT / opened)
    assert CliRunner().invoke(cli, ["lab", "training/template"]).exit_code != 0
