"""The end of a case: what is still open, or what it has taught."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mailflow.checks.check import Card
from mailflow.checks.registry import CARDS as CAUSES
from mailflow.phrases import joined
from mailflow.show.markup import Markup
from mailflow.show.training import Debrief, debrief_card, still_open
from mailflow.snapshot import Snapshot
from mailflow.training import facts
from mailflow.training.question import Question
from mailflow.views.findings import findings
from mailflow.views.queues import stuck_queues
from mailflow.views.verdict import Diagnosis

DOCUMENTS = "../../docs"
"""From a notebook of the training to the documents."""


def open_points(
    began: Diagnosis, now: Snapshot, questions: Iterable[Question], *, unseen: bool = False
) -> Iterator[str]:
    """What is left to do: questions without a right answer, and what does not work yet.

    Nothing has to be repaired where nothing was found at the beginning.

    Args:
        began: the findings at the beginning, with the protocol logs where these decide it.
        now: the organization as it is now.
        questions: all that were asked.
        unseen: `began` rests on logs that nobody has fetched yet.
    """
    for question in questions:
        if not question.solved:
            state = "without a right answer" if question.tries else "not answered"
            asked = question.asked().prompt.rpartition("\n")[2]
            yield f'The question "{question.name}" is {state}: {asked}'
    if unseen:
        yield "What could not be determined yet is in the protocol logs: lab.logs() fetches them."
        return
    if began.verdict != "found":
        return
    found = findings(now)
    waiting = stuck_queues(now)
    if found.verdict == "found":
        yield f"Something is still at fault: {found.headline}."
    if waiting:
        yield (
            f"Still waiting: {joined(queue.identity for queue in waiting)}. After the repair, "
            "Exchange retries them automatically; Retry-Queue retries them now: lab.run(...), then "
            "lab.wait(minutes=15)."
        )
    elif found.verdict == "unknown":
        yield "Data is still missing: mailflow.not_read(lab.open()) lists it."


def unfinished(points: Sequence[str]) -> Markup:
    """A card that says that the case is not solved yet, with each point on it."""
    return still_open("Not solved yet. What is left:", points)


def debrief(
    began: Diagnosis,
    lessons: Sequence[str],
    questions: Iterable[Question],
    notes: Sequence[str],
    after: str,
) -> Markup:
    """What the case has taught, and where to go on.

    Args:
        began: the findings at the beginning.
        lessons: what it teaches.
        questions: all that were asked.
        notes: what else there is to say.
        after: the notebook of the next case; empty: it was the last.
    """
    named = [finding.cause for finding in began.findings if finding.state == began.verdict]
    card = CAUSES[named[0]] if named and began.verdict == "found" else None
    heads = {
        "clear": "Nothing was wrong",
        "unknown": "It could not be determined, and you said so",
    }
    title = card.title if card else heads.get(began.verdict, "")
    links = [("the facts", f"{DOCUMENTS}/facts.md")]
    if card:
        links.insert(0, (f"the cause {card.id}", f"{DOCUMENTS}/checks/{card.id}.md"))
    if after:
        links.append(("the next case", after))
    asked = list(questions)
    hints = sum(question.hints_used for question in asked)
    tries = sum(question.tries for question in asked)
    effort = f"{len(asked)} questions, {tries} answers, {hints} hints."
    return debrief_card(
        Debrief(
            title,
            tuple(lessons),
            facts=tuple(facts.named_in(lessons)),
            card=_card(card) if card else (),
            links=tuple(links),
            notes=(effort, *notes),
        )
    )


def _card(card: Card) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return (
        ("What happens", (card.meaning,)),
        ("Evidence for it", card.evidence_for),
        ("Evidence against it", card.evidence_against),
        ("To confirm", card.confirm),
        ("To repair", card.fix),
    )
