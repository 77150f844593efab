"""The transport services of a simulated organization on loopback: banner, EHLO and QUIT.

Who connects decides which receive connector accepts, so there is a listener for each sender, target
address and port, made when it is first asked for: a loopback address of its own stands for the
connection that this sender would make. The port is always 2525, which needs no rights and is one of
those that a probe may use.
"""

from __future__ import annotations

import contextlib
import errno
import random
import socket
import socketserver
import threading
import time
from collections.abc import Mapping
from typing import NamedTuple

from mailflow.exchange.ehlo import masked, predicted_keywords
from mailflow.exchange.selection import NO_MATCH_REPLY
from mailflow.simulated.delivery import (
    NOT_ACTIVE,
    REFUSED,
    TIMED_OUT,
    UNREACHABLE,
    AttemptedConnection,
    connection,
)
from mailflow.simulated.invocation import RunningPractice
from mailflow.simulated.organisation import PracticeServer, address_pairs
from mailflow.sources.row import Row, Value
from mailflow.sources.shell import PROBE, Call, Reply

LOOPBACK_PORT = 2525
MOST_BYTES = 16_384
"""Of a banner or a reply; the script for Windows has the same limit."""
_IDLE_SECONDS = 30.0
_LINE_BYTES = 2_000
_TRIES = 50
_BY_CHANCE = random.SystemRandom()


class SmtpConnection(NamedTuple):
    """A connection that a server of the practice would make."""

    sender: str
    address: str
    port: int


class PracticeSmtp:
    """The SMTP listeners of one practice.

    Attributes:
        heard: each connection, in order, with all bytes that came so far.
    """

    def __init__(self, practice: RunningPractice) -> None:
        """Nothing listens before it is asked for."""
        self.heard: list[tuple[SmtpConnection, bytearray]] = []
        self._practice = practice
        self._lock = threading.Lock()
        self._open: dict[SmtpConnection, _Listener] = {}

    def place(self, wanted: SmtpConnection) -> str | int:
        """The loopback address that stands for a connection; a Winsock error where none is made."""
        error = self._error(wanted)
        if error:
            return error
        with self._lock:
            if wanted not in self._open:
                self._open[wanted] = _listener(self, wanted)
            return str(self._open[wanted].server_address[0])

    def close(self) -> None:
        """Stop listening; harmless a second time."""
        with self._lock:
            listeners, self._open = list(self._open.values()), {}
        for listener in listeners:
            listener.shutdown()
            listener.server_close()

    def _error(self, wanted: SmtpConnection) -> int:
        with self._practice.lock:
            met = self._meeting(wanted)
        return met.made.winsock if met else UNREACHABLE

    def _meeting(self, wanted: SmtpConnection) -> _Meeting | None:
        """The connection as it is now; None: no server has this address, or none of its family."""
        org = self._practice.organisation
        sender = org.server(wanted.sender)
        target = next((each for each in org.servers if wanted.address in each.addresses), None)
        if sender is None or target is None:
            return None
        for source, local in address_pairs(sender, target):
            if str(local) == wanted.address:
                moment = self._practice.clock.now
                made = connection(org, target, source, local, wanted.port, moment)
                return _Meeting(target, made, is_itself=sender is target)
        return None

    def greeting(self, wanted: SmtpConnection) -> tuple[str, tuple[str, ...]]:
        """The banner and the lines of the EHLO reply; no lines: the session ends with the banner.

        S1.18: where nothing fits, the session is refused and closed.
        """
        with self._practice.lock:
            met = self._meeting(wanted)
            moment = self._practice.clock.now.timestamp()
        process = met.made.got.process if met else None
        connector = met.made.got.connector if met else None
        if met is None or process is None or connector is None:
            return NO_MATCH_REPLY, ()
        target = met.target
        if target.inactive & {"ServerWideOffline", process.name}:
            return NOT_ACTIVE, ()
        keywords = predicted_keywords(
            connector,
            certificate=met.is_itself or not target.certificate_lost,
            to_edge=bool(target.exchange.is_edge),
        )
        name = connector.fqdn or target.exchange.fqdn
        banner = f"{name} Microsoft ESMTP MAIL Service ready at {_date(moment)}"
        if target.strips_verbs:
            banner, keywords = "*" * len(banner), masked(keywords)
        return f"220 {banner}", (f"{name} Hello [{met.made.seen}]", *keywords)


class _Meeting(NamedTuple):
    """Who answers a connection, and what comes of it."""

    target: PracticeServer
    made: AttemptedConnection
    is_itself: bool


class _Listener(socketserver.ThreadingTCPServer):
    """One listener; each connection has a thread."""

    daemon_threads = True
    block_on_close = False
    smtp: PracticeSmtp
    stands_for: SmtpConnection


class _Session(socketserver.BaseRequestHandler):
    """One SMTP session, as far as it goes before a client authenticates."""

    server: _Listener

    def handle(self) -> None:
        """Speak until QUIT, the end, or half a minute of silence; keep what is heard."""
        self.request.settimeout(_IDLE_SECONDS)
        heard = bytearray()
        self.server.smtp.heard.append((self.server.stands_for, heard))
        with contextlib.suppress(OSError):
            self._talk(heard)

    def _talk(self, heard: bytearray) -> None:
        banner, lines = self.server.smtp.greeting(self.server.stands_for)
        self._say(banner)
        waiting = b""
        while lines and len(waiting) < _LINE_BYTES:
            line, ended, rest = waiting.partition(b"\n")
            if not ended:
                piece = self.request.recv(_LINE_BYTES)
                if not piece:
                    return
                heard += piece
                waiting += piece
                continue
            waiting = rest
            word = line.strip().partition(b" ")[0].upper()
            if word == b"QUIT":
                self._say("221 2.0.0 Service closing transmission channel")
                return
            self._say(*_reply(lines) if word == b"EHLO" else ("500 5.3.3 Unrecognized command",))

    def _say(self, *lines: str) -> None:
        self.request.sendall("".join(f"{line}\r\n" for line in lines).encode("ascii"))


def _reply(lines: tuple[str, ...]) -> tuple[str, ...]:
    return *(f"250-{line}" for line in lines[:-1]), f"250 {lines[-1]}"


def _date(moment: float) -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(moment))


def _listener(smtp: PracticeSmtp, wanted: SmtpConnection) -> _Listener:
    """Listen on a loopback address by chance: other practices run beside this one.

    Raises:
        OSError: none is free.
    """
    for _ in range(_TRIES):
        host = f"127.{_BY_CHANCE.randint(2, 254)}.{_BY_CHANCE.randint(0, 255)}"
        try:
            made = _Listener((f"{host}.{_BY_CHANCE.randint(1, 254)}", LOOPBACK_PORT), _Session)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            continue
        made.smtp, made.stands_for = smtp, wanted
        threading.Thread(target=made.serve_forever, args=(0.05,), daemon=True).start()
        return made
    raise OSError(errno.EADDRINUSE, "no loopback address is free")


class Prober:
    """What answers probes on one server: it speaks SMTP, and knows no cmdlet."""

    def __init__(self, server: str, smtp: PracticeSmtp) -> None:
        """Probe from this server."""
        self._server, self._smtp = server, smtp

    def has(self, cmdlet: str) -> bool:
        """No cmdlet is there: no Exchange is entered."""
        return cmdlet == PROBE

    def run(self, call: Call) -> Reply:
        """Run one probe, which was found to be in its form."""
        given = call.parameters
        place = self._smtp.place(
            SmtpConnection(self._server, str(given["Address"]), int(str(given["Port"])))
        )
        values = send_ehlo(place, str(given["Hello"]), float(str(given["Seconds"])))
        return Reply(call, (Row(call.cmdlet, values, f"{call.cmdlet} on {self._server}"),))


# -- What Send-Ehlo of Invoke-MailFlow.ps1 does, in Python -----------------------------------------


def send_ehlo(place: str | int, hello: str, seconds: float) -> Mapping[str, Value]:
    """Connect, read the banner, EHLO, read the reply, QUIT: the values that the script gives.

    Args:
        place: a loopback address, or the Winsock error that connecting ends with.
        hello: the name behind EHLO.
        seconds: for all of it.
    """
    if isinstance(place, int):
        return _values("connect", "timed-out" if place == TIMED_OUT else "failed", place)
    until = time.monotonic() + seconds
    stage, banner, reply = "connect", b"", b""
    try:
        with socket.create_connection((place, LOOPBACK_PORT), timeout=seconds) as line:
            stage = "banner"
            banner, why = _read(line, until)
            if not why and not banner.startswith(b"2"):
                why = "refused"
            if not why:
                stage = "reply"
                line.sendall(f"EHLO {hello}\r\n".encode("ascii"))
                reply, why = _read(line, until)
                stage = stage if why else "done"
            if why in ("", "refused"):
                with contextlib.suppress(OSError):
                    line.sendall(b"QUIT\r\n")
                    _read(line, time.monotonic() + 1)
    except ConnectionRefusedError:
        return _values(stage, "failed", REFUSED)
    except OSError:
        why = "failed"
    return _values(stage, why, 0, banner, reply)


def _read(line: socket.socket, until: float) -> tuple[bytes, str]:
    """Bytes up to the end of a reply, and why they end before it; empty: they do not."""
    found = b""
    while not any(part[:3].isdigit() and part[3:4] != b"-" for part in found.split(b"\n")[:-1]):
        left = until - time.monotonic()
        if len(found) > MOST_BYTES:
            return found, "too-long"
        if left <= 0:
            return found, "timed-out"
        line.settimeout(left)
        try:
            piece = line.recv(1024)
        except TimeoutError:
            return found, "timed-out"
        if not piece:
            return found, "closed"
        found += piece
    return found, ""


def _values(
    stage: str, why: str, code: int, banner: bytes = b"", reply: bytes = b""
) -> Mapping[str, Value]:
    return {
        "Stage": stage,
        "Why": why,
        "Code": code,
        "Banner": banner.decode("latin-1"),
        "Reply": reply.decode("latin-1"),
    }
