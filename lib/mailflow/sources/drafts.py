"""Objects of an organization as far as they were read, before they become typed.

Each object is first a draft: for each field what is known of it, or why not. Drafts of the same
object from several exports are laid over each other, so that a second, better export of the same
thing repairs what the first one cut; only then what is still unknown becomes missing data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from mailflow.exchange.queues import Moment
from mailflow.snapshot import Unread
from mailflow.sources.row import Reading, Row, Value
from mailflow.sources.values import UnreadableError


class FieldState(Enum):
    """Whether the value of a field can be relied on, and if not, why."""

    KNOWN = auto()
    ABSENT = auto()  # the form does not hold the property
    LOST = auto()  # it holds it, and it can't be read, or not wholly
    DISPUTED = auto()  # two exports disagree


class Need(Enum):
    """When a field that is not known becomes a row of unread."""

    ALWAYS = auto()  # without it the object can't be judged
    HELD = auto()  # if the export held it: older versions and chosen columns lack it
    NEVER = auto()  # no verdict rests on it


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a typed object.

    Attributes:
        property: the name Exchange gives it.
        read: a value to its type; raises UnreadableError.
        need: when it is told that it is not known.
        partly: the type of what may be kept of it where it is not known wholly; None: nothing.
    """

    property: str
    read: Callable[[Value], Any]
    need: Need = Need.HELD
    partly: type | None = None

    def kept(self, visible: object) -> object:
        """What is kept of a value that is not known wholly."""
        return visible if self.partly and isinstance(visible, self.partly) and visible else None


@dataclass(frozen=True, slots=True)
class FieldFact:
    """What is known of one field; `value` is what is visible of it where it is not known wholly."""

    value: Any
    state: FieldState = FieldState.KNOWN
    why: str = ""
    place: str = ""


@dataclass(slots=True)
class Draft:
    """One object of an organization, as far as read."""

    server: str
    label: str
    fields: Mapping[str, Field]
    facts: dict[str, FieldFact]

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - a field of any type
        """The value of a field, or what is visible of it; None where nothing is."""
        return self.facts[name].value

    def knows(self, name: str) -> bool:
        """Whether it was read to the end: False where it is absent, lost or disputed."""
        return self.facts[name].state is FieldState.KNOWN

    def needs(self, name: str) -> Need:
        """When messages tell that it is not known, as its declaration says."""
        return self.fields[name].need

    def lay_over(self, other: Draft) -> None:
        """Take from another export of the same object what this one lacks."""
        self.facts = {
            name: _agreed(self.fields[name], fact, other.facts[name])
            for name, fact in self.facts.items()
        }

    def unread(self, cmdlet: str) -> Iterator[Unread]:
        """A row for each field that is not known and may matter."""
        for name, fact in self.facts.items():
            need = Need.HELD if fact.state is FieldState.DISPUTED else self.needs(name)
            if fact.state is FieldState.KNOWN or need is Need.NEVER:
                continue
            if fact.state is FieldState.ABSENT and need is not Need.ALWAYS:
                continue
            what = f"{cmdlet} {self.fields[name].property}"
            yield Unread(self.server, what, f"{fact.place}: {self.label}: {fact.why}")


def read_field(row: Row, field: Field) -> FieldFact:
    """The value in a row; one that is absent or lost is told in the fact, and nothing is raised."""
    if field.property not in row.values:
        return FieldFact(
            None, FieldState.ABSENT, "the export does not contain this property", row.place
        )
    try:
        return FieldFact(field.read(row.values[field.property]), place=row.place)
    except UnreadableError as error:
        return FieldFact(field.kept(error.visible), FieldState.LOST, str(error), row.place)


def _agreed(kind: Field, first: FieldFact, second: FieldFact) -> FieldFact:
    """What two exports say together: the known one where the other fits, or that they disagree."""
    if FieldState.DISPUTED in (first.state, second.state):
        sure, further = (first, second) if first.state is FieldState.DISPUTED else (second, first)
        if further.state is not FieldState.ABSENT:
            sure = replace(sure, value=kind.kept(_common(sure.value, further.value)))
        return sure
    if first.state is not FieldState.KNOWN and second.state is not FieldState.KNOWN:
        return second if first.state is FieldState.ABSENT or not first.value else first
    partial, whole = (first, second) if second.state is FieldState.KNOWN else (second, first)
    if partial.state is not FieldState.KNOWN:
        if _fits(partial.value, whole.value):
            return whole
    elif _same(first.value, second.value):
        # An instant says more than the same time as text, which has no zone.
        return second if _is_instant(second.value) and not _is_instant(first.value) else first
    where = "; ".join(sorted({first.place, second.place}))
    why = "two exports contradict each other; keep the newer one"
    return FieldFact(kind.kept(_common(first.value, second.value)), FieldState.DISPUTED, why, where)


def _common(first: object, second: object) -> object:
    """What both of two values hold, whichever came first; None where that is nothing.

    Either of them may be true, and the order of files says nothing (contract, 9).
    """
    if isinstance(first, tuple) and isinstance(second, tuple):
        return tuple(sorted((each for each in first if each in second), key=repr))
    return None


def _fits(visible: object, whole: object) -> bool:
    if isinstance(visible, tuple) and isinstance(whole, tuple):
        return set(visible) <= set(whole)
    if isinstance(visible, str) and isinstance(whole, str):
        return "".join(whole.split()).startswith("".join(visible.split()))
    return visible is None


def _same(first: object, second: object) -> bool:
    if isinstance(first, Moment) and isinstance(second, Moment):
        both = first.instant and second.instant
        return first.instant == second.instant if both else True  # a text without a zone: S6.03
    if isinstance(first, tuple) and isinstance(second, tuple):
        return set(first) == set(second)  # the order of values is not fixed (section 1.4)
    if isinstance(first, str) and isinstance(second, str):
        return first.split() == second.split()
    return first == second


def _is_instant(value: object) -> bool:
    return isinstance(value, Moment) and value.instant is not None


def drafts_of(
    reading: Reading, cmdlet: str, make: Callable[[Row], tuple[str, Draft] | None]
) -> dict[str, Draft]:
    """The objects of a cmdlet by their key; the same one from two exports is laid together."""
    found: dict[str, Draft] = {}
    for row in reading.of(cmdlet):
        keyed = make(row)
        if keyed is None:
            continue
        key, draft = keyed
        if key in found:
            found[key].lay_over(draft)
        else:
            found[key] = draft
    return found


def draft_of(row: Row, server: str, label: str, fields: Mapping[str, Field]) -> Draft:
    """An object out of one row, each field beside the others; `label` is its name in messages."""
    return Draft(
        server, label, fields, {name: read_field(row, field) for name, field in fields.items()}
    )
