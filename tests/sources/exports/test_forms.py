"""The same objects in every form: equal, or said to be lost (sections 10.1 and 10.2)."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import get_args

import pytest

import capture_forms
from command_line import captures
from mailflow.exchange.cmdlets import PROPERTIES, Kind
from mailflow.sources.exports.clixml import read_clixml
from mailflow.sources.exports.console import read_console
from mailflow.sources.exports.csvfile import read_csv
from mailflow.sources.exports.files import read_source
from mailflow.sources.exports.jsonfile import read_json
from mailflow.sources.exports.recognise import recognise
from mailflow.sources.row import Complex, Enumeration, Items, Lost, Reading, Row, Value
from organisations import article
from support import each_of, needs_shared, shared_files

FOLDER = "captures/powershell"
ORIGINALS = {
    "queues": f"{FOLDER}/queues.xml",
    "receive-connectors": "captures/receive-connectors-2019.xml",
    "exchange-servers": "captures/exchange-servers-several.xml",
}
FORMS = [
    path
    for suffix in ("txt", "json", "csv", "again.xml")
    for path in shared_files(f"{FOLDER}/*.{suffix}")
    if path.name.partition(".")[0] in ORIGINALS and "table" not in path.name
]


def _read(path: Path) -> Reading:
    if path.suffix == ".xml":
        return read_clixml([path.read_bytes()], path.name)
    data = path.read_bytes()
    text = data.decode("utf-16" if data.startswith(b"\xff\xfe") else "utf-8-sig")
    reader = {".txt": read_console, ".json": read_json, ".csv": read_csv}[path.suffix]
    return reader(text, path.name)


def _text(value: Value) -> str:
    """What a value prints as, whatever form it came in."""
    if isinstance(value, Enumeration):
        return value.text or str(value.number)
    if isinstance(value, Complex):
        if value.text is not None:
            return value.text
        if "Major" in value.properties:
            return "Version {Major}.{Minor} (Build {Build}.{Revision})".format_map(value.properties)
        return str(value.properties.get("Domain") or value.properties.get("Name"))
    return "" if value is None else str(value)


def _compare(name: str, kind: Kind, value: Value, original: Value) -> bool:
    """Whether two forms of a value say the same; False where this form lost it and says so."""
    numberless = name == "Identity" and isinstance(value, Complex) and value.text is None
    if isinstance(value, Lost) or numberless:
        return False
    if kind is Kind.LIST:
        assert isinstance(value, Items), name
        assert isinstance(original, Items), name
        mine, real = [*map(_text, value.values)], [*map(_text, original.values)]
        assert mine == real[: len(mine)], name
        assert value.cut or len(mine) == len(real), name
        return not value.cut
    if kind is Kind.TIME:
        if isinstance(value, datetime) and isinstance(original, datetime):
            assert value == original, name
        return True  # a printed time has no zone: it is compared with nothing (S6.03)
    mine, real = _text(value), _text(original)
    # A site's object that lost its text is known by its name alone.
    assert mine == real or (name == "Site" and real.endswith(f"/{mine}")), name
    return True


@pytest.mark.parametrize("path", each_of(FORMS))
def test_every_form_says_the_same(path: Path) -> None:
    """Each column that a form holds is equal to the CLIXML original, or cut and marked so."""
    original = _read(needs_shared(ORIGINALS[path.name.partition(".")[0]]))

    reading = _read(path)

    assert not reading.unread
    assert len(reading.rows) == len(original.rows) > 0
    assert reading.cmdlets == original.cmdlets
    lost = {
        name
        for row, real in zip(reading.rows, original.rows, strict=True)
        for name in _lost(row, real)
    }
    # Only JSON of a certain depth loses something here: a queue's identity (S10.21).
    assert lost == ({"Identity"} if path.name == "queues.chosen.json" else set())


def _lost(row: Row, original: Row) -> list[str]:
    kinds = PROPERTIES[row.cmdlet]
    return [
        name
        for name, value in row.values.items()
        if name in kinds and not _compare(name, kinds[name], value, original.values[name])
    ]


def test_all_columns_come_back() -> None:
    """Lists of all properties hold every property of the original; CSV those of its first row."""
    for stem, xml in ORIGINALS.items():
        original = _read(needs_shared(xml))
        for ending in ("list-80.txt", "list-120.txt", "csv"):
            reading = _read(needs_shared(f"{FOLDER}/{stem}.{ending}"))
            for row, real in zip(reading.rows, original.rows, strict=True):
                columns = original.rows[0].values if ending == "csv" else real.values
                assert set(row.values) == set(PROPERTIES[row.cmdlet]) & set(columns)
                assert row.computer == real.computer


def test_transcript() -> None:
    """A transcript of two cmdlets at 80 columns loses blanks, and all of it reads the same."""
    reading = _read(needs_shared(f"{FOLDER}/transcript.txt"))
    queues = _read(needs_shared(ORIGINALS["queues"]))
    connectors = _read(needs_shared(ORIGINALS["receive-connectors"]))

    assert reading.cmdlets == {"Get-Queue", "Get-ReceiveConnector"}
    assert not reading.unread
    originals = [*queues.rows, *connectors.rows]
    for row, real in zip(reading.rows, originals, strict=True):
        assert not _lost(row, real)


@pytest.mark.parametrize("path", each_of(shared_files(f"{FOLDER}/*.table*.txt")))
def test_tables(path: Path) -> None:
    """What a table shows is equal to the CLIXML original, or cut and marked so (contract 2)."""
    stem = path.name.partition(".")[0]
    original = _read(needs_shared(ORIGINALS[stem]))
    reading = _read(path)
    lost = [_lost(row, real) for row, real in zip(reading.rows, original.rows, strict=True)]

    assert not reading.unread
    assert not reading.ignored
    assert {name for names in lost for name in names} == {
        {
            "queues": "LastError",
            "receive-connectors": "TransportRole",
            "exchange-servers": "AdminDisplayVersion",
        }[stem]
    }


@pytest.mark.parametrize("form", get_args(capture_forms.Form))
def test_lines_that_end_in_a_carriage_return_alone(
    form: capture_forms.Form, tmp_path: Path
) -> None:
    """As some editors save a text: every form is read as if it had line feeds."""
    read = []
    for name, end in (("lf", "\n"), ("cr", "\r")):
        folder = captures(article(), tmp_path / name, form)
        for file in folder.iterdir():
            encoding = recognise(file.read_bytes())[1]
            text = file.read_bytes().decode(encoding).replace("\r\n", "\n").replace("\n", end)
            file.write_bytes(text.encode(encoding))
        read.append(read_source(folder).reading)

    assert [row.values for row in read[1].rows] == [row.values for row in read[0].rows]
    assert read[1].unread == []
