"""Unmodified pywinrm towards an endpoint of the practice organisation, and a recorder between."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

import requests
from winrm.exceptions import WinRMError
from winrm.protocol import Protocol

from far.endpoints import FaultyEndpoint
from mailflow.simulated.authentication import Accounts
from mailflow.simulated.endpoint import ListeningPlace
from mailflow.simulated.shell_host import Quotas
from mailflow.simulated.tls import Authority
from mailflow.simulated.wsman import Job, Runner

PASSWORD = "S3cr€t-ü!"  # noqa: S105 - of the practice organisation
"""Neither ASCII nor latin-1."""
USER = "CONTOSO\\engineer"
NAME = "ex16a.contoso.example"


@dataclass(frozen=True)
class Outcome:
    """What a command line gave."""

    stdout: bytes
    stderr: bytes
    code: int


@dataclass(frozen=True)
class Tls:
    """An authority, and the files a client takes of it."""

    authority: Authority
    ca: Path
    certificate: Path
    key: Path


def make_tls(folder: Path, user: str = "engineer") -> Tls:
    """A certificate authority, with a client certificate for a user."""
    made = Tls(Authority(), folder / "ca.pem", folder / "user.pem", folder / "user.key")
    made.authority.write(made.ca)
    made.authority.write_client(user, made.certificate, made.key)
    return made


def endpoint(
    runner: Runner,
    *,
    tls: Tls | None = None,
    passwords: Mapping[str, str] | None = None,
    **more: Any,  # noqa: ANN401 - as they are
) -> FaultyEndpoint:
    """An endpoint EX16A with one account, not started."""
    known = {"engineer": PASSWORD} if passwords is None else passwords
    server = tls.authority.server(NAME, "127.0.1.1") if tls else None
    return FaultyEndpoint(
        "EX16A", runner, Accounts(known), place=ListeningPlace(tls=server), **more
    )


def protocol(
    to: FaultyEndpoint,
    transport: str = "ntlm",
    **options: Any,  # noqa: ANN401 - as they are
) -> Protocol:
    """A client of an endpoint, by its address; `options` are those of pywinrm."""
    chosen = {
        "username": USER,
        "password": PASSWORD,
        "read_timeout_sec": 20,
        "operation_timeout_sec": 5,
        "proxy": None,
        "ca_trust_path": None,
    }
    return Protocol(options.pop("url", to.url), transport=transport, **(chosen | options))


def run(
    client: Protocol,
    command: str,
    arguments: Sequence[str] = (),
    *,
    data: Sequence[bytes] = (),
    codepage: int = 65001,
) -> Outcome:
    """Run one command line in a shell of its own, which is closed whatever happens."""
    shell = client.open_shell(codepage=codepage)
    try:
        identity = client.run_command(shell, command, arguments, skip_cmd_shell=True)
        for number, piece in enumerate(data, start=1):
            client.send_command_input(shell, identity, piece, end=number == len(data))
        outcome = Outcome(*client.get_command_output(shell, identity))
        client.cleanup_command(shell, identity)
    except BaseException:
        # A broken connection carries nothing more; over a new one the shell can still be closed.
        client.transport.close_session()
        with contextlib.suppress(WinRMError, requests.RequestException, ParseError):
            client.close_shell(shell)
        raise
    client.close_shell(shell)
    return outcome


def echo(job: Job) -> int:
    """A runner that says who asked for what."""
    logon = job.logon
    job.write_text(f"{job.line}|{logon.user}|{logon.method}|{logon.delegated}|München Привет")
    return 3


def small(shells: int = 30, envelope: int = 512_000) -> Quotas:
    """Quotas that a test reaches."""
    return Quotas(envelope=envelope, shells=shells)


@dataclass
class Recorder:
    """A TCP proxy that keeps all bytes of both directions."""

    port: int
    data: bytearray = field(default_factory=bytearray)


@contextlib.contextmanager
def recorded(to: FaultyEndpoint) -> Iterator[Recorder]:
    """A proxy in front of an endpoint, on 127.0.0.1."""
    listener = socket.create_server(("127.0.0.1", 0))
    recorder = Recorder(listener.getsockname()[1])
    threads: list[threading.Thread] = []

    def carry(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(65_536):
                recorder.data += piece
                target.sendall(piece)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                server = socket.create_connection((to.address, to.port))
                for pair in ((client, server), (server, client)):
                    threads.append(threading.Thread(target=carry, args=pair, daemon=True))
                    threads[-1].start()
                sockets.extend([client, server])

    sockets: list[socket.socket] = []
    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield recorder
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()
        for one in sockets:
            one.close()
