"""What the second part of `.ci/run` leaves out: what passed, where nothing else may come out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from passed import LOG_ON, SEE_KERBEROS, TESTS, Passed, imported, may_differ, read
from support import ROOT

MODULE = """
import os, pytest

@pytest.fixture
def falls():
    yield
    assert os.environ["HAS_MORE"] == "1"

def test_passes(): open("ran", "a").write("passes ")
def test_is_skipped():
    open("ran", "a").write("skipped ")
    if os.environ["HAS_MORE"] == "0": pytest.skip("no Chromium")
def test_fails(): open("ran", "a").write("fails "); assert os.environ["HAS_MORE"] == "1"
def test_falls_afterwards(falls): open("ran", "a").write("falls ")
@pytest.mark.xfail(strict=True)
def test_is_expected_to_fail(): open("ran", "a").write("expected "); assert False
@pytest.mark.parametrize("file", ["a", "b"][: 1 + int(os.environ["HAS_MORE"])])
def test_each(file): open("ran", "a").write(file + " ")
"""
LOGS_ON = """
def test_logs_on():
    import spnego
    open("ran", "a").write("logs-on ")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A few tests, with the conftest.py of these tests."""
    (tmp_path / "tests").mkdir()
    for name in ("conftest.py", "passed.py"):
        (tmp_path / "tests" / name).write_text((TESTS / name).read_text("utf-8"), "utf-8")
    (tmp_path / "tests" / "test_module.py").write_text(MODULE, "utf-8")
    (tmp_path / "tests" / "test_log_on.py").write_text(LOGS_ON, "utf-8")
    return tmp_path


def run(project: Path, option: str, has_more: str = "0", *further: str) -> tuple[list[str], str]:
    """What ran, and what pytest said."""
    (project / "ran").write_text("", "utf-8")
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={project}"),
        *("--import-mode=importlib", "-o", "pythonpath=tests", f"{option}={project}/passed.json"),
        *("tests", *further),
    ]
    done = subprocess.run(
        command,
        cwd=project,
        env={"PATH": "", "HAS_MORE": has_more},
        capture_output=True,
        text=True,
        check=False,
    )
    return (project / "ran").read_text("utf-8").split(), done.stdout + done.stderr


@pytest.mark.parametrize("workers", ["0", "2"])
def test_what_passed_is_left_out_and_nothing_else(project: Path, workers: str) -> None:
    """Skipped, failed, failed while it was tidied up, or with another name: run again."""
    run(project, "--note-passed", "0", "-n", workers)
    ran, said = run(project, "--passed-before", "1", "-n", workers)

    assert sorted(ran) == ["b", "expected", "fails", "falls", "logs-on", "skipped"]
    assert "left out: 2 tests that passed before" in said


def test_both_runs_of_one_command_are_noted(project: Path) -> None:
    """`run.py test` starts pytest twice."""
    run(project, "--note-passed", "1", "-k", "passes")
    run(project, "--note-passed", "1", "-k", "fails")

    names = [name.split("::")[1] for name in read(project / "passed.json").names]
    assert names == ["test_fails", "test_passes"]


NAME = "tests/test_table.py::test_any"


@pytest.mark.parametrize(
    "noted",
    [
        Passed(names=[NAME], python="3.99"),
        Passed(names=[NAME], packages={"pytest": "0.1"}),
        Passed(names=[NAME], packages={"no-such-package": "1"}),
    ],
)
def test_with_other_packages_nothing_is_left_out(noted: Passed) -> None:
    """What passed on something else says nothing; a package on top changes no other."""
    fewer = dict(list(Passed().packages.items())[1:])

    assert noted.left_out() == set()
    assert Passed(names=[NAME], packages=fewer).left_out() == {NAME}


def test_that_nothing_is_left_out_is_said(project: Path) -> None:
    """Whoever wonders why it takes long reads it at the end."""
    noted = Passed(names=[NAME], python="3.99")
    (project / "passed.json").write_text(json.dumps(vars(noted)), "utf-8")
    ran, said = run(project, "--passed-before", "1")

    assert "passes" in ran
    assert "nothing left out: other packages" in said


def test_without_a_note_nothing_runs(project: Path) -> None:
    """A file that is not there is a mistake, no empty list."""
    ran, said = run(project, "--passed-before", "1")

    assert ran == []
    assert "FileNotFoundError" in said


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("simulated/test_kdc.py", True),  # imports winrm
        ("sources/psrp/test_shell.py", True),
        ("test_fix_and_verify.py", True),  # a helper serves an organization
        ("test_opening.py", True),  # the log-on itself
        ("sources/psrp/test_commands.py", True),
        ("sources/test_kept.py", False),  # beside a conftest.py whose fixtures it does not use
        ("exchange/test_selection.py", False),
        ("test_table.py", False),
    ],
)
def test_what_may_differ_where_kerberos_is_installed(file: str, expected: bool) -> None:
    """Whatever logs on, also through a helper, is repeated."""
    assert may_differ(TESTS / file) == expected


def test_a_fixture_beside_it_counts(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that logs on through a fixture of its folder imports nothing for it."""
    tests = project / "tests"
    monkeypatch.setattr("passed.TESTS", tests)
    (tests / "far").mkdir()
    (tests / "far" / "conftest.py").write_text("import winrm\ndef realm(): ...\n", "utf-8")
    for name, text in (("uses", "def test(realm): ..."), ("other", "def test(): ...")):
        (tests / "far" / f"test_{name}.py").write_text(text, "utf-8")

    assert may_differ(tests / "far" / "test_uses.py")
    assert not may_differ(tests / "far" / "test_other.py")


def test_each_module_that_logs_on_is_known() -> None:
    """The gate to the list: what of the package imports what Kerberos changes."""
    package = ROOT / "lib"
    that_import = [
        ".".join(file.relative_to(package).with_suffix("").parts)
        for file in sorted(package.rglob("*.py"))
        if any(name.split(".")[0] in SEE_KERBEROS for name in imported(file))
    ]

    assert that_import
    assert [name for name in that_import if not name.startswith(LOG_ON)] == []
