"""A change of RemoteIPRanges as an object, and what somebody asks for as one.

A change is one that Exchange takes, beside the other connectors as they are when its turn comes:
what it would refuse is refused here first, in its own words (sections 1.5 and 3.4, S8.65).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mailflow.errors import UsageError
from mailflow.exchange.conflicts import check
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import (
    AddressRange,
    RangeError,
    format_range,
    parse_range,
    subtract,
)
from mailflow.exchange.refusals import refusal
from mailflow.exchange.servers import Server
from mailflow.snapshot import Snapshot
from mailflow.steps import commands
from mailflow.steps.paths import connectors_of
from mailflow.steps.words import joined

CUT = (
    "Its list was cut off in the capture, so the new list cannot be written here: read the whole "
    "list first."
)


class RefusedError(UsageError):
    """A change that Exchange would refuse, or that nobody should make; the text says why."""


@dataclass(frozen=True, slots=True)
class Change:
    r"""One connector's new list of remote ranges.

    Attributes:
        before: the connector as it was read.
        ranges: the whole new list; a plain list replaces the value (S8.60).
        beside: all connectors of the server when this change is made, after those made before it;
            what Exchange takes was judged by them.
        undo_refusal: what Exchange says of the old list when it is put back, where the list as it
            was read is one it would refuse today; empty: it takes it.
    """

    before: ReceiveConnector
    ranges: tuple[AddressRange, ...]
    beside: tuple[ReceiveConnector, ...] = field(default=(), repr=False, compare=False)
    undo_refusal: str = ""

    @property
    def identity(self) -> str:
        r"""`SERVER\Name`."""
        return self.before.identity

    @property
    def after(self) -> ReceiveConnector:
        """The connector with the new list."""
        return replace(self.before, ranges=self.ranges)

    @property
    def is_complete(self) -> bool:
        """Whether the old list was read to the end; else the new one cannot be written."""
        return self.before.ranges_complete

    @property
    def removed(self) -> tuple[AddressRange, ...]:
        """Elements of the old list that the new one lacks, by bounds (S8.62)."""
        kept = set(self.ranges)
        return tuple(one for one in self.before.ranges if one not in kept)

    @property
    def added(self) -> tuple[AddressRange, ...]:
        """Elements of the new list that the old one lacks."""
        kept = set(self.before.ranges)
        return tuple(one for one in self.ranges if one not in kept)

    @property
    def sha256(self) -> str:
        """The hash of the old list; empty where that was not read to the end."""
        return list_hash(self.before.ranges) if self.is_complete else ""

    @property
    def command(self) -> str:
        """PowerShell that makes the change; empty where none can be given safely."""
        return self._set(self.ranges)

    @property
    def rehearsal(self) -> str:
        """The same with -WhatIf: Exchange says what it would do and does nothing (S8.66)."""
        return commands.rehearsed(self.command) if self.command else ""

    @property
    def undo(self) -> str:
        """PowerShell that puts the old list back; empty where none can be given safely."""
        return self._set(self.before.ranges)

    def __str__(self) -> str:
        r"""`Take 10.0.0.11 off EX16A\Relay.`."""
        gone = taken_off(self.before.ranges, self.ranges)
        come = taken_off(self.ranges, self.before.ranges)
        parts = [f"Take {joined(map(format_range, gone))} off {self.identity}."] if gone else []
        if come:
            parts.append(f"Put {joined(map(format_range, come))} on {self.identity}.")
        return " ".join(parts) or f"Write the same addresses of {self.identity} another way."

    def as_json(self) -> dict[str, Any]:
        """All of it; a command that cannot be given is null."""
        return {
            "server": self.before.server,
            "connector": self.identity,
            "removed": [str(one) for one in self.removed],
            "added": [str(one) for one in self.added],
            "old": [str(one) for one in self.before.ranges],
            "new": [str(one) for one in self.ranges],
            "complete": self.is_complete,
            "sha256": self.sha256 or None,
            "command": self.command or None,
            "whatif": self.rehearsal or None,
            "undo": self.undo or None,
            "undo_refusal": self.undo_refusal or None,
        }

    def _set(self, ranges: Sequence[AddressRange]) -> str:
        if not (self.is_complete and ranges):
            return ""
        try:
            return commands.set_ranges(self.identity, ranges)
        except commands.Unquotable:
            return ""


def list_hash(ranges: Iterable[AddressRange]) -> str:
    """SHA-256 of a list of remote ranges, hexadecimal: equal for lists that mean the same.

    Of the bounds alone, each pair once and in order, for neither the notation of a range nor its
    place in the list takes part in anything (S1.11, S1.13, section 1.4), and Exchange does not
    keep the order. `10.0.0.0/24` and `10.0.0.0-10.0.0.255` are one range; a range and its two
    halves are not, for the halves are smaller and win elsewhere.
    """
    bounds = sorted({(one.family, one.first, one.last) for one in ranges})
    text = "".join(f"{family}:{first:x}-{last:x}\n" for family, first, last in bounds)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def taken_off(old: Iterable[AddressRange], new: Sequence[AddressRange]) -> list[AddressRange]:
    """The addresses of the first list that the second does not hold."""
    kept = set(new)
    return [
        piece
        for block in old
        if block not in kept
        for piece in subtract([block], [one for one in new if one.meets(block)])
    ]


def empty_list(identity: str) -> str:
    """What to say of a list of which nothing would be left."""
    try:
        command = f": {commands.set_enabled(identity, enabled=False)}"
    except commands.Unquotable:
        command = "."
    return (
        "Nothing would be left of its list, and whether Exchange takes an empty one is not known "
        f"(S8.64). If nobody else needs it, disable it or delete it{command}"
    )


def edited(
    org: Snapshot,
    server: str,
    connector: str,
    *,
    remove: Iterable[str] = (),
    add: Iterable[str] = (),
) -> Change:
    r"""Any change of one connector's list, as somebody asks for it.

    Args:
        org: the organisation.
        server: short or full name of the server.
        connector: its name, or `SERVER\Name`.
        remove: elements to take out; they are compared by bounds (S8.62).
        add: ranges to put in, at the end.

    Raises:
        UsageError: no such server or connector, no range, or a value that is no element.
        RefusedError: Exchange would refuse it, or nothing would be left.
    """
    target = _server(org, server)
    old = _connector(org, target, connector)
    out, new = _parsed(remove), _parsed(add)
    if not out and not new:
        raise UsageError("nothing to change: name a range to remove or to add")
    for block in out:
        if block not in old.ranges and old.ranges_complete:
            raise UsageError(_no_element(block, old))
    left = [one for one in old.ranges if one not in out]
    for block in new:
        if block in left:
            raise UsageError(f"{block} is an element of {old.identity} already")
        left.append(block)
    if not left and old.ranges_complete:
        raise RefusedError(f"{old.identity}: {empty_list(old.identity)}")
    beside = connectors_of(org, target)
    refuse = refuser(org, target)
    edit = replace(old, ranges=tuple(left))
    text = refuse(edit, beside)
    if text:
        raise RefusedError(f"Exchange would refuse the list of {old.identity}: {text}")
    return Change(old, edit.ranges, beside, refuse(old, beside) or "")


def applied(org: Snapshot, changes: Iterable[Change]) -> Snapshot:
    """The organisation as it is once the changes were made, one after the other.

    Raises:
        RefusedError: a list is no longer the one that a change was made for, or Exchange would
            refuse the new one beside the connectors as they are now.
    """
    for change in changes:
        place = next(
            (
                number
                for number, one in enumerate(org.connectors)
                if one.identity.casefold() == change.identity.casefold()
            ),
            None,
        )
        if place is None:
            raise RefusedError(f'The Receive connector "{change.identity}" wasn\'t found.')
        now = org.connectors[place]
        if now.ranges != change.before.ranges and list_hash(now.ranges) != list_hash(
            change.before.ranges
        ):
            raise RefusedError(_another_list(change, now))
        edit = replace(now, ranges=change.ranges)
        target = org.server(now.server) or Server(now.server)
        beside = connectors_of(org, target)
        if beside != change.beside:
            text = refuser(org, target)(edit, beside)
            if text:
                raise RefusedError(f"Exchange would refuse the list of {now.identity}: {text}")
        org = replace(org, connectors=(*org.connectors[:place], edit, *org.connectors[place + 1 :]))
    return org


Refuser = Callable[[ReceiveConnector, Sequence[ReceiveConnector]], str | None]
"""A connector as it would be, and all of the server: what Exchange says; None: it takes it."""


def refuser(org: Snapshot, server: Server) -> Refuser:
    """What Exchange says of a connector of this server beside the others; None: it takes it."""
    settings = (one for one in org.settings if server.is_named(one.server))
    downgraded = next((one.use_downgraded_auth for one in settings), None)

    def refuse(edit: ReceiveConnector, others: Sequence[ReceiveConnector]) -> str | None:
        alone = refusal(edit, server, downgraded=downgraded)
        conflict = None if alone else check(edit, others)
        return conflict.text if conflict else alone

    return refuse


def _server(org: Snapshot, name: str) -> Server:
    found = org.server(name) if name.strip() else None
    if found is None:
        known = ", ".join(sorted(one.name for one in org.servers)) or "none"
        raise UsageError(f"no server is called {name}; known: {known}")
    return found


def _connector(org: Snapshot, server: Server, name: str) -> ReceiveConnector:
    host, slash, rest = name.partition("\\")
    wanted = (rest if slash else name).strip().casefold()
    mine = connectors_of(org, server)
    here = not slash or server.is_named(host)
    found = next((one for one in mine if here and one.name.casefold() == wanted), None)
    if found is None:
        known = ", ".join(sorted(one.name for one in mine)) or "none"
        raise UsageError(
            f'The Receive connector "{name}" wasn\'t found. {server.name} has: {known}'
        )
    return found


def _parsed(texts: Iterable[str]) -> list[AddressRange]:
    try:
        return list(dict.fromkeys(map(parse_range, texts)))
    except RangeError as error:
        raise UsageError(str(error)) from error


def _no_element(block: AddressRange, connector: ReceiveConnector) -> str:
    """Remove compares by bounds and never cuts a hole (S8.62): say what would (S8.63)."""
    head = f"{block} is no element of the list of {connector.identity}, and remove takes elements"
    around = [one for one in connector.ranges if one.holds(block)]
    if around:
        least = min(around, key=lambda one: one.size)
        pieces = joined(map(format_range, subtract([least], [block])))
        return f"{head}. It lies inside {least}: remove {least} and add {pieces} (S8.63)"
    inside = [one for one in connector.ranges if block.meets(one)]
    if inside:
        return f"{head}. It meets {joined(inside)}: name these as they stand"
    listed = joined(connector.ranges) or "nothing"
    return f"{head}. The list holds {listed}"


def _another_list(change: Change, now: ReceiveConnector) -> str:
    lost = taken_off(change.before.ranges, now.ranges)
    new = taken_off(now.ranges, change.before.ranges)
    parts = [f"{joined(map(format_range, lost))} is gone"] if lost else []
    parts += [f"{joined(map(format_range, new))} is new"] if new else []
    said = " and ".join(parts) or "its ranges are cut in another way"
    return f"the list of {now.identity} is no longer the one this change was made for: {said}"
