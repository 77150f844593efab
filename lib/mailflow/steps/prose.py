"""What findings say in words: readings, remedies, the headline and the summary."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mailflow.analysis.paths import (
    CONFIGURATION_CAUSES,
    DEFAULT_LACKS_AUTH,
    GROUP_MISSING,
    NOBODY,
    ROLE_CONFLICT,
    SHADOWED,
    SUPPRESSED,
    MailPath,
)
from mailflow.analysis.queues import QueueCase
from mailflow.analysis.servers import ServerView
from mailflow.exchange.causes import CAUSES, Cause
from mailflow.exchange.connectors import ReceiveConnector, flag_names
from mailflow.exchange.last_error import LastError
from mailflow.exchange.queues import Queue
from mailflow.phrases import counted, joined
from mailflow.snapshot import ComponentState, Unread
from mailflow.steps.verdict import Finding, Verdict


def of_configuration(
    cause: str,
    target: ServerView,
    connector: ReceiveConnector | None,
    paths: Sequence[MailPath],
) -> str:
    """What the configuration of a target shows about these paths."""
    senders = joined(one.sender.name for one in paths)
    port = joined(dict.fromkeys(one.endpoint.port for one in paths if one.endpoint))
    where = f"On port {port} of {target.name}" if port else f"On {target.name}"
    if any(one.state == "unknown" for one in paths):
        return f"{where} it is not known who answers {senders}: {joined(one.why for one in paths)}."
    name = connector.name if connector else "a connector"
    evidence = _evidence(paths)
    if cause == SHADOWED:
        return f"{where} {_shadow(name, connector, senders, target, paths)}{evidence}"
    if cause == DEFAULT_LACKS_AUTH:
        offers = flag_names(connector.auth) if connector and connector.auth is not None else "?"
        return (
            f"{where} {name} answers {senders}, as it should, but offers no Exchange Server "
            f"authentication (AuthMechanism: {offers}).{evidence}"
        )
    if cause == GROUP_MISSING:
        return (
            f"{where} {name} answers {senders} and offers Exchange Server authentication, but its "
            "permission groups lack ExchangeServers: after logging on they may not submit "
            f"(454 4.7.0).{evidence}"
        )
    if cause == SUPPRESSED:
        return (
            f"{where} {name} answers {senders}, but SuppressXAnonymousTls is set and the senders "
            f"are not known to do without (UseDowngradedExchangeServerAuth).{evidence}"
        )
    if cause == NOBODY:
        return f"{where} no receive connector matches {senders}: {_silence(connector, paths)}"
    if cause == ROLE_CONFLICT:
        return (
            f"{name} on {target.name} claims an endpoint that a connector of the other transport "
            "service claims too; which of the two processes gets it is chance."
        )
    return CAUSES[cause].meaning


def what_to_read(paths: Sequence[MailPath]) -> str:
    """The next action where a judgement lacks data, a line for each thing that is missing."""
    reasons = dict.fromkeys(one.why for one in paths if one.why)
    return "\n".join(f"Find out, then run again: {reason}." for reason in reasons)


def of_errors(card: Cause, cases: Sequence[QueueCase]) -> str:
    """What the errors of stuck queues say, quoted as they stand."""
    queues = joined(case.queue.identity for case in cases)
    texts = list(dict.fromkeys(_said(case.queue, case.error) for case in cases))
    return f"{queues}: {joined(texts, most=3)}. {card.meaning}"


def of_components(inactive: Sequence[ComponentState]) -> str:
    """What the states of components show; empty where none is off."""
    said = joined(f"{one.component} of {one.server} is {one.state}" for one in inactive)
    return f" Component states: {said}." if said else ""


def next_checks(card: Cause, known: Mapping[str, str]) -> str:
    """What to look at next and what then to do, a line each; what is known is filled in.

    What is not known stands in capitals, for the engineer to fill in: `telnet TARGET 25`.
    """
    lines = "\n".join([*card.confirm, *card.fix])
    for name, value in known.items():
        if value:
            lines = lines.replace(f"{{{name}}}", value)
    return re.sub(r"\{([a-z_]+)\}", lambda found: found[1].upper(), lines)


def nothing_found(paths: Sequence[MailPath]) -> str:
    """What a clear entry rests on."""
    ways = {(one.sender.name, one.target.name) for one in paths}
    return f"Looked at {counted(len(ways), 'way')} between servers; none has this fault."


def headline(verdict: Verdict, entries: Sequence[Finding], stuck: Sequence[Queue]) -> str:
    """The title of a report: who does not reach whom."""
    if verdict == "clear":
        return "No fault found in mail flow between the servers"
    best = next((one for one in entries if one.state == verdict), None)
    if best is None:
        return "What was read shows no fault, but not everything could be read"
    alike = [one for one in entries if (one.cause, one.state) == (best.cause, best.state)]
    senders = joined(sorted({name for one in alike for name in one.senders}))
    servers = joined(sorted({one.server for one in alike if one.server}))
    title = CAUSES[best.cause].title
    if verdict == "found" and senders and servers:
        return f"Mail from {senders} does not reach {servers}"
    if verdict == "found":
        return f"{title} on {senders or servers}" if senders or servers else title
    if stuck:
        return f"Not known yet why mail on {joined(one.server for one in stuck)} is stuck"
    return f"Not known whether mail reaches {servers}" if servers else "Not known: the queues"


def summary(verdict: Verdict, entries: Sequence[Finding], unread: Sequence[Unread]) -> str:
    """One or two sentences for the ticket."""
    told = [one for one in entries if one.state == verdict]
    sentences = []
    if verdict == "clear":
        sentences.append("No queue is stuck and every way between the servers that was read works.")
    elif not told:
        sentences.append("Nothing that was read is at fault, but not everything could be read.")
    else:
        alike = [one for one in told if one.cause == told[0].cause]
        sentences.append(_together(alike) if verdict == "found" else _undecided(alike))
    if unread and verdict != "clear":
        sentences.append(f"Not read: {joined(_unread(one) for one in unread)}.")
    return " ".join(sentences)


def _shadow(
    name: str,
    connector: ReceiveConnector | None,
    senders: str,
    target: ServerView,
    paths: Sequence[MailPath],
) -> str:
    place = next((one.endpoint for one in paths if one.endpoint), None)
    default = target.intended(place.process, place.port) if place else None
    instead = f" instead of {default.name}" if default else ""
    ranges = joined(str(one.range) for one in paths if one.range is not None)
    trusted = bool(connector and connector.is_externally_secured)
    lacks = "it is externally secured and so offers" if trusted else "it offers"
    return (
        f"the connector {name} answers {senders}{instead}: it lists {ranges}, the smaller range "
        f"wins, and {lacks} no Exchange Server authentication."
    )


def _silence(connector: ReceiveConnector | None, paths: Sequence[MailPath]) -> str:
    if connector is None:
        return "the connector that setup makes for it is gone (421 4.3.2)."
    if connector.enabled is False:
        return f"{connector.name} is disabled (421 4.3.2)."
    inside = all(
        any(one.address in block for block in connector.ranges) for one in paths if one.address
    )
    what = "bindings do not cover the local address" if inside else "ranges do not hold them"
    return f"{connector.name} is there, but its {what} (421 4.3.2)."


def _evidence(paths: Sequence[MailPath]) -> str:
    addresses = joined(f"{one.sender.name} {one.address}" for one in paths if one.address)
    return f" Addresses: {addresses}." if addresses else ""


def _said(queue: Queue, error: LastError) -> str:
    if not (queue.last_error or "").strip():
        return "LastError is empty" if queue.last_error is not None else "LastError was not read"
    code = " ".join(
        filter(
            None,
            (error.inner_code or error.outer_code, error.inner_enhanced or error.outer_enhanced),
        )
    )
    words = (error.inner_text or error.text)[:300]
    return f'"{f"{code} {words}".strip()}"'


def _together(alike: Sequence[Finding]) -> str:
    """The same cause at several servers in one sentence, where they differ in the server alone."""
    first = alike[0]
    if len(alike) == 1 or not first.server:
        return first.reading
    servers = joined(one.server or "" for one in alike)
    names = {(one.connector or "").partition("\\")[2] for one in alike}
    same = len(names) == 1 and len({one.senders for one in alike}) == 1
    if first.cause == SHADOWED and first.state == "found" and same:
        return (
            f"On {servers} the connector {names.pop()} answers {joined(first.senders)} instead of "
            f"the default connector: it lists their addresses "
            f"({joined(dict.fromkeys(address for one in alike for address in one.addresses))}) and "
            "offers no Exchange Server authentication."
        )
    return f"{first.reading} The same cause on {joined(one.server or '' for one in alike[1:])}."


def _undecided(alike: Sequence[Finding]) -> str:
    """What is not known, in one sentence for all servers it is not known of."""
    if len(alike) == 1 or alike[0].cause not in CONFIGURATION_CAUSES:
        return alike[0].reading
    senders = joined(sorted({name for one in alike for name in one.senders}))
    return f"Who answers {senders} on {joined(one.server or '' for one in alike)} is not known."


def _unread(one: Unread) -> str:
    return f"{one.server} {one.what}".strip()
