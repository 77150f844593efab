"""A question answered by hand: choices or a field, a button to check, a button for hints."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Literal, Protocol

from mailflow.show.markup import Markup
from mailflow.show.training import QuestionAsked, judgement, question_card, question_head
from mailflow.show.widgets import controls
from mailflow.show.widgets.controls import Control
from mailflow.show.widgets.view import View

AnswerForm = Literal["one", "several", "text", "lines"]
"""How it is answered: one of several, any of several, a line, or lines."""

CHECK = "Check"


class Asking(Protocol):
    """A question, whoever judges it."""

    @property
    def form(self) -> AnswerForm:
        """How it is answered."""

    def asked(self) -> QuestionAsked:
        """The question as it stands."""

    def chosen(self) -> tuple[str, ...]:
        """The answer so far: keys of options, or what was typed."""

    def hints_left(self) -> int:
        """How many hints were not asked for yet."""

    def answer(self, given: object) -> object:
        """Judge an answer."""

    def hint(self) -> object:
        """Unfold the next hint."""


class QuestionBox(View):
    """The question, its controls, and what was said to the last answer."""

    def __init__(self, question: Asking, *, live: bool) -> None:
        """A question, and whether somebody may operate it."""
        super().__init__(live=live)
        self._question = question
        self._built = False

    def static(self) -> Markup:
        """The question with its options, the answer and the reason."""
        return question_card(self._question.asked())

    def refresh(self) -> None:
        """Show what was said since, for answers that did not come from here."""
        if self._built:
            self._look()

    def _build(self) -> Control:
        asked = self._question.asked()
        self._inputs = _inputs(self._question.form, asked.options, self._question.chosen())
        self.check = controls.button(CHECK, self._check)
        self.more = controls.button("Hint", self._hint)
        self._said = controls.html()
        for button in (self.check, self.more):
            button.layout.margin = "4px 8px 4px 0"
        buttons = _kit().HBox([self.check, self.more])
        self._built = True
        self._look()
        head = controls.html(question_head(asked))
        return controls.column(head, *self._inputs, buttons, self._said)

    def _check(self) -> None:
        self._question.answer(self._given())

    def _hint(self) -> None:
        self._question.hint()

    def _given(self) -> tuple[str, ...] | str:
        """Keys of the ticked options; of a single control its value, empty where it has none."""
        if self._question.form == "several":
            keys = [key for key, _ in self._question.asked().options]
            return tuple(key for key, box in zip(keys, self._inputs, strict=False) if box.value)
        (field,) = self._inputs
        return field.value or ""

    def _look(self) -> None:
        left = self._question.hints_left()
        self.more.description = f"Hint ({left} left)" if left else "No more hints"
        self.more.disabled = not left
        controls.put(self._said, judgement(self._question.asked()))


def _inputs(
    form: AnswerForm, options: Sequence[tuple[str, str]], chosen: Sequence[str]
) -> list[Control]:
    """One control for all, or a box to tick for each option."""
    kit = _kit()
    wide = kit.Layout(width="auto", max_width="46rem")
    if form == "one":
        known = [key for key, _ in options]
        value = chosen[0] if chosen and chosen[0] in known else None
        return [
            kit.RadioButtons(
                options=[(controls.line(words), key) for key, words in options],
                value=value,
                layout=kit.Layout(width="max-content", max_width="100%"),
            )
        ]
    if form == "several":
        return [
            kit.Checkbox(
                description=controls.line(words), value=key in chosen, indent=False, layout=wide
            )
            for key, words in options
        ]
    typed = "\n".join(chosen)
    if form == "lines":
        return [
            kit.Textarea(
                value=typed,
                rows=5,
                placeholder="PowerShell, one command per line",
                description="Commands",
                layout=wide,
            )
        ]
    return [kit.Text(value=typed, description="Answer", layout=wide)]


def _kit() -> ModuleType:
    import ipywidgets  # type: ignore[import-untyped]

    kit: ModuleType = ipywidgets
    return kit
