"""Many logs, each summed up into its part, and added to what was read before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from mailflow.errors import InputError, UsageError
from mailflow.phrases import counted
from mailflow.usage.cluster import Cluster, read_on_cluster
from mailflow.usage.combine import Combined, combined
from mailflow.usage.found import FoundLogs, MissingLog, ReceiveLogFile, why
from mailflow.usage.parts import Part, PartSettings, connect, identified, loaded
from mailflow.usage.places import LogPlace
from mailflow.usage.spread import Done, read_here, read_in_processes

WORKERS = 2
SMALL = 8 * 2**20
"""Bytes of all files below which one process is quicker than two more."""


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
    places: Sequence[LogPlace],
    settings: PartSettings | None = None,
    *,
    keep: Path | None = None,
    workers: int = WORKERS,
    cluster: Cluster | None = None,
    tell: Callable[[str], None] = lambda _: None,
) -> UsageLogs:
    """Read receive logs, and add them to those that were read before.

    Args:
        places: files, folders (with all below) and zips, or URLs of them.
        settings: what is told of recipients.
        keep: a folder for the parts; what lies there counts as well. None: nothing is kept.
        workers: processes of this machine.
        cluster: whose workers read instead; None: those of this machine.
        tell: is called with a line for people.

    Raises:
        InputError: no receive log is there.
        UsageError: DuckDB or what the cluster needs is not installed, the folder cannot be used,
            or the scheduler does not respond.
    """
    connect().close()  # says that it is not installed before anything is read
    wanted = settings or PartSettings()
    with _folder(keep) as folder, TemporaryDirectory(prefix="mailflow-logs-") as unpacked:
        found = FoundLogs(Path(unpacked), tell)
        found.look(places)
        new = _New(found, folder, wanted)
        new.read(workers, cluster, tell)
        kept = list(loaded(folder))
        if not kept and not new.missing:
            raise InputError(
                f"{', '.join(map(str, places))}: no SMTP receive log (RECV*.LOG) found; Exchange "
                r"writes them to %ExchangeInstallPath%TransportRoles\Logs\FrontEnd\ProtocolLog"
                r"\SmtpReceive"
            )
        tell(f"adding up {counted(len(kept), 'file')}")
        told = combined([path for _, path in kept])
    parts = tuple(part for part, _ in kept)
    origin = tuple(map(str, places))
    return UsageLogs(origin, parts, tuple(new.missing), found.others, len(new.files), told)


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


class _New:
    """Those of the logs that were not read before.

    Attributes:
        files: these.
        missing: files that could not be read.
    """

    def __init__(self, found: FoundLogs, folder: Path, settings: PartSettings) -> None:
        self.files: list[ReceiveLogFile] = []
        self.missing = list(found.missing)
        self._folder, self._settings = folder, settings
        self._size = 0
        self._known = dict(loaded(folder))
        ids = {part.id for part in self._known}
        for file in found.files:
            try:
                part = identified(file.place, settings)
            except OSError as error:
                self.missing.append(MissingLog(file.name, why(error)))
                continue
            if part.id not in ids:
                self.files.append(file)
                self._size += part.size
                ids.add(part.id)

    def read(self, workers: int, cluster: Cluster | None, tell: Callable[[str], None]) -> None:
        """Read them; the parts lie in the folder then."""
        names = {part.name.casefold() for part in self._known}
        done = self._spread(workers, cluster) if self.files else iter(())
        for count, (file, outcome) in enumerate(done, 1):
            tell(f"reading {file.name} ({count} of {len(self.files)})")
            if isinstance(outcome, str):
                self.missing.append(MissingLog(file.name, outcome))
            elif outcome.name.casefold() in names:
                self._replace_earlier(file.place, outcome)

    def _spread(self, workers: int, cluster: Cluster | None) -> Iterator[Done]:
        if cluster:
            return read_on_cluster(cluster, self.files, self._folder, self._settings, workers)
        if self._size < SMALL or workers < 2:
            return read_here(self.files, self._folder, self._settings)
        return read_in_processes(self.files, self._folder, self._settings, workers)

    def _replace_earlier(self, place: LogPlace, new: Part) -> None:
        """Remove the parts of a file that has grown, or is summed up in another way now."""
        for part, parquet in self._known.items():
            if part.id != new.id and part.is_continued_by(place):
                parquet.with_suffix(".json").unlink(missing_ok=True)
                parquet.unlink(missing_ok=True)
