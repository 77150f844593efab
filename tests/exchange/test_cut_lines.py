"""How the lines of one value join again (S6.08)."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.exchange.cut_lines import join

AUTH = (
    '451 4.4.0 Primary target IP address responded with: "451 5.7.3 Cannot achieve Exchange Server '
    'authentication." Attempted failover to alternate host, but that did not succeed. Either there '
    "are no alternate hosts, or delivery failed to all alternate hosts."
)


@given(st.integers(20, 120))
def test_what_was_wrapped_between_words(width: int) -> None:
    """Wrapped at any width, the words of Exchange come back as they were."""
    lines = textwrap.wrap(AUTH, width)

    assert join(lines, [len(line) for line in lines]) == AUTH


@given(st.integers(20, 120), st.integers(0, 30))
def test_what_was_cut_through_words(width: int, indent: int) -> None:
    """Cut at any width, with the blank at a line's end or lost, likewise."""
    pieces = [AUTH[at : at + width] for at in range(0, len(AUTH), width)]
    lost = [piece.rstrip() for piece in pieces]

    if len(pieces) > 2:
        assert join(pieces, [indent + len(one) for one in pieces]) == AUTH
        assert join(lost, [indent + len(one) for one in lost]) == AUTH


@pytest.mark.parametrize(
    ("pieces", "widths", "whole"),
    [
        (["abc", "def"], [80, 20], "abcdef"),
        (["abc", "def"], [77, 20], "abc def"),
        (["Exchange", "Server x"], [80, 20], "Exchange Server x"),
        (["auth", "entication x"], [77, 20], "authentication x"),
        (["auth", "orisation x"], [77, 20], "auth orisation x"),
        (["Cannot achie", "ve it"], [77, 20], "Cannot achieve it"),
        (["one"], [3], "one"),
    ],
)
def test_one_seam(pieces: list[str], widths: list[int], whole: str) -> None:
    """A single cut shows no width but that of a console, or by words of Exchange itself."""
    assert join(pieces, widths) == whole
