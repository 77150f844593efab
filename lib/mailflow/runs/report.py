"""An executed notebook as one HTML file: verdict first, no code, nothing loaded, no script."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from mailflow.runs.kernel import Stop, is_foreseen
from mailflow.show import ticket as template
from mailflow.show.flow import both
from mailflow.show.markup import fill
from mailflow.show.verdict import SLOT

if TYPE_CHECKING:
    from nbconvert import HTMLExporter

LEFT_OUT = {"parameters", "injected-parameters", "papermill-error-cell-tag", "not-in-report"}
"""Tags of cells that say nothing to the reader of a report."""

SHOWN = ("text/html", "image/svg+xml", "image/png", "text/plain")
"""What is taken of an output, the first that is there; never a script, never a widget."""

VERDICT = "verdict"
"""Tag of the cells that stand over a report: the card, and the picture within it."""

BEFORE = "before-the-repair"
"""Tag of the cells of fix_and_verify that show what was wrong."""

PICTURE = "picture"

_STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


def render(
    notebook: Mapping[str, Any],
    manifest: Mapping[str, Any],
    stop: Stop,
    *,
    repaired: bool = False,
) -> str:
    """The report.

    Args:
        notebook: the executed notebook, or as far as it came.
        manifest: of the run; gives title, footer and whether it is complete.
        stop: why it did not come further.
        repaired: whether a repair was verified: what was before it is no alarm any more.
    """
    from markupsafe import Markup as Trusted

    shown = _report_cells(notebook, stop)
    head = "" if stop else _head(shown)
    shown = [cell for cell in shown if VERDICT not in _tags(cell)]
    styles: list[str] = []
    head = _without_styles(head, styles)
    for cell in shown:
        is_past = repaired and BEFORE in _tags(cell)
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            if "text/html" in data:
                html = _without_styles(data["text/html"], styles)
                data["text/html"] = fill("past.html.j2", html=Trusted(html)) if is_past else html  # noqa: S704 - of a cell
    # Its colors come before those for dark pages, as all others do.
    banner = fill("incomplete.html.j2", stop=stop, manifest=manifest) if stop else ""
    banner = _without_styles(banner, styles)
    parts = {
        "title": manifest["title"],
        "styles": "\n".join(styles),
        "head": banner + head,
        "footer": fill("footer.html.j2", manifest=manifest),
    }
    # What a cell printed may hold half a character, which no file can.
    return _page(shown, parts).encode("utf-8", "backslashreplace").decode("utf-8")


def prepare() -> None:
    """Load what `render` needs, and compile the templates: a page of nothing."""
    _page([], {"title": "", "styles": "", "head": "", "footer": ""})


def _page(cells: list[dict[str, Any]], parts: Mapping[str, str]) -> str:
    import nbformat

    document = nbformat.from_dict(  # type: ignore[no-untyped-call]
        {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    )
    page, _ = _exporter().from_notebook_node(
        document, {"metadata": {"name": parts["title"]}, "ticket": parts}
    )
    return str(page)


@cache
def _exporter() -> HTMLExporter:
    """Made once: each one compiles its templates anew, which takes longer than a report."""
    from nbconvert import HTMLExporter

    return HTMLExporter(  # type: ignore[no-untyped-call]
        exclude_input=True,
        exclude_anchor_links=True,
        template_name="ticket",
        extra_template_basedirs=[str(template.FOLDER.parent)],
    )


def _report_cells(notebook: Mapping[str, Any], stop: Stop) -> list[dict[str, Any]]:
    cells = [
        copy.deepcopy(original) for original in notebook["cells"] if not _tags(original) & LEFT_OUT
    ]
    for cell in cells:
        cell["metadata"] = {"tags": sorted(_tags(cell))}
        cell["source"] = _text(cell["source"])
        if cell["cell_type"] == "code":
            cell["source"] = ""  # a report hides the code
            cell["outputs"] = [
                shown for output in cell["outputs"] if (shown := _shown(output, stop)) is not None
            ]
    return cells


def _shown(output: dict[str, Any], stop: Stop) -> dict[str, Any] | None:
    """An output as the report has it; None for what is no part of it."""
    kind = output["output_type"]
    if kind == "error":
        words = stop.reason if is_foreseen(output["ename"]) else _error_of(output)
        return {"output_type": "stream", "name": "stderr", "text": words}
    if kind == "stream":
        return output | {"text": _text(output["text"])}
    data = output.get("data", {})
    if any("widget" in name for name in data):
        return None
    best = next((name for name in SHOWN if name in data), None)
    if best is None:
        return None
    narrow = output.get("metadata", {}).get("mailflow", {}).get("narrow")
    if best == "image/svg+xml" and narrow:  # a picture of ours: as a part of the page
        picture = both(_text(data[best]), _text(narrow))
        kind = {"tags": [PICTURE]}
        return {"output_type": "display_data", "metadata": kind, "data": {"text/html": picture}}
    return {"output_type": "display_data", "metadata": {}, "data": {best: _text(data[best])}}


def _error_of(output: Mapping[str, Any]) -> str:
    """Name, message and the traceback as text, for the one who repairs it."""
    lines = "\n".join(output.get("traceback", ()))
    return re.sub(r"\x1b\[[0-9;]*m", "", lines) or f"{output['ename']}: {output['evalue']}"


def _head(cells: list[dict[str, Any]]) -> str:
    """The HTML of the cells with the verdict: the card, and in its place the picture."""
    outputs = [out for cell in cells if VERDICT in _tags(cell) for out in cell.get("outputs", ())]
    parts: dict[bool, list[str]] = {True: [], False: []}
    for output in outputs:
        is_picture = PICTURE in output.get("metadata", {}).get("tags", ())
        parts[is_picture].append(output.get("data", {}).get("text/html", ""))
    card, picture = ("\n".join(parts[is_picture]) for is_picture in (False, True))
    before, slot, after = card.partition(SLOT)
    return f"{before}{picture}{after}" if slot else card + picture


def _without_styles(html: str, styles: list[str]) -> str:
    """HTML without its style elements; their rules are kept once for the page's head.

    Each table and each picture brings the rules that they all share, since a cell stands alone in
    JupyterLab.
    """
    for style in _STYLE.findall(html):
        styles += [rule for rule in _rules(style) if rule not in styles]
    return _STYLE.sub("", html)


def _rules(style: str) -> Iterator[str]:
    """The rules of a style sheet; what a media query holds is one."""
    begin = depth = 0
    for brace in re.finditer("[{}]", style):
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            yield style[begin : brace.end()].strip()
            begin = brace.end()


def _text(lines: str | list[str]) -> str:
    """A text that nbformat keeps whole or in lines."""
    return lines if isinstance(lines, str) else "".join(lines)


def _tags(cell: Mapping[str, Any]) -> set[str]:
    return set(cell["metadata"].get("tags", ()))
