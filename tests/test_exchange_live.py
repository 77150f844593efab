"""exchange:// from the command line to the report, over the real protocol (S8.81).

What is below the command line has tests of its own (`tests/sources/psrp`, `tests/simulated`).
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from far.endpoints import FaultyEndpoints, serve
from mailflow.opening import open_source
from mailflow.simulated import scenarios
from mailflow.simulated.endpoints import PASSWORD
from mailflow.simulated.practice import Practice
from mailflow.snapshot import Snapshot
from mailflow.views.findings import findings
from support import some_of
from two_processes import mailflow, practice

TELLING = [name for name in scenarios.names() if not name.startswith("case-")]


@pytest.mark.parametrize(
    "https", [False, pytest.param(True, marks=pytest.mark.long)], ids=["ntlm", "https"]
)
def test_commands_on_a_live_organization(tmp_path: Path, *, https: bool) -> None:
    """The article's verdict and report; the password stands in no byte that is left."""
    with practice("article", *(["--https"] if https else [])) as reach:
        source, env = reach.sources["exchange"], reach.env
        ran = mailflow("run", "mail_stuck_in_queue", source, *reach.args, cwd=tmp_path, **env)
        asked = ("--server", "EX16A", "--source", "10.0.0.11")
        which = mailflow("which", source, *asked, *reach.args, cwd=tmp_path, **env)
        saved = mailflow("snapshot", source, "-o", "saved", *reach.args, cwd=tmp_path, **env)
        shown = mailflow("diagnose", "saved", "--json", cwd=tmp_path)

    document = json.loads(shown.stdout)
    assert (ran.returncode, which.returncode, saved.returncode) == (1, 0, 0), ran.stderr
    assert "CAUSE FOUND" in ran.stdout
    assert (document["unread"], document["verdict"]) == ([], "found")
    (folder,) = (tmp_path / "runs").iterdir()
    report = (folder / "report.html").read_text(encoding="utf-8")
    scheme = "https" if https else "http"
    assert f"session {scheme}://ex16b.contoso.example:" in report
    everything = b"".join(one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())
    said = "".join(one.stdout + one.stderr for one in (ran, which, saved, shown))
    assert env[PASSWORD].encode() not in everything + said.encode()


@pytest.mark.long
def test_a_repair_in_another_process(tmp_path: Path) -> None:
    """Both connectors are changed, read back, and the queues drain."""
    with practice("article", "--speed", "60") as reach:
        source = reach.sources["exchange"]
        confirmed = [part for one in ("A", "B") for part in ("--confirm", f"EX16{one}\\Relay")]
        done = mailflow(
            *("run", "fix_and_verify", source, "--apply", *confirmed, *reach.args),
            cwd=tmp_path,
            **reach.env,
        )
        again = mailflow("diagnose", source, "--json", *reach.args, cwd=tmp_path, **reach.env)

    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(again.stdout)["verdict"] == "clear"


def told(org: Snapshot) -> list[dict[str, object]]:
    """The findings without the sentences that tell them."""
    return [
        {key: value for key, value in one.as_json().items() if key not in ("summary", "reading")}
        for one in findings(org).findings
    ]


def read(served: FaultyEndpoints, road: str, monkeypatch: pytest.MonkeyPatch) -> Snapshot:
    """The organization by one road."""
    for variable, value in served.env.items():
        monkeypatch.setenv(variable, value)
    return open_source(served.sources[road], live=served.options, tell=lambda _: None)


def nothing_is_left(served: FaultyEndpoints) -> bool:
    """Whether no session and no shell is open."""
    found = [one.service.open_shells for one in served.all]
    found += [one.shells.open_shells for one in served.all if one.shells]
    return not any(found)


@pytest.mark.parametrize("name", some_of(TELLING, step=6))
def test_each_road_gives_the_same_findings(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By exchange://, by winrm:// and in process: one organization, one diagnosis."""
    with serve(Practice.begin(name)) as served:
        by_endpoint = read(served, "exchange", monkeypatch)
        by_winrm = read(served, "winrm", monkeypatch)
        assert nothing_is_left(served)

    assert told(by_endpoint) == told(by_winrm) == told(open_source(f"demo:{name}"))
    assert findings(by_endpoint).verdict == scenarios.seeded(name).verdict
