"""Protocol logs that the servers of a simulated organization would write (S7.20 to S7.27).

Of each queue in Retry the sessions of its last attempt: in the send log of its server, which
somebody has switched on (S7.21), and in the receive log of the target, as far as its connector is
set to log. Both ends write what they see: a device between them shows in the difference (C4, C5).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ehlo import masked, predicted_keywords
from mailflow.exchange.ranges import Address
from mailflow.exchange.routing import FRONT, endpoints
from mailflow.exchange.selection import NO_MATCH_REPLY
from mailflow.exchange.servers import Generation
from mailflow.simulated.delivery import NOT_LOGGED_ON, connection, try_server
from mailflow.simulated.organisation import (
    Organisation,
    PracticeQueue,
    PracticeServer,
    address_pairs,
)
from mailflow.sources.logs.protocol import FIELDS

_SEND = "Intra-Organization SMTP Send Connector"
_STEP = timedelta(milliseconds=37)
_Event = tuple[str, str, str]
"""Sign as the sender writes it, data, context."""
_TURNED = {"<": ">", ">": "<"}


@dataclass(frozen=True, slots=True)
class LoggedSession:
    """One session between two servers.

    Attributes:
        queue: identity of the queue that waits for it.
        sender, target: the servers.
        source, local, port: the sender's address and the target's endpoint.
        seen: the sender's address as the target sees it.
        connector: that accepts it; None: nobody does.
        moment: when it began.
        sent: what each end wrote, in the sender's signs.
        received: the same as it reached the sender.
    """

    queue: str
    sender: PracticeServer
    target: PracticeServer
    source: Address
    local: Address
    port: int
    seen: Address
    connector: ReceiveConnector | None
    moment: datetime
    sent: tuple[_Event, ...]
    received: tuple[_Event, ...]


def protocol_logs(org: Organisation) -> dict[str, str]:
    """The logs by file name, `EX10A-SEND20261123-1.LOG`; empty where no queue waits."""
    return log_files(failed_sessions(org))


def failed_sessions(org: Organisation) -> tuple[LoggedSession, ...]:
    """The sessions of the last attempt of each queue in Retry."""
    return tuple(_sessions(org))


def log_files(sessions: Iterable[LoggedSession]) -> dict[str, str]:
    """The logs of these sessions by file name."""
    sends: dict[PracticeServer, list[str]] = {}
    receives: dict[PracticeServer, list[str]] = {}
    first: datetime | None = None
    for session in sessions:
        first = min(first or session.moment, session.moment)
        sends.setdefault(session.sender, []).extend(send_rows(session))
        receives.setdefault(session.target, []).extend(receive_rows(session))
    if first is None:
        return {}
    logs = {
        f"{server.name}-SEND{first:%Y%m%d}-1.LOG": _file("Send", server, first, rows)
        for server, rows in sends.items()
    }
    return logs | {
        f"{server.name}-RECV{first:%Y%m%d%H}-1.LOG": _file("Receive", server, first, rows)
        for server, rows in receives.items()
        if rows
    }


def _sessions(org: Organisation) -> Iterator[LoggedSession]:
    for queue in org.queues:
        sender = org.server(queue.server)
        if sender is None or queue.shown_status != "Retry" or queue.last_retry is None:
            continue
        for name in queue.targets:
            target = org.server(name)
            if target is not None:
                yield from _of(org, queue, sender, target)


def _of(
    org: Organisation, queue: PracticeQueue, sender: PracticeServer, target: PracticeServer
) -> Iterator[LoggedSession]:
    """The session with one target: at the first address of its name that can be reached."""
    moment = queue.last_retry
    port = next(iter(endpoints(sender.exchange, target.exchange)), FRONT).port
    for source, local in address_pairs(sender, target):
        if moment is None:
            return
        made = connection(org, target, source, local, port, moment)
        connector = made.got.connector
        greeting = _greeting(sender, target, connector, str(made.seen)) if connector else None
        ending = _ending(org, sender, target, moment)
        if made.winsock:
            sent = received = _failed(made.winsock)
        elif greeting is None:
            sent = received = _refused()
        else:
            sent = _events(sender, greeting, ending)
            reached = greeting.inspected() if target.strips_verbs else greeting
            received = _events(sender, reached, ending)
        yield LoggedSession(
            queue.identity,
            *(sender, target, source, local, port, made.seen, connector, moment, sent, received),
        )
        if not made.winsock:
            return


def _ending(
    org: Organisation, sender: PracticeServer, target: PracticeServer, moment: datetime
) -> list[_Event]:
    """How the sender notes that it could not authenticate (L1); else it says QUIT (S5.01)."""
    if try_server(org, sender, target, moment).reply != NOT_LOGGED_ON:
        return []
    return [
        (">", "X-EXPS GSSAPI", ""),
        ("*", "", "Outbound Authentication failed with LogonDenied"),
        ("<", NOT_LOGGED_ON, ""),
    ]


class _Greeting(NamedTuple):
    """What a target says before a sender authenticates: its banner, and its reply to EHLO."""

    banner: str
    hello: str
    keywords: tuple[str, ...]

    def inspected(self) -> _Greeting:
        """The same behind SMTP inspection (C4)."""
        return _Greeting("*" * len(self.banner), self.hello, masked(self.keywords))


def _greeting(
    sender: PracticeServer, target: PracticeServer, connector: ReceiveConnector, seen: str
) -> _Greeting:
    host = connector.fqdn or target.exchange.fqdn
    keywords = predicted_keywords(
        connector,
        certificate=sender is target or not target.certificate_lost,
        to_edge=bool(target.exchange.is_edge),
    )
    return _Greeting(
        f"{host} Microsoft ESMTP MAIL Service ready", f"{host} Hello [{seen}]", keywords
    )


def _failed(winsock: int) -> tuple[_Event, ...]:
    said = f"Failed to connect. Winsock error code: {winsock}, Win32 error code: {winsock}"
    return (("*", "", said),)


def _refused() -> tuple[_Event, ...]:
    """Nothing fits: said, and closed (S1.18)."""
    return (("+", "", ""), ("<", NO_MATCH_REPLY, ""), ("-", "", "Remote"))


def _events(
    sender: PracticeServer, greeting: _Greeting, ending: list[_Event]
) -> tuple[_Event, ...]:
    lines = [greeting.hello, *greeting.keywords]
    return (
        ("+", "", ""),
        ("<", f"220 {greeting.banner}", ""),
        (">", f"EHLO {sender.exchange.fqdn}", ""),
        *(("<", f"250-{line}", "") for line in lines[:-1]),
        ("<", f"250 {lines[-1]}", ""),
        *ending,
        (">", "QUIT", ""),
        ("<", "221 2.0.0 Service closing transmission channel", ""),
        ("-", "", "Remote"),
    )


def send_rows(session: LoggedSession) -> Iterator[str]:
    """What the sender writes, a row each."""
    started = [("*", "", "attempting to connect")]
    own = f"{_place(session.source)}:{_port(session)}"
    there = f"{_place(session.local)}:{session.port}"
    for number, event in enumerate([*started, *session.received]):
        local = own if (number and event[0] != "*") or number > 1 else ""
        yield _line(session, _SEND, number, local, there, event)


def receive_rows(session: LoggedSession) -> Iterator[str]:
    """What the target writes; nothing where its connector does not log (S7.20).

    S7.22: 2016 and later write the whole reply in one row, as the connector is set to log.
    """
    connector = session.connector
    if connector is None or connector.protocol_logging != "Verbose":
        return
    if session.sent[0][0] == "*":
        return  # no connection came about
    local = f"{_place(session.local)}:{session.port}"
    client = f"{_place(session.seen)}:{_port(session)}"
    events = [(_TURNED.get(sign, sign), data, context) for sign, data, context in session.sent]
    if session.target.exchange.generation is Generation.MODERN:
        events = _in_one_row(events)
    for number, event in enumerate(events):
        yield _line(session, connector.identity, number, local, client, event)


def _in_one_row(events: list[_Event]) -> list[_Event]:
    reply = [data[4:] for _, data, _ in events if data[:4] in ("250-", "250 ")]
    at = next(place for place, (_, data, _) in enumerate(events) if data.startswith("250"))
    rest = [event for event in events[at:] if not event[1].startswith("250")]
    return [*events[:at], (">", f"250  {' '.join(reply)}", ""), *rest] if reply else events


def _line(
    session: LoggedSession, connector: str, number: int, local: str, remote: str, event: _Event
) -> str:
    when = (session.moment + number * _STEP).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    key = f"{zlib.crc32(repr((connector, session.moment, remote)).encode()):016X}"
    sign, data, context = event
    cells = [when, connector, key, str(number), local, remote, sign, _quoted(data)]
    return ",".join([*cells, _quoted(context)])


def _quoted(text: str) -> str:
    return f'"{text}"' if "," in text else text


def _port(session: LoggedSession) -> int:
    return 50_000 + zlib.crc32(f"{session.source} {session.local}".encode()) % 10_000


def _place(address: Address) -> str:
    return f"[{address}]" if address.version == 6 else str(address)


def _file(kind: str, server: PracticeServer, first: datetime, rows: list[str]) -> str:
    """A log as the server's version writes its head (S7.23)."""
    version = "14.0.0.0" if server.is_legacy else "15.0.0.0"
    head = [
        "#Software: Microsoft Exchange Server",
        f"#Version: {version}",
        f"#Log-type: SMTP {kind} Protocol Log",
        f"#Date: {first:%Y-%m-%dT%H:%M:%S}.000Z",
        f"#Fields: {','.join(FIELDS)}",
    ]
    return "\n".join([*head, *rows]) + "\n"
