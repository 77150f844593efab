"""A repair in a notebook: what is proposed, the question to a person, and what came of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from mailflow.apply import unfinished as earlier
from mailflow.apply.entry import QueueEntry
from mailflow.apply.outcome import Outcome, outcome
from mailflow.apply.work import LIMIT, Carried, Work
from mailflow.closing import keep_findings
from mailflow.errors import RunError
from mailflow.exchange import commands
from mailflow.interactive import confirm_box, progress
from mailflow.opening import is_live, live_organisation
from mailflow.phrases import joined
from mailflow.repair.claim import Proof
from mailflow.show.flow import FlowPicture
from mailflow.show.markup import Markup
from mailflow.show.verdict import verdict_card
from mailflow.show.widgets.confirm import Confirmation, ConfirmBox
from mailflow.show.widgets.following import Following
from mailflow.show.widgets.saying import display
from mailflow.show.widgets.view import MimeBundle
from mailflow.snapshot import Snapshot
from mailflow.table import Table
from mailflow.this_run import RUNS, run_folder
from mailflow.views.verdict import Diagnosis

if TYPE_CHECKING:
    from mailflow.apply.live import LiveOrganisation

RUNBOOK = "fix_and_verify"

NOT_LIVE = (
    "applying is possible only on a live organization (exchange://HOST); run the commands by hand"
)
NOT_CONFIRMED = "no connector was confirmed"


def runs_folder() -> Path:
    """Where run folders are: beside the one of this run, as `mailflow lab` says, or in `runs`.

    A notebook that was opened by hand works in `notebooks/`, beside which `runs/` lies.
    """
    own = run_folder()
    if own:
        return own.parent
    named = os.environ.get(RUNS, "")
    if named:
        return Path(named)
    here = Path.cwd()
    return (here.parent if here.name == "notebooks" else here) / "runs"


def unfinished(org: Snapshot, *, apply: bool = False) -> Table:
    """Interrupted repairs of this organization, and where they stand.

    Args:
        org: as it was just read.
        apply: whether the servers may be asked for their values now; else those of `org` are taken.
    """
    live = live_organisation(org.origin) if apply and is_live(org.origin) else None
    read = earlier.of_server(_knowing(live, org)) if live else None
    return earlier.table(earlier.look_back(runs_folder(), org, read=read, now=datetime.now(UTC)))


def queues_to_retry(found: Diagnosis) -> tuple[str, ...]:
    """The stuck queues that the commands of the findings set free.

    Beside those of the repaired findings these are queues whose error alone does not tell the
    cause (a port on which nobody listened reads like a dead host), if their server can submit on
    that target only afterwards.
    """
    mended = [each for each in found.findings if each.state == "found" and each.commands]
    proof = found.plan.proof if found.plan else None
    freed = {
        (reached.sender.casefold(), reached.target.casefold())
        for reached in (proof.repaired if proof else ())
    }
    others = (
        queue
        for each in found.findings
        if each.state in ("found", "unknown") and each.server
        for queue in each.queues
        if (queue.partition("\\")[0].casefold(), each.server.casefold()) in freed
    )
    return tuple(dict.fromkeys([*(queue for each in mended for queue in each.queues), *others]))


@dataclass(eq=False)
class RepairUnderWay:
    """A repair under way in a notebook; `apply_changes` makes it.

    Shown, it is the question, then the progress, then where everything stands; where nobody can be
    asked, only the last.

    Attributes:
        org: the organization that it was proven from.
        found: its findings.
        proof: of the changes they propose.
        live: the organization within reach; None: it can't be applied.
        why_not: why it was not applied, as long as it was not.
        queues: gives the identities of the queues to retry, when it is carried out.
        ticket: of the service desk.
        limit: seconds to watch the queues.
        min_messages: queues with fewer messages do not count as stuck.
        outcome: where it stands.
    """

    org: Snapshot
    found: Diagnosis
    proof: Proof
    live: LiveOrganisation | None = None
    why_not: str = ""
    queues: Callable[[], Sequence[str]] = tuple
    ticket: str = ""
    limit: float = LIMIT
    min_messages: int = 1
    outcome: Outcome = field(init=False)
    folder: Path | None = field(default=None, init=False)
    _followers: list[Callable[[], None]] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        """Nothing is done yet."""
        self.outcome = self._outcome(None)

    @property
    def can_be_asked_for(self) -> bool:
        """Whether servers are within reach, and a change or an interrupted repair waits."""
        return self.live is not None and bool(self.proof.changes or self._earlier)

    def carry_out(
        self,
        confirmed: Iterable[str] | Mapping[str, str],
        *,
        tell: Callable[[str], None] = lambda _: None,
        watched: Callable[[Sequence[QueueEntry]], None] = lambda _: None,
    ) -> Outcome:
        r"""Make the changes that a person confirmed by name, retry, watch, verify.

        Args:
            confirmed: identities of connectors, `EX16A\Relay`; or these with the hash of the change
                that was proven to that person.
            tell: is called with a line for people before each step.
            watched: is called with the queues each time they were looked at.
        """
        if self.live is None:
            return self.outcome
        own = self._hashes
        given = (
            confirmed
            if isinstance(confirmed, Mapping)
            else {identity: own.get(identity, "") for identity in confirmed}
        )
        queues = tuple(self.queues())
        work = Work(
            self.org,
            self.proof,
            self.live,
            runs_folder(),
            self._made,
            queues,
            self.ticket,
            self.limit,
            [interrupted.journal for interrupted in self._earlier if interrupted.journal],
        )
        carried = work.carry_out(given, tell=tell, watched=watched)
        self.outcome = self._outcome(carried)
        if self.folder is not None:
            try:
                keep_findings(self.outcome, self.folder)
            except RunError as error:
                why = "; ".join(filter(None, [carried.stopped, str(error)]))
                self.outcome = self._outcome(replace(carried, stopped=why))
        for follow in self._followers:
            follow()
        return self.outcome

    def follow(self, follower: Callable[[], None]) -> None:
        """Be told whenever the outcome is another one."""
        self._followers.append(follower)

    def _outcome(self, carried: Carried | None) -> Outcome:
        return outcome(
            self.org,
            self.found,
            self.proof,
            carried,
            queues=self.queues(),
            why_not=self.why_not,
            min_messages=self.min_messages,
        )

    def _made(self) -> Path:
        """The folder of this run; in JupyterLab one is made by the first change."""
        self.folder = run_folder()
        if self.folder is None:
            from mailflow.runs.folder import make

            self.folder = make(runs_folder(), RUNBOOK, self.ticket or None, datetime.now(UTC))
        return self.folder

    @property
    def is_asking(self) -> bool:
        """Whether somebody may confirm it here, later than this cell."""
        return self.can_be_asked_for and self.outcome.carried is None and run_folder() is None

    @property
    def _hashes(self) -> dict[str, str]:
        """What may be confirmed: each connector to the hash of its change, or of what is there."""
        there = {
            entry.connector: interrupted.journal.confirmation(entry)
            for interrupted in self._earlier
            if interrupted.journal
            for entry in interrupted.there
        }
        return there | {edit.identity: edit.both_sha256 for edit in self.proof.changes}

    @cached_property
    def _earlier(self) -> tuple[earlier.Unfinished, ...]:
        """Repairs that stopped when new values were there, and that can go on."""
        return earlier.that_can_go_on(runs_folder(), self.org)

    @cached_property
    def box(self) -> ConfirmBox:
        """The question, connector by connector."""
        going = [
            Confirmation(
                entry.connector,
                going_on(interrupted),
                "; ".join(map(commands.retry, interrupted.queues)),
            )
            for interrupted in self._earlier
            for entry in interrupted.there
        ]
        return confirm_box(self.proof.changes, self._confirmed, going)

    def _confirmed(self, names: tuple[str, ...]) -> None:
        """Do it below the question, and show how far it is."""
        bar = progress("Repair")

        def watched(queues: Sequence[QueueEntry]) -> None:
            total = sum(entry.before or 0 for entry in queues)
            left = sum(entry.left or 0 for entry in queues)
            words = ", ".join(f"{entry.queue} {entry.state}" for entry in queues)
            bar.step(max(0, total - left), total, f"{left:,} of {total:,} messages wait: {words}")

        done = self.carry_out(names, tell=lambda line: bar.step(0, 0, line), watched=watched)
        bar.finish(done.headline, ok=done.state == "verified")
        display(done.table())

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> MimeBundle:
        if self.is_asking:
            return self.box._repr_mimebundle_(include, exclude)
        table = self.outcome.table()
        return {"text/html": table._repr_html_(), "text/plain": str(table)}

    def __repr__(self) -> str:
        """Where it stands, in words."""
        return str(self.outcome.table())


def apply_changes(  # noqa: PLR0913 - the parameters of the notebook
    org: Snapshot,
    found: Diagnosis,
    proof: Proof,
    *,
    apply: bool = False,
    confirmed: Sequence[str] = (),
    queues: Any = None,  # noqa: ANN401 - identities, or a widget that has them as its value
    ticket: str = "",
    wait_minutes: float = LIMIT / 60,
    min_messages: int = 1,
    live: LiveOrganisation | None = None,
) -> RepairUnderWay:
    r"""Prepare a repair; carry it out where it was confirmed already.

    Args:
        org: the organization that it was proven from.
        found: its findings.
        proof: of the changes they propose.
        apply: whether it may be applied at all.
        confirmed: what a person confirmed before this notebook began: `EX16A\Relay=HASH`, the hash
            being that of the change as it was proven.
        queues: the queues to retry: their identities, or what `choose_queues` gave; None:
            those of the findings.
        ticket: of the service desk.
        wait_minutes: how long to watch the queues.
        min_messages: queues with fewer messages do not count as stuck.
        live: the organization within reach; None: the one the snapshot was read from.
    """
    if apply and live is None and is_live(org.origin):
        live = live_organisation(org.origin)
    why_not = "" if not apply else NOT_CONFIRMED if live else NOT_LIVE
    chosen = queues_to_retry(found) if queues is None else queues
    made = RepairUnderWay(
        org,
        found,
        proof,
        live=live if apply else None,
        why_not=why_not,
        queues=lambda: tuple(getattr(chosen, "value", chosen)),
        ticket=ticket,
        limit=wait_minutes * 60,
        min_messages=min_messages,
    )
    if made.can_be_asked_for and confirmed:
        made.carry_out(dict(_pair(confirmation) for confirmation in confirmed))
    return made


def going_on(left: earlier.Unfinished) -> str:
    """What it means to go on with a repair that stopped when its new values were there."""
    queues = f"retry {joined(left.queues)} and " if left.queues else ""
    whose = f" Note: {left.foreign}." if left.foreign else ""
    return f"An earlier run ({left.folder.name}) set its new values: {queues}verify it.{whose}"


def what_changed(work: RepairUnderWay) -> Table | Following:
    """The organization before and after, compared by what it does to every address.

    Columns of the frame: those of `Comparison.table`; no rows where nothing was read afterwards.
    """

    def now() -> Table:
        return work.outcome.difference()

    return _followed(work, now)


def conclude_repair(work: RepairUnderWay, ticket: str = "") -> Markup | Following:
    """Write `findings.json` of this run, and show where the repair stands."""
    folder = run_folder()
    if folder:
        try:
            keep_findings(work.outcome, folder)
        except RunError as error:
            raise RunError(f"{error}. {work.outcome.summary}") from error
    return _followed(work, lambda: repair_card(work.outcome, ticket))


def repair_flow(work: RepairUnderWay) -> FlowPicture | Following:
    """The mail-flow picture before the repair, and beside it what the repair does, or did."""
    return _followed(work, lambda: FlowPicture(work.outcome.flow))


T = TypeVar("T", Table, Markup, FlowPicture)


def _followed(work: RepairUnderWay, make: Callable[[], T]) -> T | Following:
    """What is shown now, and shown anew when the repair was confirmed below its own cell."""
    return Following(make, work.follow) if work.is_asking else make()


def repair_card(result: Outcome, ticket: str = "") -> Markup:
    """Where a repair stands, as the card that stands over a report."""
    return verdict_card(result.diagnosis, ticket=ticket, word=result.state)


def _pair(text: str) -> tuple[str, str]:
    name, _, sha256 = text.rpartition("=")
    return name, sha256


def _knowing(live: LiveOrganisation, org: Snapshot) -> LiveOrganisation:
    return replace(live, servers=org.servers)
