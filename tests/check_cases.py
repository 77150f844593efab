"""What the tests of checks share: findings of a check in an organization, and its repair."""

from __future__ import annotations

from mailflow.analysis.analysis import analyze
from mailflow.analysis.planned import parse_planned
from mailflow.checks.audit import audit
from mailflow.checks.check import Finding
from mailflow.checks.diagnose import diagnose
from mailflow.snapshot import Snapshot
from mailflow.views.findings import findings
from organisations import Organisation

FRONT = r"EX16A\Default Frontend EX16A"
HUB = r"EX16A\Default EX16A"
RELAY = r"EX16A\Relay"


def found(org: Organisation, cause: str) -> list[tuple[str, str | None, str | None]]:
    """State, server and connector of each open finding of a cause in the incident."""
    entries = diagnose(analyze(org.snapshot())).findings
    return [_told(each) for each in entries if each.id == cause and _is_open(each)]


def audited(org: Organisation | Snapshot, cause: str, *planned: str) -> list[Finding]:
    """The open findings of a cause in the audit."""
    read = org if isinstance(org, Snapshot) else org.snapshot()
    entries = audit(analyze(read), parse_planned(planned)).findings
    return [each for each in entries if each.id == cause and _is_open(each)]


def said(org: Organisation, cause: str) -> str:
    """What the open findings of a cause say together."""
    entries = diagnose(analyze(org.snapshot())).findings
    mine = [each for each in entries if each.id == cause and _is_open(each)]
    return mine[0].check.explain(mine)


def commands(org: Organisation) -> tuple[str, ...]:
    """The commands of the repair, without retries."""
    plan = findings(org.snapshot()).plan
    return plan.commands if plan else ()


def why_none(org: Organisation) -> str:
    """Why there is no command."""
    return findings(org.snapshot()).no_repair


def _told(finding: Finding) -> tuple[str, str | None, str | None]:
    return (
        finding.state,
        finding.server.name if finding.server else None,
        finding.connector.identity if finding.connector else None,
    )


def _is_open(finding: Finding) -> bool:
    return finding.state in ("found", "unknown")
