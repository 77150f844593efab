"""scenarios: what comes with mailflow."""

from __future__ import annotations

import json

from command_line import Call


def test_scenarios(call: Call) -> None:
    """What demo: knows, for people and for machines."""
    assert "demo:article" in call("scenarios").out
    document = json.loads(call("scenarios", "--json").out)
    assert document["schema"]
    assert document["scenarios"][0]["source"] == "demo:article"
