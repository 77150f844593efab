"""The command that shows which EHLO keywords targets offer a sender: probe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mailflow.cli.completion import complete_server, complete_source
from mailflow.cli.helping import helpful_command
from mailflow.cli.live import live_options
from mailflow.cli.terminal import columns, in_json, is_terminal, open_organisation, progress
from mailflow.errors import UsageError
from mailflow.plain import one_line

if TYPE_CHECKING:
    from mailflow.opening import Probeable
    from mailflow.snapshot import Snapshot
    from mailflow.sources.credentials import LiveOptions
    from mailflow.views.probe import Probed


@helpful_command()
@click.argument("source", shell_complete=complete_source)
@click.option(
    "--from",
    "sender",
    metavar="SERVER",
    required=True,
    shell_complete=complete_server,
    help="Sending server: it sends EHLO.",
)
@click.option(
    "--to",
    "targets",
    metavar="SERVER",
    multiple=True,
    shell_complete=complete_server,
    help="Target server; repeatable.  [default: all servers that it sends to]",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document, with the raw replies.")
@live_options
def probe(
    source: str, *, sender: str, targets: tuple[str, ...], as_json: bool, live: LiveOptions
) -> None:
    """Show which EHLO keywords the targets offer a sending server.

    \b
    mailflow probe winrm://ex16a.contoso.com --from EX10A
    mailflow probe winrm://ex16a.contoso.com --from EX10A --to EX16A --to EX16B
    mailflow probe exports/ --from EX10A > probe.ps1       lines to paste on EX10A

    The sending server itself connects to each target, because from another host a different
    receive connector may accept the connection. It reads the banner, sends EHLO, reads the reply
    and sends QUIT: no authentication, no mail. The time limit is 10 seconds for each target. The
    receive connector that the configuration predicts is shown beside each reply.

    Over winrm:// and for demo: the probe runs at once. For any other SOURCE mailflow prints
    PowerShell to paste on the sending server, which writes each reply to a file. Exit code:
    0 all targets offer what an Exchange server needs, 1 one does not, 2 inconclusive: a target
    was not reached, or its reply does not decide.
    """
    from mailflow.opening import within_reach

    with within_reach(source, progress, live) as reached:
        if reached is not None:
            found = _asked(source, reached, sender, targets)
        else:
            found = _to_paste(source, open_organisation(source, live=live), sender, targets)
    progress("")
    if as_json:
        click.echo(in_json(found.as_json(), indent=2))
    elif found.results:
        from mailflow.cli.probe_screen import probe_screen

        click.echo(probe_screen(found, columns(), colour=is_terminal()))
    else:
        click.echo("".join(f"{line}\n" for line in found.lines), nl=bool(found.lines))
        click.echo(f"mailflow: {one_line(found.summary)}", err=True)
    raise SystemExit(found.exit_code)


def _asked(source: str, reached: Probeable, name: str, names: tuple[str, ...]) -> Probed:
    """Send EHLO from the sender to its targets."""
    from mailflow.exchange.ehlo import EhloAttempt
    from mailflow.sources.probing import send_ehlo
    from mailflow.views.probe import (
        Probed,
        judge,
        probed,
        questions_of,
        sender_of,
        targets_of,
        unaskable,
    )

    org = reached.org
    if not org.servers:
        why = "; ".join(dict.fromkeys(row.why for row in org.unread)) or "it does not name a server"
        return Probed(source, name, failed=f"Nothing was sent: {why}")
    sender = sender_of(org, name)
    targets = targets_of(org, sender, names)
    questions = questions_of(sender, targets)
    answers = iter(
        send_ehlo(
            reached.doors,
            sender.server,
            [
                question
                for question, target in zip(questions, targets, strict=True)
                if not unaskable(target)
            ],
            servers=org.servers,
            first=reached.entry,
            tell=progress,
        )
    )
    results = []
    for question, target in zip(questions, targets, strict=True):
        why = unaskable(target)
        attempt = EhloAttempt(question, "nowhere", why) if why else next(answers)
        results.append(judge(sender, target, attempt))
    return probed(org, source, sender, results, named=bool(names))


def _to_paste(source: str, org: Snapshot, name: str, names: tuple[str, ...]) -> Probed:
    """Nobody can be asked: the lines by which somebody else asks."""
    from mailflow.cli.probe_lines import probe_lines
    from mailflow.exchange.commands import Unquotable
    from mailflow.views.probe import Probed, questions_of, sender_of, targets_of

    sender = sender_of(org, name)
    targets = [target for target in targets_of(org, sender, names) if target.port]
    if not targets:
        raise UsageError(f"as far as was read, {sender.name} sends to no server of its own")
    hosts = [target.view.server.fqdn for target in targets]
    try:
        lines = probe_lines(questions_of(sender, targets), hosts)
    except Unquotable as error:
        raise UsageError(str(error)) from error
    why = "Nothing was sent, since only winrm:// can ask a server: paste the lines on "
    return Probed(source, sender.name, failed=f"{why}{sender.name}.", lines=tuple(lines))
