"""S3.43: the access list of the connector denies servers a right that they need."""

from __future__ import annotations

from collections.abc import Sequence

from mailflow.analysis.assessment import RIGHTS_DENIED
from mailflow.checks.check import (
    ENTRIES,
    Card,
    Check,
    Finding,
    addresses_in_words,
    fill_in,
    tell,
)
from mailflow.exchange.commands import filled

CARD = Card(
    id=RIGHTS_DENIED,
    title="The connector's access list denies Exchange servers a right",
    meaning=(
        "PermissionGroups may list ExchangeServers, and still an entry of the access list denies "
        "the right to submit. The sender authenticates, and then its mail is refused with 454 "
        "4.7.0 or 5.7.x."
    ),
    evidence_for=(
        (
            "Get-ADPermission shows Deny for ms-Exch-SMTP-Submit and Exchange Servers or Hub "
            "Transport Servers."
        ),
        "PermissionGroups shows Custom.",
    ),
    evidence_against=("The error is 451 5.7.3: then the sender could not authenticate.",),
    confirm=(f'Get-ADPermission "{{connector}}" | Where-Object {{$_.Deny}} | {ENTRIES}',),
    fix=(
        (
            'Remove-ADPermission "{connector}" -User "<user>" -ExtendedRights ms-Exch-SMTP-Submit '
            "-Deny removes the entry. An inherited one has to be removed where it was made."
        ),
    ),
    sources=("S3.43", "S3.20", "S3.21", "L2"),
)


def explain(findings: Sequence[Finding]) -> str:
    """Who is accepted, and what is denied."""
    return tell(findings, _sentences)


def _sentences(finding: Finding, where: str) -> str:
    name = finding.connector.name if finding.connector else "the connector"
    return (
        f"{where}, {name} accepts the connections from {addresses_in_words(finding)}, but its "
        "access list denies Exchange servers a right that they need. The errors of the queues fit "
        "that."
    )


def advise(finding: Finding) -> str:
    """What to export, or where the list was read, what denies the right."""
    if finding.connector is None or any(path.missing for path in finding.paths):
        return fill_in(finding)
    listed = filled(CARD.confirm[0], {"connector": finding.connector.identity})
    return f"See which entries deny a right, and remove those that are not intended:\n{listed}"


CHECK = Check(CARD, "both", explain, advise)
