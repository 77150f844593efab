"""The output of `ipconfig /all`, in any language of Windows (S9.12).

Its labels are translated, so none is read. What tells is the structure: a first block whose lines
are the host name and the primary DNS suffix, then a block for each adapter, whose heading ends in a
colon. Between a label and its value stand dots and a colon. An address of the adapter's own has a
state in parentheses behind it, or (Windows Server 2003) its subnet mask in the line below; gateways
and DNS servers have neither. An adapter that is not connected has no address.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mailflow.budget import Budget
from mailflow.exchange.ranges import Address, RangeError, parse_address
from mailflow.snapshot import Unread
from mailflow.sources.exports.lines import each_line
from mailflow.sources.row import ELEMENT, ROW, Items, Reading, Row, Value
from mailflow.sources.values import NO_DNS_SERVERS

IPCONFIG = "ipconfig /all"
"""What its rows have for a cmdlet: HostName, and of one adapter IPAddress, and what tells of it."""

_HOST = re.compile(r"[^\W_][\w-]{0,62}")
_OWN = re.compile(r"([0-9A-Fa-f:.]{2,45})(?:%\d{1,10})?\((\S[^()]{0,40})\)")
_COLONS = (":", "\uff1a")
_LONGEST = 400
"""Characters of a line that may be one of ipconfig's."""
_MOST_LABELS = 20
"""Labels of IPv6 addresses of one adapter, of which ipconfig has three: more are no labels."""


@dataclass(slots=True)
class _Adapter:
    """An adapter: each value with its label and the number of its line."""

    host: str
    line: int
    values: list[tuple[str, str]] = field(default_factory=list)

    def take(self, label: str, value: str) -> None:
        """A value; without a label it is more of the one above it."""
        if label or self.values:
            self.values.append((label or self.values[-1][0], value))


@dataclass(frozen=True, slots=True)
class _Own:
    """An address of an adapter's own: its label, and its state as printed; "" where none is."""

    address: Address
    label: str
    state: str


def read_ipconfig(text: str, place: str, budget: Budget | None = None) -> Reading:
    """The adapters of every host in a text that may hold other things as well.

    Args:
        text: decoded; what is no character there stands in labels and does no harm.
        place: the file, for messages.
        budget: what reading may cost; None: one for this text alone.

    Returns:
        A row for each adapter with an address. An address in another state than most is left out
        (tentative, duplicate, deprecated), and told; a temporary one is left out.
    """
    reading = Reading()
    budget = budget or Budget(len(text))
    adapters: list[_Adapter] = []
    for found in _adapters(text, budget):
        budget.hold(ROW + 2 * ELEMENT * len(found.values), place)
        adapters.append(found)
    usual = _usual(adapters)
    for adapter in adapters:
        budget.step()
        where = f"{place}, line {adapter.line}"
        own = _lasting(_own(adapter))
        for each in own:
            if each.state not in usual[adapter.host] and not each.address.is_link_local:
                why = f"{where}: {each.address} is in another state ({each.state}) than the others"
                reading.unread.append(Unread(adapter.host, "addresses", why))
        kept = tuple(str(each.address) for each in own if each.state in usual[adapter.host])
        if kept:
            values: dict[str, Value] = {"HostName": adapter.host, "IPAddress": Items(kept)}
            if _is_alone(adapter):
                values |= {"DNSServerSearchOrder": Items(()), "DefaultIPGateway": Items(())}
            reading.rows.append(Row(IPCONFIG, values, where))
    return reading


def _usual(adapters: Iterable[_Adapter]) -> dict[str, set[str]]:
    """The state that most addresses of a host have: each language has a word of its own for it."""
    states: dict[str, Counter[str]] = {}
    for adapter in adapters:
        states.setdefault(adapter.host, Counter()).update(own.state for own in _own(adapter))
    usual: dict[str, set[str]] = {}
    for host, of in states.items():
        most = max(of.values(), default=0)
        usual[host] = {state for state, count in of.items() if count == most}
    return usual


def _adapters(text: str, budget: Budget) -> Iterator[_Adapter]:
    """The adapters below each first block that names a host."""
    first: list[str] = []  # values of a block that may be the first one
    host, adapter = "", None
    for number, raw in enumerate(each_line(text), 1):
        budget.step()
        line = raw.strip()
        label, value = _parted(line)
        if not line or len(line) > _LONGEST:
            continue
        if label or _is_more(raw):
            if adapter is not None:
                adapter.take(label, value if label else line)
            elif label:
                first.append(value)
            continue
        if adapter is not None:
            yield adapter
            adapter = None
        if not line.endswith(_COLONS):
            host, first = "", []
            continue
        if len(first) > 1 and _HOST.fullmatch(first[0]):
            host = first[0]
        first = []
        adapter = _Adapter(host, number) if host else None
    if adapter is not None:
        yield adapter


def _is_more(raw: str) -> bool:
    """Whether a line without a label is more of the value above it, and no heading."""
    line = raw.strip()
    return _is_address(line) or (raw[:1].isspace() and not line.endswith(_COLONS))


def _parted(line: str) -> tuple[str, str]:
    """Label and value of a line in which dots and a colon part them; "" for any other line."""
    head, colon, value = line.partition(":")
    head = head.rstrip()
    if not colon or not head.endswith("."):
        return "", ""
    return head.rstrip(". "), value.strip()


def _own(adapter: _Adapter) -> list[_Own]:
    """The addresses of an adapter's own."""
    found = []
    for place, (label, value) in enumerate(adapter.values):
        marked = _OWN.fullmatch(value)
        if marked and (address := _address(marked[1])):
            found.append(_Own(address, label.casefold(), marked[2].strip().casefold()))
        elif _is_mask(adapter, place + 1) and (address := _address(value)):
            found.append(_Own(address, label.casefold(), ""))
    return found


def _lasting(own: list[_Own]) -> list[_Own]:
    """The addresses without the temporary ones over IPv6.

    Such a one's label is that of an ordinary one with a word more, in every language.
    """
    labels = {entry.label for entry in own if entry.address.version == 6}
    if len(labels) > _MOST_LABELS:
        return own
    temporary = {
        label for label in labels if any(other != label and other in label for other in labels)
    }
    return [entry for entry in own if entry.address.version != 6 or entry.label not in temporary]


def _is_alone(adapter: _Adapter) -> bool:
    """Whether an adapter has neither a gateway nor DNS servers.

    It is known to be whole where a line follows the last one of its addresses: the gateway's.
    """
    masks = {place for place in range(len(adapter.values)) if _is_mask(adapter, place)}
    further = [
        address
        for place, (_, value) in enumerate(adapter.values)
        if not masks & {place, place + 1} and (address := _address(value))
    ]
    is_whole = bool(masks) and max(masks) + 1 < len(adapter.values)
    return is_whole and all(each in NO_DNS_SERVERS for each in further)


def _is_mask(adapter: _Adapter, place: int) -> bool:
    """Whether a value is a subnet mask: ones, then zeros, below an address over IPv4."""
    if not 0 < place < len(adapter.values):
        return False
    above, mask = adapter.values[place - 1][1], _address(adapter.values[place][1])
    held = _address(above.partition("(")[0])
    if mask is None or held is None or not mask.version == held.version == 4:
        return False
    low = (1 << 32) - 1 - int(mask)
    return low < (1 << 31) and low & (low + 1) == 0


def _is_address(line: str) -> bool:
    return _address(line.partition("(")[0]) is not None


def _address(text: str) -> Address | None:
    try:
        return parse_address(text.partition("%")[0].strip())
    except RangeError:
        return None
