"""The training's notebooks as they are committed, and what a case needs before it is whole."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailflow.checks.registry import CARDS as CAUSES
from mailflow.simulated import scenarios
from mailflow.simulated.practice import Practice
from mailflow.training import cases
from mailflow.training.asking import KINDS
from mailflow.training.solved import TEMPLATE
from support import ROOT
from test_notebooks import RULES, code, source

Notebook = dict[str, Any]
FOLDER = ROOT / "notebooks" / "training"
FACTS = set(
    re.findall(r"^\| (\w[\w.]*) \|", (ROOT / "docs/facts.md").read_text("utf-8"), re.MULTILINE)
)
CASES = list(scenarios.difficulties())
EVERY_CASE_ASKS = {"which-queues", "who-gave-up", "who-answers", "what-cause", "what-repair"}
LEAST = 6
"""Questions of a case."""


def read(name: str) -> Notebook:
    """A notebook of the training."""
    document: Notebook = json.loads((FOLDER / name).read_text("utf-8"))
    return document


def committed() -> list[Path]:
    """All notebooks of the training but the solved runs."""
    return sorted(FOLDER.glob("*.ipynb"))


def text_of(notebook: Notebook) -> str:
    """Everything that can be read in a notebook without running it."""
    return "\n".join("".join(cell["source"]) for cell in notebook["cells"])


def questions(notebook: Notebook) -> list[str]:
    """The questions it asks, in order."""
    return [
        name for cell in code(notebook) for name in re.findall(r'ask\("([\w-]+)"\)', source(cell))
    ]


def secrets(case: str) -> set[str]:
    """Words that would give a case away: telling name, causes, what an administrator made."""
    telling = scenarios._telling(case)
    org = Practice.begin(telling).organisation
    found = {telling, *CAUSES, *(card.title for card in CAUSES.values())}
    for server in org.servers:
        found |= {server.name, *server.addresses}
    data = json.loads((ROOT / f"lib/mailflow/simulated/cases/{telling}.json").read_text("utf-8"))
    found |= {name.partition("\\")[2] for name in data.get("connectors", {})}
    return found


def missing(case: str, notebook: Notebook) -> list[str]:
    """What a case still lacks, in words for whoever writes it."""
    begun = Practice.begin(case)
    asked = questions(notebook)
    last = [source(cell).strip() for cell in code(notebook)][-1]
    parameters = next(
        source(cell) for cell in code(notebook) if "parameters" in cell["metadata"].get("tags", ())
    )
    facts = re.findall(r"\b([SCL]\d[\w.]*\w|[SCL]\d)\b", " ".join(begun.lesson))
    lacks = {
        "story: three sentences": len(begun.story) == 3
        and all(one.endswith((".", "!", "?")) for one in begun.story),
        "lesson: two at least": len(begun.lesson) >= 2,
        "lesson: names facts": bool(facts),
        f"lesson: facts that are none: {sorted(set(facts) - FACTS)}": set(facts) <= FACTS,
        f'parameters: case: str = "{case}"': f'case: str = "{case}"' in parameters,
        "parameters: seed: int = 0": "seed: int = 0" in parameters,
        "parameters: answers: bool = False": "answers: bool = False" in parameters,
        f"questions: {sorted(EVERY_CASE_ASKS - set(asked))}": set(asked) >= EVERY_CASE_ASKS,
        f"questions: {LEAST} at least": len(asked) >= LEAST,
        f"questions: unknown: {sorted(set(asked) - set(KINDS))}": set(asked) <= set(KINDS),
        "questions: each once": len(asked) == len(set(asked)),
        "last cell: lab.debrief()": last == "lab.debrief()",
    }
    found = [name for name, is_there in lacks.items() if not is_there]
    words = text_of(notebook).casefold()
    found += [f"gives away: {one}" for one in sorted(secrets(case)) if one.casefold() in words]
    return found


@pytest.mark.parametrize("path", committed(), ids=lambda path: path.stem)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_training_keeps_the_rules_of_runbooks(
    rule: Callable[[Notebook], list[str]], path: Path
) -> None:
    """Stripped, thin, nothing defined, mailflow alone imported."""
    assert rule(json.loads(path.read_text("utf-8"))) == []


def test_each_case_has_a_notebook_and_each_notebook_a_case() -> None:
    """By number; besides them the tour and the template."""
    expected = {"first_tour.ipynb", TEMPLATE, *map(cases.notebook, CASES)}

    assert {one.name for one in committed()} == expected


def test_cases_are_numbered_from_one_and_grow_harder() -> None:
    """`case-1` to the last, without a gap; none is easier than the one before it."""
    levels = list(scenarios.difficulties().values())

    assert [f"case-{number}" for number in range(1, len(CASES) + 1)] == CASES
    assert levels == sorted(levels)
    assert set(levels) == set(cases.DIFFICULTIES)


@pytest.mark.parametrize("case", CASES)
def test_nothing_is_missing(case: str) -> None:
    """Whoever adds a case is told here what it lacks (docs/training.md)."""
    assert missing(case, read(cases.notebook(case))) == []


def test_the_template_is_whole_but_for_its_name() -> None:
    """A copy of it with the case's number is a notebook that lacks nothing."""
    template = read(TEMPLATE)
    assert missing("case-1", template) == ['parameters: case: str = "case-1"']

    filled = json.loads(json.dumps(template).replace("case-00", "case-1"))
    assert missing("case-1", filled) == []


@pytest.mark.parametrize(
    ("cell", "text", "says"),
    [
        ("parameters", 'case: str = "case-2"', "parameters: seed: int = 0"),
        ("debrief", "lab.story", "last cell: lab.debrief()"),
        ("which-queues", 'lab.ask("nonsense")', "questions: unknown: ['nonsense']"),
        ("what-cause", 'lab.ask("which-port")', "questions: each once"),
        ("title", "# The relay answers 10.0.0.11", "gives away: 10.0.0.11"),
        ("title", "# relay", "gives away: Relay"),
        ("title", "# custom-connector-shadows-default", "gives away: custom-connector"),
    ],
)
def test_what_is_missing_is_seen(cell: str, text: str, says: str) -> None:
    """Each fault that the check is there for."""
    notebook = copy.deepcopy(read("case_01.ipynb"))
    place = next(one for one in notebook["cells"] if one["id"] == cell)
    place["source"] = [text]

    assert any(one.startswith(says) for one in missing("case-1", notebook))


def test_the_tour_shows_explorer_and_ruler() -> None:
    """It shows every step; it begins healthy, and leads to the first case."""
    text = text_of(read("first_tour.ipynb"))

    for word in ("mailflow.address_explorer(", "mailflow.range_ruler(", "(case_01.ipynb)"):
        assert word in text
    assert scenarios.seeded("healthy").verdict == "clear"


def test_the_trainers_page_names_every_question() -> None:
    """docs/training.md lists the kinds in order, and gives no case away."""
    page = (ROOT / "docs/training.md").read_text("utf-8")

    assert re.findall(r"^\| `(\w+-[\w-]+)` \|", page, re.MULTILINE) == list(KINDS)
    for case in CASES:
        assert [one for one in secrets(case) & {scenarios._telling(case)} if one in page] == []
