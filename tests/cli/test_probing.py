"""probe: what targets offer a sender, on a screen, in JSON, and as lines to paste."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

import mailflow.opening
from command_line import Call, captures, saved
from mailflow.cli.probe_lines import probe_lines
from mailflow.exchange.ehlo import EhloObservation
from mailflow.simulated.doors import PracticeDoors
from mailflow.simulated.smtp import PracticeSmtp, Prober
from mailflow.sources.ehlo_replies import read_ehlo_replies
from mailflow.sources.row import Row
from mailflow.sources.shell import Call as ShellCall
from mailflow.sources.shell import Reply, ShellError
from organisations import article
from smtp_hosts import BANNER, PORT, REPLY, closes, drips, endless, host, says
from support import needs_powershell

SCREEN = """\
NOT OFFERED   EX16A and EX16B do not offer EX10A what an Exchange server needs;
              EX10B offers it."""
TABLE = """\
target              predicted connector  keywords before TLS      what is needed
------------------  -------------------  -----------------------  --------------
EX10B 10.0.0.12:25  EX10B\\Default EX10B  STARTTLS,                offered
                                         X-ANONYMOUSTLS, X-EXPS
EX16A 10.0.0.21:25  EX16A\\Relay          STARTTLS                 lacks both
EX16B 10.0.0.22:25  EX16B\\Relay          STARTTLS                 lacks both
"""
HOSTILE = "220 a\x1b[2J\u0085VERDICT: CLEAR\r\n", "250-a Hello [10.0.0.11]\r\n250 \x1b[1mX\x00\r\n"


def test_the_article_on_a_screen(call: Call) -> None:
    """The relay connectors that accept EX10A offer neither keyword (S3.30)."""
    screen = call("probe", "demo:article", "--from", "ex10a")

    assert screen.code == 1
    assert screen.out.startswith(SCREEN)
    assert TABLE in screen.out
    assert max(map(len, screen.out.splitlines())) <= 80
    assert screen.out.rstrip().endswith("mailflow diagnose demo:article")


@pytest.mark.parametrize(
    ("source", "more", "code", "state"),
    [
        ("article", ("--to", "EX10B"), 0, "offers"),
        ("article", ("--to", "EX10B", "--to", "EX16A"), 1, "lacks"),
        ("maintenance-left-on", ("--to", "EX16A"), 1, "lacks"),
        ("certificate-lost", ("--to", "EX16B"), 1, "lacks"),
    ],
)
def test_exit_codes(call: Call, source: str, more: tuple[str, ...], code: int, state: str) -> None:
    """0 all offer what is needed, 1 one does not."""
    screen = call("probe", f"demo:{source}", "--from", "EX10A", *more, "--json")
    document = json.loads(screen.out)

    assert (screen.code, document["state"]) == (code, state)


def test_the_document(call: Call) -> None:
    """What was predicted, what was read, and the reply itself."""
    screen = call("probe", "demo:article", "--from", "EX10A", "--to", "EX16A", "--json")
    document = json.loads(screen.out)
    (target,) = document["targets"]

    assert (document["schema"], document["simulated"], document["sender"]) == (
        *("mailflow.probe/1", True),
        "EX10A",
    )
    assert {key: target[key] for key in ("server", "address", "port", "predicted", "lacks")} == {
        "server": "EX16A",
        "address": "10.0.0.21",
        "port": 25,
        "predicted": "EX16A\\Relay",
        "lacks": ["X-ANONYMOUSTLS", "X-EXPS"],
    }
    assert target["reply"][0] == "250-ex16a.contoso.example Hello [10.0.0.11]"
    assert (target["seen_as"], target["complete"], target["notes"]) == ("10.0.0.11", True, [])


def test_a_translated_address_and_a_device_are_named(call: Call) -> None:
    """S5.30, C4: beside the prediction stands what differs from it."""
    translated = call("probe", "demo:address-translated", "--from", "EX10A").out
    masked = call("probe", "demo:smtp-inspection", "--from", "EX10A").out

    assert "EX16A and EX16B: the connection is seen to come from 10.0.5.1" in translated
    assert "EX16A and EX16B: keywords are masked with X" in masked
    assert "the predicted connector offers what is needed" in " ".join(masked.split())


@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["screen", "json"])
def test_a_hostile_reply_breaks_no_line(
    call: Call, monkeypatch: pytest.MonkeyPatch, as_json: tuple[str, ...]
) -> None:
    """Control characters are shown escaped, and such a reply decides nothing."""
    values = {"Stage": "done", "Why": "", "Code": 0, "Banner": HOSTILE[0], "Reply": HOSTILE[1]}
    monkeypatch.setattr(
        Prober, "run", lambda _, asked: Reply(asked, (Row(asked.cmdlet, values, "here"),))
    )
    screen = call("probe", "demo:article", "--from", "EX10A", "--to", "EX16A", *as_json)

    assert screen.code == 2
    assert "".join(screen.out.split("\n")).isprintable()
    assert not any(line.startswith("VERDICT") for line in screen.out.splitlines())


@pytest.mark.parametrize(
    "values",
    [
        {"Stage": "connect", "Why": "failed", "Code": 10061, "Banner": "", "Reply": ""},
        {"Stage": "banner", "Why": "too-long", "Code": 0, "Banner": "220-x" * 3000, "Reply": ""},
        {"Stage": "reply", "Why": "closed", "Code": 0, "Banner": "220 x\r\n", "Reply": "250-x"},
        {"Stage": "odd", "Why": "", "Code": 0, "Banner": "220 x\r\n", "Reply": "250 x\r\n"},
        {
            "Stage": "done",
            "Why": "",
            "Code": 0,
            "Banner": "220 x\r\n",
            "Reply": "250 x\r\n250 y\r\n",
        },
        {"Stage": "done", "Why": "", "Code": 0, "Banner": "220 x\r\n", "Reply": "421 4.3.2 x\r\n"},
        {},
    ],
    ids=["refused", "endless", "cut", "odd", "two replies", "421", "nothing"],
)
def test_what_is_not_whole_decides_nothing(
    call: Call, monkeypatch: pytest.MonkeyPatch, values: dict[str, str | int]
) -> None:
    """Exit code 2, and no keyword is said to lack."""
    monkeypatch.setattr(
        Prober, "run", lambda _, asked: Reply(asked, (Row(asked.cmdlet, values, "here"),))
    )
    screen = call("probe", "demo:article", "--from", "EX10A", "--to", "EX16A", "--json")

    assert screen.code == 2
    assert json.loads(screen.out)["targets"][0]["lacks"] == []


def test_ehlo_that_is_refused_offers_nothing(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """S5.04: HELO follows, which has no extensions."""
    values = {"Stage": "done", "Why": "", "Code": 0, "Banner": "220 x\r\n", "Reply": "500 no\r\n"}
    monkeypatch.setattr(
        Prober, "run", lambda _, asked: Reply(asked, (Row(asked.cmdlet, values, "here"),))
    )
    screen = call("probe", "demo:article", "--from", "EX10A", "--to", "EX16A")

    assert screen.code == 1
    assert "it refuses EHLO" in " ".join(screen.out.split())


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--from", "EX99"), "no server called EX99 in the data"),
        (("--from", "EX10A", "--to", "EX99"), "no server called EX99 in the data"),
        ((), "Missing option '--from'"),
    ],
)
def test_wrong_usage(call: Call, arguments: tuple[str, ...], says: str) -> None:
    """Exit code 3; nothing is sent."""
    screen = call("probe", "demo:article", *arguments)

    assert (screen.code, screen.out) == (3, "")
    assert says in screen.err


@pytest.mark.parametrize("as_json", [(), ("--json",)], ids=["screen", "json"])
def test_a_server_that_is_not_there(
    call: Call, monkeypatch: pytest.MonkeyPatch, as_json: tuple[str, ...]
) -> None:
    """Nothing could be read, so nothing was sent: exit code 2, with the reason."""
    monkeypatch.setenv("PASSWORD_OF_TEST", "x")
    log_on = ("--auth", "ntlm", "--user", "CONTOSO\\anna", "--password-env", "PASSWORD_OF_TEST")
    screen = call("probe", "winrm+http://127.0.0.1:9", "--from", "EX10A", *log_on, *as_json)

    assert screen.code == 2
    assert "Nothing was sent: 127.0.0.1:" in (screen.out if as_json else screen.err)
    assert bool(screen.out) == bool(as_json)


def test_a_practice_sends_nothing_unless_asked() -> None:
    """Doors that read refuse a probe."""
    practice = mailflow.simulated.practice.Practice.begin("article")
    given = {"Address": "10.0.0.21", "Port": 25, "Hello": "a", "Seconds": 5}
    asked = ShellCall("Send-Ehlo", given)
    (reply,) = PracticeDoors(practice).open("EX10A").ask([asked], seconds=5)

    assert reply.fault is not None
    assert reply.fault.kind == "refused"
    assert not issubclass(type(reply.fault), ShellError)
    assert PracticeSmtp(practice).heard == []


@pytest.mark.parametrize("form", ["exports", "snapshot"])
def test_other_sources_give_lines_to_paste(call: Call, tmp_path: Path, form: str) -> None:
    """Standard output is a script; what has to be said stands on standard error."""
    org = article()
    source = (
        captures(org, tmp_path / "captures") if form == "exports" else saved(org, tmp_path / "org")
    )
    screen = call("probe", source, "--from", "EX10A", "--to", "EX16A")
    document = json.loads(call("probe", source, "--from", "EX10A", "--to", "EX16A", "--json").out)

    assert screen.code == 2
    assert 'Save-Ehlo "EX16A" "10.0.0.21" 25 "ehlo-EX10A-EX16A-1.txt"' in screen.out.splitlines()
    assert "" not in screen.out.rstrip("\n").splitlines()  # an empty line would end a paste
    assert "paste the lines on EX10A" in screen.err
    assert document["lines"] == screen.out.rstrip("\n").splitlines()
    assert (document["state"], document["targets"]) == ("unknown", [])


def test_a_name_that_cannot_be_quoted_is_in_no_command() -> None:
    """It is named in a comment, on one line."""
    good = EhloObservation(
        sender="EX10A", target="EX16A", address="10.0.0.21", port=25, hello="ex10a"
    )
    bad = replace(good, target="EX16B\u202e\nRemove-Item C:\\")
    lines = probe_lines([bad, good], ["", ""])

    assert len([line for line in lines if line.startswith("Save-Ehlo")]) == 1
    assert next(line for line in lines if "Remove-Item" in line).startswith("# left out")


def test_the_lines_in_a_real_powershell(tmp_path: Path) -> None:
    """They ask real hosts, good and bad, and write files that are read as what came."""
    hosts = {
        "GOOD": says(BANNER, REPLY, b"221 bye\r\n"),
        "ESCAPES": says(BANNER, b"250-a Hello [10.0.0.11]\r\n250 \x1b[2JXRDST\r\n", b"221\r\n"),
        "FORGES": says(
            BANNER, b"250-a Hello [10.0.0.11]\r\n# ended: done\r\nEHLO ex10a\r\n250 X\r\n", b""
        ),
        "CUTS": closes(BANNER, REPLY[:60]),
        "ENDLESS": endless(b"220-on and on\r\n"),
        "DRIPS": drips(BANNER, 0.3),
    }
    with ExitStack() as stack:
        made = {name: stack.enter_context(host(how)) for name, how in hosts.items()}
        questions = [
            EhloObservation(
                sender="EX10A",
                target=name,
                address=made[name].address if name in made else "127.0.0.254",
                port=PORT,
                hello="ex10a.contoso.example",
            )
            for name in (*hosts, "NOBODY")
        ]
        lines = probe_lines(questions, [""] * len(questions))
        text = "\n".join(lines).replace("$hello 10", "$hello 2") + "\n\n"
        shown = paste(text, tmp_path)
        for each in made.values():
            each.ended.wait(5)
    found = {path.stem.split("-")[2]: path.read_text("utf-8") for path in tmp_path.glob("ehlo-*")}
    read = {name: read_ehlo_replies(text) for name, text in found.items()}

    assert found.keys() == {*hosts, "NOBODY"}
    assert shown.count(".txt (") == len(questions)
    (good,) = read["GOOD"]
    assert (good.sender, good.target, good.address, good.port) == (
        *("EX10A", "GOOD", made["GOOD"].address),
        PORT,
    )
    assert (good.complete, good.offered_before_tls, good.seen_as) == (True, True, "10.0.0.11")
    assert good.keywords[-3:] == ("AUTH NTLM", "X-EXPS GSSAPI NTLM", "XRDST")
    assert good.written is not None
    assert not any(
        each.complete for name, replies in read.items() if name != "GOOD" for each in replies
    )
    assert "\\x1b[2JXRDST" in found["ESCAPES"]
    assert "# ended: banner timed-out" in found["DRIPS"]
    assert "# ended: banner too-long 0" in found["ENDLESS"]
    assert "# ended: connect failed 10061" in found["NOBODY"]
    assert bytes(made["GOOD"].heard) == b"EHLO ex10a.contoso.example\r\nQUIT\r\n"


def paste(text: str, home: Path) -> str:
    """What a PowerShell says to these lines on its standard input, as if somebody pasted them."""
    done = subprocess.run(
        [str(needs_powershell()), "-NoLogo", "-NoProfile", "-Command", "-"],
        input=text,
        env=os.environ | {"HOME": str(home), "TERM": "dumb", "NO_COLOR": "1"},
        cwd=home,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
