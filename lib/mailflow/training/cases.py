"""The training cases: which there are, where their notebooks are, what was solved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailflow.own_files import beside
from mailflow.simulated import scenarios
from mailflow.training import progress
from mailflow.training.progress import Solved

DIFFICULTIES = {1: "easy", 2: "medium", 3: "hard"}


@dataclass(frozen=True, slots=True)
class Case:
    """One case.

    Attributes:
        name: neutral, `case-3`.
        title: what the ticket is called.
        difficulty: `easy`, `medium` or `hard`.
        notebook: file below `notebooks/`, `training/case_03.ipynb`.
        solved: how it was solved the last time; None: it was not.
    """

    name: str
    title: str
    difficulty: str
    notebook: str
    solved: Solved | None = None

    def as_json(self) -> dict[str, Any]:
        """The entry of `mailflow training --json`."""
        solved = self.solved
        return {
            "case": self.name,
            "title": self.title,
            "difficulty": self.difficulty,
            "notebook": self.notebook,
            "solved": {name: getattr(solved, name) for name in solved.__slots__}
            if solved
            else None,
        }


def cases() -> tuple[tuple[Case, ...], str]:
    """All cases in order, and why it is not known what was solved; empty where it is."""
    known = progress.read()
    found = tuple(
        Case(
            name,
            scenarios.title(name),
            DIFFICULTIES[difficulty],
            f"training/{notebook(name)}",
            known.solved.get(name),
        )
        for name, difficulty in scenarios.difficulties().items()
    )
    return found, known.trouble


def notebook(case: str) -> str:
    """The file of a case's notebook: `case_03.ipynb`."""
    return f"case_{int(case.rpartition('-')[2]):02}.ipynb"


def after(case: str) -> str:
    """The notebook of the case that comes after this one; empty where none does."""
    names = list(scenarios.difficulties())
    place = names.index(case) + 1 if case in names else len(names)
    return notebook(names[place]) if place < len(names) else ""


def folder() -> Path:
    """Where the notebooks of the training are."""
    return beside("notebooks") / "training"
