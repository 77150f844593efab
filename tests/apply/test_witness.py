"""A journal beside a snapshot that says something else."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from applying import NEW, OLD, RELAYS, again, bench
from kinds import KINDS, practice_with
from mailflow.analysis.change import Change
from mailflow.apply.journal import Journal
from mailflow.apply.witness import proven_from
from mailflow.errors import InputError
from mailflow.exchange.ranges import parse_range

Meddle = Callable[[Journal], None]


def _done(home: Path) -> Journal:
    one = bench(home)
    one.work.carry_out(one.confirmed)
    return Journal.load(home / "first")


def _other_old(journal: Journal, *ranges: str) -> None:
    entry = journal.connectors[0]
    old = tuple(map(parse_range, ranges))
    entry.changes = (replace(entry.changes[0], old=old),)


def _renamed(journal: Journal, name: str, server: str = "EX16A") -> None:
    journal.connectors[0].connector = name
    journal.connectors[0].server = server


def _other_parameter(journal: Journal) -> None:
    journal.connectors[0].changes = (Change(RELAYS[0], "Fqdn", "evil.example", "b.example"),)


def _twice(journal: Journal) -> None:
    journal.connectors.append(replace(journal.connectors[0]))


def _parameter_twice(journal: Journal) -> None:
    journal.connectors[0].changes *= 2


def _elsewhere(journal: Journal) -> None:
    journal.source = "winrm://evil.example"


def _queue(journal: Journal) -> None:
    journal.queues[0].queue = "EVIL\\1"


def _server(journal: Journal) -> None:
    journal.connectors[0].server = "EX16B"


@pytest.mark.parametrize(
    ("meddle", "why"),
    [
        (_elsewhere, "it is of winrm://evil.example, and the snapshot is of winrm://ex16a.contoso"),
        (_server, "it gives EX16B as the server of EX16A\\Relay"),
        (_twice, "it holds EX16A\\Relay twice"),
        (_parameter_twice, "it sets one parameter of EX16A\\Relay twice"),
        (_queue, "the snapshot contains no server of queue EVIL\\1"),
        (
            lambda one: _renamed(one, "evil.example\\Relay", "evil.example"),
            "the snapshot contains no server evil.example",
        ),
        (
            lambda one: _renamed(one, "EX16A\\Other\n\u202e$(calc)"),
            "snapshot contains no connector EX16A\\Other\\x0a\\u202e$(calc) with RemoteIPRanges",
        ),
        (
            lambda one: _other_old(one, "10.0.0.0/8"),
            (
                "the old RemoteIPRanges of EX16A\\Relay is 10.0.0.0/8 in it, and 10.0.0.11, "
                "10.0.0.12, 10.0.5.0/24 in the snapshot"
            ),
        ),
        (lambda one: _other_old(one, *OLD[:-1]), "the old RemoteIPRanges of EX16A\\Relay is"),
        (lambda one: _other_old(one, *OLD, OLD[0]), "the old RemoteIPRanges of EX16A\\Relay is"),
        (_other_parameter, "the old Fqdn of EX16A\\Relay is evil.example in it, and"),
    ],
)
def test_a_contradiction_is_told(tmp_path: Path, meddle: Meddle, why: str) -> None:
    """The sentence which differs, in one line."""
    journal = _done(tmp_path)
    meddle(journal)

    with pytest.raises(InputError) as caught:
        proven_from(journal)

    assert str(journal.file) in str(caught.value)
    assert why in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_agrees_with_its_snapshot(kind: str, tmp_path: Path) -> None:
    """Each parameter that a repair sets, saved and read again."""
    one = again(practice_with(kind), tmp_path / "first")
    one.work.carry_out(one.confirmed)

    assert proven_from(Journal.load(tmp_path / "first")).connectors == one.org.connectors


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b"9" * 5_000,
        b'{"schema": "mailflow.snapshot/1", "tables": {"servers": {"columns": 1, "rows": 1}}}',
        b'{"schema": "mailflow.snapshot/1", "tables": {}, "taken": 1e999}',
    ],
)
def test_a_snapshot_that_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    """Told as such."""
    journal = _done(tmp_path)
    (journal.folder / "snapshot").write_bytes(content)

    with pytest.raises(InputError, match="snapshot"):
        proven_from(journal)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_snapshot_that_is_a_pipe(tmp_path: Path) -> None:
    """Nobody waits for what is written into it."""
    journal = _done(tmp_path)
    (journal.folder / "snapshot").unlink()
    os.mkfifo(journal.folder / "snapshot")

    with pytest.raises(InputError, match="it is not a file"):
        proven_from(Journal.load(journal.folder))


def test_a_value_of_the_snapshot_that_was_not_read(tmp_path: Path) -> None:
    """What it cannot confirm is not believed."""
    journal = _done(tmp_path)
    file = journal.folder / "snapshot"
    document = json.loads(file.read_text())
    table = document["tables"]["connectors"]
    place = list(table["columns"]).index("ranges_complete")
    for row in table["rows"]:
        row[place] = False
    file.write_text(json.dumps(document))

    with pytest.raises(InputError, match="contains no connector"):
        proven_from(journal)


def test_new_values_are_the_servers_to_tell(tmp_path: Path) -> None:
    """They are compared with the server, and with nothing else."""
    journal = _done(tmp_path)

    assert [str(one) for one in journal.connectors[0].after.ranges] == list(NEW)
    assert proven_from(journal).origin == journal.source
