"""From what an export holds of a property to a typed value, or the reason why not.

The same property is text in one form, an object in the next and a number in the third; every
function here takes any `Value`. What says nothing raises `UnreadableError`: a missing value is
never read as empty, zero or false.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeVar

from mailflow.exchange.connectors import (
    RATE_SOURCES,
    UNLIMITED,
    Binding,
    F,
    LimitKind,
    TransportRole,
    parse_binding,
    parse_flags,
)
from mailflow.exchange.queues import OTHER, Moment
from mailflow.exchange.ranges import AddressRange, RangeError, host_address, parse_range
from mailflow.exchange.servers import parse_version
from mailflow.plain import keeps_its_line
from mailflow.sources.row import Complex, Enumeration, Items, Lost, Value

T = TypeVar("T")

_SPEAKING = ("Expression", "IPAddressToString", "Domain", "Name")
_BIGGEST = 2**63 - 1  # what a column of whole numbers holds


class UnreadableError(ValueError):
    """A value from which its meaning can't be told.

    Attributes:
        visible: what could be read of it all the same: a text's beginning, a list's other values.
    """

    def __init__(self, why: str, visible: object = None) -> None:
        """`why` ends a sentence about a place and a property; without `visible` nothing is left."""
        super().__init__(why)
        self.visible = visible


def clean(text: str) -> str:
    """The text without half characters (lone surrogates), which no file can hold."""
    if text.isascii() or not re.search("[\ud800-\udfff]", text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def text(value: Value) -> str:
    """What the value prints as, on one line; "" where it is there and empty.

    Raises:
        UnreadableError: as for `prose`, and for a line break or a control character: no name and no
            setting has one, and as a line of its own it would look like one of ours.
    """
    found = prose(value)
    bare = found if keeps_its_line(found) else found.strip()
    if not keeps_its_line(bare):
        raise UnreadableError("the value contains a line break or a control character")
    return bare


def prose(value: Value) -> str:
    """What the value prints as, over several lines too; "" where it is there and empty.

    An object that lost its text gives the member that says the same (its Name, a range's
    Expression, a full name's Domain).

    Raises:
        UnreadableError: lost, or an object that says nothing; `visible` is the part that is left.
    """
    if isinstance(value, Lost):
        raise UnreadableError(value.why, clean(value.visible))
    if isinstance(value, Items):
        if value.cut:
            raise UnreadableError("the list is truncated in the export")
        return ", ".join(prose(element) for element in value.values)
    if isinstance(value, Enumeration):
        return prose(value.text if value.text is not None else value.number)
    if isinstance(value, Complex):
        if value.text is not None:
            return clean(value.text)
        members = (value.properties.get(name) for name in _SPEAKING)
        found = next(
            (member for member in members if isinstance(member, str) and member.strip()), None
        )
        if found is None:
            raise UnreadableError("the export contains an object without its text")
        return clean(found)
    if isinstance(value, datetime):
        return value.isoformat()
    return "" if value is None else clean(str(value))


def filled(value: Value) -> str:
    """The text without blanks around it.

    Raises:
        UnreadableError: as for `text`, and where there is nothing.
    """
    found = text(value).strip()
    if not found:
        raise UnreadableError("the value is empty")
    return found


def truth(value: Value) -> bool:
    """True or False.

    Raises:
        UnreadableError: neither.
    """
    if isinstance(value, bool):
        return value
    word = filled(value).casefold()
    if word not in ("true", "false"):
        raise UnreadableError(f"neither True nor False: {_short(word)}")
    return word == "true"


def count(value: Value) -> int:
    """A whole number from 0.

    Raises:
        UnreadableError: none.
    """
    number = value.number if isinstance(value, Enumeration) else value
    if isinstance(number, bool) or not isinstance(number, int):
        digits = filled(value)
        if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
            raise UnreadableError(f"no whole number: {_short(digits)}")
        number = int(digits)
    if not 0 <= number <= _BIGGEST:
        raise UnreadableError(f"no number a server can mean: {number}")
    return number


def real(value: Value) -> float:
    """A number, with a point or a comma before its fraction.

    Raises:
        UnreadableError: none.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        number = float(value) if abs(value) < 1e300 else math.inf
    else:
        try:
            number = float(filled(value).replace(",", "."))
        except ValueError as error:
            raise UnreadableError(f"no number: {_short(filled(value))}") from error
    if not math.isfinite(number):
        raise UnreadableError("no finite number")
    return number


def moment(value: Value) -> Moment | None:
    """A time; None where there is none (S4.41). Only an aware datetime gives an instant.

    A year that no mail server lives in (.NET's smallest and largest time stand for "none") stays
    text: a table's column does not hold it.

    Raises:
        UnreadableError: lost.
    """
    if isinstance(value, datetime) and value.tzinfo and 1970 < value.year < 2200:
        return Moment(value.isoformat(), value)
    found = text(value).strip()
    return Moment(found) if found else None


def flags(kind: type[F]) -> Callable[[Value], F]:
    """A reader of flags: by number where the form keeps it, else by names (section 3.1)."""

    def read(value: Value) -> F:
        number = value.number if isinstance(value, Enumeration) else value
        try:
            if isinstance(number, int) and not isinstance(number, bool):
                return parse_flags(kind, number)
            return parse_flags(kind, filled(value))
        except UnreadableError:
            raise
        except ValueError as error:
            raise UnreadableError(_short(str(error))) from error

    return read


def connector_role(value: Value) -> TransportRole:
    """FrontendTransport or HubTransport.

    Raises:
        UnreadableError: anything else.
    """
    role = flags(TransportRole)(value)
    if role not in (TransportRole.FrontendTransport, TransportRole.HubTransport):
        raise UnreadableError(f"no role of a receive connector: {_short(text(value))}")
    return role


def named(translate: Callable[[str | int | None], str]) -> Callable[[Value], str]:
    """A reader of a plain enumeration: its name by text or else by number, `other` if unknown."""

    def read(value: Value) -> str:
        word = filled(value)
        found = translate(int(word) if re.fullmatch("[0-9]{1,9}", word) else word)
        if found == OTHER and isinstance(value, Enumeration) and value.number is not None:
            return translate(value.number)
        return found

    return read


def listed(*names: str) -> Callable[[Value], str]:
    """A reader of an enumeration whose numbers count from 0, for people: the name, or the text."""
    by_number = {str(number): name for number, name in enumerate(names)}

    def read(value: Value) -> str:
        word = text(value).strip()
        return by_number.get(word, word)

    return read


def limit(kind: LimitKind) -> Callable[[Value], str]:
    """A reader of a limit: bytes, seconds or a count as digits, or `Unlimited`, or a name.

    Printed are `36 MB (37,748,736 bytes)`, `00:10:00`, `1.00:00:00` and `Unlimited`; digits are
    grouped as the culture of the session has it.
    """

    def read(value: Value) -> str:
        if kind == "name":
            named_source = listed(*RATE_SOURCES)(value)
            if named_source not in RATE_SOURCES:
                raise UnreadableError(f"no such source: {_short(named_source)}")
            return named_source
        if isinstance(value, Complex) and value.text is None:
            value = _limit_member(value)
        found = filled(value)
        if found.casefold() == UNLIMITED.casefold():
            return UNLIMITED
        shape = _LIMITS[kind].fullmatch(found[:100])
        if shape is None:
            raise UnreadableError(f"no limit: {_short(found)}")
        if kind != "time" or shape["digits"]:
            digits = re.sub(r"\D", "", shape["digits"]).lstrip("0") or "0"
            if len(digits) > 18:
                raise UnreadableError("no number a connector can mean")
            return digits
        days, hours, minutes, seconds = (int(part or 0) for part in shape.groups()[1:])
        return str(((days * 24 + hours) * 60 + minutes) * 60 + seconds)

    return read


_LIMITS: Mapping[LimitKind, re.Pattern[str]] = {
    "size": re.compile(
        r"(?:[^(]*\()?(?P<digits>[0-9][0-9., \u00a0\u202f\u2019']*?)(?: ?[^\W\d]+\))?"
    ),
    "count": re.compile(r"(?P<digits>[0-9]+)"),
    "time": re.compile(
        r"(?P<digits>[0-9]+)|(?:([0-9]+)\.)?([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?"
    ),
}


def _limit_member(value: Complex) -> Value:
    """What an object that lost its text says of a limit."""
    if value.properties.get("IsUnlimited") is True:
        return UNLIMITED
    ticks = value.properties.get("Ticks")
    if isinstance(ticks, int):
        return ticks // 10**7
    inner = value.properties.get("Value")
    return _limit_member(inner) if isinstance(inner, Complex) and inner.text is None else inner


def version(value: Value) -> tuple[tuple[int, ...], str]:
    """Numbers and text of AdminDisplayVersion, from its text or its members (S9.11).

    Raises:
        UnreadableError: it holds no version.
    """
    if isinstance(value, Complex) and value.text is None:
        names = ("Major", "Minor", "Build", "Revision")
        parts = [value.properties.get(name) for name in names]
        numbers = tuple(count(part) for part in parts if part is not None)
        if len(numbers) < 2:
            raise UnreadableError("the export contains no version number")
        build = f" (Build {'.'.join(map(str, numbers[2:]))})" if numbers[2:] else ""
        return numbers, f"Version {numbers[0]}.{numbers[1]}{build}"
    printed = filled(value)
    found = parse_version(printed[:200])
    if found is None:
        raise UnreadableError(f"no version number: {_short(printed)}")
    return found, printed


def site(value: Value) -> str:
    """The short name of a site, from its path, DN or name.

    Raises:
        UnreadableError: lost.
    """
    found = text(value).strip()
    return (dn_parts(found) or [found.rpartition("/")[2]])[0]


def ranges(value: Value) -> tuple[AddressRange, ...]:
    """RemoteIPRanges, in the order read.

    Raises:
        UnreadableError: cut, or some of it is none; `visible` are the ranges that could be read.
    """
    return _each(value, _range)


def bindings(value: Value) -> tuple[Binding, ...]:
    """Bindings, in the order read.

    Raises:
        UnreadableError: cut, or some of it is none; `visible` are those that could be read.
    """
    return _each(value, _binding)


NO_DNS_SERVERS = ipaddress.IPv6Network("fec0:0:0:ffff::/64")
"""What Windows shows as DNS servers over IPv6 where none is configured."""


def addresses(value: Value) -> tuple[str, ...]:
    """Addresses in their usual notation, without scope ids.

    Raises:
        UnreadableError: cut, or some of it is none; `visible` are those that could be read.
    """
    return _each(value, lambda element: str(host_address(filled(element))))


def dn_parts(text: str) -> list[str]:
    r"""The values of a distinguished name, first to last; empty where it is none.

    `CN=Relay,CN=SMTP Receive Connectors,...` gives `Relay`, `SMTP Receive Connectors` ...
    """
    if not re.match(r"(?i)(cn|ou|dc)=", text):
        return []
    parts = re.split(r"(?<!\\),", text)
    return [re.sub(r"\\(.)", r"\1", part.partition("=")[2].strip()) for part in parts]


def _each(value: Value, read: Callable[[Value], T]) -> tuple[T, ...]:
    elements, faults = _elements(value)
    found = []
    for element in elements:
        try:
            found.append(read(element))
        except (RangeError, UnreadableError) as error:
            faults.append(_short(str(error)))
    if faults:
        more = f", and {len(faults) - 3} more" if len(faults) > 3 else ""
        raise UnreadableError("; ".join(faults[:3]) + more, tuple(found))
    return tuple(found)


def _elements(value: Value) -> tuple[list[Value], list[str]]:
    """The values of a list in any form, and what is wrong with the list itself."""
    if isinstance(value, Items):
        return list(value.values), ["the list is truncated in the export"] if value.cut else []
    if isinstance(value, Lost):
        return [], [value.why]
    if isinstance(value, Complex) and value.text is None:
        return [value], []  # a list of one, which JSON may give without the list
    # Below the depth of JSON and in CSV a list is one text, its values joined with blanks (S10.22).
    words = re.split(r"[\s,;]+", prose(value).strip(" \t\r\n{},;"))
    return ([*words], []) if words != [""] else ([], ["the value is empty"])


def _range(value: Value) -> AddressRange:
    if isinstance(value, Complex) and value.text is None:
        first, last = _member(value, "LowerBound"), _member(value, "UpperBound")
        if first and last:
            bounds = first if first == last else f"{first}-{last}"
            return parse_range(_member(value, "Expression") or bounds)
    return parse_range(filled(value))


def _binding(value: Value) -> Binding:
    if isinstance(value, Complex) and value.text is None:
        host, port = _member(value, "Address"), _member(value, "Port")
        if host and port:
            return parse_binding(f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    return parse_binding(filled(value))


def _member(value: Complex, name: str) -> str:
    """The text of a member; "" where there is none."""
    try:
        return text(value.properties.get(name)).strip()
    except UnreadableError:
        return ""


def _short(message: str) -> str:
    """A message of a size that people read, whatever an export holds."""
    return message if len(message) <= 200 else message[:200] + "…"
