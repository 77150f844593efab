"""The run folders that there are: of what, from when, and how they ended (contract, section 5)."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from mailflow.errors import UsageError
from mailflow.plain import one_line
from mailflow.runs import folder as folders

_MOST_MANIFEST = 2**22
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A run folder.

    Attributes:
        folder: where it is.
        runbook: name of the runbook.
        ticket: of the service desk; empty: none.
        source: the SOURCE it was run on; empty: not known.
        started: when it began, aware; None: not known.
        verdict: `found`, `unknown`, `clear` or `incomplete`.
        report: the report; None where there is none.
        changed: whether it holds the journal of a repair, which `mailflow undo` needs.
    """

    folder: Path
    runbook: str
    ticket: str
    source: str
    started: datetime | None
    verdict: str
    report: Path | None
    changed: bool

    def as_json(self) -> dict[str, Any]:
        """The entry of `mailflow runs list --json`."""
        return {
            "folder": str(self.folder),
            "runbook": self.runbook,
            "ticket": self.ticket or None,
            "source": self.source or None,
            "started": self.started.isoformat() if self.started else None,
            "verdict": self.verdict,
            "report": str(self.report) if self.report else None,
            "changed": self.changed,
        }


def kept_runs(runs: Path) -> list[KeptRun]:
    """The run folders below a folder, the latest first; what is no run folder is left out.

    Raises:
        UsageError: the folder cannot be read.
    """
    try:
        places = [path for path in runs.iterdir() if path.is_dir() and not path.is_symlink()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise UsageError(f"{runs}: cannot be read ({error.strerror})") from error
    found = [run for path in places if (run := _run(path)) is not None]
    return sorted(found, key=lambda run: run.folder.name, reverse=True)


def older_than(runs: Path, age: timedelta, now: datetime) -> list[KeptRun]:
    """The runs that began before that, the oldest first.

    A run with a journal of changes is left out: `mailflow undo` needs it. So is one whose time is
    not known.
    """
    return [
        run
        for run in reversed(kept_runs(runs))
        if run.started is not None and now - run.started > age and not run.changed
    ]


def remove(run: KeptRun) -> None:
    """Remove a run folder.

    Raises:
        UsageError: it cannot be removed whole.
    """
    try:
        shutil.rmtree(run.folder)
    except OSError as error:
        raise UsageError(f"{run.folder}: cannot be removed ({error.strerror})") from error


def _run(path: Path) -> KeptRun | None:
    manifest = _manifest(path / "manifest.json")
    if manifest is None:
        return None
    parameters = manifest.get("parameters")
    known = parameters if isinstance(parameters, dict) else {}
    runbook = manifest.get("runbook")
    report = path / "report.html"
    verdict = str(manifest.get("verdict", "")) if folders.is_complete(path) else "incomplete"
    return KeptRun(
        folder=path,
        runbook=_text(runbook.get("name") if isinstance(runbook, dict) else ""),
        ticket=_text(known.get("ticket")),
        source=_text(known.get("source")),
        started=_moment(manifest.get("started")),
        verdict=_text(verdict),
        report=report if report.is_file() else None,
        changed=(path / "apply.json").exists(),
    )


def _manifest(file: Path) -> dict[str, Any] | None:
    """The manifest of a run; None where there is none. A folder may come from a stranger."""
    try:
        if not file.is_file() or file.stat().st_size > _MOST_MANIFEST:
            return None
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found.get("schema") == folders.SCHEMA else None


def _text(value: object) -> str:
    return one_line(str(value), _LONGEST) if value not in (None, "") else ""


def _moment(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return found if found.tzinfo else None
