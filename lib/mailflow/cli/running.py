"""The commands that run a runbook unattended: demo and run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from mailflow.cli.completion import complete_runbook, complete_source
from mailflow.cli.helping import helpful_command
from mailflow.cli.live import live_options
from mailflow.cli.nightly import (
    MAIN_RUNBOOK,
    check_metrics,
    earlier_run,
    nightly_options,
    write_metrics,
)
from mailflow.cli.reports import open_report, shown
from mailflow.cli.terminal import columns, evidence_option, is_terminal, progress
from mailflow.errors import OutputError, UsageError
from mailflow.plain import one_line

if TYPE_CHECKING:
    from mailflow.runs import Consent
    from mailflow.sources.credentials import LiveOptions

_OPEN = click.option(
    "--open", "opens", is_flag=True, help="Open the report in the browser when it is written."
)


@helpful_command()
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True)
@_OPEN
def demo(runs: Path, *, opens: bool) -> None:
    """Run the sample case and write its report."""
    _run(MAIN_RUNBOOK, "demo:article", None, runs, {}, opens=opens)


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
@_OPEN
@evidence_option
@nightly_options
@live_options
def run(  # noqa: PLR0913 - one argument for each option
    runbook: str,
    source: str,
    *,
    accepted: str,
    since: str,
    metrics: Path | None,
    evidence: tuple[str, ...],
    ticket: str | None,
    runs: Path,
    parameters: tuple[tuple[str, str], ...],
    timeout: float,
    apply: bool,
    confirmed: tuple[str, ...],
    foreign: bool,
    opens: bool,
    live: LiveOptions,
) -> None:
    """Run a runbook unattended and write an HTML report.

    \b
    mailflow run mail_stuck_in_queue exports.zip --ticket INC0012345
    mailflow run mail_stuck_in_queue demo:article -p servers EX16A
    mailflow run mail_stuck_in_queue exchange://ex16a --user anna@contoso.com
    mailflow run fix_and_verify exchange://ex16a.contoso.com --apply
    mailflow run connector_audit exports/ --runs nightly --since nightly \\
                 --accepted accepted.toml --metrics mailflow.prom

    RUNBOOK is a notebook in notebooks/. The run folder contains report.html (one file, to attach
    to the ticket), the executed notebook, findings.json, the snapshot and a manifest.
    """
    named: dict[str, str] = {}
    for name, value in parameters:
        if name in named:
            raise UsageError(f"parameter {name} is given twice")
        named[name] = value
    if (confirmed or foreign) and not apply:
        raise UsageError(f"{'--confirm' if confirmed else '--foreign'} needs --apply")
    for option, given in (("--accepted", accepted), ("--since", since), ("--metrics", metrics)):
        if given:
            _only_judging(runbook, option)
    check_metrics(metrics)
    for name, value in (("accepted", accepted), ("since", earlier_run(since, runbook, runs))):
        if value and name in named:
            raise UsageError(f"--{name} and -p {name} are both given; leave one out")
        named |= {name: value} if value else {}
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
        metrics=metrics,
        opens=opens,
    )


def _only_judging(runbook: str, option: str) -> None:
    from mailflow.runs import runbook_path
    from mailflow.runs.terms import only_judging

    runbook_path(runbook)  # a name that is none is said first
    only_judging(runbook, option)


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
        raise UsageError(f"--apply needs the runbook {RUNBOOK}; {runbook} changes nothing")
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
    metrics: Path | None = None,
    opens: bool = False,
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
        click.echo(shown(done.report))
    except OutputError as error:  # the run is over and whole: its exit code stays
        click.echo(one_line(f"mailflow: {error}; the report is {done.report}"), err=True)
    if opens:
        open_report(done.report)
    if metrics and done.findings:
        from mailflow.snapshot import load
        from mailflow.views.verdict import from_json

        write_metrics(metrics, from_json(done.findings), load(done.folder / "snapshot"))
    raise SystemExit(done.exit_code)
