"""A command in a process of its own, towards a practice that another process serves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support import ROOT


@dataclass
class Reach:
    """How a practice that another process serves is reached."""

    source: str
    sources: dict[str, str]
    args: list[str]
    env: dict[str, str]


def mailflow(*arguments: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    """One command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "mailflow", *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT / "lib"), "COLUMNS": "80"} | more,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@contextmanager
def practice(*arguments: str) -> Iterator[Reach]:
    """`mailflow practice` in another process, until the end of the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "mailflow", "practice", *arguments, "--json"],
        env=os.environ | {"PYTHONPATH": str(ROOT / "lib")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield Reach(**json.loads(process.stdout.readline()))
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors.strip()) == (0, "stopped")
