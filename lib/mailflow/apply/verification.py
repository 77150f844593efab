"""Whether the organisation is now the one that was proven: nothing but the intended changed.

What was proven is the organisation before with the new lists in it. It is compared with what was
read afterwards, by what it does, at every address of both families (`steps/behaviour.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from mailflow.analysis.change import list_hash
from mailflow.apply.journal import ListEntry
from mailflow.apply.lists import in_snapshot
from mailflow.exchange.ranges import parse_range
from mailflow.snapshot import Snapshot
from mailflow.steps.behaviour import compare


def verify(before: Snapshot, after: Snapshot, done: Iterable[ListEntry]) -> Mapping[str, str]:
    """What speaks against each connector's change; an empty text where it is verified.

    Args:
        before: the organisation as it was proven from.
        after: the organisation as it was read when the lists had been set.
        done: the connectors whose lists were set.

    Returns:
        The identity of each to why it is not verified, a sentence.
    """
    entries = list(done)
    expected = with_lists(before, {one.connector: one.new for one in entries})
    against = {
        name: _against(expected, after, name)
        for name in dict.fromkeys(one.server for one in entries)
    }
    return {one.connector: _list_against(after, one) or against[one.server] for one in entries}


def with_lists(org: Snapshot, lists: Mapping[str, Iterable[str]]) -> Snapshot:
    r"""The organisation with other lists on some connectors: identity to ranges as text."""
    wanted = {name.casefold(): tuple(map(parse_range, texts)) for name, texts in lists.items()}
    return replace(
        org,
        connectors=tuple(
            replace(one, ranges=wanted[one.identity.casefold()])
            if one.identity.casefold() in wanted
            else one
            for one in org.connectors
        ),
    )


def _list_against(after: Snapshot, entry: ListEntry) -> str:
    found = in_snapshot(after, entry.connector)
    if found is None:
        return f"{entry.connector} was not read afterwards"
    if list_hash(found) != entry.new_sha256:
        listed = ", ".join(map(str, found)) or "nothing"
        return f"{entry.connector} lists {listed}, and not what was proven"
    return ""


def _against(expected: Snapshot, after: Snapshot, server: str) -> str:
    """What differs on one server, or is not known there."""
    if after.server(server) is None:
        return f"{server} was not read afterwards"
    only = tuple(one for one in expected.servers if one.is_named(server))
    found = compare(replace(expected, servers=only), after)
    return "" if found.state == "same" else found.summary
