"""A run's folder: its name, what must be in it, and when it counts as complete (contract 5)."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from mailflow.errors import UsageError
from mailflow.plain import one_line
from mailflow.snapshot import Snapshot, write_whole
from mailflow.version import __version__

SCHEMA = "mailflow.run/1"
INCOMPLETE = "incomplete"
INCOMPLETE_CODE, INTERNAL_CODE, INTERRUPTED_CODE = 2, 4, 130

LONGEST_TICKET = 80
"""Characters of a ticket that go into a folder's name; the manifest holds all of it."""

_MOST_MANIFEST = 2**22
"""Bytes; with the names of all files that may be read it is far smaller."""

_LONGEST_REASON = 200
"""Characters of a reason in a manifest that are shown."""

_PACKAGES = ("papermill", "nbclient", "nbconvert", "ipykernel", "pandas")


def make(runs: Path, runbook: str, ticket: str | None, now: datetime) -> Path:
    """A new folder `<UTC time>-<runbook>[-<ticket>]`; a name already taken gets `-2`.

    Making it is what claims the name, so two runs in the same second never share one.

    Raises:
        UsageError: it cannot be made there.
    """
    parts = [f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}", runbook, tidy(ticket or "")]
    name = "-".join(part for part in parts if part)
    try:
        runs.mkdir(parents=True, exist_ok=True)
        for number in range(1, 10_000):
            folder = runs / (name if number == 1 else f"{name}-{number}")
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        raise UsageError(
            f"{runs}: no run folder can be made there ({error.strerror}); choose another folder "
            "with --runs, for mailflow lab with the environment variable MAILFLOW_RUNS"
        ) from error
    raise UsageError(f"{runs}: could not create a unique run folder (names from {name} on exist)")


def tidy(ticket: str) -> str:
    """A ticket as part of a folder's name: other characters become `-` (contract, section 5)."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", ticket)[:LONGEST_TICKET]


def verdict(findings: object, stopped: str) -> tuple[str, int | None]:
    """The verdict of a run and its exit code; (`incomplete`, None) where there is none.

    Args:
        findings: the document of findings.json; None where there is none.
        stopped: why the run did not reach its end; empty if it did.
    """
    from mailflow.views.verdict import EXIT_CODES
    from mailflow.views.verdict import SCHEMA as FINDINGS_SCHEMA

    if stopped or not isinstance(findings, dict) or findings.get("schema") != FINDINGS_SCHEMA:
        return INCOMPLETE, None
    found = findings.get("verdict")
    if not isinstance(found, str) or found not in EXIT_CODES:
        return INCOMPLETE, None
    # A repair, and a comparison, have an outcome of their own beside the findings (contract 4).
    own = findings.get("apply") or findings.get("since") or {}
    return found, int(own.get("exit_code", EXIT_CODES[found]))


def findings_of(folder: Path) -> Any:  # noqa: ANN401 - parsed JSON
    """The document that the closing cell left; None where it left none that can be read."""
    try:
        return json.loads((folder / "findings.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def is_complete(folder: Path) -> bool:
    """Whether a folder holds a run that reached its end and says what it found."""
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    whole = isinstance(manifest, dict) and manifest.get("complete") is True
    return whole and verdict(findings_of(folder), "")[0] != INCOMPLETE


def unfinished(folder: Path) -> str:
    """Why the run in a folder is not complete, a clause; empty: it is, or no run is there.

    A folder may come from a stranger: no file is read that is large or never ends.
    """
    file = folder / "manifest.json"
    try:
        if not file.is_file() or file.stat().st_size > _MOST_MANIFEST:
            return ""
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return ""
    if not isinstance(manifest, dict) or manifest.get("schema") != SCHEMA:
        return ""
    if manifest.get("complete") is True:
        return "" if (folder / "findings.json").is_file() else "it has no findings"
    return one_line(str(manifest.get("reason") or "its manifest does not say why"), _LONGEST_REASON)


def first_manifest(
    runbook: Path, org: Snapshot, parameters: Mapping[str, object], now: datetime
) -> dict[str, Any]:
    """What is known before the run; it says that the run is not complete."""
    return {
        "schema": SCHEMA,
        "complete": False,
        "reason": "the run has not ended",
        "verdict": INCOMPLETE,
        "exit_code": INCOMPLETE_CODE,
        "runbook": {"name": runbook.stem, "sha256": sha256(runbook)},
        "parameters": dict(parameters),
        "versions": _versions(),
        "started": now.astimezone(UTC).isoformat(timespec="seconds"),
        "read": org.taken.isoformat(timespec="seconds") if org.taken else None,
        "inputs": dict(org.inputs),
        "ignored": [{"what": what, "place": place} for what, place in org.ignored],
        "servers": outcomes(org),
        "timings": {},
    }


def of_jupyterlab(runbook: Path, now: datetime) -> dict[str, Any]:
    """The manifest of a folder in which somebody works in JupyterLab; there is no verdict in it."""
    return {
        "schema": SCHEMA,
        "complete": False,
        "reason": "opened in JupyterLab",
        "verdict": INCOMPLETE,
        "exit_code": INCOMPLETE_CODE,
        "runbook": {"name": runbook.stem, "sha256": sha256(runbook)},
        "parameters": {},
        "started": now.astimezone(UTC).isoformat(timespec="seconds"),
    }


def sha256(file: Path) -> str:
    """Hexadecimal; the file is read whole."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def outcomes(org: Snapshot) -> list[dict[str, object]]:
    """Each server, and whether all of it was read; rows that name no server stand at the end.

    Of a live organization also how it was read and in how many seconds.
    """
    rows: list[dict[str, object]] = []
    reads = {attempt.server: attempt for attempt in org.reads}
    for server in org.servers:
        lacking = [unread.what for unread in org.unread if server.is_named(unread.server)]
        row: dict[str, object] = {
            "server": server.name,
            "outcome": "incomplete" if lacking else "ok",
            "unread": lacking,
        }
        read = reads.get(server.name)
        if read is not None:
            whole = read.outcome != "ok" or not lacking
            row |= {"how": read.how, "seconds": round(read.seconds, 3)}
            row["outcome"] = read.outcome if whole else "incomplete"
        rows.append(row)
    others = [unread for unread in org.unread if org.server(unread.server) is None]
    rows += [
        {"server": unread.server or None, "outcome": "failed", "unread": [unread.what]}
        for unread in others
    ]
    return rows


def keep(folder: Path, manifest: Mapping[str, object]) -> None:
    """Write the manifest, whole."""
    write_whole(folder / "manifest.json", json.dumps(manifest, indent=2) + "\n")


def _versions() -> dict[str, str]:
    ours = {"mailflow": __version__, "python": platform.python_version()}
    return ours | {name: metadata.version(name) for name in _PACKAGES}
