"""A runbook without a source in JupyterLab: the form, and the run after it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_pages import NotebookPage

Open = Callable[..., NotebookPage]


@pytest.mark.long
def test_a_source_is_chosen_and_the_runbook_runs(runbook_page: Open) -> None:
    """Run all stops at the form; a sample is taken by keyboard alone, run all shows the verdict."""
    shown = runbook_page("mail_stuck_in_queue", source="")
    page = shown.page
    shown.run_all()
    field = page.get_by_label("Path", exact=True)
    field.wait_for(timeout=60_000)
    error = page.locator(".jp-OutputArea-output[data-mime-type*=stderr]")
    page.wait_for_function("document.activeElement.tagName === 'INPUT'")
    error.wait_for(timeout=20_000)

    assert "choose one above" in error.inner_text()
    assert "Traceback" not in error.inner_text()
    assert page.locator(".jp-OutputArea-output .mf-card").count() == 0
    _picture(shown, "form")
    field.focus()
    for _ in range(20):
        if page.evaluate("document.activeElement.innerText") == "Use this sample":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.get_by_text("Now run all cells again").wait_for(timeout=20_000)
    shown.run_all()
    card = page.locator(".jp-OutputArea-output .mf-card").last
    card.wait_for(timeout=60_000)
    assert "CAUSE FOUND" in card.inner_text().upper()
    assert error.count() == 0
    _picture(shown, "chosen")


def _picture(shown: NotebookPage, name: str) -> None:
    folder = os.environ.get("MAILFLOW_TEST_PICTURES")
    if folder:
        shown.page.screenshot(path=Path(folder, f"source-{name}.png"))
