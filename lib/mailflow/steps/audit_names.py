"""Connectors of the same name on several servers, and where they treat hosts differently.

Compared are servers of one kind and site: setup makes other connectors on other kinds (section 2),
and sites have hosts of their own.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntFlag

from mailflow.exchange.connectors import ReceiveConnector, flag_names
from mailflow.exchange.servers import Generation, Server
from mailflow.snapshot import Snapshot
from mailflow.steps.audit_members import Member, members
from mailflow.steps.audit_relays import relays
from mailflow.steps.treatment import Rights
from mailflow.steps.verdict import Finding
from mailflow.steps.words import joined, ranges_in_words
from mailflow.table import Table

DIFFER = "connectors-differ"

_COLUMNS = {
    "name": ("Name", "of the connectors; {} stands for the name of the server"),
    "servers": ("Servers", "that have a connector of this name, of one kind and site"),
    "what": ("What", "the setting that differs"),
    "most": ("Most have", "the value of most of them, if there is one"),
    "differs": ("Differ", "servers with another value, or of which it is not known"),
}


def same_names(org: Snapshot) -> Table:
    """Connectors of the same name beside each other, those that differ first.

    Columns of the frame: name, servers, what, most, differs (string), and for code: state
    (`found`, `unknown`, `clear`), site (string), count (Int64).
    """
    import pandas as pd

    rows = [
        row
        for group in _groups(org, members(org))
        if len(group.connectors) > 1
        for row in _rows(group)
    ]
    rows.sort(key=lambda row: _ORDER[str(row["state"])])
    tones = {"found": "bad", "unknown": "unknown", "clear": "good"}
    return Table(
        name="same_names",
        frame=pd.DataFrame(rows, columns=[*_COLUMNS, "state", "site", "count"]).astype(
            {"count": "Int64"}
        ),
        caption="Connectors of the same name on servers of one kind and site.",
        columns=_COLUMNS,
        reading=_reading(rows),
        tones={(place, "differs"): tones[str(row["state"])] for place, row in enumerate(rows)},
        empty="No two servers of one kind and site have a connector of the same name.",
    )


_ORDER = {"found": 0, "unknown": 1, "clear": 2}


def differing(org: Snapshot, servers: Sequence[Member]) -> Iterator[Finding]:
    """An entry for each connector that differs from its namesakes, or may.

    At last, if there are such, a clear one for names that are alike within each site and not
    between sites.
    """
    groups = _groups(org, servers)
    for group in groups:
        for place, (member, one) in enumerate(group.connectors):
            wrong = [each for each in group.settings if place in each.deviating]
            open_ones = [each for each in group.settings if place in each.not_known]
            if not member.covered or len(group.connectors) < 2 or not (wrong or open_ones):
                continue
            entry = _found(group, place, wrong) if wrong else _unknown(group, place, open_ones)
            yield Finding(
                cause=DIFFER,
                state="found" if wrong and group.is_certain else "unknown",
                server=member.server.name,
                connector=one.identity,
                reading=entry[0],
                remedy=entry[1],
            )
    yield from _between_sites(groups)


def _between_sites(groups: Sequence[_Group]) -> Iterator[Finding]:
    """Harmless by design, where sites have hosts of their own."""
    by_name: dict[tuple[object, str], list[_Group]] = {}
    for group in groups:
        by_name.setdefault((group.kind, group.name.casefold()), []).append(group)
    different = [
        some
        for some in by_name.values()
        if len(some) > 1
        and not any(one.deviating for group in some for one in group.settings)
        and any(one.deviating for one in _joined_up(some).settings)
    ]
    if different:
        names = joined(some[0].name for some in different)
        sites = joined(sorted({group.site or "(not known)" for one in different for group in one}))
        yield Finding(
            cause=DIFFER,
            state="clear",
            reading=f"{names}: alike within each site, but not between {sites}. By design, where "
            "the sites have hosts of their own.",
        )


@dataclass(frozen=True, slots=True)
class _Setting:
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
class _Group:
    """The connectors of one name on the servers of one kind and site."""

    name: str
    kind: object
    site: str
    connectors: tuple[tuple[Member, ReceiveConnector], ...]
    settings: tuple[_Setting, ...]

    @property
    def is_certain(self) -> bool:
        """Whether the servers are known to be of one site; Edge servers stand outside of them."""
        return bool(self.site) or self.kind == _EDGE


@dataclass(frozen=True, slots=True)
class _Aspect:
    """A setting to compare: by value, told by text; `always` says that it has to be known."""

    what: str
    value: Callable[[ReceiveConnector], Hashable]
    text: Callable[[ReceiveConnector], str]
    always: bool = True


def _bindings(one: ReceiveConnector) -> Hashable:
    """Each server has addresses of its own (S1.04): all specific ones count as one."""
    if not one.bindings_complete:
        return None
    return tuple(sorted((b.family, b.port, b.is_wildcard) for b in one.bindings))


def _truth(value: bool | None) -> str:
    return "yes" if value else "no"


_EDGE = "edge"
_RANGES = "remote ranges"
_ASPECTS = (
    _Aspect(
        _RANGES,
        lambda one: frozenset(one.ranges) if one.ranges_complete else None,
        ranges_in_words,
    ),
    _Aspect("AuthMechanism", lambda one: one.auth, lambda one: _flags(one.auth)),
    _Aspect("PermissionGroups", lambda one: one.groups, lambda one: _flags(one.groups)),
    _Aspect("TransportRole", lambda one: one.role, lambda one: _flags(one.role)),
    _Aspect("bindings", _bindings, lambda one: joined(one.bindings) or "none"),
    _Aspect("Enabled", lambda one: one.enabled, lambda one: _truth(one.enabled)),
    _Aspect(
        "SuppressXAnonymousTls",
        lambda one: one.suppress_x_anonymous_tls,
        lambda one: _truth(one.suppress_x_anonymous_tls),
        always=False,
    ),
    _Aspect(
        "RequireTLS", lambda one: one.require_tls, lambda one: _truth(one.require_tls), always=False
    ),
)
"""What decides how a host is treated: whom it meets (S1.11), and what that one lets it do."""


def _flags(flags: IntFlag | None) -> str:
    return "" if flags is None else flag_names(flags)


def _groups(org: Snapshot, servers: Sequence[Member]) -> list[_Group]:
    """The connectors by kind of server, site and name."""
    rights = Rights(org)
    relaying = _Aspect(
        "relay without log-on",
        lambda one: relays(one, rights),
        lambda one: _truth(relays(one, rights)),
        always=False,
    )
    found: dict[tuple[Hashable, str, str], list[tuple[Member, ReceiveConnector]]] = {}
    for member in servers:
        kind, site = _kind(member.server), member.server.site
        for one in member.connectors:
            key = (kind, site.casefold(), _template(one).casefold())
            found.setdefault(key, []).append((member, one))
    return [
        _grouped(kind, alike, [*_ASPECTS, relaying])
        for (kind, _, _), alike in found.items()
        if any(member.covered for member, _ in alike)
    ]


def _grouped(
    kind: Hashable,
    alike: Sequence[tuple[Member, ReceiveConnector]],
    aspects: Sequence[_Aspect],
) -> _Group:
    connectors = [one for _, one in alike]
    return _Group(
        name=_template(connectors[0]),
        kind=kind,
        site=alike[0][0].server.site,
        connectors=tuple(alike),
        settings=tuple(_compared(one, connectors) for one in aspects),
    )


def _joined_up(groups: Sequence[_Group]) -> _Group:
    """Groups of several sites as one."""
    alike = [each for group in groups for each in group.connectors]
    return _grouped(groups[0].kind, alike, _ASPECTS)


def _compared(aspect: _Aspect, connectors: Sequence[ReceiveConnector]) -> _Setting:
    values = [aspect.value(one) for one in connectors]
    known = Counter(value for value in values if value is not None)
    open_ones = {place for place, value in enumerate(values) if value is None}
    if not known:
        nothing = frozenset(open_ones if aspect.always else ())
        return _Setting(aspect.what, first="", usual=False, deviating={}, not_known=nothing)
    value, count = known.most_common(1)[0]  # of equally frequent ones the first
    first = connectors[values.index(value)]
    deviating = {
        place: _difference(aspect, one, first)
        for place, one in enumerate(connectors)
        if values[place] not in (None, value)
    }
    if isinstance(value, frozenset):
        # A list that was cut differs for certain where its visible part holds something more.
        more = {place for place in open_ones if not value.issuperset(connectors[place].ranges)}
        deviating |= {place: _difference(aspect, connectors[place], first) for place in more}
        open_ones -= more
    return _Setting(
        aspect.what,
        aspect.text(first),
        2 * count > len(connectors),
        deviating,
        frozenset(open_ones if aspect.always else ()),
    )


def _difference(aspect: _Aspect, one: ReceiveConnector, first: ReceiveConnector) -> str:
    """What a connector has in place of the first one's value; of a list what it has or lacks."""
    if aspect.what != _RANGES:
        return aspect.text(one)
    mine, theirs = set(one.ranges), set(first.ranges)
    more = [block for block in one.ranges if block not in theirs]
    fewer = [block for block in first.ranges if block not in mine] if one.ranges_complete else []
    return " and ".join(
        f"{verb} {joined(blocks)}" for verb, blocks in (("has", more), ("lacks", fewer)) if blocks
    )


def _kind(server: Server) -> Hashable:
    """Servers on which setup makes the same connectors (section 2)."""
    if server.is_edge:
        return _EDGE
    if server.generation is None:
        return None, server.name  # of a kind that is not known: like no other
    if server.generation is Generation.LEGACY:
        return server.generation
    if server.generation is Generation.MODERN:
        return True, True
    return server.has_frontend, server.has_hub


def _template(one: ReceiveConnector) -> str:
    """The name with `{}` for the server's: `Default Frontend {}`, `Relay`."""
    server = re.escape(one.server.partition(".")[0])
    return re.sub(rf"(?<!\w){server}(?!\w)", "{}", one.name.strip(), flags=re.IGNORECASE)


def _found(group: _Group, place: int, wrong: Sequence[_Setting]) -> tuple[str, str]:
    """Reading and remedy of a connector that differs."""
    one = group.connectors[place][1]
    sentences = []
    for setting in wrong:
        others = joined(
            member.server.name
            for other, (member, _) in enumerate(group.connectors)
            if other not in setting.deviating and other not in setting.not_known
        )
        theirs = others if setting.is_list else f"{others}: {setting.first}"
        sentences.append(f"{setting.what}: {setting.deviating[place]} (unlike {theirs})")
    reading = f"{one.name} on {one.server} differs from its namesakes: {'; '.join(sentences)}."
    if not all(setting.usual for setting in wrong):
        reading += " Which of them is right cannot be told from here."
    if not group.is_certain:
        reading += " Their sites are not known: between sites it may be by design."
    remedy = (
        f"Decide which setting of {one.name} is right, and set it on all servers that stand in for "
        "each other: what a host may do must not depend on the server it meets."
    )
    return reading, remedy


def _unknown(group: _Group, place: int, open_ones: Sequence[_Setting]) -> tuple[str, str]:
    """Reading and remedy of a connector that cannot be compared."""
    one = group.connectors[place][1]
    what = joined(setting.what for setting in open_ones)
    reading = (
        f"It is not known whether {one.name} on {one.server} differs from its namesakes: {what} "
        "not read, or not to the end."
    )
    return reading, f"Read {one.identity} again: {what}."


def _rows(group: _Group) -> Iterator[dict[str, object]]:
    """A row for each setting that differs or is not known; else one that says that none does."""
    servers = [member.server.name for member, _ in group.connectors]
    base = {
        "name": group.name,
        "servers": joined(servers),
        "site": group.site,
        "count": len(servers),
    }
    open_ones = [one for one in group.settings if one.deviating or one.not_known]
    for one in open_ones:
        differ = [f"{servers[place]}: {told}" for place, told in one.deviating.items()]
        differ += [f"{servers[place]}: not known" for place in sorted(one.not_known)]
        yield base | {
            "what": one.what,
            "most": one.first if one.usual else "no value has most of them",
            "differs": "\n".join(differ),
            "state": "found" if one.deviating and group.is_certain else "unknown",
        }
    if not open_ones:
        yield base | {"what": "nothing", "most": "the same", "differs": "none", "state": "clear"}


def _reading(rows: Sequence[Mapping[str, object]]) -> str:
    names = joined(row["name"] for row in rows if row["state"] == "found")
    sentences = []
    if names:
        sentences.append(
            f"Not alike: {names}. What a host may do there depends on the server it meets."
        )
    elif rows and all(row["state"] == "clear" for row in rows):
        sentences.append("Connectors of the same name are alike in all that matters.")
    if any(row["state"] == "unknown" for row in rows):
        sentences.append("Not everything could be compared.")
    return " ".join(sentences)
