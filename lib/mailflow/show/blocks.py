"""The blocks of a terminal screen: a label, and the text behind it, wrapped within the width."""

from __future__ import annotations

from collections.abc import Iterable

from mailflow.picture import Tone
from mailflow.plain import one_line, width, wrap

LABEL = 14
"""Where the text begins: behind the longest label."""

_COLOURS = {"bad": "\x1b[1;31m", "unknown": "\x1b[1;33m", "good": "\x1b[1;32m"}
_PLAIN = "\x1b[0m"


def section(label: str, lines: Iterable[str]) -> list[str]:
    """A label before the first of some lines that are short enough already; none without lines."""
    heads = [label.ljust(LABEL)]
    return [((heads.pop() if heads else " " * LABEL) + line).rstrip() for line in lines]


def block(label: str, texts: Iterable[str], room: int) -> list[str]:
    """A label before texts that are wrapped here, each from a line of its own."""
    return section(label, [line for text in texts for line in hang("", text, room - LABEL)])


def verdict(
    label: str, texts: Iterable[str], room: int, tone: Tone = "", *, colour: bool = False
) -> list[str]:
    """A block whose label is coloured on a terminal that can; colour only repeats the label.

    A label that is longer than its place has a line of its own.
    """
    long = len(label) >= LABEL
    lines = [*([label] if long else []), *block("" if long else label, texts, room)]
    if colour and tone and lines:
        lines[0] = f"{_COLOURS[tone]}{label}{_PLAIN}{lines[0][len(label) :]}"
    return lines


def commands(label: str, lines: Iterable[str]) -> list[str]:
    """A label before commands, which never wrap: they are pasted."""
    return section(label, map(one_line, lines))


def hang(head: str, text: str, cells: int) -> list[str]:
    """A text behind a head of its own, wrapped, with the further lines below its beginning.

    Line feeds do not begin a line: a name that holds one must not look like two.
    """
    shown = one_line(head)
    first, *further = wrap(one_line(text), max(cells - width(shown), 1))
    blank = " " * width(shown)
    return [shown + first, *(blank + line for line in further)]
