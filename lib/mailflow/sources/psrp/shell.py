"""The seam over PSRP: doors to the management shell's endpoint of each server, a session with each.

One runspace for each session, and commands alone: the endpoint takes no script (S8.06). The far
side's lock is RBAC; the list of what may be asked is held on this side, before anything leaves.

- every request has a deadline, down to each read of a socket; what hangs beyond that hangs in a
  thread that is left behind
- a cmdlet that takes too long is told to stop, and that is not believed: its session is closed, and
  the rest is asked in another one
- a lost answer is never resumed: the session is given up and what is missing asked once more in a
  new one, unless one of the calls changes something
- a session is closed at the end, by a new connection where the old one failed: those left open
  count against the user (S8.16)
- one connection is used by one thread at a time
- whatever pypsrp raises becomes a `Fault` at one place, `_guarded`
"""

from __future__ import annotations

import base64
import itertools
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from mailflow.exchange.cmdlets import SPECS, CmdletScope
from mailflow.sources import setup_faults
from mailflow.sources.at_once import Late, in_time
from mailflow.sources.psrp import commands, faults
from mailflow.sources.psrp.messages import CmdletAnswer, hosts_of
from mailflow.sources.psrp.options import CONFIGURATION, ExchangeOptions
from mailflow.sources.rounds import CLOSE_SECONDS, POLL_SECONDS, asked, begin_in_time
from mailflow.sources.setup_faults import fault
from mailflow.sources.shell import (
    Call,
    Fault,
    Reply,
    Shell,
    ShellError,
    check,
)
from mailflow.sources.trust import Trust

if TYPE_CHECKING:
    from pypsrp.powershell import RunspacePool

    from mailflow.sources.psrp.line import Line

MOST_SESSIONS = 3
"""Of one server at a time: Exchange allows a user 18, and other shells of theirs count (S8.16)."""

LEAST_SECONDS = 2.0
"""What a call is given where there is so much: with less no answer comes from afar."""

STOP_SECONDS = 1.0
"""How long the server has to take the word that a cmdlet is to stop."""

OPENING_BYTES = 2**22
"""What a server may say while a session is opened, all of which pypsrp reads."""

IDLE_SECONDS = 120
"""After so long without a word from us the server may close the session."""

_FREE = 1000
"""The number of our first message in a session; pypsrp opens it with two, and counts from one."""

_WHERE = Call("Get-Queue", {"ResultSize": 1})
"""Without a server it is about the one that hosts the session, and its rows say which (S8.77)."""

_MAY_BE_OPEN = frozenset({"protocol", "timed-out"})
"""Kinds of fault after which the server may have opened a session all the same."""

_REFUSALS = frozenset({"auth-not-offered", "ticket-refused", "wrong-password"})
"""What a 401 means before a session is open."""

_OF_SESSION = frozenset(name for name, spec in SPECS.items() if spec.scope is CmdletScope.SESSION)


class ExchangeDoors:
    """Reaches servers by PSRP, and only those that may get the credentials."""

    def __init__(self, target: ExchangeOptions, *, writing: bool = False) -> None:
        """Nothing is connected yet.

        Args:
            target: how to reach and sign in.
            writing: whether the calls of `shell.WRITES` may leave too.
        """
        self.target, self.writing = target, writing
        self._trust = Trust(target.entry, target.trust)
        self._lock = threading.Lock()
        self._turns: dict[str, threading.BoundedSemaphore] = {}

    def entered(self, fqdn: str) -> None:
        """The full name that the server to enter at reports of itself."""
        self._trust.entered(fqdn)

    def open(self, server: str) -> ExchangeShell:
        """Log on to a server and open a session there; waits while too many are open.

        Raises:
            ShellError: it is not to get the credentials, could not be reached, or did not let us
                in.
        """
        name = self._trust.admit(server)
        with self._lock:
            turn = self._turns.setdefault(name, threading.BoundedSemaphore(MOST_SESSIONS))
        if not turn.acquire(timeout=self.target.open_seconds):
            raise ShellError(fault("session-limit", f"{MOST_SESSIONS} of ours are open"))
        shell = ExchangeShell(name, self.target, writing=self.writing, closed=turn.release)
        try:
            shell.begin()
        except BaseException:
            shell.close()
            raise
        return shell


class ExchangeShell(Shell):
    """A session with one server. Used by one thread at a time.

    Attributes:
        server: as it was asked for.
        way: how Exchange was reached there, for people; with the server to which the front end
            passed the session on, once that is known.
        powershell: not told on this road.
    """

    def __init__(
        self,
        server: str,
        target: ExchangeOptions,
        *,
        writing: bool = False,
        closed: Callable[[], None] = lambda: None,
    ) -> None:
        """Nothing is connected yet; `begin` does that. `closed` is called once, at the end."""
        self.server = server
        self.way, self.powershell = f"session {target.url_of(server)}", ""
        self._target, self._writing, self._closed = target, writing, closed
        self._is_closed = False
        self._pool: _Pool | None = None
        self._host: str | None = None

    def begin(self) -> None:
        """Log on and open the session.

        Raises:
            ShellError: it could not be reached, or did not let us in.
        """
        self._open(time.monotonic() + self._target.open_seconds)

    def ask(self, calls: Sequence[Call], *, seconds: float) -> list[Reply]:
        """Run calls, one reply each, in order; comes back within `seconds` and a little.

        A call that is not on the allow-list never leaves; its reply says `refused`.
        """
        until = time.monotonic() + seconds
        found = asked(
            calls,
            lambda replies, until: self._round(calls, replies, until),
            until=until,
            check=partial(check, writing=self._writing),
        )
        return self._of_this_server(found, until)

    def close(self) -> None:
        """Close the session at the far side; harmless a second time, raises nothing."""
        pool, self._pool = self._pool, None
        if pool is not None:
            in_time(pool.end, CLOSE_SECONDS + 0.2)
        if not self._is_closed:
            self._is_closed = True
            self._closed()

    def _open(self, until: float) -> _Pool:
        if self._pool is not None:
            return self._pool
        pool = _Pool(self.server, self._target)
        begin_in_time(pool, until, CLOSE_SECONDS + 0.3)
        self._pool = pool
        return pool

    def _round(self, calls: Sequence[Call], replies: dict[int, Reply], until: float) -> Fault:
        """Ask for what has no reply yet; gives what kept the rest from having one."""
        missing = [number for number in range(len(calls)) if number not in replies]
        for number in missing:
            left = until - time.monotonic()
            if left < 1:
                return fault("deadline")
            try:
                pool = self._open(time.monotonic() + min(left, self._target.open_seconds))
            except ShellError as error:
                return error.fault
            # A call that hangs leaves time for the others.
            share = left if number == missing[-1] else max(left / 2, min(left, LEAST_SECONDS))
            reply = self._run(pool, calls[number], min(self._target.call_seconds, share))
            why = reply.fault
            if why is not None and self._pool is None and why.kind != "timed-out":
                return why  # of the way: asking the others would meet it as well
            if why is not None and setup_faults.is_lost(why):
                return why
            replies[number] = reply
        return fault("deadline")

    def _run(self, pool: _Pool, call: Call, seconds: float) -> Reply:
        until = time.monotonic() + seconds
        place = f"{call.cmdlet} on {self.server}"
        ran = in_time(lambda: pool.run(call, place, until), seconds + STOP_SECONDS + CLOSE_SECONDS)
        if isinstance(ran, Late):
            pool.abandon()
            self._pool = None
            return Reply(call, fault=fault("deadline"))
        if not pool.is_open:
            self._pool = None
        return ran

    # -- Which server answers --------------------------------------------------------------------

    def _of_this_server(self, replies: list[Reply], until: float) -> list[Reply]:
        """The replies, without what is another server's: the front end may pass a session on."""
        if not any(reply.call.cmdlet in _OF_SESSION and reply.rows for reply in replies):
            return replies
        if self._host is None and until - time.monotonic() > 1 and self._pool is not None:
            seconds = min(self._target.call_seconds, until - time.monotonic() - 0.5)
            hosts = hosts_of(self._run(self._pool, _WHERE, seconds))
            if len(hosts) == 1:
                (self._host,) = hosts
                if self._host != self._short:
                    self.way += f", which went on to {self._host.upper()}"
        if self._host in (None, self._short):
            return replies
        why = fault("other-host", (self._host or "").upper())
        return [
            Reply(reply.call, fault=why) if reply.call.cmdlet in _OF_SESSION else reply
            for reply in replies
        ]

    @property
    def _short(self) -> str:
        return self.server.partition(".")[0].casefold()


class _Pool:
    """One runspace pool at the far side and the connection to it. One job after the other."""

    def __init__(self, server: str, target: ExchangeOptions) -> None:
        self._server, self._target = server, target
        self._line: Line | None = None
        self._pool: RunspacePool | None = None
        self._numbers = itertools.count(_FREE)
        self._lock = threading.Lock()
        self._abandoned = False

    @property
    def is_open(self) -> bool:
        """Whether it can be asked more."""
        return self._pool is not None

    def begin(self, until: float) -> Fault | None:
        """Connect, sign in, open; gives what went wrong."""
        found = self._guarded(lambda: self._begin(until))
        if found is not None and self._pool is not None:
            # The session has the number that we gave it, also where its answer did not come.
            self._pool.shell.opened = found.kind in _MAY_BE_OPEN
        if self._is_abandoned or found is not None:
            self.end()
        return found

    def run(self, call: Call, place: str, until: float) -> Reply:
        """Run one cmdlet; after a fault of the way the session is closed."""
        answer = CmdletAnswer(call, place)
        found = self._guarded(lambda: self._run(call, answer, until))
        if self._is_abandoned or found is not None:
            self.end()
        return answer.reply(found)

    def abandon(self) -> None:
        """Nobody waits any more: whatever job comes back closes the session by itself."""
        with self._lock:
            self._abandoned = True

    @property
    def _is_abandoned(self) -> bool:
        with self._lock:
            return self._abandoned

    def end(self) -> None:
        """Close the session, by a new connection where the old one has failed. Raises nothing."""
        pool, self._pool = self._pool, None
        if pool is not None and pool.shell.opened:
            until = time.monotonic() + CLOSE_SECONDS
            self._guarded(lambda: self._delete(pool, until))
        self._hang_up()

    def _delete(self, pool: RunspacePool, until: float) -> None:
        from pypsrp.wsman import SelectorSet

        line = self._connected(until)
        line.operation_timeout = 1
        selectors = SelectorSet()
        selectors.add_option("ShellId", pool.shell.id or pool.id)
        line.delete(pool.shell.resource_uri, selector_set=selectors)

    def _begin(self, until: float) -> None:
        from pypsrp.complex_objects import RunspacePoolState
        from pypsrp.powershell import RunspacePool

        line = self._connected(until, OPENING_BYTES)
        line.operation_timeout = max(1, int(until - time.monotonic()))
        self._pool = RunspacePool(line, configuration_name=CONFIGURATION, idle_timeout=IDLE_SECONDS)
        self._pool.open()
        if self._pool.state != RunspacePoolState.OPENED:
            raise _NotOpenedError

    def _run(self, call: Call, answer: CmdletAnswer, until: float) -> None:
        from pypsrp.exceptions import WSManFaultError

        pool = self._pool
        if pool is None:
            raise _NotOpenedError
        line = self._connected(until)
        pipeline = uuid.uuid4()
        command = str(pipeline).upper()
        first, *others = commands.fragments(
            call,
            uuid.UUID(pool.id),
            pipeline,
            number=next(self._numbers),
            size=line.max_payload_size,
        )
        pool.shell.command("", [base64.b64encode(first).decode()], command_id=command)
        for piece in others:
            pool.shell.send("stdin", piece, command_id=command)
        taken = 0
        while not answer.is_done:
            begun = time.monotonic()
            # Only whole seconds can be asked for, and the server has to say in time that there is
            # nothing: so the line stays in order.
            if until - begun < 1:
                self._stop(command, answer)
                raise _LateError
            line.operation_timeout = max(1, min(POLL_SECONDS, int(until - begun)))
            try:
                state, _, streams = pool.shell.receive("stdout", command_id=command)
            except WSManFaultError as error:
                if error.code != faults.TIMED_OUT:
                    raise
                state, streams = "", {}
            data = streams.get("stdout", b"")
            taken += len(data)
            if taken > self._target.most_bytes:
                raise _EndlessError
            answer.feed(data)
            if state.endswith("/Done"):
                return
            if not data and time.monotonic() - begun < 0.1:
                time.sleep(0.1)  # it answers nothing, at once

    def _stop(self, command: str, answer: CmdletAnswer) -> None:
        """Tell a cmdlet to stop. Whatever comes of that, the session is closed behind it."""
        from pypsrp.shell import SignalCode

        pool = self._pool
        if pool is None or answer.is_done:
            return
        line = self._connected(time.monotonic() + STOP_SECONDS)
        line.operation_timeout = 1
        self._quietly(lambda: pool.shell.signal(SignalCode.PS_CTRL_C, command))

    def _quietly(self, job: Callable[[], object]) -> None:
        """Do something whose failure means nothing: the session ends either way."""
        if self._guarded(job) is not None:
            self._hang_up()

    def _connected(self, until: float, most_bytes: int = 0) -> Line:
        """The connection, made where there is none, allowed to be used until then."""
        from mailflow.sources.psrp.line import Line

        if self._line is None:
            self._line = Line(self._server, self._target)
        # Base64 of what is asked for, twice, and the envelopes around it.
        self._line.allowance.renew(until, most_bytes or 3 * self._target.most_bytes)
        return self._line

    def _hang_up(self) -> None:
        line, self._line = self._line, None
        if line is not None:
            line.hang_up()

    def _guarded(self, job: Callable[[], object]) -> Fault | None:
        """Do something at the far side; gives what went wrong, raises nothing.

        The one place where exceptions of the libraries end. They hold no text of ours, and none
        goes further than its meaning.
        """
        try:
            job()
        except _LateError:
            return fault("deadline")
        except Exception as error:  # noqa: BLE001 - what pypsrp and those below it raise is open
            found = self._meaning(error, self._line)
        else:
            return None
        self._hang_up()
        return found

    def _meaning(self, error: Exception, line: Line | None) -> Fault:
        if isinstance(error, _EndlessError):
            return fault("endless")
        if isinstance(error, _NotOpenedError):
            return fault("session-gone")
        if line is not None and line.allowance.overdrawn:
            return faults.of_endpoint(fault(line.allowance.overdrawn))
        target, adapter = self._target, line.adapter if line else None
        found = faults.classify(
            error,
            auth=target.auth,
            offers=frozenset(adapter.offers if adapter else ()),
            token=adapter.token if adapter else b"",
            scheme=target.scheme,
        )
        if self._pool is not None and self._pool.shell.opened and found.id in _REFUSALS:
            found = fault("log-on-lost")  # it had let us in
        if target.password and target.password in found.message:
            return fault(found.id) if found.id else Fault(found.kind, "", "not shown")
        return found


class _LateError(Exception):
    """The deadline passed while the far side was still at work; the connection is in order."""


class _EndlessError(Exception):
    """More output than any answer can hold."""


class _NotOpenedError(Exception):
    """The server says that the session is in a state in which nothing can be asked."""
