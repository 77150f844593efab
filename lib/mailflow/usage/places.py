"""Where logs lie: files of this machine, and, through fsspec, whatever has a URL.

A file of this machine is a `Path`; one that lies elsewhere is its URL, a text. fsspec belongs to
the extra "cluster" and is asked for where a URL is named, and nowhere else.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Any
from urllib.parse import urlsplit

from mailflow import extras
from mailflow.errors import InputError, UsageError

LogPlace = Path | str


def is_url(text: str) -> bool:
    """Whether a text names something for fsspec: `s3://bucket/logs`, `file:///mnt/logs`."""
    return "://" in text


def checked_url(text: str) -> str:
    """A URL that may be used.

    Raises:
        UsageError: it holds a password, or fsspec or what it needs for this kind is missing.
    """
    if any(urlsplit(piece).password is not None for piece in text.split("::")):
        raise UsageError(
            "a URL of logs must not contain a password: use the configuration or environment of "
            "the library that reads the URL"
        )
    _system(text)
    return text


def name_of(place: LogPlace) -> str:
    """The name of a file without its folders."""
    return place.name if isinstance(place, Path) else PurePosixPath(urlsplit(place).path).name


@contextmanager
def opened(place: LogPlace) -> Iterator[IO[bytes]]:
    """A file that can be read from any position.

    Raises:
        OSError: it cannot be read.
    """
    if isinstance(place, Path):
        with place.open("rb") as file:
            yield file
    else:
        system, path = _system(place)
        with system.open(path, "rb") as file:
            yield file


def copied(place: LogPlace, target: Path, size: int) -> Path:
    """The first `size` bytes of a file as a file of this machine.

    Raises:
        OSError: it cannot be read or written.
    """
    with opened(place) as file, target.open("wb") as out:
        left = size
        while left > 0 and (piece := file.read(min(2**20, left))):
            out.write(piece)
            left -= len(piece)
    return target


def unpacked(place: LogPlace, target: Path) -> Path:
    """A zip as a file of this machine: zips are read from many positions."""
    if isinstance(place, Path):
        return place
    with opened(place) as file, target.open("wb") as out:
        shutil.copyfileobj(file, out, 2**20)
    return target


def listed(place: LogPlace) -> Iterator[tuple[LogPlace, str]]:
    """A file, or every file of a folder with all below, with its name below the folder.

    Raises:
        InputError: there is no such thing, or it cannot be listed.
    """
    if isinstance(place, Path):
        if not place.exists():
            raise InputError(f"{place}: no such file or folder")
        for file in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if file.is_file():
                yield file, file.relative_to(place).as_posix() if place.is_dir() else file.name
        return
    system, path = _system(place)
    try:
        found = sorted(system.find(path))
    except Exception as error:
        raise InputError(f"{place}: cannot be listed ({_reason(error)})") from error
    if not found:
        raise InputError(f"{place}: no such file or folder")
    for file in found:
        below = os.path.relpath(file, path) if file != path else name_of(file)
        yield system.unstrip_protocol(file), below


def _system(url: str) -> tuple[Any, str]:
    """The file system of a URL, and the path in it."""
    try:
        import fsspec
    except ImportError:
        raise UsageError(
            f"{url}: needs fsspec, which is not installed: {extras.install('cluster')}"
        ) from None
    try:
        system, path = fsspec.core.url_to_fs(url)
    except (ImportError, ValueError) as error:  # a kind that is unknown, or needs a package
        raise UsageError(f"{url}: cannot be used ({error})") from error
    return system, path


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
