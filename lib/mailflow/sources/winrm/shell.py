"""WinRM to live servers, over pywinrm's `Protocol`: one shell for each server.

`Session.run_ps` of that library leaks shells, cannot set the code page and waits for ever; this
drives the protocol itself. A call goes as data on standard input of one PowerShell process
(`sources/wire.py`), the answers come as frames. Rules that hold here:

- every request has a deadline, down to each read of a socket; what hangs beyond that (a name
  lookup, Kerberos) hangs in a thread that is left behind
- a lost answer is never resumed: the shell is given up and what is missing asked once more in a
  new one, unless one of the calls changes something: whether it did is for the caller to read back
- what changes something, or speaks SMTP to another server, leaves only through doors made for it,
  and only then is the far side told that this is meant
- a shell is closed at the end, by a new connection where the old one failed, and closes itself
  shortly after the deadline where nobody reaches it any more
- one connection is used by one thread at a time: shared ones have been seen to send readable text
- whatever the libraries raise becomes a `Fault` at one place, `_guarded`
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from html import unescape
from typing import TYPE_CHECKING

from mailflow.plain import visible
from mailflow.sources import wire
from mailflow.sources.at_once import Late, in_time
from mailflow.sources.exception_faults import classify
from mailflow.sources.remote import RemotePlace
from mailflow.sources.rounds import CLOSE_SECONDS, POLL_SECONDS, asked, begin_in_time
from mailflow.sources.setup_faults import fault
from mailflow.sources.shell import (
    Call,
    Fault,
    Reply,
    ShellError,
    changes_something,
    check,
    is_probe,
)
from mailflow.sources.trust import Trust
from mailflow.sources.winrm.options import WinrmOptions

if TYPE_CHECKING:
    import winrm.protocol

    from mailflow.sources.bounded_http import Allowance, HttpAdapter

CHUNK = 100_000
"""Bytes of standard input in one request: in base64 below the smallest envelope, 150 kB."""

NOISE_BYTES = 2**22
"""More output than this before the first frame is not ours."""

UTF8 = 65001
"""Code page."""

# Its modules for Kerberos log tracebacks of what is told here as a fault.
logging.getLogger("winrm").addHandler(logging.NullHandler())


class WinrmDoors:
    """Reaches servers over WinRM, and only those that may get the credentials."""

    def __init__(
        self, target: WinrmOptions, script: str, *, writing: bool = False, probing: bool = False
    ) -> None:
        """Nothing is connected yet.

        Args:
            target: how to reach and sign in.
            script: text of `Invoke-MailFlow.ps1`.
            writing: whether the calls of `shell.WRITES` may leave too.
            probing: whether `shell.PROBE` may.
        """
        self.target, self.script = target, script
        self.writing, self.probing = writing, probing
        self._trust = Trust(target.entry, target.trust)
        self._by_snapin: set[str] = set()

    def entered(self, fqdn: str) -> None:
        """The full name that the server to enter at reports of itself."""
        self._trust.entered(fqdn)

    def use_snapin(self, server: str) -> None:
        """From now on enter this server by the snap-in: it is of 2007, or an Edge server."""
        self._by_snapin.add(server.casefold())

    def open(self, server: str) -> WinrmShell:
        """Log on to a server and open a shell there.

        Raises:
            ShellError: it is not to get the credentials, could not be reached, or did not let us
                in.
        """
        target, name = self.target, self._trust.admit(server)
        if server.casefold() in self._by_snapin:
            target = replace(target, way="snapin")
        shell = WinrmShell(name, target, self.script, writing=self.writing, probing=self.probing)
        shell.begin()
        return shell


class WinrmShell:
    """A shell on one server. Used by one thread at a time.

    Attributes:
        server: as it was asked for.
        way: how Exchange was reached there, for people; "" before the first answer.
        powershell: its version; "" before the first answer.
    """

    def __init__(
        self,
        server: str,
        target: WinrmOptions,
        script: str,
        *,
        writing: bool = False,
        probing: bool = False,
    ) -> None:
        """Nothing is connected yet; `begin` does that."""
        self.server = server
        self.way = self.powershell = ""
        self._target, self._script = target, script
        self._writing, self._probing = writing, probing
        self._far: _FarShell | None = None

    def begin(self) -> None:
        """Log on and open the shell.

        Raises:
            ShellError: it could not be reached, or did not let us in.
        """
        self._open(time.monotonic() + self._target.open_seconds)

    def ask(self, calls: Sequence[Call], *, seconds: float) -> list[Reply]:
        """Run calls, one reply each, in order; comes back within `seconds` and a little.

        A call that is not on the allow-list never leaves; its reply says `refused`. Probes are
        asked together, and other calls are refused beside them.
        """
        return asked(
            calls,
            lambda replies, until: self._round(calls, replies, until),
            until=time.monotonic() + seconds,
            check=partial(check, writing=self._writing, probing=self._probing),
        )

    def close(self) -> None:
        """Close the shell at the far side; harmless a second time, raises nothing."""
        far, self._far = self._far, None
        if far is not None:
            in_time(far.end, CLOSE_SECONDS + 0.2)

    def _open(self, until: float) -> _FarShell:
        if self._far is not None:
            return self._far
        far = _FarShell(self.server, self._target)
        begin_in_time(far, until, 0.5)
        self._far = far
        return far

    def _round(self, calls: Sequence[Call], replies: dict[int, Reply], until: float) -> Fault:
        """Ask for what has no reply yet; gives what kept the rest from having one."""
        missing = [number for number in range(len(calls)) if number not in replies]
        if not missing:
            return fault("deadline")
        try:
            far = self._open(min(until, time.monotonic() + self._target.open_seconds))
        except ShellError as error:
            return error.fault
        data = self._request([calls[number] for number in missing], until)
        run = in_time(lambda: far.run(data, until), until - time.monotonic() + CLOSE_SECONDS + 0.3)
        if isinstance(run, Late):
            far.abandon()
            self._far = None
            return fault("deadline")
        if run.fault is not None:
            self._far = None
        return self._read(run, calls, missing, replies)

    def _request(self, calls: Sequence[Call], until: float) -> bytes:
        target = self._target
        # A call that hangs leaves time for the others, and for the script to write that it did.
        left = (until - time.monotonic() - 2) / (1 if len(calls) == 1 else 2)
        settings = wire.CallSettings(
            target.way,
            max(1, min(target.call_seconds, int(left))),
            writing=any(map(changes_something, calls)),
            probing=any(map(is_probe, calls)),
        )
        if settings.probing:
            return wire.request(self._script, settings, calls)  # it needs no second sign-in
        if target.way == "session" and target.user and target.password and not target.forwards:
            settings = replace(settings, user=target.user, password=target.password)
        return wire.request(self._script, settings, calls)

    def _read(
        self, run: _Run, calls: Sequence[Call], missing: list[int], replies: dict[int, Reply]
    ) -> Fault:
        budget = wire.budget_of(run.output)
        answers = wire.read_answers(run.output, budget)
        if answers.hello is not None:
            self.way, self.powershell = answers.hello.way, answers.hello.powershell
        if answers.hello is not None and answers.hello.fault is not None:
            return self._of_hello(answers.hello.fault)
        for at, number in enumerate(missing, 1):
            document = answers.documents.get(at)
            if document is not None:
                call = calls[number]
                place = f"{call.cmdlet} on {self.server}"
                replies[number] = wire.reply(call, document, place, budget)
        if run.fault is not None:
            return run.fault
        return _unframed(run) if answers.hello is None else fault("cut-answer")

    def _of_hello(self, found: Fault) -> Fault:
        """Why Exchange was not reached; a sign-in that could not go on is told as that (S8.23)."""
        target = self._target
        if target.way == "snapin" or found.kind not in ("log-on", "denied", "double-hop"):
            return found
        if target.forwards or (target.user and target.password):
            return found
        return fault("double-hop", found.message)


@dataclass(frozen=True, slots=True)
class _Run:
    """What came of one process at the far side; `fault` is None where it came to its end."""

    output: bytes
    errors: bytes
    fault: Fault | None = None


class _FarShell:
    """One shell at the far side and the connection to it. Its jobs run one after the other."""

    def __init__(self, server: str, target: WinrmOptions) -> None:
        self._server, self._target = server, target
        self._line: _Line | None = None
        self._identity = ""
        self._lock = threading.Lock()
        self._abandoned = False

    def begin(self, until: float) -> Fault | None:
        """Connect, sign in, open; gives what went wrong."""
        found = self._guarded(lambda: self._begin(until))
        with self._lock:
            abandoned = self._abandoned
        if abandoned or found is not None:
            self.end()
        return found

    def run(self, data: bytes, until: float) -> _Run:
        """Run the script on this standard input; after a fault the shell is closed."""
        output, errors = bytearray(), bytearray()
        found = self._guarded(lambda: self._run(data, until, output, errors))
        with self._lock:
            abandoned = self._abandoned
        if abandoned or found is not None:
            self.end()
        return _Run(bytes(output), bytes(errors), found)

    def abandon(self) -> None:
        """Nobody waits any more: whatever job comes back closes the shell by itself."""
        with self._lock:
            self._abandoned = True

    def end(self) -> None:
        """Close the shell, by a new connection where the old one has failed. Raises nothing."""
        identity, self._identity = self._identity, ""
        until = time.monotonic() + CLOSE_SECONDS
        if identity:
            self._guarded(
                lambda: self._connected(until).protocol.close_shell(identity, close_session=False)
            )
        self._hang_up()

    def _begin(self, until: float) -> None:
        line = self._connected(until)
        idle = f"PT{max(60, self._target.idle_seconds)}S"
        line.protocol.operation_timeout_sec = max(1, int(until - time.monotonic()))
        self._identity = line.protocol.open_shell(codepage=UTF8, idle_timeout=idle)

    def _run(self, data: bytes, until: float, output: bytearray, errors: bytearray) -> None:
        protocol = self._connected(until).protocol
        program, arguments = wire.command_line()
        command = protocol.run_command(
            self._identity, program, arguments, console_mode_stdin=False, skip_cmd_shell=True
        )
        refused = self._send(protocol, command, data)
        self._receive(protocol, command, until, output, errors)
        if refused is not None and not output:
            raise refused
        # A command that has ended still counts until it is cleaned up.
        self._guarded(lambda: protocol.cleanup_command(self._identity, command))

    def _send(
        self, protocol: winrm.protocol.Protocol, command: str, data: bytes
    ) -> Exception | None:
        """Give the process its standard input; a process that has ended already takes none."""
        from winrm.exceptions import WSManFaultError

        for begin in range(0, len(data), CHUNK):
            end = begin + CHUNK >= len(data)
            try:
                piece = data[begin : begin + CHUNK]
                protocol.send_command_input(self._identity, command, piece, end=end)
            except WSManFaultError as error:
                return error
        return None

    def _receive(
        self,
        protocol: winrm.protocol.Protocol,
        command: str,
        until: float,
        output: bytearray,
        errors: bytearray,
    ) -> None:
        """Fetch output until the process ends.

        Raises:
            _EndlessError: more than any answer can hold.
            TimeoutError: the deadline passed.
        """
        from winrm.exceptions import WinRMOperationTimeoutError

        while True:
            begun = time.monotonic()
            # Only whole seconds can be asked for, and the server has to say in time that there is
            # nothing: so the line stays in order, and the shell can be closed over it.
            if until - begun < 1:
                raise _LateError
            protocol.operation_timeout_sec = max(1, min(POLL_SECONDS, int(until - begun)))
            try:
                out, err, _, done = protocol.get_command_output_raw(self._identity, command)
            except WinRMOperationTimeoutError:
                out, err, done = b"", b"", False
            output += out
            errors += err[: max(0, 2**20 - len(errors))]
            if len(output) > self._target.most_bytes or _is_noise(output):
                raise _EndlessError
            if done:
                return
            if not out and time.monotonic() - begun < 0.1:
                time.sleep(0.1)  # it answers nothing, at once

    def _connected(self, until: float) -> _Line:
        """The connection, made where there is none, allowed to be used until then."""
        if self._line is None:
            self._line = _Line(self._server, self._target)
        line = self._line
        # Base64 of what is asked for, twice, and the envelopes around it.
        line.allowance.renew(until, 3 * self._target.most_bytes)
        line.begin()
        return line

    def _hang_up(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.protocol.transport.close_session()

    def _guarded(self, job: Callable[[], object]) -> Fault | None:
        """Do something at the far side; gives what went wrong, raises nothing.

        The one place where exceptions of the libraries end. They hold no text of ours, and none
        goes further than its meaning.
        """
        line = None
        try:
            job()
        except _LateError:
            return fault("deadline")
        except Exception as error:  # noqa: BLE001 - what pywinrm and those below it raise is open
            line = self._line
            found = self._meaning(error, line)
        else:
            return None
        self._hang_up()
        return found

    def _meaning(self, error: Exception, line: _Line | None) -> Fault:
        overdrawn = line.allowance.overdrawn if line else ""
        if isinstance(error, _EndlessError):
            return fault("endless")
        if overdrawn:
            return fault(overdrawn)
        adapter, target = line.adapter if line else None, self._target
        found = classify(
            error,
            auth=target.auth,
            offers=frozenset(adapter.offers if adapter else ()),
            token=adapter.token if adapter else b"",
            scheme=target.scheme,
        )
        if target.password and target.password in found.message:
            return fault(found.id)
        return found


def _is_noise(output: bytearray) -> bool:
    """Whether so much has come without a single frame that none will."""
    return len(output) > NOISE_BYTES and b"#mailflow begin" not in output[:NOISE_BYTES]


class _LateError(Exception):
    """The deadline passed while the far side was still at work; the connection is in order."""


class _EndlessError(Exception):
    """More output than any answer can hold."""


class _Line:
    """One connection, signed in by its first request."""

    def __init__(self, server: str, target: WinrmOptions) -> None:
        from winrm.protocol import Protocol

        from mailflow.sources.bounded_http import Allowance

        self.allowance: Allowance = Allowance(POLL_SECONDS + 10)
        self.adapter: HttpAdapter | None = None
        self._target = target
        self._place = target.place(server) or RemotePlace(server)
        name = f"[{server}]" if ":" in server else server.rstrip(".")
        self._port = target.usual_port
        user, password = _names_for(target)
        self.protocol: winrm.protocol.Protocol = Protocol(
            f"{target.scheme}://{name}:{self._port}/wsman",
            transport=target.auth,  # type: ignore[arg-type] # one of AUTHS
            username=user,
            password=password,
            cert_pem=target.cert or None,
            cert_key_pem=target.key or None,
            # A context of our own verifies, and what must be encrypted is set up in `begin`.
            ca_trust_path=None,  # type: ignore[arg-type] # documented, not annotated
            message_encryption="never",
            kerberos_delegation=target.forwards,
            proxy=None,
            read_timeout_sec=POLL_SECONDS + 10,
            operation_timeout_sec=POLL_SECONDS,
        )

    def begin(self) -> None:
        """Log on, unless that is done."""
        from mailflow.sources.bounded_http import HttpAdapter, tls_context

        transport = self.protocol.transport
        if transport.session is not None:
            return
        target = self._target
        context = None
        if target.scheme == "https":
            context = tls_context(target.ca, target.cert, target.key, target.password)
        transport.encryption = None
        session = transport.build_session()
        self.adapter = HttpAdapter(
            address=self._place.address,
            port=self._place.port or self._port,
            allowance=self.allowance,
            context=context,
            is_readable=context is not None,
        )
        session.trust_env = False
        session.max_redirects = 0
        session.mount("http://", self.adapter)
        session.mount("https://", self.adapter)
        if context is None:
            transport.setup_encryption(session)


def _names_for(target: WinrmOptions) -> tuple[str | None, str | None]:
    r"""User and password as pywinrm takes them.

    Kerberos wants a principal, its realm in capitals; `DOMAIN\user` is none, then the ticket
    decides. For Basic, requests writes text as Latin-1; what that cannot hold goes as UTF-8.
    """
    user, password = target.user or None, target.password or None
    if target.auth == "kerberos":
        name, at, realm = target.user.partition("@")
        return f"{name}@{realm.upper()}" if at else None, None
    if target.auth == "basic" and user and password:
        try:
            f"{user}{password}".encode("latin-1")
        except UnicodeEncodeError:
            return user.encode(), password.encode()  # type: ignore[return-value] # passed on as is
    return user, password


_BLOCKED = (
    "ConstrainedLanguage",
    "MethodInvocationNotSupported",
    "ScriptContainedMaliciousContent",
    "AppLocker",
    "UnauthorizedAccess",
)
"""What PowerShell calls it where a policy keeps a script from running; ids are not translated."""


def _unframed(run: _Run) -> Fault:
    """Why no answer came from a process that ended: told by its standard error."""
    text = run.errors.decode("utf-8", "replace")
    if any(phrase in text for phrase in _BLOCKED):
        return fault("script-blocked")
    if "is not recognized as an internal" in text or "powershell.exe" in text:
        return fault("no-powershell")
    if "damaged on its way" in text:
        return fault("cut-answer", "the script arrived damaged")
    return fault("cut-answer", _first_error(text))


def _first_error(text: str) -> str:
    """What PowerShell wrote as an error, out of the CLIXML around it; else the first line."""
    pieces = re.findall(r'<S S="Error">([^<]{0,4000})</S>', text[:100_000])
    if not pieces:
        return next((line for line in text.splitlines() if line.strip()), "")[:300]
    joined = re.sub(r"_x([0-9A-Fa-f]{4})_", lambda escape: chr(int(escape[1], 16)), "".join(pieces))
    return visible(" ".join(unescape(joined).split()))
