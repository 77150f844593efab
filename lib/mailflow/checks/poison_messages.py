"""S4.68, S4.44: messages in the poison queue."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mailflow.analysis.queues import QueueCase, Waiting
from mailflow.checks.check import Card, Check, ConnectorWords, Finding, in_own_words, own_advice
from mailflow.checks.waiting import by_server, for_each, messages_in, server_of

CARD = Card(
    id="poison-messages",
    title="Messages wait in the poison queue",
    meaning=(
        "These messages crashed the transport service, so Exchange put them aside. They stay in "
        "the poison queue until somebody resumes, exports or removes them. Other mail is not "
        "held up by them."
    ),
    evidence_for=("The poison queue exists; Exchange hides it while it is empty.",),
    evidence_against=("None: every message in this queue waits for a decision.",),
    confirm=(
        'Get-Message -Queue "{queue}" | Format-List Identity, FromAddress, Subject, LastError',
        "Get-EventLog Application -Source MSExchangeTransport -EntryType Error -Newest 50",
    ),
    fix=(
        (
            "Export a message before anything else. If it is harmless, Resume-Message sends it "
            "on; if not, Remove-Message -WithNDR $false deletes it."
        ),
    ),
    sources=("S4.44", "S4.68"),
)


def find(waiting: Iterable[Waiting]) -> Iterator[Finding]:
    """A finding for each server whose poison queue holds messages."""
    return by_server(CHECK, (each for each in waiting if each.why == "poison"), _told, "found")


def _told(cases: Sequence[QueueCase]) -> ConnectorWords:
    reading = (
        f"On {server_of(cases[0])}, {messages_in(cases)} are held back: messages that crashed the "
        "transport service wait there until somebody resumes, exports or removes them."
    )
    shown = for_each(
        cases, "Get-Message -Queue {} | Format-List Identity, FromAddress, Subject, LastError"
    )
    asked = "Look at the messages in the poison queue:"
    decide = (
        "Export each one first (Export-Message). Then send it on (Resume-Message) or delete it "
        "(Remove-Message)."
    )
    return ConnectorWords(reading, "\n".join([asked, *shown, decide]))


CHECK = Check(CARD, "incident", in_own_words, own_advice)
