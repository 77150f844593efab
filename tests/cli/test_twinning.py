"""`mailflow twin`: the answer on a screen of 80 columns, as JSON, and by exit code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from command_line import Call, saved
from mailflow.opening import open_source
from mailflow.plain import width

COMMANDS = ("New-", "Set-", "Add-", "Remove-")


def test_the_screen_answers_first_and_fits(call: Call) -> None:
    """What differs, the commands, the proof, the rollback; commands alone are wider."""
    screen = call("twin", "demo:new-server", "EX16A", "EX16B")
    banner, *lines = screen.out.splitlines()
    labels = [line[:14].strip() for line in lines if line[:1].strip()]

    assert screen.code == 1
    assert banner == "SIMULATED DATA  demo:new-server"
    assert lines[0].startswith("DIFFERENT     EX16B does not treat every host as EX16A does.")
    assert labels == ["DIFFERENT", "SERVERS", "HOSTS", "CHANGE B", "COMMANDS", "PROOF", "ROLLBACK"]
    assert all(width(line) <= 80 or line[14:].startswith(COMMANDS) for line in lines)


def test_alike_is_one_answer(call: Call) -> None:
    """A relay connector of another name and with other pieces: exit 0, no command."""
    screen = call("twin", "demo:new-server-renamed", "EX16A", "EX16B")

    assert screen.code == 0
    assert screen.out.splitlines()[1].startswith(
        "NO DIFFERENCE EX16B treats every host as EX16A does."
    )
    assert "ReceiveConnector" not in screen.out


def test_missing_data_is_undetermined(call: Call, tmp_path: Path) -> None:
    """Limits that were not read: exit 2, never alike."""
    org = open_source("demo:new-server-renamed")
    bare = replace(org, connectors=tuple(replace(each, limits=()) for each in org.connectors))
    screen = call("twin", saved(bare, tmp_path / "org"), "EX16A", "EX16B")

    assert screen.code == 2
    assert screen.out.splitlines()[1].startswith(
        "INCONCLUSIVE  Could not determine whether EX16B treats"
    )
    assert "MaxMessageSize" in screen.out


def test_json_is_one_document(call: Call) -> None:
    """mailflow.twin/1 (contract, section 3)."""
    screen = call("twin", "demo:new-server", "EX16A", "EX16B", "--json")

    assert screen.code == 1
    assert json.loads(screen.out)["schema"] == "mailflow.twin/1"


def test_b_may_be_in_another_source(call: Call) -> None:
    """--with names it."""
    screen = call("twin", "demo:new-server", "EX16A", "EX16B", "--with", "demo:new-server-renamed")

    assert screen.code == 0
    assert "EX16B (demo:new-server-renamed)" in screen.out


@pytest.mark.parametrize("arguments", [("SE01", "EX16A"), ("EX16A", "EX16A")])
def test_a_wrong_server_is_wrong_usage(call: Call, arguments: tuple[str, str]) -> None:
    """Exit 3, and the names that are known."""
    screen = call("twin", "demo:new-server", *arguments)

    assert (screen.code, screen.out) == (3, "")
    assert "EX16A" in screen.err
