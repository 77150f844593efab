"""The question what has to be asked for, where not everything was read."""

from __future__ import annotations

from mailflow.phrases import counted, joined
from mailflow.show.widgets.question import AnswerForm
from mailflow.snapshot import Snapshot
from mailflow.training.question import Judgement, Options, half, right, wrong
from mailflow.views.telling import unread_of

NOTHING = "nothing"
_KINDS = {
    "queues": ("Get-Queue",),
    "receive connectors": ("Get-ReceiveConnector",),
    "addresses": ("Get-NetworkConnectionInfo", "addresses"),
}
"""What can be asked for, and the reads that it stands for."""
_WHY_READ = {
    "queues": "The queues of {} were read: its Transport service answered.",
    "receive connectors": (
        "The receive connectors of {} were read: they are stored in Active Directory, and any "
        "server can be queried for them."
    ),
    "addresses": "The addresses of {} were read from its adapters.",
}


class MissingQuestion:
    """What was not read and could change the verdict."""

    form: AnswerForm = "several"

    def prompt(self, org: Snapshot) -> str:
        """The same for every organization."""
        del org
        return "What data is missing, so that you have to ask for it?"

    def options(self, org: Snapshot) -> Options:
        """Each kind of thing, of each server, and nothing."""
        things = [f"{kind} of {server.name}" for server in org.servers for kind in _KINDS]
        return (
            *((thing, f"the {thing}") for thing in things),
            (NOTHING, "nothing: all of this was read"),
        )

    def judge(self, org: Snapshot, given: tuple[str, ...]) -> Judgement:
        """By the rows of unread."""
        lacking = _lacking(org)
        if given == (NOTHING,):
            if not lacking:
                return right("Every server returned all data.")
            return wrong("mailflow.not_read(org) has rows: a server did not respond.")
        if NOTHING in given:
            return wrong("Either nothing is missing, or what you ticked is.")
        too_many = [key for key in given if key not in lacking]
        hits = [key for key in given if key in lacking]
        said = " ".join(_was_read(key) for key in too_many)
        missed = len(lacking) - len(hits)
        if not too_many and not missed:
            why = joined(dict.fromkeys(lacking.values()), most=2)
            return right(f"That is what is missing. {why}")
        more = f"{counted(missed, 'thing')} more. " if missed and hits else ""
        return half(f"{more}{said}".strip()) if hits else wrong(said)

    def hints(self, org: Snapshot) -> tuple[str, ...]:
        """From the table to the number."""
        number = len(_lacking(org))
        return (
            "mailflow.not_read(org) lists what could not be read, and why.",
            (
                "Connectors are stored in Active Directory. Only a server itself knows its queues "
                "and adapters."
            ),
            f"It is {counted(number, 'thing')}." if number else "There is no row.",
        )

    def solution(self, org: Snapshot) -> tuple[str, ...]:
        """The keys of all that was not read; NOTHING where all was."""
        return tuple(_lacking(org)) or (NOTHING,)


def _lacking(org: Snapshot) -> dict[str, str]:
    """Key of an option to why it was not read."""
    return {
        f"{kind} of {server.name}": row.why
        for server in org.servers
        for kind, reads in _KINDS.items()
        for row in reversed(unread_of(org))
        if server.is_named(row.server) and row.what.partition(" ")[0] in reads
    }


def _was_read(key: str) -> str:
    kind, _, server = key.partition(" of ")
    return _WHY_READ[kind].format(server)
