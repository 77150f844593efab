"""Audit: elements of RemoteIPRanges inside others that change nothing (S1.13, S1.14).

An element inside another one of its list matters where a range of another connector lies between
the two in size: then the smaller one wins the host back. Such an element is none of these.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailflow.analysis.missing import CONNECTORS, Missing
from mailflow.analysis.servers import ServerView, is_whole
from mailflow.analysis.tidy import doubts_of, has_overlaps, redundant
from mailflow.checks.check import (
    LIST_CONNECTORS,
    Card,
    Check,
    ConnectorWords,
    Finding,
    in_own_words,
    own_advice,
)
from mailflow.exchange.commands import filled
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.phrases import counted, joined

CARD = Card(
    id="ranges-redundant",
    title="RemoteIPRanges has elements that change nothing",
    meaning=(
        "Elements lie inside others of the same connector, and change nothing about which hosts it "
        "accepts. They mislead: an administrator who removes such a host finds that it is still "
        "accepted."
    ),
    evidence_for=("Without these elements the same connector accepts every address.",),
    evidence_against=(
        (
            "Another connector has a range that is smaller than the outer element and larger than "
            "the inner one: then the inner one decides."
        ),
    ),
    confirm=(LIST_CONNECTORS,),
    fix=('Set the shortest equivalent value: mailflow tidy SOURCE "{connector}"',),
    sources=("S1.13", "S1.14", "S8.62"),
)

SHORTER = "Show the shortest equivalent RemoteIPRanges, and the commands:"


def tidy_command(connector: ReceiveConnector, source: str = "") -> str:
    """The command that proposes the smallest list."""
    known = {"source": source, "connector": connector.identity}
    return filled("mailflow tidy {source} {connector}", known)


def find(servers: Sequence[ServerView]) -> Iterator[Finding]:
    """An entry for each list with such elements, or of which that could not be determined."""
    for view in servers:
        for connector in view.connectors if view.covered else ():
            if not has_overlaps(connector.ranges):
                continue
            spare = redundant(view, connector)
            if spare:
                yield Finding(
                    check=CHECK,
                    state="found",
                    server=view,
                    connector=connector,
                    evidence=_found(connector, [str(each) for each in spare]),
                )
            elif any(not is_whole(each) for each in view.connectors):
                doubts = doubts_of(view, connector)
                if doubts:
                    yield Finding(
                        check=CHECK,
                        state="unknown",
                        server=view,
                        connector=connector,
                        evidence=_unknown(connector, doubts),
                    )


def _found(connector: ReceiveConnector, spare: Sequence[str]) -> ConnectorWords:
    lies = "lies inside another element" if len(spare) == 1 else "lie inside other elements"
    changes = "changes" if len(spare) == 1 else "change"
    return ConnectorWords(
        f"In RemoteIPRanges of {connector.name} on {connector.server}, {joined(spare)} {lies} and "
        f"{changes} nothing: {len(spare):,} of "
        f"{counted(len(connector.ranges), 'element')} can go, and every host is accepted as "
        "before.",
        f"{SHORTER}\n{tidy_command(connector)}",
    )


def _unknown(connector: ReceiveConnector, doubts: Sequence[str]) -> ConnectorWords:
    return ConnectorWords(
        f"Elements of RemoteIPRanges of {connector.name} on {connector.server} lie inside others; "
        f"whether they change anything could not be determined: {joined(doubts, most=2)}.",
        "Export all receive connectors of the server in full, then rerun:\n"
        f"{Missing(connector.server, CONNECTORS).command}",
    )


CHECK = Check(CARD, "audit", in_own_words, own_advice)
