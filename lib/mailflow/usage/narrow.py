r"""The smallest RemoteIPRanges that keep every client seen, with proof.

A client is kept if the connector accepts it today (section 1.2) and a log contains it: at this
connector, at another one before a change, or behind the Transport service (S7.25). The proposal has
the fewest addresses, and of these the fewest ranges: single addresses, or ranges that contain only
kept addresses and are no wider than the prefix.

The proof is the same as for every change (`repair/impact.py`). No change is proposed if the logs do
not cover the period, or if it is undetermined which connector accepts a client.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from mailflow.analysis.analysis import analyze
from mailflow.analysis.servers import ServerView
from mailflow.errors import UsageError
from mailflow.exchange.connectors import ReceiveConnector, TransportRole
from mailflow.exchange.ranges import (
    WIDTH,
    Address,
    AddressRange,
    Family,
    format_range,
    merged,
    parse_range,
    single,
)
from mailflow.phrases import counted, joined
from mailflow.repair.claim import Proof
from mailflow.repair.impact import prove
from mailflow.repair.request import edited, empty_list
from mailflow.repair.simulation import RefusedError
from mailflow.snapshot import Snapshot
from mailflow.usage.combine import Client
from mailflow.usage.coverage import Covered, of_connector
from mailflow.usage.lists import address_of, doubt_of, is_of, leaned, predicted, seen_at


@dataclass(frozen=True, slots=True)
class Narrowed:
    """The proposal for the RemoteIPRanges of a connector.

    Attributes:
        connector: identity.
        before: number of addresses that its RemoteIPRanges contain.
        after: the proposed ranges; empty: none are proposed.
        kept: clients that they have to contain.
        proof: proof of the change; None: no change is proposed.
        why_not: sentences that say why no change is proposed.
    """

    connector: str
    before: int
    after: tuple[AddressRange, ...] = ()
    kept: tuple[Client, ...] = ()
    proof: Proof | None = None
    why_not: tuple[str, ...] = field(default=())

    @property
    def size(self) -> int:
        """The number of addresses that the proposed ranges contain."""
        return sum(each.size for each in self.after)


def narrow(
    org: Snapshot,
    identity: str,
    clients: Sequence[Client],
    covered: Sequence[Covered],
    *,
    prefix: int = 0,
) -> Narrowed:
    r"""Propose the smallest RemoteIPRanges of a connector that keep every client seen.

    Args:
        org: the organization.
        identity: `SERVER\Name`.
        clients: clients in the logs.
        covered: the time that the logs cover, for each connector.
        prefix: prefix length of the widest range allowed, as for IPv4; 0: single addresses only.

    Raises:
        UsageError: no such connector, or no such prefix.
    """
    if prefix and not 8 <= prefix <= WIDTH[4]:
        raise UsageError(f"--prefix {prefix}: expected 8 to 32")
    view, connector = _named(org, identity)
    before = addresses_in(connector.ranges)
    row = of_connector(covered, connector.identity)
    against = row.against if row else (f"There is no log of {view.name}.",)
    kept, doubts = kept_clients(view, connector, clients)
    asked = Narrowed(connector.identity, before, kept=kept)
    reasons = [*against, *doubts]
    if not connector.ranges_complete:
        reasons.append("Its RemoteIPRanges are incomplete in the data.")
    if reasons:
        return replace(asked, why_not=tuple(reasons))
    if not kept:
        return replace(asked, why_not=(f"No client was seen. {empty_list(connector)}",))
    return _proposed(org, view, connector, asked, clients, prefix)


def _proposed(
    org: Snapshot,
    view: ServerView,
    connector: ReceiveConnector,
    asked: Narrowed,
    clients: Sequence[Client],
    prefix: int,
) -> Narrowed:
    """The list with its proof; blocks only where the same with single addresses would do no more.

    A block is larger than a single address and may lose against another connector's range.
    """
    wanted = smallest_list(map(address_of, asked.kept), prefix)
    if set(wanted) == set(connector.ranges):
        return replace(asked, why_not=("Its RemoteIPRanges cannot be smaller.",))
    gone = [str(each) for each in connector.ranges if each not in wanted]
    come = [format_range(each) for each in wanted if each not in connector.ranges]
    try:
        edit = edited(org, view.name, connector.name, remove=gone, add=come)
        proof = prove(org, [edit])
    except RefusedError as error:
        return replace(asked, why_not=(str(error),))
    lost = moved_clients(proof, view, clients)
    if lost:
        names = joined(client.address for client in lost)
        said = f"Another connector would accept {names}, which was seen."
        return replace(asked, why_not=(said,))
    if proof.doubts:
        return replace(asked, why_not=proof.doubts)
    return replace(asked, after=edit.ranges, proof=proof)


def _named(org: Snapshot, identity: str) -> tuple[ServerView, ReceiveConnector]:
    server, slash, name = identity.partition("\\")
    for view in analyze(org).servers:
        for connector in view.connectors:
            if (
                slash
                and view.server.is_named(server)
                and connector.name.casefold() == name.casefold()
            ):
                return view, connector
    known = joined((each.identity for each in org.connectors), most=8)
    raise UsageError(f'The Receive connector "{identity}" wasn\'t found; known: {known or "none"}')


def kept_clients(
    view: ServerView, connector: ReceiveConnector, clients: Sequence[Client]
) -> tuple[tuple[Client, ...], tuple[str, ...]]:
    """The clients that the ranges have to keep, and reasons why a client is undetermined.

    A client that this connector accepted and that another one accepts now is not kept. A client
    that only the log of the Transport service contains may have used any connector of the Front
    End service; it is kept if the ranges contain it, because its port is unknown.
    """
    mine = [client for client in clients if is_of(view, client)]
    direct = [client for client in mine if not client.proxied]
    lean = leaned(view, mine)
    kept: dict[str, Client] = {}
    doubts: list[str] = []
    here = {id(client) for client in seen_at(view, connector, direct)}
    for client in direct:
        got = predicted(lean, client)
        doubt = doubt_of(view, got)
        may_be = got.connector is not None and got.connector.identity == connector.identity
        if doubt and (may_be or id(client) in here or _holds(connector, client)):
            doubts.append(
                f"Which connector accepts {client.address} could not be determined: {doubt}."
            )
        elif may_be:
            kept.setdefault(client.address, client)
    if connector.role is TransportRole.FrontendTransport:
        for client in mine:
            if client.proxied and _holds(connector, client):
                kept.setdefault(client.address, client)
    ordered = sorted(kept.values(), key=lambda each: (":" in each.address, int(address_of(each))))
    return tuple(ordered), tuple(dict.fromkeys(doubts))


def _holds(connector: ReceiveConnector, client: Client) -> bool:
    address = address_of(client)
    return any(address in each for each in connector.ranges)


def smallest_list(addresses: Iterable[Address], prefix: int = 0) -> tuple[AddressRange, ...]:
    """These addresses and no others, in as few ranges as possible.

    Args:
        addresses: that are kept.
        prefix: bits of the widest block, as if of IPv4; 0: single addresses only. Of IPv6 a block
            may hold as many addresses as one of IPv4.
    """
    most = 1 << (WIDTH[4] - prefix) if prefix else 1
    found: list[AddressRange] = []
    distinct = {(_family(address), int(address)): address for address in addresses}
    for family, run in _runs(sorted(distinct)):
        for first, size in _blocks(run[0], run[-1], most):
            block = AddressRange(family, first, first + size - 1)
            found.append(
                single(distinct[family, first]) if size == 1 else parse_range(format_range(block))
            )
    return tuple(found)


def _family(address: Address) -> Family:
    return 4 if address.version == 4 else 6


def _runs(numbers: Sequence[tuple[Family, int]]) -> Iterator[tuple[Family, list[int]]]:
    """Numbers of one family that follow each other."""
    run: list[int] = []
    last: tuple[Family, int] | None = None
    for family, number in numbers:
        if last is not None and (family, number - 1) != last:
            yield last[0], run
            run = []
        run.append(number)
        last = family, number
    if last is not None:
        yield last[0], run


def _blocks(first: int, last: int, most: int) -> Iterator[tuple[int, int]]:
    """A run as the fewest blocks that a prefix can name: first address and size of each."""
    while first <= last:
        size = min(first & -first or most, most)
        while size > last - first + 1:
            size //= 2
        yield first, size
        first += size


def addresses_in(ranges: Iterable[AddressRange]) -> int:
    """The number of addresses that some ranges contain, each counted once."""
    return sum(block.size for block in merged(ranges))


def moved_clients(proof: Proof, view: ServerView, clients: Iterable[Client]) -> list[Client]:
    """The clients that another connector would accept after a change, where they arrived."""
    found = []
    for client in clients:
        address = address_of(client)
        if not is_of(view, client):
            continue
        moved = [each.places for each in proof.moved if address in each.block]
        moved += [each.places for each in proof.reached if each.address == address]
        ports = {place.port for places in moved for place in places}
        if (ports and client.proxied) or client.port in ports:
            found.append(client)
    return found


def claim(narrowed: Narrowed) -> str:
    """The effect of the change, in two sentences."""
    kept = (
        "The one client that was seen is handled as before."
        if len(narrowed.kept) == 1
        else f"All {len(narrowed.kept)} clients that were seen are handled as before."
    )
    return (
        f"RemoteIPRanges of {narrowed.connector} shrink from "
        f"{counted(narrowed.before, 'address', 'addresses')} to {narrowed.size}. {kept}"
    )
