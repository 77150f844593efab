"""Names of files that are no text: on the command line, in folders, in zips, of run folders."""

from __future__ import annotations

import os
import sys
import zipfile
from pathlib import Path

import pytest

import organisations
from command_line import Call, captures

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has such names")

BAD = os.fsdecode(b"ex\xffports")


def test_a_folder_and_its_files(call: Call, tmp_path: Path) -> None:
    """Read as any other; shown escaped where something is said of them."""
    folder = captures(organisations.healthy(), tmp_path / BAD)
    for one in list(folder.iterdir()):
        one.rename(folder / os.fsdecode(b"\xfe" + one.name.encode()))
    (folder / os.fsdecode(b"cut\xfe.xml")).write_bytes(b"<Objs")

    found = call("diagnose", folder)

    assert found.code == 2
    assert "cut\ufffd.xml" in found.out


@pytest.mark.parametrize("command", ["diagnose", "whatif"])
def test_nothing_of_that_name(call: Call, tmp_path: Path, command: str) -> None:
    """A file that is not there: exit 3, its name escaped."""
    found = call(command, tmp_path / BAD)

    assert found.code == 3
    assert "ex\\udcffports" in found.err


@pytest.mark.parametrize("bad", [b"\xff\xfe\xfd", b"\xc3("])
def test_a_member_of_a_zip_with_a_name_that_is_not_utf_8(
    call: Call, tmp_path: Path, bad: bytes
) -> None:
    """A zip that promises UTF-8 and lies: unreadable input, and no bug of ours."""
    stand_in = "\u20ac" if len(bad) == 3 else "é"
    archive = tmp_path / "exports.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for one in captures(organisations.healthy(), tmp_path / "made").iterdir():
            made.write(one, f"{stand_in}{one.name}")
    archive.write_bytes(archive.read_bytes().replace(stand_in.encode(), bad))

    found = call("diagnose", archive)

    assert found.code == 3
    assert "exports.zip: " in found.err
    assert "internal" not in found.err


def test_a_run_below_such_a_folder(call: Call, tmp_path: Path) -> None:
    """The run is complete, also where papermill would not take the path."""
    runs = tmp_path / os.fsdecode(b"runs\xff{ticket}")

    found = call("run", "mail_stuck_in_queue", "demo:article", "--runs", runs)

    assert found.code == 1, found.err
    (folder,) = runs.iterdir()
    assert {"report.html", "notebook.ipynb", "findings.json"} <= {
        one.name for one in folder.iterdir()
    }
    assert "runs\\udcff{ticket}" in found.out
