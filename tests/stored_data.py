"""What earlier versions of mailflow stored, and how the tests compare it with today's.

`tests/stored/` holds a folder for each version whose data must be read for ever, and
`findings.json`, the findings in every scenario. `tests/stored/make.py` writes both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mailflow.simulated import scenarios
from mailflow.snapshot import Snapshot
from mailflow.views.findings import findings

STORED = Path(__file__).parent / "stored"
FINDINGS = STORED / "findings.json"
AGAIN = "if the change is meant: python tests/stored/make.py --findings"

_KEPT = ("cause", "state", "server", "connector", "senders", "addresses", "queues")


def scenario_names() -> list[str]:
    """The scenarios with telling names; the neutral ones are the same under other names."""
    return [one for one in scenarios.names() if not one.startswith("case-")]


def versions() -> list[Path]:
    """The folders of stored data, the oldest first."""
    return sorted(one for one in STORED.iterdir() if one.is_dir() and one.name.startswith("v"))


def stored_snapshots() -> list[Path]:
    """Every stored snapshot of every version."""
    return [file for one in versions() for file in sorted((one / "snapshots").iterdir())]


def golden(org: Snapshot) -> dict[str, Any]:
    """What is found in an organization, without the words for people."""
    found = findings(org).as_json()
    told = [one for one in found["findings"] if one["state"] in ("found", "unknown")]
    return {
        "verdict": found["verdict"],
        "findings": [{name: one[name] for name in _KEPT} for one in told],
        "repair": found["repair"],
        "undo": found["undo"],
    }


def read_json(file: Path) -> Any:  # noqa: ANN401 - parsed JSON
    """The document in a stored file."""
    return json.loads(file.read_text(encoding="utf-8"))


def differences(expected: object, actual: object, place: str = "") -> Iterator[str]:
    """Where two documents differ, a line each: the path, what was stored, what is there now."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        for name in dict.fromkeys([*expected, *actual]):
            inside = f"{place}.{name}" if place else str(name)
            yield from differences(expected.get(name), actual.get(name), inside)
    elif isinstance(expected, list) and isinstance(actual, list):
        for number in range(max(len(expected), len(actual))):
            pair = [one[number] if number < len(one) else None for one in (expected, actual)]
            yield from differences(*pair, f"{place}[{number}]")
    elif expected != actual:
        yield f"{place}: stored {_short(expected)}, now {_short(actual)}"


def _short(value: object) -> str:
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) < 400 else f"{text[:400]} ..."
