"""Which queue a message goes to, and the servers it may be handed to from there (section 4.2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mailflow.exchange.routing import endpoints
from mailflow.simulated.organisation import INTERNET, Organisation, PracticeQueue, PracticeServer


@dataclass(frozen=True, slots=True)
class Route:
    """A next hop.

    Attributes:
        delivery_type: one of DELIVERY_TYPES' names.
        next_hop: NextHopDomain.
        targets: servers it may be handed to, in the order they are tried; empty: the mail leaves
            the organization, or goes into mailboxes.
        name: of a queue that has no number; else empty.
    """

    delivery_type: str
    next_hop: str
    targets: tuple[str, ...] = ()
    name: str = ""


def route(org: Organisation, sender: PracticeServer, to: str) -> Route:
    """The next hop of a message on a server; `to` is a server or an SMTP domain."""
    target = org.server(to)
    if target is None:
        return _outside(org, sender, to)
    if target is sender or _same_group(sender, target):
        if sender.is_legacy:
            return Route("MapiDelivery", target.name.lower())
        return Route("SmtpDeliveryToMailbox", target.database)
    return _inside(org, sender, target)


def mailbox_owner(org: Organisation, queue: PracticeQueue) -> PracticeServer | None:
    """The server whose mailboxes a mailbox delivery queue leads to."""
    if queue.delivery_type == "MapiDelivery":
        return org.server(queue.next_hop)
    return next((server for server in org.servers if server.database == queue.next_hop), None)


def _same_group(sender: PracticeServer, target: PracticeServer) -> bool:
    """Whether a server delivers into the other's mailboxes itself.

    Members of one DAG do (S4.01); 2007 and 2010 do within their site and version.
    """
    if sender.is_legacy:
        mine, other = sender.exchange, target.exchange
        return (mine.product, mine.site) == (other.product, other.site)
    return bool(sender.dag) and sender.dag == target.dag


def _inside(org: Organisation, sender: PracticeServer, target: PracticeServer) -> Route:
    """To another server's Transport service. Its fellows take the mail as well."""
    site, version = target.exchange.site, (target.exchange.version or (15,))[0]
    if sender.exchange.is_edge:
        hubs = _servers(org, sender, lambda server: server.exchange.site == site)
        return Route("SmartHostConnectorDelivery", f"edgesync - inbound to {site.lower()}", hubs)
    if target.dag and not sender.is_legacy:
        fellows = _servers(org, sender, lambda server: server.dag == target.dag)
        return Route("SmtpRelayToDag", target.dag, fellows)
    fellows = _servers(
        org,
        sender,
        lambda server: (
            server.exchange.site == site and (server.exchange.version or (15,))[0] == version
        ),
    )
    if site != sender.exchange.site:
        return Route("SmtpRelayToRemoteAdSite", site, fellows)
    if sender.is_legacy:
        # S4.20 [R]: nobody has written down what stands there; this is what was remembered.
        return Route("SmtpRelayWithinAdSite", f"hub version {version}", fellows)
    group = f"site:{site.lower()}; version:{version}"
    return Route("SmtpRelayToMailboxDeliveryGroup", group, fellows)


def _outside(org: Organisation, sender: PracticeServer, domain: str) -> Route:
    """Through the Edge servers of the site where there are some, else straight out."""
    site = sender.exchange.site
    edges = () if sender.exchange.is_edge else _edges(org, sender)
    if edges:
        name = f"edgesync - {site.lower()} to internet"
        return Route("SmtpRelayWithinAdSiteToEdge", name, edges)
    if org.outside.get(domain.casefold()) == "no-connector":
        return Route("Unreachable", "Unreachable Domain", name="Unreachable")
    named = org.send_connector.sources
    if named and sender.name not in named and not sender.exchange.is_edge:
        return _to_sources(org, sender)
    return Route("DnsConnectorDelivery", domain.casefold())


def _to_sources(org: Organisation, sender: PracticeServer) -> Route:
    """To a source server of the send connector; through a scoped one only within a site (S9.23)."""
    connector, sources = org.send_connector, org.sources()
    near = [server for server in sources if server.exchange.site == sender.exchange.site]
    if connector.scoped and not near:
        return Route("Unreachable", "Unreachable Domain", name="Unreachable")
    if sender.is_legacy:  # it knows no such delivery group (section 4.2)
        return _inside(org, sender, (near or sources)[0])
    names = tuple(server.name for server in near or sources)
    return Route("SmtpRelayToConnectorSourceServers", INTERNET, names)


def _servers(
    org: Organisation, sender: PracticeServer, fits: Callable[[PracticeServer], bool]
) -> tuple[str, ...]:
    """Servers with a Transport service that the sender may hand mail to."""
    return tuple(
        server.name
        for server in org.servers
        if server is not sender
        and server.exchange.has_hub
        and not server.exchange.is_edge
        and fits(server)
        and endpoints(sender.exchange, server.exchange)
    )


def _edges(org: Organisation, sender: PracticeServer) -> tuple[str, ...]:
    return tuple(
        server.name
        for server in org.servers
        if server.exchange.is_edge and server.exchange.site == sender.exchange.site
    )
