r"""PowerShell lines as an administrator types them, and as Exchange reads them.

    typed('Set-ReceiveConnector "EX16A\\Relay" -Enabled $false')
    typed('Retry-Queue -Identity "EX10A\\1187"')

Written from sections 1.4 and 3.1 of the facts and knows nothing of the product: only its plain data
types. Whatever is not understood here is no command that an administrator can type.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import IntFlag

from mailflow.exchange.connectors import AuthMechanism, Binding, PermissionGroups, TransportRole
from mailflow.exchange.ranges import AddressRange


class NotTyped(ValueError):  # noqa: N818 - it says what the line is
    """A line that is no command an administrator can type."""


class NotTaken(ValueError):  # noqa: N818 - it says what becomes of the value
    """A value that the cmdlet understands and refuses by itself."""


@dataclass(frozen=True)
class Typed:
    """A command line as Exchange reads it.

    Attributes:
        cmdlet: `Set-ReceiveConnector` or `Retry-Queue`.
        identity: what it names.
        values: fields of a connector, with their new values.
    """

    cmdlet: str
    identity: str
    values: Mapping[str, object]


@dataclass(frozen=True)
class Item:
    """One element of an argument: a text, or one of PowerShell's $true, $false and $null."""

    text: str
    constant: bool = False


# -- PowerShell ------------------------------------------------------------------------------------

DOUBLE = '"\u201c\u201d\u201e'
SINGLE = "'\u2018\u2019\u201a\u201b"
"""Typographic quotes are quotes to PowerShell (S8.87)."""
BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:/\\-*")
CONSTANTS = ("$true", "$false", "$null")


def typed(line: str) -> Typed:
    """The command of a line.

    Raises:
        NotTyped: it is none.
        NotTaken: one of its values is refused by itself.
    """
    if any(ord(one) < 32 or 0x7F <= ord(one) < 0xA0 for one in line):
        raise NotTyped("a control character")
    cmdlet, arguments = _arguments(line)
    identity = arguments.pop("identity", None)
    if identity is None:
        raise NotTyped("no identity")
    name = _text("Identity", identity)
    if cmdlet.casefold() == "retry-queue":
        if arguments:
            raise NotTyped(f"Retry-Queue has no {', '.join(arguments)} here")
        return Typed("Retry-Queue", name, {})
    if cmdlet.casefold() != "set-receiveconnector":
        raise NotTyped(f"the cmdlet {cmdlet!r} is not known here")
    values: dict[str, object] = {}
    for parameter, items in arguments.items():
        if parameter not in PARAMETERS:
            raise NotTyped(f"the parameter {parameter!r} is not known here")
        field, read = PARAMETERS[parameter]
        values[field] = read(parameter, items)
    if not values:
        raise NotTyped("nothing is set")
    return Typed("Set-ReceiveConnector", name, values)


def _arguments(line: str) -> tuple[str, dict[str, tuple[Item, ...]]]:
    """The cmdlet and its arguments by the name of the parameter in lower case."""
    cmdlet, _, rest = line.strip().partition(" ")
    arguments: dict[str, tuple[Item, ...]] = {}
    name, place = "identity", 0
    rest = rest.strip()
    while place < len(rest):
        if rest[place] == "-" and rest[place + 1 : place + 2].isalpha():
            end = place + 1
            while end < len(rest) and rest[end].isalpha():
                end += 1
            name, place = rest[place + 1 : end].casefold(), end
            if rest[place : place + 1] != " ":
                raise NotTyped(f"no value after -{name}")
            place = _after_blanks(rest, place)
        if name in arguments:
            raise NotTyped(f"{name} stands there twice")
        items, place = _list(rest, place)
        arguments[name] = tuple(items)
        place = _after_blanks(rest, place)
    return cmdlet, arguments


def _list(rest: str, place: int) -> tuple[list[Item], int]:
    """The elements that commas join, and where they end."""
    items = []
    while True:
        item, place = _item(rest, place)
        items.append(item)
        after = _after_blanks(rest, place)
        if rest[after : after + 1] != ",":
            if after == place and place < len(rest):
                raise NotTyped(f"{rest[place:]!r} follows without a blank")
            return items, place
        place = _after_blanks(rest, after + 1)


def _item(rest: str, place: int) -> tuple[Item, int]:
    first = rest[place : place + 1]
    if first and first in DOUBLE:
        return _quoted(rest, place + 1, DOUBLE)
    if first and first in SINGLE:
        return _quoted(rest, place + 1, SINGLE)
    if first == "$":
        word = next((one for one in CONSTANTS if rest.casefold().startswith(one, place)), None)
        if word is None:
            raise NotTyped("a variable")
        return Item(word, constant=True), place + len(word)
    end = place
    while end < len(rest) and rest[end] in BARE:
        end += 1
    if end == place or first == "-":
        raise NotTyped(f"{rest[place:]!r} is no value")
    return Item(rest[place:end]), end


def _quoted(rest: str, place: int, quotes: str) -> tuple[Item, int]:
    """The text up to the closing quote; two quotes are one, a backtick takes the next one as it is.

    Only `` ` `` before a sign is understood: before a letter it is a control character.
    """
    text = ""
    while place < len(rest):
        one, following = rest[place], rest[place + 1 : place + 2]
        if one in quotes:
            if not following or following not in quotes:
                return Item(text), place + 1
            text, place = text + following, place + 2
        elif quotes is DOUBLE and one == "`":
            if not following or following.isalnum():
                raise NotTyped("an escape that is no sign")
            text, place = text + following, place + 2
        elif quotes is DOUBLE and one == "$":
            raise NotTyped("a variable inside a text")
        else:
            text, place = text + one, place + 1
    raise NotTyped("a quote that is not closed")


def _after_blanks(rest: str, place: int) -> int:
    while place < len(rest) and rest[place] == " ":
        place += 1
    return place


# -- Values ----------------------------------------------------------------------------------------


def _text(name: str, items: tuple[Item, ...]) -> str:
    if len(items) != 1 or items[0].constant or not items[0].text:
        raise NotTyped(f"{name} takes one text")
    return items[0].text


def _texts(name: str, items: tuple[Item, ...]) -> list[str]:
    if any(one.constant for one in items):
        raise NotTyped(f"{name} takes texts")
    return [one.text for one in items]


def _truth(name: str, items: tuple[Item, ...]) -> bool:
    words = {"$true": True, "$false": False}
    if len(items) != 1 or not items[0].constant or items[0].text not in words:
        raise NotTyped(f"{name} takes $true or $false")
    return words[items[0].text]


def _fqdn(name: str, items: tuple[Item, ...]) -> str:
    """A name, or nothing for $null (section 3.4)."""
    if len(items) == 1 and items[0] == Item("$null", constant=True):
        return ""
    return _text(name, items)


def _ranges(name: str, items: tuple[Item, ...]) -> tuple[AddressRange, ...]:
    """Ranges, each once: equal is what has equal bounds (section 1.4)."""
    found = tuple(range_of(one) for one in _nothing_for_null(name, items))
    if len(set(found)) < len(found):
        raise NotTaken("RemoteIPRanges names a range twice")
    return found


def _bindings(name: str, items: tuple[Item, ...]) -> tuple[Binding, ...]:
    found = tuple(binding_of(one) for one in _nothing_for_null(name, items))
    if len(set(found)) < len(found):
        raise NotTaken("Bindings names a binding twice")
    return found


def _nothing_for_null(name: str, items: tuple[Item, ...]) -> list[str]:
    return [] if items == (Item("$null", constant=True),) else _texts(name, items)


def _flags_of(kind: type[IntFlag]) -> Callable[[str, tuple[Item, ...]], IntFlag]:
    def read(name: str, items: tuple[Item, ...]) -> IntFlag:
        """The named values together; None stands alone (section 3.4), Custom nowhere (S3.22)."""
        names = {one.name.casefold(): one for one in kind if one.name} | {"none": kind(0)}
        words = [
            word.strip().casefold() for text in _texts(name, items) for word in text.split(",")
        ]
        if unknown := [one for one in words if one not in names]:
            raise NotTyped(f"{name} has no {', '.join(unknown)}")
        if "none" in words and len(words) > 1:
            raise NotTaken(f"None beside something else in {name}")
        if "custom" in words:
            raise NotTaken("You can't use Custom to specify PermissionGroups.")
        flags = kind(0)
        for one in words:
            flags |= names[one]
        return flags

    return read


def _role(name: str, items: tuple[Item, ...]) -> TransportRole:
    words = {
        "frontendtransport": TransportRole.FrontendTransport,
        "hubtransport": TransportRole.HubTransport,
    }
    word = _text(name, items).casefold()
    if word not in words:
        raise NotTyped(f"a connector has no role {word!r}")
    return words[word]


PARAMETERS: Mapping[str, tuple[str, Callable[[str, tuple[Item, ...]], object]]] = {
    "authmechanism": ("auth", _flags_of(AuthMechanism)),
    "bindings": ("bindings", _bindings),
    "enabled": ("enabled", _truth),
    "fqdn": ("fqdn", _fqdn),
    "permissiongroups": ("groups", _flags_of(PermissionGroups)),
    "remoteipranges": ("ranges", _ranges),
    "requiretls": ("require_tls", _truth),
    "suppressxanonymoustls": ("suppress_x_anonymous_tls", _truth),
    "transportrole": ("role", _role),
}
"""Parameter in lower case to the field it changes and how its value is read."""


def range_of(text: str) -> AddressRange:
    """One address, two bounds, a CIDR length or a netmask (section 1.4; host bits go, S1.20).

    Raises:
        NotTyped: it is none of them.
    """
    try:
        first, last = _bounds_of(text.strip())
    except ValueError as error:
        raise NotTyped(f"{text!r} is no range: {error}") from error
    if first.version != last.version or int(first) > int(last):
        raise NotTyped(f"{text!r} ends before it starts")
    return AddressRange(4 if first.version == 4 else 6, int(first), int(last))


def _bounds_of(text: str) -> tuple[ipaddress._BaseAddress, ipaddress._BaseAddress]:
    if "-" in text:
        low, _, high = text.partition("-")
        return _address(low), _address(high)
    if "(" in text and text.endswith(")"):
        host, _, mask = text[:-1].partition("(")
        text = f"{host}/{ipaddress.IPv4Network(f'0.0.0.0/{mask}').prefixlen}"
    if "/" in text:
        net = ipaddress.ip_network(text, strict=False)
        return net[0], net[-1]
    return _address(text), _address(text)


def _address(text: str) -> ipaddress._BaseAddress:
    """An address; a scope id is accepted and says nothing about the address (section 1.4)."""
    return ipaddress.ip_address(text.strip().partition("%")[0])


def binding_of(text: str) -> Binding:
    """`0.0.0.0:25`, `[::]:25` (section 1.4).

    Raises:
        NotTyped: it is none.
    """
    host, colon, port = text.strip().rpartition(":")
    try:
        if host.startswith("["):
            address: ipaddress._BaseAddress = ipaddress.IPv6Address(host[1:-1])
        else:
            address = ipaddress.IPv4Address(host)
    except ValueError as error:
        raise NotTyped(f"{text!r} is no binding: {error}") from error
    if not colon or not port.isdigit() or int(port) > 65535:
        raise NotTyped(f"{text!r} names no port")
    return Binding(4 if address.version == 4 else 6, int(address), int(port))
