"""A change of a receive connector, parameter by parameter, and the command that makes it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast, get_args

from mailflow.exchange import commands
from mailflow.exchange.connectors import (
    AuthMechanism,
    Binding,
    PermissionGroups,
    ReceiveConnector,
    TransportRole,
    flag_names,
    parse_binding,
    parse_flags,
)
from mailflow.exchange.ranges import AddressRange, format_range, parse_range, subtract
from mailflow.phrases import joined

Parameter = Literal[
    "RemoteIPRanges",
    "Enabled",
    "AuthMechanism",
    "PermissionGroups",
    "Bindings",
    "Fqdn",
    "SuppressXAnonymousTls",
    "TransportRole",
]
"""What a repair may set with Set-ReceiveConnector, and nothing else: a wrong repair breaks less."""

PARAMETERS: tuple[Parameter, ...] = get_args(Parameter)

SettingValue = (
    tuple[AddressRange, ...]
    | tuple[Binding, ...]
    | AuthMechanism
    | PermissionGroups
    | TransportRole
    | bool
    | str
)

LONG_LIST = 40
"""Above so many elements, what goes and what comes is shown beside the whole list."""

MOST_ENTRIES = 1200
"""Above so many entries Exchange may refuse a list that got longer (S1.35)."""


@dataclass(frozen=True, slots=True)
class Change:
    r"""One parameter of one connector.

    Attributes:
        identity: `SERVER\Name`.
        parameter: of Set-ReceiveConnector.
        old: the value as it was read; None: it was not read, or not to the end.
        new: the whole new value.
    """

    identity: str
    parameter: Parameter
    old: SettingValue | None
    new: SettingValue

    def as_json(self) -> dict[str, Any]:
        """Old and new as JSON holds them: lists of texts, truths, and flags as Exchange prints."""
        return {
            "identity": self.identity,
            "parameter": self.parameter,
            "old": None if self.old is None else printed(self.old),
            "new": printed(self.new),
        }

    def __str__(self) -> str:
        r"""`Remove 10.0.0.11 from RemoteIPRanges of EX16A\Relay.`."""
        return _SENTENCES.get(self.parameter, _set_to)(self)


@dataclass(frozen=True, slots=True)
class Edit:
    r"""One Set-ReceiveConnector: a connector as it was read, and as it is then.

    Attributes:
        before: the connector as it was read.
        after: the same connector with new values.
        beside: all connectors of the server when this command is run, after those before it; what
            Exchange takes was judged by them.
        undo_refusal: what Exchange says of the old values when they are put back, where it would
            refuse them today; empty: it takes them.
        asked: what it sets although the value means the same: somebody asked for it.
    """

    before: ReceiveConnector
    after: ReceiveConnector
    beside: tuple[ReceiveConnector, ...] = field(default=(), repr=False, compare=False)
    undo_refusal: str = ""
    asked: tuple[Parameter, ...] = ()

    @property
    def identity(self) -> str:
        r"""`SERVER\Name`."""
        return self.before.identity

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """What differs, and what was asked for, in the order of PARAMETERS."""
        return tuple(
            name
            for name in PARAMETERS
            if name in self.asked or value_of(self.before, name) != value_of(self.after, name)
        )

    @property
    def changes(self) -> tuple[Change, ...]:
        """A change for each parameter; an old value that was not read to the end is None."""
        return tuple(
            Change(
                self.identity,
                name,
                value_of(self.before, name) if is_read(self.before, name) else None,
                cast("SettingValue", value_of(self.after, name)),
            )
            for name in self.parameters
        )

    @property
    def ranges(self) -> tuple[AddressRange, ...]:
        """The whole list of remote IP ranges that it leaves."""
        return self.after.ranges

    @property
    def unread(self) -> tuple[Parameter, ...]:
        """What it would set without knowing the old value: such a command is never given."""
        return tuple(name for name in self.parameters if not is_read(self.before, name))

    @property
    def is_complete(self) -> bool:
        """Whether every old value was read; else nothing can be written, or put back."""
        return not self.unread

    @property
    def removed(self) -> tuple[AddressRange, ...]:
        """Elements of the old list that the new one lacks, by bounds (S8.62)."""
        kept = set(self.after.ranges)
        return tuple(block for block in self.before.ranges if block not in kept)

    @property
    def added(self) -> tuple[AddressRange, ...]:
        """Elements of the new list that the old one lacks."""
        kept = set(self.before.ranges)
        return tuple(block for block in self.after.ranges if block not in kept)

    @property
    def may_be_refused(self) -> bool:
        """Whether its list is longer than Exchange takes, as far as is known (S1.35)."""
        grown = len(self.after.ranges) > len(self.before.ranges)
        return grown and len(self.after.ranges) > MOST_ENTRIES

    @property
    def sha256(self) -> str:
        """The hash of the old values; empty where they were not all read."""
        return fingerprint(self.before, self.parameters) if self.is_complete else ""

    @property
    def new_sha256(self) -> str:
        """The hash of the new values."""
        return fingerprint(self.after, self.parameters)

    @property
    def both_sha256(self) -> str:
        """The hash of old and new values together, which a person confirms; empty as `sha256`."""
        both = f"{self.sha256} {self.new_sha256}"
        return hashlib.sha256(both.encode("ascii")).hexdigest() if self.sha256 else ""

    @property
    def command(self) -> str:
        """PowerShell that makes the change; empty where none can be given safely."""
        return self._set(self.after)

    @property
    def rehearsal(self) -> str:
        """The same with -WhatIf: Exchange says what it would do and does nothing (S8.66)."""
        return commands.rehearsed(self.command) if self.command else ""

    @property
    def undo(self) -> str:
        """PowerShell that restores the old values; empty where none can be given safely."""
        return "" if self.undo_refusal else self._set(self.before)

    def __str__(self) -> str:
        """What it does, a sentence for each parameter."""
        return " ".join(map(str, self.changes))

    def as_json(self) -> dict[str, Any]:
        """All of it; a command that cannot be given is null."""
        return {
            "server": self.before.server,
            "connector": self.identity,
            "removed": [str(block) for block in self.removed],
            "added": [str(block) for block in self.added],
            "old": [str(block) for block in self.before.ranges],
            "new": [str(block) for block in self.after.ranges],
            "complete": self.is_complete,
            "sha256": self.sha256 or None,
            "command": self.command or None,
            "whatif": self.rehearsal or None,
            "undo": self.undo or None,
            "undo_refusal": self.undo_refusal or None,
            "changes": [change.as_json() for change in self.changes],
        }

    def _set(self, values: ReceiveConnector) -> str:
        return set_command(self.identity, values, self.parameters) if self.is_complete else ""


def set_command(identity: str, values: ReceiveConnector, parameters: Sequence[Parameter]) -> str:
    r"""PowerShell that sets these values, all known; empty where none can be given safely.

    Args:
        identity: `SERVER\Name`.
        values: a connector that has the values.
        parameters: what is set.
    """
    if not parameters:
        return ""
    if "RemoteIPRanges" in parameters and not values.ranges:
        return ""  # whether Exchange takes an empty list is not known (S8.64)
    try:
        return commands.set_connector(
            identity, {name: _argument(name, values) for name in parameters}
        )
    except commands.Unquotable:
        return ""


def value_of(connector: ReceiveConnector, parameter: Parameter) -> SettingValue | None:
    """What a connector has; None: not read. PermissionGroups without Custom, which is no value.

    S3.22: nobody can set Custom. It shows entries of the access list beside the groups (S3.20), and
    these stay when the groups are set.
    """
    value = getattr(connector, _FIELDS[parameter])
    if isinstance(value, PermissionGroups):
        return value & ~PermissionGroups.Custom
    return cast("SettingValue | None", value)


def is_read(connector: ReceiveConnector, parameter: Parameter) -> bool:
    """Whether the value was read, and to the end."""
    if parameter == "RemoteIPRanges":
        return connector.ranges_complete
    if parameter == "Bindings":
        return connector.bindings_complete
    return value_of(connector, parameter) is not None


def with_value(
    connector: ReceiveConnector, parameter: Parameter, value: SettingValue
) -> ReceiveConnector:
    """The connector with another value. Custom stays beside new permission groups (S3.20)."""
    if isinstance(value, PermissionGroups) and connector.groups is not None:
        value |= connector.groups & PermissionGroups.Custom
    values: dict[str, Any] = {_FIELDS[parameter]: value}
    return replace(connector, **values)


def printed(value: SettingValue) -> list[str] | str | bool:
    """A value as JSON holds it, and as commands name it."""
    if isinstance(value, tuple):
        return [str(element) for element in value]
    if isinstance(value, AuthMechanism | PermissionGroups | TransportRole):
        return flag_names(value)
    return value


def parsed(parameter: Parameter, document: object) -> SettingValue:
    """A value from what `printed` made of it, as a journal holds it.

    Raises:
        ValueError: it is none of this parameter; of ranges and bindings with Exchange's words.
    """
    if parameter in _FLAGS and isinstance(document, str):
        return parse_flags(_FLAGS[parameter], document)
    if isinstance(document, list) and all(isinstance(text, str) for text in document):
        if parameter == "RemoteIPRanges":
            return tuple(map(parse_range, document))
        if parameter == "Bindings":
            return tuple(map(parse_binding, document))
    if parameter == "Fqdn" and isinstance(document, str):
        return document
    if parameter in ("Enabled", "SuppressXAnonymousTls") and isinstance(document, bool):
        return document
    raise ValueError(f"{document!r} is no value of {parameter}")


def in_words(value: SettingValue | None) -> str:
    """A value for people, whole: elements with commas between, truths as PowerShell writes them."""
    if value is None:
        return "unknown"
    text = printed(value)
    if isinstance(text, list):
        return ", ".join(text) or "nothing"
    if isinstance(text, bool):
        return "$true" if text else "$false"
    return text or "$null"


def fingerprint(connector: ReceiveConnector, parameters: Iterable[Parameter]) -> str:
    """SHA-256 of these values, hexadecimal: equal for values that mean the same.

    Of remote IP ranges alone it is `list_hash`.
    """
    names = tuple(parameters)
    if names == ("RemoteIPRanges",):
        return list_hash(connector.ranges)
    lines = (f"{name}={_canonical(connector, name)}\n" for name in names)
    return hashlib.sha256("".join(lines).encode("utf-8")).hexdigest()


def list_hash(ranges: Iterable[AddressRange]) -> str:
    """SHA-256 of a list of remote ranges, hexadecimal: equal for lists that mean the same.

    Of the bounds alone, each pair once and in order, for neither the notation of a range nor its
    place in the list takes part in anything (S1.11, S1.13, section 1.4), and Exchange does not
    keep the order. `10.0.0.0/24` and `10.0.0.0-10.0.0.255` are one range; a range and its two
    halves are not, for the halves are smaller and win elsewhere.
    """
    return hashlib.sha256(_bounds(ranges).encode("ascii")).hexdigest()


def taken_off(old: Iterable[AddressRange], new: Iterable[AddressRange]) -> tuple[AddressRange, ...]:
    """The addresses of the first list that the second does not contain."""
    return subtract(old, new)


_FIELDS: Mapping[Parameter, str] = {
    "RemoteIPRanges": "ranges",
    "Enabled": "enabled",
    "AuthMechanism": "auth",
    "PermissionGroups": "groups",
    "Bindings": "bindings",
    "Fqdn": "fqdn",
    "SuppressXAnonymousTls": "suppress_x_anonymous_tls",
    "TransportRole": "role",
}
"""The attribute of a connector that holds each parameter."""

_FLAGS: Mapping[Parameter, type[AuthMechanism | PermissionGroups | TransportRole]] = {
    "AuthMechanism": AuthMechanism,
    "PermissionGroups": PermissionGroups,
    "TransportRole": TransportRole,
}


def _argument(parameter: Parameter, connector: ReceiveConnector) -> str:
    value = value_of(connector, parameter)
    if value is None:
        raise ValueError(f"{parameter} of {connector.identity} was not read")
    return commands.argument(printed(value), is_text=parameter == "Fqdn")


def _bounds(ranges: Iterable[AddressRange]) -> str:
    bounds = sorted({(block.family, block.first, block.last) for block in ranges})
    return "".join(f"{family}:{first:x}-{last:x}\n" for family, first, last in bounds)


def _canonical(connector: ReceiveConnector, parameter: Parameter) -> str:
    if parameter == "RemoteIPRanges":
        return _bounds(connector.ranges)
    if parameter == "Bindings":
        return ",".join(sorted(map(str, connector.bindings)))
    if parameter == "Fqdn":
        return connector.fqdn.casefold()
    value = value_of(connector, parameter)
    return "" if value is None else str(printed(value))


def _of_ranges(change: Change) -> str:
    old = cast("tuple[AddressRange, ...]", change.old or ())
    new = cast("tuple[AddressRange, ...]", change.new)
    where = f"RemoteIPRanges of {change.identity}"
    gone, come = taken_off(old, new), taken_off(new, old)
    parts = [f"Remove {joined(map(format_range, gone))} from {where}."] if gone else []
    if come:
        parts.append(f"Add {joined(map(format_range, come))} to {where}.")
    return " ".join(parts) or f"Write {where} with the same addresses in another form."


def _of_state(change: Change) -> str:
    return f"{'Enable' if change.new else 'Disable'} {change.identity}."


def _set_to(change: Change) -> str:
    return f"Set {change.parameter} of {change.identity} to {in_words(change.new)}."


_SENTENCES: Mapping[Parameter, Callable[[Change], str]] = {
    "RemoteIPRanges": _of_ranges,
    "Enabled": _of_state,
}
