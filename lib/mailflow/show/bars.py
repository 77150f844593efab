"""A bar chart as static SVG: no script, readable without colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mailflow.picture import Bar, Bars
from mailflow.plain import visible, width
from mailflow.show.chart import LIGHT, STRONG, WIDE, figure, short
from mailflow.show.markup import Markup, fill

MOST_BARS = 54
"""More than this are summed up in one line below the chart; the weeks of a year are not."""
FEW_BARS = 15
"""So many have room; more of them stand closer together."""


@dataclass(frozen=True, slots=True)
class _DrawnBar:
    label: str
    whole_label: str
    y: float
    length: float
    text: str
    fill: str
    known: bool


def bar_chart(chart: Bars) -> Markup:
    """Bars with the same facts in words."""
    if not chart.bars:
        return Markup(fill("note.html.j2", text=chart.empty), chart.empty)
    shown, hidden = chart.bars[:MOST_BARS], chart.bars[MOST_BARS:]
    labels = [short(bar.label, 30) for bar in shown]
    notes = [short(_note(bar), 60) for bar in shown]
    left = 14 + 7.9 * max(map(width, labels))
    room = max(80.0, WIDE - left - 16 - 7.4 * max(map(width, notes)))
    most = max((bar.value or 0 for bar in shown), default=0) or 1
    step, thick = (33, 22) if len(shown) <= FEW_BARS else (21, 16)
    return figure(
        "bars.svg.j2",
        chart.title,
        chart.description,
        wide=WIDE,
        high=len(shown) * step + (26 if hidden else 0) + 4,
        thick=thick,
        left=left,
        bars=[
            _DrawnBar(
                label,
                visible(bar.label),
                place * step + 6,
                max(3.0, (bar.value or 0) / most * room),
                note,
                STRONG[bar.tone] if bar.tone else LIGHT[""],
                bar.value is not None,
            )
            for place, (bar, label, note) in enumerate(zip(shown, labels, notes, strict=True))
        ],
        more=_more_bars(hidden),
    )


def _note(bar: Bar) -> str:
    number = "number unknown" if bar.value is None else str(bar.value)
    return " · ".join(part for part in (number, bar.note) if part)


def _more_bars(hidden: Sequence[Bar]) -> str:
    if not hidden:
        return ""
    total = sum(bar.value or 0 for bar in hidden)
    least = "at least " if any(bar.value is None for bar in hidden) else ""
    return f"{len(hidden)} more, {least}{total} in all"
