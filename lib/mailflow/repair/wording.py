"""What a command changes, as screens and reports show it beside the command."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from mailflow.analysis.change import LONG_LIST, MOST_ENTRIES, Change, Edit, in_words
from mailflow.exchange.ranges import AddressRange
from mailflow.phrases import counted

WHEN_TO_ROLL_BACK = (
    "Only if the change causes problems: these commands restore the previous values. They are not "
    "part of the repair."
)


def current_and_new(change: Change) -> tuple[str, str]:
    """A value as it is and as it will be; of a long list what goes and what comes."""
    if not is_long(change):
        return in_words(change.old), in_words(change.new)
    old = cast("tuple[AddressRange, ...]", change.old or ())
    new = cast("tuple[AddressRange, ...]", change.new)
    parts = [counted(len(new), "element")]
    for verb, some, others in (("remove", old, set(new)), ("add", new, set(old))):
        elements = [str(block) for block in some if block not in others]
        parts += [f"{verb} {', '.join(elements)}"] if elements else []
    return counted(len(old), "element"), "; ".join(parts)


def is_long(change: Change) -> bool:
    """Whether a value is a list too long to be compared by eye."""
    lists = [value for value in (change.old, change.new) if isinstance(value, tuple)]
    return any(len(value) > LONG_LIST for value in lists)


def value_lines(edit: Edit) -> Iterator[str]:
    """Each parameter as it is and as it will be, a line each; and what Exchange may say."""
    for change in edit.changes:
        current, new = current_and_new(change)
        yield f"Current {change.parameter}: {current}"
        yield f"New {change.parameter}: {new}"
    if edit.may_be_refused:
        yield may_be_refused(edit)


def may_be_refused(edit: Edit) -> str:
    """What is to be said of a list that is longer than Exchange takes for certain (S1.35)."""
    return (
        f"{edit.identity} would have {len(edit.ranges):,} remote IP ranges. Exchange may refuse "
        f"more than {MOST_ENTRIES:,} entries."
    )
