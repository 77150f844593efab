"""Write rows as captures, in every form and its variants, for tests and for the demo.

CLIXML and Format-List come from the practice organisation's writer; JSON and CSV stand here.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from mailflow.exchange.cmdlets import TABLES
from mailflow.simulated.writer import TYPE_OF, clixml, format_list, printed, wrap
from mailflow.sources.row import Complex, Enumeration, Items, Reading, Row, Value

Form = Literal[
    "clixml", "clixml-utf16", "list", "list-utf16", "transcript", "json", "json-5.1", "csv"
]
__all__ = (
    "FORMS",
    "NAMES",
    "Form",
    "clixml",
    "csv_text",
    "format_list",
    "json_text",
    "render",
    "utf16",
    "wrap",
    "write",
)

FORMS: tuple[Form, ...] = Form.__args__  # type: ignore[attr-defined]

NAMES = {
    "Get-ExchangeServer": "servers",
    "Get-ReceiveConnector": "connectors",
    "Get-Queue": "queues",
    "Get-TransportService": "settings",
    "Get-NetworkConnectionInfo": "adapters",
    **{spec.name: table for table, spec in TABLES.items()},
}


def write(reading: Reading, folder: Path, form: Form, *, width: int = 80) -> Path:
    """Write one file for each cmdlet of a reading (and addresses.csv) into a folder; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    for cmdlet, name in NAMES.items():
        if cmdlet in reading.cmdlets:
            content, suffix = render(list(reading.of(cmdlet)), form, cmdlet, width=width)
            (folder / f"{name}{suffix}").write_bytes(content)
    addresses = [row.values for row in reading.of("addresses.csv")]
    if addresses:
        lines = ["server,address", *(f"{one['server']},{one['address']}" for one in addresses)]
        (folder / "addresses.csv").write_bytes(("\n".join(lines) + "\n").encode())
    return folder


def render(rows: list[Row], form: Form, cmdlet: str, *, width: int = 80) -> tuple[bytes, str]:
    """The rows of one cmdlet in a form, and the usual suffix of such a file."""
    if form.startswith("clixml"):
        text = clixml(rows)
        return (utf16(text), ".xml") if form.endswith("16") else (text.encode(), ".xml")
    if form.startswith("json"):
        old = form == "json-5.1"
        content = json_text(rows, enums="number" if old else "pair", old_dates=old)
        return (utf16(content) if old else content.encode()), ".json"
    if form == "csv":
        return csv_text(rows).encode(), ".csv"
    if form == "transcript":
        head = f"PS C:\\> {cmdlet} | Format-List\n"
        return (head + format_list(rows, width=width, console=True)).encode(), ".txt"
    text = format_list(rows, width=width).replace("\n", "\r\n")
    return (utf16(text) if form.endswith("16") else text.encode()), ".txt"


def utf16(text: str) -> bytes:
    """As Windows PowerShell redirects: UTF-16 LE with its mark."""
    return b"\xff\xfe" + text.encode("utf-16-le")


# -- JSON and CSV ----------------------------------------------------------------------------------


def json_text(
    rows: list[Row],
    *,
    enums: Literal["pair", "number", "text"] = "pair",
    objects: Literal["text", "members"] = "text",
    old_dates: bool = False,
) -> str:
    """`ConvertTo-Json` of rows; a single object is no list.

    `enums`: `{"value": 3, "Value": "Retry"}` of a remote session, the number of Windows PowerShell,
    or the text of -EnumsAsStrings. `objects`: an identity, range or binding as its text (below the
    depth), or as its members without it. `old_dates`: as 5.1 writes them.
    """
    things = [_plain(dict(row.values), enums, objects, old_dates) for row in rows]
    text = json.dumps(things[0] if len(things) == 1 else things, indent=2, ensure_ascii=False)
    return text.replace('"/Date(', '"\\/Date(').replace(')/"', ')\\/"')


def _plain(value: Any, enums: str, objects: str, old_dates: bool) -> Any:  # noqa: ANN401
    if isinstance(value, Mapping):
        return {key: _plain(one, enums, objects, old_dates) for key, one in value.items()}
    if isinstance(value, Items):
        return [_plain(one, enums, objects, old_dates) for one in value.values]
    if isinstance(value, Complex):
        whole = objects == "members"
        return _plain(value.properties, enums, objects, old_dates) if whole else value.text
    if isinstance(value, Enumeration):
        pair = {"value": value.number, "Value": value.text}
        return {"pair": pair, "number": value.number, "text": value.text}[enums]
    if isinstance(value, datetime):
        milliseconds = int(value.astimezone(UTC).timestamp() * 1000)
        return f"/Date({milliseconds})/" if old_dates else value.isoformat()
    return value


def csv_text(rows: list[Row], *, delimiter: str = ",", type_line: bool = False) -> str:
    """`Export-Csv` of a remote session: lists joined with blanks; columns of the first object."""
    names = list(rows[0].values) if rows else []
    out = io.StringIO()
    if type_line and rows:
        out.write(f"#TYPE {TYPE_OF[rows[0].cmdlet]}\r\n")
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_joined(row.values.get(name)) for name in names])
    return out.getvalue()


def _joined(value: Value) -> str:
    return " ".join(map(printed, value.values)) if isinstance(value, Items) else printed(value)
