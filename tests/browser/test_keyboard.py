"""Both incident notebooks by keyboard alone, and what a screen reader is told meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from applying import NEW, OLD, RELAYS
from jupyter_pages import NotebookPage
from serving import as_set, served

if TYPE_CHECKING:
    from playwright.sync_api import Page

Open = Callable[..., NotebookPage]
LONG = pytest.mark.long
FOCUSED = """
() => {
  const focused = document.activeElement;
  const labels = [...(focused.labels || [])].map((label) => label.innerText);
  const name = focused.getAttribute('aria-label') || labels.join(' ') || focused.innerText;
  const cell = focused.closest('.jp-OutputArea-output') ? 'output' : '';
  const line = (name || focused.title || '').split('\\n')[0].trim();
  return [cell, focused.tagName.toLowerCase(), line];
}
"""
"""What has the focus: whether inside an output, its element and its name."""

EXPLORER = [
    "Target server",
    "Port",
    "Local address",
    "Source address",
    "Connector",
    "Remove",
    "Add",
]


def _run_all(page: Page) -> None:
    """By the command palette, as somebody without a mouse does."""
    page.keyboard.press("Control+Shift+c")
    page.locator(".lm-CommandPalette-input").wait_for()
    page.keyboard.type("Run All Cells")
    page.locator(".lm-CommandPalette-item.lm-mod-active", has_text="Run All Cells").wait_for()
    page.keyboard.press("Enter")


def _focused(page: Page) -> tuple[str, str, str]:
    where, tag, name = page.evaluate(FOCUSED)
    return where, tag, name


def _go_back_to(page: Page, name: str, most: int = 80) -> None:
    """Shift+Tab until what is called so has the focus."""
    seen = []
    for _ in range(most):
        page.keyboard.press("Shift+Tab")
        seen.append(_focused(page))
        if seen[-1][2] == name:
            return
    pytest.fail(f"{name} is not reached by Shift+Tab: {seen}")


def _said(page: Page) -> list[str]:
    """The texts of the live regions, as the browser hands them to a screen reader."""
    session = page.context.new_cdp_session(page)
    nodes: list[dict[str, Any]] = session.send("Accessibility.getFullAXTree")["nodes"]
    by_id = {node["nodeId"]: node for node in nodes}

    def text(node: dict[str, Any]) -> str:
        if node.get("role", {}).get("value") == "StaticText":
            return str(node["name"]["value"])
        return " ".join(
            filter(None, (text(by_id[one]) for one in node.get("childIds", ()) if one in by_id))
        )

    return [
        text(node)
        for node in nodes
        if {"name": "live", "value": {"type": "token", "value": "polite"}}
        in node.get("properties", ())
        and node.get("role", {}).get("value") == "status"
    ]


def _hears(page: Page, words: str) -> None:
    """Wait until a live region says so."""
    for _ in range(100):
        if any(words in one for one in _said(page)):
            return
        page.wait_for_timeout(100)
    pytest.fail(f"no live region says {words!r}: {_said(page)}")


@LONG
def test_the_main_runbook_by_keyboard(runbook_page: Open) -> None:
    """Run all; every stop has a name, fields come in reading order, and there is no trap.

    What an address leads to is said in a live region.
    """
    shown = runbook_page("mail_stuck_in_queue")
    page = shown.page
    _run_all(page)
    page.locator(".jp-OutputArea-output .mf-card").first.wait_for(timeout=60_000)
    stops = []
    for _ in range(120):
        page.keyboard.press("Shift+Tab")
        stops.append(_focused(page))
        if stops[-1][2] == "Skip to main panel":
            break
    in_outputs = [stop for stop in stops if stop[0]]

    assert stops[-1][2] == "Skip to main panel"
    assert [stop for stop in in_outputs if not stop[2]] == []
    fields = [name for _, tag, name in reversed(stops) if tag in ("input", "select")]
    assert fields == EXPLORER
    page.locator(".jp-OutputArea-output .mf-card summary").first.focus()
    _go_back_to(page, "Source address")
    page.keyboard.press("Control+a")
    page.keyboard.type("10.0.99.99")
    _hears(page, "Default Frontend EX16A accepts 10.0.99.99")


@LONG
def test_the_repair_by_keyboard(runbook_page: Open, tmp_path: Path) -> None:
    """Run all, name both connectors, apply, see it verified; each step is said."""
    with served() as one:
        variables = one.endpoints.options.to_environment() | one.endpoints.env
        shown = runbook_page(as_set(tmp_path, one), **variables)
        page = shown.page
        _run_all(page)
        cards = page.locator(".jp-OutputArea-output .mf-card")
        cards.first.wait_for(timeout=60_000)
        assert one.lists() == [OLD, OLD]
        _hears(page, "Nothing will be changed: no name is typed yet.")

        _go_back_to(page, "Confirm change 1")
        page.keyboard.type(RELAYS[0].lower())
        _hears(page, f"Case-sensitive: {RELAYS[0]}")
        page.keyboard.press("Control+a")
        page.keyboard.type(RELAYS[0])
        _hears(page, "This change will be applied.")
        for _ in range(4):
            page.keyboard.press("Tab")
            if _focused(page)[2] == "Confirm change 2":
                break
        page.keyboard.type(RELAYS[1])
        _hears(page, f"Selected for change: {RELAYS[0]}, {RELAYS[1]}.")
        page.keyboard.press("Tab")
        assert _focused(page)[1:] == ("button", "Apply changes")
        page.keyboard.press("Enter")
        cards.filter(has_text="Repaired and verified").wait_for(timeout=60_000)

        _hears(page, "Confirmed.")
        assert one.lists() == [NEW, NEW]
