"""environment.yml and the two locks say the same as pyproject.toml.

No channel can be reached here, so nothing is solved: agreement and grammar are what is tested.
"""

from __future__ import annotations

import re
import tomllib
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
KERBEROS = EXTRAS["kerberos"]  # needs a compiler: stands apart, in a lock of its own
USED = [
    *PROJECT["project"]["dependencies"],
    *(one for name, extra in EXTRAS.items() if name != "kerberos" for one in extra),
]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
KERBEROS_LOCK = (ROOT / "requirements-kerberos.lock").read_text("utf-8")
# Where conda-forge calls a package otherwise than the Python index; none so far.
CONDA_NAMES: dict[str, str] = {}


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
    assert parsed["name"] == PROJECT["project"]["name"]
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


@pytest.mark.parametrize(
    ("lock", "asked"),
    [(LOCK, [*USED, *PROJECT["dependency-groups"]["dev"]]), (KERBEROS_LOCK, KERBEROS)],
    ids=["lock", "kerberos"],
)
def test_lock_holds_every_dependency(lock: str, asked: list[str]) -> None:
    """What pyproject.toml asks for is in its lock, in a version within its bounds."""
    wanted = [Requirement(one) for one in asked]
    pinned = {
        name: [re.findall(r"^\S+==(\S+)", entry)[0] for entry in entries]
        for name, entries in locked(lock).items()
    }

    assert [
        one.name
        for one in wanted
        if not all(
            one.specifier.contains(version)
            for version in pinned.get(canonicalize_name(one.name), ["0"])
        )
    ] == []


def test_kerberos_lock_adds_to_the_other() -> None:
    """No package stands in both locks: the second is installed into what the first has made."""
    assert len(locked(LOCK)) > 100
    assert locked(LOCK).keys() & locked(KERBEROS_LOCK).keys() == set()


@pytest.mark.parametrize("lock", [LOCK, KERBEROS_LOCK], ids=["lock", "kerberos"])
def test_lock_is_exact_hashed_and_names_no_index(lock: str) -> None:
    """Each entry is one version with SHA-256 hashes; no address and no option stands there.

    Where packages come from is the user's setting.
    """
    entries = [entry for entries in locked(lock).values() for entry in entries]

    assert [one for one in entries if not re.match(r"[a-z0-9.-]+==\S+", one)] == []
    assert [one for one in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}", one)] == []
    assert "://" not in lock
    assert re.findall(r"^-.*", lock, re.MULTILINE) == []


@pytest.mark.parametrize("lock", [LOCK, KERBEROS_LOCK], ids=["lock", "kerberos"])
def test_lock_serves_every_platform(lock: str) -> None:
    """Entries for Windows stand beside those of Linux and macOS, told apart by markers."""
    assert "sys_platform == 'win32'" in lock
    assert "sys_platform != 'win32'" in lock
