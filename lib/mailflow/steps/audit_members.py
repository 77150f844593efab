"""What the audit knows of each server, looked up once; and the servers that are still to come."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from mailflow.errors import UsageError
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import Address, AddressRange, Family, RangeError, parse_address
from mailflow.exchange.servers import Server
from mailflow.snapshot import Snapshot
from mailflow.steps.paths import ADAPTERS, NOT_KEPT, addresses_of, is_custom


@dataclass(frozen=True, slots=True)
class Member:
    """A server of the organisation.

    Attributes:
        server: the server.
        connectors: its receive connectors, in the order read.
        custom: the places of those that an administrator made.
        addresses: its known addresses.
        adapters: whether these are all it has, so that a family not there is not in use.
        downgraded: UseDowngradedExchangeServerAuth; None: not read.
        covered: whether the run covers it; what is not covered still sends to what is.
    """

    server: Server
    connectors: tuple[ReceiveConnector, ...]
    custom: frozenset[int]
    addresses: tuple[Address, ...]
    adapters: bool
    downgraded: bool | None
    covered: bool

    @property
    def is_whole(self) -> bool:
        """Whether all was read of its connectors that decides who answers."""
        return all(map(is_whole, self.connectors))


@dataclass(frozen=True, slots=True)
class Planned:
    """An address that is meant for a server to come; `name` is empty where none was given."""

    address: Address
    name: str = ""

    @property
    def label(self) -> str:
        """What sentences call it."""
        return f"{self.name} (planned)" if self.name else "a planned server"


def members(org: Snapshot) -> tuple[Member, ...]:
    """Every server of the organisation with what is its own."""
    by_text: dict[str, list[int]] = {}
    for place, one in enumerate(org.connectors):
        by_text.setdefault(one.server, []).append(place)
    found = []
    for server in org.servers:
        mine = [places for text, places in by_text.items() if server.is_named(text)]
        connectors = tuple(org.connectors[place] for place in sorted(chain.from_iterable(mine)))
        sources = {one.source for one in org.addresses if server.is_named(one.server)}
        settings = (one for one in org.settings if server.is_named(one.server))
        found.append(
            Member(
                server=server,
                connectors=connectors,
                custom=frozenset(
                    place for place, one in enumerate(connectors) if is_custom(one, connectors)
                ),
                addresses=addresses_of(org, server),
                adapters=bool(sources) and sources <= {ADAPTERS, NOT_KEPT},
                downgraded=next((one.use_downgraded_auth for one in settings), None),
                covered=org.covers(server.name),
            )
        )
    return tuple(found)


def parse_planned(texts: Iterable[str]) -> tuple[Planned, ...]:
    """The servers to come, each `ADDRESS` or `NAME=ADDRESS`, each once.

    Raises:
        UsageError: a text that is neither.
    """
    found: dict[Planned, None] = {}
    for text in texts:
        name, equals, rest = text.partition("=")
        try:
            address = parse_address(rest if equals else name)
        except RangeError as error:
            raise UsageError(f"planned: expected ADDRESS or NAME=ADDRESS ({error})") from error
        found.setdefault(Planned(address, name.strip() if equals else ""))
    return tuple(found)


def is_whole(connector: ReceiveConnector) -> bool:
    """Whether all was read of a connector that decides whom it answers (S1.10, S1.11)."""
    known = connector.enabled is not None and connector.role is not None
    return known and connector.bindings_complete and connector.ranges_complete


class Addresses:
    """Many addresses, to be asked which ranges hold one of them."""

    def __init__(self, addresses: Iterable[Address]) -> None:
        """Sort them once."""
        numbers: dict[Family, set[int]] = {4: set(), 6: set()}
        for one in addresses:
            numbers[4 if one.version == 4 else 6].add(int(one))
        self._sorted = {family: sorted(some) for family, some in numbers.items()}

    def some_in(self, block: AddressRange) -> bool:
        """Whether one of them lies in the range."""
        numbers = self._sorted[block.family]
        place = bisect_left(numbers, block.first)
        return place < len(numbers) and numbers[place] <= block.last

    def lean(self, connectors: Sequence[ReceiveConnector]) -> tuple[ReceiveConnector, ...]:
        """The connectors with only those ranges that matter to who answers these addresses.

        A range that holds none of them decides nothing for them (S1.14). One for all addresses is
        kept always: it tells a renamed default connector from a custom one.
        """
        return tuple(
            replace(
                one,
                ranges=tuple(
                    block for block in one.ranges if self.some_in(block) or block.is_everything
                ),
            )
            for one in connectors
        )
