"""What several tests need: reference data, programs and packages that not every machine has.

A test that needs one asks here, and is skipped where it is absent. The reason names the command
that lets it run; `run.py test` lists the reasons at its end. Where CI=true is set everything is
promised: there conftest.py turns every skip into a failure.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import pytest

from far import kdc

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared"
NO_SHARED = "no reference data in ../shared; it is not part of the project"


def needs_shared(path: str = "") -> Path:
    """A file or folder below `../shared`, for example `captures/powershell/queues.xml`."""
    found = SHARED / path
    if not found.exists():
        if SHARED.exists():
            pytest.skip(f"../shared/{path} is not there")
        pytest.skip(NO_SHARED)
    return found


def shared_files(pattern: str) -> list[Path]:
    """The files below `../shared` that match, in order; none where it is absent."""
    return sorted(SHARED.glob(pattern))


def each_of(files: Sequence[Path]) -> list[Any]:
    """These files as parameters of a test; it is skipped with its reason where there is none."""
    if not files:
        return [pytest.param(None, id="none", marks=pytest.mark.skip(reason=NO_SHARED))]
    return [pytest.param(one, id=one.name) for one in files]


def powershell() -> Path | None:
    """A PowerShell: MAILFLOW_PWSH, `pwsh` on PATH, or the one in `../shared`; None without any."""
    named = os.environ.get("MAILFLOW_PWSH") or shutil.which("pwsh")
    found = Path(named) if named else SHARED / "tools/powershell/pwsh"
    return found if found.exists() else None


def needs_powershell() -> Path:
    """The PowerShell of this machine."""
    found = powershell()
    if found is None:
        lacks("PowerShell 7 on PATH or in MAILFLOW_PWSH", "snap install powershell --classic")
    return found


def needs_chromium() -> str:
    """The Chromium of this machine."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = next(filter(None, map(shutil.which, names)), None)
    if path is None:
        lacks("Chromium", "apt install chromium (Debian, Ubuntu)")
    return path


def needs_jupyterlab() -> None:
    """JupyterLab, which the use of mailflow without a browser does not need."""
    if find_spec("jupyterlab") is None:
        lacks("JupyterLab", "python3 run.py setup --lab")


def needs_kerberos() -> None:
    """The Python packages for a log-on with a Kerberos ticket; they have to be compiled."""
    if not all(map(find_spec, ("gssapi", "kerberos", "krb5"))):
        lacks("Kerberos packages", "python3 run.py setup --kerberos")


def needs_kerberos_server() -> None:
    """MIT's Kerberos server, which issues tickets to the tests."""
    if kdc.missing_programs():
        packages = "krb5-kdc krb5-admin-server krb5-user"
        lacks("Kerberos server", f"apt install {packages} (Debian, Ubuntu)")


def some_of(cases: Sequence[object], step: int = 3) -> list[Any]:
    """Every third case for the ordinary run; the others are marked `long`."""
    return [
        pytest.param(one, id=str(one), marks=[pytest.mark.long] if place % step else [])
        for place, one in enumerate(cases)
    ]


def lacks(what: str, command: str) -> NoReturn:
    """Skip the test, and say what is absent and which command helps."""
    pytest.skip(f"no {what}; to run them: {command}")


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
