"""How the pieces of a value that a console cut join again.

PowerShell cuts a value at blanks in six languages (a word brings its blank along, a word wider than
a line starts on the line before it) and hard in all others. Files keep the blank at a line's end:
there the pieces join with nothing between them. The screen and Start-Transcript lose it, and then
only the widths of the pieces tell a lost blank from a word that was cut in two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

_WORD = re.compile(r"[^ \t]*[ \t]?")
# A reply's code, cut in two: no text of Exchange holds a part of one (`"45` and `1 5.7.3`).
_CODE = re.compile(r"""(?:^|[\s"'=])[245](?:\0\d\d|\d\0\d)[ -][245]\.\d""")
_EDGES = "\"'.,;:()[]{}"
# Words that Exchange itself writes into LastError: they tell a cut word from two words.
_COMMON = frozenset(
    re.findall(
        "[a-z]+",
        "primary target address responded with cannot achieve exchange server authentication"
        " attempted failover alternate host that did not succeed either there are hosts delivery"
        " failed all connection last endpoint unable connect service available temporary",
    )
)


def cells(text: str) -> int:
    """The width of a text on a console; a wide character takes two cells.

    The rule is PowerShell's own: characters count by UTF-16 units, none has width zero.
    """
    if text.isascii():
        return len(text)
    return sum(2 if _is_wide(ord(character)) else 1 for character in text)


def _is_wide(code: int) -> bool:
    return code >= 0x1100 and (
        code <= 0x115F
        or code in (0x2329, 0x232A)
        or (0x2E80 <= code <= 0xA4CF and code != 0x303F)
        or 0xAC00 <= code <= 0xD7A3
        or 0xF900 <= code <= 0xFAFF
        or 0xFE10 <= code <= 0xFE19
        or 0xFE30 <= code <= 0xFE6F
        or 0xFF00 <= code <= 0xFF60
        or 0xFFE0 <= code <= 0xFFE6
        or code > 0xFFFF
    )


@dataclass(frozen=True, slots=True)
class ConsoleSigns:
    """What the values of an object show about the console that cut them.

    Attributes:
        widest: cells of the longest piece: no line is shorter than this.
        kept: pieces end in the blank at which they were cut: the text went into a file.
        at_blanks: most pieces are shorter than the line: this language cuts at blanks.
        hard: all pieces are full, and a word is cut in two: this language doesn't.
        words: whole words, folded.
    """

    widest: int
    kept: bool
    at_blanks: bool
    hard: bool
    words: frozenset[str]

    @classmethod
    def of(cls, values: Sequence[Sequence[str]]) -> ConsoleSigns:
        """The evidence in the values of one object, or of several out of one console."""
        cut = [pieces for pieces in values if len(pieces) > 1]
        kept = any(piece.endswith(" ") and piece.strip() for pieces in cut for piece in pieces[:-1])
        widest = max(
            (cells(piece if kept else piece.rstrip()) for pieces in values for piece in pieces),
            default=0,
        )
        if kept or not cut:
            return cls(widest, kept, at_blanks=False, hard=False, words=frozenset())
        words = frozenset(_inner_words(cut)) | _COMMON
        # Where several blanks stand together, how many a cut took away can't be told.
        seams = [seam for pieces in cut if not _is_spaced_out(pieces) for seam in _seams(pieces)]
        short = sum(
            cells(left + " " + right[:1]) <= widest and not _fits(left + " ", right, widest)
            for left, right in seams
        )
        at_blanks = 0 < len(seams) <= 2 * short
        hard = not at_blanks and any(_cuts_word(left, right, words) for left, right in seams)
        hard = hard and all(cells(left) >= widest - 1 for left, right in seams)
        return cls(widest, kept, at_blanks, hard, words)


def join(pieces: Sequence[str], evidence: ConsoleSigns) -> str | None:
    """The value that was cut into these pieces; None where the evidence does not decide."""
    if len(pieces) == 1:
        return pieces[0]
    if any("\ufffd" in (left[-1:], right[:1]) for left, right in _seams(pieces)):
        return None  # half a character
    if not evidence.kept and _is_spaced_out(pieces):
        return None
    spaced = not any(re.search(r",\S", piece) for piece in pieces)
    parts = [pieces[0] if evidence.kept else pieces[0].rstrip()]
    for left, right in _seams(pieces, strip=not evidence.kept):
        glue = (
            _glue_kept(left, right, evidence.widest)
            if evidence.kept
            else (
                " "
                if spaced and left.endswith(",") and not right.startswith(" ")
                else _glue_lost(left, right, evidence)
            )
        )
        if glue is None:
            return None
        parts += (glue, right)
    return "".join(parts)


def _seams(pieces: Sequence[str], *, strip: bool = True) -> Iterator[tuple[str, str]]:
    for left, right in pairwise(pieces):
        yield (left.rstrip(), right.rstrip()) if strip else (left, right)


def _is_spaced_out(pieces: Sequence[str]) -> bool:
    return any("  " in piece.strip() for piece in pieces)


def _first_word(text: str) -> str:
    found = _WORD.match(text)
    return found[0] if found else ""


def _last_word(text: str) -> str:
    return text[max(text.rfind(" "), text.rfind("\t")) + 1 :]


def _fits(left: str, right: str, width: int) -> bool:
    """Whether the next word would have had room on the line: then it was no cut but a new line."""
    return cells(left) + cells(_first_word(right)) <= width


def _glue_kept(left: str, right: str, widest: int) -> str:
    if left.endswith((" ", "\t")):
        return "\n" if _fits(left, right, widest) else ""
    return "" if cells(left) + cells(right[:1] or " ") > widest else "\n"


def _glue_lost(left: str, right: str, evidence: ConsoleSigns) -> str | None:
    if right.startswith(" ") or _CODE.search(f"{left[-3:]}\0{right[:8]}"):
        return ""
    width, widest, word = cells(left), evidence.widest, _first_word(right)
    full = width + cells(right[:1] or " ") > widest
    if evidence.hard:
        if width >= widest:
            return ""
        return None if full else " "  # a wide character had no room, or a blank was lost
    if evidence.at_blanks and cells(_last_word(left) + word) <= widest:
        full = False
    blank = width + 1 + cells(word) > max(width + 1, widest)
    if full and blank:
        return " " if _are_words(left, right, evidence.words) else None
    return "" if full else " " if blank else "\n"


def _bare(word: str) -> str:
    return word.strip().strip(_EDGES).casefold()


def _cuts_word(left: str, right: str, words: frozenset[str]) -> bool:
    """Whether the seam goes through a word that stands whole elsewhere."""
    first, second = _last_word(left), _first_word(right)
    whole = _bare(first + second)
    return (
        len(whole) >= 4
        and whole in words
        and _bare(first) not in words
        and _bare(second) not in words
    )


def _are_words(left: str, right: str, words: frozenset[str]) -> bool:
    """Whether both sides of the seam are words that stand whole elsewhere."""
    first, second = _last_word(left), _first_word(right)
    return (
        min(len(_bare(first)), len(_bare(second))) >= 3
        and {_bare(first), _bare(second)} <= words
        and _bare(first + second) not in words
    )


def _inner_words(values: Iterable[Sequence[str]]) -> Iterator[str]:
    """Words that no seam touches."""
    for pieces in values:
        for number, piece in enumerate(pieces):
            found = piece.split()
            last = len(found) - 1 if number < len(pieces) - 1 else len(found)
            yield from map(_bare, found[1 if number else 0 : last])
