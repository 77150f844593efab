"""Every fact a rule or a test cites is told in docs/facts.md, once."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

import pytest

from support import ROOT

# The shapes ids have: S4.03a, C16, L6. A longer number or a word beside it is something else.
SHAPE = r"S\d{1,2}\.\d{2}[a-e]?|C(?:1[0-6]|[1-9])|L[1-6]"
CITED = re.compile(rf"(?<![\w.:/\\#-])({SHAPE})(?![\w:/\\-]|\.\d)")
RANGE = re.compile(rf"(?<![\w.])({SHAPE})(?: to |-|–|\.\.)({SHAPE})(?!\w)")  # noqa: RUF001 - dash
ROW = re.compile(rf"^\| ({SHAPE}) \|", re.MULTILINE)


@cache
def told() -> Counter[str]:
    """The ids that docs/facts.md has a row for, and how many rows."""
    return Counter(ROW.findall((ROOT / "docs/facts.md").read_text(encoding="utf-8")))


def cited(text: str) -> set[str]:
    """The ids a text cites; of a range all that lie in between and are told."""
    found = set(CITED.findall(text))
    for first, last in RANGE.findall(text):
        found |= {first, last}
        if first[0] == last[0] == "S":
            found |= {one for one in told() if first <= one <= last}
    return found


def test_every_cited_fact_is_told() -> None:
    """No rule and no test rests on a fact that nobody can look up."""
    untold = {
        f"{path.relative_to(ROOT)}: {one}"
        for folder in ("lib", "tests")
        for path in sorted((ROOT / folder).rglob("*.py"))
        for one in cited(path.read_text(encoding="utf-8")) - set(told())
    }

    assert untold == set()


def test_every_fact_is_told_once() -> None:
    """Each id has one row, and each row says how sure the fact is and where it comes from."""
    twice = [one for one, rows in told().items() if rows > 1]
    text = (ROOT / "docs/facts.md").read_text(encoding="utf-8")
    bare = [
        line
        for line in text.splitlines()
        if ROW.match(line) and not re.search(r"\| [DBFIPR](, [DBFIPR])* \| [^|]+ \|$", line)
    ]

    assert len(told()) > 150
    assert (twice, bare) == ([], [])


@pytest.mark.parametrize(
    "section", ["S1.", "S2", "S3", "S4", "S5", "S6", "S8", "S9", "S10", "C", "L"]
)
def test_sections_are_there(section: str) -> None:
    """Facts, causes and look-alikes alike."""
    assert [one for one in told() if one.startswith(section)]


def test_truth_table_is_told() -> None:
    """Section 1.3: the twelve cases of the selection, a to l."""
    text = (ROOT / "docs/facts.md").read_text(encoding="utf-8")
    table = text[text.index("### 1.3") : text.index("### 1.4")]

    assert re.findall(r"^\| ([a-z]) \|", table, re.MULTILINE) == list("abcdefghijkl")


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("smaller wins (S1.13), C1 and L2.", {"S1.13", "C1", "L2"}),
        ("from S4.03a, S4.03b", {"S4.03a", "S4.03b"}),
        ("S1.30 to S1.33", {"S1.30", "S1.31", "S1.32", "S1.33"}),
        ("S101 C901 C17 L7 HL2 2001:db8::C4 v1.S1.13 S1.130", set()),
    ],
)
def test_citations_are_seen(text: str, ids: set[str]) -> None:
    """What is an id, what only looks like one, and what a range stands for."""
    assert cited(text) == ids
