"""An organization as it was read: its rows, and what could not be read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from mailflow.errors import UsageError
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.queues import Queue
from mailflow.exchange.servers import Server
from mailflow.snapshot.files import write_whole
from mailflow.snapshot.newer import Newer
from mailflow.snapshot.rows import WRITERS
from mailflow.snapshot.schema import SCHEMA, TABLES

if TYPE_CHECKING:
    import pandas as pd

T = TypeVar("T")


IN_ERROR = "LastError"
"""Source of an address that only the error of a queue names: one of the target's (S9.13)."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """An IP address of a server, and where that is known from (S9.10).

    Attributes:
        server: short name.
        address: in its usual notation.
        source: the cmdlet, file or other place that says so; `IN_ERROR`.
        has_dns_servers, has_gateway: whether its adapter has these; None: not known.
        registers_in_dns: whether its adapter registers its addresses; None: not known.
    """

    server: str
    address: str
    source: str
    has_dns_servers: bool | None = None
    has_gateway: bool | None = None
    registers_in_dns: bool | None = None


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """What Get-TransportService says of a server, as far as a verdict needs it.

    Attributes:
        server: short name.
        use_downgraded_auth: UseDowngradedExchangeServerAuth (S3.42, C10); None: not read.
        internal_certificate: thumbprint of the internal transport certificate, as printed (S8.85);
            None: not read.
    """

    server: str
    use_downgraded_auth: bool | None
    internal_certificate: str | None = None


@dataclass(frozen=True, slots=True)
class ComponentState:
    """Whether a component of a server takes part in mail flow (section 6.2, 421 4.3.2).

    Attributes:
        server: short name.
        component: `HubTransport`, `FrontendTransport`, `ServerWideOffline` ...
        state: `Active`, `Inactive` or `Draining`, as printed.
    """

    server: str
    component: str
    state: str


@dataclass(frozen=True, slots=True)
class Right:
    """An extended right on a receive connector, given or denied (section 3.3, S3.21)."""

    server: str
    connector: str
    user: str
    right: str
    deny: bool


@dataclass(frozen=True, slots=True)
class ObservedSessions:
    """Sessions of one client with one connector, alike in all that is kept of them (S7.26).

    Attributes:
        server: short name of the server that wrote the log.
        connector: name of the receive connector that accepted them.
        local, port: the server's own address and port.
        client: address that connected.
        hello: the name in EHLO; empty: not seen.
        offered: keywords before TLS of those that let a client in, with blanks; `none`: none of
            them; empty: no whole reply was seen.
        tls: whether TLS came about.
        exchange_auth: whether the client used X-EXPS.
        sessions: how many.
        first, last: times of the first and the last row, as the log has them, in UTC.
    """

    server: str
    connector: str
    local: str
    port: int
    client: str
    hello: str
    offered: str
    tls: bool
    exchange_auth: bool
    sessions: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class ObservedOffer:
    """What reached a sender that connected to a host, alike in all that is kept (S5.30, S5.31).

    Attributes:
        source: `SMTP send log`, `connectivity log` or `EHLO reply`.
        sender: short name of the server that connected; empty: not known.
        address: its own address in that connection; empty: not known.
        target: name that the host gave itself, or under which it was tried; empty: not known.
        remote, port: what it connected to; empty and 0: not known.
        seen_as: the sender's address as the host saw it; empty: not seen.
        banner: `Exchange`, `masked`, `other`; empty: not seen.
        offered: keywords before TLS of those that let a client in, with blanks; `none`: none of
            them; empty: no whole reply was seen.
        masked: whether keywords of the reply are masked.
        ended: number of the socket error with which no connection came about, `dropped`,
            `authentication failed`; empty: neither.
        sessions: how many.
        first, last: times of the first and the last, as written, in UTC; empty: not known.
    """

    source: str
    sender: str
    address: str
    target: str
    remote: str
    port: int
    seen_as: str
    banner: str
    offered: str
    masked: bool
    ended: str
    sessions: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Read:
    """How a server of a live organization was read.

    Attributes:
        server: short name.
        outcome: ok, failed, timed-out or skipped.
        how: `asked itself: session http://...`, `through EX16A`; for people.
        seconds: how long it took.
    """

    server: str
    outcome: str
    how: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that could not be read, and so may change a verdict to unknown.

    Attributes:
        server: whose it is; empty where that is not known.
        what: the cmdlet, or the cmdlet and the property, for example `Get-Queue`.
        why: in words, with file and place.
    """

    server: str
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known of an organization.

    Attributes:
        origin: the SOURCE it came from, as the user gave it.
        taken: when it was collected, aware; None for exports, which do not say.
        servers, addresses, connectors, queues, settings, components, rights: what was read.
        kept: of the cmdlets whose objects are kept as they are read, table to rows in the order of
            its columns (`TABLES`); `objects` gives them by column.
        observed: sessions that receive logs show; what is not there was not seen.
        offers: what senders met, by send logs, connectivity logs and EHLO replies.
        reads: how each server was read; empty for exports, which do not say.
        unread: what was not.
        ignored: exports of other cmdlets, (what, place).
        inputs: SHA-256 of each input by name, hexadecimal.
        cmdlets: the cmdlets of which an answer was there, also an empty one.
        only: names of the servers a run is limited to; empty: all. A path counts when one of its
            ends is one of them.
        newer: what a newer version stored besides; saved again as it is.
    """

    origin: str = ""
    taken: datetime | None = None
    servers: tuple[Server, ...] = ()
    addresses: tuple[ServerAddress, ...] = ()
    connectors: tuple[ReceiveConnector, ...] = ()
    queues: tuple[Queue, ...] = ()
    settings: tuple[TransportSettings, ...] = ()
    components: tuple[ComponentState, ...] = ()
    rights: tuple[Right, ...] = ()
    kept: Mapping[str, tuple[tuple[Any, ...], ...]] = field(default_factory=dict)
    observed: tuple[ObservedSessions, ...] = ()
    offers: tuple[ObservedOffer, ...] = ()
    reads: tuple[Read, ...] = ()
    unread: tuple[Unread, ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    cmdlets: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()
    newer: Newer = field(default_factory=Newer)
    _derived: dict[Callable[[Snapshot], object], object] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def derived(self, make: Callable[[Snapshot], T]) -> T:
        """What a function makes of this snapshot, made once: a snapshot never changes."""
        if make not in self._derived:
            self._derived[make] = make(self)
        return cast("T", self._derived[make])

    @property
    def is_simulated(self) -> bool:
        """Whether these servers are made up: a demo, or a live source of simulated servers.

        No real host is called `.example`: RFC 2606 keeps that for names that are made up.
        """
        if self.origin.startswith(("demo:", "practice:")):
            return True
        names = [each.fqdn.casefold().rstrip(".") for each in self.servers]
        is_live = "://" in self.origin
        return is_live and bool(names) and all(name.endswith(".example") for name in names)

    def server(self, name: str) -> Server | None:
        """The server with this short or full name, in any case (S4.32)."""
        return next((server for server in self.servers if server.is_named(name)), None)

    def objects(self, table: str) -> list[dict[str, Any]]:
        """The objects of a table that are kept as they were read, each by its columns.

        None stands for a value that is not known. That a cmdlet was asked says `cmdlets`; what may
        be missing of its output says `unread`.
        """
        columns = TABLES[table]
        return [dict(zip(columns, row, strict=True)) for row in self.kept.get(table, ())]

    def limited_to(self, names: tuple[str, ...] | list[str]) -> Snapshot:
        """The same snapshot, judged only for paths that begin or end at these servers.

        Raises:
            UsageError: a name that no server has.
        """
        unknown = [name for name in names if self.server(name) is None]
        if unknown:
            known = ", ".join(sorted(server.name for server in self.servers)) or "none"
            raise UsageError(f"no server is called {', '.join(unknown)}; known: {known}")
        found = (self.server(name) for name in names)
        return replace(self, only=frozenset(server.name for server in found if server))

    def covers(self, *names: str) -> bool:
        """Whether one of these servers is among those the run is limited to."""
        return not self.only or any(name.casefold() in _folded(self.only) for name in names)

    def frame(self, table: str) -> pd.DataFrame:
        """One table as a pandas frame with the columns and types of `TABLES`.

        Raises:
            KeyError: no such table.
        """
        import pandas as pd

        columns = TABLES[table]
        rows = [dict(zip(columns, values, strict=True)) for values in WRITERS[table](self)]
        return pd.DataFrame(rows, columns=list(columns)).astype(
            {name: kind for name, kind in columns.items() if rows or kind != "object"}
        )

    def save(self, path: Path) -> None:
        """Write it as one JSON document, whole or not at all."""
        write_whole(path, json.dumps(self.document(), ensure_ascii=False, separators=(",", ":")))

    def document(self) -> dict[str, Any]:
        """All of it but `only`, ready for JSON; `from_document` reads it back."""
        return {
            "schema": SCHEMA,
            "origin": self.origin,
            "taken": self.taken.isoformat() if self.taken else None,
            "cmdlets": sorted(self.cmdlets),
            "inputs": dict(self.inputs),
            "ignored": [list(pair) for pair in self.ignored],
            "tables": {
                **{name: self.newer.extended(name, WRITERS[name](self)) for name in TABLES},
                **self.newer.tables,
            },
            **self.newer.keys,
        }


def _folded(names: frozenset[str]) -> set[str]:
    return {name.casefold() for name in names}
