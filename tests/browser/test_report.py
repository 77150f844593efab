"""The report in a real browser: it opens offline, loads nothing, and hostile text stays text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from foreign_reports import ATTRIBUTES, ELEMENTS, report
from foreign_text import PAYLOADS, named
from mailflow.plain import keeps_its_line
from mailflow.show.chart import range_ruler
from mailflow.show.verdict import verdict_card
from report_pages import IMAGE, POOR_CONTRAST, SCRIPT, hostile_source, make_report
from show_cases import HOSTILE, clear, found, queues, ruler, unknown

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


WHOLE = [text for text in PAYLOADS if keeps_its_line(text)]


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on an organisation that plants elements in every name and text it controls."""
    home = tmp_path_factory.mktemp("hostile")
    source = hostile_source(home)
    return make_report(home, "mail_stuck_in_queue", source, f"INC1{SCRIPT}{IMAGE}")


def _open(browser: Browser, file: Path) -> tuple[Page, list[str]]:
    """The page, and what it asked for or did that it must not."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    seen: list[str] = []
    page.on("request", lambda one: seen.append(one.url))
    page.on("dialog", lambda one: (seen.append(f"dialog {one.message}"), one.dismiss()))
    page.on("pageerror", lambda one: seen.append(str(one)))
    page.goto(file.as_uri())
    page.wait_for_timeout(700)
    return page, [one for one in seen if one != file.as_uri()]


def test_planted_elements_show_as_text(browser: Browser, hostile_report: Path) -> None:
    """LastError, connector, server and ticket with script and image: shown, never run."""
    page, seen = _open(browser, hostile_report)
    text = page.inner_text("body")

    assert seen == []
    assert "owned" not in page.title().replace(SCRIPT, "")
    assert page.locator("script, img, iframe, object, link").count() == 0
    assert f"Relay{SCRIPT}" in text
    assert f"EX10A{IMAGE}" in text
    assert f"{IMAGE}Cannot achieve" in text
    assert f"INC1{SCRIPT}" in text
    assert "\u202e" not in text


FOUND = """html => [...new DOMParser().parseFromString(html, "text/html").querySelectorAll("*")]
    .map(one => [one.localName, one.getAttributeNames()])"""


def _strange(browser: Browser, home: Path, texts: Sequence[str]) -> set[str]:
    """Elements and attributes of reports on such names that no template of ours has."""
    page = browser.new_page()
    found = set()
    for number, text in enumerate(texts):
        folder = home / str(number)
        folder.mkdir()
        html = report("mail_stuck_in_queue", named(text).org, folder, f"{text} {SCRIPT}").html
        for element, attributes in page.evaluate(FOUND, html):
            found |= {element} - ELEMENTS
            found |= {one for one in attributes if not one.startswith("aria-")} - ATTRIBUTES
    page.close()
    return {one for one in found if one.lower() not in ATTRIBUTES}


def test_a_browser_finds_no_element_in_a_name(browser: Browser, tmp_path: Path) -> None:
    """The parser of a browser agrees with ours: only what the templates hold."""
    assert (
        _strange(browser, tmp_path, [one for one in WHOLE if one.startswith(("<s", "</"))]) == set()
    )


@pytest.mark.long
def test_a_browser_finds_no_element_in_any_name(browser: Browser, tmp_path: Path) -> None:
    """The same for every hostile text."""
    assert _strange(browser, tmp_path, WHOLE) == set()


def test_the_first_screen_is_enough(browser: Browser, tmp_path: Path) -> None:
    """At 1280 by 900: headline, verdict, what waits and the whole repair, without scrolling."""
    page, seen = _open(browser, make_report(tmp_path, "mail_stuck_in_queue", "demo:article"))

    assert seen == []
    assert page.title() == "Simulated data: Mail stuck in queue - INC0012345"
    for part in ("h1", ".mf-verdict", ".mf-stuck", ".mf-repair"):
        box = page.locator(part).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 900, part
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 1280


def test_it_prints_with_undo_open(browser: Browser, tmp_path: Path) -> None:
    """As PDF: a few pages, and what is folded on the screen is there on paper."""
    page, _ = _open(browser, make_report(tmp_path, "mail_stuck_in_queue", "demo:article"))
    page.emulate_media(media="print")

    assert page.locator(".mf-print").is_visible()
    assert not page.locator(".mf-repair details").is_visible()
    pdf = page.pdf(format="A4")
    assert pdf.startswith(b"%PDF")
    assert 10_000 < len(pdf) < 1_000_000


@pytest.mark.parametrize("light", [True, False], ids=["light", "dark"])
def test_words_stand_out_in_both_themes(browser: Browser, tmp_path: Path, *, light: bool) -> None:
    """Every text has a contrast of 4.5 at least, on JupyterLab's light and on its dark ground."""
    ground, ink, soft = (
        ("#ffffff", "#212121", "#616161") if light else ("#111111", "#fff", "#bdbdbd")
    )
    cards = [verdict_card(one, ticket=HOSTILE).html for one in (found(), unknown(), clear())]
    parts = [*cards, queues()._repr_html_(), range_ruler(ruler()).html]
    style = (
        f"body{{background:{ground};--jp-ui-font-color1:{ink};--jp-ui-font-color2:{soft};"
        f"--jp-layout-color2:{'#eeeeee' if light else '#424242'}}}"
    )
    file = tmp_path / "page.html"
    file.write_text(
        f"<!doctype html><meta charset=utf-8><style>{style}</style>"
        f'<body data-jp-theme-light="{str(light).lower()}">{"".join(parts)}',
        encoding="utf-8",
    )
    page, _ = _open(browser, file)

    poor = page.evaluate(POOR_CONTRAST)
    assert poor == []
