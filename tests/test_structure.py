"""The design of the house: who may import whom, and that nothing points back up.

Every import counts, also one inside a function or for annotations alone.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

from support import ROOT

PACKAGE = ROOT / "lib" / "mailflow"
LEAVES = {"budget", "errors", "extras", "own_files", "phrases", "picture", "plain"}
"""Import nobody (of each other errors alone), may be imported by everybody."""
BELOW: Mapping[str, set[str]] = {
    "budget": {"errors"},
    "errors": set(),
    "extras": {"errors"},
    "own_files": set(),
    "plain": set(),
    "toml_file": {"errors"},
    "picture": set(),
    "phrases": set(),
    "exchange": {"errors", "phrases"},
    "table": LEAVES,
    "snapshot": {"budget", "errors", "exchange", "plain"},
    "sources": {*LEAVES, "exchange", "snapshot"},
    "powershell": {"own_files"},
    "analysis": {*LEAVES, "exchange", "snapshot"},
    "checks": {*LEAVES, "analysis", "exchange", "snapshot"},
    "repair": {*LEAVES, "analysis", "checks", "exchange", "snapshot", "table"},
    "views": {
        *LEAVES,
        *("analysis", "checks", "exchange", "repair", "snapshot", "table"),
        "this_run",
        "toml_file",
    },
    "simulated": {*LEAVES, "exchange", "sources"},
    "apply": {
        *LEAVES,
        *("analysis", "exchange", "repair", "snapshot", "sources", "table", "views"),
        "user_data",
    },
    "usage": {
        *LEAVES,
        *("analysis", "exchange", "repair", "snapshot", "sources", "table"),
    },
    "version": set(),
    "this_run": set(),
    "user_data": set(),
    # Of the views it knows only the shape of what they found.
    "show": {*LEAVES, "table", "views.alike", "views.verdict"},
}
"""Part of the package to the parts it may import, besides itself; parts not named are the top."""
IN_COLUMNS = {"mailflow.exchange.answer_map", "mailflow.exchange.range_columns"}
HEAVY_THEMSELVES = IN_COLUMNS | {"mailflow.runs.engine", "mailflow.sources.psrp.line"}
HEAVY = {
    "IPython",
    "dask",
    "distributed",
    "duckdb",
    "fsspec",
    "ipywidgets",
    "jinja2",
    "nbclient",
    "nbconvert",
    "nbformat",
    "numpy",
    "pandas",
    "papermill",
    "psrpcore",
    "pypsrp",
    "winrm",
}
IMPURE = {"http", "io", "logging", "os", "pandas", "pathlib", "socket", "subprocess", "urllib"}


def module_name(path: Path, package: Path = PACKAGE) -> str:
    """Dotted name of a file below the package; the package itself for an `__init__.py`."""
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported(
    tree: ast.AST, name: str, known: Mapping[str, object], *, is_package: bool
) -> set[str]:
    """Dotted names that a module imports, as far down as a module of the project goes."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            here = name.split(".") if is_package else name.split(".")[:-1]
            base = here[: len(here) - node.level + 1] if node.level else []
            start = ".".join([*base, *((node.module or "").split(".") if node.module else [])])
            for alias in node.names:
                deeper = f"{start}.{alias.name}"
                found.add(deeper if deeper in known else start)
    return found


@cache
def parsed() -> dict[str, ast.Module]:
    """Each module of the package, read."""
    return {name: ast.parse(path.read_text("utf-8"), path.name) for name, path in MODULES.items()}


@cache
def imports_of_all() -> dict[str, set[str]]:
    """Each module of the package to what it imports."""
    return {
        name: imported(tree, name, MODULES, is_package=MODULES[name].stem == "__init__")
        for name, tree in parsed().items()
    }


def arrows_back_up(imports: Mapping[str, set[str]]) -> list[str]:
    """Each import that the drawing of the house does not allow, as `from -> to`."""
    return [
        f"{name} -> {target}"
        for name, targets in imports.items()
        for target in sorted(targets)
        if target.split(".")[0] == "mailflow" and not allowed(name, target)
    ]


def allowed(name: str, target: str) -> bool:
    """Whether one module of the project may import another."""
    _, part, *_ = [*name.split("."), ""]
    _, wanted, *rest = [*target.split("."), ""]
    if part not in BELOW:
        # The top of the house: all below it, and among each other what makes no circle.
        return wanted != "__main__"
    exact = ".".join([wanted, *(one for one in rest if one)])
    return wanted == part or wanted in BELOW[part] or exact in BELOW[part]


def circle(imports: Mapping[str, set[str]]) -> list[str]:
    """The modules of one circle in the order in which they import each other; empty if none."""
    finished: set[str] = set()

    def walk(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in finished:
            return []
        for target in sorted(imports.get(name, set()) & imports.keys()):
            if target != name and (found := walk(target, [*way, name])):
                return found
        finished.add(name)
        return []

    return next((found for name in imports if (found := walk(name, []))), [])


def at_start(tree: ast.Module) -> Iterator[ast.stmt]:
    """The imports that run when a module is imported: in no function, not for annotations."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        is_typing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if not is_typing and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting.extend(ast.iter_child_nodes(node))


def test_no_arrow_runs_back_up() -> None:
    """Each part imports only what lies below it."""
    assert arrows_back_up(imports_of_all()) == []


def test_no_circle() -> None:
    """No module imports itself by way of others, not even inside a function."""
    assert circle(imports_of_all()) == []


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("mailflow.exchange.ranges", "from mailflow.snapshot import Snapshot"),
        ("mailflow.exchange.ranges", "def late():\n    import mailflow.views"),
        ("mailflow.table", "from mailflow import exchange"),
        ("mailflow.views.queues", "from mailflow.sources.row import Row"),
        ("mailflow.views.queues", "from ..show import words"),
        ("mailflow.show.words", "from mailflow.views.queues import non_empty_queues"),
        ("mailflow.analysis.paths", "from mailflow.repair import plan"),
        ("mailflow.analysis.paths", "from mailflow.sources import tables"),
        ("mailflow.analysis.paths", "from mailflow.checks import registry"),
        ("mailflow.checks.diagnose", "from mailflow.repair import plan"),
        ("mailflow.repair.plan", "from mailflow.views import findings"),
        ("mailflow.repair.plan", "from mailflow.sources import tables"),
        ("mailflow.simulated.clock", "from mailflow.analysis import paths"),
        ("mailflow.simulated.clock", "def late():\n    from mailflow.repair import plan"),
        ("mailflow.sources.row", "from mailflow.analysis import paths"),
        ("mailflow.sources.row", "from mailflow import table"),
        ("mailflow.simulated.clock", "if TYPE_CHECKING:\n    from mailflow.views import verdict"),
        ("mailflow.snapshot", "import mailflow"),
    ],
)
def test_arrow_check_can_fail(name: str, source: str) -> None:
    """An import upwards is seen in each way of writing it."""
    known = dict.fromkeys(
        ["mailflow", "mailflow.exchange", "mailflow.table", "mailflow.views.verdict"]
    )
    targets = imported(ast.parse(source), name, known, is_package=False)

    assert len(arrows_back_up({name: targets})) == 1


def test_circle_check_can_fail() -> None:
    """A circle of three is found, and named in its order."""
    imports = {"a": {"b"}, "b": {"c"}, "c": {"a", "d"}, "d": set[str]()}

    assert circle(imports) == ["a", "b", "c", "a"]
    assert circle({**imports, "c": {"d"}}) == []


def test_rules_touch_nothing_outside() -> None:
    """`exchange` is pure: no files, no network, no processes, no frames."""
    found = {
        name: sorted({target.split(".")[0] for target in targets} & IMPURE)
        for name, targets in imports_of_all().items()
        if name.startswith("mailflow.exchange")
    }

    assert {name: targets for name, targets in found.items() if targets} == {}


def test_heavy_libraries_wait_until_they_are_needed() -> None:
    """No module imports at its start what costs a noticeable part of a second.

    Modules that are numpy, pypsrp or papermill from end to end name it at their top; they count as
    heavy themselves.
    """
    found = []
    for name, tree in parsed().items():
        if name in HEAVY_THEMSELVES:
            continue
        for node in at_start(tree):
            names = (
                [node.module or ""]
                if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names if isinstance(node, ast.Import)]
            )
            found += [
                f"{name}: {one}"
                for one in names
                if one.split(".")[0] in HEAVY or one in HEAVY_THEMSELVES
            ]

    assert found == []


def test_every_part_is_in_the_drawing() -> None:
    """A new part of the package has its place among the layers, or is named as the top here."""
    top = {"", "__main__", "cli", "closing", "early_imports", "interactive", "opening"}
    top |= {"parameter_cell", "repairing", "roads", "runs", "training", "using"}
    parts = {[*name.split("."), ""][1] for name in MODULES}

    assert parts - set(BELOW) - top == set()


MAPPED = (
    *("analysis", "apply", "exchange", "repair", "simulated", "sources", "training", "usage"),
    "views",
)
"""Parts so large that the head of the package says which module does what."""


@pytest.mark.parametrize("part", MAPPED)
def test_the_map_of_a_part_names_its_modules(part: str) -> None:
    """Who looks for something finds where it is."""
    known = {name.split(".")[2] for name in MODULES if name.startswith(f"mailflow.{part}.")}
    drawn = ast.get_docstring(parsed()[f"mailflow.{part}"]) or ""

    assert {name for name in known if not re.search(rf"\b{name}\b", drawn)} == set()


_A_COMMAND = re.compile(
    r"(?:^|[\s:(|])(?:Get|Set|Remove|Resume|Retry|Suspend|Test)-[A-Z][A-Za-z]+ "
)
_WRITES_COMMANDS = PACKAGE / "exchange" / "commands.py"


def _part(part: ast.expr) -> str:
    """A piece of a text; a value is a zero byte, but for a constant of the package."""
    if isinstance(part, ast.Constant):
        return str(part.value)
    value = part.value if isinstance(part, ast.FormattedValue) else None
    return "" if isinstance(value, ast.Name) and value.id.isupper() else "\0"


def _with_a_value(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Texts that hold a cmdlet with something behind it, and a value put into them."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(map(_part, node.values))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            held = node.func.value
            if node.func.attr != "format" or not isinstance(held, ast.Constant):
                continue
            text = f"{held.value}\0"
        else:
            continue
        found = _A_COMMAND.search(text)
        if found and "\0" in text[found.end() :]:
            yield node.lineno, text


def test_one_module_puts_values_into_commands() -> None:
    """What stands in a command is quoted by the one function for that, wherever it comes from.

    The simulated organization and the training type commands of their own, with names they made.
    """
    found = [
        (str(path.relative_to(PACKAGE)), line, text)
        for path in sorted(PACKAGE.rglob("*.py"))
        if path != _WRITES_COMMANDS
        and path.relative_to(PACKAGE).parts[0] not in ("simulated", "training")
        for line, text in _with_a_value(ast.parse(path.read_text("utf-8")))
    ]

    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        'f"Get-Queue -Server {name}"',
        'f"Read it: Get-ADPermission {name} | Format-List"',
        '"Resume-Queue -Identity {}".format(name)',
    ],
)
def test_command_check_can_fail(source: str) -> None:
    """A value in a command is seen in each way of writing it."""
    assert len(list(_with_a_value(ast.parse(source)))) == 1
    assert not list(_with_a_value(ast.parse("f'{name}: Get-Queue shows it'")))


def test_a_mark_alone_stands_in_the_file_of_its_test() -> None:
    """Where only these run, a file without the words is not imported (conftest.py)."""
    words = "pytest.mark." + "alone"
    files = sorted((ROOT / "tests").rglob("*.py"))
    elsewhere = [
        file.name
        for file in files
        if words in file.read_text("utf-8") and not file.name.startswith(("test_", "conftest"))
    ]

    assert elsewhere == []
