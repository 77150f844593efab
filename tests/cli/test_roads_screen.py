"""Which roads to a host are open, and the one that a host without a road is read by."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from command_line import Call
from far.endpoints import FaultyEndpoints, serve
from mailflow.cli.completion import complete_source
from mailflow.cli.roads_screen import road_words
from mailflow.roads import Road, may_be_host
from mailflow.simulated.practice import Practice
from mailflow.sources.doctor import DoctorCheck

HOST = "ex16a.contoso.example"


@pytest.fixture(scope="module")
def served() -> Iterator[FaultyEndpoints]:
    """The article's organization, listening."""
    with serve(Practice.begin("article")) as endpoints:
        yield endpoints


@pytest.fixture
def args(served: FaultyEndpoints, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The log-on options, their password in the environment."""
    for name, value in served.env.items():
        monkeypatch.setenv(name, value)
    return served.args


def lines(text: str) -> str:
    """A screen without its line breaks."""
    return " ".join(text.split())


def test_doctor_tries_each_road(call: Call, args: list[str]) -> None:
    """Which are open, what each other one would need, and the steps of the first."""
    shown = call("doctor", HOST, *args)

    heads = (one.split() for one in shown.out.splitlines() if one[:1] not in ("", " "))
    states = [one for one in heads if len(one) == 2]
    assert states[:4] == [
        ["open", f"exchange://{HOST}"],
        ["closed", f"exchange+https://{HOST}"],
        ["closed", f"winrm://{HOST}"],
        ["open", f"winrm+http://{HOST}"],
    ]
    assert "web-not-tls:" in shown.out
    assert f"exchange://{HOST}, step by step:" in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80
    assert shown.code == 0


def test_a_refused_password_is_tried_on_one_road_alone(
    call: Call, served: FaultyEndpoints, args: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """More tries could lock the account."""
    for name in served.env:
        monkeypatch.setenv(name, "wrong")
    begun = len(served["EX16A"].log)
    shown = call("doctor", HOST, *args)

    assert shown.code == 1
    assert shown.out.count("wrong-password:") == 1
    assert lines(shown.out).count("more tries may lock it") == 1  # of three, said once
    assert [line[:2] for line in shown.out.splitlines() if "://" in line].count("- ") == 3
    assert [one for one in served["EX16A"].log[begun:] if one.method] == []


def test_diagnose_takes_the_first_open_road(call: Call, args: list[str]) -> None:
    """After it showed host and account; the answer is alone on standard output."""
    shown = call("diagnose", HOST, "--json", *args)
    document = json.loads(shown.out)

    assert document["source"] == f"exchange://{HOST}"
    assert (document["verdict"], document["unread"], shown.code) == ("found", [], 1)
    told = shown.err.splitlines()
    assert "it is read as a server" in told[0]
    assert told[1].startswith(f"Connects to: {HOST} at 127.0.1.")
    assert told[2] == "Account: CONTOSO\\engineer (NTLM)"


def test_diagnose_where_no_road_is_open(
    call: Call, served: FaultyEndpoints, args: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What each would need, and no verdict."""
    for name in served.env:
        monkeypatch.setenv(name, "wrong")
    shown = call("diagnose", HOST, *args)

    assert (shown.code, shown.out) == (2, "")
    assert "no protocol works for this account" in shown.err
    assert "wrong-password" in shown.err


def test_a_path_always_wins(call: Call, args: list[str], tmp_path: Path) -> None:
    """A folder of the host's name is read; what is neither is no such file, as ever."""
    folder = tmp_path / HOST
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        found = call("diagnose", HOST, *args)
    missing = call("diagnose", "no-such-host.contoso.invalid", *args)

    assert "it is read as a server" not in found.err
    assert "no such file or folder" in missing.err


@pytest.mark.parametrize(
    ("source", "may"),
    [
        ("ex16a", True),
        (" ex16a.contoso.example ", True),
        ("10.0.0.21", True),
        ("ex16a:5986", False),
        ("captures/", False),
        ("..\\captures", False),
        ("captures.zip", False),
        ("Get-Queue.XML", False),
        ("tuesday.snapshot", False),
        ("two words", False),
        ("demo:article", False),
        ("*.contoso.example", False),
        ("user@contoso.example", False),
        ("", False),
    ],
)
def test_what_may_be_a_host(source: str, *, may: bool) -> None:
    """No separator, no file's suffix, nothing that no host is called."""
    assert may_be_host(source) == may


def test_hostile_words_of_a_server_make_no_line() -> None:
    """What a server says stands inside its block."""
    check = DoctorCheck(
        "exchange", "fault", "x\nopen      exchange://evil", "no-endpoint", "c", "a"
    )
    shown = road_words([Road("exchange://ex16a", [check])], 80)

    assert [one for one in shown.splitlines() if one.startswith("open")] == []


def test_completion_knows_the_roads() -> None:
    """How a live source begins."""
    found = [one.value for one in complete_source(None, None, "exch")]  # type: ignore[arg-type]

    assert found == ["exchange://", "exchange+https://"]
