"""Questions about queues and their error texts."""

from __future__ import annotations

from mailflow.analysis.queues import is_stuck
from mailflow.exchange.catalogue import FRONT_END, SENDER_AFTER_EHLO, TARGET
from mailflow.exchange.causes import explain
from mailflow.exchange.last_error import parse
from mailflow.exchange.queues import Queue
from mailflow.phrases import counted, joined
from mailflow.show.widgets.question import AnswerForm
from mailflow.snapshot import Snapshot
from mailflow.training.question import Judgement, Options, half, right, wrong
from mailflow.views.queues import queues_of

NONE = "none"


class StuckQuestion:
    """Which queues are stuck (contract 8.4, S4.42 to S4.44)."""

    form: AnswerForm = "several"

    def prompt(self, org: Snapshot) -> str:
        """The same for every organization."""
        del org
        return "Which queues are stuck? Tick all that are."

    def options(self, org: Snapshot) -> Options:
        """The queues that hold messages or an error text."""
        shown = [queue for queue in queues_of(org) if queue.message_count or queue.last_error]
        return (
            *((queue.identity, _in_words(queue)) for queue in sorted(shown, key=_identity)),
            (NONE, "none of them"),
        )

    def judge(self, org: Snapshot, given: tuple[str, ...]) -> Judgement:
        """By status and kind of each queue."""
        stuck = {queue.identity for queue in queues_of(org) if is_stuck(queue)}
        chosen = set(given) - {NONE}
        if NONE in given and chosen:
            return wrong("Either none of them is stuck, or those you ticked are.")
        too_many = [queue for queue in queues_of(org) if queue.identity in chosen - stuck]
        lacking = stuck - chosen
        said = " ".join(_why_not_stuck(queue) for queue in too_many)
        if not too_many and not lacking:
            return right(_why_stuck([queue for queue in queues_of(org) if queue.identity in stuck]))
        if chosen & stuck:
            more = f"{counted(len(lacking), 'queue')} more cannot move. " if lacking else ""
            return half(f"{more}{said}".strip())
        if not chosen:
            return wrong(
                f"{counted(len(lacking), 'queue')} cannot move: look at Status. Retry means that "
                "the last attempt failed and another one is planned."
            )
        return wrong(said)

    def hints(self, org: Snapshot) -> tuple[str, ...]:
        """From the column to the number."""
        number = sum(map(is_stuck, queues_of(org)))
        return (
            "The number of messages does not decide it. Look at Status, and at the type of queue.",
            (
                "A shadow queue holds copies by design (S4.43), and an error text may be old "
                "(S4.42). Retry is what a queue shows whose last attempt failed."
            ),
            f"It is {counted(number, 'queue')}." if number else "No queue is in Retry.",
        )

    def solution(self, org: Snapshot) -> tuple[str, ...]:
        """Identities of the stuck queues; NONE where no queue is stuck."""
        return tuple(queue.identity for queue in queues_of(org) if is_stuck(queue)) or (NONE,)


def _identity(queue: Queue) -> str:
    return queue.identity


def _in_words(queue: Queue) -> str:
    """What Get-Queue shows of it, without a judgement."""
    text = ", with an error text" if queue.last_error else ""
    messages = counted(queue.message_count, "message")
    return f"{queue.identity}: {queue.delivery_type}, {queue.status}, {messages}{text}"


def _why_stuck(stuck: list[Queue]) -> str:
    if not stuck:
        return (
            "No queue is in Retry: queues with messages are delivering, or keep copies by design "
            "(S4.42, S4.43)."
        )
    messages = sum(queue.message_count or 0 for queue in stuck)
    return (
        f"{joined(queue.identity for queue in stuck)}: "
        f"status {joined(queue.status for queue in stuck)}, "
        f"{counted(messages, 'message')} in all. Nothing moves there until something is repaired."
    )


def _why_not_stuck(queue: Queue) -> str:
    name = queue.identity
    if queue.is_shadow:
        return (
            f"{name} is a shadow queue: it keeps copies until another server has delivered them. "
            "Messages there are not a fault (S4.43)."
        )
    if queue.is_poison:
        return f"{name} is the poison queue, always Suspended (S4.44)."
    if queue.last_error:
        return (
            f"{name} has an error text, but its status is {queue.status}: the text is left from an "
            "attempt that failed before, and mail moves again (S4.42)."
        )
    return (
        f"{name} has status {queue.status}: its "
        f"{counted(queue.message_count, 'message')} are being delivered."
    )


_WHO = {
    "sender": "the sending server, after it read the EHLO response of the target",
    "target": "the target, with a response of its own",
    "network": "neither: there was no connection",
    "before": "the sending server, before it connected to a target",
    NONE: "neither: no queue has an error text",
}


class GaveUpQuestion:
    """Who ended the session, by the error text of the largest stuck queue (S5.01)."""

    form: AnswerForm = "one"

    def prompt(self, org: Snapshot) -> str:
        """With the error text on a line of its own, where a queue holds one."""
        queue = _loudest(org)
        if queue is None:
            return "Who gave up, by LastError of the queues?"
        return f"LastError of {queue.identity} reads:\n{queue.last_error}\nWho gave up?"

    def options(self, org: Snapshot) -> Options:
        """Whoever may give up."""
        del org
        return tuple(_WHO.items())

    def judge(self, org: Snapshot, given: tuple[str, ...]) -> Judgement:
        """By the catalogue of texts."""
        queue, (answer,) = _loudest(org), given
        if queue is None:
            no_text = "No queue has an error text now."
            return right(no_text) if answer == NONE else wrong(no_text)
        expected = _who(queue)
        error = parse(queue.last_error or "")
        explained = explain(error)
        facts = f" ({', '.join(map(_source, explained.facts))})" if explained.facts else ""
        says = f"{explained.says or 'The text is not in the catalog.'}{facts}"
        words = error.inner_text or error.text
        if answer == expected:
            return right(f'"{words}": {says}')
        means = {
            "sender": "Then the text would mention what the target offered in its EHLO response.",
            "target": (
                "That is what the words around it suggest: they quote a reply even where the "
                "target gave none."
                if expected == "sender"
                else "Then the innermost words would be a reply of the target."
            ),
            "network": "Then there would be a socket error, or words such as Unable to connect.",
            "before": "Then the text would mention a name or a route.",
            NONE: f"{queue.identity} holds one.",
        }[answer]
        return wrong(f'{means} The innermost words are "{words}": {says}')

    def hints(self, org: Snapshot) -> tuple[str, ...]:
        """From the place to the text."""
        queue = _loudest(org)
        if queue is None:
            return ("Look at the column LastError: is there any text at all?",)
        error = parse(queue.last_error or "")
        return (
            "Errors are quoted inside each other. Read the innermost one: it carries the cause.",
            f'Its innermost words are "{error.inner_text or error.text}".',
            (
                "`mailflow explain` decodes such a text and shows who produced it; so does the "
                "column 'Who said it' of mailflow.last_errors."
            ),
        )

    def solution(self, org: Snapshot) -> tuple[str, ...]:
        """A key of `_WHO`; NONE where no queue holds an error text."""
        queue = _loudest(org)
        return (_who(queue) if queue else NONE,)


def _loudest(org: Snapshot) -> Queue | None:
    """The stuck queue with most messages; else any queue with an error text."""
    told = [queue for queue in queues_of(org) if (queue.last_error or "").strip()]
    return max(
        told,
        key=lambda queue: (is_stuck(queue), queue.message_count or 0, queue.identity),
        default=None,
    )


def _who(queue: Queue) -> str:
    error = parse(queue.last_error or "")
    explained = explain(error)
    if explained.speaker == SENDER_AFTER_EHLO:
        return "sender"
    if explained.speaker in (TARGET, FRONT_END):
        return "target"
    if error.winsock is not None or "unable to connect" in (queue.last_error or "").casefold():
        return "network"
    return "before"


def _source(fact: str) -> str:
    return fact if fact[0].isalpha() else f"section {fact}"
