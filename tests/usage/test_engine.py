"""Many files: kept parts, files that grew, zips, poisoned files; and nobody's address anywhere."""

from __future__ import annotations

import json
import os
import signal
import threading
import zipfile
from pathlib import Path

import pytest

from mailflow.errors import InputError
from mailflow.exchange.accepted_domains import AcceptedDomains
from mailflow.usage import engine, parts, spread
from mailflow.usage.combine import Client
from mailflow.usage.document import usage_json
from mailflow.usage.engine import read_logs
from mailflow.usage.parts import PartSettings, summed
from mailflow.using import usage
from organisations import healthy
from usage_logs import HEAD, counted, session
from usage_model import ACCEPTED, CANARY, random_logs

duckdb = pytest.importorskip("duckdb")


def test_what_was_read_is_not_read_again(tmp_path: Path) -> None:
    """By name, size and both ends; what is new is added, what rotated away still counts."""
    logs, keep = tmp_path / "logs", tmp_path / "keep"
    logs.mkdir()
    (logs / "RECV2026112301-1.LOG").write_text(HEAD + session(1), newline="")
    first = read_logs([logs], keep=keep)
    (logs / "RECV2026112302-1.LOG").write_text(HEAD + session(2), newline="")

    second = read_logs([logs], keep=keep)
    (logs / "RECV2026112301-1.LOG").unlink()
    third = read_logs([logs], keep=keep)

    assert [each.read for each in (first, second, third)] == [1, 1, 0]
    assert [counted(each) for each in (first, second, third)] == [
        {"10.0.5.7": (1, 1)},
        {"10.0.5.7": (2, 2)},
        {"10.0.5.7": (2, 2)},
    ]


def test_a_file_that_grew_replaces_its_part(tmp_path: Path) -> None:
    """S7.42: the session that was open is whole then, and counts once."""
    log, keep = tmp_path / "RECV2026112301-1.LOG", tmp_path / "keep"
    log.write_text(HEAD + session(1, ends=False), newline="")
    before = read_logs([log], keep=keep)
    log.write_text(HEAD + session(1) + session(2), newline="")

    after = read_logs([log], keep=keep)

    assert counted(before) == {"10.0.5.7": (1, 0)}
    assert counted(after) == {"10.0.5.7": (2, 2)}
    assert len(list(keep.glob("*.parquet"))) == 1


def test_a_session_speaks_of_the_hours_in_which_it_begins_and_ends(tmp_path: Path) -> None:
    """What lies between adds to no time that is covered; each hour stands once."""
    log = tmp_path / "RECV2026112303-1.LOG"
    rows = [
        rf"2026-11-23T{time}.000Z,EX16A\Relay,08DE2B000000000{number},{at},10.0.0.21:25,"
        f"10.0.5.7:5000{number},{event},,\r\n"
        for number, begun, ended in ((1, "03:10:00", "03:10:05"), (2, "03:59:50", "05:00:10"))
        for at, time, event in ((0, begun, "+"), (1, ended, "-"))
    ]
    log.write_text(HEAD + "".join(rows), newline="")

    (spoken,) = summed(log, tmp_path, PartSettings()).spoken

    assert (spoken.first, spoken.last) == ("2026-11-23T03:10:00", "2026-11-23T05:00:10")
    assert spoken.hours == ("2026-11-23T03", "2026-11-23T05")


def test_other_settings_read_anew(tmp_path: Path) -> None:
    """A part depends on the accepted domains: with others the file is read again, once."""
    random_logs(tmp_path / "logs", 3)
    places, keep = [tmp_path / "logs"], tmp_path / "keep"
    plain = read_logs(places, keep=keep)

    told = read_logs(places, PartSettings(AcceptedDomains(ACCEPTED)), keep=keep)

    assert told.read == plain.read == len(told.parts)
    assert sum(each.untold for each in plain.told.clients) > 0


def test_a_zip_is_read_like_a_folder(tmp_path: Path) -> None:
    """Members that are no receive logs are passed over."""
    files = random_logs(tmp_path / "logs", 5)
    with zipfile.ZipFile(tmp_path / "logs.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in files:
            archive.write(file, file.relative_to(tmp_path))
        archive.writestr("notes.txt", "nothing of interest")

    packed = read_logs([tmp_path / "logs.zip"])

    assert packed.told == read_logs([tmp_path / "logs"]).told
    assert packed.others == 1


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """A broken zip and one that unpacks to too much are missing; the rest is read."""
    (tmp_path / "RECV2026112301-1.LOG").write_text(HEAD + session(1), newline="")
    (tmp_path / "broken.zip").write_bytes(b"PK\3\4nothing")
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("RECV.LOG", HEAD + " " * 2**24)

    read = read_logs([tmp_path])

    assert counted(read) == {"10.0.5.7": (1, 1)}
    assert sorted(each.name for each in read.missing) == ["bomb.zip/RECV.LOG", "broken.zip"]


def test_no_log_at_all(tmp_path: Path) -> None:
    """The error says where receive logs lie."""
    (tmp_path / "notes.txt").write_text("nothing of interest")

    with pytest.raises(InputError, match="no SMTP receive log"):
        read_logs([tmp_path])


def test_a_file_that_kills_its_process_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Work goes on in new processes, and the others are whole."""
    for number in range(1, 5):
        name = "poison.LOG" if number == 2 else f"RECV202611230{number}-1.LOG"
        (tmp_path / name).write_text(HEAD + session(number, f"10.0.5.{number}"), newline="")
    monkeypatch.setattr(engine, "SMALL", 0)
    monkeypatch.setattr(spread, "outcome_of", poisoned)

    read = read_logs([tmp_path])

    assert counted(read) == {f"10.0.5.{number}": (1, 1) for number in (1, 3, 4)}
    assert [each.name for each in read.missing] == ["poison.LOG"]


def poisoned(path: Path, folder: Path, settings: PartSettings) -> object:
    """What a worker does; its process ends under one file, as by a fault of a library."""
    import os

    if path.name == "poison.LOG":
        os._exit(9)
    return summed(path, folder, settings)


def test_nobodys_address_is_kept_or_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of a canary in every address, subject, message id and account nothing is left anywhere."""
    logs, keep = tmp_path / "logs", tmp_path / "keep"
    for seed in range(20, 23):
        random_logs(logs / str(seed), seed)
    said: list[str] = []

    found = usage(
        str(logs), healthy().snapshot(), keep=str(keep), accepted_domains=ACCEPTED,
        recipient_domains=True, narrow_connector=r"EX16A\Relay", tell=said.append,
    )  # fmt: skip

    assert any(CANARY.encode() in file.read_bytes() for file in logs.rglob("*.LOG"))
    shown = [json.dumps(usage_json(found)), str(found.clients_table()), str(found.covered_table())]
    shown += [str(found.elements_table()), str(found.differing_table()), *said, repr(found)]
    assert [text for text in shown if CANARY in text] == []
    for file in keep.iterdir():
        assert CANARY.encode() not in file.read_bytes()
        if file.suffix == ".parquet":
            rows = duckdb.read_parquet(str(file)).fetchall()  # it is compressed
            assert CANARY not in repr(rows)
    assert found.clients
    assert {"elsewhere.example"} <= {name for each in found.clients for name in each.domains}
    assert CANARY not in "".join(capfd.readouterr())


def test_domains_are_kept_only_where_asked(tmp_path: Path) -> None:
    """Without the option only counts are there."""
    for seed in range(20, 23):
        random_logs(tmp_path / str(seed), seed)

    clients: tuple[Client, ...] = read_logs(
        [tmp_path], PartSettings(AcceptedDomains(ACCEPTED))
    ).told.clients

    assert any(each.outside for each in clients)
    assert not any(each.domains for each in clients)


def test_ctrl_c_ends_the_reading_and_is_no_file_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB turns Ctrl-C into an error of its own: the answer would lack a file and look whole."""
    log = tmp_path / "RECV2026112301-1.LOG"
    log.write_text(HEAD + session(1), newline="")
    endless = "select count(*) from range(10000000) a, range(100000) b where a.range > length(?)"
    monkeypatch.setattr(parts, "_groups", lambda _: endless)
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            read_logs([log])
    finally:
        timer.cancel()
