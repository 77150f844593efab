"""Hypothesis strategies for what Exchange configures: ranges, connectors, whole snapshots.

Most draw from a crowd: few addresses, so that ranges nest, tie, touch and overlap all the time.
`sparse` ones reach over the whole address space and its two ends.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from hypothesis import strategies as st

from mailflow.exchange.connectors import Binding, ReceiveConnector, TransportRole
from mailflow.exchange.queues import DELIVERY_TYPES, STATUSES, Moment, Queue
from mailflow.exchange.ranges import EVERYTHING, WIDTH, Address, AddressRange, Family
from mailflow.exchange.servers import Generation, Server
from mailflow.snapshot import (
    ComponentState,
    ObservedSessions,
    Read,
    Right,
    ServerAddress,
    Snapshot,
    TransportSettings,
    Unread,
)

families: st.SearchStrategy[Family] = st.sampled_from((4, 6))

CROWD = 24
"""How many addresses the crowded strategies draw from, in each family."""

BASE: dict[Family, int] = {
    4: int(ipaddress.IPv4Address("10.0.0.0")),
    # Across the border of the two 64-bit halves, so that carry and borrow are met.
    6: int(ipaddress.IPv6Address("2001:db8::ffff:ffff:ffff:fff4")),
}

FRONT, HUB = TransportRole.FrontendTransport, TransportRole.HubTransport


class Spelled(NamedTuple):
    """A range text and what it means."""

    text: str
    family: Family
    first: int
    last: int


def to_address(family: Family, number: int) -> Address:
    """A number as an address of the family."""
    return ipaddress.IPv4Address(number) if family == 4 else ipaddress.IPv6Address(number)


def crowd(family: Family) -> st.SearchStrategy[int]:
    """Numbers of a few neighbouring addresses."""
    return st.integers(0, CROWD - 1).map(lambda offset: BASE[family] + offset)


def sparse(family: Family) -> st.SearchStrategy[int]:
    """Numbers from the whole address space, often near its ends or the 64-bit border."""
    top = (1 << WIDTH[family]) - 1
    return st.one_of(
        st.integers(0, top),
        st.sampled_from((0, 1, 2, top - 2, top - 1, top)),
        st.integers(-3, 3).map(lambda step: min(top, max(0, (1 << (WIDTH[family] // 2)) + step))),
    )


def addresses(family: Family, *, near: bool = True) -> st.SearchStrategy[Address]:
    """Addresses of one family: a crowd, or with `near` false from everywhere."""
    numbers = crowd(family) if near else sparse(family)
    return numbers.map(lambda number: to_address(family, number))


@st.composite
def ranges(draw: st.DrawFn, family: Family | None = None, *, near: bool = True) -> AddressRange:
    """Ranges by their bounds; now and then all addresses of the family."""
    kind = family or draw(families)
    if draw(st.integers(0, 11)) == 0:
        return EVERYTHING[kind]
    number = crowd(kind) if near else sparse(kind)
    first, last = sorted((draw(number), draw(number)))
    return AddressRange(kind, first, last)


@st.composite
def spelled_ranges(draw: st.DrawFn) -> Spelled:
    """Range texts in every notation that is read, with the bounds they stand for."""
    family = draw(families)
    top = (1 << WIDTH[family]) - 1
    number = draw(sparse(family))
    form = draw(st.sampled_from(("single", "dash", "cidr", "netmask", "scope")))
    blank = draw(st.sampled_from(("", " ", "  ", "\t")))
    name = str(to_address(family, number))
    if form == "dash":
        first, last = sorted((number, draw(sparse(family))))
        text = f"{to_address(family, first)}{blank}-{blank}{to_address(family, last)}"
        return Spelled(f"{blank}{text}{blank}", family, first, last)
    if form == "scope" and family == 6:
        return Spelled(f"{blank}{name}%{draw(st.integers(0, 99))}{blank}", 6, number, number)
    if form == "cidr" or (form == "netmask" and family == 6):
        bits = draw(st.integers(0, WIDTH[family]))
        hosts = top >> bits
        return Spelled(f"{name}/{bits}{blank}", family, number & ~hosts, number | hosts)
    if form == "netmask":
        hosts = top >> draw(st.integers(0, 32))
        mask = ipaddress.IPv4Address(top ^ hosts)
        return Spelled(f"{name}({mask})", 4, number & ~hosts, number | hosts)
    return Spelled(f"{blank}{name}{blank}", family, number, number)


LOCAL: dict[Family, tuple[int, ...]] = {
    4: (0, int(ipaddress.IPv4Address("192.0.2.10")), int(ipaddress.IPv4Address("192.0.2.11"))),
    6: (0, int(ipaddress.IPv6Address("2001:db8::10")), int(ipaddress.IPv6Address("2001:db8::11"))),
}
"""Local addresses of the crowded strategies; the first is the wildcard."""


def bindings(family: Family | None = None) -> st.SearchStrategy[Binding]:
    """Bindings to few local addresses, nearly always on port 25."""
    return st.builds(
        lambda kind, place, port: Binding(kind, LOCAL[kind][place], port),
        families if family is None else st.just(family),
        st.integers(0, 2),
        st.sampled_from((25, 25, 25, 2525)),
    )


@st.composite
def connectors(draw: st.DrawFn, name: str = "Relay", *, known: bool = False) -> ReceiveConnector:
    """Connectors of one server; with `known` everything about them was read."""
    doubtful = not known and draw(st.integers(0, 2)) == 0
    enabled = st.sampled_from((True, True, True, False, *((None,) if doubtful else ())))
    role = st.sampled_from((FRONT, FRONT, FRONT, HUB, *((None,) if doubtful else ())))
    return ReceiveConnector(
        server="EX16A",
        name=name,
        enabled=draw(enabled),
        role=draw(role),
        bindings=tuple(draw(st.lists(bindings(), max_size=3))),
        ranges=tuple(draw(st.lists(ranges(), max_size=4))),
        auth=None,
        groups=None,
        bindings_complete=not doubtful or draw(st.booleans()),
        ranges_complete=not doubtful or draw(st.booleans()),
    )


@st.composite
def servers(draw: st.DrawFn, *, known: bool = False, most: int = 5) -> tuple[ReceiveConnector, ...]:
    """All connectors of one server, named in order."""
    count = draw(st.integers(0, most))
    return tuple(draw(connectors(f"C{number}", known=known)) for number in range(count))


@st.composite
def endpoints(draw: st.DrawFn) -> tuple[Address | None, int, Address]:
    """A connection: local address (None: not known), local port, remote address."""
    family = draw(families)
    place = draw(st.sampled_from((None, 1, 2)))
    local = None if place is None else to_address(family, LOCAL[family][place])
    port = draw(st.sampled_from((25, 25, 25, 2525)))
    return local, port, draw(addresses(family))


MAYBE = st.sampled_from((None, True, False))
NAMES = st.text("abcdef \u00e4\u540d.-'\"", min_size=1, max_size=6)
MOMENTS = st.none() | st.builds(
    lambda seconds, known: Moment(
        f"printed {seconds}", datetime.fromtimestamp(seconds, UTC) if known else None
    ),
    st.integers(0, 2**31),
    st.booleans(),
)
COUNTS = st.none() | st.integers(0, 2**40)

_SERVERS = st.builds(
    Server,
    st.sampled_from(("EX10A", "EX16A", "EX16B")),
    fqdn=st.sampled_from(("", "ex16a.contoso.com")),
    version=st.sampled_from((None, (14, 3, 123, 4), (15, 1, 2375, 7))),
    has_frontend=MAYBE,
    has_hub=MAYBE,
    is_edge=MAYBE,
    site=NAMES,
    version_text=NAMES,
    generation_hint=st.sampled_from((None, *Generation)),
)
_QUEUES = st.builds(
    Queue,
    NAMES.map(lambda name: f"EX16A\\{name}"),
    st.just("EX16A"),
    st.sampled_from(tuple(DELIVERY_TYPES.values())),
    NAMES,
    st.sampled_from(("", *STATUSES.values())),
    COUNTS,
    st.none() | st.text(max_size=9),
    COUNTS,
    last_retry=MOMENTS,
    next_retry=MOMENTS,
    first_retry=MOMENTS,
    deferred_count=COUNTS,
    velocity=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    last_error_complete=st.booleans(),
)


def _rows(
    each: st.SearchStrategy[Any], named: Callable[[Any], str] | None = None
) -> st.SearchStrategy[tuple[Any, ...]]:
    """Some rows; no two of one name."""
    unique = None if named is None else lambda row: named(row).casefold()
    return st.lists(each, max_size=3, unique_by=unique).map(tuple)


def snapshots() -> st.SearchStrategy[Snapshot]:
    """Organizations with anything in their tables, whether it makes sense or not."""
    return st.builds(
        Snapshot,
        origin=NAMES,
        taken=st.none() | st.just(datetime(2026, 11, 23, 14, 2, tzinfo=UTC)),
        servers=_rows(_SERVERS, lambda one: one.name),
        addresses=_rows(st.builds(ServerAddress, NAMES, NAMES, NAMES)),
        connectors=servers(),
        queues=_rows(_QUEUES),
        settings=_rows(st.builds(TransportSettings, NAMES, MAYBE), lambda one: one.server),
        components=_rows(st.builds(ComponentState, NAMES, NAMES, NAMES)),
        rights=_rows(st.builds(Right, NAMES, NAMES, NAMES, NAMES, st.booleans())),
        observed=_rows(
            st.builds(
                ObservedSessions,
                *(NAMES, NAMES, NAMES, st.integers(0, 65535), NAMES, NAMES, NAMES, st.booleans()),
                *(st.booleans(), st.integers(1, 9), NAMES, NAMES),
            )
        ),
        reads=_rows(st.builds(Read, NAMES, NAMES, NAMES, st.integers(0, 9))),
        unread=_rows(st.builds(Unread, NAMES, NAMES, NAMES)),
        ignored=_rows(st.tuples(NAMES, NAMES)),
        inputs=st.dictionaries(NAMES, NAMES, max_size=2),
        cmdlets=st.frozensets(NAMES, max_size=2),
    )
