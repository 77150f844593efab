"""A repair carried out: checked, set, read back, retried, watched, verified; in that order.

Nothing is set that was not proven, confirmed by name, and found on the server as it was proven.
Each step is in the journal before it is taken and after it was seen, so that stopping anywhere
leaves a state that the next start tells truly. Repeating it is harmless: what is done already is no
longer proposed, and a list that is not the proven one is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mailflow.analysis.change import Edit, list_hash
from mailflow.apply import lists
from mailflow.apply.draining import Watched, drain
from mailflow.apply.journal import Journal, ListEntry, Note, journals
from mailflow.apply.live import LiveOrganisation, Tell
from mailflow.apply.verification import verify
from mailflow.errors import InputError
from mailflow.exchange.ranges import AddressRange, parse_range
from mailflow.phrases import joined
from mailflow.repair.claim import Proof
from mailflow.repair.impact import prove
from mailflow.repair.simulation import RefusedError
from mailflow.snapshot import Snapshot, load

LIMIT = 300.0
"""Seconds to watch the queues, unless said otherwise."""

CATCHING_UP = (5.0, 15.0, 30.0)
"""Seconds to wait where the domain controller that is read has not the new list yet (S8.66)."""


@dataclass(frozen=True, slots=True)
class Carried:
    """What came of carrying out a repair.

    Attributes:
        journal: what was done; None where nothing was begun, not even a journal.
        refused: why nothing was done; empty where something was.
        stopped: why it did not come to its end; empty if it did.
        after: the organisation as it was read afterwards; None where that did not come to be.
    """

    journal: Journal | None = None
    refused: str = ""
    stopped: str = ""
    after: Snapshot | None = None


@dataclass(slots=True)
class Work:
    r"""One repair of a live organisation.

    Attributes:
        org: the organisation that it was proven from.
        proof: of all changes that are proposed.
        live: the organisation within reach.
        runs: where run folders are: other journals are looked for there.
        folder: makes, or names, the folder of this run.
        queues: identities of the stuck queues to try again.
        ticket: of the service desk.
        limit: seconds to watch the queues.
        earlier: repairs that stopped when a list was there, and that can go on.
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
            confirmed: the connectors that a person named, each to the hash of the list that was
                proven to that person (`Edit.sha256`). Where an earlier repair has set the list
                already, its hash is that of the new list, and the earlier repair goes on.
            tell: is called with a line for people before each step.
            watched: is called with the queues each time they were looked at.
        """
        self.live = replace(self.live, servers=self.org.servers)
        chosen = [one for one in self.proof.changes if one.identity in confirmed]
        left = [one for one in self.earlier if _is_named(one, confirmed)]
        if left and not chosen:
            return self._go_on(left[0], tell, watched)
        refused = self._against(chosen, confirmed)
        if refused:
            return Carried(refused=refused)
        folder = self.folder()
        if not (folder / "snapshot").exists():
            self.org.save(folder / "snapshot")
        journal = Journal.begin(
            folder,
            self.live.source,
            chosen,
            self.queues,
            ticket=self.ticket,
            now=self.live.now(),
        )
        try:
            carried = self._carry_out(journal, chosen, tell, watched)
        except KeyboardInterrupt:
            return Carried(journal, stopped="it was interrupted")
        if journal.ended:
            self._settle(journal)
        return carried

    def _go_on(self, journal: Journal, tell: Tell, watched: Watched) -> Carried:
        """The rest of an earlier repair whose lists are there: retry, watch, verify."""
        try:
            before = load(journal.folder / "snapshot")
        except InputError as error:
            return Carried(refused=str(error))
        journal.reopen()
        for one in journal.queues:
            one.state = "waiting" if one.state != "drained" else one.state
        try:
            return self._deliver(journal, replace(before, only=self.org.only), tell, watched)
        except KeyboardInterrupt:
            return Carried(journal, stopped="it was interrupted")

    def _settle(self, done: Journal) -> None:
        """End earlier repairs of which nothing is left, now that the queues are empty."""
        drained = {one.queue for one in done.queues if one.state == "drained"}
        for journal in self.earlier:
            for one in journal.queues:
                one.state = "drained" if one.queue in drained else one.state
            left = any(one.state != "drained" for one in journal.queues)
            if not left and all(one.note != "done" for one in journal.lists):
                journal.end(self.live.now())

    def _carry_out(
        self, journal: Journal, chosen: Sequence[Edit], tell: Tell, watched: Watched
    ) -> Carried:
        controllers: dict[str, str] = {}
        for one in chosen:
            tell(f"{one.identity}: reading its list again")
            seen = lists.read(self.live, one.identity)
            against = _another_than(one.sha256, seen, one.identity)
            if against:
                journal.note(one.identity, "refused", against)
                journal.end(self.live.now())
                return Carried(journal, refused=against)
            controllers[one.identity] = seen.controller
        for one in chosen:
            tell(f"{one.identity}: setting its list")
            entry = journal.entry(one.identity)
            stopped = set_list(self.live, journal, entry, one.ranges, controllers[one.identity])
            if stopped:
                return Carried(journal, stopped=stopped)
        return self._deliver(journal, self.org, tell, watched)

    def _deliver(self, journal: Journal, before: Snapshot, tell: Tell, watched: Watched) -> Carried:
        """Retry and watch the queues, then verify."""
        tell("retrying the queues" if journal.queues else "no queue waits")
        drain(self.live, journal, limit=self.limit, watched=watched)
        return Carried(journal, after=self._verified(journal, before, tell))

    def _verified(self, journal: Journal, before: Snapshot, tell: Tell) -> Snapshot:
        """Collect again and judge each connector; where a controller lags behind, once more."""
        pauses = iter(CATCHING_UP)
        while True:
            tell("reading everything again")
            after = replace(self.live.collect(tell), only=self.org.only)
            lagging = [one for one in journal.lists if _is_old(after, one)]
            pause = next(pauses, None)
            if not lagging or pause is None:
                break
            tell(f"{joined(one.connector for one in lagging)}: still the old list where it is read")
            self.live.wait(pause)
        done = [one for one in journal.lists if one.note in ("begun", "done", "verified")]
        for connector, why in verify(before, after, done).items():
            journal.note(connector, "done" if why else "verified", why)
        is_over = all(one.state in ("drained", "moving") for one in journal.queues)
        if is_over and all(one.note in ("verified", "put back") for one in journal.lists):
            journal.end(self.live.now())
        return after

    def _against(self, chosen: Sequence[Edit], confirmed: Mapping[str, str]) -> str:
        """Why these changes must not be made; empty: nothing is known against them."""
        if not chosen:
            return "none of the connectors that were named is to be changed"
        for one in chosen:
            if not one.sha256 or one.sha256 != confirmed[one.identity]:
                return f"the list of {one.identity} is not the one that was proven and confirmed"
        busy = next((one for one in journals(self.runs) if _is_busy(one, self.live.source)), None)
        if isinstance(busy, Journal):
            return f"another repair of {busy.source} is under way: {busy.file}"
        try:
            part = prove(self.org, chosen)
        except RefusedError as error:
            return str(error)
        return _not_certain(part)


def set_list(
    live: LiveOrganisation,
    journal: Journal,
    entry: ListEntry,
    ranges: Sequence[AddressRange],
    controller: str,
    *,
    back: bool = False,
) -> str:
    """Set one connector's list and read it back from where it was written.

    Args:
        live: the organisation.
        journal: is told before and after.
        entry: the connector's entry in it.
        ranges: the list to set.
        controller: the domain controller to write to; empty: the session's.
        back: whether this is the way back.

    Returns:
        Why the list is not there now, or not known to be; empty: it is.
    """
    identity, wanted = entry.connector, list_hash(ranges)
    was = entry.new_sha256 if back else entry.old_sha256
    unchanged: Note = "done" if back else "refused"

    def stop(note: Note, why: str) -> str:
        journal.note(identity, note, why)
        return why

    against = _another_than(was, lists.read(live, identity, controller), identity)
    if against:
        return stop(unchanged, against)
    journal.note(identity, "going back" if back else "begun", controller=controller)
    refused = lists.write(live, identity, tuple(ranges), controller)
    seen = lists.read(live, identity, controller)
    if seen.ranges is None:
        why = f"whether {identity} has its new list is not known: {refused or seen.why}"
        return stop(entry.note, f"{why}. The next start reads it again")
    if list_hash(seen.ranges) == wanted:
        journal.note(identity, "put back" if back else "done")
        return ""
    if list_hash(seen.ranges) == was:
        why = f"{identity} keeps its list: {refused or 'the change was taken and is not there'}"
        return stop(unchanged, why)
    return stop(entry.note, _another_than(was, seen, identity))


def _another_than(sha256: str, seen: lists.Seen, identity: str) -> str:
    """Why a list is not the one of this hash, as far as is known; empty: it is."""
    if seen.ranges is None:
        return f"{identity} can't be read: {seen.why}"
    if list_hash(seen.ranges) == sha256:
        return ""
    listed = ", ".join(map(str, seen.ranges)) or "nothing"
    return (
        f"the list of {identity} is no longer the one that was proven, somebody changed it "
        f"meanwhile: it holds {listed}. Run it again to prove a change of this list"
    )


def _not_certain(proof: Proof) -> str:
    """Why a proof is not enough to change anything; empty: it is."""
    if proof.doubts:
        return f"not all was read that could change the claim: {joined(proof.doubts)}"
    worse = [one for one in proof.reached if one.in_use and one.will != "clear"]
    if worse:
        one = worse[0]
        who = one.after.identity if one.after else "nobody"
        return (
            f"with these changes alone {who} would answer {one.sender} ({one.address}) on "
            f"{one.target}, and it is not known to let it in; confirm the others as well"
        )
    return ""


def _is_named(journal: Journal, confirmed: Mapping[str, str]) -> bool:
    """Whether a list that an earlier repair has set was confirmed as such."""
    return any(confirmed.get(one.connector) == one.new_sha256 for one in journal.lists)


def _is_busy(one: object, source: str) -> bool:
    return isinstance(one, Journal) and one.source == source and one.is_being_worked_on


def _is_old(org: Snapshot, entry: ListEntry) -> bool:
    """Whether a connector still has its old list where it was read."""
    ranges = lists.in_snapshot(org, entry.connector)
    return ranges is not None and list_hash(ranges) == entry.old_sha256


def put_back(
    live: LiveOrganisation,
    journal: Journal,
    names: Collection[str] | None = None,
    *,
    tell: Tell = lambda _: None,
) -> str:
    """Give connectors of a journal their old lists again, the last one first.

    Only where the server still has the list that was set.

    Args:
        live: the organisation.
        journal: of the repair; is told of each step.
        names: identities of the connectors; None: all of the journal.
        tell: is called with a line for people before each step.

    Returns:
        Why it stopped; empty: all that had been set is put back.
    """
    journal.reopen()
    for entry in reversed(journal.lists):
        if names is not None and entry.connector not in names:
            continue
        seen = lists.read(live, entry.connector, entry.controller)
        if seen.ranges is not None and list_hash(seen.ranges) == entry.old_sha256:
            if entry.note not in ("not begun", "refused"):
                journal.note(entry.connector, "put back")
            continue
        tell(f"{entry.connector}: putting its old list back")
        old = tuple(map(parse_range, entry.old))
        stopped = set_list(live, journal, entry, old, entry.controller, back=True)
        if stopped:
            return stopped
    journal.end(live.now())
    return ""
