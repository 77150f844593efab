"""The incident: which check explains which stuck queue, and what configuration shows beside that.

Configuration and queues are judged apart and then put together: a stuck queue speaks for the fault
on its path that its error names; a fault on a path in use is one also with no queue stuck (contract
8.11); a stuck queue that no configuration explains is a finding of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mailflow.analysis.analysis import Analysis
from mailflow.analysis.paths import CONFIGURATION_CAUSES, ROLE_CONFLICT, TIED, MailPath
from mailflow.analysis.queues import QueueCase
from mailflow.analysis.servers import ServerView
from mailflow.checks.check import Finding, State
from mailflow.checks.errors import INACTIVE
from mailflow.checks.registry import CARDS, CHECKS
from mailflow.exchange.causes import UNRECOGNISED
from mailflow.exchange.connectors import ReceiveConnector

OUTSIDE = "outside-the-connectors"
ROUTING = "routing-or-loop"


@dataclass(frozen=True)
class Diagnosed:
    """What an incident looks like.

    Attributes:
        cases: the stuck queues.
        paths: all mail paths, with those found that a stuck queue made so.
        findings: found before unknown, each best first; then what was looked for and is not there.
    """

    cases: tuple[QueueCase, ...]
    paths: tuple[MailPath, ...]
    findings: tuple[Finding, ...]


def diagnose(analysis: Analysis, min_messages: int = 1) -> Diagnosed:
    """Every cause of stuck mail, in one of four states.

    Args:
        analysis: of a snapshot.
        min_messages: queues with fewer messages do not count as stuck.
    """
    cases = analysis.stuck(min_messages)
    paths = _on_evidence(analysis.paths, cases)
    suspects = _suspects(paths)
    _conflicts_elsewhere(analysis.servers, suspects)
    by_sender: dict[ServerView, list[_Suspect]] = {}
    for suspect in suspects.values():
        for sender in dict.fromkeys(path.sender for path in suspect.telling):
            by_sender.setdefault(sender, []).append(suspect)
    complaints: dict[tuple[str, str | None, State], _Complaint] = {}
    unknown: dict[ServerView, list[MailPath]] = {}
    for path in paths:
        if path.state == "unknown":
            unknown.setdefault(path.sender, []).append(path)
    for case in cases:
        mine = by_sender.get(case.sender, []) if case.sender else []
        dark = unknown.get(case.sender, []) if case.sender else None
        _place(case, mine, complaints, in_the_dark=_is_in_the_dark(case, dark))
    entries = [each.finding for each in suspects.values()]
    entries += [each.finding for each in complaints.values()]
    entries = _ordered(entries)
    return Diagnosed(cases, paths, (*entries, *_the_rest(analysis.paths, entries)))


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
        wrong = self.cause == ROLE_CONFLICT or any(path.state == "found" for path in self.paths)
        return "found" if wrong else "unknown"

    @property
    def telling(self) -> list[MailPath]:
        """The paths that carry the state."""
        state = self.state
        return [path for path in self.paths if path.state == state]

    @property
    def finding(self) -> Finding:
        """What it comes to."""
        return Finding(
            check=CHECKS[self.cause],
            state=self.state,
            server=self.target,
            connector=self.connector,
            paths=tuple(self.telling),
            queues=tuple(self.queues),
        )

    def concerns(self, case: QueueCase, admitted: frozenset[str]) -> bool:
        """Whether a queue of one of its senders may wait for it: by its error and its next hop.

        A tie may hide any fault of the connectors.
        """
        admits = bool(admitted) if self.cause == TIED else self.cause in admitted
        return admits and self.target in case.targets


@dataclass(slots=True)
class _Complaint:
    """A cause that the errors of stuck queues name and no configuration explains."""

    cause: str
    server: ServerView | None
    state: State
    cases: list[QueueCase] = field(default_factory=list)

    @property
    def finding(self) -> Finding:
        """What it comes to."""
        return Finding(
            check=CHECKS[self.cause],
            state=self.state,
            server=self.server,
            queues=tuple(self.cases),
            note=self._candidates if self.state == "unknown" else "",
        )

    @property
    def _candidates(self) -> str:
        """What the errors may come from, where they do not tell it by themselves."""
        causes = dict.fromkeys(
            cause
            for case in self.cases
            if case.explanation.cause is None
            for cause in case.explanation.candidates
        )
        if len(causes) < 2 or self.cause == OUTSIDE:
            return ""
        return f" Possible causes: {'; '.join(CARDS[cause].title for cause in causes)}."


_Suspects = dict[tuple[str, str, str | None], _Suspect]


def _admits(case: QueueCase) -> frozenset[str]:
    """The faults of configuration that the error of a queue may come from."""
    if case.is_empty:
        return frozenset(CONFIGURATION_CAUSES)
    return frozenset(case.explanation.candidates) & frozenset(CONFIGURATION_CAUSES)


def _on_evidence(paths: Sequence[MailPath], cases: Sequence[QueueCase]) -> tuple[MailPath, ...]:
    """Paths that configuration leaves open become found where a queue is stuck with 5.7.3.

    Only where no other path of that queue explains it already.
    """
    if not any(path.on_evidence for path in paths):
        return tuple(paths)
    found = [path for path in paths if path.state == "found"]
    speaking = [
        (case, admitted)
        for case in cases
        if case.is_exchange_auth
        and (admitted := _admits(case))
        and not any(path.cause in admitted and _is_on(path, case) for path in found)
    ]
    return tuple(
        path.assessed(replace(path.assessment, state="found"))
        if path.on_evidence
        and any(path.cause in admitted and _is_on(path, case) for case, admitted in speaking)
        else path
        for path in paths
    )


def _is_on(path: MailPath, case: QueueCase) -> bool:
    return path.sender is case.sender and path.target in case.targets


def _suspects(paths: Iterable[MailPath]) -> _Suspects:
    found: _Suspects = {}
    for path in paths:
        if path.state == "clear" or path.cause is None:
            continue
        identity = path.connector.identity.casefold() if path.connector else None
        key = (path.cause, path.target.name, identity)
        suspect = found.setdefault(key, _Suspect(path.cause, path.target, path.connector))
        suspect.paths.append(path)
    return found


def _conflicts_elsewhere(servers: Iterable[ServerView], suspects: _Suspects) -> None:
    """A role conflict is a fault on whatever endpoint it is: who gets the socket is chance (C9)."""
    for view in servers:
        for conflict in view.role_conflicts if view.covered else ():
            key = (ROLE_CONFLICT, view.name, conflict.odd.identity.casefold())
            suspects.setdefault(key, _Suspect(ROLE_CONFLICT, view, conflict.odd))


def _is_in_the_dark(case: QueueCase, unknown: Iterable[MailPath] | None) -> bool:
    """Whether the error may come from configuration that was not read.

    Then its own cause is one of several, however clear the text is.

    Args:
        case: the queue.
        unknown: the undetermined paths of its server; None: the server is not known.
    """
    if not _admits(case):
        return False
    return unknown is None or any(path.target in case.targets for path in unknown)


def _place(
    case: QueueCase,
    suspects: Iterable[_Suspect],
    complaints: dict[tuple[str, str | None, State], _Complaint],
    *,
    in_the_dark: bool,
) -> None:
    """Give a stuck queue to the faults that explain it, or make a finding of its error.

    Args:
        case: the queue.
        suspects: those on paths of its server.
        complaints: what errors named so far.
        in_the_dark: whether configuration that was not read may explain it.
    """
    admitted = _admits(case)
    concerned = [each for each in suspects if each.concerns(case, admitted)]
    found = [each for each in concerned if each.state == "found"]
    for each in found or concerned:
        each.queues.append(case)
    if found:
        return
    cause = _own_cause(case, in_doubt=bool(concerned), in_the_dark=in_the_dark)
    if cause is None:
        return
    name, state = cause
    server = case.named or (case.targets[0] if len(case.targets) == 1 else None)
    key = (name, server.name if server else None, state)
    complaints.setdefault(key, _Complaint(name, server, state)).cases.append(case)


def _own_cause(case: QueueCase, *, in_doubt: bool, in_the_dark: bool) -> tuple[str, State] | None:
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
        return says.cause, "found" if whole and not in_the_dark else "unknown"
    if INACTIVE in says.candidates and case.inactive:
        return INACTIVE, "found"
    if in_doubt:
        return None
    others = [each for each in says.candidates if each not in CONFIGURATION_CAUSES]
    return (others[0] if others else UNRECOGNISED), "unknown"


_RANKS: Mapping[str, int] = {cause: number for number, cause in enumerate(CHECKS)}
_STATES: Mapping[State, int] = {"found": 0, "unknown": 1, "clear": 2, "not-applicable": 3}


def _ordered(entries: Iterable[Finding]) -> list[Finding]:
    """Found before unknown; what explains stuck queues first; then by likelihood."""
    return sorted(
        entries,
        key=lambda each: (
            _STATES[each.state],
            not each.queues,
            _RANKS[each.id],
            each.server.name if each.server else "",
            each.connector.identity if each.connector else "",
        ),
    )


def _the_rest(paths: Sequence[MailPath], entries: Sequence[Finding]) -> list[Finding]:
    """The causes that were looked for and not found.

    `clear` only where everything was read that could have shown the cause; a cause that only an
    error can name does not apply where no error names it.
    """
    named = {each.id for each in entries}
    complete = bool(paths) and all(path.state != "unknown" for path in paths)
    others = [each for each in CHECKS.values() if each.id not in named]
    pairs = len({(path.sender, path.target) for path in paths}) if complete else 0
    rest = [
        Finding(check=each, state="clear", evidence=pairs)
        for each in others
        if complete and each.id in CONFIGURATION_CAUSES
    ]
    rest += [
        Finding(check=each, state="not-applicable")
        for each in others
        if each.id not in CONFIGURATION_CAUSES
    ]
    return rest
