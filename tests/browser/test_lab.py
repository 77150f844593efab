"""The runbook in a real JupyterLab, as `mailflow lab` opens it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zmq

from jupyter_pages import NotebookPage, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

NOTICES = """
() => [...document.querySelectorAll('.Toastify__toast, .jp-Dialog')].map((one) => one.innerText)
"""
"""What lies over the page: questions and notices."""


@pytest.fixture(scope="module")
def runbook(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NotebookPage]:
    """The main runbook, run from top to bottom by somebody who has no settings yet."""
    home = tmp_path_factory.mktemp("lab")
    with opened(browser, "mail_stuck_in_queue", home) as shown:
        shown.run_all()
        yield shown


def test_run_all_shows_the_verdict(runbook: NotebookPage) -> None:
    """An engineer opens the runbook and runs it: the verdict card appears, nothing is fetched."""
    card = runbook.page.locator(".jp-OutputArea-output .mf-card")
    card.wait_for(timeout=60_000)

    assert "CAUSE FOUND" in (card.text_content() or "").upper()
    assert "Set-ReceiveConnector" in (card.text_content() or "")
    assert runbook.page.locator(".jp-OutputArea-output[data-mime-type*=stderr]").count() == 0
    assert runbook.outside() == []
    assert runbook.errors == []
    if picture := os.environ.get("MAILFLOW_TEST_PICTURE"):
        card.scroll_into_view_if_needed()
        runbook.page.screenshot(path=picture)


def test_nothing_lies_over_the_runbook(runbook: NotebookPage) -> None:
    """No question about news, no notice about a newer version, no launcher: just the runbook."""
    assert runbook.page.evaluate(NOTICES) == []
    assert runbook.page.locator(".jp-NotebookPanel:visible").count() == 1


def test_nobody_else_reads_the_kernels_channels(runbook: NotebookPage) -> None:
    """Whoever lacks the key of the connection file hears nothing, and only the owner reads that."""
    (connection,) = runbook.lab.connections()
    with zmq.Context() as context:
        with_key, without = context.socket(zmq.SUB), context.socket(zmq.SUB)
        with_key.curve_publickey, with_key.curve_secretkey = zmq.curve_keypair()
        with_key.curve_serverkey = connection["curve_publickey"].encode()
        for one in (with_key, without):
            one.subscribe(b"")
            one.connect(f"tcp://127.0.0.1:{connection['iopub_port']}")
        time.sleep(1)  # both have had their time to connect
        runbook.run_all()
        heard = [one.poll(5_000 if one is with_key else 500) for one in (with_key, without)]
        context.destroy(linger=0)

    assert heard == [zmq.POLLIN, 0]
    assert stat.S_IMODE(connection["file"].stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR
    assert "without encryption" not in runbook.lab.log


def test_the_users_settings_stay_and_still_nothing_is_fetched(
    runbook_page: Callable[..., NotebookPage],
) -> None:
    """A dark theme stays dark; who once asked for news and updates gets none from here."""
    shown = runbook_page(
        "mail_stuck_in_queue",
        settings={
            "@jupyterlab/apputils-extension:themes": {"theme": "JupyterLab Dark"},
            "@jupyterlab/apputils-extension:notification": {
                "fetchNews": "true",
                "checkForUpdates": True,
            },
        },
    )
    shown.page.locator('body[data-jp-theme-light="false"]').wait_for(state="attached")
    for answer in ("news", "update"):
        shown.waits_for(f"/lab/api/{answer}")
    # What the panel of extensions asks for when it is opened.
    shown.page.evaluate("() => fetch('/lab/api/extensions?refresh=1')")
    shown.waits_for("/lab/api/extensions")

    assert shown.page.evaluate(NOTICES) == []
    assert shown.outside() == []


def test_what_is_asked_for_outside_is_seen(runbook: NotebookPage, tmp_path: Path) -> None:
    """The watcher that the other tests rely on sees a connection that a process makes."""
    calls = tmp_path / "calls"
    code = "import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('192.0.2.1', 9))"
    environment = {**runbook.lab.environment, "MAILFLOW_TEST_CALLS": str(calls)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=False)

    assert calls.read_text().splitlines() == ["socket.connect 192.0.2.1"]


CUT = """
() => {
  const page = document.querySelector('.jp-WindowedPanel-outer');
  const edge = page.getBoundingClientRect().right;
  const parts = [...page.querySelectorAll('.jp-OutputArea-output *, .jp-RenderedMarkdown *')];
  const beyond = parts.filter((one) => one.getBoundingClientRect().right > edge + 1);
  const whole = '.cm-scroller, .jp-OutputArea-output, .jp-RenderedHTMLCommon, .mf-scroll';
  const moved = [...page.querySelectorAll(whole)].filter(
    (one) => one.scrollWidth > one.clientWidth + 1 && !one.matches('.mf-scroll:has(table)'));
  return [...beyond.filter((one) => !one.closest('.mf-scroll:has(table), pre')), ...moved].map(
    (one) => one.outerHTML.slice(0, 200));
}
"""
"""What cannot be seen whole: text beyond the edge, pictures and code that move sideways."""


@pytest.mark.long
def test_nothing_is_cut_in_a_narrow_window(runbook: NotebookPage) -> None:
    """At 1024 pixels, with the list of files beside it; tables move sideways, and say so."""
    page = runbook.page
    page.set_viewport_size({"width": 1024, "height": 768})
    place = page.locator(".jp-WindowedPanel-outer")
    cut: set[str] = set()
    for step in range(40):
        place.evaluate("(one, step) => { one.scrollTop = step * 500; }", step)
        page.wait_for_timeout(100)
        cut.update(page.evaluate(CUT))

    assert cut == set()
    page.evaluate("document.querySelector('.jp-RenderedMarkdown p').style.width = '2000px'")
    place.evaluate("(one) => { one.scrollTop = 0; }")
    assert page.evaluate(CUT) != []
