"""Documents made from code say what the code says."""

from __future__ import annotations

import subprocess
import sys

from mailflow.checks.registry import CHECKS
from support import ROOT


def test_pages_are_what_the_checks_say() -> None:
    """docs/checks/ and the checks never drift apart: `python docs/generate.py` writes it."""
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_every_cause_has_its_page() -> None:
    """Each public id is a page, so that links to it keep working."""
    pages = {path.stem for path in (ROOT / "docs" / "checks").glob("*.md")}

    assert pages == {"README", *CHECKS}
