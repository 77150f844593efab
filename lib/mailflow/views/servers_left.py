"""Which server may be taken down: the targets that are left then, a line for each server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mailflow.analysis.analysis import analyze
from mailflow.analysis.removal import Removal, RemovalState, TargetsLeft, removals
from mailflow.analysis.servers import ServerView
from mailflow.phrases import counted, joined
from mailflow.picture import Tone
from mailflow.snapshot import Snapshot
from mailflow.table import Table
from mailflow.views.verdict import LEFT_IN_WORDS, ServerLeft

_COLUMNS = {
    "server": ("Server", "that would be taken down"),
    "group": ("Site and version", "any of these servers accepts the mail for them"),
    "result": ("Without it", "whether every other sender still has a target there"),
    "left": ("Targets left", "that accept the mail, and for whom; itself for those of the group"),
    "only_source": ("Only source of", "send connectors that no other server could use (S9.20)"),
}
_TONES: dict[RemovalState, Tone] = {"left": "good", "none": "bad", "last": "", "unknown": "unknown"}


def servers_left(org: Snapshot) -> Table:
    """For each server the targets that senders have left when it is taken down.

    Judged are mail paths between servers as they are configured, and source servers of send
    connectors. Services, maintenance mode, databases, client access and capacity are not.

    Columns of the frame: server, group, result, left, only_source (string), and for code: state
    (`left`, `none`, `last`, `unknown`).
    """
    import pandas as pd

    records, found = server_records(org), _removals(org)
    rows = [_row(each) for each in records]
    tones = {(place, "result"): _TONES[each.state] for place, each in enumerate(found)}
    tones |= {
        (place, "only_source"): "bad" if each.only_source_of else "unknown"
        for place, each in enumerate(found)
        if each.only_source_of != ()
    }
    return Table(
        name="servers_left",
        frame=pd.DataFrame(rows, columns=[*_COLUMNS, "state"]),
        caption="Targets left for mail between servers when one server is taken down.",
        columns=_COLUMNS,
        reading=_reading(found),
        tones=tones,
        empty="No server was read.",
    )


def server_records(org: Snapshot) -> tuple[ServerLeft, ...]:
    """The same as records, in the order read."""
    return tuple(
        ServerLeft(
            each.view.name,
            f"{each.site or 'site unknown'}, {each.kind or 'version unknown'}",
            each.state,
            _left(each),
            each.only_source_of,
        )
        for each in _removals(org)
    )


def _removals(org: Snapshot) -> list[Removal]:
    """Of the servers that the run covers, judged by all."""
    whole = analyze(replace(org, only=frozenset()) if org.only else org)
    return [each for each in removals(whole) if org.covers(each.view.name)]


def _row(each: ServerLeft) -> dict[str, object]:
    sources = each.only_source_of
    return {
        "server": each.server,
        "group": each.group,
        "result": LEFT_IN_WORDS[each.state],
        "left": each.left,
        "only_source": None if sources is None else joined(sources) or "none",
        "state": each.state,
    }


def _left(each: Removal) -> str:
    """`EX16B, for EX10A and EX10B`; senders that have the same left are named together."""
    if not each.senders:
        if not each.others:
            return "no other server sends mail to it"
        return f"{joined(view.name for view in each.others)}, for itself"
    alike: dict[tuple[tuple[ServerView, ...], tuple[ServerView, ...]], list[TargetsLeft]] = {}
    for sender in each.senders:
        alike.setdefault((sender.targets, sender.not_known), []).append(sender)
    return "; ".join(
        f"{_targets(targets, open_ones)}, for {joined(some.sender.name for some in senders)}"
        for (targets, open_ones), senders in alike.items()
    )


def _targets(targets: Sequence[ServerView], not_known: Sequence[ServerView]) -> str:
    words = [joined(view.name for view in targets)] if targets else []
    if not_known:
        words.append(f"undetermined: {joined(view.name for view in not_known)}")
    return "; ".join(words) or "none"


def _reading(found: Sequence[Removal]) -> str:
    """Which servers senders can do without, which not, and what the table does not judge."""
    free = [each for each in found if each.state == "left" and each.only_source_of == ()]
    sentences = []
    if free:
        names = joined(each.view.name for each in free)
        sentences.append(
            f"Mail between the other servers still has targets without {names}, one at a time."
        )
    lost = [each for each in found if each.state == "none"]
    if lost:
        names = joined(each.view.name for each in lost)
        sentences.append(f"Senders would have no target left without {names}.")
    last = [each for each in found if each.state == "last"]
    if last:
        names, verb = joined(each.view.name for each in last), "is" if len(last) == 1 else "are"
        sentences.append(f"{names} {verb} the last of their site and version.")
    sources = [each for each in found if each.only_source_of]
    if sources:
        names = joined(each.view.name for each in sources)
        count = len({name for each in sources for name in each.only_source_of or ()})
        many = counted(count, "send connector")
        sentences.append(f"{many} would have no source server left without {names}.")
    doubts = list(dict.fromkeys(doubt for each in found for doubt in each.doubts))
    if doubts:
        sentences.append(f"Other senders may exist: {joined(doubts, most=2)}.")
    sentences.append(
        "Based on configuration only: no services, maintenance mode, databases, client access or "
        "capacity."
    )
    return " ".join(sentences)
