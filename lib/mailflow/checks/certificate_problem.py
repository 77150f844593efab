"""A certificate that a connector needs for TLS, by configuration: missing, expired, not for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailflow.analysis.analysis import Analysis
from mailflow.analysis.missing import Missing
from mailflow.analysis.queues import QueueCase
from mailflow.analysis.servers import ServerView
from mailflow.checks.check import Card, Check, ConnectorWords, Finding, in_own_words, own_advice
from mailflow.exchange.certificates import CertificateNeed, Fitness, parse_certificate_name
from mailflow.exchange.commands import filled
from mailflow.exchange.connectors import AuthMechanism, ReceiveConnector, setup_default
from mailflow.exchange.send_connectors import SendConnector
from mailflow.phrases import joined

CERTIFICATES = "Get-ExchangeCertificate"

CARD = Card(
    id="certificate-problem",
    title="Certificate of a connector is missing, expired or for another name",
    meaning=(
        "TLS on a connector uses the certificate that TlsCertificateName names by issuer and "
        "subject, else one for SMTP that contains the connector's Fqdn. Where the server has no "
        "usable certificate that matches, mail that needs TLS does not pass."
    ),
    evidence_for=(
        "TlsCertificateName fits no certificate of the server, or an expired one.",
        "LastError names TlsCertificateName. Events 12014, 12016 or 12018.",
    ),
    evidence_against=(
        "The server has a valid certificate with that issuer and subject.",
        "Mail between Exchange servers: it uses the internal transport certificate.",
    ),
    confirm=(
        'Get-SendConnector "{send_connector}" | Format-List Identity, Tls*, Fqdn, RequireTLS',
        (
            "Get-ExchangeCertificate -Server {sender} | Format-List Thumbprint, Services, "
            "NotAfter, Issuer, Subject, CertificateDomains, HasPrivateKey"
        ),
    ),
    fix=(
        (
            "Import a valid certificate with its private key on each source server and assign SMTP "
            "to it. If issuer or subject changed, enter the new names:"
        ),
        "$c = Get-ExchangeCertificate -Thumbprint <thumbprint of the new certificate>",
        (
            'Set-SendConnector "{send_connector}" -TlsCertificateName '
            '"<I>$($c.Issuer)<S>$($c.Subject)"'
        ),
    ),
    sources=("S6.17", "S8.85", "S9.24", "S9.25", "6.2"),
)

_WORDS = {
    Fitness.ABSENT: "is not on {server}",
    Fitness.KEYLESS: "is on {server} without its private key",
    Fitness.EXPIRED: (
        "expired on {until}: {server} has no other certificate with that issuer and subject"
    ),
    Fitness.SOON: "expires on {until} on {server}, within 30 days",
}


def of_queue(analysis: Analysis, case: QueueCase) -> Iterator[Finding]:
    """What explains a queue whose error is of TLS, on the send connector that carries it.

    Where the error itself speaks of TlsCertificateName and the certificates of the server were not
    read, that is told as well, with the command: the error stays a cause of its own.
    """
    connector = case.carrier.connector if case.carrier else None
    if connector is None or case.sender is None or not _speaks_of_certificates(case):
        return
    need = analysis.certificates.named(case.sender.server, connector.certificate)
    asks = need and need.fitness in (Fitness.UNREAD, Fitness.UNSURE) and names_it(case)
    if need and (need.fitness.is_fault or asks):
        yield _of_send_connector(case.sender, connector, need, (case,))


def names_it(case: QueueCase) -> bool:
    """Whether the error itself says that the named certificate is not there (S9.24)."""
    return "tlscertificatename" in "".join(case.error.text.casefold().split())


def _speaks_of_certificates(case: QueueCase) -> bool:
    """Whether the sender's own certificate may be what the error is about.

    That the target does not offer STARTTLS is not about it.
    """
    says = case.explanation.cause
    if says == "cloud-attribution":
        return True
    return says == "tls-or-certificate" and "certificate" in case.error.text.casefold()


def find(analysis: Analysis) -> Iterator[Finding]:
    """The audit: each connector that needs a certificate, on each server that uses it."""
    yield from _of_send_connectors(analysis)
    for view in analysis.servers:
        for connector in view.connectors if view.covered else ():
            yield from _of_receive_connector(analysis, view, connector)


def _of_send_connectors(analysis: Analysis) -> Iterator[Finding]:
    for connector in analysis.send_connectors:
        if connector.enabled is False or not parse_certificate_name(connector.certificate or ""):
            continue
        views = [analysis.server(name) for name in connector.sources or ()]
        for view in (each for each in views if each and each.covered):
            need = analysis.certificates.named(view.server, connector.certificate)
            if need and need.fitness is not Fitness.GOOD:
                yield _of_send_connector(view, connector, need, ())


def _of_receive_connector(
    analysis: Analysis, view: ServerView, connector: ReceiveConnector
) -> Iterator[Finding]:
    """By the names that are set; without them by its Fqdn, where a client needs TLS (S6.17)."""
    if connector.enabled is False or not _offers_tls(connector):
        return
    wanted = parse_certificate_name(connector.tls_certificate or "")
    if wanted:
        need = analysis.certificates.named(view.server, connector.tls_certificate)
        what = f"{wanted}, which TlsCertificateName of {connector.name} names"
    elif connector.tls_certificate == "" and connector.fqdn and _needs_tls(connector):
        need = analysis.certificates.for_host(view.server, connector.fqdn)
        what = f"for {connector.fqdn}, the Fqdn of {connector.name}"
        if need.fitness is Fitness.UNREAD:
            return  # nothing but the name asks for it
    else:
        return
    if need is None or need.fitness is Fitness.GOOD:
        return
    if need.fitness is Fitness.ABSENT and not wanted:
        reading = (
            f"No certificate of {view.name} that is assigned to SMTP is {what}, so the connector "
            "does not offer STARTTLS."
        )
    else:
        reading = _reading(need, what, view.name)
    yield Finding(
        check=CHECK,
        state="found" if need.fitness in _WORDS else "unknown",
        server=view,
        connector=connector,
        evidence=ConnectorWords(reading, _advice(need, view.name)),
        named=(view.name,),
    )


def _offers_tls(connector: ReceiveConnector) -> bool:
    return connector.auth is not None and AuthMechanism.Tls in connector.auth


def _needs_tls(connector: ReceiveConnector) -> bool:
    """Whether clients need STARTTLS there: servers among themselves do not (L4).

    RequireTLS asks for it; a connector for clients gives Basic authentication only after it.
    """
    default = setup_default(connector)
    among_servers = default is not None and AuthMechanism.ExchangeServer in default.auth
    basic = bool(connector.auth and AuthMechanism.BasicAuthRequireTLS in connector.auth)
    return bool(connector.require_tls) or (basic and not among_servers)


def _of_send_connector(
    view: ServerView, connector: SendConnector, need: CertificateNeed, cases: tuple[QueueCase, ...]
) -> Finding:
    name = parse_certificate_name(connector.certificate or "")
    what = f"{name}, which TlsCertificateName of send connector {connector.name} names"
    carried = f" Stuck mail of {view.name} leaves through it." if cases else ""
    return Finding(
        check=CHECK,
        state="found" if need.fitness in _WORDS else "unknown",
        server=view,
        queues=cases,
        evidence=ConnectorWords(
            _reading(need, what, view.name) + carried,
            _advice(need, view.name, connector.name, cases),
        ),
        named=(view.name,),
    )


def _reading(need: CertificateNeed, what: str, server: str) -> str:
    if need.fitness in _WORDS:
        until = need.certificate.until if need.certificate else ""
        return f"The certificate {what}, {_WORDS[need.fitness].format(server=server, until=until)}."
    lacks = (
        f"no certificate of {server} is in the export"
        if need.fitness is Fitness.UNREAD
        else f"issuer, subject or dates of certificates of {server} are missing in the export"
    )
    return f"Could not determine whether {server} holds the certificate {what}: {lacks}."


def _advice(
    need: CertificateNeed, server: str, send_connector: str = "", cases: tuple[QueueCase, ...] = ()
) -> str:
    if need.fitness not in _WORDS:
        command = Missing(server, CERTIFICATES).command
        return f"Export the certificates of {server} in full, then rerun:\n{command}"
    known = {"sender": server, "send_connector": send_connector}
    lines = (CARD.confirm[1], *(CARD.fix if send_connector else CARD.fix[:1]))
    told = [filled(line, known) for line in lines]
    if not send_connector:
        told[-1] = (
            "Import a valid certificate with its private key, assign SMTP to it, and enter its "
            "names in TlsCertificateName if they are set there."
        )
    told += [
        filled('Retry-Queue -Identity "{queue}"', {"queue": case.queue.identity}) for case in cases
    ]
    return "\n".join(told)


def explain(findings: Sequence[Finding]) -> str:
    """What each says; servers on which it is the same are named behind the first."""
    groups: dict[str, list[Finding]] = {}
    for each in findings:
        name = each.server.name if each.server else ""
        groups.setdefault(in_own_words([each]).replace(name, "{}"), []).append(each)
    told = []
    for first, *others in groups.values():
        names = [each.server.name for each in others if each.server]
        are = "is" if len(names) == 1 else "are"
        same = f" {joined(names)} {are} affected in the same way." if names else ""
        told.append(in_own_words([first]) + same)
    return " ".join(told)


CHECK = Check(CARD, "both", explain, own_advice)
