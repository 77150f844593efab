"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
import time
from contextlib import suppress
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Write a text file whole or not at all: a temporary file beside it, then a rename.

    A device or a pipe (/dev/stdout) is written to as it is, and never replaced.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        with path.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as there:
            there.write(text)
        return
    _clear_away(path)
    handle, name = tempfile.mkstemp(prefix=_begins(path), dir=path.parent)
    try:
        # Half of a surrogate pair has no UTF-8; its escape is the one JSON reads back.
        with os.fdopen(
            handle, "w", encoding="utf-8", errors="backslashreplace", newline="\n"
        ) as file:
            file.write(text)
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


_STRAY = 3600.0
"""Seconds after which nobody is still writing a temporary file."""


def _begins(path: Path) -> str:
    """How its temporary files are called: hidden, so that no reader of a folder takes one."""
    return f".{path.name}.mailflow-"


def _clear_away(path: Path) -> None:
    """Remove what a process that was killed had begun to write in place of this file."""
    with suppress(OSError):
        for file in path.parent.iterdir():
            if file.name.startswith(_begins(path)) and time.time() - file.stat().st_mtime > _STRAY:
                file.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
