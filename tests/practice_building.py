"""Small organisations for tests of the transport: a sender `S`, a target `T`, what breaks them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from mailflow.exchange.connectors import (
    AuthMechanism,
    PermissionGroups,
    ReceiveConnector,
    TransportRole,
    parse_binding,
)
from mailflow.exchange.last_error import LastError, parse
from mailflow.exchange.ranges import parse_range
from mailflow.simulated.clock import Clock
from mailflow.simulated.organisation import BUILDS, Organisation, PracticeQueue, PracticeServer
from mailflow.simulated.transport import Transport

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
FRONT, HUB = TransportRole.FrontendTransport, TransportRole.HubTransport
NO_AUTH = "451 5.7.3"


def organisation(sender: str = "2010", target: str = "2016") -> Organisation:
    """A sender `S` in one site, a target `T` in another, each of an Exchange of that year."""
    org = Organisation()
    org.install("S", BUILDS[sender], ["10.0.0.11"], site="Here")
    org.install("T", BUILDS[target], ["10.0.0.21"], site="There")
    return org


def server(org: Organisation, name: str = "T") -> PracticeServer:
    """The server of this name."""
    found = org.server(name)
    assert found
    return found


def change(org: Organisation, name: str, **values: Any) -> None:  # noqa: ANN401 - any field
    r"""Change the connector `T\NAME` everywhere at once."""
    found = org.directory.find(f"T\\{name}", NOON)
    assert found
    org.directory.install(replace(found, **values))


def relay(org: Organisation, *ranges: str, **values: Any) -> ReceiveConnector:  # noqa: ANN401
    """Make a relay connector on `T` that answers these addresses."""
    connector = ReceiveConnector(
        server="T",
        name="Relay",
        enabled=True,
        role=FRONT,
        bindings=(parse_binding("0.0.0.0:25"),),
        ranges=tuple(map(parse_range, ranges)),
        auth=AuthMechanism.Tls,
        groups=PermissionGroups.AnonymousUsers,
    )
    connector = replace(connector, **values)
    org.directory.install(connector)
    return connector


def begin(org: Organisation) -> Transport:
    """A transport at noon."""
    return Transport(org, Clock(NOON))


def sent(
    transport: Transport, messages: int = 1, to: str = "T", sender: str = "S"
) -> PracticeQueue:
    """The queue that messages went to."""
    before = set(transport.organisation.queues)
    for _ in range(messages):
        transport.send(sender, to)
    queues = [one for one in transport.organisation.queues if one not in before]
    (found,) = queues or [one for one in transport.organisation.queues if one.messages]
    return found


def said(org: Organisation, to: str = "T") -> LastError:
    """The error of a queue whose first attempt failed, taken apart."""
    queue = sent(begin(org), to=to)
    assert queue.status == "Retry"
    return parse(queue.error)


Breaks = Callable[[Organisation], object]


def set_on(name: str, **values: Any) -> Breaks:  # noqa: ANN401 - any field
    """Break a server."""

    def apply(org: Organisation) -> None:
        for key, value in values.items():
            assert hasattr(server(org, name), key)
            setattr(server(org, name), key, value)

    return apply


def repair(transport: Transport) -> None:
    """Take the relay's ranges away from the sender, as a person would, now."""
    now = transport.clock.now
    found = transport.organisation.directory.find("T\\Relay", now)
    assert found
    mended = replace(found, ranges=(parse_range("10.0.5.0/24"),))
    transport.organisation.directory.write(mended, now)
