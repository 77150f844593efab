"""What every reader returns: the objects of a cmdlet as rows, and what could not be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from mailflow.snapshot import ObservedOffer, ObservedSessions, Unread


@dataclass(frozen=True, slots=True)
class Enumeration:
    """A value of a .NET enumeration: text, number or both, as far as the form keeps them."""

    text: str | None
    number: int | None


@dataclass(frozen=True, slots=True)
class Complex:
    """An object inside an object: its text and its properties, as far as the form keeps them.

    `text` is None where the form lost what it prints as (JSON turns an identity into its members).
    """

    text: str | None
    properties: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Items:
    """A list of values; `cut` where the form left out its end (`...`)."""

    values: tuple[Value, ...]
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """A value that was there and that the form does not hold any more: unknown, never empty.

    `why` is for people and becomes a row of *unread* where the value matters. `visible` is what is
    left of it, for example the beginning of a text that was cut off.
    """

    why: str
    visible: str = ""


# An aware datetime is an instant; a time without a zone stays str.
Value = None | bool | int | float | str | datetime | Enumeration | Complex | Items | Lost


ROW, VALUE, ELEMENT = 400, 100, 60
"""Bytes of memory, about, that an object takes, one of its values, and an element of a list."""


def size_of(values: Mapping[str, Value]) -> int:
    """Bytes of memory, about, that an object of these values takes."""
    size = ROW + VALUE * len(values)
    for value in values.values():
        if isinstance(value, Items):
            size += ELEMENT * len(value.values)
        elif isinstance(value, str):
            size += len(value)
    return size


@dataclass(frozen=True, slots=True)
class Row:
    """One object that a cmdlet returned.

    Attributes:
        cmdlet: whose output it is, `Get-Queue`; recognised by content.
        values: properties by the name Exchange gives them. A property that the form does not hold
            is absent; one that it holds empty is None or "".
        place: where it stands: file, and line or number, for messages.
        computer: the server that answered, where the export says so (PSComputerName); else "".
        named_server: the server a command line above the output named (`Get-NetworkConnectionInfo
            EX10A`); else "".
        command: the command line above the output, as typed (S1.38); "" where none stands there.
    """

    cmdlet: str
    values: Mapping[str, Value]
    place: str
    computer: str = ""
    named_server: str = ""
    command: str = ""


@dataclass(slots=True)
class Reading:
    """All that one or several exports held.

    Attributes:
        rows: objects of the cmdlets mailflow reads.
        unread: what could not be read.
        ignored: exports of other cmdlets: (what it is, place); they are not *unread*.
        cmdlets: cmdlets of which an export was there, also one without any object (`<Objs/>`).
        commands: command lines that call a cmdlet mailflow reads, as typed: (command line, place),
            also one that printed nothing.
        observed: what receive logs show.
        offers: what senders met, by their logs and by EHLO replies.
    """

    rows: list[Row] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    ignored: list[tuple[str, str]] = field(default_factory=list)
    cmdlets: set[str] = field(default_factory=set)
    commands: list[tuple[str, str]] = field(default_factory=list)
    observed: list[ObservedSessions] = field(default_factory=list)
    offers: list[ObservedOffer] = field(default_factory=list)
    is_whole: bool = False

    def add(self, other: Reading) -> None:
        """Put all of another reading behind this one; `is_whole` stays as it is here."""
        self.rows.extend(other.rows)
        self.unread.extend(other.unread)
        self.ignored.extend(other.ignored)
        self.cmdlets |= other.cmdlets
        self.commands.extend(other.commands)
        self.observed.extend(other.observed)
        self.offers.extend(other.offers)

    def of(self, cmdlet: str) -> Iterator[Row]:
        """The rows of one cmdlet, in the order read."""
        return (row for row in self.rows if row.cmdlet == cmdlet)
