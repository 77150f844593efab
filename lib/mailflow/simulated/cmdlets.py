"""The cmdlets of a session: which there are, for whom, and with which parameters.

Reading cmdlets of the directory stand here, those of queues in `queue_cmdlets`, what writes in
`changes`. What PowerShell and Exchange refuse is in the reply, never an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from mailflow.simulated import connector_objects, objects
from mailflow.simulated.changes import (
    NOT_FOUND,
    SETTINGS,
    SINCE,
    find_connector,
    is_identity,
    set_receive_connector,
    visible_connectors,
)
from mailflow.simulated.invocation import BindingError, CmdletRefusal, Invocation, RunningPractice
from mailflow.simulated.organisation import Account, PracticeServer
from mailflow.simulated.queue_cmdlets import get_message, get_queue, retry_queue
from mailflow.simulated.shapes import E2010, E2013, Shape, Version
from mailflow.sources.row import Row
from mailflow.sources.shell import Argument, Call, Fault, Reply

NO_CMDLET = (
    "The term '{0}' is not recognized as the name of a cmdlet, function, script file, or operable "
    "program. Check the spelling of the name, or if a path was included, verify that the path is "
    "correct and try again."
)
NO_PARAMETER = "A parameter cannot be found that matches parameter name '{0}'."
NO_ADAPTERS = "Could not read network adapter information. Error: The RPC server is unavailable."
"""Section 9; the error inside is that of Windows."""

_COMMON = ("ErrorAction", "WarningAction", "Verbose", "Debug")
_WRITING = ("WhatIf", "Confirm")

ROLES_OF_GROUP: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "Organization Management": frozenset(
            {
                "Active Directory Permissions",
                "Exchange Server Certificates",
                "Exchange Servers",
                "Receive Connectors",
                "Remote and Accepted Domains",
                "Send Connectors",
                "Transport Agents",
                "Transport Queues",
                "View-Only Configuration",
            }
        ),
        "Server Management": frozenset(
            {"Exchange Servers", "Receive Connectors", "Transport Queues"}
        ),
        "Hygiene Management": frozenset({"Receive Connectors", "View-Only Configuration"}),
        "View-Only Organization Management": frozenset({"View-Only Configuration"}),
    }
)
"""Role group to the roles it holds, of those that matter here (section 8.8)."""


@dataclass(frozen=True, slots=True)
class Cmdlet:
    """One cmdlet.

    Attributes:
        run: does it.
        parameters: as the cmdlet spells them, beside those that all have.
        roles: each of these roles holds it (section 8.8).
        since: the version whose shell had it first.
        newer: parameters that came later.
    """

    run: Callable[[Invocation], None]
    parameters: tuple[str, ...]
    roles: frozenset[str]
    since: Version = ()
    newer: Mapping[str, Version] = field(default_factory=dict)

    def spelled(self, name: str, shape: Shape) -> str | None:
        """The parameter of this name, in any case; None where this shell has none."""
        wanted = name.casefold()
        return next(
            (
                parameter
                for parameter in (*self.parameters, *_COMMON)
                if parameter.casefold() == wanted and shape.knows(self.newer.get(parameter, ()))
            ),
            None,
        )


def run(
    practice: RunningPractice,
    host: PracticeServer,
    account: Account | None,
    call: Call,
    shape: Shape,
) -> Reply:
    """Run one call in a session that `host` hosts; the caller holds the practice's lock.

    Args:
        practice: where.
        host: the scope of the queue cmdlets where they name no server (S8.50).
        account: whose roles decide what there is; None: a local shell without roles (S8.22, S8.25).
        call: cmdlet and parameters, in any case as PowerShell takes them.
        shape: of the session.
    """
    found = next(
        (
            cmdlet_name
            for cmdlet_name in CMDLETS
            if cmdlet_name.casefold() == call.cmdlet.casefold()
        ),
        "",
    )
    if not found or not is_there(found, account, shape):
        message = NO_CMDLET.format(call.cmdlet)
        return Reply(call, fault=Fault("no-such-cmdlet", "CommandNotFoundException", message))
    cmdlet = CMDLETS[found]
    parameters: dict[str, Argument] = {}
    for name, value in call.parameters.items():
        spelled = cmdlet.spelled(name, shape)
        if spelled is None:
            message, identifier = NO_PARAMETER.format(name), f"NamedParameterNotFound,{found}"
            return Reply(call, fault=Fault("no-such-parameter", identifier, message))
        parameters[spelled] = value
    invocation = Invocation(practice, host, Call(found, call.parameters), parameters, shape)
    fault: Fault | None = None
    try:
        cmdlet.run(invocation)
    except BindingError as error:
        fault = error.fault
    except CmdletRefusal as refusal:
        invocation.report(refusal)
    rows = tuple(
        Row(call.cmdlet, values, f"{call.cmdlet} on {host.name}, object {number}")
        for number, values in enumerate(invocation.objects, 1)
    )
    return Reply(call, rows, errors=tuple(invocation.errors), fault=fault)


def is_there(name: str, account: Account | None, shape: Shape) -> bool:
    """Whether a session has the cmdlet: by its version, and by the account's roles (section 8.8).

    Roles came with 2010; before, and where there is no account, rights in the directory decide, and
    the simulated organization gives them all.
    """
    cmdlet = CMDLETS[name]
    if not shape.knows(cmdlet.since):
        return False
    if account is None or not shape.knows(E2010):
        return True
    roles = (ROLES_OF_GROUP.get(group, frozenset()) for group in account.role_groups)
    return bool(cmdlet.roles & frozenset().union(*roles))


# -- Reading the directory -------------------------------------------------------------------------


def get_exchange_server(invocation: Invocation) -> None:
    """Servers of every kind, Edge too (S8.54)."""
    invocation.controller()
    invocation.emit(
        objects.exchange_server(server, invocation.shape) for server in _servers(invocation)
    )


def get_transport_service(invocation: Invocation) -> None:
    """Servers with the Transport service (S8.54)."""
    invocation.controller()
    invocation.emit(
        objects.transport_service(server)
        for server in _servers(invocation)
        if server.exchange.has_hub
    )


def get_receive_connector(invocation: Invocation) -> None:
    """Receive connectors as one domain controller sees them (S8.66)."""
    invocation.exclusive("Identity", "Server")
    controller = invocation.controller()
    found = visible_connectors(invocation, controller)
    if invocation.has("Identity"):
        identity = invocation.text("Identity")
        found = [connector for connector in found if is_identity(invocation, connector, identity)]
        if not found:
            raise CmdletRefusal(NOT_FOUND.format(identity), "ManagementObjectNotFoundException")
    elif invocation.has("Server"):
        name = invocation.named_server(invocation.text("Server")).name
        found = [connector for connector in found if connector.server == name]
    owners = {server.name: server for server in invocation.organisation.servers}
    shown = map(invocation.organisation.with_shown_groups, found)
    invocation.emit(
        connector_objects.receive_connector(connector, owners[connector.server], invocation.shape)
        for connector in shown
    )


def get_ad_permission(invocation: Invocation) -> None:
    """Who may do what on a receive connector (S3.21); of other objects nothing is known here."""
    invocation.mandatory("Identity")
    connector = find_connector(invocation, invocation.text("Identity"), invocation.controller())
    more = invocation.organisation.access.get(connector.identity.casefold(), [])
    invocation.emit(connector_objects.permissions(connector, tuple(more)))


def get_network_connection_info(invocation: Invocation) -> None:
    """Adapters of a server, through WMI of that server (section 9)."""
    invocation.controller()
    server = invocation.named_server(invocation.text("Identity"))
    if not invocation.reads_adapters(server):
        raise CmdletRefusal(NO_ADAPTERS, "COMException")
    invocation.emit(objects.adapters(server, shape=invocation.shape))


def get_send_connector(invocation: Invocation) -> None:
    """The connector to the internet."""
    invocation.controller()
    org = invocation.organisation
    invocation.emit([objects.send_connector(org.send_connector, org.sources(), invocation.shape)])


def get_accepted_domain(invocation: Invocation) -> None:
    """Accepted domains of the organization (S9.30)."""
    invocation.controller()
    wanted = invocation.text("Identity").casefold()
    domains = invocation.organisation.accepted.items()
    invocation.emit(
        objects.accepted_domain(domain, kind, invocation.shape)
        for domain, kind in domains
        if wanted in ("", domain)
    )


def get_exchange_certificate(invocation: Invocation) -> None:
    """Certificates of one server, of the session's where none is named (S8.85)."""
    invocation.controller()
    server = (
        invocation.named_server(invocation.text("Server"))
        if invocation.has("Server")
        else invocation.host
    )
    wanted = invocation.text("Thumbprint").casefold()
    invocation.emit(
        values
        for values in objects.certificates(server, invocation.practice.clock.now)
        if wanted in ("", str(values["Thumbprint"]).casefold())
    )


def get_transport_agent(invocation: Invocation) -> None:
    """Agents of the server that hosts the session: no parameter names another one."""
    invocation.controller()
    wanted = invocation.text("Identity").casefold()
    invocation.emit(
        values
        for values in objects.transport_agents(invocation.host)
        if wanted in ("", str(values["Identity"]).casefold())
    )


def get_server_component_state(invocation: Invocation) -> None:
    """Components of one server; a server before 2013 has none."""
    invocation.mandatory("Identity")
    invocation.controller()
    server = invocation.named_server(invocation.text("Identity"))
    wanted = {name.casefold() for name in invocation.texts("Component") if name}
    invocation.emit(
        values
        for values in objects.component_states(server)
        if not wanted or str(values["Component"]).casefold() in wanted
    )


def _servers(invocation: Invocation) -> list[PracticeServer]:
    """The one named, or all (S8.59)."""
    return (
        [invocation.named_server(invocation.text("Identity"))]
        if invocation.has("Identity")
        else invocation.servers()
    )


_VIEW = "View-Only Configuration"
_OF_DIRECTORY = ("Identity", "DomainController")
_SERVER_ROLES = frozenset({"Exchange Servers", _VIEW})
_QUEUE_ROLES = frozenset({"Transport Queues", _VIEW})

CMDLETS: Mapping[str, Cmdlet] = MappingProxyType(
    {
        "Get-AcceptedDomain": Cmdlet(
            get_accepted_domain,
            _OF_DIRECTORY,
            frozenset({"Remote and Accepted Domains", _VIEW}),
        ),
        "Get-ADPermission": Cmdlet(
            get_ad_permission,
            _OF_DIRECTORY,
            frozenset({"Active Directory Permissions", _VIEW}),
        ),
        "Get-ExchangeCertificate": Cmdlet(
            get_exchange_certificate,
            ("DomainController", "Server", "Thumbprint"),
            frozenset({"Exchange Server Certificates", _VIEW}),
        ),
        "Get-ExchangeServer": Cmdlet(get_exchange_server, _OF_DIRECTORY, _SERVER_ROLES),
        "Get-Message": Cmdlet(
            get_message, ("Filter", "Identity", "Queue", "ResultSize", "Server"), _QUEUE_ROLES
        ),
        "Get-NetworkConnectionInfo": Cmdlet(
            get_network_connection_info, _OF_DIRECTORY, _SERVER_ROLES
        ),
        "Get-Queue": Cmdlet(
            get_queue,
            ("Filter", "Identity", "ResultSize", "Server", "Include", "Exclude"),
            _QUEUE_ROLES,
            newer={"Include": E2013, "Exclude": E2013},
        ),
        "Get-ReceiveConnector": Cmdlet(
            get_receive_connector,
            (*_OF_DIRECTORY, "Server"),
            frozenset({"Receive Connectors", "Send Connectors", _VIEW}),
        ),
        "Get-SendConnector": Cmdlet(
            get_send_connector, _OF_DIRECTORY, frozenset({"Send Connectors", _VIEW})
        ),
        "Get-ServerComponentState": Cmdlet(
            get_server_component_state, (*_OF_DIRECTORY, "Component"), _SERVER_ROLES, since=E2013
        ),
        "Get-TransportAgent": Cmdlet(
            get_transport_agent, _OF_DIRECTORY, frozenset({"Transport Agents", _VIEW})
        ),
        "Get-TransportServer": Cmdlet(get_transport_service, _OF_DIRECTORY, _SERVER_ROLES),
        "Get-TransportService": Cmdlet(
            get_transport_service, _OF_DIRECTORY, _SERVER_ROLES, since=E2013
        ),
        "Retry-Queue": Cmdlet(
            retry_queue, ("Filter", "Identity", "Resubmit", "Server", *_WRITING), _QUEUE_ROLES
        ),
        "Set-ReceiveConnector": Cmdlet(
            set_receive_connector,
            (*_OF_DIRECTORY, *SETTINGS, *_WRITING),
            frozenset({"Receive Connectors"}),
            newer=SINCE,
        ),
    }
)
"""All there are. A view-only account has Retry-Queue as well, strange as it looks (section 8.8)."""
