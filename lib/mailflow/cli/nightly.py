"""What a nightly run asks for: accepted findings, a comparison with an earlier run, metrics."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mailflow.errors import UsageError
from mailflow.plain import one_line

if TYPE_CHECKING:
    from mailflow.snapshot import Snapshot
    from mailflow.views.verdict import Diagnosis

MAIN_RUNBOOK = "mail_stuck_in_queue"
"""The runbook that looks for what `diagnose` looks for; the two are compared with each other."""

_OPTIONS = (
    click.option(
        "--accepted",
        type=click.Path(),
        default="",
        metavar="FILE",
        help="Findings you know and accept (TOML), kept out of the verdict.",
    ),
    click.option(
        "--since",
        type=click.Path(),
        default="",
        metavar="RUN",
        help="Show what is new, gone or unchanged since an earlier run; exit code 1 only for new "
        "findings. A run folder, its findings.json, or a folder of run folders (the latest).",
    ),
    click.option(
        "--metrics",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Also write Prometheus metrics, for the textfile collector of node_exporter.",
    ),
)


def nightly_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `--accepted`, `--since` and `--metrics`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def earlier_run(since: str, runbook: str, runs: Path | None = None) -> str:
    """The run that `--since` means, as a path; empty where there is none yet, which is said.

    Args:
        since: as it was given.
        runbook: whose runs count, where it is a folder of runs.
        runs: where run folders are made: it is not there before the first one.
    """
    if not since:
        return ""
    from mailflow.runs.terms import earlier

    place = Path(since).expanduser()
    is_first = place == runs and not place.exists()
    found = None if is_first else earlier(place, runbook)
    if found is None:
        said = f"{since} contains no complete run of {runbook} yet; nothing to compare with"
        click.echo(one_line(said), err=True)
        return ""
    return str(found)


def check_metrics(file: Path | None) -> None:
    """Refuse a place where no metrics can be written, before anything is read.

    Raises:
        UsageError: its folder is not there.
    """
    if file is not None and (file.is_dir() or not file.parent.is_dir()):
        why = "is a folder" if file.is_dir() else f"the folder {file.parent} does not exist"
        raise UsageError(f"--metrics {file}: {why}; name a file in a folder that is there")


def write_metrics(file: Path | None, found: Diagnosis, org: Snapshot) -> None:
    """Write the metrics, whole or not at all.

    Raises:
        UsageError: they cannot be written.
    """
    if file is None:
        return
    from mailflow.snapshot import write_whole
    from mailflow.views.metrics import metrics

    try:
        write_whole(file, metrics(found, org))
    except OSError as error:
        raise UsageError(f"--metrics {file}: cannot be written ({error.strerror})") from error
