"""One receive log summed up by DuckDB into a small Parquet file, its part.

A row of a part is a session as far as this file shows it. Parts are put together later
(`combine.py`), so what one file cannot tell alone is kept as a mark: a message whose reply is in
the next file, for example. Addresses of senders and recipients, subjects and message ids are read
past: no part, no message and no error holds one.

A message is a 250 after its data (S7.40): after the 354 that asks for it, or after the last chunk
(BDAT ... LAST).
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from threading import local
from typing import IO, TYPE_CHECKING, Any

from mailflow import extras
from mailflow.errors import UsageError
from mailflow.exchange.accepted_domains import EVERY_DOMAIN, AcceptedDomains
from mailflow.snapshot import write_whole
from mailflow.usage.clean import LONGEST_LINE, cleaned
from mailflow.usage.part_sql import (
    DOMAINS,
    GROUPS,
    KEEP_FIRST,
    KEEP_MORE,
    KEPT,
    LINES,
    SESSIONS,
    SPOKEN,
)
from mailflow.usage.places import LogPlace, copied, name_of, opened

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

SCHEMA = "mailflow.usage-part/2"
MEMORY = "200MB"
"""What DuckDB may hold in one process; beyond, it writes to the disk."""
AT_ONCE = 32 * 2**20
"""Bytes that are summed up at once: Exchange begins a new file at 10 MB."""
ENDS = 2**16
"""Bytes at the beginning and at the end of a file by which it is known again."""


@dataclass(frozen=True, slots=True)
class PartSettings:
    """What a part depends on besides its file.

    Attributes:
        accepted: None: not known, so that no recipient is called inside or outside.
        domains: whether the domains of recipients are kept.
    """

    accepted: AcceptedDomains | None = None
    domains: bool = False


@dataclass(frozen=True, slots=True)
class Spoken:
    """The time of which the rows of one connector in one file speak.

    Attributes:
        connector: as the log has it.
        first, last: times of the first and the last row, UTC, to the second.
        hours: the hours that have a row, `2026-11-24T03`.
    """

    connector: str
    first: str
    last: str
    hours: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """A file that was summed up.

    Attributes:
        name: of the file.
        size: in bytes, when it was read.
        head, tail: SHA-256 of its beginning and of its end.
        settings: with which it was read.
        rows: how many it has.
        lost: how many of its lines are no row.
        spoken: the times it speaks of.
    """

    name: str
    size: int
    head: str
    tail: str
    settings: PartSettings = field(default_factory=PartSettings)
    rows: int = 0
    lost: int = 0
    spoken: tuple[Spoken, ...] = ()

    @property
    def id(self) -> str:
        """What its two files are called by."""
        text = json.dumps([self.name, self.size, self.head, self.tail, asdict(self.settings)])
        return hashlib.sha256(text.encode()).hexdigest()[:24]

    def is_continued_by(self, place: LogPlace) -> bool:
        """Whether a file is this one, grown since."""
        if name_of(place).casefold() != self.name.casefold():
            return False
        with opened(place) as file:
            is_long = file.seek(0, os.SEEK_END) >= self.size
            return is_long and (self.head, self.tail) == _ends(file, self.size)


def identified(place: LogPlace, settings: PartSettings) -> Part:
    """A file by name, size, and digests of its ends; not read yet.

    Raises:
        OSError: it cannot be read.
    """
    with opened(place) as file:
        size = file.seek(0, os.SEEK_END)
        return Part(name_of(place), size, *_ends(file, size), settings)


def _ends(file: IO[bytes], size: int) -> tuple[str, str]:
    """Digests of the beginning and the end of the first `size` bytes of a file."""
    found = []
    for begin in (0, max(0, size - ENDS)):
        file.seek(begin)
        found.append(hashlib.sha256(file.read(min(ENDS, size))).hexdigest())
    return found[0], found[1]


def connect(memory: str = MEMORY, threads: int = 1) -> DuckDBPyConnection:
    """A database in memory that fetches nothing from anywhere.

    Raises:
        UsageError: DuckDB is not installed; names the command.
    """
    try:
        import duckdb
    except ImportError:
        raise UsageError(
            f"usage needs DuckDB, which is not installed: {extras.install('logs')}"
        ) from None
    settings: dict[str, Any] = {
        "threads": threads,
        "memory_limit": memory,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "preserve_insertion_order": False,
        # Made when it is needed, and removed when the database is closed.
        "temp_directory": str(Path(gettempdir()) / f"mailflow-usage-{os.getpid()}"),
    }
    return duckdb.connect(config=settings)


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C end what DuckDB works on, as it ends everything else.

    DuckDB raises a RuntimeError in the place of KeyboardInterrupt, and that would count as a file
    that could not be read.
    """
    try:
        yield
    except RuntimeError as error:
        if str(error) == "Query interrupted":
            raise KeyboardInterrupt from None
        raise


_OF_THREAD = local()


def _database() -> DuckDBPyConnection:
    """The one of this thread: to begin one takes as long as to read a megabyte."""
    if not hasattr(_OF_THREAD, "database"):
        _OF_THREAD.database = connect()
    database: DuckDBPyConnection = _OF_THREAD.database
    return database


@interruptible()
def summed(place: LogPlace, folder: Path, settings: PartSettings) -> Part:
    """Sum up one log; its part lies in `folder` then, whole.

    A file that the quick reader does not take as it is, is read line by line.

    Args:
        place: the log.
        folder: for `ID.parquet` and `ID.json`; the second is written last.
        settings: what else the part depends on.

    Raises:
        OSError: a file cannot be read or written.
        UsageError: DuckDB is not installed.
    """
    known = identified(place, settings)
    with TemporaryDirectory(prefix="mailflow-usage-") as work:
        path = place if isinstance(place, Path) else copied(place, Path(work) / "log", known.size)
        part = _read(path, known, folder, None)
        if part is None:
            clean = Path(work) / "rows.csv"
            part = _read(clean, known, folder, cleaned(path, clean)) or known
    return stored(part, folder)


def stored(part: Part, folder: Path) -> Part:
    """The part, once its second file is written: beside its Parquet file, and after it."""
    document = {"schema": SCHEMA, **asdict(part)}
    write_whole(folder / f"{part.id}.json", json.dumps(document))
    return part


def _read(path: Path, known: Part, folder: Path, lost: int | None) -> Part | None:
    """Read with DuckDB.

    Args:
        path: the log, or its rows cleaned.
        known: what it is.
        folder: for the Parquet file.
        lost: lines that were no rows; None: not looked at yet, and then a file of which not every
            line is a row or a header gives None.
    """
    import duckdb

    database = _database()
    rows = odd = 0
    with TemporaryDirectory(prefix="mailflow-usage-") as work:
        for number, piece in enumerate(_pieces(path, Path(work))):
            try:
                database.execute(_groups(known.settings), [glob.escape(str(piece))])
            except duckdb.Error:  # a quote, a byte, a line that it does not take
                if lost is None:
                    return None
                raise
            strange, lines, whole = database.execute(LINES).fetchall()[0]
            if lost is None and (strange or lines != _count_of_lines(piece)):
                return None
            rows, odd = rows + whole, odd + strange
            database.execute(SESSIONS)
            if piece != path:
                database.execute(KEEP_MORE if number else KEEP_FIRST)
    if piece != path:
        database.execute(KEPT)
    database.execute(_store(folder / f"{known.id}.parquet"))
    spoken = database.execute(SPOKEN).fetchall()
    return replace(
        known,
        rows=rows,
        lost=(lost or 0) + odd,
        spoken=tuple(
            Spoken(name, first, last, tuple(sorted(hours))) for name, first, last, hours in spoken
        ),
    )


def _pieces(path: Path, work: Path) -> Iterator[Path]:
    """A file, or one after the other the pieces of one that is too long to be summed up at once.

    A session that goes on in the next piece is put together as one that does in the next file.
    """
    if path.stat().st_size <= AT_ONCE:
        yield path
        return
    with path.open("rb") as file:
        while piece := file.read(AT_ONCE):
            target = work / "piece"
            target.write_bytes(piece + file.readline(LONGEST_LINE))
            yield target


def _count_of_lines(path: Path) -> int:
    """Lines of a file, counted without looking at quotes."""
    count, last = 0, b"\n"
    with path.open("rb") as file:
        while piece := file.read(2**20):
            count, last = count + piece.count(b"\n"), piece[-1:]
    return count + (last != b"\n")


def loaded(folder: Path) -> Iterable[tuple[Part, Path]]:
    """Every whole part in a folder, with its Parquet file; other files are passed over."""
    for file in sorted(folder.glob("*.json")):
        part = _part(file)
        if part and file.with_suffix(".parquet").is_file() and part.id == file.stem:
            yield part, file.with_suffix(".parquet")


def _part(file: Path) -> Part | None:
    try:
        document = json.loads(file.read_text("utf-8"))
        if not isinstance(document, dict) or document.pop("schema", "") != SCHEMA:
            return None
        return _from_json(document)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _from_json(document: Mapping[str, Any]) -> Part:
    settings, spoken = document["settings"], document["spoken"]
    accepted = settings["accepted"]
    return Part(
        **{
            **document,
            "settings": PartSettings(
                None if accepted is None else _accepted_from(accepted), bool(settings["domains"])
            ),
            "spoken": tuple(
                Spoken(each["connector"], each["first"], each["last"], tuple(each["hours"]))
                for each in spoken
            ),
        }
    )


def _accepted_from(document: Mapping[str, Any]) -> AcceptedDomains:
    inside, outside, either = (
        tuple(map(str, document[kind])) for kind in ("inside", "outside", "either")
    )
    return AcceptedDomains(inside, outside, either, bool(document["is_whole"]))


def as_literal(value: str) -> str:
    """A text as DuckDB's SQL writes it."""
    return "'" + value.replace("'", "''") + "'"


def _store(target: Path) -> str:
    return f"COPY sessions TO {as_literal(str(target))} (FORMAT parquet, COMPRESSION zstd)"


def _groups(settings: PartSettings) -> str:
    return GROUPS.replace("{domains}", DOMAINS[settings.domains]).replace(
        "{inside}", _inside(settings.accepted)
    )


def _inside(accepted: AcceptedDomains | None) -> str:
    """Whether a recipient's domain is inside, as `AcceptedDomains.is_inside`; NULL: not known."""
    if accepted is None:
        return "NULL::BOOLEAN"
    exact: dict[str, list[str]] = {}
    cases = []
    for pattern, inside in accepted.rules:
        said = _BOOLEAN[inside]
        if pattern == EVERY_DOMAIN:
            cases.append(f"WHEN true THEN {said}")
        elif pattern.startswith("*."):
            itself, below = as_literal(pattern[2:]), as_literal(pattern[1:])
            cases.append(f"WHEN domain = {itself} OR ends_with(domain, {below}) THEN {said}")
        else:
            exact.setdefault(said, []).append(as_literal(pattern))
    whole = [f"WHEN domain IN ({', '.join(names)}) THEN {said}" for said, names in exact.items()]
    tests = " ".join(["WHEN coalesce(domain, '') = '' THEN NULL", *whole, *cases])
    return f"CASE {tests} ELSE {_BOOLEAN[False if accepted.is_whole else None]} END"


_BOOLEAN = {True: "true", False: "false", None: "NULL::BOOLEAN"}
