"""Standard streams that are closed, full, left by their reader, or of a narrow code page."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import organisations
from command_line import saved
from support import ROOT, some_of

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX arranges the streams")

NAME = "Реле 中継"
FULL = Path("/dev/full")


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A line of a shell, in which `mailflow` is the command."""
    command = shlex.join([sys.executable, "-m", "mailflow"])
    return subprocess.run(
        ["/bin/sh", "-c", f'mailflow() {{ {command} "$@"; }}; {line}'],
        env={**os.environ, "PYTHONPATH": str(ROOT / "lib"), **environment},
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        check=False,
    )


@pytest.fixture
def narrow(tmp_path: Path) -> Path:
    """An organization with a connector that no code page of one byte can name."""
    org = organisations.article().change("EX16A\\Relay", name=NAME)
    return saved(org, tmp_path / "snapshot")


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "utf-8"])
def test_a_name_outside_of_the_code_page_is_escaped(narrow: Path, encoding: str) -> None:
    """The verdict and its exit code are those of any other screen."""
    done = shell(f"mailflow diagnose {narrow}", PYTHONIOENCODING=encoding)

    assert done.returncode == 1, done.stderr
    wanted = NAME.encode(encoding, "backslashreplace").decode(encoding)
    assert wanted.split()[0] in done.stdout
    assert done.stderr == ""


def test_json_needs_no_code_page(narrow: Path) -> None:
    """JSON is ASCII, whatever the stream's encoding."""
    done = shell(f"mailflow diagnose --json {narrow}", PYTHONIOENCODING="cp437")

    assert f"EX16A\\{NAME}" in [one["connector"] for one in json.loads(done.stdout)["findings"]]


def test_an_error_names_what_no_code_page_has() -> None:
    """Standard error escapes too: a path outside of the code page is no bug of ours."""
    done = shell("mailflow diagnose 'нет'", PYTHONIOENCODING="cp1252:strict")

    assert done.returncode == 3
    assert "\\u043d" in done.stderr


@pytest.mark.parametrize(
    ("streams", "code"),
    [(">&-", 1), ("2>&-", 1), ("<&-", 1), (">&- 2>&- <&-", 1), ("| :; exit 1", 1)],
)
def test_closed_streams_are_quiet(narrow: Path, streams: str, code: int) -> None:
    """What nobody reads is dropped; the exit code is the verdict's."""
    done = shell(f"mailflow diagnose {narrow} {streams}")

    assert (done.returncode, done.stderr) == (code, "")


def test_a_reader_who_leaves_changes_no_exit_code(narrow: Path) -> None:
    """`| head -1` gets its line; the verdict stays the exit code, and there is no word of it."""
    asked = f"{{ sleep 0.1; mailflow diagnose {narrow}; echo $? >&2; }} | :"

    assert shell(asked).stderr == "1\n"


@pytest.mark.skipif(not FULL.exists(), reason="only Linux has /dev/full")
def test_an_answer_that_is_lost_is_no_success(narrow: Path) -> None:
    """A full disk behind standard output: one line, exit 2, also for a healthy organization."""
    healthy = saved(organisations.healthy(), narrow.with_name("healthy"))

    done = shell(f"mailflow diagnose --json {healthy} > /dev/full")

    assert done.returncode == 2
    assert done.stderr.startswith("mailflow: standard output cannot be written (No space left")
    assert len(done.stderr.splitlines()) == 1
    assert shell(f"mailflow diagnose {healthy} 2>/dev/full").returncode == 0


@pytest.mark.parametrize("streams", some_of([">/dev/full", "| :", ">&- <&-"]))
def test_the_files_of_a_run_are_written(tmp_path: Path, streams: str) -> None:
    """Whatever becomes of standard output, the run is complete."""
    done = shell(f"cd {tmp_path}; {{ mailflow run mail_stuck_in_queue demo:article; }} {streams}")

    (folder,) = (tmp_path / "runs").iterdir()
    assert json.loads((folder / "manifest.json").read_text())["complete"] is True
    assert (folder / "report.html").is_file()
    if "full" in streams:
        assert done.returncode == 1
        assert str(folder.relative_to(tmp_path)) in done.stderr
