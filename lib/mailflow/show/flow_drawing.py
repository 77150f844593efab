"""The shapes of the mail-flow picture: one drawing for wide pages, one for narrow ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mailflow.phrases import counted
from mailflow.picture import FlowDoor, FlowRoute, MailFlow
from mailflow.plain import one_line, width, wrap
from mailflow.show.flow_text import names, not_drawn, shown_routes

MOST_WAITS = 4
"""How many senders are drawn with a bar; the rest is counted."""

WIDE, NARROW = 960, 380
"""Widths of the two drawings in their own units."""

_SMALL = 6.9
"""Units a character of the small type takes; on the safe side."""
_WORD = 8.3
"""The same of names in bold type."""
_PLAIN = 8.2
"""The same of names in plain type."""


@dataclass(frozen=True, slots=True)
class FlowShape:
    """A piece of a drawing.

    Attributes:
        kind: `text`, `rect`, `path`; `begin` and `end` of a part that is moved.
        role: class of the style sheet.
        x, y: where; of a text its base line.
        wide, high: size of a rectangle.
        words: of a text.
        line: of a path, as SVG writes it.
    """

    kind: str
    role: str
    x: float = 0
    y: float = 0
    wide: float = 0
    high: float = 0
    words: str = ""
    line: str = ""


@dataclass(slots=True)
class FlowSheet:
    """What has been drawn so far, how deep it is, and how wide."""

    shapes: list[FlowShape] = field(default_factory=list)
    depth: float = 0
    across: float = 0

    def text(self, x: float, y: float, words: str, role: str = "") -> None:
        """A line of text."""
        self.shapes.append(FlowShape("text", role, x, y, words=words))

    def rect(self, x: float, y: float, wide: float, high: float, role: str) -> None:
        """A box or a bar."""
        self.shapes.append(FlowShape("rect", role, x, y, wide, high))

    def path(self, line: str, role: str) -> None:
        """A line, an arrow or a cross."""
        self.shapes.append(FlowShape("path", role, line=line))

    def move(self, right: float, down: float, role: str = "") -> None:
        """Put all of it elsewhere, or give it another look."""
        self.shapes = [FlowShape("begin", role, right, down), *self.shapes, FlowShape("end", "")]
        self.depth += down


def drawn(flow: MailFlow, form: str) -> FlowSheet:
    """The drawing of a `wide` or a `narrow` page; with a repair, both states side by side."""
    if flow.after is None:
        return _wide(flow) if form == "wide" else _narrow(flow)
    before = _narrow(replace(flow, caption=flow.caption or "Before the repair"))
    if flow.is_past:
        before.move(0, 0, "past")
    after = _narrow(flow.after)
    if form == "wide":
        after.move(NARROW + 40, 0)
        return FlowSheet(
            [*before.shapes, *after.shapes], max(before.depth, after.depth), 2 * NARROW + 40
        )
    after.move(0, before.depth + 14)
    return FlowSheet([*before.shapes, *after.shapes], after.depth, NARROW)


_FROM, _TO = 280.0, 480.0
"""Where the senders' boxes of the wide drawing end, and where those of the targets begin."""


def _wide(flow: MailFlow) -> FlowSheet:
    sheet = FlowSheet(across=WIDE)
    y = 24.0
    if flow.caption:
        sheet.text(10, 16, flow.caption, "head")
        y += 16
    sheet.text(10, y - 8, "SENDING SERVERS", "dim")
    sheet.text(_TO + 8, y - 8, "TARGET SERVERS", "dim")
    for route in shown_routes(flow):
        is_quiet = route.state == "good" and route.door is None
        y = _quiet_row(sheet, route, y) if is_quiet else _wide_row(sheet, route, y) + 10
    return _closed(sheet, flow, y)


def _closed(sheet: FlowSheet, flow: MailFlow, y: float) -> FlowSheet:
    rest = not_drawn(flow)
    if rest:
        sheet.text(10, y + 15, rest, "dim")
        y += 22
    if not flow.routes:
        sheet.text(10, y + 15, "No mail path between servers is known.", "dim")
        y += 22
    sheet.depth = y + 8
    return sheet


def _wide_row(sheet: FlowSheet, route: FlowRoute, y: float) -> float:
    """An arrow that matters: senders, what stands in between, targets; gives where it ends."""
    left = FlowSheet()
    _senders(left, route, 10, y, _FROM - 10)
    right = FlowSheet()
    deep, doors = _targets(right, route, _TO, y, WIDE - _TO - 10)
    high = max(left.depth - y, deep - y)
    sheet.rect(10, y, _FROM - 10, high, "box")
    if route.targets:
        sheet.rect(_TO, y, WIDE - _TO - 10, high, "box")
    sheet.shapes += [*left.shapes, *right.shapes]
    start = y + min(30.0, high / 2)
    if route.port:
        sheet.text(_FROM + 40, start - 9, f"port {route.port}", f"{route.state}t bold")
    first = doors.pop(0) if route.door and doors else start
    end = _TO - 4 if route.targets else _FROM + 60
    bend = "" if first == start else f"H{end - 60:g} L{end - 34:g} {first:g} "
    sheet.path(f"M{_FROM:g} {start:g} {bend}H{end:g}", route.state)
    _end_of_arrow(sheet, route.state, end, first)
    for wanted in doors:
        below = start + 16
        sheet.path(
            f"M{_FROM:g} {below:g} C{_FROM + 90:g} {below:g} {end - 90:g} {wanted:g} "
            f"{end - 4:g} {wanted:g}",
            "want",
        )
        _head(sheet, end, wanted, "goodf")
    if not route.targets:
        for number, line in enumerate(wrap(one_line(route.why), 60)):
            sheet.text(end + 14, start + 5 + 17 * number, line, f"{route.state}t")
    return y + high


def _end_of_arrow(sheet: FlowSheet, state: str, x: float, y: float, *, down: bool = False) -> None:
    """A cross where it fails, a question mark where that is not known, else a head."""
    if state == "bad":
        sheet.path(f"M{x - 7:g} {y - 8:g} l14 16 m0 -16 l-14 16", "bad")
    elif state == "unknown":
        sheet.rect(x - 9, y - 10, 18, 20, "hole")
        sheet.text(x - 4, y + 6, "?", "unknownt bold")
    else:
        _head(sheet, x, y, "goodf", down=down)


def _head(sheet: FlowSheet, x: float, y: float, role: str, *, down: bool = False) -> None:
    line = f"M{x:g} {y:g} l-5 -9 h10z" if down else f"M{x:g} {y:g} l-9 -5 v10z"
    sheet.path(line, role)


def _senders(sheet: FlowSheet, route: FlowRoute, x: float, y: float, across: float) -> None:
    """Names, version, and a bar for each sender whose messages wait."""
    y = _heading(sheet, route.senders, route.sender_note, x, y, across)
    shown = route.waits[:MOST_WAITS]
    most = max((each.messages or 0 for each in shown), default=0) or 1
    label = max((min(width(one_line(each.server)), 12) for each in shown), default=0) * 8.8 + 8
    room = across - 24 - label - 76
    for each in shown:
        y += 20
        sheet.text(x + 12, y, clipped(each.server, label, 8.8), "")
        long = max(3.0, (each.messages or 0) / most * room)
        known = each.messages is not None
        sheet.rect(x + 12 + label, y - 11, long if known else 24, 12, "bar" if known else "hollow")
        number = f"{each.messages:,}" if each.messages is not None else "unknown"
        sheet.text(x + 18 + label + (long if known else 24), y, number, "badt bold")
    hidden = route.waits[MOST_WAITS:]
    if hidden:
        y += 20
        total = sum(each.messages or 0 for each in hidden)
        sheet.text(x + 12, y, f"and {len(hidden)} more: {counted(total, 'message')}", "dim")
    if route.since:
        fits = width(route.since) * _SMALL < across - 20
        for line in [route.since] if fits else route.since.split(" · "):  # a code stays whole
            y += 18
            sheet.text(x + 12, y, clipped(line, across - 20, _SMALL), "dim")
    sheet.depth = y + 12


def _heading(
    sheet: FlowSheet, servers: Sequence[str], note: str, x: float, y: float, across: float
) -> float:
    """Names in bold and the version behind or below them; gives the last base line."""
    text = names(servers)
    cells = int((across - 24) / _WORD)
    lines = wrap(text, cells)[:3]
    for number, line in enumerate(lines):
        sheet.text(x + 12, y + 22 + 18 * number, line, "head")
    y += 22 + 18 * (len(lines) - 1)
    used = width(lines[-1]) * _WORD + 20
    if note and used + width(note) * _SMALL < across - 20:
        sheet.text(x + 12 + used, y, note, "dim")
    elif note:
        y += 17
        sheet.text(x + 12, y, note, "dim")
    return y


_DOOR = 168.0
"""Width of a connector."""


def _targets(
    sheet: FlowSheet, route: FlowRoute, x: float, y: float, across: float
) -> tuple[float, list[float]]:
    """Names, version and the connectors; gives where the box ends, and where arrows end."""
    if not route.targets:
        return y, []
    y = _heading(sheet, route.targets, route.target_note, x, y, across)
    ends: list[float] = []
    if not route.door and route.why:
        for line in wrap(one_line(route.why), int((across - 24) / _SMALL)):
            y += 18
            sheet.text(x + 12, y, line, f"{route.state}t")
    room = int((across - _DOOR - 26) / _SMALL)
    for door, accepts, tone in _doors(route):
        y += 8
        ends.append(y + 15)
        _door(sheet, door, x + 2, y, tone)
        said = wrap(one_line(accepts), room)[:3]
        for number, line in enumerate(said):
            sheet.text(x + _DOOR + 14, y + 13 + 16 * number, line, f"{tone}t")
        y += max(34.0, 16.0 * len(said) + 4)
    return y + 10, ends


def _doors(route: FlowRoute) -> list[tuple[FlowDoor, str, str]]:
    """The connectors of an arrow, what is said of each, and its tone."""
    doors: list[tuple[FlowDoor, str, str]] = []
    if route.door:
        says = f": {route.door.says}" if route.door.says else ""
        doors.append((route.door, f"accepts the connection{says}", route.state))
    if route.should:
        says = f": {route.should.says}" if route.should.says else ""
        doors.append((route.should, f"should accept it{says}", "good"))
    return doors


def _door(sheet: FlowSheet, door: FlowDoor, x: float, y: float, tone: str) -> None:
    high = 40.0 if door.note else 30.0
    sheet.rect(x, y, _DOOR, high, f"{tone}d")
    sheet.text(x + 8, y + 19, clipped(door.connector, _DOOR - 14, _WORD), f"{tone}t bold")
    if door.note:
        sheet.text(x + 8, y + 34, clipped(door.note, _DOOR - 14, _SMALL), "dim")


def _quiet_row(sheet: FlowSheet, route: FlowRoute, y: float) -> float:
    """A line for what works: who, the arrow with port and number, whom."""
    base = y + 20
    port = f"port {route.port} · " if route.port else ""
    sheet.text(22, base, clipped(names(route.senders, 2), _FROM - 34), "")
    sheet.path(f"M{_FROM:g} {base - 5:g} H{_TO - 10:g}", "good")
    _head(sheet, _TO - 4, base - 5, "goodf")
    works = counted(route.paths, "path works", "paths work")
    sheet.text(_FROM + 6, base - 10, f"{port}{works}", "goodt")
    sheet.text(_TO + 12, base, clipped(names(route.targets), WIDE - _TO - 24), "")
    return y + 32


def _narrow(flow: MailFlow) -> FlowSheet:
    """Senders above, targets below; arrows go down."""
    sheet = FlowSheet(across=NARROW)
    y = 4.0
    if flow.caption:
        sheet.text(10, 20, flow.caption, "head")
        y += 26
    for route in shown_routes(flow):
        is_quiet = route.state == "good" and route.door is None
        y = _narrow_quiet(sheet, route, y) if is_quiet else _narrow_row(sheet, route, y) + 12
    return _closed(sheet, flow, y)


def _narrow_row(sheet: FlowSheet, route: FlowRoute, y: float) -> float:
    across = NARROW - 20.0
    upper = FlowSheet()
    _senders(upper, route, 10, y, across)
    sheet.rect(10, y, across, upper.depth - y, "box")
    sheet.shapes += upper.shapes
    y = upper.depth
    port = f"port {route.port}" if route.port else ""
    if not route.targets:
        for line in wrap(one_line(route.why), int(across / _SMALL)):
            y += 18
            sheet.text(16, y, line, f"{route.state}t")
        return y + 4
    end = y + 46
    sheet.path(f"M60 {y:g} V{end - 4:g}", route.state)
    sheet.text(76, y + 27, port, f"{route.state}t bold")
    if route.should:
        sheet.path(f"M250 {y:g} V{end - 8:g}", "want")
        _head(sheet, 250, end - 2, "goodf", down=True)
    lower = FlowSheet()
    top = end
    doors = _doors(route)
    below = top + (10 + max(40.0 if door.note else 30.0 for door, _, _ in doors) if doors else 0)
    for number, (door, _, tone) in enumerate(doors, 0 if route.door else 1):
        _door(lower, door, 14 + number * (_DOOR + 12), top + 2, tone)
    at = _heading(lower, route.targets, route.target_note, 10, below - 4 * bool(doors), across)
    said = [(f"{door.connector} {accepts}", tone) for door, accepts, tone in doors]
    said += [(route.why, route.state)] if route.why and not route.door else []
    for text, tone in said:
        for line in wrap(one_line(text), int((across - 24) / _SMALL)):
            at += 18
            lower.text(22, at, line, f"{tone}t")
    sheet.rect(10, top, across, at + 12 - top, "box")
    sheet.shapes += lower.shapes
    _end_of_arrow(sheet, route.state, 60, end - 2, down=True)
    return at + 12


def _narrow_quiet(sheet: FlowSheet, route: FlowRoute, y: float) -> float:
    port = f"port {route.port} · " if route.port else ""
    works = counted(route.paths, "path works", "paths work")
    sheet.text(16, y + 18, f"{port}{works}", "goodt")
    senders, targets = names(route.senders, 2), names(route.targets, 2)
    lines = [f"{senders} → {targets}"]
    if width(lines[0]) * _PLAIN > NARROW - 32:
        lines = [senders, f"→ {targets}"]
    for number, line in enumerate(lines):
        sheet.text(16, y + 36 + 18 * number, clipped(line, NARROW - 32, _PLAIN), "")
    return y + 28 + 18 * len(lines)


def clipped(text: str, room: float, unit: float = 7.6) -> str:
    """A text on one line that fits into so many units; what is cut is shown as cut."""
    shown, cells = one_line(text), max(2, int(room / unit))
    if width(shown) <= cells:
        return shown
    while width(shown) > cells - 1:
        shown = shown[:-1]
    return f"{shown.rstrip()}…"
