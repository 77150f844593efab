"""The runbooks as they are committed: empty, thin, and nothing of this machine in them.

Rules for every notebook outside training/, whose answers belong to the learner.
"""

from __future__ import annotations

import ast
import copy
import json
import re
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from support import ROOT

Notebook = dict[str, Any]
FOLDER = ROOT / "notebooks"


def runbooks() -> list[Path]:
    """The committed notebooks that the rules hold for."""
    return [
        path
        for path in sorted(FOLDER.rglob("*.ipynb"))
        if not {"training", ".ipynb_checkpoints"} & set(path.relative_to(FOLDER).parts)
    ]


def code(notebook: Notebook) -> list[dict[str, Any]]:
    """The code cells."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def source(cell: dict[str, Any]) -> str:
    """A cell's text, which nbformat keeps whole or in lines."""
    return "".join(cell["source"])


def nodes(notebook: Notebook) -> list[ast.AST]:
    """Everything that the code cells say."""
    return [node for cell in code(notebook) for node in ast.walk(ast.parse(source(cell)))]


def is_parameters(cell: dict[str, Any]) -> bool:
    """Whether papermill puts the parameters behind this cell."""
    return "parameters" in cell["metadata"].get("tags", [])


def stored_results(notebook: Notebook) -> list[str]:
    """No outputs and no counts: they are a customer's data, and change with every run."""
    return [c["id"] for c in code(notebook) if c["outputs"] or c["execution_count"] is not None]


def unstable_ids(notebook: Notebook) -> list[str]:
    """Cell ids are words of our own, each once, so that a change shows as what it is."""
    ids = [cell.get("id", "") for cell in notebook["cells"]]
    return [one for one in ids if not re.fullmatch(r"[a-z0-9-]+", one) or ids.count(one) > 1]


def parameters_cells(notebook: Notebook) -> list[str]:
    """Exactly one cell holds the parameters."""
    found = [cell["id"] for cell in code(notebook) if is_parameters(cell)]
    return [] if len(found) == 1 else [f"{len(found)} parameters cells"]


def unknown_to_papermill(notebook: Notebook) -> list[str]:
    """Papermill reads each parameter, which it tells people: one `=` a line, comments included."""
    lines = [
        line for cell in code(notebook) if is_parameters(cell) for line in source(cell).splitlines()
    ]
    return [line for line in lines if line.count("=") > 1]


def foreign_metadata(notebook: Notebook) -> list[str]:
    """The kernel is `python3`, which every environment has; nothing is left of an earlier run."""
    metadata = notebook["metadata"]
    wrong = [] if metadata.get("kernelspec", {}).get("name") == "python3" else ["kernelspec"]
    wrong += [key for key in ("papermill", "widgets") if key in metadata]
    for cell in notebook["cells"]:
        keys = {"papermill", "execution"} & set(cell["metadata"])
        wrong += [f"{cell['id']}: {key}" for key in sorted(keys)]
    return wrong


def definitions(notebook: Notebook) -> list[str]:
    """A cell calls the library and defines nothing."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
    return [ast.unparse(node) for node in nodes(notebook) if isinstance(node, kinds)]


def foreign_imports(notebook: Notebook) -> list[str]:
    """A notebook imports mailflow alone."""
    names = [
        name
        for node in nodes(notebook)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or "."]
            if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names]
        )
    ]
    return [name for name in names if name.split(".")[0] != "mailflow"]


def long_cells(notebook: Notebook) -> list[str]:
    """The median code cell has three lines at most; blank lines and parameters do not count."""
    lengths = [
        sum(bool(line.strip()) for line in source(cell).splitlines())
        for cell in code(notebook)
        if not is_parameters(cell)
    ]
    median = statistics.median(lengths)
    return [] if median <= 3 else [f"median cell of {median} lines"]


def unfolded(notebook: Notebook) -> list[str]:
    """JupyterLab folds all code but the parameters: a runbook is read, and run as a whole."""
    return [
        cell["id"]
        for cell in code(notebook)
        if is_parameters(cell) is cell["metadata"].get("jupyter", {}).get("source_hidden", False)
    ]


def wide_parameters(notebook: Notebook) -> list[str]:
    """The parameter cell is read whole in a window of 1024 pixels."""
    lines = [line for cell in code(notebook) if is_parameters(cell) for line in cell["source"]]
    return [line for line in lines if len(line.rstrip("\n")) > 72]


def a_source(notebook: Notebook) -> list[str]:
    """Nobody's data and no sample is judged unless somebody names it."""
    text = "".join(source(cell) for cell in code(notebook) if is_parameters(cell))
    return [] if not text or 'source: str = r""\n' in text else [text.partition("\n")[0]]


def unescaped(notebook: Notebook) -> list[str]:
    """Nothing that turns remote text into HTML or Markdown past the one place that escapes."""
    ways = r"\.style\b|Markdown\(|HTML\(|escape\s*=\s*False|\.to_html\("
    return [found for cell in code(notebook) for found in re.findall(ways, source(cell))]


RULES: list[Callable[[Notebook], list[str]]] = [
    stored_results,
    unstable_ids,
    parameters_cells,
    foreign_metadata,
    definitions,
    foreign_imports,
    long_cells,
    unknown_to_papermill,
    unescaped,
]
"""Rules of every notebook."""
RUNBOOK_RULES = [*RULES, unfolded, wide_parameters, a_source]
"""A training case is stepped through, and names its organization."""


@pytest.mark.parametrize("rule", RUNBOOK_RULES, ids=lambda rule: rule.__name__)
def test_runbooks_keep_the_rule(rule: Callable[[Notebook], list[str]]) -> None:
    """Each committed runbook keeps each rule; what breaks it is named."""
    found = {
        path.relative_to(FOLDER).as_posix(): rule(json.loads(path.read_text("utf-8")))
        for path in runbooks()
    }

    assert {name: faults for name, faults in found.items() if faults} == {}


def test_main_runbook_is_there() -> None:
    """The runbook of the incident is there, so the rules have something to hold."""
    assert FOLDER / "mail_stuck_in_queue.ipynb" in runbooks()


FOLDED: dict[str, Any] = {"jupyter": {"source_hidden": True}}


def sample() -> Notebook:
    """A notebook that keeps every rule."""

    def cell(kind: str, name: str, text: str, **metadata: object) -> dict[str, Any]:
        rest = {"outputs": [], "execution_count": None} if kind == "code" else {}
        return {"cell_type": kind, "id": name, "source": [text], "metadata": metadata, **rest}

    return {
        "cells": [
            cell("markdown", "title", "# See the queues"),
            cell("code", "parameters", 'source: str = r""\n', tags=["parameters"]),
            cell("code", "open", "import mailflow\n\norg = mailflow.open(source)", **FOLDED),
            cell("code", "queues", "queues = mailflow.non_empty_queues(org)\nqueues", **FOLDED),
        ],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    }


@pytest.mark.parametrize("rule", RUNBOOK_RULES, ids=lambda rule: rule.__name__)
def test_rule_accepts_a_good_notebook(rule: Callable[[Notebook], list[str]]) -> None:
    """A notebook as it should be breaks nothing."""
    assert rule(sample()) == []


@pytest.mark.parametrize(
    ("rule", "where", "value"),
    [
        (stored_results, ("cells", 2, "execution_count"), 3),
        (stored_results, ("cells", 2, "outputs"), [{"output_type": "stream", "text": "10.0.0.1"}]),
        (unstable_ids, ("cells", 2, "id"), "8F3a_1"),
        (unstable_ids, ("cells", 2, "id"), "title"),
        (parameters_cells, ("cells", 1, "metadata"), {}),
        (parameters_cells, ("cells", 2, "metadata"), {"tags": ["parameters"]}),
        (foreign_metadata, ("metadata", "papermill"), {"parameters": {}}),
        (foreign_metadata, ("metadata", "kernelspec"), {"name": "my-venv"}),
        (foreign_metadata, ("cells", 2, "metadata"), {"execution": {"iopub.status.busy": "x"}}),
        (definitions, ("cells", 2, "source"), ["def mine():\n    return 1"]),
        (definitions, ("cells", 2, "source"), "f = lambda x: x"),
        (foreign_imports, ("cells", 2, "source"), "import mailflow, pandas as pd"),
        (foreign_imports, ("cells", 2, "source"), "from mailflowx import y"),
        (long_cells, ("cells", 2, "source"), "a = 1\nb = 2\nc = 3\nd = 4\ne = 5"),
        (unfolded, ("cells", 2, "metadata"), {}),
        (unfolded, ("cells", 1, "metadata"), {"tags": ["parameters"], **FOLDED}),
        (wide_parameters, ("cells", 1, "source"), [f"source: str = r''  # {'x' * 60}"]),
        (unknown_to_papermill, ("cells", 1, "source"), ['at: str = r""  # "NAME=10.0.0.31"']),
        (a_source, ("cells", 1, "source"), ['source: str = "demo:article"']),
        (unescaped, ("cells", 2, "source"), "org.queues.style"),
        (unescaped, ("cells", 2, "source"), "Markdown(f'{error}')"),
        (unescaped, ("cells", 2, "source"), "frame.to_html(escape=False)"),
    ],
)
def test_rule_refuses_what_breaks_it(
    rule: Callable[[Notebook], list[str]], where: tuple[str | int, ...], value: object
) -> None:
    """Each rule sees the fault it is there for."""
    notebook: Any = copy.deepcopy(sample())
    place = notebook
    for step in where[:-1]:
        place = place[step]
    place[where[-1]] = value

    assert rule(notebook) != []
