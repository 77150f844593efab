"""How far each connector reaches."""

from __future__ import annotations

from mailflow.analysis.analysis import analyze
from mailflow.analysis.reach import Reach, WholeMap
from mailflow.analysis.servers import doubt_of, is_whole
from mailflow.checks.connector_never_answers import covered, why_nobody
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.range_words import count_in_words
from mailflow.phrases import joined
from mailflow.snapshot import Snapshot
from mailflow.table import Table

_COLUMNS = {
    "connector": ("Connector", "server and name, as commands take it"),
    "listed": ("Lists", "addresses in its RemoteIPRanges, each counted once"),
    "answers": (
        "Effective addresses",
        "those of them that it accepts: no more specific range of another wins",
    ),
    "why": (
        "Overridden by",
        "which connectors accept the others, or why it accepts none (S1.10, S1.13)",
    ),
}


def connector_reach(org: Snapshot) -> Table:
    """How many addresses each connector really accepts, by the map of every endpoint.

    Columns of the frame: connector, listed, answers, why (string), and for code: server (string),
    enabled (boolean), listed_v4, answers_v4, listed_v6, answers_v6 (object, integers).
    """
    import pandas as pd

    whole = analyze(org).reach
    rows: list[dict[str, object]] = []
    tones: dict[tuple[int, str], str] = {}
    for number, connector, reach in covered(whole):
        if reach.answers_nobody:
            tones[len(rows), "answers"] = "bad" if is_whole(connector) else "unknown"
        elif not is_whole(connector):
            tones[len(rows), "answers"] = "unknown"
        rows.append(_row(whole, number, connector, reach))
    extra = ["server", "enabled", "listed_v4", "answers_v4", "listed_v6", "answers_v6"]
    return Table(
        name="connector_reach",
        frame=pd.DataFrame(rows, columns=[*_COLUMNS, *extra]).astype(
            {"enabled": "boolean", **dict.fromkeys(extra[2:], "object")}
        ),
        caption="How many addresses each connector really accepts.",
        columns=_COLUMNS,
        reading=_reading(rows),
        tones=tones,
        empty="No receive connectors in the data.",
    )


def _row(
    whole: WholeMap, number: int, connector: ReceiveConnector, reach: Reach
) -> dict[str, object]:
    doubt = doubt_of(connector)
    why = ""
    if doubt:
        why = f"undetermined: {doubt}"
    elif reach.answers_nobody:
        why = why_nobody(whole, number)
    elif reach.answered != reach.listed:
        why = joined(other.name for other in whole.takers(number)) or "no service listens there"
    others = any(
        doubt_of(other) for other in whole.member_of(number).connectors if other is not connector
    )
    limits = {
        (True, False): " or more",
        (False, True): " or less",
        (True, True): ", by the data available",
    }
    return {
        "connector": connector.identity,
        "listed": count_in_words(reach.listed) + ("" if connector.ranges_complete else " or more"),
        "answers": count_in_words(reach.answered) + limits.get((bool(doubt), others), ""),
        "why": why or "none",
        "server": whole.member_of(number).server.name,
        "enabled": connector.enabled,
        "listed_v4": reach.listed[4],
        "answers_v4": reach.answered[4],
        "listed_v6": reach.listed[6],
        "answers_v6": reach.answered[6],
    }


def _reading(rows: list[dict[str, object]]) -> str:
    sentences = []
    silent = [row for row in rows if not (row["answers_v4"] or row["answers_v6"])]
    if silent:
        names = joined(row["connector"] for row in silent)
        verb, whose = ("accepts", "its") if len(silent) == 1 else ("accept", "their")
        sentences.append(f"{names} {verb} no connections: {whose} settings have no effect.")
    elif rows:
        sentences.append("Every connector accepts some addresses.")
    return " ".join(sentences)
