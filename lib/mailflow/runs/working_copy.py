"""The copy of a notebook that somebody works in: the original is never written to.

A customer's tables stand in the outputs of a notebook that was run, so a runbook gets a run folder.
A learner comes back to a case, so a lesson lies in the user's data folder.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mailflow.errors import UsageError
from mailflow.runs import folder as folders
from mailflow.snapshot import write_whole
from mailflow.user_data import FOLDER, data_folder

_ORIGINAL = "mailflow_original"
"""In the metadata of a lesson: the SHA-256 of the notebook that it is a copy of."""


def of_runbook(original: Path, runs: Path) -> Path:
    """A new copy in a new run folder, which `mailflow runs` lists and cleans up.

    Raises:
        UsageError: it cannot be written.
    """
    now = datetime.now(UTC)
    folder = folders.make(runs, original.stem, None, now)
    copy = folder / original.name
    try:
        shutil.copyfile(original, copy)
        folders.keep(folder, folders.of_jupyterlab(original, now))
    except OSError as error:
        raise _unwritten(copy, error) from error
    return copy


def remove_if_unused(copy: Path, original: Path) -> bool:
    """Remove the run folder of a copy that nobody has run or edited; whether it is gone."""
    theirs = {path.name for path in copy.parent.iterdir()}
    ours = {copy.name, "manifest.json", ".ipynb_checkpoints"}
    if theirs - ours or copy.name not in theirs or copy.read_bytes() != original.read_bytes():
        return False
    shutil.rmtree(copy.parent, ignore_errors=True)
    return not copy.parent.exists()


def of_lesson(original: Path) -> Path:
    """The learner's copy of a lesson, with all others beside it, which it links to.

    A copy of a lesson that has changed since is kept as `NAME-earlier.ipynb`.

    Raises:
        UsageError: it cannot be written.
    """
    home = data_folder() / "training"
    try:
        home.mkdir(parents=True, exist_ok=True)
        for path in sorted(original.parent.glob("*.ipynb")):
            _keep_lesson(path, home / path.name)
    except OSError as error:
        told = f"{_unwritten(home, error)}; the environment variable {FOLDER} names another folder"
        raise UsageError(told) from error
    return home / original.name


def _keep_lesson(original: Path, copy: Path) -> None:
    whole = original.read_bytes()
    digest = hashlib.sha256(whole).hexdigest()
    if copy.exists():
        if _metadata(copy).get(_ORIGINAL) == digest:
            return
        copy.replace(copy.with_name(f"{copy.stem}-earlier.ipynb"))
    notebook = json.loads(whole)
    notebook["metadata"][_ORIGINAL] = digest
    write_whole(copy, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


def _metadata(file: Path) -> Mapping[str, Any]:
    """Of a notebook; empty where it is none any more."""
    try:
        found = json.loads(file.read_text(encoding="utf-8"))["metadata"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _unwritten(place: Path, error: OSError) -> UsageError:
    return UsageError(f"{place}: cannot be written ({error.strerror or error})")
