"""One call of a cmdlet under way: its parameters, what it may reach, what it has to say.

What PowerShell itself refuses (an unknown parameter, a value of the wrong type) ends the call and
is a fault of the reply. What a cmdlet of Exchange refuses is an error record: the call comes to its
end, without or with fewer objects (S8.56), and only who reads the records knows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import RLock
from typing import Protocol

from mailflow.simulated.clock import Clock
from mailflow.simulated.organisation import Organisation, PracticeQueue, PracticeServer
from mailflow.simulated.shapes import Shape, Values
from mailflow.sources.shell import Argument, Call, Fault

NO_RPC = (
    'Exchange can\'t connect to the RPC server on computer "{0}". Verify that you used a valid '
    "computer name."
)
NO_SERVICE = (
    'Exchange can\'t connect to the Microsoft Exchange Transport service on computer "{0}". '
    "Verify that the service is started."
)
NO_TRANSPORT = 'The computer "{0}" isn\'t a valid Mailbox server.'
NO_SERVER = 'Exchange server "{0}" was not found. Please make sure you typed the name correctly.'
"""What the queue cmdlets say of a server they can't ask (S8.55)."""

TOO_OLD = "The version of the queue viewer server isn't supported."
"""What they say of one older than 2007 SP2; how the sentence goes on is not known (S8.41)."""

NO_CONTROLLER = (
    "An Active Directory error 0x51 occurred when trying to check the suitability of server "
    "'{0}'. Error: 'Active directory response: The LDAP server is unavailable.'"
)
"""Of a domain controller that is not there. Not sourced by the facts."""


class RunningPractice(Protocol):
    """What the cmdlets need of a scenario under way."""

    @property
    def organisation(self) -> Organisation:
        """The servers and all that is theirs."""
        ...

    @property
    def clock(self) -> Clock:
        """The time in it."""
        ...

    @property
    def lock(self) -> RLock:
        """Held by whoever reads or changes it."""
        ...

    def retry(self, queue: PracticeQueue) -> None:
        """Try to deliver a queue now, if it is in Retry (S8.71)."""
        ...

    def resubmit(self, queue: PracticeQueue) -> None:
        """Send its messages through the categorizer again (S8.72)."""
        ...


class BindingError(Exception):
    """PowerShell can't call the cmdlet with these parameters; ends the call."""

    def __init__(self, fault: Fault) -> None:
        """Carry the fault; its message is the text of the error."""
        super().__init__(fault.message)
        self.fault = fault


class CmdletRefusal(Exception):  # noqa: N818 - what Exchange says no to is no fault of the program
    """A cmdlet of Exchange refuses what was asked for; becomes an error record."""

    def __init__(self, message: str, kind: str = "LocalizedException") -> None:
        """Carry the text, and the name that the record's id begins with."""
        super().__init__(message)
        self.kind = kind


@dataclass
class Invocation:
    """A call on its way.

    Attributes:
        practice: where.
        host: the server that hosts the session: the scope where none is named (S8.50).
        call: as it came.
        parameters: by name as the cmdlet spells it.
        shape: how objects are shown.
        objects: what was returned so far.
        errors: error records so far.
    """

    practice: RunningPractice
    host: PracticeServer
    call: Call
    parameters: Mapping[str, Argument]
    shape: Shape
    objects: list[Values] = field(default_factory=list)
    errors: list[Fault] = field(default_factory=list)

    @property
    def organisation(self) -> Organisation:
        """The servers, the directory and the queues of the practice."""
        return self.practice.organisation

    def emit(self, values: Iterable[Values]) -> None:
        """Return these objects, behind those that were returned before."""
        self.objects.extend(values)

    def report(self, refusal: CmdletRefusal) -> None:
        """Write an error record; the call goes on."""
        identifier = f"{refusal.kind},{self.call.cmdlet}"
        self.errors.append(Fault("failed", identifier, str(refusal)))

    # -- Parameters --------------------------------------------------------------------------------

    def has(self, name: str) -> bool:
        """Whether a parameter was given, and not empty: an empty one counts as none (S8.59)."""
        return self.parameters.get(name) not in (None, "")

    def text(self, name: str) -> str:
        """A parameter of one value; "" where it was not given.

        Raises:
            BindingError: it is a list or a hashtable.
        """
        value = self.parameters.get(name, "")
        if isinstance(value, str | int):
            return str(value).strip()
        raise self.unfit(name, value, "System.String")

    def texts(self, name: str) -> tuple[str, ...]:
        """A parameter of one value or several.

        Raises:
            BindingError: it is a hashtable.
        """
        value = self.parameters.get(name, ())
        return value if isinstance(value, tuple) else (self.text(name),)

    def truth(self, name: str) -> bool:
        """A parameter that is True or False; False where it was not given.

        Raises:
            BindingError: it is neither.
        """
        value = self.parameters.get(name, False)
        if isinstance(value, bool):
            return value
        raise self.unfit(name, value, "System.Boolean")

    def unfit(self, name: str, value: Argument, kind: str) -> BindingError:
        """A value of another type than the parameter has, in PowerShell's words."""
        given = "System.Object[]" if isinstance(value, tuple) else "System.String"
        if isinstance(value, Mapping):
            given = "System.Collections.Hashtable"
        message = (
            f"Cannot convert '{given}' to the type '{kind}' required by parameter '{name}'. "
            "Specified method is not supported."
        )
        return BindingError(Fault("failed", f"CannotConvertArgument,{self.call.cmdlet}", message))

    def transformation(self, name: str, message: str) -> BindingError:
        """A value that says nothing to the parameter's type, in the words of that type."""
        identifier = f"ParameterArgumentTransformationError,{self.call.cmdlet}"
        shown = f"Cannot process argument transformation on parameter '{name}'. {message}"
        return BindingError(Fault("failed", identifier, shown))

    def exclusive(self, *names: str) -> None:
        """Refuse more than one of these: they belong to different sets of parameters (S8.51).

        Raises:
            BindingError: in PowerShell's words.
        """
        if sum(map(self.has, names)) > 1:
            message = "Parameter set cannot be resolved using the specified named parameters."
            raise BindingError(
                Fault("failed", f"AmbiguousParameterSet,{self.call.cmdlet}", message)
            )

    def mandatory(self, *names: str) -> None:
        """Refuse a call without any of these.

        Raises:
            BindingError: in PowerShell's words, naming the first.
        """
        if not any(map(self.has, names)):
            message = (
                "Cannot process command because of one or more missing mandatory parameters: "
                f"{names[0]}."
            )
            raise BindingError(
                Fault("failed", f"MissingMandatoryParameter,{self.call.cmdlet}", message)
            )

    def confirmed(self) -> bool:
        """Whether what was asked for may be done: not with -WhatIf.

        Raises:
            BindingError: -Confirm asks a person, and there is none at the far side.
        """
        if self.truth("Confirm") and not self.truth("WhatIf"):
            message = (
                "A command that prompts the user failed because the host program or the command "
                "type does not support user interaction."
            )
            raise BindingError(Fault("failed", f"InvalidOperation,{self.call.cmdlet}", message))
        return not self.truth("WhatIf")

    # -- What it reaches ---------------------------------------------------------------------------

    def controller(self) -> str:
        """The domain controller that is asked or written to (S8.66).

        Raises:
            CmdletRefusal: there is none of that name.
        """
        if not self.has("DomainController"):
            return self.organisation.directory.controllers[0]
        name = self.text("DomainController")
        found = self.organisation.directory.controller(name)
        if found is None:
            raise CmdletRefusal(NO_CONTROLLER.format(name), "SuitabilityDirectoryException")
        return found

    def knows(self, server: PracticeServer) -> bool:
        """Whether the directory of this session holds a server: on Edge, itself alone (S8.25)."""
        return server is self.host or not self.host.exchange.is_edge

    def servers(self) -> list[PracticeServer]:
        """The servers that the session's directory holds."""
        return [server for server in self.organisation.servers if self.knows(server)]

    def named_server(self, name: str) -> PracticeServer:
        """The server of a name, the host where it is empty (S8.50).

        Raises:
            CmdletRefusal: there is none (S8.55).
        """
        if not name:
            return self.host
        found = self.organisation.server(name)
        if found is None or not self.knows(found):
            raise CmdletRefusal(NO_SERVER.format(name), "ManagementObjectNotFoundException")
        return found

    def queue_viewer(self, server: PracticeServer) -> None:
        """Reach the Transport service of a server as the queue cmdlets do (S8.41, S8.44, S8.55).

        Raises:
            CmdletRefusal: it can't be reached, does not run, is not there or too old.
        """
        full = server.exchange.fqdn
        remote = server is not self.host
        if remote and not self._within_rpc(server):
            raise CmdletRefusal(NO_RPC.format(full), "QueueViewerException")
        if not server.exchange.has_hub:
            raise CmdletRefusal(NO_TRANSPORT.format(full), "QueueViewerException")
        if not server.services:
            raise CmdletRefusal(NO_SERVICE.format(full), "QueueViewerException")
        if (server.exchange.version or (15,)) < (8, 2):
            raise CmdletRefusal(TOO_OLD, "QueueViewerException")

    def reads_adapters(self, server: PracticeServer) -> bool:
        """Whether WMI of a server answers (section 9, S8.57)."""
        return server is self.host or self._within_rpc(server)

    def _within_rpc(self, server: PracticeServer) -> bool:
        """Edge servers stand outside, behind a firewall that lets mail through alone (S8.57)."""
        edge = server.exchange.is_edge or self.host.exchange.is_edge
        return not edge and server.rpc and server.network == "open"
