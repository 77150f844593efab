"""The commands that look after run folders: runs list, runs open, runs clean."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mailflow.cli.helping import HelpfulCommand
from mailflow.cli.reports import open_report, shown
from mailflow.cli.terminal import columns, in_json
from mailflow.errors import UsageError
from mailflow.plain import one_line

if TYPE_CHECKING:
    from mailflow.runs.kept import KeptRun

SCHEMA = "mailflow.runs/1"
_RUNS = click.option(
    "--runs",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Folder with the run folders.",
)
_UNITS = {"d": "days", "h": "hours", "w": "weeks"}


@click.group("runs")
def kept_runs() -> None:
    """List, open and clean up run folders.

    \b
    mailflow runs list
    mailflow runs open                     the latest report, in the browser
    mailflow runs clean --older-than 30d
    """


@kept_runs.command("list", cls=HelpfulCommand)
@_RUNS
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def list_runs(runs: Path, *, as_json: bool) -> None:
    """List the run folders, the latest first."""
    from mailflow.runs.kept import kept_runs as found_in

    found = found_in(runs)
    if as_json:
        document = {"schema": SCHEMA, "runs": [run.as_json() for run in found]}
        click.echo(in_json(document, indent=2))
        return
    if not found:
        click.echo(one_line(f"No runs in {runs}. `mailflow demo` creates one."))
        return
    from mailflow.plain import grid

    rows = [
        (
            f"{run.started:%Y-%m-%d %H:%M}" if run.started else "",
            run.verdict,
            run.ticket,
            run.source,
            run.folder.name,
        )
        for run in found
    ]
    heads = ("started (UTC)", "verdict", "ticket", "source", "folder")
    click.echo(grid(heads, rows, (False,) * 5, columns()))


@kept_runs.command("open", cls=HelpfulCommand)
@click.argument("name", required=False, default="")
@_RUNS
def open_run(name: str, runs: Path) -> None:
    """Open the report of a run in the browser; by default the latest.

    NAME is a run folder, or a part of its name, such as the ticket number.
    """
    from mailflow.runs.kept import kept_runs as found_in

    run = next((each for each in found_in(runs) if name in each.folder.name and each.report), None)
    if run is None or run.report is None:
        which = f"no run in {runs} has {name} in its name" if name else f"no report in {runs}"
        raise UsageError(f"{which}. `mailflow runs list` shows all runs")
    click.echo(shown(run.report))
    open_report(run.report)


@kept_runs.command("clean", cls=HelpfulCommand)
@click.option(
    "--older-than",
    required=True,
    metavar="AGE",
    help="Remove runs that began before that: 30d, 12h or 4w.",
)
@_RUNS
@click.option("--yes", is_flag=True, help="Do not ask.")
def clean(older_than: str, runs: Path, *, yes: bool) -> None:
    """List old run folders and remove them after confirmation.

    Runs that changed a server are kept, since mailflow undo needs them.
    """
    from mailflow.runs import kept

    found = kept.older_than(runs, _age(older_than), datetime.now(UTC))
    if not found:
        click.echo(one_line(f"No runs in {runs} are older than {older_than}."))
        return
    for run in found:
        click.echo(one_line(str(run.folder)))
    if not yes and not click.confirm(f"Remove {_counted(found)}?"):
        raise SystemExit(1)
    for run in found:
        kept.remove(run)
    click.echo(f"Removed {_counted(found)}.")


def _counted(found: list[KeptRun]) -> str:
    from mailflow.phrases import counted

    return counted(len(found), "run folder")


def _age(text: str) -> timedelta:
    found = re.fullmatch(r"(\d{1,4})([dhw])", text.strip().lower(), re.ASCII)
    if found is None:
        raise UsageError(f"--older-than {text}: expected a number with d, h or w, such as 30d")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})
