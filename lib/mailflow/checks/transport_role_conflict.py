"""C9: connectors of both transport services claim the same local endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mailflow.analysis.paths import MailPath
from mailflow.analysis.servers import ServerView
from mailflow.checks.check import (
    LIST_CONNECTORS,
    RETRY,
    Card,
    Check,
    ConnectorWords,
    Finding,
    RepairStep,
    changed,
    fill_in,
    not_read,
    tell,
)
from mailflow.exchange.connectors import Binding, ReceiveConnector, setup_default
from mailflow.phrases import joined

CARD = Card(
    id="transport-role-conflict",
    title="Two transport services claim the same endpoint",
    meaning=(
        "A connector with TransportRole HubTransport is bound to an endpoint of the Front End "
        "service, mostly port 25, or the other way round. Which process gets the socket is "
        "chance; usually the reply is 4.3.2, sometimes 5.7.3."
    ),
    evidence_for=(
        "Connectors of both roles listen on the same address and port.",
        "Event 1001 on the target: address and port in use.",
    ),
    evidence_against=(
        (
            "The server has no Front End role (2013 Mailbox only, Edge, 2010): then port 25 "
            "with HubTransport is normal."
        ),
    ),
    confirm=(LIST_CONNECTORS, "On the target: netstat -ano | findstr :25"),
    fix=(
        'Set-ReceiveConnector "{connector}" -TransportRole FrontendTransport',
        "Restart-Service MSExchangeTransport, MSExchangeFrontEndTransport",
        RETRY,
    ),
    sources=("C9", "S1.30", "S2.05", "S2.21"),
)


def explain(findings: Sequence[Finding]) -> str:
    """Which connector does not belong to the endpoint."""
    if findings[0].state == "unknown" and not findings[0].paths and not findings[0].evidence:
        names = joined(each.connector.identity for each in findings if each.connector)
        return (
            f"Could not determine whether {names} claims an endpoint of the other transport "
            "service: whether both connectors are enabled was not read."
        )
    if findings[0].state != "found" or isinstance(findings[0].evidence, ConnectorWords):
        return tell(findings, lambda _, where: where)
    servers: dict[str, list[str]] = {}
    for finding in findings:
        if finding.server and finding.connector:
            servers.setdefault(finding.connector.name, []).append(finding.server.name)
    return " ".join(
        f"On {joined(names)}, {connector} claims an endpoint that a connector of the other "
        "transport service also claims. One of the two services gets it, and which one cannot be "
        "predicted."
        for connector, names in servers.items()
    )


def step(view: ServerView, paths: Sequence[MailPath]) -> RepairStep:
    """What setup made returns to its own port; anything else takes the role that belongs there.

    A connector of setup's keeps its role, whatever else was changed. A custom one that also listens
    where its role belongs gives up the other endpoint.
    """
    del paths  # the conflict is the server's, whoever arrives
    conflict = view.role_conflicts[0]
    odd, role = conflict.odd, conflict.other.role
    made = setup_default(odd)
    if made is None:
        if odd.role is None or role is None:
            return not_read("TransportRole", odd, view)
        rest = _without_conflict(view, odd)
        if not rest:
            return changed(view, replace(odd, role=role))
        if not odd.bindings_complete:
            return not_read("Bindings", odd, view)
        return changed(view, replace(odd, bindings=rest))
    if not odd.bindings_complete:
        return not_read("Bindings", odd, view)
    port = conflict.bindings[0].port
    bindings = (
        replace(binding, port=made.port) if binding.port == port else binding
        for binding in odd.bindings
    )
    return changed(view, replace(odd, bindings=tuple(dict.fromkeys(bindings))))


def _without_conflict(view: ServerView, odd: ReceiveConnector) -> tuple[Binding, ...]:
    """Its bindings that no connector of the other service claims."""
    theirs = [
        binding
        for each in view.connectors
        if each.enabled and each.role not in (odd.role, None)
        for binding in each.bindings
    ]
    return tuple(mine for mine in odd.bindings if not any(mine.meets(each) for each in theirs))


CHECK = Check(CARD, "both", explain, fill_in, step)
