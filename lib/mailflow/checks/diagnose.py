"""The incident: which check explains which stuck queue, and what configuration shows beside that.

Configuration and queues are judged apart and then put together: a stuck queue speaks for the fault
on its path that its error names; a fault on a path in use is one also with no queue stuck (contract
8.11); a stuck queue that no configuration explains is a finding of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from mailflow.analysis.analysis import Analysis
from mailflow.analysis.assessment import (
    CONFIGURATION_CAUSES,
    PATH_CAUSES,
    RIGHTS_DENIED,
    ROLE_CONFLICT,
    TIED,
)
from mailflow.analysis.evidence import Evidence
from mailflow.analysis.missing import CONNECTORS, Missing
from mailflow.analysis.paths import MailPath
from mailflow.analysis.queues import QueueCase, Waiting
from mailflow.analysis.servers import ServerView
from mailflow.checks import internal_transport_certificate, observed, waits
from mailflow.checks.check import ConnectorWords, Finding, State
from mailflow.checks.errors import INACTIVE
from mailflow.checks.registry import CARDS, CHECKS, in_order
from mailflow.checks.sending import OUTSIDE, ROUTING, Sending
from mailflow.exchange.causes import UNRECOGNISED
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.phrases import either

_LEAVES = frozenset({"SmartHostConnectorDelivery", "DnsConnectorDelivery"})
"""Delivery types of mail that leaves the organization (section 4.2)."""


@dataclass(frozen=True)
class Diagnosed:
    """What an incident looks like.

    Attributes:
        cases: the stuck queues.
        waiting: all queues whose messages do not move, and why.
        paths: all mail paths, with those found that a stuck queue made so.
        findings: found before unknown, each best first; then what was looked for and is not there.
    """

    cases: tuple[QueueCase, ...]
    paths: tuple[MailPath, ...]
    findings: tuple[Finding, ...]
    waiting: tuple[Waiting, ...] = ()


def diagnose(analysis: Analysis, min_messages: int = 1) -> Diagnosed:
    """Every cause of stuck mail, in one of four states.

    Args:
        analysis: of a snapshot.
        min_messages: queues with fewer messages do not count as stuck.
    """
    cases = analysis.stuck(min_messages)
    evidence = Evidence(analysis.judge)
    paths = observed.on_logs(
        analysis, analysis.paths, lambda path: _speaking(cases, path, evidence)
    )
    paths = _on_evidence(paths, cases, evidence)
    suspects = _suspects(paths)
    _conflicts_elsewhere(analysis.servers, suspects)
    by_sender: dict[ServerView, list[_Suspect]] = {}
    for suspect in suspects.values():
        for sender in dict.fromkeys(path.sender for path in suspect.telling):
            by_sender.setdefault(sender, []).append(suspect)
    complaints: dict[tuple[str, str | None, State], _Complaint] = {}
    sending = Sending(analysis)
    unknown = _undetermined(paths)
    decided: dict[tuple[str, ...], _Decided] = {}
    waiting = analysis.waiting(min_messages)
    told = waits.find(waiting)
    apart = {case.queue.identity for each in told for case in each.queues}
    for case in (case for case in cases if case.queue.identity not in apart):
        mine = by_sender.get(case.sender, []) if case.sender else []
        dark = unknown.get(case.sender, []) if case.sender else None
        concerned = [each for each in mine if each.concerns(case, evidence)]
        own = _own_cause(case, concerned, in_the_dark=_is_in_the_dark(case, dark))
        is_found = bool(own and own[1] == "found") or any(
            each.state == "found" for each in concerned
        )
        if own is not None and sending.explains(case, own):
            own, is_found = None, True
        spoken_of = () if is_found else [path for path in paths if evidence.speaks_of(case, path)]
        if _decide(case, observed.decide(analysis, case, spoken_of), decided):
            own, concerned = None, []
        carriers = [each for each in concerned if each.state == "found"] or concerned
        for each in carriers:
            each.queues.append(case)
        if own is not None:
            _complain(case, own, complaints, _judged(case, analysis.paths, evidence))
    entries = [each.finding for each in suspects.values()]
    entries += [each.finding for each in complaints.values()]
    entries += [each.finding for each in decided.values()]
    entries += sending.beside(entries)
    entries += internal_transport_certificate.unnoticed(analysis, paths, entries)
    entries += observed.differences(analysis, paths)
    entries += told
    entries += waits.asleep(analysis, paths, entries)
    entries = in_order(entries)
    return Diagnosed(cases, paths, (*entries, *_the_rest(analysis.paths, entries)), waiting)


def _undetermined(paths: Iterable[MailPath]) -> dict[ServerView, list[MailPath]]:
    """The undetermined paths by sender."""
    found: dict[ServerView, list[MailPath]] = {}
    for path in paths:
        if path.state == "unknown":
            found.setdefault(path.sender, []).append(path)
    return found


@dataclass(slots=True)
class _Suspect:
    """Paths with one cause at one target and connector, and the queues that speak for it."""

    cause: str
    target: ServerView
    connector: ReceiveConnector | None
    paths: list[MailPath] = field(default_factory=list)
    queues: list[QueueCase] = field(default_factory=list)
    certain: bool = False

    @property
    def state(self) -> State:
        """Found as soon as one path is, or where it is certain whatever mail takes it."""
        wrong = self.certain or any(path.state == "found" for path in self.paths)
        return "found" if wrong else "unknown"

    @property
    def telling(self) -> list[MailPath]:
        """The paths that carry the state."""
        state = self.state
        return [path for path in self.paths if path.state == state]

    @property
    def finding(self) -> Finding:
        """What it comes to, with only those paths that carry its state."""
        return Finding(
            check=CHECKS[self.cause],
            state=self.state,
            server=self.target,
            connector=self.connector,
            paths=tuple(self.telling),
            queues=tuple(self.queues),
            note="".join(f" {words}" for words in self._observed),
        )

    @property
    def _observed(self) -> Iterable[str]:
        """What logs show, where configuration alone left it open."""
        said = (path.assessment.observed for path in self.telling)
        return dict.fromkeys(words for words in said if words)

    def concerns(self, case: QueueCase, evidence: Evidence) -> bool:
        """Whether a queue of one of its senders may wait for it: by its error and its next hop.

        A tie may hide any fault of the connectors.
        """
        admitted = _admits(case)
        admits = bool(admitted) if self.cause == TIED else self.cause in admitted
        return admits and any(evidence.speaks_of(case, path) for path in self.telling)


@dataclass(slots=True)
class _Complaint:
    """A cause that the errors of stuck queues name and no configuration explains."""

    cause: str
    server: ServerView | None
    state: State
    cases: list[QueueCase] = field(default_factory=list)
    judged: bool = False

    @property
    def finding(self) -> Finding:
        """What it comes to."""
        unjudged = self.cause == OUTSIDE and not self.judged
        return Finding(
            check=CHECKS[self.cause],
            state=self.state,
            server=self.server,
            queues=tuple(self.cases),
            note=self._unjudged
            if unjudged
            else self._candidates
            if self.state == "unknown"
            else "",
            evidence=ConnectorWords("", self._export) if unjudged else None,
        )

    @property
    def _unjudged(self) -> str:
        """Nothing is said of connectors that were not judged on the way of the queue."""
        hosts = either(dict.fromkeys(_next_hop(case) for case in self.cases))
        return (
            f" The receive connectors of {hosts} are not in the export, so nothing is said of them."
        )

    @property
    def _export(self) -> str:
        """What would tell, a command a line."""
        lines = [
            "Export the receive connectors of the server that the queue leads to, then rerun:",
            Missing("", CONNECTORS).command,
        ]
        if any(case.queue.delivery_type in _LEAVES for case in self.cases):
            lines += [
                "If the next hop is no Exchange server, see what authentication is asked of it:",
                "Get-SendConnector | Format-List Name, SmartHosts, SmartHostAuthMechanism",
            ]
        return "\n".join(lines)

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


@dataclass(slots=True)
class _Decided:
    """A cause that observations decide at one target and connector."""

    first: observed.Decision
    cases: list[QueueCase] = field(default_factory=list)
    words: list[ConnectorWords] = field(default_factory=list)

    @property
    def finding(self) -> Finding:
        """What it comes to, with what was observed for each queue."""
        parts = list(dict.fromkeys(self.words))
        return Finding(
            check=CHECKS[self.first.cause],
            state=self.first.state,
            server=self.first.server,
            connector=self.first.connector,
            queues=tuple(self.cases),
            evidence=ConnectorWords(
                " ".join([*(words.reading for words in parts), self.first.means]).strip(),
                "\n".join(dict.fromkeys(words.advice for words in parts)),
                tuple(dict.fromkeys(each for words in parts for each in words.addresses)),
            ),
        )


_Suspects = dict[tuple[str, str, str | None], _Suspect]


def _admits(case: QueueCase) -> frozenset[str]:
    """The faults of configuration that the error of a queue may come from."""
    if case.is_empty:
        return frozenset(PATH_CAUSES)
    admitted = frozenset(case.explanation.candidates) & frozenset(CONFIGURATION_CAUSES)
    return admitted | {RIGHTS_DENIED} if case.lacks_a_right else admitted


def _on_evidence(
    paths: Sequence[MailPath], cases: Sequence[QueueCase], evidence: Evidence
) -> tuple[MailPath, ...]:
    """Paths that configuration leaves open become found where a queue is stuck with 5.7.3.

    Only where no other path of that queue explains it already.
    """
    if not any(path.on_evidence for path in paths):
        return tuple(paths)
    found = [path for path in paths if path.state == "found"]
    speaking = [
        (case, admitted)
        for case in cases
        if (case.is_exchange_auth or case.lacks_a_right)
        and (admitted := _admits(case))
        and not any(path.cause in admitted and evidence.speaks_of(case, path) for path in found)
    ]
    return tuple(
        path.assessed(replace(path.assessment, state="found", why=""))
        if path.on_evidence
        and any(
            path.cause in admitted and evidence.speaks_of(case, path) for case, admitted in speaking
        )
        else path
        for path in paths
    )


def _speaking(cases: Iterable[QueueCase], path: MailPath, evidence: Evidence) -> list[QueueCase]:
    """The queues stuck with 5.7.3 that may wait for a path."""
    return [case for case in cases if case.is_exchange_auth and evidence.speaks_of(case, path)]


def _decide(
    case: QueueCase,
    decisions: Sequence[observed.Decision],
    decided: dict[tuple[str, ...], _Decided],
) -> bool:
    """Make findings of what was observed for a queue, or add the queue to them.

    Returns:
        Whether anything was decided.
    """
    for seen in decisions:
        connector = seen.connector.identity.casefold() if seen.connector else ""
        key = (seen.cause, seen.state, seen.server.name, connector)
        entry = decided.setdefault(key, _Decided(seen))
        entry.cases.append(case)
        entry.words.append(seen.words)
    return bool(decisions)


def _judged(case: QueueCase, paths: Iterable[MailPath], evidence: Evidence) -> bool:
    """Whether a path that the error may speak of was judged and is in order."""
    return any(path.state == "clear" and evidence.speaks_of(case, path) for path in paths)


def _next_hop(case: QueueCase) -> str:
    return case.error.fqdn or case.error.ip or case.queue.next_hop_domain or "the next hop"


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
    """A role conflict is a fault on whatever endpoint it is: who gets the socket is chance (C9).

    It is unknown where it was not read whether one of the two is enabled.
    """
    for view in servers:
        if not view.covered:
            continue
        pairs = [(each, True) for each in view.role_conflicts]
        pairs += [(each, False) for each in view.possible_role_conflicts]
        for conflict, certain in pairs:
            odd = view.connector(conflict.odd.identity)
            key = (ROLE_CONFLICT, view.name, conflict.odd.identity.casefold())
            suspects.setdefault(key, _Suspect(ROLE_CONFLICT, view, odd, certain=certain))


def _is_in_the_dark(case: QueueCase, unknown: Iterable[MailPath] | None) -> bool:
    """Whether the error may come from configuration that was not read.

    Then its own cause is one of several, however clear the text is.

    Args:
        case: the queue.
        unknown: the undetermined paths of its server; None: the server is not known.
    """
    if not _admits(case):
        return False
    return unknown is None or any(path.target in case.aimed_at for path in unknown)


def _complain(
    case: QueueCase,
    own: tuple[str, State],
    complaints: dict[tuple[str, str | None, State], _Complaint],
    judged: bool,
) -> None:
    """Make a finding of a queue's error, or add the queue to one.

    Args:
        case: the queue.
        own: the cause that its error names, and how sure that is.
        complaints: what errors named so far.
        judged: whether a path that the error may speak of is in order.
    """
    name, state = own
    server = case.named or (case.targets[0] if len(case.aimed_at) == 1 else None)
    key = (name, server.name if server else None, state)
    complaint = complaints.setdefault(key, _Complaint(name, server, state))
    complaint.cases.append(case)
    complaint.judged |= judged


def _own_cause(
    case: QueueCase, concerned: Sequence[_Suspect], *, in_the_dark: bool
) -> tuple[str, State] | None:
    """The finding that a queue's error makes by itself; None where a suspect carries it already.

    Args:
        case: the queue.
        concerned: the suspects that it may wait for.
        in_the_dark: whether configuration that was not read may explain it.
    """
    if any(each.state == "found" for each in concerned):
        return None
    in_doubt = bool(concerned)
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
        if complete and each.id in PATH_CAUSES
    ]
    rest += [
        Finding(check=each, state="not-applicable") for each in others if each.id not in PATH_CAUSES
    ]
    return rest
