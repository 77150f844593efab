"""What targets offer a sender, on a screen: the answer first, then a row for each target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailflow.analysis.servers import ServerView
from mailflow.phrases import clock, joined
from mailflow.picture import Tone
from mailflow.plain import grid, one_line
from mailflow.show.blocks import LABEL, block, commands, verdict
from mailflow.views.probe import (
    OfferState,
    ProbeResult,
    keywords_that_matter,
    state_of,
    summary,
)

_LABELS: dict[OfferState, tuple[str, Tone]] = {
    "offers": ("OFFERED", "good"),
    "lacks": ("NOT OFFERED", "bad"),
    "not-reached": ("NOT REACHED", "unknown"),
    "unknown": ("NOT DECIDED", "unknown"),
}
_HEADS = ("target", "predicted connector", "keywords before TLS", "what is needed")


def probe_screen(
    source: str,
    sender: ServerView,
    results: Sequence[ProbeResult],
    cells: int = 80,
    *,
    colour: bool = False,
) -> str:
    """The results as text.

    Args:
        source: as it was named; the next command has it.
        sender: who sent EHLO.
        results: of each target.
        cells: columns of the terminal; text wraps within it.
        colour: whether the terminal understands ANSI colours.
    """
    room = max(cells, LABEL + 40)
    label, tone = _LABELS[state_of(results)]
    lines = verdict(label, [summary(sender, results)], room, tone, colour=colour)
    hello = next((result.attempt.observed.hello for result in results), "")
    when = next((result.attempt.observed.written for result in results), None)
    asked = f"{sender.name}, EHLO {hello} and QUIT, nothing else"
    lines += block("SENT BY", [f"{asked}, {clock(when)}" if when else asked], room)
    if results:
        rows = [tuple(map(one_line, _row(result))) for result in results]
        lines += ["", grid(_HEADS, rows, (False,) * len(_HEADS), room)]
    if any(result.notes for result in results):
        lines += ["", *block("ALSO", _notes(results), room)]
    after = list(_next(source, results))
    if after:
        lines += ["", *commands("NEXT", after)]
    return "\n".join(lines)


def _row(result: ProbeResult) -> tuple[str, str, str, str]:
    observed = result.attempt.observed
    address = observed.address or "(no address)"
    address = f"[{address}]" if ":" in address else address
    words = ", ".join(keywords_that_matter(observed))
    if not observed.complete:
        words = f"{words} (partial)" if words else "not known"
    return (
        f"{result.target.view.name} {address}:{result.target.port}",
        result.connector or f"not known: {result.unknown}",
        words or "none of these",
        result.why,
    )


def _notes(results: Sequence[ProbeResult]) -> Iterator[str]:
    """Each note once, behind the names of all targets that it is about."""
    names: dict[str, list[str]] = {}
    for result in results:
        for note in result.notes:
            names.setdefault(note, []).append(result.target.view.name)
    for note, of in names.items():
        yield f"{joined(of)}: {note}"


def _next(source: str, results: Sequence[ProbeResult]) -> Iterator[str]:
    states = {result.state for result in results}
    if "lacks" in states:
        yield f"mailflow diagnose {source}"
