"""The journal of a repair, `apply.json` in its run folder: written before and after each step.

Whoever stops the program at any moment finds in it what was certainly not begun, what was begun,
and what was seen to be done; the server tells the rest (`standing.py`). It holds the old values, so
that there is a rollback, and no secret. A digest says who wrote it (`seal.py`): a journal that this
user's mailflow did not write is foreign, and stays so whoever goes on with it.

Its schema has a number, with the rules of docs/formats.md: keys that this version does not know are
kept and written again; of those that it knows only what a rollback needs must be there. Number 1
knew remote IP ranges alone; it is read for ever, and written on as number 2.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mailflow.analysis.change import (
    Edit,
)
from mailflow.apply import seal
from mailflow.apply.entry import (
    ConnectorEntry,
    Note,
    QueueEntry,
    checked,
    connector_document,
    connector_entry,
    others,
    queue_document,
    queue_entry,
)
from mailflow.budget import Budget, json_memory
from mailflow.errors import InputError, RunError
from mailflow.plain import one_line
from mailflow.snapshot import write_whole

NAME, NUMBER = "mailflow.apply", 2
SCHEMA = f"{NAME}/{NUMBER}"
FILE = "apply.json"
SNAPSHOT = "snapshot"
"""Beside it: the organization that the repair was proven from."""

MOST_BYTES = 2**24
"""A file of this name that is larger is no journal: it is not read."""

FOREIGN = (
    "this journal was written on another machine or by another user, by an earlier version of "
    "mailflow, or was changed since"
)
OTHER_SNAPSHOT = "the snapshot in this folder is not the one that this journal was written beside"


@dataclass(slots=True)
class Journal:
    """What has been done of one repair. Edit it by its methods: they write it, whole.

    Attributes:
        folder: the run's folder.
        source: the organization, as SOURCE.
        ticket: of the service desk.
        started: when, ISO in UTC.
        owner: number and start of the process that works on it.
        connectors: in the order in which they are set.
        queues: the queues that are retried.
        ended: when nothing was left to tell, ISO in UTC; None: not yet.
        snapshot: SHA-256 of the snapshot beside it; empty where there is none.
        foreign: why it is not this user's own, a clause; empty: it is.
        newer: keys of a newer version.
    """

    folder: Path
    source: str
    ticket: str = ""
    started: str = ""
    owner: tuple[int, float] = (0, 0.0)
    connectors: list[ConnectorEntry] = field(default_factory=list)
    queues: list[QueueEntry] = field(default_factory=list)
    ended: str | None = None
    snapshot: str = ""
    foreign: str = ""
    newer: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def begin(
        cls,
        folder: Path,
        source: str,
        edits: Iterable[Edit],
        queues: Iterable[str],
        *,
        ticket: str = "",
        now: datetime,
    ) -> Journal:
        """Write a journal in which nothing is begun."""
        made = cls(
            folder,
            source,
            ticket,
            _instant(now),
            _this_process(),
            [
                ConnectorEntry(
                    edit.identity, edit.before.server, edit.changes, has_rollback=bool(edit.undo)
                )
                for edit in edits
            ],
            [QueueEntry(queue) for queue in dict.fromkeys(queues)],
            snapshot=_hash(folder / SNAPSHOT),
        )
        made.keep()
        return made

    @classmethod
    def load(cls, folder: Path) -> Journal:
        """The journal of a run folder.

        Raises:
            InputError: there is none, or it cannot be read; names the file.
        """
        file = folder / FILE
        try:
            document = _parsed(file)
            journal = _of_document(folder, document)
            journal.foreign = _foreign(folder, document)
        except OSError as error:
            raise InputError(f"{file}: no journal can be read ({error.strerror})") from error
        except _DAMAGE as error:
            why = f"no key {error}" if isinstance(error, KeyError) else str(error)
            why = one_line(why, _LONGEST_REASON)
            raise InputError(f"{file}: cannot be read as a journal ({why})") from error
        if journal.foreign:
            for entry in journal.connectors:
                entry.controller = ""  # a host that somebody else named is asked for nothing
        return journal

    @property
    def file(self) -> Path:
        """`apply.json` in the run folder, whether it was written yet or not."""
        return self.folder / FILE

    def confirmation(self, entry: ConnectorEntry) -> str:
        """The hash by which a person confirms to go on with it.

        Of the new values; of a foreign journal of all it holds as well, so that the confirmation of
        a connector alone does not take it.
        """
        if not self.foreign:
            return entry.new_sha256
        text = json.dumps(self.document(), sort_keys=True)
        return hashlib.sha256(f"foreign {entry.connector} {text}".encode("ascii")).hexdigest()

    def entry(self, connector: str) -> ConnectorEntry:
        """The entry of a connector, by its identity.

        Raises:
            StopIteration: the journal has none of it.
        """
        return next(entry for entry in self.connectors if entry.connector == connector)

    def note(
        self, connector: str, note: Note, why: str = "", *, controller: str | None = None
    ) -> None:
        """Write down what became of a connector, or what is about to."""
        entry = self.entry(connector)
        was = entry.note, entry.why, entry.controller
        entry.note, entry.why = note, why
        if controller is not None:
            entry.controller = controller
        try:
            self.keep()
        except UnwrittenError:
            if note in _ABOUT_TO:  # what was not written down is not sent
                entry.note, entry.why, entry.controller = was
            raise

    def end(self, now: datetime) -> None:
        """Write down that nothing is left to tell."""
        self.ended = _instant(now)
        self.keep()

    def reopen(self) -> None:
        """This process goes on with it."""
        self.owner, self.ended = _this_process(), None
        self.keep()

    @property
    def line(self) -> str:
        """How far it is, in a line for people who wait."""
        waiting = [entry for entry in self.queues if entry.state != "waiting"]
        if not waiting:
            return "; ".join(f"{entry.connector}: {entry.note}" for entry in self.connectors)
        return "; ".join(
            f"{entry.queue}: {entry.state}" + (f", {entry.left:,} left" if entry.left else "")
            for entry in waiting
        )

    def keep(self) -> None:
        """Write it, whole; a foreign one without a digest.

        Raises:
            UnwrittenError: it cannot be written; what the file held before is still there.
        """
        document = self.document()
        digest = "" if self.foreign else seal.sealed(document)
        try:
            write_whole(self.file, json.dumps({**document, "digest": digest}, indent=2) + "\n")
        except OSError as error:
            raise UnwrittenError(
                f"the journal {self.file} cannot be written ({error.strerror or error})"
            ) from error

    def document(self) -> dict[str, Any]:
        """What the file holds, but for the digest over it."""
        return {
            "schema": SCHEMA,
            "source": self.source,
            "ticket": self.ticket,
            "started": self.started,
            "ended": self.ended,
            "process": {"id": self.owner[0], "began": self.owner[1]},
            "connectors": [connector_document(entry) for entry in self.connectors],
            "queues": [queue_document(entry) for entry in self.queues],
            "snapshot": self.snapshot,
            **self.newer,
        }

    @property
    def is_being_worked_on(self) -> bool:
        """Whether another process of this machine still works on it."""
        import psutil

        number, began = self.owner
        if self.ended is not None or number == os.getpid():
            return False
        try:
            return abs(psutil.Process(number).create_time() - began) < _SAME
        except (psutil.Error, ValueError, OverflowError):
            return False


_SAME = 1.0
"""Seconds within which two readings of a process's start mean the same one."""


_ABOUT_TO: frozenset[Note] = frozenset({"begun", "going back"})


class UnwrittenError(RunError):
    """A journal that cannot be written: nothing more is changed then."""


class DamagedError(InputError):
    """A journal that cannot be read.

    Attributes:
        folder: its run folder.
    """

    def __init__(self, message: str, folder: Path) -> None:
        """Say why, and whose it is."""
        super().__init__(message)
        self.folder = folder


def journals(runs: Path) -> Iterator[Journal | DamagedError]:
    """The journals of all run folders, the oldest first; the error of one that cannot be read."""
    for file in sorted(runs.glob(f"*/{FILE}")):
        try:
            yield Journal.load(file.parent)
        except InputError as error:
            yield DamagedError(str(error), file.parent)


_DAMAGE = (ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError)
_LONGEST_REASON = 300
"""Characters of what was wrong with a file that is shown."""


def _parsed(file: Path) -> Any:  # noqa: ANN401 - parsed JSON
    """What a file holds.

    Raises:
        ValueError: it cannot be a journal: nothing that waits or never ends is read.
        InputError: it would take too much memory.
    """
    found = file.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is not a file")
    if found.st_size > MOST_BYTES:
        raise ValueError(f"it has {found.st_size:,} bytes")
    text = file.read_text(encoding="utf-8")
    Budget(found.st_size).room(json_memory(text), str(file))
    return json.loads(text)


def _foreign(folder: Path, document: Mapping[str, Any]) -> str:
    """Why a journal is not this user's own, a clause; empty: it is."""
    if not seal.is_ours(others(document, {"digest"}), document.get("digest")):
        lacking = "" if seal.has_key() else f" (there is no key of yours: {seal.key_file()})"
        return f"{FOREIGN}{lacking}"
    return "" if document.get("snapshot") == _hash(folder / SNAPSHOT) else OTHER_SNAPSHOT


def _hash(file: Path) -> str:
    """SHA-256 of a file, hexadecimal; empty where there is none."""
    if not file.is_file():
        return ""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


_KEYS = frozenset(
    {
        *("schema", "source", "ticket", "started", "ended", "process", "connectors", "queues"),
        *("snapshot", "digest"),
    }
)


def _of_document(folder: Path, document: Any) -> Journal:  # noqa: ANN401 - parsed JSON
    """A journal, checked: who goes on with it must not stumble over it in the middle."""
    if not isinstance(document, dict):
        raise TypeError(f"expected schema {SCHEMA}, found no JSON object")
    number = _number(document.get("schema"))
    process = document["process"]
    return Journal(
        folder,
        checked(str, document["source"], "source"),
        checked(str, document.get("ticket", ""), "ticket"),
        checked(str, document.get("started", ""), "started"),
        (checked(int, process["id"], "process id"), float(process["began"])),
        [connector_entry(connector, number) for connector in document["connectors"]],
        [queue_entry(queue) for queue in document.get("queues", ())],
        checked(str, document.get("ended"), "ended", maybe=True),
        checked(str, document.get("snapshot", ""), "snapshot"),
        newer=others(document, _KEYS),
    )


def _number(found: object) -> int:
    """The number of a schema that this version reads."""
    number = str(found).removeprefix(f"{NAME}/")
    if str(found).startswith(f"{NAME}/") and number.isdecimal():
        if 1 <= int(number) <= NUMBER:
            return int(number)
        raise ValueError(
            f"it has schema {found}, and this version of mailflow reads {SCHEMA}; use the newer "
            "version of mailflow that wrote it"
        )
    raise ValueError(f"expected schema {SCHEMA}, found {found!r}")


def _this_process() -> tuple[int, float]:
    import psutil

    return os.getpid(), psutil.Process().create_time()


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
