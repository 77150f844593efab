"""Some of several things, each with a box to tick."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mailflow.plain import visible
from mailflow.show.markup import Markup, fill
from mailflow.show.widgets import controls
from mailflow.show.widgets.controls import Control
from mailflow.show.widgets.saying import heading, note
from mailflow.show.widgets.view import View

MOST_BOXES = 60
"""More boxes than this nobody ticks; what is chosen by default gets one before all others."""


class Choice(View):
    """Boxes to tick; its `value` is what is ticked at the moment."""

    def __init__(
        self,
        label: str,
        options: Sequence[tuple[str, str]],
        chosen: Iterable[str],
        *,
        live: bool,
        empty: str,
    ) -> None:
        """Prepare the boxes.

        Args:
            label: of all of them, a few words.
            options: what each is called, and the value it stands for.
            chosen: the values that are chosen until somebody chooses others; each is an option.
            live: whether somebody may choose.
            empty: what to say where there is nothing to choose from.
        """
        super().__init__(live=live)
        self._label, self._empty = label, empty
        self._options = tuple(options)
        self._chosen = set(chosen)
        self.boxes: dict[str, Control] = {}
        """The box of each value; empty before it is shown."""

    @property
    def value(self) -> tuple[str, ...]:
        """What is chosen, in the order of the options."""
        return tuple(value for _, value in self._options if value in self._chosen)

    def static(self) -> Markup:
        """All options, and which of them are chosen."""
        if not self._options:
            return note(self._empty)
        rows = [(words, value in self._chosen) for words, value in self._options]
        lines = [f"{'[x]' if chosen else '[ ]'} {visible(words)}" for words, chosen in rows]
        html = fill("widgets/choice.html.j2", label=self._label, rows=rows)
        return Markup(html, "\n".join([f"{self._label}:", *lines]))

    def _build(self) -> Control:
        if not self._options:
            return controls.html(self.static())
        first = sorted(self._options, key=lambda option: option[1] not in self._chosen)
        offered = set(first[:MOST_BOXES])
        for words, value in filter(offered.__contains__, self._options):
            self.boxes[value] = controls.tick(words, ticked=value in self._chosen)
            controls.watch(self.boxes[value], self._take)
        self._count = controls.html(self._counted())
        return controls.column(
            controls.html(heading(self._label)), *self.boxes.values(), self._count
        )

    def _take(self) -> None:
        for value, box in self.boxes.items():
            (self._chosen.add if box.value else self._chosen.discard)(value)
        controls.put(self._count, self._counted())

    def _counted(self) -> Markup:
        words = f"{len(self.value)} of {len(self._options)} chosen."
        hidden = len(self._options) - len(self.boxes)
        return note(f"{words} {hidden} have no box here; name them." if hidden else words)
