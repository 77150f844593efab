"""The command that rolls a repair back: undo."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mailflow.cli.live import live_options
from mailflow.cli.terminal import progress
from mailflow.errors import UsageError
from mailflow.plain import visible

if TYPE_CHECKING:
    from mailflow.apply.standing import Standing
    from mailflow.sources.credentials import LiveOptions

THERE = ("done, not verified", "verified")
"""States of a connector that can be rolled back."""


@click.command()
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--confirm",
    "confirmed",
    multiple=True,
    metavar="CONNECTOR",
    help="Confirm this connector, EX16A\\Relay; repeatable.  [default: ask]",
)
@live_options
def undo(run: Path, *, confirmed: tuple[str, ...], live: LiveOptions) -> None:
    """Restore the connector settings that a fix_and_verify run replaced.

    \b
    mailflow undo runs/20261125T094541Z-fix_and_verify-INC0012345

    A connector that has been changed since that run is left untouched. Exit code: 0 rolled back, or
    nothing to roll back, 1 not confirmed, 2 it stopped before the end.
    """
    from mailflow.apply.journal import Journal
    from mailflow.apply.standing import standing
    from mailflow.apply.unfinished import of_server
    from mailflow.apply.work import put_back
    from mailflow.cli.consent import is_agreed
    from mailflow.opening import live_organisation
    from mailflow.snapshot import load

    journal = Journal.load(run)
    if journal.is_being_worked_on:
        raise UsageError(f"{run}: a process is still working on it; end that first")
    organisation = live_organisation(journal.source, live)
    organisation = replace(organisation, servers=load(run / "snapshot").servers)
    progress("reading the connectors")
    read = of_server(organisation)
    found = [standing(one, read(one)) for one in journal.connectors]
    progress("")
    for one in found:
        click.echo(visible(f"{one.entry.connector}: {one.state}"))
    open_ = [one for one in found if one.state in THERE]
    names = [
        one.entry.connector
        for one in open_
        if is_agreed(one.entry.connector, _facts(one), confirmed, "roll it back")
    ]
    stopped = put_back(organisation, journal, names, tell=progress) if names else ""
    progress("")
    for name in names:
        click.echo(visible(f"{name}: {standing(journal.entry(name), None).state}"))
    if stopped:
        click.echo(visible(f"stopped: {stopped}"))
    lost = [one for one in found if one.state in ("changed since", "not known")]
    raise SystemExit(2 if stopped or lost else int(len(names) < len(open_)))


def _facts(one: Standing) -> list[str]:
    from mailflow.analysis.change import Change
    from mailflow.repair.wording import current_and_new

    lines = []
    for each in one.entry.changes:
        old = one.entry.old[each.parameter]
        current, new = current_and_new(Change(each.identity, each.parameter, each.new, old))
        lines += [f"Current {each.parameter}: {current}", f"After rollback: {new}"]
    return lines
