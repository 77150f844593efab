"""What the card and the terminal say in the same words."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from mailflow.phrases import counted, joined
from mailflow.plain import one_line
from mailflow.views.verdict import (
    Diagnosis,
    FindingRecord,
    SinceRecord,
    StuckRecord,
    WaitRecord,
)

VERDICTS = {"found": "Cause found", "unknown": "Inconclusive", "clear": "No fault found"}
"""The word for each verdict; colour only repeats it."""


def over(diagnosis: Diagnosis) -> str:
    """The word over the summary: the document's own, else that of the verdict."""
    return diagnosis.word.capitalize() or VERDICTS[diagnosis.verdict]


def clock(instant: str, beside: str | None = None) -> str:
    """An ISO instant as `23 Nov 14:02 UTC`; only the time where `beside` is of the same day."""
    moment = _moment(instant)
    if beside and _moment(beside).date() == moment.date():
        return f"{moment:%H:%M} UTC"
    return f"{moment.day} {moment:%b %H:%M} UTC"


def age(since: str, until: str) -> str:
    """How long it is from one ISO instant to another: `2 h 14 min`, `3 d 4 h`."""
    minutes = (_moment(until) - _moment(since)) // timedelta(minutes=1)
    if minutes < 1:
        return "less than 1 min"
    days, rest = divmod(minutes, 24 * 60)
    hours, minutes = divmod(rest, 60)
    parts = [(days, "d"), (hours, "h"), (0 if days else minutes, "min")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def stuck(waiting: StuckRecord) -> str:
    """How much waits, since when and until when, as far as that is known."""
    text = f"{_counted(waiting)} in {_plural(waiting.queues, 'queue')}"
    if waiting.since:
        since = f"the oldest since {clock(waiting.since, waiting.as_of)}"
        old = f" ({age(waiting.since, waiting.as_of)})" if waiting.as_of else ""
        text += f", {since}{old}."
    else:
        text += " (start time unknown)."
    if waiting.expires:
        text += f" The first of them expire on {clock(waiting.expires)}."
    places = [_place(each) for each in waiting.where[:_MOST_PLACES]]
    more = len(waiting.where) - len(places)
    if len(places) > 1 or any(each.kind != "stuck" for each in waiting.where):
        text += f" {'; '.join(places)}{f'; and {more} more' if more else ''}."
    return text


_MOST_PLACES = 5
"""Servers and kinds that are named; more are counted."""

_KINDS = {
    "stuck": ("stuck queue", "stuck queues"),
    "suspended": ("suspended queue", "suspended queues"),
    "poison": ("poison queue", "poison queues"),
    "submission": ("Submission queue", "Submission queues"),
    "status": ("queue of unknown status", "queues of unknown status"),
}


def _place(waits: WaitRecord) -> str:
    """`EX16A: 5,200 in 1 suspended queue`."""
    count = "unknown number" if waits.messages is None else f"{waits.messages:,}"
    kind = _KINDS.get(waits.kind, _KINDS["stuck"])[waits.queues != 1]
    return f"{waits.server}: {count} in {waits.queues} {kind}"


def read_when(diagnosis: Diagnosis, *, short: bool = False) -> str:
    """When it was read, or up to when it is known; empty where neither is. Short: no year."""
    told = clock if short else _day
    if diagnosis.taken:
        return f"read {told(diagnosis.taken)}"
    if diagnosis.stuck and diagnosis.stuck.as_of:
        return f"as of {told(diagnosis.stuck.as_of)}"
    return ""


def repairs(commands: Iterable[str]) -> tuple[list[str], list[str]]:
    """Commands that change something, and those that only make a queue try again."""
    shown = [one_line(command) for command in commands]
    retries = [command for command in shown if command.startswith("Retry-Queue")]
    return [command for command in shown if command not in retries], retries


def remedies(diagnosis: Diagnosis, state: str) -> list[str]:
    """What to do, in words, for all entries of a state; the same for several connectors once."""
    connectors: dict[str, dict[str, None]] = {}
    for finding in of_state(diagnosis, state):
        if finding.remedy:
            changed = list(dict.fromkeys(change.identity for change in finding.changes))
            name = changed[0] if len(changed) == 1 else ""
            form = finding.remedy.replace(name, _CONNECTOR) if name else finding.remedy
            connectors.setdefault(form, {})[name] = None
    said = [form.replace(_CONNECTOR, joined(names)) for form, names in connectors.items()]
    if len(said) <= _MOST_REMEDIES + 1:
        return said
    return [*said[:_MOST_REMEDIES], f"And {len(said) - _MOST_REMEDIES} more, as the commands say."]


_CONNECTOR = "\0"
"""Stands for a connector's name while sentences are compared."""

_MOST_REMEDIES = 3


def simulated(origin: str) -> str:
    """The banner over data that mailflow made up."""
    return f"SIMULATED DATA  {one_line(origin)}".rstrip()


def accepted(diagnosis: Diagnosis) -> list[str]:
    """What is accepted, until when and why; what is alike in that is one line."""
    places: dict[tuple[str, str, str], list[str]] = {}
    for each in diagnosis.accepted:
        places.setdefault((each.title, each.until, each.reason), []).append(each.place)
    return [
        one_line(f"{title} ({joined(names)}){f', until {until}' if until else ''}: {reason}")
        for (title, until, reason), names in places.items()
    ]


def accepted_notes(diagnosis: Diagnosis) -> list[str]:
    """What to know of the file that accepts; past a number it is counted."""
    notes = [one_line(note) for note in diagnosis.accepted_notes]
    more = len(notes) - _MOST_NOTES
    return [
        *notes[:_MOST_NOTES],
        *([f"and {more} more notes in findings.json"] if more > 0 else []),
    ]


_MOST_NOTES = 10


_GROUPS = {
    "new": "New",
    "changed": "Changed",
    "gone": "Gone",
    "not_checked": "Not checked",
    "unchanged": "Unchanged",
}


def since(compared: SinceRecord) -> list[tuple[str, list[str]]]:
    """What became of the findings of an earlier run: a heading and its lines for each group."""
    found = []
    for group, word in _GROUPS.items():
        entries = getattr(compared, group)
        lines = [
            one_line(f"{each.title}{f': {each.why}' if each.why else ''}")
            for each in entries[:_MOST_COMPARED]
        ]
        more = len(entries) - len(lines)
        lines += [f"and {more} more"] if more else []
        if entries:
            found.append((f"{word}: {len(entries)}", lines))
    return found or [("Nothing was found then, and nothing now", [])]


_MOST_COMPARED = 5
"""Findings of a group that are named; more are counted, and findings.json has all."""


def of_state(diagnosis: Diagnosis, state: str) -> list[FindingRecord]:
    """The entries in this state, best first."""
    return [finding for finding in diagnosis.findings if finding.state == state]


def deliver(waiting: StuckRecord | None) -> str:
    """What follows the change: the queues try again by themselves, or are told to."""
    if waiting and waiting.next_retry:
        again = clock(waiting.next_retry, waiting.as_of)
        return f"Retry the queues now, or wait for the automatic retry ({again})."
    return "Retry the queues now, or wait for the automatic retry."


def _counted(waiting: StuckRecord) -> str:
    if waiting.messages is None:
        return "An unknown number of messages is waiting"
    verb = "is" if waiting.messages == 1 else "are"
    return f"{counted(waiting.messages, 'message')} {verb} waiting"


def _plural(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _day(instant: str) -> str:
    moment = _moment(instant)
    return f"{moment.day} {moment:%b %Y %H:%M} UTC"


def _moment(instant: str) -> datetime:
    return datetime.fromisoformat(instant).astimezone(UTC)
