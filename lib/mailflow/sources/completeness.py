"""What exports lack, told by what stands in them and above them (S1.38).

Absence is evidence only where an export is known to be whole. Three things tell: the command line
above an output (`asked.py`), counts of what every server has, and names of servers that something
mentions and nobody exported. Each gap is missing data of that server and cmdlet.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from mailflow.exchange.cmdlets import TABLES
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.last_error import parse
from mailflow.exchange.queues import OUTSIDE, Queue
from mailflow.exchange.servers import Generation, Server
from mailflow.phrases import joined
from mailflow.snapshot import Unread
from mailflow.sources.asked import CONNECTORS, QUEUES, RIGHTS, SERVERS, Asked, asked
from mailflow.sources.names import connector_name
from mailflow.sources.row import Reading

RESULT_SIZE = 1000
"""Queues beyond which Get-Queue cuts silently, unless it is asked for all (S8.52)."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read of an organization.

    Attributes:
        servers: as far as known.
        connectors: all receive connectors.
        queues: all queues.
    """

    servers: Sequence[Server]
    connectors: Sequence[ReceiveConnector]
    queues: Sequence[Queue]


def gaps(reading: Reading, seen: Seen, told: Iterable[Unread]) -> Iterator[Unread]:
    """What the exports lack or may lack.

    Args:
        reading: rows and command lines.
        seen: what the rows show.
        told: missing data that is told already, and not told again.
    """
    known = {(row.server.casefold(), row.what) for row in told}
    found = _Found(reading, seen)
    for row in (
        *found.of_cmdlets(),
        *found.of_servers(),
        *found.of_connectors(),
        *found.of_queues(),
        *found.of_rights(),
        *found.of_kept(),
    ):
        # What was not exported at all needs no second reason.
        if (row.server.casefold(), row.what) not in known and ("", row.what) not in known:
            known.add((row.server.casefold(), row.what))
            yield row


@dataclass(slots=True)
class _Found:
    """What was asked for, and what came.

    Attributes:
        reading: rows and command lines.
        seen: what the rows show.
        calls: of each cmdlet, what command lines asked for.
    """

    reading: Reading
    seen: Seen
    calls: dict[str, list[Asked]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Sort by cmdlet what the command lines asked for; a line may hold several calls."""
        for command, place in self.reading.commands:
            for call in asked(command, place):
                self.calls.setdefault(call.cmdlet, []).append(call)

    def of_cmdlets(self) -> Iterator[Unread]:
        """Cmdlets whose output is not there at all."""
        for cmdlet in (QUEUES, CONNECTORS):
            told = {row.server.casefold() for row in self.reading.unread if row.what == cmdlet}
            open_ = [server for server in self.seen.servers if server.name.casefold() not in told]
            if cmdlet not in self.reading.cmdlets and (open_ or not self.seen.servers):
                yield Unread("", cmdlet, f"the exports contain no output of {cmdlet}")

    # -- Servers ---------------------------------------------------------------------------------

    def of_servers(self) -> Iterator[Unread]:
        """Servers that may be there: the list was limited, or something names one more."""
        calls = self.calls.get(SERVERS, [])
        in_files = any(not row.command for row in self.reading.of(SERVERS))
        if calls and not in_files and not any(call.is_of_all for call in calls):
            first = calls[0]
            yield Unread("", SERVERS, _limited(first, "servers"))
        told: set[str] = set()
        for name, why in self._named():
            if name.casefold() not in told:
                told.add(name.casefold())
                yield Unread(name, SERVERS, why)
        for queue in self.seen.queues:
            missing = self._missing_version(queue)
            if missing:
                yield Unread("", SERVERS, f"{queue.identity} uses {missing}, and none was exported")

    def _named(self) -> Iterator[tuple[str, str]]:
        """Servers of the organization that a queue names and no export shows."""
        domains = {
            server.fqdn.casefold().partition(".")[2]
            for server in self.seen.servers
            if "." in server.fqdn
        }
        for queue in self.seen.queues:
            for host in _hosts(queue):
                short, _, domain = host.partition(".")
                mine = domain.casefold() in domains if domain else queue.is_shadow
                known = any(server.is_named(host) for server in self.seen.servers)
                if mine and not known and _HOST.fullmatch(host):
                    yield short, f"{queue.identity} names {host}, and no export contains it"

    def _missing_version(self, queue: Queue) -> str:
        """The version and site of a delivery group in which no server is known (section 4.2)."""
        if queue.delivery_type != "SmtpRelayToMailboxDeliveryGroup" or not self.seen.servers:
            return ""
        parts = dict(
            re.findall(r"(site|version)\s*:\s*([^;]*?)\s*(?:;|$)", queue.next_hop_domain.casefold())
        )
        version = parts.get("version", "")
        if not version.isdigit():
            return ""
        modern = int(version) >= 15
        site = parts.get("site", "")
        fits = any(
            server.generation is None
            or (
                server.generation.is_modern is modern
                and (not site or not server.site or server.site.casefold() == site)
            )
            for server in self.seen.servers
        )
        return "" if fits else f"servers of version {version}"

    # -- Receive connectors ----------------------------------------------------------------------

    def of_connectors(self) -> Iterator[Unread]:
        """Servers of which not all receive connectors may have been exported."""
        calls = self.calls.get(CONNECTORS, [])
        in_files = any(not row.command for row in self.reading.of(CONNECTORS))
        mine: dict[str, list[ReceiveConnector]] = {}
        for connector in self.seen.connectors:
            mine.setdefault(connector.server, []).append(connector)
        for server in self.seen.servers:
            connectors = mine.get(server.name, [])
            if not connectors:
                if mine and not (server.has_hub is False and server.has_frontend is False):
                    why = (
                        "the exports contain receive connectors of other servers, but none of this "
                        "one"
                    )
                    yield Unread(server.name, CONNECTORS, why)
                continue
            if self.reading.is_whole or self._covers(calls, server):
                continue
            limited = next((call for call in calls if call.lacks), None)
            if limited is not None and not in_files:
                yield Unread(server.name, CONNECTORS, _limited(limited, "receive connectors"))
            elif missing := _setup_missing(server, connectors):
                yield Unread(server.name, CONNECTORS, missing)

    def _covers(self, calls: Iterable[Asked], server: Server) -> bool:
        """Whether one of the calls got all objects of a server that shows in the output."""
        return any(
            not call.lacks
            and (
                call.each or call.local or call.is_of_all or any(map(server.is_named, call.servers))
            )
            for call in calls
        )

    # -- Queues ----------------------------------------------------------------------------------

    def of_queues(self) -> Iterator[Unread]:
        """Servers of which not all queues may have been exported; those without messages may."""
        calls = self.calls.get(QUEUES, [])
        yield from self._cut(calls)
        if self.reading.is_whole or any(call.is_of_all for call in calls):
            return
        by_server: dict[str, list[Queue]] = {}
        for queue in self.seen.queues:
            by_server.setdefault(queue.server, []).append(queue)
        # Where all queues of several servers hold messages, only those were asked for, of all
        # servers: nothing that waits is missing (S4.10, contract 2).
        shows_empty = any(queue.message_count == 0 for queue in self.seen.queues)
        limited = next((call for call in calls if call.lacks), None)
        in_files = any(not row.command for row in self.reading.of(QUEUES))
        for server in self.seen.servers:
            if not server.has_hub:
                continue
            queues = by_server.get(server.name, [])
            asked_for = any(
                not call.lacks and any(map(server.is_named, call.servers)) for call in calls
            )
            if asked_for or (queues and self._covers(calls, server)):
                continue
            if limited is not None and not in_files:
                yield Unread(server.name, QUEUES, _limited(limited, "queues"))
            elif not queues and (shows_empty or len(by_server) == 1 or calls):
                yield Unread(server.name, QUEUES, "the exports contain no queue of this server")
            elif _lacks_submission(queues):
                why = (
                    "the exports contain empty queues of this server, but not its Submission queue"
                )
                yield Unread(server.name, QUEUES, why)

    def _cut(self, calls: Iterable[Asked]) -> Iterator[Unread]:
        """Outputs that end at the default size: the rest was left out without a word (S8.52)."""
        unlimited = {call.typed for call in calls if call.unlimited}
        counts = Counter(
            row.command for row in self.reading.of(QUEUES) if row.command not in unlimited
        )
        if any(number == RESULT_SIZE for number in counts.values()):
            why = (
                f"exactly {RESULT_SIZE:,} queues: without -ResultSize Unlimited the rest is missing"
            )
            yield Unread("", QUEUES, why)

    # -- Rights ----------------------------------------------------------------------------------

    def of_rights(self) -> Iterator[Unread]:
        """Servers of a connector of which a part of the access list alone was printed.

        Where one user's entries were asked for, all of that user are there: then the others are
        missing, and `User` says so.
        """
        limits: dict[tuple[str, str], list[Asked | None]] = {}
        limited: dict[str, Asked | None] = {}  # by command line: thousands of entries share one
        for row in self.reading.of(RIGHTS):
            found = connector_name(row)
            if found is None:
                continue
            if row.command not in limited:
                calls = (call for call in asked(row.command, row.place) if call.cmdlet == RIGHTS)
                limited[row.command] = next((call for call in calls if call.lacks), None)
            key = (found[0].partition(".")[0], found[1])
            limits.setdefault(key, []).append(limited[row.command])
        for (server, _name), each in limits.items():
            some = [call for call in each if call]
            if len(some) == len(each):
                of_users = all(call.is_of_user for call in some)
                what = f"{RIGHTS} User" if of_users else RIGHTS
                yield Unread(server, what, _limited(some[0], "entries"))

    # -- Objects that are kept as they are read --------------------------------------------------

    def of_kept(self) -> Iterator[Unread]:
        """Cmdlets of which every command line asked for some objects only."""
        for spec in TABLES.values():
            calls = self.calls.get(spec.name, [])
            in_files = any(not row.command for row in self.reading.of(spec.name))
            limited = next((call for call in calls if call.lacks), None)
            if limited and not in_files and all(call.lacks for call in calls):
                yield Unread("", spec.name, _limited(limited, "objects"))


_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253}[A-Za-z0-9])?")


def _limited(call: Asked, what: str) -> str:
    """Why the output of a call may lack objects."""
    where = f"{call.place}: " if call.place else ""
    how = call.lacks or (f"{', '.join(call.servers)} only" if call.servers else "some servers only")
    return f"{where}`{call.typed}` shows some {what} only ({how})"


def _hosts(queue: Queue) -> Iterator[str]:
    """Names of servers that a queue names: whom it shadows, its next hops, its error (S6.09)."""
    hop = queue.next_hop_domain.strip()
    if queue.is_shadow:
        yield hop.rstrip(".")
    elif queue.delivery_type == "SmtpRelayToServers":
        yield from (name.rstrip(".") for name in re.split(r"[,;\s]+", hop) if name)
    if queue.delivery_type not in OUTSIDE and queue.last_error:
        host = parse(queue.last_error).fqdn
        if host:
            yield host.rstrip(".")


_FRONT = ("Default Frontend {}", "Outbound Proxy Frontend {}", "Client Frontend {}")
_HUB = ("Default {}", "Client Proxy {}")
_OLD = ("Default {}", "Client {}")
_EDGE = ("Default internal receive connector {}",)
"""Names of the connectors that setup makes (S2.01, S2.05, S2.07)."""


def _setup_missing(server: Server, connectors: Iterable[ReceiveConnector]) -> str:
    """Which of the connectors that setup makes are missing (section 2); empty: none, or unknown.

    Only names tell. One that was renamed is missing too, until a command line proves otherwise.
    """
    names = {each.name.strip().casefold() for each in connectors}
    lacks = [
        [kind for kind in kinds if kind.format(_short(server)).casefold() not in names]
        for kinds in _made_by_setup(server)
    ]
    missing = min(lacks, key=len, default=[])
    if not missing:
        return ""
    is_or_are = "is" if len(missing) == 1 else "are"
    told = joined(kind.format(_short(server)) for kind in missing)
    return f"{told} {is_or_are} not in the export, so others may be missing too"


def _made_by_setup(server: Server) -> list[tuple[str, ...]]:
    """What setup makes on a server of this kind; several where its kind is not known."""
    generation = server.generation
    if server.is_edge:
        return [_EDGE]
    if server.version is None:
        # One service of 2013 alone looks like a part of a server with both.
        return [_OLD, (*_FRONT, *_HUB), _EDGE]
    if generation is Generation.LEGACY:
        return [_OLD] if server.has_hub else []
    both = generation is Generation.MODERN
    front, hub = both or server.has_frontend, both or server.has_hub
    return [(*(_FRONT if front else ()), *(_HUB if hub else ()))]


def _short(server: Server) -> str:
    return server.name.partition(".")[0]


def _lacks_submission(queues: Iterable[Queue]) -> bool:
    """Whether queues without messages are among them, and the Submission queue is not (S4.10).

    Where all hold messages, only those were asked for, and nothing that waits is missing.
    """
    queues = list(queues)
    shows_empty = any(queue.message_count == 0 for queue in queues)
    return shows_empty and not any(
        queue.identity.casefold().endswith("\\submission") for queue in queues
    )
