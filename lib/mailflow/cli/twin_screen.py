"""Two servers compared, on a screen: the answer, what differs, the commands, and what is left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailflow.cli.answered import GroupWords, blocks_in_words, group_lines, short
from mailflow.phrases import joined
from mailflow.picture import Tone
from mailflow.show.blocks import LABEL, block, commands, section, verdict
from mailflow.views.twin_report import TwinGroup, TwinReport

_LABELS: dict[bool | None, tuple[str, Tone]] = {
    True: ("NO DIFFERENCE", "good"),
    False: ("DIFFERENT", "bad"),
    None: ("INCONCLUSIVE", "unknown"),
}


def twin_screen(found: TwinReport, cells: int = 80, *, colour: bool = False) -> str:
    """The comparison as text.

    Args:
        found: what differs, and the way there.
        cells: columns of the terminal; text wraps within it, commands never do.
        colour: whether the terminal understands ANSI colors.
    """
    room = max(cells, LABEL + 40)
    label, tone = _LABELS[found.comparison.alike]
    lines = verdict(label, [found.summary], room, tone, colour=colour)
    lines += block("SERVERS", [_servers(found)], room)
    lines += section("HOSTS", _hosts(found.groups, room - LABEL))
    if found.comparison.only_b:
        ports = joined(f"{port}" for port in found.comparison.only_b)
        word = "port" if len(found.comparison.only_b) == 1 else "ports"
        lines += block("ONLY ON B", [f"{word} {ports}: nothing that moves arrives there"], room)
    lines += block("NOTES", [note.text for note in found.notes], room)
    lines += commands("", [note.command for note in found.notes if note.command])
    if found.plan.steps:
        lines += block("CHANGE B", [step.text for step in found.plan.steps], room)
        lines += commands("COMMANDS", found.plan.commands)
    if not found.comparison.alike:
        lines += block("PROOF", filter(None, (found.proven, found.warning, found.again)), room)
        lines += section("REMAINING", _hosts(found.left, room - LABEL) if found.plan.steps else [])
    lines += block("NOT PROPOSED", [*found.plan.kept, *found.plan.refused], room)
    if found.plan.rollback:
        lines += commands("ROLLBACK", found.plan.rollback)
    missing = [f"{row.server} {row.what}: {row.why}".strip() for row in found.unread]
    lines += block("MISSING DATA", _some(missing), room)
    return "\n".join(lines)


def _servers(found: TwinReport) -> str:
    a, b = found.origins
    if a == b:
        return f"{found.a}, {found.b} ({a})"
    return f"{found.a} ({a}), {found.b} ({b})"


def _some(texts: Sequence[str]) -> list[str]:
    shown = list(texts[:5])
    return [*shown, f"and {len(texts) - 5} more"] if len(texts) > 5 else shown


def _hosts(groups: Sequence[TwinGroup], cells: int) -> list[str]:
    """Each group with what its hosts lose, gain, and what is not known of it."""
    words = [
        GroupWords(
            f"{group.endpoint}: {_instead(group)}", blocks_in_words(group.blocks), [*_told(group)]
        )
        for group in groups
    ]
    return group_lines(words, cells)


def _instead(group: TwinGroup) -> str:
    if group.a == group.b:
        return f"{group.a}, with other settings"
    return f"{group.b} instead of {group.a}"


def _told(group: TwinGroup) -> Iterator[tuple[str, str]]:
    effect = group.effect
    for head, words in (
        ("loses", effect.loses),
        ("gains", effect.gains),
        ("undetermined", effect.not_known),
    ):
        if words:
            yield head, joined(map(short, words), most=99)
    if group.why and not effect.not_known:
        yield "unknown", group.why
