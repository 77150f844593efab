r"""A slow, obvious model of an organization: what commands do to it, and where mail gets through.

    after, refused = take(org, 'Set-ReceiveConnector "EX16A\\Relay" -Enabled $false')
    ways(org)               every way from server to server, and whether it works
    role_conflicts(org)     processes that claim one endpoint
    answers(connectors, question)       who may answer a connection

It is written from sections 1, 3 and 4 of the facts, and knows nothing of the product: it takes only
its plain data types. What was not read it settles by trying everything that may be there.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from typing import Literal

from mailflow.exchange.connectors import (
    AuthMechanism,
    Binding,
    PermissionGroups,
    ReceiveConnector,
    TransportRole,
)
from mailflow.exchange.ranges import Address, AddressRange
from mailflow.exchange.servers import Server
from mailflow.snapshot import Snapshot
from organization_commands import NotTaken, NotTyped, Typed, typed

FRONT, HUB = TransportRole.FrontendTransport, TransportRole.HubTransport
State = Literal["works", "fails", "unknown"]

SHADOWED = "custom-connector-shadows-default"
DEFAULT_LACKS_AUTH = "exchange-auth-missing-on-default"
GROUP_MISSING = "exchange-servers-group-missing"
SUPPRESSED = "anonymoustls-suppressed"
NOBODY = "no-connector-answers"
ROLE_CONFLICT = "transport-role-conflict"
RIGHTS_DENIED = "rights-denied"
"""Cause ids of the contract, section 7."""

ALL_ADDRESSES = "Get-NetworkConnectionInfo"
"""The source of addresses that lists all that a server has (section 9)."""


# -- What a server is ------------------------------------------------------------------------------


def is_legacy(server: Server) -> bool | None:
    """Whether it is 2007 or 2010, by the major version (S9.11); None: not read."""
    return None if server.version is None else server.version[0] < 15


def has_both(server: Server) -> bool:
    """Whether it is 2013 or later with a Front End and a Transport service (S4.02)."""
    if is_legacy(server) or server.is_edge:
        return False
    split = server.version is not None and server.version[:2] == (15, 0)
    return not split or bool(server.has_frontend and server.has_hub)


def is_hub(server: Server) -> bool:
    """Whether it has a Transport service (section 2)."""
    return has_both(server) or bool(server.has_hub) or bool(server.is_edge)


def connectors_of(org: Snapshot, server: Server) -> tuple[ReceiveConnector, ...]:
    """The connectors of a server; those of 2007 and 2010 count as HubTransport (S2.07)."""
    mine = [one for one in org.connectors if one.server.casefold() == server.name.casefold()]
    if is_legacy(server):
        mine = [replace(one, role=HUB) for one in mine]
    return tuple(mine)


def addresses_of(org: Snapshot, server: Server) -> list[Address]:
    """The known addresses of a server, each once."""
    mine = (one.address for one in org.addresses if one.server.casefold() == server.name.casefold())
    return [ipaddress.ip_address(one) for one in dict.fromkeys(mine)]


def downgraded_of(org: Snapshot, server: Server) -> bool | None:
    """UseDowngradedExchangeServerAuth of a server (S3.42); None: not read."""
    mine = [one for one in org.settings if one.server.casefold() == server.name.casefold()]
    return mine[0].use_downgraded_auth if mine else None


def is_setups(connector: ReceiveConnector) -> bool:
    """Whether setup made it: its name tells (section 2)."""
    names = (
        *("Default Frontend {}", "Outbound Proxy Frontend {}", "Client Frontend {}"),
        *("Default {}", "Client Proxy {}", "Client {}"),
        "Default internal receive connector {}",
    )
    own = {one.format(connector.server).casefold() for one in names}
    return connector.name.casefold() in own


# -- What Exchange refuses -------------------------------------------------------------------------


def refusals(
    new: ReceiveConnector,
    others: Sequence[ReceiveConnector],
    server: Server,
    *,
    downgraded: bool | None,
) -> list[str]:
    """Why Exchange would refuse the connector as it stands beside the others (S8.65)."""
    return [
        *_refused_lists(new),
        *_refused_auth(new),
        *_refused_settings(new, server, downgraded=downgraded),
        *(text for other in others if (text := conflict(new, other))),
    ]


def _refused_lists(new: ReceiveConnector) -> Iterator[str]:
    """Lists are not empty (S8.64: it is not known that Exchange would take an empty one)."""
    if not new.ranges and new.ranges_complete:
        yield "RemoteIPRanges would be empty (S8.64)"
    if not new.bindings and new.bindings_complete:
        yield "Bindings would be empty (section 1.5)"


def _refused_auth(new: ReceiveConnector) -> Iterator[str]:
    """Combinations of AuthMechanism and PermissionGroups (section 3.4)."""
    if new.auth is None:
        return
    has = {one for one in AuthMechanism if one in new.auth}
    if AuthMechanism.BasicAuthRequireTLS in has:
        if AuthMechanism.Tls not in has:
            yield "BasicAuthRequireTLS without Tls (section 3.4)"
        if AuthMechanism.BasicAuth not in has:
            yield "BasicAuthRequireTLS without BasicAuth (section 3.4)"
    if AuthMechanism.ExternalAuthoritative in has:
        if has - {AuthMechanism.ExternalAuthoritative, AuthMechanism.Tls}:
            yield "ExternalAuthoritative beside something else than Tls (section 3.4)"
        if new.groups is not None and PermissionGroups.ExchangeServers not in new.groups:
            yield "ExternalAuthoritative without the group ExchangeServers (section 3.4)"
    if new.require_tls and AuthMechanism.Tls not in has:
        yield "RequireTLS without Tls (section 3.4)"


def _refused_settings(
    new: ReceiveConnector, server: Server, *, downgraded: bool | None
) -> Iterator[str]:
    """Fqdn, the switch for X-ANONYMOUSTLS and what an Edge takes (section 3.4)."""
    if new.auth is not None and AuthMechanism.ExchangeServer in new.auth and not server.is_edge:
        own = {"", server.fqdn.casefold(), server.name.casefold()}
        if new.fqdn.casefold() not in own:
            yield "ExchangeServer with a foreign Fqdn (section 3.4)"
    if new.suppress_x_anonymous_tls and (server.is_edge or downgraded is False):
        yield "SuppressXAnonymousTls without UseDowngradedExchangeServerAuth (section 3.4)"
    legacy = PermissionGroups.ExchangeLegacyServers
    if server.is_edge and new.groups is not None and legacy in new.groups:
        yield "ExchangeLegacyServers on an Edge (section 3.4)"


def conflict(new: ReceiveConnector, other: ReceiveConnector) -> str | None:
    """Text A or B of section 1.5, in our words; the first pair of bindings that meets decides.

    Whether a connector is enabled plays no part. A role that was not read conflicts with none.
    """
    for mine, theirs in product(new.bindings, other.bindings):
        if not meet(mine, theirs):
            continue
        if new.role is not None and other.role is not None and new.role != other.role:
            return f"{mine} belongs to the other process for {other.identity} (S1.30)"
        for one, two in product(new.ranges, other.ranges):
            if one.family != two.family:
                continue
            if (one.first, one.last) == (two.first, two.last) and mine == theirs:
                return f"{bounds(one)} at {mine} is also in {other.identity} (S1.31)"
            if overlap_partially(one, two):
                return f"{bounds(one)} overlaps {bounds(two)} of {other.identity} (S1.31, S1.32)"
        return None
    return None


def meet(one: Binding, other: Binding) -> bool:
    """Whether two bindings meet: the same, or one of them the wildcard (section 1.5)."""
    if (one.family, one.port) != (other.family, other.port):
        return False
    return one.address == other.address or 0 in (one.address, other.address)


def overlap_partially(one: AddressRange, other: AddressRange) -> bool:
    """Whether each sticks out of the other on one side (section 1.5)."""
    return one.first < other.first <= one.last < other.last or (
        other.first < one.first <= other.last < one.last
    )


def bounds(block: AddressRange) -> str:
    """A range in words."""
    first, last = address_of(block.family, block.first), address_of(block.family, block.last)
    return str(first) if first == last else f"{first}-{last}"


def address_of(family: int, number: int) -> Address:
    """The address with this number."""
    return ipaddress.IPv4Address(number) if family == 4 else ipaddress.IPv6Address(number)


# -- What becomes of a command ---------------------------------------------------------------------


def take(org: Snapshot, line: str) -> tuple[Snapshot, list[str]]:
    """The organization after a command, and what is wrong with the command.

    Returns:
        the organization, unchanged where the command is refused; and the faults, each with its kind
        before a colon.
    """
    try:
        command = typed(line)
    except NotTyped as error:
        return org, [f"not typable: {line}: {error}"]
    except NotTaken as error:
        return org, [f"refused: {line}: {error}"]
    if command.cmdlet == "Retry-Queue":
        return org, _wrong_with_retry(org, command.identity)
    return _set(org, command, line)


def _wrong_with_retry(org: Snapshot, identity: str) -> list[str]:
    """Retry-Queue names a numbered queue that is there (S8.74, S8.75)."""
    if not any(one.identity.casefold() == identity.casefold() for one in org.queues):
        return [f"no such queue: {identity}"]
    if not identity.rpartition("\\")[2].isdigit():
        return [f"no such queue: {identity} has no number"]
    return []


def _set(org: Snapshot, command: Typed, line: str) -> tuple[Snapshot, list[str]]:
    """Set-ReceiveConnector: the named values replace the old ones (S8.60, S3.23)."""
    places = [
        place
        for place, one in enumerate(org.connectors)
        if one.identity.casefold() == command.identity.casefold()
    ]
    server = None if not places else org.server(org.connectors[places[0]].server)
    if len(places) != 1 or server is None:
        return org, [f"refused: {line}: the connector wasn't found"]
    old = org.connectors[places[0]]
    values = dict(command.values)
    groups = values.get("groups")
    if isinstance(groups, PermissionGroups) and old.groups is not None:
        # The rest of the access list stays, and so does its sign (S3.20).
        values["groups"] = groups | (old.groups & PermissionGroups.Custom)
    wrong = [f"unread written: {line}: {name}" for name in values if not was_read(old, name)]
    if "role" in values:
        if is_legacy(server):
            wrong.append(f"refused: {line}: 2007 and 2010 have no TransportRole (S2.07)")
        elif is_setups(old) and values["role"] != old.role:
            wrong.append(f"setup's role: {line}: another role for a connector that setup made")
    new = replace(old, **values)  # type: ignore[arg-type]
    legal = replace(new, role=HUB) if is_legacy(server) else new
    others = [one for one in connectors_of(org, server) if one.identity != old.identity]
    refused = refusals(legal, others, server, downgraded=downgraded_of(org, server))
    if len(new.ranges) > 1300 and len(new.ranges) > len(old.ranges):
        refused.append("more than 1,300 entries, and more than before (S1.35)")
    wrong += [f"refused: {line}: {text}" for text in refused]
    if any(one.startswith("refused") for one in wrong):
        return org, wrong
    connectors = list(org.connectors)
    connectors[places[0]] = new
    return replace(org, connectors=tuple(connectors)), wrong


def was_read(connector: ReceiveConnector, name: str) -> bool:
    """Whether a value was read, and to the end; an empty Fqdn counts as read."""
    if name in ("ranges", "bindings"):
        return bool(getattr(connector, f"{name}_complete"))
    return getattr(connector, name) is not None


# -- Who answers -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """A connection that arrives; `local` None is a local address that no binding names."""

    local: Address | None
    port: int
    remote: Address

    @property
    def exact(self) -> Binding | None:
        """The binding to the local address itself (S1.17)."""
        if self.local is None:
            return None
        return Binding(4 if self.local.version == 4 else 6, int(self.local), self.port)

    @property
    def wild(self) -> Binding:
        """The binding to all local addresses of the family (S1.05, S1.17)."""
        return Binding(4 if self.remote.version == 4 else 6, 0, self.port)


@dataclass(frozen=True)
class Guess:
    """What may be there in place of what was not read of one connector."""

    enabled: bool | None = None
    role: TransportRole | None = None
    binding: Binding | None = None
    hides_range: bool = False

    @property
    def hides(self) -> bool:
        """Whether it adds something that Exchange would have checked (S1.30, S1.31)."""
        return self.role is not None or self.binding is not None or self.hides_range


World = tuple[Guess, ...]


@dataclass(frozen=True)
class Answer:
    """Who may answer in one world.

    Attributes:
        winners: who may; None is nobody. Several: a tie (S1.36), or processes that compete (C9).
        conflict: two processes claim the endpoint.
    """

    winners: tuple[ReceiveConnector | None, ...]
    conflict: bool


def worlds(connectors: Sequence[ReceiveConnector], question: Question) -> Iterator[World]:
    """Every way to fill in what was not read, as far as it matters to the question."""
    yield from product(*(_guesses(one, question) for one in connectors))


def _guesses(one: ReceiveConnector, question: Question) -> list[Guess]:
    here = {question.wild, question.exact} - {None}
    if not one.bindings_complete or here & set(one.bindings):
        return [
            Guess(enabled, role, binding, hides_range)
            for enabled in ((None,) if one.enabled is not None else (True, False))
            for role in ((None,) if one.role is not None else (FRONT, HUB))
            for binding in ((None,) if one.bindings_complete else (None, *here))
            for hides_range in ((False,) if one.ranges_complete else (False, True))
        ]
    return [Guess()]


def size_of(block: AddressRange) -> int:
    """Number of addresses, as Exchange counts (S1.13, S1.21)."""
    return min(block.last - block.first + 1, 2**128 - 1)


def smallest(one: ReceiveConnector, guess: Guess, remote: Address) -> int | None:
    """The size of the smallest range that holds the address (S1.12, S1.14); None: none does."""
    if guess.hides_range and not one.ranges_complete:
        return 1
    sizes = [
        size_of(block)
        for block in one.ranges
        if block.family == remote.version and block.first <= int(remote) <= block.last
    ]
    return min(sizes) if sizes else None


def answer(
    connectors: Sequence[ReceiveConnector], world: World, question: Question
) -> Answer | None:
    """Who answers in this world (section 1.2); None: Exchange would not have let it come about."""
    listening: list[tuple[ReceiveConnector, Guess, TransportRole, set[Binding]]] = []
    for one, guess in zip(connectors, world, strict=True):
        bound = {*one.bindings, *([guess.binding] if guess.binding else [])}
        here = bound & {question.exact, question.wild}
        role = one.role if one.role is not None else guess.role
        enabled = one.enabled if one.enabled is not None else guess.enabled
        if here and enabled and role is not None:
            listening.append((one, guess, role, here))
    roles = {role for _, _, role, _ in listening}
    if len(roles) > 1 and any(guess.role or guess.binding for _, guess, _, _ in listening):
        return None
    winners: list[ReceiveConnector | None] = []
    for process in sorted(roles):
        mine = [(one, guess, here) for one, guess, role, here in listening if role == process]
        best = _winners(mine, question)
        if len(best) > 1 and any(guess.hides for _, guess in best):
            return None
        winners += [one for one, _ in best] or [None]
    return Answer(tuple(winners) or (None,), len(roles) > 1)


def _winners(
    listening: Sequence[tuple[ReceiveConnector, Guess, set[Binding]]], question: Question
) -> list[tuple[ReceiveConnector, Guess]]:
    """The reference pseudo-algorithm of section 1.2; several: a tie at one binding (S1.36)."""

    def best(binding: Binding | None) -> tuple[int, list[tuple[ReceiveConnector, Guess]]]:
        sizes = [
            (size, one, guess)
            for one, guess, here in listening
            if binding in here and (size := smallest(one, guess, question.remote)) is not None
        ]
        least = min((size for size, _, _ in sizes), default=0)
        return least, [(one, guess) for size, one, guess in sizes if size == least]

    (exact_size, exact), (wild_size, wild) = best(question.exact), best(question.wild)
    if not exact or not wild:
        return exact or wild
    return exact if exact_size <= wild_size else wild


# -- Ways from server to server --------------------------------------------------------------------


@dataclass(frozen=True)
class Way:
    """One way of mail, and whether it works.

    Attributes:
        sender, target: names of servers.
        address: the sender's address; None: none is known.
        port: on the target; 0: not known.
        state: works, fails or unknown.
        causes: why it fails, or would fail.
        connectors: identities of those that answer, where it fails.
        was_read: all was read that decides (S3.30, S1.10), also of what may take over.
        locals: what comes of each local address of the target that it may arrive at.
    """

    sender: str
    target: str
    address: str | None
    port: int
    state: State
    causes: tuple[str, ...] = ()
    connectors: tuple[str, ...] = ()
    was_read: bool = True
    locals: Mapping[str, State] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str, str | None, int]:
        """What stays the same after a repair."""
        return self.sender, self.target, self.address, self.port

    def __str__(self) -> str:
        """In words."""
        why = f": {', '.join(self.causes)}" if self.causes else ""
        by = f" at {', '.join(self.connectors)}" if self.connectors else ""
        source = f" from {self.address}" if self.address else ""
        read = "" if self.was_read else " (not all was read)"
        return f"{self.sender}{source} to {self.target}:{self.port} {self.state}{why}{by}{read}"


def port_for(sender: Server, target: Server) -> int | None:
    """The port that mail from one server to another takes (section 4.1); None: there is no way."""
    if sender.name == target.name:
        return 2525 if has_both(target) else None  # S4.06, S4.07
    if target.is_edge:
        return 25 if is_hub(sender) and not sender.is_edge else None  # S4.09b
    if sender.is_edge:
        return 25 if is_hub(target) else None  # S4.09
    if is_legacy(target):
        return 25 if is_hub(target) and is_hub(sender) else None  # S4.04
    if not is_hub(target):
        return None  # S4.63
    if not has_both(target):
        return 25  # S4.05
    return 25 if is_legacy(sender) else 2525  # S4.03, S4.02


def is_read(server: Server) -> bool:
    """Whether version and services were read, which decide the port (section 4.1)."""
    if server.version is None:
        return False
    split = server.version[:2] == (15, 0) or server.version[0] < 15
    return not split or server.is_edge or server.has_hub is not None


def ways(org: Snapshot) -> list[Way]:
    """Every way of mail between two servers, and from a server's Front End to its own Transport.

    An Edge server sends and gets mail in its own site alone (S4.64).
    """
    found: list[Way] = []
    for target, sender in product(org.servers, org.servers):
        if not is_read(target) or not is_read(sender):
            if sender is not target:
                found.append(Way(sender.name, target.name, None, 0, "unknown", was_read=False))
            continue
        port = port_for(sender, target)
        edge = sender.is_edge or target.is_edge
        if port is None or (edge and sender.site != target.site):
            continue
        if sender is target:
            found += _own_way(org, target, port)
        else:
            found += _ways(org, sender, target, port)
    return found


def _ways(org: Snapshot, sender: Server, target: Server, port: int) -> Iterator[Way]:
    """From each address of the sender; only in a family in which both have one (S4.66)."""
    addresses, connectors = addresses_of(org, sender), connectors_of(org, target)
    if not addresses or not connectors:
        yield Way(sender.name, target.name, None, port, "unknown", was_read=False)
        return
    theirs = addresses_of(org, target)
    for address in addresses:
        locals_: list[Address | None] = [one for one in theirs if one.version == address.version]
        if not locals_ and theirs:
            continue
        if not locals_:
            locals_ = [None, *_bound(connectors, address.version, port)]
        results = {
            str(local): judge(org, connectors, sender, Question(local, port, address))
            for local in locals_
        }
        yield _way(org, sender, target, str(address), port, results)


def _own_way(org: Snapshot, server: Server, port: int) -> Iterator[Way]:
    """From its own Front End, by one of its own addresses, and nobody knows by which (S4.65)."""
    connectors = connectors_of(org, server)
    results = {
        str(one): judge(org, connectors, server, Question(one, port, one))
        for one in addresses_of(org, server)
    }
    if results and connectors:
        yield _way(org, server, server, None, port, results)


def _bound(connectors: Sequence[ReceiveConnector], family: int, port: int) -> list[Address]:
    """The local addresses that bindings name (S1.04)."""
    return sorted(
        {
            address_of(family, one.address)
            for each in connectors
            for one in each.bindings
            if (one.family, one.port) == (family, port) and one.address
        },
        key=int,
    )


Result = tuple[State, tuple[str, ...], tuple[str, ...]]
"""State, causes and connectors."""


def _way(
    org: Snapshot,
    sender: Server,
    target: Server,
    address: str | None,
    port: int,
    results: Mapping[str, Result],
) -> Way:
    """Ways to several local addresses together: which one is taken, is not known (S9.04).

    Where nobody listens the sender goes on to the next address, so that is no way if another one
    answers.
    """
    answered = {
        local: one for local, one in results.items() if one[:2] != ("fails", (NOBODY,))
    } or results
    states = {state for state, _, _ in answered.values()}
    state = states.pop() if len(states) == 1 else "unknown"
    bad = [one for one in answered.values() if one[0] != "works"]
    connectors = connectors_of(org, target)
    return Way(
        sender.name,
        target.name,
        address,
        port,
        state,
        tuple(dict.fromkeys(cause for _, causes, _ in bad for cause in causes)),
        tuple(dict.fromkeys(one for _, _, by in bad for one in by)),
        was_read=all(_tells_all(one, target, port) for one in connectors)
        and not (
            downgraded_of(org, sender) is None
            and any(one.suppress_x_anonymous_tls for one in connectors)
        ),
        locals={local: one[0] for local, one in results.items()},
    )


def _tells_all(one: ReceiveConnector, target: Server, port: int) -> bool:
    """Whether all was read of a connector that decides on a way to this port, or should.

    A binding that was not read can't be at the port for the other process (S1.30).
    """
    front = port == 25 and has_both(target)
    name = "Default Frontend" if front else "Default"
    is_default = one.name.casefold() == f"{name} {target.name}".casefold()
    if not is_default and not any(binding.port == port for binding in one.bindings):
        return one.bindings_complete or one.role == (HUB if front else FRONT)
    lists = one.bindings_complete and one.ranges_complete
    return lists and None not in (one.enabled, one.role, one.auth, one.groups)


def judge(
    org: Snapshot, connectors: Sequence[ReceiveConnector], sender: Server, question: Question
) -> Result:
    """What comes of one connection of an Exchange server, whatever it is that was not read."""
    results: set[tuple[State, str]] = set()
    names: list[str] = []
    for world in worlds(connectors, question):
        got = answer(connectors, world, question)
        if got is None:
            continue
        if got.conflict:
            results.add(("fails", ROLE_CONFLICT))
            names += [one.identity for one in got.winners if one]
            continue
        for one in got.winners:
            result = meets(org, one, sender)
            results.add(result)
            if one and result[0] != "works":
                names.append(one.identity)
    states = {state for state, _ in results}
    state: State = states.pop() if len(states) == 1 else "unknown"
    causes = tuple(sorted({cause for one, cause in results if one != "works"}))
    return state, causes, tuple(dict.fromkeys(names))


def meets(org: Snapshot, one: ReceiveConnector | None, sender: Server) -> tuple[State, str]:
    """What an Exchange server meets at a connector (S3.30, S3.31); None: nobody answers (S1.18)."""
    if one is None:
        return "fails", NOBODY
    lacking = DEFAULT_LACKS_AUTH if is_setups(one) else SHADOWED
    if one.auth is None:
        return "unknown", lacking
    if AuthMechanism.ExchangeServer not in one.auth:
        return "fails", lacking
    if one.groups is None:
        return "unknown", GROUP_MISSING
    if PermissionGroups.ExchangeServers not in one.groups:
        return "fails", GROUP_MISSING
    return _hidden_way(org, one, sender) or _denied(org, one) or ("works", "")


def _hidden_way(org: Snapshot, one: ReceiveConnector, sender: Server) -> tuple[State, str] | None:
    """SuppressXAnonymousTls, where the sender is not set to do without (C10)."""
    downgraded = downgraded_of(org, sender)
    if not one.suppress_x_anonymous_tls or downgraded:
        return None
    return "unknown" if downgraded is None else "fails", SUPPRESSED


def _denied(org: Snapshot, one: ReceiveConnector) -> tuple[State, str] | None:
    """Rights that an access list denies, or may where it shows `Custom` (S3.43)."""
    rights = rights_on(org, one)
    if rights is None:
        custom = one.groups is not None and PermissionGroups.Custom in one.groups
        return ("unknown", RIGHTS_DENIED) if custom else None
    principals = ("exchange servers", "hub transport servers")
    denied = any(
        deny and right == "ms-exch-smtp-submit" and user.rpartition("\\")[2] in principals
        for user, right, deny in rights
    )
    return ("fails", RIGHTS_DENIED) if denied else None


def rights_on(org: Snapshot, one: ReceiveConnector) -> list[tuple[str, str, bool]] | None:
    """User, right and denial, in lower case, of a connector's access list; None: not read."""
    rows = [
        (row.user.casefold(), row.right.casefold(), row.deny)
        for row in org.rights
        if row.server.casefold() == one.server.casefold()
        and row.connector.rpartition("\\")[2].casefold() == one.name.casefold()
    ]
    return rows or None


@dataclass(frozen=True)
class RoleConflict:
    """Two enabled connectors of two processes that claim one endpoint (S1.30, C9)."""

    one: ReceiveConnector
    other: ReceiveConnector
    at: tuple[Binding, ...]

    @property
    def was_read(self) -> bool:
        """Whether all was read of both, so that a change of either can be foretold (S8.65)."""
        return all(
            each.bindings_complete and each.ranges_complete and None not in (each.auth, each.groups)
            for each in (self.one, self.other)
        )

    def __str__(self) -> str:
        """In words."""
        places = ", ".join(map(str, self.at))
        return f"{self.one.identity} and {self.other.identity} at {places}"


def role_conflicts(org: Snapshot) -> list[RoleConflict]:
    """All of them; a disabled connector takes no endpoint (S1.10)."""
    found = []
    for server in org.servers:
        enabled = [one for one in connectors_of(org, server) if one.enabled]
        for one, other in combinations(enabled, 2):
            if None in (one.role, other.role) or one.role == other.role:
                continue
            met = tuple(a for a, b in product(one.bindings, other.bindings) if meet(a, b))
            if met:
                found.append(RoleConflict(one, other, met))
    return found
