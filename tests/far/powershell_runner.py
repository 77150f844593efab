"""Executes a command line by a real PowerShell, with the practice organisation behind it.

The command line is changed in three places (S10.32): `powershell.exe`
becomes the program at hand, `-Version N` is taken out, and a line in front of the encoded command
brings in `practice.ps1`. That one plays Exchange's endpoint: it hands out a second, real session in
which the cmdlets are functions, and these ask here, over loopback, what to return.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any

from mailflow.simulated.runner import (
    SNAP_IN,
    CmdletSession,
    Entrance,
    encoded_command,
    no_snap_in,
    not_recognized,
    snap_in,
)
from mailflow.simulated.smtp import LOOPBACK_PORT, PracticeSmtp, SmtpConnection
from mailflow.simulated.writer import answer_document
from mailflow.simulated.wsman import Job
from mailflow.sources import shell, wire
from mailflow.sources.shell import Argument, Call, Fault
from mailflow.sources.wire import CallSettings

AT_ONCE = 4
"""Command lines that run at the same time: each is two processes of about 110 MB."""

CMDLETS = (*shell.ALLOWED, *shell.WRITES)
"""What a session may have, if the account has the role."""

NOBODY = "127.1.0.1"
"""Where nobody listens."""

PRELUDE = Path(__file__).with_name("practice.ps1")
_PIECE = 65_536
_LOOK_SECONDS, _ENDING_SECONDS = 0.03, 3.0
"""How often it is looked whether a process has ended, and how long after it was killed."""


class PowerShellRunner:
    """Starts a PowerShell for each command line. `close` ends what is left of it."""

    def __init__(self, program: Path, entrance: Entrance) -> None:
        """Run command lines by this program, and enter Exchange through this entrance."""
        self.entrance = entrance
        self._program = program
        self._slots = threading.Semaphore(AT_ONCE)
        self._folder = Path(tempfile.mkdtemp(prefix="mailflow-powershell-"))
        weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        self._lay_out()
        self._callback = _Callback(entrance)

    def close(self) -> None:
        """End the callback and remove the folder. The jobs have to be cancelled before."""
        self._callback.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __call__(self, job: Job) -> int:
        """Run one command line to its end, or until it is cancelled."""
        program, *arguments = job.line.split()
        if program.casefold() not in ("powershell", "powershell.exe"):
            return not_recognized(job)
        command = [str(self._program), *changed(arguments)]
        with self._slots, self._callback.serving(job) as url:
            return self._run(job, command, self._environment(job, url))

    @contextlib.contextmanager
    def in_server_mode(
        self, job: Job, sessions: Mapping[str, CmdletSession]
    ) -> Iterator[tuple[list[str], Mapping[str, str]]]:
        """Command line and environment of a PowerShell that is a server; its cmdlets ask here."""
        command = [str(self._program), "-NoLogo", "-NoProfile", "-s"]
        with self._callback.serving(job, sessions) as url:
            yield command, self._environment(job, url)

    def _lay_out(self) -> None:
        """The module for runspaces that the script makes, and the program `ssh`."""
        module = self._folder / "modules/MailflowPractice"
        module.mkdir(parents=True)
        # The manifest tells PowerShell that Add-PSSnapin is here, without a look into the module.
        names = "'Add-PSSnapin', 'Invoke-Practice', 'New-PracticeRecord', 'Send-Practice'"
        text = f". '{PRELUDE}'\nExport-ModuleMember -Function {names}\n"
        (module / "MailflowPractice.psm1").write_text(text, "utf-8")
        manifest = f"""\
@{{
    ModuleVersion = '1.0'
    RootModule = 'MailflowPractice.psm1'
    FunctionsToExport = @({names})
    CmdletsToExport = @()
    AliasesToExport = @()
    VariablesToExport = @()
}}
"""
        (module / "MailflowPractice.psd1").write_text(manifest, "utf-8")
        stand_in = self._folder / "bin/ssh"
        stand_in.parent.mkdir()
        stand_in.write_text(f"#!/bin/sh\nexec '{self._program}' -NoLogo -NoProfile -s\n", "utf-8")
        stand_in.chmod(0o700)
        (self._folder / "temporary").mkdir()

    def _environment(self, job: Job, url: str) -> Mapping[str, str]:
        own = str(self._folder / "own")
        server = self.entrance.server(job.server)
        return {
            **os.environ,
            **job.environment,
            "PATH": f"{self._folder / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}",
            "PSModulePath": str(self._folder / "modules"),
            "TMPDIR": str(self._folder / "temporary"),
            "COMPUTERNAME": server.name,
            # No control sequences in the output, no files in anybody's home, no questions asked.
            "TERM": "dumb",
            "NO_COLOR": "1",
            "DOTNET_EnableDiagnostics": "0",
            "DOTNET_TieredPGO": "0",
            "POWERSHELL_TELEMETRY_OPTOUT": "1",
            "POWERSHELL_UPDATECHECK": "Off",
            "XDG_CACHE_HOME": own,
            "XDG_CONFIG_HOME": own,
            "XDG_DATA_HOME": own,
            "PSModuleAnalysisCachePath": str(self._folder / "own/modules"),
            "MAILFLOW_PRACTICE_URL": url,
            "MAILFLOW_PRACTICE_SCRIPT": str(PRELUDE),
            "MAILFLOW_PRACTICE_SERVER": server.fqdn or server.name,
        }

    def _run(self, job: Job, command: list[str], environment: Mapping[str, str]) -> int:
        """Start the process, carry its three streams, and leave none of its children."""
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=self._folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            start_new_session=True,
        )
        assert process.stdin and process.stdout and process.stderr  # noqa: PT018 - for mypy
        smtp = self.entrance.smtp
        server = self.entrance.server(job.server).name
        carriers = [
            threading.Thread(target=_feed, args=(job, process.stdin, smtp, server), daemon=True),
            threading.Thread(target=_drain, args=(job, process.stdout, "stdout"), daemon=True),
            threading.Thread(target=_drain, args=(job, process.stderr, "stderr"), daemon=True),
        ]
        for one in carriers:
            one.start()
        try:
            while process.poll() is None and not job.cancelled.wait(_LOOK_SECONDS):
                pass
        finally:
            # The second session is in the group too, and may outlive the first.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                end = time.monotonic() + _ENDING_SECONDS
                while time.monotonic() < end:
                    os.killpg(process.pid, 0)  # raises when there is nobody any more
                    time.sleep(_LOOK_SECONDS)
            process.wait()
            job.stdin.feed(b"", end=True)
            for one in carriers:
                one.join()
        return process.returncode


def changed(arguments: Sequence[str]) -> list[str]:
    """The arguments for the PowerShell at hand, with the prelude in front of the command."""
    found = list(arguments)
    for at, name in enumerate(found):
        # With it the PowerShell of today prints its own version and runs nothing.
        if name.casefold() in ("-version", "-v"):
            del found[at : at + 2]
            break
    at, command = encoded_command(found)
    if at > 0:
        text = f". '{PRELUDE}'\n{command}"
        found[at] = base64.b64encode(text.encode("utf-16-le")).decode("ascii")
    return found


def _feed(job: Job, pipe: IO[bytes], smtp: PracticeSmtp, server: str) -> None:
    with contextlib.suppress(BrokenPipeError), pipe:
        pipe.write(_on_loopback(job.stdin.read(), smtp, server))


def _on_loopback(data: bytes, smtp: PracticeSmtp, server: str) -> bytes:
    """A request for probes with the addresses of the listeners; any other one as it is."""
    try:
        script, settings, calls = wire.read_request(data)
    except (ValueError, IndexError):
        return data
    if not settings.probing:
        return data
    return wire.request(script, settings, [_aimed(call, smtp, server) for call in calls])


def _aimed(call: Call, smtp: PracticeSmtp, server: str) -> Call:
    if not shell.is_probe(call):
        return call
    wanted = SmtpConnection(
        server, str(call.parameters.get("Address")), int(str(call.parameters.get("Port", 0)))
    )
    place = smtp.place(wanted)
    address = NOBODY if isinstance(place, int) else place
    return Call(call.cmdlet, {**call.parameters, "Address": address, "Port": LOOPBACK_PORT})


def _drain(job: Job, pipe: IO[bytes], stream: str) -> None:
    with pipe:
        while data := pipe.read(_PIECE):
            job.write(data, stream)


@dataclass(slots=True)
class _Guest:
    """A PowerShell that runs, and the Exchange sessions it has begun."""

    job: Job
    sessions: dict[str, CmdletSession] = field(default_factory=dict)


class _Callback:
    """Answers what `practice.ps1` asks, on loopback, and only those who know a token."""

    def __init__(self, entrance: Entrance) -> None:
        """Listen."""
        self._entrance = entrance
        self._guests: dict[str, _Guest] = {}
        callback = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                _, token, what = [*self.path.split("/"), "", ""][:3]
                guest = callback._guests.get(token)
                if guest is None or what not in ("open", "call"):
                    self.send_error(404)
                    return
                asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                answer = callback.open if what == "open" else callback.call
                body = answer(guest, asked)
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; charset=utf-8")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                # Whoever asked may have been ended meanwhile.
                with contextlib.suppress(OSError):
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - library's
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = False  # so that closing waits for all
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="PowerShell callback", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening, and wait for what is being answered."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @contextlib.contextmanager
    def serving(
        self, job: Job, sessions: Mapping[str, CmdletSession] = MappingProxyType({})
    ) -> Iterator[str]:
        """Answer one PowerShell, which has these sessions: gives the address with its token."""
        token = secrets.token_urlsafe(24)
        self._guests[token] = _Guest(job, dict(sessions))
        try:
            yield f"http://127.0.0.1:{self._server.server_port}/{token}"
        finally:
            del self._guests[token]
            # Its output is all there; whatever call still waits for a slow server is let go.
            job.cancel()

    def open(self, guest: _Guest, asked: Mapping[str, str]) -> bytes:
        """Begin a session."""
        job = guest.job
        server = self._entrance.server(job.server)
        settings = CallSettings(asked["way"], 60, asked.get("user", ""), asked.get("password", ""))
        if settings.way == SNAP_IN and asked["name"] != snap_in(server):
            session: CmdletSession | Fault = no_snap_in(server)
        else:
            session = self._entrance.enter(job.server, job.logon, settings)
        if isinstance(session, Fault):
            return json.dumps({"id": session.id, "fault": session.message}).encode()
        identity = str(len(guest.sessions))
        guest.sessions[identity] = session
        names = [name for name in CMDLETS if session.has(name)]
        return json.dumps({"session": identity, "cmdlets": names, "fault": ""}).encode()

    def call(self, guest: _Guest, asked: Mapping[str, Any]) -> bytes:
        """Run a cmdlet in a session."""
        parameters = {name: _argument(one) for name, one in asked["parameters"].items()}
        call = Call(asked["cmdlet"], parameters)
        reply = self._entrance.run(guest.sessions[asked["session"]], call, guest.job)
        head = wire.head_values(reply.warnings, reply.errors, reply.fault)
        return answer_document(head, reply.rows)


def _argument(value: object) -> Argument:
    """A value as JSON brought it."""
    if isinstance(value, dict):
        return {name: tuple(map(str, one)) for name, one in value.items()}
    if isinstance(value, list):
        return tuple(map(str, value))
    if isinstance(value, bool | int):
        return value
    return str(value)
