"""What came of a repair: where everything stands, in words, as tables, as JSON, as an exit code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from mailflow.analysis.change import Parameter, SettingValue, in_words
from mailflow.apply.entry import ConnectorEntry, Note, QueueEntry
from mailflow.apply.work import Carried
from mailflow.exchange import commands
from mailflow.phrases import counted, joined
from mailflow.picture import MailFlow
from mailflow.repair.claim import Proof
from mailflow.snapshot import Snapshot, Unread
from mailflow.table import Table
from mailflow.views.behaviour import compare
from mailflow.views.findings import findings
from mailflow.views.mail_flow import after_repair, flow_of
from mailflow.views.verdict import Diagnosis

RepairState = Literal[
    "nothing to repair",
    "no change proposed",
    "proposed",
    "refused",
    "verified",
    "done, not verified",
    "done in part",
]

EXIT_CODES: Mapping[RepairState, int] = {
    "proposed": 1,
    "refused": 1,
    "done, not verified": 2,
    "done in part": 2,
}
"""By the contract, section 4; the other states end by the verdict. Where a change was looked for
and is not proposed it is 1."""

_LEFT = {
    "drained": "is empty",
    "moving": "is draining",
    "stuck": "is in Retry again",
    "retried": "was retried, and is not seen to move yet",
    "denied": "was not retried, because this account may not; Exchange retries it by itself",
    "suspended": "is suspended",
    "not known": "could not be read",
    "waiting": "was not retried",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where a repair stands.

    Attributes:
        before: the organization that it was proven from.
        found: what was wrong there.
        proof: of everything that is proposed.
        carried: what was done; None where nobody asked for it.
        queues: the stuck queues that are to be retried.
        now: what is wrong afterwards; None where it was not read again.
        why_not: why it can't be applied here, or was not; empty where nothing is to be said.
        flow: the picture of before, and of what the repair does or did.
    """

    before: Snapshot
    found: Diagnosis
    proof: Proof
    carried: Carried | None = None
    queues: tuple[str, ...] = ()
    now: Diagnosis | None = None
    why_not: str = ""
    flow: MailFlow | None = field(default=None, repr=False, compare=False)

    @property
    def connectors(self) -> Sequence[ConnectorEntry]:
        """What was done to each connector; empty where nothing was begun."""
        journal = self.carried.journal if self.carried else None
        return journal.connectors if journal else ()

    @property
    def watched(self) -> Sequence[QueueEntry]:
        """What became of each queue; empty where nothing was begun."""
        journal = self.carried.journal if self.carried else None
        return journal.queues if journal else ()

    @property
    def state(self) -> RepairState:
        """Where it stands as a whole."""
        notes = {entry.note for entry in self.connectors}
        if not self.proof.changes and not self.connectors:
            is_clear = self.found.verdict == "clear" and not self.proof.refused
            return "nothing to repair" if is_clear else "no change proposed"
        if not notes - {"not begun", "refused"}:
            tried = self.carried is not None and (self.carried.refused or self.carried.stopped)
            return "refused" if tried else "proposed"
        stuck = any(entry.state not in ("drained", "moving") for entry in self.watched)
        if self._left_out or notes & {"not begun", "refused"}:
            return "done in part"
        return "verified" if notes == {"verified"} and not stuck else "done, not verified"

    @property
    def exit_code(self) -> int:
        """By the contract, section 4."""
        if self.state == "no change proposed" and self.proof.refused:
            return 1
        return EXIT_CODES.get(self.state, (self.now or self.found).exit_code)

    @property
    def diagnosis(self) -> Diagnosis:
        """The findings as they are now, under the headline and summary of the repair."""
        latest = self.now or self.found
        if not self._names:
            return replace(latest, summary=self.summary, undo=(), flow=self.flow)
        rows = tuple(Unread("", "verification", text) for text in self._against)
        verdict = latest.verdict
        if verdict == "clear" and rows:
            verdict = "unknown"
        return replace(
            latest,
            verdict=verdict,
            headline=self.headline,
            summary=self.summary,
            unread=(*latest.unread, *rows),
            repair=self.repair,
            undo=self.undo,
            flow=self.flow,
        )

    @property
    def headline(self) -> str:
        """One line."""
        names = joined(self._names)
        if not names:
            return self.found.headline
        return {
            "proposed": f"Change request: {names}",
            "refused": f"Nothing was changed: {names}",
            "verified": f"Repaired and verified: {names}",
            "done, not verified": f"Changed, not verified: {names}",
            "done in part": f"Changed in part: {names}",
        }[self.state]

    @property
    def summary(self) -> str:
        """What was done and what it does, in a few sentences."""
        return " ".join(part for part in self._sentences() if part)

    @property
    def repair(self) -> tuple[str, ...]:
        """The commands that are still to be run."""
        standing = {entry.connector: entry.note for entry in self.connectors}
        todo = [
            edit.command
            for edit in self.proof.changes
            if standing.get(edit.identity, "not begun") in ("not begun", "refused", "begun")
        ]
        retry = self.queues
        if self.watched:
            retry = tuple(
                entry.queue for entry in self.watched if entry.state in ("stuck", "waiting")
            )
        return (*filter(None, todo), *map(commands.retry, retry))

    @property
    def undo(self) -> tuple[str, ...]:
        """The commands of the rollback, the last change first."""
        if not self.connectors:
            return tuple(edit.undo for edit in reversed(self.proof.changes) if edit.undo)
        done = [
            entry
            for entry in self.connectors
            if entry.note not in ("not begun", "refused", "put back")
        ]
        return tuple(entry.undo for entry in reversed(done) if entry.undo)

    def table(self) -> Table:
        r"""Each connector and each queue, and where it stands.

        Columns of the frame: what (`EX16A\Relay`, `EX10A\1187`), state, before, now, note (string).
        """
        import pandas as pd

        rows = [*map(_connector_row, self.connectors), *map(_queue_row, self.watched)]
        return Table(
            name="outcome",
            frame=pd.DataFrame(rows, columns=list(_COLUMNS)),
            caption="Actions and status.",
            columns=_COLUMNS,
            reading=self.summary,
            tones={
                (place, "state"): _TONES.get(row["state"], "unknown")
                for place, row in enumerate(rows)
            },
            empty="Nothing was changed.",
        )

    def difference(self) -> Table:
        """Before and after compared by what they do: what changed, whoever changed it.

        In a verified repair what is certain was proven before, and is no alarm.

        Columns of the frame: those of `Comparison.table`.
        """
        after = self.carried.after if self.carried else None
        found = compare(self.before, after or self.before).table()
        caption = "Differences after the change (from any cause)."
        if after is None:
            return replace(
                found,
                caption=caption,
                reading="",
                empty="No re-read took place (nothing was changed).",
            )
        tones = found.tones
        if self.state == "verified":
            tones = {place: tone for place, tone in tones.items() if tone != "bad"}
        return replace(found, caption=caption, tones=tones)

    def as_json(self) -> dict[str, Any]:
        """The findings with one more key, `apply`: the document of a run of fix_and_verify."""
        return self.diagnosis.as_json() | {
            "apply": {
                "state": self.state,
                "exit_code": self.exit_code,
                "why": self._reason or None,
                "connectors": [
                    {"connector": entry.connector, "state": entry.note, "why": entry.why or None}
                    for entry in self.connectors
                ],
                "queues": [
                    {
                        "queue": entry.queue,
                        "state": entry.state,
                        "messages": entry.left,
                        "why": entry.why or None,
                    }
                    for entry in self.watched
                ],
            }
        }

    @property
    def _reason(self) -> str:
        if self.carried is None:
            return self.why_not
        return self.carried.refused or self.carried.stopped

    @property
    def _against(self) -> list[str]:
        """What keeps it from being verified."""
        if self.carried is None or self.state in ("proposed", "refused", "verified"):
            return []
        connectors = [f"{entry.connector}: {entry.why}" for entry in self.connectors if entry.why]
        queues = [
            f"{entry.queue} {_LEFT[entry.state]}{f': {entry.why}' if entry.why else ''}"
            for entry in self.watched
            if entry.state not in ("drained", "moving")
        ]
        left = [f"{name} was not confirmed" for name in self._left_out]
        return [*filter(None, [self.carried.stopped]), *connectors, *left, *queues]

    @property
    def _names(self) -> list[str]:
        """The connectors that are proposed, or were changed by a repair that went on."""
        known = [
            *(edit.identity for edit in self.proof.changes),
            *(entry.connector for entry in self.connectors),
        ]
        return list(dict.fromkeys(known))

    @property
    def _left_out(self) -> list[str]:
        """The connectors that are proposed, and were not confirmed."""
        begun = {entry.connector for entry in self.connectors}
        return [edit.identity for edit in self.proof.changes if edit.identity not in begun]

    def _sentences(self) -> Sequence[str]:
        if not self._names:
            refused = [f"Not proposed: {refusal.words}" for refusal in self.proof.refused]
            other = "" if refused or self.state == "nothing to repair" else "No change is proposed."
            return [self.found.summary, *refused, other]
        if self.state in ("proposed", "refused"):
            reason = f": {self._reason}" if self._reason else ""
            return [_sentence(f"Nothing was changed{reason}"), self.proof.summary]
        done = [
            f"{entry.connector}: {_WORDS[entry.note]}{f' ({entry.why})' if entry.why else ''}."
            for entry in self.connectors
        ]
        queues = [f"{entry.queue} {_LEFT[entry.state]}{_count(entry)}." for entry in self.watched]
        stopped = _sentence(self._reason)
        claim = ""
        if self.state == "verified":
            claim = "No other host is affected."
            if self.proof.moved:
                claim = "Nothing changed that was not proven."
        other = ""
        if self.state == "verified" and self.now is not None and self.now.verdict != "clear":
            other = f"What is left: {self.now.summary}"
        return [f"It stopped: {stopped}" if stopped else "", *done, claim, *queues, other]


_WORDS: Mapping[Note, str] = {
    "not begun": "not begun",
    "begun": "could not determine whether it was changed",
    "done": "changed and read back, not verified",
    "verified": "changed and verified",
    "refused": "not changed",
    "going back": "could not determine whether it was rolled back",
    "put back": "rolled back",
}
_TONES = dict.fromkeys(("verified", "drained"), "good") | dict.fromkeys(
    ("refused", "denied", "stuck", "suspended", "begun"), "bad"
)
_COLUMNS = {
    "what": ("Connector or queue", "what was changed, or retried"),
    "state": ("State", "as the server showed it last"),
    "before": ("Before", "the old values, or how many messages waited"),
    "now": ("Now", "the same afterwards"),
    "note": ("Note", "further details"),
}


def outcome(  # noqa: PLR0913 - all that came of it
    org: Snapshot,
    found: Diagnosis,
    proof: Proof,
    carried: Carried | None = None,
    *,
    queues: Sequence[str] = (),
    why_not: str = "",
    min_messages: int = 1,
) -> Outcome:
    """What came of it, with the findings of what was read afterwards."""
    now = after = None
    if carried is not None and carried.after is not None:
        read = replace(carried.after, only=org.only)
        now = findings(read, min_messages=min_messages)
        after = flow_of(read, found.flow, "Now, as read again", min_messages)
    elif found.plan is not None:
        after = after_repair(org, found.flow, found.plan)
    made = Outcome(org, found, proof, carried, tuple(queues), now, why_not)
    if found.flow is None:
        return made
    is_past = made.state == "verified"
    return replace(made, flow=replace(found.flow, after=after, is_past=is_past))


def _connector_row(entry: ConnectorEntry) -> dict[str, str]:
    now = entry.new if entry.note in ("done", "verified") else entry.old
    state = {"done": "done, not verified", "put back": "rolled back"}.get(entry.note, entry.note)
    return {
        "what": entry.connector,
        "state": state,
        "before": _values(entry.old),
        "now": "unknown" if entry.note in ("begun", "going back") else _values(now),
        "note": entry.why,
    }


def _values(values: Mapping[Parameter, SettingValue]) -> str:
    return "; ".join(f"{name}: {in_words(value)}" for name, value in values.items())


def _queue_row(entry: QueueEntry) -> dict[str, str]:
    return {
        "what": entry.queue,
        "state": "unknown" if entry.state == "not known" else entry.state,
        "before": "" if entry.before is None else counted(entry.before, "message"),
        "now": "unknown" if entry.left is None else counted(entry.left, "message"),
        "note": entry.why,
    }


def _count(entry: QueueEntry) -> str:
    said = [f"{counted(entry.left, 'message')} left"] if entry.left else []
    said += [entry.why] if entry.state in ("denied", "suspended", "not known") and entry.why else []
    return f" ({'; '.join(said)})" if said else ""


def _sentence(text: str) -> str:
    return text if not text or text.endswith((".", ":")) else f"{text}."
