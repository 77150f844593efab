"""What is known of the addresses of a server, and from which of them mail may leave (section 9)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mailflow.exchange.ranges import Address, RangeError, parse_address
from mailflow.snapshot import IN_ERROR, ServerAddress

ADAPTERS = "Get-NetworkConnectionInfo"
"""Source of addresses that lists all a server has, so that a family not there is not in use."""

NOT_KEPT = ""
"""Source of addresses in a snapshot that does not say it: a family not there accuses nobody."""


@dataclass(frozen=True, slots=True)
class KnownAddresses:
    """The addresses of a server, as far as known.

    Attributes:
        addresses: each once, in the order read.
        are_all: the adapters were read, so a family without an address is not in use.
        lack_some: errors alone name them, so that nothing follows from those that are not there.
        doubted: addresses from which mail may not leave at all, and why.
    """

    addresses: tuple[Address, ...]
    are_all: bool
    lack_some: bool
    doubted: Mapping[Address, str]


def known_of(rows: Iterable[ServerAddress]) -> KnownAddresses:
    """What the rows of one server say together.

    What is no address stands in the snapshot's missing data already.
    """
    found: dict[Address, ServerAddress] = {}
    for row in rows:
        try:
            found.setdefault(parse_address(row.address), row)
        except RangeError:
            continue
    sources = {row.source for row in found.values()}
    return KnownAddresses(
        addresses=tuple(found),
        are_all=bool(sources) and sources <= {ADAPTERS, NOT_KEPT},
        lack_some=sources == {IN_ERROR},
        doubted=_doubted(found),
    )


def _doubted(found: Mapping[Address, ServerAddress]) -> dict[Address, str]:
    """Addresses that the server may not use as a source (contract 8.7).

    Of a server with several alone: mail leaves from one of its addresses.
    """
    apart = {address: why for address, row in found.items() if (why := _is_apart(row))}
    stated = [address for address, row in found.items() if row.source != IN_ERROR]
    if set(apart) >= set(stated):
        apart = {}
    in_error = {
        address: f"{address} is known only from the error of a queue"
        for address, row in found.items()
        if row.source == IN_ERROR and stated
    }
    return apart | in_error


def _is_apart(row: ServerAddress) -> str:
    """Why an address may be one of a replication network; empty: nothing says so.

    S9.05: such a network registers nothing in DNS and has no gateway, nor has its adapter DNS
    servers. One of these things that is there tells that it is none. Where none of them was read,
    nothing says so.
    """
    signs = {
        "no DNS servers": row.has_dns_servers,
        "no default gateway": row.has_gateway,
        "no registration in DNS": row.registers_in_dns,
    }
    if any(signs.values()) or all(value is None for value in signs.values()):
        return ""
    lacks = [name for name, value in signs.items() if value is False]
    return (
        f"the adapter of {row.address} has {' and '.join(lacks)}, as that of a replication network"
    )
