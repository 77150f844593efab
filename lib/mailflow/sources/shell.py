"""The seam to a live organization: cmdlet calls in; rows, warnings and typed failures out.

Whoever can run a cmdlet on a server implements `Shell`, whoever can reach servers `Doors`. The
collection (`sources/collect.py`) knows no other way, so that WinRM and the simulated organization
stand behind the same door. Failures of the far side are data (`Fault`), not exceptions.

What may be asked stands in `exchange/cmdlets.py`; the script at the far side holds the same list
and refuses on its own.

Doors are made for reading unless whoever makes them says otherwise: what changes something, and
what speaks SMTP to another server (`PROBE`), is refused on this side, and the far side refuses it
too where it was not told that this is meant.

After a call that changes something:

- what Exchange refuses stands in `Reply.errors`, and `Reply.fault` is None: both have to be empty
  before it may be said that something was done
- a fault of kind `failed`, `timed-out`, `unreachable`, `protocol` or `quota` leaves open whether it
  was done, and after `timed-out` it may still be: read it back; after any other nothing was done
- no shell asks a second time by itself
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from mailflow.exchange.cmdlets import ALLOWED
from mailflow.sources.row import Row

Argument = str | int | bool | tuple[str, ...] | Mapping[str, tuple[str, ...]] | None
"""Value of a parameter; a mapping is a hashtable: `{"Add": (...), "Remove": (...)}` (S8.61), None
is `$null`."""

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

SETTINGS = frozenset(
    {
        *("AuthMechanism", "Bindings", "Enabled", "Fqdn", "PermissionGroups", "RemoteIPRanges"),
        *("SuppressXAnonymousTls", "TransportRole"),
    }
)
"""What a repair may set on a receive connector: what the repair of a cause needs, no more."""

WRITES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "Retry-Queue": frozenset({"Confirm", "Identity", "WhatIf"}),
        "Set-ReceiveConnector": frozenset(
            {"Confirm", "DomainController", "Identity", "WhatIf", *SETTINGS}
        ),
    }
)
"""The cmdlets that change something, which may leave this side through doors made for it alone.
The script holds this list too. Of `Retry-Queue` neither -Filter nor -Resubmit: one queue, named,
is retried, and nothing is routed anew (S8.72, S8.73)."""

_TYPES: Mapping[str, type] = MappingProxyType(
    dict.fromkeys(("Confirm", "Enabled", "SuppressXAnonymousTls", "WhatIf"), bool)
    | dict.fromkeys(("Bindings", "RemoteIPRanges"), tuple)
)
"""What each parameter of a change has to be; the others are text. A list is the whole new one
(S8.60)."""

FORMS: Mapping[str, str] = MappingProxyType(
    {
        "Bindings": r"([0-9.]{7,15}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}",
        "Fqdn": "[0-9A-Za-z]([0-9A-Za-z._-]{0,253}[0-9A-Za-z])?",
        "RemoteIPRanges": "[0-9A-Fa-f:.%]{2,60}"
        r"( ?- ?[0-9A-Fa-f:.%]{2,60}|/[0-9.]{1,15}| ?\([0-9.]{7,15}\))?",
        "TransportRole": "FrontendTransport|HubTransport",
    }
)
"""What a text, or each element of a list, has to look like as a whole; letters as they are. The
script holds the same expressions."""

WORDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "AuthMechanism": frozenset(
            {
                *("Tls", "Integrated", "BasicAuth", "BasicAuthRequireTLS", "ExchangeServer"),
                "ExternalAuthoritative",
            }
        ),
        "PermissionGroups": frozenset(
            {
                *("AnonymousUsers", "ExchangeUsers", "ExchangeServers", "ExchangeLegacyServers"),
                "Partners",
            }
        ),
    }
)
"""What these are made of, with `, ` between; `None` stands alone. Nobody can set Custom (S3.22).
The script holds the same words."""

PROBE = "Send-Ehlo"
"""The third kind of call: connects from the server that is asked to another one, reads its banner,
sends EHLO, reads the reply, sends QUIT. It is no cmdlet, and enters no Exchange. Doors let it out
only where they were made for it, and it never shares a request with other calls."""

PROBE_FORMS: Mapping[str, str] = MappingProxyType(
    {
        "Address": r"[0-9]{1,3}(\.[0-9]{1,3}){3}|(?=[^:]*:)[0-9A-Fa-f:.]{2,45}",
        "Hello": "[0-9A-Za-z]([0-9A-Za-z._-]{0,253}[0-9A-Za-z])?",
        "Port": "25|2525",
        "Seconds": "[1-9]|[1-5][0-9]|60",
    }
)
"""What it takes, all of it needed: where to connect, the name behind EHLO, and how long all of it
may take. The script holds the same expressions; ports are those between servers (section 4.1)."""

_NOTHING = frozenset({"Fqdn"})
"""What may be $null."""

_ONE_OBJECT = re.compile(r"[^\\*\s][^\\*]*\\[^*\s][^*]*")
r"""`SERVER\Name`: without a server it would be one of the session's (S8.77), and `SERVER\*` names
all of its queues."""


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
            the cmdlet; double-hop: the sign-in may not go on from the server to Exchange's endpoint
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
    """A server could not be reached or signed in to; never meets the user as an exception."""

    def __init__(self, fault: Fault) -> None:
        """Print as the message of the fault; its kind and id are asked of `fault`."""
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


@runtime_checkable
class Wary(Protocol):
    """Doors that lead only to hosts that may get the credentials (`sources/trust.py`)."""

    def entered(self, fqdn: str) -> None:
        """The full name that the server to enter at reports of itself."""
        ...


def check(call: Call, *, writing: bool = False, probing: bool = False) -> None:
    """Refuse what is not on the allow-list, and what would read or change more than was meant.

    An empty identity makes a Get cmdlet return every object there is (S8.59).

    Args:
        call: what would leave this side.
        writing: whether it may be one of `WRITES`.
        probing: whether it may be `PROBE`.

    Raises:
        ShellError: with a fault of kind `refused`.
    """
    is_meant = probing and is_probe(call)
    why = _no_probe(call) if is_meant else _refusal(call, writing=writing)
    if why:
        raise ShellError(Fault("refused", "", why))


def changes_something(call: Call) -> bool:
    """Whether a call is one of those that change something."""
    return call.cmdlet in WRITES


def is_probe(call: Call) -> bool:
    """Whether a call speaks SMTP to another server."""
    return call.cmdlet == PROBE


def beside_probe(call: Call) -> Fault:
    """What becomes of any other call in a request for probes."""
    return Fault("refused", "", f"{call.cmdlet}: not a probe, and nothing else runs beside one")


def _no_probe(call: Call) -> str:
    """Why a probe is not in its form; empty: it is."""
    for name in sorted({*call.parameters, *PROBE_FORMS}):
        if name not in PROBE_FORMS:
            return f"{call.cmdlet} -{name}: no parameter of a probe"
        value = call.parameters.get(name)
        is_value = isinstance(value, str | int) and not isinstance(value, bool)
        if not is_value or re.fullmatch(PROBE_FORMS[name], str(value)) is None:
            return f"{call.cmdlet} -{name}: not in the form that a probe needs"
    return ""


def _refusal(call: Call, *, writing: bool) -> str:
    """Why a call may not leave; empty: it may. The script says the same in the same words."""
    parameters = ALLOWED.get(call.cmdlet) or (WRITES.get(call.cmdlet) if writing else None)
    if parameters is None:
        return f"{call.cmdlet}: not on the list of allowed cmdlets"
    for name, value in call.parameters.items():
        if name not in parameters:
            return f"{call.cmdlet} -{name}: not on the list of allowed parameters"
        if _is_empty(name, value):
            return f"{call.cmdlet} -{name}: empty"
    return _malformed(call) if changes_something(call) else ""


def _malformed(call: Call) -> str:
    """Why a change is none of those that are meant; empty: it is one."""
    needed = {"Identity": call.parameters.get("Identity")}
    for name, value in sorted({**needed, **call.parameters}.items()):
        if not _is_in_form(name, value):
            return f"{call.cmdlet} -{name}: not in the form that a change needs"
    if _ONE_OBJECT.fullmatch(str(call.parameters["Identity"])) is None:
        return f"{call.cmdlet} -Identity: not one object of one server"
    if call.cmdlet == "Set-ReceiveConnector" and SETTINGS.isdisjoint(call.parameters):
        return f"{call.cmdlet}: nothing to set"
    return ""


def _is_in_form(name: str, value: Argument) -> bool:
    if value is None:
        return name in _NOTHING
    if not isinstance(value, _TYPES.get(name, str)):
        return False
    texts = value if isinstance(value, tuple) else (str(value),)
    if name in WORDS:
        return value == "None" or WORDS[name].issuperset(texts[0].split(", "))
    return name not in FORMS or all(re.fullmatch(FORMS[name], text) for text in texts)


def _is_empty(name: str, value: Argument) -> bool:
    """Whether a value, or any part of it, says nothing."""
    if value is None:
        return name not in _NOTHING
    if isinstance(value, bool | int):
        return False
    if isinstance(value, str):
        return not value.strip()
    parts = value.values() if isinstance(value, Mapping) else value
    return not value or any(_is_empty("", part) for part in parts)
