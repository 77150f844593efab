"""The accepted domains, from SOURCE or given, that decide which recipients are outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mailflow.errors import UsageError
from mailflow.exchange.accepted_domains import AcceptedDomains, is_pattern, sorted_out
from mailflow.exchange.cmdlets import SPECS
from mailflow.snapshot import Snapshot

CMDLET = SPECS["Get-AcceptedDomain"]


def accepted_of(org: Snapshot) -> AcceptedDomains | None:
    """The accepted domains of an organization (S9.30); None: they were not read.

    If some may be missing, a domain that is not among them is not called outside.
    """
    rows = org.objects("accepted_domains")
    if not rows:
        return None
    found = sorted_out((row["domain"], row["kind"], row["with_subdomains"]) for row in rows)
    is_cut = any(CMDLET.name in row.what for row in org.unread)
    return replace(found, is_whole=found.is_whole and not is_cut)


def named(texts: Sequence[str]) -> AcceptedDomains | None:
    """The given domains, whose recipients are inside; None: none were given.

    Raises:
        UsageError: a text is no domain.
    """
    found = sorted({text.strip().casefold() for text in texts if text.strip()})
    for text in found:
        if not is_pattern(text):
            raise UsageError(f"{text}: not a domain; expected contoso.com or *.contoso.com")
    return AcceptedDomains(inside=tuple(found)) if found else None


def not_told(accepted: AcceptedDomains | None, *, has_source: bool) -> str:
    """Why some recipients are neither inside nor outside, a sentence; empty: nothing is missing."""
    if accepted is None and has_source:
        return (
            "SOURCE contains no accepted domains, so it is undetermined which recipients are "
            f"outside; add:  {CMDLET.export}"
        )
    if accepted is None:
        return (
            "Without SOURCE or --accepted-domain it is undetermined which recipients are outside."
        )
    if not accepted.is_whole:
        return "Some accepted domains were not read, so other domains are not called outside."
    return ""
