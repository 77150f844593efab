"""Reports of many servers: pages, bytes, what a printer and a telephone make of them."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from large_organisations import large
from organisations import article
from report_pages import POOR_CONTRAST, make_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LONG = pytest.mark.long
A4 = 703
"""Width of what is printed on a page in portrait, at 96 dots to the inch."""

BROKEN = r"""
() => {
  const broken = [];
  const walk = document.createTreeWalker(document.querySelector('main'), NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode()) {
    if (node.parentElement.closest('svg, style, .mf-meta, footer')) continue;
    const words = node.data.matchAll(/"[^"\n]{1,40}"|[^\s"]{1,40}(?=\s|$)/g);
    for (const word of words) {
      if (!/\d|\\|^-|[a-z]-[A-Z]/.test(word[0])) continue;
      const range = document.createRange();
      range.setStart(node, word.index); range.setEnd(node, word.index + word[0].length);
      const drawn = [...range.getClientRects()].filter(each => each.width);
      const rows = new Set(drawn.map(each => Math.round(each.top)));
      if (rows.size > 1) broken.push(word[0]);
    }
  }
  return broken;
}
"""
"""For a page: names, addresses, numbers and commands that go on in another line."""

WIDER = """() => [...document.querySelectorAll('table, svg, pre')].filter(
  each => each.getBoundingClientRect().right > document.documentElement.clientWidth + 1
).map(each => each.tagName)"""


@pytest.fixture(scope="module")
def report_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """The report of an organization of so many servers, made once; of 4: the article's."""

    @cache
    def made(servers: int, runbook: str = "mail_stuck_in_queue") -> Path:
        home = tmp_path_factory.mktemp(f"servers-{servers}")
        org = article() if servers == 4 else large(servers, 3 if servers > 200 else None)
        org.snapshot(origin="exports").save(home / "snapshot")
        return make_report(home, runbook, "snapshot")

    return made


def _page(browser: Browser, report: Path, wide: int, media: str = "screen") -> Page:
    page = browser.new_page(viewport={"width": wide, "height": 900})
    page.emulate_media(media="print" if media == "print" else "screen")
    page.goto(report.as_uri())
    return page


def _pages(browser: Browser, report: Path) -> int:
    pdf = _page(browser, report, A4, "print").pdf(format="A4")
    return len(re.findall(rb"/Type\s*/Page\b(?!s)", pdf))


@pytest.mark.parametrize(
    ("servers", "pages", "most"),
    [
        (4, 3, 50_000),
        (20, 5, 100_000),
        pytest.param(128, 9, 250_000, marks=LONG),
        pytest.param(400, 12, 400_000, marks=LONG),
    ],
)
def test_a_report_stays_short(
    browser: Browser, report_of: Callable[..., Path], servers: int, pages: int, most: int
) -> None:
    """Pages on A4 before details, and bytes: what can be attached to a ticket and read."""
    report = report_of(servers)

    assert report.stat().st_size <= most
    assert _pages(browser, report) <= pages


def test_an_audit_stays_short(browser: Browser, report_of: Callable[..., Path]) -> None:
    """Equal issues are one row, and commands are as wide as the page lets them."""
    report = report_of(20, "connector_audit")
    page = _page(browser, report, A4, "print")
    command = page.locator("th.command").first

    assert _pages(browser, report) <= 5
    assert page.evaluate(BROKEN) == []
    assert command.evaluate("e => e.getClientRects()[0].height") < 20  # a line, not four
    assert command.evaluate("e => getComputedStyle(e).fontFamily").startswith("Consolas")


@pytest.mark.parametrize("servers", [4, 20, pytest.param(128, marks=LONG)])
def test_nothing_is_broken_in_print(
    browser: Browser, report_of: Callable[..., Path], servers: int
) -> None:
    """Addresses, ports, identities and commands stay on their line, and inside the page."""
    page = _page(browser, report_of(servers), A4, "print")

    assert page.evaluate(BROKEN) == []
    assert page.evaluate(WIDER) == []


def test_heads_stay_with_their_tables(browser: Browser, report_of: Callable[..., Path]) -> None:
    """A heading and its remark are not left at the end of a page, and a head repeats."""
    page = _page(browser, report_of(20), A4, "print")
    said = page.evaluate(
        """() => [...document.querySelectorAll('.text_cell h2, .text_cell p, caption')]
            .map(each => getComputedStyle(each).breakAfter)"""
    )
    heads = page.evaluate(
        "() => [...document.querySelectorAll('thead')].map(e => getComputedStyle(e).display)"
    )

    rows = page.evaluate(
        """() => [...document.querySelectorAll('tbody > tr:is(:first-child, :last-child)')]
            .map(each => getComputedStyle(each).breakBefore)"""
    )

    assert set(said) == {"avoid"}
    assert set(heads) == {"table-header-group"}
    assert set(rows) == {"avoid"}  # no head without a row, no last row alone


def test_a_telephone_gets_the_narrow_picture(
    browser: Browser, report_of: Callable[..., Path]
) -> None:
    """At 400 px: the page does not scroll, tables say that they do, letters are 10 px at least."""
    page = _page(browser, report_of(4), 400)

    assert page.locator(".mfp-narrow").is_visible()
    assert not page.locator(".mfp-wide").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    smallest = page.evaluate(
        """() => { const svg = document.querySelector('.mfp-narrow');
        const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
        return Math.min(...[...svg.querySelectorAll('text')]
            .map(each => parseFloat(getComputedStyle(each).fontSize) * scale)); }"""
    )
    assert smallest >= 10
    told = page.evaluate(
        """() => [...document.querySelectorAll('.mf-broad caption')]
            .map(each => getComputedStyle(each, '::after').content)"""
    )
    assert told
    assert all("Scroll sideways" in text for text in told)
    cut = page.evaluate(
        """() => [...document.querySelectorAll('.mf-table:not(.mf-broad)')]
            .map(each => each.parentElement).filter(each => each.clientWidth)
            .filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.innerText)"""
    )
    assert cut == []  # what does not say that it scrolls does not


def test_a_wide_page_gets_the_wide_picture(
    browser: Browser, report_of: Callable[..., Path]
) -> None:
    """One of the two drawings alone, on the screen and on paper."""
    for wide, media in ((1280, "screen"), (A4, "print")):
        page = _page(browser, report_of(4), wide, media)

        assert page.locator(".mfp-wide").is_visible()
        assert not page.locator(".mfp-narrow").is_visible()


def test_it_is_readable_in_the_dark(browser: Browser, report_of: Callable[..., Path]) -> None:
    """Who prefers dark pages gets one, with a contrast of 4.5 for every text."""
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme="dark")
    page.goto(report_of(4).as_uri())

    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark == "rgb(23, 28, 36)"
    page.evaluate(
        "() => { for (const each of document.querySelectorAll('details')) each.open = true; }"
    )
    assert page.evaluate(POOR_CONTRAST.replace("[255, 255, 255]", "[23, 28, 36]")) == []


def test_what_works_is_folded(browser: Browser, report_of: Callable[..., Path]) -> None:
    """Faulty paths are open; the others are one line until somebody wants them."""
    page = _page(browser, report_of(20), 1280)
    folded = page.locator("details.mf-rest").filter(has_text="that work")

    assert folded.count() == 1
    assert not folded.locator("table").is_visible()
    assert page.get_by_text("10 other mail paths work", exact=True).count() == 0
    folded.locator("summary").click()
    assert folded.locator("table").is_visible()
