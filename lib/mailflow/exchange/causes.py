r"""What an error or a configuration means: one card per cause, and which card a text points at.

The ids are public (contract, section 7). `CAUSES` stands in order of likelihood for mail between
Exchange servers that does not move; the audit's own four come last.

Braces in commands hold what the engineer fills in: `{target}` and `{sender}` are servers,
`{connector}` is `SERVER\Name`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from mailflow.exchange.catalogue import (
    BY_CODE,
    EXCHANGE_AUTH,
    GENERAL,
    PLAIN,
    TELLING,
    WINSOCK,
    Entry,
)
from mailflow.exchange.last_error import LastError, Level

UNRECOGNISED = "unrecognised-error"

_LOOKED_AT = 20_000
"""Characters of a reply in which distinctive words are looked for; real ones are far shorter."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One card.

    Attributes:
        id: the public name.
        title: a few words for a heading.
        meaning: what happens, and why mail stands still; two or three sentences.
        evidence_for: what speaks for this cause.
        evidence_against: what speaks against it.
        confirm: commands and steps, in order, that decide it; they change nothing.
        fix: commands and steps that repair it; proposals, for a person to decide.
        sources: fact ids, or sections of the facts.
        rank: place in the order of likelihood, from 1.
    """

    id: str
    title: str
    meaning: str
    evidence_for: tuple[str, ...]
    evidence_against: tuple[str, ...]
    confirm: tuple[str, ...]
    fix: tuple[str, ...]
    sources: tuple[str, ...]
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a text points at.

    Attributes:
        cause: the id where the text alone tells it; None where several causes share the text.
        candidates: every id the text may come from, best first; the cause itself stands first.
        says: what the text means, in one sentence; empty where it is not in the catalogue.
        speaker: who made the text up (`who_said_it`).
        facts: what that rests on.
        is_exchange_auth: the sender's own finding that it cannot log on to the target (S5.01).
    """

    cause: str | None
    candidates: tuple[str, ...]
    says: str = ""
    speaker: str = ""
    facts: tuple[str, ...] = ()
    is_exchange_auth: bool = False


def explain(error: LastError) -> Explanation:
    """What the innermost words, socket number and codes say, in that order (contract, 8.6).

    A text that is empty or not in the catalogue is `unrecognised-error`, never guessed. A code that
    several texts share gives no cause, only candidates.
    """
    entry = _entry(error)
    if entry is None:
        return Explanation(UNRECOGNISED, (UNRECOGNISED,))
    return Explanation(
        cause=entry.causes[0] if entry.decides else None,
        candidates=entry.causes,
        says=entry.says,
        speaker=entry.speaker,
        facts=entry.facts,
        is_exchange_auth=entry is EXCHANGE_AUTH,
    )


def who_said_it(error: LastError) -> str:
    """Who made the innermost text up: `the sender`, `the target` ...; empty where unknown.

    LastError says "responded with" of 5.7.3 as well, though the target never sends it (S5.01).
    """
    entry = _entry(error)
    return entry.speaker if entry else ""


def _entry(error: LastError) -> Entry | None:
    """The row of the catalogue that fits; the words first, the bare codes last."""
    inner = error.innermost
    words, around = inner.text[:_LOOKED_AT].casefold(), error.detail[:_LOOKED_AT].casefold()
    codes = _codes(inner)
    found = _first(TELLING, codes, words)
    if found:
        return found
    if error.winsock is not None and error.winsock in WINSOCK:
        return WINSOCK[error.winsock]
    for rows, text in ((TELLING, around), (PLAIN, words), (PLAIN, around), (GENERAL, words)):
        found = _first(rows, codes, text)
        if found:
            return found
    return next((row for row in BY_CODE if codes.intersection(row.codes)), None)


def _first(rows: Iterable[Entry], codes: frozenset[str], text: str) -> Entry | None:
    if not text:
        return None
    for row in rows:
        if row.codes and codes and not codes.intersection(row.codes):
            continue
        if any(fragment in text for fragment in row.fragments):
            return row
    return None


def _codes(inner: Level) -> frozenset[str]:
    """`451 5.7.3`, `451` and `5.7.3`, with a mistyped separator put right."""
    if not inner.codes:
        return frozenset()
    code, enhanced = inner.code or "", (inner.enhanced or "").replace("-", ".").replace(",", ".")
    return frozenset(filter(None, (code, enhanced, f"{code} {enhanced}".strip())))


_LIST_CONNECTORS = (
    "$FormatEnumerationLimit = -1; Get-ReceiveConnector -Server {target} | Format-List Identity, "
    "Enabled, TransportRole, Bindings, RemoteIPRanges, AuthMechanism, PermissionGroups, "
    "SuppressXAnonymousTls"
)
_ADDRESSES = "Get-NetworkConnectionInfo {sender} | Format-List Name, IPAddresses"
_PROBE = (
    "On the sending server itself: telnet {target} 25, then EHLO {sender}, then QUIT. From any "
    "other machine another connector may answer (S3.40)."
)
_RETRY = 'Retry-Queue -Identity "{queue}"'
_COMPONENTS = "Get-ServerComponentState {target} | Format-Table Component, State"
_REACH = "On the sending server: Test-NetConnection {target} -Port 25 (on old ones: telnet)"

_CARDS = (
    Cause(
        id="custom-connector-shadows-default",
        title="A custom connector answers in place of the default one",
        meaning=(
            "On the target a custom receive connector lists the sender's address in a smaller "
            "remote range than the default connector, so it answers. It does not offer Exchange "
            "Server authentication; the sender finds no way to log on and gives up. Externally "
            "secured connectors can't offer it either."
        ),
        evidence_for=(
            "The selection for the sender's address gives a connector without ExchangeServer.",
            "EHLO from the sender shows neither X-ANONYMOUSTLS nor X-EXPS, but the target's name.",
            "Old to new servers fails (port 25), new to new works (port 2525), new to old works.",
            "The log of the default connector (Verbose from the start) holds no row of the sender.",
        ),
        evidence_against=(
            "The default connector answers for every address of the sender.",
            "EHLO from the sender shows X-ANONYMOUSTLS.",
            "The connector that answers has ExchangeServer: then it may be there on purpose.",
        ),
        confirm=(_LIST_CONNECTORS, _ADDRESSES, _PROBE),
        fix=(
            (
                "Take the sender's addresses off the connector, on every target that has them; an "
                "address inside a larger range means splitting that range."
            ),
            'Set-ReceiveConnector "{connector}" -RemoteIPRanges "{range}","{range}"',
            "Run the selection again: a second connector may win next.",
            _RETRY,
        ),
        sources=("C1", "C11", "C12", "C16", "S1.13", "S3.30", "S3.31", "S5.01"),
    ),
    Cause(
        id="exchange-auth-missing-on-default",
        title="The default connector does not offer Exchange Server authentication",
        meaning=(
            "The right connector answers, but ExchangeServer is gone from its AuthMechanism. Its "
            "EHLO reply then lacks X-ANONYMOUSTLS and X-EXPS, and the sender gives up."
        ),
        evidence_for=("AuthMechanism of the default connector lacks ExchangeServer.",),
        evidence_against=("The connector lists ExchangeServer.", "Another connector answers."),
        confirm=(_LIST_CONNECTORS, _PROBE),
        fix=(
            (
                'Set-ReceiveConnector "{connector}" -AuthMechanism '
                "Tls,Integrated,BasicAuth,BasicAuthRequireTLS,ExchangeServer (on an Edge server: "
                "Tls,ExchangeServer)"
            ),
            "The value is replaced as a whole: name all that is wanted.",
            _RETRY,
        ),
        sources=("C2", "C3", "S3.23", "S3.30", "L5"),
    ),
    Cause(
        id="exchange-servers-group-missing",
        title="The connector lets Exchange servers log on, but not submit",
        meaning=(
            "The connector that answers offers ExchangeServer, but ExchangeServers is not among "
            "its PermissionGroups, or the right is denied. The log-on works, then the target "
            "refuses with 454 4.7.0."
        ),
        evidence_for=(
            "PermissionGroups of the connector that answers lacks ExchangeServers.",
            "Event 1018 on the target: the right to submit was refused.",
        ),
        evidence_against=(
            "The error is 5.7.3: then the log-on was never tried.",
            "Events 1035 or 2017: the log-on itself failed.",
        ),
        confirm=(
            _LIST_CONNECTORS,
            (
                'Get-ADPermission "{connector}" | Where-Object {$_.ExtendedRights -like "*SMTP*"} '
                "| "
                "Format-Table User, Deny, ExtendedRights"
            ),
        ),
        fix=(
            (
                'Set-ReceiveConnector "{connector}" -PermissionGroups '
                "AnonymousUsers,ExchangeServers,ExchangeLegacyServers"
            ),
            (
                "The value is replaced as a whole. Where the list shows Custom, look at the rights "
                "first."
            ),
            _RETRY,
        ),
        sources=("L2", "L3", "S3.20", "S3.21", "S3.30"),
    ),
    Cause(
        id="anonymoustls-suppressed",
        title="X-ANONYMOUSTLS is switched off, and the sender is not set for that",
        meaning=(
            "SuppressXAnonymousTls hides X-ANONYMOUSTLS on the connector that answers, as WAN "
            "optimisers need it. A sender without UseDowngradedExchangeServerAuth can't log on "
            "then."
        ),
        evidence_for=(
            "SuppressXAnonymousTls is True on the connector that answers.",
            "EHLO shows X-EXPS but not X-ANONYMOUSTLS, and the certificate is in order.",
        ),
        evidence_against=(
            "UseDowngradedExchangeServerAuth is True on the sender: then this is by design.",
        ),
        confirm=(
            _LIST_CONNECTORS,
            (
                "Get-TransportService {sender} | Format-List UseDowngradedExchangeServerAuth "
                "(2010: Get-TransportServer)"
            ),
        ),
        fix=(
            'Set-ReceiveConnector "{connector}" -SuppressXAnonymousTls $false',
            (
                "or, where the connector is like that on purpose: Set-TransportService {sender} "
                "-UseDowngradedExchangeServerAuth $true"
            ),
            _RETRY,
        ),
        sources=("C10", "S3.42", "S5.03"),
    ),
    Cause(
        id="no-connector-answers",
        title="No receive connector takes the connection",
        meaning=(
            "No enabled connector of the process matches local address, port and the sender's "
            "address. The target opens the session, answers 421 4.3.2 and closes it."
        ),
        evidence_for=(
            "The default connector is disabled, or its ranges or bindings were narrowed.",
            "The target's receive log has rows with an empty connector-id.",
        ),
        evidence_against=(
            "The selection gives a connector for every address of the sender.",
            "Other hosts get the same answer: then look at the component states.",
        ),
        confirm=(_LIST_CONNECTORS, _ADDRESSES, _COMPONENTS),
        fix=(
            'Set-ReceiveConnector "{connector}" -Enabled $true',
            (
                "or put the full ranges back: "
                'Set-ReceiveConnector "{connector}" -RemoteIPRanges "0.0.0.0-255.255.255.255",'
                '"::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"'
            ),
            _RETRY,
        ),
        sources=("S1.18", "C13", "S2.01"),
    ),
    Cause(
        id="smtp-inspection",
        title="A device in between changes the SMTP session",
        meaning=(
            "A firewall, intrusion prevention or filter inspects SMTP and strips or masks verbs it "
            "does not know, X-ANONYMOUSTLS and X-EXPS among them. The target offered them; the "
            "sender never saw them."
        ),
        evidence_for=(
            "EHLO from the sender shows XXXX in place of verbs, or the banner is starred.",
            "The target's receive log shows verbs that the sender's send log lacks.",
            "The banner is not that of the target's Microsoft ESMTP MAIL Service.",
        ),
        evidence_against=(
            "EHLO from the sender equals EHLO on the target itself.",
            "Configuration explains the missing verbs.",
        ),
        confirm=(
            _PROBE,
            "On the target itself: telnet localhost 25, then EHLO {target}; compare the two lists.",
        ),
        fix=(
            (
                "Switch SMTP inspection off for traffic between Exchange servers (Cisco ASA: no "
                "inspect esmtp in the policy map). Filtering between them is not supported."
            ),
            _RETRY,
        ),
        sources=("C4", "C6", "C14", "S4.03c"),
    ),
    Cause(
        id="source-address-translated",
        title="The target sees another source address",
        meaning=(
            "A NAT device, load balancer or gateway puts its own address in place of the sender's. "
            "The target chooses a connector for that address, often a relay connector."
        ),
        evidence_for=(
            "EHLO from the sender is greeted with Hello [address], and the address is not its own.",
            "The target's receive log shows the device as remote endpoint.",
        ),
        evidence_against=("Hello [address] names an address of the sender.",),
        confirm=(_PROBE, _ADDRESSES),
        fix=(
            (
                "Route traffic between Exchange servers round the device, or take the device's "
                "address off the custom connector's ranges."
            ),
            _RETRY,
        ),
        sources=("C5", "S5.30", "S9.07"),
    ),
    Cause(
        id="internal-transport-certificate",
        title="The internal transport certificate is missing or cannot be read",
        meaning=(
            "Servers secure mail among themselves with a certificate named in the directory. If "
            "the target can't load its own, it offers X-EXPS but not X-ANONYMOUSTLS; if the sender "
            "can't, it says so itself."
        ),
        evidence_for=(
            "EHLO shows X-EXPS but not X-ANONYMOUSTLS, and SuppressXAnonymousTls is False.",
            "Events 12012, 12013, 12022, 12015 or 12017 on one of the two servers.",
            "The text says: Cannot load Internal Transport Certificate.",
        ),
        evidence_against=("EHLO shows X-ANONYMOUSTLS.", "EHLO shows neither of the two verbs."),
        confirm=(
            _PROBE,
            (
                "Get-ExchangeCertificate -Server {target} | Format-List Thumbprint, Services, "
                "NotAfter, Subject"
            ),
            (
                "Get-WinEvent -ComputerName {target} -FilterHashtable @{LogName='Application'; "
                "ProviderName='MSExchangeTransport'; Id=12012,12013,12015,12017,12022}"
            ),
        ),
        fix=(
            (
                "On the server concerned: New-ExchangeCertificate (a self-signed one for SMTP), "
                "accept it as the internal transport certificate, restart the Transport service."
            ),
            _RETRY,
        ),
        sources=("C8", "C15", "S3.41", "S5.05"),
    ),
    Cause(
        id="transport-role-conflict",
        title="Two transport processes claim the same endpoint",
        meaning=(
            "A custom connector was made with TransportRole HubTransport on an endpoint of the "
            "Front End service, mostly port 25. Which process gets the socket is chance; usually "
            "the answer is 4.3.2, sometimes 5.7.3."
        ),
        evidence_for=(
            "Connectors of both roles listen on the same address and port.",
            "Event 1001 on the target: address and port in use.",
        ),
        evidence_against=(
            (
                "The server has no Front End role (2013 Mailbox only, Edge, 2010): then port 25 "
                "with HubTransport is normal."
            ),
        ),
        confirm=(_LIST_CONNECTORS, "On the target: netstat -ano | findstr :25"),
        fix=(
            'Set-ReceiveConnector "{connector}" -TransportRole FrontendTransport',
            "Restart-Service MSExchangeTransport, MSExchangeFrontEndTransport",
            _RETRY,
        ),
        sources=("C9", "S1.30", "S2.05", "S2.21"),
    ),
    Cause(
        id="outside-the-connectors",
        title="5.7.3, and the connectors do not explain it",
        meaning=(
            "The sender could not log on, yet the connector that answers it holds all that is "
            "needed. Something between or beside the servers changes the session."
        ),
        evidence_for=("A queue is stuck with 5.7.3 and every connector on its way is in order.",),
        evidence_against=("A list that was cut off, or a server that was not read.",),
        confirm=(
            (
                "Was a connector changed after the queue's last try (LastRetryTime)? Then its "
                "error is older than the change: Retry-Queue, and look again."
            ),
            _PROBE,
            (
                "Both X-verbs missing: look at the banner and at Hello [address] for an inspecting "
                "device, a translated address, or another host (see smtp-inspection, "
                "source-address-translated, name-resolution)."
            ),
            (
                "Only X-ANONYMOUSTLS missing: see internal-transport-certificate and "
                "anonymoustls-suppressed."
            ),
            "Nothing missing: read the send log of the sender and the receive log of the target.",
        ),
        fix=("Which repair it takes is told by the EHLO reply, as the sender sees it.",),
        sources=("C4", "C5", "C6", "C7", "C8", "C10", "C14", "S3.40", "S4.42", "S5.30"),
    ),
    Cause(
        id="kerberos-or-permission",
        title="The log-on between the servers fails",
        meaning=(
            "Both servers agreed on how to log on, and it failed: a clock off by more than five "
            "minutes, a missing or double service principal name, a broken trust or secure "
            "channel, or a domain controller out of reach."
        ),
        evidence_for=(
            "454 4.7.0 Temporary authentication failure.",
            (
                "Event 1035 on the target, 2017 on the sender, 12011 where the name was not "
                "registered."
            ),
        ),
        evidence_against=(
            "Event 1018: the log-on worked, the right to submit is missing.",
            "The error is 5.7.3.",
        ),
        confirm=(
            "w32tm /query /status (on both servers)",
            "setspn -Q SMTPSVC/{target}",
            "setspn -X",
            "nltest /sc_verify:{domain}",
            (
                "Get-ReceiveConnector -Server {target} | Format-List Identity, Fqdn (the Fqdn of "
                "the default connector has to be the server's own)"
            ),
        ),
        fix=(
            (
                "Repair what the checks show: time service, service principal name, trust or "
                "secure channel; put the Fqdn of the default connector back."
            ),
            _RETRY,
        ),
        sources=("L1", "L2", "L3", "S5.06"),
    ),
    Cause(
        id="target-unreachable",
        title="The target does not answer",
        meaning="No TCP connection came about: nothing answered in time, or no route leads there.",
        evidence_for=("Socket error 10060, 10051 or 10065.", "The connectivity log says TimedOut."),
        evidence_against=("The connection log shows an established connection.",),
        confirm=(_REACH, "Resolve-DnsName {target}", "route print (on the sending server)"),
        fix=("Firewall rule, route, or the host itself; then " + _RETRY,),
        sources=("6.1", "6.2"),
    ),
    Cause(
        id="target-refuses",
        title="The target is there, but nothing listens",
        meaning=(
            "The host refuses the connection: the service is stopped, or the port is not bound."
        ),
        evidence_for=("Socket error 10061.",),
        evidence_against=("A connection to the port is accepted.",),
        confirm=(
            _REACH,
            "Get-Service -ComputerName {target} MSExchangeTransport, MSExchangeFrontEndTransport",
            "On the target: netstat -ano | findstr LISTENING",
        ),
        fix=("Start the service, or repair the binding of the connector; then " + _RETRY,),
        sources=("6.2", "S1.04"),
    ),
    Cause(
        id="connection-dropped",
        title="The connection is cut off within the session",
        meaning=(
            "The connection stood and was reset or closed: an SMTP proxy, a firewall, a virus "
            "scanner, a TLS fault, or a limit on the other side."
        ),
        evidence_for=("421 4.4.2, socket error 10053 or 10054.",),
        evidence_against=("The reply names a rate or size limit.",),
        confirm=(
            (
                "Read the last row of the session in the sender's send log and in the target's "
                "receive log: at which command does it end?"
            ),
            "Get-TransportService {sender} | Format-List *ProtocolLogPath*",
        ),
        fix=("Exclude server-to-server traffic from the device; align TLS where it ends there.",),
        sources=("6.2",),
    ),
    Cause(
        id="name-resolution",
        title="A name does not resolve, or to the wrong host",
        meaning=(
            "The sender gets no usable answer from DNS for the next hop, or one that leads to "
            "another host. Often the servers named on a network adapter are the wrong ones."
        ),
        evidence_for=(
            "The text names a DNS status, or 4.4.312.",
            "FQDN and address in the text are not the target's.",
            "Event 2000 on the sender.",
        ),
        evidence_against=("The name resolves on the sending server, by A and by AAAA.",),
        confirm=(
            "Get-TransportService {sender} | Format-List *DNS*",
            "On the sending server: nslookup -type=A {target}; nslookup -type=AAAA {target}",
        ),
        fix=("Repair the record, the hosts file or the choice of adapter and DNS servers.",),
        sources=("C7", "6.2", "S4.03e"),
    ),
    Cause(
        id="service-inactive",
        title="The service runs, but takes no mail",
        meaning=(
            "A component of the target is set inactive, mostly after maintenance, or the service "
            "is paused. Each requester has to set it active again."
        ),
        evidence_for=("421 4.3.2 Service not active.", "A component state is not Active."),
        evidence_against=("All components are Active.",),
        confirm=(
            _COMPONENTS,
            "Get-ServerComponentState {target} -Component HubTransport (and FrontendTransport)",
            "Get-Service -ComputerName {target} MSExchangeTransport, MSExchangeFrontEndTransport",
        ),
        fix=(
            (
                "Set-ServerComponentState {target} -Component ServerWideOffline -State Active "
                "-Requester Maintenance"
            ),
            "once for every requester that made it inactive.",
        ),
        sources=("6.2",),
    ),
    Cause(
        id="back-pressure",
        title="The target is short of disk or memory",
        meaning=(
            "The transport service protects itself. At medium pressure it refuses mail from other "
            "hosts, at high pressure also from Exchange servers: stuck mail between Exchange "
            "servers means high."
        ),
        evidence_for=("452 4.3.1 Insufficient system resources.", "Events 15004, 15006, 15007."),
        evidence_against=("Event 15005 since then: the pressure is over.",),
        confirm=(
            (
                "Get-ExchangeDiagnosticInfo -Server {target} -Process EdgeTransport -Component "
                "ResourceThrottling"
            ),
            "Free space on the volumes of the queue database and of the logs.",
        ),
        fix=("Free disk space, move the queue database, or give the server its memory back.",),
        sources=("6.2", "6.4"),
    ),
    Cause(
        id="connection-limit",
        title="The target limits connections or rate",
        meaning=(
            "The connector that answers allows only so many connections, messages a minute or "
            "faults. A sender that falls on a connector made for clients meets its low limits."
        ),
        evidence_for=("The reply names the limit.", "Events 1009, 1021 or 1031 on the target."),
        evidence_against=("The limits of the connector are far above the load.",),
        confirm=(
            (
                "Get-ReceiveConnector -Server {target} | Format-List Identity, MessageRateLimit, "
                "MaxInboundConnection*, MaxProtocolErrors"
            ),
        ),
        fix=("Raise the limit, or let another connector answer this sender.",),
        sources=("6.2", "S2.01"),
    ),
    Cause(
        id="tls-or-certificate",
        title="TLS or a certificate",
        meaning=(
            "The session has to be secured and is not: STARTTLS is not offered, the two sides "
            "share no protocol or cipher, or a certificate expired, was renewed or is not trusted. "
            "Seen mostly towards the cloud and partners."
        ),
        evidence_for=(
            "The text names STARTTLS, TLS or a certificate.",
            "Events 12014, 12016, 12018, 2015, or Schannel errors in the System log.",
        ),
        evidence_against=(
            "Mail between Exchange servers of one organisation: they use X-ANONYMOUSTLS.",
        ),
        confirm=(
            "Get-SendConnector | Format-List Identity, RequireTLS, Tls*, Fqdn",
            "Get-ExchangeCertificate | Format-List Thumbprint, Services, NotAfter, Subject",
        ),
        fix=(
            (
                "Put the present certificate on the connector (TlsCertificateName, or assign SMTP "
                "to it), renew it, or align the TLS versions of the two sides."
            ),
        ),
        sources=("S5.07", "L4", "6.2"),
    ),
    Cause(
        id="relay-denied",
        title="The connector does not relay for this client",
        meaning=(
            "A host that should be relayed falls on a connector that does not allow it, mostly the "
            "default one, because its address stands in no relay connector's ranges."
        ),
        evidence_for=("5.7.1 or 5.7.54 Unable to relay; 5.7.57 not authenticated.",),
        evidence_against=("The sender is an Exchange server that logged on.",),
        confirm=("mailflow which SOURCE --server {target} --source {address}", _LIST_CONNECTORS),
        fix=(
            (
                "Add the host to the relay connector that is meant for it (2013 and later): "
                'Set-ReceiveConnector "{connector}" -RemoteIPRanges @{Add="{address}"}'
            ),
        ),
        sources=("L6", "6.2", "S8.61"),
    ),
    Cause(
        id="mailbox-or-recipient",
        title="Recipient, mailbox or message",
        meaning=(
            "Transport works; the recipient does not exist, the mailbox is full, offline, busy or "
            "moving, or the message is too large or of a kind that is not taken."
        ),
        evidence_for=("The text names STOREDRV, RESOLVER, a size or a number limit.",),
        evidence_against=("Messages of all sizes to all recipients of the queue wait.",),
        confirm=(
            "Get-MailboxDatabaseCopyStatus * | Format-Table Name, Status",
            "Get-Recipient {recipient}; Get-TransportConfig | Format-List Max*",
        ),
        fix=("Mount the database, wait for the move, or change the limit that the text names.",),
        sources=("6.2",),
    ),
    Cause(
        id="routing-or-loop",
        title="No way to the recipient, or a circle",
        meaning=(
            "Routing finds no send connector or no path for the recipient, or the way leads back "
            "to the same server until the hop count is used up."
        ),
        evidence_for=(
            "Hop count exceeded, a matching connector cannot be found, or the Unreachable queue.",
        ),
        evidence_against=("The queue has a next hop and a socket or SMTP error.",),
        confirm=(
            (
                "Get-SendConnector | Format-List Identity, Enabled, AddressSpaces, SmartHosts, "
                "SourceTransportServers"
            ),
            "Get-AcceptedDomain",
        ),
        fix=(
            (
                "Make or repair the send connector, then "
                'Retry-Queue -Identity "{queue}" -Resubmit $true (routing is done anew).'
            ),
        ),
        sources=("6.2", "S2.08", "S8.73", "S8.74"),
    ),
    Cause(
        id=UNRECOGNISED,
        title="A text that is not in the catalogue, or none",
        meaning=(
            "The text is shown as it stands and is not guessed at. A queue in Retry without an "
            "error text may be on its first attempt: that is unknown, not healthy."
        ),
        evidence_for=("The text is empty, translated, cut off, or of a kind not seen before.",),
        evidence_against=("The queue in the shell shows a longer text than the capture.",),
        confirm=(
            'Get-Queue -Identity "{queue}" | Format-List',
            "Read the connectivity log of the sender for that time: it names address and result.",
        ),
        fix=("None before the text is understood.",),
        sources=("S6.08", "S6.09"),
    ),
    Cause(
        id="planned-server-shadowed",
        title="A custom connector would catch an Exchange server one day",
        meaning=(
            "The address of an Exchange server lies in the range of a custom connector without "
            "Exchange Server authentication; the server is still to come, or its mail does not "
            "take this port today. It fails once a role, a version or an address changes."
        ),
        evidence_for=("The selection for that address gives that connector.",),
        evidence_against=(
            "The connector is meant for that server and has ExchangeServer (S3.42).",
            "Another connector has a smaller range for the address.",
        ),
        confirm=("mailflow which SOURCE --server {target} --source {address} --port {port}",),
        fix=(
            "Take the address off the connector before the server arrives there.",
            (
                "Ports 465 and 717 carry what one service of Exchange hands to another: there it "
                "may fail today (S4.06, S4.08)."
            ),
        ),
        sources=("C1", "S1.13", "S2.01", "S4.02", "S4.03"),
    ),
    Cause(
        id="connectors-differ",
        title="Servers of one kind treat the same host differently",
        meaning=(
            "The same connector has other ranges or settings on a fellow server, so that an answer "
            "depends on which server a host meets. Failover then does not help, or is the fault."
        ),
        evidence_for=("Connectors of the same name differ between servers of one version.",),
        evidence_against=("The servers serve different sites or tasks.",),
        confirm=(_LIST_CONNECTORS,),
        fix=("Decide which list is right, and set it on all of them.",),
        sources=("S1.13", "S4.03e"),
    ),
    Cause(
        id="connector-never-answers",
        title="A connector that no host can meet",
        meaning=(
            "Smaller ranges of other connectors cover all of its own, or it is disabled or without "
            "binding: whatever is set on it has no effect."
        ),
        evidence_for=("The selection gives it for no address at all.",),
        evidence_against=("It answers on another local address or port.",),
        confirm=(_LIST_CONNECTORS,),
        fix=("Remove it, or give it ranges of its own, once its purpose is known.",),
        sources=("S1.10", "S1.13", "S1.15"),
    ),
    Cause(
        id="relay-wider-than-it-looks",
        title="A relay connector answers more hosts than meant",
        meaning=(
            "A connector that relays without log-on answers a range with many more addresses than "
            "the hosts it was made for, because of a wide mask; or it is the default one, which "
            "answers whoever is left."
        ),
        evidence_for=(
            "Anonymous relay rights, or ExternalAuthoritative, and a wide range (from a /16 on).",
            "Anonymous relay rights on a connector that setup made.",
        ),
        evidence_against=("The range is a network of relay hosts by design.",),
        confirm=(
            _LIST_CONNECTORS,
            (
                'Get-ADPermission "{connector}" -User "NT AUTHORITY\\ANONYMOUS LOGON" | '
                "Format-Table "
                "ExtendedRights"
            ),
        ),
        fix=("Narrow the range to the hosts that need it.",),
        sources=("S1.13", "S1.20", "S3.20"),
    ),
)

CAUSES: Mapping[str, Cause] = MappingProxyType(
    {card.id: replace(card, rank=rank) for rank, card in enumerate(_CARDS, 1)}
)
"""Every cause by id, in order of likelihood."""
