"""Connectors of the same name on several servers, beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from mailflow.analysis.analysis import analyze
from mailflow.checks.connectors_differ import PeerGroup, groups_of
from mailflow.phrases import joined
from mailflow.snapshot import Snapshot
from mailflow.table import Table

_COLUMNS = {
    "name": ("Name", "of the connectors; <server> stands for the name of the server"),
    "servers": ("Servers", "that have a connector of this name, of one kind and site"),
    "what": ("What", "the setting that differs"),
    "most": ("Most have", "the value that most servers have, if any"),
    "differs": ("Differ", "servers with another value, or an unknown one"),
}


def same_names(org: Snapshot) -> Table:
    """Connectors of the same name beside each other, those that differ first.

    Columns of the frame: name, servers, what, most, differs (string), and for code: state
    (`found`, `unknown`, `clear`), site (string), count (Int64).
    """
    import pandas as pd

    rows = [
        row
        for group in groups_of(analyze(org).rights, analyze(org).servers)
        if len(group.connectors) > 1
        for row in _rows(group)
    ]
    rows.sort(key=lambda row: _ORDER[str(row["state"])])
    tones = {"found": "bad", "unknown": "unknown", "clear": "good"}
    return Table(
        name="same_names",
        frame=pd.DataFrame(rows, columns=[*_COLUMNS, "state", "site", "count"]).astype(
            {"count": "Int64"}
        ),
        caption="Connectors of the same name on servers of one kind and site.",
        columns=_COLUMNS,
        reading=_reading(rows),
        tones={(place, "differs"): tones[str(row["state"])] for place, row in enumerate(rows)},
        empty="No two servers of one kind and site have a connector of the same name.",
    )


_ORDER = {"found": 0, "unknown": 1, "clear": 2}


def _rows(group: PeerGroup) -> Iterator[dict[str, object]]:
    """A row for each setting that differs or is not known; else one that says that none does."""
    servers = [member.server.name for member, _ in group.connectors]
    base = {
        "name": group.name.replace("{}", "<server>"),
        "servers": joined(servers),
        "site": group.site,
        "count": len(servers),
    }
    open_ones = [setting for setting in group.settings if setting.deviating or setting.not_known]
    for setting in open_ones:
        differ = [f"{servers[place]}: {told}" for place, told in setting.deviating.items()]
        differ += [f"{servers[place]}: unknown" for place in sorted(setting.not_known)]
        yield base | {
            "what": setting.what,
            "most": setting.first if setting.usual else "no common value",
            "differs": "\n".join(differ),
            "state": "found" if setting.deviating and group.is_certain else "unknown",
        }
    if not open_ones:
        yield base | {"what": "nothing", "most": "the same", "differs": "none", "state": "clear"}


def _reading(rows: Sequence[Mapping[str, object]]) -> str:
    names = joined(row["name"] for row in rows if row["state"] == "found")
    sentences = []
    if names:
        sentences.append(
            f"Different: {names}. What a host may do depends on the server that it connects to."
        )
    elif rows and all(row["state"] == "clear" for row in rows):
        sentences.append("Connectors of the same name are alike in all that matters.")
    if any(row["state"] == "unknown" for row in rows):
        sentences.append("Not everything could be compared.")
    return " ".join(sentences)
