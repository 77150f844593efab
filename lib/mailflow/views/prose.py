"""What a diagnosis says as a whole: the headline and the summary."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from mailflow.analysis.assessment import PATH_CAUSES
from mailflow.analysis.paths import MailPath
from mailflow.checks.check import Finding
from mailflow.checks.registry import CARDS
from mailflow.checks.waits import LOCAL
from mailflow.exchange.causes import UNRECOGNISED
from mailflow.exchange.queues import Queue
from mailflow.phrases import counted, joined
from mailflow.snapshot import Unread
from mailflow.views.telling import reading_of
from mailflow.views.verdict import Checked, Verdict, missing_name


def headline(verdict: Verdict, entries: Sequence[Finding], stuck: Sequence[Queue]) -> str:
    """The title of a report: who does not reach whom."""
    if verdict == "clear":
        return "No fault found"
    best = next((each for each in entries if each.state == verdict), None)
    if best is None:
        return "No fault in the data available, but data is missing"
    alike = [each for each in entries if (each.id, each.state) == (best.id, best.state)]
    senders = joined(sorted({name for each in alike for name in each.senders}), IN_TITLE)
    servers = joined(sorted({each.server.name for each in alike if each.server}), IN_TITLE)
    title = CARDS[best.id].title
    if best.id in LOCAL:
        return f"{title} on {senders}"
    if verdict == "found" and senders and servers and senders != servers:
        return f"Mail from {senders} does not reach {servers}"
    if verdict == "found":
        return f"{title} on {senders or servers}" if senders or servers else title
    if stuck:
        where = joined((each.server for each in stuck), IN_TITLE)
        return f"Mail is stuck on {where}; cause not determined"
    if best.id == UNRECOGNISED:
        return f"Messages wait on {senders or servers}; whether they move is unknown"
    if servers:
        return f"Could not determine whether mail reaches {servers}"
    return "Could not determine the state of the queues"


IN_TITLE = 4
"""Names in a headline; more are counted, and the summary below it names more of them."""


def summary(
    verdict: Verdict,
    entries: Sequence[Finding],
    unread: Sequence[Unread],
    paths: Sequence[MailPath],
    checked: Checked,
) -> str:
    """A few sentences for the ticket: a line for each cause that is found, the best first."""
    mine = [each for each in entries if each.state == verdict]
    sentences = []
    if verdict == "clear":
        sentences.append(f"No queue is stuck. {_all_checked(paths, checked)}")
    elif not mine:
        sentences.append("No fault in the data available.")
    else:
        causes = (
            list(dict.fromkeys(each.id for each in mine)) if verdict == "found" else [mine[0].id]
        )
        for cause in causes:
            alike = [each for each in mine if each.id == cause]
            together = cause in PATH_CAUSES or cause in LOCAL
            sentences.append(reading_of(alike if together else alike[:1]))
    if unread and verdict != "clear":
        servers: dict[str, list[str]] = {}
        for row in unread:
            servers.setdefault(missing_name(row.what), []).append(row.server)
        names = joined(
            f"{what} ({joined(filter(None, some))})" if any(some) else what
            for what, some in servers.items()
        )
        sentences.append(f"Missing data: {names}.")
    return ("\n" if verdict == "found" else " ").join(sentences)


def _all_checked(paths: Sequence[MailPath], checked: Checked) -> str:
    """What was looked at, and of what time the data is."""
    pairs = {(path.sender.name, path.target.name) for path in paths}
    servers = {name for pair in pairs for name in pair}
    time = "time of the export unknown"
    if checked.as_of:
        time = f"data of {datetime.fromisoformat(checked.as_of):%Y-%m-%d %H:%M} UTC"
    looked_at = (
        f"({counted(checked.connectors, 'receive connector')}, "
        f"{counted(checked.queues, 'queue')}; {time})"
    )
    if not pairs:
        return f"No mail path between servers is known {looked_at}."
    all_of = "The only mail path" if len(pairs) == 1 else f"All {len(pairs)} mail paths"
    work = "was checked and works" if len(pairs) == 1 else "were checked and work"
    between = f"between the {len(servers)} servers" if len(servers) > 1 else f"of {joined(servers)}"
    return f"{all_of} {between} {work} {looked_at}."
