"""The command `mailflow`: parse, call, print. All that thinks lies below."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NoReturn

import click

from mailflow.cli.helping import COMPLETING, Listed, SectionedGroup
from mailflow.cli.streams import finish, prepare
from mailflow.errors import MailflowError
from mailflow.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

WRONG_USAGE, INTERNAL = 3, 4
SECTIONS: Mapping[str, Mapping[str, Listed]] = {
    "Find the cause": {
        "diagnose": Listed("reading.diagnose", "Show the cause of stuck mail in the terminal."),
        "run": Listed("running.run", "Run a runbook unattended and write an HTML report."),
        "explain": Listed("asking.explain", "Decode an error text and list possible causes."),
        "which": Listed(
            "asking.which", "Show which receive connector handles a source address, and why."
        ),
        "probe": Listed(
            "probing.probe", "Show which EHLO keywords the targets offer a sending server."
        ),
        "usage": Listed(
            "using.usage", "Show which hosts use a receive connector, from SMTP receive logs."
        ),
        "snapshot": Listed("reading.snapshot", "Collect all data into one file for offline use."),
    },
    "Repair": {
        "whatif": Listed(
            "changing.whatif", "Show which hosts a change of RemoteIPRanges would affect."
        ),
        "diff": Listed(
            "changing.diff", "Compare two sources by behavior: which hosts are handled differently."
        ),
        "twin": Listed(
            "twinning.twin", "Check whether server B treats every host as server A does."
        ),
        "tidy": Listed("tidying.tidy", "Shorten RemoteIPRanges without changing what they do."),
        "undo": Listed(
            "undoing.undo", "Restore the connector settings that a fix_and_verify run replaced."
        ),
    },
    "Live servers": {
        "doctor": Listed(
            "reading.doctor",
            "Check connectivity, authentication and permissions for a live organization.",
        ),
    },
    "Notebooks and reports": {
        "lab": Listed(
            "jupyter.lab",
            "Open a runbook or a training case in JupyterLab.",
        ),
        "runs": Listed("kept_runs.kept_runs", "List, open and clean up run folders."),
    },
    "Try and learn": {
        "demo": Listed("running.demo", "Run the sample case and write its report."),
        "practice": Listed(
            "practising.practice", "Run a simulated Exchange organization locally (Ctrl+C to stop)."
        ),
        "scenarios": Listed(
            "practising.scenarios", "List the simulated organizations that come with mailflow."
        ),
        "training": Listed("training.training", "List training cases and your progress."),
    },
    "Set up": {
        "completion": Listed(
            "shells.print_completion",
            "Print the completion script for a shell.",
        ),
    },
}
"""In the order of a day's work, as --help lists them."""


@click.group(
    cls=SectionedGroup,
    sections=SECTIONS,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="mailflow")
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Find out why mail is stuck between Exchange servers, with evidence and a tested fix.

    \b
    Start here:
      mailflow demo                       run the sample case and write its report
      mailflow diagnose EXPORTS           show the cause on one screen
      mailflow whatif EXPORTS             show what the repair would change
      mailflow twin EXPORTS EX16A SE01    compare a new server with the old one
      mailflow run mail_stuck_in_queue EXPORTS --ticket INC0012345
      mailflow explain '451 4.4.0 Primary target IP address responded ...'
      mailflow doctor ex16a.contoso.com   check access to a live server
      mailflow diagnose exchange://ex16a.contoso.com

    EXPORTS is a file, folder or zip with what an administrator exported (Export-Clixml,
    Format-List, tables, JSON or CSV; recognized by content).

    \b
    Exit codes: 0 no fault found   1 something found   2 inconclusive
                3 wrong usage or unreadable input   4 internal error
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and leave with the exit code of the contract, section 4."""
    prepare()
    if COMPLETING in os.environ:
        from mailflow.cli import shells  # noqa: F401 - tells click of PowerShell
    try:
        code = cli.main(arguments, prog_name="mailflow", standalone_mode=False)
        finish()
    except click.exceptions.Abort:
        _fail("interrupted", 130)
    except click.ClickException as error:
        hint = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
        said = _said(error)
        _fail(f"{said} Run '{hint} --help'." if hint else said.rstrip("."), WRONG_USAGE)
    except MailflowError as error:
        _fail(str(error), error.exit_code, error.further)
    except ModuleNotFoundError as error:
        from mailflow import extras

        told = extras.not_installed(error)
        _fail(str(told), WRONG_USAGE) if told else _internal(error)
    except Exception as error:  # noqa: BLE001 - the one boundary: no traceback reaches a user
        _internal(error)
    raise SystemExit(code if isinstance(code, int) else 0)


def _said(error: click.ClickException) -> str:
    """What click tells, as a sentence; of options that nearly match the nearest alone."""
    if isinstance(error, click.NoSuchOption):
        from mailflow.phrases import did_you_mean

        meant = did_you_mean(error.option_name, error.possibilities or ())
        return f"No such option: '{error.option_name}'.{meant}"
    said = error.format_message().rstrip(".")
    return said if said.endswith("?") else f"{said}."


def _fail(message: str, code: int, further: tuple[str, ...] = ()) -> NoReturn:
    from mailflow.plain import one_line, visible

    click.echo(f"mailflow: {visible(' '.join(message.split()))}", err=True)
    for line in further:
        click.echo(one_line(line), err=True)
    raise SystemExit(code)


def _internal(error: Exception) -> NoReturn:
    """A bug of ours: one line for the user, the traceback for whoever repairs it."""
    import traceback
    from pathlib import Path

    if os.environ.get("MAILFLOW_DEBUG"):
        click.echo("".join(traceback.format_exception(error)), err=True)
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    _fail(
        f"internal error ({type(error).__name__} at {where}); please report it, and run again with "
        "MAILFLOW_DEBUG=1 for the details",
        INTERNAL,
    )
