"""The proposed change as a change board reads it: what it is, what else there is, what to type."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import cast

from mailflow.analysis.assessment import SHADOWED
from mailflow.analysis.change import Change, Edit, printed, taken_off
from mailflow.exchange import commands
from mailflow.exchange.ranges import AddressRange, format_range
from mailflow.phrases import joined
from mailflow.repair.alternatives import alternatives
from mailflow.repair.claim import Proof
from mailflow.repair.wording import WHEN_TO_ROLL_BACK, current_and_new, is_long, may_be_refused
from mailflow.table import Table
from mailflow.views.verdict import Diagnosis


def proposed_change(found: Diagnosis, proof: Proof) -> Table:
    """The smallest change that repairs what was found, parameter by parameter.

    Columns of the frame: connector, parameter, off, on, old, new (string).
    """
    import pandas as pd

    said = [
        *(str(edit) for edit in proof.changes),
        *(f"Not proposed: {each.words}" for each in proof.refused),
    ]
    rows = [_change_row(change) for edit in proof.changes for change in edit.changes]
    return Table(
        name="proposed_change",
        frame=pd.DataFrame(rows, columns=list(_CHANGE)),
        caption="Proposed change (minimal).",
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
        caption="Alternatives, and why they are worse.",
        columns=_OTHER,
        reading="",
        empty="No alternatives.",
    )


def change_commands(proof: Proof, queues: Iterable[str] = ()) -> Table:
    """The commands of the change, in order: dry run, repair, retry. `rollback` has the others.

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
        caption="Commands: dry run, repair, retry the queues.",
        columns=_COMMANDS,
        reading="",
        empty="No command can be generated." if proof.refused else "There is no command to run.",
    )


def rollback(proof: Proof) -> Table:
    """What restores the old values, the last change first; it is no step of the repair.

    Columns of the frame: command, why (string).
    """
    import pandas as pd

    rows = [
        {"command": edit.undo, "why": f"restores {joined(edit.parameters)} of {edit.identity}"}
        for edit in reversed(proof.changes)
        if edit.undo
    ]
    return Table(
        name="rollback",
        frame=pd.DataFrame(rows, columns=list(_ROLLBACK)),
        caption=WHEN_TO_ROLL_BACK,
        columns=_ROLLBACK,
        reading="\n".join(_without_rollback(proof.changes)),
        empty="Nothing to roll back.",
    )


_CHANGE = {
    "connector": ("Connector", "that is changed"),
    "parameter": ("Parameter", "of Set-ReceiveConnector"),
    "off": ("Remove", "what it no longer has"),
    "on": ("Add", "what it has in addition"),
    "old": ("Current", "the value as it was read"),
    "new": ("New", "the whole new value"),
}
_OTHER = {
    "instead": ("Instead", "what could be done"),
    "why": ("Why it is worse", ""),
}
_COMMANDS = {
    "step": ("Step", "in this order"),
    "command": ("Command", "PowerShell for the Exchange Management Shell"),
    "why": ("Why", "what it does"),
}
_ROLLBACK = {
    "command": ("Command", "PowerShell for the Exchange Management Shell, in this order"),
    "why": ("Effect", "what it does"),
}


def _change_row(change: Change) -> dict[str, str]:
    old, new = current_and_new(change)
    off, on = _gone_and_come(change)
    return {
        "connector": change.identity,
        "parameter": change.parameter,
        "off": off,
        "on": on,
        "old": old,
        "new": new,
    }


def _gone_and_come(change: Change) -> tuple[str, str]:
    """Of ranges the addresses, of lists and flags the elements; a single value has none."""
    if change.old is None or isinstance(change.new, bool | str):
        return "", ""
    if change.parameter == "RemoteIPRanges":
        old = cast("tuple[AddressRange, ...]", change.old)
        new = cast("tuple[AddressRange, ...]", change.new)
        pairs = taken_off(old, new), taken_off(new, old)
        gone, come = (joined(map(format_range, blocks)) for blocks in pairs)
    else:
        before, after = (_elements(printed(value)) for value in (change.old, change.new))
        gone = joined(each for each in before if each not in after)
        come = joined(each for each in after if each not in before)
    return gone or "nothing", come or "nothing"


def _elements(value: list[str] | str | bool) -> list[str]:
    texts = value if isinstance(value, list) else str(value).split(", ")
    return [text for text in texts if text != "None"]


def _why_none(found: Diagnosis, proof: Proof) -> str:
    if proof.refused:
        return "No change is proposed."
    if found.verdict == "clear":
        return "No change is needed: no fault was found."
    return "No change is proposed: the fault lies outside the receive connectors, or is unknown."


def _commands(proof: Proof, queues: Iterable[str]) -> Iterator[tuple[str, str]]:
    for edit in proof.changes:
        if edit.rehearsal:
            yield edit.rehearsal, "dry run: shows what it would do, and changes nothing"
    for edit in proof.changes:
        if edit.command:
            yield edit.command, " ".join(["Repair.", str(edit), *_beside(edit)])
    for identity in queues:
        yield commands.retry(identity), "retry now instead of at the next automatic retry"


def _beside(edit: Edit) -> Iterator[str]:
    """What goes and what comes of a long list, and whether Exchange may refuse it."""
    for change in filter(is_long, edit.changes):
        current, new = current_and_new(change)
        yield f"{change.parameter}: {current} -> {new}."
    if edit.may_be_refused:
        yield may_be_refused(edit)


def _without_rollback(edits: Iterable[Edit]) -> Iterator[str]:
    for edit in edits:
        if edit.undo_refusal:
            yield (
                f"{edit.identity} cannot be rolled back: Exchange would refuse its current values: "
                f"{edit.undo_refusal}"
            )
