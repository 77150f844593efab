"""What an exception on the way to a live server means, as a fault with a cause and a next action.

Pure: an exception object in, a `Fault` out. Exceptions of the libraries that carry the way
(requests, pywinrm, spnego, Kerberos, CredSSP) are known by the names of their classes, so that
nothing has to be installed or loaded to tell them apart. Nothing here holds a secret: what a
message says of an exception is limited to what those libraries say of the server.
"""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator, Mapping

from mailflow.sources.setup_faults import fault
from mailflow.sources.shell import Fault


def classify(
    error: BaseException,
    *,
    auth: str,
    offers: frozenset[str] = frozenset(),
    token: bytes = b"",
    scheme: str = "https",
) -> Fault:
    """What an exception from the way to a server means.

    Args:
        error: as caught.
        auth: kind of sign-in: kerberos, ntlm, credssp, certificate or basic.
        offers: the kinds that the server offered in its 401, in lower case; empty: unknown.
        token: what stood behind the scheme in its last 401.
        scheme: https or http.
    """
    chain = list(_chain(error))
    names = {base.__name__ for link in chain for base in type(link).__mro__}
    return (
        _of_tls(chain)
        or _of_soap(chain, names, scheme)
        or _of_log_on(chain, names, auth, offers, token)
        or _of_network(chain, names)
        or _of_http(chain, names)
        or _of_import(error)
        or fault("garbage", type(error).__name__)
    )


def _of_import(error: BaseException) -> Fault | None:
    is_library = isinstance(error, ModuleNotFoundError) and error.name in (
        "winrm",
        "winrm.protocol",
    )
    return fault("winrm-missing") if is_library else None


def _of_tls(chain: list[BaseException]) -> Fault | None:
    for error in chain:
        if isinstance(error, ssl.SSLCertVerificationError):
            return fault(_VERIFY.get(error.verify_code, "tls-failed"), error.verify_message)
    for error in chain:
        if isinstance(error, ssl.SSLError):
            reason = (error.reason or "").upper()
            found = next((to for part, to in _TLS_REASONS.items() if part in reason), "tls-failed")
            return fault(found, reason.replace("_", " ").lower())
    return None


_VERIFY = {
    **dict.fromkeys((18, 19, 20, 21), "tls-unknown-issuer"),
    9: "tls-not-yet-valid",
    10: "tls-expired",
    **dict.fromkeys((62, 64), "tls-wrong-name"),
}
"""OpenSSL's numbers of what it found wrong with a certificate."""

_TLS_REASONS = {
    "WRONG_VERSION_NUMBER": "not-tls",
    "HTTP_REQUEST": "not-tls",
    "RECORD_LAYER_FAILURE": "not-tls",
    "UNSUPPORTED_PROTOCOL": "tls-too-old",
    "ALERT_PROTOCOL_VERSION": "tls-too-old",
    "NO_PROTOCOLS_AVAILABLE": "tls-too-old",
    "KEY_VALUES_MISMATCH": "client-key",
    "BAD_DECRYPT": "client-key",
    "BAD_PASSWORD_READ": "client-key",
    "NO_START_LINE": "client-key",
    "CERTIFICATE_REQUIRED": "tls-client-certificate",
    "ALERT_BAD_CERTIFICATE": "tls-client-certificate",
    "ALERT_UNKNOWN_CA": "tls-client-certificate",
    "ALERT_CERTIFICATE": "tls-client-certificate",
}


def _of_soap(chain: list[BaseException], names: set[str], scheme: str) -> Fault | None:
    if "WSManFaultError" not in names:
        return None
    error = next(link for link in chain if type(link).__name__ == "WSManFaultError")
    code = getattr(error, "wsman_fault_code", None) or 0
    subcode = str(getattr(error, "fault_subcode", "") or "")
    reason = str(getattr(error, "reason", "") or "")
    if "QuotaLimit" in subcode or "uota" in reason:
        return fault("shell-quota")
    if code == _SHELL_GONE:
        return fault("shell-gone")
    if code == _ACCESS_DENIED or "AccessDenied" in subcode:
        is_plain = scheme == "http" and "ncrypt" in reason
        return fault("unencrypted-refused" if is_plain else "access-denied")
    if code == _NO_FILE:
        return fault("no-powershell", reason)
    return fault("garbage", f"{reason} (fault {code})")


_SHELL_GONE, _ACCESS_DENIED, _NO_FILE = 2150858843, 5, 2147942402


def _of_log_on(
    chain: list[BaseException],
    names: set[str],
    auth: str,
    offers: frozenset[str],
    token: bytes,
) -> Fault | None:
    if "NTStatusException" in names:
        error = next(link for link in chain if type(link).__name__ == "NTStatusException")
        return fault(_STATUS.get(error.args[0] & 0xFFFFFFFF, "log-on-failed"), str(error))
    if "KerberosExchangeError" in names or "MutualAuthenticationError" in names:
        text = " ".join(str(link) for link in chain).casefold()
        found = of_kerberos_words(text)
        if found == "kerberos-failed" and "MutualAuthenticationError" in names:
            return fault(found, "the server did not prove its identity")
        return fault(found, _minor(text) if found == "kerberos-failed" else "")
    if "InvalidCredentialsError" in names:  # of pywinrm: a 401 that stayed
        return of_refusal(auth, offers, token)
    if "AuthenticationException" in names:  # of requests_credssp
        text = " ".join(str(link) for link in chain)
        is_missing = "being an available authentication" in text
        return fault("auth-not-offered" if is_missing else "wrong-password")
    if "NoCredentialError" in names:
        return fault("no-ticket")
    if "InvalidCredentialError" in names or "UnknownCredentialError" in names:
        return fault("wrong-password")
    if "SpnegoError" in names:
        return fault("log-on-failed", type(chain[0]).__name__)
    return _of_lost_log_on(chain)


def of_refusal(auth: str, offers: frozenset[str], token: bytes) -> Fault:
    """A 401 that stayed: what was offered and what the ticket met decide."""
    refused = {"kerberos": of_krb_error(token), "certificate": "certificate-refused"}
    return not_offered(auth, offers) or fault(refused.get(auth, "wrong-password"))


def not_offered(auth: str, offers: frozenset[str]) -> Fault | None:
    """That the server offers other kinds of sign-in than this one."""
    if not offers or offers & SCHEMES[auth]:
        return None
    return fault("auth-not-offered", f"it offers {', '.join(sorted(offers))}")


def _of_lost_log_on(chain: list[BaseException]) -> Fault | None:
    """What requests_ntlm makes of a 401 in the middle of the work, and of a strange answer."""
    for error in chain:
        if isinstance(error, KeyError) and "authenticate" in str(error).casefold():
            return fault("log-on-lost")
        if isinstance(error, PermissionError) and "NTLM" in str(error):
            return fault("ntlm-refused")
        if type(error).__name__ == "WinRMError" and "not installed" in str(error):
            return fault(
                "kerberos-missing" if "erberos" in str(error) else "log-on-failed", str(error)
            )
    return None


SCHEMES: Mapping[str, frozenset[str]] = {
    "kerberos": frozenset({"negotiate", "kerberos"}),
    "ntlm": frozenset({"negotiate", "ntlm"}),
    "credssp": frozenset({"credssp"}),
    "basic": frozenset({"basic"}),
    # Never offered: who has it sends it without being asked.
    "certificate": frozenset({"basic", "credssp", "kerberos", "negotiate", "ntlm"}),
}
"""The names under which a server offers a kind of sign-in."""

_STATUS = {
    0xC000006D: "wrong-password",
    0xC000006A: "wrong-password",
    0xC0000064: "wrong-password",
    0x8009030C: "wrong-password",  # Windows' SEC_E_LOGON_DENIED
    0x80090308: "wrong-password",  # SEC_E_INVALID_TOKEN: what was sent does not fit the account
    0xC0000071: "password-expired",
    0xC0000224: "password-expired",
    0xC000006E: "account-locked",
    0xC000006F: "account-locked",
    0xC0000070: "account-locked",
    0xC0000072: "account-locked",
    0xC0000193: "account-locked",
    0xC0000234: "account-locked",
}
"""NTSTATUS values of a refused sign-in."""

_KERBEROS = {
    "ticket expired": "ticket-expired",
    "credentials have expired": "ticket-expired",
    "tickets have expired": "ticket-expired",
    "context_expired": "ticket-expired",
    "clock skew": "clock-skew",
    "0x80090324": "clock-skew",
    "not found in kerberos database": "unknown-spn",
    "cannot determine realm": "unknown-spn",
    "0x80090303": "unknown-spn",
    "no credentials cache": "no-ticket",
    "no kerberos credentials": "no-ticket",
    "credentials cache file": "no-ticket",
    "matching credential not found": "no-ticket",
    "can't find client principal": "no-ticket",
    "0x8009030e": "no-ticket",
    "contact any kdc": "no-kdc",
    "cannot find kdc": "no-kdc",
    "0x80090311": "no-kdc",
}
"""Parts of what MIT Kerberos and Windows (by number) say, in lower case."""


_KRB_CODES = {7: "unknown-spn", 32: "ticket-expired", 33: "clock-skew", 37: "clock-skew"}
"""Error codes of Kerberos (RFC 4120, 7.5.9) with which a server refuses a ticket."""


def of_krb_error(token: bytes) -> str:
    """The id of the fault with which a server refused a ticket, by what stood in its 401."""
    return _KRB_CODES.get(_krb_code(token), "ticket-refused")


def of_kerberos_words(text: str) -> str:
    """The id of the fault of which the Kerberos library speaks."""
    folded = text.casefold()
    return next((to for part, to in _KERBEROS.items() if part in folded), "kerberos-failed")


def _krb_code(token: bytes) -> int:
    """The code in a KRB-ERROR (RFC 4120, 5.9.1), bare or inside SPNEGO; 0: it holds none."""
    found = re.search(rb"\x03\x00\x7e.{2,200}?\xa6\x03\x02\x01(.)", token[:4096], re.DOTALL)
    return found[1][0] if found else 0


def _minor(text: str) -> str:
    """The last message among the pairs that pykerberos puts into its exception."""
    found: list[str] = re.findall(r"'([^']{3,200})', -?\d+", text)
    return found[-1] if found else ""


def _of_network(chain: list[BaseException], names: set[str]) -> Fault | None:
    if any(isinstance(link, socket.gaierror) for link in chain):
        return fault("no-such-name")
    if any(isinstance(link, ConnectionRefusedError) for link in chain):
        return fault("port-closed")
    numbers = {link.errno for link in chain if isinstance(link, OSError)}
    if numbers & {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EADDRNOTAVAIL}:
        return fault("no-route")
    if {type(link).__name__ for link in chain} & {"ConnectTimeout", "ConnectTimeoutError"}:
        return fault("port-silent")
    if names & {"ReadTimeout", "ReadTimeoutError"}:
        return fault("silent")
    if names & {"ConnectionError", "ChunkedEncodingError", "ProtocolError", "IncompleteRead"}:
        is_new = "NewConnectionError" in names
        return fault("network" if is_new else "dropped")
    if "TimeoutError" in names:
        return fault("port-silent")
    return fault("network", _os_text(chain)) if "OSError" in names and not _is_http(names) else None


def _is_http(names: set[str]) -> bool:
    """Exceptions of requests are OSErrors as well."""
    return bool(names & {"RequestException", "WinRMTransportError", "HTTPError"})


def _os_text(chain: list[BaseException]) -> str:
    texts = (link.strerror for link in chain if isinstance(link, OSError))
    return next((text for text in texts if text), "")


def _of_http(chain: list[BaseException], names: set[str]) -> Fault | None:
    if "WinRMTransportError" in names:
        error = next(link for link in chain if type(link).__name__ == "WinRMTransportError")
        code = error.args[1] if len(error.args) > 1 else 0
        by_code = {403: "forbidden", 502: "server-busy", 503: "server-busy"}
        return fault(by_code.get(code, "not-winrm"), f"HTTP {code}")
    if "TooManyRedirects" in names:
        return fault("not-winrm", "it redirects to another address")
    if "InTheClearError" in names:
        error = next(link for link in chain if type(link).__name__ == "InTheClearError")
        return fault("answer-in-the-clear", str(error))
    if "PackedError" in names:
        error = next(link for link in chain if type(link).__name__ == "PackedError")
        return fault("packed-answer", str(error))
    if "UnencryptedError" in names:
        return fault("unencrypted-refused")
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The exception, and those that stand behind it or inside it."""
    waiting: list[object] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < 40:
        link = waiting.pop(0)
        if not isinstance(link, BaseException) or id(link) in seen:
            continue
        seen.add(id(link))
        yield link
        waiting += [getattr(link, "reason", None), link.__cause__, link.__context__, *link.args]
