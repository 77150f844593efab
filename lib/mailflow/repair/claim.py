"""What is claimed of some changes, as an object, as a table, in words and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from mailflow.analysis.assessment import PathState
from mailflow.analysis.capabilities import Effect
from mailflow.analysis.change import Edit
from mailflow.analysis.places import Place
from mailflow.exchange.connectors import ReceiveConnector, TransportRole, flag_names
from mailflow.exchange.ranges import Address, AddressRange, format_range
from mailflow.phrases import counted, joined
from mailflow.table import Table

SCHEMA = "mailflow.whatif/1"
NO_ANSWER = "no connector (421 4.3.2)"


@dataclass(frozen=True, slots=True)
class MovedServer:
    """An Exchange server that another connector accepts than before.

    Attributes:
        sender: its name.
        address: its address that is handled differently.
        target: the server that answers.
        places: where, the port and local addresses.
        before: who answers before; None: nobody.
        after: who answers after.
        was: whether the one before lets an Exchange server in: clear, found (no), unknown.
        will: whether the one after does.
        why: for unknown: what was not read.
        in_use: whether mail takes this way (section 4.1), as far as versions and roles are known.
    """

    sender: str
    address: Address
    target: str
    places: tuple[Place, ...]
    before: ReceiveConnector | None
    after: ReceiveConnector | None
    was: PathState
    will: PathState
    why: str
    in_use: bool


@dataclass(frozen=True, slots=True)
class MovedBlock:
    """A block of other addresses that another connector accepts than before.

    Attributes:
        target: the server that answers.
        places: where, the port and local addresses.
        block: all its addresses are answered alike, before and after.
        before: who answers before; None: nobody.
        after: who answers after.
        effect: what its hosts gain and lose.
    """

    target: str
    places: tuple[Place, ...]
    block: AddressRange
    before: ReceiveConnector | None
    after: ReceiveConnector | None
    effect: Effect


RefusalKind = Literal["refused", "empty", "unread", "elsewhere"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A change that was looked for and is not proposed.

    Attributes:
        server: whose connector it is.
        connector: its identity; None where no connector of that server is what is wrong.
        kind: refused: Exchange would not take it. empty: nothing would be left of the list. unread:
            a value that would be replaced was not read. elsewhere: something else stands in the
            way.
        text: why, and what to do instead.
        command: what to type for that; empty: nothing.
    """

    server: str
    connector: str | None
    kind: RefusalKind
    text: str
    command: str = ""

    def as_json(self) -> dict[str, Any]:
        """An element of `refused` in `mailflow whatif --json`; `text` ends with the command."""
        return {
            "server": self.server,
            "connector": self.connector,
            "kind": self.kind,
            "text": self.words,
        }

    @property
    def words(self) -> str:
        """The text, and behind it what to type where that is known."""
        return f"{self.text} {self.command}".strip()


@dataclass(frozen=True, slots=True)
class Compared:
    """One comparison over all addresses of a family.

    Attributes:
        target: the server.
        place: the endpoint.
        process: whose connectors were compared.
        blocks: how many blocks, within each of which nothing can change, were compared.
        doubts: what was not read and may change who answers here.
    """

    target: str
    place: Place
    process: TransportRole | None
    blocks: int
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """What is claimed of some changes, and what it rests on.

    Attributes:
        changes: in the order in which they are made.
        reached: Exchange servers that are handled differently.
        moved: blocks of other addresses that are.
        compared: all comparisons that were made.
        doubts: what was not read and may change the claim.
        refused: changes that were looked for and are not proposed.
        remark: what a person must not take for an all-clear where there is no change; or empty.
        is_asked: whether a person asked for the change itself, so that who loses by it is meant.
    """

    changes: tuple[Edit, ...]
    reached: tuple[MovedServer, ...] = ()
    moved: tuple[MovedBlock, ...] = ()
    compared: tuple[Compared, ...] = ()
    doubts: tuple[str, ...] = ()
    refused: tuple[Refusal, ...] = field(default=())
    remark: str = ""
    is_asked: bool = False

    @property
    def state(self) -> Literal["known", "unknown"]:
        """Whether all was read that could change the claim."""
        return "unknown" if self.doubts else "known"

    @property
    def repaired(self) -> tuple[MovedServer, ...]:
        """Ways in use on which a server was not known to be let in, and is now."""
        return tuple(
            server
            for server in self.reached
            if server.in_use and server.was != "clear" == server.will
        )

    @property
    def broken(self) -> tuple[MovedServer, ...]:
        """Ways in use on which a server was let in, and is not, or is not known to be."""
        return tuple(
            server
            for server in self.reached
            if server.in_use and server.was == "clear" != server.will
        )

    @property
    def holds(self) -> bool:
        """Whether it is certain that every server which is handled differently is accepted."""
        in_use = [server for server in self.reached if server.in_use]
        return self.state == "known" and all(server.will == "clear" for server in in_use)

    @property
    def exit_code(self) -> int:
        """0 nobody is handled differently, 1 somebody is, 2 something unread might change that."""
        doubtful = {
            (comparison.target, comparison.place)
            for comparison in self.compared
            if comparison.doubts
        }
        rows: Sequence[MovedServer | MovedBlock] = (*self.reached, *self.moved)
        if any((row.target, place) not in doubtful for row in rows for place in row.places):
            return 1
        return 2 if self.doubts else 0

    @property
    def summary(self) -> str:
        """The claim in a few sentences, for a ticket or a change board."""
        return " ".join(_summary(self))

    def table(self) -> Table:
        """Who is handled differently, servers first.

        Columns of the frame: hosts, on, addresses, before, after, effect (string), and for code:
        kind (`server`, `hosts`), state (of servers: clear, found, unknown).
        """
        import pandas as pd

        alike: dict[tuple[object, ...], list[MovedBlock]] = {}
        for hosts in self.moved:
            key = (
                hosts.target,
                hosts.places,
                name_of(hosts.before),
                name_of(hosts.after),
                hosts.effect,
            )
            alike.setdefault(key, []).append(hosts)
        rows = [*map(_server_row, self.reached), *map(_hosts_row, alike.values())]
        tones = {"clear": "good", "found": "bad", "unknown": "unknown"}
        return Table(
            name="proof",
            frame=pd.DataFrame(rows, columns=[*_COLUMNS, "kind", "state"]),
            caption="Hosts affected by the change (no others are).",
            columns=_COLUMNS,
            reading=self.summary,
            tones={
                (place, "effect"): tones[str(row["state"])]
                for place, row in enumerate(rows)
                if row["state"]
            },
            empty="No host is affected.",
        )

    def as_json(self) -> dict[str, Any]:
        """The document of `mailflow whatif --json`."""
        return {
            "schema": SCHEMA,
            "state": self.state,
            "holds": self.holds,
            "summary": self.summary,
            "changes": [edit.as_json() for edit in self.changes],
            "servers": [_server_json(server) for server in self.reached],
            "others": [_hosts_json(hosts) for hosts in self.moved],
            "compared": [
                {
                    "server": comparison.target,
                    **comparison.place.as_json(),
                    "process": None
                    if comparison.process is None
                    else flag_names(comparison.process),
                    "blocks": comparison.blocks,
                    "unknown": list(comparison.doubts),
                }
                for comparison in self.compared
            ],
            "unknown": list(self.doubts),
            "refused": [refusal.as_json() for refusal in self.refused],
        }


def name_of(connector: ReceiveConnector | None) -> str:
    """Its name, or that none accepts it."""
    return NO_ANSWER if connector is None else connector.name


def ports_in_words(places: Sequence[Place]) -> str:
    """`port 25`; with the local addresses where it is not the same at all of them."""
    port = places[0].port
    named = [str(place.local) for place in places if place.local is not None]
    others = any(place.local is None for place in places)
    if not named:
        return f"port {port}"
    return f"port {port} of {joined([*named, *(['other local addresses'] if others else [])])}"


_COLUMNS = {
    "hosts": ("Who", "an Exchange server, or how many other addresses"),
    "on": ("On", "the target server, and the port"),
    "addresses": ("Addresses", "all of them are handled alike"),
    "before": ("Accepted by", "the connector now"),
    "after": ("After the change", "the connector that accepts then"),
    "effect": (
        "Result",
        "whether a server can authenticate (S3.30); what other hosts gain and lose",
    ),
}


def _server_row(server: MovedServer) -> dict[str, object]:
    return {
        "hosts": server.sender,
        "on": f"{server.target}, {ports_in_words(server.places)}",
        "addresses": str(server.address),
        "before": name_of(server.before),
        "after": name_of(server.after),
        "effect": way_in_words(server),
        "kind": "server",
        "state": server.will if server.in_use else "",
    }


def way_in_words(server: MovedServer) -> str:
    """Whether the server is accepted then, and whether it was."""
    words = {
        "clear": "accepted, as now" if server.was == "clear" else "accepted (was: failing)",
        "found": "still failing" if server.was == "found" else "failing (was: accepted)",
        "unknown": f"undetermined: {server.why}",
    }[server.will]
    if server.was == "unknown" and server.will == "clear":
        words = "accepted (before: undetermined)"
    return words if server.in_use else f"{words}; no mail uses this path"


def _hosts_row(alike: Sequence[MovedBlock]) -> dict[str, object]:
    first = alike[0]
    return {
        "hosts": counted(sum(each.block.size for each in alike), "address", "addresses"),
        "on": f"{first.target}, {ports_in_words(first.places)}",
        "addresses": joined(format_range(each.block) for each in alike),
        "before": name_of(first.before),
        "after": name_of(first.after),
        "effect": _fate(first),
        "kind": "hosts",
        "state": "found" if first.effect.loses else "unknown" if first.effect.not_known else "",
    }


def _fate(hosts: MovedBlock) -> str:
    if hosts.after is None:
        return "no longer accepted"
    return f"accepted (was not): {hosts.effect}" if hosts.before is None else str(hosts.effect)


def _identity(connector: ReceiveConnector | None) -> str | None:
    return None if connector is None else connector.identity


def _server_json(server: MovedServer) -> dict[str, Any]:
    lets_in: Mapping[PathState, bool | None] = {"clear": True, "found": False, "unknown": None}
    return {
        "server": server.sender,
        "address": str(server.address),
        "target": server.target,
        "places": [place.as_json() for place in server.places],
        "before": _identity(server.before),
        "after": _identity(server.after),
        "let_in_before": lets_in[server.was],
        "let_in_after": lets_in[server.will],
        "in_use": server.in_use,
        "reading": way_in_words(server),
    }


def _hosts_json(hosts: MovedBlock) -> dict[str, Any]:
    return {
        "target": hosts.target,
        "places": [place.as_json() for place in hosts.places],
        "addresses": format_range(hosts.block),
        "size": hosts.block.size,
        "before": _identity(hosts.before),
        "after": _identity(hosts.after),
        "gains": list(hosts.effect.gains),
        "loses": list(hosts.effect.loses),
        "not_known": list(hosts.effect.not_known),
    }


def _summary(proof: Proof) -> Iterator[str]:
    for refusal in proof.refused:
        yield f"Not proposed: {refusal.text}"
    if not proof.changes:
        yield " ".join(filter(None, ["There is no change to make.", proof.remark]))
    elif not proof.reached and not proof.moved:
        yield "No host is handled differently."
    yield from _of_servers(proof.reached)
    if proof.moved:
        blocks = {hosts.block: hosts.block.size for hosts in proof.moved}
        yield (
            f"{'Other hosts' if proof.reached else 'Hosts'} handled differently: "
            f"{counted(sum(blocks.values()), 'address', 'addresses')} "
            f"({joined(map(format_range, blocks))})."
        )
    elif proof.reached:
        yield "No other host is affected."
    if proof.compared:
        families = joined(
            sorted({f"IPv{comparison.place.family}" for comparison in proof.compared})
        )
        places = {(comparison.target, comparison.place) for comparison in proof.compared}
        yield (
            f"All {families} addresses were compared at {counted(len(places), 'endpoint')} of "
            f"{joined(dict.fromkeys(comparison.target for comparison in proof.compared))} "
            f"({counted(sum(comparison.blocks for comparison in proof.compared), 'range')})."
        )
    if proof.doubts:
        yield f"Undetermined, because data is missing: {joined(proof.doubts)}."


def _of_servers(reached: Iterable[MovedServer]) -> Iterator[str]:
    groups: dict[tuple[str, str, str, str], list[MovedServer]] = {}
    for server in reached:
        key = (server.target, name_of(server.before), name_of(server.after), way_in_words(server))
        groups.setdefault(key, []).append(server)
    for (target, before, after, way), some in groups.items():
        who = joined(f"{server.sender} ({server.address})" for server in some)
        yield f"After the change, {after} handles {who} on {target} instead of {before}: {way}."
