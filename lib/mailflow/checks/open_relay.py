"""Audit: hosts outside of the organization may relay, without authentication.

Outside is every address that is not private (S1.39), not a known or planned server's, not in the
IPv6 subnet of a server. Where a server has addresses that were not read, hosts may be its own,
unless they are more than any server has. Who accepts such a host is told over the whole address
space; whether it relays by the access list alone (section 2.6), which is missing data where it was
not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mailflow.analysis.capabilities import Rights, relays
from mailflow.analysis.missing import ADDRESSES, CONNECTORS, Missing
from mailflow.analysis.planned import Planned
from mailflow.analysis.reach import WholeMap
from mailflow.analysis.servers import FAMILIES, ServerView, doubt_of, is_whole
from mailflow.checks.check import (
    ENTRIES,
    LIST_CONNECTORS,
    Card,
    Check,
    ConnectorWords,
    Finding,
    State,
    in_own_words,
    own_advice,
    try_removing,
)
from mailflow.checks.relaying import (
    doubt_of_relaying,
    how_to_tell,
    what_ends_it,
    why_it_relays,
)
from mailflow.exchange.connectors import ReceiveConnector
from mailflow.exchange.range_words import count_in_words
from mailflow.exchange.ranges import (
    Address,
    AddressRange,
    Family,
    format_range,
    merged,
    parse_range,
    single,
    subtract,
)
from mailflow.exchange.ties import ties
from mailflow.phrases import joined

CARD = Card(
    id="open-relay",
    title="Hosts outside the organization may relay",
    meaning=(
        "A connector accepts hosts with public addresses and relays for them to any recipient "
        "without authentication. Anybody who reaches it from there can send mail in the name of "
        "the organization. Open relays are abused for spam and end up on block lists."
    ),
    evidence_for=(
        (
            "The connector accepts public addresses, and ANONYMOUS LOGON has the right to relay, "
            "or it is externally secured."
        ),
    ),
    evidence_against=(
        "The public addresses are the organization's own, and no other host can use them.",
        "A firewall blocks the port from outside.",
    ),
    confirm=(
        LIST_CONNECTORS,
        f'Get-ADPermission "{{connector}}" | {ENTRIES}',
    ),
    fix=(
        (
            "Remove the public addresses from RemoteIPRanges, or the right to relay; give hosts "
            "that need it a connector of their own."
        ),
    ),
    sources=("S1.13", "S1.36", "S1.39", "S3.20", "S3.31"),
)

_INSIDE = tuple(
    map(
        parse_range,
        (
            *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
            *("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3"),
            *("::/127", "fc00::/7", "fe80::/10", "ff00::/8", "::ffff:0:0/96"),
        ),
    )
)
"""Private, shared, local, and what is no host's address at all (S1.39)."""

_SUBNET = 64
"""Bits of an IPv6 subnet."""


def find(
    rights: Rights, whole: WholeMap, servers: Sequence[ServerView], planned: Sequence[Planned]
) -> Iterator[Finding]:
    """An entry for each connector that relays for hosts outside, or may; the most hosts first."""
    known = [address for view in servers for address in view.addresses]
    inside = _inside([*known, *(each.address for each in planned)])
    unread = {family: _without_address(servers, family) for family in FAMILIES}
    for number, connector in enumerate(whole.connectors):
        view = whole.member_of(number)
        may_relay = relays(connector, rights)
        if not view.covered or connector.enabled is False or may_relay is False:
            continue
        case = _judged(connector, view, may_relay, whole.accepted(number), inside, unread)
        if case.state:
            custom = whole.is_custom(number)
            yield Finding(
                check=CHECK,
                state=case.state,
                server=view,
                connector=connector,
                evidence=OutsideHosts(
                    case.reading(custom=custom), case.advice(custom=custom), blocks=case.outside
                ),
                harm=case.harm,
            )


@dataclass(frozen=True, slots=True)
class OutsideHosts(ConnectorWords):
    """What is told of a connector, and the addresses outside that it concerns."""

    blocks: tuple[AddressRange, ...] = ()


def hosts_outside(findings: Iterable[Finding]) -> Mapping[str, tuple[AddressRange, ...]]:
    """The addresses that these findings tell of, by identity of the connector."""
    return {
        each.connector.identity: each.evidence.blocks
        for each in findings
        if each.connector and isinstance(each.evidence, OutsideHosts)
    }


def _inside(addresses: Iterable[Address]) -> list[AddressRange]:
    """All that is not outside."""
    own = [
        parse_range(f"{address}/{_SUBNET}") if address.version == 6 else single(address)
        for address in addresses
    ]
    return [*_INSIDE, *own]


def _judged(
    connector: ReceiveConnector,
    view: ServerView,
    may_relay: bool | None,
    accepted: Sequence[AddressRange],
    inside: Sequence[AddressRange],
    unread: Mapping[Family, Sequence[str]],
) -> _Case:
    outside = subtract(accepted, inside)
    tied = subtract(merged(_tied(connector, view)), inside)
    sure = subtract(outside, tied)
    listed = subtract(merged(connector.ranges), inside)
    doubt = doubt_of_relaying(connector, may_relay)
    how = how_to_tell(connector, may_relay)
    if sure and may_relay:
        rivals = _rivals_not_read(connector, view) if _harm(sure) < _TOO_MANY else ""
        if rivals:
            command = Missing(view.name, CONNECTORS).command
            return _Case(connector, sure, rivals, f"Export it in full, then rerun:\n{command}")
        foreign = tuple(each for each in sure if not unread[each.family] or _is_wide(each))
        if foreign:
            return _Case(connector, foreign, "", "")
        names = sorted({name for each in sure for name in unread[each.family]})
        return _Case(
            connector,
            sure,
            f"they may be addresses of {joined(names)}, which were not read",
            "\n".join(Missing(name, ADDRESSES).command for name in names),
        )
    if sure:
        return _Case(connector, sure, doubt, how)
    if tied:
        doubt = " and ".join(filter(None, ["another connector has an equal range", doubt]))
        return _Case(connector, tied, doubt, f"{_CLEAR}\n{how}" if may_relay is None else _CLEAR)
    if not is_whole(connector) and (listed or not connector.ranges_complete):
        return _Case(connector, listed, doubt, how)
    return _Case(connector, (), "", "")


_CLEAR = "Remove the range from the connector that is not meant to accept these hosts, then rerun."


_TOO_MANY = 1 << 16
"""So many hosts no list that was not read to the end takes away, and no server has."""


def _rivals_not_read(connector: ReceiveConnector, view: ServerView) -> str:
    """Other connectors that may accept these hosts, of which that was not read."""
    names = [
        other.name
        for other in view.connectors
        if other is not connector
        and doubt_of(other)
        and (
            not other.bindings_complete
            or any(a.meets(b) for a in connector.bindings for b in other.bindings)
        )
    ]
    return f"{joined(names)} may accept them, and was not read in full" if names else ""


def _tied(connector: ReceiveConnector, view: ServerView) -> Iterator[AddressRange]:
    """Addresses in ranges of another connector that are equal in size, at one binding (S1.36)."""
    for other in view.connectors:
        if other is connector or not other.enabled or other.role != connector.role:
            continue
        if not set(other.bindings) & set(connector.bindings):
            continue
        owned = ((block, each.identity) for each in (connector, other) for block in each.ranges)
        yield from (block for *_, block in ties(owned))


def _without_address(servers: Sequence[ServerView], family: Family) -> list[str]:
    """Servers that may have addresses of a family that nobody read."""
    return [
        view.name
        for view in servers
        if view.lacks_addresses
        or not (view.has_all_addresses or any(each.version == family for each in view.addresses))
    ]


def _is_wide(block: AddressRange) -> bool:
    return _harm([block]) >= _TOO_MANY


def _harm(blocks: Iterable[AddressRange]) -> int:
    """How many hosts outside; of IPv6 subnets count."""
    return sum(
        block.size if block.family == 4 else max(1, block.size >> _SUBNET) for block in blocks
    )


@dataclass(frozen=True, slots=True)
class _Case:
    """A connector, and the addresses outside that it accepts, or may accept.

    Attributes:
        connector: the connector.
        outside: the addresses; none: there is nothing to tell, unless there is a doubt.
        doubt: what leaves open whether it relays for them; empty: nothing.
        how: how to settle the doubt.
    """

    connector: ReceiveConnector
    outside: tuple[AddressRange, ...]
    doubt: str
    how: str

    @property
    def state(self) -> State | None:
        if self.doubt:
            return "unknown"
        return "found" if self.outside else None

    @property
    def harm(self) -> int:
        return _harm(self.outside)

    def reading(self, *, custom: bool) -> str:
        """What was read, and what it means."""
        connector = self.connector
        here = f"{connector.name} on {connector.server}"
        hosts = self._hosts
        if self.doubt:
            return f"Could not determine whether {here} relays for {hosts}: {self.doubt}."
        why = why_it_relays(connector)
        if custom:
            return f"{here} relays for {hosts} to any recipient without authentication ({why})."
        return (
            f"{here} accepts every host that no other connector accepts, and relays for {hosts} "
            f"to any recipient without authentication ({why})."
        )

    @property
    def _hosts(self) -> str:
        """The blocks where they are few, else how many addresses."""
        if not self.outside:
            return "hosts outside"
        if len(self.outside) <= _MOST_BLOCKS:
            named = joined(map(format_range, self.outside))
            if [block.size for block in self.outside] == [1]:
                return f"a host with a public address ({named})"
        else:
            sizes = {
                family: sum(block.size for block in self.outside if block.family == family)
                for family in FAMILIES
            }
            named = count_in_words(sizes)
        return f"hosts with public addresses ({named})"

    def advice(self, *, custom: bool) -> str:
        if self.doubt:
            return self.how
        if not custom:
            return what_ends_it(self.connector)
        advice = (
            f"Remove the public addresses from RemoteIPRanges of {self.connector.identity}, unless "
            "they are the organization's own; its protocol log shows which hosts relay."
        )
        elements = [
            block
            for block in self.connector.ranges
            if block.size == sum(part.size for part in self.outside if block.holds(part))
        ]
        if not elements or len(elements) > _MOST_BLOCKS:
            return advice
        return f"{advice} See first whom that moves:\n{try_removing(self.connector, elements)}"


_MOST_BLOCKS = 6
"""Blocks that a sentence names."""

CHECK = Check(CARD, "audit", in_own_words, own_advice)
