"""How far a long piece of work has come, while it keeps the kernel busy."""

from __future__ import annotations

from typing import Any

from mailflow.plain import visible
from mailflow.show.markup import Markup, fill
from mailflow.show.widgets import controls
from mailflow.show.widgets.saying import display
from mailflow.show.widgets.view import View

MOST_LINES = 6
"""How many of the last lines stay in sight."""


class Progress(View):
    """A bar and the last lines about a piece of work; it shows itself at the first step.

    Each step is sent at once, also while the cell that works blocks the kernel, and from any
    thread. an unattended run shows nothing until the end, and then what came of it.
    """

    def __init__(self, title: str, *, live: bool) -> None:
        """What is done, in a few words."""
        super().__init__(live=live)
        self._title = title
        self._lines: list[str] = []
        self._hidden = 0
        self._done, self._total = 0, 0
        self._ok: bool | None = None
        self._begun = False
        self._handle: Any = None

    def step(self, done: int, total: int, line: str) -> None:
        """Tell how far it is.

        Args:
            done: pieces that are done.
            total: of how many; 0: that is not known.
            line: what is going on, for people.
        """
        self._done, self._total = done, total
        self._add(line)
        if not self.live:
            return
        if self._begun:
            controls.put(self.widget, self._markup())
        else:
            self._begun = True
            self._handle = display(self)

    def finish(self, line: str, *, ok: bool = True) -> None:
        """Say what came of it; nothing is expected after that.

        Args:
            line: the outcome, for people.
            ok: whether it came to its end; colour only repeats the word for it.
        """
        self._ok = ok
        self._add(line)
        if self._begun:
            controls.put(self.widget, self._markup())
        if self._handle is None:
            display(self)
        else:
            self._handle.update(self)  # so that the notebook keeps the end, not the beginning

    def static(self) -> Markup:
        """The last lines, the outcome behind its word."""
        return self._markup()

    def _build(self) -> controls.Control:
        return controls.html(self._markup())

    def _add(self, line: str) -> None:
        if self._ok is not None or self._lines[-1:] != [line]:
            self._lines.append(line)
        self._hidden += max(0, len(self._lines) - MOST_LINES)
        del self._lines[:-MOST_LINES]

    def _markup(self) -> Markup:
        word = {None: "", True: "Done.", False: "Stopped."}[self._ok]
        # What came to its end is not "4 of 5", which is where its last step began.
        count = f"{self._done} of {self._total}" if self._total > 0 and not self._ok else ""
        lines = [visible(line) for line in self._lines]
        earlier = f"{self._hidden} earlier lines" if self._hidden > 1 else "1 earlier line"
        html = fill(
            "widgets/progress.html.j2",
            title=self._title,
            count=count,
            done=min(self._done, self._total),
            total=self._total,
            running=self._ok is None,
            hidden=earlier if self._hidden else "",
            earlier=lines[:-1],
            word=word,
            tone="good" if self._ok else "bad",
            line=lines[-1] if lines else "",
        )
        last = " ".join(filter(None, [word, *lines[-1:]]))
        head = f"{visible(self._title)}: {count}".removesuffix(": ")
        return Markup(
            html, "\n".join([head, *(f"  {line}" for line in [*lines[:-1], last] if line)])
        )
