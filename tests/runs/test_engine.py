"""The executed notebook is saved where it holds something new."""

from __future__ import annotations

from datetime import timedelta

import nbformat
from papermill.engines import NotebookExecutionManager

from mailflow.runs.engine import LONGEST, sparing

KINDS = ("markdown", "code", "markdown", "code")


def _manager() -> tuple[NotebookExecutionManager, list[int]]:
    """Of a notebook with cells of these kinds; and the number of outputs in each save."""
    cells = [
        {"cell_type": kind, "metadata": {"papermill": {}}, "source": ""}
        | ({"outputs": [], "execution_count": None} if kind == "code" else {})
        for kind in KINDS
    ]
    notebook = nbformat.from_dict({"cells": cells, "metadata": {"papermill": {}}, "nbformat": 4})  # type: ignore[no-untyped-call]
    manager = NotebookExecutionManager(notebook, progress_bar=False)
    manager.notebook_start()
    saves: list[int] = []

    def save() -> None:
        manager.last_save_time = manager.now()
        saves.append(sum(len(cell.get("outputs", ())) for cell in manager.nb.cells))

    manager.save = sparing(manager, save)
    return manager, saves


def _execute(manager: NotebookExecutionManager, *, failing: bool) -> None:
    for number, cell in enumerate(manager.nb.cells):
        manager.cell_start(cell, number)
        if cell.cell_type == "code":
            cell.outputs = [number]
            if failing:
                manager.cell_exception(cell, number, exception=ValueError())
        manager.cell_complete(cell, number)


def test_each_cell_with_code_is_saved_once_it_ended() -> None:
    """With what it showed, also where it failed; text alone is no reason."""
    for failing in (False, True):
        manager, saves = _manager()
        _execute(manager, failing=failing)

        assert saves == [1, 2]


def test_a_long_cell_is_saved_while_it_runs() -> None:
    """What it showed so far would be lost with the process."""
    manager, saves = _manager()
    cell = manager.nb.cells[1]
    manager.cell_start(cell, 1)
    cell.outputs = [1]
    manager.save()
    assert saves == []

    manager.last_save_time -= LONGEST + timedelta(seconds=1)
    manager.save()
    manager.save()

    assert saves == [1]
