"""Each fault switch does what it says, to an unmodified pywinrm."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from xml.etree.ElementTree import ParseError

import pytest
import requests
from requests_credssp.exceptions import NTStatusException
from winrm.exceptions import (
    InvalidCredentialsError,
    WinRMTransportError,
    WSManFaultError,
)
from winrm.protocol import Protocol

from far.endpoints import FaultyEndpoint
from far.faults import Faults, describe, fault_names
from mailflow.simulated import shell_host
from mailflow.simulated.wsman import Job
from mailflow.sources import wire
from winrm_client import PASSWORD, Tls, endpoint, make_tls, protocol, run


def answer(job: Job) -> int:
    """A runner that writes two whole frames."""
    job.write(wire.frame(0, b"<Objs/>") + wire.frame(1, b"<Objs>" + b"x" * 999 + b"</Objs>"))
    job.write(wire.closing(1))
    return 0


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """An authority."""
    return make_tls(tmp_path_factory.mktemp("tls"))


def client_of(listening: FaultyEndpoint, method: str, tls: Tls) -> Protocol:
    """A client that gives up after two seconds of silence."""
    options = {"ca_trust_path": str(tls.ca)} if listening.tls else {}
    password = PASSWORD.encode() if method == "basic" else PASSWORD
    return protocol(
        listening,
        method,
        password=password,
        read_timeout_sec=2,
        operation_timeout_sec=1,
        **options,
    )


WAYS = [("http", "ntlm"), ("http", "credssp"), ("https", "basic"), ("https", "ntlm")]
BROKEN = (requests.ConnectionError, requests.exceptions.ChunkedEncodingError)


@pytest.mark.parametrize(("scheme", "method"), WAYS)
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("wrong-password", (InvalidCredentialsError, NTStatusException)),
        ("html", WinRMTransportError),
        ("not-found", WinRMTransportError),
        ("forbidden", WinRMTransportError),
        ("unavailable", WinRMTransportError),
        ("garbage", ParseError),
        ("no-access", WSManFaultError),
        ("shell-quota", WSManFaultError),
        ("shell-gone", WSManFaultError),
        ("reset", BROKEN),
        ("cut", BROKEN),
        ("lost", BROKEN),
    ],
)
def test_what_the_client_meets(
    tls: Tls,
    scheme: str,
    method: str,
    fault: str,
    expected: type[Exception] | tuple[type[Exception], ...],
) -> None:
    """The client gets the error that belongs to the fault; without it the same client works."""
    with endpoint(answer, tls=tls if scheme == "https" else None) as listening:
        listening.faults.add(fault)
        client = client_of(listening, method, tls)
        with pytest.raises(expected if isinstance(expected, tuple) else (expected,)):
            run(client, "x")
        client.transport.close_session()
        met = [entry for entry in listening.log if entry.fault == fault]
        listening.faults.clear()

        assert met
        assert run(client_of(listening, method, tls), "x").code == 0
        assert listening.service.open_shells <= 1


@pytest.mark.parametrize("method", ["ntlm", "credssp"])
def test_a_client_takes_an_answer_in_the_clear(tls: Tls, method: str) -> None:
    """S8.80: pywinrm by itself does, for encrypted requests; so whoever drives it has to look."""
    with endpoint(answer) as listening:
        listening.faults.add("answer-in-the-clear")
        outcome = run(client_of(listening, method, tls), "x")
        met = [entry for entry in listening.log if entry.fault == "answer-in-the-clear"]

    assert outcome.code == 0
    assert all(entry.encrypted for entry in met)


@pytest.mark.parametrize("method", ["ntlm", "credssp"])
def test_a_client_takes_a_packed_answer(tls: Tls, method: str) -> None:
    """Pywinrm by itself unpacks whatever comes; so whoever drives it has to look."""
    with endpoint(answer) as listening:
        listening.faults.add("packed")
        outcome = run(client_of(listening, method, tls), "x")

    assert outcome.code == 0
    assert all(entry.fault == "packed" for entry in listening.log if entry.action)


@pytest.mark.parametrize("fault", ["reset", "cut", "lost"])
def test_shell_can_be_closed_after_a_break(fault: str) -> None:
    """Over a new connection the client finds its shell still there, and closes it."""
    with endpoint(answer) as listening:
        listening.faults.add(fault)
        with pytest.raises(BROKEN):
            run(protocol(listening), "x")

        assert (listening.service.opened, listening.service.open_shells) == (1, 0)


@pytest.mark.parametrize(("fault", "is_reset"), [("reset", True), ("cut", False), ("lost", True)])
def test_how_a_connection_ends(fault: str, *, is_reset: bool) -> None:
    """It is reset, or closed in order before all that was announced is there."""
    with endpoint(answer) as listening:
        listening.faults.add(fault)
        with pytest.raises(BROKEN) as caught:
            run(protocol(listening), "x")

    assert is_reset == ("Connection reset by peer" in str(caught.value))


@pytest.mark.parametrize("case", ["http silent", "http deaf", "https deaf"])
def test_silence(tls: Tls, case: str) -> None:
    """The connection is accepted, and the client waits until its own time is over."""
    scheme, fault = case.split()
    with endpoint(answer, tls=tls if scheme == "https" else None) as listening:
        listening.faults.add(fault)
        client = client_of(listening, "ntlm", tls)
        begun = time.monotonic()
        with pytest.raises((requests.ReadTimeout, requests.ConnectTimeout)):
            run(client, "x")
        client.transport.close_session()
        seconds = time.monotonic() - begun
        _wait_for(lambda: not listening.connections)

        assert 1.9 < seconds < 4
        assert listening.service.opened == 0


def test_silence_at_one_action() -> None:
    """Only a Receive stays unanswered; the shell was opened and the command begun."""
    with endpoint(answer) as listening:
        listening.faults.add("silent", action="Receive")
        client = protocol(listening, read_timeout_sec=2, operation_timeout_sec=1)
        with pytest.raises(requests.ReadTimeout):
            run(client, "x")

        actions = [entry.action for entry in listening.log if entry.action]
        assert (actions[:2], listening.service.open_shells) == (["Create", "Command"], 0)


def test_endless_output() -> None:
    """Output comes and comes, and the command never ends."""
    with endpoint(answer) as listening:
        listening.faults.add("endless")
        client = protocol(listening)
        shell = client.open_shell()
        command = client.run_command(shell, "x")
        got = [client.get_command_output_raw(shell, command) for _ in range(20)]
        client.close_shell(shell)

    assert sum(len(out) for out, _, _, _ in got) == 20 * 60_000
    assert not any(done for _, _, _, done in got)


def test_slow_drip() -> None:
    """Bytes come often enough that no read times out, and far too slowly."""
    with ThreadPoolExecutor(1) as pool:
        with endpoint(answer) as listening:
            listening.faults.add("drip")
            client = protocol(listening, read_timeout_sec=2, operation_timeout_sec=1)
            shell = client.open_shell()
            command = client.run_command(shell, "x")
            reading = pool.submit(client.get_command_output, shell, command)
            with pytest.raises(TimeoutError):
                reading.result(2.5)
        broken = reading.exception(5)
    client.transport.close_session()

    assert broken is not None


def test_slow_drip_is_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits long enough gets the whole answer."""
    monkeypatch.setattr("far.faults.DRIP_SECONDS", 0.0)
    with endpoint(answer) as listening:
        listening.faults.add("drip")

        assert wire.read_answers(run(protocol(listening), "x").stdout).ended


def test_wrong_hash() -> None:
    """A byte of a frame is another, so that its hash tells; the rest is as it was."""
    with endpoint(answer) as listening:
        good = run(protocol(listening), "x").stdout
        listening.faults.add("wrong-hash")
        bad = run(protocol(listening), "x").stdout

    answers = wire.read_answers(bad)
    assert (set(answers.documents), answers.damaged) == (set(), {1})
    assert wire.read_answers(good).damaged == set()
    assert (len(good), 1) == (len(bad), sum(a != b for a, b in zip(good, bad, strict=True)))


def test_clock_skew_shows_in_the_date(tls: Tls) -> None:
    """The Date of each answer is 20 minutes ahead; a log-on without Kerberos works all the same."""
    with endpoint(answer, tls=tls) as listening:
        listening.faults.add("clock-skew")
        client = protocol(listening, ca_trust_path=str(tls.ca))
        assert run(client, "x").code == 0
        answered = requests.post(listening.url, verify=str(tls.ca), timeout=5)

    ahead = parsedate_to_datetime(answered.headers["Date"]) - datetime.now(UTC)
    assert timedelta(minutes=19) < ahead < timedelta(minutes=21)


def test_a_fault_can_be_counted() -> None:
    """It skips what it is told to skip, and is over after so many times."""
    with endpoint(answer) as listening:
        listening.faults.add("shell-quota", skip=1, times=1)
        client = protocol(listening)
        assert run(client, "x").code == 0
        with pytest.raises(WSManFaultError) as caught:
            run(client, "x")
        assert caught.value.wsman_fault_code == shell_host.TOO_MANY_SHELLS.code
        assert run(client, "x").code == 0
        assert listening.faults.active == ()


def test_a_fault_at_another_action() -> None:
    """A switch can be set to one action; the others are served."""
    with endpoint(answer) as listening:
        listening.faults.add("html", action="Delete")
        with pytest.raises(WinRMTransportError):
            run(protocol(listening), "x")

        assert [entry.action for entry in listening.log if entry.fault] == ["Delete"]


def test_switches() -> None:
    """Names are known and described; they can be switched off one by one or all."""
    faults = Faults()
    for name in fault_names():
        faults.add(name)
        assert describe(name).endswith(".")
    assert faults.active == fault_names()
    faults.remove("html")
    faults.remove("html")
    assert set(fault_names()) - {"html"} == set(faults.active)
    faults.clear()

    assert faults.active == ()
    with pytest.raises(KeyError):
        faults.add("no such fault")


def _wait_for(condition: Callable[[], object], seconds: float = 3) -> None:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()
