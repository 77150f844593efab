"""Where each connector of a repair stands: by its journal, and by the list on its server.

The journal alone cannot tell whether a Set that was about to be sent came to be, nor what somebody
did since; the server alone cannot tell whether the rest was verified. Where they do not add up, or
the server was not read, it is not known.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from mailflow.analysis.change import list_hash
from mailflow.apply.journal import ListEntry, Note
from mailflow.exchange.ranges import AddressRange

State = Literal[
    "not begun", "done, not verified", "verified", "put back", "changed since", "not known"
]

ReadList = Callable[[ListEntry], tuple[AddressRange, ...] | None]
"""The list on the server now; None where it was not read to the end."""

_SURE: dict[Note, State] = {
    "not begun": "not begun",
    "refused": "not begun",
    "done": "done, not verified",
    "verified": "verified",
    "put back": "put back",
}
"""What the journal says by itself: each was written after it was seen."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one connector stands.

    Attributes:
        entry: its entry in the journal.
        state: in words.
        seen: the list on the server; None where it was not read.
    """

    entry: ListEntry
    state: State
    seen: tuple[AddressRange, ...] | None


def standing(entry: ListEntry, seen: tuple[AddressRange, ...] | None) -> Standing:
    """Where a connector stands.

    Args:
        entry: its entry in the journal.
        seen: the list on the server now; None where it was not read to the end.
    """
    return Standing(entry, _state(entry, seen), seen)


def _state(entry: ListEntry, seen: tuple[AddressRange, ...] | None) -> State:
    if seen is None:
        return _SURE.get(entry.note, "not known")
    now = list_hash(seen)
    if now == entry.new_sha256:
        return "verified" if entry.note == "verified" else "done, not verified"
    if entry.note in ("not begun", "refused"):
        return "not begun"
    if now == entry.old_sha256:
        return "not begun" if entry.note == "begun" else "put back"
    return "changed since"
