"""The documentation site: complete, at home, readable; nothing in it asks anybody outside."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe

from mailflow.checks.registry import CHECKS
from mailflow.runs import runbooks
from support import ROOT, lacks

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = pytest.mark.long

PAGES = (
    *("index", "samples", "docs/start", "docs/bring", "docs/live", "docs/repair", "docs/usage"),
    *("docs/twin", "docs/training", "docs/checks/README", "docs/contract", "docs/facts"),
    *("docs/glossary", "docs/performance", "CHANGELOG", "README"),
    *(f"docs/checks/{check}" for check in CHECKS),
    *(f"notebooks/{name}" for name in runbooks()),
)
FETCHES = {"src", "srcset", "poster", "data", "action", "formaction", "background", "xlink:href"}
"""Attributes with which an element asks for something; `href` does in <link> and <use>."""
OF_LINK = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")
LOOKED_AT = ("index", "docs/live", "docs/checks/README", "notebooks/fix_and_verify", "samples")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, as `run.py docs` builds it; Sphinx takes any dead link as a fault."""
    if not all(map(find_spec, ("sphinx", "myst_nb", "furo"))):
        lacks("Sphinx", "python3 run.py setup --lab --dev")
    output = tmp_path_factory.mktemp("docs") / "site"
    done = subprocess.run(
        [sys.executable, "-P", str(ROOT / "docs" / "build.py"), "--output", str(output)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "lib"), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{output / 'index.html'}\n"
    return output


class Reader(HTMLParser):
    """What a page asks for, where it links to, and what may be linked to in it."""

    def __init__(self) -> None:
        """Of an empty page."""
        super().__init__()
        self.asked: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.scripts = 0
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note each attribute that matters."""
        self._in_style = tag == "style"
        self.scripts += tag == "script"
        for name, value in attrs:
            text = value or ""
            if name in FETCHES or (name == "href" and tag in ("link", "use", "image", "base")):
                self.asked.append(text)
            elif name == "href":
                self.links.append(text)
            elif name in ("id", "name"):
                self.ids.add(text)
            elif name == "style":
                self.asked += in_css(text)

    def handle_data(self, data: str) -> None:
        """Note what a style sheet in the page asks for."""
        if self._in_style:
            self.asked += in_css(data)


def in_css(text: str) -> list[str]:
    """What a style sheet asks for."""
    return ["".join(found) for found in OF_LINK.findall(text)]


@cache
def read(page: Path) -> Reader:
    """A page, read."""
    reader = Reader()
    reader.feed(page.read_text("utf-8"))
    return reader


def pages(site: Path) -> Iterator[Path]:
    """Every page, the sample reports among them."""
    return iter(sorted(site.rglob("*.html")))


def is_outside(link: str) -> bool:
    """Whether it leads to another host."""
    parts = urlsplit(link)
    return bool(parts.netloc) or parts.scheme in ("http", "https", "ws", "wss")


def test_every_page_is_there(site: Path) -> None:
    """What a reader looks for, a page for each check and each runbook, and six samples."""
    found = {path.relative_to(site).with_suffix("").as_posix() for path in pages(site)}

    assert set(PAGES) - found == set()
    assert {name for name in found if name.startswith("samples/")} == {
        f"samples/{name}" for name in ("article", "incomplete", "audit", "change", "twin", "relay")
    }


def test_samples_are_whole_reports(site: Path) -> None:
    """Each is one file without a script, and a page leads to it; the verdicts differ."""
    folder = site / "samples"
    links = read(site / "samples.html").links
    verdicts = {
        name: re.findall(r"cause found|inconclusive|different", text, re.IGNORECASE)[:1]
        for name in ("article", "incomplete", "twin")
        for text in [(folder / f"{name}.html").read_text("utf-8")]
    }

    assert {f"samples/{path.name}" for path in folder.iterdir()} <= set(links)
    assert [path.name for path in folder.iterdir() if read(path).scripts] == []
    assert {name: [one.casefold() for one in found] for name, found in verdicts.items()} == {
        "article": ["cause found"],
        "incomplete": ["inconclusive"],
        "twin": ["different"],
    }


def test_no_page_asks_anybody_outside(site: Path) -> None:
    """No font, script, style or picture comes from another host (what is read from the files)."""
    asked = [(path.name, one) for path in pages(site) for one in read(path).asked]
    asked += [
        (path.name, one) for path in site.rglob("*.css") for one in in_css(path.read_text("utf-8"))
    ]

    assert len(asked) > 100
    assert [found for found in asked if is_outside(found[1])] == []


def test_reader_can_find() -> None:
    """Each way of asking for something is seen."""
    reader = Reader()
    reader.feed(
        '<script src="https://a/x.js"></script><link href="//b/x.css"><img srcset="http://c/x 2x">'
        "<style>@import 'https://d/x';p{background:url(https://e/x)}</style>"
        '<a href="https://f">f</a><p style="background:url(https://g/x)">'
    )

    assert [urlsplit(one).netloc for one in reader.asked if is_outside(one)] == list("abcdeg")
    assert reader.links == ["https://f"]


def test_every_link_leads_somewhere(site: Path) -> None:
    """Each link between pages names a file that is there, and a place in it that is there."""
    dead = []
    for path in pages(site):
        for link in read(path).links:
            parts = urlsplit(link)
            if is_outside(link) or parts.scheme:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchor = unquote(parts.fragment)
            if not target.is_file() or (
                anchor and target.suffix == ".html" and anchor not in read(target).ids
            ):
                dead.append(f"{path.relative_to(site)}: {link}")

    assert dead == []


def test_what_is_pasted_stays_as_it_was_typed(site: Path) -> None:
    """No quote and no dash of a document becomes a typographic one."""
    page = (site / "docs/checks/custom-connector-shadows-default.html").read_text("utf-8")

    assert "mailflow probe SOURCE --from" in page


def test_no_page_names_the_machine(site: Path) -> None:
    """No folder of the machine that built it."""
    own = {str(ROOT.parent), tempfile.gettempdir(), str(Path.home())}
    texts = {path: path.read_text("utf-8") for path in pages(site)}
    found = [
        (path.name, folder)
        for path, text in texts.items()
        for folder in own
        if len(Path(folder).parts) > 1 and re.search(rf"(?<![\w/.]){re.escape(folder)}/\w", text)
    ]

    assert found == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [400, 1280])
def test_pages_in_a_browser(site: Path, browser: Browser, width: int, scheme: str) -> None:
    """No wider than the screen, readable by axe's rules, dark where wanted, nobody asked."""
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = context.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    wrong: dict[str, object] = {}
    shades = set()
    for name in LOOKED_AT:
        page.goto((site / f"{name}.html").as_uri())
        shades.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        found = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}})
        broken = {
            one["id"]: [node["html"][:90] for node in one["nodes"]][:3]
            for one in found.response["violations"]
        }
        if over > 0 or broken:
            wrong[name] = (over, broken)
    context.close()

    assert wrong == {}
    assert [one for one in asked if not one.startswith(("file:", "data:", "blob:"))] == []
    dark = [sum(map(int, re.findall(r"\d+", shade)[:3])) < 200 for shade in shades]
    assert dark == [scheme == "dark"]


@pytest.mark.parametrize(("width", "shown"), [(400, "narrow"), (1280, "wide")])
def test_the_start_page_shows_the_picture_that_fits(
    site: Path, browser: Browser, width: int, shown: str
) -> None:
    """One of the two drawings alone, as wide as it was drawn or nearly: it can be read."""
    page = browser.new_page(viewport={"width": width, "height": 900})
    page.goto((site / "index.html").as_uri())
    pictures = page.locator("article img")
    seen = [each for each in pictures.all() if each.is_visible()]
    classes = [each.get_attribute("class") or "" for each in seen]
    (box,) = [each.bounding_box() for each in seen]
    drawn = pictures.count()
    page.close()

    assert drawn == 2
    assert [f"{shown}-page" in each for each in classes] == [True]
    assert box is not None
    assert box["width"] >= 0.7 * {"narrow": 380, "wide": 960}[shown]
