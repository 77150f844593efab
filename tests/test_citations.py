"""What code and tests cite can be looked up: a section of docs/contract.md or of docs/facts.md.

A fact is cited by its id, and `test_facts.py` holds those.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from support import ROOT

_NUMBER = r"\d{1,2}(?:\.\d{1,2})?"
_NUMBERS = rf"({_NUMBER}(?:(?:, | and |, and | to ){_NUMBER})*)(?![\w-]|\.\d)"
CONTRACT = re.compile(rf"\bcontract,? (?:sections? )?{_NUMBERS}", re.IGNORECASE)
FACTS = re.compile(rf"\bsections? {_NUMBERS}", re.IGNORECASE)
HEADING = re.compile(r"^##+ (\d+(?:\.\d+)?) \S", re.MULTILINE)

SOURCES = re.compile(r"\b(?:sources|facts)=\(([^)]*)\)")
"""What a check or a row of the catalogue rests on: ids, and sections by their number alone."""

BARE = re.compile(
    r"\((?:[SCL][\w.]+, )*\d{1,2}\.\d{1,2}(?:, (?:[SCL][\w.]+|\d{1,2}\.\d{1,2}))*\)(?:[.:]|\s*$)"
)
"""A number in parentheses at the end of a sentence: a section of what?"""

UNKNOWN = re.compile(
    r"\b(?:lab|jupyter|performance|exchange|words|design)\.md\b"
    r"|\b(?:lab|jupyter|performance|(?<!by )design|issues?),? (?:sections? )?#?\d{1,2}(?:\.\d+)?\b"
    r"|\bwhat was tried\b|\blaboratory\b|\bdesign notes\b",
    re.IGNORECASE,
)
"""Documents that are no part of the project, by the names that they have had."""

CITING = [
    path
    for folder, ending in (("lib", "py"), ("lib", "json"), ("lib", "ps1"), ("tests", "py"))
    for path in sorted((ROOT / folder).rglob(f"*.{ending}"))
    if path != Path(__file__) and "stored" not in path.parts
]


@cache
def headings(document: str) -> frozenset[str]:
    """The numbers of the sections of a document in docs/."""
    return frozenset(HEADING.findall((ROOT / "docs" / document).read_text(encoding="utf-8")))


def in_one_line(text: str) -> str:
    """A text whose sentences are not broken: a citation may stand on two lines."""
    return re.sub(r"\s*\n\s*(?:#:? )?", " ", text)


def broken(text: str) -> Iterator[str]:
    """Each citation that leads nowhere."""
    flat = in_one_line(text)
    yield from UNKNOWN.findall(flat)
    for pattern, document in ((CONTRACT, "contract.md"), (FACTS, "facts.md")):
        for found in pattern.finditer(flat):
            for number in re.findall(_NUMBER, found[1]):
                if number not in headings(document):
                    yield f"{document}: {found[0]}"
        flat = pattern.sub("", flat)
    for quoted in SOURCES.findall(flat):
        for number in re.findall(rf'"({_NUMBER})"', quoted):
            if number not in headings("facts.md"):
                yield f"facts.md: {number}"


def without_a_document(text: str) -> Iterator[str]:
    """Each section that is named by its number alone, in a docstring or a comment."""
    for line in text.splitlines():
        spoken = re.search(r'(?:"""|# )(.*?)(?:"""|$)', line)
        if spoken and (found := BARE.search(spoken[1])):
            yield found[0]


def test_every_citation_leads_somewhere() -> None:
    """No sentence of the package or of its tests rests on a text that nobody can look up."""
    found = [
        f"{path.relative_to(ROOT)}: {one}"
        for path in CITING
        for one in broken(path.read_text(encoding="utf-8"))
    ]

    assert len(CITING) > 400
    assert found == []


def test_a_section_is_cited_with_its_document() -> None:
    """`(section 3.4)` and `(contract 8.4)`, never `(3.4)`."""
    found = [
        f"{path.relative_to(ROOT)}: {one}"
        for path in CITING
        if path.suffix == ".py"
        for one in without_a_document(path.read_text(encoding="utf-8"))
    ]

    assert found == []


@pytest.mark.parametrize("document", ["contract.md", "facts.md"])
def test_sections_are_numbered_once_and_in_order(document: str) -> None:
    """A number means one section."""
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    numbers = [tuple(map(int, one.split("."))) for one in HEADING.findall(text)]

    assert numbers == sorted(set(numbers))
    assert len(numbers) > 8


def test_pages_of_checks_cite_sections_that_are_there() -> None:
    """Each `section 6.2` in docs/checks/."""
    found = [
        f"{path.name}: {one}"
        for path in sorted((ROOT / "docs" / "checks").glob("*.md"))
        for one in broken(path.read_text(encoding="utf-8"))
    ]

    assert found == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("(contract, section 6), contract 8.4, Contract sections 7 and 8.6.", 0),
        ("sections 1.6, 2, 3.3 and 9; the section of a page", 0),
        ("the lab of 3 servers; by design 4 servers; Exchange 2010", 0),
        ("(contract, section 12)", 1),
        ("(contract\n    8.12)", 1),
        ("as said # in section\n# 3.9", 1),
        ("sections 1.2 and 77", 1),
        ('sources=("C1", "6.9")', 1),
        ("(lab 17.4)", 1),
        ("lab.md 17.3", 1),
        ("(design 6)", 1),
        ("section 10 of what was tried", 1),
        ("issue 5", 1),
    ],
)
def test_broken_citations_are_seen(text: str, wrong: int) -> None:
    """Each way of writing one."""
    assert len(list(broken(text))) == wrong


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('"""Refused (3.4)."""', 1),
        ("# by its number (8.5, 8.7)", 1),
        ("# with a fact (C9, 8.3)", 1),
        ('"""PowerShell 7 or (5.1); else text (section 3.4)."""', 0),
        ("time.sleep(2.1)", 0),
    ],
)
def test_sections_without_a_document_are_seen(text: str, wrong: int) -> None:
    """Only in words, not in code."""
    assert len(list(without_a_document(text))) == wrong
