"""Step 6: what is wrong, in order of likelihood, each cause in one of four states.

Configuration and queues are judged apart and then put together: a stuck queue speaks for the fault
on its way that its error names; a fault on a way in use is one also with no queue stuck (contract
8.11); a stuck queue that no configuration explains is a finding of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from mailflow.analysis.analysis import Analysis, analyze
from mailflow.analysis.paths import (
    CONFIGURATION_CAUSES,
    DEFAULT_LACKS_AUTH,
    ROLE_CONFLICT,
    SHADOWED,
    SUPPRESSED,
    MailPath,
)
from mailflow.analysis.queues import QueueCase
from mailflow.analysis.servers import ServerView
from mailflow.exchange import commands
from mailflow.exchange.causes import CAUSES
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.repair.plan import Repair, repair
from mailflow.snapshot import Snapshot, Unread
from mailflow.steps import prose
from mailflow.steps.queues import how_much_waits
from mailflow.steps.verdict import Diagnosis, Finding, State, Verdict

OUTSIDE = "outside-the-connectors"
UNRECOGNISED = "unrecognised-error"
ROUTING = "routing-or-loop"
INACTIVE = "service-inactive"
BESIDE_THE_VERDICT = frozenset({"Get-ADPermission", "Get-ServerComponentState"})
"""Cmdlets whose answers support a finding and make none: unread, they are shown and no more."""

NO_EXCHANGE_AUTH = frozenset({SHADOWED, DEFAULT_LACKS_AUTH, SUPPRESSED, ROLE_CONFLICT})
"""The faults of configuration that a sender reports as 5.7.3 (S5.01, C1, C2, C9, C10)."""


def findings(org: Snapshot, min_messages: int = 1) -> Diagnosis:
    """What is wrong in the organization, best first, and the verdict it adds up to.

    Args:
        org: the snapshot; nothing is fetched.
        min_messages: queues with fewer messages do not count as stuck.
    """
    analysis = analyze(org)
    cases = analysis.stuck(min_messages)
    paths = _on_evidence(analysis.paths, cases)
    suspects = _suspects(paths)
    _conflicts_elsewhere(analysis, suspects)
    complaints: dict[tuple[str, str | None, State], _Complaint] = {}
    for case in cases:
        _place(case, suspects, complaints)
    conflicts = [each.target.name for each in suspects.values() if each.cause == ROLE_CONFLICT]
    plan = repair(analysis, paths, conflicts)
    entries = [_of_suspect(each, plan) for each in suspects.values()]
    entries += [_of_complaint(each) for each in complaints.values()]
    entries = _ordered(entries)
    entries += _the_rest(analysis, entries)
    return _diagnosis(org, entries, cases, plan)


def _admits(case: QueueCase) -> frozenset[str]:
    """The faults of configuration that the error of a queue may come from."""
    if case.is_empty:
        return frozenset(CONFIGURATION_CAUSES)
    return frozenset(case.explanation.candidates) & frozenset(CONFIGURATION_CAUSES)


@dataclass(slots=True)
class _Suspect:
    """Paths with one cause at one target and connector, and the queues that speak for it."""

    cause: str
    target: ServerView
    connector: ReceiveConnector | None
    paths: list[MailPath] = field(default_factory=list)
    queues: list[QueueCase] = field(default_factory=list)

    @property
    def state(self) -> State:
        """Found as soon as one path is."""
        if self.cause == ROLE_CONFLICT:
            return "found"
        return "found" if any(one.state == "found" for one in self.paths) else "unknown"

    @property
    def telling(self) -> list[MailPath]:
        """The paths that carry the state."""
        return [one for one in self.paths if one.state == self.state]

    def concerns(self, case: QueueCase) -> bool:
        """Whether the queue's messages take one of these paths and its error admits the cause."""
        return (
            self.cause in _admits(case)
            and self.target in case.targets
            and any(one.sender is case.sender for one in self.telling)
        )


@dataclass(slots=True)
class _Complaint:
    """A cause that the errors of stuck queues name and no configuration explains."""

    cause: str
    server: ServerView | None
    state: State
    cases: list[QueueCase] = field(default_factory=list)


_Suspects = dict[tuple[str, str, str | None], _Suspect]


def _on_evidence(paths: Sequence[MailPath], cases: Sequence[QueueCase]) -> tuple[MailPath, ...]:
    """Paths that configuration leaves open become found where a queue is stuck with 5.7.3.

    Only where no other path of that queue explains it already.
    """
    found = [path for path in paths if path.state == "found"]
    speaking = [
        case
        for case in cases
        if case.is_exchange_auth
        and not any(path.cause in _admits(case) and _is_on(path, case) for path in found)
    ]
    return tuple(
        path.assessed(replace(path.assessment, state="found"))
        if path.on_evidence
        and any(path.cause in _admits(case) and _is_on(path, case) for case in speaking)
        else path
        for path in paths
    )


def _is_on(path: MailPath, case: QueueCase) -> bool:
    return path.sender is case.sender and path.target in case.targets


def _suspects(paths: Iterable[MailPath]) -> _Suspects:
    found: _Suspects = {}
    for one in paths:
        if one.state == "clear" or one.cause is None:
            continue
        identity = one.connector.identity.casefold() if one.connector else None
        key = (one.cause, one.target.name, identity)
        suspect = found.setdefault(key, _Suspect(one.cause, one.target, one.connector))
        suspect.paths.append(one)
    return found


def _conflicts_elsewhere(analysis: Analysis, suspects: _Suspects) -> None:
    """A role conflict is a fault on whatever endpoint it is: who gets the socket is chance (C9)."""
    for view in analysis.servers:
        for conflict in view.role_conflicts if view.covered else ():
            key = (ROLE_CONFLICT, view.name, conflict.odd.identity.casefold())
            suspects.setdefault(key, _Suspect(ROLE_CONFLICT, view, conflict.odd))


def _place(
    case: QueueCase,
    suspects: _Suspects,
    complaints: dict[tuple[str, str | None, State], _Complaint],
) -> None:
    """Give a stuck queue to the faults that explain it, or make a finding of its error."""
    concerned = [one for one in suspects.values() if one.concerns(case)]
    found = [one for one in concerned if one.state == "found"]
    for one in found or concerned:
        one.queues.append(case)
    if found:
        return
    cause = _own_cause(case, in_doubt=bool(concerned))
    if cause is None:
        return
    name, state = cause
    server = case.named or (case.targets[0] if len(case.targets) == 1 else None)
    key = (name, server.name if server else None, state)
    complaints.setdefault(key, _Complaint(name, server, state)).cases.append(case)


def _own_cause(case: QueueCase, *, in_doubt: bool) -> tuple[str, State] | None:
    """The finding that a queue's error makes by itself; None where a suspect carries it already."""
    if case.is_unreachable:
        return ROUTING, "found"
    if case.is_empty:
        return None if in_doubt else (UNRECOGNISED, "unknown")
    says = case.explanation
    if says.cause == UNRECOGNISED or not says.candidates:
        return UNRECOGNISED, "unknown"
    if case.is_exchange_auth:
        return None if in_doubt else (OUTSIDE, "unknown")
    if says.cause and says.cause not in CONFIGURATION_CAUSES:
        whole = case.queue.last_error_complete and case.error.complete
        return says.cause, "found" if whole else "unknown"
    if INACTIVE in says.candidates and case.inactive:
        return INACTIVE, "found"
    if in_doubt:
        return None
    others = [one for one in says.candidates if one not in CONFIGURATION_CAUSES]
    return (others[0] if others else UNRECOGNISED), "unknown"


def _of_suspect(one: _Suspect, plan: Repair) -> Finding:
    telling = one.telling
    name = one.connector.identity if one.connector else None
    edits = plan.of(one.cause, one.target.name, name) if one.state == "found" else ()
    todo = [str(edit) for edit in edits]
    if one.state == "found" and not edits:
        todo = [each.text for each in plan.refused]
    return Finding(
        cause=one.cause,
        state=one.state,
        server=one.target.name,
        connector=name,
        senders=_distinct(path.sender.name for path in telling),
        addresses=_distinct(str(path.address) for path in telling if path.address),
        queues=_distinct(case.queue.identity for case in one.queues),
        reading=prose.of_configuration(one.cause, one.target, one.connector, telling),
        remedy=" ".join(todo) if one.state == "found" else prose.what_to_read(telling),
        commands=(*(edit.command for edit in edits), *(_retries(one.queues) if edits else ())),
        undo=tuple(edit.undo for edit in reversed(edits) if edit.undo),
        facts=CAUSES[one.cause].sources,
    )


def _of_complaint(one: _Complaint) -> Finding:
    card = CAUSES[one.cause]
    first = one.cases[0].queue
    known = {
        "target": one.server.name if one.server else "",
        "sender": first.server,
        "queue": first.identity,
    }
    return Finding(
        cause=one.cause,
        state=one.state,
        server=one.server.name if one.server else None,
        senders=_distinct(case.queue.server for case in one.cases),
        queues=_distinct(case.queue.identity for case in one.cases),
        reading=prose.of_errors(card, one.cases)
        + (prose.of_components(one.cases[0].inactive) if one.cause == INACTIVE else ""),
        remedy=prose.next_checks(card, known),
        facts=card.sources,
    )


def _retries(cases: Iterable[QueueCase]) -> list[str]:
    """For numbered queues: it does nothing for the unreachable queue (S8.74).

    A queue whose number the capture lost is left out: by next hop several might be meant (4.3).
    """
    lines = []
    for case in cases:
        if not case.queue.identity.rpartition("\\")[2].isdigit():
            continue
        try:
            lines.append(commands.retry(case.queue.identity))
        except commands.Unquotable:
            continue
    return lines


def _ordered(entries: Iterable[Finding]) -> list[Finding]:
    """Found before unknown; what explains stuck queues first; then by likelihood."""
    rank = {cause: number for number, cause in enumerate(CAUSES)}
    states = {"found": 0, "unknown": 1}
    return sorted(
        entries,
        key=lambda one: (
            states[one.state],
            not one.queues,
            rank[one.cause],
            one.server or "",
            one.connector or "",
        ),
    )


def _the_rest(analysis: Analysis, entries: Sequence[Finding]) -> list[Finding]:
    """The causes that were looked for and not found.

    `clear` only where everything was read that could have shown the cause; a cause that only an
    error can name does not apply where no error names it.
    """
    open_ones = {one.cause for one in entries}
    paths = analysis.paths
    complete = bool(paths) and all(one.state != "unknown" for one in paths)
    rest = []
    for cause in CAUSES:
        if cause in open_ones:
            continue
        if cause in CONFIGURATION_CAUSES and complete:
            reading = prose.nothing_found(paths)
            rest.append(Finding(cause=cause, state="clear", reading=reading))
        elif cause not in CONFIGURATION_CAUSES:
            rest.append(Finding(cause=cause, state="not-applicable"))
    order = {"clear": 0, "not-applicable": 1}
    return sorted(rest, key=lambda one: order[one.state])


def unread_of(org: Snapshot) -> tuple[Unread, ...]:
    """The rows of *unread* that concern the servers the run covers."""
    return tuple(one for one in org.unread if not one.server or org.covers(one.server))


def _matters(one: Unread) -> bool:
    """Whether what was not read could have shown a fault."""
    return one.what.partition(" ")[0] not in BESIDE_THE_VERDICT


def _diagnosis(
    org: Snapshot, entries: list[Finding], cases: Sequence[QueueCase], plan: Repair
) -> Diagnosis:
    unread = unread_of(org)
    states = {one.state for one in entries}
    verdict: Verdict = "clear"
    if "found" in states:
        verdict = "found"
    elif "unknown" in states or any(map(_matters, unread)):
        verdict = "unknown"
    stuck = [case.queue for case in cases]
    told = [one for one in entries if one.state == "found"]
    retries = _distinct(
        line for one in told for line in one.commands if line.startswith("Retry-Queue")
    )
    return Diagnosis(
        verdict=verdict,
        headline=prose.headline(verdict, entries, stuck),
        summary=prose.summary(verdict, entries, unread),
        findings=tuple(entries),
        unread=unread,
        stuck=how_much_waits(org, stuck),
        origin=org.origin,
        repair=(*plan.commands, *retries),
        undo=plan.rollback,
        taken=org.taken.isoformat(timespec="seconds") if org.taken else None,
        plan=plan,
    )


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
