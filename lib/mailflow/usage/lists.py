"""Use compared with configuration: which ranges were used, and which connector accepts whom now.

A range is called unused only if the logs cover the period (`coverage.py`); else its use is unknown.
The connector that accepts a client today is predicted as everywhere (section 1.2); the logs show
the connector that did accept it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from mailflow.analysis.analysis import analyze
from mailflow.analysis.servers import ServerView, SortedAddresses
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import Address, AddressRange, RangeError, parse_address
from mailflow.exchange.selection import Answer, answer
from mailflow.snapshot import Snapshot
from mailflow.usage.combine import Client
from mailflow.usage.coverage import Covered, of_connector

Used = Literal["used", "unused", "unknown"]


@dataclass(frozen=True, slots=True)
class ElementUse:
    """An entry of a connector's RemoteIPRanges, with the clients seen in it.

    Attributes:
        connector: identity.
        element: the entry as it is written.
        state: `unused` only if the logs cover the period.
        clients: addresses seen in it that no smaller entry of the connector contains.
        sessions, messages: numbers for these clients.
    """

    connector: str
    element: AddressRange
    state: Used
    clients: tuple[str, ...] = ()
    sessions: int = 0
    messages: int = 0


@dataclass(frozen=True, slots=True)
class Differing:
    """A client that used another connector than the one predicted now.

    Attributes:
        client: the client with the connector that accepted it.
        predicted: identity of the predicted connector; empty: none accepts it, or it is unknown.
        why: possible reason, in words.
    """

    client: Client
    predicted: str
    why: str


@dataclass(frozen=True, slots=True)
class Beside:
    """What the logs show about the RemoteIPRanges of an organization.

    Attributes:
        elements: entries of every connector of the servers that logged, except those that contain
            all addresses.
        differing: clients that used another connector than the predicted one.
        unplaced: clients that only the log of the Transport service contains, so that the
            connector of the Front End service is only predicted.
        undecided: clients for which it is undetermined which connector accepts them now.
    """

    elements: tuple[ElementUse, ...] = ()
    differing: tuple[Differing, ...] = ()
    unplaced: tuple[Client, ...] = ()
    undecided: tuple[Differing, ...] = field(default=())

    @property
    def unused(self) -> tuple[ElementUse, ...]:
        """Entries that no client used."""
        return tuple(each for each in self.elements if each.state == "unused")


def beside(org: Snapshot, clients: Sequence[Client], covered: Sequence[Covered]) -> Beside:
    """Compare the clients in the logs with the configuration.

    Args:
        org: the organization.
        clients: clients of its servers.
        covered: the time that the logs cover, for each connector.
    """
    elements = [
        use
        for view in analyze(org).servers
        for connector in view.connectors
        if (row := of_connector(covered, connector.identity))
        for use in elements_used(connector, seen_at(view, connector, clients), row)
    ]
    placed = list(predictions(org, [each for each in clients if not each.proxied]))
    return Beside(
        tuple(elements),
        tuple(each for each in placed if each.predicted or "nobody" in each.why),
        tuple(each for each in clients if each.proxied),
        tuple(each for each in placed if not each.predicted and "nobody" not in each.why),
    )


def is_of(view: ServerView, client: Client) -> bool:
    """Whether a client's connector is one of this server's."""
    return view.server.is_named(client.connector.partition("\\")[0])


def seen_at(
    view: ServerView, connector: ReceiveConnector, clients: Iterable[Client]
) -> list[Client]:
    """The clients that this connector accepted, by the logs."""
    name = connector.name.casefold()
    return [
        each
        for each in clients
        if not each.proxied
        and each.connector.partition("\\")[2].casefold() == name
        and is_of(view, each)
    ]


def elements_used(
    connector: ReceiveConnector, clients: Iterable[Client], covered: Covered
) -> Iterator[ElementUse]:
    """Each entry of a connector's RemoteIPRanges, with the clients seen in it."""
    used: dict[int, list[Client]] = {}
    ordered = sorted(range(len(connector.ranges)), key=lambda n: connector.ranges[n].size)
    for client in clients:
        address = address_of(client)
        place = next((n for n in ordered if address in connector.ranges[n]), None)
        if place is not None:
            used.setdefault(place, []).append(client)
    for place, element in enumerate(connector.ranges):
        if element.is_everything:
            continue
        some = used.get(place, [])
        state: Used = "used" if some else "unused" if covered.is_whole else "unknown"
        yield ElementUse(
            connector.identity,
            element,
            state,
            tuple(each.address for each in some),
            sum(each.sessions for each in some),
            sum(each.messages for each in some),
        )


def address_of(client: Client) -> Address:
    """The address of a client; it was one when it was read."""
    return parse_address(client.address)


def predictions(org: Snapshot, clients: Sequence[Client]) -> Iterator[Differing]:
    """The clients that another connector accepts now, or for which it is undetermined."""
    for view in analyze(org).servers:
        mine = [client for client in clients if is_of(view, client)]
        if not mine or not view.connectors:
            continue
        lean = leaned(view, mine)
        for client in mine:
            got = predicted(lean, client)
            doubt = doubt_of(view, got)
            if doubt:
                yield Differing(
                    client, "", f"which connector accepts it could not be determined: {doubt}"
                )
            elif got.connector is None:
                yield Differing(client, "", "no connector accepts it now (421 4.3.2)")
            elif got.connector.name.casefold() != client.connector.partition("\\")[2].casefold():
                yield Differing(client, got.connector.identity, _since(got.connector, client))


def leaned(view: ServerView, clients: Iterable[Client]) -> tuple[ReceiveConnector, ...]:
    """The server's connectors without ranges that hold none of these clients."""
    return SortedAddresses(map(address_of, clients)).lean(view.connectors)


def predicted(connectors: Sequence[ReceiveConnector], client: Client) -> Answer:
    """Which connector accepts a client now, where it was seen to arrive."""
    address = address_of(client)
    local: Address | None
    try:
        local = parse_address(client.local)
    except RangeError:
        local = None
    if local is not None and local.version != address.version:
        local = None
    return answer(connectors, local=local, port=client.port, remote=address)


def doubt_of(view: ServerView, got: Answer) -> str:
    """Why a prediction is not certain; empty where it is."""
    if got.unknown is not None:
        return got.unknown
    return view.hidden[0] if view.hidden and not got.is_exact else ""


def _since(connector: ReceiveConnector, client: Client) -> str:
    changed: datetime | None = connector.when_changed
    if changed is None:
        return "a connector was changed since, or the log is another server's; compare WhenChanged"
    if changed.strftime("%Y-%m-%dT%H:%M:%S") > client.last:
        return f"it was last seen on {client.last[:10]}, and changed on {changed:%Y-%m-%d}"
    return f"not explained: {connector.identity} was last changed on {changed:%Y-%m-%d}"


def by_connector(clients: Iterable[Client]) -> Mapping[str, list[Client]]:
    """Clients by connector, both in order."""
    found: dict[str, list[Client]] = {}
    for client in clients:
        found.setdefault(client.connector, []).append(client)
    return found
