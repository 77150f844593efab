"""What passed in one run and need not be repeated in the next one, of the same files with more.

`.ci/run` tests twice: as a stranger does, on a machine with nothing but Python, and then with
Chromium, PowerShell, Kerberos and the reference data. `--note-passed=FILE` writes down which tests
passed, and with which packages; `--passed-before=FILE` leaves these out. Run again is what was
skipped or failed, what has another name now, and what may differ where more is installed.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SEE_KERBEROS = {
    "far",
    "gssapi",
    "kerberos",
    "krb5",
    "pypsrp",
    "requests_credssp",
    "spnego",
    "winrm",
}
"""Packages, and a folder of helpers, that act otherwise where the Kerberos packages are there."""
LOG_ON = (
    *("mailflow.simulated.authentication", "mailflow.simulated.endpoint"),
    *("mailflow.simulated.shell_endpoint", "mailflow.sources.credentials"),
    *("mailflow.sources.psrp", "mailflow.sources.winrm"),
)
"""Modules that use them, by the beginning of the name."""
ASKS = "support.py"
"""Who is asked for what may be absent: a test that lacks it was skipped, so it is run again."""


@dataclass
class Passed:
    """The tests that passed, as pytest names them, and what they ran on."""

    python: str = sys.version
    packages: dict[str, str] = field(
        default_factory=lambda: {one.name: one.version for one in distributions()}
    )
    names: list[str] = field(default_factory=list)

    def left_out(self) -> set[str]:
        """Those that another run would only repeat: none where Python or a package changed."""
        now = Passed()
        if self.python != now.python or not self.packages.items() <= now.packages.items():
            return set()
        files = {name: TESTS.parent / name.split("::")[0] for name in self.names}
        return {name for name, file in files.items() if file.exists() and not may_differ(file)}


def read(file: Path) -> Passed:
    """What was noted.

    Raises:
        OSError, ValueError, TypeError: nothing was, or it cannot be read.
    """
    return Passed(**json.loads(file.read_text(encoding="utf-8")))


@cache
def may_differ(file: Path) -> bool:
    """Whether a test file, its fixtures or a helper has to do with a log-on to a server."""
    files = [file, *(one for one in _conftests(file) if _is_used(one, file))]
    seen = set(files)
    while files:
        for name in imported(files.pop()):
            if name.split(".")[0] in SEE_KERBEROS or name.startswith(LOG_ON):
                return True
            helper = TESTS / f"{name.replace('.', '/')}.py"
            if helper.exists() and helper.name != ASKS and helper not in seen:
                seen.add(helper)
                files.append(helper)
    return False


def _conftests(file: Path) -> Iterator[Path]:
    folders = (one for one in file.parents if one.is_relative_to(TESTS))
    return (one / "conftest.py" for one in folders if (one / "conftest.py").exists())


def _is_used(conftest: Path, file: Path) -> bool:
    """Whether a test file names a fixture of a conftest.py, or need not name it."""
    text = conftest.read_text(encoding="utf-8")
    names = set(re.findall(r"^def (\w+)", text, re.MULTILINE))
    words = set(re.findall(r"\w+", file.read_text(encoding="utf-8")))
    return "autouse" in text or bool(names & words)


def imported(file: Path) -> Iterator[str]:
    """The names of what a file imports, inside functions too."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{one.name}" for one in node.names)


class Noting:
    """Writes down what passes; all pytests that `run.py test` starts write into one file."""

    def __init__(self, file: Path) -> None:
        """`file` may hold what an earlier pytest noted."""
        self.file = file
        self.called: set[str] = set()
        self.otherwise: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test passes with its fixtures: in all three phases."""
        if not report.passed:
            self.otherwise.add(report.nodeid)
        elif report.when == "call":
            self.called.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Add it to what stands there."""
        noted = read(self.file) if self.file.exists() else Passed()
        noted.names = sorted({*noted.names, *self.called - self.otherwise})
        self.file.write_text(json.dumps(vars(noted), indent=1), encoding="utf-8")


class LeavingOut:
    """Deselects what passed before, and says how many that were."""

    def __init__(self, names: Iterable[str]) -> None:
        """`names` as pytest gives them, with their parameters."""
        self.names = frozenset(names)

    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """By name; a new one is run."""
        config.hook.pytest_deselected(items=[one for one in items if one.nodeid in self.names])
        items[:] = [one for one in items if one.nodeid not in self.names]

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """What a reader of the log has to know."""
        terminalreporter.write_line(
            f"left out: {len(self.names)} tests that passed before, with the same packages"
            if self.names
            else "nothing left out: other packages than those with which tests passed before"
        )


def add_options(parser: pytest.Parser) -> None:
    """Both options, for conftest.py."""
    parser.addoption("--note-passed", type=Path, metavar="FILE", help="note what passes")
    parser.addoption("--passed-before", type=Path, metavar="FILE", help="leave that out")


def obey_options(config: pytest.Config) -> None:
    """Only the process that the workers report to notes; each one leaves out."""
    noted, before = config.getoption("note_passed"), config.getoption("passed_before")
    if noted and not hasattr(config, "workerinput"):
        config.pluginmanager.register(Noting(noted))
    if before:
        config.pluginmanager.register(LeavingOut(read(before).left_out()))
