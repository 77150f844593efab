"""A server for tests of the client of Exchange's endpoint, whose cmdlets give what a test wants."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from far.endpoints import FaultyEndpoint
from far.log_ons import SCHEMES
from far.side import (
    NAME,
    PASSWORD,
    USER,
    Answer,
    Far,
    Side,
    authority_in,
    place_of,
    queue_row,
)
from mailflow.simulated.authentication import Accounts
from mailflow.simulated.runner import NO_HOP
from mailflow.simulated.shell_endpoint import ShellService
from mailflow.simulated.shell_host import LogOn, Quotas
from mailflow.sources.psrp.options import ExchangeOptions
from mailflow.sources.psrp.shell import ExchangeDoors, ExchangeShell
from mailflow.sources.shell import Call, Fault, Reply


@dataclass
class FarExchange:
    """Plays Exchange behind the endpoint: the entrance, and the session of everybody.

    Attributes:
        answer: what a cmdlet returns, or the fault that ends it.
        has_role: whether anybody is let in.
        seen: each call that came.
        seconds: how long each takes.
    """

    answer: Answer = queue_row
    has_role: bool = True
    seen: list[Call] = field(default_factory=list)
    seconds: float = 0.0

    def at_endpoint(self, name: str, logon: LogOn) -> FarExchange | Fault:  # noqa: ARG002
        """A session."""
        return self if self.has_role else NO_HOP

    def delay(self, name: str) -> float:  # noqa: ARG002 - one server
        """Seconds before each call."""
        return self.seconds

    def has(self, cmdlet: str) -> bool:  # noqa: ARG002 - all there are
        """Everything."""
        return True

    def run(self, call: Call) -> Reply:
        """One call."""
        self.seen.append(call)
        found = self.answer(call)
        return Reply(call, fault=found) if isinstance(found, Fault) else Reply(call, tuple(found))


@dataclass
class ExchangeSide(Side):
    """A server that is reached by Exchange's own endpoint."""

    shells: ShellService
    far: FarExchange

    def target(self, **changes: object) -> ExchangeOptions:
        """How to reach it."""
        return ExchangeOptions(**self.options(**changes))

    def open(self, *, writing: bool = False, **changes: object) -> ExchangeShell:
        """A session on it."""
        return ExchangeDoors(self.target(**changes), writing=writing).open(NAME)

    def is_left(self, seconds: float = 2.0) -> bool:
        """Whether a session stays open."""
        end = time.monotonic() + seconds
        while self.shells.open_shells and time.monotonic() < end:
            time.sleep(0.02)
        return bool(self.shells.open_shells)


@contextmanager
def exchange_serving(
    folder: Path,
    *,
    tls: bool = False,
    far: FarExchange | None = None,
    offer: tuple[str, ...] = SCHEMES,
    quotas: Quotas | None = None,
) -> Iterator[ExchangeSide]:
    """A server that listens; its authority's certificate is `ca.pem` in the folder."""
    far = far or FarExchange()
    accounts = Accounts({USER: PASSWORD})
    place = place_of(authority_in(folder) if tls else None)
    endpoint = FaultyEndpoint("EX16A", Far(), accounts, place=place, offer=offer)
    shells = ShellService("EX16A", far, quotas=quotas)  # type: ignore[arg-type] # plays one
    endpoint.shells = shells
    with endpoint:
        yield ExchangeSide(endpoint, folder, tls, shells, far)
    accounts.close()
