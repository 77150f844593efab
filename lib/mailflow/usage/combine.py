"""Parts put together: each session counted once, and summed up by connector and client.

A session is its connector (which names server and service), its id and its rows. Rows that are in
two files count once; a session that continues in the next file is put together (S7.42). A Hub
session into which a Front End session was proxied (S7.25) counts as that session. If the rows of
the Front End are missing, the Hub session still shows the true client, but not the connector of the
Front End.
"""

from __future__ import annotations

import glob
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from mailflow.plain import keeps_its_line
from mailflow.sources.foreign import is_server
from mailflow.sources.logs.protocol import endpoint_of
from mailflow.usage.parts import as_literal, connect, interruptible
from mailflow.usage.whole_sql import AGAIN, CLIENTS, HOURS, KINDS, PARTS, TALLY, WHOLE

MOST_NAMES = 20
"""Names in EHLO, and domains, that are kept of a client."""


class Hour(NamedTuple):  # there are many of them, and tuples are made quickly
    """What a client did in an hour.

    Attributes:
        hour: in UTC, `2026-11-24T03`.
        sessions: how many began.
        messages: how many were accepted.
    """

    hour: str
    sessions: int = 0
    messages: int = 0


@dataclass(frozen=True, slots=True)
class Client:
    r"""A client of a connector, summed up.

    Attributes:
        connector: `SERVER\Name`; of a proxied client, the connector of the Transport service.
        address: in its usual notation.
        local, port: address and port of the server; of several, the first.
        proxied: whether only the Transport service's log shows it, so that the connector of the
            Front End is not known.
        first, last: first and last row, UTC, to the second.
        sessions: how many began.
        messages: 250 after data.
        tls, authenticated, exchange: sessions with TLS, with authentication, with X-EXPS.
        names: its names in EHLO or HELO.
        ended: how its sessions ended, to how many; `open` where no end was seen.
        inside, outside: accepted recipients in accepted domains, and in others.
        untold: recipients for which the log or the accepted domains do not decide.
        domains: recipient domains, if they were requested.
        hours: by hour, in order.
    """

    connector: str
    address: str
    local: str
    port: int
    proxied: bool
    first: str
    last: str
    sessions: int
    messages: int
    tls: int
    authenticated: int
    exchange: int
    names: tuple[str, ...]
    ended: tuple[tuple[str, int], ...]
    inside: int
    outside: int
    untold: int
    domains: tuple[str, ...]
    hours: tuple[Hour, ...]

    @property
    def anonymous(self) -> int:
        """Sessions without authentication."""
        return self.sessions - self.authenticated

    @property
    def is_told(self) -> bool:
        """Whether the log and the accepted domains decide for any recipient where it went."""
        return bool(self.inside or self.outside or not self.untold)


@dataclass(frozen=True, slots=True)
class Combined:
    """All parts, combined.

    Attributes:
        clients: by connector and address.
        internal: sessions between servers on port 2525, which are no client's.
        unreadable: sessions whose connector or endpoints cannot be read.
    """

    clients: tuple[Client, ...] = ()
    internal: int = 0
    unreadable: int = 0


@interruptible()
def combined(parts: Sequence[Path]) -> Combined:
    """Combine parts; each session counts once.

    Args:
        parts: Parquet files, as `parts.summed` writes them.

    Raises:
        UsageError: DuckDB is not installed.
    """
    if not parts:
        return Combined()
    with connect("400MB", threads=2) as database:
        files = ", ".join(as_literal(glob.escape(str(part))) for part in parts)
        for question in (PARTS.replace("{files}", f"[{files}]"), AGAIN, WHOLE, TALLY):
            database.execute(question)
        ours, internal = database.execute(KINDS).fetchall()[0]
        hours = {row[:4]: row[4:] for row in database.execute(HOURS).fetchall()}
        clients = database.execute(CLIENTS)
        names = [column[0] for column in clients.description]
        rows = [dict(zip(names, row, strict=True)) for row in clients.fetchall()]
    found = [_client(row, map(Hour, *hours[tuple(row[name] for name in _KEY)])) for row in rows]
    told = [client for client in found if client]
    counted = sum(client.sessions for client in told)
    return Combined(tuple(_merged(told)), int(internal), int(ours) - counted)


_KEY = ("connector", "local", "client", "proxied")


def _client(row: dict[str, Any], hours: Iterable[Hour]) -> Client | None:
    """A row of the database as a client; None where it does not tell who is whose client."""
    server, slash, name = row.pop("connector").partition("\\")
    local, client = endpoint_of(row.pop("local")), endpoint_of(f"[{row.pop('client')}]:0")
    if not (slash and is_server(server) and name.strip() and keeps_its_line(name)):
        return None
    if not local or not client:
        return None
    return Client(
        connector=f"{server.partition('.')[0]}\\{name.strip()}",
        address=client[0],
        local=local[0],
        port=local[1],
        names=_few(row.pop("names") or ()),
        ended=tuple(sorted((how or "open", count) for how, count in row.pop("ended").items())),
        domains=_few(row.pop("domains") or ()),
        hours=tuple(hours),
        **row,
    )


def _few(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(names)))[:MOST_NAMES]


def _merged(clients: Iterable[Client]) -> Iterable[Client]:
    """One client for each connector and address, whatever local address it reached."""
    known: dict[tuple[str, str, bool], Client] = {}
    for client in clients:
        key = (client.connector.casefold(), client.address, client.proxied)
        known[key] = _both(known[key], client) if key in known else client
    return sorted(
        known.values(), key=lambda each: (each.connector.casefold(), each.proxied, each.address)
    )


def _both(known: Client, other: Client) -> Client:
    """The same client at two local addresses of a server, or written in two ways."""
    ended, hours = Counter(dict(known.ended)), {each.hour: each for each in known.hours}
    ended.update(dict(other.ended))
    for each in other.hours:
        there = hours.get(each.hour, Hour(each.hour))
        hours[each.hour] = Hour(
            each.hour, there.sessions + each.sessions, there.messages + each.messages
        )
    sums: dict[str, Any] = {name: getattr(known, name) + getattr(other, name) for name in _SUMMED}
    return replace(
        known,
        first=min(known.first, other.first),
        last=max(known.last, other.last),
        names=_few((*known.names, *other.names)),
        ended=tuple(sorted(ended.items())),
        domains=_few((*known.domains, *other.domains)),
        hours=tuple(hours[hour] for hour in sorted(hours)),
        **sums,
    )


_SUMMED = (
    *("sessions", "messages", "tls", "authenticated", "exchange", "inside", "outside", "untold"),
)
