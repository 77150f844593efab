"""How each fault of a connector's configuration is taken away, one step at a time.

A remedy takes a server as it would be at that moment and the paths that still fail for its reason,
and gives the server's connectors with one thing changed. `plan` judges again after each step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mailflow.analysis.paths import (
    DEFAULT_LACKS_AUTH,
    GROUP_MISSING,
    NOBODY,
    SHADOWED,
    SUPPRESSED,
    MailPath,
)
from mailflow.analysis.servers import RoleConflict, ServerView, family_of
from mailflow.exchange.connectors import (
    AuthMechanism,
    Binding,
    PermissionGroups,
    ReceiveConnector,
    setup_default,
)
from mailflow.exchange.ranges import Address, single
from mailflow.exchange.refusals import refused_fqdn
from mailflow.repair.claim import Kind
from mailflow.repair.release import Connection, accepting, release


@dataclass(frozen=True, slots=True)
class Stuck:
    """Why a remedy cannot go on.

    Attributes:
        kind: as of a refusal.
        connector: whose value stands in the way; None: none is to blame.
        text: why, and what to do instead.
    """

    kind: Kind
    connector: str | None
    text: str


Step = Sequence[ReceiveConnector] | Stuck
"""All connectors of the server after one step, or why there is none."""


def step(cause: str, view: ServerView, paths: Sequence[MailPath]) -> Step:
    """Take one cause away for these paths, as far as one step goes.

    Args:
        cause: one of `paths.CONFIGURATION_CAUSES`.
        view: the server, as it would be at that moment.
        paths: those that fail for this reason, all to this server.
    """
    return _STEPS[cause](view, paths)


def separate(view: ServerView, conflict: RoleConflict) -> Step:
    """C9: what setup made returns to its own port; anything else takes the role that belongs there.

    A connector of setup's keeps its role, whatever else was changed.
    """
    odd = conflict.odd
    made = setup_default(odd)
    if made is None:
        role = conflict.other.role
        if odd.role is None or role is None:
            return Stuck("unread", odd.identity, f"TransportRole of {odd.identity} was not read.")
        return _changed(view, replace(odd, role=role))
    if not odd.bindings_complete:
        return Stuck("unread", odd.identity, f"Bindings of {odd.identity} were not read whole.")
    port = conflict.bindings[0].port
    bindings = tuple(
        dict.fromkeys(
            replace(binding, port=made.port) if binding.port == port else binding
            for binding in odd.bindings
        )
    )
    return _changed(view, replace(odd, bindings=bindings))


def _free(view: ServerView, paths: Sequence[MailPath]) -> Step:
    """C1: remove the servers from the lists of custom connectors that accept them."""
    connections = _connections(view, paths)
    cut = [
        each
        for each in dict.fromkeys(path.connector for path in paths if path.connector is not None)
        if not each.ranges_complete
    ]
    if cut:
        name = cut[0].identity
        return Stuck(
            "unread",
            name,
            f"RemoteIPRanges of {name} are truncated in the export, so the new list cannot be "
            "written. Export the whole list, then rerun: "
            f"Get-ReceiveConnector -Server {view.name} | Export-Clixml receive-connectors.xml",
        )
    now = release(view.connectors, connections)
    # A list that would be empty is no list Exchange is known to take (S8.64): what is left without
    # hosts is disabled, with its list as it was.
    return [
        replace(old, enabled=False) if old.ranges and not new.ranges else new
        for old, new in zip(view.connectors, now, strict=True)
    ]


def _connections(view: ServerView, paths: Sequence[MailPath]) -> list[Connection]:
    """How the senders of these paths arrive, at each local address that they may take."""
    found: dict[Connection, None] = {}
    for path in paths:
        if path.address is None or path.endpoint is None:
            continue
        port = path.endpoint.port
        # A server's own hop stays on its own address (S4.06).
        places: Iterable[Address | None] = (
            (path.address,)
            if path.sender.server is view.server
            else view.local_addresses(family_of(path.address), port)
        )
        for local in places:
            connection = Connection(path.address, local, port)
            if accepting(connection, view.connectors):
                found.setdefault(connection)
    return list(found)


def _offer_auth(view: ServerView, paths: Sequence[MailPath]) -> Step:
    """C2, C3: what is there plus ExchangeServer (S3.23), and a name that Exchange allows with it.

    ExternalAuthoritative cannot stay beside ExchangeServer (section 3.4).
    """
    return _each(view, paths, lambda each: _with_auth(view, each))


def _with_auth(view: ServerView, connector: ReceiveConnector) -> ReceiveConnector | Stuck:
    if connector.auth is None:
        return _unread("AuthMechanism", connector, view)
    auth = connector.auth & ~AuthMechanism.ExternalAuthoritative
    auth |= AuthMechanism.Tls | AuthMechanism.ExchangeServer
    wanted = replace(connector, auth=auth)
    if refused_fqdn(wanted, view.server):
        wanted = replace(wanted, fqdn=view.server.fqdn or view.name)
    return wanted


def _admit_servers(view: ServerView, paths: Sequence[MailPath]) -> Step:
    """L2: the groups that are there and ExchangeServers (S3.23)."""

    def admit(connector: ReceiveConnector) -> ReceiveConnector | Stuck:
        if connector.groups is None:
            return _unread("PermissionGroups", connector, view)
        return replace(connector, groups=connector.groups | PermissionGroups.ExchangeServers)

    return _each(view, paths, admit)


def _unsuppress(view: ServerView, paths: Sequence[MailPath]) -> Step:
    """C10: offer X-ANONYMOUSTLS again."""
    return _each(view, paths, lambda each: replace(each, suppress_x_anonymous_tls=False))


def _accept(view: ServerView, paths: Sequence[MailPath]) -> Step:
    """C13, S1.18: enable setup's connector, and add what it lacks for these paths, no more."""
    default = next((path.connector for path in paths if path.connector), None)
    if default is None:
        port = next((path.endpoint.port for path in paths if path.endpoint), 25)
        return Stuck(
            "elsewhere",
            None,
            f"{view.name} has no connector of setup's for port {port}. Create it again with "
            "New-ReceiveConnector and the values of a healthy server.",
        )
    current = view.connector(default.identity) or default
    if current.enabled is False:
        return _changed(view, replace(current, enabled=True))
    mine = [path for path in paths if path.connector and path.address and path.endpoint]
    bindings = _missing_bindings(view, current, mine)
    if bindings:
        if not current.bindings_complete:
            return _unread("Bindings", current, view)
        return _changed(view, replace(current, bindings=(*current.bindings, *bindings)))
    missing = dict.fromkeys(
        path.address
        for path in mine
        if path.address and not any(path.address in block for block in current.ranges)
    )
    if not missing:
        return Stuck("elsewhere", current.identity, f"{current.identity} accepts none of them.")
    if not current.ranges_complete:
        return _unread("RemoteIPRanges", current, view)
    ranges = (*current.ranges, *(single(address) for address in missing))
    return _changed(view, replace(current, ranges=ranges))


def _missing_bindings(
    view: ServerView, connector: ReceiveConnector, paths: Sequence[MailPath]
) -> list[Binding]:
    """What the connector is not bound to and the paths may arrive at."""
    missing: dict[Binding, None] = {}
    for path in paths:
        if path.address is None or path.endpoint is None:
            continue
        family, port = family_of(path.address), path.endpoint.port
        here = [each for each in connector.bindings if (each.family, each.port) == (family, port)]
        if any(each.is_wildcard for each in here):
            continue
        own = path.sender.server is view.server
        places = (path.address,) if own else view.local_addresses(family, port)
        for local in places if here else (None,):
            # Where it is not bound to the port at all, setup's own wildcard is what is missing.
            wanted = Binding(family, 0 if local is None else int(local), port)
            if wanted not in here:
                missing[wanted] = None
    return list(missing)


def _each(
    view: ServerView,
    paths: Sequence[MailPath],
    change: Callable[[ReceiveConnector], ReceiveConnector | Stuck],
) -> Step:
    """The connectors at fault on these paths, each changed."""
    wanted = {path.connector.identity.casefold() for path in paths if path.connector}
    result: list[ReceiveConnector] = []
    for each in view.connectors:
        made = change(each) if each.identity.casefold() in wanted else each
        if isinstance(made, Stuck):
            return made
        result.append(made)
    return result


def _changed(view: ServerView, connector: ReceiveConnector) -> list[ReceiveConnector]:
    wanted = connector.identity.casefold()
    return [connector if each.identity.casefold() == wanted else each for each in view.connectors]


def _unread(parameter: str, connector: ReceiveConnector, view: ServerView) -> Stuck:
    return Stuck(
        "unread",
        connector.identity,
        f"{parameter} of {connector.identity} was not exported whole, so it is not written. Export "
        "all properties, then rerun: "
        f"Get-ReceiveConnector -Server {view.name} | Export-Clixml receive-connectors.xml",
    )


_STEPS: Mapping[str, Callable[[ServerView, Sequence[MailPath]], Step]] = {
    SHADOWED: _free,
    DEFAULT_LACKS_AUTH: _offer_auth,
    GROUP_MISSING: _admit_servers,
    SUPPRESSED: _unsuppress,
    NOBODY: _accept,
}
