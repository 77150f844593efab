"""The question what to ask of the network team: each request is tried on a copy."""

from __future__ import annotations

from collections.abc import Callable

from mailflow.opening import practice_snapshot
from mailflow.phrases import joined
from mailflow.show.widgets.question import AnswerForm
from mailflow.simulated.practice import Practice
from mailflow.snapshot import Snapshot
from mailflow.training.asking.repair import LONG_ENOUGH
from mailflow.training.network import NOTHING, REQUESTS, carry_out
from mailflow.training.question import Judgement, Options, right, wrong
from mailflow.views.findings import findings
from mailflow.views.queues import stuck_queues


class RequestQuestion:
    """What has to change between the servers, where somebody else has to do it."""

    form: AnswerForm = "one"

    def __init__(self, copy: Callable[[], Practice]) -> None:
        """Tried on what `copy` gives: the practice as it is now, to be spoilt."""
        self._copy = copy

    def prompt(self, org: Snapshot) -> str:
        """The same for every organization."""
        del org
        return (
            "What do you ask the network team to do? It is tried on a copy first; nothing is done "
            "yet."
        )

    def options(self, org: Snapshot) -> Options:
        """All that can be asked for, and nothing."""
        del org
        return (
            *((name, request.words) for name, request in REQUESTS.items()),
            (NOTHING, "Nothing: there is no reason for a change."),
        )

    def judge(self, org: Snapshot, given: tuple[str, ...]) -> Judgement:
        """By the copy, 20 minutes later; and only where a fault was found."""
        (chosen,) = given
        if findings(org).verdict != "found":
            if chosen == NOTHING:
                return right("The data shows no fault between the servers.")
            return wrong("The data does not show that, so the network team would ask why.")
        if chosen == NOTHING:
            if self._helping(org):
                return wrong("The fault is between the servers; no cmdlet changes that.")
            return right("Nothing that the network team could do delivers this mail.")
        if self._helps(org, chosen):
            return right("On the copy all queues have drained 20 minutes later.")
        waiting = joined(queue.identity for queue in stuck_queues(org)) or "no queue"
        return wrong(f"On the copy it delivers nothing: still stuck 20 minutes later: {waiting}.")

    def hints(self, org: Snapshot) -> tuple[str, ...]:
        """From the cause to whose it is."""
        found = findings(org)
        return (
            "Ask only for what the findings show.",
            (
                "An address in the logs that is not the sender's, or a reply that arrived altered: "
                "did you see one of the two?"
            ),
            f"The findings say: {found.headline}.",
        )

    def solution(self, org: Snapshot) -> tuple[str, ...]:
        """The first request that drains the queues; NOTHING where none does, or none is needed."""
        if findings(org).verdict != "found":
            return (NOTHING,)
        return (self._helping(org) or NOTHING,)

    def _helping(self, org: Snapshot) -> str:
        """The first request that helps; empty: none does."""
        return next((name for name in REQUESTS if self._helps(org, name)), "")

    def _helps(self, org: Snapshot, request: str) -> bool:
        """Whether queues are stuck now, and none is on the copy after the request."""
        if not stuck_queues(org):
            return False
        copy = self._copy()
        carry_out(copy, request)
        copy.advance(LONG_ENOUGH)
        return not stuck_queues(practice_snapshot(copy, org.origin))
