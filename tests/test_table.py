"""A step's result as HTML and as plain text."""

from __future__ import annotations

from datetime import UTC, datetime
from html.parser import HTMLParser

import pandas as pd
import pytest

from mailflow.table import MOST_ROWS, NOT_KNOWN, Table, text_of

HOSTILE = '<script>document.title="owned"</script><img src=x onerror=alert(1)>\x1b[31m\u202e"&'


def _table(rows: list[tuple[object, ...]], **changes: object) -> Table:
    frame = pd.DataFrame(rows, columns=["queue", "error", "messages"]).astype({"messages": "Int64"})
    values: dict[str, object] = {
        "name": "non_empty_queues",
        "frame": frame,
        "caption": "Two queues.",
        "columns": {
            "queue": ("Queue", "its identity"),
            "error": ("LastError", "as printed"),
            "messages": ("Messages", ""),
        },
        "reading": "Two are stuck.",
    }
    return Table(**{**values, **changes})  # type: ignore[arg-type]


class _Elements(HTMLParser):
    """Collects the elements with their attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def test_hostile_text_is_escaped_wherever_it_stands() -> None:
    """No remote text becomes an element, in a cell, a heading, the caption or the reading."""
    table = _table(
        [(HOSTILE, HOSTILE, 1)],
        caption=HOSTILE,
        reading=HOSTILE,
        columns={"queue": (HOSTILE, HOSTILE), "error": ("e", ""), "messages": ("m", "")},
    )

    html = table._repr_html_()

    elements = _Elements(html)
    assert elements.named("script") == elements.named("img") == []
    assert "\x1b" not in html
    assert "\u202e" not in html
    assert "\\x1b[31m\\u202e" in html


def test_hostile_text_of_an_empty_table_is_escaped() -> None:
    """The words of a table without rows are escaped too."""
    html = _table([], caption=HOSTILE, empty=HOSTILE)._repr_html_()

    assert _Elements(html).named("script") == []


def test_html_is_a_semantic_table() -> None:
    """A caption, column headings and a heading for each row: a screen reader can use it."""
    html = _table([("A\\1", "x", 131), ("B\\2", "y", 83)])._repr_html_()

    scopes = [one.get("scope") for one in _Elements(html).named("th")]
    assert scopes == ["col", "col", "col", "row", "row"]
    assert "<caption>Two queues.</caption>" in html
    assert '<p class="mf-reading">Two are stuck.</p>' in html


def test_missing_values_say_so() -> None:
    """A value that was not read is `unknown` in HTML and text: no blank, no zero, no NaN."""
    table = _table([("A\\1", None, pd.NA), ("B\\2", "", 83)])

    html, text = table._repr_html_(), str(table)

    assert html.count(f">{NOT_KNOWN}<") == text.count(NOT_KNOWN) == 2
    assert "nan" not in (html + text).lower()
    assert "<NA>" not in text


def test_numbers_stand_right_and_tones_are_classes() -> None:
    """Numbers are aligned to the right; the tone colours its own cell only."""
    html = _table([("A\\1", "x", 131)], tones={(0, "messages"): "bad"})._repr_html_()

    cells = _Elements(html).named("td")
    assert [one.get("class") for one in cells] == [None, "bad num"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, "yes"),
        (pd.Series([False])[0], "no"),
        (1.5, "1.5"),
        (("a", None), "a, unknown"),
        ((), "none"),
        (pd.NaT, NOT_KNOWN),
        (float("nan"), NOT_KNOWN),
        (datetime(2026, 11, 23, 14, 2, tzinfo=UTC), "23 Nov 2026 14:02 UTC"),
        (pd.Timestamp("2026-11-23T15:02+01:00"), "23 Nov 2026 14:02 UTC"),
        (pd.Timestamp("2026-11-23T14:02"), "23 Nov 2026 14:02 (time zone unknown)"),
        ("\ud800", "\\ud800"),
    ],
)
def test_cells_are_words(value: object, expected: str) -> None:
    """Each kind of value has one way to be read."""
    assert text_of(value) == expected


def test_a_huge_text_says_how_much_is_left_out() -> None:
    """A megabyte of LastError neither floods the report nor is cut in silence."""
    text = text_of("x" * 1_000_000)

    assert len(text) < 5000
    assert "996000 more characters" in text


def test_rows_left_out_are_counted() -> None:
    """Rows beyond the limit are named, with those among them that are marked."""
    rows = [(f"A\\{number}", "x", number) for number in range(MOST_ROWS + 7)]
    table = _table(rows, tones={(MOST_ROWS + 1, "error"): "bad"})

    assert "7 more rows are not shown here, 1 of them marked" in str(table)
    assert "7 more rows are not shown here, 1 of them marked" in table._repr_html_()


def test_text_fits_80_columns() -> None:
    """Long and hostile texts wrap within their cells; no control character is left."""
    table = _table([("A\\1187", "451 4.4.0 Primary target " * 9 + HOSTILE + "x" * 200, 131)] * 2)

    text = str(table)

    assert max(map(len, text.splitlines())) <= 80
    assert all(one == "\n" or one.isprintable() for one in text)
    assert "131" in text


def test_text_of_an_empty_table_keeps_its_words() -> None:
    """An empty table still says what it is and that it is empty."""
    assert str(_table([], empty="None waits.")) == "Two queues.\n\nNone waits.\n\nTwo are stuck."


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (65535, "65535"),
        (214_000, "214,000"),
        (4_294_967_296, "4,294,967,296"),
        (1 << 64, "2^64"),
        ((1 << 64) - 4, "about 1.8e+19"),
        (True, "yes"),
    ],
)
def test_large_numbers_are_read(number: int, shown: str) -> None:
    """A port as it stands, many in groups of three, more addresses than anybody counts as power."""
    assert text_of(number) == shown
