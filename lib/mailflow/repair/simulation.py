"""Commands run on paper, one after the other, and refused where Exchange would refuse them.

Sections 1.5 and 3.4, S8.65: each Set looks at the whole object again, beside all connectors of the
server as they are when its turn comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from mailflow.analysis.analysis import analyze
from mailflow.analysis.change import (
    Edit,
    Parameter,
    fingerprint,
    in_words,
    taken_off,
    value_of,
    with_value,
)
from mailflow.analysis.servers import ServerView
from mailflow.errors import UsageError
from mailflow.exchange.conflicts import check
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import format_range
from mailflow.exchange.refusals import refusal
from mailflow.exchange.servers import Server
from mailflow.phrases import joined
from mailflow.snapshot import Snapshot


class RefusedError(UsageError):
    """A change that Exchange would refuse, or that nobody should make; the text says why."""


Refuser = Callable[[ReceiveConnector, Sequence[ReceiveConnector]], str | None]
"""A connector as it would be, and all of the server: what Exchange says; None: it takes it."""


def refuser(view: ServerView) -> Refuser:
    """What Exchange says of a connector of this server beside the others; None: it takes it."""

    def refuse(edited: ReceiveConnector, others: Sequence[ReceiveConnector]) -> str | None:
        alone = refusal(edited, view.server, downgraded=view.downgraded)
        conflict = None if alone else check(edited, others)
        return conflict.text if conflict else alone

    return refuse


def view_of(org: Snapshot, connector: ReceiveConnector) -> ServerView:
    """The server that a connector belongs to, also where only the connector names it."""
    for view in analyze(org).servers:
        if view.server.is_named(connector.server):
            return view
    server = Server(connector.server)
    mine = (each for each in org.connectors if server.is_named(each.server))
    return ServerView(server, tuple(mine))


def applied(org: Snapshot, edits: Iterable[Edit]) -> Snapshot:
    """The organization as it is once the commands were run, one after the other.

    Raises:
        RefusedError: a value is no longer the one that a change was made for, or Exchange would
            refuse the new one beside the connectors as they are now.
    """
    connectors = list(org.connectors)
    places = {each.identity.casefold(): place for place, each in enumerate(connectors)}
    views = {
        each.identity.casefold(): view for view in analyze(org).servers for each in view.connectors
    }
    for edit in edits:
        wanted = edit.identity.casefold()
        if wanted not in places:
            raise RefusedError(f'The Receive connector "{edit.identity}" wasn\'t found.')
        now = connectors[places[wanted]]
        if now != edit.before and fingerprint(now, edit.parameters) != fingerprint(
            edit.before, edit.parameters
        ):
            said = differences(edit.parameters, edit.before, now)
            raise RefusedError(
                f"{now.identity} is no longer as it was when the change was proven: {said}"
            )
        changed = set_values(now, edit)
        view = views.get(wanted) or view_of(org, now)
        beside = [connectors[places[each.identity.casefold()]] for each in view.connectors]
        if tuple(beside) != edit.beside:
            text = refuser(view)(changed, beside)
            if text:
                raise RefusedError(f"Exchange would refuse the change of {now.identity}: {text}")
        connectors[places[wanted]] = changed
    return replace(org, connectors=tuple(connectors))


def set_values(connector: ReceiveConnector, edit: Edit) -> ReceiveConnector:
    """The connector as an edit leaves it; a value that is not known afterwards stays as it was."""
    for name in edit.parameters:
        value = value_of(edit.after, name)
        if value is not None:
            connector = with_value(connector, name, value)
    return connector


def differences(
    parameters: Iterable[Parameter], before: ReceiveConnector, now: ReceiveConnector
) -> str:
    """Which of these values of a connector are other ones now, in words; empty: none."""
    return "; ".join(
        _difference(name, before, now)
        for name in parameters
        if fingerprint(now, (name,)) != fingerprint(before, (name,))
    )


def _difference(name: Parameter, before: ReceiveConnector, now: ReceiveConnector) -> str:
    if name != "RemoteIPRanges":
        is_now, was = (in_words(value_of(each, name)) for each in (now, before))
        return f"{name} is {is_now}, and was {was}"
    lost = taken_off(before.ranges, now.ranges)
    new = taken_off(now.ranges, before.ranges)
    parts = [f"{joined(map(format_range, lost))} was removed"] if lost else []
    parts += [f"{joined(map(format_range, new))} was added"] if new else []
    return f"{name}: {' and '.join(parts) or 'the ranges are split differently'}"
