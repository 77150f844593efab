"""The tables of the runbook for a new server: differences, commands, remaining differences."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, repeat

from mailflow.exchange.ranges import format_range
from mailflow.phrases import joined
from mailflow.picture import Ruler
from mailflow.table import Table
from mailflow.views.twin_picture import rulers_now, rulers_then
from mailflow.views.twin_report import TwinGroup, TwinReport

_DIFFERENCES = {
    "endpoint": ("Endpoint", "the port, and the local addresses where they matter"),
    "addresses": ("Hosts", "remote addresses that are treated alike on each server"),
    "size": ("Addresses", "how many"),
    "a": ("On A", "the receive connector that accepts them now"),
    "b": ("On B", "the receive connector that would accept them"),
    "loses": ("Lose", "what these hosts could no longer do"),
    "gains": ("Gain", "what they may do in addition"),
    "unknown": ("Undetermined", "missing data: what could not be determined"),
}
_STEPS = {
    "step": ("Step", "in this order"),
    "command": ("Command", "PowerShell for the Exchange Management Shell"),
    "why": ("What it does", "and the commands below it, up to the next text"),
}
_ROLLBACK = {"command": ("Command", "in this order")}
_NOTES = {
    "text": ("Note", "what to know, or to decide"),
    "command": ("Command", "what to type for it"),
}


def twin_differences(found: TwinReport) -> Table:
    """What differs between the two servers now, what is lost first.

    Columns of the frame: endpoint, addresses (string), size (object, integers), a, b, loses, gains,
    unknown (string).
    """
    return _differences(
        found.groups,
        name="twin_differences",
        caption=f"Hosts that {found.b} treats differently from {found.a}.",
        reading=found.summary,
        empty="Nothing: every host is treated alike.",
        pictures=rulers_now(found),
    )


def twin_result(found: TwinReport) -> Table:
    """What would differ after the commands. Columns as in `twin_differences`."""
    said = [found.proven, *found.plan.kept, *found.plan.refused]
    return _differences(
        found.left,
        name="twin_result",
        caption=f"What would still differ on {found.b} after the commands.",
        reading="\n".join(said),
        empty="Nothing.",
        pictures=rulers_then(found),
    )


def _differences(
    groups: Sequence[TwinGroup],
    *,
    name: str,
    caption: str,
    reading: str,
    empty: str,
    pictures: tuple[Ruler, ...],
) -> Table:
    import pandas as pd

    rows = [
        {
            "endpoint": group.endpoint,
            "addresses": joined(map(format_range, group.blocks)),
            "size": group.size,
            "a": group.a,
            "b": group.b,
            "loses": joined(group.effect.loses, most=99),
            "gains": joined(group.effect.gains, most=99),
            "unknown": "" if group.is_certain else group.why,
        }
        for group in groups
    ]
    frame = pd.DataFrame(rows, columns=list(_DIFFERENCES)).astype({"size": "object"})
    tones = {
        (place, "unknown" if row["unknown"] else "loses"): "unknown" if row["unknown"] else "bad"
        for place, row in enumerate(rows)
        if row["unknown"] or row["loses"]
    }
    columns = dict(_DIFFERENCES)
    if all(group.is_certain for group in groups):
        del columns["unknown"]  # it would be empty
    return Table(
        name, frame, caption, columns, reading, tones=tones, empty=empty, pictures=pictures
    )


def twin_commands(found: TwinReport) -> Table:
    """What to run for B, in order. Columns of the frame: step (Int64), command, why (string)."""
    import pandas as pd

    lines = list(
        chain.from_iterable(
            zip(step.commands, chain([step.text], repeat("")), strict=False)
            for step in found.plan.steps
        )
    )
    frame = pd.DataFrame(
        [{"step": n, "command": line, "why": why} for n, (line, why) in enumerate(lines, 1)],
        columns=list(_STEPS),
    ).astype({"step": "Int64"})
    return Table(
        name="twin_commands",
        frame=frame,
        caption=f"Commands that make {found.b} treat hosts as {found.a} does. Nothing is run here.",
        columns=_STEPS,
        reading="\n".join(filter(None, (found.proven, found.warning))),
        empty="There is no command to run.",
    )


def twin_rollback(found: TwinReport) -> Table:
    """What undoes the commands, the last step first. Column of the frame: command (string)."""
    import pandas as pd

    return Table(
        name="twin_rollback",
        frame=pd.DataFrame({"command": list(found.plan.rollback)}, columns=list(_ROLLBACK)),
        caption="Rollback only: restores what was there before.",
        columns=_ROLLBACK,
        reading="",
        empty="Nothing to roll back.",
    )


def twin_further(found: TwinReport) -> Table:
    """What else to know before mail moves. Columns of the frame: text, command (string)."""
    import pandas as pd

    rows = [{"text": note.text, "command": note.command} for note in found.notes]
    return Table(
        name="twin_further",
        frame=pd.DataFrame(rows, columns=list(_NOTES)),
        caption=(
            "Send connectors, RemoteIPRanges that contain the new server, and addresses that "
            "forward connections."
        ),
        columns=_NOTES,
        reading="",
        empty="Nothing else was found.",
    )
