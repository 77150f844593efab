"""Endpoints of a practice organization that tests give faults, other sign-ins and PowerShell."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from far.faults import Faults
from far.log_ons import SCHEMES, AnyLogOn
from far.powershell_runner import PowerShellRunner
from far.powershell_runspace import PowerShellShells
from mailflow.simulated.authentication import Accounts
from mailflow.simulated.endpoint import ListeningPlace, PracticeEndpoint
from mailflow.simulated.endpoints import Endpoints
from mailflow.simulated.practice import Practice
from mailflow.simulated.shell_endpoint import ShellService
from mailflow.simulated.shell_host import Quotas
from mailflow.simulated.wsman import Runner


class FaultyEndpoint(PracticeEndpoint):
    """One server that offers every sign-in, and has the faults that it is given."""

    def __init__(
        self,
        server: str,
        runner: Runner,
        accounts: Accounts,
        *,
        place: ListeningPlace | None = None,
        offer: Sequence[str] = SCHEMES,
        quotas: Quotas | None = None,
    ) -> None:
        """Bind the address, as an endpoint does."""
        super().__init__(server, runner, accounts, place=place, offer=offer, quotas=quotas)
        self.interference = self.faults = Faults()

    def log_on(self, connection: socket.socket) -> AnyLogOn:
        """The sign-in of a connection that begins."""
        is_tls = isinstance(connection, ssl.SSLSocket)
        return AnyLogOn(
            self.accounts,
            offer=self.offer,
            certificate_user=_common_name(connection) if is_tls else "",
            server_certificate=self.fingerprint,
        )


class FaultyEndpoints(Endpoints):
    """The endpoints of one practice, each with its faults."""

    def __init__(
        self,
        practice: Practice,
        *,
        powershell: Path | None = None,
        **options: Any,  # noqa: ANN401 - as they are
    ) -> None:
        """Bind all addresses.

        Args:
            practice: whose servers these are.
            powershell: a PowerShell that runs command lines and Exchange's sessions; None: done in
                Python.
            options: those of `Endpoints`.
        """
        self._powershell = powershell
        super().__init__(practice, **options)

    def __getitem__(self, name: str) -> FaultyEndpoint:
        """The endpoint of a server."""
        found = super().__getitem__(name)
        assert isinstance(found, FaultyEndpoint)
        return found

    def new_runner(self) -> Runner:
        """What executes command lines."""
        program = self._powershell
        return PowerShellRunner(program, self.entrance) if program else super().new_runner()

    def new_endpoint(self, name: str, place: ListeningPlace, *, silent: bool) -> FaultyEndpoint:
        """The endpoint of a server."""
        made = FaultyEndpoint(name, self.runner, self.accounts, place=place)
        if silent:
            made.faults.add("deaf")
        return made

    def new_shells(self, name: str) -> ShellService:
        """Exchange's own endpoint of a server."""
        if isinstance(self.runner, PowerShellRunner):
            return PowerShellShells(name, self.entrance, self.runner)
        return super().new_shells(name)

    def stop(self) -> None:
        """Stop answering, and leave no thread, process or file."""
        super().stop()
        if isinstance(self.runner, PowerShellRunner):
            self.runner.close()


def serve(
    practice: Practice, *, https: bool = False, powershell: Path | None = None
) -> FaultyEndpoints:
    """The endpoints of a practice, as a context manager."""
    return FaultyEndpoints(practice, https=https, powershell=powershell)


def _common_name(connection: socket.socket) -> str:
    """The name in the client's certificate, which TLS has checked; empty without one."""
    assert isinstance(connection, ssl.SSLSocket)
    certificate = connection.getpeercert() or {}
    for relative in certificate.get("subject", ()):
        for pair in relative:
            if pair[0] == "commonName":
                return str(pair[1])
    return ""
