"""The seam to a live organisation: cmdlet calls in; rows, warnings and typed failures out.

Whoever can run a cmdlet on a server implements `Shell`, whoever can reach servers `Doors`. The
collection (`sources/collect.py`) knows no other way, so that WinRM and the practice organisation
stand behind the same door. Failures of the far side are data (`Fault`), not exceptions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from mailflow.sources.row import Row

Argument = str | int | bool | tuple[str, ...] | Mapping[str, tuple[str, ...]]
"""Value of a parameter; a mapping is a hashtable: `{"Add": (...), "Remove": (...)}` (S8.61)."""

KINDS = frozenset(
    {
        "no-such-cmdlet",
        "no-such-parameter",
        "refused",
        "denied",
        "failed",
        "timed-out",
        "unreachable",
        "log-on",
        "double-hop",
        "no-exchange",
        "tls",
        "protocol",
        "quota",
    }
)
"""What a failure can be; each has its own next action for the engineer."""

ALLOWED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "Get-ADPermission": frozenset({"Identity", "DomainController"}),
        "Get-ExchangeServer": frozenset({"Identity", "DomainController"}),
        "Get-Message": frozenset({"Filter", "Identity", "Queue", "ResultSize", "Server"}),
        "Get-NetworkConnectionInfo": frozenset({"Identity", "DomainController"}),
        "Get-Queue": frozenset({"Filter", "Identity", "ResultSize", "Server"}),
        "Get-ReceiveConnector": frozenset({"DomainController", "Identity", "Server"}),
        "Get-ServerComponentState": frozenset({"Component", "DomainController", "Identity"}),
        "Get-TransportServer": frozenset({"DomainController", "Identity"}),
        "Get-TransportService": frozenset({"DomainController", "Identity"}),
    }
)
"""The cmdlets that may leave this side, all read-only, with their parameters as Exchange spells
them. The script at the far side holds the same list and refuses on its own."""


@dataclass(frozen=True, slots=True)
class Call:
    """One cmdlet to run.

    Attributes:
        cmdlet: its name, `Get-Queue`.
        parameters: name as Exchange spells it, without the dash, to value.
    """

    cmdlet: str
    parameters: Mapping[str, Argument] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Fault:
    """A typed failure.

    Attributes:
        kind: one of `KINDS`. refused: not on the allow-list; denied: rights; failed: an error of
            the cmdlet; double-hop: the log-on may not go on from the server to Exchange's endpoint
            (S8.23); no-exchange: neither that endpoint nor a snap-in there; protocol: an answer
            that cannot be understood (cut frame, wrong hash, HTML).
        id: FullyQualifiedErrorId where there is one; of a fault on the way to the server its id
            in `setup_faults.CAUSES`; else "".
        message: as the far side printed it. Hostile text: escape it where it is shown.
    """

    kind: str
    id: str
    message: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one call.

    Attributes:
        call: the call.
        rows: objects, as the CLIXML reader gives them.
        warnings: as printed, hostile text.
        errors: error records that did not end the call: `rows` may be incomplete.
        fault: what ended the call; None where it came to its end.
    """

    call: Call
    rows: tuple[Row, ...] = ()
    warnings: tuple[str, ...] = ()
    errors: tuple[Fault, ...] = ()
    fault: Fault | None = None


class ShellError(Exception):
    """A server could not be reached or logged on to; never meets the user as an exception."""

    def __init__(self, fault: Fault) -> None:
        """Carry the fault."""
        super().__init__(fault.message)
        self.fault = fault


class Shell(Protocol):
    """A session with one server. Used by one thread at a time.

    Attributes:
        server: as it was asked for.
        way: how Exchange was reached there, for people; "" before the first answer, or not told.
        powershell: its version there, likewise.
    """

    server: str
    way: str = ""
    powershell: str = ""

    def ask(self, calls: Sequence[Call], *, seconds: float) -> list[Reply]:
        """Run calls in order and give one reply per call, in the same order.

        Comes back within about `seconds`, also when the far side hangs, and raises nothing for
        what fails there: that is `Reply.fault`. After a fault of the way (not of a cmdlet) the
        calls that follow have a fault too.
        """
        ...

    def close(self) -> None:
        """End the session at the far side; harmless a second time, raises nothing."""
        ...


class Doors(Protocol):
    """How servers are reached. Used by many threads at a time."""

    def open(self, server: str) -> Shell:
        """Begin a session with a server.

        Raises:
            ShellError: it could not be reached, or did not let us in.
        """
        ...


@runtime_checkable
class TwoWays(Protocol):
    """Doors that lead to Exchange's endpoint, and by the snap-in where there is none."""

    def use_snapin(self, server: str) -> None:
        """From now on enter this server by the snap-in: it is of 2007, or an Edge server."""
        ...


def check(call: Call) -> None:
    """Refuse what is not on the allow-list, and what would read more than was asked for.

    An empty identity makes a Get cmdlet return every object there is (S8.59).

    Raises:
        ShellError: with a fault of kind `refused`.
    """
    parameters = ALLOWED.get(call.cmdlet)
    if parameters is None:
        raise ShellError(Fault("refused", "", f"{call.cmdlet}: not on the list of allowed cmdlets"))
    for name, value in call.parameters.items():
        if name not in parameters:
            why = f"{call.cmdlet} -{name}: not on the list of allowed parameters"
            raise ShellError(Fault("refused", "", why))
        if _is_empty(value):
            raise ShellError(Fault("refused", "", f"{call.cmdlet} -{name}: empty"))


def _is_empty(value: Argument) -> bool:
    """Whether a value, or any part of it, says nothing."""
    if isinstance(value, bool | int):
        return False
    if isinstance(value, str):
        return not value.strip()
    parts = value.values() if isinstance(value, Mapping) else value
    return not value or any(map(_is_empty, parts))
