"""The unattended run that this process belongs to, by its environment (contract, section 5)."""

from __future__ import annotations

import os
from pathlib import Path

RUN_FOLDER = "MAILFLOW_RUN"
"""Environment variable that names the run folder of an unattended run."""

RUN_SOURCE = "MAILFLOW_SOURCE"
"""Environment variable with the SOURCE of an unattended run, whose snapshot lies in its folder."""

RUNS = "MAILFLOW_RUNS"
"""Environment variable that names the folder of run folders, where no run has begun yet."""

RUN_FROM = "MAILFLOW_FROM"
"""Environment variable with the folder where the command was typed: a notebook runs in another."""


def place(text: str) -> Path:
    """A place on the disk as whoever typed the command meant it."""
    return Path(os.environ.get(RUN_FROM, "")) / Path(text).expanduser()


def run_folder() -> Path | None:
    """The folder of the run; None where somebody sits before the notebook, or there is none."""
    named = os.environ.get(RUN_FOLDER, "")
    return Path(named) if named else None


def run_source() -> str:
    """What was collected into that folder, as it was given; empty where that is not told."""
    return os.environ.get(RUN_SOURCE, "").strip()
