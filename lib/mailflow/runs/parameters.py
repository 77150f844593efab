"""What a runbook may be told: the annotated cell tagged `parameters`, and values for it.

papermill passes on whatever it is given: a misspelt name goes unnoticed, and `0012345` becomes a
number. So names and types are checked here, before a kernel starts.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from mailflow.errors import UsageError

OWN_WAYS = {
    "source": "the argument SOURCE",
    "ticket": "the option --ticket",
    "apply": "the option --apply",
    "confirmed": "the option --confirm",
}
"""Parameters that the command has a place of its own for."""


@dataclass(frozen=True, slots=True)
class NotebookParameter:
    """A line of the parameters cell: its name, the type it is annotated with, and its default."""

    name: str
    kind: str
    default: object


def declared(notebook: Mapping[str, Any]) -> dict[str, NotebookParameter]:
    """The parameters of a notebook by name; empty where no cell is tagged `parameters`."""
    found = {}
    for cell in notebook["cells"]:
        if "parameters" not in cell["metadata"].get("tags", ()):
            continue
        for line in ast.parse("".join(cell["source"])).body:
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name) and line.value:
                kind = ast.unparse(line.annotation).partition("[")[0]
                name = line.target.id
                found[name] = NotebookParameter(name, kind, ast.literal_eval(line.value))
    return found


def checked(known: Mapping[str, NotebookParameter], given: Mapping[str, str]) -> dict[str, object]:
    """Values of the declared types from texts.

    Raises:
        UsageError: a name that the runbook does not know, or a text that is no such value.
    """
    return {name: _value(known, name, text) for name, text in given.items()}


def _value(known: Mapping[str, NotebookParameter], name: str, text: str) -> object:
    if name in OWN_WAYS:
        raise UsageError(f"{name} cannot be set with -p; use {OWN_WAYS[name]}")
    if name not in known:
        names = ", ".join(parameter for parameter in known if parameter not in OWN_WAYS) or "none"
        raise UsageError(f"the runbook has no parameter {name!r}; known: {names}")
    kind = known[name].kind
    try:
        return _READERS[kind](text)
    except ValueError:
        raise UsageError(f"parameter {name}: {text!r} is no {_WORDS[kind]}") from None


def _integer(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text.strip()):
        raise ValueError(text)
    return int(text)


def _number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _truth(text: str) -> bool:
    truths = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    word = text.strip().casefold()
    if word not in truths:
        raise ValueError(text)
    return truths[word]


def _list(text: str) -> list[str]:
    """`EX16A,EX16B`, or the same as JSON."""
    if not text.strip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    parts = json.loads(text)
    if not all(isinstance(part, str) for part in parts):
        raise ValueError(text)
    return list(parts)


_READERS: Mapping[str, Callable[[str], object]] = {
    "str": str,
    "int": _integer,
    "float": _number,
    "bool": _truth,
    "list": _list,
}
_WORDS = {
    "str": "text",
    "int": "whole number",
    "float": "number",
    "bool": "yes or no",
    "list": "list of names (A,B)",
}
