"""Make the pictures of the documents: mail flow, and in Chromium the report and the runbook.

.venv/bin/python docs/picture.py

Mail flow and report are those of `demo:article`. The runbook is `fix_and_verify` on the same
organisation, served on loopback, after both connectors were named and the queues have drained.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent / "tests")]
WIDTH, HEIGHT = 1280, 900


def main() -> int:
    """Make all three."""
    _mail_flow()
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        sys.stderr.write("no Chromium on PATH\n")
        return 1
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        _report(browser)
        _runbook(browser)
    return 0


def _mail_flow() -> None:
    """The mail-flow picture as a notebook keeps it, and as a narrow page shows it."""
    import mailflow

    shown = mailflow.mail_flow(mailflow.findings(mailflow.open("demo:article")))
    data, notes = shown._repr_mimebundle_()
    (HERE / "mail-flow.svg").write_text(data["image/svg+xml"] + "\n", encoding="utf-8")
    (HERE / "mail-flow-narrow.svg").write_text(notes["mailflow"]["narrow"] + "\n", "utf-8")


def _report(browser: Browser) -> None:
    """The first screen of a report."""
    with tempfile.TemporaryDirectory() as folder:
        run = ("run", "mail_stuck_in_queue", "demo:article", "--ticket", "INC0012345")
        command = (sys.executable, "-m", "mailflow", *run, "--runs", folder)
        subprocess.run(command, capture_output=True, check=False)
        (report,) = Path(folder).glob("*/report.html")
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(report.as_uri())
        page.screenshot(path=HERE / "report.png")


def _runbook(browser: Browser) -> None:
    """The repair in JupyterLab, verified."""
    from applying import RELAYS
    from jupyter_pages import opened
    from serving import as_set, served

    with tempfile.TemporaryDirectory() as folder, served() as one:
        home = Path(folder, "jupyter")
        home.mkdir()
        variables = one.endpoints.options.to_environment() | one.endpoints.env
        with opened(browser, as_set(Path(folder), one), home, **variables) as shown:
            page = shown.page
            page.set_viewport_size({"width": WIDTH, "height": HEIGHT})
            shown.run_all()
            for number, name in enumerate(RELAYS, start=1):
                page.get_by_label(f"Confirm change {number}").fill(name)
            page.get_by_role("button", name="Apply changes").click()
            page.locator(".mf-card").filter(has_text="Repaired and verified").wait_for()
            page.evaluate(
                "() => window.jupyterapp.commands.execute('application:toggle-left-area')"
            )
            button = page.get_by_role("button", name="Apply changes")
            button.evaluate("(one) => one.scrollIntoView({block: 'center'})")
            page.wait_for_timeout(500)
            page.screenshot(path=HERE / "runbook.png")


if __name__ == "__main__":
    raise SystemExit(main())
