"""The runbook in a real JupyterLab: run all, and the verdict stands there."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

READY = """
async () => {
  const app = window.jupyterapp;
  await app.restored;
  const panel = app.shell.currentWidget;
  await panel.context.ready;
  await panel.sessionContext.ready;
  const kernel = panel.sessionContext.session.kernel;
  await kernel.info;
  for (let n = 0; n < 600; n++) {
    if (kernel.connectionStatus === 'connected' && kernel.status === 'idle') return true;
    await new Promise((done) => setTimeout(done, 100));
  }
  return false;
}
"""
"""The page looks idle before its kernel is connected; Run All then does nothing, silently."""


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[str]:
    """JupyterLab on a copy of the runbook, with nothing of the user's; gives the address."""
    if find_spec("jupyterlab") is None:
        pytest.skip("JupyterLab is not installed")
    shutil.copy(ROOT / "notebooks" / "mail_stuck_in_queue.ipynb", tmp_path)
    names = ("CONFIG", "DATA", "RUNTIME")
    places = {f"JUPYTER_{name}_DIR": tmp_path / name.lower() for name in names}
    places |= {"IPYTHONDIR": tmp_path / "ipython"}
    places |= {
        f"JUPYTERLAB_{name}_DIR": tmp_path / name.lower() for name in ("SETTINGS", "WORKSPACES")
    }
    for place in places.values():
        place.mkdir()
    (tmp_path / "config" / "labconfig").mkdir()
    (tmp_path / "config" / "labconfig" / "page_config.json").write_text(
        '{"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": true}}'
    )
    port, token = _free_port(), secrets.token_hex(16)
    server = subprocess.Popen(
        [
            *(sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1"),
            *(f"--port={port}", "--ServerApp.port_retries=0", f"--IdentityProvider.token={token}"),
            *(f"--ServerApp.root_dir={tmp_path}", "--allow-root", "--expose-app-in-browser"),
            "--LabApp.news_url=None",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        ],
        env=os.environ
        | {"PYTHONPATH": str(ROOT / "lib")}
        | {name: str(place) for name, place in places.items()},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(f"http://127.0.0.1:{port}/api?token={token}", server)
        yield f"http://127.0.0.1:{port}/lab/tree/mail_stuck_in_queue.ipynb?reset&token={token}"
    finally:
        server.terminate()
        server.wait(30)


def _wait(address: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2):  # noqa: S310 - our own server
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail("JupyterLab did not start")


def test_run_all_shows_the_verdict(browser: Browser, lab: str) -> None:
    """An engineer opens the runbook and runs it: the verdict card appears, nothing is fetched."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    outside: list[str] = []
    page.on("request", lambda one: outside.append(one.url))
    page.goto(lab)
    page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for(timeout=60_000)
    assert page.evaluate(READY)

    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    card = page.locator(".jp-OutputArea-output .mf-card")
    card.wait_for(timeout=60_000)

    assert "Cause found" in card.inner_text() or "CAUSE FOUND" in card.inner_text()
    assert "Set-ReceiveConnector" in card.inner_text()
    assert page.locator(".jp-OutputArea-output[data-mime-type*=error]").count() == 0
    ours = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")
    assert [url for url in outside if not url.startswith(ours)] == []
    if picture := os.environ.get("MAILFLOW_TEST_PICTURE"):
        card.scroll_into_view_if_needed()
        page.screenshot(path=picture)
