"""Two servers compared by behavior: every block that differs is found, and none invented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mailflow.analysis.capabilities import Rights
from mailflow.analysis.servers import ServerView
from mailflow.analysis.treatment import CONNECTION
from mailflow.analysis.twin_blocks import TwinComparison
from mailflow.analysis.twin_server import TwinServer
from mailflow.analysis.twins import TwinJudge, compare_servers
from mailflow.exchange.connectors import Binding, ReceiveConnector
from mailflow.exchange.ranges import EVERYTHING, parse_address, parse_range
from mailflow.exchange.servers import Server
from mailflow.snapshot import Snapshot
from twin_model import LOCAL, boundaries, connector, servers, treated, verdict

ALL = (EVERYTHING[6], EVERYTHING[4])
BOTH = (Binding(6, 0, 25), Binding(4, 0, 25))


def side(name: str, connectors: Sequence[ReceiveConnector], *addresses: str) -> TwinServer:
    """A server with these connectors; its addresses are known where some are given."""
    view = ServerView(
        Server(name),
        tuple(connectors),
        addresses=tuple(map(parse_address, addresses)),
        has_all_addresses=bool(addresses),
    )
    return TwinServer(view, Rights(Snapshot()))


def default(name: str) -> ReceiveConnector:
    """Setup's own connector on port 25."""
    return connector(name, f"Default Frontend {name}", ALL, 1, bindings=BOTH)


def relay(name: str, *ranges: str, kind: int | None = 2, called: str = "Relay") -> ReceiveConnector:
    """A custom connector for these hosts."""
    return connector(name, called, [parse_range(each) for each in ranges], kind)


def compared(a: Sequence[ReceiveConnector], b: Sequence[ReceiveConnector]) -> TwinComparison:
    """A and B compared."""
    return compare_servers(side("A", a), side("B", b))


def check_against_model(a: list[ReceiveConnector], b: list[ReceiveConnector]) -> None:
    """Every boundary of both servers, at every endpoint, asked of the model."""
    found = compared(a, b)
    for endpoint in found.endpoints:
        blocks = [each for each in found.blocks if each.endpoint == endpoint]
        for remote in boundaries(endpoint.family, a, b):
            expected = verdict(treated(a, endpoint.a, remote), treated(b, endpoint.b, remote))
            states = [each.state for each in blocks if remote in each.block]

            assert states == ([] if expected == "alike" else [expected]), (endpoint, remote)


@given(a=servers("A", unread=False), b=servers("B", unread=False))
def test_every_difference_is_found_and_none_invented(
    a: list[ReceiveConnector], b: list[ReceiveConnector]
) -> None:
    """All was read: ties alone leave a block undetermined (S1.13 to S1.17, S1.36)."""
    check_against_model(a, b)


@given(data=st.data())
def test_a_value_that_was_not_read_is_never_alike(data: st.DataObject) -> None:
    """Nor is it a difference; lists that were cut are held to their own test."""
    a, b = (
        [replace(each, ranges_complete=True) for each in data.draw(servers(name, unread=True))]
        for name in "AB"
    )
    check_against_model(a, b)


@given(a=servers("A", unread=True), b=servers("B", unread=True))
def test_a_cut_list_takes_certainty_and_never_gives_it(
    a: list[ReceiveConnector], b: list[ReceiveConnector]
) -> None:
    """What differs for certain differs with the list whole as well, as it was read."""
    whole = [[replace(each, ranges_complete=True) for each in some] for some in (a, b)]
    found, as_read = compared(a, b), compared(*whole)
    for endpoint in found.endpoints:
        for remote in boundaries(endpoint.family, a, b):
            mine, theirs = (
                [
                    each.state
                    for each in one.blocks
                    if each.endpoint == endpoint and remote in each.block
                ]
                for one in (found, as_read)
            )

            assert mine in (theirs, ["undetermined"])


@given(data=st.data())
def test_servers_configured_alike_are_told_as_if_compared_themselves(data: st.DataObject) -> None:
    """One judge of many comparisons: its words name the connectors of the pair that was asked."""
    a, b = (data.draw(servers(name, unread=data.draw(st.booleans()))) for name in "AB")
    again = [
        replace(each, server="C", name=each.name.replace("Frontend B", "Frontend C")) for each in b
    ]
    first, second, third = side("A", a), side("B", b), side("C", again)
    judge = TwinJudge()
    compare_servers(first, second, judge=judge)

    assert compare_servers(first, third, judge=judge) == compare_servers(first, third)
    assert compare_servers(third, first, judge=judge) == compare_servers(third, first)


def test_hidden_connectors_are_not_those_of_a_server_configured_alike() -> None:
    """Doubt belongs to the server where something was not read (S1.38)."""
    judge = TwinJudge()
    a, b = side("A", [default("A")]), side("B", [default("B")])
    cut = side("C", [default("C")])
    doubted = TwinServer(replace(cut.view, hidden=("it was cut",)), cut.rights)

    assert compare_servers(a, b, judge=judge).alike is True
    assert compare_servers(a, doubted, judge=judge).alike is None


def test_other_ranges_are_another_configuration() -> None:
    """As many of them, on connectors that are the same otherwise."""
    judge = TwinJudge()
    a, b, c = (
        side(name, [default(name), relay(name, "10.0.5.7", last)])
        for name, last in (("A", "10.0.5.9"), ("B", "10.0.5.9"), ("C", "10.0.5.8"))
    )

    assert judge.model(b) is judge.model(a)
    assert compare_servers(a, b, judge=judge).alike is True
    assert compare_servers(a, c, judge=judge).alike is False


def test_a_server_without_the_relay_differs() -> None:
    """Its hosts fall on the default connector (S1.13)."""
    found = compared([default("A"), relay("A", "10.0.5.0/24")], [default("B")])

    (block,) = found.blocks
    assert (str(block.block.first), block.block.size) == (str(0x0A000500), 256)
    assert (block.state, found.alike, found.exit_code) == ("differs", False, 1)


def test_another_name_and_notation_is_alike() -> None:
    """A list cut in another way, on a connector of another name."""
    a = [default("A"), relay("A", "10.0.5.0/24")]
    b = [default("B"), relay("B", "10.0.5.128-10.0.5.255", "10.0.5.0/25", called="From scanners")]

    assert compared(a, b).blocks == ()
    assert compared(a, b).alike is True


def test_the_own_address_of_each_server_takes_one_role() -> None:
    """A binding on A's specific address corresponds to one on B's (S1.16)."""
    a, b = (
        [
            default(name),
            replace(relay(name, "10.0.5.0/24"), bindings=(Binding(4, LOCAL[name], 25),)),
        ]
        for name in "AB"
    )
    found = compared(a, b)

    assert found.alike is True
    assert [str(each) for each in found.endpoints] == [
        "port 25 (IPv4)",
        "port 25 (10.0.1.21, then 10.0.1.31)",
        "port 25 (IPv6)",
    ]


def test_all_addresses_named_leaves_no_others() -> None:
    """The adapters were read: nobody arrives at an address that A does not have."""
    named = replace(relay("A", "10.0.5.0/24"), bindings=(Binding(4, LOCAL["A"], 25),))
    b = [default("B"), relay("B", "10.0.5.0/24")]

    assert compare_servers(side("A", [default("A"), named]), side("B", b)).alike is False
    assert (
        compare_servers(side("A", [default("A"), named], "10.0.1.21"), side("B", b)).alike is True
    )


def test_a_port_that_b_lacks_loses_the_connection() -> None:
    """421 4.3.2 at best (S1.18)."""
    client = replace(default("A"), name="Client Frontend A", bindings=(Binding(4, 0, 587),))
    found = compared([default("A"), client], [default("B")])

    (block,) = found.blocks
    assert block.block == EVERYTHING[4]
    assert block.effect.loses[0] == CONNECTION


def test_a_port_that_b_alone_has_is_named() -> None:
    """Nothing that moves from A arrives there."""
    hub = replace(default("B"), name="Default B", bindings=(Binding(4, 0, 2525),))
    found = compared([default("A")], [default("B"), hub])

    assert (found.alike, found.only_b) == (True, (2525,))


def test_a_tie_is_undetermined() -> None:
    """Equal ranges at one binding: nothing shows which accepts (S1.36)."""
    b = [default("B"), relay("B", "10.0.5.0/24"), relay("B", "10.0.5.0/24", kind=3, called="Z")]
    found = compared([default("A"), relay("A", "10.0.5.0/24")], b)

    (block,) = found.blocks
    assert (block.state, found.alike, found.exit_code) == ("undetermined", None, 2)
    assert "tie" in block.why


def test_a_tie_of_equal_treatment_is_alike() -> None:
    """Whichever accepts, hosts are treated alike."""
    b = [default("B"), relay("B", "10.0.5.0/24"), relay("B", "10.0.5.0/24", called="Z")]

    assert compared([default("A"), relay("A", "10.0.5.0/24")], b).alike is True


def test_connectors_that_may_be_hidden_leave_it_undetermined() -> None:
    """Nothing of setup's was read on B: another connector may accept any host (S1.38)."""
    found = compared([default("A")], [relay("B", "0.0.0.0-255.255.255.255", "::/0", kind=1)])

    assert found.alike is None
    assert {block.state for block in found.blocks} <= {"undetermined"}


def test_an_address_that_moves_is_asked_on_both() -> None:
    """On B it meets what B's connectors for it say, else the wildcard alone (S1.16)."""
    address = parse_address("10.0.1.21")
    named = replace(relay("A", "10.0.5.0/24"), bindings=(Binding(4, LOCAL["A"], 25),))
    a = side("A", [default("A"), named], "10.0.1.21", "10.0.1.22")
    found = compare_servers(a, side("B", [default("B"), relay("B", "10.0.5.0/24")]), address)

    assert [str(each) for each in found.endpoints] == [
        "port 25 (10.0.1.21, then other IPv4 addresses)"
    ]
    assert found.alike is True
