"""What a journal holds of one connector or queue, and how that stands in its file.

What a file holds is hostile: each value is checked before anybody goes on with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast, get_args

from mailflow.analysis.change import (
    PARAMETERS,
    Change,
    Parameter,
    SettingValue,
    fingerprint,
    parsed,
    set_command,
    with_value,
)
from mailflow.exchange.connectors import ReceiveConnector

Note = Literal["not begun", "begun", "done", "verified", "refused", "going back", "put back"]
"""begun, going back: a Set was about to be sent; whether it came to be, only the server knows.
done: read back with the new values. verified: the whole organization is the one that was proven."""

OPEN: frozenset[Note] = frozenset({"begun", "done", "verified", "going back"})
"""Notes of connectors that may have their new values."""


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


def connector_document(entry: ConnectorEntry) -> dict[str, Any]:
    """What the file holds of a connector; the commands are for people who read it."""
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


def queue_document(entry: QueueEntry) -> dict[str, Any]:
    """What the file holds of a queue."""
    known = asdict(entry)
    newer: dict[str, Any] = known.pop("newer")
    return known | newer


_HASHES = ("old_sha256", "new_sha256")
_OF_CONNECTOR = frozenset(
    {
        *("connector", "server", "changes", "command", "undo", "controller", "note", "why"),
        *_HASHES,
    }
)


def connector_entry(document: Any, number: int) -> ConnectorEntry:  # noqa: ANN401 - parsed JSON
    """The entry of a connector, its values held to their hashes; `number` is the schema's.

    Raises:
        ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError: it is
            damaged.
    """
    if document["note"] not in get_args(Note):
        raise ValueError(f"{document['connector']}: no such note: {document['note']!r}")
    identity = checked(str, document["connector"], "connector")
    if number == 1:
        changes: Iterable[Any] = [
            {"parameter": "RemoteIPRanges", "old": document["old"], "new": document["new"]}
        ]
    else:
        changes = document["changes"]
    entry = ConnectorEntry(
        connector=identity,
        server=checked(str, document["server"], "server"),
        changes=tuple(_change(identity, each) for each in changes),
        has_rollback=bool(checked(str, document.get("undo", ""), "undo")),
        controller=checked(str, document.get("controller", ""), "controller"),
        note=document["note"],
        why=checked(str, document.get("why", ""), "why"),
        newer=others(document, _OF_CONNECTOR | {"old", "new"} if number == 1 else _OF_CONNECTOR),
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


def queue_entry(document: Any) -> QueueEntry:  # noqa: ANN401 - parsed JSON
    """The entry of a queue.

    Raises:
        ArithmeticError, AttributeError, KeyError, RecursionError, TypeError, ValueError: it is
            damaged.
    """
    return QueueEntry(
        queue=checked(str, document["queue"], "queue"),
        before=checked(int, document.get("before"), "before", maybe=True),
        left=checked(int, document.get("left"), "left", maybe=True),
        state=checked(str, document.get("state", "waiting"), "state"),
        why=checked(str, document.get("why", ""), "why"),
        newer=others(document, {"queue", "before", "left", "state", "why"}),
    )


def others(document: Mapping[str, Any], known: Collection[str]) -> dict[str, Any]:
    """The keys that this version does not know: those of a newer one."""
    return {name: value for name, value in document.items() if name not in known}


def checked(kind: type, value: Any, name: str, *, maybe: bool = False) -> Any:  # noqa: ANN401
    """A value of this type, or None where that is allowed.

    Raises:
        TypeError: of another one.
    """
    if (value is None and maybe) or (isinstance(value, kind) and not isinstance(value, bool)):
        return value
    raise TypeError(f"{name} is no {kind.__name__}: {value!r}")
