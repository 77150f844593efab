"""LastError in the words of the sender's version (section 6.1).

With several targets the first failing host is quoted, and 2013 names the last endpoint (S6.09).
"""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime

from mailflow.exchange.servers import Generation, Server
from mailflow.simulated.delivery import REFUSED, TIMED_OUT, DeliveryOutcome

_FAILOVER = (
    " Attempted failover to alternate host, but that did not succeed. Either there are no "
    "alternate hosts, or delivery failed to all alternate hosts."
)
_WINSOCK = "Failed to connect. Winsock error code: {0}, Win32 error code: {0}"
_SOCKETS = {
    TIMED_OUT: "SocketTimedout: Socket error code 10060",
    REFUSED: "SocketConnectionRefused: Socket error code 10061",
}


def last_error(
    sender: Server, first: DeliveryOutcome, last: DeliveryOutcome, moment: datetime
) -> str:
    """What a queue of the sender shows after an attempt that failed at every target.

    Args:
        sender: decides the form.
        first: what became of the first target; it is quoted.
        last: the same of the last one.
        moment: of the attempt. Servers of a practice keep UTC and print as in the United States.
    """
    if not first.address:
        return first.reply  # no connection came about: not wrapped (S6.04)
    time = us_time(moment)
    if sender.generation is Generation.LEGACY:
        return _plain_legacy(first)
    if sender.generation is Generation.E2013:
        led = f"{_plain_2013(first)} The last endpoint attempted was {_endpoint(last)}"
        return f"[{{LRT={time}}};{{LED={led}}};{{FQDN={first.host}}};{{IP={first.address}}}]"
    led = _chain(first)
    return f"[{{LED={led}}};{{MSG=}};{{FQDN={first.host}}};{{IP={first.address}}};{{LRT={time}}}]"


def us_time(moment: datetime) -> str:
    """A time in the culture en-US: `11/23/2026 1:59:17 PM` (S6.03)."""
    time = moment.astimezone(UTC)
    half = "PM" if time.hour >= 12 else "AM"
    clock = f"{time.hour % 12 or 12}:{time:%M:%S}"
    return f"{time.month}/{time.day}/{time.year} {clock} {half}"


def _plain_legacy(outcome: DeliveryOutcome) -> str:
    """As 2007 and 2010 say it (S6.01); a socket error has no number (section 6.2, 421 4.2.1)."""
    inner = "421 4.2.1 Unable to connect" if outcome.winsock else outcome.reply
    return f'451 4.4.0 Primary target IP address responded with: "{inner}."{_FAILOVER}'


def _plain_2013(outcome: DeliveryOutcome) -> str:
    """As 2013 says it, without the endpoint at its end (S6.02)."""
    if not outcome.winsock:
        return f'451 4.4.0 Primary target IP address responded with: "{outcome.reply}."{_FAILOVER}'
    return (
        "441 4.4.1 Error encountered while communicating with primary target IP address: "
        f'"{_WINSOCK.format(outcome.winsock)}."{_FAILOVER}'
    )


def _chain(outcome: DeliveryOutcome) -> str:
    """As 2016 and later say it: a chain joined by arrows (S6.06)."""
    if not outcome.winsock:
        return f"451 4.4.395 Target host responded with error. -> {outcome.reply}"
    words = _SOCKETS.get(outcome.winsock, f"SocketError: {_WINSOCK.format(outcome.winsock)}")
    return (
        "451 4.4.397 Error communicating with target host. -> 421 4.2.1 Unable to connect -> "
        f"{words}"
    )


def _endpoint(outcome: DeliveryOutcome) -> str:
    if not outcome.address:
        return outcome.host
    address = ipaddress.ip_address(outcome.address)
    return f"[{address}]:{outcome.port}" if address.version == 6 else f"{address}:{outcome.port}"
