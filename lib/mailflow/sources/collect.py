"""Which calls make a snapshot of a live organization, and of whom each is asked.

The first server names the others. Each one with a transport service is then asked itself, all at
the same time; where one cannot be reached, the newest that can is asked about it, and only if that
is at least as new: an older shell shows newer connectors wrongly (S8.41 to S8.43). Whatever could
not be read is a row of *unread*; nothing that fails at one server takes anything from another.

Knows no WinRM: whoever reaches servers stands behind `shell.Doors`.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from mailflow.exchange.cmdlets import SPECS, CmdletScope
from mailflow.exchange.connectors import ReceiveConnector, setup_default
from mailflow.exchange.servers import Server
from mailflow.plain import unbroken
from mailflow.snapshot import Unread
from mailflow.sources import tables
from mailflow.sources.addresses import DNS
from mailflow.sources.at_once import Late, at_once
from mailflow.sources.row import Reading, Row
from mailflow.sources.setup_faults import with_remedy
from mailflow.sources.shell import Call, Doors, Fault, Reply, Shell, ShellError, TwoWays, Wary
from mailflow.sources.trust import WITHHELD

PERMISSIONS = "Get-ADPermission"

MOST = 16
"""Servers asked at the same time, unless said otherwise."""

_SETTLING = 0.5
"""Seconds that a server's turn has beyond what its calls may take, to close the shell."""

_GRACE = 1.9
"""Seconds after which a turn that is over its time is given up: its shell had these to close."""

MOST_RIGHTS = 200
"""Connectors of one server whose rights are read; more than that no person has made."""

_NOT_TRIED = "nor through another server"


@dataclass(frozen=True, slots=True)
class CollectOutcome:
    """What became of one server.

    Attributes:
        server: short name.
        state: `ok` (all was read), `failed` (something was not), `timed-out`, or `skipped` (not
            asked: Edge).
        how: `itself`, `through EX19A`, or "" where nothing was read.
        way: how Exchange was reached there, as the far side says it: `session http://...`.
        seconds: how long it took.
        why: what went wrong, a line; else "".
    """

    server: str
    state: str
    how: str = ""
    way: str = ""
    seconds: float = 0.0
    why: str = ""


@dataclass(slots=True)
class Collected:
    r"""A live organization as far as it was read.

    Attributes:
        reading: rows and rows of *unread*, for `tables.assemble`.
        outcomes: one for each server that was asked, or should have been.
        warnings: (server, cmdlet, text) as the far side printed it; hostile text.
        taken: when the collection began, aware.
    """

    taken: datetime
    reading: Reading = field(default_factory=lambda: Reading(is_whole=True))
    outcomes: list[CollectOutcome] = field(default_factory=list)
    warnings: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much at once, how long, and by which clock.

    Attributes:
        seconds: for the whole.
        each: for one server's turn; 0: a third of the whole, for there may be three turns (the
            first server, all, those that are asked through another).
        most: servers at the same time.
        resolver: DNS: a full name to addresses; None: DNS is not asked.
        unresolved: names that DNS is never asked for, short or full (those of `--resolve`).
        now: what time it is, aware.
    """

    seconds: float = 180.0
    each: float = 0.0
    most: int = MOST
    resolver: Callable[[str], Iterable[str]] | None = None
    unresolved: Collection[str] = ()
    now: Callable[[], datetime] = lambda: datetime.now(UTC)


def collect(
    doors: Doors, first: str, *, tell: Callable[[str], None], plan: Plan | None = None
) -> Collected:
    """Read an organization, entered at one server.

    Raises nothing for what fails at the far side: where even the first server does not answer, all
    there is are rows of *unread*.

    Args:
        doors: how servers are reached.
        first: name of the server to enter at, as the user gave it.
        tell: is called with a line for people as each server is done.
        plan: how much at once, and how long.
    """
    plan = plan or Plan()
    return _Collection(doors, first, tell, plan).run()


def dns(name: str) -> list[str]:
    """The addresses that this machine's resolver gives for a name; none where it knows none."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(entry[4][0]).partition("%")[0] for entry in found))


# -- Which calls -----------------------------------------------------------------------------------


def calls_for(server: Server) -> list[Call]:
    """What is asked about one server (section 4 and 8 of the facts), for its version and roles.

    What only reads the directory comes first, what asks other machines (RPC, WMI) last: behind a
    call that hangs nothing more is answered. A role that is not known is asked for.
    """
    return [
        Call(
            spec.name_on(server),
            {**({spec.by: server.name} if spec.scope is CmdletScope.SERVER else {}), **spec.given},
        )
        for spec in _LIVE
        if spec.scope in (CmdletScope.SERVER, CmdletScope.SESSION) and spec.is_known_to(server)
    ]


_LIVE = tuple(spec for spec in SPECS.values() if spec.parameters and spec.properties)

OF_ALL = tuple(Call(spec.name) for spec in _LIVE if spec.scope is CmdletScope.ORGANIZATION)
"""What one server is asked about the whole organization."""

_OF_SESSION = frozenset(spec.name for spec in _LIVE if spec.scope is CmdletScope.SESSION)


def door(doors: Doors, server: Server, first: str) -> str:
    """The name by which a server is opened: the first one as the user gave it, else in full."""
    name = door_name(server, first)
    if name == first:
        return first
    is_2007 = server.version is not None and server.version[0] < 14
    if is_2007 and isinstance(doors, TwoWays):
        doors.use_snapin(name)  # it has no endpoint of its own (S8.21)
    return name


def door_name(server: Server, first: str) -> str:
    """The same, without opening anything."""
    return first if server.is_named(first) else server.fqdn or server.name


def introduce(doors: Doors, servers: Iterable[Server], first: str) -> None:
    """Tell doors that look at domains the full name of the server to enter at."""
    entered = next((server.fqdn for server in servers if server.is_named(first)), "")
    if entered and isinstance(doors, Wary):
        doors.entered(entered)


def has_transport(server: Server) -> bool:
    """Whether a server takes part in mail flow, or may (S8.54: the list holds others as well)."""
    return bool(server.is_edge) or not (server.has_hub is False and server.has_frontend is False)


def at_least_as_new(server: Server, other: Server) -> bool:
    """Whether a shell of `server` shows what `other` has (S8.41 to S8.43); not known is no.

    Builds of one product do not count: an update brings no new kind of object.
    """
    if server.version is None or other.version is None:
        return False
    return server.version[:2] >= other.version[:2]


def connectors_of(rows: Iterable[Row]) -> list[str]:
    """Identities of the connectors among rows of Get-ReceiveConnector, setup's own first.

    A relay that is narrowed leaves its hosts to setup's own: what these may do there has to be
    known as well.
    """
    # Only what names them: a connector may hold thousands of ranges, which are read once, later.
    named = (
        replace(row, values={name: row.values[name] for name in _NAMES if name in row.values})
        for row in rows
        if row.cmdlet == tables.CONNECTORS
    )
    reading = Reading(rows=list(named))
    found = tables.assemble(reading, origin="").connectors
    return list(map(_identity, sorted(found, key=lambda each: setup_default(each) is None)))


_NAMES = ("Identity", "Server", "Name", "DistinguishedName")


def _identity(connector: ReceiveConnector) -> str:
    return f"{connector.server}\\{connector.name}"


# -- Asking ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Turn:
    """What came of one server's turn.

    Attributes:
        replies: to all calls that were made, in order.
        why: the fault of the way, where there was one.
        seconds: how long it took.
        way: how Exchange was reached there.
        addresses: that DNS gave.
    """

    replies: list[Reply] = field(default_factory=list)
    why: Fault | None = None
    seconds: float = 0.0
    way: str = ""
    addresses: tuple[str, ...] = ()


class _Collection:
    """One collection under way. Threads only fill their own `_Turn`; all else is here."""

    def __init__(self, doors: Doors, first: str, tell: Callable[[str], None], plan: Plan) -> None:
        self._doors, self._first, self._tell, self._plan = doors, first, tell, plan
        self._until = time.monotonic() + plan.seconds
        self._each = plan.each or plan.seconds / 3
        self._found = Collected(plan.now())

    def run(self) -> Collected:
        servers = self._name_servers()
        introduce(self._doors, servers, self._first)
        asked = [
            server for server in servers if has_transport(server) and not self._is_apart(server)
        ]
        self._skip(server for server in servers if has_transport(server) and self._is_apart(server))
        newest = self._newer_than_first(servers)
        turns = self._turns(
            {server.name: self._job(server, server, also=server is newest) for server in asked}
        )
        by_name = {server.name: server for server in asked}
        lost: list[tuple[Server, Fault]] = []
        reachable: list[Server] = []
        for name, turn in turns:
            server = by_name[name]
            if turn.why is None:
                self._take(server, turn, "itself")
                reachable.append(server)
            else:
                lost.append((server, turn.why))
                self._tell(f"{name}: {turn.why.message}")
                if server is newest:
                    self._keep_first_list(server, turn.why)
                self._take_addresses(server, turn.addresses)
        # Of two as new the one that is listed first is asked, whichever came back first.
        reachable.sort(key=list(by_name.values()).index)
        self._ask_through(lost, reachable)
        self._put_in_order(servers)
        return self._found

    def _put_in_order(self, servers: Sequence[Server]) -> None:
        """By server and not by who answered first: the same organization gives the same result."""
        order = {server.name: place for place, server in enumerate(servers)}
        found = self._found
        found.reading.rows.sort(key=lambda row: order.get(row.named_server, -1))
        found.reading.unread.sort(key=lambda row: order.get(row.server, -1))
        found.outcomes.sort(key=lambda outcome: order.get(outcome.server, -1))
        found.warnings.sort(key=lambda warning: order.get(warning[0], -1))

    # -- The first server ------------------------------------------------------------------------

    def _name_servers(self) -> list[Server]:
        """Ask the first server which others there are."""
        self._tell(f"{self._first}: reading the list of servers")
        job = {self._first: lambda until: self._ask(self._first, list(OF_ALL), until)}
        ((_, turn),) = self._turns(job)
        reply = turn.replies[0] if turn.replies else Reply(Call(tables.SERVERS), fault=turn.why)
        found = tables.assemble(Reading(rows=list(reply.rows)), origin="").servers
        if found:
            for each in turn.replies:
                self._rows_of(each, "")
            return list(found)
        problem = reply.fault or next(iter(reply.errors), None)
        why = unbroken(with_remedy(problem)) if problem else "it does not name a server"
        for cmdlet in (tables.SERVERS, tables.CONNECTORS, tables.QUEUES):
            self._unread("", cmdlet, f"{self._first}: {why}")
        state = "timed-out" if reply.fault and reply.fault.kind == "timed-out" else "failed"
        self._found.outcomes.append(CollectOutcome(self._first, state, "", "", turn.seconds, why))
        self._tell(f"{self._first}: {why}")
        return []

    def _is_first(self, server: Server) -> bool:
        return server.is_named(self._first)

    def _is_apart(self, server: Server) -> bool:
        """Edge: no member of the domain, and no rights there from inside (S8.25, S8.57)."""
        return bool(server.is_edge) and not self._is_first(server)

    def _skip(self, servers: Iterable[Server]) -> None:
        for server in servers:
            why = "an Edge server, which cannot be read from inside the organization"
            for call in calls_for(server):
                self._unread(server.name, _what(call), f"{why}; run Collect-MailFlow.ps1 on it")
            self._found.outcomes.append(CollectOutcome(server.name, "skipped", why=why))
            self._tell(f"{server.name}: {why}")

    def _newer_than_first(self, servers: Sequence[Server]) -> Server | None:
        """The newest server, where the first one is older: its list of servers is the better."""
        first = next((server for server in servers if self._is_first(server)), None)
        known = [
            server
            for server in servers
            if server.version and not server.is_edge and has_transport(server)
        ]
        newest = max(known, key=lambda server: server.version or (), default=None)
        if first is None or newest is None or at_least_as_new(first, newest):
            return None
        return newest

    # -- Turns -----------------------------------------------------------------------------------

    def _turns(self, jobs: Mapping[str, Callable[[float], _Turn]]) -> Iterator[tuple[str, _Turn]]:
        """Run turns beside each other; a late one is told as a fault."""
        until = self._until + _GRACE
        each = self._each + _GRACE

        def timed(job: Callable[[float], _Turn]) -> Callable[[], _Turn]:
            def run() -> _Turn:
                begun = time.monotonic()
                turn = job(min(begun + self._each, self._until))
                turn.seconds = time.monotonic() - begun
                return turn

            return run

        made = {name: timed(job) for name, job in jobs.items()}
        for name, found in at_once(made, most=self._plan.most, seconds=each, until=until):
            late = Fault("timed-out", "deadline", "no response within the time limit")
            yield name, _Turn(why=late, seconds=self._each) if isinstance(found, Late) else found

    def _job(self, server: Server, through: Server, *, also: bool) -> Callable[[float], _Turn]:
        """The turn of one server: its own calls, then the rights on its custom connectors."""
        calls = [*(OF_ALL if also else ()), *calls_for(server)]
        if through is not server:  # these would answer for the other one
            calls = [call for call in calls if call.cmdlet not in _OF_SESSION]

        def run(until: float) -> _Turn:
            turn = self._ask(
                door(self._doors, through, self._first),
                calls,
                until,
                with_rights=not server.is_edge,
            )
            turn.addresses = tuple(self._dns(server))
            return turn

        return run

    def _ask(
        self, name: str, calls: list[Call], until: float, *, with_rights: bool = False
    ) -> _Turn:
        turn = _Turn()
        try:
            shell = self._doors.open(name)
        except ShellError as error:
            turn.why = error.fault
            return turn
        try:
            turn.replies = shell.ask(calls, seconds=_left(until))
            turn.way = shell.way
            turn.why = _way_fault(turn.replies)
            if with_rights and turn.why is None:
                turn.replies += _rights(shell, turn.replies, until)
        finally:
            shell.close()
        return turn

    def _dns(self, server: Server) -> Iterator[str]:
        """Addresses by DNS (S9.10), never of a name that was given one by hand, nor loopback."""
        resolver, name = self._plan.resolver, server.fqdn
        if resolver is None or not name or any(map(server.is_named, self._plan.unresolved)):
            return
        for text in resolver(name):
            try:
                address = ipaddress.ip_address(text)
            except ValueError:
                continue
            if not (address.is_loopback or address.is_unspecified or address.is_link_local):
                yield str(address)

    # -- Through another server ------------------------------------------------------------------

    def _ask_through(
        self, lost: Sequence[tuple[Server, Fault]], reachable: Sequence[Server]
    ) -> None:
        """Ask the newest server that can be reached about those that cannot."""
        known = [server for server in reachable if server.version]
        newest = max(known, key=lambda server: server.version or (), default=None)
        jobs: dict[str, Callable[[float], _Turn]] = {}
        faults = {server.name: (server, why) for server, why in lost}
        for server, why in lost:
            if why.id in WITHHELD:  # its name is used nowhere, also not by another server
                self._lose(server, why, _NOT_TRIED)
            elif newest is None or time.monotonic() >= self._until:
                self._lose(
                    server,
                    why,
                    _NOT_TRIED if newest is None else "and no time was left to read another server",
                )
            elif not at_least_as_new(newest, server):
                self._lose(
                    server,
                    why,
                    f"and {newest.name}, the newest that can be reached, may be older than it",
                )
            else:
                jobs[server.name] = self._job(server, newest, also=False)
        for name, turn in self._turns(jobs):
            server, why = faults[name]
            if turn.why is None and newest is not None:
                self._take(server, turn, f"through {newest.name}", itself=why)
            else:
                self._lose(server, why, _NOT_TRIED, turn.seconds)

    # -- What came back --------------------------------------------------------------------------

    def _take(self, server: Server, turn: _Turn, how: str, itself: Fault | None = None) -> None:
        before = len(self._found.reading.unread)
        for reply in turn.replies:
            if reply.call in OF_ALL:
                self._better_list(server, reply)
            else:
                self._rows_of(reply, server.name)
        self._take_addresses(server, turn.addresses)
        failed = self._found.reading.unread[before:]
        read = len(turn.replies) - len({row.what for row in failed})
        why = failed[0].why if failed else ""
        state = "failed" if failed else "ok"
        if failed and all(
            reply.fault and reply.fault.kind == "timed-out" for reply in turn.replies
        ):
            state = "timed-out"
        self._found.outcomes.append(
            CollectOutcome(server.name, state, how, turn.way, turn.seconds, why)
        )
        line = f"{server.name}: {read} of {len(turn.replies)} read {how}"
        asked_itself = f" (itself: {itself.message})" if itself else ""
        self._tell(f"{line} in {turn.seconds:.1f} s{asked_itself}")

    def _lose(self, server: Server, why: Fault, more: str, seconds: float = 0.0) -> None:
        """A server of which nothing could be read: a row of *unread* for each thing to read."""
        text = f"{server.name} cannot be read, {more}: {with_remedy(why)}"
        for call in calls_for(server):
            self._unread(server.name, _what(call), text)
        state = "timed-out" if why.kind == "timed-out" else "failed"
        self._found.outcomes.append(CollectOutcome(server.name, state, "", "", seconds, text))
        self._tell(text)

    def _better_list(self, server: Server, reply: Reply) -> None:
        """What a newer server says of the whole organization, in place of the first one's."""
        cmdlet, reading = reply.call.cmdlet, self._found.reading
        problem = reply.fault or next(iter(reply.errors), None)
        if cmdlet == tables.SERVERS and (problem or not reply.rows):
            self._keep_first_list(server, problem)
            return
        if not problem:
            reading.rows = [row for row in reading.rows if row.cmdlet != cmdlet]
            reading.unread = [row for row in reading.unread if row.what != cmdlet]
        self._rows_of(reply, "")

    def _keep_first_list(self, newer: Server, problem: Fault | None) -> None:
        """Servers that only a newer server shows may be missing (S8.43): the list is not whole."""
        why = unbroken(with_remedy(problem)) if problem else "it does not name a server"
        self._unread(
            "",
            tables.SERVERS,
            f"the list of servers is that of {self._first}, an older server, which may not show "
            f"all; {newer.name}, the newest, did not give its own: {why}",
        )

    def _rows_of(self, reply: Reply, server: str) -> None:
        """Rows, *unread* and warnings of one reply."""
        what, call = _what(reply.call), reply.call
        reading = self._found.reading
        reading.rows += [replace(row, cmdlet=what, named_server=server) for row in reply.rows]
        if reply.fault is None:
            reading.cmdlets.add(what)
        for fault in (*reply.errors, *([reply.fault] if reply.fault else [])):
            is_own = call.cmdlet == PERMISSIONS and fault.kind not in WAY
            about = f" of {call.parameters['Identity']}" if is_own else ""
            self._unread(server, what, f"{call.cmdlet}{about}: {unbroken(fault.message)}")
        for text in reply.warnings:
            self._found.warnings.append((server, call.cmdlet, text))
            if "ResultSize" in text:  # the parameter's name stands in every language
                self._unread(server, what, f"{call.cmdlet} was cut: {unbroken(text)}")

    def _take_addresses(self, server: Server, addresses: Iterable[str]) -> None:
        rows = self._found.reading.of(DNS)
        known = {row.values["address"] for row in rows if row.named_server == server.name}
        for address in (text for text in addresses if text not in known):
            values = {"server": server.name, "address": address}
            place = f"DNS, {server.fqdn}"
            self._found.reading.rows.append(Row(DNS, values, place, named_server=server.name))

    def _unread(self, server: str, what: str, why: str) -> None:
        self._found.reading.unread.append(Unread(server, what, why))


def _rights(shell: Shell, replies: Sequence[Reply], until: float) -> list[Reply]:
    """The rights on all connectors (S3.20, S3.21), asked in the same shell."""
    rows = [row for reply in replies for row in reply.rows]
    calls = [Call(PERMISSIONS, {"Identity": identity}) for identity in connectors_of(rows)]
    found = shell.ask(calls[:MOST_RIGHTS], seconds=_left(until)) if calls else []
    why = Fault("refused", "", f"not read of more than {MOST_RIGHTS} connectors")
    return found + [Reply(call, fault=why) for call in calls[MOST_RIGHTS:][:1]]


def _way_fault(replies: Sequence[Reply]) -> Fault | None:
    """The fault that kept all calls from being answered, where it lies on the way."""
    faults = [reply.fault for reply in replies]
    if not faults or not all(faults):
        return None
    return next((fault for fault in faults if fault and fault.kind in WAY), None)


WAY = frozenset(
    {"timed-out", "unreachable", "log-on", "double-hop", "no-exchange", "tls", "protocol", "quota"}
)
"""Kinds that speak of the way to a server, and not of a cmdlet."""


def _what(call: Call) -> str:
    """Under which name rows and *unread* know a cmdlet: the older one counts as the newer."""
    return tables.SETTINGS if call.cmdlet == "Get-TransportServer" else call.cmdlet


def _left(until: float) -> float:
    return max(0.1, until - time.monotonic() - _SETTLING)
