"""The same work beyond one machine: a file is a task of dask.distributed.

Scheduling, retries and moving work away from a worker that ended are dask's. A task sums up one
file with one DuckDB thread and hands its part back; parts are written here alone. Whoever reaches a
scheduler runs code on its workers, so the road to it is TLS with certificates on both sides.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from mailflow import extras
from mailflow.errors import UsageError
from mailflow.usage.found import ReceiveLogFile
from mailflow.usage.parts import Part, PartSettings, stored
from mailflow.usage.places import LogPlace
from mailflow.usage.spread import ENDED, Done, ReadOutcome, outcome_of, read_here

if TYPE_CHECKING:
    from distributed import Client, Future

LOCAL = "local"
PATIENCE = 60.0
"""Seconds without any worker after which the rest is named as missing."""
CONNECT = 15.0
"""Seconds for the first answer of a scheduler."""
_PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """Whose workers read the logs.

    Attributes:
        scheduler: `tls://HOST:PORT`, `tcp://HOST:PORT`, or `local`: processes of this machine,
            which listen on 127.0.0.1 with a certificate made for the occasion.
        ca, cert, key: PEM files for TLS: who signed the scheduler's certificate, and ours.
        is_insecure_fine: whether a scheduler without TLS may be used.
    """

    scheduler: str
    ca: str = ""
    cert: str = ""
    key: str = ""
    is_insecure_fine: bool = False

    def __post_init__(self) -> None:
        """Refuse a road on which strangers could run code.

        Raises:
            UsageError: says what is missing.
        """
        files = {"ca": self.ca, "cert": self.cert, "key": self.key}
        missing = [f"--scheduler-{name}" for name, file in files.items() if not file]
        if self.scheduler.startswith("tls://"):
            if missing:
                raise UsageError(f"{self.scheduler} also needs {' '.join(missing)} (PEM files)")
            for file in files.values():
                if not Path(file).is_file():
                    raise UsageError(f"{file}: no such file")
            return
        if len(missing) < len(files):
            raise UsageError("certificates go with --scheduler tls://HOST:PORT")
        if self.scheduler.startswith("tcp://") and not self.is_insecure_fine:
            raise UsageError(
                f"{self.scheduler} has no TLS: anybody who reaches it can run code on its workers. "
                "Use tls://, or add --insecure-scheduler if nobody else can reach that network"
            )
        if self.scheduler != LOCAL and not self.scheduler.startswith("tcp://"):
            raise UsageError(
                f"{self.scheduler}: not a scheduler; expected tls://HOST:PORT or {LOCAL}"
            )


@dataclass(frozen=True, slots=True)
class PackedPart:
    """What a worker hands back.

    Attributes:
        part: what the file is.
        sessions: its Parquet file.
    """

    part: Part
    sessions: bytes


def sum_up(place: LogPlace, settings: PartSettings) -> PackedPart | str:
    """The task: sum up one file, wherever this runs; or in words why that is not possible."""
    with TemporaryDirectory(prefix="mailflow-task-") as folder:
        outcome = outcome_of(place, Path(folder), settings)
        if isinstance(outcome, str):
            return outcome
        return PackedPart(outcome, (Path(folder) / f"{outcome.id}.parquet").read_bytes())


def read_on_cluster(
    cluster: Cluster,
    wanted: Sequence[ReceiveLogFile],
    folder: Path,
    settings: PartSettings,
    workers: int,
) -> Iterator[Done]:
    """Read with the workers of a cluster.

    Files that were unpacked here are read here: workers elsewhere do not see them.

    Args:
        cluster: whose workers.
        wanted: the logs.
        folder: of this machine, for the parts.
        settings: what is told of recipients.
        workers: how many a local cluster begins.

    Raises:
        UsageError: dask.distributed is missing, here or there, or no scheduler responds.
    """
    ours = [file for file in wanted if file.is_ours]
    theirs = [file for file in wanted if not file.is_ours]
    yield from read_here(ours, folder, settings)
    with _connected(cluster, workers) as client:
        yield from read_with(client, theirs, folder, settings)


def read_with(
    client: Client, wanted: Sequence[ReceiveLogFile], folder: Path, settings: PartSettings
) -> Iterator[Done]:
    """Read with the workers that a client of dask.distributed reaches.

    Beside which file a worker ended is not known, so files under which several ended are tried
    once more, each alone; one that ends them again is named.
    """
    suspect = []
    for file, outcome in _round(client, wanted, folder, settings):
        if outcome is None:
            suspect.append(file)
        else:
            yield file, outcome
    for file in suspect:
        for _, outcome in _round(client, [file], folder, settings):
            yield file, outcome or ENDED


def _round(
    client: Client, wanted: Sequence[ReceiveLogFile], folder: Path, settings: PartSettings
) -> Iterator[tuple[ReceiveLogFile, ReadOutcome | None]]:
    """Each file with its outcome; None where workers ended under it or beside it."""
    ready: Queue[Future] = Queue()
    waiting: dict[str, tuple[Future, ReceiveLogFile]] = {}
    for file in wanted:
        place = file.place.absolute() if isinstance(file.place, Path) else file.place
        future = client.submit(sum_up, place, settings, pure=False)
        waiting[future.key] = (future, file)
        future.add_done_callback(ready.put)
    deserted = time.monotonic()
    while waiting:
        try:
            future = ready.get(timeout=_PAUSE)
        except Empty:
            if _has_workers(client):
                deserted = time.monotonic()
            elif time.monotonic() - deserted > PATIENCE:
                client.cancel([future for future, _ in waiting.values()])
                yield from ((file, "no worker was left to read it") for _, file in waiting.values())
                return
            continue
        deserted = time.monotonic()
        _, file = waiting.pop(future.key)
        yield file, _outcome(future, folder)


def _has_workers(client: Client) -> bool:
    return client.status == "running" and bool(client.scheduler_info()["workers"])


def _outcome(future: Future, folder: Path) -> ReadOutcome | None:
    """What a task brought about; nothing of a file's text, whatever went wrong."""
    from distributed.scheduler import KilledWorker

    try:
        found: Any = future.result(timeout=PATIENCE)
    except KilledWorker:
        return None
    except ModuleNotFoundError as error:
        raise UsageError(
            f"a worker of the cluster has no {error.name}: install mailflow with the extra logs "
            "there, in the same version as here"
        ) from error
    except CancelledError:
        return "the scheduler was lost before it was read"
    except Exception as error:  # noqa: BLE001 - whatever a cluster brings about
        return f"could not be read by the cluster ({type(error).__name__})"
    if isinstance(found, PackedPart):
        (folder / f"{found.part.id}.parquet").write_bytes(found.sessions)
        return stored(found.part, folder)
    return str(found)


@contextmanager
def _connected(cluster: Cluster, workers: int) -> Iterator[Client]:
    """A client of a cluster; of one that is begun for it where none is named."""
    try:
        from distributed import Client
        from distributed.security import Security
    except ImportError:
        raise UsageError(
            f"--scheduler needs dask.distributed, which is not installed: "
            f"{extras.install('cluster')}"
        ) from None
    if cluster.scheduler == LOCAL:
        with local_client(workers) as client:
            yield client
        return
    security = Security(
        require_encryption=cluster.scheduler.startswith("tls://"),
        tls_ca_file=cluster.ca or None,
        tls_client_cert=cluster.cert or None,
        tls_client_key=cluster.key or None,
    )
    try:
        client = Client(cluster.scheduler, security=security, timeout=CONNECT, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{cluster.scheduler}: no scheduler responds there, or it does not take our "
            f"certificate ({type(error).__name__})"
        ) from error
    with client, _quiet("distributed.client"):
        yield client


@contextmanager
def _quiet(name: str) -> Iterator[None]:
    """Without what a library logs of its own: what went wrong is said of each file."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def local_client(workers: int) -> Iterator[Client]:
    """A cluster of processes of this machine, for as long as it is needed.

    It listens on 127.0.0.1 alone, has no dashboard, and takes only its own certificate: other
    users of this machine reach the address as well.
    """
    import dask
    from distributed import Client, LocalCluster
    from distributed.security import Security

    quiet = {
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
        "distributed.scheduler.allowed-failures": 1,
    }
    with (
        TemporaryDirectory(prefix="mailflow-cluster-") as scratch,
        dask.config.set(quiet),
        LocalCluster(
            n_workers=workers,
            threads_per_worker=1,
            memory_limit=None,
            host="127.0.0.1",
            protocol="tls://",
            security=Security.temporary(),
            dashboard_address=None,
            scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # whatever port is free
            local_directory=scratch,
            silence_logs=logging.CRITICAL,
        ) as processes,
        Client(processes, set_as_default=False) as client,
    ):
        yield client
