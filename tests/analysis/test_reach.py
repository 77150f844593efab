"""Whom each connector really accepts, over all servers at once, held against the selection."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mailflow.analysis.reach import Spot, WholeMap
from mailflow.analysis.servers import ServerView, views_of
from mailflow.exchange.connectors import ReceiveConnector, TransportRole
from mailflow.exchange.ranges import WIDTH, Address
from mailflow.exchange.selection import select
from mailflow.exchange.servers import Server
from organisations import Organisation, healthy
from strategies import LOCAL, addresses, servers, to_address

FRONT, HUB = TransportRole.FrontendTransport, TransportRole.HubTransport


def whole(org: Organisation) -> WholeMap:
    """The map of an organization."""
    return WholeMap(views_of(org.snapshot()))


def number(mapped: WholeMap, identity: str) -> int:
    """The place of a connector among all of them."""
    return next(place for place, one in enumerate(mapped.connectors) if one.identity == identity)


@given(servers(known=True), servers(known=True), st.lists(addresses(4), min_size=1, max_size=6))
def test_winners_are_those_of_the_selection(
    first: tuple[ReceiveConnector, ...], second: tuple[ReceiveConnector, ...], asked: list[Address]
) -> None:
    """S1.12 to S1.17: at every endpoint of each server, by the same range; None: nobody."""
    other = tuple(replace(one, server="EX16B") for one in second)
    members = [ServerView(Server("EX16A"), first), ServerView(Server("EX16B"), other)]
    mapped = WholeMap(members)
    for place, member in enumerate(members):
        for role in (FRONT, HUB):
            for port in (25, 2525):
                for local in (None, LOCAL[4][1], LOCAL[4][2]):
                    at = mapped.find(Spot(place, role, port, local), 4)
                    if at is None:
                        continue
                    got = mapped.winners(4, [at] * len(asked), list(map(int, asked)))
                    for remote, won in zip(asked, got, strict=True):
                        alone = select(
                            member.connectors,
                            process=role,
                            local=None if local is None else to_address(4, local),
                            port=port,
                            remote=remote,
                        )
                        assert (won[0] if won else None) is alone.connector
                        assert (won[1] if won else None) == alone.range


def test_how_many_addresses_each_accepts() -> None:
    """S1.13: smaller ranges of others take addresses away; each address counts once."""
    org = healthy().add_relay("EX16A", "10.0.5.0/25", "10.0.5.7", name="Inner")
    org.change(r"EX16A\Relay", ranges="10.0.5.0/24, 10.0.5.128/25")
    mapped = whole(org)
    outer = mapped.reaches()[number(mapped, r"EX16A\Relay")]
    inner = mapped.reaches()[number(mapped, r"EX16A\Inner")]
    front = mapped.reaches()[number(mapped, r"EX16A\Default Frontend EX16A")]

    assert (outer.listed, outer.answered) == ({4: 256, 6: 0}, {4: 128, 6: 0})
    assert (inner.listed, inner.answered) == ({4: 128, 6: 0}, {4: 128, 6: 0})
    assert front.answered == {4: (1 << WIDTH[4]) - 256, 6: 1 << WIDTH[6]}
    assert not any(one.answers_nobody for one in (outer, inner, front))


def test_a_connector_that_nobody_reaches() -> None:
    """S1.10, S1.13: disabled, or all of its addresses belong to smaller ranges of others."""
    org = healthy().add_relay("EX16A", "10.0.5.0/25", "10.0.5.128/25", name="Halves")
    org.change(r"EX16B\Relay", enabled=False)
    mapped = whole(org)
    reaches = mapped.reaches()

    assert reaches[number(mapped, r"EX16A\Relay")].answers_nobody
    assert reaches[number(mapped, r"EX16B\Relay")].answers_nobody
    assert [one.name for one in mapped.takers(number(mapped, r"EX16A\Relay"))] == ["Halves"]
    assert mapped.takers(number(mapped, r"EX16A\Halves")) == []


def test_whose_connector_it_is() -> None:
    """Connectors of all servers stand one after the other."""
    mapped = whole(healthy())

    for place, one in enumerate(mapped.connectors):
        assert mapped.member_of(place).name == one.server
        assert mapped.is_custom(place) == (one.name == "Relay")


def test_where_nobody_listens() -> None:
    """S1.10: there is no map of an endpoint that no connector of the process is bound to."""
    mapped = whole(healthy())

    assert mapped.find(Spot(2, FRONT, 25, None), 4) is not None
    assert mapped.find(Spot(2, FRONT, 26, None), 4) is None
    assert mapped.find(Spot(2, HUB, 25, None), 4) is None
