"""Step 7: what to do, in order, with the commands for the way back."""

from __future__ import annotations

from mailflow.steps.verdict import Diagnosis
from mailflow.table import Table

_COLUMNS = {
    "step": ("Step", "in this order"),
    "command": (
        "Command",
        "PowerShell for the Exchange Management Shell; nothing is run from here",
    ),
    "why": ("Why", "what it does"),
}


def remedy(found: Diagnosis) -> Table:
    """The repair, the delivery and the undo of everything that was found.

    Columns of the frame: step (Int64), command, why (string), and for code: kind (`repair`,
    `deliver`, `undo`).
    """
    import pandas as pd

    repairs = [one for one in found.repair if not one.startswith("Retry-Queue")]
    retries = [one for one in found.repair if one.startswith("Retry-Queue")]
    rows = [
        *(("repair", one, "repair") for one in repairs),
        *(("deliver", one, "deliver at once instead of at the next retry") for one in retries),
        *(("undo", one, "undo: the list as it was, to keep at hand") for one in found.undo),
    ]
    frame = pd.DataFrame(
        [
            {"step": number, "command": command, "why": why, "kind": kind}
            for number, (kind, command, why) in enumerate(rows, start=1)
        ],
        columns=["step", "command", "why", "kind"],
    ).astype({"step": "Int64"})
    words = [one.remedy for one in found.findings if one.state in ("found", "unknown")]
    return Table(
        name="remedy",
        frame=frame,
        caption="The repair, then the delivery, then the way back.",
        columns=_COLUMNS,
        reading=" ".join(dict.fromkeys(word for word in words if word)),
        empty="There is no command to give." if words else "There is nothing to repair.",
    )
