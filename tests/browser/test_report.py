"""The report in a real browser: it opens offline, loads nothing, and hostile text stays text."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mailflow.show.chart import queue_chart, range_ruler
from mailflow.show.verdict import verdict_card
from organisations import article
from show_cases import HOSTILE, clear, found, queues, ruler, unknown
from support import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SCRIPT = "<script>document.title='owned'</script>"
IMAGE = "<img src=x onerror=alert(1)>"


def _report(home: Path, source: str, ticket: str) -> Path:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mailflow",
            "run",
            "mail_stuck_in_queue",
            source,
            "--ticket",
            ticket,
        ],
        cwd=home,
        env=os.environ | {"PYTHONPATH": str(ROOT / "lib")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    (folder,) = (home / "runs").iterdir()
    return folder / "report.html"


@pytest.fixture(scope="module")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on an organisation that plants elements in every name and text it controls."""
    home = tmp_path_factory.mktemp("hostile")
    article().snapshot(origin=f"captures{SCRIPT}").save(home / "snapshot")
    text = (home / "snapshot").read_text(encoding="utf-8")
    for old, planted in (
        ("EX10A", f"EX10A{IMAGE}"),
        ("Relay", f"Relay{SCRIPT}"),
        ("Primary target", f"{SCRIPT}{IMAGE}\x1b[31m\u202ePrimary target"),
        ("Cannot achieve", f"{IMAGE}Cannot achieve"),
    ):
        assert old in text
        text = text.replace(old, json.dumps(planted)[1:-1])
    (home / "snapshot").write_text(text, encoding="utf-8")
    return _report(home, "snapshot", f"INC1{SCRIPT}{IMAGE}")


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


def test_the_first_screen_is_enough(browser: Browser, tmp_path: Path) -> None:
    """At 1280 by 900: headline, verdict, what waits and the whole repair, without scrolling."""
    page, seen = _open(browser, _report(tmp_path, "demo:article", "INC0012345"))

    assert seen == []
    assert page.title() == "Mail stuck in queue - INC0012345"
    for part in ("h1", ".mf-verdict", ".mf-stuck", ".mf-repair"):
        box = page.locator(part).bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 900, part
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 1280


def test_it_prints_with_undo_open(browser: Browser, tmp_path: Path) -> None:
    """As PDF: a few pages, and what is folded on the screen is there on paper."""
    page, _ = _open(browser, _report(tmp_path, "demo:article", "INC0012345"))
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
    parts = [*cards, queues()._repr_html_(), queue_chart(queues()).html, range_ruler(ruler()).html]
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

    poor = page.evaluate(_CONTRAST, ground)
    assert poor == []


_CONTRAST = r"""
(ground) => {
  const numbers = (colour) => {
    const canvas = document.createElement('canvas'); canvas.width = canvas.height = 1;
    const pen = canvas.getContext('2d'); pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
  };
  const over = (top, below) => [0, 1, 2].map((n) => top[n] * top[3] + below[n] * (1 - top[3]));
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255)
      .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const poor = [];
  for (const one of document.querySelectorAll('.mf *')) {
    const own = [...one.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || ['STYLE', 'TITLE', 'DESC', 'title', 'desc'].includes(one.tagName)) continue;
    const chain = []; for (let up = one; up; up = up.parentElement) chain.unshift(up);
    let back = numbers(ground).slice(0, 3);
    for (const up of chain) {
      const fill = numbers(getComputedStyle(up).backgroundColor);
      if (fill[3]) back = over(fill, back);
    }
    const style = getComputedStyle(one);
    const ink = over(numbers(one.tagName === 'text' ? style.fill : style.color), back);
    const [a, b] = [light(ink), light(back)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    const words = one.textContent.trim().slice(0, 30);
    if (ratio < 4.5) poor.push(`${one.tagName} ${ratio.toFixed(2)} ${words}`);
  }
  return poor;
}
"""
