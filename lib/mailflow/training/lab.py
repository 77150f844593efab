"""A simulated organization alive in a notebook: look, ask, type, wait, go back, be asked.

Everything that happens in it is a move: a wait, typed lines, logs fetched, a request. The same
moves from the same start give the same organization, so a copy is made and a step is taken back by
making them again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from mailflow import parameter_cell
from mailflow.errors import UsageError
from mailflow.opening import practice_snapshot
from mailflow.phrases import clock
from mailflow.show.logs import logs_card
from mailflow.show.markup import Markup
from mailflow.show.training import story_card
from mailflow.show.widgets.saying import note
from mailflow.simulated import scenarios
from mailflow.simulated.practice import Practice
from mailflow.snapshot import Snapshot
from mailflow.this_run import run_folder
from mailflow.training import cases, console, debriefing, logs, network, progress
from mailflow.training.asking import KINDS
from mailflow.training.asking.repair import NOTHING
from mailflow.training.console import Transcript
from mailflow.training.network import REQUESTS
from mailflow.training.question import Question
from mailflow.training.subject import way
from mailflow.training.watching import delay, watch
from mailflow.views.findings import findings
from mailflow.views.verdict import Diagnosis

if TYPE_CHECKING:
    from mailflow.table import Table

LabMove = Callable[[Practice], object]

_NOTES = (
    "Run one cell at a time (Shift+Enter), and answer before you look at the next one.",
    "You cannot break anything: lab.undo() undoes the last step, lab.again() restarts.",
)
DECIDED_BY_LOGS = "Inconclusive by configuration; the protocol logs of both ends showed the cause."


class Lab:
    """A simulated organization for a learner. Shown, it tells its story."""

    def __init__(self, name: str, seed: int, *, answers: bool) -> None:
        """Make it by `practice`."""
        self._name, self._seed, self._answers = name, seed, answers
        self._live = not answers and run_folder() is None
        self._moves: list[LabMove] = []
        self._questions: dict[str, Question] = {}
        self._practice = self._begin()
        self._began = findings(self.open())

    @cached_property
    def _with_logs(self) -> Diagnosis:
        """The findings at the beginning, had somebody fetched the protocol logs."""
        practice = self._begin()
        logs.fetch(practice)
        return findings(practice_snapshot(practice, self._name))

    @property
    def story(self) -> Markup:
        """What the ticket tells."""
        now = f"Simulated time: {clock(self._practice.clock.now)}."
        return story_card(self._practice.title, self._practice.story, now, _NOTES)

    def open(self) -> Snapshot:
        """The organization as it is now, read from all its servers as a live one is."""
        seed = f", seed {self._seed}" if self._seed else ""
        return practice_snapshot(self._practice, f"demo:{self._name}{seed}")

    def wait(self, minutes: float = 10) -> Table | Markup:
        """Let time pass there, and watch the queues.

        Args:
            minutes: how long, at most a day.
        """
        length = delay(minutes)
        if isinstance(length, str):
            return note(length)
        self._moves.append(lambda practice: practice.advance(length))
        return watch(self._practice, length)

    def run(self, typed: object = "") -> Transcript:
        """Run what an engineer would type, in a session of the Exchange Management Shell.

        Args:
            typed: one or several commands, as the remedy prints them; or an answered question.
        """
        text = typed.value if isinstance(typed, Question) else str(typed or "")
        if text.strip().casefold() == NOTHING:
            return Transcript((console.Said("", remark="Nothing is changed."),), begun=False)
        done = console.run(self._practice, text)
        if done.begun:
            self._moves.append(lambda practice: console.run(practice, text))
        return done

    def logs(self) -> Markup:
        """The protocol logs of the last failed attempts: the sender's beside the target's.

        From then on `open` reads them as well.
        """
        if logs.fetch(self._practice):
            self._moves.append(logs.fetch)
        if not self._practice.logs:
            return note(logs.NO_LOGS)
        return logs_card(logs.both_logs(self._practice, way(self.open())))

    def both_ends(self) -> Table:
        """What each end of these sessions saw: addresses, keywords, receive connector."""
        return logs.both_ends(self._practice)

    def request(self, wanted: object = "") -> Markup:
        """Have the network team do something.

        Args:
            wanted: an answered question, or what an option of it says, or its key.
        """
        text = str(wanted.value if isinstance(wanted, Question) else wanted or "").strip()
        key = next((name for name, each in REQUESTS.items() if text in (name, each.words)), "")
        if not key:
            known = " ".join(each.words for each in REQUESTS.values())
            return note(f"No request was made. You can ask for: {known}")
        self._moves.append(lambda practice: network.carry_out(practice, key))
        network.carry_out(self._practice, key)
        return self._said(f"Done by the network team: {REQUESTS[key].words}")

    def ask(self, name: str) -> Question:
        """A question about the organization; the same one again for the same name.

        Raises:
            UsageError: there is no such question.
        """
        if name not in KINDS:
            raise UsageError(f"no question is called {name!r}; known: {', '.join(KINDS)}")
        if name not in self._questions:
            question = Question(name, KINDS[name](self.copy), self.open, live=self._live)
            self._questions[name] = question
            if self._answers:
                question.solve()
        return self._questions[name]

    def undo(self) -> Markup:
        """Take the last move back: a wait, typed lines, logs, a request."""
        if not self._moves:
            return self._said("There is nothing to undo.")
        self._moves.pop()
        self._practice = self.copy()
        return self._said("The last step is undone.")

    def again(self) -> Markup:
        """Begin anew, with all questions open."""
        self._moves.clear()
        self._questions.clear()
        self._practice = self._begin()
        return self._said("The case has been restarted. Run the cells from the top.")

    def copy(self) -> Practice:
        """A practice that stands where this one does, to be tried on."""
        practice = self._begin()
        for move in self._moves:
            move(practice)
        return practice

    def debrief(self) -> Markup:
        """What is still open; once nothing is, what the case has taught."""
        questions = self._questions.values()
        began, unseen = self._began, False
        if began.verdict == "unknown" and self._with_logs.verdict == "found":
            began, unseen = self._with_logs, not self._practice.logs
        points = list(debriefing.open_points(began, self.open(), questions, unseen=unseen))
        if points:
            return debriefing.unfinished(points)
        notes = [] if self._answers else [self._kept()]
        lesson, after = self._practice.lesson, cases.after(self._name)
        if began is not self._began:
            notes = [DECIDED_BY_LOGS, *notes]
        return debriefing.debrief(began, lesson, questions, notes, after)

    def _repr_html_(self) -> str:
        return self.story.html

    def __repr__(self) -> str:
        """The story in words."""
        return self.story.text

    def _begin(self) -> Practice:
        return Practice.begin(self._name, seed=self._seed)

    def _kept(self) -> str:
        questions = self._questions.values()
        tries = sum(question.tries for question in questions)
        hints = sum(question.hints_used for question in questions)
        trouble = progress.keep(self._name, self._seed, tries, hints)
        return (
            trouble
            or "Your progress is saved: the command mailflow training lists what you have solved."
        )

    def _said(self, words: str) -> Markup:
        return note(f"{words} Simulated time: {clock(self._practice.clock.now)}.")


def practice(name: str = "case-1", seed: int = 0, *, answers: bool = False) -> Lab:
    """A simulated organization alive in this notebook.

    Args:
        name: of a training case, `case-3`, or of another scenario.
        seed: another one gives other names, addresses and order, and the same fault.
        answers: whether the questions answer themselves, as in the solved runs.

    Raises:
        UsageError: no such case, or a seed that is none.
    """
    if parameter_cell.is_notebook():
        parameter_cell.refuse_unknown_parameters()
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise UsageError(f"seed {seed!r} is not a whole number")
    if name not in scenarios.names():
        known = ", ".join(scenarios.difficulties())
        raise UsageError(f"no case is called {name!r}; known: {known}")
    return Lab(name, seed, answers=answers)
