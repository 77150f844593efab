"""Which servers accept a sender's mail once another server is taken down.

Mail inside goes to a group of servers, any of which takes it: those of a site and of one kind (a
delivery group is `site:NAME; version:N`, section 4.2; 2010 relays within a site to its like or to
newer ones), and the Edge servers of a site (S4.64). Which of them is taken is balanced (S4.03e). A
server of the group itself needs no other one. Databases, their copies and client access are nothing
that mail paths tell of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from mailflow.analysis.analysis import Analysis
from mailflow.analysis.places import hidden_servers
from mailflow.analysis.servers import ServerView
from mailflow.exchange.servers import Server

RemovalState = Literal["left", "none", "last", "unknown"]

EDGE = "Edge"
NEWER, OLDER = "2013 and later", "2007/2010"


@dataclass(frozen=True, slots=True)
class TargetsLeft:
    """What one sender still reaches of a server's group without that server.

    Attributes:
        sender: the sender.
        targets: servers that certainly accept its mail.
        not_known: those of which that could not be determined.
    """

    sender: ServerView
    targets: tuple[ServerView, ...]
    not_known: tuple[ServerView, ...]


@dataclass(frozen=True, slots=True)
class Removal:
    """A server as if it was taken down.

    Attributes:
        view: the server.
        site: its site; empty: not read.
        kind: EDGE, NEWER or OLDER; empty: not known.
        others: the other servers of its group that take mail.
        may_be_others: servers that may belong to it: their site or version was not read.
        senders: each sender outside of the group that sends to it today, and what it has left.
        only_source_of: send connectors of which it is the only source server; None: not known.
        doubts: why there may be other senders, in words.
    """

    view: ServerView
    site: str
    kind: str
    others: tuple[ServerView, ...]
    may_be_others: tuple[ServerView, ...]
    senders: tuple[TargetsLeft, ...]
    only_source_of: tuple[str, ...] | None
    doubts: tuple[str, ...] = ()

    @property
    def state(self) -> RemovalState:
        """What every sender has left.

        none: somebody has no target left although the group has other servers. last: it has none.
        left: every sender has a target that is known to accept it.
        """
        if not (self.site and self.kind):
            return "unknown"
        lost = any(not each.targets and not each.not_known for each in self.senders)
        if lost or not self.others:
            if self.may_be_others:
                return "unknown"
            return "none" if self.others else "last"
        if self.doubts or any(not each.targets for each in self.senders):
            return "unknown"
        return "left"


def removals(analysis: Analysis) -> Iterator[Removal]:
    """Each server of an organization as if it was taken down, in the order read.

    Args:
        analysis: of the whole organization, also where only some servers are asked about.
    """
    hidden = tuple(hidden_servers(analysis.org))
    works = _works(analysis)
    takes_mail = {target for sender, target in works if sender != target}
    groups: dict[_Group, list[ServerView]] = {}
    for view in analysis.servers:
        groups.setdefault(_group_of(view.server), []).append(view)
    for view in analysis.servers:
        mine = _group_of(view.server)
        others = tuple(
            each for each in groups[mine] if each is not view and each.name in takes_mail
        )
        yield Removal(
            view,
            view.server.site,
            mine[1],
            others,
            tuple(
                each
                for group, some in groups.items()
                if group != mine and _may_be_alike(group, mine)
                for each in some
            ),
            tuple(
                _left(sender, others, works)
                for sender in analysis.servers
                if _group_of(sender.server) != mine and (sender.name, view.name) in works
            ),
            _only_source_of(analysis, view),
            hidden,
        )


_Group = tuple[str, str]
"""Site in lower case, and kind; empty: not known."""


def _may_be_alike(group: _Group, other: _Group) -> bool:
    return all(not a or not b or a == b for a, b in zip(group, other, strict=True))


def _group_of(server: Server) -> _Group:
    if server.is_edge:
        kind = EDGE
    elif server.generation is None or server.is_edge is None:
        kind = ""
    else:
        kind = NEWER if server.generation.is_modern else OLDER
    return server.site.strip().casefold(), kind


def _works(analysis: Analysis) -> Mapping[tuple[str, str], bool | None]:
    """Sender and target to whether all paths between them work; None: not known."""
    states: dict[tuple[str, str], set[str]] = {}
    for path in analysis.paths:
        states.setdefault((path.sender.name, path.target.name), set()).add(path.state)
    known = {frozenset({"clear"}): True, frozenset({"found"}): False}
    return {pair: known.get(frozenset(some)) for pair, some in states.items()}


def _left(
    sender: ServerView,
    others: Sequence[ServerView],
    works: Mapping[tuple[str, str], bool | None],
) -> TargetsLeft:
    state = {each: works.get((sender.name, each.name), False) for each in others}
    return TargetsLeft(
        sender,
        tuple(each for each, is_working in state.items() if is_working),
        tuple(each for each, is_working in state.items() if is_working is None),
    )


def _only_source_of(analysis: Analysis, view: ServerView) -> tuple[str, ...] | None:
    """Send connectors that nobody else can use (S9.20); None: not exported, or not in full."""
    connectors = [each for each in analysis.send_connectors if each.enabled is not False]
    if not connectors or any(each.sources is None for each in connectors):
        return None
    return tuple(
        each.name
        for each in connectors
        if each.sources and all(view.server.is_named(source) for source in each.sources)
    )
