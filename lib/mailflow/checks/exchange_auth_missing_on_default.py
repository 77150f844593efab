"""C2, C3: the default connector accepts the servers and lacks Exchange Server authentication."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mailflow.analysis.paths import MailPath
from mailflow.analysis.servers import ServerView
from mailflow.checks.check import (
    LIST_CONNECTORS,
    PROBE,
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
    stop,
    tell,
)
from mailflow.exchange.connectors import AuthMechanism, ReceiveConnector, flag_names
from mailflow.exchange.refusals import refused_fqdn

CARD = Card(
    id="exchange-auth-missing-on-default",
    title="The default connector does not offer Exchange Server authentication",
    meaning=(
        "The right connector accepts the connection, but ExchangeServer is gone from its "
        "AuthMechanism. Its EHLO response then lacks X-ANONYMOUSTLS and X-EXPS, and the sender "
        "gives up."
    ),
    evidence_for=("AuthMechanism of the default connector lacks ExchangeServer.",),
    evidence_against=(
        "The connector lists ExchangeServer.",
        "Another connector accepts the connection.",
    ),
    confirm=(LIST_CONNECTORS, PROBE),
    fix=(
        (
            'Set-ReceiveConnector "{connector}" -AuthMechanism '
            "Tls,Integrated,BasicAuth,BasicAuthRequireTLS,ExchangeServer (on an Edge server: "
            "Tls,ExchangeServer)"
        ),
        (
            "The value is replaced as a whole: name all that is wanted. A Fqdn that is not the "
            "server's own is refused beside ExchangeServer: set it in the same command."
        ),
        RETRY,
    ),
    sources=("C2", "C3", "S3.23", "S3.30", "L5"),
)


def explain(findings: Sequence[Finding]) -> str:
    """Who is accepted as intended, and what the connector offers."""
    return tell(findings, _sentences)


def _sentences(finding: Finding, where: str) -> str:
    connector = finding.connector
    name = connector.name if connector else "the default connector"
    offers = flag_names(connector.auth) if connector and connector.auth is not None else "unknown"
    return (
        f"{where}, {name} accepts the connections from {addresses_in_words(finding)}, as intended, "
        f"but does not offer Exchange Server authentication (AuthMechanism: {offers}), so "
        f"{stop(finding.senders)} with 451 5.7.3."
    )


def step(view: ServerView, paths: Sequence[MailPath]) -> RepairStep:
    """What is there plus ExchangeServer (S3.23), and a name that Exchange allows with it.

    ExternalAuthoritative cannot stay beside ExchangeServer (section 3.4).
    """

    def offer(connector: ReceiveConnector) -> ReceiveConnector | NoStep:
        if connector.auth is None:
            return not_read("AuthMechanism", connector, view)
        auth = connector.auth & ~AuthMechanism.ExternalAuthoritative
        wanted = replace(connector, auth=auth | AuthMechanism.Tls | AuthMechanism.ExchangeServer)
        if refused_fqdn(wanted, view.server):
            wanted = replace(wanted, fqdn=view.server.fqdn or view.name)
        return wanted

    return each_changed(view, paths, offer)


CHECK = Check(CARD, "both", explain, fill_in, step)
