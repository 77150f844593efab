"""Every kind of report against WCAG 2.2 AA, by axe and by what axe cannot tell."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from mailflow.runs import runbooks
from report_pages import IMAGE, POOR_CONTRAST, SCRIPT, hostile_source, make_report
from support import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

LONG = pytest.mark.long
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
"""WCAG 2.2 on levels A and AA, and what axe advises besides."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of report: a runbook, what it reads, and the verdict that makes it this kind.

    Source, runbook and options may also be made, in the folder that they are given.
    """

    runbook: str | Callable[[Path], str]
    source: str | Callable[[Path], str]
    verdict: str
    options: Callable[[Path], Sequence[str]] = lambda _: ()


def _stopping(home: Path) -> str:
    """The main runbook, with a step in the middle that prints something and fails."""
    runbook = json.loads((ROOT / "notebooks" / "mail_stuck_in_queue.ipynb").read_text("utf-8"))
    cells = runbook["cells"]
    step = {
        "cell_type": "code",
        "id": "stops-here",
        "metadata": {},
        "source": "print('as far as here')\n1 / 0",
        "outputs": [],
        "execution_count": None,
    }
    cells.insert(len(cells) // 2, step)
    (home / "stopping.ipynb").write_text(json.dumps(runbook), encoding="utf-8")
    return "stopping"


def _accepting(home: Path) -> Sequence[str]:
    """The findings of one server are accepted, and nothing was found in an earlier run."""
    rows = ('cause = "custom-connector-shadows-default"', 'server = "EX16A"', 'connector = "*"')
    text = "\n".join(["[[accepted]]", *rows, 'reason = "CHG0012345"', "until = 2027-01-31"])
    (home / "earlier").mkdir()
    (home / "accepted.toml").write_text(f"{text}\n", encoding="utf-8")
    return ("--accepted", "accepted.toml", "--since", "earlier")


BOTH_SERVERS = ("-p", "server_a", "EX16A", "-p", "server_b", "EX16B")
CONNECTOR = ("-p", "narrow", r"EX16A\Relay")
KINDS = {
    "found": Kind("mail_stuck_in_queue", "demo:article", "found"),
    "clear": Kind("mail_stuck_in_queue", "demo:healthy-but-suspicious", "clear"),
    "unknown": Kind("mail_stuck_in_queue", "demo:incomplete", "unknown"),
    "many commands": Kind("mail_stuck_in_queue", "demo:relay-behind-relay", "found"),
    "hostile": Kind("mail_stuck_in_queue", hostile_source, "found"),
    "stopped": Kind(_stopping, "demo:article", "incomplete"),
    "audit": Kind("connector_audit", "demo:article", "found"),
    "audit by night": Kind("connector_audit", "demo:article", "found", _accepting),
    "change request": Kind("fix_and_verify", "demo:article", "found"),
    "new server": Kind("new_server", "demo:new-server", "found", lambda _: BOTH_SERVERS),
    "relay use": Kind("relay_usage", "demo:month-of-logs", "clear", lambda _: CONNECTOR),
}


def test_every_runbook_has_a_kind() -> None:
    """A new runbook gets its line above."""
    assert set(runbooks()) - {kind.runbook for kind in KINDS.values()} == set()


ALL_KINDS = [
    pytest.param(kind, id=name, marks=[] if name == "found" else [LONG])
    for name, kind in KINDS.items()
]
"""The whole matrix is `long`; one kind, and of each measure the extremes, are not."""


@pytest.fixture(scope="session", params=ALL_KINDS)
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a kind, made once for all tests of it."""
    kind: Kind = request.param
    home = tmp_path_factory.mktemp("report")
    runbook, source = (
        one if isinstance(one, str) else one(home) for one in (kind.runbook, kind.source)
    )
    made = make_report(home, runbook, source, f"INC1{SCRIPT}{IMAGE}", kind.options(home))
    manifest = json.loads((made.parent / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["verdict"] == kind.verdict
    return made


@contextmanager
def _opened(browser: Browser, file: Path, wide: int, scheme: str = "light") -> Iterator[Page]:
    """The page with all that can be folded open; axe may be put into it against its policy."""
    view = {"width": wide, "height": 900}
    with browser.new_context(bypass_csp=True, viewport=view, color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(file.as_uri())
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
        yield page


def _against(page: Page) -> dict[str, list[str]]:
    """What axe holds against a page: places by rule; contrast it cannot tell left out."""
    options = {"runOnly": RULES, "resultTypes": ["violations", "incomplete"]}
    result: dict[str, Any] = Axe().run(page, options=options).response
    undecided = [one for one in result["incomplete"] if one["id"] != "color-contrast"]
    return {
        one["id"]: [node["html"] for node in one["nodes"]]
        for one in [*result["violations"], *undecided]
    }


def _is_wider(page: Page, wide: int) -> bool:
    """Whether the page as a whole has to be moved sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth")) > wide


@pytest.mark.parametrize(
    ("scheme", "wide"),
    [
        ("light", 1280),
        ("dark", 400),
        pytest.param("light", 400, marks=LONG),
        pytest.param("dark", 1280, marks=LONG),
    ],
)
def test_axe_holds_nothing_against_a_report(
    browser: Browser, report: Path, scheme: str, wide: int
) -> None:
    """No violation of WCAG 2.2 AA, on a screen and on a telephone; all words stand out.

    Axe does not see through pictures and scrolled parts: there the contrast is measured.
    """
    with _opened(browser, report, wide, scheme) as page:
        assert _against(page) == {}
        assert page.evaluate(POOR_CONTRAST) == []


@pytest.mark.parametrize("wide", [320, *(pytest.param(one, marks=LONG) for one in (1280, 400))])
def test_a_report_fits_its_screen(browser: Browser, report: Path, wide: int) -> None:
    """Only tables and pictures move sideways, each by itself (WCAG 1.4.10 asks for 320)."""
    with _opened(browser, report, wide) as page:
        assert not _is_wider(page, wide)


@pytest.fixture(scope="session")
def article_report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text of a report to plant faults in."""
    home = tmp_path_factory.mktemp("planted")
    return make_report(home, "mail_stuck_in_queue", "demo:article").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        pytest.param("<html lang=en>", "<html>", "html-has-lang", marks=LONG),
        pytest.param("<footer>", "<footer><button></button>", "button-name", marks=LONG),
        ("<footer>", '<footer><p style="color:#999">pale</p>', "color-contrast"),
        ("<footer>", f'<footer>{"<button style=all:unset;font-size:8px>x</button>" * 2}',
         "target-size"),
        pytest.param("<footer>", "<footer><h4>too deep</h4>", "heading-order", marks=LONG),
        pytest.param("<footer>", "<footer><svg role=img></svg>", "svg-img-alt", marks=LONG),
        pytest.param('tabindex="0"', 'data-was="0"', "scrollable-region-focusable", marks=LONG),
    ],
)  # fmt: skip
def test_axe_can_find(
    browser: Browser, article_report: str, tmp_path: Path, old: str, new: str, rule: str
) -> None:
    """A fault planted in a copy of a report is found, from level A to what WCAG 2.2 added."""
    file = tmp_path / "planted.html"
    planted = article_report.replace('<html lang="en">', "<html lang=en>").replace(old, new)
    assert planted != article_report
    file.write_text(planted, encoding="utf-8")

    with _opened(browser, file, 400) as page:
        assert rule in _against(page)


def test_measures_can_find(browser: Browser, article_report: str, tmp_path: Path) -> None:
    """Pale words in a picture, and a word wider than the screen, do not pass."""
    file = tmp_path / "planted.html"
    wide = f"<footer><p style=white-space:nowrap>{'wide ' * 100}</p>"
    pale = "<text style=fill:#bbb>pale</text></svg>"
    planted = article_report.replace("<footer>", wide).replace("</svg>", pale)
    file.write_text(planted, encoding="utf-8")

    with _opened(browser, file, 400) as page:
        assert [one for one in page.evaluate(POOR_CONTRAST) if "pale" in one]
        assert _is_wider(page, 400)
