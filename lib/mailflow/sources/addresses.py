"""The addresses of servers, from every place that has them (S9.10).

A list that a person wrote comes first, then what adapters say of themselves, then DNS, then errors.
An address that several of these hold keeps the first as its source; what tells about its adapter is
put together.

An error names one address of the server that it speaks of (S9.13), and says nothing of others.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from mailflow.exchange.last_error import parse, target_of
from mailflow.exchange.queues import Queue
from mailflow.exchange.ranges import RangeError, host_address
from mailflow.exchange.servers import Server
from mailflow.snapshot import IN_ERROR, ServerAddress, Unread
from mailflow.sources import values
from mailflow.sources.exports.csvfile import SIGNS, UNNAMED
from mailflow.sources.exports.healthchecker import ADAPTERS as HEALTHCHECKER
from mailflow.sources.exports.ipconfig import IPCONFIG
from mailflow.sources.names import Names, text_of
from mailflow.sources.row import Reading, Row, Value
from mailflow.sources.values import UnreadableError

ADAPTERS = "Get-NetworkConnectionInfo"
ADDRESSES_CSV = "addresses.csv"  # stands in place of a cmdlet in its rows
DNS = "DNS"  # the same, for addresses that a name resolved to
WMI = "Win32_NetworkAdapterConfiguration"  # the same, for the class that holds adapters
ADDRESSES = "addresses"  # in `what`: all of these

NOBODY_KNOWS = "no address of this server is known; add it to addresses.csv"
FROM_ERRORS = (
    "the only known address of this server is from an error text; add all of them to addresses.csv"
)


@dataclass(slots=True)
class Addresses:
    """The addresses that were read, and what was wrong with them.

    Attributes:
        by_key: each address of each server, by server and address.
        names: of servers that an address list or an adapter names, in order.
        unread: what could not be read.
        unnamed: a list of addresses that names its columns otherwise, so that it is none.
    """

    by_key: dict[tuple[str, str], ServerAddress] = field(default_factory=dict)
    names: dict[str, None] = field(default_factory=dict)
    unread: list[Unread] = field(default_factory=list)
    unnamed: str = ""

    def all(self) -> tuple[ServerAddress, ...]:
        """Each address of each server once."""
        return tuple(self.by_key.values())

    def named(self) -> list[str]:
        """The servers that have an address, where no list says which servers there are.

        A workstation has an ipconfig as well: that names no server.
        """
        return list(self.names)

    def add(self, address: ServerAddress) -> None:
        """Take an address, or what tells about the adapter of one that is known."""
        known = self.by_key.setdefault((address.server, address.address), address)
        self.by_key[address.server, address.address] = replace(
            known,
            has_dns_servers=_agreed(known.has_dns_servers, address.has_dns_servers),
            has_gateway=_agreed(known.has_gateway, address.has_gateway),
            registers_in_dns=_agreed(known.registers_in_dns, address.registers_in_dns),
        )

    def add_errors(self, queues: Iterable[Queue], servers: Sequence[Server]) -> None:
        """Take the address in the error of a queue, where the error names a server beside it.

        S9.13. What stands elsewhere as another server's address is not taken: then it is not known
        which of the two is right. Nor is the next hop of a send connector, whose name may lead to a
        device in front of the servers, nor an address at which nobody answered.
        """
        for queue in queues:
            if queue.may_lead_outside or not queue.last_error:
                continue
            name, text = target_of(queue.last_error)
            if not name or parse(queue.last_error).winsock is not None:
                continue
            target = next((server for server in servers if server.is_named(name)), None)
            if target is None:
                continue
            try:
                address = str(host_address(text))
            except RangeError:
                continue
            if not _is_usable(address) or (target.name, address) in self.by_key:
                continue
            others = [owner for owner, held in self.by_key if held == address]
            if others:
                why = (
                    f"the error of {queue.identity} names {name} at {address}, which is an address "
                    f"of {others[0]}: does the name resolve to the right address?"
                )
                self.unread.append(Unread(target.name, ADDRESSES, why))
            else:
                self.add(ServerAddress(target.name, address, IN_ERROR))

    def lacking(self, servers: Sequence[Server], *, is_whole: bool) -> Iterator[Unread]:
        """A row for each server that may send and of which no address is known (contract 2).

        Every server with the Transport service sends, also where that is not known. A server that
        is known to be the only one has nobody to send to.

        Args:
            servers: all that are known.
            is_whole: whether a list said which there are.
        """
        if len(servers) == 1 and is_whole:
            return
        stated = {address.server for address in self.by_key.values() if address.source != IN_ERROR}
        in_error = {address.server for address in self.by_key.values()} - stated
        for server in servers:
            if server.has_hub is not False and server.name not in stated:
                why = FROM_ERRORS if server.name in in_error else NOBODY_KNOWS
                hint = f"; {self.unnamed} is {UNNAMED}" if self.unnamed else ""
                yield Unread(server.name, ADDRESSES, why + hint)


def read(reading: Reading, names: Names) -> Addresses:
    """Each address of each server with its source, but for those in errors."""
    found = Addresses()
    found.unnamed = next((place for what, place in reading.ignored if what == UNNAMED), "")
    for row in reading.of(ADDRESSES_CSV):
        name = text_of(row, "server")
        if name:
            _take(found, row, names.of(name), "address", ADDRESSES_CSV)
        else:
            why = f"{row.place}: the line does not name a server"
            found.unread.append(Unread("", ADDRESSES, why))
    _take_adapters(found, list(reading.of(ADAPTERS)), names)
    for row in reading.of(WMI):
        name = text_of(row, "DNSHostName") or row.computer
        if name:
            _take(found, row, names.of(name), "IPAddress", WMI, is_server=False)
    for row in reading.of(IPCONFIG):
        server = names.of(text_of(row, "HostName"))
        _take(found, row, server, "IPAddress", IPCONFIG, is_server=False)
    for row in reading.of(HEALTHCHECKER):
        _take(found, row, names.of(text_of(row, "HostName")), "IPAddress", HEALTHCHECKER)
    for row in reading.of(DNS):
        _take(found, row, names.of(text_of(row, "server")), "address", DNS)
    return found


def _take_adapters(found: Addresses, adapters: Sequence[Row], names: Names) -> None:
    """Adapters of Get-NetworkConnectionInfo, which name no server themselves (contract 8.9)."""
    owners = _owners(adapters)
    orphans = []
    for row in adapters:
        owner = row.named_server or owners.get(row.computer.casefold(), "")
        if owner:
            _take(found, row, names.of(owner), "IPAddresses", ADAPTERS)
        else:
            orphans.append(row)
    known = {address for _, address in found.by_key}
    if any(
        set(_each_address(row, "", row.values.get("IPAddresses"), [])) - known for row in orphans
    ):
        places = ", ".join(dict.fromkeys(row.place for row in orphans[:3]))
        why = f"{places}: these adapters do not name their server; add them to addresses.csv"
        found.unread.append(Unread("", ADDRESSES, f"{why}, with the header server,address"))


def _take(
    found: Addresses, row: Row, server: str, name: str, source: str, *, is_server: bool = True
) -> None:
    """The addresses of a row, and what it says about their adapter."""
    signs = (
        _lists(row, "DnsServers", "DNSServerSearchOrder"),
        _lists(row, "DefaultIPGateway"),
        _truth(row, "FullDNSRegistrationEnabled"),
    )
    if source == ADDRESSES_CSV:
        dns, gateway, registers = SIGNS
        signs = (_truth(row, dns), _truth(row, gateway), _truth(row, registers))
    for address in _each_address(row, server, row.values.get(name), found.unread):
        if is_server:
            found.names[server] = None
        found.add(ServerAddress(server, address, source, *signs))


def _owners(adapters: Iterable[Row]) -> dict[str, str]:
    """Whose adapters these are by PSComputerName, where that can be said (contract 8.9).

    It is only the host of the session. It decides where adapters under two or more hosts were
    exported, one set each: an address that stands under two of them shows that it was not the
    hosts that were asked about.
    """
    sets: dict[str, set[str]] = {}
    hosts: dict[str, str] = {}
    for row in adapters:
        if row.computer and not row.named_server:
            own = _each_address(row, "", row.values.get("IPAddresses"), [])
            sets.setdefault(row.computer.casefold(), set()).update(own)
            hosts.setdefault(row.computer.casefold(), row.computer)
    each_once = sum(map(len, sets.values())) == len(set().union(*sets.values()))
    return hosts if len(sets) > 1 and each_once else {}


def _each_address(row: Row, server: str, value: Value, unread: list[Unread]) -> list[str]:
    """The addresses that mail may come from."""
    try:
        read = values.addresses(value)
    except UnreadableError as error:
        unread.append(Unread(server, ADDRESSES, f"{row.place}: {server or 'adapter'}: {error}"))
        read = error.visible if isinstance(error.visible, tuple) else ()
    return list(filter(_is_usable, read))


def _is_usable(text: str) -> bool:
    """Whether mail may come from an address: no loopback, link-local or multicast (S9.10)."""
    address = ipaddress.ip_address(text)
    return not (
        address.is_loopback
        or address.is_link_local
        or address.is_multicast
        or address.is_unspecified
    )


# -- What tells about an adapter -------------------------------------------------------------------


def _lists(row: Row, *properties: str) -> bool | None:
    """Whether an adapter has an address in one of these properties; None: not known."""
    name = next((key for key in properties if key in row.values), None)
    if name is None:
        return None
    value = row.values[name]
    if value is None:
        return False
    try:
        read = values.addresses(value)
    except UnreadableError as error:
        return True if error.visible else None
    return any(ipaddress.ip_address(address) not in values.NO_DNS_SERVERS for address in read)


def _truth(row: Row, name: str) -> bool | None:
    try:
        return values.truth(row.values[name])
    except (KeyError, UnreadableError):
        return None


def _agreed(first: bool | None, second: bool | None) -> bool | None:
    """What two places say of an adapter together; None: not known, or they disagree."""
    if first is None or second is None:
        return second if first is None else first
    return first if first == second else None
