"""A change of RemoteIPRanges as somebody asks for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from mailflow.analysis.analysis import analyze
from mailflow.analysis.change import Edit
from mailflow.analysis.servers import ServerView
from mailflow.errors import UsageError
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import (
    AddressRange,
    RangeError,
    format_range,
    parse_range,
    subtract,
)
from mailflow.phrases import joined
from mailflow.repair.simulation import RefusedError, refuser
from mailflow.snapshot import Snapshot


def edited(
    org: Snapshot,
    server: str,
    connector: str,
    *,
    remove: Iterable[str] = (),
    add: Iterable[str] = (),
) -> Edit:
    r"""Any change of one connector's list, as somebody asks for it.

    Args:
        org: the organization.
        server: short or full name of the server.
        connector: its name, or `SERVER\Name`.
        remove: elements to take out; they are compared by bounds (S8.62).
        add: ranges to put in, at the end.

    Raises:
        UsageError: no such server or connector, no range, or a value that is no element.
        RefusedError: Exchange would refuse it, or nothing would be left.
    """
    target = _server(org, server)
    old = _connector(target, connector)
    out, new = _parsed(remove), _parsed(add)
    if not out and not new:
        raise UsageError("nothing to change: name a range to remove or to add")
    for block in out:
        if block not in old.ranges and old.ranges_complete:
            raise UsageError(_no_element(block, old))
    left = [block for block in old.ranges if block not in out]
    for block in new:
        if block in left:
            raise UsageError(f"{block} is an element of {old.identity} already")
        left.append(block)
    if not left and old.ranges_complete:
        raise RefusedError(f"{old.identity}: {empty_list(old)}")
    return with_list(target, old, left)


def with_list(view: ServerView, old: ReceiveConnector, ranges: Iterable[AddressRange]) -> Edit:
    """A connector with another list, whole.

    Raises:
        RefusedError: Exchange would refuse it.
    """
    beside, refuse = view.connectors, refuser(view)
    new = replace(old, ranges=tuple(ranges))
    text = refuse(new, beside)
    if text:
        raise RefusedError(f"Exchange would refuse the change of {old.identity}: {text}")
    return Edit(old, new, beside, refuse(old, beside) or "", ("RemoteIPRanges",))


def empty_list(connector: ReceiveConnector) -> str:
    """What to say of a list of which nothing would be left."""
    disabled = Edit(connector, replace(connector, enabled=False)).command
    command = f": {disabled}" if disabled else "."
    return (
        "RemoteIPRanges would be empty, and whether Exchange accepts that is unknown. "
        f"If no other host needs the connector, disable it or remove it{command}"
    )


def _server(org: Snapshot, name: str) -> ServerView:
    found = analyze(org).server(name) if name.strip() else None
    if found is None:
        known = ", ".join(sorted(server.name for server in org.servers)) or "none"
        raise UsageError(f"no server is called {name}; known: {known}")
    return found


def _connector(view: ServerView, name: str) -> ReceiveConnector:
    host, slash, rest = name.partition("\\")
    wanted = (rest if slash else name).strip().casefold()
    here = not slash or view.server.is_named(host)
    for connector in view.connectors:
        if here and connector.name.casefold() == wanted:
            return connector
    known = ", ".join(sorted(connector.name for connector in view.connectors)) or "none"
    raise UsageError(f'The Receive connector "{name}" wasn\'t found. {view.name} has: {known}')


def _parsed(texts: Iterable[str]) -> list[AddressRange]:
    try:
        return list(dict.fromkeys(map(parse_range, texts)))
    except RangeError as error:
        raise UsageError(str(error)) from error


def _no_element(block: AddressRange, connector: ReceiveConnector) -> str:
    """Remove compares by bounds and never cuts a hole (S8.62): say what would (S8.63)."""
    head = f"{block} is not an element of RemoteIPRanges of {connector.identity}"
    around = [each for each in connector.ranges if each.holds(block)]
    if around:
        least = min(around, key=lambda each: each.size)
        pieces = joined(map(format_range, subtract([least], [block])))
        return f"{head}. It is part of {least}: remove {least} and add {pieces}"
    inside = [each for each in connector.ranges if block.meets(each)]
    if inside:
        return f"{head}. It overlaps {joined(inside)}: name these ranges as they are written there"
    return f"{head}. It contains: {joined(connector.ranges) or 'nothing'}"
