"""Queues of the Transport service: type, status, and when one counts as stuck (section 4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

DELIVERY_TYPES = {
    0: "Undefined",
    1: "DnsConnectorDelivery",
    2: "MapiDelivery",
    3: "NonSmtpGatewayDelivery",
    4: "SmartHostConnectorDelivery",
    5: "SmtpRelayToRemoteAdSite",
    6: "SmtpRelayToTiRg",
    7: "SmtpRelayWithinAdSite",
    8: "SmtpRelayWithinAdSiteToEdge",
    9: "Unreachable",
    10: "ShadowRedundancy",
    11: "Heartbeat",
    12: "DeliveryAgent",
    13: "SmtpDeliveryToMailbox",
    14: "SmtpRelayToDag",
    15: "SmtpRelayToMailboxDeliveryGroup",
    16: "SmtpRelayToConnectorSourceServers",
    17: "SmtpRelayToServers",
}
"""DeliveryType by its number (S4.10)."""

STATUSES = {0: "None", 1: "Active", 2: "Ready", 3: "Retry", 4: "Suspended", 5: "Connecting"}
"""QueueStatus by its number (section 3.1)."""

OTHER = "other"
"""What an unknown DeliveryType or Status maps to, never a failure (section 4.2)."""

OUTSIDE = frozenset(
    {
        "SmartHostConnectorDelivery",
        "DnsConnectorDelivery",
        "NonSmtpGatewayDelivery",
        "DeliveryAgent",
    }
)
"""Delivery types whose next hop may be no Exchange server of the same domain (section 4.2)."""

_BY_NAME = {name.casefold(): name for name in DELIVERY_TYPES.values()} | {
    "smtprelaytoremoteactivedirectorysite": "SmtpRelayToRemoteAdSite",  # the documents' spelling
}
_STATUS_BY_NAME = {name.casefold(): name for name in STATUSES.values()}


def delivery_type(value: str | int | None) -> str:
    """The enumeration's own name for a text or number; `other` for what it does not have."""
    if isinstance(value, int):
        return DELIVERY_TYPES.get(value, OTHER)
    return _BY_NAME.get((value or "").strip().casefold(), OTHER)


def status(value: str | int | None) -> str:
    """The enumeration's own name for a text or number; `other` for what it does not have."""
    if isinstance(value, int):
        return STATUSES.get(value, OTHER)
    return _STATUS_BY_NAME.get((value or "").strip().casefold(), OTHER)


@dataclass(frozen=True, slots=True)
class Moment:
    """A time as it was read: an instant where the export gave a zone, else only its text.

    A printed time has no zone and a culture's own order of day and month: it stays text and is
    compared with nothing (S6.03, section 6.3).

    Attributes:
        text: as it stood.
        instant: aware, in UTC; None where the zone is not known.
    """

    text: str
    instant: datetime | None = None


@dataclass(frozen=True, slots=True)
class Queue:
    r"""One queue. `None` means: not known.

    Attributes:
        identity: `SERVER\1234`, as commands take it (section 4.3).
        server: the server part of the identity, as printed.
        delivery_type: one of DELIVERY_TYPES' names, or `other`.
        next_hop_domain: as printed (section 4.2).
        status: one of STATUSES' names, or `other`; empty where not read.
        message_count: messages in the queue.
        last_error: as printed; None where not read, empty where there is none.
        retry_count: attempts so far.
        last_retry, next_retry, first_retry: times, as far as read.
        next_hop_connector: GUID as text; empty where not read.
        next_hop_category: `Internal`, `External` or empty (2013 and later, S4.52).
        deferred_count: DeferredMessageCount (S4.43).
        velocity: messages per second, out minus in (section 4.5).
        last_error_complete: false where the export cut the text.
    """

    identity: str
    server: str
    delivery_type: str
    next_hop_domain: str
    status: str
    message_count: int | None
    last_error: str | None
    retry_count: int | None = None
    last_retry: Moment | None = None
    next_retry: Moment | None = None
    first_retry: Moment | None = None
    next_hop_connector: str = ""
    next_hop_category: str = ""
    deferred_count: int | None = None
    velocity: float | None = None
    last_error_complete: bool = True

    @property
    def may_lead_outside(self) -> bool:
        """Whether its next hop may be no server of the organization (section 4.2)."""
        return self.delivery_type in OUTSIDE or self.delivery_type == OTHER

    @property
    def is_shadow(self) -> bool:
        """Holds copies for a primary server; long-lived by design, not a fault (S4.43)."""
        return self.delivery_type == "ShadowRedundancy" or "\\shadow\\" in self.identity.casefold()

    @property
    def is_poison(self) -> bool:
        """The poison queue, always Suspended (S4.44)."""
        return self._is_persistent("poison", "poison message")

    @property
    def is_submission(self) -> bool:
        """The Submission queue: messages before the categorizer (S4.10, S4.43)."""
        return self._is_persistent("submission", "submission")

    def _is_persistent(self, name: str, hop: str) -> bool:
        """By its name, or by its next hop where the export lost the name (sections 4.2, 4.3)."""
        own = self.identity.casefold().rpartition("\\")[2]
        if own == name:
            return True
        lost = not own or own == self.server.casefold()
        return lost and self.next_hop_domain.strip().casefold() == hop
