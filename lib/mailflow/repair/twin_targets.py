"""Which connectors B is to have so that it treats hosts as A does, as far as A's were read.

A connector of B that plays the part of one of A is changed: setup's own for the same port, a custom
one of the same name, or one with the same ranges at the same ports. For any other one of A a new
connector is made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from mailflow.analysis.analysis import analyze
from mailflow.analysis.change import MOST_ENTRIES
from mailflow.analysis.missing import CONNECTORS, Missing
from mailflow.analysis.servers import ServerView, address_of, is_custom
from mailflow.analysis.twin_server import TwinServer
from mailflow.analysis.twins import endpoint_pairs
from mailflow.exchange.connectors import (
    AuthMechanism,
    Binding,
    PermissionGroups,
    ReceiveConnector,
    TransportRole,
    setup_default,
)
from mailflow.exchange.ranges import Address, single, subtract
from mailflow.exchange.servers import Generation
from mailflow.phrases import joined
from mailflow.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class TwinSide:
    """A server of a snapshot.

    Attributes:
        org: the snapshot.
        view: the server.
    """

    org: Snapshot
    view: ServerView

    @property
    def twin(self) -> TwinServer:
        """What its connectors let hosts do."""
        return TwinServer(self.view, analyze(self.org).rights)


@dataclass(frozen=True, slots=True)
class TwinTarget:
    """A connector that B is to have.

    Attributes:
        before: the one that it has in its place; None: a new one.
        after: as it is to be.
        like: the connector of A that it is like.
    """

    before: ReceiveConnector | None
    after: ReceiveConnector
    like: ReceiveConnector


class TwinTargets:
    """What B is to have, and what cannot be brought over.

    Attributes:
        refused: connectors of A that are not brought over, and why; filled by `made`.
    """

    def __init__(
        self, a: TwinSide, b: TwinSide, moving: Address | None, spared: Sequence[Address] = ()
    ) -> None:
        """Take both servers.

        Args:
            a: the server that hosts use now.
            b: the one that they are to use.
            moving: a local address of A that moves to B.
            spared: addresses that no custom connector of B may get.
        """
        self._a, self._b, self._moving = a.view, b.view, moving
        self._spared = [single(address) for address in spared]
        self._twins = a.twin, b.twin
        self.refused: dict[str, None] = {}

    def made(self, *, spares_defaults: bool) -> Iterator[TwinTarget]:
        """Each connector that B is to have, in the order of A's."""
        for mine in self._wanted():
            theirs = self.partners.get(mine.identity)
            if is_custom(mine, self._a.connectors):
                after = self._custom(mine, theirs)
            elif theirs is None or spares_defaults:
                continue
            else:
                after = _default(mine, theirs)
            if after is not None:
                yield TwinTarget(theirs, after, mine)

    @cached_property
    def partners(self) -> dict[str, ReceiveConnector]:
        """Identity of a connector of A to the one of B that plays its part."""
        found: dict[str, ReceiveConnector] = {}
        wanted = list(self._wanted())
        free = [each for each in self._b.connectors if is_custom(each, self._b.connectors)]
        for mine in wanted:
            default = self._default_at(mine)
            if default and not is_custom(mine, self._a.connectors):
                found[mine.identity] = default
        for is_like in (_has_same_name, _has_same_ranges):
            for mine in wanted:
                if mine.identity in found or not is_custom(mine, self._a.connectors):
                    continue
                if match := next((each for each in free if is_like(mine, each)), None):
                    found[mine.identity] = match
                    free.remove(match)
        return found

    def _wanted(self) -> Iterator[ReceiveConnector]:
        """The connectors of A that hosts may meet where they arrive."""
        for mine in self._a.connectors:
            if mine.enabled is not False and (
                self._moving is None
                or any(
                    each.is_wildcard
                    or (each.family, each.address) == (self._moving.version, int(self._moving))
                    for each in mine.bindings
                )
            ):
                yield mine

    def _default_at(self, mine: ReceiveConnector) -> ReceiveConnector | None:
        """The connector that setup made on B for the same port."""
        ports = _ports(mine)
        return next(
            (each for each in self._b.connectors if setup_default(each) and ports & _ports(each)),
            None,
        )

    def _custom(
        self, mine: ReceiveConnector, theirs: ReceiveConnector | None
    ) -> ReceiveConnector | None:
        """A custom connector like A's; None, with the reason told, where that cannot be."""
        unread = joined(_unread(mine))
        if unread:
            self._say(
                f"{mine.identity} is not copied: {unread} missing, or not complete. Export "
                f"it in full, then rerun: {Missing(mine.server, CONNECTORS).command}"
            )
            return None
        bindings = self._bindings(mine)
        ranges = subtract(mine.ranges, self._spared)
        if mine.ranges and not ranges:
            self._say(f"{mine.identity} is not copied: it accepts only Exchange servers.")
        if not bindings or not ranges:
            return None
        made = replace(
            mine,
            server=self._b.name,
            bindings=bindings,
            ranges=ranges,
            role=self._role(mine),
            fqdn=self._fqdn(mine),
            groups=(mine.groups or PermissionGroups(0)) & ~PermissionGroups.Custom,
        )
        if theirs is not None:
            made = _in_place_of(theirs, made)
        if len(ranges) > MOST_ENTRIES:
            self._say(
                f"{made.identity} would get {len(ranges):,} remote IP ranges. Exchange accepts "
                "1,200 to 1,300 and may refuse the command."
            )
        return made

    def _say(self, text: str) -> None:
        self.refused.setdefault(text)

    def _role(self, mine: ReceiveConnector) -> TransportRole | None:
        """The process that has the port on B: beside it another role is refused (S1.30)."""
        if self._b.generation is Generation.LEGACY:
            return TransportRole.HubTransport
        default = self._default_at(mine)
        return (default.role if default else None) or mine.role

    def _fqdn(self, mine: ReceiveConnector) -> str:
        """A name of its own goes along; A's own name does not (section 3.4)."""
        own = {self._a.name.casefold(), self._a.server.fqdn.casefold(), ""}
        if mine.fqdn.casefold() in own or mine.offers_exchange_auth:
            return ""
        return mine.fqdn

    def _bindings(self, mine: ReceiveConnector) -> tuple[Binding, ...]:
        """Its bindings, with B's addresses in place of A's; empty where one is not known."""
        found = []
        for binding in mine.bindings:
            if binding.is_wildcard:
                found.append(binding)
                continue
            address = address_of(binding.family, binding.address)
            if self._moving is not None:
                found += [binding] if address == self._moving else []
                continue
            other = self._places.get(address) or self._own(binding)
            if other is None:
                self._say(
                    f"{mine.identity} is not copied: it is bound to {address}, and the "
                    f"address of {self._b.name} that takes its place is unknown."
                )
                return ()
            found.append(Binding(binding.family, int(other), binding.port))
        return tuple(found)

    @cached_property
    def _places(self) -> dict[Address, Address]:
        """Addresses of A that connectors name, to those of B that take their place."""
        pairs = endpoint_pairs(*self._twins, self._moving)
        return {each.a: each.b for each in pairs if each.a is not None and each.b is not None}

    def _own(self, binding: Binding) -> Address | None:
        """B's address of the family, where it is known to have that one alone."""
        found = self._b.of_family(binding.family)
        return found[0] if len(found) == 1 and not self._b.lacks_addresses else None


def _ports(connector: ReceiveConnector) -> set[int]:
    return {binding.port for binding in connector.bindings}


def _has_same_name(mine: ReceiveConnector, theirs: ReceiveConnector) -> bool:
    return mine.name.casefold() == theirs.name.casefold()


def _has_same_ranges(mine: ReceiveConnector, theirs: ReceiveConnector) -> bool:
    """However they are written, and in whichever pieces."""
    if _ports(mine) != _ports(theirs):
        return False
    ours, others = mine.ranges, theirs.ranges
    return not subtract(ours, others) and not subtract(others, ours)


def _unread(connector: ReceiveConnector) -> Iterator[str]:
    """What a new connector would have to be given and was not read."""
    missing = {
        "Enabled": connector.enabled is None,
        "TransportRole": connector.role is None,
        "Bindings": not connector.bindings_complete,
        "RemoteIPRanges": not connector.ranges_complete,
        "AuthMechanism": connector.auth is None,
        "PermissionGroups": connector.groups is None,
        "RequireTLS": connector.require_tls is None,
    }
    return (name for name, is_missing in missing.items() if is_missing)


def _default(mine: ReceiveConnector, theirs: ReceiveConnector) -> ReceiveConnector:
    """Setup's own connector on B with A's limits, groups and authentication.

    What Exchange servers need of it stays (S3.30), and so do its bindings and ranges.
    """
    made = _with_limits(theirs, mine)
    if None in (mine.auth, mine.groups, theirs.auth, theirs.groups):
        return made
    servers = PermissionGroups.ExchangeServers
    groups = _flags(mine.groups) & ~(servers | PermissionGroups.Custom)
    made = replace(
        made, groups=groups | _flags(theirs.groups) & (servers | PermissionGroups.Custom)
    )
    if mine.auth is None or theirs.auth is None or mine.is_externally_secured:
        return made
    ours = AuthMechanism.ExchangeServer
    return replace(made, auth=mine.auth & ~ours | theirs.auth & ours)


def _flags(groups: PermissionGroups | None) -> PermissionGroups:
    return groups or PermissionGroups(0)


def _in_place_of(theirs: ReceiveConnector, made: ReceiveConnector) -> ReceiveConnector:
    """A connector of B as it is to be: what is right already stays as it is written."""
    found = replace(
        _with_limits(theirs, made),
        enabled=made.enabled,
        role=made.role,
        auth=made.auth,
        groups=_flags(made.groups) | _flags(theirs.groups) & PermissionGroups.Custom,
        require_tls=made.require_tls,
    )
    if theirs.suppress_x_anonymous_tls is not None:
        suppresses = bool(made.suppress_x_anonymous_tls)
        found = replace(found, suppress_x_anonymous_tls=suppresses)
    if not theirs.ranges_complete or set(theirs.ranges) != set(made.ranges):
        found = replace(found, ranges=made.ranges, ranges_complete=True)
    if not theirs.bindings_complete or set(theirs.bindings) != set(made.bindings):
        found = replace(found, bindings=made.bindings, bindings_complete=True)
    return found


def _with_limits(theirs: ReceiveConnector, mine: ReceiveConnector) -> ReceiveConnector:
    """B's connector with the limits and the logging of A's, where both were read."""
    known, wanted = dict(theirs.limits), dict(mine.limits)
    logging = mine.protocol_logging if theirs.protocol_logging else ""
    return replace(
        theirs,
        limits=tuple((name, wanted.get(name, value)) for name, value in known.items()),
        protocol_logging=logging or theirs.protocol_logging,
    )
