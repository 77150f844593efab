"""A question with its answer at once, and a change on trial beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from mailflow.picture import Ruler, Tone
from mailflow.plain import visible
from mailflow.show.chart import range_ruler
from mailflow.show.markup import Markup, fill
from mailflow.show.widgets import controls
from mailflow.show.widgets.controls import Control, Option
from mailflow.show.widgets.saying import below, heading
from mailflow.show.widgets.view import View
from mailflow.table import Table

FORGET = "Reset"


@dataclass(frozen=True, slots=True)
class AddressQuestion:
    """What the controls say; all as texts.

    Attributes:
        server: the target.
        port: of the target.
        local: the target's address that is connected to; empty: every known one.
        source: the address that connects, as typed or picked.
        connector: whose ranges are changed on trial; empty: there is none to change.
        remove: elements of its list that are taken off on trial, with commas, as typed or picked.
        add: ranges that are put on, with commas, as typed.
    """

    server: str = ""
    port: str = "25"
    local: str = ""
    source: str = ""
    connector: str = ""
    remove: str = ""
    add: str = ""


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to pick from; it depends on the server and, for the ranges, the connector."""

    servers: tuple[Option, ...]
    ports: tuple[Option, ...]
    locals: tuple[Option, ...]
    sources: tuple[str, ...]
    connectors: tuple[Option, ...]
    ranges: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """An answer: now, or with the trial.

    Attributes:
        heading: which of the two.
        words: who answers.
        tone: of the words; never meaning alone.
        ruler: the ranges of that endpoint.
    """

    heading: str
    words: str
    tone: Tone = ""
    ruler: Ruler | None = None


@dataclass(frozen=True, slots=True)
class AddressReply:
    """What comes of a question.

    Attributes:
        sides: now, and with a trial also that; none where the question is none.
        table: why each connector does or does not answer.
        moved: whom the trial moves from one connector to another; empty without a trial.
        trouble: why the question is none, in a sentence.
        refused: why the trial is none, or what Exchange would say to it.
    """

    sides: tuple[ShownAnswer, ...] = ()
    table: Table | None = None
    moved: str = ""
    trouble: str = ""
    refused: str = ""


class AddressExplorer(View):
    """Pick a server and an address, move a range, and see which connector accepts it.

    An unattended run shows the answer to its first question, without the ruler: the runbook has one
    from the same facts.
    """

    def __init__(
        self,
        first: AddressQuestion,
        choices: Callable[[AddressQuestion], Choices],
        reply: Callable[[AddressQuestion], AddressReply],
        *,
        live: bool,
    ) -> None:
        """Prepare it.

        Args:
            first: what is asked before anybody does.
            choices: what there is to pick from at a question.
            reply: what comes of a question; says in `AddressReply` what is wrong with it.
            live: whether somebody may ask.
        """
        super().__init__(live=live)
        self.question = first
        self._choices, self._reply = choices, reply
        self._setting = False

    def static(self) -> Markup:
        """The answer to the question as it stands."""
        reply = self._reply(self.question)
        return below(*filter(None, [_answer(reply), _table(reply)]))

    def _build(self) -> Control:
        first, choices = self.question, self._choices(self.question)
        self.server = controls.pick("Target server", choices.servers, first.server)
        self.port = controls.pick("Port", choices.ports, first.port)
        self.local = controls.pick("Local address", choices.locals, first.local)
        self.source = controls.text_or_pick("Source address", choices.sources, first.source)
        self.connector = controls.pick("Connector", choices.connectors, first.connector)
        self.remove = controls.text_or_pick(
            "Remove", choices.ranges, first.remove, "pick a range, or type several"
        )
        self.add = controls.text("Add", first.add, "10.0.9.7, 10.0.8.0/24")
        self.forget = controls.button(FORGET, self._forget)
        self._words, self._ruler, self._table = (controls.html() for _ in range(3))
        for control in (self.port, self.local, self.source, self.remove, self.add):
            controls.watch(control, self._look)
        controls.watch(self.server, self._other_server)
        controls.watch(self.connector, self._other_connector)
        self._show()
        question = controls.column(
            controls.html(heading("Which connector handles this address?")),
            *(self.server, self.port, self.local, self.source),
        )
        trial = controls.column(
            controls.html(heading("What if", "Nothing is changed anywhere.")),
            *(self.connector, self.remove, self.add, self.forget),
        )
        return controls.column(controls.row(question, trial), self._words, self._ruler, self._table)

    def _look(self) -> None:
        """Take what the controls say now."""
        if self._setting:
            return
        self.question = AddressQuestion(
            server=self.server.value or "",
            port=self.port.value or "",
            local=self.local.value or "",
            source=self.source.value,
            connector=self.connector.value or "",
            remove=self.remove.value,
            add=self.add.value,
        )
        self._show()

    def _show(self) -> None:
        reply = self._reply(self.question)
        controls.put(self._words, _answer(reply))
        controls.put(self._ruler, _rulers(reply))
        controls.put(self._table, _table(reply))
        self.forget.disabled = not (self.question.remove or self.question.add)

    def _other_server(self) -> None:
        """Another target: other ports, addresses, connectors; the address asked about stays."""
        asked = AddressQuestion(server=self.server.value or "", source=self.source.value)
        choices = self._choices(asked)
        ports = [value for _, value in choices.ports]
        connector = next((value for _, value in choices.connectors), "")
        port = self.port.value if self.port.value in ports else next(iter(ports), "")
        ranges = self._choices(replace(asked, connector=connector)).ranges
        self._setting = True
        controls.offer(self.port, choices.ports, port)
        controls.offer(self.local, choices.locals, "")
        controls.offer(self.connector, choices.connectors, connector)
        self._other_ranges(ranges)

    def _other_connector(self) -> None:
        if self._setting:
            return
        asked = replace(self.question, connector=self.connector.value or "")
        self._other_ranges(self._choices(asked).ranges)

    def _other_ranges(self, ranges: Sequence[str]) -> None:
        """What was to be taken off another list is forgotten; what was to be put on is not."""
        self._setting = True
        controls.offer_texts(self.remove, ranges)
        self.remove.value = ""
        self._setting = False
        self._look()

    def _forget(self) -> None:
        self._setting = True
        self.remove.value = self.add.value = ""
        self._setting = False
        self._look()


def _answer(reply: AddressReply) -> Markup:
    html = fill("widgets/answer.html.j2", sides=reply.sides, reply=reply)
    words = [f"{side.heading}: {side.words}" for side in reply.sides]
    words += filter(None, [reply.moved, reply.trouble])
    words += [f"Invalid change: {reply.refused}"] if reply.refused else []
    return Markup(html, visible("\n".join(words)))


def _table(reply: AddressReply) -> Markup | None:
    table = reply.table
    return Markup(table._repr_html_(), str(table)) if table else None


def _rulers(reply: AddressReply) -> Markup | None:
    """A ruler for each side; its title says which, also where the runbook draws the same."""
    drawn = [
        replace(side.ruler, server=f"{side.heading}: {side.ruler.server}")
        for side in reply.sides
        if side.ruler
    ]
    return below(*map(range_ruler, drawn)) if drawn else None
