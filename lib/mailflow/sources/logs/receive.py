"""SMTP receive logs: which connector accepted whom, summed up (S7.22 to S7.26).

A log names the connector of each session, so it shows what configuration alone only predicts. Of a
session is kept: server, connector, local address and port, client, the name in EHLO, what was
offered before TLS, whether TLS and Exchange Server authentication came about. Senders, recipients,
subjects and message ids are never looked at.

Sessions are mixed in a log, one may begin in one file and end in another, and a file may begin or
end anywhere: what is not there was not seen, and says nothing.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from mailflow.exchange.ranges import RangeError, parse_address
from mailflow.plain import keeps_its_line
from mailflow.snapshot import ObservedSessions
from mailflow.sources.foreign import is_server

FIELDS = (
    *("date-time", "connector-id", "session-id", "sequence-number", "local-endpoint"),
    *("remote-endpoint", "event", "data", "context"),
)
"""The columns, where a log has lost the line that names them."""

KEYWORDS = ("X-ANONYMOUSTLS", "X-EXPS", "STARTTLS", "AUTH")
"""Keywords of an EHLO reply that tell how a client may be let in (S5.32)."""

MOST_OPEN = 20_000
"""Sessions that are open at one time; a log cut apart leaves open ones behind."""
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,7})?Z?", re.ASCII)
LONGEST = 20_000
"""Characters of a line that is read; no row is longer."""


@dataclass(slots=True)
class _Session:
    """A session as far as it was seen."""

    connector: str
    local: str
    client: str
    when: str
    last: str = ""
    hello: str = ""
    offered: set[str] = field(default_factory=set)
    tls: bool = False
    exchange_auth: bool = False
    proxied: bool = False


@dataclass(slots=True)
class ReceiveLog:
    """What the rows of one or several logs add up to.

    Attributes:
        lost: how many lines could not be read.
    """

    lost: int = 0
    _open: dict[tuple[str, str], _Session] = field(default_factory=dict)
    _summed: dict[tuple[object, ...], ObservedSessions] = field(default_factory=dict)

    def read(self, lines: Iterable[str]) -> None:
        """Take the lines of one log, all of them: a header says what the rows below it hold."""
        columns = {name: place for place, name in enumerate(FIELDS)}
        for line in lines:
            bare = line.strip().lstrip("\ufeff")
            if not bare:
                continue
            if bare[0] in "#\\" or not bare[0].isdigit():
                head, colon, names = bare.lstrip("#\\ ").partition(":")
                if colon and head.strip().casefold() == "fields":
                    listed = [name.strip().casefold() for name in names.split(",")]
                    columns = {name: place for place, name in enumerate(listed)}
                continue
            self._take(bare, columns)

    @property
    def kept(self) -> int:
        """How many different ones are kept so far."""
        return len(self._summed) + len(self._open)

    def sessions(self) -> tuple[ObservedSessions, ...]:
        """Everything so far, sessions that did not end among them; by server and connector."""
        for session in self._open.values():
            self._sum(session)
        self._open.clear()
        return tuple(
            sorted(
                self._summed.values(),
                key=lambda seen: (seen.server, seen.connector, seen.client, seen.first),
            )
        )

    def _take(self, line: str, columns: dict[str, int]) -> None:
        cells = cells_of(line, len(columns))
        if cells is None or any(name not in columns for name in FIELDS[:8]):
            self.lost += 1
            return
        when, connector, session_id, _, local, client, event, data = (
            cells[columns[name]].strip() for name in FIELDS[:8]
        )
        context = cells[columns["context"]] if "context" in columns else ""
        if not _TIME.fullmatch(when) or not session_id:
            self.lost += 1
            return
        key = (connector, session_id)
        session = self._open.get(key)
        if session is None:
            if len(self._open) >= MOST_OPEN:
                self._sum(self._open.pop(next(iter(self._open))))
            session = self._open[key] = _Session(connector, local, client, when)
        session.last = when
        if event == "-":
            self._sum(self._open.pop(key))
        else:
            _follow(session, event, data, context)

    def _sum(self, session: _Session) -> None:
        """Add a session to those that are alike."""
        found = _observed(session)
        if found is None:
            return
        key = (
            *(found.server, found.connector, found.local, found.port, found.client),
            *(found.hello, found.offered, found.tls, found.exchange_auth),
        )
        known = self._summed.get(key)
        self._summed[key] = (
            found
            if known is None
            else replace(
                known,
                sessions=known.sessions + 1,
                first=min(known.first, found.first),
                last=max(known.last, found.last),
            )
        )


def cells_of(line: str, count: int) -> list[str] | None:
    """The columns of a row; None where it is none. Quotes stand around few (S7.24)."""
    if len(line) > LONGEST:
        return None
    if '"' not in line:
        cells = line.split(",")
    else:
        try:
            cells = next(csv.reader([line], strict=True))
        except (csv.Error, StopIteration):
            return None
    # The sign of an event is lost where a text went through a mail; its column is still there.
    return cells if len(cells) == count else None


def _follow(session: _Session, event: str, data: str, context: str) -> None:
    """What a row adds to its session."""
    word, _, rest = data.partition(" ")
    verb = word.upper()
    if event == "<":
        if verb in ("EHLO", "HELO") and not session.hello:
            session.hello = rest.strip()[:255]
        elif verb == "X-EXPS":
            session.exchange_auth = True
        elif verb in ("XPROXYFROM", "XPROXY", "XPROXYTO"):
            session.proxied = True  # the client is the Front End, and not who sent (S7.25)
    elif event == ">" and data.startswith("250") and not session.tls:
        session.offered.update(_offered(data))
    elif event == "*" and context.startswith("TLS protocol"):
        session.tls = True


def _offered(reply: str) -> Iterator[str]:
    """The keywords in a reply to EHLO: a row each before 2016, all in one row since (S7.22)."""
    words = reply[4:].upper().split()
    yield from (word for word in KEYWORDS if word in words)


def _observed(session: _Session) -> ObservedSessions | None:
    """One session, ready to be summed up; None where it does not tell who accepted whom."""
    server, slash, name = session.connector.partition("\\")
    local, client = endpoint_of(session.local), endpoint_of(session.client)
    is_named = slash and is_server(server) and name.strip() and keeps_its_line(name)
    if session.proxied or not is_named or not local or not client:
        return None
    return ObservedSessions(
        server=server.partition(".")[0],
        connector=name.strip(),
        local=local[0],
        port=local[1],
        client=client[0],
        hello=session.hello if session.hello.isprintable() else "",
        offered=" ".join(word for word in KEYWORDS if word in session.offered),
        tls=session.tls,
        exchange_auth=session.exchange_auth,
        sessions=1,
        first=session.when,
        last=session.last or session.when,
    )


def endpoint_of(text: str) -> tuple[str, int] | None:
    """`10.0.0.21:25`, `[2001:db8::1]:25`: address and port."""
    address, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or len(port) > 5:
        return None
    try:
        return str(parse_address(address.strip("[]"))), int(port)
    except RangeError:
        return None
