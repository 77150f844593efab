"""The endpoint over the network, asked by an unmodified pywinrm."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from requests_credssp.exceptions import NTStatusException
from winrm.exceptions import InvalidCredentialsError, WSManFaultError

from far.endpoints import FaultyEndpoint
from mailflow.simulated import shell_host, soap
from mailflow.simulated.endpoint import LARGEST_BODY, ListeningPlace
from mailflow.simulated.wsman import Job
from winrm_client import (
    NAME,
    PASSWORD,
    Tls,
    echo,
    endpoint,
    make_tls,
    protocol,
    recorded,
    run,
    small,
)

GREETING = "München Привет"
IDENTIFY = (
    f'<s:Envelope xmlns:s="{soap.ENVELOPE}" xmlns:i="{soap.IDENTITY}"><s:Header/>'
    "<s:Body><i:Identify/></s:Body></s:Envelope>"
)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    """An authority and a client certificate of the engineer."""
    return make_tls(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def plain() -> Iterator[FaultyEndpoint]:
    """An endpoint over HTTP."""
    with endpoint(echo) as listening:
        yield listening


@pytest.fixture
def secure(tls: Tls) -> Iterator[FaultyEndpoint]:
    """An endpoint over HTTPS."""
    with endpoint(echo, tls=tls) as listening:
        yield listening


def credentials(method: str, tls: Tls) -> dict[str, Any]:
    """Options of pywinrm for a way to log on over HTTPS."""
    options: dict[str, Any] = {"ca_trust_path": str(tls.ca)}
    if method == "basic":
        options["password"] = PASSWORD.encode()  # a text would go in latin-1 (S10.42)
    if method == "certificate":
        options |= {"cert_pem": str(tls.certificate), "cert_key_pem": str(tls.key)}
    return options


@pytest.mark.parametrize(
    ("method", "delegated"),
    [("basic", True), ("ntlm", False), ("credssp", True), ("certificate", False)],
)
def test_log_on_over_https(
    secure: FaultyEndpoint, tls: Tls, method: str, *, delegated: bool
) -> None:
    """Each way to log on works, and the server knows whether it may go on from there (S8.23)."""
    outcome = run(protocol(secure, method, **credentials(method, tls)), "powershell", ["-x", "y"])

    assert f"powershell -x y|engineer|{method}|{delegated}|{GREETING}" == outcome.stdout.decode()
    assert (outcome.stderr, outcome.code) == (b"", 3)
    assert secure.service.open_shells == 0


@pytest.mark.parametrize(("method", "delegated"), [("ntlm", False), ("credssp", True)])
def test_log_on_over_http_is_encrypted(
    plain: FaultyEndpoint, method: str, *, delegated: bool
) -> None:
    """Without TLS every message with content is encrypted by the log-on (S8.20)."""
    outcome = run(protocol(plain, method), "hostname")

    assert f"hostname|engineer|{method}|{delegated}|{GREETING}" == outcome.stdout.decode()
    asked = [entry for entry in plain.log if entry.action]
    assert [entry.action for entry in asked] == ["Create", "Command", "Receive", "Signal", "Delete"]
    assert all(entry.encrypted and entry.method == method for entry in asked)


@pytest.mark.parametrize("user", ["engineer", "engineer@contoso.example", "contoso\\ENGINEER"])
def test_spellings_of_a_user(plain: FaultyEndpoint, user: str) -> None:
    """The account is found by its bare name, with domain, and as UPN."""
    assert run(protocol(plain, username=user), "hostname").code == 3


@pytest.mark.parametrize("method", ["ntlm", "credssp"])
def test_messages_are_not_readable_on_the_wire(method: str) -> None:
    """In all bytes of a connection neither the envelope nor what a command says is to be found."""

    def secret(job: Job) -> int:
        job.write(job.stdin.read() + b" MARKER-OUT " * 3000)
        return 0

    with endpoint(secret) as listening, recorded(listening) as recorder:
        url = f"http://127.0.0.1:{recorder.port}/wsman"
        client = protocol(listening, method, url=url)
        outcome = run(client, "hostname", ["MARKER-LINE"], data=[b"MARKER-IN" * 3000])

    assert outcome.stdout.startswith(b"MARKER-IN")
    assert b"session-encrypted" in recorder.data
    assert b"MARKER" not in recorder.data
    assert b"Envelope" not in recorder.data


def test_recorder_would_see_it(secure: FaultyEndpoint) -> None:
    """The proof above can fail: what is not encrypted is in the record."""
    with endpoint(echo) as listening, recorded(listening) as recorder:
        url = f"http://127.0.0.1:{recorder.port}/wsman"
        with pytest.raises(WSManFaultError):
            run(protocol(listening, message_encryption="never", url=url), "hostname")
    assert secure.port

    assert b"Envelope" in recorder.data


@pytest.mark.parametrize("method", ["basic", "ntlm"])
def test_unencrypted_over_http_is_refused(plain: FaultyEndpoint, method: str) -> None:
    """A right password does not help: nothing unencrypted is answered without TLS."""
    password = PASSWORD.encode() if method == "basic" else PASSWORD
    client = protocol(plain, method, message_encryption="never", password=password)

    with pytest.raises(WSManFaultError) as caught:
        run(client, "hostname")
    client.transport.close_session()
    assert (caught.value.wsman_fault_code, plain.service.opened) == (5, 0)


@pytest.mark.parametrize("method", ["basic", "ntlm", "credssp", "certificate"])
def test_wrong_password(secure: FaultyEndpoint, tls: Tls, tmp_path: Path, method: str) -> None:
    """Each way to log on says that it was refused; no shell is opened."""
    stranger = make_tls(tmp_path, "stranger")
    tls.authority.write_client("stranger", stranger.certificate, stranger.key)
    options = credentials(method, stranger) | {"ca_trust_path": str(tls.ca), "password": "wrong"}
    client = protocol(secure, method, **options)

    with pytest.raises((InvalidCredentialsError, NTStatusException)):
        run(client, "hostname")
    client.transport.close_session()
    assert secure.service.opened == 0


def test_log_on_is_bound_to_the_certificate(secure: FaultyEndpoint, tls: Tls) -> None:
    """A log-on by NTLM that is not bound to this server's certificate is refused (S10.43)."""
    client = protocol(secure, ca_trust_path=str(tls.ca), send_cbt=False)

    with pytest.raises(InvalidCredentialsError):
        run(client, "hostname")
    client.transport.close_session()


def test_unknown_authority(secure: FaultyEndpoint) -> None:
    """A client that does not know the authority does not send a thing."""
    client = protocol(secure, ca_trust_path=None)

    with pytest.raises(requests.exceptions.SSLError):
        run(client, "hostname")
    client.transport.close_session()
    assert [entry for entry in secure.log if entry.status] == []


def test_certificate_of_another_authority(secure: FaultyEndpoint, tls: Tls, tmp_path: Path) -> None:
    """TLS refuses a client certificate that somebody else issued."""
    other = make_tls(tmp_path)
    options = credentials("certificate", other) | {"ca_trust_path": str(tls.ca)}
    client = protocol(secure, "certificate", **options)

    with pytest.raises(requests.exceptions.ConnectionError):
        run(client, "hostname")
    client.transport.close_session()


def test_certificate_is_for_name_and_address(tls: Tls) -> None:
    """A client may check it against the name as well as against the address."""
    context = ssl.create_default_context(cafile=str(tls.ca))
    names = []
    with endpoint(echo, tls=tls) as listening:
        for name in (NAME, listening.address):
            with (
                socket.create_connection((listening.address, listening.port)) as raw,
                context.wrap_socket(raw, server_hostname=name) as wrapped,
            ):
                names.append(wrapped.version())

    assert len(names) == 2


def test_offer_decides(tls: Tls) -> None:
    """A server that does not offer a scheme does not take it."""
    with endpoint(echo, tls=tls, offer=["Negotiate"]) as listening:
        assert run(protocol(listening, ca_trust_path=str(tls.ca)), "hostname").code == 3
        client = protocol(listening, "basic", **credentials("basic", tls))
        with pytest.raises(InvalidCredentialsError):
            run(client, "hostname")
        client.transport.close_session()


def test_large_input_and_output() -> None:
    """1 MB goes in by pieces of 100 kB and comes back, byte by byte the same (S10.41)."""

    def cat(job: Job) -> int:
        job.write(job.stdin.read())
        return 0

    data = bytes(range(256)) * 4096
    pieces = [data[at : at + 100_000] for at in range(0, len(data), 100_000)]
    with endpoint(cat) as listening:
        outcome = run(protocol(listening), "cat", data=pieces)

    assert data == outcome.stdout


@pytest.mark.parametrize("method", ["ntlm", "credssp"])
def test_input_in_too_large_a_piece(method: str) -> None:
    """A piece of 600 kB is refused by the size of its envelope; the shell goes on (S10.41)."""
    with endpoint(echo) as listening:
        client = protocol(listening, method)
        shell = client.open_shell()
        command = client.run_command(shell, "cat")
        with pytest.raises(WSManFaultError) as caught:
            client.send_command_input(shell, command, b"x" * 600_000)
        assert client.get_command_output(shell, command)[2] == 3
        client.close_shell(shell)

    assert caught.value.wsman_fault_code == shell_host.TOO_LARGE.code


def test_quota_of_shells() -> None:
    """The shell above the quota is refused with its own code; a closed one makes room."""
    with endpoint(echo, quotas=small(shells=2)) as listening:
        client = protocol(listening)
        shells = [client.open_shell() for _ in range(2)]
        with pytest.raises(WSManFaultError) as caught:
            client.open_shell()
        assert (caught.value.wsman_fault_code, listening.service.open_shells) == (2150859173, 2)
        for shell in shells:
            client.close_shell(shell, close_session=False)
        client.close_shell(client.open_shell())

        assert listening.service.open_shells == 0


def test_shells_close_by_themselves() -> None:
    """A shell whose client has gone closes after its idle time-out, and its command ends."""
    ended = threading.Event()

    def wait(job: Job) -> int:
        job.cancelled.wait()
        ended.set()
        return 1

    with endpoint(wait) as listening:
        client = protocol(listening)
        shell = client.open_shell(idle_timeout="PT0.3S")
        client.run_command(shell, "x")
        client.transport.close_session()

        assert ended.wait(3)
        assert listening.service.open_shells == 0


def test_sessions_in_parallel() -> None:
    """Thirty clients with a command of 0.5 s each are served at the same time."""

    def slow(job: Job) -> int:
        job.cancelled.wait(0.5)
        job.write_text(job.line)
        return 0

    with endpoint(slow) as listening, ThreadPoolExecutor(30) as pool:
        begun = time.monotonic()
        outcomes = list(pool.map(lambda one: run(protocol(listening), f"number-{one}"), range(30)))
        seconds = time.monotonic() - begun

    assert [f"number-{one}".encode() for one in range(30)] == [one.stdout for one in outcomes]
    assert seconds < 5


def test_slow_handshake_blocks_nobody(secure: FaultyEndpoint, tls: Tls) -> None:
    """A client that connects and says nothing does not keep the next one from its TLS."""
    with socket.create_connection((secure.address, secure.port)):
        outcome = run(protocol(secure, ca_trust_path=str(tls.ca)), "hostname")

    assert outcome.code == 3


def test_identify_needs_no_log_on(plain: FaultyEndpoint) -> None:
    """Identify with its header is answered to everybody; nothing else is."""
    headers = {"WSMANIDENTIFY": "unauthenticated"}
    answer = requests.post(plain.url, IDENTIFY, headers=headers, timeout=5)
    other = requests.post(plain.url, "<x/>", headers=headers, timeout=5)

    assert answer.status_code == 200
    assert "Microsoft Corporation" in answer.text
    assert other.status_code == 401


def test_what_401_offers(plain: FaultyEndpoint) -> None:
    """Every scheme has a header of its own, behind what Windows calls its server."""
    with socket.create_connection((plain.address, plain.port)) as raw:
        raw.sendall(b"POST /wsman HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n")
        head = raw.recv(4000).decode()

    assert head.startswith("HTTP/1.1 401 Unauthorized\r\n")
    assert "Server: Microsoft-HTTPAPI/2.0\r\n" in head
    for scheme in ("Negotiate", "Kerberos", "CredSSP", "Basic"):
        assert f"WWW-Authenticate: {scheme}\r\n" in head
    assert head.endswith("Content-Length: 0\r\n\r\n")


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        ("POST /wsman HTTP/1.1\r\nHost: x\r\n\r\n", 411),
        ("POST /wsman HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 411),
        (f"POST /wsman HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGEST_BODY + 1}\r\n\r\n", 413),
        ("POST /wsman HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n", 413),
        ("GET /wsman HTTP/1.1\r\nHost: x\r\n\r\n", 501),
        ("nonsense\r\n\r\n", 400),
        ("POST /wsman HTTP/1.1\r\n" + "X: y\r\n" * 200 + "\r\n", 431),
    ],
)
def test_hostile_http(plain: FaultyEndpoint, request_head: str, status: int) -> None:
    """What is no request of WS-Management is refused, and the connection ends."""
    data = b""
    with socket.create_connection((plain.address, plain.port), timeout=5) as raw:
        raw.sendall(request_head.encode())
        while piece := raw.recv(4000):
            data += piece

    assert str(status).encode() in data.partition(b"\r\n")[0]
    assert run(protocol(plain), "hostname").code == 3


@pytest.mark.parametrize(
    "envelope",
    [
        b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
        b"<a>" * 100_000,
        b"\xff\xfe\x00",
        b"<a/>" + b" " * 3_000_000,
    ],
)
def test_hostile_envelopes(secure: FaultyEndpoint, tls: Tls, envelope: bytes) -> None:
    """With a right password too: a DTD, endless depth, no XML and a huge body get a fault."""
    answer = requests.post(
        secure.url,
        envelope,
        auth=("engineer", PASSWORD.encode()),
        verify=str(tls.ca),
        timeout=5,
    )

    assert answer.status_code == 500
    assert b"WSManFault" in answer.content
    assert secure.service.opened == 0


def test_damaged_message(plain: FaultyEndpoint) -> None:
    """An encrypted message that cannot be opened is answered 400, and nothing runs."""
    client = protocol(plain)
    client.transport.build_session()
    session = client.transport.session
    kind = 'multipart/encrypted;protocol="application/HTTP-SPNEGO-session-encrypted";boundary="x"'
    answer = session.post(
        plain.url, b"--Encrypted Boundary\r\n", headers={"Content-Type": kind}, timeout=5
    )
    client.transport.close_session()

    assert answer.status_code == 400
    assert plain.service.opened == 0


def test_stop_leaves_nothing() -> None:
    """With connections open and commands running, stop ends all threads and closes all sockets."""
    before = set(threading.enumerate())
    listening = endpoint(lambda job: int(job.cancelled.wait()))
    listening.start()
    client = protocol(listening)
    shell = client.open_shell()
    command = client.run_command(shell, "x")
    waiting = threading.Thread(target=_swallow, args=(client.get_command_output, shell, command))
    waiting.start()
    idle = socket.create_connection((listening.address, listening.port))
    time.sleep(0.2)
    connected = listening.connections
    listening.stop()
    waiting.join(5)
    client.transport.close_session()
    idle.close()

    assert connected >= 2
    assert set(threading.enumerate()) <= before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((listening.address, listening.port))


def _swallow(action: Callable[..., object], *arguments: object) -> None:
    with contextlib.suppress(requests.RequestException, WSManFaultError):
        action(*arguments)


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.1", "::"])
def test_listens_on_loopback_only(address: str) -> None:
    """No other machine can reach the practice organisation."""
    with pytest.raises(ValueError, match="loopback"):
        ListeningPlace(address)
