"""The report of a headless run, made of a hostile organization without a kernel of its own.

A kernel takes seconds. Here the cells are executed in this process, with the same environment and
the same functions; `test_foreign_reports.py` holds one of them to a real run.
"""

from __future__ import annotations

import ast
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from unittest.mock import patch

import mailflow
from foreign_text import PAYLOADS
from mailflow.runs import folder as folders
from mailflow.runs import runbook_path, title
from mailflow.runs.kernel import Stop
from mailflow.runs.report import render
from mailflow.snapshot import Snapshot
from mailflow.table import Table
from mailflow.this_run import RUN_FOLDER

STARTED = datetime(2026, 11, 23, 14, 2, tzinfo=UTC)


@dataclass
class Report:
    """What a run left.

    Attributes:
        html: report.html.
        texts: the words beside the HTML of each output of the notebook.
        commands: the lines of columns that hold commands.
    """

    html: str = ""
    texts: list[str] = field(default_factory=list)
    commands: set[str] = field(default_factory=set)


def report(runbook: str, org: Snapshot, home: Path, ticket: str = "") -> Report:
    """A runbook executed and told.

    Args:
        runbook: its name.
        org: what was read.
        home: the run's folder.
        ticket: as the engineer gave it.
    """
    path = runbook_path(runbook)
    done = Report()
    notebook = json.loads(path.read_text("utf-8"))
    values = {"source": org.origin, "ticket": ticket}
    with (
        patch.object(mailflow, "open", lambda *_, **__: org, create=True),
        patch.dict(os.environ, {RUN_FOLDER: str(home)}),
    ):
        names: dict[str, Any] = {}
        for number, cell in enumerate(_code(notebook), 1):
            shown = _executed("".join(cell["source"]), names)
            if "parameters" in cell["metadata"].get("tags", ()):
                names |= values
            cell["execution_count"] = number
            cell["outputs"] = [] if shown is None else [_output(shown, done)]
    manifest = folders.first_manifest(path, org, values, STARTED)
    manifest |= {"title": title(runbook, ticket), "facts": []}
    done.html = render(notebook, manifest, Stop())
    return done


def hostile_inputs(org: Snapshot) -> Snapshot:
    """The same, from files of hostile names at a hostile place."""
    inputs = dict.fromkeys(PAYLOADS, "0" * 64)
    return replace(
        org, inputs=inputs, origin=PAYLOADS[0], ignored=tuple((one, one) for one in PAYLOADS)
    )


def _code(notebook: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    return (cell for cell in notebook["cells"] if cell["cell_type"] == "code")


def _executed(source: str, names: dict[str, Any]) -> Any:  # noqa: ANN401 - whatever a cell shows
    """Execute a cell; the value of its last line, where that is an expression."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)  # noqa: S102 - our own notebooks
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)  # noqa: S307


def _output(shown: Any, done: Report) -> dict[str, Any]:  # noqa: ANN401
    """The output of a cell, as a kernel makes it."""
    make: Callable[..., Any] | None = getattr(shown, "_repr_mimebundle_", None)
    data = make() if make else {"text/html": shown._repr_html_(), "text/plain": repr(shown)}
    data, notes = data if isinstance(data, tuple) else (data, {})
    done.texts.append(data["text/plain"])
    if isinstance(shown, Table) and "command" in shown.frame:
        done.commands |= set(shown.frame["command"].dropna())
    return {"output_type": "execute_result", "execution_count": 1, "metadata": notes, "data": data}


# -- What a page holds -----------------------------------------------------------------------------

ELEMENTS = frozenset(
    [
        *("html", "head", "meta", "title", "style", "body", "main", "footer", "article", "section"),
        *("div", "span", "p", "b", "h1", "h2", "ol", "ul", "li", "dl", "dt", "dd", "pre", "code"),
        *("table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary"),
        *("figure", "figcaption", "circle"),
        *("svg", "g", "rect", "text", "line", "path", "desc", "defs", "pattern", "tspan"),
    ]
)
ATTRIBUTES = frozenset(
    [
        *("lang", "charset", "http-equiv", "content", "name", "class", "id", "scope", "role"),
        *("tabindex", "viewbox", "width", "height", "x", "y", "x1", "y1", "x2", "y2", "rx", "d"),
        *("cx", "cy", "r"),
        *("fill", "stroke", "stroke-width", "stroke-opacity", "stroke-dasharray", "transform"),
        *("font-size", "font-weight", "text-anchor", "xmlns", "patternunits"),
    ]
)


class Page(HTMLParser):
    """What a browser finds in a page.

    Attributes:
        strange: elements and attributes that no template of ours has.
        texts: the texts between the tags, but for styles.
        commands: the lines that are there to be pasted.
    """

    def __init__(self, html: str) -> None:
        """Read it all."""
        super().__init__(convert_charrefs=True)
        self.strange: list[str] = []
        self.texts: list[str] = []
        self.commands: set[str] = set()
        self._open: list[str] = []
        self._pasted = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element."""
        if tag not in ELEMENTS:
            self.strange.append(tag)
        for name, value in attrs:
            if not (name in ATTRIBUTES or name.startswith("aria-")):
                self.strange.append(f"{tag} {name}={value}")
        if tag not in ("meta", "rect", "line", "path", "circle", "polygon"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Its end; with that of code its lines are whole, whatever elements keep names whole."""
        while tag in self._open and self._open.pop() != tag:
            pass
        if tag in ("pre", "code"):
            self.commands.update(filter(None, map(str.strip, self._pasted.split("\n"))))
            self._pasted = ""

    def handle_data(self, data: str) -> None:
        """A text."""
        if "style" in self._open:
            return
        self.texts.append(data)
        if "pre" in self._open or "code" in self._open:
            self._pasted += data
