"""What was found of two servers: endpoints that correspond, and blocks of hosts that differ.

Named tuples: where many servers are compared, most of the time goes into making these.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from mailflow.analysis.capabilities import Effect
from mailflow.analysis.servers import ServerView
from mailflow.analysis.twin_server import TwinServer
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import Address, AddressRange, Family

TwinState = Literal["differs", "undetermined"]

Acceptors = tuple[ReceiveConnector | None, ...]
"""The connectors that may accept a host, one where it is known; None: no connector."""


class TwinEndpoint(NamedTuple):
    """An endpoint of A and the one of B that takes its role.

    Attributes:
        family: 4 or 6.
        port: the local port, of both.
        a: the local address on A; None: any that no connector of A is bound to.
        b: the local address on B; None likewise.
    """

    family: Family
    port: int
    a: Address | None = None
    b: Address | None = None

    def __str__(self) -> str:
        """`port 25 (IPv4)`, `port 25 (10.0.0.21, then 10.0.0.31)`."""
        if self.a is None and self.b is None:
            return f"port {self.port} (IPv{self.family})"
        others = f"other IPv{self.family} addresses"
        before, after = (others if each is None else str(each) for each in (self.a, self.b))
        return f"port {self.port} ({before if before == after else f'{before}, then {after}'})"


class TwinBlock(NamedTuple):
    """Addresses that are all treated alike on A, all alike on B, and not the same on both.

    Attributes:
        endpoint: where.
        block: the addresses.
        a: what accepts them on A.
        b: what accepts them on B.
        effect: what their hosts gain and lose when they move from A to B.
        state: differs; or undetermined, where missing data or a tie decides.
        why: for undetermined, what is missing.
    """

    endpoint: TwinEndpoint
    block: AddressRange
    a: Acceptors
    b: Acceptors
    effect: Effect
    state: TwinState
    why: str = ""


class TwinComparison(NamedTuple):
    """What differs between two servers.

    Attributes:
        a, b: the servers.
        endpoints: all that were compared.
        blocks: addresses that are treated otherwise or may be; neighbours of one kind as one.
        only_b: ports where enabled connectors of B alone listen: nothing that moves from A arrives
            there.
        doubts: what was not read and may change any block.
    """

    a: ServerView
    b: ServerView
    endpoints: tuple[TwinEndpoint, ...]
    blocks: tuple[TwinBlock, ...]
    only_b: tuple[int, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def alike(self) -> bool | None:
        """Whether B treats every host as A does; None: undetermined."""
        if any(block.state == "differs" for block in self.blocks):
            return False
        return None if self.blocks or self.doubts else True

    @property
    def exit_code(self) -> int:
        """0 alike, 1 they differ, 2 undetermined."""
        return {True: 0, False: 1, None: 2}[self.alike]


def told_of(
    found: TwinComparison, a: TwinServer, b: TwinServer, old: TwinServer, new: TwinServer
) -> TwinComparison:
    """What was found of two servers, of two others that are configured like them."""
    blocks = found.blocks and tuple(
        TwinBlock(
            block.endpoint,
            block.block,
            _own(block.a, old, a),
            _own(block.b, new, b),
            block.effect,
            block.state,
            block.why,
        )
        for block in found.blocks
    )
    return TwinComparison(a.view, b.view, found.endpoints, blocks, found.only_b, found.doubts)


def _own(acceptors: Acceptors, model: TwinServer, server: TwinServer) -> Acceptors:
    """The connectors of a server in place of those of the one that it is configured like."""
    mine, place_of = server.view.connectors, model.place_of
    return tuple([None if each is None else mine[place_of[id(each)]] for each in acceptors])
