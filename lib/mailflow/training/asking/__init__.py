"""The kinds of questions, by the name a notebook asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mailflow.simulated.practice import Practice
from mailflow.training.asking.causes import CauseQuestion, ConclusionQuestion, WhereQuestion
from mailflow.training.asking.connectors import (
    AcceptingQuestion,
    CaughtQuestion,
    NextAcceptingQuestion,
    PortQuestion,
    elsewhere,
)
from mailflow.training.asking.logs import ReplyQuestion, SeenAddressQuestion
from mailflow.training.asking.missing import MissingQuestion
from mailflow.training.asking.queues import GaveUpQuestion, StuckQuestion
from mailflow.training.asking.repair import RepairQuestion
from mailflow.training.asking.requests import RequestQuestion
from mailflow.training.question import QuestionKind

KINDS: Mapping[str, Callable[[Callable[[], Practice]], QuestionKind]] = {
    "which-queues": lambda _: StuckQuestion(),
    "who-gave-up": lambda _: GaveUpQuestion(),
    "which-port": lambda _: PortQuestion(),
    "who-answers": lambda _: AcceptingQuestion(),
    "who-answers-elsewhere": lambda _: AcceptingQuestion(elsewhere),
    "who-answers-next": lambda _: NextAcceptingQuestion(),
    "which-addresses": lambda _: CaughtQuestion(),
    "which-address-was-seen": lambda _: SeenAddressQuestion(),
    "what-arrived": lambda _: ReplyQuestion(),
    "which-servers": lambda _: WhereQuestion(),
    "what-cause": lambda _: CauseQuestion(),
    "what-verdict": lambda _: ConclusionQuestion(),
    "what-is-missing": lambda _: MissingQuestion(),
    "what-repair": RepairQuestion,
    "what-request": RequestQuestion,
}
"""Name to what makes the question; it gets what gives a copy of the practice."""
