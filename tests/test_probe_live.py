"""mailflow probe over the real protocol: from the command line to the bytes on the wire."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from far.endpoints import serve
from mailflow.cli.probe_lines import probe_lines
from mailflow.opening import live_doors, open_source, practice_snapshot
from mailflow.simulated.endpoints import PASSWORD
from mailflow.simulated.practice import Practice
from mailflow.simulated.smtp import LOOPBACK_PORT, PracticeSmtp, SmtpConnection
from mailflow.sources.probing import send_ehlo
from mailflow.views.findings import findings
from mailflow.views.probe import judge, questions_of, sender_of, targets_of
from support import ROOT, needs_powershell

ONE_SESSION = b"EHLO ex10a.contoso.example\r\nQUIT\r\n"


def test_from_one_process_to_another(tmp_path: Path) -> None:
    """`practice` serves, `probe` asks: the article's verdict, and no password in what is said."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "lib"), "COLUMNS": "80"}
    command = [sys.executable, "-m", "mailflow"]
    with subprocess.Popen(
        [*command, "practice", "article", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        reach = json.loads(process.stdout.readline())
        done = subprocess.run(
            [*command, "probe", reach["source"], "--from", "EX10A", "--json", *reach["args"]],
            cwd=tmp_path,
            env=environment | reach["env"],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        process.send_signal(signal.SIGTERM)
    document = json.loads(done.stdout)
    states = {each["server"]: each["state"] for each in document["targets"]}

    assert done.returncode == 1, done.stderr
    assert states == {"EX10B": "offers", "EX16A": "lacks", "EX16B": "lacks"}
    assert all(each["predicted"] and not each["notes"] for each in document["targets"])
    assert reach["env"][PASSWORD] not in done.stdout + done.stderr


def test_by_a_real_powershell(monkeypatch: pytest.MonkeyPatch) -> None:
    """The script runs as it is sent, and nothing but EHLO and QUIT is heard of it."""
    program = needs_powershell()
    practice = Practice.begin("article")
    org = practice_snapshot(practice, "demo:article")
    sender = sender_of(org, "EX10A")
    targets = targets_of(org, sender)
    with serve(practice, powershell=program) as endpoints:
        for name, value in endpoints.env.items():
            monkeypatch.setenv(name, value)
        doors, _, entry = live_doors(endpoints.source, endpoints.options, probing=True)
        found = send_ehlo(
            *(doors, sender.server, questions_of(sender, targets)),
            servers=org.servers,
            first=entry,
            tell=lambda _: None,
        )
        results = [
            judge(sender, target, attempt) for target, attempt in zip(targets, found, strict=True)
        ]
        heard = [(wanted, bytes(data)) for wanted, data in endpoints.smtp.heard]

    assert {each.target.view.name: each.state for each in results} == {
        "EX10B": "offers",
        "EX16A": "lacks",
        "EX16B": "lacks",
    }
    assert {each.attempt.observed.seen_as for each in results} == {"10.0.0.11"}
    assert heard == [
        (SmtpConnection("EX10A", address, 25), ONE_SESSION)
        for address in ("10.0.0.12", "10.0.0.21", "10.0.0.22")
    ]


def test_files_of_the_pasted_lines_decide(tmp_path: Path) -> None:
    """S5.30: a translated address, which no export shows, by what PowerShell wrote on the sender.

    The simulated targets stand at loopback addresses; the files get back the true ones.
    """
    practice = Practice.begin("address-translated", now=datetime.now(UTC).replace(microsecond=0))
    org = practice_snapshot(practice, "exports")
    sender = sender_of(org, "EX10A")
    questions = questions_of(sender, targets_of(org, sender, ["EX16A", "EX16B"]))
    smtp = PracticeSmtp(practice)
    lines = "\n".join(probe_lines(questions, [""] * len(questions)))
    there = {}
    for question in questions:
        wanted = SmtpConnection("EX10A", question.address, 25)
        there[str(smtp.place(wanted))] = question.address
    for loopback, address in there.items():
        lines = lines.replace(f'"{address}" 25 ', f'"{loopback}" {LOOPBACK_PORT} ')
    subprocess.run(
        [str(needs_powershell()), "-NoLogo", "-NoProfile", "-Command", "-"],
        input=f"{lines}\n\n",
        env=os.environ | {"HOME": str(tmp_path), "TERM": "dumb"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    smtp.close()
    files = sorted(tmp_path.glob("ehlo-*.txt"))
    for file in files:
        text = file.read_text("utf-8")
        for loopback, address in there.items():
            met, meant = f"{loopback}\n# port: {LOOPBACK_PORT}", f"{address}\n# port: 25"
            text = text.replace(f"# address: {met}", f"# address: {meant}")
        file.write_text(text, "utf-8")
    org.save(tmp_path / "org.snapshot")
    before = findings(open_source(str(tmp_path / "org.snapshot")))
    after = findings(
        open_source(str(tmp_path / "org.snapshot"), evidence=[str(file) for file in files])
    )

    assert len(files) == 2
    assert before.verdict == "unknown"
    assert after.verdict == "found"
    assert {each.cause for each in after.findings if each.state == "found"} == {
        "source-address-translated"
    }
