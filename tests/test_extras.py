"""What is not installed is told with the command that installs it."""

from __future__ import annotations

import tomllib
from importlib import metadata
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mailflow import extras
from mailflow.errors import UsageError
from support import ROOT

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LISTS: dict[str, list[str]] = {"": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}


@pytest.mark.parametrize("extra", LISTS)
def test_modules_are_those_of_the_project(extra: str) -> None:
    """Each package of an extra that is installed here brings one of the modules listed for it."""
    brings: dict[str, set[str]] = {}
    for module, names in metadata.packages_distributions().items():
        for name in names:
            brings.setdefault(canonicalize_name(name), set()).add(module)
    wanted = [canonicalize_name(Requirement(one).name) for one in LISTS[extra]]
    lacking = [
        name
        for name in wanted
        if name in brings and not brings[name] & {*extras.MODULES[extra], "kerberos"}
    ]

    assert lacking == []
    assert PROJECT["name"] == extras.DISTRIBUTION


def test_command_is_one_that_any_shell_takes() -> None:
    """Brackets are quoted, with the quotes that cmd.exe knows as well."""
    assert extras.install() == "python -m pip install exchange-mailflow"
    assert extras.install("lab") == 'python -m pip install "exchange-mailflow[lab]"'


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first module that is not there, the command, and the one for a clone."""
    monkeypatch.setattr(extras, "MODULES", {"lab": ("json", "no_such_module_of_ours")})

    with pytest.raises(UsageError) as told:
        extras.require("lab", "mailflow lab")

    assert str(told.value) == (
        "mailflow lab needs no_such_module_of_ours, which is not installed here: "
        'python -m pip install "exchange-mailflow[lab]" (in a clone: python3 run.py setup --lab)'
    )


@pytest.mark.parametrize(
    ("module", "command"),
    [
        ("pandas", "pip install exchange-mailflow (in a clone: python3 run.py setup)"),
        ("psrpcore.types", 'pip install "exchange-mailflow[practice]"'),
        ("duckdb", 'pip install "exchange-mailflow[logs]"'),
    ],
)
def test_failed_import_is_told(module: str, command: str) -> None:
    """An import that fails anywhere names the extra that brings it."""
    told = extras.not_installed(ModuleNotFoundError(name=module))

    assert command in str(told)


@pytest.mark.parametrize("module", ["mailflow.nowhere", "json.nowhere", None])
def test_other_import_is_a_bug_of_ours(module: str | None) -> None:
    """A module that no package of ours brings is not blamed on the installation."""
    assert extras.not_installed(ModuleNotFoundError(name=module)) is None
