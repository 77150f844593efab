"""Mail that waits without an error (S4.68): the common part of the checks of such queues."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from mailflow.analysis.queues import QueueCase, Waiting
from mailflow.checks.check import Check, ConnectorWords, Finding, State
from mailflow.exchange.commands import filled, is_quotable
from mailflow.phrases import counted, joined

Teller = Callable[[Sequence[QueueCase]], ConnectorWords]
"""What is said of queues of one server, and what is to be done."""


def by_server(
    check: Check, waiting: Iterable[Waiting], tell: Teller, state: State
) -> Iterator[Finding]:
    """A finding of a check for each server that holds such queues.

    A queue whose number of messages was not read may be empty: it is undetermined.
    """
    groups: dict[tuple[str, State], list[QueueCase]] = {}
    for each in waiting:
        known: State = state if each.queue.message_count is not None else "unknown"
        groups.setdefault((server_of(each.case).casefold(), known), []).append(each.case)
    for (_, known), cases in groups.items():
        yield Finding(
            check=check,
            state=known,
            server=cases[0].sender,
            queues=tuple(cases),
            evidence=tell(cases),
            named=(server_of(cases[0]),),
        )


def server_of(case: QueueCase) -> str:
    """The server that holds a queue, by the name that commands take."""
    return case.sender.name if case.sender else case.queue.server


def messages_in(cases: Sequence[QueueCase]) -> str:
    r"""`5,200 messages in EX10A\12`, `5,200 messages in 2 queues (...)`: how much waits, where."""
    counts = [case.queue.message_count for case in cases]
    total = None if None in counts else sum(count or 0 for count in counts)
    names = joined(case.queue.identity for case in cases)
    place = names if len(cases) == 1 else f"{counted(len(cases), 'queue')} ({names})"
    return f"{counted(total, 'message')} in {place}"


def for_each(cases: Iterable[QueueCase], template: str) -> list[str]:
    """A command for each queue, its name quoted; a name that cannot be typed gets none."""
    names = (case.queue.identity for case in cases)
    return [filled(template, {"queue": name}) for name in names if is_quotable(name)]
