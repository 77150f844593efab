"""S1.36: equal ranges at one binding decide a mail path, and nothing shows which connector wins."""

from __future__ import annotations

from collections.abc import Sequence

from mailflow.analysis.assessment import TIED
from mailflow.checks.check import LIST_CONNECTORS, Card, Check, Finding, fill_in
from mailflow.exchange.selection import TIE
from mailflow.phrases import joined

CARD = Card(
    id=TIED,
    title="Two connectors have equal ranges at one binding",
    meaning=(
        "Two receive connectors match the sender with ranges of the same size at the same binding. "
        "The one that was loaded first accepts the connection, and no cmdlet shows which one that "
        "is. A restart of the service may change it."
    ),
    evidence_for=("The smallest ranges of both that contain the address are equal in size.",),
    evidence_against=("Another connector has a more specific range for the address.",),
    confirm=(
        LIST_CONNECTORS,
        "Read the receive log: connector-id names the connector that accepted the session.",
    ),
    fix=("Remove the range from the connector that is not meant to accept these hosts.",),
    sources=("S1.15", "S1.36"),
)


def explain(findings: Sequence[Finding]) -> str:
    """Which connectors tie, and for whom."""
    senders = joined(name for each in findings for name in each.senders)
    servers = joined(dict.fromkeys(each.server.name for each in findings if each.server))
    whys = (path.why.removeprefix(TIE).strip() for each in findings for path in each.paths)
    reasons = joined(dict.fromkeys(whys), most=2)
    return f"Which connector accepts {senders} on {servers} could not be determined: {reasons}."


CHECK = Check(CARD, "incident", explain, fill_in)
