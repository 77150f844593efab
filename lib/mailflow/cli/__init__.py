"""The command `mailflow`: parse, call, print. All that thinks lies below."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import click

from mailflow import __version__, extras
from mailflow.cli.asking import explain, which
from mailflow.cli.changing import diff, whatif
from mailflow.cli.helping import SectionedGroup
from mailflow.cli.jupyter import lab
from mailflow.cli.kept_runs import kept_runs
from mailflow.cli.practising import practice, scenarios
from mailflow.cli.probing import probe
from mailflow.cli.reading import diagnose, doctor, snapshot
from mailflow.cli.running import demo, run
from mailflow.cli.shells import print_completion
from mailflow.cli.streams import finish, prepare
from mailflow.cli.tidying import tidy
from mailflow.cli.training import training
from mailflow.cli.twinning import twin
from mailflow.cli.undoing import undo
from mailflow.cli.using import usage
from mailflow.errors import MailflowError
from mailflow.phrases import did_you_mean
from mailflow.plain import one_line, visible

WRONG_USAGE, INTERNAL = 3, 4
SECTIONS = {
    "Find the cause": (diagnose, run, explain, which, probe, usage, snapshot),
    "Repair": (whatif, diff, twin, tidy, undo),
    "Live servers": (doctor,),
    "Notebooks and reports": (lab, kept_runs),
    "Try and learn": (demo, practice, scenarios, training),
    "Set up": (print_completion,),
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
        told = extras.not_installed(error)
        _fail(str(told), WRONG_USAGE) if told else _internal(error)
    except Exception as error:  # noqa: BLE001 - the one boundary: no traceback reaches a user
        _internal(error)
    raise SystemExit(code if isinstance(code, int) else 0)


def _said(error: click.ClickException) -> str:
    """What click tells, as a sentence; of options that nearly match the nearest alone."""
    if isinstance(error, click.NoSuchOption):
        meant = did_you_mean(error.option_name, error.possibilities or ())
        return f"No such option: '{error.option_name}'.{meant}"
    said = error.format_message().rstrip(".")
    return said if said.endswith("?") else f"{said}."


def _fail(message: str, code: int, further: tuple[str, ...] = ()) -> NoReturn:
    click.echo(f"mailflow: {visible(' '.join(message.split()))}", err=True)
    for line in further:
        click.echo(one_line(line), err=True)
    raise SystemExit(code)


def _internal(error: Exception) -> NoReturn:
    """A bug of ours: one line for the user, the traceback for whoever repairs it."""
    import os
    import traceback

    if os.environ.get("MAILFLOW_DEBUG"):
        click.echo("".join(traceback.format_exception(error)), err=True)
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    _fail(
        f"internal error ({type(error).__name__} at {where}); please report it, and run again with "
        "MAILFLOW_DEBUG=1 for the details",
        INTERNAL,
    )
