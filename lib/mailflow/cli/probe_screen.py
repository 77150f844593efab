"""What targets offer a sender, on a screen: the answer first, then a row for each target."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailflow.phrases import clock, joined
from mailflow.picture import Tone
from mailflow.plain import grid, one_line
from mailflow.show.blocks import LABEL, block, commands, verdict
from mailflow.views.probe import OfferState, Probed, ProbeResult, keywords_that_matter

_LABELS: dict[OfferState, tuple[str, Tone]] = {
    "offers": ("OFFERED", "good"),
    "lacks": ("NOT OFFERED", "bad"),
    "not-reached": ("NOT REACHED", "unknown"),
    "unknown": ("INCONCLUSIVE", "unknown"),
}
_HEADS = ("target", "predicted connector", "keywords before TLS", "what is needed")


def probe_screen(found: Probed, cells: int = 80, *, colour: bool = False) -> str:
    """The results as text.

    Args:
        found: the results; there is at least one.
        cells: columns of the terminal; text wraps within it.
        colour: whether the terminal understands ANSI colours.
    """
    room = max(cells, LABEL + 40)
    label, tone = _LABELS[found.state]
    lines = verdict(label, [found.summary], room, tone, colour=colour)
    first = found.results[0].attempt.observed
    sent = f"{found.sender}, EHLO {first.hello} and QUIT, nothing else"
    times = [each.attempt.observed.written for each in found.results]
    when = next((time for time in times if time), None)
    lines += block("SENT BY", [f"{sent}, {clock(when)}" if when else sent], room)
    rows = [tuple(map(one_line, _row(result))) for result in found.results]
    lines += ["", grid(_HEADS, rows, (False,) * len(_HEADS), room)]
    if any(result.notes for result in found.results):
        lines += ["", *block("ALSO", _notes(found.results), room)]
    if found.state == "lacks":
        lines += ["", *commands("NEXT", [f"mailflow diagnose {found.source}"])]
    return "\n".join(lines)


def _row(result: ProbeResult) -> tuple[str, str, str, str]:
    observed = result.attempt.observed
    address = observed.address or "(no address)"
    address = f"[{address}]" if ":" in address else address
    words = ", ".join(keywords_that_matter(observed))
    if not observed.complete:
        words = f"{words} (partial)" if words else "unknown"
    return (
        f"{result.target.view.name} {address}:{result.target.port or '?'}",
        result.connector or f"undetermined: {result.unknown}",
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
