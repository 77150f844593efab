"""What every step returns: a frame that says what it shows, wherever it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Table:
    """A step's result.

    Attributes:
        name: the step, `non_empty_queues`.
        frame: one row per thing shown; all columns are named in `columns`.
        caption: one sentence over the table.
        columns: heading and meaning of each column of the frame to show, in order: name in the
            frame to (heading, meaning). Columns of the frame that are not named here are for code.
        reading: the table read aloud, generated from the data; may be several sentences.
        tones: (row position, column) to `good`, `bad` or `unknown`; drives colour, never meaning
            alone.
        empty: what to say where the frame has no rows.
    """

    name: str
    frame: pd.DataFrame
    caption: str
    columns: Mapping[str, tuple[str, str]]
    reading: str
    tones: Mapping[tuple[int, str], str] = field(default_factory=dict)
    empty: str = "Nothing to show."
