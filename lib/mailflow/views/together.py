"""Rows that say the same of several objects, as one row that names them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mailflow.phrases import joined

MOST_NAMED = 4
"""So many objects a row names before it counts the rest."""


def together(
    rows: Iterable[Mapping[str, Any]], columns: Sequence[str], merged: str
) -> Iterator[dict[str, Any]]:
    """Rows that differ in one column alone as one, in the order of their first ones.

    Args:
        rows: with texts, numbers, truths or None in these columns.
        columns: what has to be equal, and the merged one.
        merged: the column whose values are joined.
    """
    alike: dict[tuple[object, ...], tuple[dict[str, Any], list[object]]] = {}
    for row in rows:
        kept = {name: row[name] for name in columns}
        key = tuple(value for name, value in kept.items() if name != merged)
        alike.setdefault(key, (kept, []))[1].append(kept[merged])
    for kept, values in alike.values():
        if len(values) > 1:
            kept[merged] = joined(values, most=MOST_NAMED)
        yield kept
