"""The executed notebook in its run folder: written whole after each cell, whatever its path.

papermill itself stops in the middle of a run where a disk is full, which would kill a kernel that
changes something, and takes no folder whose name holds a brace or is no text.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from pathlib import Path

from mailflow.snapshot import write_whole

_NUMBERS = count(1)
"""Several runs of one process have a name each, or one would write what another ran."""


@dataclass(slots=True)
class Keeper:
    """Takes what papermill saves; the last that could be written stays.

    Attributes:
        path: the notebook.
        fault: why it could not be written last time; None: it was.
    """

    path: Path
    fault: OSError | None = None

    def write(self, text: str, _name: str) -> None:
        """Write it, whole; raises nothing."""
        try:
            write_whole(self.path, text)
        except OSError as error:
            self.fault = error
        else:
            self.fault = None

    def pretty_path(self, name: str) -> str:
        """What papermill's log calls it."""
        return name

    def registered(self) -> str:
        """The name by which papermill finds it."""
        from papermill.iorw import papermill_io

        name = f"mailflow-{next(_NUMBERS)}:notebook.ipynb"
        papermill_io.register(name, self)
        return name
