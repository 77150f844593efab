"""What an engineer operates in a runbook: steps below, widgets above, joined here.

In an unattended run (MAILFLOW_RUN names its folder) everything takes its default and is static.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import partial

from mailflow.analysis.analysis import addresses_of, analyze, connectors_of
from mailflow.analysis.change import Edit
from mailflow.analysis.paths import MailPath
from mailflow.analysis.servers import is_custom
from mailflow.errors import UsageError
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.phrases import counted, joined
from mailflow.repair.request import edited
from mailflow.repair.simulation import applied
from mailflow.repair.wording import is_long, value_lines
from mailflow.show.widgets.choice import Choice
from mailflow.show.widgets.confirm import BUTTON, Confirmation, ConfirmBox
from mailflow.show.widgets.controls import Option
from mailflow.show.widgets.explorer import (
    AddressExplorer,
    AddressQuestion,
    AddressReply,
    Choices,
    ShownAnswer,
)
from mailflow.show.widgets.progress import Progress
from mailflow.snapshot import Snapshot
from mailflow.table import Table, text_of
from mailflow.this_run import run_folder
from mailflow.views.which import Probe, probe
from mailflow.views.who_answers import compared, moved, who_answers

MOST_RANGES = 300
"""How many elements of a list are offered to be taken off; more help nobody to pick."""

HOW_TO_CONFIRM = (
    "This cell changes nothing. To apply, type the connector's name and press "
    f'"{BUTTON}" in JupyterLab; from the command line, add --apply --confirm "SERVER\\Connector", '
    "once for each connector."
)


def confirm_box(
    changes: Sequence[Edit],
    on_confirm: Callable[[tuple[str, ...]], object],
    further: Iterable[Confirmation] = (),
) -> ConfirmBox:
    r"""Ask for each change until its connector's name is typed, then make the named ones, once.

    Args:
        changes: what is proposed.
        on_confirm: is called once with the identities that were typed (`EX16A\Relay`); what it
            prints and shows stands below the button.
        further: what else wants a connector's name, where none of the changes asks for it.
    """
    asked = {
        each.identity: Confirmation(each.identity, _told(each), each.command) for each in changes
    }
    for confirmation in further:
        asked.setdefault(confirmation.identity, confirmation)
    return ConfirmBox(tuple(asked.values()), on_confirm, live=_is_live(), otherwise=HOW_TO_CONFIRM)


def _told(edit: Edit) -> str:
    """What a command does, and beside a long list what goes and what comes."""
    lines = [str(edit)]
    if any(map(is_long, edit.changes)) or edit.may_be_refused:
        lines += value_lines(edit)
    if edit.undo_refusal:
        lines.append(f"No rollback: Exchange would refuse the current values: {edit.undo_refusal}")
    return "\n".join(lines)


def progress(title: str) -> Progress:
    """A bar for a long piece of work; it shows itself at its first step.

    Args:
        title: what is done, in a few words.
    """
    return Progress(title, live=_is_live())


def choose_queues(queues: Table, default: Iterable[str] | None = None) -> Choice:
    r"""Choose among the non-empty queues; `.value` holds the identities (`EX10A\1187`).

    Args:
        queues: what `non_empty_queues` returned.
        default: identities that are chosen until somebody chooses others; None: all stuck ones.

    Raises:
        UsageError: a default that is none of these queues.
    """
    rows = queues.frame.to_dict("records")
    known = {str(row["queue"]): row for row in rows}
    chosen = [name for name, row in known.items() if row["stuck"] is True]
    if default is not None:
        by_name = {name.casefold(): name for name in known}
        chosen = [_queue(name, by_name) for name in default]
    options = [(_queue_in_words(row), name) for name, row in known.items()]
    return Choice("Queues", options, chosen, live=_is_live(), empty=queues.empty)


def _queue(name: str, by_name: Mapping[str, str]) -> str:
    found = by_name.get(name.strip().casefold())
    if found is None:
        known = joined(by_name.values()) or "none"
        raise UsageError(f"no queue that holds messages is called {name}; there are: {known}")
    return found


def _queue_in_words(row: Mapping[Hashable, object]) -> str:
    count = row["messages"]
    messages = counted(count if isinstance(count, int) else None, "message")
    return f"{row['queue']}: {messages}, {text_of(row['status'])}, to {text_of(row['next_hop'])}"


def address_explorer(org: Snapshot, server: str = "", source: str = "") -> AddressExplorer:
    """Ask which connector accepts an address, and move a range on trial.

    Args:
        org: the organization.
        server: the target to begin with; empty: the first one whose connector intercepts a server.
        source: the address to begin with, or the name of the server that has it; empty: the server
            that is caught there.
    """
    first = _first_question(org, server, source)
    return AddressExplorer(first, partial(_choices, org), partial(_reply, org), live=_is_live())


def _is_live() -> bool:
    """Whether somebody may operate what is shown."""
    return run_folder() is None


def _first_question(org: Snapshot, server: str, source: str) -> AddressQuestion:
    """The first mail path that cannot work, as far as nothing else is asked for."""
    named = org.server(server) if server else None
    ways = [
        path
        for path in analyze(org).paths
        if path.address and path.endpoint and (not server or path.target.server is named)
    ]
    way = next((path for path in ways if path.state == "found"), next(iter(ways), None))
    first = way.target if way else next(iter(org.servers), None)
    target = named if server else first
    choices = _choices(org, AddressQuestion(server=target.name if target else server))
    known = way and _source(str(way.address), way.sender.name)
    return AddressQuestion(
        server=target.name if target else server,
        port=_one_of(choices.ports, str(way.endpoint.port) if way and way.endpoint else ""),
        source=source or known or next(iter(choices.sources), ""),
        connector=_one_of(choices.connectors, _caught_by(way)),
    )


def _one_of(options: Sequence[Option], wanted: str) -> str:
    """The value that is wanted, if it is there; else the first."""
    values = [value for _, value in options]
    return wanted if wanted in values else next(iter(values), "")


def _caught_by(way: MailPath | None) -> str:
    connector = way.accepted_by if way else None
    return connector.name if connector else ""


def _choices(org: Snapshot, question: AddressQuestion) -> Choices:
    target = org.server(question.server)
    connectors = connectors_of(org, target) if target else ()
    ports = sorted({binding.port for connector in connectors for binding in connector.bindings})
    custom = [connector for connector in connectors if is_custom(connector, connectors)]
    picked = next((connector for connector in custom if connector.name == question.connector), None)
    names = [server.name for server in org.servers]
    return Choices(
        servers=tuple((name, name) for name in names),
        ports=tuple((str(port), str(port)) for port in ports),
        locals=(
            ("every known address", ""),
            *(
                (str(address), str(address))
                for address in (addresses_of(org, target) if target else ())
            ),
        ),
        sources=tuple(
            _source(str(address), server.name)
            for server in org.servers
            for address in addresses_of(org, server)
        ),
        connectors=tuple((connector.name, connector.name) for connector in custom)
        or (("none: it has no custom connector", ""),),
        ranges=tuple(_ranges(org, picked)) if picked else (),
    )


def _ranges(org: Snapshot, connector: ReceiveConnector) -> list[str]:
    """The elements of its list; of a very long one those that hold a server first."""
    ranges = list(connector.ranges)
    if len(ranges) > MOST_RANGES:
        known = [address for server in org.servers for address in addresses_of(org, server)]
        ranges.sort(key=lambda block: not any(address in block for address in known))
    return [str(block) for block in ranges[:MOST_RANGES]]


def _reply(org: Snapshot, question: AddressQuestion) -> AddressReply:
    try:
        asked = _probe(org, question)
    except UsageError as error:
        return AddressReply(trouble=_sentence(error))
    now = who_answers(org, asked)
    side = ShownAnswer("Now", now.words, now.tone, now.ruler)
    removed, added = _parts(question.remove), _parts(question.add)
    if not (removed or added):
        return AddressReply((side,), compared(now))
    try:
        change = edited(org, question.server, question.connector, remove=removed, add=added)
        trial = who_answers(applied(org, [change]), asked)
    except UsageError as error:
        return AddressReply((side,), compared(now), refused=_sentence(error))
    other = ShownAnswer("What if", trial.words, trial.tone, trial.ruler)
    return AddressReply((side, other), compared(now, trial), moved(now, trial))


def _parts(typed: str) -> list[str]:
    return [text for text in re.split(r"[,;\n]", typed) if text.strip()]


def _probe(org: Snapshot, question: AddressQuestion) -> Probe:
    """The question as `which` takes it.

    Raises:
        UsageError: it is none; in one sentence.
    """
    if org.server(question.server) is None:
        known = joined(server.name for server in org.servers)
        called = f" called {question.server}" if question.server else ""
        raise UsageError(f"no server{called} was read{f'; read were {known}' if known else ''}")
    text = question.source.strip()
    if not text:
        raise UsageError("type a source address, or pick a server's")
    named = org.server(text)
    if named:
        mine = addresses_of(org, named)
        if len(mine) != 1:
            known = joined(mine) or "none is known"
            raise UsageError(f"{named.name} has not one address but these: {known}; take one")
        text = str(mine[0])
    return probe(question.server, text.partition(" (")[0], question.local, question.port)


def _source(address: str, server: str) -> str:
    return f"{address} ({server})"


def _sentence(error: UsageError) -> str:
    text = str(error)
    return text[:1].upper() + text[1:]
