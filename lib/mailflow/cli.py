"""The command `mailflow`: parse, call, print. All that thinks lies below."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from mailflow import __version__
from mailflow.errors import MailflowError, NotBuiltError, UsageError
from mailflow.plain import grid, visible

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from mailflow.lab.endpoints import Endpoints
    from mailflow.snapshot import Snapshot
    from mailflow.sources.credentials import LiveOptions
    from mailflow.steps.verdict import Diagnosis

MAIN_RUNBOOK = "mail_stuck_in_queue"
EXIT_BY_VERDICT = {"clear": 0, "found": 1, "unknown": 2}
WRONG_USAGE, INTERNAL = 3, 4

COMING = {
    "whatif": "trying a change of RemoteIPRanges",
    "diff": "comparing two sources",
    "training": "the training cases",
}
"""Commands of the contract that a later version brings."""


def _complete_source(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The names of the demo; else the shell completes files."""
    from click.shell_completion import CompletionItem

    from mailflow.opening import scenarios

    names = [f"demo:{name}" for name, _ in scenarios()]
    found = [CompletionItem(name) for name in names if incomplete and name.startswith(incomplete)]
    return found or [CompletionItem(incomplete, type="file")]


def _complete_runbook(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from mailflow.runs import runbooks

    return [CompletionItem(name) for name in runbooks() if name.startswith(incomplete)]


def _complete_scenario(
    _ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    from mailflow.opening import scenarios

    return [CompletionItem(name) for name, _ in scenarios() if name.startswith(incomplete)]


def _log_on(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the log-on options (contract, section 3); it gets them as `live`."""
    from functools import wraps

    @wraps(command)
    def with_live(**given: Any) -> None:  # noqa: ANN401 - whatever click read
        from mailflow.sources.credentials import LiveOptions

        names = ("user", "auth", "ca", "cert", "key", "password_env", "keyring")
        options = {name: given.pop(name) or "" for name in names}
        way = "snapin" if given.pop("snapin") else ""
        command(live=LiveOptions(**options, resolve=given.pop("resolve"), way=way), **given)

    for option in reversed(_LOG_ON):
        with_live = option(with_live)
    return with_live


_FILE = click.Path()
_LOG_ON = (
    click.option("--user", help="Live: who logs on, DOMAIN\\user or user@domain."),
    click.option(
        "--auth",
        metavar="KIND",
        help="Live: kerberos, ntlm, credssp, certificate or basic.  "
        "[default: Kerberos with a ticket, else NTLM]",
    ),
    click.option("--ca", type=_FILE, help="Live: authorities to trust, PEM."),
    click.option("--cert", type=_FILE, help="Live: client certificate, PEM; with --key."),
    click.option("--key", type=_FILE, help="Live: its key, PEM."),
    click.option("--password-env", metavar="NAME", help="Live: variable that holds the password."),
    click.option("--keyring", metavar="ENTRY", help="Live: keyring entry with it, SERVICE/USER."),
    click.option(
        "--resolve",
        multiple=True,
        metavar="NAME=ADDRESS[:PORT]",
        help="Live: where to connect for this server, instead of asking DNS; repeatable.",
    ),
    click.option("--snapin", is_flag=True, help="Live: load Exchange's snap-in, without RBAC."),
)
"""Each has an environment variable, MAILFLOW_USER and so on, which a notebook reads as well."""


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
      mailflow run mail_stuck_in_queue CAPTURES --ticket INC0012345
      mailflow explain '451 4.4.0 Primary target IP address responded with: ...'
      mailflow doctor ex16a.contoso.com        can a live server be read from here?
      mailflow diagnose winrm://ex16a.contoso.com

    CAPTURES is a file, folder or zip with what an administrator exported
    (Export-Clixml, Format-List, JSON or CSV; recognised by content).

    \b
    Exit codes: 0 healthy   1 something found   2 not everything known
                3 wrong usage or unreadable input   4 a bug of ours
    """


@cli.command()
@click.option("--runs", type=click.Path(path_type=Path), default=Path("runs"), show_default=True)
def demo(runs: Path) -> None:
    """Run the main runbook on demo:article and say where the report is."""
    _run(MAIN_RUNBOOK, "demo:article", None, runs, {})


@cli.command()
@click.argument("runbook", shell_complete=_complete_runbook)
@click.argument("source", shell_complete=_complete_source)
@click.option("--ticket", help="Number of the ticket; stays text, and names the run folder.")
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
    help="Seconds that one cell may take.",
)
@_log_on
def run(  # noqa: PLR0913 - one argument for each option
    runbook: str,
    source: str,
    *,
    ticket: str | None,
    runs: Path,
    parameters: tuple[tuple[str, str], ...],
    timeout: float,
    live: LiveOptions,
) -> None:
    """Execute a runbook headless and leave a report for the ticket.

    \b
    mailflow run mail_stuck_in_queue captures.zip --ticket INC0012345
    mailflow run mail_stuck_in_queue demo:article -p servers EX16A
    mailflow run mail_stuck_in_queue winrm://ex16a.contoso.com --user anna@contoso.com

    RUNBOOK is a notebook in notebooks/. The run folder holds report.html (one file, to be
    attached), the executed notebook, findings.json, the snapshot and a manifest.
    """
    named: dict[str, str] = {}
    for name, value in parameters:
        if name in named:
            raise UsageError(f"parameter {name} is given twice")
        named[name] = value
    _run(runbook, source, ticket, runs, named, timeout=timeout, live=live)


@cli.command()
@click.argument("source", shell_complete=_complete_source)
@click.option("--json", "as_json", is_flag=True, help="One JSON document (findings.json).")
@click.option("--server", "servers", multiple=True, help="Only ways from or to it; repeatable.")
@click.option("--min-messages", type=click.IntRange(min=0), default=1, show_default=True)
@_log_on
def diagnose(
    source: str,
    *,
    as_json: bool,
    servers: tuple[str, ...],
    min_messages: int,
    live: LiveOptions,
) -> None:
    """Say what is wrong, without a kernel, on one screen.

    \b
    mailflow diagnose captures/
    mailflow diagnose demo:article --json
    mailflow diagnose winrm://ex16a.contoso.com
    """
    from mailflow.steps.findings import findings

    found = findings(_open(source, servers, live), min_messages=min_messages)
    _show(found, as_json=as_json)
    raise SystemExit(EXIT_BY_VERDICT[found.verdict])


@cli.command()
@click.argument("source", shell_complete=_complete_source)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path))
@_log_on
def snapshot(source: str, output: Path, live: LiveOptions) -> None:
    """Collect once into one file that can be read offline as often as wanted.

    \b
    mailflow snapshot captures/ -o tuesday.snapshot
    mailflow diagnose tuesday.snapshot
    """
    org = _open(source, live=live)
    try:
        org.save(output)
    except OSError as error:
        raise UsageError(f"{output}: cannot be written ({error.strerror})") from error
    for table in ("servers", "addresses", "connectors", "queues"):
        click.echo(f"{len(getattr(org, table)):7,} {table}")
    for one in org.reads:
        click.echo(visible(f"{one.server}: {one.outcome}, {one.how}, {one.seconds:.1f} s"))
    for what, place in org.ignored:
        click.echo(visible(f"ignored  {what}: {place}"))
    for row in org.unread:
        click.echo(visible(f"not read {row.server or 'any server'}: {row.what}: {row.why}"))
    click.echo(visible(str(output)))
    raise SystemExit(2 if org.unread else 0)


@cli.command()
@click.argument("text", required=False)
@click.option("--json", "as_json", is_flag=True, help="JSON Lines, one object for each text.")
def explain(text: str | None, *, as_json: bool) -> None:
    """Take a LastError apart and say what it means.

    \b
    mailflow explain '451 4.4.0 Primary target IP address responded with: "451 5.7.3 ..."'
    Get-Queue | % LastError | mailflow explain          (one error per line)
    """
    from mailflow.steps.explanation import explain_text, explain_words

    first = True
    for one in [text] if text is not None else _lines_of_input():
        if as_json:
            click.echo(_json(explain_text(one)))
        else:
            click.echo(("" if first else "\n") + explain_words(one))
        first = False


@cli.command()
@click.argument("source", shell_complete=_complete_source)
@click.option("--server", help="The server that is asked.")
@click.option("--source", "address", metavar="IP", help="The address the question is about.")
@click.option("--local", metavar="IP", default="", help="Its local address; left out: all known.")
@click.option("--port", default="", help="Its port.  [default: 25]")
@click.option("--probes", type=click.Path(path_type=Path), help="CSV: server,local,port,source.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@_log_on
def which(  # noqa: PLR0913 - one argument for each option
    source: str,
    *,
    server: str | None,
    address: str | None,
    local: str,
    port: str,
    probes: Path | None,
    as_json: bool,
    live: LiveOptions,
) -> None:
    """Say which receive connector answers an address, and why the others do not.

    \b
    mailflow which demo:article --server EX16A --source 10.0.0.11
    mailflow which captures/ --probes questions.csv > answers.jsonl
    """
    from mailflow.steps.which import probe, probes_from, which

    if probes is not None:
        if server or address or local or port:
            raise UsageError("--probes asks its own questions; leave out the other options")
        questions = probes_from(_read_text(probes), str(probes))
        org = _open(source, live=live)
        answers = [which(org, one) for one in questions]
        for one in answers:
            one.pop("schema")
            click.echo(_json(one))
        raise SystemExit(2 if any(one["unknown"] for one in answers) else 0)
    if not server or not address:
        raise UsageError("name a server and an address: --server EX16A --source 10.0.0.11")
    answer = which(_open(source, live=live), probe(server, address, local, port))
    click.echo(_json(answer, indent=2) if as_json else _which_words(answer))
    raise SystemExit(2 if answer["unknown"] else 0)


@cli.command()
@click.argument("runbook", required=False, default=MAIN_RUNBOOK, shell_complete=_complete_runbook)
def lab(runbook: str) -> None:
    """Open JupyterLab at a runbook, to step through it during an incident."""
    import importlib.util
    import subprocess

    from mailflow.runs import kernel_environment, runbook_path

    notebook = runbook_path(runbook)
    if importlib.util.find_spec("jupyterlab") is None:
        raise UsageError("JupyterLab is not installed; install it with: pip install mailflow[lab]")
    command = [sys.executable, "-m", "jupyterlab", str(notebook)]
    click.echo(f"JupyterLab opens {notebook}; end it with Ctrl-C.", err=True)
    done = subprocess.run(command, env=kernel_environment(), check=False)  # noqa: S603 - ours
    if done.returncode:
        raise UsageError(f"JupyterLab ended with exit code {done.returncode}; see above")


@cli.command()
@click.argument("scenario", required=False, default="article", shell_complete=_complete_scenario)
@click.option("--https", is_flag=True, help="With TLS, by an authority of its own.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0),
    default=1.0,
    show_default=True,
    help="Seconds that pass there while one passes here.",
)
@click.option("--json", "as_json", is_flag=True, help="How to reach it as one line of JSON.")
def practice(scenario: str, *, https: bool, speed: float, as_json: bool) -> None:
    """Serve a practice organisation on this machine until interrupted.

    \b
    mailflow practice article                 in one terminal
    mailflow diagnose winrm+http://...        in another, as it says

    It speaks WS-Management, as Windows servers do, on loopback addresses; `mailflow scenarios`
    lists what there is. Mail moves, is tried again and expires there as time goes by.
    """
    import signal
    import time
    from datetime import timedelta

    from mailflow.lab.endpoints import serve
    from mailflow.lab.practice import Practice

    begun = Practice.begin(scenario)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with serve(begun, https=https) as served:
        reach = {"source": served.source, "args": served.args, "env": served.env}
        click.echo(_json(reach) if as_json else _practice_words(begun.title, served))
        sys.stdout.flush()
        try:
            while True:
                time.sleep(_TICK)
                begun.advance(timedelta(seconds=_TICK * speed))
        except KeyboardInterrupt:
            click.echo("stopped", err=True)


@cli.command()
@click.argument("host")
@_log_on
def doctor(host: str, *, live: LiveOptions) -> None:
    """Say what works and what does not on the way to a live organisation.

    \b
    mailflow doctor ex16a.contoso.com
    mailflow doctor winrm+http://ex16a.contoso.com --user CONTOSO\\anna --auth ntlm

    Checks name, route, port, TLS, clock, log-on, PowerShell, Exchange and rights in order; each
    fault has an id, a cause and the next action. Exit code: 0 all works, 1 a fault was found,
    2 it could not be decided.
    """
    from mailflow.opening import live_doors
    from mailflow.sources.doctor import doctor, exit_code, words

    doors, way, name = live_doors(host if "://" in host else f"winrm://{host}", live)
    checks = doctor(doors, way, name)
    click.echo(words(checks, _columns()))
    raise SystemExit(exit_code(checks))


_TICK = 0.5
"""Seconds between two looks at the clock of a practice organisation."""


def _practice_words(title: str, served: Endpoints) -> str:
    """What to type in another terminal, or to set before JupyterLab is started."""
    variables = {**served.options.to_environment(), **served.env}
    said = "$env:{} = '{}'" if sys.platform == "win32" else "export {}='{}'"
    lines = [f"    {said.format(name, value)}" for name, value in variables.items()]
    return "\n".join(
        [
            f"{title}.",
            "It listens until you press Ctrl-C. In another terminal:",
            "",
            *lines,
            f"    mailflow diagnose {served.source}",
        ]
    )


@cli.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
def scenarios(*, as_json: bool) -> None:
    """List the organisations that come with mailflow."""
    from mailflow.opening import scenarios as known

    if as_json:
        listed = [{"source": f"demo:{name}", "title": title} for name, title in known()]
        click.echo(_json({"schema": "mailflow.scenarios/1", "scenarios": listed}, indent=2))
        return
    rows = [(f"demo:{name}", title) for name, title in known()]
    click.echo(grid(("source", "what is known at the start"), rows, (False, False), _columns()))


def _announce(name: str, what: str) -> None:
    """A command of a later version: it says so, whatever is asked of it."""

    @cli.command(
        name,
        help=f"Comes with a later version: {what}.",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )
    @click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
    def coming(arguments: tuple[str, ...]) -> NoReturn:
        del arguments
        raise NotBuiltError(f"mailflow {name} ({what}) comes with a later version")


for _name, _what in COMING.items():
    _announce(_name, _what)


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command line and leave with the exit code of the contract, section 4."""
    try:
        code = cli.main(arguments, prog_name="mailflow", standalone_mode=False)
    except click.exceptions.Abort:
        _fail("interrupted", 130)
    except click.ClickException as error:
        hint = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else ""
        _fail(error.format_message() + (f"; see {hint} --help" if hint else ""), WRONG_USAGE)
    except MailflowError as error:
        _fail(str(error), error.exit_code)
    except BrokenPipeError:
        sys.stderr.close()  # whoever read us has read enough
        raise SystemExit(0) from None
    except Exception as error:  # noqa: BLE001 - the one boundary: no traceback reaches a user
        _internal(error)
    raise SystemExit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int) -> NoReturn:
    click.echo(f"mailflow: {visible(' '.join(message.split()))}", err=True)
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


def _run(  # noqa: PLR0913 - the options of the command
    runbook: str,
    source: str,
    ticket: str | None,
    runs: Path,
    parameters: dict[str, str],
    *,
    timeout: float = 600.0,
    live: LiveOptions | None = None,
) -> NoReturn:
    from mailflow import runs as headless

    done = headless.run(
        runbook,
        source,
        ticket=ticket,
        runs=runs,
        parameters=parameters,
        timeout=timeout,
        progress=_progress,
        live=live,
    )
    _progress("")
    click.echo(done.screen(_columns(), colour=_is_terminal()))
    click.echo(visible(str(done.report)))
    raise SystemExit(done.exit_code)


def _open(source: str, servers: tuple[str, ...] = (), live: LiveOptions | None = None) -> Snapshot:
    from mailflow.opening import open_source

    org = open_source(source, servers=servers, tell=_progress, live=live)
    _progress("")
    return org


def _show(found: Diagnosis, *, as_json: bool) -> None:
    if as_json:
        click.echo(_json(found.as_json(), indent=2))
        return
    from mailflow.show.terminal import screen

    click.echo(screen(found, _columns(), colour=_is_terminal()))


def _progress(line: str) -> None:
    """One line that replaces itself, on a terminal only; an empty one wipes it away."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{visible(line)[: _columns() - 1]}")
        sys.stderr.flush()


def _is_terminal() -> bool:
    import os

    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def _columns() -> int:
    import shutil

    return min(shutil.get_terminal_size((80, 24)).columns, 100)


def _json(document: dict[str, Any], indent: int | None = None) -> str:
    """ASCII only, so that no console's code page can spoil it."""
    return json.dumps(document, indent=indent)


def _lines_of_input() -> Iterator[str]:
    if sys.stdin.isatty():
        click.echo("Paste errors, one per line; end with Ctrl-D (Windows: Ctrl-Z).", err=True)
    for raw in sys.stdin.buffer:
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if line.strip():
            yield line


def _read_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise UsageError(f"{path}: cannot be read ({reason})") from error


def _which_words(answer: dict[str, Any]) -> str:
    """The answer for people: who, by which range, and why the others do not."""
    place = f"{answer['server']}, port {answer['port']}"
    if answer["local"]:
        place += f", local address {answer['local']}"
    if answer["unknown"]:
        head = f"Not known who answers {answer['source']} on {place}: {answer['unknown']}"
    elif answer["connector"]:
        head = (
            f"{answer['connector']} answers {answer['source']} on {place}, by its range "
            f"{answer['range']} ({answer['size']:,} address{'es' if answer['size'] > 1 else ''})"
        )
    else:
        head = f"No connector answers {answer['source']} on {place}: {answer['reply']}"
    lines = [
        f"{head}.",
        *(
            f"  on {one['local']}: {one['connector'] or 'not known, or none'}"
            for one in answer.get("differs", ())
        ),
    ]
    lines += [f"  not {one['connector']}: {one['reason']}" for one in answer["others"]]
    return "\n".join(visible(line) for line in lines)
