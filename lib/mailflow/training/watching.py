"""How the queues of a practice go while its clock is moved."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from mailflow.phrases import clock, counted, joined
from mailflow.simulated.organisation import PracticeQueue
from mailflow.simulated.practice import Practice

if TYPE_CHECKING:
    from mailflow.table import Table

LOOKS = 6
"""How often the queues are looked at on the way."""

LONGEST = timedelta(days=1)
"""More at once is a slip of the finger."""


def delay(minutes: object) -> timedelta | str:
    """How long to wait, or what is wrong with what was given."""
    if isinstance(minutes, bool) or not isinstance(minutes, int | float):
        return f"{minutes!r} is not a number of minutes: lab.wait(minutes=5)."
    if not 0 < minutes <= LONGEST / timedelta(minutes=1):
        return (
            "Wait between 0 and 1440 minutes. The clock cannot go back; lab.undo() undoes a step."
        )
    return timedelta(minutes=minutes)


def watch(practice: Practice, length: timedelta) -> Table:
    """Move the clock, and look at the queues that hold mail on the way.

    Columns of the frame: queue, a column for each look with the number of messages, status
    (string).
    """
    import pandas as pd

    from mailflow.table import Table

    begun = _interesting(practice)
    before = practice.transport.delivered
    counts = [_messages(begun)]
    times = [practice.clock.now]
    for _ in range(LOOKS):
        practice.advance(length / LOOKS)
        times.append(practice.clock.now)
        begun |= _interesting(practice)
        counts.append(_messages(begun))
    there = {queue.identity: queue for queue in practice.organisation.queues}
    heads = [f"{moment:%H:%M:%S}" for moment in times]
    rows = [
        {
            "queue": name,
            **{f"look{place}": look.get(name, 0) for place, look in enumerate(counts)},
            "status": there[name].shown_status if name in there else "gone",
        }
        for name in sorted(begun)
    ]
    columns = {
        "queue": ("Queue", "an empty one with a number is removed after three minutes (S4.31)"),
        **{f"look{place}": (head, "") for place, head in enumerate(heads)},
        "status": ("Status now", "gone: the empty queue was removed"),
    }
    return Table(
        name="watch",
        frame=pd.DataFrame(rows, columns=list(columns)),
        caption="Messages in the queues, as time passes (UTC).",
        columns=columns,
        reading=_reading(practice, rows, practice.transport.delivered - before),
        tones={
            (place, "status"): "bad" for place, row in enumerate(rows) if row["status"] == "Retry"
        },
        empty="No queue holds messages.",
    )


def _interesting(practice: Practice) -> dict[str, PracticeQueue]:
    """The queues whose going is of interest: those that failed; where none did, all that deliver.

    An error text stays on a queue that moves again (S4.42), so a repaired one is still among them.
    Those of servers that do not answer are not seen here either.
    """
    org = practice.organisation
    seen = {
        server.name
        for server in org.servers
        if server.rpc and server.services and server.network == "open"
    }
    mine = [queue for queue in org.queues if queue.is_delivery and queue.server in seen]
    failed = [queue for queue in mine if queue.error]
    return {queue.identity: queue for queue in failed or mine if queue.messages or queue.error}


def _messages(queues: Mapping[str, PracticeQueue]) -> dict[str, int]:
    return {name: len(queue.messages) for name, queue in queues.items()}


def _reading(practice: Practice, rows: list[dict[str, object]], delivered: int) -> str:
    waiting = [str(row["queue"]) for row in rows if row["status"] == "Retry"]
    left = f" {joined(waiting)} still in Retry." if waiting else " No queue is in Retry."
    return (
        f"Simulated time: {clock(practice.clock.now)}. {counted(delivered, 'message')} delivered."
        f"{left}"
    )
