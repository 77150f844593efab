"""The command that compares two servers by behavior."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mailflow.cli.completion import complete_server, complete_source
from mailflow.cli.helping import helpful_command
from mailflow.cli.live import live_options
from mailflow.cli.terminal import columns, in_json, is_terminal, open_organisation, simulated

if TYPE_CHECKING:
    from mailflow.sources.credentials import LiveOptions


@helpful_command()
@click.argument("source", shell_complete=complete_source)
@click.argument("server_a", metavar="A", shell_complete=complete_server)
@click.argument("server_b", metavar="B", shell_complete=complete_server)
@click.option(
    "--with",
    "other",
    metavar="SOURCE2",
    shell_complete=complete_source,
    help="Read B from this source.",
)
@click.option(
    "--for", "address", metavar="ADDRESS", default="", help="This address moves from A to B."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document.")
@live_options
def twin(  # noqa: PLR0913 - one argument for each option
    source: str,
    server_a: str,
    server_b: str,
    *,
    other: str | None,
    address: str,
    as_json: bool,
    live: LiveOptions,
) -> None:
    """Check whether server B treats every host as server A does.

    \b
    mailflow twin exports/ EX16A SE01
    mailflow twin old.zip EX16A SE01 --with new.zip
    mailflow twin exports/ EX16A SE01 --for 10.0.0.50    an address that moves
    mailflow twin demo:new-server EX16A EX16B            an example

    Compares what the receive connectors of both servers do with every IPv4 and IPv6
    address at every endpoint: rights, authentication, limits, logging. Connector
    names do not matter. Then shows the commands that make B treat hosts as A does,
    and proves their effect by simulation. Nothing is changed.

    Export Get-ADPermission too: only its output shows who may relay. Exit code:
    0 no difference, 1 different, 2 inconclusive.
    """
    from mailflow.views.twin_report import twin as compare

    org = open_organisation(source, live=live)
    second = open_organisation(other, live=live) if other else None
    found = compare(org, server_a, server_b, second, address)
    if as_json:
        click.echo(in_json(found.as_json(), indent=2))
    else:
        from mailflow.cli.twin_screen import twin_screen

        screen = twin_screen(found, columns(), colour=is_terminal())
        click.echo(simulated(org, second) + screen)
    raise SystemExit(found.exit_code)
