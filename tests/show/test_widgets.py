"""Interactive parts: static where nobody can operate them, escaped, and asked before they act."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field

import pytest

from mailflow.errors import UsageError
from mailflow.show.widgets import progress as progress_module
from mailflow.show.widgets.confirm import Confirmation, ConfirmBox
from mailflow.show.widgets.controls import VIEW
from mailflow.show.widgets.progress import MOST_LINES, Progress
from mailflow.show.widgets.view import View
from show_cases import HOSTILE
from support import ROOT

RELAY_A = Confirmation(
    "EX16A\\Relay",
    "Take 10.0.0.11 and 10.0.0.12 off EX16A\\Relay.",
    'Set-ReceiveConnector "EX16A\\Relay" -RemoteIPRanges "10.0.5.0/24"',
)
RELAY_B = Confirmation(
    "EX16B\\Relay", "Take 10.0.0.11 off EX16B\\Relay.", "Set-ReceiveConnector ..."
)


@dataclass
class Screen:
    """What a cell shows: each thing when it is shown, and again when it is updated."""

    seen: list[str] = field(default_factory=list)

    def __call__(self, shown: View) -> Screen:
        """Show, as `display` does."""
        self.update(shown)
        return self

    def update(self, shown: View) -> None:
        """Replace what was shown."""
        self.seen.append(str(shown._repr_mimebundle_()["text/plain"]))


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Screen:
    """A screen in the place of the front end."""
    made = Screen()
    monkeypatch.setattr(progress_module, "display", made)
    return made


def box(*asked: Confirmation, live: bool = True) -> tuple[ConfirmBox, list[tuple[str, ...]]]:
    """A confirm box on the screen, and what it called for."""
    calls: list[tuple[str, ...]] = []
    made = ConfirmBox(asked, calls.append, live=live, otherwise="Type it in JupyterLab.")
    if live:
        assert made.widget
    return made, calls


def every_html(view: View) -> str:
    """All HTML that the live form holds, and the static one."""
    parts = [str(view._repr_mimebundle_()["text/html"])]
    waiting = [view.widget]
    while waiting:
        one = waiting.pop()
        waiting.extend(getattr(one, "children", ()))
        parts.append(str(getattr(one, "value", "")))
    return "\n".join(parts)


def test_static_form_imports_no_widgets() -> None:
    """A headless run shows HTML and words, and does not even import ipywidgets."""
    code = (
        "import sys; from mailflow.show.widgets.confirm import ConfirmBox, Confirmation;"
        "from mailflow.show.widgets.progress import Progress;"
        "box = ConfirmBox([Confirmation('A\\\\B', 'x', 'y')], print, live=False);"
        "print(sorted(box._repr_mimebundle_()));"
        "Progress('t', live=False).step(1, 2, 'x');"
        "print('ipywidgets' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT / "lib")},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines() == ["['text/html', 'text/plain']", "False"]


def test_live_form_stands_beside_the_static_one() -> None:
    """JupyterLab gets the widget; a notebook read without a kernel keeps HTML and words."""
    bundle = box(RELAY_A)[0]._repr_mimebundle_()

    assert sorted(bundle) == sorted([VIEW, "text/html", "text/plain"])
    assert "VBox" not in str(bundle["text/plain"])
    assert "EX16A\\Relay" in str(bundle["text/plain"])


def test_nothing_is_confirmed_until_a_name_is_typed() -> None:
    """The button waits for a name, and calls once with the named connectors in their order."""
    made, calls = box(RELAY_A, RELAY_B)
    field_a, field_b = made.fields["EX16A\\Relay"], made.fields["EX16B\\Relay"]
    states = [made.button.disabled]
    field_b.value = "EX16B\\Relay"
    states.append(made.button.disabled)
    field_b.value = "EX16B\\Rela"
    states.append(made.button.disabled)
    made.button.click()
    field_b.value = " EX16B\\Relay "  # pasted with its blanks
    field_a.value = "EX16A\\Relay"

    assert states == [True, False, True]
    assert calls == []
    made.button.click()
    made.button.click()
    assert calls == [("EX16A\\Relay", "EX16B\\Relay")]
    assert made.confirmed == ("EX16A\\Relay", "EX16B\\Relay")
    assert (made.button.disabled, field_a.disabled, field_b.disabled) == (True, True, True)


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("EX16A\\Rel", "Name incomplete."),
        ("ex16a\\relay", "Case-sensitive: "),
        ("Relay", "The server&#39;s name is missing: EX16A\\Relay"),
        ("EX16B\\Relay", "That is another change; this one is of EX16A\\Relay"),
        ("EX16A\\Relay2", "Type EX16A\\Relay"),
    ],
)
def test_a_wrong_name_gets_its_reason(typed: str, reason: str) -> None:
    """Whatever is typed and is not the name: it is said why it confirms nothing."""
    made, _ = box(RELAY_A, RELAY_B)
    made.fields["EX16A\\Relay"].value = typed

    assert reason in every_html(made)
    assert made.button.disabled


def test_only_what_was_named_is_changed_and_that_is_said() -> None:
    """Before the click it stands there which list will be changed and which one stays."""
    made, calls = box(RELAY_A, RELAY_B)
    made.fields["EX16A\\Relay"].value = "EX16A\\Relay"

    assert "Selected for change: EX16A\\Relay. Unchanged: EX16B\\Relay." in every_html(made)
    made.button.click()
    assert calls == [("EX16A\\Relay",)]
    assert "Confirmed:" in str(made)


def test_without_a_command_there_is_nothing_to_type() -> None:
    """A change that no command can be given for cannot be confirmed, and says so."""
    made, _ = box(Confirmation("EX16A\\Relay", "Take 10.0.0.11 off it.", ""), RELAY_B)

    assert list(made.fields) == ["EX16B\\Relay"]
    assert "cannot be confirmed" in every_html(made)
    assert "No command can be generated" in str(made)


def test_a_box_without_changes_says_so() -> None:
    """Nothing proposed: no button."""
    made, _ = box()

    assert "nothing to confirm" in str(made)
    assert getattr(made.widget, "children", ()) == ()


def test_headless_box_says_how_to_confirm() -> None:
    """Where nobody can type, nothing is confirmed, and it is said where it can be."""
    made, calls = box(RELAY_A, live=False)
    html = str(made._repr_mimebundle_()["text/html"])

    assert calls == []
    assert "Type it in JupyterLab." in html
    assert "Type it in JupyterLab." in str(made)
    assert "Set-ReceiveConnector" in html


def test_a_refusal_while_changing_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that says what to do stands below the button, without a traceback."""
    from mailflow.show.widgets import confirm

    shown: list[str] = []
    monkeypatch.setattr(confirm, "display", lambda one: shown.append(str(one)))

    def refuse(_: tuple[str, ...]) -> None:
        raise UsageError("somebody changed the list meanwhile")

    made = ConfirmBox([RELAY_A], refuse, live=True)
    assert made.widget
    made.fields["EX16A\\Relay"].value = "EX16A\\Relay"
    made.button.click()

    assert shown == ["Stopped. somebody changed the list meanwhile"]


def test_progress_is_sent_at_each_step(screen: Screen) -> None:
    """Live: shown once, then its widget follows each step; the notebook keeps the end."""
    bar = Progress("Collecting", live=True)
    bar.step(1, 4, "EX16A answers")
    values = [bar.widget.value]
    bar.step(2, 4, "EX16B answers")
    values.append(bar.widget.value)
    bar.finish("4 servers were read")

    assert [value.count('value="1"') + 2 * value.count('value="2"') for value in values] == [1, 2]
    assert "EX16B answers" in values[1]
    assert "<progress" not in bar.widget.value
    assert len(screen.seen) == 2
    assert screen.seen[-1].splitlines() == [
        "Collecting",
        "  EX16A answers",
        "  EX16B answers",
        "  Done. 4 servers were read",
    ]


def test_headless_progress_shows_the_end_alone(screen: Screen) -> None:
    """In a headless run nothing is shown until it is finished."""
    bar = Progress("Draining", live=False)
    for number in range(20):
        bar.step(number, 0, f"look {number}")

    assert screen.seen == []
    bar.finish("messages still wait", ok=False)
    (text,) = screen.seen
    assert text.startswith("Draining\n")
    assert text.endswith("Stopped. messages still wait")
    assert len(text.splitlines()) == 1 + MOST_LINES
    assert "15 earlier lines" in bar.static().html


def test_progress_without_a_total_claims_none(screen: Screen) -> None:
    """An unknown extent is a bar without a value, never zero of zero."""
    bar = Progress("Reading", live=True)
    bar.step(3, 0, "EX16A")

    assert screen.seen
    assert "<progress aria-label=" in bar.widget.value
    assert "value=" not in bar.widget.value
    assert " of " not in bar.widget.value


def test_hostile_texts_stay_text(screen: Screen) -> None:
    """Names, words, commands and lines become no element and no control character."""
    made, _ = box(Confirmation(HOSTILE, HOSTILE, HOSTILE))
    made.fields[HOSTILE].value = HOSTILE[:5]
    bar = Progress(HOSTILE, live=True)
    bar.step(1, 2, HOSTILE)
    bar.finish(HOSTILE)
    html = every_html(made) + every_html(bar)

    assert screen.seen
    for forbidden in ("<script", "<img", "\x1b", "\u202e"):
        assert forbidden not in html
    for hidden in ("\x1b", "\u202e"):
        assert hidden not in "".join(screen.seen) + str(made)
    assert "&lt;script&gt;" in html


def test_a_name_with_hidden_characters_can_be_typed_as_shown() -> None:
    """What is asked for is what is shown: hidden characters are written out."""
    made, calls = box(Confirmation("EX16A\\Re\u202elay", "x", "y"))
    made.fields["EX16A\\Re\u202elay"].value = "EX16A\\Re\\u202elay"
    made.button.click()

    assert calls == [("EX16A\\Re\u202elay",)]
