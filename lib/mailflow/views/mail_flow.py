"""Who tries to reach whom through which connectors: the arrows of the picture, equal ones grouped.

An arrow stands for paths of one kind. A path counts as working only if its configuration is in
order and nothing speaks against it: neither a queue that is stuck on it nor a finding about its
target. What is left open is an arrow of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from mailflow.analysis.analysis import analyze
from mailflow.analysis.assessment import (
    DEFAULT_LACKS_AUTH,
    GROUP_MISSING,
    NOBODY,
    RIGHTS_DENIED,
    ROLE_CONFLICT,
    SHADOWED,
    SUPPRESSED,
    TIED,
)
from mailflow.analysis.paths import MailPath
from mailflow.analysis.queues import QueueCase, Waiting, as_of
from mailflow.analysis.servers import ServerView
from mailflow.checks.check import Finding
from mailflow.checks.diagnose import Diagnosed, diagnose
from mailflow.checks.errors import INACTIVE
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.queues import Queue
from mailflow.phrases import clock, joined
from mailflow.picture import FlowDoor, FlowRoute, FlowWait, MailFlow, Tone
from mailflow.repair.plan import Repair
from mailflow.repair.simulation import applied
from mailflow.snapshot import Snapshot

_LACKS = {
    SHADOWED: "offers no Exchange Server authentication",
    DEFAULT_LACKS_AUTH: "offers no Exchange Server authentication",
    GROUP_MISSING: "does not allow the ExchangeServers group",
    SUPPRESSED: "suppresses X-ANONYMOUSTLS",
    RIGHTS_DENIED: "denies a right that Exchange servers need",
    NOBODY: "no receive connector accepts the connection",
    ROLE_CONFLICT: "claims the port of another transport service",
}
"""What the connector that accepts the connection does, or why none does (S3.30)."""

_MAY_LEAD_HERE = "the stuck queue may lead here"
_WORKS = "offers Exchange Server authentication"

_TONES: Mapping[str, Tone] = {"found": "bad", "unknown": "unknown", "clear": "good"}
_ORDER = ("bad", "unknown", "good")

_Pair = tuple[str, str]
"""Names of a sender and a target."""


def mail_flow(
    org: Snapshot, found: Diagnosed, watched: Collection[_Pair] = (), caption: str = ""
) -> MailFlow:
    """The picture of an incident.

    Args:
        org: the snapshot.
        found: what is wrong in it.
        watched: pairs of names whose arrows show the connector also where they work.
        caption: of when it is.
    """
    kinds = _Kinds(as_of(org))
    pairs = _worst(found.paths)
    queues = [each for each in found.waiting if each.why == "stuck"]
    for each in found.waiting:
        if each.why != "stuck":
            kinds.stays(each, _finding_of(each.case, found.findings))
    for each in queues:
        kinds.stuck(each.case, pairs, _finding_of(each.case, found.findings))
    doubted = _doubted(found.findings)
    for (sender, target), path in pairs.items():
        about = doubted.get(target)
        if path.state == "clear" and about is not None:
            kinds.told(path, about)
        else:
            kinds.add(path, is_watched=(sender, target) in watched)
    return MailFlow(kinds.routes(), len(analyze(org).servers), caption)


def after_repair(org: Snapshot, before: MailFlow | None, plan: Repair) -> MailFlow | None:
    """The same picture as the repair leaves it, with all queues retried; None: there is none."""
    if not plan.edits:
        return None
    changed = replace(applied(org, plan.edits), queues=())
    return flow_of(changed, before, "After the repair (proven)")


def flow_of(
    org: Snapshot, before: MailFlow | None, caption: str, min_messages: int = 1
) -> MailFlow | None:
    """The picture of an organization with the arrows of `before` that fail, as they are now."""
    if before is None:
        return None
    found = diagnose(analyze(org), min_messages)
    return mail_flow(org, found, failing(before), caption)


def failing(flow: MailFlow) -> frozenset[_Pair]:
    """The pairs of names whose arrows fail."""
    return frozenset(
        (sender, target)
        for route in flow.routes
        if route.state == "bad"
        for sender in route.senders
        for target in route.targets
    )


def _worst(paths: Iterable[MailPath]) -> dict[_Pair, MailPath]:
    """Of the paths between two servers (several addresses, endpoints) the one that tells most."""
    rank = {"found": 0, "unknown": 1, "clear": 2}
    pairs: dict[_Pair, MailPath] = {}
    for path in paths:
        key = (path.sender.name, path.target.name)
        if key not in pairs or rank[path.state] < rank[pairs[key].state]:
            pairs[key] = path
    return pairs


def _doubted(findings: Iterable[Finding]) -> dict[str, Finding]:
    """Targets of which a finding says that they take no mail, whoever sends it."""
    doubted: dict[str, Finding] = {}
    for each in findings:
        if each.server is None or each.state not in ("found", "unknown"):
            continue
        if each.id == INACTIVE or not (each.paths or each.queues):
            doubted.setdefault(each.server.name, each)
    return doubted


def _told(finding: Finding) -> str:
    """What a finding says beside an arrow; a cause that is not decided is no statement."""
    title = finding.check.card.title
    is_open = finding.state == "unknown" and finding.paths and finding.id != TIED
    return f"undetermined: {title}" if is_open else title


def _finding_of(case: QueueCase, findings: Iterable[Finding]) -> Finding | None:
    """The best finding that a queue speaks for."""
    return next(
        (
            each
            for each in findings
            if each.state in ("found", "unknown")
            and any(mine.queue is case.queue for mine in each.queues)
        ),
        None,
    )


@dataclass(slots=True)
class _Kind:
    """The paths of one kind: what they have in common, and who they are between."""

    route: FlowRoute
    targets: dict[str, dict[str, ServerView | None]] = field(default_factory=dict)
    views: dict[str, ServerView | None] = field(default_factory=dict)
    ranges: dict[str, None] = field(default_factory=dict)

    def add(
        self, sender: str, target: str, views: tuple[ServerView | None, ServerView | None]
    ) -> None:
        """Take the path between two servers."""
        self.targets.setdefault(sender, {})[target] = views[1]
        self.views[sender] = views[0]

    def routes(self) -> list[FlowRoute]:
        """An arrow for all senders with the same targets; one for all where the path works."""
        if self.route.state != "bad":
            targets = {name: view for each in self.targets.values() for name, view in each.items()}
            return [self._route(sorted(self.targets), targets, self._number(self.targets))]
        alike: dict[frozenset[str], list[str]] = {}
        for sender, targets in self.targets.items():
            alike.setdefault(frozenset(targets), []).append(sender)
        return [
            self._route(sorted(senders), self.targets[senders[0]], self._number(senders))
            for senders in alike.values()
        ]

    def _number(self, senders: Iterable[str]) -> int:
        return sum(len(self.targets[sender]) for sender in senders)

    def _route(
        self, senders: Sequence[str], targets: Mapping[str, ServerView | None], paths: int
    ) -> FlowRoute:
        door = self.route.door
        if door is not None and self.ranges:
            door = replace(door, note=_few(self.ranges))
        return replace(
            self.route,
            senders=tuple(senders),
            targets=tuple(sorted(targets)),
            paths=paths,
            sender_note=_version(self.views[sender] for sender in senders),
            target_note=_version(targets.values()),
            door=door,
        )


class _Kinds:
    """Collects paths and queues by kind."""

    def __init__(self, moment: datetime | None) -> None:
        self._moment = moment
        self._kinds: dict[FlowRoute, _Kind] = {}
        self._stuck: dict[str, list[QueueCase]] = {}
        self._local: list[FlowRoute] = []

    def stays(self, waiting: Waiting, finding: Finding | None) -> None:
        """Take a queue whose messages do not leave the server: suspended, poison, submission."""
        queue = waiting.queue
        state = _TONES[finding.state] if finding else "unknown"
        name = waiting.case.sender.name if waiting.case.sender else queue.server
        why = _told(finding) if finding else f"status of {queue.identity} unknown"
        route = FlowRoute(
            state, (name,), (), 1, why=why, waits=(FlowWait(name, queue.message_count),)
        )
        self._local.append(route)

    def stuck(self, case: QueueCase, pairs: dict[_Pair, MailPath], finding: Finding | None) -> None:
        """Take a stuck queue: what it speaks for, or an arrow of its own.

        The pairs that its own arrow stands for leave `pairs`.
        """
        sender = case.sender.name if case.sender else case.queue.server
        self._stuck.setdefault(sender, []).append(case)
        aimed = [view for view in case.aimed_at if view.name != sender]
        mine = [pairs[key] for view in aimed if (key := (sender, view.name)) in pairs]
        is_told = finding is not None and finding.state == "found" and not finding.paths
        if any(path.state == "found" for path in mine) and not is_told:
            return
        where: dict[str, ServerView | None] = {view.name: view for view in aimed}
        where = where or {_next_hop(case): None}
        state = _TONES[finding.state] if finding else "unknown"
        why = _told(finding) if finding else "cause not determined"
        if state == "bad" and len(where) > 1:
            state, why = "unknown", f"{why}; which of these targets is unknown"
        port = next((path.endpoint.port for path in mine if path.endpoint), None)
        kind = self._of(FlowRoute(state, (), (), 0, port, why=why))
        # The finding speaks of other paths of this queue: of this one only the queue does.
        perhaps = self._of(FlowRoute("unknown", (), (), 0, port, why=_MAY_LEAD_HERE))
        for name, view in where.items():
            path = pairs.get((sender, name))
            if path is None or path.state == "clear" or is_told:
                speaks = not finding or not finding.paths or path is None
                (kind if speaks else perhaps).add(sender, name, (case.sender, view))
                pairs.pop((sender, name), None)

    def told(self, path: MailPath, finding: Finding) -> None:
        """Take a path to a server of which a finding says something, whoever sends."""
        self._take(
            path,
            FlowRoute(_TONES[finding.state], (), (), 0, _port(path), why=_told(finding)),
        )

    def add(self, path: MailPath, *, is_watched: bool = False) -> None:
        """Take a path as configuration judges it."""
        state = _TONES[path.state]
        if state == "unknown":
            missing = path.missing
            what = (
                " ".join(filter(None, (missing.cmdlet, missing.property_name))) if missing else ""
            )
            why = f"missing data: {what}" if what else path.why
            self._take(path, FlowRoute("unknown", (), (), 0, _port(path), why=why))
            return
        if state == "good" and not is_watched:
            self._take(path, FlowRoute("good", (), (), 0, _port(path)))
            return
        connector = path.accepted_by if state == "good" else path.connector or path.accepted_by
        says = _WORKS if state == "good" else _LACKS.get(path.cause or "", "")
        door = FlowDoor(_name(connector, path.target), "", says) if connector else None
        should = _should(path) if state == "bad" else None
        if state == "bad" and path.cause == NOBODY and door is not None:
            should, door = replace(door, says=""), None
        why = says if door is None else ""
        kind = self._take(
            path, FlowRoute(state, (), (), 0, _port(path), door=door, should=should, why=why)
        )
        if path.range and not path.range.is_everything:
            kind.ranges[str(path.range)] = None

    def routes(self) -> tuple[FlowRoute, ...]:
        """All arrows: what fails first, and of that where the most waits."""
        routes = [route for kind in self._kinds.values() if kind.targets for route in kind.routes()]
        said: set[str] = set()
        told = []
        for route in sorted(routes, key=self._place):
            senders = [name for name in route.senders if name in self._stuck and name not in said]
            if route.state == "good" or not senders:
                told.append(route)
                continue
            said.update(senders)
            told.append(replace(route, waits=self._waits(senders), since=self._since(senders)))
        ranked = sorted(
            [*told, *self._local], key=lambda each: (_ORDER.index(each.state), each.door is None)
        )
        return tuple(ranked)

    def _place(self, route: FlowRoute) -> tuple[int, int, int, tuple[str, ...]]:
        waits = sum(each.messages or 0 for each in self._waits(route.senders))
        return _ORDER.index(route.state), -waits, -route.paths, (*route.senders, *route.targets)

    def _waits(self, senders: Iterable[str]) -> tuple[FlowWait, ...]:
        waits = [
            FlowWait(name, _total(case.queue for case in self._stuck[name]))
            for name in senders
            if name in self._stuck
        ]
        return tuple(sorted(waits, key=lambda each: (-(each.messages or 0), each.server)))

    def _since(self, senders: Iterable[str]) -> str:
        """`waiting since 11:48 UTC · 451 5.7.3`."""
        cases = [case for name in senders for case in self._stuck[name]]
        first = [
            case.queue.first_retry.instant
            for case in cases
            if case.queue.first_retry and case.queue.first_retry.instant
        ]
        codes = dict.fromkeys(
            " ".join(filter(None, (case.error.innermost.code, case.error.innermost.enhanced)))
            for case in cases
        )
        parts = [f"waiting since {clock(min(first), self._moment)}"] if first else []
        return " · ".join([*parts, joined(filter(None, codes), most=2)]).strip(" ·")

    def _of(self, common: FlowRoute) -> _Kind:
        return self._kinds.setdefault(common, _Kind(common))

    def _take(self, path: MailPath, common: FlowRoute) -> _Kind:
        kind = self._of(common)
        kind.add(path.sender.name, path.target.name, (path.sender, path.target))
        return kind


def _should(path: MailPath) -> FlowDoor | None:
    """The connector that setup made for servers, where another one accepts them."""
    if path.endpoint is None or path.cause != SHADOWED:
        return None
    intended = path.target.intended(path.endpoint.process, path.endpoint.port)
    if intended is None or intended is path.connector:
        return None
    says = _WORKS if intended.offers_exchange_auth else ""
    return FlowDoor(_name(intended, path.target), "", says)


def _name(connector: ReceiveConnector, view: ServerView) -> str:
    """Without the name of its server behind it, so that connectors that setup made are alike."""
    head, _, tail = connector.name.rpartition(" ")
    return head if head and tail.casefold() == view.name.casefold() else connector.name


def _port(path: MailPath) -> int | None:
    return path.endpoint.port if path.endpoint else None


def _version(views: Iterable[ServerView | None]) -> str:
    """`Exchange 2010` where all are of that version."""
    products = {view.server.product if view else "" for view in views}
    product = products.pop() if len(products) == 1 else ""
    return f"Exchange {product}" if product else ""


def _next_hop(case: QueueCase) -> str:
    named = "" if case.named is case.sender else case.error.fqdn
    return named or case.queue.next_hop_domain or case.queue.identity


def _few(ranges: Collection[str]) -> str:
    shown = ", ".join(list(ranges)[:_MOST_RANGES])
    more = len(ranges) - _MOST_RANGES
    return f"{shown} and {more} more" if more > 0 else shown


_MOST_RANGES = 2


def _total(queues: Iterable[Queue]) -> int | None:
    counts = [queue.message_count for queue in queues]
    return None if None in counts else sum(count or 0 for count in counts)
