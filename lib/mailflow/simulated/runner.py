"""What executes a command line on a server of the simulated organization.

    PythonRunner       knows the one command line that mailflow sends, and does in Python what the
                       script on standard input would do: quick, and nothing has to be installed
    PowerShellRunner   (`tests/far/powershell_runner.py`) gives it to a real PowerShell

Both enter Exchange through the same `Entrance`, and both give the same answers.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Protocol

from mailflow.exchange.servers import Server
from mailflow.simulated.authentication import Accounts, bare
from mailflow.simulated.shell_host import LogOn
from mailflow.simulated.smtp import PracticeSmtp, Prober
from mailflow.simulated.writer import answer_document
from mailflow.simulated.wsman import Job
from mailflow.sources import shell, wire
from mailflow.sources.row import Value
from mailflow.sources.shell import Call, Fault, Reply, ShellError
from mailflow.sources.wire import CallSettings

SNAP_IN = "snapin"
"""The way past Exchange's own endpoint; the other is `session` (S8.01, S8.22)."""

_SNAP_IN_NAME = "Microsoft.Exchange.Management.PowerShell."
NO_HOP = Fault("log-on", "AccessDenied,PSSessionOpenFailed", "Access is denied.")
"""The sign-in may not go on to the endpoint (S8.23), or has no role in Exchange (S8.02)."""
WRONG_PASSWORD = Fault(
    "log-on", "LogonFailure,PSSessionOpenFailed", "The user name or password is incorrect."
)
NO_ENDPOINT = Fault(
    "no-exchange",
    "CannotConnect,PSSessionOpenFailed",
    "The client cannot connect to the destination specified in the request. Verify that the "
    "service on the destination is running and is accepting requests.",
)
NO_SNAP_IN = Fault(
    "no-exchange",
    "AddPSSnapInRead,Microsoft.PowerShell.Commands.AddPSSnapinCommand",
    "No snap-ins have been registered for Windows PowerShell version {}.",
)


class CmdletSession(Protocol):
    """A session of one account with Exchange on one server (`doors.Session`)."""

    def has(self, cmdlet: str) -> bool:
        """Whether the account has this cmdlet there."""

    def run(self, call: Call) -> Reply:
        """Run one cmdlet. What fails is in the reply."""


Opener = Callable[[str, str | None], CmdletSession | None]
"""Begins a session on a server (its short name) for an account, by its bare name; None as account:
by the snap-in, past RBAC (S8.22). It returns None for an account without any role (S8.02)."""


class Entrance:
    """The way from a command line on a server into Exchange, and who may go it.

    Attributes:
        smtp: the transport services that a probe from a server meets.
        delays: name of a server, in lower case, to the seconds each call takes there.
        closed: names of servers, in lower case, where neither endpoint nor snap-in answers.
        passed_on: name of a server, in lower case, to the one that its front end lets answer.
    """

    def __init__(
        self, servers: Sequence[Server], accounts: Accounts, opener: Opener, smtp: PracticeSmtp
    ) -> None:
        """The way into these servers for these accounts."""
        self.accounts = accounts
        self.smtp = smtp
        self.delays: dict[str, float] = {}
        self.closed: set[str] = set()
        self.passed_on: dict[str, str] = {}
        self._servers = servers
        self._opener = opener

    def enter(self, name: str, logon: LogOn, settings: CallSettings) -> CmdletSession | Fault:
        """Begin a session on a server, or say why there is none."""
        server = self.server(name)
        if settings.way == SNAP_IN:
            if name.casefold() in self.closed:
                return no_snap_in(server)
            return self._opener(server.name, None) or NO_HOP
        if name.casefold() in self.closed or not has_endpoint(server):
            return NO_ENDPOINT
        if settings.user:
            if not self.accounts.holds(settings.user, settings.password.encode()):
                return WRONG_PASSWORD
            return self._opener(server.name, bare(settings.user)) or NO_HOP
        if not logon.delegated:
            return NO_HOP
        return self._opener(server.name, logon.user) or NO_HOP

    def at_endpoint(self, name: str, logon: LogOn) -> CmdletSession | Fault:
        """Begin a session as a client does that comes to Exchange's own endpoint: no second hop.

        The front end may pass it on to another server (S8.81).
        """
        server = self.server(self.passed_on.get(name.casefold(), name))
        if name.casefold() in self.closed or not has_endpoint(server):
            return NO_ENDPOINT
        return self._opener(server.name, logon.user) or NO_HOP

    def prober(self, name: str) -> Prober:
        """What answers probes on a server; whoever may start PowerShell there may probe."""
        return Prober(self.server(name).name, self.smtp)

    def server(self, name: str) -> Server:
        """A server by one of its names; one that is not known is taken for a new one."""
        return next((server for server in self._servers if server.is_named(name)), Server(name))

    def delay(self, name: str) -> float:
        """Seconds that each call takes on a server."""
        return self.delays.get(name.casefold(), 0.0)

    def run(self, session: CmdletSession, call: Call, job: Job) -> Reply:
        """Run a call, after the delay of its server."""
        job.cancelled.wait(self.delay(job.server))
        return session.run(call)


class PythonRunner:
    """Executes mailflow's command line, and says of all others that it does not know them."""

    def __init__(self, entrance: Entrance) -> None:
        """Enter Exchange through this entrance."""
        self.entrance = entrance

    def __call__(self, job: Job) -> int:
        """Run one command line to its end."""
        program, _, rest = job.line.partition(" ")
        if program.casefold() == "hostname":
            job.write_text(f"{job.server}\r\n")
            return 0
        if program.casefold() not in ("powershell", "powershell.exe"):
            return not_recognized(job)
        if encoded_command(rest.split())[1] != wire.BOOTSTRAP:
            job.write_text(
                "This PowerShell runs what mailflow sends, and nothing else.\r\n", "stderr"
            )
            return 1
        return self._run(job)

    def _run(self, job: Job) -> int:
        """What the script does."""
        data = job.stdin.read()
        if job.cancelled.is_set():
            return 1
        try:
            _, settings, calls = wire.read_request(data)
        # What a damaged request can hold instead of numbers, base64, ASCII and pairs of fields.
        except (ValueError, IndexError, binascii.Error):
            job.write_text("mailflow: the script was damaged on its way\r\n", "stderr")
            return 9
        session: CmdletSession | Fault = (
            self.entrance.prober(job.server)
            if settings.probing
            else self.entrance.enter(job.server, job.logon, settings)
        )
        fault = session if isinstance(session, Fault) else None
        job.write(wire.frame(0, answer_document(self._hello(job, settings, fault), ())))
        if isinstance(session, Fault):
            calls = []
        else:
            for number, call in enumerate(calls, start=1):
                reply = self._answer(session, call, job, settings)
                if job.cancelled.is_set():
                    return 1
                head = wire.head_values(reply.warnings, reply.errors, reply.fault)
                job.write(wire.frame(number, answer_document(head, reply.rows)))
        job.write(wire.closing(len(calls)))
        return 0

    def _answer(
        self, session: CmdletSession, call: Call, job: Job, settings: CallSettings
    ) -> Reply:
        """One call, held to the allow-list and to its time."""
        try:
            shell.check(call, writing=settings.writing, probing=settings.probing)
        except ShellError as error:
            return Reply(call, fault=error.fault)
        if settings.probing and not shell.is_probe(call):
            return Reply(call, fault=shell.beside_probe(call))
        if self.entrance.delay(job.server) > settings.seconds:
            job.cancelled.wait(settings.seconds)
            why = f"{call.cmdlet} did not come back within {settings.seconds} seconds"
            return Reply(call, fault=Fault("timed-out", "", why))
        return self.entrance.run(session, call, job)

    def _hello(self, job: Job, settings: CallSettings, fault: Fault | None) -> Mapping[str, Value]:
        server = self.entrance.server(job.server)
        way = f"session http://{server.fqdn or server.name}/PowerShell/"
        if settings.way == SNAP_IN:
            way = f"snap-in {snap_in(server)}"
        return {
            "Way": "no Exchange: EHLO alone" if settings.probing else way,
            "PowerShell": powershell(server),
            "Computer": server.name,
            **wire.head_values(fault=fault),
        }


def not_recognized(job: Job) -> int:
    """Answer as cmd.exe does for a program that is not there."""
    job.write_text(
        f"'{job.line.partition(' ')[0]}' is not recognized as an internal or external command,\r\n"
        "operable program or batch file.\r\n",
        "stderr",
    )
    return 1


def encoded_command(arguments: Sequence[str]) -> tuple[int, str]:
    """Place and text of what follows -EncodedCommand or a short form of it; -1 if nothing does."""
    for at, (name, value) in enumerate(pairwise(arguments), start=1):
        # PowerShell takes every beginning of the name, and -ec.
        option = name.casefold().lstrip("-/")
        if option and ("encodedcommand".startswith(option) or option == "ec"):
            try:
                return at, base64.b64decode(value, validate=True).decode("utf-16-le")
            except ValueError:
                break
    return -1, ""


def has_endpoint(server: Server) -> bool:
    """Whether Exchange's own endpoint stands on it: not on 2007 and not on Edge (S8.25)."""
    return (server.version or (15,)) >= (14,) and not server.is_edge


def snap_in(server: Server) -> str:
    """Name of its snap-in (S8.21)."""
    version = server.version or (15,)
    return _SNAP_IN_NAME + (
        "Admin" if version < (14,) else "E2010" if version < (15,) else "SnapIn"
    )


def no_snap_in(server: Server) -> Fault:
    """What Add-PSSnapin says where there is none of this name."""
    return replace(NO_SNAP_IN, message=NO_SNAP_IN.message.format(powershell(server)))


def powershell(server: Server) -> str:
    """The version of Windows PowerShell that such a server has."""
    version = server.version or (15, 1)
    return "2.0" if version < (15,) else "4.0" if version < (15, 1) else "5.1.17763.1"
