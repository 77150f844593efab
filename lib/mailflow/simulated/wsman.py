"""The WS-Management service of one server: shells, commands, streams and quotas; no sockets.

A request comes in as bytes with the account that sent it, an answer goes out as bytes. What a
command line does is no business of this module: a *runner* gets it as a `Job`.
"""

from __future__ import annotations

import base64
import codecs
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from html import escape
from typing import Protocol

from mailflow.simulated import soap
from mailflow.simulated.shell_host import (
    NO_COMMAND,
    NO_RESOURCE,
    NO_SHELL,
    TAKEN,
    TIMED_OUT,
    LogOn,
    Quotas,
    ShellHost,
    decoded,
)
from mailflow.simulated.soap import Request, Trouble, TroubleError

UTF8, CONSOLE = 65001, 437
"""Code pages: what a careful client asks for, and what a shell has unless asked."""

LONGEST_LINE, LONGEST_WITHOUT_CMD = 8191, 32767
"""Characters of a command line, through cmd.exe and without it."""

WAITING_BYTES = 8_000_000
"""Output that nobody fetches waits up to this size; then the command that writes it waits."""

PIECE, AROUND_PIECE = 32_768, 256
"""Output lies there in pieces of this many bytes; an answer spends this many more on each."""

TOO_MANY_COMMANDS = Trouble(
    2150859174,
    "w:QuotaLimit",
    "The WS-Management service cannot process the request. This shell runs as many processes as "
    "are allowed.",
)


class StandardInput:
    """Standard input of a command: filled by Send requests, read by its runner."""

    def __init__(self) -> None:
        """Empty, and not at its end."""
        self._changed = threading.Condition()
        self._data = bytearray()
        self._ended = False

    def feed(self, data: bytes, *, end: bool = False) -> None:
        """Add what a request brought; with `end` nothing more will come."""
        with self._changed:
            if not self._ended:
                self._data += data
                self._ended = end
            self._changed.notify_all()

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes as soon as there are any; everything, at the end, if it is negative.

        Empty means: the end was reached, or the command was cancelled.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ended or (size >= 0 and self._data))
            wanted = len(self._data) if size < 0 else size
            taken = bytes(self._data[:wanted])
            del self._data[:wanted]
            return taken


@dataclass(slots=True)
class Job:
    """One command line, as a runner sees it.

    Attributes:
        line: The command line as the client wrote it, arguments and all.
        server: The server on which it runs, as the organization names it.
        logon: Whose rights it has.
        codepage: What the text of its output has to be encoded in.
        environment: Variables the client set for the shell.
        stdin: Its standard input.
        cancelled: Set when the client gave up; the runner then returns soon.
    """

    line: str
    server: str
    logon: LogOn
    codepage: int = CONSOLE
    environment: Mapping[str, str] = field(default_factory=dict)
    stdin: StandardInput = field(default_factory=StandardInput)
    cancelled: threading.Event = field(default_factory=threading.Event)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _chunks: deque[tuple[str, bytes]] = field(default_factory=deque)
    _waiting: int = 0
    _code: int | None = None
    _gone: bool = False

    def write(self, data: bytes, stream: str = "stdout") -> None:
        """Give output; waits while too much of it lies there. Lost once the job was cancelled."""
        for at in range(0, len(data), PIECE):
            self._put(data[at : at + PIECE], stream)

    def _put(self, piece: bytes, stream: str) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting < WAITING_BYTES or self.cancelled.is_set())
            if self.cancelled.is_set():
                return
            last = self._chunks[-1] if self._chunks else ("", b"")
            if last[0] == stream and len(last[1]) + len(piece) <= PIECE:
                self._chunks[-1] = (stream, last[1] + piece)
            else:
                self._chunks.append((stream, piece))
            self._waiting += len(piece)
            self._changed.notify_all()

    def write_text(self, text: str, stream: str = "stdout") -> None:
        """Give text in the code page of the shell; what that cannot hold is lost, as on Windows."""
        self.write(text.encode(codec(self.codepage), "replace"), stream)

    def finish(self, code: int) -> None:
        """Nothing more will be written; `code` is the exit code."""
        with self._changed:
            self._code = code
            self._changed.notify_all()

    def cancel(self, *, gone: bool = False) -> None:
        """Ask the runner to stop; with `gone` the shell was closed as well."""
        with self._changed:
            self._gone = self._gone or gone
            self.cancelled.set()
            self._changed.notify_all()
        self.stdin.feed(b"", end=True)

    def take(self, budget: int, wait: float) -> tuple[list[tuple[str, bytes]], int | None]:
        """Output of up to `budget` bytes, and the exit code if that was the last of it.

        Raises:
            TroubleError: nothing came within `wait` seconds, or the shell was closed meanwhile.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._chunks or self._code is not None or self._gone, wait
            )
            if self._gone:
                raise TroubleError(NO_SHELL)
            taken = []
            while self._chunks and budget > 0:
                stream, data = self._chunks.popleft()
                if len(data) > budget:
                    self._chunks.appendleft((stream, data[budget:]))
                    data = data[:budget]
                taken.append((stream, data))
                budget -= len(data) + AROUND_PIECE
                self._waiting -= len(data)
            self._changed.notify_all()
            done = self._code if not self._chunks else None
            if not taken and done is None:
                raise TroubleError(TIMED_OUT)
            return taken, done


class Runner(Protocol):
    """What executes a command line."""

    def __call__(self, job: Job) -> int:
        """Run to the end, in a thread of its own, and return the exit code.

        It reads `job.stdin`, gives output by `job.write`, and returns soon after `job.cancelled`
        was set.
        """


@dataclass(slots=True)
class _Shell:
    """One shell of one user."""

    identity: str
    user: str
    codepage: int
    environment: Mapping[str, str]
    idle: float
    used: float = 0.0
    busy: int = 0
    jobs: dict[str, Job] = field(default_factory=dict)


class WsmanService(ShellHost[_Shell]):
    """The WS-Management service of one server. Its methods may be called from many threads."""

    def __init__(
        self,
        server: str,
        runner: Runner,
        *,
        quotas: Quotas | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """A service without shells, whose commands `runner` executes."""
        super().__init__(server, quotas or Quotas(), clock)
        self.runner = runner

    def _answer(self, request: Request, logon: LogOn) -> bytes:
        if request.action == "Identify":
            return soap.identity()
        if request.action == "Get" and request.resource.endswith("/wsman/1/config"):
            return self._config(request)
        if request.resource != soap.CMD:
            raise TroubleError(NO_RESOURCE)
        if request.action == "Create":
            return self._create(request, logon)
        operations: dict[str, Callable[[Request, _Shell], bytes]] = {
            "Command": partial(self._command, logon=logon),
            "Send": self._send,
            "Receive": self._receive,
            "Signal": self._signal,
        }
        return self._on_shell(request, logon, operations)

    def _create(self, request: Request, logon: LogOn) -> bytes:
        body = request.body
        if body is None:
            raise TroubleError(NO_RESOURCE)
        variables = body.iterfind(f"{{{soap.SHELL}}}Environment/{{{soap.SHELL}}}Variable")
        codepage = request.options.get("WINRS_CODEPAGE", "")
        shell = _Shell(
            identity=(body.get("ShellId") or str(uuid.uuid4())).upper(),
            user=logon.user,
            codepage=int(codepage) if codepage.isdecimal() and len(codepage) < 6 else CONSOLE,
            environment={variable.get("Name", ""): variable.text or "" for variable in variables},
            idle=soap.seconds(body.findtext(f"{{{soap.SHELL}}}IdleTimeOut") or "", 7200.0),
        )
        self._admit(shell)
        return soap.created(soap.CMD, request.message, shell.identity, self._described(shell))

    def _described(self, shell: _Shell) -> str:
        return soap.shell(
            soap.CMD, shell.identity, shell.user, shell.idle, "stdin", "stdout stderr"
        )

    def _command(self, request: Request, shell: _Shell, logon: LogOn) -> bytes:
        body = request.body
        if body is None:
            raise TroubleError(NO_COMMAND)
        words = [body.findtext(f"{{{soap.SHELL}}}Command") or ""]
        words += [argument.text or "" for argument in body.iterfind(f"{{{soap.SHELL}}}Arguments")]
        job = Job(
            line=" ".join(word for word in words if word),
            server=self.server,
            logon=logon,
            codepage=shell.codepage,
            environment=shell.environment,
        )
        identity = (body.get("CommandId") or str(uuid.uuid4())).upper()
        with self._lock:
            if len(shell.jobs) >= self.quotas.commands:
                raise TroubleError(TOO_MANY_COMMANDS)
            if identity in shell.jobs:
                raise TroubleError(TAKEN)
            # Closed since this request found it: nothing may start in it any more.
            if shell.identity not in self._shells:
                raise TroubleError(NO_SHELL)
            shell.jobs[identity] = job
            through_cmd = request.options.get("WINRS_SKIP_CMD_SHELL", "").upper() != "TRUE"
            name = f"{self.server} {identity}"
            thread = threading.Thread(target=self._run, args=(job, through_cmd), name=name)
            thread.daemon = True
            self._start(thread)
        return soap.began(request.message, identity)

    def _run(self, job: Job, through_cmd: bool) -> None:
        """The thread of a command. Whatever the runner does, the client learns that it ended."""
        code = 1
        try:
            if through_cmd and len(job.line) > LONGEST_LINE:
                job.write_text("The command line is too long.\r\n", "stderr")
            elif len(job.line) > LONGEST_WITHOUT_CMD:
                job.write_text("The filename or extension is too long.\r\n", "stderr")
            else:
                code = self.runner(job)
        finally:
            job.finish(code)

    def _job(self, identity: str, shell: _Shell) -> Job:
        job = shell.jobs.get(identity.upper())
        if job is None:
            raise TroubleError(NO_COMMAND)
        return job

    def _send(self, request: Request, shell: _Shell) -> bytes:
        streams = [] if request.body is None else request.body.findall(f"{{{soap.SHELL}}}Stream")
        for stream in streams:
            job = self._job(stream.get("CommandId", ""), shell)
            data = decoded(stream.text or "")
            job.stdin.feed(data, end=stream.get("End", "").casefold() == "true")
        return soap.answer(f"{soap.SHELL}/SendResponse", request.message, "<rsp:SendResponse/>")

    def _receive(self, request: Request, shell: _Shell) -> bytes:
        wanted = None
        if request.body is not None:
            wanted = request.body.find(f"{{{soap.SHELL}}}DesiredStream")
        identity = "" if wanted is None else wanted.get("CommandId", "").upper()
        job = self._job(identity, shell)
        # A quarter goes to base64, and the envelope around it takes its part.
        budget = max(1, (min(request.envelope, self.quotas.envelope) - 2048) * 3 // 4)
        taken, code = job.take(budget, request.seconds)
        named = f'CommandId="{escape(identity)}"'
        parts = [
            f'<rsp:Stream Name="{stream}" {named}>{base64.b64encode(data).decode()}</rsp:Stream>'
            for stream, data in taken
        ]
        if code is None:
            parts.append(f'<rsp:CommandState {named} State="{soap.SHELL}/CommandState/Running"/>')
        else:
            parts += [
                f'<rsp:Stream Name="{stream}" {named} End="true"/>'
                for stream in ("stdout", "stderr")
            ]
            parts.append(
                f'<rsp:CommandState {named} State="{soap.SHELL}/CommandState/Done">'
                f"<rsp:ExitCode>{code}</rsp:ExitCode></rsp:CommandState>"
            )
        body = f"<rsp:ReceiveResponse>{''.join(parts)}</rsp:ReceiveResponse>"
        return soap.answer(f"{soap.SHELL}/ReceiveResponse", request.message, body)

    def _signal(self, request: Request, shell: _Shell) -> bytes:
        body = request.body
        if body is None:
            raise TroubleError(NO_COMMAND)
        identity = body.get("CommandId", "").upper()
        # A client that tidies up twice gets the same answer twice, as from Windows.
        job = shell.jobs.get(identity)
        if job is not None:
            job.cancel()
            if (body.findtext(f"{{{soap.SHELL}}}Code") or "").endswith("/terminate"):
                with self._lock:
                    shell.jobs.pop(identity, None)
        return soap.answer(f"{soap.SHELL}/SignalResponse", request.message, "<rsp:SignalResponse/>")

    def _config(self, request: Request) -> bytes:
        kilobytes = self.quotas.envelope // 1000
        return soap.answer(
            f"{soap.TRANSFER}/GetResponse",
            request.message,
            f'<cfg:Config xmlns:cfg="{soap.CONFIG}">'
            f"<cfg:MaxEnvelopeSizekb>{kilobytes}</cfg:MaxEnvelopeSizekb>"
            "<cfg:MaxTimeoutms>60000</cfg:MaxTimeoutms></cfg:Config>",
        )

    def _close(self, shell: _Shell) -> None:
        with self._lock:
            self._shells.pop(shell.identity, None)
            jobs = list(shell.jobs.values())
        for job in jobs:
            job.cancel(gone=True)


def codec(codepage: int) -> str:
    """Python's codec for a code page of Windows; that of 437 for one that Python does not have."""
    if codepage == UTF8:
        return "utf-8"
    try:
        return codecs.lookup(f"cp{codepage}").name
    except LookupError:
        return "cp437"
