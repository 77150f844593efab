"""What the Tab key offers behind whatif's options."""

from __future__ import annotations

from pathlib import Path

import pytest

from command_line import offered, saved
from mailflow.cli import completion
from organisations import article


def test_servers_and_connectors_of_the_source() -> None:
    """Those of the source on the command line, in any case, and of the server that was named."""
    source = ("whatif", "demo:article")

    assert offered(*source, "--server", "ex16") == ["EX16A", "EX16B"]
    assert offered(*source, "--server", "EX16A", "--connector", "R") == ["Relay"]
    assert "Default EX10B" in offered(*source, "--connector", "D")
    assert "Default EX10B" not in offered(*source, "--server", "EX16A", "--connector", "D")


def test_servers_of_a_probe() -> None:
    """Behind both of its options."""
    assert offered("probe", "demo:article", "--from", "ex10") == ["EX10A", "EX10B"]
    assert offered("probe", "demo:article", "--from", "EX10A", "--to", "EX16") == ["EX16A", "EX16B"]


def test_both_servers_of_a_twin() -> None:
    """Its two arguments behind the source."""
    assert offered("twin", "demo:article", "ex10") == ["EX10A", "EX10B"]
    assert offered("twin", "demo:article", "EX10A", "EX16") == ["EX16A", "EX16B"]


def test_the_connector_of_a_list() -> None:
    """By its identity, behind the source."""
    assert offered("tidy", "demo:article", "ex16a\\r") == [r"EX16A\Relay"]


@pytest.mark.parametrize("source", ["no-such-file", "demo:none", "", "ftp://x"])
def test_nothing_is_offered_of_what_cannot_be_read(source: str) -> None:
    """No error either: somebody waits behind the Tab key."""
    assert offered("whatif", source, "--server", "") == []


def test_nobody_is_asked_over_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers are not read for the Tab key."""
    opened: list[str] = []
    monkeypatch.setattr("mailflow.opening.open_source", opened.append)

    assert offered("whatif", "winrm+http://ex16a.contoso.example", "--server", "") == []
    assert opened == []


def test_large_files_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small one is; as a file and in a folder."""
    file = saved(article(), tmp_path / "org")

    size = file.stat().st_size
    assert size > 2 * tmp_path.stat().st_size  # else the folder itself would count as much
    for source in (file, tmp_path):
        monkeypatch.setattr(completion, "_QUICK", size)
        assert offered("whatif", str(source), "--server", "EX16") == ["EX16A", "EX16B"]
        monkeypatch.setattr(completion, "_QUICK", size - 1)
        assert offered("whatif", str(source), "--server", "EX16") == []


def test_hostile_names_are_not_offered(tmp_path: Path) -> None:
    """A name with a hidden character would reach the terminal by way of the shell."""
    org = article().add_relay("EX16A", "10.9.9.9", name="Rex\u202e")
    source = str(saved(org, tmp_path / "org"))

    assert offered("whatif", source, "--server", "EX16A", "--connector", "R") == ["Relay"]
