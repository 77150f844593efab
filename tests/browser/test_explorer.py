"""The explorer in a real JupyterLab, by keyboard alone; the confirm box and progress beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jupyter_pages import NotebookPage, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator

LABEL = """
() => {
  const one = document.activeElement;
  const label = one.labels && one.labels[0];
  return label ? label.innerText : one.innerText || one.getAttribute('aria-label') || one.tagName;
}
"""
"""What a screen reader would call the focused element."""

ORDER = [
    *("Target server", "Port", "Local address", "Source address"),
    *("Connector", "Remove", "Add"),
]


@pytest.fixture(scope="module")
def runbook(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[NotebookPage]:
    """The main runbook, run from top to bottom."""
    with opened(browser, "mail_stuck_in_queue", tmp_path_factory.mktemp("lab")) as shown:
        shown.run_all()
        yield shown


@pytest.fixture
def explorer(runbook: NotebookPage) -> Locator:
    """The explorer's output, in sight, with the focus on its first control."""
    server = runbook.page.get_by_label("Target server")
    server.scroll_into_view_if_needed()
    server.focus()
    found: Locator = runbook.page.locator(".jp-OutputArea-output").filter(has=server)
    return found


def _tab_to(shown: NotebookPage, label: str) -> list[str]:
    """Press Tab until the control with this label has the focus; all that had it on the way."""
    way = [shown.page.evaluate(LABEL)]
    while way[-1] != label:
        assert len(way) < 20, way
        shown.page.keyboard.press("Tab")
        way.append(shown.page.evaluate(LABEL))
    return way


def test_each_control_is_reached_in_order(runbook: NotebookPage, explorer: Locator) -> None:
    """Tab goes through question and trial from top to bottom; each control has its label."""
    assert explorer.count() == 1
    assert _tab_to(runbook, "Add") == ORDER


def test_another_address_and_a_trial_by_keyboard(runbook: NotebookPage, explorer: Locator) -> None:
    """Tab to the address, type: another winner. Take a range off: both answers side by side."""
    keys = runbook.page.keyboard
    explorer.get_by_text("Relay accepts 10.0.0.11 (EX10A) on EX16A").wait_for()
    _tab_to(runbook, "Source address")
    keys.press("Control+A")
    keys.type("10.0.0.99")
    explorer.get_by_text("Default Frontend EX16A accepts 10.0.0.99 on EX16A").wait_for()
    keys.press("Control+A")
    keys.type("10.0.0.")
    explorer.get_by_text("The format of the IP address 10.0.0. is invalid").wait_for()
    keys.type("12")
    explorer.get_by_text("Relay accepts 10.0.0.12 (EX10B) on EX16A").wait_for()
    _tab_to(runbook, "Remove")
    keys.type("10.0.0.12")
    explorer.get_by_text("EX10B (10.0.0.12): Default Frontend EX16A instead of Relay").wait_for()

    assert explorer.locator(".mf-side").count() == 2
    assert explorer.locator("svg").count() == 2
    _tab_to(runbook, "Reset")
    keys.press("Enter")
    explorer.locator("svg").nth(1).wait_for(state="detached")
    assert runbook.page.get_by_role("combobox", name="Remove").input_value() == ""
    assert explorer.locator(".mf-side").count() == 1


def test_another_server_by_keyboard(runbook: NotebookPage, explorer: Locator) -> None:
    """The space bar opens a list, arrows walk in it; the notebook takes none of these keys."""
    cell = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    before = runbook.page.evaluate(cell)
    for key in ("Space", "ArrowDown", "Enter"):
        runbook.page.keyboard.press(key)
    explorer.get_by_text("on EX16B, port 25").first.wait_for()

    assert runbook.page.get_by_label("Target server").input_value() == "EX16B"
    assert runbook.page.evaluate(cell) == before
    assert runbook.outside() == []
    assert runbook.errors == []


CELLS = {
    "open": """
import time
import mailflow
from mailflow.repair.request import edited

org = mailflow.open("demo:article")
changes = [edited(org, one, "Relay", remove=["10.0.0.11"]) for one in ("EX16A", "EX16B")]
""",
    "work": """
def work(names):
    print("asked for", *names)
    bar = mailflow.progress("Draining")
    for number in range(4):
        bar.step(number, 4, f"look {number}")
        time.sleep(0.5)
    bar.finish("the queues are empty")
""",
    "box": "mailflow.confirm_box(changes, work)",
    "queues": "mailflow.choose_queues(mailflow.non_empty_queues(org))",
}


def test_a_change_is_confirmed_and_followed(
    runbook_page: Callable[..., NotebookPage], tmp_path: Path
) -> None:
    """Typed by keyboard, made once; progress moves while the kernel is busy with just that."""
    shown = runbook_page(_notebook(tmp_path))
    shown.run_all()
    page, keys = shown.page, shown.page.keyboard
    button = page.get_by_role("button", name="Apply changes")
    first = page.get_by_label("Confirm change 1")
    first.focus()
    keys.type("EX16A\\relay")
    page.get_by_text("Case-sensitive: EX16A\\Relay").wait_for()
    assert button.is_disabled()
    keys.press("Control+A")
    keys.type("EX16A\\Relay")
    page.get_by_text("Selected for change: EX16A\\Relay. Unchanged: EX16B\\Relay.").wait_for()
    _tab_to(shown, "Apply changes")
    keys.press("Enter")
    bar = page.locator(".mf-progress")
    bar.get_by_role("progressbar", name="Draining").wait_for()
    bar.get_by_text("look 1").wait_for()
    assert "Done." not in (bar.text_content() or "")
    assert button.is_disabled()
    bar.get_by_text("Done. the queues are empty").wait_for()

    assert page.get_by_text("asked for EX16A\\Relay").count() == 1
    assert bar.get_by_role("progressbar").count() == 0
    assert shown.errors == []


def test_queues_are_chosen_by_keyboard(
    runbook_page: Callable[..., NotebookPage], tmp_path: Path
) -> None:
    """The stuck ones are ticked; the space bar changes that, and the next cell sees it."""
    shown = runbook_page(_notebook(tmp_path))
    shown.run_all()
    boxes = shown.page.get_by_role("checkbox")
    ticked = [boxes.nth(number).is_checked() for number in range(boxes.count())]
    boxes.first.focus()
    shown.page.keyboard.press("Space")
    shown.page.keyboard.press("Tab")
    shown.page.get_by_text("1 of 6 chosen.").wait_for()

    assert ticked == [True, True, False, False, False, False]
    assert shown.page.evaluate(LABEL).startswith("EX10B\\902: 83 messages")
    assert shown.errors == []


def _notebook(folder: Path) -> Path:
    cells = [
        {
            "cell_type": "code",
            "id": name,
            "source": source,
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        }
        for name, source in CELLS.items()
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    document = {
        "cells": cells,
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    file = folder / "confirm.ipynb"
    file.write_text(json.dumps(document), encoding="utf-8")
    return file
