"""What happens while the clock moves: mail comes in, is tried, waits, drains, expires.

    Ready ──mail comes──▶ attempt ──taken──▶ Active ──empty──▶ Ready ──3 min idle──▶ gone
                            ▲  └───failed──▶ Retry ─┐
                            └─────1, 5, 10 min──────┘      after 2 days a message goes back

Attempts take no time; a queue that was let in hands over `PACE` by `PACE`. A session that stands
keeps what was decided when it began (S1.19 [I]): a change shows at the next attempt. Nothing here
is left to chance: the same organization and the same moves give the same queues.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import count

from mailflow.simulated.clock import Clock
from mailflow.simulated.delivery import (
    DeliveryOutcome,
    has_certificate,
    try_mailbox,
    try_outside,
    try_server,
)
from mailflow.simulated.organisation import (
    RATED,
    Message,
    Organisation,
    PracticeQueue,
    PracticeServer,
)
from mailflow.simulated.routes import Route, mailbox_owner, route
from mailflow.simulated.wording import last_error

PACE = timedelta(seconds=0.5)
"""Between two messages of a queue that drains: slow enough to watch."""
IDLE = timedelta(minutes=3)
"""QueueMaxIdleTime: an empty queue with a number is removed after this (section 4.6)."""
MINUTE = timedelta(minutes=1)
GLITCHES, TRANSIENTS = 4, 6
"""How many retries come at the first and at the second interval (section 4.6)."""
MAILBOX_TYPES = frozenset({"SmtpDeliveryToMailbox", "MapiDelivery"})


@dataclass(frozen=True)
class MailStream:
    """Mail that keeps coming.

    Attributes:
        sender: the server that accepts it.
        to: the server of the recipients' mailboxes, or an SMTP domain.
        since: the first of it.
        every: how long until the next.
        burst: how many messages come at once.
        until: none after this; None: it never ends.
    """

    sender: str
    to: str
    since: datetime
    every: timedelta
    burst: int = 1
    until: datetime | None = None


@dataclass
class Transport:
    """The transport services of all servers of an organization.

    Attributes:
        organisation: whose queues these are.
        clock: moved by `advance` alone.
        delivered: how many messages left a queue for their next hop.
        returned: messages that expired and went back to their senders.
    """

    organisation: Organisation
    clock: Clock
    delivered: int = 0
    returned: list[Message] = field(default_factory=list)
    _numbers: count[int] = field(default_factory=lambda: count(1), repr=False)
    _agenda: list[tuple[datetime, int, Callable[[], None]]] = field(
        default_factory=list, repr=False
    )
    _order: count[int] = field(default_factory=count, repr=False)
    _watched: set[PracticeQueue] = field(default_factory=set, repr=False)

    def advance(self, delta: timedelta) -> None:
        """Move the clock; all that happens on the way happens, in order.

        Raises:
            ValueError: the clock can't go back.
        """
        end = self.clock.now + delta
        while self._agenda and self._agenda[0][0] <= end:
            moment, _, happen = heapq.heappop(self._agenda)
            self.clock.set_to(moment)
            happen()
        self.clock.set_to(end)

    def at(self, moment: datetime, happen: Callable[[], None]) -> None:
        """Let something happen when the clock is there; what is past happens with the next move."""
        heapq.heappush(self._agenda, (max(moment, self.clock.now), next(self._order), happen))

    def stream(self, stream: MailStream) -> None:
        """Let mail come, from the stream's first moment on.

        Raises:
            ValueError: no time lies between two messages.
        """
        if stream.every <= timedelta(0):
            raise ValueError(
                f"mail from {stream.sender} to {stream.to}: no time between two messages"
            )
        self.at(stream.since, partial(self._flow, stream, stream.since))

    def send(self, sender: str, to: str) -> Message | None:
        """Accept a message now and bring it on its way.

        None: the server has no transport service that runs; its clients keep the message.

        Raises:
            ValueError: no such server.
        """
        server = self._server(sender)
        if not server.services or not server.exchange.has_hub:
            return None
        message = Message(next(self._numbers), server.name, to, self.clock.now)
        queues = self.organisation.queues_of(server.name)
        asleep = [queue for queue in queues if queue.name == "Submission" and queue.suspended]
        self._enter(asleep[0] if asleep else self._queue_for(server, to), message)
        return message

    def hold(self, queue: PracticeQueue, messages: int, since: datetime) -> None:
        """Put copies into a shadow queue; they stay for two days (S4.43)."""
        for _ in range(messages):
            self._enter(queue, Message(next(self._numbers), queue.server, queue.next_hop, since))

    def retry(self, queue: PracticeQueue) -> None:
        """Try a queue now. Does nothing unless it is in Retry and not suspended (S8.71)."""
        if queue.status == "Retry":
            self._attempt(queue)

    def resubmit(self, queue: PracticeQueue) -> None:
        """Route all its messages anew (S8.72); its number is gone then (S4.31).

        Does nothing to others than queues in Retry and the unreachable one, nor to those suspended
        (S8.71, S8.74).
        """
        stuck = queue.status == "Retry" or queue.delivery_type == "Unreachable"
        if queue.suspended or not stuck:
            return
        waiting, queue.messages = queue.messages, []
        self._rest(queue)
        self._remove(queue)
        server = self._server(queue.server)
        for message in waiting:
            self._enter(self._queue_for(server, message.to), message)

    def suspend(self, queue: PracticeQueue) -> None:
        """Stop deliveries out of a queue (section 4.4)."""
        queue.suspended = True

    def resume(self, queue: PracticeQueue) -> None:
        """Let a suspended queue go on; a retry that was missed is made up for."""
        queue.suspended = False
        if queue.delivery_type == "Undefined":
            waiting, queue.messages = queue.messages, []
            server = self._server(queue.server)
            for message in waiting:
                self._enter(self._queue_for(server, message.to), message)
        elif queue.status == "Retry":
            if queue.next_retry is not None and queue.next_retry <= self.clock.now:
                self._attempt(queue)
        elif queue.status == "Ready" and queue.messages:
            self._attempt(queue)

    def _flow(self, stream: MailStream, moment: datetime) -> None:
        for _ in range(stream.burst):
            self.send(stream.sender, stream.to)
        following = moment + stream.every
        if stream.until is None or following <= stream.until:
            self.at(following, partial(self._flow, stream, following))

    def _enter(self, queue: PracticeQueue, message: Message) -> None:
        """A message comes into a queue; a queue that was at rest tries at once."""
        queue.messages.append(message)
        queue.idle_since = None
        _note(queue.came, self.clock.now)
        self._watch(queue)
        if queue.status == "Ready":
            self._attempt(queue)

    def _attempt(self, queue: PracticeQueue) -> None:
        """Try to deliver. Shadow copies, unreachable mail and suspended queues are not tried."""
        if queue.suspended or not queue.messages or not queue.is_delivery:
            return
        now, sender = self.clock.now, self._server(queue.server)
        outcomes = self._tried(queue, sender)
        if outcomes[-1].taken:
            self._let_in(queue)
            return
        if queue.failing_since is None:
            queue.failing_since = queue.first_retry = now
            queue.retries = 0
        else:
            queue.retries += 1
        queue.status = "Retry"
        queue.flowing_since, queue.talks_to = None, ""
        queue.error = last_error(sender.exchange, outcomes[0], outcomes[-1], now)
        queue.last_retry = now
        self._plan(queue, now + interval(queue, sender))

    def _tried(self, queue: PracticeQueue, sender: PracticeServer) -> list[DeliveryOutcome]:
        """What became of each target, up to the first that takes the mail; never empty."""
        if queue.delivery_type in MAILBOX_TYPES:
            owner = mailbox_owner(self.organisation, queue) or sender
            return [try_mailbox(sender, owner)]
        if not queue.targets:
            trouble = self.organisation.outside.get(queue.next_hop, "")
            certified = has_certificate(self.organisation, sender, self.clock.now)
            return [try_outside(sender, queue.next_hop, trouble, certified=certified)]
        found = []
        for name in queue.targets:
            target = self._server(name)
            found.append(try_server(self.organisation, sender, target, self.clock.now))
            if found[-1].taken:
                queue.talks_to = name
                break
        return found

    def _let_in(self, queue: PracticeQueue) -> None:
        """The queue drains from now on. LastError and LastRetryTime stay (S4.42)."""
        queue.status, queue.flowing_since = "Active", self.clock.now
        queue.failing_since = queue.first_retry = queue.next_retry = None
        queue.retries = 0
        self.at(self.clock.now + PACE, partial(self._hand_over, queue, queue.flowing_since))

    def _hand_over(self, queue: PracticeQueue, session: datetime) -> None:
        """The next message of a session leaves."""
        if queue.status != "Active" or queue.flowing_since != session:
            return
        if queue.suspended or not queue.messages:
            self._rest(queue)
            return
        if not self._server(queue.server).services:  # stopped: it goes on when it runs again
            self.at(self.clock.now + MINUTE, partial(self._hand_over, queue, session))
            return
        if not self._still_connected(queue):
            self._attempt(queue)
            return
        queue.messages.pop(0)
        self.delivered += 1
        _note(queue.went, self.clock.now)
        if queue.messages:
            self.at(self.clock.now + PACE, partial(self._hand_over, queue, session))
        else:
            self._rest(queue)

    def _still_connected(self, queue: PracticeQueue) -> bool:
        if not queue.talks_to:
            return True
        other = self._server(queue.talks_to)
        return other.network == "open" and other.services

    def _rest(self, queue: PracticeQueue) -> None:
        """The session is over, or nothing waits any more."""
        queue.status = "Ready"
        queue.flowing_since, queue.talks_to = None, ""
        queue.failing_since = queue.first_retry = queue.next_retry = None
        queue.retries = 0
        if not queue.messages and queue.is_delivery:
            queue.idle_since = self.clock.now
            self.at(self.clock.now + IDLE, partial(self._forget, queue, queue.idle_since))

    def _forget(self, queue: PracticeQueue, idle_since: datetime) -> None:
        if queue.idle_since == idle_since:
            self._remove(queue)

    def _remove(self, queue: PracticeQueue) -> None:
        queue.idle_since = None
        if queue in self.organisation.queues:
            self.organisation.queues.remove(queue)

    def _plan(self, queue: PracticeQueue, moment: datetime) -> None:
        """The next retry; whatever was planned before is void (S4.62)."""
        queue.next_retry = moment
        self.at(moment, partial(self._due, queue, moment))

    def _due(self, queue: PracticeQueue, moment: datetime) -> None:
        if queue.status != "Retry" or queue.next_retry != moment or queue.suspended:
            return
        if self._server(queue.server).services:
            self._attempt(queue)
        else:  # nobody is there to try
            self._plan(queue, moment + MINUTE)

    def _watch(self, queue: PracticeQueue) -> None:
        """Look again when the oldest message expires."""
        if queue.messages and queue not in self._watched:
            self._watched.add(queue)
            self.at(queue.messages[0].expires, partial(self._expire, queue))

    def _expire(self, queue: PracticeQueue) -> None:
        """Messages go back to their senders after two days; copies just vanish (section 4.6)."""
        self._watched.discard(queue)
        now = self.clock.now
        gone = [message for message in queue.messages if message.expires <= now]
        queue.messages = [message for message in queue.messages if message.expires > now]
        if queue.delivery_type != "ShadowRedundancy":
            self.returned += gone
        if gone and not queue.messages:
            self._rest(queue)
        self._watch(queue)

    def _queue_for(self, server: PracticeServer, to: str) -> PracticeQueue:
        """The queue of a message's next hop; a new one where there is none."""
        way = route(self.organisation, server, to)
        for queue in self.organisation.queues_of(server.name):
            if (queue.delivery_type, queue.next_hop) == (way.delivery_type, way.next_hop):
                return queue
        return self._new_queue(server, way)

    def _new_queue(self, server: PracticeServer, way: Route) -> PracticeQueue:
        name = way.name or self.organisation.new_queue_number(server)
        queue = PracticeQueue(server.name, name, way.delivery_type, way.next_hop, way.targets)
        self.organisation.queues.append(queue)
        return queue

    def _server(self, name: str) -> PracticeServer:
        found = self.organisation.server(name)
        if found is None:
            raise ValueError(f"no server is called {name}")
        return found


def interval(queue: PracticeQueue, sender: PracticeServer) -> timedelta:
    """How long until the next retry, by the retries made so far (section 4.6)."""
    if queue.delivery_type in MAILBOX_TYPES:
        return timedelta(minutes=5)
    if queue.retries < GLITCHES:
        return MINUTE
    on_edge = bool(sender.exchange.is_edge)
    if queue.retries < GLITCHES + TRANSIENTS:
        return timedelta(minutes=10 if on_edge else 5)
    return timedelta(minutes=30 if on_edge else 10)


def _note(moments: deque[datetime], now: datetime) -> None:
    while moments and moments[0] <= now - RATED:
        moments.popleft()
    moments.append(now)
