"""Queues before the servers: which of them are stuck, what their error says, where they lead."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailflow.analysis.servers import ServerView
from mailflow.exchange.causes import Explanation, explain
from mailflow.exchange.last_error import LastError, parse
from mailflow.exchange.queues import Queue
from mailflow.exchange.routing import candidate_targets
from mailflow.snapshot import ComponentState, Snapshot

TRANSPORT_COMPONENTS = frozenset({"ServerWideOffline", "HubTransport", "FrontendTransport"})
"""Of these each must be Active, or the server answers 421 4.3.2 (section 6.2)."""


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
    """

    queue: Queue
    sender: ServerView | None
    targets: tuple[ServerView, ...]
    error: LastError
    explanation: Explanation
    named: ServerView | None
    inactive: tuple[ComponentState, ...]

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
    def is_unreachable(self) -> bool:
        """The unreachable queue without an error: routing found no next hop."""
        return self.queue.delivery_type == "Unreachable" and self.is_empty


def is_stuck(queue: Queue, min_messages: int = 1) -> bool:
    """Whether its messages do not move (contract 8.4).

    Retry; or messages in the *unreachable* queue, which has no next hop at all. Shadow and poison
    queues hold messages by design (S4.43, S4.44); Suspended is somebody's wish; Ready, Active and
    Connecting are on their way, whatever an old LastError says (S4.42).
    """
    if queue.is_shadow or queue.is_poison or not holds(queue, min_messages):
        return False
    return queue.status == "Retry" or (
        queue.delivery_type == "Unreachable" and queue.status != "Suspended"
    )


def holds(queue: Queue, min_messages: int) -> bool:
    """Whether it has so many messages; a count that was not read may be anything."""
    return queue.message_count is None or queue.message_count >= min_messages


def as_of(org: Snapshot) -> datetime | None:
    """The latest moment the snapshot surely saw: when it was taken, else the last retry in it."""
    if org.taken:
        return org.taken
    seen = [queue.last_retry.instant for queue in org.queues if queue.last_retry]
    return max((instant for instant in seen if instant), default=None)


class Queues:
    """The queues of an organization beside its servers."""

    def __init__(self, org: Snapshot, servers: Sequence[ServerView]) -> None:
        """Take the queues of a snapshot, and the views of its servers."""
        self._org, self._views = org, servers
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
        """A queue with what it means."""
        targets = self._targets(queue)
        text = queue.last_error or ""
        if text not in self._errors:
            error = parse(text)
            self._errors[text] = error, explain(error)
        error, explanation = self._errors[text]
        named = self._named(error)
        inactive = self._inactive((named,) if named else targets) if self._org.components else ()
        sender = self._server(queue.server)
        return QueueCase(queue, sender, targets, error, explanation, named, inactive)

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
            mine = [
                component
                for component in self._org.components
                if component.component in TRANSPORT_COMPONENTS
                and component.state in ("Inactive", "Draining")
                and target.server.is_named(component.server)
            ]
            if not mine:
                return ()
            found += mine
        return tuple(found)
