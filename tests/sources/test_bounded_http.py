"""How requests travel: reads held to a allowance, and nothing readable over plain HTTP."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import requests

from mailflow.sources.bounded_http import Allowance, HttpAdapter, UnencryptedError, bounded


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a connection."""
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def held(end: socket.socket, allowance: Allowance) -> socket.socket:
    """One end, its reads held to a allowance."""
    return bounded(socket.socket, allowance)(fileno=end.detach())


def read_all(end: socket.socket) -> None:
    """Read until the other end has closed."""
    while end.recv_into(bytearray(10)):
        pass


@pytest.mark.alone
def test_drops_end_at_the_deadline(pair: tuple[socket.socket, socket.socket]) -> None:
    """Each byte comes in time, and all of them would take for ever."""
    allowance, stop = Allowance(patience=30), threading.Event()

    def drip() -> None:
        while not stop.wait(0.02):
            pair[1].send(b"x")

    threading.Thread(target=drip, daemon=True).start()
    begun = time.monotonic()
    allowance.renew(begun + 0.3, 10_000)
    with held(pair[0], allowance) as reading, pytest.raises(TimeoutError):
        read_all(reading)
    stop.set()

    assert 0.2 < time.monotonic() - begun < 1
    assert allowance.overdrawn == "deadline"


def test_silence_ends_after_patience_or_at_the_deadline(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    """Patience alone overdraws nothing: asking again may help; the deadline says `silent`."""
    allowance = Allowance(patience=0.1)
    allowance.renew(time.monotonic() + 20, 100)
    with held(pair[0], allowance) as reading:
        with pytest.raises(TimeoutError):
            reading.recv_into(bytearray(10))
        patient = allowance.overdrawn
        allowance.renew(time.monotonic() + 0.05, 100)
        with pytest.raises(TimeoutError):
            reading.recv_into(bytearray(10))

    assert (patient, allowance.overdrawn) == ("", "silent")


def test_more_bytes_than_allowed_are_not_read(pair: tuple[socket.socket, socket.socket]) -> None:
    """The allowance counts them over all reads, until it is renewed."""
    allowance = Allowance(patience=5)
    allowance.renew(time.monotonic() + 5, 15)
    pair[1].send(b"x" * 30)
    with held(pair[0], allowance) as reading:
        assert reading.recv_into(bytearray(10)) == 10
        with pytest.raises(ConnectionAbortedError):
            reading.recv_into(bytearray(10))

    assert allowance.overdrawn == "endless"


def test_answers_are_wanted_as_they_are() -> None:
    """What the libraries ask for by themselves (gzip, deflate) is not asked for."""
    asked = requests.Request("POST", "http://ex16a.contoso.example:5985/wsman", data="x")
    request = requests.Session().prepare_request(asked)
    adapter = HttpAdapter(
        address="127.0.0.1", port=9, allowance=Allowance(5), context=None, is_readable=True
    )

    adapter.add_headers(request)

    assert request.headers["Accept-Encoding"] == "identity"


def test_nothing_leaves_readable_over_http() -> None:
    """Whatever the libraries above do, a readable message stops before a connection is made."""
    allowance = Allowance(patience=5)
    allowance.renew(time.monotonic() + 5, 100)
    session = requests.Session()
    adapter = HttpAdapter(
        address="127.0.0.1", port=9, allowance=allowance, context=None, is_readable=False
    )
    session.mount("http://", adapter)

    with pytest.raises(UnencryptedError):
        session.post("http://ex16a.contoso.example/wsman", data="<secret/>")
    session.close()
