"""Which connector accepts each remote address at an endpoint: by numpy, or in plain Python.

Both ways give the same (tests/exchange/test_plain_map.py); whoever asks need not know of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from types import ModuleType
from typing import Protocol

from mailflow.exchange.connectors import ReceiveConnector, TransportRole
from mailflow.exchange.ranges import Address, AddressRange, Family
from mailflow.exchange.taking_part import Changed, Contrast, other_identity


class AddressMap(Protocol):
    """Which connector accepts connections at one endpoint, for every remote address of one family.

    Only what was read in full counts: a connector whose enabled state or role is not known takes no
    part, and what was cut off is not there. `selection.select` says for an address whether that
    leaves a doubt.
    """

    @property
    def family(self) -> Family:
        """4 or 6."""

    def __iter__(self) -> Iterator[tuple[AddressRange, ReceiveConnector | None]]:
        """The whole address space in order, cut where another connector accepts."""


@cache
def _worked_out() -> ModuleType:
    """The module that does it here."""
    try:
        from mailflow.exchange import answer_map
    except ImportError:  # also a numpy that was made for another Python
        from mailflow.exchange import plain_map

        return plain_map
    return answer_map


def map_answers(
    connectors: Sequence[ReceiveConnector],
    *,
    process: TransportRole,
    local: Address | None,
    port: int,
    family: Family,
    first: str = "",
) -> AddressMap:
    """Which connector accepts each remote address at an endpoint of a server (S1.10 to S1.17).

    Args:
        connectors: all receive connectors of the server, in the order they were read.
        process: the role of the process that has the endpoint.
        local: the local address; None: only wildcard bindings count.
        port: the local port.
        family: of the remote addresses.
        first: identity of a connector that wins its ties, which no data decide (S1.36); left out:
            the first by name.

    Raises:
        ValueError: the local address is of another family (S1.17).
    """
    made: AddressMap = _worked_out().map_answers(
        connectors, process=process, local=local, port=port, family=family, first=first
    )
    return made


def differences(
    before: AddressMap,
    after: AddressMap,
    differ: Callable[[ReceiveConnector | None, ReceiveConnector | None], bool] = other_identity,
) -> Iterator[Changed]:
    """Blocks of addresses for which the answerers of two maps differ, in order.

    Args:
        before: the one map, of `map_answers`.
        after: the other, of the same family.
        differ: whether two answerers differ; asked once for each pair that meets somewhere. Left
            out: by identity.

    Raises:
        ValueError: the maps are of different families.
    """
    found: Iterator[Changed] = _worked_out().differences(before, after, differ)
    return found


def contrast(
    before: Sequence[ReceiveConnector],
    after: Sequence[ReceiveConnector],
    *,
    process: TransportRole,
    local: Address | None,
    port: int,
    family: Family,
) -> Contrast:
    """What new lists of remote ranges change at an endpoint, for every remote address.

    Gives what `differences` gives for the maps of both, for less.

    Args:
        before: all receive connectors of the server, in the order they were read.
        after: the same connectors with other ranges, in the same order.
        process: the role of the process that has the endpoint.
        local: the local address; None: only wildcard bindings count.
        port: the local port.
        family: of the remote addresses.

    Raises:
        ValueError: `after` differs in more than ranges, or the families do.
    """
    found: Contrast = _worked_out().contrast(
        before, after, process=process, local=local, port=port, family=family
    )
    return found
