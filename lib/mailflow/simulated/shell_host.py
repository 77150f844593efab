"""What both endpoints of a simulated server share: shells that users open and leave behind.

A request comes in as bytes with the account that sent it, an answer goes out as bytes; no sockets.
"""

from __future__ import annotations

import base64
import binascii
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from mailflow.simulated import soap
from mailflow.simulated.soap import Request, Trouble, TroubleError

NO_SHELL = Trouble(
    2150858843,
    "w:InvalidSelectors",
    "The request for the Windows Remote Shell with ShellId failed because the shell was not found "
    "on the server.",
)
TOO_LARGE = Trouble(
    2150858817, "w:EncodingLimit", "The request is larger than the server's MaxEnvelopeSize."
)

NO_COMMAND = Trouble(2150858844, "w:InvalidSelectors", "The command was not found in the shell.")
TIMED_OUT = Trouble(
    2150858793,
    "w:TimedOut",
    "The WS-Management service cannot complete the operation within the time specified in "
    "OperationTimeout.  ",
)
TOO_MANY_SHELLS = Trouble(
    2150859173,
    "w:QuotaLimit",
    "The WS-Management service cannot process the request. This user has as many shells open as "
    "are allowed. Close existing shells or raise the quota for this user.",
)
NO_RESOURCE = Trouble(
    2150858752, "w:InvalidResourceURI", "The service does not know this resource URI."
)
TAKEN = Trouble(183, "w:AlreadyExists", "There is one with this identity already.")
NO_BASE64 = Trouble(87, "w:InvalidParameter", "The stream is no base64.")
NO_ACTION = Trouble(2150858752, "a:ActionNotSupported", "The service does not support this action.")


@dataclass(frozen=True, slots=True)
class LogOn:
    """Who sent a request, and how that was proved.

    Attributes:
        user: The account, without domain.
        method: basic, ntlm, kerberos, credssp or certificate.
        delegated: Whether the server may go on to another one in the user's name: with a password
            it was given, or a ticket that may be forwarded.
    """

    user: str
    method: str
    delegated: bool = False


@dataclass(frozen=True, slots=True)
class Quotas:
    """Limits of a server, as Windows has them unless changed."""

    envelope: int = 512_000
    shells: int = 30
    commands: int = 25


@dataclass(frozen=True, slots=True)
class WsmanAnswer:
    """What goes back: HTTP status, envelope, and what was asked for."""

    status: int
    body: bytes
    action: str


class HostedShell(Protocol):
    """A shell of one user.

    Attributes:
        identity: its id, in capitals.
        user: who opened it.
        busy: how many requests are about it.
        used: when the last of them ended, by the clock of its host.
        idle: seconds without one after which it is closed.
    """

    identity: str
    user: str
    busy: int
    used: float
    idle: float


S = TypeVar("S", bound=HostedShell)


class ShellHost(ABC, Generic[S]):
    """An endpoint of one server. Its methods may be called from many threads.

    Attributes:
        server: whose it is.
        quotas: its limits.
        opened: how many shells were ever opened.
    """

    def __init__(self, server: str, quotas: Quotas, clock: Callable[[], float]) -> None:
        """Begin without shells."""
        self.server, self.quotas = server, quotas
        self.opened = 0
        self._clock = clock
        self._lock = threading.Lock()
        self._shells: dict[str, S] = {}
        self._threads: set[threading.Thread] = set()

    @abstractmethod
    def _answer(self, request: Request, logon: LogOn) -> bytes:
        """The envelope that answers a request.

        Raises:
            TroubleError: it is refused.
        """

    @abstractmethod
    def _close(self, shell: S) -> None:
        """End a shell with all that is in it."""

    @abstractmethod
    def _described(self, shell: S) -> str:
        """A shell, as Create and Get tell of it."""

    def _on_shell(
        self,
        request: Request,
        logon: LogOn,
        operations: Mapping[str, Callable[[Request, S], bytes]],
    ) -> bytes:
        """The answer to what is asked of a shell: one of these operations, Get or Delete.

        Raises:
            TroubleError: there is no such operation or shell, or it refuses.
        """
        known = {**operations, "Delete": self._delete, "Get": self._get}
        if request.action not in known:
            raise TroubleError(NO_ACTION)
        shell = self._taken(request, logon.user)
        try:
            return known[request.action](request, shell)
        finally:
            self._left(shell)

    def _delete(self, request: Request, shell: S) -> bytes:
        self._close(shell)
        return soap.answer(f"{soap.TRANSFER}/DeleteResponse", request.message, "")

    def _get(self, request: Request, shell: S) -> bytes:
        action = f"{soap.TRANSFER}/GetResponse"
        return soap.answer(action, request.message, self._described(shell))

    def _admit(self, shell: S) -> None:
        """A shell is open from now on.

        Raises:
            TroubleError: its user has as many as are allowed, or one has its id.
        """
        self.close_idle()
        shell.used = self._clock()
        with self._lock:
            mine = sum(open_shell.user == shell.user for open_shell in self._shells.values())
            if mine >= self.quotas.shells:
                raise TroubleError(TOO_MANY_SHELLS)
            if shell.identity in self._shells:
                raise TroubleError(TAKEN)
            self._shells[shell.identity] = shell
            self.opened += 1

    def _start(self, thread: threading.Thread) -> None:
        """Begin the thread of a command; whoever calls this holds the lock."""
        thread.start()
        self._threads = {thread, *(running for running in self._threads if running.is_alive())}

    @property
    def open_shells(self) -> int:
        """How many shells are open now; those idle for too long are closed first."""
        self.close_idle()
        with self._lock:
            return len(self._shells)

    def close_idle(self) -> None:
        """Close each shell that nobody used for longer than its idle time-out."""
        now = self._clock()
        with self._lock:
            late = [
                shell
                for shell in self._shells.values()
                if not shell.busy and now - shell.used > shell.idle
            ]
        for shell in late:
            self._close(shell)

    def close(self, seconds: float = 0.0) -> None:
        """Close every shell, and give the commands in them a time to end."""
        with self._lock:
            shells, threads = list(self._shells.values()), list(self._threads)
        for shell in shells:
            self._close(shell)
        end = time.monotonic() + seconds
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))

    def lose(self, identity: str) -> None:
        """Close one shell as if it had never been there."""
        with self._lock:
            shell = self._shells.get(identity.upper())
        if shell is not None:
            self._close(shell)

    def answer(self, data: bytes, logon: LogOn, read: Request | None = None) -> WsmanAnswer:
        """Answer one request; blocks as long as a Receive may wait. Never raises for bad input.

        `read` is the request, where whoever asks has taken it apart already.
        """
        try:
            request = read or soap.parse(data)
        except soap.EnvelopeError as error:
            bad = Trouble(2150858752, "s:Sender", f"The request is malformed: {error}")
            return WsmanAnswer(500, soap.fault(bad, "", self.server), "")
        if len(data) > self.quotas.envelope:
            return self.refuse(request, TOO_LARGE)
        try:
            return WsmanAnswer(200, self._answer(request, logon), request.action)
        except TroubleError as error:
            return self.refuse(request, error.trouble)

    def refuse(self, request: Request, trouble: Trouble) -> WsmanAnswer:
        """The answer that says why not."""
        fault = soap.fault(trouble, request.message, self.server)
        return WsmanAnswer(500, fault, request.action)

    def _taken(self, request: Request, user: str) -> S:
        """The shell that is asked for, marked as in use. A shell belongs to who opened it."""
        wanted = request.selectors.get("ShellId", "").upper()
        with self._lock:
            shell = self._shells.get(wanted)
            if shell is None or shell.user != user:
                raise TroubleError(NO_SHELL)
            shell.busy += 1
            return shell

    def _left(self, shell: S) -> None:
        """A request about it has ended."""
        with self._lock:
            shell.busy -= 1
            shell.used = self._clock()


def decoded(text: str) -> bytes:
    """The bytes of a stream.

    Raises:
        TroubleError: they are no base64.
    """
    try:
        return base64.b64decode(text, validate=False)
    except binascii.Error as error:
        raise TroubleError(NO_BASE64) from error
