"""Rows of Get-ServerComponentState and Get-ADPermission to the snapshot.

They stand beside the main tables: no path is judged by them alone, so what is missing is told and
nothing waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from mailflow.snapshot import ComponentState, Right, Unread
from mailflow.sources import values
from mailflow.sources.names import Names, connector_name, text_of
from mailflow.sources.row import Items, Reading, Row
from mailflow.sources.values import UnreadableError

COMPONENTS = "Get-ServerComponentState"
RIGHTS = "Get-ADPermission"

_state = values.listed("Inactive", "Active", "Draining")
_PREFIX = "ms-exch-"
T = TypeVar("T")


def component_states(
    reading: Reading, names: Names
) -> tuple[tuple[ComponentState, ...], list[Unread]]:
    """The state of each component of each server, and what could not be read of them.

    A component of which two exports say different things is *unread*: its state was changed in
    between, and nobody knows which is the later one.
    """
    found, unread = _each(reading, COMPONENTS, names, _component)
    by_key: dict[tuple[str, str], set[str]] = {}
    for state in found:
        by_key.setdefault((state.server, state.component), set()).add(state.state)
    disputed = {key for key, states in by_key.items() if len(states) > 1}
    unread += [
        Unread(server, f"{COMPONENTS} State", f"{component}: two exports contradict each other")
        for server, component in sorted(disputed)
    ]
    sure = (state for state in found if (state.server, state.component) not in disputed)
    return tuple(dict.fromkeys(sure)), unread


def connector_rights(reading: Reading, names: Names) -> tuple[tuple[Right, ...], list[Unread]]:
    """The extended rights of Exchange on receive connectors (section 3.3), each once."""
    found, unread = _each(reading, RIGHTS, names, _rights)
    return tuple(dict.fromkeys(found)), unread


def _each(
    reading: Reading, cmdlet: str, names: Names, read: Callable[[Row, Names], Iterator[T]]
) -> tuple[list[T], list[Unread]]:
    found: list[T] = []
    unread = []
    for row in reading.of(cmdlet):
        try:
            found += read(row, names)
        except UnreadableError as error:
            server = names.of(row.computer) if row.computer else ""
            unread.append(Unread(server, cmdlet, f"{row.place}: {error}"))
    return found, unread


def _component(row: Row, names: Names) -> Iterator[ComponentState]:
    server = text_of(row, "ServerFqdn", "Identity") or row.named_server
    component = values.filled(row.values.get("Component"))
    if not server:
        raise UnreadableError(f"{component}: the export does not say whose component this is")
    yield ComponentState(
        names.of(server), component, _state(row.values.get("State")) or "not known"
    )


def _rights(row: Row, names: Names) -> Iterator[Right]:
    found = connector_name(row)
    if found is None:
        raise UnreadableError("the export does not say of which connector this right is")
    for name in ("ExtendedRights", "Deny", "User"):
        if name not in row.values:
            raise UnreadableError(f"the export does not contain {name}")
    listed = row.values.get("ExtendedRights")
    if listed is None:
        return  # an entry about ordinary rights, to read or to change the connector itself
    if isinstance(listed, Items) and listed.cut:
        raise UnreadableError("the export cuts the list of rights")
    rights = values.text(listed).replace(",", " ").split()
    deny = values.truth(row.values.get("Deny"))
    user = values.filled(row.values.get("User"))
    for right in rights:
        if right.casefold().startswith(_PREFIX):
            yield Right(names.of(found[0]), found[1], user, right, deny)
