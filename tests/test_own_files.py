"""The files that travel with the package are found in a clone, in a folder and in a zip."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mailflow import own_files
from support import ROOT


def test_in_a_clone() -> None:
    """Runbooks lie beside lib/, cases inside the package."""
    assert own_files.beside("notebooks") == ROOT / "notebooks"
    assert own_files.packaged("simulated/cases/article.json").is_file()


def test_without_a_clone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Installed, the folder inside the package counts, also where a stranger's lies beside it."""
    (tmp_path / "python" / "site-packages" / "mailflow").mkdir(parents=True)
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setattr(own_files, "_PACKAGE", tmp_path / "python" / "site-packages" / "mailflow")
    monkeypatch.setattr(own_files, "_CLONE", tmp_path)

    assert own_files.beside("notebooks").parts[-3:] == ("site-packages", "mailflow", "notebooks")


def test_in_a_zip(tmp_path: Path) -> None:
    """A file inside the package is read from a zip as well; a folder is listed."""
    lib = ROOT / "lib"
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in (lib / "mailflow").rglob("*"):
            if path.suffix in (".py", ".json", ".ps1"):
                archive.write(path, path.relative_to(lib))
    script = (
        "from mailflow.powershell import COLLECT, script; from mailflow.simulated import scenarios;"
        "print(len(script(COLLECT)), len(scenarios.names()))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path[:0] = ['all.zip']; {script}"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    size, count = map(int, done.stdout.split())

    assert size == (lib / "mailflow" / "powershell" / "Collect-MailFlow.ps1").stat().st_size
    assert count > 10
