"""Whether the organization is now the one that was proven: nothing but the intended changed.

What was proven is the organization before with the new values in it. It is compared with what was
read afterwards, by what it does, at every address of both families (`steps/behaviour.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from mailflow.analysis.change import with_value
from mailflow.apply.journal import ConnectorEntry
from mailflow.apply.values import in_snapshot
from mailflow.repair.simulation import differences
from mailflow.snapshot import Snapshot
from mailflow.steps.behaviour import compare


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
    expected = with_new_values(before, entries)
    against = {
        name: _against(expected, after, name)
        for name in dict.fromkeys(one.server for one in entries)
    }
    return {one.connector: _values_against(after, one) or against[one.server] for one in entries}


def with_new_values(org: Snapshot, entries: Iterable[ConnectorEntry]) -> Snapshot:
    """The organization with the new values of these entries."""
    wanted = {one.connector.casefold(): one.new for one in entries}
    connectors = []
    for connector in org.connectors:
        for parameter, value in wanted.get(connector.identity.casefold(), {}).items():
            connector = with_value(connector, parameter, value)  # noqa: PLW2901 - one after another
        connectors.append(connector)
    return replace(org, connectors=tuple(connectors))


def _values_against(after: Snapshot, entry: ConnectorEntry) -> str:
    found = in_snapshot(after, entry.connector, entry.parameters)
    if found is None:
        return f"{entry.connector} was not read afterwards"
    said = differences(entry.parameters, entry.after, found)
    return f"{entry.connector} is not as it was proven: {said}" if said else ""


def _against(expected: Snapshot, after: Snapshot, server: str) -> str:
    """What differs on one server, or is not known there."""
    if after.server(server) is None:
        return f"{server} was not read afterwards"
    only = tuple(one for one in expected.servers if one.is_named(server))
    found = compare(replace(expected, servers=only), after)
    return "" if found.state == "same" else found.summary
