"""Which way between two servers a question is about, chosen by what is seen, not by what was built.

A way in trouble before one that works; among those the one a stuck queue is on.
"""

from __future__ import annotations

from collections.abc import Callable

from mailflow.analysis.analysis import analyze
from mailflow.analysis.paths import MailPath
from mailflow.analysis.servers import is_custom
from mailflow.exchange.queues import Queue
from mailflow.exchange.routing import LEGACY, candidate_targets
from mailflow.snapshot import Snapshot
from mailflow.views.queues import stuck_queues


def way(org: Snapshot) -> MailPath | None:
    """The way that an engineer would look at first; None where no way is known."""
    stuck = stuck_queues(org)

    def waits(path: MailPath) -> bool:
        return any(_leads(org, queue, path) for queue in stuck)

    ranks: tuple[Callable[[MailPath], bool], ...] = (
        lambda path: path.state == "found" and waits(path),
        lambda path: path.state == "found",
        lambda path: _to_newer(path) and waits(path),
        waits,
        _by_custom,
        lambda path: path.state == "unknown",
        _to_newer,
        lambda _: True,
    )
    asked = [path for path in analyze(org).paths if path.answer and path.endpoint and path.address]
    return next((path for rank in ranks for path in asked if rank(path)), None)


def way_that_works(org: Snapshot, beside: MailPath) -> MailPath | None:
    """A way of the same sender to another server of the target's kind that works; None: none."""
    return next(
        (
            path
            for path in analyze(org).paths
            if path.state == "clear"
            and path.sender is beside.sender
            and path.target is not beside.target
            and path.target.generation is beside.target.generation
            and path.answer
        ),
        None,
    )


def same(org: Snapshot, path: MailPath) -> MailPath | None:
    """The same way in an organization that was read again; None where it is gone."""
    return next(
        (
            mail_path
            for mail_path in analyze(org).paths
            if (mail_path.sender.name, mail_path.target.name)
            == (path.sender.name, path.target.name)
            and (mail_path.address, mail_path.endpoint) == (path.address, path.endpoint)
        ),
        None,
    )


def _leads(org: Snapshot, queue: Queue, path: MailPath) -> bool:
    sender = org.server(queue.server)
    targets = candidate_targets(queue, sender, org.servers)
    return sender is path.sender.server and path.target.server in targets


def _to_newer(path: MailPath) -> bool:
    """From 2010 to a newer server: a queue may lead to servers of its own kind as well."""
    return path.sender.generation is LEGACY is not path.target.generation


def _by_custom(path: MailPath) -> bool:
    answerer = path.answer.connector if path.answer else None
    return answerer is not None and is_custom(answerer, path.target.connectors)
