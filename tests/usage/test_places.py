"""Logs on this machine and, through fsspec, elsewhere: found, read and named in the same way."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from mailflow.errors import InputError, UsageError
from mailflow.usage.engine import read_logs
from mailflow.usage.places import checked_url
from usage_logs import HEAD, counted, session
from usage_model import random_logs

pytest.importorskip("duckdb")
fsspec = pytest.importorskip("fsspec")


def test_a_folder_at_a_url_is_read_like_one_of_this_machine(tmp_path: Path) -> None:
    """With all below, zips among it; in a store that has no files of this machine, too."""
    files = random_logs(tmp_path / "logs", 5)
    store = fsspec.filesystem("memory")
    for file in files[1:]:
        store.pipe(f"/mailflow/{file.relative_to(tmp_path).as_posix()}", file.read_bytes())
    with zipfile.ZipFile(tmp_path / "one.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(files[0], files[0].name)
    store.pipe("/mailflow/one.zip", (tmp_path / "one.zip").read_bytes())

    there = read_logs(["memory://mailflow"])
    here = read_logs([tmp_path / "logs"])

    assert (there.told, there.missing) == (here.told, ())
    assert sorted(each.rows for each in there.parts) == sorted(each.rows for each in here.parts)


def test_what_was_read_at_a_url_is_not_read_again(tmp_path: Path) -> None:
    """By name, size and both ends; a file that grew replaces its part (S7.42)."""
    store, keep = fsspec.filesystem("memory"), tmp_path / "keep"
    log = "/grows/RECV2026112301-1.LOG"
    store.pipe(log, (HEAD + session(1, ends=False)).encode())
    before = read_logs(["memory://grows"], keep=keep)
    store.pipe(log, (HEAD + session(1) + session(2)).encode())

    after = read_logs(["memory://grows"], keep=keep)
    again = read_logs([f"memory:/{log}"], keep=keep)

    assert [each.read for each in (before, after, again)] == [1, 1, 0]
    assert counted(after) == counted(again) == {"10.0.5.7": (2, 2)}
    assert len(list(keep.glob("*.parquet"))) == 1


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sftp://anna:secret@files/logs", "must not contain a password"),
        ("simplecache::sftp://anna:secret@files/logs", "must not contain a password"),
        ("nonsense://files/logs", "cannot be used"),
    ],
)
def test_urls_that_are_refused(url: str, said: str) -> None:
    """A secret is in no command line, and an error shows none."""
    with pytest.raises(UsageError, match=said) as error:
        checked_url(url)

    assert "secret" not in str(error.value)


def test_nothing_at_a_url() -> None:
    """Said as for a folder that is not there."""
    with pytest.raises(InputError, match="no such file or folder"):
        read_logs(["memory://no-such-folder"])
