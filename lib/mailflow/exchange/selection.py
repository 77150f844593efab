"""Which receive connector accepts a connection, who loses, and why (section 1.2 of the facts).

One question at a time, in plain Python. `answer_map` asks about every address at once; a test holds
the two together.

The whole of S1.13 to S1.17 is one comparison: a connector stands with its smallest range that holds
the remote address, and the smallest key of (size, specific before wildcard) wins. Between equal
keys the connector that was loaded first wins, and nothing shows which one that is: a tie is not
known (S1.36).

What was not read can hide a better key. Such a connector is named in `Answer.possible`, and
`Answer.unknown` says what was not read; the winner among what was read stays the winner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from mailflow.exchange.connectors import Binding, ReceiveConnector, TransportRole
from mailflow.exchange.ranges import Address, AddressRange, Family

NO_MATCH_REPLY = "421 4.3.2 Service not available"
"""What a client reads where no connector matches; the session is then closed (S1.18)."""

TIE = "a tie:"
"""How the reason begins where equal ranges leave open which connector wins (S1.36)."""

_Key = tuple[int, int, int]
"""Size of the range, 0 for a specific binding and 1 for the wildcard, rank by name; least wins."""


@dataclass(frozen=True, slots=True)
class Loser:
    """A connector that does not accept the connection.

    Attributes:
        connector: the connector.
        range: its smallest range that holds the remote address; None where none does.
        reason: why it does not respond, in words, with the sizes where they decide.
    """

    connector: ReceiveConnector
    range: AddressRange | None
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Which connector accepts one connection.

    Attributes:
        process: the role whose process has the endpoint; None: not known, or nobody listens.
        local: the local address of the connection; None: only wildcard bindings count.
        port: the local port.
        remote: the address the server sees.
        connector: the winner among what was read; None: none, or it cannot be said.
        range: the winner's smallest range that holds the remote address.
        others: every other connector of the server with its reason, in the order given.
        unknown: why the winner is not certain, in words; None: it is certain.
        possible: every connector that may accept given what is not known, the winner first.
        nobody_possible: whether it may be, or is certain, that no connector accepts.
    """

    process: TransportRole | None
    local: Address | None
    port: int
    remote: Address
    connector: ReceiveConnector | None
    range: AddressRange | None
    others: tuple[Loser, ...]
    unknown: str | None
    possible: tuple[ReceiveConnector, ...]
    nobody_possible: bool

    @property
    def is_exact(self) -> bool:
        """Whether no connector that was not read could win (S1.13, S1.16, S1.31).

        Only a range of the one address at a binding to the one local address is as specific as can
        be.
        """
        if self.unknown is not None or self.connector is None or self.range is None:
            return False
        if self.local is None or self.range.size > 1:
            return False
        own = (self.remote.version, int(self.local), self.port)
        return any(
            (binding.family, binding.address, binding.port) == own
            for binding in self.connector.bindings
        )


def select(
    connectors: Sequence[ReceiveConnector],
    *,
    process: TransportRole,
    local: Address | None,
    port: int,
    remote: Address,
) -> Answer:
    """The connector of one process that accepts a connection (S1.10 to S1.18).

    Args:
        connectors: all receive connectors of one server, in the order they were read.
        process: the role of the process that accepted the connection.
        local: the local address of the accepted socket; None: only wildcard bindings count.
        port: the local port.
        remote: the address the server sees.

    Raises:
        ValueError: the two addresses are of different families; no socket has that (S1.17).
    """
    case = _Case(connectors, _Question(local, port, remote))
    winner = case.winner(process)
    rivals = case.rivals(process, winner)
    return case.settled(process, winner, rivals)


def answer(
    connectors: Sequence[ReceiveConnector],
    *,
    local: Address | None,
    port: int,
    remote: Address,
) -> Answer:
    """The same, with the process found by who listens on the endpoint.

    Connectors of one role there: that process. Connectors of two roles claim it (S1.30 should have
    prevented that): it cannot be said which one got the socket, and the winners of both are
    possible. Nobody listens: no connector, no process, and nothing unknown about it.

    A binding or role that was not read cannot claim an endpoint for a second process where a
    connector of another role is seen to listen: Exchange would have refused it (S1.30).

    Raises:
        ValueError: the two addresses are of different families.
    """
    case = _Case(connectors, _Question(local, port, remote))
    listening = [entry for entry in case.entries if entry.listens and entry.role is not None]
    roles = _roles(listening)
    if len(roles) > 1:
        names = ", ".join(entry.connector.identity for entry in listening)
        return case.undecided(roles, [f"two processes claim the endpoint {case.question}: {names}"])
    if roles:
        winner = case.winner(roles[0])
        rivals = case.rivals(roles[0], winner)
        return case.settled(roles[0], winner, rivals, case.claims_against(roles[0]))
    maybe = case.may_have_the_endpoint()
    if not maybe:
        return case.settled(None, None, [])
    either = _EITHER if any(entry.role is None for entry in maybe) else ()
    return case.undecided(
        _roles(maybe, either), [doubt for entry in maybe for doubt in entry.doubts_of_listening()]
    )


def spots(
    bindings: Sequence[Binding], family: Family, local: Address | None, port: int
) -> frozenset[int]:
    """Where a connector is looked up (S1.16, S1.17): 0, the very address; 1, the wildcard.

    Args:
        bindings: the connector's bindings.
        family: of the connection.
        local: the local address of the connection; None: only the wildcard counts.
        port: the local port.
    """
    here = {
        binding.address for binding in bindings if (binding.family, binding.port) == (family, port)
    }
    found = {1} if 0 in here else set()
    if local is not None and int(local) and int(local) in here:
        found.add(0)
    return frozenset(found)


_EITHER = (TransportRole.FrontendTransport, TransportRole.HubTransport)


@dataclass(frozen=True, slots=True)
class _Question:
    local: Address | None
    port: int
    remote: Address

    def __post_init__(self) -> None:
        if self.local is not None and self.local.version != self.remote.version:
            raise ValueError(f"{self.remote} cannot connect to {self.local}: two address families")

    @property
    def family(self) -> Family:
        return 4 if self.remote.version == 4 else 6

    def __str__(self) -> str:
        return str(Binding(self.family, int(self.local or 0), self.port))

    @property
    def local_is_specific(self) -> bool:
        """Whether there is an address besides the wildcard to look up."""
        return self.local is not None and int(self.local) != 0

    def smallest(self, ranges: Sequence[AddressRange]) -> AddressRange | None:
        """The range that stands for its connector (S1.12, S1.14); the first of equal size."""
        family, number = self.family, int(self.remote)
        holding = [r for r in ranges if r.family == family and r.first <= number <= r.last]
        return min(holding, key=lambda block: block.specificity, default=None)


class _Entry:
    """A connector before the question: what is seen of its key, and what may be hidden."""

    __slots__ = ("best_spot", "connector", "order", "range", "role", "spot", "spots")

    def __init__(self, connector: ReceiveConnector, order: int, question: _Question) -> None:
        self.connector = connector
        self.role = connector.role
        self.order = order
        self.range = question.smallest(connector.ranges)
        self.spots = spots(connector.bindings, question.family, question.local, question.port)
        self.spot = min(self.spots, default=None)
        # A binding that was cut off could be the specific one; without a local address only the
        # wildcard counts.
        hidden = 0 if question.local_is_specific else 1
        self.best_spot = self.spot if connector.bindings_complete else hidden

    @property
    def listens(self) -> bool:
        """Whether it certainly has a socket at the endpoint (S1.10)."""
        return self.connector.enabled is True and self.spot is not None

    @property
    def may_listen(self) -> bool:
        return self.connector.enabled is not False and self.best_spot is not None

    @property
    def key(self) -> _Key | None:
        """Where it stands by what was read (S1.13 to S1.16); None: it does not match."""
        if self.range is None or self.spot is None:
            return None
        return self.range.specificity, self.spot, self.order

    def could_beat(self, winner: _Entry | None) -> list[str] | None:
        """What was not read that would let it win, in words; None: nothing could.

        Tries with as little hidden as possible, so that only what matters is named.
        """
        connector = self.connector
        for hide_range, hide_binding in product((False, True), repeat=2):
            if (hide_range and connector.ranges_complete) or (
                hide_binding and connector.bindings_complete
            ):
                continue
            if self._beats(winner, hide_range=hide_range, hide_binding=hide_binding):
                doubts = self.doubts_of_membership()
                if hide_range:
                    doubts.append(
                        f"RemoteIPRanges of {connector.identity} are incomplete in the data"
                    )
                if hide_binding:
                    doubts.append(f"Bindings of {connector.identity} are incomplete in the data")
                return doubts
        return None

    def _beats(self, winner: _Entry | None, *, hide_range: bool, hide_binding: bool) -> bool:
        spot = self.best_spot if hide_binding else self.spot
        range_size = None if self.range is None else self.range.specificity
        size = 1 if hide_range else range_size
        if size is None or spot is None:
            return False
        if winner is None or winner.key is None:
            return True
        # Two connectors on one endpoint can't have the same range (S1.31): where something is
        # hidden, their order decides nothing, and a hidden range is no equal of the winner's.
        if hide_range and self.spots & winner.spots:
            return size < winner.key[0]
        if hide_range or hide_binding:
            return (size, spot) < winner.key[:2]
        return (size, spot) <= winner.key[:2]  # a tie may go either way (S1.36)

    def doubts_of_membership(self) -> list[str]:
        doubts = []
        if self.connector.enabled is None:
            doubts.append(f"it was not read whether {self.connector.identity} is enabled")
        if self.role is None:
            doubts.append(f"the transport role of {self.connector.identity} was not read")
        return doubts

    def doubts_of_listening(self) -> list[str]:
        doubts = self.doubts_of_membership()
        if self.spot is None:
            doubts.append(f"Bindings of {self.connector.identity} are incomplete in the data")
        return doubts


_Rival = tuple[_Entry, list[str]]
"""A connector that may accept instead of the winner, and what was not read of it."""


class _Case:
    """All connectors of a server before one question."""

    def __init__(self, connectors: Sequence[ReceiveConnector], question: _Question) -> None:
        self.question = question
        # By name, so that the order of an export tells nothing (S1.36).
        by_name = sorted(
            range(len(connectors)), key=lambda place: connectors[place].name.casefold()
        )
        order = {place: rank for rank, place in enumerate(by_name)}
        self.entries = [
            _Entry(connector, order[place], question) for place, connector in enumerate(connectors)
        ]

    def winner(self, process: TransportRole) -> _Entry | None:
        """The best of those that certainly take part (S1.10)."""
        keys = {
            entry.key: entry
            for entry in self.entries
            if entry.listens and entry.role == process and entry.key is not None
        }
        return keys[min(keys)] if keys else None

    def tied(self, process: TransportRole | None, winner: _Entry | None) -> list[_Entry]:
        """Those that would win as well had they been loaded first (S1.15, S1.36)."""
        if winner is None or winner.key is None:
            return []
        return [
            entry
            for entry in self.entries
            if entry is not winner
            and entry.listens
            and entry.role == process
            and entry.key is not None
            and entry.key[:2] == winner.key[:2]
        ]

    def rivals(self, process: TransportRole, winner: _Entry | None) -> list[_Rival]:
        return [
            (entry, doubts)
            for entry in self.entries
            if entry is not winner and entry.may_listen and entry.role in (process, None)
            # Whoever is read in full and takes part has lost already.
            if (doubts := entry.could_beat(winner))
        ]

    def may_have_the_endpoint(self) -> list[_Entry]:
        """Who may listen where nobody certainly does.

        A hidden binding is none beside a binding of another role that is seen: Exchange would have
        refused it, also where the other connector is disabled (S1.30).
        """
        seen = {entry.role for entry in self.entries if entry.spot is not None}
        return [
            entry
            for entry in self.entries
            if entry.may_listen
            and (
                entry.spot is not None
                or entry.role is None  # it may be the role that is seen
                or not seen - {None}
                or seen & {entry.role, None}
            )
        ]

    def claims_against(self, process: TransportRole) -> list[_Entry]:
        """Connectors of other roles that, if enabled, would claim the endpoint as well."""
        return [
            entry
            for entry in self.entries
            if entry.may_listen and entry.spot is not None and entry.role not in (process, None)
        ]

    def settled(
        self,
        process: TransportRole | None,
        winner: _Entry | None,
        rivals: Sequence[_Rival],
        claims: Sequence[_Entry] = (),
    ) -> Answer:
        """The process is known (but for `claims` of others), or nobody listens."""
        tied = self.tied(process, winner)
        return self._answer(
            process,
            winner,
            [
                Loser(entry.connector, entry.range, self._why_lost(entry, process, winner))
                for entry in self.entries
                if entry is not winner
            ],
            [
                *([_tie([winner, *tied])] if winner and tied else []),
                *(doubt for _, doubts in rivals for doubt in doubts),
                *(
                    f"{doubt}; it claims {self.question} for another process"
                    for entry in claims
                    for doubt in entry.doubts_of_listening()
                ),
            ],
            [
                *([winner] if winner else []),
                *tied,
                *(entry for entry, _ in rivals),
                *(entry for entry in claims if entry.could_beat(None) is not None),
            ],
            nobody_possible=winner is None or any(entry.range is None for entry in claims),
        )

    def undecided(self, roles: Sequence[TransportRole], doubts: Sequence[str]) -> Answer:
        """It can't be said which of these processes has the endpoint."""
        winners = {role: self.winner(role) for role in roles}
        tied = [each for role, winner in winners.items() for each in self.tied(role, winner)]
        rivals = [rival for role, winner in winners.items() for rival in self.rivals(role, winner)]
        others = []
        for entry in self.entries:
            winner = winners.get(entry.role) if entry.role is not None else None
            if entry is winner and entry.role is not None:
                reason = f"accepts only if the {_name(entry.role)} process has the endpoint"
            else:
                reason = self._why_lost(entry, entry.role, winner)
            others.append(Loser(entry.connector, entry.range, reason))
        return self._answer(
            None,
            None,
            others,
            [*doubts, *(doubt for _, some in rivals for doubt in some)],
            [
                *(winner for winner in winners.values() if winner),
                *tied,
                *(entry for entry, _ in rivals),
            ],
            nobody_possible=None in winners.values(),
        )

    def _answer(
        self,
        process: TransportRole | None,
        winner: _Entry | None,
        others: Sequence[Loser],
        doubts: Sequence[str],
        possible: Sequence[_Entry],
        *,
        nobody_possible: bool,
    ) -> Answer:
        once = {entry.order: entry.connector for entry in possible}
        return Answer(
            process=process,
            local=self.question.local,
            port=self.question.port,
            remote=self.question.remote,
            connector=None if winner is None else winner.connector,
            range=None if winner is None else winner.range,
            others=tuple(others),
            unknown="; ".join(dict.fromkeys(doubts)) or None,
            possible=tuple(once.values()),
            nobody_possible=nobody_possible,
        )

    def _why_lost(self, entry: _Entry, process: TransportRole | None, winner: _Entry | None) -> str:
        outside = self._why_outside(entry, process)
        if outside:
            return outside
        if entry.doubts_of_membership() and entry.could_beat(winner) is not None:
            return f"would accept, but {' and '.join(entry.doubts_of_membership())}"
        return "" if winner is None else _why_beaten(entry, winner)

    def _why_outside(self, entry: _Entry, process: TransportRole | None) -> str:
        """Why it is no match at all; empty: it is one."""
        connector = entry.connector
        if connector.enabled is False:
            return "disabled"
        if None not in (process, connector.role) and connector.role != process:
            theirs, ours = _name(connector.role), _name(process)
            return f"belongs to the {theirs} process; {ours} has the endpoint"
        if entry.spot is None:
            cut = "" if connector.bindings_complete else ", as far as its bindings were read"
            return f"not bound to {self.question}{cut}"
        cut = "" if connector.ranges_complete else ", as far as they were read"
        if not any(block.family == self.question.family for block in connector.ranges):
            return f"no IPv{self.question.family} address is in its ranges{cut}"
        if entry.range is None:
            return f"{self.question.remote} is not in its ranges{cut}"
        return ""


def _tie(entries: Sequence[_Entry]) -> str:
    names = " and ".join(entry.connector.identity for entry in entries)
    return f"{TIE} {names} have equal ranges at one binding, and nothing shows which accepts"


def _why_beaten(entry: _Entry, winner: _Entry) -> str:
    if entry.range is None or winner.range is None:
        return ""
    size, least = entry.range.specificity, winner.range.specificity
    name = winner.connector.identity
    if size > least:
        cut = "" if entry.connector.ranges_complete else ", as far as its ranges were read"
        return f"larger range: {size:,} addresses against {least:,} of {name}{cut}"
    many = "1 address" if size == 1 else f"{size:,} addresses"
    if entry.spot != winner.spot:
        return f"equal ranges ({many} each): the specific binding of {name} wins the tie"
    return f"{TIE} equal ranges ({many} each) at one binding of {name}"


def _name(role: TransportRole | None) -> str:
    return "" if role is None else role.name or str(int(role))


def _roles(entries: Sequence[_Entry], further: Sequence[TransportRole] = ()) -> list[TransportRole]:
    found = [entry.role for entry in entries if entry.role is not None]
    return list(dict.fromkeys([*found, *further]))
