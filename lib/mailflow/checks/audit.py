"""The audit: the same rules without an incident, on every endpoint and for servers to come.

What the incident would find on mail paths in use is found here under the same causes. Its own
checks ask further: which connector would intercept a server that does not arrive there yet, which
ones differ from connectors of the same name, accept no host, relay for hosts outside or more widely
than they look, and which lists are in conflict, too long, or longer than they have to be.
What looks alike and is meant so is `clear`, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from mailflow.analysis.analysis import Analysis
from mailflow.analysis.assessment import (
    CONFIGURATION_CAUSES,
    NOBODY,
    ROLE_CONFLICT,
    SHADOWED,
    Assessment,
    assess_connector,
)
from mailflow.analysis.missing import CONNECTORS, Missing
from mailflow.analysis.planned import Planned
from mailflow.analysis.servers import ServerView, out_of_place
from mailflow.checks import (
    certificate_problem,
    connector_never_answers,
    connectors_differ,
    internal_transport_certificate,
    open_relay,
    planned_server_shadowed,
    ranges_conflict,
    ranges_limit,
    ranges_redundant,
    relay_wider_than_it_looks,
    send_connector_source,
    twin_differs,
)
from mailflow.checks.check import ConnectorWords, Finding, State
from mailflow.checks.registry import CHECKS, in_order
from mailflow.checks.ways import Way, judged_ways
from mailflow.exchange.conflicts import TEXT_A, Conflict, find_conflicts
from mailflow.exchange.connectors import AuthMechanism, ReceiveConnector, setup_default
from mailflow.phrases import counted, joined

PLANNED = planned_server_shadowed.CARD.id

AUDIT_CAUSES = (
    *CONFIGURATION_CAUSES,
    *(cause for cause, check in CHECKS.items() if check.scope == "audit"),
)
"""What configuration alone can show, with an incident or without."""


@dataclass(frozen=True)
class Audited:
    """What an audit looked at and found.

    Attributes:
        ways: every way that a server takes or might take, judged.
        findings: found before unknown before clear, each best first.
        servers: those that were audited.
    """

    ways: tuple[Way, ...]
    findings: tuple[Finding, ...]
    servers: tuple[ServerView, ...]


def audit(
    analysis: Analysis,
    planned: Sequence[Planned] = (),
    peers: Sequence[Sequence[str]] = (),
) -> Audited:
    """What is wrong, or would be one day, in the receive connectors; queues play no part.

    Args:
        analysis: of a snapshot.
        planned: servers to come.
        peers: names of servers that stand in for each other besides those of one kind and site.
    """
    servers, whole = analysis.servers, analysis.reach
    ways = judged_ways(analysis.paths, servers, planned, whole)
    found = [each.finding for each in _issues(ways)]
    found += _lost_defaults(servers, list(found))
    found += _conflicts(servers, ways)
    silent = {each.connector for each in found if (each.id, each.state) == (NOBODY, "found")}
    found += (each for each in connector_never_answers.find(whole) if each.connector not in silent)
    twins = twin_differs.Twins(analysis.rights, servers, peers)
    by_name = [twins.softened(each) for each in connectors_differ.find(analysis.rights, servers)]
    found += by_name
    found += twins.find(list(found))
    outside = list(open_relay.find(analysis.rights, whole, servers, planned))
    found += outside
    hosts = open_relay.hosts_outside(outside)
    found += relay_wider_than_it_looks.find(analysis.rights, whole, hosts)
    for of_lists in (ranges_conflict, ranges_limit, ranges_redundant):
        found += of_lists.find(servers)
    for check in (internal_transport_certificate, certificate_problem, send_connector_source):
        found += check.find(analysis)
    found += planned_server_shadowed.harmless(servers, planned, list(found))
    found += planned_server_shadowed.welcome(servers, planned, found)
    audited = tuple(view for view in servers if view.covered and view.connectors)
    return Audited(tuple(ways), tuple(in_order(found)), audited)


def the_rest(audited: Audited, *, complete: bool) -> list[Finding]:
    """The causes that no entry names: clear where all was read, else left out.

    What only an error can name does not apply.
    """
    named = {each.id for each in audited.findings}
    count = sum(len(view.connectors) for view in audited.servers)
    where = f"{counted(count, 'connector')} of {counted(len(audited.servers), 'server')}"
    clear = [
        Finding(
            check=CHECKS[cause],
            state="clear",
            evidence=ConnectorWords(f"{where} checked; none has this fault."),
        )
        for cause in AUDIT_CAUSES
        if complete and cause not in named
    ]
    others = [each for each in CHECKS.values() if each.id not in AUDIT_CAUSES]
    return clear + [Finding(check=each, state="not-applicable") for each in others]


@dataclass(slots=True)
class _Issue:
    """Ways with one cause at one server and connector."""

    cause: str
    target: ServerView
    connector: ReceiveConnector | None
    ways: list[Way] = field(default_factory=list)

    @property
    def state(self) -> State:
        """Found as soon as one way is."""
        return "found" if any(way.path.state == "found" for way in self.ways) else "unknown"

    @property
    def finding(self) -> Finding:
        """What it comes to; servers to come without a name are not among the senders."""
        telling = [way for way in self.ways if way.path.state == self.state]
        names = (way.planned.name if way.planned else way.path.sender.name for way in telling)
        return Finding(
            check=CHECKS[self.cause],
            state=self.state,
            server=self.target,
            connector=self.connector,
            paths=tuple(way.path for way in telling),
            note=planned_server_shadowed.when(telling),
            named=tuple(dict.fromkeys(filter(None, names))),
        )


def _issues(ways: Iterable[Way]) -> list[_Issue]:
    """Mail paths with something wrong or not known, by cause, server and connector.

    A custom connector that catches servers on paths in use is the incident's cause; elsewhere,
    and for servers to come, it is the audit's own. Role conflicts are not among them.
    """
    issues: dict[tuple[str, str, str | None], _Issue] = {}
    for way in ways:
        path = way.path
        if path.state == "clear" or path.cause in (None, ROLE_CONFLICT):
            continue
        cause = PLANNED if path.cause == SHADOWED and not way.in_use else str(path.cause)
        identity = path.connector.identity.casefold() if path.connector else None
        issue = issues.setdefault(
            (cause, path.target.name, identity), _Issue(cause, path.target, path.connector)
        )
        issue.ways.append(way)
    return list(issues.values())


def _lost_defaults(servers: Iterable[ServerView], told: Iterable[Finding]) -> Iterator[Finding]:
    """Connectors of setup's that lost what servers need, although none is known to need them.

    Args:
        servers: all servers.
        told: what is found already, on ways that servers take or might.
    """
    known = {(each.id, each.connector.identity) for each in told if each.connector}
    for member in servers:
        for connector in member.connectors if member.covered else ():
            default = setup_default(connector)
            if default is None or AuthMechanism.ExchangeServer not in default.auth:
                continue
            if connector.enabled is False:
                continue
            said = assess_connector(connector, member.connectors, downgraded=True)
            if (
                said.state != "clear"
                and said.cause
                and (said.cause, connector.identity) not in known
            ):
                yield _lost(member, connector, said)


def _lost(view: ServerView, connector: ReceiveConnector, said: Assessment) -> Finding:
    lacks = (
        "Exchange Server authentication"
        if connector.offers_exchange_auth is False
        else "the permission group ExchangeServers"
    )
    reading = (
        f"{connector.name} on {view.name} lost {lacks}, which setup gave it. No server is known to "
        "arrive there today."
    )
    advice = ""
    if said.state == "unknown":
        reading = (
            f"Could not determine whether {connector.name} on {view.name} has what setup gave it: "
            f"{said.why}."
        )
        command = said.missing.command if said.missing else ""
        advice = f"Export it in full, then rerun:\n{command}" if command else ""
    return Finding(
        check=CHECKS[str(said.cause)],
        state=said.state,
        server=view,
        connector=connector,
        evidence=ConnectorWords(reading, advice),
    )


def _conflicts(servers: Iterable[ServerView], ways: Sequence[Way]) -> Iterator[Finding]:
    """Connectors of two roles that claim one endpoint, the disabled ones too (S1.30).

    Named is the one that setup did not make (contract 8.3).
    """
    met = {way.path.target.name for way in ways if way.path.cause == ROLE_CONFLICT}
    for member in servers:
        if not (member.covered or member.server.name in met):
            continue
        by_odd: dict[str, list[Conflict]] = {}
        # Of these conflicts ranges say nothing (S1.30), and looking at them takes long.
        for conflict in find_conflicts([replace(each, ranges=()) for each in member.connectors]):
            odd = out_of_place(conflict.first, conflict.second, conflict.bindings[0].port)
            by_odd.setdefault(odd.identity, []).append(conflict)
        for identity, some in by_odd.items():
            yield _conflict(member, identity, some, ways)
        open_ones = [] if by_odd else _without_role(member.connectors)
        if open_ones:
            names = joined(connector.name for connector in open_ones)
            yield Finding(
                check=CHECKS[ROLE_CONFLICT],
                state="unknown",
                server=member,
                evidence=ConnectorWords(
                    f"Could not determine whether {names} on {member.name} belong to one transport "
                    "service with the connectors whose local endpoint they share.",
                    f"Export TransportRole of {names}, then rerun:\n"
                    f"{Missing(member.name, CONNECTORS).command}",
                ),
            )


def _conflict(
    member: ServerView,
    identity: str,
    some: Sequence[Conflict],
    ways: Sequence[Way],
) -> Finding:
    odd = next(connector for connector in member.connectors if connector.identity == identity)
    others = [
        conflict.second if conflict.first.identity == identity else conflict.first
        for conflict in some
    ]
    met = [
        way.path
        for way in ways
        if way.path.cause == ROLE_CONFLICT
        and way.path.connector
        and way.path.connector.identity == identity
    ]
    off = joined(connector.name for connector in (odd, *others) if connector.enabled is False)
    today = (
        f"{off} is disabled, so nothing fails today"
        if off
        else "which of the two services gets the endpoint is chance"
    )
    reading = (
        f"{odd.name} and {joined(connector.name for connector in others)} on {member.name} belong "
        "to different transport services and claim the same local endpoint "
        f"({joined(_endpoints(some))}); {today}. Exchange refuses such a pair, which can stop a "
        f'cumulative update half-way: "{TEXT_A.format(others[0].identity)}"'
    )
    advice = f"Before {off} is enabled, give one of them another port or the same role."
    return Finding(
        check=CHECKS[ROLE_CONFLICT],
        state="found",
        server=member,
        connector=odd,
        paths=tuple(met),
        evidence=ConnectorWords(reading, advice if off else ""),
    )


def _endpoints(some: Iterable[Conflict]) -> list[str]:
    """The more specific one of each pair of bindings that meet."""
    return [str(max(conflict.bindings, key=lambda binding: binding.address)) for conflict in some]


def _without_role(connectors: Sequence[ReceiveConnector]) -> list[ReceiveConnector]:
    """Connectors whose role was not read and that share an endpoint with another one."""
    return [
        connector
        for connector in connectors
        if connector.role is None
        and any(
            mine.meets(theirs)
            for other in connectors
            if other is not connector
            for mine in connector.bindings
            for theirs in other.bindings
        )
    ]
