"""mailflow usage: the screen, JSON, exit codes, and the way from a list to its change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from mailflow.cli import cli

pytest.importorskip("duckdb")

DEMO = "demo:month-of-logs"
RELAY = r"EX16A\Relay"


def run(*arguments: str) -> Result:
    """A command, with its output in 80 columns."""
    return CliRunner(env={"COLUMNS": "80"}).invoke(cli, arguments)


def test_from_use_to_a_proven_change(tmp_path: Path) -> None:
    """Usage proposes five addresses for 256 and writes them; whatif proves the same commands."""
    file = tmp_path / "narrow.json"
    used = run("usage", DEMO, DEMO, "--days", "30", "--narrow", RELAY, "--change", str(file))
    proven = run("whatif", DEMO, "--change", str(file))

    assert used.exit_code == 0
    assert "shrink from 256 addresses to 5." in " ".join(used.stdout.split())
    command = next(line for line in used.stdout.splitlines() if line.startswith("APPLY "))
    assert command.split(None, 1)[1] in proven.stdout
    assert proven.exit_code == 1
    wide = [line for line in used.stdout.splitlines() if len(line) > 80]
    assert [line for line in wide if "Set-ReceiveConnector" not in line] == []


def test_a_connector_that_does_not_log(tmp_path: Path) -> None:
    """S7.20: no change, no file, exit 2; the commands that make it answerable come first."""
    file = tmp_path / "narrow.json"
    other = r"EX16B\Relay"
    done = run("usage", DEMO, DEMO, "--days", "30", "--narrow", other, "--change", str(file))

    assert done.exit_code == 2
    assert not file.exists()
    assert r'Set-ReceiveConnector "EX16B\Relay" -ProtocolLoggingLevel Verbose' in done.stdout
    assert "No change of" in done.stdout
    assert "Conclusive from 2026-12-23" in done.stdout


def test_json_has_the_keys_of_the_contract() -> None:
    """mailflow.usage/1: covered, clients, unused, narrowed."""
    document = json.loads(run("usage", DEMO, DEMO, "--days", "30", "--json").stdout)

    assert document["schema"] == "mailflow.usage/1"
    assert document["simulated"] is True
    assert {"covered", "clients", "unused", "narrowed"} <= document.keys()
    rows = {row["connector"]: row for row in document["covered"]}
    assert (rows[RELAY]["level"], rows[RELAY]["whole"]) == ("Verbose", True)
    assert rows[r"EX16B\Relay"]["whole"] is False
    erp = next(each for each in document["clients"] if each["client"] == "10.0.5.40")
    assert erp["sessions"] == sum(each[0] for each in erp["hours"].values())


def test_without_source_nothing_is_called_unused() -> None:
    """Logs alone show who was seen; that is done, exit 0."""
    done = run("usage", DEMO)

    assert done.exit_code == 0
    assert "10.0.5.40" in done.stdout
    assert "UNUSED" not in done.stdout


def test_times_and_names(tmp_path: Path) -> None:
    """Times are UTC in the logs, and shown in a zone; names come from a hosts file."""
    hosts = tmp_path / "hosts"
    hosts.write_text("10.0.5.40  erp-by-hosts  # the ERP\nnonsense\n")
    zone = "Pacific/Auckland"
    done = run("usage", DEMO, "--hosts", str(hosts), "--timezone", zone)

    assert "erp-by-hosts" in done.stdout
    assert "2026-11-24" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        (DEMO, "--narrow", RELAY),
        (DEMO, DEMO, "--change", "x.json"),
        (DEMO, DEMO, "--timezone", "Nowhere/Land"),
        (DEMO, DEMO, "--narrow", "Relay"),
        ("no-such-folder",),
        (DEMO, "--accepted-domain", "not a domain"),
    ],
)
def test_wrong_questions(arguments: tuple[str, ...]) -> None:
    """Each ends with an error of the user's, never a traceback."""
    done = run("usage", *arguments)

    assert done.exit_code != 0
    assert type(done.exception).__name__ in ("UsageError", "InputError", "SystemExit")
