"""The few commands of Windows itself that a repair may need: the services of a server.

A simulated organization knows the transport services of a server as one thing: they run or they
don't. So both names below start it.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping

from mailflow.exchange.servers import Generation
from mailflow.simulated.organisation import PracticeServer
from mailflow.sources.row import Enumeration, Row
from mailflow.sources.shell import Call, Fault, Reply

TRANSPORT = "MSExchangeTransport"
FRONT_END = "MSExchangeFrontEndTransport"
_SHOWN = {
    TRANSPORT: "Microsoft Exchange Transport",
    FRONT_END: "Microsoft Exchange Frontend Transport",
}
NO_SERVICE = "Cannot find any service with service name '{}'."
NOT_ASKED = "{} can't be asked from here: {}"


def run(server: PracticeServer, call: Call) -> Reply:
    """Run one of `COMMANDS` on a server; what fails there is in the reply."""
    names = call.parameters.get("Name", "*")
    wanted = names if isinstance(names, tuple) else (str(names),)
    unknown = [name for name in wanted if not _matching(server, name) and "*" not in name]
    if unknown or not isinstance(names, str | tuple):
        message = NO_SERVICE.format(unknown[0] if unknown else names)
        return Reply(call, fault=Fault("failed", "NoServiceFoundForGivenName", message))
    found = [service for name in wanted for service in _matching(server, name)]
    return COMMANDS[_spelled(call.cmdlet)](server, call, list(dict.fromkeys(found)))


def is_known(cmdlet: str) -> bool:
    """Whether it is one of `COMMANDS`, in any case."""
    return bool(_spelled(cmdlet))


def _spelled(cmdlet: str) -> str:
    return next((command for command in COMMANDS if command.casefold() == cmdlet.casefold()), "")


def _services(server: PracticeServer) -> list[str]:
    front = server.exchange.generation is not Generation.LEGACY and server.exchange.has_frontend
    return [TRANSPORT, FRONT_END] if front else [TRANSPORT]


def _matching(server: PracticeServer, name: str) -> list[str]:
    return [
        service
        for service in _services(server)
        if fnmatch.fnmatchcase(service.casefold(), name.casefold())
    ]


def _get(server: PracticeServer, call: Call, names: list[str]) -> Reply:
    state = Enumeration("Running", 4) if server.services else Enumeration("Stopped", 1)
    rows = tuple(
        Row(
            "Get-Service", {"Status": state, "Name": name, "DisplayName": _SHOWN[name]}, server.name
        )
        for name in names
    )
    return Reply(call, rows)


def _start(server: PracticeServer, call: Call, names: list[str]) -> Reply:
    if names:
        server.services = True
    return Reply(call)


COMMANDS: Mapping[str, Callable[[PracticeServer, Call, list[str]], Reply]] = {
    "Get-Service": _get,
    "Restart-Service": _start,
    "Start-Service": _start,
}
"""What can be typed besides Exchange's own cmdlets."""
