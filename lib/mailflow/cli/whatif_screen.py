"""The effect of a change, on a screen: the answer, the data behind it, the commands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from mailflow.analysis.assessment import PathState
from mailflow.analysis.change import Edit
from mailflow.cli.answered import (
    MOST_LINES,
    hosts_lines,
    hosts_of,
    hosts_sentences,
    instead,
    way_sentences,
)
from mailflow.exchange.commands import filled, split
from mailflow.exchange.ranges import AddressRange
from mailflow.phrases import clock, counted, joined
from mailflow.picture import Tone
from mailflow.plain import one_line, width
from mailflow.repair.claim import MovedServer, Proof, Refusal, ports_in_words, way_in_words
from mailflow.repair.wording import WHEN_TO_ROLL_BACK, current_and_new, is_long, may_be_refused
from mailflow.show import words
from mailflow.show.blocks import LABEL, block, commands, hang, section, verdict
from mailflow.views.verdict import Diagnosis, FindingRecord

MOST_CHANGES = 20
"""More changed connectors than this are counted."""


class Head(NamedTuple):
    """The answer: a label, its colour, and sentences."""

    label: str
    tone: Tone
    sentences: tuple[str, ...]


def whatif_screen(
    proof: Proof,
    found: Diagnosis | None = None,
    taken: datetime | None = None,
    cells: int = 80,
    *,
    colour: bool = False,
) -> str:
    """The proof as text.

    Args:
        proof: what is claimed of the changes.
        found: the findings that called for them; None: somebody asked for a change of their own.
        taken: when the organization was read.
        cells: columns of the terminal; text wraps within it. Commands never do: they are pasted.
        colour: whether the terminal understands ANSI colours; only our own label gets one.
    """
    room = max(cells, LABEL + 40)
    head = _head(proof, found)
    lines = [_title(proof, taken, room)]
    lines += verdict(head.label, head.sentences, room, head.tone, colour=colour)
    if proof.changes:
        lines += section("CHANGE", _changes(proof.changes, room - LABEL))
        servers = _servers(proof, room - LABEL)
        lines += ["AFFECTED SERVERS", *section("", servers)] if servers else []
        lines += section("OTHER HOSTS", hosts_lines(hosts_of(proof.moved), room - LABEL))
        lines += block("SCOPE", [_compared(proof)], room)
    lines += _not_proposed(proof.refused, room)
    lines += _commands(proof.changes, room)
    others = _by_other_means(found)
    source = found.origin if found else ""
    lines += _remedies("ALSO DO" if proof.changes else "DO INSTEAD", others, proof, source, room)
    lines += _rollback([edit for edit in proof.changes if edit.command], room)
    return "\n".join([*lines, *block("UNDETERMINED", _not_known(proof), room)])


def _title(proof: Proof, taken: datetime | None, room: int) -> str:
    names = [edit.identity for edit in proof.changes]
    read = f"read {clock(taken)}" if taken else ""
    text = f"Effect of changing {joined(map(one_line, names))}"
    if not names or width(text) + 2 > room - width(read):
        many = counted(len(names), "connector") if names else "receive connectors"
        text = f"Effect of changing {many}"
    if width(text) + 2 > room - width(read):
        return f"{text}\n{read.rjust(room)}"
    return f"{text}{' ' * (room - width(text) - width(read))}{read}".rstrip()


def _head(proof: Proof, found: Diagnosis | None) -> Head:
    if not proof.changes:
        return _without_a_change(proof, found)
    in_use = [server for server in proof.reached if server.in_use]
    hosts = hosts_of(proof.moved)
    sentences = [
        *way_sentences(
            (((server.was, server.will), server.sender, server.target) for server in in_use), _FATES
        )
    ]
    aside = len({server.sender for server in proof.reached if not server.in_use})
    if aside:
        sentences.append(
            f"{counted(aside, 'server')} would be handled differently where no mail from "
            f"{'it' if aside == 1 else 'them'} arrives."
        )
    sentences += hosts_sentences(hosts, "other" if proof.reached else "", would=True)
    if not (proof.reached or hosts):
        sentences.append("No host would be handled differently.")
    elif not hosts:
        sentences.append("No other host is affected.")
    if proof.doubts:
        sentences.append("Missing data may change this, see UNDETERMINED.")
    label, tone = _label(proof, in_use)
    if label == "REPAIRS" and (proof.refused or _by_other_means(found)):
        label, tone = "REPAIRS PART", "unknown"
        sentences.append("It does not repair everything that was found, see below.")
    return Head(label, tone, tuple(sentences))


def _label(proof: Proof, in_use: Sequence[MovedServer]) -> tuple[str, Tone]:
    breaks = any(server.was == "clear" and server.will == "found" for server in in_use)
    if proof.exit_code == 2:
        return "INCONCLUSIVE", "bad" if breaks else "unknown"
    if breaks:
        return "BREAKS MAIL", "bad"
    if proof.exit_code == 0:
        return "NO EFFECT", "good"
    loses = any(hosts.effect.loses or hosts.effect.not_known for hosts in proof.moved)
    if proof.repaired and proof.holds:
        return "REPAIRS", "unknown" if loses else "good"
    return "CHANGES", "unknown"


def _without_a_change(proof: Proof, found: Diagnosis | None) -> Head:
    """Why nothing is proposed. Nobody is handled differently then, and that is no all-clear."""
    if found is None:
        return Head("INCONCLUSIVE", "unknown", ("The connector to change could not be read.",))
    if found.verdict == "unknown":
        why = "No change is proposed: the cause could not be determined."
        return Head("INCONCLUSIVE", "unknown", (why, "`mailflow diagnose` shows what to do next."))
    if found.verdict == "clear":
        text = "No receive connector has to be changed."
        return Head("NOTHING TO DO", "good", (text,))
    why = "No change of a receive connector would repair it"
    if proof.doubts:
        why = "No change is proposed: data that it needs is missing"
    elif proof.refused:
        why = "No change is proposed, see NOT PROPOSED"
    return Head("STILL BROKEN", "bad", (f"{found.headline}.", f"{why}."))


_NOT_KNOWN = (
    "Another connector of {where} would accept {who}; whether {they} could authenticate there is "
    "unknown"
)
_FATES: Mapping[tuple[PathState, PathState], str] = {
    ("clear", "found"): (
        "{where} would no longer accept {who}: mail from there would not be delivered"
    ),
    ("unknown", "found"): (
        "{where} would not accept {who}; whether {they} {be} accepted now is unknown"
    ),
    ("clear", "unknown"): ("{where} {accept} {who} now; whether that stays so is unknown"),
    ("found", "unknown"): _NOT_KNOWN,
    ("unknown", "unknown"): _NOT_KNOWN,
    ("found", "found"): (
        "Another connector of {where} would accept {who}, which still could not authenticate"
    ),
    ("found", "clear"): "{where} would accept {who} (currently failing)",
    ("unknown", "clear"): (
        "{where} would accept {who}; whether {they} {be} accepted now is unknown"
    ),
    ("clear", "clear"): (
        "Another connector of {where} would accept {who}, as the present one does"
    ),
}
"""What breaks stands first."""

_WORST: tuple[PathState, ...] = ("found", "unknown", "clear")


def _changes(edits: Sequence[Edit], cells: int) -> list[str]:
    """Each parameter as it is and as it will be; of ranges what goes and what comes."""
    lines: list[str] = []
    for edit in edits[:MOST_CHANGES]:
        lines += hang("", edit.identity, cells)
        for change in edit.changes:
            if change.parameter == "RemoteIPRanges":
                lines += _of_ranges(edit, cells)
            else:
                current, new = current_and_new(change)
                lines += hang(f"  {change.parameter}  ", f"{current} -> {new}", cells)
    hidden = len(edits) - MOST_CHANGES
    return [*lines, f"and {hidden} more; `--json` names them all"] if hidden > 0 else lines


def _of_ranges(edit: Edit, cells: int) -> Iterator[str]:
    for head, ranges in (
        ("removes", edit.removed),
        ("adds", edit.added),
        ("result", edit.ranges),
    ):
        if ranges:
            cut = "" if edit.is_complete or head != "result" else ", and what was truncated"
            yield from hang(f"  {head:10}  ", f"{_listed(ranges)}{cut}", cells)


def _listed(ranges: Iterable[AddressRange]) -> str:
    return joined(ranges, most=12)


def _servers(proof: Proof, cells: int) -> list[str]:
    """Who reaches whom then; what breaks stands first, what no mail takes last."""
    groups: dict[tuple[str, str], list[MovedServer]] = {}
    rows = sorted(proof.reached, key=lambda server: (not server.in_use, _WORST.index(server.will)))
    for server in rows:
        where = f"{server.target}, {ports_in_words(server.places)}"
        groups.setdefault((where, instead(server.before, server.after)), []).append(server)
    lines: list[str] = []
    told = 0
    for (where, answer), some in groups.items():
        if len(lines) > MOST_LINES:
            break
        lines += hang("", f"{where}: {answer}", cells)
        names = max(width(one_line(server.sender)) for server in some)
        numbers = max(len(str(server.address)) for server in some)
        for server in some[:MOST_LINES]:
            told += 1
            blanks = " " * (names - width(one_line(server.sender)))
            head = f"  {server.sender}{blanks}  {server.address!s:{numbers}}  "
            lines += hang(head, way_in_words(server), cells)
    hidden = len(rows) - told
    return [*lines, f"and {hidden} more; `--json` names them all"] if hidden else lines


def _compared(proof: Proof) -> str:
    places = {(comparison.target, comparison.place) for comparison in proof.compared}
    if not places:
        return "nothing: the changed connectors have no endpoint in the data"
    servers = joined(dict.fromkeys(comparison.target for comparison in proof.compared))
    families = joined(sorted({f"IPv{comparison.place.family}" for comparison in proof.compared}))
    blocks = counted(sum(comparison.blocks for comparison in proof.compared), "block")
    text = f"every {families} address at {counted(len(places), 'endpoint')} of {servers} ({blocks})"
    return text if proof.doubts else f"{text}; hosts that are not named here are handled as before"


def _commands(edits: Sequence[Edit], room: int) -> list[str]:
    if not edits:
        return []
    given = [edit for edit in edits if edit.command]
    lines = commands("DRY RUN", [edit.rehearsal for edit in given])
    lines += commands("APPLY", [edit.command for edit in given])
    lines += block("", _beside_long_lists(given), room)
    texts = [
        f"{edit.identity}: {joined(edit.unread)} is truncated or missing in the export"
        if not edit.is_complete
        else f"{edit.identity}: its name cannot be pasted safely"
        for edit in edits
        if not edit.command
    ]
    return lines + block("NO COMMAND", texts, room)


def _beside_long_lists(edits: Iterable[Edit]) -> Iterator[str]:
    """What goes and what comes of lists that are too long to be compared by eye."""
    for edit in edits:
        for change in filter(is_long, edit.changes):
            current, new = current_and_new(change)
            yield f"{edit.identity} {change.parameter}: {current} -> {new}"
        if edit.may_be_refused:
            yield may_be_refused(edit)


def _rollback(edits: Sequence[Edit], room: int) -> list[str]:
    """Under a label of its own, with when to use it; the last change first."""
    given = [edit.undo for edit in reversed(edits) if edit.undo]
    lines = block("ROLLBACK", [WHEN_TO_ROLL_BACK] if given else [], room)
    lines += commands("", given)
    refusals = [
        f"{edit.identity}: Exchange would refuse the current values: {edit.undo_refusal}"
        for edit in edits
        if edit.undo_refusal
    ]
    refusals += [
        f"{edit.identity}: its current values cannot be set by a command"
        for edit in edits
        if not edit.undo and not edit.undo_refusal
    ]
    return lines + block("NO ROLLBACK", refusals, room)


def _by_other_means(found: Diagnosis | None) -> list[FindingRecord]:
    """What else was found and needs something other than these commands."""
    return [
        finding
        for finding in (found.findings if found else ())
        if finding.state == "found" and not finding.commands
    ]


def _not_proposed(refused: Iterable[Refusal], room: int) -> list[str]:
    """Why, and below it on a line of its own what to type instead."""
    lines: list[str] = []
    for text, command in dict.fromkeys((refusal_words(each), each.command) for each in refused):
        lines += block("" if lines else "NOT PROPOSED", [text], room)
        lines += commands("", [command] if command else [])
    return lines


def _remedies(
    label: str, others: Sequence[FindingRecord], proof: Proof, source: str, room: int
) -> list[str]:
    """What to do about the rest; what was said of changes that are not proposed is not repeated."""
    again = filled("{source}", {"source": source})
    texts = dict.fromkeys(line for each in others for line in each.remedy.splitlines())
    said = {each.words for each in proof.refused}
    texts = {text: None for text in texts if text not in said}
    given = dict.fromkeys(line for each in others for line in each.commands)
    changes, retries = words.repairs(given)
    lines: list[str] = []
    for text in texts:
        said_first, command = split(text)
        lines += block("" if lines else label, [said_first] if said_first else [], room)
        command = command.replace("<source>", again)
        lines += commands("" if lines else label, [command] if command else [])
    return lines + commands("" if lines else label, [*changes, *retries])


def refusal_words(refusal: Refusal) -> str:
    """Why a change is not proposed, with the connector or the server it is about."""
    name = refusal.connector or refusal.server
    text = refusal.text.removeprefix(f"{name}: ")
    return f"{name}: {'Exchange would refuse it: ' if refusal.kind == 'refused' else ''}{text}"


def _not_known(proof: Proof) -> list[str]:
    said = {words for each in proof.refused for words in (each.text, each.words)}
    texts = [doubt for doubt in proof.doubts if doubt not in said]
    texts += [
        f"the truncated part of {each.connector}"
        for each in proof.refused
        if each.kind == "unread" and proof.changes
    ]
    if any(moved.effect.not_known for moved in proof.moved):
        texts.append("values marked unknown above: their rights or settings are missing")
    if not texts and proof.doubts:
        texts = ["the data named above"]
    return texts or ["none"]
