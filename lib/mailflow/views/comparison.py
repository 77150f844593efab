"""What differs between two snapshots, as an object, as a table, in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mailflow.analysis.assessment import PathState
from mailflow.analysis.capabilities import AccessChange, Effect
from mailflow.analysis.places import Place
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.ranges import AddressRange, format_range
from mailflow.phrases import counted, joined
from mailflow.repair.claim import name_of, ports_in_words
from mailflow.table import Table

SCHEMA = "mailflow.diff/1"


@dataclass(frozen=True, slots=True)
class Treated:
    """A block of addresses that is treated differently in the second snapshot.

    Attributes:
        server: the target server.
        places: its endpoints.
        block: the addresses, which are all treated alike, before and after.
        before: the connector that accepts them in the first snapshot; None: none.
        after: the connector that accepts them in the second one; None: none.
        effect: what the hosts gain and lose.
        is_certain: whether no missing data could change it.
    """

    server: str
    places: tuple[Place, ...]
    block: AddressRange
    before: ReceiveConnector | None
    after: ReceiveConnector | None
    effect: Effect
    is_certain: bool


@dataclass(frozen=True, slots=True)
class Renamed:
    """A connector with another name that treats the same addresses alike, in the data available.

    Attributes:
        before: its identity in the first snapshot.
        after: its identity in the second.
        not_known: rights and settings of hosts that are missing data.
    """

    before: str
    after: str
    not_known: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangedPath:
    """A mail path between two servers whose state differs.

    Attributes:
        sender: its name.
        target: the server that accepts the connection.
        was: state in the first snapshot: `clear` (the sender is accepted), `found` or `unknown`.
        will: the same in the second snapshot.
        before: the accepting connector and the sender's address, in words.
        after: the same in the second snapshot.
    """

    sender: str
    target: str
    was: PathState
    will: PathState
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class OwnAddresses:
    """A server whose own addresses differ."""

    server: str
    gone: tuple[str, ...]
    new: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """All differences, and the data behind them.

    Attributes:
        treated: addresses that are treated differently.
        ways: mail paths between servers whose state differs.
        access: users who gained or lost extended rights on a connector.
        renamed: connectors that another one replaces without a difference.
        addresses: servers whose own addresses differ.
        gone: servers of the first that the second lacks.
        new: servers that only the second has.
        versions: servers with another version, before and after as printed.
        places: how many endpoints were compared.
        rights_not_read: connectors whose extended rights were not read in both.
        doubts: missing data that may change which connector accepts a host, and how.
    """

    treated: tuple[Treated, ...] = ()
    ways: tuple[ChangedPath, ...] = ()
    access: tuple[AccessChange, ...] = ()
    renamed: tuple[Renamed, ...] = ()
    addresses: tuple[OwnAddresses, ...] = ()
    gone: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    versions: tuple[tuple[str, str, str], ...] = ()
    places: int = 0
    rights_not_read: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def state(self) -> Literal["same", "different", "unknown"]:
        """Whether a host is handled differently; `unknown` if missing data decides."""
        known = (
            any(hosts.is_certain for hosts in self.treated)
            or any("unknown" not in (way.was, way.will) for way in self.ways)
            or bool(self.access or self.gone)
        )
        if known:
            return "different"
        return "unknown" if self.doubts or self.ways or self.treated else "same"

    @property
    def exit_code(self) -> int:
        """0: no host is handled differently, 1: some are, 2: missing data may change that."""
        return {"same": 0, "different": 1, "unknown": 2}[self.state]

    @property
    def summary(self) -> str:
        """What differs, in a few sentences."""
        return " ".join(_summary(self))

    def table(self) -> Table:
        """All differences: mail paths between servers first, names last.

        Columns of the frame: what, on, addresses, before, after, effect (string), and for code:
        kind (`way`, `hosts`, `rights`, `addresses`, `server`, `name`), certain (boolean).
        """
        import pandas as pd

        rows = list(_rows(self))
        tones = {True: "bad", False: "unknown"}
        return Table(
            name="diff",
            frame=pd.DataFrame(rows, columns=[*_COLUMNS, "kind", "certain"]).astype(
                {"certain": "boolean"}
            ),
            caption="What the second of the two does differently.",
            columns=_COLUMNS,
            reading=self.summary,
            tones={
                (place, "effect"): tones[bool(row["certain"])]
                for place, row in enumerate(rows)
                if row["kind"] in ("way", "hosts") and row["effect"] != _MENDED
            },
            empty="No host is handled differently.",
        )

    def as_json(self) -> dict[str, Any]:
        """The document of `mailflow diff --json`."""
        return {
            "schema": SCHEMA,
            "state": self.state,
            "summary": self.summary,
            "hosts": [_treated_json(hosts) for hosts in self.treated],
            "ways": [
                {
                    "sender": way.sender,
                    "target": way.target,
                    "let_in_before": _LETS_IN[way.was],
                    "let_in_after": _LETS_IN[way.will],
                    "before": way.before,
                    "after": way.after,
                }
                for way in self.ways
            ],
            "rights": [
                {
                    "connector": access.connector,
                    "user": access.user,
                    "gains": list(access.gains),
                    "loses": list(access.loses),
                }
                for access in self.access
            ],
            "renamed": [
                {"before": pair.before, "after": pair.after, "not_known": list(pair.not_known)}
                for pair in self.renamed
            ],
            "addresses": [
                {
                    "server": addresses.server,
                    "gone": list(addresses.gone),
                    "new": list(addresses.new),
                }
                for addresses in self.addresses
            ],
            "servers": {
                "gone": list(self.gone),
                "new": list(self.new),
                "versions": [
                    {"server": server, "before": before, "after": after}
                    for server, before, after in self.versions
                ],
            },
            "endpoints": self.places,
            "rights_not_read": list(self.rights_not_read),
            "unknown": list(self.doubts),
        }


_COLUMNS = {
    "what": ("What", "a mail path, other hosts, a user, a server or a connector"),
    "on": ("On", "the target server, and the port"),
    "addresses": ("Addresses", "all of them are handled alike"),
    "before": ("Before", "the connector that accepts in the first source"),
    "after": ("After", "the connector that accepts in the second source"),
    "effect": ("Effect", "what is different"),
}
_LETS_IN: Mapping[PathState, bool | None] = {"clear": True, "found": False, "unknown": None}
_MENDED = "accepted (was: failing)"
_JUDGED: Mapping[tuple[PathState, PathState], str] = {
    ("found", "clear"): _MENDED,
    ("clear", "found"): "failing (was: accepted)",
    ("unknown", "clear"): "accepted (before: undetermined)",
    ("unknown", "found"): "failing (before: undetermined)",
    ("found", "unknown"): "undetermined (was: failing)",
    ("clear", "unknown"): "undetermined (was: accepted)",
}


def _rows(found: Comparison) -> Iterator[dict[str, object]]:
    for way in found.ways:
        certain = "unknown" not in (way.was, way.will)
        effect_ = _JUDGED[way.was, way.will]
        what = f"{way.sender} to {way.target}"
        yield _row("way", what, way.target, "", way.before, way.after, effect_, certain=certain)
    yield from _host_rows(found.treated)
    for user in found.access:
        words = [f"gains {joined(user.gains)}"] if user.gains else []
        words += [f"loses {joined(user.loses)}"] if user.loses else []
        yield _row("rights", user.user, user.connector, "", "", "", "; ".join(words))
    for addresses in found.addresses:
        yield _row(
            "addresses",
            addresses.server,
            "",
            "",
            joined(addresses.gone),
            joined(addresses.new),
            "own addresses",
        )
    for name in found.gone:
        yield _row("server", name, "", "", "there", "not there", "no longer accepts connections")
    for name in found.new:
        yield _row("server", name, "", "", "not there", "there", "is new")
    for name, old, new in found.versions:
        yield _row("server", name, "", "", old, new, "another version")
    for pair in found.renamed:
        not_known = joined(word.partition(" (")[0] for word in pair.not_known)
        words = [f"; undetermined: {not_known}"] if not_known else []
        yield _row(
            "name",
            "a connector",
            "",
            "",
            pair.before,
            pair.after,
            f"treats hosts alike{''.join(words)}",
        )


def _host_rows(treated: Iterable[Treated]) -> Iterator[dict[str, object]]:
    alike: dict[tuple[object, ...], list[Treated]] = {}
    for hosts in treated:
        key = (
            hosts.server,
            hosts.places,
            name_of(hosts.before),
            name_of(hosts.after),
            hosts.effect,
        )
        alike.setdefault((*key, hosts.is_certain), []).append(hosts)
    for some in alike.values():
        first = some[0]
        yield _row(
            "hosts",
            counted(sum(each.block.size for each in some), "address", "addresses"),
            f"{first.server}, {ports_in_words(first.places)}",
            joined(format_range(each.block) for each in some),
            name_of(first.before),
            name_of(first.after),
            _fate(first),
            certain=first.is_certain,
        )


def _fate(hosts: Treated) -> str:
    if hosts.after is None:
        return "no longer accepted"
    return f"accepted (was not): {hosts.effect}" if hosts.before is None else str(hosts.effect)


def _row(kind: str, *cells: str, certain: bool = True) -> dict[str, object]:
    return dict(zip(_COLUMNS, cells, strict=True)) | {"kind": kind, "certain": certain}


def _treated_json(hosts: Treated) -> dict[str, Any]:
    return {
        "server": hosts.server,
        "places": [place.as_json() for place in hosts.places],
        "addresses": format_range(hosts.block),
        "size": hosts.block.size,
        "before": hosts.before.identity if hosts.before else None,
        "after": hosts.after.identity if hosts.after else None,
        "gains": list(hosts.effect.gains),
        "loses": list(hosts.effect.loses),
        "not_known": list(hosts.effect.not_known),
        "certain": hosts.is_certain,
    }


def _summary(found: Comparison) -> Iterator[str]:
    if found.state == "same":
        yield "No host is handled differently."
    for kind, ways in _ways_by_kind(found.ways).items():
        yield f"{joined(f'{way.sender} to {way.target}' for way in ways)}: {kind}."
    if found.treated:
        servers = joined(dict.fromkeys(hosts.server for hosts in found.treated))
        blocks = joined(dict.fromkeys(format_range(hosts.block) for hosts in found.treated))
        maybe = (
            "" if any(hosts.is_certain for hosts in found.treated) else ", by the data available"
        )
        yield f"Handled differently on {servers}{maybe}: {blocks}."
    named = {
        "Other rights": [f"{access.user} on {access.connector}" for access in found.access],
        "Own addresses differ": [addresses.server for addresses in found.addresses],
        "Gone": found.gone,
        "New": found.new,
        "Renamed, same effect": [f"{pair.before} is {pair.after} now" for pair in found.renamed],
    }
    yield from (f"{head}: {joined(names)}." for head, names in named.items() if names)
    yield f"All addresses were compared at {counted(found.places, 'endpoint')}."
    missing = {
        "Could not determine whether extended rights differ (missing in one source or both)": (
            found.rights_not_read
        ),
        "Undetermined, because data is missing": found.doubts,
    }
    yield from (f"{head}: {joined(names)}." for head, names in missing.items() if names)


def _ways_by_kind(ways: Iterable[ChangedPath]) -> Mapping[str, list[ChangedPath]]:
    kinds: dict[str, list[ChangedPath]] = {}
    for way in ways:
        kinds.setdefault(_JUDGED[way.was, way.will], []).append(way)
    return kinds
