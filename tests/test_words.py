"""The words that people see: phrases that are out of use do not come back."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from support import ROOT

PACKAGE = ROOT / "lib" / "mailflow"

OUT = {
    r"\borganisations?\b": "organization",
    r"\bpractice organi[sz]ations?\b": "simulated organization",
    r"\bcaptures?\b": "export, exported file",
    r"\b(?:is|are|be|was|were|not) let in\b|\blets? (?:it|them|\w+ servers?) in\b": "accepts",
    r"\banswered differently\b|\banswered (?:as before|alike)\b": "handled differently",
    r"\b[Ww]ho answers\b|\b[Nn]obody answers\b|\banswers nobody\b|\banswers whom\b": "accepts",
    r"\bways? between\b|\bways? (?:\w+ ){0,3}cannot work\b|\bno way in\b": "mail path",
    r"\bstands? in (?:its|the|their|a server's) way\b": "blocks it",
    r"\bway back\b|\bput (?:it|them|the old lists) back\b": "rollback",
    r"\b[Rr]ehears": "dry run",
    r"\byour word\b": "confirmation",
    r"\btried again\b": "retried",
    r"\b[Mm]end(?:s|ed|ing)?\b": "repair",
    r"\blog-ons?\b|\blogs on\b": "authentication, sign-in",
    r"\bfellows?\b": "peer server",
    r"\b[Tt]ake [^.]{1,40} off\b|\b[Tt]ake off\b|\bPut on\b": "remove, add",
    r"\bNOT READ\b": "MISSING DATA",
    r"\bNOT DECIDED\b|\bNOT CERTAIN\b": "INCONCLUSIVE",
    r"\b[Nn]ot known\b": "unknown, could not be determined",
    r"\bsince when\b": "start time unknown",
    r"\bX-verbs\b": "the X-ANONYMOUSTLS and X-EXPS keywords",
    r"\bheadless\b": "unattended",
    r"\bfrom the (?:inside out|outside in)\b": "outermost first",
    r"\bFind out\b(?! why mail is stuck)": "the command that tells",
    r"\b(?:waits|wait) since\b": "has been waiting since",
    r"\bCompared was\b": "All addresses were compared",
    r"\bLooked for and not there\b": "Also checked, no issues",
    r"\b[Rr]oads?\b": "protocol",
    r"\bIt is (?:\S+ ){1,4}there\b": "Simulated time",
    r"\bNothing was typed\b": "No command entered",
    r"\bprints nothing\b": "OK (no output)",
    r"\b(?:last step|taken?) back\b": "undo",
    r"\bprinters fall silent\b": "printing stops",
    r"\bon paper\b": "simulated",
    r"\bloads nothing from anywhere\b": "self-contained",
    r"\bas far as it came\b": "incomplete",
    r"\b[Tt]rust the answer\b": "conclusive",
    r"\bnobody (?:who )?was seen\b|\b[Ww]ho was (?:not )?seen\b|\beveryone seen\b": "client",
    r"\b(?:smallest|shorter|shortest) lists?\b": "RemoteIPRanges",
    r"\bbreaks off\b": "ends too early",
    r"\bcannot stand\b|\bstands? there\b": "is shown, cannot be quoted",
    r"\bis (?:closed|open) to this account\b": "works for this account",
    r"\bhandled by what\b|\bmeets? another treatment\b": "treated differently",
    r"\btells? the causes apart\b|\bgoes with --\w": "say what is needed",
    r"\bfrom the catalogue\b|\bin the catalogue\b": "catalog",
}
"""What is out, as a pattern with the context in which it is out, and what people read instead."""

FACT = re.compile(r"\((?:S\d+\.\d+|[CL]\d+)\b[^)]*\)|\(section \d")
"""The id of a fact in a sentence; it belongs into docstrings, columns and documents."""

COLUMNS = ("views/", "training/", "repair/claim.py", "simulated/cases/", "notebooks/")
"""Where ids of facts may be read: in "What the columns mean", and in lessons, which link them."""

DOCUMENTS = ("README.md", "CHANGELOG.md", "SECURITY.md", "docs/*.md", "runs/README.md")
"""Files beside the package that people read."""

KEPT = {
    "apply/draining.py": "a state that journals hold",
    "apply/outcome.py": "the same state",
    "snapshot/schema.py": "a value that snapshots hold",
    "sources/side_tables.py": "the same value",
    "docs/facts.md": "words of its sources",
    "docs/glossary.md": "names of code",
}
"""Files whose words are stored by earlier versions, and what they are."""


def help_docstrings(tree: ast.AST) -> Iterator[ast.AST]:
    """Docstrings of commands: what `--help` shows."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.FunctionDef)
            and isinstance(node.body[0], ast.Expr)
            and any("command" in ast.unparse(each) for each in node.decorator_list)
        ):
            yield node.body[0].value


def strings(source: str) -> Iterator[tuple[int, str]]:
    """The texts of a module with their lines: no docstrings, but for those of commands.

    A formatted string is one text in which `{}` stands for what is filled in.
    """
    tree = ast.parse(source)
    seen = {id(node) for node in help_docstrings(tree)}
    skipped = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and id(node.value) not in seen
    }
    parts: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts |= {id(part) for part in node.values}
            yield (
                node.lineno,
                "".join(
                    str(part.value) if isinstance(part, ast.Constant) else "{}"
                    for part in node.values
                ),
            )
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in skipped
            and id(node) not in parts
        ):
            yield node.lineno, node.value


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """The texts of a file that people see, with the line or the number of the cell."""
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        # A word alone is a key.
        yield from ((line, said) for line, said in strings(text) if " " in said.strip())
    elif path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        yield from ((number, "".join(cell["source"])) for number, cell in enumerate(cells, 1))
    else:
        bare = re.sub(r"\{#.*?#\}", "", text, flags=re.DOTALL)
        yield from enumerate(bare.splitlines(), 1)


@cache
def files() -> dict[str, Path]:
    """What is looked at: by its path in the package, or in the repository."""
    found = [*PACKAGE.rglob("*.py"), *(PACKAGE / "show" / "templates").rglob("*.j2")]
    found += (PACKAGE / "simulated" / "cases").glob("*.json")
    inside = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(found)}
    notebooks = (ROOT / "notebooks").rglob("*.ipynb")
    beside = {
        path.relative_to(ROOT).as_posix(): path
        for path in sorted(notebooks)
        if "solved" not in path.parts and ".ipynb_checkpoints" not in path.parts
    }
    written = {
        path.relative_to(ROOT).as_posix(): path
        for pattern in DOCUMENTS
        for path in sorted(ROOT.glob(pattern))
    }
    return inside | beside | written


def hits(name: str) -> list[str]:
    """Each phrase that is out, with its place and what to say instead."""
    return [
        f"{name}:{line}: {found[0]!r}: say {instead!r}"
        for line, said in prose(files()[name])
        for pattern, instead in OUT.items()
        if (found := re.search(pattern, said))
    ]


def test_words_that_are_out_do_not_come_back() -> None:
    """In no text of the package, its templates and scenarios, no notebook and no document."""
    looked_at = [name for name in files() if name not in KEPT]

    assert len(looked_at) > 200
    assert [hit for name in looked_at for hit in hits(name)] == []


def test_no_sentence_names_a_fact() -> None:
    """A ticket, a terminal and a report show sentences; ids of facts are for those who check."""
    found = [
        f"{name}:{line}: {hit[0]!r}"
        for name, path in files().items()
        if not name.startswith(COLUMNS) and path.suffix != ".md"
        for line, said in prose(path)
        if (hit := FACT.search(said))
    ]

    assert found == []


@pytest.mark.parametrize("name", [*KEPT])
def test_an_exception_is_still_one(name: str) -> None:
    """Whoever sweeps a file takes it off the list."""
    assert hits(name)


@pytest.mark.parametrize(
    "text",
    [
        'print(f"{who} is not let in")',
        'x = "the way back"',
        'X = {"a": "Not known whether"}',
        '@click.command()\ndef run():\n    """Run it headless."""',
    ],
)
def test_a_phrase_is_seen_where_people_read_it(text: str) -> None:
    """In a literal, in a formatted one, and in the help of a command."""
    said = [said for _, said in strings(text)]

    assert any(re.search(pattern, each) for each in said for pattern in OUT)


def test_docstrings_are_no_texts() -> None:
    """What only a programmer reads is not looked at."""
    assert list(strings('def f():\n    """Who answers."""\nX = 1\n"""Not known."""')) == []
