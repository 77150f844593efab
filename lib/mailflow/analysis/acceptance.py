"""Which connector of one server accepts each of many addresses; what they share is asked once."""

from __future__ import annotations

from collections.abc import Sequence

from mailflow.analysis.servers import FAMILIES, SortedAddresses, family_of
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import Address, AddressRange, Family
from mailflow.exchange.selection import Answer, answer

Sizes = tuple[int | None, ...]
"""Of each connector the size of its smallest range that contains an address; None: none does."""


class Acceptance:
    """A server's connectors before many addresses.

    Two addresses whose smallest ranges are equal in size on every connector are accepted alike
    (S1.12 to S1.16), so the selection is asked once for both.
    """

    def __init__(self, connectors: Sequence[ReceiveConnector], asked: SortedAddresses) -> None:
        """Take the connectors; of their ranges only those that contain one of `asked` matter."""
        self._connectors = connectors
        self._lean = asked.lean(connectors)
        self._answers: dict[tuple[int, Address | None, int, Sizes], tuple[Answer, int | None]] = {}
        special = [block for each in self._lean for block in each.ranges if not block.is_everything]
        # Most addresses lie in no range but those for all, which say the same for each.
        self._singles = {(block.family, block.first) for block in special if block.size == 1}
        self._blocks = [block for block in special if block.size > 1]
        self._everywhere: dict[Family, tuple[Sequence[AddressRange | None], Sizes]] = {
            family: _sized([_everything(each, family) for each in self._lean])
            for family in FAMILIES
        }

    def ask(
        self, address: Address, local: Address | None, port: int
    ) -> tuple[Answer, ReceiveConnector | None, AddressRange | None]:
        """The selection, the connector that accepts among what was read, and its range.

        The answer speaks of lists without the ranges that contain none of the addresses, and
        may be that of another address that is accepted alike.
        """
        falls_on, sizes = self.falls_on(address)
        key = (port, local, address.version, sizes)
        if key not in self._answers:
            got = answer(self._lean, local=local, port=port, remote=address)
            self._answers[key] = got, self._place(got.connector)
        got, place = self._answers[key]
        if place is None:
            return got, None, None
        return got, self._connectors[place], falls_on[place]

    def whole(self, lean: ReceiveConnector) -> ReceiveConnector:
        """The connector with its whole list, for one that an answer names."""
        return next(
            whole for whole, each in zip(self._connectors, self._lean, strict=True) if each is lean
        )

    def _place(self, lean: ReceiveConnector | None) -> int | None:
        return next((place for place, each in enumerate(self._lean) if each is lean), None)

    def falls_on(self, address: Address) -> tuple[Sequence[AddressRange | None], Sizes]:
        """Each connector's smallest range that contains the address (S1.14), and their sizes."""
        family, number = family_of(address), int(address)
        if (family, number) in self._singles or any(
            block.family == family and block.first <= number <= block.last for block in self._blocks
        ):
            return _sized([_smallest(connector, address) for connector in self._lean])
        return self._everywhere[family]


def _sized(
    blocks: Sequence[AddressRange | None],
) -> tuple[Sequence[AddressRange | None], Sizes]:
    return blocks, tuple(None if block is None else block.size for block in blocks)


def _everything(connector: ReceiveConnector, family: Family) -> AddressRange | None:
    return next(
        (block for block in connector.ranges if block.is_everything and block.family == family),
        None,
    )


def _smallest(connector: ReceiveConnector, address: Address) -> AddressRange | None:
    """The range that stands for the connector; the first of equal size."""
    family, number = address.version, int(address)
    containing = [
        block
        for block in connector.ranges
        if block.family == family and block.first <= number <= block.last
    ]
    return min(containing, key=lambda block: block.size, default=None)
