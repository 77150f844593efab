"""A change that is made only once its connector was named by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mailflow.errors import MailflowError
from mailflow.plain import visible
from mailflow.show.markup import Markup, fill
from mailflow.show.widgets import controls
from mailflow.show.widgets.controls import Control
from mailflow.show.widgets.saying import below, display, note, saying
from mailflow.show.widgets.view import View

BUTTON = "Apply changes"


@dataclass(frozen=True, slots=True)
class Confirmation:
    r"""One change that somebody must confirm.

    Attributes:
        identity: the connector, `SERVER\Name`; what has to be typed.
        words: what would be done to it.
        command: the same as a command; empty where none can be given, and then it can't be
            confirmed either.
    """

    identity: str
    words: str
    command: str


class ConfirmBox(View):
    r"""The changes, a field for each connector's name, and one button.

    The button works only while at least one name is typed exactly, and only once. What its work
    prints and shows stands below it. An unattended run asks nobody and confirms nothing.
    """

    def __init__(
        self,
        asked: Sequence[Confirmation],
        on_confirm: Callable[[tuple[str, ...]], object],
        *,
        live: bool,
        otherwise: str = "",
    ) -> None:
        """Prepare the question.

        Args:
            asked: the changes, each of another connector.
            on_confirm: gets the identities that were typed, in the order of `asked`.
            live: whether somebody may type.
            otherwise: how to confirm where nobody can type here.
        """
        super().__init__(live=live)
        self._asked = tuple(asked)
        self._on_confirm = on_confirm
        self._otherwise = otherwise
        self._confirmed: tuple[str, ...] = ()
        self._used = False
        self.fields: dict[str, Control] = {}
        """The field for each connector that can be confirmed; empty before it is shown."""

    @property
    def confirmed(self) -> tuple[str, ...]:
        """The identities that were confirmed with the button; empty before."""
        return self._confirmed

    def static(self) -> Markup:
        """The changes, and how to confirm them."""
        changes = [_filled(number, confirmation) for number, confirmation in self._numbered()]
        if not changes:
            return note("There is nothing to confirm.")
        end = f"Confirmed: {_names(self._confirmed)}." if self._used else self._otherwise
        return below(*changes, *([note(end)] if end else []))

    def _numbered(self) -> list[tuple[int, Confirmation]]:
        return list(enumerate(self._asked, start=1))

    def _build(self) -> Control:
        if not self._asked:
            return controls.html(self.static())
        rows: list[Control] = []
        self._states: dict[str, Control] = {}
        for number, confirmation in self._numbered():
            rows.append(controls.html(_filled(number, confirmation, ask=True)))
            if not confirmation.command:
                continue
            field = self.fields[confirmation.identity] = controls.text(f"Confirm change {number}")
            state = self._states[confirmation.identity] = controls.html(beside_fields=True)
            controls.watch(field, self._look)
            rows += [field, state]
        self.button = controls.button(BUTTON, self._click, enabled=False)
        self._sum = controls.html(beside_fields=True)
        self._below = controls.output()
        self._look()
        return controls.column(*rows, self.button, self._sum, self._below)

    def _typed(self) -> tuple[str, ...]:
        """The identities whose names stand in their fields."""
        return tuple(
            identity
            for identity, field in self.fields.items()
            if field.value.strip() == controls.line(identity)
        )

    def _look(self) -> None:
        typed = self._typed()
        for identity, field in self.fields.items():
            controls.put(self._states[identity], self._state_of(identity, field.value.strip()))
        self.button.disabled = self._used or not typed
        controls.put(self._sum, self._sum_of(typed))

    def _state_of(self, identity: str, typed: str) -> Markup | None:
        """What to say of a typed name; None: nothing was typed."""
        wanted = controls.line(identity)
        name = wanted.rpartition("\\")[2]
        if not typed:
            return None
        if typed == wanted:
            return saying("Named.", "This change will be applied.", "good")
        if wanted.startswith(typed):
            return saying("", "Name incomplete.", "")
        if typed.casefold() == wanted.casefold():
            why = f"Case-sensitive: {wanted}"
        elif typed.casefold() == name.casefold():
            why = f"The server's name is missing: {wanted}"
        elif typed in map(controls.line, self.fields):
            why = f"That is another change; this one is of {wanted}"
        else:
            why = f"Type {wanted}"
        return saying("Not this name.", why, "bad")

    def _sum_of(self, typed: Sequence[str]) -> Markup:
        if self._used:
            return saying("Confirmed.", _names(self._confirmed), "good")
        left = [
            confirmation.identity
            for confirmation in self._asked
            if confirmation.identity not in typed
        ]
        if not typed:
            return saying("", "Nothing will be changed: no name is typed yet.", "")
        words = f"Selected for change: {_names(typed)}."
        if left:
            words += f" Unchanged: {_names(left)}."
        return saying("", words, "")

    def _click(self) -> None:
        typed = self._typed()
        if self._used or not typed:
            return
        self._used, self._confirmed = True, typed
        for field in self.fields.values():
            field.disabled = True
        self._look()
        with self._below:
            try:
                self._on_confirm(typed)
            except MailflowError as error:
                display(saying("Stopped.", str(error), "bad"))


def _filled(number: int, confirmation: Confirmation, *, ask: bool = False) -> Markup:
    identity, command = controls.line(confirmation.identity), controls.line(confirmation.command)
    html = fill(
        "widgets/confirm.html.j2",
        number=number,
        identity=identity,
        words=confirmation.words,
        command=command,
        ask=ask,
    )
    lines = [
        identity,
        visible(confirmation.words),
        command or "No command can be generated for it safely.",
    ]
    return Markup(html, f"{number}. " + "\n   ".join(lines))


def _names(identities: Sequence[str]) -> str:
    return ", ".join(map(controls.line, identities))
