"""Documents made from code say what the code says."""

from __future__ import annotations

import re
import subprocess
import sys

from mailflow.exchange.causes import CAUSES
from support import ROOT


def test_causes_are_what_the_cards_say() -> None:
    """docs/causes.md and the cards never drift apart: `python docs/generate.py` writes it."""
    done = subprocess.run(
        [sys.executable, "docs/generate.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_every_cause_has_its_section() -> None:
    """Each public id is a heading, in order, so that links to it keep working."""
    text = (ROOT / "docs/causes.md").read_text(encoding="utf-8")

    assert re.findall(r"^## (\S+)$", text, re.MULTILINE) == list(CAUSES)
