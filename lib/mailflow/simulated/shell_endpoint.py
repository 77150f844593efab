"""Exchange's own endpoint `/PowerShell/` of one server: PSRP to an unmodified client; no sockets.

The protocol is psrpcore's server side; what a cmdlet gives is the session's, as behind WinRM. One
runspace for each session and no language (S8.06): a script, or more than one command, is refused as
Exchange refuses it. Rows are written by our own writer: psrpcore serializes some 3,300 addresses a
second. Nothing is asked back (no host calls), and nobody connects to a session that another opened.
"""

from __future__ import annotations

import base64
import binascii
import struct
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from html import escape
from typing import TYPE_CHECKING, Any

from mailflow.simulated import soap
from mailflow.simulated.runspace import PracticeRunspace, RunspaceJob
from mailflow.simulated.shell_host import LogOn, Quotas, ShellHost
from mailflow.simulated.soap import Request, Trouble, TroubleError
from mailflow.simulated.writer import object_document
from mailflow.simulated.wsman import (
    NO_ACTION,
    NO_BASE64,
    NO_COMMAND,
    NO_RESOURCE,
    TAKEN,
    TOO_MANY_SHELLS,
)
from mailflow.sources.shell import Argument, Call, Fault, Reply

if TYPE_CHECKING:
    import psrpcore

    from mailflow.simulated.runner import Entrance

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
NO_SCRIPT = Fault(
    "refused",
    "ScriptsNotAllowed",
    "The syntax is not supported by this runspace. This can occur if the runspace is in "
    "no-language mode.",
)
"""S8.06."""

_AROUND = 4096
"""Bytes of an answer around the fragments in it."""


class ShellService(ShellHost[PracticeRunspace]):
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
        actions = {
            "Command": self._command,
            "Send": self._send,
            "Receive": self._receive,
            "Signal": self._signal,
            "Delete": self._delete,
            "Get": self._get,
        }
        if request.action not in actions:
            raise TroubleError(NO_ACTION)
        if request.body is None and request.action not in ("Delete", "Get"):
            raise TroubleError(NO_COMMAND)
        session = self._taken(request, logon.user)
        try:
            return actions[request.action](request, session)
        finally:
            self._left(session)

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
        session = PracticeRunspace(identity, logon.user, found, idle)
        session.used = self._clock()
        with self._lock:
            mine = sum(each.user == logon.user for each in self._shells.values())
            if mine >= self.quotas.shells:
                raise TroubleError(TOO_MANY_SHELLS)
            if identity in self._shells:
                raise TroubleError(TAKEN)
            self._shells[identity] = session
            self.opened += 1
        try:
            _fed(session.open, _decoded(opening))
        except TroubleError:
            self._close(session)
            raise
        created = (
            "<x:ResourceCreated>"
            f"<a:Address>{soap.ADDRESSING}/role/anonymous</a:Address><a:ReferenceParameters>"
            f"<w:ResourceURI>{URI}</w:ResourceURI><w:SelectorSet>"
            f'<w:Selector Name="ShellId">{escape(identity)}</w:Selector>'
            "</w:SelectorSet></a:ReferenceParameters></x:ResourceCreated>"
        )
        action = f"{soap.TRANSFER}/CreateResponse"
        return soap.answer(action, request.message, created + _described(session))

    def _get(self, request: Request, session: PracticeRunspace) -> bytes:
        return soap.answer(f"{soap.TRANSFER}/GetResponse", request.message, _described(session))

    def _delete(self, request: Request, session: PracticeRunspace) -> bytes:
        self._close(session)
        return soap.answer(f"{soap.TRANSFER}/DeleteResponse", request.message, "")

    def _command(self, request: Request, session: PracticeRunspace) -> bytes:
        from psrpcore import ServerPipeline

        assert request.body is not None  # noqa: S101 - `_answer` has looked
        identity = (request.body.get("CommandId") or str(uuid.uuid4())).upper()
        opening = request.body.findtext(f"{{{soap.SHELL}}}Arguments") or ""
        try:
            pipeline_id = uuid.UUID(identity)
        except ValueError as error:
            raise TroubleError(NO_COMMAND) from error
        with session.lock:
            if identity in session.jobs:
                raise TroubleError(TAKEN)
            session.jobs[identity] = RunspaceJob()
            session.piece = max(1024, (min(request.envelope, self.quotas.envelope) - _AROUND) // 2)
            pipeline = ServerPipeline(session.pool, pipeline_id)
        _fed(partial(self._begin, session, identity, pipeline), _decoded(opening))
        return soap.answer(
            f"{soap.SHELL}/CommandResponse",
            request.message,
            f"<rsp:CommandResponse><rsp:CommandId>{escape(identity)}</rsp:CommandId>"
            "</rsp:CommandResponse>",
        )

    def _send(self, request: Request, session: PracticeRunspace) -> bytes:
        assert request.body is not None  # noqa: S101 - `_answer` has looked
        for stream in request.body.findall(f"{{{soap.SHELL}}}Stream"):
            data = _decoded(stream.text or "")
            identity = stream.get("CommandId", "").upper()
            if not identity:
                _fed(session.feed, data)
                continue
            with session.lock:
                pipeline = session.pool.pipeline_table.get(_uuid(identity) or session.pool_id)
            if pipeline is None:
                raise TroubleError(NO_COMMAND)
            _fed(partial(self._begin, session, identity, pipeline), data)
        return soap.answer(f"{soap.SHELL}/SendResponse", request.message, "<rsp:SendResponse/>")

    def _begin(
        self,
        session: PracticeRunspace,
        identity: str,
        pipeline: psrpcore.ServerPipeline,
        data: bytes,
    ) -> None:
        """Take fragments for a command; it begins as soon as they are whole."""
        import psrpcore

        with session.lock:
            session.pool.receive_data(
                psrpcore.PSRPPayload(data, psrpcore.StreamType.default, pipeline.pipeline_id)
            )
            begins = False
            while (event := session.pool.next_event()) is not None:
                begins = begins or isinstance(event, psrpcore.CreatePipelineEvent)
        if begins:
            thread = threading.Thread(
                target=self._run,
                args=(session, session.jobs[identity], pipeline),
                name=f"{self.server} {identity}",
                daemon=True,
            )
            with self._lock:
                self._threads = {
                    thread,
                    *(running for running in self._threads if running.is_alive()),
                }
            thread.start()

    def _run(
        self, session: PracticeRunspace, job: RunspaceJob, pipeline: psrpcore.ServerPipeline
    ) -> None:
        """The thread of a command. Whatever happens in it, the client learns that it ended."""
        try:
            with session.turn:
                with session.lock:
                    pipeline.start()
                reply = self._replied(session, pipeline, job)
                for row in reply.rows:
                    if job.cancelled.is_set():
                        break
                    session.give(pipeline.pipeline_id, object_document(row))
                with session.lock:
                    _conclude(pipeline, reply, stopped=job.cancelled.is_set())
                    session.drain()
        finally:
            job.outbox.finish()

    def _replied(
        self, session: PracticeRunspace, pipeline: psrpcore.ServerPipeline, job: RunspaceJob
    ) -> Reply:
        commands = list(getattr(pipeline.metadata, "commands", ()))
        if len(commands) != 1 or commands[0].is_script:
            return Reply(Call(""), fault=NO_SCRIPT)
        parameters = {
            str(name or "Identity").strip("-:"): _argument(value)
            for name, value in commands[0].parameters
        }
        call = Call(str(commands[0].command_text), parameters)
        job.cancelled.wait(self.entrance.delay(self.server))
        return session.session.run(call)

    def _receive(self, request: Request, session: PracticeRunspace) -> bytes:
        assert request.body is not None  # noqa: S101 - `_answer` has looked
        wanted = request.body.find(f"{{{soap.SHELL}}}DesiredStream")
        identity = "" if wanted is None else wanted.get("CommandId", "").upper()
        with session.lock:
            job = session.jobs.get(identity)
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

    def _signal(self, request: Request, session: PracticeRunspace) -> bytes:
        assert request.body is not None  # noqa: S101 - `_answer` has looked
        identity = request.body.get("CommandId", "").upper()
        with session.lock:
            job = session.jobs.get(identity)
        if job is not None:
            job.cancelled.set()
            code = request.body.findtext(f"{{{soap.SHELL}}}Code") or ""
            if code.casefold().endswith("/terminate"):
                with session.lock:
                    session.jobs.pop(identity, None)
        return soap.answer(f"{soap.SHELL}/SignalResponse", request.message, "<rsp:SignalResponse/>")

    def _close(self, session: PracticeRunspace) -> None:
        with self._lock:
            self._shells.pop(session.identity, None)
        with session.lock:
            jobs = list(session.jobs.values())
        session.outbox.finish(gone=True)
        for job in jobs:
            job.cancelled.set()
            job.outbox.finish(gone=True)


def _described(session: PracticeRunspace) -> str:
    return (
        f"<rsp:Shell><rsp:ShellId>{escape(session.identity)}</rsp:ShellId>"
        f"<rsp:ResourceUri>{URI}</rsp:ResourceUri>"
        f"<rsp:Owner>{escape(session.user)}</rsp:Owner><rsp:ClientIP>127.0.0.1</rsp:ClientIP>"
        f"<rsp:IdleTimeOut>PT{session.idle:.3f}S</rsp:IdleTimeOut>"
        "<rsp:InputStreams>stdin pr</rsp:InputStreams>"
        "<rsp:OutputStreams>stdout</rsp:OutputStreams>"
        "<rsp:State>Connected</rsp:State></rsp:Shell>"
    )


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=False)
    except binascii.Error as error:
        raise TroubleError(NO_BASE64) from error


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


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


def _argument(value: Any) -> Argument:  # noqa: ANN401 - whatever psrpcore makes of a value
    """A parameter's value as the cmdlets here take it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, Mapping):
        return {
            str(name): tuple(map(str, texts if isinstance(texts, list) else [texts]))
            for name, texts in value.items()
        }
    if isinstance(value, list):
        return tuple(map(str, value))
    return str(value)


def _conclude(pipeline: psrpcore.ServerPipeline, reply: Reply, *, stopped: bool) -> None:
    """Say how a command ended, and what it complained of before."""
    from psrpcore.types import PSInvocationState

    if stopped:
        pipeline.stop()
        return
    for text in reply.warnings:
        pipeline.write_warning(text)
    for error in reply.errors:
        pipeline.write_error(
            _exception(error), fully_qualified_error_id=error.id, category_info=_category(error)
        )
    if reply.fault is None:
        pipeline.complete()
        return
    from psrpcore.types import ErrorRecord

    record = ErrorRecord(
        Exception=_exception(reply.fault),
        CategoryInfo=_category(reply.fault),
        FullyQualifiedErrorId=reply.fault.id,
    )
    # psrpcore has no word for a command that failed.
    pipeline._change_state(PSInvocationState.Failed, error=record)  # noqa: SLF001 - see above


def _exception(found: Fault) -> Any:  # noqa: ANN401 - an object of psrpcore
    from psrpcore.types import NETException

    return NETException(Message=found.message)


def _category(found: Fault) -> Any:  # noqa: ANN401 - an object of psrpcore
    from psrpcore.types import ErrorCategoryInfo

    return ErrorCategoryInfo(Reason=found.id.partition(",")[0] or "Exception")
