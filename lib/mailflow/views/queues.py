"""Step 1: which queues are not empty, and which of them are stuck."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from mailflow.analysis.analysis import analyze
from mailflow.analysis.queues import Wait, Waiting, as_of, holds, is_stuck, wait_of
from mailflow.exchange.queues import Moment, Queue
from mailflow.exchange.send_connectors import STAYING, carrier_of
from mailflow.phrases import clock, counted, joined, span
from mailflow.snapshot import Snapshot
from mailflow.table import Table
from mailflow.views.verdict import StuckRecord, WaitRecord

EXPIRY = timedelta(days=2)
"""After this time a message that cannot be delivered comes back to its sender (section 4.6)."""


def non_empty_queues(org: Snapshot, min_messages: int = 1) -> Table:
    """Every queue that holds messages, the stuck ones first.

    Columns of the frame: queue, server, delivery_type, next_hop (string), status (string), messages
    (Int64), age, first_retry, next_retry (string, as people read them), stuck (boolean),
    send_connector (string; `-` where the mail needs none, None where the one it leaves through is
    not known; shown where one is).

    A queue counts as stuck by its status, never by an old LastError alone (S4.42, contract 8.4).
    """
    import pandas as pd

    shown = sorted(
        (queue for queue in queues_of(org) if holds(queue, min_messages)),
        key=lambda queue: (
            not is_stuck(queue, min_messages),
            -(queue.message_count or 0),
            queue.identity,
        ),
    )
    moment = as_of(org)
    carriers = {queue.identity: _carrier(org, queue) for queue in shown}
    rows = [
        {
            "queue": queue.identity,
            "server": queue.server,
            "delivery_type": queue.delivery_type,
            "next_hop": queue.next_hop_domain,
            "status": queue.status or None,
            "messages": queue.message_count,
            "age": _age(queue, moment),
            "first_retry": _time(queue, queue.first_retry, moment),
            "next_retry": _time(queue, queue.next_retry, moment),
            "stuck": is_stuck(queue, min_messages),
            "send_connector": carriers[queue.identity],
        }
        for queue in shown
    ]
    frame = pd.DataFrame(rows, columns=_FRAME).astype({"messages": "Int64", "stuck": "boolean"})
    stuck = [queue for queue in shown if is_stuck(queue, min_messages)]
    return Table(
        name="non_empty_queues",
        frame=frame,
        caption=_caption(org, shown, stuck),
        columns={
            name: words
            for name, words in _COLUMNS.items()
            if name != "send_connector" or {*carriers.values()} - {None, NONE_NEEDED}
        },
        reading=_reading(org, shown, stuck, moment),
        tones={(row, "status"): "bad" for row, queue in enumerate(shown) if wait_of(queue, moment)},
        empty=none_of_the_queues(org, "holds messages"),
        bars=("messages",),
    )


_FRAME = [
    *("queue", "server", "delivery_type", "next_hop", "status", "messages", "age"),
    *("first_retry", "next_retry", "stuck", "send_connector"),
]
_COLUMNS = {
    "queue": ("Queue", "server and number; the number may change, read it again (S4.31)"),
    "messages": ("Messages", "messages in the queue"),
    "status": ("Status", "Retry: the last attempt failed and another is planned"),
    "age": (
        "In Retry for",
        "since the first attempt that failed; messages expire after 2 days",
    ),
    "next_hop": ("Next hop", "where the messages go next"),
    "send_connector": ("Send connector", "through which they leave the organization"),
    "delivery_type": ("Delivery type", "what kind of next hop (section 4.2)"),
    "first_retry": (
        "First retry",
        "first attempt that failed; as printed where no zone is known",
    ),
    "next_retry": ("Next retry", "when the server retries automatically"),
}
"""Shown of a queue; the send connector only where one is known."""
NONE_NEEDED = "-"


def _carrier(org: Snapshot, queue: Queue) -> str | None:
    found = carrier_of(queue, analyze(org).send_connectors)
    if found is None and queue.delivery_type in STAYING:
        return NONE_NEEDED
    return str(found) if found else None


def none_of_the_queues(org: Snapshot, does: str) -> str:
    """A sentence for an empty table of queues, which claims nothing of those that were not read.

    Args:
        org: the snapshot.
        does: what none of them does: `holds messages`.
    """
    if "Get-Queue" not in org.cmdlets:
        return "No queue was read."
    if any(row.what.partition(" ")[0] in ("Get-Queue", "capture") for row in org.unread):
        return f"No queue that was read {does}."
    return f"No queue {does}."


def queues_of(org: Snapshot) -> list[Queue]:
    """The queues on servers that the run covers, and those that lead to one of them."""
    return list(analyze(org).queues)


def stuck_queues(org: Snapshot, min_messages: int = 1) -> list[Queue]:
    """Of those that `queues_of` gives; with fewer than `min_messages` none is stuck."""
    return [queue for queue in queues_of(org) if is_stuck(queue, min_messages)]


def how_much_waits(org: Snapshot, waiting: Sequence[Waiting]) -> StuckRecord | None:
    """Messages, age and expiry of what does not move, and where; None where all moves.

    Ages are given only where FirstRetryTime came with a zone; a printed time stays text.
    """
    if not waiting:
        return None
    stuck = [entry.queue for entry in waiting]
    first = [
        queue.first_retry.instant
        for queue in stuck
        if queue.first_retry and queue.first_retry.instant
    ]
    following = [
        queue.next_retry.instant for queue in stuck if queue.next_retry and queue.next_retry.instant
    ]
    moment = as_of(org)
    since = min(first, default=None)
    return StuckRecord(
        messages=_total(stuck),
        queues=len(stuck),
        since=iso(since),
        as_of=iso(moment),
        expires=iso(since + EXPIRY if since else None),
        next_retry=iso(min(following, default=None)),
        where=_where(waiting),
    )


def _where(waiting: Iterable[Waiting]) -> tuple[WaitRecord, ...]:
    """Server by server and kind by kind, the most messages first."""
    groups: dict[tuple[str, Wait], list[Queue]] = {}
    for entry in waiting:
        server = entry.case.sender.name if entry.case.sender else entry.queue.server
        groups.setdefault((server, entry.why), []).append(entry.queue)
    records = [
        WaitRecord(server, why, _total(queues), len(queues))
        for (server, why), queues in groups.items()
    ]
    return tuple(sorted(records, key=lambda record: -(record.messages or 0)))


def _total(queues: Iterable[Queue]) -> int | None:
    """Messages in all of them; None where a count was not read."""
    counts = [queue.message_count for queue in queues]
    return None if None in counts else sum(count or 0 for count in counts)


def iso(moment: datetime | None) -> str | None:
    """The instant in UTC, to the second."""
    return moment.astimezone(UTC).isoformat(timespec="seconds") if moment else None


def _time(queue: Queue, moment: Moment | None, beside: datetime | None) -> str | None:
    """A retry time for people; a queue that is not in Retry has none (S4.41)."""
    if moment is None:
        return None if queue.status == "Retry" else "-"
    return clock(moment.instant, beside) if moment.instant else moment.text


def _caption(org: Snapshot, shown: Sequence[Queue], stuck: Sequence[Queue]) -> str:
    moment = as_of(org)
    seen = "" if moment is None else f" As of {clock(moment)}."
    if not shown:
        return f"Non-empty queues.{seen}"
    kind = counted(len(shown), "non-empty queue")
    return f"{kind}; {len(stuck) or 'none'} of them stuck.{seen}"


_SAID: Mapping[Wait, str] = {
    "suspended": "Suspended by an administrator: {}; a retry does nothing.",
    "poison": "Messages that crashed transport: {}; they wait for a decision.",
    "submission": "Waiting for the categorizer: {}.",
    "status": "Status unknown, so whether they move could not be determined: {}.",
}


def _reading(
    org: Snapshot, shown: Sequence[Queue], stuck: Sequence[Queue], moment: datetime | None
) -> str:
    sentences = []
    if stuck:
        total = _total(stuck)
        where = f"in {counted(len(stuck), 'queue')} on {joined(queue.server for queue in stuck)}"
        verb = "is" if total == 1 else "are"
        sentences.append(f"{counted(total, 'message')} {verb} stuck {where}.")
    waits = [(queue.identity, wait_of(queue, moment)) for queue in shown]
    if shown and not any(why for _, why in waits):
        sentences.append(none_of_the_queues(org, "is stuck"))
    for why, text in _SAID.items():
        names = [name for name, each in waits if each == why]
        if names:
            sentences.append(text.format(joined(names)))
    shadows = [queue.identity for queue in shown if queue.is_shadow]
    if shadows:
        sentences.append(f"Shadow redundancy queues (not stuck): {joined(shadows)}.")
    return " ".join(sentences)


def _age(queue: Queue, moment: datetime | None) -> str:
    """How long its attempts fail: `2 h 14 min`; `-` where they do not, or no zone is known."""
    first = queue.first_retry.instant if queue.first_retry else None
    if first and moment and queue.status == "Retry" and not queue.is_shadow:
        age = (moment - first).total_seconds()
        if age >= 0:
            return span(age)
    return "-"
