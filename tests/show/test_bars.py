"""A bar chart says in words what its bars say."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

from mailflow.picture import Bar, Bars
from mailflow.show.bars import MOST_BARS, bar_chart
from show_cases import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"


def texts(html: str) -> list[str]:
    """The texts of the picture in a figure."""
    [svg] = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    root = ET.fromstring(svg)  # noqa: S314 - our own output
    return ["".join(text.itertext()).strip() for text in root.iter(f"{SVG}text")]


def test_a_bar_carries_its_number() -> None:
    """Length and colour only repeat it; an unknown number says so."""
    bars = (Bar("2026-11-01", 131, "12 sessions"), Bar("2026-11-02", None, "", "bad"))
    chart = bar_chart(Bars("Messages by day", "131 messages.", bars))

    assert "131 · 12 sessions" in texts(chart.html)
    assert "number unknown" in texts(chart.html)
    assert 'role="img"' in chart.html
    assert chart.text == "Messages by day. 131 messages."


def test_bars_beyond_the_limit_are_summed_up() -> None:
    """An unknown number among them makes it `at least`."""
    many = tuple(Bar(f"D{n}", None if n == MOST_BARS else 1) for n in range(MOST_BARS + 3))

    assert "3 more, at least 2 in all" in texts(bar_chart(Bars("t", "d", many)).html)


def test_no_bars_is_said_in_words() -> None:
    """An empty chart is a sentence."""
    assert "None seen." in bar_chart(Bars("t", "d", (), "None seen.")).html


def test_hostile_labels_stay_text() -> None:
    """No name becomes an element."""
    html = bar_chart(Bars(HOSTILE, HOSTILE, (Bar(HOSTILE, 1, HOSTILE, "bad"),))).html

    assert "<script" not in html
    assert "<img" not in html
    assert "\x1b" not in html
    texts(html)
