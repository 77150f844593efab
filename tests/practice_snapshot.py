"""A practice organisation as a complete reading of it would give it: typed objects, no cmdlets.

It stands beside the way through the cmdlets, so that tests of what moves the mail need none.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mailflow.analysis.addresses import ADAPTERS
from mailflow.exchange.queues import Moment, Queue
from mailflow.simulated import objects
from mailflow.simulated.organisation import Organisation, PracticeQueue, PracticeServer
from mailflow.simulated.practice import Practice
from mailflow.simulated.shapes import Shape, guid_of
from mailflow.simulated.transport import Transport
from mailflow.snapshot import (
    ComponentState,
    Right,
    ServerAddress,
    Snapshot,
    TransportSettings,
    Unread,
)
from mailflow.sources.row import Reading, Row
from mailflow.sources.tables import assemble

COMPONENTS = ("ServerWideOffline", "HubTransport", "FrontendTransport")
CMDLETS = frozenset(
    {"Get-ExchangeServer", "Get-Queue", "Get-ReceiveConnector", "Get-TransportService", ADAPTERS}
)


def snapshot_of(practice: Practice) -> Snapshot:
    """What collecting from a practice gives now."""
    return snapshot(practice.transport, f"demo:{practice.name}")


def snapshot(transport: Transport, origin: str = "") -> Snapshot:
    """What collecting from an organisation gives now.

    Queues of a server whose service does not run are unread, and so are queues and addresses of
    one that answers neither RPC nor a shell (S8.55, section 9).
    """
    org, now = transport.organisation, transport.clock.now
    away = [one for one in org.servers if not one.rpc and not one.shell]
    mute = [one for one in org.servers if not one.services or one in away]
    hubs = [one for one in org.servers if one.exchange.has_hub]
    return Snapshot(
        origin=origin,
        taken=now,
        servers=tuple(one.exchange for one in org.servers),
        addresses=tuple(
            ServerAddress(one.name, address, ADAPTERS, has_dns_servers=True)
            for one in org.servers
            if one not in away
            for address in one.addresses
        ),
        connectors=tuple(
            connector for one in org.servers for connector in org.connectors_of(one.name, now)
        ),
        queues=tuple(
            queue(one, server)
            for server in org.servers
            if server not in mute
            for one in org.queues_of(server.name)
        ),
        settings=tuple(
            TransportSettings(one.name, one.downgraded_auth, thumbprint(one)) for one in hubs
        ),
        components=tuple(
            ComponentState(one.name, name, "Inactive" if name in one.inactive else "Active")
            for one in org.servers
            if not one.is_legacy
            for name in COMPONENTS
        ),
        rights=tuple(
            Right(identity.partition("\\")[0], identity, one.user, right, one.deny)
            for identity, entries in org.access.items()
            for one in entries
            for right in one.rights
        ),
        unread=(
            *(Unread(one.name, "Get-Queue", "it does not respond") for one in mute),
            *(Unread(one.name, ADAPTERS, "it does not respond") for one in away),
        ),
        kept=_kept(org, hubs, now),
        cmdlets=CMDLETS,
    )


def thumbprint(one: PracticeServer) -> str:
    """That of the internal transport certificate which the directory names (S3.41)."""
    return str(objects.transport_service(one)["InternalTransportCertificateThumbprint"])


def _kept(
    org: Organisation, hubs: list[PracticeServer], now: datetime
) -> Mapping[str, tuple[tuple[Any, ...], ...]]:
    """Objects that are kept as they are read, by the package's own reading of them."""
    shape = Shape((15, 2, 0, 0))
    rows = [
        Row(
            "Get-SendConnector",
            objects.send_connector(org.send_connector, org.sources(), shape),
            "practice",
        )
    ]
    rows += [
        Row("Get-AcceptedDomain", objects.accepted_domain(domain, kind, shape), "practice")
        for domain, kind in org.accepted.items()
    ]
    rows += [
        Row("Get-ExchangeCertificate", values, "practice", named_server=one.name)
        for one in hubs
        for values in objects.certificates(one, now)
    ]
    return assemble(Reading(rows=rows), origin="practice").kept


def queue(one: PracticeQueue, server: PracticeServer) -> Queue:
    """The queue as Get-Queue shows it (section 4.5)."""
    modern = not server.is_legacy
    outside = one.delivery_type in ("DnsConnectorDelivery", "SmartHostConnectorDelivery")
    category = "External" if outside else "Internal"
    return Queue(
        identity=one.identity,
        server=one.server,
        delivery_type=one.delivery_type,
        next_hop_domain=one.next_hop,
        status=one.shown_status,
        message_count=len(one.messages),
        last_error=one.error,
        retry_count=one.retries,
        last_retry=_moment(one.last_retry),
        next_retry=_moment(one.next_retry),
        first_retry=_moment(one.first_retry),
        next_hop_connector=guid_of(objects.send_connector_dn("Internet")) if outside else "",
        next_hop_category=category if modern else "",
        deferred_count=0 if modern else None,
    )


def _moment(instant: object) -> Moment | None:
    return Moment(instant.isoformat(), instant) if isinstance(instant, datetime) else None
