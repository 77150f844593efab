"""What logs and EHLO replies show of connections between servers, as far as it still holds.

A log tells of the past. It counts for a queue where it was written within a day of the queue's last
retry (or of the export, where that is not known), and where no receive connector of that port was
changed since: what was observed before may not hold any more. That a connection is in no log says
nothing (S7.20).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from mailflow.analysis.paths import MailPath
from mailflow.analysis.servers import ServerView, short_name
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import address_or_none
from mailflow.snapshot import ObservedOffer, ObservedSessions, Snapshot

LASTING = timedelta(hours=24)
"""How far from a queue's last retry an observation may lie and still speak of it."""


class Observed:
    """The observations of a snapshot, by the connection that they speak of."""

    def __init__(self, org: Snapshot, servers: Sequence[ServerView]) -> None:
        """Take a snapshot and the views of its servers."""
        self._sessions: dict[tuple[str, int], list[ObservedSessions]] = {}
        for seen in org.observed:
            self._sessions.setdefault((short_name(seen.server), seen.port), []).append(seen)
        self._offers: dict[tuple[str, int], list[ObservedOffer]] = {}
        for offer in org.offers:
            place = offer.remote or short_name(offer.target)
            self._offers.setdefault((place, offer.port), []).append(offer)
        self._owners = {str(address): view for view in servers for address in view.addresses}

    @property
    def is_empty(self) -> bool:
        """Whether nothing was observed at all."""
        return not self._sessions and not self._offers

    def accepted(self, path: MailPath, moment: datetime | None) -> list[ObservedSessions]:
        """The sessions of exactly this connection in the target's receive logs (S7.26)."""
        if path.endpoint is None or path.address is None:
            return []
        port, client = path.endpoint.port, str(path.address)
        return [
            seen
            for seen in self._sessions.get((short_name(path.target.name), port), ())
            if seen.client == client
            and path.local in (None, address_or_none(seen.local))
            and holds(seen.last, path.target, port, moment)
        ]

    def in_the_name_of(
        self, sender: ServerView, target: ServerView, port: int, moment: datetime | None
    ) -> list[ObservedSessions]:
        """Sessions whose client gives the sender's name and whose address no server has.

        Anybody may give a name, so they alone tell nothing.
        """
        return [
            seen
            for seen in self._sessions.get((short_name(target.name), port), ())
            if seen.client not in self._owners
            and "." in seen.hello
            and sender.server.is_named(seen.hello)
            and holds(seen.last, target, port, moment)
        ]

    def met(
        self, sender: ServerView, target: ServerView, port: int, moment: datetime | None
    ) -> Iterator[ObservedOffer]:
        """What the sender met at the target's addresses, or under its name, on a port."""
        for place in (*map(str, target.addresses), short_name(target.name)):
            for offer in self._offers.get((place, port), ()):
                if self._is_of(offer, sender) and holds(offer.last, target, port, moment):
                    yield offer

    def _is_of(self, offer: ObservedOffer, sender: ServerView) -> bool:
        """Whether a server made a connection: by its name, else by its address.

        A reply that names nobody still greets an address (S3.40: from elsewhere it does not count).
        """
        if offer.sender:
            return sender.server.is_named(offer.sender)
        return self._owners.get(offer.address or offer.seen_as) is sender


def holds(when: str, target: ServerView, port: int, moment: datetime | None) -> bool:
    """Whether what was observed then still tells how the target handles connections.

    Args:
        when: of the observation, as a log writes it.
        target: whose connectors must not have changed since.
        port: of the connection.
        moment: near which it must lie; None: not known, and then nothing counts.
    """
    instant = instant_of(when)
    if moment is None or instant is None or abs(moment - instant) > LASTING:
        return False
    return all(
        each.when_changed is not None and each.when_changed <= instant
        for each in on_port(target.connectors, port)
    )


def on_port(connectors: Iterable[ReceiveConnector], port: int) -> list[ReceiveConnector]:
    """The connectors that may take a connection to a port."""
    return [
        each
        for each in connectors
        if not each.bindings_complete or any(binding.port == port for binding in each.bindings)
    ]


def instant_of(when: str) -> datetime | None:
    """The moment that a log writes, which is UTC (S7.27); None where it is none."""
    try:
        found = datetime.fromisoformat(when)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
