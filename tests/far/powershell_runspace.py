"""A session at `/PowerShell/` whose cmdlets run in a real PowerShell, in its server mode.

`pwsh -s` speaks the same protocol as Exchange's endpoint, in packets of XML on its standard
streams (S10.32). Fragments are carried between a client's requests and these packets as they are;
before the client's first command the session gets the cmdlets that its account has, and no language
any more, as Exchange's does (S8.06).
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import signal
import subprocess
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack

from far.powershell_runner import CMDLETS, PowerShellRunner
from mailflow.simulated.runner import CmdletSession, Entrance
from mailflow.simulated.runspace import Outbox, Runspace, RunspaceJob
from mailflow.simulated.shell_endpoint import ShellService
from mailflow.simulated.shell_host import LogOn
from mailflow.simulated.wsman import Job
from mailflow.sources.psrp import commands
from mailflow.sources.psrp.messages import STATE, Fragments
from mailflow.sources.shell import Call

SESSION = uuid.UUID(int=0)
"""What packets that are about no command name."""

STARTING_SECONDS = 30.0
"""For PowerShell to start, and to have its cmdlets."""

POOL_STATE = 0x21005
"""Kind of the message that says whether the session is open (MS-PSRP 2.2.2.2)."""

_PACKET = re.compile(rb"<(\w+)(?: Stream='\w+')? PSGuid='([-0-9a-fA-F]+)'\s*(?:/>|>([^<]*)<)")
_OPENED = b'"RunspaceState">2<'
_ENDED = re.compile(rb'"PipelineState">[345]<')
_SETTING_UP = 2**40
"""Number of our own message in a session: no client comes so far."""


class PowerShellRunspace(Runspace):
    """One session, and the process that runs its commands. It ends with the session."""

    def __init__(
        self,
        identity: str,
        user: str,
        idle: float,
        *,
        command: Sequence[str],
        environment: Mapping[str, str],
        cmdlets: Sequence[str],
        ended: Callable[[], None],
    ) -> None:
        """Start the process.

        Args:
            identity: as in `Runspace`, as are `user` and `idle`.
            user: see there.
            idle: see there.
            command: a PowerShell in server mode.
            environment: its variables.
            cmdlets: names of those that the account has.
            ended: is called when the process has ended.
        """
        super().__init__(identity, user, idle)
        self._cmdlets, self._ended = cmdlets, ended
        self._opened = threading.Event()
        self._said = threading.Condition()
        self._acknowledged: set[tuple[str, uuid.UUID]] = set()
        self._fragments: dict[uuid.UUID, Fragments] = {}
        self._sending, self._ending = threading.Lock(), threading.Lock()
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def open(self, data: bytes) -> None:
        """Open the session in PowerShell, and give it the cmdlets and no language."""
        self.feed(data)
        if not self._opened.wait(STARTING_SECONDS):
            raise ValueError("PowerShell opens no session")
        names = ", ".join(f"'{name}'" for name in self._cmdlets)
        self._run_script(
            ". $env:MAILFLOW_PRACTICE_SCRIPT\n"
            f"Add-PracticeCmdlet '{SESSION_NAME}' @({names})\n"
            "$ExecutionContext.SessionState.LanguageMode = 'NoLanguage'"
        )

    def announce(self, pipeline: uuid.UUID) -> None:
        """Have PowerShell expect the fragments of a command."""
        super().announce(pipeline)
        self._send("Command", pipeline)

    def feed(self, data: bytes, pipeline: uuid.UUID | None = None) -> None:
        """Pass fragments on."""
        self._send("Data", pipeline or SESSION, data)

    def stop(self, identity: str) -> None:
        """Have PowerShell stop a command."""
        job = self.job(identity)
        if job is not None and not job.cancelled.is_set():
            super().stop(identity)
            self._write(f"<Signal PSGuid='{identity.lower()}' />\n".encode())

    def end(self) -> None:
        """End the process, with all that it has begun."""
        super().end()
        with self._ending:
            if self._process.returncode is not None:
                return
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._reader.join()
            for pipe in (self._process.stdin, self._process.stdout):
                with contextlib.suppress(BrokenPipeError):
                    if pipe is not None:
                        pipe.close()
        self._ended()

    def _run_script(self, script: str) -> None:
        """Run a script of ours as a command that no client sees."""
        pipeline = uuid.uuid4()
        self.announce(pipeline)
        xml = commands.create_pipeline(Call(script))
        xml = xml.replace('N="IsScript">false', 'N="IsScript">true')
        for piece in commands.wrapped(
            xml, uuid.UUID(self.identity), pipeline, number=_SETTING_UP, size=30_000
        ):
            self.feed(piece, pipeline)
        job = self.job(str(pipeline))
        assert job is not None
        said = b"".join(_all_of(job.outbox))
        self.forget(str(pipeline))
        if b'"PipelineState">4<' not in said:
            raise ValueError(f"PowerShell has no cmdlets: {said[-2000:]!r}")

    def _send(self, kind: str, about: uuid.UUID, data: bytes = b"") -> None:
        """Send a packet and wait until it was taken: PowerShell deals with several at once."""
        body = base64.b64encode(data).decode()
        text = f"<Data Stream='Default' PSGuid='{about}'>{body}</Data>\n"
        if kind != "Data":
            text = f"<{kind} PSGuid='{about}' />\n"
        wanted = (f"{kind}Ack", about)
        with self._sending:
            self._write(text.encode())
            with self._said:
                if not self._said.wait_for(lambda: wanted in self._acknowledged, STARTING_SECONDS):
                    raise ValueError(f"PowerShell does not take {kind}")
                self._acknowledged.discard(wanted)

    def _write(self, packet: bytes) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        with contextlib.suppress(BrokenPipeError):
            pipe.write(packet)
            pipe.flush()

    def _read(self) -> None:
        """The thread that takes what PowerShell says, until it has ended."""
        pipe = self._process.stdout
        assert pipe is not None
        try:
            for line in pipe:
                for kind, about, body in _PACKET.findall(line):
                    self._take(kind.decode(), uuid.UUID(about.decode()), base64.b64decode(body))
        finally:
            self.outbox.finish(gone=True)
            for job in list(self.jobs.values()):
                job.outbox.finish()

    def _take(self, kind: str, about: uuid.UUID, data: bytes) -> None:
        if kind != "Data":
            with self._said:
                self._acknowledged.add((kind, about))
                self._said.notify_all()
            return
        job: RunspaceJob | None = self.job(str(about))
        outbox = self.outbox if about == SESSION else job.outbox if job else None
        if outbox is None:
            return
        outbox.put(data)
        for message in self._fragments.setdefault(about, Fragments()).feed(data):
            if message.kind == POOL_STATE and _OPENED in message.xml:
                self._opened.set()
            if message.kind == STATE and _ENDED.search(message.xml):
                outbox.finish()
                self._write(f"<Close PSGuid='{about}' />\n".encode())


SESSION_NAME = "endpoint"
"""What the session of the account is called towards the practice."""


class PowerShellShells(ShellService):
    """Exchange's endpoint of one server, with a real PowerShell for each session."""

    def __init__(self, server: str, entrance: Entrance, runner: PowerShellRunner) -> None:
        """An endpoint without sessions."""
        super().__init__(server, entrance)
        self._runner = runner

    def new_runspace(
        self, identity: str, logon: LogOn, idle: float, session: CmdletSession
    ) -> Runspace:
        """A PowerShell that has the cmdlets of the account."""
        stack = ExitStack()
        job = Job("", self.server, logon)
        command, environment = stack.enter_context(
            self._runner.in_server_mode(job, {SESSION_NAME: session})
        )
        return PowerShellRunspace(
            identity,
            logon.user,
            idle,
            command=command,
            environment=environment,
            cmdlets=[name for name in CMDLETS if session.has(name)],
            ended=stack.close,
        )


def _all_of(outbox: Outbox) -> Iterator[bytes]:
    """Everything that comes until the end."""
    is_done = False
    while not is_done:
        taken, is_done = outbox.take(2**20, STARTING_SECONDS)
        yield from taken
