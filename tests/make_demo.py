"""Write tests/captures again: `python tests/make_demo.py` after a change of the article's case.

They are made up, from tests/organisations.py; tests/test_opening.py holds the two together, and
`demo:article`, which is a practice organisation, to both.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "lib"), str(ROOT / "tests")]

import capture_forms  # noqa: E402 - found by the path above
from organisations import Organisation, article  # noqa: E402

CAPTURES = ROOT / "tests/captures"
SCENARIOS: dict[str, Callable[[], Organisation]] = {"article": article}


def make(name: str, folder: Path) -> Path:
    """Write the captures of a scenario, as a session on the first modern server gives them."""
    reading = SCENARIOS[name]().reading()
    reading.rows = [
        row if row.cmdlet == "addresses.csv" else replace(row, computer="ex16a.contoso.com")
        for row in reading.rows
    ]
    return capture_forms.write(reading, folder, "clixml")


if __name__ == "__main__":
    for name in SCENARIOS:
        make(name, CAPTURES / name)
