"""An Exchange organisation at one moment: typed tables, what could not be read, save and load.

A snapshot is the only input of the analysis. It never guesses: what was not read is None, or a row
of `unread`.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from mailflow.errors import InputError, UsageError
from mailflow.exchange.connectors import (
    AuthMechanism,
    PermissionGroups,
    ReceiveConnector,
    TransportRole,
    parse_binding,
    parse_flags,
)
from mailflow.exchange.queues import Moment, Queue
from mailflow.exchange.ranges import RangeError, parse_range
from mailflow.exchange.servers import Generation, Server

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "mailflow.snapshot/1"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """An IP address of a server, and where that is known from (S9.10)."""

    server: str
    address: str
    source: str


@dataclass(frozen=True, slots=True)
class TransportSettings:
    """What Get-TransportService says of a server, as far as a verdict needs it (S3.42, C10)."""

    server: str
    use_downgraded_auth: bool | None


@dataclass(frozen=True, slots=True)
class ComponentState:
    """Whether a component of a server takes part in mail flow (section 6.2, 421 4.3.2).

    Attributes:
        server: short name.
        component: `HubTransport`, `FrontendTransport`, `ServerWideOffline` ...
        state: `Active`, `Inactive` or `Draining`, as printed.
    """

    server: str
    component: str
    state: str


@dataclass(frozen=True, slots=True)
class Right:
    """An extended right on a receive connector, given or denied (section 3.3, S3.21)."""

    server: str
    connector: str
    user: str
    right: str
    deny: bool


@dataclass(frozen=True, slots=True)
class Read:
    """How a server of a live organisation was read.

    Attributes:
        server: short name.
        outcome: ok, failed, timed-out or skipped.
        how: `asked itself: session http://...`, `through EX16A`; for people.
        seconds: how long it took.
    """

    server: str
    outcome: str
    how: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Unread:
    """Something that could not be read, and so may change a verdict to unknown.

    Attributes:
        server: whose it is; empty where that is not known.
        what: the cmdlet, or the cmdlet and the property, for example `Get-Queue`.
        why: in words, with file and place.
    """

    server: str
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is known of an organisation.

    Attributes:
        origin: the SOURCE it came from, as the user gave it.
        taken: when it was collected, aware; None for captures, which do not say.
        servers, addresses, connectors, queues, settings, components, rights: what was read.
        reads: how each server was read; empty for captures, which do not say.
        unread: what was not.
        ignored: captures of other cmdlets, (what, place).
        inputs: SHA-256 of each input by name, hexadecimal.
        cmdlets: the cmdlets of which an answer was there, also an empty one.
        only: names of the servers a run is limited to; empty: all. A path counts when one of its
            ends is one of them.
    """

    origin: str = ""
    taken: datetime | None = None
    servers: tuple[Server, ...] = ()
    addresses: tuple[ServerAddress, ...] = ()
    connectors: tuple[ReceiveConnector, ...] = ()
    queues: tuple[Queue, ...] = ()
    settings: tuple[TransportSettings, ...] = ()
    components: tuple[ComponentState, ...] = ()
    rights: tuple[Right, ...] = ()
    reads: tuple[Read, ...] = ()
    unread: tuple[Unread, ...] = ()
    ignored: tuple[tuple[str, str], ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    cmdlets: frozenset[str] = frozenset()
    only: frozenset[str] = frozenset()
    _derived: dict[Callable[[Snapshot], object], object] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def derived(self, make: Callable[[Snapshot], T]) -> T:
        """What a function makes of this snapshot, made once: a snapshot never changes."""
        if make not in self._derived:
            self._derived[make] = make(self)
        return cast("T", self._derived[make])

    def server(self, name: str) -> Server | None:
        """The server with this short or full name, in any case (S4.32)."""
        return next((one for one in self.servers if one.is_named(name)), None)

    def limited_to(self, names: tuple[str, ...] | list[str]) -> Snapshot:
        """The same snapshot, judged only for paths that begin or end at these servers.

        Raises:
            UsageError: a name that no server has.
        """
        unknown = [name for name in names if self.server(name) is None]
        if unknown:
            known = ", ".join(sorted(one.name for one in self.servers)) or "none"
            raise UsageError(f"no server is called {', '.join(unknown)}; known: {known}")
        found = (self.server(name) for name in names)
        return replace(self, only=frozenset(one.name for one in found if one))

    def covers(self, *names: str) -> bool:
        """Whether one of these servers is among those the run is limited to."""
        return not self.only or any(one.casefold() in _folded(self.only) for one in names)

    def frame(self, table: str) -> pd.DataFrame:
        """One table as a pandas frame with the columns and types of `TABLES`.

        Raises:
            KeyError: no such table.
        """
        import pandas as pd

        columns = TABLES[table]
        rows = [dict(zip(columns, values, strict=True)) for values in _rows(self, table)]
        return pd.DataFrame(rows, columns=list(columns)).astype(
            {name: kind for name, kind in columns.items() if rows or kind != "object"}
        )

    def save(self, path: Path) -> None:
        """Write it as one JSON document, whole or not at all."""
        write_whole(path, json.dumps(self.document(), ensure_ascii=False, separators=(",", ":")))

    def document(self) -> dict[str, Any]:
        """All of it but `only`, ready for JSON; `from_document` reads it back."""
        return {
            "schema": SCHEMA,
            "origin": self.origin,
            "taken": self.taken.isoformat() if self.taken else None,
            "cmdlets": sorted(self.cmdlets),
            "inputs": dict(self.inputs),
            "ignored": [list(one) for one in self.ignored],
            "tables": {
                table: {"columns": columns, "rows": [list(row) for row in _rows(self, table)]}
                for table, columns in TABLES.items()
            },
        }


TABLES: Mapping[str, Mapping[str, str]] = {
    "servers": {
        "server": "string",
        "fqdn": "string",
        "version": "string",
        "product": "string",
        "has_frontend": "boolean",
        "has_hub": "boolean",
        "is_edge": "boolean",
        "site": "string",
        "version_text": "string",
        "generation_hint": "string",
    },
    "addresses": {"server": "string", "address": "string", "source": "string"},
    "connectors": {
        "server": "string",
        "name": "string",
        "enabled": "boolean",
        "role": "Int64",
        "bindings": "string",
        "bindings_complete": "boolean",
        "ranges_complete": "boolean",
        "auth": "Int64",
        "groups": "Int64",
        "suppress_x_anonymous_tls": "boolean",
        "fqdn": "string",
        "require_tls": "boolean",
        "protocol_logging": "string",
        "comment": "string",
    },
    "ranges": {"server": "string", "connector": "string", "range": "string"},
    "queues": {
        "identity": "string",
        "server": "string",
        "delivery_type": "string",
        "next_hop_domain": "string",
        "status": "string",
        "message_count": "Int64",
        "last_error": "string",
        "last_error_complete": "boolean",
        "retry_count": "Int64",
        "last_retry_text": "string",
        "last_retry": "datetime64[ns, UTC]",
        "next_retry_text": "string",
        "next_retry": "datetime64[ns, UTC]",
        "first_retry_text": "string",
        "first_retry": "datetime64[ns, UTC]",
        "next_hop_connector": "string",
        "next_hop_category": "string",
        "deferred_count": "Int64",
        "velocity": "Float64",
    },
    "settings": {"server": "string", "use_downgraded_auth": "boolean"},
    "components": {"server": "string", "component": "string", "state": "string"},
    "rights": {
        "server": "string",
        "connector": "string",
        "user": "string",
        "right": "string",
        "deny": "boolean",
    },
    "reads": {"server": "string", "outcome": "string", "how": "string", "seconds": "Float64"},
    "unread": {"server": "string", "what": "string", "why": "string"},
}
"""The declared schema: table to column to pandas type. Missing is null in the file."""


def load(path: Path) -> Snapshot:
    """Read a snapshot that `save` wrote, on this machine or another.

    Raises:
        InputError: it is none, of another schema, or damaged; names the file and the place.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise InputError(f"{path}: no readable snapshot ({error})") from error
    return from_document(document, str(path))


def from_document(document: object, place: str) -> Snapshot:
    """The snapshot in a parsed JSON document.

    Raises:
        InputError: it is none, of another schema, or damaged; names the place.
    """
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        found = document.get("schema") if isinstance(document, dict) else None
        raise InputError(f"{place}: expected schema {SCHEMA}, found {found!r}")
    try:
        tables = {name: _checked(document["tables"], name, place) for name in TABLES}
        ranges: dict[tuple[str, str], list[str]] = {
            (row[0], row[1]): [] for row in tables["connectors"]
        }
        for server, connector, text in tables["ranges"]:
            ranges[server, connector].append(text)
        return Snapshot(
            origin=str(document["origin"]),
            taken=_instant(document["taken"]),
            servers=tuple(_server(*row) for row in tables["servers"]),
            addresses=tuple(ServerAddress(*row) for row in tables["addresses"]),
            connectors=tuple(
                _connector(ranges[row[0], row[1]], *row) for row in tables["connectors"]
            ),
            queues=tuple(_queue(*row) for row in tables["queues"]),
            settings=tuple(TransportSettings(*row) for row in tables["settings"]),
            components=tuple(ComponentState(*row) for row in tables["components"]),
            rights=tuple(Right(*row) for row in tables["rights"]),
            reads=tuple(Read(*row) for row in tables["reads"]),
            unread=tuple(Unread(*row) for row in tables["unread"]),
            ignored=tuple((str(what), str(where)) for what, where in document["ignored"]),
            inputs={str(name): str(digest) for name, digest in document["inputs"].items()},
            cmdlets=frozenset(map(str, document["cmdlets"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError, RangeError) as error:
        raise InputError(f"{place}: damaged snapshot ({error!r})") from error


def write_whole(path: Path, text: str) -> None:
    """Write a text file whole or not at all: a temporary file beside it, then a rename."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        # Half of a surrogate pair has no UTF-8; its escape is the one JSON reads back.
        with os.fdopen(
            handle, "w", encoding="utf-8", errors="backslashreplace", newline="\n"
        ) as file:
            file.write(text)
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _folded(names: frozenset[str]) -> set[str]:
    return {name.casefold() for name in names}


def _rows(org: Snapshot, table: str) -> list[tuple[Any, ...]]:
    return list(_WRITERS[table](org))


def _moments(*moments: Moment | None) -> tuple[Any, ...]:
    pairs = (
        (m.text, m.instant.isoformat() if m.instant else None) if m else (None, None)
        for m in moments
    )
    return tuple(value for pair in pairs for value in pair)


_WRITERS: Mapping[str, Callable[[Snapshot], list[tuple[Any, ...]]]] = {
    "servers": lambda org: [
        (
            one.name,
            one.fqdn,
            ".".join(map(str, one.version)) if one.version else None,
            one.product,
            one.has_frontend,
            one.has_hub,
            one.is_edge,
            one.site,
            one.version_text,
            one.generation_hint.value if one.generation_hint else None,
        )
        for one in org.servers
    ],
    "addresses": lambda org: [(one.server, one.address, one.source) for one in org.addresses],
    "connectors": lambda org: [
        (
            one.server,
            one.name,
            one.enabled,
            None if one.role is None else int(one.role),
            ", ".join(map(str, one.bindings)),
            one.bindings_complete,
            one.ranges_complete,
            None if one.auth is None else int(one.auth),
            None if one.groups is None else int(one.groups),
            one.suppress_x_anonymous_tls,
            one.fqdn,
            one.require_tls,
            one.protocol_logging,
            one.comment,
        )
        for one in org.connectors
    ],
    "ranges": lambda org: [
        (one.server, one.name, str(block)) for one in org.connectors for block in one.ranges
    ],
    "queues": lambda org: [
        (
            one.identity,
            one.server,
            one.delivery_type,
            one.next_hop_domain,
            one.status,
            one.message_count,
            one.last_error,
            one.last_error_complete,
            one.retry_count,
            *_moments(one.last_retry, one.next_retry, one.first_retry),
            one.next_hop_connector,
            one.next_hop_category,
            one.deferred_count,
            one.velocity,
        )
        for one in org.queues
    ],
    "settings": lambda org: [(one.server, one.use_downgraded_auth) for one in org.settings],
    "components": lambda org: [(one.server, one.component, one.state) for one in org.components],
    "rights": lambda org: [
        (one.server, one.connector, one.user, one.right, one.deny) for one in org.rights
    ],
    "reads": lambda org: [(one.server, one.outcome, one.how, one.seconds) for one in org.reads],
    "unread": lambda org: [(one.server, one.what, one.why) for one in org.unread],
}

# All other columns hold a value in every row.
_NULLABLE: Mapping[str, frozenset[str]] = {
    "servers": frozenset({"version", "has_frontend", "has_hub", "is_edge", "generation_hint"}),
    "connectors": frozenset(
        {"enabled", "role", "auth", "groups", "suppress_x_anonymous_tls", "require_tls"}
    ),
    "queues": frozenset(
        {
            *("message_count", "last_error", "retry_count", "deferred_count", "velocity"),
            *("last_retry_text", "next_retry_text", "first_retry_text"),
            *("last_retry", "next_retry", "first_retry"),
        }
    ),
    "settings": frozenset({"use_downgraded_auth"}),
}

_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "Int64": (int,),
    "Float64": (int, float),
    "datetime64[ns, UTC]": (str,),
}


def _checked(tables: Any, name: str, place: str) -> list[list[Any]]:  # noqa: ANN401 - parsed JSON
    columns, rows = tables[name]["columns"], tables[name]["rows"]
    if dict(columns) != dict(TABLES[name]):
        raise InputError(f"{place}: table {name} has other columns than {SCHEMA} declares")
    for number, row in enumerate(rows):
        if len(row) != len(columns):
            raise InputError(f"{place}: table {name}, row {number}: {len(row)} values")
        for (column, kind), value in zip(columns.items(), row, strict=True):
            empty = value is None and column in _NULLABLE.get(name, ())
            if not empty and not _is_of(kind, value):
                raise InputError(f"{place}: table {name}, row {number}: {column} is no {kind}")
    return list(rows)


def _is_of(kind: str, value: object) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, int) and kind == "Int64":
        return -(2**63) <= value < 2**63
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, _KINDS[kind])


def _instant(text: str | None) -> datetime | None:
    if not text:
        return None
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return found.astimezone(UTC)


def _server(
    name: str,
    fqdn: str,
    version: str | None,
    _product: str,
    *rest: Any,  # noqa: ANN401
) -> Server:
    frontend, hub, edge, site, text, hint = rest
    numbers = tuple(map(int, version.split("."))) if version else None
    return Server(
        name, fqdn, numbers, frontend, hub, edge, site, text, Generation(hint) if hint else None
    )


def _connector(ranges: list[str], *row: Any) -> ReceiveConnector:  # noqa: ANN401 - parsed JSON
    server, name, enabled, role, bindings, whole_bindings, whole_ranges, auth, groups, *rest = row
    suppress, fqdn, require_tls, logging, comment = rest
    return ReceiveConnector(
        server=server,
        name=name,
        enabled=enabled,
        role=None if role is None else parse_flags(TransportRole, role),
        bindings=tuple(parse_binding(text) for text in bindings.split(", ") if text),
        ranges=tuple(parse_range(text) for text in ranges),
        auth=None if auth is None else parse_flags(AuthMechanism, auth),
        groups=None if groups is None else parse_flags(PermissionGroups, groups),
        bindings_complete=whole_bindings,
        ranges_complete=whole_ranges,
        suppress_x_anonymous_tls=suppress,
        fqdn=fqdn,
        require_tls=require_tls,
        protocol_logging=logging,
        comment=comment,
    )


def _moment(text: str | None, instant: str | None) -> Moment | None:
    return None if text is None else Moment(text, _instant(instant))


def _queue(*row: Any) -> Queue:  # noqa: ANN401 - parsed JSON
    identity, server, kind, domain, status, count, error, whole_error, retries, *rest = row
    last_text, last, next_text, following, first_text, first, guid, category, deferred, speed = rest
    return Queue(
        identity=identity,
        server=server,
        delivery_type=kind,
        next_hop_domain=domain,
        status=status,
        message_count=count,
        last_error=error,
        retry_count=retries,
        last_retry=_moment(last_text, last),
        next_retry=_moment(next_text, following),
        first_retry=_moment(first_text, first),
        next_hop_connector=guid,
        next_hop_category=category,
        deferred_count=deferred,
        velocity=speed,
        last_error_complete=whole_error,
    )
