"""A small practice organisation that tests change by hand, and a session to it.

bench = Bench()                                     # two 2010, two 2016 servers, one Edge
bench.run("Get-Queue", server="EX10A").rows         # as an account that may do everything
bench.stuck("EX10A")                                # a queue in Retry
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import RLock
from typing import Any

from mailflow.exchange.connectors import (
    AuthMechanism,
    PermissionGroups,
    ReceiveConnector,
    TransportRole,
    parse_binding,
)
from mailflow.exchange.ranges import parse_range
from mailflow.simulated.clock import Clock
from mailflow.simulated.doors import Session
from mailflow.simulated.organisation import (
    BUILDS,
    Account,
    Message,
    Organisation,
    PracticeQueue,
    PracticeServer,
    role_of,
)
from mailflow.simulated.transport import Transport
from mailflow.sources.row import Value
from mailflow.sources.shell import Argument, Call, Reply

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
SITE = "Head-Office"
ADMIN = Account("CONTOSO\\admin", frozenset({"Organization Management"}))
VIEWER = Account("CONTOSO\\viewer", frozenset({"View-Only Organization Management"}))
ERROR = '451 4.4.0 Primary target IP address responded with: "451 5.7.3 ..."'


class Bench:
    """An organisation without a scenario; the transport is the real one."""

    def __init__(self) -> None:
        """Install the servers, and a relay on the 2016 ones."""
        self.organisation = Organisation()
        self.clock = Clock(NOW)
        self.lock = RLock()
        self.transport = Transport(self.organisation, self.clock)
        for name, product, address in (
            ("EX10A", "2010", "10.0.0.11"),
            ("EX10B", "2010", "10.0.0.12"),
            ("EX16A", "2016", "10.0.0.21"),
            ("EX16B", "2016", "10.0.0.22"),
        ):
            self.organisation.install(name, BUILDS[product], [address], site=SITE)
        self.organisation.install("EDGE1", BUILDS["2016"], ["192.0.2.5"], site=SITE, roles="Edge")
        for name in ("EX16A", "EX16B"):
            self.relay(name, "10.0.5.0/24")

    def retry(self, queue: PracticeQueue) -> None:
        """As a practice does."""
        self.transport.retry(queue)

    def resubmit(self, queue: PracticeQueue) -> None:
        """As a practice does."""
        self.transport.resubmit(queue)

    def server(self, name: str) -> PracticeServer:
        """The server of this name."""
        found = self.organisation.server(name)
        assert found is not None
        return found

    def relay(
        self,
        server: str,
        *ranges: str,
        name: str = "Relay",
        **other: Any,  # noqa: ANN401
    ) -> ReceiveConnector:
        """Install an anonymous relay connector (section 2.6)."""
        exchange = self.server(server).exchange
        modern = role_of(exchange) if not exchange.has_frontend else TransportRole.FrontendTransport
        values: dict[str, Any] = {
            "server": server,
            "name": name,
            "enabled": True,
            "role": modern,
            "bindings": (parse_binding("0.0.0.0:25"),),
            "ranges": tuple(map(parse_range, ranges)),
            "auth": AuthMechanism.Tls,
            "groups": PermissionGroups.AnonymousUsers,
            "suppress_x_anonymous_tls": False,
            "fqdn": exchange.fqdn,
            "require_tls": False,
            "protocol_logging": "None",
        }
        connector = ReceiveConnector(**values | other)
        self.organisation.directory.install(connector)
        return connector

    def change(self, identity: str, **values: Any) -> None:  # noqa: ANN401
        """Change a connector everywhere at once."""
        self.organisation.directory.install(replace(self.connector(identity), **values))

    def connector(self, identity: str, controller: str = "") -> ReceiveConnector:
        """A connector as it is now."""
        seen = self.organisation.directory.connectors(self.clock.now, controller)
        return next(one for one in seen if one.identity == identity)

    def queue(
        self,
        server: str,
        name: str = "1187",
        count: int = 3,
        **values: Any,  # noqa: ANN401
    ) -> PracticeQueue:
        """Add a queue of an intra-organisation next hop."""
        messages = [Message(n, server, "EX16A", NOW - timedelta(hours=2)) for n in range(count)]
        made = PracticeQueue(
            server, name, "SmtpRelayWithinAdSite", "hub version 15", ("EX16A",), messages
        )
        for field, value in values.items():
            setattr(made, field, value)
        self.organisation.queues.append(made)
        return made

    def stuck(
        self,
        server: str,
        name: str = "1187",
        count: int = 3,
        **values: Any,  # noqa: ANN401
    ) -> PracticeQueue:
        """Add a queue that waits."""
        waits = {
            "status": "Retry",
            "error": ERROR,
            "retries": 20,
            "failing_since": NOW - timedelta(hours=2),
            "first_retry": NOW - timedelta(hours=2),
            "last_retry": NOW - timedelta(minutes=1),
            "next_retry": NOW + timedelta(minutes=9),
        }
        return self.queue(server, name, count, **waits | values)

    def session(
        self, server: str = "EX16A", account: Account | None = ADMIN, *, flat: bool = False
    ) -> Session:
        """A session on a server."""
        return Session(self, server, account, flat=flat)

    def run(
        self,
        cmdlet: str,
        server: str = "EX16A",
        account: Account | None = ADMIN,
        **parameters: Argument,
    ) -> Reply:
        """Run one call."""
        names = {name.replace("_", ""): value for name, value in parameters.items()}
        return self.session(server, account).run(Call(cmdlet, names))


def shown(value: Value) -> str:
    """What a value prints as."""
    text = getattr(value, "text", value)
    return "" if text is None else str(text)


def column(reply: Reply, name: str = "Identity") -> list[str]:
    """One property of all rows, as printed."""
    return [shown(row.values[name]) for row in reply.rows]


def said(reply: Reply) -> list[str]:
    """The texts of all that went wrong."""
    return [*(one.message for one in reply.errors), *([reply.fault.message] if reply.fault else [])]
