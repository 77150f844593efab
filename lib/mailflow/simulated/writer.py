"""Rows as PowerShell writes them: CLIXML as Export-Clixml, and the text of Format-List.

The counterpart of the readers below `mailflow.sources.exports`. How PowerShell escapes, cuts and
prints was seen in its own output; tests hold both forms against a real PowerShell.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from mailflow.exchange.cmdlets import SPECS
from mailflow.sources.exports.clixml_texts import escape
from mailflow.sources.row import Complex, Enumeration, Items, Lost, Row, Value

TYPE_OF: Mapping[str, str] = {
    name: spec.types[0]
    for spec in SPECS.values()
    if spec.types
    for name in filter(None, (spec.name, spec.older))
}
"""What the objects of a cmdlet are, by which readers know them."""

NOTES = ("PSComputerName", "RunspaceId", "PSShowComputerName")
"""What a remote session adds to each object (section 1.6). It prints before all else."""

_OPENING = '<Objs Version="1.1.0.1" xmlns="http://schemas.microsoft.com/powershell/2004/04"'
_ROW_BASES = ("Microsoft.Exchange.Data.ConfigurableObject", "System.Object")
_STEP = "  "


# -- CLIXML ----------------------------------------------------------------------------------------


def clixml(rows: Sequence[Row]) -> str:
    """One document as Export-Clixml writes it, of rows of one cmdlet or of several (section 1.6).

    Raises:
        TypeError: a value that was lost can't be written.
    """
    if not rows:
        return f"{_OPENING} />"
    document = _Document()
    return "\n".join([f"{_OPENING}>", *map(document.row, rows), "</Objs>"])


def answer_document(head: Mapping[str, Value], rows: Sequence[Row]) -> bytes:
    """The CLIXML of one frame of `sources.wire`: first what became of the call, then its objects.

    Args:
        head: properties of the first object, as `wire.head_values` makes them.
        rows: what the cmdlet returned.

    Raises:
        TypeError: a value that was lost can't be written.
    """
    document = _Document()
    parts = [f"{_OPENING}>".encode(), document.custom(head).encode()]
    # Row by row, so that a large answer stands in memory once and not three times.
    parts += [document.row(row).encode() for row in rows]
    return b"\n".join([*parts, b"</Objs>"])


def object_document(row: Row) -> bytes:
    """One object as a message of PSRP holds it: it stands alone, its types written out.

    Raises:
        TypeError: a value that was lost can't be written.
    """
    return _Document().row(row).encode()


class _Document:
    """The counters of one document: each object has a number, and so has each list of types."""

    def __init__(self) -> None:
        self._objects = 0
        self._types: dict[tuple[str, ...], int] = {}

    def row(self, row: Row) -> str:
        """A top-level object; what a remote session noted on it stands apart from its own."""
        values = row.values
        notes = {name: values[name] for name in NOTES if name in values}
        if row.computer and not notes:
            notes = {"PSComputerName": row.computer}
        own = {name: value for name, value in values.items() if name not in notes}
        kind = TYPE_OF.get(row.cmdlet, f"Microsoft.Exchange.Data.{row.cmdlet}")
        lines = [f'{_STEP}<Obj RefId="{self._next()}">']
        lines += self._type_names((kind, *_ROW_BASES), _STEP * 2)
        printed = values.get("Identity")
        if isinstance(printed, Complex) and printed.text:
            lines.append(f"{_STEP * 2}<ToString>{escape(printed.text)}</ToString>")
        lines += self._members("Props", own, _STEP * 2)
        if notes:
            lines += self._members("MS", notes, _STEP * 2)
        return "\n".join([*lines, f"{_STEP}</Obj>"])

    def custom(self, values: Mapping[str, Value]) -> str:
        """A top-level object that a script put together."""
        kinds = ("System.Management.Automation.PSCustomObject", "System.Object")
        return "\n".join(
            [
                f'{_STEP}<Obj RefId="{self._next()}">',
                *self._type_names(kinds, _STEP * 2),
                *self._members("MS", values, _STEP * 2),
                f"{_STEP}</Obj>",
            ]
        )

    def _next(self) -> int:
        self._objects += 1
        return self._objects - 1

    def _type_names(self, names: tuple[str, ...], blank: str) -> list[str]:
        """The names of a type in full where it is first met, a reference from then on."""
        known = self._types.get(names)
        if known is not None:
            return [f'{blank}<TNRef RefId="{known}" />']
        number = self._types[names] = len(self._types)
        shown = [f"{blank}{_STEP}<T>{escape(name)}</T>" for name in names]
        return [f'{blank}<TN RefId="{number}">', *shown, f"{blank}</TN>"]

    def _members(self, tag: str, values: Mapping[str, Value], blank: str) -> list[str]:
        lines = [f"{blank}<{tag}>"]
        deeper = blank + _STEP
        for name, value in values.items():
            if type(value) is str and name not in _GUIDS:  # most are: the quick way
                lines.append(f'{deeper}<S N="{name}">{escape(value)}</S>')
            else:
                self._value(lines, name, value, deeper)
        lines.append(f"{blank}</{tag}>")
        return lines

    def _value(self, lines: list[str], name: str, value: Value, blank: str) -> None:
        """Put the lines of a named value behind the others."""
        label = f' N="{escape(name)}"'
        if isinstance(value, Enumeration | Complex | Items):
            self._object(lines, name, value, blank, label)
        else:
            lines.append(_plain(name, value, blank, label))

    def _object(
        self,
        lines: list[str],
        name: str,
        value: Enumeration | Complex | Items,
        blank: str,
        label: str,
    ) -> None:
        if isinstance(value, Enumeration) and value.number is None:
            lines.append(_plain(name, value.text, blank, label))
            return
        deeper = blank + _STEP
        lines.append(f'{blank}<Obj{label} RefId="{self._next()}">')
        if isinstance(value, Items):
            lines += self._type_names(_LISTS.get(name, _ANY_LIST), deeper)
            self._list(lines, name, value, deeper)
        elif isinstance(value, Enumeration):
            kind = _ENUMS.get(name, f"Microsoft.Exchange.Data.{name}")
            lines += self._type_names((kind, *_ENUM_BASES), deeper)
            lines.append(f"{deeper}<ToString>{escape(value.text or '')}</ToString>")
            lines.append(f"{deeper}<I32>{value.number}</I32>")
        else:
            lines += self._type_names(_type_of(name, value), deeper)
            if value.text is not None:
                lines.append(f"{deeper}<ToString>{escape(value.text)}</ToString>")
            if value.properties:
                lines += self._members("Props", value.properties, deeper)
        lines.append(f"{blank}</Obj>")

    def _list(self, lines: list[str], name: str, value: Items, blank: str) -> None:
        if not value.values:
            lines.append(f"{blank}<LST />")
            return
        lines.append(f"{blank}<LST>")
        element = f"{name}[]"
        deeper = blank + _STEP
        for item in value.values:
            if isinstance(item, Enumeration | Complex | Items):
                self._object(lines, element, item, deeper, "")
            else:
                lines.append(_plain(element, item, deeper, ""))
        lines.append(f"{blank}</LST>")


def _plain(name: str, value: Value, blank: str, label: str) -> str:
    """The line of a value that has no members."""
    if value is None:
        return f"{blank}<Nil{label} />"
    if isinstance(value, str):
        tag = "G" if name in _GUIDS and _GUID.fullmatch(value) else "S"
        return f"{blank}<{tag}{label}>{escape(value)}</{tag}>"
    if isinstance(value, bool):
        return f"{blank}<B{label}>{'true' if value else 'false'}</B>"
    if isinstance(value, int):
        tag = "I32" if -(2**31) <= value < 2**31 else "I64"
        return f"{blank}<{tag}{label}>{value}</{tag}>"
    if isinstance(value, float):
        return f"{blank}<Db{label}>{value!r}</Db>"
    if isinstance(value, datetime):
        return f"{blank}<DT{label}>{value.isoformat().replace('+00:00', 'Z')}</DT>"
    raise TypeError(f"{name}: no value that CLIXML could hold: {value!r}")


def _type_of(name: str, value: Complex) -> tuple[str, ...]:
    """The types of an object inside another one: by its property, an identity by its members."""
    if "IsFullySpecified" in value.properties:
        return _QUEUE_IDENTITY
    return _OBJECTS.get(name, _ANY_OBJECT)


_GUID = re.compile("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_GUIDS = frozenset({"AdapterGuid", "Guid", "NextHopConnector", "ObjectGuid", "RunspaceId"})
"""Properties that hold an identifier, which PowerShell keeps apart from text."""

_ENUM_BASES = ("System.Enum", "System.ValueType", "System.Object")
_CONFIGURATION = "Microsoft.Exchange.Data.Directory.SystemConfiguration"
_ENUMS: Mapping[str, str] = {
    "AuthMechanism": f"{_CONFIGURATION}.AuthMechanisms",
    "DeliveryType": "Microsoft.Exchange.Data.DeliveryType",
    "ExtendedProtectionPolicy": f"{_CONFIGURATION}.ExtendedProtectionPolicySetting",
    "MessageRateSource": f"{_CONFIGURATION}.MessageRateSourceFlags",
    "NextHopCategory": "Microsoft.Exchange.Data.QueueViewer.NextHopCategory",
    "ObjectState": "Microsoft.Exchange.Data.ObjectState",
    "PermissionGroups": "Microsoft.Exchange.Data.PermissionGroups",
    "ProtocolLoggingLevel": "Microsoft.Exchange.Data.ProtocolLoggingLevel",
    "ServerRole": f"{_CONFIGURATION}.ServerRole",
    "SizeEnabled": "Microsoft.Exchange.Data.SizeMode",
    "State": "Microsoft.Exchange.Data.ServiceState",
    "Status": "Microsoft.Exchange.Data.QueueViewer.QueueStatus",
    "TransportRole": f"{_CONFIGURATION}.ServerRole",
}
"""Property to the type of its enumeration (section 1.6 and the exports)."""

_DIRECTORY_ID = (
    "Microsoft.Exchange.Data.Directory.ADObjectId",
    "Microsoft.Exchange.Data.ObjectId",
    "System.Object",
)
_QUEUE_IDENTITY = (
    "Microsoft.Exchange.Data.QueueViewer.QueueIdentity",
    "Microsoft.Exchange.Data.ObjectId",
    "System.Object",
)
_TIME_SPAN = ("Microsoft.Exchange.Data.EnhancedTimeSpan", "System.ValueType", "System.Object")
_NUMBER_OR_NOT = (
    "Microsoft.Exchange.Data.Unlimited`1[[System.Int32, mscorlib]]",
    "System.ValueType",
    "System.Object",
)
_SIZE = ("Microsoft.Exchange.Data.ByteQuantifiedSize", "System.ValueType", "System.Object")
_ADDRESS = ("System.Net.IPAddress", "System.Object")
_ANY_OBJECT = ("System.Object",)
_OBJECTS: Mapping[str, tuple[str, ...]] = {
    "Address": _ADDRESS,
    "AdminDisplayVersion": ("Microsoft.Exchange.Data.ServerVersion", "System.Object"),
    "Bindings[]": (
        "Microsoft.Exchange.Data.IPBinding",
        "System.Net.IPEndPoint",
        "System.Net.EndPoint",
        "System.Object",
    ),
    "DnsServers[]": _ADDRESS,
    "ExchangeVersion": ("Microsoft.Exchange.Data.ExchangeObjectVersion", "System.Object"),
    "Fqdn": ("Microsoft.Exchange.Data.Fqdn", "Microsoft.Exchange.Data.SmtpDomain", "System.Object"),
    "IPAddresses[]": _ADDRESS,
    "NetworkAddress[]": (
        "Microsoft.Exchange.Data.CustomNetworkAddress",
        "Microsoft.Exchange.Data.NetworkAddress",
        "Microsoft.Exchange.Data.ProtocolAddress",
        "System.Object",
    ),
    "OrganizationId": ("Microsoft.Exchange.Data.Directory.OrganizationId", "System.Object"),
    "RemoteIPRanges[]": ("Microsoft.Exchange.Data.IPRange", "System.Object"),
    **dict.fromkeys(("Id", "Identity", "ObjectCategory", "Server", "Site"), _DIRECTORY_ID),
    **dict.fromkeys(
        (
            "AuthTarpitInterval",
            "ConnectionInactivityTimeout",
            "ConnectionTimeout",
            "DelayNotificationTimeout",
            "MailboxDeliveryQueueRetryInterval",
            "MaxAcknowledgementDelay",
            "MessageExpirationTimeout",
            "MessageRetryInterval",
            "OutboundConnectionFailureRetryInterval",
            "QueueMaxIdleTime",
            "TarpitInterval",
            "TransientFailureRetryInterval",
        ),
        _TIME_SPAN,
    ),
    **dict.fromkeys(
        (
            "MaxInboundConnection",
            "MaxInboundConnectionPerSource",
            "MaxProtocolErrors",
            "MessageRateLimit",
        ),
        _NUMBER_OR_NOT,
    ),
    **dict.fromkeys(("MaxHeaderSize", "MaxMessageSize"), _SIZE),
}
"""Property to the types of the object in it; `[]` stands for an element of its list."""


def _multi_valued(element: str) -> tuple[str, ...]:
    return (
        f"Microsoft.Exchange.Data.MultiValuedProperty`1[[{element}]]",
        "Microsoft.Exchange.Data.MultiValuedPropertyBase",
        "System.Object",
    )


_ANY_LIST = ("System.Object[]", "System.Array", "System.Object")
_LISTS: Mapping[str, tuple[str, ...]] = {
    "Bindings": _multi_valued("Microsoft.Exchange.Data.IPBinding"),
    "NetworkAddress": _multi_valued("Microsoft.Exchange.Data.NetworkAddress"),
    "ObjectClass": _multi_valued("System.String"),
    "RemoteIPRanges": _multi_valued("Microsoft.Exchange.Data.IPRange"),
    "TlsDomainCapabilities": _multi_valued("Microsoft.Exchange.Data.SmtpReceiveDomainCapabilities"),
}


# -- Format-List -----------------------------------------------------------------------------------


def format_list(
    rows: Iterable[Row],
    *,
    width: int = 80,
    limit: int = 16,
    mark: str = "...",
    console: bool = False,
) -> str:
    """`Format-List *` of rows, at a width of the console, in English.

    Args:
        rows: objects of one cmdlet.
        width: cells of a line.
        limit: $FormatEnumerationLimit, -1 for none.
        mark: ends a cut list (PowerShell 7: U+2026).
        console: as the screen and Start-Transcript leave it: one cell less, no blanks at line ends.
    """
    blocks = []
    for row in rows:
        values = _in_print_order(row)
        indent = max(map(len, values)) + 3
        room = width - indent - (1 if console else 0)
        lines = []
        for name, value in values.items():
            pieces = wrap(printed(value, limit, mark), room)
            lines.append(f"{name:<{indent - 3}} : {pieces[0]}")
            lines += [" " * indent + piece for piece in pieces[1:]]
        blocks.append("\n".join(line.rstrip() if console else line for line in lines))
    return "\n" + "\n\n".join(blocks) + "\n\n\n"


def _in_print_order(row: Row) -> dict[str, Value]:
    notes = {name: row.values[name] for name in NOTES if name in row.values}
    if row.computer and not notes:
        notes = {"PSComputerName": row.computer}
    return notes | {name: value for name, value in row.values.items() if name not in notes}


def printed(value: Value, limit: int = -1, mark: str = "...") -> str:
    """What a value prints as, in English; a time in its own zone."""
    if value is None:
        return ""
    if isinstance(value, Enumeration | Complex):
        return value.text or ""
    if isinstance(value, Items):
        shown = value.values if limit < 0 else value.values[:limit]
        cut = mark if len(shown) < len(value.values) else ""
        return "{" + ", ".join(printed(item) for item in shown) + cut + "}"
    if isinstance(value, datetime):
        half = "AM" if value.hour < 12 else "PM"
        clock = f"{value.hour % 12 or 12}:{value:%M:%S} {half}"
        return f"{value.month}/{value.day}/{value.year} {clock}"
    if isinstance(value, Lost):
        return value.visible
    if isinstance(value, float):
        return f"{value:.15g}".upper()
    return str(value)


def wrap(text: str, room: int) -> list[str]:
    """Cut at blanks: a word brings its blank along; one wider than a line fills lines (S10.02)."""
    lines: list[str] = []
    for part in text.replace("\r\n", "\n").split("\n"):
        if cells(part) <= room:
            lines.append(part)
            continue
        line = ""
        for word in _words(part):
            if cells(word) > room:
                *full, line = _filled(line + word, room)
                lines += full
            elif cells(line) + cells(word) > room:
                lines.append(line)
                line = word
            else:
                line += word
        lines.append(line)
    return lines


def cells(text: str) -> int:
    """How many cells of a console a text takes: wide characters take two."""
    if text.isascii():
        return len(text)
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _words(text: str) -> Iterator[str]:
    *words, last = text.split(" ")
    yield from (f"{word} " for word in words)
    if last:
        yield last


def _filled(text: str, room: int) -> Iterator[str]:
    """Full lines, then what is left."""
    line, taken = "", 0
    for character in text:
        width = cells(character)
        if taken + width > room:
            yield line
            line, taken = "", 0
        line += character
        taken += width
    yield line
