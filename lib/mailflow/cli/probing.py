"""The command that asks live servers what they offer a sender: probe."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import click

from mailflow.cli.completion import complete_server, complete_source
from mailflow.cli.live import live_options
from mailflow.cli.terminal import columns, in_json, is_terminal, open_organisation, progress
from mailflow.errors import UsageError
from mailflow.plain import one_line

if TYPE_CHECKING:
    from mailflow.opening import Probeable
    from mailflow.snapshot import Snapshot
    from mailflow.sources.credentials import LiveOptions


@click.command()
@click.argument("source", shell_complete=complete_source)
@click.option(
    "--from",
    "sender",
    metavar="SERVER",
    required=True,
    shell_complete=complete_server,
    help="The sending server: it sends EHLO.",
)
@click.option(
    "--to",
    "targets",
    metavar="SERVER",
    multiple=True,
    shell_complete=complete_server,
    help="A target; repeatable.  [default: all servers that it sends to]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document, with the raw replies.")
@live_options
def probe(
    source: str, *, sender: str, targets: tuple[str, ...], as_json: bool, live: LiveOptions
) -> None:
    """Ask what targets really offer a sending server.

    \b
    mailflow probe winrm://ex16a.contoso.com --from EX10A
    mailflow probe winrm://ex16a.contoso.com --from EX10A --to EX16A --to EX16B
    mailflow probe captures/ --from EX10A > probe.ps1      lines to paste on EX10A

    The sending server itself connects to each target, for from anywhere else another receive
    connector may accept the connection. It reads the banner, sends EHLO, reads the reply and sends
    QUIT: no authentication, no mail. Each target has 10 seconds. Beside the reply stands the
    receive connector that the configuration predicts.

    Over winrm:// this is done at once. For any other SOURCE it prints PowerShell to paste on the
    sending server, which writes each reply to a file. Exit code: 0 all targets offer what an
    Exchange server needs, 1 one does not, 2 one was not reached, or is not decided.
    """
    from mailflow.opening import within_reach

    with within_reach(source, progress, live) as reached:
        if reached is None:
            _print_lines(source, open_organisation(source, live=live), sender, targets, as_json)
        _print_results(source, reached, sender, targets, as_json=as_json)


def _print_results(
    source: str, reached: Probeable, sender: str, names: tuple[str, ...], *, as_json: bool
) -> NoReturn:
    from mailflow.cli.probe_screen import probe_screen
    from mailflow.exchange.ehlo import EhloAttempt
    from mailflow.sources.probing import send_ehlo
    from mailflow.views.probe import (
        document,
        exit_code,
        judge,
        questions_of,
        sender_of,
        targets_of,
    )

    org = reached.org
    if not org.servers:
        why = "; ".join(dict.fromkeys(row.why for row in org.unread)) or "it names no server"
        click.echo(f"mailflow: nothing was sent: {one_line(why)}", err=True)
        raise SystemExit(2)
    view = sender_of(org, sender)
    targets = targets_of(org, view, names)
    questions = questions_of(view, targets)
    asked = [question for question in questions if question.address]
    found = iter(
        send_ehlo(
            reached.doors,
            view.server,
            asked,
            servers=org.servers,
            first=reached.entry,
            tell=progress,
        )
    )
    progress("")
    lost = "no address of it is known; bring addresses.csv, or use --resolve"
    results = [
        judge(view, target, next(found) if each.address else EhloAttempt(each, "address", lost))
        for target, each in zip(targets, questions, strict=True)
    ]
    if as_json:
        click.echo(in_json(document(source, view, results), indent=2))
    else:
        click.echo(probe_screen(source, view, results, columns(), colour=is_terminal()))
    raise SystemExit(exit_code(results))


def _print_lines(
    source: str, org: Snapshot, sender: str, names: tuple[str, ...], as_json: bool
) -> NoReturn:
    from mailflow.cli.probe_lines import probe_lines
    from mailflow.exchange.commands import Unquotable
    from mailflow.views.probe import document, questions_of, sender_of, targets_of

    view = sender_of(org, sender)
    targets = targets_of(org, view, names)
    if not targets:
        raise UsageError(f"as far as was read, {view.name} sends to no server of the organization")
    try:
        hosts = [target.view.server.fqdn for target in targets]
        lines = probe_lines(questions_of(view, targets), hosts)
    except Unquotable as error:
        raise UsageError(str(error)) from error
    if as_json:
        told = document(source, view, [])
        summary = "Nothing was sent: paste these lines on the sending server."
        click.echo(in_json({**told, "summary": summary, "lines": lines}, indent=2))
    else:
        click.echo("\n".join(lines) + "\n")
        click.echo(
            "mailflow: nothing was sent, since only winrm:// can ask a server; "
            f"paste the lines above on {one_line(view.name)}",
            err=True,
        )
    raise SystemExit(2)
