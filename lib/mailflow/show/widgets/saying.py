"""Short things to say between controls, and how something gets on the screen from inside a cell."""

from __future__ import annotations

from typing import Any

from mailflow.picture import Tone
from mailflow.plain import visible
from mailflow.show.markup import Markup, fill


def saying(word: str, words: str, tone: Tone) -> Markup:
    """What has just come of something; read aloud where a screen reader runs.

    Args:
        word: the outcome in a word or two, may be empty; colour only repeats it.
        words: the sentence.
        tone: of the word.
    """
    html = fill("widgets/saying.html.j2", word=word, words=words, tone=tone)
    return Markup(html, visible(" ".join(filter(None, [word, words]))))


def note(text: str) -> Markup:
    """A remark in soft small type."""
    return Markup(fill("note.html.j2", text=text), visible(text))


def heading(text: str, remark: str = "") -> Markup:
    """A heading over a group of controls, with a remark beside it in small type."""
    html = fill("widgets/heading.html.j2", text=text, remark=remark)
    return Markup(html, visible(" ".join(filter(None, [text, remark]))))


def below(*parts: Markup) -> Markup:
    """Several pieces as one, one below the other."""
    return Markup("\n".join(part.html for part in parts), "\n".join(part.text for part in parts))


def display(shown: object) -> Any:  # noqa: ANN401 - a handle of IPython's
    """Show something now, not as the result of the cell; None where nothing can be updated."""
    from IPython.display import display as show

    return show(shown, display_id=True)  # type: ignore[no-untyped-call]
