"""The places where a server accepts connections, and what was not read that may change who does.

A place is an endpoint with a map of its own (S1.16, S1.17): a port, and either a local address that
some connector is bound to, or all other local addresses together, for which only wildcard bindings
count. So the places of a server stand for each of its local addresses, known or not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mailflow.analysis.servers import ServerView, address_of
from mailflow.exchange.connectors import ReceiveConnector, TransportRole, setup_default
from mailflow.exchange.ranges import Address, Family
from mailflow.exchange.selection import spots
from mailflow.exchange.ties import tied_pairs
from mailflow.phrases import joined
from mailflow.snapshot import Snapshot

CONNECTORS = "Get-ReceiveConnector"
SERVERS = "Get-ExchangeServer"


@dataclass(frozen=True, slots=True)
class Place:
    """An endpoint of a server.

    Attributes:
        family: 4 or 6.
        port: the local port.
        local: the local address; None: every local address that no connector is bound to.
    """

    family: Family
    port: int
    local: Address | None = None

    def __str__(self) -> str:
        """`10.0.0.21:25`, `[2001:db8::21]:25`; `any IPv4 address:25` where none is named."""
        if self.local is None:
            return f"any IPv{self.family} address:{self.port}"
        return f"{self.local}:{self.port}" if self.family == 4 else f"[{self.local}]:{self.port}"

    def as_json(self) -> dict[str, Any]:
        """Port, family and local address; null: any that no connector is bound to."""
        local = None if self.local is None else str(self.local)
        return {"port": self.port, "family": self.family, "local": local}


def places_of(connectors: Iterable[ReceiveConnector], ports: Iterable[int]) -> tuple[Place, ...]:
    """The places at these ports where connectors of a server are bound, in order of port."""
    wanted = set(ports)
    found = {
        (binding.port, binding.family, binding.address)
        for connector in connectors
        for binding in connector.bindings
        if binding.port in wanted
    }
    return tuple(
        Place(family, port, address_of(family, number) if number else None)
        for port, family, number in sorted(found)
    )


def processes_at(connectors: Iterable[ReceiveConnector], place: Place) -> tuple[TransportRole, ...]:
    """The processes whose connectors listen at a place; of two it can't be said which has it."""
    roles = (
        connector.role
        for connector in connectors
        if connector.enabled and connector.role is not None and listens(connector, place)
    )
    return tuple(dict.fromkeys(roles))


def listens(connector: ReceiveConnector, place: Place) -> bool:
    """Whether the connector is bound there, as far as its bindings were read."""
    return bool(spots(connector.bindings, place.family, place.local, place.port))


def places_heard(
    connectors: Sequence[ReceiveConnector], connector: ReceiveConnector
) -> list[Place]:
    """The places of a server at which one of its connectors listens."""
    ports = {binding.port for binding in connector.bindings}
    return [place for place in places_of(connectors, ports) if listens(connector, place)]


def reachable(view: ServerView, family: Family, port: int) -> tuple[Place, ...]:
    """The places at which other servers may arrive, each local address known as one of its own.

    Where no address of the server is known, those that connectors are bound to are (S1.04), and any
    other. None at all: the adapters were read, and none has an address of this family.
    """
    return tuple(Place(family, port, local) for local in view.local_addresses(family, port))


def hidden_connectors(view: ServerView, connectors: Sequence[ReceiveConnector]) -> Iterator[str]:
    """Why connectors of a server may exist that were not read.

    Args:
        view: the server.
        connectors: those that it has, or would have.
    """
    for why in view.hidden:
        yield f"not all receive connectors of {view.name} are in the export ({why})"
    if not any(map(setup_default, connectors)):
        yield f"none of the connectors that setup makes on {view.name} were read"


def doubts_at(
    connectors: Iterable[ReceiveConnector], place: Place, process: TransportRole
) -> Iterator[str]:
    """What was not read of connectors that may accept there (S1.10), in words.

    A binding that was not read can't claim the place for another process: Exchange would have
    refused it (S1.30).
    """
    for connector in connectors:
        seen = listens(connector, place)
        if connector.enabled is False or not (seen or not connector.bindings_complete):
            continue
        if connector.role not in (process, None):
            if seen and connector.enabled is None:
                yield f"it was not read whether {connector.identity} is enabled"
            elif seen:
                yield f"{connector.identity} claims {place} for another process"
            continue
        if connector.enabled is None:
            yield f"it was not read whether {connector.identity} is enabled"
        if connector.role is None:
            yield f"the transport role of {connector.identity} was not read"
        if not connector.bindings_complete:
            yield f"Bindings of {connector.identity} are incomplete in the data"
        if not connector.ranges_complete:
            yield f"RemoteIPRanges of {connector.identity} are incomplete in the data"


def ties_at(
    connectors: Iterable[ReceiveConnector], place: Place, process: TransportRole
) -> Iterator[tuple[str, str]]:
    """Pairs of identities with equal ranges at one binding: nothing shows which accepts (S1.36)."""
    mine: dict[int, list[ReceiveConnector]] = {}
    for connector in connectors:
        found = spots(connector.bindings, place.family, place.local, place.port)
        if found and connector.enabled and connector.role == process:
            mine.setdefault(min(found), []).append(connector)
    for some in mine.values():
        yield from sorted(set(tied_pairs(some, place.family)) if len(some) > 1 else ())


def tie_doubts(
    connectors: Iterable[ReceiveConnector], place: Place, process: TransportRole
) -> Iterator[str]:
    """The ties there, in words."""
    for pair in ties_at(connectors, place, process):
        yield tie_in_words(pair, place)


def tie_in_words(identities: Iterable[str], place: Place) -> str:
    """That nothing shows which of these connectors accepts (S1.36)."""
    return (
        f"{joined(identities)} have equal ranges at {place}: which one accepts cannot be determined"
    )


def hidden_servers(org: Snapshot, server: str = "") -> list[str]:
    """Why an organization may have servers that were not read; none where all of them were.

    Args:
        org: the organization.
        server: a name; what was not read of other servers alone does not hide this one.
    """
    rows = [
        f"{row.what} of {row.server or 'the organization'} was not read: {row.why}"
        for row in org.unread
        if row.what in (SERVERS, "capture") and row.server.casefold() in ("", server.casefold())
    ]
    if not rows and SERVERS not in org.cmdlets:
        rows.append(
            f"{SERVERS} is missing in the data, so the servers of the organization are unknown"
        )
    return list(dict.fromkeys(rows))
