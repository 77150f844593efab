"""The words of a claim: who, where, and whether a server is let in."""

from __future__ import annotations

import pytest

from mailflow.analysis.assessment import PathState
from mailflow.analysis.places import Place
from mailflow.exchange.ranges import parse_address
from mailflow.repair.claim import (
    NO_ANSWER,
    MovedServer,
    Proof,
    Refusal,
    name_of,
    ports_in_words,
    way_in_words,
)
from organisations import healthy

LOCAL = parse_address("10.0.0.21")


def reached(was: PathState, will: PathState, *, in_use: bool = True) -> MovedServer:
    """A server that another connector accepts."""
    relay = healthy().connector(r"EX16A\Relay")
    address = parse_address("10.0.0.11")
    place = Place(4, 25)
    return MovedServer("EX10A", address, "EX16A", (place,), relay, None, was, will, "X", in_use)


def test_who() -> None:
    """S1.18: nobody is said with what a host then gets."""
    assert name_of(healthy().connector(r"EX16A\Relay")) == "Relay"
    assert name_of(None) == NO_ANSWER


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ((Place(4, 25), Place(6, 25)), "port 25"),
        ((Place(4, 25, LOCAL),), "port 25 of 10.0.0.21"),
        ((Place(4, 25, LOCAL), Place(4, 25)), "port 25 of 10.0.0.21 and other local addresses"),
    ],
)
def test_where(places: tuple[Place, ...], words: str) -> None:
    """S1.16: local addresses are named where it is not the same at all of them."""
    assert ports_in_words(places) == words


@pytest.mark.parametrize(
    ("was", "will", "words"),
    [
        ("found", "clear", "accepted (was: failing)"),
        ("clear", "clear", "accepted, as now"),
        ("unknown", "clear", "accepted (before: undetermined)"),
        ("clear", "found", "failing (was: accepted)"),
        ("found", "found", "still failing"),
        ("clear", "unknown", "undetermined: X"),
    ],
)
def test_whether_it_is_let_in(was: PathState, will: PathState, words: str) -> None:
    """Before and after, and that nothing takes the way where nothing does."""
    assert way_in_words(reached(was, will)) == words
    assert way_in_words(reached(was, will, in_use=False)) == f"{words}; no mail uses this path"


@pytest.mark.parametrize(
    ("was", "will", "repaired", "broken"),
    [
        ("found", "clear", 1, 0),
        ("unknown", "clear", 1, 0),
        ("clear", "clear", 0, 0),
        ("clear", "found", 0, 1),
        ("clear", "unknown", 0, 1),
        ("found", "found", 0, 0),
    ],
)
def test_what_is_repaired_and_what_is_broken(
    was: PathState, will: PathState, repaired: int, broken: int
) -> None:
    """Only on ways in use; and it holds only if each such server is let in."""
    proof = Proof((), (reached(was, will), reached(was, will, in_use=False)))

    assert (len(proof.repaired), len(proof.broken)) == (repaired, broken)
    assert proof.holds == (will == "clear")
    assert Proof((), (reached(was, will, in_use=False),)).holds


def test_a_refusal_as_json() -> None:
    """All of it, and null where no connector is to blame."""
    assert Refusal("EX16A", None, "unread", "Why.").as_json() == {
        "server": "EX16A",
        "connector": None,
        "kind": "unread",
        "text": "Why.",
    }
