"""What a nightly run is given beside its source: accepted findings, and an earlier run.

Both are kept in the run's folder, so that the run says what it was measured by and can be repeated.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from mailflow.errors import UsageError
from mailflow.phrases import joined
from mailflow.runs.kept import kept_runs
from mailflow.runs.parameters import NotebookParameter

ACCEPTED, SINCE = "accepted.toml", "since.json"
JUDGING = ("mail_stuck_in_queue", "connector_audit")
"""The runbooks that end in a verdict, which can be measured by these files."""


def only_judging(runbook: str, option: str) -> None:
    """Refuse an option of runs that end in a verdict for another runbook.

    Raises:
        UsageError: it is none of these.
    """
    if runbook not in JUDGING:
        raise UsageError(
            f"{option} needs a runbook that ends in a verdict ({joined(JUDGING)}), and {runbook} "
            "does not"
        )


def earlier(place: Path, runbook: str) -> Path | None:
    """The run that `--since` means: that one, or the latest whole run of a runbook in a folder.

    None where a folder of runs holds no such run yet, as in the first night.
    """
    from mailflow.views.since import FILE

    try:
        is_runs = place.is_dir() and not any(
            (place / name).exists() for name in ("manifest.json", FILE, "findings.incomplete.json")
        )
    except OSError:  # a name no file can have
        is_runs = False
    if not is_runs:
        return place
    whole = (run for run in kept_runs(place) if run.runbook == runbook)
    return next((run.folder for run in whole if run.verdict != "incomplete"), None)


def kept_beside(
    values: dict[str, object], known: Mapping[str, NotebookParameter]
) -> dict[str, str]:
    """The files that a run keeps of these, name to text; the parameters then name the copies.

    Args:
        values: parameters of the run; changed.
        known: the parameters that the runbook declares.

    Raises:
        InputError: a file cannot be read, or says what is unknown.
    """
    files = {}
    if "accepted" in known and values.get("accepted"):
        from mailflow.views.accepted_file import accepted_text

        _, files[ACCEPTED] = accepted_text(Path(str(values["accepted"])).expanduser())
        values["accepted"] = ACCEPTED
    if "since" in known and values.get("since"):
        from mailflow.views.since import earlier_run, since_document

        document, run = since_document(Path(str(values["since"])).expanduser())
        earlier_run(document, run)
        files[SINCE] = json.dumps({**document, "run": run}) + "\n"
        values["since"] = SINCE
    return files
