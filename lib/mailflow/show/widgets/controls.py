"""Controls of ipywidgets with a visible label each; ipywidgets is imported here alone, and late.

Which ones there are is decided by JupyterLab. Of the keys that are pressed in a control it takes
letters and arrows for itself (move to another cell, delete it), unless the control is one to type
into. So there are fields, lists that open with the space bar, boxes to tick and buttons; no list to
walk through with arrows.

Labels are typeset by the front end, which takes what stands between two dollar signs for a formula:
they are fixed words of ours, but for boxes to tick. Options are plain text, and HTML comes from
templates alone.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any, TypeAlias

from mailflow.plain import visible
from mailflow.show.markup import Markup

Control: TypeAlias = Any
"""A widget; ipywidgets ships no types."""

VIEW = "application/vnd.jupyter.widget-view+json"
"""What a front end shows a widget by."""

Option = tuple[str, Any]
"""A text to choose by, and the value it stands for."""

_DRAWN = 1.0
"""Seconds after which a control is on the page."""

_LABEL = "7.5rem"
_WIDE = "30rem"
_NARROW = "24rem"


def html(markup: Markup | None = None, *, beside_fields: bool = False) -> Control:
    """A piece of finished HTML, to be changed with `put`; it may stand below a field's own edge."""
    margin = f"0 2px 0 calc({_LABEL} + 10px)" if beside_fields else "0 2px"
    layout = _kit().Layout(width="auto", margin=margin)
    return _kit().HTML(markup.html if markup else "", layout=layout)


def put(control: Control, markup: Markup | None) -> None:
    """Show other HTML, or none; what is the same already stays untouched."""
    control.value = markup.html if markup else ""


def text(label: str, value: str = "", hint: str = "") -> Control:
    """A line to type into; its value follows each key."""
    return _kit().Text(value=value, placeholder=hint, **_labelled(label))


def text_or_pick(label: str, options: Iterable[str], value: str = "", hint: str = "") -> Control:
    """A line to type into, with known texts to pick from."""
    return _kit().Combobox(
        value=value, options=tuple(map(line, options)), placeholder=hint, **_labelled(label)
    )


def pick(label: str, options: Sequence[Option], value: object = None) -> Control:
    """One of several; none of them where the value is none of theirs."""
    made = _kit().Dropdown(**_labelled(label))
    offer(made, options, value)
    return made


def offer(control: Control, options: Sequence[Option], value: object = None) -> None:
    """Other options for a control made by `pick`, and what is picked of them."""
    is_known = any(value == choice for _, choice in options)
    control.options = _options(options)
    control.value = value if is_known else None


def offer_texts(control: Control, options: Iterable[str]) -> None:
    """Other texts to pick from for a control made by `text_or_pick`; what is typed stays."""
    control.options = tuple(map(line, options))


def tick(label: str, *, ticked: bool) -> Control:
    """A box to tick; its label may come from outside."""
    layout = _kit().Layout(width="auto", margin="0 2px")
    return _kit().Checkbox(
        value=ticked, description=_no_formula(line(label)), indent=False, layout=layout
    )


def button(label: str, on_click: Callable[[], None], *, enabled: bool = True) -> Control:
    """A button, below the fields it belongs to."""
    layout = _kit().Layout(
        width="auto",
        align_self="flex-start",
        margin=f"4px 2px 4px calc({_LABEL} + 10px)",
        border="1px solid var(--jp-border-color1)",
    )
    made = _kit().Button(description=label, disabled=not enabled, layout=layout)
    made.on_click(lambda _: on_click())
    return made


def output() -> Control:
    """A place for what a button's work prints and shows; use it as a context."""
    return _kit().Output()


def column(*controls: Control) -> Control:
    """Controls below each other, reached with Tab in this order."""
    return _kit().VBox(controls)


def row(*controls: Control) -> Control:
    """Controls beside each other, below each other where the page is narrow."""
    for control in controls:
        control.layout.flex, control.layout.width = f"1 1 {_NARROW}", "auto"
    return _kit().HBox(controls, layout=_kit().Layout(flex_flow="row wrap", grid_gap="0 2rem"))


def focus_soon(control: Control) -> None:
    """Go to a control once the front end has drawn it; it comes into view then.

    Run All leaves the page at the last cell, far from what stopped it.
    """
    timer = threading.Timer(_DRAWN, control.focus)
    timer.daemon = True
    timer.start()


def watch(control: Control, changed: Callable[[], None]) -> None:
    """Be told of every other value, whoever set it."""
    control.observe(lambda _: changed(), names="value")


def line(words: str) -> str:
    """A text as one harmless line."""
    return visible(words).replace("\n", "\\x0a")


def _no_formula(label: str) -> str:
    r"""A label that no front end takes for mathematics: no `$`, no `\(`, no `\begin{`."""
    return re.sub(r"\\(?=[(\[]|begin\{)", "\\\\\u2060", label).replace("$", "\uff04")


def _options(options: Sequence[Option]) -> list[Option]:
    return [(line(words), value) for words, value in options]


def _labelled(label: str) -> dict[str, Any]:
    """A label before the control, wide enough to be read; both shrink with the page."""
    return {
        "description": label,
        "style": {"description_width": _LABEL},
        "layout": _kit().Layout(width="auto", max_width=f"calc({_LABEL} + {_WIDE})"),
    }


def _kit() -> ModuleType:
    import ipywidgets  # type: ignore[import-untyped]

    kit: ModuleType = ipywidgets
    return kit
