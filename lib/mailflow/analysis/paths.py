"""Every mail path between two servers of the organization, and whether it works.

A path is judged by configuration alone: which connector accepts the sender on the target, and can
an Exchange server authenticate and submit there (S3.30). What was not read makes a path unknown,
never clear.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from mailflow.analysis.acceptance import Acceptance
from mailflow.analysis.assessment import (
    NOBODY,
    PARTIAL,
    ROLE_CONFLICT,
    SHADOWED,
    Assessment,
    Lead,
    PathState,
    assess_connector,
    assess_partial,
    assess_rights,
    assess_silence,
    assess_uncertain,
)
from mailflow.analysis.missing import (
    ADDRESSES,
    CONNECTORS,
    SERVERS,
    Missing,
)
from mailflow.analysis.servers import (
    FAMILIES,
    ServerKind,
    ServerView,
    SortedAddresses,
    family_of,
)
from mailflow.exchange.connectors import ReceiveConnector, TransportRole
from mailflow.exchange.ranges import Address, AddressRange, Family
from mailflow.exchange.routing import Endpoint, endpoints, is_settled, may_be_none, shares_site
from mailflow.exchange.selection import Answer, answer


@dataclass(frozen=True, slots=True)
class MailPath:
    """A connection from a sender's address to an endpoint of a target, and what comes of it.

    Attributes:
        sender, target: the two servers.
        address: the sender's address; None: none is known.
        endpoint: port and process on the target; None where the versions that decide it are unknown
            and no connector is there to ask.
        local: the target's local address; None: one that is not known.
        accepted_by: the connector that accepts it among what was read; None: none, or not known.
        range: that connector's smallest range that contains the address.
        assessment: whether it works.
        was_asked: whether both ends were known, so that the selection could be asked.
    """

    sender: ServerView
    target: ServerView
    address: Address | None
    endpoint: Endpoint | None
    assessment: Assessment
    local: Address | None = None
    accepted_by: ReceiveConnector | None = None
    range: AddressRange | None = None
    was_asked: bool = False

    @property
    def state(self) -> PathState:
        """Found, unknown or clear."""
        return self.assessment.state

    @property
    def cause(self) -> str | None:
        """What is wrong, or what it would be."""
        return self.assessment.cause

    @property
    def connector(self) -> ReceiveConnector | None:
        """The connector at fault."""
        return self.assessment.connector

    @property
    def why(self) -> str:
        """What is not known."""
        return self.assessment.why

    @property
    def missing(self) -> Missing | None:
        """The data that would tell."""
        return self.assessment.missing

    @property
    def on_evidence(self) -> bool:
        """Whether a queue stuck with 5.7.3 makes it found."""
        return self.assessment.on_evidence

    @property
    def leads(self) -> tuple[Lead, ...]:
        """What the cause would be under a condition."""
        return self.assessment.leads

    @property
    def answer(self) -> Answer | None:
        """The selection with every connector that loses, and why; None: it could not be asked."""
        if not self.was_asked or self.address is None or self.endpoint is None:
            return None
        return answer(
            self.target.connectors,
            local=self.local,
            port=self.endpoint.port,
            remote=self.address,
        )

    def assessed(self, assessment: Assessment) -> MailPath:
        """The same path with another assessment."""
        return replace(self, assessment=assessment)


class Judge:
    """Judges mail paths between servers; what several paths have in common is worked out once."""

    def __init__(self, servers: Sequence[ServerView], further: Iterable[Address] = ()) -> None:
        """Take all servers of the organization, and addresses of servers that are to come."""
        self._servers = servers
        held = Counter(address for server in servers for address in server.addresses)
        self._shared = frozenset(address for address, number in held.items() if number > 1)
        known = (address for server in servers for address in server.addresses)
        self._asked = SortedAddresses([*known, *further])
        self._routes: dict[
            tuple[ServerKind, ServerKind, bool], tuple[tuple[Endpoint, ...], bool]
        ] = {}

    def paths(self) -> tuple[MailPath, ...]:
        """All paths that the run covers, by target and then by sender."""
        return tuple(path for target in self._servers for path in self.paths_to(target))

    def paths_to(self, target: ServerView) -> Iterator[MailPath]:
        """The paths to one server, which may have other connectors than the organization's own.

        A server's path to itself begins at the view that stands for it.
        """
        station = _Station(target, self._asked)
        for known in self._servers:
            sender = target if known.server is target.server else known
            if not (sender.covered or target.covered):
                continue
            places, settled = self._route(sender, target)
            meets = shares_site(sender.server, target.server)
            if not places or meets is False:
                continue
            for path in _paths(sender, station, places, settled=settled):
                yield self._taken(path, in_site=meets is True)

    def _taken(self, path: MailPath, *, in_site: bool) -> MailPath:
        """A path; one that mail may not take at all accuses nobody.

        S4.66: two servers meet only in a family in which both have an address. S4.64: an Edge
        server speaks to its own site. S4.63: without a Transport service a server is no next hop.
        Of several addresses of a sender, one that another server has as well may be a load
        balancer's, and one on an adapter apart that of a replication network (contract 8.7).
        """
        sender, target, address = path.sender, path.target, path.address
        if path.state != "found" or sender is target or address is None:
            return path
        family = family_of(address)
        if target.addresses and not target.of_family(family):
            why = f"no IPv{family} address of {target.name} is known"
            return _open(path, why, Missing(target.name, ADDRESSES, "", why), on_evidence=False)
        if not in_site:
            names = [each.name for each in (sender, target) if not each.server.site.strip()]
            why = f"the site of {' and '.join(names)} was not read, and Edge servers keep to theirs"
            return _open(path, why, Missing("", SERVERS, "Site", why))
        if may_be_none(sender.server, target.server) and not _runs_hub(target):
            why = f"whether {target.name} has a Transport service was not read"
            return _open(path, why, Missing("", SERVERS, "IsHubTransportServer", why))
        if address in self._shared and len(sender.addresses) > 1:
            return _open(path, f"{address} is an address of another server as well", None)
        if address in sender.doubted:
            return _open(path, sender.doubted[address], None)
        return path

    def again(self, target: ServerView, paths: Iterable[MailPath]) -> Iterator[MailPath]:
        """Single connections to a server judged anew, with the connectors it has now."""
        station = _Station(target, self._asked)
        for path in paths:
            if path.address is not None and path.endpoint is not None:
                in_site = shares_site(path.sender.server, target.server) is True
                there = _path(path.sender, station, path.address, path.endpoint, path.local)
                yield self._taken(there, in_site=in_site)

    def _route(self, sender: ServerView, target: ServerView) -> tuple[tuple[Endpoint, ...], bool]:
        """Where mail lands, and whether all was read that decides it."""
        itself = sender.server is target.server
        key = (sender.kind, target.kind, itself)
        if key not in self._routes:
            pair = sender.server, target.server
            self._routes[key] = endpoints(*pair), is_settled(*pair)
        return self._routes[key]


@dataclass(frozen=True, slots=True)
class _Judged:
    """What comes of a connection."""

    assessment: Assessment
    accepted_by: ReceiveConnector | None = None
    range: AddressRange | None = None


class _Station:
    """A target before all its senders.

    Attributes:
        view: the target.
    """

    def __init__(self, view: ServerView, asked: SortedAddresses) -> None:
        """Take a target, and the addresses of all its senders."""
        self.view = view
        self._acceptance = Acceptance(view.connectors, asked)
        self._assessed: dict[tuple[object, ...], Assessment] = {}
        self._outcomes: dict[tuple[str, bool | None], Assessment] = {}
        self._anywhere: dict[tuple[Endpoint, bool | None], Assessment] = {}
        self._locals: dict[tuple[Family, int], tuple[Address | None, ...]] = {}
        self._families = {address.version for address in view.addresses} or {*FAMILIES}
        self._made: dict[tuple[object, ...], list[tuple[MailPath, int | None]]] = {}

    def meets(self, sender: ServerView) -> bool:
        """Whether mail may leave from an address of the sender that is known.

        S4.66: one of a family in which the target has none is not the one that mail comes from.
        """
        return any(address.version in self._families for address in sender.addresses)

    def local_addresses(self, family: Family, port: int) -> tuple[Address | None, ...]:
        """Local addresses that other servers may connect to."""
        key = (family, port)
        if key not in self._locals:
            self._locals[key] = self.view.local_addresses(family, port)
        return self._locals[key]

    def judged(
        self,
        sender: ServerView,
        address: Address,
        endpoint: Endpoint,
        local: Address | None,
    ) -> _Judged:
        """One connection: each connector's smallest range decides all of it (S1.12 to S1.16)."""
        got, connector, block = self._acceptance.ask(address, local, endpoint.port)
        key = (id(got), endpoint.process, sender.downgraded)
        if key not in self._assessed:
            self._assessed[key] = self._assess(sender, got, endpoint)
        return _Judged(self._assessed[key], connector, block)

    def from_anywhere(self, sender: ServerView, endpoint: Endpoint) -> Assessment:
        """A path from an address that is not known.

        Clear where it is whatever address it is: each connector that may accept it gives what an
        Exchange server needs, and one of them accepts every address.
        """
        key = (endpoint, sender.downgraded)
        if key not in self._anywhere:
            self._anywhere[key] = self._from_anywhere(endpoint, sender.downgraded)
        assessment = self._anywhere[key]
        if assessment.state == "clear":
            return assessment
        why = (
            f"not all addresses of {sender.name} are known"
            if sender.addresses
            else f"no address of {sender.name} is known"
        )
        missing = assessment.missing or Missing(sender.name, ADDRESSES, "", why)
        return replace(assessment, why=assessment.why or why, missing=missing)

    def _from_anywhere(self, endpoint: Endpoint, downgraded: bool | None) -> Assessment:
        view = self.view
        here = [
            each
            for each in view.connectors
            if each.enabled is not False
            and each.role in (endpoint.process, None)
            and (
                not each.bindings_complete
                or any(binding.port == endpoint.port for binding in each.bindings)
            )
        ]
        outcomes = [self._outcome(each, downgraded) for each in here]
        if view.hidden:
            missing = Missing(view.name, CONNECTORS, "", PARTIAL)
            leads = self._leads(endpoint, downgraded)
            return Assessment("unknown", SHADOWED, None, PARTIAL, missing, leads=leads)
        if (
            not view.role_conflicts
            and not view.possible_role_conflicts
            and all(each.state == "clear" for each in outcomes)
            and all(_accepts_all(here, family, endpoint) for family in FAMILIES)
        ):
            return Assessment("clear")
        return Assessment("unknown", SHADOWED, leads=self._leads(endpoint, downgraded))

    def _leads(self, endpoint: Endpoint, downgraded: bool | None) -> tuple[Lead, ...]:
        """Which addresses fall on a connector that lacks what an Exchange server needs."""
        from mailflow.exchange.answers import map_answers

        found: dict[str, tuple[ReceiveConnector, dict[AddressRange, None]]] = {}
        for family in FAMILIES:
            for local in self.local_addresses(family, endpoint.port):
                blocks = map_answers(
                    self.view.connectors,
                    process=endpoint.process,
                    local=local,
                    port=endpoint.port,
                    family=family,
                )
                for block, winner in blocks:
                    if winner and self._outcome(winner, downgraded).state == "found":
                        key = winner.identity.casefold()
                        parts = found.setdefault(key, (winner, {}))[1]
                        parts |= dict.fromkeys(_as_listed(winner, block))
        return tuple(Lead(connector, tuple(some)) for connector, some in found.values())

    def alike(
        self, sender: ServerView, address: Address, places: Sequence[Endpoint]
    ) -> Iterator[MailPath]:
        """The paths from one address; worked out once for all that fall on ranges of these sizes.

        Not for a server's path to itself, which takes its own address.
        """
        falls_on, sizes = self._acceptance.falls_on(address)
        key = (places, address.version, sender.downgraded, sizes)
        made = self._made.get(key)
        if made is None:
            made = self._made[key] = [
                (path, self._place(path.accepted_by))
                for path in _ways(sender, self, address, places)
            ]
        for path, place in made:
            yield MailPath(
                sender,
                self.view,
                address,
                path.endpoint,
                path.assessment,
                path.local,
                path.accepted_by,
                None if place is None else falls_on[place],
                was_asked=True,
            )

    def _place(self, connector: ReceiveConnector | None) -> int | None:
        return next(
            (place for place, each in enumerate(self.view.connectors) if each is connector), None
        )

    def _assess(self, sender: ServerView, got: Answer, endpoint: Endpoint) -> Assessment:
        remote, local = got.remote, got.local
        for conflict in self.view.role_conflicts:
            if conflict.is_met_at(remote.version, local, endpoint.port):
                return Assessment("found", ROLE_CONFLICT, conflict.odd)
        outcomes = [
            self._outcome(self._acceptance.whole(lean), sender.downgraded) for lean in got.possible
        ]
        if self.view.hidden and not got.is_exact:
            return assess_partial(self.view, got, outcomes)
        if got.unknown is not None:
            return assess_uncertain(self.view, got, outcomes)
        return outcomes[0] if outcomes else assess_silence(self.view, got, endpoint)

    def _outcome(self, connector: ReceiveConnector, downgraded: bool | None) -> Assessment:
        key = (connector.identity, downgraded)
        if key not in self._outcomes:
            said = assess_connector(connector, self.view.connectors, downgraded)
            if said.state == "clear":
                said = assess_rights(connector, self.view.denied(connector))
            self._outcomes[key] = said
        return self._outcomes[key]


def _paths(
    sender: ServerView, station: _Station, places: Sequence[Endpoint], *, settled: bool
) -> Iterator[MailPath]:
    """The paths of one sender to one target."""
    target = station.view
    itself = sender is target
    if not target.connectors:
        if not itself:
            why = f"no receive connectors of {target.name} were read"
            missing = Missing(target.name, CONNECTORS, "", why)
            unknown = Assessment("unknown", SHADOWED, None, why, missing)
            yield MailPath(sender, target, None, places[0], unknown)
        return
    open_ = [
        MailPath(sender, target, None, place, station.from_anywhere(sender, place))
        for place in places
        if sender.lacks_addresses or not station.meets(sender)
    ]
    if not sender.addresses:
        yield from open_
        return
    if itself:
        own = [
            path for address in sender.addresses for path in _ways(sender, station, address, places)
        ]
        own += open_
        kept = own if settled else [each for path in own if (each := _unsettled(path))]
        yield from _own_hop(kept)
        return
    for address in sender.addresses:
        if not settled:
            for path in _ways(sender, station, address, places):
                settled_path = _unsettled(path)
                if settled_path is not None:
                    yield settled_path
        else:
            yield from station.alike(sender, address, places)
    yield from open_


def _as_listed(connector: ReceiveConnector, block: AddressRange) -> list[AddressRange]:
    """A block in the elements that the connector lists, as people know them, where they fill it."""
    inside = [
        each
        for each in connector.ranges
        if each.family == block.family and block.first <= each.first and each.last <= block.last
    ]
    at = block.first
    for each in sorted(inside, key=lambda each: each.first):
        if each.first != at:
            return [block]
        at = each.last + 1
    return inside if at == block.last + 1 else [block]


def _accepts_all(
    connectors: Iterable[ReceiveConnector], family: Family, endpoint: Endpoint
) -> bool:
    """Whether one of the connectors certainly accepts every address of a family, at the wildcard.

    A family in which nobody listens has no connections.
    """
    bound = [
        (each, binding)
        for each in connectors
        for binding in each.bindings
        if (binding.family, binding.port) == (family, endpoint.port)
    ]
    return not bound or any(
        each.enabled is True
        and each.role == endpoint.process
        and binding.is_wildcard
        and any(block.is_everything and block.family == family for block in each.ranges)
        for each, binding in bound
    )


def _ways(
    sender: ServerView, station: _Station, address: Address, places: Sequence[Endpoint]
) -> list[MailPath]:
    """The ways from one address, put together where it is not known which one is taken."""
    itself, family = sender is station.view, family_of(address)
    return _together(
        [
            _path(sender, station, address, place, local)
            for place in places
            for local in ((address,) if itself else station.local_addresses(family, place.port))
        ]
    )


def _path(
    sender: ServerView,
    station: _Station,
    address: Address,
    endpoint: Endpoint,
    local: Address | None,
) -> MailPath:
    judged = station.judged(sender, address, endpoint, local)
    return MailPath(
        sender,
        station.view,
        address,
        endpoint,
        judged.assessment,
        local,
        judged.accepted_by,
        judged.range,
        was_asked=True,
    )


def _unsettled(path: MailPath) -> MailPath | None:
    """A path; unknown where nobody accepts it on an endpoint that may not be there at all.

    2007 and 2010 know no port 2525 (S4.03), and a 2013 server may lack either service (section
    2.2): where version or roles were not read, silence may just say that. None: a server's hop to
    itself, which only 2013 and later have (S4.06), while its version is missing data.
    """
    if not (path.state == "found" and path.cause == NOBODY):
        return path
    if path.sender is path.target and path.target.generation is None:
        return None
    why = _unread_kind(path)
    missing = Missing("", SERVERS, "AdminDisplayVersion", why)
    return path.assessed(Assessment("unknown", NOBODY, None, why, missing))


def _open(
    path: MailPath, why: str, missing: Missing | None, *, on_evidence: bool = True
) -> MailPath:
    """A path that fails if mail takes it, which is not known."""
    said = replace(
        path.assessment, state="unknown", why=why, missing=missing, on_evidence=on_evidence
    )
    return path.assessed(said)


def _runs_hub(view: ServerView) -> bool:
    """Whether a connector shows that it has a Transport service (section 2.2)."""
    return any(each.role == TransportRole.HubTransport for each in view.connectors)


def _own_hop(ways: Sequence[MailPath]) -> list[MailPath]:
    """A server's path to itself, which takes one of its own addresses; the OS decides (S4.65).

    A fault on some of several only is undetermined.
    """
    ways = [each for each in ways if each.cause != NOBODY] or list(ways)
    if len({each.state for each in ways}) < 2:
        return list(ways)
    return [
        _open(each, f"it depends on which of its own addresses {each.target.name} uses", None)
        if each.state == "found"
        else each
        for each in ways
    ]


def _unread_kind(path: MailPath) -> str:
    both = tuple(dict.fromkeys((path.sender, path.target)))
    names = [each.name for each in both if each.generation is None] or [each.name for each in both]
    return f"version or roles of {' and '.join(names)}, which decide the port, were not read"


def _together(ways: Sequence[MailPath]) -> list[MailPath]:
    """Judgments on the ways a connection may take; which of them it takes is not known.

    A local address on which nobody listens is none that peers reach, if another one accepts.
    Otherwise a fault on some ways only is unknown until a stuck queue speaks for it.
    """
    if len(ways) == 1:
        return [ways[0]]
    accepted = [each for each in ways if each.cause != NOBODY]
    # One that may accept says more than one that certainly does not.
    silent = sorted(ways, key=lambda each: each.state == "found")
    ways = accepted or silent[:1]
    if len({each.state for each in ways}) < 2:
        return _distinct(ways)
    several = len({each.endpoint for each in ways}) > 1
    return _distinct(
        each.assessed(
            replace(
                each.assessment,
                state="unknown",
                on_evidence=True,
                why=_unread_kind(each)
                if several
                else f"it depends on the local address of {each.target.name} that the connection "
                "takes",
            )
        )
        if each.state == "found"
        else each
        for each in ways
        if each.state != "clear"
    )


def _distinct(paths: Iterable[MailPath]) -> list[MailPath]:
    """Each judgment once: several local addresses often give the same."""
    kept: dict[tuple[object, ...], MailPath] = {}
    for each in paths:
        name = each.connector.identity if each.connector else None
        kept.setdefault((each.state, each.cause, name, each.endpoint), each)
    return list(kept.values())
