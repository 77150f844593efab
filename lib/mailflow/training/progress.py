"""What was solved on this machine, in one small file in the user's data folder.

    {"schema": "mailflow.training/1", "solved": {"case-1": {"at": ..., "seed": 0, ...}}}

It says nothing of anybody but what was solved when. A file that can't be understood is left as it
is, and said.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mailflow.snapshot import write_whole
from mailflow.user_data import data_folder

SCHEMA = "mailflow.training/1"


@dataclass(frozen=True, slots=True)
class Solved:
    """How a case was solved the last time.

    Attributes:
        at: when, ISO in UTC.
        seed: the names and addresses it had.
        tries: how many answers that took.
        hints: how many hints.
        times: how often it was solved.
    """

    at: str
    seed: int = 0
    tries: int = 0
    hints: int = 0
    times: int = 1


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """What is known to be solved.

    Attributes:
        solved: neutral name of a case to how it was solved.
        trouble: why the file could not be read; empty where it could, or is not there yet.
    """

    solved: Mapping[str, Solved]
    trouble: str = ""


def file() -> Path:
    """`training.json` in the user's data folder; it is there once a case was solved."""
    return data_folder() / "training.json"


def read() -> TrainingProgress:
    """What was solved so far; nothing where nothing was kept."""
    path = file()
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        if document["schema"] != SCHEMA:
            return TrainingProgress({}, f"{path}: expected schema {SCHEMA}")
        solved = {str(name): Solved(**entry) for name, entry in document["solved"].items()}
    except FileNotFoundError:
        return TrainingProgress({})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return TrainingProgress({}, f"{path}: not readable ({error})")
    return TrainingProgress(solved)


def keep(case: str, seed: int, tries: int, hints: int) -> str:
    """Write down that a case was solved; "" when it is kept, else why it is not."""
    known = read()
    if known.trouble:
        return f"Not saved: {known.trouble}. Move that file away, then solve it again."
    before = known.solved.get(case)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    entry = Solved(now, seed, tries, hints, before.times + 1 if before else 1)
    path = file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, _text({**known.solved, case: entry}))
    except OSError as error:
        return f"Not saved: {path}: {error.strerror}."
    return ""


def _text(solved: Mapping[str, Solved]) -> str:
    listed = {name: _as_json(entry) for name, entry in sorted(solved.items())}
    return json.dumps({"schema": SCHEMA, "solved": listed}, indent=2) + "\n"


def _as_json(entry: Solved) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in entry.__slots__}
