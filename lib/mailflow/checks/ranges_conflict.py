"""Audit: two connectors of one endpoint that Exchange does not allow beside each other (S1.37).

Ranges that are equal at one binding, or each of which sticks out of the other, are refused (S1.31,
S1.32), but may stand there from before. Then every change of either is refused, also of something
else (S8.65). Conflicts of roles are told as `transport-role-conflict`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailflow.analysis.servers import ServerView
from mailflow.checks.check import (
    LIST_CONNECTORS,
    Card,
    Check,
    ConnectorWords,
    Finding,
    in_own_words,
    own_advice,
    try_removing,
)
from mailflow.exchange.conflicts import Conflict, check, find_conflicts
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import AddressRange, format_range
from mailflow.phrases import joined

CARD = Card(
    id="ranges-conflict",
    title="Two connectors have ranges that Exchange does not accept together",
    meaning=(
        "At one endpoint two connectors have equal or partly overlapping ranges. New- and "
        "Set-ReceiveConnector refuse that, but connectors may have it from before. Every change of "
        "either is refused until it is cleared, also of another setting."
    ),
    evidence_for=("A range of one is equal to a range of the other, or each sticks out.",),
    evidence_against=("One range lies wholly inside the other: that is allowed.",),
    confirm=(LIST_CONNECTORS,),
    fix=(
        (
            "Decide which connector is meant to accept the hosts that both list, and remove them "
            "from the other one. Check the change first: mailflow whatif SOURCE --server {target} "
            "--connector NAME --remove RANGE"
        ),
    ),
    sources=("S1.13", "S1.16", "S1.31", "S1.32", "S1.36", "S1.37", "S8.65"),
)


def find(servers: Sequence[ServerView]) -> Iterator[Finding]:
    """An entry for each connector that stands in conflict; of a pair the custom one is named."""
    for view in servers:
        if not view.covered:
            continue
        by_name: dict[str, list[Conflict]] = {}
        for conflict in find_conflicts(view.connectors):
            if conflict.kind == "mapping":
                named = _named(view, conflict)
                by_name.setdefault(named.identity, []).append(conflict)
        for connector in view.connectors:
            some = by_name.get(connector.identity)
            if some:
                words = ConnectorWords(_reading(view, connector, some), _advice(connector, some))
                yield Finding(
                    check=CHECK, state="found", server=view, connector=connector, evidence=words
                )


def _named(view: ServerView, conflict: Conflict) -> ReceiveConnector:
    """The one that an administrator made; of two of them the one whose name comes last."""
    custom = {id(view.connectors[place]) for place in view.custom}
    pair = (conflict.first, conflict.second)
    return max(pair, key=lambda each: (id(each) in custom, each.name.casefold()))


def _other(connector: ReceiveConnector, conflict: Conflict) -> ReceiveConnector:
    return conflict.second if conflict.first is connector else conflict.first


def _reading(view: ServerView, connector: ReceiveConnector, some: Sequence[Conflict]) -> str:
    sentences = [f"On {view.name}, {connector.name} and {_meeting(connector, some[0])}."]
    if len(some) > 1:
        names = joined(_other(connector, each).name for each in some[1:])
        sentences.append(f"It also conflicts with {names}.")
    sentences += [_selection(some[0]), _refusals(connector, some)]
    return " ".join(sentences)


def _meeting(connector: ReceiveConnector, conflict: Conflict) -> str:
    """`Scanners both have the range 10.0.5.0/24 at 0.0.0.0:25`."""
    mine, theirs = _ranges(connector, conflict)
    other = _other(connector, conflict)
    where = joined(dict.fromkeys(conflict.bindings))
    if mine == theirs:
        return f"{other.name} both have the range {mine} at {where}"
    return f"{other.name} have ranges that overlap in part at {where}: {mine} and {theirs}"


def _ranges(connector: ReceiveConnector, conflict: Conflict) -> tuple[AddressRange, AddressRange]:
    pair = conflict.ranges
    if pair is None:
        raise ValueError("a conflict of roles has no ranges")
    return pair if conflict.first is connector else (pair[1], pair[0])


def _selection(conflict: Conflict) -> str:
    """Which of the two accepts the hosts that both list (S1.13, S1.16, S1.36)."""
    off = [each.name for each in (conflict.first, conflict.second) if each.enabled is False]
    if off:
        is_off = "is disabled" if len(off) == 1 else "are disabled"
        return (
            f"{joined(off)} {is_off}, so the choice between them arises for no host; Exchange "
            "compares disabled connectors all the same."
        )
    first, second = _ranges(conflict.first, conflict)
    both = format_range(first.overlap(second))
    hosts = f"Hosts that both ranges contain ({both})"
    ranks = [not binding.is_wildcard for binding in conflict.bindings]
    if first.specificity != second.specificity:
        winner = conflict.first if first.size < second.size else conflict.second
        return (
            f"{hosts} are accepted by {winner.name}, whose range is smaller, where no range that "
            "is smaller still contains them."
        )
    if ranks[0] != ranks[1]:
        winner = conflict.first if ranks[0] else conflict.second
        return (
            f"{hosts} are accepted by {winner.name}, which is bound to the local address itself, "
            "where no smaller range contains them."
        )
    return (
        f"Which of the two accepts hosts that both ranges contain ({both}) could not "
        "be determined: the ranges are equal in size, and a restart of the service may change it."
    )


def _refusals(connector: ReceiveConnector, some: Sequence[Conflict]) -> str:
    """Which changes Exchange refuses; its check looks at the first pair of bindings alone."""
    pairs = [(connector, _other(connector, each)) for each in some]
    refused = dict.fromkeys(
        edited.name
        for mine, theirs in pairs
        for edited, other in ((mine, theirs), (theirs, mine))
        if check(edited, [other])
    )
    if not refused:
        return (
            "The cmdlets overlook it, because they compare only one pair of bindings of the two "
            "connectors."
        )
    return (
        f"Exchange refuses every change of {joined(refused)} until that is cleared, also of "
        "another setting."
    )


def _advice(connector: ReceiveConnector, some: Sequence[Conflict]) -> str:
    other = _other(connector, some[0])
    mine, _ = _ranges(connector, some[0])
    return (
        f"Decide whether {connector.name} or {other.name} is meant to accept the hosts that both "
        "list, and remove them from the other one. Before that, see whom it moves, for example:\n"
        f"{try_removing(connector, [mine])}"
    )


CHECK = Check(CARD, "audit", in_own_words, own_advice)
