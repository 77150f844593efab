"""The blocks of a terminal screen: labels, hanging texts, commands."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mailflow.plain import one_line, visible, width
from mailflow.show.blocks import block, commands, hang, section, verdict


def test_a_label_stands_before_the_first_line_only() -> None:
    """And there is none where there is nothing to say."""
    assert block("NOTE", ["one two three four", "five"], 24) == [
        "NOTE          one two",
        "              three four",
        "              five",
    ]
    assert section("NOTE", []) == []


def test_further_lines_hang_below_the_text() -> None:
    """So that a head stands alone in its column."""
    assert hang("  loses  ", "one two three", 16) == ["  loses  one two", "         three"]


def test_commands_never_wrap() -> None:
    """They are pasted; a line feed in a name begins no second one."""
    long = 'Set-ReceiveConnector "EX16A\\Relay" -RemoteIPRanges ' + '"10.0.0.1",' * 40

    assert commands("DO", [long, "a\nb"]) == ["DO            " + long, "              a\\x0ab"]


def test_colour_is_for_the_label_alone() -> None:
    """And only where the terminal understands it."""
    plain = ["BAD           a"]

    assert verdict("BAD", ["a"], 80, "bad") == plain
    assert verdict("BAD", ["a"], 80, "", colour=True) == plain
    assert verdict("BAD", ["a"], 80, "bad", colour=True) == ["\x1b[1;31mBAD\x1b[0m           a"]


@given(st.text(max_size=20), st.text(), st.integers(min_value=1, max_value=100))
def test_nothing_from_outside_is_obeyed(head: str, text: str, cells: int) -> None:
    """Whatever the text: all of it shown, no line of its own, and within the width."""
    lines = hang(head, text, cells)
    room = max(cells, width(one_line(head)) + 2)  # a wide character needs two cells

    assert [visible(line) for line in lines] == lines
    assert not any("\n" in line for line in lines)
    assert max(map(width, lines)) <= room
    assert "".join("".join(lines).split()) == "".join(one_line(f"{head} {text}").split())
