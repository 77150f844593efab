"""The way in to a practice organization: an Exchange session on a server, and doors to all of them.

`Session` is what a server's Exchange endpoint gives to an account; the endpoint on the network runs
calls in it, and so does `PracticeDoors`, which stands in this process where `WinrmDoors` stands
towards a live organization.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace

from mailflow.simulated import cmdlets
from mailflow.simulated.invocation import RunningPractice
from mailflow.simulated.organisation import Account, PracticeServer
from mailflow.simulated.shapes import E2010, Shape
from mailflow.simulated.smtp import PracticeSmtp, Prober
from mailflow.sources.row import Row, Value
from mailflow.sources.shell import (
    Call,
    Doors,
    Fault,
    Reply,
    Shell,
    ShellError,
    check,
    is_probe,
)


class Session:
    """A shell of Exchange on one server, as one account has it.

    Its version is the server's. On Edge and on 2007 it is a local shell: no roles there decide what
    exists, and objects carry no mark of a remote session (S8.21, S8.25).
    """

    def __init__(
        self,
        practice: RunningPractice,
        server: str,
        account: Account | None = None,
        *,
        flat: bool = False,
    ) -> None:
        """Begin on a server of the organization.

        Args:
            practice: the scenario under way.
            server: short or full name.
            account: whose roles decide which cmdlets there are; None: all of them, as in a shell
                that loaded the snap-in itself (S8.22).
            flat: whether values of lists come as texts and not as objects (S8.14).

        Raises:
            ShellError: there is no such server.
        """
        found = practice.organisation.server(server)
        if found is None:
            raise ShellError(Fault("unreachable", "", f"{server}: no server has this name"))
        self.server: PracticeServer = found
        self._practice = practice
        version = found.exchange.version or ()
        self._shape = Shape(version, flat=flat)
        local = bool(found.exchange.is_edge) or not self._shape.knows(E2010)
        self._account = None if local else account
        user = account.name if account else ""
        self._runspace = (
            "" if local else str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{found.exchange.fqdn} {user}"))
        )

    def has(self, cmdlet: str) -> bool:
        """Whether version and roles give it a cmdlet, spelled as in CMDLETS (section 8.8)."""
        known = cmdlet in cmdlets.CMDLETS
        return known and cmdlets.is_there(cmdlet, self._account, self._shape)

    def run(self, call: Call) -> Reply:
        """Run one call. What fails there is in the reply: nothing is raised.

        The rows are what a CLIXML reader gives of the answer. What Exchange refuses is in `errors`,
        as in a real session, where such a record does not end the call; `fault` is what PowerShell
        itself refuses.
        """
        with self._practice.lock:
            reply = cmdlets.run(self._practice, self.server, self._account, call, self._shape)
        return replace(reply, rows=tuple(map(self._noted, reply.rows)))

    def _noted(self, row: Row) -> Row:
        """The row with what a remote session notes on it (section 1.6)."""
        if not self._runspace:
            return row
        computer = self.server.exchange.fqdn.lower()
        notes: dict[str, Value] = {
            "PSComputerName": computer,
            "RunspaceId": self._runspace,
            "PSShowComputerName": False,
        }
        return replace(row, values={**row.values, **notes}, computer=computer)


class PracticeDoors(Doors):
    """Doors to every server of a simulated organization that answers, without a network."""

    def __init__(
        self,
        practice: RunningPractice,
        account: Account | None = None,
        *,
        writing: bool = False,
        anything: bool = False,
        flat: bool = False,
        smtp: PracticeSmtp | None = None,
    ) -> None:
        """Come as an account, as for `Session`.

        Args:
            practice: the scenario under way.
            account: who asks.
            writing: whether the calls of `shell.WRITES` may be asked too, as for `WinrmDoors`.
            anything: whether cmdlets that are on no list of this program may be asked too; for
                tests and for training.
            flat: as for `Session`.
            smtp: the transport services, where probes (`shell.PROBE`) may be asked too.
        """
        self._practice = practice
        self._smtp = smtp
        self._account = account
        self._writing = writing
        self._anything = anything
        self._flat = flat

    def open(self, server: str) -> Shell:
        """Begin a session with a server.

        Raises:
            ShellError: there is no such server, or it does not respond.
        """
        session = Session(self._practice, server, self._account, flat=self._flat)
        network = session.server.network
        if network != "open" or not session.server.shell:
            why = "it does not respond" if network == "silent" else "the connection was refused"
            raise ShellError(Fault("unreachable", "", f"{server}: {why}"))
        prober = Prober(session.server.name, self._smtp) if self._smtp else None
        return _PracticeShell(session, prober, writing=self._writing, anything=self._anything)


class _PracticeShell(Shell):
    """One session of `PracticeDoors`."""

    def __init__(
        self, session: Session, prober: Prober | None, *, writing: bool, anything: bool
    ) -> None:
        self.server = session.server.name
        self._prober = prober
        self._session = session
        self._writing = writing
        self._anything = anything

    def ask(self, calls: Sequence[Call], *, seconds: float) -> list[Reply]:  # noqa: ARG002 - at once
        """Run calls in order; one that is not on the allow-list is refused here."""
        return [self._ask(call) for call in calls]

    def close(self) -> None:
        """There is nothing to end."""

    def _ask(self, call: Call) -> Reply:
        try:
            if not self._anything:
                check(call, writing=self._writing, probing=self._prober is not None)
        except ShellError as error:
            return Reply(call, fault=error.fault)
        if self._prober is not None and is_probe(call):
            return self._prober.run(call)
        return self._session.run(call)
