"""Store what today's version writes, so that every later version is held to reading it.

    python tests/stored/make.py v2          # a new folder with today's snapshots, run and journals
    python tests/stored/make.py --findings  # the findings again, after a change that is meant

A folder is written once and never again: make one when a format changes. All data is simulated.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
sys.path[:0] = [str(ROOT / "lib"), str(ROOT / "tests")]

from applying import Bench, bench  # noqa: E402 - found by the path above
from mailflow import cli  # noqa: E402
from mailflow.apply.journal import FILE, Journal  # noqa: E402
from mailflow.apply.work import put_back  # noqa: E402
from mailflow.exchange.servers import Generation  # noqa: E402
from mailflow.opening import open_source  # noqa: E402
from mailflow.snapshot import Read, Snapshot, Unread, load, write_whole  # noqa: E402
from mailflow.sources.shell import Call, Reply  # noqa: E402
from stored_data import FINDINGS, STORED, golden, scenario_names, versions  # noqa: E402

SCENARIOS = (
    "article",
    "healthy",
    "incomplete",
    "maintenance-left-on",
    "relay-2525",
    "relay-ipv6",
    "role-conflict",
    "service-stopped",
)
"""Scenarios of which a snapshot is stored."""

RUN = ("manifest.json", "findings.json", "snapshot")
"""Files of a run folder that later versions read."""


def everything() -> Snapshot:
    """A snapshot with a row in every table, and with None in every column that may hold it."""
    org = open_source("demo:article")
    server = replace(
        org.servers[0],
        version=None,
        version_text="",
        has_frontend=None,
        has_hub=None,
        is_edge=None,
        generation_hint=Generation.LEGACY,
    )
    connector = replace(
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
    queue = replace(
        org.queues[0],
        message_count=None,
        last_error=None,
        last_error_complete=False,
        retry_count=None,
        deferred_count=None,
        velocity=-0.5,
    )
    address = replace(
        org.addresses[0], has_dns_servers=True, has_gateway=False, registers_in_dns=False
    )
    return replace(
        org,
        servers=(server, *org.servers[1:]),
        addresses=(address, *org.addresses[1:]),
        connectors=(connector, *org.connectors[1:]),
        queues=(queue, *org.queues[1:]),
        settings=(replace(org.settings[0], use_downgraded_auth=None), *org.settings[1:]),
        reads=(Read("EX16A", "ok", "asked itself: session", 1.25), Read("EX10B", "failed", "", 3)),
        unread=(Unread("EX10B", "Get-Queue", "timed out"), Unread("", "addresses", "not given")),
        ignored=(("Get-SendConnector", "send.xml"),),
        inputs={"queues.xml": "9f2c"},
    )


def store(folder: Path) -> None:
    """Write everything that today's version stores into a new folder."""
    snapshots = folder / "snapshots"
    snapshots.mkdir(parents=True)
    for name in SCENARIOS:
        open_source(f"demo:{name}").save(snapshots / name)
    everything().save(snapshots / "everything")
    with tempfile.TemporaryDirectory() as place:
        _store_run(Path(place), folder / "run")
        for name, make in JOURNALS.items():
            _store_journal(make(Path(place) / name), folder / "journals" / name)


def _store_run(runs: Path, target: Path) -> None:
    arguments = ["run", "mail_stuck_in_queue", "demo:article", "--ticket", "INC0012345"]
    with contextlib.suppress(SystemExit):
        cli.main([*arguments, "--runs", str(runs)])
    (made,) = runs.iterdir()
    target.mkdir()
    for name in RUN:
        shutil.copy(made / name, target / name)


class Stopped(BaseException):
    """Ends a repair in the middle, as nothing catches it."""


def _done(home: Path) -> Bench:
    home.mkdir()
    one = bench(home)
    one.work.carry_out(one.confirmed)
    return one


def _begun(home: Path) -> Bench:
    def meddle(_: str, call: Call, go_on: Callable[[], Reply]) -> Reply:
        reply = go_on()
        if call.cmdlet == "Set-ReceiveConnector":
            raise Stopped
        return reply

    home.mkdir()
    one = bench(home, meddle=meddle)
    try:
        one.work.carry_out(one.confirmed)
    except Stopped:
        return one
    raise AssertionError("the repair was not interrupted")


def _rolled_back(home: Path) -> Bench:
    one = _done(home)
    assert put_back(one.live, Journal.load(home / "first")) == ""
    return one


JOURNALS: dict[str, Callable[[Path], Bench]] = {
    "done": _done,
    "begun": _begun,
    "rolled-back": _rolled_back,
}
"""How the journal of each name comes to be."""


def _store_journal(one: Bench, target: Path) -> None:
    """Keep the journal and its snapshot; its process began at a time that none has."""
    journal = Journal.load(one.work.folder())
    journal.owner = (4242, datetime(2026, 11, 23, tzinfo=UTC).timestamp())
    journal.keep()
    target.mkdir(parents=True)
    for name in (FILE, "snapshot"):
        shutil.copy(journal.folder / name, target / name)


def store_findings() -> None:
    """Write what is found in every scenario, and in every stored snapshot."""
    _write(FINDINGS, {name: golden(open_source(f"demo:{name}")) for name in scenario_names()})
    for folder in versions():
        files = sorted((folder / "snapshots").iterdir())
        _write(folder / "findings.json", {file.name: golden(load(file)) for file in files})


def _write(file: Path, document: dict[str, Any]) -> None:
    write_whole(file, json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def main(arguments: list[str]) -> None:
    """Make a folder of this name, unless only the findings are asked for."""
    match arguments:
        case ["--findings"]:
            pass
        case [name] if name.startswith("v"):
            store(STORED / name)
        case _:
            raise SystemExit(__doc__)
    store_findings()


if __name__ == "__main__":
    main(sys.argv[1:])
