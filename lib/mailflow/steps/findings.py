"""Step 6: what is wrong, in order of likelihood, each cause in one of four states.

Configuration and queues are judged apart and then put together: a stuck queue speaks for the fault
on its way that its error names; a fault on a way in use is one also with no queue stuck (contract
8.11); a stuck queue that no configuration explains is a finding of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from mailflow.exchange.causes import CAUSES, Explanation, explain
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.last_error import LastError, parse
from mailflow.exchange.queues import Queue
from mailflow.exchange.routing import candidate_targets
from mailflow.exchange.servers import Server
from mailflow.snapshot import ComponentState, Snapshot, Unread
from mailflow.steps import commands, prose
from mailflow.steps.paths import (
    CONFIGURATION_CAUSES,
    DEFAULT_LACKS_AUTH,
    ROLE_CONFLICT,
    SHADOWED,
    SUPPRESSED,
    Path,
    addresses_of,
    connectors_of,
    judged_paths,
    role_conflicts,
)
from mailflow.steps.queues import how_much_waits, is_stuck, queues_of
from mailflow.steps.repair import Repair, repair
from mailflow.steps.verdict import Diagnosis, Finding, State, Verdict

OUTSIDE = "outside-the-connectors"
UNRECOGNISED = "unrecognised-error"
ROUTING = "routing-or-loop"
INACTIVE = "service-inactive"
TRANSPORT_COMPONENTS = frozenset({"ServerWideOffline", "HubTransport", "FrontendTransport"})
"""Of these each must be Active, or the server answers 421 4.3.2 (section 6.2)."""

BESIDE_THE_VERDICT = frozenset(
    {"Get-ADPermission", "Get-ServerComponentState", "Get-ReceiveConnector RequireTLS"}
)
"""Cmdlets and properties that support a finding and make none: unread, they are shown alone."""

NO_EXCHANGE_AUTH = frozenset({SHADOWED, DEFAULT_LACKS_AUTH, SUPPRESSED, ROLE_CONFLICT})
"""The faults of configuration that a sender reports as 5.7.3 (S5.01, C1, C2, C9, C10)."""


def findings(org: Snapshot, min_messages: int = 1) -> Diagnosis:
    """What is wrong in the organisation, best first, and the verdict it adds up to.

    Args:
        org: the snapshot; nothing is fetched.
        min_messages: queues with fewer messages do not count as stuck.
    """
    stuck = [one for one in queues_of(org) if is_stuck(one, min_messages)]
    cases = [_case(org, queue) for queue in stuck]
    paths = _on_evidence(judged_paths(org), cases)
    suspects = _suspects(paths)
    _conflicts_elsewhere(org, suspects)
    complaints: dict[tuple[str, str | None, State], _Complaint] = {}
    for case in cases:
        _place(case, suspects, complaints, in_the_dark=_is_in_the_dark(case, paths))
    entries = [_of_suspect(org, one, suspects) for one in suspects.values()]
    entries += [_of_complaint(one) for one in complaints.values()]
    entries = _ordered(entries)
    entries += _the_rest(org, entries)
    return _diagnosis(org, entries, stuck)


@dataclass(slots=True)
class _Case:
    """A stuck queue, what its error says, and where its messages may be on their way to.

    `inactive` are components that keep every server it may go to from taking mail.
    """

    queue: Queue
    sender: Server | None
    targets: tuple[Server, ...]
    error: LastError
    explanation: Explanation
    named: Server | None
    inactive: tuple[ComponentState, ...] = ()

    @property
    def is_empty(self) -> bool:
        """No error was printed, or none was read: it may be anything (section 6.3, point 7)."""
        return not (self.queue.last_error or "").strip()

    @property
    def is_exchange_auth(self) -> bool:
        """The sender's own finding that it could not authenticate (S5.01)."""
        return self.explanation.is_exchange_auth

    @property
    def admits(self) -> frozenset[str]:
        """The faults of configuration that this error may come from."""
        if self.is_empty:
            return frozenset(CONFIGURATION_CAUSES)
        return frozenset(self.explanation.candidates) & frozenset(CONFIGURATION_CAUSES)


@dataclass(slots=True)
class _Suspect:
    """Paths with one cause at one target and connector, and the queues that speak for it."""

    cause: str
    target: Server
    connector: ReceiveConnector | None
    paths: list[Path] = field(default_factory=list)
    queues: list[Queue] = field(default_factory=list)

    @property
    def state(self) -> State:
        """Found as soon as one path is."""
        if self.cause == ROLE_CONFLICT:
            return "found"
        return "found" if any(one.state == "found" for one in self.paths) else "unknown"

    @property
    def telling(self) -> list[Path]:
        """The paths that carry the state."""
        return [one for one in self.paths if one.state == self.state]

    def concerns(self, case: _Case) -> bool:
        """Whether the queue's messages take one of these paths and its error admits the cause."""
        return (
            self.cause in case.admits
            and self.target in case.targets
            and any(one.sender is case.sender for one in self.telling)
        )


@dataclass(slots=True)
class _Complaint:
    """A cause that the errors of stuck queues name and no configuration explains."""

    cause: str
    server: Server | None
    state: State
    cases: list[_Case] = field(default_factory=list)


_Suspects = dict[tuple[str, str, str | None], _Suspect]


def _case(org: Snapshot, queue: Queue) -> _Case:
    sender = org.server(queue.server)
    error = parse(queue.last_error or "")
    targets = candidate_targets(queue, sender, org.servers)
    named = _named(org, error)
    inactive = _inactive(org, (named,) if named else targets)
    return _Case(queue, sender, targets, error, explain(error), named, inactive)


def _inactive(org: Snapshot, targets: Sequence[Server]) -> tuple[ComponentState, ...]:
    """Components of the targets that take no mail; none where one target has all of them active.

    That one would have taken the mail: then the inactive component explains nothing.
    """
    found: list[ComponentState] = []
    for target in targets:
        mine = [
            one
            for one in org.components
            if target.is_named(one.server)
            and one.component in TRANSPORT_COMPONENTS
            and one.state in ("Inactive", "Draining")
        ]
        if not mine:
            return ()
        found += mine
    return tuple(found)


def _named(org: Snapshot, error: LastError) -> Server | None:
    """The server of the organisation that an error names (S6.09: the one quoted, not the last)."""
    by_name = org.server(error.fqdn) if error.fqdn else None
    if by_name or not error.ip:
        return by_name
    holders = [
        one
        for one in org.servers
        if error.ip in {str(address) for address in addresses_of(org, one)}
    ]
    return holders[0] if len(holders) == 1 else None


def _on_evidence(paths: Sequence[Path], cases: Sequence[_Case]) -> list[Path]:
    """Paths that configuration leaves open become found where a queue is stuck with 5.7.3.

    Only where no other path of that queue explains it already.
    """
    speaking = [
        case
        for case in cases
        if case.is_exchange_auth
        and not any(
            one.state == "found" and one.cause in case.admits and _is_on(one, case) for one in paths
        )
    ]
    return [
        replace(one, state="found")
        if one.on_evidence
        and any(one.cause in case.admits and _is_on(one, case) for case in speaking)
        else one
        for one in paths
    ]


def _is_on(path: Path, case: _Case) -> bool:
    return path.sender is case.sender and path.target in case.targets


def _is_in_the_dark(case: _Case, paths: Sequence[Path]) -> bool:
    """Whether the error may come from configuration that was not read.

    Then its own cause is one of several, however clear the text is.
    """
    return bool(case.admits) and (
        case.sender is None or any(one.state == "unknown" and _is_on(one, case) for one in paths)
    )


def _suspects(paths: Iterable[Path]) -> _Suspects:
    found: _Suspects = {}
    for one in paths:
        if one.state == "clear" or one.cause is None:
            continue
        identity = one.connector.identity.casefold() if one.connector else None
        key = (one.cause, one.target.name, identity)
        suspect = found.setdefault(key, _Suspect(one.cause, one.target, one.connector))
        suspect.paths.append(one)
    return found


def _conflicts_elsewhere(org: Snapshot, suspects: _Suspects) -> None:
    """A role conflict is a fault on whatever endpoint it is: who gets the socket is chance (C9)."""
    for server in org.servers:
        if not org.covers(server.name):
            continue
        for odd, *_ in role_conflicts(connectors_of(org, server)):
            key = (ROLE_CONFLICT, server.name, odd.identity.casefold())
            suspects.setdefault(key, _Suspect(ROLE_CONFLICT, server, odd))


def _place(
    case: _Case,
    suspects: _Suspects,
    complaints: dict[tuple[str, str | None, State], _Complaint],
    *,
    in_the_dark: bool,
) -> None:
    """Give a stuck queue to the faults that explain it, or make a finding of its error."""
    concerned = [one for one in suspects.values() if one.concerns(case)]
    found = [one for one in concerned if one.state == "found"]
    for one in found or concerned:
        one.queues.append(case.queue)
    if found:
        return
    cause = _own_cause(case, in_doubt=bool(concerned), in_the_dark=in_the_dark)
    if cause is None:
        return
    name, state = cause
    server = case.named or (case.targets[0] if len(case.targets) == 1 else None)
    key = (name, server.name if server else None, state)
    complaints.setdefault(key, _Complaint(name, server, state)).cases.append(case)


def _own_cause(case: _Case, *, in_doubt: bool, in_the_dark: bool) -> tuple[str, State] | None:
    """The finding that a queue's error makes by itself; None where a suspect carries it already."""
    if case.queue.delivery_type == "Unreachable" and case.is_empty:
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
        return says.cause, "found" if whole and not in_the_dark else "unknown"
    if INACTIVE in says.candidates and case.inactive:
        return INACTIVE, "found"
    if in_doubt:
        return None
    others = [one for one in says.candidates if one not in CONFIGURATION_CAUSES]
    return (others[0] if others else UNRECOGNISED), "unknown"


def _of_suspect(org: Snapshot, one: _Suspect, suspects: _Suspects) -> Finding:
    connectors = connectors_of(org, one.target)
    telling = one.telling
    todo = Repair()
    if one.state == "found":
        beside = [
            path
            for other in suspects.values()
            if (other.cause, other.target, other.state) == (SHADOWED, one.target, "found")
            for path in other.telling
        ]
        todo = repair(one.cause, one.connector, telling, beside, connectors)
    retries = _retries(one.queues) if todo.commands else []
    return Finding(
        cause=one.cause,
        state=one.state,
        server=one.target.name,
        connector=one.connector.identity if one.connector else None,
        senders=_distinct(path.sender.name for path in telling),
        addresses=_distinct(str(path.address) for path in telling if path.address),
        queues=_distinct(queue.identity for queue in one.queues),
        reading=prose.of_configuration(one.cause, one.target, one.connector, telling, connectors),
        remedy=" ".join(todo.words) if one.state == "found" else prose.what_to_read(telling),
        commands=(*todo.commands, *retries),
        undo=tuple(todo.undo),
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
        reading=prose.of_errors(card, [(case.queue, case.error) for case in one.cases])
        + (prose.of_components(one.cases[0].inactive) if one.cause == INACTIVE else ""),
        remedy=prose.next_checks(card, known),
        facts=card.sources,
    )


def _retries(queues: Iterable[Queue]) -> list[str]:
    """For numbered queues: it does nothing for the unreachable queue (S8.74).

    A queue whose number the capture lost is left out: by next hop several might be meant (4.3).
    """
    lines = []
    for one in queues:
        if not one.identity.rpartition("\\")[2].isdigit():
            continue
        try:
            lines.append(commands.retry(one.identity))
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


def _the_rest(org: Snapshot, entries: Sequence[Finding]) -> list[Finding]:
    """The causes that were looked for and not found.

    `clear` only where everything was read that could have shown the cause; a cause that only an
    error can name does not apply where no error names it.
    """
    open_ones = {one.cause for one in entries}
    paths = judged_paths(org)
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
    return not {one.what, one.what.partition(" ")[0]} & BESIDE_THE_VERDICT


def _diagnosis(org: Snapshot, entries: list[Finding], stuck: Sequence[Queue]) -> Diagnosis:
    unread = unread_of(org)
    states = {one.state for one in entries}
    verdict: Verdict = "clear"
    if "found" in states:
        verdict = "found"
    elif "unknown" in states or any(map(_matters, unread)):
        verdict = "unknown"
    told = [one for one in entries if one.state == "found"]
    fixes = [line for one in told for line in one.commands]
    return Diagnosis(
        verdict=verdict,
        headline=prose.headline(verdict, entries, stuck),
        summary=prose.summary(verdict, entries, unread),
        findings=tuple(entries),
        unread=unread,
        stuck=how_much_waits(org, stuck),
        origin=org.origin,
        repair=(
            *_distinct(line for line in fixes if not line.startswith("Retry-Queue")),
            *_distinct(line for line in fixes if line.startswith("Retry-Queue")),
        ),
        undo=_distinct(line for one in told for line in one.undo),
        taken=org.taken.isoformat(timespec="seconds") if org.taken else None,
    )


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
