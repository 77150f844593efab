"""The hosts that use each connector, on a screen: first the time covered, then the clients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailflow.cli.answered import proposal_lines
from mailflow.phrases import counted, joined
from mailflow.picture import Tone
from mailflow.plain import grid, one_line
from mailflow.show.blocks import LABEL, block, commands, hang, verdict
from mailflow.usage.combine import Client
from mailflow.usage.coverage import Covered
from mailflow.usage.lists import Differing, ElementUse, by_connector
from mailflow.usage.narrow import Narrowed, claim
from mailflow.usage.report import Usage

MOST_CLIENTS = 30
"""Clients of a connector that a screen shows; --json has all."""
MOST_LINES = 12


def usage_screen(found: Usage, cells: int = 80, *, colour: bool = False) -> str:
    """Everything that was told, as text.

    Args:
        found: of `using.usage`.
        cells: columns of the terminal; text wraps within it. Commands never do: they are pasted.
        colour: whether the terminal understands ANSI colours; only our own label gets one.
    """
    room = max(cells, LABEL + 40)
    tone: Tone = "good" if found.is_complete else "unknown"
    label = "COVERED" if found.is_complete else "NOT COVERED"
    lines = ["SIMULATED DATA"] if found.simulated else []
    lines += verdict(label if found.beside else "SEEN", [found.headline], room, tone, colour=colour)
    for row in found.asked:
        lines += _covered(found, row, room)
    lines += block("MISSING", _missing(found), room)
    groups = by_connector(found.clients)
    for connector in sorted(groups, key=lambda name: name.casefold() not in found.custom):
        lines += ["", *_clients(found, connector, groups[connector], room)]
    if found.not_told and groups:
        lines += ["", *hang("", found.not_told, room)]
    if found.beside:
        lines += _listed(found.beside.elements, room)
        lines += block("DIFFERING", _differing(found.beside.differing), room)
        lines += block("UNDETERMINED", _differing(found.beside.undecided), room)
        if found.beside.unplaced:
            names = joined(each.address for each in found.beside.unplaced)
            text = (
                f"{names}: only the log of the Transport service contains them, so the connector "
                "of the Front End service is unknown."
            )
            lines += block("UNDETERMINED", [text], room)
    if found.narrowed:
        lines += ["", *_narrowed(found.narrowed, room)]
    return "\n".join(lines)


def _covered(found: Usage, row: Covered, room: int) -> list[str]:
    """A connector of the answer: what is covered, what stands against it, and what helps."""
    time = f"{found.shown(row.since)} to {found.shown(row.until)}" if row.since else "no logs"
    head = [f"{row.connector}: {time}", *row.against]
    if row.trusted_from:
        head.append(f"Conclusive from {row.trusted_from:%Y-%m-%d} if you run these now:")
    lines = block("", head, room)
    if row.commands:
        lines += commands("", row.commands)
        lines += commands("", (f"{each}   # rollback" for each in row.rollback))
    return lines


def _missing(found: Usage) -> Iterator[str]:
    for each in found.logs.missing[:MOST_LINES]:
        yield f"{each.name}: {each.why}"
    if len(found.logs.missing) > MOST_LINES:
        yield f"and {len(found.logs.missing) - MOST_LINES} more, see --json"
    for part in found.logs.lost[:MOST_LINES]:
        yield f"{part.name}: {counted(part.lost, 'incomplete row')} skipped"


def _clients(found: Usage, connector: str, clients: Sequence[Client], room: int) -> list[str]:
    ordered = sorted(clients, key=lambda each: (-each.messages, -each.sessions, each.address))
    head = ["Client", "Name", "Last seen", "Sessions", "Messages", "Anonymous", "Outside"]
    rows = [
        [
            each.address + (" *" if each.proxied else ""),
            one_line(found.name_of(each), 40),
            found.shown(each.last)[:10],
            f"{each.sessions:,}",
            f"{each.messages:,}",
            f"{each.anonymous:,}",
            f"{each.outside:,}" if each.is_told else "-",
        ]
        for each in ordered[:MOST_CLIENTS]
    ]
    right = [False, False, False, True, True, True, True]
    lines = [one_line(connector), *grid(head, rows, right, room).split("\n")]
    if len(ordered) > MOST_CLIENTS:
        lines.append(f"and {len(ordered) - MOST_CLIENTS} more, see --json")
    if any(each.proxied for each in ordered):
        lines.append("* known from XPROXYFROM only: the log of the Front End service is missing")
    return lines


def _listed(elements: Sequence[ElementUse], room: int) -> list[str]:
    """What nobody used, and which few use much."""
    unused = [f"{each.element} of {each.connector}" for each in elements if each.state == "unused"]
    few = [
        f"{each.element} of {each.connector}: {counted(len(each.clients), 'client')} of "
        f"{each.element.size:,} addresses ({joined(each.clients)})"
        for each in elements
        if each.state == "used" and each.element.size > len(each.clients)
    ]
    unknown = [
        f"{each.element} of {each.connector}" for each in elements if each.state == "unknown"
    ]
    lines = [*block("UNUSED", _few(unused), room), *block("USED IN PART", _few(few), room)]
    lines += block("UNDETERMINED", _few(unknown), room)
    return ["", *lines] if lines else []


def _few(texts: Sequence[str]) -> list[str]:
    more = len(texts) - MOST_LINES
    return [*texts[:MOST_LINES], *([f"and {more} more, see --json"] if more > 0 else [])]


def _differing(rows: Sequence[Differing]) -> list[str]:
    return _few(
        [
            f"{each.client.address}: seen at {each.client.connector}"
            + (f", predicted {each.predicted}" if each.predicted else "")
            + f"; {each.why}"
            for each in rows
        ]
    )


def _narrowed(narrowed: Narrowed, room: int) -> list[str]:
    """The proposal with its proof and its rollback, or why there is none."""
    if narrowed.proof is None:
        texts = [f"No change of {narrowed.connector} is proposed.", *narrowed.why_not]
        return verdict("NOT NARROWED", texts, room)
    lines = verdict("NARROWED", [claim(narrowed)], room)
    return lines + proposal_lines(narrowed.proof, room)
