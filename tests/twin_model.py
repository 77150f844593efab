"""A slow, obvious model of two servers compared: one address at a time, at every boundary.

Treatment is one number here, the size limit of a connector; None: it was not read.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hypothesis import strategies as st

from mailflow.exchange.connectors import (
    LIMITS,
    AuthMechanism,
    Binding,
    PermissionGroups,
    ReceiveConnector,
    TransportRole,
)
from mailflow.exchange.ranges import EVERYTHING, WIDTH, Address, AddressRange, Family
from selection_model import as_read, winners
from strategies import BASE, CROWD, to_address

FRONT = TransportRole.FrontendTransport
LOCAL: dict[str, int] = {"A": 0x0A000115, "B": 0x0A00011F}
"""Addresses that connectors may name; those of `EX16A` and `EX16B` are the same."""
Treated = int | None | str


def connector(
    server: str,
    name: str,
    ranges: Sequence[AddressRange],
    kind: int | None,
    *,
    bindings: Sequence[Binding] = (Binding(4, 0, 25),),
    whole: bool = True,
) -> ReceiveConnector:
    """A connector whose treatment of hosts is told by one number."""
    limits = {each: "User" if sort == "name" else "600" for each, sort in LIMITS.items()}
    if kind is None:
        del limits["MaxMessageSize"]
    else:
        limits["MaxMessageSize"] = str(kind)
    return ReceiveConnector(
        server,
        name,
        enabled=True,
        role=FRONT,
        bindings=tuple(bindings),
        ranges=tuple(ranges),
        auth=AuthMechanism.Tls,
        groups=PermissionGroups.AnonymousUsers,
        ranges_complete=whole,
        suppress_x_anonymous_tls=False,
        require_tls=False,
        protocol_logging="None",
        limits=tuple(limits.items()),
    )


@st.composite
def pools(draw: st.DrawFn, family: Family) -> AddressRange:
    """A range within a crowd, or everything."""
    if draw(st.integers(0, 9)) == 0:
        return EVERYTHING[family]
    ends = draw(st.tuples(st.integers(0, CROWD - 1), st.integers(0, CROWD - 1)))
    return AddressRange(family, BASE[family] + min(ends), BASE[family] + max(ends))


@st.composite
def servers(draw: st.DrawFn, name: str, *, unread: bool) -> list[ReceiveConnector]:
    """Setup's own connector for everything, and a few custom ones beside it."""
    everything = [EVERYTHING[4], EVERYTHING[6]]
    both = (Binding(6, 0, 25), Binding(4, 0, 25))
    found = [
        connector(
            name, f"Default Frontend {name}", everything, draw(st.integers(1, 2)), bindings=both
        )
    ]
    for number in range(draw(st.integers(0, 3))):
        family = draw(st.sampled_from((4, 4, 6)))
        spot = 0 if family == 6 else draw(st.sampled_from((0, 0, LOCAL[name[-1]])))
        found.append(
            connector(
                name,
                f"{draw(st.sampled_from('MNOP'))}{number}",
                draw(st.lists(pools(family), min_size=1, max_size=4)),
                draw(st.sampled_from((1, 2, 3, None) if unread else (1, 2, 3))),
                bindings=[Binding(family, spot, 25)],
                whole=not (unread and draw(st.integers(0, 5)) == 0),
            )
        )
    return found


def treated(
    connectors: Sequence[ReceiveConnector], local: Address | None, remote: Address
) -> set[Treated]:
    """Every treatment that a host may meet; `nobody` where no connector accepts it."""
    question = (local, 25, remote)
    candidates = [as_read(each, place, question) for place, each in enumerate(connectors)]
    return {
        "nobody" if place is None else size_limit(connectors[place])
        for place in winners(candidates, FRONT, question)
    }


def size_limit(each: ReceiveConnector) -> int | None:
    """Its number."""
    found = dict(each.limits).get("MaxMessageSize")
    return None if found is None else int(found)


def verdict(a: set[Treated], b: set[Treated]) -> str:
    """What may be said of a host."""
    pairs = [(x, y) for x in a for y in b]
    if all(x == y and x is not None for x, y in pairs):
        return "alike"
    # A connection that is there or not differs, whatever was not read of the connector.
    certain = all(x != y and (None not in (x, y) or "nobody" in (x, y)) for x, y in pairs)
    return "differs" if certain else "undetermined"


def boundaries(family: Family, *sides: Sequence[ReceiveConnector]) -> Iterator[Address]:
    """Every address at which something may change, its neighbours, and the ends of the space."""
    ends = {
        number
        for side in sides
        for each in side
        for block in each.ranges
        if block.family == family
        for number in (block.first - 1, block.first, block.last, block.last + 1)
    }
    top = (1 << WIDTH[family]) - 1
    for number in sorted({0, top, *ends}):
        if 0 <= number <= top:
            yield to_address(family, number)
