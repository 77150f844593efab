"""SMTP protocol logs, send and receive: their rows, and what sessions they make (S7.22 to S7.27).

Sessions are mixed in a log, one may begin in one file and end in another, and a file may begin or
end anywhere. So of a session counts what was seen, and what follows from a row that is not there
counts only where no number of the session's rows is missing. Senders, recipients, subjects and
message ids are never looked at.
"""

from __future__ import annotations

import csv
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import astuple, dataclass, field, replace
from typing import Generic, NamedTuple, TypeVar

from mailflow.exchange.ehlo import KEYWORDS, is_masked
from mailflow.exchange.ranges import RangeError, host_address
from mailflow.snapshot import ObservedOffer, ObservedSessions

FIELDS = (
    *("date-time", "connector-id", "session-id", "sequence-number", "local-endpoint"),
    *("remote-endpoint", "event", "data", "context"),
)
"""The columns, where a log has lost the line that names them."""

MOST_OPEN = 20_000
"""Sessions that are open at one time; a log cut apart leaves open ones behind."""
LONGEST = 20_000
"""Characters of a line that is read; no row is longer."""
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,7})?Z?", re.ASCII)
_HELLO = re.compile(r"\bHello \[([0-9A-Fa-f.:]{2,45})\]")
_BANNER = re.compile(r"220[ -](\S{1,255}) Microsoft ESMTP MAIL Service\b")
_WINSOCK = re.compile(r"Winsock error code: (\d{5})")


class LogRow(NamedTuple):
    """A row of a protocol log, as it stands."""

    when: str
    connector: str
    session: str
    number: str
    local: str
    remote: str
    event: str
    data: str
    context: str


@dataclass(slots=True)
class ProtocolSession:
    """A session as far as it was seen.

    Attributes:
        connector, local, remote: as the log has them.
        when, last: times of its first and last row.
        hello: the name in the client's EHLO; empty: not seen.
        host: the name in the reply to it; empty: not seen.
        seen_as: the client's address in that reply (S5.30); empty: not seen.
        banner: `Exchange`, `masked`, `other`; empty: not seen.
        offered: keywords of the whole reply before TLS; None: no whole reply was seen.
        masked: keywords of it are masked.
        tls: whether TLS came about.
        exchange_auth: whether the client used X-EXPS.
        proxied: whether the client is a Front End, and not who sent (S7.25).
        mail: whether a message was begun.
        failed: the client could not authenticate.
        winsock: number of the socket error with which no connection came about; 0: none.
        ended: how it ended, as the log says; empty: not seen.
    """

    connector: str
    local: str
    remote: str
    when: str
    last: str = ""
    hello: str = ""
    host: str = ""
    seen_as: str = ""
    banner: str = ""
    offered: frozenset[str] | None = None
    masked: bool = False
    tls: bool = False
    exchange_auth: bool = False
    proxied: bool = False
    mail: bool = False
    failed: bool = False
    winsock: int = 0
    ended: str = ""
    _replying: bool = False
    _words: set[str] = field(default_factory=set)
    _next: int | None = 0  # None: a row of it is missing

    def take(self, row: LogRow, server_sign: str) -> None:
        """Add what a row shows.

        Args:
            row: of this session.
            server_sign: the event of what the server says: `>` in its own log, `<` in the client's.
        """
        self.last = row.when
        self.local = self.local or row.local
        whole = self._next is not None and row.number == str(self._next)
        self._next = int(row.number) + 1 if whole else None
        if row.event == "*":
            self._note(row.context)
        elif row.event == server_sign:
            self._hear(row.data)
        elif row.event in "<>" and row.event:
            self._say(row.data)

    def _note(self, context: str) -> None:
        if context.startswith("TLS protocol"):
            self.tls = True
        elif context.startswith("Outbound Authentication failed"):
            self.failed = True
        else:
            found = _WINSOCK.search(context)
            self.winsock = int(found[1]) if found else self.winsock

    def _say(self, data: str) -> None:
        """What the client says."""
        word, _, rest = data.partition(" ")
        verb = word.upper()
        if verb in ("EHLO", "HELO") and not self.hello:
            self.hello, self._replying = rest.strip()[:255], verb == "EHLO"
            return
        self._replying = False
        if verb == "X-EXPS":
            self.exchange_auth = True
        elif verb in ("XPROXYFROM", "XPROXY", "XPROXYTO"):
            self.proxied = True
        elif verb == "MAIL":
            self.mail = True

    def _hear(self, data: str) -> None:
        """What the server says."""
        if data.startswith("220") and not self.hello:
            self.banner = "Exchange" if _BANNER.match(data) else "other"
            if is_masked(data):
                self.banner = "masked"
        if not self._replying:
            return
        if not data.startswith(("250-", "250 ")):
            self._replying = False  # EHLO was refused
            return
        found = None if self.seen_as else _HELLO.search(data)
        if found:
            self.seen_as, self.host = _address(found[1]), data[4:].split(maxsplit=1)[0][:255]
        # A keyword a row before 2016, all in one row since (S7.22).
        self._words.update(data[4:].upper().split())
        if data[3] == " ":
            self._replying = False
            self.masked = any(map(is_masked, self._words))
            if self._next is not None and self.offered is None:
                self.offered = frozenset(self._words & set(KEYWORDS))

    @property
    def told(self) -> str:
        """The keywords of the whole reply for a table: with blanks, `none`, or empty: not seen."""
        if self.offered is None:
            return ""
        return " ".join(word for word in KEYWORDS if word in self.offered) or "none"


Summed = TypeVar("Summed", ObservedSessions, ObservedOffer)


@dataclass(slots=True)
class ProtocolLog(ABC, Generic[Summed]):
    """What the rows of one or several logs add up to.

    Attributes:
        lost: how many lines could not be read.
    """

    lost: int = 0
    _open: dict[tuple[str, str], ProtocolSession] = field(default_factory=dict)
    _summed: dict[Summed, Summed] = field(default_factory=dict)

    @property
    @abstractmethod
    def server_sign(self) -> str:
        """The event of what the server says."""

    @abstractmethod
    def observed(self, session: ProtocolSession) -> Summed | None:
        """One session, ready to be summed up; None where it tells nothing."""

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
            row = _row(bare, columns)
            if row is None:
                self.lost += 1
            else:
                self._take(row)

    @property
    def kept(self) -> int:
        """How many different ones are kept so far."""
        return len(self._summed) + len(self._open)

    def sessions(self) -> tuple[Summed, ...]:
        """Everything so far, sessions that did not end among them; in the order of their values."""
        for session in self._open.values():
            self._sum(session)
        self._open.clear()
        return tuple(sorted(self._summed.values(), key=astuple))

    def _take(self, row: LogRow) -> None:
        key = (row.connector, row.session)
        session = self._open.get(key)
        if session is None:
            if len(self._open) >= MOST_OPEN:
                self._sum(self._open.pop(next(iter(self._open))))
            session = self._open[key] = ProtocolSession(
                row.connector, row.local, row.remote, row.when
            )
        session.take(row, self.server_sign)
        if row.event == "-":
            session.ended = row.context or row.data or "-"
            self._sum(self._open.pop(key))

    def _sum(self, session: ProtocolSession) -> None:
        """Add a session to those that are alike."""
        found = self.observed(session)
        if found is None:
            return
        alike = replace(found, first="", last="")
        known = self._summed.get(alike)
        self._summed[alike] = (
            found
            if known is None
            else replace(
                known,
                sessions=known.sessions + 1,
                first=min(known.first, found.first),
                last=max(known.last, found.last),
            )
        )


def _row(line: str, columns: dict[str, int]) -> LogRow | None:
    """A row; None where the line is none."""
    cells = cells_of(line, len(columns))
    if cells is None or any(name not in columns for name in FIELDS[:8]):
        return None
    named = [cells[columns[name]].strip() for name in FIELDS[:8]]
    context = cells[columns["context"]] if "context" in columns else ""
    row = LogRow._make([*named, context])
    return row if _TIME.fullmatch(row.when) and row.session else None


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


def endpoint_of(text: str) -> tuple[str, int] | None:
    """`10.0.0.21:25`, `[2001:db8::1]:25`: address and port."""
    address, colon, port = text.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or len(port) > 5:
        return None
    known = _address(address.strip("[]"))
    return (known, int(port)) if known else None


def _address(text: str) -> str:
    try:
        return str(host_address(text))
    except RangeError:
        return ""
