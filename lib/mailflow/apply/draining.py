"""The stuck queues after the repair: each is retried, then watched until it is empty.

Exactly the queues of the findings are touched, by name and with their server (S8.77), one at a time
(S8.76). A retry does something only in Retry (S8.71); a suspended queue stays as somebody left it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from mailflow.apply.entry import QueueEntry
from mailflow.apply.journal import Journal
from mailflow.apply.live import LiveOrganisation, failure
from mailflow.exchange.queues import Queue
from mailflow.plain import unbroken
from mailflow.sources import tables
from mailflow.sources.row import Reading
from mailflow.sources.shell import Call

RETRY = "Retry-Queue"
EACH = 2.0
"""Seconds between two looks at the queues."""

PAUSES = (15.0, 30.0, 60.0)
"""Seconds after which a queue that is back in Retry is retried; the last one goes on."""

OVER = frozenset({"denied", "drained", "suspended", "not known"})
"""States of a queue in which there is nothing to wait for."""

DENIED = frozenset({"denied", "no-such-cmdlet", "no-such-parameter", "refused"})
"""Faults with which no later try ends better; a role without a cmdlet hides it (section 8.8)."""

Watched = Callable[[list[QueueEntry]], None]
"""Is called with the queues as they were last seen."""


@dataclass(slots=True)
class _Turn:
    """When a queue may be retried, in seconds of waiting, and how often it was."""

    due: float = 0.0
    tries: int = 0


def drain(
    live: LiveOrganisation, journal: Journal, *, limit: float, watched: Watched = lambda _: None
) -> None:
    """Retry the queues of a journal and watch them.

    Args:
        live: the organization.
        journal: holds the queues; what becomes of them is written into it.
        limit: seconds to wait at most.
        watched: is called after each look.
    """
    turns = {queue_entry.queue: _Turn() for queue_entry in journal.queues}
    waited = 0.0
    while journal.queues:
        open_ = sorted(
            (queue_entry for queue_entry in journal.queues if queue_entry.state not in OVER),
            key=_server,
        )
        for server, entries in groupby(open_, key=_server):
            found = _queues(live, server)
            for entry in entries:
                _look(live, entry, found, turns[entry.queue], waited)
        journal.keep()
        watched(journal.queues)
        if waited >= limit or all(queue_entry.state in OVER for queue_entry in journal.queues):
            return
        live.wait(EACH)
        waited += EACH


def _look(
    live: LiveOrganisation,
    entry: QueueEntry,
    queues: Sequence[Queue] | str,
    turn: _Turn,
    waited: float,
) -> None:
    """See where one queue stands, and try it again if its time has come."""
    if isinstance(queues, str):
        entry.state, entry.why = "not known", queues
        return
    wanted = entry.queue.casefold()
    found = next((queue for queue in queues if queue.identity.casefold() == wanted), None)
    entry.left = found.message_count if found else 0  # an empty queue leaves the list after a while
    if entry.before is None:
        entry.before = entry.left
    entry.why = ""
    if found is None or found.message_count == 0:
        entry.state = "drained"
    elif found.status == "Suspended":
        entry.state = "suspended"
        entry.why = "a retry has no effect while it is suspended; run Resume-Queue first"
    elif found.status != "Retry":
        entry.state = "moving"
    else:
        entry.state, entry.why = "stuck", unbroken(found.last_error or "")
        if waited >= turn.due:
            turn.due = waited + PAUSES[min(turn.tries, len(PAUSES) - 1)]
            turn.tries += 1
            _retry(live, entry)


def _retry(live: LiveOrganisation, entry: QueueEntry) -> None:
    call = Call(RETRY, {"Identity": entry.queue, "Confirm": False})
    fault = failure(live.ask_about(_server(entry), call))
    if fault and fault.kind in DENIED:
        entry.state, entry.why = "denied", unbroken(fault.message)
    elif fault:  # another retry may be under way there (S8.76): ours comes again after the pause
        entry.why = unbroken(fault.message)
    else:
        entry.state = "retried"


def _queues(live: LiveOrganisation, server: str) -> Sequence[Queue] | str:
    """The queues of a server, or why they can't be seen.

    All of them, for one that is gone makes an error in words of the server's language (S8.75).
    """
    call = Call(tables.QUEUES, {"Server": server, "ResultSize": "Unlimited"})
    reply = live.ask_about(server, call)
    fault = failure(reply)
    if fault:
        return unbroken(fault.message)
    rows = [replace(row, cmdlet=tables.QUEUES, named_server=server) for row in reply.rows]
    reading = Reading(rows=rows, cmdlets={tables.QUEUES})
    return tables.assemble(reading, origin=live.source).queues


def _server(entry: QueueEntry) -> str:
    return entry.queue.partition("\\")[0]
