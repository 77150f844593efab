"""The command that opens JupyterLab: lab."""

from __future__ import annotations

from pathlib import Path

import click

from mailflow.cli.completion import complete_runbook
from mailflow.cli.running import MAIN_RUNBOOK
from mailflow.errors import UsageError


@click.command()
@click.argument("runbook", required=False, default=MAIN_RUNBOOK, shell_complete=complete_runbook)
def lab(runbook: str) -> None:
    """Open JupyterLab at a runbook, to step through it during an incident."""
    import importlib.util
    import subprocess

    from mailflow.runs import runbook_path
    from mailflow.runs.jupyterlab import command, environment

    notebook = runbook_path(runbook)
    if importlib.util.find_spec("jupyterlab") is None:
        raise UsageError("JupyterLab is not installed; install it with: pip install mailflow[lab]")
    click.echo(f"JupyterLab opens {notebook}; end it with Ctrl-C.", err=True)
    done = subprocess.run(  # noqa: S603 - ours
        command(notebook), env=environment(Path("runs")), check=False
    )
    if done.returncode:
        raise UsageError(f"JupyterLab ended with exit code {done.returncode}; see above")
