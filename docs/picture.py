# ruff: noqa: INP001 - a script beside documents, no module
"""Take the picture of the README: the first screen of the report of `demo:article`, in Chromium.

.venv/bin/python docs/picture.py
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent
WIDTH, HEIGHT = 1280, 900


def main() -> int:
    """Run the runbook and take the picture."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.stderr.write("no Chromium on PATH\n")
        return 1
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        run = ("run", "mail_stuck_in_queue", "demo:article", "--ticket", "INC0012345")
        command = (sys.executable, "-m", "mailflow", *run, "--runs", folder)
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        (report,) = Path(folder).glob("*/report.html")
        page = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"]).new_page(
            viewport={"width": WIDTH, "height": HEIGHT}
        )
        page.goto(report.as_uri())
        page.screenshot(path=HERE / "report.png")
        return 0 if done.returncode == 1 else 1


if __name__ == "__main__":
    raise SystemExit(main())
