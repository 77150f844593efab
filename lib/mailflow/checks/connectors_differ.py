"""Audit: connectors of one name that treat the same host differently on several servers.

Compared are servers of one kind and site: setup makes other connectors on other kinds (section 2),
and sites have hosts of their own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntFlag

from mailflow.analysis.capabilities import Rights, relays
from mailflow.analysis.missing import CONNECTORS, Missing
from mailflow.analysis.servers import ServerView
from mailflow.checks.check import (
    LIST_CONNECTORS,
    Card,
    Check,
    ConnectorWords,
    Finding,
    in_own_words,
    own_advice,
)
from mailflow.exchange.connectors import ReceiveConnector, flag_names
from mailflow.exchange.range_words import ranges_in_words
from mailflow.exchange.servers import Generation, Server
from mailflow.phrases import joined

CARD = Card(
    id="connectors-differ",
    title="Connectors of the same name differ between servers",
    meaning=(
        "The same connector has other ranges or settings on a peer server, so that what a host may "
        "do depends on the server it connects to. Failover then does not help, or is the fault."
    ),
    evidence_for=("Connectors of the same name differ between servers of one version.",),
    evidence_against=("The servers serve different sites or tasks.",),
    confirm=(LIST_CONNECTORS,),
    fix=("Decide which value is correct, and set it on all of them.",),
    sources=("S1.13", "S4.03e"),
)


def find(rights: Rights, servers: Sequence[ServerView]) -> Iterator[Finding]:
    """An entry for each connector that differs from its namesakes, or may.

    At last, if there are such, a clear one for names that are alike within each site and not
    between sites.
    """
    groups = groups_of(rights, servers)
    for group in groups:
        for place, (member, connector) in enumerate(group.connectors):
            wrong = [each for each in group.settings if place in each.deviating]
            open_ones = [each for each in group.settings if place in each.not_known]
            if not member.covered or len(group.connectors) < 2 or not (wrong or open_ones):
                continue
            words = _found(group, place, wrong) if wrong else _unknown(group, place, open_ones)
            yield Finding(
                check=CHECK,
                state="found" if wrong and group.is_certain else "unknown",
                server=member,
                connector=connector,
                evidence=words,
            )
    yield from _between_sites(groups)


def _between_sites(groups: Sequence[PeerGroup]) -> Iterator[Finding]:
    """Harmless by design, where sites have hosts of their own."""
    by_name: dict[tuple[object, str], list[PeerGroup]] = {}
    for group in groups:
        by_name.setdefault((group.kind, group.name.casefold()), []).append(group)
    different = [
        some
        for some in by_name.values()
        if len(some) > 1
        and not any(setting.deviating for group in some for setting in group.settings)
        and any(setting.deviating for setting in _joined_up(some).settings)
    ]
    if different:
        names = joined(some[0].name.replace("{}", "<server>") for some in different)
        sites = joined(
            sorted({group.site or "(site unknown)" for alike in different for group in alike})
        )
        words = ConnectorWords(
            f"{names}: alike within each site, but not between {sites}. By design, where the sites "
            "have hosts of their own."
        )
        yield Finding(check=CHECK, state="clear", evidence=words)


@dataclass(frozen=True, slots=True)
class PeerSetting:
    """A setting of the connectors of one name.

    Attributes:
        what: its name for people.
        first: the most frequent value, of equally frequent ones the first, for people.
        usual: whether more than half of them have it.
        deviating: places of the connectors that have another value, and what is different there.
        not_known: places of those of which it was not read.
    """

    what: str
    first: str
    usual: bool
    deviating: Mapping[int, str]
    not_known: frozenset[int]

    @property
    def is_list(self) -> bool:
        """Whether what is different says all, so that the value beside it would only be long."""
        return self.what == _RANGES


@dataclass(frozen=True, slots=True)
class PeerGroup:
    """The connectors of one name on the servers of one kind and site."""

    name: str
    kind: object
    site: str
    connectors: tuple[tuple[ServerView, ReceiveConnector], ...]
    settings: tuple[PeerSetting, ...]

    @property
    def is_certain(self) -> bool:
        """Whether the servers are known to be of one site; Edge servers stand outside of them."""
        return bool(self.site) or self.kind == EDGE


@dataclass(frozen=True, slots=True)
class _Aspect:
    """A setting to compare: by value, told by text; `always` says that it has to be known."""

    what: str
    value: Callable[[ReceiveConnector], Hashable]
    text: Callable[[ReceiveConnector], str]
    always: bool = True


def _bindings(connector: ReceiveConnector) -> Hashable:
    """Each server has addresses of its own (S1.04): all specific ones count as one."""
    if not connector.bindings_complete:
        return None
    return tuple(sorted((b.family, b.port, b.is_wildcard) for b in connector.bindings))


def _truth(value: bool | None) -> str:
    return "yes" if value else "no"


EDGE = "edge"
_RANGES = "remote ranges"
_ASPECTS = (
    _Aspect(
        _RANGES,
        lambda connector: frozenset(connector.ranges) if connector.ranges_complete else None,
        ranges_in_words,
    ),
    _Aspect(
        "AuthMechanism", lambda connector: connector.auth, lambda connector: _flags(connector.auth)
    ),
    _Aspect(
        "PermissionGroups",
        lambda connector: connector.groups,
        lambda connector: _flags(connector.groups),
    ),
    _Aspect(
        "TransportRole", lambda connector: connector.role, lambda connector: _flags(connector.role)
    ),
    _Aspect("bindings", _bindings, lambda connector: joined(connector.bindings) or "none"),
    _Aspect(
        "Enabled", lambda connector: connector.enabled, lambda connector: _truth(connector.enabled)
    ),
    _Aspect(
        "SuppressXAnonymousTls",
        lambda connector: connector.suppress_x_anonymous_tls,
        lambda connector: _truth(connector.suppress_x_anonymous_tls),
        always=False,
    ),
    _Aspect(
        "RequireTLS",
        lambda connector: connector.require_tls,
        lambda connector: _truth(connector.require_tls),
        always=False,
    ),
)
"""What decides how a host is treated: whom it meets (S1.11), and what that one lets it do."""


def _flags(flags: IntFlag | None) -> str:
    return "" if flags is None else flag_names(flags)


def groups_of(rights: Rights, servers: Sequence[ServerView]) -> list[PeerGroup]:
    """The connectors by kind of server, site and name."""
    relaying = _Aspect(
        "relay without authentication",
        lambda connector: relays(connector, rights),
        lambda connector: _truth(relays(connector, rights)),
        always=False,
    )
    found: dict[tuple[Hashable, str, str], list[tuple[ServerView, ReceiveConnector]]] = {}
    for member in servers:
        kind, site = kind_of(member.server), member.server.site
        for connector in member.connectors:
            key = (kind, site.casefold(), template_of(connector).casefold())
            found.setdefault(key, []).append((member, connector))
    return [
        _grouped(kind, alike, [*_ASPECTS, relaying])
        for (kind, _, _), alike in found.items()
        if any(member.covered for member, _ in alike)
    ]


def _grouped(
    kind: Hashable,
    alike: Sequence[tuple[ServerView, ReceiveConnector]],
    aspects: Sequence[_Aspect],
) -> PeerGroup:
    connectors = [connector for _, connector in alike]
    return PeerGroup(
        name=template_of(connectors[0]),
        kind=kind,
        site=alike[0][0].server.site,
        connectors=tuple(alike),
        settings=tuple(_compared(aspect, connectors) for aspect in aspects),
    )


def _joined_up(groups: Sequence[PeerGroup]) -> PeerGroup:
    """Groups of several sites as one."""
    alike = [each for group in groups for each in group.connectors]
    return _grouped(groups[0].kind, alike, _ASPECTS)


def _compared(aspect: _Aspect, connectors: Sequence[ReceiveConnector]) -> PeerSetting:
    values = [aspect.value(connector) for connector in connectors]
    known = Counter(value for value in values if value is not None)
    open_ones = {place for place, value in enumerate(values) if value is None}
    if not known:
        nothing = frozenset(open_ones if aspect.always else ())
        return PeerSetting(aspect.what, first="", usual=False, deviating={}, not_known=nothing)
    value, count = known.most_common(1)[0]  # of equally frequent ones the first
    first = connectors[values.index(value)]
    deviating = {
        place: _difference(aspect, connector, first)
        for place, connector in enumerate(connectors)
        if values[place] not in (None, value)
    }
    if isinstance(value, frozenset):
        # A list that was cut differs for certain where its visible part holds something more.
        more = {place for place in open_ones if not value.issuperset(connectors[place].ranges)}
        deviating |= {place: _difference(aspect, connectors[place], first) for place in more}
        open_ones -= more
    return PeerSetting(
        aspect.what,
        aspect.text(first),
        2 * count > len(connectors),
        deviating,
        frozenset(open_ones if aspect.always else ()),
    )


def _difference(aspect: _Aspect, connector: ReceiveConnector, first: ReceiveConnector) -> str:
    """What a connector has in place of the first one's value; of a list what it has or lacks."""
    if aspect.what != _RANGES:
        return aspect.text(connector)
    mine, theirs = set(connector.ranges), set(first.ranges)
    more = [block for block in connector.ranges if block not in theirs]
    fewer = (
        [block for block in first.ranges if block not in mine] if connector.ranges_complete else []
    )
    return " and ".join(
        f"{verb} {joined(blocks)}" for verb, blocks in (("has", more), ("lacks", fewer)) if blocks
    )


def kind_of(server: Server) -> Hashable:
    """Servers on which setup makes the same connectors (section 2)."""
    if server.is_edge:
        return EDGE
    if server.generation is None:
        return None, server.name  # of a kind that is not known: like no other
    if server.generation is Generation.LEGACY:
        return server.generation
    if server.generation is Generation.MODERN:
        return True, True
    return server.has_frontend, server.has_hub


def template_of(connector: ReceiveConnector) -> str:
    """The name with `{}` for the server's: `Default Frontend {}`, `Relay`."""
    server = re.escape(connector.server.partition(".")[0])
    return re.sub(rf"(?<!\w){server}(?!\w)", "{}", connector.name.strip(), flags=re.IGNORECASE)


def _found(group: PeerGroup, place: int, wrong: Sequence[PeerSetting]) -> ConnectorWords:
    """Each setting that differs, what the others have there, and what to do."""
    connector = group.connectors[place][1]
    sentences = []
    for setting in wrong:
        others = joined(
            member.server.name
            for other, (member, _) in enumerate(group.connectors)
            if other not in setting.deviating and other not in setting.not_known
        )
        theirs = others if setting.is_list else f"{others}: {setting.first}"
        sentences.append(f"{setting.what}: {setting.deviating[place]} (unlike {theirs})")
    said = "; ".join(sentences)
    reading = (
        f"{connector.name} on {connector.server} differs from connectors of the same name: {said}."
    )
    if not all(setting.usual for setting in wrong):
        reading += " The configuration does not show which one is correct."
    if not group.is_certain:
        reading += " Their sites are unknown: between sites it may be by design."
    remedy = (
        f"Decide which setting of {connector.name} is correct and apply it to all servers behind "
        "the same load balancer or DNS name."
    )
    return ConnectorWords(reading, remedy)


def _unknown(group: PeerGroup, place: int, open_ones: Sequence[PeerSetting]) -> ConnectorWords:
    """Which settings were not read in full, and the command that exports them."""
    connector = group.connectors[place][1]
    what = joined(setting.what for setting in open_ones)
    reading = (
        f"Could not determine whether {connector.name} on {connector.server} differs from "
        f"connectors of the same name: {what} missing, or not complete."
    )
    command = Missing(connector.server, CONNECTORS).command
    return ConnectorWords(reading, f"Export {what} in full, then rerun:\n{command}")


CHECK = Check(CARD, "audit", in_own_words, own_advice)
