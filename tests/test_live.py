"""A live organisation from the command line to the report, over the real protocol.

The practice organisation answers an unmodified pywinrm; what is below the command line has tests of
its own (`tests/simulated`, `tests/sources`, `tests/powershell`).
"""

from __future__ import annotations

import csv
import json
import os
import re
import socket
import subprocess
import sys
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import nbformat
import pytest

from far import kdc
from far.endpoints import FaultyEndpoints, serve
from mailflow.opening import open_source
from mailflow.simulated import scenarios
from mailflow.simulated.doors import Session
from mailflow.simulated.endpoints import PASSWORD
from mailflow.simulated.practice import Practice
from mailflow.simulated.writer import clixml
from mailflow.snapshot import Snapshot
from mailflow.sources.addresses import ADAPTERS
from mailflow.sources.collect import OF_ALL, calls_for, connectors_of
from mailflow.sources.credentials import LiveOptions
from mailflow.sources.shell import Call
from mailflow.sources.values import addresses
from mailflow.views.findings import findings
from support import ROOT, needs_kerberos, needs_kerberos_server, some_of
from two_processes import mailflow, practice

TELLING = [name for name in scenarios.names() if not name.startswith("case-")]


@pytest.mark.parametrize(
    "https", [False, pytest.param(True, marks=pytest.mark.long)], ids=["ntlm", "https"]
)
def test_run_on_a_live_organisation(tmp_path: Path, *, https: bool) -> None:
    """The article's verdict, repair and report; the password stands in no byte that is left."""
    with practice("article", *(["--https"] if https else [])) as reach:
        done = mailflow(
            *("run", "mail_stuck_in_queue", reach.source, "--ticket", "INC1", *reach.args),
            cwd=tmp_path,
            **reach.env,
        )
        shown = mailflow("diagnose", reach.source, "--json", *reach.args, cwd=tmp_path, **reach.env)

    assert (done.returncode, shown.returncode) == (1, 1), done.stderr + shown.stderr
    assert "CAUSE FOUND" in done.stdout
    assert 'Set-ReceiveConnector "EX16A\\Relay" -RemoteIPRanges "10.0.5.0/24"' in done.stdout
    (folder,) = (tmp_path / "runs").iterdir()
    report = (folder / "report.html").read_text(encoding="utf-8")
    assert "session http://ex16b.contoso.example/PowerShell/" in re.sub("<[^>]*>", "", report)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert [one["outcome"] for one in manifest["servers"]] == ["ok"] * 4
    assert json.loads(shown.stdout)["unread"] == []
    everything = b"".join(one.read_bytes() for one in folder.rglob("*") if one.is_file())
    said = (done.stdout + done.stderr + shown.stdout + shown.stderr).encode()
    assert reach.env[PASSWORD].encode() not in everything + said


CANARY = "cAnary-5ecret-of-this-run"
DRIVER = """
import sys
from pathlib import Path
from mailflow import cli, runs
runs._HOMES = (Path({home!r}),)
cli.main(sys.argv[1:])
"""
SHOWS_ITSELF = """
import os, pathlib, subprocess, sys
print(org.origin)
pathlib.Path("started-with").write_bytes(pathlib.Path("/proc/self/environ").read_bytes())
pathlib.Path("holds").write_text(repr(dict(os.environ)))
child = [sys.executable, "-c", "import os; print(dict(os.environ))"]
pathlib.Path("inherited").write_bytes(subprocess.run(child, capture_output=True).stdout)
"""
LOGS_ON = """
from mailflow.opening import live_organisation
for _ in range(2):
    assert live_organisation(source).collect(print).servers
"""


def with_runbook(home: Path, name: str, *further: str) -> list[str]:
    """The command that runs a runbook of these cells behind one that opens the source."""
    cells = [
        'source: str = ""\napply: bool = False\nconfirmed: list = []',
        "import mailflow\norg = mailflow.open(source)",
        *further,
        "mailflow.conclude(mailflow.findings(org))",
    ]
    document = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(one) for one in cells])
    document.metadata["language_info"] = {"name": "python"}
    document.cells[0].metadata["tags"] = ["parameters"]
    (home / f"{name}.ipynb").write_text(nbformat.writes(document), encoding="utf-8")
    return [sys.executable, "-c", DRIVER.format(home=str(home)), "run", name]


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc here")
@pytest.mark.parametrize("applies", [False, True])
def test_a_kernel_gets_no_secret_that_it_does_not_need(tmp_path: Path, *, applies: bool) -> None:
    """Whoever only reads gets none at all; whoever changes something takes it out of reach."""
    begun = Practice.begin("article")
    name, cells = ("fix_and_verify", [SHOWS_ITSELF, LOGS_ON]) if applies else ("x", [SHOWS_ITSELF])
    command = with_runbook(tmp_path, name, *cells)
    with FaultyEndpoints(begun, passwords={"engineer": CANARY}) as served:
        done = subprocess.run(
            [*command, served.source, *served.args, *(["--apply"] if applies else [])],
            cwd=tmp_path,
            env=os.environ | {"PYTHONPATH": str(ROOT / "lib"), "KEPT": "yes"} | served.env,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    assert done.returncode == 1, done.stdout + done.stderr
    (folder,) = (tmp_path / "runs").iterdir()
    started = (folder / "started-with").read_bytes()
    assert b"KEPT=yes" in started
    assert started.count(CANARY.encode()) == int(applies)
    if applies:
        (folder / "started-with").unlink()
    left = {one.name: one.read_bytes() for one in folder.rglob("*") if one.is_file()}
    assert {"holds", "inherited", "report.html", "snapshot"} <= set(left)
    assert [file for file, data in left.items() if CANARY.encode() in data] == []
    assert CANARY not in done.stdout + done.stderr


def test_a_practice_begins_now(tmp_path: Path) -> None:
    """Its mail waits as long as in the demo, by the clock of whoever looks."""
    with practice("article") as reach:
        shown = mailflow("diagnose", reach.source, "--json", *reach.args, cwd=tmp_path, **reach.env)
    document = json.loads(shown.stdout)
    now, since, again = (
        datetime.fromisoformat(one)
        for one in (document["taken"], *(document["stuck"][key] for key in ("since", "next_retry")))
    )
    usual = findings(open_source("demo:article")).stuck

    assert usual is not None
    assert usual.since is not None
    assert usual.as_of is not None
    asleep = datetime.fromisoformat(usual.as_of) - datetime.fromisoformat(usual.since)
    assert timedelta(0) <= now - since - asleep < timedelta(seconds=30)
    assert now < again < now + timedelta(minutes=10)


def test_doctor(tmp_path: Path) -> None:
    """All works: 0; a wrong password: 1, with its id and the next action; without a user: 2."""
    with practice("article") as reach:
        good = mailflow("doctor", reach.source, *reach.args, cwd=tmp_path, **reach.env)
        places = [part for one in reach.args if "=127." in one for part in ("--resolve", one)]
        nobody = {"KRB5CCNAME": f"FILE:{tmp_path / 'none'}"}
        looked = mailflow("doctor", reach.source, *places, cwd=tmp_path, **nobody)
        wrong = {PASSWORD: "something else"}
        bad = mailflow("doctor", reach.source, *reach.args, cwd=tmp_path, **wrong)

    assert looked.returncode == 2, looked.stdout + looked.stderr
    assert "FAULT" not in looked.stdout
    assert "needs --user" in " ".join(looked.stdout.split())
    assert good.returncode == 0, good.stdout
    assert "FAULT" not in good.stdout
    assert bad.returncode == 1, bad.stdout
    assert "wrong-password" in bad.stdout
    assert "Next:" in bad.stdout


def test_a_server_that_nobody_reaches_is_unread(tmp_path: Path) -> None:
    """A live organisation that does not answer is no wrong usage: 2, with rows of unread."""
    options = (
        "--user",
        "x",
        "--password-env",
        "PW",
        "--resolve",
        "ex16a.contoso.example=127.0.9.9",
    )
    source = "winrm+http://ex16a.contoso.example:9"
    done = mailflow("diagnose", source, "--json", *options, cwd=tmp_path, PW="secret")

    assert done.returncode == 2, done.stderr
    document = json.loads(done.stdout)
    assert document["verdict"] == "unknown"
    assert {one["what"] for one in document["unread"]} >= {"Get-ExchangeServer", "Get-Queue"}
    shown = mailflow("diagnose", source, *options, cwd=tmp_path, PW="secret").stdout
    assert "Nothing could be read" in shown
    assert " ".join(shown.split()).count("nothing listens on this port") == 1
    assert f"mailflow doctor {source}" in [line.strip() for line in shown.splitlines()]


def told(org: Snapshot) -> list[dict[str, object]]:
    """The findings without the sentences that tell them."""
    return [
        {key: value for key, value in one.as_json().items() if key not in ("summary", "reading")}
        for one in findings(org).findings
    ]


def as_collected(begun: Practice, folder: Path) -> Path:
    """Captures as Collect-MailFlow.ps1 leaves them, made in a shell of the server to enter at."""
    folder.mkdir()
    session = Session(begun, begun.entry)
    replies = [session.run(call) for call in OF_ALL]
    for server in begun.organisation.servers:
        if server.exchange.has_hub:
            replies += [session.run(call) for call in calls_for(server.exchange)]
    rows = [
        replace(row, values={**row.values, "Server": one.call.parameters["Server"]})
        if row.cmdlet == "Get-ExchangeCertificate"  # the script says whose they are (S9.21)
        else row
        for one in replies
        for row in one.rows
    ]
    rights = [
        session.run(Call("Get-ADPermission", {"Identity": one})) for one in connectors_of(rows)
    ]
    rows += [row for one in rights for row in one.rows]
    for cmdlet in {row.cmdlet for row in rows} - {ADAPTERS}:
        mine = [row for row in rows if row.cmdlet == cmdlet]
        (folder / f"{cmdlet}.xml").write_text(clixml(mine), encoding="utf-8")
    with (folder / "addresses.csv").open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(("server", "address"))
        for one in replies:
            for row in one.rows if one.call.cmdlet == ADAPTERS else ():
                lines.writerows(
                    (one.call.parameters["Identity"], each)
                    for each in addresses(row.values["IPAddresses"])
                )
    failed = [
        (str(one.call.parameters.get("Server") or one.call.parameters.get("Identity")), one)
        for one in replies
        if one.fault or one.errors
    ]
    with (folder / "unread.csv").open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(("server", "what", "why"))
        for server, one in failed:
            why = one.fault.message if one.fault else one.errors[0].message
            lines.writerow((server, one.call.cmdlet, why))
    return folder


@pytest.mark.parametrize("name", some_of(TELLING))
def test_every_way_in_gives_the_same_findings(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In process, over WinRM, as captures, and saved: one organisation, one diagnosis."""
    begun = Practice.begin(name)
    expected = told(open_source(f"demo:{name}"))
    with serve(begun) as served:
        for variable, value in served.env.items():
            monkeypatch.setenv(variable, value)
        live = open_source(served.source, live=served.options, tell=lambda _: None)
        assert [one.service.open_shells for one in served.all] == [0] * len(served.all)
    live.save(tmp_path / "saved")

    assert told(live) == expected
    assert told(open_source(str(tmp_path / "saved"))) == expected
    assert told(open_source(str(as_collected(begun, tmp_path / "captures")))) == expected
    seeded = scenarios.seeded(name)
    assert findings(live).verdict == seeded.verdict


def read_by(served: FaultyEndpoints, options: LiveOptions) -> Snapshot:
    """The organisation, read by one kind of log-on alone and whole."""
    org = open_source(served.source, live=options, tell=lambda _: None)
    used = {entry.method for one in served.all for entry in one.log if entry.method}
    assert used == {options.auth}
    assert org.unread == ()
    return org


def test_credssp(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on to Exchange by itself (S8.23)."""
    with serve(Practice.begin("article"), https=True) as served:
        for variable, value in served.env.items():
            monkeypatch.setenv(variable, value)
        org = read_by(served, replace(served.options, auth="credssp"))

    assert told(org) == told(open_source("demo:article"))


FOREIGN = "ex10a.evil-contoso.example"


def a_foreign_server(begun: Practice) -> None:
    """One of the servers has a name outside of the domain, and a cause that others show too."""
    server = begun.organisation.server("EX10A")
    assert server is not None
    server.exchange = replace(server.exchange, fqdn=FOREIGN)


def test_a_host_outside_the_domain_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even a connection, wherever `--resolve` leads; it is missing data with the option."""
    begun = Practice.begin("article")
    a_foreign_server(begun)
    with serve(begun) as served, socket.create_server(("127.0.9.1", 0)) as foreign:
        foreign.settimeout(0)
        for variable, value in served.env.items():
            monkeypatch.setenv(variable, value)
        others = [one for one in served.options.resolve if FOREIGN not in one]
        lure = f"{FOREIGN}=127.0.9.1:{foreign.getsockname()[1]}"
        options = replace(served.options, resolve=(*others, lure))
        org = open_source(served.source, live=options, tell=lambda _: None)
        with pytest.raises(BlockingIOError):
            foreign.accept()

    unread = {one.what: one.why for one in org.unread if one.server == "EX10A"}
    assert set(unread) >= {"Get-ReceiveConnector", "Get-Queue", "Get-TransportService"}
    rows = [unread[what] for what in ("Get-ReceiveConnector", "Get-Queue", "Get-TransportService")]
    assert all("add --trust evil-contoso.example" in why for why in rows)
    assert {one.server for one in org.unread} == {"EX10A"}


def test_a_host_that_is_trusted_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """With `--trust` the same organization is read whole."""
    begun = Practice.begin("article")
    a_foreign_server(begun)
    with serve(begun) as served:
        for variable, value in served.env.items():
            monkeypatch.setenv(variable, value)
        org = read_by(served, replace(served.options, trust=("evil-contoso.example",)))

    assert [one.fqdn for one in org.servers if one.name == "EX10A"] == [FOREIGN]


def test_a_short_name_counts_with_the_domain_it_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the entry server, whose full name nobody typed."""
    with serve(Practice.begin("article")) as served:
        for variable, value in served.env.items():
            monkeypatch.setenv(variable, value)
        scheme, _, rest = served.source.partition("://")
        short = f"{scheme}://{rest.partition('.')[0]}:{served.port}"
        org = open_source(short, live=served.options, tell=lambda _: None)

    assert org.unread == ()
    assert {one.outcome for one in org.reads} == {"ok"}


@pytest.mark.parametrize("auth", ["ntlm", "credssp"])
def test_answers_in_the_clear_are_no_reading(monkeypatch: pytest.MonkeyPatch, auth: str) -> None:
    """S8.80: no row comes of them, and no clean bill."""
    with serve(Practice.begin("healthy")) as served:
        for variable, value in served.env.items():
            monkeypatch.setenv(variable, value)
        for one in served.all:
            one.faults.add("answer-in-the-clear")
        options = replace(served.options, auth=auth)
        org = open_source(served.source, live=options, tell=lambda _: None)

    assert org.servers == ()
    assert findings(org).verdict == "unknown"
    assert all("got an unencrypted response" in one.why for one in org.unread)


def test_kerberos(monkeypatch: pytest.MonkeyPatch) -> None:
    """A ticket that may be forwarded goes on to Exchange, and no password is anywhere (S8.23)."""
    needs_kerberos()
    needs_kerberos_server()
    begun = Practice.begin("article")
    hosts = [one.exchange.fqdn for one in begun.organisation.servers]
    with serve(begun) as served:
        password = served.passwords["engineer"]
        with kdc.Kdc(hosts, {"engineer": password}) as realm:
            for variable, value in realm.environment.items():
                monkeypatch.setenv(variable, value)
            ticket = realm.kinit("engineer", password, forwardable=True)
            monkeypatch.setenv("KRB5CCNAME", ticket)
            options = replace(served.options, auth="kerberos", user="", password_env="")
            org = read_by(served, options)

    assert told(org) == told(open_source("demo:article"))
