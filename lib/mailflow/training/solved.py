"""The solved runs of the training: made by papermill with the parameter `answers`, and compared.

python -m mailflow.training.solved           make all of them again, in notebooks/training/solved
python -m mailflow.training.solved --check   write nothing; 1 if one of them is not what comes out
python -m mailflow.training.solved --to DIR  make them somewhere else

They are the only notebooks that keep outputs. Names, addresses and clock are those of seed 0, so a
run gives the same text and the same tables each time; what differs from run to run is masked.
"""

from __future__ import annotations

import argparse
import html
import json
import os
import re
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mailflow.runs.kernel import audit, execute
from mailflow.snapshot import write_whole
from mailflow.training import cases

Notebook = dict[str, Any]
Outputs = dict[str, str]
"""Id of a cell to what it shows, in words."""

TEMPLATE = "template.ipynb"
SECONDS = 120.0
"""How long a cell may take."""

_MASKS = (
    (re.compile(r"\b[0-9a-f]{32}\b"), "<id>"),
    (re.compile(r"(127\.\d+\.\d+\.\d+|localhost|\[::1\]):\d+"), r"\1:<port>"),
    (re.compile(r"\b\d+(?:\.\d+)? m?s\b"), "<time>"),
    (re.compile(r"\b0x[0-9a-f]{6,}\b"), "<place>"),
)
"""Widgets, ports, durations and places in memory: another one in each run."""
_STYLE = re.compile(r"<style>.*?</style>", re.DOTALL)
_KEPT = ("text/html", "text/markdown", "text/plain")


class UnsolvedError(Exception):
    """A notebook did not run to its end; the text names it, the cell, and why."""


def notebooks() -> list[Path]:
    """The notebooks that have a solved run, sorted: all but the template."""
    return [path for path in sorted(cases.folder().glob("*.ipynb")) if path.name != TEMPLATE]


def make(paths: list[Path]) -> dict[str, Notebook]:
    """Run notebooks with `answers`, some at a time, and clean what comes out.

    Raises:
        UnsolvedError: one did not come to its end.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        ThreadPoolExecutor(max(2, os.cpu_count() or 2)) as pool,
    ):
        runs = [pool.submit(_run, path, Path(folder) / path.stem) for path in paths]
        return {path.name: run.result() for path, run in zip(paths, runs, strict=True)}


def _run(path: Path, folder: Path) -> Notebook:
    folder.mkdir()
    output = folder / path.name
    stop = execute(path, output, {"answers": True}, SECONDS)
    notebook: Notebook = json.loads((output if output.is_file() else path).read_text("utf-8"))
    stop = audit(notebook["cells"], stop)
    if stop:
        raise UnsolvedError(f"{path.name}, cell {stop.cell}: {stop.reason}")
    return clean(notebook)


def clean(notebook: Notebook) -> Notebook:
    """The notebook without what a run leaves beside its results; each style once."""
    notebook["metadata"] = {
        key: value
        for key, value in notebook["metadata"].items()
        if key in ("kernelspec", "language_info")
    }
    notebook["metadata"]["language_info"] = {"name": "python"}
    seen: set[str] = set()
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags", [])
        cell["metadata"] = {"tags": tags} if tags else {}
        if "injected-parameters" in tags:
            cell["id"] = "injected-parameters"
        for output in cell.get("outputs", ()):
            _clean_output(output, seen)
    return notebook


def _clean_output(output: dict[str, Any], seen: set[str]) -> None:
    """Keep the richest form of what was shown, and nothing beside it."""
    if output["output_type"] == "stream":
        output["text"] = masked(_text(output["text"]))
        return
    data = output["data"]
    kind = next(form for form in _KEPT if form in data)
    output |= {"data": {kind: _once(masked(_text(data[kind])), seen)}, "metadata": {}}


def masked(text: str) -> str:
    """A text without what differs from run to run."""
    for pattern, instead in _MASKS:
        text = pattern.sub(instead, text)
    return text


def shown(notebook: Notebook) -> Outputs:
    """What each cell shows, as words: HTML without its tags and styles."""
    return {
        cell["id"]: "\n".join(_words(cell))
        for cell in notebook["cells"]
        if cell["cell_type"] == "code"
    }


def differences(made: Notebook, kept: Notebook) -> list[str]:
    """The cells that show something else than they did, each with both; empty: none does."""
    new, old = shown(made), shown(kept)
    found = [f"cell {name}: in one of them only" for name in sorted(new.keys() ^ old.keys())]
    found += [
        f"cell {name}: {_first_difference(old[name], new[name])}"
        for name in new
        if name in old and new[name] != old[name]
    ]
    return found


def folder() -> Path:
    """`solved`, in the folder of the notebooks; it may not be there."""
    return cases.folder() / "solved"


def check(made: dict[str, Notebook]) -> list[str]:
    """What is not as it is kept: by notebook and cell; a run without a notebook, too."""
    kept = {path.name: path for path in folder().glob("*.ipynb")}
    found = [
        f"solved/{name}: no such notebook any more" for name in sorted(kept.keys() - made.keys())
    ]
    for name, notebook in made.items():
        if name not in kept:
            found.append(f"solved/{name}: not made yet")
            continue
        old = json.loads(kept[name].read_text("utf-8"))
        found += [f"solved/{name}, {difference}" for difference in differences(notebook, old)]
    return found


def keep(made: dict[str, Notebook], where: Path) -> None:
    """Write all runs into a folder, and take away those whose notebook is gone."""
    where.mkdir(exist_ok=True)
    for path in where.glob("*.ipynb"):
        if path.name not in made:
            path.unlink()
    for name, notebook in made.items():
        write_whole(where / name, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


def _words(cell: dict[str, Any]) -> Iterator[str]:
    for output in cell["outputs"]:
        for kind, text in output.get("data", {"stream": output.get("text", "")}).items():
            words = _text(text)
            if kind == "text/html":
                words = html.unescape(re.sub(r"<[^>]+>", " ", _STYLE.sub("", words)))
            yield masked(" ".join(words.split()))


def _text(value: str | list[str]) -> str:
    """A text that nbformat keeps whole or in lines."""
    return value if isinstance(value, str) else "".join(value)


def _once(text: str, seen: set[str]) -> str:
    """The text without styles that stood before it in the notebook."""

    def drop(found: re.Match[str]) -> str:
        is_known = found[0] in seen
        seen.add(found[0])
        return "" if is_known else found[0]

    return _STYLE.sub(drop, text)


def _first_difference(old: str, new: str) -> str:
    """Both texts from shortly before they part."""
    place = next(
        (at for at, (left, right) in enumerate(zip(old, new, strict=False)) if left != right),
        min(len(old), len(new)),
    )
    start = max(0, place - 40)
    return f"was {old[start : place + 80]!r}, is {new[start : place + 80]!r}"


def main() -> int:
    """Make the runs, or compare them; the exit code."""
    parser = argparse.ArgumentParser(description="Make the solved runs of the training again.")
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    parser.add_argument("--to", type=Path, default=folder(), help="another folder to write to")
    asked = parser.parse_args()
    try:
        made = make(notebooks())
    except UnsolvedError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    if asked.check:
        found = check(made)
        sys.stderr.write("".join(f"{line}\n" for line in found))
        return 1 if found else 0
    keep(made, asked.to)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
