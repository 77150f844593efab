"""The HTTP(S) front-end of the practice organization: WS-Management as WinRM clients expect it.

    PracticeEndpoint   one server on an address of its own: sockets, TLS, sign-in, encryption, log
    Endpoints          all servers of a practice, and what a client needs to know to reach them

What is asked for is answered by `wsman.WsmanService`, and below `/PowerShell/`, where Exchange has
its own endpoint, by `shell_endpoint.ShellService`. NTLM proves the TCP connection, so one handler
object for each connection holds the sign-in.

An `Interference` stands between a request and its answer: that of a server which takes connections
and says nothing is here, the faults that tests give a server are with the tests.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import ipaddress
import select
import socket
import ssl
import struct
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, Protocol

from mailflow.simulated import soap
from mailflow.simulated.authentication import SCHEMES, Accounts, LogOnConnection, MessageError
from mailflow.simulated.running import Running
from mailflow.simulated.shell_endpoint import ShellService
from mailflow.simulated.shell_host import LogOn, Quotas
from mailflow.simulated.soap import Request, Trouble
from mailflow.simulated.tls import ServerTls
from mailflow.simulated.wsman import Runner, WsmanService

SOAP_TYPE = "application/soap+xml;charset=UTF-8"
"""Content type of an envelope that is not encrypted."""

Stage = Literal["connection", "log-on", "request", "answer"]
"""Where a request is: its connection was accepted; before the sign-in; before the service; the
service has answered and nothing is on its way back yet."""

LARGEST_BODY = 4_000_000
"""Bytes of a request that are read at all. What is over the quota of an envelope is refused too,
but in the words of the service."""
LOOPBACK = ipaddress.ip_network("127.0.0.0/8")
HANDSHAKE_SECONDS, IDLE_SECONDS, ENDING_SECONDS = 30.0, 600.0, 5.0
"""For a TLS handshake; between two requests of a connection; for threads when an endpoint stops."""

NO_ACCESS = Trouble(5, "w:AccessDenied", "Access is denied.")
UNENCRYPTED = Trouble(
    5,
    "w:AccessDenied",
    "The WinRM client sent a request to an HTTP server without encryption, and unencrypted traffic "
    "is not allowed on that server.",
)


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One line of an endpoint's log.

    Attributes:
        at: when it was answered, seconds of the monotonic clock.
        action: `Receive`; empty if it was not read so far.
        status: of HTTP; 0: not answered.
        received, sent: bytes of the two bodies as they went over the wire.
        method: how the client signed in; empty: it did not.
        encrypted: whether the request was.
        fault: name of the fault that dealt with it.
        why: what went wrong, in the words of the layer that refused.
    """

    at: float
    action: str = ""
    status: int = 0
    received: int = 0
    sent: int = 0
    method: str = ""
    encrypted: bool = False
    fault: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class ListeningPlace:
    """Where an endpoint listens.

    Attributes:
        address: of 127.0.0.0/8; anything else raises ValueError.
        port: 0: one that is free.
        tls: certificate and context; None: HTTP without TLS, where requests must be encrypted.
    """

    address: str = "127.0.1.1"
    port: int = 0
    tls: ServerTls | None = None

    def __post_init__(self) -> None:
        """Never listen where another machine could come in."""
        if ipaddress.ip_address(self.address) not in LOOPBACK:
            raise ValueError(f"{self.address} is not loopback")


class Interference(Protocol):
    """What comes between a request and its answer."""

    @property
    def skew(self) -> timedelta:
        """How far the server's clock is off."""

    def meet(self, moment: Stage, visit: Visit) -> bool:
        """Act at one moment; whether the request is dealt with."""


class NoInterference:
    """Nothing comes between."""

    skew = timedelta()

    def meet(self, moment: Stage, visit: Visit) -> bool:  # noqa: ARG002 - what is asked for
        """Let the request pass."""
        return False


class Silence(NoInterference):
    """Connections are accepted, and not even TLS begins."""

    def meet(self, moment: Stage, visit: Visit) -> bool:  # noqa: ARG002 - the first there is
        """Wait until the client has enough."""
        visit.pause()
        visit.hang_up()
        return True


class PracticeEndpoint(Running):
    """One server of the simulated organization, listening."""

    def __init__(
        self,
        server: str,
        runner: Runner,
        accounts: Accounts,
        *,
        place: ListeningPlace | None = None,
        offer: Sequence[str] = SCHEMES,
        quotas: Quotas | None = None,
    ) -> None:
        """Bind the address; nothing is answered before `start`.

        Args:
            server: its name in the organization.
            runner: what executes command lines.
            accounts: who may sign in.
            place: where it listens.
            offer: schemes of sign-in.
            quotas: limits of the service.

        Raises:
            OSError: the port is taken.
        """
        place = place or ListeningPlace()
        self.server = server
        self.accounts = accounts
        self.tls = place.tls
        self.offer = tuple(offer)
        self.service = WsmanService(server, runner, quotas=quotas)
        self.shells: ShellService | None = None
        self.interference: Interference = NoInterference()
        self.log: list[LogEntry] = []
        self.stopping = threading.Event()
        self._listener = _Listener(self, (place.address, place.port))
        self.address, self.port = place.address, self._listener.server_address[1]
        self._thread = threading.Thread(
            target=self._listener.serve_forever, args=(0.1,), name=f"endpoint {server}", daemon=True
        )

    @property
    def url(self) -> str:
        """Where a client that knows no names reaches it."""
        return f"{'https' if self.tls else 'http'}://{self.address}:{self.port}/wsman"

    @property
    def connections(self) -> int:
        """How many connections are open now."""
        return len(self._listener.live())

    def log_on(self, connection: socket.socket) -> LogOnConnection:  # noqa: ARG002 - not by NTLM
        """The sign-in of a connection that begins."""
        return LogOnConnection(self.accounts, offer=self.offer, server_certificate=self.fingerprint)

    @property
    def fingerprint(self) -> bytes:
        """SHA-256 of the certificate; empty without TLS."""
        return self.tls.fingerprint if self.tls else b""

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop answering, close all shells and connections, and wait for their threads."""
        self.stopping.set()
        if self._thread.ident is not None:
            self._listener.shutdown()
            self._thread.join()
        self.service.close(ENDING_SECONDS)
        if self.shells is not None:
            self.shells.close(ENDING_SECONDS)
        self._listener.end(ENDING_SECONDS)
        self._listener.server_close()


class _Listener(ThreadingHTTPServer):
    """The sockets of one endpoint: a thread for each connection, all known, so that all can end."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(self, endpoint: PracticeEndpoint, address: tuple[str, int]) -> None:
        """Bind and listen."""
        self.endpoint = endpoint
        self._lock = threading.Lock()
        self._live: dict[threading.Thread, socket.socket] = {}
        self.resets: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind; the library would ask DNS for the name of the address."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = self.endpoint.server, self.server_address[1]

    def get_request(self) -> tuple[socket.socket, tuple[str, int]]:
        """Accept. The TLS handshake waits for the connection's own thread."""
        accepted, address = super().get_request()
        tls = self.endpoint.tls
        if tls is not None:
            try:
                accepted = tls.context.wrap_socket(
                    accepted, server_side=True, do_handshake_on_connect=False
                )
            except OSError:
                accepted.close()
                raise
        return accepted, address

    def process_request(self, request: object, client_address: object) -> None:
        """Begin a connection."""
        assert isinstance(request, socket.socket)  # noqa: S101 - the library's type is wider
        thread = threading.Thread(
            target=self.process_request_thread,
            args=(request, client_address),
            name=f"{self.endpoint.server} {client_address}",
            daemon=True,
        )
        with self._lock:
            self._live[thread] = request
        thread.start()

    def shutdown_request(self, request: object) -> None:
        """End a connection; by a reset where a fault asks for that."""
        assert isinstance(request, socket.socket)  # noqa: S101 - the library's type is wider
        with self._lock:
            self._live.pop(threading.current_thread(), None)
            with_reset = request in self.resets
            self.resets.discard(request)
        if with_reset:
            with contextlib.suppress(OSError):
                request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            request.close()
        else:
            super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection broke: no matter to the others. What is our own mistake is shown."""
        del request, client_address
        error = sys.exception()
        self.endpoint.log.append(LogEntry(time.monotonic(), why=f"{type(error).__name__}: {error}"))
        if not isinstance(error, OSError):
            threading.excepthook(
                threading.ExceptHookArgs(
                    (type(error), error, error and error.__traceback__, threading.current_thread())
                )
            )

    def service_actions(self) -> None:
        """Again and again while it listens: shells that nobody uses close by themselves."""
        self.endpoint.service.close_idle()
        if self.endpoint.shells is not None:
            self.endpoint.shells.close_idle()

    def live(self) -> dict[threading.Thread, socket.socket]:
        """The connections that are open."""
        with self._lock:
            return dict(self._live)

    def end(self, seconds: float) -> None:
        """Close all connections, and wait for their threads."""
        live = self.live()
        for connection in live.values():
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        end = time.monotonic() + seconds
        for thread in live:
            thread.join(max(0.0, end - time.monotonic()))


class _Handler(BaseHTTPRequestHandler):
    """One connection: TLS, its sign-in, and its requests one after the other."""

    server: _Listener
    protocol_version = "HTTP/1.1"
    wbufsize = 65_536
    disable_nagle_algorithm = True
    timeout = IDLE_SECONDS

    def setup(self) -> None:
        """Begin the connection: TLS, then nobody is signed in."""
        self.endpoint = self.server.endpoint
        self.close_connection = True
        self.deaf = self.endpoint.interference.meet("connection", Visit(self, b""))
        if not self.deaf and isinstance(self.request, ssl.SSLSocket):
            self.request.settimeout(HANDSHAKE_SECONDS)
            self.request.do_handshake()
        super().setup()
        if not self.deaf:
            self.log_on = self.endpoint.log_on(self.request)

    def handle(self) -> None:
        """Answer requests until one side has enough."""
        if not self.deaf:
            super().handle()

    def finish(self) -> None:
        """Let go of the socket; what could not be written is lost."""
        with contextlib.suppress(OSError):
            super().finish()

    def do_POST(self) -> None:
        """One request, on whatever path."""
        size = self.headers.get("Content-Length", "")
        if not size.isdecimal():
            self.close_connection = True
            self.send_error(HTTPStatus.LENGTH_REQUIRED)
        elif len(size) > 9 or int(size) > LARGEST_BODY:
            self.close_connection = True
            self.send_error(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        else:
            body = self.rfile.read(int(size))
            if len(body) == int(size):
                Visit(self, body).serve()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing on the terminal: the endpoint has a log of its own."""

    def head(self, status: int, size: int, kind: str, challenges: Sequence[str] = ()) -> bytes:
        """Everything before the body of an answer."""
        now = datetime.now(UTC) + self.endpoint.interference.skew
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            *([f"Content-Type: {kind}"] if size else []),
            "Server: Microsoft-HTTPAPI/2.0",
            *(f"WWW-Authenticate: {challenge}" for challenge in challenges),
            f"Date: {format_datetime(now, usegmt=True)}",
            f"Content-Length: {size}",
            *(["Connection: close"] if self.close_connection else []),
        ]
        return "\r\n".join([*lines, "\r\n"]).encode("ascii")

    def is_left(self) -> bool:
        """Whether the client has closed its end, also where it left unread data behind."""
        poll = select.poll()
        poll.register(self.request, getattr(select, "POLLRDHUP", 0) | select.POLLHUP)
        return bool(poll.poll(0))


class Visit:
    """One request on its way, and the answer to it.

    Attributes:
        service: what is asked.
        request: the request, decrypted; without action before the sign-in.
        envelope: what the service answered; empty before.
        status: of HTTP, with which it answered; 200 before.
        fault: name of what interfered, for the log.
    """

    def __init__(self, handler: _Handler, received: bytes) -> None:
        """A request of which nothing but its bytes is known."""
        self._handler = handler
        self._received = received
        self.endpoint = handler.endpoint
        self.service: WsmanService | ShellService = handler.endpoint.service
        self.is_there = True
        # Before a request was read there is no path.
        if "powershell" in getattr(handler, "path", "").casefold():
            self.is_there = handler.endpoint.shells is not None
            self.service = handler.endpoint.shells or self.service
        self.request = Request("")
        self.logon: LogOn | None = None
        self.envelope = b""
        self.status = 200
        self._challenges: Sequence[str] = ()
        self._encrypted = ""
        self.fault, self._why = "", ""
        self._noted = self._mistrusts = False

    def serve(self) -> None:
        """From the bytes of the request to those of the answer."""
        if self._meets("log-on"):
            return
        if not self.is_there:
            self._send(404, b"", "")
            return
        body = self._received
        if self._handler.headers.get("WSMANIDENTIFY", "").casefold() == "unauthenticated":
            self.request = _request_of(body)
            if self.request.action == "Identify":
                self.give(200, soap.identity())
                return
        if not self._log_on():
            return
        if not body:
            # Clients finish a sign-in of several rounds with an empty request.
            self._send(200, b"", SOAP_TYPE)
            return
        plain = self._opened(body)
        if plain is not None:
            self._ask(plain)

    def mistrust(self) -> None:
        """Hold the sign-in of this request against other passwords than those of the accounts."""
        self._mistrusts = True

    def _log_on(self) -> bool:
        accounts = self.endpoint.accounts
        self._handler.log_on.accounts = accounts.changed if self._mistrusts else accounts
        outcome = self._handler.log_on.authenticate(self._handler.headers.get("Authorization"))
        self.logon, self._challenges, self._why = outcome.logon, outcome.headers, outcome.why
        if self.logon is None:
            self._send(401, b"", "")
        return self.logon is not None

    def _opened(self, body: bytes) -> bytes | None:
        """The request in plain text; None: it was answered with why not."""
        kind = self._handler.headers.get("Content-Type", "")
        if not kind.startswith("multipart/"):
            if self.endpoint.tls is None:
                self.request = _request_of(body)
                self.give(500, self.service.refuse(self.request, UNENCRYPTED).body)
                return None
            return body
        try:
            plain = self._handler.log_on.open(body)
        except MessageError as error:
            self._why = str(error)
            self._send(400, b"", "")
            return None
        self._encrypted = kind
        return plain

    def _ask(self, plain: bytes) -> None:
        """Let the service answer, with the faults before and behind it."""
        assert self.logon is not None  # noqa: S101 - nobody comes here otherwise
        self.request = _request_of(plain)
        if not self.endpoint.accounts.knows(self.logon.user):
            self.give(500, self.service.refuse(self.request, NO_ACCESS).body)
            return
        if self._meets("request"):
            return
        read = self.request if self.request.action else None
        answer = self.service.answer(plain, self.logon, read)
        self.envelope, self.status = answer.body, answer.status
        if not self._meets("answer"):
            self.give(answer.status, answer.body)

    def _meets(self, moment: Stage) -> bool:
        met = self.endpoint.interference.meet(moment, self)
        if met and not self._noted:
            self._note(0, 0)
        return met

    @property
    def token(self) -> bytes:
        """What follows the scheme in the Authorization header; empty if that is no base64."""
        _, _, value = self._handler.headers.get("Authorization", "").partition(" ")
        try:
            return base64.b64decode(value, validate=True)
        except binascii.Error:
            return b""

    def give(self, status: int, envelope: bytes) -> None:
        """Send an envelope, encrypted if the request was."""
        kind, body = self._sealed(envelope)
        self._send(status, body, kind)

    def give_plain(self, status: int, body: bytes, kind: str) -> None:
        """Send a body of another kind, as a proxy would."""
        self._send(status, body, kind)

    def challenge(self, offer: Sequence[str] | None = None) -> None:
        """Send 401; with the schemes of the endpoint unless others are given."""
        self._challenges = self.endpoint.offer if offer is None else offer
        self._send(401, b"", "")

    def message(self) -> bytes:
        """The whole answer of the service as it would go over the wire, head and body."""
        kind, body = self._sealed(self.envelope)
        return self._handler.head(self.status, len(body), kind, self._challenges) + body

    def write(self, data: bytes) -> None:
        """Send bytes as they are, at once."""
        self._handler.wfile.write(data)
        self._handler.wfile.flush()

    def pause(self, seconds: float | None = None) -> bool:
        """Wait, for ever if no time is given. False: the client left, or the endpoint stops."""
        end = None if seconds is None else time.monotonic() + seconds
        while end is None or time.monotonic() < end:
            rest = 0.05 if end is None else min(0.05, max(0.0, end - time.monotonic()))
            if self.endpoint.stopping.wait(rest) or self._handler.is_left():
                return False
        return True

    def hang_up(self, *, reset: bool = False) -> None:
        """Say nothing more on this connection, and close or reset it."""
        self._handler.close_connection = True
        if reset:
            self._handler.server.resets.add(self._handler.request)

    def _sealed(self, envelope: bytes) -> tuple[str, bytes]:
        if not self._encrypted:
            return SOAP_TYPE, envelope
        return self._handler.log_on.seal(self._encrypted, envelope)

    def _send(self, status: int, body: bytes, kind: str) -> None:
        self._note(status, len(body))
        self.write(self._handler.head(status, len(body), kind, self._challenges) + body)

    def _note(self, status: int, sent: int) -> None:
        self._noted = True
        self.endpoint.log.append(
            LogEntry(
                at=time.monotonic(),
                action=self.request.action,
                status=status,
                received=len(self._received),
                sent=sent,
                method=self.logon.method if self.logon else "",
                encrypted=bool(self._encrypted),
                fault=self.fault,
                why=self._why,
            )
        )


def _request_of(body: bytes) -> Request:
    """A request for the log and the faults; the service says itself what is wrong with it."""
    try:
        return soap.parse(body)
    except soap.EnvelopeError:
        return Request("")
