"""One session at a practice organization's `/PowerShell/`: a runspace, its commands, what waits.

psrpcore speaks the protocol; what a cmdlet returns is XML already and goes out beside it.
"""

from __future__ import annotations

import struct
import threading
import uuid
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mailflow.simulated.shell_host import NO_SHELL
from mailflow.simulated.soap import TroubleError
from mailflow.simulated.wsman import TIMED_OUT

if TYPE_CHECKING:
    import psrpcore

    from mailflow.simulated.runner import CmdletSession


class Outbox:
    """What waits for a Receive: fragments of one command, or of the session itself."""

    def __init__(self) -> None:
        """Nothing waits."""
        self._changed = threading.Condition()
        self._pieces: deque[bytes] = deque()
        self._is_done = self._is_gone = False

    def put(self, piece: bytes) -> None:
        """Add one or more whole fragments."""
        with self._changed:
            self._pieces.append(piece)
            self._changed.notify_all()

    def finish(self, *, gone: bool = False) -> None:
        """Nothing more will come; with `gone` the session was closed."""
        with self._changed:
            self._is_done, self._is_gone = True, self._is_gone or gone
            self._changed.notify_all()

    def take(self, budget: int, wait: float) -> tuple[list[bytes], bool]:
        """Pieces of up to `budget` bytes, and whether these were the last.

        Raises:
            TroubleError: nothing came within `wait` seconds, or the session was closed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._pieces or self._is_done, wait)
            if self._is_gone:
                raise TroubleError(NO_SHELL)
            taken: list[bytes] = []
            while self._pieces and (not taken or budget >= len(self._pieces[0])):
                taken.append(self._pieces.popleft())
                budget -= len(taken[-1])
            if not taken and not self._is_done:
                raise TroubleError(TIMED_OUT)
            return taken, self._is_done and not self._pieces


@dataclass(slots=True)
class RunspaceJob:
    """One command of a session."""

    outbox: Outbox = field(default_factory=Outbox)
    cancelled: threading.Event = field(default_factory=threading.Event)


class PracticeRunspace:
    """One session: psrpcore's pool, and what its commands give. All of it under one lock."""

    def __init__(self, identity: str, user: str, session: CmdletSession, idle: float) -> None:
        """Nothing was said yet; `idle` seconds without a request end it."""
        import psrpcore

        self.identity, self.user, self.session = identity, user, session
        self.idle, self.used, self.busy = idle, 0.0, 0
        self.pool: psrpcore.ServerRunspacePool = psrpcore.ServerRunspacePool()
        self.outbox = Outbox()
        self.jobs: dict[str, RunspaceJob] = {}
        self.lock = threading.RLock()
        self.turn = threading.Lock()  # one runspace: one cmdlet at a time
        self.piece = 64_000

    @property
    def pool_id(self) -> uuid.UUID:
        """The session's own id, which no command has."""
        return self.pool.runspace_pool_id

    def open(self, data: bytes) -> None:
        """Take the fragments that open the session; all of them come at once.

        Raises:
            ValueError: they do not open it.
        """
        from psrpcore.types import RunspacePoolState

        self.feed(data)
        if self.pool.state != RunspacePoolState.Opened:
            raise ValueError("these fragments open no session")

    def feed(self, data: bytes) -> None:
        """Take fragments for the session itself, and answer what they ask."""
        import psrpcore

        with self.lock:
            self.pool.receive_data(psrpcore.PSRPPayload(data, psrpcore.StreamType.default, None))
            while (event := self.pool.next_event()) is not None:
                if isinstance(event, psrpcore.GetAvailableRunspacesEvent):
                    self.pool.runspace_availability_response(event.ci, 1)
                elif isinstance(
                    event, psrpcore.SetMaxRunspacesEvent | psrpcore.SetMinRunspacesEvent
                ):
                    self.pool.runspace_availability_response(event.ci, response=True)
            self.drain()

    def drain(self) -> None:
        """Put what psrpcore has to say where it is waited for."""
        with self.lock:
            while (payload := self.pool.data_to_send(self.piece)) is not None:
                outbox = self.outbox
                if payload.pipeline_id is not None:
                    job = self.jobs.get(str(payload.pipeline_id).upper())
                    if job is None:
                        continue
                    outbox = job.outbox
                outbox.put(payload.data)

    def give(self, identity: uuid.UUID, xml: bytes) -> None:
        """Send an object that is XML already, as a message of psrpcore's pool.

        Its counter is private, and a message must have its number: clients may not see one twice.
        """
        job = self.jobs.get(str(identity).upper())
        if job is None:
            return
        with self.lock:
            number = self.pool._fragment_counter  # noqa: SLF001 - see above
            head = struct.pack("<iI", 1, 0x41004) + self.pool.runspace_pool_id.bytes_le
            message = head + identity.bytes_le + xml
            for at in range(0, len(message), self.piece):
                body = message[at : at + self.piece]
                ends = (at == 0) | (2 if at + self.piece >= len(message) else 0)
                fragment = struct.pack(">QQBI", number, at // self.piece, ends, len(body))
                job.outbox.put(fragment + body)
