"""The journal of a repair, `apply.json` in its run folder: written before and after each step.

Whoever stops the program at any moment finds in it what was certainly not begun, what was begun,
and what was seen to be done; the server tells the rest (`standing.py`). It holds the old lists, so
that there is a way back, and no secret.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from mailflow.analysis.change import Edit, list_hash
from mailflow.errors import InputError
from mailflow.exchange.ranges import AddressRange, RangeError, parse_range
from mailflow.snapshot import write_whole

SCHEMA = "mailflow.apply/1"
FILE = "apply.json"

Note = Literal["not begun", "begun", "done", "verified", "refused", "going back", "put back"]
"""begun, going back: a Set was about to be sent; whether it came to be, only the server knows.
done: read back as the new list. verified: the whole organisation is the one that was proven."""


@dataclass(slots=True)
class ListEntry:
    r"""One connector in the journal.

    Attributes:
        connector: `SERVER\Name`.
        server: its server.
        old: the list before, as printed.
        new: the list that was proven.
        undo: PowerShell that puts the old list back; empty where none can be given safely.
        controller: the domain controller that was written to; empty: not told.
        note: what is known to have been done.
        why: what went wrong, or what there is to say; a line.
    """

    connector: str
    server: str
    old: tuple[str, ...]
    new: tuple[str, ...]
    undo: str = ""
    controller: str = ""
    note: Note = "not begun"
    why: str = ""

    @property
    def old_sha256(self) -> str:
        """Hash of the old list, whatever its notation and order."""
        return list_hash(map(parse_range, self.old))

    @property
    def new_sha256(self) -> str:
        """The same of the new list."""
        return list_hash(map(parse_range, self.new))


@dataclass(slots=True)
class QueueEntry:
    r"""One queue in the journal.

    Attributes:
        queue: `SERVER\1234`.
        before: messages when it was first looked at; None: not known.
        left: messages when it was last looked at; None: not known.
        state: `waiting`, `retried`, `drained`, `moving`, `stuck`, `suspended` or `not known`.
        why: what there is to say; a line.
    """

    queue: str
    before: int | None = None
    left: int | None = None
    state: str = "waiting"
    why: str = ""


@dataclass(slots=True)
class Journal:
    """What has been done of one repair. Edit it by its methods: they write it, whole.

    Attributes:
        folder: the run's folder.
        source: the organisation, as SOURCE.
        ticket: of the service desk.
        started: when, ISO in UTC.
        owner: number and start of the process that works on it.
        lists: the connectors, in the order in which their lists are set.
        queues: the queues that are tried again.
        ended: when nothing was left to tell, ISO in UTC; None: not yet.
    """

    folder: Path
    source: str
    ticket: str = ""
    started: str = ""
    owner: tuple[int, float] = (0, 0.0)
    lists: list[ListEntry] = field(default_factory=list)
    queues: list[QueueEntry] = field(default_factory=list)
    ended: str | None = None

    @classmethod
    def begin(
        cls,
        folder: Path,
        source: str,
        changes: Iterable[Edit],
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
                ListEntry(
                    one.identity,
                    one.before.server,
                    texts(one.before.ranges),
                    texts(one.ranges),
                    one.undo,
                )
                for one in changes
            ],
            [QueueEntry(one) for one in dict.fromkeys(queues)],
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
            document = json.loads(file.read_text(encoding="utf-8"))
            return _of_document(folder, document)
        except (OSError, ValueError, KeyError, TypeError, RangeError) as error:
            raise InputError(f"{file}: cannot be read as a journal ({error})") from error

    @property
    def file(self) -> Path:
        """Where it is."""
        return self.folder / FILE

    def entry(self, connector: str) -> ListEntry:
        """The entry of a connector of this journal."""
        return next(one for one in self.lists if one.connector == connector)

    def note(
        self, connector: str, note: Note, why: str = "", *, controller: str | None = None
    ) -> None:
        """Write down what became of a connector, or what is about to."""
        one = self.entry(connector)
        one.note, one.why = note, why
        if controller is not None:
            one.controller = controller
        self.keep()

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
        waiting = [one for one in self.queues if one.state != "waiting"]
        if not waiting:
            return "; ".join(f"{one.connector}: {one.note}" for one in self.lists)
        return "; ".join(
            f"{one.queue}: {one.state}" + (f", {one.left:,} left" if one.left else "")
            for one in waiting
        )

    def keep(self) -> None:
        """Write it, whole."""
        write_whole(self.file, json.dumps(self.document(), indent=2) + "\n")

    def document(self) -> dict[str, Any]:
        """What the file holds."""
        return {
            "schema": SCHEMA,
            "source": self.source,
            "ticket": self.ticket,
            "started": self.started,
            "ended": self.ended,
            "process": {"id": self.owner[0], "began": self.owner[1]},
            "connectors": [
                asdict(one) | {"old_sha256": one.old_sha256, "new_sha256": one.new_sha256}
                for one in self.lists
            ],
            "queues": [asdict(one) for one in self.queues],
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
        except (psutil.Error, ValueError):
            return False


_SAME = 1.0
"""Seconds within which two readings of a process's start mean the same one."""


def journals(runs: Path) -> Iterator[Journal | InputError]:
    """The journals of all run folders, the oldest first; the error of one that cannot be read."""
    for file in sorted(runs.glob(f"*/{FILE}")):
        try:
            yield Journal.load(file.parent)
        except InputError as error:
            yield error


def texts(ranges: Iterable[AddressRange]) -> tuple[str, ...]:
    """Ranges as a cmdlet takes them, in their own notation."""
    return tuple(map(str, ranges))


def _of_document(folder: Path, document: Any) -> Journal:  # noqa: ANN401 - parsed JSON
    if document["schema"] != SCHEMA:
        raise ValueError(f"schema {document['schema']}, not {SCHEMA}")
    lists = []
    for one in document["connectors"]:
        values = {name: one[name] for name in ListEntry.__slots__}
        entry = ListEntry(**values | {"old": tuple(one["old"]), "new": tuple(one["new"])})
        if (entry.old_sha256, entry.new_sha256) != (one["old_sha256"], one["new_sha256"]):
            raise ValueError(f"the lists of {entry.connector} are not those of its hashes")
        lists.append(entry)
    process = document["process"]
    return Journal(
        folder,
        document["source"],
        document["ticket"],
        document["started"],
        (process["id"], process["began"]),
        lists,
        [QueueEntry(**one) for one in document["queues"]],
        document["ended"],
    )


def _this_process() -> tuple[int, float]:
    import psutil

    return os.getpid(), psutil.Process().create_time()


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
