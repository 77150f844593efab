"""Columns of printed tables: never a wrong cell, and no object too many or too few."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.sources.exports.columns import Holds, columns_of, objects, split
from table_model import Shown, cells, table

KINDS = {
    "Identity": (Holds.TEXT, False),
    "NextHopDomain": (Holds.TEXT, False),
    "LastError": (Holds.TEXT, False),
    "Status": (Holds.WORDS, False),
    "AuthMechanism": (Holds.WORDS, True),  # an enumeration of a remote session is a number
    "MessageCount": (Holds.NUMBER, True),
    "Velocity": (Holds.NUMBER, True),
    "Enabled": (Holds.TRUTH, True),
    "Deny": (Holds.TRUTH, True),
}
WORD = st.sampled_from(["hub", "15", "東京", "a", "Default", "EX16A", "451", '"x.', "Frontend"])
TEXT = st.lists(WORD, max_size=5).map(" ".join)
FLAGS = st.lists(st.sampled_from(["Tls", "Integrated", "None", "Retry"]), min_size=1, max_size=3)
VALUES = {
    Holds.TEXT: TEXT,
    Holds.WORDS: FLAGS.map(", ".join),
    Holds.NUMBER: st.one_of(st.integers(-5, 99999).map(str), st.just("0.25"), st.just("")),
    Holds.TRUTH: st.sampled_from(["True", "False"]),
}
Grid = tuple[list[Shown], list[list[str]]]


@st.composite
def grids(draw: st.DrawFn, *, wide: bool = True, nulls: bool = True) -> Grid:
    """Columns and rows; the first cell of a row is never empty, as an identity is not."""
    last = "" if nulls else "0"
    names = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=5, unique=True))
    columns = [
        Shown(name, KINDS[name][1], 0 if wide else draw(st.integers(4, 20))) for name in names
    ]
    count = draw(st.integers(1, 5))
    rows = [
        [
            draw(VALUES[KINDS[name][0]])
            or ("x" if not at else last if KINDS[name][0] is Holds.NUMBER else "")
            for at, name in enumerate(names)
        ]
        for _ in range(count)
    ]
    return columns, rows


def read(
    lines: Sequence[str], names: Sequence[str], *, wraps: bool | None
) -> list[list[list[str | None]]] | None:
    """Object, column, pieces; None where it cannot be told."""
    rule = next(at for at, line in enumerate(lines) if set(line) <= {"-", " "} and line)
    columns = columns_of(lines[:rule], lines[rule])
    if columns is None:
        return None
    holds = [KINDS[name][0] for name in names]
    found = split(columns, holds, lines[rule + 1 :])
    groups = objects(columns, holds, found, wraps) if found is not None else None
    if found is None or groups is None:
        return None
    return [[[found[line][at] for line in group] for at in range(len(columns))] for group in groups]


@given(grids())
def test_what_fits_is_read(grid: Grid) -> None:
    """A table in which all fits comes back; a cell may be unknown, and is never another one."""
    columns, rows = grid
    found = read(table(columns, rows), [one.name for one in columns], wraps=False)

    # A first cell alone may be the rest of a line that something broke.
    assert found is not None or any(len(row) > 1 and not any(row[1:]) for row in rows)
    for shown, row in zip(found or [], rows, strict=found is not None):
        for one, [cell], text in zip(columns, shown, row, strict=True):
            unsure = cell is None
            assert unsure or (cell or "").strip() == text
            assert not unsure or KINDS[one.name][0] not in (Holds.NUMBER, Holds.TRUTH)


@given(grids(wide=False), st.sampled_from(["…", "..."]))
def test_what_is_cut_says_so(grid: Grid, mark: str) -> None:
    """A cell that was cut ends, or begins, in the mark; what has none is whole."""
    columns, rows = grid
    found = read(table(columns, rows, mark=mark), [one.name for one in columns], wraps=False)

    for shown, row in zip(found or [], rows, strict=found is not None):
        for cell, text in zip((pieces[0] for pieces in shown), row, strict=True):
            bare = (cell or "").strip()
            assert cell is None or bare == text or mark in bare


@given(grids(wide=False, nulls=False), st.sampled_from([True, None]))
def test_what_wraps_is_one_object(grid: Grid, wraps: bool | None) -> None:
    """Lines of one object are put together, or the table is not read: never two objects of one."""
    columns, rows = grid
    found = read(table(columns, rows, wraps=True), [one.name for one in columns], wraps=wraps)

    for shown, row in zip(found or [], rows, strict=found is not None):
        for pieces, text in zip(shown, row, strict=True):
            if None not in pieces:
                said = "".join(piece or "" for piece in pieces)
                assert said.replace(" ", "") == text.replace(" ", "")


def test_a_text_that_ends_with_its_dashes_is_no_column_on_the_right() -> None:
    """Numbers and truths stand on the right; a wrapped text may seem to, by a blank of its own."""
    lines = [
        "Last Identity         Deny Enab",
        "---- --------         ---- ----",
        "x    hub EXCH 15 EXCH True True",
        "      Default",
    ]
    names = ["LastError", "Identity", "Deny", "Enabled"]
    columns = columns_of(lines[:1], lines[1])
    assert columns is not None

    found = split(columns, [KINDS[name][0] for name in names], lines[2:])

    assert found is not None
    assert "15 EXCH" in (found[0][1] or "15 EXCH")
    assert (found[0][2] or "").strip() in ("True", "")


HEAD = "Identity   Status MessageCount"
RULE = "--------   ------ ------------"


@pytest.mark.parametrize(
    "lines",
    [
        ["EX10A\\1 Retry 57"],  # blanks collapsed
        ["EX10A\\1    Retry            57", "EX10A\\2 Retry 5"],
        ["EX10A\\1    Retry            57", "and a remark about it"],
        ["EX10A\\1    Retry         57"],
        ["EX10A\\1    Retry            57", "remark"],
        [],
    ],
)
def test_broken_tables(lines: list[str]) -> None:
    """A line that does not keep to the columns makes the table unreadable."""
    assert not read([HEAD, RULE, *lines], ["Identity", "Status", "MessageCount"], wraps=False)


@pytest.mark.parametrize(
    ("heads", "rule"),
    [
        (["Identity Status"], "--------   ------"),
        (["Identity   Stat"], "--------   ------"),
        (["us", "Identity   Stat"], "--------   ------"),
        (["Identity   Status   x"], "--------   ------"),
    ],
)
def test_headings_that_do_not_fit(heads: list[str], rule: str) -> None:
    """A name is as long as its dashes, or cut into lines as wide as these."""
    assert columns_of(heads, rule) is None


def test_a_border_that_nothing_tells() -> None:
    """Flags at the right end that are wider than their name: which blank parts them is unknown."""
    columns = [Shown("Identity"), Shown("AuthMechanism", right=True)]
    rows = [["x\\relay of EX16A", "Tls, Integrated, BasicAuth"]]

    assert read(table(columns, rows), ["Identity", "AuthMechanism"], wraps=False) == [
        [[None], [None]]
    ]


def test_names_over_several_lines() -> None:
    """A name that does not fit goes on in the next line; a line above the heading is none of it."""
    found = columns_of(
        ["All queues", "Identity Mess", "         ageC", "         ount"], "-------- ----"
    )

    assert found is not None
    assert [(one.name, one.narrow) for one in found] == [
        ("Identity", False),
        ("MessageCount", True),
    ]


def test_model_counts_wide_signs() -> None:
    """The model itself: two cells for a sign of East Asia."""
    lines = table(
        [Shown("Name"), Shown("Enabled", right=True)], [["東京", "True"], ["abcdef", "False"]]
    )

    assert lines == ["Name   Enabled", "----   -------", "東京      True", "abcdef   False"]
    assert {cells(line) for line in lines[1:]} == {14}
