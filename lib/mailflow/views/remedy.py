"""Step 7: what to do, in order. The rollback is not a step and has its own table."""

from __future__ import annotations

from mailflow.table import Table
from mailflow.views.verdict import Diagnosis

_COLUMNS = {
    "step": ("Step", "in this order"),
    "command": (
        "Command",
        "PowerShell for the Exchange Management Shell; nothing is run from here",
    ),
    "why": ("Why", "what it does"),
}


def remedy(found: Diagnosis) -> Table:
    """The one repair of everything that was found, then the retry of the stuck queues.

    Columns of the frame: step (Int64), command, why (string), and for code: kind (`repair`,
    `retry`).
    """
    import pandas as pd

    whys = {edit.command: str(edit) for edit in found.plan.edits} if found.plan else {}
    rows = [
        {
            "step": number,
            "command": command,
            "why": whys.get(command, "retry the queue now"),
            "kind": "repair" if command in whys else "retry",
        }
        for number, command in enumerate(found.repair, start=1)
    ]
    words = [step.text for step in found.next_steps if step.text]
    return Table(
        name="remedy",
        frame=pd.DataFrame(rows, columns=["step", "command", "why", "kind"]).astype(
            {"step": "Int64"}
        ),
        caption="Repair, then retry.",
        columns=_COLUMNS,
        reading="\n".join(
            "\n".join(filter(None, (step.text, step.command))) for step in found.next_steps
        ),
        empty="No command can be generated." if words else "There is nothing to repair.",
    )
