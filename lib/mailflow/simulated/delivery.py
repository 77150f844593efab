"""One attempt to hand mail to one host: who answers there, and what comes of it.

    reach       silent, refused, or a socket that somebody listens on      sections 6.1, 6.2
    answer      component states, then the choice of a connector           S1.10 to S1.18
    log on      what the sender finds in the reply to its EHLO             S3.30, S5.01, S5.03
    submit      the right to submit, then back pressure                    L2, section 6.4
    pass on     a Front End hands over to a Transport service behind it    S4.06

The rules that choose are those of `exchange`. Some steps rest on facts marked [I] or [R]; a model
may, a verdict may not. Each of them says so.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from datetime import datetime

from mailflow.exchange.connectors import ReceiveConnector, TransportRole
from mailflow.exchange.ranges import Address
from mailflow.exchange.routing import FRONT, endpoints
from mailflow.exchange.selection import NO_MATCH_REPLY, Answer, answer
from mailflow.simulated.organisation import Organisation, PracticeServer, address_pairs

NO_EXCHANGE_AUTH = "451 5.7.3 Cannot achieve Exchange Server authentication"
"""The sender makes it up; the target never says it (S5.01)."""
NO_OWN_CERTIFICATE = (
    "451 5.7.3 Cannot load Internal Transport Certificate. Exchange Server authentication failed"
)
"""Also the sender's own, where direct trust needs its certificate (S5.05)."""
NO_TLS_CERTIFICATE = (
    "454 4.7.5 The certificate specified in TlsCertificateName of the SendConnector could not be "
    "found."
)
"""The sender's own word: its send connector names a certificate that it lacks (S9.24)."""
NOT_LOGGED_ON = "454 4.7.0 Temporary authentication failure"
NOT_ACTIVE = "421 4.3.2 Service not active"
FULL = "452 4.3.1 Insufficient system resources"
UNRESOLVED = "451 4.4.0 DNS query failed"
UNRESOLVED_WHY = ". The error was: DNS query failed with error ErrorRetry"
"""What 2013 and later say more (section 6.2)."""
NOT_MOUNTED = "432 4.3.2 STOREDRV; mailbox database is offline"
STORE_AWAY = "432 4.3.2 STOREDRV; mailbox server is offline"
PROXY_FAILED = "451 4.7.0 Temporary server error. Please try again later. PRX{}"
"""From a Front End: PRX1 no destination, PRX3 it can't connect, PRX4 protocol (section 6.2)."""

TIMED_OUT, REFUSED, UNREACHABLE = 10060, 10061, 10051
SMTP, MAILBOX_DELIVERY = 25, 475

_FRONT = TransportRole.FrontendTransport
_SOCKETS = {"silent": TIMED_OUT, "refuses": REFUSED}


@dataclass(frozen=True, slots=True)
class DeliveryOutcome:
    """What became of an attempt at one host.

    Attributes:
        reply: the reply that decided, `451 5.7.3 Cannot ...`; empty: none, or the mail was taken.
        winsock: number of the socket error; 0: the connection stood.
        host: full name of the host, or the SMTP domain.
        address: the address tried; empty: there were no connection details at all (S6.04).
        port: the port tried.
    """

    reply: str = ""
    winsock: int = 0
    host: str = ""
    address: str = ""
    port: int = 0

    @property
    def taken(self) -> bool:
        """Whether the host took the mail."""
        return not self.reply and not self.winsock


def try_server(
    org: Organisation, sender: PracticeServer, target: PracticeServer, moment: datetime
) -> DeliveryOutcome:
    """Hand mail to the transport of a server of the organization.

    An address that can't be reached sends the sender to the next one of the name (S4.03e). Whatever
    is said in a session that stands is the answer of this server: the next one is another target's
    (S5.03).
    """
    # No server routes to a Front End alone (S4.63), but one may have it as a smart host.
    place = next(iter(endpoints(sender.exchange, target.exchange)), FRONT)
    host = target.exchange.fqdn
    if not target.addresses:
        return unresolved(sender, host)
    tried = [
        DeliveryOutcome(
            host=host, address=target.addresses[0], port=place.port, winsock=UNREACHABLE
        )
    ]
    for source, local in address_pairs(sender, target):
        made = connection(org, target, source, local, place.port, moment)
        outcome = DeliveryOutcome(host=host, address=str(local), port=place.port)
        if not made.winsock:
            return replace(outcome, reply=_session(org, sender, target, made.got, moment))
        tried.append(replace(outcome, winsock=made.winsock))
    return (tried[1:] or tried)[0]


@dataclass(frozen=True, slots=True)
class AttemptedConnection:
    """A connection to a server of the organization.

    Attributes:
        got: which connector accepts it.
        seen: the source address as the target sees it.
        winsock: number of the socket error; 0: it stands.
    """

    got: Answer
    seen: Address
    winsock: int


def connection(
    org: Organisation,
    target: PracticeServer,
    source: Address,
    local: Address,
    port: int,
    moment: datetime,
) -> AttemptedConnection:
    """Connect from an address to an endpoint, which a device on the way may translate (C5)."""
    # S1.19: connectors as they are now, no restart needed.
    connectors = org.connectors_of(target.name, moment)
    seen = type(local)(target.seen_as.get(str(source), str(source)))
    got = answer(connectors, local=local, port=port, remote=seen)
    return AttemptedConnection(got, seen, _socket_error(target, got))


def try_mailbox(sender: PracticeServer, owner: PracticeServer) -> DeliveryOutcome:
    """Hand mail to a mailbox database: by SMTP to port 475 (S4.01), before 2013 by MAPI.

    The implicit connector of port 475 takes every server of the organization (section 2.1).
    """
    host = owner.exchange.fqdn
    if sender.is_legacy:
        away = owner.network != "open" or not owner.services
        return DeliveryOutcome(STORE_AWAY if away or owner.dismounted else "", host=host)
    if not owner.addresses:
        return unresolved(sender, host)
    outcome = DeliveryOutcome(host=host, address=owner.addresses[0], port=MAILBOX_DELIVERY)
    network = "open" if owner is sender else owner.network
    winsock = _SOCKETS.get(network, 0 if owner.services else REFUSED)
    if winsock:
        return replace(outcome, winsock=winsock)
    return replace(outcome, reply=NOT_MOUNTED if owner.dismounted else "")


def try_outside(
    sender: PracticeServer, domain: str, trouble: str, *, certified: bool = True
) -> DeliveryOutcome:
    """Hand mail to an SMTP domain outside.

    Args:
        sender: the server that sends.
        domain: where to.
        trouble: what is wrong with the domain; empty: nothing.
        certified: whether the sender has the certificate that its send connector names.
    """
    if trouble == "unresolved":
        return unresolved(sender, domain)
    # Documentation addresses, so that nobody is meant.
    address = f"203.0.113.{1 + zlib.crc32(domain.casefold().encode()) % 254}"
    outcome = DeliveryOutcome(host=domain, address=address, port=SMTP)
    if trouble in _SOCKETS:
        return replace(outcome, winsock=_SOCKETS[trouble])
    if not certified:
        return replace(outcome, reply=NO_TLS_CERTIFICATE)
    return replace(outcome, reply=FULL if trouble == "full" else "")


def has_certificate(org: Organisation, sender: PracticeServer, moment: datetime) -> bool:
    """Whether a server has the certificate that the send connector names.

    One that expired does not count: that the names then find none is assumed [I].
    """
    wanted = org.send_connector.certificate
    return not wanted or any(
        each.name == wanted and each.until > moment for each in sender.certificates
    )


def unresolved(sender: PracticeServer, host: str) -> DeliveryOutcome:
    """The name has no address (section 6.2)."""
    return DeliveryOutcome(UNRESOLVED + ("" if sender.is_legacy else UNRESOLVED_WHY), host=host)


def _socket_error(target: PracticeServer, got: Answer) -> int:
    """The socket error of a connection; 0: it stands.

    Where no enabled connector is bound to the endpoint nobody listens on it, which TCP refuses [I].
    """
    nobody_listens = got.process is None and got.unknown is None
    closed = REFUSED if nobody_listens or not target.services else 0
    return _SOCKETS.get(target.network, closed)


def _session(
    org: Organisation, sender: PracticeServer, target: PracticeServer, got: Answer, moment: datetime
) -> str:
    """The reply that ends a session without the mail being taken; empty: it was taken."""
    # Two processes claim the endpoint (C9): the documents name 4.3.2 for it, and chance has no
    # place in a practice.
    if got.process is None:
        return NO_MATCH_REPLY
    if target.inactive & {"ServerWideOffline", got.process.name}:
        return NOT_ACTIVE
    if got.connector is None:
        return NO_MATCH_REPLY  # nothing fits: said, and closed (S1.18)
    refused = _log_on(sender, target, got.connector) or _submit(org, sender, target, got.connector)
    if refused:
        return refused
    if got.process == _FRONT:
        return _pass_on(org, sender, target, moment)
    # Back pressure speaks at MAIL FROM; what refuses Exchange servers is high (section 6.4).
    return FULL if target.full else ""


def _log_on(sender: PracticeServer, target: PracticeServer, connector: ReceiveConnector) -> str:
    """What the sender says of its own accord after EHLO; empty: it can log on (S5.03)."""
    # S3.31 [I]: an externally secured connector offers neither. C4: the device takes both away.
    if not connector.offers_exchange_auth or connector.is_externally_secured or target.strips_verbs:
        return NO_EXCHANGE_AUTH
    to_edge = sender.exchange.is_edge or target.exchange.is_edge
    if to_edge and sender.certificate_lost:
        return NO_OWN_CERTIFICATE  # the sender's own is what lacks (S5.05)
    # C8, C10: X-EXPS GSSAPI is there alone, which does for the downgraded mode (S5.03) and not on
    # Edge (section 3.6). Between the services of one machine a lost certificate costs nothing [I].
    lost = target.certificate_lost and sender is not target
    hidden = connector.suppress_x_anonymous_tls or lost
    if hidden and (to_edge or not sender.downgraded_auth):
        return NO_EXCHANGE_AUTH
    return ""


def _submit(
    org: Organisation, sender: PracticeServer, target: PracticeServer, connector: ReceiveConnector
) -> str:
    """What the target says to the log-on and the right to submit; empty: nothing against it."""
    to_edge = sender.exchange.is_edge or target.exchange.is_edge
    kerberos = sender is not target and not to_edge
    if kerberos and (sender.clock_off or target.clock_off):
        return NOT_LOGGED_ON  # Kerberos fails with a clock that is off (L1)
    if not connector.admits_exchange_servers or org.denies_submit(connector):
        return NOT_LOGGED_ON  # logged on, and not let submit (L2, S3.21 [I])
    return ""


def _pass_on(
    org: Organisation, sender: PracticeServer, front: PracticeServer, moment: datetime
) -> str:
    """A Front End keeps no mail: it passes it on, or gives a temporary error (S4.03d, S4.06).

    It takes the Transport service of its own machine where there is one, else those of its site
    [I]: which one the documents leave to the recipient's mailbox.
    """
    if sender is front:
        return NO_MATCH_REPLY  # it met itself on the port of the service behind it
    hubs = [front] if front.exchange.has_hub else _hubs_of_site(org, front)
    outcomes = [try_server(org, front, hub, moment) for hub in hubs]
    if any(outcome.taken for outcome in outcomes):
        return ""
    if not outcomes:
        return PROXY_FAILED.format(1)
    if outcomes[0].reply == FULL:
        return FULL
    return PROXY_FAILED.format(3 if outcomes[0].winsock else 4)


def _hubs_of_site(org: Organisation, front: PracticeServer) -> list[PracticeServer]:
    return [
        server
        for server in org.servers
        if server.exchange.has_hub
        and not server.exchange.is_edge
        and not server.is_legacy
        and server.exchange.site == front.exchange.site
    ]
