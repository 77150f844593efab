"""New lists that free servers from custom connectors, and whom else they move."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from mailflow.checks.release import Arrival, moved, release
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import parse_address
from mailflow.exchange.selection import answer
from organisations import Organisation, healthy

SENDERS = ("10.0.0.11", "10.0.0.12")
LAST = st.integers(8, 16)
RANGES = st.lists(
    st.one_of(
        LAST.map("10.0.0.{}".format),
        st.tuples(LAST, LAST).map(lambda ends: f"10.0.0.{min(ends)}-10.0.0.{max(ends)}"),
        st.sampled_from(["10.0.0.0/24", "10.0.0.8/29", "10.0.0.0/16"]),
    ),
    min_size=1,
    max_size=3,
    unique=True,
)


def of(org: Organisation) -> list[ReceiveConnector]:
    """The connectors of EX16A."""
    return [one for one in org.connectors if one.server == "EX16A"]


def relays(*lists: Sequence[str]) -> Organisation:
    """An organization with these relays on EX16A, and no other."""
    org = healthy().remove(r"EX16A\Relay")
    for number, ranges in enumerate(lists):
        org.add_relay("EX16A", *ranges, name=f"R{number}")
    return org


def arriving(*senders: str, local: str | None = "10.0.0.21") -> list[Arrival]:
    """These senders on port 25."""
    place = None if local is None else parse_address(local)
    return [Arrival(parse_address(one), place, 25) for one in senders]


def accepting(connectors: Sequence[ReceiveConnector], connection: Arrival) -> str | None:
    """Who accepts a connection."""
    got = answer(
        connectors, local=connection.local, port=connection.port, remote=connection.address
    ).connector
    return got.name if got else None


@given(st.lists(RANGES, min_size=1, max_size=3))
def test_every_connection_is_freed(lists: list[list[str]]) -> None:
    """Section 1.2: no custom connector catches one, however many wait behind."""
    before = of(relays(*lists))
    now = release(before, arriving(*SENDERS))

    assert {accepting(now, one) for one in arriving(*SENDERS)} == {"Default Frontend EX16A"}
    assert [(one.name, one.bindings) for one in now] == [(one.name, one.bindings) for one in before]
    for old, new in zip(before, now, strict=True):
        assert new.enabled or new.ranges == old.ranges  # S8.64: no empty list


@given(st.lists(RANGES, min_size=1, max_size=3))
def test_whom_else_the_lists_move(lists: list[list[str]]) -> None:
    """S1.13: just the addresses that another connector accepts than before, but the freed ones."""
    before = of(relays(*lists))
    now = release(before, arriving(*SENDERS))
    blocks = list(moved(before, now, arriving(*SENDERS)))
    others = [f"10.0.0.{last}" for last in range(5, 20) if f"10.0.0.{last}" not in SENDERS]

    freed = [parse_address(one) for one in SENDERS]
    assert not any(one in move.block for one in freed for move in blocks)
    for connection in arriving(*others, local=None):
        pair = accepting(before, connection), accepting(now, connection)
        told = [
            (one.was.name if one.was else None, one.will.name if one.will else None)
            for one in blocks
            if connection.address in one.block
        ]
        assert (told or [pair])[0] == pair
        assert bool(told) == (pair[0] != pair[1])


def test_what_is_not_in_the_way_stays() -> None:
    """Smallest change: a list that catches nobody is the same object as before."""
    before = of(relays(["10.0.0.11", "10.0.7.0/24"], ["10.0.8.0/24"]))
    now = release(before, arriving("10.0.0.11"))

    assert [str(block) for block in now[-2].ranges] == ["10.0.7.0/24"]
    assert now[-1] is before[-1]


def test_what_has_no_host_left_is_disabled() -> None:
    """S8.64: no empty list is known to be taken; the list stays as it was."""
    before = of(relays(["10.0.0.11"]))
    last = release(before, arriving("10.0.0.11"))[-1]

    assert (last.enabled, last.ranges) == (False, before[-1].ranges)


def test_what_is_disabled_is_in_the_way_of_pieces() -> None:
    """S1.31: the inner list, disabled, still must not overlap a piece of the outer one."""
    before = of(relays(["10.0.0.1-10.0.0.11"], ["10.0.0.0/24", "10.0.0.1-10.0.0.10"]))
    inner, outer = release(before, arriving("10.0.0.11", "10.0.0.12"))[-2:]

    assert (inner.enabled, inner.ranges) == (False, before[-2].ranges)
    assert [str(block) for block in outer.ranges] == [
        "10.0.0.0",
        "10.0.0.1-10.0.0.10",
        "10.0.0.13-10.0.0.255",
    ]


def test_a_connector_that_admits_servers_stays() -> None:
    """S3.30, S3.42: it may be there on purpose."""
    org = relays(["10.0.0.0/24"])
    org.change(r"EX16A\R0", auth="Tls, ExchangeServer", groups="ExchangeServers")
    before = of(org)

    assert release(before, arriving(*SENDERS)) == before


def test_only_the_given_place_counts() -> None:
    """S1.16: what catches at another local address stays as it is."""
    org = relays(["10.0.0.0/24"]).change(r"EX16A\R0", bindings="10.0.0.25:25")
    before = of(org)

    assert release(before, arriving("10.0.0.11")) == before
    assert release(before, arriving("10.0.0.11", local="10.0.0.25")) != before
