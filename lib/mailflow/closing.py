"""The last cell of a runbook: keep the findings with the run, and show them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol

from mailflow.errors import RunError
from mailflow.show.flow import FlowPicture
from mailflow.show.markup import Markup
from mailflow.show.verdict import verdict_card
from mailflow.snapshot import write_whole
from mailflow.this_run import run_folder
from mailflow.views.verdict import Diagnosis


def conclude(diagnosis: Diagnosis, ticket: str = "") -> Markup:
    """Write `findings.json` into the run's folder, in an unattended run, and show the verdict.

    A run counts as complete only if that file is there, so this belongs into the last cell.
    """
    folder = run_folder()
    if folder:
        keep_findings(diagnosis, folder)
    return verdict_card(diagnosis, ticket=ticket)


def mail_flow(diagnosis: Diagnosis) -> FlowPicture:
    """The picture of a diagnosis: who tries to reach whom, and which connector accepts whom.

    In a report it stands below the verdict. It shows as `image/svg+xml`, and as text where there
    is no picture.
    """
    return FlowPicture(diagnosis.flow)


class Document(Protocol):
    """What has a document of findings."""

    def as_json(self) -> dict[str, Any]:
        """The document (contract, section 6)."""


def keep_findings(found: Document, folder: Path) -> None:
    """Write `findings.json` into a run's folder, whole.

    Raises:
        RunError: it cannot be written.
    """
    text = json.dumps(found.as_json(), ensure_ascii=True, indent=2)
    file = folder / "findings.json"
    try:
        write_whole(file, text + "\n")
    except OSError as error:
        raise RunError(f"{file} cannot be written ({error.strerror or error})") from error
