"""The file of accepted findings: TOML that a person keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import date, datetime
from pathlib import Path
from typing import Any

from mailflow.checks.registry import CARDS
from mailflow.errors import InputError
from mailflow.phrases import did_you_mean
from mailflow.plain import keeps_its_line
from mailflow.toml_file import in_single_quotes, read_toml
from mailflow.views.accepted import ANY, AcceptedEntry

EXPECTED = (
    "[[accepted]] with cause and reason, and with server, connector, until and fingerprint as "
    "needed"
)
_QUOTED = "connector = 'EX16A\\Relay'"
_KEYS = tuple(each.name for each in fields(AcceptedEntry) if each.name != "place")


def read_accepted(file: Path) -> tuple[AcceptedEntry, ...]:
    """The entries of a file of accepted findings.

    Raises:
        InputError: it cannot be read, is no TOML, or an entry names too little or what is unknown.
    """
    return accepted_text(file)[0]


def accepted_text(file: Path) -> tuple[tuple[AcceptedEntry, ...], str]:
    """The entries of the file, and its text.

    Raises:
        InputError: it cannot be read, is no TOML, or an entry names too little or what is unknown.
    """
    try:
        document, text = read_toml(file, EXPECTED, _QUOTED)
    except FileNotFoundError as error:
        raise InputError(f"{file}: no such file; expected {EXPECTED}") from error
    for name in document:
        if name != "accepted":
            raise InputError(f"{file}: unknown key {name!r}; expected {EXPECTED}")
    rows = document.get("accepted", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{file}: expected {EXPECTED}")
    return tuple(_entry(file, place, row) for place, row in enumerate(rows, start=1)), text


def _entry(file: Path, place: int, row: Mapping[str, Any]) -> AcceptedEntry:
    where = f"{file}: entry {place}"
    for name in row:
        if name not in _KEYS:
            raise InputError(
                f"{where}: unknown key {name!r}.{did_you_mean(name, _KEYS)} Known: "
                f"{', '.join(_KEYS)}"
            )
    texts = {name: _text(where, name, row[name]) for name in row if name != "until"}
    for name in ("cause", "reason"):
        if not texts.get(name):
            raise InputError(f"{where}: {name} is missing; expected {EXPECTED}")
    if texts["cause"] not in CARDS:
        raise InputError(
            f"{where}: unknown cause {texts['cause']!r}.{did_you_mean(texts['cause'], CARDS)} "
            "docs/checks/README.md lists all"
        )
    entry = AcceptedEntry(**texts, until=_day(where, row.get("until")), place=place)
    if not (entry.server or entry.connector or entry.fingerprint):
        raise InputError(
            f"{where}: names no server, connector or fingerprint; to accept {entry.cause} "
            f'everywhere, write server = "{ANY}" and connector = "{ANY}"'
        )
    if entry.connector and "\\" not in entry.connector and not entry.server:
        raise InputError(
            f"{where}: on which server? Add server, or write 'SERVER\\{entry.connector}'"
        )
    return entry


def _text(where: str, name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InputError(f"{where}: {name} is not text; expected {EXPECTED}")
    if not keeps_its_line(value) or (name == "connector" and not value.isprintable()):
        raise InputError(f"{where}: {name} holds a control character. {in_single_quotes(_QUOTED)}")
    return value.strip()


def _day(where: str, value: object) -> date | None:
    """A day, as TOML has it or as text; a time of day would say more than is meant."""
    if value is None:
        return None
    if isinstance(value, str):
        try:
            return date.fromisoformat(value.strip())
        except ValueError:
            value = repr(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise InputError(f"{where}: until: {value} is not a date; write it as until = 2027-01-31")
