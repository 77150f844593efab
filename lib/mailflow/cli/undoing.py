"""The command that rolls a repair back: undo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mailflow.cli.helping import helpful_command
from mailflow.cli.live import live_options
from mailflow.cli.terminal import incomplete_run, progress
from mailflow.errors import InputError, UsageError
from mailflow.plain import one_line

if TYPE_CHECKING:
    from mailflow.apply.entry import ConnectorEntry, Note
    from mailflow.apply.journal import Journal
    from mailflow.apply.standing import Standing
    from mailflow.snapshot import Snapshot
    from mailflow.sources.credentials import LiveOptions

THERE = ("done, not verified", "verified")
"""States of a connector that can be rolled back."""

BACK = ("not begun", "rolled back")
"""States in which nothing is left to roll back."""


@helpful_command()
@click.argument("run", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option(
    "--confirm",
    "confirmed",
    multiple=True,
    metavar="CONNECTOR",
    help="Confirm this connector, EX16A\\Relay; repeatable.  [default: ask]",
)
@click.option(
    "--foreign",
    is_flag=True,
    help="Use a run folder that somebody else, another machine or an earlier version of mailflow "
    "wrote.  [default: ask]",
)
@live_options
def undo(run: Path, *, confirmed: tuple[str, ...], foreign: bool, live: LiveOptions) -> None:
    """Restore the connector settings that a fix_and_verify run replaced.

    \b
    mailflow undo runs/20261125T094541Z-fix_and_verify-INC0012345
    mailflow undo runs/20261125T094541Z-fix_and_verify --confirm "EX16A\\Relay"

    Shows host, account and each change, asks for confirmation, and only then signs in. A journal
    that contradicts the snapshot in its folder is refused. A connector that has been changed since
    that run is left untouched.

    Exit code: 0 rolled back, or nothing to roll back; 1 not confirmed, or changed since; 2 partly
    rolled back, or a server could not be read; 3 not a run folder, or one from elsewhere without
    --foreign.
    """
    from mailflow.apply.entry import OPEN
    from mailflow.apply.journal import Journal
    from mailflow.apply.witness import proven_from
    from mailflow.cli.consent import is_agreed, is_taken, say

    try:
        journal = Journal.load(run)
    except InputError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise InputError(_no_journal(run)) from error
        raise
    if journal.is_being_worked_on:
        raise UsageError(f"{run}: a process is still working on it; end that first")
    before = proven_from(journal)
    todo = [entry for entry in journal.connectors if entry.note in OPEN]
    if todo:
        say(_announced(journal, todo, before, live))
    if journal.foreign and not is_taken(f"{run}: {journal.foreign}", foreign=foreign):
        raise SystemExit(1)
    agreed = [entry for entry in todo if is_agreed(entry.connector, (), confirmed, "roll it back")]
    for entry in journal.connectors:
        if entry not in todo:
            state = "rolled back" if entry.note == "put back" else "not begun"
            _told(entry, f"{state} (by the journal; not read again)")
        elif entry not in agreed:
            _told(entry, "not confirmed, not rolled back")
    code = _rolled_back(journal, agreed, before, live) if agreed else 1
    raise SystemExit(_exit_code(code, left_out=len(agreed) < len(todo)) if todo else 0)


def _no_journal(run: Path) -> str:
    """What is to be known of a folder without a journal: none is there before the first change."""
    why = incomplete_run(run)
    state = f" This run is not complete: {why}." if why else ""
    return f"{run}: no apply.json, so nothing to roll back.{state} A run without it changed nothing"


def _announced(
    journal: Journal, todo: Sequence[ConnectorEntry], before: Snapshot, live: LiveOptions
) -> Iterator[str]:
    """Where it would sign in, as whom, and what it would change there."""
    from mailflow.cli.destination import destination

    servers = [
        server for server in before.servers if any(server.is_named(each.server) for each in todo)
    ]
    yield from destination(journal.source, servers, live)
    for entry in todo:
        yield f"{entry.connector}: {_SAID[entry.note]}"
        yield from _facts(entry)


_SAID: dict[Note, str] = {
    "begun": "a change was begun",
    "done": "changed",
    "verified": "changed and verified",
    "going back": "a rollback was begun",
}


def _rolled_back(
    journal: Journal, agreed: Sequence[ConnectorEntry], before: Snapshot, live: LiveOptions
) -> int:
    """Log on, and roll back the connectors that were confirmed: the exit code for these."""
    from mailflow.apply.standing import standing
    from mailflow.apply.unfinished import of_server
    from mailflow.apply.work import put_back
    from mailflow.opening import live_organisation

    organisation = live_organisation(journal.source, live)
    organisation = replace(organisation, servers=before.servers)
    progress("reading the connectors")
    read = of_server(organisation)
    found = {
        agreed_entry.connector: standing(agreed_entry, read(agreed_entry))
        for agreed_entry in agreed
    }
    # What has its old values already (a rollback was killed) is only written down as such.
    names = [
        name
        for name, position in found.items()
        if position.seen is not None and position.state in (*THERE, *BACK)
    ]
    stopped = put_back(organisation, journal, names, tell=progress) if names else ""
    for name in names:
        entry = journal.entry(name)
        if found[name].state in THERE:
            found[name] = standing(entry, read(entry))
    progress("")
    for position in found.values():
        _told(position.entry, _state(position))
    if stopped:
        click.echo(one_line(f"stopped: {stopped}"))
    if stopped or any(position.seen is None for position in found.values()):
        return 2
    left = [position for position in found.values() if position.state not in BACK]
    return 0 if not left else 2 if len(left) < len(found) else 1


def _state(position: Standing) -> str:
    """Where a connector stands: by what was read just now, and by nothing else."""
    if position.seen is None:
        return "could not be read: not verified"
    return "not rolled back" if position.state in THERE else position.state


def _told(entry: ConnectorEntry, state: str) -> None:
    click.echo(one_line(f"{entry.connector}: {state}"))


def _exit_code(code: int, *, left_out: bool) -> int:
    """The code for all connectors: where some are rolled back and others were not, 2."""
    return 2 if left_out and code == 0 else code


def _facts(entry: ConnectorEntry) -> Iterator[str]:
    """Each parameter as the run left it, and as it will be."""
    from mailflow.analysis.change import Change
    from mailflow.repair.wording import current_and_new

    for each in entry.changes:
        old = entry.old[each.parameter]
        current, new = current_and_new(Change(each.identity, each.parameter, each.new, old))
        yield f"Current {each.parameter}: {current}"
        yield f"After rollback: {new}"
