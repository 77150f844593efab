"""What can go wrong on the way to the management shell's endpoint, told apart.

Pure, as `exception_faults`: an exception in, a `Fault` out. What that module says of WinRM's
service is said here of the web server and of Exchange's endpoint behind it.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from mailflow.errors import InputError
from mailflow.sources import exception_faults
from mailflow.sources.psrp.messages import BrokenFragmentsError, damaged
from mailflow.sources.setup_faults import CAUSES, fault
from mailflow.sources.shell import Fault

TIMED_OUT = 2150858793
"""The server had nothing to say within the time it was given; no fault."""

_OF_WSMAN: Mapping[int, str] = MappingProxyType(
    {
        5: "exchange-refused",
        2150858843: "session-gone",
        2150858844: "session-gone",
        2150859173: "session-limit",
        2150859174: "session-limit",
        2150859194: "no-endpoint",
        TIMED_OUT: "deadline",
    }
)
"""Numbers of WS-Management's faults to ours."""

_OF_HTTP: Mapping[int, str] = MappingProxyType(
    {
        403: "endpoint-forbids",
        **dict.fromkeys((301, 302, 303, 307, 308), "redirected"),
        **dict.fromkeys((502, 503, 504), "endpoint-busy"),
    }
)

_OF_KRB5: Mapping[int, str] = MappingProxyType(
    {
        -1765328378: "wrong-password",  # no such user
        -1765328366: "account-locked",
        -1765328361: "password-expired",
        -1765328360: "wrong-password",  # pre-authentication failed
        -1765328353: "wrong-password",  # what came cannot be decrypted with this password
    }
)
"""Numbers of MIT Kerberos' library, where user and password are to become a ticket."""

_HERE: Mapping[str, str] = MappingProxyType(
    {
        "access-denied": "exchange-refused",
        "forbidden": "endpoint-forbids",
        "no-powershell": "session-gone",
        "not-tls": "web-not-tls",
        "not-winrm": "no-endpoint",
        "port-closed": "web-closed",
        "port-silent": "web-silent",
        "root-sddl": "endpoint-account",
        "server-busy": "endpoint-busy",
        "shell-gone": "session-gone",
        "shell-quota": "session-limit",
        "silent": "endpoint-silent",
    }
)
"""Faults whose next action is another one here than with WinRM."""


def classify(
    error: BaseException,
    *,
    auth: str,
    offers: frozenset[str] = frozenset(),
    token: bytes = b"",
    scheme: str = "http",
) -> Fault:
    """What an exception from the way to an endpoint means.

    Args:
        error: as caught.
        auth: kind of sign-in: kerberos, ntlm or basic.
        offers: the kinds that the server offered in its 401, in lower case; empty: unknown.
        token: what stood behind the scheme in its last 401.
        scheme: https or http.
    """
    if isinstance(error, InputError):
        return damaged(error)
    if isinstance(error, BrokenFragmentsError):
        return fault("cut-answer", str(error))
    if isinstance(error, KeyError):
        return fault("no-endpoint", "it asks for no sign-in")
    name = type(error).__name__ if type(error).__module__.startswith("pypsrp") else ""
    if name == "WSManFaultError":
        return _of_fault(error, scheme)
    if name == "WinRMTransportError":
        return _of_status(error)
    if name == "FragmentError":
        return fault("cut-answer")
    if name in ("InvalidPSRPOperation", "InvalidRunspacePoolStateError"):
        return fault("session-gone")
    if name == "AuthenticationError":
        return exception_faults.of_refusal(auth, offers, token)
    if isinstance(error, ImportError):
        is_ours = str(error.name or "").partition(".")[0] == "pypsrp"
        return fault("psrp-missing" if is_ours or auth != "kerberos" else "kerberos-missing")
    return of_endpoint(_of_spnego(error, auth) or _of_others(error, auth, offers, token, scheme))


def of_endpoint(found: Fault) -> Fault:
    """A fault told of WinRM's service, with the words and the next action of this road."""
    return found if here(found.id) == found.id else fault(here(found.id), detail_of(found))


def here(identity: str) -> str:
    """The id that a fault or a note told of WinRM's service has on this road."""
    return _HERE.get(identity, identity)


def detail_of(found: Fault) -> str:
    """What a fault says beside the words of its cause."""
    known = CAUSES.get(found.id)
    return found.message.removeprefix(known.cause.rstrip(".")).strip(": .") if known else ""


def _of_fault(error: BaseException, scheme: str) -> Fault:
    code = error.args[0] if error.args else None
    reason = str(error.args[2] or "") if len(error.args) > 2 else ""
    if code is None and error.__context__ is not None:
        return _of_status(error.__context__)  # a web page, in which pypsrp looked for a fault
    identity = _OF_WSMAN.get(code) if isinstance(code, int) else None
    if identity == "exchange-refused" and scheme == "http" and "ncrypt" in reason:
        return fault("unencrypted-refused")
    if identity is None:
        return fault("garbage", f"{reason} (fault {code})")
    return fault(identity, reason if identity in ("exchange-refused", "session-limit") else "")


def _of_status(error: BaseException) -> Fault:
    """An answer of HTTP that carries no message: its status stands second."""
    status = error.args[1] if len(error.args) > 1 else 0
    return fault(_OF_HTTP.get(status, "no-endpoint"), f"HTTP {status}")


def _of_spnego(error: BaseException, auth: str) -> Fault | None:
    """Kerberos by its own words, which are this machine's and not the server's."""
    names = {base.__name__ for base in type(error).__mro__}
    if "Krb5Error" in names:
        code = getattr(error, "err_code", 0)
        return fault(_OF_KRB5.get(code) or exception_faults.of_kerberos_words(str(error)))
    if "SpnegoError" not in names or auth != "kerberos":
        return None
    if "NoCredentialError" in names:
        return fault("no-ticket")
    return fault(exception_faults.of_kerberos_words(str(error)))


def _of_others(
    error: BaseException, auth: str, offers: frozenset[str], token: bytes, scheme: str
) -> Fault:
    if isinstance(error, ValueError) and (found := exception_faults.not_offered(auth, offers)):
        return found
    if type(error).__name__ == "TooManyRedirects":
        return fault("redirected")
    return exception_faults.classify(error, auth=auth, offers=offers, token=token, scheme=scheme)
