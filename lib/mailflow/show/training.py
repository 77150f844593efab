"""What a training notebook shows besides the steps: the story, typed lines, questions, the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailflow.plain import visible
from mailflow.show.markup import Markup, fill

if TYPE_CHECKING:
    from mailflow.table import Table

TONES = {"right": "good", "half": "unknown", "wrong": "bad"}
"""How a judgement is coloured; colour only repeats its word."""


@dataclass(frozen=True, slots=True)
class QuestionAsked:
    """A question as it stands, for people.

    Attributes:
        prompt: what is asked.
        options: key and words of what can be chosen; empty: the answer is typed.
        how: how to answer without a widget.
        given: the answer, as it was given; empty before.
        grade: right, half or wrong; empty before.
        word: the grade in a word or two.
        reason: why, and what it would mean.
        hints: those asked for so far.
    """

    prompt: str
    options: tuple[tuple[str, str], ...] = ()
    how: str = ""
    given: str = ""
    grade: str = ""
    word: str = ""
    reason: str = ""
    hints: tuple[str, ...] = ()


def story_card(title: str, sentences: Sequence[str], now: str, notes: Sequence[str]) -> Markup:
    """The ticket, and what can be done with it.

    Args:
        title: what the ticket is called.
        sentences: what it says.
        now: what time it is there.
        notes: how to go on.
    """
    html = fill("training/story.html.j2", title=title, sentences=sentences, now=now, notes=notes)
    parts = [title, " ".join(sentences), now, *notes]
    return Markup(html, "\n\n".join(map(visible, filter(None, parts))))


def transcript(said: Iterable[tuple[str, Sequence[str], str, Table | None]]) -> Markup:
    """Typed lines, each with what came of it: refusals, a remark, a table."""
    html, words = [], []
    for line, refused, remark, rows in said:
        html.append(fill("training/line.html.j2", line=line, refused=refused, remark=remark))
        words += [f"> {visible(line)}" if line else "", *map(visible, refused), visible(remark)]
        if rows is not None:
            html.append(rows._repr_html_())
            words.append(str(rows))
    return Markup("\n".join(html), "\n".join(filter(None, words)))


def question_card(question: QuestionAsked) -> Markup:
    """A question with everything that was said to it, for where nothing can be operated."""
    html = fill(
        "training/question.html.j2",
        question=question,
        tone=TONES.get(question.grade, ""),
        still=True,
    )
    words = [
        question.prompt,
        *(f"  - {visible(text)}" for _, text in question.options),
        f"Answer: {question.given}" if question.given else question.how,
        f"{question.word} {question.reason}".strip(),
        *(f"Hint: {hint}" for hint in question.hints),
    ]
    return Markup(html, "\n".join(visible(text) for text in words if text))


def question_head(question: QuestionAsked) -> Markup:
    """What is asked, to stand over the controls."""
    html = fill("training/question.html.j2", question=question, tone="", still=False)
    return Markup(html, visible(question.prompt))


def judgement(question: QuestionAsked) -> Markup:
    """What is said to an answer, and the hints so far; empty where there is nothing yet."""
    if not (question.grade or question.reason or question.hints):
        return Markup("", "")
    html = fill("training/judgement.html.j2", question=question, tone=TONES.get(question.grade, ""))
    words = [
        f"{question.word} {question.reason}".strip(),
        *(f"Hint: {hint}" for hint in question.hints),
    ]
    return Markup(html, "\n".join(visible(text) for text in words if text))


def still_open(heading: str, lines: Sequence[str]) -> Markup:
    """What is left to do before a case is solved."""
    html = fill("training/open.html.j2", heading=heading, lines=lines)
    return Markup(html, "\n".join(map(visible, [heading, *(f"  - {line}" for line in lines)])))


@dataclass(frozen=True, slots=True)
class Debrief:
    """What a solved case has taught.

    Attributes:
        title: what it was.
        lessons: a sentence or two each, with the facts they rest on.
        facts: id and words of these facts.
        card: heading and lines of what is known of the cause.
        links: words and address, to read on.
        notes: what else there is to say.
    """

    title: str
    lessons: tuple[str, ...]
    facts: tuple[tuple[str, str], ...] = ()
    card: tuple[tuple[str, tuple[str, ...]], ...] = ()
    links: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()


def debrief_card(debrief: Debrief) -> Markup:
    """What a solved case has taught, with links to the documents; details are folded."""
    html = fill("training/debrief.html.j2", debrief=debrief)
    parts = [debrief.title, *(f"  - {lesson}" for lesson in debrief.lessons), *debrief.notes]
    parts += [f"{fact}: {words}" for fact, words in debrief.facts]
    parts += [f"{words}: {address}" for words, address in debrief.links]
    return Markup(html, "\n".join(map(visible, parts)))
