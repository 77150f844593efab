"""The catalogue of error texts: code and distinctive words to causes (sections 6.1 and 6.2, S5.07).

A row matches on its codes *and* one of its fragments, without regard to case; texts travel with
typing errors in the code, so most rows name the enhanced code alone. A text that lost its codes
matches on the fragment, but for rows whose words are too general for that. Codes that one text
alone has go first. Rows are then asked in three rounds, the telling ones first; between the first
and the second round the socket error number speaks (contract 8.6).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mailflow.exchange import windows_texts

SENDER_AFTER_EHLO = "the sender, after reading the target's EHLO reply"
SENDER = "the sender"
TARGET = "the target"
CLOUD = "Exchange Online"
SERVER = "the server that wrote the event"
FRONT_END = "the target's Front End Transport service"
UNKNOWN = ""

_DROPPED = ("connection-dropped", "tls-or-certificate", "smtp-inspection", "connection-limit")
_PROXY = ("4.7.0", "4.3.2")
_NO_EXCHANGE_AUTH = (
    "custom-connector-shadows-default",
    "exchange-auth-missing-on-default",
    "anonymoustls-suppressed",
    "smtp-inspection",
    "source-address-translated",
    "internal-transport-certificate",
    "transport-role-conflict",
    "name-resolution",
    "outside-the-connectors",
)
_NO_SOCKET = ("transport-role-conflict", "address-in-use")
_CANNOT_CONNECT = (
    "target-unreachable",
    "target-refuses",
    "name-resolution",
    "tls-or-certificate",
)
_EXPIRED = (
    "target-unreachable",
    "name-resolution",
    "target-refuses",
    "connection-dropped",
    "tls-or-certificate",
    "custom-connector-shadows-default",
)


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One row.

    Attributes:
        says: what the text means, in our words; one sentence.
        causes: ids in order of likelihood; the first is *the* cause where `decides`.
        decides: whether the text alone tells its cause.
        speaker: who made the text up (column R of section 6.2).
        facts: fact ids, or the section where its row has none.
        codes: `451 5.7.3`, `5.7.3` or `530`; empty: any. One of them has to be the text's.
        fragments: lower case; one of them has to be in the text; empty: the code is enough.
        needs_code: whether the words count only behind a code; a person may write them too (S6.18).
    """

    says: str
    causes: tuple[str, ...]
    decides: bool
    speaker: str
    facts: tuple[str, ...]
    codes: tuple[str, ...] = ()
    fragments: tuple[str, ...] = ()
    needs_code: bool = False


EXCHANGE_AUTH = CatalogueEntry(
    "The sender found no Exchange Server authentication in the target's EHLO reply.",
    _NO_EXCHANGE_AUTH,
    decides=False,
    speaker=SENDER_AFTER_EHLO,
    facts=("S5.01", "S5.03"),
    fragments=("cannot achieve exchange server auth",),
)

OWN_CODES: tuple[CatalogueEntry, ...] = (
    CatalogueEntry(
        "Exchange Online throttles or blocks this organization's mail, because the Exchange server "
        "that hands it over is out of date.",
        ("cloud-enforcement",),
        decides=True,
        speaker=CLOUD,
        facts=("S6.10",),
        codes=("4.7.230", "5.7.230"),
    ),
    CatalogueEntry(
        "Exchange Online could not determine which organization this mail belongs to.",
        ("cloud-attribution",),
        decides=True,
        speaker=CLOUD,
        facts=("S6.11",),
        codes=("5.7.64",),
    ),
    CatalogueEntry(
        "Exchange Online limits the rate at which it accepts mail from this address.",
        ("connection-limit",),
        decides=True,
        speaker=CLOUD,
        facts=("S6.12",),
        codes=("4.7.500",),
    ),
    CatalogueEntry(
        "The mail was sent to the wrong region of Microsoft 365.",
        ("routing-or-loop",),
        decides=True,
        speaker=CLOUD,
        facts=("S6.12",),
        codes=("4.4.62",),
    ),
    CatalogueEntry(
        "The filter of the other side rates this mail as spam, or the sender or its address is "
        "blocked there.",
        ("rejected-by-policy",),
        decides=True,
        speaker=TARGET,
        facts=("S6.12",),
        codes=("5.7.501", "5.7.502", "5.7.503"),
    ),
    CatalogueEntry(
        "The other side accepts mail from authenticated senders only, and this sender was not "
        "authenticated.",
        ("not-authenticated",),
        decides=True,
        speaker=TARGET,
        facts=("S6.12", "S6.14"),
        codes=("5.7.133", "5.7.30"),
    ),
)
"""Before all rounds: codes that one text alone has, whatever words stand beside them."""

TELLING: tuple[CatalogueEntry, ...] = (
    EXCHANGE_AUTH,
    CatalogueEntry(
        "Exchange Online throttles or blocks this organization's mail, because the Exchange server "
        "that hands it over is out of date.",
        ("cloud-enforcement",),
        decides=True,
        speaker=CLOUD,
        facts=("S6.10",),
        fragments=("server version is out-of-date", "server version is out of date"),
    ),
    CatalogueEntry(
        "Exchange Online could not determine which organization this mail belongs to.",
        ("cloud-attribution",),
        decides=True,
        speaker=CLOUD,
        facts=("S6.11",),
        fragments=("tenantattribution",),
    ),
    CatalogueEntry(
        "A connector in Exchange Online accepts mail of this domain only from other addresses, or "
        "with another certificate.",
        ("cloud-attribution", "tls-or-certificate", "relay-denied"),
        decides=False,
        speaker=CLOUD,
        facts=("6.2", "S6.11"),
        fragments=("tenantinboundattribution", "restrictdomainsto"),
    ),
    CatalogueEntry(
        "The mail was sent to the wrong region of Microsoft 365.",
        ("routing-or-loop",),
        decides=True,
        speaker=CLOUD,
        facts=("S6.12",),
        fragments=("wrong office 365 region", "wrong microsoft 365 region"),
    ),
    CatalogueEntry(
        "Resource pressure fell: this server accepts mail again, or soon will.",
        ("back-pressure",),
        decides=False,
        speaker=TARGET,
        facts=("S6.17", "6.4"),
        fragments=("resource pressure decreased",),
    ),
    CatalogueEntry(
        "This server is low on disk space or memory and refuses mail (back pressure).",
        ("back-pressure",),
        decides=True,
        speaker=TARGET,
        facts=("S6.17", "6.4"),
        fragments=(
            "resource pressure increased",
            "resource pressure is constant at high",
            "resource pressure is constant at medium",
            "disk space has dropped below the configured threshold",
            "consume more memory than the configured threshold",
        ),
    ),
    CatalogueEntry(
        "A transport agent fails, takes too long or holds messages back.",
        ("transport-agent",),
        decides=True,
        speaker=TARGET,
        facts=("S6.16",),
        fragments=(
            "deferred by categorizer agent",
            "deferred by the categorizer agent",
            "put on hold by the categorization agent",
            "отложено агентом классификатора",
            "couldn't start transport agents",
            "could not start transport agents",
            "the execution time of agent",
            "die ausführungszeit von agent",
            "エージェントが 1 イベントの処理にかかる通常の時間を超えています",
            "caused an unhandled exception",
            "fip-fs scan process failed",
        ),
    ),
    CatalogueEntry(
        "Another program already listens on this address and port: the other transport service of "
        "this server, or other software.",
        _NO_SOCKET,
        decides=False,
        speaker=TARGET,
        facts=("S6.17", "C9"),
        fragments=(
            "failed to start listening (error: 10048",
            "failed to start listening (error: 10013",
        ),
    ),
    CatalogueEntry(
        "The connector is bound to an address that this server does not have.",
        ("connector-never-answers",),
        decides=True,
        speaker=TARGET,
        facts=("S6.17",),
        fragments=("failed to start listening (error: 10049",),
    ),
    CatalogueEntry(
        "The receive connector could not open its port; the error number says why.",
        _NO_SOCKET,
        decides=False,
        speaker=TARGET,
        facts=("S6.17",),
        fragments=("failed to start listening",),
    ),
    CatalogueEntry(
        "This server has no certificate for the FQDN of the connector, so it does not offer "
        "STARTTLS there.",
        ("tls-or-certificate",),
        decides=True,
        speaker=TARGET,
        facts=("S6.17",),
        fragments=("unable to support the starttls smtp verb",),
    ),
    CatalogueEntry(
        "The certificate that this server offers for STARTTLS expired or soon will.",
        ("tls-or-certificate",),
        decides=True,
        speaker=TARGET,
        facts=("S6.17",),
        fragments=("starttls certificate will expire", "no valid smtp tls certificate"),
    ),
    CatalogueEntry(
        "The certificate for mail between Exchange servers expired or soon will.",
        ("internal-transport-certificate",),
        decides=True,
        speaker=TARGET,
        facts=("S5.05", "C8"),
        fragments=("internal transport certificate expired", "internal transport certificate will"),
    ),
    CatalogueEntry(
        "The filter of the other side blocks the address of this server.",
        ("rejected-by-policy",),
        decides=True,
        speaker=TARGET,
        facts=("S6.15",),
        fragments=("external client with ip address",),
    ),
    CatalogueEntry(
        "The filter of the other side rates this mail as spam, or the sender or its address is "
        "blocked there.",
        ("rejected-by-policy",),
        decides=True,
        speaker=TARGET,
        facts=("S6.12",),
        fragments=(
            "access denied, spam abuse",
            "access denied, banned send",
            "access denied, bad outbound sender",
            "banned sending ip",
            "your email has been blocked",
            "policy analysis reported",
            "blocked using",
            "on our block list",
            "ip block list",
            "rejected as spam",
            "identified as spam",
            "detected as spam",
        ),
        needs_code=True,
    ),
    CatalogueEntry(
        "A rule of the organization rejected the message: this one's, or the recipient's.",
        ("rejected-by-policy",),
        decides=False,
        speaker=TARGET,
        facts=("S6.12",),
        fragments=("transport.rules.rejectmessage",),
    ),
    CatalogueEntry(
        "The recipient accepts mail from authenticated senders only, and this sender was not "
        "authenticated.",
        ("not-authenticated", "mailbox-or-recipient"),
        decides=True,
        speaker=TARGET,
        facts=("S6.14", "6.2"),
        fragments=("resolver.rst.authrequired", "resolver.rst.sendernotauthenticated"),
    ),
    CatalogueEntry(
        "Exchange Online does not take user name and password (Basic authentication) here.",
        ("not-authenticated",),
        decides=True,
        speaker=CLOUD,
        facts=("S6.12",),
        fragments=("basic authentication is not supported",),
        needs_code=True,
    ),
    CatalogueEntry(
        "A server could not load its own certificate for mail between Exchange servers.",
        ("internal-transport-certificate",),
        decides=True,
        speaker=SENDER,
        facts=("S5.05", "C15"),
        fragments=("cannot load internal transport certificate",),
    ),
    CatalogueEntry(
        "The target wants a TLS session before anything else.",
        ("tls-or-certificate",),
        decides=True,
        speaker=TARGET,
        facts=("6.2",),
        codes=("530",),
        fragments=("starttls",),
        needs_code=True,
    ),
    CatalogueEntry(
        "The send connector requires TLS, authentication or XOORG; the target does not offer it.",
        ("tls-or-certificate",),
        decides=True,
        speaker=SENDER,
        facts=("S5.07",),
        fragments=(
            "starttls is required",
            "require starttls",
            "must issue a starttls",
            "require basic authentication",
            "require xoorg",
        ),
    ),
    CatalogueEntry(
        "TLS between the two servers failed, or a certificate was not accepted or not found.",
        ("tls-or-certificate",),
        decides=True,
        speaker=SENDER,
        facts=("6.2",),
        fragments=(
            "certificate validation fail",
            "tlscertificatename",
            "subjectmismatch",
            "untrustedroot",
            "certificateexpired",
            "certificate expired",
            "certificate has expired",
            "tls channel",
            "tls negotiation",
            "tls rate",
            "unknowncredentials",
            *windows_texts.TLS,
        ),
    ),
    CatalogueEntry(
        "The two servers share no protocol or cipher that both accept.",
        ("tls-or-certificate",),
        decides=True,
        speaker=TARGET,
        facts=("6.2",),
        fragments=("cipher",),
        needs_code=True,
    ),
    CatalogueEntry(
        "A client gave a user name and password that were not accepted.",
        ("kerberos-or-permission",),
        decides=False,
        speaker=TARGET,
        facts=("6.2",),
        fragments=(
            "inbound auth login failed",
            "authentication unsuccessful",
            "authentication mechanism is login",
            "for receive connector client ",
        ),
    ),
    CatalogueEntry(
        "Authentication between the two servers was tried and refused.",
        ("kerberos-or-permission", "exchange-servers-group-missing"),
        decides=True,
        speaker=TARGET,
        facts=("L1", "L2", "L3", "S5.06", "S6.17"),
        fragments=(
            "temporary authentication failure",
            "failed with error logondenied",
            "failed with logondenied",
            "failed because of logondenied",
            "failed with error illegalmessage",
            "failed with error targetunknown",
            "failed with targetunknown",
            "failed because of targetunknown",
        ),
    ),
    CatalogueEntry(
        "The target limits connections, rate or size on this connector.",
        ("connection-limit",),
        decides=True,
        speaker=TARGET,
        facts=("6.2",),
        fragments=(
            "message submission rate",
            "message size limit for this connection",
            "number of concurrent",
            "concurrent connections",
            "concurrent server connections",
            "too many connections",
        ),
    ),
    CatalogueEntry(
        "The target closed the session after too many errors in it.",
        ("connection-limit",),
        decides=False,
        speaker=TARGET,
        facts=("6.2",),
        fragments=("too many errors on this connection",),
    ),
    CatalogueEntry(
        "The transport service runs, but its component is set inactive (maintenance).",
        ("service-inactive",),
        decides=True,
        speaker=TARGET,
        facts=("6.2",),
        codes=("4.3.2",),
        fragments=("service not active",),
    ),
    CatalogueEntry(
        "The transport service is paused, or accepts no mail from the network.",
        ("service-inactive", "back-pressure"),
        decides=True,
        speaker=TARGET,
        facts=("6.2",),
        fragments=("not accepting network messages",),
    ),
    CatalogueEntry(
        "No receive connector matches, a component is inactive, or a proxy target is missing.",
        ("service-inactive", "transport-role-conflict", "no-connector-answers"),
        decides=False,
        speaker=TARGET,
        facts=("S1.18", "C9", "C13"),
        codes=("4.3.2",),
        fragments=("service not available",),
    ),
    CatalogueEntry(
        "The target is short of disk or memory and refuses mail.",
        ("back-pressure",),
        decides=True,
        speaker=TARGET,
        facts=("6.4",),
        fragments=("insufficient system resources",),
    ),
    CatalogueEntry(
        "A volume of the mailbox server is full.",
        ("back-pressure", "mailbox-or-recipient"),
        decides=False,
        speaker=TARGET,
        facts=("6.2",),
        fragments=("disk is full", "not enough space on the disk"),
    ),
    CatalogueEntry(
        "The Front End service found no server behind it to pass the session on to.",
        ("service-inactive", "name-resolution", "target-refuses"),
        decides=False,
        speaker=FRONT_END,
        facts=("6.2", "S4.03d"),
        codes=_PROXY,
        fragments=("prx1",),
    ),
    CatalogueEntry(
        "The Front End service could not resolve the name of the server behind it.",
        ("name-resolution",),
        decides=True,
        speaker=FRONT_END,
        facts=("6.2",),
        codes=_PROXY,
        fragments=("prx2",),
    ),
    CatalogueEntry(
        "The Front End service could not connect to the Transport service behind it.",
        ("target-refuses", "target-unreachable", "service-inactive"),
        decides=False,
        speaker=FRONT_END,
        facts=("6.2",),
        codes=_PROXY,
        fragments=("prx3",),
    ),
    CatalogueEntry(
        "The Transport service behind the Front End replied with an error.",
        (
            "custom-connector-shadows-default",
            "exchange-auth-missing-on-default",
            "service-inactive",
            "tls-or-certificate",
        ),
        decides=False,
        speaker=FRONT_END,
        facts=("6.2", "S4.03b", "C12"),
        codes=_PROXY,
        fragments=("prx4",),
    ),
    CatalogueEntry(
        "The connection from the Front End to the Transport service behind it broke.",
        ("connection-dropped", "tls-or-certificate", "service-inactive", "target-unreachable"),
        decides=False,
        speaker=FRONT_END,
        facts=("6.2",),
        codes=_PROXY,
        fragments=("prx5",),
    ),
    CatalogueEntry(
        "The service behind the Front End was shutting down or not ready.",
        ("service-inactive", "target-refuses"),
        decides=False,
        speaker=FRONT_END,
        facts=("6.2",),
        codes=_PROXY,
        fragments=("prx6", "prx7"),
    ),
    CatalogueEntry(
        "The sender could not resolve the name of the next hop.",
        ("name-resolution",),
        decides=True,
        speaker=SENDER,
        facts=("6.2",),
        fragments=(
            "dns query failed",
            "smtpsend.dns",
            "nonexistentdomain",
            "nonexistent domain",
            "dnsdomaindoesnotexist",
            "infodomainnonexistent",
            "infonorecords",
            "errordnsqueryfailed",
            "dnsqueryfailed",
            *windows_texts.NAMES,
        ),
    ),
    CatalogueEntry(
        "Mail loop: the message came back to a server it had already passed.",
        ("routing-or-loop",),
        decides=True,
        speaker=TARGET,
        facts=("6.2",),
        fragments=("hop count exceeded", "possible mail loop", "system incorrectly configured"),
    ),
    CatalogueEntry(
        "No send connector fits the recipient's domain.",
        ("routing-or-loop",),
        decides=True,
        speaker=SENDER,
        facts=("S2.08",),
        fragments=(
            "matching connector cannot be found",
            "no send connector",
            "не удается найти соответствующий соединитель",
        ),
    ),
    CatalogueEntry(
        "The message has a header or a body that the other side does not accept.",
        ("mailbox-or-recipient",),
        decides=True,
        speaker=TARGET,
        facts=("6.2",),
        fragments=("header is too long", "headers too large", "header size"),
    ),
    CatalogueEntry(
        "The body of the message needs an extension that the session lacked.",
        ("smtp-inspection", "mailbox-or-recipient"),
        decides=False,
        speaker=SENDER,
        facts=("6.2", "C4"),
        fragments=("body type not supported",),
    ),
    CatalogueEntry(
        "The recipient, its mailbox, or a size or number limit blocks delivery.",
        ("mailbox-or-recipient",),
        decides=True,
        speaker=TARGET,
        facts=("6.2",),
        fragments=(
            "storedrv",
            "thread limit exceeded",
            "database throttling limit",
            "mailbox database is offline",
            "mailbox server is offline",
            "resolver.adr",
            "resolver.grp",
            "resolver.rst",
            "recipientnotfound",
            "recipsizelimit",
            "sendsizelimit",
            "routing.sizelimit",
            "too many recipients",
            "message too large",
            "message size exceeds",
            "mailbox full",
            "mailbox is full",
            "mailbox disabled",
            "user unknown",
        ),
    ),
    CatalogueEntry(
        "The connector that accepted does not relay for this client, or accepts no anonymous mail.",
        ("relay-denied",),
        decides=True,
        speaker=TARGET,
        facts=("L6", "6.2"),
        fragments=("unable to relay", "client was not authenticated"),
    ),
    CatalogueEntry(
        "The client is known, but has no right to submit on the connector that accepted it.",
        ("relay-denied", "exchange-servers-group-missing"),
        decides=False,
        speaker=TARGET,
        facts=("6.2", "L2"),
        fragments=("not have permissions to submit", "permissions to send as this sender"),
    ),
    CatalogueEntry(
        "The target did not know a command or an authentication method that the sender used.",
        ("exchange-auth-missing-on-default", "smtp-inspection"),
        decides=False,
        speaker=TARGET,
        facts=("L5", "C4"),
        codes=("5.3.3", "5.7.4"),
        fragments=("unrecognized command", "unrecognized authentication type"),
    ),
    CatalogueEntry(
        "Somebody suspended the message or the queue.",
        (),
        decides=False,
        speaker=SENDER,
        facts=("6.2",),
        fragments=("suspended by an administrator", "suspended by the administrator"),
    ),
)
"""First round: texts whose words are distinctive enough."""

WINSOCK: Mapping[int, CatalogueEntry] = {
    10013: CatalogueEntry(
        "Another program uses this address and port exclusively (10013).",
        _NO_SOCKET,
        decides=False,
        speaker=TARGET,
        facts=("S6.17",),
    ),
    10048: CatalogueEntry(
        "A program already listens on this address and port (10048).",
        _NO_SOCKET,
        decides=False,
        speaker=TARGET,
        facts=("S6.17", "C9"),
    ),
    10049: CatalogueEntry(
        "This server does not have the address that was asked for (10049).",
        ("connector-never-answers",),
        decides=False,
        speaker=TARGET,
        facts=("S6.17",),
    ),
    10051: CatalogueEntry(
        "No route leads to the target's network (10051).",
        ("target-unreachable",),
        decides=True,
        speaker=SENDER,
        facts=("6.2",),
    ),
    10053: CatalogueEntry(
        "The connection was aborted on the sender's own side (10053).",
        _DROPPED,
        decides=True,
        speaker=SENDER,
        facts=("6.2",),
    ),
    10054: CatalogueEntry(
        "The other side, or a device in between, reset the connection (10054).",
        _DROPPED,
        decides=True,
        speaker=SENDER,
        facts=("6.2",),
    ),
    10060: CatalogueEntry(
        "No response from that address and port within the time limit (10060).",
        ("target-unreachable", "name-resolution"),
        decides=True,
        speaker=SENDER,
        facts=("6.2",),
    ),
    10061: CatalogueEntry(
        "The host is reachable, but nothing listens on that port (10061).",
        ("target-refuses", "name-resolution"),
        decides=True,
        speaker=SENDER,
        facts=("6.2",),
    ),
    10065: CatalogueEntry(
        "No route leads to the target (10065).",
        ("target-unreachable",),
        decides=True,
        speaker=SENDER,
        facts=("6.2",),
    ),
}
"""Between the rounds: the socket error number."""

PLAIN: tuple[CatalogueEntry, ...] = (
    CatalogueEntry(
        "The connection timed out. It may have been established before: a certificate or TLS fault "
        "ends like this too.",
        ("target-unreachable", "connection-dropped", "tls-or-certificate", "name-resolution"),
        decides=False,
        speaker=SENDER,
        facts=("S6.13",),
        codes=("4.4.1",),
        fragments=("connection timed out",),
    ),
    CatalogueEntry(
        "A client was silent for too long.",
        ("connection-dropped",),
        decides=False,
        speaker=TARGET,
        facts=("6.2",),
        fragments=("timeout waiting for client input",),
    ),
    CatalogueEntry(
        "The connection was established and then dropped.",
        _DROPPED,
        decides=True,
        speaker=SENDER,
        facts=("6.2",),
        fragments=(
            "connection dropped",
            "connectionreset",
            "connection reset",
            "remote server disconnected",
            "suspiciousremoteservererror",
        ),
    ),
    CatalogueEntry(
        "The host is reachable, but nothing listens on that port.",
        ("target-refuses", "name-resolution"),
        decides=True,
        speaker=SENDER,
        facts=("6.2",),
        fragments=("connection refused", "connectionrefused"),
    ),
    CatalogueEntry(
        "No response within the time limit.",
        ("target-unreachable", "tls-or-certificate", "name-resolution"),
        decides=True,
        speaker=SENDER,
        facts=("6.2",),
        fragments=("connection timed out", "sockettimedout"),
    ),
    CatalogueEntry(
        "The sender could not open a connection to the target.",
        ("target-unreachable", "name-resolution"),
        decides=True,
        speaker=SENDER,
        facts=("6.2",),
        fragments=("network is unreachable", "networkunreachable", "hostunreachable"),
    ),
)
"""Second round: words of the connection, once the socket number is silent."""

GENERAL: tuple[CatalogueEntry, ...] = (
    CatalogueEntry(
        "The sender could not open a connection to the target; the text does not say why.",
        _CANNOT_CONNECT,
        decides=False,
        speaker=SENDER,
        facts=("6.2",),
        fragments=(
            "unable to connect",
            "failed to connect",
            "cannot connect to remote server",
            "cannot establish session",
        ),
    ),
    CatalogueEntry(
        "The name of the next hop did not resolve, or there is no route to it.",
        ("name-resolution", "routing-or-loop"),
        decides=False,
        speaker=SENDER,
        facts=("6.2",),
        fragments=("unable to route", "mxloopback"),
    ),
    CatalogueEntry(
        "The message waited until it expired or was reported as delayed; another text says why.",
        _EXPIRED,
        decides=False,
        speaker=SENDER,
        facts=("6.2", "S4.61"),
        fragments=("queue.expired", "message expired", "message delayed"),
    ),
)
"""Third round: words that name the symptom only."""

BY_CODE: tuple[CatalogueEntry, ...] = (
    CatalogueEntry(
        "The sender could not authenticate, or the session was not secured. The error text alone "
        "does not say which.",
        (*_NO_EXCHANGE_AUTH, "tls-or-certificate"),
        decides=False,
        speaker=SENDER,
        facts=("S5.01", "S5.07"),
        codes=("451 5.7.3",),
    ),
    CatalogueEntry(
        "Authentication or TLS between the two servers failed.",
        ("kerberos-or-permission", "tls-or-certificate", "exchange-servers-group-missing"),
        decides=False,
        speaker=TARGET,
        facts=("L1", "L2", "6.2"),
        codes=("454 4.7.0",),
    ),
    CatalogueEntry(
        "A certificate was not accepted.",
        ("tls-or-certificate",),
        decides=True,
        speaker=SENDER,
        facts=("6.2",),
        codes=("454 4.7.5", "530 5.7.0"),
    ),
    CatalogueEntry(
        "The target is short of disk or memory and refuses mail.",
        ("back-pressure",),
        decides=True,
        speaker=TARGET,
        facts=("6.4",),
        codes=("452 4.3.1",),
    ),
    CatalogueEntry(
        "The target had trouble with its own storage.",
        ("back-pressure",),
        decides=False,
        speaker=TARGET,
        facts=("6.2",),
        codes=("452 4.6.0", "430 4.3.0", "431 4.3.1"),
    ),
    CatalogueEntry(
        "The target rejected the session; the full text would say why.",
        (
            "service-inactive",
            "connection-limit",
            "transport-role-conflict",
            "no-connector-answers",
            "back-pressure",
        ),
        decides=False,
        speaker=TARGET,
        facts=("S1.18", "6.2"),
        codes=("421 4.3.2",),
    ),
    CatalogueEntry(
        "The connection was established and then dropped.",
        _DROPPED,
        decides=True,
        speaker=SENDER,
        facts=("6.2",),
        codes=("421 4.4.2",),
    ),
    CatalogueEntry(
        "The sender could not open a connection to the target.",
        _CANNOT_CONNECT,
        decides=False,
        speaker=SENDER,
        facts=("6.2",),
        codes=("421 4.4.1", "441 4.4.1", "421 4.2.1", "4.4.317", "5.4.317"),
    ),
    CatalogueEntry(
        "The name of the next hop did not resolve.",
        ("name-resolution",),
        decides=True,
        speaker=SENDER,
        facts=("6.1",),
        codes=("4.4.312", "5.4.312"),
    ),
    CatalogueEntry(
        "No response within the time limit.",
        ("target-unreachable", "name-resolution"),
        decides=True,
        speaker=SENDER,
        facts=("6.1",),
        codes=("4.4.315", "5.4.315"),
    ),
    CatalogueEntry(
        "The host is reachable, but nothing listens on that port.",
        ("target-refuses", "name-resolution"),
        decides=True,
        speaker=SENDER,
        facts=("6.1",),
        codes=("4.4.316", "5.4.316"),
    ),
    CatalogueEntry(
        "The name of the next hop did not resolve, or there is no route to it.",
        ("name-resolution", "routing-or-loop"),
        decides=False,
        speaker=SENDER,
        facts=("6.2",),
        codes=("554 5.4.4", "550 5.4.4"),
    ),
    CatalogueEntry(
        "Mail loop: the message came back to a server it had already passed.",
        ("routing-or-loop",),
        decides=True,
        speaker=TARGET,
        facts=("6.2",),
        codes=("5.4.6", "5.4.14", "550 5.3.5"),
    ),
    CatalogueEntry(
        "The message waited until it expired or was reported as delayed; another text says why.",
        _EXPIRED,
        decides=False,
        speaker=SENDER,
        facts=("6.2", "S4.61"),
        codes=("4.4.7", "5.4.300"),
    ),
    CatalogueEntry(
        "The recipient, its mailbox, or a size or number limit blocks delivery.",
        ("mailbox-or-recipient",),
        decides=True,
        speaker=TARGET,
        facts=("6.2",),
        codes=(
            *("432 4.3.2", "420 4.2.0", "430 4.2.0"),
            *("5.1.1", "5.1.10", "5.2.1", "5.2.2", "5.2.3", "5.3.4", "5.5.3"),
        ),
    ),
    CatalogueEntry(
        "The connector that accepted does not relay for this client, or accepts no anonymous mail.",
        ("relay-denied",),
        decides=True,
        speaker=TARGET,
        facts=("L6", "6.2"),
        codes=("530 5.7.1", "5.7.54", "5.7.57"),
    ),
)
"""Last: the codes alone, for translated, cut and mistyped texts."""

LOG_TIMEOUT = CatalogueEntry(
    "This server ended the session because it reached ConnectionTimeout. The connection had been "
    "established.",
    ("connection-dropped", "tls-or-certificate", "smtp-inspection"),
    decides=False,
    speaker="the server that wrote the log",
    facts=("S6.13",),
)
"""A 4.4.1 that a receive log holds: the client had connected."""


def _events(
    numbers: tuple[int, ...],
    says: str,
    causes: tuple[str, ...],
    facts: tuple[str, ...],
    *,
    decides: bool = True,
) -> dict[int, CatalogueEntry]:
    entry = CatalogueEntry(says, causes, decides=decides, speaker=SERVER, facts=facts)
    return dict.fromkeys(numbers, entry)


EVENTS: Mapping[int, CatalogueEntry] = {
    **_events(
        (1018, 1019),
        "A receive connector could not open its port, or a sender lacked a right. The description "
        "says which.",
        (*_NO_SOCKET, "exchange-servers-group-missing"),
        ("S6.17", "L2"),
        decides=False,
    ),
    **_events(
        (1001,),
        "A program already listens on the address and port of a receive connector.",
        _NO_SOCKET,
        ("S6.17", "C9"),
        decides=False,
    ),
    **_events(
        (1009, 1021, 1031),
        "A limit for connections or messages of the receive connector was reached.",
        ("connection-limit",),
        ("6.2",),
    ),
    **_events(
        (1035,),
        "A client could not authenticate. The mechanism and the address in the description say "
        "whether it was an Exchange server.",
        ("kerberos-or-permission",),
        ("S6.17", "L1"),
        decides=False,
    ),
    **_events((2000,), "The name of the next hop did not resolve.", ("name-resolution",), ("6.2",)),
    **_events(
        (2017,),
        "This server could not authenticate to the target.",
        ("kerberos-or-permission",),
        ("S6.17", "L1"),
    ),
    **_events(
        (12011,),
        "This server could not register its service principal name.",
        ("kerberos-or-permission",),
        ("L1",),
    ),
    **_events(
        (12012, 12013, 12015, 12017, 12022),
        "The certificate for mail between Exchange servers is missing, cannot be read, expired or "
        "soon will.",
        ("internal-transport-certificate",),
        ("C8", "S5.05"),
    ),
    **_events(
        (12014,),
        "This server has no certificate for the FQDN of the connector, so it does not offer "
        "STARTTLS there.",
        ("tls-or-certificate",),
        ("S6.17",),
    ),
    **_events(
        (12016, 12018),
        "The certificate that this server offers for STARTTLS expired or soon will.",
        ("tls-or-certificate",),
        ("S6.17",),
    ),
    **_events(
        (15004, 15006, 15007),
        "This server is low on disk space or memory and refuses mail (back pressure).",
        ("back-pressure",),
        ("S6.17", "6.4"),
    ),
    **_events(
        (15005,),
        "Resource pressure fell: this server accepts mail again, or soon will.",
        ("back-pressure",),
        ("S6.17", "6.4"),
        decides=False,
    ),
    **_events(
        (1050, 2203, 5300, 16023),
        "A transport agent fails, takes too long or holds messages back.",
        ("transport-agent",),
        ("S6.16",),
    ),
}
"""Events by number, where the description is in another language or was left out (S6.17, S6.19)."""
