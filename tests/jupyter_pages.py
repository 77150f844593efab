"""A notebook open in a real JupyterLab, started as `mailflow lab` starts it.

    shown = runbook_page(ROOT / "notebooks" / "mail_stuck_in_queue.ipynb")   # fixture of browser/
    shown.run_all()
    shown.page.get_by_label("Source address").fill("10.0.0.12")
    assert shown.outside() == []

Nothing of the user's is read or written: every directory that Jupyter knows lies in a fresh folder.
Each connection that a Python process of it makes, or each name it looks up, is written down.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest

from mailflow.runs import jupyterlab
from support import ROOT, needs_jupyterlab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

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

NO_SOURCE = 'source: str = r\\"\\"'
"""What the parameter cell of a runbook says, as JSON."""

ALL_DRAWN = {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"}}
"""Cells out of sight are there as well."""

_CUT = """
() => {
  const moves = (each) => each && (
    ['auto', 'scroll'].includes(getComputedStyle(each).overflowX) || moves(each.parentElement));
  const found = [];
  for (const output of document.querySelectorAll('.jp-OutputArea-output')) {
    if (output.scrollWidth > output.clientWidth + 1) found.push('the whole output');
    for (const each of output.querySelectorAll('td, th, p, li, h1, h2, figcaption')) {
      const fits = each.scrollWidth <= each.clientWidth + 1;
      const edge = output.getBoundingClientRect().right + 1;
      const out = each.getBoundingClientRect().right > edge && !moves(each.closest('.mf-scroll'));
      if (each.clientWidth && (!fits || out)) found.push(each.innerText);
    }
  }
  return found;
}
"""
"""Texts of outputs that go beyond their cell, or beyond the output where nothing scrolls."""

OURS = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")

_WATCHER = """
import os, sys

def note(event, arguments):
    if event == "socket.connect":
        where = arguments[1][0] if isinstance(arguments[1], tuple) else ""
    elif event == "socket.getaddrinfo":
        where = arguments[0] or ""
    else:
        return
    where = where.decode() if isinstance(where, bytes) else str(where)
    if where and not where.startswith("127.") and where not in ("::1", "localhost"):
        with open(os.environ["MAILFLOW_TEST_CALLS"], "a") as file:
            file.write(f"{event} {where}\\n")

sys.addaudithook(note)
"""
"""`sitecustomize` of every Python that is started: what it asks for outside, a line each."""

_PLACES = (
    *("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"),
    *("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"),
)


@dataclass
class Lab:
    """A running JupyterLab.

    Attributes:
        address: of the notebook, with the token.
        folder: where the copy of the notebook lies.
        home: where every directory of Jupyter's lies.
        environment: what it was started with.
    """

    address: str
    folder: Path
    home: Path
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> str:
        """What the server and its kernels wrote on their terminals."""
        return (self.home / "log").read_text(encoding="utf-8", errors="replace")

    @property
    def calls(self) -> list[str]:
        """What its Python processes asked for outside this machine."""
        file = self.home / "calls"
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []

    def connections(self) -> list[dict[str, Any]]:
        """The connection files of its running kernels."""
        files = sorted((self.home / "JUPYTER_RUNTIME_DIR").glob("kernel-*.json"))
        return [json.loads(one.read_text(encoding="utf-8")) | {"file": one} for one in files]

    def stop(self) -> None:
        """End it, with its kernels."""
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(30)


@dataclass
class NotebookPage:
    """A notebook that is open and whose kernel is connected."""

    page: Page
    lab: Lab
    requests: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def waits_for(self, part: str, seconds: float = 30) -> None:
        """Wait until an address with this part in it was answered."""
        until = time.monotonic() + seconds
        while not any(part in one for one in self.answers):
            assert time.monotonic() < until, f"{part} was not answered"
            self.page.wait_for_timeout(100)

    def run_all(self) -> None:
        """Run every cell, and wait until the last one has."""
        self.page.evaluate(
            "() => window.jupyterapp.commands.execute('notebook:run-all-cells')",
        )

    def outside(self) -> list[str]:
        """What the page or a Python process asked for outside this machine."""
        return [one for one in self.requests if not one.startswith(OURS)] + self.lab.calls

    def cut(self, wide: int) -> list[str]:
        """The texts of outputs that a window of this width cuts; needs `ALL_DRAWN`."""
        self.page.set_viewport_size({"width": wide, "height": 1000})
        self.page.wait_for_timeout(500)  # JupyterLab lays its panels out again
        found: list[str] = self.page.evaluate(_CUT)
        return found

    def dark(self) -> None:
        """Take JupyterLab's dark theme."""
        self.page.evaluate(
            "() => window.jupyterapp.commands.execute('apputils:change-theme',"
            " {theme: 'JupyterLab Dark'})"
        )
        self.page.locator('body[data-jp-theme-light="false"]').wait_for(state="attached")


@contextmanager
def opened(
    browser: Browser,
    notebook: Path | str,
    home: Path,
    *,
    settings: Mapping[str, Mapping[str, object]] | None = None,
    source: str = "demo:article",
    parameters: Mapping[str, str] = MappingProxyType({}),
    **variables: str,
) -> Iterator[NotebookPage]:
    """A notebook in JupyterLab, ready to be run; server and page are gone afterwards.

    Args:
        browser: Chromium.
        notebook: a file, or the name of a runbook; a copy is opened, so that running it leaves no
            output in the project.
        home: a fresh folder.
        source: what a runbook's copy is set to; empty: it stays as it is committed.
        parameters: further ones that are empty texts in it, by name.
        settings: the user's own, by plugin: `{"@jupyterlab/apputils-extension:themes": {...}}`.
        variables: for the environment, for example how an organisation is reached.
    """
    path = ROOT / "notebooks" / f"{notebook}.ipynb" if isinstance(notebook, str) else notebook
    lab = _start(path, home, settings or {}, variables)
    copy = lab.folder / path.name
    text = copy.read_text(encoding="utf-8")
    text = text.replace(NO_SOURCE, NO_SOURCE.replace('r\\"', f'r\\"{source}', 1))
    for name, value in parameters.items():
        empty = f'{name}: str = \\"'
        assert empty in text
        text = text.replace(empty, empty + value)
    copy.write_text(text, "utf-8")
    try:
        shown = _show(browser, lab)
        try:
            yield shown
        finally:
            shown.page.close()
    finally:
        lab.stop()


def _start(
    notebook: Path,
    home: Path,
    settings: Mapping[str, Mapping[str, object]],
    variables: Mapping[str, str],
) -> Lab:
    """JupyterLab by the command line of `mailflow lab`."""
    needs_jupyterlab()
    folder = home / "work"
    for place in (*_PLACES, "work", "watch"):
        (home / place).mkdir()
    shutil.copy(notebook, folder)
    (home / "watch" / "sitecustomize.py").write_text(_WATCHER, encoding="utf-8")
    for plugin, values in settings.items():
        package, _, name = plugin.partition(":")
        file = home / "JUPYTERLAB_SETTINGS_DIR" / package / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values), encoding="utf-8")
    environment = jupyterlab.environment(folder / "runs")
    environment |= {place: str(home / place) for place in _PLACES}
    environment |= {"MAILFLOW_TEST_CALLS": str(home / "calls"), **variables}
    environment["PYTHONPATH"] = os.pathsep.join([str(home / "watch"), environment["PYTHONPATH"]])
    port, token = _free_port(), secrets.token_hex(16)
    command = jupyterlab.command(
        folder / notebook.name,
        *("--no-browser", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"),
        *(f"--IdentityProvider.token={token}", "--allow-root", "--expose-app-in-browser"),
    )
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
        )
    address = f"http://127.0.0.1:{port}/lab/tree/{notebook.name}?reset&token={token}"
    lab = Lab(address, folder, home, environment, process)
    _wait(f"http://127.0.0.1:{port}/api?token={token}", lab)
    return lab


def _show(browser: Browser, lab: Lab) -> NotebookPage:
    """Its notebook in a window of 1400 by 1000."""
    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    shown = NotebookPage(page, lab)
    page.on("request", lambda one: shown.requests.append(one.url))
    page.on("requestfinished", lambda one: shown.answers.append(one.url))
    page.on("pageerror", lambda one: shown.errors.append(str(one)))
    page.goto(lab.address)
    page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for(timeout=60_000)
    assert page.evaluate(READY), lab.log
    return shown


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def _wait(address: str, lab: Lab) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until and lab.process.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=2):  # noqa: S310 - our own server
                return
        except OSError:
            time.sleep(0.2)
    log = lab.log
    lab.stop()
    pytest.fail(f"JupyterLab did not start:\n{log}")
