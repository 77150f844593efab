"""Audit: RemoteIPRanges as long as Exchange accepts, or longer (S1.35)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailflow.analysis.change import MOST_ENTRIES
from mailflow.analysis.servers import ServerView
from mailflow.checks.check import (
    Card,
    Check,
    ConnectorWords,
    Finding,
    in_own_words,
    own_advice,
)
from mailflow.checks.ranges_redundant import SHORTER, tidy_command

CARD = Card(
    id="ranges-limit",
    title="RemoteIPRanges is at the limit that Exchange accepts",
    meaning=(
        "A receive connector accepts 1,200 to 1,300 entries. The next host that is added may be "
        "refused with AdminLimitExceededException, in the middle of a change that needs it."
    ),
    evidence_for=("RemoteIPRanges has 1,200 entries or more.",),
    evidence_against=("RemoteIPRanges is final: no host will be added.",),
    confirm=(
        '(Get-ReceiveConnector "{connector}").RemoteIPRanges.Count',
        'Show how short RemoteIPRanges can be: mailflow tidy SOURCE "{connector}"',
    ),
    fix=(
        ("Set the shortest equivalent RemoteIPRanges, or write neighboring hosts as one range."),
        "Move part of the hosts to a second connector with the same settings.",
    ),
    sources=("S1.35",),
)


def find(servers: Sequence[ServerView]) -> Iterator[Finding]:
    """An entry for each list with so many entries; of one that was cut those that are visible."""
    for view in servers:
        for connector in view.connectors if view.covered else ():
            count = len(connector.ranges)
            if count < MOST_ENTRIES:
                continue
            more = "" if connector.ranges_complete else "at least "
            yield Finding(
                check=CHECK,
                state="found",
                server=view,
                connector=connector,
                evidence=ConnectorWords(
                    f"RemoteIPRanges of {connector.name} on {view.name} has {more}{count:,} "
                    "entries. Exchange accepts 1,200 to 1,300; beyond that a change ends with "
                    "AdminLimitExceededException.",
                    f"{SHORTER}\n{tidy_command(connector)}\n"
                    "If that is not short enough, move part of the hosts to a second connector "
                    "with the same settings.",
                ),
            )


CHECK = Check(CARD, "audit", in_own_words, own_advice)
