"""Get-Queue, Get-Message, Retry-Queue: asked of Transport by RPC (sections 8.5 and 8.7)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

from mailflow.simulated import queue_objects
from mailflow.simulated.filters import MESSAGE_FILTERS, QUEUE_FILTERS, FilterError, parse_filter
from mailflow.simulated.invocation import CmdletRefusal, Invocation
from mailflow.simulated.organisation import PracticeQueue, PracticeServer
from mailflow.simulated.shapes import Values
from mailflow.sources.row import Enumeration

RESULT_SIZE = 1000
"""How many objects come where nothing is said; the rest is cut off silently (S8.52)."""

NOT_FOUND = "The object with identity {0} wasn't found."
"""Of a queue or message that is gone, or never was (S8.75)."""
NOT_DONE = "The requested operation can't be performed for the object with identity {0}."
"""Of a queue that is never retried, or only with -Resubmit (S8.74)."""
BUSY = (
    "System is handling another queue resubmit request. This request can not be performed at this "
    "time."
)
"""Of a second retry while the first is under way on that server (S8.76)."""
RESUBMITTING = timedelta(seconds=10)
"""How long a server is busy with a resubmission; how long a real one is depends on the messages."""

_busy: WeakKeyDictionary[PracticeServer, datetime] = WeakKeyDictionary()
"""Until when a server resubmits."""


def get_queue(invocation: Invocation) -> None:
    """Queues of one server, which is the session's where none is named (S8.50 to S8.53)."""
    invocation.exclusive("Identity", "Server")
    invocation.exclusive("Identity", "Filter")
    most = _result_size(invocation)
    if invocation.has("Identity"):
        found = _identified(invocation, invocation.text("Identity"))
    else:
        server = invocation.named_server(invocation.text("Server"))
        invocation.queue_viewer(server)
        found = [(queue, server) for queue in _visible(invocation, server)]
    now = invocation.practice.clock.now
    shown = [queue_objects.queue(queue, server, invocation.shape, now) for queue, server in found]
    meets = _conditions(invocation, QUEUE_FILTERS)
    invocation.emit(
        [values for values in shown if meets(values) and _included(invocation, values)][:most]
    )


def get_message(invocation: Invocation) -> None:
    """Messages of one queue, or of one server."""
    invocation.exclusive("Identity", "Queue", "Server")
    invocation.exclusive("Identity", "Filter")
    most = _result_size(invocation)
    wanted = invocation.text("Identity")
    if invocation.has("Queue"):
        queues = _identified(invocation, invocation.text("Queue"))
    else:
        name = wanted.partition("\\")[0] if "\\" in wanted else ""
        server = invocation.named_server(name or invocation.text("Server"))
        invocation.queue_viewer(server)
        queues = [(queue, server) for queue in _visible(invocation, server)]
    meets = _conditions(invocation, MESSAGE_FILTERS)
    shown = (
        queue_objects.message(message, queue, server)
        for queue, server in queues
        for message in queue.messages
    )
    found = [values for values in shown if meets(values) and _is_message(values, wanted)]
    if wanted and not found:
        raise CmdletRefusal(NOT_FOUND.format(wanted), "QueueViewerException")
    invocation.emit(found[:most])


def retry_queue(invocation: Invocation) -> None:
    """Try to deliver now what waits in Retry (S8.70 to S8.78)."""
    invocation.mandatory("Identity", "Filter")
    invocation.exclusive("Identity", "Filter")
    invocation.exclusive("Identity", "Server")
    allowed = invocation.confirmed()
    resubmit = invocation.truth("Resubmit")
    if invocation.has("Identity"):
        found = _identified(invocation, invocation.text("Identity"))
    else:
        server = invocation.named_server(invocation.text("Server"))
        invocation.queue_viewer(server)
        meets = _conditions(invocation, QUEUE_FILTERS)
        found = [
            (queue, server)
            for queue in _visible(invocation, server)
            if meets(
                queue_objects.queue(queue, server, invocation.shape, invocation.practice.clock.now)
            )
        ]
    for queue, server in found:
        try:
            _check_retry(invocation, queue, server, resubmit=resubmit)
        except CmdletRefusal as refusal:
            invocation.report(refusal)
            continue
        if allowed:
            _retry(invocation, queue, server, resubmit=resubmit)


def _check_retry(
    invocation: Invocation, queue: PracticeQueue, server: PracticeServer, *, resubmit: bool
) -> None:
    """Refuse what can't be retried.

    Raises:
        CmdletRefusal: Submission and Poison never, Unreachable only to be resubmitted (S8.74);
            nothing while the server resubmits (S8.76).
    """
    never = queue.name in ("Submission", "Poison")
    if never or (queue.name == "Unreachable" and not resubmit):
        raise CmdletRefusal(NOT_DONE.format(queue.identity), "QueueViewerException")
    until = _busy.get(server)
    if until is not None and invocation.practice.clock.now < until:
        raise CmdletRefusal(BUSY, "QueueViewerException")


def _retry(
    invocation: Invocation, queue: PracticeQueue, server: PracticeServer, *, resubmit: bool
) -> None:
    """Retry a queue; nothing happens to one that is not in Retry, or suspended (S8.71).

    What is resubmitted goes through Submission and the categorizer; its queue may be gone (S8.72).
    """
    if not resubmit:
        invocation.practice.retry(queue)
        return
    waiting = len(queue.messages)
    invocation.practice.resubmit(queue)
    if len(queue.messages) < waiting:
        _busy[server] = invocation.practice.clock.now + RESUBMITTING


# -- Which queues ----------------------------------------------------------------------------------


def _identified(
    invocation: Invocation, identity: str
) -> list[tuple[PracticeQueue, PracticeServer]]:
    """The queues of an identity in any of its forms (section 4.3).

    Raises:
        CmdletRefusal: the server can't be asked (S8.55), or has no such queue (S8.75).
    """
    server, name = _split(invocation, identity)
    invocation.queue_viewer(server)
    own = _visible(invocation, server)
    wanted = name.casefold()
    found = own if wanted == "*" else [queue for queue in own if queue.name.casefold() == wanted]
    found = found or [queue for queue in own if queue.next_hop.casefold() == wanted]
    if not found:
        raise CmdletRefusal(NOT_FOUND.format(identity), "QueueViewerException")
    return [(queue, server) for queue in found]


def _split(invocation: Invocation, identity: str) -> tuple[PracticeServer, str]:
    r"""Server and rest; without a server the host: `Shadow\7` is a queue, not a server's."""
    head, slash, rest = identity.partition("\\")
    if not slash or head.casefold() == "shadow":
        return invocation.host, identity
    return invocation.named_server(head), rest


def _visible(invocation: Invocation, server: PracticeServer) -> list[PracticeQueue]:
    """The queues of a server; Poison is hidden while it is empty (section 4.3)."""
    queues = invocation.organisation.queues_of(server.name)
    return [queue for queue in queues if queue.messages or queue.name != "Poison"]


def _is_message(values: Values, wanted: str) -> bool:
    r"""Whether it has this identity, `SERVER\queue\number` or the number alone."""
    text = getattr(values["Identity"], "text", "").casefold()
    return not wanted or text == wanted.casefold() or text.rpartition("\\")[2] == wanted


def _conditions(
    invocation: Invocation, allowed: Mapping[str, frozenset[str]]
) -> Callable[[Values], bool]:
    if not invocation.has("Filter"):
        return lambda _: True
    try:
        conditions = parse_filter(invocation.text("Filter"), allowed)
    except FilterError as error:
        raise CmdletRefusal(str(error), "QueueViewerException") from error
    return lambda values: all(condition.holds(values) for condition in conditions)


def _included(invocation: Invocation, values: Values) -> bool:
    """-Include and -Exclude: Internal, External, Empty or a delivery type (S8.53)."""
    signs = set(_signs(values))
    wanted, unwanted = (
        {word.casefold() for text in invocation.texts(name) for word in _parts(text)}
        for name in ("Include", "Exclude")
    )
    return (not wanted or bool(signs & wanted)) and not signs & unwanted


def _parts(text: str) -> Iterable[str]:
    return (part.strip() for part in text.split(",") if part.strip())


def _signs(values: Values) -> Iterator[str]:
    for name in ("DeliveryType", "NextHopCategory"):
        value = values.get(name)
        if isinstance(value, Enumeration) and value.text:
            yield value.text.casefold()
    if values["MessageCount"] == 0:
        yield "empty"


def _result_size(invocation: Invocation) -> int | None:
    """How many objects may come; None for all of them (S8.52).

    Raises:
        BindingError: neither a number nor Unlimited.
    """
    if not invocation.has("ResultSize"):
        return RESULT_SIZE
    text = invocation.text("ResultSize")
    if text.casefold() == "unlimited":
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        kind = "Microsoft.Exchange.Data.Unlimited`1[System.UInt32]"
        raise invocation.transformation(
            "ResultSize", f'Cannot convert value "{text}" to type "{kind}".'
        )
    return int(text)
