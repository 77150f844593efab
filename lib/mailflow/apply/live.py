"""A live organization within reach of somebody who may change it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mailflow.exchange.servers import Server
from mailflow.snapshot import Snapshot
from mailflow.sources.collect import WAY, at_least_as_new, door, introduce
from mailflow.sources.shell import Call, Doors, Fault, Reply, ShellError

Tell = Callable[[str], None]
"""Is called with a line for people."""

SECONDS = 60.0
"""How long one call may take."""


@dataclass(frozen=True, slots=True)
class LiveOrganisation:
    """How an organization is read, changed, and waited for.

    Attributes:
        source: the SOURCE it was entered by; the journal names it.
        doors: lead to its servers, for writing too.
        entry: the server that was entered.
        collect: reads all of it anew; is told what to call with lines for people.
        now: what time it is, aware.
        wait: lets that many seconds pass.
        servers: those that are known, with their full names.
    """

    source: str
    doors: Doors = field(repr=False)
    entry: str
    collect: Callable[[Tell], Snapshot]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    wait: Callable[[float], None] = time.sleep
    servers: tuple[Server, ...] = ()

    def server(self, name: str) -> Server:
        """The server of this name; one of which no more is known, where it is not among them."""
        return next((server for server in self.servers if server.is_named(name)), Server(name))

    def ask(self, server: str, call: Call) -> Reply:
        """One call in a session of its own on a server; raises nothing for what fails there.

        Where the servers are known, no other host is ever signed in to.
        """
        if self.servers and not any(known_server.is_named(server) for known_server in self.servers):
            why = f"{server} is not a server of this organization: nothing was sent to it"
            return Reply(call, fault=Fault("refused", "", why))
        introduce(self.doors, self.servers, self.entry)
        try:
            shell = self.doors.open(door(self.doors, self.server(server), self.entry))
        except ShellError as error:
            return Reply(call, fault=error.fault)
        try:
            return shell.ask([call], seconds=SECONDS)[0]
        finally:
            shell.close()

    def ask_about(self, server: str, call: Call) -> Reply:
        """The same, and where the server itself can't be reached, through the one entered.

        Only if that is at least as new, as the collection does (S8.43).
        """
        reply = self.ask(server, call)
        if reply.fault is None or reply.fault.kind not in WAY:
            return reply
        other = self.server(self.entry)
        if other.is_named(server) or not at_least_as_new(other, self.server(server)):
            return reply
        through = self.ask(self.entry, call)
        return reply if through.fault else through


def failure(reply: Reply) -> Fault | None:
    """What kept a call from doing what it was asked: what Exchange refuses comes as an error."""
    return reply.fault or next(iter(reply.errors), None)
