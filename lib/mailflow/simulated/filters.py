"""The language of -Filter of the queue cmdlets: conditions joined by -and (S4.54, S4.55)."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from mailflow.exchange.queues import DELIVERY_TYPES, STATUSES
from mailflow.simulated.shapes import Values
from mailflow.sources.row import Complex, Enumeration, Value

_EQUALITY = frozenset({"-eq", "-ne"})
_ORDER = frozenset({"-gt", "-ge", "-lt", "-le"})
_TEXT = _EQUALITY | {"-like"}
_NUMBER = _EQUALITY | _ORDER

QUEUE_FILTERS: Mapping[str, frozenset[str]] = {
    "DeliveryType": _EQUALITY,
    "NextHopDomain": _TEXT,
    "TlsDomain": _TEXT,
    "NextHopConnector": _TEXT,
    "Status": _EQUALITY,
    "MessageCount": _NUMBER,
    "LastError": _TEXT,
    "RetryCount": _NUMBER,
    "LastRetryTime": _ORDER,
    "NextRetryTime": _ORDER,
    "FirstRetryTime": _NUMBER,
    "DeferredMessageCount": _NUMBER,
    "NextHopCategory": _EQUALITY,
    "IncomingRate": _NUMBER,
    "OutgoingRate": _NUMBER,
    "Velocity": _NUMBER,
}
"""Property of a queue to the operators it takes (section 4.5)."""

MESSAGE_FILTERS: Mapping[str, frozenset[str]] = {
    "DateReceived": _NUMBER,
    "ExpirationTime": _NUMBER,
    "FromAddress": _TEXT,
    "Identity": _EQUALITY,
    "InternetMessageId": _TEXT,
    "LastError": _TEXT,
    "Queue": _TEXT,
    "Status": _EQUALITY,
    "Subject": _TEXT,
}
"""The same of a message, as far as the simulated organization shows one."""

_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    "-gt": operator.gt,
    "-ge": operator.ge,
    "-lt": operator.lt,
    "-le": operator.le,
}
_NAMES: Mapping[str, Mapping[int, str]] = {
    "DeliveryType": DELIVERY_TYPES,
    "Status": STATUSES,
    "NextHopCategory": {0: "Internal", 1: "External"},
}
_CONDITION = re.compile(
    r"""\s*(?P<name>[A-Za-z]+)\s+(?P<operator>-[A-Za-z]+)\s+
        (?P<value>'(?:[^']|'')*'|"(?:[^"]|"")*"|[^\s'"]+)\s*""",
    re.VERBOSE,
)
_JOIN = re.compile(r"-[A-Za-z]+")


class FilterError(ValueError):
    """A filter that can't be understood. The words are this module's: Exchange's are not known."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison: property, operator, value as text."""

    name: str
    operator: str
    value: str

    def holds(self, values: Values) -> bool:
        """Whether an object meets it. A property that it does not show meets no comparison."""
        own = values.get(self.name)
        if self.name in _NAMES:
            shown = own.text if isinstance(own, Enumeration) else None
            return (shown == self.value) is (self.operator == "-eq")
        if self.operator in _ORDER:
            mine, wanted = _rank(own), _rank(self.value)
            return None not in (mine, wanted) and _COMPARE[self.operator](mine, wanted)  # type: ignore[arg-type]
        text = _text(own).casefold()
        if self.operator == "-like":
            return _like(text, self.value.casefold())
        same = _rank(own) == _rank(self.value) if isinstance(own, int | float | datetime) else None
        return (text == self.value.casefold() if same is None else same) is (self.operator == "-eq")


def parse_filter(text: str, allowed: Mapping[str, frozenset[str]]) -> tuple[Condition, ...]:
    """The conditions of a filter, all of which an object has to meet.

    Args:
        text: `Status -eq 'Retry' -and MessageCount -gt 10`; braces around it are taken off.
        allowed: property to its operators.

    Raises:
        FilterError: it is empty, joined by another word than -and, or compares what can't be.
    """
    rest = text.strip()
    if rest.startswith("{") and rest.endswith("}"):
        rest = rest[1:-1].strip()
    by_name = {name.casefold(): name for name in allowed}
    found = []
    while True:
        match = _CONDITION.match(rest)
        if match is None:
            raise FilterError(f'The filter "{text}" can\'t be read at "{rest[:40]}".')
        found.append(_condition(match, by_name, allowed))
        rest = rest[match.end() :]
        if not rest:
            return tuple(found)
        join = _JOIN.match(rest)
        if join is None or join[0].casefold() != "-and":
            word = join[0] if join else rest[:40]
            raise FilterError(f'Only -and joins the conditions of a filter, not "{word}".')
        rest = rest[join.end() :]


def _condition(
    match: re.Match[str], by_name: Mapping[str, str], allowed: Mapping[str, frozenset[str]]
) -> Condition:
    name = by_name.get(match["name"].casefold())
    if name is None:
        raise FilterError(f'"{match["name"]}" is no property that can be filtered by.')
    sign = match["operator"].casefold()
    if sign not in allowed[name]:
        raise FilterError(f'The property "{name}" can\'t be compared with {match["operator"]}.')
    value = match["value"]
    if value[0] in "'\"":
        value = value[1:-1].replace(value[0] * 2, value[0])
    if name in _NAMES:
        value = _enumerated(name, value)
    elif sign in _ORDER and _rank(value) is None:
        raise FilterError(f'"{value}" is neither a number nor a time.')
    return Condition(name, sign, value)


def _enumerated(name: str, value: str) -> str:
    names = _NAMES[name]
    if value.isdigit() and int(value) in names:
        return names[int(value)]
    found = next((word for word in names.values() if word.casefold() == value.casefold()), None)
    if found is None:
        raise FilterError(f'"{value}" is no value of {name}.')
    return found


def _text(value: Value) -> str:
    return (value.text or "") if isinstance(value, Complex) else "" if value is None else str(value)


def _rank(value: Value) -> float | None:
    """A number or an instant as a number; None for anything else."""
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, int | float):
        return float(value)
    if not isinstance(value, str):
        return None
    if re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", value):
        return float(value)
    for form in ("%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y"):
        try:
            return datetime.strptime(value, form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _like(text: str, pattern: str) -> bool:
    """A star at the beginning or the end stands for anything (S4.55); elsewhere for itself."""
    bare = pattern.strip("*")
    if pattern.startswith("*"):
        return bare in text if pattern.endswith("*") else text.endswith(bare)
    return text.startswith(bare) if pattern.endswith("*") else text == bare
