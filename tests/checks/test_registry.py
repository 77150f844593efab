"""The list of checks: contract, section 7, and what a newcomer may rely on when adding one."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from mailflow.analysis.assessment import CONFIGURATION_CAUSES
from mailflow.checks import errors
from mailflow.checks.registry import CARDS, CHECKS
from support import ROOT

FOLDER = ROOT / "lib" / "mailflow" / "checks"
HELPERS = {
    "__init__",
    "audit",
    "check",
    "diagnose",
    "errors",
    "observed",
    "registry",
    "relaying",
    "release",
    "sending",
    "waiting",
    "waits",
    "ways",
}


def test_every_card_is_full() -> None:
    """Nothing is left empty; that the contract names each cause, its own test holds."""
    empty = [
        (card.id, name)
        for card in CARDS.values()
        for name in card.__slots__
        if not getattr(card, name)
    ]

    assert empty == []
    assert all(name == card.id for name, card in CARDS.items())


def test_the_likeliest_stands_first_and_the_audits_own_last() -> None:
    """Section 5.4: order of likelihood; what only an audit looks for comes behind it."""
    scopes = [check.scope for check in CHECKS.values()]
    audit = [place for place, scope in enumerate(scopes) if scope == "audit"]

    assert next(iter(CHECKS)) == "custom-connector-shadows-default"
    assert audit == list(range(len(scopes) - len(audit), len(scopes)))


def test_what_configuration_shows_can_be_repaired() -> None:
    """Each cause that configuration alone shows on a path has a step of its repair."""
    without = [cause for cause in CONFIGURATION_CAUSES if CHECKS[cause].step is None]

    assert without == []
    assert [check.id for check in errors.CHECKS if check.step or check.scope != "text"] == []


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_a_check_is_one_file_named_after_its_id(path: Path) -> None:
    """A file is a helper, or it holds the card of the id that it is named after, and CHECK."""
    if path.stem in HELPERS:
        return
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    assert {"CARD", "CHECK"} <= names
    assert path.stem.replace("_", "-") in CHECKS
