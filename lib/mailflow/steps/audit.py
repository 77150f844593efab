"""The audit: the same rules without an incident, on every endpoint and for servers to come.

What the incident would find on ways in use is found here under the same causes. The audit's own ask
further: which connector would catch a server that does not arrive there yet, which ones differ from
their namesakes, answer nobody, or relay more widely than they look. What looks alike and is meant
so stands in the findings as `clear`, with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mailflow.analysis.analysis import analyze
from mailflow.analysis.paths import CONFIGURATION_CAUSES, NOBODY, Judge
from mailflow.analysis.servers import ServerView
from mailflow.exchange.causes import CAUSES
from mailflow.phrases import counted, joined
from mailflow.repair.plan import Repair, repair
from mailflow.snapshot import Snapshot, Unread
from mailflow.steps.audit_names import DIFFER, differing
from mailflow.steps.audit_relays import WIDER, wide_relays
from mailflow.steps.audit_servers import (
    PLANNED,
    conflicts,
    harmless,
    lost,
    of_lost,
    of_ways,
    suspects_of,
    welcome,
)
from mailflow.steps.audit_silence import NEVER_ANSWERS, never_answering
from mailflow.steps.audit_ways import judged_ways
from mailflow.steps.findings import unread_of
from mailflow.steps.planned import parse_planned
from mailflow.steps.verdict import Diagnosis, Finding, Verdict

AUDIT_CAUSES = (*CONFIGURATION_CAUSES, PLANNED, DIFFER, NEVER_ANSWERS, WIDER)
"""What configuration alone can show, with an incident or without."""

BESIDE_THE_AUDIT = frozenset(
    {
        *("Get-Queue", "Get-ServerComponentState"),
        # Where these would decide an entry, the entry itself is unknown.
        *("Get-ADPermission", "Get-TransportService", "Get-TransportServer"),
    }
)
"""Cmdlets that a whole audit can do without: unread, they are shown and no more."""


def audit(org: Snapshot, planned: Sequence[str] = ()) -> Diagnosis:
    """What is wrong, or would be one day, in the receive connectors; queues play no part.

    Args:
        org: the snapshot; nothing is fetched.
        planned: servers to come, each `ADDRESS` or `NAME=ADDRESS`; several addresses of one server
            are named one by one.

    Raises:
        UsageError: a planned server that is neither.
    """
    coming = parse_planned(planned)
    analysis = analyze(org)
    servers, whole = analysis.servers, analysis.reach
    ways = judged_ways(analysis.paths, servers, coming, whole)
    suspects = suspects_of(ways)
    bare = list(lost(servers, suspects))
    plan = repair(
        analysis,
        analysis.paths,
        [view.name for view in servers if view.covered and view.role_conflicts],
        judge=Judge(servers, (each.address for each in coming)),
        further=(way.path for way in ways if not way.in_use and way.path.state == "found"),
        lost=(each.identity for _, each, said in bare if said.state == "found"),
    )
    entries = of_ways(suspects, plan)
    entries += of_lost(bare, plan)
    entries += conflicts(servers, ways, plan)
    silent = {one.connector for one in entries if (one.cause, one.state) == (NOBODY, "found")}
    entries += (one for one in never_answering(whole) if one.connector not in silent)
    entries += differing(org, servers)
    entries += wide_relays(org, whole)
    entries += harmless(servers, coming, list(entries))
    entries += welcome(org, servers, coming, entries)
    return _diagnosis(org, _ordered(entries), servers, plan)


def _diagnosis(
    org: Snapshot, entries: list[Finding], servers: Sequence[ServerView], plan: Repair
) -> Diagnosis:
    unread = unread_of(org)
    audited = [one for one in servers if one.covered and one.connectors]
    states = {one.state for one in entries}
    verdict: Verdict = "clear"
    if "found" in states:
        verdict = "found"
    elif "unknown" in states or any(map(_matters, unread)) or not audited:
        verdict = "unknown"
    complete = "unknown" not in states and not any(map(_matters, unread)) and bool(audited)
    entries = [*entries, *_the_rest(entries, audited, complete=complete)]
    told = [one for one in entries if one.state == "found"]
    return Diagnosis(
        verdict=verdict,
        headline=_headline(verdict, told),
        summary=_summary(verdict, entries, audited, unread),
        findings=tuple(
            replace(one, facts=one.facts or CAUSES[one.cause].sources) for one in entries
        ),
        unread=unread,
        origin=org.origin,
        repair=plan.commands,
        undo=plan.rollback,
        taken=org.taken.isoformat(timespec="seconds") if org.taken else None,
        plan=plan,
    )


def _matters(one: Unread) -> bool:
    """Whether what was not read could change what the audit says."""
    return one.what.partition(" ")[0] not in BESIDE_THE_AUDIT


_STATES = {"found": 0, "unknown": 1, "clear": 2, "not-applicable": 3}
_RANKS = {cause: number for number, cause in enumerate(CAUSES)}


def _ordered(entries: Iterable[Finding]) -> list[Finding]:
    """Found before unknown before clear; then by likelihood."""
    return sorted(
        entries,
        key=lambda one: (
            _STATES[one.state],
            _RANKS[one.cause],
            one.server or "",
            one.connector or "",
        ),
    )


def _the_rest(
    entries: Sequence[Finding], audited: Sequence[ServerView], *, complete: bool
) -> list[Finding]:
    """The causes that no entry names: clear where all was read, else left out.

    What only an error can name does not apply.
    """
    named = {one.cause for one in entries}
    count = sum(len(one.connectors) for one in audited)
    where = f"{counted(count, 'connector')} of {counted(len(audited), 'server')}"
    clear = [
        Finding(cause=cause, state="clear", reading=f"Looked at {where}; none has this fault.")
        for cause in AUDIT_CAUSES
        if complete and cause not in named
    ]
    others = [one for one in CAUSES if one not in AUDIT_CAUSES]
    return clear + [Finding(cause=one, state="not-applicable") for one in others]


def _headline(verdict: Verdict, told: Sequence[Finding]) -> str:
    """The title of a report."""
    if verdict == "clear":
        return "The receive connectors are in order"
    if not told:
        return "What was read shows no weakness, but not everything could be read"
    servers = joined(sorted({one.server for one in told if one.server}))
    causes = {one.cause for one in told}
    what = (
        CAUSES[causes.pop()].title
        if len(causes) == 1
        else f"{counted(len(told), 'weakness', 'weaknesses')} in the receive connectors"
    )
    return f"{what}: {servers}" if servers else what


def _summary(
    verdict: Verdict,
    entries: Sequence[Finding],
    audited: Sequence[ServerView],
    unread: Sequence[Unread],
) -> str:
    """One or two sentences for the ticket."""
    told = [one for one in entries if one.state == verdict]
    missing = joined(f"{one.server} {one.what}".strip() for one in unread if _matters(one))
    if verdict == "clear":
        meant = sum(one.connector is not None for one in told)
        looked = counted(sum(len(one.connectors) for one in audited), "receive connector")
        end = (
            f" {counted(meant, 'entry says', 'entries say')} what is harmless by design."
            if meant
            else ""
        )
        return (
            f"Looked at {looked} of {counted(len(audited), 'server')}: none catches an Exchange "
            "server that it does not let in, those that stand in for each other are alike, and "
            f"none relays more widely than it looks.{end}"
        )
    if not told:
        sentences = ["Nothing that was read is at fault, but not everything could be read."]
    else:
        sentences = [told[0].reading]
        further = [_place(one) for one in told[1:]]
        sentences += [f"Further: {joined(further)}."] if further else []
    sentences += [f"Not read: {missing}."] if missing else []
    return " ".join(sentences)


def _place(one: Finding) -> str:
    where = one.connector or one.server
    return f"{one.cause} ({where})" if where else one.cause
