"""Receive logs of many days, as the servers of a simulated organization would write them (S7.20).

Devices send by a schedule through whichever connector accepts them; servers greet each other. Only
connectors that log leave rows. Addresses of people stand in the rows, as in real ones.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from mailflow.exchange.connectors import ReceiveConnector, TransportRole
from mailflow.exchange.selection import answer
from mailflow.simulated.organisation import DOMAIN, Organisation, PracticeServer
from mailflow.sources.logs.protocol import FIELDS

DAYS = 31
DAYS_A_FILE = 8
GREETINGS = 3
"""Hours from one session of a server to the next."""


@dataclass(frozen=True, slots=True)
class Device:
    """Something that sends mail by itself.

    Attributes:
        address: its address.
        hello: what it calls itself.
        hours: of the day, in UTC, at which it sends.
        weekend: whether it does on Saturdays and Sundays.
        outside: whether one of its recipients is elsewhere.
    """

    address: str
    hello: str
    hours: tuple[int, ...]
    weekend: bool = False
    outside: bool = False


DEVICES = (
    Device("10.0.5.11", "scanner-1", (7, 8, 9, 10, 13, 14)),
    Device("10.0.5.12", "scanner-2", (8, 11, 15)),
    Device("10.0.5.23", "printer-3", (6,), weekend=True),
    Device("10.0.5.40", "erp", tuple(range(24)), weekend=True, outside=True),
    Device("10.0.5.41", "erp-test", (12,)),
)


def write_receive_logs(
    org: Organisation,
    folder: Path,
    now: datetime,
    *,
    days: int = DAYS,
    devices: Sequence[Device] = DEVICES,
) -> list[Path]:
    """Write receive logs of each Front End, some days in a file, and say which files these are.

    Args:
        org: the organization.
        folder: is made; each server gets a folder below it.
        now: when the logs end, in UTC.
        days: how many there are.
        devices: who sends besides the servers.
    """
    written = []
    connectors = org.directory.connectors(now)
    for server in org.servers:
        if not server.exchange.has_frontend:
            continue
        mine = [each for each in connectors if server.exchange.is_named(each.server)]
        place = folder / server.exchange.name / "FrontEnd" / "ProtocolLog" / "SmtpReceive"
        place.mkdir(parents=True, exist_ok=True)
        accepts = _Accepting(mine, server.addresses[0])
        first = (now - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
        for begin in range(0, days + 1, DAYS_A_FILE):
            some = range(begin, min(begin + DAYS_A_FILE, days + 1))
            day = first + timedelta(days=begin)
            rows = sorted(
                row
                for each in some
                for row in _day(org, server, accepts, first + timedelta(days=each), now, devices)
            )
            file = place / f"RECV{day:%Y%m%d}-1.LOG"
            header = (
                "#Software: Microsoft Exchange Server\r\n#Version: 15.0.0.0\r\n"
                "#Log-type: SMTP Receive Protocol Log\r\n"
                f"#Date: {day:%Y-%m-%dT%H:%M:%S.000Z}\r\n#Fields: {','.join(FIELDS)}\r\n"
            )
            text = "".join(f"{row}\r\n" for _, _, row in rows)
            file.write_text(f"\ufeff{header}{text}", encoding="utf-8", newline="")
            written.append(file)
    return written


_Row = tuple[str, int, str]


def _day(
    org: Organisation,
    server: PracticeServer,
    accepts: _Accepting,
    day: datetime,
    now: datetime,
    devices: Sequence[Device],
) -> Iterator[_Row]:
    chance = random.Random(f"{server.exchange.name}{day:%Y%m%d}")  # noqa: S311 - not for secrets
    number = int(day.timestamp()) << 8
    visits = [
        (hour, peer.addresses[0], f"{peer.exchange.name.lower()}.{DOMAIN}", False, 0)
        for hour in range(0, 24, GREETINGS)
        for peer in org.servers
        if peer is not server
    ]
    visits += [
        (hour, device.address, f"{device.hello}.{DOMAIN}", device.outside, chance.randint(1, 4))
        for device in devices
        for hour in device.hours
        if device.weekend or day.weekday() < 5
    ]
    for hour, address, hello, outside, messages in visits:
        moment = day + timedelta(hours=hour, seconds=chance.randrange(3000))
        number += 1
        connector = accepts.connector(address)
        if moment < now and connector and connector.protocol_logging == "Verbose":
            ends = f"{accepts.local}:25,{address}:{chance.randrange(20000, 60000)}"
            head = f"{connector.identity},{number:016X}"
            yield from _session(moment, head, ends, hello, messages, outside=outside)


class _Accepting:
    """Which connector of a Front End accepts an address, each worked out once."""

    def __init__(self, connectors: Sequence[ReceiveConnector], local: str) -> None:
        self.local = local
        self._connectors = connectors
        self._known: dict[str, ReceiveConnector | None] = {}

    def connector(self, address: str) -> ReceiveConnector | None:
        """The connector; None: nobody accepts it, or not the Front End."""
        if address not in self._known:
            ends = ip_address(self.local), ip_address(address)
            found = answer(self._connectors, local=ends[0], port=25, remote=ends[1])
            is_front = found.process is TransportRole.FrontendTransport
            self._known[address] = found.connector if is_front else None
        return self._known[address]


def _session(
    moment: datetime, head: str, ends: str, hello: str, messages: int, *, outside: bool
) -> Iterator[_Row]:
    server = head.partition("\\")[0]
    said = [
        ("+", "", ""),
        (">", f'"220 {server}.{DOMAIN} Microsoft ESMTP MAIL Service, ready"', ""),
        ("<", f"EHLO {hello}", ""),
        (">", "250  Hello SIZE 37748736 PIPELINING DSN ENHANCEDSTATUSCODES STARTTLS", ""),
    ]
    for number in range(messages):
        target = "partner.example" if outside and number == 0 else DOMAIN
        said += [
            ("<", f"MAIL FROM:<device@{DOMAIN}>", ""),
            (">", "250 2.1.0 Sender OK", ""),
            ("<", f"RCPT TO:<somebody@{target}>", ""),
            (">", "250 2.1.5 Recipient OK", ""),
            ("<", "DATA", ""),
            (">", "354 Start mail input; end with <CRLF>.<CRLF>", ""),
            (">", f"250 2.6.0 <{number}@device> Queued mail for delivery", ""),
        ]
    said += [("<", "QUIT", ""), (">", "221 2.0.0 Service closing transmission channel", "")]
    said.append(("-", "", "Local"))
    for place, (event, data, context) in enumerate(said):
        time = f"{moment + timedelta(milliseconds=17 * place):%Y-%m-%dT%H:%M:%S.%f}"[:23] + "Z"
        yield time, place, f"{time},{head},{place},{ends},{event},{data},{context}"
