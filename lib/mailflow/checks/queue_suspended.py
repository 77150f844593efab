"""S4.68: messages in a queue that a person suspended."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mailflow.analysis.queues import QueueCase, Waiting
from mailflow.checks.check import Card, Check, ConnectorWords, Finding, in_own_words, own_advice
from mailflow.checks.waiting import by_server, for_each, messages_in, server_of

CARD = Card(
    id="queue-suspended",
    title="Messages wait in a suspended queue",
    meaning=(
        "An administrator or a script suspended the queue (Suspend-Queue). Exchange sends nothing "
        "from it until somebody resumes it; a retry does nothing. Messages expire after two days "
        "in a suspended queue as well."
    ),
    evidence_for=("Status is Suspended and MessageCount is not 0.",),
    evidence_against=(
        "The queue is the poison queue, which is always Suspended.",
        "The queue is suspended for maintenance that is still going on.",
    ),
    confirm=('Get-Queue -Identity "{queue}" | Format-List Identity, Status, MessageCount',),
    fix=(
        (
            "Ask who suspended the queue, and why. If its messages may go: "
            'Resume-Queue -Identity "{queue}"'
        ),
    ),
    sources=("S4.68", "4.4"),
)


def find(waiting: Iterable[Waiting]) -> Iterator[Finding]:
    """A finding for each server with suspended queues that hold messages."""
    return by_server(CHECK, (each for each in waiting if each.why == "suspended"), _told, "found")


def _told(cases: Sequence[QueueCase]) -> ConnectorWords:
    are = "queue is" if len(cases) == 1 else "queues are"
    reading = (
        f"On {server_of(cases[0])}, {messages_in(cases)} cannot move: the {are} suspended. "
        "Exchange sends nothing from a suspended queue, and a retry does nothing."
    )
    resume = for_each(cases, 'Resume-Queue -Identity "{queue}"')
    asked = "Ask who suspended the queue, and why. If its messages may go, resume it:"
    return ConnectorWords(reading, "\n".join([asked, *resume]))


CHECK = Check(CARD, "incident", in_own_words, own_advice)
