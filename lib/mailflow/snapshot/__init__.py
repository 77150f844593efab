"""An Exchange organization at one moment: typed tables, missing data, save and load.

A snapshot is the only input of the analysis. It never guesses: what was not read is None, or a row
of `unread`.

types.py    the organization and its rows
schema.py   the tables and columns of the file, and what a file without one of them means
rows.py     the objects as rows of their tables
newer.py    what a newer version stored: kept, not interpreted
missing.py  what an earlier version did not store: missing data
store.py    a file to a snapshot
files.py    a file is written whole or not at all
"""

from mailflow.snapshot.files import write_whole
from mailflow.snapshot.schema import SCHEMA, TABLES
from mailflow.snapshot.store import from_document, load
from mailflow.snapshot.types import (
    IN_ERROR,
    ComponentState,
    ObservedOffer,
    ObservedSessions,
    Read,
    Right,
    ServerAddress,
    Snapshot,
    TransportSettings,
    Unread,
)

__all__ = [
    "IN_ERROR",
    "SCHEMA",
    "TABLES",
    "ComponentState",
    "ObservedOffer",
    "ObservedSessions",
    "Read",
    "Right",
    "ServerAddress",
    "Snapshot",
    "TransportSettings",
    "Unread",
    "from_document",
    "load",
    "write_whole",
]
