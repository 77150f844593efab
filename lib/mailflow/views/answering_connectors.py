"""Step 4: which connector answers each sending server, who loses, and why."""

from __future__ import annotations

from collections.abc import Sequence

from mailflow.analysis.analysis import analyze
from mailflow.analysis.paths import NOBODY, ROLE_CONFLICT, MailPath
from mailflow.exchange.ranges import AddressRange
from mailflow.phrases import counted, joined
from mailflow.snapshot import Snapshot
from mailflow.table import MOST_OPEN, Table
from mailflow.views.together import together

_COLUMNS = {
    "sender": ("From", "the sending server"),
    "address": ("Address", "the address it is known by; the connector is chosen by it (S1.11)"),
    "target": ("To", "the server that is asked"),
    "port": (
        "Port",
        "25 from 2007 and 2010, 2525 between servers of 2013 and later (S4.02, S4.03)",
    ),
    "connector": ("Answered by", "the connector with the smallest range that holds the address"),
    "range": ("Range", "that range"),
    "works": ("Works", "whether it lets an Exchange server in (S3.30)"),
}


def answering_connectors(org: Snapshot) -> Table:
    """Who answers whom, the faulty ways first.

    Columns of the frame: sender, address, target (string), port (Int64), connector, range, works
    (string), and for code: state, cause, others (why each other connector does not answer).
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
        caption="The receive connector that answers, by sender's address and target.",
        columns=_COLUMNS,
        reading=_reading(paths),
        tones={(at, "works"): tones[str(row["state"])] for at, row in enumerate(shown)},
        grouped=pd.DataFrame(shown, columns=[*_COLUMNS, "state"]).astype({"port": "Int64"}),
        opened=min(wrong or MOST_OPEN, MOST_OPEN),
        rest=_rest(len(paths) - works, works, wrong) if len(shown) > MOST_OPEN or wrong else "",
        empty="No way between two servers is known; see what could not be read.",
    )


def why_others_lose(path: MailPath) -> str:
    """Every other connector of the target with the reason why it does not answer."""
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
    NOBODY: "no: nobody answers",
    ROLE_CONFLICT: "no: two services claim the port",
}


def _works(path: MailPath) -> str:
    if path.state == "clear":
        return "yes"
    if path.state == "unknown":
        return f"not known: {path.why}"
    return _FAULTS[path.cause or NOBODY]


def _why_it_wins(path: MailPath) -> list[str]:
    """The contest that decides the first faulty way: sizes beside sizes (S1.13)."""
    got = path.answer
    if not got or not got.connector or not got.range or not path.endpoint:
        return []
    rivals = [
        f"{rival.connector.name} ({counted(rival.range.size, 'address', 'addresses')})"
        for rival in got.others
        if rival.range is not None
        and rival.connector.role == got.process
        and any(binding.port == path.endpoint.port for binding in rival.connector.bindings)
    ]
    if not rivals:
        return []
    winner = f"{got.connector.name} ({counted(got.range.size, 'address', 'addresses')})"
    return [
        (
            f"{path.address} falls on {winner} before {joined(rivals)} on {path.target.name}: "
            "the smallest range that holds it wins."
        )
    ]


def _reading(paths: Sequence[MailPath]) -> str:
    wrong = [path for path in paths if path.state == "found"]
    open_ones = [path for path in paths if path.state == "unknown"]
    sentences = []
    if wrong:
        ways = joined(dict.fromkeys(f"{path.sender.name} to {path.target.name}" for path in wrong))
        sentences.append(f"{counted(len(wrong), 'way')} of {len(paths)} cannot work: {ways}.")
        sentences += _why_it_wins(wrong[0])
    elif paths and not open_ones:
        sentences.append("Every server is answered by a connector that lets Exchange servers in.")
    if open_ones:
        sentences.append(f"Not known for {counted(len(open_ones), 'way')}.")
    return " ".join(sentences)
