"""Reports for tests in a browser: how one is made, and how well its words can be read."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from organisations import article
from support import ROOT

SCRIPT = "<script>document.title='owned'</script>"
IMAGE = "<img src=x onerror=alert(1)>"

_DRIVER = """
import sys
from pathlib import Path
from mailflow import cli, runs
runs._HOMES += (Path.cwd(),)
cli.main(sys.argv[1:])
"""
"""`mailflow`, which also knows the runbooks of the folder where it is started."""


def make_report(
    home: Path, runbook: str, source: str, ticket: str = "INC0012345", options: Sequence[str] = ()
) -> Path:
    """The report of a whole run in a folder of its own, where source and runbook may lie."""
    done = subprocess.run(
        [sys.executable, "-c", _DRIVER, "run", runbook, source, "--ticket", ticket, *options],
        cwd=home,
        env=os.environ | {"PYTHONPATH": str(ROOT / "lib")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    folders = list((home / "runs").iterdir()) if (home / "runs").is_dir() else []
    assert len(folders) == 1, done.stderr
    return folders[0] / "report.html"


def hostile_source(home: Path) -> str:
    """The article's organisation with elements in every name and text that others control."""
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
    return "snapshot"


POOR_CONTRAST = r"""
() => {
  const canvas = document.createElement('canvas'); canvas.width = canvas.height = 1;
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  const known = {};
  const measured = (colour) => {
    pen.clearRect(0, 0, 1, 1); pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data; return [r, g, b, a / 255];
  };
  const numbers = (colour) => known[colour] ??= measured(colour);
  const over = (top, below) => [0, 1, 2].map((n) => top[n] * top[3] + below[n] * (1 - top[3]));
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => v / 255)
      .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const poor = [];
  for (const one of document.querySelectorAll('body *')) {
    const own = [...one.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || ['STYLE', 'TITLE', 'DESC', 'title', 'desc'].includes(one.tagName)) continue;
    const chain = []; for (let up = one; up; up = up.parentElement) chain.unshift(up);
    let back = [255, 255, 255];
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
"""For a page: its texts with less contrast than 4.5, in pictures as well (WCAG 1.4.3)."""
