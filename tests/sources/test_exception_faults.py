"""Exceptions of the way to a server, told apart: the real objects of the libraries."""

from __future__ import annotations

import errno
import socket
import ssl
from datetime import UTC, datetime

import pytest
import requests
from requests_credssp.exceptions import AuthenticationException, NTStatusException
from spnego.exceptions import InvalidCredentialError, NoCredentialError
from urllib3.connectionpool import HTTPConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    MaxRetryError,
    NewConnectionError,
    ReadTimeoutError,
)
from winrm.exceptions import (
    InvalidCredentialsError,
    WinRMError,
    WinRMTransportError,
    WSManFaultError,
)

from far.faults import kerberos_error
from mailflow.sources.exception_faults import classify
from mailflow.sources.setup_faults import CAUSES
from support import needs_kerberos

ALL = frozenset({"basic", "credssp", "kerberos", "negotiate"})


def wrapped(inner: Exception) -> requests.ConnectionError:
    """As requests hands on what urllib3 met."""
    pool = HTTPConnectionPool("ex16a.contoso.example")
    return requests.ConnectionError(MaxRetryError(pool, "/wsman", inner))


def unreached(number: int) -> requests.ConnectionError:
    """A connection that did not come about, for this reason."""
    error = NewConnectionError(None, "Failed")  # type: ignore[arg-type] # it is only kept
    error.__cause__ = OSError(number, "no way")
    return wrapped(error)


def unverified(code: int) -> requests.exceptions.SSLError:
    """A certificate that OpenSSL did not like, for this reason."""
    error = ssl.SSLCertVerificationError("no")
    error.verify_code, error.verify_message = code, "why"
    return requests.exceptions.SSLError(error)


def unshaken(reason: str) -> requests.exceptions.SSLError:
    """A handshake that failed, for this reason."""
    error = ssl.SSLError(1, "no")
    error.reason = reason
    return requests.exceptions.SSLError(error)


def refused(code: int, subcode: str = "w:Other", reason: str = "No.") -> WSManFaultError:
    """A fault of the service."""
    return WSManFaultError(500, "m", "r", reason, "s:Sender", subcode, code)


def kerberos(text: str) -> Exception:
    """What pywinrm's own Kerberos raises; loaded only where the library is."""
    needs_kerberos()
    from winrm.vendor.requests_kerberos.exceptions import KerberosExchangeError

    return KerberosExchangeError(
        f"authGSSClientStep() failed: ((('Unspecified', 851968), ('{text}', -1)))"
    )


@pytest.mark.parametrize(
    ("error", "identity"),
    [
        (wrapped(NewConnectionError(None, "x")), "network"),  # type: ignore[arg-type] # unused
        (unreached(errno.ECONNREFUSED), "port-closed"),
        (unreached(errno.EHOSTUNREACH), "no-route"),
        (unreached(errno.ENETUNREACH), "no-route"),
        (requests.ConnectTimeout(ConnectTimeoutError()), "port-silent"),
        (requests.ReadTimeout(ReadTimeoutError(None, "/", "x")), "silent"),  # type: ignore[arg-type]
        (requests.ConnectionError(ConnectionResetError(errno.ECONNRESET, "x")), "dropped"),
        (requests.exceptions.ChunkedEncodingError("x"), "dropped"),
        (socket.gaierror(socket.EAI_NONAME, "x"), "no-such-name"),
        (requests.TooManyRedirects("x"), "not-winrm"),
        (unverified(18), "tls-unknown-issuer"),
        (unverified(19), "tls-unknown-issuer"),
        (unverified(20), "tls-unknown-issuer"),
        (unverified(9), "tls-not-yet-valid"),
        (unverified(10), "tls-expired"),
        (unverified(62), "tls-wrong-name"),
        (unverified(64), "tls-wrong-name"),
        (unverified(23), "tls-failed"),
        (unshaken("WRONG_VERSION_NUMBER"), "not-tls"),
        (unshaken("TLSV1_ALERT_PROTOCOL_VERSION"), "tls-too-old"),
        (unshaken("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "tls-client-certificate"),
        (unshaken("KEY_VALUES_MISMATCH"), "client-key"),
        (unshaken("SOMETHING_NEW"), "tls-failed"),
        (refused(2150859173, "w:QuotaLimit"), "shell-quota"),
        (refused(2150858843), "shell-gone"),
        (refused(5, "w:AccessDenied"), "access-denied"),
        (refused(2147942402), "no-powershell"),
        (refused(2150859046), "garbage"),
        (WinRMTransportError("http", 404, "<html>"), "not-winrm"),
        (WinRMTransportError("http", 403, ""), "forbidden"),
        (WinRMTransportError("http", 503, ""), "server-busy"),
        (InvalidCredentialsError("x"), "wrong-password"),
        (InvalidCredentialError(context_msg="x"), "wrong-password"),
        (NoCredentialError(context_msg="x"), "no-ticket"),
        (AuthenticationException("x"), "wrong-password"),
        (
            AuthenticationException("did not response CredSSP being an available authentication"),
            "auth-not-offered",
        ),
        (NTStatusException(0xC000006D, "x"), "wrong-password"),
        (NTStatusException(0xC0000234, "x"), "account-locked"),
        (NTStatusException(0xC0000071, "x"), "password-expired"),
        (NTStatusException(0xC0000001, "x"), "log-on-failed"),
        (KeyError("www-authenticate"), "log-on-lost"),
        (PermissionError("Server did not respond with NTLM challenge token"), "ntlm-refused"),
        (WinRMError("requested auth method is kerberos, but pykerberos is not installed"),
         "kerberos-missing"),
        (ModuleNotFoundError(name="winrm"), "winrm-missing"),
        (StopIteration(), "garbage"),
        (AssertionError(), "garbage"),
        (IndexError("x"), "garbage"),
    ],
)  # fmt: skip
def test_what_an_exception_means(error: Exception, identity: str) -> None:
    """Each of them is a fault with an id, on one line."""
    found = classify(error, auth="ntlm", offers=ALL)

    assert found.id == identity
    assert found.kind == CAUSES[identity].kind
    assert "\n" not in found.message


@pytest.mark.parametrize(
    ("text", "identity"),
    [
        ("Ticket expired", "ticket-expired"),
        ("No Kerberos credentials available (default cache: FILE:/tmp/krb5cc_0)", "no-ticket"),
        ("Server HTTP/x@Y not found in Kerberos database", "unknown-spn"),
        ("Clock skew too great", "clock-skew"),
        ("Cannot contact any KDC for realm Y", "no-kdc"),
        ("KDC has no support for encryption type", "kerberos-failed"),
    ],
)
def test_what_kerberos_says(text: str, identity: str) -> None:
    """MIT's texts; what is not known is passed on."""
    found = classify(kerberos(text), auth="kerberos")

    assert found.id == identity
    assert (identity != "kerberos-failed") or "encryption type" in found.message


REFUSALS = {32: "ticket-expired", 37: "clock-skew", 7: "unknown-spn", 41: "ticket-refused"}


@pytest.mark.parametrize(("code", "identity"), list(REFUSALS.items()))
def test_why_a_server_refuses_a_ticket(code: int, identity: str) -> None:
    """Its token holds the code, which pywinrm swallows: bare, or inside SPNEGO."""
    token = kerberos_error(code, datetime.now(UTC))
    error = InvalidCredentialsError("x")

    found = [
        classify(error, auth="kerberos", offers=ALL, token=one).id
        for one in (token, b"\xa1\x81\x90\x30" + token)
    ]

    assert found == [identity] * 2
    assert classify(error, auth="kerberos", token=b"").id == "ticket-refused"


@pytest.mark.parametrize(
    ("auth", "offers", "identity"),
    [
        ("ntlm", {"kerberos"}, "auth-not-offered"),
        ("basic", {"negotiate"}, "auth-not-offered"),
        ("basic", set(), "wrong-password"),
        ("kerberos", {"negotiate"}, "ticket-refused"),
        ("certificate", {"negotiate"}, "certificate-refused"),
    ],
)
def test_a_401_and_what_was_offered(auth: str, offers: set[str], identity: str) -> None:
    """Refused is one thing, not offered another."""
    found = classify(InvalidCredentialsError("x"), auth=auth, offers=frozenset(offers))

    assert found.id == identity


def test_readable_messages_that_are_refused() -> None:
    """Over HTTP the same fault has another meaning."""
    text = "unencrypted traffic is not allowed"
    error = refused(5, "w:AccessDenied", text)

    assert classify(error, auth="basic", scheme="http").id == "unencrypted-refused"
    assert classify(error, auth="basic", scheme="https").id == "access-denied"
