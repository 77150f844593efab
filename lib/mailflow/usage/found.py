"""The receive logs at some places: in folders and zips, known by their content."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mailflow.budget import MOST_RATIO, SMALLEST
from mailflow.errors import InputError
from mailflow.sources.logs.kinds import HEAD, RECEIVE, kind_of_log
from mailflow.usage.places import LogPlace, listed, opened, unpacked

MOST_FILES = 200_000
MOST_OF_ONE = 4 * 2**30
"""Bytes that a log in a zip may have."""


@dataclass(frozen=True, slots=True)
class MissingLog:
    """A file that could not be read, and so may contain sessions of any client.

    Attributes:
        name: path below the folder that was given.
        why: reason, in words; contains no text of the file.
    """

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class ReceiveLogFile:
    """A receive log.

    Attributes:
        place: where it can be read.
        name: name for people: path below the folder that was given.
        is_ours: whether it was unpacked from a zip into a folder of this process.
    """

    place: LogPlace
    name: str
    is_ours: bool = False


class FoundLogs:
    """The receive logs at some places.

    Attributes:
        files: the logs.
        missing: files that could not be read.
        others: number of files that are not receive logs.
    """

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        """Take a folder for what is unpacked, and what is called with a line for people."""
        self.files: list[ReceiveLogFile] = []
        self.missing: list[MissingLog] = []
        self.others = 0
        self._folder, self._tell = folder, tell

    def look(self, places: Sequence[LogPlace]) -> None:
        """Look at files, folders and zips.

        Raises:
            InputError: there is no such thing, or it holds too many files.
        """
        for place in places:
            self._tell(f"looking for receive logs in {place}")
            for file, name in listed(place):
                self._file(file, name)

    def _file(self, file: LogPlace, name: str) -> None:
        if len(self.files) + self.others > MOST_FILES:
            raise InputError(f"{name}: more than {MOST_FILES:,} files; name fewer folders")
        try:
            with opened(file) as there:
                head = there.read(HEAD)
        except OSError as error:
            self.missing.append(MissingLog(name, why(error)))
            return
        if head.startswith(b"PK\3\4"):
            self._zip(file, name)
        elif _is_receive_log(head):
            self.files.append(ReceiveLogFile(file, name))
        else:
            self.others += 1

    def _zip(self, file: LogPlace, name: str) -> None:
        """Unpack what is a receive log; what would unpack to too much is named as missing."""
        try:
            with zipfile.ZipFile(unpacked(file, self._folder / "packed.zip")) as archive:
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
                folder = self._folder / str(len(self.files))
                folder.mkdir()
                target = folder / (PurePosixPath(member.filename).name or "log")
                with target.open("wb") as out:
                    out.write(head)
                    shutil.copyfileobj(packed, out, 2**20)
        except Exception as error:  # noqa: BLE001 - whatever a damaged zip brings about
            self.missing.append(MissingLog(name, f"cannot be unpacked ({type(error).__name__})"))
            return
        self.files.append(ReceiveLogFile(target, name, is_ours=True))


def _is_receive_log(head: bytes) -> bool:
    is_wide = head[:2] in (b"\xff\xfe", b"\xfe\xff")
    text = head.decode("utf-16" if is_wide else "utf-8-sig", "replace")
    return kind_of_log(text) == RECEIVE


def why(error: OSError) -> str:
    """Why a file could not be read, in words."""
    return f"could not be read ({error.strerror or type(error).__name__})"
