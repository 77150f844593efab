"""A disk on which nothing can be written from some moment on."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from mailflow.snapshot import files


@dataclass
class Disk:
    """Stands in for `write_whole` wherever it is used.

    Attributes:
        room: how many files can still be written.
        written: names of those that were.
    """

    room: int
    written: list[str] = field(default_factory=list)

    def write(self, path: Path, text: str) -> None:
        """Write it, or find the disk full."""
        if len(self.written) >= self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        self.written.append(path.name)
        files.write_whole(path, text)


def fill(monkeypatch: pytest.MonkeyPatch, room: int, modules: Sequence[str]) -> Disk:
    """Leave room for so many files; modules are those that write."""
    disk = Disk(room)
    for module in modules:
        monkeypatch.setattr(f"{module}.write_whole", disk.write)
    return disk
