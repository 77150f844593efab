"""How the lines of one value join again: a console cuts through words, people wrap between them.

The reader of exports knows exactly how PowerShell cuts, and says so where it can't tell; a pasted
text is explained in any case, so here the likelier of the two is taken.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_CONSOLES = frozenset({79, 80, 99, 100, 119, 120, 131, 132, 139, 140, 159, 160, 199, 200})
"""Widths at which a console cuts; one line alone cannot show its width by another."""
_WORDS = frozenset(
    re.findall(
        "[a-z]+",
        "primary target ip address responded with cannot achieve exchange server authentication"
        " attempted failover to alternate host but that did not succeed either there are no hosts"
        " or delivery failed all the last endpoint was connection unable connect service available"
        " temporary error encountered while communicating dropped timed out winsock socket code"
        " query nonexistent domain message active failure remote returned",
    )
)
"""Words that Exchange writes into LastError: they tell a cut word from two words."""
_LAST_WORD = re.compile(r"([A-Za-z]{1,30})([.,:;\"]{0,2})\Z")
_FIRST_WORD = re.compile(r"\"?([A-Za-z]{1,30}|[2-5]\d\d\b)")
_LAST_CODE = re.compile(r"(?<!\d)[2-5]\d\d\Z")
_ENHANCED = re.compile(r"[2-5]\.\d{1,3}\.\d")


def join(pieces: Sequence[str], widths: Sequence[int]) -> str:
    """The value of these pieces in one line.

    Cut lines have one width; the blank at which a line was cut may stand at its end, at the start
    of the next one, or be lost.

    Args:
        pieces: each line's part of the value, without its indent.
        widths: how long each line is, with it.
    """
    cut, most = widths[:-1], max(widths[:-1], default=0)
    blank = [piece.startswith(" ") for piece in pieces[1:]]
    is_cut = min(cut, default=0) >= most - 1 if len(cut) > 1 else bool(_CONSOLES.intersection(cut))
    is_cut = is_cut or (any(blank) and not all(blank))
    if not is_cut:
        pieces = [piece.strip() for piece in pieces]
    parts = [*pieces[:1]]
    for left, width, right in zip(pieces, cut, pieces[1:], strict=False):
        parts += (_glue(left, right, is_cut=is_cut, is_short=width < most), right)
    return "".join(parts)


def _glue(left: str, right: str, *, is_cut: bool, is_short: bool) -> str:
    """What stands between two pieces: a blank, or nothing."""
    tail = left[-40:]
    if _LAST_CODE.search(tail) and _ENHANCED.match(right):
        return " "
    before, after = _LAST_WORD.search(tail), _FIRST_WORD.match(right)
    if before and after:
        first, second = before[1].casefold(), after[1].casefold()
        if first in _WORDS and (second in _WORDS or (before[2] and second.isdigit())):
            return " "
        if not before[2] and first + second in _WORDS:
            return ""
    return "" if is_cut and (right.startswith(" ") or not is_short) else " "
