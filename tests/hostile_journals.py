"""Run folders as somebody hostile would leave them: journals and snapshots that were meddled with.

    spoil(folder, Random(7))    one thing in a run folder is another one; what, in words

Whoever does this knows the format: hashes fit the values, and everything but the digest is right.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from mailflow.apply.journal import FILE, SNAPSHOT, Journal
from mailflow.exchange.ranges import parse_range

TEXTS = (
    *("", "EVIL", "evil.example", "winrm://evil.example", "winrm+http://10.9.9.9:1"),
    *("EX16A\\Relay\nEX16A\\Relay: rolled back", "EX16A\\Relay\x1b[2J\x1b[1;1H", "\u202eyaleR"),
    *('EX16A\\Relay" -Enabled $false #', "EX16A\\$(Remove-Item C:\\)", "EX16A\\*", "*"),
    *("EX16A\\Relay`n", "\u201cEX16A\u201d", "\ud800", "\x00", "x" * 5_000, "EX10A\\1187"),
    *("done", "verified", "put back", "10.0.0.0/8", "0.0.0.0-255.255.255.255", "\\\\evil\\x"),
    *("EX16B", "EX16B\\Relay", "demo:article"),
)
NUMBERS = (0, -1, 1, 10**30, 1e308, float("inf"), True, False, None)
OTHERS = ([], {}, [[]], {"schema": "mailflow.apply/2"}, ["10.0.0.0/8"], [None])


def spoil(folder: Path, dice: Random) -> str:
    """Change one thing in a run folder; says what. It may come out as it was."""
    kind = dice.choice(list(KINDS))
    KINDS[kind](folder, dice)
    return kind


def understood(folder: Path) -> tuple[object, object]:
    """What journal and snapshot say, whatever their form; None where they say nothing."""
    return _understood(folder / FILE), _understood(folder / SNAPSHOT)


def _understood(file: Path) -> object:
    try:
        return json.loads(file.read_bytes().decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


def _leaves(held: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - parsed JSON
    """Each place of a document: a list or object, and the key in it."""
    places = held.items() if isinstance(held, dict) else enumerate(held)
    for key, value in list(places):
        yield held, key
        if isinstance(value, dict | list):
            yield from _leaves(value)


def _rewritten(file: Path, change: Callable[[Any], None]) -> None:
    document = json.loads(file.read_text())
    change(document)
    file.write_text(json.dumps(document))


def _value(folder: Path, dice: Random) -> None:
    def change(document: Any) -> None:  # noqa: ANN401 - parsed JSON
        held, key = dice.choice(list(_leaves(document)))
        held[key] = dice.choice([*TEXTS, *NUMBERS, *OTHERS])

    _rewritten(folder / FILE, change)


def _key(folder: Path, dice: Random) -> None:
    def change(document: Any) -> None:  # noqa: ANN401 - parsed JSON
        held, key = dice.choice([one for one in _leaves(document) if isinstance(one[0], dict)])
        value = held.pop(key)
        if dice.random() < 0.5:
            held[dice.choice(TEXTS)] = value

    _rewritten(folder / FILE, change)


def _host(folder: Path, dice: Random) -> None:
    def change(document: Any) -> None:  # noqa: ANN401 - parsed JSON
        document["source"] = dice.choice(["winrm://evil.example", "winrm+http://ex16a.evil:5985"])

    _rewritten(folder / FILE, change)


def _as_a_journal(folder: Path, change: Callable[[Journal], None]) -> None:
    """Changed with all hashes as they have to be, and the digest that was there."""
    journal = Journal.load(folder)
    digest = json.loads(journal.file.read_text())["digest"]
    change(journal)
    journal.file.write_text(json.dumps(journal.document() | {"digest": digest}))


def _list(folder: Path, dice: Random) -> None:
    def change(journal: Journal) -> None:
        entry = dice.choice(journal.connectors)
        (one,) = entry.changes
        name = dice.choice(["old", "new"])
        value = list(getattr(one, name))
        if dice.random() < 0.5:
            value.insert(0, parse_range(f"10.{dice.randrange(256)}.0.0/16"))
        else:
            value.pop(dice.randrange(len(value)))
        entry.changes = (replace(one, **{name: tuple(value)}),)

    _as_a_journal(folder, change)


def _name(folder: Path, dice: Random) -> None:
    def change(journal: Journal) -> None:
        entry = dice.choice(journal.connectors)
        entry.connector = dice.choice([*TEXTS, "evil.example\\Relay", "EX16A\\Default EX16A"])
        entry.server = dice.choice([entry.server, entry.connector.partition("\\")[0]])

    _as_a_journal(folder, change)


def _entry(folder: Path, dice: Random) -> None:
    def change(document: Any) -> None:  # noqa: ANN401 - parsed JSON
        entries = document[dice.choice(["connectors", "queues"])]
        match dice.randrange(3):
            case 0:
                entries.pop(dice.randrange(len(entries)))
            case 1:
                entries.reverse()
            case _:
                entries.append(json.loads(json.dumps(dice.choice(entries))))

    _rewritten(folder / FILE, change)


def _note(folder: Path, dice: Random) -> None:
    def change(journal: Journal) -> None:
        entry = dice.choice(journal.connectors)
        entry.note = dice.choice(["begun", "done", "going back", "put back", "not begun"])
        journal.ended = dice.choice([None, "2026-11-23T14:02:00+00:00"])

    _as_a_journal(folder, change)


def _controller(folder: Path, dice: Random) -> None:
    def change(document: Any) -> None:  # noqa: ANN401 - parsed JSON
        dice.choice(document["connectors"])["controller"] = "dc.evil.example"

    _rewritten(folder / FILE, change)


def _digest(folder: Path, dice: Random) -> None:
    def change(document: Any) -> None:  # noqa: ANN401 - parsed JSON
        document["digest"] = dice.choice(["", None, 5, "0" * 64, document["digest"][::-1], []])

    _rewritten(folder / FILE, change)


def _bytes(folder: Path, dice: Random) -> None:
    file = folder / FILE
    content = bytearray(file.read_bytes())
    place = dice.randrange(len(content))
    match dice.randrange(3):
        case 0:
            del content[place:]
        case 1:
            content[place] ^= 1 << dice.randrange(8)
        case _:
            content[place:place] = dice.randbytes(dice.randrange(1, 9))
    file.write_bytes(content)


def _snapshot(folder: Path, dice: Random) -> None:
    """Its hosts, its organization or its lists; also in such a way that the journal agrees."""
    text = (folder / SNAPSHOT).read_text()
    old, new = dice.choice(
        [
            ("ex16a.contoso.example", "ex16a.evil.example"),
            ("ex16b.contoso.example", "10.9.9.9"),
            ("10.0.0.11", "10.0.0.0/8"),
            ("Relay", "Relay\\nX"),
        ]
    )
    (folder / SNAPSHOT).write_text(text.replace(old, new))
    if dice.random() < 0.5:
        journal = (folder / FILE).read_text()
        (folder / FILE).write_text(journal.replace(old, new))


KINDS: Mapping[str, Callable[[Path, Random], None]] = {
    "another value": _value,
    "another key": _key,
    "another host": _host,
    "another list": _list,
    "another name": _name,
    "another entry": _entry,
    "another note": _note,
    "another domain controller": _controller,
    "another digest": _digest,
    "other bytes": _bytes,
    "another snapshot": _snapshot,
}
"""What may be done to a run folder."""
