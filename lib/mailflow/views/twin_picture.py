"""Pictures of hosts that A and B treat differently: on A, on B, and on B after the commands.

The rulers of the other runbooks, with blocks of hosts in place of servers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailflow.analysis.places import Place, processes_at
from mailflow.analysis.servers import ServerView, address_of
from mailflow.analysis.twin_blocks import TwinBlock
from mailflow.exchange.connectors import ReceiveConnector, setup_default
from mailflow.exchange.ranges import AddressRange, format_range
from mailflow.exchange.selection import answer
from mailflow.picture import Lane, Pin, Ruler, Span, Tone
from mailflow.views.twin_report import TwinReport

MOST_PINS = 8
LEGEND = (
    "Each line runs from a block of hosts to the connector that accepts them (the most specific "
    "matching range). ?: undetermined. Not to scale."
)


def rulers_now(found: TwinReport) -> tuple[Ruler, ...]:
    """Where hosts are on A, and where they would be on B today; for each endpoint that differs."""
    a, b = (side.view for side in found.sides)
    return tuple(
        ruler
        for blocks in _by_endpoint(found.comparison.blocks)
        for ruler in (
            _ruler(f"{found.a} now", a, _place(blocks[0], on_b=False), blocks, ""),
            _ruler(f"{found.b} now", b, _place(blocks[0], on_b=True), blocks, ""),
        )
    )


def rulers_then(found: TwinReport) -> tuple[Ruler, ...]:
    """Where the same hosts are on B after the commands."""
    if not found.plan.steps:
        return ()
    left = found.plan.left.blocks
    return tuple(
        _ruler(
            f"{found.b} after the commands",
            found.plan.left.b,
            _place(blocks[0], on_b=True),
            blocks,
            "bad" if any(each.endpoint == blocks[0].endpoint for each in left) else "good",
        )
        for blocks in _by_endpoint(found.comparison.blocks)
    )


def _by_endpoint(blocks: Sequence[TwinBlock]) -> Iterator[list[TwinBlock]]:
    """Blocks at one endpoint, the smallest first; at most two endpoints, which picture enough."""
    groups: dict[object, list[TwinBlock]] = {}
    for block in blocks:
        groups.setdefault(block.endpoint, []).append(block)
    for some in list(groups.values())[:2]:
        yield sorted(some, key=lambda each: each.block.size)[:MOST_PINS]


def _place(block: TwinBlock, *, on_b: bool) -> Place:
    at = block.endpoint
    return Place(at.family, at.port, at.b if on_b else at.a)


def _ruler(
    title: str, view: ServerView, place: Place, blocks: Sequence[TwinBlock], tone: Tone
) -> Ruler:
    processes = processes_at(view.connectors, place)
    lanes = [
        _lane(each, place.family)
        for each in view.connectors
        if each.enabled is not False
        and (not processes or each.role in processes)
        and any((bound.port, bound.family) == (place.port, place.family) for bound in each.bindings)
    ]
    return Ruler(
        server=title,
        port=place.port,
        lanes=tuple(lanes),
        pins=tuple(_pin(view, place, each.block, tone) for each in blocks),
        family=place.family,
        legend=LEGEND,
        whom="host",
    )


def _pin(view: ServerView, place: Place, block: AddressRange, tone: Tone) -> Pin:
    remote = address_of(block.family, block.first)
    found = answer(view.connectors, local=place.local, port=place.port, remote=remote)
    text = format_range(block)
    if found.unknown:
        return Pin(text, str(remote), block.first, "unknown", "")
    name = found.connector.name if found.connector else ""
    return Pin(text, str(remote), block.first, tone, name)


def _lane(connector: ReceiveConnector, family: int) -> Lane:
    spans = tuple(
        Span(
            str(address_of(block.family, block.first)),
            str(address_of(block.family, block.last)),
            block.first,
            block.last,
        )
        for block in connector.ranges
        if block.family == family
    )
    words = "made by setup" if setup_default(connector) else "custom"
    return Lane(connector.name, words, "", spans, connector.ranges_complete)
