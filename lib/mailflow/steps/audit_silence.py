"""Connectors that no address can reach, and how far the others reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mailflow.analysis.analysis import analyze
from mailflow.analysis.reach import Reach, WholeMap
from mailflow.analysis.servers import FAMILIES, is_whole
from mailflow.exchange.connectors import ReceiveConnector, setup_default
from mailflow.exchange.ranges import WIDTH, Family
from mailflow.phrases import joined
from mailflow.snapshot import Snapshot
from mailflow.steps.verdict import Finding
from mailflow.table import Table

NEVER_ANSWERS = "connector-never-answers"

_COLUMNS = {
    "connector": ("Connector", "server and name, as commands take it"),
    "listed": ("Lists", "addresses in its RemoteIPRanges, each counted once"),
    "answers": ("Answers", "those of them that it answers: no smaller range of another wins"),
    "why": ("Taken by", "who answers the others, or why it answers nobody (S1.10, S1.13)"),
}


def connector_reach(org: Snapshot) -> Table:
    """How many addresses each connector really answers, by the map of every endpoint.

    Columns of the frame: connector, listed, answers, why (string), and for code: server (string),
    enabled (boolean), listed_v4, answers_v4, listed_v6, answers_v6 (object, integers).
    """
    import pandas as pd

    whole = analyze(org).reach
    rows: list[dict[str, object]] = []
    tones: dict[tuple[int, str], str] = {}
    for number, one, reach in _covered(whole):
        if reach.answers_nobody:
            tones[len(rows), "answers"] = "bad" if is_whole(one) else "unknown"
        elif not is_whole(one):
            tones[len(rows), "answers"] = "unknown"
        rows.append(_row(whole, number, one, reach))
    extra = ["server", "enabled", "listed_v4", "answers_v4", "listed_v6", "answers_v6"]
    return Table(
        name="connector_reach",
        frame=pd.DataFrame(rows, columns=[*_COLUMNS, *extra]).astype(
            {"enabled": "boolean", **dict.fromkeys(extra[2:], "object")}
        ),
        caption="How many addresses each connector really answers.",
        columns=_COLUMNS,
        reading=_reading(rows),
        tones=tones,
        empty="No receive connector was read.",
    )


def never_answering(whole: WholeMap) -> Iterator[Finding]:
    """An entry for each connector that no address reaches, or of which that is not known."""
    for number, one, reach in _covered(whole):
        if not reach.answers_nobody:
            continue
        doubt = doubt_of(one)
        if doubt:
            yield Finding(
                cause=NEVER_ANSWERS,
                state="unknown",
                server=whole.member_of(number).server.name,
                connector=one.identity,
                reading=f"It is not known whether {one.name} answers anybody: {doubt}.",
                remedy=f"Find out, then run again: {doubt}.",
            )
        else:
            yield Finding(
                cause=NEVER_ANSWERS,
                state="found",
                server=whole.member_of(number).server.name,
                connector=one.identity,
                reading=f"No address reaches {one.name} on {one.server}: "
                f"{why_nobody(whole, number)}.",
                remedy=_remedy(one),
            )


def why_nobody(whole: WholeMap, number: int) -> str:
    """Why a connector that was read in full answers nobody."""
    one = whole.connectors[number]
    if one.enabled is False:
        return "it is disabled"
    if not one.bindings:
        return "it is bound to no local address and port"
    if not one.ranges:
        return "its list of remote ranges is empty"
    bound = {binding.family for binding in one.bindings}
    if not bound & {block.family for block in one.ranges}:
        mine, theirs = _families(bound), _families({block.family for block in one.ranges})
        return f"it is bound to {mine} and lists {theirs} ranges alone (S1.12)"
    takers = joined(other.name for other in whole.takers(number))
    return f"all of its addresses are answered by {takers}, whose ranges go before its own"


def doubt_of(one: ReceiveConnector) -> str:
    """What was not read of a connector that decides whom it answers; empty where all was."""
    doubts = []
    if one.enabled is None:
        doubts.append("whether it is enabled was not read")
    if one.role is None:
        doubts.append("its transport role was not read")
    if not one.bindings_complete:
        doubts.append("its bindings were not read to the end")
    if not one.ranges_complete:
        doubts.append("its remote ranges were not read to the end")
    return "" if one.enabled is False else " and ".join(doubts)


def count_in_words(counts: Mapping[Family, int]) -> str:
    """`all addresses`, `256 IPv4`, `all IPv4 but 513, all IPv6`, `none`."""
    if all(counts[family] == 1 << WIDTH[family] for family in FAMILIES):
        return "all addresses"
    words = [_of_family(family, counts[family]) for family in FAMILIES if counts[family]]
    return ", ".join(words) or "none"


def _of_family(family: Family, count: int) -> str:
    left = (1 << WIDTH[family]) - count
    if left == 0:
        return f"all IPv{family}"
    if left < count:
        return f"all IPv{family} but {_number(left)}"
    return f"{_number(count)} IPv{family}"


def _number(count: int) -> str:
    """Exact as long as people can read it; beyond that the power of two."""
    if count < 1 << 40:
        return f"{count:,}"
    bits = count.bit_length() - 1
    return f"2^{bits}" if count == 1 << bits else f"more than 2^{bits}"


def _covered(whole: WholeMap) -> Iterator[tuple[int, ReceiveConnector, Reach]]:
    for number, (one, reach) in enumerate(zip(whole.connectors, whole.reaches(), strict=True)):
        if whole.member_of(number).covered:
            yield number, one, reach


def _row(whole: WholeMap, number: int, one: ReceiveConnector, reach: Reach) -> dict[str, object]:
    doubt = doubt_of(one)
    why = ""
    if doubt:
        why = f"not known: {doubt}"
    elif reach.answers_nobody:
        why = why_nobody(whole, number)
    elif reach.answered != reach.listed:
        why = joined(other.name for other in whole.takers(number)) or "nobody listens there"
    others = any(
        doubt_of(other) for other in whole.member_of(number).connectors if other is not one
    )
    limits = {
        (True, False): " or more",
        (False, True): " or less",
        (True, True): ", as far as it was read",
    }
    return {
        "connector": one.identity,
        "listed": count_in_words(reach.listed) + ("" if one.ranges_complete else " or more"),
        "answers": count_in_words(reach.answered) + limits.get((bool(doubt), others), ""),
        "why": why or "nobody",
        "server": whole.member_of(number).server.name,
        "enabled": one.enabled,
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
        whom = "answers" if len(silent) == 1 else "answer"
        sentences.append(f"{names} {whom} nobody: whatever is set there has no effect.")
    elif rows:
        sentences.append("Every connector answers somebody.")
    return " ".join(sentences)


def _remedy(one: ReceiveConnector) -> str:
    if setup_default(one) and one.enabled is False:
        return (
            f"Setup made {one.identity} and expects it: enable it, unless it was switched off on "
            "purpose; then note that in its Comment."
        )
    return (
        f"Find out what {one.identity} was made for; then remove it, or give it what it lacks. "
        "Even disabled it counts when Exchange checks other connectors for conflicts (S1.31)."
    )


def _families(found: set[Family]) -> str:
    return joined(f"IPv{family}" for family in sorted(found))
