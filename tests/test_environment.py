"""environment.yml and the locks say the same as pyproject.toml.

No channel can be reached here, so nothing is solved: agreement and grammar are what is tested.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import Counter
from importlib import metadata
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from rattler import MatchSpec
from rattler.exceptions import InvalidMatchSpecError

from support import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]
USED = [
    *PROJECT["project"]["dependencies"],
    *(one for name, extra in EXTRAS.items() if name != "kerberos" for one in extra),
]


def group(name: str) -> list[str]:
    """The packages of a dependency group, with those of the groups that it includes."""
    listed: list[str | dict[str, str]] = PROJECT["dependency-groups"][name]
    return [
        package
        for one in listed
        for package in ([one] if isinstance(one, str) else group(one["include-group"]))
    ]


# What only some need has a lock of its own, which adds to the first one.
ASKED = {
    "lab": EXTRAS["lab"],
    "dev": group("dev"),
    "kerberos": EXTRAS["kerberos"],
}
# Where conda-forge calls a package otherwise than the Python index.
CONDA_NAMES: dict[str, str] = {"duckdb": "python-duckdb"}


def environment(text: str | None = None) -> dict[str, Any]:
    """environment.yml, parsed."""
    parsed: dict[str, Any] = yaml.safe_load(
        text or (ROOT / "environment.yml").read_text(encoding="utf-8")
    )
    return parsed


def conda_bounds(parsed: dict[str, Any]) -> dict[str, SpecifierSet]:
    """Package to bounds of the conda lines."""
    lines = [one for one in parsed["dependencies"] if isinstance(one, str)]
    pairs = [re.fullmatch(r"([a-z0-9._-]+)(.*)", line) for line in lines]
    return {pair[1]: SpecifierSet(pair[2]) for pair in pairs if pair}


def wanted_bounds() -> dict[str, SpecifierSet]:
    """Package to bounds as pyproject.toml has them, under the names of conda."""
    wanted = map(Requirement, USED)
    named = {CONDA_NAMES.get(one.name, one.name): one.specifier for one in wanted}
    return {"python": SpecifierSet(PROJECT["project"]["requires-python"]), **named}


def test_environment_has_the_bounds_of_the_project() -> None:
    """Each dependency and Python itself stand there with the same bounds; besides them only pip."""
    bounds = conda_bounds(environment())

    assert bounds.pop("pip") == SpecifierSet()
    assert bounds == wanted_bounds()


def test_environment_is_portable() -> None:
    """No key that names a machine; conda-forge alone, and no other channel behind it."""
    parsed = environment()

    assert set(parsed) == {"name", "channels", "dependencies"}
    assert [parsed["name"]] == list(PROJECT["project"]["scripts"])
    assert parsed["channels"] == ["conda-forge", "nodefaults"]


def test_environment_installs_the_command() -> None:
    """`conda env create` leaves the project itself in the environment, and through pip only that.

    pip runs in the folder of environment.yml, so `.` is the project.
    """
    blocks = [one for one in environment()["dependencies"] if not isinstance(one, str)]

    assert blocks == [{"pip": ["-e ."]}]
    assert PROJECT["project"]["scripts"]["mailflow"].startswith("mailflow.")


@pytest.mark.parametrize(
    "line", [one for one in environment()["dependencies"] if isinstance(one, str)]
)
def test_environment_lines_are_grammatical(line: str) -> None:
    """Conda's own grammar reads each line, strictly, as the package and bounds that pip reads."""
    spec = MatchSpec(line, strict=True)
    name, bounds = next(iter(conda_bounds({"dependencies": [line]}).items()))

    assert spec.name is not None
    assert spec.name.normalized == name
    assert SpecifierSet(spec.version or "") == bounds


@pytest.mark.parametrize("line", ["pandas>==2.2", "pandas >=2.2, <", "pandas>=2.2 =", "PANDAS[x"])
def test_grammar_check_can_fail(line: str) -> None:
    """The strict grammar refuses what conda would refuse."""
    with pytest.raises(InvalidMatchSpecError):
        MatchSpec(line, strict=True)


def locked(lock: str) -> dict[str, list[str]]:
    """Package to its entries in a lock, each with its hashes."""
    entries = re.split(r"\n(?=\S)", lock)
    found: dict[str, list[str]] = {}
    for entry in entries:
        if not entry.startswith("#"):
            found.setdefault(re.split(r"[=\[ ;]", entry)[0], []).append(entry)
    return found


def text_of(lock: str) -> str:
    """A lock: "" for the one that everybody needs, or the name of an addition."""
    name = f"requirements-{lock}.lock" if lock else "requirements.lock"
    return (ROOT / name).read_text("utf-8")


all_locks = pytest.mark.parametrize("lock", ["", *ASKED], ids=["first", *ASKED])


@all_locks
def test_lock_holds_every_dependency(lock: str) -> None:
    """What pyproject.toml asks for is in its lock, in a version within its bounds."""
    of_others = [one for name in ("lab", "kerberos") for one in EXTRAS[name]]
    of_all = [one for one in (*USED, *EXTRAS["kerberos"]) if one not in of_others]
    wanted = [Requirement(one) for one in (ASKED[lock] if lock else of_all)]
    # A package may stand already in a lock that is always installed before.
    before = {"": [], "dev": ["", "lab"]}.get(lock, [""])
    texts = [text_of(each) for each in (lock, *before)]
    pinned = {
        name: [re.findall(r"^\S+==(\S+)", entry)[0] for entry in entries]
        for text in texts
        for name, entries in locked(text).items()
    }

    assert [
        one.name
        for one in wanted
        if not all(
            one.specifier.contains(version)
            for version in pinned.get(canonicalize_name(one.name), ["0"])
        )
    ] == []


def test_no_package_stands_in_two_locks() -> None:
    """Each lock is installed into what the first has made, beside any other: they cannot differ."""
    names = [name for lock in ("", *ASKED) for name in locked(text_of(lock))]

    assert len(locked(text_of(""))) > 80
    assert [name for name, count in Counter(names).items() if count > 1] == []


def test_what_only_developers_need_is_not_in_the_first_lock() -> None:
    """`run.py demo` installs no JupyterLab, no browser's driver and no tools."""
    first = locked(text_of("")).keys()

    assert first & {"jupyterlab", "jupyter-server", "playwright", "mypy", "ruff", "pytest"} == set()


def imported() -> set[str]:
    """The modules that the package imports, anywhere in it, without Python's own."""
    found = set()
    for path in (ROOT / "lib" / "mailflow").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {one.name.partition(".")[0] for one in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module.partition(".")[0])
    return found - sys.stdlib_module_names - {"mailflow"}


def test_what_the_package_imports_is_in_the_first_lock() -> None:
    """No command but `lab` needs an addition; without `krb5` the ticket is asked of `klist`."""
    first = locked(text_of("")).keys()
    names = metadata.packages_distributions()
    packages = {one: {canonicalize_name(name) for name in names.get(one, [])} for one in imported()}

    assert len(packages) > 10
    assert [one for one, of in packages.items() if not of & first] == ["krb5"]


def test_what_is_installed_together_fits_together() -> None:
    """Each package that is installed here has what it asks for, in a version that it allows."""
    lacking = []
    here = {canonicalize_name(one.name): one for one in metadata.distributions()}
    for name in {one for lock in ("", "lab", "dev") for one in locked(text_of(lock))} & here.keys():
        for asked in map(Requirement, here[name].requires or ()):
            if asked.marker and not asked.marker.evaluate({"extra": ""}):
                continue
            found = here.get(canonicalize_name(asked.name))
            if found is None or not asked.specifier.contains(found.version, prereleases=True):
                lacking.append(f"{name}: {asked}")

    assert lacking == []


@all_locks
def test_lock_is_exact_hashed_and_names_no_index(lock: str) -> None:
    """Each entry is one version with SHA-256 hashes; no address and no option stands there.

    Where packages come from is the user's setting.
    """
    text = text_of(lock)
    entries = [entry for entries in locked(text).values() for entry in entries]

    assert [one for one in entries if not re.match(r"[a-z0-9.-]+==\S+", one)] == []
    assert [one for one in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}", one)] == []
    assert "://" not in text
    assert re.findall(r"^-.*", text, re.MULTILINE) == []


@pytest.mark.parametrize(
    ("lock", "marker"),
    [
        ("", "sys_platform == 'win32'"),
        ("", "sys_platform == 'darwin'"),
        ("", "sys_platform == 'linux'"),
        ("lab", "os_name == 'nt'"),
        ("kerberos", "sys_platform == 'win32'"),
        ("kerberos", "sys_platform != 'win32'"),
    ],
)
def test_lock_serves_every_platform(lock: str, marker: str) -> None:
    """Entries for Windows stand beside those of Linux and macOS, told apart by markers."""
    assert marker in text_of(lock)
