"""The last step of the audit: every entry with its evidence, the harmless ones too."""

from __future__ import annotations

from collections import Counter

from mailflow.checks.registry import CARDS as CAUSES
from mailflow.table import Table
from mailflow.views.verdict import Diagnosis

_COLUMNS = {
    "result": ("Result", "found: change it; not known: read more; harmless: by design"),
    "where": ("Where", "the connector, or the server"),
    "what": ("What", "the weakness that was looked for"),
    "evidence": ("Evidence", "what was read, and what it means"),
}
_WORDS = {"found": "found", "unknown": "not known", "clear": "harmless"}
_TONES = {"found": "bad", "unknown": "unknown", "clear": "good"}


def audit_results(found: Diagnosis) -> Table:
    """What the audit says of each connector, faults first.

    Columns of the frame: result, where, what, evidence (string), and for code: state, cause,
    server, connector (string).
    """
    import pandas as pd

    clear = [finding for finding in found.findings if finding.state == "clear"]
    general = [finding for finding in clear if not (finding.connector or finding.addresses)]
    shown = [
        finding for finding in found.findings if finding.state in _WORDS and finding not in general
    ]
    rows = [
        {
            "result": _WORDS[finding.state],
            "where": finding.connector or finding.server or "everywhere",
            "what": CAUSES[finding.cause].title,
            "evidence": finding.reading,
            "state": finding.state,
            "cause": finding.cause,
            "server": finding.server,
            "connector": finding.connector,
        }
        for finding in shown
    ]
    counts = Counter[str](finding.state for finding in shown)
    words = (("Found", "found"), ("Not known", "unknown"), ("Harmless by design", "clear"))
    sentences = [" ".join(f"{word}: {counts[state]}." for word, state in words)]
    sentences += [
        f"Looked for and not there: {CAUSES[finding.cause].title}." for finding in general
    ]
    return Table(
        name="audit_results",
        frame=pd.DataFrame(rows, columns=[*_COLUMNS, "state", "cause", "server", "connector"]),
        caption="What the audit found, what it could not tell, and what is harmless.",
        columns=_COLUMNS,
        reading="\n".join(sentences),
        tones={(place, "result"): _TONES[finding.state] for place, finding in enumerate(shown)},
        empty="Nothing that is worth a line.",
    )
