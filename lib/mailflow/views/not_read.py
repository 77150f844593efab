"""The last step: what could not be read, what was not looked at, and how the rest was read."""

from __future__ import annotations

from mailflow.phrases import joined
from mailflow.snapshot import Read, Snapshot
from mailflow.table import Table

_COLUMNS = {
    "server": ("Server", "the server concerned; any: unknown which"),
    "what": ("What", "the cmdlet, or the property"),
    "why": ("Why", "with file and place"),
}


def not_read(org: Snapshot) -> Table:
    """Missing data: it may turn a verdict to inconclusive, never to one without a fault.

    Columns of the frame: server, what, why (string).
    """
    import pandas as pd

    rows = [(row.server or "any", row.what, row.why) for row in org.unread]
    ignored = joined(f"{what} ({place})" for what, place in org.ignored)
    notes = [f"Exports of other cmdlets, not needed here: {ignored}."] if ignored else []
    if org.reads:
        notes += ["How each server was read:", *map(_line, org.reads)]
    return Table(
        name="not_read",
        frame=pd.DataFrame(rows, columns=list(_COLUMNS)),
        caption="Missing data.",
        columns=_COLUMNS,
        reading="\n".join(notes),
        tones={(row, "why"): "unknown" for row in range(len(rows))},
        empty="None: everything that was there could be read.",
    )


def _line(read: Read) -> str:
    """`EX10A: ok, asked itself (session http://ex10a.contoso.example/PowerShell/), 1.2 s`."""
    return f"{read.server}: {read.outcome}, {read.how}, {read.seconds:.1f} s"
