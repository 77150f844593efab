"""Messages and their fragments, and what those that come back of one cmdlet say. Pure.

pypsrp reads messages as well, but not those of Exchange: real output of Get-SendConnector ends in
an exception there, and lists stay XML text. So objects go through our own CLIXML reader, one
document for each message, which also limits what they may hold.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from uuid import UUID

from mailflow.budget import OF_ANSWER, Budget
from mailflow.errors import InputError
from mailflow.sources.exports.clixml import ClixmlReader
from mailflow.sources.row import Complex, Row, Value
from mailflow.sources.setup_faults import fault
from mailflow.sources.shell import Call, Fault, Reply
from mailflow.sources.trust import host_name

OUTPUT, ERROR, STATE, WARNING = 0x41004, 0x41005, 0x41006, 0x41009
"""Kinds of message that tell something of a cmdlet (MS-PSRP 2.2.1)."""

STOPPED, COMPLETED, FAILED = 3, 4, 5
"""States in which a cmdlet has come to its end (MS-PSRP 2.2.3.5)."""

_FRAGMENT = struct.Struct(">QQBI")
"""Object, number of the fragment in it, first and last, bytes (MS-PSRP 2.2.4)."""
_FIRST, _LAST = 1, 2
_HEAD = struct.Struct("<II16s16s")
"""Of a message, before its XML: to whom, its kind, session and pipeline (MS-PSRP 2.2.1)."""
_BOM = b"\xef\xbb\xbf"
_OPENING = b'<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">'
_CLOSING = b"</Objs>"


TO_CLIENT, TO_SERVER = 1, 2
"""To whom a message goes."""


def packed(kind: int, to: int, pool: UUID, pipeline: UUID, xml: bytes) -> bytes:
    """A message with the head that it has."""
    return _HEAD.pack(to, kind, pool.bytes_le, pipeline.bytes_le) + xml


def fragmented(message: bytes, number: int, size: int) -> Iterator[bytes]:
    """A message in fragments that hold `size` bytes of it each; `number` is that of the message."""
    for at in range(0, len(message), size):
        body = message[at : at + size]
        ends = (_FIRST if at == 0 else 0) | (_LAST if at + size >= len(message) else 0)
        yield _FRAGMENT.pack(number, at // size, ends, len(body)) + body


class BrokenFragmentsError(Exception):
    """Fragments that are cut, missing or out of order: what they hold is not known."""


class PsrpMessage(NamedTuple):
    """One message: its kind, and its XML."""

    kind: int
    xml: bytes


class Fragments:
    """Joins fragments to messages. After an error it is of no use."""

    def __init__(self) -> None:
        """Nothing has come."""
        self._begun: dict[int, list[bytes]] = {}

    def feed(self, data: bytes) -> Iterator[PsrpMessage]:
        """The messages that are whole now, in order.

        Raises:
            BrokenFragmentsError: a fragment is cut, or not the one that has to come.
        """
        at = 0
        while at < len(data):
            if len(data) - at < _FRAGMENT.size:
                raise BrokenFragmentsError("a fragment ends too early")
            of, number, ends, size = _FRAGMENT.unpack_from(data, at)
            at += _FRAGMENT.size
            body = data[at : at + size]
            at += size
            pieces = self._begun.setdefault(of, [])
            is_first = bool(ends & _FIRST)
            if len(body) < size or number != len(pieces) or is_first != (number == 0):
                raise BrokenFragmentsError("a fragment is missing, cut or out of order")
            pieces.append(body)
            if ends & _LAST:
                yield _message(b"".join(self._begun.pop(of)))

    @property
    def is_whole(self) -> bool:
        """Whether nothing is begun and not ended."""
        return not self._begun


def _message(data: bytes) -> PsrpMessage:
    if len(data) < _HEAD.size:
        raise BrokenFragmentsError("a message ends too early")
    _, kind, _, _ = _HEAD.unpack_from(data)
    return PsrpMessage(kind, data[_HEAD.size :].removeprefix(_BOM))


class CmdletAnswer:
    """What came of one call so far.

    Attributes:
        is_done: whether the cmdlet has come to its end; nothing more will come.
    """

    def __init__(self, call: Call, place: str) -> None:
        """Nothing has come.

        Args:
            call: what was asked.
            place: whose answer this is, for messages: `Get-Queue on EX10A`.
        """
        self.is_done = False
        self._call, self._place = call, place
        self._budget = Budget(limits=OF_ANSWER)
        self._fragments = Fragments()
        self._rows: list[Row] = []
        self._errors: list[Fault] = []
        self._warnings: list[str] = []
        self._fault: Fault | None = None

    def feed(self, data: bytes) -> None:
        """Take what one Receive brought.

        Raises:
            BrokenFragmentsError: it is not whole.
            InputError: an object cannot be read, or would cost too much.
        """
        self._budget.given += len(data)
        for message in self._fragments.feed(data):
            if message.kind == OUTPUT:
                self._take_rows(message.xml)
            elif message.kind == ERROR:
                self._errors.append(_of_record(self._first(message.xml)))
            elif message.kind == WARNING:
                self._warnings.append(_text(self._first(message.xml)))
            elif message.kind == STATE:
                self._take_state(self._first(message.xml))

    def reply(self, why: Fault | None = None) -> Reply:
        """The reply to the call; `why` says what kept it from its end.

        What came before that is not kept: nobody knows what else would have come.
        """
        if why is not None:
            return Reply(self._call, fault=why)
        if not self.is_done or not self._fragments.is_whole:
            return Reply(self._call, fault=fault("cut-answer"))
        return Reply(
            self._call,
            tuple(self._rows),
            tuple(self._warnings),
            tuple(self._errors),
            self._fault,
        )

    def _take_rows(self, xml: bytes) -> None:
        for value in self._values(xml):
            if value is None:
                continue
            values = value.properties if isinstance(value, Complex) else {}
            place = f"{self._place}, object {len(self._rows) + 1}"
            computer = values.get("PSComputerName")
            server = computer if isinstance(computer, str) else ""
            self._rows.append(Row(self._call.cmdlet, values, place, computer=server))

    def _take_state(self, value: Value) -> None:
        properties = _properties(value)
        state = properties.get("PipelineState")
        if state not in (STOPPED, COMPLETED, FAILED):
            return
        self.is_done = True
        record = properties.get("ExceptionAsErrorRecord")
        if state == FAILED or (state == STOPPED and record is not None):
            self._fault = _ended(_of_record(record))
        elif state == STOPPED:
            self._fault = _ended(Fault("failed", "PipelineStopped", "The cmdlet was stopped."))

    def _first(self, xml: bytes) -> Value:
        return next(iter(self._values(xml)), None)

    def _values(self, xml: bytes) -> list[Value]:
        reader = ClixmlReader(self._place, self._budget)
        found = []
        for entry in (*reader.feed(_OPENING + xml + _CLOSING), *reader.close()):
            self._budget.hold(entry.size, self._place)
            found.append(entry.value)
        return found


def damaged(error: InputError) -> Fault:
    """The fault of an answer whose objects cannot be read."""
    return Fault("protocol", "", str(error))


def _of_record(value: Value) -> Fault:
    """An error record: its id, and its text as PowerShell prints it."""
    properties = _properties(value)
    identity = properties.get("FullyQualifiedErrorId")
    return Fault("failed", str(identity or ""), _text(value) or _exception(properties))


def _exception(properties: Mapping[str, Value]) -> str:
    details = properties.get("ErrorDetails_Message")
    if isinstance(details, str) and details:
        return details
    return _text(properties.get("Exception"))


def _text(value: Value) -> str:
    """What an object prints as; of a record the text in it."""
    if isinstance(value, str):
        return value
    if not isinstance(value, Complex):
        return ""
    for name in ("InformationalRecord_Message", "Message"):
        found = value.properties.get(name)
        if isinstance(found, str):
            return found
    return value.text or ""


def _ended(record: Fault) -> Fault:
    """What ended a call: its kind by FullyQualifiedErrorId alone, never by a text."""
    first = record.id.partition(",")[0]
    kinds = {
        "CommandNotFoundException": "no-such-cmdlet",
        "NamedParameterNotFound": "no-such-parameter",
        "ScriptsNotAllowed": "refused",
        "PipelineStopped": "timed-out",
    }
    kind = kinds.get(first, "failed")
    if any(word in first for word in ("UnauthorizedAccess", "AccessDenied")):
        kind = "denied"
    return Fault(kind, record.id, record.message)


def _properties(value: Value) -> Mapping[str, Value]:
    return value.properties if isinstance(value, Complex) else {}


def hosts_of(reply: Reply) -> set[str]:
    r"""Short names, folded, of the servers whose queues a call without a server gave (S8.77)."""
    found = set()
    for row in reply.rows:
        identity = row.values.get("Identity")
        text = identity.text if isinstance(identity, Complex) else identity
        server, backslash, _ = str(text or "").partition("\\")
        if backslash and host_name(server):
            found.add(host_name(server).partition(".")[0])
    return found
