r"""A change in a file: taken while the connector has the old values, and refused otherwise."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mailflow.errors import InputError, UsageError
from mailflow.repair.impact import prove
from mailflow.repair.request import edited
from mailflow.repair.requested import read_change, write_change
from mailflow.repair.simulation import RefusedError
from organisations import healthy

RELAY = r"EX16A\Relay"


def written(folder: Path) -> Path:
    """A file that makes two addresses of a /24."""
    org = healthy().snapshot()
    file = folder / "change.json"
    edit = edited(org, "EX16A", "Relay", remove=["10.0.5.0/24"], add=["10.0.5.7", "10.0.5.9"])
    write_change(file, [edit], "two were seen")
    return file


def test_it_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    """The same commands, the same proof, the same hash that a person confirms."""
    org = healthy().snapshot()
    edit = edited(org, "EX16A", "Relay", remove=["10.0.5.0/24"], add=["10.0.5.7", "10.0.5.9"])

    (read,) = read_change(written(tmp_path), org)

    assert (read.command, read.undo) == (edit.command, edit.undo)
    assert read.both_sha256 == edit.both_sha256
    assert prove(org, [read]).moved == prove(org, [edit]).moved


def test_another_value_by_now_is_refused(tmp_path: Path) -> None:
    """S3.23: a value replaces the old one whole, so somebody else's change would be lost."""
    file = written(tmp_path)
    org = healthy().change(RELAY, ranges="10.0.5.0/24, 10.0.6.1").snapshot()

    with pytest.raises(UsageError, match="no longer as it was when this was written"):
        read_change(file, org)


def test_a_connector_that_is_not_there(tmp_path: Path) -> None:
    """It names what was looked for."""
    file = written(tmp_path)

    with pytest.raises(UsageError, match="wasn't found"):
        read_change(file, healthy().remove(RELAY).snapshot())


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"schema": "other/1"}, InputError),
        ({"changes": []}, InputError),
        (
            {"changes": [{"identity": RELAY, "parameter": "Banner", "old": "", "new": ""}]},
            InputError,
        ),
        (
            {"changes": [{"identity": RELAY, "parameter": "RemoteIPRanges", "old": 1, "new": 2}]},
            InputError,
        ),
        (
            {
                "changes": [
                    {
                        "identity": RELAY,
                        "parameter": "RemoteIPRanges",
                        "old": ["10.0.5.0/24"],
                        "new": [],
                    }
                ]
            },
            RefusedError,
        ),
    ],
)
def test_what_is_no_change(tmp_path: Path, values: object, error: type[Exception]) -> None:
    """Other schemas, parameters that no repair sets, values of no kind, an empty list (S8.64)."""
    assert isinstance(values, dict)
    file = written(tmp_path)
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))

    with pytest.raises(error):
        read_change(file, healthy().snapshot())


def test_no_json(tmp_path: Path) -> None:
    """A file of another kind is named as one."""
    (tmp_path / "x").write_text("no json")

    with pytest.raises(InputError, match="not JSON"):
        read_change(tmp_path / "x", healthy().snapshot())
