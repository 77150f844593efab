"""One word, one thing: in docs/glossary.md, and among the names of classes."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from functools import cache

from support import ROOT

PACKAGE = ROOT / "lib" / "mailflow"
ROW = re.compile(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
CARRIER = re.compile(r"`(\w+)`(?: and `(\w+)`)? in `([\w/]+\.py)`")
ALIAS = re.compile(r"[A-Z][A-Za-z]*[a-z]")


@cache
def named() -> dict[str, tuple[str, ...]]:
    """Each public class, and each name of a type, to the modules that define it."""
    found: dict[str, list[str]] = defaultdict(list)
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        place = path.relative_to(PACKAGE).as_posix()
        names = [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        names += [
            target.id
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name) and ALIAS.fullmatch(target.id)
        ]
        for name in names:
            if not name.startswith("_"):
                found[name].append(place)
    return {name: tuple(places) for name, places in found.items()}


@cache
def rows() -> tuple[tuple[str, str, str], ...]:
    """Word, what it is, and what carries it."""
    text = (ROOT / "docs" / "glossary.md").read_text("utf-8")
    return tuple(row for row in ROW.findall(text) if row[0] not in ("word", "---"))


def test_a_class_name_means_one_thing() -> None:
    """Whoever reads a name need not ask of which package it is."""
    twice = {name: places for name, places in named().items() if len(places) > 1}

    assert len(named()) > 300
    assert set(twice) == set()


def test_a_word_is_told_once() -> None:
    """Each term has one row."""
    words = [word.strip().casefold() for row in rows() for word in row[0].split(",")]

    assert len(words) > 70
    assert len(words) == len(set(words))


def test_what_carries_a_word_is_there() -> None:
    """Each file is one of the package, and each class that is named stands in its file."""
    wrong = []
    for word, _, carriers in rows():
        wrong += [
            f"{word}: {file}"
            for file in re.findall(r"`([\w/]+\.py)`", carriers)
            if not (PACKAGE / file).is_file()
        ]
        for *classes, file in CARRIER.findall(carriers):
            wrong += [
                f"{word}: {name} in {file}"
                for name in filter(None, classes)
                if file not in named().get(name, ())
            ]
        told = {name for found in CARRIER.findall(carriers) for name in found[:2] if name}
        wrong += [
            f"{word}: {name} without a file"
            for name in re.findall(r"`([A-Z]\w+)`", carriers)
            if name not in told
        ]

    assert wrong == []


def test_every_word_has_what_carries_it() -> None:
    """A file of the package, or a document."""
    bare = [word for word, _, carriers in rows() if not re.search(r"\.py`|\.md\)", carriers)]

    assert bare == []
