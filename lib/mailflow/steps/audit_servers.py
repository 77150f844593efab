"""What Exchange servers meet on the connectors: entries of the audit, and what is harmless."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from mailflow.analysis.paths import (
    NOBODY,
    ROLE_CONFLICT,
    SHADOWED,
    Assessment,
    State,
    assess_connector,
)
from mailflow.analysis.places import hidden_connectors
from mailflow.analysis.servers import Addresses, ServerView, is_whole, out_of_place
from mailflow.exchange.conflicts import TEXT_A, Conflict, find_conflicts
from mailflow.exchange.connectors import (
    AuthMechanism,
    ReceiveConnector,
    setup_default,
)
from mailflow.phrases import joined, ranges_in_words
from mailflow.repair.plan import Repair
from mailflow.snapshot import Snapshot
from mailflow.steps import prose
from mailflow.steps.audit_ways import INSIDE, SERVER_PORTS, Way
from mailflow.steps.planned import Planned
from mailflow.steps.verdict import Finding

PLANNED = "planned-server-shadowed"


@dataclass(slots=True)
class _Suspect:
    """Ways with one cause at one server and connector."""

    cause: str
    target: ServerView
    connector: ReceiveConnector | None
    ways: list[Way] = field(default_factory=list)

    @property
    def state(self) -> State:
        """Found as soon as one way is."""
        return "found" if any(one.path.state == "found" for one in self.ways) else "unknown"

    @property
    def telling(self) -> list[Way]:
        """The ways that carry the state."""
        return [one for one in self.ways if one.path.state == self.state]


def suspects_of(ways: Iterable[Way]) -> list[_Suspect]:
    """Ways with something wrong or not known, by cause, server and connector.

    A custom connector that catches servers on ways in use is the incident's cause; on other ways,
    and for servers to come, it is the audit's own. Role conflicts are not among them.
    """
    suspects: dict[tuple[str, str, str | None], _Suspect] = {}
    for way in ways:
        path = way.path
        if path.state == "clear" or path.cause in (None, ROLE_CONFLICT):
            continue
        cause = PLANNED if path.cause == SHADOWED and not way.in_use else str(path.cause)
        identity = path.connector.identity.casefold() if path.connector else None
        suspect = suspects.setdefault(
            (cause, path.target.name, identity), _Suspect(cause, path.target, path.connector)
        )
        suspect.ways.append(way)
    return list(suspects.values())


def of_ways(suspects: Iterable[_Suspect], plan: Repair) -> list[Finding]:
    """An entry for each cause, server and connector that something is wrong or not known of."""
    return [_entry(each, plan) for each in suspects]


def lost(
    servers: Iterable[ServerView], suspects: Iterable[_Suspect]
) -> Iterator[tuple[ServerView, ReceiveConnector, Assessment]]:
    """Connectors of setup's that lost what servers need, although none is known to need them.

    Args:
        servers: all servers.
        suspects: what is told already, from ways that servers take or might.
    """
    known = {(each.cause, each.connector.identity) for each in suspects if each.connector}
    for member in servers:
        for one in member.connectors if member.covered else ():
            default = setup_default(one)
            if default is None or AuthMechanism.ExchangeServer not in default.auth:
                continue
            if one.enabled is False:
                continue
            said = assess_connector(one, member.connectors, downgraded=True)
            if said.state != "clear" and said.cause and (said.cause, one.identity) not in known:
                yield member, one, said


def of_lost(
    rows: Iterable[tuple[ServerView, ReceiveConnector, Assessment]], plan: Repair
) -> Iterator[Finding]:
    """An entry for each of them."""
    for member, one, said in rows:
        cause = str(said.cause)
        default = setup_default(one)
        lacks = (
            "Exchange Server authentication"
            if one.offers_exchange_auth is False
            else "the permission group ExchangeServers"
        )
        todo = _todo(plan, cause, member.name, one.identity) if said.state == "found" else None
        fact = default.fact if default else ""
        yield Finding(
            cause=cause,
            state=said.state,
            server=member.name,
            connector=one.identity,
            reading=f"{one.name} lost {lacks}, which setup gave it ({fact}). No server "
            "is known to arrive there today."
            if said.state == "found"
            else f"It is not known whether {one.name} has what setup gave it: {said.why}.",
            remedy=todo.words if todo else f"Find out, then run again: {said.why}.",
            commands=todo.commands if todo else (),
            undo=todo.undo if todo else (),
        )


@dataclass(frozen=True, slots=True)
class _Todo:
    """What one entry shows of the repair of all."""

    words: str
    commands: tuple[str, ...]
    undo: tuple[str, ...]


def _todo(plan: Repair, cause: str, server: str, connector: str | None) -> _Todo:
    edits = plan.of(cause, server, connector)
    words = map(str, edits) if edits else (each.text for each in plan.refused)
    return _Todo(
        " ".join(words),
        tuple(edit.command for edit in edits),
        tuple(edit.undo for edit in reversed(edits) if edit.undo),
    )


def conflicts(
    servers: Iterable[ServerView], ways: Sequence[Way], plan: Repair
) -> Iterator[Finding]:
    """Connectors of two roles that claim one endpoint, the disabled ones too (S1.30).

    Named is the one that setup did not make (contract 8.3).
    """
    met = {one.path.target.name for one in ways if one.path.cause == ROLE_CONFLICT}
    for member in servers:
        if not (member.covered or member.server.name in met):
            continue
        by_odd: dict[str, list[Conflict]] = {}
        # Of these conflicts ranges say nothing (S1.30), and looking at them takes long.
        for one in find_conflicts([replace(each, ranges=()) for each in member.connectors]):
            odd = out_of_place(one.first, one.second, one.bindings[0].port)
            by_odd.setdefault(odd.identity, []).append(one)
        for identity, some in by_odd.items():
            yield _conflict(member, identity, some, ways, plan)
        open_ones = [] if by_odd else _without_role(member.connectors)
        if open_ones:
            names = joined(one.name for one in open_ones)
            yield Finding(
                cause=ROLE_CONFLICT,
                state="unknown",
                server=member.server.name,
                reading=f"On {member.server.name} it is not known whether {names} belong to one "
                "transport service with the connectors whose local endpoint they share.",
                remedy=f"Read TransportRole of {names}, then run again.",
            )


def harmless(
    servers: Sequence[ServerView],
    planned: Sequence[Planned],
    told: Iterable[Finding],
) -> Iterator[Finding]:
    """A clear entry for each custom connector that does nothing to servers, with the reason.

    Only where all was read that it rests on: the connector, and who answers on its server.
    """
    open_ones = [one for one in told if one.state in ("found", "unknown")]
    named = {one.connector for one in open_ones if one.cause in _ABOUT_SERVERS}
    doubtful = {
        one.server for one in open_ones if one.state == "unknown" and one.cause in _ABOUT_SERVERS
    }
    hosts = [(one.server.name, address) for one in servers for address in one.addresses]
    hosts += [(one.name or one.label, one.address) for one in planned]
    asked = Addresses(address for _, address in hosts)
    for member in servers:
        if not member.covered or member.server.name in doubtful:
            continue
        short = asked.lean(member.connectors)
        for place in sorted(member.custom):
            one = member.connectors[place]
            if one.identity in named or one.enabled is False or not is_whole(one):
                continue
            inside = [
                (name, address)
                for name, address in hosts
                if any(address in block for block in short[place].ranges)
            ]
            yield Finding(
                cause=PLANNED,
                state="clear",
                server=member.server.name,
                connector=one.identity,
                senders=tuple(dict.fromkeys(name for name, _ in inside)),
                addresses=tuple(dict.fromkeys(str(address) for _, address in inside)),
                reading=_why_harmless(one, [name for name, _ in inside]),
            )


def welcome(
    org: Snapshot,
    servers: Sequence[ServerView],
    planned: Sequence[Planned],
    told: Iterable[Finding],
) -> Iterator[Finding]:
    """The clear entry on servers to come that every connector lets in, where all was read."""
    open_ones = [one for one in told if one.state in ("found", "unknown")]
    named = {address for one in open_ones for address in one.addresses}
    hidden = any(
        True
        for one in servers
        if one.covered and (one.server.has_hub or one.server.has_frontend is not False)
        for _ in hidden_connectors(org, one.server.name, one.connectors)
    )
    let_in = [one for one in planned if str(one.address) not in named]
    if let_in and not hidden:
        who = joined(f"{one.label} {one.address}" for one in let_in)
        yield Finding(
            cause=PLANNED,
            state="clear",
            senders=tuple(dict.fromkeys(one.name for one in let_in if one.name)),
            addresses=tuple(str(one.address) for one in let_in),
            reading=f"Every server that was looked at would let in {who}.",
        )


_ABOUT_SERVERS = frozenset(
    {
        *(SHADOWED, PLANNED, NOBODY, ROLE_CONFLICT),
        *("exchange-servers-group-missing", "anonymoustls-suppressed"),
    }
)
"""Causes under which a custom connector is told of already."""


def _why_harmless(one: ReceiveConnector, inside: Sequence[str]) -> str:
    name = f"{one.name} on {one.server}"
    if not inside:
        return (
            f"No known address of an Exchange server lies in the ranges of {name} "
            f"({ranges_in_words(one)}): it is there for other hosts, and harmless to servers."
        )
    held = f"{name} holds addresses of {joined(inside)}"
    if one.offers_exchange_auth:
        hides = (
            " It hides X-ANONYMOUSTLS, as a WAN device needs it, and the senders are set for that."
            if one.suppress_x_anonymous_tls
            else ""
        )
        return (
            f"{held}, and offers Exchange Server authentication: servers are let in. Such "
            f"connectors are made on purpose (S3.42); leave it as it is.{hides}"
        )
    ports = {binding.port for binding in one.bindings}
    if not ports & SERVER_PORTS:
        return (
            f"{held}, but listens on port {joined(sorted(ports))} alone, where servers do not log "
            "on to each other: harmless."
        )
    return f"{held}, but it does not answer them where they arrive: harmless as it stands."


def _entry(one: _Suspect, plan: Repair) -> Finding:
    telling = one.telling
    paths = [way.path for way in telling]
    rule = SHADOWED if one.cause == PLANNED else one.cause
    name = one.connector.identity if one.connector else None
    todo = _todo(plan, rule, one.target.name, name) if one.state == "found" else None
    reading = prose.of_configuration(rule, one.target, one.connector, paths)
    return Finding(
        cause=one.cause,
        state=one.state,
        server=one.target.name,
        connector=name,
        senders=tuple(dict.fromkeys(filter(None, map(_sender, telling)))),
        addresses=tuple(dict.fromkeys(str(path.address) for path in paths if path.address)),
        reading=f"{reading}{_when(telling)}",
        remedy=todo.words if todo else prose.what_to_read(paths),
        commands=todo.commands if todo else (),
        undo=todo.undo if todo else (),
    )


def _sender(way: Way) -> str:
    return way.planned.name if way.planned else way.path.sender.name


def _when(ways: Sequence[Way]) -> str:
    """Whether it fails anybody today; empty where it does."""
    if any(one.in_use for one in ways):
        return ""
    ports = {one.path.endpoint.port for one in ways if one.path.endpoint and not one.planned}
    words = [f" On port {port} {INSIDE[port]}." for port in sorted(ports) if port in INSIDE]
    if ports - INSIDE.keys() or not ports:
        words.append(" No mail between servers takes this way today, so nothing fails yet.")
    return "".join(words)


def _conflict(
    member: ServerView,
    identity: str,
    some: Sequence[Conflict],
    ways: Sequence[Way],
    plan: Repair,
) -> Finding:
    odd = next(one for one in member.connectors if one.identity == identity)
    others = [one.second if one.first.identity == identity else one.first for one in some]
    met = [
        one.path
        for one in ways
        if one.path.cause == ROLE_CONFLICT
        and one.path.connector
        and one.path.connector.identity == identity
    ]
    off = joined(one.name for one in (odd, *others) if one.enabled is False)
    today = (
        f"{off} is disabled, so nothing fails today"
        if off
        else "which of the two services gets the endpoint is chance (C9)"
    )
    todo = _todo(plan, ROLE_CONFLICT, member.name, identity)
    if off:
        words = f"Before {off} is enabled, give one of them another port or the same role."
        todo = _Todo(words, (), ())
    return Finding(
        cause=ROLE_CONFLICT,
        state="found",
        server=member.server.name,
        connector=identity,
        senders=tuple(dict.fromkeys(path.sender.name for path in met)),
        addresses=tuple(dict.fromkeys(str(path.address) for path in met if path.address)),
        reading=f"{odd.name} and {joined(one.name for one in others)} on {member.server.name} "
        "belong to different transport services and claim the same local endpoint "
        f"({joined(_endpoints(some))}); {today}. "
        "Exchange refuses such a pair, which can stop a cumulative update half-way: "
        f'"{TEXT_A.format(others[0].identity)}"',
        remedy=todo.words,
        commands=todo.commands,
        undo=todo.undo,
    )


def _endpoints(some: Iterable[Conflict]) -> list[str]:
    """The more specific one of each pair of bindings that meet."""
    return [str(max(one.bindings, key=lambda binding: binding.address)) for one in some]


def _without_role(connectors: Sequence[ReceiveConnector]) -> list[ReceiveConnector]:
    """Connectors whose role was not read and that share an endpoint with another one."""
    return [
        one
        for one in connectors
        if one.role is None
        and any(
            mine.meets(theirs)
            for other in connectors
            if other is not one
            for mine in one.bindings
            for theirs in other.bindings
        )
    ]
