"""One SOURCE in, a snapshot out: the only module that knows every way in (contract, section 2)."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from mailflow.errors import InputError, NotBuiltError, UsageError
from mailflow.snapshot import Snapshot, from_document, load

EXPECTED = "a file, folder or zip with captures, a saved snapshot, demo:NAME or winrm://HOST"

_DEMO = Path(__file__).parent / "demo"
_LIVE = ("winrm://", "winrm+http://")


class _Scenario(NamedTuple):
    title: str
    taken: datetime


_SCENARIOS = {
    "article": _Scenario(
        "Two Exchange 2010 servers whose mail to two Exchange 2016 servers waits in Retry",
        datetime(2026, 11, 23, 14, 2, tzinfo=UTC),
    ),
}


def scenarios() -> tuple[tuple[str, str], ...]:
    """The demo organisations: what stands behind `demo:`, and a title for people."""
    return tuple((name, one.title) for name, one in _SCENARIOS.items())


def open_source(
    source: str,
    *,
    servers: Sequence[str] = (),
    tell: Callable[[str], None] | None = None,
) -> Snapshot:
    """The organisation behind a SOURCE, as far as it can be read.

    In a headless run the organisation was read before the notebook started: its snapshot in the
    folder that MAILFLOW_RUN names is taken, so that the run judges what it keeps.

    Args:
        source: `demo:NAME`, or the path of captures or of a saved snapshot.
        servers: only paths that begin or end at these servers are judged; empty: all.
        tell: is called with a line for people before something that may take a while.

    Raises:
        UsageError: no such form of SOURCE, no such scenario, or no such server.
        NotBuiltError: a form that comes with a later version.
        InputError: nothing could be read; names file and place.
    """
    bare = source.strip()
    org = _of_this_run(bare) or _opened(bare, tell or (lambda _: None))
    return org.limited_to(tuple(servers)) if servers else org


def _of_this_run(source: str) -> Snapshot | None:
    """The snapshot that a headless run has collected already; None outside of one.

    A run may open other sources beside its own: a scenario or a live organisation is taken from
    the run only if it is the one that was collected. Paths are compared with nothing, for a
    notebook runs in another folder than the command.
    """
    folder = os.environ.get("MAILFLOW_RUN", "")
    file = Path(folder, "snapshot")
    if not folder or not file.is_file():
        return None
    org = load(file)
    is_path = not source.startswith(("demo:", *_LIVE))
    return org if is_path or org.origin == source else None


def _opened(source: str, tell: Callable[[str], None]) -> Snapshot:
    if source.startswith("demo:"):
        return _demo(source.removeprefix("demo:"), source)
    if source.startswith(_LIVE):
        raise NotBuiltError(
            f"{source}: live organisations come with a later version; until then make captures "
            "with Export-Clixml and name their folder"
        )
    if not source or "://" in source:
        raise UsageError(f"{source or 'an empty SOURCE'}: expected {EXPECTED}")
    tell(f"reading {source}")
    return _captures(Path(source).expanduser(), source)


def _demo(name: str, source: str) -> Snapshot:
    if name not in _SCENARIOS:
        raise UsageError(f"no scenario is called {name!r}; known: {', '.join(_SCENARIOS)}")
    return replace(_captures(_DEMO / name, source), taken=_SCENARIOS[name].taken)


def _captures(path: Path, source: str) -> Snapshot:
    """What a file, folder or zip holds: a saved snapshot, or captures made by hand.

    Raises:
        InputError: nothing could be read, or a snapshot and captures lie side by side.
    """
    from mailflow.sources.captures.files import read_source
    from mailflow.sources.tables import assemble

    if not _exists(path):
        raise InputError(f"{source}: no such file or folder; expected {EXPECTED}")
    found = read_source(path)
    if found.snapshot is None:
        return assemble(found.reading, origin=source, inputs=found.inputs)
    if found.reading.rows:
        raise InputError(
            f"{source}: holds a snapshot ({found.snapshot_place}) and captures "
            f"({found.reading.rows[0].place}); name the one to read"
        )
    org = from_document(found.snapshot, found.snapshot_place)
    return replace(
        org,
        unread=(*org.unread, *found.reading.unread),
        ignored=(*org.ignored, *found.reading.ignored),
    )


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name no file can have
        return False
