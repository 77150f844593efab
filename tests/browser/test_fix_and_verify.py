"""The repair in JupyterLab: run all, choose, confirm, drained; over the real protocol."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from applying import NEW, OLD, RELAYS
from jupyter_pages import NotebookPage
from mailflow.apply.journal import Journal
from mailflow.simulated.endpoints import PASSWORD
from serving import FEW, Served, as_set, served

Open = Callable[..., NotebookPage]


def _drive(open_page: Open, home: Path, one: Served) -> None:
    """Run all, choose the queues, name both connectors, press the button, see it verified."""
    reach = one.endpoints
    variables = reach.options.to_environment() | reach.env
    shown = open_page(as_set(home, one), **variables)
    page = shown.page
    shown.run_all()
    cards = page.locator(".jp-OutputArea-output .mf-card")
    cards.first.wait_for(timeout=60_000)
    assert "proposed" in (cards.first.text_content() or "")
    assert one.lists() == [OLD, OLD]

    boxes = [page.get_by_role("checkbox", name=one) for one in ("EX10A\\1187", "EX10B\\902")]
    assert [one.is_checked() for one in boxes] == [True, True]
    boxes[1].uncheck()
    boxes[1].check()
    button = page.get_by_role("button", name="Apply changes")
    assert button.is_disabled()
    for number, name in enumerate(RELAYS, start=1):
        page.get_by_label(f"Confirm change {number}").fill(name)
    _picture(page, "confirm")
    button.click()
    cards.filter(has_text="Repaired and verified").wait_for(timeout=60_000)

    assert one.lists() == [NEW, NEW]
    assert one.waiting() < FEW
    assert "verified" in (cards.first.text_content() or "")
    assert page.locator(".jp-OutputArea-output[data-mime-type*=stderr]").count() == 0
    assert (shown.errors, shown.outside()) == ([], [])
    (folder,) = (shown.lab.folder / "runs").iterdir()
    assert [entry.note for entry in Journal.load(folder).connectors] == ["verified", "verified"]
    kept = json.loads((folder / "findings.json").read_text(encoding="utf-8"))
    assert kept["apply"]["state"] == "verified"
    everything = b"".join(file.read_bytes() for file in folder.iterdir())
    assert reach.env[PASSWORD].encode() not in everything
    _picture(page, "verified")


def _picture(page: object, name: str) -> None:
    folder = os.environ.get("MAILFLOW_TEST_PICTURES")
    if folder:
        page.screenshot(path=Path(folder, f"{name}.png"))  # type: ignore[attr-defined]


def test_run_all_choose_confirm_drained(runbook_page: Open, tmp_path: Path) -> None:
    """The article's case, from stuck to drained, by a person before JupyterLab."""
    with served() as one:
        _drive(runbook_page, tmp_path, one)


@pytest.mark.long
@pytest.mark.hours
@pytest.mark.parametrize("number", range(20))
def test_twenty_times_in_a_row(runbook_page: Open, tmp_path: Path, number: int) -> None:
    """It passes whenever it is asked to."""
    del number
    with served() as one:
        _drive(runbook_page, tmp_path, one)
