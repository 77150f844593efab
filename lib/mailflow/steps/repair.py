"""The change that brings servers back to a connector that lets them in, for one target server.

Only proposals: exact commands for the repair and for undoing it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from mailflow.exchange.conflicts import check
from mailflow.exchange.connectors import (
    AuthMechanism,
    PermissionGroups,
    ReceiveConnector,
    TransportRole,
    parse_binding,
    setup_default,
)
from mailflow.exchange.ranges import EVERYTHING, AddressRange, format_range
from mailflow.steps import commands
from mailflow.steps.change import CUT, empty_list, taken_off
from mailflow.steps.paths import (
    DEFAULT_LACKS_AUTH,
    GROUP_MISSING,
    NOBODY,
    ROLE_CONFLICT,
    SHADOWED,
    SUPPRESSED,
    Path,
    verdict_on,
)
from mailflow.steps.release import Connection, answering, in_order, moved, release
from mailflow.steps.words import joined


@dataclass(slots=True)
class Repair:
    """What to do at one target server.

    Attributes:
        words: what to do, sentence by sentence.
        commands: PowerShell in the order to run it; empty where no safe command can be given.
        undo: PowerShell that puts everything back, last change first.
    """

    words: list[str] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    undo: list[str] = field(default_factory=list)

    def add(self, words: str, command: str = "", undo: str = "") -> None:
        """One more thing to do."""
        self.words.append(words)
        self.commands += [command] if command else []
        self.undo[:0] = [undo] if undo else []


def repair(
    cause: str,
    connector: ReceiveConnector | None,
    paths: Sequence[Path],
    beside: Sequence[Path],
    connectors: Sequence[ReceiveConnector],
) -> Repair:
    """The repair of one found cause at one target, for the paths it was found on.

    Args:
        cause: one of `paths.CONFIGURATION_CAUSES`.
        connector: the connector at fault; None where there is none to name.
        paths: the paths it was found on, all to the same target.
        beside: all paths to that target that custom connectors catch, these among them. A list is
            replaced as a whole, so each connector gets one new list that serves them all.
        connectors: all connectors of that target, as read.
    """
    todo = Repair()
    try:
        if cause == SHADOWED:
            _release(paths, beside, connectors, todo)
        elif connector is None:
            todo.add(
                "Setup's own connector for this endpoint is gone: make it again with "
                "New-ReceiveConnector and the values of a healthy server."
            )
        else:
            _mend(cause, connector, paths, todo)
    except commands.Unquotable as error:
        todo.add(f"No command is given, because a name in it is not safe to paste: {error}.")
        todo.commands.clear()
        todo.undo.clear()
    return todo


def _mend(cause: str, connector: ReceiveConnector, paths: Sequence[Path], todo: Repair) -> None:
    """A change of the named connector itself."""
    if cause == DEFAULT_LACKS_AUTH:
        _offer_exchange_auth(connector, todo)
    elif cause == GROUP_MISSING:
        _admit_exchange_servers(connector, todo)
    elif cause == SUPPRESSED:
        todo.add(
            f"Let {connector.name} offer X-ANONYMOUSTLS again, unless it was hidden on purpose for "
            "a WAN device; then set UseDowngradedExchangeServerAuth on the sending servers.",
            commands.set_suppression(connector.identity, suppressed=False),
            commands.set_suppression(connector.identity, suppressed=True),
        )
    elif cause == NOBODY:
        _let_it_answer(connector, paths, todo)
    elif cause == ROLE_CONFLICT:
        _leave_the_endpoint(connector, todo)


def _release(
    paths: Sequence[Path],
    beside: Sequence[Path],
    connectors: Sequence[ReceiveConnector],
    todo: Repair,
) -> None:
    """Take caught addresses off custom connectors until a healthy connector answers all of them."""
    now = release(connectors, _connections(beside))
    before = {one.identity: one for one in connectors}
    mine = [one.address for one in paths if one.address]
    # A list that would be empty gets no command (S8.64), so no other one may rest on it.
    emptied = [one for one in now if not one.ranges and before[one.identity].ranges]
    possible = [one if one.ranges else before[one.identity] for one in now]
    order, refused = in_order(connectors, possible, _refusal)
    for one in [*emptied, *order, *(one for one, _ in refused)]:
        gone = taken_off(before[one.identity].ranges, one.ranges)
        if any(address in block for block in gone for address in mine):
            _propose_ranges(before[one.identity], one, gone, todo)
    _see_who_is_next([answering(one, now) for one in _connections(paths)], now, todo)
    moves = moved(connectors, now, _connections(beside))
    starts = dict.fromkeys(
        f"{format_range(replace(one.block, last=one.block.first, text=''))} "
        f"({one.was.name} to {one.will.name})"
        for one in moves
        if one.was and one.will
    )
    if starts:
        todo.add(
            "Mind that this also changes who answers other addresses, from "
            f"{joined(starts)} on: look at these ranges before you run it."
        )
    if refused:
        one, text = refused[0]
        todo.add(f"Exchange would refuse the list of {one.identity}: {text}")
        todo.commands.clear()
        todo.undo.clear()


def _connections(paths: Sequence[Path]) -> list[Connection]:
    return [
        Connection(one.address, one.answer.local if one.answer else None, one.endpoint.port)
        for one in paths
        if one.address and one.endpoint
    ]


def _refusal(edited: ReceiveConnector, others: Sequence[ReceiveConnector]) -> str | None:
    """What Exchange says of the list beside the others."""
    conflict = check(edited, others)
    return conflict.text if conflict else None


def _propose_ranges(
    old: ReceiveConnector, new: ReceiveConnector, gone: Sequence[AddressRange], todo: Repair
) -> None:
    words = f"Take {joined(map(format_range, gone))} off {old.identity}."
    if not old.ranges_complete:
        todo.add(f"{words} {CUT}")
    elif not new.ranges:
        todo.add(f"{words} {empty_list(old.identity)}")
    else:
        todo.add(
            words,
            commands.set_ranges(old.identity, new.ranges),
            commands.set_ranges(old.identity, old.ranges),
        )


def _see_who_is_next(
    answerers: Sequence[ReceiveConnector | None], now: Sequence[ReceiveConnector], todo: Repair
) -> None:
    """After the change: does the connector that then answers let Exchange servers in?"""
    if None in answerers:
        todo.add(
            "After that no connector answers these servers: enable the default connector, or give "
            "it back its ranges, in the same step."
        )
    for one in dict.fromkeys(one for one in answerers if one):
        _, cause, _, _ = verdict_on(one, now, downgraded=True)
        if cause == DEFAULT_LACKS_AUTH:
            _offer_exchange_auth(one, todo)
        elif cause == GROUP_MISSING:
            _admit_exchange_servers(one, todo)


def _offer_exchange_auth(connector: ReceiveConnector, todo: Repair) -> None:
    """C2, C3: the documented values of setup, or what is there plus ExchangeServer (S3.23)."""
    default = setup_default(connector)
    full = AuthMechanism.Tls | AuthMechanism.ExchangeServer
    if connector.auth is None:
        wanted = default.auth if default else full
    else:
        wanted = (connector.auth & ~AuthMechanism.ExternalAuthoritative) | full
    note = (
        " Its Fqdn must be the server's own name, else Exchange refuses (section 3.4)."
        if connector.fqdn and not _names_server(connector)
        else ""
    )
    todo.add(
        f"Give {connector.identity} Exchange Server authentication again.{note}",
        commands.set_auth(connector.identity, wanted),
        "" if connector.auth is None else commands.set_auth(connector.identity, connector.auth),
    )


def _names_server(connector: ReceiveConnector) -> bool:
    return (
        connector.fqdn.casefold().partition(".")[0] == connector.server.casefold().partition(".")[0]
    )


def _admit_exchange_servers(connector: ReceiveConnector, todo: Repair) -> None:
    """L2: add the group; a bad ACL behind Custom is for Get-ADPermission (S3.21)."""
    groups = connector.groups or PermissionGroups(0)
    todo.add(
        f"Add the permission group ExchangeServers to {connector.identity}.",
        commands.set_groups(connector.identity, groups | PermissionGroups.ExchangeServers),
        "" if connector.groups is None else commands.set_groups(connector.identity, groups),
    )


def _let_it_answer(connector: ReceiveConnector, paths: Sequence[Path], todo: Repair) -> None:
    """C13, S1.18: enable it, and give it back what setup gave it and these paths miss."""
    name = connector.identity
    if connector.enabled is False:
        todo.add(
            f"Enable {name}.",
            commands.set_enabled(name, enabled=True),
            commands.set_enabled(name, enabled=False),
        )
    missed = any(
        one.address and not any(one.address in block for block in connector.ranges) for one in paths
    )
    if missed and connector.ranges_complete:
        todo.add(
            f"Let {name} answer all remote addresses again, as setup made it.",
            commands.set_ranges(name, EVERYTHING.values()),
            commands.set_ranges(name, connector.ranges) if connector.ranges else "",
        )
    unbound = [one for one in paths if one.endpoint and not _is_bound(connector, one)]
    if unbound and connector.bindings_complete:
        port = next(one.endpoint.port for one in unbound if one.endpoint)
        wanted = (parse_binding(f"0.0.0.0:{port}"), parse_binding(f"[::]:{port}"))
        todo.add(
            f"Bind {name} to all local addresses again.",
            commands.set_bindings(name, wanted),
            commands.set_bindings(name, connector.bindings) if connector.bindings else "",
        )


def _is_bound(connector: ReceiveConnector, path: Path) -> bool:
    """Whether the connector listens where the path arrives."""
    if path.endpoint is None or path.address is None:
        return True
    local = path.answer.local if path.answer else None
    return any(
        binding.port == path.endpoint.port
        and binding.family == path.address.version
        and (binding.is_wildcard or (local is not None and binding.address == int(local)))
        for binding in connector.bindings
    )


def _leave_the_endpoint(connector: ReceiveConnector, todo: Repair) -> None:
    """C9: give it the role of the process that owns the port, and restart both services."""
    old = connector.role or TransportRole.HubTransport
    front = old == TransportRole.HubTransport
    new = "FrontendTransport" if front else "HubTransport"
    todo.add(
        f"Move {connector.identity} to {new}, or to another port; then restart both transport "
        "services (MSExchangeFrontEndTransport, MSExchangeTransport). Look at its ranges first: "
        "once it has that role it may answer Exchange servers.",
        commands.set_role(connector.identity, new),
        commands.set_role(connector.identity, old.name or ""),
    )
