"""Send-Ehlo of Invoke-MailFlow.ps1 in a real PowerShell, towards real sockets on loopback."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest

from mailflow.sources import wire
from mailflow.sources.shell import PROBE, Call, Reply, ShellError, beside_probe, check
from powershell.rig import Rig, replies
from smtp_hosts import BANNER, PORT, REPLY, Behavior, Host, closes, drips, endless, host, says

SECONDS = 2
BYE = b"221 2.0.0 Service closing transmission channel\r\n"
BEHAVIORS: Mapping[str, Behavior] = {
    "answers": says(BANNER, REPLY, BYE),
    "speaks of several lines": says(b"220-wait\r\n220-more\r\n" + BANNER, REPLY, BYE),
    "refuses the session": says(b"421 4.3.2 Service not available\r\n"),
    "says nothing": says(b""),
    "drips": drips(BANNER + REPLY, 0.2),
    "has no end": endless(b"220-on and on\r\n"),
    "has no line ends": endless(b"220 on and on"),
    "is binary": says(BANNER, bytes(range(256)) + b"\n250 \x1b[2JXRDST\xff\r\n", BYE),
    "closes after the banner": closes(BANNER),
    "cuts its reply": closes(BANNER, REPLY[:60]),
}
BAD: Mapping[str, Mapping[str, str | int]] = {
    "another port": {"Port": 80},
    "a name": {"Address": "ex16a.contoso.example"},
    "two addresses": {"Address": "10.0.0.1 10.0.0.2"},
    "a line end": {"Hello": "ex10a\r\nMAIL FROM:<a@contoso.example>"},
    "a longer time": {"Seconds": 600},
    "one more": {"Source": "10.0.0.1"},
}


def probe(address: str, **other: str | int) -> Call:
    """A probe of an address."""
    given = {"Address": address, "Hello": "ex10a.contoso.example", "Port": PORT}
    return Call(PROBE, {**given, "Seconds": SECONDS, **other})


@pytest.fixture(scope="module")
def probed(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Mapping[str, Reply], Mapping[str, Host], float]:
    """Every behavior probed by one process: replies, hosts, and seconds that it took."""
    with ExitStack() as stack:
        hosts = {name: stack.enter_context(host(how)) for name, how in BEHAVIORS.items()}
        calls = [
            *(probe(each.address) for each in hosts.values()),
            probe("127.0.0.254"),
            probe("999.1.1.1"),
            *(probe("127.0.0.254", **other) for other in BAD.values()),
            Call("Get-ExchangeServer"),
        ]
        names = [*hosts, "nobody", "no address", *BAD, "a cmdlet"]
        rig = Rig(tmp_path_factory.mktemp("probe"))
        begun = time.monotonic()
        run = rig.ask(calls, wire.CallSettings(probing=True))
        took = time.monotonic() - begun
        for each in hosts.values():
            each.ended.wait(5)
        found = dict(zip(names, replies(run, calls), strict=True))
    return {name: reply for name, reply in found.items() if reply}, hosts, took


def test_each_ends_as_it_has_to(
    probed: tuple[Mapping[str, Reply], Mapping[str, Host], float],
) -> None:
    """Bounded in time and in size, whatever comes; where it ended is said."""
    found, _, took = probed
    ends = {
        name: tuple(reply.rows[0].values[key] for key in ("Stage", "Why"))
        for name, reply in found.items()
        if reply.rows
    }

    assert ends == {
        "answers": ("done", ""),
        "speaks of several lines": ("done", ""),
        "refuses the session": ("banner", "refused"),
        "says nothing": ("banner", "timed-out"),
        "drips": ("banner", "timed-out"),
        "has no end": ("banner", "too-long"),
        "has no line ends": ("banner", "too-long"),
        "is binary": ("done", ""),
        "closes after the banner": ("reply", "closed"),
        "cuts its reply": ("reply", "closed"),
        "nobody": ("connect", "failed"),
        "no address": ("connect", "failed"),
    }
    assert found["nobody"].rows[0].values["Code"] == 10061
    assert took < 2 * SECONDS + 20  # two that wait, and the start of two processes
    assert all(len(str(row.values)) < 40_000 for each in found.values() for row in each.rows)


def test_only_ehlo_and_quit_are_on_the_wire(
    probed: tuple[Mapping[str, Reply], Mapping[str, Host], float],
) -> None:
    """No authentication, no mail; a host that does not greet hears no EHLO."""
    _, hosts, _ = probed
    heard = {name: bytes(each.heard) for name, each in hosts.items()}
    ehlo = b"EHLO ex10a.contoso.example\r\n"

    assert heard == dict.fromkeys(BEHAVIORS, b"") | {
        "answers": ehlo + b"QUIT\r\n",
        "speaks of several lines": ehlo + b"QUIT\r\n",
        "is binary": ehlo + b"QUIT\r\n",
        "refuses the session": b"QUIT\r\n",
        "closes after the banner": heard["closes after the banner"],
        "cuts its reply": heard["cuts its reply"],
    }


def test_what_came_is_kept_byte_by_byte(
    probed: tuple[Mapping[str, Reply], Mapping[str, Host], float],
) -> None:
    """As Latin-1: also what no terminal should see."""
    found, _, _ = probed
    good, binary = (found[name].rows[0].values for name in ("answers", "is binary"))

    assert (good["Banner"], good["Reply"]) == (BANNER.decode(), REPLY.decode())
    assert str(binary["Reply"]).encode("latin-1")[:256] == bytes(range(256))


@pytest.mark.parametrize("name", BAD)
def test_no_other_probe_runs(
    probed: tuple[Mapping[str, Reply], Mapping[str, Host], float], name: str
) -> None:
    """The script refuses it by itself, in the words in which the client does."""
    call = probe("127.0.0.254", **BAD[name])
    with pytest.raises(ShellError) as caught:
        check(call, probing=True)

    assert probed[0][name].fault == caught.value.fault


def test_nothing_runs_beside_a_probe(
    probed: tuple[Mapping[str, Reply], Mapping[str, Host], float],
) -> None:
    """A request for probes enters no Exchange."""
    reply = probed[0]["a cmdlet"]

    assert reply.fault == beside_probe(reply.call)


@pytest.mark.parametrize("settings", [{}, {"writing": True}], ids=["reading", "writing"])
def test_no_probe_where_that_was_not_said(tmp_path: Path, settings: Mapping[str, bool]) -> None:
    """Without the word in the settings the script knows no probe; nor does this side."""
    with host(says(BANNER, REPLY)) as made:
        call = probe(made.address)
        asked = wire.CallSettings("snapin", **settings)
        (reply,) = replies(Rig(tmp_path).ask([call], asked, PRACTICE_SNAPIN="E2010"), [call])

    assert reply is not None
    assert reply.fault is not None
    assert reply.fault.kind == "refused"
    assert made.heard == b""
    with pytest.raises(ShellError) as caught:
        check(call, **settings)
    assert reply.fault == caught.value.fault
