"""The change that brings servers back to a connector that lets them in, for one target server.

Only proposals: exact commands for the repair and for undoing it. After each change the selection is
asked again, because another relay connector may win next (design notes to section 1.2).
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
from mailflow.exchange.ranges import EVERYTHING, AddressRange, format_range, single, subtract
from mailflow.exchange.selection import answer
from mailflow.steps import commands
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
            _release(paths, beside, list(connectors), todo)
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
    paths: Sequence[Path], beside: Sequence[Path], now: list[ReceiveConnector], todo: Repair
) -> None:
    """Take caught addresses off custom connectors until a healthy connector answers all of them.

    Each round asks the selection again with the lists as they would be then; a second relay
    connector that would win next is found here, before it bites.
    """
    before = {one.identity: one for one in now}
    while wrong := _caught_by(beside, now):
        now = [
            replace(one, ranges=subtract(one.ranges, wrong.get(one.identity, ()))) for one in now
        ]
    now = _apart(list(before.values()), now)
    mine = [one.address for one in paths if one.address]
    order, refusal = _in_order(list(before.values()), now)
    for one in order:
        gone = _gone(before[one.identity], one)
        if any(address in block for block in gone for address in mine):
            _propose_ranges(before[one.identity], one, gone, todo)
    _see_who_is_next([_answering(one, now) for one in paths], now, todo)
    _see_who_else_moves(paths, list(before.values()), now, todo)
    if refusal:
        todo.add(refusal)
        todo.commands.clear()
        todo.undo.clear()


def _answering(path: Path, now: Sequence[ReceiveConnector]) -> ReceiveConnector | None:
    """Who would answer this path with the lists as they are in `now`."""
    if path.address is None or path.endpoint is None:
        return None
    local = path.answer.local if path.answer else None
    return answer(now, local=local, port=path.endpoint.port, remote=path.address).connector


def _caught_by(
    paths: Sequence[Path], now: Sequence[ReceiveConnector]
) -> dict[str, list[AddressRange]]:
    """The addresses that custom connectors without authentication still catch, by connector."""
    caught: dict[str, list[AddressRange]] = {}
    for path in paths:
        one = _answering(path, now)
        if one and path.address and verdict_on(one, now, downgraded=True)[1] == SHADOWED:
            caught.setdefault(one.identity, []).append(single(path.address))
    return caught


def _apart(
    before: Sequence[ReceiveConnector], now: list[ReceiveConnector]
) -> list[ReceiveConnector]:
    """Pieces of two split lists may be equal or overlap, which Exchange refuses (S1.31).

    The connector that lost there before (its range was the larger one) gives these addresses up:
    nobody is answered differently, and the lists can stand beside each other.
    """
    sizes = {one.identity: one for one in before}
    for _ in range(len(now) ** 2 + sum(len(one.ranges) for one in now)):
        changed = [one for one in now if one.ranges != sizes[one.identity].ranges]
        conflict = next(filter(None, (check(one, now) for one in changed)), None)
        if conflict is None or conflict.ranges is None:
            break
        ours, theirs = conflict.ranges
        both = AddressRange(ours.family, max(ours.first, theirs.first), min(ours.last, theirs.last))
        loser = max(
            (conflict.first, conflict.second),
            key=lambda one: _size_at(sizes[one.identity], both),
        )
        now = [
            replace(one, ranges=subtract(one.ranges, [both]))
            if one.identity == loser.identity
            else one
            for one in now
        ]
    return now


def _size_at(connector: ReceiveConnector, block: AddressRange) -> int:
    """Size of the smallest range of a connector that holds the block (S1.14); 0: none does."""
    return min((one.size for one in connector.ranges if one.holds(block)), default=0)


def _gone(old: ReceiveConnector, new: ReceiveConnector) -> list[AddressRange]:
    return [piece for block in old.ranges for piece in subtract([block], new.ranges)]


def _propose_ranges(
    old: ReceiveConnector, new: ReceiveConnector, gone: Sequence[AddressRange], todo: Repair
) -> None:
    words = f"Take {joined(map(format_range, gone))} off {old.identity}."
    if not old.ranges_complete:
        todo.add(
            f"{words} Its list was cut off in the capture, so the new list cannot be written here: "
            "read the whole list first."
        )
    elif not new.ranges:
        todo.add(
            f"{words} Nothing would be left of its list, and whether Exchange takes an empty one "
            "is not known (S8.64). If nobody else needs it, disable it or delete it: "
            f"{commands.set_enabled(old.identity, enabled=False)}"
        )
    else:
        todo.add(
            words,
            commands.set_ranges(old.identity, new.ranges),
            commands.set_ranges(old.identity, old.ranges),
        )


def _see_who_is_next(
    answering: Sequence[ReceiveConnector | None], now: Sequence[ReceiveConnector], todo: Repair
) -> None:
    """After the change: does the connector that then answers let Exchange servers in?"""
    if None in answering:
        todo.add(
            "After that no connector answers these servers: enable the default connector, or give "
            "it back its ranges, in the same step."
        )
    for one in dict.fromkeys(one for one in answering if one):
        _, cause, _, _ = verdict_on(one, now, downgraded=True)
        if cause == DEFAULT_LACKS_AUTH:
            _offer_exchange_auth(one, todo)
        elif cause == GROUP_MISSING:
            _admit_exchange_servers(one, todo)


def _see_who_else_moves(
    paths: Sequence[Path],
    before: Sequence[ReceiveConnector],
    now: Sequence[ReceiveConnector],
    todo: Repair,
) -> None:
    """Pieces of a split range are smaller, so they may win where the whole one lost (S1.13).

    Who answers changes only at a bound of a range and inside a range that was split, so asking
    there asks about every address.
    """
    moved: dict[str, None] = {}
    kept = {block for one in now for block in one.ranges}
    split = [block for one in before for block in one.ranges if block not in kept]
    for path in _one_per_endpoint(paths):
        if path.address is None:
            continue
        wanted = {int(one.address) for one in paths if one.address}
        for number in _bounds([*before, *now], split, path.address.version):
            asked = replace(path, address=type(path.address)(number))
            old, new = _answering(asked, before), _answering(asked, now)
            if number in wanted or not old or not new or old.identity == new.identity:
                continue
            moved.setdefault(f"{asked.address} ({old.name} to {new.name})")
    if moved:
        todo.add(
            "Mind that this also changes who answers other addresses, from "
            f"{joined(moved)} on: look at these ranges before you run it."
        )


def _one_per_endpoint(paths: Sequence[Path]) -> list[Path]:
    places = {
        (one.endpoint, one.answer.local if one.answer else None): one
        for one in paths
        if one.endpoint
    }
    return list(places.values())


def _bounds(
    connectors: Sequence[ReceiveConnector], inside: Sequence[AddressRange], family: int
) -> list[int]:
    """Where a range begins or has just ended, as far as that lies inside one of these."""
    blocks = [one for each in connectors for one in each.ranges if one.family == family]
    starts = {one.first for one in blocks} | {one.last + 1 for one in blocks}
    return sorted(
        start
        for start in starts
        if any(one.family == family and one.first <= start <= one.last for one in inside)
    )


def _in_order(
    before: Sequence[ReceiveConnector], now: Sequence[ReceiveConnector]
) -> tuple[list[ReceiveConnector], str]:
    """The changed connectors in an order in which Exchange takes each new list (section 1.5).

    Each is checked against the others as they are at that moment. The text says what is refused
    where there is no such order; it is empty otherwise.
    """
    state = {one.identity: one for one in before}
    waiting = [one for one in now if one.ranges != state[one.identity].ranges]
    order: list[ReceiveConnector] = []
    while waiting:
        checks = [(one, check(one, state.values())) for one in waiting]
        taken = next((one for one, conflict in checks if conflict is None or not one.ranges), None)
        if taken is None:
            one, conflict = checks[0]
            text = conflict.text if conflict else ""
            return [*order, *waiting], f"Exchange would refuse the list of {one.identity}: {text}"
        state[taken.identity] = taken
        order.append(taken)
        waiting.remove(taken)
    return order, ""


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
