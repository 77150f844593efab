"""The analysis of a snapshot: built once, and passed along."""

from __future__ import annotations

from functools import cached_property

from mailflow.analysis.capabilities import Rights
from mailflow.analysis.certificates import Certificates
from mailflow.analysis.observed import Observed
from mailflow.analysis.outbound import send_connectors_of
from mailflow.analysis.paths import Judge, MailPath
from mailflow.analysis.queues import QueueCase, Queues, Waiting, as_of, is_stuck, wait_of
from mailflow.analysis.reach import WholeMap
from mailflow.analysis.servers import ServerView, views_of
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.queues import Queue
from mailflow.exchange.ranges import Address
from mailflow.exchange.send_connectors import SendConnector
from mailflow.exchange.servers import Server
from mailflow.snapshot import Snapshot


class Analysis:
    """What a snapshot shows. Each part is worked out when it is first asked for.

    Attributes:
        org: the snapshot.
    """

    def __init__(self, org: Snapshot) -> None:
        """Take a snapshot; nothing is fetched."""
        self.org = org

    @cached_property
    def servers(self) -> tuple[ServerView, ...]:
        """Every server with what is its own."""
        return views_of(self.org)

    @cached_property
    def judge(self) -> Judge:
        """Judges paths between these servers, also with other connectors than they have."""
        return Judge(self.servers)

    @cached_property
    def paths(self) -> tuple[MailPath, ...]:
        """Every mail path that the run covers, judged."""
        return self.judge.paths()

    @cached_property
    def observed(self) -> Observed:
        """What logs and EHLO replies show of connections between these servers."""
        return Observed(self.org, self.servers)

    @cached_property
    def queues(self) -> tuple[Queue, ...]:
        """The queues that the run covers."""
        return tuple(self._queues.covered())

    @cached_property
    def reach(self) -> WholeMap:
        """Which connector accepts whom, over the whole address space of every endpoint."""
        return WholeMap(self.servers)

    @cached_property
    def rights(self) -> Rights:
        """The extended rights on connectors, as far as they were read."""
        return Rights(self.org)

    @cached_property
    def send_connectors(self) -> tuple[SendConnector, ...]:
        """Every send connector that was read."""
        return send_connectors_of(self.org)

    @cached_property
    def certificates(self) -> Certificates:
        """The certificates of the servers, as far as they were read."""
        return Certificates(self.org)

    @cached_property
    def _queues(self) -> Queues:
        return Queues(self.org, self.servers, self.send_connectors)

    def stuck(self, min_messages: int = 1) -> tuple[QueueCase, ...]:
        """The stuck queues; those with fewer messages do not count."""
        return tuple(
            self._queues.case(queue) for queue in self.queues if is_stuck(queue, min_messages)
        )

    def waiting(self, min_messages: int = 1) -> tuple[Waiting, ...]:
        """The queues whose messages do not move, for whatever reason, the stuck ones among them."""
        moment = as_of(self.org)
        return tuple(
            Waiting(why, self._queues.case(queue))
            for queue in self.queues
            if (why := wait_of(queue, moment, min_messages))
        )

    def server(self, name: str) -> ServerView | None:
        """The server with this short or full name, in any case (S4.32)."""
        return next((view for view in self.servers if view.server.is_named(name)), None)

    def of(self, server: Server) -> ServerView:
        """The view of a server; one without anything where the snapshot does not have it."""
        found = self._views.get(id(server)) or self.server(server.fqdn or server.name)
        return found or ServerView(server, ())

    @cached_property
    def _views(self) -> dict[int, ServerView]:
        return {id(view.server): view for view in self.servers}


def analyze(org: Snapshot) -> Analysis:
    """The analysis of a snapshot; the same one for the same snapshot, which never changes."""
    return org.derived(Analysis)


def connectors_of(org: Snapshot, server: Server) -> tuple[ReceiveConnector, ...]:
    """The receive connectors of a server, in the order read."""
    return analyze(org).of(server).connectors


def addresses_of(org: Snapshot, server: Server) -> tuple[Address, ...]:
    """The known addresses of a server, each once, in the order read."""
    return analyze(org).of(server).addresses
