"""Exchange's own endpoint `/PowerShell/` of one server: PSRP to an unmodified client; no sockets.

The protocol is psrpcore's server side; what a cmdlet gives is the session's, as behind WinRM. One
runspace for each session and no language (S8.06): a script, or more than one command, is refused as
Exchange refuses it. Rows are written by our own writer: psrpcore serializes some 3,300 addresses a
second. Nothing is asked back (no host calls), and nobody connects to a session that another opened.
"""

from __future__ import annotations

import base64
import struct
import threading
import time
import uuid
from collections.abc import Callable
from functools import partial
from html import escape
from typing import TYPE_CHECKING

from mailflow.simulated import soap
from mailflow.simulated.runspace import PracticeRunspace, Runspace
from mailflow.simulated.shell_host import (
    NO_BASE64,
    NO_COMMAND,
    NO_RESOURCE,
    LogOn,
    Quotas,
    ShellHost,
    decoded,
)
from mailflow.simulated.soap import Request, Trouble, TroubleError
from mailflow.sources.shell import Fault

if TYPE_CHECKING:
    from mailflow.simulated.runner import CmdletSession, Entrance

URI = "http://schemas.microsoft.com/powershell/Microsoft.Exchange"
"""The one configuration that the virtual directory takes."""

IDLE_SECONDS = 900.0
"""After so long without a request a session closes, unless the client asked for another time."""

MOST_SESSIONS = 18
"""Of one user on a server (S8.16)."""

NO_CONFIGURATION = Trouble(
    2150859194,
    "w:InvalidResourceURI",
    "The virtual directory takes no other configuration than Microsoft.Exchange.",
)
NO_ROLE = Trouble(5, "w:AccessDenied", "Access is denied.")

_AROUND = 4096
"""Bytes of an answer around the fragments in it."""


class ShellService(ShellHost[Runspace]):
    """Exchange's endpoint of one server. Its methods may be called from many threads."""

    def __init__(
        self,
        server: str,
        entrance: Entrance,
        *,
        quotas: Quotas | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """An endpoint without sessions, whose cmdlets are those of the entrance."""
        super().__init__(server, quotas or Quotas(shells=MOST_SESSIONS), clock)
        self.entrance = entrance

    def _answer(self, request: Request, logon: LogOn) -> bytes:
        if request.action == "Identify":
            return soap.identity()
        if request.action == "Create":
            return self._create(request, logon)
        operations = {
            "Command": self._command,
            "Send": self._send,
            "Receive": self._receive,
            "Signal": self._signal,
        }
        if request.body is None and request.action in operations:
            raise TroubleError(NO_COMMAND)
        return self._on_shell(request, logon, operations)

    def _create(self, request: Request, logon: LogOn) -> bytes:
        if request.resource.casefold() != URI.casefold():
            raise TroubleError(NO_CONFIGURATION)
        body = request.body
        if body is None:
            raise TroubleError(NO_RESOURCE)
        found = self.entrance.at_endpoint(self.server, logon)
        if isinstance(found, Fault):
            raise TroubleError(NO_ROLE)
        opening = body.findtext("{http://schemas.microsoft.com/powershell}creationXml") or ""
        identity = (body.get("ShellId") or str(uuid.uuid4())).upper()
        idle = soap.seconds(body.findtext(f"{{{soap.SHELL}}}IdleTimeOut") or "", IDLE_SECONDS)
        session = self.new_runspace(identity, logon, idle, found)
        self._admit(session)
        try:
            _fed(session.open, decoded(opening))
        except TroubleError:
            self._close(session)
            raise
        return soap.created(URI, request.message, identity, self._described(session))

    def new_runspace(
        self, identity: str, logon: LogOn, idle: float, session: CmdletSession
    ) -> Runspace:
        """What runs the cmdlets of a session that was let in."""
        return PracticeRunspace(
            identity,
            logon.user,
            idle,
            session=session,
            delay=lambda: self.entrance.delay(self.server),
            start=self._begin,
        )

    def _begin(self, thread: threading.Thread) -> None:
        with self._lock:
            self._start(thread)

    def _described(self, session: Runspace) -> str:
        return soap.shell(URI, session.identity, session.user, session.idle, "stdin pr", "stdout")

    def _command(self, request: Request, session: Runspace) -> bytes:
        assert request.body is not None  # noqa: S101 - `_answer` has looked
        identity = (request.body.get("CommandId") or str(uuid.uuid4())).upper()
        opening = request.body.findtext(f"{{{soap.SHELL}}}Arguments") or ""
        try:
            pipeline = uuid.UUID(identity)
        except ValueError as error:
            raise TroubleError(NO_COMMAND) from error
        session.announce(pipeline)
        session.piece = max(1024, (min(request.envelope, self.quotas.envelope) - _AROUND) // 2)
        _fed(partial(session.feed, pipeline=pipeline), decoded(opening))
        return soap.began(request.message, identity)

    def _send(self, request: Request, session: Runspace) -> bytes:
        assert request.body is not None  # noqa: S101 - `_answer` has looked
        for stream in request.body.findall(f"{{{soap.SHELL}}}Stream"):
            data = decoded(stream.text or "")
            identity = stream.get("CommandId", "")
            if identity and session.job(identity) is None:
                raise TroubleError(NO_COMMAND)
            pipeline = uuid.UUID(identity) if identity else None
            _fed(partial(session.feed, pipeline=pipeline), data)
        return soap.answer(f"{soap.SHELL}/SendResponse", request.message, "<rsp:SendResponse/>")

    def _receive(self, request: Request, session: Runspace) -> bytes:
        assert request.body is not None  # noqa: S101 - `_answer` has looked
        wanted = request.body.find(f"{{{soap.SHELL}}}DesiredStream")
        identity = "" if wanted is None else wanted.get("CommandId", "").upper()
        job = session.job(identity)
        if identity and job is None:
            raise TroubleError(NO_COMMAND)
        outbox = job.outbox if job else session.outbox
        budget = max(1, (min(request.envelope, self.quotas.envelope) - _AROUND) * 3 // 4)
        taken, is_done = outbox.take(budget, request.seconds)
        named = f' CommandId="{escape(identity)}"' if identity else ""
        parts = [
            f'<rsp:Stream Name="stdout"{named}>{base64.b64encode(piece).decode()}</rsp:Stream>'
            for piece in taken
        ]
        if identity:
            state = "Done" if is_done else "Running"
            exit_code = "<rsp:ExitCode>0</rsp:ExitCode>" if is_done else ""
            parts.append(
                f'<rsp:CommandState{named} State="{soap.SHELL}/CommandState/{state}">{exit_code}'
                "</rsp:CommandState>"
            )
        body = f"<rsp:ReceiveResponse>{''.join(parts)}</rsp:ReceiveResponse>"
        return soap.answer(f"{soap.SHELL}/ReceiveResponse", request.message, body)

    def _signal(self, request: Request, session: Runspace) -> bytes:
        assert request.body is not None  # noqa: S101 - `_answer` has looked
        identity = request.body.get("CommandId", "")
        session.stop(identity)
        code = request.body.findtext(f"{{{soap.SHELL}}}Code") or ""
        if code.casefold().endswith("/terminate"):
            session.forget(identity)
        return soap.answer(f"{soap.SHELL}/SignalResponse", request.message, "<rsp:SignalResponse/>")

    def _close(self, session: Runspace) -> None:
        with self._lock:
            self._shells.pop(session.identity, None)
        session.end()


def _fed(take: Callable[[bytes], None], data: bytes) -> None:
    """Give psrpcore what a client sent; what it cannot read is the client's fault."""
    from psrpcore import PSRPCoreError

    try:
        take(data)
    # The others are what psrpcore raises for bytes that are no fragments, and XML that is none.
    except (
        PSRPCoreError,
        ValueError,
        LookupError,
        AttributeError,
        SyntaxError,
        struct.error,
    ) as error:
        raise TroubleError(NO_BASE64) from error
