"""From a next hop to target servers, and from two servers to port and process (section 4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailflow.exchange.connectors import TransportRole
from mailflow.exchange.queues import Queue
from mailflow.exchange.servers import Generation, Server

LEGACY = Generation.LEGACY
SMTP, HUB = 25, 2525


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a connection lands on the target: the port, the process that owns it, and why."""

    port: int
    process: TransportRole
    fact: str


FRONT = Endpoint(SMTP, TransportRole.FrontendTransport, "S4.03")
"""The Front End on port 25, where whoever knows nothing of 2525 arrives."""

_EDGE_TO_FRONT = Endpoint(SMTP, TransportRole.FrontendTransport, "S4.09")
_HUB_2525 = Endpoint(HUB, TransportRole.HubTransport, "S4.02")
_FRONT_TO_HUB = Endpoint(HUB, TransportRole.HubTransport, "S4.06")
_LEGACY_HUB = Endpoint(SMTP, TransportRole.HubTransport, "S4.04")
_MAILBOX_ONLY = Endpoint(SMTP, TransportRole.HubTransport, "S4.05")
_EDGE = Endpoint(SMTP, TransportRole.HubTransport, "S4.09b")


def endpoints(sender: Server, target: Server) -> tuple[Endpoint, ...]:
    """Where mail from one server lands on the other (S4.02 to S4.09b).

    Several: the versions or roles that decide were not read, and each of these is possible. None:
    there is no such path, for example to a server without a transport service.
    """
    found: dict[Endpoint, None] = {}
    for sending in _readings(sender):
        for receiving in _readings(target):
            place = _endpoint(sending, receiving, itself=sender is target)
            if place:
                found.setdefault(place)
    return tuple(found)


def is_settled(sender: Server, target: Server) -> bool:
    """Whether all was read that decides where mail from one server lands on the other.

    Where it was not, each of `endpoints` is possible, and it may be that there is none at all.
    """
    places = {
        _endpoint(sending, receiving, itself=sender is target)
        for sending in _readings(sender)
        for receiving in _readings(target)
    }
    return len(places) == 1


def may_be_none(sender: Server, target: Server) -> bool:
    """Whether there may be no path at all between two servers, as far as they are known (S4.63)."""
    return any(
        _endpoint(sending, receiving, itself=sender is target) is None
        for sending in _readings(sender)
        for receiving in _readings(target)
    )


def shares_site(sender: Server, target: Server) -> bool | None:
    """Whether an Edge server and another one speak to each other: only in the Edge's site (S4.64).

    True where neither is an Edge. None: a site that decides was not read.
    """
    if not sender.is_edge and not target.is_edge:
        return True
    sites = [server.site.strip().casefold() for server in (sender, target)]
    return sites[0] == sites[1] if all(sites) else None


def candidate_targets(
    queue: Queue, sender: Server | None, servers: Sequence[Server]
) -> tuple[Server, ...]:
    """The servers of the organization that a queue's messages may be on their way to (section 4.2).

    Where the next hop names a site, a version or servers and these were read, only those; an
    unknown value narrows nothing. Empty for mail that leaves the organization, for delivery into
    mailboxes and for queues without a next hop.
    """
    others = [server for server in servers if server is not sender]
    inside = [server for server in others if _takes_mail_inside(server)]
    hop = queue.next_hop_domain.strip()
    match queue.delivery_type:
        case "SmtpRelayWithinAdSite":
            return _of_site(inside, sender.site if sender else "")
        case "SmtpRelayToRemoteAdSite":
            return _of_site(inside, hop)
        case "SmtpRelayToMailboxDeliveryGroup":
            return _of_group(inside, hop)
        case "SmtpRelayToServers":
            names = [name for name in re.split(r"[,;\s]+", hop) if name]
            named = [server for server in others if any(server.is_named(name) for name in names)]
            return tuple(named or inside)
        case "SmtpRelayWithinAdSiteToEdge":
            edges = [server for server in others if server.is_edge]
            return tuple(edges or [server for server in others if server.is_edge is None])
        case "SmtpRelayToDag":
            return tuple(server for server in inside if server.generation is not LEGACY)
        case "SmtpRelayToTiRg" | "SmtpRelayToConnectorSourceServers" | "other":
            return tuple(inside)
        case _:
            return ()


@dataclass(frozen=True, slots=True)
class _Reading:
    """One thing a server may be, as far as it is known."""

    generation: Generation
    frontend: bool
    hub: bool
    edge: bool


def _readings(server: Server) -> list[_Reading]:
    """Everything the server may be; one entry where all that matters was read."""
    if server.is_edge:
        generation = server.generation
        kinds = (generation,) if generation else tuple(Generation)
        return [_Reading(kind, frontend=False, hub=True, edge=True) for kind in kinds]
    readings = []
    for kind in (server.generation,) if server.generation else tuple(Generation):
        if kind is Generation.LEGACY:
            pairs = [(False, hub) for hub in _either(server.has_hub, default=(True,))]
        elif kind is Generation.MODERN:
            pairs = [(True, True)]  # 2016 and later have both services (S4.02)
        else:
            pairs = [
                (front, hub)
                for front in _either(server.has_frontend)
                for hub in _either(server.has_hub)
                if front or hub
            ]
        readings += [_Reading(kind, frontend=front, hub=hub, edge=False) for front, hub in pairs]
    return readings


def _either(known: bool | None, default: tuple[bool, ...] = (True, False)) -> tuple[bool, ...]:
    return default if known is None else (known,)


def _endpoint(sender: _Reading, target: _Reading, *, itself: bool) -> Endpoint | None:
    """The endpoint for two servers that are wholly known."""
    if itself:
        # The Front End and the mailbox submission of a server speak to its own Transport (S4.06,
        # S4.07); 2007 and 2010 have one service and no such hop.
        own = sender.generation.is_modern and sender.frontend and sender.hub and not sender.edge
        return _FRONT_TO_HUB if own else None
    if target.edge:
        return _EDGE if sender.hub and not sender.edge else None
    if sender.edge:
        if not target.hub:
            return None
        return _EDGE_TO_FRONT if target.frontend else _LEGACY_HUB
    if not sender.hub:
        # A Front End alone (2013) passes on to Transport services (S4.06).
        proxies = sender.frontend and target.hub and target.generation.is_modern
        return (_FRONT_TO_HUB if target.frontend else _MAILBOX_ONLY) if proxies else None
    if not target.hub:
        return None  # a 2013 server with the Client Access role alone is no next hop (S4.63)
    if not target.generation.is_modern:
        return _LEGACY_HUB
    if not sender.generation.is_modern:
        return FRONT if target.frontend else _MAILBOX_ONLY
    return _HUB_2525 if target.frontend else _MAILBOX_ONLY


def _takes_mail_inside(server: Server) -> bool:
    """Whether it may take mail from other servers of the organization, as far as it is known.

    Without a Transport service it is no next hop (S4.63); 2016 and later always have one.
    """
    no_service = server.has_hub is False and server.generation is not Generation.MODERN
    return not server.is_edge and not no_service


def _of_site(servers: Sequence[Server], site: str) -> tuple[Server, ...]:
    """Those of a site; also those whose site was not read. All, where none is known to be there."""
    wanted = site.strip().casefold()
    if not wanted:
        return tuple(servers)
    inside = [server for server in servers if not server.site or server.site.casefold() == wanted]
    return tuple(inside or servers)


def _of_group(servers: Sequence[Server], hop: str) -> tuple[Server, ...]:
    """Those of a delivery group `site:NAME; version:N`, in any case and spacing (section 4.2)."""
    parts = dict(re.findall(r"(site|version)\s*:\s*([^;]*?)\s*(?:;|$)", hop.casefold()))
    inside = _of_site(servers, parts.get("site", ""))
    if parts.get("version", "").isdigit():
        modern = int(parts["version"]) >= 15
        inside = tuple(
            server
            for server in inside
            if server.generation is None or server.generation.is_modern is modern
        )
    return inside
