"""Which connector answers: the truth table, and a slow model on random servers (section 1.2)."""

from __future__ import annotations

import dataclasses
import random

import pytest
from hypothesis import given

from mailflow.exchange.connectors import ReceiveConnector, TransportRole, parse_binding
from mailflow.exchange.ranges import EVERYTHING, Address, AddressRange, parse_address, parse_range
from mailflow.exchange.selection import Answer, answer, select
from selection_model import as_read, clashes, listeners, winners, worlds
from strategies import BASE, CROWD, FRONT, HUB, LOCAL, endpoints, servers, to_address
from support import some_of

ALL = "0.0.0.0-255.255.255.255"
ALL6 = "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"


def connector(
    name: str, *ranges: str, on: str = "0.0.0.0:25", role: TransportRole | None = FRONT
) -> ReceiveConnector:
    """An enabled connector of EX16A, read in full; `on` may name several bindings."""
    return ReceiveConnector(
        server="EX16A",
        name=name,
        enabled=True,
        role=role,
        bindings=tuple(parse_binding(text) for text in on.split()),
        ranges=tuple(parse_range(text) for text in ranges),
        auth=None,
        groups=None,
    )


def off(one: ReceiveConnector) -> ReceiveConnector:
    """The connector, disabled."""
    return dataclasses.replace(one, enabled=False)


def ask(
    *connectors: ReceiveConnector, remote: str = "10.0.0.5", local: str | None = "192.0.2.10"
) -> Answer:
    """Who answers on port 25 of the Front End."""
    return select(
        connectors,
        process=FRONT,
        local=None if local is None else parse_address(local),
        port=25,
        remote=parse_address(remote),
    )


def whose(
    *connectors: ReceiveConnector, remote: str = "10.0.0.5", local: str | None = "192.0.2.10"
) -> Answer:
    """Who answers on port 25, whichever process listens there."""
    return answer(
        connectors,
        local=None if local is None else parse_address(local),
        port=25,
        remote=parse_address(remote),
    )


def reasons(given_answer: Answer) -> dict[str, str]:
    """Why each loser lost."""
    return {loser.connector.name: loser.reason for loser in given_answer.others}


DF = connector("Default Frontend EX16A", ALL)
RELAY = connector("Relay", "10.0.0.5")
SUBNET = connector("R1", "10.0.0.0/24")

TRUTH_TABLE = {
    "a": ([DF, RELAY], "10.0.0.5", "192.0.2.10", RELAY),
    "b": ([DF, SUBNET], "10.0.0.5", "192.0.2.10", SUBNET),
    "c": (
        [DF, SUBNET, connector("R2", "10.0.0.4-10.0.0.6")],
        "10.0.0.5",
        "192.0.2.10",
        connector("R2", "10.0.0.4-10.0.0.6"),
    ),
    "d": (
        [
            DF,
            connector("R1", "10.0.0.0(255.255.255.0)"),
            connector("R2", "10.0.0.0-10.0.0.254"),
        ],
        "10.0.0.5",
        "192.0.2.10",
        connector("R2", "10.0.0.0-10.0.0.254"),
    ),
    "e": ([DF, off(RELAY)], "10.0.0.5", "192.0.2.10", DF),
    "g": (
        [DF, connector("R1", "10.0.0.0/24", on="192.0.2.10:25")],
        "10.0.0.5",
        "192.0.2.10",
        connector("R1", "10.0.0.0/24", on="192.0.2.10:25"),
    ),
    "h": (
        [DF, connector("R1", "10.0.0.0/24", on="192.0.2.10:25")],
        "10.0.0.5",
        "192.0.2.11",
        DF,
    ),
    "i": (
        [RELAY, connector("R2", "10.0.0.0/24", on="192.0.2.10:25")],
        "10.0.0.5",
        "192.0.2.10",
        RELAY,
    ),
    "j": (
        [RELAY, connector("R2", "10.0.0.5", on="192.0.2.10:25")],
        "10.0.0.5",
        "192.0.2.10",
        connector("R2", "10.0.0.5", on="192.0.2.10:25"),
    ),
    "k": (
        [connector("DF", ALL, ALL6, on="0.0.0.0:25 [::]:25"), RELAY],
        "2001:db8::5",
        "2001:db8::10",
        connector("DF", ALL, ALL6, on="0.0.0.0:25 [::]:25"),
    ),
    "l": ([RELAY, off(DF)], "10.0.0.9", "192.0.2.10", None),
}


@pytest.mark.parametrize("case", TRUTH_TABLE)
@pytest.mark.parametrize("turned", [False, True])
def test_the_truth_table_holds(case: str, *, turned: bool) -> None:
    """Section 1.3, cases a to e and g to l, in either load order (S1.11)."""
    connectors, remote, local, expected = TRUTH_TABLE[case]
    asked = connectors[::-1] if turned else connectors

    for found in (
        ask(*asked, remote=remote, local=local),
        whose(*asked, remote=remote, local=local),
    ):
        assert found.connector == expected
        assert found.unknown is None
        assert found.possible == (() if expected is None else (expected,))
        assert found.nobody_possible == (expected is None)
        assert found.process == FRONT
        assert len(found.others) == len(asked) - (expected is not None)


def test_two_processes_on_one_endpoint_leave_the_answer_unknown() -> None:
    """Section 1.3 case f, S1.30: whichever process got the socket; both winners are possible."""
    hub = dataclasses.replace(RELAY, role=HUB)
    found = whose(DF, SUBNET, hub)

    assert (found.process, found.connector) == (None, None)
    assert "two processes claim the endpoint 192.0.2.10:25" in (found.unknown or "")
    assert found.possible == (SUBNET, hub)
    assert not found.nobody_possible
    assert reasons(found) == {
        "Default Frontend EX16A": "larger range: 4,294,967,296 addresses against 256 of EX16A\\R1",
        "R1": "accepts only if the FrontendTransport process has the endpoint",
        "Relay": "accepts only if the HubTransport process has the endpoint",
    }


def test_two_processes_one_of_which_has_no_match() -> None:
    """Case f with S1.18: if the process without a match has the socket, nobody answers."""
    found = whose(DF, connector("Hub", "10.0.0.9", role=HUB))

    assert found.possible == (DF,)
    assert found.nobody_possible


def test_a_disabled_connector_claims_no_endpoint() -> None:
    """S1.10: a disabled Hub connector has no socket, so the Front End is certain."""
    found = whose(DF, off(dataclasses.replace(RELAY, role=HUB)))

    assert (found.process, found.connector, found.unknown) == (FRONT, DF, None)


def test_nobody_listens() -> None:
    """Without a binding there is no process, no reply and nothing unknown."""
    found = whose(off(DF), connector("Default EX16A", ALL, on="0.0.0.0:2525", role=HUB))

    assert (found.process, found.connector, found.unknown) == (None, None, None)
    assert found.nobody_possible
    assert reasons(found) == {
        "Default Frontend EX16A": "disabled",
        "Default EX16A": "not bound to 192.0.2.10:25",
    }


def test_every_loser_has_its_reason() -> None:
    """S1.10 to S1.16: the reason names the rule that decided, with the sizes where they did."""
    found = ask(
        connector("Winner", "10.0.0.5", on="192.0.2.10:25"),
        DF,
        RELAY,
        connector("Winner 2", "10.0.0.5/32", on="192.0.2.10:25"),
        off(SUBNET),
        connector("Hub", ALL, role=HUB),
        connector("Elsewhere", ALL, on="192.0.2.11:25 0.0.0.0:587 [::]:25"),
        connector("Six", ALL6, on="0.0.0.0:25 [::]:25"),
        connector("Others", "10.0.0.6-10.0.0.9"),
    )

    assert found.connector is not None
    assert found.connector.name == "Winner"
    assert found.range == parse_range("10.0.0.5")
    assert reasons(found) == {
        "Default Frontend EX16A": (
            "larger range: 4,294,967,296 addresses against 1 of EX16A\\Winner"
        ),
        "Relay": (
            "equal ranges (1 address each): the specific binding of EX16A\\Winner wins the tie"
        ),
        "Winner 2": "a tie: equal ranges (1 address each) at one binding of EX16A\\Winner",
        "R1": "disabled",
        "Hub": "belongs to the HubTransport process; FrontendTransport has the endpoint",
        "Elsewhere": "not bound to 192.0.2.10:25",
        "Six": "no IPv4 address is in its ranges",
        "Others": "10.0.0.5 is not in its ranges",
    }
    assert {loser.connector.name: loser.range for loser in found.others}["R1"] == SUBNET.ranges[0]


def test_without_a_local_address_only_the_wildcard_counts() -> None:
    """S1.16, S1.17: a specific binding can't be chosen for a local address nobody knows."""
    found = ask(DF, connector("R1", "10.0.0.5", on="192.0.2.10:25"), local=None)

    assert found.connector == DF
    assert reasons(found) == {"R1": "not bound to 0.0.0.0:25"}


def test_inside_a_connector_the_smallest_range_stands_for_it() -> None:
    """S1.14: order within the list plays no part."""
    found = ask(connector("Relay", "10.0.0.0/8", "10.0.0.5", "10.0.0.0/24"), SUBNET)

    assert found.range == parse_range("10.0.0.5")


def test_all_of_ipv6_ties_with_all_but_one() -> None:
    """S1.21, S1.36: the size of the full range saturates; the order of an export tells nothing."""
    whole = connector("Whole", ALL6, on="[::]:25")
    nearly = dataclasses.replace(whole, name="Nearly", ranges=(AddressRange(6, 1, (1 << 128) - 1),))
    smaller = dataclasses.replace(whole, name="Less", ranges=(AddressRange(6, 2, (1 << 128) - 1),))

    assert EVERYTHING[6] == whole.ranges[0]
    for pair in ([whole, nearly], [nearly, whole]):
        found = ask(*pair, remote="::5", local="2001:db8::10")
        assert found.connector == nearly
        assert str(found.unknown).startswith("a tie:")
    assert ask(whole, smaller, remote="::5", local="2001:db8::10").connector == smaller


def test_a_connection_has_one_family() -> None:
    """S1.17: an IPv4 client never reaches an IPv6 socket; such a question is a mistake."""
    with pytest.raises(ValueError, match="two address families"):
        ask(DF, local="2001:db8::10")
    with pytest.raises(ValueError, match="two address families"):
        whose(DF, local="2001:db8::10")


CUT = dataclasses.replace(connector("Cut", "10.0.0.9"), ranges_complete=False)


def test_a_cut_list_makes_the_winner_uncertain() -> None:
    """Section 1.4: `...` is incomplete, never "not listed"; the visible winner stays."""
    found = ask(DF, CUT)

    assert (found.connector, found.possible) == (DF, (DF, CUT))
    assert found.unknown == "RemoteIPRanges of EX16A\\Cut are incomplete in the data"
    assert not found.nobody_possible
    assert reasons(found) == {"Cut": "10.0.0.5 is not in its ranges, as far as they were read"}


def test_a_cut_list_cannot_beat_a_single_address_on_its_endpoint() -> None:
    """S1.31: on an identical endpoint an equal range would have been refused."""
    found = ask(DF, RELAY, CUT)

    assert (found.connector, found.unknown, found.possible) == (RELAY, None, (RELAY,))


def test_a_cut_specific_connector_can_beat_a_single_address_of_the_wildcard() -> None:
    """S1.33, S1.16: equal ranges are allowed there, and the specific binding wins the tie."""
    cut = dataclasses.replace(CUT, bindings=(parse_binding("192.0.2.10:25"),))
    specific = dataclasses.replace(RELAY, bindings=cut.bindings)

    assert ask(DF, RELAY, cut).possible == (RELAY, cut)
    assert ask(DF, specific, CUT).possible == (specific,)


def test_a_hidden_specific_binding_does_not_excuse_a_tie_on_the_wildcard() -> None:
    """S1.31: the cut connector stands on the wildcard too, where its range would be refused."""
    cut = dataclasses.replace(CUT, bindings_complete=False)

    anywhere = dataclasses.replace(cut, bindings=())

    assert ask(RELAY, cut).possible == (RELAY,)
    assert ask(RELAY, anywhere).possible == (RELAY, anywhere)


def test_the_winners_own_cut_list_does_not_matter() -> None:
    """What is hidden could only make it win by more (contract 8.8)."""
    found = ask(DF, dataclasses.replace(SUBNET, ranges_complete=False, bindings_complete=False))

    assert found.connector is not None
    assert (found.connector.name, found.unknown) == ("R1", None)


def test_cut_bindings_can_hide_the_endpoint() -> None:
    """Section 1.4: a binding that was cut off could be this one."""
    elsewhere = dataclasses.replace(
        connector("Elsewhere", "10.0.0.5", on="0.0.0.0:587"), bindings_complete=False
    )
    found = ask(DF, elsewhere)

    assert found.possible == (DF, elsewhere)
    assert found.unknown == "Bindings of EX16A\\Elsewhere are incomplete in the data"


def test_enabled_or_role_not_read() -> None:
    """S1.10: it cannot be said whether it takes part, so it is possible and the rest is too."""
    for blank, why in (
        (
            dataclasses.replace(RELAY, enabled=None),
            "it was not read whether EX16A\\Relay is enabled",
        ),
        (dataclasses.replace(RELAY, role=None), "the transport role of EX16A\\Relay was not read"),
    ):
        found = ask(DF, blank)

        assert (found.connector, found.unknown, found.possible) == (DF, why, (DF, blank))
        assert reasons(found) == {"Relay": f"would accept, but {why}"}


def test_a_loser_by_any_reading_leaves_no_doubt() -> None:
    """An unread flag of a connector that loses anyway changes nothing."""
    found = ask(RELAY, dataclasses.replace(DF, enabled=None, role=None))

    assert (found.connector, found.unknown, found.possible) == (RELAY, None, (RELAY,))


def test_only_uncertain_connectors() -> None:
    """Nobody answers, or the one whose flag was not read: both are possible."""
    blank = dataclasses.replace(DF, enabled=None)
    for found in (ask(blank), whose(blank)):
        assert (found.connector, found.possible, found.nobody_possible) == (None, (blank,), True)
        assert found.unknown == ("it was not read whether EX16A\\Default Frontend EX16A is enabled")


def test_a_connector_of_another_process_that_may_be_enabled() -> None:
    """S1.30: if it is, two processes claim the endpoint; then its ranges decide who is possible."""
    hub = dataclasses.replace(RELAY, role=HUB, enabled=None)
    found = whose(DF, hub)

    assert (found.process, found.connector, found.possible) == (FRONT, DF, (DF, hub))
    assert "is enabled; it claims 192.0.2.10:25 for another process" in (found.unknown or "")
    assert not found.nobody_possible
    assert whose(DF, hub, remote="10.0.0.9").nobody_possible


def test_a_role_that_was_not_read_leaves_the_process_open() -> None:
    """Without any role the process is not known; whoever matches is possible."""
    blank = dataclasses.replace(DF, role=None)
    found = whose(blank)

    assert (found.process, found.connector, found.possible) == (None, None, (blank,))
    assert found.unknown == "the transport role of EX16A\\Default Frontend EX16A was not read"


@given(servers(known=True), endpoints())
def test_selection_agrees_with_the_model(
    connectors: tuple[ReceiveConnector, ...], question: tuple[Address | None, int, Address]
) -> None:
    """S1.10 to S1.21: the reference pseudo-algorithm chooses the same connector."""
    check_against_model(connectors, question)


def check_against_model(
    connectors: tuple[ReceiveConnector, ...], question: tuple[Address | None, int, Address]
) -> None:
    """One question about a server that was read in full."""
    local, port, remote = question
    candidates = [as_read(one, place, question) for place, one in enumerate(connectors)]
    expected = {role: winners(candidates, role, question) for role in (FRONT, HUB)}
    for role, ends in expected.items():
        found = select(connectors, process=role, local=local, port=port, remote=remote)
        chosen = None if found.connector is None else connectors.index(found.connector)
        assert chosen in ends
        assert found.range is None or chosen is not None
        if chosen is not None and found.range is not None:
            assert found.range.specificity == min(candidates[chosen].sizes)
        assert (found.unknown is None) == (len(ends) == 1)
        assert {connectors.index(one) for one in found.possible} == ends - {None}
    roles = {one.role for one in listeners(candidates, question)}
    found = answer(connectors, local=local, port=port, remote=remote)
    ends = set().union(*(expected[role] for role in roles))
    assert found.process == (next(iter(roles)) if len(roles) == 1 else None)
    assert {connectors.index(one) for one in found.possible} == ends - {None}
    assert (found.unknown is not None) == (len(roles) > 1 or len(ends) > 1)
    assert found.nobody_possible == (None in ends or not ends)


@given(servers(most=3), endpoints())
def test_possible_is_what_some_world_makes_true(
    connectors: tuple[ReceiveConnector, ...], question: tuple[Address | None, int, Address]
) -> None:
    """Section 1.4: with unread parts, exactly the winners of all ways the server may be."""
    check_worlds(connectors, question)


def check_worlds(
    connectors: tuple[ReceiveConnector, ...], question: tuple[Address | None, int, Address]
) -> None:
    """One question about a server of which parts were not read."""
    local, port, remote = question
    ways = list(worlds(connectors, question))
    for role in (FRONT, HUB):
        found = select(connectors, process=role, local=local, port=port, remote=remote)
        ends = set().union(*(winners(way, role, question) for way in ways))
        assert {connectors.index(one) for one in found.possible} == ends - {None}
        assert found.nobody_possible == (None in ends)
        assert (found.unknown is None) == (len(ends) == 1)
        if found.connector is not None:
            assert found.possible[0] is found.connector
    found = answer(connectors, local=local, port=port, remote=remote)
    names = {one.name for one in found.possible} | ({None} if found.nobody_possible else set())
    for way in ways:
        if clashes(way, question):
            continue
        roles = {one.role for one in listeners(way, question)} or {FRONT}
        for role in roles:
            for end in winners(way, role, question):
                assert (None if end is None else f"C{end}") in names
    if found.unknown is None:
        assert len(names) == 1


def random_server(dice: random.Random) -> tuple[ReceiveConnector, ...]:
    """A crowded server, without Hypothesis's care, and so a hundred times as fast."""
    made = []
    for number in range(dice.randint(1, 6)):
        ranges = []
        for _ in range(dice.randint(0, 4)):
            family = dice.choice((4, 4, 6))
            first, last = sorted(dice.choices(range(CROWD), k=2))
            ranges.append(AddressRange(family, BASE[family] + first, BASE[family] + last))
        bindings = {
            parse_binding(dice.choice(("0.0.0.0:25", "192.0.2.10:25", "[::]:25", ":2525")))
            for _ in range(dice.randint(1, 3))
        }
        if dice.random() < 0.3:
            ranges.append(EVERYTHING[dice.choice((4, 6))])
        made.append(
            ReceiveConnector(
                server="EX16A",
                name=f"C{number}",
                enabled=dice.random() < 0.85,
                role=FRONT if dice.random() < 0.85 else HUB,
                bindings=tuple(bindings),
                ranges=tuple(ranges),
                auth=None,
                groups=None,
            )
        )
    return tuple(made)


def ask_many(questions: int, seed: int) -> None:
    """Every local address and every remote address of the crowd, server after server."""
    dice = random.Random(seed)  # noqa: S311, the same questions every time
    asked = 0
    while asked < questions:
        connectors = random_server(dice)
        family = dice.choice((4, 4, 6))
        local = dice.choice((None, to_address(family, LOCAL[family][1])))
        for offset in range(CROWD):
            remote = to_address(family, BASE[family] + offset)
            check_against_model(connectors, (local, 25, remote))
        asked += 3 * CROWD  # select() for both processes, and answer()


@pytest.mark.parametrize("seed", some_of(range(1, 6), step=5))
def test_many_random_questions(seed: int) -> None:
    """S1.10 to S1.21 on 200,000 questions in five parts, the same ones every time."""
    ask_many(40_000, seed)


@pytest.mark.long
@pytest.mark.hours
def test_millions_of_random_questions() -> None:
    """The same on three million."""
    ask_many(3_000_000, seed=6)
