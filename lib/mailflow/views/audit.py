"""The audit told: what its checks found, as people and machines read it."""

from __future__ import annotations

from collections.abc import Sequence

from mailflow.analysis.analysis import Analysis, analyze
from mailflow.analysis.assessment import DEFAULT_LACKS_AUTH, GROUP_MISSING
from mailflow.analysis.paths import Judge
from mailflow.analysis.planned import Planned, parse_planned
from mailflow.analysis.queues import as_of
from mailflow.analysis.servers import ServerView
from mailflow.checks import (
    certificate_problem,
    internal_transport_certificate,
    send_connector_source,
)
from mailflow.checks.audit import Audited, the_rest
from mailflow.checks.audit import audit as audited
from mailflow.checks.check import Finding as Typed
from mailflow.checks.registry import CARDS
from mailflow.exchange.cmdlets import SPECS
from mailflow.phrases import counted, joined
from mailflow.repair.plan import Repair, repair
from mailflow.snapshot import Snapshot, Unread
from mailflow.views.accepted import Parted
from mailflow.views.prose import IN_TITLE
from mailflow.views.queues import iso
from mailflow.views.servers_left import server_records
from mailflow.views.telling import (
    matters,
    next_steps,
    reading_of,
    told,
    unless_nothing,
    unread_of,
    verdict_of,
)
from mailflow.views.terms import Terms, asked_of
from mailflow.views.verdict import Checked, Diagnosis, Verdict

LOST = frozenset({DEFAULT_LACKS_AUTH, GROUP_MISSING})
"""What a connector of setup's may have lost although no server is known to arrive there."""

BESIDE_THE_AUDIT = frozenset(
    {
        *("Get-Queue", *(spec.name for spec in SPECS.values() if not spec.decides)),
        # Where it would decide an entry, the entry itself is unknown.
        *("Get-TransportService", "Get-TransportServer"),
    }
)
"""Cmdlets that a whole audit can do without: unread, they are shown and no more."""


ISSUES = "issues found"
"""The word over an audit that found something: no incident has to have a cause."""

SENDING = frozenset(
    module.CARD.id
    for module in (certificate_problem, internal_transport_certificate, send_connector_source)
)
"""Causes of the audit beyond the receive connectors."""


def audit(
    org: Snapshot,
    planned: Sequence[str] = (),
    peers: Sequence[str] = (),
    accepted: str = "",
    since: str = "",
) -> Diagnosis:
    """What is wrong, or would be one day, in the receive connectors; queues play no part.

    Args:
        org: the snapshot; nothing is fetched.
        planned: servers to come, each `ADDRESS` or `NAME=ADDRESS`; several addresses of one server
            are named one by one.
        peers: servers behind one load balancer or DNS name, which stand in for each other: each
            `EX16A+SE01`. Servers of one kind and site do so anyway.
        accepted: a file of accepted findings, which are no part of the verdict; empty: none.
        since: a run folder, or its findings.json, to compare with; empty: none.

    Raises:
        InputError: one of the files cannot be read, or says what is unknown.
        UsageError: a planned server that is neither, or a peer that is no server.
    """
    terms = Terms.read(accepted, since)
    coming = parse_planned(planned)
    analysis = analyze(org)
    found = audited(analysis, coming, _peers(org, peers))
    parted = terms.part(found.findings)
    counted = parted.counted
    plan = _plan(analysis, coming, found, parted)
    unread = unread_of(org)
    lacks = any(matters(row, BESIDE_THE_AUDIT) for row in unread) or not found.servers
    verdict = verdict_of(counted, lacks=lacks)
    complete = not lacks and all(each.state != "unknown" for each in found.findings)
    entries = [*counted, *the_rest(found, complete=complete)]
    mine = [each for each in entries if each.state == "found"]
    not_judged = _not_judged(org, verdict)
    diagnosis = Diagnosis(
        verdict=verdict,
        headline=_headline(verdict, mine),
        summary=_summary(verdict, entries, found.servers, unread) + not_judged,
        findings=tuple(told(each, plan, unread) for each in entries),
        unread=unread,
        origin=org.origin,
        repair=plan.commands,
        undo=plan.rollback,
        next_steps=next_steps(counted, plan, source=org.origin),
        no_repair="\n".join(dict.fromkeys(each.words for each in plan.refused)),
        checked=Checked(
            len(found.servers),
            len(analysis.paths),
            sum(len(view.connectors) for view in found.servers),
            0,
            iso(as_of(org)),
        ),
        taken=org.taken.isoformat(timespec="seconds") if org.taken else None,
        servers_left=server_records(org),
        plan=plan,
        asked=asked_of(org, planned=sorted(planned), peers=sorted(peers)),
        word=ISSUES if verdict == "found" else "",
    )
    return terms.on(unless_nothing(diagnosis, org), parted, org, lacks=lacks, further=not_judged)


def _plan(analysis: Analysis, coming: Sequence[Planned], found: Audited, parted: Parted) -> Repair:
    """The repair of what was found and is not accepted."""
    settled = parted.settled
    return repair(
        analysis,
        [path for path in analysis.paths if path.target.name not in settled],
        [
            view.name
            for view in analysis.servers
            if view.covered and view.role_conflicts and view.name not in settled
        ],
        judge=Judge(analysis.servers, (each.address for each in coming)),
        further=(
            way.path
            for way in found.ways
            if not way.in_use and way.path.state == "found" and way.path.target.name not in settled
        ),
        lost=[
            each.connector.identity
            for each in parted.counted
            if each.state == "found" and each.connector and each.id in LOST and not each.paths
        ],
    )


def _peers(org: Snapshot, groups: Sequence[str]) -> list[list[str]]:
    found = [[name.strip() for name in group.split("+")] for group in groups]
    org.limited_to([name for group in found for name in group])  # says which name is none
    return found


def _headline(verdict: Verdict, told: Sequence[Typed]) -> str:
    """The title of a report: the cause where all have one, else how many; and the servers."""
    if verdict == "clear":
        return "The receive connectors are in order"
    if not told:
        return "No issue in the data available, but data is missing"
    servers = joined(sorted({entry.server.name for entry in told if entry.server}), IN_TITLE)
    causes = {entry.id for entry in told}
    what = (
        CARDS[causes.pop()].title
        if len(causes) == 1
        else f"{counted(len(told), 'issue')} in "
        + ("connectors and certificates" if causes & SENDING else "the receive connectors")
    )
    return f"{what}: {servers}" if servers else what


def _summary(
    verdict: Verdict,
    entries: Sequence[Typed],
    servers: Sequence[ServerView],
    unread: Sequence[Unread],
) -> str:
    """One or two sentences for the ticket."""
    told = [entry for entry in entries if entry.state == verdict]
    missing = joined(
        f"{row.server} {row.what}".strip() for row in unread if matters(row, BESIDE_THE_AUDIT)
    )
    if verdict == "clear":
        meant = sum(entry.connector is not None for entry in told)
        looked = counted(sum(len(server.connectors) for server in servers), "receive connector")
        end = (
            f" {counted(meant, 'entry says', 'entries say')} what is harmless by design."
            if meant
            else ""
        )
        return (
            f"{looked} of {counted(len(servers), 'server')} checked: none intercepts an Exchange "
            "server that cannot authenticate there, those of the same name are alike, none relays "
            "for hosts outside or more widely than it looks, and no lists are in conflict."
            f"{end}"
        )
    if not told:
        sentences = ["No fault in the data available."]
    else:
        sentences = [reading_of(told[:1])]
        further = [_places(told[1:], cause) for cause in dict.fromkeys(e.id for e in told[1:])]
        sentences += [f"Also: {'; '.join(further)}."] if further else []
    sentences += [f"Missing data: {missing}."] if missing else []
    return " ".join(sentences)


def _not_judged(org: Snapshot, verdict: Verdict) -> str:
    """What an audit without a fault says nothing of, because it was not exported."""
    tables = {"send connectors": "send_connectors", "certificates": "certificates"}
    lacking = [words for words, table in tables.items() if not org.kept.get(table)]
    if verdict != "clear" or not lacking:
        return ""
    return f" Not exported, so not checked: {joined(lacking)}."


def _places(entries: Sequence[Typed], cause: str) -> str:
    r"""What is found there, and where: `Two connectors ... (EX16A\Relay and EX16B\Relay)`."""
    mine = [entry for entry in entries if entry.id == cause]
    title, where = CARDS[cause].title, joined(filter(None, map(_place, mine)))
    return f"{title} ({where})" if where else title


def _place(entry: Typed) -> str:
    if entry.connector:
        return entry.connector.identity
    return entry.server.name if entry.server else ""
