"""What findings are measured by beside the rules: what is accepted, and an earlier run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

from mailflow.checks.check import Finding
from mailflow.phrases import counted, joined
from mailflow.plain import one_line
from mailflow.repair.plan import Repair
from mailflow.snapshot import Snapshot
from mailflow.views.accepted import (
    AcceptedEntry,
    Parted,
    sort_out,
)
from mailflow.views.accepted_file import read_accepted
from mailflow.views.since import EarlierRun, compared, read_since
from mailflow.views.telling import told
from mailflow.views.verdict import AcceptedRecord, Diagnosis

WORD = "all accepted"
"""Over the summary where everything that is found is accepted."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The two files that a nightly run is given.

    Attributes:
        accepted: the entries of accepted findings.
        before: the findings of an earlier run; None: none was named.
    """

    accepted: tuple[AcceptedEntry, ...] = ()
    before: EarlierRun | None = None

    @classmethod
    def read(cls, accepted: str, since: str) -> Self:
        """Both by name; an empty name stands for none.

        Raises:
            InputError: one cannot be read, or says what is unknown.
        """
        return cls(
            read_accepted(Path(accepted).expanduser()) if accepted else (),
            read_since(Path(since).expanduser()) if since else None,
        )

    def part(self, findings: Sequence[Finding]) -> Parted:
        """Part findings by what is accepted."""
        before = self.before.accepted_prints if self.before else None
        return sort_out(findings, self.accepted, earlier=before)

    def on(
        self,
        diagnosis: Diagnosis,
        parted: Parted,
        org: Snapshot,
        *,
        lacks: bool,
        further: str = "",
    ) -> Diagnosis:
        """A diagnosis of what counts, with what is accepted, and compared with the earlier run.

        Args:
            diagnosis: of what counts alone.
            parted: what it was made of.
            org: the snapshot it was made of.
            lacks: whether something was not read that could have shown a fault.
            further: what a clear verdict says besides, with a blank before it.
        """
        plan = diagnosis.plan or Repair()
        records = tuple(
            AcceptedRecord(
                told(finding, plan, diagnosis.unread),
                finding.check.card.title,
                entry.reason,
                entry.until.isoformat() if entry.until else "",
            )
            for finding, entry in parted.accepted
        )
        result = replace(diagnosis, accepted=records, accepted_notes=parted.notes)
        if records:
            result = _beside_accepted(result, further)
        if self.before is None:
            return result
        return compared(result, self.before, org, lacks=lacks)


def _beside_accepted(diagnosis: Diagnosis, further: str) -> Diagnosis:
    """The verdict is of the rest: it must not read as if there was nothing else."""
    places: dict[str, list[str]] = {}
    for each in diagnosis.accepted:
        places.setdefault(each.title, []).append(each.place)
    where = "; ".join(f"{title} ({joined(names)})" for title, names in places.items())
    are = "is" if len(diagnosis.accepted) == 1 else "are"
    said = one_line(f"{counted(len(diagnosis.accepted), 'finding')} {are} accepted: {where}.")
    if diagnosis.verdict == "clear":
        return replace(
            diagnosis,
            word=WORD,
            headline=f"No fault {BESIDE}",
            summary=f"{said} No other fault was found.{further}",
        )
    headline, summary = (
        text.replace(NO_FAULT, f"No fault {BESIDE}")
        for text in (diagnosis.headline, diagnosis.summary)
    )
    between = "\n" if diagnosis.verdict == "found" else " "
    return replace(diagnosis, headline=headline, summary=f"{summary}{between}{said}")


BESIDE = "besides accepted findings"
NO_FAULT = "No fault in the data available"
"""How a verdict that lacks data says that it found nothing else."""


def asked_of(org: Snapshot, **options: Any) -> dict[str, Any]:  # noqa: ANN401 - as JSON has them
    """What findings rest on besides the data: the options, and the cmdlets that were answered."""
    return {**options, "cmdlets": sorted(org.cmdlets)}
