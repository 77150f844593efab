"""exchange:// from the command line to the report, over the real protocol (S8.81).

What is below the command line has tests of its own (`tests/sources/psrp`, `tests/simulated`).
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from far import kdc
from far.endpoints import FaultyEndpoints, serve
from mailflow.opening import open_source, within_reach
from mailflow.simulated import scenarios
from mailflow.simulated.endpoints import PASSWORD
from mailflow.simulated.practice import Practice
from mailflow.snapshot import Snapshot
from mailflow.views.findings import findings
from support import needs_kerberos, needs_kerberos_server, some_of
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
        checked = mailflow("doctor", source, *reach.args, cwd=tmp_path, **env)

    assert checked.returncode == 0, checked.stdout + checked.stderr
    document = json.loads(shown.stdout)
    assert (ran.returncode, which.returncode, saved.returncode) == (1, 0, 0), ran.stderr
    assert "CAUSE FOUND" in ran.stdout
    assert (document["unread"], document["verdict"]) == ([], "found")
    (folder,) = (tmp_path / "runs").iterdir()
    report = (folder / "report.html").read_text(encoding="utf-8")
    scheme = "https" if https else "http"
    assert f"session {scheme}://ex16b.contoso.example:" in report
    everything = b"".join(one.read_bytes() for one in tmp_path.rglob("*") if one.is_file())
    said = "".join(one.stdout + one.stderr for one in (ran, which, saved, shown, checked))
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


@pytest.mark.long
def test_by_kerberos_in_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ticket alone signs in to what `mailflow practice` serves: look, check, repair, look."""
    needs_kerberos()
    needs_kerberos_server()
    hosts = [one.exchange.fqdn for one in Practice.begin("article").organisation.servers]
    with kdc.Kdc(hosts, {"engineer": "aPassw0rd"}) as realm:
        for variable, value in realm.environment.items():
            monkeypatch.setenv(variable, value)
        with practice("article", "--speed", "60") as reach:
            monkeypatch.setenv("KRB5CCNAME", realm.kinit("engineer", "aPassw0rd"))
            source = reach.sources["exchange"]
            places = reach.args[reach.args.index("--resolve") :]
            confirmed = [part for one in ("A", "B") for part in ("--confirm", f"EX16{one}\\Relay")]
            first, ran, checked, done, again = (
                mailflow(*words, *places, cwd=tmp_path)
                for words in (
                    ("diagnose", source, "--json"),
                    ("run", "mail_stuck_in_queue", source),
                    ("doctor", source),
                    ("run", "fix_and_verify", source, "--apply", *confirmed),
                    ("diagnose", source, "--json"),
                )
            )

    ended = [one.returncode for one in (first, ran, checked, done, again)]
    assert ended == [1, 1, 0, 0, 0], [one.stdout + one.stderr for one in (checked, done)]
    assert json.loads(first.stdout)["unread"] == json.loads(again.stdout)["unread"] == []
    assert "erberos" in checked.stdout


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


def test_what_the_front_end_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """S8.81: what names its server counts; what does not is missing data; the road says it."""
    with serve(Practice.begin("article")) as served:
        served.entrance.passed_on["ex16a"] = "EX16B"
        org = read(served, "exchange", monkeypatch)

    assert {(one.server, one.what) for one in org.unread} == {("EX16A", "Get-TransportAgent")}
    assert "passed the session on to another server" in org.unread[0].why
    assert "which went on to EX16B" in next(one.how for one in org.reads if one.server == "EX16A")
    assert told(org) == told(open_source("demo:article"))


def test_a_server_without_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked about through the newest server; alone, it is missing data with the way."""
    with serve(Practice.begin("article")) as served:
        served["EX10A"].shells = None
        through = read(served, "exchange", monkeypatch)
        for one in served.all:
            one.shells = None
        nothing = read(served, "exchange", monkeypatch)

    how = next(one.how for one in through.reads if one.server == "EX10A")
    assert how.startswith("through EX16")
    assert told(through) == told(open_source("demo:article"))
    assert nothing.servers == ()
    assert findings(nothing).verdict == "unknown"
    assert "Collect-MailFlow.ps1" in nothing.unread[0].why


@pytest.mark.parametrize("name", ["answer-in-the-clear", "redirect", "wrong-state"])
def test_lies_are_no_reading(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """S8.80: no row comes of them, and no clean bill."""
    with serve(Practice.begin("healthy")) as served:
        for one in served.all:
            one.faults.add(name)
        org = read(served, "exchange", monkeypatch)
        assert nothing_is_left(served)

    assert org.servers == ()
    assert findings(org).verdict == "unknown"


def test_kerberos(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a ticket, and by user and password; no forwarding is asked for (S8.81, S8.82)."""
    needs_kerberos()
    needs_kerberos_server()
    begun = Practice.begin("article")
    hosts = [one.exchange.fqdn for one in begun.organisation.servers]
    with serve(begun) as served:
        password = served.passwords["engineer"]
        with kdc.Kdc(hosts, {"engineer": password}) as realm:
            for variable, value in {**realm.environment, **served.env}.items():
                monkeypatch.setenv(variable, value)
            monkeypatch.setenv("KRB5CCNAME", f"FILE:{realm.folder / 'none'}")
            by_password = replace(served.options, auth="", user="engineer@contoso.example")
            first = open_source(served.sources["exchange"], live=by_password, tell=print)
            monkeypatch.setenv("KRB5CCNAME", realm.kinit("engineer", password))
            ticket = replace(served.options, auth="", user="", password_env="")
            org = open_source(served.sources["exchange"], live=ticket, tell=print)
        used = {entry.method for one in served.all for entry in one.log if entry.method}

    assert (first.unread, org.unread) == ((), ())
    assert used == {"kerberos"}
    assert told(org) == told(first) == told(open_source("demo:article"))


def test_a_probe_by_this_road_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """S8.06: the endpoint runs cmdlets alone, so nobody is asked; a person gets what to paste."""
    with serve(Practice.begin("article")) as served:
        for variable, value in served.env.items():
            monkeypatch.setenv(variable, value)
        source = served.sources["exchange"]
        with within_reach(source, print, served.options) as reached:
            assert reached is None
        assert sum(len(one.log) for one in served.all) == 0
