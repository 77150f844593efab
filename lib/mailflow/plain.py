"""Plain text for terminals and tickets: hostile characters made visible, columns that fit."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

GAP = "  "
"""What stands between two columns."""

NARROWEST = 8
"""A column below this width cannot be read; a table then becomes one block per row."""

_BREAKING = frozenset({"Cc", "Cs", "Zl", "Zp"})
"""Categories of characters that break a line, or the file it is written to."""

LONGEST_WORD = 24
"""Words up to this length stay whole where the columns leave room for that."""


def visible(text: str) -> str:
    r"""The text with every character that is not shown as itself written out, `\x1b`, `\u202e`.

    Terminal control, bidirectional overrides, zero-width characters and lone surrogates can make a
    line look like another one, or break the file it is written to. Line feeds stay.
    """
    if text.isprintable():
        return text
    return "".join(_shown(character) for character in text.replace("\r\n", "\n"))


def keeps_its_line(text: str) -> bool:
    """Whether a text holds no line break, control character or half character."""
    return text.isprintable() or not any(
        unicodedata.category(character) in _BREAKING for character in text
    )


def one_line(text: str, most: int | None = None) -> str:
    """A text from outside on one line, with all that is not shown as itself written out.

    A line feed in a name must not begin a line that looks like another one, or a second command.

    Args:
        text: of any length.
        most: characters to show at most; None: all.
    """
    line = visible(text).replace("\n", "\\x0a")
    return line if most is None or len(line) <= most else f"{line[: most - 3]}..."


def unbroken(text: str) -> str:
    """A message over several lines as one, with single blanks between its words."""
    return " ".join(text.split())


def width(text: str) -> int:
    """How many terminal cells a line takes: two for wide characters, none for combining ones."""
    if text.isascii():
        return len(text)
    return sum(map(_cells, text))


def wrap(text: str, cells: int) -> list[str]:
    """The lines of a text, none wider than `cells`; a word longer than that is broken.

    A number stays with its unit of time, `2 h 14 min`. A long word breaks behind a dot, slash or
    comma where one is near. Line feeds in the text are kept; an empty text is one empty line.
    """
    lines = []
    for paragraph in text.split("\n"):
        line = ""
        for word in _WORDS.findall(paragraph):
            joined = f"{line} {word}" if line else word
            if width(joined) <= cells:
                line = joined
                continue
            if line:
                lines.append(line)
            *full, line = _pieces(word, cells)
            lines.extend(full)
        lines.append(line)
    return lines


_WORDS = re.compile(r"\(?\d+ (?:d|h|min|s)\b(?: \d+ (?:h|min)\b)?\S*|\S+")
_JOINTS = ".,;/\\"


def grid(
    head: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool], cells: int = 80
) -> str:
    """A table in `cells` columns: aligned, wrapped within its cells, the widest columns give way.

    Args:
        head: the headings.
        rows: the texts, a sequence for each row, as long as `head`.
        right: which columns are aligned to the right.
        cells: the width of the whole.
    """
    if not head:
        return ""
    widths = _fit(head, rows, cells - len(GAP) * (len(head) - 1))
    if widths is None:
        return _blocks(head, rows, cells)
    lines = _lines(head, widths, right)
    lines.append(GAP.join("-" * size for size in widths))
    for row in rows:
        lines.extend(_lines(row, widths, right))
    return "\n".join(lines)


def kept_whole(text: str) -> list[tuple[str, bool]]:
    r"""A text in pieces, and which of them must not be broken at the end of a line.

    A browser breaks after each hyphen. Names of servers, queues and connectors, ranges, parameters
    and cmdlets are read, and typed, as one word: `EX10-A\1187`, `10.0.0.1-10.0.0.9`. Words of a
    language and what is longer than a line stay as they are.
    """
    pieces: list[tuple[str, bool]] = []
    end = 0
    for found in _WHOLE.finditer(text):
        word = found[0]
        if len(word) > _LONGEST_WHOLE or not _IS_NAME.search(word):
            continue
        pieces += [(text[end : found.start()], False), (word, True)]
        end = found.end()
    return [piece for piece in [*pieces, (text[end:], False)] if piece[0]]


_WHOLE = re.compile(r'"[^"\n]*",?|[^\s"]+')
_IS_NAME = re.compile(r"-.*[\\\d]|[\\\d].*[-/ ]|^-\w|^\W?(?:ms|[A-Z]\w*)(?:-[A-Z]\w*)+\W*$|^\".*\"")
_LONGEST_WHOLE = 44


def _shown(character: str) -> str:
    if character == "\n" or character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    if character == "\t":
        return "    "
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _pieces(word: str, cells: int) -> list[str]:
    pieces, start, used = [], 0, 0
    for place, character in enumerate(word):
        taken = _cells(character)
        if used + taken > cells and place > start:
            end = 1 + max(word.rfind(joint, start, place) for joint in _JOINTS)
            end = end if end > (start + place) // 2 else place
            pieces.append(word[start:end])
            start, used = end, width(word[end:place])
        used += taken
    return [*pieces, word[start:]]


def _natural(texts: Sequence[str]) -> int:
    return max((width(line) for text in texts for line in text.split("\n")), default=0)


def _fit(head: Sequence[str], rows: Sequence[Sequence[str]], room: int) -> list[int] | None:
    """Widths that add up to at most `room`; None where the columns are too many for it."""
    columns = list(zip(head, *rows, strict=True))
    natural = [min(max(_natural(column), 1), room) for column in columns]
    words = [max(map(width, " ".join(column).split()), default=1) for column in columns]
    least = [min(size, LONGEST_WORD) for size in words]
    if sum(least) > room:
        least = [min(size, NARROWEST) for size in natural]
    if sum(least) > room:
        return None
    widths = natural
    for _ in range(sum(widths) - room):
        widest = max(
            (place for place, size in enumerate(widths) if size > least[place]),
            key=lambda place: widths[place],
        )
        widths[widest] -= 1
    return widths


def _lines(row: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> list[str]:
    cells = [wrap(text, size) for text, size in zip(row, widths, strict=True)]
    height = max(map(len, cells))
    lines = []
    for number in range(height):
        parts = []
        for lines_of_cell, size, is_right in zip(cells, widths, right, strict=True):
            text = lines_of_cell[number] if number < len(lines_of_cell) else ""
            blanks = " " * (size - width(text))
            parts.append(blanks + text if is_right else text + blanks)
        lines.append(GAP.join(parts).rstrip())
    return lines


def _blocks(head: Sequence[str], rows: Sequence[Sequence[str]], cells: int) -> str:
    size = min(max(map(width, head)), cells // 3)
    blocks = []
    for row in rows:
        lines: list[str] = []
        for pair in zip(head, row, strict=True):
            lines.extend(_lines(pair, (size, cells - size - len(GAP)), (False, False)))
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)
