"""Findings told: the one place where what checks found becomes what people and machines read."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from mailflow.analysis.addresses import ADAPTERS
from mailflow.analysis.change import Edit
from mailflow.analysis.missing import ADDRESSES, CONNECTORS, Missing, missing_of
from mailflow.checks.check import Finding
from mailflow.exchange import commands
from mailflow.exchange.cmdlets import TABLES
from mailflow.phrases import capital, either, joined
from mailflow.repair.claim import Refusal
from mailflow.repair.plan import Repair
from mailflow.snapshot import Snapshot, Unread
from mailflow.views.alike import same_words
from mailflow.views.fingerprint import fingerprint
from mailflow.views.verdict import (
    NOTHING,
    ChangeRecord,
    Diagnosis,
    FindingRecord,
    NextStep,
    Verdict,
)


def told(finding: Finding, plan: Repair, unread: Sequence[Unread]) -> FindingRecord:
    """A finding as a record of `findings.json`, with its part of the repair."""
    server = finding.server.name if finding.server else None
    connector = finding.connector.identity if finding.connector else None
    edits = _edits(finding, plan)
    return FindingRecord(
        cause=finding.id,
        state=finding.state,
        server=server,
        connector=connector,
        senders=finding.senders,
        addresses=finding.addresses,
        queues=_distinct(case.queue.identity for case in finding.queues),
        reading=reading_of([finding]),
        remedy=_remedy(finding, plan, edits),
        commands=(
            *(edit.command for edit in edits),
            *(_retry(finding) if edits else ()),
        ),
        undo=tuple(edit.undo for edit in reversed(edits) if edit.undo),
        changes=tuple(change for edit in edits for change in _changes(edit)),
        missing=_missing(finding, unread),
        facts=finding.check.card.sources,
        fingerprint=fingerprint(finding) if finding.state in ("found", "unknown") else "",
    )


def reading_of(findings: Sequence[Finding]) -> str:
    """What the evidence of findings of one check and state says."""
    first = findings[0]
    if first.state == "not-applicable":
        return ""
    return first.check.explain(findings) + first.note


def verdict_of(findings: Iterable[Finding], *, lacks: bool) -> Verdict:
    """What findings add up to; `lacks`: something was not read that could have shown a fault."""
    states = {each.state for each in findings}
    if "found" in states:
        return "found"
    return "unknown" if "unknown" in states or lacks else "clear"


def unread_of(org: Snapshot) -> tuple[Unread, ...]:
    """The rows of missing data that concern the servers the run covers.

    What is only kept in the snapshot, and no check looks at, is no missing data of a verdict:
    `not_read` shows it.
    """
    return tuple(
        row
        for row in org.unread
        if (not row.server or org.covers(row.server)) and row.what.partition(" ")[0] not in _KEPT
    )


_KEPT = frozenset(spec.name for spec in TABLES.values() if not spec.decides)


def unless_nothing(diagnosis: Diagnosis, org: Snapshot) -> Diagnosis:
    """The diagnosis; where nothing at all could be read of a live organization, why, once."""
    if not org.reads or org.servers or org.connectors or org.queues or not org.unread:
        return diagnosis
    step = NextStep("Check the way to the server, step by step:", f"mailflow doctor {org.origin}")
    return replace(
        diagnosis,
        headline=NOTHING,
        summary=f"{NOTHING}: {org.unread[0].why}",
        next_steps=(step,),
    )


def matters(row: Unread, beside: Collection[str]) -> bool:
    """Whether what was not read could have shown a fault.

    Args:
        row: of missing data.
        beside: cmdlets, and cmdlets with a property, that the verdict does without.
    """
    return row.what not in beside and row.what.partition(" ")[0] not in beside


def retries(findings: Iterable[Finding], plan: Repair) -> tuple[str, ...]:
    """The commands that retry the queues of the findings that are repaired, each once."""
    mended = (each for each in findings if _edits(each, plan))
    return _distinct(line for each in mended for line in _retry(each))


def next_steps(
    findings: Sequence[Finding], plan: Repair, lacking: Iterable[Unread] = (), *, source: str = ""
) -> tuple[NextStep, ...]:
    """The steps besides the commands of the repair, each once.

    The order is: why there is no repair; the advice of found causes that no command for a receive
    connector repairs; the data that undetermined findings need, named once with one command; other
    data that the verdict lacks. An undetermined finding on a connector that the repair changes is
    left out, because the repair settles it.

    Args:
        findings: best first.
        plan: the repair.
        lacking: rows of missing data that keep the verdict open.
        source: what was read, as the user named it: our own commands read it again.
    """
    steps = list(_refused(plan))
    for each in findings:
        refused = each.check.step is not None and plan.refused
        if each.state == "found" and not refused and not _edits(each, plan):
            steps += _lines(each.check.advise(each))
    waiting = [each for each in findings if each.state == "unknown"]
    missing = [path.missing for each in waiting for path in each.paths if path.missing]
    told = {each.command for each in steps if each.command}
    for cmdlet in dict.fromkeys(each.cmdlet for each in missing):
        how = list(_how_to_get(cmdlet, [each for each in missing if each.cmdlet == cmdlet]))
        # Run once, the same command exports the data of these servers too.
        steps += [each for each in how if each.command not in told]
    settled = {edit.identity for edit in plan.edits}
    for each in waiting:
        is_settled = each.connector is not None and each.connector.identity in settled
        if not is_settled and not any(path.missing for path in each.paths):
            steps += _lines(each.check.advise(each) or reading_of([each]))
    asked = {each.cmdlet for each in missing}
    named = {line for each in steps for line in (each.text, each.command) if line}
    rest = [each for each in map(missing_of, lacking) if each.cmdlet not in asked]
    for cmdlet in dict.fromkeys(each.cmdlet for each in rest):
        how = list(_how_to_get(cmdlet, [each for each in rest if each.cmdlet == cmdlet]))
        steps += [] if named.intersection(each.command for each in how if each.command) else how
    again = commands.filled("{source}", {"source": source})
    steps = [replace(each, command=each.command.replace("<source>", again)) for each in steps]
    return tuple(dict.fromkeys(steps))


def _refused(plan: Repair) -> Iterator[NextStep]:
    """Why there is no repair; what is said of several servers is one step with one command."""
    every = Missing("", CONNECTORS).command
    alike: dict[tuple[str, str], list[Refusal]] = {}
    for each in plan.refused:
        is_export = each.command == Missing(each.server, CONNECTORS).command
        form = each.text.replace(_named(each), _NAMES)
        if same_words(form, each.server) != form:  # names its server elsewhere as well
            form = each.text
        alike.setdefault((form, every if is_export else each.command), []).append(each)
    for (form, command), some in alike.items():
        text = form.replace(_NAMES, joined(map(_named, some)))
        yield NextStep(text, command if len(some) > 1 else some[0].command)


def _named(refusal: Refusal) -> str:
    """The connector or the server that its text is about."""
    connector = refusal.connector
    return connector if connector and connector in refusal.text else refusal.server


_NAMES = "\0"
"""Stands for a name while texts are compared."""


def _lines(advice: str) -> Iterator[NextStep]:
    for line in advice.splitlines():
        yield NextStep(*commands.split(line))


def _how_to_get(cmdlet: str, missing: Sequence[Missing]) -> Iterator[NextStep]:
    servers = dict.fromkeys(each.server for each in missing if each.server)
    if cmdlet == ADDRESSES:
        families = dict.fromkeys(each.reason for each in missing if "IPv" in each.reason)
        if families:
            said = joined(families, most=3)
            text = f"{capital(said)}. If there is one, add it to addresses.csv:"
            yield NextStep(text, "server,address")
        else:
            whom = either(servers)
            has_some = all(each.reason.startswith("not all addresses") for each in missing)
            known = f"Not all addresses of {whom} are" if has_some else f"No address of {whom} is"
            yield NextStep(f"{known} known. Which addresses does it send from?")
            yield from (NextStep("", Missing(name, ADDRESSES).shows) for name in servers)
            yield NextStep("Add them to addresses.csv, then rerun:", "server,address")
        yield from (NextStep("", Missing(name, ADDRESSES).command) for name in servers)
        return
    names = dict.fromkeys(each.property_name for each in missing if each.property_name)
    whose = f" of {joined(servers)}" if servers else ""
    lacks = [f"{joined(names)}{whose} not read"] if names else []
    reasons = list(dict.fromkeys(each.reason for each in missing if not each.property_name))
    said = joined([*lacks, *reasons], most=3).rstrip(".")
    if servers and reasons and not any(name in said for name in servers):
        said = f"{joined(servers)}: {said}"
    if cmdlet == ADAPTERS and servers:
        text = f"{capital(said)}. Add the addresses to addresses.csv, then rerun:"
        yield NextStep(text, "server,address")
        yield from (NextStep("", Missing(name, ADDRESSES).command) for name in servers)
        return
    command = Missing(next(iter(servers)) if len(servers) == 1 else "", cmdlet).command
    end = " Export in full, then rerun:" if command else ""
    yield NextStep(f"{capital(said)}.{end}", command)


def _edits(finding: Finding, plan: Repair) -> tuple[Edit, ...]:
    """The part of the repair that takes a finding away."""
    if finding.state != "found" or finding.server is None:
        return ()
    connector = finding.connector.identity if finding.connector else None
    return plan.of(finding.check, finding.server.name, connector)


def _remedy(finding: Finding, plan: Repair, edits: Sequence[Edit]) -> str:
    """What to do, in words: the repair, why there is none, or what to look at."""
    if finding.state not in ("found", "unknown"):
        return ""
    if edits:
        return " ".join(map(str, edits))
    advice = finding.check.advise(finding)
    if finding.state == "found" and finding.check.step is not None:
        return advice or "\n".join(_distinct(each.words for each in plan.refused))
    return advice


def _retry(finding: Finding) -> Iterable[str]:
    """For numbered queues: it does nothing for the unreachable queue (S8.74).

    A queue whose number the export lost is left out: a next hop may mean several (section 4.3).
    """
    for case in finding.queues:
        if not case.queue.identity.rpartition("\\")[2].isdigit():
            continue
        try:
            yield commands.retry(case.queue.identity)
        except commands.Unquotable:
            continue


def _changes(edit: Edit) -> Iterable[ChangeRecord]:
    for change in edit.changes:
        yield ChangeRecord(**change.as_json(), command=edit.command, rollback=edit.undo)


def _missing(finding: Finding, unread: Sequence[Unread]) -> tuple[int, ...]:
    """Which rows of missing data an undetermined finding waits for."""
    if finding.state != "unknown":
        return ()
    names = {finding.server.name, *finding.senders} if finding.server else set(finding.senders)
    cmdlets = {path.missing.cmdlet for path in finding.paths if path.missing}
    return tuple(
        place
        for place, row in enumerate(unread)
        if (not row.server or row.server in names)
        and (
            row.what.partition(" ")[0] in cmdlets or row.what in ("addresses", "version", "capture")
        )
    )


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
