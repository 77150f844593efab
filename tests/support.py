"""What several tests need: reference data and programs that are not part of the project.

`../shared` and a PowerShell are at hand on some machines only. A test that needs one asks here, and
is skipped with a reason where there is none. Where CI=true is set both are promised: there
conftest.py turns every skip into a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"


def needs_shared(path: str = "") -> Path:
    """A file or folder below `../shared`, for example `captures/powershell/queues.xml`."""
    found = SHARED / path
    if not found.exists():
        pytest.skip(f"../shared/{path} is not there")
    return found


def shared_files(pattern: str) -> list[Path]:
    """The files below `../shared` that match, in order; none where it is absent.

    For parametrized tests: pair it with one test that calls `needs_shared`, so that nothing to
    test does not pass unseen.
    """
    return sorted(SHARED.glob(pattern))


def powershell() -> Path | None:
    """A PowerShell: MAILFLOW_PWSH, `pwsh` on PATH, or the one in `../shared`; None without any."""
    named = os.environ.get("MAILFLOW_PWSH") or shutil.which("pwsh")
    found = Path(named) if named else SHARED / "tools/powershell/pwsh"
    return found if found.exists() else None


def needs_powershell() -> Path:
    """The PowerShell of this machine."""
    found = powershell()
    if found is None:
        pytest.skip("no PowerShell: MAILFLOW_PWSH, pwsh on PATH or ../shared/tools/powershell/pwsh")
    return found


def run_powershell(script: Path, *arguments: str, seconds: float = 60) -> str:
    """What a script writes to standard output, as text.

    Raises:
        subprocess.CalledProcessError: it ended with a fault; standard error is in the exception.
        subprocess.TimeoutExpired: it did not end in time.
    """
    command = [
        *(str(needs_powershell()), "-NoLogo", "-NoProfile", "-NonInteractive"),
        *("-File", str(script), *arguments),
    ]
    # TERM=dumb and NO_COLOR: no control sequences around the output.
    environment = os.environ | {"TERM": "dumb", "NO_COLOR": "1"}
    done = subprocess.run(
        command, env=environment, capture_output=True, timeout=seconds, check=True
    )
    return done.stdout.decode("utf-8")
