"""A repair carried out: checked, set, read back, retried, watched, verified; in that order.

Nothing is set that was not proven, confirmed by name, and found on the server as it was proven.
Each step is in the journal before it is taken and after it was seen, so that stopping anywhere
leaves a state that the next start tells truly. Repeating it is harmless: what is done already is no
longer proposed, and a connector that is not as it was proven is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from mailflow.analysis.change import Edit, fingerprint
from mailflow.apply import values
from mailflow.apply.draining import Watched, drain
from mailflow.apply.entry import ConnectorEntry, Note
from mailflow.apply.journal import Journal, UnwrittenError, journals
from mailflow.apply.live import LiveOrganisation, Tell
from mailflow.apply.verification import verify
from mailflow.apply.witness import proven_from
from mailflow.errors import InputError, MailflowError
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.phrases import joined
from mailflow.repair.claim import Proof
from mailflow.repair.impact import prove
from mailflow.repair.plan import harm
from mailflow.repair.simulation import RefusedError, differences
from mailflow.snapshot import Snapshot
from mailflow.sources.shell import ShellError, check

LIMIT = 300.0
"""Seconds to watch the queues, unless said otherwise."""

CATCHING_UP = (5.0, 15.0, 30.0)
"""Seconds to wait where the domain controller that is read lacks the new values (S8.66)."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What came of carrying out a repair.

    Attributes:
        journal: what was done; None where nothing was begun, not even a journal.
        refused: why nothing was done; empty where something was.
        stopped: why it did not come to its end; empty if it did.
        after: the organization as it was read afterwards; None where that did not come to be.
    """

    journal: Journal | None = None
    refused: str = ""
    stopped: str = ""
    after: Snapshot | None = None


@dataclass(slots=True)
class Work:
    r"""One repair of a live organization.

    Attributes:
        org: the organization that it was proven from.
        proof: of all changes that are proposed.
        live: the organization within reach.
        runs: where run folders are: other journals are looked for there.
        folder: makes, or names, the folder of this run.
        queues: identities of the stuck queues to try again.
        ticket: of the service desk.
        limit: seconds to watch the queues.
        earlier: repairs that stopped when new values were there, and that can go on.
    """

    org: Snapshot
    proof: Proof
    live: LiveOrganisation
    runs: Path
    folder: Callable[[], Path]
    queues: Sequence[str] = ()
    ticket: str = ""
    limit: float = LIMIT
    earlier: Sequence[Journal] = ()

    def carry_out(
        self,
        confirmed: Mapping[str, str],
        *,
        tell: Tell = lambda _: None,
        watched: Watched = lambda _: None,
    ) -> Carried:
        r"""Make the confirmed changes; raises nothing for what goes wrong on the way.

        Args:
            confirmed: the connectors that a person named, each to the hash of the change that was
                proven to that person (`Edit.both_sha256`). Where an earlier repair has set the new
                values already, the hash is `Journal.confirmation`, and the earlier repair goes on.
            tell: is called with a line for people before each step.
            watched: is called with the queues each time they were looked at.
        """
        self.live = replace(self.live, servers=self.org.servers)
        chosen = [edit for edit in self.proof.changes if edit.identity in confirmed]
        left = [repair for repair in self.earlier if _is_named(repair, confirmed)]
        if left and not chosen:
            return self._go_on(left[0], tell, watched)
        refused = self._against(chosen, confirmed)
        if refused:
            return Carried(refused=refused)
        try:
            journal = self._begun(chosen)
        except MailflowError as error:  # there is no folder, or it takes nothing
            return Carried(refused=str(error))
        try:
            carried = self._carry_out(journal, chosen, tell, watched)
        except KeyboardInterrupt:
            return Carried(journal, stopped="it was interrupted")
        except UnwrittenError as error:
            return Carried(journal, stopped=unwritten(journal, error))
        if journal.ended:
            self._settle(journal)
        return carried

    def _begun(self, chosen: Sequence[Edit]) -> Journal:
        """A journal in which nothing is begun, with the snapshot beside it."""
        folder = self.folder()
        file = folder / "snapshot"
        try:
            if not file.exists():
                self.org.save(file)
        except OSError as error:
            raise UnwrittenError(f"{file} cannot be written ({error.strerror or error})") from error
        return Journal.begin(
            folder,
            self.live.source,
            chosen,
            self.queues,
            ticket=self.ticket,
            now=self.live.now(),
        )

    def _go_on(self, journal: Journal, tell: Tell, watched: Watched) -> Carried:
        """The rest of an earlier repair whose new values are there: retry, watch, verify."""
        try:
            before = proven_from(journal)
        except InputError as error:
            return Carried(refused=str(error))
        try:
            journal.reopen()
            for entry in journal.queues:
                entry.state = "waiting" if entry.state != "drained" else entry.state
            return self._deliver(journal, replace(before, only=self.org.only), tell, watched)
        except KeyboardInterrupt:
            return Carried(journal, stopped="it was interrupted")
        except UnwrittenError as error:
            return Carried(journal, stopped=unwritten(journal, error))

    def _settle(self, done: Journal) -> None:
        """End earlier repairs of which nothing is left, now that the queues are empty."""
        drained = {
            queue_entry.queue for queue_entry in done.queues if queue_entry.state == "drained"
        }
        for journal in self.earlier:
            if journal.foreign:
                continue
            for entry in journal.queues:
                entry.state = "drained" if entry.queue in drained else entry.state
            left = any(queue_entry.state != "drained" for queue_entry in journal.queues)
            if not left and all(
                connector_entry.note != "done" for connector_entry in journal.connectors
            ):
                with suppress(UnwrittenError):  # the next start tells of it once more
                    journal.end(self.live.now())

    def _carry_out(
        self, journal: Journal, chosen: Sequence[Edit], tell: Tell, watched: Watched
    ) -> Carried:
        controllers: dict[str, str] = {}
        for entry in journal.connectors:
            tell(f"{entry.connector}: reading it again")
            seen = values.read(self.live, entry.connector, entry.parameters)
            against = _not_as_proven(entry, entry.before, seen)
            if against:
                journal.note(entry.connector, "refused", against)
                journal.end(self.live.now())
                return Carried(journal, refused=against)
            controllers[entry.connector] = seen.controller
        for edit, entry in zip(chosen, journal.connectors, strict=True):
            tell(str(edit))
            stopped = set_values(self.live, journal, entry, controllers[entry.connector])
            if stopped:
                return Carried(journal, stopped=stopped)
        return self._deliver(journal, self.org, tell, watched)

    def _deliver(self, journal: Journal, before: Snapshot, tell: Tell, watched: Watched) -> Carried:
        """Retry and watch the queues, at most `limit` seconds, then verify."""
        tell("retrying the queues" if journal.queues else "no queue waits")
        drain(self.live, journal, limit=self.limit, watched=watched)
        return Carried(journal, after=self._verified(journal, before, tell))

    def _verified(self, journal: Journal, before: Snapshot, tell: Tell) -> Snapshot:
        """Collect again and judge each connector; where a controller lags behind, once more."""
        pauses = iter(CATCHING_UP)
        while True:
            tell("reading everything again")
            after = replace(self.live.collect(tell), only=self.org.only)
            lagging = [entry for entry in journal.connectors if _is_old(after, entry)]
            pause = next(pauses, None)
            if not lagging or pause is None:
                break
            names = joined(entry.connector for entry in lagging)
            tell(f"{names}: still the old values where they are read")
            self.live.wait(pause)
        done = [
            entry for entry in journal.connectors if entry.note in ("begun", "done", "verified")
        ]
        for connector, why in verify(before, after, done).items():
            journal.note(connector, "done" if why else "verified", why)
        is_over = all(entry.state in ("drained", "moving") for entry in journal.queues)
        if is_over and all(entry.note in ("verified", "put back") for entry in journal.connectors):
            journal.end(self.live.now())
        return after

    def _against(self, chosen: Sequence[Edit], confirmed: Mapping[str, str]) -> str:
        """Why these changes must not be made; empty: nothing is known against them."""
        if not chosen:
            return "none of the connectors that were named is to be changed"
        for edit in chosen:
            if not edit.both_sha256 or edit.both_sha256 != confirmed[edit.identity]:
                return f"the change of {edit.identity} is not the one that was proven and confirmed"
            cannot = _cannot_leave(edit)
            if cannot:
                return f"{edit.identity}: {cannot}"
        busy = next(
            (journal for journal in journals(self.runs) if _is_busy(journal, self.live.source)),
            None,
        )
        if isinstance(busy, Journal):
            return f"another repair of {busy.source} is in progress: {busy.file}"
        try:
            part = prove(self.org, chosen)
        except RefusedError as error:
            return str(error)
        return _not_certain(replace(part, is_asked=self.proof.is_asked))


def unwritten(journal: Journal, error: UnwrittenError) -> str:
    """What to know where a journal takes no more: what was done, where it stands, how to go on."""
    done = "; ".join(touched(journal))
    then = f"make room there, then run it again, or roll back: mailflow undo {journal.folder}"
    return f"{error}. {f'{done}; {then}' if done else 'Nothing was changed'}"


def touched(journal: Journal) -> Sequence[str]:
    """Each connector of a journal that may have been changed, its server, and what is known."""
    return [
        f"{entry.connector} on {entry.server} is {SAID[entry.note]}"
        for entry in journal.connectors
        if entry.note in SAID
    ]


SAID: Mapping[Note, str] = {
    "begun": "perhaps changed (the next start reads it)",
    "done": "changed and read back",
    "verified": "changed and verified",
    "going back": "perhaps rolled back (the next start reads it)",
    "put back": "rolled back",
}
"""What a note says of a connector that was touched."""


def _cannot_leave(edit: Edit) -> str:
    """Why the allow-list refuses a change or its rollback; empty: both may leave this side.

    What could not be rolled back must not be begun.
    """
    entry = ConnectorEntry(edit.identity, edit.before.server, edit.changes)
    try:
        for some in (entry.new, *([] if edit.undo_refusal else [entry.old])):
            check(values.setting(edit.identity, some), writing=True)
    except ShellError as error:
        return error.fault.message
    return ""


def set_values(
    live: LiveOrganisation,
    journal: Journal,
    entry: ConnectorEntry,
    controller: str,
    *,
    back: bool = False,
) -> str:
    """Set one connector's values and read them back from where they were written.

    Args:
        live: the organization.
        journal: is told before and after.
        entry: the connector's entry in it.
        controller: the domain controller to write to; empty: the session's.
        back: whether this is the rollback.

    Returns:
        Why the values are not there now, or not known to be; empty: they are.
    """
    identity, parameters = entry.connector, entry.parameters
    was, wanted = (entry.after, entry.old) if back else (entry.before, entry.new)
    unchanged: Note = "done" if back else "refused"

    def stop(note: Note, why: str) -> str:
        journal.note(identity, note, why)
        return why

    against = _not_as_proven(entry, was, values.read(live, identity, parameters, controller))
    if against:
        return stop(unchanged, against)
    journal.note(identity, "going back" if back else "begun", controller=controller)
    refused = values.write(live, identity, wanted, controller)
    seen = values.read(live, identity, parameters, controller)
    if seen.connector is None:
        why = f"could not determine whether {identity} has its new values: {refused or seen.why}"
        return stop(entry.note, f"{why}. The next start reads it again")
    now = fingerprint(seen.connector, parameters)
    if now == (entry.old_sha256 if back else entry.new_sha256):
        journal.note(identity, "put back" if back else "done")
        return ""
    if now == fingerprint(was, parameters):
        why = f"{identity} is unchanged: {refused or 'the change was accepted and is not there'}"
        return stop(unchanged, why)
    return stop(entry.note, _not_as_proven(entry, was, seen))


def _not_as_proven(
    entry: ConnectorEntry, expected: ReceiveConnector, seen: values.LiveConnector
) -> str:
    """Why a connector's values are not the expected ones, as far as is known; empty: they are."""
    if seen.connector is None:
        return f"{entry.connector} cannot be read: {seen.why}"
    said = differences(entry.parameters, expected, seen.connector)
    if not said:
        return ""
    return (
        f"{entry.connector} is no longer as it was when the change was proven: {said}. It was "
        "changed in the meantime. Run it again to prove a change of these values"
    )


def _not_certain(proof: Proof) -> str:
    """Why a proof is not enough to change anything; empty: it is."""
    if proof.doubts:
        return f"data that could change the proof is missing: {joined(proof.doubts)}"
    worse = [server for server in proof.reached if server.in_use and server.will != "clear"]
    if worse:
        first = worse[0]
        who = first.after.identity if first.after else "no connector"
        return (
            f"with only these changes {who} would accept {first.sender} ({first.address}) on "
            f"{first.target}, and it is unknown whether it can submit; confirm the others too"
        )
    harmed = None if proof.is_asked else next(harm(proof), None)
    return f"{harmed.text} Confirm the others too" if harmed else ""


def _is_named(journal: Journal, confirmed: Mapping[str, str]) -> bool:
    """Whether values that an earlier repair has set were confirmed as such."""
    return any(
        confirmed.get(entry.connector) == journal.confirmation(entry)
        for entry in journal.connectors
    )


def _is_busy(journal: object, source: str) -> bool:
    return isinstance(journal, Journal) and journal.source == source and journal.is_being_worked_on


def _is_old(org: Snapshot, entry: ConnectorEntry) -> bool:
    """Whether a connector still has its old values where it was read."""
    seen = values.in_snapshot(org, entry.connector, entry.parameters)
    return seen is not None and fingerprint(seen, entry.parameters) == entry.old_sha256


def put_back(
    live: LiveOrganisation,
    journal: Journal,
    names: Collection[str] | None = None,
    *,
    tell: Tell = lambda _: None,
) -> str:
    """Give connectors of a journal their old values again, the last one first.

    Only where the server still has the values that were set.

    Args:
        live: the organization.
        journal: of the repair; is told of each step.
        names: identities of the connectors; None: all of the journal.
        tell: is called with a line for people before each step.

    Returns:
        Why it stopped; empty: all that had been set is rolled back.
    """
    try:
        return _put_back(live, journal, names, tell)
    except UnwrittenError as error:
        return unwritten(journal, error)


def _put_back(
    live: LiveOrganisation, journal: Journal, names: Collection[str] | None, tell: Tell
) -> str:
    journal.reopen()
    for entry in reversed(journal.connectors):
        if names is not None and entry.connector not in names:
            continue
        seen = values.read(live, entry.connector, entry.parameters, entry.controller).connector
        if seen is not None and fingerprint(seen, entry.parameters) == entry.old_sha256:
            if entry.note not in ("not begun", "refused"):
                journal.note(entry.connector, "put back")
            continue
        tell(f"{entry.connector}: rolling back {joined(entry.parameters)}")
        stopped = set_values(live, journal, entry, entry.controller, back=True)
        if stopped:
            return stopped
    if not any(
        connector_entry.note in ("begun", "done", "going back")
        for connector_entry in journal.connectors
    ):
        journal.end(live.now())  # of the others the next start tells
    return ""
