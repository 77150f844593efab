"""One session at a practice organization's `/PowerShell/`: a runspace, its commands, what waits.

    Runspace           a session as its endpoint sees it, whatever runs the commands
    PracticeRunspace   psrpcore speaks the protocol, and the simulated cmdlets answer

What a simulated cmdlet returns is XML already and goes out beside psrpcore.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from mailflow.simulated.shell_host import NO_SHELL, TAKEN, TIMED_OUT
from mailflow.simulated.soap import TroubleError
from mailflow.simulated.writer import object_document
from mailflow.sources.psrp.messages import OUTPUT, TO_CLIENT, fragmented, packed
from mailflow.sources.shell import Argument, Call, Fault, Reply

if TYPE_CHECKING:
    import psrpcore

    from mailflow.simulated.runner import CmdletSession

NO_SCRIPT = Fault(
    "refused",
    "ScriptsNotAllowed",
    "The syntax is not supported by this runspace. This can occur if the runspace is in "
    "no-language mode.",
)
"""S8.06."""


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


class Runspace(ABC):
    """One session. Its methods may be called from many threads.

    Attributes:
        identity: its id, in capitals.
        user: who opened it.
        idle: seconds without a request after which it is closed.
        used, busy: as for every `HostedShell`.
        outbox: what it has to say of itself.
        jobs: its commands by their id, in capitals.
        piece: most bytes of a message that one fragment holds.
    """

    def __init__(self, identity: str, user: str, idle: float) -> None:
        """Nothing was said yet."""
        self.identity, self.user, self.idle = identity, user, idle
        self.used, self.busy = 0.0, 0
        self.outbox = Outbox()
        self.jobs: dict[str, RunspaceJob] = {}
        self.piece = 64_000

    @abstractmethod
    def open(self, data: bytes) -> None:
        """Take the fragments that open the session; all of them come at once.

        Raises:
            ValueError: they do not open it.
        """

    @abstractmethod
    def feed(self, data: bytes, pipeline: UUID | None = None) -> None:
        """Take fragments for a command that was announced, or for the session itself."""

    def announce(self, pipeline: UUID) -> None:
        """Fragments of a new command will come.

        Raises:
            TroubleError: there is one with this id.
        """
        identity = str(pipeline).upper()
        if self.jobs.setdefault(identity, job := RunspaceJob()) is not job:
            raise TroubleError(TAKEN)

    def job(self, identity: str) -> RunspaceJob | None:
        """A command by its id."""
        return self.jobs.get(identity.upper())

    def stop(self, identity: str) -> None:
        """Tell a command to end, where there is one."""
        job = self.job(identity)
        if job is not None:
            job.cancelled.set()

    def forget(self, identity: str) -> None:
        """Nobody asks for this command any more."""
        self.jobs.pop(identity.upper(), None)

    def end(self) -> None:
        """The session is closed, with all that is in it."""
        self.outbox.finish(gone=True)
        for job in list(self.jobs.values()):
            job.cancelled.set()
            job.outbox.finish(gone=True)


class PracticeRunspace(Runspace):
    """A session whose cmdlets are simulated. All of psrpcore's is done under one lock."""

    def __init__(
        self,
        identity: str,
        user: str,
        idle: float,
        *,
        session: CmdletSession,
        delay: Callable[[], float],
        start: Callable[[threading.Thread], None],
    ) -> None:
        """Nothing was said yet.

        Args:
            identity: as in `Runspace`, as are `user` and `idle`.
            user: see there.
            idle: see there.
            session: runs the cmdlets.
            delay: seconds that each takes.
            start: begins the thread of a command.
        """
        import psrpcore

        super().__init__(identity, user, idle)
        self._session, self._delay, self._start = session, delay, start
        self._pool: psrpcore.ServerRunspacePool = psrpcore.ServerRunspacePool()
        self._lock = threading.RLock()
        self._turn = threading.Lock()  # one runspace: one cmdlet at a time

    def open(self, data: bytes) -> None:
        """Take the fragments that open the session."""
        from psrpcore.types import RunspacePoolState

        self.feed(data)
        if self._pool.state != RunspacePoolState.Opened:
            raise ValueError("these fragments open no session")

    def announce(self, pipeline: UUID) -> None:
        """Have psrpcore know the command: it has to, before its fragments come."""
        from psrpcore import ServerPipeline

        super().announce(pipeline)
        with self._lock:
            ServerPipeline(self._pool, pipeline)

    def feed(self, data: bytes, pipeline: UUID | None = None) -> None:
        """Take fragments and answer what they ask; a command begins as soon as they are whole."""
        import psrpcore

        with self._lock:
            pool = self._pool
            pool.receive_data(psrpcore.PSRPPayload(data, psrpcore.StreamType.default, pipeline))
            while (event := pool.next_event()) is not None:
                if isinstance(event, psrpcore.GetAvailableRunspacesEvent):
                    pool.runspace_availability_response(event.ci, 1)
                elif isinstance(
                    event, psrpcore.SetMaxRunspacesEvent | psrpcore.SetMinRunspacesEvent
                ):
                    pool.runspace_availability_response(event.ci, response=True)
                elif isinstance(event, psrpcore.CreatePipelineEvent) and pipeline is not None:
                    self._begin(pool.pipeline_table[pipeline])
            self._drain()

    def _begin(self, pipeline: psrpcore.ServerPipeline) -> None:
        job = self.job(str(pipeline.pipeline_id))
        if job is not None:
            name = f"runspace {self.identity}"
            thread = threading.Thread(
                target=self._run, args=(job, pipeline), name=name, daemon=True
            )
            self._start(thread)

    def _run(self, job: RunspaceJob, pipeline: psrpcore.ServerPipeline) -> None:
        """The thread of a command. Whatever happens in it, the client learns that it ended."""
        try:
            with self._turn:
                with self._lock:
                    pipeline.start()
                reply = self._replied(pipeline, job)
                for row in reply.rows:
                    if job.cancelled.is_set():
                        break
                    self._give(job, pipeline.pipeline_id, object_document(row))
                with self._lock:
                    _conclude(pipeline, reply, stopped=job.cancelled.is_set())
                    self._drain()
        finally:
            job.outbox.finish()

    def _replied(self, pipeline: psrpcore.ServerPipeline, job: RunspaceJob) -> Reply:
        commands = list(getattr(pipeline.metadata, "commands", ()))
        if len(commands) != 1 or commands[0].is_script:
            return Reply(Call(""), fault=NO_SCRIPT)
        parameters = {
            str(name or "Identity").strip("-:"): _argument(value)
            for name, value in commands[0].parameters
        }
        call = Call(str(commands[0].command_text), parameters)
        job.cancelled.wait(self._delay())
        return self._session.run(call)

    def _drain(self) -> None:
        """Put what psrpcore has to say where it is waited for."""
        while (payload := self._pool.data_to_send(self.piece)) is not None:
            if payload.pipeline_id is None:
                self.outbox.put(payload.data)
            elif (job := self.job(str(payload.pipeline_id))) is not None:
                job.outbox.put(payload.data)

    def _give(self, job: RunspaceJob, pipeline: UUID, xml: bytes) -> None:
        """Send an object that is XML already, as a message of psrpcore's pool.

        Its counter is private, and a message must have its number: clients may not see one twice.
        """
        with self._lock:
            number = self._pool._fragment_counter  # noqa: SLF001 - see above
            message = packed(OUTPUT, TO_CLIENT, self._pool.runspace_pool_id, pipeline, xml)
            for fragment in fragmented(message, number, self.piece):
                job.outbox.put(fragment)


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
