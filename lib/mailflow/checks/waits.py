"""Mail that waits although no path and no error shows it: by the status of queues and servers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mailflow.analysis.analysis import Analysis
from mailflow.analysis.missing import QUEUES, Missing
from mailflow.analysis.paths import MailPath
from mailflow.analysis.queues import QueueCase, Waiting, taking_no_mail
from mailflow.checks import (
    certificate_problem,
    poison_messages,
    queue_suspended,
    send_connector_source,
    submission_backlog,
)
from mailflow.checks.check import ConnectorWords, Finding
from mailflow.checks.errors import INACTIVE
from mailflow.checks.registry import CHECKS
from mailflow.checks.waiting import by_server, messages_in, server_of
from mailflow.exchange.causes import UNRECOGNISED
from mailflow.exchange.commands import filled
from mailflow.phrases import joined

LOCAL = frozenset(
    module.CARD.id
    for module in (
        queue_suspended,
        poison_messages,
        submission_backlog,
        certificate_problem,
        send_connector_source,
    )
)
"""Causes that lie on the server that holds the queue, not between two servers."""

HOLDS_UP = frozenset({"transport-agent", "back-pressure"})
"""Causes that explain a Submission queue that does not move, where its LastError names one."""


def find(waiting: Sequence[Waiting]) -> list[Finding]:
    """The findings that queues make by themselves (S4.68).

    Args:
        waiting: the queues whose messages do not move.
    """
    named: dict[str, list[Waiting]] = {}
    backlog: list[Waiting] = []
    for each in waiting:
        if not each.queue.is_submission or each.why not in ("submission", "stuck"):
            continue
        says = each.case.explanation
        if says.cause in HOLDS_UP and says.cause in CHECKS:
            named.setdefault(says.cause, []).append(each)
        elif each.why == "submission" or each.case.is_empty or says.cause == UNRECOGNISED:
            backlog.append(each)
    unread = (each for each in waiting if each.why == "status")
    return [
        *queue_suspended.find(waiting),
        *poison_messages.find(waiting),
        *submission_backlog.find(backlog),
        *by_server(CHECKS[UNRECOGNISED], unread, _status_not_known, "unknown"),
        *(
            Finding(
                check=CHECKS[cause], state="found", server=each.case.sender, queues=(each.case,)
            )
            for cause, held in named.items()
            for each in held
        ),
    ]


def _status_not_known(cases: Sequence[QueueCase]) -> ConnectorWords:
    """S4.42: without its status no queue is known to be stuck, nor to be moving."""
    server = server_of(cases[0])
    reading = (
        f"On {server}, {messages_in(cases)} may be stuck: the export does not contain the status, "
        "or contains it in another language."
    )
    export = Missing(server, QUEUES).command
    return ConnectorWords(
        reading, f"Export the queues of {server} with Export-Clixml, then rerun:\n{export}"
    )


def asleep(
    analysis: Analysis, paths: Iterable[MailPath], entries: Iterable[Finding]
) -> list[Finding]:
    """Servers that were read to take no mail, and no queue waits for that yet (section 6.2).

    A component in Inactive or Draining is maintenance, or its end was forgotten: undetermined.

    Args:
        analysis: of a snapshot.
        paths: all mail paths.
        entries: the findings so far.
    """
    told = {each.server for each in entries if each.id == INACTIVE and each.state == "found"}
    targets = dict.fromkeys(path.target for path in paths)
    found = []
    for view in targets:
        components = taking_no_mail(analysis.org, view)
        if view in told or not view.covered or not components:
            continue
        states = joined(f"{each.component} is {each.state}" for each in components)
        reading = (
            f"{view.name} accepts no mail from other servers: {states}. No queue in the data is "
            "waiting for it. The server is in maintenance, or maintenance was not ended."
        )
        evidence = ConnectorWords(reading, _who_set_it(view.name, components[0].component))
        found.append(
            Finding(
                check=CHECKS[INACTIVE],
                state="unknown",
                server=view,
                evidence=evidence,
                named=(view.name,),
            )
        )
    return found


def _who_set_it(server: str, component: str) -> str:
    shown = filled(
        "(Get-ServerComponentState {target} -Component {component}).LocalStates",
        {"target": server, "component": component},
    )
    return f"If {server} is not in maintenance, see who set the state:\n{shown}"
