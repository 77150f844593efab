"""Small pieces of prose."""

from __future__ import annotations

import pytest

from mailflow.phrases import capital


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("no address of EX10A is known", "No address of EX10A is known"),
        ("session.txt, line 1: cut", "session.txt, line 1: cut"),
        ("ex10a\\Relay is disabled", "ex10a\\Relay is disabled"),
        ("EX10A: cut", "EX10A: cut"),
        ("", ""),
    ],
)
def test_a_sentence_begins_with_a_capital_unless_a_name_does(text: str, sentence: str) -> None:
    """A name of a file or server stays as it is."""
    assert capital(text) == sentence
