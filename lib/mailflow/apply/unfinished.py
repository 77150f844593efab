"""Repairs that stopped before their end: found in the run folders, told at the next start."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from mailflow.analysis.queues import is_stuck
from mailflow.apply import values
from mailflow.apply.entry import ConnectorEntry
from mailflow.apply.journal import DamagedError, Journal, UnwrittenError, journals
from mailflow.apply.live import LiveOrganisation
from mailflow.apply.standing import ReadValues, Standing, standing
from mailflow.apply.verification import verify
from mailflow.apply.witness import proven_from
from mailflow.errors import InputError
from mailflow.exchange import commands
from mailflow.plain import one_line
from mailflow.snapshot import Snapshot
from mailflow.table import Table


@dataclass(frozen=True, slots=True)
class Unfinished:
    """One repair that stopped before its end.

    Attributes:
        folder: its run folder.
        standings: where each of its connectors stands.
        started: when it was begun, ISO; empty where its journal can't be read.
        problem: why no more can be said: its journal can't be read, or says otherwise than the
            snapshot beside it, or a process still works on it.
        queues: those of its queues that still wait in Retry, where new values are there.
        journal: itself; None where it can't be read.
    """

    folder: Path
    standings: tuple[Standing, ...] = ()
    started: str = ""
    problem: str = ""
    queues: tuple[str, ...] = ()
    journal: Journal | None = None

    @property
    def foreign(self) -> str:
        """Why its journal is not this user's own, a clause; empty: it is."""
        return self.journal.foreign if self.journal else ""

    @property
    def servers(self) -> tuple[str, ...]:
        """The servers of its connectors, and of the queues that wait."""
        names = [position.entry.server for position in self.standings]
        return tuple(dict.fromkeys([*names, *(queue.partition("\\")[0] for queue in self.queues)]))

    @property
    def there(self) -> tuple[ConnectorEntry, ...]:
        """The connectors whose new values are there."""
        return tuple(position.entry for position in self.standings if position.state in THERE)

    @property
    def can_go_on(self) -> bool:
        """Whether its queues are still to be tried; what is there is verified at each start."""
        return bool(self.there and self.queues) and not self.problem


THERE = ("done, not verified", "verified")
"""States in which the new values are there."""


def look_back(
    runs: Path, org: Snapshot, *, read: ReadValues | None = None, now: datetime
) -> tuple[Unfinished, ...]:
    """What became of earlier repairs of this organization that stopped before their end.

    What was set and is still there is verified now, against the organization that it was proven
    from; a repair of which nothing is open any more is ended in its journal. A foreign journal is
    told by `org` alone: nothing is asked for it, and nothing is written into it.

    Args:
        runs: where run folders are.
        org: the organization as it was just read.
        read: reads a connector from its server; None: those of `org` are taken.
        now: what time it is, aware.
    """
    return tuple(_looked_at(runs, org, read or of_snapshot(org), now))


def peek(runs: Path, org: Snapshot) -> tuple[Unfinished, ...]:
    """The same by the connectors of a snapshot, without verifying or writing anything."""
    read = of_snapshot(org)
    return tuple(
        _unreadable(journal)
        if isinstance(journal, DamagedError)
        else _held_up(journal) or _as_it_stands(journal, org, read)[0]
        for journal in _open(runs, org)
    )


def that_can_go_on(runs: Path, org: Snapshot) -> tuple[Unfinished, ...]:
    """Those whose new values are there, and whose queues are still to be tried."""
    return tuple(repair for repair in peek(runs, org) if repair.can_go_on)


def of_snapshot(org: Snapshot) -> ReadValues:
    """Connectors as a snapshot has them."""
    return lambda entry: values.in_snapshot(org, entry.connector, entry.parameters)


def of_server(live: LiveOrganisation) -> ReadValues:
    """Connectors as the servers show them, asked from the domain controller that was written to."""
    return lambda entry: (
        values.read(live, entry.connector, entry.parameters, entry.controller).connector
    )


def table(found: Iterable[Unfinished]) -> Table:
    """Earlier repairs that stopped before their end, connector by connector.

    Columns of the frame: run, what, state, then, command (string).
    """
    import pandas as pd

    repairs = tuple(found)
    rows = [row for repair in repairs for row in _rows(repair)]
    tones = {"verified": "good", "not begun": "good", "rolled back": "good"}
    return Table(
        name="unfinished",
        frame=pd.DataFrame(rows, columns=list(_COLUMNS)),
        caption="Interrupted repairs of this organization.",
        columns=_COLUMNS,
        reading=" ".join(_reading(repairs)),
        tones={
            (place, "state"): tones.get(str(row["state"]), "unknown")
            for place, row in enumerate(rows)
        },
        empty="Interrupted repairs: none.",
    )


def _reading(repairs: Sequence[Unfinished]) -> Iterator[str]:
    if repairs:
        yield (
            "To continue, run this again with --apply (in the notebook: apply = True) and confirm "
            "each connector, also one that has its new values: its queues are then retried. To "
            "roll back, run the command, or `mailflow undo RUN`. Both are safe to repeat."
        )
    if any(repair.foreign for repair in repairs):
        yield (
            "A journal that somebody else, another machine or an earlier version wrote is used "
            "only when you say so: both commands ask, or take --foreign."
        )


_COLUMNS = {
    "run": ("Run", "its folder, which contains the journal apply.json"),
    "what": ("Connector or queue", "what was to be changed, or what waited for it"),
    "state": ("State", "by the journal and by the values on the server"),
    "then": ("Meaning", "what that state means"),
    "command": ("Command", "PowerShell for the rollback, or to retry the queue"),
}
_MEANING = {
    "not begun": "the connector was not changed",
    "done, not verified": "the new values are there; what else changed was not compared",
    "verified": "the new values are there, and nothing else changed",
    "rolled back": "the old values are there again",
    "changed since": "the values are neither the old ones nor the new ones: somebody changed them",
    "unknown": "the server could not be read, and the journal alone does not show it",
}


def _open(runs: Path, org: Snapshot) -> Iterator[Journal | DamagedError]:
    """Journals of this organization that were not ended, and those that can't be read."""
    for journal in journals(runs):
        if isinstance(journal, DamagedError) or (
            journal.source == org.origin and journal.ended is None
        ):
            yield journal


def _unreadable(error: DamagedError) -> Unfinished:
    return Unfinished(error.folder, problem=str(error))


def _held_up(journal: Journal) -> Unfinished | None:
    """A journal that a process still works on."""
    if not journal.is_being_worked_on:
        return None
    return Unfinished(
        journal.folder, started=journal.started, problem="a process still works on it"
    )


def _looked_at(runs: Path, org: Snapshot, read: ReadValues, now: datetime) -> Iterator[Unfinished]:
    for journal in _open(runs, org):
        if isinstance(journal, DamagedError):
            yield _unreadable(journal)
        else:
            yield _held_up(journal) or _told(journal, org, read, now)


def _told(journal: Journal, org: Snapshot, read: ReadValues, now: datetime) -> Unfinished:
    found, before = _as_it_stands(journal, org, read)
    if before is None or journal.foreign:
        return found
    try:
        return _brought_up_to_date(found, journal, before, org, now)
    except UnwrittenError as error:  # the others are told all the same
        return replace(found, problem=str(error))


def _brought_up_to_date(
    found: Unfinished, journal: Journal, before: Snapshot, org: Snapshot, now: datetime
) -> Unfinished:
    """Verify what is there, and end a journal of which nothing is open any more."""
    done = [
        position.entry for position in found.standings if position.state == "done, not verified"
    ]
    for connector, why in verify(before, replace(org, only=before.only), done).items():
        journal.note(connector, "done" if why else "verified", why)
    found = replace(
        found,
        standings=tuple(standing(position.entry, position.seen) for position in found.standings),
    )
    settled = all(
        position.state in ("not begun", "verified", "rolled back") for position in found.standings
    )
    if settled and not found.queues:
        journal.end(now)
    return found


def _as_it_stands(
    journal: Journal, org: Snapshot, read: ReadValues
) -> tuple[Unfinished, Snapshot | None]:
    """Where a journal stands, with what it was proven from; None where it can't be believed."""
    try:
        before = proven_from(journal)
    except InputError as error:
        return Unfinished(journal.folder, started=journal.started, problem=str(error)), None
    if journal.foreign:
        found = tuple(_by_what_was_read(entry, org) for entry in journal.connectors)
    else:
        found = tuple(standing(entry, read(entry)) for entry in journal.connectors)
    is_there = any(position.state in THERE for position in found)
    waiting = _waiting(journal, org) if is_there else ()
    return Unfinished(journal.folder, found, journal.started, "", waiting, journal), before


def _by_what_was_read(entry: ConnectorEntry, org: Snapshot) -> Standing:
    """Where a connector of a foreign journal stands; what that journal vouches for is not known."""
    found = standing(entry, of_snapshot(org)(entry))
    if found.seen is None:
        return replace(found, state="unknown")
    return replace(found, state="done, not verified") if found.state == "verified" else found


def _waiting(journal: Journal, org: Snapshot) -> tuple[str, ...]:
    """The queues of a journal that were not seen to drain and are in Retry now."""
    stuck = {queue.identity.casefold() for queue in org.queues if is_stuck(queue)}
    open_ = (entry.queue for entry in journal.queues if entry.state != "drained")
    return tuple(queue for queue in open_ if queue.casefold() in stuck)


def _rows(repair: Unfinished) -> Iterator[dict[str, str]]:
    """The rows of one repair, each text in one line: some of it comes from a file."""
    for row in _texts(repair):
        yield {name: one_line(text) for name, text in row.items()}


def _texts(repair: Unfinished) -> Iterator[dict[str, str]]:
    if repair.problem:
        yield {
            "run": repair.folder.name,
            "what": "",
            "state": "unknown",
            "then": repair.problem,
            "command": "",
        }
    for each in repair.standings:
        words = _MEANING[each.state]
        why = f": {each.entry.why}" if each.entry.why and each.state != "verified" else ""
        if repair.foreign:  # neither its words nor its values stand in a report as ours
            why = f"; {repair.foreign}"
        has_way_back = each.state in (*THERE, "changed since", "unknown")
        yield {
            "run": repair.folder.name,
            "what": each.entry.connector,
            "state": each.state,
            "then": f"{words}{why}",
            "command": each.entry.undo if has_way_back and not repair.foreign else "",
        }
    for queue in repair.queues:
        yield {
            "run": repair.folder.name,
            "what": queue,
            "state": "waits in Retry",
            "then": "it was not seen to drain; its error may be older than the repair",
            "command": _retry(queue),
        }


def _retry(queue: str) -> str:
    try:
        return commands.retry(queue)
    except commands.Unquotable:
        return ""
