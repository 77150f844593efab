"""Commands that give a server a connector like one of another server, each with its rollback.

Every value in them was read or worked out from what was read, and has a form that cannot be
anything else in PowerShell; a command that would need another value is not made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from mailflow.exchange import commands
from mailflow.exchange.connectors import (
    LIMITS,
    PermissionGroups,
    ReceiveConnector,
    flag_names,
    is_limit,
)
from mailflow.exchange.ranges import format_range
from mailflow.phrases import joined
from mailflow.snapshot import Right


@dataclass(frozen=True, slots=True)
class TwinStep:
    r"""One thing to do on B.

    Attributes:
        connector: its identity, `SE01\Relay`.
        text: what it does, in a sentence.
        commands: PowerShell, in order.
        rollback: what undoes it, in order.
    """

    connector: str
    text: str
    commands: tuple[str, ...]
    rollback: tuple[str, ...]


GROUP_RIGHTS: Mapping[str, tuple[PermissionGroups, frozenset[str]]] = {
    "anonymous logon": (
        PermissionGroups.AnonymousUsers,
        frozenset(
            {
                "ms-exch-smtp-submit",
                "ms-exch-smtp-accept-any-sender",
                "ms-exch-smtp-accept-authoritative-domain-sender",
                "ms-exch-accept-headers-routing",
            }
        ),
    ),
    "authenticated users": (
        PermissionGroups.ExchangeUsers,
        frozenset(
            {
                "ms-exch-smtp-submit",
                "ms-exch-smtp-accept-any-recipient",
                "ms-exch-bypass-anti-spam",
                "ms-exch-accept-headers-routing",
            }
        ),
    ),
}
"""What a permission group grants to whom it stands for, where others may be granted more
(section 3.3)."""

_SERVERS = frozenset(
    {
        "exchange servers",
        "hub transport servers",
        "edge transport servers",
        "externally secured servers",
        "exchangelegacyinterop",
        "partner servers",
    }
)


def is_for_servers(right: Right) -> bool:
    """Whether an entry is of a principal that stands for servers."""
    return right.user.casefold().rpartition("\\")[2] in _SERVERS


def is_kept_from_servers(right: Right) -> bool:
    """Whether an entry denies servers something that no permission group denies them (S3.43)."""
    legacy = right.user.casefold().endswith("exchangelegacyinterop")
    return right.deny and is_for_servers(right) and not legacy


def further_rights(groups: PermissionGroups | None, entries: Iterable[Right]) -> Iterator[Right]:
    """Entries of an access list that its permission groups do not make (S3.20).

    Those of servers are left out: what they are granted belongs to the groups, and what they are
    denied stops mail (S3.43).
    """
    for right in entries:
        made = GROUP_RIGHTS.get(right.user.casefold().rpartition("\\")[2])
        by_group = (
            made is not None
            and not right.deny
            and groups is not None
            and made[0] in groups
            and right.right.casefold() in made[1]
        )
        if not by_group and not is_for_servers(right):
            yield right


def created(
    connector: ReceiveConnector, rights: Sequence[Right], text: str, *, has_roles: bool
) -> TwinStep:
    """A new connector, closed until its rights are there.

    Args:
        connector: as it is to be.
        rights: what its access list holds beyond its groups.
        text: what it does, in a sentence.
        has_roles: whether the server knows TransportRole (S2.07).

    Raises:
        Unquotable: a name that cannot stand in a command.
    """
    values = arguments(connector, [name for name in SETTINGS if has_roles or name != _ROLE])
    if not connector.suppress_x_anonymous_tls:
        values.pop("SuppressXAnonymousTls", None)
    values["Enabled"] = "$false" if rights else "$true"
    lines = [commands.new_connector(connector.name, connector.server, values)]
    lines += (commands.permission("Add", connector.identity, right) for right in rights)
    if rights:
        lines.append(commands.set_connector(connector.identity, {"Enabled": "$true"}))
    undone = commands.remove_connector(connector.identity)
    return TwinStep(connector.identity, text, tuple(lines), (undone,))


def changed(
    before: ReceiveConnector,
    after: ReceiveConnector,
    more: Sequence[Right],
    fewer: Sequence[Right],
    text: str,
) -> TwinStep | None:
    """One Set-ReceiveConnector, and the rights beside it; None: nothing differs.

    Raises:
        Unquotable: a name that cannot stand in a command.
    """
    names = differing(before, after)
    identity = before.identity
    lines: list[str] = []
    undone: list[str] = []
    if names:
        lines.append(commands.set_connector(identity, arguments(after, names)))
        undone.append(commands.set_connector(identity, arguments(before, names)))
    lines += (commands.permission("Add", identity, right) for right in more)
    lines += (commands.permission("Remove", identity, right) for right in fewer)
    undone += (commands.permission("Remove", identity, right) for right in more)
    undone += (commands.permission("Add", identity, right) for right in fewer)
    return TwinStep(identity, text, tuple(lines), tuple(undone)) if lines else None


_ROLE = "TransportRole"
SETTINGS = (
    _ROLE,
    "Bindings",
    "RemoteIPRanges",
    "AuthMechanism",
    "PermissionGroups",
    "RequireTLS",
    "SuppressXAnonymousTls",
    "Fqdn",
    "Enabled",
    "ProtocolLoggingLevel",
    *LIMITS,
)
"""Parameters of New- and Set-ReceiveConnector, in the order in which commands name them."""


def differing(before: ReceiveConnector, after: ReceiveConnector) -> list[str]:
    """Which settings two connectors have otherwise."""
    old, new = _values(before), _values(after)
    return [name for name in SETTINGS if name in new and old.get(name) != new[name]]


def unwritable(before: ReceiveConnector, after: ReceiveConnector) -> str:
    """What would be set although its old value was not read, so that there is no rollback."""
    old = _values(before)
    cut = {
        "Bindings": not before.bindings_complete,
        "RemoteIPRanges": not before.ranges_complete,
    }
    return joined(name for name in differing(before, after) if cut.get(name) or name not in old)


def arguments(connector: ReceiveConnector, names: Iterable[str]) -> dict[str, str]:
    """Parameters with their values as PowerShell; what was not read is left out.

    Raises:
        Unquotable: a value that cannot stand in a command.
    """
    values = _values(connector)
    return {name: values[name] for name in names if name in values}


def _values(connector: ReceiveConnector) -> dict[str, str]:
    limits = dict(connector.limits)
    groups = connector.groups
    found = {
        _ROLE: None if connector.role is None else flag_names(connector.role),
        "Bindings": commands.argument([str(each) for each in connector.bindings]),
        "RemoteIPRanges": commands.argument([format_range(each) for each in connector.ranges]),
        "AuthMechanism": None if connector.auth is None else flag_names(connector.auth),
        # Custom shows entries of the access list and is never set (S3.22).
        "PermissionGroups": None
        if groups is None
        else flag_names(groups & ~PermissionGroups.Custom),
        "RequireTLS": _truth(connector.require_tls),
        "SuppressXAnonymousTls": _truth(connector.suppress_x_anonymous_tls),
        "Fqdn": commands.quoted(connector.fqdn) if connector.fqdn else None,
        "Enabled": _truth(connector.enabled),
        "ProtocolLoggingLevel": connector.protocol_logging
        if connector.protocol_logging in ("None", "Verbose")
        else None,
        **{name: _limit(name, limits[name]) for name in LIMITS if name in limits},
    }
    return {name: value.replace(", ", ",") for name, value in found.items() if value}


def _truth(value: bool | None) -> str | None:
    return None if value is None else "$true" if value else "$false"


def _limit(name: str, value: str) -> str | None:
    if not is_limit(name, value):
        return None
    if LIMITS[name] != "time" or not value.isdigit():
        return value
    days, rest = divmod(int(value), 86400)
    clock = str(timedelta(seconds=rest)).zfill(8)
    return f"{days}.{clock}" if days else clock
