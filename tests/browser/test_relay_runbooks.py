"""The runbooks for the use of a connector and for a new server, run from the menu of JupyterLab."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jupyter_pages import ALL_DRAWN, NotebookPage, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser

WIDE = [1440, 1024]
PICTURES = {
    "new_server": [
        "EX16A now, port 25: which connector accepts which host",
        "EX16B now, port 25: which connector accepts which host",
        "EX16B after the commands, port 25: which connector accepts which host",
    ],
    "relay_usage": ["Messages by day"],
}
"""What each runbook draws of the practice data."""
SOURCES = {"new_server": "demo:new-server", "relay_usage": "demo:month-of-logs"}
NAMED = {
    "new_server": {"server_a": "EX16A", "server_b": "EX16B"},
    "relay_usage": {"narrow": r"EX16A\\\\Relay"},
}
COMMANDS = {
    "new_server": 'New-ReceiveConnector -Name "Relay" -Server "EX16B"',
    "relay_usage": r'Set-ReceiveConnector "EX16A\Relay" -RemoteIPRanges "10.0.5.11",',
}


@pytest.fixture(
    scope="module",
    params=["new_server", pytest.param("relay_usage", marks=pytest.mark.long)],
)
def runbook(
    request: pytest.FixtureRequest, browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, NotebookPage]]:
    """A runbook with its source set, run from top to bottom by its menu."""
    name = str(request.param)
    home = tmp_path_factory.mktemp("lab")
    how = {"source": SOURCES[name], "settings": ALL_DRAWN, "parameters": NAMED[name]}
    with opened(browser, name, home, **how) as shown:
        shown.page.get_by_role("menuitem", name="Run", exact=True).click()
        shown.page.get_by_text("Run All Cells", exact=True).click()
        shown.page.locator(".jp-OutputArea-output .mf-card").wait_for(timeout=90_000)
        yield name, shown


def test_it_runs_and_draws(runbook: tuple[str, NotebookPage]) -> None:
    """Who is where before and after; use by day: no error, and nothing is fetched."""
    name, shown = runbook
    drawn = shown.page.locator(".jp-OutputArea-output figcaption").all_text_contents()
    pictures = shown.page.locator(".jp-OutputArea-output svg.mf-svg")

    assert drawn == PICTURES[name]
    assert pictures.count() == len(drawn)
    assert shown.page.locator(".jp-OutputArea-output[data-mime-type*=err]").count() == 0
    assert (shown.errors, shown.outside()) == ([], [])
    assert COMMANDS[name] in (shown.page.locator(".mf-card").text_content() or "")


@pytest.mark.parametrize("wide", WIDE)
def test_nothing_is_cut(runbook: tuple[str, NotebookPage], wide: int) -> None:
    """No text goes beyond its cell; what is wider than the page scrolls in its own place."""
    name, shown = runbook

    assert shown.cut(wide) == []
    if folder := os.environ.get("MAILFLOW_TEST_PICTURES"):
        shown.page.screenshot(path=Path(folder, f"{name}-{wide}.png"))
