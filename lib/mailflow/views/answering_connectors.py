"""Step 4: which connector accepts each sending server, who loses, and why."""

from __future__ import annotations

from collections.abc import Sequence

from mailflow.analysis.analysis import analyze
from mailflow.analysis.assessment import NOBODY, ROLE_CONFLICT
from mailflow.analysis.paths import MailPath
from mailflow.exchange.ranges import AddressRange
from mailflow.phrases import counted, joined
from mailflow.snapshot import Snapshot
from mailflow.table import MOST_OPEN, Table
from mailflow.views.together import together

_COLUMNS = {
    "sender": ("From", "the sending server"),
    "address": ("Address", "its source address; Exchange selects the connector by it (S1.11)"),
    "target": ("To", "the target server"),
    "port": (
        "Port",
        "25 from 2007 and 2010, 2525 between servers of 2013 and later (S4.02, S4.03)",
    ),
    "connector": ("Accepted by", "the connector with the most specific range for the address"),
    "range": ("Range", "that range"),
    "works": ("Works", "whether it accepts mail from an Exchange server (S3.30)"),
}


def answering_connectors(org: Snapshot) -> Table:
    """Which connector accepts which server, the faulty mail paths first.

    Columns of the frame: sender, address, target (string), port (Int64), connector, range, works
    (string), and for code: state, cause, others (why each other connector does not accept it).
    """
    import pandas as pd

    order = {"found": 0, "unknown": 1, "clear": 2}
    paths = sorted(analyze(org).paths, key=lambda path: order[path.state])
    rows = [_row(path) for path in paths]
    tones = {"found": "bad", "unknown": "unknown", "clear": "good"}
    shown = list(together(map(_plain, rows), (*_COLUMNS, "state"), "target"))
    wrong = sum(row["state"] != "clear" for row in shown)
    works = sum(path.state == "clear" for path in paths)
    return Table(
        name="answering_connectors",
        frame=pd.DataFrame(rows, columns=[*_COLUMNS, "state", "cause", "others"]).astype(
            {"port": "Int64"}
        ),
        caption="The receive connector that accepts the connection, by source address and target.",
        columns=_COLUMNS,
        reading=_reading(paths),
        tones={(at, "works"): tones[str(row["state"])] for at, row in enumerate(shown)},
        grouped=pd.DataFrame(shown, columns=[*_COLUMNS, "state"]).astype({"port": "Int64"}),
        opened=min(wrong or MOST_OPEN, MOST_OPEN),
        rest=_rest(len(paths) - works, works, wrong) if len(shown) > MOST_OPEN or wrong else "",
        empty="No mail path between two servers is known; see the missing data.",
    )


def why_others_lose(path: MailPath) -> str:
    """Every other connector of the target with the reason why it does not accept it."""
    if path.answer is None:
        return ""
    return "; ".join(f"{loser.connector.name}: {loser.reason}" for loser in path.answer.others)


def _plain(row: dict[str, object]) -> dict[str, object]:
    """A row with the connector's name without that of its server, which differs on each target."""
    name = row["connector"]
    return row | {"connector": name and str(name).removesuffix(f" {row['target']}")}


def _rest(wrong: int, works: int, shown: int) -> str:
    """What is folded: what works, and what fails beyond the rows that are open."""
    if shown > MOST_OPEN:
        return f"All {wrong:,} paths that fail or are undetermined, and {works:,} that work"
    other = "other " if wrong else ""
    return counted(works, f"{other}mail path works", f"{other}mail paths work") if works else ""


def _row(path: MailPath) -> dict[str, object]:
    got = path.answer
    connector = got.connector.name if got and got.connector else None
    if path.cause == NOBODY and path.state == "found":
        connector = "none (421 4.3.2)"
    return {
        "sender": path.sender.name,
        "address": str(path.address) if path.address else None,
        "target": path.target.name,
        "port": path.endpoint.port if path.endpoint else None,
        "connector": connector,
        "range": _range(got.range) if got and got.range else None,
        "works": _works(path),
        "state": path.state,
        "cause": path.cause,
        "others": why_others_lose(path),
    }


def _range(block: AddressRange) -> str:
    return f"all IPv{block.family}" if block.is_everything else str(block)


_FAULTS = {
    "custom-connector-shadows-default": "no: it offers no Exchange Server auth",
    "exchange-auth-missing-on-default": "no: it offers no Exchange Server auth",
    "exchange-servers-group-missing": "no: it lacks the ExchangeServers group",
    "anonymoustls-suppressed": "no: X-ANONYMOUSTLS is suppressed",
    NOBODY: "no: no connector accepts it",
    ROLE_CONFLICT: "no: two services claim the port",
}


def _works(path: MailPath) -> str:
    if path.state == "clear":
        return "yes"
    if path.state == "unknown":
        return f"undetermined: {path.why}"
    return _FAULTS[path.cause or NOBODY]


def _why_it_wins(path: MailPath) -> list[str]:
    """The ranges that match in the first faulty mail path, and which decides (S1.13)."""
    got = path.answer
    if not got or not got.connector or not got.range or not path.endpoint:
        return []
    rivals = [
        f"{rival.connector.name} ({_range(rival.range)})"
        for rival in got.others
        if rival.range is not None
        and rival.connector.role == got.process
        and any(binding.port == path.endpoint.port for binding in rival.connector.bindings)
    ]
    if not rivals:
        return []
    winner = f"{got.connector.name} ({_range(got.range)})"
    return [
        (
            f"On {path.target.name}, {path.address} matches {joined([winner, *rivals])}. Exchange "
            f"uses the most specific range, so {got.connector.name} accepts the connection."
        )
    ]


def _reading(paths: Sequence[MailPath]) -> str:
    wrong = [path for path in paths if path.state == "found"]
    open_ones = [path for path in paths if path.state == "unknown"]
    sentences = []
    if wrong:
        ways = joined(dict.fromkeys(f"{path.sender.name} to {path.target.name}" for path in wrong))
        fail = "fails" if len(wrong) == 1 else "fail"
        of = counted(len(paths), "mail path")
        sentences.append(f"{len(wrong):,} of {of} {fail}: {ways}.")
        sentences += _why_it_wins(wrong[0])
    elif paths and not open_ones:
        sentences.append("Every server is accepted by a connector that offers what it needs.")
    if open_ones:
        sentences.append(f"{counted(len(open_ones), 'mail path')} could not be determined.")
    return " ".join(sentences)
