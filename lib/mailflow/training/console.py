"""Typed lines at work in a simulated organization, and what came of each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailflow.show.markup import Markup
from mailflow.show.training import transcript
from mailflow.simulated.doors import PracticeDoors, Session
from mailflow.simulated.practice import Practice
from mailflow.sources.row import Items, Row, Value
from mailflow.sources.shell import Call, Fault, Reply, ShellError
from mailflow.sources.values import UnreadableError, text
from mailflow.training import windows
from mailflow.training.typed import NotTypedError, TypedLine, lines_of, what_can_be_typed

if TYPE_CHECKING:
    from mailflow.table import Table

SILENT = "OK (no output)."

_USUAL: Mapping[str, tuple[str, ...]] = {
    "get-adpermission": ("User", "Deny", "ExtendedRights"),
    "get-exchangeserver": ("Name", "Site", "ServerRole", "AdminDisplayVersion"),
    "get-message": ("Identity", "FromAddress", "Status", "Queue"),
    "get-networkconnectioninfo": ("Name", "IPAddresses"),
    "get-queue": ("Identity", "DeliveryType", "Status", "MessageCount", "NextHopDomain"),
    "get-receiveconnector": (
        *("Identity", "Enabled", "TransportRole", "Bindings"),
        *("RemoteIPRanges", "AuthMechanism", "PermissionGroups"),
    ),
    "get-servercomponentstate": ("Component", "State"),
    "get-service": ("Status", "Name", "DisplayName"),
    "get-transportserver": ("Name", "UseDowngradedExchangeServerAuth"),
    "get-transportservice": ("Name", "UseDowngradedExchangeServerAuth"),
}
"""What is shown where nothing is chosen; of Get-ReceiveConnector more than Exchange shows."""


@dataclass(frozen=True, slots=True)
class Said:
    """What came of one line.

    Attributes:
        line: as typed.
        rows: what it returned, for people; None where it returned nothing.
        refused: what Exchange or Windows said no to, in its words.
        remark: what there is to say besides; of ours.
    """

    line: str
    rows: Table | None = None
    refused: tuple[str, ...] = ()
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Transcript:
    """What came of typed lines, in order.

    Attributes:
        said: of each line.
        begun: whether anything was run at all.
    """

    said: tuple[Said, ...]
    begun: bool = True

    @property
    def refused(self) -> tuple[str, ...]:
        """All that was refused."""
        return tuple(text for entry in self.said for text in entry.refused)

    @property
    def markup(self) -> Markup:
        """Each line with what it said."""
        return transcript(
            [(entry.line, entry.refused, entry.remark, entry.rows) for entry in self.said]
        )

    def _repr_html_(self) -> str:
        return self.markup.html

    def __repr__(self) -> str:
        """The same in words."""
        return self.markup.text


def run(practice: Practice, typed: str) -> Transcript:
    """Run what was typed, line by line, as a session of Exchange on the practice's first server.

    A text with a line that can't be typed here is not begun at all.
    """
    try:
        lines = lines_of(typed)
    except NotTypedError as error:
        return Transcript(
            (Said(error.line.strip() or typed, remark=f"Nothing was run. {error}"),), begun=False
        )
    if not lines:
        return Transcript(
            (Said("", remark=f"No command entered. {what_can_be_typed()}"),), begun=False
        )
    return Transcript(tuple(_said(line, _reply(practice, line)) for line in lines))


def _reply(practice: Practice, line: TypedLine) -> Reply:
    call = line.call
    if windows.is_known(call.cmdlet):
        return _of_windows(practice, line)
    if line.server:
        message = f"{call.cmdlet} is no command of a plain session; type it without Invoke-Command."
        return Reply(call, fault=Fault("no-such-cmdlet", "CommandNotFoundException", message))
    return Session(practice, practice.entry).run(call)


def _of_windows(practice: Practice, line: TypedLine) -> Reply:
    """A command of Windows on the machine that the line names."""
    parameters = dict(line.call.parameters)
    named = next(
        (parameter for parameter in parameters if parameter.casefold() == "computername"), ""
    )
    where = line.server or str(parameters.pop(named, "") or practice.entry)
    parameters = {
        ("Name" if parameter.casefold() == "name" else parameter): parameters[parameter]
        for parameter in parameters
    }
    call = Call(line.call.cmdlet, parameters)
    server = practice.organisation.server(where)
    try:
        if where != practice.entry:
            PracticeDoors(practice).open(where)
    except ShellError as error:
        message = windows.NOT_ASKED.format(where, error.fault.message)
        return Reply(call, fault=Fault("unreachable", "", message))
    if server is None:
        return Reply(call, fault=Fault("unreachable", "", f"no server is called {where}"))
    with practice.lock:
        return windows.run(server, call)


def _said(line: TypedLine, reply: Reply) -> Said:
    refused = tuple(fault.message for fault in (*reply.errors, *filter(None, [reply.fault])))
    if reply.fault is not None and reply.fault.kind == "no-such-cmdlet":
        return Said(line.text, refused=refused, remark=what_can_be_typed())
    if reply.rows:
        return Said(line.text, _table(line, reply.rows), refused)
    silent = "It returned nothing." if line.call.cmdlet.casefold().startswith("get-") else SILENT
    return Said(line.text, refused=refused, remark="" if refused else silent)


def _table(line: TypedLine, rows: Sequence[Row]) -> Table:
    import pandas as pd

    from mailflow.table import Table

    usual = _USUAL.get(line.call.cmdlet.casefold(), tuple(rows[0].values)[:8])
    wanted = [
        name
        for name in dict.fromkeys(line.properties or usual)
        if line.properties or any(_value(row, name) is not None for row in rows)
    ]
    frame = pd.DataFrame([{name: _shown(_value(row, name)) for name in wanted} for row in rows])
    count = f"{len(rows)} object{'s' if len(rows) > 1 else ''}."
    return Table("typed", frame, count, {name: (name, "") for name in wanted}, "")


def _value(row: Row, name: str) -> Value:
    folded = {key.casefold(): value for key, value in dict(row.values).items()}
    return folded.get(name.casefold())


def _shown(value: Value) -> str:
    """A value as the table shows it; what a session does not hold is shown as nothing."""
    if isinstance(value, Items):
        return ", ".join(_each(value.values))
    return "".join(_each([value]))


def _each(values: Iterable[Value]) -> Iterable[str]:
    for value in values:
        try:
            yield text(value)
        except UnreadableError as error:
            yield str(error.visible or "")
