"""The command `mailflow`: parse, call, print. All that thinks lies below."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import click

from mailflow import __version__
from mailflow.cli.asking import explain, which
from mailflow.cli.changing import diff, whatif
from mailflow.cli.jupyter import lab
from mailflow.cli.practising import practice, scenarios
from mailflow.cli.reading import diagnose, doctor, snapshot
from mailflow.cli.running import demo, run
from mailflow.cli.streams import finish, prepare
from mailflow.cli.training import training
from mailflow.cli.undoing import undo
from mailflow.cli.using import usage
from mailflow.errors import MailflowError
from mailflow.plain import one_line, visible

WRONG_USAGE, INTERNAL = 3, 4
COMMANDS = (
    demo,
    run,
    diagnose,
    snapshot,
    explain,
    which,
    whatif,
    usage,
    diff,
    undo,
    lab,
    practice,
    doctor,
    scenarios,
    training,
)
"""In the order of a day's work, as --help lists them."""


class _Group(click.Group):
    """Commands in the order of a day's work, not of the alphabet."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="mailflow")
def cli() -> None:
    """Find out why Exchange mail is stuck: from queues to the cause, with evidence.

    \b
    Start here:
      mailflow demo                            the case this tool grew from, as a report
      mailflow diagnose CAPTURES               what is wrong, on one screen
      mailflow whatif CAPTURES                 what the repair would change, and for whom
      mailflow run mail_stuck_in_queue CAPTURES --ticket INC0012345
      mailflow explain '451 4.4.0 Primary target IP address responded with: ...'
      mailflow doctor ex16a.contoso.com        can a live server be read from here?
      mailflow diagnose winrm://ex16a.contoso.com

    CAPTURES is a file, folder or zip with what an administrator exported
    (Export-Clixml, Format-List, tables, JSON or CSV; recognised by content).

    \b
    Exit codes: 0 healthy   1 something found   2 not everything known
                3 wrong usage or unreadable input   4 a bug of ours
    """


for _command in COMMANDS:
    cli.add_command(_command)


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
        _fail(error.format_message() + (f"; see {hint} --help" if hint else ""), WRONG_USAGE)
    except MailflowError as error:
        _fail(str(error), error.exit_code, error.further)
    except Exception as error:  # noqa: BLE001 - the one boundary: no traceback reaches a user
        _internal(error)
    raise SystemExit(code if isinstance(code, int) else 0)


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
