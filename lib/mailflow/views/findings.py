"""Step 6: what is wrong, in order of likelihood, each cause in one of four states."""

from __future__ import annotations

from collections.abc import Iterable

from mailflow.analysis.analysis import analyze
from mailflow.analysis.assessment import ROLE_CONFLICT
from mailflow.analysis.paths import MailPath
from mailflow.analysis.queues import as_of
from mailflow.checks.diagnose import diagnose
from mailflow.exchange.cmdlets import SPECS
from mailflow.repair.plan import repair
from mailflow.snapshot import Snapshot, Unread
from mailflow.snapshot.schema import ADDRESSES, CONNECTORS
from mailflow.views import prose
from mailflow.views.mail_flow import mail_flow
from mailflow.views.queues import how_much_waits, iso
from mailflow.views.telling import (
    matters,
    next_steps,
    retries,
    told,
    unless_nothing,
    unread_of,
    verdict_of,
)
from mailflow.views.terms import Terms, asked_of
from mailflow.views.verdict import Checked, Diagnosis

BESIDE_THE_VERDICT = frozenset(
    {*(spec.name for spec in SPECS.values() if not spec.decides), f"{CONNECTORS} RequireTLS"}
)
"""Cmdlets and properties that support a finding and make none: unread, they are shown alone."""


class _Judged:
    """What the mail paths take into account by themselves: that costs no verdict a second time.

    A path on which a value that was not read could change something is unknown. So one that is not
    unknown says that it could not: the list of a disabled connector, of another port, or of one
    that would be fine whoever wins (contract 8.8, S1.36).
    """

    def __init__(self, paths: Iterable[MailPath]) -> None:
        """Names of servers are kept without case; `paths` are all that were judged."""
        self._targets = set[str]()
        self._senders = set[str]()
        for path in paths:
            self._targets.add(path.target.name.casefold())
            self._senders.add(path.sender.name.casefold())

    def decide(self, row: Unread) -> bool:
        """Whether what a row lacks is part of a judged path."""
        server = row.server.partition(".")[0].casefold()
        if row.what == ADDRESSES:
            return server in self._senders
        return row.what in _JUDGED and server in self._targets


_JUDGED = frozenset(
    f"{CONNECTORS} {name}"
    for name in (
        "Enabled",
        "TransportRole",
        "Bindings",
        "RemoteIPRanges",
        "AuthMechanism",
        "PermissionGroups",
    )
)
"""Properties of a connector that its mail paths are judged by (S1.10 to S1.16, S3.30)."""


def findings(
    org: Snapshot, min_messages: int = 1, accepted: str = "", since: str = ""
) -> Diagnosis:
    """What is wrong in the organization, best first, and the verdict it adds up to.

    Args:
        org: the snapshot; nothing is fetched.
        min_messages: queues with fewer messages do not count as stuck.
        accepted: a file of accepted findings, which are no part of the verdict; empty: none.
        since: a run folder, or its findings.json, to compare with; empty: none.

    Raises:
        InputError: one of the files cannot be read, or says what is unknown.
    """
    terms = Terms.read(accepted, since)
    analysis = analyze(org)
    found = diagnose(analysis, min_messages)
    parted = terms.part(found.findings)
    counted = parted.counted
    conflicts = [
        each.server.name
        for each in counted
        if each.id == ROLE_CONFLICT and each.server and each.server.name not in parted.settled
    ]
    paths = [path for path in found.paths if path.target.name not in parted.settled]
    plan = repair(analysis, paths, conflicts)
    unread = unread_of(org)
    stuck = [case.queue for case in found.cases]
    judged = _Judged(analysis.paths)
    lacking = [row for row in unread if matters(row, BESIDE_THE_VERDICT) and not judged.decide(row)]
    verdict = verdict_of(counted, lacks=bool(lacking))
    checked = Checked(
        len(analysis.servers),
        len({(path.sender, path.target) for path in analysis.paths}),
        len(org.connectors),
        len(analysis.queues),
        iso(as_of(org)),
    )
    diagnosis = Diagnosis(
        verdict=verdict,
        headline=prose.headline(verdict, counted, stuck),
        summary=prose.summary(verdict, counted, unread, analysis.paths, checked),
        findings=tuple(told(each, plan, unread) for each in counted),
        unread=unread,
        stuck=how_much_waits(org, found.waiting),
        origin=org.origin,
        repair=(*plan.commands, *retries(counted, plan)),
        undo=plan.rollback,
        checked=checked,
        next_steps=next_steps(counted, plan, lacking, source=org.origin),
        no_repair="\n".join(dict.fromkeys(each.words for each in plan.refused)),
        taken=org.taken.isoformat(timespec="seconds") if org.taken else None,
        simulated=org.is_simulated,
        flow=mail_flow(org, found),
        plan=plan,
        asked=asked_of(org, min_messages=min_messages),
    )
    return terms.on(unless_nothing(diagnosis, org), parted, org, lacks=bool(lacking))
