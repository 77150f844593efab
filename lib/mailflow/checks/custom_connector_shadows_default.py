"""C1: a custom connector accepts Exchange servers and offers no Exchange Server authentication."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mailflow.analysis.acceptance import Acceptance
from mailflow.analysis.missing import CONNECTORS, Missing
from mailflow.analysis.paths import MailPath
from mailflow.analysis.servers import ServerView, SortedAddresses, family_of
from mailflow.checks.check import (
    ADDRESSES,
    LIST_CONNECTORS,
    PROBE,
    RETRY,
    Card,
    Check,
    Finding,
    NoStep,
    RepairStep,
    addresses_in_words,
    fill_in,
    stop,
    tell,
)
from mailflow.checks.release import Arrival, release
from mailflow.exchange.ranges import Address
from mailflow.phrases import joined

CARD = Card(
    id="custom-connector-shadows-default",
    title="A custom connector accepts Exchange servers instead of the default connector",
    meaning=(
        "On the target a custom receive connector lists the sender's address in a more specific "
        "remote IP range than the default connector, so it accepts the connection. It does not "
        "offer Exchange Server authentication; the sender finds no way to authenticate and gives "
        "up. Externally secured connectors cannot offer it either."
    ),
    evidence_for=(
        "The selection for the sender's address gives a connector without ExchangeServer.",
        "EHLO from the sender shows neither X-ANONYMOUSTLS nor X-EXPS, but the target's name.",
        "Old to new servers fails (port 25), new to new works (port 2525), new to old works.",
        "The log of the default connector (Verbose from the start) has no row of the sender.",
    ),
    evidence_against=(
        "The default connector accepts every address of the sender.",
        "EHLO from the sender shows X-ANONYMOUSTLS.",
        "The connector that accepts it has ExchangeServer: then it may be there on purpose.",
    ),
    confirm=(LIST_CONNECTORS, ADDRESSES, PROBE),
    fix=(
        (
            "Remove the sender's addresses from the connector, on every target that lists them; an "
            "address inside a larger range means splitting that range."
        ),
        'Set-ReceiveConnector "{connector}" -RemoteIPRanges "{range}","{range}"',
        "Check again afterwards: a second connector may then accept the sender.",
        RETRY,
    ),
    sources=("C1", "C11", "C12", "C16", "S1.13", "S3.30", "S3.31", "S5.01"),
)


def explain(findings: Sequence[Finding]) -> str:
    """Which connector accepts whom, by which range, and what it does not offer."""
    return tell(findings, _sentences, joint=True)


def _sentences(finding: Finding, where: str) -> str:
    connector, senders = finding.connector, finding.senders
    name = connector.name if connector else "a custom connector"
    path = next(iter(finding.paths), None)
    default = (
        path.target.intended(path.endpoint.process, path.endpoint.port)
        if path and path.endpoint
        else None
    )
    instead = (
        f" instead of {default.name}"
        if default and where.count(" and ") == 0
        else (" instead of the default connector")
    )
    trusted = connector is not None and connector.is_externally_secured
    offers = (
        "is externally secured and cannot offer Exchange Server authentication"
        if trusted
        else "does not offer Exchange Server authentication"
    )
    return (
        f"{where}, receive connector {name} accepts the connections from {joined(senders)}"
        f"{instead}, because {_why(finding)}. {name} {offers}, so {stop(senders)} with 451 5.7.3."
    )


def _why(finding: Finding) -> str:
    """By which entries of its list the connector wins (S1.13)."""
    ranges = list(dict.fromkeys(path.range for path in finding.paths if path.range))
    if all(block.size == 1 for block in ranges):
        whose = "its address" if len(finding.addresses) == 1 else "their addresses"
        return f"its RemoteIPRanges contain {whose} ({', '.join(finding.addresses)})"
    contain = "contains" if len(ranges) == 1 else "contain"
    word = "range" if len(ranges) == 1 else "ranges"
    are = "is" if len(ranges) == 1 else "are"
    return (
        f"its {word} {joined(ranges)} {contain} {addresses_in_words(finding)} and {are} more "
        "specific than the default connector's"
    )


def step(view: ServerView, paths: Sequence[MailPath]) -> RepairStep:
    """Remove the servers from the lists of custom connectors that accept them."""
    connectors = dict.fromkeys(path.connector for path in paths if path.connector is not None)
    cut = [each.identity for each in connectors if not each.ranges_complete]
    if cut:
        return NoStep(
            "unread",
            cut[0],
            f"RemoteIPRanges of {joined(cut)} are incomplete in the data, so the new list cannot "
            "be written. Export it in full, then rerun:",
            Missing(view.name, CONNECTORS).command,
        )
    return release(view.connectors, connections(view, paths))


def connections(view: ServerView, paths: Iterable[MailPath]) -> list[Arrival]:
    """How the senders of these paths arrive, at each local address that they may take."""
    paths = [path for path in paths if path.address is not None]
    asked = SortedAddresses(path.address for path in paths if path.address)
    acceptance = Acceptance(view.connectors, asked)
    found: dict[Arrival, None] = {}
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
            _, connector, _ = acceptance.ask(path.address, local, port)
            if connector:
                found.setdefault(Arrival(path.address, local, port))
    return list(found)


CHECK = Check(CARD, "both", explain, fill_in, step)
