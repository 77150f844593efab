"""SMTP hosts on loopback that answer as they are told, well or badly, and keep what they heard."""

from __future__ import annotations

import contextlib
import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

PORT = 2525
BANNER = b"220 ex16a.contoso.example Microsoft ESMTP MAIL Service ready at today\r\n"
REPLY = (
    b"250-ex16a.contoso.example Hello [10.0.0.11]\r\n250-SIZE 37748736\r\n250-STARTTLS\r\n"
    b"250-X-ANONYMOUSTLS\r\n250-AUTH NTLM\r\n250-X-EXPS GSSAPI NTLM\r\n250 XRDST\r\n"
)
Behavior = Callable[[socket.socket, "Host"], None]


@dataclass
class Host:
    """One host.

    Attributes:
        address: where it listens, on `PORT`.
        heard: all bytes that came.
        ended: set once its connection is over.
    """

    address: str
    heard: bytearray = field(default_factory=bytearray)
    ended: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def host(behavior: Behavior) -> Iterator[Host]:
    """A host that answers connections by this, until the end of the block."""
    rest = random.SystemRandom()
    while True:
        address = ".".join(["127", *(str(rest.randint(2, 254)) for _ in range(3))])
        with contextlib.suppress(OSError):
            listener = socket.create_server((address, PORT))
            break
    made = Host(address)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                with client, contextlib.suppress(OSError):
                    client.settimeout(20)
                    behavior(client, made)
                    while piece := client.recv(1000):
                        made.heard += piece
                made.ended.set()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


def says(*parts: bytes) -> Behavior:
    """A host that says each part, the next one after it heard a line."""

    def behave(client: socket.socket, made: Host) -> None:
        client.sendall(parts[0])
        for part in parts[1:]:
            made.heard += client.recv(1000)
            client.sendall(part)

    return behave


def closes(*parts: bytes) -> Behavior:
    """The same, and then it closes the connection."""

    def behave(client: socket.socket, made: Host) -> None:
        says(*parts)(client, made)
        client.shutdown(socket.SHUT_RDWR)

    return behave


def drips(text: bytes, pause: float) -> Behavior:
    """A host that says a byte at a time."""

    def behave(client: socket.socket, made: Host) -> None:  # noqa: ARG001 - as they are called
        for byte in text:
            client.sendall(bytes([byte]))
            time.sleep(pause)

    return behave


def endless(piece: bytes) -> Behavior:
    """A host that never stops, as long as somebody listens."""

    def behave(client: socket.socket, made: Host) -> None:  # noqa: ARG001 - as they are called
        while True:
            client.sendall(piece)

    return behave
