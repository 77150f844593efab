"""Whether the organization is now the one that was proven: nothing but the intended changed.

What was proven is the organization before with the new values in it. It is compared with what was
read afterwards, by what it does, at every address of both families (`views/behaviour.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from mailflow.analysis.change import with_value
from mailflow.apply.entry import ConnectorEntry
from mailflow.apply.values import in_snapshot
from mailflow.exchange.connectors import PermissionGroups
from mailflow.repair.simulation import differences
from mailflow.snapshot import Right, Snapshot
from mailflow.views.behaviour import compare


def verify(before: Snapshot, after: Snapshot, done: Iterable[ConnectorEntry]) -> Mapping[str, str]:
    """What speaks against each connector's change; an empty text where it is verified.

    Args:
        before: the organization as it was proven from.
        after: the organization as it was read when the values had been set.
        done: the connectors whose values were set.

    Returns:
        The identity of each to why it is not verified, a sentence.
    """
    entries = list(done)
    expected = with_their_rights(with_new_values(before, entries), after, entries)
    against = {
        name: _against(expected, after, name)
        for name in dict.fromkeys(entry.server for entry in entries)
    }
    return {
        entry.connector: _values_against(after, entry) or against[entry.server] for entry in entries
    }


def with_new_values(org: Snapshot, entries: Iterable[ConnectorEntry]) -> Snapshot:
    """The organization with the new values of these entries."""
    wanted = {entry.connector.casefold(): entry.new for entry in entries}
    connectors = []
    for connector in org.connectors:
        for parameter, value in wanted.get(connector.identity.casefold(), {}).items():
            connector = with_value(connector, parameter, value)  # noqa: PLW2901 - one after another
        connectors.append(connector)
    return replace(org, connectors=tuple(connectors))


def with_their_rights(
    expected: Snapshot, after: Snapshot, entries: Iterable[ConnectorEntry]
) -> Snapshot:
    """The rights that follow from permission groups that were set (section 3.3), as they are now.

    Exchange writes them into the access list itself (S3.20). A denial follows from no group but
    the legacy servers': a new one is somebody's change.
    """
    followed = {
        (entry.server.casefold(), entry.connector.partition("\\")[2].casefold()): _touched(entry)
        for entry in entries
        if "PermissionGroups" in entry.parameters
    }

    def follows(right: Right) -> bool:
        key = right.server.casefold(), right.connector.casefold()
        return any(
            right.user.casefold().endswith(names)
            and (not right.deny or group is PermissionGroups.ExchangeLegacyServers)
            for group, names in _PRINCIPALS.items()
            if group in followed.get(key, PermissionGroups(0))
        )

    kept = (right for right in expected.rights if not follows(right))
    return replace(expected, rights=(*kept, *filter(follows, after.rights)))


_PRINCIPALS: Mapping[PermissionGroups, tuple[str, ...]] = {
    PermissionGroups.AnonymousUsers: ("\\anonymous logon", "s-1-5-7"),
    PermissionGroups.ExchangeUsers: ("\\authenticated users", "s-1-5-11"),
    PermissionGroups.ExchangeServers: (
        *("\\exchange servers", "\\hub transport servers", "\\edge transport servers"),
        "\\externally secured servers",
    ),
    PermissionGroups.ExchangeLegacyServers: ("\\exchangelegacyinterop",),
    PermissionGroups.Partners: ("\\partner servers",),
}
"""Whom each group stands for: how the names end, in lower case (section 3.3)."""


def _touched(entry: ConnectorEntry) -> PermissionGroups:
    """The permission groups that an entry sets or takes away."""
    old, new = (each.groups or PermissionGroups(0) for each in (entry.before, entry.after))
    return old ^ new


def _values_against(after: Snapshot, entry: ConnectorEntry) -> str:
    found = in_snapshot(after, entry.connector, entry.parameters)
    if found is None:
        return f"{entry.connector} was not read afterwards"
    said = differences(entry.parameters, entry.after, found)
    return f"{entry.connector} is not as it was proven: {said}" if said else ""


def _against(expected: Snapshot, after: Snapshot, name: str) -> str:
    """What differs on one server, or is not known there."""
    if after.server(name) is None:
        return f"{name} was not read afterwards"
    only = tuple(server for server in expected.servers if server.is_named(name))
    found = compare(replace(expected, servers=only), after)
    return "" if found.state == "same" else found.summary
