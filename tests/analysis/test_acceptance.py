"""Who accepts each of many addresses, held against the selection asked one by one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailflow.analysis.acceptance import Acceptance
from mailflow.analysis.servers import SortedAddresses
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import Address
from mailflow.exchange.selection import answer
from strategies import endpoints, servers

QUESTIONS = st.lists(endpoints(), min_size=1, max_size=8)


@given(servers(), QUESTIONS)
def test_asked_together_is_asked_one_by_one(
    connectors: tuple[ReceiveConnector, ...], questions: list[tuple[Address | None, int, Address]]
) -> None:
    """S1.12 to S1.16: the same connector and range, the same doubts, whoever was asked before."""
    together = Acceptance(connectors, SortedAddresses(remote for _, _, remote in questions))
    for local, port, remote in questions:
        got, connector, block = together.ask(remote, local, port)
        alone = answer(connectors, local=local, port=port, remote=remote)

        assert connector is alone.connector
        assert block == alone.range
        assert (got.process, got.unknown, got.nobody_possible) == (
            alone.process,
            alone.unknown,
            alone.nobody_possible,
        )
        assert list(map(together.whole, got.possible)) == list(alone.possible)


@given(servers(), QUESTIONS)
def test_what_an_address_falls_on(
    connectors: tuple[ReceiveConnector, ...], questions: list[tuple[Address | None, int, Address]]
) -> None:
    """S1.14: of each connector its smallest range that contains the address, and its size."""
    together = Acceptance(connectors, SortedAddresses(remote for _, _, remote in questions))
    for *_, remote in questions:
        blocks, sizes = together.falls_on(remote)
        smallest = [
            min((block.size for block in one.ranges if remote in block), default=None)
            for one in connectors
        ]

        assert list(sizes) == smallest
        assert [None if block is None else block.size for block in blocks] == smallest
        assert all(block is None or remote in block for block in blocks)
