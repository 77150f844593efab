"""C10: X-ANONYMOUSTLS is suppressed on the target, and the sender is not set for that."""

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
    Finding,
    RepairStep,
    addresses_in_words,
    each_changed,
    fill_in,
    tell,
)

CARD = Card(
    id="anonymoustls-suppressed",
    title="X-ANONYMOUSTLS is suppressed on the target, but not allowed for on the sender",
    meaning=(
        "SuppressXAnonymousTls hides X-ANONYMOUSTLS on the connector that accepts the connection, "
        "as WAN optimizers need it. A sender without UseDowngradedExchangeServerAuth cannot "
        "authenticate then."
    ),
    evidence_for=(
        "SuppressXAnonymousTls is True on the connector that accepts the connection.",
        "EHLO shows X-EXPS but not X-ANONYMOUSTLS, and the certificate is in order.",
    ),
    evidence_against=(
        "UseDowngradedExchangeServerAuth is True on the sender: then this is by design.",
    ),
    confirm=(
        LIST_CONNECTORS,
        (
            "Get-TransportService {sender} | Format-List Name, UseDowngradedExchangeServerAuth "
            "(2010: Get-TransportServer)"
        ),
    ),
    fix=(
        'Set-ReceiveConnector "{connector}" -SuppressXAnonymousTls $false',
        (
            "or, if the setting is intended: Set-TransportService {sender} "
            "-UseDowngradedExchangeServerAuth $true"
        ),
        RETRY,
    ),
    sources=("C10", "S3.42", "S5.03"),
)


def explain(findings: Sequence[Finding]) -> str:
    """Who is accepted, and what is hidden from them."""
    return tell(findings, _sentences)


def _sentences(finding: Finding, where: str) -> str:
    name = finding.connector.name if finding.connector else "the connector"
    return (
        f"{where}, {name} accepts the connections from {addresses_in_words(finding)}, but "
        "SuppressXAnonymousTls is set. UseDowngradedExchangeServerAuth, which lets a sender do "
        "without X-ANONYMOUSTLS, is off on the senders or missing in the data."
    )


def step(view: ServerView, paths: Sequence[MailPath]) -> RepairStep:
    """Offer X-ANONYMOUSTLS again."""
    return each_changed(view, paths, lambda each: replace(each, suppress_x_anonymous_tls=False))


CHECK = Check(CARD, "both", explain, fill_in, step)
