"""The smallest equal list, and what changes nothing: against a slow model, and by trying."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from ipaddress import IPv4Address
from itertools import combinations

from hypothesis import assume, given
from hypothesis import strategies as st

from mailflow.analysis.analysis import analyze
from mailflow.analysis.fewest import MOST_EDGES
from mailflow.analysis.servers import ServerView
from mailflow.analysis.tidy import Tidied, doubts_of, redundant, tidied
from mailflow.exchange.conflicts import check
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import AddressRange, format_range, merged, parse_range
from organisations import Organisation, healthy
from selection_model import FRONT, as_read, winners

RELAY = r"EX16A\Relay"
BASE = int(IPv4Address("10.0.5.0"))
WIDTH = 6
PAIRS = [(first, last) for first in range(WIDTH) for last in range(first, WIDTH)]
LOCAL = [IPv4Address("10.0.0.21"), IPv4Address("10.0.0.99")]

Pair = tuple[int, int]


def block(pair: Pair) -> AddressRange:
    """The range of the addresses with these numbers."""
    first, last = pair
    return parse_range(format_range(AddressRange(4, BASE + first, BASE + last)))


def texts(pairs: Iterable[Pair]) -> str:
    """As a connector's list."""
    return ", ".join(str(block(pair)) for pair in pairs)


def of(org: Organisation) -> tuple[ServerView, ReceiveConnector]:
    """The server, and the relay connector on it."""
    view = analyze(org.snapshot()).server("EX16A")
    assert view is not None
    connector = view.connector(RELAY)
    assert connector is not None
    return view, connector


def shown(org: Organisation) -> list[str]:
    """The smallest list, known to be the smallest."""
    found = tidied(*of(org))
    assert found.is_smallest
    return [str(each) for each in found.ranges]


def outcome(connectors: Sequence[ReceiveConnector]) -> list[set[str | None]]:
    """By the slow model who may accept each address, at two local addresses."""
    found = []
    for local in LOCAL:
        for number in range(WIDTH):
            question = (local, 25, IPv4Address(BASE + number))
            candidates = [as_read(each, place, question) for place, each in enumerate(connectors)]
            places = winners(candidates, FRONT, question)
            found.append({None if at is None else connectors[at].name for at in places})
    return found


def is_equal(view: ServerView, connector: ReceiveConnector, ranges: Sequence[AddressRange]) -> bool:
    """Whether a list has the same addresses, treats each alike, and is one that Exchange takes."""
    new = replace(connector, ranges=tuple(ranges))
    after = [new if each is connector else each for each in view.connectors]
    return (
        merged(ranges) == merged(connector.ranges)
        and outcome(after) == outcome(view.connectors)
        and check(new, view.connectors) is None
    )


def fewest(view: ServerView, connector: ReceiveConnector) -> int:
    """By trying all lists: how many elements the smallest equal one has."""
    run = merged(connector.ranges)
    inside = [each for pair in PAIRS if any(r.holds(each := block(pair)) for r in run)]
    return next(
        count
        for count in range(1, len(connector.ranges) + 1)
        for some in combinations(inside, count)
        if is_equal(view, connector, some)
    )


@st.composite
def servers(draw: st.DrawFn) -> Organisation:
    """A relay and up to three connectors beside it, in ranges of six addresses."""
    lists = st.lists(st.sampled_from(PAIRS), min_size=1, max_size=4)
    org = healthy().change(RELAY, ranges=texts(draw(lists)))
    for number in range(draw(st.integers(0, 3))):
        ranges = [str(block(pair)) for pair in draw(lists)[:2]]
        org.add_relay("EX16A", *ranges, name=f"Other{number}")
        bindings = draw(st.sampled_from(["0.0.0.0:25", "0.0.0.0:25", "10.0.0.21:25"]))
        enabled = draw(st.sampled_from([True, True, False]))
        org.change(rf"EX16A\Other{number}", bindings=bindings, enabled=enabled)
    if draw(st.booleans()):
        org.change(RELAY, bindings="10.0.0.21:25")
    return org


def judged(org: Organisation) -> Tidied:
    """Equal by the slow model; and what goes for nothing, goes for nothing."""
    view, connector = of(org)
    assume(check(connector, view.connectors) is None)
    found = tidied(view, connector)
    spare = list(redundant(view, connector))
    left = [each for each in connector.ranges if not (each in spare and not spare.remove(each))]

    assert doubts_of(view, connector) == []
    assert is_equal(view, connector, found.ranges)
    assert len(found.ranges) <= len(connector.ranges)
    assert is_equal(view, connector, left)
    return found


@given(servers())
def test_it_is_equal_and_nothing_smaller_is(org: Organisation) -> None:
    """S1.13, S1.14, S1.16, S1.31: by the slow model, and by trying every smaller list."""
    found = judged(org)

    if found.is_smallest:
        assert len(found.ranges) == fewest(*of(org))


def test_neighbors_become_one_range_in_the_shortest_notation() -> None:
    """Single, CIDR or dash, whichever Exchange reads back as these bounds (section 1.4)."""
    org = healthy().change(
        RELAY, ranges="10.0.5.8, 10.0.5.9, 10.0.6.1-10.0.6.3, 10.0.6.4, 10.0.7.7"
    )

    assert shown(org) == ["10.0.5.8/31", "10.0.6.1-10.0.6.4", "10.0.7.7"]


def test_both_families_and_an_own_notation_stay() -> None:
    """What is kept is written as it was."""
    ranges = "10.0.5.0(255.255.255.0), 10.0.5.9, 2001:db8::/65, 2001:db8:0:0:8000::/65"
    org = healthy().change(RELAY, ranges=ranges)

    assert shown(org) == ["10.0.5.0(255.255.255.0)", "2001:db8::/64"]


def test_an_element_that_wins_its_host_back_stays() -> None:
    """S1.13: a range of another connector lies between the two in size."""
    org = healthy().change(RELAY, ranges="10.0.5.0/24, 10.0.5.7, 10.0.5.99")
    org.add_relay("EX16A", "10.0.5.0/28", name="Scanners")

    assert shown(org) == ["10.0.5.0/24", "10.0.5.7"]


def test_halves_do_not_become_the_range_of_another_connector() -> None:
    """S1.31: Exchange would refuse it; and as halves they win."""
    org = healthy().change(RELAY, ranges="10.0.5.0/25, 10.0.5.128/26, 10.0.5.192/26")
    org.add_relay("EX16A", "10.0.5.0/24", name="Scanners")

    assert len(shown(org)) == 2


def test_a_disabled_connector_counts() -> None:
    """Section 1.5: Exchange compares disabled connectors too, and would refuse an equal range."""
    org = healthy().change(RELAY, ranges="10.0.5.0/25, 10.0.5.128/26, 10.0.5.192/26")
    org.add_relay("EX16A", "10.0.5.0/24", name="Scanners").change(r"EX16A\Scanners", enabled=False)

    assert len(shown(org)) == 2


def test_the_local_address_itself_wins_equal_ranges() -> None:
    """S1.16, S1.33: beside the wildcard an equal range is allowed, and enough to win."""
    ranges = "10.0.5.0/26, 10.0.5.64/26, 10.0.5.128/25"
    org = healthy().change(RELAY, ranges=ranges, bindings="10.0.0.21:25")
    org.add_relay("EX16A", "10.0.5.0/24", "10.0.5.128/25", name="Scanners")

    assert len(shown(org)) == 2
    assert "10.0.5.128/25" in shown(org)


def test_too_many_pieces_are_not_tried() -> None:
    """Then what goes for nothing goes, and it is not called the smallest."""
    others = [f"10.0.5.{number * 4}" for number in range(MOST_EDGES)]
    mine = ["10.0.5.0/24", "10.0.5.250", "10.0.4.0/24", *others[::2]]
    org = healthy().change(RELAY, ranges=", ".join(mine))
    org.add_relay("EX16A", *(f"{each}/31" for each in others), name="Scanners")
    found = tidied(*of(org))

    assert not found.is_smallest
    assert len(found.ranges) < len(mine)


def test_what_was_not_read_beside_it_is_a_doubt() -> None:
    """The part of a list that was cut may decide."""
    org = healthy().add_relay("EX16A", "10.0.7.1", name="Scanners")
    org.change(r"EX16A\Scanners", ranges_complete=False)

    assert [each for each in doubts_of(*of(org)) if "Scanners" in each]
