"""C13, S1.18: no receive connector matches the connection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mailflow.analysis.paths import MailPath
from mailflow.analysis.servers import ServerView, family_of
from mailflow.checks.check import (
    ADDRESSES,
    COMPONENTS,
    LIST_CONNECTORS,
    RETRY,
    Card,
    Check,
    Finding,
    NoStep,
    RepairStep,
    addresses_in_words,
    changed,
    fill_in,
    not_read,
    tell,
)
from mailflow.exchange.connectors import Binding, ReceiveConnector
from mailflow.exchange.ranges import single

CARD = Card(
    id="no-connector-answers",
    title="No receive connector matches the connection",
    meaning=(
        "No enabled connector of the process matches local address, port and the sender's "
        "address. The target opens the session, replies 421 4.3.2 and closes it."
    ),
    evidence_for=(
        "The default connector is disabled, or its ranges or bindings were narrowed.",
        "The target's receive log has rows with an empty connector-id.",
    ),
    evidence_against=(
        "The selection gives a connector for every address of the sender.",
        "Other hosts get the same reply: then look at the component states.",
    ),
    confirm=(LIST_CONNECTORS, ADDRESSES, COMPONENTS),
    fix=(
        'Set-ReceiveConnector "{connector}" -Enabled $true',
        (
            "or add what is missing: "
            'Set-ReceiveConnector "{connector}" -RemoteIPRanges "{range}","{address}"'
        ),
        RETRY,
    ),
    sources=("S1.18", "C13", "S2.01"),
)


def explain(findings: Sequence[Finding]) -> str:
    """Who is not accepted, and what the default connector lacks for them."""
    return tell(findings, _sentences)


def _sentences(finding: Finding, where: str) -> str:
    senders = addresses_in_words(finding)
    return f"{where}, no receive connector matches {senders}: {_reason(finding)} (421 4.3.2)."


def _reason(finding: Finding) -> str:
    connector = finding.connector
    if connector is None:
        return "setup's own connector for it is missing"
    if connector.enabled is False:
        return f"{connector.name} is disabled"
    contained = all(
        any(path.address in block for block in connector.ranges)
        for path in finding.paths
        if path.address
    )
    many = len({path.address for path in finding.paths if path.address}) > 1
    what = (
        "its Bindings do not cover the local address"
        if contained
        else f"its RemoteIPRanges do not contain {'these addresses' if many else 'this address'}"
    )
    return f"{connector.name} is enabled, but {what}"


def step(view: ServerView, paths: Sequence[MailPath]) -> RepairStep:
    """Enable setup's connector, and add what it lacks for these paths, no more."""
    default = next((path.connector for path in paths if path.connector), None)
    if default is None:
        port = next((path.endpoint.port for path in paths if path.endpoint), 25)
        return NoStep(
            "elsewhere",
            None,
            f"{view.name} has no connector of setup's for port {port}. Create it again with "
            "New-ReceiveConnector and the values of a healthy server.",
        )
    current = view.connector(default.identity) or default
    if current.enabled is False:
        return changed(view, replace(current, enabled=True))
    mine = [path for path in paths if path.connector and path.address and path.endpoint]
    bindings = _missing_bindings(view, current, mine)
    if bindings:
        if not current.bindings_complete:
            return not_read("Bindings", current, view)
        return changed(view, replace(current, bindings=(*current.bindings, *bindings)))
    missing = dict.fromkeys(
        path.address
        for path in mine
        if path.address and not any(path.address in block for block in current.ranges)
    )
    if not missing:
        return NoStep("elsewhere", current.identity, f"{current.identity} accepts none of them.")
    if not current.ranges_complete:
        return not_read("RemoteIPRanges", current, view)
    ranges = (*current.ranges, *(single(address) for address in missing))
    return changed(view, replace(current, ranges=ranges))


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


CHECK = Check(CARD, "both", explain, fill_in, step)
