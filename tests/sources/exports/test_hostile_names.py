"""Properties called like members of the languages that carry them change nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import capture_forms
import organisations
from mailflow.opening import open_source
from mailflow.snapshot import Snapshot

NAMES = (
    *("Keys", "Values", "Count", "Item", "items", "get", "SyncRoot", "PSBase"),
    *("__class__", "__proto__", "__dict__", "constructor", "toString", "self", "None"),
)


@pytest.mark.parametrize("form", ["clixml", "json", "csv", "list"])
def test_an_organization_is_read_as_without_them(tmp_path: Path, form: str) -> None:
    """Whatever stands beside the properties that are read, the organization is the same."""
    plain = organisations.article().reading()
    hostile = organisations.article().reading()
    hostile.rows = [
        replace(row, values={**dict.fromkeys(NAMES, "Identity"), **row.values})
        for row in hostile.rows
    ]
    found: list[Snapshot] = []
    for name, reading in (("plain", plain), ("hostile", hostile)):
        (tmp_path / name).mkdir()
        capture_forms.write(reading, tmp_path / name, form)
        org = open_source(str(tmp_path / name))
        found.append(replace(org, origin="", inputs={}, taken=None))

    assert found[0] == found[1]
    assert len(found[0].connectors) > 3
