"""How long a whole run, a diagnosis and the help take, beside what nobody can do without.

    python tests/benchmarks run

Each row is a ratio to its own measure, in the same environment and in the same round; the goals
stand behind. Ends with 1 if a goal is missed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from timing import compare

ROOT = Path(__file__).parents[2]
PYTHON = sys.executable
MAILFLOW = [PYTHON, "-m", "mailflow"]

IN_BROWSER = "test_run_all_choose_confirm_drained"

EMPTY = {
    "cells": [],
    "metadata": {
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
    },
    "nbformat": 4,
    "nbformat_minor": 5,
}


def process(*command: str, folder: Path, code: int = 0) -> Callable[[], object]:
    """Something that runs a command and wants this exit code."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "lib")}
    # Else every start compiles the package again, which happens on no user's machine.
    environment.pop("PYTHONDONTWRITEBYTECODE", None)

    def start() -> None:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, check=False
        )
        if done.returncode != code:
            raise RuntimeError(f"{command}: {done.returncode}: {done.stderr.decode()[-500:]}")

    return start


def main() -> int:
    """Measure, print, and say whether all goals are met."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "empty.ipynb").write_text(json.dumps(EMPTY))
        papermill = (PYTHON, "-m", "papermill", "empty.ipynb", "out.ipynb")
        run = (*MAILFLOW, "run", "mail_stuck_in_queue", "demo:article", "--runs", str(folder))
        rows = [
            (
                "mailflow run demo:article",
                "papermill on an empty notebook",
                0.85,
                process(*run, folder=folder, code=1),
                process(*papermill, folder=folder),
            ),
            (
                "mailflow diagnose demo:article",
                "python -c 'import pandas'",
                1.5,
                process(*MAILFLOW, "diagnose", "demo:article", folder=folder, code=1),
                process(PYTHON, "-c", "import pandas", folder=folder),
            ),
            (
                "mailflow --help",
                "python -c pass",
                5.0,
                process(*MAILFLOW, "--help", folder=folder),
                process(PYTHON, "-c", "pass", folder=folder),
            ),
        ]
        if shutil.which("chromium"):
            test = str(ROOT / "tests" / "browser" / "test_fix_and_verify.py")
            driven = ("-m", "pytest", "-q", "-p", "no:cacheprovider", f"{test}::{IN_BROWSER}")
            rows.append(
                (
                    "the repair in JupyterLab, driven in Chromium",
                    "papermill on an empty notebook",
                    9.0,
                    process(PYTHON, *driven, folder=ROOT),
                    process(*papermill, folder=folder),
                )
            )
        missed = 0
        for what, measure, goal, job, floor in rows:
            timing = compare({measure: floor, what: job})[what]
            met = timing.ratio <= goal
            missed += not met
            print(f"{what:32} {timing!s:24} x {measure:32} goal {goal} {'' if met else 'MISSED'}")
    return 1 if missed else 0
