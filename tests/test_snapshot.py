"""A snapshot: saved and read back without loss, refused when damaged, typed as declared."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import mailflow.snapshot.files
from mailflow import budget
from mailflow.errors import InputError, UsageError
from mailflow.exchange.servers import Generation
from mailflow.plain import one_line
from mailflow.snapshot import (
    TABLES,
    ServerAddress,
    Snapshot,
    Unread,
    from_document,
    load,
    store,
    write_whole,
)
from organisations import article

YES = True
TAKEN = datetime(2026, 11, 23, 14, 2, tzinfo=UTC)


def whole() -> Snapshot:
    """A snapshot with something in every table."""
    org = article().snapshot("demo:article")
    hinted = replace(
        org.servers[0], version=None, version_text="", generation_hint=Generation.LEGACY
    )
    unknown = replace(
        org.connectors[0],
        enabled=None,
        role=None,
        auth=None,
        groups=None,
        ranges_complete=False,
        bindings_complete=False,
        suppress_x_anonymous_tls=None,
        require_tls=None,
    )
    cut = replace(org.queues[-1], last_error="451 4.4", last_error_complete=False, velocity=-0.5)
    return replace(
        org,
        taken=TAKEN,
        servers=(hinted, *org.servers[1:]),
        connectors=(unknown, *org.connectors[1:]),
        queues=(cut, *org.queues),
        unread=(Unread("EX10B", "Get-Queue", "timed out"), Unread("", "addresses", "why")),
        ignored=(("Get-SendConnector", "send.xml"),),
        inputs={"queues.xml": "9f2c"},
    )


def saved(folder: Path) -> tuple[Path, Any]:
    """A saved snapshot, and its document to be damaged."""
    path = folder / "snapshot"
    whole().save(path)
    return path, json.loads(path.read_text(encoding="utf-8"))


def test_what_is_saved_is_read_back_as_it_was(tmp_path: Path) -> None:
    """All tables, all unknowns, and all that surrounds them."""
    path, _ = saved(tmp_path)

    assert load(path) == whole()


def test_when_a_connector_was_changed_comes_back(tmp_path: Path) -> None:
    """Connectors that differ in it alone are equal, so it is looked at by itself."""
    moment = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
    org = whole()
    changed = replace(org.connectors[0], when_changed=moment)
    replace(org, connectors=(changed, *org.connectors[1:])).save(tmp_path / "snapshot")
    read = load(tmp_path / "snapshot")

    assert changed == org.connectors[0]
    assert [each.when_changed for each in read.connectors[:2]] == [moment, None]


def test_an_empty_snapshot_comes_back_empty(tmp_path: Path) -> None:
    """Nothing read is a snapshot, too."""
    Snapshot().save(tmp_path / "snapshot")

    assert load(tmp_path / "snapshot") == Snapshot()


def test_the_limit_of_a_run_is_not_saved(tmp_path: Path) -> None:
    """What was read does not depend on what a run looks at."""
    whole().limited_to(["EX16A"]).save(tmp_path / "snapshot")

    assert load(tmp_path / "snapshot") == whole()


ANYTHING = st.text(st.characters(codec=None))
NAMES = st.text(st.characters(codec=None, exclude_categories=("Cc", "Cs", "Zl", "Zp")))


@given(ANYTHING, NAMES)
def test_odd_texts_survive(text: str, other: str) -> None:
    """Errors and names come from others: quotes, hidden characters, half ones in a sentence."""
    org = whole()
    odd = replace(
        org,
        origin=text,
        queues=(replace(org.queues[0], last_error=text, next_hop_domain=other),),
        connectors=(replace(org.connectors[-1], name=other, comment=text),),
        unread=(Unread(other, text, text),),
    )

    document = json.loads(json.dumps(odd.document()))

    told = (Unread(other, one_line(text), one_line(text)),)
    assert from_document(document, "memory") == replace(odd, unread=told)


@pytest.mark.parametrize("text", ["\ud800", 'quo"te\\', "\u202e\x1b[31m", "\0\n\r\u2028", "名前"])
def test_odd_texts_survive_the_file(tmp_path: Path, text: str) -> None:
    """The same through a file, where a half character has no encoding of its own."""
    org = replace(Snapshot(), origin=text, unread=(Unread("", text, text),))
    org.save(tmp_path / "snapshot")

    told = (Unread("", one_line(text), one_line(text)),)
    assert load(tmp_path / "snapshot") == replace(org, unread=told)


FORGED = "EX10A\n\nREPAIR        Get-Mailbox | Remove-Mailbox"


@pytest.mark.parametrize("text", [FORGED, "a\x1b[2Jb", "a\u2028b", "a\ud800b"])
@pytest.mark.parametrize(
    "place",
    [
        *(("servers", "server"), ("servers", "fqdn"), ("servers", "site")),
        *(("servers", "version_text"), ("addresses", "source"), ("connectors", "name")),
        *(("connectors", "fqdn"), ("queues", "identity"), ("queues", "next_hop_domain")),
        *(("queues", "status"), ("queues", "last_retry_text"), ("unread", "server")),
    ],
    ids=".".join,
)
def test_a_name_that_breaks_its_line_is_refused(place: tuple[str, str], text: str) -> None:
    """A snapshot comes from strangers as exports do, and no snapshot of ours holds such a name."""
    table, column = place
    document = json.loads(json.dumps(replace(whole(), unread=(Unread("a", "b", "c"),)).document()))
    held = document["tables"][table]
    held["rows"][0][list(held["columns"]).index(column)] = text

    with pytest.raises(InputError, match=rf"table {table}, row 0: {column} holds a line break"):
        from_document(document, "a.snapshot")


def _drop(*path: str | int) -> Callable[[Any], None]:
    def damage(document: Any) -> None:  # noqa: ANN401
        for step in path[:-1]:
            document = document[step]
        del document[path[-1]]

    return damage


def _set(value: object, *path: str | int) -> Callable[[Any], None]:
    def damage(document: Any) -> None:  # noqa: ANN401
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = value

    return damage


@pytest.mark.parametrize(
    ("damage", "place"),
    [
        (_set("mailflow.snapshot/2", "schema"), "Use a newer version"),
        (_drop("schema"), "expected schema"),
        (_drop("tables"), "no key 'tables'"),
        (_set([], "tables"), "tables holds none"),
        (_set({"agents": {}}, "tables"), "tables holds none"),
        (_set([], "tables", "queues"), "damaged"),
        (_set("Float64", "tables", "queues", "columns", "message_count"), "declares Int64"),
        (_drop("tables", "queues", "columns", "status"), "queues"),
        (_drop("tables", "queues", "rows", 0, 3), "table queues, row 0"),
        (_set("many", "tables", "queues", "rows", 1, 5), "row 1: message_count"),
        (_set(YES, "tables", "queues", "rows", 1, 5), "row 1: message_count"),
        (_set(2**70, "tables", "queues", "rows", 1, 5), "row 1: message_count"),
        (_set(None, "tables", "queues", "rows", 1, 0), "row 1: identity"),
        (_set(1, "tables", "connectors", "rows", 0, 2), "row 0: enabled"),
        (_set(None, "tables", "connectors", "rows", 0, 6), "row 0: ranges_complete"),
        (_set("0.0.0.0:99999", "tables", "connectors", "rows", 0, 4), "99999"),
        (_set(64, "tables", "connectors", "rows", 1, 7), "64"),
        (_set("10.0.0.9-10.0.0.1", "tables", "ranges", "rows", 0, 2), "10.0.0.9"),
        (_set("fifteen", "tables", "servers", "rows", 1, 2), "fifteen"),
        (_set("1999", "tables", "servers", "rows", 1, 9), "1999"),
        (_set("yesterday", "taken"), "yesterday"),
        (_set("2026-11-23T14:02:00", "taken"), "time zone"),
        (_set("gone", "tables", "ranges", "rows", 0, 1), "gone"),
        (_set([], "inputs"), "damaged"),
        (_set([["one"]], "ignored"), "damaged"),
        (_set(None, "cmdlets"), "damaged"),
    ],
)
def test_a_damaged_snapshot_is_refused(
    tmp_path: Path, damage: Callable[[Any], None], place: str
) -> None:
    """Never half a snapshot: the message names the file and the place in it."""
    path, document = saved(tmp_path)
    damage(document)
    path.write_text(json.dumps(document), encoding="utf-8")

    with pytest.raises(InputError) as caught:
        load(path)

    assert str(path) in str(caught.value)
    assert place in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe{", b"[" * 100_000])
def test_what_is_no_snapshot_is_refused(tmp_path: Path, content: bytes) -> None:
    """Any other file is refused with its name, in one line."""
    path = tmp_path / "snapshot"
    path.write_bytes(content)

    with pytest.raises(InputError, match="snapshot"):
        load(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A name that leads nowhere is an input error, no traceback."""
    with pytest.raises(InputError, match="nowhere"):
        load(tmp_path / "nowhere")


def test_what_a_killed_process_left_is_cleared_away(tmp_path: Path) -> None:
    """A temporary file that nobody can be writing any more; no other file, and none just begun."""
    names = [
        ".kept.mailflow-aaaaaaaa",
        ".kept.mailflow-new",
        ".other.mailflow-aaaaaaaa",
        "kept.old",
    ]
    for name in names:
        (tmp_path / name).write_text("half", encoding="utf-8")
        os.utime(tmp_path / name, None if name.endswith("new") else (0, 0))

    write_whole(tmp_path / "kept", "whole")

    assert sorted(one.name for one in tmp_path.iterdir()) == sorted(["kept", *names[1:]])


def test_a_file_is_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that fills up leaves the old file, and nothing beside it."""
    path = tmp_path / "snapshot"
    write_whole(path, "old")

    def full(*_: object, **__: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(mailflow.snapshot.files.os, "fdopen", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, "new")

    assert path.read_text(encoding="utf-8") == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["snapshot"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_or_device_is_not_replaced(tmp_path: Path) -> None:
    """What reads a pipe gets the text, and the pipe stays one: so does /dev/null for root."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_whole(pipe, "text")
    read = os.read(reader, 100)
    os.close(reader)

    assert read == b"text"
    assert pipe.is_fifo()
    assert [one.name for one in tmp_path.iterdir()] == ["pipe"]


def test_a_file_has_ordinary_permissions(tmp_path: Path) -> None:
    """A colleague may read it, as any file this user makes."""
    (tmp_path / "other").write_text("")
    write_whole(tmp_path / "snapshot", "text")

    modes = {stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()}
    assert len(modes) == 1


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("org", [Snapshot(), whole()], ids=["empty", "whole"])
def test_frames_have_the_declared_columns_and_types(table: str, org: Snapshot) -> None:
    """Also without rows, so that no caller meets another type there."""
    frame = org.frame(table)

    assert list(frame.columns) == list(TABLES[table])
    assert [str(one) for one in frame.dtypes] == list(TABLES[table].values())


def test_a_frame_keeps_unknown_apart_from_no() -> None:
    """None becomes NA, never False."""
    frame = whole().frame("connectors")

    assert frame["enabled"].isna().tolist()[:2] == [True, False]
    assert frame["auth"].isna().tolist()[:2] == [True, False]


def test_names_short_or_full_find_the_server() -> None:
    """In any case, with or without the domain (S4.32)."""
    org = whole()

    found = [org.server(name) for name in ("ex16a", "EX16A.contoso.com", "ex16a.CONTOSO.com.")]

    assert [one.name if one else None for one in found] == ["EX16A"] * 3
    assert org.server("EX16A.fabrikam.com") is None


def test_a_run_may_be_limited_to_servers() -> None:
    """Paths that begin or end there count; an unknown name is named with the known ones."""
    org = whole().limited_to(["ex16a.contoso.com"])

    assert org.only == {"EX16A"}
    assert org.covers("EX10A", "ex16a")
    assert not org.covers("EX10A", "EX16B")
    assert whole().covers("EX10A")
    with pytest.raises(UsageError, match=r"EX99.*EX10A, EX10B, EX16A, EX16B"):
        org.limited_to(["EX99"])


def test_addresses_keep_their_source() -> None:
    """An address without a source convinces nobody (S9.10)."""
    assert whole().addresses[0] == ServerAddress("EX10A", "10.0.0.11", "addresses.csv")


@pytest.mark.parametrize("limit", ["MOST_SNAPSHOT", "LEAST_MEMORY"])
def test_a_hostile_snapshot_is_not_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    """Of a file that is too long, or unfolds to too much, nothing is made; the file is named."""
    path = tmp_path / "snapshot"
    path.write_text('{"schema":"mailflow.snapshot/1","tables":[' + "[]," * 10_000 + "[]]}")
    monkeypatch.setattr(budget if limit == "LEAST_MEMORY" else store, limit, 1000)

    with pytest.raises(InputError, match=r"snapshot: (more than 1000 bytes|holds more values)"):
        load(path)


@pytest.mark.parametrize("table", ["servers", "connectors", "settings"])
def test_what_is_there_twice_by_one_name_is_damage(table: str) -> None:
    """Which of two is meant nobody can say, in whatever case they are written."""
    document = json.loads(json.dumps(article().snapshot().document()))
    rows = document["tables"][table]["rows"]
    name = list(document["tables"][table]["columns"]).index("server")
    rows.append([*rows[0]])
    rows[-1][name] = rows[0][name].upper()

    with pytest.raises(InputError, match=f"table {table} names one of them twice"):
        store.from_document(document, "x")
