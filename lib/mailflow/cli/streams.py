"""Standard streams that take whatever is written to them, and tell where they cannot.

A name that the code page of a console lacks is escaped, never an error. Whoever reads us may leave
before the end (`mailflow ... | head -1`), and a stream may be closed from the beginning (`>&-`):
the rest is dropped, the files of a run are written all the same, and the exit code stays that of
the command. Where an answer is lost because a disk is full, the command says so and ends with 2.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any, TextIO

from mailflow.errors import OutputError

_LEFT = (BrokenPipeError, ConnectionResetError)
"""What a write raises when nobody reads any more."""


def prepare() -> None:
    """Make the three standard streams ready; harmless a second time."""
    _fill_closed()
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: PTH123, SIM115 - stays open
    sys.stdout = _ready(sys.stdout, sys.__stdout__, telling=True)
    sys.stderr = _ready(sys.stderr, sys.__stderr__, telling=False)


def finish() -> None:
    """Write what still waits.

    Raises:
        OutputError: it cannot be written.
    """
    for stream in (sys.stdout, sys.stderr):
        stream.flush()


def _fill_closed() -> None:
    """Let no file that is opened later become standard output, and no child begin without one."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(number, True)  # noqa: FBT003 - takes no name
    os.close(number)


def _ready(stream: TextIO | None, first: TextIO | None, *, telling: bool) -> TextIO:
    if stream is None:  # closed before we began
        return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - stays open
    if not isinstance(stream, io.TextIOWrapper):
        return stream  # of an embedder, who knows what it takes
    stream.reconfigure(errors="backslashreplace")
    if stream is not first or stream.isatty():
        return stream
    stream.flush()
    raw = _Raw(stream.fileno(), telling=telling)
    return io.TextIOWrapper(
        io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=not telling,
    )


class _Raw(io.FileIO):
    """A pipe or file; after the first write that fails everything is dropped."""

    def __init__(self, number: int, *, telling: bool) -> None:
        super().__init__(number, "w", closefd=False)
        self._telling = telling

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - any buffer of bytes
        try:
            return super().write(data)
        except OSError as error:
            self._drop()
            if isinstance(error, _LEFT) or not self._telling:
                return len(data)
            raise OutputError(
                f"standard output cannot be written ({error.strerror}): the output is not complete"
            ) from error

    def _drop(self) -> None:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, self.fileno())
        os.close(nothing)
