"""A text that is no export: explained, and inconclusive (contract, section 9)."""

from __future__ import annotations

import json

import pytest

from mailflow.views.front_door import (
    MOST,
    diagnosis_of,
    diagnosis_of_unknown,
    explained_texts,
    is_unknown,
    told_texts,
    told_unknown,
)
from mailflow.views.verdict import from_json

REFUSED = "421 4.2.1 Unable to connect -> Socket error code 10061"
AUTH = "451 5.7.3 Cannot achieve Exchange Server authentication"


@pytest.mark.parametrize(
    ("document", "causes"),
    [
        (REFUSED, ["target-refuses"]),
        (f"Hello Anna,\nThis is it:\n{REFUSED}\nBest regards", ["target-refuses"]),
        (
            f"{REFUSED}\n452 4.3.1 Insufficient system resources",
            ["target-refuses", "back-pressure"],
        ),
        ("550 5.9.9 No such words", ["unrecognised-error"]),
    ],
)
def test_causes_are_unknown(document: str, causes: list[str]) -> None:
    """A text says what one server met; nothing is found, and every cause is named once."""
    found = diagnosis_of(explained_texts(document), "mail.txt")

    assert found.verdict == "unknown"
    assert found.exit_code == 2
    assert [(one.cause, one.state) for one in found.findings] == [
        (cause, "unknown") for cause in causes
    ]
    assert found.repair == ()


def test_what_a_text_leaves_open_is_named_in_order() -> None:
    """S5.01: each candidate of 5.7.3, the likeliest first; no command among them changes."""
    found = diagnosis_of(explained_texts(AUTH), "mail.txt")

    assert len(found.findings) > 5
    assert found.findings[0].cause == "custom-connector-shadows-default"
    assert not any("Set-" in one.remedy for one in found.findings)
    assert [one.commands for one in found.findings if one.commands] == []


def test_document_is_one_of_findings() -> None:
    """It comes back as it was written, with the exports that decide."""
    found = diagnosis_of(explained_texts(REFUSED), "mail.txt")

    assert from_json(json.loads(json.dumps(found.as_json()))) == found
    assert "Get-Queue" in found.next_steps[0].command


@pytest.mark.parametrize(
    "document",
    ["", "Just words of a person\nand more", "Identity Status\n-------- ------\nEX10A\\5 Retry"],
)
def test_nothing_to_explain(document: str) -> None:
    """Words of no kind, and exports, are not explained."""
    assert explained_texts(document) == ()


def test_words_end_with_what_is_missing() -> None:
    """The explanation first, then that it decides nothing; never endless."""
    texts = explained_texts("\n".join([REFUSED] * (MOST + 5)))
    words = told_texts(texts, diagnosis_of(texts, "mail.txt"), 80)

    assert words.count("ERROR TEXT") == MOST
    assert "5 more texts are not shown" in words
    assert words.index("INCONCLUSIVE") > words.rindex("ERROR TEXT")


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("Just words of a person", True),
        ("", False),
        ("-- \n 12", False),
        ("Identity Status\n-------- ------\nEX10A\\5 Retry", False),
        ('{"a": ', False),
    ],
)
def test_words_of_no_kind(document: str, expected: bool) -> None:
    """What is no export, and holds words, is a text (contract, section 9)."""
    assert is_unknown(document) is expected


def test_unknown_text_says_what_is_read() -> None:
    """Nothing is found; each command stands on a line of its own, and no line is too long."""
    found = diagnosis_of_unknown("note.txt")
    words = told_unknown(found, 80)

    assert (found.verdict, found.exit_code, found.findings) == ("unknown", 2, ())
    assert from_json(json.loads(json.dumps(found.as_json()))) == found
    assert all(f"\n  {one.command}" in words for one in found.next_steps)
    assert max(map(len, words.splitlines())) <= 80
