"""The parameter cell of a notebook: what it leaves open, what it got wrong, what was put behind it.

Only a kernel has one: on the command line, and where mailflow is imported by a script, nothing here
does anything.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from mailflow.errors import UsageError
from mailflow.phrases import did_you_mean
from mailflow.plain import visible
from mailflow.this_run import place, run_folder

FORMS = (
    r'source = r"C:\exports"                     # a folder, zip or file with exports',
    'source = "exchange://ex16a.contoso.com"     # a live server; or winrm://HOST',
    'source = "demo:article"                     # a simulated organization, to practice',
)
"""What may stand in the parameter cell, to be copied from."""

MOST_ENTRIES = 300
"""How many entries of a folder are offered; more help nobody to pick."""

_INJECTED = "# Parameters\n"
"""How the cell begins that papermill puts behind the parameter cell."""

_OF_PAPERMILL = "PAPERMILL_"
"""How the names begin that papermill adds by itself, with `--inject-paths`."""

_KINDS: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "list": (list,),
}
_ESCAPES = {
    "\a": (r"\a", "a bell"),
    "\b": (r"\b", "a backspace"),
    "\t": (r"\t", "a tab"),
    "\n": (r"\n", "a line break"),
    "\v": (r"\v", "a vertical tab"),
    "\f": (r"\f", "a form feed"),
    "\r": (r"\r", "a carriage return"),
}
"""What Python makes of a backslash and a letter: how it was typed, and what it became."""

_chosen: list[str] = []
"""The source that somebody chose in the form; kept in this kernel, and nowhere else."""


def source_or_form(samples: Iterable[tuple[str, str]], acceptable: Callable[[str], object]) -> str:
    """The source for a notebook that names none: the one that was chosen in the form.

    As long as none was, the form is shown where somebody can operate it, and the notebook stops.

    Args:
        samples: names and titles of the simulated organizations.
        acceptable: raises MailflowError for a source that cannot be one.

    Raises:
        UsageError: none was chosen yet; says which forms there are.
    """
    if _chosen:
        sys.stdout.write(
            f"Source: {visible(_chosen[-1])}, as chosen in the form. To choose another one, "
            "restart the kernel.\n"
        )
        return _chosen[-1]
    if is_operated():
        from mailflow.show.widgets.saying import display
        from mailflow.show.widgets.source_form import SourceForm

        def choose(source: str) -> None:
            acceptable(source)
            _chosen[:] = [source]

        display(SourceForm(samples, _entries, choose))
        raise UsageError(
            "no source yet: choose one above and run all cells again, "
            "or set `source` in the first code cell"
        )
    error = UsageError("no source: set `source` in the first code cell, for example")
    error.further = FORMS
    raise error


def forget_choice() -> None:
    """What was chosen cannot be read: the next run asks again."""
    _chosen.clear()


def is_operated() -> bool:
    """Whether somebody sits before this notebook: the front end takes input (JupyterLab does).

    papermill and nbconvert say that they take none.
    """
    shell = _shell()
    kernel = getattr(shell, "kernel", None)
    if kernel is None or run_folder() is not None:
        return False
    request: Mapping[str, Any] = kernel.get_parent()
    return bool(request.get("content", {}).get("allow_stdin"))


def is_notebook() -> bool:
    """Whether this process is a kernel: others may have loaded the package as well."""
    found = sys.modules.get("ipykernel.kernelapp")
    return found is not None and bool(found.IPKernelApp.initialized())


def eaten(text: str) -> str:
    r"""What to say of a path that lost backslashes, as `"C:\temp"` does; empty: it lost none."""
    found = next((each for each in text if not each.isprintable()), "")
    if not found:
        return ""
    meant = "".join(_ESCAPES.get(each, (each,))[0] for each in text)
    typed, became = _ESCAPES.get(found, ("", "a control character"))
    where = f" where {typed} was typed" if typed else ""
    return (
        f"{visible(meant)}: the path holds {became}{where}, because Python reads a backslash and "
        f'what follows as one character. Write an r before the quotation mark: r"{visible(meant)}"'
    )


def refuse_unknown_parameters() -> None:
    """Stop a notebook that papermill gave a name which its parameter cell does not have.

    papermill itself only warns, and turns `0012345` into a number.

    Raises:
        UsageError: such a name, or a value of another type than the cell says.
    """
    typed = getattr(_shell(), "user_ns", {}).get("In", ())
    reason = misfit([str(text) for text in typed])
    if reason:
        raise UsageError(reason)


def misfit(cells: Sequence[str]) -> str:
    """What is wrong with the parameters among the cells that were run, in order; empty: nothing.

    The parameter cell is the last one with annotated names; it counts for what was run behind it.
    """
    parsed = [(text, _body(text)) for text in cells]
    declared: dict[str, str] = {}
    for text, body in parsed:
        kinds = {
            line.target.id: ast.unparse(line.annotation).partition("[")[0]
            for line in body
            if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
        }
        if kinds:
            declared = kinds
        elif declared and text.startswith(_INJECTED):
            for name, value in _assigned(body):
                reason = _misfit(name, value, declared)
                if reason:
                    return reason
    return ""


def _misfit(name: str, value: ast.expr, declared: Mapping[str, str]) -> str:
    if name not in declared:
        if name.startswith(_OF_PAPERMILL):
            return ""
        hint = did_you_mean(name, declared)
        return f"this notebook has no parameter {name!r}.{hint} Known: {', '.join(declared)}"
    kinds = _KINDS.get(declared[name])
    try:
        given = ast.literal_eval(value)
    except ValueError:
        return ""
    if kinds is None or (isinstance(given, kinds) and isinstance(given, bool) is (bool in kinds)):
        return ""
    text = f"; papermill keeps a text with -r {name} TEXT" if str in kinds else ""
    return f"parameter {name}: {given!r} is no {declared[name]}{text}"


def _assigned(body: Sequence[ast.stmt]) -> list[tuple[str, ast.expr]]:
    return [
        (target.id, line.value)
        for line in body
        if isinstance(line, ast.Assign)
        for target in line.targets
        if isinstance(target, ast.Name)
    ]


def _body(text: str) -> list[ast.stmt]:
    try:
        return ast.parse(text).body
    except (SyntaxError, ValueError):  # a cell of IPython's own kind, such as %timeit
        return []


def _entries(typed: str) -> list[str]:
    """What lies in the folder that is being typed: folders first, with a separator behind them.

    What stands behind the last separator is a beginning, and not looked for.
    """
    head = re.match(r"(.*[/\\])?", typed, re.DOTALL)
    start = head[0] if head else ""
    folder = place(start) if start else place(".")
    try:
        found = sorted(
            (not path.is_dir(), path.name) for path in folder.iterdir() if path.name[0] != "."
        )
    except OSError:
        return []
    end = "\\" if "\\" in start and "/" not in start else "/"
    names = [f"{start}{name}{'' if is_file else end}" for is_file, name in found]
    return names[:MOST_ENTRIES]


def _shell() -> Any:  # noqa: ANN401 - IPython's shell, which this package does not import
    """The shell of this kernel; None in every other process."""
    loaded = sys.modules.get("IPython")
    return loaded.get_ipython() if loaded else None
