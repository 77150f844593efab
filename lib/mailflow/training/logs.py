"""The protocol logs of a practice: of each failed session what both ends wrote, and what it shows.

The rows are read by the readers of real logs. Each end writes what it sends and what reaches it, so
a device between them shows in the difference (C4, C5).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from mailflow.analysis.paths import MailPath
from mailflow.phrases import counted, joined
from mailflow.show.logs import LogEnd, LoggedBothEnds
from mailflow.simulated.practice import Practice
from mailflow.simulated.protocol_logs import LoggedSession, log_files, receive_rows, send_rows
from mailflow.snapshot import ObservedOffer, ObservedSessions
from mailflow.sources.logs.protocol import FIELDS, cells_of
from mailflow.sources.logs.receive import ReceiveLog
from mailflow.sources.logs.send import SendLog

if TYPE_CHECKING:
    from mailflow.table import Table

NO_LOGS = (
    "No protocol logs are here. lab.logs() fetches those of the last failed attempts; where no "
    "queue is in Retry, there are none."
)
MASKED = "masked (XXXX)"
_COLUMNS = {
    "session": ("Session", "from the sender to the target"),
    "log": ("Whose log", ""),
    "address": (
        "Sender's address",
        "send log: local-endpoint, its own address; receive log: remote-endpoint",
    ),
    "greeted": ("Hello [address]", "the sender's address as the target saw it (S5.30)"),
    "keywords": ("Keywords before TLS", "send log: received; receive log: sent"),
    "connector": ("Receive connector", "that accepted the session (S7.26)"),
}


def fetch(practice: Practice) -> bool:
    """Take the logs as they are now; whether they hold anything else than those taken before."""
    before = log_files(practice.logs)
    practice.fetch_logs()
    return log_files(practice.logs) != before


def both_logs(practice: Practice, first: MailPath | None = None) -> list[LoggedBothEnds]:
    """Of each session that was fetched the rows of both ends, for people.

    Args:
        practice: whose logs were fetched.
        first: the way whose session comes before all others.
    """
    name = f"{first.sender.name} to {first.target.name}" if first else ""
    return [
        LoggedBothEnds(
            title=f"{_between(session)}, for queue {session.queue}",
            ends=(
                _end(f"Send log of {session.sender.name}", send_rows(session)),
                _end(f"Receive log of {session.target.name}", receive_rows(session)),
            ),
        )
        for session in sorted(practice.logs, key=lambda each: _between(each) != name)
    ]


def both_ends(practice: Practice) -> Table:
    """What each end of the fetched sessions saw, a row for each end.

    Columns of the frame: session, log, address, greeted, keywords, connector (string; empty where
    that end does not write it).
    """
    import pandas as pd

    from mailflow.table import Table

    rows: list[dict[str, str]] = []
    differences: list[str] = []
    alone = 0
    for session in practice.logs:
        offer, seen = _offer(session), _seen(session)
        name = _between(session)
        rows += [
            {
                "session": name,
                "log": f"send log of {session.sender.name}",
                "address": offer.address if offer else "",
                "greeted": offer.seen_as if offer else "",
                "keywords": _received(offer) if offer else "no row",
                "connector": "",
            },
            {
                "session": name,
                "log": f"receive log of {session.target.name}",
                "address": seen.client if seen else "",
                "greeted": "",
                "keywords": seen.offered if seen else "no row",
                "connector": seen.connector if seen else "",
            },
        ]
        differences += _differences(session, offer, seen)
        alone += seen is None
    return Table(
        name="both_ends",
        frame=pd.DataFrame(rows, columns=list(_COLUMNS)),
        caption="What each end of the failed sessions wrote.",
        columns=_COLUMNS,
        reading="\n".join(
            [*differences, *_remarks(len(rows) // 2, alone, differ=bool(differences))]
        ),
        empty=NO_LOGS,
    )


def _end(title: str, rows: Iterable[str]) -> LogEnd:
    """One log; connector and endpoints are those of its last row: the first has less (S7.27)."""
    kept = tuple(rows)
    cells = [cells for row in kept if (cells := cells_of(row, len(FIELDS)))]
    if not cells:
        return LogEnd(title)
    _, connector, _, _, local, remote, *_ = cells[-1]
    lines = (
        f"{when[11:23]} {sign} {data or context}".rstrip()
        for when, *_, sign, data, context in cells
    )
    return LogEnd(
        title, f"{connector}, local {local or 'none'}, remote {remote}", tuple(lines), kept
    )


def _between(session: LoggedSession) -> str:
    return f"{session.sender.name} to {session.target.name}"


def _offer(session: LoggedSession) -> ObservedOffer | None:
    log = SendLog()
    log.read(send_rows(session))
    return next(iter(log.sessions()), None)


def _seen(session: LoggedSession) -> ObservedSessions | None:
    log = ReceiveLog()
    log.read(receive_rows(session))
    return next(iter(log.sessions()), None)


def _received(offer: ObservedOffer) -> str:
    """The keywords that reached the sender, those that can't be read among them."""
    readable = "" if offer.masked and offer.offered == "none" else offer.offered
    return joined(filter(None, (readable, MASKED if offer.masked else "")))


def _differences(
    session: LoggedSession, offer: ObservedOffer | None, seen: ObservedSessions | None
) -> Iterable[str]:
    sender, target = session.sender.name, session.target.name
    if offer and offer.address and offer.seen_as and offer.address != offer.seen_as:
        yield f"{sender} connects from {offer.address}; {target} sees {offer.seen_as}."
    if offer and seen and _received(offer) != seen.offered:
        yield f"{target} sent {seen.offered}; {sender} received {_received(offer)}."


def _remarks(sessions: int, alone: int, *, differ: bool) -> Iterable[str]:
    """What was not compared, and that nothing differs: only where both ends wrote."""
    if alone:
        yield (
            f"{counted(alone, 'session')} of {sessions} without a row in the receive log: what "
            "the target saw and sent cannot be compared."
        )
    elif sessions and not differ:
        yield f"Both ends of {counted(sessions, 'session')} wrote the same."
