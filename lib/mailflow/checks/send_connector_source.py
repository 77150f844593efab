"""A server that should send, often a new one, is not a source server of the send connector."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailflow.analysis.analysis import Analysis
from mailflow.analysis.missing import Missing
from mailflow.analysis.outbound import can_use
from mailflow.analysis.queues import QueueCase
from mailflow.analysis.servers import ServerView
from mailflow.checks.check import (
    Card,
    Check,
    ConnectorWords,
    Finding,
    State,
    in_own_words,
    own_advice,
)
from mailflow.exchange.commands import filled
from mailflow.exchange.send_connectors import SendConnector
from mailflow.phrases import joined

SEND_CONNECTORS = "Get-SendConnector"

_RESUBMIT = 'Retry-Queue -Identity "{queue}" -Resubmit $true'

CARD = Card(
    id="send-connector-source",
    title="The server is not a source server of the send connector",
    meaning=(
        "Only source servers send through a send connector; others hand their mail to one of them. "
        "A scoped connector serves only the sites of its source servers: mail of other servers "
        "waits in the Unreachable queue."
    ),
    evidence_for=(
        "The server is not listed in SourceTransportServers, and IsScopedConnector is True.",
        "Peer servers of the site are listed.",
    ),
    evidence_against=(
        "Only some servers may reach the internet, and the others hand their mail to them.",
    ),
    confirm=(
        (
            "Get-SendConnector | Format-List Identity, Enabled, AddressSpaces, IsScopedConnector, "
            "SourceTransportServers"
        ),
    ),
    fix=(
        (
            "Let the firewall and the smart host accept the server, then add it: Set-SendConnector "
            '"{send_connector}" -SourceTransportServers @{Add="{sender}"}'
        ),
        _RESUBMIT,
    ),
    sources=("S9.20", "S9.23", "S8.72", "S8.73"),
)


def of_queue(analysis: Analysis, case: QueueCase) -> Iterator[Finding]:
    """Why the Unreachable queue of a server holds mail: no connector for `*` is open to it (S9.23).

    Undetermined where scope, sources or sites were not read.
    """
    if not case.is_unreachable or case.sender is None:
        return
    everywhere = [each for each in analysis.send_connectors if each.takes_every_domain]
    servers = [view.server for view in analysis.servers]
    uses = [can_use(each, case.sender.server, servers) for each in everywhere]
    if not everywhere or True in uses:
        return
    closed = [each for each, use in zip(everywhere, uses, strict=True) if use is False]
    if len(closed) == len(everywhere):
        yield _finding("found", case.sender, everywhere, _closed(case.sender, everywhere), (case,))
    else:
        yield _unknown(case, [each for each in everywhere if each not in closed])


def find(analysis: Analysis) -> Iterator[Finding]:
    """The audit: a server that is no source for `*`, while peers of its site are that are no newer.

    Older servers are left out: they are mostly taken off on purpose. Also found is a server that no
    connector for `*` is open to (S9.23).
    """
    everywhere = [each for each in analysis.send_connectors if each.takes_every_domain]
    if not everywhere or any(each.sources is None for each in everywhere):
        return
    servers = [view.server for view in analysis.servers]
    for view in analysis.servers:
        if (
            not view.covered
            or not _may_send(view)
            or any(_holds(each, view) for each in everywhere)
        ):
            continue
        if all(can_use(each, view.server, servers) is False for each in everywhere):
            yield _finding("found", view, everywhere, _closed(view, everywhere), ())
            continue
        peers = [
            other
            for other in analysis.servers
            if other is not view and _may_send(other) and _is_no_newer(other, view)
        ]
        for connector in everywhere:
            listed = [other for other in peers if _holds(connector, other)]
            if listed:
                yield _finding("found", view, [connector], _forgotten(view, connector, listed), ())


def _holds(connector: SendConnector, view: ServerView) -> bool:
    return bool(connector.has_source(view.name))


def _may_send(view: ServerView) -> bool:
    server = view.server
    return (
        bool(server.has_hub) and not server.is_edge and bool(server.site) and bool(server.version)
    )


def _is_no_newer(other: ServerView, view: ServerView) -> bool:
    theirs, mine = other.server, view.server
    alike = theirs.site.casefold() == mine.site.casefold()
    return alike and (theirs.version or ())[:2] <= (mine.version or ())[:2]


def _closed(view: ServerView, connectors: Sequence[SendConnector]) -> str:
    scoped = [each for each in connectors if each.sources]
    if not scoped:
        names = joined(each.name for each in connectors)
        return f"Send connector {names} has no source server: no mail leaves through it."
    names = joined(each.name for each in scoped)
    sources = joined(name for each in scoped for name in each.sources or ())
    return (
        f"{view.name} (site {view.server.site}) is not a source server of send connector {names}, "
        f"which is scoped: only servers in the site of its source servers ({sources}) use it. Mail "
        f"of {view.name} to the internet finds no connector."
    )


def _forgotten(view: ServerView, connector: SendConnector, listed: Sequence[ServerView]) -> str:
    names = joined(other.name for other in listed)
    are = "is" if len(listed) == 1 else "are"
    return (
        f"{view.name} is not a source server of send connector {connector.name}, while {names} in "
        f"the same site {are}: mail of {view.name} to the internet depends on {names}. This may be "
        "intended; usually a new server was forgotten."
    )


def _finding(
    state: State,
    view: ServerView,
    connectors: Sequence[SendConnector],
    reading: str,
    cases: tuple[QueueCase, ...],
) -> Finding:
    known = {"send_connector": connectors[0].name, "sender": view.name}
    known["queue"] = cases[0].queue.identity if cases else ""
    lines = (*CARD.confirm, *(CARD.fix if cases else CARD.fix[:1]))
    return Finding(
        check=CHECK,
        state=state,
        server=view,
        queues=cases,
        evidence=ConnectorWords(reading, "\n".join(filled(line, known) for line in lines)),
        named=(view.name,),
    )


def _unknown(case: QueueCase, open_ones: Sequence[SendConnector]) -> Finding:
    view = case.sender
    assert view is not None  # noqa: S101 - the caller has looked
    names = joined(each.name for each in open_ones)
    reading = (
        f"Could not determine whether {view.name} may use send connector {names}: "
        "IsScopedConnector, SourceTransportServers or sites are missing in the export."
    )
    command = Missing("", SEND_CONNECTORS).command
    return Finding(
        check=CHECK,
        state="unknown",
        server=view,
        queues=(case,),
        evidence=ConnectorWords(reading, f"Export them in full, then rerun:\n{command}"),
        named=(view.name,),
    )


CHECK = Check(CARD, "both", in_own_words, own_advice)
