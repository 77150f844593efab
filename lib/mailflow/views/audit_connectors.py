"""All receive connectors of all servers beside what setup makes, whatever port they listen on."""

from __future__ import annotations

from collections.abc import Sequence

from mailflow.analysis.analysis import analyze
from mailflow.analysis.capabilities import Rights, relays
from mailflow.analysis.servers import ServerView
from mailflow.exchange.connectors import ReceiveConnector, flag_names
from mailflow.exchange.range_words import ranges_in_words
from mailflow.phrases import joined
from mailflow.snapshot import Snapshot
from mailflow.table import Table
from mailflow.views.receive_connectors import differences

_COLUMNS = {
    "connector": ("Connector", "server and name, as commands take it"),
    "listens_on": ("Listens on", "local addresses and ports; 0.0.0.0 and [::] mean all (S1.05)"),
    "ranges": ("Remote IP ranges", "clients it may accept; the most specific range wins (S1.13)"),
    "exchange_auth": ("Exchange Server auth", "offers X-ANONYMOUSTLS and X-EXPS (S3.30)"),
    "relay": ("Relays", "to any recipient, for hosts that do not authenticate (section 2.6)"),
    "differs": ("Changed from default", "changes that matter here; custom: not created by setup"),
}


def audit_connectors(org: Snapshot) -> Table:
    """Every connector of every server, changed defaults first, then custom ones, then the rest.

    Columns of the frame: connector, listens_on, ranges, exchange_auth, relay, differs (string), and
    for code: server, process (string), custom (boolean), enabled (boolean).
    """
    import pandas as pd

    rights = Rights(org)
    rows = [
        _row(member, place, connector, rights)
        for member in analyze(org).servers
        if member.covered
        for place, connector in enumerate(member.connectors)
    ]
    rows.sort(key=_order)
    tones = {
        (place, column): tone
        for place, row in enumerate(rows)
        for column in ("exchange_auth", "relay", "differs")
        if (tone := _tone(column, row))
    }
    extra = ["server", "process", "custom", "enabled"]
    return Table(
        name="audit_connectors",
        frame=pd.DataFrame(rows, columns=[*_COLUMNS, *extra]).astype(
            {"custom": "boolean", "enabled": "boolean"}
        ),
        caption="All receive connectors, and what was changed since setup made them.",
        columns=_COLUMNS,
        reading=_reading(rows),
        tones=tones,
        empty="No receive connector was read.",
    )


def _row(
    member: ServerView, place: int, connector: ReceiveConnector, rights: Rights
) -> dict[str, object]:
    name = (
        connector.identity if connector.enabled is not False else f"{connector.identity} (disabled)"
    )
    return {
        "connector": name,
        "listens_on": ", ".join(map(str, connector.bindings)) or None,
        "process": None if connector.role is None else flag_names(connector.role),
        "ranges": ranges_in_words(connector),
        "exchange_auth": _said(connector.offers_exchange_auth, "offered"),
        "relay": {True: "yes", False: "no", None: None}[relays(connector, rights)],
        "differs": joined(differences(connector, member.server)) or "no",
        "server": member.server.name,
        "custom": place in member.custom,
        "enabled": connector.enabled,
    }


def _said(truth: bool | None, word: str) -> str | None:
    if truth is None:
        return None
    return word if truth else f"not {word}"


def _order(row: dict[str, object]) -> int:
    """Of rows alike in this the order stays: by server, as read."""
    if row["custom"]:
        return 1
    return 0 if row["differs"] != "no" else 2


def _tone(column: str, row: dict[str, object]) -> str:
    value = row[column]
    if value is None:
        return "unknown"
    if column == "differs":
        return "bad" if not row["custom"] and value != "no" else ""
    if column == "relay":
        return "bad" if not row["custom"] and value == "yes" else ""
    return ""


def _reading(rows: Sequence[dict[str, object]]) -> str:
    changed = [
        f"{row['connector']} ({row['differs']})"
        for row in rows
        if not row["custom"] and row["differs"] != "no"
    ]
    sentences = []
    if changed:
        sentences.append(f"Changed since setup: {joined(changed)}.")
    elif any(not row["custom"] for row in rows):
        gaps = any(None in (row["enabled"], row["exchange_auth"]) for row in rows)
        end = "as far as they were read" if gaps else "in all that matters"
        sentences.append(f"The default connectors are as setup made them {end}.")
    custom = sum(bool(row["custom"]) for row in rows)
    if custom:
        sentences.append(f"Made by administrators: {custom} of {len(rows)}.")
    return " ".join(sentences)
