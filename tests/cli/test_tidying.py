r"""`mailflow tidy`: which lists can be shorter, and the change of one."""

from __future__ import annotations

import json
from pathlib import Path

from command_line import Call, saved
from mailflow.plain import width
from organisations import healthy

RELAY = r"EX16A\Relay"


def test_the_screen_has_proof_commands_and_rollback(call: Call) -> None:
    """Commands alone are wider than 80 columns."""
    screen = call("tidy", "demo:lists-grown", RELAY)
    lines = screen.out.splitlines()
    labels = [line[:14].strip() for line in lines if line[:1].strip()]

    assert screen.code == 0
    assert labels == ["SIMULATED DATA", "SHORTER", "PROOF", "DRY RUN", "APPLY", "ROLLBACK"]
    assert "from 6 to 3 elements" in screen.out
    assert all(width(line) <= 80 or line[14:].startswith("Set-") for line in lines)


def test_all_lists_with_the_command_for_each(call: Call) -> None:
    """What is printed works as typed."""
    screen = call("tidy", "demo:lists-grown")
    typed = [line.strip() for line in screen.out.splitlines() if "mailflow tidy" in line]

    assert screen.code == 0
    assert typed == [
        r'mailflow tidy demo:lists-grown "EX16A\Relay"',
        r'mailflow tidy demo:lists-grown "EX16B\Relay"',
    ]
    assert call("tidy", "demo:healthy").out.endswith("No RemoteIPRanges can be shorter.\n")


def test_the_change_goes_on_to_whatif(call: Call, tmp_path: Path) -> None:
    """As a file, which proves again that nobody is handled differently."""
    file = tmp_path / "shorter.json"
    written = call("tidy", "demo:lists-grown", RELAY, "--change", file)
    proven = call("whatif", "demo:lists-grown", "--change", file, "--json")

    assert (written.code, proven.code) == (0, 0)
    assert json.loads(proven.out)["others"] == []
    assert call("tidy", "demo:lists-grown", "--change", file).code == 3


def test_json_is_one_document(call: Call) -> None:
    """mailflow.tidy/1 (contract, section 3)."""
    document = json.loads(call("tidy", "demo:lists-grown", RELAY, "--json").out)

    assert document["schema"] == "mailflow.tidy/1"
    (found,) = document["lists"]
    assert found["elements"] == {"before": 6, "after": 3}
    assert found["rollback"][0].startswith("Set-ReceiveConnector")


def test_what_is_open_is_two(call: Call, tmp_path: Path) -> None:
    """A list beside it that was cut."""
    org = healthy().change(RELAY, ranges="10.0.5.0/24, 10.0.5.7")
    org.add_relay("EX16A", "10.0.7.1", name="Scanners")
    org.change(r"EX16A\Scanners", ranges_complete=False)
    source = saved(org, tmp_path / "org")

    assert call("tidy", source, RELAY).code == 2
    assert call("tidy", source).out.count("UNDETERMINED") == 1
