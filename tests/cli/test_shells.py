"""Tab completion, by the shells themselves."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from command_line import Call
from mailflow.cli.shells import SHELLS
from support import needs_powershell

LIBRARY = str(Path(__file__).parents[2] / "lib")


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """An environment in which `mailflow` is a command."""
    program = tmp_path / "bin" / "mailflow"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mailflow "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": LIBRARY, "HOME": str(tmp_path)}


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_for_each_shell(call: Call, shell: str) -> None:
    """On standard output, so that it can be evaluated at once."""
    done = call("completion", shell)

    assert done.code == 0
    assert "mailflow" in done.out
    assert "_MAILFLOW_COMPLETE" in done.out


def test_another_shell_is_refused(call: Call) -> None:
    """With those that there are."""
    done = call("completion", "cmd")

    assert done.code == 3
    assert "powershell" in done.err


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("mailflow expl", {"explain"}),
        ("mailflow runs ", {"list", "open", "clean"}),
        ("mailflow diagnose demo:artic", {"demo:article"}),
        ("mailflow whatif demo:article --server EX16", {"EX16A", "EX16B"}),
    ],
)
def test_bash_completes(home: dict[str, str], typed: str, expected: set[str]) -> None:
    """The words that bash itself offers."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash here; apt-get install bash")
    words = typed.split(" ")
    script = (
        'eval "$(mailflow completion bash)"\n'
        f"COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}\n"
        '_mailflow_completion mailflow; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        [bash, "-c", script], env=home, capture_output=True, text=True, check=True, timeout=120
    )

    assert set(done.stdout.split()) == expected


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("mailflow expl", ["explain"]),
        ("mailflow diagnose demo:artic", ["demo:article"]),
        ("mailflow whatif demo:article --server EX16A --connector Default", []),
        ("mailflow diagnose one", ["'./one file.xml'"]),
    ],
)
def test_powershell_completes(home: dict[str, str], typed: str, expected: list[str]) -> None:
    """The words that PowerShell itself offers; one with a blank or a backslash is quoted."""
    command = needs_powershell()
    folder = Path(home["HOME"])
    (folder / "one file.xml").write_text("")
    script = (
        "mailflow completion powershell | Out-String | Invoke-Expression\n"
        f"$line = '{typed}'\n"
        "(TabExpansion2 -inputScript $line -cursorColumn $line.Length).CompletionMatches |"
        " ForEach-Object { $_.CompletionText }"
    )
    done = subprocess.run(
        [str(command), "-NoProfile", "-NonInteractive", "-Command", script],
        env=home | {"TERM": "dumb", "NO_COLOR": "1"},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )

    found = done.stdout.splitlines()
    if expected:
        assert found == expected
    else:
        assert found
        assert all(each.startswith("'Default ") and each.endswith("'") for each in found)
