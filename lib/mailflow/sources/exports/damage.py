"""What damage looks like, whatever form an export has.

Disks and transfers leave zeros, cut ends off, and drop blocks: then one object may be the beginning
of one and the end of another. All objects that one command printed have the same properties in the
same order, a value fits its type, and the names in an object agree: what breaks one of these rules
is damaged, and is never read as if it were whole.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from mailflow.exchange.cmdlets import PROPERTIES, Kind
from mailflow.exchange.connectors import (
    AuthMechanism,
    PermissionGroups,
    TransportRole,
    parse_binding,
    parse_flags,
)
from mailflow.exchange.queues import OTHER, delivery_type, status
from mailflow.exchange.ranges import RangeError, parse_address, parse_range
from mailflow.snapshot import Unread
from mailflow.sources.row import Complex, Enumeration, Items, Lost, Reading, Row, Value
from mailflow.sources.values import dn_parts

MOST_TOLD = 20
"""Damaged objects of an export that get a row of *unread* each; the others are counted."""

# Tabs and line breaks stand in texts; a console's colours are gone before anybody looks.
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_ENUM = re.compile(r"[^\W\d][\w -]{0,80}(?:, ?[^\W\d][\w -]{0,80})*+")
# A queue's number, or one of those that have a name; what holds a dot or a blank is a next hop.
_QUEUE_NAME = re.compile(r"[0-9]+|submission|poison|unreachable|shadow\\[0-9]+|.*[. ].*")
_GUID = re.compile(r"\{?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}?")
_FREE = {"LastError", "Comment"}  # texts that people and foreign servers write
_HIDDEN = re.compile(r"[xX*#<>?]")  # people make addresses unreadable before they show them
_FLAGS = {
    "AuthMechanism": AuthMechanism,
    "PermissionGroups": PermissionGroups,
    "TransportRole": TransportRole,
}
_NAMES = {"Status": status, "DeliveryType": delivery_type}
_SPECIAL = {"submission": "Undefined", "poison": "Undefined", "unreachable": "Unreachable"}

_QUEUES = "Get-Queue"
_MOST_SHAPES = 50
"""Versions of Exchange that one export may hold queues of: more shapes are damage."""


def _folded(names: str) -> frozenset[str]:
    return frozenset(names.split())


# Older servers answer with fewer properties, and one export may hold queues of several (S4.51,
# S4.52).
_OLDEST = _folded(
    "identity deliverytype nexthopdomain nexthopconnector status messagecount lasterror"
    " lastretrytime nextretrytime isvalid objectstate pscomputername runspaceid"
)
_SINCE_2013 = _folded(
    "deferredmessagecount lockedmessagecount messagecountsperpriority"
    " deferredmessagecountsperpriority risklevel outboundippool nexthopcategory incomingrate"
    " outgoingrate velocity queueidentity prioritydescriptions overridesource"
)


def told(cmdlets: Iterable[str], why: str) -> list[Unread]:
    """Rows of *unread* without a server: objects of these cmdlets may be missing.

    Without any cmdlet the export itself is named.
    """
    return [Unread("", cmdlet, why) for cmdlet in sorted(cmdlets) or ["capture"]]


def drop_damaged(reading: Reading) -> None:
    """Take out of a reading the objects that are damaged, and say which they were.

    A value in which single characters are no text is Lost; the object stays, for they were lost
    where they stood, and nothing else moved.
    """
    rows: list[Row] = []
    faults: dict[str, list[str]] = {}
    for row in reading.rows:
        fault = fault_of(row)
        if fault:
            faults.setdefault(row.cmdlet, []).append(f"{row.place}: {fault}")
        else:
            rows.append(_without_lost_characters(row, faults))
    reading.rows = rows
    for cmdlet, told_of in faults.items():
        what = cmdlet if cmdlet in PROPERTIES else "capture"
        reading.unread += [Unread("", what, why) for why in told_of[:MOST_TOLD]]
        if len(told_of) > MOST_TOLD:
            more = f"{len(told_of) - MOST_TOLD} more objects of this export are damaged"
            reading.unread.append(Unread("", what, more))


def fault_of(row: Row) -> str:
    """Why an object is damaged; "" where nothing shows that it is."""
    kinds = PROPERTIES.get(row.cmdlet, {})
    for name, value in row.values.items():
        for text in _texts(value):
            if _CONTROL.search(text):
                return f"zero bytes or control characters in {name}: the export is damaged"
        kind = kinds.get(name)
        if kind is not None and not _is_fit(name, kind, value):
            shown = next(iter(_texts(value)), "")[:60]
            return f"{name} cannot be {shown!r}: the export is damaged"
    named = _contradiction(row)
    return f"{named} do not belong to one object: the export is damaged" if named else ""


def _without_lost_characters(row: Row, faults: dict[str, list[str]]) -> Row:
    bad = [
        name
        for name, value in row.values.items()
        if name in PROPERTIES.get(row.cmdlet, {})
        and any("\ufffd" in text for text in _texts(value))
    ]
    if not bad:
        return row
    why = "characters are lost"
    faults.setdefault(row.cmdlet, []).append(f"{row.place}: {why} in {', '.join(bad)}")
    values = dict(row.values)
    for name in bad:
        values[name] = Lost(why, next(iter(_texts(values[name])), ""))
    return Row(row.cmdlet, values, row.place, row.computer, row.named_server, row.command)


def _texts(value: Value) -> Iterator[str]:
    """The texts in a value, as far as people see them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Enumeration):
        yield value.text or ""
    elif isinstance(value, Complex):
        yield value.text or ""
        yield from (member for member in value.properties.values() if isinstance(member, str))
    elif isinstance(value, Items):
        for element in value.values:
            yield from _texts(element)


# -- Values and their types ------------------------------------------------------------------------


def _is_fit(name: str, kind: Kind, value: Value) -> bool:
    """Whether a property can have such a value; nothing is said of what is lost or empty."""
    if isinstance(value, Lost) or value is None or value == "":
        return True
    if kind is Kind.BOOLEAN:
        return isinstance(value, bool)
    if kind in (Kind.INTEGER, Kind.REAL):
        return isinstance(value, (int, float, Enumeration)) and not isinstance(value, bool)
    if kind is Kind.ENUM:
        return _is_enumeration(name, value)
    if kind is Kind.TEXT and isinstance(value, str) and name not in _FREE:
        if name == "NextHopConnector":
            return bool(_GUID.fullmatch(value.strip()) or _HIDDEN.search(value))
        return "  :" not in value and not (name == "Fqdn" and " " in value.strip())
    if kind is Kind.LIST and isinstance(value, Items):
        return all(
            not isinstance(element, str) or _HIDDEN.search(element) or _is_element(name, element)
            for element in value.values
        )
    return True


def _is_enumeration(name: str, value: Value) -> bool:
    text = value.text if isinstance(value, Enumeration) else value
    number = value.number if isinstance(value, Enumeration) else None
    if not isinstance(text, str):
        return True
    if text.isascii() and not _ENUM.fullmatch(text):
        return False
    if name in _FLAGS:
        try:
            said = parse_flags(_FLAGS[name], text)
        except ValueError:
            return False
        return number is None or int(said) == number
    if name in _NAMES and number is not None:
        read = _NAMES[name]
        return OTHER in (read(text), read(number)) or read(text) == read(number)
    return True


@lru_cache(maxsize=4096)
def _is_element(name: str, text: str) -> bool:
    read = {
        "RemoteIPRanges": parse_range,
        "Bindings": parse_binding,
        "IPAddresses": parse_address,
    }.get(name)
    try:
        return read is None or bool(read(text))
    except RangeError:
        return False


def is_whole(kind: Kind, text: str) -> bool:
    """Whether a value at the end of a text without a last line break cannot have been cut."""
    bare = text.strip()
    if kind is Kind.BOOLEAN:
        return bare.casefold() in ("true", "false")
    if kind is Kind.LIST:
        return bare.endswith("}")
    return kind is Kind.ENUM and status(bare) != OTHER


# -- Names that agree ------------------------------------------------------------------------------


def _contradiction(row: Row) -> str:
    """Two properties of a whole object that agree, and here do not; "" where all do."""
    texts = {name: _plain(value).casefold() for name, value in row.values.items()}
    server, slash, name = texts.get("Identity", "").partition("\\")
    if row.cmdlet == "Get-ReceiveConnector" and slash:
        dn = dn_parts(texts.get("DistinguishedName", ""))
        inside = dn if dn[1:2] == ["smtp receive connectors"] else []
        for other, said, own in (
            ("Server", texts.get("Server", "").partition(".")[0], server.partition(".")[0]),
            ("Name", texts.get("Name", ""), name),
            ("DistinguishedName", "".join(dn[:1]), name),
            ("DistinguishedName", "".join(inside[3:4]), server.partition(".")[0]),
        ):
            if said and " ".join(said.split()) != " ".join(own.split()):
                return f"Identity and {other}"
    elif row.cmdlet == _QUEUES and slash:
        kind = _plain(row.values.get("DeliveryType"))
        if name.isascii() and not _QUEUE_NAME.fullmatch(name):
            return "The parts of Identity"
        expected = _SPECIAL.get(name) or ("ShadowRedundancy" if "shadow\\" in name else "")
        if expected and delivery_type(kind) not in (OTHER, expected):
            return "Identity and DeliveryType"
        if texts.get("QueueIdentity") not in (None, "", texts["Identity"]):
            return "Identity and QueueIdentity"
    elif row.cmdlet in ("Get-ExchangeServer", "Get-TransportService"):
        own, named = texts.get("Identity", ""), texts.get("Name", "")
        if own and named and not set(own) & set("/,=\\") and own != named:
            return "Identity and Name"
    return ""


def _plain(value: Value) -> str:
    """The text of a value that was read whole; "" for any other."""
    if isinstance(value, Enumeration | Complex):
        value = value.text
    return value.strip() if isinstance(value, str) else ""


# -- Properties of neighbors -----------------------------------------------------------------------


def odd_ones(cmdlet: str, shapes: Sequence[Sequence[str]]) -> set[int]:
    """Which of the objects that one command printed lack a part, by their places.

    Args:
        cmdlet: which printed them.
        shapes: the names of the properties of each object, in order.

    Objects of one type have the same properties in the same order. A shape that stands twice is
    one of its own: two damages do not hit alike. One that stands alone is damaged if it lacks a
    property of these, or, where none stands twice, of any other.
    """
    folded = [tuple(name.casefold() for name in shape) for shape in shapes]
    counted = Counter(folded)
    usual = {frozenset(shape) for shape, count in counted.items() if count > 1} or {
        frozenset(shape) for shape in counted
    }
    every = frozenset().union(*usual)
    return {
        place
        for place, shape in enumerate(folded)
        if counted[shape] == 1 and _lacks(cmdlet, frozenset(shape), usual, every)
    }


def _lacks(
    cmdlet: str, shape: frozenset[str], usual: Collection[frozenset[str]], every: frozenset[str]
) -> bool:
    """Whether a shape lacks a property of the usual ones, and is not what an older server has."""
    if every <= shape:
        return False
    if cmdlet != _QUEUES or len(usual) > _MOST_SHAPES:
        return True
    return any(other - shape and not _is_older(shape, other) for other in usual)


def _is_older(older: frozenset[str], newer: frozenset[str]) -> bool:
    """Whether the first of two is what an older server answers, whole (S4.51, S4.52)."""
    gone = newer - older
    if not older < newer:
        return False
    return gone == newer & _SINCE_2013 or gone == newer - _OLDEST


def mentioned(text: str) -> set[str]:
    """The cmdlets whose own properties a text names: what a file that cannot be read was to be."""
    return {cmdlet for cmdlet, signs in _SIGNS.items() if signs.search(text)}


_SIGNS: Mapping[str, re.Pattern[str]] = {
    cmdlet: re.compile(rf"\b(?:{names})\b")
    for cmdlet, names in {
        "Get-ExchangeServer": "IsHubTransportServer|IsFrontendTransportServer|IsE15OrLater",
        "Get-TransportService": "UseDowngradedExchangeServerAuth",
        _QUEUES: "NextHopDomain|NextHopConnector|LastRetryTime",
        "Get-ReceiveConnector": "RemoteIPRanges|PermissionGroups|SuppressXAnonymousTls",
        "Get-NetworkConnectionInfo": "IPAddresses|AdapterGuid",
        "Get-ADPermission": "ExtendedRights",
    }.items()
}
