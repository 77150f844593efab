"""Audit: a connector that no address reaches, so that whatever is set on it has no effect."""

from __future__ import annotations

from collections.abc import Iterator

from mailflow.analysis.missing import ADDRESSES as ADDRESSES_FILE
from mailflow.analysis.missing import CONNECTORS, Missing
from mailflow.analysis.reach import Reach, WholeMap
from mailflow.analysis.servers import ServerView, address_of, doubt_of
from mailflow.checks.check import (
    LIST_CONNECTORS,
    Card,
    Check,
    ConnectorWords,
    Finding,
    in_own_words,
    own_advice,
)
from mailflow.exchange.connectors import ReceiveConnector, setup_default
from mailflow.exchange.ranges import Family
from mailflow.phrases import capital, joined

CARD = Card(
    id="connector-never-answers",
    title="Connector never used",
    meaning=(
        "More specific ranges of other connectors cover all of its own, or it is disabled or "
        "without binding: whatever is set on it has no effect."
    ),
    evidence_for=("The selection gives it for no address at all.",),
    evidence_against=("It accepts connections on another local address or port.",),
    confirm=(LIST_CONNECTORS,),
    fix=("Remove it, or give it RemoteIPRanges of its own, once its purpose is known.",),
    sources=("S1.04", "S1.10", "S1.13", "S1.15"),
)


def find(whole: WholeMap) -> Iterator[Finding]:
    """An entry for each connector that no address reaches, or of which that is not known."""
    for number, connector, reach in covered(whole):
        if not reach.answers_nobody:
            yield from _bound_elsewhere(whole.member_of(number), connector)
            continue
        doubt = doubt_of(connector)
        if doubt:
            words = ConnectorWords(
                f"Could not determine whether {connector.name} on {connector.server} accepts any "
                f"host: {doubt}.",
                f"{capital(doubt)}. Export it in full, then rerun:\n"
                f"{Missing(connector.server, CONNECTORS).command}",
            )
        else:
            words = ConnectorWords(
                f"No address reaches {connector.name} on {connector.server}: "
                f"{why_nobody(whole, number)}.",
                _remedy(connector),
            )
        yield Finding(
            check=CHECK,
            state="unknown" if doubt else "found",
            server=whole.member_of(number),
            connector=connector,
            evidence=words,
        )


_WHOSE = {True: "no adapter of this server has", False: "is not a known address of this server"}


def _bound_elsewhere(view: ServerView, connector: ReceiveConnector) -> Iterator[Finding]:
    """A connector that is bound only to addresses that the server does not have (S1.04).

    Found where its adapters were read; other lists of addresses may lack one.
    """
    local = [address_of(each.family, each.address) for each in connector.bindings]
    if not connector.bindings_complete or view.lacks_addresses or not view.addresses or not local:
        return
    if any(each.is_wildcard for each in connector.bindings) or set(local) & set(view.addresses):
        return
    addresses = joined(dict.fromkeys(local))
    words = ConnectorWords(
        f"{connector.name} on {connector.server} is bound only to {addresses}, which "
        f"{_WHOSE[view.has_all_addresses]}, so no host can reach it.",
        "Compare with the addresses of the server:\n"
        f"{Missing(view.name, ADDRESSES_FILE).shows}\n"
        "Bind the connector to one of these, or add the missing one to addresses.csv.",
    )
    yield Finding(
        check=CHECK,
        state="found" if view.has_all_addresses else "unknown",
        server=view,
        connector=connector,
        evidence=words,
    )


def why_nobody(whole: WholeMap, number: int) -> str:
    """Why a connector that was read in full accepts no host."""
    connector = whole.connectors[number]
    if connector.enabled is False:
        return "it is disabled"
    if not connector.bindings:
        return "it is bound to no local address and port"
    if not connector.ranges:
        return "its RemoteIPRanges are empty"
    bound = {binding.family for binding in connector.bindings}
    if not bound & {block.family for block in connector.ranges}:
        mine, theirs = _families(bound), _families({block.family for block in connector.ranges})
        return f"it is bound to {mine} and lists {theirs} ranges only"
    takers = joined(other.name for other in whole.takers(number))
    return f"all of its addresses are accepted by {takers}, whose ranges are more specific"


def covered(whole: WholeMap) -> Iterator[tuple[int, ReceiveConnector, Reach]]:
    """The connectors of servers that the run covers, with their numbers in the map."""
    for number, (connector, reach) in enumerate(
        zip(whole.connectors, whole.reaches(), strict=True)
    ):
        if whole.member_of(number).covered:
            yield number, connector, reach


def _remedy(connector: ReceiveConnector) -> str:
    if setup_default(connector) and connector.enabled is False:
        return (
            f"Setup made {connector.identity} and expects it: enable it, unless it was switched "
            "off on purpose; then note that in its Comment."
        )
    return (
        f"Remove {connector.identity} if nothing needs it, or give it what it lacks. Even when "
        "disabled, it counts when Exchange checks other connectors for conflicts."
    )


def _families(found: set[Family]) -> str:
    return joined(f"IPv{family}" for family in sorted(found))


CHECK = Check(CARD, "audit", in_own_words, own_advice)
