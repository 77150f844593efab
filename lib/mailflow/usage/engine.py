"""Many logs, read side by side: a file is a task, and what was read before is not read again."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from mailflow.budget import MOST_RATIO, SMALLEST
from mailflow.errors import InputError, MailflowError, UsageError
from mailflow.phrases import counted
from mailflow.sources.logs.kinds import HEAD, RECEIVE, kind_of_log
from mailflow.usage.combine import Combined, combined
from mailflow.usage.parts import Part, PartSettings, connect, identified, loaded, summed

WORKERS = 2
SMALL = 8 * 2**20
"""Bytes of all files below which one process is quicker than two more."""
MOST_FILES = 200_000
MOST_OF_ONE = 4 * 2**30
"""Bytes that a log in a zip may have."""


@dataclass(frozen=True, slots=True)
class MissingLog:
    """A file that could not be read, and so may hold sessions of anybody.

    Attributes:
        name: below the folder that was given.
        why: in words; holds nothing of what stands in the file.
    """

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class UsageLogs:
    """All that receive logs tell.

    Attributes:
        origin: what was named, as it was given.
        parts: a file each, those that were kept from earlier among them.
        missing: files that could not be read.
        others: how many files are no receive logs.
        read: how many files were read now; the others were known.
        told: clients and what they did.
    """

    origin: tuple[str, ...]
    parts: tuple[Part, ...]
    missing: tuple[MissingLog, ...]
    others: int
    read: int
    told: Combined

    @property
    def lost(self) -> tuple[Part, ...]:
        """Files with lines that are no rows."""
        return tuple(part for part in self.parts if part.lost)


def read_logs(
    places: Sequence[Path],
    settings: PartSettings | None = None,
    *,
    keep: Path | None = None,
    workers: int = WORKERS,
    tell: Callable[[str], None] = lambda _: None,
) -> UsageLogs:
    """Read receive logs, and add them to those that were read before.

    Args:
        places: files, folders (with all below) and zips.
        settings: what is told of recipients.
        keep: a folder for the parts; what lies there counts as well. None: nothing is kept.
        workers: processes.
        tell: is called with a line for people.

    Raises:
        InputError: no receive log is there.
        UsageError: DuckDB is not installed, or the folder cannot be used.
    """
    connect().close()  # says that it is not installed before anything is read
    wanted = settings or PartSettings()
    with _folder(keep) as folder, TemporaryDirectory(prefix="mailflow-logs-") as unpacked:
        found = _Found(Path(unpacked), tell)
        for place in places:
            found.look(place)
        read, missing = _read_all(found, folder, wanted, workers, tell)
        kept = list(loaded(folder))
        if not kept and not missing:
            raise InputError(
                f"{', '.join(map(str, places))}: holds no SMTP receive log (RECV*.LOG); they are in"
                r" %ExchangeInstallPath%TransportRoles\Logs\FrontEnd\ProtocolLog\SmtpReceive"
            )
        tell(f"adding up {counted(len(kept), 'file')}")
        told = combined([path for _, path in kept])
    parts = tuple(part for part, _ in kept)
    origin = tuple(map(str, places))
    return UsageLogs(origin, parts, tuple(missing), found.others, read, told)


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with TemporaryDirectory(prefix="mailflow-parts-") as name:
            yield Path(name)
        return
    try:
        keep.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{keep}: cannot be used ({error.strerror or error})") from error
    yield keep


class _Found:
    """The receive logs at some places, each with the name that people are told."""

    def __init__(self, unpacked: Path, tell: Callable[[str], None]) -> None:
        self.files: list[tuple[Path, str]] = []
        self.missing: list[MissingLog] = []
        self.others = 0
        self._unpacked, self._tell = unpacked, tell

    def look(self, place: Path) -> None:
        """Look at a file, a folder or a zip.

        Raises:
            InputError: there is no such thing, or it holds too many files.
        """
        if not place.exists():
            raise InputError(f"{place}: no such file or folder")
        self._tell(f"looking for receive logs in {place}")
        for file in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if file.is_file():
                name = file.relative_to(place).as_posix() if place.is_dir() else file.name
                self._file(file, name)

    def _file(self, file: Path, name: str) -> None:
        if len(self.files) + self.others > MOST_FILES:
            raise InputError(f"{name}: more than {MOST_FILES:,} files; name fewer folders")
        try:
            with file.open("rb") as there:
                head = there.read(HEAD)
        except OSError as error:
            self.missing.append(MissingLog(name, _why(error)))
            return
        if head.startswith(b"PK\3\4"):
            self._zip(file, name)
        elif _is_receive_log(head):
            self.files.append((file, name))
        else:
            self.others += 1

    def _zip(self, file: Path, name: str) -> None:
        """Unpack what is a receive log; what would unpack to too much is named as missing."""
        try:
            with zipfile.ZipFile(file) as archive:
                for member in archive.infolist():
                    if not member.is_dir():
                        self._member(archive, member, f"{name}/{member.filename}")
        except (OSError, zipfile.BadZipFile, RuntimeError, ValueError) as error:
            self.missing.append(
                MissingLog(name, f"the zip cannot be read ({type(error).__name__})")
            )

    def _member(self, archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> None:
        most = min(MOST_OF_ONE, MOST_RATIO * max(member.compress_size, SMALLEST))
        if member.file_size > most:
            self.missing.append(MissingLog(name, "unpacks to too much; unpack it first"))
            return
        try:
            with archive.open(member) as packed:
                head = packed.read(HEAD)
                if not _is_receive_log(head):
                    self.others += 1
                    return
                folder = self._unpacked / str(len(self.files))
                folder.mkdir()
                target = folder / (PurePosixPath(member.filename).name or "log")
                with target.open("wb") as out:
                    out.write(head)
                    shutil.copyfileobj(packed, out, 2**20)
        except Exception as error:  # noqa: BLE001 - whatever a damaged zip brings about
            self.missing.append(MissingLog(name, f"cannot be unpacked ({type(error).__name__})"))
            return
        self.files.append((target, name))


def _is_receive_log(head: bytes) -> bool:
    is_wide = head[:2] in (b"\xff\xfe", b"\xfe\xff")
    text = head.decode("utf-16" if is_wide else "utf-8-sig", "replace")
    return kind_of_log(text) == RECEIVE


def _read_all(
    found: _Found, folder: Path, settings: PartSettings, workers: int, tell: Callable[[str], None]
) -> tuple[int, list[MissingLog]]:
    """Read what is new; how many files that were, and those that could not be read."""
    missing, wanted = list(found.missing), []
    known = dict(loaded(folder))
    names = {part.name.casefold() for part in known}
    ids = {part.id for part in known}
    for path, name in found.files:
        try:
            part = identified(path, settings)
        except OSError as error:
            missing.append(MissingLog(name, _why(error)))
            continue
        if part.id not in ids:
            wanted.append((path, name))
            ids.add(part.id)
    size = sum(path.stat().st_size for path, _ in wanted if path.exists())
    done = _here(wanted, folder, settings) if size < SMALL or workers < 2 else None
    done = done or _spread(wanted, folder, settings, workers)
    count = 0
    for count, (path, name, outcome) in enumerate(done, 1):
        tell(f"reading {name} ({count} of {len(wanted)})")
        if isinstance(outcome, str):
            missing.append(MissingLog(name, outcome))
        elif outcome.name.casefold() in names:
            _replace_earlier(path, outcome, known)
    return count, missing


def _replace_earlier(path: Path, new: Part, known: dict[Part, Path]) -> None:
    """Remove the parts of a file that has grown, or is summed up in another way now."""
    for part, parquet in known.items():
        if part.id != new.id and part.is_continued_by(path):
            parquet.with_suffix(".json").unlink(missing_ok=True)
            parquet.unlink(missing_ok=True)


Done = tuple[Path, str, Part | str]
Wanted = Sequence[tuple[Path, str]]


def _here(wanted: Wanted, folder: Path, settings: PartSettings) -> Iterator[Done]:
    for path, name in wanted:
        yield path, name, _outcome(path, folder, settings)


def _spread(wanted: Wanted, folder: Path, settings: PartSettings, workers: int) -> Iterator[Done]:
    """Read in several processes; a file that kills its process is named, and work goes on."""
    waiting = list(wanted)
    while waiting:
        alone = len(waiting) < len(wanted)
        left: list[tuple[Path, str]] = []
        for group in [[each] for each in waiting] if alone else [waiting]:
            for path, name, outcome in _pool(group, folder, settings, workers):
                if outcome is not None:
                    yield path, name, outcome
                elif len(group) == 1:
                    yield path, name, "its process ended while it was read"
                else:
                    left.append((path, name))
        waiting = left


def _pool(
    group: Wanted, folder: Path, settings: PartSettings, workers: int
) -> Iterator[tuple[Path, str, Part | str | None]]:
    """Each file with its outcome; None where a process ended under it or beside it."""
    context = get_context("spawn")  # a copy of this process might hold locks of its threads
    with ProcessPoolExecutor(min(workers, len(group)), mp_context=context) as pool:
        tasks: dict[Future[Part | str], tuple[Path, str]] = {
            pool.submit(_outcome, path, folder, settings): (path, name) for path, name in group
        }
        open_tasks = set(tasks)
        while open_tasks:
            ended, open_tasks = wait(open_tasks, return_when=FIRST_COMPLETED)
            for task in ended:
                try:
                    yield *tasks[task], task.result()
                except BrokenProcessPool:
                    yield *tasks[task], None


def _outcome(path: Path, folder: Path, settings: PartSettings) -> Part | str:
    """The part of a file, or why there is none: nothing of its text, whatever went wrong."""
    try:
        return summed(path, folder, settings)
    except OSError as error:
        return _why(error)
    except MailflowError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - whatever a poisoned file brings about
        return f"could not be read ({type(error).__name__})"


def _why(error: OSError) -> str:
    return f"could not be read ({error.strerror or type(error).__name__})"
