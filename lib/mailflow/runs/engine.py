"""papermill's engine, saving where an executed notebook holds something new.

papermill saves before and after each cell, also those of text; a notebook of thirty cells is then
written sixty times, which is a sixth of a whole run.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines

LONGEST = timedelta(seconds=5)
"""After this time the notebook is saved again though no cell has ended: a long one tells more."""

_NAME = "mailflow"
_ENDED = (NotebookExecutionManager.COMPLETED, NotebookExecutionManager.FAILED)


class SparingEngine(NBClientEngine):  # type: ignore[misc]
    """Saves after each cell with code, and while one takes long."""

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,
        **options: Any,  # noqa: ANN401 - as papermill hands them on
    ) -> None:
        """Execute the notebook, as papermill's own engine does."""
        nb_man.save = sparing(nb_man, nb_man.save)
        super().execute_managed_notebook(nb_man, kernel_name, **options)


def sparing(manager: NotebookExecutionManager, save: Callable[[], None]) -> Callable[[], None]:
    """A `save` that does nothing until a cell with code has ended, or `LONGEST` has passed."""
    saved = 0

    def save_what_is_new() -> None:
        nonlocal saved
        ended = sum(
            cell["cell_type"] == "code" and cell["metadata"]["papermill"]["status"] in _ENDED
            for cell in manager.nb["cells"]
        )
        if ended != saved or manager.now() - manager.last_save_time >= LONGEST:
            saved = ended
            save()

    return save_what_is_new


def registered() -> str:
    """The name by which papermill finds the engine."""
    papermill_engines.register(_NAME, SparingEngine)
    return _NAME
