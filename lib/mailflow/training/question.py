"""A question to a learner: the answer is judged by the rules, at that moment, and gets a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, Protocol

from mailflow.show.markup import Markup
from mailflow.show.training import QuestionAsked, judgement
from mailflow.show.widgets.question import AnswerForm, QuestionBox
from mailflow.snapshot import Snapshot

Grade = Literal["right", "half", "wrong"]
WORDS = {"right": "Right.", "half": "Half of it.", "wrong": "Not so."}
Options = tuple[tuple[str, str], ...]
"""Key and words of each thing that can be chosen."""

MOST = 2000
"""A longer answer is shown up to here."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is said to an answer.

    Attributes:
        grade: right, half or wrong.
        reason: why: what a wrong answer would mean, and which fact contradicts it.
    """

    grade: Grade
    reason: str


def right(reason: str) -> Judgement:
    """Accepts the answer: the question is solved from then on."""
    return Judgement("right", reason)


def half(reason: str) -> Judgement:
    """Something of the answer is right; the question stays open."""
    return Judgement("half", reason)


def wrong(reason: str) -> Judgement:
    """Nothing of the answer is right; the question stays open."""
    return Judgement("wrong", reason)


class QuestionKind(Protocol):
    """One kind of question. All of it is worked out of an organization, and nothing is stored."""

    @property
    def form(self) -> AnswerForm:
        """How it is answered: `one`, `several`, `text` or `lines`."""

    def prompt(self, org: Snapshot) -> str:
        """What is asked, in the last line; lines before it quote what it is about."""

    def options(self, org: Snapshot) -> Options:
        """What can be chosen; empty where the answer is typed."""

    def judge(self, org: Snapshot, given: tuple[str, ...]) -> Judgement:
        """What is to be said to an answer: keys of options, or the texts that were typed."""

    def hints(self, org: Snapshot) -> Sequence[str]:
        """What to look at, the most telling last."""

    def solution(self, org: Snapshot) -> tuple[str, ...]:
        """A right answer."""


class Question:
    """A question in a notebook: shown, it can be answered by hand; else `answer` takes a value.

    Whatever is given as an answer, something is said to it, and nothing is raised.
    """

    def __init__(
        self, name: str, kind: QuestionKind, read: Callable[[], Snapshot], *, live: bool
    ) -> None:
        """Make it by `Lab.ask`.

        Args:
            name: what the notebook calls it.
            kind: judges the answers.
            read: gives the organization as it is at that moment.
            live: whether somebody may operate it.
        """
        self.name = name
        self._kind, self._read = kind, read
        self._given: tuple[str, ...] = ()
        self._judged: Judgement | None = None
        self._accepted: tuple[str, ...] | None = None
        self._hints: list[str] = []
        self.tries = 0
        with self._read_once() as org:
            self._prompt = kind.prompt(org)
            self._box = QuestionBox(self, live=live)

    # -- For the notebook --------------------------------------------------------------------------

    @property
    def form(self) -> AnswerForm:
        """How it is answered: `one`, `several`, `text` or `lines`."""
        return self._kind.form

    @property
    def solved(self) -> bool:
        """Whether a right answer was given once."""
        return self._accepted is not None

    @property
    def value(self) -> str:
        """The right answer if one was given, else the last one; empty before."""
        return "\n".join(self._given if self._accepted is None else self._accepted)

    @property
    def hints_used(self) -> int:
        """How many hints were unfolded."""
        return len(self._hints)

    def answer(self, given: object = "") -> Markup:
        """Judge an answer, and say why.

        Args:
            given: a text, or several: what an option says, or its key; or what would be typed.
        """
        with self._read_once() as org:
            self._judge(org, _texts(given, whole=self.form == "lines"))
            self._box.refresh()
            return judgement(self.asked())

    def hint(self) -> Markup:
        """Unfold the next hint; they lead from where to look to nearly the answer."""
        with self._read_once() as org:
            hints = list(self._kind.hints(org))
            if len(self._hints) < len(hints):
                self._hints.append(hints[len(self._hints)])
            self._box.refresh()
            return judgement(self.asked())

    def solve(self) -> None:
        """Answer it from the organization itself, as the solved runs do."""
        with self._read_once() as org:
            self.answer(self._kind.solution(org))

    def _repr_mimebundle_(
        self, include: object = None, exclude: object = None
    ) -> dict[str, object]:
        return self._box._repr_mimebundle_(include, exclude)

    def __repr__(self) -> str:
        """The question in words."""
        return repr(self._box)

    # -- For whoever shows it ----------------------------------------------------------------------

    def asked(self) -> QuestionAsked:
        """The question as it stands."""
        options = self._kind.options(self._read())
        words = dict(options)
        given = "\n".join(words.get(key, key) for key in self._given)
        judged = self._judged
        return QuestionAsked(
            prompt=self._prompt,
            options=options,
            how=_how(self.form),
            given=given[:MOST],
            grade=judged.grade if judged else "",
            word=WORDS[judged.grade] if judged and self._given else "",
            reason=judged.reason if judged else "",
            hints=tuple(self._hints),
        )

    def chosen(self) -> tuple[str, ...]:
        """The last answer: keys of options, or the texts that were typed; empty before."""
        return self._given

    def hints_left(self) -> int:
        """How many hints were not asked for yet."""
        return max(0, len(self._kind.hints(self._read())) - len(self._hints))

    def _judge(self, org: Snapshot, texts: tuple[str, ...]) -> None:
        options = self._kind.options(org)
        if not texts:
            self._given, self._judged = (), wrong(_nothing(self.form))
        else:
            self.tries += 1
            keys, unknown = _keys(texts, options) if options else (texts, [])
            self._given = tuple(dict.fromkeys(keys)) or texts
            if unknown:
                self._judged = wrong(_no_choice(unknown, options))
            elif self.form == "one" and len(self._given) > 1:
                self._judged = wrong("Choose one of them.")
            else:
                self._judged = self._kind.judge(org, self._given)
            if self._judged.grade == "right":
                self._accepted = self._given

    @contextmanager
    def _read_once(self) -> Iterator[Snapshot]:
        """One reading for all that an action looks at and shows: nothing moves there meanwhile."""
        read, org = self._read, self._read()
        self._read = lambda: org
        try:
            yield org
        finally:
            self._read = read


def _texts(given: object, *, whole: bool) -> tuple[str, ...]:
    """What was given, as texts; a typed list is taken apart at commas and line ends."""
    if isinstance(given, str):
        if whole:
            return (given.strip(),) if given.strip() else ()
        parts = given.replace(";", ",").replace("\n", ",").split(",")
        return tuple(filter(None, (part.strip() for part in parts)))
    if isinstance(given, Iterable) and not isinstance(given, bytes):
        found = (text for item in given for text in _texts(str(item), whole=True))
        return ("\n".join(found),) if whole else tuple(found)
    return () if given is None else (str(given),)


def _keys(texts: Sequence[str], options: Options) -> tuple[list[str], list[str]]:
    """The keys that were meant, and what means none."""
    by_text = {words.casefold(): key for key, words in options}
    by_text |= {key.casefold(): key for key, _ in options}
    whole = by_text.get(", ".join(texts).casefold())  # words of an option may hold a comma
    if whole:
        return [whole], []
    return (
        [by_text[text.casefold()] for text in texts if text.casefold() in by_text],
        [text for text in texts if text.casefold() not in by_text],
    )


def _no_choice(unknown: Sequence[str], options: Options) -> str:
    known = "; ".join(words for _, words in options)
    return f"{unknown[0][:80]!r} is none of the choices. They are: {known}."


def _nothing(form: AnswerForm) -> str:
    verb = "Choose" if form in ("one", "several") else "Type"
    return f"There is no answer yet. {verb} one first, or ask for a hint."


def _how(form: AnswerForm) -> str:
    example = {
        "one": '.answer("...") with one of these',
        "several": '.answer(["...", "..."]) with those of these that fit',
        "text": '.answer("...")',
        "lines": '.answer("""...""") with the commands',
    }[form]
    return f"Without controls: {example}, and .hint() for a hint."
