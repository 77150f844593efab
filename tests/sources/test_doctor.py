"""The checks on the way to a live organisation, each fault with its id, cause and next action."""

from __future__ import annotations

import errno
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from far.endpoints import FaultyEndpoint, FaultyEndpoints, serve
from far.side import NAME, PASSWORD, SCRIPT, Far, Server, no_shell_is_left, serving
from mailflow import plain
from mailflow.exchange import servers
from mailflow.simulated.endpoint import ListeningPlace
from mailflow.simulated.endpoints import PASSWORD as VARIABLE
from mailflow.simulated.practice import Practice
from mailflow.simulated.tls import ServerTls
from mailflow.sources.collect import calls_for
from mailflow.sources.credentials import LiveOptions, target_to_look_at
from mailflow.sources.doctor import (
    TITLES,
    Certificate,
    DoctorCheck,
    Greeting,
    doctor,
    exit_code,
    of_clock,
    of_exchange,
    of_name,
    of_others,
    of_port,
    of_powershell,
    of_rights,
    of_route,
    of_service,
    of_tls,
    probes,
    read_certificate,
    read_greeting,
    words,
)
from mailflow.sources.remote import RemotePlace
from mailflow.sources.setup_faults import CAUSES, fault
from mailflow.sources.shell import Call, Fault, Reply
from mailflow.sources.winrm.options import WinrmOptions
from mailflow.sources.winrm.shell import WinrmDoors

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
OFFERS = frozenset({"negotiate", "basic"})


def ids(checks: Sequence[DoctorCheck]) -> list[str]:
    """The ids of the faults."""
    return [one.id for one in checks if one.state == "fault"]


def examined(server: Server, **changes: object) -> list[DoctorCheck]:
    """The whole of the checks of one server."""
    target = server.target(**changes)
    return doctor(WinrmDoors(target, SCRIPT), target, NAME)


# -- Against real endpoints ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def practice() -> Iterator[tuple[FaultyEndpoints, WinrmOptions]]:
    """The article's organisation over HTTPS, and how its engineer logs on."""
    with serve(Practice.begin("article"), https=True) as endpoints:
        resolve = {
            one.exchange.fqdn: RemotePlace(endpoints.addresses[one.name], endpoints.port)
            for one in endpoints.practice.organisation.servers
        }
        target = WinrmOptions(
            user="CONTOSO\\engineer",
            password=endpoints.env[VARIABLE],
            ca=str(endpoints.ca),
            trust=("contoso.example",),
            resolve=resolve,
        )
        yield endpoints, target


def test_where_all_is_well_all_checks_pass(practice: tuple[FaultyEndpoints, WinrmOptions]) -> None:
    """In their order, each with what was seen; no shell stays open."""
    endpoints, target = practice
    script = "# any\n"
    found = doctor(WinrmDoors(target, script), target, "ex16a.contoso.example")
    shells = [one.service.open_shells for one in endpoints.all]

    assert [one.step for one in found] == list(TITLES)
    assert [one.state for one in found] == ["ok"] * len(TITLES)
    assert all(one.seen for one in found)
    assert (exit_code(found), shells) == (0, [0] * len(shells))


def test_an_old_server_cannot_show_newer_ones(
    practice: tuple[FaultyEndpoints, WinrmOptions],
) -> None:
    """S8.43: everything works there, and the newer ones have to be reached too: a note."""
    _, target = practice
    found = doctor(WinrmDoors(target, "# any\n"), target, "ex10a.contoso.example")

    assert ids(found) == []
    assert (found[-1].state, found[-1].id) == ("note", "older-than-others")
    assert exit_code(found) == 0


@pytest.mark.parametrize("https", [True, False])
def test_without_a_user_the_way_is_checked(tmp_path: Path, *, https: bool) -> None:
    """Name, route, port, TLS, service and clock; then it says what is missing, and RootSDDL."""
    with serving(tmp_path, tls=https) as server:
        options = LiveOptions(
            ca=str(tmp_path / "ca.pem") if https else "",
            resolve=(f"{NAME}={server.endpoint.address}:{server.endpoint.port}",),
        )
        target = target_to_look_at(options, scheme="https" if https else "http", entry=NAME)
        found = doctor(None, target, NAME, why_not="no user was named")
        tried = [one for one in server.endpoint.log if one.method or one.action]

    states = {one.step: one.state for one in found}
    assert [states[one] for one in ("name", "route", "port", "service", "clock")] == ["ok"] * 5
    assert states["tls"] == ("ok" if https else "skipped")
    assert (states["log-on"], states["shell"], states["others"]) == (
        "unknown", "skipped", "skipped",
    )  # fmt: skip
    assert exit_code(found) == 2
    assert "no user was named" in words(found)
    assert "RootSDDL" in words(found)
    assert tried == []


@pytest.mark.parametrize(
    ("name", "step", "identity"),
    [
        ("silent", "service", "silent"),
        ("forbidden", "service", "forbidden"),
        ("html", "service", "not-winrm"),
        ("not-found", "service", "not-winrm"),
        ("unavailable", "service", "server-busy"),
        ("no-access", "log-on", "access-denied"),
        ("shell-quota", "shell", "shell-quota"),
        ("endless", "powershell", "endless"),
        ("reset", "powershell", "dropped"),
    ],
)
def test_faults_of_the_endpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, step: str, identity: str
) -> None:
    """Each ends at its own step; what lies behind is skipped, what lies before was well."""
    monkeypatch.setattr("mailflow.sources.doctor.STEP_SECONDS", 0.5)
    monkeypatch.setattr("mailflow.sources.doctor.CALLS_SECONDS", 4)
    with serving(tmp_path) as server:
        server.endpoint.faults.add(name)
        found = examined(server)
        left = not no_shell_is_left(server)

    assert ids(found) == [identity]
    at = list(TITLES).index(step)
    assert found[at].id == identity
    assert {one.state for one in found[:at]} <= {"ok", "skipped"}
    assert {one.state for one in found[at + 1 :]} == {"skipped"}
    assert not left


def test_what_is_wrong_with_a_log_on(tmp_path: Path) -> None:
    """A wrong password, a kind that is not offered, and clocks that differ."""
    with serving(tmp_path, tls=True, offer=("Negotiate",)) as server:
        wrong = {"password": "wrong"}
        found = [ids(examined(server, **wrong)), ids(examined(server, auth="basic"))]
        server.endpoint.faults.add("clock-skew")
        found += [ids(examined(server))]
        kerberos = examined(server, auth="kerberos", user="", password="")

    assert found[:2] == [["wrong-password"], ["auth-not-offered"]]
    assert found[2] == []
    assert ids(kerberos)[0] == "clock-skew"
    assert "20 min ahead" in next(one.seen for one in kerberos if one.step == "clock")


def test_what_powershell_and_exchange_refuse(tmp_path: Path) -> None:
    """A policy against scripts, no Exchange there, a refused account, a log-on that ends there."""
    blocked = "... MethodInvocationNotSupportedInConstrainedLanguage"
    files = {"cert": str(tmp_path / "anna.pem"), "key": str(tmp_path / "anna.key")}
    nobody: dict[str, object] = {"auth": "certificate", "user": "", "password": "", **files}
    no_exchange = Far(hello=Fault("no-exchange", "CannotConnect", "cannot connect"))
    refused = Far(hello=Fault("log-on", "AccessDenied", "Access is denied."))
    cases: list[tuple[Far, dict[str, object]]] = [
        (Far(stderr=blocked, exit_early=True), {}),
        (no_exchange, {}),
        (refused, {}),
        (refused, nobody),
    ]
    found = []
    for far, options in cases:
        with serving(tmp_path, tls=True, far=far) as server:
            found.append(ids(examined(server, **options)))

    assert found == [
        ["script-blocked"],
        ["exchange-not-found"],
        ["exchange-refused"],
        ["double-hop"],
    ]


def test_rights_that_are_missing(tmp_path: Path) -> None:
    """8.8: the cmdlets are named, and the run of checks goes on."""

    def answer(call: Call) -> Sequence[object] | Fault:
        from mailflow.sources.row import Row

        if call.cmdlet == "Get-Queue":
            return Fault("no-such-cmdlet", "CommandNotFoundException", "not recognized")
        values = {"Name": "EX16A", "Fqdn": NAME, "AdminDisplayVersion": "Version 15.1 (Build 1.1)"}
        return [Row(call.cmdlet, values, "")]

    with serving(tmp_path, far=Far(answer=answer)) as server:  # type: ignore[arg-type]
        found = examined(server)

    assert ids(found) == ["rights-missing"]
    assert found[-2].seen == "Get-Queue"
    assert found[-1].state == "ok"


def certified(name: str, **more: object) -> tuple[trustme.CA, ServerTls]:
    """A listener's certificate, and who issued it."""
    authority = trustme.CA()
    issued = authority.issue_cert(name, **more)  # type: ignore[arg-type] # as the library has them
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    return authority, ServerTls(context, b"")


@pytest.mark.parametrize(
    ("name", "more", "known", "identity"),
    [
        ("other.example", {}, True, "tls-wrong-name"),
        (NAME, {"not_after": datetime(2020, 1, 1, tzinfo=UTC)}, True, "tls-expired"),
        (NAME, {}, False, "tls-unknown-issuer"),
    ],
)
def test_certificates(
    tmp_path: Path, name: str, more: dict[str, object], identity: str, *, known: bool
) -> None:
    """Name, issuer and end are shown, whatever of it is wrong."""
    authority, tls = certified(name, **more)
    authority.cert_pem.write_to_path(str(tmp_path / "known.pem"))
    with serving(tmp_path) as donor:
        listener = FaultyEndpoint("EX16A", donor.far, donor.accounts, place=ListeningPlace(tls=tls))
        with listener:
            server = replace(donor, endpoint=listener, tls=True)
            found = examined(server, ca=str(tmp_path / "known.pem") if known else "")

    assert ids(found) == [identity]
    shown = found[list(TITLES).index("tls")].seen
    assert name in shown
    assert "trustme" in shown


def test_a_listener_without_tls(tmp_path: Path) -> None:
    """Asked for HTTPS on the port for HTTP: the usual mistake."""
    with serving(tmp_path) as server:
        found = examined(server, scheme="https")

    assert ids(found) == ["not-tls"]


def test_ways_that_lead_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No such name; a port that is closed; one that drips or says nothing HTTP."""
    monkeypatch.setattr("mailflow.sources.doctor.STEP_SECONDS", 0.5)
    with socket.socket() as taken, serving(tmp_path) as server:
        taken.bind(("127.0.0.1", 0))
        closed = {NAME: RemotePlace("127.0.0.1", taken.getsockname()[1])}
        found = [ids(examined(server, resolve={})), ids(examined(server, resolve=closed))]
    with strange_server(b"220 mail ESMTP\r\n\r\n") as port, serving(tmp_path) as server:
        there = {NAME: RemotePlace("127.0.0.1", port)}
        found.append(ids(examined(server, resolve=there)))

    assert found == [["no-such-name"], ["port-closed"], ["not-winrm"]]


class strange_server:  # noqa: N801 - used as a function
    """Answers every connection with the same bytes, one at a time, and waits."""

    def __init__(self, data: bytes) -> None:
        """Listen on loopback."""
        self._data, self._stop = data, threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        """The port."""
        threading.Thread(target=self._serve, daemon=True).start()
        return int(self._socket.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        """Stop."""
        self._stop.set()
        self._socket.close()

    def _serve(self) -> None:
        while not self._stop.is_set():
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._drip, args=(line,), daemon=True).start()

    def _drip(self, line: socket.socket) -> None:
        with line:
            try:
                for one in self._data:
                    line.send(bytes([one]))
                    if self._stop.wait(0.01):
                        return
                self._stop.wait(5)
            except OSError:
                return


@pytest.mark.alone
def test_a_head_that_drips_ends_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then is no answer."""
    monkeypatch.setattr("mailflow.sources.doctor.STEP_SECONDS", 0.5)
    begun = time.monotonic()
    with strange_server(b"HTTP/1.1 200 OK\r\n" + b"x" * 10_000) as port, serving(tmp_path) as one:
        found = examined(one, resolve={NAME: RemotePlace("127.0.0.1", port)})
        took = time.monotonic() - begun

    assert ids(found) == ["silent"]
    assert took < 2.5


# -- Without any network ---------------------------------------------------------------------------


def test_name() -> None:
    """A name that was given by hand is not looked up."""

    def never(_: str) -> list[str]:
        raise AssertionError

    assert of_name("a", RemotePlace("10.0.0.1"), never)[1] == ["10.0.0.1"]
    assert of_name("a", None, lambda _: ["10.0.0.2"])[1] == ["10.0.0.2"]
    assert of_name("a", None, lambda _: [])[0].id == "no-such-name"


def test_route_and_port() -> None:
    """The error of the system decides."""
    silent = of_port(5986, TimeoutError())
    outcomes = [
        of_route("a", OSError(errno.ENETUNREACH, "unreachable")).id,
        of_route("a", "10.0.0.1").id,
        of_port(5986, ConnectionRefusedError(errno.ECONNREFUSED, "x")).id,
        of_port(5986, OSError(errno.EHOSTUNREACH, "x")).id,
        of_port(5986, OSError(errno.EPERM, "x")).id,
        silent.id,
        of_port(5986, 0.01).id,
    ]

    assert outcomes == ["no-route", "", "port-closed", "no-route", "network", "port-silent", ""]
    assert "5986" in silent.seen


def test_certificate_that_ends_soon_is_mentioned() -> None:
    """It is no fault yet."""
    seen = Certificate(("a",), "CN=Authority", NOW, NOW + timedelta(days=10))

    assert of_tls(None, seen, NOW).state == "ok"
    assert "soon" in of_tls(None, seen, NOW).seen
    assert "soon" not in of_tls(None, replace(seen, ends=NOW + timedelta(days=90)), NOW).seen
    assert read_certificate(b"no certificate") is None


@pytest.mark.parametrize(
    ("apart", "auth", "state"),
    [
        (timedelta(minutes=4), "kerberos", "ok"),
        (timedelta(minutes=-6), "kerberos", "fault"),
        (timedelta(minutes=6), "kerberos", "fault"),
        (timedelta(minutes=6), "ntlm", "ok"),
    ],
)
def test_clock(apart: timedelta, auth: str, state: str) -> None:
    """Five minutes, and only where Kerberos looks at it."""
    found = of_clock(Greeting(401, date=NOW + apart), auth, NOW)

    assert found.state == state
    assert of_clock(Greeting(401), auth, NOW).state == "unknown"


HEAD = (
    b"HTTP/1.1 401 Unauthorized\r\nServer: Microsoft-HTTPAPI/2.0\r\n"
    b'WWW-Authenticate: Negotiate\r\nwww-authenticate: Basic realm="WSMAN"\r\n'
    b"Date: Mon, 23 Nov 2026 14:00:00 GMT\r\n\r\nbody: x"
)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (
            HEAD,
            Greeting(401, "Microsoft-HTTPAPI/2.0", NOW, OFFERS),
        ),
        (b"HTTP/1.1 200 OK\r\nDate: yesterday\r\n\r\n", Greeting(200)),
        (b"", Greeting()),
        (b"220 ESMTP\r\n", Greeting()),
        (b"HTTP/1.1 abc\r\n\r\n", Greeting()),
        (b"\x00\xff\x00", Greeting()),
    ],
)
def test_greeting(head: bytes, expected: Greeting) -> None:
    """Whatever comes, it is read or it is none."""
    assert read_greeting(head) == expected


@pytest.mark.parametrize(
    ("seen", "identity"),
    [
        (Greeting(401, offers=OFFERS), ""),
        (Greeting(200), ""),
        (Greeting(401, offers=frozenset({"kerberos"})), "auth-not-offered"),
        (Greeting(405), "not-winrm"),
        (Greeting(503), "server-busy"),
        (Greeting(403), "forbidden"),
        (Greeting(), "not-winrm"),
        (Greeting(error=TimeoutError()), "silent"),
        (Greeting(error=ConnectionResetError(errno.ECONNRESET, "x")), "dropped"),
    ],
)
def test_service(seen: Greeting, identity: str) -> None:
    """WinRM, or what else answers."""
    assert of_service(seen, "ntlm").id == identity


CALL = Call("Get-ExchangeServer")


def test_powershell_and_exchange() -> None:
    """A version that was told, a fault that was known, and what nobody can say."""
    unknown = Reply(CALL, fault=Fault("failed", "Some,Id", "so\nwhat"))

    assert of_powershell([Reply(CALL)], "5.1").state == "ok"
    assert of_powershell([Reply(CALL)], "2.0").state == "note"
    assert of_powershell([Reply(CALL)], "2.0").id == "small-memory"
    assert of_powershell([Reply(CALL, fault=fault("no-powershell"))], "").id == "no-powershell"
    assert of_powershell([unknown], "").state == "unknown"
    assert of_exchange([unknown], "", None) == DoctorCheck("exchange", "unknown", "failed: so what")
    assert of_exchange([Reply(CALL)], "session x", None).seen == "session x"
    assert of_exchange([Reply(CALL, fault=fault("double-hop", "x"))], "", None).seen == "x"


def test_rights_that_cannot_be_told() -> None:
    """An error of another kind is no missing right."""
    failed = Reply(Call("Get-Queue"), errors=(Fault("failed", "x", "RPC"),))

    assert of_rights([Reply(CALL), failed]).state == "unknown"
    assert of_rights([Reply(CALL)]).state == "unknown"
    assert exit_code([of_rights([Reply(CALL), failed])]) == 2


def test_probes_read_little() -> None:
    """The same cmdlets as a collection, and of queues one."""
    found = {one.cmdlet: one.parameters for one in probes(servers.Server("S", version=(15, 1)))}

    assert found["Get-Queue"] == {"Server": "S", "ResultSize": 1}
    assert set(found) == {one.cmdlet for one in calls_for(servers.Server("S", version=(15, 1)))}


def test_others() -> None:
    """Only a newer product counts, and Edge does not."""
    old, new = (servers.Server(name, version=version) for name, version in
                (("A", (14, 3)), ("B", (15, 1))))  # fmt: skip

    assert of_others(old, [old, new]).id == "older-than-others"
    assert of_others(new, [old, new]).state == "ok"
    assert of_others(old, [old, replace(new, is_edge=True)]).state == "ok"
    assert of_others(None, [old]).state == "unknown"


def test_words_fit_a_terminal_and_hide_nothing() -> None:
    """80 columns; a fault shows id, cause and next action; hostile text is made visible."""
    checks = [
        DoctorCheck("name", "ok", "x" * 200),
        DoctorCheck("port", "fault", "\x1b[31mred", "port-closed", CAUSES["port-closed"].cause,
              CAUSES["port-closed"].action),
        DoctorCheck("tls", "skipped", "not reached"),
    ]  # fmt: skip
    text = words(checks)

    assert max(map(plain.width, text.splitlines())) <= 80
    assert "\x1b" not in text
    joined = " ".join(text.split())
    assert "port-closed" in joined
    assert CAUSES["port-closed"].cause in joined
    assert f"Next: {CAUSES['port-closed'].action}" in joined


def test_no_password_in_words(tmp_path: Path) -> None:
    """Neither in what was seen nor in a repr."""
    with serving(tmp_path) as server:
        found = examined(server)

    assert PASSWORD not in words(found) + repr(found)
