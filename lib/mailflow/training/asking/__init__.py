"""The kinds of questions, by the name a notebook asks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mailflow.lab.practice import Practice
from mailflow.training.asking.causes import Cause, Conclusion, Where
from mailflow.training.asking.connectors import Answers, AnswersNext, Caught, Port, elsewhere
from mailflow.training.asking.missing import Missing
from mailflow.training.asking.queues import GaveUp, Stuck
from mailflow.training.asking.repair import Repair
from mailflow.training.question import Kind

KINDS: Mapping[str, Callable[[Callable[[], Practice]], Kind]] = {
    "which-queues": lambda _: Stuck(),
    "who-gave-up": lambda _: GaveUp(),
    "which-port": lambda _: Port(),
    "who-answers": lambda _: Answers(),
    "who-answers-elsewhere": lambda _: Answers(elsewhere),
    "who-answers-next": lambda _: AnswersNext(),
    "which-addresses": lambda _: Caught(),
    "which-servers": lambda _: Where(),
    "what-cause": lambda _: Cause(),
    "what-verdict": lambda _: Conclusion(),
    "what-is-missing": lambda _: Missing(),
    "what-repair": Repair,
}
"""Name to what makes the question; it gets what gives a copy of the practice."""
