"""Every way on which an Exchange server would arrive: in use, not in use yet, or planned.

The ways in use are those that the incident judges too. The others are the same question asked of
the other ports at which servers log on, and of addresses that are meant for servers to come: a
connector that would catch them fails nobody today, and somebody on the day a role, a version or an
address changes.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from mailflow.exchange.connectors import (
    SETUP_DEFAULTS,
    AuthMechanism,
    ReceiveConnector,
    SetupDefault,
    TransportRole,
    setup_default,
)
from mailflow.exchange.ranges import Address, AddressRange, Family
from mailflow.exchange.routing import Endpoint, endpoints
from mailflow.exchange.selection import Answer, answer
from mailflow.exchange.servers import Generation, Server
from mailflow.snapshot import Snapshot
from mailflow.steps.audit_members import Member, Planned
from mailflow.steps.audit_reach import FAMILIES, Spot, WholeMap
from mailflow.steps.paths import NOBODY, Path, State, intended, judged_paths, verdict_on

SERVER_PORTS = frozenset(
    one.port for one in SETUP_DEFAULTS if AuthMechanism.ExchangeServer in one.auth
)
"""Where setup makes connectors at which Exchange servers log on: 25, 465, 717, 2525 (S2.01)."""

INSIDE = {
    465: "client submissions that a Front End service passes on arrive there (S4.06)",
    717: "mail that send connectors proxy through the Front End arrives there (S4.08)",
}
"""Ports at which one service of Exchange hands over to another, and what."""


@dataclass(frozen=True, slots=True)
class Way:
    """A judged path, and whether anything takes it today.

    Attributes:
        path: the judgement; its sender is a stand-in where the server is still to come.
        in_use: whether mail between the two servers takes it.
        planned: the server to come; None: the sender is there.
    """

    path: Path
    in_use: bool
    planned: Planned | None = None


def judged_ways(
    org: Snapshot,
    servers: Sequence[Member],
    lean: Sequence[Sequence[ReceiveConnector]],
    planned: Sequence[Planned],
    whole: WholeMap,
) -> list[Way]:
    """All ways to servers of the organisation that the run covers, judged.

    Of the ways that no mail takes today only those on which something is wrong or not known.

    Args:
        org: the snapshot.
        servers: its members.
        lean: their connectors with only those ranges that hold an address of a member or a server
            to come (`Addresses.lean`): whole lists would be asked in vain, thousands of times.
        planned: servers to come.
        whole: the map of these members.
    """
    ways = [Way(path, in_use=True) for path in _paths_in_use(org, servers, lean)]
    return ways + _OtherWays(servers, planned, whole, lean).judged()


def _paths_in_use(
    org: Snapshot, servers: Sequence[Member], lean: Sequence[Sequence[ReceiveConnector]]
) -> Iterator[Path]:
    """The paths of the incident; asked of short lists, told of the real ones."""
    real = {one.identity: one for member in servers for one in member.connectors}
    short = tuple(one for connectors in lean for one in connectors)
    for path in judged_paths(replace(org, connectors=short)):
        one = path.connector
        yield path if one is None else replace(path, connector=real[one.identity])


@dataclass(frozen=True, slots=True)
class _Sender:
    """Who might arrive: a member, or a stand-in for a server to come."""

    server: Server
    addresses: tuple[Address, ...]
    downgraded: bool | None = None
    covered: bool = False
    planned: Planned | None = None


@dataclass(frozen=True, slots=True)
class _Question:
    """A connection that nothing makes today: to a port and local address of a member."""

    target: int
    port: int
    local: Address | None
    sender: _Sender
    address: Address

    @property
    def family(self) -> Family:
        return 4 if self.address.version == 4 else 6


_Kind = tuple[Generation | None, bool | None, bool | None, bool | None]
_Verdict = tuple[State, str | None, str, bool]


class _OtherWays:
    """The ways that no mail takes today."""

    def __init__(
        self,
        servers: Sequence[Member],
        planned: Sequence[Planned],
        whole: WholeMap,
        lean: Sequence[Sequence[ReceiveConnector]],
    ) -> None:
        self._servers, self._whole, self._lean = servers, whole, lean
        self._senders = [
            *(_Sender(one.server, one.addresses, one.downgraded, one.covered) for one in servers),
            *(_Sender(Server(one.label), (one.address,), planned=one) for one in planned),
        ]
        self._ports_in_use: dict[tuple[_Kind, _Kind, bool], frozenset[int]] = {}
        self._maps: dict[object, list[tuple[TransportRole, int]]] = {}
        self._verdicts: dict[tuple[int, str, bool | None], _Verdict] = {}

    def judged(self) -> list[Way]:
        """Those on which something is wrong or not known."""
        questions = [one for at in range(len(self._servers)) for one in self._questions(at)]
        wrong: dict[tuple[int, int, int, Address], dict[tuple[object, ...], Way]] = {}
        answered = set()
        for one, got in self._answers(questions):
            key = (one.target, one.port, id(one.sender), one.address)
            path = self._judged(one, got)
            if path is None or path.cause != NOBODY:
                answered.add(key)
            if path is not None:
                name = path.connector.identity if path.connector else None
                way = Way(path, in_use=False, planned=one.sender.planned)
                wrong.setdefault(key, {}).setdefault((path.state, path.cause, name), way)
        # A local address on which nobody listens is none that servers reach, if another one is.
        return [
            way
            for key, ways in wrong.items()
            for way in ways.values()
            if way.path.cause != NOBODY or key not in answered
        ]

    def _questions(self, target: int) -> Iterator[_Question]:
        member = self._servers[target]
        for port in sorted(_ports(member)):
            places = {family: _locals(member, family, port) for family in FAMILIES}
            for sender in self._senders:
                if not self._may_arrive(sender, member, port):
                    continue
                for address in sender.addresses:
                    for local in places[4 if address.version == 4 else 6]:
                        yield _Question(target, port, local, sender, address)

    def _may_arrive(self, sender: _Sender, target: Member, port: int) -> bool:
        """Whether it might come to this port one day, and no mail of its does today.

        2007, 2010 and Edge servers know port 25 alone (S4.03, S4.09); a server comes to itself only
        where one of its services hands over to another.
        """
        if not (sender.covered or target.covered):
            return False
        if sender.planned:
            return not (target.server.is_edge and port != 25)
        itself = sender.server is target.server
        if port in self._in_use(sender.server, target.server):
            return False
        if itself:
            return port in INSIDE
        if sender.server.is_edge and target.server.is_edge:
            return False
        no_service = sender.server.has_hub is False and sender.server.has_frontend is not True
        simple = bool(sender.server.is_edge) or sender.server.generation is Generation.LEGACY
        return not no_service and (port == 25 or not simple)

    def _in_use(self, sender: Server, target: Server) -> frozenset[int]:
        """The ports that mail between two servers takes, as far as their versions are known."""
        key = (_kind(sender), _kind(target), sender is target)
        if key not in self._ports_in_use:
            places = endpoints(sender, target)
            self._ports_in_use[key] = frozenset(one.port for one in places)
        return self._ports_in_use[key]

    def _answers(self, questions: Iterable[_Question]) -> Iterator[tuple[_Question, Answer]]:
        """Who answers: by the map where all of a server was read, else one by one.

        Where two processes claim a place it is a finding of its own, and who answers is chance.
        """
        by_map: dict[Family, list[tuple[_Question, TransportRole, int]]] = {4: [], 6: []}
        for one in questions:
            member = self._servers[one.target]
            if not member.is_whole:
                lean = self._lean[one.target]
                yield one, answer(lean, local=one.local, port=one.port, remote=one.address)
                continue
            maps = self._maps_at(one)
            if not maps:
                yield one, _answer_of(one, None, None)
            elif len(maps) == 1:
                by_map[one.family].append((one, *maps[0]))
        for family, asked in by_map.items():
            addresses = [int(one.address) for one, *_ in asked]
            winners = self._whole.winners(family, [spot for *_, spot in asked], addresses)
            for (one, role, _), won in zip(asked, winners, strict=True):
                yield one, _answer_of(one, role, won)

    def _maps_at(self, one: _Question) -> list[tuple[TransportRole, int]]:
        """The processes that listen where a question arrives, each with its map."""
        key = (one.target, one.family, one.port, one.local)
        if key not in self._maps:
            number = None if one.local is None else int(one.local)
            self._maps[key] = []
            for role in _PROCESSES:
                very, other = (
                    self._whole.find(Spot(one.target, role, one.port, local), one.family)
                    for local in (number, None)
                )
                at = other if very is None else very
                if at is not None:
                    self._maps[key].append((role, at))
        return self._maps[key]

    def _judged(self, one: _Question, got: Answer) -> Path | None:
        """What is wrong or not known there; None where the sender is let in."""
        outcomes = [(each, self._verdict(one, each)) for each in got.possible]
        wrong = next(((each, said) for each, said in outcomes if said[0] != "clear"), None)
        if wrong is None and not got.nobody_possible:
            return None
        path = self._path(one, got)
        if wrong is None:
            return self._silence(one, path)
        connector, (state, cause, why, on_evidence) = wrong
        certain = got.unknown is None or (
            not got.nobody_possible
            and got.connector is not None
            and all(verdict[0] == "found" for _, verdict in outcomes)
        )
        return replace(
            path,
            state=state if certain else "unknown",
            cause=cause,
            connector=self._real(one, connector),
            why=why if certain else got.unknown or "",
            on_evidence=certain and on_evidence,
        )

    def _silence(self, one: _Question, path: Path) -> Path | None:
        """Nobody answers: a fault only where setup made a connector that is there to be mended."""
        process = _role_by_setup(path.target, one.port)
        default = intended(self._servers[one.target].connectors, process, one.port)
        if default is None:
            return None
        why = path.answer.unknown if path.answer else None
        state: State = "found" if why is None else "unknown"
        return replace(path, state=state, cause=NOBODY, connector=default, why=why or "")

    def _path(self, one: _Question, got: Answer) -> Path:
        server = self._servers[one.target].server
        process = got.process or _role_by_setup(server, one.port)
        place = Endpoint(one.port, process, _FACTS[one.port])
        return Path(one.sender.server, server, one.address, place, got, "unknown")

    def _real(self, one: _Question, short: ReceiveConnector) -> ReceiveConnector:
        return next(
            each for each in self._servers[one.target].connectors if each.identity == short.identity
        )

    def _verdict(self, one: _Question, connector: ReceiveConnector) -> _Verdict:
        key = (one.target, connector.identity, one.sender.downgraded)
        if key not in self._verdicts:
            member = self._servers[one.target]
            self._verdicts[key] = verdict_on(
                self._real(one, connector), member.connectors, one.sender.downgraded
            )
        return self._verdicts[key]


_PROCESSES = (TransportRole.FrontendTransport, TransportRole.HubTransport)
_FACTS = {25: "S4.03", 465: "S4.06", 717: "S4.08", 2525: "S4.02"}


def _answer_of(
    one: _Question, role: TransportRole | None, won: tuple[ReceiveConnector, AddressRange] | None
) -> Answer:
    """What the map says, as the answer to a single question; without the losers."""
    connector, block = won or (None, None)
    return Answer(
        process=role,
        local=one.local,
        port=one.port,
        remote=one.address,
        connector=connector,
        range=block,
        others=(),
        unknown=None,
        possible=() if connector is None else (connector,),
        nobody_possible=connector is None,
    )


def _kind(server: Server) -> _Kind:
    """What decides where its mail arrives (section 4.1)."""
    return server.generation, server.has_frontend, server.has_hub, server.is_edge


def setup_port(default: SetupDefault, server: Server) -> int | None:
    """Where setup binds a connector on this server (section 2, S2.05); None: not known."""
    if default.name != "Default {}" or server.generation is Generation.MODERN:
        return default.port
    if server.generation is Generation.LEGACY or server.has_frontend is False:
        return 25
    return default.port if server.has_frontend else None


def _ports(member: Member) -> set[int]:
    """The ports of servers at which it answers, or did when setup was done with it."""
    bound = {binding.port for one in member.connectors for binding in one.bindings}
    defaults = filter(None, map(setup_default, member.connectors))
    made = {setup_port(one, member.server) for one in defaults}
    return {port for port in bound | made if port in SERVER_PORTS}


def _role_by_setup(server: Server, port: int) -> TransportRole:
    """The process that has a port where nothing else tells it."""
    front = server.has_frontend is not False and not server.is_edge and port in (25, 717)
    return TransportRole.FrontendTransport if front else TransportRole.HubTransport


def _locals(member: Member, family: Family, port: int) -> tuple[Address | None, ...]:
    """Local addresses that stand for all at which servers may arrive, one for each map (S1.16)."""
    bound = {
        binding.address
        for one in member.connectors
        for binding in one.bindings
        if (binding.family, binding.port) == (family, port) and not binding.is_wildcard
    }
    known = [one for one in member.addresses if one.version == family]
    if not known and not member.adapters:
        make = ipaddress.IPv4Address if family == 4 else ipaddress.IPv6Address
        return (None, *(make(number) for number in sorted(bound)))
    by_map = {int(one) if int(one) in bound else None: one for one in reversed(known)}
    return tuple(by_map.values())
