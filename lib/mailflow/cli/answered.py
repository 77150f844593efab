"""Hosts that another connector accepts, and proposals: lines that several screens share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mailflow.analysis.assessment import PathState
from mailflow.analysis.capabilities import Effect
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import AddressRange, format_range
from mailflow.phrases import counted, joined
from mailflow.repair.claim import NO_ANSWER, MovedBlock, Proof, name_of, ports_in_words
from mailflow.show.blocks import block, commands, hang
from mailflow.views.comparison import Treated

MOST_LINES = 60
"""A screen that shows more than this of one kind is not read; the rest is counted."""

_LARGEST = 10**12
"""Larger numbers of addresses than this are only told roughly."""


_ONE = {"be": "is", "was": "was", "they": "it", "them": "it"}
_MANY = {"be": "are", "was": "were", "they": "they", "them": "them"}
_IT, _THEY = {"accept": "accepts", "do": "does"}, {"accept": "accept", "do": "do"}


@dataclass(frozen=True, slots=True)
class Hosts:
    """Blocks of addresses that are handled alike, before and after.

    Attributes:
        where: the server and the port, in words.
        answer: who answers, in words.
        was_answered: whether somebody answered before.
        is_answered: whether somebody answers now.
        blocks: the addresses.
        effect: what the hosts gain and lose.
        is_certain: whether nothing that was not read could change it.
    """

    where: str
    answer: str
    was_answered: bool
    is_answered: bool
    blocks: tuple[AddressRange, ...]
    effect: Effect
    is_certain: bool


def hosts_of(rows: Iterable[MovedBlock | Treated]) -> list[Hosts]:
    """What is alike put together; those that lose something first, then what is not known."""
    alike: dict[tuple[object, ...], Hosts] = {}
    for row in rows:
        group = _hosts(row)
        key = (group.where, group.answer, group.effect, group.is_certain)
        known = alike.get(key)
        alike[key] = replace(known, blocks=(*known.blocks, *group.blocks)) if known else group
    found = list(alike.values())
    return sorted(found, key=lambda group: (not group.effect.loses, not group.effect.not_known))


def instead(before: ReceiveConnector | None, after: ReceiveConnector | None) -> str:
    """Which connector accepts it now, and which one did."""
    if after is None:
        return f"{NO_ANSWER}, instead of {name_of(before)}"
    if before is None:
        return f"{after.name}, instead of {NO_ANSWER}"
    if before.name.casefold() == after.name.casefold():
        return f"{after.name}, with other settings"
    return f"{after.name} instead of {before.name}"


def hosts_lines(found: Sequence[Hosts], cells: int) -> list[str]:
    """The groups as lines, each with what its hosts lose, gain, and what is not known of it."""
    paragraphs = []
    told: Sequence[tuple[str, str]] = ()
    for group in found:
        many = blocks_in_words(group.blocks)
        last, told = told, [*_told(group)]
        paragraphs.append(
            GroupWords(
                f"{group.where}: {group.answer}",
                many if group.is_certain else f"{many}, as far as was read",
                told,
                is_repeated=bool(told) and told == last,
            )
        )
    return group_lines(paragraphs, cells)


@dataclass(frozen=True, slots=True)
class GroupWords:
    """What a screen says of hosts that are handled alike.

    Attributes:
        accepted: where they arrive, and what accepts them.
        hosts: which they are.
        told: what becomes of them, each with the word before it.
        is_repeated: whether the group before is told the same.
    """

    accepted: str
    hosts: str
    told: Sequence[tuple[str, str]]
    is_repeated: bool = False


def group_lines(groups: Sequence[GroupWords], cells: int) -> list[str]:
    """The groups as lines, so many that a person reads them; the rest is counted."""
    lines: list[str] = []
    for place, group in enumerate(groups):
        if len(lines) > MOST_LINES:
            hidden = len(groups) - place
            lines.append(f"and {hidden} more such groups; `--json` names them all")
            break
        lines += hang("", group.accepted, cells)
        lines += hang("  ", group.hosts, cells)
        if group.is_repeated:
            lines += hang("    ", "the same as above", cells)
            continue
        for head, text in group.told:
            lines += hang(f"    {head:10} ", text, cells)
    return lines


def blocks_in_words(blocks: Sequence[AddressRange]) -> str:
    """The blocks of addresses, and how many addresses they are."""
    size = sum(each.size for each in blocks)
    return f"{joined(map(format_range, blocks))} ({counted_addresses(size)})"


def hosts_sentences(
    found: Sequence[Hosts], other: str = "", *, would: bool = False
) -> Iterator[str]:
    """The same in a sentence for each kind of effect, for the head of the screen.

    Args:
        found: the groups.
        other: `other` where servers have been told of before.
        would: of something that is not done yet.
    """
    kinds: dict[tuple[object, ...], list[Hosts]] = {}
    for group in found:
        key = (group.was_answered, group.is_answered, group.effect.loses, group.effect.not_known)
        kinds.setdefault(key, []).append(group)
    for some in kinds.values():
        # The same hosts may be told of at several servers.
        size = sum({block: block.size for group in some for block in group.blocks}.values())
        many = counted_addresses(size, other)
        yield f"{many[0].upper()}{many[1:]} {_fate(some[0], is_one=size == 1, would=would)}."


def way_sentences(
    rows: Iterable[tuple[tuple[PathState, PathState], str, str]],
    fates: Mapping[tuple[PathState, PathState], str],
) -> Iterator[str]:
    """What becomes of servers, those of one fate put together.

    Args:
        rows: whether a server was let in and will be, its name, and the server that answers it.
        fates: the sentences, in their order; `who`, `where` and words that agree are filled in.
    """
    known = list(dict.fromkeys(rows))
    for kind, fate in fates.items():
        targets: dict[str, list[str]] = {}
        for _, sender, target in (row for row in known if row[0] == kind):
            targets.setdefault(target, []).append(sender)
        alike: dict[tuple[str, ...], list[str]] = {}
        for target, senders in targets.items():
            alike.setdefault(tuple(senders), []).append(target)
        for names, where in alike.items():
            verbs = (_ONE if len(names) == 1 else _MANY) | (_IT if len(where) == 1 else _THEY)
            yield fate.format(who=joined(names), where=joined(where), **verbs) + "."


def counted_addresses(number: int, other: str = "") -> str:
    """`256 addresses`, `1 other address`; roughly where nobody reads the digits."""
    noun, nouns = (" ".join(filter(None, (other, form))) for form in ("address", "addresses"))
    if number < _LARGEST:
        return counted(number, noun, nouns)
    return f"about 10^{len(str(number)) - 1} {nouns}"


def short(ability: str) -> str:
    """An ability without the name of the right in brackets."""
    return ability.partition(" (")[0]


def _fate(group: Hosts, *, is_one: bool, would: bool) -> str:
    be, lose = ("is", "loses") if is_one else ("are", "lose")
    was = f"{be} not now" if would else f"{'was' if is_one else 'were'} not before"
    if would:
        be, lose = "would be", "would lose"
    if not group.is_answered:
        return f"{be} no longer accepted by any connector"
    lost, unknown = (
        joined(map(short, some), most=3) for some in (group.effect.loses, group.effect.not_known)
    )
    open_ = f"; undetermined: {unknown}" if unknown else ""
    if lost:
        return f"{lose} {lost}{open_}"
    if not group.was_answered:
        return f"{be} accepted, and {was}{open_}"
    return f"{be} handled differently{open_ or f' and {lose.split()[-1]} nothing'}"


def _hosts(row: MovedBlock | Treated) -> Hosts:
    server = row.target if isinstance(row, MovedBlock) else row.server
    return Hosts(
        where=f"{server}, {ports_in_words(row.places)}",
        answer=instead(row.before, row.after),
        was_answered=row.before is not None,
        is_answered=row.after is not None,
        blocks=(row.block,),
        effect=row.effect,
        is_certain=not isinstance(row, Treated) or row.is_certain,
    )


def _told(group: Hosts) -> Iterator[tuple[str, str]]:
    """Losses first: they are what breaks. Of hosts that nobody accepts no more is told."""
    effect = group.effect
    if not group.is_answered:
        return
    if not (effect or effect.not_known):
        yield "loses", "nothing"
    for head, abilities in (
        ("loses", effect.loses),
        ("unknown", effect.not_known),
        ("gains", effect.gains),
    ):
        if abilities:
            yield head, joined(map(short, abilities), most=99)


def proposal_lines(proof: Proof, room: int) -> list[str]:
    """A proposed change of RemoteIPRanges: proof, dry run, commands, rollback."""
    edits = proof.changes
    lines = block("PROOF", [proof.summary], room)
    lines += commands("DRY RUN", [edit.rehearsal for edit in edits if edit.rehearsal])
    lines += commands("APPLY", [edit.command for edit in edits if edit.command])
    lines += commands("ROLLBACK", [edit.undo for edit in reversed(edits) if edit.undo])
    if any(edit.may_be_refused for edit in edits):
        lines += block("", ["Exchange may refuse so many entries (1,200 and more)."], room)
    return lines
