"""Write rows as PowerShell would: CLIXML, Format-List text, JSON and CSV, in their variants.

The counterpart of the readers below `mailflow.sources.captures`, for tests and for the demo. How
PowerShell cuts long values was seen in its own output; `tests/test_capture_forms.py` holds the
lists against a real PowerShell.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from xml.sax.saxutils import escape

from mailflow.sources.row import Complex, Enumeration, Items, Lost, Reading, Row, Value

Form = Literal[
    "clixml", "clixml-utf16", "list", "list-utf16", "transcript", "json", "json-5.1", "csv"
]
FORMS: tuple[Form, ...] = Form.__args__  # type: ignore[attr-defined]

NAMES = {
    "Get-ExchangeServer": "servers",
    "Get-ReceiveConnector": "connectors",
    "Get-Queue": "queues",
    "Get-TransportService": "settings",
    "Get-NetworkConnectionInfo": "adapters",
}

_TYPES = {
    "Get-ExchangeServer": "Microsoft.Exchange.Data.Directory.Management.ExchangeServer",
    "Get-ReceiveConnector": "Microsoft.Exchange.Data.Directory.SystemConfiguration"
    ".ReceiveConnector",
    "Get-Queue": "Microsoft.Exchange.Data.QueueViewer.ExtensibleQueueInfo",
    "Get-TransportService": "Microsoft.Exchange.Data.Directory.Management.TransportServer",
    "Get-NetworkConnectionInfo": "Microsoft.Exchange.Management.SystemConfigurationTasks"
    ".NetworkConnectionInfo",
}  # fmt: skip


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
        text = clixml(rows, cmdlet)
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


# -- CLIXML ----------------------------------------------------------------------------------------


def clixml(rows: list[Row], cmdlet: str) -> str:
    """One document as Export-Clixml of a remote session writes it (section 1.6)."""
    head = '<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04"'
    if not rows:
        return f"{head} />"
    ids = iter(range(10**9))
    lines = [f"{head}>"]
    for row in rows:
        kind = row.values.get("Identity")
        text = kind.text if isinstance(kind, Complex) else None
        lines.append(f'  <Obj RefId="{next(ids)}">')
        # A type's name in full each time: references between objects are the reader's own tests.
        lines += _type_names(next(ids), _TYPES[cmdlet], "System.Object")
        lines += [f"    <ToString>{_xml(text)}</ToString>"] if text else []
        lines.append("    <Props>")
        lines += [_element(name, value, ids, 6) for name, value in row.values.items()]
        lines.append("    </Props>")
        if row.computer:
            lines += ["    <MS>", _element("PSComputerName", row.computer, ids, 6), "    </MS>"]
        lines.append("  </Obj>")
    return "\n".join([*lines, "</Objs>"])


def _type_names(number: int, *names: str) -> list[str]:
    return [
        f'    <TN RefId="{number}">',
        *(f"      <T>{_xml(one)}</T>" for one in names),
        "    </TN>",
    ]


def _element(name: str, value: Value, ids: Any, indent: int) -> str:  # noqa: ANN401
    blank = " " * indent
    label = f' N="{_xml(name)}"' if name else ""
    plain = {bool: "B", int: "I32", float: "Db", str: "S"}.get(type(value))
    if value is None:
        return f"{blank}<Nil{label} />"
    if isinstance(value, datetime):
        return f"{blank}<DT{label}>{value.isoformat().replace('+00:00', 'Z')}</DT>"
    if plain:
        text = str(value).lower() if plain == "B" else _xml(str(value))
        return f"{blank}<{plain}{label}>{text}</{plain}>"
    lines = [f'{blank}<Obj{label} RefId="{next(ids)}">']
    if isinstance(value, Enumeration):
        lines += _type_names(next(ids), "Microsoft.Exchange.Data.SomeEnum", "System.Enum")
        lines.append(f"{blank}  <ToString>{_xml(value.text or '')}</ToString>")
        lines.append(f"{blank}  <I32>{value.number}</I32>")
    elif isinstance(value, Complex):
        lines.append(f"{blank}  <ToString>{_xml(value.text or '')}</ToString>")
        lines.append(f"{blank}  <Props>")
        lines += [_element(key, one, ids, indent + 4) for key, one in value.properties.items()]
        lines.append(f"{blank}  </Props>")
    elif isinstance(value, Items):
        lines.append(f"{blank}  <LST>")
        lines += [_element("", one, ids, indent + 4) for one in value.values]
        lines.append(f"{blank}  </LST>")
    else:
        raise TypeError(value)
    return "\n".join([*lines, f"{blank}</Obj>"])


def _xml(text: str) -> str:
    """Escaped as PowerShell does: control characters and surrogates as `_xHHHH_`."""
    out = []
    for character in text.replace("_x", "_x005F_x"):
        code = ord(character)
        out.append(f"_x{code:04X}_" if code < 32 or 0x7F <= code < 0xA0 else character)
    return escape("".join(out))


# -- Format-List -----------------------------------------------------------------------------------


def format_list(
    rows: Iterable[Row],
    *,
    width: int = 80,
    limit: int = 16,
    mark: str = "...",
    console: bool = False,
) -> str:
    """`Format-List *` of rows, at a width of the console.

    `limit` is $FormatEnumerationLimit, -1 for none; `mark` ends a cut list (PowerShell 7: U+2026).
    `console`: as the screen and Start-Transcript leave it: one cell less, no blanks at line ends.
    """
    blocks = []
    for row in rows:
        values = ({"PSComputerName": row.computer} if row.computer else {}) | dict(row.values)
        indent = max(map(len, values)) + 3
        room = width - indent - (1 if console else 0)
        lines = []
        for name, value in values.items():
            pieces = wrap(_printed(value, limit, mark), room)
            lines.append(f"{name:<{indent - 3}} : {pieces[0]}")
            lines += [" " * indent + piece for piece in pieces[1:]]
        blocks.append("\n".join(line.rstrip() if console else line for line in lines))
    return "\n" + "\n\n".join(blocks) + "\n\n\n"


def wrap(text: str, room: int) -> list[str]:
    """Cut at blanks: a word brings its blank along; one wider than a line fills lines."""
    lines: list[str] = []
    for part in text.replace("\r\n", "\n").split("\n"):
        if len(part) <= room:
            lines.append(part)
            continue
        line = ""
        for word in _words(part):
            if len(word) > room:
                line += word
                while len(line) > room:
                    lines.append(line[:room])
                    line = line[room:]
            elif len(line) + len(word) > room:
                lines.append(line)
                line = word
            else:
                line += word
        lines.append(line)
    return lines


def _words(text: str) -> list[str]:
    parts = text.split(" ")
    return [f"{word} " for word in parts[:-1]] + ([parts[-1]] if parts[-1] else [])


def _printed(value: Value, limit: int = -1, mark: str = "...") -> str:
    if value is None:
        return ""
    if isinstance(value, Enumeration | Complex):
        return value.text or ""
    if isinstance(value, Items):
        shown = value.values if limit < 0 else value.values[:limit]
        cut = mark if len(shown) < len(value.values) else ""
        return "{" + ", ".join(_printed(one) for one in shown) + cut + "}"
    if isinstance(value, datetime):
        return f"{value:%-m/%-d/%Y %-I:%M:%S %p}"
    if isinstance(value, Lost):
        return value.visible
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


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
        out.write(f"#TYPE {_TYPES[rows[0].cmdlet]}\r\n")
    writer = csv.writer(out, delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([_joined(row.values.get(name)) for name in names])
    return out.getvalue()


def _joined(value: Value) -> str:
    return " ".join(map(_printed, value.values)) if isinstance(value, Items) else _printed(value)
