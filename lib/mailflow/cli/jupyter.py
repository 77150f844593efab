"""The command that opens JupyterLab: lab."""

from __future__ import annotations

import os
from pathlib import Path

import click

from mailflow.cli.completion import complete_notebook
from mailflow.cli.helping import HelpfulCommand
from mailflow.cli.nightly import MAIN_RUNBOOK
from mailflow.errors import UsageError

_FURTHER = "mailflow.lab.further"


class _CommandForAnother(HelpfulCommand):
    """A command that leaves what stands behind `--` to another program."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the arguments behind the first `--` as they are."""
        end = args.index("--") if "--" in args else len(args)
        ctx.meta[_FURTHER] = tuple(args[end + 1 :])
        return super().parse_args(ctx, args[:end])

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        """With the place of those arguments."""
        return [*super().collect_usage_pieces(ctx), "[-- JUPYTER_OPTIONS...]"]


@click.command(cls=_CommandForAnother)
@click.argument("runbook", required=False, default=MAIN_RUNBOOK, shell_complete=complete_notebook)
@click.pass_context
def lab(ctx: click.Context, runbook: str) -> None:
    """Open a runbook or a training case in JupyterLab.

    \b
    mailflow lab                          the main runbook, mail_stuck_in_queue
    mailflow lab fix_and_verify           prove the repair, then apply it
    mailflow lab training                 the first tour
    mailflow lab case-1                   a training case of `mailflow training`
    mailflow lab -- --port=9000           options after -- go to JupyterLab

    mailflow opens a copy: of a runbook in a new folder below runs/, of a training case in your
    data folder, where your answers are kept. Without a display it prints the address to open.

    No outbound connections; kernel traffic is encrypted; only this computer can connect.
    """
    from mailflow import extras
    from mailflow.runs.jupyterlab import command, environment, has_display, run
    from mailflow.runs.working_copy import of_lesson, of_runbook, remove_if_unused
    from mailflow.this_run import RUNS

    extras.require("lab", "mailflow lab")
    original = _original(runbook)
    is_lesson = original.parent.name == "training"
    runs = Path(os.environ.get(RUNS, "runs"))
    copy = of_lesson(original) if is_lesson else of_runbook(original, runs)
    try:
        started = command(copy, *ctx.meta[_FURTHER])
        click.echo(f"JupyterLab opens {copy}. To stop it, press Ctrl+C twice.", err=True)
        if not has_display():
            click.echo(
                "No display found: open the address below in a browser on this computer.",
                err=True,
            )
        code = run(started, environment(runs))
    finally:
        if not is_lesson and remove_if_unused(copy, original):
            click.echo(f"{copy.parent} was not used and has been removed.", err=True)
    if code:
        raise UsageError(f"JupyterLab ended with exit code {code}; see above")


def _original(runbook: str) -> Path:
    """The notebook that is meant: a runbook, `training`, or a case.

    Raises:
        UsageError: there is none of this name.
    """
    import re

    from mailflow.runs import FIRST_LESSON, lessons, runbook_path, runbooks

    case = re.fullmatch(r"(?:training/)?case[-_](\d+)", runbook)
    name = f"training/case_{int(case[1]):02}" if case else runbook
    name = FIRST_LESSON if runbook == "training" else name
    return runbook_path(name, [*runbooks(), *lessons()])
