"""Judges and a writer for the CLIXML reader: a slow psrpcore, a real PowerShell, a small writer."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from mailflow.sources.row import Complex, Enumeration, Items, Value

ROOT = '<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04">'

Flat = Mapping[str, tuple[str, object]]
"""Every value of a document by its path: kind and value."""


class Writer:
    """Writes values as PowerShell does; `shared` type names are defined once and then referred."""

    def __init__(self) -> None:
        """Begin a document."""
        self._refs = 0
        self._types: dict[tuple[str, ...], int] = {}

    def document(self, values: list[Value], *, types: tuple[str, ...] = ("Some.Type",)) -> str:
        """A whole document with these top-level objects."""
        return ROOT + "".join(self.value(one, types=types) for one in values) + "</Objs>"

    def value(
        self, value: Value, name: str | None = None, *, types: tuple[str, ...] = ("Some.Type",)
    ) -> str:
        """One value as an element."""
        named = "" if name is None else f" N={quoteattr(hidden(name))}"
        match value:
            case None:
                return f"<Nil{named} />"
            case bool():
                return f"<B{named}>{str(value).lower()}</B>"
            case int():
                return f"<I64{named}>{value}</I64>"
            case float():
                return f"<Db{named}>{json.dumps(value)}</Db>"
            case str():
                return f"<S{named}>{escape(hidden(value))}</S>"
            case datetime():
                return f"<DT{named}>{value.isoformat()}</DT>"
        self._refs += 1
        return f'<Obj{named} RefId="{self._refs}">{self._inside(value, types)}</Obj>'

    def _inside(self, value: Value, types: tuple[str, ...]) -> str:
        type_names = self._type_names(types)  # first: what is inside may refer to them
        match value:
            case Enumeration(text, number):
                body = f"<ToString>{escape(hidden(str(text)))}</ToString><I32>{number}</I32>"
            case Items(values):
                body = f"<LST>{''.join(self.value(one) for one in values)}</LST>"
            case Complex(text, properties):
                said = "" if text is None else f"<ToString>{escape(hidden(text))}</ToString>"
                half = len(properties) // 2
                pairs = [self.value(one, name) for name, one in properties.items()]
                body = f"{said}<Props>{''.join(pairs[:half])}</Props>"
                body += f"<MS>{''.join(pairs[half:])}</MS>"
            case _:
                raise AssertionError(value)
        return type_names + body

    def _type_names(self, types: tuple[str, ...]) -> str:
        known = self._types.get(types)
        if known is not None:
            return f'<TNRef RefId="{known}" />'
        self._types[types] = len(self._types)
        names = "".join(f"<T>{escape(one)}</T>" for one in types)
        return f'<TN RefId="{self._types[types]}">{names}</TN>'


def hidden(text: str) -> str:
    """The text as .NET writes it: what XML cannot hold, and `_x` itself, as `_xHHHH_`."""
    units = text.encode("utf-16-be")
    codes = [units[at] * 256 + units[at + 1] for at in range(0, len(units), 2)]
    return "".join(
        f"_x{code:04X}_"
        if code < 0x20 or 0x7F <= code < 0xA0 or code >= 0xD800 or code == ord("_")
        else chr(code)
        for code in codes
    )


def flat_own(values: list[Value]) -> Flat:
    """What the own reader made, flattened."""
    return dict(pair for number, one in enumerate(values) for pair in _own(one, f"{number}"))


def _own(value: Value, path: str) -> Iterator[tuple[str, tuple[str, object]]]:
    match value:
        case Complex(text, properties):
            yield path, ("object", None)
            if text is not None:
                yield f"{path}:text", ("text", text)
            for name, one in properties.items():
                yield from _own(one, f"{path}.{name}")
        case Items(values):
            yield path, ("list", len(values))
            for number, one in enumerate(values):
                yield from _own(one, f"{path}[{number}]")
        case Enumeration(text, number):
            yield path, ("enum", (text, number))
        case datetime():
            yield path, ("date", value.astimezone(UTC).replace(tzinfo=None).isoformat())
        case bool() | None:
            yield path, ("plain", value)
        case int() | float():
            yield path, ("number", float(value))
        case _:
            yield path, ("plain", value)


def flat_psrpcore(document: str) -> Flat:
    """What psrpcore makes of a document, flattened the same way."""
    from psrpcore.types import deserialize_clixml

    objects = deserialize_clixml(document, _NoCipher())
    return dict(pair for number, one in enumerate(objects) for pair in _ps(one, f"{number}"))


class _NoCipher:
    """Secure strings do not occur."""

    def register_key(self, key: bytes) -> None:
        """Nothing to do."""

    def encrypt(self, data: bytes) -> bytes:
        """Nothing to do."""
        return data

    decrypt = encrypt


def _ps(value: Any, path: str) -> Iterator[tuple[str, tuple[str, object]]]:  # noqa: ANN401, C901, PLR0912 - one branch for each kind
    from psrpcore import types as ps

    names = [] if value is None or isinstance(value, bool) else list(value.PSTypeNames)
    if value is None or isinstance(value, bool):
        yield path, ("plain", value)
    elif any(name.endswith("System.Enum") for name in names):
        yield path, ("enum", (value.PSObject.to_string, int(value)))
    elif isinstance(value, ps.PSDateTime):
        zoned = value.tzinfo is not None
        moment = datetime.fromisoformat(value.isoformat())
        text = (moment.astimezone(UTC) if zoned else moment).replace(tzinfo=None).isoformat()
        yield path, ("date", text)
    elif isinstance(value, ps.PSDuration):
        yield path, ("duration", None)
    elif isinstance(value, ps.PSDecimal | ps.PSGuid | ps.PSVersion):
        yield path, ("plain", str(value))
    elif isinstance(value, ps.PSByteArray):
        yield path, ("plain", base64.b64encode(bytes(value)).decode())
    elif isinstance(value, int | float):
        yield path, ("number", float(value))
    elif isinstance(value, str):
        yield path, ("plain", str(value))
    elif isinstance(value, list):
        yield path, ("list", len(value))
        for number, one in enumerate(value):
            yield from _ps(one, f"{path}[{number}]")
    elif isinstance(value, dict):
        yield path, ("object", None)
        for key, one in value.items():
            yield from _ps(one, f"{path}.{key}")
    else:
        yield path, ("object", None)
        if value.PSObject.to_string is not None:
            yield f"{path}:text", ("text", value.PSObject.to_string)
        inside = value.PSObject
        members = {one.name: one for one in inside.adapted_properties}
        members |= {one.name: one for one in inside.extended_properties}
        for name, one in members.items():
            if name != "SerializationData":
                yield from _ps(one.get_value(value), f"{path}.{name}")


IMPORT = r"""
param([string] $list)
$inv = [Globalization.CultureInfo]::InvariantCulture
function Out-Value([string] $path, [string] $kind, [string] $text) {
    $bytes = [Text.Encoding]::UTF8.GetBytes($text)
    [Console]::Out.WriteLine([Convert]::ToBase64String([Text.Encoding]::UTF8.GetBytes($path)) +
        ' ' + $kind + ' ' + [Convert]::ToBase64String($bytes))
}
function Out-Tree($value, [string] $path) {
    if ($null -eq $value) { Out-Value $path 'null' ''; return }
    $base = $value.PSObject.BaseObject
    if (@($value.PSObject.TypeNames) -match 'System\.Enum$') {
        Out-Value $path 'enum' ([string] [long] $base + ' ' + $value.ToString()); return
    }
    # Import-Clixml makes a living object of an address, with properties the file does not hold.
    if ($base -is [Net.IPAddress]) { Out-Value $path 'address' $base.ToString(); return }
    if ($base -is [bool]) { Out-Value $path 'bool' ([string] $base); return }
    if ($base -is [datetime]) {
        if ($base.Kind -eq 'Unspecified') {
            Out-Value $path 'plain' ([Xml.XmlConvert]::ToString($base, 'RoundtripKind'))
        } else {
            Out-Value $path 'date' $base.ToUniversalTime().ToString('yyyy-MM-ddTHH:mm:ss.ffffff')
        }
        return
    }
    if ($base -is [timespan]) {
        Out-Value $path 'plain' ([Xml.XmlConvert]::ToString($base)); return
    }
    if ($base -is [byte[]]) { Out-Value $path 'plain' ([Convert]::ToBase64String($base)); return }
    if ($base -is [double] -or $base -is [float]) {
        Out-Value $path 'number' $base.ToString('R', $inv); return
    }
    if ($base -is [decimal] -or $base -is [string] -or $base -is [char] -or $base -is [guid] -or
        $base -is [version] -or $base -is [uri]) {
        Out-Value $path 'plain' ([string] $base); return
    }
    if ($base -is [ValueType] -and $base.GetType().IsPrimitive) {
        Out-Value $path 'number' $base.ToString($inv); return
    }
    if ($base -is [Collections.IDictionary]) {
        Out-Value $path 'object' ''
        foreach ($key in $base.Keys) { Out-Tree $base[$key] ($path + '.' + $key) }
        return
    }
    if ($base -is [Collections.IEnumerable]) {
        $all = @($base.GetEnumerator())
        Out-Value $path 'list' ([string] $all.Count)
        for ($i = 0; $i -lt $all.Count; $i++) { Out-Tree $all[$i] ($path + '[' + $i + ']') }
        return
    }
    Out-Value $path 'object' ''
    Out-Value ($path + ':text') 'text' $value.ToString()
    foreach ($one in $value.PSObject.Properties) {
        if ($one.Name -eq 'SerializationData') { continue }
        if ('Property', 'NoteProperty' -contains $one.MemberType) {
            Out-Tree $one.Value ($path + '.' + $one.Name)
        }
    }
}
foreach ($file in (Get-Content $list)) {
    [Console]::Out.WriteLine('# ' + $file)
    $number = 0
    foreach ($one in @(Import-Clixml -LiteralPath $file)) {
        Out-Tree $one ([string] $number); $number++
    }
}
"""
"""Prints every value that Import-Clixml gives, one a line: path, kind, text."""


def flat_powershell(files: list[Path], folder: Path) -> dict[Path, Flat]:
    """What a real PowerShell makes of these files, flattened the same way."""
    from support import run_powershell

    script, names = folder / "import.ps1", folder / "files.txt"
    script.write_text(IMPORT, encoding="utf-8")
    names.write_text("\n".join(map(str, files)), encoding="utf-8")
    found: dict[Path, dict[str, tuple[str, object]]] = {}
    for line in run_powershell(script, str(names), seconds=120).splitlines():
        if line.startswith("# "):
            found[Path(line[2:])] = here = {}
            continue
        path, kind, text = (*line.split(" "), "")[:3]
        said = base64.b64decode(text).decode()
        here[base64.b64decode(path).decode()] = _of_powershell(kind, said)
    return found


def _of_powershell(kind: str, said: str) -> tuple[str, object]:
    match kind:
        case "null":
            return "plain", None
        case "bool":
            return "plain", said == "True"
        case "number":
            return "number", float(said)
        case "list":
            return "list", int(said)
        case "object":
            return "object", None
        case "enum":
            number, _, text = said.partition(" ")
            return "enum", (text, int(number))
        case "date":
            return "date", datetime.fromisoformat(said).isoformat()
    return kind, said
