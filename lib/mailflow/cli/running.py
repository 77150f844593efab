"""The commands that run a runbook headless: demo and run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from mailflow.cli.completion import complete_runbook, complete_source
from mailflow.cli.helping import helpful_command
from mailflow.cli.live import live_options
from mailflow.cli.terminal import columns, evidence_option, is_terminal, progress
from mailflow.errors import OutputError, UsageError
from mailflow.plain import one_line

if TYPE_CHECKING:
    from mailflow.runs import Consent
    from mailflow.sources.credentials import LiveOptions

MAIN_RUNBOOK = "mail_stuck_in_queue"


@helpful_command()
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True)
def demo(runs: Path) -> None:
    """Run the sample case and write its report."""
    _run(MAIN_RUNBOOK, "demo:article", None, runs, {})


@helpful_command()
@click.argument("runbook", shell_complete=complete_runbook)
@click.argument("source", shell_complete=complete_source)
@click.option(
    "--ticket", help="Ticket number, shown in the report and used in the run folder's name."
)
@click.option(
    "--runs",
    type=click.Path(path_type=Path),
    default=Path("runs"),
    show_default=True,
    help="Folder for the run folders.",
)
@click.option(
    "-p",
    "--parameter",
    "parameters",
    type=(str, str),
    multiple=True,
    metavar="NAME VALUE",
    help="A parameter of the notebook, for example: -p min_messages 5.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=600.0,
    show_default=True,
    help="Time limit per cell, in seconds.",
)
@click.option(
    "--apply",
    is_flag=True,
    help="fix_and_verify only: apply the change after you confirm each connector.",
)
@click.option(
    "--confirm",
    "confirmed",
    multiple=True,
    metavar="CONNECTOR",
    help="With --apply: confirm this connector, EX16A\\Relay; repeatable.",
)
@click.option(
    "--foreign",
    is_flag=True,
    help="With --apply: continue an interrupted repair that somebody else, another machine or an "
    "earlier version of mailflow wrote.  [default: ask]",
)
@evidence_option
@live_options
def run(  # noqa: PLR0913 - one argument for each option
    runbook: str,
    source: str,
    *,
    evidence: tuple[str, ...],
    ticket: str | None,
    runs: Path,
    parameters: tuple[tuple[str, str], ...],
    timeout: float,
    apply: bool,
    confirmed: tuple[str, ...],
    foreign: bool,
    live: LiveOptions,
) -> None:
    """Run a runbook unattended and write an HTML report.

    \b
    mailflow run mail_stuck_in_queue exports.zip --ticket INC0012345
    mailflow run mail_stuck_in_queue demo:article -p servers EX16A
    mailflow run mail_stuck_in_queue exchange://ex16a.contoso.com --user anna@contoso.com
    mailflow run fix_and_verify exchange://ex16a.contoso.com --apply

    RUNBOOK is a notebook in notebooks/. The run folder holds report.html (one file, to be
    attached), the executed notebook, findings.json, the snapshot and a manifest.
    """
    named: dict[str, str] = {}
    for name, value in parameters:
        if name in named:
            raise UsageError(f"parameter {name} is given twice")
        named[name] = value
    if (confirmed or foreign) and not apply:
        raise UsageError(f"{'--confirm' if confirmed else '--foreign'} goes with --apply")
    consent = None
    if apply:
        consent, live = _consent(runbook, source, runs, confirmed, live, foreign=foreign)
    _run(
        runbook,
        source,
        ticket,
        runs,
        named,
        evidence=evidence,
        timeout=timeout,
        live=live,
        consent=consent,
    )


def _consent(
    runbook: str,
    source: str,
    runs: Path,
    confirmed: tuple[str, ...],
    live: LiveOptions,
    *,
    foreign: bool,
) -> tuple[Consent, LiveOptions]:
    from mailflow.cli.consent import AskingConsent, hand_over
    from mailflow.repairing import RUNBOOK

    if runbook != RUNBOOK:
        raise UsageError(f"--apply goes with {RUNBOOK}; {runbook} changes nothing")
    live = hand_over(source, live)
    return AskingConsent(confirmed, runs, foreign=foreign), live


def _run(  # noqa: PLR0913 - the options of the command
    runbook: str,
    source: str,
    ticket: str | None,
    runs: Path,
    parameters: dict[str, str],
    *,
    evidence: tuple[str, ...] = (),
    timeout: float = 600.0,
    live: LiveOptions | None = None,
    consent: Consent | None = None,
) -> NoReturn:
    from mailflow import runs as headless

    done = headless.run(
        runbook,
        source,
        ticket=ticket,
        runs=runs,
        parameters=parameters,
        evidence=evidence,
        timeout=timeout,
        progress=progress,
        live=live,
        consent=consent,
    )
    progress("")
    try:
        click.echo(done.screen(columns(), colour=is_terminal()))
        click.echo(one_line(str(done.report)))
    except OutputError as error:  # the run is over and whole: its exit code stays
        click.echo(one_line(f"mailflow: {error}; the report is {done.report}"), err=True)
    raise SystemExit(done.exit_code)
