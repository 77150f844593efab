"""A server for tests of the client: a real endpoint, and a runner that says what the test wants."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from far.endpoints import FaultyEndpoint
from far.log_ons import SCHEMES
from mailflow.simulated.authentication import Accounts
from mailflow.simulated.endpoint import ListeningPlace
from mailflow.simulated.shell_host import Quotas
from mailflow.simulated.tls import Authority
from mailflow.simulated.writer import answer_document
from mailflow.simulated.wsman import Job
from mailflow.sources import wire
from mailflow.sources.remote import RemotePlace
from mailflow.sources.row import Row, Value
from mailflow.sources.shell import Call, Fault, Shell, ShellError
from mailflow.sources.winrm.options import WinrmOptions
from mailflow.sources.winrm.shell import WinrmDoors, WinrmShell

NAME = "ex16a.contoso.example"
USER, PASSWORD = "CONTOSO\\anna", "Can\u00e4ry-5ecret!pass"
SCRIPT = "# the script\n"

QUEUES = Call("Get-Queue", {"Server": "EX16A", "ResultSize": "Unlimited"})
CONNECTORS = Call("Get-ReceiveConnector", {"Server": "EX16A"})

Answer = Callable[[Call], Sequence[Row] | Fault]


def queue_row(call: Call) -> Sequence[Row]:
    """One object that tells what was asked, with letters from everywhere."""
    said = " ".join(f"{name}={value}" for name, value in call.parameters.items())
    return [Row(call.cmdlet, {"Identity": f"{call.cmdlet} {said} M\u00fcnchen \u041f"}, "")]


@dataclass
class Far:
    """Plays powershell.exe with Invoke-MailFlow.ps1.

    Attributes:
        answer: what a cmdlet returns: objects, a fault, or CLIXML as it is to be sent.
        seconds: how long each call takes; a cancelled job ends at once.
        hello: why Exchange is not reached.
        stderr: what is written there.
        exit_early: ends before it reads or writes anything but that.
        seen: each request that was read.
        lines: each command line.
        check_script: looks at the script that was sent.
    """

    answer: Callable[[Call], Sequence[Row] | Fault | bytes] = queue_row
    seconds: float = 0.0
    hello: Fault | None = None
    stderr: str = ""
    exit_early: bool = False
    seen: list[tuple[wire.CallSettings, list[Call]]] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    check_script: Callable[[str], None] = lambda script: _same(script, SCRIPT)

    def __call__(self, job: Job) -> int:
        """Run one command line."""
        self.lines.append(job.line)
        if self.stderr:
            job.write(self.stderr.encode(), "stderr")
        if self.exit_early:
            return 1
        script, settings, calls = wire.read_request(job.stdin.read())
        self.check_script(script)
        self.seen.append((settings, calls))
        head: dict[str, Value] = {"Way": "session http://x/", "PowerShell": "5.1", "Computer": "X"}
        job.write(b"noise\r\n")
        head = {**head, **wire.head_values(fault=self.hello)}
        job.write(wire.frame(0, answer_document(head, [])))
        for number, call in enumerate(calls if self.hello is None else [], 1):
            if job.cancelled.wait(self.seconds):
                return 1
            job.write(wire.frame(number, _document(self.answer(call))))
        job.write(wire.closing(len(calls)))
        return 0


def _same(one: str, other: str) -> None:
    assert one == other


def _document(found: Sequence[Row] | Fault | bytes) -> bytes:
    if isinstance(found, bytes):
        return found
    if isinstance(found, Fault):
        return answer_document(wire.head_values(fault=found), [])
    return answer_document(wire.head_values(), found)


@dataclass
class Side:
    """One endpoint under way, and how to reach it; a road has a class of its own below this one."""

    endpoint: FaultyEndpoint
    folder: Path
    tls: bool

    def options(self, **changes: object) -> dict[str, Any]:
        """How to reach it by name, over NTLM unless said otherwise."""
        return {
            "scheme": "https" if self.tls else "http",
            "user": USER,
            "password": PASSWORD,
            "ca": str(self.folder / "ca.pem") if self.tls else "",
            "entry": NAME,
            "resolve": {NAME: RemotePlace(self.endpoint.address, self.endpoint.port)},
            **changes,
        }

    def open(self, **changes: object) -> Shell:
        """A shell on it."""
        raise NotImplementedError

    @property
    def actions(self) -> list[str]:
        """What was asked of it, in order."""
        return [one.action for one in self.endpoint.log if one.action]


def opened(side: Side, **changes: object) -> Fault:
    """The fault with which opening a shell ends."""
    with pytest.raises(ShellError) as caught:
        side.open(**changes)
    return caught.value.fault


def place_of(authority: Authority | None, name: str = NAME) -> ListeningPlace:
    """Where an endpoint listens, with TLS where there is an authority."""
    return ListeningPlace(tls=authority.server(name, "127.0.1.1") if authority else None)


def authority_in(folder: Path) -> Authority:
    """An authority; its certificate is `ca.pem` in the folder, a client's is `anna.pem`."""
    authority = Authority()
    authority.write(folder / "ca.pem")
    authority.write_client("anna", folder / "anna.pem", folder / "anna.key")
    return authority


@dataclass
class Server(Side):
    """A server that is reached by WinRM."""

    far: Far
    accounts: Accounts

    def target(self, **changes: object) -> WinrmOptions:
        """How to reach it."""
        return WinrmOptions(**self.options(**changes))

    def open(self, **changes: object) -> WinrmShell:
        """A shell on it."""
        return WinrmDoors(self.target(**changes), SCRIPT).open(NAME)


@contextmanager
def serving(
    folder: Path,
    *,
    tls: bool = False,
    far: Far | None = None,
    offer: Sequence[str] = SCHEMES,
    quotas: Quotas | None = None,
    certificate_name: str = NAME,
    passwords: Mapping[str, str] | None = None,
) -> Iterator[Server]:
    """A server that listens; its authority's certificate is `ca.pem` in the folder."""
    far = far or Far()
    accounts = Accounts({USER: PASSWORD} if passwords is None else passwords)
    place = place_of(authority_in(folder) if tls else None, certificate_name)
    endpoint = FaultyEndpoint("EX16A", far, accounts, place=place, offer=offer, quotas=quotas)
    with endpoint:
        yield Server(endpoint, folder, tls, far, accounts)
    accounts.close()


def no_shell_is_left(server: Server, seconds: float = 2.0) -> bool:
    """Whether the endpoint has no shell open, now or soon."""
    end = time.monotonic() + seconds
    while server.endpoint.service.open_shells and time.monotonic() < end:
        time.sleep(0.02)
    return not server.endpoint.service.open_shells


def secrets() -> list[bytes]:
    """The password in each way in which it might be written down."""
    forms = [PASSWORD.encode(form) for form in ("utf-8", "latin-1", "utf-16-le")]
    return [*forms, *(base64.b64encode(one) for one in forms)]
