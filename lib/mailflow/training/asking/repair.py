"""The question how to repair it: what is typed is tried on a copy, and proven there."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from mailflow.analysis.analysis import addresses_of, connectors_of
from mailflow.analysis.assessment import SHADOWED
from mailflow.analysis.capabilities import RELAY, Rights, abilities, effect
from mailflow.analysis.servers import address_of
from mailflow.checks.observed import INSPECTED, TRANSLATED
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import Address, AddressRange, Family, format_range, single, subtract
from mailflow.exchange.selection import answer
from mailflow.opening import practice_snapshot
from mailflow.phrases import counted, joined
from mailflow.show.widgets.question import AnswerForm
from mailflow.simulated.practice import Practice
from mailflow.snapshot import Snapshot
from mailflow.training import console
from mailflow.training.question import Judgement, Options, half, right, wrong
from mailflow.training.typed import NotTypedError, lines_of
from mailflow.training.windows import TRANSPORT
from mailflow.views.findings import findings
from mailflow.views.queues import stuck_queues
from mailflow.views.verdict import Diagnosis

LONG_ENOUGH = timedelta(minutes=20)
"""After this each queue has retried by itself and has drained (S4.62)."""

NOTHING = "none"
"""What is typed where nothing is to be changed."""
_NOT_LISTENING = "target-refuses"


class RepairQuestion:
    """Commands that repair what is wrong, and break nothing else."""

    form: AnswerForm = "lines"

    def __init__(self, copy: Callable[[], Practice]) -> None:
        """Tried on what `copy` gives: the practice as it is now, to be spoilt."""
        self._copy = copy

    def prompt(self, org: Snapshot) -> str:
        """The same for every organization."""
        del org
        return (
            "Which commands repair it? They run on a copy first; nothing is changed yet. If no "
            "change is needed, type none."
        )

    def options(self, org: Snapshot) -> Options:
        """It is typed."""
        del org
        return ()

    def judge(self, org: Snapshot, given: tuple[str, ...]) -> Judgement:
        """By the copy: what Exchange says, who answers then, and whether the queues drain."""
        typed = "\n".join(given)
        is_found = findings(org).verdict == "found"
        if typed.strip().casefold() == NOTHING:
            if is_between_servers(findings(org)):
                return right(
                    "No connector has to change: the fault lies between the servers, and the "
                    "network team must repair it."
                )
            return _left_alone(org, is_found=is_found)
        try:
            lines_of(typed)
        except NotTypedError as error:
            return wrong(f"{error.line.strip()}: {error}")
        if not is_found:
            return wrong(
                "The data available shows no fault now. Any change you make now changes "
                "something that works."
            )
        copy = self._copy()
        refused = console.run(copy, typed).refused
        after = practice_snapshot(copy, org.origin)
        copy.advance(LONG_ENOUGH)
        later = practice_snapshot(copy, org.origin)
        return _judged(org, after, later, refused)

    def hints(self, org: Snapshot) -> tuple[str, ...]:
        """From what to change to the command itself."""
        found = findings(org)
        where = joined(
            finding.server
            for finding in found.findings
            if finding.state == "found" and finding.server
        )
        first = next(iter(self.solution(org)), "").partition("\n")[0]
        return (
            (
                f"Something has to be changed on {where or 'no server'}. "
                "Change as little as possible: other hosts use the same connector."
                if not is_between_servers(found)
                else "Who is responsible for the faulty part? A cmdlet cannot change everything."
            ),
            (
                "The new value replaces the whole old value (S3.23, S8.60), so include every value "
                "that must stay. To exclude an address from a range, write the parts of the range "
                "on both sides of it (S8.63)."
            ),
            f"The first command is: {first}" if first != NOTHING else "There is nothing to repair.",
        )

    def solution(self, org: Snapshot) -> tuple[str, ...]:
        """What the findings propose; where a service is stopped, to start it."""
        found = findings(org)
        stopped = sorted(
            {
                finding.server
                for finding in found.findings
                if finding.state == "found" and finding.cause == _NOT_LISTENING and finding.server
            }
        )
        lines = [
            *found.repair,
            *(
                f"Invoke-Command -ComputerName {name} {{ Start-Service {TRANSPORT} }}"
                for name in stopped
            ),
        ]
        if stopped:
            lines += [f'Retry-Queue -Identity "{queue.identity}"' for queue in stuck_queues(org)]
        return ("\n".join(lines) or NOTHING,)


def is_between_servers(found: Diagnosis) -> bool:
    """Whether all that was found is a device on the way, which no cmdlet reaches (C4, C5)."""
    causes = {finding.cause for finding in found.findings if finding.state == "found"}
    return bool(causes) and causes <= {TRANSLATED, INSPECTED}


def _left_alone(org: Snapshot, *, is_found: bool) -> Judgement:
    """What to say to whoever wants to change nothing."""
    if is_found:
        return wrong("There is a fault, and it does not go away by itself.")
    if org.unread:
        return right("No fault is known. A change now would be a guess.")
    return right("Everything works. A change can only break something.")


def _judged(
    before: Snapshot, after: Snapshot, later: Snapshot, refused: tuple[str, ...]
) -> Judgement:
    harm = list(_harm(before, after))
    then = findings(later)
    waiting = stuck_queues(later)
    changed = before.connectors != after.connectors
    if refused:
        text = f"On the copy not everything succeeded: {joined(refused, most=2)}"
        return (half if changed else wrong)(text)
    if then.verdict == "found" or waiting:
        return _not_enough(before, later, then, changed=changed)
    if harm:
        advice = (
            "It has to be repaired where the fault is: between the servers."
            if is_between_servers(findings(before))
            else "Remove only the servers' addresses."
        )
        return half(f"The mail moves then. {_harm_in_words(harm, advice)}")
    return right(_proven(before, after, later))


def _not_enough(before: Snapshot, later: Snapshot, then: Diagnosis, *, changed: bool) -> Judgement:
    """What is still wrong on the copy after everything has had time to drain."""
    waiting = stuck_queues(later)
    queues = (
        f" On the copy mail is still waiting in {joined(queue.identity for queue in waiting)}, "
        "20 minutes later."
        if waiting
        else ""
    )
    if not changed and _faults(then) == _faults(findings(before)):
        return wrong(
            f"That changes nothing that keeps the mail waiting.{queues} A retried queue gets "
            "the same response again."
        )
    left = " ".join(finding.reading for finding in then.findings if finding.state == "found")
    gone = stuck_queues(before) and len(waiting) < len(stuck_queues(before))
    text = f"That is not the whole repair.{queues} {left}"
    return half(text) if gone or _faults(then) != _faults(findings(before)) else wrong(text)


def _faults(found: Diagnosis) -> set[tuple[str, str | None, str | None]]:
    return {
        (finding.cause, finding.server, finding.connector)
        for finding in found.findings
        if finding.state == "found"
    }


def _proven(before: Snapshot, after: Snapshot, later: Snapshot) -> str:
    moved = sum(queue.message_count or 0 for queue in stuck_queues(before))
    text = (
        f"On the copy {counted(moved, 'message')} were delivered within 20 minutes, no server is "
        "blocked, and no other host loses anything."
    )
    if _shares(before, after):
        text += (
            " Hosts and servers now share a connector: this works, but it is the worse repair "
            "(S3.34)."
        )
    elif not later.unread:
        text += " No data is missing, and no fault is left."
    return text


def _shares(before: Snapshot, after: Snapshot) -> bool:
    """Whether a custom connector that caught servers was given what they need."""
    caught = {
        finding.connector
        for finding in findings(before).findings
        if finding.cause == SHADOWED and finding.state == "found"
    }
    old = {connector.identity: connector.auth for connector in before.connectors}
    return any(
        connector.identity in caught and connector.auth != old[connector.identity]
        for connector in after.connectors
    )


# -- Whom it costs something -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Loss:
    """A block of addresses whose hosts lose something on a server."""

    server: str
    block: AddressRange
    was: str
    will: str
    lost: tuple[str, ...]


def _harm(before: Snapshot, after: Snapshot) -> Iterator[_Loss]:
    """All addresses but servers' own that lose an ability, on each server that was changed.

    Between two bounds of ranges the same connectors answer, so one address stands for its block.
    """
    rights, rights_after = Rights(before), Rights(after)
    known = [single(address) for owner in before.servers for address in addresses_of(before, owner)]
    for server in before.servers:
        old, new = connectors_of(before, server), connectors_of(after, server)
        if old == new:
            continue
        for port, family in _places([*old, *new]):
            for block in _blocks([*old, *new], family):
                for rest in subtract(
                    [block], [address for address in known if address.family == family]
                ):
                    remote = address_of(family, rest.first)
                    was, will = (_answering(some, port, remote) for some in (old, new))
                    cost = effect(was, will, rights, rights_after)
                    lost = cost.loses
                    if RELAY in cost.not_known and abilities(was, rights)[RELAY]:
                        lost = (*lost, RELAY)  # as setup makes a connector it does not relay
                    if lost:
                        yield _Loss(server.name, rest, _name(was), _name(will), lost)


def _places(connectors: list[ReceiveConnector]) -> list[tuple[int, Family]]:
    return sorted(
        {
            (binding.port, binding.family)
            for connector in connectors
            for binding in connector.bindings
        }
    )


def _blocks(connectors: list[ReceiveConnector], family: Family) -> Iterator[AddressRange]:
    """The address space of custom and default lists, cut at each bound."""
    ranges = [
        block for connector in connectors for block in connector.ranges if block.family == family
    ]
    bounds = sorted({block.first for block in ranges} | {block.last + 1 for block in ranges})
    for first, past in itertools.pairwise(bounds):
        yield AddressRange(family, first, past - 1)


def _answering(
    connectors: tuple[ReceiveConnector, ...], port: int, remote: Address
) -> ReceiveConnector | None:
    return answer(connectors, local=None, port=port, remote=remote).connector


def _name(connector: ReceiveConnector | None) -> str:
    return connector.name if connector else "nobody"


def _harm_in_words(harm: list[_Loss], advice: str) -> str:
    first = harm[0]
    alike = [loss for loss in harm if (loss.was, loss.will) == (first.was, first.will)]
    number = sum(loss.block.size for loss in alike if loss.server == first.server)
    blocks = joined(
        (format_range(loss.block) for loss in alike if loss.server == first.server), most=3
    )
    where = joined(dict.fromkeys(loss.server for loss in alike))
    lost = joined(text.partition(" (")[0] for text in first.lost[:2])
    others = f"{counted(number, 'other address', 'other addresses')} ({blocks})"
    if first.was == first.will:
        return (
            f"But on {where} {first.was} would no longer do for {others} what it does now: they "
            f"would lose {lost}. Name all current values together with those you add (S3.23)."
        )
    return (
        f"But on {where} {others} would be accepted by {first.will} instead of {first.was}: "
        f"they would lose {lost}. {advice}"
    )
