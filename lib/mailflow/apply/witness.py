"""Whether the snapshot in a run folder says the same as the journal beside it.

A journal names hosts to sign in to, and values to set there. What the snapshot does not hold is not
contacted and not set: neither by a journal that was changed, nor by one that lost its snapshot.
"""

from __future__ import annotations

from collections.abc import Iterator

from mailflow.analysis.change import in_words, value_of
from mailflow.apply.entry import ConnectorEntry
from mailflow.apply.journal import SNAPSHOT, Journal
from mailflow.apply.values import in_snapshot
from mailflow.errors import InputError
from mailflow.phrases import joined
from mailflow.plain import one_line
from mailflow.snapshot import Snapshot, load

_LONGEST_VALUE = 200
"""Characters of a value that are shown."""


def proven_from(journal: Journal) -> Snapshot:
    """The organization that a repair was proven from, where its journal says the same.

    Raises:
        InputError: there is no readable snapshot, or it says something else; names what.
    """
    file = journal.folder / SNAPSHOT
    if file.exists() and not file.is_file():
        raise InputError(f"{file}: no readable snapshot (it is not a file)")
    org = load(file)
    against = contradiction(journal, org)
    if against:
        raise InputError(f"{journal.file}: not believed: {against}")
    return org


def contradiction(journal: Journal, org: Snapshot) -> str:
    """The first thing that a journal says otherwise than the snapshot beside it; empty: nothing."""
    return one_line(next(_contradictions(journal, org), ""))


def _contradictions(journal: Journal, org: Snapshot) -> Iterator[str]:
    if journal.source != org.origin:
        yield f"it is of {_short(journal.source)}, and the snapshot is of {_short(org.origin)}"
    names = [connector_entry.connector.casefold() for connector_entry in journal.connectors]
    for entry in journal.connectors:
        if names.count(entry.connector.casefold()) > 1:
            yield f"it holds {_short(entry.connector)} twice"
        yield from _of_connector(entry, org)
    for queue in journal.queues:
        if org.server(queue.queue.partition("\\")[0]) is None:
            yield f"the snapshot contains no server of queue {_short(queue.queue)}"


def _of_connector(entry: ConnectorEntry, org: Snapshot) -> Iterator[str]:
    name = _short(entry.connector)
    server = entry.connector.partition("\\")[0]
    if server.casefold() != entry.server.casefold():
        yield f"it gives {_short(entry.server)} as the server of {name}"
    if org.server(server) is None:
        yield f"the snapshot contains no server {_short(server)}"
    if len(set(entry.parameters)) < len(entry.parameters):
        yield f"it sets one parameter of {name} twice"
    found = in_snapshot(org, entry.connector, entry.parameters)
    if found is None:
        lacking = joined(dict.fromkeys(entry.parameters))
        yield f"the snapshot contains no connector {name} with {lacking}"
        return
    for parameter, old in entry.old.items():
        there = value_of(found, parameter)
        if there != old:
            yield (
                f"the old {parameter} of {name} is {_short(in_words(old))} in it, and "
                f"{_short(in_words(there))} in the snapshot"
            )


def _short(text: str) -> str:
    return one_line(text, _LONGEST_VALUE)
