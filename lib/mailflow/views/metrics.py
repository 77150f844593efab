"""A run as Prometheus text, for the textfile collector of node_exporter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from mailflow.analysis.queues import as_of
from mailflow.exchange.queues import Queue
from mailflow.plain import one_line
from mailflow.snapshot import Snapshot
from mailflow.views.verdict import Diagnosis, FindingRecord

Sample = tuple[Mapping[str, str], int]
"""Labels, and a value."""


def metrics(found: Diagnosis, org: Snapshot) -> str:
    """The text: four metrics, each with HELP and TYPE, also where it has no sample.

    What was not read has no sample: a queue whose count is unknown is no queue with 0 messages.

    Args:
        found: what the snapshot comes to.
        org: the snapshot, for its queues.
    """
    queues = [queue for queue in org.queues if org.covers(queue.server)]
    parts = (
        (
            "mailflow_queue_messages",
            "Messages in a queue when it was read.",
            _messages(queues),
        ),
        (
            "mailflow_queue_age_seconds",
            "How long the attempts to send from a queue in Retry fail, when it was read.",
            _ages(queues, as_of(org)),
        ),
        (
            "mailflow_findings",
            "Findings by cause, server, connector and state: found, unknown or accepted.",
            _findings(found),
        ),
        (
            "mailflow_missing_data",
            "Rows of missing data by server and by what was not read.",
            _counted({"server": row.server, "what": row.what} for row in found.unread),
        ),
    )
    lines = [line for name, words, samples in parts for line in _metric(name, words, samples)]
    return "\n".join(lines) + "\n"


def _messages(queues: Iterable[Queue]) -> Iterator[Sample]:
    for queue in queues:
        if queue.message_count is not None:
            yield _labels(queue), queue.message_count


def _ages(queues: Iterable[Queue], moment: datetime | None) -> Iterator[Sample]:
    for queue in queues:
        first = queue.first_retry.instant if queue.first_retry else None
        if first and moment and queue.status == "Retry" and moment >= first:
            yield _labels(queue), int((moment - first).total_seconds())


def _labels(queue: Queue) -> dict[str, str]:
    return {
        "server": queue.server,
        "queue": queue.identity,
        "next_hop": queue.next_hop_domain,
        "status": queue.status,
    }


def _findings(found: Diagnosis) -> Iterator[Sample]:
    states: list[tuple[str, FindingRecord]] = [
        (each.state, each) for each in found.findings if each.state in ("found", "unknown")
    ]
    states += [("accepted", each.finding) for each in found.accepted]
    return _counted(
        {
            "cause": each.cause,
            "server": each.server or "",
            "connector": each.connector or "",
            "state": state,
        }
        for state, each in states
    )


def _counted(rows: Iterable[Mapping[str, str]]) -> Iterator[Sample]:
    """Equal labels once, since a sample may not come twice, and how often they came."""
    for labels, number in Counter(tuple(row.items()) for row in rows).items():
        yield dict(labels), number


def _metric(name: str, words: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {words}"
    yield f"# TYPE {name} gauge"
    seen = set[str]()
    for labels, value in samples:
        named = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        if named not in seen:
            seen.add(named)
            yield f"{name}{{{named}}} {value}"


def _escaped(text: str) -> str:
    """A label's value; what is not shown as itself is written out, so a line stays a line."""
    return one_line(text).replace("\\", "\\\\").replace('"', '\\"')
