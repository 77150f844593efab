"""The lines of a long text one after another, without a list of all of them in memory."""

from __future__ import annotations

from collections.abc import Iterator

_PIECE = 2**20


def each_line(text: str) -> Iterator[str]:
    r"""What `text.split("\n")` gives, piece by piece."""
    begin = 0
    while (end := text.find("\n", begin + _PIECE)) >= 0:
        yield from text[begin:end].split("\n")
        begin = end + 1
    yield from text[begin:].split("\n")
