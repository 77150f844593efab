"""The runbooks of an incident, run in JupyterLab: whatever they show can be seen whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_pages import ALL_DRAWN, NotebookPage
from serving import as_set, served

WIDE = [1440, 1024]
LONG = pytest.mark.long
UNFOLDED = ".jp-CodeCell:not(:has(.jp-InputPlaceholder))"
"""Cells that show their code."""


def _is_whole(shown: NotebookPage) -> None:
    """Run from top to bottom: nothing cut in either width, and no code but the parameters."""
    shown.run_all()
    shown.page.locator(".jp-OutputArea-output .mf-card").wait_for(timeout=90_000)

    assert [shown.cut(wide) for wide in WIDE] == [[], []]
    assert shown.page.locator(UNFOLDED).count() == 1


@pytest.mark.parametrize(
    ("runbook", "source"),
    [
        ("mail_stuck_in_queue", "demo:article"),
        pytest.param("mail_stuck_in_queue", "demo:incomplete", marks=LONG),
        pytest.param("connector_audit", "demo:relay-hidden-by-failover", marks=LONG),
    ],
)
def test_what_is_shown_is_whole(
    runbook_page: Callable[..., NotebookPage], runbook: str, source: str
) -> None:
    """A cause, missing data, issues of an audit, at 1440 and at 1024 pixels."""
    _is_whole(runbook_page(runbook, source=source, settings=ALL_DRAWN))


@pytest.mark.long
def test_a_repair_is_whole(runbook_page: Callable[..., NotebookPage], tmp_path: Path) -> None:
    """The change request, with its form to confirm."""
    with served() as one:
        reach = one.endpoints
        variables = reach.options.to_environment() | reach.env
        _is_whole(runbook_page(as_set(tmp_path, one), settings=ALL_DRAWN, **variables))
