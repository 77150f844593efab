"""PSRP by pypsrp against the practice endpoint: log-ons, faults, deadlines, what never leaves."""

from __future__ import annotations

import logging
import socket
import threading
import time
import traceback
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from far import kdc
from far.exchange_side import ExchangeSide, FarExchange, exchange_serving
from far.side import CONNECTORS, NAME, PASSWORD, QUEUES, USER, opened, queue_row, secrets
from mailflow.errors import UsageError
from mailflow.simulated import shell_endpoint
from mailflow.simulated.shell_host import Quotas
from mailflow.simulated.soap import Trouble
from mailflow.sources import setup_faults
from mailflow.sources.psrp.options import ExchangeOptions
from mailflow.sources.psrp.shell import MOST_SESSIONS, ExchangeDoors
from mailflow.sources.remote import RemotePlace
from mailflow.sources.row import Row
from mailflow.sources.shell import KINDS, Call, Fault, ShellError
from winrm_client import recorded

AGENTS = Call("Get-TransportAgent")
SET = Call(
    "Set-ReceiveConnector",
    {"Identity": "EX16A\\Relay", "RemoteIPRanges": ("10.0.5.0/24",), "Confirm": False},
)
RETRY = Call("Retry-Queue", {"Identity": "EX10A\\14", "Confirm": False})


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeSide]:
    """A server over HTTP for all tests that leave it as it is."""
    with exchange_serving(tmp_path_factory.mktemp("plain")) as side:
        yield side


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ExchangeSide]:
    """The same with TLS."""
    with exchange_serving(tmp_path_factory.mktemp("secure"), tls=True) as side:
        yield side


# -- Log-ons ---------------------------------------------------------------------------------------


def test_log_on_over_http(plain: ExchangeSide) -> None:
    """Every letter arrives, every message is encrypted, and no session stays open."""
    begun = len(plain.endpoint.log)
    shell = plain.open()
    replies = shell.ask([QUEUES, CONNECTORS], seconds=10)
    shell.close()
    shell.close()

    assert [one.rows for one in replies] == [
        (Row(call.cmdlet, queue_row(call)[0].values, f"{call.cmdlet} on {NAME}, object 1"),)
        for call in (QUEUES, CONNECTORS)
    ]
    assert shell.way == f"session http://{NAME}/PowerShell/"
    assert plain.far.seen[-2:] == [QUEUES, CONNECTORS]
    log = [one for one in plain.endpoint.log[begun:] if one.action]
    assert [one.action for one in log][-1] == "Delete"
    assert all(one.encrypted for one in log)
    assert not plain.is_left()


@pytest.mark.parametrize("auth", ["ntlm", "basic"])
def test_log_on_over_https(secure: ExchangeSide, auth: str) -> None:
    """The certificate is checked against its authority and its name, NTLM bound to it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shell = secure.open(auth=auth)
    replies = shell.ask([QUEUES], seconds=10)
    shell.close()
    elsewhere = {"x.contoso.example": RemotePlace(secure.endpoint.address, secure.endpoint.port)}
    with pytest.raises(ShellError) as caught:
        ExchangeDoors(secure.target(auth=auth, resolve=elsewhere)).open("x.contoso.example")

    assert (len(replies[0].rows), replies[0].fault) == (1, None)
    assert secure.endpoint.log[-1].method in (auth, "")
    assert auth in {one.method for one in secure.endpoint.log}
    assert caught.value.fault.id == "tls-wrong-name"
    assert opened(secure, auth=auth, ca="").id == "tls-unknown-issuer"
    assert not secure.is_left()


def test_a_wrong_password_is_told_as_that(plain: ExchangeSide, secure: ExchangeSide) -> None:
    """For each kind that has one."""
    found = [opened(plain, password="wrong").id]  # noqa: S106 - made up
    found += [opened(secure, auth=auth, password="wrong").id for auth in ("ntlm", "basic")]  # noqa: S106

    assert found == ["wrong-password"] * 3


def test_a_kind_of_log_on_that_is_not_offered(tmp_path: Path) -> None:
    """S8.04: as on a virtual directory that nobody changed; the offer is in the message."""
    with exchange_serving(tmp_path, offer=("Kerberos",)) as side:
        found = opened(side)

    assert found.id == "auth-not-offered"
    assert "kerberos" in found.message


def test_an_account_without_a_role(tmp_path: Path) -> None:
    """S8.02: the sign-in is right, and Exchange refuses."""
    with exchange_serving(tmp_path, far=FarExchange(has_role=False)) as side:
        found = opened(side)

    assert (found.kind, found.id) == ("log-on", "exchange-refused")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"auth": "basic", "user": "a", "password": "b"}, r"exchange\+https://HOST"),
        ({"auth": "credssp", "user": "a", "password": "b"}, "kerberos, ntlm, basic"),
        ({"auth": "certificate"}, "kerberos, ntlm, basic"),
        ({"auth": "ntlm", "password": "b"}, "--user"),
        ({"auth": "ntlm", "user": "a"}, "--password-env"),
        ({"auth": "kerberos", "way": "snapin"}, "--snapin"),
    ],
)
def test_what_cannot_work_is_refused_at_once(options: dict[str, str], said: str) -> None:
    """A readable password never leaves: the next action is named instead."""
    with pytest.raises(UsageError, match=said):
        ExchangeOptions(scheme="http", **options)  # type: ignore[arg-type] # texts


def test_ways_that_do_not_lead_there(plain: ExchangeSide) -> None:
    """A closed port, a name that nobody knows, no TLS, a server without the endpoint."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = {NAME: RemotePlace("127.0.0.1", taken.getsockname()[1])}
        found = [opened(plain, resolve=closed).id]
    found += [opened(plain, resolve={}).id, opened(plain, scheme="https").id]
    plain.endpoint.shells = None
    try:
        found.append(opened(plain).id)
    finally:
        plain.endpoint.shells = plain.shells

    assert found == ["web-closed", "no-such-name", "web-not-tls", "no-endpoint"]


# -- Kerberos --------------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["", "anna@contoso.example", USER])
@pytest.mark.parametrize("password", ["", PASSWORD])
def test_log_on_by_kerberos(
    kerberos: kdc.Kdc,
    plain: ExchangeSide,
    monkeypatch: pytest.MonkeyPatch,
    user: str,
    password: str,
) -> None:
    """By the server's name, wherever `resolve` leads, and encrypted; a password needs no ticket."""
    if not password or not user:
        monkeypatch.setenv("KRB5CCNAME", kerberos.kinit("anna", PASSWORD))
    shell = plain.open(auth="kerberos", user=user, password=password if user else "")
    (reply,) = shell.ask([QUEUES], seconds=10)
    shell.close()

    assert len(reply.rows) == 1
    last = plain.endpoint.log[-1]
    assert (last.method, last.encrypted) == ("kerberos", True)


def test_kerberos_faults_are_told_apart(
    kerberos: kdc.Kdc, plain: ExchangeSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No ticket, an old one, an unknown name, a wrong password, and what the server says."""
    nobody: dict[str, object] = {"auth": "kerberos", "user": "", "password": ""}
    anna = {**nobody, "user": "anna@contoso.example", "password": "wrong"}
    found = {"none": opened(plain, **nobody).id, "wrong": opened(plain, **anna).id}
    monkeypatch.setenv("KRB5CCNAME", kerberos.kinit("anna", PASSWORD))
    away = {"other.contoso.example": RemotePlace(plain.endpoint.address, plain.endpoint.port)}
    with pytest.raises(ShellError) as caught:
        ExchangeDoors(plain.target(**nobody, resolve=away)).open("other.contoso.example")
    found["name"] = caught.value.fault.id
    for name in ("expired-ticket", "clock-skew"):
        plain.endpoint.faults.add(name)
        found[name] = opened(plain, **nobody).id
        plain.endpoint.faults.clear()
    monkeypatch.setenv("KRB5CCNAME", kerberos.kinit("anna", PASSWORD, seconds=1))
    time.sleep(2.1)
    found["old"] = opened(plain, **nobody).id

    assert found == {
        "none": "no-ticket",
        "wrong": "wrong-password",
        "name": "unknown-spn",
        "expired-ticket": "ticket-expired",
        "clock-skew": "clock-skew",
        "old": "ticket-expired",
    }


def test_a_ticket_that_expires_in_mid_session(
    kerberos: kdc.Kdc, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server takes it no more, a new session finds that it has expired: that is the reason."""
    monkeypatch.setenv("KRB5CCNAME", kerberos.kinit("anna", PASSWORD, seconds=3))
    with exchange_serving(tmp_path) as side:
        shell = side.open(auth="kerberos", user="", password="")
        time.sleep(4)
        side.endpoint.faults.add("sign-in-lost")
        begun = time.monotonic()
        replies = shell.ask([QUEUES, CONNECTORS], seconds=6)
        took = time.monotonic() - begun
        shell.close()

    assert [one.fault and one.fault.id for one in replies] == ["ticket-expired"] * 2
    assert took < 6 + 2


# -- Faults ----------------------------------------------------------------------------------------

WHILE_OPENING = {
    "deaf": "endpoint-silent",
    "silent": "endpoint-silent",
    "forbidden": "endpoint-forbids",
    "garbage": "garbage",
    "html": "no-endpoint",
    "no-access": "exchange-refused",
    "not-found": "no-endpoint",
    "redirect": "redirected",
    "shell-quota": "session-limit",
    "unavailable": "endpoint-busy",
    "wrong-state": "session-gone",
    "answer-in-the-clear": "answer-in-the-clear",
    "packed": "packed-answer",
}
WHILE_READING = {
    "cut": "dropped",
    "drip": "deadline",
    "endless": "cut-answer",
    "lost": "dropped",
    "out-of-order": "cut-answer",
    "reset": "dropped",
    "shell-gone": "session-gone",
    "sign-in-lost": "log-on-lost",
    "unavailable": "endpoint-busy",
    "unfinished": "cut-answer",
}
READABLE = {"opening": ["garbage"], "reading": ["sign-in-lost", "unavailable"]}
"""What comes in the clear over HTTP, where a status proves no more than a text (S8.80)."""
TLS_ALONE = {"answer-in-the-clear"}


@pytest.mark.alone
@pytest.mark.parametrize(
    "tls", [False, pytest.param(True, marks=pytest.mark.long)], ids=["http", "https"]
)
@pytest.mark.parametrize(
    ("name", "when"),
    [
        *((name, "opening") for name in WHILE_OPENING),
        *((name, "reading") for name in WHILE_READING),
    ],
)
def test_each_fault_ends_in_time_as_data(
    tmp_path: Path, name: str, when: str, *, tls: bool
) -> None:
    """Within the deadline and two seconds, with a reason, and no session left where it answers."""
    if tls and name in TLS_ALONE:
        return  # TLS carries the answers as they are
    with exchange_serving(tmp_path, tls=tls) as side:
        begun = time.monotonic()
        if when == "opening":
            side.endpoint.faults.add(name)
            found = opened(side, open_seconds=1.0)
        else:
            shell = side.open()
            side.endpoint.faults.add(name, action="Receive")
            replies = shell.ask([QUEUES, CONNECTORS], seconds=1.5)
            shell.close()
            assert [bool(one.fault) for one in replies] == [True, True]
            assert [one.rows for one in replies] == [(), ()]
            found = replies[0].fault or Fault("", "", "")
        took = time.monotonic() - begun
        left = side.is_left()

    expected = WHILE_OPENING if when == "opening" else WHILE_READING
    readable = dict.fromkeys([] if tls else READABLE[when], "answer-in-the-clear")
    assert found.id == {**expected, **readable}[name], found
    assert found.kind in KINDS
    assert "\n" not in found.message
    assert took < 1.5 + 2
    assert not left


@pytest.mark.parametrize("action", ["Create", "Command", "Receive", "Delete"])
def test_an_answer_in_the_clear_is_refused(tmp_path: Path, action: str) -> None:
    """S8.80: at whatever request it comes."""
    with exchange_serving(tmp_path) as side:
        side.endpoint.faults.add("answer-in-the-clear", action=action)
        if action in ("Create", "Receive"):
            found = opened(side)
        else:
            shell = side.open()
            (reply,) = shell.ask([QUEUES], seconds=10)
            shell.close()
            found = reply.fault or Fault("protocol", "answer-in-the-clear", "")
            assert (reply.fault is None) == (action == "Delete")

    assert (found.kind, found.id) == ("protocol", "answer-in-the-clear")


@pytest.mark.alone
def test_a_silent_answer_is_waited_for_once(tmp_path: Path) -> None:
    """Pypsrp asks five times more, and loses what the first answer held."""
    with exchange_serving(tmp_path) as side:
        shell = side.open()
        side.endpoint.faults.add("silent", action="Receive")
        begun = time.monotonic()
        (reply,) = shell.ask([QUEUES], seconds=1.5)
        shell.close()
        took = time.monotonic() - begun

    assert reply.fault is not None
    assert reply.fault.kind == "timed-out"
    assert side.actions.count("Receive") == 2  # that of the opening, and one
    assert took < 1.5 + 2


@pytest.mark.parametrize(
    "name",
    ["cut", "lost", "out-of-order", "reset", "shell-gone", "sign-in-lost", "unavailable"],
)
def test_a_lost_answer_is_asked_for_once_more(tmp_path: Path, name: str) -> None:
    """In a new session, from the start: nothing is taken up in the middle."""
    with exchange_serving(tmp_path) as side:
        shell = side.open()
        side.endpoint.faults.add(name, times=1, action="Receive")
        replies = shell.ask([QUEUES, CONNECTORS], seconds=10)
        shell.close()
        left = side.is_left()

    assert [one.fault for one in replies] == [None, None]
    assert [len(one.rows) for one in replies] == [1, 1]
    assert side.actions.count("Create") == 2
    assert not left


@pytest.mark.parametrize("calls", [[SET], [RETRY], [SET, CONNECTORS]])
def test_a_change_is_never_asked_for_again(tmp_path: Path, calls: list[Call]) -> None:
    """Whether it was done is for the caller to read back."""
    with exchange_serving(tmp_path) as side:
        shell = side.open(writing=True)
        side.endpoint.faults.add("reset", times=1)
        replies = shell.ask(calls, seconds=10)
        shell.close()

    assert replies[0].fault == setup_faults.fault("dropped")
    assert side.far.seen.count(calls[0]) == 1


@pytest.mark.alone
def test_a_call_that_hangs_takes_nothing_from_the_others(tmp_path: Path) -> None:
    """It is told to stop, its session is closed, and the next one is asked in another."""
    released = threading.Event()

    def answer(call: Call) -> Sequence[Row]:
        if call == QUEUES:
            released.wait(10)
        return queue_row(call)

    with exchange_serving(tmp_path, far=FarExchange(answer=answer)) as side:
        shell = side.open()
        begun = time.monotonic()
        replies = shell.ask([QUEUES, CONNECTORS], seconds=6)
        shell.close()
        took = time.monotonic() - begun
        left = side.is_left()
        released.set()

    assert [one.fault and one.fault.kind for one in replies] == ["timed-out", None]
    assert "Signal" in side.actions
    assert took < 6
    assert not left


def test_output_that_is_too_much_is_not_kept(tmp_path: Path) -> None:
    """The limit holds for what is asked for."""
    far = FarExchange(answer=lambda call: [Row(call.cmdlet, {"X": "x" * 400_000}, "")])
    with exchange_serving(tmp_path, far=far) as side:
        shell = side.open(most_bytes=100_000)
        (reply,) = shell.ask([QUEUES], seconds=5)
        shell.close()

    assert reply.fault == setup_faults.fault("endless")


def test_a_long_answer_comes_whole(tmp_path: Path) -> None:
    """In many fragments and Receives, each object in its place."""
    far = FarExchange(
        answer=lambda call: [Row(call.cmdlet, {"X": f"{n} " * 5000}, "") for n in range(60)]
    )
    with exchange_serving(tmp_path, far=far) as side:
        shell = side.open()
        (reply,) = shell.ask([QUEUES], seconds=20)
        shell.close()

    assert [str(row.values["X"]).split(" ", 1)[0] for row in reply.rows] == [
        str(number) for number in range(60)
    ]


def test_a_long_change_goes_out_whole(plain: ExchangeSide) -> None:
    """In more requests than one, where a list is longer than one carries."""
    ranges = tuple(f"10.{n >> 8}.{n & 255}.0/24" for n in range(20_000))
    change = Call(SET.cmdlet, {**SET.parameters, "RemoteIPRanges": ranges})
    shell = plain.open(writing=True)
    (reply,) = shell.ask([change], seconds=20)
    shell.close()

    assert reply.fault is None
    assert plain.far.seen[-1] == change
    assert "Send" in plain.actions


def test_few_sessions_with_one_server(tmp_path: Path) -> None:
    """S8.16: one more waits until another one is closed."""
    with exchange_serving(tmp_path, quotas=Quotas(shells=MOST_SESSIONS)) as side:
        doors = ExchangeDoors(side.target(open_seconds=2.0))
        first = [doors.open(NAME) for _ in range(MOST_SESSIONS)]
        with pytest.raises(ShellError) as caught:
            doors.open(NAME)
        first[0].close()
        doors.open(NAME).close()
        for one in first[1:]:
            one.close()
        left = side.is_left()

    assert caught.value.fault.id == "session-limit"
    assert not left


def test_a_failed_log_on_gives_its_place_back(plain: ExchangeSide) -> None:
    """More of them than may be open at once, and then one that works."""
    doors = ExchangeDoors(plain.target(open_seconds=1.0))
    plain.endpoint.faults.add("no-access", times=MOST_SESSIONS + 1)
    for _ in range(MOST_SESSIONS + 1):
        with pytest.raises(ShellError):
            doors.open(NAME)
    doors.open(NAME).close()

    assert not plain.is_left()


# -- What goes over, and what does not -------------------------------------------------------------


def test_what_is_not_allowed_never_leaves(plain: ExchangeSide) -> None:
    """RBAC is the far side's only lock here: this side refuses, and the others are asked."""
    begun, seen = len(plain.actions), len(plain.far.seen)
    shell = plain.open()
    bad = [SET, RETRY, Call("Get-Mailbox"), Call("Get-Queue", {"Wrong": "x"})]
    first = shell.ask(bad, seconds=10)
    alone = plain.actions[begun:]
    both = shell.ask([*bad, QUEUES], seconds=10)
    shell.close()

    assert [one.fault and one.fault.kind for one in first] == ["refused"] * 4
    assert alone == ["Create", "Receive"]
    assert [one.fault and one.fault.kind for one in both] == ["refused"] * 4 + [None]
    assert plain.far.seen[seen:] == [QUEUES]


def test_a_change_leaves_only_through_doors_made_for_it(plain: ExchangeSide) -> None:
    """With each value as it was given: a list as a list, $false as one, $null as none."""
    nothing = Call("Set-ReceiveConnector", {"Identity": "EX16A\\Relay", "Fqdn": None})
    shell = plain.open(writing=True)
    done = shell.ask([SET, RETRY, nothing], seconds=10)
    shell.close()

    assert [one.fault for one in done] == [None, None, None]
    assert plain.far.seen[-3:] == [SET, RETRY, nothing]


@pytest.mark.parametrize(
    ("host", "is_kept"), [("EX16A", True), ("ex16b.contoso.example", False), ("", True)]
)
def test_what_another_server_answered(tmp_path: Path, host: str, *, is_kept: bool) -> None:
    """S8.81, S8.77: agents of a server that the front end passed on to are not this one's."""

    def answer(call: Call) -> Sequence[Row]:
        if call.cmdlet == "Get-Queue" and "Server" not in call.parameters:
            return [Row("Get-Queue", {"Identity": f"{host}\\Submission"}, "")] if host else []
        return queue_row(call)

    with exchange_serving(tmp_path, far=FarExchange(answer=answer)) as side:
        shell = side.open()
        agents, queues = shell.ask([AGENTS, QUEUES], seconds=10)
        shell.close()

    assert queues.fault is None
    assert bool(agents.rows) == is_kept
    assert (agents.fault is None) == is_kept
    assert ("went on to EX16B" in shell.way) == (not is_kept)


def test_nothing_readable_is_on_the_wire(plain: ExchangeSide) -> None:
    """Over HTTP: neither the password nor a message, in any byte of both directions."""
    with recorded(plain.endpoint) as recorder:
        shell = plain.open(resolve={NAME: RemotePlace("127.0.0.1", recorder.port)})
        (reply,) = shell.ask([QUEUES], seconds=10)
        shell.close()

    assert len(reply.rows) == 1
    assert b"HTTP-SPNEGO-session-encrypted" in recorder.data
    readable = [b"Envelope", b"Get-Queue", b"Unlimited", *secrets()]
    assert [one for one in readable if one in recorder.data] == []


def test_a_server_that_repeats_the_password_is_not_quoted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault keeps its kind, and loses the words."""
    echo = Trouble(5, "w:AccessDenied", f"no role for {PASSWORD}")
    monkeypatch.setattr(shell_endpoint, "NO_ROLE", echo)
    with exchange_serving(tmp_path, far=FarExchange(has_role=False)) as side:
        found = opened(side)

    assert found == setup_faults.fault("exchange-refused")


def told_of(side: ExchangeSide) -> list[str]:
    """All that a call leaves to be read: what came, or the error with the locals of its frames."""
    try:
        shell = side.open()
        came = [repr(one) for one in shell.ask([QUEUES], seconds=3)]
        shell.close()
    except ShellError as error:
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        return [repr(error), repr(error.fault), *shown.format()]
    return came


def test_no_secret_is_written_down(
    plain: ExchangeSide,
    secure: ExchangeSide,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Canary: not in a repr, a log, an exception, its traceback with all locals, nor a message."""
    caplog.set_level(logging.DEBUG)
    written: list[str] = []
    for side in (plain, secure):
        for name in ("html", "wrong-password", "garbage", "reset", "redirect"):
            side.endpoint.faults.add(name)
            written += told_of(side)
            side.endpoint.faults.clear()
        written += [repr(side.target()), repr(vars(ExchangeDoors(side.target())))]
    out, err = capfd.readouterr()

    everything = "\n".join([*written, caplog.text, out, err]).encode("utf-8", "replace")
    assert [one for one in secrets() if one in everything] == []
    assert err == ""
