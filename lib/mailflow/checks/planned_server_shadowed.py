"""Audit: a custom connector that would intercept a server which does not arrive there yet.

Also what looks alike and is harmless: custom connectors that contain servers' addresses on purpose,
on other ports, or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mailflow.analysis.assessment import NOBODY, ROLE_CONFLICT, SHADOWED
from mailflow.analysis.places import hidden_connectors
from mailflow.analysis.planned import Planned
from mailflow.analysis.servers import ServerView, SortedAddresses, is_whole
from mailflow.checks import custom_connector_shadows_default as shadowed
from mailflow.checks.check import Card, Check, ConnectorWords, Finding, fill_in, in_own_words
from mailflow.checks.ways import INSIDE, SERVER_PORTS, Way
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.range_words import ranges_in_words
from mailflow.phrases import joined

CARD = Card(
    id="planned-server-shadowed",
    title="A custom connector would intercept a future Exchange server",
    meaning=(
        "The address of an Exchange server lies in the range of a custom connector without "
        "Exchange Server authentication; the server is still to come, or its mail does not "
        "take this port today. It fails once a role, a version or an address changes."
    ),
    evidence_for=("The selection for that address gives that connector.",),
    evidence_against=(
        "The connector is meant for that server and has ExchangeServer.",
        "Another connector has a more specific range for the address.",
    ),
    confirm=("mailflow which SOURCE --server {target} --source {address} --port {port}",),
    fix=(
        "Remove the address from the connector before the server arrives there.",
        (
            "Ports 465 and 717 carry what one service of Exchange passes to another: there it may "
            "fail today."
        ),
    ),
    sources=("C1", "S1.13", "S2.01", "S4.02", "S4.03"),
)


def explain(findings: Sequence[Finding]) -> str:
    """As of a connector that intercepts servers today; of a clear one why it is harmless."""
    return shadowed.explain(findings) if findings[0].paths else in_own_words(findings)


def when(ways: Sequence[Way]) -> str:
    """Whether it fails anybody today; empty where it does."""
    if any(each.in_use for each in ways):
        return ""
    ports = {each.path.endpoint.port for each in ways if each.path.endpoint and not each.planned}
    words = [f" On port {port} {INSIDE[port]}." for port in sorted(ports) if port in INSIDE]
    if ports - INSIDE.keys() or not ports:
        words.append(" No mail between servers uses this path today, so nothing fails yet.")
    return "".join(words)


def harmless(
    servers: Sequence[ServerView],
    planned: Sequence[Planned],
    told: Iterable[Finding],
) -> Iterator[Finding]:
    """A clear entry for each custom connector that does nothing to servers, with the reason.

    Only where all was read that it rests on: the connector, and who answers on its server.
    """
    told = [each for each in told if each.state in ("found", "unknown")]
    about = [each for each in told if each.id in _ABOUT_SERVERS]
    named = {each.connector.identity for each in about if each.connector}
    doubtful = {each.server for each in about if each.state == "unknown"}
    hosts = [(view.server.name, address) for view in servers for address in view.addresses]
    hosts += [(newcomer.name or newcomer.label, newcomer.address) for newcomer in planned]
    asked = SortedAddresses(address for _, address in hosts)
    for member in servers:
        if not member.covered or member in doubtful:
            continue
        short = asked.lean(member.connectors)
        for place in sorted(member.custom):
            connector = member.connectors[place]
            if connector.identity in named or connector.enabled is False or not is_whole(connector):
                continue
            inside = [
                (name, address)
                for name, address in hosts
                if any(address in block for block in short[place].ranges)
            ]
            yield Finding(
                check=CHECK,
                state="clear",
                server=member,
                connector=connector,
                named=tuple(dict.fromkeys(name for name, _ in inside)),
                evidence=ConnectorWords(
                    _why_harmless(connector, [name for name, _ in inside]),
                    addresses=tuple(dict.fromkeys(str(address) for _, address in inside)),
                ),
            )


def welcome(
    servers: Sequence[ServerView],
    planned: Sequence[Planned],
    told: Iterable[Finding],
) -> Iterator[Finding]:
    """The clear entry on servers to come that every connector lets in, where all was read."""
    named = {
        address for each in told if each.state in ("found", "unknown") for address in each.addresses
    }
    hidden = any(
        True
        for member in servers
        if member.covered and (member.server.has_hub or member.server.has_frontend is not False)
        for _ in hidden_connectors(member, member.connectors)
    )
    let_in = [newcomer for newcomer in planned if str(newcomer.address) not in named]
    if let_in and not hidden:
        who = joined(f"{newcomer.label} {newcomer.address}" for newcomer in let_in)
        yield Finding(
            check=CHECK,
            state="clear",
            named=tuple(dict.fromkeys(newcomer.name for newcomer in let_in if newcomer.name)),
            evidence=ConnectorWords(
                f"Every server that was checked would accept {who}.",
                addresses=tuple(str(newcomer.address) for newcomer in let_in),
            ),
        )


_ABOUT_SERVERS = frozenset(
    {
        *(SHADOWED, CARD.id, NOBODY, ROLE_CONFLICT),
        *("exchange-servers-group-missing", "anonymoustls-suppressed"),
    }
)
"""Causes under which a custom connector is told of already."""


def _why_harmless(connector: ReceiveConnector, inside: Sequence[str]) -> str:
    name = f"{connector.name} on {connector.server}"
    if not inside:
        return (
            f"No known address of an Exchange server is in RemoteIPRanges of {name} "
            f"({ranges_in_words(connector)}): it serves other hosts and intercepts no Exchange "
            "server."
        )
    held = f"{name} contains addresses of {joined(inside)}"
    if connector.offers_exchange_auth:
        hides = (
            " It suppresses X-ANONYMOUSTLS for a WAN device, and the senders are set for that."
            if connector.suppress_x_anonymous_tls
            else ""
        )
        return (
            f"{held}, and offers Exchange Server authentication: servers are accepted. Such "
            f"connectors exist for that purpose; leave it as it is.{hides}"
        )
    ports = {binding.port for binding in connector.bindings}
    if not ports & SERVER_PORTS:
        return (
            f"{held}, but listens on port {joined(sorted(ports))} alone, where servers do not "
            "authenticate to each other: OK by design."
        )
    return f"{held}, but it does not accept them where they arrive: OK as configured."


CHECK = Check(CARD, "audit", explain, fill_in, shadowed.step)
