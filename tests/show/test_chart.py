"""Charts: the same facts as the table, static, and readable whatever is in it."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

from mailflow.picture import Lane, Ruler
from mailflow.show.chart import MOST_PINS, WIDE, range_ruler
from show_cases import HOSTILE, pin, ruler, span

SVG = "{http://www.w3.org/2000/svg}"


def _svg(html: str) -> ET.Element:
    found = re.search(r"<svg.*?</svg>", html, re.DOTALL)
    assert found
    return ET.fromstring(found[0])  # noqa: S314 - our own output


def _texts(svg: ET.Element) -> list[str]:
    return ["".join(one.itertext()).strip() for one in svg.iter(f"{SVG}text")]


def test_a_picture_is_named_and_described() -> None:
    """Those who do not see it get title and description; no script, no link, no outside source."""
    html = range_ruler(ruler()).html
    svg = _svg(html)
    title, description = svg.find(f"{SVG}title"), svg.find(f"{SVG}desc")

    assert svg.get("role") == "img"
    assert title is not None
    assert title.text
    assert description is not None
    assert description.text
    assert svg.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert not re.search(r"<script|href=|\bon\w+=|url\(|@import", html)


def test_hostile_labels_stay_text() -> None:
    """No name becomes an element."""
    hostile = replace(
        ruler(),
        server=HOSTILE,
        reading=HOSTILE,
        lanes=(Lane(HOSTILE, HOSTILE, "bad", (span("10.0.0.0/8"),)),),
        pins=(pin(HOSTILE, "10.0.0.11", "bad"),),
    )

    html = range_ruler(hostile).html

    assert "<script" not in html
    assert "<img" not in html
    assert "\x1b" not in html
    _svg(html)


def _ends(html: str) -> dict[str, float]:
    ends = {}
    for group in _svg(html).iter(f"{SVG}g"):
        line = group.find(f"{SVG}line")
        if line is not None:
            ends[_texts(group)[-1]] = float(line.get("y2") or 0)
    return ends


def test_a_line_ends_on_the_connector_that_answers() -> None:
    """The 2010 servers end on Relay, the others on Default Frontend below it (S1.13)."""
    ends = _ends(range_ruler(ruler()).html)

    assert ends["EX10A"] == ends["EX10B"] < ends["EX16A"] == ends["EX16B"]


def test_the_smallest_range_wins_across_crossing_connectors() -> None:
    """A line passes a connector that holds the address in a larger range (S1.13)."""
    crossing = Ruler(
        "T",
        25,
        (
            Lane("A", "", "bad", (span("10.0.0.11"), span("10.0.0.0/8"))),
            Lane("B", "", "good", (span("10.0.1.0/24"),)),
        ),
        (pin("one", "10.0.0.11", "bad"), pin("two", "10.0.1.7", "good")),
    )

    ends = _ends(range_ruler(crossing).html)

    assert ends["one"] < ends["two"]


def test_an_answer_that_is_not_known_is_drawn_as_a_question() -> None:
    """No connector is claimed where none is known to answer: the line ends on a question mark."""
    html = range_ruler(replace(ruler(), pins=(pin("EX10A", "10.0.0.11", "unknown", ""),))).html

    assert "?" in _texts(_svg(html))
    assert "accepted by no known connector" in html


def test_a_crowded_ruler_stays_inside_and_counts_the_rest() -> None:
    """Many connectors, ranges and servers: nothing outside the picture, the rest is counted."""
    lanes = tuple(
        Lane(
            f"Relay {n} " + "x" * 80,
            "no auth",
            "bad",
            tuple(span(f"10.{n}.{k}.0/24") for k in range(50)),
        )
        for n in range(30)
    )
    pins = tuple(pin(f"MAILSERVER{n}.example", f"10.{n}.1.9", "bad") for n in range(30))

    html = range_ruler(Ruler("T", 25, lanes, pins)).html

    svg = _svg(html)
    for one in svg.iter(f"{SVG}rect"):
        assert float(one.get("x") or 0) >= 0
        assert float(one.get("x") or 0) + float(one.get("width") or 0) <= WIDE
        assert float(one.get("width") or 0) > 0
    texts = _texts(svg)
    assert f"not drawn: {30 - MOST_PINS} more servers, {30 - MOST_PINS} more connectors" in texts
    assert "+ 49 more ranges without a server" in texts
    assert len(html) < 60_000


def test_a_cut_list_is_said_whole() -> None:
    """What a connector lacks, and that its ranges are incomplete, are two lines, both whole."""
    first, *others = ruler().lanes
    cut = replace(first, note="no Exchange Server auth", complete=False)
    texts = _texts(_svg(range_ruler(replace(ruler(), lanes=(cut, *others))).html))

    assert "no Exchange Server auth" in texts
    assert any(text.startswith("ranges incomplete") for text in texts)


def test_the_size_of_a_range_is_shown_and_covers_nothing() -> None:
    """A single address, a subnet, everything: in words below the bar, and no line crosses them."""
    svg = _svg(range_ruler(ruler()).html)
    sizes = [
        (float(each.get("x") or 0), float(each.get("y") or 0), "".join(each.itertext()))
        for each in svg.iter(f"{SVG}text")
        if re.search(r"address|all IPv", "".join(each.itertext()))
    ]
    lines = [
        (float(line.get("x1") or 0), float(line.get("y2") or 0))
        for group in svg.iter(f"{SVG}g")
        for line in group.iter(f"{SVG}line")
    ]

    assert [text for _, _, text in sizes].count("1 address") == 2
    assert {text for _, _, text in sizes} == {"1 address", "256 addresses", "all IPv4"}
    for x, y, text in sizes:
        end = x + 5.5 * len(text)
        assert not any(x < at < end and low > y - 10 for at, low in lines), text
        assert not any(y == row and x < at < end for at, row, _ in sizes), text


def test_a_size_gives_way_to_the_lines_that_pass() -> None:
    """Lines of servers that end further down leave no room: then no size is written."""
    pins = tuple(pin(f"S{n}", f"10.0.0.{n}", "good", "D") for n in range(1, 24, 2))
    lanes = (
        Lane("A", "", "bad", (span("10.0.0.0/24"),)),
        Lane("D", "", "good", (span("0.0.0.0/0"),)),
    )

    texts = _texts(_svg(range_ruler(Ruler("T", 25, lanes, pins)).html))

    assert "256 addresses" not in texts
    assert "all IPv4" in texts


def test_labels_below_do_not_overlap() -> None:
    """Slanting labels stand at least a line's height apart."""
    pins = tuple(pin(f"S{n}", f"10.0.0.{n}", "good") for n in range(1, 40, 2))
    svg = _svg(
        range_ruler(Ruler("T", 25, (Lane("D", "", "good", (span("0.0.0.0/0"),)),), pins)).html
    )
    places = sorted(
        float(found[1])
        for one in svg.iter(f"{SVG}text")
        if (found := re.match(r"translate\(([\d.]+),", one.get("transform") or ""))
        and one.get("class") == "soft"
    )

    assert len(places) == MOST_PINS
    assert min(b - a for a, b in itertools.pairwise(places)) > 17


def test_servers_at_one_address_share_a_line() -> None:
    """Two names for one address stand together, not over each other."""
    pins = (pin("A", "10.0.0.1", "good"), pin("B", "10.0.0.1", "good"))
    html = range_ruler(Ruler("T", 25, (Lane("D", "", "good", (span("0.0.0.0/0"),)),), pins)).html

    assert "A, B" in _texts(_svg(html))


def test_ids_differ_between_pictures_and_stay_between_runs() -> None:
    """Two rulers on a page have ids of their own, the same in every run."""
    both = range_ruler([ruler(), replace(ruler(), server="EX16B")]).html
    ids = re.findall(r'id="(\w+)"', both)

    assert len(ids) == len(set(ids)) == 4
    assert both == range_ruler([ruler(), replace(ruler(), server="EX16B")]).html
