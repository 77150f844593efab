"""S4.68: the Submission queue does not move."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mailflow.analysis.queues import QueueCase, Waiting
from mailflow.checks.check import Card, Check, ConnectorWords, Finding, in_own_words, own_advice
from mailflow.checks.waiting import by_server, messages_in, server_of
from mailflow.exchange import commands
from mailflow.plain import one_line

CARD = Card(
    id="submission-backlog",
    title="The Submission queue does not move",
    meaning=(
        "Every message passes the Submission queue before Exchange knows where it goes. If it "
        "grows, the categorizer, a transport agent or Active Directory is slow or fails, or back "
        "pressure stops submission. The receive connectors have nothing to do with it."
    ),
    evidence_for=(
        "DeferredMessageCount of the Submission queue is not 0, or it holds hundreds of messages.",
        "The last attempt is old although messages wait.",
    ),
    evidence_against=("The number of messages falls from one minute to the next.",),
    confirm=(
        (
            'Get-Queue -Identity "{queue}" | Format-List Identity, Status, *MessageCount*, '
            "LastError, Velocity"
        ),
        (
            "Get-ExchangeDiagnosticInfo -Server {target} -Process EdgeTransport -Component "
            "ResourceThrottling"
        ),
        "Get-TransportAgent | Format-Table Identity, Enabled, Priority",
        'Get-Message -Queue "{queue}" | Format-List Identity, DateReceived, LastError',
    ),
    fix=(
        (
            "Remove what holds up the categorizer: the transport agent, back pressure, or a slow "
            "Active Directory."
        ),
    ),
    sources=("S4.68", "S4.43"),
)


def find(waiting: Iterable[Waiting]) -> Iterator[Finding]:
    """A finding for each server whose Submission queue does not move, and nothing says why."""
    return by_server(CHECK, waiting, _told, "unknown")


_MOST_ERROR = 300
"""Characters of an error that are quoted."""


def _told(cases: Sequence[QueueCase]) -> ConnectorWords:
    server = server_of(cases[0])
    deferred = sum(case.queue.deferred_count or 0 for case in cases)
    counted_too = f", {deferred:,} of them deferred" if deferred else ""
    said = next((case.queue.last_error for case in cases if not case.is_empty), "")
    error = f' LastError: "{one_line(said, _MOST_ERROR)}".' if said else ""
    reading = (
        f"On {server}, {messages_in(cases)} wait for the categorizer{counted_too}.{error} The "
        "export does not show what holds them up: a transport agent, back pressure or Active "
        "Directory."
    )
    return ConnectorWords(reading, "\n".join(_checks(server, cases)))


def _checks(server: str, cases: Sequence[QueueCase]) -> Iterator[str]:
    known = {"queue": cases[0].queue.identity, "target": server}
    for line in CARD.confirm:
        text = line
        try:
            for name, value in known.items():
                quoted = commands.quoted(value)
                text = text.replace(f'"{{{name}}}"', quoted)
                text = text.replace(f"{{{name}}}", value if value.isalnum() else quoted)
        except commands.Unquotable:
            continue
        yield text


CHECK = Check(CARD, "incident", in_own_words, own_advice)
