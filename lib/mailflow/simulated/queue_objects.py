"""Queues and messages, as the cmdlets return them (section 4.5)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from mailflow.exchange.queues import DELIVERY_TYPES, STATUSES
from mailflow.simulated.objects import send_connector_dn
from mailflow.simulated.organisation import (
    DOMAIN,
    INTERNET,
    Message,
    PracticeQueue,
    PracticeServer,
)
from mailflow.simulated.shapes import (
    CONFIGURABLE,
    E2010_SP1,
    E2013,
    NO_GUID,
    Shape,
    Values,
    guid_of,
)
from mailflow.sources.row import Complex, Enumeration, Items, Value

_EXTERNAL = frozenset(
    {
        "DnsConnectorDelivery",
        "NonSmtpGatewayDelivery",
        "SmartHostConnectorDelivery",
        "DeliveryAgent",
    }
)
_THROUGH_CONNECTOR = frozenset({"DnsConnectorDelivery", "SmtpRelayToConnectorSourceServers"})
_WITHOUT_CONNECTOR = frozenset(
    {
        "Undefined",
        "SmtpRelayWithinAdSite",
        "Unreachable",
        "ShadowRedundancy",
        "SmtpRelayToMailboxDeliveryGroup",
        "SmtpRelayToServers",
    }
)
_LEGACY_SCHEMA = (
    "Identity",
    "DeliveryType",
    "NextHopDomain",
    "NextHopConnector",
    "Status",
    "MessageCount",
    "LastError",
    "LastRetryTime",
    "NextRetryTime",
)
"""What Get-Queue knows of a server before 2010 SP1 (S4.51)."""
_SINCE_2013 = frozenset(
    {
        "LockedMessageCount",
        "MessageCountsPerPriority",
        "DeferredMessageCountsPerPriority",
        "RiskLevel",
        "OutboundIPPool",
        "NextHopCategory",
        "IncomingRate",
        "OutgoingRate",
        "Velocity",
        "OverrideSource",
        "QueueIdentity",
        "PriorityDescriptions",
    }
)
"""What 2010 lacks (S4.52)."""


def queue(
    practice_queue: PracticeQueue, server: PracticeServer, shape: Shape, now: datetime
) -> Values:
    """What Get-Queue shows of a queue (section 4.5).

    The schema is that of the older one of the shell and the server: what the server does not send
    the shell can't show, and what the shell does not know it does not show either.
    """
    version = min(shape.version, server.exchange.version or shape.version)
    waits = practice_queue.shown_status == "Retry"
    count = len(practice_queue.messages)
    external = practice_queue.delivery_type in _EXTERNAL
    identity = queue_identity(practice_queue, server)
    coming, going = practice_queue.incoming_rate(now), practice_queue.outgoing_rate(now)
    own_hop = practice_queue.delivery_type in _WITHOUT_CONNECTOR
    leads_out = practice_queue.delivery_type in _THROUGH_CONNECTOR
    hop = send_connector_dn(INTERNET) if leads_out else practice_queue.next_hop
    values: Values = {
        "DeliveryType": _one_of(DELIVERY_TYPES, practice_queue.delivery_type),
        "NextHopDomain": practice_queue.next_hop,
        "TlsDomain": "",
        "NextHopConnector": NO_GUID if own_hop else guid_of(hop),
        "Status": _one_of(STATUSES, practice_queue.shown_status),
        "MessageCount": count,
        "LastError": practice_queue.error,
        "RetryCount": practice_queue.retries,
        "LastRetryTime": practice_queue.last_retry,
        "NextRetryTime": practice_queue.next_retry
        if waits
        else None,  # there only in Retry (S4.41)
        "FirstRetryTime": practice_queue.first_retry,
        "DeferredMessageCount": 0,
        "LockedMessageCount": 0,
        "MessageCountsPerPriority": Items((0, count, 0, 0)),
        "DeferredMessageCountsPerPriority": Items((0, 0, 0, 0)),
        "RiskLevel": "Normal",
        "OutboundIPPool": 0,
        "NextHopCategory": Enumeration(*(("External", 1) if external else ("Internal", 0))),
        "IncomingRate": coming,
        "OutgoingRate": going,
        "Velocity": going - coming,
        "OverrideSource": "",
        "QueueIdentity": identity,
        "PriorityDescriptions": Items(("High", "Normal", "Low", "None")),
        "Identity": identity,
        **CONFIGURABLE,
    }
    if version < E2010_SP1:
        return {name: values[name] for name in _LEGACY_SCHEMA}
    if version < E2013:
        return {name: value for name, value in values.items() if name not in _SINCE_2013}
    return values


def queue_identity(practice_queue: PracticeQueue, server: PracticeServer) -> Complex:
    r"""`SERVER\1187`, as an object (section 4.3)."""
    members: Values = {"Server": server.exchange.fqdn, "IsFullySpecified": True, "IsEmpty": False}
    return Complex(practice_queue.identity, members)


def message(practice_message: Message, at: PracticeQueue, server: PracticeServer) -> Values:
    """What Get-Message shows of a message, as far as the simulated organization knows it."""
    waits = "Suspended" if at.suspended else "Retry" if at.status == "Retry" else "Ready"
    return {
        "Subject": f"Practice message {practice_message.number}",
        "InternetMessageId": f"<{practice_message.number}@{DOMAIN}>",
        "FromAddress": f"sender{practice_message.number % 7}@{DOMAIN}",
        "Status": _one_of(STATUSES, waits),
        "MessageSourceName": "SMTP:Practice",
        "DateReceived": practice_message.received,
        "ExpirationTime": practice_message.expires,
        "LastError": at.error,
        "Queue": queue_identity(at, server),
        "Recipients": Items((practice_message.to,)),
        "Identity": Complex(
            f"{at.identity}\\{practice_message.number}",
            {
                "InternalId": practice_message.number,
                "QueueIdentity": at.identity,
                "IsFullySpecified": True,
            },
        ),
        **CONFIGURABLE,
    }


def _one_of(names: Mapping[int, str], name: str) -> Value:
    number = next((number for number, word in names.items() if word == name), None)
    return Enumeration(name, number)
