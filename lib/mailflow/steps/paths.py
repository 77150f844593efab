"""Every way mail takes between two servers of the organisation, and whether it works.

A path is judged by configuration alone: who answers the sender on the target, and does that
connector let an Exchange server in (S3.30). What was not read makes a path unknown, never clear.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Literal

from mailflow.exchange.connectors import (
    Binding,
    ReceiveConnector,
    TransportRole,
    setup_default,
)
from mailflow.exchange.ranges import Address, Family, RangeError, parse_address
from mailflow.exchange.routing import Endpoint, endpoints, is_settled
from mailflow.exchange.selection import Answer, answer
from mailflow.exchange.servers import Server
from mailflow.snapshot import Snapshot

State = Literal["found", "unknown", "clear"]

SHADOWED = "custom-connector-shadows-default"
DEFAULT_LACKS_AUTH = "exchange-auth-missing-on-default"
GROUP_MISSING = "exchange-servers-group-missing"
SUPPRESSED = "anonymoustls-suppressed"
NOBODY = "no-connector-answers"
ROLE_CONFLICT = "transport-role-conflict"

CONFIGURATION_CAUSES = (
    SHADOWED,
    DEFAULT_LACKS_AUTH,
    GROUP_MISSING,
    SUPPRESSED,
    NOBODY,
    ROLE_CONFLICT,
)
"""The causes that configuration alone can show."""

ADAPTERS = "Get-NetworkConnectionInfo"
"""Source of addresses that lists all a server has, so that a family not there is not in use."""

NOT_KEPT = ""
"""Source of addresses in a snapshot that does not say it: a family not there accuses nobody."""


@dataclass(frozen=True, slots=True)
class Path:
    """One way from a sender's address to an endpoint of a target, and the judgement on it.

    Attributes:
        sender, target: the two servers.
        address: the sender's address; None: none is known.
        endpoint: port and process on the target; None where the versions that decide it are unknown
            and no connector is there to ask.
        answer: who answers, with every loser; None where it could not be asked.
        state: found, unknown or clear.
        cause: what is wrong, or what it would be; None when clear.
        connector: the connector at fault; None where none is known.
        why: for unknown: what is not known.
        on_evidence: unknown only because configuration alone does not decide it: a queue stuck with
            5.7.3 on this way makes it found (the connection may take another local address, or the
            sender may have UseDowngradedExchangeServerAuth).
    """

    sender: Server
    target: Server
    address: Address | None
    endpoint: Endpoint | None
    answer: Answer | None
    state: State
    cause: str | None = None
    connector: ReceiveConnector | None = None
    why: str = ""
    on_evidence: bool = False


_remembered: list[tuple[Snapshot, tuple[Path, ...]]] = []


def judged_paths(org: Snapshot) -> tuple[Path, ...]:
    """All paths between servers of the organisation that the run covers, judged.

    Remembered for the last snapshot: the steps of one run all ask, and a snapshot never changes.
    """
    if not (_remembered and _remembered[0][0] is org):
        _remembered[:] = [(org, tuple(_all_paths(org)))]
    return _remembered[0][1]


def _all_paths(org: Snapshot) -> list[Path]:
    known = [_known_of(org, server) for server in org.servers]
    paths: list[Path] = []
    for target, sender in product(known, known):
        places = endpoints(sender.server, target.server)
        if places and org.covers(sender.server.name, target.server.name):
            paths += _paths(sender, target, places)
    return paths


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of one server, looked up once.

    `adapters` says that its addresses are all it has, so that a family not there is not in use.
    """

    server: Server
    connectors: tuple[ReceiveConnector, ...]
    addresses: tuple[Address, ...]
    adapters: bool
    downgraded: bool | None


def _known_of(org: Snapshot, server: Server) -> _Known:
    sources = {one.source for one in org.addresses if server.is_named(one.server)}
    settings = (one for one in org.settings if server.is_named(one.server))
    return _Known(
        server,
        connectors_of(org, server),
        addresses_of(org, server),
        bool(sources) and sources <= {ADAPTERS, NOT_KEPT},
        next((one.use_downgraded_auth for one in settings), None),
    )


def connectors_of(org: Snapshot, server: Server) -> tuple[ReceiveConnector, ...]:
    """The receive connectors of a server, in the order read."""
    return tuple(one for one in org.connectors if server.is_named(one.server))


def addresses_of(org: Snapshot, server: Server) -> tuple[Address, ...]:
    """The known addresses of a server, each once, in the order read."""
    texts = (one.address for one in org.addresses if server.is_named(one.server))
    return tuple(dict.fromkeys(_known(texts)))


def _local_addresses(target: _Known, family: Family, port: int) -> tuple[Address | None, ...]:
    """The local addresses of a target that peers may connect to, in one family.

    None stands for an address that is not known: only wildcard bindings count for it. Bindings name
    real addresses of the server (S1.04), so they help where nothing else is known. Empty: the
    adapters were read and hold no address of this family.
    """
    mine = tuple(one for one in target.addresses if one.version == family)
    if mine or target.adapters:
        return mine
    bound = {
        _address(family, binding.address)
        for connector in target.connectors
        for binding in connector.bindings
        if binding.family == family and binding.port == port and not binding.is_wildcard
    }
    return (None, *sorted(bound, key=int))


def is_custom(connector: ReceiveConnector, connectors: Sequence[ReceiveConnector]) -> bool:
    """Whether an administrator made it: it does not have the name of a connector of setup's.

    A connector for all addresses on an endpoint where setup's own is missing is that one renamed.
    """
    if setup_default(connector):
        return False
    everything = any(block.is_everything for block in connector.ranges)
    return not everything or any(
        setup_default(other) and _share_an_endpoint(connector, other) for other in connectors
    )


def intended(
    connectors: Sequence[ReceiveConnector], process: TransportRole, port: int
) -> ReceiveConnector | None:
    """The connector that setup made for servers on this endpoint; None where it is not there."""
    mine = [one for one in connectors if not is_custom(one, connectors) and one.role == process]
    bound = [one for one in mine if any(binding.port == port for binding in one.bindings)]
    by_name = [one for one in mine if (default := setup_default(one)) and default.port == port]
    return next(iter([*bound, *by_name]), None)


def verdict_on(
    connector: ReceiveConnector,
    connectors: Sequence[ReceiveConnector],
    downgraded: bool | None,
) -> tuple[State, str | None, str, bool]:
    """What an Exchange server meets on a connector: state, cause, why unknown, on evidence only.

    S3.30: it needs ExchangeServer authentication, else it gives up with 5.7.3 (S5.01), and the
    ExchangeServers group, else 454 4.7.0 (L2). S3.31: an externally secured connector cannot hold
    the first (section 3.4). C10: SuppressXAnonymousTls hides the way to authenticate unless the
    sender is set to do without it.
    """
    lacking = SHADOWED if is_custom(connector, connectors) else DEFAULT_LACKS_AUTH
    name = connector.identity
    if connector.offers_exchange_auth is None:
        return "unknown", lacking, f"AuthMechanism of {name} was not read", False
    if not connector.offers_exchange_auth:
        return "found", lacking, "", False
    if connector.admits_exchange_servers is None:
        return "unknown", GROUP_MISSING, f"PermissionGroups of {name} were not read", False
    if not connector.admits_exchange_servers:
        return "found", GROUP_MISSING, "", False
    if connector.suppress_x_anonymous_tls and not downgraded:
        why = "" if downgraded is False else "UseDowngradedExchangeServerAuth was not read"
        return ("unknown" if why else "found"), SUPPRESSED, why, bool(why)
    return "clear", None, "", False


def role_conflicts(
    connectors: Sequence[ReceiveConnector],
) -> list[tuple[ReceiveConnector, Binding, Binding]]:
    """Enabled connectors of different roles that claim one endpoint, and the bindings that meet.

    S1.30, C9. Named is the connector that setup did not make (contract 8.3); of two custom ones
    the HubTransport one, which is what a connector becomes where nobody gave a role (S2.21).
    """
    claims = [one for one in connectors if one.enabled and one.role is not None]
    return [
        (min((one, other), key=_regularity), mine, theirs)
        for one, other in combinations(claims, 2)
        if one.role != other.role
        for mine, theirs in product(one.bindings, other.bindings)
        if mine.meets(theirs)
    ]


def _regularity(connector: ReceiveConnector) -> tuple[bool, bool]:
    return setup_default(connector) is not None, connector.role != TransportRole.HubTransport


def _conflict_at(
    connectors: Sequence[ReceiveConnector], local: Address | None, port: int, family: int
) -> ReceiveConnector | None:
    """The odd one of a role conflict that a connection to this local address would meet."""
    for odd, *bindings in role_conflicts(connectors):
        if all(
            (one.family, one.port) == (family, port)
            and (one.is_wildcard or (local is not None and one.address == int(local)))
            for one in bindings
        ):
            return odd
    return None


def _paths(sender: _Known, target: _Known, places: Sequence[Endpoint]) -> list[Path]:
    base = Path(sender.server, target.server, None, places[0], None, "unknown", SHADOWED)
    itself = sender is target
    if not target.connectors or not sender.addresses:
        if itself:
            return []
        if not target.connectors:
            return [replace(base, why=f"no receive connectors of {base.target.name} were read")]
        return [replace(base, why=f"no address of {base.sender.name} is known")]
    paths: list[Path] = []
    for address in sender.addresses:
        family: Family = 4 if address.version == 4 else 6
        ways = [
            _judge(
                replace(base, address=address, endpoint=place),
                local,
                target.connectors,
                sender.downgraded,
            )
            for place in places
            for local in ((address,) if itself else _local_addresses(target, family, place.port))
        ]
        paths += _together(ways)
    return [one for path in paths if (one := _settled(path))]


def _settled(path: Path) -> Path | None:
    """A path; unknown where nobody answers on an endpoint that may not be there at all.

    2007 and 2010 know no port 2525 (S4.03), and a 2013 server may lack either service (section
    2.2): where version or roles were not read, silence may just say that. None: a server's hop to
    itself, which only 2013 and later have (S4.06), while its version is a row of unread.
    """
    silent = path.state == "found" and path.cause == NOBODY
    if not silent or is_settled(path.sender, path.target):
        return path
    if path.sender is path.target and path.target.generation is None:
        return None
    return replace(path, state="unknown", connector=None, why=_unread_kind(path))


def _unread_kind(path: Path) -> str:
    both = tuple(dict.fromkeys((path.sender, path.target)))
    names = [one.name for one in both if one.generation is None] or [one.name for one in both]
    return f"version or roles of {' and '.join(names)}, which decide the port, were not read"


def _judge(
    path: Path,
    local: Address | None,
    connectors: Sequence[ReceiveConnector],
    downgraded: bool | None,
) -> Path:
    """One connection: from this address to this local address of the endpoint."""
    address, endpoint = path.address, path.endpoint
    if address is None or endpoint is None:
        return path
    got = answer(connectors, local=local, port=endpoint.port, remote=address)
    path = replace(path, answer=got)
    odd = _conflict_at(connectors, local, endpoint.port, address.version)
    if odd:
        return replace(path, state="found", cause=ROLE_CONFLICT, connector=odd)
    outcomes = [(one, *verdict_on(one, connectors, downgraded)) for one in got.possible]
    if got.unknown is None:
        if not outcomes:
            return _judge_silence(path, endpoint, connectors)
        one, state, cause, why, on_evidence = outcomes[0]
        connector = None if state == "clear" else one
        return replace(
            path, state=state, cause=cause, connector=connector, why=why, on_evidence=on_evidence
        )
    return _judge_uncertain(path, got, outcomes)


def _judge_silence(path: Path, endpoint: Endpoint, connectors: Sequence[ReceiveConnector]) -> Path:
    """Nobody answers (S1.18); unknown where the capture may simply lack the one that does.

    A capture without any of setup's connectors is one that somebody filtered.
    """
    if not any(setup_default(one) for one in connectors):
        why = f"none of the connectors that setup makes on {path.target.name} were read"
        return replace(path, state="unknown", cause=NOBODY, why=why)
    family = path.address.version if path.address else 4
    heard = {
        one.family for each in connectors for one in each.bindings if one.port == endpoint.port
    }
    is_known = path.answer is not None and path.answer.local is not None
    if heard and family not in heard and not is_known:
        # An Edge server listens on IPv4 alone (section 2.4), and so may have no other address.
        why = f"no IPv{family} address of {path.target.name} is known, and nobody listens for one"
        return replace(path, state="unknown", cause=NOBODY, why=why)
    default = intended(connectors, endpoint.process, endpoint.port)
    return replace(path, state="found", cause=NOBODY, connector=default)


def _judge_uncertain(
    path: Path,
    got: Answer,
    outcomes: Sequence[tuple[ReceiveConnector, State, str | None, str, bool]],
) -> Path:
    """The winner is not certain: found or clear only if it is so whoever wins (contract 8.8)."""
    states = {state for _, state, _, _, _ in outcomes} | (
        {"found"} if got.nobody_possible else set()
    )
    if states == {"clear"}:
        return replace(path, state="clear", cause=None)
    wrong = next((each for each in outcomes if each[1] != "clear"), None)
    if states == {"found"} and got.connector and not got.nobody_possible and wrong:
        return replace(path, state="found", cause=wrong[2], connector=wrong[0])
    return replace(
        path,
        state="unknown",
        cause=wrong[2] if wrong else NOBODY,
        connector=wrong[0] if wrong else None,
        why=got.unknown or "",
    )


def _together(ways: Sequence[Path]) -> list[Path]:
    """Judgements on the ways a connection may take; which one it takes is not known.

    A local address on which nobody listens is none that peers reach, if another one answers.
    Otherwise a fault on some ways only is unknown until a stuck queue speaks for it.
    """
    answered = [one for one in ways if one.cause != NOBODY]
    ways = answered or list(ways[:1])
    if len({one.state for one in ways}) < 2:
        return _distinct(ways)
    return _distinct(
        replace(
            one,
            state="unknown",
            on_evidence=True,
            why=_unread_kind(one)
            if len({way.endpoint for way in ways}) > 1
            else f"it depends on the local address of {one.target.name} that the connection takes",
        )
        if one.state == "found"
        else one
        for one in ways
        if one.state != "clear"
    )


def _distinct(paths: Sequence[Path] | Iterator[Path]) -> list[Path]:
    """Each judgement once: several local addresses often give the same."""
    kept: dict[tuple[object, ...], Path] = {}
    for one in paths:
        kept.setdefault((one.state, one.cause, one.connector, one.endpoint), one)
    return list(kept.values())


def _share_an_endpoint(one: ReceiveConnector, other: ReceiveConnector) -> bool:
    return any(mine.meets(theirs) for mine in one.bindings for theirs in other.bindings)


def _address(family: Family, number: int) -> Address:
    return ipaddress.IPv4Address(number) if family == 4 else ipaddress.IPv6Address(number)


def _known(texts: Iterator[str]) -> Iterator[Address]:
    for text in texts:
        try:
            yield parse_address(text)
        except RangeError:  # the snapshot lists it as unread; nothing to judge by
            continue
