"""From findings to changes: the smallest ones of RemoteIPRanges, or why there is none."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import EVERYTHING, Address, Family
from mailflow.exchange.servers import Server
from mailflow.snapshot import Snapshot
from mailflow.steps.change import CUT, Change, empty_list, refuser
from mailflow.steps.paths import (
    NOBODY,
    SHADOWED,
    Path,
    connectors_of,
    intended,
    judged_paths,
    verdict_on,
)
from mailflow.steps.places import Place, listens, reachable
from mailflow.steps.release import Connection, answering, in_order, release
from mailflow.steps.verdict import Diagnosis, Finding
from mailflow.steps.words import joined

REPAIRED_BY_LISTS = frozenset({SHADOWED, NOBODY})
"""The causes that another list of remote ranges may end."""

Kind = Literal["refused", "empty", "unread", "elsewhere"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A change that was looked for and is not proposed.

    Attributes:
        server: whose connector it is.
        connector: its identity; None where no connector's list is what is wrong.
        kind: refused: Exchange would not take it. empty: nothing would be left of the list. unread:
            the list was cut off. elsewhere: something other than ranges has to be mended first.
        text: why, and what to do instead.
    """

    server: str
    connector: str | None
    kind: Kind
    text: str

    def as_json(self) -> dict[str, Any]:
        """All of it."""
        return {
            "server": self.server,
            "connector": self.connector,
            "kind": self.kind,
            "text": self.text,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What the findings call for.

    Attributes:
        changes: in an order in which Exchange takes each.
        refused: what cannot be proposed, and why.
    """

    changes: tuple[Change, ...] = ()
    refused: tuple[Refusal, ...] = ()


def plan(org: Snapshot, found: Diagnosis) -> Plan:
    """The smallest changes of RemoteIPRanges that repair what was found.

    Of custom connectors that shadow the default: their lists without the addresses of the servers
    they catch. Of a default connector whose list no longer holds the servers: the list that setup
    gave it. Other findings need other changes and are not looked at.
    """
    changes: list[Change] = []
    refused: list[Refusal] = []
    for target in org.servers:
        mine = [one for one in found.findings if one.state == "found" and one.server == target.name]
        if any(one.cause in REPAIRED_BY_LISTS for one in mine):
            part = _plan_of(org, target, mine)
            changes += part.changes
            refused += part.refused
    return Plan(tuple(changes), tuple(refused))


def proposal(org: Snapshot, found: Diagnosis) -> tuple[Change, ...]:
    """The changes of `plan`."""
    return plan(org, found).changes


def alternatives(found: Iterable[Finding]) -> tuple[tuple[str, str], ...]:
    """What else would end the fault, each with why it is worse; none is chosen for anybody."""
    names = [
        one.connector
        for one in found
        if one.cause == SHADOWED and one.state == "found" and one.connector
    ]
    return tuple(
        (what.format(joined(names)), why.format(joined(names)))
        for what, why in _ALTERNATIVES
        if names
    )


_ALTERNATIVES = (
    (
        "Give {0} Exchange Server authentication and the group ExchangeServers",
        (
            "Relay hosts and servers then share a connector (S3.34), and its Fqdn must be the "
            "server's own name (section 3.4). An externally secured one would first have to stop "
            "trusting its hosts (S3.31)."
        ),
    ),
    (
        "Move {0} to another port or local address",
        (
            "Every relay host has to be pointed there, and another local address does not keep the "
            "servers away where they arrive there too (S1.16)."
        ),
    ),
    (
        "Add a connector for the servers' addresses alone, with Exchange Server authentication",
        (
            "It has to follow every address of every server from then on, and Exchange refuses it "
            "where {0} lists the same range (S1.31)."
        ),
    ),
    (
        "Disable {0}",
        (
            "All relay hosts then fall to another connector and may lose the right to relay "
            "(section 2.6)."
        ),
    ),
)


def _plan_of(org: Snapshot, target: Server, mine: Sequence[Finding]) -> Plan:
    """The plan for one server: what cannot be done for some addresses is done for the others."""
    connections = _connections(org, target, mine)
    refused: dict[Refusal, None] = {}
    while True:
        changes, problems = _try(org, target, connections)
        refused.update(dict.fromkeys(refusal for refusal, _ in problems))
        hopeless = {one for _, some in problems for one in some}
        if not hopeless:
            return Plan(() if problems else changes, tuple(refused))
        connections = [one for one in connections if one not in hopeless]


_Problem = tuple[Refusal, set[Connection]]
"""What stands in the way, and the connections that cannot be mended because of it."""


def _try(
    org: Snapshot, target: Server, connections: Sequence[Connection]
) -> tuple[tuple[Change, ...], list[_Problem]]:
    before = connectors_of(org, target)
    old = {one.identity: one for one in before}
    now = _widened(release(before, connections), connections)

    def problem(kind: Kind, one: ReceiveConnector, text: str) -> _Problem:
        concerned = {each for each in connections if _lists(old[one.identity], each.address)}
        return Refusal(target.name, one.identity, kind, text), concerned

    problems: list[_Problem] = []
    for one in now:
        if one.ranges != old[one.identity].ranges and not one.ranges_complete:
            problems.append(problem("unread", one, f"{one.identity}: {CUT}"))
        elif one.ranges != old[one.identity].ranges and not one.ranges:
            problems.append(problem("empty", one, f"{one.identity}: {empty_list(one.identity)}"))
    problems += [
        (Refusal(target.name, None, "elsewhere", text), {one})
        for one, text in _still_wrong(connections, now)
    ]
    if problems:
        return (), problems
    refuse = refuser(org, target)
    order, stuck = in_order(before, now, refuse)
    changes = []
    state = dict(old)
    for one in order:
        beside = tuple(state.values())
        was = old[one.identity]
        changes.append(Change(was, one.ranges, beside, refuse(was, beside) or ""))
        state[one.identity] = one
    return tuple(changes), [problem("refused", one, text) for one, text in stuck]


def _connections(org: Snapshot, target: Server, mine: Sequence[Finding]) -> list[Connection]:
    """Every way in which the servers of the findings arrive, at each local address it may take.

    What is caught is freed wherever somebody answers; where nobody does, at a local address that
    nobody listens on, it is not a fault of ranges.
    """
    connectors = connectors_of(org, target)
    found: dict[Connection, None] = {}
    for path in judged_paths(org):
        causes = {one.cause for one in mine if _is_of(path, one)}
        if path.target is not target or not causes or not path.address or not path.endpoint:
            continue
        family: Family = 4 if path.address.version == 4 else 6
        port = path.endpoint.port
        # A server's own hop stays on its own address (S4.06), as `judged_paths` sees it.
        itself = path.sender is target
        places = (
            [path.address]
            if itself
            else [place.local for place in reachable(org, target, family, port)]
        )
        for local in places:
            one = Connection(path.address, local, port)
            if NOBODY in causes or answering(one, connectors):
                found.setdefault(one)
    return list(found)


def _is_of(path: Path, finding: Finding) -> bool:
    """Whether the finding was made on this path, or its repair has to free this path too.

    That is one between the same servers which is caught at some local addresses of the target
    alone: a sender that is let in from one of its addresses may still be caught from another.
    """
    if path.cause != finding.cause or finding.cause not in REPAIRED_BY_LISTS:
        return False
    if path.sender.name not in finding.senders:
        return False
    if path.on_evidence:
        return True
    connector = path.connector.identity if path.connector else None
    return (
        path.state == "found"
        and connector == finding.connector
        and str(path.address) in finding.addresses
    )


def _widened(
    now: list[ReceiveConnector], connections: Sequence[Connection]
) -> list[ReceiveConnector]:
    """Default connectors that would answer but for their lists get back what setup gave them."""
    roles = dict.fromkeys(one.role for one in now if one.role is not None)
    lacking = {
        default.identity
        for one in connections
        if answering(one, now) is None
        for role in roles
        if (default := intended(now, role, one.port)) is not None
        and default.enabled
        and listens(default, Place(4 if one.address.version == 4 else 6, one.port, one.local))
        and not _lists(default, one.address)
    }
    everything = tuple(EVERYTHING.values())
    return [replace(one, ranges=everything) if one.identity in lacking else one for one in now]


def _still_wrong(
    connections: Sequence[Connection], now: Sequence[ReceiveConnector]
) -> Iterator[tuple[Connection, str]]:
    """What ranges alone do not mend, in words.

    Nobody at one local address is no fault where somebody answers at another one: then peers don't
    arrive at the first.
    """
    answerers = {one: answering(one, now) for one in connections}
    served = {(one.address, one.port) for one, who in answerers.items() if who}
    for one, who in answerers.items():
        if who is None and (one.address, one.port) not in served:
            yield (
                one,
                (
                    f"Lists alone can't mend it: nobody would answer {one.address} on port "
                    f"{one.port}. Enable the default connector, or bind it again, first."
                ),
            )
        elif who and verdict_on(who, now, downgraded=True)[0] == "found":
            yield (
                one,
                (
                    f"Lists alone can't mend it: {who.identity} would answer {one.address}, and "
                    "it lets no Exchange server in either. Mend that first."
                ),
            )


def _lists(connector: ReceiveConnector, address: Address) -> bool:
    return any(address in block for block in connector.ranges)
