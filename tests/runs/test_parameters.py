"""What a runbook may be told, checked before a kernel starts."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailflow.errors import UsageError
from mailflow.runs.parameters import checked, declared
from support import ROOT

CELL = (
    'source: str = "demo:article"\n'
    'ticket: str = ""\n'
    "servers: list[str] = []  # only these\n"
    "min_messages: int = 1\n"
    "share: float = 0.5\n"
    "quick: bool = False\n"
    'room: str = "a"\n'
)


def _notebook(source: str | list[str] = CELL) -> dict[str, Any]:
    return {"cells": [{"metadata": {"tags": ["parameters"]}, "source": source}]}


KNOWN = declared(_notebook())


def test_parameters_are_read_with_type_and_default() -> None:
    """The annotated cell says name, type and default, whole or in lines."""
    kinds = {name: one.kind for name, one in KNOWN.items()}

    assert kinds == {
        "source": "str",
        "ticket": "str",
        "servers": "list",
        "min_messages": "int",
        "share": "float",
        "quick": "bool",
        "room": "str",
    }
    assert KNOWN["min_messages"].default == 1
    assert declared(_notebook(CELL.splitlines(keepends=True))) == KNOWN


def test_a_notebook_without_the_cell_has_no_parameters() -> None:
    """Only the tagged cell counts."""
    assert declared({"cells": [{"metadata": {}, "source": CELL}]}) == {}


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("room", "0012345", "0012345"),
        ("room", "null", "null"),
        ("min_messages", "12", 12),
        ("min_messages", "-1", -1),
        ("share", "0.25", 0.25),
        ("quick", "Yes", True),
        ("quick", "0", False),
        ("servers", "EX16A, EX16B", ["EX16A", "EX16B"]),
        ("servers", '["EX16A"]', ["EX16A"]),
        ("servers", "", []),
    ],
)
def test_texts_become_values_of_the_declared_type(name: str, text: str, expected: object) -> None:
    """A text stays a text, whatever it looks like; numbers, truths and lists are read."""
    actual = checked(KNOWN, {name: text})[name]

    assert actual == expected
    assert type(actual) is type(expected)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("min_messages", "abc"),
        ("min_messages", "1.5"),
        ("min_messages", ""),
        ("min_messages", "9" * 5000),
        ("min_messages", "\u0661"),
        ("share", "nan"),
        ("share", "x"),
        ("quick", "perhaps"),
        ("servers", "[1]"),
        ("servers", "[broken"),
    ],
)
def test_a_wrong_value_is_refused_by_name(name: str, text: str) -> None:
    """A text that is no such value is the user's to correct, and named."""
    with pytest.raises(UsageError, match=f"parameter {name}"):
        checked(KNOWN, {name: text})


def test_an_unknown_name_lists_the_known_ones() -> None:
    """A misspelt name does not go unnoticed."""
    with pytest.raises(UsageError, match=r"'serverz'; known: servers, min_messages, share"):
        checked(KNOWN, {"serverz": "x"})


@pytest.mark.parametrize("name", ["source", "ticket"])
def test_what_has_an_option_of_its_own_is_no_parameter(name: str) -> None:
    """Source and ticket are given in one place only."""
    with pytest.raises(UsageError, match="use the"):
        checked(KNOWN, {name: "x"})


@given(st.sampled_from(sorted(set(KNOWN) - {"source", "ticket"})), st.text(max_size=30))
def test_any_text_is_a_value_or_refused(name: str, text: str) -> None:
    """No text ends in anything but a value of the type or a UsageError."""
    try:
        value = checked(KNOWN, {name: text})[name]
    except UsageError:
        return
    assert type(value).__name__ == KNOWN[name].kind


def test_the_main_runbook_declares_its_parameters() -> None:
    """Names that the README and tickets rely on."""
    path = ROOT / "notebooks" / "mail_stuck_in_queue.ipynb"
    known = declared(json.loads(path.read_text(encoding="utf-8")))

    assert {name: one.kind for name, one in known.items()} == {
        "source": "str",
        "ticket": "str",
        "servers": "list",
        "min_messages": "int",
        "accepted": "str",
        "since": "str",
    }
