r"""From logs to a narrower list that was verified: both runbooks, over the real protocol."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mailflow.simulated.relay_use import write_receive_logs
from serving import served
from support import ROOT

pytest.importorskip("duckdb")

RELAY = r"EX16A\Relay"
LIST = ["10.0.5.11", "10.0.5.12", "10.0.5.23", "10.0.5.40", "10.0.5.41"]


def run(home: Path, env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """A run of a runbook to its end."""
    return subprocess.run(
        [sys.executable, "-m", "mailflow", "run", *arguments],
        cwd=home,
        env=os.environ | {"PYTHONPATH": str(ROOT / "lib"), "COLUMNS": "80"} | env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


@pytest.mark.long
def test_use_narrow_apply_verify(tmp_path: Path) -> None:
    """A month of logs gives a list of five; it is set on the server, read back and verified."""
    now = datetime.now(UTC).replace(microsecond=0)
    with served(1.0, "month-of-logs", now) as one:
        source, args = one.endpoints.source, one.endpoints.args
        logs = tmp_path / "logs"
        write_receive_logs(one.practice.organisation, logs, now)
        use = ("relay_usage", source, *args, "-p", "logs", "logs", "-p", "narrow", RELAY)
        used = run(tmp_path, one.endpoints.env, *use)
        (first,) = (tmp_path / "runs").iterdir()
        change = ("-p", "change", str(first / "change.json"))
        confirm = ("--apply", "--confirm", RELAY)
        fix = ("fix_and_verify", source, *args)
        done = run(tmp_path, one.endpoints.env, *fix, *change, *confirm)
        again = run(tmp_path, one.endpoints.env, *fix, *change)

    assert used.returncode == 0, used.stdout + used.stderr
    found: dict[str, Any] = json.loads((first / "findings.json").read_text())
    assert found["usage"]["state"] == "covered"
    assert found["usage"]["narrowed"]["ranges"] == LIST
    report = (first / "report.html").read_text(encoding="utf-8")
    assert "<figcaption>Messages by day</figcaption>" in report
    assert "somebody@" not in report
    kept = b"".join(file.read_bytes() for file in first.iterdir())
    assert str(tmp_path).encode() not in kept
    assert done.returncode == 0, done.stdout + done.stderr
    assert "VERIFIED" in done.stdout
    second = next(each for each in (tmp_path / "runs").iterdir() if each.name.endswith("verify"))
    assert json.loads((second / "change.json").read_text())["changes"][0]["new"] == LIST
    assert again.returncode == 3
    assert "no longer as it was when this was written" in " ".join(again.stderr.split())
