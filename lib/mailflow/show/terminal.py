"""The findings on one screen of a terminal: the verdict, what waits, what to paste."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mailflow.phrases import joined
from mailflow.picture import Tone
from mailflow.plain import one_line, width, wrap
from mailflow.show import words
from mailflow.show.blocks import LABEL, block, commands, hang, section, verdict
from mailflow.show.flow_text import flow_lines
from mailflow.views.verdict import (
    LEFT_IN_WORDS,
    Diagnosis,
    NextStep,
    ServerLeft,
    SinceRecord,
    missing_in_words,
)

MOST_UNREAD = 10
MOST_SERVERS = 20
"""More rows than this are counted."""
MANY_SERVERS = 8
"""Of more than these, servers with the same left are one line."""

_TONES: Mapping[str, Tone] = {"found": "bad", "unknown": "unknown", "clear": "good"}


def screen(diagnosis: Diagnosis, width: int = 80, *, colour: bool = False, word: str = "") -> str:
    """The diagnosis as text.

    Args:
        diagnosis: what the findings add up to.
        width: columns of the terminal; text wraps within it. Commands never do: they are pasted.
        colour: whether the terminal understands ANSI colours; only our own labels get one.
        word: what stands before the summary; empty: the verdict's own.
    """
    label = (word or words.over(diagnosis)).upper()
    room = max(width, LABEL + 20)
    blocks = [words.simulated(diagnosis.origin)] if diagnosis.is_simulated else []
    blocks += [_head(diagnosis, room)]
    lines = diagnosis.summary.splitlines()
    blocks += verdict(label, lines, room, _TONES[diagnosis.verdict], colour=colour)
    if diagnosis.since:
        blocks += _since(diagnosis.since, room)
    flow = diagnosis.flow
    if flow and (flow.after or flow.paths("good") < flow.paths()):
        blocks += section("MAIL FLOW", flow_lines(flow, room - LABEL))
    following = _following(diagnosis.next_steps, room)
    if diagnosis.verdict == "unknown":
        blocks += _missing(diagnosis, room) + following
    if diagnosis.stuck:
        blocks += _block("STUCK", [words.stuck(diagnosis.stuck)], room)
    if diagnosis.verdict == "found":
        blocks += commands("REPAIR", diagnosis.repair)
        blocks += following
    elif diagnosis.repair:
        blocks += commands("STILL TO RUN", diagnosis.repair)
    if diagnosis.undo and word:
        blocks += commands("ROLLBACK", diagnosis.undo)
    blocks += _taken_down(diagnosis.servers_left, room)
    blocks += _accepted(diagnosis, room)
    if diagnosis.verdict != "unknown":
        blocks += _missing(diagnosis, room)
    return "\n".join(blocks)


def _following(steps: Iterable[NextStep], room: int) -> list[str]:
    """What to do besides; a command has a line of its own that never wraps."""
    lines: list[str] = []
    for each in steps:
        lines += block("" if lines else "NEXT STEPS", [each.text] if each.text else (), room)
        lines += commands("" if lines else "NEXT STEPS", [each.command] if each.command else ())
    return lines


def _taken_down(servers: Sequence[ServerLeft], room: int) -> list[str]:
    """What is left when one server is taken down, a line each; servers that cost a target first."""
    order = sorted(servers, key=lambda each: list(LEFT_IN_WORDS).index(each.state), reverse=True)
    order.sort(key=lambda each: each.state != "none" and not each.only_source_of)
    names = max((width(one_line(each.server)) for each in servers), default=0)
    lines: list[str] = []
    if len(order) > MANY_SERVERS:
        alike: dict[str, list[str]] = {}
        for each in order:
            alike.setdefault(_left(each, short=True), []).append(each.server)
        said = [f"{joined(some, MOST_SERVERS)}: {text}" for text, some in alike.items()]
        for text in said[:MOST_SERVERS]:
            lines += hang("", text, room - LABEL)
        hidden = len(said) - MOST_SERVERS
        lines += [f"and {hidden} more lines; the report has them all"] if hidden > 0 else []
        return section("TAKE DOWN", lines)
    for each in order:
        name = one_line(each.server)
        lines += hang(f"{name}{' ' * (names - width(name))}  ", _left(each), room - LABEL)
    return section("TAKE DOWN", lines)


def _left(each: ServerLeft, *, short: bool = False) -> str:
    """What is left without a server; short: where every sender has a target, no more than that."""
    word, nothing = LEFT_IN_WORDS[each.state], "none, "
    text = word
    if not (short and each.state == "left"):
        for_whom = each.left.removeprefix(nothing)
        text = f"{word}{' ' if each.left.startswith(nothing) else ': '}{for_whom}"
    if each.only_source_of:
        text += f"; the only source server of {joined(each.only_source_of)}"
    return text


def _head(diagnosis: Diagnosis, room: int) -> str:
    read = words.read_when(diagnosis, short=True)
    lines = wrap(one_line(diagnosis.headline), room)
    spare = room - width(lines[-1]) - len(read)
    if not read:
        return "\n".join(lines)
    if spare >= 2:
        return "\n".join([*lines[:-1], lines[-1] + " " * spare + read])
    return "\n".join([*lines, " " * (room - len(read)) + read])


def _block(label: str, texts: list[str], room: int) -> list[str]:
    return block(label, (line for text in texts for line in text.splitlines()), room)


def _since(since: SinceRecord, room: int) -> list[str]:
    """What became of the findings of an earlier run."""
    lines = block("SINCE", [one_line(since.run)], room)
    for heading, entries in words.since(since):
        lines += block("", [heading], room)
        lines += [
            " " * LABEL + line for entry in entries for line in hang("  ", entry, room - LABEL)
        ]
    return lines


def _accepted(diagnosis: Diagnosis, room: int) -> list[str]:
    """What is accepted, and what to know of the file that says so."""
    lines = block("ACCEPTED", words.accepted(diagnosis), room) if diagnosis.accepted else []
    for note in words.accepted_notes(diagnosis):
        lines += block("" if lines else "ACCEPTED", [note], room)
    return lines


def _missing(diagnosis: Diagnosis, room: int) -> list[str]:
    rows = missing_in_words(diagnosis.untold)
    if diagnosis.unread and not rows:
        return []
    shown, hidden = rows[:MOST_UNREAD], len(rows) - MOST_UNREAD
    if hidden > 0:
        shown.append(f"and {hidden} more; `--json` names them all")
    return _block("MISSING DATA", shown or ["none"], room)
