"""Plain text: hostile characters made visible, columns that fit."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.plain import grid, kept_whole, visible, width, wrap

TEXTS = st.text(alphabet=st.characters(codec="utf-8"), max_size=60)


@given(st.text(max_size=60))
def test_visible_text_holds_no_control_character(text: str) -> None:
    """Whatever a server sends, no character is left that is not shown as itself."""
    shown = visible(text)

    assert all(
        one == "\n" or one.isprintable() or unicodedata.category(one) == "Zs" for one in shown
    )
    shown.encode()


def test_visible_keeps_ordinary_text() -> None:
    """Names with umlauts and line feeds stay as they are; a line end of Windows becomes one."""
    assert visible("Größe\r\n東京") == "Größe\n東京"


def test_visible_writes_out_what_deceives() -> None:
    """ANSI, bidirectional and zero-width characters are written out."""
    assert visible("a\x1b[2Jb\u202ec\u200bd\x00") == "a\\x1b[2Jb\\u202ec\\u200bd\\x00"


@given(TEXTS, st.integers(min_value=2, max_value=40))
def test_wrap_keeps_all_and_fits(text: str, cells: int) -> None:
    """No line is too wide, and nothing but blanks gets lost."""
    text = visible(text)
    lines = wrap(text, cells)

    assert all(width(line) <= cells for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@given(
    st.integers(min_value=1, max_value=12).flatmap(
        lambda columns: st.lists(
            st.lists(TEXTS.map(visible), min_size=columns, max_size=columns),
            min_size=1,
            max_size=5,
        )
    )
)
def test_grid_fits_80_columns_and_loses_nothing(rows: list[list[str]]) -> None:
    """Any number of columns and any text fits; every character is still there."""
    head = [f"column {number}" for number in range(len(rows[0]))]
    text = grid(head, rows, [False] * len(head))

    assert all(width(line) <= 80 for line in text.splitlines())
    shown = "".join(text.split())
    assert all(one in shown for row in rows for one in "".join(row) if not one.isspace())


def test_grid_aligns_numbers_right() -> None:
    """Numbers stand under each other; the widest column gives way."""
    text = grid(
        ["Queue", "Error", "n"], [["A", "x " * 60, "7"], ["B", "y", "131"]], [False, False, True]
    )

    lines = text.splitlines()
    assert lines[-1].endswith("  131")
    assert max(map(len, lines)) <= 80


def test_grid_with_too_many_columns_becomes_blocks() -> None:
    """Where columns would be too narrow to read, each row becomes a block."""
    text = grid([f"h{n}" for n in range(12)], [["value " * 5] * 12], [False] * 12)

    assert text.startswith("h0")
    assert "h11" in text.splitlines()[11]


@pytest.mark.parametrize(
    "text",
    [
        "X-ANONYMOUSTLS,",
        "X-ANONYMOUSTLS",
        "(ms-Exch-SMTP-Accept-Any-Recipient)",
        "(Get-ADPermission)",
        "Get-Queue:",
        r"EX10-A\1187",
        "10.0.0.1-10.0.0.9",
        "-RemoteIPRanges",
    ],
)
def test_names_are_kept_whole(text: str) -> None:
    """Verbs, rights, cmdlets, identities, ranges and parameters are not broken at a hyphen."""
    assert (text, True) in kept_whole(f"of {text} and")


@pytest.mark.parametrize("text", ["well-known", "re-read,", "not-broken"])
def test_words_of_a_language_may_break(text: str) -> None:
    """A browser may break an ordinary word at its hyphen."""
    assert all(not is_whole for _, is_whole in kept_whole(f"a {text} word"))
