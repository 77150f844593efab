"""The commands that compare before with after: whatif and diff."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mailflow.cli.completion import complete_connector, complete_server, complete_source
from mailflow.cli.helping import HelpfulCommand, helpful_command
from mailflow.cli.live import live_options
from mailflow.cli.terminal import columns, in_json, is_terminal, open_organisation, simulated
from mailflow.errors import UsageError

if TYPE_CHECKING:
    from mailflow.repair.claim import Proof
    from mailflow.snapshot import Snapshot
    from mailflow.sources.credentials import LiveOptions
    from mailflow.views.verdict import Diagnosis

EXAMPLE = "mailflow whatif SOURCE --server EX16A --connector Relay --remove 10.0.0.11"

_LISTS = ("--remove", "--add")


class _WithRanges(HelpfulCommand):
    """Takes several ranges behind one `--remove` or `--add`, as in: --remove 10.0.0.11 10.0.0.12.

    Without that the second would be taken for another SOURCE.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Repeat the option before each further range."""
        repeated: list[str] = []
        option = ""
        for place, argument in enumerate(args):
            if place and args[place - 1] in _LISTS:
                option = args[place - 1]
            elif argument.startswith(_LISTS):
                option = argument.partition("=")[0]
            elif option and _is_range(argument):
                repeated.append(option)
            else:
                option = ""
            repeated.append(argument)
        return super().parse_args(ctx, repeated)


@click.command(cls=_WithRanges)
@click.argument("source", shell_complete=complete_source)
@click.option("--server", shell_complete=complete_server, help="Server.")
@click.option(
    "--connector", metavar="NAME", shell_complete=complete_connector, help="Receive connector."
)
@click.option("--remove", multiple=True, metavar="RANGE...", help="Ranges to remove.")
@click.option("--add", multiple=True, metavar="RANGE...", help="Ranges to add.")
@click.option(
    "--change",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with a change, as usage --change and tidy --change write it.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@live_options
def whatif(  # noqa: PLR0913 - one argument for each option
    source: str,
    *,
    server: str | None,
    connector: str | None,
    remove: tuple[str, ...],
    add: tuple[str, ...],
    change: Path | None,
    as_json: bool,
    live: LiveOptions,
) -> None:
    """Show which hosts a change of RemoteIPRanges would affect.

    \b
    mailflow whatif demo:article              the repair that mailflow proposes
    mailflow whatif exports/ --server EX16A --connector Relay --remove 10.0.0.11
    mailflow whatif exports/ --server EX16A --connector Relay \\
                    --remove 10.0.0.0/24 --add 10.0.0.64-10.0.0.255
    mailflow whatif exports/ --change narrow.json

    Compares before and after for every IPv4 and IPv6 address. Nothing is changed: mailflow prints
    the commands, as a dry run (-WhatIf), to apply, and for the rollback. Exit code: 0 no host
    would be affected, 1 some would, 2 inconclusive (data missing), 3 Exchange would refuse it.
    """
    asked = [server, connector, remove or add]
    if any((*asked, remove, add)) and not all(asked):
        raise UsageError(
            "--server, --connector, and --remove or --add go together; without them the proposed "
            f"repair is shown. Example: {EXAMPLE}"
        )
    if change and any((*asked, remove, add)):
        raise UsageError("--change contains the whole change; leave out the other options")
    org = open_organisation(source, live=live)
    found = None
    if change:
        proof = _proof_of_file(org, change)
    elif server and connector:
        proof = _proof_of(org, server, connector, _split(remove), _split(add))
    else:
        proof, found = _proof_of_findings(org)
    if as_json:
        click.echo(in_json(proof.as_json(), indent=2))
    else:
        from mailflow.cli.whatif_screen import whatif_screen

        screen = whatif_screen(proof, found, org.taken, columns(), colour=is_terminal())
        click.echo(simulated(org) + screen)
    raise SystemExit(proof.exit_code)


@helpful_command()
@click.argument("before", shell_complete=complete_source)
@click.argument("after", shell_complete=complete_source)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@live_options
def diff(before: str, after: str, *, as_json: bool, live: LiveOptions) -> None:
    """Compare two sources by behavior: which hosts are handled differently.

    \b
    mailflow diff monday.snapshot tuesday.snapshot
    mailflow diff runs/20261123T140200Z-connector_audit/snapshot exchange://ex16a
    mailflow diff exports-before-cu/ exports-after-cu/ --json

    Compares what the servers do, not how the settings are written: which connector accepts each
    IPv4 and IPv6 address, which servers can authenticate, and which rights hosts gain or lose.
    Exit code: 0 no host is handled differently, 1 some are, 2 inconclusive (data missing).
    """
    from mailflow.views.behaviour import compare

    old, new = open_organisation(before, live=live), open_organisation(after, live=live)
    found = compare(old, new)
    if as_json:
        click.echo(in_json(found.as_json(), indent=2))
    else:
        from mailflow.cli.diff_screen import diff_screen

        names = (before, old.taken), (after, new.taken)
        screen = diff_screen(found, *names, columns(), colour=is_terminal())
        click.echo(simulated(old, new) + screen)
    raise SystemExit(found.exit_code)


def _is_range(text: str) -> bool:
    from mailflow.exchange.ranges import RangeError, parse_range

    try:
        return all(parse_range(part) for part in text.split(","))
    except RangeError:
        return False


def _split(texts: tuple[str, ...]) -> list[str]:
    """Each range of its own: a list may be written with commas, as PowerShell writes it."""
    return [part.strip() for text in texts for part in text.split(",")]


def _proof_of(
    org: Snapshot, server: str, connector: str, remove: list[str], add: list[str]
) -> Proof:
    """The proof of a change that somebody asks for; of none where its connector was not read."""
    from mailflow.repair.claim import Proof
    from mailflow.repair.impact import prove
    from mailflow.repair.request import edited

    hidden = _hiding(org, server, connector)
    if hidden:
        return Proof((), doubts=tuple(hidden))
    return prove(org, [edited(org, server, connector, remove=remove, add=add)])


def _proof_of_file(org: Snapshot, file: Path) -> Proof:
    """The proof of a change in a file."""
    from mailflow.repair.impact import prove
    from mailflow.repair.requested import read_change

    return prove(org, read_change(file, org))


def _proof_of_findings(org: Snapshot) -> tuple[Proof, Diagnosis]:
    from mailflow.repair.simulation import RefusedError
    from mailflow.views.findings import findings
    from mailflow.views.proposal import prove_findings

    found = findings(org)
    try:
        return prove_findings(org, found), found
    except RefusedError as error:
        raise RefusedError(f"no repair can be proposed. {error}") from error


def _hiding(org: Snapshot, server: str, connector: str) -> list[str]:
    """What was not read and may be why a server or a connector of this name is not known."""
    from mailflow.analysis.analysis import analyze
    from mailflow.analysis.places import hidden_connectors, hidden_servers

    target = org.server(server)
    if target is None:
        return hidden_servers(org, server)
    view = analyze(org).of(target)
    wanted = connector.rpartition("\\")[2].strip().casefold()
    if any(existing.name.casefold() == wanted for existing in view.connectors):
        return []
    return list(dict.fromkeys(hidden_connectors(view, view.connectors)))
