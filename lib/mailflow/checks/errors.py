"""Causes that an error text or evidence tells, and no configuration of a receive connector."""

from __future__ import annotations

from collections.abc import Sequence

from mailflow.analysis.queues import QueueCase
from mailflow.checks.check import (
    ADDRESSES,
    COMPONENTS,
    LIST_CONNECTORS,
    PROBE,
    REACH,
    RETRY,
    Card,
    Check,
    ConnectorWords,
    Finding,
    in_own_words,
)
from mailflow.exchange.causes import UNRECOGNISED
from mailflow.exchange.commands import filled
from mailflow.phrases import joined
from mailflow.plain import one_line

INACTIVE = "service-inactive"
NO_TEXT = (
    "A queue in Retry without an error text may be on its first attempt: that is unknown, not "
    "healthy."
)


def explain(findings: Sequence[Finding]) -> str:
    """What the errors of stuck queues say, quoted as they stand."""
    if isinstance(findings[0].evidence, ConnectorWords) and findings[0].evidence.reading:
        return in_own_words(findings)
    cases = [case for finding in findings for case in finding.queues]
    card = findings[0].check.card
    queues = joined(case.queue.identity for case in cases)
    texts = dict.fromkeys(map(_said, cases))
    inactive = cases[0].inactive if card.id == INACTIVE and cases else ()
    states = joined(f"{each.component} of {each.server} is {each.state}" for each in inactive)
    told = f"{queues}: {joined(texts, most=3)}.{carried(cases)}"
    if not findings[0].note:  # what several causes share is not told of one of them
        is_empty = card.id == UNRECOGNISED and all(case.is_empty for case in cases)
        told = f"{told} {NO_TEXT if is_empty else card.meaning}"
    return f"{told} Component states: {states}." if states else told


def carried(cases: Sequence[QueueCase]) -> str:
    """Which send connector carries the mail of queues, where that is known; else empty."""
    names: dict[str, list[str]] = {}
    for case in cases:
        if case.carrier:
            names.setdefault(str(case.carrier), []).append(case.queue.identity)
    if len(names) == 1 and len(next(iter(names.values()))) == len(cases):
        return f" Send connector: {next(iter(names))}."
    return "".join(f" Send connector of {joined(some)}: {name}." for name, some in names.items())


def advise(finding: Finding) -> str:
    """What to look at next, a line each, with what is known filled in.

    Where the queue may go to a few servers, a line for each of them. Commands that change something
    are left out unless the cause is found.
    """
    if isinstance(finding.evidence, ConnectorWords) and finding.evidence.advice:
        return finding.evidence.advice
    card, case = finding.check.card, next(iter(finding.queues), None)
    known = {"sender": case.queue.server, "queue": case.queue.identity} if case else {}
    if case and case.carrier and case.carrier.connector:
        known["send_connector"] = case.carrier.connector.name
    targets = [finding.server] if finding.server else list(case.aimed_at if case else ())
    if not 0 < len(targets) <= _MOST_TARGETS:
        targets = []
    lines = [*card.confirm, *(card.fix if finding.state == "found" else ())]
    return "\n".join(
        dict.fromkeys(
            filled(line, known | target)
            for line in lines
            for target in [{"target": server.name} for server in targets] or [{}]
        )
    )


_MOST_TARGETS = 2
"""For more servers than these a line is given once, for the engineer to fill in."""


def _said(case: QueueCase) -> str:
    error = case.error
    if case.is_empty:
        return "LastError is empty" if case.queue.last_error is not None else "LastError is missing"
    parts = (
        error.inner_code or error.outer_code,
        error.inner_enhanced or error.outer_enhanced,
    )
    words = one_line((error.inner_text or error.text)[:300])
    return f'"{" ".join(filter(None, (*parts, words))).strip()}"'


CARDS = (
    Card(
        id="smtp-inspection",
        title="A network device alters the SMTP session",
        meaning=(
            "A firewall, intrusion prevention or filter inspects SMTP and strips or masks EHLO "
            "keywords it does not know, X-ANONYMOUSTLS and X-EXPS among them. The target offered "
            "them; the sender never saw them."
        ),
        evidence_for=(
            "EHLO from the sender shows XXXX in place of keywords, or the banner is starred.",
            "The target's receive log shows keywords that the sender's send log lacks.",
            "The banner is not that of the target's Microsoft ESMTP MAIL Service.",
        ),
        evidence_against=(
            "EHLO from the sender equals EHLO on the target itself.",
            "Configuration explains the missing keywords.",
        ),
        confirm=(
            PROBE,
            "On the target itself: telnet localhost 25, then EHLO {target}; compare the two lists.",
        ),
        fix=(
            (
                "Switch SMTP inspection off for traffic between Exchange servers (Cisco ASA: no "
                "inspect esmtp in the policy map). Filtering between them is not supported."
            ),
            RETRY,
        ),
        sources=("C4", "C6", "C14", "S4.03c"),
    ),
    Card(
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
        confirm=(PROBE, ADDRESSES),
        fix=(
            (
                "Route traffic between Exchange servers around the device, or remove the device's "
                "address from RemoteIPRanges of the custom connector."
            ),
            RETRY,
        ),
        sources=("C5", "S5.30", "S9.07"),
    ),
    Card(
        id="observed-differs",
        title="Logs show something else than the configuration",
        meaning=(
            "A receive log names another connector than the configuration, or a sender received "
            "less than the configuration offers, and no reason for it is known."
        ),
        evidence_for=(
            "The receive log of the target names another connector for the sender's address.",
            "The sender's log shows an EHLO reply without keywords that the connector offers.",
        ),
        evidence_against=(
            "The connector was changed after the log was written.",
            "The sender's address in the reply is not its own: source-address-translated.",
        ),
        confirm=(
            LIST_CONNECTORS,
            "Compare the receive log of the target with the send log of the sender, same time.",
        ),
        fix=("Export the receive connectors again, then rerun.",),
        sources=("S1.11", "S5.30", "S7.26", "C4", "C6", "C7"),
    ),
    Card(
        id="outside-the-connectors",
        title="5.7.3 not explained by the connector configuration",
        meaning=(
            "The sender could not authenticate although the connector that accepts it is "
            "configured correctly. Something between the servers (firewall, proxy, NAT) is "
            "probably altering the SMTP session, or a certificate is missing."
        ),
        evidence_for=("A queue is stuck with 5.7.3 and every connector on its way is in order.",),
        evidence_against=("A list that was cut off, or a server that was not read.",),
        confirm=(
            (
                "If a connector was changed after the last retry of the queue (LastRetryTime), the "
                "error is older than the change: retry the queue, then export again."
            ),
            PROBE,
            (
                "If neither X-ANONYMOUSTLS nor X-EXPS is offered, check the banner and the "
                "Hello [address] line for SMTP inspection, NAT, or a different host."
            ),
            (
                "If only X-ANONYMOUSTLS is missing, check the internal transport certificate and "
                "SuppressXAnonymousTls."
            ),
            (
                "If nothing is missing, read the send log of the sender and the receive log of the "
                "target."
            ),
        ),
        fix=("The EHLO response seen from the sending server decides which fix applies.",),
        sources=("C4", "C5", "C6", "C7", "C8", "C10", "C14", "S3.40", "S4.42", "S5.30"),
    ),
    Card(
        id="kerberos-or-permission",
        title="Authentication between the servers fails",
        meaning=(
            "Both servers agreed on how to authenticate, and it failed. Possible reasons: a clock "
            "that is off by more than five minutes, a missing or duplicate service principal name, "
            "a broken trust or secure channel, or a domain controller out of reach."
        ),
        evidence_for=(
            "454 4.7.0 Temporary authentication failure.",
            (
                "Event 1035 on the target, 2017 on the sender, 12011 where the name was not "
                "registered."
            ),
        ),
        evidence_against=(
            "Event 1018: authentication worked, the right to submit is missing.",
            "The error is 5.7.3.",
        ),
        confirm=(
            "On both servers: w32tm /query /status",
            "setspn -Q SMTPSVC/{target}",
            "setspn -X",
            "nltest /sc_verify:{domain}",
            (
                "The Fqdn of the default connector must be the server's own: Get-ReceiveConnector "
                "-Server {target} | Format-List Identity, Fqdn"
            ),
        ),
        fix=(
            (
                "Repair what the checks show: time service, service principal name, trust or "
                "secure channel; set the Fqdn of the default connector to the server's own."
            ),
            RETRY,
        ),
        sources=("L1", "L2", "L3", "S5.06"),
    ),
    Card(
        id="target-unreachable",
        title="No response from the target",
        meaning="No TCP connection came about: nothing answered in time, or no route leads there.",
        evidence_for=("Socket error 10060, 10051 or 10065.", "The connectivity log says TimedOut."),
        evidence_against=("The connection log shows an established connection.",),
        confirm=(REACH, "Resolve-DnsName {target}", "On the sending server: route print"),
        fix=("Firewall rule, route, or the host itself; then " + RETRY,),
        sources=("6.1", "6.2"),
    ),
    Card(
        id="target-refuses",
        title="Connection refused: nothing is listening on the target",
        meaning=(
            "The host refuses the connection: the service is stopped, or nothing listens on the "
            "port."
        ),
        evidence_for=("Socket error 10061.",),
        evidence_against=("A connection to the port is accepted.",),
        confirm=(
            REACH,
            "Get-Service -ComputerName {target} MSExchangeTransport, MSExchangeFrontEndTransport",
            "On the target: netstat -ano | findstr LISTENING",
        ),
        fix=("Start the service, or repair the binding of the connector; then " + RETRY,),
        sources=("6.2", "S1.04"),
    ),
    Card(
        id="address-in-use",
        title="Another program uses the address and port",
        meaning=(
            "A receive connector cannot open its port, because another program listens there: the "
            "other transport service of the same server, or a program that is not Exchange's."
        ),
        evidence_for=(
            "Event 1018 or 1019: Failed to start listening, error 10048.",
            "netstat on the server shows a listener that is not a transport service of Exchange.",
        ),
        evidence_against=(
            "The listener belongs to the transport service whose connector has that binding.",
        ),
        confirm=(
            (
                "On the server: Get-NetTCPConnection -State Listen -LocalPort 25, 587, 2525 | "
                "Format-Table LocalAddress, LocalPort, OwningProcess"
            ),
            "On the server: Get-Process -Id <OwningProcess> | Format-List Name, Path",
            (
                "Get-ReceiveConnector -Server {target} | Format-List Identity, Bindings, "
                "TransportRole, Enabled"
            ),
        ),
        fix=(
            (
                "Give the foreign program another port or address, or change the binding of the "
                "connector; then restart the transport service."
            ),
        ),
        sources=("S6.17", "C9"),
    ),
    Card(
        id="connection-dropped",
        title="The connection is cut off within the session",
        meaning=(
            "The connection was established and then dropped: an SMTP proxy, a firewall, a virus "
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
    Card(
        id="name-resolution",
        title="DNS: name not resolved, or resolved to the wrong host",
        meaning=(
            "The sender gets no usable answer from DNS for the next hop, or one that leads to "
            "another host. Often the wrong DNS servers are set on a network adapter."
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
        fix=("Correct the DNS record, the hosts file, or the DNS servers of the network adapter.",),
        sources=("C7", "6.2", "S4.03e"),
    ),
    Card(
        id="service-inactive",
        title="Transport component inactive or service paused",
        meaning=(
            "A component of the target is inactive, usually after maintenance, or the service is "
            "paused. Every requester that set it inactive must set it active again."
        ),
        evidence_for=("421 4.3.2 Service not active.", "A component state is not Active."),
        evidence_against=("All components are Active.",),
        confirm=(
            COMPONENTS,
            "Get-ServerComponentState {target} -Component HubTransport",
            "Get-ServerComponentState {target} -Component FrontendTransport",
            "Get-Service -ComputerName {target} MSExchangeTransport, MSExchangeFrontEndTransport",
        ),
        fix=(
            (
                "Set-ServerComponentState {target} -Component ServerWideOffline -State Active "
                "-Requester Maintenance"
            ),
            "Run it once for every requester that set the component inactive.",
        ),
        sources=("6.2",),
    ),
    Card(
        id="back-pressure",
        title="Back pressure: the target is low on disk or memory",
        meaning=(
            "The transport service is low on resources and refuses mail: at medium pressure from "
            "other hosts, at high pressure also from Exchange servers. Mail stuck between Exchange "
            "servers means high pressure."
        ),
        evidence_for=("452 4.3.1 Insufficient system resources.", "Events 15004, 15006, 15007."),
        evidence_against=("Event 15005 since then: the pressure is over.",),
        confirm=(
            (
                "Get-ExchangeDiagnosticInfo -Server {target} -Process EdgeTransport -Component "
                "ResourceThrottling"
            ),
            "Check the free space on the volumes of the queue database and of the logs.",
        ),
        fix=("Free disk space, move the queue database, or give the server more memory.",),
        sources=("6.2", "6.4"),
    ),
    Card(
        id="transport-agent",
        title="A transport agent fails, is slow or holds mail back",
        meaning=(
            "Agents (virus scanners, filters, rules, signatures) process each message before it is "
            "routed. One that fails, takes too long or defers messages keeps mail in the "
            "Submission queue; one that does not load stops the transport service."
        ),
        evidence_for=(
            "The text says: deferred by categorizer agent.",
            "Events 1050, 5300 or 16023, or FIP-FS errors (2203).",
        ),
        evidence_against=("The Submission queue is empty, and queues behind it wait.",),
        confirm=(
            "Get-TransportAgent | Format-Table Identity, Enabled, Priority",
            "Get-Queue -Identity {target}\\Submission | Format-List",
            (
                "Get-WinEvent -ComputerName {target} -FilterHashtable @{LogName='Application'; "
                "Id=1050,2203,5300,16023}"
            ),
        ),
        fix=(
            (
                "Update or repair the agent that the text names. To pass mail without it: "
                'Disable-TransportAgent "<agent>", then restart the transport service.'
            ),
        ),
        sources=("S6.16",),
    ),
    Card(
        id="connection-limit",
        title="The target limits connections or rate",
        meaning=(
            "The connector that accepts the sender limits connections, messages per minute or "
            "protocol errors. A sender that is accepted by a connector for clients gets its low "
            "limits."
        ),
        evidence_for=("The reply names the limit.", "Events 1009, 1021 or 1031 on the target."),
        evidence_against=("The limits of the connector are far above the load.",),
        confirm=(
            (
                "Get-ReceiveConnector -Server {target} | Format-List Identity, MessageRateLimit, "
                "MaxInboundConnection*, MaxProtocolErrors"
            ),
        ),
        fix=("Raise the limit, or let another connector accept this sender.",),
        sources=("6.2", "S2.01"),
    ),
    Card(
        id="cloud-enforcement",
        title="Exchange Online throttles or blocks an outdated Exchange server",
        meaning=(
            "Exchange Online slows down, and later blocks, mail from Exchange servers that are out "
            "of date. Receive connectors have no part in it."
        ),
        evidence_for=("450 4.7.230 or 550 5.7.230 from Exchange Online.",),
        evidence_against=("Mail between servers of the organization is stuck too.",),
        confirm=(
            "Get-ExchangeServer | Format-List Name, AdminDisplayVersion, ServerRole",
            (
                'Get-SendConnector "{send_connector}" | Format-List Identity, SmartHosts, '
                "SourceTransportServers, CloudServicesMailEnabled"
            ),
            "Exchange admin center: Reports, Mail flow, Out-of-date connecting servers.",
        ),
        fix=(
            (
                "Update the Exchange server that hands mail to Exchange Online. Until then, pause "
                "the enforcement in the Exchange admin center; a limited number of days a year is "
                "allowed."
            ),
        ),
        sources=("S6.10",),
    ),
    Card(
        id="cloud-attribution",
        title="Exchange Online does not recognize the organization that sends",
        meaning=(
            "The inbound connector in Exchange Online lists neither the certificate nor the "
            "address of this server, so the mail cannot be assigned to a tenant and is not relayed."
        ),
        evidence_for=("550 5.7.64 TenantAttribution; Relay Access Denied.",),
        evidence_against=("The text comes from a host outside Microsoft 365.",),
        confirm=(
            (
                "In Exchange Online: Get-InboundConnector | Format-List Name, Enabled, "
                "ConnectorType, TlsSenderCertificateName, SenderIPAddresses"
            ),
            (
                'Get-SendConnector "{send_connector}" | Format-List Identity, Fqdn, RequireTLS, '
                "Tls*, CloudServicesMailEnabled"
            ),
            (
                "Get-ExchangeCertificate -Server {sender} | Format-List Thumbprint, Services, "
                "NotAfter, Subject, CertificateDomains"
            ),
        ),
        fix=(
            (
                "Enter the name of the certificate, or the public address, that the server shows "
                "in the inbound connector; after a renewal run the Hybrid Configuration wizard "
                "again."
            ),
        ),
        sources=("S6.11",),
    ),
    Card(
        id="tls-or-certificate",
        title="TLS or certificate problem",
        meaning=(
            "The session requires TLS, and TLS fails: STARTTLS is not offered, the two sides share "
            "no protocol or cipher, or a certificate expired, was renewed or is not trusted. This "
            "mostly concerns mail to Exchange Online and to partners."
        ),
        evidence_for=(
            "The text names STARTTLS, TLS or a certificate.",
            "Events 12014, 12016, 12018, 2015, or Schannel errors in the System log.",
        ),
        evidence_against=(
            "Mail between Exchange servers of one organization: they use X-ANONYMOUSTLS.",
        ),
        confirm=(
            'Get-SendConnector "{send_connector}" | Format-List Identity, RequireTLS, Tls*, Fqdn',
            (
                "Get-ExchangeCertificate -Server {sender} | Format-List Thumbprint, Services, "
                "NotAfter, Subject"
            ),
        ),
        fix=(
            (
                "Assign the current certificate to the connector (TlsCertificateName, or assign "
                "SMTP to it), renew it, or align the TLS versions of the two sides."
            ),
        ),
        sources=("S5.07", "L4", "6.2"),
    ),
    Card(
        id="relay-denied",
        title="The connector does not relay for this client",
        meaning=(
            "A host that should be relayed is accepted by a connector that does not allow it, "
            "usually the default one, because no relay connector's RemoteIPRanges contain its "
            "address."
        ),
        evidence_for=("5.7.1 or 5.7.54 Unable to relay; 5.7.57 not authenticated.",),
        evidence_against=("The sender is an Exchange server that authenticated.",),
        confirm=("mailflow which SOURCE --server {target} --source {address}", LIST_CONNECTORS),
        fix=(
            (
                "Add the host to the relay connector that is meant for it (2013 and later): "
                'Set-ReceiveConnector "{connector}" -RemoteIPRanges @{Add="{address}"}'
            ),
        ),
        sources=("L6", "6.2", "S8.61"),
    ),
    Card(
        id="rejected-by-policy",
        title="The filter of the other side rejects the mail",
        meaning=(
            "A filter refuses the sender, its address or the content: spam, a banned sender, a "
            "block list, missing SPF or DKIM. Mail flow itself works."
        ),
        evidence_for=(
            "5.7.501, 5.7.502 or 5.7.503; the text names spam, a block list or a policy.",
            "External client with IP address ... does not have permissions to submit.",
        ),
        evidence_against=("The reply comes from a server of the same organization.",),
        confirm=(
            (
                "Look up the public address of the sending server in the block list that the text "
                "names."
            ),
            "Resolve-DnsName -Type TXT <sender's domain>",
            "On the receiving Edge, if it is one of the organization: Get-IPBlockListEntry",
        ),
        fix=(
            (
                "Stop what caused the listing (a compromised account, an open relay), correct SPF, "
                "DKIM and DMARC, then ask the other side or the block list to remove the entry."
            ),
        ),
        sources=("S6.12", "S6.15"),
    ),
    Card(
        id="not-authenticated",
        title="The other side accepts mail from authenticated senders only",
        meaning=(
            "The recipient, or the submission method, accepts authenticated senders only, and this "
            "sender counted as anonymous or used a method that is no longer accepted."
        ),
        evidence_for=(
            "5.7.133, or RESOLVER.RST.AuthRequired: a group or mailbox for senders inside.",
            "5.7.30: Exchange Online accepts no Basic authentication for client submission.",
        ),
        evidence_against=("The sender is a person of the same organization who signed in.",),
        confirm=(
            (
                "Get-DistributionGroup {recipient} | Format-List "
                "RequireSenderAuthenticationEnabled, AcceptMessagesOnlyFrom*"
            ),
            "Read how the device or program signs in: Basic authentication or OAuth.",
        ),
        fix=(
            (
                "Open the group to senders outside, or let the device authenticate; towards "
                "Exchange Online use OAuth, or a connector instead of client submission."
            ),
        ),
        sources=("S6.12", "S6.14"),
    ),
    Card(
        id="mailbox-or-recipient",
        title="The recipient, mailbox or message blocks delivery",
        meaning=(
            "Transport works. The recipient does not exist, the mailbox is full, offline, busy or "
            "moving, or the message is too large or of a type that is not accepted."
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
    Card(
        id="routing-or-loop",
        title="No route to the recipient, or a mail loop",
        meaning=(
            "Routing finds no send connector or no route for the recipient, or the mail returns to "
            "the same server until the hop count is exceeded."
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
            "Create or repair the send connector, then resubmit the queue to route its mail again:",
            'Retry-Queue -Identity "{queue}" -Resubmit $true',
        ),
        sources=("6.2", "S2.08", "S8.73", "S8.74"),
    ),
    Card(
        id=UNRECOGNISED,
        title="Unrecognized or empty error text",
        meaning=("This error text is not in mailflow's catalog, so no cause is suggested."),
        evidence_for=("The text is empty, translated, cut off, or of a kind not seen before.",),
        evidence_against=("The queue in the shell shows a longer text than the export.",),
        confirm=(
            'Get-Queue -Identity "{queue}" | Format-List',
            "Read the connectivity log of the sender at that time: it shows address and result.",
        ),
        fix=("Export the queue with its whole LastError, then rerun.",),
        sources=("S6.08", "S6.09"),
    ),
)

CHECKS = tuple(Check(card, "text", explain, advise) for card in CARDS)
