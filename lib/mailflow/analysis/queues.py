"""Queues before the servers: which of them are stuck, what their error says, where they lead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from mailflow.analysis.servers import ServerView
from mailflow.exchange.causes import Explanation, explain
from mailflow.exchange.last_error import LastError, parse
from mailflow.exchange.queues import OTHER, Queue
from mailflow.exchange.routing import candidate_targets
from mailflow.exchange.send_connectors import Carrier, SendConnector, carrier_of
from mailflow.snapshot import ComponentState, Snapshot

TRANSPORT_COMPONENTS = frozenset({"ServerWideOffline", "HubTransport", "FrontendTransport"})
"""Of these each must be Active, or the server answers 421 4.3.2 (section 6.2)."""

Wait = Literal["stuck", "suspended", "poison", "submission", "status"]
"""Why messages do not move (S4.68): attempts fail, a person suspended the queue, the messages
crashed transport, the categorizer does not take them; or the status is not known."""

MANY_RETRIES = 5
"""From this RetryCount on a queue that is Connecting, or Ready with messages, is stuck."""

MANY_WAITING = 500
"""From so many messages on the Submission queue has a backlog."""

OLD = timedelta(minutes=30)
"""A Submission queue that holds messages and was last tried before that has a backlog."""


@dataclass(frozen=True, eq=False)
class QueueCase:
    """A queue, what its error says, and where its messages may be on their way to.

    Attributes:
        queue: the queue as read.
        sender: its server; None: not among the servers read.
        targets: the servers that its next hop may mean.
        error: its LastError, parsed once.
        explanation: what that means.
        named: the server that the error names (S6.09); None: none, or none that is known.
        inactive: components that keep every server it may go to from taking mail.
        carrier: the send connector that carries its mail out; None: it does not leave, or nothing
            tells.
    """

    queue: Queue
    sender: ServerView | None
    targets: tuple[ServerView, ...]
    error: LastError
    explanation: Explanation
    named: ServerView | None
    inactive: tuple[ComponentState, ...]
    carrier: Carrier | None = None

    @property
    def aimed_at(self) -> tuple[ServerView, ...]:
        """The servers that its error may speak of: the one it names, else all that it may go to.

        None where it names a host that is no server of the export.
        """
        if self.named is not None:
            return (self.named,)
        return () if self.error.fqdn else self.targets

    @property
    def is_empty(self) -> bool:
        """No error was printed, or none was read: it may be anything (section 6.3, point 7)."""
        return not (self.queue.last_error or "").strip()

    @property
    def is_exchange_auth(self) -> bool:
        """The sender's own finding that it could not authenticate (S5.01)."""
        return self.explanation.is_exchange_auth

    @property
    def lacks_a_right(self) -> bool:
        """The target's word for it: 454 4.7.0, or 5.7.x that is not 5.7.3 (S3.43, L2)."""
        inner = self.error.innermost
        enhanced = (inner.enhanced or "").replace("-", ".")
        if self.is_exchange_auth or enhanced == "5.7.3":
            return False
        return enhanced.startswith("5.7.") or (inner.code, enhanced) == ("454", "4.7.0")

    @property
    def is_unreachable(self) -> bool:
        """The unreachable queue without an error: routing found no next hop."""
        return self.queue.delivery_type == "Unreachable" and self.is_empty


def is_stuck(queue: Queue, min_messages: int = 1) -> bool:
    """Whether attempts to send its messages fail (contract 8.4).

    Retry; messages in the *unreachable* queue, which has no next hop at all; Connecting, or Ready
    with messages, after many retries. Shadow and poison queues hold messages by design (S4.43,
    S4.44); Suspended is a person's decision; else Ready, Active and Connecting are on their way,
    whatever an old LastError says (S4.42).
    """
    if queue.is_shadow or queue.is_poison or not holds(queue, min_messages):
        return False
    if queue.status in ("Connecting", "Ready") and (queue.retry_count or 0) >= MANY_RETRIES:
        return True
    return queue.status == "Retry" or (
        queue.delivery_type == "Unreachable" and queue.status != "Suspended"
    )


def wait_of(queue: Queue, moment: datetime | None = None, min_messages: int = 1) -> Wait | None:
    """Why the messages of a queue do not move (S4.68); None: they do, or wait by design.

    Args:
        queue: the queue.
        moment: the latest one that the export knows; None: none, then no age tells anything.
        min_messages: queues with fewer messages do not count.
    """
    if is_stuck(queue, min_messages):
        return "stuck"
    if queue.is_shadow or not holds(queue, max(min_messages, 1)):
        return None
    if queue.is_poison:
        return "poison"
    if queue.status == "Suspended":
        return "suspended"
    if is_status_unknown(queue):
        return "status"
    return "submission" if queue.is_submission and _has_backlog(queue, moment) else None


def is_status_unknown(queue: Queue) -> bool:
    """Whether its status is not known: none, a translated one, or `None` (section 4.4)."""
    return queue.status in ("", OTHER, "None")


def _has_backlog(queue: Queue, moment: datetime | None) -> bool:
    """Whether the Submission queue does not move: deferred, very many, or not tried for long."""
    if queue.deferred_count or (queue.message_count or 0) >= MANY_WAITING:
        return True
    last = queue.last_retry.instant if queue.last_retry else None
    return bool(moment and last and queue.message_count and moment - last > OLD)


def holds(queue: Queue, min_messages: int) -> bool:
    """Whether it has so many messages; a count that was not read may be anything.

    The deferred ones of a Submission queue are among them (S4.43).
    """
    count = queue.message_count
    return count is None or max(count, queue.deferred_count or 0) >= min_messages


def as_of(org: Snapshot) -> datetime | None:
    """The latest moment the snapshot surely saw: when it was taken, else the last retry in it."""
    if org.taken:
        return org.taken
    seen = [queue.last_retry.instant for queue in org.queues if queue.last_retry]
    return max((instant for instant in seen if instant), default=None)


@dataclass(frozen=True, eq=False)
class Waiting:
    """A queue whose messages do not move, and why."""

    why: Wait
    case: QueueCase

    @property
    def queue(self) -> Queue:
        """The queue as read."""
        return self.case.queue


def taking_no_mail(org: Snapshot, view: ServerView) -> list[ComponentState]:
    """The components of a server that keep it from taking mail (section 6.2)."""
    return [
        each
        for each in org.components
        if each.component in TRANSPORT_COMPONENTS
        and each.state in ("Inactive", "Draining")
        and view.server.is_named(each.server)
    ]


class Queues:
    """The queues of an organization beside its servers."""

    def __init__(
        self,
        org: Snapshot,
        servers: Sequence[ServerView],
        send_connectors: Sequence[SendConnector] = (),
    ) -> None:
        """Take the queues of a snapshot, the views of its servers, and its send connectors."""
        self._org, self._views = org, servers
        self._send_connectors = send_connectors
        self._servers = [view.server for view in servers]
        self._by_name: dict[str, ServerView | None] = {}
        self._candidates: dict[tuple[str, str, int], tuple[ServerView, ...]] = {}
        self._errors: dict[str, tuple[LastError, Explanation]] = {}
        self._by_address: dict[str, list[ServerView]] = {}
        for view in servers:
            for address in view.addresses:
                self._by_address.setdefault(str(address), []).append(view)

    def covered(self) -> list[Queue]:
        """The queues on servers that the run covers, and those that lead to one of them."""
        if not self._org.only:
            return list(self._org.queues)
        return [
            queue
            for queue in self._org.queues
            if self._org.covers(queue.server, *(view.name for view in self._targets(queue)))
        ]

    def case(self, queue: Queue) -> QueueCase:
        """A queue with its targets and its error; an error is parsed once, whoever has it."""
        targets = self._targets(queue)
        text = queue.last_error or ""
        if text not in self._errors:
            error = parse(text)
            self._errors[text] = error, explain(error)
        error, explanation = self._errors[text]
        named = self._named(error)
        inactive = self._inactive((named,) if named else targets) if self._org.components else ()
        sender = self._server(queue.server)
        carrier = carrier_of(queue, self._send_connectors)
        return QueueCase(queue, sender, targets, error, explanation, named, inactive, carrier)

    def _server(self, name: str) -> ServerView | None:
        if name not in self._by_name:
            found = self._org.server(name)
            self._by_name[name] = next((view for view in self._views if view.server is found), None)
        return self._by_name[name]

    def _targets(self, queue: Queue) -> tuple[ServerView, ...]:
        sender = self._server(queue.server)
        key = (queue.delivery_type, queue.next_hop_domain, id(sender))
        if key not in self._candidates:
            server = sender.server if sender else None
            found = {id(each) for each in candidate_targets(queue, server, self._servers)}
            self._candidates[key] = tuple(view for view in self._views if id(view.server) in found)
        return self._candidates[key]

    def _named(self, error: LastError) -> ServerView | None:
        """The server that an error names (S6.09: the one quoted, not the last)."""
        by_name = self._server(error.fqdn) if error.fqdn else None
        if by_name:
            return by_name
        # A next hop that is an address stands as its own name.
        holders = {
            id(view): view
            for text in (error.fqdn, error.ip)
            for view in self._by_address.get(text or "", ())
        }
        return next(iter(holders.values())) if len(holders) == 1 else None

    def _inactive(self, targets: Iterable[ServerView]) -> tuple[ComponentState, ...]:
        """Components of the targets that take no mail; none where one target has all active.

        That one would have taken the mail: then the inactive component explains nothing.
        """
        found: list[ComponentState] = []
        for target in targets:
            mine = taking_no_mail(self._org, target)
            if not mine:
                return ()
            found += mine
        return tuple(found)
