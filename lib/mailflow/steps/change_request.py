"""The proposed change as a change board reads it: what it is, what else there is, what to type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mailflow.analysis.change import Edit, taken_off
from mailflow.analysis.paths import SHADOWED
from mailflow.exchange import commands
from mailflow.exchange.ranges import format_range
from mailflow.phrases import joined
from mailflow.repair.alternatives import alternatives
from mailflow.repair.claim import Proof
from mailflow.steps.verdict import Diagnosis
from mailflow.table import Table


def proposed_change(found: Diagnosis, proof: Proof) -> Table:
    """The smallest change of RemoteIPRanges that repairs what was found, connector by connector.

    Columns of the frame: connector, off, on, old, new (string).
    """
    import pandas as pd

    said = [
        *(str(one) for one in proof.changes),
        *(f"Not proposed: {one.text}" for one in proof.refused),
    ]
    return Table(
        name="proposed_change",
        frame=pd.DataFrame(map(_change_row, proof.changes), columns=list(_CHANGE)),
        caption="The smallest change of lists that brings the servers where they are let in.",
        columns=_CHANGE,
        reading="\n".join(said),
        empty=_why_none(found, proof),
    )


def other_ways(found: Diagnosis) -> Table:
    """What else would end the fault, and why it is worse; none is chosen for anybody.

    Columns of the frame: instead, why (string).
    """
    import pandas as pd

    rows = alternatives(
        each.connector
        for each in found.findings
        if (each.cause, each.state) == (SHADOWED, "found") and each.connector
    )
    return Table(
        name="other_ways",
        frame=pd.DataFrame(rows, columns=list(_OTHER)),
        caption="Other ways to the same end, each worse.",
        columns=_OTHER,
        reading="None of them is chosen here." if rows else "",
        empty="There is no other way to name.",
    )


def change_commands(proof: Proof, queues: Iterable[str] = ()) -> Table:
    """The commands of the change: rehearse, repair, deliver, and the way back.

    Columns of the frame: step (Int64), command, why (string).

    Args:
        proof: of the changes.
        queues: identities of the stuck queues.
    """
    import pandas as pd

    rows = list(_commands(proof, queues))
    frame = pd.DataFrame(
        [{"step": n, "command": command, "why": why} for n, (command, why) in enumerate(rows, 1)],
        columns=list(_COMMANDS),
    ).astype({"step": "Int64"})
    return Table(
        name="change_commands",
        frame=frame,
        caption="What to type: rehearse it, do it, deliver; and the way back.",
        columns=_COMMANDS,
        reading="\n".join(_of_undo(proof.changes)),
        empty="There is no command to give.",
    )


_CHANGE = {
    "connector": ("Connector", "whose RemoteIPRanges are changed"),
    "off": ("Take off", "addresses it no longer lists"),
    "on": ("Put on", "addresses it lists anew"),
    "old": ("List now", "as it was read"),
    "new": ("List then", "the whole new list"),
}
_OTHER = {
    "instead": ("Instead", "what could be done"),
    "why": ("Why it is worse", "and where that is known from"),
}
_COMMANDS = {
    "step": ("Step", "in this order"),
    "command": ("Command", "PowerShell for the Exchange Management Shell"),
    "why": ("Why", "what it does"),
}


def _change_row(one: Edit) -> dict[str, str]:
    return {
        "connector": one.identity,
        "off": joined(map(format_range, taken_off(one.before.ranges, one.ranges))) or "nothing",
        "on": joined(map(format_range, taken_off(one.ranges, one.before.ranges))) or "nothing",
        "old": ", ".join(map(str, one.before.ranges)),
        "new": ", ".join(map(str, one.ranges)),
    }


def _why_none(found: Diagnosis, proof: Proof) -> str:
    if proof.refused:
        return "None is proposed."
    if found.verdict == "clear":
        return "None is called for: nothing is wrong."
    return "None is called for: what is wrong lies elsewhere, or is not known."


def _commands(proof: Proof, queues: Iterable[str]) -> Iterator[tuple[str, str]]:
    for one in proof.changes:
        if one.rehearsal:
            yield one.rehearsal, "rehearse: says what it would do, and does nothing"
    for one in proof.changes:
        if one.command:
            yield one.command, "repair"
    for identity in queues:
        yield commands.retry(identity), "deliver at once instead of at the next retry"
    for one in reversed(proof.changes):
        if one.undo:
            yield one.undo, "way back: the list as it was, to keep at hand"


def _of_undo(changes: Iterable[Edit]) -> Iterator[str]:
    for one in changes:
        if one.undo_refusal:
            yield (
                f"Once changed, {one.identity} can't get its old list back: Exchange would refuse "
                f"it today: {one.undo_refusal}"
            )
