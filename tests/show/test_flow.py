"""The mail-flow picture as drawings and as text: described, bounded, and every name stays text."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from large_organisations import large
from mailflow.picture import FlowDoor, FlowRoute, FlowWait, MailFlow
from mailflow.show.flow import FlowPicture
from mailflow.show.flow_text import MOST_ROUTES, flow_lines, title
from mailflow.show.terminal import screen
from mailflow.views.findings import findings
from mailflow.views.mail_flow import after_repair
from organisations import article, healthy
from show_cases import HOSTILE

SVG = "{http://www.w3.org/2000/svg}"


def _article() -> MailFlow:
    flow = findings(article().snapshot()).flow
    assert flow is not None
    return flow


def _repaired() -> MailFlow:
    org = article().snapshot()
    found = findings(org)
    assert found.flow is not None
    assert found.plan is not None
    return replace(found.flow, after=after_repair(org, found.flow, found.plan))


def _hostile() -> MailFlow:
    door = FlowDoor(HOSTILE, HOSTILE, HOSTILE)
    route = FlowRoute(
        "bad", (HOSTILE,), (HOSTILE * 4,), 1, 25, HOSTILE, HOSTILE, door, door, HOSTILE,
        (FlowWait(HOSTILE, None),), HOSTILE,
    )  # fmt: skip
    kinds = (route, replace(route, state="unknown", door=None), replace(route, targets=()))
    return MailFlow((*kinds, replace(route, state="good", door=None)), 2, HOSTILE)


def _drawings(flow: MailFlow) -> list[ET.Element]:
    data, notes = FlowPicture(flow)._repr_mimebundle_()
    narrow = notes["mailflow"]
    assert isinstance(narrow, dict)
    return [ET.fromstring(text) for text in (data["image/svg+xml"], narrow["narrow"])]  # noqa: S314


def _texts(svg: ET.Element) -> list[str]:
    return ["".join(each.itertext()) for each in svg.iter(f"{SVG}text")]


@pytest.mark.parametrize("flow", [_article(), _repaired(), _hostile()], ids=["1", "2", "hostile"])
def test_both_drawings_are_named_and_described(flow: MailFlow) -> None:
    """Those who do not see it get title and description; nothing is loaded, nothing runs."""
    for svg in _drawings(flow):
        heading, description = svg.find(f"{SVG}title"), svg.find(f"{SVG}desc")

        assert svg.get("role") == "img"
        assert heading is not None
        assert description is not None
        assert svg.get("aria-labelledby") == f"{heading.get('id')} {description.get('id')}"
        assert heading.text == title(flow)
        attributes = {name for each in svg.iter() for name in each.attrib}
        assert not any(name.startswith("on") or "href" in name for name in attributes)
        assert not re.search(r"url\(|@import", svg.findtext(f"{SVG}style") or "")


def test_hostile_names_stay_text() -> None:
    """No element, no control character, in drawing, page, and words."""
    picture = FlowPicture(_hostile())

    assert "<script" not in picture.html
    for text in (picture.html, picture.text):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert "&lt;script&gt;" in picture.html
    elements = {each.tag for svg in _drawings(_hostile()) for each in svg.iter()}
    known = {"svg", "title", "desc", "style", "rect", "text", "path"}
    assert elements == {f"{SVG}{name}" for name in known}


def test_what_it_says() -> None:
    """Senders with numbers, port, both doors and what they mean, what works."""
    for svg in _drawings(_article()):
        texts = _texts(svg)
        assert {"EX10A", "131", "EX10B", "83", "port 25", "Relay", "Default Frontend"} <= set(texts)
        assert any(text.endswith("6 paths work") for text in texts)
    assert title(_article()) == "Mail flow between 4 servers: 4 of 14 mail paths fail"
    assert title(_repaired()).endswith("After the repair (proven): 14 mail paths work")


def test_nothing_is_drawn_outside() -> None:
    """Every box, text and arrow lies inside, also with long names and many servers."""
    long = "MAILSERVER-WITH-A-LONG-NAME-"
    routes = tuple(
        replace(route, senders=tuple(f"{long}{n}" for n in range(40)), door=FlowDoor(long * 3))
        for route in _article().routes
    )
    for flow in (_article(), _repaired(), MailFlow(routes, 400)):
        for svg in _drawings(flow):
            wide, high = (float(number) for number in svg.get("viewBox", "").split()[2:])
            shift = 0.0
            for each in svg.iter():
                if each.tag == f"{SVG}g":
                    found = re.match(r"translate\(([\d.]+),", each.get("transform", ""))
                    shift = float(found[1]) if found else 0.0
                if each.tag not in (f"{SVG}rect", f"{SVG}text"):
                    continue
                x, y = float(each.get("x", 0)), float(each.get("y", 0))
                across = float(each.get("width", 0)) or 5.4 * len("".join(each.itertext()))
                assert x >= 0
                assert x + across <= wide - (0 if each.tag == f"{SVG}text" else shift * 0) + 1, each
                assert 0 <= y <= high


def test_many_arrows_are_bounded_and_counted() -> None:
    """So many are drawn; how many paths the others are is said, and it stays small."""
    first = _article().routes[0]
    routes = tuple(replace(first, senders=(f"S{n}",), paths=2) for n in range(MOST_ROUTES + 5))
    flow = MailFlow(routes, 400)

    texts = _texts(_drawings(flow)[0])
    assert texts.count("port 25") == MOST_ROUTES
    assert "and 10 paths fail, not drawn" in texts
    assert "and 10 paths fail, not drawn" in FlowPicture(flow).text
    assert len(FlowPicture(flow).html) < 60_000


def test_many_servers_are_named_by_their_first() -> None:
    """A group names some of its servers and counts the others."""
    flow = findings(large(20).snapshot()).flow
    assert flow is not None

    assert "EX16-000, EX16-001, EX16-002 and 7 more" in _texts(_drawings(flow)[0])
    assert "and 6 more: 615 messages" in _texts(_drawings(flow)[0])


def test_a_narrow_page_names_the_targets() -> None:
    """Where senders and targets of what works do not fit on a line they have one each, whole."""
    flow = findings(large(20).snapshot()).flow
    assert flow is not None
    narrow = _texts(_drawings(flow)[1])

    assert "EX10-000, EX10-001 and 18 more" in narrow
    assert "→ EX10-000, EX10-001 and 8 more" in narrow
    assert not any("…" in text for text in narrow)


def test_a_code_is_not_broken() -> None:
    """Where the error does not fit behind the time it has a line of its own, whole."""
    first = _article().routes[0]
    flow = MailFlow((replace(first, since="waiting since 23 Nov 11:48 UTC · 451 5.7.3"),), 4)

    assert "451 5.7.3" in _texts(_drawings(flow)[0])


@pytest.mark.parametrize("room", [66, 80])
@pytest.mark.parametrize("flow", [_article(), _repaired(), _hostile()], ids=["1", "2", "hostile"])
def test_the_text_fits_and_is_ascii(flow: MailFlow, room: int) -> None:
    """For a ticket and any code page: plain ASCII within the columns, but for foreign names."""
    lines = flow_lines(flow, room)

    assert max(map(len, lines)) <= room
    if flow.caption != HOSTILE:
        assert "".join(lines).isascii()


def test_the_screen_shows_the_arrow() -> None:
    """Sender, port, door and the connector that should accept it, below the verdict."""
    text = screen(findings(article().snapshot()))

    assert "MAIL FLOW     EX10A, EX10B --25--x Relay on EX16A, EX16B\n" in text
    assert "......> Default Frontend (should accept it)\n" in text
    assert "10 other mail paths work\n" in text
    assert text.index("CAUSE FOUND") < text.index("MAIL FLOW") < text.index("STUCK")
    assert "MAIL FLOW" not in screen(findings(healthy().snapshot()))


def test_it_is_the_same_in_every_run() -> None:
    """The same data draws the same picture, and each drawing has ids of its own."""
    pages = [FlowPicture(_repaired()).html for _ in range(2)]
    ids = re.findall(r' id="(\w+)"', pages[0])

    assert pages[0] == pages[1]
    assert len(ids) == len(set(ids)) == 4


def test_texts_do_not_cover_each_other() -> None:
    """Lines of text in a box stand at least a line's height apart."""
    for svg in _drawings(_article()):
        places = sorted(
            (round(float(each.get("x", 0))), float(each.get("y", 0)))
            for each in svg.iter(f"{SVG}text")
        )
        for (x, y), (other, below) in itertools.pairwise(places):
            assert x != other or below - y >= 14
