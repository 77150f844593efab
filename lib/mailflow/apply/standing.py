"""Where each connector of a repair stands: by its journal, and by the values on its server.

The journal alone cannot tell whether a Set that was about to be sent came to be, nor what somebody
did since; the server alone cannot tell whether the rest was verified. Where they do not add up, or
the server was not read, it is not known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mailflow.analysis.change import fingerprint
from mailflow.apply.entry import ConnectorEntry, Note
from mailflow.exchange.connectors import ReceiveConnector

ConnectorState = Literal[
    "not begun", "done, not verified", "verified", "rolled back", "changed since", "unknown"
]

ReadValues = Callable[[ConnectorEntry], ReceiveConnector | None]
"""The connector on the server now; None where not all values of the entry were read."""

_SURE: dict[Note, ConnectorState] = {
    "not begun": "not begun",
    "refused": "not begun",
    "done": "done, not verified",
    "verified": "verified",
    "put back": "rolled back",
}
"""What the journal says by itself: each was written after it was seen."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one connector stands.

    Attributes:
        entry: its entry in the journal.
        state: in words.
        seen: the connector on the server; None where it was not read.
    """

    entry: ConnectorEntry
    state: ConnectorState
    seen: ReceiveConnector | None


def standing(entry: ConnectorEntry, seen: ReceiveConnector | None) -> Standing:
    """Where a connector stands.

    Args:
        entry: its entry in the journal.
        seen: the connector on the server now; None where not all values of the entry were read.
    """
    return Standing(entry, _state(entry, seen), seen)


def _state(entry: ConnectorEntry, seen: ReceiveConnector | None) -> ConnectorState:
    if seen is None:
        return _SURE.get(entry.note, "unknown")
    now = fingerprint(seen, entry.parameters)
    if now == entry.new_sha256:
        return "verified" if entry.note == "verified" else "done, not verified"
    if entry.note in ("not begun", "refused"):
        return "not begun"
    if now == entry.old_sha256:
        return "not begun" if entry.note == "begun" else "rolled back"
    return "changed since"
