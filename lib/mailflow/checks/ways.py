"""Every mail path on which an Exchange server would arrive: in use, not in use yet, or planned.

The paths in use are those that the incident judges too. The others are the same question asked of
the other ports at which servers sign in, and of addresses that are meant for servers to come: a
connector that would catch them fails nobody today, and somebody on the day a role, a version or an
address changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mailflow.analysis.assessment import NOBODY, PARTIAL, Assessment, PathState, assess_connector
from mailflow.analysis.paths import MailPath
from mailflow.analysis.planned import Planned
from mailflow.analysis.reach import Spot, WholeMap
from mailflow.analysis.servers import (
    FAMILIES,
    ServerKind,
    ServerView,
    SortedAddresses,
    bound_addresses,
    family_of,
    setup_port,
)
from mailflow.exchange.connectors import (
    SETUP_DEFAULTS,
    AuthMechanism,
    ReceiveConnector,
    TransportRole,
    setup_default,
)
from mailflow.exchange.ranges import Address, AddressRange, Family
from mailflow.exchange.routing import Endpoint, endpoints
from mailflow.exchange.selection import Answer, answer
from mailflow.exchange.servers import Generation, Server

SERVER_PORTS = frozenset(
    default.port for default in SETUP_DEFAULTS if AuthMechanism.ExchangeServer in default.auth
)
"""Where setup makes connectors at which Exchange servers log on: 25, 465, 717, 2525 (S2.01)."""

INSIDE = {
    465: "client submissions that a Front End service passes on arrive there",
    717: "mail that send connectors proxy through the Front End arrives there",
}
"""Ports at which one service of Exchange hands over to another, and what (S4.06, S4.08)."""


@dataclass(frozen=True, slots=True)
class Way:
    """A judged path, and whether anything takes it today.

    Attributes:
        path: the judgement; its sender is a stand-in where the server is still to come.
        in_use: whether mail between the two servers takes it.
        planned: the server to come; None: the sender is there.
    """

    path: MailPath
    in_use: bool
    planned: Planned | None = None


def judged_ways(
    paths: Iterable[MailPath],
    servers: Sequence[ServerView],
    planned: Sequence[Planned],
    whole: WholeMap,
) -> list[Way]:
    """All ways to servers of the organization that the run covers, judged.

    Of the ways that no mail takes today only those on which something is wrong or not known.

    Args:
        paths: the mail paths, as the incident judges them.
        servers: all servers.
        planned: servers to come.
        whole: the map of these servers.
    """
    ways = [Way(path, in_use=True) for path in paths]
    return ways + _OtherWays(servers, planned, whole).judged()


@dataclass(frozen=True, slots=True)
class _Sender:
    """Who might arrive: a server, or a stand-in for one to come."""

    view: ServerView
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
        return family_of(self.address)


class _OtherWays:
    """The ways that no mail takes today."""

    def __init__(
        self,
        servers: Sequence[ServerView],
        planned: Sequence[Planned],
        whole: WholeMap,
    ) -> None:
        self._servers, self._whole = servers, whole
        known = [address for view in servers for address in view.addresses]
        asked = SortedAddresses([*known, *(each.address for each in planned)])
        # Whole lists would be asked in vain, thousands of times.
        self._lean = [asked.lean(view.connectors) for view in servers]
        self._senders = [
            *(_Sender(view) for view in servers),
            *(_Sender(_stand_in(each), each) for each in planned),
        ]
        self._ports_in_use: dict[tuple[ServerKind, ServerKind, bool], frozenset[int]] = {}
        self._maps: dict[object, list[tuple[TransportRole, int]]] = {}
        self._verdicts: dict[tuple[int, str, bool | None], Assessment] = {}

    def judged(self) -> list[Way]:
        """Those on which something is wrong or not known."""
        questions = [
            question for at in range(len(self._servers)) for question in self._questions(at)
        ]
        wrong: dict[tuple[int, int, int, Address], dict[tuple[object, ...], Way]] = {}
        answered = set()
        for question, got in self._answers(questions):
            key = (question.target, question.port, id(question.sender), question.address)
            path = self._judged(question, got)
            if path is None or path.cause != NOBODY:
                answered.add(key)
            if path is not None:
                name = path.connector.identity if path.connector else None
                way = Way(path, in_use=False, planned=question.sender.planned)
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
                for address in sender.view.addresses:
                    for local in places[4 if address.version == 4 else 6]:
                        yield _Question(target, port, local, sender, address)

    def _may_arrive(self, sender: _Sender, target: ServerView, port: int) -> bool:
        """Whether it might come to this port one day, and no mail of its does today.

        2007, 2010 and Edge servers know port 25 alone (S4.03, S4.09); a server comes to itself only
        where one of its services hands over to another.
        """
        known = sender.view
        if sender.planned:
            return target.covered and not (target.server.is_edge and port != 25)
        if not (known.covered or target.covered):
            return False
        if port in self._in_use(known, target):
            return False
        if known is target:
            return port in INSIDE
        if known.server.is_edge and target.server.is_edge:
            return False
        no_service = known.server.has_hub is False and known.server.has_frontend is not True
        simple = bool(known.server.is_edge) or known.generation is Generation.LEGACY
        return not no_service and (port == 25 or not simple)

    def _in_use(self, sender: ServerView, target: ServerView) -> frozenset[int]:
        """The ports that mail between two servers takes, as far as their versions are known."""
        key = (sender.kind, target.kind, sender is target)
        if key not in self._ports_in_use:
            places = endpoints(sender.server, target.server)
            self._ports_in_use[key] = frozenset(place.port for place in places)
        return self._ports_in_use[key]

    def _answers(self, questions: Iterable[_Question]) -> Iterator[tuple[_Question, Answer]]:
        """Who answers: by the map where all of a server was read, else one by one.

        Where two processes claim a place it is a finding of its own, and who answers is chance.
        """
        by_map: dict[Family, list[tuple[_Question, TransportRole, int]]] = {4: [], 6: []}
        for question in questions:
            member = self._servers[question.target]
            if not member.is_whole or member.has_ties:
                lean = self._lean[question.target]
                yield (
                    question,
                    answer(lean, local=question.local, port=question.port, remote=question.address),
                )
                continue
            maps = self._maps_at(question)
            if not maps:
                yield question, _answer_of(question, None, None)
            elif len(maps) == 1:
                by_map[question.family].append((question, *maps[0]))
        for family, asked in by_map.items():
            addresses = [int(question.address) for question, *_ in asked]
            winners = self._whole.winners(family, [spot for *_, spot in asked], addresses)
            for (question, role, _), won in zip(asked, winners, strict=True):
                yield question, _answer_of(question, role, won)

    def _maps_at(self, question: _Question) -> list[tuple[TransportRole, int]]:
        """The processes that listen where a question arrives, each with its map."""
        key = (question.target, question.family, question.port, question.local)
        if key not in self._maps:
            number = None if question.local is None else int(question.local)
            self._maps[key] = []
            for role in _PROCESSES:
                very, other = (
                    self._whole.find(
                        Spot(question.target, role, question.port, local), question.family
                    )
                    for local in (number, None)
                )
                at = other if very is None else very
                if at is not None:
                    self._maps[key].append((role, at))
        return self._maps[key]

    def _judged(self, question: _Question, got: Answer) -> MailPath | None:
        """What is wrong or not known there; None where the sender can submit."""
        outcomes = [self._verdict(question, each) for each in got.possible]
        wrong = next((each for each in outcomes if each.state != "clear"), None)
        if wrong is None and not got.nobody_possible:
            return None
        if wrong is None:
            return self._silence(question, got)
        # A connector that was not read may accept it instead (S1.38).
        if self._servers[question.target].hidden and not got.is_exact:
            return self._path(
                question, got, Assessment("unknown", wrong.cause, wrong.connector, PARTIAL)
            )
        certain = got.unknown is None or (
            not got.nobody_possible
            and got.connector is not None
            and all(each.state == "found" for each in outcomes)
        )
        if certain:
            return self._path(question, got, wrong)
        unknown = Assessment("unknown", wrong.cause, wrong.connector, got.unknown or "")
        return self._path(question, got, unknown)

    def _silence(self, question: _Question, got: Answer) -> MailPath | None:
        """No connector accepts it: a fault only where one of setup's is there to be repaired."""
        target = self._servers[question.target]
        default = target.intended(_role_by_setup(target.server, question.port), question.port)
        if default is None:
            return None
        why = PARTIAL if target.hidden else got.unknown or ""
        state: PathState = "unknown" if why else "found"
        return self._path(question, got, Assessment(state, NOBODY, default, why))

    def _path(self, question: _Question, got: Answer, assessment: Assessment) -> MailPath:
        target = self._servers[question.target]
        process = got.process or _role_by_setup(target.server, question.port)
        place = Endpoint(question.port, process, _FACTS[question.port])
        return MailPath(
            question.sender.view,
            target,
            question.address,
            place,
            assessment,
            question.local,
            None if got.connector is None else self._real(question, got.connector),
            got.range,
            was_asked=True,
        )

    def _real(self, question: _Question, short: ReceiveConnector) -> ReceiveConnector:
        target = self._servers[question.target]
        place = next(
            place for place, each in enumerate(target.connectors) if each.identity == short.identity
        )
        return target.connectors[place]

    def _verdict(self, question: _Question, connector: ReceiveConnector) -> Assessment:
        downgraded = question.sender.view.downgraded
        key = (question.target, connector.identity, downgraded)
        if key not in self._verdicts:
            connectors = self._servers[question.target].connectors
            self._verdicts[key] = assess_connector(
                self._real(question, connector), connectors, downgraded
            )
        return self._verdicts[key]


def _stand_in(planned: Planned) -> ServerView:
    return ServerView(Server(planned.label), (), (planned.address,), covered=False)


_PROCESSES = (TransportRole.FrontendTransport, TransportRole.HubTransport)
_FACTS = {25: "S4.03", 465: "S4.06", 717: "S4.08", 2525: "S4.02"}


def _answer_of(
    question: _Question,
    role: TransportRole | None,
    won: tuple[ReceiveConnector, AddressRange] | None,
) -> Answer:
    """What the map says, as the answer to a single question; without the losers."""
    connector, block = won or (None, None)
    return Answer(
        process=role,
        local=question.local,
        port=question.port,
        remote=question.address,
        connector=connector,
        range=block,
        others=(),
        unknown=None,
        possible=() if connector is None else (connector,),
        nobody_possible=connector is None,
    )


def _ports(member: ServerView) -> set[int]:
    """The ports of servers at which it accepts connections, or did when setup was done with it."""
    bound = {binding.port for connector in member.connectors for binding in connector.bindings}
    defaults = filter(None, map(setup_default, member.connectors))
    made = {setup_port(default, member.server) for default in defaults}
    return {port for port in bound | made if port in SERVER_PORTS}


def _role_by_setup(server: Server, port: int) -> TransportRole:
    """The process that has a port where nothing else tells it."""
    front = server.has_frontend is not False and not server.is_edge and port in (25, 717)
    return TransportRole.FrontendTransport if front else TransportRole.HubTransport


def _locals(member: ServerView, family: Family, port: int) -> tuple[Address | None, ...]:
    """Local addresses that stand for all at which servers may arrive, one for each map (S1.16)."""
    bound = bound_addresses(member.connectors, family, port)
    known = member.of_family(family)
    if not member.has_all_addresses and (member.lacks_addresses or not known):
        return member.local_addresses(family, port)
    by_map = {
        int(address) if int(address) in bound else None: address for address in reversed(known)
    }
    return tuple(by_map.values())
