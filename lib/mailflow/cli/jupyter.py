"""The command that opens JupyterLab: lab."""

from __future__ import annotations

from pathlib import Path

import click

from mailflow.cli.completion import complete_notebook
from mailflow.cli.helping import helpful_command
from mailflow.cli.running import MAIN_RUNBOOK
from mailflow.errors import UsageError


@helpful_command()
@click.argument("runbook", required=False, default=MAIN_RUNBOOK, shell_complete=complete_notebook)
def lab(runbook: str) -> None:
    """Open JupyterLab at a runbook, to step through it during an incident, or at a training case.

    \b
    mailflow lab                          the main runbook, mail_stuck_in_queue
    mailflow lab fix_and_verify           the repair, proven and carried out
    mailflow lab training                 the first tour
    mailflow lab case-1                   a training case; `mailflow training` lists them

    No outbound connections; kernel traffic is encrypted.
    """
    import re
    import subprocess

    from mailflow import extras
    from mailflow.runs import FIRST_LESSON, lessons, runbook_path, runbooks
    from mailflow.runs.jupyterlab import command, environment

    case = re.fullmatch(r"(?:training/)?case[-_](\d+)", runbook)
    name = f"training/case_{int(case[1]):02}" if case else runbook
    name = FIRST_LESSON if runbook == "training" else name
    notebook = runbook_path(name, [*runbooks(), *lessons()])
    extras.require("lab", "mailflow lab")
    click.echo(f"JupyterLab opens {notebook}; end it with Ctrl-C.", err=True)
    done = subprocess.run(  # noqa: S603 - ours
        command(notebook), env=environment(Path("runs")), check=False
    )
    if done.returncode:
        raise UsageError(f"JupyterLab ended with exit code {done.returncode}; see above")
