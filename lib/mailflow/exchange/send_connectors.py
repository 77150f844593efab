"""Send connectors: which of them carries mail to a domain, and out of which servers (S9.20)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailflow.exchange.queues import Queue

EVERY_DOMAIN = "*"


@dataclass(frozen=True, slots=True)
class AddressSpace:
    """Domains that a connector takes mail for, `SMTP:*.contoso.com;10` (S9.22, S9.26).

    Attributes:
        domain: in lower case: `*`, `*.contoso.com` or `contoso.com`.
        cost: the lower one is preferred.
    """

    domain: str
    cost: int = 1

    def covers(self, domain: str) -> bool:
        """Whether mail to a domain is among it."""
        wanted = domain.strip().casefold()
        if self.domain.startswith("*."):
            return wanted.endswith(self.domain[1:])
        return self.domain in (EVERY_DOMAIN, wanted)

    @property
    def narrowness(self) -> tuple[bool, int]:
        """The more, the more exactly it names a domain: a whole name before any wildcard."""
        return not self.domain.startswith("*"), len(self.domain)


def parse_spaces(text: str) -> tuple[AddressSpace, ...] | None:
    """The SMTP spaces of a stored list; None: one of them cannot be told.

    Spaces of another kind (X400) are left out.
    """
    spaces = []
    for piece in filter(None, map(str.strip, text.split(","))):
        found = _SPACE.fullmatch(piece)
        if not found:
            return None
        if (found["kind"] or "smtp").casefold() == "smtp":
            spaces.append(AddressSpace(found["domain"].casefold(), int(found["cost"] or 1)))
    return tuple(spaces)


_SPACE = re.compile(
    r"(?:(?P<kind>[A-Za-z0-9]+):)?(?P<domain>\*|(?:\*\.)?[^\s:;*,\[\]]+|--)(?:;(?P<cost>[0-9]{1,6}))?"
)


@dataclass(frozen=True, slots=True)
class SendConnector:
    """One send connector. `None` means: not known.

    Attributes:
        name: as shown.
        guid: as queues name it in NextHopConnector, in lower case; empty where not read.
        enabled: only enabled ones carry mail.
        spaces: its SMTP address spaces.
        smart_hosts: the hosts it hands mail to, in lower case; empty: it asks DNS.
        sources: short names of its source servers.
        is_scoped: whether only servers in the site of a source server use it (S9.23).
        certificate: TlsCertificateName; empty: none is set.
        require_tls: RequireTLS.
        fqdn: what it calls itself.
    """

    name: str
    guid: str = ""
    enabled: bool | None = None
    spaces: tuple[AddressSpace, ...] | None = None
    smart_hosts: frozenset[str] | None = None
    sources: tuple[str, ...] | None = None
    is_scoped: bool | None = None
    certificate: str | None = None
    require_tls: bool | None = None
    fqdn: str = ""

    def has_source(self, server: str) -> bool | None:
        """Whether a server, by its short name in any case, is one of its source servers."""
        if self.sources is None:
            return None
        return server.casefold() in (name.casefold() for name in self.sources)

    @property
    def takes_every_domain(self) -> bool:
        """Whether it carries mail to the internet: it is enabled and has the space `*`."""
        return self.enabled is not False and any(
            space.domain == EVERY_DOMAIN for space in self.spaces or ()
        )


@dataclass(frozen=True, slots=True)
class Carrier:
    """The send connector that carries the mail of a queue, as far as that can be told.

    Attributes:
        connectors: one; or several of equal cost, of which the export does not tell the one.
        is_named: whether the queue itself names it; else its address spaces tell.
    """

    connectors: tuple[SendConnector, ...]
    is_named: bool

    @property
    def connector(self) -> SendConnector | None:
        """The one; None where several are left."""
        return self.connectors[0] if len(self.connectors) == 1 else None

    def __str__(self) -> str:
        """For people: its name, or those of equal cost."""
        return " or ".join(each.name for each in self.connectors)


NAMED_BY_HOP = frozenset({"SmtpRelayWithinAdSiteToEdge", "SmtpRelayToConnectorSourceServers"})
"""Delivery types whose next hop is the name of a send connector (section 4.2)."""

STAYING = frozenset({"MapiDelivery", "ShadowRedundancy", "SmtpDeliveryToMailbox"})
"""Delivery types of mail that leaves no server by a send connector (section 4.2)."""


def carrier_of(queue: Queue, connectors: Sequence[SendConnector]) -> Carrier | None:
    """The send connector of a queue; None: its mail does not leave, or nothing tells.

    NextHopConnector names it by its GUID. Without that: the next hop where it is a connector's
    name, the list of smart hosts that one connector alone has, then the address spaces: the most
    exact one, of these the cheapest (S9.22, S9.26).
    """
    guid = normal_guid(queue.next_hop_connector)
    hop = queue.next_hop_domain.strip().casefold()
    for named in (
        [each for each in connectors if guid and each.guid == guid],
        [each for each in connectors if queue.delivery_type in NAMED_BY_HOP]
        and [each for each in connectors if each.name.casefold() == hop],
    ):
        if len(named) == 1:
            return Carrier(tuple(named), is_named=True)
    if queue.delivery_type == "SmartHostConnectorDelivery":
        hosts = hosts_of(hop)
        alike = [each for each in connectors if hosts and each.smart_hosts == hosts]
        return Carrier((alike[0],), is_named=True) if len(alike) == 1 else None
    if queue.delivery_type != "DnsConnectorDelivery" or not hop:
        return None
    usable = [
        each
        for each in connectors
        if each.enabled is not False
        and each.has_source(queue.server.partition(".")[0]) is not False
    ]
    cheapest = _cheapest(usable, hop)
    return Carrier(cheapest, is_named=False) if cheapest else None


def _cheapest(connectors: Iterable[SendConnector], domain: str) -> tuple[SendConnector, ...]:
    """Of the connectors with the most exact space for a domain those of the lowest cost."""
    fits = [
        (space, each) for each in connectors for space in each.spaces or () if space.covers(domain)
    ]
    if not fits:
        return ()
    narrowest = max(space.narrowness for space, _ in fits)
    fits = [(space, each) for space, each in fits if space.narrowness == narrowest]
    lowest = min(space.cost for space, _ in fits)
    return tuple(dict.fromkeys(each for space, each in fits if space.cost == lowest))


def hosts_of(text: str) -> frozenset[str]:
    """The hosts of a list: `[10.10.10.100],host.contoso.com`."""
    return frozenset(host.strip("[]") for host in re.split(r"[,;\s]+", text.casefold()) if host)


def normal_guid(text: str) -> str:
    """A GUID in lower case without braces; empty: none, or the one that stands for none."""
    found = text.strip().strip("{}").casefold()
    return found if re.fullmatch(_GUID, found) and found.strip("0-") else ""


_GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
