"""What all commands share between them and the terminal: width, colour, progress, JSON, text."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mailflow.errors import InputError
from mailflow.plain import one_line

if TYPE_CHECKING:
    from mailflow.snapshot import Snapshot
    from mailflow.sources.credentials import LiveOptions


def simulated(*orgs: Snapshot | None) -> str:
    """A line over a screen that tells of organizations that mailflow made up; else empty."""
    from mailflow.phrases import joined
    from mailflow.show.words import simulated as banner

    origins = dict.fromkeys(org.origin for org in orgs if org and org.is_simulated)
    return f"{banner(joined(origins))}\n" if origins else ""


def open_organisation(
    source: str,
    servers: tuple[str, ...] = (),
    live: LiveOptions | None = None,
    evidence: tuple[str, ...] = (),
) -> Snapshot:
    """The organization behind a SOURCE, with progress shown while it is read.

    Of a run folder whose run is not complete that is said.
    """
    from mailflow.opening import open_source

    why = incomplete_run(Path(source.strip()))
    try:
        org = open_source(source, servers=servers, evidence=evidence, tell=progress, live=live)
    except InputError as error:
        if why:
            raise InputError(f"{error}. This run is not complete: {why}") from error
        raise
    progress("")
    if why:
        words = f"{source}: this run is not complete ({why}); only its snapshot is read"
        click.echo(one_line(words), err=True)
    return org


def incomplete_run(folder: Path) -> str:
    """Why the run in a folder is not complete, a clause; empty: it is, or no run is there."""
    try:
        if not (folder / "manifest.json").is_file():
            return ""
    except (OSError, ValueError):  # a name no file can have
        return ""
    from mailflow.runs.folder import unfinished

    return unfinished(folder)


def progress(line: str) -> None:
    """One line that replaces itself, on a terminal only; an empty one wipes it away."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{one_line(line)[: columns() - 1]}")
        sys.stderr.flush()


def is_terminal() -> bool:
    """Whether whoever reads our answer understands colours, and wants them."""
    import os

    return sys.stdout.isatty() and "NO_COLOR" not in os.environ


def columns() -> int:
    """How wide an answer may be; more than 100 columns cannot be read."""
    import shutil

    return min(shutil.get_terminal_size((80, 24)).columns, 100)


def in_json(document: dict[str, Any], indent: int | None = None) -> str:
    """ASCII only, so that no console's code page can spoil it."""
    import json

    return json.dumps(document, indent=indent)


def decoded(data: bytes) -> str:
    """Pasted or redirected text; what is no text of its encoding shows as U+FFFD.

    Windows PowerShell redirects as UTF-16, with a byte order mark or, through some editors, without
    one: Latin text then has a zero in every second byte.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    head = data[1:2_000:2]
    if head and head.count(0) * 2 > len(head) and not data[0:2_000:2].count(0):
        return data.decode("utf-16-le", "replace")
    return data.decode("utf-8-sig", "replace")


evidence_option = click.option(
    "--evidence",
    multiple=True,
    type=click.Path(),
    metavar="FILE",
    help="Protocol logs or EHLO replies (file, folder or zip) that decide what configuration "
    "leaves open; repeatable. They may also lie among the exports.",
)
"""Of the commands that judge a SOURCE."""
