"""Consoles of Windows: no screen holds what their code pages lack, and nothing breaks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mailflow.simulated import scenarios
from support import ROOT

SCREENS = """
import sys
from mailflow import cli

def call(*words):
    try:
        cli.main(list(words))
    except SystemExit as left:
        assert left.code in (0, 1, 2), (words, left.code)

for name in sys.argv[1].split():
    call("diagnose", f"demo:{name}")
    call("whatif", f"demo:{name}")
for name in cli.cli.listed:
    call(name, "--help")
call("scenarios")
call("explain", "451 5.7.3 Cannot achieve Exchange Server authentication")
"""


def screens(encoding: str, names: list[str]) -> str:
    """What a console with this code page shows of these organizations, and of all help."""
    done = subprocess.run(
        [sys.executable, "-c", SCREENS, " ".join(names)],
        env=dict(os.environ, PYTHONIOENCODING=encoding, PYTHONPATH=str(ROOT / "lib")),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr.decode(encoding)) == (0, "")
    return done.stdout.decode(encoding)


@pytest.mark.parametrize("encoding", ["cp437", "cp1252"])
def test_screens_in_a_code_page(encoding: str) -> None:
    """Nothing is written out as an escape, so each character has its place in the page."""
    text = screens(encoding, ["article", "incomplete", "relay-ipv6"])

    assert "CAUSE FOUND" in text
    assert r"\u" not in text.replace(r"DOMAIN\user", "")


@pytest.mark.long
@pytest.mark.parametrize("encoding", ["cp437", "cp1252"])
def test_every_simulated_organization_in_a_code_page(encoding: str) -> None:
    """All of them."""
    text = screens(encoding, list(scenarios.names()))

    assert r"\u" not in text.replace(r"DOMAIN\user", "")


@pytest.mark.parametrize("encoding", ["cp437", "cp1252"])
def test_what_a_page_lacks_is_written_out(encoding: str, tmp_path: Path) -> None:
    """A name in another script is an escape, and no error."""
    file = tmp_path / "error.txt"
    file.write_text("451 4.4.0 \u65e5\u672c did not respond", "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "mailflow", "explain"],
        env=dict(os.environ, PYTHONIOENCODING=encoding, PYTHONPATH=str(ROOT / "lib")),
        input=file.read_bytes(),
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert rb"\u65e5\u672c" in done.stdout
