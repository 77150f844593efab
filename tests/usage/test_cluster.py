"""The same counts by a cluster of dask.distributed: real workers, lost ones, poisoned files."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mailflow.errors import UsageError
from mailflow.usage import cluster
from mailflow.usage.cluster import Cluster, local_client, read_on_cluster, read_with
from mailflow.usage.engine import read_logs
from mailflow.usage.found import ReceiveLogFile
from mailflow.usage.parts import Part, PartSettings, loaded
from mailflow.usage.places import LogPlace
from usage_logs import HEAD, counted, session
from usage_model import random_logs

pytest.importorskip("duckdb")
distributed = pytest.importorskip("distributed")


def logs_in(folder: Path, count: int) -> list[ReceiveLogFile]:
    """So many logs, each of a client of its own."""
    folder.mkdir()
    files = []
    for number in range(count):
        place = folder / f"RECV2026112{number:03}-1.LOG"
        place.write_text(HEAD + session(number, f"10.0.5.{number}"), newline="")
        files.append(ReceiveLogFile(place, place.name))
    return files


def listening() -> set[tuple[str, int]]:
    """Addresses and ports on which this process and its children listen."""
    import psutil

    mine = psutil.Process()
    found = set()
    for process in (mine, *mine.children(recursive=True)):
        for each in process.net_connections():
            if each.status == psutil.CONN_LISTEN:
                found.add((each.laddr.ip, each.laddr.port))
    return found


def test_a_local_cluster_counts_the_same(tmp_path: Path) -> None:
    """As one process does; it listens on 127.0.0.1 alone, and not without TLS.

    A file that vanished before it was read, and one that ends its worker, are named as missing.
    """
    random_logs(tmp_path / "random", 5)
    files = logs_in(tmp_path / "logs", 4)
    gone = ReceiveLogFile(tmp_path / "gone.LOG", "gone.LOG")
    poison = ReceiveLogFile(tmp_path / "poison.LOG", "poison.LOG")
    (tmp_path / "poison.LOG").write_text(HEAD + session(1), newline="")
    (tmp_path / "parts").mkdir()
    before = listening()  # endpoints of other tests
    with local_client(2) as client:
        client.run(_poison, "poison.LOG")
        client.register_plugin(Poisoned())
        places = {host for host, _ in listening() - before}
        address = client.scheduler.address
        done = dict(read_with(client, [*files, gone, poison], tmp_path / "parts", PartSettings()))
    again = read_logs([tmp_path / "random"], cluster=Cluster("local"))

    assert places == {"127.0.0.1"}
    assert address.startswith("tls://127.0.0.1:")
    assert [type(done[file]) for file in files] == [Part] * 4
    assert done[gone] == "could not be read (No such file or directory)"
    assert done[poison] == "its process ended while it was read"
    assert len(list(loaded(tmp_path / "parts"))) == 4
    assert (again.told, again.missing) == (read_logs([tmp_path / "random"]).told, ())


def _poison(name: str) -> None:
    """From now on this worker ends under a file of this name, as by a fault of a library."""
    original = cluster.outcome_of

    def outcome_of(place: LogPlace, folder: Path, settings: PartSettings) -> Part | str:
        if isinstance(place, Path) and place.name == name:
            os._exit(9)
        return original(place, folder, settings)

    cluster.outcome_of = outcome_of


class Poisoned(distributed.WorkerPlugin):  # type: ignore[misc]
    """Poisons workers that begin later as well."""

    def setup(self, worker: object) -> None:
        """A worker begins."""
        del worker
        _poison("poison.LOG")


@pytest.mark.long
def test_killing_one_of_three_workers_loses_nothing(tmp_path: Path) -> None:
    """What it was reading is read by another one; every count is there, nothing twice."""
    files = logs_in(tmp_path / "logs", 60)
    (tmp_path / "parts").mkdir()
    with local_client(3) as client:
        client.run(_slowly)
        victim = next(iter(client.run(os.getpid).values()))
        killer = threading.Timer(0.5, os.kill, (victim, signal.SIGKILL))
        killer.start()
        done = dict(read_with(client, files, tmp_path / "parts", PartSettings()))
        killer.join()
        after = set(client.run(os.getpid).values())

    assert victim not in after
    assert [file.name for file in files if not isinstance(done[file], Part)] == []
    read = read_logs([], keep=tmp_path / "parts")
    assert counted(read) == {f"10.0.5.{number}": (1, 1) for number in range(60)}


def _slowly() -> None:
    """From now on this worker takes its time, so that something is read when it ends."""
    original = cluster.outcome_of

    def outcome_of(place: LogPlace, folder: Path, settings: PartSettings) -> Part | str:
        time.sleep(0.1)
        return original(place, folder, settings)

    cluster.outcome_of = outcome_of


def test_without_workers_the_rest_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever for a cluster from which all workers are gone."""
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    monkeypatch.setattr(cluster, "_PAUSE", 0.1)
    files = logs_in(tmp_path / "logs", 2)
    with local_client(0) as client:
        done = dict(read_with(client, files, tmp_path, PartSettings()))

    assert set(done.values()) == {"no worker was left to read it"}


@pytest.mark.long
def test_a_lost_scheduler_is_said_of_each_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was not read when it ended is named, at once and without a traceback."""
    command = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1"]
    command += ["--port", "0", "--no-dashboard", "--dashboard-address", "127.0.0.1:0"]
    files = logs_in(tmp_path / "logs", 3)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as scheduler:
        lines = iter(scheduler.stderr or ())
        address = next(found[0] for line in lines if (found := re.search(r"tcp://\S+", line)))
        threading.Thread(target=list, args=(lines,), daemon=True).start()
        original = cluster._has_workers

        def lost(client: object) -> bool:  # asked when all tasks are submitted and wait
            scheduler.kill()
            return original(client)

        monkeypatch.setattr(cluster, "_has_workers", lost)
        road = Cluster(address, is_insecure_fine=True)
        done = read_on_cluster(road, files, tmp_path, PartSettings(), 1)
        outcomes = {outcome for _, outcome in done}

    assert outcomes == {"the scheduler was lost before it was read"}
    assert "Traceback" not in capfd.readouterr().err


@contextmanager
def tls_scheduler(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A scheduler with a worker, both in this process, and the files that a client needs."""
    import trustme
    from distributed import LocalCluster
    from distributed.security import Security

    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    files = {name: str(folder / f"{name}.pem") for name in ("ca", "cert", "key")}
    authority.cert_pem.write_to_path(files["ca"])
    issued.cert_chain_pems[0].write_to_path(files["cert"])
    issued.private_key_pem.write_to_path(files["key"])
    roles = ("scheduler", "worker", "client")
    security = Security(
        require_encryption=True,
        tls_ca_file=files["ca"],
        **{f"tls_{role}_cert": files["cert"] for role in roles},
        **{f"tls_{role}_key": files["key"] for role in roles},
    )
    with LocalCluster(
        n_workers=1,
        processes=False,
        host="127.0.0.1",
        protocol="tls://",
        security=security,
        dashboard_address=None,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
    ) as there:
        yield there.scheduler_address, files


def test_a_scheduler_with_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is used with a certificate of its authority, and by nobody who has another one."""
    logs_in(tmp_path / "logs", 3)
    (tmp_path / "other").mkdir()
    monkeypatch.setattr(cluster, "CONNECT", 2.0)
    with tls_scheduler(tmp_path) as (address, files):
        url = (tmp_path / "logs").as_uri()
        read = read_logs([url], cluster=Cluster(address, **files))
        with tls_scheduler(tmp_path / "other") as (_, foreign), pytest.raises(UsageError) as said:
            read_logs([url], cluster=Cluster(address, **foreign))

    assert counted(read) == {f"10.0.5.{number}": (1, 1) for number in range(3)}
    assert "certificate" in str(said.value)


@pytest.mark.parametrize(
    ("scheduler", "more", "said"),
    [
        ("tcp://127.0.0.1:1", {}, "--insecure-scheduler"),
        ("tls://127.0.0.1:1", {"ca": "x"}, "--scheduler-cert --scheduler-key"),
        ("tls://127.0.0.1:1", {"ca": "x", "cert": "x", "key": "x"}, "no such file"),
        ("127.0.0.1:1", {}, "not a scheduler"),
        ("inproc://x", {"is_insecure_fine": True}, "not a scheduler"),
        ("local", {"ca": "x"}, "go with"),
    ],
)
def test_roads_that_are_refused(scheduler: str, more: dict[str, str], said: str) -> None:
    """Whoever reaches a scheduler runs code: without TLS only where somebody said so."""
    with pytest.raises(UsageError, match=said):
        Cluster(scheduler, **more)  # type: ignore[arg-type]
