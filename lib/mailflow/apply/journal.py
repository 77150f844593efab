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
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast, get_args

from mailflow.analysis.change import (
    PARAMETERS,
    Change,
    Edit,
    Parameter,
    SettingValue,
    fingerprint,
    parsed,
    set_command,
    with_value,
)
from mailflow.apply import seal
from mailflow.budget import Budget, json_memory
from mailflow.errors import InputError, RunError
from mailflow.exchange.connectors import ReceiveConnector
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

Note = Literal["not begun", "begun", "done", "verified", "refused", "going back", "put back"]
"""begun, going back: a Set was about to be sent; whether it came to be, only the server knows.
done: read back with the new values. verified: the whole organization is the one that was proven."""


@dataclass(slots=True)
class ConnectorEntry:
    r"""One Set-ReceiveConnector in the journal.

    Attributes:
        connector: `SERVER\Name`.
        server: its server.
        changes: parameter by parameter, the old value and the one that was proven.
        has_rollback: whether Exchange takes the old values again, as far as was known before.
        controller: the domain controller that was written to; empty: not told.
        note: what is known to have been done.
        why: what went wrong, or what there is to say; a line.
        newer: keys of a newer version.
    """

    connector: str
    server: str
    changes: tuple[Change, ...]
    has_rollback: bool = True
    controller: str = ""
    note: Note = "not begun"
    why: str = ""
    newer: dict[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What it sets."""
        return tuple(change.parameter for change in self.changes)

    @property
    def command(self) -> str:
        """PowerShell that sets the new values; empty where none can be given safely.

        Always computed from the values: text that a file holds is never shown as a command.
        """
        return set_command(self.connector, self.after, self.parameters)

    @property
    def undo(self) -> str:
        """PowerShell that restores the old values, likewise."""
        if not self.has_rollback:
            return ""
        return set_command(self.connector, self.before, self.parameters)

    @property
    def old(self) -> Mapping[Parameter, SettingValue]:
        """The values before, by parameter."""
        # A command is given only where every old value was read.
        return {change.parameter: cast("SettingValue", change.old) for change in self.changes}

    @property
    def new(self) -> Mapping[Parameter, SettingValue]:
        """The values that were proven, by parameter."""
        return {change.parameter: change.new for change in self.changes}

    @property
    def before(self) -> ReceiveConnector:
        """A connector of which only the old values are known."""
        return self._with(self.old)

    @property
    def after(self) -> ReceiveConnector:
        """A connector of which only the new values are known."""
        return self._with(self.new)

    @property
    def old_sha256(self) -> str:
        """Hash of the old values, whatever their notation and order."""
        return fingerprint(self.before, self.parameters)

    @property
    def new_sha256(self) -> str:
        """The same of the new values."""
        return fingerprint(self.after, self.parameters)

    def _with(self, values: Mapping[Parameter, SettingValue]) -> ReceiveConnector:
        name = self.connector.partition("\\")[2]
        connector = ReceiveConnector(self.server, name, None, None, (), (), None, None)
        for parameter, value in values.items():
            connector = with_value(connector, parameter, value)
        return connector


@dataclass(slots=True)
class QueueEntry:
    r"""One queue in the journal.

    Attributes:
        queue: `SERVER\1234`.
        before: messages when it was first looked at; None: not known.
        left: messages when it was last looked at; None: not known.
        state: `waiting`, `retried`, `denied`, `drained`, `moving`, `stuck`, `suspended` or
            `not known`.
        why: what there is to say; a line.
        newer: keys of a newer version.
    """

    queue: str
    before: int | None = None
    left: int | None = None
    state: str = "waiting"
    why: str = ""
    newer: dict[str, Any] = field(default_factory=dict)


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
            "connectors": [_connector_document(entry) for entry in self.connectors],
            "queues": [_queue_document(entry) for entry in self.queues],
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


OPEN: frozenset[Note] = frozenset({"begun", "done", "verified", "going back"})
"""Notes of connectors that may have their new values."""

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


# -- A journal to a document -----------------------------------------------------------------------


def _connector_document(entry: ConnectorEntry) -> dict[str, Any]:
    changes = [change.as_json() for change in entry.changes]
    return {
        "connector": entry.connector,
        "server": entry.server,
        "changes": [{name: each[name] for name in ("parameter", "old", "new")} for each in changes],
        "command": entry.command,
        "undo": entry.undo,
        "controller": entry.controller,
        "note": entry.note,
        "why": entry.why,
        "old_sha256": entry.old_sha256,
        "new_sha256": entry.new_sha256,
        **entry.newer,
    }


def _queue_document(entry: QueueEntry) -> dict[str, Any]:
    known = asdict(entry)
    newer: dict[str, Any] = known.pop("newer")
    return known | newer


# -- A document to a journal -----------------------------------------------------------------------

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
    if not seal.is_ours(_others(document, {"digest"}), document.get("digest")):
        lacking = "" if seal.has_key() else f" (there is no key of yours: {seal.key_file()})"
        return f"{FOREIGN}{lacking}"
    return "" if document.get("snapshot") == _hash(folder / SNAPSHOT) else OTHER_SNAPSHOT


def _hash(file: Path) -> str:
    """SHA-256 of a file, hexadecimal; empty where there is none."""
    if not file.is_file():
        return ""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


_HASHES = ("old_sha256", "new_sha256")
_KEYS = frozenset(
    {
        *("schema", "source", "ticket", "started", "ended", "process", "connectors", "queues"),
        *("snapshot", "digest"),
    }
)
_OF_CONNECTOR = frozenset(
    {
        *("connector", "server", "changes", "command", "undo", "controller", "note", "why"),
        *_HASHES,
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
        _is(str, document["source"], "source"),
        _is(str, document.get("ticket", ""), "ticket"),
        _is(str, document.get("started", ""), "started"),
        (_is(int, process["id"], "process id"), float(process["began"])),
        [_connector_entry(connector, number) for connector in document["connectors"]],
        [_queue_entry(queue) for queue in document.get("queues", ())],
        _is(str, document.get("ended"), "ended", maybe=True),
        _is(str, document.get("snapshot", ""), "snapshot"),
        newer=_others(document, _KEYS),
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


def _connector_entry(document: Any, number: int) -> ConnectorEntry:  # noqa: ANN401 - parsed JSON
    if document["note"] not in get_args(Note):
        raise ValueError(f"{document['connector']}: no such note: {document['note']!r}")
    identity = _is(str, document["connector"], "connector")
    if number == 1:
        changes: Iterable[Any] = [
            {"parameter": "RemoteIPRanges", "old": document["old"], "new": document["new"]}
        ]
    else:
        changes = document["changes"]
    entry = ConnectorEntry(
        connector=identity,
        server=_is(str, document["server"], "server"),
        changes=tuple(_change(identity, each) for each in changes),
        has_rollback=bool(_is(str, document.get("undo", ""), "undo")),
        controller=_is(str, document.get("controller", ""), "controller"),
        note=document["note"],
        why=_is(str, document.get("why", ""), "why"),
        newer=_others(document, _OF_CONNECTOR | {"old", "new"} if number == 1 else _OF_CONNECTOR),
    )
    if not entry.changes:
        raise ValueError(f"{identity}: no changes")
    if [entry.old_sha256, entry.new_sha256] != [document[name] for name in _HASHES]:
        raise ValueError(f"the values of {identity} are not those of its hashes")
    return entry


def _change(identity: str, document: Any) -> Change:  # noqa: ANN401 - parsed JSON
    parameter = document["parameter"]
    if parameter not in PARAMETERS:
        raise ValueError(f"{identity}: no such parameter: {parameter!r}")
    return Change(
        identity, parameter, parsed(parameter, document["old"]), parsed(parameter, document["new"])
    )


def _queue_entry(document: Any) -> QueueEntry:  # noqa: ANN401 - parsed JSON
    return QueueEntry(
        queue=_is(str, document["queue"], "queue"),
        before=_is(int, document.get("before"), "before", maybe=True),
        left=_is(int, document.get("left"), "left", maybe=True),
        state=_is(str, document.get("state", "waiting"), "state"),
        why=_is(str, document.get("why", ""), "why"),
        newer=_others(document, {"queue", "before", "left", "state", "why"}),
    )


def _others(document: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in known}


def _is(kind: type, value: Any, name: str, *, maybe: bool = False) -> Any:  # noqa: ANN401
    """A value of this type, or None where that is allowed.

    Raises:
        TypeError: of another one.
    """
    if (value is None and maybe) or (isinstance(value, kind) and not isinstance(value, bool)):
        return value
    raise TypeError(f"{name} is no {kind.__name__}: {value!r}")


def _this_process() -> tuple[int, float]:
    import psutil

    return os.getpid(), psutil.Process().create_time()


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
