"""What differs between two snapshots, as an object, as a table, in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from mailflow.analysis.capabilities import AccessChange, Effect
from mailflow.analysis.paths import PathState
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
        server: the server that answers.
        places: where.
        block: all its addresses are treated alike, before and after.
        before: who answers in the first; None: nobody.
        after: who answers in the second.
        effect: what its hosts gain and lose.
        is_certain: whether nothing that was not read could change it.
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
    """Another connector that treats the same addresses as the one before did, as far as was read.

    Attributes:
        before: its identity in the first snapshot.
        after: its identity in the second.
        not_known: what hosts may do that was not read.
    """

    before: str
    after: str
    not_known: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangedPath:
    """A way between two servers that is judged otherwise.

    Attributes:
        sender: its name.
        target: the server that answers.
        was: clear: it let the sender in. found: it did not. unknown.
        will: the same in the second snapshot.
        before: who answered, and which address of the sender, in words.
        after: who answers.
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
    """What differs, and what it rests on.

    Attributes:
        treated: addresses that are treated differently.
        ways: ways between servers that are judged otherwise.
        access: users who gained or lost extended rights on a connector.
        renamed: connectors that another one replaces without a difference.
        addresses: servers whose own addresses differ.
        gone: servers of the first that the second lacks.
        new: servers that only the second has.
        versions: servers with another version, before and after as printed.
        places: how many endpoints were compared.
        rights_not_read: connectors whose extended rights were not read in both.
        doubts: what was not read and may change who is answered, and how.
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
        """Whether somebody is answered differently; unknown where what was not read decides."""
        known = (
            any(one.is_certain for one in self.treated)
            or any("unknown" not in (one.was, one.will) for one in self.ways)
            or bool(self.access or self.gone)
        )
        if known:
            return "different"
        return "unknown" if self.doubts or self.ways or self.treated else "same"

    @property
    def exit_code(self) -> int:
        """0 nobody is answered differently, 1 somebody is, 2 something unread might change it."""
        return {"same": 0, "different": 1, "unknown": 2}[self.state]

    @property
    def summary(self) -> str:
        """What differs, in a few sentences."""
        return " ".join(_summary(self))

    def table(self) -> Table:
        """Everything that differs: ways between servers first, names last.

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
            empty="Nothing: everybody is answered as before.",
        )

    def as_json(self) -> dict[str, Any]:
        """The document of `mailflow diff --json`."""
        return {
            "schema": SCHEMA,
            "state": self.state,
            "summary": self.summary,
            "hosts": [_treated_json(one) for one in self.treated],
            "ways": [
                {
                    "sender": one.sender,
                    "target": one.target,
                    "let_in_before": _LETS_IN[one.was],
                    "let_in_after": _LETS_IN[one.will],
                    "before": one.before,
                    "after": one.after,
                }
                for one in self.ways
            ],
            "rights": [
                {
                    "connector": one.connector,
                    "user": one.user,
                    "gains": list(one.gains),
                    "loses": list(one.loses),
                }
                for one in self.access
            ],
            "renamed": [
                {"before": one.before, "after": one.after, "not_known": list(one.not_known)}
                for one in self.renamed
            ],
            "addresses": [
                {"server": one.server, "gone": list(one.gone), "new": list(one.new)}
                for one in self.addresses
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
    "what": ("What", "a way, other hosts, a user, a server or a connector"),
    "on": ("On", "the server that answers, and the port"),
    "addresses": ("Addresses", "all of them are treated alike"),
    "before": ("In the first", "who answered"),
    "after": ("In the second", "who answers"),
    "effect": ("So", "what is different"),
}
_LETS_IN: Mapping[PathState, bool | None] = {"clear": True, "found": False, "unknown": None}
_MENDED = "is let in, and was not"
_JUDGED: Mapping[tuple[PathState, PathState], str] = {
    ("found", "clear"): _MENDED,
    ("clear", "found"): "is no longer let in",
    ("unknown", "clear"): "is let in; not known whether it was",
    ("unknown", "found"): "is not let in; not known whether it was",
    ("found", "unknown"): "was not let in; not known whether it is",
    ("clear", "unknown"): "was let in; not known whether it is",
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
    for one in found.addresses:
        yield _row(
            "addresses", one.server, "", "", joined(one.gone), joined(one.new), "own addresses"
        )
    for name in found.gone:
        yield _row("server", name, "", "", "there", "not there", "answers nobody any more")
    for name in found.new:
        yield _row("server", name, "", "", "not there", "there", "is new")
    for name, old, new in found.versions:
        yield _row("server", name, "", "", old, new, "another version")
    for pair in found.renamed:
        not_known = joined(word.partition(" (")[0] for word in pair.not_known)
        words = [f"; not known: {not_known}"] if not_known else []
        yield _row(
            "name", "a connector", "", "", pair.before, pair.after, f"treats alike{''.join(words)}"
        )


def _host_rows(treated: Iterable[Treated]) -> Iterator[dict[str, object]]:
    alike: dict[tuple[object, ...], list[Treated]] = {}
    for one in treated:
        key = (one.server, one.places, name_of(one.before), name_of(one.after), one.effect)
        alike.setdefault((*key, one.is_certain), []).append(one)
    for some in alike.values():
        one = some[0]
        yield _row(
            "hosts",
            counted(sum(each.block.size for each in some), "address", "addresses"),
            f"{one.server}, {ports_in_words(one.places)}",
            joined(format_range(each.block) for each in some),
            name_of(one.before),
            name_of(one.after),
            _fate(one),
            certain=one.is_certain,
        )


def _fate(one: Treated) -> str:
    if one.after is None:
        return "is no longer answered"
    return f"is answered, and was not: {one.effect}" if one.before is None else str(one.effect)


def _row(kind: str, *cells: str, certain: bool = True) -> dict[str, object]:
    return dict(zip(_COLUMNS, cells, strict=True)) | {"kind": kind, "certain": certain}


def _treated_json(one: Treated) -> dict[str, Any]:
    return {
        "server": one.server,
        "places": [place.as_json() for place in one.places],
        "addresses": format_range(one.block),
        "size": one.block.size,
        "before": one.before.identity if one.before else None,
        "after": one.after.identity if one.after else None,
        "gains": list(one.effect.gains),
        "loses": list(one.effect.loses),
        "not_known": list(one.effect.not_known),
        "certain": one.is_certain,
    }


def _summary(found: Comparison) -> Iterator[str]:
    if found.state == "same":
        yield "Nobody is answered differently."
    for kind, ways in _ways_by_kind(found.ways).items():
        yield f"{joined(f'{one.sender} to {one.target}' for one in ways)}: {kind}."
    if found.treated:
        servers = joined(dict.fromkeys(one.server for one in found.treated))
        blocks = joined(dict.fromkeys(format_range(one.block) for one in found.treated))
        maybe = "" if any(one.is_certain for one in found.treated) else ", as far as was read"
        yield f"On {servers} these are treated differently{maybe}: {blocks}."
    named = {
        "Other rights": [f"{one.user} on {one.connector}" for one in found.access],
        "Own addresses differ": [one.server for one in found.addresses],
        "Gone": found.gone,
        "New": found.new,
        "Another name, no other treatment": [
            f"{one.before} is {one.after} now" for one in found.renamed
        ],
    }
    yield from (f"{head}: {joined(names)}." for head, names in named.items() if names)
    yield f"Compared was every address at {counted(found.places, 'endpoint')}."
    missing = {
        "Whether extended rights differ is not known, they were not read in both": (
            found.rights_not_read
        ),
        "Not certain, because not all was read": found.doubts,
    }
    yield from (f"{head}: {joined(names)}." for head, names in missing.items() if names)


def _ways_by_kind(ways: Iterable[ChangedPath]) -> Mapping[str, list[ChangedPath]]:
    kinds: dict[str, list[ChangedPath]] = {}
    for one in ways:
        kinds.setdefault(_JUDGED[one.was, one.will], []).append(one)
    return kinds
