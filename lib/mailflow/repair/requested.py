"""A change in a file: written by whoever found it, proven and applied by whoever decides.

The file holds whole values, old and new. It is taken only while a connector still has the old ones:
a value replaces the other one whole (S3.23).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from mailflow.analysis.analysis import analyze
from mailflow.analysis.change import (
    PARAMETERS,
    Edit,
    Parameter,
    is_read,
    parsed,
    printed,
    value_of,
    with_value,
)
from mailflow.analysis.servers import ServerView
from mailflow.errors import InputError, UsageError
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.repair.request import empty_list
from mailflow.repair.simulation import RefusedError, differences, refuser
from mailflow.snapshot import Snapshot, write_whole

SCHEMA = "mailflow.change/1"
MOST = 2**24
"""Bytes of such a file."""


def write_change(path: Path, edits: Iterable[Edit], why: str) -> None:
    """Write changes as a file, whole or not at all.

    Args:
        path: of the file.
        edits: in the order in which they are made.
        why: what they are for, a sentence.

    Raises:
        UsageError: it cannot be written.
    """
    made = list(edits)
    document = {
        "schema": SCHEMA,
        "why": why,
        "changes": [change.as_json() for edit in made for change in edit.changes],
        "commands": [edit.command for edit in made],
        "rollback": [edit.undo for edit in reversed(made)],
    }
    try:
        write_whole(path, json.dumps(document, ensure_ascii=False, indent=2) + "\n")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror or error})") from error


def read_change(path: Path, org: Snapshot) -> list[Edit]:
    """The changes of a file, for an organization that still has the old values.

    Raises:
        InputError: it cannot be read, or is no such file.
        UsageError: it names a connector that is not there, or that has other values by now.
        RefusedError: Exchange would refuse it.
    """
    wanted: dict[str, dict[Parameter, tuple[object, object]]] = {}
    for entry in _entries(path):
        parameter = cast("Parameter", entry["parameter"])
        wanted.setdefault(entry["identity"], {})[parameter] = (entry["old"], entry["new"])
    now: dict[str, list[ReceiveConnector]] = {}
    edits = []
    for identity, values in wanted.items():
        view, connector = _connector(org, identity)
        beside = now.setdefault(view.name, list(view.connectors))
        edit = _edit(path, view, connector, values, tuple(beside))
        beside[beside.index(connector)] = edit.after
        edits.append(edit)
    return edits


def _entries(path: Path) -> list[dict[str, Any]]:
    try:
        if path.stat().st_size > MOST:
            raise InputError(f"{path}: not a change file: too large")
        document = json.loads(path.read_text("utf-8-sig"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a change file: it is not JSON") from error
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise InputError(
            f'{path}: not a change file: "schema" is not {SCHEMA}. mailflow usage --narrow '
            "writes one with --change"
        )
    entries = document.get("changes")
    if not isinstance(entries, list) or not entries or not all(map(_is_entry, entries)):
        raise InputError(f'{path}: "changes" is not a list of identity, parameter, old, new')
    return entries


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("identity"), str)
        and entry.get("parameter") in PARAMETERS
        and {"old", "new"} <= entry.keys()
    )


def _connector(org: Snapshot, identity: str) -> tuple[ServerView, ReceiveConnector]:
    for view in analyze(org).servers:
        found = view.connector(identity)
        if found:
            return view, found
    raise UsageError(f'The Receive connector "{identity}" wasn\'t found in this source')


def _edit(
    path: Path,
    view: ServerView,
    connector: ReceiveConnector,
    values: Mapping[Parameter, tuple[object, object]],
    beside: tuple[ReceiveConnector, ...],
) -> Edit:
    before, after = connector, connector
    for parameter, (old, new) in values.items():
        try:
            before = with_value(before, parameter, parsed(parameter, old))
            after = with_value(after, parameter, parsed(parameter, new))
        except ValueError as error:
            raise InputError(f"{path}: {connector.identity}: {error}") from error
        if not is_read(connector, parameter):
            raise UsageError(f"{parameter} of {connector.identity} was not read: no proof is made")
    said = differences(tuple(values), before, connector)
    if said:
        raise UsageError(
            f"{path}: {connector.identity} is no longer as it was when this was written: {said}"
        )
    if not after.ranges:
        raise RefusedError(f"{connector.identity}: {empty_list(connector)}")
    refuse = refuser(view)
    text = refuse(after, beside)
    if text:
        raise RefusedError(f"Exchange would refuse the change of {connector.identity}: {text}")
    asked = tuple(name for name in values if printed_of(connector, name) != printed_of(after, name))
    return Edit(connector, after, beside, refuse(connector, beside) or "", asked)


def printed_of(connector: ReceiveConnector, parameter: Parameter) -> list[str] | str | bool | None:
    """A value as JSON holds it; None: not read."""
    value = value_of(connector, parameter)
    return None if value is None else printed(value)
