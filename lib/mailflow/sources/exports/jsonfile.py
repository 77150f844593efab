"""ConvertTo-Json text: objects kept their members and often lost their text (section 10.2)."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from mailflow.budget import Budget, BudgetError, json_memory
from mailflow.errors import InputError
from mailflow.exchange.cmdlets import Kind
from mailflow.sources.exports.cmdlets import cmdlet_of, describe
from mailflow.sources.exports.damage import drop_damaged, mentioned, odd_ones, told
from mailflow.sources.exports.printed import kinds_of, printed_value
from mailflow.sources.row import (
    ROW,
    Complex,
    Enumeration,
    Items,
    Lost,
    Reading,
    Row,
    Value,
    size_of,
)

MAX_DEPTH = 200
"""Lists and objects inside each other; ConvertTo-Json itself stops at 100."""

MAX_NAMES = 10_000
"""Names in one object; those of Exchange have about a hundred."""

_SKIPPED = "serializationdata"  # for .NET alone, and most of a real file
_OLD_DATE = re.compile(r"/Date\((-?[0-9]{1,15})(?:[+-][0-9]{4})?\)/")
_ISO = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,6})?[0-9]*"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?"
)
_CONNECTOR_DN = re.compile(
    r"CN=(.+?),CN=SMTP Receive Connectors,CN=Protocols,CN=(.+?),CN=Servers(?:,|$)", re.IGNORECASE
)
# A quote that is never closed takes the whole rest: each character is looked at once.
_MARKS = re.compile(r'"[^"\\]*+(?:\\.?[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
_BLANK = re.compile(r"[ \t\r\n\0]*")
_LONGEST_DN = 4096
_NO_TEXT = "JSON contains the value without its text; use ConvertTo-Json -Depth 1, or Export-Clixml"
_DEPTH = "the depth of ConvertTo-Json cut the value"


class _Object:
    """A JSON object as its pairs: two names may differ in case only (`value`, `Value`)."""

    __slots__ = ("pairs",)

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        if len(pairs) > MAX_NAMES:
            raise ValueError(f"an object of more than {MAX_NAMES} names")
        self.pairs = [(name, value) for name, value in pairs if name.casefold() != _SKIPPED]
        names = [name for name, _value in pairs]
        if len(set(names)) < len(names):
            raise ValueError("a name occurs twice in one object")

    def get(self, name: str) -> Any:  # noqa: ANN401 - parsed JSON
        """The value of this name, in any case; None without it."""
        folded = name.casefold()
        return next((value for key, value in self.pairs if key.casefold() == folded), None)

    def names(self) -> list[str]:
        return [name for name, _value in self.pairs]


def read_json(text: str, place: str, budget: Budget | None = None) -> Reading:
    """All objects of a JSON text: one, a list, or several documents one after another.

    Args:
        text: decoded.
        place: the file, for messages.
        budget: what reading may cost; None: one for this text alone.

    Raises:
        InputError: nothing of it can be read; names the place, line and column. What breaks behind
            a readable document becomes a row of *unread*.
    """
    reading = Reading()
    budget = budget or Budget(len(text))
    budget.room(json_memory(text), place)
    apart = _Apart()
    seen = 0
    try:
        for entry, where in _found(text, place):
            seen += 1
            budget.step()
            _add(reading, entry, where, place, apart, budget)
    except InputError as error:
        if not seen:
            raise
        named = reading.cmdlets or mentioned(text)
        # What a limit kept from being read may be anything.
        named = set() if isinstance(error, BudgetError) else named
        reading.unread += told(named, f"{error}; only the part before it was read")
    reading.ignored += apart.ignored
    for cmdlet, found in apart.shapes.items():
        rows = list(reading.of(cmdlet))
        odd = {id(rows[number]) for number in odd_ones(cmdlet, found)}
        reading.rows = [row for row in reading.rows if id(row) not in odd]
        if odd:
            why = f"{place}: objects lack properties that the others have: the export is damaged"
            reading.unread += told([cmdlet], why)
    drop_damaged(reading)
    if not (reading.rows or reading.unread or reading.ignored):
        reading.ignored.append(("JSON without any object; the cmdlet is unknown", place))
    return reading


def _found(text: str, place: str) -> Iterator[tuple[Any, str]]:
    """The objects of all documents of a text, each with where it stands.

    The members of a list come one by one: of a list that breaks off, those before are whole.
    """
    bare = text.lstrip("\ufeff")
    _check_depth(bare, place)
    decoder = json.JSONDecoder(object_pairs_hook=_Object, parse_constant=_refuse, parse_int=_whole)
    at, line = 0, 1
    while True:
        start, at = at, _behind_blanks(bare, at)
        line += bare.count("\n", start, at)
        if at == len(bare):
            return
        begin, number = at, 0
        in_list = bare[at] == "["
        if in_list:
            at = _behind_blanks(bare, at + 1)
        while not (in_list and bare[at : at + 1] == "]"):
            document, at = _document(decoder, bare, at, place)
            for entry in _objects(document):
                number += 1
                yield entry, f"{place}, object {number} from line {line}"
            if not in_list:
                break
            at = _behind_blanks(bare, at)
            if bare[at : at + 1] == ",":
                at = _behind_blanks(bare, at + 1)
                if bare[at : at + 1] != "]":
                    continue
            if bare[at : at + 1] != "]":
                raise InputError(f"{place}, from line {line}: no JSON (the list ends too early)")
        at += in_list
        line += bare.count("\n", begin, at)


def _behind_blanks(text: str, at: int) -> int:
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _document(
    decoder: json.JSONDecoder, text: str, at: int, place: str
) -> tuple[Any, int]:  # fmt: skip
    try:
        return decoder.raw_decode(text, at)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{place}, {where}: no JSON ({error.msg})") from error
    except (ValueError, RecursionError) as error:
        line = text.count("\n", 0, at) + 1
        raise InputError(f"{place}, from line {line}: no readable JSON ({error})") from error


def _check_depth(text: str, place: str) -> None:
    depth = 0
    for found in _MARKS.finditer(text):
        mark = found[0]
        if mark in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise InputError(f"{place}: JSON nested deeper than {MAX_DEPTH} levels")
        elif mark in "]}":
            depth -= 1


def _refuse(word: str) -> Any:  # noqa: ANN401 - json's hook
    raise ValueError(f"{word} is no number of JSON")


def _whole(digits: str) -> int:
    if len(digits) > 100:
        raise ValueError("a number of more than 100 digits")
    return int(digits)


def _objects(document: Any) -> Iterator[Any]:  # noqa: ANN401 - parsed JSON
    """The members of a list; Windows PowerShell 5.1 may wrap one as `{"value": [...], "Count"}`."""
    if isinstance(document, list):
        for member in document:
            yield from _objects(member) if isinstance(member, list) else [member]
    elif isinstance(document, _Object) and {n.casefold() for n in document.names()} == {
        "value",
        "count",
    }:
        yield from _objects(document.get("value"))
    else:
        yield document


@dataclass(slots=True)
class _Apart:
    """What is seen beside the rows: names of each object by cmdlet, and what is ignored, once."""

    shapes: dict[str, list[tuple[str, ...]]] = field(default_factory=dict)
    ignored: dict[tuple[str, str], None] = field(default_factory=dict)


def _add(
    reading: Reading,
    entry: Any,  # noqa: ANN401 - parsed JSON
    where: str,
    place: str,
    apart: _Apart,
    budget: Budget,
) -> None:
    names = tuple(entry.names()) if isinstance(entry, _Object) else ()
    cmdlet = cmdlet_of([], names)
    if not isinstance(entry, _Object) or cmdlet is None:
        is_object = isinstance(entry, _Object)
        what = describe([], names) if is_object else "JSON values that are no objects"
        if (what, place) not in apart.ignored:
            budget.hold(ROW, place)
            apart.ignored[what, place] = None
        return
    known = kinds_of(cmdlet)
    values: dict[str, Value] = {}
    for raw, value in entry.pairs:
        if raw.casefold() in known:
            name, kind = known[raw.casefold()]
            values[name] = _value(kind, value, entry)
    if "Identity" in values:
        values["Identity"] = _identity(cmdlet, values["Identity"], entry)
    computer = entry.get("PSComputerName")
    budget.hold(size_of(values), place)
    reading.rows.append(Row(cmdlet, values, where, computer if isinstance(computer, str) else ""))
    reading.cmdlets.add(cmdlet)
    held = apart.shapes.setdefault(cmdlet, [])
    # Objects side by side have the same names: one of them is kept.
    held.append(held[-1] if held and held[-1] == names else names)


def _value(kind: Kind, value: Any, owner: _Object) -> Value:  # noqa: ANN401 - parsed JSON
    if isinstance(value, _Object):
        return _object_value(kind, value)
    if isinstance(value, list):
        if kind is Kind.LIST:
            return Items(tuple(_element(element) for element in value))
        return Items(tuple(_value(Kind.TEXT, element, owner) for element in value))
    if value is None or isinstance(value, (bool, float)):
        return value
    if isinstance(value, int):
        return Enumeration(None, value) if kind is Kind.ENUM else value
    if kind is Kind.TIME:
        return _time(value)
    return printed_value(kind, value)


def _object_value(kind: Kind, value: _Object) -> Value:
    if not value.pairs:
        return Lost(_DEPTH)
    if kind is Kind.ENUM:
        return _enumeration(value)
    if kind is Kind.LIST:
        # One value where a list is expected; or a list with members of its own.
        inner = value.get("value")
        return (
            Items(tuple(map(_element, inner)))
            if isinstance(inner, list)
            else Items((_element(value),))
        )
    if kind is Kind.TIME:
        # Windows PowerShell writes {"value": "/Date(...)/", "DisplayHint": 2, "DateTime": "..."}.
        inner = value.get("value")
        return _time(inner) if isinstance(inner, str) else Lost(_NO_TEXT)
    return Complex(None, _members(value))


def _enumeration(value: _Object) -> Value:
    """`{"value": 3, "Value": "Retry"}`: told apart by type, whatever their case and order."""
    members = [member for name, member in value.pairs if name.casefold() == "value"]
    numbers = [
        member for member in members if isinstance(member, int) and not isinstance(member, bool)
    ]
    texts = [member for member in members if isinstance(member, str)]
    if len(numbers) > 1 or len(texts) > 1 or not (numbers or texts):
        return Lost(_NO_TEXT)
    return Enumeration(texts[0] if texts else None, numbers[0] if numbers else None)


def _members(value: _Object) -> Mapping[str, Value]:
    """Members as far as they are plain; what lies deeper is of no use for a text."""
    return {
        name: (
            _enumeration(member)
            if isinstance(member, _Object)
            else Lost(_DEPTH)
            if isinstance(member, list)
            else member
        )
        for name, member in value.pairs
    }


def _element(value: Any) -> Value:  # noqa: ANN401 - parsed JSON
    """A value of a list of ranges, bindings or addresses, as the text it prints as."""
    if isinstance(value, str):
        bare = value.strip()
        return bare or Lost(_DEPTH)
    if isinstance(value, _Object):
        text = _range_text(value) or _binding_text(value) or _address_text(value)
        return text or Lost(_NO_TEXT if value.pairs else _DEPTH)
    return Lost(_NO_TEXT)


def _address_text(value: Any) -> str:  # noqa: ANN401 - parsed JSON
    """An address: its text, or an IPAddress object's; "" where there is none."""
    found = value.get("IPAddressToString") if isinstance(value, _Object) else value
    return found.strip() if isinstance(found, str) else ""


def _range_text(value: _Object) -> str:
    """The text of a range: `Expression` keeps it, else its bounds say the same (section 1.6)."""
    expression = value.get("Expression")
    if isinstance(expression, str) and expression.strip():
        return expression.strip()
    first, last = (_address_text(value.get(name)) for name in ("LowerBound", "UpperBound"))
    if not (first and last):
        return ""
    return first if first == last else f"{first}-{last}"


def _binding_text(value: _Object) -> str:
    """The text of a binding object (or of the endpoint it derives from): address and port."""
    host, port = _address_text(value.get("Address")), value.get("Port")
    if not host or isinstance(port, bool) or not isinstance(port, (int, str)):
        return ""
    try:
        six = ipaddress.ip_address(host.partition("%")[0]).version == 6
    except ValueError:
        return ""
    return f"[{host}]:{port}" if six else f"{host}:{port}"


def _identity(cmdlet: str, value: Value, owner: _Object) -> Value:
    r"""An identity's text, `SERVER\Name`, put together again where JSON took it apart.

    Only from what identifies it: the distinguished name of a connector (section 1.6), or the name
    of its server with its own. Else it is lost.
    """
    identity = owner.get("Identity")
    if not isinstance(identity, _Object):
        return value
    for source in (identity, owner):
        name = source.get("DistinguishedName")
        found = _CONNECTOR_DN.match(name[:_LONGEST_DN]) if isinstance(name, str) else None
        if found:
            return "\\".join(re.sub(r"\\(.)", r"\1", part) for part in (found[2], found[1]))
    name = _plain_name(owner.get("Name")) or _plain_name(identity)
    if cmdlet == "Get-ReceiveConnector":
        server = _plain_name(owner.get("Server"))
        return f"{server}\\{name}" if server and name else Lost(_NO_TEXT, name)
    if cmdlet == "Get-Queue":
        # What is left of a queue's identity names its server, at best with its number (S10.21).
        kept = {"Server": _plain_name(identity.get("Server")), "RowId": identity.get("RowId")}
        return Complex(None, kept) if kept["Server"] else Lost(_NO_TEXT)
    return name or Lost(_NO_TEXT)


def _plain_name(value: Any) -> str:  # noqa: ANN401 - parsed JSON
    """A name as text, or the Name of an object; "" without one."""
    found = value.get("Name") if isinstance(value, _Object) else value
    return found.strip() if isinstance(found, str) else ""


def _time(text: str) -> Value:
    """An instant where the text has a zone (PowerShell 7) or is one (5.1); else the text."""
    old = _OLD_DATE.fullmatch(text.replace("\\/", "/"))
    try:
        if old:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(old[1]))
        iso = _ISO.fullmatch(text.strip())
        if iso and iso[3]:
            zone = iso[3].replace("Z", "+00:00")
            return datetime.fromisoformat(f"{iso[1]}{iso[2] or ''}{zone}").astimezone(UTC)
    except (ValueError, OverflowError):
        return text
    return printed_value(Kind.TIME, text)
