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

    clear = [one for one in found.findings if one.state == "clear"]
    general = [one for one in clear if not (one.connector or one.addresses)]
    shown = [one for one in found.findings if one.state in _WORDS and one not in general]
    rows = [
        {
            "result": _WORDS[one.state],
            "where": one.connector or one.server or "everywhere",
            "what": CAUSES[one.cause].title,
            "evidence": one.reading,
            "state": one.state,
            "cause": one.cause,
            "server": one.server,
            "connector": one.connector,
        }
        for one in shown
    ]
    counts = Counter[str](one.state for one in shown)
    words = (("Found", "found"), ("Not known", "unknown"), ("Harmless by design", "clear"))
    sentences = [" ".join(f"{word}: {counts[state]}." for word, state in words)]
    sentences += [f"Looked for and not there: {CAUSES[one.cause].title}." for one in general]
    return Table(
        name="audit_results",
        frame=pd.DataFrame(rows, columns=[*_COLUMNS, "state", "cause", "server", "connector"]),
        caption="What the audit found, what it could not tell, and what is harmless.",
        columns=_COLUMNS,
        reading="\n".join(sentences),
        tones={(place, "result"): _TONES[one.state] for place, one in enumerate(shown)},
        empty="Nothing that is worth a line.",
    )
