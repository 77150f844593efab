"""What a printed repair must do, held against the slow model, and how often the product does it.

violations(snapshot, commands)                      everything that is wrong with a repair
rollback_violations(snapshot, commands, rollback)   and with the way back
python tests/repair_property.py 0 200               today's product on organizations 0 to 199
python tests/repair_property.py 17                  one of them, in full
"""

# ruff: noqa: T201 - its summary is for people
from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import perf_counter

import organization_model as model
from broken import Broken, broken, described
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.snapshot import Snapshot
from organization_hosts import host_changes

VALUES = (
    *("enabled", "role", "bindings", "ranges", "auth", "groups", "fqdn"),
    *("suppress_x_anonymous_tls", "require_tls"),
)
"""Fields of a connector that commands change."""


# -- The product -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Printed:
    """What the product says of an organization.

    Attributes:
        verdict: found, unknown or clear.
        commands: the repair, in the order printed.
        rollback: the way back.
        words: what it says where it gives no command.
        findings: cause, state, server and connector of what it found or cannot tell.
    """

    verdict: str
    commands: tuple[str, ...]
    rollback: tuple[str, ...]
    words: tuple[str, ...]
    findings: tuple[tuple[str, str, str, str], ...]


def printed(snapshot: Snapshot) -> Printed:
    """Ask the product: the only place that knows its names."""
    from mailflow.views.findings import findings

    said = findings(snapshot)
    open_ones = [one for one in said.findings if one.state in ("found", "unknown")]
    return Printed(
        verdict=said.verdict,
        commands=tuple(said.repair),
        rollback=tuple(said.undo),
        words=tuple(one.remedy for one in open_ones if one.remedy and not one.commands),
        findings=tuple(
            (one.cause, one.state, one.server or "", one.connector or "") for one in open_ones
        ),
    )


# -- The property ----------------------------------------------------------------------------------


def violations(snapshot: Snapshot, commands: Sequence[str]) -> list[str]:
    """What is wrong with a repair, each with its kind before a colon; empty: it heals.

    The kinds: not typable, refused, unread written, setup's role, no such queue, order, still
    fails, now fails, undecided, role conflict, loses, may lose, gains, may gain.
    """
    after, wrong = typed_in(snapshot, commands)
    kinds = [line.strip().partition(" ")[0].casefold() for line in commands]
    if kinds != sorted(kinds, key=lambda one: one == "retry-queue"):
        wrong.append("order: Retry-Queue stands before a change")
    return [*wrong, *_found_afterwards(snapshot, after), *host_changes(snapshot, after)]


def rollback_violations(
    snapshot: Snapshot, commands: Sequence[str], rollback: Sequence[str]
) -> list[str]:
    """What is wrong with the way back: a command that is not taken, or a value that is another.

    Values of a connector that Exchange would not have taken as it stood (S8.65), or does not take
    beside one that therefore stays, need not come back.
    """
    after, _ = typed_in(snapshot, commands)
    again, wrong = typed_in(after, rollback)
    found = [f"rollback {one}" for one in wrong if not one.startswith("unread written")]
    differing = [
        (old, names)
        for old, new in zip(snapshot.connectors, again.connectors, strict=True)
        if (names := [name for name in VALUES if getattr(old, name) != getattr(new, name)])
    ]
    stay = {old.identity for old, _ in differing if _is_refused(snapshot, old)}
    servers = {old.server for old, _ in differing if old.identity in stay}
    for old, names in differing:
        beside = old.server in servers and _is_refused(again, old)
        if old.identity not in stay and not beside:
            found.append(f"rollback differs: {old.identity}: {', '.join(names)}")
    return found


def typed_in(snapshot: Snapshot, commands: Iterable[str]) -> tuple[Snapshot, list[str]]:
    """The organization after the commands, typed in their order, and what is wrong with them."""
    wrong: list[str] = []
    for line in commands:
        snapshot, more = model.take(snapshot, line)
        wrong += more
    return snapshot, wrong


def failing(snapshot: Snapshot) -> list[str]:
    """What the slow model finds in an organization, in words; only where all was read."""
    ways = [str(one) for one in model.ways(snapshot) if one.state == "fails" and one.was_read]
    return [*ways, *(f"role conflict of {one}" for one in model.role_conflicts(snapshot))]


def _found_afterwards(before: Snapshot, after: Snapshot) -> list[str]:
    """Ways that fail, or that are not known to work any more or yet, and role conflicts."""
    old = {one.key: one for one in model.ways(before)}
    found = []
    for way in model.ways(after):
        was = old[way.key]
        if way.state == "fails" and was.state != "fails":
            found.append(f"now fails: {way}")
        elif way.state == "fails" and way.was_read:
            found.append(f"still fails: {way}")
        elif way.state == "unknown" and was.state == "works":
            found.append(f"now fails: {way}; it worked")
        elif way.state == "unknown" and was.state == "fails" and was.was_read:
            found.append(f"undecided: {way}; it failed")
    conflicts = [one for one in model.role_conflicts(after) if one.was_read]
    return [*found, *(f"role conflict: {one}" for one in conflicts)]


def _is_refused(org: Snapshot, old: ReceiveConnector) -> bool:
    """Whether Exchange would refuse the connector as it was, beside the others as they were."""
    server = org.server(old.server)
    if server is None:
        return False
    others = [one for one in model.connectors_of(org, server) if one.identity != old.identity]
    downgraded = model.downgraded_of(org, server)
    return bool(model.refusals(old, others, server, downgraded=downgraded))


# -- How often the product does it -----------------------------------------------------------------


def judged(org: Broken) -> tuple[str, list[str], Printed]:
    """What became of one organization: a word for the count, and all that is wrong.

    healed; violated; words (found, and no command); unknown (said so, no command); missed (the
    model knows of a fault, or that something is open, and the product says that all is clear, or
    all was read and it finds no fault); nothing (neither knows of anything).
    """
    said = printed(org.snapshot)
    if said.commands:
        wrong = violations(org.snapshot, said.commands)
        wrong += rollback_violations(org.snapshot, said.commands, said.rollback)
        return "violated" if wrong else "healed", wrong, said
    if said.verdict == "found":
        return "words", [], said
    truth = failing(org.snapshot) if org.all_read or said.verdict == "clear" else []
    if said.verdict == "clear":
        truth += [str(one) for one in model.ways(org.snapshot) if one.state == "unknown"]
    if truth:
        return "missed", [f"missed: {one}" for one in truth], said
    return "unknown" if said.verdict == "unknown" else "nothing", [], said


def summary(numbers: range, kind: str = "") -> None:
    """Print the counts over a range of organizations, with numbers to look at.

    With a kind of what is wrong, or a word for what became of them, all numbers of that.
    """
    outcomes: dict[str, list[int]] = {}
    kinds: dict[str, list[int]] = {}
    faults: dict[str, Counter[str]] = {}
    read, start = 0, perf_counter()
    for number in numbers:
        org = broken(number)
        read += org.all_read
        word, wrong, _ = judged(org)
        name = f"{word}, all read" if org.all_read else f"{word}, not all read"
        outcomes.setdefault(name, []).append(number)
        for one in sorted({one.partition(":")[0] for one in wrong}):
            kinds.setdefault(one, []).append(number)
        for fault in org.faults:
            faults.setdefault(fault.partition(":")[0], Counter())[word] += 1
    if kind:
        told = {
            number for name, rows in outcomes.items() if name.startswith(kind) for number in rows
        }
        print(*sorted(told.union(kinds.get(kind, []))))
        return
    print(f"{len(numbers)} organizations, of {read} all needed values were read", end="")
    print(f" ({perf_counter() - start:.1f} s)\n")
    _table("What became of them", outcomes)
    _table("What is wrong with repairs", kinds)
    print("By what was planted")
    for fault, counts in sorted(faults.items()):
        print(f"  {fault:34} {', '.join(f'{word} {n}' for word, n in counts.most_common())}")


def _table(title: str, rows: dict[str, list[int]]) -> None:
    print(title)
    for name, numbers in sorted(rows.items(), key=lambda row: -len(row[1])):
        examples = " ".join(map(str, numbers[:10]))
        print(f"  {name:34} {len(numbers):5}   {examples}")
    print()


def in_full(number: int) -> None:
    """Print one organization, what the product says of it and what the model says to that."""
    org = broken(number)
    print(described(org))
    word, wrong, said = judged(org)
    rows = {
        "The model finds": failing(org.snapshot),
        f"The product says {said.verdict}": [" ".join(one) for one in said.findings],
        "Commands": said.commands,
        "Rollback": said.rollback,
        "Words": said.words,
        f"So it is {word}": wrong,
    }
    for title, lines in rows.items():
        print(f"\n{title}", *(lines or ["-"]), sep="\n  ")


if __name__ == "__main__":
    *given, last = sys.argv[1:] or ["0", "200"]
    word = "" if last.isdigit() else last
    first, *end = [int(one) for one in (*given, last) if one.isdigit()]
    if end:
        summary(range(first, *end), word)
    else:
        in_full(first)
