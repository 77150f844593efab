"""A file, a folder or a zip with captures: found, recognised by content, read, and hashed."""

from __future__ import annotations

import codecs
import hashlib
import io
import json
import lzma
import os
import re
import stat
import sys
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import IO

from mailflow import budget as limits
from mailflow.budget import Budget, BudgetError, json_memory
from mailflow.errors import InputError
from mailflow.phrases import counted
from mailflow.snapshot import SCHEMA, Unread
from mailflow.sources.exports.clixml import read_clixml
from mailflow.sources.exports.console import read_console
from mailflow.sources.exports.csvfile import UNNAMED, lists_addresses, read_csv
from mailflow.sources.exports.damage import mentioned, told
from mailflow.sources.exports.ehlo import read_offers
from mailflow.sources.exports.ipconfig import IPCONFIG, read_ipconfig
from mailflow.sources.exports.jsonfile import read_json
from mailflow.sources.exports.recognise import HEAD, ExportForm, recognise
from mailflow.sources.logs.connectivity import ConnectivityLog
from mailflow.sources.logs.kinds import CONNECTIVITY, RECEIVE, SEND, kind_of_log, log_file
from mailflow.sources.logs.kinds import HEAD as HEAD_OF_LOG
from mailflow.sources.logs.kinds import TAIL as TAIL_OF_LOG
from mailflow.sources.logs.protocol import LONGEST
from mailflow.sources.logs.receive import ReceiveLog
from mailflow.sources.logs.send import SendLog
from mailflow.sources.row import Reading

MAX_FILES = 10_000
"""Files of a folder, and members of a zip."""

_ZEROS = re.compile("\0+")
# UTF-16 read from the wrong byte: line breaks are U+0A00 and U+0D00, letters U+6100 and the like.
_HALVES = "".join(map(chr, range(0x2000, 0x7F00, 256)))
_SHIFTED = re.compile(f"[\u0a00\u0d00]|[{_HALVES}]{{3}}")
# How the beginning of an export looks whose head is torn; a note begins otherwise.
_TORN = re.compile(r'\s*["{\[<]')
_CELLS = re.compile(r'\s*"[^"\n]{0,500}"?[,;\t]')
_OBJECT = re.compile(r'\s*\[?\s*\{\s*"')
_ENDS = ("}", "]")
OBSERVED = 600
"""Bytes of memory, about, that sessions of a log take which are alike."""
_CHUNK = 2**18
_BROKEN = (
    OSError,
    EOFError,
    RuntimeError,  # zipfile: an unknown method or a password
    zipfile.BadZipFile,
    UnicodeError,  # a zip names a member in UTF-8, and it is none
    zlib.error,
    lzma.LZMAError,
)


@dataclass(frozen=True, slots=True)
class Captured:
    """What a file, folder or zip held.

    Attributes:
        reading: the rows of all exports, and what of them could not be read.
        inputs: SHA-256 of every export by its name, hexadecimal; a zip's members stand as
            `captures.zip/queues.xml` beside the zip itself.
        snapshot: the JSON document of a saved snapshot, for `mailflow.snapshot.from_document`;
            None where there is none.
        snapshot_place: what messages call it.
    """

    reading: Reading
    inputs: Mapping[str, str]
    snapshot: object | None = None
    snapshot_place: str = ""


def read_source(path: Path, tell: Callable[[str], None] | None = None) -> Captured:
    """Read exports made by hand, or a saved snapshot.

    Names in messages and in `inputs` are relative to a folder, and the bare name of a file. What
    cannot be read among what can is a row of *unread*, and so is what would cost more than the
    budget of all that is read (`sources/budget.py`).

    Args:
        path: a file, a folder or a zip.
        tell: is called with a line for people where reading takes more than two seconds.

    Raises:
        InputError: nothing could be read; two snapshots; too many files. Names file and place.
    """
    return _read(path, tell).result(path)


def _read(path: Path, tell: Callable[[str], None] | None) -> _Gathered:
    """Everything below a path, as far as it can be read."""
    gathered = _Gathered(Budget(tell=tell))
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a zero character in the name
        raise InputError(f"{path}: {_reason(error)}") from error
    if stat.S_ISDIR(mode):
        _read_folder(path, gathered)
    elif stat.S_ISREG(mode):
        _read_files([(path, _shown(path.name))], gathered)
    else:  # reading a pipe or a device may never end
        raise InputError(f"{path}: neither a file nor a folder")
    return gathered


def read_evidence(path: Path, tell: Callable[[str], None] | None = None) -> Captured:
    """Read logs and EHLO replies that are given beside a SOURCE.

    Args:
        path: a file, a folder or a zip.
        tell: as for `read_source`.

    Raises:
        InputError: it holds none that mailflow reads, or exports; names file and place.
    """
    gathered = _read(path, tell)
    reading = gathered.observed()
    if reading.rows or gathered.snapshots:
        place = reading.rows[0].place if reading.rows else gathered.snapshots[0][1]
        raise InputError(f"{path}: holds an export ({place}); name it as SOURCE, not as evidence")
    if not (reading.offers or gathered.has_logs):
        found = ", ".join(f"{place}: {what}" for what, place in reading.ignored[:3])
        raise InputError(
            f"{path}: no receive log, send log or EHLO reply that mailflow reads "
            f"({found or 'empty'})"
        )
    reading.unread.extend(gathered.failures)
    return Captured(reading, gathered.inputs)


@dataclass(slots=True)
class _Gathered:
    """What was found so far."""

    budget: Budget
    reading: Reading = field(default_factory=Reading)
    inputs: dict[str, str] = field(default_factory=dict)
    failures: list[Unread] = field(default_factory=list)
    snapshots: list[tuple[object, str]] = field(default_factory=list)
    received: ReceiveLog = field(default_factory=ReceiveLog)
    sent: SendLog = field(default_factory=SendLog)
    tried: ConnectivityLog = field(default_factory=ConnectivityLog)
    has_logs: bool = (
        False  # of a kind that is summed up, also where none of its rows tells anything
    )
    members: int = 0  # of the zip that is open, with those of zips inside it
    understood: bool = False  # at least one export or snapshot could be read

    def add(self, reading: Reading) -> None:
        """Take the rows of an export that could be read."""
        self.reading.add(reading)
        if reading.rows or reading.cmdlets or reading.unread:
            self.understood = True

    def log_of(self, kind: str) -> ReceiveLog | SendLog | ConnectivityLog | None:
        """What sums up logs of a kind; None: nothing of it is kept."""
        self.has_logs |= kind in (RECEIVE, SEND, CONNECTIVITY)
        if kind == RECEIVE:
            return self.received
        if kind == CONNECTIVITY:
            return self.tried
        return self.sent if kind == SEND else None

    def ignore(self, what: str, place: str) -> None:
        """Name something that is no export."""
        self.reading.ignored.append((what, place))

    def fail(self, why: str) -> None:
        """Name something that could not be read."""
        self.failures.append(Unread("", "capture", why))

    def observed(self) -> Reading:
        """The rows with what the logs add up to; to be asked once."""
        self.reading.observed.extend(self.received.sessions())
        self.reading.offers.extend(self.sent.sessions())
        self.reading.offers.extend(self.tried.sessions())
        return self.reading

    def result(self, path: Path) -> Captured:
        """All of it; InputError where there is nothing to go by."""
        if not self.understood:
            if self.failures:
                more = len(self.failures) - 1
                rest = f" (and {more} more that cannot be read)" if more else ""
                raise InputError(f"{self.failures[0].why}{rest}")
            found = ", ".join(f"{place}: {what}" for what, place in self.reading.ignored[:3])
            why = f"no export that mailflow can read ({found})" if found else "no files found"
            raise InputError(f"{path}: {why}")
        if len(self.snapshots) > 1:
            places = ", ".join(place for _, place in self.snapshots[:3])
            raise InputError(f"{path}: more than one snapshot ({places}); name the one to read")
        self.reading.unread.extend(self.failures)
        self.observed()
        document, place = self.snapshots[0] if self.snapshots else (None, "")
        return Captured(self.reading, self.inputs, document, place)


def _read_folder(root: Path, gathered: _Gathered) -> None:
    """Read every file below a folder, in order of names; hidden ones are not looked at."""
    inside = root.resolve()
    found: list[tuple[Path, str]] = []
    count = 0

    def unreadable(error: OSError) -> None:
        gathered.fail(f"{_shown(str(error.filename))}: {_reason(error)}")

    for folder, folders, names in os.walk(root, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.startswith("."):
                continue
            count += 1
            if count > MAX_FILES:
                raise InputError(f"{root}: more than {MAX_FILES} files; name a smaller folder")
            path = Path(folder, name)
            place = _shown(path.relative_to(root).as_posix())
            try:
                if path.is_symlink() and not path.resolve().is_relative_to(inside):
                    gathered.ignore("a link that leads out of the folder", place)
                elif stat.S_ISREG(path.stat().st_mode):
                    found.append((path, place))
                else:
                    gathered.ignore("no ordinary file", place)
            except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle
                gathered.fail(f"{place}: {_reason(error)}")
    _read_files(found, gathered)


def _read_files(files: list[tuple[Path, str]], gathered: _Gathered) -> None:
    """Read files one after another, as far as the budget goes."""
    budget = gathered.budget
    sizes = [path.stat().st_size for path, _ in files]
    budget.given = sum(sizes)
    for number, ((path, place), size) in enumerate(zip(files, sizes, strict=True), 1):
        if budget.spent:
            left = len(files) - number + 1
            gathered.fail(f"{place}: not read, and {left - 1} files behind it: {budget.spent}")
            return
        of = f"{number} of {len(files)} files, " if len(files) > 1 else ""
        budget.where = f"{place} ({of}{size / 1e6:,.1f} MB)"
        _read_file(path, place, gathered)


def _read_file(path: Path, place: str, gathered: _Gathered) -> None:
    try:
        with path.open("rb") as stream:
            is_zip = _read_stream(stream, place, gathered)
            if is_zip:
                stream.seek(0)
                _read_zip(stream, place, gathered)
    except BudgetError as error:
        gathered.fail(str(error))
    except _BROKEN as error:
        gathered.fail(f"{place}: {_reason(error)}")


def _read_zip(
    stream: IO[bytes], place: str, gathered: _Gathered, *, is_inside: bool = False
) -> None:
    """Read the members of a zip where they are; nothing is ever unpacked to a file.

    A zip inside it, as collectors make one for each server, is opened as well; one inside that is
    not.
    """
    with zipfile.ZipFile(stream) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
        if any(member.filename == "[Content_Types].xml" for member in members):
            gathered.ignore("an Office document", place)
            return
        gathered.members = len(members) + (gathered.members if is_inside else 0)
        if gathered.members > MAX_FILES:
            gathered.fail(f"{place}: refused: more than {MAX_FILES} members")
            return
        gathered.budget.fits(place, sum(member.file_size for member in members))
        stream.seek(0)
        if not is_inside:
            gathered.inputs[place] = _Hashed(b"", stream, gathered.budget).digest()
        for member in members:
            name = f"{place}/{_shown(member.filename)}"
            reason = _refusal(member)
            if reason:
                gathered.fail(f"{name}: refused: {reason}")
                continue
            if _is_hidden(member.filename):
                continue
            if gathered.budget.spent:
                gathered.fail(f"{name}: not read, and all behind it: {gathered.budget.spent}")
                return
            _read_member(archive, member, name, gathered, is_inside=is_inside)


def _read_member(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    name: str,
    gathered: _Gathered,
    *,
    is_inside: bool,
) -> None:
    """Read one member of a zip, which may be a zip itself."""
    try:
        gathered.budget.admit(name, member.compress_size, member.file_size)
        with archive.open(member) as content:
            is_zip = _read_stream(content, name, gathered, is_packed=True)
        if is_zip and is_inside:
            gathered.fail(f"{name}: a zip inside a zip inside a zip; unpack it first")
        elif is_zip:
            _read_inner_zip(archive, member, name, gathered)
    except BudgetError as error:
        gathered.fail(str(error))
    except _BROKEN as error:
        gathered.fail(f"{name}: {_reason(error)}")


def _read_inner_zip(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, gathered: _Gathered
) -> None:
    """Read a zip inside a zip, which has to be in memory whole: its list stands at its end."""
    budget = gathered.budget
    if member.file_size > limits.MOST_TEXT:
        gathered.fail(f"{name}: more than {limits.MOST_TEXT} bytes; unpack it first")
        return
    with budget.holding(member.file_size, name):
        data = archive.read(member)
        budget.unpack(len(data), name)
        gathered.inputs[name] = hashlib.sha256(data).hexdigest()
        _read_zip(io.BytesIO(data), name, gathered, is_inside=True)


def _is_hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return any(part.startswith(".") for part in parts) or "__MACOSX" in parts


def _refusal(member: zipfile.ZipInfo) -> str:
    """Why a member of a zip is not read; empty where it is."""
    name = member.filename.replace("\\", "/")
    if name.startswith("/") or name[1:2] == ":" or ".." in name.split("/"):
        return "its name leads out of the zip"
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a link"
    if member.flag_bits & 1:
        return "encrypted; unpack it first"
    return ""


def _read_stream(
    stream: IO[bytes], place: str, gathered: _Gathered, *, is_packed: bool = False
) -> bool:
    """Read one file or member; true where it is a zip, which the caller has to open."""
    head = stream.read(HEAD)
    form, encoding = recognise(head)
    if form is ExportForm.ZIP:
        return True
    if form is ExportForm.FOREIGN:
        gathered.ignore("no export", place)
    elif form is ExportForm.BINARY:
        gathered.fail(
            f"{place}: not an export that mailflow can read; export with Export-Clixml or "
            "Format-List"
        )
    elif form is ExportForm.EMPTY:
        gathered.fail(f"{place}: empty; it does not show which cmdlet returned nothing")
    else:
        budget = gathered.budget
        held = budget.held
        chunks = _Hashed(head, stream, budget, place if is_packed else "")
        try:
            if form is ExportForm.CLIXML:
                gathered.add(read_clixml(chunks, place, budget))
            elif form is ExportForm.LOG:
                _read_log(chunks, encoding, place, gathered)
            else:
                _read_text(chunks, form, encoding, place, gathered)
        except InputError as error:
            budget.held = held  # nothing of it was kept
            gathered.fail(str(error))
        if not budget.spent:
            try:
                gathered.inputs[place] = chunks.digest()
            except BudgetError as error:
                gathered.fail(str(error))
    return False


class _Hashed:
    """The chunks of a stream, with the SHA-256 of all of it in the end.

    Each is counted, as unpacked where a place is named.
    """

    def __init__(self, head: bytes, stream: IO[bytes], budget: Budget, packed: str = "") -> None:
        self._head = head
        self._stream = stream
        self._budget, self._packed = budget, packed
        self._hash = hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        chunk, self._head = self._head, b""
        while chunk:
            self._count(chunk)
            yield chunk
            chunk = self._stream.read(_CHUNK)

    def digest(self) -> str:
        """Hexadecimal; reads what is left first."""
        for chunk in iter(lambda: self._head or self._stream.read(_CHUNK), b""):
            self._head = b""
            self._count(chunk)
        return self._hash.hexdigest()

    def _count(self, chunk: bytes) -> None:
        self._hash.update(chunk)
        if self._packed:
            self._budget.unpack(len(chunk), self._packed)
        else:
            self._budget.look()


def _read_log(chunks: Iterable[bytes], encoding: str, place: str, gathered: _Gathered) -> None:
    """Take what a log shows, and say what it is: it is no output of a cmdlet."""
    head = tail = b""

    def passed() -> Iterator[bytes]:
        nonlocal head, tail
        for chunk in chunks:
            head = head or chunk[:HEAD_OF_LOG]
            tail = (tail + chunk)[-TAIL_OF_LOG:] if len(chunk) < TAIL_OF_LOG else chunk
            yield chunk

    rest = passed()
    first = next(rest, b"")
    begin = first[:HEAD_OF_LOG].decode(encoding, "replace").lstrip("\ufeff \t\r\n")
    kind = kind_of_log(begin)
    log = gathered.log_of(kind)
    before, kept = (log.lost, log.kept) if log else (0, 0)
    if isinstance(log, ConnectivityLog):
        log.read(_lines(chain([first], rest), encoding), place.rpartition("/")[0])
    elif log:
        log.read(_lines(chain([first], rest), encoding))
    else:
        deque(rest, maxlen=0)
    end = tail[-TAIL_OF_LOG:].decode(encoding, "replace")
    lost = log.lost - before if log else 0
    more = f", {counted(lost, 'line')} of it not read" if lost else ""
    gathered.ignore(log_file(kind, begin, end).told + more, place)
    gathered.budget.hold(OBSERVED * max(0, log.kept - kept if log else 0), place)


def _lines(chunks: Iterable[bytes], encoding: str) -> Iterator[str]:
    """The lines of a text that is read piece by piece; of an endless one its beginning."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    rest = ""
    for chunk in chunks:
        *lines, rest = (rest + decoder.decode(chunk)).split("\n")
        yield from lines
        rest = rest[: LONGEST + 1]
    yield rest


def _read_text(
    chunks: _Hashed, form: ExportForm, encoding: str, place: str, gathered: _Gathered
) -> None:
    """Read a form that has to be in memory whole."""
    budget = gathered.budget
    limit = limits.MOST_SNAPSHOT if form is ExportForm.SNAPSHOT else limits.MOST_TEXT
    text, damage = _decoded(_whole(chunks, limit, place, budget), encoding, place)
    with budget.holding(sys.getsizeof(text), place):
        _read_decoded(text, damage, form, place, gathered)


def _read_decoded(
    text: str, damage: list[Unread], form: ExportForm, place: str, gathered: _Gathered
) -> None:
    budget = gathered.budget
    if form is ExportForm.SNAPSHOT or (
        form is ExportForm.JSON and SCHEMA.partition("/")[0] in text
    ):
        cost = budget.for_snapshot(text)
        with budget.holding(cost, place):
            document = _document(text, place)
        if isinstance(document, dict) and str(document.get("schema")).startswith(
            SCHEMA.partition("/")[0] + "/"
        ):
            budget.hold(cost, place)
            gathered.snapshots.append((document, place))
            gathered.understood = True
            return
    reading = _reading_of(text, form, place, budget)
    _add_offers(reading, text if form is ExportForm.TEXT else "", place)
    # An unread.csv without rows says that nothing failed: that is an answer too.
    gathered.understood |= form is ExportForm.FAILURES
    if not (reading.rows or reading.cmdlets or reading.unread or reading.commands):
        if form is ExportForm.FAILURES:
            damage = []
        elif "\0" in text:
            reading.ignored.clear()
        elif damage or (_TORN.match(text) and not _is_json(text, place, budget)):
            # A note, a log or a program's settings are no export; the beginning of one is.
            named = mentioned(text)
            reading.unread += (
                told(named, f"{place}: damaged") if named or _CELLS.match(text) else []
            )
            damage = []
        if not (reading.unread or reading.ignored or form is ExportForm.FAILURES):
            gathered.ignore("text without the output of a cmdlet", place)
        elif reading.ignored and lists_addresses(text):
            reading.ignored[:] = [(UNNAMED, place)]
    if not _are_labels(text, reading):
        reading.unread += damage
    gathered.add(reading)


def _add_offers(reading: Reading, text: str, place: str) -> None:
    """Take the EHLO replies in a text, and name them among what is no export."""
    reading.offers += read_offers(text)
    if reading.offers and not reading.rows:
        replies = counted(len(reading.offers), "EHLO reply", "EHLO replies")
        reading.ignored[:] = [(replies, place)]


def _are_labels(text: str, reading: Reading) -> bool:
    """Whether characters that could not be read stand in labels alone, which nobody reads.

    A console writes them in a code page of its own: `ipconfig /all > file` is not UTF-8.
    """
    only = bool(reading.rows) and all(row.cmdlet == IPCONFIG for row in reading.rows)
    return only and not reading.commands and "\0" not in text


def _reading_of(text: str, form: ExportForm, place: str, budget: Budget) -> Reading:
    """What stands in a text; a broken one that names nothing of ours is no export."""
    try:
        if form is ExportForm.JSON or form is ExportForm.SNAPSHOT:
            return read_json(text, place, budget)
        if form is ExportForm.CSV or form is ExportForm.FAILURES:
            return read_csv(text, place, budget)
    except BudgetError:
        raise  # whatever it holds was not read
    except InputError as error:
        named = mentioned(text)
        if named:
            return Reading(unread=told(named, str(error)))
        if form is ExportForm.JSON and not _OBJECT.match(text):
            return read_console(text, place, budget)  # `[1] a note`, `[03:11:10] PS C:\\>`
        if form is ExportForm.SNAPSHOT or _CELLS.match(text) or not text.rstrip().endswith(_ENDS):
            raise
        return Reading(ignored=[(f"no export ({error})", place)])
    reading = read_console(text, place, budget)
    adapters = read_ipconfig(text, place, budget)
    if not adapters.rows:
        return reading
    if not (reading.rows or reading.unread or reading.commands):
        return adapters
    reading.add(adapters)
    return reading


def _whole(chunks: _Hashed, limit: int, place: str, budget: Budget) -> bytes:
    """All bytes, where they and their text may be in memory together."""
    pieces = []
    size, wide = 0, 2
    for chunk in chunks:
        pieces.append(chunk)
        size += len(chunk)
        if size > limit:
            why = f"more than {limit} bytes; Export-Clixml has no such limit"
            raise BudgetError(f"{place}: {why}")
        # A character beyond Latin letters makes all of a text up to four times as large.
        wide = wide if chunk.isascii() else 5
        budget.room(wide * size, place)
    return b"".join(pieces)


def _decoded(data: bytes, encoding: str, place: str) -> tuple[str, list[Unread]]:
    """The text, with U+FFFD for what is no text, and the rows of *unread* that then go with it.

    Another code page is never guessed: a wrong guess would look like a name. Runs of zero bytes,
    which a disk leaves, become one zero; the readers take no object in which one stands. Lines that
    end in a carriage return alone, as some editors save them, get a line feed.
    """
    whys = []
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        text = data.decode(encoding, "replace")
        line = data[: error.start].decode(encoding, "replace").count("\n") + 1
        whys.append(f"line {line}: characters that are not {encoding} show as \ufffd")
    if "\n" not in text:
        text = text.replace("\r", "\n")
    shifted = _SHIFTED.search(text) if encoding.startswith("utf-16") else None
    if shifted:
        line = text.count("\n", 0, shifted.start()) + 1
        text = text[: shifted.start()] + "\0"
        whys.append(f"line {line}: a part is missing, and what follows cannot be read")
    zero = text.find("\0")
    if zero >= 0 and not shifted:
        line = text.count("\n", 0, zero) + 1
        text = _ZEROS.sub("\0", text)
        whys.append(f"line {line}: zero bytes: a part is missing")
    return text, [Unread("", "capture", f"{place}, {why}; export again") for why in whys]


def _is_json(text: str, place: str, budget: Budget) -> bool:
    """Whether it is a whole document, of whatever it may be: a run's own findings, say."""
    try:
        with budget.holding(json_memory(text), place):
            json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _document(text: str, place: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: damaged JSON ({error})") from error


def _reason(error: Exception) -> str:
    """What went wrong, without the path: that stands before it."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or repr(error)


def _shown(name: str) -> str:
    """A file's name as messages may show it: no control characters, no half characters."""
    whole = name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in whole)
