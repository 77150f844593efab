"""What an error text points at: contract sections 7 and 8.6, and the catalogue of section 6.2."""

from __future__ import annotations

import json
import time
from itertools import chain

import pytest

from mailflow.checks.registry import CARDS as CAUSES
from mailflow.exchange.catalogue import BY_CODE, GENERAL, PLAIN, TELLING, WINSOCK
from mailflow.exchange.causes import Explanation, explain, who_said_it
from mailflow.exchange.last_error import parse
from support import needs_shared

AUTH = "451 5.7.3 Cannot achieve Exchange Server authentication"

ENTRIES = tuple(chain(TELLING, WINSOCK.values(), PLAIN, GENERAL, BY_CODE))


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
    """Section 6.2: code and distinctive words decide; the innermost ones (contract, 8.6)."""
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
