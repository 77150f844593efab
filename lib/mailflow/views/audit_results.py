"""The last step of the audit: every entry with its evidence, the harmless ones too."""

from __future__ import annotations

from collections import Counter

from mailflow.checks.registry import CARDS as CAUSES
from mailflow.table import Table
from mailflow.views import alike
from mailflow.views.verdict import Diagnosis, FindingRecord

_COLUMNS = {
    "result": (
        "Result",
        "issue: change it; undetermined: data is missing; OK by design: leave it; accepted: known",
    ),
    "where": ("Where", "the connector, or the server"),
    "what": ("What", "the issue that was looked for"),
    "evidence": ("Evidence", "the data, and what it means"),
}
_WORDS = {
    "found": "issue",
    "unknown": "undetermined",
    "accepted": "accepted",
    "clear": "OK by design",
}
_TONES = {"found": "bad", "unknown": "unknown", "accepted": "", "clear": "good"}


def audit_results(found: Diagnosis) -> Table:
    """What the audit says of each connector, faults first; what is alike is shown as one row.

    Columns of the frame: result, where, what, evidence (string), and for code: state, cause,
    server, connector (string).
    """
    import pandas as pd

    clear = [finding for finding in found.findings if finding.state == "clear"]
    general = [finding for finding in clear if not (finding.connector or finding.addresses)]
    shown: list[tuple[str, FindingRecord]] = [
        (finding.state, finding)
        for finding in found.findings
        if finding.state in _WORDS and finding not in general
    ]
    shown += [("accepted", each.finding) for each in found.accepted]
    rows = [_row(state, [finding]) for state, finding in shown]
    grouped = [
        (state, group)
        for state in dict.fromkeys(state for state, _ in shown)
        for group in alike.alike(finding for each, finding in shown if each == state)
    ]
    counts = Counter[str](state for state, _ in shown)
    words = [("Issues", "found"), ("Undetermined", "unknown"), ("OK by design", "clear")]
    words += [("Accepted", "accepted")] if found.accepted else []
    sentences = [" ".join(f"{word}: {counts[state]}." for word, state in words)]
    if general:
        titles = dict.fromkeys(CAUSES[finding.cause].title for finding in general)
        sentences.append(f"Also checked, no issues: {'; '.join(titles)}.")
    return Table(
        name="audit_results",
        frame=pd.DataFrame(rows, columns=[*_COLUMNS, "state", "cause", "server", "connector"]),
        caption="Issues, what could not be determined, and what is OK by design.",
        columns=_COLUMNS,
        reading="\n".join(sentences),
        tones={(place, "result"): _TONES[state] for place, (state, _) in enumerate(grouped)},
        empty="No findings.",
        grouped=pd.DataFrame([_row(*each) for each in grouped], columns=[*_COLUMNS]),
    )


def _row(state: str, group: list[FindingRecord]) -> dict[str, str | None]:
    """An entry, or several that are alike."""
    first = group[0]
    return {
        "result": _WORDS[state],
        "where": alike.places(group) or "everywhere",
        "what": CAUSES[first.cause].title,
        "evidence": alike.reading(group),
        "state": state,
        "cause": first.cause,
        "server": first.server,
        "connector": first.connector,
    }
