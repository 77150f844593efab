"""The ruler of ranges, as static SVG: no script, readable without colour."""

from __future__ import annotations

import ipaddress
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mailflow.phrases import counted
from mailflow.picture import Lane, Pin, Ruler, Span
from mailflow.plain import visible, width
from mailflow.show.markup import Markup, fill, unique
from mailflow.table import Table

MOST_RULERS = 8
"""More targets than this stand in the table only; those at fault come first."""

MOST_PINS = 14
MOST_LANES = 8
MOST_EMPTY = 5
"""How many servers, connectors, and ranges without a server a ruler shows; the rest is counted."""

LEGEND = (
    "Each line runs from a server to the connector that handles it (the most specific matching "
    "range). Red: no Exchange Server authentication. Green: available. ?: undetermined. Not to "
    "scale."
)

WIDE = 900
"""Width of every picture in its own units; it shrinks with the page."""

STRONG = {"bad": "#c4492c", "good": "#2f8f5f", "unknown": "#a87a12", "": "#5f7f9f"}
LIGHT = {"bad": "#f0cfc6", "good": "#d3eadd", "unknown": "#f1e3bd", "": "#d9e3ed"}

_SMALL = 6.0
_WORD = 7.4
"""Units a character of the small type, and of a server's name, takes; on the safe side."""


def range_ruler(table: Table | Ruler | Iterable[Ruler]) -> Markup:
    """Which connector's ranges hold which servers: a ruler for each target server and endpoint.

    Each server stands over its address; its line ends on the connector that accepts it. Columns are
    equally wide whatever the ranges' sizes, so that a single address is as visible as a subnet.

    Args:
        table: what `overlapping_ranges` returned, or rulers.
    """
    if isinstance(table, Table):
        rulers = list(table.pictures)
    else:
        rulers = [table] if isinstance(table, Ruler) else list(table)
    rulers.sort(key=lambda ruler: -sum(pin.tone in ("bad", "unknown") for pin in ruler.pins))
    drawn = [_ruler(ruler) for ruler in rulers[:MOST_RULERS]]
    hidden = len(rulers) - MOST_RULERS
    if hidden > 0:
        text = f"{hidden} more endpoints are not drawn; the table lists them."
        drawn.append(Markup(fill("note.html.j2", text=text), text))
    figures = _joined(drawn, "No connector and server to draw.")
    told = next((ruler.legend for ruler in rulers if ruler.legend), LEGEND)
    legend = fill("note.html.j2", text=told) if drawn else ""
    return Markup(figures.html + legend, figures.text)


def _joined(figures: Sequence[Markup], empty: str) -> Markup:
    if not figures:
        return Markup(fill("note.html.j2", text=empty), empty)
    return Markup(
        "\n".join(figure.html for figure in figures), "\n".join(figure.text for figure in figures)
    )


@dataclass(frozen=True, slots=True)
class _Slot:
    """A column of the ruler: the addresses between two neighbouring bounds."""

    first: int
    last: int
    x: float
    wide: float
    label: str

    @property
    def middle(self) -> float:
        return self.x + self.wide / 2


@dataclass(frozen=True, slots=True)
class _DrawnLane:
    name: str
    whole_name: str
    note: str
    tone: str
    y: float
    pieces: list[_Piece]
    more: str


@dataclass(frozen=True, slots=True)
class _Piece:
    x: float
    wide: float
    size: str
    at: float
    title: str
    fill: str
    stroke: str
    is_wash: bool


@dataclass(frozen=True, slots=True)
class _DrawnPin:
    label: str
    title: str
    x: float
    y: float
    end: float
    colour: str
    answered: bool


_LEFT, _RIGHT = 205.0, 30.0
_LANE = 50.0


def _ruler(ruler: Ruler) -> Markup:
    every_pin = _at_one_place(ruler.pins)
    pins = sorted(every_pin, key=lambda pin: pin.tone not in ("bad", "unknown"))[:MOST_PINS]
    pins.sort(key=lambda pin: pin.address)
    landing = [_lands_on(pin, ruler.lanes) for pin in pins]
    lanes, spans = _lanes_to_draw(ruler.lanes, pins, landing)
    slots = _slots([span for of_lane in spans for span in of_lane], pins, ruler.family)
    flat = _names_fit(pins, slots)
    top = 26.0 if flat else 26 + 0.62 * _WORD * max(width(_pin_name(pin)) for pin in pins)
    bottom = top + 26 + _LANE * len(lanes)
    drawn_pins = [
        _draw_pin(pin, slots, top - 10, _end(at, lanes, top, bottom), at is not None)
        for pin, at in zip(pins, landing, strict=True)
    ]
    drawn_lanes = [
        _with_sizes(
            _draw_lane(
                ruler.lanes[at], kept, slots, top + 26 + _LANE * row, _held(at, pins, landing)
            ),
            kept,
            drawn_pins,
        )
        for row, (at, kept) in enumerate(zip(lanes, spans, strict=True))
    ]
    deep = max((width(slot.label) for slot in slots), default=0) * 0.62 * _SMALL + 16
    hidden = [
        (len(every_pin) - len(pins), f"more {ruler.whom}s"),
        (len(ruler.lanes) - len(lanes), "more connectors"),
    ]
    more = ", ".join(f"{number} {what}" for number, what in hidden if number > 0)
    return figure(
        "ruler.svg.j2",
        f"{ruler.server}, port {ruler.port}: which connector accepts which {ruler.whom}"
        + (" (IPv6)" if ruler.family == 6 else ""),
        ruler.reading or _in_words(pins, landing, ruler.lanes),
        wide=WIDE,
        high=bottom + deep + (26 if more else 4),
        left=_LEFT,
        right=WIDE - _RIGHT,
        lanes=drawn_lanes,
        pins=drawn_pins,
        flat=flat,
        slots=slots,
        top=top,
        bottom=bottom,
        more=more,
    )


def _lands_on(pin: Pin, lanes: Sequence[Lane]) -> int | None:
    """Place of the lane the pin ends on; None where none answers or the answer is not known."""
    if pin.answered_by is not None:
        names = [lane.connector for lane in lanes]
        return names.index(pin.answered_by) if pin.answered_by in names else None
    holding = [
        (span.size, at)
        for at, lane in enumerate(lanes)
        for span in lane.spans
        if span.first <= pin.address <= span.last
    ]
    return min(holding)[1] if holding else None


def _lanes_to_draw(
    lanes: Sequence[Lane], pins: Sequence[Pin], landing: Sequence[int | None]
) -> tuple[list[int], list[list[Span]]]:
    """Places of the lanes to draw, most specific first, and the ranges to draw of each.

    Lanes that answer a server always; then those with a range around one; then the others.
    """
    held = [any(_holds_any(span, pins) for span in lane.spans) for lane in lanes]
    wanted = sorted(range(len(lanes)), key=lambda at: (at not in landing, not held[at]))
    most = max(MOST_LANES, len({at for at in landing if at is not None}))
    order = sorted(wanted[:most], key=lambda at: _smallest(lanes[at], pins))
    kept = _spans_to_draw([lanes[at] for at in order], pins)
    drawn = [(at, of_lane) for at, of_lane in zip(order, kept, strict=True) if of_lane]
    return [at for at, _ in drawn], [of_lane for _, of_lane in drawn]


def _smallest(lane: Lane, pins: Sequence[Pin]) -> tuple[int, str]:
    """How specific a connector is, judged by its ranges that hold a server where it has some."""
    held = [span.size for span in lane.spans if _holds_any(span, pins)]
    return min(held or [span.size for span in lane.spans] or [1 << 128]), lane.connector


def _holds_any(span: Span, pins: Sequence[Pin]) -> bool:
    return any(span.first <= pin.address <= span.last for pin in pins)


def _spans_to_draw(lanes: Sequence[Lane], pins: Sequence[Pin]) -> list[list[Span]]:
    """All ranges that hold a server, and the first few of the others; for each lane."""
    left = MOST_EMPTY
    kept = []
    for lane in lanes:
        of_lane = [span for span in lane.spans if _holds_any(span, pins)]
        empty = [span for span in lane.spans if not _holds_any(span, pins)]
        kept.append(of_lane + empty[:left])
        left -= min(left, len(empty))
    return kept


def _slots(spans: Sequence[Span], pins: Sequence[Pin], family: int) -> list[_Slot]:
    """Columns between all bounds: named where they are a range or a server, else narrow."""
    whole = (1 << (32 if family == 4 else 128)) - 1
    points = {0, whole + 1}
    for first, last in [(span.first, span.last) for span in spans] + [
        (pin.address, pin.address) for pin in pins
    ]:
        points |= {first, last + 1}
    ordered = sorted(points)
    blocks = [(first, after - 1) for first, after in itertools.pairwise(ordered)]
    whole_ranges = {(span.first, span.last) for span in spans if span.size <= whole}
    addresses = {(pin.address, pin.address) for pin in pins}
    named = [block in whole_ranges | addresses for block in blocks]
    shares = [1.0 if is_named else 0.45 for is_named in named]
    unit = (WIDE - _LEFT - _RIGHT) / (sum(shares) or 1)
    slots, x = [], _LEFT
    for (first, last), share, is_named in zip(blocks, shares, named, strict=True):
        label = _addresses(first, last, family) if is_named else ""
        slots.append(_Slot(first, last, x, share * unit, label))
        x += share * unit
    return slots


def _names_fit(pins: Sequence[Pin], slots: Sequence[_Slot]) -> bool:
    """Whether the servers' names can stand beside each other; else they are written slanting."""
    end = 0.0
    for pin in pins:
        half = (width(_pin_name(pin)) * _WORD + 10) / 2
        middle = _at(pin, slots).middle
        if middle - half < end or middle + half > WIDE:
            return False
        end = middle + half
    return True


def _at_one_place(pins: Sequence[Pin]) -> list[Pin]:
    """Servers that share an address stand on one line, with all their names."""
    by_address: dict[int, Pin] = {}
    for pin in pins:
        first = by_address.get(pin.address)
        label = f"{first.label}, {pin.label}" if first else pin.label
        by_address[pin.address] = replace(first or pin, label=label)
    return list(by_address.values())


def _pin_name(pin: Pin) -> str:
    return short(pin.label, 18)


def _at(pin: Pin, slots: Sequence[_Slot]) -> _Slot:
    return next(slot for slot in slots if slot.first <= pin.address <= slot.last)


def _held(at: int, pins: Sequence[Pin], landing: Sequence[int | None]) -> list[int]:
    return [pin.address for pin, place in zip(pins, landing, strict=True) if place == at]


def _draw_lane(
    lane: Lane, kept: Sequence[Span], slots: Sequence[_Slot], y: float, answered: Sequence[int]
) -> _DrawnLane:
    pieces = []
    for span in sorted(kept, key=lambda kept_span: -kept_span.size):
        inside = [slot for slot in slots if span.first <= slot.first and slot.last <= span.last]
        x, end = inside[0].x, inside[-1].x + inside[-1].wide
        wins = any(span.first <= address <= span.last for address in answered)
        narrow = wins and len(inside) == 1
        fill_ = STRONG[lane.tone] if narrow else LIGHT[lane.tone]
        title = f"{lane.connector}: {_ends(span)}"
        stroke = STRONG[lane.tone]
        pieces.append(
            _Piece(x + 1.5, end - x - 3, "", 0, visible(title), fill_, stroke, not narrow)
        )
    hidden = len(lane.spans) - len(kept)
    more = f"+ {hidden} more ranges without a server" if hidden else ""
    if not lane.complete:
        more = f"ranges incomplete, + {hidden} more" if hidden else "ranges incomplete"
    return _DrawnLane(
        short(lane.connector, 24),
        visible(lane.connector),
        short(lane.note, 32),
        lane.tone,
        y,
        pieces,
        more,
    )


def _with_sizes(lane: _DrawnLane, kept: Sequence[Span], pins: Sequence[_DrawnPin]) -> _DrawnLane:
    """The lane with the size of each range below it, where that covers no line and no other size.

    A range whose size has no room there tells it when it is pointed at.
    """
    low = lane.y + 40
    taken = [(pin.x - 4, pin.x + 4) for pin in pins if pin.end > low - 12]
    pieces = []
    largest_first = sorted(kept, key=lambda span: -span.size)
    for piece, span in reversed(list(zip(lane.pieces, largest_first, strict=True))):
        words = _size(span)
        room = width(words) * _SMALL
        at = _free(piece.x, piece.x + piece.wide, taken, room)
        title = f"{piece.title}, {words}"
        if at is None:
            pieces.append(replace(piece, title=title))
            continue
        taken.append((at, at + room + 6))
        pieces.append(replace(piece, title=title, size=words, at=at))
    return replace(lane, pieces=pieces[::-1])


def _free(
    first: float, last: float, taken: Iterable[tuple[float, float]], room: float
) -> float | None:
    """Where in a stretch a text of this width covers nothing; None: nowhere."""
    at = first
    for begin, end in sorted(taken):
        if at + room <= min(begin, last):
            return at
        at = max(at, end)
    return at if at + room <= last else None


def _size(span: Span) -> str:
    """`256 addresses`, `all IPv4`, `2^64 addresses`."""
    for bits, name in ((32, "all IPv4"), (128, "all IPv6")):
        if span.first == 0 and span.size == 1 << bits:
            return name
    if span.size < 10**7:
        return counted(span.size, "address", "addresses")
    return f"about 2^{(span.size - 1).bit_length()} addresses"


def _draw_pin(pin: Pin, slots: Sequence[_Slot], y: float, end: float, answered: bool) -> _DrawnPin:
    slot = _at(pin, slots)
    title = visible(f"{pin.label} {pin.address_label}")
    return _DrawnPin(_pin_name(pin), title, slot.middle, y, end, STRONG[pin.tone], answered)


def _end(at: int | None, lanes: Sequence[int], top: float, bottom: float) -> float:
    return bottom - 4 if at is None else top + 26 + _LANE * lanes.index(at) + 13


def _in_words(pins: Sequence[Pin], landing: Sequence[int | None], lanes: Sequence[Lane]) -> str:
    by_lane: dict[int | None, list[str]] = {}
    for pin, at in zip(pins, landing, strict=True):
        by_lane.setdefault(at, []).append(f"{pin.label} ({pin.address_label})")
    parts = []
    for at, names in by_lane.items():
        who = "no known connector" if at is None else lanes[at].connector
        parts.append(f"{', '.join(names)}: accepted by {who}.")
    return " ".join(parts) or "No server to show."


def figure(template: str, title: str, description: str, **values: object) -> Markup:
    """A picture of a template, with its title and the same facts in words."""
    title, description = visible(title), visible(description)
    values |= {"title": title, "description": description, "id": unique(title, description)}
    return Markup(fill(template, **values), f"{title}. {description}")


def _ends(span: Span) -> str:
    if span.first == span.last:
        return span.first_label
    return f"{span.first_label} to {span.last_label}"


def _addresses(first: int, last: int, family: int) -> str:
    kind = ipaddress.IPv4Address if family == 4 else ipaddress.IPv6Address
    text = str(kind(first)) if first == last else f"{kind(first)} - {kind(last)}"
    return short(text, 33)


def short(text: str, most: int) -> str:
    """A text that fits: the middle is left out, since queues and servers differ at the end."""
    shown = visible(text).replace("\n", " ")
    if width(shown) <= most:
        return shown
    head, tail = shown, shown
    while width(head) > most * 2 // 3:
        head = head[:-1]
    while width(tail) > most - width(head) - 1:
        tail = tail[1:]
    return f"{head}…{tail}"
