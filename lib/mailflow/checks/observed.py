"""What logs and EHLO replies decide where configuration does not (section 5.4, points 5 and 6).

the target saw another address than the sender's own        source-address-translated   S5.30
the target sent keywords that did not reach the sender      smtp-inspection             C4
X-EXPS without X-ANONYMOUSTLS, and nothing suppresses it    internal-transport-...      C8, S5.31
another connector accepted than the configuration says      observed-differs
no connection, or no authentication, in the sender's log    target-refuses and others   L1, 6.2
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mailflow.analysis.analysis import Analysis
from mailflow.analysis.assessment import assess_connector
from mailflow.analysis.missing import CONNECTORS, Missing
from mailflow.analysis.paths import Judge, MailPath
from mailflow.analysis.queues import QueueCase, as_of
from mailflow.analysis.servers import ServerView
from mailflow.checks.check import ADDRESSES, ConnectorWords, Finding, State
from mailflow.checks.registry import CHECKS
from mailflow.exchange.commands import filled
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ehlo import ANONYMOUSTLS, EXPS
from mailflow.exchange.ranges import address_or_none
from mailflow.phrases import counted, joined
from mailflow.snapshot import ObservedOffer, ObservedSessions

DIFFERS = "observed-differs"
TRANSLATED = "source-address-translated"
INSPECTED = "smtp-inspection"
CERTIFICATE = "internal-transport-certificate"

_ENDED = {
    "10061": "target-refuses",
    "10060": "target-unreachable",
    "10051": "target-unreachable",
    "10065": "target-unreachable",
    "10053": "connection-dropped",
    "10054": "connection-dropped",
    "dropped": "connection-dropped",
    "authentication failed": "kerberos-or-permission",
}
"""How a session of the sender ended (section 6.2, L1)."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What an observation decides of a stuck queue.

    Attributes:
        cause: its id.
        state: found, or unknown where no reason can be told.
        server: the target.
        connector: the receive connector that accepted, where one is at fault.
        words: what was observed for this queue, and what to do.
        means: what that means; the same for all queues that it concerns.
    """

    cause: str
    state: State
    server: ServerView
    connector: ReceiveConnector | None
    words: ConnectorWords
    means: str = ""


def decide(analysis: Analysis, case: QueueCase, paths: Sequence[MailPath]) -> list[Decision]:
    """What was observed of the connections for which a stuck queue waits, one for each target.

    Empty: nothing decides. Where something is found, what is not certain beside it is left out.

    Args:
        analysis: of the snapshot.
        case: a stuck queue whose error configuration does not explain.
        paths: of its server to the servers that its error may speak of.
    """
    observed = analysis.observed
    if observed.is_empty or case.sender is None:
        return []
    decide_by = _authentication if case.is_exchange_auth else _ending
    ranked = sorted(decide_by(analysis, case, paths), key=lambda each: each.state != "found")
    best = {each.server.name: each for each in reversed(ranked)}
    return [each for each in best.values() if each.state == ranked[0].state]


def moment_of(analysis: Analysis, case: QueueCase) -> datetime | None:
    """Near which an observation must lie: the queue's last retry, else the export."""
    last = case.queue.last_retry.instant if case.queue.last_retry else None
    return last or as_of(analysis.org)


def _authentication(
    analysis: Analysis, case: QueueCase, paths: Sequence[MailPath]
) -> Iterator[Decision]:
    """Why a sender found neither X-ANONYMOUSTLS nor X-EXPS (5.7.3), by both ends' logs."""
    observed, moment = analysis.observed, moment_of(analysis, case)
    for path in paths:
        if path.endpoint is None or path.address is None:
            continue
        offers = _latest(observed.met(path.sender, path.target, path.endpoint.port, moment))
        sent = observed.accepted(path, moment)
        for offer in offers:
            yield from (
                found
                for found in (
                    _translated(analysis, path, offer),
                    _inspected(path, offer, sent),
                    _certificate(path, offer),
                    None if sent else _another_host(path, offer),
                )
                if found
            )
        yield from _renamed(analysis, path, moment)


def _latest(offers: Iterable[ObservedOffer]) -> list[ObservedOffer]:
    """Of each address of the target the last reply: it is nearest to what is there now."""
    found: dict[str, ObservedOffer] = {}
    for offer in sorted(offers, key=lambda each: each.last):
        if offer.offered or offer.masked or offer.banner in ("masked", "other"):
            found[offer.remote] = offer
    return list(found.values())


def _translated(analysis: Analysis, path: MailPath, offer: ObservedOffer) -> Decision | None:
    """S5.30: the target greeted another address than the one the sender connected from.

    It is the cause where the connector that accepts that address lacks what a server needs.
    """
    seen, sender = address_or_none(offer.seen_as), path.sender
    if seen is None or offer.seen_as == offer.address:
        return None
    if not offer.address and seen in sender.addresses:
        return None
    certain = bool(offer.address) or sender.has_all_addresses
    local = address_or_none(offer.remote)
    there = Judge(analysis.servers, [seen]).again(
        path.target, [replace(path, address=seen, local=local)]
    )
    wrong = next((each for each in there if each.state == "found" and each.connector), None)
    own = offer.address or joined(map(str, sender.addresses)) or "its own address"
    reading = (
        f"{sender.name} connected from {own} to {path.target.name}, which saw {offer.seen_as} "
        f"({_named(offer)})"
    )
    reading += (
        ": the address was translated on the way."
        if certain
        else f". The address was translated on the way, or {sender.name} has further addresses."
    )
    if wrong is None or wrong.connector is None:
        advice = f"Find the device that translates {own} to {offer.seen_as}."
        return Decision(TRANSLATED, "unknown", path.target, None, ConnectorWords(reading, advice))
    name = f"{wrong.connector.name} on {path.target.name}"
    means = (
        f"{name} accepts connections from {offer.seen_as}, and an Exchange server cannot "
        "authenticate there."
    )
    advice = (
        f"Let traffic from Exchange servers to {path.target.name} bypass the device that puts "
        f"{offer.seen_as} in place of their addresses, or remove {offer.seen_as} from the "
        f"RemoteIPRanges of {name}, if no other host needs it."
    )
    if not certain:
        advice = _whose(offer.seen_as, sender)
    words = ConnectorWords(reading, advice, (offer.seen_as,))
    state: State = "found" if certain else "unknown"
    return Decision(TRANSLATED, state, path.target, wrong.connector, words, means)


def _inspected(
    path: MailPath, offer: ObservedOffer, sent: Sequence[ObservedSessions]
) -> Decision | None:
    """C4: keywords are masked, or the target sent some that the sender did not receive."""
    sender, target = path.sender.name, path.target.name
    advice = (
        f"Switch off SMTP inspection on the way to {target} (Cisco ASA: no inspect esmtp in the "
        "policy map), then retry the queues."
    )
    means = "A device between them alters the SMTP session."
    if offer.masked or offer.banner == "masked":
        what = "the keywords of the EHLO reply" if offer.masked else "the banner"
        reading = (
            f"What {sender} received from {target} is altered: {what} are masked ({_named(offer)})."
        )
        reading = reading if offer.masked else reading.replace("banner are", "banner is")
        words = ConnectorWords(reading, advice)
        return Decision(INSPECTED, "found", path.target, None, words, means)
    replies = [seen for seen in sent if seen.offered]
    lost = [
        word
        for word in (ANONYMOUSTLS, EXPS)
        if offer.offered and word not in offer.offered.split()
        if replies and all(word in seen.offered.split() for seen in replies)
    ]
    if not lost or offer.seen_as not in ("", str(path.address)):
        return None
    reading = (
        f"{target} sent {' and '.join(lost)} to {path.address} (receive log, "
        f"{_time(replies[-1].last)}), and {sender} did not receive "
        f"{'it' if len(lost) == 1 else 'them'} ({_named(offer)})."
    )
    return Decision(INSPECTED, "found", path.target, None, ConnectorWords(reading, advice), means)


def _certificate(path: MailPath, offer: ObservedOffer) -> Decision | None:
    """C8, S5.31: before TLS, X-EXPS without X-ANONYMOUSTLS, and the connector does not suppress it.

    The address must be the sender's own, and the connector that accepts it known: else another
    connector's reply would be judged.
    """
    words = offer.offered.split()
    connector = path.accepted_by
    if EXPS not in words or ANONYMOUSTLS in words or connector is None:
        return None
    if path.state != "clear" or offer.seen_as not in ("", str(path.address)):
        return None
    target, suppresses = path.target.name, connector.suppress_x_anonymous_tls
    if suppresses:
        return None
    certificate = f"the internal transport certificate of {target} is missing or cannot be read"
    reading = (
        f"{target} offered {path.sender.name} X-EXPS without X-ANONYMOUSTLS before TLS "
        f"({_named(offer)})."
    )
    means = (
        f"Either {certificate}, or SuppressXAnonymousTls is set on {connector.name}: that was not "
        "read."
        if suppresses is None
        else f"{connector.name} does not suppress X-ANONYMOUSTLS, so {certificate}."
    )
    advice = "\n".join(filled(line, {"target": target}) for line in _SEE_CERTIFICATE)
    state: State = "unknown" if suppresses is None else "found"
    return Decision(CERTIFICATE, state, path.target, None, ConnectorWords(reading, advice), means)


_SEE_CERTIFICATE = (
    "Look for events 12012, 12013, 12022 and 12023 on {target}, then see its certificate:",
    "Get-TransportService {target} | Format-List Name, InternalTransportCertificateThumbprint",
    "Get-ExchangeCertificate -Server {target} | Format-List Thumbprint, Services, NotAfter, Status",
)


def _another_host(path: MailPath, offer: ObservedOffer) -> Decision | None:
    """C6, C7: the configuration offers what the sender did not receive, and no log says why."""
    lacks = offer.offered and EXPS not in offer.offered.split()
    if path.state != "clear" or not (lacks or offer.banner == "other"):
        return None
    host = " The banner is not that of Exchange." if offer.banner == "other" else ""
    reading = (
        f"By configuration, {path.target.name} offers {path.sender.name} Exchange Server "
        f"authentication; what {path.sender.name} received at {offer.remote} does not contain it "
        f"({_named(offer)}).{host} Possible reasons: a device that alters the SMTP session, a load "
        "balancer, another host behind the address, or an export that is out of date."
    )
    advice = (
        f"Compare with the receive log of {path.target.name} for that time: what it sent shows "
        "whether the reply was altered on the way."
    )
    return Decision(DIFFERS, "unknown", path.target, None, ConnectorWords(reading, advice))


def _renamed(analysis: Analysis, path: MailPath, moment: datetime | None) -> Iterator[Decision]:
    """C5: sessions in the sender's name, from an address that no server has.

    A name in EHLO proves nobody, and an address of the sender may not have been exported: found
    only where all its addresses were read and none of them ever came.
    """
    if path.endpoint is None or path.state != "clear":
        return
    port = path.endpoint.port
    for seen in analysis.observed.in_the_name_of(path.sender, path.target, port, moment):
        connector = path.target.connector(f"{path.target.name}\\{seen.connector}")
        if connector is None:
            continue
        said = assess_connector(connector, path.target.connectors, path.sender.downgraded)
        if said.state != "found" or EXPS in seen.offered.split():
            continue
        certain = path.sender.has_all_addresses and not analysis.observed.accepted(path, moment)
        reading = (
            f"{connector.name} on {path.target.name} accepted {counted(seen.sessions, 'session')} "
            f"from {seen.client} whose EHLO name is {seen.hello} (receive log, "
            f"{_time(seen.last)}), and {seen.client} is no address of {path.sender.name} that was "
            "read. An Exchange server cannot authenticate on this connector."
        )
        advice = (
            f"Let traffic between the servers bypass the device that has the address {seen.client}."
            if certain
            else _whose(seen.client, path.sender)
        )
        words = ConnectorWords(reading, advice, (seen.client,))
        state: State = "found" if certain else "unknown"
        yield Decision(TRANSLATED, state, path.target, connector, words)


def _whose(address: str, sender: ServerView) -> str:
    """What tells whether an address is the sender's own."""
    return f"See whether {address} is an address of {sender.name}:\n" + filled(
        ADDRESSES, {"sender": sender.name}
    )


def _ending(analysis: Analysis, case: QueueCase, paths: Sequence[MailPath]) -> Iterator[Decision]:
    """How the sender's own sessions ended, where its error leaves that open (section 6.2)."""
    observed, moment = analysis.observed, moment_of(analysis, case)
    for path in paths:
        if path.endpoint is None:
            continue
        for offer in observed.met(path.sender, path.target, path.endpoint.port, moment):
            cause = _ENDED.get(offer.ended)
            if cause is None or not (case.is_empty or cause in case.explanation.candidates):
                continue
            number = f"socket error {offer.ended}" if offer.ended.isdigit() else offer.ended
            reading = (
                f"Sessions of {path.sender.name} to {path.target.name} "
                f"({offer.remote}:{offer.port}) end with: {number} ({_named(offer)})."
            )
            yield Decision(cause, "found", path.target, None, ConnectorWords(reading))


def on_logs(
    analysis: Analysis,
    paths: Sequence[MailPath],
    speaking: Callable[[MailPath], Sequence[QueueCase]],
) -> tuple[MailPath, ...]:
    """Paths that configuration leaves open, found where a log names the connector that accepted.

    S7.26: the connector of each session stands in the target's receive log. Where that one lacks
    what an Exchange server needs and a queue is stuck for it, nothing is open any more.

    Args:
        analysis: of the snapshot.
        paths: all mail paths.
        speaking: the stuck queues whose error may come from a path.
    """
    if analysis.observed.is_empty:
        return tuple(paths)
    return tuple(
        _on_log(analysis, path, speaking(path)) if path.state == "unknown" else path
        for path in paths
    )


def _on_log(analysis: Analysis, path: MailPath, cases: Sequence[QueueCase]) -> MailPath:
    target = path.target
    for case in cases:
        sessions = analysis.observed.accepted(path, moment_of(analysis, case))
        if len({seen.connector.casefold() for seen in sessions}) != 1:
            continue  # none, or now this connector and now that
        last = max(sessions, key=lambda seen: seen.last)
        connector = target.connector(f"{target.name}\\{last.connector}")
        if connector is None or any(EXPS in seen.offered.split() for seen in sessions):
            continue
        said = assess_connector(connector, target.connectors, path.sender.downgraded)
        if said.state == "found":
            words = (
                f"The receive log of {target.name} shows that {connector.name} accepted "
                f"{counted(sum(seen.sessions for seen in sessions), 'session')} from "
                f"{last.client}, the last at {_time(last.last)}."
            )
            known = replace(path, accepted_by=connector, range=None)
            return known.assessed(replace(said, observed=words))
    return path


def differences(analysis: Analysis, paths: Sequence[MailPath]) -> list[Finding]:
    """Where a log names another connector than the configuration: undetermined, whatever waits.

    Every connection is accepted by address alone (S1.11), so one of both is out of date, or the
    address was another one's.
    """
    if analysis.observed.is_empty:
        return []
    found: dict[tuple[str, str], tuple[list[MailPath], list[ObservedSessions]]] = {}
    for path in paths:
        if path.accepted_by is None or path.state == "unknown":
            continue
        for seen in analysis.observed.accepted(path, as_of(analysis.org)):
            if seen.connector.casefold() != path.accepted_by.name.casefold():
                key = (path.target.name, seen.connector.casefold())
                some, sessions = found.setdefault(key, ([], []))
                some.append(path)
                sessions.append(seen)
    return [_difference(some, sessions) for some, sessions in found.values()]


def _difference(paths: Sequence[MailPath], sessions: Sequence[ObservedSessions]) -> Finding:
    target, last = paths[0].target, max(seen.last for seen in sessions)
    observed = sessions[0].connector
    predicted = joined(dict.fromkeys(path.accepted_by.name for path in paths if path.accepted_by))
    clients = joined(dict.fromkeys(seen.client for seen in sessions))
    reading = (
        f"On {target.name}, {observed} accepted connections from {clients} (receive log, the last "
        f"at {_time(last)}); by the exported configuration {predicted} accepts them. Possible "
        "reasons: the export is out of date, or another host had the address."
    )
    export = Missing(target.name, CONNECTORS).command
    advice = f"Export the receive connectors of {target.name} again, then rerun:\n{export}"
    return Finding(
        check=CHECKS[DIFFERS],
        state="unknown",
        server=target,
        connector=target.connector(f"{target.name}\\{observed}"),
        paths=tuple(paths),
        evidence=ConnectorWords(
            reading, advice, tuple(dict.fromkeys(seen.client for seen in sessions))
        ),
    )


def _named(offer: ObservedOffer) -> str:
    """Where it was observed, and when."""
    return f"{offer.source}, {_time(offer.last)}"


def _time(when: str) -> str:
    return f"{when[:16].replace('T', ' ')} UTC"
