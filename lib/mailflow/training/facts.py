"""What the facts named in a lesson say, where the documents are at hand."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache

from mailflow.own_files import beside

FILE = beside("docs/facts.md")

_ID = re.compile(r"\b[SCL]\d+(?:\.\d+[a-z]?)?\b")
_ROW = re.compile(r"^\| (\S+) \| (.*?) \|", re.MULTILINE)


def named_in(texts: Iterable[str]) -> list[tuple[str, str]]:
    """Id and words of each fact that the texts name, in order, each once."""
    known = _known()
    ids = dict.fromkeys(fact for text in texts for fact in _ID.findall(text))
    return [(fact, known[fact]) for fact in ids if fact in known]


@cache
def _known() -> dict[str, str]:
    try:
        text = FILE.read_text(encoding="utf-8")
    except OSError:
        return {}
    return {fact: words.replace("`", "") for fact, words in _ROW.findall(text)}
