"""L2: authentication would work, and the ExchangeServers permission group is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mailflow.analysis.paths import MailPath
from mailflow.analysis.servers import ServerView
from mailflow.checks.check import (
    ENTRIES,
    LIST_CONNECTORS,
    RETRY,
    Card,
    Check,
    Finding,
    NoStep,
    RepairStep,
    addresses_in_words,
    each_changed,
    fill_in,
    not_read,
    tell,
)
from mailflow.exchange.connectors import PermissionGroups, ReceiveConnector

CARD = Card(
    id="exchange-servers-group-missing",
    title="Exchange servers can authenticate, but may not submit",
    meaning=(
        "The connector that accepts the connection offers ExchangeServer, but ExchangeServers is "
        "not among its PermissionGroups, or the right is denied. Authentication works, then the "
        "target refuses with 454 4.7.0."
    ),
    evidence_for=(
        "PermissionGroups of the connector that accepts the connection lack ExchangeServers.",
        "Event 1018 on the target: the right to submit was refused.",
    ),
    evidence_against=(
        "The error is 5.7.3: then authentication was never tried.",
        "Events 1035 or 2017: authentication itself failed.",
    ),
    confirm=(
        LIST_CONNECTORS,
        f'Get-ADPermission "{{connector}}" | {ENTRIES}',
    ),
    fix=(
        (
            'Set-ReceiveConnector "{connector}" -PermissionGroups '
            "AnonymousUsers,ExchangeServers,ExchangeLegacyServers"
        ),
        (
            "The value is replaced as a whole. Where the list shows Custom, look at the rights "
            "first."
        ),
        RETRY,
    ),
    sources=("L2", "L3", "S3.20", "S3.21", "S3.30"),
)


def explain(findings: Sequence[Finding]) -> str:
    """Who is accepted, and which group is missing."""
    return tell(findings, _sentences)


def _sentences(finding: Finding, where: str) -> str:
    name = finding.connector.name if finding.connector else "the connector"
    return (
        f"{where}, {name} accepts the connections from {addresses_in_words(finding)} and offers "
        "Exchange Server authentication, but its PermissionGroups lack ExchangeServers: after "
        "authentication the servers may not submit (454 4.7.0)."
    )


def step(view: ServerView, paths: Sequence[MailPath]) -> RepairStep:
    """The groups that are there and ExchangeServers (S3.23)."""

    def admit(connector: ReceiveConnector) -> ReceiveConnector | NoStep:
        if connector.groups is None:
            return not_read("PermissionGroups", connector, view)
        return replace(connector, groups=connector.groups | PermissionGroups.ExchangeServers)

    return each_changed(view, paths, admit)


CHECK = Check(CARD, "both", explain, fill_in, step)
