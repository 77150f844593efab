"""What an error text points at: contract sections 7 and 8.6, and the catalogue of section 6.2."""

from __future__ import annotations

import json
import time
from itertools import chain

import pytest

from mailflow.checks.registry import CARDS as CAUSES
from mailflow.exchange.catalogue import (
    BY_CODE,
    EVENTS,
    GENERAL,
    OWN_CODES,
    PLAIN,
    TELLING,
    WINSOCK,
)
from mailflow.exchange.causes import Explanation, explain, who_said_it
from mailflow.exchange.last_error import parse
from mailflow.exchange.pasted import recognise
from support import needs_shared

AUTH = "451 5.7.3 Cannot achieve Exchange Server authentication"

ENTRIES = tuple(
    chain(OWN_CODES, TELLING, WINSOCK.values(), PLAIN, GENERAL, BY_CODE, EVENTS.values())
)


def says(text: str) -> Explanation:
    """Parse and explain."""
    return explain(parse(text))


def test_catalogue_names_causes_that_exist() -> None:
    """Each row's causes have cards, a deciding row names one, and fragments are lower case."""
    named = {cause for entry in ENTRIES for cause in entry.causes}
    lame = [entry.says for entry in ENTRIES if entry.decides and not entry.causes]
    loud = [one for entry in ENTRIES for one in entry.fragments if one != one.casefold()]

    assert named <= set(CAUSES)
    assert (lame, loud) == ([], [])
    assert all(entry.facts and entry.speaker for entry in ENTRIES)


def test_real_texts_point_at_what_was_found() -> None:
    """Where a thread found a cause, it is ours or stands among our candidates, on every row."""
    lines = needs_shared("last_errors.jsonl").read_text(encoding="utf-8").splitlines()
    wrong = []
    for row in map(json.loads, lines):
        found = says(row["text"])
        if row["cause"] and row["cause"] not in {found.cause, *found.candidates}:
            wrong.append((row["id"], row["cause"], found))

    assert wrong == []


@pytest.mark.parametrize(
    "text",
    [
        AUTH,
        f'451 4.4.0 Primary target IP address responded with: "{AUTH}."',
        f"[{{LED=451 4.4.395 Target host responded with error. -> {AUTH}}};{{MSG=}}]",
        AUTH.upper(),
    ],
)
def test_exchange_authentication_alone_decides_nothing(text: str) -> None:
    """S5.01, section 5.2: many causes share the text; the source case is the likeliest."""
    found = says(text)

    assert found.cause is None
    assert found.is_exchange_auth
    assert found.candidates[:7] == (
        "custom-connector-shadows-default",
        "exchange-auth-missing-on-default",
        "anonymoustls-suppressed",
        "smtp-inspection",
        "source-address-translated",
        "internal-transport-certificate",
        "transport-role-conflict",
    )


def test_service_not_available_alone_decides_nothing() -> None:
    """S1.18, C9: nothing matches, inactive, or the wrong process; the text is the same."""
    found = says("421 4.3.2 Service not available")

    assert found.cause is None
    assert set(found.candidates) == {
        "service-inactive",
        "transport-role-conflict",
        "no-connector-answers",
    }


@pytest.mark.parametrize(
    "words",
    [
        "STARTTLS is required to send mail",
        "Require STARTTLS to authenticate",
        "Require STARTTLS to do basic authentication",
        "Require basic authentication",
        "Require XOORG extension to send mail",
        "Must issue a STARTTLS command first",
    ],
)
def test_other_texts_with_the_same_code(words: str) -> None:
    """S5.07: the code is that of the source case, the cause never is."""
    found = says(f'451 4.4.0 Primary target IP address responded with: "451 5.7.3 {words}."')

    assert found.cause == "tls-or-certificate"
    assert not found.is_exchange_auth
    assert "custom-connector-shadows-default" not in found.candidates


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (
            (
                "451 5.7.3 Cannot load Internal Transport Certificate. Exchange Server "
                "authentication failed."
            ),
            "internal-transport-certificate",
        ),
        ("454 4.7.0 Temporary authentication failure", "kerberos-or-permission"),
        ("441 4.4.1 x: 'Failed to connect. Winsock error code: 10060'", "target-unreachable"),
        ("SocketError: Failed to connect. Winsock error code: 10051", "target-unreachable"),
        ("421 4.2.1 Unable to connect -> Socket error code 10065", "target-unreachable"),
        ("421 4.2.1 Unable to connect -> Socket error code 10061", "target-refuses"),
        ("450 4.4.316 Connection refused", "target-refuses"),
        ('441 4.4.1 Error: "Winsock error code: 10054"', "connection-dropped"),
        ("421 4.4.2 Connection dropped due to ConnectionReset", "connection-dropped"),
        (
            "421 4.4.2 Message submission rate for this client has exceeded the configured limit",
            "connection-limit",
        ),
        (
            (
                "421 4.3.2 The maximum number of concurrent server connections has exceeded a "
                "limit, closing transmission channel"
            ),
            "connection-limit",
        ),
        ("451 4.4.0 DNS query failed", "name-resolution"),
        ("DnsDomainDoesNotExist", "name-resolution"),
        ("451 4.7.0 Temporary server error. Please try again later. PRX2", "name-resolution"),
        ("421 4.3.2 Service not active", "service-inactive"),
        ("421 4.3.2 System not accepting network messages", "service-inactive"),
        ("452 4.3.1 Insufficient system resources", "back-pressure"),
        ("452 4.3.1 Nicht genug Platz", "back-pressure"),
        ("454 4.7.5 Certificate validation failure", "tls-or-certificate"),
        ("454 4.7.5 Zertifikat", "tls-or-certificate"),
        ("530 5.7.0 Must issue a STARTTLS command first", "tls-or-certificate"),
        ("550 5.7.1 Unable to relay", "relay-denied"),
        ("550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain", "relay-denied"),
        ("530 5.7.57 SMTP; Client was not authenticated to send anonymous mail", "relay-denied"),
        ("432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded", "mailbox-or-recipient"),
        ("<mail.contoso.example #5.2.2>", "mailbox-or-recipient"),
        ("554 5.4.6 Hop count exceeded - possible mail loop", "routing-or-loop"),
        (
            "A matching connector cannot be found to route the external recipient",
            "routing-or-loop",
        ),
    ],
)
def test_texts_that_tell_their_cause(text: str, cause: str) -> None:
    """Section 6.2: code and distinctive words decide; the innermost ones (contract 8.6)."""
    found = says(text)

    assert found.cause == cause
    assert found.candidates[0] == cause


@pytest.mark.parametrize(
    ("text", "among"),
    [
        ("454 4.7.0 Tijdelijke verificatiefout", "kerberos-or-permission"),
        ("451 5.7.3 Authentifizierung nicht möglich", "custom-connector-shadows-default"),
        ("451 4.7.0 Temporary server error. PRX4", "custom-connector-shadows-default"),
        ("550 4.4.7 QUEUE.Expired; message expired", "target-unreachable"),
        ("500 5.3.3 Unrecognized command", "exchange-auth-missing-on-default"),
        ("421 4.2.1 Unable to connect", "target-refuses"),
    ],
)
def test_texts_that_tell_only_candidates(text: str, among: str) -> None:
    """Translated, cut or shared texts give no cause, but what it may be (L5, S4.03b, S5.07)."""
    found = says(text)

    assert found.cause is None
    assert among in found.candidates


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("450 4.7.230 Connecting Exchange server version is out-of-date", "cloud-enforcement"),
        ("550 5.7.230 Verbindung blockiert", "cloud-enforcement"),
        ("550 5.7.64 TenantAttribution; Relay Access Denied", "cloud-attribution"),
        ("550 5.7.64 TLS certificate expired, cipher", "cloud-attribution"),
        ("451 4.7.500 Server busy. Please try again later", "connection-limit"),
        ("451 4.4.62 Mail sent to the wrong Office 365 region", "routing-or-loop"),
        ("550 5.7.501 Access denied, spam abuse detected", "rejected-by-policy"),
        ("550 5.7.502 Zugriff verweigert", "rejected-by-policy"),
        (
            (
                "550 5.7.1 External client with IP address 198.51.100.7 does not have permissions "
                "to submit to this server"
            ),
            "rejected-by-policy",
        ),
        ("550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup", "not-authenticated"),
        ("550 5.7.1 RESOLVER.RST.AuthRequired; authentication required", "not-authenticated"),
        ("550 5.7.30 Basic authentication is not supported", "not-authenticated"),
        ("Message deferred by categorizer agent.", "transport-agent"),
        ("Agent 'Signatures' caused an unhandled exception", "transport-agent"),
        ("FIP-FS Scan Process failed initialization", "transport-agent"),
        ("The resource pressure increased from Low to Medium.", "back-pressure"),
        (
            "Failed to start listening (Error: 10049). Binding: 10.0.9.9:25",
            "connector-never-answers",
        ),
        (
            "Therefore, it is unable to support the STARTTLS SMTP verb for the connector Relay",
            "tls-or-certificate",
        ),
        (
            "Outbound authentication failed with error TargetUnknown for Send connector X",
            "kerberos-or-permission",
        ),
    ],
)
def test_texts_of_the_cloud_events_and_agents(text: str, cause: str) -> None:
    """S6.10 to S6.17: each has a cause of its own, before TLS words that stand beside it."""
    assert says(text).cause == cause


@pytest.mark.parametrize(
    ("text", "first", "beside"),
    [
        (
            "Failed to start listening (Error: 10048). Binding: 0.0.0.0:587.",
            "transport-role-conflict",
            "address-in-use",
        ),
        ("421 4.4.1 Connection timed out", "target-unreachable", "tls-or-certificate"),
        ("550 5.7.51 TenantInboundAttribution", "cloud-attribution", "tls-or-certificate"),
        (
            (
                "Inbound authentication failed with error LogonDenied for Receive connector Client "
                "Frontend EX16A. The authentication mechanism is Login."
            ),
            "kerberos-or-permission",
            "kerberos-or-permission",
        ),
        ("The resource pressure decreased from High to Low.", "back-pressure", "back-pressure"),
    ],
)
def test_texts_that_leave_it_open(text: str, first: str, beside: str) -> None:
    """S6.13, S6.17: shared by several causes, or past, or password guessing: not decided."""
    found = says(text)

    assert (found.cause, found.candidates[0]) == (None, first)
    assert beside in found.candidates


def test_no_certificate_is_said_of_this_server() -> None:
    """S6.17: event 12014 is about the server that wrote it, not about a target that wants TLS."""
    found = says("unable to support the STARTTLS SMTP verb for the connector Relay")

    assert found.says.startswith("This server has no certificate")


@pytest.mark.parametrize(
    "words",
    [
        "cipher=TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "We block your ip: listed and blocked using spam words",
        "Please use STARTTLS",
        "server busy",
    ],
)
def test_general_words_need_a_code(words: str) -> None:
    """S6.18: what a person or a header may write as well counts behind a code alone."""
    assert says(words).cause == "unrecognised-error"


def pasted(text: str) -> Explanation:
    """Recognise, parse and explain."""
    found = recognise(text)
    return explain(parse(found.reply), found)


@pytest.mark.parametrize(
    ("connector", "spoken", "first"),
    [
        ("EX16A\\Relay", ">", "connection-dropped"),
        ("Outbound", "<", "target-unreachable"),
    ],
)
def test_a_timeout_by_the_log_that_holds_it(connector: str, spoken: str, first: str) -> None:
    """S6.13: in a receive log the client had connected, so nothing was unreachable."""
    found = pasted(
        f"2026-03-02T07:00:00Z,{connector},08DE,9,10.0.0.21:25,10.0.0.11:5000,{spoken},"
        "421 4.4.1 Connection timed out,"
    )

    assert (found.cause, found.candidates[0]) == (None, first)
    assert ("target-unreachable" in found.candidates) == (spoken == "<")


@pytest.mark.parametrize(
    ("number", "source", "cause"),
    [
        (15004, "MSExchangeTransport", "back-pressure"),
        (12014, "MSExchangeFrontEndTransport", "tls-or-certificate"),
        (1050, "MSExchange Extensibility", "transport-agent"),
        (2203, "FIPFS", "transport-agent"),
        (1019, "MSExchangeTransport", None),
        (15004, "Schannel", "unrecognised-error"),
        (99, "MSExchangeTransport", "unrecognised-error"),
    ],
)
def test_events_by_number(number: int, source: str, cause: str | None) -> None:
    """S6.17, S6.19: a description in another language leaves the number, of Exchange alone."""
    found = pasted(f"Protokoll: Anwendung\nQuelle: {source}\nEreignis-ID: {number}\nText:\nWorte")

    assert found.cause == cause


def test_words_of_an_event_go_before_its_number() -> None:
    """S6.17: 1035 by ExchangeAuth is L1; the number alone would leave it open."""
    found = pasted(
        "Log Name: Application\nSource: MSExchangeTransport\nEvent ID: 1035\nDescription:\n"
        "Inbound authentication failed with error LogonDenied for Receive connector Default "
        "Frontend EX16A. The authentication mechanism is ExchangeAuth."
    )

    assert found.cause == "kerberos-or-permission"


def test_an_export_is_not_explained() -> None:
    """Contract, section 9: another command reads it; that is no unrecognised error."""
    assert pasted("Identity Status\n-------- ------\nEX10A\\5 Retry") == Explanation(None, ())


@pytest.mark.parametrize(
    "text",
    ["", "   ", "something else", "451 4.4.0 Primary target", "550 5.0.0 prx1.contoso.example no"],
)
def test_nothing_is_guessed(text: str) -> None:
    """What is not in the catalogue is unrecognised (section 6.3, rule 7; contract, section 7)."""
    assert says(text) == Explanation("unrecognised-error", ("unrecognised-error",))


@pytest.mark.parametrize(
    ("text", "speaker"),
    [
        (AUTH, "the sender, after reading the target's EHLO reply"),
        ("421 4.3.2 Service not active", "the target"),
        ("421 4.2.1 Unable to connect -> Socket error code 10060", "the sender"),
        ("something else", ""),
    ],
)
def test_who_said_it(text: str, speaker: str) -> None:
    """S5.01: the sender made 5.7.3 up, whatever `responded with` claims."""
    assert who_said_it(parse(text)) == speaker


@pytest.mark.alone
def test_explaining_is_quick() -> None:
    """Far below a millisecond a text, also where the whole catalogue is asked in vain."""
    error = parse("550 5.9.9 " + "no such words " * 10)
    began = time.perf_counter()
    for _ in range(200):
        explain(error)

    assert (time.perf_counter() - began) / 200 < 0.001
