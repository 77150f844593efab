"""WinRM by an unmodified pywinrm, against the practice endpoint: log-ons, faults, deadlines."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast

import pytest

from far import faults, kdc
from far.faults import FaultKind, Visit
from far.large import large_server
from far.side import (
    CONNECTORS,
    NAME,
    PASSWORD,
    QUEUES,
    SCRIPT,
    USER,
    Far,
    Server,
    no_shell_is_left,
    opened,
    queue_row,
    secrets,
    serving,
)
from mailflow import budget
from mailflow.errors import UsageError
from mailflow.simulated.shell_host import Quotas
from mailflow.simulated.writer import answer_document
from mailflow.simulated.wsman import Job
from mailflow.sources import setup_faults, wire
from mailflow.sources.remote import RemotePlace
from mailflow.sources.row import Row
from mailflow.sources.shell import KINDS, Call, Fault, ShellError
from mailflow.sources.winrm.options import WinrmOptions
from mailflow.sources.winrm.shell import WinrmDoors, WinrmShell


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server over HTTP for all tests that leave it as it is."""
    with serving(tmp_path_factory.mktemp("plain")) as server:
        yield server


@pytest.fixture(scope="module")
def secure(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The same with TLS."""
    with serving(tmp_path_factory.mktemp("secure"), tls=True) as server:
        yield server


# -- Log-ons ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("auth", ["ntlm", "credssp"])
def test_log_on_over_http(plain: Server, auth: str) -> None:
    """Every letter arrives, every message is encrypted, and no shell stays open."""
    begun = len(plain.endpoint.log)
    shell = plain.open(auth=auth)
    replies = shell.ask([QUEUES, CONNECTORS], seconds=10)
    shell.close()
    shell.close()

    assert [one.rows for one in replies] == [
        (Row(call.cmdlet, queue_row(call)[0].values, f"{call.cmdlet} on {NAME}, object 1"),)
        for call in (QUEUES, CONNECTORS)
    ]
    assert (shell.way, shell.powershell) == ("session http://x/", "5.1")
    log = [one for one in plain.endpoint.log[begun:] if one.action]
    assert [one.action for one in log][-1] == "Delete"
    assert all(one.encrypted for one in log)
    assert no_shell_is_left(plain)


@pytest.mark.parametrize("auth", ["ntlm", "credssp", "basic", "certificate"])
def test_log_on_over_https(secure: Server, auth: str) -> None:
    """Each kind, the certificate checked against its authority and its name."""
    options: dict[str, object] = {"auth": auth}
    if auth == "certificate":
        files = {"cert": "anna.pem", "key": "anna.key"}
        options |= {name: str(secure.folder / file) for name, file in files.items()}
        options |= {"user": "", "password": ""}
    shell = secure.open(**options)
    replies = shell.ask([QUEUES], seconds=10)
    shell.close()

    assert (len(replies[0].rows), replies[0].fault) == (1, None)
    assert secure.endpoint.log[-1].method == auth
    assert no_shell_is_left(secure)


NOBODY: Mapping[str, object] = {"auth": "kerberos", "user": "", "password": ""}


@pytest.mark.parametrize("user", ["", "anna@contoso.example", USER])
def test_log_on_by_kerberos(
    kerberos: kdc.Kdc, plain: Server, monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    """By the server's name, wherever `resolve` leads, and encrypted."""
    monkeypatch.setenv("KRB5CCNAME", kerberos.kinit("anna", PASSWORD))
    shell = plain.open(**{**NOBODY, "user": user})
    replies = shell.ask([QUEUES], seconds=10)
    shell.close()

    assert len(replies[0].rows) == 1
    last = plain.endpoint.log[-1]
    assert (last.method, last.encrypted) == ("kerberos", True)


def test_kerberos_faults_are_told_apart(
    kerberos: kdc.Kdc, plain: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No ticket, an old one, an unknown name, and what the server says of time."""
    found = {"none": opened(plain, **NOBODY).id}
    monkeypatch.setenv("KRB5CCNAME", kerberos.kinit("anna", PASSWORD))
    away = {"other.contoso.example": RemotePlace(plain.endpoint.address, plain.endpoint.port)}
    target = plain.target(**{**NOBODY, "resolve": away})
    with pytest.raises(ShellError) as caught:
        WinrmDoors(target, SCRIPT).open("other.contoso.example")
    found["name"] = caught.value.fault.id
    for name in ("expired-ticket", "clock-skew"):
        plain.endpoint.faults.add(name)
        found[name] = opened(plain, **NOBODY).id
        plain.endpoint.faults.clear()
    monkeypatch.setenv("KRB5CCNAME", kerberos.kinit("anna", PASSWORD, seconds=1))
    time.sleep(2.1)
    found["old"] = opened(plain, **NOBODY).id

    assert found == {
        "none": "no-ticket",
        "name": "unknown-spn",
        "expired-ticket": "ticket-expired",
        "clock-skew": "clock-skew",
        "old": "ticket-expired",
    }


def test_a_wrong_password_is_told_as_that(plain: Server, secure: Server) -> None:
    """For each kind that has one."""
    wrong = {"password": "wrong"}
    found = [opened(plain, auth=auth, **wrong).id for auth in ("ntlm", "credssp")]
    found += [opened(secure, auth=auth, **wrong).id for auth in ("ntlm", "credssp", "basic")]

    assert found == ["wrong-password"] * 5


def test_a_kind_of_log_on_that_is_not_offered(tmp_path: Path) -> None:
    """The server's offer is in the message."""
    with serving(tmp_path, tls=True, offer=("Kerberos",)) as server:
        found = [opened(server, auth=auth) for auth in ("ntlm", "basic", "credssp")]

    assert [one.id for one in found] == ["auth-not-offered"] * 3
    assert "kerberos" in found[0].message


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"scheme": "http", "auth": "basic", "user": "a", "password": "b"}, "HTTPS"),
        ({"scheme": "http", "auth": "certificate", "cert": "a", "key": "b"}, "HTTPS"),
        ({"auth": "digest"}, "kerberos, ntlm"),
        ({"auth": "ntlm", "password": "b"}, "--user"),
        ({"auth": "ntlm", "user": "a"}, "--password-env"),
        ({"auth": "certificate", "cert": "a"}, "--key"),
    ],
)
def test_what_cannot_work_is_refused_at_once(options: dict[str, str], said: str) -> None:
    """A readable password never leaves: the next action is named instead."""
    with pytest.raises(UsageError, match=said):
        WinrmOptions(**options)  # type: ignore[arg-type] # texts


# -- Where to, and verified by what ----------------------------------------------------------------


def test_a_resolved_name_is_never_looked_up(
    secure: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`resolve` says where to connect; the name stays the server's, for its certificate."""
    real, asked = socket.getaddrinfo, []

    def watched(host: str, *rest: object, **more: object) -> object:
        asked.append(host)
        return real(host, *rest, **more)  # type: ignore[arg-type] # passed on as it came

    monkeypatch.setattr(socket, "getaddrinfo", watched)
    shell = secure.open()
    replies = shell.ask([QUEUES], seconds=10)
    shell.close()

    assert replies[0].fault is None
    assert set(asked) == {"127.0.1.1"}


@pytest.mark.parametrize(
    ("resolved", "asked", "is_found"),
    [
        ("ex16a.contoso.example", "EX16A.contoso.example.", True),
        ("ex16a.contoso.example", "ex16a", True),
        ("ex16a", "ex16a.contoso.example", True),
        ("ex16a.contoso.example", "ex16a.fabrikam.example", False),
        ("ex16a.contoso.example", "ex16", False),
    ],
)
def test_which_names_resolve_speaks_of(resolved: str, asked: str, is_found: bool) -> None:
    """S4.32: short or full, in any case; two full names are the same only if they are equal."""
    target = WinrmOptions(auth="kerberos", resolve={resolved: RemotePlace("127.0.0.1")})

    assert (target.place(asked) is not None) == is_found


def test_certificates_are_verified(secure: Server, tmp_path: Path) -> None:
    """An issuer nobody knows, another's name, and no TLS at all, each told apart."""
    here = {"other.contoso.example": RemotePlace(secure.endpoint.address, secure.endpoint.port)}
    with pytest.raises(ShellError) as caught:
        WinrmDoors(secure.target(resolve=here), SCRIPT).open("other.contoso.example")
    with serving(tmp_path) as readable:
        no_tls = opened(readable, scheme="https")

    assert caught.value.fault.id == "tls-wrong-name"
    assert opened(secure, ca="").id == "tls-unknown-issuer"
    assert no_tls.id == "not-tls"


def test_the_environment_has_no_say(
    secure: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither a proxy, nor another bundle of authorities, nor a log-on is taken from it."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", os.devnull)
    monkeypatch.setenv("CURL_CA_BUNDLE", "/nowhere")
    (tmp_path / "netrc").write_text(f"machine {NAME} login x password y\n", "ascii")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    files = {"cert": str(secure.folder / "anna.pem"), "key": str(secure.folder / "anna.key")}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # pywinrm warns when it takes something from there
        secure.open().close()
        secure.open(auth="certificate", user="", password="", **files).close()

    assert no_shell_is_left(secure)


def test_ways_that_do_not_lead_there(plain: Server) -> None:
    """A closed port, a name that nobody knows."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        closed = {NAME: RemotePlace("127.0.0.1", taken.getsockname()[1])}
        found = opened(plain, resolve=closed)
    unknown = opened(plain, resolve={})

    assert (found.kind, found.id) == ("unreachable", "port-closed")
    assert (unknown.kind, unknown.id) == ("unreachable", "no-such-name")


# -- Faults ----------------------------------------------------------------------------------------

WHILE_OPENING = {
    "deaf": "silent",
    "silent": "silent",
    "forbidden": "forbidden",
    "garbage": "garbage",
    "html": "not-winrm",
    "no-access": "access-denied",
    "not-found": "not-winrm",
    "shell-quota": "shell-quota",
    "unavailable": "server-busy",
}
WHILE_READING = {
    "cut": "dropped",
    "drip": "deadline",
    "endless": "endless",
    "lost": "dropped",
    "reset": "dropped",
    "shell-gone": "shell-gone",
}


@pytest.mark.alone
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("name", [*WHILE_OPENING, *WHILE_READING])
def test_each_fault_ends_in_time_as_data(tmp_path: Path, name: str, *, tls: bool) -> None:
    """Within the deadline and two seconds, with a reason, and no shell left where it answers."""
    with serving(tmp_path, tls=tls) as server:
        server.endpoint.faults.add(name)
        begun = time.monotonic()
        if name in WHILE_OPENING:
            found = opened(server, open_seconds=1.0)
        else:
            shell = server.open()
            replies = shell.ask([QUEUES, CONNECTORS], seconds=1.5)
            shell.close()
            assert [bool(one.fault) for one in replies] == [True, True]
            found = replies[1].fault or Fault("", "", "")
        took = time.monotonic() - begun
        left = not no_shell_is_left(server)

    in_the_clear = {} if tls else {"garbage": "answer-in-the-clear"}
    assert found.id == {**WHILE_OPENING, **WHILE_READING, **in_the_clear}[name]
    assert found.kind in KINDS
    assert "\n" not in found.message
    assert took < 1.5 + 2
    assert not left


@pytest.mark.parametrize("auth", ["ntlm", "credssp"])
@pytest.mark.parametrize("action", ["Create", "Send", "Receive"])
def test_an_answer_in_the_clear_is_refused(tmp_path: Path, auth: str, action: str) -> None:
    """S8.80: at whatever request it comes, and with an id and an action of its own."""
    with serving(tmp_path) as server:
        server.endpoint.faults.add("answer-in-the-clear", action=action)
        if action == "Create":
            found = opened(server, auth=auth)
        else:
            shell = server.open(auth=auth)
            (reply,) = shell.ask([QUEUES], seconds=10)
            shell.close()
            assert reply.rows == ()
            found = reply.fault or Fault("", "", "")

    assert (found.kind, found.id) == ("protocol", "answer-in-the-clear")
    assert found.message.endswith("HTTP 200")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, "application/soap+xml;charset=UTF-8"),
        (200, 'multipart/mixed;boundary="x"'),
        (200, "multipart/encrypted;protocol=none"),
        (200, 'text/xml;protocol="application/HTTP-SPNEGO-session-encrypted"'),
        (401, "text/html"),
        (500, "application/soap+xml;charset=UTF-8"),
    ],
)
def test_no_status_and_no_half_of_a_type_makes_it_an_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, kind: str
) -> None:
    """S8.80: only what pywinrm decrypts is read; a refusal in the clear proves nothing either."""

    def lies(visit: Visit) -> bool:
        visit.give_plain(status, b"<a/>", kind)
        return True

    monkeypatch.setattr(faults, "KINDS", {"lie": FaultKind("Lies.", "answer", lies)})
    with serving(tmp_path) as server:
        server.endpoint.faults.add("lie")
        found = opened(server)

    assert found.id == "answer-in-the-clear"
    assert found.message.endswith(f"HTTP {status}")


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("action", ["Create", "Send", "Receive"])
def test_a_packed_answer_is_refused(tmp_path: Path, action: str, *, tls: bool) -> None:
    """At whatever request it comes: nothing is unpacked that could unfold to anything."""
    with serving(tmp_path, tls=tls) as server:
        server.endpoint.faults.add("packed", action=action)
        if action == "Create":
            found = opened(server)
        else:
            shell = server.open()
            (reply,) = shell.ask([QUEUES], seconds=10)
            shell.close()
            assert reply.rows == ()
            found = reply.fault or Fault("", "", "")

    assert (found.kind, found.id) == ("protocol", "packed-answer")
    assert found.message.endswith("HTTP 200")


def test_over_tls_answers_are_in_the_clear(tmp_path: Path) -> None:
    """TLS carries requests and answers as they are."""
    with serving(tmp_path, tls=True) as server:
        server.endpoint.faults.add("answer-in-the-clear")
        shell = server.open()
        (reply,) = shell.ask([QUEUES], seconds=10)
        shell.close()

    assert reply.fault is None


@pytest.mark.parametrize("name", ["cut", "lost", "reset", "shell-gone"])
def test_a_lost_answer_is_asked_for_once_more(tmp_path: Path, name: str) -> None:
    """In a new shell, from the start: nothing is taken up in the middle."""
    with serving(tmp_path) as server:
        server.endpoint.faults.add(name, times=1)
        shell = server.open()
        replies = shell.ask([QUEUES, CONNECTORS], seconds=10)
        shell.close()
        left = not no_shell_is_left(server)

    assert [one.fault for one in replies] == [None, None]
    assert server.actions.count("Create") == 2
    assert not left


class Damaging(Far):
    """Alters a letter in the first answer of its first run."""

    def __call__(self, job: Job) -> int:
        """Run one command line."""
        return super().__call__(job if self.lines else cast("Job", _Altered(job)))


class _Altered:
    """A job of which the first answer goes out with another letter at its end."""

    def __init__(self, job: Job) -> None:
        self._job = job

    def __getattr__(self, name: str) -> object:
        return getattr(self._job, name)

    def write(self, data: bytes, stream: str = "stdout") -> None:
        if data.startswith(b"#mailflow begin 1 "):
            data = data.replace(b"H4sI", b"H4sJ")  # how every gzip begins in base64
        self._job.write(data, stream)


def test_only_what_is_missing_is_asked_again(tmp_path: Path) -> None:
    """A frame with a wrong hash is thrown away; the whole ones are good."""
    with serving(tmp_path, far=Damaging()) as server:
        shell = server.open()
        replies = shell.ask([QUEUES, CONNECTORS], seconds=10)
        shell.close()

    assert [one.fault for one in replies] == [None, None]
    assert [calls for _, calls in server.far.seen] == [[QUEUES, CONNECTORS], [QUEUES]]


def test_a_lost_answer_is_not_asked_for_a_third_time(tmp_path: Path) -> None:
    """Twice is enough; and without time left not even that."""
    with serving(tmp_path) as server:
        server.endpoint.faults.add("reset")
        shell = server.open()
        long = shell.ask([QUEUES], seconds=10)
        made = server.actions.count("Create")
        shell.ask([QUEUES], seconds=1)

    assert long[0].fault == setup_faults.fault("dropped")
    assert (made, server.actions.count("Create")) == (2, 3)


def test_a_call_that_hangs_ends_at_the_deadline(tmp_path: Path) -> None:
    """The endpoint still answers, so the shell is closed; calls before it have their answers."""
    released = threading.Event()

    def answer(call: Call) -> Sequence[Row]:
        if call == CONNECTORS:
            released.wait(10)
        return queue_row(call)

    with serving(tmp_path, far=Far(answer=answer)) as server:
        shell = server.open()
        begun = time.monotonic()
        replies = shell.ask([QUEUES, CONNECTORS], seconds=2.5)
        shell.close()
        took = time.monotonic() - begun
        left = not no_shell_is_left(server)
        released.set()

    assert [one.fault for one in replies] == [None, setup_faults.fault("deadline")]
    assert took < 2.5 + 2
    assert not left
    # The server was given the time to say that there is nothing: the line stayed in order, and
    # nobody had to log on again to close the shell.
    assert server.actions[-2:] == ["Receive", "Delete"]
    assert [one.status for one in server.endpoint.log].count(401) == 2


@pytest.mark.parametrize(("calls", "seconds"), [(1, 8), (2, 4)])
def test_a_call_may_not_use_up_the_time_of_the_others(
    plain: Server, calls: int, seconds: int
) -> None:
    """The far side gives up first, so that it can still say which one hung."""
    shell = plain.open()
    shell.ask([QUEUES] * calls, seconds=10.5)
    shell.close()

    assert plain.far.seen[-1][0].seconds == seconds


@pytest.mark.alone
def test_a_name_service_that_hangs_ends_at_the_deadline(
    plain: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing in Python can stop it; its thread is left behind."""
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait(20) and [])
    begun = time.monotonic()
    found = opened(plain, resolve={}, open_seconds=0.5)
    took = time.monotonic() - begun
    released.set()

    assert found.kind == "timed-out"
    assert took < 2


def test_output_that_is_too_much_is_not_kept(tmp_path: Path) -> None:
    """The limit holds for what is asked for."""
    far = Far(answer=lambda call: [Row(call.cmdlet, {"X": os.urandom(200_000).hex()}, "")])
    with serving(tmp_path, far=far) as server:
        shell = server.open(most_bytes=100_000)
        replies = shell.ask([QUEUES], seconds=5)
        shell.close()

    assert replies[0].fault == setup_faults.fault("endless")


@pytest.mark.parametrize("ranges", [0, 100])
def test_a_large_answer_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ranges: int
) -> None:
    """Its objects take far more memory than the packed bytes in which they come.

    Connectors without ranges of their own are alike, and pack to least. The memory that every
    answer may take is taken away, so that few connectors stand for many.
    """
    rows = large_server(60, ranges)
    monkeypatch.setattr(budget, "LEAST_MEMORY", 2**18)
    with serving(tmp_path, far=Far(answer=lambda _: rows)) as server:
        shell = server.open()
        (reply,) = shell.ask([CONNECTORS], seconds=30)
        shell.close()

    assert reply.fault is None
    assert [row.values for row in reply.rows] == [row.values for row in rows]


@pytest.mark.parametrize(
    ("padding", "said"),
    [
        (b" " * 10**6, "unpacks to more than 300 times its size; no cmdlet's output does"),
        (b'<Obj RefId="9"><MS /></Obj>' * 400_000, "many objects, run Collect-MailFlow.ps1 on it"),
    ],
)
def test_an_answer_that_unfolds_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, padding: bytes, said: str
) -> None:
    """It is missing data that says what to do; the other answers of its round are read."""
    monkeypatch.setattr(budget, "LEAST_MEMORY", 2**25)
    bomb = answer_document(wire.head_values(), []).replace(b"</Objs>", padding + b"</Objs>")
    far = Far(answer=lambda call: bomb if call == CONNECTORS else queue_row(call))
    with serving(tmp_path, far=far) as server:
        shell = server.open()
        connectors, queues = shell.ask([CONNECTORS, QUEUES], seconds=30)
        shell.close()

    assert connectors.fault is not None
    assert connectors.fault.message.startswith(f"Get-ReceiveConnector on {NAME}: ")
    assert said in connectors.fault.message
    assert (connectors.fault.kind, connectors.rows) == ("protocol", ())
    assert len(queues.rows) == 1


def test_a_quota_of_shells_is_told_as_that(tmp_path: Path) -> None:
    """And a shell that was closed counts no more."""
    with serving(tmp_path, quotas=Quotas(shells=1)) as server:
        first = server.open()
        found = opened(server)
        first.close()
        server.open().close()

    assert (found.kind, found.id) == ("quota", "shell-quota")


def test_many_calls_in_one_shell(tmp_path: Path) -> None:
    """Each process is cleaned up: WinRM counts those that ended, too."""
    with serving(tmp_path, quotas=Quotas(commands=2)) as server:
        shell = server.open()
        faults = [shell.ask([QUEUES], seconds=10)[0].fault for _ in range(6)]
        shell.close()

    assert faults == [None] * 6


def test_many_servers_at_once(plain: Server) -> None:
    """A connection for each: shared ones break, and have been seen to send readable text."""
    doors, found = WinrmDoors(plain.target(), SCRIPT), []

    def one() -> None:
        shell = doors.open(NAME)
        found.append(shell.ask([QUEUES], seconds=20)[0].fault)
        shell.close()

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert found == [None] * 8
    assert no_shell_is_left(plain)


def test_a_shell_that_nobody_closes_closes_by_itself(plain: Server) -> None:
    """Its idle time-out is the one we asked for, and WinRM takes no less than a minute."""
    shells = [plain.open(idle_seconds=seconds) for seconds in (90, 10)]
    idle = [one.idle for one in plain.endpoint.service._shells.values()]
    for one in shells:
        one.close()

    assert sorted(idle) == [60, 90]


# -- What goes over, and what does not -------------------------------------------------------------


def test_what_is_not_allowed_never_leaves(plain: Server) -> None:
    """Refused on this side, whoever asks; the others are asked."""
    begun = len(plain.actions)
    shell = plain.open()
    writing = Call("Set-ReceiveConnector", {"Identity": "EX16A\\Relay"})
    first = shell.ask([writing], seconds=10)
    alone = plain.actions[begun:]
    both = shell.ask([writing, QUEUES], seconds=10)
    shell.close()

    assert [one.fault.kind for one in first if one.fault] == ["refused"]
    assert alone == ["Create"]
    assert [one.fault and one.fault.kind for one in both] == ["refused", None]
    assert plain.far.seen[-1][1] == [QUEUES]


SET = Call(
    "Set-ReceiveConnector",
    {"Identity": "EX16A\\Relay", "RemoteIPRanges": ("10.0.5.0/24",), "Confirm": False},
)
RETRY = Call("Retry-Queue", {"Identity": "EX10A\\14", "Confirm": False})


def writing(server: Server) -> WinrmShell:
    """A shell behind doors that were made for changes."""
    return WinrmDoors(server.target(), SCRIPT, writing=True).open(NAME)


def test_a_change_leaves_only_through_doors_made_for_it(plain: Server) -> None:
    """With each value as it was given, and told to the far side as a change."""
    shell, reading = writing(plain), plain.open()
    done = [one for call in (SET, RETRY) for one in shell.ask([call], seconds=10)]
    seen = plain.far.seen[-2:]
    refused = reading.ask([SET, RETRY], seconds=10)
    shell.close()
    reading.close()

    assert [one.fault for one in done] == [None, None]
    assert [(settings.writing, calls) for settings, calls in seen] == [
        *((True, [SET]), (True, [RETRY])),
    ]
    assert [one.fault.kind for one in refused if one.fault] == ["refused", "refused"]
    assert plain.far.seen[-2:] == seen


def test_who_may_change_says_so_only_with_a_change(plain: Server) -> None:
    """What only reads is asked as if nothing else could be, and what is refused leaves no trace."""
    shell = writing(plain)
    other = Call("Set-ReceiveConnector", {**SET.parameters, "Banner": "220 x"})
    replies = shell.ask([QUEUES, other], seconds=10)
    shell.close()

    assert [one.fault and one.fault.kind for one in replies] == [None, "refused"]
    assert plain.far.seen[-1][1] == [QUEUES]
    assert plain.far.seen[-1][0].writing is False


@pytest.mark.parametrize("calls", [[SET], [RETRY], [SET, CONNECTORS]])
def test_a_change_is_never_asked_for_again(tmp_path: Path, calls: list[Call]) -> None:
    """Where the answer was lost it may have been done: that is for the caller to read back."""
    with serving(tmp_path, far=Damaging()) as server:
        shell = writing(server)
        replies = shell.ask(calls, seconds=10)
        shell.close()

    assert replies[0].fault == setup_faults.fault("cut-answer")
    assert [asked for _, asked in server.far.seen] == [calls]


def test_a_refused_change_does_not_keep_what_reads_from_being_asked_again(tmp_path: Path) -> None:
    """It never left."""
    with serving(tmp_path, far=Damaging()) as server:
        shell = server.open()
        replies = shell.ask([QUEUES, SET], seconds=10)
        shell.close()

    assert [one.fault and one.fault.kind for one in replies] == [None, "refused"]
    assert [asked for _, asked in server.far.seen] == [[QUEUES], [QUEUES]]


PROBE = Call(
    "Send-Ehlo",
    {"Address": "10.0.0.21", "Port": 25, "Hello": "ex10a.contoso.example", "Seconds": 5},
)


def test_a_probe_leaves_only_through_doors_made_for_it(plain: Server) -> None:
    """Told to the far side as one, and without a password: it enters no Exchange."""
    shell, reading, changing = (
        WinrmDoors(plain.target(), SCRIPT, probing=True).open(NAME),
        plain.open(),
        writing(plain),
    )
    shell.ask([PROBE], seconds=10)
    settings, calls = plain.far.seen[-1]
    begun = len(plain.far.seen)
    refused = [each for other in (reading, changing) for each in other.ask([PROBE], seconds=10)]
    for each in (shell, reading, changing):
        each.close()

    assert (settings.probing, settings.writing, calls) == (True, False, [PROBE])
    assert (settings.user, settings.password) == ("", "")
    assert [each.fault.kind for each in refused if each.fault] == ["refused", "refused"]
    assert len(plain.far.seen) == begun


def test_who_may_probe_reads_by_itself_and_changes_nothing(plain: Server) -> None:
    """Beside a probe other calls are refused; alone they read as through any other doors."""
    shell = WinrmDoors(plain.target(), SCRIPT, probing=True).open(NAME)
    both = shell.ask([QUEUES, PROBE, SET], seconds=10)
    beside = plain.far.seen[-1][1]
    alone = shell.ask([QUEUES, SET], seconds=10)
    shell.close()

    assert [each.fault and each.fault.kind for each in both] == ["refused", None, "refused"]
    assert beside == [PROBE]
    assert [each.fault and each.fault.kind for each in alone] == [None, "refused"]
    assert plain.far.seen[-1][0].probing is False


def test_a_probe_is_never_asked_for_again(tmp_path: Path) -> None:
    """Where its answer was lost it is missing: nobody is sent EHLO twice."""
    with serving(tmp_path, far=Damaging()) as server:
        shell = WinrmDoors(server.target(), SCRIPT, probing=True).open(NAME)
        (reply,) = shell.ask([PROBE], seconds=10)
        shell.close()

    assert reply.fault == setup_faults.fault("cut-answer")
    assert [asked for _, asked in server.far.seen] == [[PROBE]]


def test_powershell_is_started_without_cmd(plain: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """In UTF-8, its standard input no console, and no cmd.exe whose line ends at 8,191."""
    from winrm.protocol import Protocol

    options: dict[str, object] = {}
    for name in ("open_shell", "run_command"):
        real = getattr(Protocol, name)

        def noted(*args: object, real: Callable[..., str] = real, **more: object) -> str:
            options.update(more)
            return real(*args, **more)

        monkeypatch.setattr(Protocol, name, noted)
    shell = plain.open()
    shell.ask([QUEUES], seconds=10)
    shell.close()

    assert options.pop("idle_timeout")
    assert options == {"codepage": 65001, "console_mode_stdin": False, "skip_cmd_shell": True}
    assert plain.far.lines[-1].startswith("powershell.exe -NoLogo -NoProfile -NonInteractive")


def test_a_long_script_goes_in_pieces(tmp_path: Path) -> None:
    """The envelope of WinRM 2.0 ends at 150 kB."""
    script = SCRIPT + "#" * 250_000
    seen: list[str] = []
    far = Far()
    far.check_script = seen.append
    with serving(tmp_path, far=far, quotas=Quotas(envelope=150_000)) as server:
        shell = WinrmDoors(server.target(), script).open(NAME)
        replies = shell.ask([QUEUES], seconds=10)
        shell.close()

    assert replies[0].fault is None
    assert seen == [script]
    assert server.actions.count("Send") == 3


@pytest.mark.parametrize(
    ("options", "goes"),
    [
        ({}, True),
        ({"auth": "credssp", "forwards": True}, False),
        ({"way": "snapin"}, False),
    ],
)
def test_a_password_goes_where_the_log_on_cannot(
    plain: Server, options: dict[str, object], goes: bool
) -> None:
    """S8.23: as data on standard input, and only where the log-on itself does not go on."""
    shell = plain.open(**options)
    shell.ask([QUEUES], seconds=10)
    shell.close()

    settings, _ = plain.far.seen[-1]
    assert (settings.user, settings.password) == ((USER, PASSWORD) if goes else ("", ""))
    assert not any(one.decode("latin-1") in plain.far.lines[-1] for one in secrets())


def test_2007_is_entered_by_the_snap_in(plain: Server) -> None:
    """S8.21: it has no endpoint; only for the server that was named."""
    doors = WinrmDoors(plain.target(), SCRIPT)
    doors.use_snapin(NAME.upper())
    shell = doors.open(NAME)
    shell.ask([QUEUES], seconds=10)
    shell.close()

    assert plain.far.seen[-1][0].way == "snapin"


@pytest.mark.parametrize("kind", ["log-on", "denied", "double-hop"])
def test_a_log_on_that_may_not_go_on_is_told_as_that(tmp_path: Path, kind: str) -> None:
    """S8.23: a certificate ends at the server; with a password it is the account's fault."""
    far = Far(hello=Fault(kind, "AccessDenied", "Access is denied."))
    with serving(tmp_path, tls=True, far=far) as server:
        files = {"cert": str(tmp_path / "anna.pem"), "key": str(tmp_path / "anna.key")}
        found = []
        options: dict[str, object] = {"auth": "certificate", "user": "", "password": "", **files}
        for one in (options, {}):
            shell = server.open(**one)
            found.append(shell.ask([QUEUES, CONNECTORS], seconds=10))
            shell.close()

    first = found[0][1].fault
    assert first is not None
    assert (first.kind, first.id) == ("double-hop", "double-hop")
    assert "Access is denied" in first.message
    assert [one.fault for one in found[1]] == [far.hello] * 2


@pytest.mark.parametrize(
    ("stderr", "identity"),
    [
        ('#< CLIXML\n<Objs><S S="Error">x (MethodInvocationNotSupportedInConstrainedLanguage',
         "script-blocked"),
        ("'powershell.exe' is not recognized as an internal or external command", "no-powershell"),
        ("mailflow: the script was damaged on its way", "cut-answer"),
        ('<S S="Error">something_x000D__x000A_</S><S S="Error"> &lt;else&gt;</S>', "cut-answer"),
    ],
)  # fmt: skip
def test_why_powershell_gave_no_answer(tmp_path: Path, stderr: str, identity: str) -> None:
    """What it wrote as an error tells."""
    with serving(tmp_path, far=Far(stderr=stderr, exit_early=True)) as server:
        shell = server.open()
        found = shell.ask([QUEUES], seconds=2)[0].fault
        shell.close()

    assert found is not None
    assert found.id == identity
    assert "<else>" in found.message or "else" not in stderr


def test_no_secret_is_written_down(
    plain: Server,
    secure: Server,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Canary: not in a repr, a log, an exception, its traceback with all locals, nor a message."""
    caplog.set_level(logging.DEBUG)
    written: list[str] = []
    for server in (plain, secure):
        for name in ("html", "wrong-password", "garbage", "reset"):
            server.endpoint.faults.add(name)
            try:
                shell = server.open()
                written += [repr(one) for one in shell.ask([QUEUES], seconds=3)]
                shell.close()
            except ShellError as error:
                shown = traceback.TracebackException.from_exception(error, capture_locals=True)
                written += [repr(error), repr(error.fault), *shown.format()]
            server.endpoint.faults.clear()
        written += [repr(server.target()), repr(vars(WinrmDoors(server.target(), SCRIPT)))]
    out, err = capfd.readouterr()

    everything = "\n".join([*written, caplog.text, out, err]).encode("utf-8", "replace")
    assert [one for one in secrets() if one in everything] == []
    assert err == ""
