"""The findings on one screen of a terminal: the verdict, what waits, what to paste."""

from __future__ import annotations

from mailflow.plain import visible, width, wrap
from mailflow.show import words
from mailflow.steps.verdict import Diagnosis

LABEL = 14
"""Where the text begins: behind the longest label."""

MOST_UNREAD = 10
"""More rows than this are counted."""

_COLOURS = {"found": "\x1b[1;31m", "unknown": "\x1b[1;33m", "clear": "\x1b[1;32m"}
_PLAIN = "\x1b[0m"


def screen(diagnosis: Diagnosis, width: int = 80, *, colour: bool = False) -> str:
    """The diagnosis as text.

    Args:
        diagnosis: what the findings add up to.
        width: columns of the terminal; text wraps within it. Commands never do: they are pasted.
        colour: whether the terminal understands ANSI colours; only our own labels get one.
    """
    room = max(width, LABEL + 20)
    blocks = [_head(diagnosis, room)]
    blocks += _block(words.VERDICTS[diagnosis.verdict].upper(), [diagnosis.summary], room)
    undecided = _undecided(diagnosis)
    if diagnosis.verdict == "unknown":
        blocks += _missing(diagnosis, room) + _block("DO NEXT", undecided, room)
    if diagnosis.stuck:
        blocks += _block("STUCK", [words.stuck(diagnosis.stuck)], room)
    if diagnosis.verdict == "found":
        if diagnosis.repair:
            blocks += _commands("REPAIR", diagnosis.repair)
        else:
            blocks += _block("DO NEXT", words.remedies(diagnosis, "found"), room)
        blocks += _block("UNDECIDED", undecided, room)
    if diagnosis.verdict != "unknown":
        blocks += _missing(diagnosis, room)
    text = "\n".join(blocks)
    if colour:
        label = words.VERDICTS[diagnosis.verdict].upper()
        text = text.replace(f"\n{label}", f"\n{_COLOURS[diagnosis.verdict]}{label}{_PLAIN}", 1)
    return text


def _head(diagnosis: Diagnosis, room: int) -> str:
    read = words.read_when(diagnosis, short=True)
    lines = wrap(visible(diagnosis.headline), room)
    spare = room - width(lines[-1]) - len(read)
    if not read:
        return "\n".join(lines)
    if spare >= 2:
        return "\n".join([*lines[:-1], lines[-1] + " " * spare + read])
    return "\n".join([*lines, " " * (room - len(read)) + read])


def _block(label: str, texts: list[str], room: int) -> list[str]:
    lines = [line for text in texts for line in wrap(visible(text), room - LABEL)]
    heads = [label.ljust(LABEL)] + [" " * LABEL] * len(lines)
    return [(head + line).rstrip() for head, line in zip(heads, lines, strict=False)]


def _commands(label: str, commands: tuple[str, ...]) -> list[str]:
    heads = [label.ljust(LABEL)] + [" " * LABEL] * len(commands)
    return [head + words.command(one) for head, one in zip(heads, commands, strict=False)]


def _undecided(diagnosis: Diagnosis) -> list[str]:
    entries = words.of_state(diagnosis, "unknown")
    texts = "\n".join(one.remedy or one.reading for one in entries)
    return list(dict.fromkeys(texts.splitlines()))


def _missing(diagnosis: Diagnosis, room: int) -> list[str]:
    rows = [
        ": ".join(part for part in (one.server, one.what, one.why) if part)
        for one in diagnosis.unread[:MOST_UNREAD]
    ]
    hidden = len(diagnosis.unread) - MOST_UNREAD
    if hidden > 0:
        rows.append(f"and {hidden} more; `--json` names them all")
    return _block("NOT READ", rows or ["nothing"], room)
