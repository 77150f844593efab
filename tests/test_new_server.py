"""The runbook for a new server, run unattended: verdict, pictures before and after, commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mailflow.errors import UsageError
from mailflow.opening import open_source
from mailflow.views.twin_report import twin
from report_pages import make_report
from support import ROOT

BOTH = ("-p", "server_a", "EX16A", "-p", "server_b", "EX16B")


def run(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A run of the runbook to its end."""
    return subprocess.run(
        [sys.executable, "-m", "mailflow", "run", "new_server", *arguments],
        cwd=home,
        env=os.environ | {"PYTHONPATH": str(ROOT / "lib")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_runbook_tells_what_differs_and_what_to_run(tmp_path: Path) -> None:
    """B in a source of its own, named by a relative path; exit 1, and a report of one file."""
    open_source("demo:new-server").save(tmp_path / "new.snapshot")
    other = ("-p", "other_source", "new.snapshot", "--ticket", "INC0012345")
    done = run(tmp_path, "demo:new-server-renamed", *BOTH, *other)
    report = Path(done.stdout.strip().splitlines()[-1])
    findings = json.loads((tmp_path / report.parent / "findings.json").read_text("utf-8"))
    html = (tmp_path / report).read_text("utf-8")

    assert done.returncode == 1, done.stderr
    assert [each["cause"] for each in findings["findings"]] == ["twin-differs"]
    assert findings["word"] == "different"
    assert "\nDIFFERENT " in done.stdout
    assert "CAUSE FOUND" not in done.stdout + html.upper()
    assert len(findings["repair"]) == 3
    assert findings["repair"][0].startswith('New-ReceiveConnector -Name "Relay" -Server "EX16B"')
    for title in ("EX16A now", "EX16B now", "EX16B after the commands"):
        assert html.count(f"{title}, port 25: which connector") > 0
    assert "Proven for every IPv4 and IPv6 address at 10 endpoints" in html


@pytest.mark.long
def test_a_renamed_connector_is_alike(tmp_path: Path) -> None:
    """Another name and a list in other pieces: nothing to run, and the verdict is clear (S1.11)."""
    report = make_report(tmp_path, "new_server", "demo:new-server-renamed", options=BOTH)
    folder = report.parent
    findings = json.loads((folder / "findings.json").read_text("utf-8"))

    assert (findings["verdict"], findings["word"], findings["repair"]) == ("clear", "alike", [])


def test_both_servers_have_to_be_named(tmp_path: Path) -> None:
    """Nobody is compared who was not named; the servers there are said, and nothing is written."""
    done = run(tmp_path, "demo:new-server")

    assert done.returncode == 3
    assert "-p server_a SERVER -p server_b SERVER. Known: EX10A" in done.stderr
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(UsageError, match="name both servers, server_a and server_b; known: EX10A"):
        twin(open_source("demo:new-server"), "EX16A", "")
