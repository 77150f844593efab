"""What a second source does differently, on a screen: the answer first, then each thing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from mailflow.analysis.assessment import PathState
from mailflow.cli.answered import MOST_LINES, hosts_lines, hosts_of, hosts_sentences, way_sentences
from mailflow.phrases import clock, counted, joined
from mailflow.picture import Tone
from mailflow.plain import one_line, width
from mailflow.show.blocks import LABEL, block, hang, section, verdict
from mailflow.views.comparison import Comparison

NamedSource = tuple[str, datetime | None]
"""A source as it was named, and when it was read; None: it does not say."""


def diff_screen(
    found: Comparison,
    before: NamedSource,
    after: NamedSource,
    cells: int = 80,
    *,
    colour: bool = False,
) -> str:
    """The comparison as text.

    Args:
        found: what differs.
        before: the first source.
        after: the second.
        cells: columns of the terminal; text wraps within it.
        colour: whether the terminal understands ANSI colours; only our own label gets one.
    """
    room = max(cells, LABEL + 40)
    label, tone = _label(found)
    lines = verdict(label, _head(found), room, tone, colour=colour)
    lines += section("FIRST", _side(*before, room - LABEL))
    lines += section("SECOND", _side(*after, room - LABEL))
    lines += section("SERVERS", _short([*_ways(found, room - LABEL)]))
    lines += section("HOSTS", hosts_lines(hosts_of(found.treated), room - LABEL))
    lines += section("RIGHTS", _short([*_rights(found, room - LABEL)]))
    lines += block("ALSO", _short([*_also(found)]), room)
    lines += block("SCOPE", [_compared(found)], room)
    return "\n".join([*lines, *block("UNDETERMINED", _not_known(found), room)])


def _label(found: Comparison) -> tuple[str, Tone]:
    if found.state == "same":
        return "NO DIFFERENCE", "good"
    if found.state == "unknown":
        return "INCONCLUSIVE", "unknown"
    loses = any(hosts.is_certain and hosts.effect.loses for hosts in found.treated)
    broken = any(way.will == "found" for way in found.ways)
    only_better = not (found.treated or found.access or found.gone)
    if only_better and all(way.will == "clear" for way in found.ways):
        return "DIFFERENT", "good"
    return "DIFFERENT", "bad" if broken or loses or found.gone else "unknown"


_BECOMES: Mapping[tuple[PathState, PathState], str] = {
    ("clear", "found"): "{where} no longer {accept} {who}",
    ("unknown", "found"): (
        "{where} {do} not accept {who}; whether {they} {was} accepted before is unknown"
    ),
    ("clear", "unknown"): (
        "{where} accepted {who} before; whether {they} {be} accepted now is unknown"
    ),
    ("found", "unknown"): (
        "{where} did not accept {who} before; whether {they} {be} accepted now is unknown"
    ),
    ("found", "clear"): "{where} {accept} {who}, which {was} not accepted before",
    ("unknown", "clear"): (
        "{where} {accept} {who}; whether {they} {was} accepted before is unknown"
    ),
}
"""What breaks stands first."""


def _head(found: Comparison) -> Iterator[str]:
    if found.state == "same":
        yield "No host is handled differently."
    ways = (((way.was, way.will), way.sender, way.target) for way in found.ways)
    yield from way_sentences(ways, _BECOMES)
    hosts = hosts_of(found.treated)
    yield from hosts_sentences([group for group in hosts if group.is_certain])
    maybe = [group for group in hosts if not group.is_certain]
    if maybe:
        yield "As far as was read: " + " ".join(hosts_sentences(maybe))
    if found.access:
        users = joined(dict.fromkeys(access.user for access in found.access))
        where = counted(len({access.connector for access in found.access}), "connector")
        yield f"Other extended rights on {where}: {users}."
    if found.gone:
        yield f"No longer there: {joined(found.gone)}."
    if found.doubts:
        seen = found.treated or found.ways or found.state == "different"
        what = "Data" if seen else "No difference was found, but data"
        yield f"{what} that may change this is missing, see UNDETERMINED."


def _side(name: str, taken: datetime | None, cells: int) -> list[str]:
    """A path never wraps: it is copied."""
    shown, read = one_line(name), f"read {clock(taken)}" if taken else ""
    both = f"{shown}, {read}"
    return [both] if read and width(both) <= cells else [shown, *filter(None, [read])]


_JUDGED: Mapping[PathState, str] = {
    "clear": "accepted by",
    "found": "cannot authenticate at",
    "unknown": "undetermined at",
}


def _ways(found: Comparison, cells: int) -> Iterator[str]:
    order = list(_BECOMES)
    for way in sorted(found.ways, key=lambda way: order.index((way.was, way.will))):
        yield from hang("", f"{way.sender} to {way.target}", cells)
        for head, state, who in (("first", way.was, way.before), ("second", way.will, way.after)):
            text = f"{_JUDGED[state]} {who}" if who else "accepting connector unknown"
            yield from hang(f"  {head:8}", text, cells)


def _rights(found: Comparison, cells: int) -> Iterator[str]:
    for access in found.access:
        yield from hang("", f"{access.user} on {access.connector}", cells)
        for head, rights in (("loses", access.loses), ("gains", access.gains)):
            if rights:
                yield from hang(f"  {head:8}", joined(rights, most=99), cells)


def _also(found: Comparison) -> Iterator[str]:
    for addresses in found.addresses:
        parts = [f"no longer has {joined(addresses.gone)}"] if addresses.gone else []
        parts += [f"has {joined(addresses.new)} now"] if addresses.new else []
        yield f"{addresses.server} {' and '.join(parts)}"
    for name in found.new:
        yield f"{name} is new"
    for name, old, new in found.versions:
        yield f"{name}: {old}, then {new}"
    for pair in found.renamed:
        yield f"{pair.before} is {pair.after} now, and treats the same hosts alike"


def _short(lines: list[str]) -> list[str]:
    hidden = len(lines) - MOST_LINES
    if hidden <= 0:
        return lines
    return [*lines[:MOST_LINES], f"and {hidden} more lines; `--json` names them all"]


def _compared(found: Comparison) -> str:
    if not found.places:
        return "nothing: no server was read in both sources"
    text = f"every IPv4 and IPv6 address at {counted(found.places, 'endpoint')}"
    if found.state == "unknown" or found.doubts:
        return text
    return f"{text}; hosts that are not named here are handled alike"


def _not_known(found: Comparison) -> list[str]:
    texts = list(found.doubts)
    if found.rights_not_read:
        names = joined(found.rights_not_read)
        texts.append(f"whether extended rights differ on {names}: missing in one source or both")
    if any(hosts.effect.not_known for hosts in found.treated):
        texts.append("values marked unknown above: their rights or settings are missing")
    return texts or ["none"]
