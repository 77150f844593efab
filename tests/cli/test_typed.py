"""Commands to type next begin as the one that was typed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from command_line import Call
from mailflow.cli.typed import RUN_PY, typed

PYTHON = "py" if os.name == "nt" else "python3"


@pytest.mark.parametrize(
    ("program", "run_py", "expected"),
    [
        ("/usr/bin/mailflow", "", "mailflow which demo:article"),
        ("-m", "../run.py", f"{PYTHON} ../run.py mailflow which demo:article"),
        ("dist/mailflow.pyz", "", f"{PYTHON} dist/mailflow.pyz which demo:article"),
    ],
)
def test_a_command_begins_as_this_one_did(
    program: str, run_py: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a clone, and with the single file, there is no command `mailflow`."""
    monkeypatch.setattr(sys, "argv", [program])
    monkeypatch.setenv(RUN_PY, run_py)

    assert typed("which", "demo:article") == expected


def test_the_path_of_a_clone_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold what a shell would obey."""
    monkeypatch.setenv(RUN_PY, str(tmp_path / "a $(id) b" / "run.py"))

    assert f"a $(id) b{os.sep}run.py" in typed("demo")
    assert typed("demo")[len(PYTHON) + 1] in "'\""


def test_the_single_file_names_no_report_that_it_cannot_write(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds no runbooks: what writes a report has to be installed."""
    monkeypatch.setattr(sys, "argv", ["mailflow.pyz"])
    screen = call("diagnose", "demo:article").out

    assert f"{PYTHON} mailflow.pyz whatif demo:article\n" in screen
    assert "run mail_stuck_in_queue" not in screen
    assert screen.endswith("python -m pip install exchange-mailflow\n")
