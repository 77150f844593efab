"""The protocols for a host on the screen, and the choice of one for a host name alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from mailflow.errors import UsageError
from mailflow.plain import one_line, wrap

if TYPE_CHECKING:
    from mailflow.roads import Road
    from mailflow.sources.credentials import LiveOptions

_WIDE = 10


def road_words(roads: Sequence[Road], cells: int) -> str:
    """A block for each protocol: whether it works, what was seen, and what a closed one needs."""
    lines: list[str] = []
    told = [(road.source, *_state(road)) for road in roads]
    for number, (source, state, said) in enumerate(told, 1):
        lines.append(f"{state:{_WIDE}}{source}")
        if number < len(told) and told[number][1:] == (state, said):
            continue  # said once, below the last of them
        lines += [
            " " * _WIDE + line for text in said for line in wrap(one_line(text), cells - _WIDE)
        ]
    return "\n".join(line.rstrip() for line in lines)


def _state(road: Road) -> tuple[str, list[str]]:
    closed = road.closed_by
    if road.is_open:
        seen = {check.step: check.seen for check in road.checks}
        lacks = [check for check in road.checks if check.state == "fault"]
        return "open", [
            f"{seen['log-on']}; {seen['exchange']}",
            *(f"{check.id}: {check.seen}. Next: {check.action}" for check in lacks),
        ]
    if closed is not None:
        seen_there = f" ({closed.seen})" if closed.seen else ""
        return "closed", [f"{closed.id}: {closed.cause}{seen_there}", f"Next: {closed.action}"]
    if not road.checks:
        return "-", [road.why_not]
    unknown = next((check for check in road.checks if check.state == "unknown"), None)
    said = [unknown.seen, f"Needed: {unknown.action}"] if unknown else []
    return "unknown", [text for text in said if text]


def source_of(source: str, live: LiveOptions) -> str:
    """The SOURCE to read: for a host name alone, with the first protocol that works.

    Only where it can be nothing else: no such path, no separator, no file's suffix, and the name
    resolves. Host and account are shown before anything connects.

    If none works, standard error shows what each one needs, and the exit code is the same as for a
    live organization that does not respond.

    Raises:
        UsageError: the sign-in cannot be tried as it was asked for.
    """
    from mailflow.cli.destination import destination
    from mailflow.cli.terminal import columns, progress
    from mailflow.opening import LIVE
    from mailflow.roads import may_be_host, resolves, tried

    bare = source.strip()
    if not may_be_host(bare) or not resolves(bare, live):
        return source
    click.echo(f"{bare} is not a file, and the name resolves: it is read as a server.", err=True)
    for start in LIVE:
        try:
            told = list(destination(f"{start}{bare}", (), live))
        except UsageError:
            continue  # these options do not fit this road
        click.echo("\n".join(one_line(line) for line in told), err=True)
        break
    roads = []
    for road in tried(bare, live):
        roads.append(road)
        if road.is_open:
            click.echo(f"Reading {road.source}", err=True)
            return road.source
        progress(f"{road.source}: does not work")
    progress("")
    seen = road_words(roads, columns())
    click.echo(f"{bare}: no protocol works for this account\n{seen}", err=True)
    raise SystemExit(2)
