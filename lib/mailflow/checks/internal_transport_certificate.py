"""C8, C15: the certificate with which a server secures mail with other Exchange servers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from mailflow.analysis.analysis import Analysis
from mailflow.analysis.paths import MailPath
from mailflow.analysis.queues import QueueCase, as_of
from mailflow.analysis.servers import ServerView
from mailflow.checks import errors
from mailflow.checks.check import PROBE, RETRY, Card, Check, ConnectorWords, Finding, State
from mailflow.exchange.certificates import CertificateNeed, Fitness
from mailflow.exchange.commands import filled
from mailflow.exchange.ehlo import ANONYMOUSTLS

CARD = Card(
    id="internal-transport-certificate",
    title="The internal transport certificate is missing, expired or cannot be read",
    meaning=(
        "Servers secure mail among themselves with a certificate named in the directory. If "
        "the target can't load its own, it offers X-EXPS but not X-ANONYMOUSTLS; if the sender "
        "can't, it says so itself."
    ),
    evidence_for=(
        "EHLO shows X-EXPS but not X-ANONYMOUSTLS, and SuppressXAnonymousTls is False.",
        "InternalTransportCertificateThumbprint names no certificate of the server.",
        "Events 12012, 12013, 12022, 12015 or 12017 on one of the two servers.",
        "The text says: Cannot load Internal Transport Certificate.",
    ),
    evidence_against=("EHLO shows X-ANONYMOUSTLS.", "EHLO shows neither of the two keywords."),
    confirm=(
        PROBE,
        "Get-TransportService {target} | Format-List Name, InternalTransportCertificateThumbprint",
        (
            "Get-ExchangeCertificate -Server {target} | Format-List Thumbprint, Services, "
            "NotAfter, Subject, HasPrivateKey"
        ),
        (
            "Get-WinEvent -ComputerName {target} -FilterHashtable @{LogName='Application'; "
            "ProviderName='MSExchangeTransport'; Id=12012,12013,12015,12017,12022}"
        ),
    ),
    fix=(
        (
            "On the server concerned: New-ExchangeCertificate (a self-signed one for SMTP), "
            "accept it as the internal transport certificate, restart the Transport service."
        ),
        RETRY,
    ),
    sources=("C8", "C15", "S3.41", "S5.05", "S8.85"),
)

_WORDS = {
    Fitness.ABSENT: "is not among the certificates of the server",
    Fitness.KEYLESS: "is there without its private key",
    Fitness.EXPIRED: "expired on {}",
    Fitness.SOON: "expires on {}, within 30 days",
}
_UNUSABLE = (Fitness.ABSENT, Fitness.KEYLESS)


def of_queue(analysis: Analysis, case: QueueCase) -> Iterator[Finding]:
    """What explains a queue with 5.7.3 that no receive connector explains (C8).

    Found where each server of a generation that its error may speak of lacks the certificate: a
    next hop is a group of one generation (section 4.2), and failover tries all of it. Where only
    some lack it, or it expired, it is undetermined. A server that was seen to offer X-ANONYMOUSTLS
    has one.
    """
    sender = case.sender
    if not case.is_exchange_auth or (sender and sender.downgraded):
        return  # the downgraded mode does without (S5.03)
    last = case.queue.last_retry.instant if case.queue.last_retry else None
    ways = [path for path in analysis.paths if path.sender is sender]
    needs = [
        (view, None if _is_offered(analysis, view, ways, last) else _need(analysis, view))
        for view in case.aimed_at
    ]
    holding = {_is_modern(view) for view, need in needs if not _lacks(need)}
    for view, need in needs:
        if need is None or not need.fitness.is_fault:
            continue
        certain = _lacks(need) and _is_modern(view) not in holding
        yield _finding(analysis, view, need, "found" if certain else "unknown", (case,))


def _need(analysis: Analysis, view: ServerView) -> CertificateNeed | None:
    return analysis.certificates.internal(view.server)


def _is_offered(
    analysis: Analysis, view: ServerView, paths: Iterable[MailPath], moment: datetime | None
) -> bool:
    """Whether logs or replies show that a server offers X-ANONYMOUSTLS on one of these paths."""
    if analysis.observed.is_empty:
        return False
    when = moment or as_of(analysis.org)
    offered: list[str] = []
    for path in paths:
        if path.target is view and path.endpoint:
            port = path.endpoint.port
            offered += (
                each.offered for each in analysis.observed.met(path.sender, view, port, when)
            )
            offered += (each.offered for each in analysis.observed.accepted(path, when))
    return any(ANONYMOUSTLS in words.split() for words in offered)


def _lacks(need: CertificateNeed | None) -> bool:
    return need is not None and need.fitness in _UNUSABLE


def _is_modern(view: ServerView) -> bool | None:
    return view.generation.is_modern if view.generation else None


def unnoticed(
    analysis: Analysis, paths: Iterable[MailPath], entries: Iterable[Finding]
) -> Iterator[Finding]:
    """Targets of mail paths in use without a usable one, and no queue waits for that yet.

    Undetermined: Exchange may fall back to another certificate (S9.27).

    Args:
        analysis: of a snapshot.
        paths: all mail paths.
        entries: the findings so far.
    """
    told = {each.server for each in entries if each.id == CARD.id}
    ways = [path for path in paths if path.sender is not path.target]
    for view in dict.fromkeys(path.target for path in ways):
        need = _need(analysis, view)
        if need is None or not _lacks(need) or view in told or not view.covered:
            continue
        if not _is_offered(analysis, view, ways, None):
            yield _finding(analysis, view, need, "unknown", ())


def find(analysis: Analysis) -> Iterator[Finding]:
    """The audit: servers whose certificate is missing, without key, expired or soon will be."""
    for view in analysis.servers:
        need = _need(analysis, view) if view.covered else None
        if need and need.fitness in _WORDS:
            yield _finding(analysis, view, need, "found", ())


def _finding(
    analysis: Analysis,
    view: ServerView,
    need: CertificateNeed,
    state: State,
    cases: tuple[QueueCase, ...],
) -> Finding:
    until = need.certificate.until if need.certificate else ""
    says = _WORDS[need.fitness].format(until)
    thumbprint = analysis.certificates.internal_thumbprint(view.server)
    reading = f"The internal transport certificate of {view.name} ({thumbprint}) {says}."
    if need.fitness in _UNUSABLE:
        unless = "" if cases and state == "found" else ", unless it falls back to another one"
        reading += f" Without it {view.name} does not offer X-ANONYMOUSTLS{unless}."
    if state == "unknown":
        waits = "the queue waits for that" if cases else "mail fails"
        reading += f" Could not determine whether {waits}: EHLO from a sending server shows it."
    known = {"target": view.name, "sender": cases[0].queue.server if cases else ""}
    known["queue"] = cases[0].queue.identity if cases else ""
    lines = CARD.confirm[:1] if state == "unknown" else CARD.confirm[2:3]
    fix = CARD.fix if cases else CARD.fix[:1]
    lines = (*lines, *(fix if state == "found" else ()))
    advice = "\n".join(filled(line, known) for line in lines)
    return Finding(
        check=CHECK,
        state=state,
        server=view,
        queues=cases,
        evidence=ConnectorWords(reading, advice),
        named=None if cases else (view.name,),
    )


CHECK = Check(CARD, "both", errors.explain, errors.advise)
